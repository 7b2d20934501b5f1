/* histogram.c - see histogram.h. */
#include "client/load/histogram.h"
#include <math.h>
#include <string.h>

#define HALF (HISTOGRAM_EXACT / 2)

void histogram_clear(struct histogram *h)
{
    memset(h, 0, sizeof *h);
}

size_t histogram_bucket(uint64_t us)
{
    unsigned shift;

    if (us > HISTOGRAM_MAX_US)
        us = HISTOGRAM_MAX_US;
    if (us < HISTOGRAM_EXACT)
        return (size_t)us;
    shift = 64u - (unsigned)__builtin_clzll(us) - HISTOGRAM_EXACT_BITS; /* leaves HALF .. HISTOGRAM_EXACT - 1 */
    return HISTOGRAM_EXACT + (shift - 1) * HALF + (size_t)((us >> shift) - HALF);
}

uint64_t histogram_upper(size_t bucket)
{
    size_t beyond = bucket - HISTOGRAM_EXACT;

    if (bucket < HISTOGRAM_EXACT)
        return bucket;
    return ((beyond % HALF + HALF + 1) << (beyond / HALF + 1)) - 1;
}

void histogram_add(struct histogram *h, uint64_t us)
{
    h->buckets[histogram_bucket(us)]++;
    h->min = h->count == 0 || us < h->min ? us : h->min;
    h->max = us > h->max ? us : h->max;
    h->sum += us;
    h->count++;
}

void histogram_merge(struct histogram *into, const struct histogram *h)
{
    if (h->count == 0)
        return;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        into->buckets[i] += h->buckets[i];
    into->min = into->count == 0 || h->min < into->min ? h->min : into->min;
    into->max = h->max > into->max ? h->max : into->max;
    into->sum += h->sum;
    into->count += h->count;
}

uint64_t histogram_quantile(const struct histogram *h, double part)
{
    uint64_t wanted = (uint64_t)ceil(part * (double)h->count), seen = 0;

    if (h->count == 0)
        return 0;
    if (wanted == 0)
        wanted = 1;
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen >= wanted)
            return histogram_upper(i) < h->max && i < HISTOGRAM_BUCKETS - 1 ? histogram_upper(i) : h->max;
    }
    return h->max;
}

double histogram_mean(const struct histogram *h)
{
    return h->count == 0 ? 0 : (double)h->sum / (double)h->count;
}
