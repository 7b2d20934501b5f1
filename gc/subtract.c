/*
 * subtract.c - which members of a set does nothing outside it hold: CPython's algorithm (gcmodule.c, update_refs,
 * subtract_refs, move_unreachable; Jones, The Garbage Collection Handbook, 5.6), cut into steps between which
 * the heap may change.
 *
 *     CLOSE     choose the members and copy their counts
 *     SUBTRACT  for each link from member to member, one less in the target's copy
 *     SPREAD    what is left above zero is held from outside; so is all that it reaches
 *
 * What remains was held by nothing but its own kind, and is garbage. The heap may change at any time because
 * a member whose count changes, up or down, is taken as reached: a member whose count did not change had
 * the same links to it all along, so its copy is exact. A newborn is no member. Roots, holds and scopes need not
 * be visited: whatever they hold has a count that no member explains.
 *
 * A member that dies by counting meanwhile keeps its links until it is reaped: so the dead are reaped before the end.
 *
 * A link must not be subtracted twice, nor missed while spreading. Records are looked at whole; a list or
 * dictionary in the middle of being looked at is moved along when something is removed below the cursor
 * (heap_gc.h, edge_scan).
 */
#include "gc/gc_impl.h"

/* ---- generations ---- */

static struct slotset *set_of(struct gc *gc, slot_t slot, uint32_t generation)
{
    if (generation == 1)
        return &gc->middle;
    return slotset_has(&gc->nursery[gc->nursery_now], slot) ? &gc->nursery[gc->nursery_now]
                                                            : &gc->nursery[!gc->nursery_now];
}

static uint64_t *population(struct gc *gc, uint32_t generation)
{
    return generation == GENERATION_FROZEN ? &gc->frozen : &gc->generations[generation].objects;
}

void gc_promote(struct gc *gc, slot_t slot, uint32_t generation)
{
    struct object *o = gc_object(gc, slot);
    uint32_t old = o->generation;

    if (old < 2)
        slotset_remove(set_of(gc, slot, old), slot);
    (*population(gc, old))--;
    (*population(gc, generation))++;
    o->generation = generation & 3;
    if (generation == 1)
        slotset_add(&gc->middle, slot);
}

/* ---- walking the members ---- */

static enum walk_source first_source(const struct window *w)
{
    return w->phase == GC_CLOSE || w->generation < 2 ? WALK_NURSERY : WALK_HEAP;
}

void window_rewind(struct window *w)
{
    w->source = first_source(w);
    w->cursor = 1;
}

/* Generation 0 and 1 are walked by their sets; generation 2, and every member of a full window once they are
 * chosen, pool by pool. */
static slot_t next_in_source(struct gc *gc, const struct window *w, size_t *units)
{
    if (w->source == WALK_NURSERY)
        return slotset_next(&gc->nursery[w->run.dry_run ? gc->nursery_now : !gc->nursery_now], w->cursor, w->end);
    if (w->source == WALK_MIDDLE)
        return slotset_next(&gc->middle, w->cursor, w->end);
    for (slot_t s = w->cursor; s < w->end; s = (s | (POOL_CELLS - 1)) + 1) {
        if (pool_is_objects(gc->pools, pool_of(s)))
            return s;
        *units -= *units > 1; /* a pool that is none of ours */
    }
    return 0;
}

static bool is_last_source(const struct window *w)
{
    return w->source == WALK_HEAP || (w->source == WALK_MIDDLE && w->generation == 1) || w->generation == 0;
}

/* The next slot that the walk comes to, whatever is there; 0: the end. */
static slot_t next_slot(struct gc *gc, struct window *w, size_t *units)
{
    for (;;) {
        slot_t slot = next_in_source(gc, w, units);

        if (slot != 0) {
            w->cursor = slot + 1;
            return slot;
        }
        if (is_last_source(w))
            return 0;
        w->source++;
        w->cursor = 1;
    }
}

slot_t window_next_member(struct gc *gc, struct window *w, size_t *units)
{
    while (*units > 0) {
        slot_t slot = next_slot(gc, w, units);

        if (slot == 0)
            return 0;
        (*units)--;
        if (gc_object(gc, slot)->window == w->mark && gc_object(gc, slot)->state != STATE_FREE)
            return slot;
    }
    return 0;
}

/* ---- CLOSE ---- */

void window_open(struct gc *gc, struct window *w, int generation, enum gc_reason reason, bool dry_run)
{
    CHECK(w->phase == GC_IDLE && w->scan.slot == 0 && w->grey_count == 0 && w->grey_rest.count == 0);
    w->phase = GC_CLOSE;
    w->generation = generation;
    w->end = gc_heap_end(gc);
    w->save_all = (gc->tuning.debug & GC_DEBUG_SAVEALL) != 0;
    w->reached = w->died = 0;
    w->releasing = 0;
    w->done_walking = false;
    w->run = (struct gc_run){.generation = generation, .reason = reason, .dry_run = dry_run};
    window_rewind(w);
    if (dry_run)
        return;
    CHECK(gc->nursery[!gc->nursery_now].count == 0);
    gc->nursery_now = !gc->nursery_now; /* the newborn go elsewhere from now on */
    pace_begun(gc, generation);
}

/* Which generation the walk is choosing from now. */
static uint32_t generation_of(const struct window *w)
{
    return w->source == WALK_NURSERY ? 0 : w->source == WALK_MIDDLE ? 1 : 2;
}

static void choose(struct gc *gc, struct window *w, slot_t slot)
{
    struct object *o = gc_object(gc, slot);

    if (o->state != STATE_LIVE || o->kind == KIND_BYTES || o->window != WINDOW_NONE ||
        o->generation != generation_of(w))
        return;
    o->window = w->mark;
    copies_set(&gc->copies, slot, heap_count(gc->heap, slot));
    w->run.candidates++;
    if (w->generation == 2 && o->generation < 2 && !w->run.dry_run)
        slotset_remove(set_of(gc, slot, o->generation), slot); /* the sets are for young windows inside this one */
}

size_t window_close_set(struct gc *gc, struct window *w, size_t units)
{
    while (units > 0) {
        slot_t slot = next_slot(gc, w, &units);

        if (slot == 0)
            return units;
        choose(gc, w, slot);
        units--;
    }
    return 0;
}

/* ---- looking through objects ---- */

#define LINKS_PER_UNIT 4
#define LINKS_AHEAD 16u /* links that wait while their targets come from memory; a miss takes 150 ns */

/* The links found and not yet acted on. It is empty between steps: the heap may change there. */
struct look {
    struct gc *gc;
    struct window *w;
    void (*act)(struct gc *, struct window *, slot_t target);
    uint32_t first, count;
    slot_t ahead[LINKS_AHEAD];
};

static void act_on_first(struct look *l)
{
    slot_t target = l->ahead[l->first++ % LINKS_AHEAD];

    l->count--;
    l->act(l->gc, l->w, target);
}

static void act_on_all(struct look *l)
{
    while (l->count > 0)
        act_on_first(l);
}

static void found_link(void *ctx, slot_t target)
{
    struct look *l = ctx;

    __builtin_prefetch(gc_object(l->gc, target), 1);
    __builtin_prefetch(&l->gc->copies.count[target], 1);
    if (l->count == LINKS_AHEAD)
        act_on_first(l);
    l->ahead[(l->first + l->count++) % LINKS_AHEAD] = target;
}

/* Find the strong links of `slot`, or go on with the object that was begun. Returns units left; 0: more. */
static size_t look_through(struct look *l, slot_t slot, size_t units)
{
    uint32_t count;
    const uint32_t *values = object_inline_values(l->gc->pools, slot, &count);

    if (values == NULL) {
        heap_open_scan(l->gc->heap, &l->w->scan, slot);
        return heap_scan(l->gc->heap, &l->w->scan, units, found_link, l);
    }
    for (uint32_t i = 0; i < count; i++)
        if (word_tag(values[i]) == WORD_LINK)
            found_link(l, word_payload(values[i]));
    count /= LINKS_PER_UNIT;
    return units > count ? units - count : 1;
}

/* One that was found with the last unit is looked at all the same, as far as another unit goes. */
static size_t look_at(struct look *l, slot_t slot, size_t units)
{
    if (units > 0)
        return look_through(l, slot, units);
    (void)look_through(l, slot, 1);
    return 0;
}

static size_t finish_scan(struct look *l, size_t units)
{
    return heap_scan(l->gc->heap, &l->w->scan, units, found_link, l);
}

/* ---- SUBTRACT ---- */

static void subtract_link(struct gc *gc, struct window *w, slot_t target)
{
    if (gc_object(gc, target)->window != w->mark)
        return;
    CHECK(gc->copies.count[target] > 0);
    gc->copies.count[target] -= gc->copies.count[target] != UINT32_MAX; /* more than a copy can say: never 0 */
}

static size_t subtract_members(struct look *l, size_t units)
{
    units = finish_scan(l, units);
    while (units > 0) {
        slot_t slot = window_next_member(l->gc, l->w, &units);

        if (slot == 0)
            return units;
        units = look_at(l, slot, units);
    }
    return 0;
}

size_t window_subtract(struct gc *gc, struct window *w, size_t units)
{
    struct look l = {.gc = gc, .w = w, .act = subtract_link};

    units = subtract_members(&l, units);
    act_on_all(&l);
    return units;
}

/* ---- SPREAD ---- */

static void push_grey(struct window *w, slot_t slot)
{
    if (w->grey_count < GREY_STACK_MAX)
        w->grey[w->grey_count++] = slot;
    else
        slotset_add(&w->grey_rest, slot);
}

static slot_t pop_grey(struct gc *gc, struct window *w)
{
    slot_t slot;

    if (w->grey_count > 0)
        return w->grey[--w->grey_count];
    if (w->grey_rest.count == 0)
        return 0;
    slot = slotset_next(&w->grey_rest, 1, gc_heap_end(gc));
    if (slot != 0)
        slotset_remove(&w->grey_rest, slot);
    return slot;
}

void window_reach(struct gc *gc, struct window *w, slot_t slot)
{
    struct object *o = gc_object(gc, slot);

    CHECK(o->window == w->mark);
    o->window = WINDOW_NONE;
    w->reached++;
    if (!w->run.dry_run)
        gc_promote(gc, slot, w->generation == 0 ? 1 : 2);
    push_grey(w, slot);
}

static void spread_link(struct gc *gc, struct window *w, slot_t target)
{
    if (gc_object(gc, target)->window == w->mark)
        window_reach(gc, w, target);
}

/* Grey objects first, so that few wait. One that was grey may have died, or died and given its slot to another:
 * looking through that one reaches too much, never too little. */
static size_t spread_grey(struct look *l, size_t units)
{
    units = finish_scan(l, units);
    while (units > 0) {
        slot_t slot = pop_grey(l->gc, l->w);

        if (slot == 0 && l->count == 0)
            return units;
        if (slot == 0) {
            act_on_first(l); /* it may make one grey */
            continue;
        }
        units--;
        if (pool_is_objects(l->gc->pools, pool_of(slot)) && gc_object(l->gc, slot)->state == STATE_LIVE)
            units = look_at(l, slot, units);
    }
    return 0;
}

static size_t spread_members(struct look *l, size_t units)
{
    struct window *w = l->w;

    while ((units = spread_grey(l, units)) > 0) {
        slot_t slot;

        if (w->done_walking)
            return units;
        slot = window_next_member(l->gc, w, &units);
        if (slot != 0 && l->gc->copies.count[slot] > 0)
            window_reach(l->gc, w, slot);
        if (slot == 0 && units > 0)
            w->done_walking = true;
    }
    return 0;
}

/* A member that died by counting holds its links until it is reaped, and they were subtracted while it lived: so
 * the dead are reaped before anything is condemned. Each link they let go of is a count that changes. */
size_t window_spread(struct gc *gc, struct window *w, size_t units)
{
    struct look l = {.gc = gc, .w = w, .act = spread_link};

    do {
        units = spread_members(&l, units);
        act_on_all(&l); /* out of units: what that makes grey waits for the next step */
        units = units > 0 ? heap_reap(gc->heap, units) : 0;
    } while (units > 0 && (w->grey_count > 0 || w->grey_rest.count > 0));
    return units;
}
