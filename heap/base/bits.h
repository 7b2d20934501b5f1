/* bits.h - sets of small numbers: one bit each, walked 64 at a time. */
#pragma once
#include "heap/base/inline.h"
#include <stdbool.h>
#include <stdint.h>

ALWAYS_INLINE bool bits_has(const uint64_t *set, uint32_t i)
{
    return (set[i / 64] >> (i % 64)) & 1;
}

ALWAYS_INLINE void bits_add(uint64_t *set, uint32_t i)
{
    set[i / 64] |= 1ull << (i % 64);
}

ALWAYS_INLINE void bits_remove(uint64_t *set, uint32_t i)
{
    set[i / 64] &= ~(1ull << (i % 64));
}

/* The first member at or after `from`, below `end`; `end`: none. A hole of a million costs 16,000 steps. */
static inline uint32_t bits_next(const uint64_t *set, uint32_t from, uint32_t end)
{
    while (from < end) {
        uint64_t word = set[from / 64] >> (from % 64);

        if (word != 0) {
            from += (uint32_t)__builtin_ctzll(word);
            return from < end ? from : end;
        }
        from = (from | 63) + 1;
    }
    return end;
}

/* The first non-member at or after `from`, below `end`; `end`: none. */
static inline uint32_t bits_next_clear(const uint64_t *set, uint32_t from, uint32_t end)
{
    while (from < end) {
        uint64_t word = ~set[from / 64] >> (from % 64);

        if (word != 0) {
            from += (uint32_t)__builtin_ctzll(word);
            return from < end ? from : end;
        }
        from = (from | 63) + 1;
    }
    return end;
}

/* The first member of the row of members that ends below `end`; `end`: there is none. */
static inline uint32_t bits_row_start(const uint64_t *set, uint32_t end)
{
    while (end > 0) {
        uint32_t last = (end - 1) % 64;
        uint64_t clear = ~set[(end - 1) / 64] << (63 - last);

        if (clear != 0)
            return end - (uint32_t)__builtin_clzll(clear);
        end -= last + 1;
    }
    return 0;
}

/* How many of the numbers [from, from + count) are members. */
static inline uint32_t bits_count(const uint64_t *set, uint32_t from, uint32_t count)
{
    uint32_t n = 0;

    while (count > 0) {
        uint32_t here = 64 - from % 64 < count ? 64 - from % 64 : count;
        uint64_t mask = (here < 64 ? (1ull << here) - 1 : UINT64_MAX) << (from % 64);

        n += (uint32_t)__builtin_popcountll(set[from / 64] & mask);
        from += here;
        count -= here;
    }
    return n;
}
