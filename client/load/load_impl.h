/*
 * load_impl.h - a run of a load, as its parts see it: load.c drives it, client.c sends and hears, document.c tells of it.
 */
#pragma once
#include "api/wire.h"
#include "client/load/histogram.h"
#include "client/load/load.h"
#include "client/load/meter.h"
#include "client/load/scenario.h"
#include "client/load/schedule.h"

#define LOAD_FAILURES_MAX 8 /* kinds that are told apart */

_Static_assert(LOAD_SCENARIOS_MAX <= SCHEDULE_LANES_MAX, "each scenario has a lane");

struct load;

/* One connection, and what is under way on it. */
struct client {
    struct line line;
    struct load *load;
    struct ask ask;
    size_t lane;
    uint64_t due_ns, sent_ns; /* since the load began */
};

/* A scenario at work. */
struct lane {
    const struct scenario *scenario;
    void *state;
    struct dice dice;
    char site[WIRE_NAME_BYTES_MAX + 1];
    bool sulks; /* it has nothing to send before one of its requests is answered */
    uint64_t under_way;
};

/* One way to fail: a status and a problem's type. */
struct failure {
    int status;
    char type[64];
    char detail[256]; /* of the first */
    uint64_t count;
};

struct load {
    const struct load_options *options;
    uv_loop_t loop;
    struct line_place place;
    struct identity who;
    char *bearer;
    struct text head;         /* of the request that is being sent */
    uv_poll_t due, stop;      /* the next arrival; the caller's stop_fd */
    int due_fd;
    uv_timer_t point_timer, floor_timer, end_timer, silence_timer;
    uint64_t began_ns;
    char began[32];           /* by the clock on the wall */
    char version[32];
    struct lane lanes[LOAD_SCENARIOS_MAX];
    size_t lane_count;
    struct schedule schedule;
    struct client *clients;
    struct client **unused;   /* a stack of those that are free: the last that was used is used first */
    size_t unused_count;
    struct meter meter;
    struct histogram latency, service;
    struct histogram lateness; /* our own: how long after an arrival was due we woke up */
    struct counts counts;
    uint64_t by_kind[ASK_KINDS];
    struct failure failures[LOAD_FAILURES_MAX];
    uint64_t answered_ns;     /* when something was answered last */
    double over_s;            /* when the load was over; 0: it is not */
    double drain_until_s;     /* then */
    bool is_loading;          /* between what is before the load and what comes after */
    bool stopped;             /* before its time, because somebody said so */
    uint64_t unsent;          /* so many were due then and waited */
    bool is_hurried;          /* nothing is waited for any more */
    unsigned silent_ticks;    /* so many looks found that nothing is answered */
    struct heapd_problem gone; /* why it was ended; HEAPD_OK: it was not */
    bool is_stuck;            /* by itself: heapd is there yet */
    json_t *suspects;         /* what heapd itself says; NULL: nothing */
};

/* ---- client.c ---- */

enum heapd_result clients_create(struct load *load, struct heapd_problem *p);
void clients_destroy(struct load *load);

/* Send what is due, as long as there are free connections. */
void clients_dispatch(struct load *load);
static inline bool clients_are_idle(const struct load *load)
{
    return load->unused_count == load->options->clients;
}

/* When the oldest was sent that is under way; UINT64_MAX: none is. */
uint64_t clients_oldest_ns(const struct load *load);

/* Heapd went away: the first to notice says how. */
void load_is_gone(struct load *load, enum heapd_result result, const char *how);

/* A request failed: with a status and a problem, or (0) because the connection broke. */
void load_count_failure(struct load *load, int status, const char *broken, const char *body);

/* ---- document.c ---- */

/* All of it, as JSON; NULL without memory. */
json_t *document_new(const struct load *load);
