/*
 * store_life.h - a heap that lives a random life in a store, on a disk that fails (vfs_shim.h), and what it must be after that.
 *
 * Owns:      the heap with sessions and a collector, the engine, and a description of the heap as it was after each commit.
 * Knows not: which faults there are, and when.
 *
 * The heap is put back by what heapd itself uses (daemon/recovery.h), the engine is driven directly, so that everything
 * happens in an order that the seed decides. Lines of a commit are cut into rows of any length: so every place where a fold
 * may end is one where it does.
 *
 * After any fault a life goes on: with the same commit again, or, where it cannot be known what is on disk, with what is
 * found there; which must be as it was after the last commit that was acknowledged, or the one that was under way.
 */
#pragma once
#include "daemon/recovery.h"
#include "gc/gc.h"
#include "heap/journal.h"
#include "tests/fault/store_dir.h"
#include "tests/model/dice.h"
#include <stdio.h>

#define LIFE_COMMITS_MAX 512
#define LIFE_NAMES 12
#define LIFE_IDLE UINT32_MAX

struct state {
    char *text; /* describes it */
};

struct life {
    uint64_t seed;
    struct dice dice;
    char dir[STORE_DIR_BYTES];
    bool sync;             /* commits are, before they are acknowledged */
    bool may_lose;         /* what was acknowledged last: they are not, and the power goes */
    bool never_folds, short_rows;
    /* the heap */
    struct mem mem;
    struct heap *heap;
    struct session_set *sessions;
    struct gc *gc;
    struct redo redo;
    struct heap_journal journal;
    /* the store */
    struct store *store;
    struct engine *engine; /* of the store */
    struct mem *engine_mem;
    uint64_t refuse_nth;   /* request of the engine's account, counted over all engines of this life; 0: none ... */
    bool refused;          /* ... and it was */
    /* what was: states[n] after commit n, up to the one that was tried last */
    struct state states[LIFE_COMMITS_MAX];
    uint64_t tried, acknowledged;
    obj_id *born;          /* ids, in the order in which they were given ... */
    uint64_t *born_in;     /* ... by which commit */
    size_t born_count, born_room;
    session_id open_sessions[4];
    struct idempotency *answers;
    unsigned at_work;        /* the name of a key that runs and was told of, LIFE_IDLE: none ... */
    struct idem_answer told; /* ... and what */
    uint64_t last_etag;
    uint32_t token;
    uint64_t retried, reopened, recovered; /* what it had to do because of faults */
};

/* A directory and an empty heap in it. The disk is formatted. */
struct life *life_begin(uint64_t seed, bool sync);
/* Everything is given back: a leak is a CHECK. */
void life_end(struct life **life);

/* So many commits, each of random changes, with folds in between, and sometimes all of it closed and opened again. It ends
 * early when the power is cut. */
void life_live(struct life *life, uint32_t commits);
/* Changes, described but not committed. */
void life_change(struct life *life);
/* Open what is on disk, put the heap back and compare. After a fault: as often as it takes. */
void life_open(struct life *life);
/* As when the process ends: nothing is written any more that a cut or fault forbids. */
void life_close(struct life *life);
/* The text of a heap: everything that must survive. To be freed. */
char *life_describe(struct life *life);
/* Open and put back whatever is there, once, without comparing. */
enum err life_put_back(struct life *life, struct why *why);
/* Only that: nothing is put back. */
enum err life_open_store(struct life *life, struct why *why);
/* The heap and the store go; those that are there. */
void life_drop(struct life *life);
/* Fold until nothing is left, then tidy. */
enum err life_fold_all(struct life *life, struct why *why);

/* life_answers.c, for the others. */
void life_begin_answers(struct life *life); /* to be put back into */
void life_limit_answers(struct life *life); /* they are back */
void life_change_answers(struct life *life, uint32_t dice);
void life_describe_answers(const struct life *life, FILE *out);
void life_end_answers(struct life *life);
