/*
 * pool.c - see pool.h: numbers, pools of a class, their cells. The pages come from arena.c.
 */
#include "heap/pool_impl.h"
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
    p->idle_ms = NEVER;
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

/* An empty current pool stays until the purge, so that a single cell taken and given back over and over makes no
 * pool; but not if it has lost cells for good. */
void pool_settle(struct pools *p, uint32_t n)
{
    struct pool *pool = &p->pool[n];
    bool current = class_of(p, pool)->current == n;

    if (pool->used == pool->retired && (!current || pool->retired > 0)) {
        destroy_pool(p, n);
        return;
    }
    if (pool->used == 0 && p->idle_ms == NEVER)
        p->idle_ms = p->now_ms;
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

/* ---- back to the system ---- */

/* Current pools that are empty go. */
static size_t release_idle(struct pools *p)
{
    for (uint32_t kind = 0; kind < POOL_KINDS; kind++)
        for (uint32_t words = 0; words <= CELL_WORDS_MAX; words++) {
            uint32_t n = p->class[kind][words].current;

            if (n != 0 && p->pool[n].used == 0)
                destroy_pool(p, n);
        }
    p->idle_ms = NEVER;
    return POOL_KINDS * CELL_WORDS_MAX / 16;
}

static uint64_t due_at(const struct pools *p, uint64_t since_ms)
{
    return p->all_due ? 0 : since_ms + p->decay_ms;
}

uint64_t pools_purge_at_ms(const struct pools *p)
{
    uint64_t idle = p->idle_ms != NEVER ? due_at(p, p->idle_ms) : NEVER;
    uint64_t dirty = p->dirty_first != 0 ? due_at(p, p->arena[p->dirty_first].dirty_ms) : NEVER;
    uint64_t at = idle < dirty ? idle : dirty;

    return at <= p->now_ms ? 0 : at;
}

size_t pools_purge(struct pools *p, size_t units)
{
    while (units > 0 && pools_purge_at_ms(p) == 0) {
        bool idle = p->idle_ms != NEVER && due_at(p, p->idle_ms) <= p->now_ms;
        size_t cost = idle ? release_idle(p) : purge_piece(p);

        units -= cost < units ? cost : units;
    }
    return units;
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

    broken += pool->used != bits_count(p->used, n << POOL_SHIFT, POOL_CELLS);
    broken += pool->retired > pool->used;
    broken += listed && pool->level != pool->used / LEVEL_CELLS;
    broken += pool->used < POOL_CELLS && !listed && !current;
    broken += bits_count(p->arena[pool->arena].free, pool->first_page, pool->words) != 0;
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

size_t pools_validate(const struct pools *p)
{
    uint64_t pages = 0, free_pages, dirty, used = 0, class_used = 0;
    size_t broken = arenas_validate(p, &free_pages, &dirty);

    for (uint32_t n = 1; n < p->pool_end; n++) {
        if ((p->table[n] == 0) != (p->pool[n].words == 0))
            broken++;
        if (p->pool[n].words == 0) {
            broken += bits_count(p->used, n << POOL_SHIFT, POOL_CELLS) != 0;
            continue;
        }
        broken += validate_pool(p, n);
        pages += p->pool[n].words;
        used += p->pool[n].used;
    }
    for (uint32_t kind = 0; kind < POOL_KINDS; kind++)
        for (uint32_t words = 0; words <= CELL_WORDS_MAX; words++) {
            broken += validate_class(p, &p->class[kind][words]);
            class_used += p->class[kind][words].used;
        }
    broken += used != class_used;
    broken += pages != p->pool_pages || dirty != p->dirty_pages;
    broken += pages + free_pages != (uint64_t)p->arena_count * ARENA_PAGES;
    return broken;
}
