/*
 * json_out.c - see json_out.h.
 *
 * A document is a dozen keys and as many small values, so what each costs is what an answer costs: room is made once
 * for a key, a value and all that stands around it, and bytes are put there without asking again.
 */
#include "api/json_out.h"
#include "heap/base/eight.h"
#include "heap/base/num.h"
#include <math.h>
#include <stdio.h>
#include <time.h>

/* Room for `len` bytes, behind the comma if one is due; NULL: memory is refused. */
static inline char *begin_value(struct out *o, size_t len)
{
    struct buf *b = o->buf;
    char *at;

    if ((b->failed || b->cap - b->len <= len) && !buf_reserve(b, len + 1))
        return NULL;
    at = b->data + b->len;
    if (o->comma)
        *at++ = ',';
    return at;
}

/* All of it has been put: it ends before `end`. */
static inline void end_value(struct out *o, const char *end)
{
    o->buf->len = (size_t)(end - o->buf->data);
    o->comma = true;
}

/* Inline, so that words are stored and not copied. */
static inline __attribute__((always_inline)) void put_word(struct out *o, struct slice word)
{
    char *at = begin_value(o, word.len);

    if (at != NULL)
        end_value(o, slice_copy(at, word));
}

/* ---- brackets ---- */

static inline void open_with(struct out *o, char bracket)
{
    put_word(o, (struct slice){&bracket, 1});
    o->comma = false;
}

static inline void close_with(struct out *o, char bracket)
{
    o->comma = false;
    put_word(o, (struct slice){&bracket, 1});
    o->comma = true;
}

void out_open_object(struct out *o)
{
    open_with(o, '{');
}

void out_close_object(struct out *o)
{
    close_with(o, '}');
}

void out_open_array(struct out *o)
{
    open_with(o, '[');
}

void out_close_array(struct out *o)
{
    close_with(o, ']');
}

void out_line_end(struct out *o)
{
    close_with(o, '\n');
    o->comma = false;
}

/* ---- strings ---- */

/* 0xe2 begins U+2028 and U+2029, and much else. */
static const bool may_need_escape[256] = {[0 ... 0x1f] = true, ['"'] = true, ['\\'] = true, [0xe2] = true};

/* How many bytes at the start of `text` are plain. */
static size_t plain_run(struct slice text)
{
    size_t n = 0;

    for (; text.len - n >= 8; n += 8) {
        uint64_t eight = eight_at(text.data + n);

        if ((eight_below(eight, ' ') | eight_equal(eight, '"') | eight_equal(eight, '\\') | eight_equal(eight, 0xe2)) != 0)
            break;
    }
    while (n < text.len && !may_need_escape[(unsigned char)text.data[n]])
        n++;
    return n;
}

/* U+2028 and U+2029 are e2 80 a8 and e2 80 a9. */
static bool is_line_separator(struct slice text)
{
    return text.len >= 3 && memcmp(text.data, "\xe2\x80", 2) == 0 && (text.data[2] & ~1) == '\xa8';
}

/* Write what stands first in `text` and is not plain; returns how many bytes it was. */
static size_t write_escape(struct buf *b, struct slice text)
{
    static const char hex[] = "0123456789abcdef";
    static const char letters[0x20] = {['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    unsigned char c = (unsigned char)text.data[0];

    if (c == '"' || c == '\\') {
        buf_add(b, (char[]){'\\', (char)c}, 2);
    } else if (c < 0x20 && letters[c] != 0) {
        buf_add(b, (char[]){'\\', letters[c]}, 2);
    } else if (c < 0x20) {
        buf_add(b, (char[]){'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]}, 6);
    } else if (is_line_separator(text)) {
        buf_add_text(b, text.data[2] == '\xa8' ? "\\u2028" : "\\u2029");
        return 3;
    } else {
        buf_add_byte(b, (char)c);
    }
    return 1;
}

/* Write a text that is not plain. */
static void write_escaped(struct buf *b, struct slice text)
{
    while (text.len > 0) {
        size_t n = plain_run(text);

        buf_add(b, text.data, n);
        if (n < text.len)
            n += write_escape(b, (struct slice){text.data + n, text.len - n});
        text.data += n;
        text.len -= n;
    }
}

/* Write what of a text stands behind its plain beginning; room for two bytes more, as begin_value() has it. */
static char *continue_escaped(struct out *o, char *at, struct slice rest)
{
    end_value(o, at);
    write_escaped(o->buf, rest);
    o->comma = false;
    return begin_value(o, sizeof "\":");
}

/* A text in quotes; behind a key stands a colon. Most are plain from end to end, and are copied at once. There shall be one
 * of it: optimizing across files, the compiler would make another for each short literal, and warn of what is long. */
static __attribute__((noclone)) void quote(struct out *o, struct slice text, bool doubles_dollar, bool is_key)
{
    size_t run = plain_run(text);
    char *at = begin_value(o, text.len + sizeof "\"$\":");

    if (at == NULL)
        return;
    *at++ = '"';
    if (doubles_dollar)
        *at++ = '$';
    at = slice_copy(at, (struct slice){text.data, run});
    if (run < text.len)
        at = continue_escaped(o, at, (struct slice){text.data + run, text.len - run});
    if (at == NULL)
        return;
    *at++ = '"';
    if (is_key)
        *at++ = ':';
    end_value(o, at);
    o->comma = !is_key;
}

void out_string(struct out *o, struct slice text)
{
    quote(o, text, false, false);
}

void out_key_slice(struct out *o, struct slice key)
{
    quote(o, key, false, true);
}

void out_name(struct out *o, struct slice name)
{
    quote(o, name, name.len > 0 && name.data[0] == '$', true);
}

/* ---- numbers, words, links ---- */

void out_u64(struct out *o, uint64_t v)
{
    char *at = begin_value(o, NUM_TEXT_MAX);

    if (at != NULL)
        end_value(o, at + print_u64(v, at));
}

void out_i64(struct out *o, int64_t v)
{
    char *at = begin_value(o, NUM_TEXT_MAX);

    if (at != NULL)
        end_value(o, at + print_i64(v, at));
}

void out_real(struct out *o, double v)
{
    char *at = begin_value(o, NUM_TEXT_MAX);

    if (at != NULL)
        end_value(o, at + print_real(v, at));
}

void out_bool(struct out *o, bool v)
{
    put_word(o, v ? SLICE("true") : SLICE("false"));
}

void out_null(struct out *o)
{
    put_word(o, SLICE("null"));
}

void out_raw(struct out *o, struct slice json)
{
    put_word(o, json);
}

static void write_link(struct out *o, struct slice opening, obj_id id)
{
    char *at = begin_value(o, opening.len + NUM_TEXT_MAX + sizeof "}");

    if (at == NULL)
        return;
    at = slice_copy(at, opening);
    at += print_u64(id, at);
    *at++ = '}';
    end_value(o, at);
}

void out_ref(struct out *o, obj_id id)
{
    write_link(o, SLICE("{\"$ref\":"), id);
}

void out_weak(struct out *o, obj_id id)
{
    write_link(o, SLICE("{\"$weak\":"), id);
}

/* ---- keys that need no escapes ---- */

/* Room for a key and `len` bytes of value, the key put there. */
static inline char *begin_member(struct out *o, struct slice key, size_t len)
{
    char *at = begin_value(o, key.len + sizeof "\"\":" + len);

    if (at == NULL)
        return NULL;
    *at++ = '"';
    at = slice_copy(at, key);
    *at++ = '"';
    *at++ = ':';
    return at;
}

void out_plain_key(struct out *o, struct slice key)
{
    char *at = begin_member(o, key, 0);

    if (at == NULL)
        return;
    end_value(o, at);
    o->comma = false;
}

void out_plain_u64(struct out *o, struct slice key, uint64_t v)
{
    char *at = begin_member(o, key, NUM_TEXT_MAX);

    if (at != NULL)
        end_value(o, at + print_u64(v, at));
}

void out_plain_i64(struct out *o, struct slice key, int64_t v)
{
    char *at = begin_member(o, key, NUM_TEXT_MAX);

    if (at != NULL)
        end_value(o, at + print_i64(v, at));
}

/* ---- times ---- */

void out_seconds(struct out *o, double v)
{
    if (v == floor(v))
        out_i64(o, (int64_t)v);
    else
        out_real(o, v);
}

void out_time(struct out *o, uint64_t unix_ms)
{
    time_t seconds = (time_t)(unix_ms / 1000);
    char text[64];
    struct tm tm;

    if (gmtime_r(&seconds, &tm) == NULL) {
        out_null(o);
        return;
    }
    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
             tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(unix_ms % 1000));
    out_text(o, text);
}
