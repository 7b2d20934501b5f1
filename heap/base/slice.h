/*
 * slice.h - bytes that belong to somebody else: a pointer and a length, never NUL-terminated; and how text is taken
 * apart, once for headers, files and lines alike.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

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

/* As strcmp() has it: below 0 if `a` comes first. */
static inline int slice_order(struct slice a, struct slice b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter > 0 ? memcmp(a.data, b.data, shorter) : 0;

    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
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

/* ---- whatever the case of its letters ---- */

static inline bool slice_eq_nocase(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0 || strncasecmp(a.data, b.data, a.len) == 0);
}

/* Inline, for the length of a literal is one too; and most say it in the case that it is written here. */
static inline bool slice_is_nocase(struct slice a, const char *text)
{
    return slice_eq_nocase(a, slice_of(text));
}

/* ---- taken apart: what is cut off *rest is a part of it; a blank is a space or a tab ---- */

/* Without its first n bytes; n <= len. (NULL + 0 is not defined in C.) */
static inline struct slice slice_from(struct slice s, size_t n)
{
    return (struct slice){n == 0 ? s.data : s.data + n, s.len - n};
}

/* What stands before the first `mark`, which goes with it; all of it if there is none. */
static inline struct slice slice_cut(struct slice *rest, char mark)
{
    const char *at = rest->len == 0 ? NULL : memchr(rest->data, mark, rest->len);
    struct slice first = {rest->data, at == NULL ? rest->len : (size_t)(at - rest->data)};

    *rest = slice_from(*rest, first.len + (at != NULL));
    return first;
}

static inline bool byte_is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Without the blanks around it. */
static inline struct slice slice_trim(struct slice s)
{
    while (s.len > 0 && byte_is_blank(s.data[0]))
        s = slice_from(s, 1);
    while (s.len > 0 && byte_is_blank(s.data[s.len - 1]))
        s.len--;
    return s;
}

/* The next word, of bytes that are no blanks; empty if there is none any more. */
static inline struct slice slice_word(struct slice *rest)
{
    struct slice word = *rest = slice_trim(*rest);

    for (word.len = 0; word.len < rest->len && !byte_is_blank(rest->data[word.len]);)
        word.len++;
    *rest = slice_from(*rest, word.len);
    return word;
}

/* The next line of a text, without the LF or CR LF that ends it; the last one may go without. */
static inline struct slice slice_line(struct slice *rest)
{
    struct slice line = slice_cut(rest, '\n');

    line.len -= line.len > 0 && line.data[line.len - 1] == '\r';
    return line;
}
