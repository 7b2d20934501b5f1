/* gc_world.h - world.h with a collector, which runs when it is told to: automatic collections are off. */
#pragma once
#include "gc/gc.h"
#include "tests/unit/world.h"

static inline struct gc_state gc_state(const struct world *w)
{
    struct gc_state s;

    gc_get_state(w->gc, &s);
    return s;
}

static inline void set_thresholds(struct world *w, uint32_t t0, uint32_t t1, uint32_t t2)
{
    struct gc_tuning t = gc_state(w).tuning;

    t.thresholds[0] = t0;
    t.thresholds[1] = t1;
    t.thresholds[2] = t2;
    OK(gc_set_tuning(w->gc, &t, &why));
}

static inline void set_enabled(struct world *w, bool on)
{
    struct gc_tuning t = gc_state(w).tuning;

    t.enabled = on;
    t.full_bytes_pct = 0; /* by count alone, as CPython does */
    OK(gc_set_tuning(w->gc, &t, &why));
}

static inline void set_save_all(struct world *w, bool on)
{
    struct gc_tuning t = gc_state(w).tuning;

    t.debug = on ? GC_DEBUG_SAVEALL : 0;
    OK(gc_set_tuning(w->gc, &t, &why));
}

static inline struct world gc_world_new(void)
{
    struct world w = world_new();

    ck_assert_int_eq(gc_create(w.heap, &w.gc), ERR_OK);
    set_enabled(&w, false);
    return w;
}

static inline void gc_world_free(struct world *w)
{
    world_check(w);
    gc_destroy(&w->gc);
    ck_assert_ptr_null(w->gc);
    world_free(w);
}

static inline uint64_t ask(struct world *w, int generation, bool dry_run)
{
    uint64_t ticket = 0;

    OK(gc_collect(w->gc, generation, GC_BY_REQUEST, dry_run, &ticket, &why));
    return ticket;
}

/* Collect now; how many were collected. */
static inline uint64_t collect(struct world *w, int generation)
{
    uint64_t ticket = ask(w, generation, false);
    struct gc_run run;

    gc_finish(w->gc);
    MUST(gc_run_of(w->gc, generation, false, ticket, &run));
    MUST(run.number > 0 && run.generation == generation && !run.dry_run);
    return run.collected;
}

/* One unit at a time until the collector is in `phase`, or has nothing more to do. */
static inline bool step_to(struct world *w, enum gc_phase phase)
{
    while (gc_has_work(w->gc)) {
        if (gc_state(w).phase == phase)
            return true;
        (void)gc_step(w->gc, 1);
    }
    return false;
}

/* A record that links itself and is held by nothing else. */
static inline obj_id self_loop(struct world *w)
{
    obj_id id = new_record(w);

    put_link(w, id, "self", id);
    let_go(w, id);
    return id;
}
