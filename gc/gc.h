/*
 * gc.h - the collector: three generations as in CPython, found dead in bounded steps.
 *
 * Owns:      generations, counts, thresholds, the permanent generation, save-all garbage, the collection
 *            that is going on, the numbers of those that were.
 * Knows not: clocks, threads, randomness, HTTP. Time is spent by whoever calls gc_step(); a test may put one
 *            step between any two changes of the heap.
 *
 * What the numbers mean is what they mean in CPython 3.11 to 3.13 (Doc/library/gc.rst, Modules/gcmodule.c):
 * counts[0] is new tracked objects less dead ones, never below 0, counts[1] young collections since the last
 * of generation 1, counts[2] the same one up; a collection is due when a count is greater than its
 * threshold, oldest first; the oldest only if what generation 1 promoted since the last full collection is a
 * quarter of what survived that one. A collection of generation n takes in all younger ones; its survivors
 * move to n + 1, at most 2.
 *
 * The algorithm, one for every generation, is in subtract.c.
 */
#pragma once
#include "heap/heap.h"

struct gc;

#define GC_GENERATIONS 3
#define GC_LOG_MAX 100              /* collections that gc_log() remembers */
#define GC_DRY_CLASSES_MAX 100      /* classes a dry run names */
#define GC_THRESHOLD_MAX INT32_MAX
#define GC_FULL_BYTES_FLOOR (16u << 20) /* full_bytes_pct starts no collection below this many new bytes */

enum gc_phase {
    GC_IDLE,
    GC_REAP,     /* the memory of those that died by counting goes back */
    /* a collection (subtract.c, condemn.c) */
    GC_CLOSE,
    GC_MARK,
    GC_PROVE,
    GC_COPY,
    GC_SUBTRACT,
    GC_SPREAD,
    GC_CONDEMN,  /* a moment; but save-all and dry runs go through those that were not reached */
    GC_RELEASE,
    GC_FREE,
    /* other work */
    GC_FREEZE,   /* objects move into the permanent generation, or out of it */
    GC_TRIM,     /* tables that large collections needed go back to the system */
    GC_PHASES
};

enum gc_reason { GC_BY_COUNT, GC_BY_REQUEST, GC_BY_BYTES, GC_BY_AGE, GC_BY_MEMORY };

/* debug flags, as in CPython */
enum { GC_DEBUG_STATS = 1, GC_DEBUG_COLLECTABLE = 2, GC_DEBUG_UNCOLLECTABLE = 4, GC_DEBUG_SAVEALL = 32 };

struct gc_tuning {
    bool enabled;                        /* automatic collections; gc_collect() always works */
    uint32_t thresholds[GC_GENERATIONS]; /* {2000, 10, 10}; a first one of 0 disables */
    uint32_t debug;                      /* GC_DEBUG_* */
    uint32_t full_bytes_pct;             /* 25; 0: off */
    uint32_t full_age_s;                 /* 60; 0: off; kept here, acted on by whoever has a clock */
};

struct gc_generation {
    uint64_t objects;
    uint64_t collections;
    uint64_t collected;
    uint64_t uncollectable;  /* always 0: nothing here has a finalizer */
    uint64_t units;          /* work done */
    uint64_t us;             /* time spent, by gc_note_step() */
};

struct gc_state {
    struct gc_tuning tuning;
    enum gc_phase phase;     /* of the collection that gc_step() works on */
    int collecting;          /* its generation; -1: none */
    uint32_t counts[GC_GENERATIONS];
    struct gc_generation generations[GC_GENERATIONS];
    uint64_t frozen;
    uint64_t garbage;        /* objects on the garbage list */
    uint64_t side_bytes;     /* of the collector's own tables */
    bool cycles_possible;    /* a count fell without reaching 0 since the last full collection began */
};

struct gc_class_count {
    char name[NAME_BYTES_MAX + 1];
    uint64_t objects;
    uint64_t bytes;
};

/* One collection that ended. */
struct gc_run {
    uint64_t number;         /* from 1, over all generations */
    uint64_t begun;          /* its place in the order of beginnings, from 1: a young one may end inside a full one */
    int generation;
    enum gc_reason reason;
    bool dry_run;
    uint64_t candidates;     /* tracked objects looked at */
    uint64_t collected;      /* unreached: collected, saved, or (dry run) what would be */
    uint64_t freed_bytes;    /* of what it condemned, and of what died by counting with it */
    uint64_t units;
    uint64_t slices;         /* as gc_note_step() was told */
    uint64_t us, max_slice_us;
    uint64_t last_slice, last_slice_us; /* the slice that worked on it last, and for how long */
    uint64_t began_ms, ended_ms; /* the same: Unix time */
};

enum err gc_create(struct heap *h, struct gc **ret);
void gc_destroy(struct gc **gc);      /* also empties the garbage list; before heap_destroy() */

void gc_get_state(const struct gc *gc, struct gc_state *ret);   /* reading changes nothing */
/* What its tables may come to, beyond what is on the account, while it looks through the heap as it is. Nobody is asked for
 * that: whoever divides memory sets it aside. O(1). */
size_t gc_table_bytes_to_come(const struct gc *gc);
/* Of that, how many collections of a generation have ended: for whoever asks often. O(1). */
uint64_t gc_collections(const struct gc *gc, int generation);
/* Checked whole: ERR_BAD_VALUE changes nothing. */
enum err gc_set_tuning(struct gc *gc, const struct gc_tuning *t, struct why *why);

/* Something is to be done: a collection runs, is asked for or is due, or the dead wait to be reaped. */
bool gc_has_work(const struct gc *gc);
/* A collection is due by count or bytes and has not begun: a long batch should yield. O(1). */
bool gc_is_due(const struct gc *gc);

/* Work, at most about `units` of it (a unit is an object or a few links; one step may pass its units by one
 * leaf of a list, 128 items, or free one pool of dead cells). Returns the units left over: 0 means there is more. Starts what is due. A step ends
 * where a collection does, so that its time is that collection's. */
size_t gc_step(struct gc *gc, size_t units);
/* How many units the next step should have if one of `units` took `us`: so many that a look at the clock after each, which
 * waits for all memory under way, costs little, and so few that a phase ten times as dear is noticed soon. */
#define GC_STEP_UNITS_MIN 64u
#define GC_STEP_UNITS_MAX 512u
size_t gc_next_units(size_t units, uint64_t us);
/* What the last gc_step() worked on last. */
enum gc_phase gc_step_phase(const struct gc *gc);
/* Step until nothing is left; for tests. */
void gc_finish(struct gc *gc);
/* The caller has measured the last gc_step(): it took `us` and ended at `unix_ms`, and belongs to slice number
 * `slice` of the caller's. It goes on the account of the collection that the step worked on last. */
void gc_note_step(struct gc *gc, uint64_t us, uint64_t unix_ms, uint64_t slice);

/* Ask for a collection of `generation` (0..2, else ERR_BAD_VALUE). The dead are reaped first. *ret_ticket is
 * done when gc_run_of() finds it: calls that wait for one generation share a run, a call during a run waits
 * for the next. ERR_NOMEM for a dry run only. A dry run finds what would be collected and changes nothing. */
enum err gc_collect(struct gc *gc, int generation, enum gc_reason reason, bool dry_run, uint64_t *ret_ticket,
                    struct why *why);
/* The run that answered the ticket: true once it is over and, if it condemned anything, that is freed. The
 * last GC_LOG_MAX runs are kept; a ticket older than that reads as a run of zeros. */
bool gc_run_of(const struct gc *gc, int generation, bool dry_run, uint64_t ticket, struct gc_run *ret);
/* Run `back` places ago (0: the last that ended); false if there was none. */
bool gc_log(const struct gc *gc, size_t back, struct gc_run *ret);
/* How many have begun, and how many of them have ended. O(1). */
uint64_t gc_begun(const struct gc *gc);
uint64_t gc_ended(const struct gc *gc);
/* The run that was the n-th to begin, open still or ended; false if it has been forgotten. */
bool gc_run_begun(const struct gc *gc, uint64_t n, struct gc_run *ret);
/* The classes that the last dry run found, largest count first: entry i; false past the end. */
bool gc_dry_class(const struct gc *gc, size_t i, struct gc_class_count *ret);

/* Move every tracked object into the permanent generation, or back into the oldest; in steps. Done when
 * gc_freeze_done(ticket). Freezing zeroes all counts. */
uint64_t gc_freeze(struct gc *gc, bool freeze);
bool gc_freeze_done(const struct gc *gc, uint64_t ticket);

/* The garbage list (save-all): walk it (begin with UINT32_MAX, ends with false), and empty it: at most
 * `units` entries a call, returning the units left over; 0 means call again. */
bool gc_next_garbage(const struct gc *gc, uint32_t *cursor, obj_id *ret);
bool gc_is_garbage(const struct gc *gc, obj_id id);
size_t gc_clear_garbage(struct gc *gc, size_t units);

/* Which object may be in which state in which phase; as heap_validate(), which calls it too. */
size_t gc_validate(struct gc *gc, void (*broken)(void *ctx, const char *sentence), void *ctx);
