/*
 * scenario.h - what a load consists of: small machines that say which request comes next, and hear how the last ones went.
 *
 * A scenario knows neither time nor connections: it is asked for the next request when one is due (next), and may have many
 * under way at once, whose answers come in any order (answered). All it makes carries its site, "load/NAME", and is held by
 * the session of the run or by what that holds, so the end of that session ends all of it; what is held otherwise it gives
 * back itself (tidy). What it remembers is bounded.
 */
#pragma once
#include "client/load/ask.h"
#include "client/load/dice.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCENARIO_WORKING_SET_MAX 1000 /* objects that a scenario in balance keeps, or a quarter of a second's worth of requests */
#define SCENARIO_WORKING_SET_MIN 16

struct trace; /* trace.h */

struct scenario_world {
    double rate;      /* of its requests, a second */
    double duration_s; /* of the run */
    unsigned clients;
    struct trace *trace; /* of --trace; NULL: none */
};

struct scenario {
    const char *name;
    const char *says;  /* one line */
    const char *leaks; /* "yes", "no", or what decides it; for people: no verdict looks at it */
    const void *kind;  /* for what shares a file: what differs */

    /* NULL: no memory. */
    void *(*begin)(const struct scenario *s, const struct scenario_world *w);
    void (*end)(void *state);

    /* Fill *a; false: nothing can be sent before something is answered. */
    bool (*next)(void *state, struct dice *d, struct ask *a);

    /* `status` 0: no answer came. `body` is a string. */
    void (*answered)(void *state, const struct ask *a, int status, const char *body);

    /* After the run, until it is false: give back what the run's session does not hold. May be NULL. */
    bool (*tidy)(void *state, struct ask *a);
};

extern const struct scenario scenario_churn, scenario_slow_leak, scenario_cycle_churn, scenario_session_leak, scenario_session_expiry,
    scenario_listener_leak, scenario_listener_churn, scenario_cache_without_eviction, scenario_cache_with_eviction,
    scenario_big_graph_drop, scenario_fragmentation, scenario_trace;

/* The i-th of all that need nothing else, so not the trace; NULL past the last. */
const struct scenario *scenario_at(size_t i);
const struct scenario *scenario_find(const char *name, size_t length);

/* ---- what they share ---- */

/* How many objects a scenario of this rate keeps. */
size_t scenario_working_set(const struct scenario_world *w);

/* A 2xx came. */
bool scenario_done(int status);

/* The number of the first "id" in the answer; 0: there is none. */
uint64_t scenario_id(const char *body);
