/*
 * heap_validate.c - recount everything (heap.h), as naively as can be: it shares no counter with what it checks.
 *
 * The equations:
 *   1. a live object's count = links to it from objects whose memory has not returned + roots + open scopes +
 *      what is still to be let go of (reap.c) + what each watcher (sessions, the garbage list) says it holds;
 *   2. objects alive, dead and links counted one by one = the statistics;
 *   3. bytes of live and of dead objects summed = the statistics; what is condemned counts among the live ones until
 *      it has let go of its contents;
 *   4. pools, shapes, strings, names, weak cells, lists and dictionaries keep their own rules;
 *   5. what the watchers themselves find.
 */
#include "heap/dict.h"
#include "heap/heap_impl.h"
#include "heap/intern.h"
#include "heap/list.h"
#include "heap/names.h"
#include "heap/reap.h"
#include "heap/record.h"
#include "heap/ref.h"
#include "heap/scope.h"
#include "heap/shape.h"
#include "heap/weak.h"
#include <inttypes.h>
#include <stdio.h>

struct recount {
    struct heap *heap;
    uint32_t *expected; /* references found, by slot */
    uint64_t links, live, dead, live_bytes, dead_bytes;
    size_t broken;
    void (*tell)(void *ctx, const char *sentence);
    void *ctx;
};

static void claim(struct recount *r, bool holds, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void claim(struct recount *r, bool holds, const char *format, ...)
{
    char sentence[WHY_TEXT_MAX];
    va_list args;

    if (holds)
        return;
    r->broken++;
    if (r->tell == NULL)
        return;
    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    r->tell(r->ctx, sentence);
}

static void count_one(void *ctx, slot_t slot)
{
    struct recount *r = ctx;

    if (slot == 0 || !pool_is_objects(&r->heap->pools, pool_of(slot))) {
        claim(r, false, "a reference to slot %u, which is no object", slot);
        return;
    }
    r->expected[slot]++;
}

static void count_link(void *ctx, slot_t slot)
{
    ((struct recount *)ctx)->links++;
    count_one(ctx, slot);
}

static size_t validate_contents(struct heap *h, slot_t slot)
{
    const struct object *o = object_at(h, slot);

    if (o->kind == KIND_LIST)
        return list_validate(h, slot);
    if (o->kind == KIND_RECORD && o->state == STATE_LIVE)
        return record_validate(h, slot);
    return 0;
}

/* Condemned, and its contents are gone, whatever its cell still says. */
static bool is_released(const struct heap *h, slot_t slot)
{
    for (enum object_window w = 0; w < WINDOWS; w++)
        if (windows_have(&h->windows, h->windows.dead & 1u << w, slot))
            return slot < h->released[w];
    return false;
}

static void count_contents(struct recount *r, slot_t slot)
{
    struct edge_scan scan;

    heap_open_scan(r->heap, &scan, slot);
    (void)heap_scan(r->heap, &scan, SIZE_MAX, count_link, r);
    heap_close_scan(r->heap, &scan);
    claim(r, validate_contents(r->heap, slot) == 0, "contents of object %" PRIu64 " are inconsistent",
          heap_id(r->heap, slot));
}

static void count_object(struct recount *r, slot_t slot)
{
    const struct object *o = object_at(r->heap, slot);
    bool released = is_released(r->heap, slot), alive = heap_is_alive(r->heap, slot);

    if (o->state != STATE_LIVE && o->state != STATE_DEAD)
        return;
    if (alive)
        r->live++;
    else
        r->dead++;
    if (o->state == STATE_LIVE && !released)
        r->live_bytes += object_bytes(r->heap, slot);
    else
        r->dead_bytes += object_bytes(r->heap, slot);
    if (!released)
        count_contents(r, slot);
}

static void for_each_cell(struct recount *r, void (*fn)(struct recount *, slot_t))
{
    const struct pools *p = &r->heap->pools;
    slot_t end = p->pool_end << POOL_SHIFT;

    for (slot_t slot = 0; (slot = bits_next(p->used, slot, end)) < end; slot++)
        if (pool_is_objects(p, pool_of(slot)))
            fn(r, slot);
}

static void compare_object(struct recount *r, slot_t slot)
{
    const struct object *o = object_at(r->heap, slot);

    if (!heap_is_alive(r->heap, slot))
        return;
    claim(r, ref_count(r->heap, slot) == r->expected[slot],
          "object %" PRIu64 " counts %" PRIu64 " references, %u were found", heap_id(r->heap, slot),
          ref_count(r->heap, slot), r->expected[slot]);
    claim(r, o->count > 0, "object %" PRIu64 " lives with a count of 0", heap_id(r->heap, slot));
    claim(r, o->has_big == (map_find(r->heap->big_counts, slot) != MAP_NONE), "object %" PRIu64 ": big count",
          heap_id(r->heap, slot));
}

static void count_scopes(struct recount *r)
{
    struct heap *h = r->heap;

    for (const struct scope *s = heap_next_scope(h, NULL); s != NULL; s = heap_next_scope(h, s))
        for (uint32_t i = 0; i < scope_end(s); i++)
            if (scope_slot(s, i) != 0)
                count_one(r, scope_slot(s, i));
}

static void count_holders(struct recount *r)
{
    struct heap *h = r->heap;
    slot_t end = h->pools.pool_end << POOL_SHIFT;

    for (uint32_t n = names_next(h->roots, 1); n != 0; n = names_next(h->roots, n + 1))
        count_one(r, names_at(h->roots, n)->target);
    count_scopes(r);
    for (int i = 0; i < 2; i++)
        for (slot_t s = 0; (s = bits_next(h->deferred[i].bits[0], s, end)) < end; s++)
            count_one(r, s);
    for (size_t i = 0; i < HEAP_WATCHES_MAX && h->watch[i] != NULL; i++)
        if (h->watch[i]->recount != NULL)
            h->watch[i]->recount(h->watch[i]->ctx, count_one, r);
}

static void compare_sums(struct recount *r)
{
    const struct heap_stats *s = &r->heap->stats;

    claim(r, r->live == s->objects, "%" PRIu64 " objects live, the count is %" PRIu64, r->live, s->objects);
    claim(r, r->dead == s->doomed, "%" PRIu64 " objects are dead, the count is %" PRIu64, r->dead, s->doomed);
    claim(r, reap_doomed_length(r->heap) <= s->doomed, "the doomed list is longer than the dead are many");
    claim(r, r->links == s->links, "%" PRIu64 " links, the count is %" PRIu64, r->links, s->links);
    claim(r, r->live_bytes == s->live_bytes, "%" PRIu64 " live bytes, the count is %" PRIu64, r->live_bytes, s->live_bytes);
    claim(r, r->dead_bytes == s->doomed_bytes, "%" PRIu64 " dead bytes, the count is %" PRIu64, r->dead_bytes,
          s->doomed_bytes);
}

/* Whose the bytes are, against where they are: cells in use, and what lies outside the pools. */
static void compare_places(struct recount *r)
{
    const struct heap *h = r->heap;
    struct heap_stats s;

    heap_stats(h, &s);

    uint64_t whose = r->live_bytes + r->dead_bytes + s.shared_bytes - (r->live + r->dead) * OBJECT_TABLE_BYTES;
    uint64_t where = s.committed_bytes - s.dirty_bytes - s.pool_free_bytes - s.pack_index_bytes + s.large_bytes;

    for (uint32_t n = 1; n < h->pools.pool_end; n++)
        where -= (uint64_t)h->pools.pool[n].retired * h->pools.pool[n].words * sizeof(uint32_t);
    claim(r, whose == where, "%" PRIu64 " bytes of objects and what they share, %" PRIu64 " in cells and outside",
          whose, where);
}

static void ask_the_parts(struct recount *r)
{
    struct heap *h = r->heap;

    claim(r, pools_validate(&h->pools) == 0, "pools: cells, pages or lists do not add up");
    claim(r, shape_validate(h) == 0, "shapes: users, classes or transitions do not add up");
    claim(r, strings_validate(h) == 0, "strings: the table of interned strings is inconsistent");
    claim(r, names_validate(h->roots) == 0, "roots: the table of names is inconsistent");
    claim(r, weak_validate(h) == 0, "weak references: cells or names are inconsistent");
    claim(r, map_validate(h->big_counts) == 0, "the table of big counts is inconsistent");
    claim(r, staging_validate(h) == 0, "staging: what has died is staged");
    for (size_t i = 0; i < HEAP_WATCHES_MAX && h->watch[i] != NULL; i++)
        if (h->watch[i]->validate != NULL)
            r->broken += h->watch[i]->validate(h->watch[i]->ctx, r->tell, r->ctx);
}

size_t heap_validate(struct heap *h, void (*broken)(void *ctx, const char *sentence), void *ctx)
{
    struct recount r = {.heap = h, .tell = broken, .ctx = ctx};
    size_t bytes = ((size_t)h->pools.pool_end << POOL_SHIFT) * sizeof *r.expected;

    r.expected = mem_reserve(h->mem, bytes);
    if (r.expected == NULL) {
        claim(&r, false, "no memory to recount");
        return r.broken;
    }
    for_each_cell(&r, count_object);
    count_holders(&r);
    for_each_cell(&r, compare_object);
    compare_sums(&r);
    compare_places(&r);
    ask_the_parts(&r);
    mem_unreserve(h->mem, r.expected, bytes);
    return r.broken;
}
