/*
 * pace.c - when a collection starts: arithmetic on counters, nothing else. The rules are CPython's (gcmodule.c,
 * gc_collect_generations), and one more: a full collection also starts when the bytes of live objects have grown by a
 * share since the last one, since a few large objects can hold much memory in few cycles. Bytes that are made and gone
 * again in between do not count: the young collections and the counts dealt with them.
 */
#include "gc/gc_impl.h"

static bool full_is_worth_it(const struct gc *gc)
{
    return gc->long_lived_pending >= gc->long_lived_total / 4;
}

static bool bytes_are_due(const struct gc *gc)
{
    uint64_t live = heap_counters(gc->heap)->live_bytes, base = gc->live_bytes_base;
    uint64_t share = base / 100 * gc->tuning.full_bytes_pct;

    return gc->tuning.full_bytes_pct != 0 && live > base && live - base > GC_FULL_BYTES_FLOOR && live - base > share;
}

void pace_note_bytes(struct gc *gc)
{
    uint64_t live = heap_counters(gc->heap)->live_bytes;

    if (live < gc->live_bytes_base)
        gc->live_bytes_base = live;
}

/* The oldest generation whose count is above its threshold, among those that may run now. */
static int due_by_count(const struct gc *gc, int oldest)
{
    if (gc->counts[0] <= gc->tuning.thresholds[0])
        return -1;
    for (int g = oldest; g >= 0; g--)
        if (gc->counts[g] > gc->tuning.thresholds[g] && (g < 2 || full_is_worth_it(gc)))
            return g;
    return -1;
}

int pace_due(const struct gc *gc, enum gc_reason *ret_reason)
{
    bool full_open = gc->full.phase != GC_IDLE;

    if (!gc->tuning.enabled || gc->tuning.thresholds[0] == 0)
        return -1;
    if (!full_open && bytes_are_due(gc)) {
        *ret_reason = GC_BY_BYTES;
        return 2;
    }
    *ret_reason = GC_BY_COUNT;
    return due_by_count(gc, full_open ? 1 : 2);
}

#define STEP_US_MIN 5u
#define STEP_US_MAX 15u

size_t gc_next_units(size_t units, uint64_t us)
{
    if (us > STEP_US_MAX)
        units /= 2;
    else if (us < STEP_US_MIN)
        units *= 2;
    return units < GC_STEP_UNITS_MIN ? GC_STEP_UNITS_MIN : units > GC_STEP_UNITS_MAX ? GC_STEP_UNITS_MAX : units;
}

void pace_begun(struct gc *gc, int generation)
{
    for (int g = 0; g <= generation; g++)
        gc->counts[g] = 0;
    if (generation + 1 < GC_GENERATIONS)
        gc->counts[generation + 1]++;
    if (generation == 2) {
        gc->live_bytes_base = heap_counters(gc->heap)->live_bytes;
        gc->pending_at_full = gc->long_lived_pending;
        gc->fell_at_full = heap_counters(gc->heap)->fell_nonzero;
    }
}

void pace_ended(struct gc *gc, const struct window *w)
{
    if (w->generation == 1)
        gc->long_lived_pending += w->reached;
    if (w->generation == 2) {
        gc->long_lived_pending -= gc->pending_at_full; /* young windows inside it may have promoted more */
        gc->long_lived_total = w->reached;
    }
}
