/*
 * window.h - who is in a window of the collector: one byte for each slot, in a table that costs what it touches.
 *
 * A collection looks at a set of objects, its window. Two may be open at once, on disjoint sets: a young one
 * inside a full one. While a window is open the byte of each member not yet reached says which window it is in,
 * and what is left of the member's count when the links among members are taken away:
 *
 *     0               in no window, or reached
 *     base + 1 + n    a member; n is left, up to WINDOW_LEFT_MAX
 *     base + 1 + WINDOW_LEFT_LARGE   a member of which more is left; the collector says how much elsewhere
 *
 * where base is 0 for the young window and 0x80 for the full one. So a collection of ten million objects goes
 * through ten million bytes, not through ten million headers, and the heap, which has to tell the collector when
 * the count of a member changes, looks at a byte only while a window is open.
 */
#pragma once
#include <stdint.h>

enum object_window { WINDOW_NONE, WINDOW_YOUNG, WINDOW_FULL };

#define WINDOW_LEFT_MAX 125u
#define WINDOW_LEFT_LARGE 126u
#define WINDOW_STRANGER 127u /* what window_left() says, at least, of one that is no member */

static inline uint8_t window_base(enum object_window w)
{
    return w == WINDOW_FULL ? 0x80 : 0;
}

static inline uint8_t window_byte(uint8_t base, uint32_t left)
{
    return (uint8_t)(base + 1 + left);
}

static inline uint32_t window_left(uint8_t byte, uint8_t base)
{
    return (uint8_t)(byte - base - 1);
}

static inline enum object_window window_of_byte(uint8_t byte)
{
    return byte == 0 ? WINDOW_NONE : byte < 0x80 ? WINDOW_YOUNG : WINDOW_FULL;
}
