/*
 * copies.h - the counts that a collection copies and subtracts from, by slot.
 *
 * Four bytes a slot in a table that is reserved once; a pool's copies are one page. The pages are of no use once no
 * window is open: they go back in steps, unless they are few, so that small collections do not fault them in
 * over and over.
 */
#pragma once
#include "heap/base/bits.h"
#include "heap/heap_gc.h"

#define COPIES_KEEP_POOLS 1024u /* pages that stay between collections: 4 MiB */

struct copies {
    uint32_t *count;      /* by slot */
    uint64_t *pools;      /* bit n: pool n's page was written */
    uint32_t pool_count;  /* of such bits */
    uint32_t cursor;      /* pools below have been given back; 0: not giving back */
};

bool copies_init(struct copies *c, struct mem *mem);
void copies_fini(struct copies *c, struct mem *mem);

static inline void copies_set(struct copies *c, slot_t slot, uint32_t count)
{
    c->pool_count += !bits_has(c->pools, pool_of(slot));
    bits_add(c->pools, pool_of(slot));
    c->count[slot] = count;
}

/* No window is open: are there pages to give back? */
static inline bool copies_are_many(const struct copies *c)
{
    return c->cursor > 0 || c->pool_count > COPIES_KEEP_POOLS;
}

/* Give some back; returns the units left, 0: there is more. A window may open between two calls. */
size_t copies_give_back(struct copies *c, uint32_t pool_end, size_t units);
