/*
 * snapshot.h - a frozen graph (frozen.h) of the heap as it is at one moment, the *cut*, made while the heap goes on living.
 *
 * Owns:      the graph, and until it is whole what is gathered for it.
 * Knows not: who asks, or where it is written.
 *
 * It is an onlooker (heap/onlooker.h): objects are copied in steps, in the order of their slots, and one that has not been
 * come to just before it changes or dies. What is born after the cut is not in it. Everything else is of the cut: so is each
 * sum over objects, however they change meanwhile.
 *
 * An object with many parts is not copied whole inside a change: what is about to go from the part of it that has not been
 * come to is gathered instead, and so are holds, roots and batches. What was gathered is laid behind the others when the
 * heap has no more to say; then links, which are slots, become nodes. That part, half of the time, the heap does not notice.
 *
 * Memory: 24 bytes an object and 8 a link, on the account in one go at the cut, so that a snapshot for which there is none is
 * refused before it costs anything; meanwhile 4 bytes a slot, and what is gathered.
 *
 *     reap --nothing is doomed--> cut, copy --everything was come to--> lay --> whole; the heap may go
 */
#pragma once
#include "heap/graph/frozen.h"
#include "heap/heap.h"

struct snapshot;

/* Begin one. ERR_BUSY: another onlooker is there. ERR_NOMEM. */
enum err snapshot_begin(struct heap *h, struct snapshot **ret, struct why *why);

/* Go on, with about `units` of work: an object and its links; a unit is 20 to 100 ns. ERR_NOMEM: there is no memory for it;
 * ERR_LIMIT (snapshot_links_max): it would have too many links. Then nothing is left to be done but to end it. */
enum err snapshot_step(struct snapshot *s, size_t units, bool *ret_done, struct why *why);

/* What has been done, of how much, in about the same units; both 0 before the cut. */
void snapshot_progress(const struct snapshot *s, uint64_t *ret_done, uint64_t *ret_all);

/* Once it is whole. */
const struct frozen *snapshot_frozen(const struct snapshot *s);

/* What it takes on the account, and how much of that has not been written yet. */
uint64_t snapshot_bytes(const struct snapshot *s, uint64_t *ret_untouched);

/* Give it up, or back, at any time; memory returns in steps: returns the units left, 0: call again. Sets *s to NULL at the
 * end; a NULL *s is fine. */
size_t snapshot_end(struct snapshot **s, size_t units);
