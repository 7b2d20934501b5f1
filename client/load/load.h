/*
 * load.h - put a heapd under load: scenarios, an open loop, what came of it, and whether the heap leaks.
 *
 * Owns:      the run: its connections, its session, its clocks.
 * Knows not: terminals and files; what it found is one JSON document (document.h), what goes on meanwhile is told (on_tick).
 *
 * One thread, one loop. Requests are sent when they are due on whichever connection is free; what is due and finds none waits
 * (schedule.h). Each has two times: its latency, from when it was due to its answer, which is what a client would have waited;
 * and its service time, from when it was sent, which is all that a closed loop would see. How late the loop itself woke up for
 * an arrival is told beside them: on a busy machine that is a part of the latency, and none of heapd's.
 *
 * The run has a session of its own, which holds all that is made. It is ended when the run is over, and with it go the leaks
 * that were made on purpose; a run that is killed leaves them to the end of its lease (session-leak: of its sessions' leases).
 */
#pragma once
#include "client/heapd.h"
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define LOAD_CLIENTS_MAX    1024
#define LOAD_RATE_MAX       1000000.0
#define LOAD_DURATION_S_MAX (366.0 * 86400)
#define LOAD_SCENARIOS_MAX  16 /* at once */
#define LOAD_DRAIN_S        30 /* what is under way or waits when the time is over may take so long */
#define LOAD_SILENCE_S      60 /* without any answer, while some are waited for: heapd is taken to be gone */
#define LOAD_LEASE_S        300 /* of the run's session */

struct scenario; /* scenario.h */
struct trace;    /* trace.h */

/* How far it is. */
struct load_view {
    double t_s, duration_s, ops_per_s;
    uint64_t sent, done, failed, waiting, shed;
    uint64_t p99_us;                   /* of the last point */
    uint64_t live, rss, collections;   /* then */
};

struct load_options {
    const struct heapd_options *where;
    const struct scenario *scenarios[LOAD_SCENARIOS_MAX];
    size_t scenario_count;
    struct trace *trace;   /* of scenario_trace, if that is one of them */
    double rate, duration_s;
    unsigned clients;
    uint64_t seed;
    bool evenly;           /* arrivals at even distances, not by chance */
    bool keeps;            /* what was made is left there */
    int stop_fd;           /* a signalfd. One signal: end early, with what there is; two: at once; -1: none */
    void (*on_tick)(void *arg, const struct load_view *v); /* once a point; may be NULL */
    void *arg;
};

/* HEAPD_OK: *ret_document is what came of it, a new reference. Else it is that too if the load had begun and heapd went away
 * (its verdict is null), and NULL if it had not. */
enum heapd_result load_run(const struct load_options *o, json_t **ret_document, struct heapd_problem *p);
