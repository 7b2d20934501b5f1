/*
 * gc_validate.c - which object may be in which state in which phase (gc.h), counted anew: in one go, or in steps between
 * which the collector runs on (heap/audit.h).
 *
 *   1. The generations' populations are what the headers say.
 *   2. While no window is open, a young object is in the set of its generation.
 *   3. A slot is in a window only while that is open and the slot in use; members are as many as were chosen and
 *      neither reached nor died, until they are freed.
 *
 * In steps, pools are counted one after the other; what then changes in one that was counted is told to the census as it
 * is to the populations. The windows are looked at in one go, 64 slots a step: 5 ns a pool of slots.
 */
#include "gc/gc_impl.h"
#include "heap/base/map.h"
#include <inttypes.h>
#include <stdio.h>

#define CELLS_PER_UNIT 8

/* ---- counting ---- */

/* A window takes the young out of their sets; those it has reached grow older when they are looked through. */
static bool is_in_its_set(const struct gc *gc, slot_t slot, const struct object *o)
{
    if (gc->young.phase != GC_IDLE || gc->full.phase != GC_IDLE || o->generation > 1)
        return true;
    if (o->generation == 1)
        return slotset_has(&gc->middle, slot);
    return slotset_has(&gc->nursery[0], slot) || slotset_has(&gc->nursery[1], slot);
}

/* Condemned, and no longer counted in its generation: RELEASE has come by. */
static bool has_left(const struct gc *gc, slot_t slot)
{
    const struct window *w = slotset_has(&gc->young.members, slot) ? &gc->young : &gc->full;
    slot_t place = (pool_of(w->group) << POOL_SHIFT) + w->release.place;

    return !heap_is_alive(gc->heap, slot) && (w->phase == GC_FREE || slot < place);
}

static void count_cell(const struct gc *gc, slot_t slot, struct census *c)
{
    const struct object *o = gc_object(gc, slot);

    if (o->state != STATE_LIVE || o->kind == KIND_BYTES || has_left(gc, slot))
        return;
    c->generation[o->generation]++;
    c->misplaced += !is_in_its_set(gc, slot, o);
}

/* Returns how many cells there were to be looked at. */
static uint32_t count_pool(const struct gc *gc, uint32_t pool, struct census *c)
{
    slot_t end = (pool + 1) << POOL_SHIFT, slot = pool << POOL_SHIFT;
    uint32_t looked = 0;

    if (!pool_is_objects(gc->pools, pool))
        return 0;
    for (; (slot = bits_next(gc->pools->used, slot, end)) < end; slot++, looked++)
        count_cell(gc, slot, c);
    return looked;
}

/* ---- saying ---- */

struct verdict {
    size_t broken;
    void (*tell)(void *ctx, const char *sentence);
    void *ctx;
};

static void claim(struct verdict *v, const char *what, uint64_t found, uint64_t expected)
{
    char sentence[WHY_TEXT_MAX];

    if (found == expected)
        return;
    v->broken++;
    if (v->tell == NULL)
        return;
    snprintf(sentence, sizeof sentence, "gc: %s: %" PRIu64 " found, %" PRIu64 " expected", what, found, expected);
    v->tell(v->ctx, sentence);
}

static void check_census(struct verdict *v, const struct gc *gc, const struct census *c)
{
    claim(v, "objects of generation 0", c->generation[0], gc->population[0]);
    claim(v, "objects of generation 1", c->generation[1], gc->population[1]);
    claim(v, "objects of generation 2", c->generation[2], gc->population[2]);
    claim(v, "frozen objects", c->generation[GENERATION_FROZEN], gc->population[GENERATION_FROZEN]);
    claim(v, "objects in the wrong set", c->misplaced, 0);
}

/* ---- windows ---- */

static uint64_t free_members(const struct gc *gc, const struct slotset *s, uint32_t pool)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < POOL_WORDS; i++) {
        uint64_t used = pool_is_objects(gc->pools, pool) ? pool_used_word(gc->pools, pool, i) : 0;

        count += (uint64_t)__builtin_popcountll(s->bits[pool][i] & ~used);
    }
    return count;
}

static void check_window(struct verdict *v, const struct gc *gc, const struct window *w)
{
    const struct slotset *s = &w->members;
    uint64_t marked = 0, free = 0;

    for (uint32_t n = 0; (n = bits_next(s->pools, n, s->pool_end)) < s->pool_end; n++) {
        marked += bits_count(s->bits[n], 0, POOL_CELLS);
        free += free_members(gc, s, n);
    }
    claim(v, "free slots in a window", free, 0);
    claim(v, "members of a window", marked, s->count);
    if (w->phase == GC_IDLE)
        claim(v, "members of a closed window", marked, 0);
    else if (w->phase == GC_SUBTRACT || w->phase == GC_SPREAD)
        claim(v, "objects in a window", marked, w->run.candidates - w->reached - w->died);
}

static void check_windows(struct verdict *v, const struct gc *gc)
{
    check_window(v, gc, &gc->young);
    check_window(v, gc, &gc->full);
}

/* ---- in one go ---- */

size_t gc_validate(struct gc *gc, void (*broken)(void *ctx, const char *sentence), void *ctx)
{
    struct verdict v = {.tell = broken, .ctx = ctx};
    struct census c = {.misplaced = 0};

    for (uint32_t pool = 1; pool < gc->pools->pool_end; pool++)
        (void)count_pool(gc, pool, &c);
    check_census(&v, gc, &c);
    claim(&v, "broken rules of the garbage table", map_validate(gc->garbage), 0);
    check_windows(&v, gc);
    return v.broken;
}

/* ---- in steps ---- */

/* As in heap/session_audit.c: from the last to the first, and what has not been come to is told when it goes. */
static bool know_garbage(struct gc *gc)
{
    uint32_t onlook = heap_onlook_number(gc->heap);

    if (onlook == 0 || onlook == gc->onlook)
        return onlook != 0;
    gc->onlook = onlook;
    gc->garbage_unseen = map_count(gc->garbage);
    return true;
}

static const struct heap_holder held_by_garbage = {.by = HELD_BY_GARBAGE};

void garbage_note_change(struct gc *gc, bool goes)
{
    uint32_t last = map_count(gc->garbage) - 1;

    if (!know_garbage(gc) || !goes || last >= gc->garbage_unseen)
        return;
    heap_hold_missed(gc->heap, &held_by_garbage, map_key(gc->garbage, last), false);
    gc->garbage_unseen = last;
}

uint64_t garbage_held_count(void *ctx)
{
    return map_count(((const struct gc *)ctx)->garbage);
}

size_t garbage_recount_step(void *ctx, held_fn *count, void *to, size_t units)
{
    struct gc *gc = ctx;

    (void)know_garbage(gc);
    for (; units > 0 && gc->garbage_unseen > 0; units--)
        count(to, &held_by_garbage, map_key(gc->garbage, --gc->garbage_unseen));
    return units;
}

static size_t step_census(struct gc *gc, struct proof *p, size_t units)
{
    if (p->at == 0) {
        gc->census = (struct census){.misplaced = 0};
        gc->counted_end = POOL_CELLS;
        p->at = 1;
    }
    for (; p->at < gc->pools->pool_end && units > 0; p->at++) {
        units = units_less(units, 1 + count_pool(gc, (uint32_t)p->at, &gc->census) / CELLS_PER_UNIT);
        gc->counted_end = ((uint32_t)p->at + 1) << POOL_SHIFT;
    }
    return units;
}

/* The census is that of this moment. */
static void end_census(struct gc *gc, struct verdict *v)
{
    check_census(v, gc, &gc->census);
    gc->counted_end = 0;
}

size_t gc_validate_step(void *ctx, void (*broken)(void *to, const char *sentence), void *to, struct proof *p, size_t units)
{
    struct gc *gc = ctx;
    struct verdict v = {.tell = broken, .ctx = to};

    if (p->part == 0 && (units = step_census(gc, p, units)) > 0) {
        end_census(gc, &v);
        proof_next(p);
    }
    if (p->part == 1 && (units = map_validate_step(gc->garbage, &p[1], units)) > 0) {
        claim(&v, "broken rules of the garbage table", p[1].broken, 0);
        check_windows(&v, gc);
        proof_next(p);
    }
    p->broken += v.broken;
    return units;
}
