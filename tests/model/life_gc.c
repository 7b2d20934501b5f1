/* life_gc.c - operations of a random life on the collector, and what it does between two operations. */
#include "gc/gc_impl.h"
#include "tests/model/life_impl.h"

/* ---- what happened meanwhile ---- */

/* The oldest run that was not looked at yet; false: none. */
static bool next_run(struct life *life, struct gc_run *ret)
{
    uint64_t newest = gc_log(life->gc, 0, ret) ? ret->number : 0;

    if (newest == life->runs_seen)
        return false;
    AGREE(life, gc_log(life->gc, newest - life->runs_seen - 1, ret), "collections were not logged");
    life->runs_seen++;
    AGREE(life, ret->number == life->runs_seen, "collections are not numbered one by one");
    return true;
}

/* The naive heap does what the real one did, in the same order, and must find as much. */
static void follow_runs(struct life *life)
{
    bool save_all = (life->tuning.debug & GC_DEBUG_SAVEALL) != 0;
    struct gc_run run;

    while (next_run(life, &run)) {
        uint64_t members, trash = naive_collect(&life->naive, run.generation, run.dry_run, save_all, &members);

        AGREE(life, run.candidates == members, "a collection of %d looked at %" PRIu64 " objects, not %" PRIu64,
              run.generation, run.candidates, members);
        AGREE(life, run.collected == trash, "a %s of %d found %" PRIu64 " objects, not %" PRIu64,
              run.dry_run ? "dry run" : "collection", run.generation, run.collected, trash);
    }
}

static void note_freeze(struct life *life)
{
    if (!life->freezing || !gc_freeze_done(life->gc, life->freeze_ticket))
        return;
    life->freezing = false;
    life->frozen_below = life->freeze_on ? life->freeze_below : UINT32_MAX;
    if (life->freeze_on)
        naive_freeze(&life->naive, true, life->freeze_below);
}

static void note_runs(struct life *life)
{
    struct gc_run run;

    if (life->mode == LIFE_STOP)
        follow_runs(life);
    else if (gc_log(life->gc, 0, &run))
        life->runs_seen = run.number;
    life_hear(life);
    note_freeze(life);
}

void gc_quiet(struct life *life)
{
    gc_finish(life->gc);
    AGREE(life, !gc_has_work(life->gc), "the collector has finished and still has work");
    note_runs(life);
}

/* The slot that a window stands in the middle of, or, now and then, one that its walk comes to next; 0: none. */
static slot_t slot_looked_at(struct life *life, const struct window *w)
{
    slot_t next = w->phase != GC_IDLE && w->mask != 0 ? w->group + (slot_t)__builtin_ctzll(w->mask) : 0;

    if (w->scan.slot != 0 || next == 0 || !gc_in_use(life->gc, next))
        return w->scan.slot;
    return one_in(life, 4) ? next : 0;
}

uint32_t gc_looked_at(struct life *life)
{
    slot_t young = slot_looked_at(life, &life->gc->young), full = slot_looked_at(life, &life->gc->full);
    slot_t slot = young != 0 && (full == 0 || roll(life, 2) == 0) ? young : full;
    uint32_t i = slot != 0 ? naive_find(&life->naive, heap_id(life->heap, slot)) : NAIVE_NONE;

    return i != NAIVE_NONE && naive_of(life, i)->kind != HEAP_BYTES ? i : NAIVE_NONE; /* the walk meets all */
}

/* What died by counting is looked through too, as long as it has its links. */
static bool is_dead_and_looked_at(struct life *life)
{
    uint32_t i = gc_looked_at(life);

    return i != NAIVE_NONE && naive_of(life, i)->dead;
}

/* ---- between two operations ---- */

void gc_breathe(struct life *life)
{
    uint32_t steps;

    if (life->mode == LIFE_STOP)
        return;
    for (steps = roll(life, life->habits.steps + 1); steps > 0; steps--) {
        (void)gc_step(life->gc, life->mode == LIFE_UNIT ? 1 : 500 + roll(life, 1000));
        tidy_a_little(life);
        if (gc_looked_at(life) != NAIVE_NONE)
            break; /* an object is looked through by half: let something happen to it */
    }
    if (life->gc->young.phase == GC_RELEASE || life->gc->full.phase == GC_RELEASE)
        hold_compare_weak(life); /* some are dead and do not know it yet */
    note_runs(life);
}

void gc_between(struct life *life)
{
    if (life->mode == LIFE_STOP) {
        gc_quiet(life);
        life_settle(life);
        tidy_a_little(life);
        return;
    }
    gc_breathe(life);
    if (one_in(life, 3))
        hold_drain(life, 1 + roll(life, 4));
    if (life->habits.reaps && (one_in(life, 5) || is_dead_and_looked_at(life)))
        (void)heap_reap(life->heap, 1 + roll(life, 40));
    tidy_a_little(life);
    life_hear(life);
}

/* ---- operations ---- */

static void ask_for_collection(struct life *life)
{
    int generation = (int)roll(life, GC_GENERATIONS);
    bool dry = one_in(life, 5);
    uint64_t *ticket = &life->tickets[generation][dry];

    AGREE(life, gc_collect(life->gc, generation, GC_BY_REQUEST, dry, ticket, NULL) == ERR_OK, "a collection was refused");
}

static void freeze_or_not(struct life *life)
{
    if (!life->habits.freezes)
        return;
    life->freezing = true;
    life->freeze_on = roll(life, 2) == 0;
    life->freeze_below = life->naive.count;
    life->freeze_ticket = gc_freeze(life->gc, life->freeze_on);
    if (!life->freeze_on) /* from now on one cannot be sure of any */
        naive_freeze(&life->naive, false, UINT32_MAX);
    else if (life->mode == LIFE_STOP)
        naive_freeze(&life->naive, true, UINT32_MAX);
}

static void tune(struct life *life)
{
    AGREE(life, gc_set_tuning(life->gc, &life->tuning, NULL) == ERR_OK, "tuning was refused");
}

void gc_random_tuning(struct life *life)
{
    static const uint32_t young[] = {0, 5, 20, 100, 700}, old[] = {1, 3, 10};
    struct gc_state state;

    gc_get_state(life->gc, &state);
    life->tuning = state.tuning;
    life->tuning.enabled = life->habits.automatic && !one_in(life, 8);
    life->tuning.thresholds[0] = young[roll(life, ARRAY_LEN(young))];
    life->tuning.thresholds[1] = old[roll(life, ARRAY_LEN(old))];
    life->tuning.thresholds[2] = old[roll(life, ARRAY_LEN(old))];
    tune(life);
}

static void save_all_or_not(struct life *life)
{
    if (!life->habits.saves)
        return;
    life->tuning.debug ^= GC_DEBUG_SAVEALL;
    tune(life);
}

static void learn_garbage(struct life *life)
{
    uint32_t cursor = UINT32_MAX;
    obj_id id;

    for (uint32_t a = 0; a < life->naive.alive_count; a++)
        naive_of(life, life->naive.alive[a])->garbage = false;
    while (gc_next_garbage(life->gc, &cursor, &id)) {
        uint32_t i = naive_find(&life->naive, id);

        AGREE(life, i != NAIVE_NONE && !naive_of(life, i)->dead, "a dead object is on the garbage list");
        naive_of(life, i)->garbage = true;
    }
}

void gc_learn(struct life *life)
{
    if (life->mode != LIFE_STOP)
        learn_garbage(life);
}

static void clear_garbage(struct life *life)
{
    size_t units = life->mode == LIFE_STOP ? SIZE_MAX : 1 + roll(life, 60);

    (void)gc_clear_garbage(life->gc, units);
    learn_garbage(life);
    life_settle(life);
    life_hear(life);
}

static void reap(struct life *life)
{
    if (life->habits.reaps)
        (void)heap_reap(life->heap, 1 + roll(life, 50));
}

/* ---- at rest ---- */

void gc_collect_exactly(struct life *life, int generation, bool dry_run)
{
    uint64_t ticket, seen = life->runs_seen;
    struct gc_run run;

    AGREE(life, gc_collect(life->gc, generation, GC_BY_REQUEST, dry_run, &ticket, NULL) == ERR_OK, "a collection was refused");
    gc_finish(life->gc);
    follow_runs(life);
    life_hear(life);
    AGREE(life, life->runs_seen > seen && gc_run_of(life->gc, generation, dry_run, ticket, &run) && run.number > seen,
          "a collection was asked for and did not run");
}

void gc_compare(struct life *life)
{
    uint64_t of_generation[NAIVE_FROZEN + 1] = {0}, garbage = 0;
    struct gc_state state;
    struct gc_run run;

    for (uint32_t a = 0; a < life->naive.alive_count; a++) {
        const struct naive_object *o = naive_of(life, life->naive.alive[a]);

        of_generation[o->generation] += o->kind != HEAP_BYTES;
        garbage += o->garbage;
        AGREE(life, gc_is_garbage(life->gc, o->id) == o->garbage, "object %" PRIu64 " should %sbe on the garbage list", o->id,
              o->garbage ? "" : "not ");
    }
    gc_get_state(life->gc, &state);
    for (int g = 0; g < GC_GENERATIONS; g++)
        AGREE(life, state.generations[g].objects == of_generation[g], "generation %d has %" PRIu64 " objects, not %" PRIu64, g,
              state.generations[g].objects, of_generation[g]);
    AGREE(life, state.frozen == of_generation[NAIVE_FROZEN], "%" PRIu64 " objects are frozen, not %" PRIu64, state.frozen,
          of_generation[NAIVE_FROZEN]);
    AGREE(life, state.garbage == garbage, "the garbage list has %" PRIu64 " objects, not %" PRIu64, state.garbage, garbage);
    for (int g = 0; g < GC_GENERATIONS; g++)
        for (int dry = 0; dry < 2; dry++)
            AGREE(life, gc_run_of(life->gc, g, dry, life->tickets[g][dry], &run), "a collection that was asked for never ended");
}

const struct op gc_ops[] = {
    {"ask for a collection", ask_for_collection, 5, 0, false},
    {"freeze or unfreeze", freeze_or_not, 1, 0, false},
    {"tune", gc_random_tuning, 1, 0, false},
    {"save all or not", save_all_or_not, 1, 0, false},
    {"clear garbage", clear_garbage, 2, -1, false},
    {"reap", reap, 4, 0, false},
};
const size_t gc_op_count = ARRAY_LEN(gc_ops);
