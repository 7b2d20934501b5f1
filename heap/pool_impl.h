/*
 * pool_impl.h - what pool.c, arena.c, pack.c and pool_restore.c tell each other.
 */
#pragma once
#include "heap/pool.h"

#define NEVER UINT64_MAX /* a time that does not come */

/* ---- arena.c ---- */

/* `count` pages in a row, zeroed, on the account. False when refused. */
bool take_pages(struct pools *p, uint32_t count, uint16_t *ret_arena, uint16_t *ret_page);
/* They are free, and dirty until they are used again or purged. */
void return_pages(struct pools *p, uint32_t arena, uint32_t page, uint32_t count);
/* Give one piece of the arena that has waited longest back to the system; returns what that cost. */
size_t purge_piece(struct pools *p);
/* Number of broken rules; adds up the free and the dirty pages. */
size_t arenas_validate(const struct pools *p, uint64_t *ret_free_pages, uint64_t *ret_dirty_pages);

/* ---- pool.c ---- */

/* What a number costs for good. Its used bits do not: they go with the last pool of their page. */
#define NUMBER_BYTES (sizeof(uint64_t) + sizeof(struct pool) + sizeof(uint32_t))

/* Number n, in no use, is a pool from now on, of no class yet. False: memory is refused. */
bool begin_pool(struct pools *p, uint32_t n, enum pool_kind kind, uint32_t words);
/* All cells of a pool are free or retired: it goes, and its number is in no use. */
void end_pool(struct pools *p, uint32_t n);
/* A number in no use may be taken again, unless its turns have run out. */
void offer_number(struct pools *p, uint32_t n);

static inline struct pool_class *class_of(struct pools *p, const struct pool *pool)
{
    return &p->class[pool->kind][pool->words];
}

void list_remove(struct pools *p, uint32_t n);
/* Put pool n into the list it belongs in. */
void list_update(struct pools *p, uint32_t n);
/* Pages have become pool n's, and its table entry says so. */
void move_in(struct pools *p, uint32_t n, uint16_t arena, uint16_t page);

/* ---- pool_restore.c ---- */

/* What is only known while pools are put back; nothing if they are not. */
void pools_restore_forget(struct pools *p);

/* ---- pack.c ---- */

/* Whether packing would take a pool of `kind` in the list for `level`. */
bool is_sparse(const struct pools *p, enum pool_kind kind, uint32_t level);
/* Cells of a packed pool have died: each is told, once its used bit is gone. */
void packed_lost(struct pools *p, uint32_t n, uint32_t place);
/* More than half of what was packed has died. */
bool packed_is_loose(const struct pools *p, uint32_t n);
/* Whatever a packed pool has goes back. */
void packed_release(struct pools *p, uint32_t n);

/* What packed pools own: storage cells, pages, and bytes in them of cells that have died. */
struct packed_sum {
    uint64_t cells, pages, dead_bytes;
};

/* Number of broken rules; adds to the sum. */
size_t packed_validate(const struct pools *p, uint32_t n, struct packed_sum *sum);
