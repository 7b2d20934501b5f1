/*
 * pauses.h - the record of slices: how long each kept requests waiting, and with what.
 *
 * A slice runs many steps, often of several phases. Each step's time goes to its own phase (the clock is read
 * after each anyway); the slice as a whole goes into the histogram of the phase that took most of it, since what
 * is asked of a pause is how long it was, and whose fault. Wall time is what a client feels; the CPU time of
 * the thread is what of it was ours. That clock is a system call of 0.4 us, so it is read twice a slice.
 */
#pragma once
#include "api/api.h"
#include "daemon/histogram.h"

struct pauses {
    struct histogram all[PAUSE_CLOCKS];
    struct histogram mostly[PAUSES][PAUSE_CLOCKS]; /* slices that a phase took most of */
    uint64_t spent_us[PAUSES];                     /* on each phase, in whatever slice */
    struct times collections[GC_GENERATIONS];      /* that ended */
    uint64_t slices[GC_GENERATIONS];               /* in which they were worked on */
};

/* One slice. All zero, then pauses_begin(). */
struct slice_time {
    uint64_t began_us, at_us; /* the end of the last step */
    uint64_t cpu_us;          /* when it began */
    uint64_t began_unix_ms;
    uint64_t spent_us[PAUSES];
};

void pauses_begin(struct slice_time *s);
/* A step of phase `what` has ended; returns how long it took. */
uint64_t pauses_step(struct slice_time *s, enum pause what);
/* A collection has ended. */
void pauses_note_run(struct pauses *p, const struct gc_run *run);
/* The slice has ended with its last step. */
void pauses_end(struct pauses *p, const struct slice_time *s);

void pauses_tell(const struct pauses *p, enum pause what, enum pause_clock clock, struct api_pauses *ret);
