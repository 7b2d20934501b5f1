/*
 * window.c - the set of objects that one collection looks at: who is in it, walking it, leaving it.
 *
 * A walk goes through slots in ascending order, 64 at a time: to choose the members, those that the sets of the young
 * name, or all that are in use; later those that are members still. It is begun anew in each phase.
 */
#include "gc/gc_impl.h"

void window_open(struct gc *gc, struct window *w, int generation, enum gc_reason reason, bool dry_run)
{
    CHECK(w->phase == GC_IDLE && w->scan.slot == 0 && w->members.count == 0 && grey_is_empty(&w->grey));
    w->phase = GC_CLOSE;
    w->generation = generation;
    w->end = gc_heap_end(gc);
    w->save_all = (gc->tuning.debug & GC_DEBUG_SAVEALL) != 0;
    w->reached = w->died = 0;
    w->nothing_held = w->all_held = false;
    w->held = (struct held_scan){.source = 0};
    w->run = (struct gc_run){.begun = ++gc->begun_count, .generation = generation, .reason = reason, .dry_run = dry_run};
    heap_open_window(gc->heap, w->mark, w->members.bits[0], w->members.pools);
    if (!dry_run) {
        CHECK(gc->nursery[!gc->nursery_now].count == 0);
        gc->nursery_now = !gc->nursery_now; /* the newborn go elsewhere from now on */
        pace_begun(gc, generation);
    }
    window_rewind(w);
}

/* ---- what a walk goes through ---- */

/* A dry run leaves the nursery in its place. */
static uint32_t nursery_of(const struct gc *gc, const struct window *w)
{
    return (uint32_t)(w->run.dry_run ? gc->nursery_now : !gc->nursery_now);
}

static uint64_t named(const struct gc *gc, const struct window *w, slot_t group)
{
    switch (w->walk) {
    case WALK_NURSERY:
        return slotset_group(&gc->nursery[nursery_of(gc, w)], group);
    case WALK_YOUNG:
        return slotset_group(&gc->nursery[nursery_of(gc, w)], group) | slotset_group(&gc->middle, group);
    case WALK_HEAP:
    case WALK_MEMBERS:
        return UINT64_MAX;
    }
    UNREACHABLE();
}

/* Of 64 slots, those that the walk comes to. */
static uint64_t candidates(const struct gc *gc, const struct window *w, slot_t group)
{
    if (group >= w->end)
        return 0;
    if (w->walk == WALK_MEMBERS)
        return slotset_group(&w->members, group);
    if (!pool_is_objects(gc->pools, pool_of(group)))
        return 0;
    return named(gc, w, group) & pool_used_word(gc->pools, pool_of(group), (group / 64) % (POOL_CELLS / 64));
}

static uint32_t next_young_pool(const struct gc *gc, const struct window *w, uint32_t from, uint32_t end)
{
    uint32_t nursery = bits_next(gc->nursery[nursery_of(gc, w)].pools, from, end);
    uint32_t middle = w->walk == WALK_YOUNG ? bits_next(gc->middle.pools, from, end) : end;

    return nursery < middle ? nursery : middle;
}

static uint32_t next_pool(const struct gc *gc, const struct window *w, uint32_t from, size_t *units)
{
    uint32_t end = pool_of(w->end);

    (*units)--;
    if (w->walk == WALK_MEMBERS)
        return bits_next(w->members.pools, from, end);
    if (w->walk != WALK_HEAP)
        return next_young_pool(gc, w, from, end);
    while (from < end && *units > 0 && !pool_is_objects(gc->pools, from)) {
        from++;
        (*units)--;
    }
    return from;
}

/* ---- walking ---- */

static void begin_walk(struct window *w, enum walk walk)
{
    w->walk = walk;
    w->group = 0; /* pool 0 has no cells */
    w->mask = 0;
    w->release.place = 0;
}

void window_rewind(struct window *w)
{
    if (w->phase == GC_CLOSE)
        begin_walk(w, w->generation == 0 ? WALK_NURSERY : WALK_YOUNG);
    else
        begin_walk(w, WALK_MEMBERS);
    if (w->phase != GC_PROVE && w->phase != GC_SUBTRACT)
        return;
    w->looked_through = w->members.count;
    w->outward = w->unexplained = w->unheld = 0;
}

bool window_choose_elsewhere(struct window *w)
{
    if (w->walk == WALK_HEAP || w->generation < 2)
        return false;
    begin_walk(w, WALK_HEAP);
    return true;
}

/* The sets of the young have served: who was in them is a member, or older, or gone. The newborn are in the other
 * nursery. */
static void clear_sets(struct gc *gc, const struct window *w, uint32_t pool)
{
    if (w->walk >= WALK_HEAP || w->run.dry_run)
        return;
    slotset_clear_pool(&gc->nursery[nursery_of(gc, w)], pool);
    if (w->walk == WALK_YOUNG)
        slotset_clear_pool(&gc->middle, pool);
}

void window_next_pool(struct gc *gc, struct window *w, size_t *units)
{
    uint32_t pool = pool_of(w->group);

    clear_sets(gc, w, pool);
    if (w->walk == WALK_HEAP)
        slotset_touch(&w->grey.rest, pool);
    if (w->walk == WALK_MEMBERS)
        slotset_forget_pool(&w->members, pool);
    w->group = next_pool(gc, w, pool + 1, units) << POOL_SHIFT;
    w->mask = candidates(gc, w, w->group);
}

bool window_next_group(struct gc *gc, struct window *w, size_t *units)
{
    if (*units == 0 || window_is_walked(w))
        return false;
    if ((w->group + 64) % POOL_CELLS == 0 || w->group == 0) {
        window_next_pool(gc, w, units);
    } else {
        w->group += 64;
        w->mask = candidates(gc, w, w->group);
    }
    return true;
}

void window_resume(const struct gc *gc, struct window *w)
{
    w->mask &= candidates(gc, w, w->group);
}
