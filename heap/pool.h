/*
 * pool.h - cells: where every object and every small piece of storage lies.
 *
 * Owns:      arenas (4 MiB, from the system) > pools (1,024 cells of one size) > cells.
 * Knows not: what a cell contains.
 *
 * A pool has exactly 1,024 cells, so a cell of n words makes a pool of n pages and no byte is lost, and the
 * number of a cell, its *slot*, is pool number * 1,024 + place: eight bytes of table for 1,024 cells say
 * where a slot lies, and no object needs an entry of its own. Pool headers, the bits that say which cells are
 * used and the sets of free pages lie apart from the cells: looking for a free cell, or walking the used ones,
 * never touches (or keeps) the memory they describe, and giving a cell back touches no other cell.
 *
 * Why not the other layouts measured (10 M records of two links and an integer, bytes an object, everything
 * counted): a table of 8-byte pointers beside 40-byte cells takes 48.6; the same entry beside a 16-byte cell
 * 24.3, and its table never shrinks; 64-bit values in this layout 32.1; this one 20.2. Price: a link costs
 * one more shift and a table look-up that stays in the cache, about 20 ns for a random target.
 *
 * Free cells are taken 64 at a time by a cursor that goes round the pool, so a freed cell is not used again
 * before the cursor has passed all the others, and the turns of a slot, which make ids unique (slot.h), wear
 * evenly. New cells come from the fullest pool that has one, so that sparse pools can run empty. A pool whose
 * cells are all free gives its pages back to its arena, where they stay, dirty, until they are used again or
 * purged: giving them to the system costs a hundred times what the last pool_free() does. New pools take the
 * shortest run of pages that is known to be long enough, found by lists of arenas by their longest run, so
 * that a pool is made in the same time however many arenas there are, and the emptiest run empty.
 *
 * A pool with few used cells can be *packed* (pack.c): its cells move together, in the order of their places, into
 * a few cells of a third kind of pool (or a row of pages), and its pages go back. Slots, ids and links stay as
 * they are; a cell is found by how many used ones came before it, which costs one cache miss more (a random one of
 * 400,000 97 ns instead of 53; one after the other 14 instead of 21, since they lie closer). Nothing moves but by
 * pools_pack(), which is called between operations. A packed pool gives out no cells; when it runs empty it goes
 * like any other.
 *
 * Always true, and checked by pools_validate():
 *   1. used bits of a pool = its count of cells handed out; a number that is no pool has none, and no memory.
 *   2. pages in pools + free pages = pages of the arenas; a page is in one pool or free.
 *   3. each pool with a free cell is in the list for its fullness, or is its class's current pool.
 *   4. cells that a class has at hand are free ones of its current pool.
 *   5. each arena is in the list for its longest run of free pages.
 *   6. each used cell of a packed pool has its storage, each storage cell has one owner.
 */
#pragma once
#include "heap/base/bits.h"
#include "heap/base/check.h"
#include "heap/base/err.h"
#include "heap/base/mem.h"
#include "heap/id.h"

#define POOL_CELLS 1024u
#define POOL_SHIFT 10
#define POOL_WORDS (POOL_CELLS / 64) /* of used bits */
#define POOLS_MAX (1u << (SLOT_BITS - POOL_SHIFT))
#define CELL_WORDS_MAX 136u /* the largest cell: 544 bytes */
#define ARENA_BYTES (4u << 20)
#define ARENA_PAGES (ARENA_BYTES / MEM_PAGE_BYTES)
#define ARENAS_MAX (1u << 16)
#define RUN_CLASSES (CELL_WORDS_MAX + 2) /* longest run: 0 to CELL_WORDS_MAX pages or more; the whole arena */
#define FULLNESS_LEVELS 16
#define LEVEL_CELLS (POOL_CELLS / FULLNESS_LEVELS)

/* Objects and data are apart so that an id can be told from a number that never was one. */
enum pool_kind {
    POOL_OBJECTS,
    POOL_DATA,
    POOL_PACKED, /* what packed pools keep their cells in: never packed itself */
    POOL_KINDS
};

/* The list of its class a pool is in. */
enum pool_level {
    LEVEL_PACKED = FULLNESS_LEVELS, /* below: partly used, by used / LEVEL_CELLS */
    LEVEL_LOOSE,                    /* packed, and more than half of its cells have died since */
    LEVELS,
    LEVEL_NONE = LEVELS             /* full, current, or never to be used again */
};

struct pool {
    uint16_t used;       /* cells handed out */
    uint16_t retired;    /* of them those that will never be handed out again */
    uint16_t turn_max;   /* highest turn any of its cells has left behind (slot.c) */
    uint16_t words;      /* of a cell; 0: this number is no pool now */
    uint16_t first_page; /* where its cells lie, or the row they are packed in */
    uint16_t arena;
    uint8_t kind;
    uint8_t level;       /* enum pool_level */
    uint8_t level_mask;  /* LEVEL_CELLS - 1; packed: 0, so that every pool_free() takes the slow way */
    uint8_t cursor;      /* the word of used bits where the next free cells are looked for */
    uint32_t prev, next; /* in that list, or next free number */
};

struct arena {
    char *base;                             /* NULL: not mapped */
    uint32_t prev, next;                    /* in the list for run_max, or next number not mapped */
    uint32_t dirty_prev, dirty_next;        /* in the queue of those with dirty pages */
    uint64_t dirty_ms;                      /* when the last of them came, as far as the queue knows */
    uint64_t waits_from_ms;                 /* when the first did */
    uint16_t free_pages;
    uint16_t dirty_pages;                   /* free and charged: touched since the system gave them */
    uint16_t run_max;                       /* the longest run of free pages */
    uint64_t free[ARENA_PAGES / 64];        /* bit set: free */
    uint64_t dirty[ARENA_PAGES / 64];
};

struct pool_class {
    uint64_t at_hand;                       /* free cells the next ones are taken from, as bits ... */
    slot_t at_hand_first;                   /* ... and the slot of bit 0 */
    uint32_t current;                       /* pool that new cells come from; 0: none */
    uint64_t used;                          /* cells, and pools, packed ones too */
    uint64_t packed_used;
    uint32_t pools;
    uint32_t packed;
    uint32_t list[LEVELS];                  /* first pool */
    uint32_t length[LEVELS];
};

struct pools {
    struct mem *mem;
    uint64_t *table;       /* by pool number: address, or slot of a struct packed, | flags | words; 0: no pool */
    uint64_t *used;        /* by slot, a bit: handed out (live, dead and not reaped, or retired) */
    uint8_t *bits_users;   /* by page of used bits: pools that have theirs there; 0: it is the system's */
    struct pool *pool;     /* by pool number */
    uint32_t *turn_base;   /* by pool number: added to the turns of its cells */
    struct arena *arena;   /* by number; 0 is none */
    uint32_t pool_end;     /* numbers below it have been used */
    uint32_t free_number;  /* first of the list of numbers given back; 0: none */
    uint32_t free_numbers; /* length of that list */
    uint32_t arena_end;
    uint32_t arena_free;   /* first of the list of arenas not mapped; 0: none */
    uint32_t arena_count;  /* mapped */
    uint32_t arena_by_run[RUN_CLASSES]; /* lists by the longest run */
    uint64_t run_classes[(RUN_CLASSES + 63) / 64]; /* bit set: that list is not empty */
    uint32_t dirty_first, dirty_last; /* queue of arenas with dirty pages, longest waiting first */
    uint64_t pool_pages;   /* in pools */
    uint64_t dirty_pages;  /* free, touched */
    size_t charged_tables; /* bytes of the tables on the account */
    uint64_t now_ms;       /* as told */
    uint64_t idle_ms;      /* since when there may be a current pool that is empty; UINT64_MAX: there is none */
    uint32_t idle_kind;    /* whose are let go next */
    uint32_t decay_ms;     /* how long memory waits to be used again before it goes back */
    bool purge_all_due;    /* it does not wait */
    uint32_t restore_end;  /* numbers below it are for pools that are put back, and those stay when they run empty */
    uint16_t *restore_turn; /* of these, what the cells got that nobody has had since */

    /* packing */
    uint32_t pack_levels;  /* pools on levels below this are sparse */
    uint32_t sparse;       /* pools that packing would take */
    uint32_t pack_class;   /* where the next is looked for */
    uint64_t waste_ms;     /* since when too much of the pools is free; UINT64_MAX: it is not */
    uint64_t pack_retry_ms; /* memory was refused: not again before */
    bool packing;          /* in the middle of it: until nothing is sparse */
    bool pack_all_due;
    uint64_t packed_pages; /* of the pool_pages: rows of packed pools */
    uint64_t packed_dead_bytes; /* storage of cells of packed pools that have died since */
    uint32_t numbers_reserve; /* with fewer left than this, packed pools are unpacked as cells are wanted */
    void (*make_free)(uint32_t *cell, uint32_t turn); /* an object's cell comes back by unpacking (slot.c) */

    struct pool_class class[POOL_KINDS][CELL_WORDS_MAX + 1];
};

#define POOL_TABLE_WORDS 0xffu
#define POOL_TABLE_OBJECTS 0x100u
#define POOL_TABLE_PACKED 0x200u
#define POOL_TABLE_SHIFT 12 /* of a struct packed's slot */

/* ERR_NOMEM: pools_fini() it all the same. */
enum err pools_init(struct pools *p, struct mem *mem);
void pools_fini(struct pools *p); /* whatever is in use goes too */

/* The size a cell for `words` words will have: records get exactly what they ask (from 3 to 34 words), data
 * the next of about four sizes an octave. */
uint32_t pool_data_words(uint32_t words);

/* A cell of `words` words; its contents are what its last user left (zero at first). 0 when memory is
 * refused. O(1). */
static inline slot_t pool_alloc(struct pools *p, enum pool_kind kind, uint32_t words);

/* Give a cell back; what it contains stays. The pool may be destroyed by it. O(1). */
static inline void pool_free(struct pools *p, slot_t slot);

/* The same for many cells of one pool at once: those whose bit is set. O(1), not O(cells). */
void pool_free_set(struct pools *p, uint32_t number, const uint64_t cells[POOL_WORDS]);

/* Let a cell be neither used nor free for as long as its pool lives (its turns have run out). */
void pool_retire(struct pools *p, slot_t slot);

/* Give memory that has been free for decay_ms back to the system, in pieces: returns the units left (about 30 ns
 * each), 0: there may be more. pools_purge_at_ms(): when the next is due; 0 now, UINT64_MAX nothing waits. */
size_t pools_purge(struct pools *p, size_t units);
uint64_t pools_purge_at_ms(const struct pools *p);

/* Pools with at most `used_pct` per cent of their cells in use are sparse, counted in sixteenths. */
void pools_set_pack(struct pools *p, uint32_t used_pct);
/* Pack sparse pools while there are any: begins when more than 10 % and 4 MiB of the pools have been free for
 * decay_ms. Returns the units left, 0: there may be more. Cells move: nobody has a pointer to one. */
size_t pools_pack(struct pools *p, size_t units);
uint64_t pools_pack_at_ms(const struct pools *p); /* like pools_purge_at_ms() */
void pools_tell_time(struct pools *p, uint64_t now_ms);

/* ---- put back as they were (restore.h) ----
 *
 * Between pools_restore_begin(), with nothing in use yet, and _end(), pools of objects come where they were: their numbers and
 * places are in ids. Numbers below `end` are for them; what else is made meanwhile has numbers above it. */
bool pools_restore_begin(struct pools *p, uint32_t end); /* false: memory is refused */
/* Pool n, empty, its cells with turn `turn` of a life that has turns from `turn_base` on. An earlier life of the number must
 * have run empty; there may have been none (words 0: there is none now either). ERR_BAD_VALUE, ERR_NOMEM. */
enum err pools_restore(struct pools *p, uint32_t n, uint32_t words, uint32_t turn_base, uint32_t turn);
/* The cell, which is free, is handed out. */
void pools_restore_cell(struct pools *p, slot_t slot);
/* Pools that are empty go, numbers that were not used are free. */
void pools_restore_end(struct pools *p);

uint64_t pools_free_bytes(const struct pools *p); /* free cells inside pools; O(size classes) */
uint64_t pools_packed_bytes(const struct pools *p); /* storage of packed pools: cells, and rows of pages; the same */
uint64_t pools_pack_index_bytes(const struct pools *p); /* of them, what is no cell: how cells are found */

/* Number of broken rules. O(pools + pages). */
size_t pools_validate(const struct pools *p);

ALWAYS_INLINE uint32_t pool_of(slot_t slot)
{
    return slot >> POOL_SHIFT;
}

ALWAYS_INLINE uint32_t pool_words(const struct pools *p, slot_t slot)
{
    return (uint32_t)(p->table[pool_of(slot)] & POOL_TABLE_WORDS);
}

ALWAYS_INLINE bool pool_is_packed(const struct pools *p, uint32_t number)
{
    return (p->table[number] & POOL_TABLE_PACKED) != 0;
}

uint32_t *pool_packed_cell(const struct pools *p, slot_t slot);

/* Where the cell lies; a free cell of a packed pool lies nowhere. No pointer survives pools_pack(). */
ALWAYS_INLINE uint32_t *pool_cell(const struct pools *p, slot_t slot)
{
    uint64_t entry = p->table[pool_of(slot)];

    if (__builtin_expect((entry & POOL_TABLE_PACKED) != 0, 0))
        return pool_packed_cell(p, slot);
    return (uint32_t *)(entry & ~(uint64_t)(MEM_PAGE_BYTES - 1)) +
           (size_t)(slot & (POOL_CELLS - 1)) * (entry & POOL_TABLE_WORDS);
}

/* The same for a cell of an object's pool that is not packed; NULL: of another, or of none. */
ALWAYS_INLINE uint32_t *pool_object_cell(const struct pools *p, slot_t slot)
{
    uint64_t entry = p->table[pool_of(slot)];

    if (__builtin_expect((entry & (POOL_TABLE_OBJECTS | POOL_TABLE_PACKED)) != POOL_TABLE_OBJECTS, 0))
        return NULL;
    return (uint32_t *)(entry & ~(uint64_t)(MEM_PAGE_BYTES - 1)) +
           (size_t)(slot & (POOL_CELLS - 1)) * (entry & POOL_TABLE_WORDS);
}

ALWAYS_INLINE bool pool_is_objects(const struct pools *p, uint32_t number)
{
    return number < POOLS_MAX && (p->table[number] & POOL_TABLE_OBJECTS) != 0;
}

/* Which cells of pool `number` are handed out (live, dead and not reaped, or retired), as bits: 64 of them, from
 * cell 64 * i. */
static inline uint64_t pool_used_word(const struct pools *p, uint32_t number, uint32_t i)
{
    return p->used[number * POOL_WORDS + i];
}

/* New cells of its size come from it: it stays when it runs empty. */
static inline bool pool_is_current(const struct pools *p, uint32_t number)
{
    return p->class[p->pool[number].kind][p->pool[number].words].current == number;
}

/* ---- the common case of taking and giving back a cell, inline ---- */

/* Find free cells for a class that has none at hand; false: memory is refused. */
bool pool_find_free(struct pools *p, enum pool_kind kind, uint32_t words);
/* The cell is free, and its pool has come to another level of fullness, has run empty, or is packed. */
void pool_freed(struct pools *p, slot_t slot);

ALWAYS_INLINE slot_t pool_alloc(struct pools *p, enum pool_kind kind, uint32_t words)
{
    CHECK(words >= 2 && words <= CELL_WORDS_MAX);

    struct pool_class *class = &p->class[kind][words];

    if (class->at_hand == 0 && !pool_find_free(p, kind, words))
        return 0;

    slot_t slot = class->at_hand_first + (uint32_t)__builtin_ctzll(class->at_hand);

    class->at_hand &= class->at_hand - 1;
    bits_add(p->used, slot);
    p->pool[pool_of(slot)].used++;
    class->used++;
    return slot;
}

ALWAYS_INLINE void pool_free(struct pools *p, slot_t slot)
{
    struct pool *pool = &p->pool[pool_of(slot)];

    CHECK(bits_has(p->used, slot) && pool->used > pool->retired);
    bits_remove(p->used, slot);
    pool->used--;
    p->class[pool->kind][pool->words].used--;
    if ((pool->used & pool->level_mask) == pool->level_mask || pool->used == pool->retired)
        pool_freed(p, slot);
}
