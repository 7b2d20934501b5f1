/*
 * json_out.c - see json_out.h.
 */
#include "api/json_out.h"
#include "heap/base/num.h"

/* The comma before a key or value, if it is due; the one that comes now makes the next due. */
static void begin_value(struct out *o)
{
    if (o->comma)
        buf_add_byte(o->buf, ',');
    o->comma = true;
}

static void open_with(struct out *o, char bracket)
{
    begin_value(o);
    buf_add_byte(o->buf, bracket);
    o->comma = false;
}

static void close_with(struct out *o, char bracket)
{
    buf_add_byte(o->buf, bracket);
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

/* ---- strings ---- */

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c != '"' && c != '\\' && c != 0xe2;
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

static void write_text(struct buf *b, struct slice text)
{
    while (text.len > 0) {
        size_t n = 0;

        while (n < text.len && is_plain((unsigned char)text.data[n]))
            n++;
        buf_add(b, text.data, n);
        if (n < text.len)
            n += write_escape(b, (struct slice){text.data + n, text.len - n});
        text.data += n;
        text.len -= n;
    }
}

void out_string(struct out *o, struct slice text)
{
    begin_value(o);
    buf_add_byte(o->buf, '"');
    write_text(o->buf, text);
    buf_add_byte(o->buf, '"');
}

void out_text(struct out *o, const char *text)
{
    out_string(o, slice_of(text));
}

/* ---- keys ---- */

static void end_key(struct out *o)
{
    buf_add(o->buf, "\":", 2);
    o->comma = false;
}

void out_key_slice(struct out *o, struct slice key)
{
    begin_value(o);
    buf_add_byte(o->buf, '"');
    write_text(o->buf, key);
    end_key(o);
}

/* Our own keys need no escapes, and a document has a dozen of them: one reservation, and bytes. */
void out_key(struct out *o, const char *key)
{
    struct buf *b = o->buf;
    size_t len = strlen(key);

    if (!buf_reserve(b, len + sizeof ",\"\":"))
        return;

    char *at = b->data + b->len;

    if (o->comma)
        *at++ = ',';
    *at++ = '"';
    memcpy(at, key, len);
    at += len;
    *at++ = '"';
    *at++ = ':';
    b->len = (size_t)(at - b->data);
    o->comma = false;
}

void out_name(struct out *o, struct slice name)
{
    begin_value(o);
    buf_add_byte(o->buf, '"');
    if (name.len > 0 && name.data[0] == '$')
        buf_add_byte(o->buf, '$');
    write_text(o->buf, name);
    end_key(o);
}

/* ---- numbers, words, links ---- */

void out_u64(struct out *o, uint64_t v)
{
    char text[NUM_TEXT_MAX];

    begin_value(o);
    buf_add(o->buf, text, print_u64(v, text));
}

void out_i64(struct out *o, int64_t v)
{
    char text[NUM_TEXT_MAX];

    begin_value(o);
    buf_add(o->buf, text, print_i64(v, text));
}

void out_real(struct out *o, double v)
{
    char text[NUM_TEXT_MAX];

    begin_value(o);
    buf_add(o->buf, text, print_real(v, text));
}

void out_bool(struct out *o, bool v)
{
    begin_value(o);
    buf_add_text(o->buf, v ? "true" : "false");
}

void out_null(struct out *o)
{
    begin_value(o);
    buf_add(o->buf, "null", 4);
}

static void write_link(struct out *o, struct slice opening, obj_id id)
{
    char text[NUM_TEXT_MAX];

    begin_value(o);
    buf_add_slice(o->buf, opening);
    buf_add(o->buf, text, print_u64(id, text));
    buf_add_byte(o->buf, '}');
}

void out_ref(struct out *o, obj_id id)
{
    write_link(o, SLICE("{\"$ref\":"), id);
}

void out_weak(struct out *o, obj_id id)
{
    write_link(o, SLICE("{\"$weak\":"), id);
}

void out_line_end(struct out *o)
{
    buf_add_byte(o->buf, '\n');
    o->comma = false;
}

/* ---- members ---- */

void out_member_u64(struct out *o, const char *key, uint64_t v)
{
    out_key(o, key);
    out_u64(o, v);
}

void out_member_i64(struct out *o, const char *key, int64_t v)
{
    out_key(o, key);
    out_i64(o, v);
}

void out_member_real(struct out *o, const char *key, double v)
{
    out_key(o, key);
    out_real(o, v);
}

void out_member_bool(struct out *o, const char *key, bool v)
{
    out_key(o, key);
    out_bool(o, v);
}

void out_member_null(struct out *o, const char *key)
{
    out_key(o, key);
    out_null(o);
}

void out_member_text(struct out *o, const char *key, const char *text)
{
    out_key(o, key);
    out_text(o, text);
}

void out_member_string(struct out *o, const char *key, struct slice text)
{
    out_key(o, key);
    out_string(o, text);
}
