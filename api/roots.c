/*
 * roots.c - /v1/roots and /v1/weak: names by which objects are found again, and kept or not kept.
 *
 * Both are a table of names with the same calls, so both are served by the same code. Names in the path are
 * percent-encoded; all that is left of the path is one name, so a slash in it may be written as it is.
 */
#include "api/decode.h"
#include "api/handlers.h"
#include "api/pages.h"
#include "heap/root.h"
#include "heap/weak.h"

struct names {
    const char *what;
    enum err (*put)(struct heap *h, struct slice name, obj_id id, bool *ret_new, struct why *why);
    enum err (*get)(const struct heap *h, struct slice name, obj_id *ret,
                    struct why *why); /* 0: it is dead */
    enum err (*remove)(struct heap *h, struct slice name, struct why *why);
    bool (*next)(const struct heap *h, uint32_t *cursor, struct slice *ret_name, obj_id *ret_id);
};

static const struct names roots = {"root", root_put, root_get, root_delete, root_next};
static const struct names weak_names = {"weak name", weak_put, weak_get, weak_delete, weak_next};

static enum err path_name(const struct task *task, const struct names *names, struct slice *ret,
                          struct why *why)
{
    enum err e = check_name(task->params[0], names->what, why);

    if (e == ERR_OK)
        *ret = task->params[0];
    return e;
}

/* ---- the page ---- */

static void write_entry(struct out *o, struct slice name, obj_id id)
{
    out_open_object(o);
    out_member_string(o, "name", name);
    if (id != 0)
        out_member_u64(o, "$ref", id);
    else
        out_member_null(o, "$ref");
    out_close_object(o);
}

static bool has_prefix(struct slice name, struct slice prefix)
{
    return name.len >= prefix.len && memcmp(name.data, prefix.data, prefix.len) == 0;
}

/* ?prefix=  ->  {"items": [{"name": "cache", "$ref": 7}], "next": null}. Looks at PAGE_SCAN_MAX names at
 * most, so with a rare prefix a page may be empty while `next` is not null. */
static enum err get_page(struct api *api, struct task *task, const struct names *names, struct why *why)
{
    struct slice name, prefix = SLICE("");
    struct page page;
    struct out *o;
    uint32_t next;
    obj_id id;
    size_t shown = 0;
    enum err e = query_page(task, &page, why);

    if (e)
        return e;
    query_get(task, "prefix", &prefix);
    o = reply_page(task);
    next = cursor_u32(page.cursor);
    for (size_t seen = 0; names->next(api->heap, &next, &name, &id); seen++) {
        if (page_is_full(o, shown, &page) || seen == PAGE_SCAN_MAX)
            return reply_page_end(task, page.cursor, why);
        if (has_prefix(name, prefix)) {
            write_entry(o, name, id);
            shown++;
        }
        page.cursor = next;
    }
    return reply_page_end(task, 0, why);
}

/* ---- one name ---- */

static enum err reply_ref(struct task *task, obj_id id, struct why *why)
{
    struct out *o = reply_json(task, 200);

    if (id != 0)
        out_ref(o, id);
    else
        out_null(o);
    return reply_end(task, why);
}

static enum err get_name(struct api *api, struct task *task, const struct names *names, struct why *why)
{
    struct slice name;
    obj_id id;
    enum err e;

    if ((e = path_name(task, names, &name, why)) || (e = names->get(api->heap, name, &id, why)))
        return e;
    return reply_ref(task, id, why);
}

static enum err put_name(struct api *api, struct task *task, const struct names *names, struct why *why)
{
    const struct decoder plain = {.heap = api->heap, .mem = api->mem};
    json_auto_t *body = NULL;
    struct slice name;
    obj_id id;
    enum err e;

    if ((e = path_name(task, names, &name, why)) || (e = task_json(task, &body, why)) ||
        (e = decode_ref(&plain, body, &id, why)) || (e = names->put(api->heap, name, id, NULL, why)))
        return e;
    return reply_ref(task, id, why);
}

static enum err delete_name(struct api *api, struct task *task, const struct names *names, struct why *why)
{
    struct slice name;
    enum err e;

    if ((e = path_name(task, names, &name, why)) || (e = names->remove(api->heap, name, why)))
        return e;
    return reply_nothing(task, why);
}

/* ---- handlers ---- */

/* GET /v1/roots  ->  200, a page */
enum err get_roots(struct api *api, struct task *task, struct why *why)
{
    return get_page(api, task, &roots, why);
}

/* GET /v1/roots/{name}  ->  200 {"$ref": 7} */
enum err get_root(struct api *api, struct task *task, struct why *why)
{
    return get_name(api, task, &roots, why);
}

/* PUT /v1/roots/{name} {"$ref": 7}  ->  200, the same */
enum err put_root(struct api *api, struct task *task, struct why *why)
{
    return put_name(api, task, &roots, why);
}

/* DELETE /v1/roots/{name}  ->  200 {} */
enum err delete_root(struct api *api, struct task *task, struct why *why)
{
    return delete_name(api, task, &roots, why);
}

/* GET /v1/weak  ->  200, a page; "$ref" is null where the object is dead */
enum err get_weak_names(struct api *api, struct task *task, struct why *why)
{
    return get_page(api, task, &weak_names, why);
}

/* GET /v1/weak/{name}  ->  200 {"$ref": 7}, or null once it is dead */
enum err get_weak_name(struct api *api, struct task *task, struct why *why)
{
    return get_name(api, task, &weak_names, why);
}

/* PUT /v1/weak/{name} {"$ref": 7}  ->  200, the same */
enum err put_weak_name(struct api *api, struct task *task, struct why *why)
{
    news_flush_name(api, task->params[0]);
    return put_name(api, task, &weak_names, why);
}

/* DELETE /v1/weak/{name}  ->  200 {} */
enum err delete_weak_name(struct api *api, struct task *task, struct why *why)
{
    news_flush_name(api, task->params[0]);
    return delete_name(api, task, &weak_names, why);
}
