/*
 * text.c - see text.h. Capacity doubles, so adding is amortised O(1) a byte.
 */
#include "client/text.h"
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_FIRST_CAPACITY = 256 };

void text_fini(struct text *t)
{
    free(t->data);
    *t = (struct text){0};
}

void text_clear(struct text *t)
{
    t->length = 0;
    t->failed = false;
    if (t->data != NULL)
        t->data[0] = '\0';
}

bool text_reserve(struct text *t, size_t more)
{
    size_t capacity = t->capacity != 0 ? t->capacity : TEXT_FIRST_CAPACITY;
    char *grown;

    if (t->failed)
        return false;
    if (t->capacity - t->length > more) /* 0 - 0 at first; the NUL needs the one byte more */
        return true;
    if (more >= SIZE_MAX / 2 - t->length) {
        t->failed = true;
        return false;
    }
    while (capacity - t->length <= more)
        capacity *= 2;
    grown = realloc(t->data, capacity);
    if (grown == NULL) {
        t->failed = true;
        return false;
    }
    t->data = grown;
    t->capacity = capacity;
    return true;
}

void text_add(struct text *t, const void *data, size_t length)
{
    if (!text_reserve(t, length))
        return;
    if (length > 0)
        memcpy(t->data + t->length, data, length);
    t->length += length;
    t->data[t->length] = '\0';
}

void text_add_string(struct text *t, const char *string)
{
    text_add(t, string, strlen(string));
}

void text_add_byte(struct text *t, char byte)
{
    text_add(t, &byte, 1);
}

void text_add_u64(struct text *t, uint64_t number)
{
    char digits[20];
    size_t at = sizeof digits;

    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    text_add(t, digits + at, sizeof digits - at);
}

void text_printf(struct text *t, const char *format, ...)
{
    va_list args, again;
    int length;

    va_start(args, format);
    va_copy(again, args);
    length = vsnprintf(NULL, 0, format, args);
    if (length < 0)
        t->failed = true;
    else if (text_reserve(t, (size_t)length))
        t->length += (size_t)vsnprintf(t->data + t->length, (size_t)length + 1, format, again);
    va_end(again);
    va_end(args);
}

void text_consume(struct text *t, size_t n)
{
    if (n == 0)
        return;
    t->length -= n;
    memmove(t->data, t->data + n, t->length + 1);
}

bool text_lines(struct text *line, const char *data, size_t length, text_line_fn *each, void *arg)
{
    const char *end = data + length;

    for (const char *at = data; at < end;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));

        text_add(line, at, (size_t)((newline != NULL ? newline : end) - at));
        if (line->failed || newline == NULL)
            break;
        if (line->length > 0)
            each(arg, line->data, line->length);
        text_clear(line);
        at = newline + 1;
    }
    return !line->failed;
}

const char *text_string(const struct text *t)
{
    return t->data != NULL ? t->data : "";
}

size_t text_utf8_cut(const char *data, size_t length, size_t max)
{
    size_t n = max;

    if (length <= max)
        return length;
    while (n > 0 && ((unsigned char)data[n] & 0xc0) == 0x80) /* data[n] would be a continuation byte */
        n--;
    return n;
}

/* How many bytes the sequence at `c` has, 0 if it is none. */
static size_t utf8_sequence(const unsigned char *c, size_t left)
{
    size_t n = c[0] < 0x80 ? 1 : c[0] < 0xc2 ? 0 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : c[0] < 0xf5 ? 4 : 0;

    if (n == 0 || n > left)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    if (n >= 3 && ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) ||
                   (c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f)))
        return 0;
    return n;
}

bool text_utf8_valid(const char *data, size_t length)
{
    for (size_t at = 0, n; at < length; at += n)
        if ((n = utf8_sequence((const unsigned char *)data + at, length - at)) == 0)
            return false;
    return true;
}
