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
#include "gc/grey.h"

/* Which slots the walk over a window goes through. */
enum walk {
    /* CLOSE: where members may be found */
    WALK_NURSERY, /* those of generation 0, by its set */
    WALK_YOUNG,   /* those of generations 0 and 1, by their sets */
    WALK_HEAP,    /* every cell in use */
    /* later */
    WALK_MEMBERS
};

struct window {
    enum object_window mark;
    struct slotset members;    /* chosen, and neither reached nor died since */
    enum gc_phase phase;       /* GC_IDLE: closed */
    int generation;
    bool save_all;
    uint64_t reached;          /* members found to be held from outside */
    uint64_t died;             /* members that died by counting meanwhile */
    uint64_t looked_through;   /* PROVE, SUBTRACT: members there were when it began to look through them */
    uint64_t outward;          /* ... links from them to others */
    uint64_t unexplained;      /* PROVE: sum of their counts, less the links among them; on the way it may wrap below 0 */
    uint64_t unheld;           /* SUBTRACT: members of whose count nothing is left */
    bool nothing_held;         /* at its end: none of the members is held from outside, but by who changes from now on */
    bool all_held;             /* ... each is */
    enum walk walk;
    slot_t group;              /* the walk is among the 64 slots from here on */
    uint64_t mask;             /* of them, those it has not come to */
    slot_t end;                /* of the heap when it opened: what is born behind it is no member */
    struct release_walk release; /* RELEASE: what the condemned before its place in the pool of `group` held is let go of */
    struct edge_scan scan;     /* object in the middle of being looked through */
    struct held_scan held;     /* MARK: roots and holds it has come to */
    struct grey grey;
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

/* Objects counted anew (gc_validate.c). */
struct census {
    uint64_t generation[GENERATION_FROZEN + 1];
    uint64_t misplaced;
};

struct gc {
    struct heap *heap;
    const struct pools *pools;
    struct heap_watch watch;
    struct gc_tuning tuning;
    uint32_t counts[GC_GENERATIONS];
    struct gc_generation generations[GC_GENERATIONS];
    uint64_t population[GENERATION_FROZEN + 1]; /* tracked objects, by generation */

    /* Where the young are. A set may name slots whose object is older by now, or dead: headers decide. */
    struct slotset nursery[2]; /* generation 0; [nursery_now] is where the newborn go */
    int nursery_now;
    struct slotset middle;     /* generation 1 */
    struct copies copies;      /* what is left of members' counts */
    size_t charged_bytes;      /* of these tables, on the account */

    struct window young, full;
    uint64_t long_lived_pending, long_lived_total;
    uint64_t pending_at_full;   /* of long_lived_pending, what the open full collection looks at */
    uint64_t live_bytes_base;   /* the least live bytes there were since the last full collection began */
    uint64_t fell_at_full;      /* and its fell_nonzero */

    struct requests requests[GC_GENERATIONS][2];
    struct logged_run log[GC_LOG_MAX];
    uint64_t run_count;        /* ever */
    uint64_t begun_count;      /* those that are open too */
    struct gc_run *last_run;   /* last worked on since gc_note_step(); NULL: none */
    int last_generation;
    enum gc_phase last_phase;  /* what the last step worked on last */

    struct map *garbage;       /* object -> 0 */
    bool freezing;             /* asked for and not done */
    bool freeze_on;            /* into the permanent generation, or out of it */
    uint64_t freeze_asked, freeze_done;
    slot_t freeze_cursor;

    struct gc_class_count dry[GC_DRY_CLASSES_MAX];
    size_t dry_count;

    /* gc_validate.c, in steps */
    uint32_t onlook;            /* the last onlooker that came by (heap/onlooker.h) ... */
    uint32_t garbage_unseen;    /* ... and has not come to so many of the garbage, the first ones */
    struct census census;       /* of the slots below counted_end; kept up to date from then on */
    slot_t counted_end;         /* 0: there is none */
};

static inline struct object *gc_object(const struct gc *gc, slot_t slot)
{
    return (struct object *)pool_cell(gc->pools, slot);
}

/* Its cell is one of an object, and in use: a free one has no memory once its pool is packed. */
static inline bool gc_in_use(const struct gc *gc, slot_t slot)
{
    return pool_is_objects(gc->pools, pool_of(slot)) && bits_has(gc->pools->used, slot);
}

/* One more of a generation, or (`by` -1) one less. */
static inline void gc_populate(struct gc *gc, slot_t slot, uint32_t generation, int by)
{
    gc->population[generation] += (uint64_t)by;
    if (slot < gc->counted_end)
        gc->census.generation[generation] += (uint64_t)by;
}

/* Into an older generation, or out of the permanent one. */
static inline void gc_promote(struct gc *gc, slot_t slot, struct object *o, uint32_t generation)
{
    gc_populate(gc, slot, o->generation, -1);
    gc_populate(gc, slot, generation, 1);
    o->generation = generation & 3;
    if (generation == 1)
        slotset_add(&gc->middle, slot);
}

static inline slot_t gc_heap_end(const struct gc *gc)
{
    return gc->pools->pool_end << POOL_SHIFT;
}

/* pace.c: which generation is due by count or bytes, -1: none. */
int pace_due(const struct gc *gc, enum gc_reason *ret_reason);
void pace_note_bytes(struct gc *gc); /* now and then, so that it knows how low they fell */
void pace_begun(struct gc *gc, int generation);
void pace_ended(struct gc *gc, const struct window *w);

/* window.c */
void window_open(struct gc *gc, struct window *w, int generation, enum gc_reason reason, bool dry_run);
void window_rewind(struct window *w);    /* the walk of the next phase begins */
bool window_choose_elsewhere(struct window *w); /* CLOSE of a full window: after the young, all; false: that was all */

/* The walk goes on to the next 64 slots, or the next pool; false at its end, or without units. */
bool window_next_group(struct gc *gc, struct window *w, size_t *units);
void window_next_pool(struct gc *gc, struct window *w, size_t *units);
/* The heap may have changed since the last step: what is gone, the walk does not come to. */
void window_resume(const struct gc *gc, struct window *w);
static inline bool window_is_walked(const struct window *w)
{
    return w->group >= w->end;
}

/* No need to go on. */
static inline void window_end_walk(struct window *w)
{
    w->group = w->end;
    w->mask = 0;
}

/* A member is reached: it leaves the window, and waits to be looked through. */
static inline void window_reach(struct window *w, slot_t slot)
{
    slotset_remove(&w->members, slot);
    w->reached++;
    grey_push(&w->grey, slot);
}

/* The generation that its survivors reach. */
static inline uint32_t window_older(const struct window *w)
{
    return w->generation == 0 ? 1 : 2;
}

/* The next slot that the walk comes to; 0 at the end, and 0 when the units ran out on the way. */
static inline slot_t window_next(struct gc *gc, struct window *w, size_t *units)
{
    slot_t slot;

    while (w->mask == 0)
        if (!window_next_group(gc, w, units))
            return 0;
    slot = w->group + (slot_t)__builtin_ctzll(w->mask);
    w->mask &= w->mask - 1;
    return slot;
}

/* subtract.c, prove.c, spread.c: each takes units and returns what is left; 0: call again. */
size_t window_close_set(struct gc *gc, struct window *w, size_t units);
size_t window_mark(struct gc *gc, struct window *w, size_t units);
size_t window_prove(struct gc *gc, struct window *w, size_t units);
size_t window_copy(struct gc *gc, struct window *w, size_t units);
size_t window_subtract(struct gc *gc, struct window *w, size_t units);
size_t window_spread(struct gc *gc, struct window *w, size_t units);

/* condemn.c */
void condemn_begin(struct gc *gc, struct window *w);
size_t condemn_release(struct gc *gc, struct window *w, size_t units);
size_t condemn_free(struct gc *gc, struct window *w, size_t units);
size_t condemn_save(struct gc *gc, struct window *w, size_t units);
size_t condemn_tally(struct gc *gc, struct window *w, size_t units);

/* freeze.c */
size_t freeze_step(struct gc *gc, size_t units);

/* gc_validate.c: for an onlooker, in steps (heap_gc.h) */
size_t garbage_recount_step(void *ctx, held_fn *count, void *to, size_t units);
uint64_t garbage_held_count(void *ctx);
size_t gc_validate_step(void *ctx, void (*broken)(void *to, const char *sentence), void *to, struct proof *p, size_t units);
/* An entry of the garbage table is about to come, or the last is about to go. */
void garbage_note_change(struct gc *gc, bool goes);
