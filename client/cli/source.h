/*
 * source.h - a file to be read once, front to back: plain or gzip, or stdin.
 *
 * Errors of the file are kept until asked for: a reader sees an early end and then asks source_error().
 */
#pragma once
#include "client/text.h"
#include <stdint.h>
#include <zlib.h>

enum { SOURCE_BUFFER_BYTES = 64 << 10 };

struct source {
    gzFile file;
    uint64_t size_bytes; /* of the file as it lies on disk; 0 if not known */
    uint64_t consumed;   /* bytes given out so far, unpacked */
    size_t at, filled;   /* of buffer: the next byte, and the end */
    bool ended;
    char *buffer;
    void (*on_refill)(void *arg, const struct source *s); /* for a progress bar; may be NULL */
    void *on_refill_arg;
};

/* "-" is stdin. NULL or a sentence from strerror(). */
const char *source_open(const char *path, struct source *ret_s);
void source_close(struct source *s);

/* Fill the buffer again; false at the end of the file. */
bool source_refill(struct source *s);

/* The next byte, or -1 at the end; peek does not take it. */
static inline int source_peek(struct source *s)
{
    if (s->at == s->filled && !source_refill(s))
        return -1;
    return (unsigned char)s->buffer[s->at];
}

static inline int source_next(struct source *s)
{
    int c = source_peek(s);

    if (c >= 0)
        s->at++;
    return c;
}

/* How many bytes have been given out, unpacked. */
uint64_t source_offset(const struct source *s);

/* How many bytes of the file on disk have been read; for progress. */
uint64_t source_disk_offset(const struct source *s);

/* The next line without its newline into `line`, whatever its length; false at the end. */
bool source_line(struct source *s, struct text *line);

/* NULL, or why the file ended early: damaged gzip, a read error. */
const char *source_error(const struct source *s);
