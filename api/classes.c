/*
 * classes.c - /v1/heap/classes: how many objects of each class, and their bytes; and what grew since a snapshot.
 *
 * Without ?sort= and ?since= it is a page like any other, in the order of the heap's table. Else it is the first `limit` in
 * that order and `next` is null: one walk over the table, in steps, that keeps the best seen so far (best.h). What there was
 * in the snapshot is added up by class first; a class of which nothing is left is shown too.
 */
#include "api/best.h"
#include "api/handlers.h"
#include "api/ledger.h"
#include "api/pages.h"
#include "api/snapshots.h"
#include "heap/base/check.h"

#define CLASSES_PER_UNIT 8

/* A copy: the heap's own name does not outlast a step. */
struct class_row {
    uint64_t objects, bytes, shapes;
    uint64_t objects_then, bytes_then; /* in the snapshot */
    size_t name_len;
    char name[NAME_BYTES_MAX];
};

enum { WALK_SNAPSHOT, WALK_HEAP, WALK_GONE };

struct selection {
    struct best best;
    uint32_t part;
    uint32_t cursor;       /* in the snapshot's labels, the heap's table, or rows of the ledger */
    struct taken *since;   /* held; NULL: none */
    struct ledger ledger;  /* its classes */
};

/* ---- order ---- */

static struct slice name_of(const struct class_row *row)
{
    return (struct slice){row->name, row->name_len};
}

static int by_name(const void *a, const void *b)
{
    return slice_order(name_of(a), name_of(b));
}

static int by_bytes(const void *a, const void *b)
{
    const struct class_row *x = a, *y = b;
    int order = largest_first((int64_t)x->bytes, (int64_t)y->bytes);

    return order != 0 ? order : by_name(a, b);
}

static int by_count(const void *a, const void *b)
{
    const struct class_row *x = a, *y = b;
    int order = largest_first((int64_t)x->objects, (int64_t)y->objects);

    return order != 0 ? order : by_name(a, b);
}

static int64_t bytes_grown(const struct class_row *row)
{
    return (int64_t)(row->bytes - row->bytes_then);
}

static int by_growth(const void *a, const void *b)
{
    int order = largest_first(bytes_grown(a), bytes_grown(b));

    return order != 0 ? order : by_name(a, b);
}

/* NULL in *ret: not sorted. */
static enum err query_order(const struct task *task, bool since, row_order **ret, struct why *why)
{
    struct slice sort;

    *ret = since ? by_growth : NULL;
    if (!query_get(task, "sort", &sort))
        return ERR_OK;
    if (slice_is(sort, "bytes"))
        *ret = by_bytes;
    else if (slice_is(sort, "count") || slice_is(sort, "objects"))
        *ret = by_count;
    else if (slice_is(sort, "name"))
        *ret = by_name;
    else if (!slice_is(sort, "growth") || !since)
        return why_set(why, ERR_BAD_VALUE, "sort is bytes, count or name, or with since=SNAPSHOT growth, not %.*s",
                       (int)sort.len, sort.data);
    return ERR_OK;
}

/* ---- one class ---- */

static void open_class(struct out *o, struct slice name, uint64_t objects, uint64_t bytes, uint64_t shapes)
{
    out_open_object(o);
    out_member_string(o, "class", name);
    out_member_u64(o, "count", objects);
    out_member_u64(o, "bytes", bytes);
    out_member_u64(o, "shapes", shapes);
}

static void write_row(struct out *o, const struct class_row *r, bool since)
{
    open_class(o, name_of(r), r->objects, r->bytes, r->shapes);
    if (since) {
        out_key(o, "growth");
        out_open_object(o);
        out_member_i64(o, "count", (int64_t)(r->objects - r->objects_then));
        out_member_i64(o, "bytes", bytes_grown(r));
        out_close_object(o);
    }
    out_close_object(o);
}

static struct class_row row_of(struct slice name)
{
    struct class_row row = {.name_len = name.len};

    CHECK(name.len <= sizeof row.name);
    memcpy(row.name, name.data, name.len);
    return row;
}

static void set_then(struct class_row *row, struct ledger_row *then)
{
    row->objects_then = then->count[0];
    row->bytes_then = then->bytes[0];
    then->matched = true;
}

/* ---- a selection, in steps: each returns the units left; 0: there is more ---- */

static enum err add_label(struct selection *s, const struct frozen_label *l, struct why *why)
{
    struct ledger_row key = {.what = LEDGER_CLASS, .name = frozen_string(s->since->frozen, l->class)}, *row;

    if (l->kind >= FROZEN_OUTSIDE || l->nodes == 0)
        return ERR_OK;
    if ((row = ledger_row(&s->ledger, &key)) == NULL)
        return why_set(why, ERR_NOMEM, "no memory to look up classes");
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

static void consider(struct selection *s, const struct class_info *info)
{
    struct class_row row = row_of(info->name);
    struct ledger_row key = {.what = LEDGER_CLASS, .name = info->name}, *then;

    row.objects = info->objects;
    row.bytes = info->bytes;
    row.shapes = info->shapes;
    if (s->since != NULL && (then = ledger_find(&s->ledger, &key)) != NULL)
        set_then(&row, then);
    best_consider(&s->best, &row);
}

static void walk_heap(struct selection *s, const struct heap *h, size_t *units)
{
    struct class_info info;

    for (size_t left = *units * CLASSES_PER_UNIT; left > 0; left--) {
        if (!heap_next_class(h, &s->cursor, &info))
            return;
        consider(s, &info);
    }
    *units = 0;
}

static void walk_gone(struct selection *s, size_t *units)
{
    for (; *units > 0 && s->cursor < s->ledger.count; s->cursor++, --*units) {
        struct ledger_row *then = ledger_at(&s->ledger, s->cursor);
        struct class_row row = row_of(then->name);

        if (then->matched)
            continue;
        set_then(&row, then);
        best_consider(&s->best, &row);
    }
}

static enum err reply_selection(struct task *task, struct selection *s, struct why *why)
{
    struct out *o = reply_page(task);

    best_sort(&s->best);
    for (size_t i = 0; i < s->best.count; i++)
        write_row(o, best_at(&s->best, i), s->since != NULL);
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

    while (ledger_close(&s->ledger, SIZE_MAX) == 0)
        ;
    best_fini(&s->best);
    snapshots_release(task->api, &s->since);
    mem_free(task->api->mem, s, sizeof *s);
}

static const struct task_work selection_work = {step_selection, destroy_selection};

static bool open_selection(struct api *api, struct selection *s, row_order *order, size_t limit)
{
    uint64_t seed;

    if (!best_init(&s->best, api->mem, order, sizeof(struct class_row), limit))
        return false;
    if (s->since == NULL)
        return true;
    api->world.random_bytes(api->world.ctx, &seed, sizeof seed);
    return ledger_open(&s->ledger, api->mem, seed);
}

static enum err select_classes(struct task *task, row_order *order, size_t limit, struct taken *since, struct why *why)
{
    struct selection *s = mem_zalloc(task->api->mem, sizeof *s);

    if (s == NULL)
        return why_set(why, ERR_NOMEM, "no memory to sort classes");
    s->part = since != NULL ? WALK_SNAPSHOT : WALK_HEAP;
    if (since != NULL)
        snapshots_hold(since);
    s->since = since;
    task_work(task, &selection_work, s);
    return open_selection(task->api, s, order, limit) ? ERR_OK : why_set(why, ERR_NOMEM, "no memory to sort classes");
}

static enum err reply_classes(struct api *api, struct task *task, struct page *page, struct why *why)
{
    struct out *o = reply_page(task);
    uint32_t next = cursor_u32(page->cursor);
    struct class_info c;

    for (size_t shown = 0; heap_next_class(api->heap, &next, &c); shown++) {
        if (page_is_full(o, shown, page))
            return reply_page_end(task, page->cursor, why);
        open_class(o, c.name, c.objects, c.bytes, c.shapes);
        out_close_object(o);
        page->cursor = next;
    }
    return reply_page_end(task, 0, why);
}

static enum err query_since(struct api *api, const struct task *task, struct taken **ret, struct why *why)
{
    struct slice since;

    *ret = NULL;
    return query_get(task, "since", &since) ? snapshots_find(api, since, ret, why) : ERR_OK;
}

/* GET /v1/heap/classes?sort=bytes  ->  200 {"items": [{"class", "count", "bytes", "shapes"}], "next": null}; with ?since=N
 * each has "growth": {"count", "bytes"} */
enum err get_classes(struct api *api, struct task *task, struct why *why)
{
    struct taken *since;
    row_order *order;
    struct page page;
    enum err e;

    if ((e = query_page(task, &page, why)) || (e = query_since(api, task, &since, why)) ||
        (e = query_order(task, since != NULL, &order, why)))
        return e;
    return order != NULL ? select_classes(task, order, page.limit, since, why) : reply_classes(api, task, &page, why);
}
