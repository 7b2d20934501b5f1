/* news.c - see news.h. */
#include "api/news.h"
#include "api/api_impl.h"
#include "api/gc_runs.h"
#include "heap/base/check.h"
#include "heap/heap_gc.h"
#include "heap/weak.h"

/* ---- one event ---- */

struct out *news_begin(struct api *api, enum event_type type)
{
    return events_begin(api->news.events, type, api->world.unix_us(api->world.ctx) / 1000);
}

/* What it shows has happened, so the commit that has the heap as it is now has it too. */
bool news_end(struct api *api)
{
    const struct api_world *w = &api->world;

    return events_end(api->news.events, w->commit_wanted != NULL ? w->commit_wanted(w->ctx) : 0);
}

/* ---- collections ---- */

/* {"phase":"start","generation":2,"collected":0,"uncollectable":0} as in CPython, and more */
static void tell_start(struct api *api, const struct gc_run *run)
{
    struct out *o = news_begin(api, EVENT_GC);

    out_member_text(o, "phase", "start");
    out_member_u64(o, "run", run->begun);
    out_member_text(o, "reason", gc_reason_name(run->reason));
    out_member_i64(o, "generation", run->generation);
    out_member_u64(o, "collected", 0);
    out_member_u64(o, "uncollectable", 0);
    out_member_bool(o, "dry_run", run->dry_run);
    news_end(api);
}

static void tell_stop(struct api *api, const struct gc_run *run)
{
    struct out *o = news_begin(api, EVENT_GC);

    out_member_text(o, "phase", "stop");
    out_member_u64(o, "run", run->begun);
    out_member_text(o, "reason", gc_reason_name(run->reason));
    gc_write_run(o, run);
    out_member_u64(o, "freed_bytes", run->freed_bytes);
    out_member_bool(o, "dry_run", run->dry_run);
    if (run->dry_run)
        out_member_u64(o, "would_collect", run->collected);
    news_end(api);
}

/* A short one has begun and ended within a step, and a full one may have begun before it and go on. */
static void tell_starts(struct api *api, uint64_t until)
{
    struct news *n = &api->news;
    struct gc_run run;

    while (n->gc_begun < until)
        if (gc_run_begun(api->gc, ++n->gc_begun, &run))
            tell_start(api, &run);
}

/* At most one ends in a step, so there are few of them; of those that the log has forgotten nothing is known. */
static size_t tell_collections(struct api *api, size_t units)
{
    struct news *n = &api->news;
    struct gc_run run;

    for (; n->gc_ended < gc_ended(api->gc) && units > 0; units--) {
        if (gc_log(api->gc, (size_t)(gc_ended(api->gc) - ++n->gc_ended), &run)) {
            tell_starts(api, run.begun);
            tell_stop(api, &run);
        }
    }
    if (units > 0)
        tell_starts(api, gc_begun(api->gc));
    return units;
}

/* ---- deaths ---- */

static void tell_death(struct api *api, const struct weak_notice *n)
{
    struct out *o = news_begin(api, EVENT_DEATH);

    out_member_string(o, "name", n->name);
    out_member_u64(o, "object", n->id);
    news_end(api);
}

static size_t tell_deaths(struct api *api, size_t units)
{
    struct weak_notice notice;

    for (; units > 0 && weak_take_notice(api->heap, &notice); units--)
        tell_death(api, &notice);
    return units;
}

void news_flush_name(struct api *api, struct slice name)
{
    struct weak_notice notice;

    if (weak_take_notice_of(api->heap, name, &notice))
        tell_death(api, &notice);
}

/* ---- leases ---- */

static struct api *api_of(void *ctx)
{
    struct api *api = ctx;

    CHECK_IS(api, API_MAGIC);
    return api;
}

static struct out *begin_lease(struct api *api, const char *what, session_id id, struct slice label)
{
    struct out *o = news_begin(api, EVENT_LEASE);

    out_member_text(o, "what", what);
    out_member_u64(o, "session", id);
    out_member_string(o, "label", label);
    return o;
}

static void on_opened(void *ctx, const struct session_info *info)
{
    struct api *api = api_of(ctx);
    struct out *o = begin_lease(api, "created", info->id, info->label);

    out_member_seconds(o, "ttl", info->ttl_s);
    news_end(api);
}

static void write_held(struct api *api, struct out *o, const struct session_parting *p)
{
    out_key(o, "held");
    out_open_array(o);
    for (size_t i = 0; i < p->named; i++) {
        out_open_object(o);
        out_member_u64(o, "id", p->held[i]);
        out_member_string(o, "class", heap_class_of(api->heap, heap_slot(api->heap, p->held[i])));
        out_close_object(o);
    }
    out_close_array(o);
    if (p->named < p->info.holds)
        out_member_bool(o, "more", true);
}

static void on_parting(void *ctx, const struct session_parting *p)
{
    static const char *const names[] = {
        [SESSION_END_ASKED] = "ended", [SESSION_END_EXPIRED] = "expired", [SESSION_END_EMPTIED] = "emptied"};
    struct api *api = api_of(ctx);
    struct out *o = begin_lease(api, names[p->how], p->info.id, p->info.label);

    out_member_u64(o, "holds", p->info.holds);
    write_held(api, o, p);
    news_end(api);
}

static void on_let_go(void *ctx, const struct session_toll *t)
{
    struct api *api = api_of(ctx);
    struct out *o = begin_lease(api, "released", t->id, t->label);

    out_member_u64(o, "holds", t->holds);
    out_member_u64(o, "objects", t->objects);
    out_member_u64(o, "bytes", t->bytes);
    out_member_bool(o, "whole", t->whole);
    news_end(api);
}

/* ---- changes of settings ---- */

struct out *news_begin_config(struct api *api, const char *what, struct slice by)
{
    struct out *o = news_begin(api, EVENT_CONFIG);

    out_member_text(o, "what", what);
    if (by.len > 0)
        out_member_string(o, "by", by);
    else
        out_member_null(o, "by");
    return o;
}

/* ---- all of it ---- */

size_t news_step(struct api *api, size_t units)
{
    return tell_deaths(api, tell_collections(api, units));
}

bool news_waits(const struct api *api)
{
    const struct news *n = &api->news;

    return n->gc_begun < gc_begun(api->gc) || n->gc_ended < gc_ended(api->gc) || weak_notice_waits(api->heap);
}

uint64_t api_news(struct api *api)
{
    return events_ready(api->news.events, api->world.commit_is_kept, api->world.ctx);
}

enum err news_init(struct api *api)
{
    uint64_t now_us = api->world.unix_us(api->world.ctx);

    api->news = (struct news){.events = events_create(api->mem, now_us > 0 ? now_us : 1), /* an unset clock says 1970 */
                              .sessions = {.ctx = api, .opened = on_opened, .parting = on_parting, .let_go = on_let_go}};
    if (api->news.events == NULL)
        return ERR_NOMEM;
    session_tell(api->sessions, &api->news.sessions);
    return ERR_OK;
}

void news_fini(struct api *api)
{
    CHECK(api->news.listeners == 0);
    session_tell(api->sessions, NULL);
    events_destroy(&api->news.events);
}
