/*
 * json_scan.h - a JSON text of any size, read token by token straight from a file.
 *
 * For the few shapes that are too large for a tree: flat arrays of numbers, arrays of strings, and whatever
 * is to be skipped. The first thing that is wrong is kept as a sentence with its offset, and from then on
 * every function answers false: callers may check once.
 */
#pragma once
#include "client/cli/source.h"

struct json_scan {
    struct source *source;
    char error[200]; /* empty: all is well */
};

/* Note what is wrong here, unless something is already; false. */
bool json_scan_fail(struct json_scan *j, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool json_scan_ok(const struct json_scan *j);

/* The next byte that is not blank, not taken; -1 at the end. */
int json_scan_peek(struct json_scan *j);

/* Take `c`, which must come next. */
bool json_scan_expect(struct json_scan *j, char c);

/* Inside an array or object: whether one more element follows. Takes the comma, or the `close` at the end.
 * *first is true before the first element, and is set to false. */
bool json_scan_more(struct json_scan *j, char close, bool *first);

/* A number without sign, point or exponent, at most `max`. */
bool json_scan_u64(struct json_scan *j, uint64_t max, uint64_t *ret);

/* A string, appended to `out` as UTF-8. What cannot stand in a name, U+0000 and half of a surrogate pair, is
 * written as the six characters of its escape ("\\ud83d"), so that different strings stay different. */
bool json_scan_string(struct json_scan *j, struct text *out);

/* Any value; its text is appended to `out` unless that is NULL. */
bool json_scan_skip(struct json_scan *j, struct text *out);
