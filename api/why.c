/*
 * why.c - why an object is alive: the shortest chains that keep it, as JSON or as a graph.
 *
 * Each chain ends at another holder of the object, so whoever cuts the last link of each has let it go, if there are not more
 * of them than were asked for; the walk finds those with the shortest chains. Before a chain is shown, each of its links is
 * looked for in the heap as it is now, and all is done again if something changed meanwhile, so that an answer is true at the
 * moment at which it leaves. Two are not, and say "changed": one that was read so often in vain (its links were all there when
 * they were looked at), and one of more than WHOLE_BYTES (a chain of tens of thousands), which leaves as it is read, and ends
 * early if the rest has gone.
 */
#include "api/documents.h"
#include "api/handlers.h"
#include "api/searches.h"
#include "api/why_form.h"
#include "heap/base/check.h"
#include "heap/graph/chain.h"

#define WHOLE_BYTES (1u << 20) /* of an answer; a longer one leaves as it is written */

struct why_search {
    struct search search;
    obj_id id;
    uint32_t paths_max;
    const struct why_form *form;
    uint32_t shown; /* chains that are written */
    bool in_chain;
    struct chain chain;
};

/* ---- as JSON ---- */

static void json_begin(struct task *t, const struct object_info *info)
{
    struct out *o = reply_json(t, 200);

    out_open_object(o);
    out_member_u64(o, "id", info->id);
    out_member_string(o, "class", info->class);
    out_member_u64(o, "refs", info->refs);
    out_key(o, "paths");
    out_open_array(o);
}

static void json_begin_chain(struct task *t)
{
    out_open_array(&t->out);
}

static void json_link(struct task *t, const struct chain_link *l)
{
    struct out *o = &t->out;

    switch (l->by) {
    case REACHED_BY_OBJECT:
        CHECK(holder_write_part(t->api, o, l->id, &l->part, NULL) == ERR_OK);
        break;
    case REACHED_BY_ROOT:
        holder_write_root(o, l->part.name);
        break;
    case REACHED_BY_SESSION:
        holder_write_session(o, l->session, l->label);
        break;
    case REACHED_BY_BATCH:
        holder_write_batch(o);
        break;
    default:
        holder_write_garbage(o);
    }
}

static void json_end_chain(struct task *t, obj_id id)
{
    (void)id;
    out_close_array(&t->out);
}

static void json_end(struct task *t, const char *unreached, bool changed, bool in_chain)
{
    struct out *o = &t->out;

    if (in_chain)
        out_close_array(o);
    out_close_array(o);
    if (unreached != NULL)
        out_member_text(o, "unreached", unreached);
    if (changed)
        out_member_bool(o, "changed", true);
    out_close_object(o);
}

static const struct why_form json_form = {json_begin, json_begin_chain, json_link, json_end_chain, json_end};

/* ---- the walk is over: its chains are read, and written ---- */

/* Nothing that is held from outside reaches it. */
static const char *why_unreached(const struct api *api)
{
    struct heap_stats stats;

    heap_stats(api->heap, &stats);
    return stats.doomed > 0 ? "nothing that is held reaches it: it waits until the dead that link to it have been reaped, or it "
                              "is part of a cycle of garbage, or hangs on one, and the next full collection finds it"
                            : "nothing that is held reaches it: it is part of a cycle of garbage, or hangs on one, and the next "
                              "full collection finds it";
}

static enum err begin_answer(struct task *t, struct why_search *w, struct why *why)
{
    struct object_info info;
    enum err e = heap_info(t->api->heap, w->id, &info, why);

    if (e == ERR_OK)
        w->form->begin(t, &info);
    w->shown = 0;
    return e;
}

static enum err end_answer(struct task *t, const struct why_search *w, const char *unreached, bool changed, enum task_turn *turn,
                           struct why *why)
{
    w->form->end(t, unreached, changed, w->in_chain);
    *turn = TASK_DONE;
    if (!t->reply.streaming)
        return reply_end(t, why);
    t->reply.close = t->reply.body.failed;
    return ERR_OK;
}

/* A link is gone: all is looked for anew, unless a part of the answer has left. */
static enum err break_off(struct task *t, struct why_search *w, enum task_turn *turn, struct why *why)
{
    if (!t->reply.streaming) {
        w->in_chain = false;
        w->shown = 0;
        return search_again(t, &w->search, why);
    }
    return end_answer(t, w, NULL, true, turn, why);
}

static enum err write_chains(struct task *t, struct why_search *w, size_t units, enum task_turn *turn, struct why *why)
{
    struct chain_link link;
    bool changed;

    while (w->in_chain || w->shown < reach_holders(w->search.reach)) {
        if (!w->in_chain) {
            chain_begin(w->search.reach, w->shown, &w->chain);
            w->form->begin_chain(t);
            w->in_chain = true;
        }
        switch (chain_step(&w->chain, &units, &link)) {
        case CHAIN_MORE:
            t->reply.streaming |= t->reply.body.len > WHOLE_BYTES;
            return ERR_OK;
        case CHAIN_BROKEN:
            return break_off(t, w, turn, why);
        case CHAIN_LINK:
            w->form->link(t, &link);
            break;
        case CHAIN_END:
            w->form->end_chain(t, w->id);
            w->in_chain = false;
            w->shown++;
        }
    }
    changed = chains_changed(w->search.reach);
    if (changed && !t->reply.streaming && search_may_go_on(&w->search))
        return break_off(t, w, turn, why);
    return end_answer(t, w, NULL, changed, turn, why);
}

static enum err step_why(struct task *t, void *ctx, size_t units, enum task_turn *turn, struct why *why)
{
    struct why_search *w = ctx;
    enum err e = heap_check(t->api->heap, w->id, why);

    if (e != ERR_OK && t->reply.streaming)
        return break_off(t, w, turn, why);
    units *= SEARCH_UNITS_PER_UNIT;
    if (e != ERR_OK || (e = search_step(t, &w->search, w->id, w->paths_max, &units, turn, why)) != ERR_OK || units == 0)
        return e;
    if (reach_is_lost(w->search.reach))
        return search_again(t, &w->search, why);
    if (w->shown == 0 && !w->in_chain && (e = begin_answer(t, w, why)) != ERR_OK)
        return e;
    if (reach_holders(w->search.reach) == 0)
        return end_answer(t, w, why_unreached(t->api), false, turn, why);
    return write_chains(t, w, units, turn, why);
}

static void destroy_why(struct task *t, void *ctx)
{
    search_over(t->api, ctx);
}

/* ---- the request ---- */

static const struct task_work why_work = {.step = step_why, .destroy = destroy_why};

static enum err read_form(const struct task *t, const struct why_form **ret, struct why *why)
{
    struct slice format;

    *ret = &json_form;
    if (!query_get(t, "format", &format) || slice_is(format, "json"))
        return ERR_OK;
    *ret = &why_dot;
    return slice_is(format, "dot") ? ERR_OK : why_set(why, ERR_BAD_VALUE, "format is json or dot");
}

/* GET /v1/objects/{id}/why  ->  200, {"id","refs","paths":[[holder, ..], ..]}, or a graph */
enum err get_why(struct api *api, struct task *t, struct why *why)
{
    struct why_search *w;
    const struct why_form *form;
    uint64_t paths;
    obj_id id;
    enum err e;

    if ((e = path_object(t, &id, why)) || (e = query_u64(t, "paths", 1, WIRE_WHY_PATHS_MAX, 1, &paths, why)) ||
        (e = read_form(t, &form, why)))
        return e;
    if ((w = mem_zalloc(api->mem, sizeof *w)) == NULL)
        return why_set(why, ERR_NOMEM, "no memory to begin");
    w->search.bytes = sizeof *w;
    w->id = id;
    w->paths_max = (uint32_t)paths;
    w->form = form;
    task_work_in_slices(t, &why_work, w, PAUSE_WALK);
    return ERR_OK;
}
