/*
 * dice.h - where a random life gets its decisions from: a seed, or bytes that a fuzzer made.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dice {
    uint64_t state;       /* of the sequence that the seed decides */
    const uint8_t *bytes; /* not NULL: these decide instead */
    size_t left;
};

static inline struct dice dice_of_seed(uint64_t seed)
{
    return (struct dice){.state = seed};
}

/* Ends after `len` bytes: every decision is 0 from then on. */
static inline struct dice dice_of_bytes(const uint8_t *bytes, size_t len)
{
    return (struct dice){.bytes = bytes, .left = len};
}

static inline bool dice_is_over(const struct dice *d)
{
    return d->bytes != NULL && d->left == 0;
}

static inline uint64_t dice_splitmix(struct dice *d)
{
    uint64_t x = d->state += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* As many bytes as the range needs, so that a fuzzer's changes stay small. */
static inline uint32_t dice_from_bytes(struct dice *d, uint32_t n)
{
    uint32_t value = 0;

    for (uint64_t range = 1; range < n && d->left > 0; range <<= 8, d->left--)
        value = value << 8 | *d->bytes++;
    return value % n;
}

/* 0 .. n-1; n > 0. */
static inline uint32_t dice_below(struct dice *d, uint32_t n)
{
    return d->bytes != NULL ? dice_from_bytes(d, n) : (uint32_t)(dice_splitmix(d) % n);
}

static inline bool dice_one_in(struct dice *d, uint32_t n)
{
    return dice_below(d, n) == n - 1;
}

/* Any number, small ones as often as large ones. */
static inline uint64_t dice_number(struct dice *d)
{
    uint64_t bits = (uint64_t)dice_below(d, UINT32_MAX) << 32 | dice_below(d, UINT32_MAX);

    return bits >> dice_below(d, 64);
}
