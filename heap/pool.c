/*
 * pool.c - see pool.h: numbers, pools of a class, their cells. The pages come from arena.c.
 */
#include "heap/pool_impl.h"
#include <string.h>

_Static_assert(sizeof(struct pool) <= 32, "a pool header stays small");

/* ---- the tables, charged as they are touched ---- */

#define BITS_SHIFT 5 /* a page has the used bits of 32 numbers */

_Static_assert((POOL_WORDS * sizeof(uint64_t)) << BITS_SHIFT == MEM_PAGE_BYTES, "a page of used bits");

enum err pools_init(struct pools *p, struct mem *mem)
{
    memset(p, 0, sizeof *p);
    p->mem = mem;
    p->pool_end = 1; /* pool 0 would make slot 0 a slot */
    p->arena_end = 1;
    p->idle_ms = p->waste_ms = NEVER;
    p->numbers_reserve = POOLS_MAX / 4;
    p->table = mem_reserve(mem, POOLS_MAX * sizeof *p->table);
    p->used = mem_reserve(mem, POOLS_MAX * POOL_WORDS * sizeof *p->used);
    p->bits_users = mem_reserve(mem, (POOLS_MAX >> BITS_SHIFT) * sizeof *p->bits_users);
    p->pool = mem_reserve(mem, POOLS_MAX * sizeof *p->pool);
    p->turn_base = mem_reserve(mem, POOLS_MAX * sizeof *p->turn_base);
    p->arena = mem_reserve(mem, ARENAS_MAX * sizeof *p->arena);
    return p->table && p->used && p->bits_users && p->pool && p->turn_base && p->arena ? ERR_OK : ERR_NOMEM;
}

void pools_fini(struct pools *p)
{
    pools_restore_forget(p);
    for (uint32_t a = 1; a < p->arena_end; a++)
        if (p->arena[a].base != NULL)
            mem_unreserve(p->mem, p->arena[a].base, ARENA_BYTES);
    mem_uncharge(p->mem, (size_t)(p->pool_pages + p->dirty_pages) * MEM_PAGE_BYTES + p->charged_tables);
    mem_unreserve(p->mem, p->table, POOLS_MAX * sizeof *p->table);
    mem_unreserve(p->mem, p->used, POOLS_MAX * POOL_WORDS * sizeof *p->used);
    mem_unreserve(p->mem, p->bits_users, (POOLS_MAX >> BITS_SHIFT) * sizeof *p->bits_users);
    mem_unreserve(p->mem, p->pool, POOLS_MAX * sizeof *p->pool);
    mem_unreserve(p->mem, p->turn_base, POOLS_MAX * sizeof *p->turn_base);
    mem_unreserve(p->mem, p->arena, ARENAS_MAX * sizeof *p->arena);
    memset(p, 0, sizeof *p);
}

/* A pool number that is in no use: one given back, or the next. 0: none left, or no memory. */
static uint32_t take_number(struct pools *p)
{
    uint32_t n = p->free_number;

    if (n != 0) {
        p->free_number = p->pool[n].next;
        p->free_numbers--;
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
    p->free_numbers++;
}

static bool gain_bits(struct pools *p, uint32_t n)
{
    if (p->bits_users[n >> BITS_SHIFT] == 0) {
        if (!mem_charge(p->mem, MEM_PAGE_BYTES))
            return false;
        p->charged_tables += MEM_PAGE_BYTES;
    }
    p->bits_users[n >> BITS_SHIFT]++;
    return true;
}

/* A number that is no pool reads zeros there, whether the page is the system's or not. */
static void lose_bits(struct pools *p, uint32_t n)
{
    uint64_t *page = &p->used[(size_t)(n >> BITS_SHIFT << BITS_SHIFT) * POOL_WORDS];

    memset(&p->used[n * POOL_WORDS], 0, POOL_WORDS * sizeof *p->used);
    if (--p->bits_users[n >> BITS_SHIFT] > 0)
        return;
    mem_discard(page, MEM_PAGE_BYTES);
    mem_uncharge(p->mem, MEM_PAGE_BYTES);
    p->charged_tables -= MEM_PAGE_BYTES;
}

/* ---- pools of a class ---- */

void list_remove(struct pools *p, uint32_t n)
{
    struct pool *pool = &p->pool[n];
    struct pool_class *class = class_of(p, pool);

    if (pool->level == LEVEL_NONE)
        return;
    *(pool->prev != 0 ? &p->pool[pool->prev].next : &class->list[pool->level]) = pool->next;
    if (pool->next != 0)
        p->pool[pool->next].prev = pool->prev;
    class->length[pool->level]--;
    p->sparse -= is_sparse(p, pool->kind, pool->level);
    pool->level = LEVEL_NONE;
}

static void list_add(struct pools *p, uint32_t n, uint32_t level)
{
    struct pool *pool = &p->pool[n];
    struct pool_class *class = class_of(p, pool);

    pool->level = (uint8_t)level;
    pool->prev = 0;
    pool->next = class->list[level];
    if (pool->next != 0)
        p->pool[pool->next].prev = n;
    class->list[level] = n;
    class->length[level]++;
    p->sparse += is_sparse(p, pool->kind, level);
}

/* A packed pool that has lost cells for good stays packed: its turns have run out (slot.c). */
static uint32_t level_of(const struct pools *p, uint32_t n)
{
    const struct pool *pool = &p->pool[n];

    if (pool_is_packed(p, n)) {
        if (packed_is_loose(p, n))
            return LEVEL_LOOSE;
        return pool->retired == 0 ? LEVEL_PACKED : LEVEL_NONE;
    }
    if (pool->used == POOL_CELLS || p->class[pool->kind][pool->words].current == n)
        return LEVEL_NONE;
    return pool->used / LEVEL_CELLS;
}

void list_update(struct pools *p, uint32_t n)
{
    uint32_t level = level_of(p, n);

    if (level == p->pool[n].level)
        return;
    list_remove(p, n);
    if (level != LEVEL_NONE)
        list_add(p, n, level);
}

void move_in(struct pools *p, uint32_t n, uint16_t arena, uint16_t page)
{
    struct pool *pool = &p->pool[n];

    pool->arena = arena;
    pool->first_page = page;
    pool->level_mask = LEVEL_CELLS - 1;
    pool->cursor = 0;
    p->table[n] = (uint64_t)(uintptr_t)(p->arena[arena].base + (size_t)page * MEM_PAGE_BYTES) | pool->words |
                  (pool->kind == POOL_OBJECTS ? POOL_TABLE_OBJECTS : 0);
}

/* A class of small cells that grows will use all of its next pool soon: its pages come in one call to the system, which is
 * a twelfth of the time of making a record less. Where there are few such cells, each page comes when it is needed. */
#define POPULATE_POOLS 4u
#define POPULATE_WORDS_MAX 8u

bool begin_pool(struct pools *p, uint32_t n, enum pool_kind kind, uint32_t words)
{
    uint16_t arena, page;

    if (!gain_bits(p, n))
        return false;
    if (!take_pages(p, words, &arena, &page)) {
        lose_bits(p, n);
        return false;
    }
    p->pool[n] = (struct pool){.words = (uint16_t)words, .kind = (uint8_t)kind, .level = LEVEL_NONE};
    move_in(p, n, arena, page);
    return true;
}

static uint32_t create_pool(struct pools *p, enum pool_kind kind, uint32_t words)
{
    uint32_t n = take_number(p);

    if (n == 0)
        return 0;
    if (!begin_pool(p, n, kind, words)) {
        return_number(p, n);
        return 0;
    }
    if (p->class[kind][words].pools++ >= POPULATE_POOLS && words <= POPULATE_WORDS_MAX)
        mem_populate(pool_cell(p, n << POOL_SHIFT), (size_t)words * MEM_PAGE_BYTES);
    return n;
}

/* In the number's next life turns go on where they stood. */
void end_pool(struct pools *p, uint32_t n)
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
    if (pool_is_packed(p, n)) {
        class->packed--;
        class->packed_used -= pool.retired;
        packed_release(p, n);
    } else {
        return_pages(p, pool.arena, pool.first_page, pool.words);
    }
    p->table[n] = 0;
    lose_bits(p, n);
    if (pool.kind == POOL_OBJECTS)
        p->turn_base[n] += pool.turn_max;
    p->pool[n] = (struct pool){.words = 0};
}

void offer_number(struct pools *p, uint32_t n)
{
    if (p->turn_base[n] + UINT16_MAX <= TURN_MAX)
        return_number(p, n);
}

/* All cells are free or retired: the pages go back, and the number waits for its next life. */
static void destroy_pool(struct pools *p, uint32_t n)
{
    end_pool(p, n);
    if (n >= p->restore_end) /* else it waits for a life that it has had */
        offer_number(p, n);
}

/* The fullest pool of a class that has a free cell, or a new one; 0: no memory. It becomes current. */
static uint32_t choose_pool(struct pools *p, enum pool_kind kind, uint32_t words)
{
    struct pool_class *class = &p->class[kind][words];
    uint32_t n = 0;

    for (int level = FULLNESS_LEVELS - 1; level >= 0 && n == 0; level--)
        n = class->list[level];
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
static void settle(struct pools *p, uint32_t n)
{
    struct pool *pool = &p->pool[n];
    bool current = class_of(p, pool)->current == n, stays = n < p->restore_end;

    if (!stays && pool->used == pool->retired && (!current || pool->retired > 0)) {
        destroy_pool(p, n);
        return;
    }
    if (pool->used == 0 && p->idle_ms == NEVER)
        p->idle_ms = p->now_ms;
    list_update(p, n);
}

void pool_freed(struct pools *p, slot_t slot)
{
    uint32_t n = pool_of(slot);

    if (pool_is_packed(p, n))
        packed_lost(p, n, slot & (POOL_CELLS - 1));
    settle(p, n);
}

static void free_set_packed(struct pools *p, uint32_t n, const uint64_t cells[POOL_WORDS])
{
    for (uint32_t place = 0; (place = bits_next(cells, place, POOL_CELLS)) < POOL_CELLS; place++)
        packed_lost(p, n, place);
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
    if (pool_is_packed(p, n))
        free_set_packed(p, n, cells);
    settle(p, n);
}

void pool_retire(struct pools *p, slot_t slot)
{
    uint32_t n = pool_of(slot);
    struct pool *pool = &p->pool[n];

    CHECK(bits_has(p->used, slot) && pool->used > pool->retired);
    pool->retired++;
    settle(p, n);
}

/* ---- back to the system ---- */

/* The current pools of all classes of a kind that are empty go. */
static size_t release_idle(struct pools *p)
{
    size_t cost = CELL_WORDS_MAX / 8;

    for (uint32_t words = 0; words <= CELL_WORDS_MAX; words++) {
        uint32_t n = p->class[p->idle_kind][words].current;

        if (n == 0 || p->pool[n].used > 0)
            continue;
        destroy_pool(p, n);
        cost += 20;
    }
    if (++p->idle_kind < POOL_KINDS)
        return cost;
    p->idle_kind = 0;
    p->idle_ms = NEVER;
    return cost;
}

static uint64_t due_at(const struct pools *p, uint64_t since_ms)
{
    return p->purge_all_due ? 0 : since_ms + p->decay_ms;
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
    uint64_t bytes = p->packed_dead_bytes;

    for (uint32_t kind = 0; kind < POOL_KINDS; kind++)
        for (uint32_t words = 0; words <= CELL_WORDS_MAX; words++) {
            const struct pool_class *class = &p->class[kind][words];
            uint64_t cells = (uint64_t)(class->pools - class->packed) * POOL_CELLS;

            bytes += (cells - (class->used - class->packed_used)) * words * sizeof(uint32_t);
        }
    return bytes;
}

uint64_t pools_packed_bytes(const struct pools *p)
{
    uint64_t bytes = p->packed_pages * MEM_PAGE_BYTES;

    for (uint32_t words = 0; words <= CELL_WORDS_MAX; words++)
        bytes += p->class[POOL_PACKED][words].used * words * sizeof(uint32_t);
    return bytes;
}

uint64_t pools_pack_index_bytes(const struct pools *p)
{
    uint64_t bytes = pools_packed_bytes(p) - p->packed_dead_bytes;

    for (uint32_t kind = 0; kind < POOL_PACKED; kind++)
        for (uint32_t words = 0; words <= CELL_WORDS_MAX; words++)
            bytes -= p->class[kind][words].packed_used * words * sizeof(uint32_t);
    return bytes;
}

/* ---- proof ---- */

static size_t validate_pool(const struct pools *p, uint32_t n)
{
    const struct pool *pool = &p->pool[n];
    size_t broken = 0;

    broken += pool->used != bits_count(p->used, n << POOL_SHIFT, POOL_CELLS);
    broken += pool->retired > pool->used;
    broken += pool->level != level_of(p, n);
    broken += pool->level_mask != (pool_is_packed(p, n) ? 0 : LEVEL_CELLS - 1);
    if (!pool_is_packed(p, n))
        broken += bits_count(p->arena[pool->arena].free, pool->first_page, pool->words) != 0;
    return broken;
}

/* What is counted of a class, recounted from its pools. */
struct class_sum {
    uint64_t used, packed_used;
    uint32_t pools, packed, listed;
};

static size_t validate_class(const struct pools *p, uint32_t kind, uint32_t words, const struct class_sum *sum)
{
    const struct pool_class *class = &p->class[kind][words];
    size_t broken = 0;
    uint32_t listed = 0;

    broken += class->used != sum->used || class->packed_used != sum->packed_used;
    broken += class->pools != sum->pools || class->packed != sum->packed;
    for (uint32_t level = 0; level < LEVELS; level++) {
        uint32_t length = 0;

        for (uint32_t n = class->list[level]; n != 0 && length <= class->length[level]; n = p->pool[n].next)
            length++;
        broken += length != class->length[level];
        listed += length;
    }
    broken += listed != sum->listed;
    if (class->at_hand != 0) {
        broken += pool_of(class->at_hand_first) != class->current || class->at_hand_first % 64 != 0;
        broken += (class->at_hand & p->used[class->at_hand_first / 64]) != 0;
    }
    return broken;
}

static size_t validate_numbers(const struct pools *p)
{
    size_t broken = 0;
    uint32_t free = 0, users = 0;

    for (uint32_t n = 1; n < p->pool_end; n++) {
        users = n % (1u << BITS_SHIFT) == 0 ? 0 : users;
        users += p->table[n] != 0;
        if ((n + 1) % (1u << BITS_SHIFT) == 0 || n + 1 == p->pool_end)
            broken += users != p->bits_users[n >> BITS_SHIFT];
        broken += (p->table[n] == 0) != (p->pool[n].words == 0);
        broken += p->table[n] == 0 && bits_count(p->used, n << POOL_SHIFT, POOL_CELLS) != 0;
    }
    for (uint32_t n = p->free_number; n != 0 && free <= p->free_numbers; n = p->pool[n].next)
        free++;
    broken += free != p->free_numbers;
    return broken;
}

size_t pools_validate(const struct pools *p)
{
    struct class_sum sums[POOL_KINDS][CELL_WORDS_MAX + 1];
    struct packed_sum owned = {.cells = 0};
    uint64_t pages = 0, free_pages, dirty, storage = 0;
    uint32_t sparse = 0;
    size_t broken = arenas_validate(p, &free_pages, &dirty) + validate_numbers(p);

    memset(sums, 0, sizeof sums);
    for (uint32_t n = 1; n < p->pool_end; n++) {
        const struct pool *pool = &p->pool[n];
        struct class_sum *sum = &sums[pool->kind][pool->words];
        bool packed = pool_is_packed(p, n);

        if (pool->words == 0)
            continue;
        broken += validate_pool(p, n);
        if (packed)
            broken += packed_validate(p, n, &owned);
        pages += packed ? 0 : pool->words;
        sum->pools++;
        sum->used += pool->used;
        sum->packed += packed;
        sum->packed_used += packed ? pool->used : 0;
        sum->listed += pool->level != LEVEL_NONE;
        sparse += pool->level != LEVEL_NONE && is_sparse(p, pool->kind, pool->level);
    }
    for (uint32_t kind = 0; kind < POOL_KINDS; kind++)
        for (uint32_t words = 0; words <= CELL_WORDS_MAX; words++)
            broken += validate_class(p, kind, words, &sums[kind][words]);
    for (uint32_t words = 0; words <= CELL_WORDS_MAX; words++)
        storage += p->class[POOL_PACKED][words].used;
    broken += sparse != p->sparse || owned.cells != storage || owned.dead_bytes != p->packed_dead_bytes;
    broken += owned.pages != p->packed_pages || pages + owned.pages != p->pool_pages;
    broken += dirty != p->dirty_pages || p->pool_pages + free_pages != (uint64_t)p->arena_count * ARENA_PAGES;
    return broken;
}
