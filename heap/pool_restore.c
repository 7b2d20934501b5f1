/* pool_restore.c - pools put back as they were (pool.h). */
#include "heap/pool_impl.h"

bool pools_restore_begin(struct pools *p, uint32_t end)
{
    size_t bytes;

    CHECK(p->pool_end == 1 && end >= 1 && end <= POOLS_MAX);
    bytes = (end - 1) * NUMBER_BYTES;
    if ((p->restore_turn = mem_zalloc(p->mem, end * sizeof *p->restore_turn)) == NULL)
        return false;
    p->restore_end = end;
    if (!mem_charge(p->mem, bytes)) {
        pools_restore_forget(p);
        return false;
    }
    p->charged_tables += bytes;
    p->pool_end = end;
    return true;
}

void pools_restore_forget(struct pools *p)
{
    mem_free(p->mem, p->restore_turn, p->restore_end * sizeof *p->restore_turn);
    p->restore_turn = NULL;
    p->restore_end = 0;
}

static void set_turns(struct pools *p, uint32_t n, uint32_t turn)
{
    p->pool[n].turn_max = p->restore_turn[n] = (uint16_t)turn;
    for (uint32_t place = 0; place < POOL_CELLS && turn > 0; place++)
        p->make_free(pool_cell(p, n << POOL_SHIFT | place), turn);
}

static bool may_be_restored(const struct pools *p, uint32_t n, uint32_t words, uint32_t turn_base, uint32_t turn)
{
    return n > 0 && n < p->restore_end && (words == 0 || (words >= 2 && words <= CELL_WORDS_MAX)) && turn <= UINT16_MAX &&
           turn_base >= p->turn_base[n] && turn_base <= TURN_MAX && p->pool[n].used == p->pool[n].retired;
}

/* The same pool, in the same life: said twice. */
static bool is_there(const struct pools *p, uint32_t n, uint32_t words, uint32_t turn_base)
{
    return n > 0 && n < p->restore_end && words != 0 && p->pool[n].words == words && pool_is_objects(p, n) &&
           p->turn_base[n] == turn_base;
}

enum err pools_restore(struct pools *p, uint32_t n, uint32_t words, uint32_t turn_base, uint32_t turn)
{
    if (is_there(p, n, words, turn_base))
        return ERR_OK;
    if (!may_be_restored(p, n, words, turn_base, turn))
        return ERR_BAD_VALUE;
    if (p->pool[n].words != 0)
        end_pool(p, n);
    p->turn_base[n] = turn_base;
    if (words == 0)
        return ERR_OK;
    if (!begin_pool(p, n, POOL_OBJECTS, words))
        return ERR_NOMEM;
    p->class[POOL_OBJECTS][words].pools++;
    set_turns(p, n, turn);
    list_update(p, n);
    return ERR_OK;
}

void pools_restore_cell(struct pools *p, slot_t slot)
{
    struct pool *pool = &p->pool[pool_of(slot)];

    CHECK(!bits_has(p->used, slot));
    bits_add(p->used, slot);
    pool->used++;
    class_of(p, pool)->used++;
    list_update(p, pool_of(slot));
}

void pools_restore_end(struct pools *p)
{
    uint32_t end = p->restore_end;

    pools_restore_forget(p);
    for (uint32_t n = end; n-- > 1;) { /* the lowest is offered last, and taken first */
        if (p->pool[n].words != 0 && p->pool[n].used == p->pool[n].retired)
            end_pool(p, n);
        if (p->pool[n].words == 0)
            offer_number(p, n);
    }
}
