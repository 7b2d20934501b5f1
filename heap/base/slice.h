/* slice.h - bytes that belong to somebody else: a pointer and a length, never NUL-terminated. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
    const char *data; /* may be NULL when len is 0 */
    size_t len;
};

#define SLICE(literal) ((struct slice){("" literal), sizeof(literal) - 1})

static inline struct slice slice_of(const char *text)
{
    return (struct slice){text, strlen(text)};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool slice_is(struct slice a, const char *text)
{
    return slice_eq(a, slice_of(text));
}
