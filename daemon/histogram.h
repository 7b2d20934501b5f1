/*
 * histogram.h - how often a number of microseconds was seen, in a fixed size and with a bounded error.
 *
 * Log-linear: numbers below 32 have a bucket each; above, every doubling is cut into 16 buckets, so that a
 * quantile is at most a sixteenth above the truth (the idea of HdrHistogram, http://hdrhistogram.org).
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_BUCKETS (32 + 27 * 16) /* up to 2^32 microseconds, more than an hour */

struct histogram {
    uint64_t count, sum, max;
    uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* All zero is an empty one. */
void histogram_add(struct histogram *h, uint64_t value);
/* How many were less than `bound`, a power of two: buckets end there, so this is exact. */
uint64_t histogram_below(const struct histogram *h, uint64_t bound);
/* The smallest number that at least `q` (0 to 1) of all are not above, rounded up to its bucket's end, never
 * above max; 0 if empty. */
uint64_t histogram_quantile(const struct histogram *h, double q);
