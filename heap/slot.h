/*
 * slot.h - from an id to its object: in O(1), without a table of ids.
 *
 * The turn in an id is counted in two places: in the cell (14 bits, one more at each death) and for its pool
 * (pools.turn_base, raised past every turn of its cells when the pool goes away). So an id is told apart from
 * every other that had or will have the same slot. A slot at its last turn is retired.
 */
#pragma once
#include "heap/heap_impl.h"

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

/* What an id of a free cell of a packed pool is: its cell has no memory that could say it. */
enum err slot_look_free(const struct heap *h, uint32_t number, uint64_t turn);

/* What an id is: OK (alive), ERR_COLLECTED, ERR_NO_OBJECT; no sentence. */
ALWAYS_INLINE enum err slot_look(const struct heap *h, obj_id id, slot_t *ret)
{
    slot_t slot = id & SLOT_MAX;
    uint32_t number = pool_of(slot);
    uint64_t turn = id >> SLOT_BITS;

    if (id > ID_MAX || number >= h->pools.pool_end)
        return ERR_NO_OBJECT;
    if (turn < h->pools.turn_base[number])
        return ERR_COLLECTED; /* of an earlier life of this pool number */
    if (!pool_is_objects(&h->pools, number))
        return ERR_NO_OBJECT;

    turn -= h->pools.turn_base[number];
    if (pool_is_packed(&h->pools, number) && !bits_has(h->pools.used, slot))
        return slot_look_free(h, number, turn);

    const struct object *o = object_at(h, slot);

    if (turn != object_turn(o))
        return turn < object_turn(o) ? ERR_COLLECTED : ERR_NO_OBJECT;
    if (o->state == STATE_FREE)
        return ERR_NO_OBJECT; /* the id that the next object here will have */
    if (!slot_is_alive(h, slot, o))
        return ERR_COLLECTED;
    *ret = slot;
    return ERR_OK;
}
