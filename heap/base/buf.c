/*
 * buf.c - see buf.h.
 *
 * The block is one byte longer than cap: vsnprintf insists on writing a NUL, and so it may even where the
 * text fills the buffer to its bound.
 */
#include "heap/base/buf.h"
#include "heap/base/check.h"
#include <stdarg.h>
#include <stdio.h>

#define BLOCK_BYTES_MIN 64u
#define BLOCK_BYTES_MAX ((size_t)PTRDIFF_MAX) /* no block is larger, so doubling cannot overflow */

static size_t block_bytes(const struct buf *b)
{
    return b->data == NULL ? 0 : b->cap + 1;
}

static bool refuse(struct buf *b)
{
    b->failed = true;
    return false;
}

/* How long the block should be to hold `len` bytes: doubling, so that adding stays O(1) a byte. */
static size_t next_block_bytes(const struct buf *b, size_t len)
{
    size_t block = b->data == NULL ? BLOCK_BYTES_MIN : 2 * block_bytes(b);

    if (block <= len)
        block = len + 1;
    return block <= b->max ? block : b->max + 1;
}

void buf_init(struct buf *b, struct mem *mem, size_t max)
{
    *b = (struct buf){.mem = mem};
    buf_set_max(b, max);
}

void buf_fini(struct buf *b)
{
    bool lends = b->lends;

    mem_free(b->mem, b->data, block_bytes(b));
    buf_init(b, b->mem, b->max);
    b->lends = lends;
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->failed = false;
}

void buf_set_max(struct buf *b, size_t max)
{
    b->max = max < BLOCK_BYTES_MAX ? max : BLOCK_BYTES_MAX - 1;
    if (b->max < b->cap)
        b->max = b->cap;
}

bool buf_reserve(struct buf *b, size_t more)
{
    CHECK(b->len <= b->cap && b->cap <= b->max);
    if (b->failed || more > b->max - b->len)
        return refuse(b);
    if (b->data != NULL && more <= b->cap - b->len)
        return true;

    size_t block = next_block_bytes(b, b->len + more);
    char *data = (b->lends ? mem_realloc_spent : mem_realloc)(b->mem, b->data, block_bytes(b), block);

    if (data == NULL)
        return refuse(b);
    b->data = data;
    b->cap = block - 1;
    return true;
}

bool buf_add(struct buf *b, const void *data, size_t len)
{
    if (len == 0)
        return !b->failed;
    if (!buf_reserve(b, len))
        return false;
    memcpy(b->data + b->len, data, len);
    b->len += len;
    return true;
}

bool buf_add_slice(struct buf *b, struct slice s)
{
    return buf_add(b, s.data, s.len);
}

bool buf_add_text(struct buf *b, const char *text)
{
    return buf_add(b, text, strlen(text));
}

bool buf_add_byte(struct buf *b, char byte)
{
    return buf_add(b, &byte, 1);
}

/* Print behind len into what room there is, and say how long the text is; it is not added yet. */
static int print_behind(struct buf *b, const char *format, va_list args)
{
    return vsnprintf(b->data + b->len, b->cap - b->len + 1, format, args);
}

bool buf_printf(struct buf *b, const char *format, ...)
{
    va_list args;
    int len;

    if (!buf_reserve(b, 0))
        return false;
    va_start(args, format);
    len = print_behind(b, format, args);
    va_end(args);
    if (len < 0)
        return refuse(b);
    if ((size_t)len > b->cap - b->len) {
        if (!buf_reserve(b, (size_t)len))
            return false;
        va_start(args, format);
        CHECK(print_behind(b, format, args) == len);
        va_end(args);
    }
    b->len += (size_t)len;
    return true;
}

void buf_trim(struct buf *b, size_t waste)
{
    char *data;

    if (b->data == NULL || b->len == 0 || b->cap - b->len < waste)
        return;
    data = mem_realloc_spent(b->mem, b->data, block_bytes(b), b->len + 1);
    if (data == NULL)
        return; /* it stays as it is */
    b->data = data;
    b->cap = b->len;
}

void buf_consume(struct buf *b, size_t n)
{
    CHECK(n <= b->len);
    b->len -= n;
    if (n > 0)
        memmove(b->data, b->data + n, b->len);
}
