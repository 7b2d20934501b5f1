/*
 * persist.h - settings that outlive the process: PATCH /v1/config and /v1/gc with ?persist=true.
 *
 * Owns:      how a change is handed to whoever keeps it, and how what was kept comes back.
 * Knows not: where it is kept (api_world.keep). A change is written in the order of the heap's changes (redo.h), and its
 *            answer waits for the disk as theirs do.
 *
 * What is kept is the members that a PATCH named, each under its own name; of /v1/gc under "gc.NAME" (gc.c). A setting that
 * was kept wins over the config file, for it came later; the command line wins over both, for whoever starts heapd by
 * hand means it.
 */
#pragma once
#include "api/task.h"

/* ERR_NOT_IMPLEMENTED: the request wants to persist, and nothing does here. */
enum err persist_check(const struct task *t, struct why *why);
/* Keep all members of an object, by name, if the request wants it. ERR_NOMEM: none is. */
enum err persist_members(const struct task *t, json_t *members, struct why *why);

/* Put back what was kept, an object of the same kind. What cannot be (any more) is left out and told; how many that was. The
 * settings still have to be applied: api_apply_settings(). */
size_t persist_put_back(struct settings *s, struct gc *gc, json_t *kept, void (*left_out)(void *ctx, const char *sentence),
                        void *ctx);
