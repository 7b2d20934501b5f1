/*
 * restore.h - a heap put back as it was: objects come under the ids they had.
 *
 * Owns:      what is true until the end of it: every object has one reference more, so that only those die that are said
 *            to have died.
 * Knows not: where what is put back was kept (api/redo.h, daemon/store/).
 *
 *   begin --pools, objects, then what is in them, names, holds; deaths, in the order in which they came--> end, in steps
 *
 * Objects come empty, and are filled by the ordinary operations of heap.h. What no root, session or living object keeps when
 * it ends dies then: it was held by a request or a batch that has ended with its process.
 *
 * What is put back may be rotten: everything here answers ERR_BAD_VALUE with a sentence to what cannot have been, and
 * whoever puts it back gives the whole heap up. ERR_NOMEM likewise.
 */
#pragma once
#include "heap/heap.h"

/* Of a new heap, of which nothing has been used. `pool_end`: one more than the highest number of a pool that will come. */
enum err heap_restore_begin(struct heap *h, uint32_t pool_end, struct why *why);

/* The pool with this number had cells of `words` words (0: it is none now); turns of its present life begin at `turn_base`, and
 * those below `turn` of that life may have been used. */
enum err heap_restore_pool(struct heap *h, uint32_t number, uint32_t words, uint32_t turn_base, uint32_t turn, struct why *why);

/* An object without contents. */
enum err heap_restore_object(struct heap *h, obj_id id, enum heap_kind kind, struct label label, struct why *why);

/* These cells of a pool, POOL_CELLS bits, are dead. Several that died together are told one after the other, then buried. */
enum err heap_restore_dead(struct heap *h, uint32_t pool, const uint64_t *cells, struct why *why);
/* They let go of what they had. ERR_BAD_VALUE: one of them was kept by something that lives. */
enum err heap_restore_bury(struct heap *h, struct why *why);

/* Let go of the references that were only there to put it back, from *cursor (0 to begin) on: returns the units left, about an
 * object each; 0: call again. */
size_t heap_restore_end(struct heap *h, slot_t *cursor, size_t units);
