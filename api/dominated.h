/*
 * dominated.h - the dominator tree of a snapshot that is kept: found once, beside the loop, when somebody first asks.
 *
 * Owns:      the tree and its fold (heap/graph/), and the line of those that are to be found.
 * Knows not: who asks for what, and how another thread is had (api_world.run_aside).
 *
 *   LINE --its turn, and there is room--> RUNS --another thread: found--> THERE --the snapshot goes--> SPENT
 *                                           `--nobody waits for it any more--> SPENT --another thread: given back--> gone
 *
 * One runs at a time, so that long JSON finds a thread too. All that one takes is on the account before it runs, and what it
 * does not keep goes back when it is there. While it runs the snapshot is held. Who waits for one that is refused is told why.
 */
#pragma once
#include "api/snapshots.h"
#include "heap/graph/dominators.h"
#include "heap/graph/fold.h"

struct dominated;

/* Wait for it: from now on to dominated_leave(). The first one has it found. ERR_NOMEM. `t` is held by who waits. */
enum err dominated_join(struct api *api, struct taken *t, struct why *why);
void dominated_leave(struct taken *t);
/* Is it there? ERR_NOMEM: it will not be. */
enum err dominated_look(const struct taken *t, bool *ret_there, struct why *why);

/* Once it is there, as long as the snapshot is. */
const struct dominators *dominated_tree(const struct taken *t);
const struct fold *dominated_fold(const struct taken *t);

/* What it takes on the account; 0: there is none. */
uint64_t dominated_bytes(const struct taken *t);
/* A member "dominators" of an open object: how far it is. Nothing while nobody has asked. */
void dominated_write(const struct taken *t, struct out *o);

/* The snapshot goes, and nobody waits. */
void dominated_end(struct taken *t);
/* The same where nothing may begin on another thread any more, and nothing is under way there. */
void dominated_fini(struct taken *t);

/* The place of the one that runs, for other work of that kind: false, it is taken (look again when an aside is done). */
bool dominated_take_turn(struct api *api);
void dominated_end_turn(struct api *api);
