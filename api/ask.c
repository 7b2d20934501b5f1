/*
 * ask.c - what a request asks: path parameters, query, body, If-Match.
 */
#include "api/task.h"
#include "heap/base/check.h"
#include "heap/base/num.h"
#include <strings.h>

/* ---- the path ---- */

enum err path_id(const struct task *t, obj_id *ret, struct why *why)
{
    struct slice text = t->params[0];
    uint64_t id;

    if (!parse_u64(text, ID_MAX, &id) || id == 0)
        return why_set(why, ERR_NO_OBJECT, "%.*s is not the id of an object", (int)text.len, text.data);
    *ret = id;
    return ERR_OK;
}

enum err path_object(const struct task *t, obj_id *ret, struct why *why)
{
    obj_id id;
    enum err e;

    if ((e = path_id(t, &id, why)) || (e = heap_check(t->api->heap, id, why)))
        return e;
    *ret = id;
    return ERR_OK;
}

/* ---- the query ---- */

bool query_get(const struct task *t, const char *name, struct slice *ret)
{
    for (size_t i = 0; i < t->query_count; i++) {
        if (slice_is(t->query[i].name, name)) {
            *ret = t->query[i].value;
            return true;
        }
    }
    return false;
}

bool query_is_true(const struct task *t, const char *name)
{
    struct slice value;

    return query_get(t, name, &value) && (slice_is(value, "true") || slice_is(value, "1"));
}

enum err query_u64(const struct task *t, const char *name, uint64_t min, uint64_t max, uint64_t fallback,
                   uint64_t *ret, struct why *why)
{
    struct slice text;
    uint64_t value = fallback;

    if (query_get(t, name, &text) && (!parse_u64(text, max, &value) || value < min))
        return why_set(why, ERR_BAD_VALUE, "%s is an integer from %llu to %llu, not %.*s", name,
                       (unsigned long long)min, (unsigned long long)max, (int)text.len, text.data);
    *ret = value;
    return ERR_OK;
}

enum err query_page(const struct task *t, struct page *ret, struct why *why)
{
    uint64_t limit, cursor;
    enum err e;

    if ((e = query_u64(t, "limit", 1, WIRE_PAGE_MAX, WIRE_PAGE_DEFAULT, &limit, why)) ||
        (e = query_u64(t, "cursor", 0, WIRE_ID_MAX, 0, &cursor, why)))
        return e;
    *ret = (struct page){.limit = (size_t)limit, .cursor = cursor};
    return ERR_OK;
}

/* ---- the body ---- */

/* The media type alone, without parameters. */
static bool media_type_is(struct slice type, const char *wanted)
{
    size_t len = strlen(wanted);

    if (type.len < len || strncasecmp(type.data, wanted, len) != 0)
        return false;
    return type.len == len || type.data[len] == ';' || type.data[len] == ' ' || type.data[len] == '\t';
}

bool task_type_is_bytes(const struct task *t)
{
    return media_type_is(t->headers.content_type, WIRE_TYPE_BYTES);
}

bool body_will_be_bytes(const struct task *t)
{
    enum body_kind kind = t->route != NULL ? t->route->body : BODY_NONE;

    return kind == BODY_BYTES || (kind == BODY_BYTES_OR_JSON && task_type_is_bytes(t));
}

/* The JSON is gone when the handler returns, so it may be read even where nothing may grow. */
static enum err decode_body(const struct task *t, json_t **ret, struct why *why)
{
    size_t reach = mem_reach(t->api->mem, REACH_LOOK);
    enum err e = decode_json(buf_slice(&t->body), (size_t)t->api->settings->json_depth_max, ret, why);

    mem_reach(t->api->mem, reach);
    return e;
}

enum err task_json(const struct task *t, json_t **ret, struct why *why)
{
    if (t->long_json != NULL)
        return body_json_get(t->long_json, ret, why);
    if (t->body.len == 0 && t->route->body == BODY_JSON_OPTIONAL) {
        *ret = NULL;
        return ERR_OK;
    }
    return decode_body(t, ret, why);
}

enum err task_json_object(const struct task *t, json_t **ret, struct why *why)
{
    json_t *json = NULL;
    enum err e;

    if ((e = task_json(t, &json, why)))
        return e;
    if (json != NULL && !json_is_object(json)) {
        json_decref(json);
        return why_set(why, ERR_BAD_REQUEST, "the body is a JSON object: {...}");
    }
    *ret = json;
    return ERR_OK;
}

enum err task_may_grow(const struct task *t, uint64_t bytes, struct why *why)
{
    return session_may_grow(t->api->sessions, t->session, bytes, why);
}

struct decoder task_decoder(const struct task *t)
{
    return (struct decoder){.heap = t->api->heap, .mem = t->api->mem, .site = t->headers.site};
}

/* ---- preconditions ---- */

/* An etag as it stands on the wire, quotes and all: reply.h. */
static bool tag_is(struct slice tag, uint64_t etag)
{
    char text[sizeof "\"0123456789abcdef\""];

    snprintf(text, sizeof text, "\"%016llx\"", (unsigned long long)etag);
    return slice_is(tag, text);
}

bool etag_listed(struct slice list, uint64_t etag, bool weak)
{
    while (list.len > 0) {
        struct slice tag = slice_trim(slice_cut(&list, ',')); /* none of our tags has a comma in it */

        if (weak && tag.len > 2 && memcmp(tag.data, "W/", 2) == 0)
            tag = slice_from(tag, 2);
        if (slice_is(tag, "*") || tag_is(tag, etag))
            return true;
    }
    return false;
}

enum err task_if_match(const struct task *t, obj_id id, struct why *why)
{
    uint64_t etag;
    enum err e;

    if (t->headers.if_match.data == NULL)
        return ERR_OK;
    if ((e = heap_etag(t->api->heap, id, &etag, why)))
        return e;
    if (!etag_listed(t->headers.if_match, etag, false))
        return why_set(why, ERR_CHANGED,
                       "object %llu is no longer what If-Match says: its ETag is \"%016llx\"",
                       (unsigned long long)id, (unsigned long long)etag);
    return ERR_OK;
}
