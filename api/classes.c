/*
 * classes.c - /v1/heap/classes: how many objects of each class, and their bytes.
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

#define CLASSES_PER_UNIT 8

/* A copy: the heap's own name does not outlast a step. */
struct class_row {
    uint64_t objects, bytes, shapes;
    size_t name_len;
    char name[NAME_BYTES_MAX];
};

/* As for qsort(): below 0 if `a` comes first. */
typedef int row_order(const void *a, const void *b);

struct selection {
    row_order *order;
    uint32_t cursor; /* in the heap's table */
    size_t count, limit;
    struct class_row rows[];
};

/* ---- order ---- */

static int by_name(const void *a, const void *b)
{
    const struct class_row *x = a, *y = b;
    size_t shorter = x->name_len < y->name_len ? x->name_len : y->name_len;
    int difference = memcmp(x->name, y->name, shorter);

    return difference != 0 ? difference : (x->name_len > y->name_len) - (x->name_len < y->name_len);
}

static int largest_first(uint64_t a, uint64_t b)
{
    return (a < b) - (a > b);
}

static int by_bytes(const void *a, const void *b)
{
    const struct class_row *x = a, *y = b;
    int difference = largest_first(x->bytes, y->bytes);

    return difference != 0 ? difference : by_name(a, b);
}

static int by_count(const void *a, const void *b)
{
    const struct class_row *x = a, *y = b;
    int difference = largest_first(x->objects, y->objects);

    return difference != 0 ? difference : by_name(a, b);
}

/* NULL in *ret: not sorted. */
static enum err query_order(const struct task *task, row_order **ret, struct why *why)
{
    struct slice sort;

    *ret = NULL;
    if (!query_get(task, "sort", &sort))
        return ERR_OK;
    if (slice_is(sort, "bytes"))
        *ret = by_bytes;
    else if (slice_is(sort, "count") || slice_is(sort, "objects"))
        *ret = by_count;
    else if (slice_is(sort, "name"))
        *ret = by_name;
    else
        return why_set(why, ERR_BAD_VALUE, "sort is bytes, count or name, not %.*s", (int)sort.len,
                       sort.data);
    return ERR_OK;
}

/* ---- the best so far ---- */

static void swap(struct class_row *a, struct class_row *b)
{
    struct class_row kept = *a;

    *a = *b;
    *b = kept;
}

static void sift_up(struct selection *s, size_t i)
{
    while (i > 0) {
        size_t parent = (i - 1) / 2;

        if (s->order(&s->rows[i], &s->rows[parent]) <= 0)
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
        if (child + 1 < s->count && s->order(&s->rows[child + 1], &s->rows[child]) > 0)
            child++;
        if (s->order(&s->rows[child], &s->rows[i]) <= 0)
            return;
        swap(&s->rows[child], &s->rows[i]);
        i = child;
    }
}

static void consider(struct selection *s, const struct class_row *row)
{
    if (s->count < s->limit) {
        s->rows[s->count++] = *row;
        sift_up(s, s->count - 1);
    } else if (s->order(row, &s->rows[0]) < 0) {
        s->rows[0] = *row;
        sift_down(s, 0);
    }
}

static struct class_row row_of(const struct class_info *info)
{
    struct class_row row = {info->objects, info->bytes, info->shapes, info->name.len, ""};

    CHECK(info->name.len <= sizeof row.name);
    memcpy(row.name, info->name.data, info->name.len);
    return row;
}

/* ---- the answer ---- */

static void write_class(struct out *o, struct slice name, uint64_t objects, uint64_t bytes, uint64_t shapes)
{
    out_open_object(o);
    out_member_string(o, "class", name);
    out_member_u64(o, "count", objects);
    out_member_u64(o, "bytes", bytes);
    out_member_u64(o, "shapes", shapes);
    out_close_object(o);
}

static enum err reply_selection(struct task *task, struct selection *s, struct why *why)
{
    struct out *o = reply_page(task);

    qsort(s->rows, s->count, sizeof s->rows[0], s->order);
    for (size_t i = 0; i < s->count; i++) {
        const struct class_row *r = &s->rows[i];

        write_class(o, (struct slice){r->name, r->name_len}, r->objects, r->bytes, r->shapes);
    }
    return reply_page_end(task, 0, why);
}

static enum err step_selection(struct task *task, void *ctx, size_t units, enum task_turn *turn,
                               struct why *why)
{
    struct selection *s = ctx;
    struct class_info info;
    struct class_row row;

    for (size_t left = units * CLASSES_PER_UNIT; left > 0; left--) {
        if (!heap_next_class(task->api->heap, &s->cursor, &info)) {
            *turn = TASK_DONE;
            return reply_selection(task, s, why);
        }
        row = row_of(&info);
        consider(s, &row);
    }
    *turn = TASK_MORE;
    return ERR_OK;
}

static size_t selection_bytes(size_t limit)
{
    return sizeof(struct selection) + limit * sizeof(struct class_row);
}

static void destroy_selection(struct task *task, void *ctx)
{
    struct selection *s = ctx;

    mem_free(task->api->mem, s, selection_bytes(s->limit));
}

static const struct task_work selection_work = {step_selection, destroy_selection};

static enum err select_classes(struct task *task, row_order *order, size_t limit, struct why *why)
{
    struct selection *s = mem_alloc(task->api->mem, selection_bytes(limit));

    if (s == NULL)
        return why_set(why, ERR_NOMEM, "no memory to sort classes");
    *s = (struct selection){.order = order, .limit = limit};
    task_work(task, &selection_work, s);
    return ERR_OK;
}

static enum err reply_classes(struct api *api, struct task *task, struct page *page, struct why *why)
{
    struct out *o = reply_page(task);
    uint32_t next = cursor_u32(page->cursor);
    struct class_info c;

    for (size_t shown = 0; heap_next_class(api->heap, &next, &c); shown++) {
        if (page_is_full(o, shown, page))
            return reply_page_end(task, page->cursor, why);
        write_class(o, c.name, c.objects, c.bytes, c.shapes);
        page->cursor = next;
    }
    return reply_page_end(task, 0, why);
}

/* GET /v1/heap/classes?sort=bytes  ->  200 {"items": [{"class", "count", "bytes", "shapes"}], "next": null}
 */
enum err get_classes(struct api *api, struct task *task, struct why *why)
{
    row_order *order;
    struct page page;
    enum err e;

    if ((e = query_page(task, &page, why)) || (e = query_order(task, &order, why)))
        return e;
    return order != NULL ? select_classes(task, order, page.limit, why)
                         : reply_classes(api, task, &page, why);
}
