/*
 * id.h - how objects are named: ids outside, slots inside.
 *
 * A slot is the number of a cell: pool number times 1,024 plus the cell's place in its pool (pool.h). An id
 * is a slot and the turn at which the slot was used:
 *
 *     id = turn << SLOT_BITS | slot          24 + 29 bits: below 2^53, exact in every JSON reader
 *
 * Ids are never used twice. Links in the heap are slots, so an object may move while its id stays.
 */
#pragma once
#include <stdint.h>

typedef uint64_t obj_id; /* 0 is no object */
typedef uint32_t slot_t; /* 0 is no slot */

#define SLOT_BITS 29
#define TURN_BITS 24
#define SLOT_MAX ((1u << SLOT_BITS) - 1)
#define TURN_MAX ((1u << TURN_BITS) - 1)
#define ID_MAX ((1ULL << (SLOT_BITS + TURN_BITS)) - 1)
