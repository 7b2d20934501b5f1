/*
 * proof.h - how far a recount in steps has come: what the functions named ..._validate_step() go on from.
 *
 * Zero it to begin. A step takes units and returns those left over; 0: call again, otherwise it is through, and `broken`
 * is how many rules do not hold. What is looked at may change in any way between two steps: an equation is always that
 * of one moment, and what was there at the beginning and stays is met.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct proof {
    uint32_t part; /* which of the things to be proved ... */
    uint64_t at;   /* ... and where in it */
    size_t broken;
};

/* The next of the things to be proved. */
static inline void proof_next(struct proof *p)
{
    p->part++;
    p->at = 0;
}

static inline size_t units_less(size_t units, size_t cost)
{
    return units > cost ? units - cost : 0;
}
