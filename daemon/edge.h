/*
 * edge.h - all connections together: what they share, whose turn it is, how long anybody may take.
 *
 * Owns:      the connections (conn.h), the memory they lend each other, the order of their turns.
 * Knows not: listeners (server.h), what a request means (api/).
 *
 * A connection is served when bytes come in, and when what it sent could be written. One that has had its
 * share of a turn goes to the end of `again` and is served once each time round the loop; one whose task
 * waits for the collector, or for another task, sits in `waiting` until edge_step_waiting(); one that listens to events in
 * the `audience` until edge_step_audience().
 */
#pragma once
#include "api/api.h"
#include "daemon/audience.h"
#include "daemon/clock.h"
#include "daemon/doors.h"
#include "daemon/http.h"
#include "daemon/holders.h"
#include "daemon/list.h"
#include "daemon/outbox.h"
#include "daemon/pauses.h"
#include "daemon/peers.h"
#include <uv.h>

#define EDGE_READ_BYTES (64u << 10)
#define EDGE_TICK_MS    250 /* deadlines are noticed up to EDGE_TICK_PARTS ticks late */
#define EDGE_TICK_PARTS 4   /* a tick has this fraction of all connections looked at ... */
#define EDGE_LOOK_MS    (EDGE_TICK_MS * EDGE_TICK_PARTS)
#define EDGE_LOOKS_MAX  1024 /* ... so many in a time round the loop, 40 us ... */
#define EDGE_ENDS_MAX   8    /* ... and of those whose time is over so many: to answer and close takes 10 to 30 us each */
#define EDGE_ACCEPTS_MAX 16  /* connections that come, in half a time round the loop; the others wait in the backlog */
#define EDGE_ASKING_MAX 64      /* tasks that wait look again, so many in a time round the loop */
#define EDGE_JUDGED_MAX 64      /* holders of buffers, of whom the slowest is cut */
#define EDGE_BREATH_US  2000    /* of requests without a pause */
#define EDGE_ROUND_US   4000    /* of requests, of those that came or of those that go on; the rest a round later */
#define EDGE_SHORT_TURNS 4      /* in a row that are worth one look at the clock */
#define EDGE_TURNED_AWAY_MAX                                                                                 \
    64 /* connections beyond connections_max that are told so; more wait unaccepted */

/* What has to be on disk before an answer leaves; all zeroes: nothing has. Commits have ascending numbers. */
struct edge_durability {
    void *ctx;
    /* The commit that will have the heap as it is now; 0: it is on disk, or that is not promised. */
    uint64_t (*wanted)(void *ctx);
    bool (*promised)(void *ctx); /* what Heapd-Durable says */
    bool (*behind)(void *ctx);   /* so much is on its way that no request begins */
};

/* What the edge stands on; all of it outlives the edge. */
struct edge_world {
    uv_loop_t *loop;
    struct mem *mem; /* the account of connections and what they hold */
    struct api *api;
    const struct gc *gc;
    const struct settings *settings;
    const struct doors *doors;
    const char *instance;
    void (*on_room)(
        void *ctx); /* a connection has left, or it is time to try again after edge_accept() refused */
    void *on_room_ctx;
    struct edge_durability durability;
    struct pauses *pauses; /* steps that count as slices are added */
};

struct edge {
    uint32_t magic;
    struct edge_world world;
    struct list all;     /* every connection that is not closed; the one looked at longest ago first */
    struct list again;   /* have more to do */
    struct list waiting; /* for the collector, or for another task */
    struct list asking;  /* of them, those whose turn it is to look again */
    struct audience audience; /* those that listen to events */
    struct list parked;  /* have answers that a commit has to come before */
    size_t parked_count;
    uint64_t durable;    /* the last commit that is on disk */
    bool looking;        /* some of `asking` look again just now */
    bool woken;          /* something has happened since the last of `waiting` looked */
    size_t count;        /* of all */
    size_t looks_due;    /* of them, those that a tick wants looked at and nobody has yet */
    unsigned accepted;   /* in this half of a time round the loop */
    bool held_back;      /* more would have come */
    size_t turned_away;  /* of them, those that were one too many */
    uint64_t cuts[CUTS]; /* those whose peers were too slow */
    struct peers peers;  /* whose the others are */
    bool draining;
    uint64_t turn_began_us; /* when requests began to be served, after the loop last slept; 0: not yet */
    uint64_t turn_us;       /* what they took before that sleep, not yet told */
    uint64_t served_us;     /* when the clock was last looked at for them */
    unsigned short_turns;   /* since the clock was looked at */
    uint64_t round_began_us; /* this half of a time round the loop (see edge_is_late()); 0: nobody was served yet */
    bool late;
    void (*on_breath)(void *ctx); /* see edge_on_breath() */
    void *on_breath_ctx;
    struct holders holders; /* of buffers */
    uint64_t buffers_max;   /* see edge_set_room() */
    bool accepts;
    bool making_room;
    int64_t date_s;         /* the second that `date` shows */
    char date[CLOCK_HTTP_DATE_BYTES + 1];
    struct outbox_pool pool;
    uv_prepare_t prepare; /* the loop is about to sleep */
    uv_idle_t idle; /* active while `again` has members: the loop does not sleep */
    uv_timer_t tick;
    struct http_head head;             /* lent to the connection being served */
    char read_buffer[EDGE_READ_BYTES]; /* the same */
};

/* ERR_NOMEM. */
enum err edge_create(const struct edge_world *world, struct edge **ret);
/* Close its handles and all connections; edge_destroy() when the loop has run their callbacks. */
void edge_close(struct edge *e);
void edge_destroy(struct edge **e);

/* Take the connection that waits at `listener`. False: there is no room for it now, or so many have just come that others
 * have their turn first; on_room() will say when to try again. */
bool edge_accept(struct edge *e, uv_stream_t *listener, bool unix_socket);

/* Something besides a request happened that tasks may wait for: each shall look again ... */
void edge_wake_waiting(struct edge *e);
/* ... some of them now. True if there are more. */
bool edge_step_waiting(struct edge *e);
/* Those that listen are told what there is to tell, some of them now. True if there are more. */
bool edge_step_audience(struct edge *e);

/* Commits up to this one are on disk: answers that waited for it leave. */
void edge_note_durable(struct edge *e, uint64_t commit);
/* How many connections have answers that wait. */
size_t edge_parked(const struct edge *e);
/* None of those answers will ever be true: each is told so instead, and nothing follows. */
void edge_fail_parked(struct edge *e, const struct why *why);

/* How long requests have been served since the last call; 0 if none was. */
uint64_t edge_take_turn_us(struct edge *e);
/* When that was, on clock_us(). */
uint64_t edge_served_us(const struct edge *e);
/* Have `fn` called between two connections when that is EDGE_BREATH_US or more: with thousands of them, a time round
 * the loop is too long to let the collector wait for its end. NULL: no more. */
void edge_on_breath(struct edge *e, void (*fn)(void *ctx), void *ctx);

/* Let what has begun end, with Connection: close; close the rest. It is over when edge_count() is 0. */
void edge_drain(struct edge *e);
/* Close every connection now. */
void edge_cut(struct edge *e);
size_t edge_count(const struct edge *e);

/* What connections together hold of requests and answers. Whoever divides memory says how much that may be where
 * buffer_bytes_max allows more (at the next change that is over it, the slowest are cut), and whether more connections may
 * come. */
uint64_t edge_buffer_bytes(const struct edge *e);
void edge_set_room(struct edge *e, uint64_t bytes_max, bool accepts);

/* ---- for conn.c ---- */

/* Room for buffers is short because memory is, not because buffer_bytes_max says so. */
bool edge_lacks_memory(const struct edge *e);

/* Put a connection into `again` or `waiting`; its link is on no list. */
void edge_push_again(struct edge *e, struct list *queue_link);
void edge_push_waiting(struct edge *e, struct list *queue_link);
/* Its answers wait for a commit; its link is on no list. */
void edge_park(struct edge *e, struct list *parked_link);
void edge_unpark(struct edge *e, struct list *parked_link);
/* The commit that what is answered now has to wait for; 0: none. */
static inline uint64_t edge_wanted_commit(const struct edge *e)
{
    return e->world.durability.wanted != NULL ? e->world.durability.wanted(e->world.durability.ctx) : 0;
}
static inline bool edge_promises(const struct edge *e)
{
    return e->world.durability.promised != NULL && e->world.durability.promised(e->world.durability.ctx);
}
/* So much waits for the disk that no request begins. */
static inline bool edge_is_behind(const struct edge *e)
{
    return e->world.durability.behind != NULL && e->world.durability.behind(e->world.durability.ctx);
}
/* A connection holds so much now. If all together hold more than buffer_bytes_max, or than there is memory for, the slowest of
 * those that wait for
 * their peers are cut: the caller may be one of them. One alone may hold more: it has limits of its own. */
void edge_note_buffers(struct edge *e, struct holding *holding, size_t bytes, bool for_peer);
/* Requests are about to be served; they have been. `is_short`: it was little, and nothing is left to do. */
void edge_begin_turn(struct edge *e);
void edge_breathe(struct edge *e, bool is_short);
/* A time round the loop has two halves: those of `again`, then those whose bytes have come. When one has taken
 * EDGE_ROUND_US, whoever else is in it goes to `again`, so that who comes next need not wait for all of them. */
static inline bool edge_is_late(const struct edge *e)
{
    return e->late;
}
/* What is read in a half that is late must be kept until its turn: with many buffers already, it had better stay in the
 * socket until then. */
bool edge_reads_now(const struct edge *e);
void edge_enter(struct edge *e, struct list *all_link);
void edge_leave(struct edge *e, struct list *all_link);
/* The Date of now. */
const char *edge_date(struct edge *e);
