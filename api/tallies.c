/*
 * tallies.c - /v1/heap/classes and /v1/heap/sites: how many objects of each class, or made at each site, and their bytes.
 *
 * Growth is that since the beginning of the window in which the suspects are watched (watch.h); growth_of() is the one
 * place that says so.
 *
 * Without ?sort= it is a page like any other, in the order of the heap's table. Sorted, it is the first
 * `limit` in that order and `next` is null: one walk over the table, in steps, that keeps the best seen so
 * far as a binary heap with the worst of them on top. So a million classes cost a bounded table, and no
 * sorting of a million.
 */
#include "api/handlers.h"
#include "api/pages.h"
#include "heap/base/check.h"
#include <stdlib.h>

#define ROWS_PER_UNIT 8

/* A copy: the heap's own name does not outlast a step. */
struct row {
    struct tally_info info; /* but its name */
    int64_t rank;           /* the largest comes first, and of equals the first by name */
    char name[NAME_BYTES_MAX];
};

typedef int64_t rank_fn(const struct tally_info *t);

struct selection {
    enum heap_tally which;
    rank_fn *rank;
    uint32_t cursor; /* in the heap's table */
    size_t count, limit;
    struct row rows[];
};

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

/* As for qsort(): below 0 if `a` comes first. */
static int compare(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    size_t m = x->info.name.len, n = y->info.name.len;
    int difference;

    if (x->rank != y->rank)
        return x->rank > y->rank ? -1 : 1;
    difference = memcmp(x->name, y->name, m < n ? m : n);
    return difference != 0 ? difference : (m > n) - (m < n);
}

/* NULL in *ret: not sorted. */
static enum err query_rank(const struct task *task, rank_fn **ret, struct why *why)
{
    struct slice sort;

    *ret = NULL;
    if (!query_get(task, "sort", &sort))
        return ERR_OK;
    for (size_t i = 0; i < ARRAY_LEN(orders); i++)
        if (slice_is(sort, orders[i].name))
            *ret = orders[i].rank;
    if (*ret == NULL)
        return why_set(why, ERR_BAD_VALUE, "sort is bytes, count, growth, peak or name, not %.*s", (int)sort.len, sort.data);
    return ERR_OK;
}

/* ---- the best so far ---- */

static void swap(struct row *a, struct row *b)
{
    struct row kept = *a;

    *a = *b;
    *b = kept;
}

static void sift_up(struct selection *s, size_t i)
{
    while (i > 0) {
        size_t parent = (i - 1) / 2;

        if (compare(&s->rows[i], &s->rows[parent]) <= 0)
            return;
        swap(&s->rows[i], &s->rows[parent]);
        i = parent;
    }
}

static void sift_down(struct selection *s, size_t i)
{
    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= s->count)
            return;
        if (child + 1 < s->count && compare(&s->rows[child + 1], &s->rows[child]) > 0)
            child++;
        if (compare(&s->rows[child], &s->rows[i]) <= 0)
            return;
        swap(&s->rows[child], &s->rows[i]);
        i = child;
    }
}

static void consider(struct selection *s, const struct row *row)
{
    if (s->count < s->limit) {
        s->rows[s->count++] = *row;
        sift_up(s, s->count - 1);
    } else if (compare(row, &s->rows[0]) < 0) {
        s->rows[0] = *row;
        sift_down(s, 0);
    }
}

static struct row row_of(const struct selection *s, const struct tally_info *info)
{
    struct row row = {.info = *info, .rank = s->rank(info)};

    CHECK(info->name.len <= sizeof row.name);
    if (info->name.len > 0)
        memcpy(row.name, info->name.data, info->name.len);
    return row;
}

/* ---- the answer ---- */

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
    out_member_u64(o, "shapes", t->shapes);
    out_close_object(o);
}

static enum err reply_selection(struct task *task, struct selection *s, struct why *why)
{
    struct out *o = reply_page(task);

    qsort(s->rows, s->count, sizeof s->rows[0], compare);
    for (size_t i = 0; i < s->count; i++) {
        struct row *r = &s->rows[i];

        r->info.name.data = r->name;
        write_row(o, s->which, &r->info);
    }
    return reply_page_end(task, 0, why);
}

static enum err step_selection(struct task *task, void *ctx, size_t units, enum task_turn *turn,
                               struct why *why)
{
    struct selection *s = ctx;
    struct tally_info info;
    struct row row;

    for (size_t left = units * ROWS_PER_UNIT; left > 0; left--) {
        if (!heap_next_tally(task->api->heap, s->which, &s->cursor, &info)) {
            *turn = TASK_DONE;
            return reply_selection(task, s, why);
        }
        row = row_of(s, &info);
        consider(s, &row);
    }
    *turn = TASK_MORE;
    return ERR_OK;
}

static size_t selection_bytes(size_t limit)
{
    return sizeof(struct selection) + limit * sizeof(struct row);
}

static void destroy_selection(struct task *task, void *ctx)
{
    struct selection *s = ctx;

    mem_free(task->api->mem, s, selection_bytes(s->limit));
}

static const struct task_work selection_work = {step_selection, destroy_selection};

static enum err reply_sorted(struct task *task, enum heap_tally which, rank_fn *rank, size_t limit, struct why *why)
{
    struct selection *s = mem_alloc(task->api->mem, selection_bytes(limit));

    if (s == NULL)
        return why_set(why, ERR_NOMEM, "no memory to sort %zu rows", limit);
    *s = (struct selection){.which = which, .rank = rank, .limit = limit};
    task_work(task, &selection_work, s);
    return ERR_OK;
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

static enum err reply_tallies(struct task *task, enum heap_tally which, struct why *why)
{
    rank_fn *rank;
    struct page page;
    enum err e;

    if ((e = query_page(task, &page, why)) || (e = query_rank(task, &rank, why)))
        return e;
    return rank != NULL ? reply_sorted(task, which, rank, page.limit, why)
                        : reply_in_table_order(task, which, &page, why);
}

/* GET /v1/heap/classes?sort=bytes
 *   ->  200 {"items": [{"class", "count", "bytes", "peak", "growth", "shapes"}], "next": null} */
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
