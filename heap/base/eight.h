/*
 * eight.h - eight bytes of text at a time.
 *
 * A mask has the top bit of each byte that something is true of, the first byte of the text lowest. Above the first byte
 * that is marked, others may be marked wrongly (the subtraction borrows); so ask for none or for the first.
 */
#pragma once
#include <endian.h>
#include <stdint.h>
#include <string.h>

#define EIGHT_ONES 0x0101010101010101u
#define EIGHT_TOPS 0x8080808080808080u

static inline uint64_t eight_at(const void *p)
{
    uint64_t eight;

    memcpy(&eight, p, sizeof eight);
    return le64toh(eight);
}

/* `limit` is at most 0x80; bytes from 0x80 on are not below it. */
static inline uint64_t eight_below(uint64_t eight, unsigned char limit)
{
    return (eight - limit * EIGHT_ONES) & ~eight & EIGHT_TOPS;
}

static inline uint64_t eight_equal(uint64_t eight, unsigned char byte)
{
    return eight_below(eight ^ byte * EIGHT_ONES, 1);
}

static inline uint64_t eight_high(uint64_t eight)
{
    return eight & EIGHT_TOPS;
}

/* The place of the first byte that is marked, of a mask that is not 0. */
static inline unsigned eight_first(uint64_t mask)
{
    return (unsigned)__builtin_ctzll(mask) / 8;
}
