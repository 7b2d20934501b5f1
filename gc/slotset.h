/*
 * slotset.h - a set of slots: one bit each, walked in the order of slots.
 *
 * The bits lie in a table that is reserved once and costs what is touched: 128 bytes for each pool of 1,024
 * cells that ever had a member; a bit a pool above them says which those are now. Nothing can be refused.
 */
#pragma once
#include "heap/heap_gc.h"

struct slotset {
    uint64_t (*bits)[POOL_CELLS / 64]; /* by pool number */
    uint64_t *pools;                   /* bit n: pool n has a member */
    uint64_t count;
};

bool slotset_init(struct slotset *s, struct mem *mem);
void slotset_fini(struct slotset *s, struct mem *mem);

static inline bool slotset_has(const struct slotset *s, slot_t slot)
{
    return (s->bits[pool_of(slot)][(slot / 64) % (POOL_CELLS / 64)] >> (slot % 64)) & 1;
}

void slotset_add(struct slotset *s, slot_t slot);    /* again is fine */
void slotset_remove(struct slotset *s, slot_t slot); /* absent is fine */
/* The first member at or after `from`, below `end`; 0: none. O(pools / 64). */
slot_t slotset_next(const struct slotset *s, slot_t from, slot_t end);
