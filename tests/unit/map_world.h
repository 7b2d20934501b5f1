/* map_world.h - one map, for tests: filled, emptied and refused memory. */
#pragma once
#include "heap/base/map.h"
#include "tests/unit/unit.h"

struct world {
    struct mem mem;
    struct map *map;
};

static inline void world_init(struct world *w)
{
    mem_init(&w->mem, 0);
    w->map = map_create(&w->mem, 12345);
    ck_assert_ptr_nonnull(w->map);
}

static inline void world_fini(struct world *w)
{
    ck_assert_uint_eq(map_validate(w->map), 0);
    ck_assert_uint_eq(map_bytes(w->map), w->mem.used_bytes);
    map_destroy(&w->map);
    ck_assert_ptr_null(w->map);
    mem_fini(&w->mem);
}

/* Keys 0 .. n-1, each with itself times 3 as its value. */
static inline void world_fill(struct world *w, uint32_t n)
{
    for (uint32_t key = 0; key < n; key++)
        MUST(map_add(w->map, key, key * 3));
}

static inline void world_shrink_to(struct world *w, uint32_t n)
{
    while (map_count(w->map) > n)
        map_remove(w->map, map_count(w->map) - 1);
}

/* Refuse all memory from the nth request on, counted from now. */
static inline void world_starve(struct world *w, uint64_t n)
{
    w->mem.fail_at = w->mem.request_count + n;
    w->mem.fail_on = true;
}

static inline void world_feed(struct world *w)
{
    w->mem.fail_at = 0;
}

static inline uint32_t count_of_key(const struct map *m, uint32_t key)
{
    uint32_t n = 0;

    for (uint32_t e = map_find(m, key); e != MAP_NONE; e = map_next(m, e)) {
        MUST(map_key(m, e) == key);
        n++;
    }
    return n;
}
