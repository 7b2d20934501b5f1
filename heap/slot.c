/* slot.c - see slot.h. */
#include "heap/slot.h"
#include <inttypes.h>

obj_id heap_id(const struct heap *h, slot_t slot)
{
    return slot_id(h, slot);
}

/* A packed pool keeps no free cells. Should it be unpacked they all go on with its highest turn, so those that some
 * of them leave out are as good as collected. */
enum err slot_look_free(const struct heap *h, uint32_t number, uint64_t turn)
{
    return turn < h->pools.pool[number].turn_max ? ERR_COLLECTED : ERR_NO_OBJECT; /* equal: the next object's */
}

bool heap_is_alive(const struct heap *h, slot_t slot)
{
    return slot_is_alive(h, slot, object_at(h, slot));
}

enum err slot_find(const struct heap *h, obj_id id, slot_t *ret, struct why *why)
{
    enum err e = slot_look(h, id, ret);

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
