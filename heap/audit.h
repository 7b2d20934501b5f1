/*
 * audit.h - heap_validate() on a heap that goes on living: a recount in bounded steps, between which anything may happen.
 *
 * Owns:      an account of four bytes for each slot, from the beginning of an audit to its end.
 * Knows not: what happens between the steps: the heap tells (onlooker.h).
 *
 * The equations are those of heap_validate.c; those about objects, links and counts are of one moment, the *cut*, at
 * which the audit begins. How it can still be known later what was there then:
 *
 *   - An object that has not been looked at is looked at just before it changes or dies. A list or dictionary with many
 *     parts is not, since that would take too long: what changes in the part of it that has not been come to is put on the
 *     account instead, and so are holders (roots, scopes, holds) that have not been.
 *   - Each change of a count is put on the account, too. So once everything was looked at, each object's account is its
 *     count, and stays it from then on: comparing them takes as many steps as it likes.
 *   - Statistics are those of the cut, and so is what was looked at: if they break later, the next audit tells.
 *   - At the cut none of the dead waits to be reaped, for they let go of what they hold without telling anybody; before the
 *     cut the audit reaps. What a collection has condemned may wait.
 *
 * Tables (pools, shapes, strings, names) have rules that hold at any moment; they are looked at piece by piece, as they are
 * when their turn comes. What their pieces add up to is looked at in one go, some nanoseconds a pool or shape.
 *
 * While there is no audit, this costs the heap a look at a pointer where lists, dictionaries, roots and scopes change, and
 * where a pool of condemned objects goes. While there is one, changing an object for the first time costs up to a microsecond
 * more: its account, and those of what it links to, have to come from memory. Ten million records of two links take 0.5 s in
 * all, 1,024 units at most 0.4 ms (tests/bench/onlook_probe).
 */
#pragma once
#include "heap/heap.h"

struct heap_audit;

typedef void broken_fn(void *ctx, const char *sentence);

/* Begin one; each broken equation is told through `broken` (NULL: only counted) during the steps. ERR_BUSY: there is one
 * already. ERR_NOMEM: no memory for the audit itself; the account comes with the cut. */
enum err heap_audit_begin(struct heap *h, broken_fn *broken, void *ctx, struct heap_audit **ret, struct why *why);

/* Go on, with about `units` of work: an object and its links, or a row of a table; a unit is 20 to 100 ns. ERR_NOMEM: there
 * is no memory for the account, and nothing more to be done but to end it. */
enum err heap_audit_step(struct heap_audit *a, size_t units, bool *ret_done, struct why *why);

/* Broken equations so far. */
size_t heap_audit_broken(const struct heap_audit *a);
/* Slots looked at, of how many; both 0 before the cut. */
void heap_audit_progress(const struct heap_audit *a, uint64_t *ret_done, uint64_t *ret_all);

/* Give it up, or back, at any time: the first call ends it, so that `broken` is told nothing more. Memory returns in steps;
 * returns the units left, 0: call again. Sets *a to NULL at the end; a NULL *a is fine. */
size_t heap_audit_end(struct heap_audit **a, size_t units);
