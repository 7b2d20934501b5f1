/*
 * pool.h - cells: where every object and every small piece of storage lies.
 *
 * Owns:      arenas (4 MiB, from the system) > pools (1,024 cells of one size) > cells.
 * Knows not: what a cell contains; of a free one it uses the first two bytes.
 *
 * A pool has exactly 1,024 cells, so a cell of n words makes a pool of n pages and no byte is lost, and the
 * number of a cell, its *slot*, is pool number * 1,024 + place: eight bytes of table for 1,024 cells say
 * where a slot lies, and no object needs an entry of its own. Pool headers and the sets of free pages lie
 * apart from the cells, so that looking at them never touches (or keeps) the memory they describe.
 *
 * Why not the other layouts measured (10 M records of two links and an integer, bytes an object, everything
 * counted): a table of 8-byte pointers beside 40-byte cells takes 48.6; the same entry beside a 16-byte cell
 * 24.3, and its table never shrinks; 64-bit values in this layout 32.1; this one 20.2. Price: a link costs
 * one more shift and a table look-up that stays in the cache, about 20 ns for a random target.
 *
 * A freed cell is used again last (first in, first out), so that the turns of a slot, which make ids
 * unique (slot.h), wear evenly. A pool whose cells are all free gives its pages back to its arena; an arena
 * whose pages are all free goes back to the system. New cells come from the fullest pool that has one, so
 * that sparse pools can run empty.
 *
 * Always true, and checked by pools_validate():
 *   1. cells handed out + free cells = 1,024, for each pool.
 *   2. pages in pools + free pages = pages of the arenas; a page is in one pool or free.
 *   3. each pool with a free cell is in the list for its fullness, or is its class's current pool.
 */
#pragma once
#include "heap/base/check.h"
#include "heap/base/err.h"
#include "heap/base/mem.h"
#include "heap/id.h"

#define POOL_CELLS 1024u
#define POOL_SHIFT 10
#define POOLS_MAX (1u << (SLOT_BITS - POOL_SHIFT))
#define CELL_WORDS_MAX 136u /* the largest cell: 544 bytes */
#define ARENA_BYTES (4u << 20)
#define ARENA_PAGES (ARENA_BYTES / MEM_PAGE_BYTES)
#define ARENAS_MAX (1u << 16)
#define FULLNESS_LEVELS 8

/* Two kinds of pool, so that an id can be told from a number that never was one. */
enum pool_kind { POOL_OBJECTS, POOL_DATA, POOL_KINDS };

struct pool {
    uint16_t used;      /* cells handed out */
    uint16_t carved;    /* cells ever handed out: those above were never touched */
    uint16_t free_head; /* places, POOL_CELLS: none; threaded through the cells' first bytes */
    uint16_t free_tail;
    uint16_t words;     /* of a cell; 0: this number is no pool now */
    uint16_t first_page;
    uint16_t arena;
    uint8_t kind;
    uint8_t level;      /* list it is in: FULLNESS_LEVELS for none */
    uint32_t prev, next; /* in that list, or next free number */
    uint16_t turn_max;  /* highest turn any of its cells has left behind (slot.c) */
    uint16_t retired;   /* cells that will never be handed out again; counted in used */
};

struct arena {
    char *base;                             /* NULL: not mapped */
    uint32_t free_pages;
    uint32_t dirty_pages;                   /* free and charged: touched since the system gave them */
    uint32_t run_max;                       /* no free run is longer than this */
    uint64_t free[ARENA_PAGES / 64];        /* bit set: free */
    uint64_t dirty[ARENA_PAGES / 64];
};

struct pool_class {
    uint32_t current;                       /* pool that new cells come from; 0: none */
    uint32_t partial[FULLNESS_LEVELS];      /* pools with a free cell, by used * 8 / 1,024 */
    uint32_t pools;
    uint64_t used;
};

struct pools {
    struct mem *mem;
    uint64_t *table;       /* by pool number: address | POOL_TABLE_OBJECTS | words; 0: no pool */
    struct pool *pool;     /* by pool number */
    uint32_t *turn_base;   /* by pool number: added to the turns of its cells */
    struct arena *arena;
    uint32_t pool_end;     /* numbers below it have been used */
    uint32_t free_number;  /* first of the list of numbers given back; 0: none */
    uint32_t arena_end;
    uint32_t arena_count;  /* mapped */
    uint32_t arena_hint;   /* no arena below has a free page */
    uint64_t pool_pages;   /* in pools */
    uint64_t dirty_pages;  /* free, touched */
    size_t charged_tables; /* bytes of the tables on the account */
    struct pool_class class[POOL_KINDS][CELL_WORDS_MAX + 1];
};

#define POOL_TABLE_WORDS 0xffu
#define POOL_TABLE_OBJECTS 0x100u

/* ERR_NOMEM: pools_fini() it all the same. */
enum err pools_init(struct pools *p, struct mem *mem);
void pools_fini(struct pools *p); /* whatever is in use goes too */

/* The size a cell for `words` words will have: records get exactly what they ask (from 3 to 34 words), data
 * the next of about four sizes an octave. */
uint32_t pool_data_words(uint32_t words);

/* A cell of `words` words; its contents are what its last user left (zero at first). 0 when memory is
 * refused. O(1). */
slot_t pool_alloc(struct pools *p, enum pool_kind kind, uint32_t words);

/* Give a cell back. Its first two bytes become the free list's; the rest stays. */
void pool_free(struct pools *p, slot_t slot);

/* Let a cell be neither used nor free for as long as its pool lives (its turns have run out). */
void pool_retire(struct pools *p, slot_t slot);

/* Give free pages back to the system; returns bytes. */
uint64_t pools_purge(struct pools *p);

uint64_t pools_free_bytes(const struct pools *p); /* free cells inside pools; O(size classes) */

/* Number of broken rules. O(pools + pages). */
size_t pools_validate(const struct pools *p);

static inline uint32_t pool_of(slot_t slot)
{
    return slot >> POOL_SHIFT;
}

static inline uint32_t pool_words(const struct pools *p, slot_t slot)
{
    return (uint32_t)(p->table[pool_of(slot)] & POOL_TABLE_WORDS);
}

/* Where the cell lies. No pointer survives a change of the heap's pools. */
static inline uint32_t *pool_cell(const struct pools *p, slot_t slot)
{
    uint64_t entry = p->table[pool_of(slot)];

    return (uint32_t *)(entry & ~(uint64_t)(MEM_PAGE_BYTES - 1)) +
           (size_t)(slot & (POOL_CELLS - 1)) * (entry & POOL_TABLE_WORDS);
}

static inline bool pool_is_objects(const struct pools *p, uint32_t number)
{
    return number < POOLS_MAX && (p->table[number] & POOL_TABLE_OBJECTS) != 0;
}
