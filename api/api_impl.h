/*
 * api_impl.h - the inside of struct api: what handlers work with.
 */
#pragma once
#include "api/api.h"
#include "api/dashboard.h"
#include "api/growth.h"
#include "api/idempotency.h"
#include "api/news.h"
#include "api/route.h"
#include "heap/graph/reach.h"
#include "heap/scope.h"

#define API_MAGIC          0xa9100001u
#define API_INSTANCE_MAX   64
#define API_UNTOLD_MAX     64  /* answers that are gone before whoever keeps them is told, if nothing else is to do */
#define API_FREE_TASKS_MAX 256 /* ended tasks kept, with their small buffers, for the requests to come */

/* How far beyond memory_bytes_max what is asked for may go, for mem_reach(). */
#define REACH_GROW   0                      /* no further: the heap grows by it */
#define REACH_LET_GO (API_BEYOND_BYTES / 3) /* something is taken away, and how that is noted down may take a little */
#define REACH_LOOK   API_BEYOND_BYTES       /* it goes back when the answer has been read */

/* A scope whose owner has ended; api_step() closes it in steps. Embedded in what its owner allocates. */
struct scope_end {
    struct scope *scope;
    struct scope_end *next;
};

/* Long bodies (body_json.h): how many are being decoded or used, and the line of those that wait for that, the one that
 * came first first. */
struct body_line {
    size_t open;
    size_t text_bytes; /* of all that are text still, in the line or before it */
    uint32_t turn; /* how many left the line */
    struct body_json *first, **last;
};

#define API_ENDED_MAX 64 /* requests that have ended since the time was told last; if more do, the first ones ended then */

/* A request that has ended, and when is not known yet. */
struct ended {
    size_t route;
    uint64_t began_us;
};

struct taken;
struct ledger;
struct dominated;

/* Snapshots that are kept (snapshots.h). */
struct snapshots {
    struct taken *first, *last;
    uint32_t count;          /* kept, deleted but still read, being taken, or waiting for that */
    uint32_t last_n;
    struct snapshot *taking; /* the one whose turn it is; NULL: none */
    struct taken *over;      /* their memory returns */
    struct ledger *ledgers_over; /* so does that of comparisons */
    bool look_again;         /* the heap has no onlooker any more: those who wait for that look again */
};

/* Dominator trees of snapshots (dominated.h): is one being found, or judged by; and the line of those that will be. */
struct dominated_line {
    bool busy;
    struct dominated *first;
};

/* Facts for /metrics. */
struct api_counters {
    /* by route, the one after the last for requests without one, and by first digit of the status */
    uint64_t answers[ROUTES_MAX + 1][6];
    uint64_t answered; /* all together */
    struct times took[ROUTES_MAX + 1];
    uint64_t now_us;
    struct ended ended[API_ENDED_MAX];
    size_t ended_count;
    uint64_t batch_ops;
    uint64_t replays; /* retries that got the first answer */
    uint64_t problems[ERR_COUNT_]; /* answered, to requests and to ops */
    uint64_t tasks_open;
};

struct api {
    uint32_t magic;
    struct mem *mem;
    struct heap *heap;
    struct gc *gc;
    struct session_set *sessions;
    struct settings *settings;
    struct api_world world;
    char instance[API_INSTANCE_MAX];
    struct router router;
    struct task *free_tasks;
    size_t free_task_count;
    struct scope_end *ending; /* scopes that close */
    struct validation *validation; /* the one whose turn it is (validate.c); NULL: none */
    struct validation *validations_over; /* ... whose memory returns */
    struct reach_outside outside;  /* who holds, for walks ... */
    uint32_t walks;                /* ... of which so many go on */
    struct search *searches_over;  /* whose memory returns (searches.h) */
    struct snapshots snapshots;
    struct dominated_line dominated;
    struct body_line bodies;
    struct idempotency *idempotency; /* what retries are answered */
    struct growth growth;     /* of what lives */
    struct news news;         /* what is told to those who listen */
    struct dashboard dashboard;
    struct buf openapi;       /* written once, when first asked for */
    struct api_counters counters;
#ifdef HEAPD_GC_STRESS
    uint32_t stress; /* operations that have ended */
#endif
};

/* What memory_bytes_max is compared with (heap.c). */
uint64_t api_counted_bytes(const struct api *api);

/* NULL: memory is refused. */
struct scope_end *api_open_scope(struct api *api);
/* Let api_step() close the scope of *end and free *end. */
void api_end_scope(struct api *api, struct scope_end **end);

/* An operation has ended, and nobody stands in the middle of an object: here the collector may run. It does in a build
 * that looks for trouble (-Dgc_stress): a step of a few units each time, and some packing and purging, so that sooner
 * or later each stands everywhere between any two operations. */
#ifdef HEAPD_GC_STRESS
void api_stress(struct api *api);
#else
static inline void api_stress(struct api *api)
{
    (void)api;
}
#endif

/* How much others had done when a long task last had its turn; zeroed to begin. */
struct share {
    uint64_t answered, batch_ops;
};

/* How many of `units` of a long task, 20 to 100 ns each, it may do in this turn: in proportion to what others have done since
 * its last one, so that they keep three quarters of the loop; all of them if nobody else is there. */
size_t api_share(const struct api *api, struct share *s, size_t units);

/* Whoever changes much waits for the disk. */
static inline bool api_is_behind(const struct api *api)
{
    return api->world.behind != NULL && api->world.behind(api->world.ctx);
}
/* heap_unset_field(), which may need a new shape: also where nothing may grow. */
enum err unset_field(struct api *api, obj_id id, struct slice name, struct why *why);
/* ERR_NOMEM for want of memory_bytes_max: let `why` name that limit. */
void why_complete(const struct api *api, struct why *why);

static inline uint64_t api_now_ms(const struct api *api)
{
    return api->world.now_ms(api->world.ctx);
}
