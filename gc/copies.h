/*
 * copies.h - copied counts: what is left of the counts of a window's members as links among them are taken away.
 *
 * A byte a slot says it for nearly all. For the few that more links reach it is four bytes, in a table beside. Both
 * tables are reserved once and cost the pages that are written; a page of bytes serves four pools. What they say of slots
 * that are no members means nothing. They are of no use once no window is open: they go back in steps, unless
 * they are few, so that small collections do not fault them in over and over.
 */
#pragma once
#include "heap/base/bits.h"
#include "heap/base/check.h"
#include "heap/heap_gc.h"

#define COPIES_KEEP_PAGES 64u            /* pages that stay between collections: the bytes of 262,144 slots */
#define COPIES_PAGE_SLOTS MEM_PAGE_BYTES /* slots whose bytes share a page */
#define COPIES_LARGE_PAGES 4u            /* pages of large counts beside it */
#define COPIES_LARGE UINT8_MAX           /* the byte of a large count */

struct copies {
    uint8_t *bytes;       /* by slot */
    uint32_t *large;      /* by slot, where the byte is COPIES_LARGE: that or more */
    uint64_t *pages;      /* bit n: page n of the bytes was written */
    uint64_t *large_pages;/* bit n: of the large counts beside page n, some was written */
    uint32_t page_count;  /* of bytes, and COPIES_LARGE_PAGES for each bit of large_pages */
    uint32_t cursor;      /* pages below have been given back; 0: not giving back */
};

bool copies_init(struct copies *c, struct mem *mem);
void copies_fini(struct copies *c, struct mem *mem);

/* Counts of slots that share a page with this one are about to be set. */
static inline void copies_begin(struct copies *c, slot_t slot)
{
    uint32_t page = slot / COPIES_PAGE_SLOTS;

    c->page_count += !bits_has(c->pages, page);
    bits_add(c->pages, page);
}

void copies_set_large(struct copies *c, slot_t slot, uint32_t count);
/* One less of a large count, of which something is left; what cannot be said in four bytes stays. */
void copies_subtract_large(struct copies *c, slot_t slot);

static inline void copies_set(struct copies *c, slot_t slot, uint32_t count)
{
    c->bytes[slot] = count < COPIES_LARGE ? (uint8_t)count : COPIES_LARGE;
    if (count >= COPIES_LARGE)
        copies_set_large(c, slot, count);
}

/* One less: is nothing left? There must be one: that a link from member to member is not counted cannot be. */
static inline bool copies_subtract(struct copies *c, slot_t slot)
{
    uint8_t left = c->bytes[slot];

    CHECK(left > 0);
    if (left < COPIES_LARGE)
        c->bytes[slot] = (uint8_t)(left - 1);
    else
        copies_subtract_large(c, slot);
    return left == 1;
}

/* Is anything left? */
static inline bool copies_left(const struct copies *c, slot_t slot)
{
    return c->bytes[slot] > 0;
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
