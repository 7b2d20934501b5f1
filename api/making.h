/*
 * making.h - large values of JSON become objects a piece each turn.
 *
 * Owns:      the object that is being made, and the place in the JSON up to which it is.
 * Knows not: what the object is for: that is for whoever goes on when it is made.
 *
 * decode.h makes a value in one piece, children first: 50 ms for 1 MiB of small lists. Here the containers whose
 * contents are many come first and get them one by one; what is small is made in one piece, as ever. Until all is
 * there the object is held as that of an open batch is, and others may see it grow; if a part of it is refused, all
 * of it dies.
 */
#pragma once
#include "api/task.h"

#define MAKING_NODES_MAX 256 /* values within one that is made in one piece */

/* True if `value`, of the body of the task, is too much for one piece. A body that was short enough to be decoded on the
 * loop's thread is made there in one piece too, so that not many are in memory as JSON at a time. O(MAKING_NODES_MAX). */
bool is_made_in_pieces(const struct task *t, const json_t *value);

/* The rest of a request whose object has been made: its one reference now belongs to this function. `body` is the
 * request's, as it was given to make_then(). */
typedef enum err made_fn(struct task *t, const json_t *body, obj_id id, struct why *why);

/* After the handler returns, make `value`, an object or array within `body`, as a new object with that label, which is
 * of the task's text or `body`; then call `then`, which answers. Keeps `body`. ERR_NOMEM. */
enum err make_then(struct task *t, struct label label, const json_t *body, const json_t *value, made_fn *then,
                   struct why *why);
