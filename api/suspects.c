/*
 * suspects.c - /v1/heap/suspects: what only grows, in sentences, each with its evidence and the call that shows more.
 *
 * What grows is found between requests, all the time (growth.h); here it is told. A site comes before a class, because it
 * is what somebody can go and mend, and of one kind what has grown most comes first. Their order is found at once and each is
 * written in steps, so one may be gone meanwhile. With ?snapshot= it is judged there and then, by what is retained
 * (verdicts.h).
 */
#include "api/handlers.h"
#include "api/pages.h"
#include "api/suspect_write.h"
#include "api/verdicts.h"
#include "heap/base/proof.h"
#include <stdlib.h>

#define SUSPECTS_MAX (GROWTH_SITES_MAX + GROWTH_CLASSES_MAX + GROWTH_ROOTS_MAX + GROWTH_SESSIONS_MAX + GROWTH_TOTALS)
#define SUSPECT_UNITS 8 /* to write one: 7 us */

/* ---- all of them ---- */

struct found {
    enum growth_kind kind;
    uint32_t row;     /* it was there; a step later it may be elsewhere, or gone */
    uint64_t suspect; /* its number */
    uint64_t grown;
};

static int most_grown_first(const void *a, const void *b)
{
    const struct found *x = a, *y = b;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return (x->grown < y->grown) - (x->grown > y->grown);
}

static size_t find_all(const struct growth *g, struct found found[SUSPECTS_MAX])
{
    const struct grower *r;
    size_t count = 0;

    for (int kind = 0; kind < GROWTH_KINDS; kind++)
        for (uint32_t i = 0; (r = growth_at(g, (enum growth_kind)kind, i)) != NULL; i++)
            if (grower_is_suspect(r))
                found[count++] = (struct found){(enum growth_kind)kind, i, r->suspect, r->trend.to - r->trend.from};
    qsort(found, count, sizeof found[0], most_grown_first);
    return count;
}

/* NULL: it is none any more. */
static const struct grower *look_up(const struct growth *g, const struct found *f)
{
    const struct grower *r = growth_at(g, f->kind, f->row);

    if (r != NULL && r->suspect == f->suspect)
        return r;
    for (uint32_t i = 0; (r = growth_at(g, f->kind, i)) != NULL; i++)
        if (r->suspect == f->suspect)
            return r;
    return NULL;
}

static void write_suspect(const struct api *api, struct out *o, const struct found *f)
{
    const struct grower *r = look_up(&api->growth, f);
    struct suspect_name n;

    if (r == NULL || !suspect_find(api, f->kind, r, &n))
        return; /* it went since the last sample */
    out_open_object(o);
    write_suspect_members(api, o, f->kind, r, &n);
    out_close_object(o);
}

/* ---- a page of them, in steps ---- */

struct telling {
    struct page page; /* cursor: of all in their order, the next to tell */
    size_t count;     /* of all */
    size_t shown;
    struct found found[SUSPECTS_MAX];
};

static enum err step_telling(struct task *task, void *ctx, size_t units, enum task_turn *turn, struct why *why)
{
    struct telling *t = ctx;
    bool full = false;

    for (; units > 0 && t->page.cursor < t->count; units = units_less(units, SUSPECT_UNITS)) {
        if ((full = page_is_full(&task->out, t->shown, &t->page)))
            break;
        write_suspect(task->api, &task->out, &t->found[t->page.cursor++]);
        t->shown++;
    }
    *turn = full || t->page.cursor >= t->count ? TASK_DONE : TASK_MORE;
    return *turn == TASK_DONE ? reply_page_end(task, full ? t->page.cursor : 0, why) : ERR_OK;
}

static void destroy_telling(struct task *task, void *ctx)
{
    mem_free(task->api->mem, ctx, sizeof(struct telling));
}

static const struct task_work telling_work = {step_telling, destroy_telling};

/* How long there has been something to judge by: an empty list in the first minutes says nothing. */
static void write_watch(const struct api *api, struct out *o)
{
    const struct growth *g = &api->growth;

    out_member_bool(o, "watching", api->settings->suspects_enabled != 0);
    out_member_real(o, "window_s", (double)api->settings->suspects_window_ms / 1000);
    out_member_u64(o, "windows", g->windows);
    out_member_u64(o, "windows_needed", TREND_POINTS + 1);
}

static enum err reply_suspects(struct api *api, struct task *task, struct why *why)
{
    struct telling *t;
    struct page page;
    struct out *o;
    enum err e;

    if ((e = query_page(task, &page, why)))
        return e;
    if ((t = mem_zalloc(api->mem, sizeof *t)) == NULL)
        return why_set(why, ERR_NOMEM, "no memory to begin");
    t->page = page;
    t->count = find_all(&api->growth, t->found);
    o = reply_json(task, 200);
    out_open_object(o);
    write_watch(api, o);
    out_key(o, "items");
    out_open_array(o);
    task_work(task, &telling_work, t);
    return ERR_OK;
}

/* GET /v1/heap/suspects
 *   ->  200 of ?snapshot=N&since=M as verdicts.h says; else
 *   ->  200 {"watching": true, "window_s": 60.0, "windows": 40, "windows_needed": 17, "items": [
 *            {"sentence", "by": "site", "site": "chat.py:31", "suspect_s",
 *             "evidence": {"from", "to", "over_s", "windows", "rises", "per_hour", "floors"}, "more": ["curl ..."]}],
 *            "next"}, and those behind ?cursor= */
enum err get_suspects(struct api *api, struct task *task, struct why *why)
{
    struct slice n;

    if (query_get(task, "snapshot", &n))
        return verdicts_begin(api, task, n, why);
    if (query_get(task, "since", &n))
        return why_set(why, ERR_BAD_VALUE, "since=M is for snapshot=N: what N has gained since M");
    return reply_suspects(api, task, why);
}
