/*
 * pack.c - sparse pools are packed, so that their pages go back while every slot stays what it was (pool.h).
 *
 *     table entry --> struct packed --> chunks of 2^shift cells, side by side in the order of their places
 *
 * Both lie in cells of pools of a third kind. A chunk is as many cells as fit into the largest storage cell, a
 * power of two, and the last one the next power of two that is enough: a pool of 100 records of 20 bytes needs 6 chunks
 * of 320 bytes, one of 80 and 224 bytes to find them by, instead of 20 KiB. A pool that would need more chunks than
 * a struct packed can name has large cells, or many: those lie in one row of pages of their own.
 *
 * A cell that dies in a packed pool moves nothing, since whoever frees it may have pointers to its neighbours: its
 * place stays empty, and a chunk goes when its last cell does. A pool of which more than half has
 * died so is *loose*, and is packed once more. The only thing that a free cell has, the turn its next object
 * will have, is given up: a packed pool answers for all of them with the highest (slot.c), and so they begin
 * if it is unpacked. That is done only when pool numbers become scarce, since a new pool costs less.
 *
 * A pool is packed in one go: 15 us for 250 records, 60 us for as many of the largest cells.
 */
#include "heap/pool_impl.h"
#include <stddef.h>
#include <string.h>

#define CHUNKS_MAX 76u /* with more of them a struct packed would not fit into a cell */
#define CLASSES (POOL_PACKED * (CELL_WORDS_MAX + 1)) /* those whose pools can be packed */
#define WASTE_BYTES_MIN (4u << 20)
#define RETRY_MS 1000
#define POOL_UNITS 100u /* to pack a pool of no cells */
#define CELL_UNITS 2u

struct packed {
    uint64_t stored[POOL_WORDS]; /* the cells that were used when the pool was packed */
    uint16_t before[POOL_WORDS]; /* how many of them are in the words before */
    uint16_t count;              /* in all */
    uint8_t shift;
    uint8_t chunks;              /* 0: a row of pages, which the pool's header names */
    slot_t chunk[];              /* 0: all its cells have died; behind them a byte each: how many have not */
};

_Static_assert(offsetof(struct packed, chunk) + CHUNKS_MAX * (sizeof(slot_t) + 1) <= CELL_WORDS_MAX * 4,
               "it fits into a cell");

/* Where a pool will be stored. */
struct storage {
    slot_t slot; /* of the struct packed */
    uint16_t arena, first_page;
};

static uint32_t chunk_shift(uint32_t words)
{
    return 31u - (uint32_t)__builtin_clz(CELL_WORDS_MAX / words);
}

static struct packed *packed_of(const struct pools *p, uint32_t n)
{
    return (struct packed *)(void *)pool_cell(p, (slot_t)(p->table[n] >> POOL_TABLE_SHIFT));
}

/* Few sizes, 56, 72 to 136 words, since each has a last pool that is not full. */
static uint32_t packed_words(uint32_t chunks)
{
    uint32_t bytes = (uint32_t)offsetof(struct packed, chunk) + chunks * (uint32_t)(sizeof(slot_t) + 1);

    return ((bytes + 3) / 4 + 7) / 16 * 16 + 8;
}

static uint8_t *alive_in(struct packed *k)
{
    return (uint8_t *)&k->chunk[k->chunks];
}

static uint32_t rank_of(const struct packed *k, uint32_t place)
{
    uint64_t bit = 1ull << (place % 64);

    CHECK((k->stored[place / 64] & bit) != 0);
    return k->before[place / 64] + (uint32_t)__builtin_popcountll(k->stored[place / 64] & (bit - 1));
}

/* Cells stored in chunk c: the last may be short. */
static uint32_t chunk_cells(const struct packed *k, uint32_t c)
{
    uint32_t from = c << k->shift, cells = 1u << k->shift;

    return k->count - from < cells ? k->count - from : cells;
}

static uint32_t chunk_words(const struct packed *k, uint32_t c, uint32_t words)
{
    uint32_t cells = chunk_cells(k, c);

    return words << (cells == 1 ? 0 : 32 - (uint32_t)__builtin_clz(cells - 1));
}

static uint32_t row_pages(const struct packed *k, uint32_t words)
{
    return k->chunks > 0 ? 0 : (k->count * words * 4 + MEM_PAGE_BYTES - 1) / MEM_PAGE_BYTES;
}

static uint32_t *page_at(const struct pools *p, uint32_t arena, uint32_t page)
{
    return (uint32_t *)(void *)(p->arena[arena].base + (size_t)page * MEM_PAGE_BYTES);
}

static uint32_t *stored_cell(const struct pools *p, const struct packed *k, uint32_t rank, uint32_t words)
{
    uint32_t chunk = rank >> k->shift;

    CHECK(k->chunk[chunk] != 0);
    return pool_cell(p, k->chunk[chunk]) + (rank - (chunk << k->shift)) * words;
}

uint32_t *pool_packed_cell(const struct pools *p, slot_t slot)
{
    const struct pool *pool = &p->pool[pool_of(slot)];
    const struct packed *k = packed_of(p, pool_of(slot));
    uint32_t rank = rank_of(k, slot & (POOL_CELLS - 1));

    if (k->chunks == 0)
        return page_at(p, pool->arena, pool->first_page) + rank * pool->words;
    return stored_cell(p, k, rank, pool->words);
}

/* ---- death in a packed pool ---- */

static uint64_t dead_bytes(struct packed *k, uint32_t c, uint32_t words)
{
    return (uint64_t)(chunk_cells(k, c) - alive_in(k)[c]) * words * sizeof(uint32_t);
}

void packed_lost(struct pools *p, uint32_t n, uint32_t place)
{
    struct packed *k = packed_of(p, n);
    struct pool *pool = &p->pool[n];
    uint32_t c = rank_of(k, place) >> k->shift;

    p->packed_changes++;
    class_of(p, pool)->packed_used--;
    if (k->chunks == 0) {
        p->packed_dead_bytes += pool->words * sizeof(uint32_t);
        return;
    }
    CHECK(k->chunk[c] != 0 && alive_in(k)[c] > 0);
    p->packed_dead_bytes -= dead_bytes(k, c, pool->words);
    if (--alive_in(k)[c] > 0) {
        p->packed_dead_bytes += dead_bytes(k, c, pool->words);
        return;
    }
    pool_free(p, k->chunk[c]);
    k->chunk[c] = 0;
}

bool packed_is_loose(const struct pools *p, uint32_t n)
{
    return p->pool[n].used * 2u < packed_of(p, n)->count;
}

void packed_release(struct pools *p, uint32_t n)
{
    const struct pool *pool = &p->pool[n];
    slot_t slot = (slot_t)(p->table[n] >> POOL_TABLE_SHIFT);
    struct packed *k = packed_of(p, n);

    p->packed_changes++;
    if (k->chunks == 0) {
        p->packed_pages -= row_pages(k, pool->words);
        p->packed_dead_bytes -= (uint64_t)(k->count - pool->used) * pool->words * sizeof(uint32_t);
        return_pages(p, pool->arena, pool->first_page, row_pages(k, pool->words));
    }
    for (uint32_t c = 0; c < k->chunks; c++)
        if (k->chunk[c] != 0) {
            p->packed_dead_bytes -= dead_bytes(k, c, pool->words);
            pool_free(p, k->chunk[c]);
        }
    pool_free(p, slot);
}

/* ---- packing ---- */

static uint32_t next_used(const struct pools *p, uint32_t n, uint32_t place)
{
    return bits_next(&p->used[n * POOL_WORDS], place, POOL_CELLS);
}

static void describe(const struct pools *p, uint32_t n, struct packed *k, uint32_t chunks)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < POOL_WORDS; i++) {
        k->stored[i] = pool_used_word(p, n, i);
        k->before[i] = (uint16_t)count;
        count += (uint32_t)__builtin_popcountll(k->stored[i]);
    }
    k->count = (uint16_t)count;
    k->shift = (uint8_t)chunk_shift(p->pool[n].words);
    k->chunks = (uint8_t)chunks;
    memset(k->chunk, 0, chunks * (sizeof(slot_t) + 1));
}

static bool make_chunks(struct pools *p, struct packed *k, uint32_t words)
{
    for (uint32_t c = 0; c < k->chunks; c++) {
        k->chunk[c] = pool_alloc(p, POOL_PACKED, chunk_words(k, c, words));
        if (k->chunk[c] != 0)
            continue;
        while (c-- > 0)
            pool_free(p, k->chunk[c]);
        return false;
    }
    return true;
}

/* Storage for the cells of pool n, not filled. False: refused, and nothing has changed. */
static bool make_storage(struct pools *p, uint32_t n, struct storage *ret)
{
    uint32_t words = p->pool[n].words, shift = chunk_shift(words);
    uint32_t chunks = (p->pool[n].used + (1u << shift) - 1) >> shift;

    if (chunks > CHUNKS_MAX)
        chunks = 0;
    ret->slot = pool_alloc(p, POOL_PACKED, packed_words(chunks));
    if (ret->slot == 0)
        return false;

    struct packed *k = (struct packed *)(void *)pool_cell(p, ret->slot);

    describe(p, n, k, chunks);
    if (chunks > 0 ? make_chunks(p, k, words) : take_pages(p, row_pages(k, words), &ret->arena, &ret->first_page))
        return true;
    pool_free(p, ret->slot);
    return false;
}

static void fill_storage(struct pools *p, uint32_t n, const struct storage *s)
{
    struct packed *k = (struct packed *)(void *)pool_cell(p, s->slot);
    uint32_t words = p->pool[n].words, rank = 0;

    for (uint32_t place = 0; (place = next_used(p, n, place)) < POOL_CELLS; place++, rank++) {
        uint32_t *to;

        if (k->chunks == 0) {
            to = page_at(p, s->arena, s->first_page) + rank * words;
        } else {
            to = stored_cell(p, k, rank, words);
            alive_in(k)[rank >> k->shift]++;
        }
        memcpy(to, pool_cell(p, n << POOL_SHIFT | place), words * sizeof *to);
    }
    p->packed_pages += row_pages(k, words);
}

/* Also of a loose pool, once more. False: refused, and nothing has changed. */
static bool pack(struct pools *p, uint32_t n)
{
    struct pool *pool = &p->pool[n];
    struct pool_class *class = class_of(p, pool);
    struct storage s = {.slot = 0};

    if (!make_storage(p, n, &s))
        return false;
    p->packed_changes++;
    fill_storage(p, n, &s);
    if (pool_is_packed(p, n)) {
        packed_release(p, n);
    } else {
        return_pages(p, pool->arena, pool->first_page, pool->words);
        class->packed++;
        class->packed_used += pool->used;
    }
    p->table[n] = (uint64_t)s.slot << POOL_TABLE_SHIFT | POOL_TABLE_PACKED |
                  (p->table[n] & (POOL_TABLE_OBJECTS | POOL_TABLE_WORDS));
    pool->arena = s.arena;
    pool->first_page = s.first_page;
    pool->level_mask = 0;
    list_update(p, n);
    return true;
}

/* ---- and back ---- */

static bool unpack(struct pools *p, uint32_t n)
{
    struct pool *pool = &p->pool[n];
    struct pool_class *class = class_of(p, pool);
    uint16_t arena, page;

    if (!take_pages(p, pool->words, &arena, &page))
        return false;

    uint32_t *cells = page_at(p, arena, page);

    for (uint32_t place = 0; place < POOL_CELLS; place++) {
        slot_t slot = n << POOL_SHIFT | place;

        if (bits_has(p->used, slot))
            memcpy(&cells[place * pool->words], pool_cell(p, slot), pool->words * sizeof *cells);
        else if (pool->kind == POOL_OBJECTS && p->make_free != NULL)
            p->make_free(&cells[place * pool->words], pool->turn_max);
    }
    packed_release(p, n);
    class->packed--;
    class->packed_used -= pool->used;
    move_in(p, n, arena, page);
    list_update(p, n);
    return true;
}

static bool numbers_are_scarce(const struct pools *p)
{
    return POOLS_MAX - p->pool_end + p->free_numbers < p->numbers_reserve;
}

static const struct pool_class *class_at(const struct pools *p, uint32_t i)
{
    return &p->class[i / (CELL_WORDS_MAX + 1)][i % (CELL_WORDS_MAX + 1)];
}

/* A packed pool of a class that would need a new number next; 0: none. */
static uint32_t next_wanted(const struct pools *p)
{
    for (uint32_t i = 0; i < CLASSES; i++) {
        const struct pool_class *class = class_at(p, i);
        uint32_t partial = 0;

        for (uint32_t level = 0; level < FULLNESS_LEVELS; level++)
            partial += class->length[level];
        if (partial == 0 && class->list[LEVEL_PACKED] != 0)
            return class->list[LEVEL_PACKED];
    }
    return 0;
}

/* ---- when, and which ---- */

bool is_sparse(const struct pools *p, enum pool_kind kind, uint32_t level)
{
    return kind != POOL_PACKED && (level < p->pack_levels || (level == LEVEL_LOOSE && p->pack_levels > 0));
}

void pools_set_pack(struct pools *p, uint32_t used_pct)
{
    p->sparse = 0;
    p->packing = false;
    p->pack_levels = (used_pct < 100 ? used_pct : 100) * FULLNESS_LEVELS / 100;
    for (uint32_t kind = 0; kind < POOL_PACKED; kind++)
        for (uint32_t words = 2; words <= CELL_WORDS_MAX; words++)
            for (uint32_t level = 0; level < LEVELS; level++)
                if (is_sparse(p, kind, level))
                    p->sparse += p->class[kind][words].length[level];
}

static uint32_t next_sparse_of(const struct pools *p, uint32_t i)
{
    const struct pool_class *class = class_at(p, i);
    for (uint32_t level = 0; level < p->pack_levels; level++)
        if (class->list[level] != 0)
            return class->list[level];
    return p->pack_levels > 0 ? class->list[LEVEL_LOOSE] : 0;
}

/* There is one. */
static uint32_t next_sparse(struct pools *p)
{
    for (uint32_t tries = 0; tries <= CLASSES; tries++) {
        uint32_t n = next_sparse_of(p, p->pack_class);

        if (n != 0)
            return n;
        p->pack_class = (p->pack_class + 1) % CLASSES;
    }
    UNREACHABLE();
}

static bool is_wasteful(const struct pools *p)
{
    uint64_t free = pools_free_bytes(p), all = (p->pool_pages + p->dirty_pages) * MEM_PAGE_BYTES;

    return free > WASTE_BYTES_MIN && free > all / 10;
}

void pools_tell_time(struct pools *p, uint64_t now_ms)
{
    CHECK(now_ms >= p->now_ms);
    if (now_ms == p->now_ms)
        return;
    p->now_ms = now_ms;
    if (p->sparse == 0 || !is_wasteful(p))
        p->waste_ms = NEVER;
    else if (p->waste_ms == NEVER)
        p->waste_ms = now_ms;
}

uint64_t pools_pack_at_ms(const struct pools *p)
{
    uint64_t at = p->waste_ms != NEVER ? p->waste_ms + p->decay_ms : NEVER;

    if (numbers_are_scarce(p)) /* packing would take away what unpacking gives */
        at = next_wanted(p) != 0 ? 0 : NEVER;
    else if (p->sparse == 0)
        at = NEVER;
    else if (p->packing || p->pack_all_due)
        at = 0;
    at = at > p->pack_retry_ms ? at : p->pack_retry_ms;
    return at <= p->now_ms ? 0 : at;
}

static size_t pack_one(struct pools *p)
{
    bool scarce = numbers_are_scarce(p);
    uint32_t n = scarce ? next_wanted(p) : next_sparse(p), used = p->pool[n].used;

    if (!(scarce ? unpack(p, n) : pack(p, n))) {
        p->pack_all_due = false;
        p->pack_retry_ms = p->now_ms + RETRY_MS;
    }
    p->packing = p->sparse > 0;
    if (!p->packing)
        p->waste_ms = NEVER; /* what is sparse next waits anew */
    return POOL_UNITS + used * CELL_UNITS;
}

size_t pools_pack(struct pools *p, size_t units)
{
    while (units > 0 && pools_pack_at_ms(p) == 0) {
        size_t cost = pack_one(p);

        units -= cost < units ? cost : units;
    }
    return units;
}

/* ---- proof ---- */

static size_t validate_chunks(const struct pools *p, struct packed *k, uint32_t words, const uint8_t *alive)
{
    size_t broken = (k->count + (1u << k->shift) - 1) >> k->shift != k->chunks;

    for (uint32_t c = 0; c < k->chunks; c++) {
        broken += alive[c] != alive_in(k)[c] || (alive[c] > 0) != (k->chunk[c] != 0);
        if (k->chunk[c] == 0)
            continue;
        broken += !bits_has(p->used, k->chunk[c]) || pool_words(p, k->chunk[c]) != chunk_words(k, c, words);
        broken += p->pool[pool_of(k->chunk[c])].kind != POOL_PACKED;
    }
    return broken;
}

static size_t validate_row(const struct pools *p, const struct pool *pool, const struct packed *k)
{
    return bits_count(p->arena[pool->arena].free, pool->first_page, row_pages(k, pool->words)) != 0;
}

size_t packed_validate(const struct pools *p, uint32_t n)
{
    struct packed *k = packed_of(p, n);
    uint32_t words = p->pool[n].words, rank = 0;
    uint8_t alive[POOL_CELLS] = {0};
    size_t broken = 0;

    for (uint32_t place = 0; place < POOL_CELLS; place++) {
        bool used = bits_has(p->used, n << POOL_SHIFT | place);

        broken += place % 64 == 0 && k->before[place / 64] != rank;
        broken += used && !bits_has(k->stored, place);
        if (!bits_has(k->stored, place))
            continue;
        alive[rank >> k->shift] = (uint8_t)(alive[rank >> k->shift] + used);
        rank++;
    }
    broken += rank != k->count;
    return broken + (k->chunks == 0 ? validate_row(p, &p->pool[n], k) : validate_chunks(p, k, words, alive));
}

void packed_add_up(const struct pools *p, uint32_t n, struct packed_sum *sum)
{
    const struct pool *pool = &p->pool[n];
    struct packed *k = packed_of(p, n);

    sum->cells++;
    if (k->chunks == 0) {
        sum->pages += row_pages(k, pool->words);
        sum->dead_bytes += (uint64_t)(k->count - pool->used) * pool->words * sizeof(uint32_t);
    }
    for (uint32_t c = 0; c < k->chunks; c++)
        if (k->chunk[c] != 0) {
            sum->cells++;
            sum->dead_bytes += dead_bytes(k, c, pool->words);
        }
}
