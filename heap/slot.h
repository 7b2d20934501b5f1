/*
 * slot.h - from an id to its object: in O(1), without a table of ids.
 *
 * The turn in an id is counted in two places: in the cell (14 bits, one more at each death) and for its pool
 * (pools.turn_base, raised past every turn of its cells when the pool goes away). So an id is told apart from
 * every other that had or will have the same slot. A slot at its last turn is retired.
 */
#pragma once
#include "heap/heap_impl.h"

/* What an id is: OK (alive: *ret is its slot), ERR_COLLECTED, ERR_NO_OBJECT; no sentence. */
enum err slot_look(const struct heap *h, obj_id id, slot_t *ret);
/* The slot of a live object. ERR_NO_OBJECT, ERR_COLLECTED with the sentence. */
enum err slot_find(const struct heap *h, obj_id id, slot_t *ret, struct why *why);
/* The same for an id inside a value: ERR_DANGLING. */
enum err slot_find_target(const struct heap *h, obj_id id, slot_t *ret, struct why *why);

/* ---- the common case, inline ---- */

ALWAYS_INLINE bool slot_is_alive(const struct heap *h, slot_t slot, const struct object *o)
{
    return o->state == STATE_LIVE &&
           (h->windows.dead == 0 || !windows_have(&h->windows, h->windows.dead, slot));
}

/* The id of an object whose cell is at hand. */
ALWAYS_INLINE obj_id slot_id_of(const struct heap *h, slot_t slot, const struct object *o)
{
    obj_id turn = h->pools.turn_base[pool_of(slot)] + object_turn(o);

    return turn << SLOT_BITS | slot;
}

ALWAYS_INLINE obj_id slot_id(const struct heap *h, slot_t slot)
{
    return slot_id_of(h, slot, object_at(h, slot));
}

/* The object of an id, where there is nothing to explain: it is alive, its pool not packed, nothing condemned, nothing
 * staged. NULL: slot_look() tells. */
ALWAYS_INLINE struct object *slot_plain(const struct heap *h, obj_id id)
{
    slot_t slot = id & SLOT_MAX;
    struct object *o = (struct object *)pool_object_cell(&h->pools, slot);

    if (o == NULL || id >> SLOT_BITS != (uint64_t)h->pools.turn_base[pool_of(slot)] + object_turn(o) ||
        o->state != STATE_LIVE || h->windows.dead != 0 || h->stagings != NULL)
        return NULL;
    return o;
}
