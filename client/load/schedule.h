/*
 * schedule.h - when which scenario's next request is due, and what is due and has not been sent.
 *
 * Owns:      the arrivals of an open loop: they come when the seed says, whether anybody keeps up or not, so a server that
 *            stalls has everything that came meanwhile counted against it ("How NOT to Measure Latency", Gil Tene, 2013).
 * Knows not: clocks; it is told how late it is, in nanoseconds since the load began.
 *
 * What waits is bounded for each lane (SCHEDULE_WAITING_MAX), so one that does not keep up takes no room from the others: above,
 * an arrival is shed, and counted.
 */
#pragma once
#include "client/load/dice.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCHEDULE_LANES_MAX   16
#define SCHEDULE_WAITING_MAX 65536u /* of a lane; a power of two */

/* What waits for one scenario, oldest first. */
struct schedule_lane {
    uint64_t *due_ns; /* a ring of SCHEDULE_WAITING_MAX */
    uint32_t first, count;
};

struct schedule {
    struct dice dice;
    double rate;   /* of all lanes, a second */
    bool evenly;   /* one every 1/rate; else by chance */
    bool is_over;  /* no more will come */
    uint64_t end_ns, next_ns; /* when the load is over; of the arrival that comes next */
    uint64_t planned, shed, waiting;
    size_t lane_count;
    struct schedule_lane lanes[SCHEDULE_LANES_MAX];
};

/* False: no memory; then nothing is to be freed. */
bool schedule_init(struct schedule *s, double rate, bool evenly, double duration_s, uint64_t seed, size_t lane_count);
void schedule_fini(struct schedule *s);

/* Let come what is due by `now_ns`; is_over once that is the end. */
void schedule_advance(struct schedule *s, uint64_t now_ns);

/* When to advance it again. */
static inline uint64_t schedule_next(const struct schedule *s)
{
    return s->next_ns < s->end_ns ? s->next_ns : s->end_ns;
}

/* When the oldest of a lane was due; UINT64_MAX: none waits. */
uint64_t schedule_oldest(const struct schedule *s, size_t lane);
void schedule_take(struct schedule *s, size_t lane); /* it, out */

/* No more arrivals, and what waits is shed. */
void schedule_stop(struct schedule *s);
