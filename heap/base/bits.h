/* bits.h - sets of small numbers: one bit each, walked 64 at a time. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

static inline bool bits_has(const uint64_t *set, uint32_t i)
{
    return (set[i / 64] >> (i % 64)) & 1;
}

static inline void bits_add(uint64_t *set, uint32_t i)
{
    set[i / 64] |= 1ull << (i % 64);
}

static inline void bits_remove(uint64_t *set, uint32_t i)
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
