/*
 * budget.h - memory_bytes_max, divided: what the heap may still take, what connections may, and what is done before it is
 * used up.
 *
 * Owns:      what counts against the limit besides what is on the account of the heap; when memory is a reason to collect.
 * Knows not: what memory is used for (heap/, api/, edge.h), how a collection is made.
 *
 * One limit, one sum. What counts is all that heapd allocates: the heap with its tables and the requests in work, the
 * connections, what the C library keeps between their blocks. And what it may have to allocate without asking: the tables
 * of a full collection of the heap as it is. Where the sum reaches the limit nothing grows any more.
 *
 *     0 ------------------- memory_collect_pct --------- memory_bytes_max ------------- + API_BEYOND_BYTES
 *       all may grow        collect, pack, purge, trim    only who lets go, or looks     slow peers are cut
 *                                                         goes on
 *
 * The account of the heap knows the other sums as they were when last looked at here, once a time round the loop and
 * between requests where there are many: it is never wrong by more than what is done in between.
 */
#pragma once
#include "api/settings.h"
#include "gc/gc.h"
#include "heap/heap.h"

struct edge;

/* ---- shares: arithmetic, nothing else ---- */

struct budget_facts {
    uint64_t max;         /* memory_bytes_max; 0: none */
    uint64_t heap;        /* on its account: requests in work too */
    uint64_t connections; /* on theirs */
    uint64_t allocator;   /* in memory, in no block of these two, and too much to be left out of account */
    uint64_t to_come;     /* tables that nobody will ask for */
    uint64_t buffers;     /* of heap and connections, what is in work: it goes back when peers read and send */
};

struct budget_shares {
    uint64_t taken;       /* the sum */
    uint64_t over;        /* by how much what stays is over a limit that was lowered */
    uint64_t buffers_max; /* what connections together may hold in work */
    bool accepts;         /* there is room for more connections */
};

struct budget_shares budget_share(const struct budget_facts *f);

/* ---- when to collect ---- */

struct budget_past {
    uint64_t bytes;         /* the least that objects and strings have taken since the last full collection */
    uint64_t refused;       /* refusals until the last for memory began */
    uint64_t not_before_ms; /* no other before: it would find little, and find it again and again */
    uint64_t rest_ms;       /* how long it was until then */
};

struct budget_now {
    uint64_t max, taken, collect_pct, bytes, refused, ms;
    bool cycles_possible; /* a count has fallen, and not to 0, since the last full collection */
};

#define BUDGET_GROWTH      32    /* a part of memory_bytes_max, one in so many */
#define BUDGET_REST_MS     1000  /* after one that was for memory there is a rest, twice as long each time ... */
#define BUDGET_REST_MS_MAX 16000 /* ... that nothing was found, up to this ... */
#define BUDGET_REST_TIMES  10    /* ... and so many times as long as it took */

/* Where memory is short a full collection is due when what there is has grown by a BUDGET_GROWTH since the last; or when
 * something has been refused since, and there may be cycles that were not there then. */
bool budget_collects(const struct budget_past *past, const struct budget_now *now);
/* One that was for memory is over. */
void budget_note_run(struct budget_past *past, uint64_t collected, uint64_t us, uint64_t now_ms);

/* ---- the daemon's ---- */

struct budget_world {
    struct heap *heap;
    const struct mem *edge_mem; /* the account of connections */
    struct gc *gc;
    const struct settings *settings;
    struct edge *edge;
};

struct budget {
    struct budget_world world;
    struct mem_blocks_look look; /* at what the allocator has in memory */
    uint64_t looked_ms;          /* when that was known last, and ... */
    size_t looked_blocks;        /* ... how much was in blocks then; ... */
    size_t looking_blocks;       /* ... when the look began that goes on */
    bool was_short;              /* at the last look at all of it */
    uint64_t tidied_ms, trim_at_ms;
    struct budget_past past;
    uint64_t full_count;         /* full collections that were seen */
    uint64_t ticket;             /* of the one that memory was the reason for; 0: none runs */
};

/* All of `world` outlives it. */
void budget_init(struct budget *b, const struct budget_world *world);
/* See how things stand, tell the heap's account and the edge, and do what is due. */
void budget_look(struct budget *b, uint64_t now_ms);
