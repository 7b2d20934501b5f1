/*
 * deadlines.h - who is to be looked at next: a binary heap of times, earliest first (Williams, "Algorithm 232: heapsort",
 * CACM 1964).
 *
 * Owns:      the order.
 * Knows not: what happens at a deadline.
 *
 * Each entry knows its place, so that one may leave from the middle. A deadline that only moves back need not be told: when
 * the old one comes up, its owner moves it.
 */
#pragma once
#include "heap/base/mem.h"

#define DEADLINE_NONE UINT32_MAX

/* Embedded in what its owner allocates. */
struct deadline {
    uint64_t at_ms;
    uint32_t place; /* DEADLINE_NONE: it is not among them */
};

struct deadlines {
    struct deadline **heap;
    uint32_t count, room;
};

/* Room for one more; false: memory is refused. */
bool deadlines_reserve(struct deadlines *d, struct mem *mem);
void deadlines_fini(struct deadlines *d, struct mem *mem);
/* There is room. */
void deadlines_add(struct deadlines *d, struct deadline *one);
/* One that is not among them is fine. */
void deadlines_remove(struct deadlines *d, struct deadline *one);
/* The first has a later time now. */
void deadlines_put_off_first(struct deadlines *d, uint64_t at_ms);
/* NULL: there is none. */
static inline struct deadline *deadlines_first(const struct deadlines *d)
{
    return d->count > 0 ? d->heap[0] : NULL;
}
static inline uint64_t deadlines_bytes(const struct deadlines *d)
{
    return d->room * sizeof *d->heap;
}
/* Number of broken rules. */
size_t deadlines_validate(const struct deadlines *d);
