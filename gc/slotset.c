/* slotset.c - see slotset.h. */
#include "gc/slotset.h"
#include "heap/base/bits.h"

#define POOL_WORDS (POOL_CELLS / 64)
#define BITS_BYTES ((size_t)POOLS_MAX * POOL_WORDS * sizeof(uint64_t))
#define POOLS_BYTES (POOLS_MAX / 8)

bool slotset_init(struct slotset *s, struct mem *mem)
{
    *s = (struct slotset){.bits = mem_reserve(mem, BITS_BYTES), .pools = mem_reserve(mem, POOLS_BYTES)};
    if (s->bits != NULL && s->pools != NULL)
        return true;
    slotset_fini(s, mem);
    return false;
}

void slotset_fini(struct slotset *s, struct mem *mem)
{
    mem_unreserve(mem, s->bits, BITS_BYTES);
    mem_unreserve(mem, s->pools, POOLS_BYTES);
    *s = (struct slotset){.count = 0};
}

void slotset_add(struct slotset *s, slot_t slot)
{
    uint64_t *word = &s->bits[pool_of(slot)][(slot / 64) % POOL_WORDS], bit = 1ull << (slot % 64);

    s->count += (*word & bit) == 0;
    *word |= bit;
    bits_add(s->pools, pool_of(slot));
}

static bool pool_is_empty(const struct slotset *s, uint32_t pool)
{
    for (uint32_t i = 0; i < POOL_WORDS; i++)
        if (s->bits[pool][i] != 0)
            return false;
    return true;
}

void slotset_remove(struct slotset *s, slot_t slot)
{
    uint32_t pool = pool_of(slot);
    uint64_t *word = &s->bits[pool][(slot / 64) % POOL_WORDS], bit = 1ull << (slot % 64);

    if ((*word & bit) == 0)
        return;
    *word &= ~bit;
    s->count--;
    if (*word == 0 && pool_is_empty(s, pool))
        bits_remove(s->pools, pool);
}

slot_t slotset_next(const struct slotset *s, slot_t from, slot_t end)
{
    uint32_t pool_end = (end + POOL_CELLS - 1) >> POOL_SHIFT, place = from & (POOL_CELLS - 1);

    for (uint32_t n = bits_next(s->pools, pool_of(from), pool_end); n < pool_end;
         n = bits_next(s->pools, n + 1, pool_end), place = 0) {
        if (n != pool_of(from))
            place = 0;
        place = bits_next(s->bits[n], place, POOL_CELLS);
        if (place < POOL_CELLS)
            return (n << POOL_SHIFT | place) < end ? n << POOL_SHIFT | place : 0;
    }
    return 0;
}
