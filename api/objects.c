/*
 * objects.c - /v1/objects, /v1/objects/{id} and /v1/objects/{id}/hold.
 */
#include "api/documents.h"
#include "api/handlers.h"
#include "api/making.h"
#include "api/op.h"
#include "api/pages.h"
#include "api/place.h"
#include "heap/base/check.h"

#define LIST_SLOTS_PER_UNIT 64 /* slots looked at for one unit */

/* Answer with the document of an object, and its ETag. */
static enum err reply_document(struct task *t, int status, obj_id id, unsigned depth, struct why *why)
{
    struct out *o = reply_json(t, status);
    enum err e;

    if ((e = heap_etag(t->api->heap, id, &t->reply.etag, why)) ||
        (e = document_write_deep(t->api, o, id, depth, why)))
        return e;
    t->reply.has_etag = true;
    return reply_end(t, why);
}

/* ---- POST /v1/objects ---- */

static enum err check_members(const json_t *body, struct why *why)
{
    static const char *const known[] = {"class", "fields", "items", "root", "into"};
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        count += json_object_get(body, known[i]) != NULL;
    if (count != json_object_size(body))
        return why_set(why, ERR_BAD_VALUE,
                       "a new object has `class`, `fields` or `items`, `root` or `into`, "
                       "and nothing else");
    if (json_object_get(body, "fields") != NULL && json_object_get(body, "items") != NULL)
        return why_set(why, ERR_BAD_VALUE, "an object has `fields` or `items`, not both");
    return ERR_OK;
}

/* What a body asks for. */
struct wanted {
    struct label label;
    const json_t *fields, *items; /* one of them at most */
};

static enum err read_wanted(const struct task *t, const json_t *body, struct wanted *ret, struct why *why)
{
    const json_t *class = json_object_get(body, "class");
    struct wanted w = {.fields = json_object_get(body, "fields"), .items = json_object_get(body, "items")};

    w.label = (struct label){w.items != NULL ? SLICE("list") : SLICE("object"), t->headers.site};
    if (class != NULL && !json_is_string(class))
        return why_set(why, ERR_BAD_VALUE, "`class` is a string");
    if (class != NULL)
        w.label.class = json_slice(class);
    if (w.fields != NULL && !json_is_object(w.fields))
        return why_set(why, ERR_BAD_VALUE, "`fields` is an object");
    if (w.items != NULL && !json_is_array(w.items))
        return why_set(why, ERR_BAD_VALUE, "`items` is an array");
    *ret = w;
    return check_name(w.label.class, "class name", why);
}

static enum err new_record(const struct decoder *d, const struct wanted *w, obj_id *ret, struct why *why)
{
    struct decoded_fields f = {0};
    enum err e;

    if (w->fields != NULL && (e = decode_fields(d, w->fields, false, &f, why)))
        return e;
    e = heap_new_record(d->heap, w->label, f.fields, f.count, ret, why);
    fields_fini(d, &f);
    return e;
}

static enum err new_list(const struct decoder *d, const struct wanted *w, obj_id *ret, struct why *why)
{
    struct decoded_items l;
    enum err e;

    if ((e = decode_items(d, w->items, &l, why)))
        return e;
    e = heap_new_list(d->heap, w->label, l.items, l.count, ret, why);
    items_fini(d, &l);
    return e;
}

/* Most are plain, and need no JSON in between. */
static bool scan_object(const struct task *t, struct op_room *room, struct op *ret)
{
    struct decoder d = task_decoder(t);

    return t->long_json == NULL && t->api->settings->json_depth_max >= OP_SCAN_DEPTH &&
           op_scan_object(&d, buf_slice(&t->body), room, ret);
}

static enum err new_from_scanned(struct task *t, const struct op *op, obj_id *ret, struct why *why)
{
    struct label label = {op->name, t->headers.site};

    if (op->verb == OP_LIST)
        return heap_new_list(t->api->heap, label, op->items.items, op->items.count, ret, why);
    return heap_new_record(t->api->heap, label, op->fields.fields, op->fields.count, ret, why);
}

static enum err new_from_bytes(struct task *t, obj_id *ret, struct why *why)
{
    struct label label = {SLICE("bytes"), t->headers.site};
    enum err e;

    query_get(t, "class", &label.class);
    if ((e = check_name(label.class, "class name", why)))
        return e;
    return heap_new_bytes(t->api->heap, label, &t->payload, ret, why);
}

static enum err place_and_reply(struct task *t, const struct place *place, obj_id id, struct why *why)
{
    enum err e = place_object(t, place, id, why);

    heap_release(t->api->heap, id); /* ours; after an error that was all that kept it */
    if (e)
        return e;
    reply_location(t, "/v1/objects/", id);
    return reply_document(t, 201, id, 0, why);
}

static enum err post_bytes(struct task *t, struct why *why)
{
    struct place place;
    obj_id id;
    enum err e;

    if ((e = place_from_query(t, &place, why)) || (e = new_from_bytes(t, &id, why)))
        return e;
    return place_and_reply(t, &place, id, why);
}

/* A large one is made. Whether its place can take it is asked again: much may have happened meanwhile. */
static enum err post_made(struct task *t, const json_t *body, obj_id id, struct why *why)
{
    struct place place;
    enum err e = place_from_json(t, body, &place, why);

    if (e == ERR_OK)
        return place_and_reply(t, &place, id, why);
    heap_release(t->api->heap, id);
    return e;
}

static enum err post_json(struct task *t, const json_t *body, struct why *why)
{
    struct decoder d = task_decoder(t);
    const json_t *values;
    struct wanted w = {0};
    struct place place;
    obj_id id;
    enum err e;

    if ((e = check_members(body, why)) || (e = place_from_json(t, body, &place, why)) ||
        (e = read_wanted(t, body, &w, why)))
        return e;
    values = w.items != NULL ? w.items : w.fields;
    if (values != NULL && is_made_in_pieces(t, values))
        return make_then(t, w.label, body, values, post_made, why);
    e = w.items != NULL ? new_list(&d, &w, &id, why) : new_record(&d, &w, &id, why);
    return e ? e : place_and_reply(t, &place, id, why);
}

static enum err post_plain(struct task *t, const struct op *op, struct why *why)
{
    struct place session = {0};
    obj_id id;
    enum err e = new_from_scanned(t, op, &id, why);

    return e ? e : place_and_reply(t, &session, id, why);
}

/* POST /v1/objects {"class":"Node","fields":{..}}  ->  201, Location, the document */
enum err post_objects(struct api *api, struct task *t, struct why *why)
{
    json_auto_t *body = NULL;
    struct op_room room;
    struct op op;
    enum err e;

    (void)api;
    if ((e = task_may_grow(t, t->payload_filled, why)))
        return e;
    if (task_body_is_bytes(t))
        return post_bytes(t, why);
    if (scan_object(t, &room, &op))
        return post_plain(t, &op, why);
    if ((e = task_json_object(t, &body, why)))
        return e;
    return post_json(t, body, why);
}

/* ---- GET /v1/objects ---- */

/* A page that is being written: from slot to slot, a bounded number of them a step. */
struct listing {
    size_t left;        /* documents the page may still show */
    slot_t slot;        /* the last one looked at: the cursor */
    int generation;     /* -1: any */
    struct slice class; /* data NULL: any; the task's text */
    struct slice site;
};

static bool is_listed(const struct listing *l, const struct object_info *info)
{
    return (l->generation < 0 || info->generation == l->generation) &&
           (l->class.data == NULL || slice_eq(l->class, info->class)) &&
           (l->site.data == NULL || slice_eq(l->site, info->site));
}

static enum err list_object(struct task *t, struct listing *l, obj_id id, struct why *why)
{
    struct object_info info;
    enum err e;

    if ((e = heap_info(t->api->heap, id, &info, why)))
        return e;
    if (!is_listed(l, &info))
        return ERR_OK;
    l->left--;
    return document_write(t->api, &t->out, id, why);
}

static enum err list_step(struct task *t, void *ctx, size_t units, enum task_turn *turn, struct why *why)
{
    struct listing *l = ctx;

    for (; units > 0; units--) {
        obj_id id = heap_next_object(t->api->heap, &l->slot, LIST_SLOTS_PER_UNIT);
        enum err e = id != 0 ? list_object(t, l, id, why) : ERR_OK;

        if (e)
            return e;
        if (l->slot != 0 && l->left > 0 && t->reply.body.len < PAGE_BYTES_SOFT)
            continue;
        *turn = TASK_DONE;
        return reply_page_end(t, l->slot, why);
    }
    *turn = TASK_MORE;
    return ERR_OK;
}

static void list_destroy(struct task *t, void *ctx)
{
    mem_free(t->api->mem, ctx, sizeof(struct listing));
}

static enum err read_listing(const struct task *t, struct listing *ret, struct why *why)
{
    struct listing l = {.generation = -1};
    struct slice text;
    struct page page;
    uint64_t generation;
    enum err e;

    if ((e = query_page(t, &page, why)) ||
        (e = query_u64(t, "generation", 0, GC_GENERATIONS - 1, 0, &generation, why)))
        return e;
    if (page.cursor > SLOT_MAX)
        return why_set(why, ERR_BAD_VALUE, "this cursor comes from no page of objects");
    if (query_get(t, "generation", &text))
        l.generation = (int)generation;
    query_get(t, "class", &l.class);
    query_get(t, "site", &l.site);
    l.left = page.limit;
    l.slot = (slot_t)page.cursor;
    *ret = l;
    return ERR_OK;
}

/* GET /v1/objects?class=&generation=&site=  ->  200 a page of documents */
enum err get_objects(struct api *api, struct task *t, struct why *why)
{
    static const struct task_work work = {.step = list_step, .destroy = list_destroy};
    struct listing listing, *kept;
    enum err e;

    if ((e = read_listing(t, &listing, why)))
        return e;
    kept = mem_alloc(api->mem, sizeof *kept);
    if (kept == NULL)
        return why_set(why, ERR_NOMEM, "no memory to begin a page");
    *kept = listing;
    reply_page(t);
    task_work(t, &work, kept);
    return ERR_OK;
}

/* ---- one object ---- */

/* GET /v1/objects/{id}?depth=N  ->  200 the document, or 304. The ETag says nothing of the objects that a
 * depth shows below this one, so with one there is no 304. */
enum err get_object(struct api *api, struct task *t, struct why *why)
{
    obj_id id;
    uint64_t depth, etag;
    enum err e;

    if ((e = path_id(t, &id, why)) || (e = query_u64(t, "depth", 0, UINT32_MAX, 0, &depth, why)))
        return e;
    if (t->headers.if_none_match.data != NULL && depth == 0) {
        if ((e = heap_etag(api->heap, id, &etag, why)))
            return e;
        if (etag_listed(t->headers.if_none_match, etag, true)) {
            t->reply.has_etag = true;
            t->reply.etag = etag;
            return reply_empty(t, 304);
        }
    }
    return reply_document(t, 200, id, (unsigned)depth, why);
}

static enum err check_patched(const struct task *t, obj_id *ret, struct why *why)
{
    enum err e = path_object(t, ret, why);

    return e ? e : task_if_match(t, *ret, why);
}

static enum err apply_patch(struct task *t, const struct decoded_fields *edits, struct why *why)
{
    obj_id id;
    enum err e;

    if ((e = check_patched(t, &id, why)) || (e = heap_edit_record(t->api->heap, id, edits->fields, edits->count, why)))
        return e;
    return reply_document(t, 200, id, 0, why);
}

/* It takes away, and adds nothing. */
static bool only_unsets(json_t *patch)
{
    const char *name;
    json_t *value;

    json_object_foreach(patch, name, value) {
        if (!json_is_null(value))
            return false;
    }
    return true;
}

static enum err patch_at_once(struct task *t, json_t *patch, struct why *why)
{
    struct decoder d = task_decoder(t);
    struct decoded_fields edits;
    enum err e = decode_fields(&d, patch, true, &edits, why);

    if (e == ERR_OK) {
        e = apply_patch(t, &edits, why);
        fields_fini(&d, &edits);
    }
    return e;
}

/* What takes away is never refused for want of room. */
static enum err patch_away(struct task *t, json_t *patch, struct why *why)
{
    size_t reach = mem_reach(t->api->mem, REACH_LET_GO);
    enum err e = patch_at_once(t, patch, why);

    mem_reach(t->api->mem, reach);
    return e;
}

/* PATCH /v1/objects/{id} {"left":{"$ref":9},"val":null}  ->  200 the document */
enum err patch_object(struct api *api, struct task *t, struct why *why)
{
    json_auto_t *body = NULL;
    bool takes_away;
    obj_id id;
    enum err e;

    (void)api;
    if ((e = check_patched(t, &id, why)) || (e = task_json(t, &body, why)))
        return e;
    if (!json_is_object(body))
        return why_set(why, ERR_BAD_VALUE,
                       "a patch is an object: the fields to set, null for those to remove");
    takes_away = only_unsets(body);
    if (!takes_away && (e = task_may_grow(t, 0, why)))
        return e;
    if (is_made_in_pieces(t, body))
        return make_fields_then(t, body, apply_patch, why);
    return takes_away ? patch_away(t, body, why) : patch_at_once(t, body, why);
}

/* ---- holds ---- */

/* PUT /v1/objects/{id}/hold  ->  200 {"refs":3} */
enum err put_hold(struct api *api, struct task *t, struct why *why)
{
    struct object_info info;
    obj_id id;
    enum err e;

    if ((e = path_object(t, &id, why)) || (e = task_if_match(t, id, why)) ||
        (e = session_hold(api->sessions, t->session, id, why)) || (e = heap_info(api->heap, id, &info, why)))
        return e;
    struct out *o = reply_json(t, 200);

    out_open_object(o);
    out_member_u64(o, "refs", info.refs);
    out_close_object(o);
    return reply_end(t, why);
}

/* DELETE /v1/objects/{id}/hold, DELETE /v1/objects/{id}  ->  200 {"alive":true,"refs":2}, {"alive":false} */
enum err delete_hold(struct api *api, struct task *t, struct why *why)
{
    struct object_info info;
    obj_id id;
    enum err e;

    if ((e = path_object(t, &id, why)) || (e = task_if_match(t, id, why)) ||
        (e = session_drop(api->sessions, t->session, id, why)))
        return e;
    struct out *o = reply_json(t, 200);
    bool alive = heap_info(api->heap, id, &info, NULL) == ERR_OK;

    out_open_object(o);
    out_member_bool(o, "alive", alive);
    if (alive)
        out_member_u64(o, "refs", info.refs);
    out_close_object(o);
    return reply_end(t, why);
}
