/* slot.c - see slot.h. */
#include "heap/slot.h"
#include <inttypes.h>

obj_id heap_id(const struct heap *h, slot_t slot)
{
    return slot_id(h, slot);
}

/* A packed pool keeps no free cells, so no memory says what the id of one is. Should it be unpacked they all go on with its
 * highest turn, so those that some of them leave out are as good as collected. */
static enum err look_free(const struct heap *h, uint32_t number, uint64_t turn)
{
    return turn < h->pools.pool[number].turn_max ? ERR_COLLECTED : ERR_NO_OBJECT; /* equal: the next object's */
}

enum err slot_look(const struct heap *h, obj_id id, slot_t *ret)
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
        return look_free(h, number, turn);

    const struct object *o = object_at(h, slot);

    if (turn != object_turn(o))
        return turn < object_turn(o) ? ERR_COLLECTED : ERR_NO_OBJECT;
    if (o->state == STATE_FREE)
        return ERR_NO_OBJECT; /* the id that the next object here will have */
    if (!slot_is_alive(h, slot, o))
        return ERR_COLLECTED;
    if (h->stagings != NULL && staging_hides(h, slot))
        return ERR_NO_OBJECT;
    *ret = slot;
    return ERR_OK;
}

bool heap_is_alive(const struct heap *h, slot_t slot)
{
    return slot_is_alive(h, slot, object_at(h, slot));
}

enum err slot_find(const struct heap *h, obj_id id, slot_t *ret, struct why *why)
{
    enum err e;

    if (slot_plain(h, id) != NULL) {
        *ret = id & SLOT_MAX;
        return ERR_OK;
    }
    e = slot_look(h, id, ret);
    if (e == ERR_COLLECTED)
        return why_set(why, e, "object %" PRIu64 " was collected", id);
    if (e != ERR_OK)
        return why_set(why, e, "object %" PRIu64 " does not exist", id);
    return ERR_OK;
}

enum err slot_find_target(const struct heap *h, obj_id id, slot_t *ret, struct why *why)
{
    enum err e = slot_look(h, id, ret);

    if (e == ERR_COLLECTED)
        return why_set(why, ERR_DANGLING, "object %" PRIu64 " was collected and cannot be linked", id);
    if (e != ERR_OK)
        return why_set(why, ERR_DANGLING, "object %" PRIu64 " does not exist and cannot be linked", id);
    return ERR_OK;
}

slot_t heap_slot(const struct heap *h, obj_id id)
{
    slot_t slot = 0;

    if (slot_plain(h, id) != NULL)
        return id & SLOT_MAX;
    return slot_look(h, id, &slot) == ERR_OK ? slot : 0;
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
