/*
 * json_scan.c - see json_scan.h.
 *
 * Skipping checks that brackets and strings are well formed, no more: what is skipped is not used. It counts
 * brackets instead of recursing, since how deep a file nests is in its writer's hands.
 */
#include "client/cli/json_scan.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SKIP_DEPTH_MAX = 1024 };

bool json_scan_fail(struct json_scan *j, const char *format, ...)
{
    const char *of_file = source_error(j->source);
    va_list args;
    size_t length;

    if (j->error[0] != '\0')
        return false;
    va_start(args, format);
    (void)vsnprintf(j->error, sizeof j->error, format, args);
    va_end(args);
    if (of_file != NULL)
        (void)snprintf(j->error, sizeof j->error, "%s", of_file);
    length = strlen(j->error);
    (void)snprintf(j->error + length, sizeof j->error - length, " (at byte %" PRIu64 ")",
                   source_offset(j->source));
    return false;
}

bool json_scan_ok(const struct json_scan *j)
{
    return j->error[0] == '\0';
}

int json_scan_peek(struct json_scan *j)
{
    int c;

    while ((c = source_peek(j->source)) == ' ' || c == '\n' || c == '\r' || c == '\t')
        source_next(j->source);
    return c;
}

bool json_scan_expect(struct json_scan *j, char c)
{
    int found = json_scan_peek(j);

    if (!json_scan_ok(j))
        return false;
    if (found < 0)
        return json_scan_fail(j, "the file ends where '%c' should stand", c);
    if (found != c)
        return json_scan_fail(j, "'%c' should stand here", c);
    source_next(j->source);
    return true;
}

bool json_scan_more(struct json_scan *j, char close, bool *first)
{
    bool was_first = *first;

    *first = false;
    if (!json_scan_ok(j))
        return false;
    if (json_scan_peek(j) == close) {
        source_next(j->source);
        return false;
    }
    return was_first || json_scan_expect(j, ',');
}

bool json_scan_u64(struct json_scan *j, uint64_t max, uint64_t *ret)
{
    int c = json_scan_peek(j);
    uint64_t n = 0;

    if (!json_scan_ok(j))
        return false;
    if (c < '0' || c > '9')
        return json_scan_fail(j, "a whole number without a sign should stand here");
    for (; c >= '0' && c <= '9'; c = source_peek(j->source)) {
        uint64_t digit = (uint64_t)(c - '0');

        if (n > (max - digit) / 10)
            return json_scan_fail(j, "a number is larger than %" PRIu64, max);
        n = n * 10 + digit;
        source_next(j->source);
    }
    if (c == '.' || c == 'e' || c == 'E')
        return json_scan_fail(j, "a whole number without a sign should stand here");
    *ret = n;
    return true;
}

/* --- strings --- */

static bool read_hex4(struct json_scan *j, unsigned *ret)
{
    unsigned code = 0;

    for (int i = 0; i < 4; i++) {
        int c = source_next(j->source);
        const char *digits = "0123456789abcdef";
        const char *digit = c > 0 ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;

        if (digit == NULL)
            return json_scan_fail(j, "a \\u escape has four hexadecimal digits");
        code = code * 16 + (unsigned)(digit - digits);
    }
    *ret = code;
    return true;
}

static void add_utf8(struct text *out, unsigned code)
{
    if (code < 0x80) {
        text_add_byte(out, (char)code);
        return;
    }
    if (code < 0x800) {
        text_add_byte(out, (char)(0xc0 | code >> 6));
    } else {
        if (code < 0x10000) {
            text_add_byte(out, (char)(0xe0 | code >> 12));
        } else {
            text_add_byte(out, (char)(0xf0 | code >> 18));
            text_add_byte(out, (char)(0x80 | (code >> 12 & 0x3f)));
        }
        text_add_byte(out, (char)(0x80 | (code >> 6 & 0x3f)));
    }
    text_add_byte(out, (char)(0x80 | (code & 0x3f)));
}

/* Half of a surrogate pair that stands alone, and U+0000: their escape, as text. */
static void add_unit_as_text(struct text *out, unsigned unit)
{
    text_printf(out, "\\u%04x", unit);
}

/* A \u escape. *half is the first half of a pair that has been read and not yet written, or 0. */
static bool read_unit(struct json_scan *j, struct text *out, unsigned *half)
{
    unsigned unit = 0;

    if (!read_hex4(j, &unit))
        return false;
    if (*half != 0 && unit >= 0xdc00 && unit < 0xe000) {
        add_utf8(out, 0x10000 + ((*half - 0xd800) << 10) + (unit - 0xdc00));
        *half = 0;
        return true;
    }
    if (*half != 0)
        add_unit_as_text(out, *half);
    *half = unit >= 0xd800 && unit < 0xdc00 ? unit : 0;
    if (unit == 0 || (unit >= 0xdc00 && unit < 0xe000))
        add_unit_as_text(out, unit);
    else if (*half == 0)
        add_utf8(out, unit);
    return true;
}

static bool read_escape(struct json_scan *j, struct text *out, unsigned *half)
{
    static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    int c = source_next(j->source);
    const char *name = c > 0 ? strchr(names, c) : NULL;

    if (c == 'u')
        return read_unit(j, out, half);
    if (name == NULL)
        return json_scan_fail(j, "there is no such escape in a string");
    if (*half != 0)
        add_unit_as_text(out, *half);
    *half = 0;
    text_add_byte(out, meanings[name - names]);
    return true;
}

/* The bytes up to the next quote, escape or control byte: most of a string, in one piece. */
static void take_plain(struct json_scan *j, struct text *out)
{
    struct source *s = j->source;
    size_t from = s->at;

    while (s->at < s->filled && s->buffer[s->at] != '"' && s->buffer[s->at] != '\\' &&
           (unsigned char)s->buffer[s->at] >= 0x20)
        s->at++;
    text_add(out, s->buffer + from, s->at - from);
}

static bool read_string_body(struct json_scan *j, struct text *out)
{
    unsigned half = 0;
    int c;

    while ((c = source_peek(j->source)) != '"') {
        if (c < 0)
            return json_scan_fail(j, "the file ends inside a string");
        if (c < 0x20)
            return json_scan_fail(j, "a control byte stands inside a string");
        if (c == '\\') {
            source_next(j->source);
            if (!read_escape(j, out, &half))
                return false;
            continue;
        }
        if (half != 0)
            add_unit_as_text(out, half);
        half = 0;
        take_plain(j, out);
    }
    if (half != 0)
        add_unit_as_text(out, half);
    source_next(j->source);
    return true;
}

bool json_scan_string(struct json_scan *j, struct text *out)
{
    size_t from = out->length;

    if (!json_scan_expect(j, '"') || !read_string_body(j, out))
        return false;
    if (out->failed)
        return json_scan_fail(j, "out of memory");
    if (!text_utf8_valid(out->data + from, out->length - from))
        return json_scan_fail(j, "a string is not UTF-8");
    return true;
}

/* --- skipping --- */

static void keep(struct text *out, int c)
{
    if (out != NULL)
        text_add_byte(out, (char)c);
}

/* A string as it stands, quotes and escapes included. */
static bool skip_string(struct json_scan *j, struct text *out)
{
    int c = source_next(j->source); /* the quote */

    do {
        keep(out, c);
        if (c == '\\')
            keep(out, source_next(j->source));
        c = source_next(j->source);
    } while (c >= 0 && c != '"');
    keep(out, c);
    return c == '"' || json_scan_fail(j, "the file ends inside a string");
}

/* A number, true, false, null, or what looks like one. */
static bool skip_word(struct json_scan *j, struct text *out)
{
    size_t length = 0;
    int c;

    while ((c = source_peek(j->source)) > 0x20 && strchr(",:[]{}\"", c) == NULL) {
        keep(out, source_next(j->source));
        length++;
    }
    return length > 0 || json_scan_fail(j, "a value should stand here");
}

bool json_scan_skip(struct json_scan *j, struct text *out)
{
    char open[SKIP_DEPTH_MAX];
    size_t depth = 0;

    do {
        int c = json_scan_peek(j);

        if (!json_scan_ok(j))
            return false;
        if (c < 0)
            return json_scan_fail(j, "the file ends inside a value");
        if (c == '[' || c == '{') {
            if (depth == SKIP_DEPTH_MAX)
                return json_scan_fail(j, "more than %d levels of brackets", SKIP_DEPTH_MAX);
            open[depth++] = c == '[' ? ']' : '}';
            keep(out, source_next(j->source));
        } else if (c == ']' || c == '}') {
            if (depth == 0 || open[--depth] != c)
                return json_scan_fail(j, "this bracket closes nothing");
            keep(out, source_next(j->source));
        } else if (depth > 0 && (c == ',' || c == ':')) {
            keep(out, source_next(j->source));
        } else if (!(c == '"' ? skip_string(j, out) : skip_word(j, out))) {
            return false;
        }
    } while (depth > 0);
    return true;
}
