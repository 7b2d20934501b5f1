/*
 * pool.c - see pool.h. From the cells up: cells of a pool, pools of a class, pages of an arena, arenas.
 *
 * Memory is charged page by page as it is first used, so the account follows what the system really gave:
 * a page is charged when it enters a pool and stays so while it is free and dirty.
 */
#include "heap/pool.h"
#include <string.h>

#define NO_LEVEL FULLNESS_LEVELS

_Static_assert(sizeof(struct pool) <= 32, "a pool header stays small");

/* ---- the tables, charged as they are touched ---- */

enum err pools_init(struct pools *p, struct mem *mem)
{
    memset(p, 0, sizeof *p);
    p->mem = mem;
    p->pool_end = 1; /* pool 0 would make slot 0 a slot */
    p->arena_end = 1;
    p->table = mem_reserve(mem, POOLS_MAX * sizeof *p->table);
    p->used = mem_reserve(mem, POOLS_MAX * POOL_WORDS * sizeof *p->used);
    p->pool = mem_reserve(mem, POOLS_MAX * sizeof *p->pool);
    p->turn_base = mem_reserve(mem, POOLS_MAX * sizeof *p->turn_base);
    p->arena = mem_reserve(mem, ARENAS_MAX * sizeof *p->arena);
    return p->table && p->used && p->pool && p->turn_base && p->arena ? ERR_OK : ERR_NOMEM;
}

void pools_fini(struct pools *p)
{
    for (uint32_t a = 1; a < p->arena_end; a++)
        if (p->arena[a].base != NULL)
            mem_unreserve(p->mem, p->arena[a].base, ARENA_BYTES);
    mem_uncharge(p->mem, (size_t)(p->pool_pages + p->dirty_pages) * MEM_PAGE_BYTES + p->charged_tables);
    mem_unreserve(p->mem, p->table, POOLS_MAX * sizeof *p->table);
    mem_unreserve(p->mem, p->used, POOLS_MAX * POOL_WORDS * sizeof *p->used);
    mem_unreserve(p->mem, p->pool, POOLS_MAX * sizeof *p->pool);
    mem_unreserve(p->mem, p->turn_base, POOLS_MAX * sizeof *p->turn_base);
    mem_unreserve(p->mem, p->arena, ARENAS_MAX * sizeof *p->arena);
    memset(p, 0, sizeof *p);
}

#define NUMBER_BYTES (sizeof(uint64_t) + POOL_WORDS * sizeof(uint64_t) + sizeof(struct pool) + sizeof(uint32_t))

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

static uint32_t next_run(const struct arena *a, uint32_t from, uint32_t *ret_end)
{
    from = bits_next(a->free, from, ARENA_PAGES);
    *ret_end = bits_next_clear(a->free, from, ARENA_PAGES);
    return from;
}

static uint32_t longest_run(const struct arena *a)
{
    uint32_t longest = 0;

    for (uint32_t from = 0, end; (from = next_run(a, from, &end)) < ARENA_PAGES; from = end)
        longest = end - from > longest ? end - from : longest;
    return longest;
}

/* Where the first run of at least `count` pages begins; there is one. */
static uint32_t find_run(const struct arena *a, uint32_t count)
{
    uint32_t from = 0, end;

    for (from = next_run(a, 0, &end); end - from < count; from = next_run(a, end, &end))
        CHECK(from < ARENA_PAGES);
    return from;
}

/* ---- arenas, in lists by their longest run: a wholly free one is used last ---- */

static uint32_t run_class(uint32_t run)
{
    if (run == ARENA_PAGES)
        return RUN_CLASSES - 1;
    return run < CELL_WORDS_MAX ? run : CELL_WORDS_MAX;
}

static void unlist_arena(struct pools *p, uint32_t n)
{
    struct arena *a = &p->arena[n];
    uint32_t class = run_class(a->run_max);

    if (a->prev != 0)
        p->arena[a->prev].next = a->next;
    else
        p->arena_by_run[class] = a->next;
    if (a->next != 0)
        p->arena[a->next].prev = a->prev;
    if (p->arena_by_run[class] == 0)
        bits_remove(p->run_classes, class);
}

static void list_arena(struct pools *p, uint32_t n)
{
    struct arena *a = &p->arena[n];
    uint32_t class = run_class(a->run_max);

    a->prev = 0;
    a->next = p->arena_by_run[class];
    if (a->next != 0)
        p->arena[a->next].prev = n;
    p->arena_by_run[class] = n;
    bits_add(p->run_classes, class);
}

static void set_run_max(struct pools *p, uint32_t n, uint32_t run)
{
    if (run == p->arena[n].run_max)
        return;
    unlist_arena(p, n);
    p->arena[n].run_max = (uint16_t)run;
    list_arena(p, n);
}

/* A number that stands for no arena; 0: none left, or no memory. */
static uint32_t take_arena_number(struct pools *p)
{
    uint32_t n = p->arena_free;

    if (n != 0) {
        p->arena_free = p->arena[n].next;
        return n;
    }
    if (p->arena_end == ARENAS_MAX || !mem_charge(p->mem, sizeof(struct arena)))
        return 0;
    p->charged_tables += sizeof(struct arena);
    return p->arena_end++;
}

static void return_arena_number(struct pools *p, uint32_t n)
{
    p->arena[n] = (struct arena){.next = p->arena_free};
    p->arena_free = n;
}

static uint32_t map_arena(struct pools *p)
{
    uint32_t n = take_arena_number(p);

    if (n == 0)
        return 0;

    char *base = mem_reserve(p->mem, ARENA_BYTES);

    if (base == NULL) {
        return_arena_number(p, n);
        return 0;
    }
    p->arena[n] = (struct arena){.base = base, .free_pages = ARENA_PAGES, .run_max = ARENA_PAGES};
    memset(p->arena[n].free, 0xff, sizeof p->arena[n].free);
    p->arena_count++;
    list_arena(p, n);
    return n;
}

static void unmap_arena(struct pools *p, uint32_t n)
{
    struct arena *a = &p->arena[n];

    CHECK(a->free_pages == ARENA_PAGES && a->dirty_pages == 0);
    unlist_arena(p, n);
    mem_unreserve(p->mem, a->base, ARENA_BYTES);
    return_arena_number(p, n);
    p->arena_count--;
}

/* The pages become a pool's: zeroed, on the account. False when that is refused. */
static bool claim_pages(struct pools *p, struct arena *a, uint32_t page, uint32_t count)
{
    uint32_t dirty = count_bits(a->dirty, page, count);

    if (!mem_charge(p->mem, (size_t)(count - dirty) * MEM_PAGE_BYTES))
        return false;
    for (uint32_t i = page; dirty > 0 && i < page + count; i++)
        if (bits_has(a->dirty, i))
            memset(a->base + (size_t)i * MEM_PAGE_BYTES, 0, MEM_PAGE_BYTES);
    set_bits(a->free, page, count, false);
    set_bits(a->dirty, page, count, false);
    a->free_pages = (uint16_t)(a->free_pages - count);
    a->dirty_pages = (uint16_t)(a->dirty_pages - dirty);
    p->dirty_pages -= dirty;
    p->pool_pages += count;
    return true;
}

/* `count` pages in a row. False when refused. */
static bool take_pages(struct pools *p, uint32_t count, uint16_t *ret_arena, uint16_t *ret_page)
{
    uint32_t class = bits_next(p->run_classes, count, RUN_CLASSES);
    uint32_t n = class < RUN_CLASSES ? p->arena_by_run[class] : map_arena(p);

    if (n == 0)
        return false;

    struct arena *a = &p->arena[n];
    uint32_t page = find_run(a, count);

    if (!claim_pages(p, a, page, count))
        return false;
    set_run_max(p, n, longest_run(a));
    *ret_arena = (uint16_t)n;
    *ret_page = (uint16_t)page;
    return true;
}

static void return_pages(struct pools *p, uint32_t n, uint32_t page, uint32_t count)
{
    struct arena *a = &p->arena[n];
    uint32_t run;

    CHECK(count_bits(a->free, page, count) == 0);
    set_bits(a->free, page, count, true);
    set_bits(a->dirty, page, count, true);
    a->free_pages = (uint16_t)(a->free_pages + count);
    a->dirty_pages = (uint16_t)(a->dirty_pages + count);
    p->pool_pages -= count;
    p->dirty_pages += count;
    run = bits_next_clear(a->free, page, ARENA_PAGES) - bits_row_start(a->free, page + count);
    set_run_max(p, n, run > a->run_max ? run : a->run_max);
}

uint64_t pools_purge(struct pools *p)
{
    uint64_t before = p->dirty_pages;

    for (uint32_t n = 1; n < p->arena_end; n++) {
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
    while (p->arena_by_run[RUN_CLASSES - 1] != 0 && p->arena_count > 1)
        unmap_arena(p, p->arena_by_run[RUN_CLASSES - 1]);
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
    uint32_t level = pool->used / LEVEL_CELLS;

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
    p->pool[n] = (struct pool){.words = (uint16_t)words, .first_page = page, .arena = arena,
                               .kind = (uint8_t)kind, .level = NO_LEVEL};
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
    if (class->current == n) {
        class->current = 0;
        class->at_hand = 0;
    }
    class->pools--;
    class->used -= pool.retired;
    p->table[n] = 0;
    memset(&p->used[n * POOL_WORDS], 0, POOL_WORDS * sizeof *p->used);
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

bool pool_find_free(struct pools *p, enum pool_kind kind, uint32_t words)
{
    struct pool_class *class = &p->class[kind][words];
    uint32_t n = class->current;

    if (n == 0 || p->pool[n].used == POOL_CELLS)
        n = choose_pool(p, kind, words);
    if (n == 0)
        return false;

    uint32_t word = p->pool[n].cursor;

    while (pool_used_word(p, n, word) == UINT64_MAX)
        word = (word + 1) % POOL_WORDS;
    class->at_hand = ~pool_used_word(p, n, word);
    class->at_hand_first = n << POOL_SHIFT | word * 64;
    p->pool[n].cursor = (uint8_t)((word + 1) % POOL_WORDS);
    return true;
}

/* An empty current pool stays, so that a single cell taken and given back over and over makes no pool; but not
 * if it has lost cells for good. */
void pool_settle(struct pools *p, uint32_t n)
{
    struct pool *pool = &p->pool[n];

    if (pool->used == pool->retired && (class_of(p, pool)->current != n || pool->retired > 0))
        destroy_pool(p, n);
    else
        list_update(p, n);
}

void pool_free_set(struct pools *p, uint32_t n, const uint64_t cells[POOL_WORDS])
{
    struct pool *pool = &p->pool[n];
    uint32_t count = 0;

    for (uint32_t i = 0; i < POOL_WORDS; i++) {
        uint64_t *used = &p->used[n * POOL_WORDS + i];

        CHECK((cells[i] & ~*used) == 0);
        *used &= ~cells[i];
        count += (uint32_t)__builtin_popcountll(cells[i]);
    }
    if (count == 0)
        return;
    CHECK(pool->used - count >= pool->retired);
    pool->used = (uint16_t)(pool->used - count);
    class_of(p, pool)->used -= count;
    pool_settle(p, n);
}

void pool_retire(struct pools *p, slot_t slot)
{
    uint32_t n = pool_of(slot);
    struct pool *pool = &p->pool[n];

    CHECK(bits_has(p->used, slot) && pool->used > pool->retired);
    pool->retired++;
    pool_settle(p, n);
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

static size_t validate_pool(const struct pools *p, uint32_t n)
{
    const struct pool *pool = &p->pool[n];
    size_t broken = 0;
    bool listed = pool->level != NO_LEVEL, current = p->class[pool->kind][pool->words].current == n;

    broken += pool->used != count_bits(p->used, n << POOL_SHIFT, POOL_CELLS);
    broken += pool->retired > pool->used;
    broken += listed && pool->level != pool->used / LEVEL_CELLS;
    broken += pool->used < POOL_CELLS && !listed && !current;
    broken += count_bits(p->arena[pool->arena].free, pool->first_page, pool->words) != 0;
    return broken;
}

static size_t validate_class(const struct pools *p, const struct pool_class *class)
{
    size_t broken = 0;

    if (class->at_hand == 0)
        return 0;
    broken += pool_of(class->at_hand_first) != class->current || class->at_hand_first % 64 != 0;
    broken += (class->at_hand & p->used[class->at_hand_first / 64]) != 0;
    return broken;
}

static size_t validate_arena(const struct arena *a)
{
    size_t broken = 0;

    broken += count_bits(a->free, 0, ARENA_PAGES) != a->free_pages;
    broken += count_bits(a->dirty, 0, ARENA_PAGES) != a->dirty_pages;
    for (uint32_t i = 0; i < ARENA_PAGES / 64; i++)
        broken += (a->dirty[i] & ~a->free[i]) != 0;
    broken += longest_run(a) != a->run_max;
    return broken;
}

/* Every mapped arena is met once in the lists, in the right one. */
static size_t validate_arena_lists(const struct pools *p)
{
    size_t broken = 0;
    uint32_t listed = 0;

    for (uint32_t class = 0; class < RUN_CLASSES; class++) {
        broken += bits_has(p->run_classes, class) != (p->arena_by_run[class] != 0);
        for (uint32_t n = p->arena_by_run[class]; n != 0 && listed <= p->arena_count; n = p->arena[n].next) {
            broken += run_class(p->arena[n].run_max) != class;
            listed++;
        }
    }
    broken += listed != p->arena_count;
    return broken;
}

size_t pools_validate(const struct pools *p)
{
    size_t broken = validate_arena_lists(p);
    uint64_t pages = 0, free_pages = 0, dirty = 0, arenas = 0, used = 0, class_used = 0;

    for (uint32_t n = 1; n < p->pool_end; n++) {
        if ((p->table[n] == 0) != (p->pool[n].words == 0))
            broken++;
        if (p->pool[n].words == 0) {
            broken += count_bits(p->used, n << POOL_SHIFT, POOL_CELLS) != 0;
            continue;
        }
        broken += validate_pool(p, n);
        pages += p->pool[n].words;
        used += p->pool[n].used;
    }
    for (uint32_t a = 1; a < p->arena_end; a++) {
        if (p->arena[a].base == NULL)
            continue;
        arenas++;
        broken += validate_arena(&p->arena[a]);
        free_pages += p->arena[a].free_pages;
        dirty += p->arena[a].dirty_pages;
    }
    for (uint32_t kind = 0; kind < POOL_KINDS; kind++)
        for (uint32_t words = 0; words <= CELL_WORDS_MAX; words++) {
            broken += validate_class(p, &p->class[kind][words]);
            class_used += p->class[kind][words].used;
        }
    broken += used != class_used;
    broken += pages != p->pool_pages || dirty != p->dirty_pages || arenas != p->arena_count;
    broken += pages + free_pages != arenas * ARENA_PAGES;
    return broken;
}
