/*
 * json_out.h - JSON out: a small writer into a buffer.
 *
 * Commas take care of themselves. A refused byte is remembered by the buffer (buf.failed), so callers check
 * once, at the end. Strings are written as plain UTF-8, escaping what RFC 8259 demands and nothing else but
 * U+2028 and U+2029, which would end a line in old JavaScript. (jansson's dump costs 1.2 us a small reply and
 * prints 0.1 as 0.10000000000000001.)
 */
#pragma once
#include "heap/base/buf.h"
#include "heap/id.h"
#include <stdint.h>

struct out {
    struct buf *buf;
    bool comma; /* the next key or value needs one before it */
};

static inline struct out out_into(struct buf *buf)
{
    return (struct out){.buf = buf};
}

void out_open_object(struct out *o);
void out_close_object(struct out *o);
void out_open_array(struct out *o);
void out_close_array(struct out *o);

/* The key of the next value. out_key() takes plain words of ours, without anything to escape; out_name() writes
 * a field name: a leading '$' is doubled. */
static inline void out_key(struct out *o, const char *key); /* below */
void out_key_slice(struct out *o, struct slice key);
void out_name(struct out *o, struct slice name);

void out_u64(struct out *o, uint64_t v);
void out_i64(struct out *o, int64_t v);
void out_real(struct out *o, double v); /* finite */
void out_seconds(struct out *o, double v); /* 30, not 30.0: most are whole */
void out_bool(struct out *o, bool v);
void out_null(struct out *o);
void out_string(struct out *o, struct slice text); /* UTF-8 */
void out_time(struct out *o, uint64_t unix_ms); /* "2026-01-31T23:59:59.123Z" (RFC 3339) */
void out_raw(struct out *o, struct slice json); /* a value that is JSON already */
void out_ref(struct out *o, obj_id id);  /* {"$ref":id} */
void out_weak(struct out *o, obj_id id); /* {"$weak":id} */

/* The end of a line of NDJSON; the next value starts afresh. */
void out_line_end(struct out *o);

/* ---- a key and its value at once ---- */

/* Keys are literals nearly everywhere: in sight of the compiler, their length is one too. It has to be told to look:
 * optimizing across files, it would rather have one copy of each of these. */
#define OUT_INLINE static inline __attribute__((always_inline))

void out_plain_key(struct out *o, struct slice key);
void out_plain_u64(struct out *o, struct slice key, uint64_t v);
void out_plain_i64(struct out *o, struct slice key, int64_t v);

OUT_INLINE void out_key(struct out *o, const char *key)
{
    out_plain_key(o, slice_of(key));
}

OUT_INLINE void out_text(struct out *o, const char *text)
{
    out_string(o, slice_of(text));
}

OUT_INLINE void out_member_u64(struct out *o, const char *key, uint64_t v)
{
    out_plain_u64(o, slice_of(key), v);
}

OUT_INLINE void out_member_i64(struct out *o, const char *key, int64_t v)
{
    out_plain_i64(o, slice_of(key), v);
}

OUT_INLINE void out_member_real(struct out *o, const char *key, double v)
{
    out_key(o, key);
    out_real(o, v);
}

OUT_INLINE void out_member_seconds(struct out *o, const char *key, double v)
{
    out_key(o, key);
    out_seconds(o, v);
}

OUT_INLINE void out_member_bool(struct out *o, const char *key, bool v)
{
    out_key(o, key);
    out_bool(o, v);
}

OUT_INLINE void out_member_null(struct out *o, const char *key)
{
    out_key(o, key);
    out_null(o);
}

OUT_INLINE void out_member_text(struct out *o, const char *key, const char *text)
{
    out_key(o, key);
    out_text(o, text);
}

OUT_INLINE void out_member_time(struct out *o, const char *key, uint64_t unix_ms)
{
    out_key(o, key);
    out_time(o, unix_ms);
}

OUT_INLINE void out_member_string(struct out *o, const char *key, struct slice text)
{
    out_key(o, key);
    out_string(o, text);
}
