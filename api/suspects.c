/*
 * suspects.c - /v1/heap/suspects: what only grows, in sentences, each with its evidence and the call that shows more.
 *
 * What grows is found between requests, all the time (growth.h); here it is told. A site comes before a class, because it
 * is what somebody can go and mend, and of one kind what has grown most comes first. With ?snapshot= it is judged there and
 * then, by what is retained (verdicts.h).
 */
#include "api/handlers.h"
#include "api/suspect_write.h"
#include "api/task.h"
#include "api/verdicts.h"
#include <stdlib.h>

#define SUSPECTS_MAX (GROWTH_SITES_MAX + GROWTH_CLASSES_MAX + GROWTH_ROOTS_MAX + GROWTH_SESSIONS_MAX + GROWTH_TOTALS)

/* ---- all of them ---- */

struct found {
    enum growth_kind kind;
    const struct grower *r;
};

static int most_grown_first(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    uint64_t m = x->r->trend.to - x->r->trend.from, n = y->r->trend.to - y->r->trend.from;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return (m < n) - (m > n);
}

static size_t find_all(const struct growth *g, struct found found[SUSPECTS_MAX])
{
    const struct grower *r;
    size_t count = 0;

    for (int kind = 0; kind < GROWTH_KINDS; kind++)
        for (uint32_t i = 0; (r = growth_at(g, (enum growth_kind)kind, i)) != NULL; i++)
            if (grower_is_suspect(r))
                found[count++] = (struct found){(enum growth_kind)kind, r};
    qsort(found, count, sizeof found[0], most_grown_first);
    return count;
}

static void write_suspect(const struct api *api, struct out *o, const struct found *f)
{
    struct suspect_name n;

    if (!suspect_find(api, f->kind, f->r, &n))
        return; /* it went since the last sample */
    out_open_object(o);
    write_suspect_members(api, o, f->kind, f->r, &n);
    out_close_object(o);
}

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
    struct found found[SUSPECTS_MAX];
    struct page page;
    struct out *o;
    size_t count;
    enum err e;

    if ((e = query_page(task, &page, why)))
        return e;
    count = find_all(&api->growth, found);
    o = reply_json(task, 200);
    out_open_object(o);
    write_watch(api, o);
    out_key(o, "items");
    out_open_array(o);
    for (size_t i = 0; i < count && i < page.limit; i++)
        write_suspect(api, o, &found[i]);
    return reply_page_end(task, 0, why);
}

/* GET /v1/heap/suspects
 *   ->  200 of ?snapshot=N&since=M as verdicts.h says; else
 *   ->  200 {"watching": true, "window_s": 60.0, "windows": 40, "windows_needed": 17, "items": [
 *            {"sentence", "by": "site", "site": "chat.py:31", "suspect_s",
 *             "evidence": {"from", "to", "over_s", "windows", "rises", "per_hour", "floors"}, "more": ["curl ..."]}],
 *            "next": null} */
enum err get_suspects(struct api *api, struct task *task, struct why *why)
{
    struct slice n;

    if (query_get(task, "snapshot", &n))
        return verdicts_begin(api, task, n, why);
    if (query_get(task, "since", &n))
        return why_set(why, ERR_BAD_VALUE, "since=M is for snapshot=N: what N has gained since M");
    return reply_suspects(api, task, why);
}
