/* slotset.c - see slotset.h. */
#include "heap/slotset.h"

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

void slotset_clear_pool(struct slotset *s, uint32_t pool)
{
    for (uint32_t i = 0; i < POOL_WORDS; i++) {
        s->count -= (uint64_t)__builtin_popcountll(s->bits[pool][i]);
        s->bits[pool][i] = 0;
    }
    bits_remove(s->pools, pool);
}

/* The first group of pool n with a member, from group i on; POOL_WORDS: none. */
static uint32_t next_group(const struct slotset *s, uint32_t n, uint32_t i)
{
    while (i < POOL_WORDS && s->bits[n][i] == 0)
        i++;
    return i;
}

/* The next pool that may have a member, and round again. */
static uint32_t next_pool(const struct slotset *s, uint32_t n)
{
    n = bits_next(s->pools, n + 1, s->pool_end);
    return n < s->pool_end ? n : bits_next(s->pools, 0, s->pool_end);
}

slot_t slotset_take_group(struct slotset *s, slot_t from, uint64_t *ret_members)
{
    uint32_t n = pool_of(from), i = next_group(s, n, (from / 64) % POOL_WORDS);

    CHECK(s->count > 0);
    *ret_members = 0;
    for (int looks = 0; i == POOL_WORDS && looks < SLOTSET_LOOKS; looks++) {
        slotset_forget_pool(s, n);
        n = next_pool(s, n);
        CHECK(n < s->pool_end);
        i = next_group(s, n, 0);
    }
    if (i == POOL_WORDS)
        return n << POOL_SHIFT;
    *ret_members = s->bits[n][i];
    s->count -= (uint64_t)__builtin_popcountll(*ret_members);
    s->bits[n][i] = 0;
    return n << POOL_SHIFT | i * 64;
}

#define TRIM_POOLS 2048u /* at a time: 64 pages of bits */
#define TRIM_UNITS 64u

size_t slotset_trim(struct slotset *s, size_t units)
{
    while (units > 0 && slotset_is_large(s)) {
        uint32_t from = s->pool_end > SLOTSET_KEEP_POOLS + TRIM_POOLS ? s->pool_end - TRIM_POOLS : SLOTSET_KEEP_POOLS;

        mem_discard(s->bits[from], (size_t)(s->pool_end - from) * sizeof s->bits[0]);
        s->pool_end = from;
        units -= units < TRIM_UNITS ? units : TRIM_UNITS;
    }
    return units;
}
