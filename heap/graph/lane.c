/* lane.c - see lane.h. */
#include "heap/graph/lane.h"
#include "heap/base/check.h"
#include "heap/base/proof.h"

#define PIECE_BYTES (64u << 10) /* the account is charged with so much at a time */
#define TRIM_BYTES (256u << 10) /* go back at a time, in 10 us */
#define TRIM_UNITS 256u

static size_t whole_pages(size_t bytes)
{
    return (bytes + MEM_PAGE_BYTES - 1) / MEM_PAGE_BYTES * MEM_PAGE_BYTES;
}

bool lane_open(struct lane *l, struct mem *mem, uint64_t count, size_t size)
{
    size_t bytes = whole_pages((size_t)(count > 0 ? count : 1) * size);
    void *base = mem_reserve(mem, bytes);

    if (base == NULL)
        return false;
    *l = (struct lane){.mem = mem, .base = base, .reserved = bytes};
    return true;
}

bool lane_charge(struct lane *l, size_t bytes)
{
    size_t to = (bytes + PIECE_BYTES - 1) / PIECE_BYTES * PIECE_BYTES;

    CHECK(bytes <= l->reserved);
    to = to < l->reserved ? to : l->reserved;
    if (to <= l->charged)
        return true;
    if (!mem_charge(l->mem, to - l->charged))
        return false;
    l->charged = to;
    return true;
}

void lane_fit(struct lane *l, size_t bytes)
{
    size_t keep = whole_pages(bytes);

    if (keep >= l->charged)
        return;
    mem_discard(l->base + keep, l->charged - keep);
    mem_uncharge(l->mem, l->charged - keep);
    l->charged = keep;
}

size_t lane_close(struct lane *l, size_t units)
{
    if (l->mem == NULL)
        return units;
    for (; units > 0 && l->gone < l->charged; units = units_less(units, TRIM_UNITS)) {
        size_t piece = l->charged - l->gone < TRIM_BYTES ? l->charged - l->gone : TRIM_BYTES;

        mem_discard(l->base + l->gone, piece);
        mem_uncharge(l->mem, piece);
        l->gone += piece;
    }
    if (units == 0)
        return 0;
    mem_unreserve(l->mem, l->base, l->reserved);
    *l = (struct lane){.mem = NULL};
    return units;
}
