/*
 * heap_gc.h - the collector's door into the heap, and the watch by which the heap reports itself.
 *
 * Slots and cells are shown here, and nowhere else outside heap/. The collector may read headers, walk edges,
 * move objects between generations and windows, and condemn what it found unreached.
 */
#pragma once
#include "heap/heap.h"
#include "heap/object.h"
#include "heap/pool.h"
#include "heap/window.h"

/* ---- watching ---- */

/* Who holds an object, but for what links to it and what names it. */
enum held_by { HELD_BY_SCOPE, HELD_BY_SESSION, HELD_BY_GARBAGE };

struct heap_holder {
    enum held_by by;
    uint32_t session;   /* its id ... */
    struct slice label; /* ... and its label */
};

typedef void held_fn(void *to, const struct heap_holder *by, slot_t slot);

/* What the heap tells, at the moment it happens. Functions may be NULL; they must not change the heap. */
struct heap_watch {
    void *ctx;
    void (*born)(void *ctx, slot_t slot, enum object_kind kind); /* live, count 1 */
    void (*gained_ref)(void *ctx, slot_t slot); /* told for members of an open window only */
    void (*lost_ref)(void *ctx, slot_t slot);   /* the same; the count is not 0 */
    void (*counted)(void *ctx, slot_t slot, bool gained); /* the two for any object, in a window or not */
    void (*member_changing)(void *ctx, slot_t slot); /* told for members too; before their contents change */
    void (*changing)(void *ctx, slot_t slot);   /* before the contents of any object change */
    void (*dying)(void *ctx, slot_t slot);      /* its count reached 0; still whole */
    /* these of one pool were condemned, and are still whole */
    void (*condemned)(void *ctx, uint32_t pool, const uint64_t cells[POOL_CELLS / 64]);
    /* The watcher's own counted references, one after another (zero *cursor to begin); false at the end. *ret may be 0:
     * none here, go on. One that stays is met unless others come and go meanwhile. O(1). */
    bool (*next_held)(void *ctx, uint64_t *cursor, slot_t *ret);
    /* for heap_validate(): counted references the watcher itself holds are told through `count` */
    void (*recount)(void *ctx, void (*count)(void *to, slot_t slot), void *to);
    size_t (*validate)(void *ctx, void (*broken)(void *to, const char *sentence), void *to);
    /* The same in steps, for an onlooker (onlooker.h), by who has some: both return the units left, 0: call again. What
     * changes in the part that recount_step() has not come to is told by heap_hold_missed(). */
    size_t (*recount_step)(void *ctx, held_fn *count, void *to, size_t units);
    uint64_t (*held_count)(void *ctx); /* how many those are now; O(1) */
    /* `p` is two of them: what is broken is counted in the first, the second is the watcher's. */
    size_t (*validate_step)(void *ctx, void (*broken)(void *to, const char *sentence), void *to, struct proof *p,
                            size_t units);
};

/* `w` stays the caller's and must outlive its registration. CHECKs that there is room. */
void heap_add_watch(struct heap *h, const struct heap_watch *w);
void heap_remove_watch(struct heap *h, const struct heap_watch *w);

/* ---- an onlooker (onlooker.h) ---- */

/* The number of the one that is going on, from its cut; 0: there is none. */
uint32_t heap_onlook_number(const struct heap *h);
/* While there is one: a reference that the watcher had at the cut goes before recount_step() came to it (came: false), or
 * one comes where it will be found, and was not at the cut. */
void heap_hold_missed(struct heap *h, const struct heap_holder *by, slot_t slot, bool came);

/* ---- reading ---- */

const struct pools *heap_pools(const struct heap *h);
struct mem *heap_mem(const struct heap *h);
const struct heap_stats *heap_counters(const struct heap *h); /* those that are kept all along */

/* LIVE, and not condemned by a window that has closed over it. */
bool heap_is_alive(const struct heap *h, slot_t slot);
obj_id heap_id(const struct heap *h, slot_t slot);
/* 0 unless `id` is a live object. */
slot_t heap_slot(const struct heap *h, obj_id id);
uint64_t heap_count(const struct heap *h, slot_t slot);
struct slice heap_class_of(const struct heap *h, slot_t slot);
uint64_t heap_bytes_of(const struct heap *h, slot_t slot);

/* Where the cells of a pool are, for who goes through many of them. Good until the next change. */
struct pool_span {
    const struct pools *pools;
    char *first;    /* NULL: it is packed, each is found for itself */
    uint32_t words; /* of a cell */
};

static inline struct pool_span span_of(const struct pools *p, uint32_t pool)
{
    bool apart = !pool_is_objects(p, pool) || pool_is_packed(p, pool);

    return (struct pool_span){p, apart ? NULL : (char *)pool_cell(p, pool << POOL_SHIFT), p->pool[pool].words};
}

static inline struct object *object_in(const struct pool_span *s, slot_t slot)
{
    char *cell = s->first != NULL ? s->first + (size_t)(slot % POOL_CELLS) * s->words * sizeof(uint32_t) : (char *)pool_cell(s->pools, slot);

    return (struct object *)(void *)cell;
}

/* What taking the dead apart may need of tables beyond what is on the account: nobody is asked for that. O(1). */
size_t heap_reap_bytes_to_come(const struct heap *h);

/* ---- edges ---- */

/* A walk over the strong links of one object that can pause. While it is open, a removal that moves items
 * under it moves it too: no link that stays is missed or met twice. */
struct edge_scan {
    slot_t slot;            /* 0: closed */
    uint64_t position;      /* items behind it have been seen; a dictionary: slot of the next entry */
    struct edge_scan *next; /* in the heap's list */
};

typedef void (*edge_fn)(void *ctx, slot_t target);

/* Begin a walk of `slot`; heap_scan() goes on with it, visiting parts until about `units` of them are done, and
 * returns the units left over: 0 means there is more, otherwise the scan is closed. */
void heap_open_scan(struct heap *h, struct edge_scan *scan, slot_t slot);
size_t heap_scan(struct heap *h, struct edge_scan *scan, size_t units, edge_fn visit, void *ctx);
void heap_close_scan(struct heap *h, struct edge_scan *scan);

/* A walk over what is held from outside: roots, and what watchers hold. Not all of it (callers' references and scopes are
 * left out), and it may miss some that change: each target is held, and more is not said. Zero it to begin. */
struct held_scan {
    uint32_t source; /* 0: roots; then the watchers */
    uint64_t cursor;
};

/* Returns the units left over; 0 means there is more. */
size_t heap_scan_held(struct heap *h, struct held_scan *scan, size_t units, edge_fn visit, void *ctx);

#define OBJECT_VALUES_MAX (RECORD_SLOTS_MAX + OBJECT_HEADER_WORDS) /* in a cell of its own, generously */

/* A record that keeps its values in its own cell: the common case, for whoever wants it inline. */
static inline bool object_is_inline(const struct object *o)
{
    return o->kind == KIND_RECORD && o->layout == LAYOUT_INLINE;
}

/* ---- references of the collector's own (the garbage list) ---- */

/* ERR_NOMEM. */
enum err heap_take_ref(struct heap *h, slot_t slot);
void heap_drop_ref(struct heap *h, slot_t slot);

/* ---- windows ---- */

/* From now on, until it is closed or condemned, changes of its members' counts are told. `members` and the `pools` that may
 * have some (window.h) stay the collector's, who adds and removes; none is left when its slot becomes free. */
void heap_open_window(struct heap *h, enum object_window w, const uint64_t *members, const uint64_t *pools);
/* It has no members any more. */
void heap_close_window(struct heap *h, enum object_window w);

/* ---- condemning a set (condemned.c) ---- */

/* Every object that is still in window `w`, `members` of them, is dead from now on, at once. Then,
 * pool by pool in ascending order and each over the whole set before the next: release, free. */
void heap_condemn_window(struct heap *h, enum object_window w, uint64_t members);
struct release_walk {
    bool inward;    /* they link to none but the condemned: nobody else has to be told */
    uint32_t place; /* in the pool, where it goes on */
    uint32_t by_generation[GENERATION_FROZEN + 1]; /* out: objects that the last call came to */
};

/* Let the condemned `cells` of a pool, from the walk's place on, let go of their contents; returns the units left over.
 * 0: call again; otherwise the pool is done. */
size_t heap_release_condemned(struct heap *h, enum object_window w, uint32_t pool,
                              const uint64_t cells[POOL_CELLS / 64], struct release_walk *walk, size_t units);
/* The cells go back. O(cells), and O(1) if the pool has no others. */
void heap_free_condemned(struct heap *h, uint32_t pool, const uint64_t cells[POOL_CELLS / 64]);
