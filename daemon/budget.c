/*
 * budget.c - see budget.h.
 *
 * What the allocator keeps cannot be known by counting: a free block between used ones is in memory or not, as its pages
 * happen to be. So the system is asked, a piece each time, where that could make a difference; where memory is short the C
 * library is asked first to give back what it can. What is dropped in small blocks is room for others at once, and a
 * little of what is kept does not count: else who has dropped something would find the heap as full as it was.
 */
#include "daemon/budget.h"
#include "daemon/clock.h"
#include "daemon/edge.h"
#include "heap/heap_gc.h"

#define BUFFERS_BEYOND (API_BEYOND_BYTES / 4 * 3) /* the rest is for those who begin */
#define LOOK_PIECE     (32u << 20)                /* of the allocator's addresses at a time: 30 us */
#define LOOK_MS        100
#define LOOK_CHANGE    (4u << 20) /* of what is in blocks is worth another look */
#define TIDY_MS        250
#define TRIM_MS        100 /* between two, and ... */
#define TRIM_TIMES     20  /* ... so many times as long as the last took */
#define WASTE_DIRTY    64 /* parts of the limit, one in so many, that are worth giving back: pages in no pool ... */
#define WASTE_FREE     16 /* ... free cells in pools */
#define SPARE_BLOCKS   32 /* ... free blocks of the allocator; below that they do not count ... */
#define SPARE_BYTES    (8u << 20) /* ... if they are no more than this */

/* ---- arithmetic ---- */

static uint64_t part_over(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

struct budget_shares budget_share(const struct budget_facts *f)
{
    uint64_t taken = f->heap + f->connections + f->allocator + f->to_come;
    uint64_t stays = part_over(taken, f->buffers);

    if (f->max == 0)
        return (struct budget_shares){.taken = taken, .buffers_max = UINT64_MAX, .accepts = true};
    return (struct budget_shares){
        .taken = taken,
        .over = part_over(stays, f->max),
        .buffers_max = part_over(f->max, stays) + BUFFERS_BEYOND,
        .accepts = stays < f->max + BUFFERS_BEYOND,
    };
}

static bool is_short(uint64_t taken, uint64_t max, uint64_t collect_pct)
{
    return max != 0 && collect_pct != 0 && taken >= max / 100 * collect_pct;
}

bool budget_collects(const struct budget_past *past, const struct budget_now *now)
{
    bool has_grown = part_over(now->bytes, past->bytes) >= now->max / BUDGET_GROWTH;
    bool refuses = now->refused != past->refused && now->cycles_possible;

    return is_short(now->taken, now->max, now->collect_pct) && now->ms >= past->not_before_ms && (has_grown || refuses);
}

void budget_note_run(struct budget_past *past, uint64_t collected, uint64_t us, uint64_t now_ms)
{
    uint64_t rest_ms = collected > 0 || past->rest_ms == 0 ? BUDGET_REST_MS : 2 * past->rest_ms;

    past->rest_ms = rest_ms < BUDGET_REST_MS_MAX ? rest_ms : BUDGET_REST_MS_MAX;
    past->not_before_ms = now_ms + past->rest_ms + BUDGET_REST_TIMES * us / 1000;
}

/* ---- what the allocator keeps ---- */

static size_t block_bytes(const struct budget *b)
{
    return heap_mem(b->world.heap)->block_bytes + b->world.edge_mem->block_bytes;
}

/* What is in memory for blocks beyond so many bytes of them, and too much to be overlooked. */
static uint64_t wasted_beyond(const struct budget *b, size_t blocks)
{
    uint64_t spare = b->world.settings->memory_bytes_max / SPARE_BLOCKS;
    size_t resident = b->look.resident_bytes, extent = mem_blocks_extent();

    return part_over(part_over(resident < extent ? resident : extent, blocks), spare < SPARE_BYTES ? spare : SPARE_BYTES);
}

static bool is_worth_a_look(const struct budget *b, uint64_t now_ms)
{
    size_t blocks = block_bytes(b), used = heap_mem(b->world.heap)->used_bytes + b->world.edge_mem->used_bytes;
    uint64_t most = used - blocks + mem_blocks_extent();
    bool changed = part_over(blocks, b->looked_blocks) + part_over(b->looked_blocks, blocks) >= LOOK_CHANGE;

    return most >= b->world.settings->memory_bytes_max / 2 && (changed || now_ms - b->looked_ms >= LOOK_MS);
}

/* It may take milliseconds. Better than to refuse for want of what nobody has. */
static void trim(struct budget *b, uint64_t now_ms)
{
    uint64_t began_us;

    if (now_ms < b->trim_at_ms || wasted_beyond(b, block_bytes(b)) == 0)
        return;
    began_us = clock_us();
    mem_trim();
    b->trim_at_ms = now_ms + TRIM_MS + TRIM_TIMES * (clock_us() - began_us) / 1000;
}

/* What has gone out of blocks since the last look is room for others until the next, before which it goes back. */
static void look_at_blocks(struct budget *b, uint64_t now_ms)
{
    if (b->look.at == 0) { /* not in the middle of one */
        if (!is_worth_a_look(b, now_ms))
            return;
        if (b->was_short)
            trim(b, now_ms);
        b->looking_blocks = block_bytes(b);
    }
    if (!mem_blocks_look(&b->look, LOOK_PIECE))
        return;
    b->looked_ms = now_ms;
    b->looked_blocks = b->looking_blocks;
}

/* ---- telling ---- */

static struct budget_facts gather(const struct budget *b)
{
    const struct budget_world *w = &b->world;

    return (struct budget_facts){
        .max = w->settings->memory_bytes_max,
        .heap = heap_mem(w->heap)->used_bytes,
        .connections = w->edge_mem->used_bytes,
        .allocator = wasted_beyond(b, b->looked_blocks),
        .to_come = gc_table_bytes_to_come(w->gc) + heap_reap_bytes_to_come(w->heap),
        .buffers = edge_buffer_bytes(w->edge),
    };
}

/* The account of connections refuses nothing: a peer that did nothing wrong would be cut in the middle of a word. That no
 * more come, and that the slow are cut, holds it. */
static void tell(struct budget *b, const struct budget_facts *f, const struct budget_shares *s)
{
    struct mem *mem = heap_mem(b->world.heap);

    mem->aside_bytes = part_over(s->taken, f->heap);
    mem->over_bytes = s->over;
    edge_set_room(b->world.edge, s->buffers_max, s->accepts);
}

/* ---- giving back ---- */

static void tidy(struct budget *b, uint64_t max, uint64_t now_ms)
{
    const struct pools *p = heap_pools(b->world.heap);

    if (now_ms - b->tidied_ms < TIDY_MS)
        return;
    if (p->dirty_pages * MEM_PAGE_BYTES < max / WASTE_DIRTY && pools_free_bytes(p) < max / WASTE_FREE)
        return;
    b->tidied_ms = now_ms;
    heap_tidy_soon(b->world.heap);
}

/* ---- collecting ---- */

static uint64_t bytes_of(const struct heap *h)
{
    const struct heap_stats *s = heap_counters(h);

    return s->live_bytes + s->shared_bytes;
}

/* Whatever a full collection was made for, what it left is there to stay. */
static void note_past(struct budget *b, const struct gc_state *s)
{
    uint64_t bytes = bytes_of(b->world.heap), count = s->generations[GC_GENERATIONS - 1].collections;

    if (count != b->full_count || bytes < b->past.bytes)
        b->past.bytes = bytes;
    b->full_count = count;
}

/* True while the one that was asked for here has not ended. */
static bool is_collecting(struct budget *b, uint64_t now_ms)
{
    struct gc_run run;

    if (b->ticket == 0)
        return false;
    if (!gc_run_of(b->world.gc, GC_GENERATIONS - 1, false, b->ticket, &run))
        return true;
    b->ticket = 0;
    budget_note_run(&b->past, run.collected, run.us, now_ms);
    return false;
}

static void collect(struct budget *b, uint64_t taken, uint64_t now_ms)
{
    const struct settings *settings = b->world.settings;
    const struct mem *mem = heap_mem(b->world.heap);
    struct gc_state s;
    struct budget_now now;

    gc_get_state(b->world.gc, &s);
    note_past(b, &s);
    now = (struct budget_now){
        .max = settings->memory_bytes_max,
        .taken = taken,
        .collect_pct = settings->memory_collect_pct,
        .bytes = bytes_of(b->world.heap),
        .refused = mem->refused_count,
        .ms = now_ms,
        .cycles_possible = s.cycles_possible,
    };
    if (is_collecting(b, now_ms) || !s.tuning.enabled || s.tuning.thresholds[0] == 0 || !budget_collects(&b->past, &now))
        return;
    b->past.refused = now.refused;
    b->past.bytes = now.bytes;
    CHECK(gc_collect(b->world.gc, GC_GENERATIONS - 1, GC_BY_MEMORY, false, &b->ticket, NULL) == ERR_OK);
}

/* ---- all of it ---- */

void budget_init(struct budget *b, const struct budget_world *world)
{
    *b = (struct budget){.world = *world};
}

static void act(struct budget *b, uint64_t taken, uint64_t now_ms)
{
    const struct settings *settings = b->world.settings;
    uint64_t max = settings->memory_bytes_max;

    b->was_short = is_short(taken, max, settings->memory_collect_pct);
    if (b->was_short)
        tidy(b, max, now_ms);
    collect(b, taken, now_ms);
}

void budget_look(struct budget *b, uint64_t now_ms)
{
    bool has_limit = b->world.settings->memory_bytes_max != 0;
    struct budget_facts f = {0};
    struct budget_shares s;

    if (has_limit) {
        look_at_blocks(b, now_ms);
        f = gather(b);
    }
    s = budget_share(&f);
    tell(b, &f, &s);
    if (has_limit)
        act(b, s.taken, now_ms);
}
