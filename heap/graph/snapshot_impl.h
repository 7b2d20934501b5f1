/*
 * snapshot_impl.h - struct snapshot, for snapshot.c (its life), snapshot_copy.c (what is copied, and what the heap tells) and
 * snapshot_lay.c (rows are laid, slots become nodes).
 */
#pragma once
#include "heap/graph/gather.h"
#include "heap/graph/lane.h"
#include "heap/graph/snapshot.h"
#include "heap/graph/texts.h"
#include "heap/onlooker.h"

#define SNAPSHOT_MAGIC 0x5a9507u

/* By slot: what has become of who was there at the cut. */
#define NODE_NONE  0u          /* not come to; or nobody was there */
#define NODE_NEW   0x7fffffffu /* nobody was there, and now somebody is */
#define NODE_WIDE  0x80000000u /* it is being gathered: the number of that */

/* What is gathered, but for objects with many parts and sessions. */
enum group { GROUP_ROOTS, GROUP_SESSIONS, GROUP_BATCHES, GROUP_GARBAGE, GROUPS };

_Static_assert(GROUPS == FROZEN_GROUPS, "each has a node");

struct snapshot {
    uint32_t magic;
    struct onlooker look;
    struct heap *heap;        /* NULL: it has no more to say */
    struct mem *mem;
    uint64_t seed;
    bool failed;              /* memory was refused where nobody could be told */
    uint32_t phase;

    /* at the cut */
    slot_t end;               /* of the slots there were */
    uint32_t objects;         /* that there were */

    struct lane node_of;      /* by slot, until they are resolved */
    struct lane id, bytes, label, first_edge, edge_to, edge_name; /* as in frozen.h; edges lead to slots for a while */
    struct lane weak_from, weak_to, weak_name;
    struct texts texts;

    /* copied so far */
    uint32_t nodes;           /* objects that lie in the rows, and the outside: the number of the next */
    uint32_t edges, weak;
    uint64_t object_bytes;
    slot_t at;                /* objects below were come to */
    uint32_t root_at;         /* roots below were */
    uint32_t watcher;

    /* gathered */
    struct lane wides;        /* struct gather *: objects with many parts, in the order in which they were met */
    uint32_t wide_count;
    struct gather *wide;      /* the one that is looked through; NULL: none */
    struct lane sessions;     /* struct gather *: those that hold something */
    uint32_t session_count;
    struct map *session_by_id;
    struct gather groups[GROUPS];
    struct map *weak_was;     /* weak cell -> slot of its object, which died after the cut; NULL: none has */

    /* how far the rows are laid */
    uint32_t laid;            /* of what was gathered, in the phase that goes on */
    bool row_begun;
    uint32_t resolved;        /* edges, or weak edges */
    uint32_t weak_kept;       /* of those that were resolved */

    struct frozen frozen;
};

static inline uint32_t *lane_u32(const struct lane *l)
{
    return (uint32_t *)(void *)l->base;
}

static inline uint64_t *lane_u64(const struct lane *l)
{
    return (uint64_t *)(void *)l->base;
}

static inline struct gather *gather_at(const struct lane *l, uint32_t number)
{
    return ((struct gather **)(void *)l->base)[number];
}

/* ---- snapshot_copy.c: each returns the units left; 0: there is more ---- */

extern const struct onlooker_ops snapshot_ops;
struct heap_watch snapshot_watch(struct snapshot *s);

size_t snapshot_copy_objects(struct snapshot *s, size_t units);
size_t snapshot_copy_roots(struct snapshot *s, size_t units);
size_t snapshot_copy_scopes(struct snapshot *s, size_t units);
size_t snapshot_copy_watchers(struct snapshot *s, size_t units);

/* ---- snapshot_lay.c ---- */

/* The phases after the heap has said all. */
size_t snapshot_resolve_edges(struct snapshot *s, size_t units);
size_t snapshot_resolve_weak(struct snapshot *s, size_t units);
size_t snapshot_lay_wides(struct snapshot *s, size_t units);
size_t snapshot_lay_sessions(struct snapshot *s, size_t units);
size_t snapshot_lay_groups(struct snapshot *s, size_t units);
/* It is whole: what was needed on the way goes back. */
size_t snapshot_trim(struct snapshot *s, size_t units);
/* The same at any time, and nothing of it is needed any more. */
size_t snapshot_drop_gathered(struct snapshot *s, size_t units);
