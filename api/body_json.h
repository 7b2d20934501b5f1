/*
 * body_json.h - a long JSON body, decoded beside the loop.
 *
 * Owns:      the text, what jansson makes of it, and the account that this memory is on.
 * Knows not: what the body means, and how another thread is had (api_world.run_aside).
 *
 *   LINE --its turn--> TEXT --on another thread: decoded--> READY --the task has ended--> SPENT --there: freed--> gone
 *
 * 1 MiB of text may be 100 MiB of JSON, so only BODIES_OPEN_MAX are anything but text at a time.
 * jansson takes up to 60 ms for 1 MiB, and half as much again to free what it made; neither is for the loop's thread.
 * A handler does not see any of it: it runs when the JSON is there.
 */
#pragma once
#include "api/api.h"
#include <jansson.h>

#define BODIES_OPEN_MAX 4

struct body_json;

/* Begin to decode what is in `text`, which is taken: it is empty afterwards. NULL: memory is refused, and nothing
 * has changed. */
struct body_json *body_json_begin(struct api *api, struct buf *text);
/* It is decoded, or refused. */
bool body_json_is_ready(const struct body_json *b);
/* What came out, once it is ready: decode_json(). The JSON is to be json_decref()ed, before body_json_end(). */
enum err body_json_get(const struct body_json *b, json_t **ret, struct why *why);
/* How deep its JSON may be. */
size_t body_json_depth_max(const struct body_json *b);
/* What its text takes. */
size_t body_json_text_bytes(const struct body_json *b);
/* Nobody wants it any more, ready or not. Sets *b to NULL; a NULL *b is fine. */
void body_json_end(struct body_json **b);
