/*
 * spread.c - see subtract.c: what is held reaches what it links to. MARK begins with what roots and sessions hold,
 * SPREAD with the members of whose counts something is left.
 */
#include "gc/links.h"

#define OBJECTS_AHEAD 32u /* reached, and not yet looked through: by then their cells have come from memory */

/* ---- the reached: MARK and SPREAD ---- */

static void spread_links(struct links *l)
{
    struct window *w = l->w;
    const uint64_t *members = w->members.bits[0]; /* kept in registers, whatever is written */
    uint32_t count = l->count;

    for (uint32_t i = 0; i < count; i++)
        if (bits_has(members, l->target[i]))
            window_reach(w, l->target[i]);
    l->count = 0;
}

static inline void grow_older(struct gc *gc, const struct window *w, slot_t slot, struct object *o)
{
    if (o->generation < window_older(w) && !w->run.dry_run &&
        (o->generation > 0 || !slotset_has(&gc->nursery[gc->nursery_now], slot)))
        gc_promote(gc, slot, o, window_older(w));
}

/* One that was reached some steps ago may have died, and even given its slot to another: looking through that one
 * reaches too much, never too little. */
static inline size_t spread_from(struct links *l, slot_t slot, size_t units)
{
    struct object *o;

    if (!gc_in_use(l->gc, slot))
        return units > 0 ? units - 1 : 0;
    o = gc_object(l->gc, slot);
    if (o->state != STATE_LIVE || o->kind == KIND_BYTES)
        return units > 0 ? units - 1 : 0;
    grow_older(l->gc, l->w, slot, o);
    return links_of(l, slot, o, pool_words(l->gc->pools, slot), units);
}

/* Some of the grey; their cells are fetched. */
static uint32_t take_grey(struct gc *gc, struct window *w, slot_t slots[OBJECTS_AHEAD], size_t units)
{
    uint32_t count = 0, most = units < OBJECTS_AHEAD ? (uint32_t)units : OBJECTS_AHEAD;

    for (slot_t slot; count < most && (slot = grey_pop(&w->grey)) != 0; slots[count++] = slot)
        if (gc_in_use(gc, slot))
            __builtin_prefetch(gc_object(gc, slot), 1);
    return count;
}

/* Those that cannot be looked through now, behind one with many parts, wait again. */
static size_t spread_from_all(struct links *l, const slot_t slots[], uint32_t count, size_t units)
{
    for (uint32_t i = 0; i < count; i++) {
        if (l->w->scan.slot == 0)
            units = spread_from(l, slots[i], units);
        else
            grey_push(&l->w->grey, slots[i]);
    }
    return units;
}

/* Somebody waits to be looked through, or is in the middle of it. */
static bool has_reached(const struct window *w)
{
    return w->scan.slot != 0 || !grey_is_empty(&w->grey);
}

static size_t spread_reached(struct links *l, size_t units)
{
    slot_t slots[OBJECTS_AHEAD];
    uint32_t count;

    if (l->w->scan.slot != 0)
        return links_finish_scan(l, units);
    if ((count = take_grey(l->gc, l->w, slots, units)) > 0)
        return spread_from_all(l, slots, count, units);
    return units > SLOTSET_LOOKS ? units - SLOTSET_LOOKS : 0; /* there are grey ones, and none where it looked */
}

/* ---- MARK ---- */

size_t window_mark(struct gc *gc, struct window *w, size_t units)
{
    struct links l;

    links_begin(&l, gc, w, spread_links);
    while (units > 0) {
        if (has_reached(w))
            units = spread_reached(&l, units);
        else if ((units = heap_scan_held(gc->heap, &w->held, units, links_found, &l)) > 0 && l.count == 0)
            return units;
        spread_links(&l);
    }
    return 0;
}

/* ---- SPREAD ---- */

#define PASSES_PER_UNIT 8

/* Of the rest of the 64 slots where the walk is, those that something outside holds are reached and looked through, as far
 * as the units go, and up to one with many parts. */
static size_t spread_from_held(struct links *l, size_t units)
{
    struct gc *gc = l->gc;
    struct window *w = l->w;
    struct pool_span span = span_of(gc->pools, pool_of(w->group));
    uint32_t passed = 0;

    for (; w->mask != 0 && units > 0 && w->scan.slot == 0; w->mask &= w->mask - 1) {
        slot_t slot = w->group + (slot_t)__builtin_ctzll(w->mask);
        struct object *o;

        units -= ++passed % PASSES_PER_UNIT == 0;
        if (!copies_left(&gc->copies, slot) || !slotset_has(&w->members, slot))
            continue; /* not held, or reached since the walk came to these */
        slotset_remove(&w->members, slot);
        w->reached++;
        o = object_in(&span, slot);
        __builtin_prefetch((const char *)o + BYTES_AHEAD);
        grow_older(gc, w, slot, o);
        units = links_of(l, slot, o, span.words, units);
    }
    return units > 0 && passed % PASSES_PER_UNIT != 0 ? units - 1 : units; /* a few cost one too */
}

/* The rest of the 64 slots where the walk is, but those that were reached since it came there; all are held, so nobody has
 * to be looked through. */
static size_t keep_group(struct gc *gc, struct window *w, size_t units)
{
    struct pool_span span = span_of(gc->pools, pool_of(w->group));
    uint64_t kept = w->mask & slotset_group(&w->members, w->group);
    uint32_t count = (uint32_t)__builtin_popcountll(kept), cost = 1 + count / PASSES_PER_UNIT;

    slotset_remove_group(&w->members, w->group, kept);
    w->reached += count;
    for (w->mask = 0; kept != 0; kept &= kept - 1) {
        slot_t slot = w->group + (slot_t)__builtin_ctzll(kept);

        grow_older(gc, w, slot, object_in(&span, slot));
    }
    return units > cost ? units - cost : 0;
}

/* A member that died by counting holds its links until it is reaped, and they were subtracted while it lived: so
 * the dead are reaped before anything is condemned. Each link they let go of is a count that changes. */
static size_t reap_first(struct gc *gc, struct window *w, size_t units)
{
    units = heap_reap(gc->heap, units);
    window_resume(gc, w);
    return units;
}

size_t window_spread(struct gc *gc, struct window *w, size_t units)
{
    struct links l;

    links_begin(&l, gc, w, spread_links);
    window_resume(gc, w);
    while (units > 0) {
        if (has_reached(w))
            units = spread_reached(&l, units);
        else if (w->nothing_held && !window_is_walked(w))
            window_end_walk(w);
        else if (w->mask != 0)
            units = w->all_held ? keep_group(gc, w, units) : spread_from_held(&l, units);
        else if (!window_next_group(gc, w, &units) && units > 0 && (units = reap_first(gc, w, units)) > 0 &&
                 grey_is_empty(&w->grey))
            return units;
        spread_links(&l);
    }
    return 0;
}
