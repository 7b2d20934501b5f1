/* ledger.c - see ledger.h. */
#include "api/ledger.h"
#include "heap/base/check.h"
#include "heap/base/num.h"

struct ledger *ledger_create(struct mem *mem, uint64_t seed)
{
    struct ledger *l = mem_alloc(mem, sizeof *l);

    if (l == NULL)
        return NULL;
    *l = (struct ledger){.mem = mem, .seed = seed, .by_name = map_create(mem, seed)};
    if (l->by_name != NULL && lane_open(&l->rows, mem, LEDGER_ROWS_MAX, sizeof(struct ledger_row)))
        return l;
    while (l != NULL)
        (void)ledger_end(&l, SIZE_MAX); /* nothing to speak of */
    return NULL;
}

struct ledger_row *ledger_at(const struct ledger *l, uint32_t i)
{
    CHECK(i < l->count);
    return (struct ledger_row *)(void *)l->rows.base + i;
}

static uint32_t hash_of(const struct ledger *l, const struct ledger_row *key)
{
    uint64_t hash = hash_u64(hash_bytes(l->seed, key->name.data, key->name.len), (uint64_t)key->what << 32 | key->id);

    return (uint32_t)hash_bytes(hash, key->part.data, key->part.len);
}

static struct ledger_row *find(const struct ledger *l, const struct ledger_row *key, uint32_t hash)
{
    for (uint32_t e = map_find(l->by_name, hash); e != MAP_NONE; e = map_next(l->by_name, e)) {
        struct ledger_row *row = ledger_at(l, map_value(l->by_name, e));

        if (row->what == key->what && row->id == key->id && slice_eq(row->name, key->name) && slice_eq(row->part, key->part))
            return row;
    }
    return NULL;
}

struct ledger_row *ledger_find(const struct ledger *l, const struct ledger_row *key)
{
    return find(l, key, hash_of(l, key));
}

struct ledger_row *ledger_row(struct ledger *l, const struct ledger_row *key)
{
    uint32_t hash = hash_of(l, key);
    struct ledger_row *row = find(l, key, hash);

    if (row != NULL)
        return row;
    if (l->count == LEDGER_ROWS_MAX || !lane_need(&l->rows, ((size_t)l->count + 1) * sizeof *row) ||
        !map_add(l->by_name, hash, l->count))
        return NULL;
    l->count++;
    row = ledger_at(l, l->count - 1);
    *row = (struct ledger_row){.what = key->what, .id = key->id, .name = key->name, .part = key->part};
    return row;
}

size_t ledger_end(struct ledger **at, size_t units)
{
    struct ledger *l = *at;

    l->count = 0;
    units = map_destroy_step(&l->by_name, units);
    if (units == 0 || (units = lane_close(&l->rows, units)) == 0)
        return 0;
    *at = NULL;
    mem_free(l->mem, l, sizeof *l);
    return units;
}
