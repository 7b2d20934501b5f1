/*
 * referents.c - what an object links to: the documents of its targets, each once, in the order of their ids.
 *
 * A list may link to millions, many times to the same, and change from page to page. So a page is not a place
 * in the list, but the `limit` smallest ids behind the cursor: one walk over the parts finds them in a table
 * of fixed size, whatever the list is like, and what stays all along is shown exactly once.
 */
#include "api/documents.h"
#include "api/handlers.h"
#include "api/pages.h"
#include "api/part_walk.h"
#include "heap/base/check.h"

struct gather {
    struct page page;
    struct part_walk parts;
    size_t count;
    obj_id ids[WIRE_PAGE_MAX + 1]; /* the smallest behind page.cursor, ascending; one more than is shown */
};

/* Where `id` is or would be among the ids. */
static size_t place_of(const struct gather *g, obj_id id)
{
    size_t low = 0, high = g->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (g->ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool gather_part(void *ctx, const struct part *part, uint64_t number)
{
    struct gather *g = ctx;
    size_t capacity = g->page.limit + 1;
    obj_id id = part->value.kind == VALUE_LINK ? part->value.id : 0;
    size_t i;

    (void)number;
    if (id <= g->page.cursor)
        return true;
    i = place_of(g, id);
    if (i == capacity || (i < g->count && g->ids[i] == id))
        return true;
    g->count += g->count < capacity; /* or the largest makes room */
    memmove(&g->ids[i + 1], &g->ids[i], (g->count - 1 - i) * sizeof g->ids[0]);
    g->ids[i] = id;
    return true;
}

static enum err write_page(struct task *task, const struct gather *g, struct why *why)
{
    struct out *o = reply_page(task);
    enum err e;

    for (size_t i = 0; i < g->count; i++) {
        if (i > 0 && page_is_full(o, i, &g->page))
            return reply_page_end(task, g->ids[i - 1], why);
        if (!heap_has(task->api->heap, g->ids[i]))
            continue; /* it died while we walked on */
        if ((e = document_write(task->api, o, g->ids[i], why)))
            return e;
    }
    return reply_page_end(task, 0, why);
}

static enum err step_gather(struct task *task, void *ctx, size_t units, enum task_turn *turn, struct why *why)
{
    struct gather *g = ctx;
    enum err e = heap_check(task->api->heap, g->parts.id, why);

    if (e)
        return e;
    if (part_walk_step(task->api->heap, &g->parts, units, gather_part, g) == 0) {
        *turn = TASK_MORE;
        return ERR_OK;
    }
    *turn = TASK_DONE;
    return write_page(task, g, why);
}

static void destroy_gather(struct task *task, void *ctx)
{
    mem_free(task->api->mem, ctx, sizeof(struct gather));
}

static const struct task_work gather_work = {.step = step_gather, .destroy = destroy_gather};

/* GET /v1/objects/{id}/referents  ->  200, a page of documents */
enum err get_referents(struct api *api, struct task *task, struct why *why)
{
    struct gather *g;
    struct page page;
    obj_id id;
    enum err e;

    if ((e = path_object(task, &id, why)) || (e = query_page(task, &page, why)))
        return e;
    g = mem_alloc(api->mem, sizeof *g);
    if (g == NULL)
        return why_set(why, ERR_NOMEM, "no memory to gather what the object links to");
    g->page = page;
    g->count = 0;
    CHECK(part_walk_begin(api->heap, &g->parts, id, NULL) == ERR_OK); /* path_object() saw it alive */
    task_work(task, &gather_work, g);
    return ERR_OK;
}
