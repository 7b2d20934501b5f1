/*
 * undo.h - many changes that are one: all of them stay, or none ever was.
 *
 *     undo_begin --any changes--> undo_commit: they stay, and what nothing holds any more dies
 *                           `---> undo_rollback: everything is as it was; what was made on the way is dead
 *
 * Owns:      from begin to end the old values, newest last, and which objects were made.
 * Knows not: why something is taken back; how to put an old value in its place: whoever changes something knows that
 *            (undo_impl.h), and takes care that it needs no memory.
 *
 * Between begin and end nothing dies. A count falls as ever, so whoever asks hears the true one, but what has come
 * to 0 lives until the end, and lives on if it is linked again. Ids of what is made answer as any others.
 *
 * One at a time, and nobody else has a turn before it ends: no collection, no reaping, no session that ends. What can
 * be taken back: objects made, records edited, items set and pushed, roots, weak names put, holds. The rest (an item
 * deleted, bytes replaced, a weak name forgotten) is a CHECK, and so is who has a turn. Of the references that the caller
 * itself has (heap_release(), scopes) it gives none back, in between, but on what was made; and before a rollback all of
 * those.
 *
 * This is where it is known that such changes begin, stay, or are taken back.
 */
#pragma once
#include "heap/heap.h"

/* ERR_NOMEM. O(1), about 10 us. */
enum err undo_begin(struct heap *h, struct why *why);
/* O(changes). */
void undo_commit(struct heap *h);
/* Order of fields and items, counts, numbers of roots and etags too. Of what an object takes in memory it may be that
 * a large dictionary keeps the room it has grown, and a list its last leaf if no memory can be had for a smaller one.
 * Cannot fail: the limit of the account does not count meanwhile. O(changes), and not O(what was changed). */
void undo_rollback(struct heap *h);
