/*
 * heap.c - /v1/heap: what there is and where its bytes are; giving memory back; recounting.
 *
 * Bytes are reported so that sums add up, with the rest of each sum named:
 *
 *     committed = in_use + pool_free + dirty             the pages of pools
 *     accounted = committed + large + side + other       all memory asked for
 *     rss       = accounted + unaccounted                what the system says
 *
 * `other` is what is not the heap's: requests, answers, sessions. `unaccounted` is code, stacks and
 * libraries, and below 0 where accounted pages were never touched. `live`, `doomed` and `shared` say whose
 * the bytes in_use and large are.
 */
#include "api/handlers.h"
#include "api/task.h"

#define BROKEN_SENTENCES_MAX 100

/* ---- GET /v1/heap ---- */

static void write_bytes(struct out *o, const struct heap_stats *s, uint64_t accounted)
{
    out_key(o, "bytes");
    out_open_object(o);
    out_member_u64(o, "live", s->live_bytes);
    out_member_u64(o, "doomed", s->doomed_bytes);
    out_member_u64(o, "shared", s->shared_bytes);
    out_member_i64(o, "in_use", (int64_t)(s->committed_bytes - s->pool_free_bytes - s->dirty_bytes));
    out_member_u64(o, "pool_free", s->pool_free_bytes);
    out_member_u64(o, "dirty", s->dirty_bytes);
    out_member_u64(o, "committed", s->committed_bytes);
    out_member_u64(o, "large", s->large_bytes);
    out_member_u64(o, "side", s->side_bytes);
    out_member_i64(o, "other", (int64_t)(accounted - s->committed_bytes - s->large_bytes - s->side_bytes));
    out_member_u64(o, "accounted", accounted);
    out_close_object(o);
}

static void write_counts(const struct api *api, struct out *o, const struct heap_stats *s)
{
    out_member_u64(o, "objects", s->objects);
    out_member_u64(o, "tracked", s->tracked);
    out_member_u64(o, "links", s->links);
    out_member_u64(o, "weak_links", s->weak_links);
    out_member_u64(o, "classes", s->classes);
    out_member_u64(o, "shapes", s->shapes);
    out_member_u64(o, "strings", s->strings);
    out_member_u64(o, "roots", s->roots);
    out_member_u64(o, "weak_names", s->weak_names);
    out_member_u64(o, "sessions", session_count(api->sessions));
    out_member_u64(o, "doomed", s->doomed);
    out_member_u64(o, "created", s->created);
    out_member_u64(o, "freed_by_refcount", s->freed_by_refcount);
    out_member_u64(o, "freed_by_collector", s->freed_by_collector);
}

/* GET /v1/heap  ->  200 {"objects": 12, "links": 20, ..., "bytes": {...}, "rss": 9437184} */
enum err get_heap(struct api *api, struct task *task, struct why *why)
{
    struct out *o = reply_json(task, 200);
    uint64_t accounted = api->mem->used_bytes;
    uint64_t rss = api->world.rss_bytes(api->world.ctx);
    struct heap_stats s;

    heap_stats(api->heap, &s);
    out_open_object(o);
    write_counts(api, o, &s);
    write_bytes(o, &s, accounted);
    out_member_u64(o, "rss", rss);
    out_member_i64(o, "unaccounted", (int64_t)(rss - accounted));
    out_close_object(o);
    return reply_end(task, why);
}

/* ---- GET /v1/heap/pools ---- */

static void write_pool_class(struct out *o, const struct pool_class_info *c)
{
    out_open_object(o);
    out_member_text(o, "kind", c->kind);
    out_member_u64(o, "cell_bytes", c->cell_bytes);
    out_member_u64(o, "pools", c->pools);
    out_member_u64(o, "cells", c->cells);
    out_member_u64(o, "used", c->used);
    out_member_u64(o, "free", c->free);
    out_close_object(o);
}

/* GET /v1/heap/pools  ->  200 {"arenas": 1, "classes": [{"kind", "cell_bytes", "pools", "cells", "used",
 * "free"}]} */
enum err get_pools(struct api *api, struct task *task, struct why *why)
{
    struct out *o = reply_json(task, 200);
    struct pool_class_info c;
    uint32_t cursor = 0;

    out_open_object(o);
    out_member_u64(o, "arenas", heap_arena_count(api->heap));
    out_key(o, "classes");
    out_open_array(o);
    while (heap_next_pool_class(api->heap, &cursor, &c))
        write_pool_class(o, &c);
    out_close_array(o);
    out_close_object(o);
    return reply_end(task, why);
}

/* ---- doing ---- */

static uint64_t committed(const struct heap *h)
{
    struct heap_stats s;

    heap_stats(h, &s);
    return s.committed_bytes;
}

/* POST /v1/heap/purge  ->  200 {"bytes": 4096}: how many went back to the system */
enum err post_purge(struct api *api, struct task *task, struct why *why)
{
    uint64_t before = committed(api->heap), after;
    struct out *o = reply_json(task, 200);

    heap_tidy_now(api->heap);
    while (heap_pack(api->heap, SIZE_MAX) == 0)
        ;
    while (heap_purge(api->heap, SIZE_MAX) == 0)
        ;
    after = committed(api->heap);
    out_open_object(o);
    out_member_u64(o, "bytes", before > after ? before - after : 0); /* the first packed pools need storage pools */
    out_close_object(o);
    return reply_end(task, why);
}

struct broken_list {
    struct out *out;
    size_t count;
};

static void write_broken(void *ctx, const char *sentence)
{
    struct broken_list *list = ctx;

    if (list->count++ < BROKEN_SENTENCES_MAX)
        out_text(list->out, sentence);
}

/* POST /v1/heap/validate  ->  200 {"broken": []}. It counts the whole heap in one go: others
 * wait. */
enum err post_validate(struct api *api, struct task *task, struct why *why)
{
    struct broken_list list = {.out = reply_json(task, 200)};
    struct out *o = list.out;

    out_open_object(o);
    out_key(o, "broken");
    out_open_array(o);
    heap_validate(api->heap, write_broken, &list);
    out_close_array(o);
    out_close_object(o);
    return reply_end(task, why);
}
