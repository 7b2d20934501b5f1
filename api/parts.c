/*
 * parts.c - /v1/objects/{id}/fields and /v1/objects/{id}/items, and one of each.
 *
 * A page of fields goes on at a name, for a record has no numbers; a page of items at an index.
 */
#include "api/documents.h"
#include "api/handlers.h"
#include "api/making.h"
#include "api/pages.h"
#include "heap/base/num.h"

static enum err reply_value(struct task *t, int status, struct value v, struct why *why)
{
    value_write(reply_json(t, status), &v);
    return reply_end(t, why);
}

/* The rest of a request with a value, which it looks at. */
typedef enum err value_fn(struct task *t, const struct value *v, struct why *why);

/* Decode the body as a value, and go on with `use`; `made` does so when it is a large one. */
static enum err with_value(struct task *t, value_fn *use, made_fn *made, struct why *why)
{
    struct decoder d = task_decoder(t);
    json_auto_t *body = NULL;
    struct decoded v;
    enum err e;

    if ((e = task_json(t, &body, why)) || (e = task_may_grow(t, 0, why)))
        return e;
    if (is_made_in_pieces(t, body))
        return make_then(t, (struct label){json_is_array(body) ? SLICE("list") : SLICE("object"), d.site}, body, body,
                         made, why);
    if ((e = decode_value(&d, body, &v, why)))
        return e;
    e = use(t, &v.value, why);
    value_fini(&d, &v);
    return e;
}

static enum err with_made(struct task *t, value_fn *use, obj_id id, struct why *why)
{
    struct value link = value_link(id);
    enum err e = use(t, &link, why);

    heap_release(t->api->heap, id);
    return e;
}

static enum err expect_kind(const struct task *t, obj_id id, enum heap_kind kind, struct object_info *ret,
                            struct why *why)
{
    enum err e;

    if ((e = heap_info(t->api->heap, id, ret, why)))
        return e;
    if (ret->kind != kind)
        return why_set(why, ERR_WRONG_KIND, "object %llu has no %s", (unsigned long long)id,
                       kind == HEAP_RECORD ? "fields" : "items");
    return ERR_OK;
}

/* ---- a page of fields ---- */

static void write_field(struct out *o, const struct part *part)
{
    out_open_object(o);
    out_member_string(o, "name", part->name);
    out_key(o, "value");
    value_write(o, &part->value);
    out_close_object(o);
}

static enum err reply_fields(struct task *t, obj_id id, struct part_cursor at, uint64_t limit,
                             struct why *why)
{
    struct out *o = reply_page(t);
    struct page page = {.limit = (size_t)limit};
    struct part part;
    bool more;

    for (size_t shown = 0; (more = heap_next_part(t->api->heap, id, &at, &part)); shown++) {
        if (page_is_full(o, shown, &page))
            break;
        write_field(o, &part);
    }
    if (!more)
        return reply_page_end(t, 0, why);
    out_close_array(o);
    out_member_string(o, "next", part.name);
    out_close_object(o);
    return reply_end(t, why);
}

/* GET /v1/objects/{id}/fields?limit=&cursor=NAME  ->  200
 * {"items":[{"name":"left","value":..},..],"next":NAME} */
enum err get_fields(struct api *api, struct task *t, struct why *why)
{
    struct part_cursor at = {0};
    struct object_info info;
    struct slice name;
    uint64_t limit;
    obj_id id;
    enum err e;

    if ((e = path_object(t, &id, why)) || (e = expect_kind(t, id, HEAP_RECORD, &info, why)) ||
        (e = query_u64(t, "limit", 1, WIRE_PAGE_MAX, WIRE_PAGE_DEFAULT, &limit, why)))
        return e;
    if (query_get(t, "cursor", &name) && heap_seek_field(api->heap, id, name, &at, NULL) != ERR_OK)
        return why_set(why, ERR_BAD_VALUE, "the page should go on at the field %.*s, which is not there",
                       (int)name.len, name.data);
    return reply_fields(t, id, at, limit, why);
}

/* ---- one field ---- */

static enum err path_field(const struct task *t, obj_id *ret_id, struct slice *ret_name, struct why *why)
{
    *ret_name = t->params[1];
    return path_object(t, ret_id, why);
}

/* GET /v1/objects/{id}/fields/{name}  ->  200 the value */
enum err get_field(struct api *api, struct task *t, struct why *why)
{
    struct slice name;
    struct value v;
    obj_id id;
    enum err e;

    if ((e = path_field(t, &id, &name, why)) || (e = heap_get_field(api->heap, id, name, &v, why)))
        return e;
    return reply_value(t, 200, v, why);
}

static enum err set_field(struct api *api, obj_id id, struct slice name, struct value v, bool *ret_new,
                          struct why *why)
{
    struct field edit = {.name = name, .value = v};
    struct value before;

    *ret_new = heap_get_field(api->heap, id, name, &before, NULL) == ERR_NO_NAME;
    return heap_edit_record(api->heap, id, &edit, 1, why);
}

static enum err check_field(const struct task *t, obj_id *ret_id, struct slice *ret_name, struct why *why)
{
    enum err e = path_field(t, ret_id, ret_name, why);

    return e ? e : task_if_match(t, *ret_id, why);
}

static enum err use_in_field(struct task *t, const struct value *v, struct why *why)
{
    struct heap *h = t->api->heap;
    struct slice name;
    struct value now;
    bool is_new;
    obj_id id;
    enum err e;

    if ((e = check_field(t, &id, &name, why)) || (e = set_field(t->api, id, name, *v, &is_new, why)) ||
        (e = heap_get_field(h, id, name, &now, why)))
        return e;
    return reply_value(t, is_new ? 201 : 200, now, why);
}

static enum err field_made(struct task *t, const json_t *body, obj_id id, struct why *why)
{
    (void)body;
    return with_made(t, use_in_field, id, why);
}

/* PUT /v1/objects/{id}/fields/{name} VALUE  ->  200, or 201 if the field is new, the value as it reads now */
enum err put_field(struct api *api, struct task *t, struct why *why)
{
    struct slice name;
    obj_id id;
    enum err e;

    (void)api;
    if ((e = check_field(t, &id, &name, why)))
        return e;
    return with_value(t, use_in_field, field_made, why);
}

/* DELETE /v1/objects/{id}/fields/{name}  ->  204 */
enum err delete_field(struct api *api, struct task *t, struct why *why)
{
    struct slice name;
    obj_id id;
    enum err e;

    if ((e = path_field(t, &id, &name, why)) || (e = task_if_match(t, id, why)) ||
        (e = unset_field(api, id, name, why)))
        return e;
    return reply_empty(t, 204);
}

/* ---- a page of items ---- */

/* GET /v1/objects/{id}/items?limit=&cursor=INDEX  ->  200 {"items":[1,{"$ref":8},..],"next":INDEX} */
enum err get_items(struct api *api, struct task *t, struct why *why)
{
    struct part_cursor at = {0};
    struct object_info info;
    struct part part;
    struct page page;
    size_t shown = 0;
    obj_id id;
    enum err e;

    if ((e = path_object(t, &id, why)) || (e = expect_kind(t, id, HEAP_LIST, &info, why)) ||
        (e = query_page(t, &page, why)))
        return e;
    struct out *o = reply_page(t);

    if (page.cursor < info.parts && (e = heap_seek_item(api->heap, id, page.cursor, &at, why)))
        return e;
    while (page.cursor + shown < info.parts && !page_is_full(o, shown, &page) &&
           heap_next_part(api->heap, id, &at, &part)) {
        value_write(o, &part.value);
        shown++;
    }
    page.cursor += shown;
    return reply_page_end(t, page.cursor < info.parts ? page.cursor : 0, why);
}

static enum err use_as_last(struct task *t, const struct value *v, struct why *why)
{
    uint64_t index;
    obj_id id;
    enum err e;

    if ((e = path_object(t, &id, why)) || (e = heap_push_item(t->api->heap, id, v, &index, why)))
        return e;
    struct out *o = reply_json(t, 201);

    out_open_object(o);
    out_member_u64(o, "index", index);
    out_close_object(o);
    reply_location(t, "/v1/objects/", id);
    reply_location(t, "/items/", index);
    return reply_end(t, why);
}

static enum err last_made(struct task *t, const json_t *body, obj_id id, struct why *why)
{
    (void)body;
    return with_made(t, use_as_last, id, why);
}

/* POST /v1/objects/{id}/items VALUE  ->  201 {"index":3} */
enum err post_items(struct api *api, struct task *t, struct why *why)
{
    obj_id id;
    enum err e;

    (void)api;
    if ((e = path_object(t, &id, why)))
        return e;
    return with_value(t, use_as_last, last_made, why);
}

/* ---- one item ---- */

/* What is no number is no index: a list has no such item, whatever it is. */
static enum err path_item(const struct task *t, obj_id *ret_id, uint64_t *ret_index, struct why *why)
{
    struct slice text = t->params[1];
    struct object_info info;
    enum err e;

    if ((e = path_object(t, ret_id, why)) || (e = expect_kind(t, *ret_id, HEAP_LIST, &info, why)))
        return e;
    if (!parse_u64(text, UINT64_MAX, ret_index))
        return why_set(why, ERR_NO_NAME, "%.*s is not the index of an item", (int)text.len, text.data);
    return ERR_OK;
}

/* GET /v1/objects/{id}/items/{index}  ->  200 the value */
enum err get_item(struct api *api, struct task *t, struct why *why)
{
    struct value v;
    uint64_t index;
    obj_id id;
    enum err e;

    if ((e = path_item(t, &id, &index, why)) || (e = heap_get_item(api->heap, id, index, &v, why)))
        return e;
    return reply_value(t, 200, v, why);
}

static enum err check_item(const struct task *t, obj_id *ret_id, uint64_t *ret_index, struct why *why)
{
    enum err e = path_item(t, ret_id, ret_index, why);

    return e ? e : task_if_match(t, *ret_id, why);
}

static enum err use_as_item(struct task *t, const struct value *v, struct why *why)
{
    struct heap *h = t->api->heap;
    struct value now;
    uint64_t index;
    obj_id id;
    enum err e;

    if ((e = check_item(t, &id, &index, why)) || (e = heap_set_item(h, id, index, v, why)) ||
        (e = heap_get_item(h, id, index, &now, why)))
        return e;
    return reply_value(t, 200, now, why);
}

static enum err item_made(struct task *t, const json_t *body, obj_id id, struct why *why)
{
    (void)body;
    return with_made(t, use_as_item, id, why);
}

/* PUT /v1/objects/{id}/items/{index} VALUE  ->  200 the value as it reads now */
enum err put_item(struct api *api, struct task *t, struct why *why)
{
    uint64_t index;
    obj_id id;
    enum err e;

    (void)api;
    if ((e = check_item(t, &id, &index, why)))
        return e;
    return with_value(t, use_as_item, item_made, why);
}

/* DELETE /v1/objects/{id}/items/{index}  ->  204 */
enum err delete_item(struct api *api, struct task *t, struct why *why)
{
    uint64_t index;
    obj_id id;
    enum err e;

    if ((e = path_item(t, &id, &index, why)) || (e = task_if_match(t, id, why)) ||
        (e = heap_delete_item(api->heap, id, index, why)))
        return e;
    return reply_empty(t, 204);
}
