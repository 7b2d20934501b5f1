/*
 * growth.h - what grows: samples of what lives, over windows of time and across collections, and what they amount to.
 *
 * Owns:      for the largest sites, classes, roots, sessions and a few totals, the floors of the last windows.
 * Knows not: JSON, sentences (suspects.c), what "grows" means (heap/base/trend.h).
 *
 *   RESTS --a full collection has ended, or a quarter of a window has--> SAMPLES --the window is over, and has a floor--> CLOSES
 *     ^                                                                 |                                               |
 *     '-----------------------------------------------------------------'<-----all tables looked through------- ADMITS <-'
 *
 * A sample is what the collector has left of a thing: it is taken when a full collection has ended, or when there can be no
 * cyclic garbage, or when none is going to be collected. The least of a window is its floor. A window goes on until it has
 * one: for as long as it takes until a full collection starts of itself (full_age_s), and as long again.
 *
 * Two scales are watched: the last TREND_POINTS windows, and as many of TREND_POINTS windows each. What is a suspect stays
 * one until it has not risen for GROWTH_DOUBT windows, be it by less than makes a suspect (of what is large already, the same
 * rise is little), is gone, or is watched no more. Whoever wants to be told of both leaves a struct growth_watch.
 *
 * Bounded: as many things of a kind as growth_max[] says, the largest there are; whoever has a hundredth of all bytes is
 * among the hundred largest. Looking through the tables for them is done in steps. 930 bytes a thing.
 */
#pragma once
#include "heap/base/trend.h"
#include "heap/heap.h"
#include "heap/session.h"
#include "gc/gc.h"

struct settings;

enum growth_kind {
    GROWTH_SITE,    /* bytes of what was made there */
    GROWTH_CLASS,   /* bytes of its objects */
    GROWTH_ROOT,    /* parts of the object of a root, or of one that it links to */
    GROWTH_SESSION, /* holds */
    GROWTH_TOTAL,   /* enum growth_total */
    GROWTH_KINDS
};

enum growth_total { GROWTH_ROOTS, GROWTH_WEAK_NAMES, GROWTH_SESSIONS, GROWTH_GARBAGE, GROWTH_TOTALS };

#define GROWTH_SITES_MAX     256
#define GROWTH_CLASSES_MAX   256
#define GROWTH_ROOTS_MAX     128
#define GROWTH_SESSIONS_MAX  64
#define GROWTH_DOUBT         3   /* windows */
#define GROWTH_COUNT_MATTERS 100 /* growth of what is counted, not measured */
#define GROWTH_ROOT_PARTS    32  /* of a root's record that are looked into */

extern const uint32_t growth_max[GROWTH_KINDS];
const char *growth_kind_name(enum growth_kind kind); /* "site" */

struct series {
    uint64_t floor[TREND_POINTS]; /* oldest first */
    uint64_t count[TREND_POINTS]; /* sites and classes: of objects, then */
    uint64_t over_ms;             /* from the end of the first window to that of the last: they may wait for collections */
    uint32_t n;
};

/* One thing that is watched. */
struct grower {
    uint64_t id;          /* row of a site or class, container of a root, session, total */
    uint32_t serial;      /* of a row */
    uint32_t root;        /* number of a root ... */
    obj_id root_object;   /* ... and what it names */
    uint64_t last;        /* at the last sample */
    uint64_t floor, count; /* of this window; UINT64_MAX: none yet */
    struct series recent, slow;
    uint64_t before[TREND_POINTS]; /* floors of the windows before `recent`, newest first; 0: none yet */
    uint64_t high[TREND_POINTS]; /* of each of `slow`, newest first, what four of its windows were not below */
    uint64_t suspect;       /* the number it has as one, from 1 up; 0: it is none */
    uint64_t suspect_until; /* the number of a window */
    uint64_t suspect_since_ms;
    void *told;             /* what the watch gave for it; NULL: nobody has been told */
    bool is_slow;         /* the scale on which it grew last ... */
    struct trend trend;   /* ... and how */
};

static inline bool grower_is_suspect(const struct grower *r)
{
    return r->suspect != 0;
}

struct growers {
    struct grower *rows;
    uint32_t count, room;
    struct map *by_id;    /* hash -> row */
};

enum growth_over { GROWTH_OVER_LEVEL, GROWTH_OVER_GONE, GROWTH_OVER_UNWATCHED, GROWTH_OVER_END };

/* Who is told of suspects, and told when one is none any more. */
struct growth_watch {
    void *ctx;
    /* What it returns it gets back in `over`. NULL: it could not be told; so it is again, when the next window ends. */
    void *(*suspected)(void *ctx, enum growth_kind kind, const struct grower *r);
    void (*over)(void *ctx, enum growth_kind kind, const struct grower *r, enum growth_over why);
};

struct growth_world {
    struct mem *mem;
    struct heap *heap;
    const struct gc *gc;
    const struct session_set *sessions;
    const struct settings *settings;
    struct growth_watch watch;
};

struct growth {
    struct growth_world world;
    struct growers of[GROWTH_KINDS];
    enum { GROWTH_RESTS, GROWTH_SAMPLES, GROWTH_CLOSES, GROWTH_ADMITS } state;
    uint32_t kind, at;         /* where the state is */
    uint64_t now_ms;           /* of the pass */
    bool clean;                /* it sees no garbage, or all there will be */
    bool has_floor;            /* this window */
    uint64_t window_ms;        /* as all of this was made with; 0: nothing is there */
    uint64_t window_began_ms, sampled_ms;
    uint64_t next_ms;          /* when it looks whether there is something to do; 0: there is */
    uint64_t collections;      /* full ones that had ended at the last sample */
    uint64_t windows;          /* that are over */
    uint64_t ended_ms[TREND_POINTS], slow_ended_ms[TREND_POINTS]; /* when the last of each scale were, the latest last; one
                                                                   * that closes is among them */
    uint64_t live_bytes;       /* when the last was */
    uint64_t raised;           /* suspects there ever were */
};

void growth_init(struct growth *g, const struct growth_world *world);
void growth_fini(struct growth *g);

/* There is something to do, or to look for: it is asked between any two requests. */
static inline bool growth_has_work(const struct growth *g, uint64_t now_ms)
{
    return now_ms >= g->next_ms;
}

/* Do some of it; returns the units left, 0: there may be more. A unit is about 200 ns. */
size_t growth_step(struct growth *g, uint64_t now_ms, size_t units);

/* Entry i of a kind; NULL past the end. */
const struct grower *growth_at(const struct growth *g, enum growth_kind kind, uint32_t i);
size_t growth_suspects(const struct growth *g, enum growth_kind kind);

/* Of the scale on which a suspect was seen to grow. */
const struct series *grower_series(const struct grower *r);

/* What a root is watched for: its object, or one that a field of that links to. */
struct grown_root {
    struct slice name, field; /* field: empty: it is the root's object itself */
    enum heap_kind kind;      /* of the container, */
    uint64_t parts;           /* ... and how many it has */
};

/* False: the root names something else, its object links to the container no more, or that is dead. Valid as long as the
 * heap does not change. */
bool grower_root(const struct heap *h, const struct grower *r, struct grown_root *ret);
