/*
 * holders.h - the buffers of all connections together, and who of two is the slower.
 *
 * Owns:      the sum, who holds some, and how much each has moved of late.
 * Knows not: what is in a buffer, what is done when there are too many (edge.c).
 *
 * A connection holds what it has read of a request that is not whole, the body of one, and answers that its peer has
 * not read. Most hold nothing most of the time.
 *
 * How slow one is: what it holds, for each byte that its peer has moved. What is moved counts half at each look, and
 * everybody is looked at once a second: so it is, about, for how many seconds such a peer will keep its buffers. Three
 * peers show what that means: one that sends 10 MB a second through 200 KB is fast however long it goes on; one that
 * has sent 1 MB and stopped is slower at every look; and one for which 1 MB has just been made ready cannot have read
 * it yet, so what is newly held counts as moved once.
 *
 * Always true: bytes is the sum over the line, for_peers that over some of it, and who is in it holds more than nothing.
 */
#pragma once
#include "daemon/list.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOLDING_FREE_BYTES 4096u /* moved by everybody: who holds so little is hardly slow */

struct holders {
    struct list line;
    size_t bytes;
    size_t for_peers; /* of them, what those hold that wait for their peers; the others wait for us */
};

/* One connection's part. */
struct holding {
    struct list link;
    size_t bytes;
    bool for_peer;
    uint64_t moved; /* of late */
};

void holders_init(struct holders *h);
void holding_init(struct holding *one);
/* It holds so much now, and waits for its peer or for us. Who begins to hold stands last, who stops leaves the line. O(1). */
void holders_note(struct holders *h, struct holding *one, size_t bytes, bool for_peer);
/* Somebody who waits for its peer has to go. Half of `max` is theirs: what those hold who wait for us, which has a bound of
 * its own (body_json.h), is no reason to cut anybody; and one holder alone may have more. */
bool holders_are_over(const struct holders *h, uint64_t max);
/* NULL: nobody holds anything. */
struct holding *holders_first(const struct holders *h);
/* The first stands last from now on. */
void holders_pass_first(struct holders *h);

/* Its peer has sent or read so much. */
static inline void holding_moved(struct holding *one, size_t bytes)
{
    one->moved += bytes;
}
/* Time passes: what was moved until now is half as much. */
void holding_look(struct holding *one);
/* Who both hold something: a is slower than b. */
bool holding_is_slower(const struct holding *a, const struct holding *b);
