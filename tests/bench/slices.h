/*
 * slices.h - how long bounded pieces of work took: by the clock on the wall, and in CPU time of the thread.
 *
 * The wall says what others waited, and includes whatever the machine did meanwhile; the thread's own time says
 * what the work cost. Both are kept for every slice, so that quantiles are exact.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct slices {
    uint32_t *wall_ns, *cpu_ns;
    size_t count, room;
    uint64_t total_ns; /* of the thread */
};

/* All zero is an empty one. */
void slices_free(struct slices *s);

struct slice_start {
    uint64_t wall_ns, cpu_ns;
};

struct slice_start slice_begin(void);
/* `wall_ns`: how long it took, as whoever bounded it has measured. */
void slice_end(struct slices *s, struct slice_start start, uint64_t wall_ns);

/* The control: slices of `slice_ns` which only look at the clock, for `ns`. What they take longer is the
 * machine's. */
void slices_spin(struct slices *s, uint64_t slice_ns, uint64_t ns);

/* One object of JSON, times in microseconds. Sorts: the order of slices is lost. */
void slices_print(struct slices *s);
