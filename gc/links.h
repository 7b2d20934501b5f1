/*
 * links.h - looking through objects: their strong links are gathered, and acted on in batches.
 *
 * Whatever is done about a link (a byte, a bit of its target) lies anywhere in a table. So it is fetched when the
 * link is found, and done when many have been found: by then it has come from memory.
 */
#pragma once
#include "gc/gc_impl.h"

#define LINKS_AHEAD 128u  /* found, and not yet acted on */
#define BYTES_AHEAD 2048   /* of cells that are walked in the order of memory, across the ends of pages */
#define WORDS_PER_UNIT 4

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

/* All but the targets, of which there are none. */
static inline void links_begin(struct links *l, struct gc *gc, struct window *w, void (*act)(struct links *))
{
    l->gc = gc;
    l->w = w;
    l->act = act;
    l->table = (const char *)w->members.bits;
    l->shift = 3;
    l->count = 0;
}

static inline void links_fetch(const struct links *l, slot_t target)
{
    __builtin_prefetch(l->table + (target >> l->shift), 1);
}

/* One that heap_scan() or heap_scan_held() comes to; `ctx` is a struct links. */
static inline void links_found(void *ctx, slot_t target)
{
    struct links *l = ctx;

    if (l->count == LINKS_AHEAD)
        l->act(l);
    links_fetch(l, target);
    l->target[l->count++] = target;
}

/* Go on with the object in the middle of which the window is. Returns the units left; 0: more. */
static inline size_t links_finish_scan(struct links *l, size_t units)
{
    return l->w->scan.slot != 0 ? heap_scan(l->gc->heap, &l->w->scan, units, links_found, l) : units;
}

static inline void links_of_record(struct links *l, const struct object *o, uint32_t values)
{
    slot_t *next;

    if (l->count > LINKS_AHEAD - OBJECT_VALUES_MAX)
        l->act(l);
    next = &l->target[l->count];
    for (uint32_t i = 0; i < values; i++) {
        if (word_tag(o->word[i]) != WORD_LINK)
            continue;
        *next = word_payload(o->word[i]);
        links_fetch(l, *next++);
    }
    l->count = (uint32_t)(next - l->target);
}

/* Units that one record in its own cell is worth. */
static inline uint32_t links_record_units(uint32_t words)
{
    return 1 + (words - OBJECT_HEADER_WORDS) / WORDS_PER_UNIT;
}

/* One whose values lie elsewhere, and may be many: its scan stays open if the units run out. Returns the units left. */
static inline size_t links_of_other(struct links *l, slot_t slot, const struct object *o, size_t units)
{
    uint32_t cost = 1 + (o->layout == LAYOUT_EXTENDED ? RECORD_SLOTS_MAX / WORDS_PER_UNIT : 0); /* also if it is empty */

    heap_open_scan(l->gc->heap, &l->w->scan, slot);
    units = links_finish_scan(l, units > 0 ? units : 1);
    return units > cost ? units - cost : 0;
}

/* The strong links of `slot`, which is `o`, of a pool with so many words a cell. Returns the units left. */
static inline size_t links_of(struct links *l, slot_t slot, const struct object *o, uint32_t words, size_t units)
{
    uint32_t cost = links_record_units(words);

    if (!object_is_inline(o))
        return links_of_other(l, slot, o, units);
    links_of_record(l, o, words - OBJECT_HEADER_WORDS);
    return units > cost ? units - cost : 0;
}

/* Of the rest of the 64 slots where the walk is, as far as the units go, and up to one with many parts. Returns the units
 * left. The loop of PROVE and of SUBTRACT. */
static inline size_t links_of_group(struct links *l, size_t units, void (*each)(struct links *, const struct object *, slot_t))
{
    struct window *w = l->w;
    struct pool_span span = span_of(l->gc->pools, pool_of(w->group));
    uint32_t cost = links_record_units(span.words);

    for (; w->mask != 0 && units > 0; w->mask &= w->mask - 1) {
        slot_t slot = w->group + (slot_t)__builtin_ctzll(w->mask);
        const struct object *o = object_in(&span, slot);

        __builtin_prefetch((const char *)o + BYTES_AHEAD);
        if (each != NULL)
            each(l, o, slot);
        if (object_is_inline(o)) {
            links_of_record(l, o, span.words - OBJECT_HEADER_WORDS);
            units -= units < cost ? units : cost;
        } else {
            units = links_of_other(l, slot, o, units);
        }
    }
    return units;
}
