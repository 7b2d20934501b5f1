/*
 * frozen_write.h - what nodes of a frozen graph are called in answers, and how they are named in queries.
 */
#pragma once
#include "api/json_out.h"
#include "heap/graph/frozen.h"

/* Members that say which node it is; those that are no objects have `under`, the name by which to ask for what is below. */
void write_frozen_node(struct out *o, const struct frozen *f, uint32_t node);
/* "key": {"objects", "bytes"} */
void write_amount(struct out *o, const char *key, uint64_t objects, uint64_t bytes);
#define FROZEN_UNDER_MAX 40
/* By which to ask for what is below a node: "17", "session:3", "roots"; empty: the outside. */
void frozen_under(const struct frozen *f, uint32_t node, char out[FROZEN_UNDER_MAX]);
/* roots, sessions, batches, garbage; false: it is none of them. */
bool frozen_group_named(struct slice name, enum frozen_kind *ret);
