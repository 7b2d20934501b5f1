/*
 * reach_impl.h - the inside of a walk, for heap/graph/ alone: what reached each slot, and the sets beside it.
 */
#pragma once
#include "heap/graph/reach.h"
#include "heap/heap_gc.h"
#include "heap/scope.h"
#include "heap/slotset.h"

#define REACH_MAGIC 0x4eac0001u
#define REACH_QUEUE_MAX 1024u /* of a level; of one that has more, the others are in a set */
#define REACH_AHEAD 32u       /* objects that are fetched before the first of them is looked through */
#define REACH_LINKS_MAX 128u  /* found, and not yet acted on: by then the table has come from memory */
#define REACH_PIECE_BYTES (64u << 10) /* of a table come, or go back, at a time, in 10 to 20 us */
#define REACH_BYTES_PER_UNIT 64u

/* What reached a slot: three bits of enum reach_from, and 29 of who: a slot, the number of a root or session. */
typedef uint32_t origin_t;

static inline origin_t origin(enum reach_from from, uint32_t who)
{
    return (uint32_t)from << SLOT_BITS | who;
}

static inline enum reach_from origin_from(origin_t o)
{
    return (enum reach_from)(o >> SLOT_BITS);
}

static inline uint32_t origin_who(origin_t o)
{
    return o & SLOT_MAX;
}

/* What of one level of the walk waits to be looked through. Within a level any order will do: a set is swept in the order
 * in which objects lie in memory. */
struct level {
    uint32_t count; /* of the queue */
    slot_t queue[REACH_QUEUE_MAX];
    struct slotset rest;
    slot_t group;   /* 64 slots of the set that are being handed out ... */
    uint64_t taken; /* ... those not yet */
};

enum { LEVELS_OF_A_WALK = 2 }; /* the one that is looked through, and the next */

struct reach_place {
    uint32_t table; /* 0: that of slots; then the sets */
    size_t bytes;
};

enum reach_phase {
    REACH_OPEN,    /* memory is put behind the table: links lead anywhere in it, and would fetch it page by page */
    REACH_OUTSIDE,
    REACH_LINKS,
    REACH_BEHIND,
    REACH_SETTLE,  /* what was noted is forgotten */
    REACH_OVER,
    REACH_CHAINS,
    REACH_RETAINED
};

struct reach {
    uint32_t magic;
    struct heap *heap;
    const struct reach_outside *outside;
    struct heap_watch watch;
    enum reach_phase phase;
    bool ended;

    slot_t target;
    slot_t end;             /* of the slots that there were when it began */
    size_t charged_bytes;
    struct reach_place ready;   /* of the tables: memory is behind what is before it ... */
    struct reach_place trimmed; /* ... or has gone back */
    origin_t *from;         /* by slot */

    /* OUTSIDE: how far it is */
    enum reach_from source;
    uint32_t cursor;        /* roots: a number; sessions: a number in the table; batches: an entry; garbage */
    uint32_t hold_cursor;
    uint64_t scopes_done;   /* those with this serial number, or a higher one */
    uint64_t in_scope;      /* the serial number of the one it is in */

    struct level level[LEVELS_OF_A_WALK];
    uint32_t now;           /* the level that is looked through; the other is the next */
    struct edge_scan scan;  /* an object in the middle of being looked through */
    uint32_t link_count;
    struct {
        slot_t target;
        origin_t by;
    } link[REACH_LINKS_MAX];

    /* While it walks: what gained a reference before it was reached. CHAINS: what has been shown. RETAINED: what has been
     * counted. */
    struct slotset noted;
    bool target_gained;     /* while it walks */
    bool passed;            /* something was reached BEHIND */
    bool changed;           /* CHAINS: of what was noted something has lost a reference; RETAINED: or gained one */
    bool passed_late;       /* since the walk is over something that it did not reach has gained one */

    uint64_t objects, bytes; /* RETAINED */

    uint32_t holders_max, holder_count;
    origin_t holder[];      /* of the target; holders_max of them */
};

/* ---- reach.c ---- */

/* In use, and alive. It may be another by now: what is found in it then is looked at again before it is shown. */
bool reach_is_there(const struct reach *r, slot_t slot);
/* Look through what waits, until nothing does; returns the units left. */
size_t reach_links(struct reach *r, size_t units);
/* From now on, what was noted has `changed` also when its contents have: an item that moves is held as it was. */
void reach_watch_changes(struct reach *r);
/* It waits to be looked through, with the next level. */
void reach_push(struct reach *r, slot_t slot);
/* What has been found is reached, unless it was already. */
void reach_act_on_links(struct reach *r);

/* A link, or a holder outside, leads to `target`. What has been made behind the end since the walk began is passed over. */
static inline void reach_found(struct reach *r, slot_t target, origin_t by)
{
    if (target >= r->end)
        return;
    if (r->link_count == REACH_LINKS_MAX)
        reach_act_on_links(r);
    __builtin_prefetch(&r->from[target], 1);
    r->link[r->link_count].target = target;
    r->link[r->link_count++].by = by;
}

static inline bool reach_has_enough(const struct reach *r)
{
    return r->holders_max > 0 && r->holder_count == r->holders_max;
}

/* ---- reach_outside.c ---- */

void reach_next_source(struct reach *r);
/* Returns the units left; 0: there is more. */
size_t reach_step_outside(struct reach *r, size_t units);

/* ---- reach_memory.c ---- */

size_t reach_table_bytes(const struct reach *r);
/* False: memory is refused; reach_close() it all the same. */
bool reach_open_tables(struct reach *r);
void reach_close(struct reach *r);
/* In pieces: for ten million slots that takes milliseconds. Returns the units left; 0: there is more. */
size_t reach_fetch_tables(struct reach *r, size_t units);
size_t reach_trim_tables(struct reach *r, size_t units);
