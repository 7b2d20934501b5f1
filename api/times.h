/*
 * times.h - how often something took how long: a few counters that are cheap to add to, as /metrics shows them.
 *
 * A bound is four times the one before. Quantiles are not to be had from so few (daemon/histogram.h has them); Prometheus
 * gets its own from such buckets.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define TIME_BOUNDS 10         /* the last: 16.8 s */
#define TIME_BOUND_US_BITS 6   /* the first: 64 us */

struct times {
    uint64_t sum_us;
    uint64_t in[TIME_BOUNDS + 1]; /* took less than time_bound_us(i), and not less than the one before; the last: the rest */
};

static inline uint64_t time_bound_us(size_t i)
{
    return UINT64_C(1) << (TIME_BOUND_US_BITS + 2 * i);
}

static inline void times_add(struct times *t, uint64_t us)
{
    unsigned bits = 64u - (unsigned)__builtin_clzll(us | 1); /* of the number */
    size_t i = bits <= TIME_BOUND_US_BITS ? 0 : (bits - TIME_BOUND_US_BITS + 1) / 2;

    t->in[i < TIME_BOUNDS ? i : TIME_BOUNDS]++;
    t->sum_us += us;
}
