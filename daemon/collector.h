/*
 * collector.h - when the collector works, and for how long at a time.
 *
 * Owns:      the budget of a slice, the rate at which units become microseconds, the record of pauses.
 * Knows not: what a collection does (gc/), what a request does (api/).
 *
 * gc/ has no clock: it takes units of work. A slice runs once each time round the loop, after the requests
 * that came in were served; while there is work the loop does not sleep. With requests about, a slice takes
 * at most a quarter of the time they took (and 50 us at least, or it would never get anywhere); with none, up
 * to pause_budget_us. Leases that end and scopes that close are served from the same budget.
 */
#pragma once
#include "api/api.h"
#include "daemon/edge.h"
#include "daemon/histogram.h"
#include <uv.h>

struct collector;

#define COLLECTOR_SLICE_US_MIN 50

/* All of it outlives the collector. */
struct collector_world {
    uv_loop_t *loop;
    struct mem *mem;
    struct api *api;
    struct gc *gc;
    const struct session_set *sessions;
    const struct settings *settings;
    struct edge *edge;
    struct histogram *pauses; /* every slice that did something is added */
};

enum err collector_create(const struct collector_world *world, struct collector **ret);
/* Close its handles; collector_destroy() when the loop has run their callbacks. */
void collector_close(struct collector *c);
void collector_destroy(struct collector **c);

/* How many microseconds a slice may take if requests took `turn_us` since the last (0: there were none). */
uint64_t collector_budget_us(uint64_t turn_us, uint64_t pause_budget_us);
