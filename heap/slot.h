/*
 * slot.h - from an id to its object: in O(1), without a table of ids.
 *
 * The turn in an id is counted in two places: in the cell (14 bits, one more at each death) and for its pool
 * (pools.turn_base, raised past every turn of its cells when the pool goes away). So an id is told apart from
 * every other that had or will have the same slot. A slot at its last turn is retired.
 */
#pragma once
#include "heap/heap.h"

/* The slot of a live object. ERR_NO_OBJECT, ERR_COLLECTED with the sentence. */
enum err slot_find(const struct heap *h, obj_id id, slot_t *ret, struct why *why);
/* The same for an id inside a value: ERR_DANGLING. */
enum err slot_find_target(const struct heap *h, obj_id id, slot_t *ret, struct why *why);
