/*
 * tallies.c - /v1/heap/classes and /v1/heap/sites: how many objects of each class, or made at each site, their bytes, and by how
 * much these grew: since the beginning of the window in which suspects are watched (growth.h), or, with ?since=, since a
 * snapshot. growth_of() is the one place that says so.
 *
 * Without ?sort= and ?since= it is a page like any other, in the order of the heap's table. Else it is the first `limit` in
 * that order and `next` is null: one walk over the table, in steps, that keeps the best seen so far (best.h). What there was
 * in the snapshot is added up by name first; a name of which nothing is left is shown too.
 */
#include "api/best.h"
#include "api/handlers.h"
#include "api/ledger.h"
#include "api/pages.h"
#include "api/snapshots.h"
#include "heap/base/check.h"

#define ROWS_PER_UNIT 8

/* A copy: the heap's own name does not outlast a step. */
struct row {
    struct tally_info info; /* but its name */
    int64_t rank;           /* the largest comes first, and of equals the first by name */
    char name[NAME_BYTES_MAX];
};

typedef int64_t rank_fn(const struct tally_info *t);

enum { WALK_SNAPSHOT, WALK_HEAP, WALK_GONE };

struct selection {
    enum heap_tally which;
    rank_fn *rank;
    struct best best;
    int part;
    uint32_t cursor;      /* in the snapshot's labels, the heap's table, or rows of the ledger */
    struct taken *since;  /* held; NULL: none */
    struct ledger *ledger; /* what it has of each name */
};

/* What was marked is what there was in the snapshot, if there is one (consider()). */
static int64_t growth_of(const struct tally_info *t)
{
    return (int64_t)(t->bytes - t->marked_bytes);
}

/* ---- order ---- */

static int64_t no_rank(const struct tally_info *t)
{
    (void)t;
    return 0;
}

static int64_t bytes_of(const struct tally_info *t)
{
    return (int64_t)t->bytes;
}

static int64_t count_of(const struct tally_info *t)
{
    return (int64_t)t->objects;
}

static int64_t peak_of(const struct tally_info *t)
{
    return (int64_t)t->peak_bytes;
}

static const struct {
    const char *name;
    rank_fn *rank;
} orders[] = {
    {"bytes", bytes_of}, {"count", count_of}, {"objects", count_of}, {"growth", growth_of}, {"peak", peak_of}, {"name", no_rank},
};

static struct slice name_of(const struct row *r)
{
    return (struct slice){r->name, r->info.name.len};
}

static int compare(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    int order = largest_first(x->rank, y->rank);

    return order != 0 ? order : slice_order(name_of(x), name_of(y));
}

/* NULL in *ret: not sorted. */
static enum err query_rank(const struct task *task, bool since, rank_fn **ret, struct why *why)
{
    struct slice sort;

    *ret = since ? growth_of : NULL;
    if (!query_get(task, "sort", &sort))
        return ERR_OK;
    *ret = NULL;
    for (size_t i = 0; i < ARRAY_LEN(orders); i++)
        if (slice_is(sort, orders[i].name))
            *ret = orders[i].rank;
    if (*ret == NULL)
        return why_set(why, ERR_BAD_VALUE, "sort is bytes, count, growth, peak or name, not %.*s", (int)sort.len, sort.data);
    return ERR_OK;
}

/* ---- one row ---- */

static void write_name(struct out *o, enum heap_tally which, struct slice name)
{
    const char *key = which == HEAP_SITES ? "site" : "class";

    if (name.len > 0)
        out_member_string(o, key, name);
    else
        out_member_null(o, key); /* what has no site */
}

static void write_row(struct out *o, enum heap_tally which, const struct tally_info *t)
{
    out_open_object(o);
    write_name(o, which, t->name);
    out_member_u64(o, "count", t->objects);
    out_member_u64(o, "bytes", t->bytes);
    out_member_u64(o, "peak", t->peak_bytes);
    out_member_i64(o, "growth", growth_of(t));
    out_member_i64(o, "count_growth", (int64_t)(t->objects - t->marked_objects));
    out_member_u64(o, "shapes", t->shapes);
    out_close_object(o);
}

/* ---- a selection, in steps; *units that are left say that a part is over ---- */

static struct ledger_row key_of(const struct selection *s, struct slice name)
{
    return (struct ledger_row){.what = s->which == HEAP_SITES ? LEDGER_SITE : LEDGER_CLASS, .name = name};
}

static enum err add_label(struct selection *s, const struct frozen_label *l, struct why *why)
{
    struct ledger_row key = key_of(s, frozen_string(s->since->frozen, s->which == HEAP_SITES ? l->site : l->class)), *row;

    if (l->kind >= FROZEN_OUTSIDE || l->nodes == 0)
        return ERR_OK;
    if ((row = ledger_row(s->ledger, &key)) == NULL)
        return why_set(why, ERR_NOMEM, "no memory to look up what there was in the snapshot");
    row->count[0] += l->nodes;
    row->bytes[0] += l->bytes;
    return ERR_OK;
}

static enum err walk_snapshot(struct selection *s, size_t *units, struct why *why)
{
    const struct frozen *f = s->since->frozen;
    enum err e = ERR_OK;

    for (; *units > 0 && s->cursor < f->label_count && e == ERR_OK; s->cursor++, --*units)
        e = add_label(s, &f->labels[s->cursor], why);
    return e;
}

static void consider(struct selection *s, const struct tally_info *info, struct ledger_row *then)
{
    struct row row = {.info = *info};

    CHECK(info->name.len <= sizeof row.name);
    if (info->name.len > 0)
        memcpy(row.name, info->name.data, info->name.len);
    if (s->since != NULL) {
        row.info.marked_objects = then != NULL ? then->count[0] : 0;
        row.info.marked_bytes = then != NULL ? then->bytes[0] : 0;
    }
    if (then != NULL)
        then->matched = true;
    row.rank = s->rank(&row.info);
    best_consider(&s->best, &row);
}

static void walk_heap(struct selection *s, const struct heap *h, size_t *units)
{
    struct tally_info info;

    for (size_t left = *units * ROWS_PER_UNIT; left > 0; left--) {
        struct ledger_row key;

        if (!heap_next_tally(h, s->which, &s->cursor, &info))
            return;
        key = key_of(s, info.name);
        consider(s, &info, s->since != NULL ? ledger_find(s->ledger, &key) : NULL);
    }
    *units = 0;
}

static void walk_gone(struct selection *s, size_t *units)
{
    for (; *units > 0 && s->cursor < s->ledger->count; s->cursor++, --*units) {
        struct ledger_row *then = ledger_at(s->ledger, s->cursor);

        if (!then->matched)
            consider(s, &(struct tally_info){.name = then->name}, then);
    }
}

static enum err reply_selection(struct task *task, struct selection *s, struct why *why)
{
    struct out *o = reply_page(task);

    best_sort(&s->best);
    for (size_t i = 0; i < s->best.count; i++) {
        struct row row = *(const struct row *)best_at(&s->best, i);

        row.info.name = name_of(&row);
        write_row(o, s->which, &row.info);
    }
    return reply_page_end(task, 0, why);
}

static enum err step_selection(struct task *task, void *ctx, size_t units, enum task_turn *turn, struct why *why)
{
    struct selection *s = ctx;
    enum err e = ERR_OK;

    *turn = TASK_MORE;
    if (s->part == WALK_SNAPSHOT)
        e = walk_snapshot(s, &units, why);
    else if (s->part == WALK_HEAP)
        walk_heap(s, task->api->heap, &units);
    else
        walk_gone(s, &units);
    if (e != ERR_OK || units == 0)
        return e;
    if (s->part++ != (s->since != NULL ? WALK_GONE : WALK_HEAP)) {
        s->cursor = 0;
        return ERR_OK;
    }
    *turn = TASK_DONE;
    return reply_selection(task, s, why);
}

static void destroy_selection(struct task *task, void *ctx)
{
    struct selection *s = ctx;

    snapshots_end_ledger(task->api, &s->ledger);
    best_fini(&s->best);
    snapshots_release(task->api, &s->since);
    mem_free(task->api->mem, s, sizeof *s);
}

static const struct task_work selection_work = {.step = step_selection, .destroy = destroy_selection};

static bool open_selection(struct api *api, struct selection *s, size_t limit)
{
    uint64_t seed;

    if (!best_init(&s->best, api->mem, compare, sizeof(struct row), limit))
        return false;
    if (s->since == NULL)
        return true;
    api->world.random_bytes(api->world.ctx, &seed, sizeof seed);
    return (s->ledger = ledger_create(api->mem, seed)) != NULL;
}

/* ---- the answer ---- */

static enum err reply_sorted(struct task *task, enum heap_tally which, rank_fn *rank, size_t limit, struct taken *since,
                             struct why *why)
{
    struct selection *s = mem_zalloc(task->api->mem, sizeof *s);

    if (s == NULL)
        return why_set(why, ERR_NOMEM, "no memory to sort %zu rows", limit);
    *s = (struct selection){.which = which, .rank = rank, .part = since != NULL ? WALK_SNAPSHOT : WALK_HEAP, .since = since};
    if (since != NULL)
        snapshots_hold(since);
    task_work(task, &selection_work, s);
    return open_selection(task->api, s, limit) ? ERR_OK : why_set(why, ERR_NOMEM, "no memory to sort %zu rows", limit);
}

static enum err reply_in_table_order(struct task *task, enum heap_tally which, struct page *page, struct why *why)
{
    struct out *o = reply_page(task);
    uint32_t next = cursor_u32(page->cursor);
    struct tally_info info;

    for (size_t shown = 0; heap_next_tally(task->api->heap, which, &next, &info); shown++) {
        if (page_is_full(o, shown, page))
            return reply_page_end(task, page->cursor, why);
        write_row(o, which, &info);
        page->cursor = next;
    }
    return reply_page_end(task, 0, why);
}

static enum err query_since(struct task *task, struct taken **ret, struct why *why)
{
    struct slice since;

    *ret = NULL;
    return query_get(task, "since", &since) ? snapshots_find(task->api, since, ret, why) : ERR_OK;
}

static enum err reply_tallies(struct task *task, enum heap_tally which, struct why *why)
{
    struct taken *since;
    rank_fn *rank;
    struct page page;
    enum err e;

    if ((e = query_page(task, &page, why)) || (e = query_since(task, &since, why)) ||
        (e = query_rank(task, since != NULL, &rank, why)))
        return e;
    return rank != NULL ? reply_sorted(task, which, rank, page.limit, since, why)
                        : reply_in_table_order(task, which, &page, why);
}

/* GET /v1/heap/classes?sort=bytes
 *   ->  200 {"items": [{"class", "count", "bytes", "peak", "growth", "count_growth", "shapes"}], "next": null} */
enum err get_classes(struct api *api, struct task *task, struct why *why)
{
    (void)api;
    return reply_tallies(task, HEAP_CLASSES, why);
}

/* GET /v1/heap/sites  ->  the same by Heapd-Site; "site" is null for what has none */
enum err get_sites(struct api *api, struct task *task, struct why *why)
{
    (void)api;
    return reply_tallies(task, HEAP_SITES, why);
}

/* ---- the most there ever was, anew ---- */

struct resetting {
    enum heap_tally which;
    uint32_t cursor;
};

static enum err step_resetting(struct task *task, void *ctx, size_t units, enum task_turn *turn, struct why *why)
{
    struct heap *h = task->api->heap;
    struct resetting *r = ctx;
    struct tally_info info;

    *turn = TASK_MORE;
    for (size_t left = units * ROWS_PER_UNIT; left > 0; left--) {
        if (heap_next_tally(h, r->which, &r->cursor, &info)) {
            heap_reset_peak(h, r->which, info.row);
        } else if (r->which == HEAP_CLASSES) {
            *r = (struct resetting){.which = HEAP_SITES};
        } else {
            *turn = TASK_DONE;
            return reply_nothing(task, why);
        }
    }
    return ERR_OK;
}

static void destroy_resetting(struct task *task, void *ctx)
{
    mem_free(task->api->mem, ctx, sizeof(struct resetting));
}

static const struct task_work resetting_work = {.step = step_resetting, .destroy = destroy_resetting};

/* POST /v1/heap/reset_peak  ->  200 {}; tracemalloc.reset_peak() of Python */
enum err post_reset_peak(struct api *api, struct task *task, struct why *why)
{
    struct resetting *r = mem_zalloc(api->mem, sizeof *r);

    if (r == NULL)
        return why_set(why, ERR_NOMEM, "no memory to begin");
    r->which = HEAP_CLASSES;
    task_work(task, &resetting_work, r);
    return ERR_OK;
}
