/*
 * slotset.h - a set of slots: one bit each, walked in the order of slots.
 *
 * The bits lie in a table that is reserved once and costs what is touched: 128 bytes for each pool of 1,024
 * cells that ever had a member; a bit a pool above them says which may have one now. Nothing can be refused.
 */
#pragma once
#include "heap/base/bits.h"
#include "heap/pool.h"

struct slotset {
    uint64_t (*bits)[POOL_WORDS]; /* by pool number */
    uint64_t *pools;                   /* bit n: pool n may have a member */
    uint32_t pool_end;                 /* none at or above it ever had one */
    uint64_t count;
};

bool slotset_init(struct slotset *s, struct mem *mem);
void slotset_fini(struct slotset *s, struct mem *mem);

/* Where the bits of this slot and its neighbours, 64 of them, are. */
ALWAYS_INLINE uint64_t *slotset_word(const struct slotset *s, slot_t slot)
{
    return (uint64_t *)(void *)s->bits + slot / 64;
}

static inline bool slotset_has(const struct slotset *s, slot_t slot)
{
    return bits_has(s->bits[0], slot);
}

/* It may have members from now on. */
static inline void slotset_name_pool(struct slotset *s, uint32_t pool)
{
    bits_add(s->pools, pool);
    s->pool_end = s->pool_end > pool ? s->pool_end : pool + 1;
}

/* False: it was a member already. */
ALWAYS_INLINE bool slotset_add(struct slotset *s, slot_t slot)
{
    uint64_t *word = slotset_word(s, slot), old = *word, bit = 1ull << (slot % 64);

    if (old == 0)
        slotset_name_pool(s, pool_of(slot));
    *word = old | bit;
    s->count += (old & bit) == 0;
    return (old & bit) == 0;
}

/* Those among the 64 slots from `first` on. */
static inline void slotset_add_group(struct slotset *s, slot_t first, uint64_t members)
{
    uint64_t *word = slotset_word(s, first);

    if (members == 0)
        return;
    slotset_name_pool(s, pool_of(first));
    s->count += (uint64_t)__builtin_popcountll(members & ~*word);
    *word |= members;
}

/* Its pool may go on naming it in `pools`. CHECKs that it is a member. */
static inline void slotset_remove(struct slotset *s, slot_t slot)
{
    uint64_t *word = slotset_word(s, slot), bit = 1ull << (slot % 64);

    CHECK((*word & bit) != 0);
    *word &= ~bit;
    s->count--;
}

/* The members among the 64 slots from `first` on leave. */
static inline uint64_t slotset_take(struct slotset *s, slot_t first)
{
    uint64_t *word = slotset_word(s, first), members = *word;

    *word = 0;
    s->count -= (uint64_t)__builtin_popcountll(members);
    return members;
}

/* These, which are members, among the 64 slots from `first` on leave. */
static inline void slotset_remove_group(struct slotset *s, slot_t first, uint64_t members)
{
    *slotset_word(s, first) &= ~members;
    s->count -= (uint64_t)__builtin_popcountll(members);
}

/* The members among the 64 slots from `first` on. */
static inline uint64_t slotset_group(const struct slotset *s, slot_t first)
{
    return *slotset_word(s, first);
}

/* What it costs, at most. */
static inline size_t slotset_bytes(const struct slotset *s)
{
    return (size_t)s->pool_end * (POOL_CELLS / 8);
}

/* `pools` may name one that has none any more. */
static inline bool slotset_has_in_pool(const struct slotset *s, uint32_t pool)
{
    return bits_next(s->bits[pool], 0, POOL_CELLS) < POOL_CELLS;
}

/* If it has none, `pools` names it no more. */
static inline void slotset_forget_pool(struct slotset *s, uint32_t pool)
{
    if (!slotset_has_in_pool(s, pool))
        bits_remove(s->pools, pool);
}

#define SLOTSET_KEEP_POOLS 1024u /* pools whose bits stay when the set is empty: 128 KiB */

/* It is empty and has more than it needs to begin again. */
static inline bool slotset_is_large(const struct slotset *s)
{
    return s->count == 0 && s->pool_end > SLOTSET_KEEP_POOLS;
}

/* The page with the bits of this pool is fetched from the system now, not when one of many is added in no order. */
static inline void slotset_touch(struct slotset *s, uint32_t pool)
{
    volatile uint64_t *bits = s->bits[pool];

    if (pool % (MEM_PAGE_BYTES / sizeof s->bits[0]) != 0)
        return;
    *bits = *bits;
    s->pool_end = s->pool_end > pool ? s->pool_end : pool + 1; /* it costs memory now */
}

/* Give memory of an empty set back; returns the units left, 0: there is more. */
size_t slotset_trim(struct slotset *s, size_t units);

/* All members of one pool leave. */
void slotset_clear_pool(struct slotset *s, uint32_t pool);
/* The first 64 slots with a member, from `from` on and round again, leave the set, which is not empty. Returns the first of
 * the 64, or, with no members, where to go on: at most SLOTSET_LOOKS pools are looked at. O(pools / 64). */
#define SLOTSET_LOOKS 16
slot_t slotset_take_group(struct slotset *s, slot_t from, uint64_t *ret_members);
