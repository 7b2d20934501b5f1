/* histogram.c - see histogram.h. */
#include "daemon/histogram.h"
#include "heap/base/check.h"

#define EXACT 32 /* numbers with a bucket of their own: 2^5 */
#define PARTS 16 /* buckets of one doubling: 2^4 */

static size_t bucket_of(uint64_t value)
{
    if (value > UINT32_MAX)
        value = UINT32_MAX;
    if (value < EXACT)
        return (size_t)value;

    unsigned power = 63u - (unsigned)__builtin_clzll(value); /* 5 .. 31 */

    return EXACT + (power - 5) * PARTS + (size_t)((value >> (power - 4)) - PARTS);
}

static uint64_t end_of(size_t bucket)
{
    if (bucket < EXACT)
        return bucket;

    size_t power = 5 + (bucket - EXACT) / PARTS;
    uint64_t part = PARTS + (bucket - EXACT) % PARTS;

    return ((part + 1) << (power - 4)) - 1;
}

void histogram_add(struct histogram *h, uint64_t value)
{
    size_t bucket = bucket_of(value);

    CHECK(bucket < HISTOGRAM_BUCKETS);
    h->buckets[bucket]++;
    h->count++;
    h->sum += value;
    if (value > h->max)
        h->max = value;
}

uint64_t histogram_below(const struct histogram *h, uint64_t bound)
{
    uint64_t count = 0;

    CHECK(bound > 0 && (bound & (bound - 1)) == 0 && bound <= UINT32_MAX);
    for (size_t i = 0, end = bucket_of(bound); i < end; i++)
        count += h->buckets[i];
    return count;
}

uint64_t histogram_quantile(const struct histogram *h, double q)
{
    uint64_t wanted = (uint64_t)(q * (double)h->count), seen = 0;

    CHECK(q >= 0 && q <= 1);
    if ((double)wanted < q * (double)h->count)
        wanted++; /* ceil, without libm */
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen >= wanted && seen > 0)
            return end_of(i) < h->max ? end_of(i) : h->max;
    }
    return 0;
}
