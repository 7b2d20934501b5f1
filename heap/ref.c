/*
 * ref.c - see ref.h.
 *
 * Invariants: 1. a live object's count is the number of links, roots, holds, scopes and garbage entries that
 * name it (heap_validate() recounts); it is 0 only between the drop and the kill, inside ref_drop() and heap_reap().
 * 2. has_big is set exactly while big_counts has an entry for the slot, and that entry is not 0.
 */
#include "heap/ref.h"
#include "heap/shape.h"
#include "heap/slot.h"
#include "heap/weak.h"

#define HALF (1u << (OBJECT_COUNT_BITS - 1))

/* ---- counts too large for the cell ---- */

enum err ref_spill_half(struct heap *h, slot_t slot, struct why *why)
{
    struct object *o = object_at(h, slot);
    uint32_t entry = o->has_big ? map_find(h->big_counts, slot) : MAP_NONE;

    if (entry != MAP_NONE)
        map_set_value(h->big_counts, entry, map_value(h->big_counts, entry) + 1);
    else if (!map_add(h->big_counts, slot, 1))
        return why_set(why, ERR_NOMEM, "no memory to count another reference");
    o->has_big = 1;
    o->count = (o->count - HALF) & OBJECT_COUNT_MAX;
    return ERR_OK;
}

static void fetch_half(struct heap *h, slot_t slot, struct object *o)
{
    uint32_t entry = map_find(h->big_counts, slot);

    CHECK(entry != MAP_NONE && map_value(h->big_counts, entry) > 0);
    o->count = (o->count + HALF) & OBJECT_COUNT_MAX;
    if (map_value(h->big_counts, entry) > 1) {
        map_set_value(h->big_counts, entry, map_value(h->big_counts, entry) - 1);
        return;
    }
    map_remove(h->big_counts, entry);
    o->has_big = 0;
}

uint64_t ref_count(const struct heap *h, slot_t slot)
{
    const struct object *o = object_at(h, slot);
    uint64_t count = o->count;

    if (o->has_big)
        count += (uint64_t)HALF * map_value(h->big_counts, map_find(h->big_counts, slot));
    return count;
}

/* ---- up and down ---- */

/* The collector takes a member whose count changes as reached. */
void ref_tell_window(const struct heap *h, slot_t slot, bool gained)
{
    if (!windows_have(&h->windows, h->windows.open, slot))
        return;
    for (size_t i = 0; i < HEAP_WATCHES_MAX && h->watch[i] != NULL; i++) {
        const struct heap_watch *w = h->watch[i];
        void (*fn)(void *, slot_t) = gained ? w->gained_ref : w->lost_ref;

        if (fn != NULL)
            fn(w->ctx, slot);
    }
}

/* Nothing is counted any more of what is dead or condemned. */
static inline bool is_counted(const struct heap *h, slot_t slot, const struct object *o)
{
    return o->state != STATE_DEAD && (h->windows.dead == 0 || slot_is_alive(h, slot, o));
}

/* One reference less: true if that was the last. */
static inline bool count_down(struct heap *h, slot_t slot, struct object *o)
{
    uint32_t count = o->count;

    if (!is_counted(h, slot, o))
        return false;
    CHECK(o->state == STATE_LIVE && count > 0);
    o->count = (uint16_t)--count;
    if (count == 0 && !o->has_big)
        return true;
    if (count == 0)
        fetch_half(h, slot, o);
    h->stats.fell_nonzero++;
    if (h->windows.open != 0)
        ref_tell_window(h, slot, false);
    return false;
}

/* ---- death ---- */

static inline uint64_t cell_bytes(uint32_t words)
{
    return words * sizeof(uint32_t) + OBJECT_TABLE_BYTES;
}

/* object_bytes(), the common case inline. */
static inline uint64_t bytes_of(const struct heap *h, slot_t slot, const struct object *o)
{
    return object_is_inline(o) ? cell_bytes(pool_words(&h->pools, slot)) : object_bytes(h, slot);
}

static void close_scans_of(struct heap *h, slot_t slot)
{
    for (struct edge_scan *s = h->scans, *next; s != NULL; s = next) {
        next = s->next;
        if (s->slot == slot)
            heap_close_scan(h, s);
    }
}

void ref_leave_tables(struct heap *h, slot_t slot, struct object *o)
{
    close_scans_of(h, slot);
    if (o->has_weak)
        weak_died(h, slot);
    if (o->has_big) {
        map_remove(h->big_counts, map_find(h->big_counts, slot));
        o->has_big = 0;
    }
}

/* Whoever knows an object hears that it dies; still whole. */
static inline void announce(struct heap *h, slot_t slot, struct object *o)
{
    CHECK(o->state == STATE_LIVE);
    for (size_t i = 0; i < HEAP_WATCHES_MAX && h->watch[i] != NULL; i++)
        if (h->watch[i]->dying != NULL)
            h->watch[i]->dying(h->watch[i]->ctx, slot);
    if (h->scans != NULL || o->has_weak || o->has_big)
        ref_leave_tables(h, slot, o);
}

void ref_kill(struct heap *h, slot_t slot)
{
    struct object *o = object_at(h, slot);
    uint64_t bytes = bytes_of(h, slot, o);

    announce(h, slot, o);
    shape_lose_objects(h, o->shape, 1, bytes);
    o->state = STATE_DEAD;
    h->stats.objects--;
    h->stats.tracked -= o->kind != KIND_BYTES;
    h->stats.live_bytes -= bytes;
    h->stats.doomed++;
    h->stats.doomed_bytes += bytes;
}

/* ---- the doomed list: last in, first out, so that what has just died is still in the cache ---- */

static inline void doom(struct heap *h, slot_t slot, struct object *o)
{
    object_set_next_dead(o, h->doomed);
    h->doomed = slot;
}

/* Its count has reached 0. */
static void die_by_count(struct heap *h, slot_t slot, struct object *o)
{
    h->stats.freed_by_refcount++;
    ref_kill(h, slot);
    doom(h, slot, o);
}

void ref_drop(struct heap *h, slot_t slot)
{
    struct object *o = object_at(h, slot);

    if (count_down(h, slot, o))
        die_by_count(h, slot, o);
}

uint64_t ref_doomed_length(const struct heap *h)
{
    uint64_t n = h->parting != 0;

    for (slot_t s = h->doomed; s != 0; s = object_next_dead(object_at(h, s)))
        n++;
    return n;
}

/* ---- reaping ----
 *
 * A dead record lets go of what it links to not at once but through a short queue: by the time a target's count
 * is looked at, its cell has been fetched. A record that dies then is in the cache, so it is taken apart at once if
 * the queue has room for its links, without a detour through the doomed list; and deaths of one shape in a row are
 * counted together. On a chain the queue holds one target at a time and costs nothing. Neither queue nor tally
 * outlives a call of heap_reap(), and nobody looks at the heap during one.
 */

#define QUEUE_MAX 64u
#define QUEUE_AHEAD (QUEUE_MAX - RECORD_SLOTS_MAX) /* as many may wait, and a record's links still fit */

struct target {
    struct object *o;
    slot_t slot;
    uint32_t words; /* of its cell */
};

struct reaping {
    struct heap *heap;
    size_t units;
    uint64_t links;             /* let go of */
    uint64_t deaths, bytes;     /* of records that were taken apart as they died, of this shape in a row */
    uint32_t shape;
    uint32_t first, end;        /* of the queue */
    struct target queue[QUEUE_MAX];
};

static inline uint32_t waiting(const struct reaping *r)
{
    return r->end - r->first;
}

static inline struct target target_at(const struct heap *h, slot_t slot)
{
    return (struct target){object_at(h, slot), slot, pool_words(&h->pools, slot)};
}

static void report_deaths(struct reaping *r)
{
    struct heap_stats *stats = &r->heap->stats;

    if (r->deaths == 0)
        return;
    shape_lose_objects(r->heap, r->shape, (uint32_t)r->deaths, r->bytes);
    stats->objects -= r->deaths;
    stats->tracked -= r->deaths;
    stats->live_bytes -= r->bytes;
    stats->freed_by_refcount += r->deaths;
    r->deaths = r->bytes = 0;
}

static inline void take_apart(struct reaping *r, struct target t)
{
    for (uint32_t i = 0; i < t.words - OBJECT_HEADER_WORDS; i++) {
        word_t w = t.o->word[i];

        if (word_tag(w) == WORD_LINK) {
            struct target next = target_at(r->heap, word_payload(w));

            __builtin_prefetch(next.o, 1);
            r->queue[r->end++ % QUEUE_MAX] = next;
            r->links++;
        } else if (word_tag(w) > WORD_REAL) {
            word_release(r->heap, w);
        }
    }
    object_free_cell(r->heap, t.slot, t.o);
    r->units--;
}

/* The next one that waits: one reference less. */
static inline void let_go(struct reaping *r)
{
    struct target t = r->queue[r->first++ % QUEUE_MAX];

    if (!count_down(r->heap, t.slot, t.o))
        return;
    if (!object_is_inline(t.o) || r->units == 0 || waiting(r) > QUEUE_AHEAD) {
        die_by_count(r->heap, t.slot, t.o);
        return;
    }
    announce(r->heap, t.slot, t.o);
    if (t.o->shape != r->shape)
        report_deaths(r);
    r->shape = t.o->shape;
    r->deaths++;
    r->bytes += cell_bytes(t.words);
    take_apart(r, t);
}

#define WIDE_UNITS 16u /* for one with many parts before those that died by it have their turn */

/* One that is not a record in its own cell: its parts may be too many for one call. What dies by it is taken apart before
 * it goes on, while that is in the cache: a list of ten million would leave a million behind. */
static void reap_wide(struct reaping *r, slot_t slot)
{
    struct heap *h = r->heap;
    bool is_leaf = object_at(h, slot)->kind == KIND_BYTES; /* nobody dies by it */
    size_t most = r->units < WIDE_UNITS || is_leaf ? r->units : WIDE_UNITS;
    size_t left = object_release_contents(h, slot, most);

    r->units -= most - left;
    if (left > 0) {
        object_free(h, slot);
        r->units -= r->units > 0;
    } else if (h->parting == 0) {
        h->parting = slot;
    } else {
        doom(h, slot, object_at(h, slot));
    }
}

/* The newest of the doomed list; behind them all the wide one that is being taken apart. */
static void reap_next(struct reaping *r)
{
    struct heap *h = r->heap;
    slot_t slot = h->doomed;

    if (slot == 0) {
        slot = h->parting;
        h->parting = 0;
        reap_wide(r, slot);
        return;
    }

    struct target t = target_at(h, slot);

    h->doomed = object_next_dead(t.o);
    if (!object_is_inline(t.o)) {
        reap_wide(r, slot);
        return;
    }
    h->stats.doomed--;
    h->stats.doomed_bytes -= cell_bytes(t.words);
    take_apart(r, t);
}

static inline bool has_dead(const struct heap *h)
{
    return h->doomed != 0 || h->parting != 0;
}

size_t heap_reap(struct heap *h, size_t units)
{
    struct reaping r; /* but for the queue, which is empty */

    r.heap = h;
    r.units = units;
    r.links = r.deaths = r.bytes = r.shape = 0;
    r.first = r.end = 0;
    while (waiting(&r) > 0 || (has_dead(h) && r.units > 0)) {
        if (has_dead(h) && r.units > 0 && waiting(&r) <= QUEUE_AHEAD)
            reap_next(&r);
        else
            let_go(&r);
    }
    report_deaths(&r);
    h->stats.links -= r.links;
    return r.units;
}
