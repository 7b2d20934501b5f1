/* slot.c - see slot.h. */
#include "heap/slot.h"
#include "heap/heap_impl.h"
#include <inttypes.h>

obj_id heap_id(const struct heap *h, slot_t slot)
{
    obj_id turn = h->pools.turn_base[pool_of(slot)] + object_turn(object_at(h, slot));

    return turn << SLOT_BITS | slot;
}

bool heap_is_alive(const struct heap *h, slot_t slot)
{
    return object_at(h, slot)->state == STATE_LIVE &&
           (h->dead_windows == 0 || ((h->dead_windows >> window_of_byte(h->window[slot])) & 1) == 0);
}

/* The turn that the next object in a free cell will have. A packed pool keeps no free cells; should it be unpacked,
 * they all go on with the highest turn, so that the turns some of them leave out are as good as collected. */
static uint32_t free_turn(const struct heap *h, slot_t slot)
{
    uint32_t number = pool_of(slot);

    return pool_is_packed(&h->pools, number) ? h->pools.pool[number].turn_max : object_turn(object_at(h, slot));
}

/* What an id is: OK (alive), ERR_COLLECTED, ERR_NO_OBJECT. */
static enum err look(const struct heap *h, obj_id id, slot_t *ret)
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
    if (!bits_has(h->pools.used, slot))
        return turn < free_turn(h, slot) ? ERR_COLLECTED : ERR_NO_OBJECT; /* equal: the next object's */

    const struct object *o = object_at(h, slot);

    if (turn != object_turn(o))
        return turn < object_turn(o) ? ERR_COLLECTED : ERR_NO_OBJECT;
    if (!heap_is_alive(h, slot))
        return ERR_COLLECTED;
    *ret = slot;
    return ERR_OK;
}

enum err slot_find(const struct heap *h, obj_id id, slot_t *ret, struct why *why)
{
    enum err e = look(h, id, ret);

    if (e == ERR_COLLECTED)
        return why_set(why, e, "object %" PRIu64 " was collected", id);
    if (e != ERR_OK)
        return why_set(why, e, "object %" PRIu64 " does not exist", id);
    return ERR_OK;
}

enum err slot_find_target(const struct heap *h, obj_id id, slot_t *ret, struct why *why)
{
    enum err e = look(h, id, ret);

    if (e == ERR_COLLECTED)
        return why_set(why, ERR_DANGLING, "object %" PRIu64 " was collected and cannot be linked", id);
    if (e != ERR_OK)
        return why_set(why, ERR_DANGLING, "object %" PRIu64 " does not exist and cannot be linked", id);
    return ERR_OK;
}

slot_t heap_slot(const struct heap *h, obj_id id)
{
    slot_t slot = 0;

    return look(h, id, &slot) == ERR_OK ? slot : 0;
}

bool heap_has(const struct heap *h, obj_id id)
{
    return heap_slot(h, id) != 0;
}

enum err heap_check(const struct heap *h, obj_id id, struct why *why)
{
    slot_t slot;

    return slot_find(h, id, &slot, why);
}
