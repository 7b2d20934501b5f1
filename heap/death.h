/*
 * death.h - one reference less, and what happens when that was the last: inline, since everything that dies goes
 * through it, here (ref.c) or while the dead are taken apart (reap.c).
 */
#pragma once
#include "heap/ref.h"
#include "heap/slot.h"

/* Nothing is counted any more of what is dead or condemned. */
ALWAYS_INLINE bool ref_is_counted(const struct heap *h, slot_t slot, const struct object *o)
{
    return o->state != STATE_DEAD && (h->windows.dead == 0 || slot_is_alive(h, slot, o));
}

/* One reference less: true if that was the last. */
ALWAYS_INLINE bool ref_count_down(struct heap *h, slot_t slot, struct object *o)
{
    uint32_t count = o->count;

    if (!ref_is_counted(h, slot, o))
        return false;
    CHECK(o->state == STATE_LIVE && count > 0);
    o->count = (uint16_t)--count;
    if (count == 0 && !o->has_big)
        return true;
    if (count == 0)
        ref_fetch_half(h, slot, o);
    h->stats.fell_nonzero++;
    if (h->windows.open != 0)
        ref_tell_window(h, slot, false);
    return false;
}

static inline uint64_t object_cell_bytes(uint32_t words)
{
    return words * sizeof(uint32_t) + OBJECT_TABLE_BYTES;
}

/* object_bytes(), the common case inline. */
static inline uint64_t object_bytes_inline(const struct heap *h, slot_t slot, const struct object *o)
{
    return object_is_inline(o) ? object_cell_bytes(pool_words(&h->pools, slot)) : object_bytes(h, slot);
}

/* Whoever knows an object hears that it dies; still whole. */
static inline void ref_announce_death(struct heap *h, slot_t slot, struct object *o)
{
    CHECK(o->state == STATE_LIVE);
    for (size_t i = 0; i < HEAP_WATCHES_MAX && h->watch[i] != NULL; i++)
        if (h->watch[i]->dying != NULL)
            h->watch[i]->dying(h->watch[i]->ctx, slot);
    if (journal_is_on(h->journal))
        journal_died(h->journal, slot);
    if (h->scans != NULL || h->stagings != NULL || o->has_weak || o->has_big)
        ref_leave_tables(h, slot, o);
}

/* Onto the doomed list: last in, first out, so that what has just died is still in the cache. */
static inline void ref_doom(struct heap *h, slot_t slot, struct object *o)
{
    object_set_next_dead(o, h->doomed);
    h->doomed = slot;
}
