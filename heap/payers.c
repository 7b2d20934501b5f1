/*
 * payers.c - see payers.h.
 *
 * Who pays for a slot stands in a table by slot, 0 for nobody: a page of it for each pool of 1,024 cells. It is reserved
 * once; a page is charged when something in its pool is first paid for, and stays.
 */
#include "heap/payers.h"
#include "heap/base/bits.h"
#include "heap/heap_impl.h"
#include "heap/intern.h"

#define TABLE_BYTES ((size_t)POOLS_MAX * POOL_CELLS * sizeof(uint32_t))
#define PAGES_BYTES (POOLS_MAX / 8)

_Static_assert(POOL_CELLS * sizeof(uint32_t) == MEM_PAGE_BYTES, "a page of the table for each pool");

struct payers {
    struct heap *heap;
    struct heap_watch watch;
    pay_fn *pay;
    void *ctx;
    uint32_t *of;      /* by slot: one more than the number of who pays; 0: nobody */
    uint64_t *pages;   /* bit n: the page of pool n was written */
    size_t page_count;
    uint32_t turn;     /* whose turn it is, in the same form */
};

static void assign(struct payers *p, slot_t slot, uint64_t bytes)
{
    if (!bits_has(p->pages, pool_of(slot))) {
        bits_add(p->pages, pool_of(slot));
        p->page_count++;
        mem_charge_spent(p->heap->mem, MEM_PAGE_BYTES);
    }
    CHECK(p->of[slot] == 0);
    p->of[slot] = p->turn;
    p->pay(p->ctx, p->turn - 1, (int64_t)bytes);
}

static void acquit(struct payers *p, slot_t slot, uint64_t bytes)
{
    uint32_t payer = p->of[slot];

    if (payer == 0)
        return;
    p->of[slot] = 0;
    p->pay(p->ctx, payer - 1, -(int64_t)bytes);
}

/* ---- what the heap tells ---- */

static void on_born(void *ctx, slot_t slot, enum object_kind kind)
{
    struct payers *p = ctx;

    (void)kind;
    assign(p, slot, heap_bytes_of(p->heap, slot));
}

static void on_dying(void *ctx, slot_t slot)
{
    struct payers *p = ctx;

    acquit(p, slot, heap_bytes_of(p->heap, slot));
}

static void on_condemned(void *ctx, uint32_t pool, const uint64_t cells[POOL_WORDS])
{
    for (uint32_t i = 0; i < POOL_WORDS; i++)
        for (uint64_t mask = cells[i]; mask != 0; mask &= mask - 1)
            on_dying(ctx, (pool << POOL_SHIFT) + i * 64 + (slot_t)__builtin_ctzll(mask));
}

void payers_resized(struct payers *p, slot_t object, int64_t bytes)
{
    if (p->of[object] != 0) /* else it is not born yet, or nobody's */
        p->pay(p->ctx, p->of[object] - 1, bytes);
}

void payers_string(struct payers *p, slot_t string, uint64_t bytes, bool born)
{
    (born ? assign : acquit)(p, string, bytes);
}

/* ---- life ---- */

static void destroy(struct payers *p)
{
    struct mem *mem = p->heap->mem;

    mem_uncharge(mem, p->page_count * MEM_PAGE_BYTES);
    mem_unreserve(mem, p->of, TABLE_BYTES);
    mem_unreserve(mem, p->pages, PAGES_BYTES);
    mem_free(mem, p, sizeof *p);
}

struct payers *payers_begin(struct heap *h, pay_fn *pay, void *ctx)
{
    struct payers *p = mem_zalloc(h->mem, sizeof *p);

    if (p == NULL)
        return NULL;
    *p = (struct payers){.heap = h, .pay = pay, .ctx = ctx, .turn = 1};
    p->watch = (struct heap_watch){.ctx = p, .born = on_born, .dying = on_dying, .condemned = on_condemned};
    p->of = mem_reserve(h->mem, TABLE_BYTES);
    p->pages = mem_reserve(h->mem, PAGES_BYTES);
    if (p->of == NULL || p->pages == NULL) {
        destroy(p);
        return NULL;
    }
    heap_add_watch(h, &p->watch);
    h->payers = p;
    return p;
}

void payers_end(struct payers **at)
{
    struct payers *p = *at;

    *at = NULL;
    if (p == NULL)
        return;
    heap_remove_watch(p->heap, &p->watch);
    p->heap->payers = NULL;
    destroy(p);
}

void payers_turn(struct payers *p, uint32_t payer)
{
    CHECK(payer < UINT32_MAX);
    p->turn = payer + 1;
}

uint64_t payers_bytes(const struct payers *p)
{
    return sizeof *p + p->page_count * MEM_PAGE_BYTES;
}

static uint64_t bytes_at(const struct heap *h, slot_t slot)
{
    return pool_is_objects(&h->pools, pool_of(slot)) ? heap_bytes_of(h, slot) : string_bytes(h, slot);
}

uint64_t payers_recount(const struct payers *p)
{
    const struct pools *pools = &p->heap->pools;
    slot_t end = pools->pool_end << POOL_SHIFT;
    uint64_t sum = 0;

    for (slot_t slot = 0; (slot = bits_next(pools->used, slot, end)) < end; slot++)
        if (p->of[slot] != 0)
            sum += bytes_at(p->heap, slot);
    return sum;
}
