/*
 * audience.h - the connections that listen to events: who is told when.
 *
 * Owns:      those that have been told everything, and whose turn it is.
 * Knows not: what an event is (api/events.h), how it is sent (conn.c).
 *
 *     waiting --there is news, and the rest is over--> line --told--> waiting
 *
 * Telling is a write to a socket, 10 us for each, and there may be thousands of listeners and thousands of events a second.
 * So listeners are told in rounds: all that has happened since the last, in one write. After a round comes a rest,
 * AUDIENCE_REST times as long as what it took: listeners, however many, get one part in so many of the loop's time, and what
 * they lose by that is some delay. One listener is told within a millisecond, a thousand within a fifth of a second where much
 * happens, and at once where little does. A round itself is made in pieces, AUDIENCE_TURN_MAX a time round the loop, so nobody
 * waits for the end of one.
 */
#pragma once
#include "daemon/list.h"
#include <stdint.h>
#include <uv.h>

#define AUDIENCE_TURN_MAX 16
#define AUDIENCE_LOOK_MAX 1024 /* for some for whom there is news */
#define AUDIENCE_REST     16

struct api;

struct audience {
    struct list waiting;
    struct list line;        /* of this round, those whose turn has not come */
    uint64_t told;           /* the newest event when the round began */
    bool late;               /* somebody has come since who has not been told all there was then */
    uint64_t spent_us;       /* on this round */
    uint64_t rest_until_us;
    uv_timer_t timer;        /* the end of a rest, if there is news */
};

void audience_init(struct audience *a, uv_loop_t *loop);
/* Its handle; its memory may go when the loop has run the callback. */
void audience_close(struct audience *a);

/* A connection has been told all there was, or (`late`) not quite; its link is on no list. */
void audience_wait(struct audience *a, struct list *queue_link, bool late);
/* Once a time round the loop: tell some of them what there is to tell. True if there is more to do now. */
bool audience_step(struct audience *a, struct api *api);
