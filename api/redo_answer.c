/*
 * redo_answer.c - what retries are answered, as text (redo.h): written, and put back.
 *
 *     {"request":"HEX","request_bytes":N,"status":201,"type":"..","etag":"N","location":"..","body":".."}
 *
 * `request` is a hash of what was asked (keyed.h); with `request_bytes`, of so much of its body: it was cut off there, or
 * went on. `lost`, where there is no body, says that there was one. Names are hashes too, so nobody who reads this can use
 * anybody's key. What an answer says of secrets is what the tables have in the clear: tokens of sessions.
 */
#include "api/redo.h"
#include "api/reply.h"
#include "api/wire.h"
#include "heap/base/check.h"
#include "heap/base/num.h"

#define HEX_BYTES (2 * IDEM_HASH_BYTES)
#define SPARE_BYTES 512 /* more than a line without a body has */
#define DEPTH_MAX 2
#define BODY_BYTES_MAX (1u << 20) /* that idempotency_answer_bytes_max may say */

/* Of answers to POST, but for those that are streamed. */
static const char *const types[] = {WIRE_TYPE_JSON, WIRE_TYPE_PROBLEM, WIRE_TYPE_NDJSON};

/* ---- hashes ---- */

static void write_hash(struct out *o, const struct idem_hash *h)
{
    char hex[HEX_BYTES];

    for (size_t i = 0; i < HEX_BYTES; i++)
        hex[i] = "0123456789abcdef"[h->bytes[i / 2] >> (i % 2 == 0 ? 4 : 0) & 15];
    out_string(o, (struct slice){hex, sizeof hex});
}

static bool read_hash(struct slice hex, struct idem_hash *ret)
{
    *ret = (struct idem_hash){{0}};
    if (hex.len != HEX_BYTES)
        return false;
    for (size_t i = 0; i < HEX_BYTES; i++) {
        int digit = redo_hex_digit(hex.data[i]);

        if (digit < 0)
            return false;
        ret->bytes[i / 2] |= (unsigned char)(digit << (i % 2 == 0 ? 4 : 0));
    }
    return true;
}

/* ---- writing ---- */

static void write_etag(struct out *o, uint64_t etag)
{
    char text[NUM_TEXT_MAX];

    out_key(o, "etag"); /* as text: JSON has no number that is surely so long */
    out_string(o, (struct slice){text, print_u64(etag, text)});
}

static void write_json(struct out *o, const struct idem_print *p, const struct idem_answer *a)
{
    out_open_object(o);
    out_key(o, "request");
    write_hash(o, &p->hash);
    if (p->body_bytes != IDEM_WHOLE)
        out_member_u64(o, "request_bytes", p->body_bytes);
    out_member_u64(o, "status", (uint64_t)a->status);
    if (a->content_type != NULL)
        out_member_text(o, "type", a->content_type);
    if (a->has_etag)
        write_etag(o, a->etag);
    if (a->location.len > 0)
        out_member_string(o, "location", a->location);
    if (a->lost)
        out_member_bool(o, "lost", true);
    else if (a->body.len > 0)
        out_member_string(o, "body", a->body);
    out_close_object(o);
}

static void write_line(struct buf *text, const struct idem_record *r, const struct idem_answer *a, uint64_t unix_ms)
{
    struct out o = out_into(text);

    redo_open_line(&o, REDO_ANSWER);
    out_u64(&o, r->number);
    write_hash(&o, r->name);
    out_u64(&o, unix_ms);
    write_json(&o, r->print, a);
    redo_close_line(&o);
}

enum err redo_prepare_answer(struct redo *r, struct why *why)
{
    if (r->spare != NULL)
        return ERR_OK;
    r->spare = redo_new_chunk(r);
    if (r->spare != NULL && buf_reserve(&r->spare->text, SPARE_BYTES))
        return ERR_OK;
    if (r->spare != NULL)
        redo_drop_chunk(r, r->spare);
    r->spare = NULL;
    return why_set(why, ERR_NOMEM, "no memory to write an answer down");
}

/* That it was done, and where it leads. */
static void write_into_spare(struct redo *r, const struct idem_record *record, uint64_t unix_ms)
{
    struct idem_answer bare = *record->answer;
    struct redo_chunk *c = r->spare;

    bare.body = SLICE("");
    bare.lost = true;
    r->spare = NULL;
    redo_add_chunk(r, c);
    write_line(&c->text, record, &bare, unix_ms);
    CHECK(!c->text.failed && c->text.len <= SPARE_BYTES);
}

void redo_note_answer(struct redo *r, const struct idem_record *record, uint64_t unix_ms)
{
    struct idem_answer a = *record->answer;
    struct buf *text = redo_room_for_line(r);
    size_t mark = redo_text_bytes(r);

    if (!utf8_valid(a.body)) { /* it could not be read again */
        a.body = SLICE("");
        a.lost = true;
    }
    if (text != NULL) {
        write_line(text, record, &a, unix_ms);
        if (!text->failed)
            return;
        (void)redo_refuse(r, text, mark, NULL);
    }
    if (r->spare != NULL) /* else what was told of it before has to do */
        write_into_spare(r, record, unix_ms);
}

enum err redo_note_answers_gone(struct redo *r, uint64_t number, struct why *why)
{
    struct buf *text = redo_room_for_line(r);
    size_t mark = redo_text_bytes(r);
    struct out o;

    if (text == NULL)
        return why_set(why, ERR_NOMEM, "no memory to write a change down");
    o = out_into(text);
    redo_open_line(&o, REDO_ANSWERED);
    out_u64(&o, number);
    redo_close_line(&o);
    return text->failed ? redo_refuse(r, text, mark, why) : ERR_OK;
}

/* ---- put back ---- */

static struct slice text_member(const json_t *from, const char *key)
{
    const json_t *value = json_object_get(from, key);

    return json_is_string(value) ? json_slice(value) : SLICE("");
}

/* Numbers as text or as such, at most `max`; false if there is one that is none. */
static bool u64_member(const json_t *from, const char *key, uint64_t max, uint64_t *ret)
{
    const json_t *value = json_object_get(from, key);

    if (json_is_string(value))
        return parse_u64(json_slice(value), max, ret);
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return value == NULL;
    *ret = (uint64_t)json_integer_value(value);
    return *ret <= max;
}

static bool read_type(struct slice name, const char **ret)
{
    *ret = NULL;
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (slice_is(name, types[i]))
            *ret = types[i];
    return *ret != NULL || name.len == 0;
}

/* It goes into a header. */
static bool is_location(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.data[i] <= ' ' || s.data[i] > '~')
            return false;
    return s.len < REPLY_LOCATION_MAX;
}

static bool read_answer(const json_t *json, struct idem_print *print, struct idem_answer *a)
{
    uint64_t status = 0;

    *print = (struct idem_print){.body_bytes = IDEM_WHOLE};
    *a = (struct idem_answer){.location = text_member(json, "location"), .body = text_member(json, "body"),
                              .has_etag = json_object_get(json, "etag") != NULL, .lost = json_is_true(json_object_get(json, "lost"))};
    if (!read_hash(text_member(json, "request"), &print->hash) || !read_type(text_member(json, "type"), &a->content_type) ||
        !u64_member(json, "request_bytes", INT64_MAX, &print->body_bytes) || !u64_member(json, "status", 599, &status) ||
        !u64_member(json, "etag", UINT64_MAX, &a->etag))
        return false;
    a->status = (int)status;
    return status >= 200 && is_location(a->location) && a->body.len <= BODY_BYTES_MAX && (a->body.len == 0 || a->content_type != NULL) &&
           (a->body.len == 0 || !a->lost);
}

static enum err put(struct redo_reader *r, const struct idem_record *record, uint64_t unix_ms, struct why *why)
{
    uint64_t age_ms = unix_ms < r->unix_ms ? r->unix_ms - unix_ms : 0;
    enum err e = idem_restore(r->answers, record, age_ms, r->now_ms);

    return e == ERR_OK ? e : why_set(why, e, e == ERR_NOMEM ? "no memory for an answer" : "answers are not in their order");
}

enum err redo_put_answer(struct redo_reader *r, uint64_t number, struct slice name, uint64_t unix_ms, struct slice json,
                         struct why *why)
{
    json_auto_t *decoded = NULL;
    struct idem_hash hash;
    struct idem_print print;
    struct idem_answer answer;
    enum err e = decode_json(json, DEPTH_MAX, &decoded, why);

    if (e != ERR_OK)
        return e == ERR_NOMEM ? e : ERR_BAD_VALUE;
    if (!json_is_object(decoded) || !read_hash(name, &hash) || !read_answer(decoded, &print, &answer))
        return why_set(why, ERR_BAD_VALUE, "answer %llu is none", (unsigned long long)number);
    return put(r, &(struct idem_record){number, &hash, &print, &answer}, unix_ms, why);
}
