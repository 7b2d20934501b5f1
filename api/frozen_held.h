/*
 * frozen_held.h - of some objects of a frozen graph: which roots, sessions, batches and garbage lists hold them.
 *
 * Owns:      a place for HELD_MAX holders of each.
 * Knows not: why somebody wants to know.
 *
 * Holders know whom they hold, and not the other way round: so all that they hold is looked through, in steps.
 */
#pragma once
#include "api/json_out.h"
#include "heap/base/err.h"
#include "heap/graph/frozen.h"

#define HELD_NODES_MAX 1024u
#define HELD_MAX       10u /* of one object are told */

struct held;

/* NULL: memory is refused. */
struct held *held_create(struct mem *mem, const struct frozen *f);
void held_destroy(struct held **h);

/* This one too, at most HELD_NODES_MAX; only objects have holders, others are passed over. Before the first step. */
void held_want(struct held *h, uint32_t node);
/* Look on; returns the units left, 0: there is more. */
size_t held_step(struct held *h, size_t units);
/* A root that names it, if it was wanted and has one; empty: none. */
struct slice held_root(const struct held *h, uint32_t node);
/* Members "holders" and, if there are more, "more_holders" of an open object; nothing for one that was not wanted. */
void held_write(const struct held *h, uint32_t node, struct out *o);
