/*
 * collector.h - what is done between requests, and for how long at a time.
 *
 * Owns:      when gc_step(), api_step() and the tidying of memory run, and the time that a slice of them takes; when the
 *            budget of memory (budget.h) is looked at.
 * Knows not: what a collection does (gc/), what a request does (api/), what is remembered of slices (pauses.h).
 *
 * heap/, gc/ and api/ have no clock: they take units of work. A slice runs once each time round the loop, after
 * the requests that came in were served, and between them where they are many; while there is work the loop does
 * not sleep. pause_budget_us is the cap on all of it together. With requests about, a slice takes at most a
 * quarter of the time they took (and 50 us at least, or it would never get anywhere). Where they come one at a time, each
 * may find a slice under way: until none has come for COLLECTOR_COMPANY_US, slices are as short.
 */
#pragma once
#include "api/api.h"
#include "daemon/edge.h"
#include "daemon/pauses.h"
#include <uv.h>

struct collector;

#define COLLECTOR_SLICE_US_MIN 50
#define COLLECTOR_COMPANY_US 20000

/* All of it outlives the collector. */
struct collector_world {
    uv_loop_t *loop;
    struct mem *mem; /* the account of connections */
    struct api *api;
    struct heap *heap;
    struct gc *gc;
    const struct session_set *sessions;
    const struct settings *settings;
    struct edge *edge;
    struct pauses *pauses; /* every slice that did something is added */
};

enum err collector_create(const struct collector_world *world, struct collector **ret);
/* Close its handles; collector_destroy() when the loop has run their callbacks. */
void collector_close(struct collector *c);
void collector_destroy(struct collector **c);

/* How many microseconds a slice may take if requests took `turn_us` since the last, `alone`: and there were none lately. */
uint64_t collector_budget_us(uint64_t turn_us, bool alone, uint64_t pause_budget_us);
