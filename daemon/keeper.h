/*
 * keeper.h - the heap's changes on their way to the disk, and the answers that wait for them.
 *
 * Owns:      the changes that have not been handed over, the commit under way, when the next begins.
 * Knows not: how a commit is written (store/), what a change is (api/redo.h).
 *
 *   changes --> collected --handed over--> under way --on disk--> answers leave
 *                                             '--the disk is full--> tried again every KEEPER_RETRY_MS; new changes are refused
 *                                             '--it failed--> the waiting are told, and the process ends
 *
 * One commit is under way at a time; what changes meanwhile goes into the next, so the slower the disk, the more goes into
 * one. After a commit the next waits a little, an eighth of the time it took, for those who have just been answered: else two
 * halves of the clients would take turns.
 */
#pragma once
#include "daemon/edge.h"
#include "daemon/log.h"
#include "daemon/store/store.h"

#define KEEPER_RETRY_MS 1000
#define KEEPER_OFF_MS 1000              /* durability off: so often at least */
#define KEEPER_GATHER_US_MAX 1000
#define KEEPER_BYTES_MAX (16u << 20)    /* of changes that wait to be handed over; then whoever makes more waits */

struct keeper;

struct keeper_world {
    uv_loop_t *loop;
    struct mem *mem; /* of what is collected */
    struct heap *heap;
    const struct session_set *sessions;
    const struct settings *settings;
    struct store *store; /* started by the keeper */
    struct log *log;
    void (*on_failed)(void *ctx); /* what was to be durable may not be: the process has to end */
    void *ctx;
};

enum err keeper_create(const struct keeper_world *world, struct keeper **ret);
/* From now on every change of the heap is kept, and answers of this edge wait. ERR_NOMEM. */
enum err keeper_start(struct keeper *k, struct edge *edge, struct why *why);
/* The loop has come to its end: what is left is committed. False: not all of it is on disk. */
bool keeper_finish(struct keeper *k);
/* Its handles; keeper_destroy() when the loop has run their callbacks. */
void keeper_close(struct keeper *k);
void keeper_destroy(struct keeper **k);

/* For the edge. */
struct edge_durability keeper_durability(struct keeper *k);
/* May a change be made now? ERR_DISK_FULL, ERR_NOMEM, ERR_STORE. */
enum err keeper_admits(const struct keeper *k, struct why *why);
/* These settings are to survive: they are in the next commit, as if they had been changes of the heap. ERR_NOMEM: none is. */
enum err keeper_keep_settings(struct keeper *k, const struct api_kept *kept, size_t count, struct why *why);
/* What retries are answered: the same (api_answers). */
enum err keeper_prepare_answer(struct keeper *k, struct why *why);
void keeper_keep_answer(struct keeper *k, const struct idem_record *record);
enum err keeper_note_answers_gone(struct keeper *k, uint64_t number);
/* All that has changed so far shall be on disk soon, whatever is promised: the commit that it is in; 0: it is there. */
uint64_t keeper_hurry(struct keeper *k);
/* The commit that what shows the heap as it is now has to wait for; 0: it is on disk, or that is not promised. */
uint64_t keeper_wanted(const struct keeper *k);
bool keeper_has(const struct keeper *k, uint64_t commit);
bool keeper_is_behind(const struct keeper *k);
/* The part of what it is asked for that a keeper counts. */
void keeper_count(const struct keeper *k, struct api_meters *ret);
