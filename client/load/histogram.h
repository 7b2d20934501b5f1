/*
 * histogram.h - how often which number of microseconds was seen, to two significant digits, in fixed memory.
 *
 * Owns:      the counts. Knows not: what was measured.
 *
 * Buckets are those of Gil Tene's HdrHistogram: below HISTOGRAM_EXACT each number has one of its own, and each power of two
 * above has HISTOGRAM_EXACT / 2 of equal width, so a bucket is never wider than a 64th of what it counts. What is above
 * HISTOGRAM_MAX_US (71 minutes) is counted there; the greatest is known exactly besides.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_EXACT_BITS 7
#define HISTOGRAM_EXACT      (1u << HISTOGRAM_EXACT_BITS)
#define HISTOGRAM_MAX_BITS   32
#define HISTOGRAM_MAX_US     ((UINT64_C(1) << HISTOGRAM_MAX_BITS) - 1)
#define HISTOGRAM_BUCKETS                                                                                    \
    (HISTOGRAM_EXACT + (HISTOGRAM_MAX_BITS - HISTOGRAM_EXACT_BITS) * (HISTOGRAM_EXACT / 2))

struct histogram {
    uint64_t buckets[HISTOGRAM_BUCKETS];
    uint64_t count, sum, min, max; /* min and max are 0 while count is */
};

void histogram_clear(struct histogram *h);
void histogram_add(struct histogram *h, uint64_t us);
void histogram_merge(struct histogram *into, const struct histogram *h);

/* The least number that `part` (0 to 1) of all are not above, as its bucket's upper end knows it; 0 of none. */
uint64_t histogram_quantile(const struct histogram *h, double part);
double histogram_mean(const struct histogram *h);

/* The bucket a number falls into, and the greatest number that does. */
size_t histogram_bucket(uint64_t us);
uint64_t histogram_upper(size_t bucket);
