/*
 * gc_impl.h - struct gc, for gc/ alone.
 *
 * A collection is a *window*: the set of objects it looks at, from the moment they are chosen until what was not
 * reached is freed. Two may be open at once, on disjoint sets: a young one (generation 0 or 1) inside a full one,
 * so that short-lived cycles do not pile up while a large heap is looked through.
 */
#pragma once
#include "gc/copies.h"
#include "gc/gc.h"
#include "gc/slotset.h"

#define GREY_STACK_MAX 4096u /* reached objects waiting to be looked through; more go into a set */

/* Where the members of a window are walked. */
enum walk_source { WALK_NURSERY, WALK_MIDDLE, WALK_HEAP, WALK_END };

struct window {
    enum object_window mark;   /* of its members not yet reached */
    enum gc_phase phase;       /* GC_IDLE: closed */
    int generation;
    bool save_all;
    uint64_t reached;          /* members found to be held from outside */
    uint64_t died;             /* members that died by counting meanwhile */
    enum walk_source source;
    slot_t cursor;             /* the walk goes on here */
    slot_t end;                /* of the heap when it opened: what is born behind it is no member */
    slot_t releasing;          /* RELEASE: object in the middle of it; 0: none */
    struct edge_scan scan;     /* object in the middle of being looked through */
    bool done_walking;         /* SPREAD: only grey objects are left */
    struct slotset grey_rest;
    slot_t grey[GREY_STACK_MAX];
    uint32_t grey_count;
    struct gc_run run;
    uint64_t ticket;
};

/* Collections asked for, started and finished, by generation and dry or not. */
struct requests {
    bool wanted;
    enum gc_reason reason;
    uint64_t started, finished;
};

struct logged_run {
    struct gc_run run;
    uint64_t ticket;
};

struct gc {
    struct heap *heap;
    const struct pools *pools;
    struct heap_watch watch;
    struct gc_tuning tuning;
    uint32_t counts[GC_GENERATIONS];
    struct gc_generation generations[GC_GENERATIONS];
    uint64_t frozen;

    struct slotset nursery[2]; /* generation 0; [nursery_now] is where the newborn go */
    int nursery_now;
    struct slotset middle;     /* generation 1 */
    struct copies copies;      /* what is left of the members' counts after subtracting */
    size_t charged_bytes;      /* of these tables, on the account */

    struct window young, full;
    uint64_t long_lived_pending, long_lived_total;
    uint64_t pending_at_full;   /* of long_lived_pending, what the open full collection looks at */
    uint64_t allocated_at_full; /* heap's allocated_bytes when the last full collection began */
    uint64_t fell_at_full;      /* and its fell_nonzero */

    struct requests requests[GC_GENERATIONS][2];
    struct logged_run log[GC_LOG_MAX];
    uint64_t run_count;        /* ever */
    struct gc_run *last_run;   /* last worked on since gc_note_slice(); NULL: none */
    int last_generation;

    struct map *garbage;       /* object -> 0 */
    bool freezing;             /* asked for and not done */
    bool freeze_on;            /* into the permanent generation, or out of it */
    uint64_t freeze_asked, freeze_done;
    slot_t freeze_cursor;

    struct gc_class_count dry[GC_DRY_CLASSES_MAX];
    size_t dry_count;
};

static inline struct object *gc_object(const struct gc *gc, slot_t slot)
{
    return (struct object *)pool_cell(gc->pools, slot);
}

static inline slot_t gc_heap_end(const struct gc *gc)
{
    return gc->pools->pool_end << POOL_SHIFT;
}

/* pace.c: which generation is due by count or bytes, -1: none. */
int pace_due(const struct gc *gc, enum gc_reason *ret_reason);
void pace_begun(struct gc *gc, int generation);
void pace_ended(struct gc *gc, const struct window *w);

/* subtract.c: each takes units and returns what is left; 0: call again. */
void window_open(struct gc *gc, struct window *w, int generation, enum gc_reason reason, bool dry_run);
size_t window_close_set(struct gc *gc, struct window *w, size_t units);
size_t window_subtract(struct gc *gc, struct window *w, size_t units);
size_t window_spread(struct gc *gc, struct window *w, size_t units);
/* A member is reached: it leaves the window, a generation older, and waits to be looked through. */
void window_reach(struct gc *gc, struct window *w, slot_t slot);
/* The next member that is still in the window, the walk's cursor moved behind it; 0 at the end, and 0 with
 * *units 0 when they ran out on the way. */
slot_t window_next_member(struct gc *gc, struct window *w, size_t *units);
void window_rewind(struct window *w);
void gc_promote(struct gc *gc, slot_t slot, uint32_t generation);

/* condemn.c */
void condemn_begin(struct gc *gc, struct window *w);
size_t condemn_kill(struct gc *gc, struct window *w, size_t units);
size_t condemn_release(struct gc *gc, struct window *w, size_t units);
size_t condemn_free(struct gc *gc, struct window *w, size_t units);
size_t condemn_save(struct gc *gc, struct window *w, size_t units);
size_t condemn_tally(struct gc *gc, struct window *w, size_t units);

/* freeze.c */
size_t freeze_step(struct gc *gc, size_t units);
