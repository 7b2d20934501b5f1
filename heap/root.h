/*
 * root.h - named roots: the names under which clients find their graphs again. Each is one counted reference.
 *
 * Always true, and checked by heap_validate(): the object of every root is live and its count includes it.
 */
#pragma once
#include "heap/heap.h"

/* Let `name` be a root of `id`; what it was a root of before is let go. *ret_new (may be NULL): the name is
 * new. ERR_DANGLING, ERR_BAD_VALUE, ERR_NOMEM. O(1). */
enum err root_put(struct heap *h, struct slice name, obj_id id, bool *ret_new, struct why *why);
/* ERR_NO_NAME; deleting, ERR_NOMEM too, if it may have to be taken back (undo.h). */
enum err root_get(const struct heap *h, struct slice name, obj_id *ret, struct why *why);
enum err root_delete(struct heap *h, struct slice name, struct why *why);

/* One root after another: the first numbered *cursor or higher; false at the end, else *cursor is one past
 * it. Roots that stay are met exactly once, whatever happens to others. `name` is the heap's. */
bool root_next(const struct heap *h, uint32_t *cursor, struct slice *ret_name, obj_id *ret_id);
/* The root that root_next() met with *cursor one past `number`; false: there is none of that number now. O(1). */
bool root_at(const struct heap *h, uint32_t number, struct slice *ret_name, obj_id *ret_id);
