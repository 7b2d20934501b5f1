/* journal.c - see journal.h. */
#include "heap/journal.h"
#include "heap/heap_impl.h"
#include "heap/slot.h"

#define SINCE_MAX 64u
#define TOLD_BYTES ((size_t)POOLS_MAX * sizeof(uint32_t))

struct journal {
    const struct heap_journal *to;
    struct slotset dead; /* and not told */
    uint32_t *told;      /* by pool: 1 + the base of the turns of its life that was told; 0: none was */
    size_t charged;      /* bytes of the two on the account */
    bool undoing;        /* what dies now was never told to live */
    uint32_t since_count; /* pools that were told since undo_begin(): these, or more */
    uint32_t since[SINCE_MAX];
};

/* ---- life ---- */

static void destroy(struct heap *h)
{
    struct journal *j = h->journal;

    h->journal = NULL;
    mem_uncharge(h->mem, j->charged);
    slotset_fini(&j->dead, h->mem);
    mem_unreserve(h->mem, j->told, TOLD_BYTES);
    mem_free(h->mem, j, sizeof *j);
}

static enum err create(struct heap *h)
{
    struct journal *j = mem_zalloc(h->mem, sizeof *j);

    if (j == NULL)
        return ERR_NOMEM;
    h->journal = j;
    j->told = mem_reserve(h->mem, TOLD_BYTES);
    if (slotset_init(&j->dead, h->mem) && j->told != NULL)
        return ERR_OK;
    destroy(h);
    return ERR_NOMEM;
}

/* What lives in a pool now is known to whoever will be told what follows. */
static void take_pools_as_told(struct heap *h)
{
    for (uint32_t n = 1; n < h->pools.pool_end; n++)
        if (pool_is_objects(&h->pools, n))
            h->journal->told[n] = h->pools.turn_base[n] + 1;
}

enum err heap_set_journal(struct heap *h, const struct heap_journal *to)
{
    enum err e;

    if (to == NULL) {
        journal_fini(h);
        return ERR_OK;
    }
    if (h->journal == NULL && (e = create(h)) != ERR_OK)
        return e;
    h->journal->to = to;
    take_pools_as_told(h);
    return ERR_OK;
}

void journal_fini(struct heap *h)
{
    if (h->journal != NULL)
        destroy(h);
}

uint64_t journal_bytes(const struct heap *h)
{
    return h->journal == NULL ? 0 : sizeof *h->journal + h->journal->charged;
}

/* What the tables cost is spent: it is not asked for. */
static void charge(struct heap *h)
{
    struct journal *j = h->journal;
    size_t bytes = slotset_bytes(&j->dead) + h->pools.pool_end * sizeof *j->told;

    if (bytes == j->charged)
        return;
    mem_uncharge(h->mem, j->charged);
    mem_charge_spent(h->mem, bytes);
    j->charged = bytes;
}

/* ---- changes ---- */

enum err journal_tell(struct journal *j, const struct change *c, size_t *ret_mark, struct why *why)
{
    if (ret_mark != NULL)
        *ret_mark = j->to->mark(j->to->ctx);
    return j->to->note(j->to->ctx, c, why);
}

void journal_take_back(struct journal *j, size_t mark)
{
    j->to->cut(j->to->ctx, mark);
}

/* ---- births ---- */

static bool is_told(const struct heap *h, uint32_t n)
{
    return h->journal->told[n] == h->pools.turn_base[n] + 1;
}

/* The pool of a newborn, unless this life of its number has been told. */
static enum err tell_pool(struct heap *h, uint32_t n, struct why *why)
{
    struct journal *j = h->journal;
    struct change c = {.kind = CHANGE_POOL, .pool = n, .cell_words = h->pools.pool[n].words, .turn_base = h->pools.turn_base[n]};
    enum err e;

    if (is_told(h, n))
        return ERR_OK;
    if ((e = journal_note(j, &c, NULL, why)) != ERR_OK)
        return e;
    j->told[n] = c.turn_base + 1;
    if (j->since_count < SINCE_MAX)
        j->since[j->since_count] = n;
    j->since_count++;
    return ERR_OK;
}

enum err journal_born(struct heap *h, slot_t slot, struct payload *payload, struct why *why)
{
    struct journal *j = h->journal;
    struct change c = {.kind = CHANGE_NEW, .id = heap_id(h, slot)};
    size_t mark;
    enum err e;

    /* who had the slot, or the pool, is told to be dead before the next is told to live there */
    if ((slotset_has(&j->dead, slot) || !is_told(h, pool_of(slot))) && (e = heap_settle_journal(h)) != ERR_OK)
        return why_set(why, e, "no memory to note deaths");
    if ((e = tell_pool(h, pool_of(slot), why)) != ERR_OK)
        return e;
    if ((e = journal_note(j, &c, &mark, why)) != ERR_OK || payload == NULL)
        return e;
    c.kind = CHANGE_BYTES;
    c.payload = payload;
    if ((e = journal_note(j, &c, NULL, why)) != ERR_OK)
        journal_cut(j, mark);
    return e;
}

/* ---- deaths ---- */

void journal_died(struct journal *j, slot_t slot)
{
    if (!j->undoing)
        slotset_add(&j->dead, slot);
}

void journal_condemned(struct heap *h, const uint64_t *members, const uint64_t *pools)
{
    struct journal *j = h->journal;
    uint32_t end = h->pools.pool_end;

    for (uint32_t n = 0; (n = bits_next(pools, n, end)) < end; n++)
        for (uint32_t i = 0; i < POOL_WORDS; i++)
            if (members[n * POOL_WORDS + i] != 0)
                slotset_add_group(&j->dead, (n * POOL_WORDS + i) * 64, members[n * POOL_WORDS + i]);
}

/* The next pool with deaths that were not told, from number n on; UINT32_MAX: none. */
static uint32_t next_pool(const struct slotset *dead, uint32_t n)
{
    while ((n = bits_next(dead->pools, n, dead->pool_end)) < dead->pool_end) {
        if (slotset_has_in_pool(dead, n))
            return n;
        n++;
    }
    return UINT32_MAX;
}

static void forget_dead(struct slotset *dead)
{
    for (uint32_t n = 0; dead->count > 0 && (n = next_pool(dead, n)) != UINT32_MAX; n++)
        slotset_clear_pool(dead, n);
    (void)slotset_trim(dead, SIZE_MAX);
}

bool heap_journal_is_settled(const struct heap *h)
{
    return h->journal == NULL || h->journal->dead.count == 0;
}

/* All or none: a part of those that died together would be told to be dead while the others still link to them. */
enum err heap_settle_journal(struct heap *h)
{
    struct journal *j = h->journal;
    size_t mark;

    if (j == NULL)
        return ERR_OK;
    charge(h);
    if (j->dead.count == 0)
        return ERR_OK;
    mark = j->to->mark(j->to->ctx);
    for (uint32_t n = 0; (n = next_pool(&j->dead, n)) != UINT32_MAX; n++) {
        struct change c = {.kind = CHANGE_DEAD, .pool = n, .cells = j->dead.bits[n]};
        enum err e = journal_note(j, &c, NULL, NULL);

        if (e == ERR_OK)
            continue;
        journal_cut(j, mark);
        return e;
    }
    forget_dead(&j->dead);
    return ERR_OK;
}

/* ---- what may be taken back ---- */

/* Deaths are told before it begins, and nothing dies before it ends: so what is told meanwhile may be cut off. */
enum err journal_begin_undo(struct heap *h, size_t *ret_mark)
{
    struct journal *j = h->journal;
    enum err e = heap_settle_journal(h);

    *ret_mark = 0;
    if (j == NULL || e != ERR_OK)
        return e;
    j->since_count = 0;
    *ret_mark = j->to->mark(j->to->ctx);
    return ERR_OK;
}

/* Pools that were told in what is cut off are told again. */
static void untell(struct journal *j)
{
    if (j->since_count > SINCE_MAX) {
        memset(j->told, 0, TOLD_BYTES);
        return;
    }
    for (uint32_t i = 0; i < j->since_count; i++)
        j->told[j->since[i]] = 0;
}

void journal_begin_rollback(struct heap *h, size_t mark)
{
    if (h->journal == NULL)
        return;
    journal_take_back(h->journal, mark);
    untell(h->journal);
    h->journal->undoing = true;
}

void journal_end_rollback(struct heap *h)
{
    if (h->journal != NULL)
        h->journal->undoing = false;
}
