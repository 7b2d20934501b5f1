/*
 * config.h - what PATCH handlers share, and how settings reach those who keep a copy of one.
 */
#pragma once
#include "api/task.h"

/* The body of a PATCH, to be json_decref()ed, with memory set aside for the answer: ERR_BAD_VALUE unless it
 * is an object; ERR_NOT_IMPLEMENTED for ?persist=true where nothing is kept (persist.h); ERR_NOMEM. */
enum err patch_body(struct task *task, json_t **ret, struct why *why);

/* A non-negative JSON integer, at most `max`: ERR_BAD_VALUE names `key`. */
enum err json_u64(const char *key, const json_t *value, uint64_t min, uint64_t max, uint64_t *ret,
                  struct why *why);
enum err json_bool(const char *key, const json_t *value, bool *ret, struct why *why);

/* Tell those who listen of a change, "config" or "gc": each member of the body, as it was and as it is; `write` writes a member
 * of either. */
typedef void member_writer(struct out *o, const char *name, const void *from);
void tell_changes(struct task *task, const char *what, json_t *body, member_writer *write, const void *was, const void *is);

/* Put back what /v1/gc had kept. ERR_BAD_VALUE: it cannot be, and nothing has changed. */
enum err gc_put_back(struct gc *gc, const char *name, const json_t *value, struct why *why);

/* Hand the settings to the memory account and the sessions. For api_create() and after every change. */
void api_apply_settings(struct api *api);
