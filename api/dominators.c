/*
 * dominators.c - GET /v1/snapshots/{n}/dominators: what objects retain, as a tree, level by level.
 *
 * The first call for a snapshot waits until the tree is found, and so do those that come meanwhile (dominated.h). A level is
 * named by `under`: the id of an object, or what holds some: roots, sessions, batches, garbage, session:ID. Ids are in no
 * order, so the node of one is looked for in steps. What no object dominates is kept by its holders: who these are is looked for
 * too, in all that they hold.
 */
#include "api/dominated.h"
#include "api/frozen_held.h"
#include "api/frozen_write.h"
#include "api/handlers.h"
#include "api/pages.h"
#include "heap/base/num.h"

#define IDS_PER_UNIT 64u /* looked at */

struct viewing {
    struct taken *taken; /* held, and its tree waited for */
    struct page page;
    uint64_t id;         /* of what it is under, */
    enum frozen_kind kind; /* if that is an object (RECORD) or a session */
    uint32_t node;       /* the next to look at; then the one it is */
    bool found;
    struct held *held;   /* who holds it, and those of the page; NULL: not looked for yet */
};

/* ---- under what ---- */

static enum err read_under(const struct task *task, struct viewing *v, struct why *why)
{
    static const struct slice session = SLICE("session:");
    struct slice under;

    v->kind = FROZEN_OUTSIDE;
    if (!query_get(task, "under", &under))
        return ERR_OK;
    if (frozen_group_named(under, &v->kind))
        return ERR_OK;
    v->kind = FROZEN_RECORD;
    if (under.len > session.len && memcmp(under.data, session.data, session.len) == 0) {
        v->kind = FROZEN_SESSION;
        under = slice_from(under, session.len);
    }
    if (parse_u64(under, UINT64_MAX, &v->id))
        return ERR_OK;
    return why_set(why, ERR_BAD_VALUE, "under is the id of an object, session:ID, roots, sessions, batches or garbage, not %.*s",
                   (int)(under.len > 80 ? 80 : under.len), under.data);
}

static bool is_wanted(const struct viewing *v, const struct frozen *f, uint32_t node)
{
    if (v->kind == FROZEN_RECORD)
        return f->id[node] == v->id && frozen_is_object(f, node);
    return frozen_label_of(f, node)->kind == v->kind && (v->kind != FROZEN_SESSION || f->id[node] == v->id);
}

/* Go on looking for it; true: looked at all that it may be, or found. */
static bool look_for_node(struct viewing *v, size_t units)
{
    const struct frozen *f = v->taken->frozen;
    uint32_t end = v->kind == FROZEN_RECORD ? f->object_count + 1 : f->node_count;
    uint32_t left = units < UINT32_MAX / IDS_PER_UNIT ? (uint32_t)units * IDS_PER_UNIT : UINT32_MAX;

    if (v->kind == FROZEN_OUTSIDE) {
        v->node = 0;
        v->found = true;
    } else if (v->node == 0) {
        v->node = v->kind == FROZEN_RECORD ? 1 : f->object_count + 1;
    }
    for (; !v->found && v->node < end && left > 0; left--) {
        v->found = is_wanted(v, f, v->node);
        v->node += !v->found;
    }
    return v->found || v->node == end;
}

static enum err nothing_there(const struct viewing *v, struct why *why)
{
    if (v->kind == FROZEN_RECORD)
        return why_set(why, ERR_NO_OBJECT, "snapshot %u has no object %llu", v->taken->n, (unsigned long long)v->id);
    if (v->kind == FROZEN_SESSION)
        return why_set(why, ERR_NO_NAME, "in snapshot %u session %llu holds nothing", v->taken->n, (unsigned long long)v->id);
    return why_set(why, ERR_NO_NAME, "in snapshot %u nothing is held there", v->taken->n);
}

/* ---- who holds them ---- */

/* Of those that an object dominates nobody from outside holds one. */
static bool is_held_from_outside(const struct viewing *v, uint32_t dominator)
{
    return dominator != DOMINATORS_NONE && !frozen_is_object(v->taken->frozen, dominator);
}

static enum err want_holders(struct api *api, struct viewing *v, struct why *why)
{
    const struct dominators *d = dominated_tree(v->taken);
    uint32_t count, i = cursor_u32(v->page.cursor);
    const uint32_t *child = dominators_children(d, v->node, &count);

    _Static_assert(HELD_NODES_MAX > WIRE_PAGE_MAX, "a page and what it is under");
    if ((v->held = held_create(api->mem, v->taken->frozen)) == NULL)
        return why_set(why, ERR_NOMEM, "no memory to look for holders");
    if (is_held_from_outside(v, dominators_parent(d, v->node)))
        held_want(v->held, v->node);
    for (size_t n = 0; is_held_from_outside(v, v->node) && i < count && n < v->page.limit; i++, n++)
        held_want(v->held, child[i]);
    return ERR_OK;
}

/* ---- a level ---- */

static void write_node(struct out *o, const struct viewing *v, uint32_t node)
{
    const struct taken *t = v->taken;
    const struct dominators *d = dominated_tree(t);
    uint32_t children;

    (void)dominators_children(d, node, &children);
    write_frozen_node(o, t->frozen, node);
    write_amount(o, "retained", dominators_retained_objects(d, node), dominators_retained_bytes(d, node));
    out_member_u64(o, "children", children);
    held_write(v->held, node, o);
}

/* Whose level it is, and where to go up. */
static void write_head(struct out *o, const struct viewing *v)
{
    const struct taken *t = v->taken;
    const struct dominators *d = dominated_tree(t);
    uint32_t node = v->node, parent = dominators_parent(d, node);

    out_key(o, "node");
    out_open_object(o);
    write_node(o, v, node);
    if (parent != DOMINATORS_NONE && parent != 0) {
        out_key(o, "dominator");
        out_open_object(o);
        write_frozen_node(o, t->frozen, parent);
        out_close_object(o);
    }
    out_close_object(o);
    if (node == 0)
        write_amount(o, "unreached", dominators_unreached_objects(d), dominators_unreached_bytes(d));
}

static enum err reply_level(struct task *task, struct viewing *v, struct why *why)
{
    struct out *o = reply_json(task, 200);
    uint32_t count, i = cursor_u32(v->page.cursor);
    const uint32_t *child = dominators_children(dominated_tree(v->taken), v->node, &count);
    size_t shown = 0;

    out_open_object(o);
    write_head(o, v);
    out_key(o, "items");
    out_open_array(o);
    for (; i < count && !page_is_full(o, shown, &v->page); i++, shown++) {
        out_open_object(o);
        write_node(o, v, child[i]);
        out_close_object(o);
    }
    return reply_page_end(task, i < count ? i : 0, why);
}

/* ---- waiting for it ---- */

static enum err step_viewing(struct task *task, void *ctx, size_t units, enum task_turn *turn, struct why *why)
{
    struct viewing *v = ctx;
    bool there;
    enum err e = dominated_look(v->taken, &there, why);

    *turn = TASK_WAIT;
    if (e || !there)
        return e;
    *turn = TASK_MORE;
    if (v->held == NULL && look_for_node(v, units))
        return v->found ? want_holders(task->api, v, why) : nothing_there(v, why);
    if (v->held == NULL || held_step(v->held, units) == 0)
        return ERR_OK;
    *turn = TASK_DONE;
    return reply_level(task, v, why);
}

static void destroy_viewing(struct task *task, void *ctx)
{
    struct viewing *v = ctx;

    held_destroy(&v->held);
    dominated_leave(v->taken);
    snapshots_release(task->api, &v->taken);
    mem_free(task->api->mem, v, sizeof *v);
}

static const struct task_work viewing_work = {.step = step_viewing, .destroy = destroy_viewing};

/* GET /v1/snapshots/{n}/dominators ?under=  ->  200 {"node": {...}, "items": [...]}, those that retain most first */
enum err get_dominators(struct api *api, struct task *task, struct why *why)
{
    struct viewing view = {0}, *v;
    enum err e;

    if ((e = snapshots_find(api, task->params[0], &view.taken, why)) || (e = query_page(task, &view.page, why)) ||
        (e = read_under(task, &view, why)))
        return e;
    if ((v = mem_alloc(api->mem, sizeof *v)) == NULL)
        return why_set(why, ERR_NOMEM, "no memory to begin");
    if ((e = dominated_join(api, view.taken, why))) {
        mem_free(api->mem, v, sizeof *v);
        return e;
    }
    *v = view;
    snapshots_hold(v->taken);
    task_work(task, &viewing_work, v);
    return ERR_OK;
}
