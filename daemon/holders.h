/*
 * holders.h - the buffers of all connections together, and who has held some for longest.
 *
 * Owns:      the sum, and the order in which connections began to hold.
 * Knows not: what is in a buffer, what is done when there are too many (edge.c).
 *
 * A connection holds what it has read of a request that is not whole, the body of one, and answers that its peer has
 * not read. Most hold nothing most of the time. So whoever has held some for longest is slow, and goes first.
 *
 * Always true: bytes is the sum over the line, and who is in it holds more than nothing.
 */
#pragma once
#include "daemon/list.h"
#include <stddef.h>

struct holders {
    struct list line; /* who has held for longest first */
    size_t bytes;
};

/* One connection's part. */
struct holding {
    struct list link;
    size_t bytes;
};

void holders_init(struct holders *h);
void holding_init(struct holding *one);
/* It holds so much now. Who begins to hold stands last, who stops leaves the line. O(1). */
void holders_note(struct holders *h, struct holding *one, size_t bytes);
