/* cells.h - pools without a heap, for tests: cells that know what they must say. */
#pragma once
#include "heap/pool.h"
#include "tests/unit/world.h"

struct cells {
    struct mem mem;
    struct pools pools;
};

static inline struct cells *cells_new(void)
{
    struct cells *c = malloc(sizeof *c);

    mem_init(&c->mem, 0);
    ck_assert_int_eq(pools_init(&c->pools, &c->mem), ERR_OK);
    pools_set_pack(&c->pools, 25);
    return c;
}

static inline void cells_free(struct cells *c)
{
    ck_assert_uint_eq(pools_validate(&c->pools), 0);
    pools_fini(&c->pools);
    mem_fini(&c->mem);
    free(c);
}

/* Whatever is free goes back at once; returns how many bytes. */
static inline size_t purge_all(struct cells *c)
{
    size_t before = c->mem.used_bytes;

    c->pools.purge_all_due = true;
    while (pools_purge(&c->pools, 100) == 0)
        ;
    c->pools.purge_all_due = false;
    return before - c->mem.used_bytes;
}

static inline slot_t data_cell(struct cells *c, uint32_t words)
{
    slot_t slot = pool_alloc(&c->pools, POOL_DATA, words);

    MUST(slot != 0);
    return slot;
}

/* Every word of a cell says whose it is. */
static inline void sign(struct cells *c, slot_t slot)
{
    for (uint32_t i = 0; i < pool_words(&c->pools, slot); i++)
        pool_cell(&c->pools, slot)[i] = slot ^ i;
}

static inline void check_sign(struct cells *c, slot_t slot)
{
    for (uint32_t i = 0; i < pool_words(&c->pools, slot); i++)
        MUST(pool_cell(&c->pools, slot)[i] == (slot ^ i));
}

/* Whatever is sparse is packed at once, in steps of a pool. */
static inline void pack_all(struct cells *c)
{
    c->pools.pack_all_due = true;
    while (pools_pack(&c->pools, 1) == 0)
        MUST(pools_validate(&c->pools) == 0);
    c->pools.pack_all_due = false;
}
