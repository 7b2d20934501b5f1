/*
 * bytes.c - /v1/objects/{id}/bytes: raw bytes, whole or one range, sent without being copied.
 *
 * Ranges are RFC 9110, section 14: one range of bytes, `a-b`, `a-` or the last `-n`. Several ranges, other
 * units and what cannot be read are ignored, as the RFC allows, and the whole is sent. The ETag is the
 * object's, so If-Range works with the one of its document.
 */
#include "api/handlers.h"
#include "api/task.h"
#include "heap/base/num.h"

enum range_kind { RANGE_NONE, RANGE_SOME, RANGE_OUTSIDE };

struct range {
    uint64_t from, len;
};

static bool take_unit(struct slice *text)
{
    static const char unit[] = "bytes=";
    size_t len = sizeof unit - 1;

    if (text->len < len || memcmp(text->data, unit, len) != 0)
        return false;
    text->data += len;
    text->len -= len;
    return true;
}

/* A position of any length; one that is beyond every number we have is as far outside as can be. */
static bool read_position(struct slice digits, uint64_t *ret)
{
    if (digits.len == 0)
        return false;
    for (size_t i = 0; i < digits.len; i++)
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return false;
    if (!parse_u64(digits, UINT64_MAX, ret))
        *ret = UINT64_MAX;
    return true;
}

/* "-n": the last n bytes. */
static enum range_kind suffix_range(struct slice digits, uint64_t total, struct range *ret)
{
    uint64_t n;

    if (!read_position(digits, &n))
        return RANGE_NONE;
    if (n == 0 || total == 0)
        return RANGE_OUTSIDE;
    if (n > total)
        n = total;
    *ret = (struct range){.from = total - n, .len = n};
    return RANGE_SOME;
}

static enum range_kind read_range(struct slice text, uint64_t total, struct range *ret)
{
    uint64_t first, last = UINT64_MAX;
    const char *dash;

    if (!take_unit(&text) || (dash = memchr(text.data, '-', text.len)) == NULL)
        return RANGE_NONE;
    struct slice from = {text.data, (size_t)(dash - text.data)};
    struct slice to = {dash + 1, text.len - from.len - 1};

    if (from.len == 0)
        return suffix_range(to, total, ret);
    if (!read_position(from, &first) || (to.len > 0 && !read_position(to, &last)) || last < first)
        return RANGE_NONE;
    if (first >= total)
        return RANGE_OUTSIDE;
    if (last > total - 1)
        last = total - 1;
    *ret = (struct range){.from = first, .len = last - first + 1};
    return RANGE_SOME;
}

/* A range is for GET, and If-Range makes it one of this very content. */
static enum range_kind wanted_range(const struct task *t, uint64_t total, uint64_t etag, struct range *ret)
{
    const struct task_headers *h = &t->headers;

    if (h->range.data == NULL || t->method != METHOD_GET)
        return RANGE_NONE;
    if (h->if_range.data != NULL && !etag_listed(h->if_range, etag, false))
        return RANGE_NONE;
    return read_range(h->range, total, ret);
}

/* Takes the reference on *payload. */
static enum err reply_payload(struct task *t, struct payload *payload, uint64_t etag, struct why *why)
{
    struct reply *r = &t->reply;
    struct range range = {.from = 0, .len = payload->len};
    enum range_kind kind = wanted_range(t, payload->len, etag, &range);

    reply_empty(t, kind == RANGE_SOME ? 206 : 200);
    r->payload = payload;
    r->payload_from = (size_t)range.from;
    r->payload_len = (size_t)range.len;
    r->range_total = payload->len;
    r->has_range = kind == RANGE_SOME;
    r->accept_ranges = true;
    r->content_type = WIRE_TYPE_BYTES;
    r->has_etag = true;
    r->etag = etag;
    if (kind == RANGE_OUTSIDE)
        return why_set(why, ERR_RANGE, "the range %.*s lies outside of %zu bytes", (int)t->headers.range.len,
                       t->headers.range.data, payload->len);
    return ERR_OK;
}

/* GET /v1/objects/{id}/bytes  ->  200, or 206 and the range; 304; 416 */
enum err get_bytes(struct api *api, struct task *t, struct why *why)
{
    struct payload *payload;
    uint64_t etag;
    obj_id id;
    enum err e;

    if ((e = path_object(t, &id, why)) || (e = heap_etag(api->heap, id, &etag, why)) ||
        (e = heap_get_bytes(api->heap, id, &payload, why)))
        return e;
    if (t->headers.if_none_match.data == NULL || !etag_listed(t->headers.if_none_match, etag, true))
        return reply_payload(t, payload, etag, why);
    payload_release(&payload);
    t->reply.has_etag = true;
    t->reply.etag = etag;
    return reply_empty(t, 304);
}

/* PUT /v1/objects/{id}/bytes  ->  200 {"length":5} */
enum err put_bytes(struct api *api, struct task *t, struct why *why)
{
    struct object_info info;
    obj_id id;
    enum err e;

    if ((e = path_object(t, &id, why)) || (e = task_if_match(t, id, why)) ||
        (e = task_may_grow(t, t->payload_filled, why)) || (e = heap_set_bytes(api->heap, id, &t->payload, why)) || (e = heap_info(api->heap, id, &info, why)))
        return e;
    struct out *o = reply_json(t, 200);

    out_open_object(o);
    out_member_u64(o, "length", info.parts);
    out_close_object(o);
    return reply_end(t, why);
}
