/*
 * meter.h - reads the heap while the load goes on, over a connection of its own.
 *
 * Owns:      what was read: a series of points, the floors, and the last collections.
 * Knows not: what the load does; it is told how its answers were, once a point.
 *
 * Two things are read in turn. A *point*: GET /v1/heap and /v1/gc, and now and then the collector's log. A *floor*: what
 * lives, all of it, by site and by class, a POST /v1/gc/collect before each: so the load tool makes full collections that heapd
 * would not have made, and the report counts them apart (reason "request").
 */
#pragma once
#include "client/load/floors.h"
#include "client/load/head.h"
#include "client/load/histogram.h"
#include "client/load/line.h"
#include "client/load/series.h"

#define METER_COLLECTIONS_MAX 512u /* the last */
#define METER_STEPS_MAX       12u  /* that wait */

/* Requests of the load. */
struct counts {
    uint64_t sent, done, failed; /* failed: for any reason */
    uint64_t full;               /* of those, because the heap was */
};

struct collection {
    double t_s;
    uint64_t number;
    unsigned generation;
    char reason[16];
    uint64_t collected, duration_us, max_slice_us;
};

struct meter {
    struct line line;
    const struct identity *who;
    const struct counts *counts;  /* the load counts them */
    struct ask ask;
    struct text head;
    uint64_t began_ns;
    double began_wall_s;          /* by the clock on the wall, for the collector's log */
    struct series series;
    struct floors floors;
    struct collection collections[METER_COLLECTIONS_MAX]; /* a ring */
    uint64_t collection_count;    /* ever; the newest METER_COLLECTIONS_MAX are there */
    uint64_t collected, max_slice_us; /* of all of those: what they found; the longest slice */
    uint64_t missed;              /* had left the log before it was read */
    uint64_t last_number;         /* of the log */
    struct histogram recent;      /* latencies since the last point: the load adds to it */
    double point_began_s;
    struct point point;           /* the one that is being read */
    uint64_t points_read;
    unsigned char steps[METER_STEPS_MAX]; /* a queue */
    size_t step_count;
    bool failed;                  /* no memory */
    bool gone;                    /* nobody listens any more */
    char instance[LINE_INSTANCE_BYTES]; /* what heapd called itself at the beginning */
    bool is_another;              /* now it calls itself otherwise */
    uint64_t broken;              /* readings that did not come */
};

void meter_init(struct meter *m, uv_loop_t *loop, const struct line_place *place, const struct identity *who,
                const struct counts *counts);

/* When it is, and what the load has done by then: no reading yet of the heap. */
struct reading meter_now(const struct meter *m);

/* The load begins: `now_ns` by uv_hrtime(). */
void meter_begin(struct meter *m, uint64_t now_ns);
void meter_fini(struct meter *m);

/* Begin to read a point, or a floor, unless the last one is still being read. */
void meter_read_point(struct meter *m);
void meter_read_floor(struct meter *m);
void meter_read_log(struct meter *m);
bool meter_is_idle(const struct meter *m);
