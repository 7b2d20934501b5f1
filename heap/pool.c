/*
 * pool.c - see pool.h. From the cells up: cells of a pool, pools of a class, pages of an arena, arenas.
 *
 * Memory is charged page by page as it is first used, so the account follows what the system really gave:
 * a page is charged when it enters a pool and stays so while it is free and dirty.
 */
#include "heap/pool.h"
#include "heap/base/bits.h"
#include <string.h>

#define NO_PLACE POOL_CELLS
#define NO_LEVEL FULLNESS_LEVELS

_Static_assert(sizeof(struct pool) == 28 || sizeof(struct pool) == 32, "a pool header stays small");

/* ---- the tables, charged as they are touched ---- */

enum err pools_init(struct pools *p, struct mem *mem)
{
    memset(p, 0, sizeof *p);
    p->mem = mem;
    p->pool_end = 1; /* pool 0 would make slot 0 a slot */
    p->table = mem_reserve(mem, POOLS_MAX * sizeof *p->table);
    p->pool = mem_reserve(mem, POOLS_MAX * sizeof *p->pool);
    p->turn_base = mem_reserve(mem, POOLS_MAX * sizeof *p->turn_base);
    p->arena = mem_reserve(mem, ARENAS_MAX * sizeof *p->arena);
    return p->table && p->pool && p->turn_base && p->arena ? ERR_OK : ERR_NOMEM;
}

void pools_fini(struct pools *p)
{
    for (uint32_t a = 0; a < p->arena_end; a++)
        if (p->arena[a].base != NULL)
            mem_unreserve(p->mem, p->arena[a].base, ARENA_BYTES);
    mem_uncharge(p->mem, (size_t)(p->pool_pages + p->dirty_pages) * MEM_PAGE_BYTES + p->charged_tables);
    mem_unreserve(p->mem, p->table, POOLS_MAX * sizeof *p->table);
    mem_unreserve(p->mem, p->pool, POOLS_MAX * sizeof *p->pool);
    mem_unreserve(p->mem, p->turn_base, POOLS_MAX * sizeof *p->turn_base);
    mem_unreserve(p->mem, p->arena, ARENAS_MAX * sizeof *p->arena);
    memset(p, 0, sizeof *p);
}

#define NUMBER_BYTES (sizeof(uint64_t) + sizeof(struct pool) + sizeof(uint32_t))

/* A pool number that is in no use: one given back, or the next. 0: none left, or no memory. */
static uint32_t take_number(struct pools *p)
{
    uint32_t n = p->free_number;

    if (n != 0) {
        p->free_number = p->pool[n].next;
        return n;
    }
    if (p->pool_end == POOLS_MAX || !mem_charge(p->mem, NUMBER_BYTES))
        return 0;
    p->charged_tables += NUMBER_BYTES;
    return p->pool_end++;
}

static void return_number(struct pools *p, uint32_t n)
{
    p->pool[n] = (struct pool){.next = p->free_number};
    p->free_number = n;
}

/* ---- pages of an arena ---- */

static void set_bits(uint64_t *set, uint32_t from, uint32_t count, bool on)
{
    for (uint32_t i = from; i < from + count; i++)
        (on ? bits_add : bits_remove)(set, i);
}

static uint32_t count_bits(const uint64_t *set, uint32_t from, uint32_t count)
{
    uint32_t n = 0;

    for (uint32_t i = from; i < from + count; i++)
        n += bits_has(set, i);
    return n;
}

/* First run of `count` free pages, or ARENA_PAGES; remembers in run_max that there was none. */
static uint32_t find_run(struct arena *a, uint32_t count)
{
    uint32_t run = 0, longest = 0;

    for (uint32_t i = 0; i < ARENA_PAGES; i++) {
        if (run == 0 && a->free[i / 64] == 0) {
            i |= 63; /* a full word: nothing free until the next */
            continue;
        }
        run = bits_has(a->free, i) ? run + 1 : 0;
        longest = run > longest ? run : longest;
        if (run == count)
            return i + 1 - count;
    }
    a->run_max = longest;
    return ARENA_PAGES;
}

/* The lowest-numbered arena that may have such a run; arena_end: none. */
static uint32_t next_arena(struct pools *p, uint32_t from, uint32_t count)
{
    while (from < p->arena_end && (p->arena[from].base == NULL || p->arena[from].run_max < count))
        from++;
    return from;
}

static uint32_t map_arena(struct pools *p)
{
    uint32_t a = 0;

    while (a < p->arena_end && p->arena[a].base != NULL)
        a++;
    if (a == ARENAS_MAX)
        return ARENAS_MAX;
    if (a == p->arena_end) {
        if (!mem_charge(p->mem, sizeof(struct arena)))
            return ARENAS_MAX;
        p->charged_tables += sizeof(struct arena);
    }

    char *base = mem_reserve(p->mem, ARENA_BYTES);

    if (a == p->arena_end)
        p->arena_end++;
    if (base == NULL)
        return ARENAS_MAX;
    p->arena[a] = (struct arena){.base = base, .free_pages = ARENA_PAGES, .run_max = ARENA_PAGES};
    memset(p->arena[a].free, 0xff, sizeof p->arena[a].free);
    p->arena_count++;
    if (a < p->arena_hint)
        p->arena_hint = a;
    return a;
}

static void unmap_arena(struct pools *p, uint32_t number)
{
    struct arena *a = &p->arena[number];

    CHECK(a->free_pages == ARENA_PAGES);
    mem_uncharge(p->mem, (size_t)a->dirty_pages * MEM_PAGE_BYTES);
    p->dirty_pages -= a->dirty_pages;
    mem_unreserve(p->mem, a->base, ARENA_BYTES);
    *a = (struct arena){.base = NULL};
    p->arena_count--;
}

/* `count` pages in a row, zeroed, on the account. False when refused. */
static bool take_pages(struct pools *p, uint32_t count, uint16_t *ret_arena, uint16_t *ret_page)
{
    uint32_t page = ARENA_PAGES, number = p->arena_hint;

    while ((number = next_arena(p, number, count)) < p->arena_end) {
        page = find_run(&p->arena[number], count);
        if (page < ARENA_PAGES)
            break;
        number++;
    }
    if (page == ARENA_PAGES) {
        if ((number = map_arena(p)) == ARENAS_MAX)
            return false;
        page = 0;
    }

    struct arena *a = &p->arena[number];
    uint32_t dirty = count_bits(a->dirty, page, count);

    if (!mem_charge(p->mem, (size_t)(count - dirty) * MEM_PAGE_BYTES))
        return false;
    for (uint32_t i = page; dirty > 0 && i < page + count; i++)
        if (bits_has(a->dirty, i))
            memset(a->base + (size_t)i * MEM_PAGE_BYTES, 0, MEM_PAGE_BYTES);
    set_bits(a->free, page, count, false);
    set_bits(a->dirty, page, count, false);
    a->free_pages -= count;
    a->dirty_pages -= dirty;
    p->dirty_pages -= dirty;
    p->pool_pages += count;
    while (p->arena_hint < p->arena_end &&
           (p->arena[p->arena_hint].base == NULL || p->arena[p->arena_hint].free_pages == 0))
        p->arena_hint++;
    *ret_arena = (uint16_t)number;
    *ret_page = (uint16_t)page;
    return true;
}

static void return_pages(struct pools *p, uint16_t number, uint16_t page, uint32_t count)
{
    struct arena *a = &p->arena[number];

    CHECK(count_bits(a->free, page, count) == 0);
    set_bits(a->free, page, count, true);
    set_bits(a->dirty, page, count, true);
    a->free_pages += count;
    a->dirty_pages += count;
    a->run_max = ARENA_PAGES; /* not known any more; find_run() says */
    p->pool_pages -= count;
    p->dirty_pages += count;
    if (number < p->arena_hint)
        p->arena_hint = number;
    if (a->free_pages == ARENA_PAGES && p->arena_count > 1)
        unmap_arena(p, number);
}

uint64_t pools_purge(struct pools *p)
{
    uint64_t before = p->dirty_pages;

    for (uint32_t n = 0; n < p->arena_end; n++) {
        struct arena *a = &p->arena[n];

        if (a->base == NULL || a->dirty_pages == 0)
            continue;
        for (uint32_t from = 0, to; from < ARENA_PAGES; from = to) {
            for (to = from + 1; to < ARENA_PAGES && bits_has(a->dirty, to) == bits_has(a->dirty, from); to++)
                ;
            if (bits_has(a->dirty, from))
                mem_discard(a->base + (size_t)from * MEM_PAGE_BYTES, (size_t)(to - from) * MEM_PAGE_BYTES);
        }
        memset(a->dirty, 0, sizeof a->dirty);
        mem_uncharge(p->mem, (size_t)a->dirty_pages * MEM_PAGE_BYTES);
        p->dirty_pages -= a->dirty_pages;
        a->dirty_pages = 0;
    }
    return (before - p->dirty_pages) * MEM_PAGE_BYTES;
}

/* ---- pools of a class ---- */

static struct pool_class *class_of(struct pools *p, const struct pool *pool)
{
    return &p->class[pool->kind][pool->words];
}

static void list_remove(struct pools *p, uint32_t n)
{
    struct pool *pool = &p->pool[n];

    if (pool->level == NO_LEVEL)
        return;
    if (pool->prev != 0)
        p->pool[pool->prev].next = pool->next;
    else
        class_of(p, pool)->partial[pool->level] = pool->next;
    if (pool->next != 0)
        p->pool[pool->next].prev = pool->prev;
    pool->level = NO_LEVEL;
}

/* Put pool n into the list for its fullness; a full one, and the current one, are in none. */
static void list_update(struct pools *p, uint32_t n)
{
    struct pool *pool = &p->pool[n];
    struct pool_class *class = class_of(p, pool);
    uint32_t level = pool->used * FULLNESS_LEVELS / POOL_CELLS;

    if (pool->used == POOL_CELLS || class->current == n)
        level = NO_LEVEL;
    if (level == pool->level)
        return;
    list_remove(p, n);
    if (level == NO_LEVEL)
        return;
    pool->level = (uint8_t)level;
    pool->prev = 0;
    pool->next = class->partial[level];
    if (pool->next != 0)
        p->pool[pool->next].prev = n;
    class->partial[level] = n;
}

static uint32_t create_pool(struct pools *p, enum pool_kind kind, uint32_t words)
{
    uint16_t arena, page;
    uint32_t n = take_number(p);

    if (n == 0)
        return 0;
    if (!take_pages(p, words, &arena, &page)) {
        return_number(p, n);
        return 0;
    }
    p->pool[n] = (struct pool){.free_head = NO_PLACE, .free_tail = NO_PLACE, .words = (uint16_t)words,
                               .first_page = page, .arena = arena, .kind = (uint8_t)kind, .level = NO_LEVEL};
    p->table[n] = (uint64_t)(uintptr_t)(p->arena[arena].base + (size_t)page * MEM_PAGE_BYTES) | words |
                  (kind == POOL_OBJECTS ? POOL_TABLE_OBJECTS : 0);
    p->class[kind][words].pools++;
    return n;
}

/* All cells are free or retired: the pages go back, and the number waits for its next life, in which turns
 * go on where they stood. A number whose turns have run out is not used again. */
static void destroy_pool(struct pools *p, uint32_t n)
{
    struct pool pool = p->pool[n];
    struct pool_class *class = class_of(p, &pool);

    list_remove(p, n);
    if (class->current == n)
        class->current = 0;
    class->pools--;
    class->used -= pool.retired;
    p->table[n] = 0;
    return_pages(p, pool.arena, pool.first_page, pool.words);
    if (pool.kind == POOL_OBJECTS)
        p->turn_base[n] += pool.turn_max;
    if (p->turn_base[n] + UINT16_MAX <= TURN_MAX)
        return_number(p, n);
    else
        p->pool[n] = (struct pool){.words = 0};
}

/* The fullest pool of a class that has a free cell, or a new one; 0: no memory. It becomes current. */
static uint32_t choose_pool(struct pools *p, enum pool_kind kind, uint32_t words)
{
    struct pool_class *class = &p->class[kind][words];
    uint32_t n = 0;

    for (int level = FULLNESS_LEVELS - 1; level >= 0 && n == 0; level--)
        n = class->partial[level];
    if (n == 0)
        n = create_pool(p, kind, words);
    if (n != 0) {
        list_remove(p, n);
        class->current = n;
    }
    return n;
}

/* ---- cells ---- */

uint32_t pool_data_words(uint32_t words)
{
    CHECK(words <= CELL_WORDS_MAX);
    if (words <= 16)
        return words < 2 ? 2 : words;
    if (words <= 32)
        return (words + 1) & ~1u;
    if (words <= 64)
        return (words + 3) & ~3u;
    return (words + 7) & ~7u;
}

/* Where a free cell keeps the place of the next: its first two bytes. */
static uint16_t *link_at(const struct pools *p, uint32_t n, uint32_t place)
{
    return (uint16_t *)(void *)pool_cell(p, n << POOL_SHIFT | place);
}

/* First in, first out; a cell never used before only when none is free. */
static uint32_t take_place(const struct pools *p, uint32_t n)
{
    struct pool *pool = &p->pool[n];
    uint32_t place = pool->free_head;

    if (place == NO_PLACE)
        return pool->carved++;
    pool->free_head = *link_at(p, n, place);
    if (pool->free_head == NO_PLACE)
        pool->free_tail = NO_PLACE;
    return place;
}

slot_t pool_alloc(struct pools *p, enum pool_kind kind, uint32_t words)
{
    CHECK(words >= 2 && words <= CELL_WORDS_MAX);

    struct pool_class *class = &p->class[kind][words];
    uint32_t n = class->current;

    if (n == 0 || p->pool[n].used == POOL_CELLS) {
        n = choose_pool(p, kind, words);
        if (n == 0)
            return 0;
    }

    uint32_t place = take_place(p, n);

    CHECK(place < POOL_CELLS);
    p->pool[n].used++;
    class->used++;
    return n << POOL_SHIFT | place;
}

static void after_removal(struct pools *p, uint32_t n)
{
    struct pool *pool = &p->pool[n];

    if (pool->used == pool->retired && (class_of(p, pool)->current != n || pool->retired > 0))
        destroy_pool(p, n);
    else
        list_update(p, n);
}

void pool_free(struct pools *p, slot_t slot)
{
    uint32_t n = pool_of(slot), place = slot & (POOL_CELLS - 1);
    struct pool *pool = &p->pool[n];

    CHECK(pool->words != 0 && pool->used > pool->retired && place < pool->carved);
    *link_at(p, n, place) = NO_PLACE;
    if (pool->free_tail == NO_PLACE)
        pool->free_head = (uint16_t)place;
    else
        *link_at(p, n, pool->free_tail) = (uint16_t)place;
    pool->free_tail = (uint16_t)place;
    pool->used--;
    class_of(p, pool)->used--;
    after_removal(p, n);
}

void pool_retire(struct pools *p, slot_t slot)
{
    uint32_t n = pool_of(slot);
    struct pool *pool = &p->pool[n];

    CHECK(pool->words != 0 && pool->used > pool->retired);
    pool->retired++;
    after_removal(p, n);
}

uint64_t pools_free_bytes(const struct pools *p)
{
    uint64_t bytes = 0;

    for (uint32_t kind = 0; kind < POOL_KINDS; kind++)
        for (uint32_t words = 0; words <= CELL_WORDS_MAX; words++) {
            const struct pool_class *class = &p->class[kind][words];

            bytes += ((uint64_t)class->pools * POOL_CELLS - class->used) * words * sizeof(uint32_t);
        }
    return bytes;
}

/* ---- proof ---- */

static uint32_t free_list_length(const struct pools *p, uint32_t n)
{
    uint32_t length = 0;

    for (uint32_t place = p->pool[n].free_head; place != NO_PLACE && length <= POOL_CELLS; length++)
        place = *link_at(p, n, place);
    return length;
}

static size_t validate_pool(const struct pools *p, uint32_t n)
{
    const struct pool *pool = &p->pool[n];
    size_t broken = 0;
    bool listed = pool->level != NO_LEVEL, current = p->class[pool->kind][pool->words].current == n;

    broken += pool->used + free_list_length(p, n) + (POOL_CELLS - pool->carved) != POOL_CELLS;
    broken += pool->retired > pool->used;
    broken += listed && pool->level != pool->used * FULLNESS_LEVELS / POOL_CELLS;
    broken += pool->used < POOL_CELLS && !listed && !current;
    broken += count_bits(p->arena[pool->arena].free, pool->first_page, pool->words) != 0;
    return broken;
}

size_t pools_validate(const struct pools *p)
{
    size_t broken = 0;
    uint64_t pages = 0, free_pages = 0, dirty = 0, arenas = 0, used = 0, class_used = 0;

    for (uint32_t n = 1; n < p->pool_end; n++) {
        if ((p->table[n] == 0) != (p->pool[n].words == 0))
            broken++;
        if (p->pool[n].words == 0)
            continue;
        broken += validate_pool(p, n);
        pages += p->pool[n].words;
        used += p->pool[n].used;
    }
    for (uint32_t a = 0; a < p->arena_end; a++) {
        if (p->arena[a].base == NULL)
            continue;
        arenas++;
        broken += count_bits(p->arena[a].free, 0, ARENA_PAGES) != p->arena[a].free_pages;
        broken += count_bits(p->arena[a].dirty, 0, ARENA_PAGES) != p->arena[a].dirty_pages;
        free_pages += p->arena[a].free_pages;
        dirty += p->arena[a].dirty_pages;
    }
    for (uint32_t kind = 0; kind < POOL_KINDS; kind++)
        for (uint32_t words = 0; words <= CELL_WORDS_MAX; words++)
            class_used += p->class[kind][words].used;
    broken += used != class_used;
    broken += pages != p->pool_pages || dirty != p->dirty_pages || arenas != p->arena_count;
    broken += pages + free_pages != arenas * ARENA_PAGES;
    return broken;
}
