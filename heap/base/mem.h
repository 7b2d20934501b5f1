/*
 * mem.h - the one account through which everything here gets memory.
 *
 * Owns:      how many bytes are in use, the cap on them, and the failure a test has asked for.
 * Knows not: what the bytes are for.
 *
 * Two things make the cap more than a number. Bytes that are nobody's here may count against it: what another account of
 * the same process has, or what somebody will need who cannot be refused (`aside_bytes`). And who lets go of memory, or
 * only looks, may go beyond the cap for a while (mem_reach()): else nobody could ever empty what is full.
 *
 * Every free names its size, so nothing is kept beside an allocation. Blocks are zeroed only where said.
 * One account belongs to one thread.
 *
 * Always true: used_bytes is the sum of all blocks handed out and not given back; at fini it is 0.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mem {
    size_t used_bytes;
    size_t peak_bytes;
    size_t max_bytes;       /* 0: no cap */
    size_t aside_bytes;     /* count against it too, though they are not in use here */
    size_t over_bytes;      /* what was there already when the cap came down on it: who goes beyond, begins there */
    size_t reach_bytes;     /* how far beyond the cap whoever asks now may go; see mem_reach() */
    uint64_t refused_count; /* times the cap has refused */
    size_t block_bytes;     /* of used_bytes, in blocks small enough to share the C library's pages */
    uint64_t request_count; /* allocations asked for so far, refused ones included */
    uint64_t fail_at;       /* refuse request number fail_at (from 1) ... 0: never */
    bool fail_on;           /* ... and all that follow it */
};

#define MEM_PAGE_BYTES 4096u
#define MEM_BLOCK_BYTES_MAX (128u << 10) /* larger ones are mapped alone, and go back when they are freed */

void mem_init(struct mem *m, size_t max_bytes);
void mem_fini(struct mem *m);                       /* CHECKs that everything came back */

/* Another cap; what is in use stays so. 0: none. */
void mem_set_max(struct mem *m, size_t max_bytes);
/* From now on whoever asks may go so far beyond the cap; 0: no further than it. Returns what it was, to be set again. */
static inline size_t mem_reach(struct mem *m, size_t bytes)
{
    size_t before = m->reach_bytes;

    m->reach_bytes = bytes;
    return before;
}
/* How much whoever asks now may still have; SIZE_MAX without a cap. */
size_t mem_room(const struct mem *m);

/* NULL when refused (the cap, the system, or a test). size > 0. */
void *mem_alloc(struct mem *m, size_t size);
void *mem_zalloc(struct mem *m, size_t size);       /* zeroed */
/* The same for what must not be refused: the account is charged, cap or not. NULL only if the system refuses. */
void *mem_zalloc_spent(struct mem *m, size_t size);
/* Like realloc: on refusal returns NULL and the old block stays. ptr NULL with old_size 0 allocates. */
void *mem_realloc(struct mem *m, void *ptr, size_t old_size, size_t new_size);
/* The same for what must not be refused. */
void *mem_realloc_spent(struct mem *m, void *ptr, size_t old_size, size_t new_size);
/* Give a block of `size` back; NULL is fine. */
void mem_free(struct mem *m, void *ptr, size_t size);

/* Whole zeroed pages straight from the system, `align` (a power of two, at least a page) aligned. The
 * account is charged for all of `size`. */
void *mem_map(struct mem *m, size_t size, size_t align);
void mem_unmap(struct mem *m, void *ptr, size_t size);

/* Address space without memory behind it: reads as zero, costs what is written, page by page (never a huge one, of which
 * most would be paid for nothing). Nothing is charged; the owner charges what it touches by mem_charge(). This is how
 * tables indexed by slot grow without ever being copied. NULL when refused. */
void *mem_reserve(struct mem *m, size_t size);
void mem_unreserve(struct mem *m, void *ptr, size_t size);
/* Give the pages wholly inside [ptr, ptr+size) back to the system; they read as zero again. */
void mem_discard(void *ptr, size_t size);

/* Have the system put memory behind whole pages now, at once instead of one by one when they are first written. It may
 * refuse; nothing is lost by that. */
void mem_populate(void *ptr, size_t size);

/* Ask the allocator below the account to give its own free memory back to the system: 10 us, or milliseconds where a
 * million free blocks lie between used ones. */
void mem_trim(void);
/* Once, before the first allocation of the process: hold the allocator below to MEM_BLOCK_BYTES_MAX, and to one heap.
 * Left alone it raises the former to 32 MiB, keeps what it was given back, and gives every thread a heap of its own. */
void mem_settle(void);
/* What the allocator below the account has in memory for small blocks, used and free ones and its own marks, of all
 * accounts. About 1 us a MiB. */
size_t mem_blocks_resident(void);
/* The same in pieces. Zero it to begin: each call looks at `bytes_max` more of the allocator's addresses; true when that
 * was the last of them, and `resident_bytes` is known anew. */
struct mem_blocks_look {
    uintptr_t at;   /* 0: the next call begins anew */
    size_t pages;   /* found so far */
    size_t resident_bytes;
};
bool mem_blocks_look(struct mem_blocks_look *look, size_t bytes_max);
/* No more than this can be resident: what the allocator has ever laid out and not taken back. O(1). */
size_t mem_blocks_extent(void);

/* Put `size` bytes on the account, or refuse (cap, test). */
bool mem_charge(struct mem *m, size_t size);
/* The same for what is spent already and cannot be refused any more. */
void mem_charge_spent(struct mem *m, size_t size);
void mem_uncharge(struct mem *m, size_t size);
