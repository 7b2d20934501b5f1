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

/* Copy it to where there is room; returns what is behind it there. Most texts are short, and moving their two ends, one over
 * the other, costs less than a call. */
static inline char *slice_copy(char *to, struct slice s)
{
    if (s.len > 16) {
        memcpy(to, s.data, s.len);
    } else if (s.len >= 8) {
        memcpy(to, s.data, 8);
        memcpy(to + s.len - 8, s.data + s.len - 8, 8);
    } else if (s.len >= 4) {
        memcpy(to, s.data, 4);
        memcpy(to + s.len - 4, s.data + s.len - 4, 4);
    } else {
        for (size_t i = 0; i < s.len; i++)
            to[i] = s.data[i];
    }
    return to + s.len;
}
