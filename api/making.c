/*
 * making.c - see making.h.
 */
#include "api/making.h"
#include "heap/base/check.h"

#define NODES_PER_UNIT 4 /* a value takes about 50 ns, an op of a batch 500 */

/* A container that is being filled. */
struct frame {
    const json_t *json;
    obj_id id;
    size_t index; /* of the next item */
    void *member; /* the next one; jansson's iterator */
};

struct making {
    struct decoder d;
    struct scope *made; /* holds the object as its entry 0; NULL when it is done */
    json_t *body;
    made_fn *then;
    size_t depth, depth_max;
    struct frame frames[];
};

/* ---- how much is it? ---- */

static size_t count_nodes(const json_t *json, size_t max)
{
    json_t *own = (json_t *)(uintptr_t)json; /* jansson's iterator takes no const; nothing is changed */
    size_t count = 1;

    if (json_is_array(json)) {
        for (size_t i = 0; i < json_array_size(json) && count < max; i++)
            count += count_nodes(json_array_get(json, i), max - count);
    } else if (json_is_object(json)) {
        for (void *i = json_object_iter(own); i != NULL && count < max; i = json_object_iter_next(own, i))
            count += count_nodes(json_object_iter_value(i), max - count);
    }
    return count;
}

bool is_made_in_pieces(const struct task *t, const json_t *value)
{
    return t->long_json != NULL && count_nodes(value, MAKING_NODES_MAX + 1) > MAKING_NODES_MAX;
}

/* ---- a container ---- */

/* Make it, empty; the reference is ours. */
static enum err new_container(const struct decoder *d, struct label label, const json_t *json, obj_id *ret,
                              struct why *why)
{
    if (json_is_array(json))
        return heap_new_list(d->heap, label, NULL, 0, ret, why);
    return heap_new_record(d->heap, label, NULL, 0, ret, why);
}

static void begin_container(struct making *m, const json_t *json, obj_id id)
{
    m->frames[m->depth++] = (struct frame){
        .json = json,
        .id = id,
        .member = json_is_object(json) ? json_object_iter((json_t *)(uintptr_t)json) : NULL,
    };
}

/* ---- what it contains ---- */

struct child {
    const json_t *json;
    struct slice key; /* of a member */
};

/* False: there is no other. */
static bool next_child(struct frame *f, struct child *ret)
{
    if (json_is_array(f->json)) {
        *ret = (struct child){.json = json_array_get(f->json, f->index++)};
        return ret->json != NULL;
    }
    if (f->member == NULL)
        return false;
    *ret = (struct child){
        .json = json_object_iter_value(f->member),
        .key = {json_object_iter_key(f->member), json_object_iter_key_len(f->member)},
    };
    f->member = json_object_iter_next((json_t *)(uintptr_t)f->json, f->member);
    return true;
}

static enum err add(const struct making *m, const struct frame *f, struct slice key, const struct value *v,
                    struct why *why)
{
    struct field field = {.value = *v};
    enum err e;

    if (json_is_array(f->json))
        return heap_push_item(m->d.heap, f->id, v, NULL, why);
    if ((e = decode_name(key, &field.name, why)))
        return e;
    return heap_edit_record(m->d.heap, f->id, &field, 1, why);
}

static enum err add_large(struct making *m, struct frame *f, const struct child *c, struct why *why)
{
    struct label label = {json_is_array(c->json) ? SLICE("list") : SLICE("object"), m->d.site};
    struct value link;
    obj_id id;
    enum err e;

    if ((e = new_container(&m->d, label, c->json, &id, why)))
        return e;
    link = value_link(id);
    e = add(m, f, c->key, &link, why);
    heap_release(m->d.heap, id); /* what it is in holds it */
    if (e == ERR_OK)
        begin_container(m, c->json, id);
    return e;
}

static enum err add_small(struct making *m, const struct frame *f, const struct child *c, struct why *why)
{
    struct decoded v;
    enum err e = decode_value(&m->d, c->json, &v, why);

    if (e != ERR_OK)
        return e;
    e = add(m, f, c->key, &v.value, why);
    value_fini(&m->d, &v);
    return e;
}

static enum err add_child(struct making *m, struct frame *f, const struct child *c, size_t *nodes, struct why *why)
{
    size_t count = count_nodes(c->json, MAKING_NODES_MAX + 1);

    *nodes -= count < *nodes ? count : *nodes;
    if (count > MAKING_NODES_MAX && m->depth < m->depth_max)
        return add_large(m, f, c, why);
    return add_small(m, f, c, why);
}

/* ---- the work ---- */

/* The one object of the scope: unless somebody else holds it, it is dead now, with all that is in it. */
static void let_go(struct making *m)
{
    CHECK(scope_close(&m->made, SIZE_MAX) > 0 && m->made == NULL);
}

/* All is there: its reference goes to whoever goes on. */
static enum err finish(struct task *t, struct making *m, struct why *why)
{
    obj_id id = scope_get(m->made, 0);

    CHECK(heap_hold(m->d.heap, id, NULL) == ERR_OK);
    let_go(m);
    return m->then(t, m->body, id, why);
}

static enum err making_step(struct task *t, void *ctx, size_t units, enum task_turn *turn, struct why *why)
{
    struct making *m = ctx;
    size_t nodes = units * NODES_PER_UNIT;
    enum err e = ERR_OK;

    while (m->depth > 0 && nodes > 0 && e == ERR_OK) {
        struct frame *f = &m->frames[m->depth - 1];
        struct child c;

        if (next_child(f, &c))
            e = add_child(m, f, &c, &nodes, why);
        else
            m->depth--;
    }
    *turn = m->depth > 0 ? TASK_MORE : TASK_DONE;
    return e != ERR_OK || m->depth > 0 ? e : finish(t, m, why);
}

static size_t making_bytes(size_t depth_max)
{
    return sizeof(struct making) + depth_max * sizeof(struct frame);
}

static void making_destroy(struct task *t, void *ctx)
{
    struct making *m = ctx;

    let_go(m);
    json_decref(m->body);
    mem_free(t->api->mem, m, making_bytes(m->depth_max));
}

static enum err begin(struct making *m, struct label label, const json_t *value, struct why *why)
{
    obj_id id;
    enum err e;

    if ((m->made = scope_open(m->d.heap)) == NULL)
        return why_set(why, ERR_NOMEM, "no memory to hold what is made");
    if ((e = new_container(&m->d, label, value, &id, why)) || (e = scope_keep(m->made, 0, id, why)))
        return e;
    begin_container(m, value, id);
    return ERR_OK;
}

enum err make_then(struct task *t, struct label label, const json_t *body, const json_t *value, made_fn *then,
                   struct why *why)
{
    static const struct task_work work = {making_step, making_destroy};
    size_t depth_max = (size_t)t->api->settings->json_depth_max;
    struct making *m = mem_alloc(t->api->mem, making_bytes(depth_max));
    enum err e;

    if (m == NULL)
        return why_set(why, ERR_NOMEM, "no memory to make a large object");
    *m = (struct making){
        .d = task_decoder(t), .body = json_incref((json_t *)(uintptr_t)body), .then = then, .depth_max = depth_max};
    e = begin(m, label, value, why);
    if (e != ERR_OK)
        making_destroy(t, m);
    else
        task_work(t, &work, m);
    return e;
}
