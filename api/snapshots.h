/*
 * snapshots.h - the snapshots that are kept, by number: /v1/snapshots.
 *
 * Owns:      the snapshots, until they are deleted and nobody reads them any more; then their memory returns in steps.
 * Knows not: how one is taken (heap/graph/snapshot.h), what it is written as (snapshot_write.h).
 */
#pragma once
#include "api/task.h"
#include "heap/graph/snapshot.h"

#define SNAPSHOT_UNITS_PER_UNIT 2 /* a unit of a snapshot is less than an op of a batch; and whoever comes waits for a short slice */

struct taken {
    uint32_t n;
    struct snapshot *snapshot;
    const struct frozen *frozen;
    uint64_t taken_ms;     /* by the clock of requests */
    uint32_t took_ms;
    uint32_t readers;      /* tasks, and threads, that read it */
    bool deleted;          /* nobody else begins to */
    struct dominated *dominated; /* who retains what, once somebody has asked (dominated.h) */
    struct taken *next;    /* by number; or among those that are over */
};

/* ERR_NO_NAME. From snapshots_hold() to snapshots_release() it stays, deleted or not. */
enum err snapshots_find(struct api *api, struct slice number, struct taken **ret, struct why *why);
void snapshots_hold(struct taken *t);
void snapshots_release(struct api *api, struct taken **t);

/* The memory of those that are over goes back, in steps; returns the units left. */
size_t snapshots_step(struct api *api, size_t units);
bool snapshots_have_work(const struct api *api);
/* Every one is over: nobody reads them. */
void snapshots_fini(struct api *api);

/* One that was compared with is over: its memory goes back with theirs. A NULL *l is fine. */
void snapshots_end_ledger(struct api *api, struct ledger **l);

/* What they take on the account, those that are being taken included, and how much of that was never written. O(snapshots). */
uint64_t snapshots_bytes(const struct api *api, uint64_t *ret_untouched);
/* A member "snapshotting" of an open object: how far the one that is being taken is. Nothing while there is none. */
void snapshots_write_progress(const struct api *api, struct out *o);
