/*
 * making.c - see making.h.
 *
 * CHECK and MAKE are the same walk from the outside in, with other things done at each child.
 */
#include "api/making.h"
#include "heap/base/check.h"
#include "heap/staging.h"

#define NODES_PER_UNIT 4 /* a value takes about 50 ns, an op of a batch 500 */

enum phase { CHECK_IT, MAKE_IT, SETTLE_IT };

/* A container that is being looked through or filled. */
struct frame {
    const json_t *json;
    obj_id id;    /* MAKE_IT; 0: its members are the fields of a patch */
    size_t index; /* of the next item */
    void *member; /* the next one; jansson's iterator */
};

/* What follows: one of them. */
struct next {
    made_fn *made;
    fields_fn *fields;
};

struct making {
    struct decoder d;
    const struct api *api;
    session_id session; /* in which it is made */
    enum phase phase;
    struct next next;
    struct body_json *source; /* of these two */
    const json_t *body, *value;
    struct label label;
    struct scope_end *named; /* holds what the JSON names, from its check until it is made */
    struct scope_end *made;  /* holds the object, or those in the fields; NULL when somebody else does */
    struct staging *staging;
    struct decoded_fields fields; /* of a patch, with room for all of its members */
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

static void begin_container(struct making *m, const json_t *json, obj_id id)
{
    CHECK(m->depth < m->depth_max);
    m->frames[m->depth++] = (struct frame){
        .json = json,
        .id = id,
        .member = json_is_object(json) ? json_object_iter((json_t *)(uintptr_t)json) : NULL,
    };
}

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

/* ---- the check ---- */

static enum err hold_named(const struct making *m, const json_t *json_id, struct why *why)
{
    struct scope *s = m->named->scope;
    obj_id id;
    enum err e = decode_id(&m->d, json_id, &id, why);

    return e ? e : scope_hold(s, scope_end(s), id, why);
}

/* All that decode_value() can refuse is names, and what links say. */
static enum err check_child(struct making *m, const struct frame *f, const struct child *c, struct why *why)
{
    const json_t *id = link_id(c->json);
    struct slice name;
    enum err e;

    if (json_is_object(f->json) && (e = decode_name(c->key, &name, why)))
        return e;
    if (id != NULL)
        return hold_named(m, id, why);
    if (json_is_array(c->json) || json_is_object(c->json))
        begin_container(m, c->json, 0);
    return ERR_OK;
}

/* ---- the making ---- */

/* Make it, empty; the reference is ours. */
static enum err new_container(const struct decoder *d, struct label label, const json_t *json, obj_id *ret,
                              struct why *why)
{
    if (json_is_array(json))
        return heap_new_list(d->heap, label, NULL, 0, ret, why);
    return heap_new_record(d->heap, label, NULL, 0, ret, why);
}

/* To the fields of a patch: what is new in it is held by `made`. */
static enum err add_field(struct making *m, const struct field *field, bool is_null, bool fresh, struct why *why)
{
    struct scope *made = m->made->scope;
    enum err e;

    if (fresh && (e = heap_hold(m->d.heap, field->value.id, why)))
        return e;
    if (fresh && (e = scope_keep(made, scope_end(made), field->value.id, why)))
        return e;
    m->fields.fields[m->fields.count] = *field;
    m->fields.fields[m->fields.count++].unset = is_null;
    return ERR_OK;
}

static enum err add(struct making *m, const struct frame *f, const struct child *c, const struct decoded *v,
                    struct why *why)
{
    struct field field = {.value = v->value};
    enum err e;

    if (json_is_array(f->json))
        return heap_push_item(m->d.heap, f->id, &v->value, NULL, why);
    if ((e = decode_name(c->key, &field.name, why)))
        return e;
    if (f->id == 0)
        return add_field(m, &field, json_is_null(c->json), v->fresh, why);
    return heap_edit_record(m->d.heap, f->id, &field, 1, why);
}

static enum err make_container(struct making *m, const struct child *c, struct decoded *ret, struct why *why)
{
    struct label label = {json_is_array(c->json) ? SLICE("list") : SLICE("object"), m->d.site};
    obj_id id;
    enum err e = new_container(&m->d, label, c->json, &id, why);

    if (e == ERR_OK)
        *ret = (struct decoded){.value = value_link(id), .fresh = true};
    return e;
}

static enum err add_child(struct making *m, const struct frame *f, const struct child *c, bool large, struct why *why)
{
    struct decoded v;
    obj_id id;
    enum err e;

    if ((e = large ? make_container(m, c, &v, why) : decode_value(&m->d, c->json, &v, why)))
        return e;
    id = v.value.id;
    e = add(m, f, c, &v, why);
    value_fini(&m->d, &v); /* what it is in holds it */
    if (e == ERR_OK && large)
        begin_container(m, c->json, id);
    return e;
}

/* ---- the walk ---- */

static enum err visit(struct making *m, const struct frame *f, const struct child *c, size_t *nodes, struct why *why)
{
    size_t count = m->phase == CHECK_IT ? 1 : count_nodes(c->json, MAKING_NODES_MAX + 1);

    enum err e;

    *nodes -= count < *nodes ? count : *nodes;
    if (m->phase == CHECK_IT)
        return check_child(m, f, c, why);
    if ((e = session_may_grow(m->api->sessions, m->session, 0, why)))
        return e;
    return add_child(m, f, c, count > MAKING_NODES_MAX, why);
}

static enum err walk(struct making *m, size_t *nodes, struct why *why)
{
    enum err e = ERR_OK;

    while (m->depth > 0 && *nodes > 0 && e == ERR_OK) {
        struct frame *f = &m->frames[m->depth - 1];
        struct child c;

        if (next_child(f, &c))
            e = visit(m, f, &c, nodes, why);
        else
            m->depth--;
    }
    return e;
}

/* ---- from phase to phase ---- */

static enum err begin_fields(struct making *m, struct why *why)
{
    struct decoded_fields *f = &m->fields;

    f->block_bytes = json_object_size(m->value) * sizeof *f->fields;
    f->fields = f->block = mem_zalloc(m->d.mem, f->block_bytes);
    if (f->block == NULL)
        return why_set(why, ERR_NOMEM, "no memory for a patch of %zu fields", json_object_size(m->value));
    begin_container(m, m->value, 0);
    return ERR_OK;
}

static enum err begin_object(struct making *m, struct why *why)
{
    obj_id id;
    enum err e;

    if ((e = new_container(&m->d, m->label, m->value, &id, why)) || (e = scope_keep(m->made->scope, 0, id, why)))
        return e;
    begin_container(m, m->value, id);
    return ERR_OK;
}

static enum err begin_making(struct making *m, struct why *why)
{
    enum err e;

    m->phase = MAKE_IT;
    if ((m->staging = staging_open(m->d.heap)) == NULL)
        return why_set(why, ERR_NOMEM, "no memory to make a large object");
    staging_enter(m->staging);
    e = m->next.fields != NULL ? begin_fields(m, why) : begin_object(m, why);
    staging_leave(m->staging);
    return e;
}

static void close_made(struct making *m)
{
    CHECK(scope_close(&m->made->scope, SIZE_MAX) > 0 && m->made->scope == NULL);
}

/* All is there, and its reference goes to whoever goes on. */
static enum err finish_object(struct task *t, struct making *m, struct why *why)
{
    obj_id id = scope_get(m->made->scope, 0);

    CHECK(heap_hold(m->d.heap, id, NULL) == ERR_OK);
    close_made(m);
    return m->next.made(t, m->body, id, why);
}

static enum err finish_fields(struct task *t, struct making *m, struct why *why)
{
    enum err e = m->next.fields(t, &m->fields, why);

    if (e == ERR_OK)
        close_made(m);
    return e;
}

static enum err finish(struct task *t, struct making *m, struct why *why)
{
    enum err e;

    staging_enter(m->staging);
    e = m->next.fields != NULL ? finish_fields(t, m, why) : finish_object(t, m, why);
    staging_leave(m->staging);
    if (e == ERR_OK)
        staging_publish(&m->staging);
    return e;
}

static enum err check_some(struct making *m, size_t nodes, struct why *why)
{
    enum err e = walk(m, &nodes, why);

    return e || m->depth > 0 ? e : begin_making(m, why);
}

static enum err make_some(struct making *m, size_t nodes, struct why *why)
{
    enum err e;

    staging_enter(m->staging);
    e = walk(m, &nodes, why);
    staging_leave(m->staging);
    if (m->depth == 0)
        m->phase = SETTLE_IT;
    return e;
}

static enum err making_step(struct task *t, void *ctx, size_t units, enum task_turn *turn, struct why *why)
{
    struct making *m = ctx;

    *turn = TASK_MORE;
    switch (m->phase) {
    case CHECK_IT:
        return check_some(m, units * NODES_PER_UNIT, why);
    case MAKE_IT:
        return make_some(m, units * NODES_PER_UNIT, why);
    case SETTLE_IT:
        if (scope_close(&m->named->scope, units) == 0)
            return ERR_OK;
        *turn = TASK_DONE;
        return finish(t, m, why);
    }
    UNREACHABLE();
}

/* ---- life ---- */

static size_t making_bytes(size_t depth_max)
{
    return sizeof(struct making) + depth_max * sizeof(struct frame);
}

/* What is still held is let go of bit by bit, and what was made of it dies unpublished. The task gets its JSON back:
 * the handler may still be there. */
static void making_destroy(struct task *t, void *ctx)
{
    struct making *m = ctx;

    api_end_scope(t->api, &m->named);
    api_end_scope(t->api, &m->made);
    staging_abandon(&m->staging);
    mem_free(t->api->mem, m->fields.block, m->fields.block_bytes);
    t->long_json = m->source;
    mem_free(t->api->mem, m, making_bytes(m->depth_max));
}

static enum err begin(struct task *t, struct making *m, struct why *why)
{
    static const struct task_work work = {.step = making_step, .destroy = making_destroy};

    m->named = api_open_scope(t->api);
    m->made = api_open_scope(t->api);
    if (m->named == NULL || m->made == NULL) {
        making_destroy(t, m);
        return why_set(why, ERR_NOMEM, "no memory to hold what is made");
    }
    begin_container(m, m->value, 0);
    task_work(t, &work, m);
    return ERR_OK;
}

static struct making *new_making(struct task *t, const json_t *body, const json_t *value, struct why *why)
{
    size_t depth_max = body_json_depth_max(t->long_json);
    struct making *m = mem_zalloc(t->api->mem, making_bytes(depth_max));

    if (m == NULL) {
        why_set(why, ERR_NOMEM, "no memory to make a large object");
        return NULL;
    }
    m->d = task_decoder(t);
    m->api = t->api;
    m->session = t->session;
    m->source = t->long_json;
    t->long_json = NULL;
    m->body = body;
    m->value = value;
    m->depth_max = depth_max;
    return m;
}

enum err make_then(struct task *t, struct label label, const json_t *body, const json_t *value, made_fn *then,
                   struct why *why)
{
    struct making *m = new_making(t, body, value, why);

    if (m == NULL)
        return ERR_NOMEM;
    m->label = label;
    m->next.made = then;
    return begin(t, m, why);
}

enum err make_fields_then(struct task *t, const json_t *body, fields_fn *then, struct why *why)
{
    struct making *m = new_making(t, body, body, why);

    if (m == NULL)
        return ERR_NOMEM;
    m->next.fields = then;
    return begin(t, m, why);
}
