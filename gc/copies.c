/* copies.c - see copies.h. */
#include "gc/copies.h"

#define COUNT_BYTES ((size_t)POOLS_MAX * POOL_CELLS * sizeof(uint32_t))
#define POOLS_BYTES (POOLS_MAX / 8)
#define PAGES_PER_UNIT 2 /* giving a page back takes about as long as looking at two objects */

bool copies_init(struct copies *c, struct mem *mem)
{
    *c = (struct copies){.count = mem_reserve(mem, COUNT_BYTES), .pools = mem_reserve(mem, POOLS_BYTES)};
    return c->count != NULL && c->pools != NULL;
}

void copies_fini(struct copies *c, struct mem *mem)
{
    mem_unreserve(mem, c->count, COUNT_BYTES);
    mem_unreserve(mem, c->pools, POOLS_BYTES);
    *c = (struct copies){.cursor = 0};
}

/* 64 pools at a time: the system is asked once for a run of pages. */
static void give_back_word(struct copies *c, uint32_t word)
{
    if (c->pools[word] == 0)
        return;
    mem_discard(&c->count[(size_t)word * 64 * POOL_CELLS], (size_t)64 * POOL_CELLS * sizeof *c->count);
    c->pool_count -= (uint32_t)__builtin_popcountll(c->pools[word]);
    c->pools[word] = 0;
}

size_t copies_give_back(struct copies *c, uint32_t pool_end, size_t units)
{
    for (; c->cursor < pool_end; c->cursor += 64) {
        size_t cost = 64 / PAGES_PER_UNIT;

        if (units == 0)
            return 0;
        give_back_word(c, c->cursor / 64);
        units = units > cost ? units - cost : 0;
    }
    c->cursor = 0;
    return units > 0 ? units : 1;
}
