/*
 * api.h - the one door: a request becomes a task, a task is fed and stepped until it is done.
 *
 * Owns:      routes, handlers, tasks, the words of the protocol (API version 1).
 * Knows not: sockets, HTTP framing, clocks, files. What it needs of the world is in struct api_world.
 *
 * A small request is DONE within its first task_step() and allocates nothing in the common case. A collect, a
 * streamed batch and a large body are the same thing taking longer. Nothing here blocks; no call does more
 * than a bounded piece of work.
 */
#pragma once
#include "api/idempotency.h"
#include "api/reply.h"
#include "api/request.h"
#include "api/settings.h"
#include "api/times.h"
#include "gc/gc.h"
#include "heap/heap.h"
#include "heap/session.h"

struct api;
struct task;

/* How far beyond memory_bytes_max those requests may go that do not make the heap grow: who looks, lets go, collects or
 * raises a limit must not be refused because the heap is full. Buffers of connections have the same bound (daemon/). */
#define API_BEYOND_BYTES (12u << 20)

/* What the time between two requests is spent on: the phases of gc/ under their own numbers, and the rest. */
enum pause {
    PAUSE_HOUSE = GC_PHASES, /* leases, scopes and notices that end */
    PAUSE_PACK,
    PAUSE_PURGE,
    PAUSE_WALK,     /* steps of requests that look at the whole heap: who holds an object, why it lives, what it retains ... */
    PAUSE_RECOUNT,  /* ... is it all true ... */
    PAUSE_SNAPSHOT, /* ... how it is now, and what has changed since */
    PAUSE_EXPORT,   /* a piece of a snapshot is written */
    PAUSES /* how many; to api_world.pauses(): all of them together */
};

enum pause_clock { PAUSE_BY_WALL, PAUSE_BY_CPU, PAUSE_CLOCKS };

#define PAUSE_BOUND_US_MIN 16
#define PAUSE_BOUNDS 12 /* each twice the one before: up to 32 ms */

/* How long slices took that were spent mostly on one thing. */
struct api_pauses {
    uint64_t count, p50_us, p99_us, p999_us, max_us, sum_us;
    uint64_t spent_us;            /* on that thing, in whatever slice */
    uint64_t below[PAUSE_BOUNDS]; /* how many took less than PAUSE_BOUND_US_MIN << i */
};

/* Why a connection was cut whose peer was too slow. */
enum cut {
    CUT_EVENTS,  /* events_backlog_bytes_max more waited for a listener */
    CUT_ANSWERS, /* nothing was read for backlog_timeout_ms */
    CUT_ROOM,    /* buffers were short, and it was the slowest */
    CUTS,
};

struct api_process {
    double cpu_seconds;
    double start_time_seconds; /* Unix time */
    uint64_t virtual_bytes, open_fds, max_fds;
    uint64_t connections;
    uint64_t cuts[CUTS]; /* connections */
};

/* What others count, for /metrics. */
struct api_meters {
    struct times collections[GC_GENERATIONS]; /* that ended: the time spent on each */
    uint64_t slices[GC_GENERATIONS];          /* in which they were worked on */
    bool keeps;             /* something outlives the process; else what follows means nothing */
    struct times fsync;     /* commits that were waited for, from when they were handed over */
    uint64_t commits;       /* those, and the rest */
    uint64_t commit_bytes;  /* of changes that went into them */
    uint64_t unfolded_bytes;/* of changes that are kept as they came */
};

/* Where the memory of the process is, besides what is on the account of the heap. */
struct api_memory {
    uint64_t rss_bytes;
    uint64_t program_bytes;         /* of rss: code and libraries, shared with whoever runs them too */
    uint64_t connection_bytes;      /* on the account of connections */
    uint64_t blocks_bytes;          /* of that, in small blocks of the C library */
    uint64_t blocks_resident_bytes; /* what the C library has in memory for small blocks, used or not */
};

enum task_turn {
    TASK_MORE,  /* has work: step again soon, after others had a turn */
    TASK_INPUT, /* waits for the body */
    TASK_WAIT,  /* waits for the collector or another task; step again after the collector ran */
    TASK_ROOM,  /* waits until reply->body has been taken */
    TASK_LISTEN, /* waits for events: step again when api_news() has moved, or task_listening() says so */
    TASK_DONE,  /* the answer is whole */
};

/* Work that is done on another thread than the loop's, and so touches nothing but what belongs to it. Embedded in what
 * its owner allocates. */
struct aside {
    void (*run)(struct aside *a);  /* on the other thread */
    void (*done)(struct aside *a); /* afterwards, on the loop's: it is its owner's again */
    struct aside *next;            /* whoever runs it keeps it in line */
};

/* A setting that is to outlive the process, by the name under which it is kept. */
struct api_kept {
    struct slice name;
    struct slice json; /* null: kept no longer */
};

/* What retries are answered outlives the process too. */
struct api_answers {
    void *ctx;
    /* A request with a key is about to do something: what is then said of it must not be refused. ERR_NOMEM. */
    enum err (*prepare)(void *ctx, struct why *why);
    /* It has: kept with what has changed in the same step, both or none. */
    void (*keep)(void *ctx, const struct idem_record *record);
    /* Those up to this number are gone. ERR_NOMEM: they are, but this has to be said again. */
    enum err (*gone)(void *ctx, uint64_t number);
};

/* A copy of what is kept, made by the world. */
struct api_backup;
struct api_backups {
    void *ctx;
    enum err (*begin)(void *ctx, struct api_backup **ret, struct why *why); /* ERR_BUSY, ERR_NOMEM */
    /* Add what there is to `to`; *ret_bytes: how long all of it is, 0 while that is not known. ERR_NOMEM, ERR_DISK_FULL,
     * ERR_STORE. */
    enum err (*step)(void *ctx, struct api_backup *b, struct buf *to, uint64_t *ret_bytes, enum task_turn *ret_turn,
                     struct why *why);
    void (*end)(void *ctx, struct api_backup *b);
};

/* What only the daemon knows. All functions are called on the loop thread and never fail. */
struct api_world {
    void *ctx;
    uint64_t (*now_ms)(void *ctx);                        /* monotonic */
    uint64_t (*unix_us)(void *ctx);                       /* what people call now */
    void (*random_bytes)(void *ctx, void *out, size_t n); /* unguessable */
    uint64_t (*rss_bytes)(void *ctx);
    void (*memory)(void *ctx, struct api_memory *ret);
    /* the slices of work between requests */
    void (*pauses)(void *ctx, enum pause what, enum pause_clock clock, struct api_pauses *ret);
    void (*settings_changed)(void *ctx);                  /* a PATCH of /v1/config or /v1/gc took effect */
    bool (*ready)(void *ctx, struct slice *ret_why_not);  /* /readyz */
    void (*process)(void *ctx, struct api_process *ret);  /* for /metrics */
    void (*meters)(void *ctx, struct api_meters *ret);    /* the same */
    void (*run_aside)(void *ctx, struct aside *a);        /* tasks that wait look again when it is done */
    /* May a request begin that only reads, or one that may change something? ERR_NOT_READY: what was kept is being put
     * back; ERR_DISK_FULL, ERR_STORE. NULL: always. */
    enum err (*admits)(void *ctx, bool changes, struct why *why);
    /* So much is on its way to the disk that whoever makes more of it waits, and looks again later. NULL: never. */
    bool (*behind)(void *ctx);
    /* Keep these settings: all of them or, ERR_NOMEM, none. The answer waits for the disk as one to a change of the heap
     * does. NULL: nothing outlives the process. */
    enum err (*keep)(void *ctx, const struct api_kept *kept, size_t count, struct why *why);
    struct api_answers answers; /* the same */
    struct api_backups backups; /* functions NULL: nothing is kept */
    /* The commit that will have the heap as it is now, which what shows it has to wait for, 0: none; and is it on disk?
     * Ever higher. NULL: nothing is kept. */
    uint64_t (*commit_wanted)(void *ctx);
    bool (*commit_is_kept)(void *ctx, uint64_t commit);
};

/* `heap`, `gc`, `sessions`, `settings`, `mem` outlive the api. `instance` names this life of the ids (text
 * fit for a header, copied). */
enum err api_create(struct mem *mem, struct heap *heap, struct gc *gc, struct session_set *sessions,
                    struct settings *settings, struct api_world world, const char *instance, struct api **ret);
void api_destroy(struct api **api);
/* What retries are answered: for whoever puts it back. Until api_apply_settings() it is without limits. */
struct idempotency *api_put_back_answers(struct api *api);

/* Begin a task for a request whose headers are whole. NULL only when memory is refused: answer 507, close. */
struct task *api_begin(struct api *api, const struct request *request);
/* A task that only answers with a problem: for what the HTTP side finds wrong. reply->close is set. */
struct task *api_refuse(struct api *api, const struct why *why);

/* True if the task still wants body bytes now; false: stop reading (it has a backlog), or it has refused. */
bool task_wants_body(const struct task *t);
/* Hand over the next bytes of the body; `last`: that was all of it. Call with `last` exactly once, even for
 * a body of 0 bytes (with an empty slice). Bytes are copied or used before it returns. */
void task_feed(struct task *t, struct slice bytes, bool last);

/* Work, about `units` of it (a unit is an op or an object). */
enum task_turn task_step(struct task *t, size_t units);
/* What that will be for those who wait, of the work that counts as a slice; 0: a request like any other. */
enum pause task_pause(const struct task *t);

/* The answer. NULL until its head is known: for streaming answers before DONE, for others at DONE. The body
 * of a streaming one may be taken (buf_consume, buf_clear) at any time between steps. */
struct reply *task_reply(struct task *t);

/* Of a task that listens: how it stands. O(1). */
enum listening {
    LISTENING_QUIET,  /* it has been told everything that is for it */
    LISTENING_PING,   /* ... and has been silent for so long that it had better be stepped */
    LISTENING_NEWS,   /* there is something for it */
    LISTENING_BEHIND, /* so much waits for it that, if it is its reader who is slow, it is to be cut */
};
enum listening task_listening(struct task *t);
/* An answer that has no end of its own ends with the next step. */
void task_hang_up(struct task *t);

/* What it takes, with all of the request's body and of its answer that is not yet used or taken. */
size_t task_buffer_bytes(const struct task *t);

/* End the task; before DONE that means the peer is gone: a request whose body was not whole has then done
 * nothing (a batch: the ops read so far). What it held is let go. *t is set to NULL. */
void task_end(struct task **t);

/* It is so many microseconds past something now; told whenever whoever calls has looked at its clock, which costs more than
 * a small request may. Requests begin when they last were told it, and end when they are told it next. */
void api_tell_time(struct api *api, uint64_t now_us);

/* Bounded housekeeping between requests: scopes and sessions that end, leases that are over, answers that nobody asks
 * for again. Returns the units left over; 0 means there is more. */
size_t api_step(struct api *api, size_t units);
/* There is some to do now. O(1). */
bool api_has_work(const struct api *api);

/* The id of the newest event that may leave: those who listen are to be stepped when it has moved. */
uint64_t api_news(struct api *api);

/* The names and shapes of every route, as JSON (OpenAPI 3.1); for tests and tools. */
struct slice api_openapi(struct api *api);
