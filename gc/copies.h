/*
 * copies.h - copied counts: what is left of the counts of a window's members (heap/window.h).
 *
 * A byte says it for nearly all. For the few that more links reach it is four bytes, by slot, in a table beside. Both
 * tables are reserved once and cost the pages that are written; a page of bytes serves four pools. They are of no use once no
 * window is open: they go back in steps, unless they are few, so that small collections do not fault them in over and
 * over.
 */
#pragma once
#include "heap/base/bits.h"
#include "heap/base/check.h"
#include "heap/heap_gc.h"

#define COPIES_KEEP_PAGES 64u /* pages that stay between collections: the bytes of 262,144 slots */
#define COPIES_PAGE_SLOTS MEM_PAGE_BYTES /* slots whose bytes share a page */
#define COPIES_LARGE_PAGES 4u /* pages of large counts beside it */

struct copies {
    uint8_t *bytes;       /* the heap's window table */
    uint32_t *large;      /* by slot */
    uint64_t *pages;      /* bit n: page n of the bytes was written */
    uint64_t *large_pages;/* bit n: of the 16 KiB of large counts beside page n, some was written */
    uint32_t page_count;  /* written, of bytes; and COPIES_LARGE_PAGES for each bit of large_pages */
    uint32_t cursor;      /* pages below have been given back; 0: not giving back */
};

bool copies_init(struct copies *c, uint8_t *bytes, struct mem *mem);
void copies_fini(struct copies *c, struct mem *mem);

/* The byte of `slot` is about to be written. */
static inline void copies_note_page(struct copies *c, slot_t slot)
{
    uint32_t page = slot / COPIES_PAGE_SLOTS;

    c->page_count += !bits_has(c->pages, page);
    bits_add(c->pages, page);
}

static inline void copies_set(struct copies *c, slot_t slot, uint32_t count)
{
    uint32_t page = slot / COPIES_PAGE_SLOTS;

    c->page_count += bits_has(c->large_pages, page) ? 0 : COPIES_LARGE_PAGES;
    bits_add(c->large_pages, page);
    c->large[slot] = count;
}

/* One less; returns what is left. More than four bytes can say: never 0. */
static inline uint32_t copies_subtract(struct copies *c, slot_t slot)
{
    CHECK(c->large[slot] > 0);
    return c->large[slot] == UINT32_MAX ? UINT32_MAX : --c->large[slot];
}

static inline size_t copies_bytes(const struct copies *c)
{
    return (size_t)c->page_count * MEM_PAGE_BYTES;
}

/* No window is open: are there pages to give back? */
static inline bool copies_are_many(const struct copies *c)
{
    return c->cursor > 0 || c->page_count > COPIES_KEEP_PAGES;
}

/* Give some back; returns the units left, 0: there is more. A window may open between two calls. */
size_t copies_give_back(struct copies *c, uint32_t pool_end, size_t units);
