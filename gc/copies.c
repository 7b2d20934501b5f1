/* copies.c - see copies.h. */
#include "gc/copies.h"

#define SLOTS ((size_t)POOLS_MAX * POOL_CELLS)
#define LARGE_BYTES (SLOTS * sizeof(uint32_t))
#define PAGES (SLOTS / COPIES_PAGE_SLOTS)
#define UNITS_PER_CALL 8  /* giving pages back costs a call to the system ... */
#define PAGES_PER_UNIT 2  /* ... and time for each page */

bool copies_init(struct copies *c, struct mem *mem)
{
    *c = (struct copies){.bytes = mem_reserve(mem, SLOTS),
                         .large = mem_reserve(mem, LARGE_BYTES),
                         .pages = mem_reserve(mem, PAGES / 8),
                         .large_pages = mem_reserve(mem, PAGES / 8)};
    return c->bytes != NULL && c->large != NULL && c->pages != NULL && c->large_pages != NULL;
}

void copies_fini(struct copies *c, struct mem *mem)
{
    mem_unreserve(mem, c->bytes, SLOTS);
    mem_unreserve(mem, c->large, LARGE_BYTES);
    mem_unreserve(mem, c->pages, PAGES / 8);
    mem_unreserve(mem, c->large_pages, PAGES / 8);
    *c = (struct copies){.cursor = 0};
}

void copies_set_large(struct copies *c, slot_t slot, uint32_t count)
{
    uint32_t page = slot / COPIES_PAGE_SLOTS;

    c->page_count += bits_has(c->large_pages, page) ? 0 : COPIES_LARGE_PAGES;
    bits_add(c->large_pages, page);
    c->large[slot] = count;
}

void copies_subtract_large(struct copies *c, slot_t slot)
{
    uint32_t left = c->large[slot];

    CHECK(left >= COPIES_LARGE);
    if (left == UINT32_MAX)
        return;
    c->large[slot] = --left;
    if (left < COPIES_LARGE)
        c->bytes[slot] = (uint8_t)left;
}

/* 64 pages of bytes at a time, and what lies beside them: the system is asked once for a run of pages. */
static size_t give_back_word(struct copies *c, uint32_t word)
{
    size_t first = (size_t)word * 64 * COPIES_PAGE_SLOTS, slots = 64 * COPIES_PAGE_SLOTS, cost = 1;
    uint32_t pages = (uint32_t)__builtin_popcountll(c->pages[word]);
    uint32_t large = (uint32_t)__builtin_popcountll(c->large_pages[word]) * COPIES_LARGE_PAGES;

    if (pages > 0) {
        mem_discard(&c->bytes[first], slots);
        cost += UNITS_PER_CALL + pages / PAGES_PER_UNIT;
    }
    if (large > 0) {
        mem_discard(&c->large[first], slots * sizeof *c->large);
        cost += UNITS_PER_CALL + large / PAGES_PER_UNIT;
    }
    c->page_count -= pages + large;
    c->pages[word] = c->large_pages[word] = 0;
    return cost;
}

size_t copies_give_back(struct copies *c, uint32_t pool_end, size_t units)
{
    uint32_t end = (uint32_t)(((size_t)pool_end * POOL_CELLS + COPIES_PAGE_SLOTS - 1) / COPIES_PAGE_SLOTS);

    for (; c->cursor < end; c->cursor += 64) {
        size_t cost;

        if (units == 0)
            return 0;
        cost = give_back_word(c, c->cursor / 64);
        units = units > cost ? units - cost : 0;
    }
    c->cursor = 0;
    return units > 0 ? units : 1;
}
