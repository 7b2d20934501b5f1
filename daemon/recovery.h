/*
 * recovery.h - the heap put back from the store, in steps between which others are told how far it is.
 *
 * Owns:      how far it is.
 * Knows not: where what is kept is kept (store/), what a change is (api/redo.h).
 */
#pragma once
#include "daemon/store/store.h"
#include <uv.h>

struct recovery;

struct recovery_world {
    uv_loop_t *loop;
    struct mem *mem;
    struct heap *heap;
    struct gc *gc;
    struct session_set *sessions;
    struct idempotency *answers;
    struct store *store;
    void (*on_progress)(void *ctx);                  /* about once a second */
    void (*on_loaded)(void *ctx);                    /* all that was kept is there: from now on changes have to be kept */
    void (*on_done)(void *ctx, enum err e, const char *sentence); /* it is over: ERR_STORE, ERR_NOMEM: it failed */
    void *ctx;
};

/* Begins at once, and goes on as the loop runs. ERR_NOMEM, ERR_STORE. */
enum err recovery_create(const struct recovery_world *world, struct recovery **ret, struct why *why);

/* How far it is. */
struct recovery_count {
    unsigned pct; /* from 0 to 100 */
    uint64_t objects, log_bytes; /* that are back; objects from the log, too */
    double seconds;
};

void recovery_count(const struct recovery *r, struct recovery_count *ret);

/* The settings that were kept, by name, once all is loaded: an object, borrowed. */
struct json_t *recovery_settings(const struct recovery *r);

/* Its handle; recovery_destroy() when the loop has run its callback. */
void recovery_close(struct recovery *r);
void recovery_destroy(struct recovery **r);
