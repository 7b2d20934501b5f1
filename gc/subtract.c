/*
 * subtract.c - which members of a set does nothing outside it hold: CPython's algorithm (gcmodule.c, update_refs,
 * subtract_refs, move_unreachable; Jones, The Garbage Collection Handbook, 5.6), cut into steps between which
 * the heap may change.
 *
 *     CLOSE     choose the members
 *     MARK      reach what roots and sessions hold, and all that it reaches (full collections)
 *     COPY      copy the counts of those that are left (the young: when they are chosen)
 *     SUBTRACT  for each link from member to member, one less in the target's copy
 *     SPREAD    what is left above zero is held from outside; so is all that it reaches
 *
 * What remains was held by nothing but its own kind, and is garbage. The heap may change at any time because
 * a member whose count changes, up or down, is taken as reached: a member whose count did not change had
 * the same links to it all along, so its copy is exact. A newborn is no member. Roots, holds and scopes need not
 * be visited: whatever they hold has a count that no member explains.
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
#include "gc/gc_impl.h"

/* ---- CLOSE ---- */

/* Generations that the walk chooses. */
struct choice {
    uint32_t youngest, oldest;
};

static struct choice choice_of(const struct window *w)
{
    return w->walk == WALK_HEAP ? (struct choice){2, 2} : (struct choice){0, w->walk == WALK_YOUNG};
}

static inline bool is_chosen(const struct choice *c, const struct object *o)
{
    return o->state == STATE_LIVE && o->kind != KIND_BYTES && o->generation >= c->youngest && o->generation <= c->oldest;
}

static void copy_count(struct gc *gc, slot_t slot, const struct object *o)
{
    copies_set(&gc->copies, slot, o->has_big ? heap_count(gc->heap, slot) : o->count);
}

/* Among the 64 slots where the walk is: members of either window already, and those born since it opened (a set of the
 * young may name a slot by its last object). */
static uint64_t not_to_choose(const struct gc *gc, const struct window *w)
{
    uint64_t newborn = w->run.dry_run ? 0 : slotset_group(&gc->nursery[gc->nursery_now], w->group);

    return newborn | slotset_group(&gc->young.members, w->group) | slotset_group(&gc->full.members, w->group);
}

#define CHOICES_PER_UNIT 4

/* The rest of the 64 slots where the walk is, as far as the units go. */
static size_t choose(struct gc *gc, struct window *w, const struct choice *c, size_t units)
{
    uint32_t passed = 0, most = (uint32_t)(units < 64 ? units * CHOICES_PER_UNIT : 64);
    struct pool_span span = span_of(gc->pools, pool_of(w->group));
    uint64_t chosen = 0;

    if (w->mask == 0)
        return units;
    w->mask &= ~not_to_choose(gc, w);
    if (w->generation < 2)
        copies_begin(&gc->copies, w->group);
    for (; w->mask != 0 && passed < most; w->mask &= w->mask - 1, passed++) {
        slot_t slot = w->group + (slot_t)__builtin_ctzll(w->mask);
        const struct object *o = object_in(&span, slot);

        if (!is_chosen(c, o))
            continue;
        if (w->generation < 2)
            copy_count(gc, slot, o);
        chosen |= w->mask & -w->mask;
    }
    slotset_add_group(&w->members, w->group, chosen);
    w->run.candidates += (uint64_t)__builtin_popcountll(chosen);
    passed = (passed + CHOICES_PER_UNIT - 1) / CHOICES_PER_UNIT;
    return units - passed;
}

size_t window_close_set(struct gc *gc, struct window *w, size_t units)
{
    struct choice c = choice_of(w);

    window_resume(gc, w);
    while (units > 0) {
        units = choose(gc, w, &c, units);
        if (w->mask != 0 || window_next_group(gc, w, &units) || units == 0)
            continue;
        if (!window_choose_elsewhere(w))
            return units;
        c = choice_of(w);
    }
    return 0;
}

/* ---- looking through objects ---- */

#define LINKS_PER_UNIT 4
#define LINKS_AHEAD 128u  /* found, and not yet acted on: by then what is said of the first has come from memory */
#define OBJECTS_AHEAD 32u /* reached, and not yet looked through: the same for cells */
#define BYTES_AHEAD 512   /* of cells that are walked in the order of memory, across the ends of pages */

_Static_assert(LINKS_AHEAD >= 2 * OBJECT_VALUES_MAX, "the links of a record fit, and others wait");

/* The links found in some objects. None is left when a step ends: the heap may change there. */
struct links {
    struct gc *gc;
    struct window *w;
    void (*act)(struct links *); /* on all of them */
    const char *table;           /* what they will be looked up in, by slot ... */
    uint32_t shift;              /* ... one byte for 2^shift of them */
    uint32_t count;
    slot_t target[LINKS_AHEAD];
};

static inline void fetch(const struct links *l, slot_t target)
{
    __builtin_prefetch(l->table + (target >> l->shift), 1);
}

static void found_in_scan(void *ctx, slot_t target)
{
    struct links *l = ctx;

    if (l->count == LINKS_AHEAD)
        l->act(l);
    fetch(l, target);
    l->target[l->count++] = target;
}

/* Go on with the object in the middle of which the window is. Returns the units left; 0: more. */
static size_t finish_scan(struct links *l, size_t units)
{
    return l->w->scan.slot != 0 ? heap_scan(l->gc->heap, &l->w->scan, units, found_in_scan, l) : units;
}

static inline void found_in_record(struct links *l, const uint32_t *values, uint32_t count)
{
    slot_t *next = &l->target[l->count];

    for (uint32_t i = 0; i < count; i++) {
        if (word_tag(values[i]) != WORD_LINK)
            continue;
        *next = word_payload(values[i]);
        fetch(l, *next++);
    }
    l->count = (uint32_t)(next - l->target);
}

/* Find the strong links of `slot`, which is `o`, of a pool with so many words a cell. */
static inline size_t look_through(struct links *l, slot_t slot, const struct object *o, uint32_t words, size_t units)
{
    uint32_t count = words - OBJECT_HEADER_WORDS;

    if (!object_is_inline(o)) {
        heap_open_scan(l->gc->heap, &l->w->scan, slot);
        units = finish_scan(l, units > 0 ? units : 1);
        count = 1 + (o->layout == LAYOUT_EXTENDED ? RECORD_SLOTS_MAX / LINKS_PER_UNIT : 0); /* also if it is empty */
        return units > count ? units - count : 0;
    }
    if (l->count > LINKS_AHEAD - OBJECT_VALUES_MAX)
        l->act(l);
    found_in_record(l, o->word, count);
    count = 1 + count / LINKS_PER_UNIT;
    return units > count ? units - count : 0;
}

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
    return look_through(l, slot, o, pool_words(l->gc->pools, slot), units);
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
        return finish_scan(l, units);
    if ((count = take_grey(l->gc, l->w, slots, units)) > 0)
        return spread_from_all(l, slots, count, units);
    return units > SLOTSET_LOOKS ? units - SLOTSET_LOOKS : 0; /* there are grey ones, and none where it looked */
}

static void links_begin_spread(struct links *l, struct gc *gc, struct window *w)
{
    l->gc = gc;
    l->w = w;
    l->act = spread_links;
    l->table = (const char *)w->members.bits;
    l->shift = 3;
    l->count = 0;
}

/* ---- MARK ---- */

size_t window_mark(struct gc *gc, struct window *w, size_t units)
{
    struct links l; /* but for the targets, of which there are none */

    links_begin_spread(&l, gc, w);
    while (units > 0) {
        if (has_reached(w))
            units = spread_reached(&l, units);
        else if ((units = heap_scan_held(gc->heap, &w->held, units, found_in_scan, &l)) > 0 && l.count == 0)
            return units;
        spread_links(&l);
    }
    return 0;
}

/* ---- COPY ---- */

size_t window_copy(struct gc *gc, struct window *w, size_t units)
{
    uint32_t copied = 0;

    window_resume(gc, w);
    while (units > 0) {
        slot_t slot = window_next(gc, w, &units);

        if (slot == 0)
            return units;
        copies_begin(&gc->copies, slot);
        copy_count(gc, slot, gc_object(gc, slot));
        units -= ++copied % CHOICES_PER_UNIT == 0 && units > 0;
    }
    return 0;
}

/* ---- SUBTRACT ---- */

static void subtract_links(struct links *l)
{
    const uint64_t *members = l->w->members.bits[0]; /* kept in registers, whatever is written */
    uint32_t count = l->count;

    for (uint32_t i = 0; i < count; i++)
        if (bits_has(members, l->target[i]))
            copies_subtract(&l->gc->copies, l->target[i]);
    l->count = 0;
}

/* The rest of the 64 slots where the walk is, as far as the units go. */
static size_t subtract_group(struct links *l, size_t units)
{
    struct window *w = l->w;
    struct pool_span span = span_of(l->gc->pools, pool_of(w->group));

    for (; w->mask != 0 && units > 0; w->mask &= w->mask - 1) {
        slot_t slot = w->group + (slot_t)__builtin_ctzll(w->mask);
        const struct object *o = object_in(&span, slot);

        __builtin_prefetch((const char *)o + BYTES_AHEAD);
        units = look_through(l, slot, o, span.words, units);
    }
    return units;
}

size_t window_subtract(struct gc *gc, struct window *w, size_t units)
{
    struct links l; /* but for the targets, of which there are none */

    l.gc = gc;
    l.w = w;
    l.act = subtract_links;
    l.table = (const char *)gc->copies.bytes;
    l.shift = l.count = 0;
    units = finish_scan(&l, units);
    window_resume(gc, w);
    do
        units = w->mask != 0 ? subtract_group(&l, units) : units;
    while (units > 0 && window_next_group(gc, w, &units));
    subtract_links(&l);
    return units;
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
        units = look_through(l, slot, o, span.words, units);
    }
    return units;
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
    struct links l; /* but for the targets, of which there are none */

    links_begin_spread(&l, gc, w);
    window_resume(gc, w);
    while (units > 0) {
        if (has_reached(w))
            units = spread_reached(&l, units);
        else if (w->mask != 0)
            units = spread_from_held(&l, units);
        else if (!window_next_group(gc, w, &units) && units > 0 && (units = reap_first(gc, w, units)) > 0 &&
                 grey_is_empty(&w->grey))
            return units;
        spread_links(&l);
    }
    return 0;
}
