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
 * Links wait in a ring while the byte of their target is fetched, also from one step to the next. By the time one is acted
 * on, its target may be no member any more (nothing happens), or the link may be gone: then the target's count has
 * changed, and it is no member either. The same holds for reached objects that wait: they may be dead by then.
 *
 * A link must not be subtracted twice, nor missed while spreading. Records are looked at whole; a list or
 * dictionary in the middle of being looked at is moved along when something is removed below the cursor
 * (heap_gc.h, edge_scan).
 */
#include "gc/gc_impl.h"

/* ---- CLOSE ---- */

/* What the walk chooses. A set may name a slot by its last object; one born since is in the other nursery. */
struct choice {
    uint32_t youngest, oldest;    /* generations */
    const struct slotset *newborn; /* not these; NULL: all */
};

static struct choice choice_of(const struct gc *gc, const struct window *w)
{
    if (w->walk == WALK_HEAP)
        return (struct choice){2, 2, NULL};
    return (struct choice){0, w->walk == WALK_YOUNG, w->run.dry_run ? NULL : &gc->nursery[gc->nursery_now]};
}

static bool is_chosen(const struct gc *gc, const struct choice *c, slot_t slot, const struct object *o)
{
    return o->state == STATE_LIVE && o->kind != KIND_BYTES && gc->bytes[slot] == 0 && o->generation >= c->youngest &&
           o->generation <= c->oldest && (o->generation > 0 || c->newborn == NULL || !slotset_has(c->newborn, slot));
}

static uint32_t copy_count(struct gc *gc, slot_t slot, const struct object *o)
{
    uint32_t count = o->has_big ? heap_count(gc->heap, slot) : o->count;

    if (count <= WINDOW_LEFT_MAX)
        return count;
    copies_set(&gc->copies, slot, count);
    return WINDOW_LEFT_LARGE;
}

#define CHOICES_PER_UNIT 4

/* The rest of the 64 slots where the walk is, as far as the units go. */
static size_t choose(struct gc *gc, struct window *w, const struct choice *c, size_t units)
{
    uint32_t passed = 0, chosen = 0, most = (uint32_t)(units < 64 ? units * CHOICES_PER_UNIT : 64);

    if (w->mask != 0)
        copies_note_page(&gc->copies, w->group);
    for (; w->mask != 0 && passed < most; w->mask &= w->mask - 1, passed++) {
        slot_t slot = w->group + (slot_t)__builtin_ctzll(w->mask);
        const struct object *o = gc_object(gc, slot);

        if (!is_chosen(gc, c, slot, o))
            continue;
        gc->bytes[slot] = window_byte(w->base, copy_count(gc, slot, o));
        chosen++;
    }
    w->run.candidates += chosen;
    passed = (passed + CHOICES_PER_UNIT - 1) / CHOICES_PER_UNIT;
    return units - passed;
}

size_t window_close_set(struct gc *gc, struct window *w, size_t units)
{
    struct choice c = choice_of(gc, w);

    window_resume(gc, w);
    while (units > 0) {
        units = choose(gc, w, &c, units);
        if (w->mask != 0 || window_next_group(gc, w, &units) || units == 0)
            continue;
        if (w->walk == WALK_HEAP || w->generation < 2)
            return units;
        window_walk_heap(w);
        c = choice_of(gc, w);
    }
    return 0;
}

/* ---- looking through objects ---- */

#define LINKS_PER_UNIT 4

typedef void (*act_fn)(struct gc *, struct window *, slot_t target);

static inline slot_t ring_take(struct ring *r)
{
    r->count--;
    return r->slot[r->first++ % LINKS_AHEAD];
}

static inline void ring_put(struct ring *r, slot_t slot)
{
    r->slot[(r->first + r->count++) % LINKS_AHEAD] = slot;
}

/* Its target's byte is fetched, and the one that waited longest is acted on. Few bytes are in the cache anyway. */
static inline __attribute__((always_inline)) void found_link(struct gc *gc, struct window *w, slot_t target, act_fn act)
{
    if (w->run.candidates < CANDIDATES_NEAR) {
        act(gc, w, target);
        return;
    }
    __builtin_prefetch(&gc->bytes[target], 1);
    if (w->links.count == LINKS_AHEAD)
        act(gc, w, ring_take(&w->links));
    ring_put(&w->links, target);
}

struct look {
    struct gc *gc;
    struct window *w;
    act_fn act;
};

static void found_in_scan(void *ctx, slot_t target)
{
    const struct look *l = ctx;

    found_link(l->gc, l->w, target, l->act);
}

/* Go on with the object in the middle of which it is. Returns the units left; 0: more. */
static size_t finish_scan(struct gc *gc, struct window *w, size_t units, act_fn act)
{
    struct look l = {gc, w, act};

    return w->scan.slot != 0 ? heap_scan(gc->heap, &w->scan, units, found_in_scan, &l) : units;
}

/* Find the strong links of `slot`. Inlined where `act` is known, so that no call is left in the loop. */
static inline __attribute__((always_inline)) size_t look_through(struct gc *gc, struct window *w, slot_t slot,
                                                                 size_t units, act_fn act)
{
    uint32_t count;
    const uint32_t *values = object_inline_values(gc->pools, slot, &count);

    if (values == NULL) {
        heap_open_scan(gc->heap, &w->scan, slot);
        return finish_scan(gc, w, units, act);
    }
    for (uint32_t i = 0; i < count; i++)
        if (word_tag(values[i]) == WORD_LINK)
            found_link(gc, w, word_payload(values[i]), act);
    count = 1 + count / LINKS_PER_UNIT;
    return units > count ? units - count : 0;
}

/* ---- SUBTRACT ---- */

static inline void subtract_link(struct gc *gc, struct window *w, slot_t target)
{
    uint32_t left = window_left(gc->bytes[target], w->base);

    if (left >= WINDOW_STRANGER)
        return;
    if (left == WINDOW_LEFT_LARGE) {
        if (copies_subtract(&gc->copies, target) == 0)
            gc->bytes[target] = window_byte(w->base, 0);
        return;
    }
    CHECK(left > 0);
    gc->bytes[target]--;
}

size_t window_subtract(struct gc *gc, struct window *w, size_t units)
{
    units = finish_scan(gc, w, units, subtract_link);
    window_resume(gc, w);
    while (units > 0) {
        slot_t slot = window_next(gc, w, &units);

        if (slot == 0)
            break;
        if (window_has(gc, w, slot))
            units = look_through(gc, w, slot, units, subtract_link);
    }
    if (units == 0)
        return 0;
    while (w->links.count > 0)
        subtract_link(gc, w, ring_take(&w->links));
    return units;
}

/* ---- SPREAD ---- */

static inline void spread_link(struct gc *gc, struct window *w, slot_t target)
{
    if (window_has(gc, w, target))
        window_reach(gc, w, target);
}

/* The next of the grey, fetched a while ago; with few of them waiting there is no while. 0: none. */
static slot_t next_grey(struct gc *gc, struct window *w)
{
    slot_t slot;

    if (w->run.candidates < CANDIDATES_NEAR)
        return grey_pop(&w->grey);
    while (w->cells.count < CELLS_AHEAD && (slot = grey_pop(&w->grey)) != 0) {
        if (gc_in_use(gc, slot))
            __builtin_prefetch(gc_object(gc, slot), 1);
        ring_put(&w->cells, slot);
    }
    return w->cells.count > 0 ? ring_take(&w->cells) : 0;
}

static inline void grow_older(struct gc *gc, const struct window *w, slot_t slot)
{
    uint32_t generation = gc_object(gc, slot)->generation;

    if (generation >= window_older(w) || w->run.dry_run ||
        (generation == 0 && slotset_has(&gc->nursery[gc->nursery_now], slot)))
        return;
    gc_promote(gc, slot, window_older(w));
}

/* One that was reached some steps ago may have died, and even given its slot to another: looking through that one
 * reaches too much, never too little. */
static size_t spread_from(struct gc *gc, struct window *w, slot_t slot, size_t units)
{
    if (!gc_in_use(gc, slot) || gc_object(gc, slot)->state != STATE_LIVE)
        return units - 1;
    grow_older(gc, w, slot);
    return look_through(gc, w, slot, units, spread_link);
}

#define PASSES_PER_UNIT 8

/* The next member that something outside holds; it is reached. 0: none, or no units. */
static slot_t next_held(struct gc *gc, struct window *w, size_t *units)
{
    uint32_t passes = 0;

    while (*units > 0) {
        slot_t slot = window_next(gc, w, units);
        uint32_t left = window_left(gc->bytes[slot], w->base);

        if (slot == 0)
            return 0;
        if (left > 0 && left < WINDOW_STRANGER) {
            gc->bytes[slot] = 0;
            w->reached++;
            *units += *units == 0; /* one that was found with the last unit is looked through all the same */
            return slot;
        }
        *units -= ++passes % PASSES_PER_UNIT == 0 && *units > 0;
    }
    return 0;
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
    slot_t slot;

    units = finish_scan(gc, w, units, spread_link);
    window_resume(gc, w);
    while (units > 0) {
        if ((slot = next_grey(gc, w)) != 0 || (slot = next_held(gc, w, &units)) != 0)
            units = spread_from(gc, w, slot, units);
        else if (w->links.count > 0)
            spread_link(gc, w, ring_take(&w->links)); /* nothing else to do meanwhile: a chain */
        else if (units > 0 && (units = reap_first(gc, w, units)) > 0 && grey_is_empty(&w->grey))
            return units;
    }
    return 0;
}
