/*
 * heap_impl.h - struct heap, for heap/ alone. Each part is changed by the file that owns it.
 */
#pragma once
#include "heap/base/map.h"
#include "heap/heap.h"
#include "heap/heap_gc.h"
#include "heap/journal.h"
#include "heap/object.h"
#include "heap/pool.h"
#include "heap/slotset.h"
#include "heap/staging_impl.h"
#include "heap/tally.h"
#include "heap/window.h"

#define HEAP_MAGIC 0x48454150u /* HEAP */
#define HEAP_WATCHES_MAX 7 /* the collector, sessions, payers, an onlooker, two walks, and one to spare */

struct keys;
struct shape;
struct name_table;
struct payers;

/* Entries of a name_table, chained. */
struct name_chain {
    uint32_t newest, oldest; /* numbers; 0: empty */
};

struct heap {
    uint32_t magic;
    struct mem *mem;
    uint64_t seed;
    struct pools pools;

    /* ref.c */
    struct map *big_counts;   /* slot -> halves of a count that are not in the cell */

    /* reap.c */
    slot_t doomed;            /* the newest of the dead whose memory has not returned; 0: none */
    slot_t parting;           /* one with many parts that is being taken apart, not on that list; 0: none */
    struct slotset deferred[2]; /* of each of these it has still to let go once; empty if there is none */
    slot_t deferred_at;       /* where their sweep is: the first of 64 slots */
    size_t deferred_charged;  /* bytes of the sets on the account */

    /* intern.c */
    struct map *strings;      /* hash -> slot of an interned string */

    /* shape.c */
    struct shape *shapes;     /* reserved, by number; 0 is none */
    uint32_t shape_end, shape_free;
    uint32_t idle_head, idle_tail, idle_count; /* shapes without users, oldest first */
    uint32_t recent_base;     /* only a guess */
    struct map *shape_by_parts; /* hash of (class, site, keys) -> shape */
    struct tallies classes, sites;

    /* keys.c */
    struct keys *keys;        /* reserved, by number; 0 is the empty one */
    uint32_t keys_end, keys_free;
    uint64_t keys_names_bytes; /* of their lists of names */
    struct map *keys_by_step; /* hash of (parent, name) -> keys */

    /* form.c */
    uint64_t form_count;      /* each is a user of one shape */

    /* root.c, weak.c */
    struct name_table *roots, *weak_names;
    struct map *weak_cells;   /* slot of an object -> slot of its weak cell */
    uint64_t weak_deaths;     /* weakly referenced objects that died; part of etags */
    struct name_chain notices; /* weak names whose objects died, in the order they will be told */

    /* scope.c */
    struct scope *scopes;
    uint64_t scopes_opened;   /* since the start */

    /* staging.c */
    struct staging *stagings; /* all the areas there are */
    struct staging *entered;  /* the one that is entered */

    struct journal *journal;  /* journal.c; NULL: nobody is told */
    slot_t unburied;          /* restore.c: the dead that have not let go of what they had ... */
    uint64_t unburied_refs;   /* ... and their references, but for that which was there to put them back */
    /* undo.c */
    struct undo *undo;        /* what may be taken back; NULL: nothing, what is done stays */

    /* gc_door.c */
    const struct heap_watch *watch[HEAP_WATCHES_MAX];
    bool changes_are_watched; /* by some of them */
    struct edge_scan *scans;  /* open scans of large objects */

    /* payers.c */
    struct payers *payers;    /* NULL: nobody pays */

    /* the collector's windows, by gc_door.c and condemned.c */
    struct windows windows;
    uint64_t unreleased;      /* condemned objects that have not let go of their contents */
    slot_t released[WINDOWS]; /* by window: condemned members below it have let go of their contents */
    uint32_t told_pool[WINDOWS]; /* by window: the last pool that the watchers know to be condemned */

    struct heap_stats stats;

    /* onlooker.c */
    struct onlooker *onlooker; /* NULL: there is none, or it has not come to its cut */
    bool onlooked;             /* there is one */
    uint32_t onlooks;          /* that came to their cuts, since the start */
};

ALWAYS_INLINE struct object *object_at(const struct heap *h, slot_t slot)
{
    return (struct object *)pool_cell(&h->pools, slot);
}

/* Its header is that of a free cell from now on, its turn over. False: its turns have run out, it is retired. */
static inline bool object_end_turn(struct heap *h, slot_t slot, struct object *o)
{
    struct pool *pool = &h->pools.pool[pool_of(slot)];
    uint32_t next_turn = object_turn(o) + 1;
    bool retired = next_turn > OBJECT_TURN_MAX;

    if (next_turn > pool->turn_max)
        pool->turn_max = (uint16_t)next_turn;
    o->state = retired ? STATE_RETIRED : STATE_FREE;
    o->has_weak = o->has_big = 0;
    object_set_turn(o, retired ? OBJECT_TURN_MAX : next_turn);
    return !retired;
}

/* The cell of an object that is neither counted nor on any list goes back to its pool. */
static inline void object_free_cell(struct heap *h, slot_t slot, struct object *o)
{
    if (object_end_turn(h, slot, o))
        pool_free(&h->pools, slot);
    else
        pool_retire(&h->pools, slot);
}
