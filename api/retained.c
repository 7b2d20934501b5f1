/*
 * retained.c - what would go with an object (heap/graph/retained.h): how many objects, and their bytes.
 */
#include "heap/graph/retained.h"
#include "api/handlers.h"
#include "api/searches.h"

struct retained_search {
    struct search search;
    obj_id id;
};

static enum err write_retained(struct task *t, obj_id id, const struct retained *r, struct why *why)
{
    struct out *o = reply_json(t, 200);

    out_open_object(o);
    out_member_u64(o, "id", id);
    out_member_u64(o, "objects", r->objects);
    out_member_u64(o, "bytes", r->bytes);
    out_member_bool(o, "exact", r->is_exact);
    out_close_object(o);
    return reply_end(t, why);
}

static enum err step_retained(struct task *t, void *ctx, size_t units, enum task_turn *turn, struct why *why)
{
    struct retained_search *s = ctx;
    struct retained r;
    enum err e = heap_check(t->api->heap, s->id, why);

    units *= SEARCH_UNITS_PER_UNIT;
    if (e != ERR_OK || (e = search_step(t, &s->search, s->id, 0, &units, turn, why)) != ERR_OK || units == 0)
        return e;
    if (retained_step(s->search.reach, units, &r) == 0)
        return ERR_OK;
    if (!r.is_exact && search_may_go_on(&s->search))
        return search_again(t, &s->search, why);
    *turn = TASK_DONE;
    return write_retained(t, s->id, &r, why);
}

static void destroy_retained(struct task *t, void *ctx)
{
    search_over(t->api, ctx);
}

static const struct task_work retained_work = {.step = step_retained, .destroy = destroy_retained};

/* GET /v1/objects/{id}/retained  ->  200 {"id","objects","bytes","exact"} */
enum err get_retained(struct api *api, struct task *t, struct why *why)
{
    struct retained_search *s;
    obj_id id;
    enum err e;

    if ((e = path_object(t, &id, why)))
        return e;
    if ((s = mem_zalloc(api->mem, sizeof *s)) == NULL)
        return why_set(why, ERR_NOMEM, "no memory to begin");
    s->search.bytes = sizeof *s;
    s->id = id;
    task_work_in_slices(t, &retained_work, s, PAUSE_WALK);
    return ERR_OK;
}
