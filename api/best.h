/*
 * best.h - the first few of many, in some order, without sorting them all.
 *
 * Owns:      copies of the best rows seen so far, as a binary heap with the last of them on top.
 * Knows not: what a row is.
 */
#pragma once
#include "heap/base/mem.h"

/* As for qsort(): below 0 if `a` comes first. */
typedef int row_order(const void *a, const void *b);

struct best {
    struct mem *mem;
    row_order *order;
    size_t row_bytes, count, limit;
    char *rows;
};

/* The first `limit` (not 0). False: no memory. */
bool best_init(struct best *b, struct mem *mem, row_order *order, size_t row_bytes, size_t limit);
void best_fini(struct best *b); /* one that is all zero, too */

/* O(log limit), and mostly O(1). */
void best_consider(struct best *b, const void *row);
/* All there were: put them in order. Then nothing more is considered. */
void best_sort(struct best *b);
static inline const void *best_at(const struct best *b, size_t i)
{
    return b->rows + i * b->row_bytes;
}

/* For orders. */
static inline int largest_first(int64_t a, int64_t b)
{
    return (a < b) - (a > b);
}
