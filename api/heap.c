/*
 * heap.c - /v1/heap: what there is and where its bytes are; giving memory back. Recounting is validate.c.
 *
 * Bytes are reported so that sums add up, with the rest of each sum named:
 *
 *     committed = in_use + pool_free + dirty     the pages of pools
 *     accounted = committed + large + side + gc + sessions + snapshots + idempotency + events + other
 *                                                all memory asked for, on this account
 *     rss       = accounted - untouched + connections + allocator + program + rest
 *
 * `live`, `doomed` and `shared` say whose the bytes are that are in_use or large, but for `packing`, by which the
 * cells of packed pools are found; objects count 8 bytes each of the tables in `side` as theirs. `other` is the
 * requests that are being served. What counts against memory_bytes_max is all that heapd allocates, and what it must be able
 * to allocate without asking:
 *
 *     counted = accounted + connections + allocator + set_aside
 *
 * `set_aside` is what a full collection of the heap as it is may need for tables. `untouched` was asked for and never written, so the system has not given it.
 * `allocator` is what the C library keeps for small blocks beyond what is in them: free blocks, rounding, its own
 * marks. `program` is code and libraries. `rest` is measured against what the system says: stacks, pages of pools
 * no cell of which has been used yet (these count below 0), and what the libraries allocate for themselves.
 */
#include "api/handlers.h"
#include "api/snapshots.h"
#include "api/validate.h"
#include "heap/heap_gc.h"

/* ---- GET /v1/heap ---- */

struct bytes {
    struct heap_stats heap;
    struct api_memory process;
    struct idem_stats idempotency;
    uint64_t accounted, gc, sessions, snapshots, events, untouched, allocator, set_aside;
};

static void add_up(const struct api *api, struct bytes *b)
{
    uint64_t blocks, sessions_untouched, snapshots_untouched;
    struct gc_state gc;

    heap_stats(api->heap, &b->heap);
    gc_get_state(api->gc, &gc);
    api->world.memory(api->world.ctx, &b->process);
    b->accounted = api->mem->used_bytes;
    b->gc = gc.side_bytes;
    b->sessions = session_set_bytes(api->sessions, &sessions_untouched);
    b->set_aside = gc_table_bytes_to_come(api->gc) + heap_reap_bytes_to_come(api->heap);
    b->events = events_memory(api->news.events);
    idem_stats(api->idempotency, &b->idempotency);
    b->snapshots = snapshots_bytes(api, &snapshots_untouched);
    b->untouched =
        b->heap.untouched_bytes + sessions_untouched + snapshots_untouched + b->idempotency.untouched_bytes;
    blocks = api->mem->block_bytes + b->process.blocks_bytes;
    b->allocator = b->process.blocks_resident_bytes > blocks ? b->process.blocks_resident_bytes - blocks : 0;
}

static uint64_t counted(const struct bytes *b)
{
    return b->accounted + b->process.connection_bytes + b->allocator + b->set_aside;
}

uint64_t api_counted_bytes(const struct api *api)
{
    struct bytes b;

    add_up(api, &b);
    return counted(&b);
}

static void write_bytes(struct out *o, const struct bytes *b)
{
    const struct heap_stats *s = &b->heap;
    uint64_t named = s->committed_bytes + s->large_bytes + s->side_bytes + b->gc + b->sessions +
                     b->snapshots + b->idempotency.bytes + b->events;
    uint64_t resident = b->accounted - b->untouched + b->process.connection_bytes + b->allocator +
                        b->process.program_bytes;

    out_key(o, "bytes");
    out_open_object(o);
    out_member_u64(o, "live", s->live_bytes);
    out_member_u64(o, "doomed", s->doomed_bytes);
    out_member_u64(o, "shared", s->shared_bytes);
    out_member_u64(o, "in_use", s->committed_bytes - s->pool_free_bytes - s->dirty_bytes);
    out_member_u64(o, "packing", s->pack_index_bytes);
    out_member_u64(o, "pool_free", s->pool_free_bytes);
    out_member_u64(o, "dirty", s->dirty_bytes);
    out_member_u64(o, "committed", s->committed_bytes);
    out_member_u64(o, "large", s->large_bytes);
    out_member_u64(o, "side", s->side_bytes);
    out_member_u64(o, "gc", b->gc);
    out_member_u64(o, "sessions", b->sessions);
    out_member_u64(o, "snapshots", b->snapshots);
    out_member_u64(o, "idempotency", b->idempotency.bytes);
    out_member_u64(o, "events", b->events);
    out_member_i64(o, "other", (int64_t)(b->accounted - named));
    out_member_u64(o, "accounted", b->accounted);
    out_member_u64(o, "untouched", b->untouched);
    out_member_u64(o, "connections", b->process.connection_bytes);
    out_member_u64(o, "allocator", b->allocator);
    out_member_u64(o, "set_aside", b->set_aside);
    out_member_u64(o, "counted", counted(b));
    out_member_u64(o, "program", b->process.program_bytes);
    out_member_i64(o, "rest", (int64_t)(b->process.rss_bytes - resident));
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
    out_member_u64(o, "snapshots", api->snapshots.count);
    out_member_u64(o, "doomed", s->doomed);
    out_member_u64(o, "created", s->created);
    out_member_u64(o, "freed_by_refcount", s->freed_by_refcount);
    out_member_u64(o, "freed_by_collector", s->freed_by_collector);
}

/* GET /v1/heap  ->  200 {"objects": 12, "links": 20, ..., "bytes": {...}, "rss": 9437184} */
enum err get_heap(struct api *api, struct task *task, struct why *why)
{
    struct bytes b;
    struct out *o;

    add_up(api, &b); /* before the answer takes memory of its own */
    o = reply_json(task, 200);
    out_open_object(o);
    write_counts(api, o, &b.heap);
    validation_write_progress(api, o);
    snapshots_write_progress(api, o);
    write_bytes(o, &b);
    out_member_u64(o, "rss", b.process.rss_bytes);
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

/* How many bytes were committed when a purge began. */
struct purge {
    uint64_t committed;
};

static uint64_t committed_bytes(const struct heap *h)
{
    struct heap_stats s;

    heap_stats(h, &s);
    return s.committed_bytes;
}

static void destroy_purge(struct task *task, void *ctx)
{
    mem_free(task->api->mem, ctx, sizeof(struct purge));
}

static enum err reply_purge(struct task *task, const struct purge *p, struct why *why)
{
    uint64_t now = committed_bytes(task->api->heap);
    struct out *o = reply_json(task, 200);

    out_open_object(o);
    out_member_u64(o, "bytes", p->committed > now ? p->committed - now : 0);
    out_close_object(o);
    return reply_end(task, why);
}

/* The collector's slices do the same meanwhile, when the collector has nothing to do. */
static enum err step_purge(struct task *task, void *ctx, size_t units, enum task_turn *turn, struct why *why)
{
    struct heap *h = task->api->heap;

    if (heap_pack_at_ms(h) == 0)
        units = heap_pack(h, units);
    if (units > 0 && heap_purge_at_ms(h) == 0)
        (void)heap_purge(h, units);
    if (heap_pack_at_ms(h) == 0 || heap_purge_at_ms(h) == 0) {
        *turn = TASK_MORE;
        return ERR_OK;
    }
    *turn = TASK_DONE;
    news_begin_config(task->api, "purge", task->label);
    news_end(task->api);
    return reply_purge(task, ctx, why);
}

static const struct task_work purge_work = {.step = step_purge, .destroy = destroy_purge};

/* POST /v1/heap/purge  ->  200 {"bytes": 4096}: how many fewer are committed, now that all that was free has gone
 * back */
enum err post_purge(struct api *api, struct task *task, struct why *why)
{
    struct purge *p = mem_alloc(api->mem, sizeof *p);

    if (p == NULL)
        return why_set(why, ERR_NOMEM, "no memory to begin");
    p->committed = committed_bytes(api->heap);
    heap_tidy_now(api->heap);
    task_work(task, &purge_work, p);
    return ERR_OK;
}
