/*
 * making.h - large values of JSON become objects a piece each turn.
 *
 * Owns:      what is being made, what it names, and the place in the JSON up to which it is.
 * Knows not: what it is for: that is for whoever goes on when it is made.
 *
 *   CHECK --all of it can be taken--> MAKE --it is there--> SETTLE --nothing else is held--> `then`, in the same turn
 *
 * decode.h makes a value in one piece: 50 ms for 1 MiB of small lists. Here it is looked through first, a piece each turn:
 * whatever can be refused but for memory is refused before anything is made, and the objects that it names are held
 * from then on, so that they live until links to them are there. Then the containers whose contents are many are made
 * and get them one by one; what is small is made in one piece, as ever. All of it is staged (heap/staging.h) until
 * `then` has put it where it belongs: nobody else sees it before, and nobody ever does if it is refused after all.
 */
#pragma once
#include "api/task.h"

#define MAKING_NODES_MAX 256 /* values within one that is made in one piece */

/* True if `value`, of the body of the task, is too much for one piece. A body that was short enough to be decoded on the
 * loop's thread is made there in one piece too, so that not many are in memory as JSON at a time. O(MAKING_NODES_MAX). */
bool is_made_in_pieces(const struct task *t, const json_t *value);

/* The rest of a request whose object has been made: its one reference now belongs to this function. `body` is the
 * request's, as it was given to make_then(). After an error nobody sees the object. */
typedef enum err made_fn(struct task *t, const json_t *body, obj_id id, struct why *why);

/* After the handler returns, make `value`, an object or array within `body`, as a new object with that label, which is
 * of the task's text or `body`; then call `then`, which answers. Takes the task's long_json, where they are. ERR_NOMEM. */
enum err make_then(struct task *t, struct label label, const json_t *body, const json_t *value, made_fn *then,
                   struct why *why);

/* The same for a patch: not the object `body` is made, but each of its members, as decode_fields() does with unset_nulls.
 * The fields stay ours. */
typedef enum err fields_fn(struct task *t, const struct decoded_fields *fields, struct why *why);
enum err make_fields_then(struct task *t, const json_t *body, fields_fn *then, struct why *why);
