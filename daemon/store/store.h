/*
 * store.h - what is durable, and the thread that makes it so.
 *
 * Owns:      the engine (engine.h), the thread that calls it, when changes are folded.
 * Knows not: the heap, connections, what a change means.
 *
 *   open --load(), until it says ITEM_END--> loaded --start()--> running: commits, one at a time; between them, folds
 *        --stop()--> stopped, everything that was handed over is on disk --destroy()--> gone
 *
 * The loop never waits for the disk: it hands a commit over, and is told when it is done. Folding begins when more than
 * STORE_LOG_BYTES of changes wait for it, or when nothing has been committed for STORE_IDLE_MS; a piece of it takes
 * a few milliseconds, and a commit waits for the piece at most. Where there are few cores it stands in the loop's way:
 * so it works for STORE_WORK_US at a time, and rests as long, unless a commit waits or too much waits to be folded.
 */
#pragma once
#include "daemon/store/engine.h"
#include <uv.h>

#define STORE_LOG_BYTES (16u << 20)
#define STORE_LOG_BYTES_MAX (256u << 20) /* with more, a commit is not begun before some has been folded */
#define STORE_FOLD_BYTES (64u << 10)     /* of changes in one piece */
#define STORE_IDLE_MS 500
#define STORE_LOG_BYTES_HASTE (64u << 20) /* with more, folding does not rest */
#define STORE_WORK_US 500

struct store;

/* ERR_BUSY, ERR_STORE, ERR_NOMEM. `read_only`: for a look; it is not started. */
enum err store_open(const struct engine_ops *ops, const char *dir, bool read_only, struct store **ret, struct why *why);
/* After store_stop(), if it was started. */
void store_destroy(struct store **s);

/* Before start(): on the thread that calls. */
const struct engine_facts *store_facts(const struct store *s);
enum err store_set_instance(struct store *s, const char *instance, struct why *why);
enum err store_set_clock(struct store *s, uint64_t unix_ms, struct why *why);
enum err store_load(struct store *s, struct engine_item *ret, struct why *why);
enum err store_get_bytes(struct store *s, obj_id id, struct mem *mem, struct payload **ret, struct why *why);
/* A sentence for each thing that is not as it should be; how many. O(what is kept). */
size_t store_check(struct store *s, void (*broken)(void *ctx, const char *sentence), void *ctx);

/* How a commit ended: OK, DISK_FULL (nothing has changed: commit it again), else the store is only to be stopped. */
typedef void (*store_done)(void *ctx, enum err e, const char *sentence);

/* From now on `done` is called on the loop's thread. ERR_NOMEM. */
enum err store_start(struct store *s, uv_loop_t *loop, store_done done, void *ctx, struct why *why);
/* None is under way. It is borrowed until done() is called. */
void store_commit(struct store *s, const struct engine_commit *c, bool sync);
/* Durability is such that something that was answered may be missing after a crash; or not, from the next commit on. */
void store_set_lossy(struct store *s, bool lossy);

/* What its thread does again and again, once: for a world in which no thread runs by itself (tests/sim). */
void store_turn(struct store *s);

/* Ends the thread, when what was handed over is done, of which done() tells no more; then makes a last commit (NULL: there is
 * none), here and now. Its handle closes with the loop. An error: not all of it is on disk. */
enum err store_stop(struct store *s, const struct engine_commit *last, struct why *why);

struct store_counts {
    uint64_t commits, commit_us;  /* how many, and how long they took together */
    uint64_t folds, fold_us;      /* ... their rests, too */
    uint64_t log_bytes;           /* not folded */
    uint64_t memory_bytes;        /* of the thread's own */
};

void store_count(const struct store *s, struct store_counts *ret);
