/*
 * text.h - bytes that grow; a NUL always stands behind the last one.
 *
 * A text that was refused memory is `failed` and takes nothing more, so a writer checks once, at the end.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text {
    char *data; /* NULL until something was added */
    size_t length;
    size_t capacity; /* what data has room for, the NUL included */
    bool failed;
};

void text_fini(struct text *t);  /* frees; t is empty again and may be used */
void text_clear(struct text *t); /* empty, not failed; keeps its memory */

bool text_reserve(struct text *t, size_t more); /* room for `more` bytes behind length */
void text_add(struct text *t, const void *data, size_t length);
void text_add_string(struct text *t, const char *string);
void text_add_byte(struct text *t, char byte);
void text_add_u64(struct text *t, uint64_t number); /* in decimal */
void text_printf(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Drop the first n bytes; O(length - n). */
void text_consume(struct text *t, size_t n);

/* Cut what comes into lines: `each` gets every one that is whole and not empty, without its newline; what is left stays in
 * *line until more comes. False: no memory. */
typedef void text_line_fn(void *arg, const char *line, size_t length);
bool text_lines(struct text *line, const char *data, size_t length, text_line_fn *each, void *arg);

/* Never NULL. */
const char *text_string(const struct text *t);

/* The largest n <= max such that the first n bytes of `data` do not end inside a UTF-8 sequence. */
size_t text_utf8_cut(const char *data, size_t length, size_t max);

/* RFC 3629: no surrogates, no overlong forms, at most U+10FFFF. */
bool text_utf8_valid(const char *data, size_t length);
