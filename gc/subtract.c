/*
 * subtract.c - which members of a set does nothing outside it hold: CPython's algorithm (gcmodule.c, update_refs,
 * subtract_refs, move_unreachable; Jones, The Garbage Collection Handbook, 5.6), cut into steps between which
 * the heap may change.
 *
 *     CLOSE     choose the members
 *     MARK      reach what roots and sessions hold, and all that it reaches (full collections; spread.c)
 *     PROVE     is what is left held by nothing but itself? Then that is all (full collections; prove.c)
 *     COPY      copy the counts of those that are left (the young: when they are chosen)
 *     SUBTRACT  for each link from member to member, one less in the target's copy
 *     SPREAD    what is left above zero is held from outside; so is all that it reaches (spread.c)
 *
 * What remains was held by nothing but its own kind, and is garbage. The heap may change at any time because
 * a member that changes is taken as reached: if its count changes, up or down, or its contents. One that did not
 * change had the same links to it all along, so its copy is exact. A newborn is no member. Roots, holds and scopes need
 * not be visited: whatever they hold has a count that no member explains.
 *
 * So MARK decides nothing, it only saves work: it takes out what is known to be held, looking at a bit for each link
 * where SUBTRACT and SPREAD look at a byte and a bit. A root that it misses costs time, not an object; and where
 * nothing is held from there it costs nothing.
 *
 * A member that dies by counting meanwhile keeps its links until it is reaped: so the dead are reaped before the end.
 *
 * A link must not be subtracted twice, nor missed while spreading. Records are looked at whole; a list or
 * dictionary in the middle of being looked at is moved along when something is removed below the cursor
 * (heap_gc.h, edge_scan).
 */
#include "gc/links.h"

/* ---- CLOSE ---- */

/* Which lives the walk chooses, as bits of a header: live records and lists of these generations. */
struct choice {
    uint8_t mask, value;
};

static uint8_t life_of(struct object o)
{
    return o.life;
}

static struct choice choice_of(const struct window *w)
{
    uint8_t leaf = life_of((struct object){.kind = KIND_BYTES}), all = life_of((struct object){.generation = 3});
    uint8_t old = life_of((struct object){.generation = 2}), live = life_of((struct object){.state = STATE_LIVE});
    uint8_t state = life_of((struct object){.state = 3});

    if (w->walk == WALK_HEAP)
        return (struct choice){state | leaf | all, live | old};
    return (struct choice){state | leaf | (w->walk == WALK_YOUNG ? old : all), live};
}

_Static_assert(KIND_RECORD == 0 && KIND_LIST == 1 && KIND_BYTES == 2, "one bit says that it is a leaf");

static void copy_count(struct gc *gc, slot_t slot, const struct object *o)
{
    uint64_t count = o->has_big ? heap_count(gc->heap, slot) : o->count;

    copies_set(&gc->copies, slot, count < UINT32_MAX ? (uint32_t)count : UINT32_MAX);
}

/* Among the 64 slots where the walk is: members of either window already, and those born since it opened (a set of the
 * young may name a slot by its last object). */
static uint64_t not_to_choose(const struct gc *gc, const struct window *w)
{
    uint64_t newborn = w->run.dry_run ? 0 : slotset_group(&gc->nursery[gc->nursery_now], w->group);

    return newborn | slotset_group(&gc->young.members, w->group) | slotset_group(&gc->full.members, w->group);
}

/* No branch in it: nearly all are chosen, or nearly none. */
static uint64_t choose_among(const struct pool_span *span, slot_t group, uint64_t mask, struct choice c)
{
    uint64_t chosen = 0;

    for (; mask != 0; mask &= mask - 1) {
        const struct object *o = object_in(span, group + (slot_t)__builtin_ctzll(mask));

        __builtin_prefetch((const char *)o + BYTES_AHEAD);
        chosen |= (mask & -mask) & -(uint64_t)((o->life & c.mask) == c.value);
    }
    return chosen;
}

static void copy_counts(struct gc *gc, const struct pool_span *span, slot_t group, uint64_t chosen)
{
    copies_begin(&gc->copies, group);
    for (; chosen != 0; chosen &= chosen - 1) {
        slot_t slot = group + (slot_t)__builtin_ctzll(chosen);

        copy_count(gc, slot, object_in(span, slot));
    }
}

#define CHOICES_PER_UNIT 8

/* The 64 slots where the walk is. */
static size_t choose(struct gc *gc, struct window *w, struct choice c, size_t units)
{
    struct pool_span span = span_of(gc->pools, pool_of(w->group));
    uint64_t chosen = choose_among(&span, w->group, w->mask & ~not_to_choose(gc, w), c);
    uint32_t count = (uint32_t)__builtin_popcountll(chosen), cost = 1 + count / CHOICES_PER_UNIT;

    w->mask = 0;
    slotset_add_group(&w->members, w->group, chosen);
    w->run.candidates += count;
    if (w->generation < 2 && chosen != 0)
        copy_counts(gc, &span, w->group, chosen);
    return units > cost ? units - cost : 0;
}

size_t window_close_set(struct gc *gc, struct window *w, size_t units)
{
    struct choice c = choice_of(w);

    window_resume(gc, w);
    while (units > 0) {
        if (w->mask != 0)
            units = choose(gc, w, c, units);
        if (window_next_group(gc, w, &units) || units == 0)
            continue;
        if (!window_choose_elsewhere(w))
            return units;
        c = choice_of(w);
    }
    return 0;
}

/* ---- COPY ---- */

static size_t copy_group(struct gc *gc, struct window *w, size_t units)
{
    struct pool_span span = span_of(gc->pools, pool_of(w->group));
    uint32_t cost = 1 + (uint32_t)__builtin_popcountll(w->mask) / CHOICES_PER_UNIT;

    copy_counts(gc, &span, w->group, w->mask);
    w->mask = 0;
    return units > cost ? units - cost : 0;
}

size_t window_copy(struct gc *gc, struct window *w, size_t units)
{
    window_resume(gc, w);
    do
        units = w->mask != 0 ? copy_group(gc, w, units) : units;
    while (units > 0 && window_next_group(gc, w, &units));
    return units;
}

/* ---- SUBTRACT ---- */

static void subtract_links(struct links *l)
{
    const uint64_t *members = l->w->members.bits[0]; /* kept in registers, whatever is written */
    uint32_t count = l->count, inner = 0, unheld = 0;

    for (uint32_t i = 0; i < count; i++)
        if (bits_has(members, l->target[i])) {
            unheld += copies_subtract(&l->gc->copies, l->target[i]);
            inner++;
        }
    l->w->outward += count - inner;
    l->w->unheld += unheld;
    l->count = 0;
}

/* Is it the same for all members, and have none left since they were looked through? Then SPREAD has less to do. */
static void note_who_is_held(struct window *w)
{
    bool all_there = w->members.count == w->looked_through;

    w->nothing_held = all_there && w->unheld == w->members.count;
    w->all_held = all_there && w->unheld == 0;
}

size_t window_subtract(struct gc *gc, struct window *w, size_t units)
{
    struct links l;

    links_begin(&l, gc, w, subtract_links);
    l.table = (const char *)gc->copies.bytes;
    l.shift = 0;
    units = links_finish_scan(&l, units);
    window_resume(gc, w);
    do
        units = w->mask != 0 ? links_of_group(&l, units, NULL) : units;
    while (units > 0 && window_next_group(gc, w, &units));
    subtract_links(&l);
    if (units > 0)
        note_who_is_held(w);
    return units;
}
