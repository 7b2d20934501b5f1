/*
 * place.c - see place.h.
 */
#include "api/place.h"
#include "heap/base/check.h"
#include "heap/base/num.h"
#include "heap/root.h"

/* ---- where to ---- */

/* May the object `p->into` take a new one as p->field says? */
static enum err check_into(const struct task *t, const struct place *p, struct why *why)
{
    struct object_info info;

    if (heap_info(t->api->heap, p->into, &info, NULL) != ERR_OK)
        return why_set(why, ERR_DANGLING, "object %llu, to put it into, does not exist, or not any more",
                       (unsigned long long)p->into);
    switch (info.kind) {
    case HEAP_RECORD:
        if (p->field.data == NULL)
            return why_set(why, ERR_BAD_VALUE, "to put it into a record, name a field");
        return check_name(p->field, "field name", why);
    case HEAP_LIST:
        if (p->field.data != NULL)
            return why_set(why, ERR_WRONG_KIND, "object %llu is a list and has no fields",
                           (unsigned long long)p->into);
        return ERR_OK;
    case HEAP_BYTES:
        return why_set(why, ERR_WRONG_KIND, "object %llu is bytes and holds nothing",
                       (unsigned long long)p->into);
    }
    UNREACHABLE();
}

static enum err check_place(const struct task *t, const struct place *p, struct why *why)
{
    enum err e;

    if (p->root.data != NULL && (e = check_name(p->root, "root name", why)))
        return e;
    return p->into != 0 ? check_into(t, p, why) : ERR_OK;
}

static enum err read_into(const struct task *t, const json_t *into, struct place *p, struct why *why)
{
    struct decoder d = task_decoder(t);
    const json_t *id = json_object_get(into, "id");
    const json_t *field = json_object_get(into, "field");

    if (id == NULL || json_object_size(into) != (field != NULL ? 2 : 1))
        return why_set(why, ERR_BAD_VALUE,
                       "`into` is {\"id\": ID, \"field\": NAME}, or {\"id\": ID} of a list");
    if (field != NULL && !json_is_string(field))
        return why_set(why, ERR_BAD_VALUE, "`field` is a string");
    if (field != NULL)
        p->field = json_slice(field);
    return decode_id(&d, id, &p->into, why);
}

enum err place_from_json(const struct task *t, const json_t *body, struct place *ret, struct why *why)
{
    const json_t *root = json_object_get(body, "root");
    const json_t *into = json_object_get(body, "into");
    struct place p = {0};
    enum err e;

    if (root != NULL && !json_is_null(root)) {
        if (!json_is_string(root))
            return why_set(why, ERR_BAD_VALUE, "`root` is a string");
        p.root = json_slice(root);
    }
    if (into != NULL && !json_is_null(into) && (e = read_into(t, into, &p, why)))
        return e;
    if ((e = check_place(t, &p, why)))
        return e;
    *ret = p;
    return ERR_OK;
}

enum err place_from_query(const struct task *t, struct place *ret, struct why *why)
{
    struct place p = {0};
    struct slice unused;
    enum err e;

    query_get(t, "root", &p.root);
    query_get(t, "field", &p.field);
    if (p.field.data != NULL && !query_get(t, "into", &unused))
        return why_set(why, ERR_BAD_VALUE, "`field` goes with `into`");
    if ((e = query_u64(t, "into", 1, ID_MAX, 0, &p.into, why)) || (e = check_place(t, &p, why)))
        return e;
    *ret = p;
    return ERR_OK;
}

/* ---- putting ---- */

static enum err put_into(const struct task *t, const struct place *p, obj_id id, struct why *why)
{
    struct value link = value_link(id);

    if (p->field.data == NULL)
        return heap_push_item(t->api->heap, p->into, &link, NULL, why);
    return heap_edit_record(t->api->heap, p->into, &(struct field){.name = p->field, .value = link}, 1, why);
}

/* Both at once: the root first, for it can be taken back without asking for memory. */
static enum err put_both(const struct task *t, const struct place *p, obj_id id, struct why *why)
{
    struct heap *h = t->api->heap;
    obj_id before = 0;
    bool is_new;
    enum err e;

    if (root_get(h, p->root, &before, NULL) == ERR_OK && (e = heap_hold(h, before, why)))
        return e;
    if ((e = root_put(h, p->root, id, &is_new, why)) == ERR_OK && (e = put_into(t, p, id, why)) != ERR_OK)
        CHECK((is_new ? root_delete(h, p->root, NULL) : root_put(h, p->root, before, NULL, NULL)) == ERR_OK);
    if (before != 0)
        heap_release(h, before);
    return e;
}

enum err place_object(const struct task *t, const struct place *p, obj_id id, struct why *why)
{
    if (p->root.data != NULL && p->into != 0)
        return put_both(t, p, id, why);
    if (p->root.data != NULL)
        return root_put(t->api->heap, p->root, id, NULL, why);
    if (p->into != 0)
        return put_into(t, p, id, why);
    return session_hold(t->api->sessions, t->session, id, why);
}
