/*
 * pool_impl.h - what pool.c, arena.c and pack.c tell each other.
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
