/*
 * arena.c - pages: from the system in arenas of 4 MiB, to the pools in rows, and back (pool.h).
 *
 * A page is charged when it enters a pool and stays so while it is free and dirty, so the account follows what
 * the system really gave. Arenas with dirty pages wait in a queue, in the order in which pages were last given
 * back to them; one whose pages have waited long enough is purged piece by piece. Where memory comes and goes
 * all the time the last time never grows old, so an arena keeps its place once it has waited for a whole decay.
 */
#include "heap/pool_impl.h"
#include <string.h>

#define PIECE_PAGES 64u  /* given back at a time: 10 us */
#define PIECE_UNITS 40u  /* what a piece costs, whatever its size ... */
#define PAGE_UNITS 5u    /* ... and for each page */

/* ---- rows of free pages ---- */

static void set_bits(uint64_t *set, uint32_t from, uint32_t count, bool on)
{
    for (uint32_t i = from; i < from + count; i++)
        (on ? bits_add : bits_remove)(set, i);
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

/* ---- the queue of those with dirty pages ---- */

static void queue_remove(struct pools *p, uint32_t n)
{
    struct arena *a = &p->arena[n];

    *(a->dirty_prev != 0 ? &p->arena[a->dirty_prev].dirty_next : &p->dirty_first) = a->dirty_next;
    *(a->dirty_next != 0 ? &p->arena[a->dirty_next].dirty_prev : &p->dirty_last) = a->dirty_prev;
}

static void queue_add(struct pools *p, uint32_t n)
{
    struct arena *a = &p->arena[n];

    a->dirty_ms = p->now_ms;
    a->dirty_next = 0;
    a->dirty_prev = p->dirty_last;
    *(p->dirty_last != 0 ? &p->arena[p->dirty_last].dirty_next : &p->dirty_first) = n;
    p->dirty_last = n;
}

static void gain_dirty(struct pools *p, uint32_t n, uint32_t count)
{
    struct arena *a = &p->arena[n];

    if (a->dirty_pages == 0) {
        a->waits_from_ms = p->now_ms;
        queue_add(p, n);
    } else if (a->dirty_ms != p->now_ms && p->now_ms - a->waits_from_ms < p->decay_ms) {
        queue_remove(p, n);
        queue_add(p, n);
    }
    a->dirty_pages = (uint16_t)(a->dirty_pages + count);
    p->dirty_pages += count;
}

static void lose_dirty(struct pools *p, uint32_t n, uint32_t count)
{
    struct arena *a = &p->arena[n];

    if (count == 0)
        return;
    a->dirty_pages = (uint16_t)(a->dirty_pages - count);
    p->dirty_pages -= count;
    if (a->dirty_pages == 0)
        queue_remove(p, n);
}

/* ---- taking and giving back ---- */

/* The pages become a pool's: zeroed, on the account. False when that is refused. */
static bool claim_pages(struct pools *p, uint32_t n, uint32_t page, uint32_t count)
{
    struct arena *a = &p->arena[n];
    uint32_t dirty = bits_count(a->dirty, page, count);

    if (!mem_charge(p->mem, (size_t)(count - dirty) * MEM_PAGE_BYTES))
        return false;
    for (uint32_t i = page; dirty > 0 && i < page + count; i++)
        if (bits_has(a->dirty, i))
            memset(a->base + (size_t)i * MEM_PAGE_BYTES, 0, MEM_PAGE_BYTES);
    set_bits(a->free, page, count, false);
    set_bits(a->dirty, page, count, false);
    a->free_pages = (uint16_t)(a->free_pages - count);
    lose_dirty(p, n, dirty);
    p->pool_pages += count;
    return true;
}

bool take_pages(struct pools *p, uint32_t count, uint16_t *ret_arena, uint16_t *ret_page)
{
    uint32_t class = bits_next(p->run_classes, count, RUN_CLASSES);
    uint32_t n = class < RUN_CLASSES ? p->arena_by_run[class] : map_arena(p);

    if (n == 0)
        return false;

    struct arena *a = &p->arena[n];
    uint32_t page = find_run(a, count);

    if (!claim_pages(p, n, page, count))
        return false;
    set_run_max(p, n, longest_run(a));
    *ret_arena = (uint16_t)n;
    *ret_page = (uint16_t)page;
    return true;
}

void return_pages(struct pools *p, uint32_t n, uint32_t page, uint32_t count)
{
    struct arena *a = &p->arena[n];
    uint32_t run;

    CHECK(bits_count(a->free, page, count) == 0);
    set_bits(a->free, page, count, true);
    set_bits(a->dirty, page, count, true);
    a->free_pages = (uint16_t)(a->free_pages + count);
    p->pool_pages -= count;
    gain_dirty(p, n, count);
    run = bits_next_clear(a->free, page, ARENA_PAGES) - bits_row_start(a->free, page + count);
    set_run_max(p, n, run > a->run_max ? run : a->run_max);
}

/* ---- back to the system ---- */

/* One arena without a pool is kept, so that a heap at the border of two does not map and unmap all the time. */
static bool is_spare(const struct pools *p, uint32_t n)
{
    return p->arena_by_run[RUN_CLASSES - 1] == n && p->arena[n].next == 0;
}

size_t purge_piece(struct pools *p)
{
    uint32_t n = p->dirty_first;
    struct arena *a = &p->arena[n];
    uint32_t from = bits_next(a->dirty, 0, ARENA_PAGES);
    uint32_t end = from + PIECE_PAGES < ARENA_PAGES ? from + PIECE_PAGES : ARENA_PAGES;
    uint32_t count = bits_next_clear(a->dirty, from, end) - from;

    mem_discard(a->base + (size_t)from * MEM_PAGE_BYTES, (size_t)count * MEM_PAGE_BYTES);
    mem_uncharge(p->mem, (size_t)count * MEM_PAGE_BYTES);
    set_bits(a->dirty, from, count, false);
    lose_dirty(p, n, count);
    if (a->dirty_pages == 0 && a->free_pages == ARENA_PAGES && !is_spare(p, n))
        unmap_arena(p, n);
    return PIECE_UNITS + count * PAGE_UNITS;
}

/* ---- proof ---- */

size_t arena_validate(const struct pools *p, uint32_t n)
{
    const struct arena *a = &p->arena[n];
    size_t broken = 0;

    broken += bits_count(a->free, 0, ARENA_PAGES) != a->free_pages;
    broken += bits_count(a->dirty, 0, ARENA_PAGES) != a->dirty_pages;
    for (uint32_t i = 0; i < ARENA_PAGES / 64; i++)
        broken += (a->dirty[i] & ~a->free[i]) != 0;
    broken += longest_run(a) != a->run_max;
    return broken;
}

/* Every arena with dirty pages is met once in the queue, and none waits longer than those before it. */
static size_t validate_queue(const struct pools *p)
{
    size_t broken = 0;
    uint64_t dirty = 0, last_ms = 0;

    for (uint32_t n = p->dirty_first; n != 0 && dirty <= p->dirty_pages; n = p->arena[n].dirty_next) {
        broken += p->arena[n].dirty_pages == 0 || p->arena[n].dirty_ms < last_ms;
        broken += p->arena[n].dirty_next == 0 && p->dirty_last != n;
        dirty += p->arena[n].dirty_pages;
        last_ms = p->arena[n].dirty_ms;
    }
    broken += dirty != p->dirty_pages;
    return broken;
}

/* Every mapped arena is met once in the lists, in the right one. */
static size_t validate_lists(const struct pools *p)
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

size_t arenas_validate(const struct pools *p)
{
    uint64_t free_pages = 0, dirty_pages = 0;
    uint32_t mapped = 0;

    for (uint32_t n = 1; n < p->arena_end; n++) {
        mapped += p->arena[n].base != NULL;
        free_pages += p->arena[n].base != NULL ? p->arena[n].free_pages : 0;
        dirty_pages += p->arena[n].base != NULL ? p->arena[n].dirty_pages : 0;
    }
    return validate_lists(p) + validate_queue(p) + (mapped != p->arena_count) + (dirty_pages != p->dirty_pages) +
           (p->pool_pages + free_pages != (uint64_t)p->arena_count * ARENA_PAGES);
}
