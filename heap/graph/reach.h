/*
 * reach.h - the forward walk: what is reached from outside, along which links, without passing through one object.
 *
 * Owns:      while it goes on, four bytes a slot that say from where each was first reached, and three bits.
 * Knows not: JSON, HTTP, time, and what the answer is for: chains are read back by chain.h, what only the one object
 *            reaches is added up by retained.h.
 *
 *   CLEAN --> OUTSIDE: roots, sessions, batches, the garbage list --> LINKS, breadth first --> BEHIND: what was linked
 *   meanwhile where the walk had been already --> OVER
 *
 * Links lead forward only: a list of who links to an object would cost eight bytes a link, for ever; so whoever asks for
 * it walks the heap, level by level, so that the first way found is a shortest one. Whatever is reached is looked through
 * once, but for the *target*, the object that the question is about: it is noted who links to it, and there it ends.
 *
 * The heap changes while the walk goes on; it is read only, and in bounded steps:
 *
 *   - What is linked or held anew, and was not reached yet, is noted (heap_watch, counted): the object that links to it may
 *     have been looked through. So when the walk is over everything has been reached that is reachable then (what has been
 *     made since it began is not counted among that; what it links to is). Nothing is missed, however the heap changes.
 *   - What was reached may be reachable no longer. Whoever reads a chain looks at each of its links again.
 *   - What was reached behind the walk's back (BEHIND) has no chain; if that alone reaches the target, the walk is *lost*, and
 *     to be done again.
 *
 * No recursion, no stack: what waits to be looked through is a short list, and, if there are more, a set of bits. No object is
 * looked through twice, so it ends, whatever others do.
 */
#pragma once
#include "heap/heap.h"
#include "heap/session.h"

struct reach;

/* Who holds objects from outside, besides roots and scopes. Functions and pointers may be NULL: there is nobody. */
struct reach_outside {
    const struct session_set *sessions;
    void *garbage;
    /* Begin with UINT32_MAX; false at the end. What stays there is met. */
    bool (*next_garbage)(void *garbage, uint32_t *cursor, obj_id *ret);
    bool (*is_garbage)(void *garbage, obj_id id);
};

/* How the walk came to an object. */
enum reach_from {
    REACHED_BY_OBJECT, /* with slot 0: not at all */
    REACHED_BY_ROOT,
    REACHED_BY_SESSION,
    REACHED_BY_BATCH,
    REACHED_BY_GARBAGE,
    REACHED_BEHIND,  /* it was linked, or held, where the walk had been already */
    REACHED_NEWBORN, /* it was not there when the walk began: it is passed over */
    REACHED_TARGET
};

/* Begin. It ends as soon as it has found `holders_max` holders of the target, each another object, root or so; 0: it goes on
 * to its end. `outside` must outlive it. ERR_NO_OBJECT, ERR_COLLECTED, ERR_NOMEM (the table is charged at once). */
enum err reach_begin(struct heap *h, const struct reach_outside *outside, obj_id target, uint32_t holders_max,
                     struct reach **ret, struct why *why);

/* Go on with about `units`: an object, or some links. Returns the units left; 0: there is more. When it is over, all of them. */
size_t reach_step(struct reach *r, size_t units);

/* Give it up, or back, at any time, in steps; returns the units left, 0: call again. Then *r is NULL; a NULL *r is fine. */
size_t reach_end(struct reach **r, size_t units);

/* ---- when it is over ---- */

/* Holders of the target that it found, those with the shortest chains first. */
uint32_t reach_holders(const struct reach *r);
/* No holder was found, and yet there may be one: something changed behind its back. Another walk may tell. */
bool reach_is_lost(const struct reach *r);
/* Something was linked behind its back: what the walk reached may be a little more than what can be reached. */
bool reach_was_passed(const struct reach *r);
