/*
 * reach_memory.c - the tables of a walk (reach.h): on the account at once, in memory, and back with the system, in pieces.
 */
#include "heap/graph/reach_impl.h"
#include "heap/heap_impl.h"

size_t reach_table_bytes(const struct reach *r)
{
    return (size_t)r->end * sizeof *r->from;
}

static struct slotset *set_at(struct reach *r, uint32_t i)
{
    return i < LEVELS_OF_A_WALK ? &r->level[i].rest : &r->noted;
}

enum { SETS = LEVELS_OF_A_WALK + 1 };

static size_t reach_bytes(const struct reach *r)
{
    return sizeof *r + r->holders_max * sizeof r->holder[0];
}

/* It is too much to go beyond the cap for: what there is beyond it is for those who let go (mem_reach()). */
static bool charge_tables(struct reach *r)
{
    struct mem *mem = r->heap->mem;
    size_t reach = mem_reach(mem, 0), bytes = reach_table_bytes(r) + SETS * (size_t)r->end / 8;

    if (mem_charge(mem, bytes))
        r->charged_bytes = bytes;
    mem_reach(mem, reach);
    return r->charged_bytes > 0;
}

bool reach_open_tables(struct reach *r)
{
    if (!charge_tables(r))
        return false;
    r->from = mem_reserve(r->heap->mem, reach_table_bytes(r));
    for (uint32_t i = 0; i < SETS; i++)
        if (r->from == NULL || !slotset_init(set_at(r, i), r->heap->mem))
            return false;
    return true;
}

void reach_close(struct reach *r)
{
    struct mem *mem = r->heap->mem;

    for (uint32_t i = 0; i < SETS; i++)
        if (set_at(r, i)->bits != NULL)
            slotset_fini(set_at(r, i), mem);
    if (r->from != NULL)
        mem_unreserve(mem, r->from, reach_table_bytes(r));
    mem_uncharge(mem, r->charged_bytes);
    r->magic = 0;
    mem_free(mem, r, reach_bytes(r));
}

/* The memory of tables comes, and goes back, in pieces: for ten million slots that takes milliseconds. `count` of them: that
 * of slots, and sets. */
static size_t step_pieces(struct reach *r, struct reach_place *at, uint32_t count, void (*step)(void *piece, size_t bytes),
                          size_t units)
{
    while (units > 0 && at->table < count) {
        char *table = at->table == 0 ? (void *)r->from : set_at(r, at->table - 1)->bits;
        size_t bytes = (at->table == 0 ? reach_table_bytes(r) : r->end / 8) - at->bytes;

        bytes = bytes < REACH_PIECE_BYTES ? bytes : REACH_PIECE_BYTES;
        if (bytes > 0)
            step(table + at->bytes, bytes);
        *at = bytes > 0 ? (struct reach_place){at->table, at->bytes + bytes} : (struct reach_place){at->table + 1, 0};
        units = units_less(units, 1 + bytes / REACH_BYTES_PER_UNIT);
    }
    return units;
}

size_t reach_fetch_tables(struct reach *r, size_t units)
{
    return step_pieces(r, &r->ready, 1 + LEVELS_OF_A_WALK, mem_populate, units);
}

size_t reach_trim_tables(struct reach *r, size_t units)
{
    return step_pieces(r, &r->trimmed, 1 + SETS, mem_discard, units);
}
