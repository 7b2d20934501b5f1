/*
 * snapshots.c - see snapshots.h: taking one in a task, listing, showing and deleting them.
 *
 * One is taken at a time, and not while the heap is recounted: calls that come meanwhile wait for their turn. What is
 * deleted while it is read is gone from the list at once, and from memory when the last reader is done; until then it
 * counts among snapshots_max.
 */
#include "api/snapshots.h"
#include "api/dominated.h"
#include "api/handlers.h"
#include "api/ledger.h"
#include "api/pages.h"
#include "api/snapshot_write.h"
#include "heap/base/check.h"
#include "heap/base/num.h"

/* ---- those that are kept ---- */

static int shown(struct slice name)
{
    return (int)(name.len > 80 ? 80 : name.len);
}

enum err snapshots_find(struct api *api, struct slice number, struct taken **ret, struct why *why)
{
    uint64_t n;

    if (!parse_u64(number, UINT32_MAX, &n))
        return why_set(why, ERR_NO_NAME, "there is no snapshot \"%.*s\": each is called by its number", shown(number), number.data);
    for (struct taken *t = api->snapshots.first; t != NULL; t = t->next)
        if (t->n == n) {
            *ret = t;
            return ERR_OK;
        }
    return why_set(why, ERR_NO_NAME, "there is no snapshot %.*s", shown(number), number.data);
}

static void add_last(struct snapshots *s, struct taken *t)
{
    t->n = ++s->last_n;
    if (s->last != NULL)
        s->last->next = t;
    else
        s->first = t;
    s->last = t;
}

static void remove_from_list(struct snapshots *s, struct taken *t)
{
    struct taken **at = &s->first, *before = NULL;

    for (; *at != t; at = &(*at)->next) {
        CHECK(*at != NULL);
        before = *at;
    }
    *at = t->next;
    if (s->last == t)
        s->last = before;
    t->next = NULL;
}

/* Nobody reads it, and nobody will. */
static void end_taken(struct api *api, struct taken *t)
{
    struct snapshots *s = &api->snapshots;

    CHECK(s->count > 0 && t->readers == 0);
    dominated_end(t);
    s->count--;
    t->next = s->over;
    s->over = t;
}

void snapshots_hold(struct taken *t)
{
    t->readers++;
}

void snapshots_release(struct api *api, struct taken **at)
{
    struct taken *t = *at;

    *at = NULL;
    if (t == NULL)
        return;
    CHECK(t->readers > 0);
    if (--t->readers == 0 && t->deleted)
        end_taken(api, t);
}

/* ---- memory goes back ---- */

bool snapshots_have_work(const struct api *api)
{
    return api->snapshots.over != NULL || api->snapshots.ledgers_over != NULL || api->snapshots.look_again;
}

size_t snapshots_step(struct api *api, size_t units)
{
    struct snapshots *s = &api->snapshots;

    s->look_again = false;
    while (s->over != NULL && units > 0) {
        struct taken *t = s->over;

        units = snapshot_end(&t->snapshot, units);
        if (t->snapshot != NULL)
            return 0;
        s->over = t->next;
        mem_free(api->mem, t, sizeof *t);
    }
    for (struct ledger *l; (l = s->ledgers_over) != NULL && units > 0;) {
        struct ledger *next = l->next;

        units = ledger_end(&l, units);
        if (l == NULL)
            s->ledgers_over = next;
    }
    return units;
}

void snapshots_end_ledger(struct api *api, struct ledger **l)
{
    if (*l == NULL)
        return;
    (*l)->next = api->snapshots.ledgers_over;
    api->snapshots.ledgers_over = *l;
    *l = NULL;
}

void snapshots_fini(struct api *api)
{
    struct snapshots *s = &api->snapshots;

    while (s->first != NULL) {
        struct taken *t = s->first;

        remove_from_list(s, t);
        dominated_fini(t);
        end_taken(api, t);
    }
    while (snapshots_have_work(api))
        (void)snapshots_step(api, SIZE_MAX);
    CHECK(s->count == 0);
}

uint64_t snapshots_bytes(const struct api *api, uint64_t *ret_untouched)
{
    const struct snapshots *s = &api->snapshots;
    uint64_t bytes;

    *ret_untouched = 0;
    bytes = s->taking != NULL ? snapshot_bytes(s->taking, ret_untouched) : 0;
    for (const struct taken *t = s->first; t != NULL; t = t->next)
        bytes += snapshot_bytes(t->snapshot, NULL) + dominated_bytes(t);
    for (const struct taken *t = s->over; t != NULL; t = t->next)
        bytes += t->snapshot != NULL ? snapshot_bytes(t->snapshot, NULL) : 0;
    return bytes;
}

void snapshots_write_progress(const struct api *api, struct out *o)
{
    uint64_t done, all;

    if (api->snapshots.taking == NULL)
        return;
    snapshot_progress(api->snapshots.taking, &done, &all);
    out_key(o, "snapshotting");
    out_open_object(o);
    out_member_u64(o, "done", done);
    out_member_u64(o, "of", all);
    out_close_object(o);
}

/* ---- a summary ---- */

static void write_summary(struct api *api, struct out *o, const struct taken *t)
{
    const struct frozen *f = t->frozen;

    out_open_object(o);
    out_member_u64(o, "n", t->n);
    out_member_u64(o, "objects", f->object_count);
    out_member_u64(o, "links", f->link_count);
    out_member_u64(o, "weak_links", f->weak_count);
    out_member_u64(o, "bytes", f->object_bytes);
    out_member_u64(o, "sessions", frozen_session_count(f));
    out_member_u64(o, "memory_bytes", snapshot_bytes(t->snapshot, NULL) + dominated_bytes(t));
    out_member_u64(o, "took_ms", t->took_ms);
    out_member_u64(o, "age_ms", api_now_ms(api) - t->taken_ms);
    out_member_u64(o, "readers", t->readers);
    dominated_write(t, o);
    out_close_object(o);
}

/* ---- POST /v1/snapshots ---- */

struct taking {
    struct taken *taken; /* what it will be */
    uint64_t began_ms;   /* 0: it waits for its turn */
    struct share share;
};

static enum err too_many(const struct api *api, struct why *why)
{
    uint64_t max = api->settings->snapshots_max;

    return why_limit(why, ERR_TOO_MANY, "snapshots_max", max,
                     "there are %u snapshots, or will be: delete one first (DELETE /v1/snapshots/{n})", api->snapshots.count);
}

static enum err begin_taking(struct api *api, struct taking *k, struct why *why)
{
    enum err e = snapshot_begin(api->heap, &k->taken->snapshot, why);

    if (e != ERR_OK)
        return e;
    k->began_ms = api_now_ms(api);
    api->snapshots.taking = k->taken->snapshot;
    return ERR_OK;
}

static enum err reply_taken(struct task *task, struct taken *t, struct why *why)
{
    struct out *o = reply_json(task, 201);

    reply_location(task, "/v1/snapshots/", t->n);
    write_summary(task->api, o, t);
    return reply_end(task, why);
}

static void keep_taken(struct api *api, struct taking *k)
{
    struct taken *t = k->taken;

    k->taken = NULL;
    api->snapshots.taking = NULL;
    api->snapshots.look_again = true;
    t->frozen = snapshot_frozen(t->snapshot);
    t->taken_ms = api_now_ms(api);
    t->took_ms = (uint32_t)(t->taken_ms - k->began_ms);
    add_last(&api->snapshots, t);
}

static enum err step_taking(struct task *task, void *ctx, size_t units, enum task_turn *turn, struct why *why)
{
    struct taking *k = ctx;
    struct taken *t = k->taken;
    struct why busy = {0};
    bool done;
    enum err e;

    *turn = TASK_WAIT;
    if (t->snapshot == NULL && (e = begin_taking(task->api, k, &busy)) != ERR_OK)
        return e == ERR_BUSY ? ERR_OK : why_set(why, e, "%s", busy.text);
    *turn = TASK_MORE;
    units = api_share(task->api, &k->share, units * SNAPSHOT_UNITS_PER_UNIT);
    if ((e = snapshot_step(t->snapshot, units, &done, why)) != ERR_OK || !done)
        return e;
    keep_taken(task->api, k);
    *turn = TASK_DONE;
    return reply_taken(task, t, why);
}

/* It was refused, or its peer is gone: what there is of it goes back. */
static void destroy_taking(struct task *task, void *ctx)
{
    struct taking *k = ctx;
    struct api *api = task->api;

    if (k->taken != NULL && k->taken->snapshot == api->snapshots.taking)
        api->snapshots.taking = NULL;
    if (k->taken != NULL) {
        (void)snapshot_end(&k->taken->snapshot, 1); /* at once for the heap; the memory in steps */
        end_taken(api, k->taken);
    }
    mem_free(api->mem, k, sizeof *k);
}

static const struct task_work taking_work = {.step = step_taking, .destroy = destroy_taking};

/* POST /v1/snapshots  ->  201 {"n": 1, "objects", "links", "bytes", ...}: all there was when this call had its turn */
enum err post_snapshot(struct api *api, struct task *task, struct why *why)
{
    struct taking *k;

    if (api->snapshots.count >= api->settings->snapshots_max)
        return too_many(api, why);
    if ((k = mem_zalloc(api->mem, sizeof *k)) == NULL || (k->taken = mem_zalloc(api->mem, sizeof *k->taken)) == NULL) {
        mem_free(api->mem, k, sizeof *k);
        return why_set(why, ERR_NOMEM, "no memory to begin");
    }
    api->snapshots.count++;
    task_work_in_slices(task, &taking_work, k, PAUSE_SNAPSHOT);
    return ERR_OK;
}

/* ---- GET and DELETE ---- */

/* GET /v1/snapshots  ->  200, a page of summaries, the oldest first */
enum err get_snapshots(struct api *api, struct task *task, struct why *why)
{
    struct page page;
    struct out *o;
    size_t shown = 0;
    enum err e = query_page(task, &page, why);

    if (e)
        return e;
    o = reply_page(task);
    for (const struct taken *t = api->snapshots.first; t != NULL; t = t->next) {
        if (t->n <= page.cursor)
            continue;
        if (page_is_full(o, shown++, &page))
            return reply_page_end(task, page.cursor, why);
        write_summary(api, o, t);
        page.cursor = t->n;
    }
    return reply_page_end(task, 0, why);
}

/* GET /v1/snapshots/{n}  ->  200, its summary; ?format=heapsnapshot, ndjson, folded: all of it */
enum err get_snapshot(struct api *api, struct task *task, struct why *why)
{
    struct slice format;
    struct taken *t;
    enum err e = snapshots_find(api, task->params[0], &t, why);

    if (e)
        return e;
    if (query_get(task, "format", &format))
        return reply_snapshot(task, t, format, why);
    write_summary(api, reply_json(task, 200), t);
    return reply_end(task, why);
}

/* DELETE /v1/snapshots/{n}  ->  200 {}; whoever is reading it reads on */
enum err delete_snapshot(struct api *api, struct task *task, struct why *why)
{
    struct taken *t;
    enum err e = snapshots_find(api, task->params[0], &t, why);

    if (e)
        return e;
    remove_from_list(&api->snapshots, t);
    t->deleted = true;
    if (t->readers == 0)
        end_taken(api, t);
    return reply_nothing(task, why);
}
