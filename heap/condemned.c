/*
 * condemned.c - the end of what a collection found unreached (heap_gc.h): a whole set at one moment, its memory pool
 * by pool.
 *
 * The flip (heap_condemn_window) is one bit: from then on heap_is_alive() says no for every member, so ids, weak
 * references and listings answer as for the dead, and the statistics have changed. No header is written.
 * Then two passes, each in bounded steps, each over the whole set before the next:
 *
 *     release   the members let go of their contents. Links among them are skipped, which takes a look at a bit
 *               instead of a count, and none when it is known that there are no others; a survivor that loses its
 *               last reference dies by counting.
 *     free      the cells go back. A pool of which nothing is left goes as a whole, and its cells are never touched.
 *
 * A slot must not be free, and so used again, while a condemned neighbour still names it: hence two passes.
 */
#include "heap/onlooker.h"
#include "heap/ref.h"
#include "heap/shape.h"
#include "heap/weak.h"

void heap_condemn_window(struct heap *h, enum object_window w, uint64_t members)
{
    CHECK(((h->windows.open >> w) & 1) == 1 && h->stats.objects >= members && h->undo == NULL);
    h->windows.open &= ~(1u << w);
    h->windows.dead |= 1u << w;
    h->released[w] = h->told_pool[w] = 0;
    if (journal_is_on(h->journal))
        journal_condemned(h, h->windows.members[w], h->windows.pools[w]);
    h->weak_deaths++; /* what weakly refers to the set reads null from now on: etags must differ */
    h->stats.objects -= members;
    h->stats.tracked -= members;
    h->stats.freed_by_collector += members;
    h->stats.doomed += members;
    h->unreleased += members;
}

/* ---- release ---- */

#define BYTES_AHEAD 2048
#define NUMBERS (1u << WORD_CONST | 1u << WORD_INT | 1u << WORD_REAL)
#define LINKS_AHEAD 128u /* found, and not yet acted on: by then the bits of the first have come from memory */

/* What a run of deaths in one pool adds up to, so that the counters are touched once. */
struct release {
    struct heap *heap;
    const uint64_t *dead;     /* those who go with it, by slot */
    bool inward;              /* links go to them alone */
    uint32_t harmless;        /* tags, as bits, of words that hold nothing but those */
    struct pool_span span;
    uint32_t cell_bytes;
    uint32_t values;          /* words of a cell that are its own */
    uint32_t shape;           /* of the last few ... */
    uint64_t objects;         /* ... how many that were */
    uint32_t turn_max;
    uint32_t links;           /* that they had */
    uint32_t count;           /* of targets */
    slot_t target[LINKS_AHEAD];
};

static void flush_shape(struct release *r)
{
    struct heap *h = r->heap;
    uint64_t bytes = r->objects * r->cell_bytes;

    if (r->objects == 0)
        return;
    shape_lose_objects(h, r->shape, r->objects, bytes);
    h->unreleased -= r->objects;
    h->stats.live_bytes -= bytes;
    h->stats.doomed_bytes += bytes;
    r->objects = 0;
}

/* Links among the condemned say nothing any more. */
static void drop_links(struct release *r)
{
    for (uint32_t i = 0; i < r->count; i++)
        if (!bits_has(r->dead, r->target[i]))
            ref_drop(r->heap, r->target[i]);
    r->count = 0;
}

static inline void drop_soon(struct release *r, slot_t target)
{
    __builtin_prefetch(&r->dead[target / 64]);
    if (r->count == LINKS_AHEAD)
        drop_links(r);
    r->target[r->count++] = target;
}

static void flush(struct release *r, struct pool *pool)
{
    flush_shape(r);
    drop_links(r);
    r->heap->stats.links -= r->links;
    if (r->turn_max > pool->turn_max)
        pool->turn_max = (uint16_t)r->turn_max;
}

/* Nothing of the cell is written, it is only read. */
static void release_inline(struct release *r, const struct object *o)
{
    for (uint32_t i = 0; i < r->values; i++) {
        enum word_tag tag = word_tag(o->word[i]);

        r->links += tag == WORD_LINK;
        if (tag == WORD_LINK && !r->inward)
            drop_soon(r, word_payload(o->word[i]));
        else if (tag >= WORD_STRING && tag != WORD_LINK)
            word_release(r->heap, o->word[i]);
    }
}

/* The common case of a set that dies with all it links to: nothing has to be let go of. */
static inline bool holds_nothing(struct release *r, const struct object *o)
{
    uint32_t tags = 0, links = 0;

    if (!object_is_inline(o) || o->has_weak || o->has_big)
        return false;
    for (uint32_t i = 0; i < r->values; i++) {
        tags |= 1u << word_tag(o->word[i]);
        links += word_tag(o->word[i]) == WORD_LINK;
    }
    if ((tags & ~r->harmless) != 0)
        return false;
    r->links += links;
    return true;
}

/* False: it is not empty yet, and the units are used up. */
static bool release_contents(struct release *r, slot_t slot, struct object *o, size_t *units)
{
    struct heap *h = r->heap;

    if (h->scans != NULL || h->stagings != NULL || o->has_weak || o->has_big)
        ref_leave_tables(h, slot, o);
    if (object_is_inline(o))
        release_inline(r, o);
    else
        *units = object_release_contents(h, slot, *units);
    return *units > 0;
}

/* Of 64 cells those in the mask. Returns those that it did not come to, as the units are used up. */
static uint64_t release_group(struct release *r, struct release_walk *walk, slot_t group, uint64_t mask, size_t *units)
{
    uint64_t generations = 0; /* 16 bits each */

    for (; mask != 0 && *units > 0; mask &= mask - 1, (*units)--) {
        slot_t slot = group + (slot_t)__builtin_ctzll(mask);
        struct object *o = object_in(&r->span, slot);
        uint32_t turn = object_turn(o) + 1;

        __builtin_prefetch((const char *)o + BYTES_AHEAD);
        if (!holds_nothing(r, o) && !release_contents(r, slot, o, units))
            break;
        if (o->shape != r->shape)
            flush_shape(r);
        r->shape = o->shape;
        r->objects++;
        r->turn_max = turn > r->turn_max ? turn : r->turn_max;
        generations += 1ull << 16 * o->generation;
    }
    for (uint32_t g = 0; g <= GENERATION_FROZEN; g++)
        walk->by_generation[g] += (uint32_t)(generations >> 16 * g) & UINT16_MAX;
    return mask;
}

static void tell_watchers(struct heap *h, enum object_window w, uint32_t pool, const uint64_t cells[])
{
    if (h->told_pool[w] == pool)
        return;
    h->told_pool[w] = pool;
    for (size_t i = 0; i < HEAP_WATCHES_MAX && h->watch[i] != NULL; i++)
        if (h->watch[i]->condemned != NULL)
            h->watch[i]->condemned(h->watch[i]->ctx, pool, cells);
}

static struct release release_begin(struct heap *h, enum object_window w, uint32_t pool, bool inward)
{
    uint32_t words = h->pools.pool[pool].words;

    return (struct release){.heap = h,
                            .dead = h->windows.members[w],
                            .inward = inward,
                            .harmless = h->scans != NULL || h->stagings != NULL ? 0 : NUMBERS | (inward ? 1u << WORD_LINK : 0),
                            .span = span_of(&h->pools, pool),
                            .cell_bytes = words * (uint32_t)sizeof(uint32_t) + OBJECT_TABLE_BYTES,
                            .values = words - OBJECT_HEADER_WORDS};
}

size_t heap_release_condemned(struct heap *h, enum object_window w, uint32_t pool,
                              const uint64_t cells[POOL_WORDS], struct release_walk *walk, size_t units)
{
    struct release r = release_begin(h, w, pool, walk->inward);
    slot_t first = pool << POOL_SHIFT;
    uint64_t left = 0;

    CHECK((h->windows.dead >> w) & 1);
    memset(walk->by_generation, 0, sizeof walk->by_generation);
    tell_watchers(h, w, pool, cells);
    while (walk->place < POOL_CELLS && units > 0 && left == 0) {
        uint32_t group = walk->place & ~63u;

        left = release_group(&r, walk, first + group, cells[group / 64] >> walk->place % 64 << walk->place % 64, &units);
        walk->place = left != 0 ? group + (uint32_t)__builtin_ctzll(left) : group + 64;
    }
    h->released[w] = first + walk->place;
    flush(&r, &h->pools.pool[pool]);
    return units;
}

/* ---- free ---- */

static bool has_others(const struct pools *p, uint32_t pool, const uint64_t cells[])
{
    for (uint32_t i = 0; i < POOL_WORDS; i++)
        if (pool_used_word(p, pool, i) != cells[i])
            return true;
    return false;
}

/* Each header says that its cell is free; those that are retired leave the set. */
static void end_turns(struct heap *h, uint32_t pool, uint64_t cells[])
{
    for (uint32_t i = 0; i < POOL_WORDS; i++)
        for (uint64_t mask = cells[i]; mask != 0; mask &= mask - 1) {
            slot_t slot = (pool << POOL_SHIFT) + i * 64 + (slot_t)__builtin_ctzll(mask);

            if (object_end_turn(h, slot, object_at(h, slot)))
                continue;
            bits_remove(cells, slot % POOL_CELLS);
            pool_retire(&h->pools, slot);
        }
}

void heap_free_condemned(struct heap *h, uint32_t pool, const uint64_t cells[POOL_WORDS])
{
    uint64_t count = 0, left[POOL_WORDS];
    uint64_t bytes = h->pools.pool[pool].words * sizeof(uint32_t) + OBJECT_TABLE_BYTES;

    for (uint32_t i = 0; i < POOL_WORDS; i++) {
        left[i] = cells[i];
        count += (uint64_t)__builtin_popcountll(cells[i]);
    }
    CHECK(h->stats.doomed >= count && h->stats.doomed_bytes >= count * bytes);
    if (h->onlooker != NULL && h->onlooker->ops->freeing != NULL)
        h->onlooker->ops->freeing(h->onlooker, pool, cells);
    h->stats.doomed -= count;
    h->stats.doomed_bytes -= count * bytes;
    if (!pool_is_current(&h->pools, pool) && !has_others(&h->pools, pool, cells)) {
        pool_free_set(&h->pools, pool, cells);
        CHECK(!pool_is_objects(&h->pools, pool)); /* it went as a whole: its headers say nothing any more */
        return;
    }
    end_turns(h, pool, left);
    pool_free_set(&h->pools, pool, left);
}
