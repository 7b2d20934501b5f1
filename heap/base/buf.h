/*
 * buf.h - bytes that grow, up to a bound.
 *
 * A buffer that is refused memory or would pass its bound remembers it (`failed`) and takes nothing more,
 * so a writer checks once at the end instead of after every call.
 */
#pragma once
#include "heap/base/mem.h"
#include "heap/base/slice.h"

struct buf {
    struct mem *mem;
    char *data;
    size_t len;
    size_t cap;
    size_t max;   /* len never passes this */
    bool lends;   /* the account is charged and not asked: for what must be said although memory is short */
    bool failed;  /* something was refused since the last buf_clear() */
};

void buf_init(struct buf *b, struct mem *mem, size_t max);
void buf_fini(struct buf *b);                        /* frees; b may be used again */
void buf_clear(struct buf *b);                       /* len 0, not failed; keeps its memory */

/* From now on len never passes `max`, nor what there is room for already: growing ends exactly there. */
void buf_set_max(struct buf *b, size_t max);

bool buf_reserve(struct buf *b, size_t more);        /* room for `more` bytes behind len */
bool buf_add(struct buf *b, const void *data, size_t len);
bool buf_add_slice(struct buf *b, struct slice s);
bool buf_add_text(struct buf *b, const char *text);
bool buf_add_byte(struct buf *b, char byte);
bool buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Give back what room there is behind len, if that is `waste` or more and can be had cheaply. */
void buf_trim(struct buf *b, size_t waste);

/* Drop the first n bytes (n <= len); O(len - n). */
void buf_consume(struct buf *b, size_t n);

static inline struct slice buf_slice(const struct buf *b)
{
    return (struct slice){b->data, b->len};
}
