/*
 * body_json.h - a long JSON body, decoded beside the loop.
 *
 * Owns:      the text, what jansson makes of it, and the memory that this is given.
 * Knows not: what the body means, and how another thread is had (api_world.run_aside).
 *
 *   SIZE --looked through, a piece each step--> LINE --its turn, and there is room--> TEXT --another thread: decoded-->
 *   READY --nobody needs it any more--> SPENT --another thread: given back--> gone
 *
 * 1 MiB of text may be 100 MiB of JSON. How much at most is known from a look at the text, and on the account before it
 * is decoded; who finds no room waits until the others are gone, and is refused if there is none then. So the account is
 * never exceeded, and only BODIES_OPEN_MAX are anything but text at a time.
 * Short ones come first in the line, but every BODIES_OLDEST_EVERY-th time the one that has waited for longest.
 * jansson takes up to 60 ms for 1 MiB, which is not for the loop's thread.
 * A handler does not see any of it: it runs when the JSON is there.
 */
#pragma once
#include "api/api.h"
#include <jansson.h>

#define BODIES_OPEN_MAX 4
#define BODIES_OLDEST_EVERY 4
#define BODIES_LOOKED_AT_MAX 1024 /* of the line, for a short one */

struct body_json;

/* Begin to decode what is in `text`, which is taken: it is empty afterwards. `refusable`: unless there is no room. ERR_NOMEM,
 * and ERR_TOO_MANY when those that wait have half of buffer_bytes_max; then nothing has changed. */
enum err body_json_begin(struct api *api, struct buf *text, bool refusable, struct body_json **ret, struct why *why);
/* Work, about `units` of it; false: it waits for others. */
bool body_json_step(struct body_json *b, size_t units);
/* It is decoded, or refused. */
bool body_json_is_ready(const struct body_json *b);
/* What came out, once it is ready: decode_json(). The JSON is only read, and json_decref()ed before body_json_end(). */
enum err body_json_get(const struct body_json *b, json_t **ret, struct why *why);
/* How deep its JSON may be. */
size_t body_json_depth_max(const struct body_json *b);
/* What its text takes. */
size_t body_json_text_bytes(const struct body_json *b);
/* Nobody wants it any more, ready or not. Sets *b to NULL; a NULL *b is fine. */
void body_json_end(struct body_json **b);
