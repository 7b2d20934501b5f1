/*
 * dice.h - chance that a seed decides: splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
 */
#pragma once
#include <math.h>
#include <stdbool.h>
#include <stdint.h>

struct dice {
    uint64_t state; /* the seed, at first */
};

static inline uint64_t dice_roll(struct dice *d)
{
    uint64_t x = d->state += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* 0 .. n - 1; n is above 0 and small beside 2^64, so the remainder favours nobody that one could notice. */
static inline uint64_t dice_below(struct dice *d, uint64_t n)
{
    return dice_roll(d) % n;
}

/* True once in `n` on average. */
static inline bool dice_once_in(struct dice *d, uint64_t n)
{
    return dice_below(d, n) == 0;
}

/* In (0, 1]. */
static inline double dice_part(struct dice *d)
{
    return (double)((dice_roll(d) >> 11) + 1) * 0x1p-53;
}

/* The time until the next of events that come `rate` a second by chance (a Poisson process), in seconds. */
static inline double dice_gap(struct dice *d, double rate)
{
    return -log(dice_part(d)) / rate;
}
