/*
 * reap.c - see reap.h: the dead are taken apart, in bounded steps.
 *
 * The newest of the doomed list goes first: it, and what it holds, is still in the cache. A dead record lets go of
 * what it links to not at once but through a short queue: by the time a target's count is looked at, its cell has been
 * fetched. A record that dies then is in the cache, so it is taken apart at once if the queue has room for its
 * links, without a detour through the doomed list; and deaths of one shape in a row are counted together. On a
 * chain the queue holds one target at a time and costs nothing. Neither queue nor tally outlives a call of
 * heap_reap(), and nobody looks at the heap during one.
 *
 * A list of millions names cells all over the memory, and each would be a miss of its own: 35 ns an item, ten million
 * in no order. So such a list, the *parting* one, first puts what it names into a set, a bit each, and when it is
 * empty the set is swept in the order of slots. What dies by that puts what it names into the set too, as long as that
 * has many: most of it is met further on, in passing. In between, a target's count goes on counting the link that is
 * to go, so it cannot die before it is come to. Two sets let a slot wait twice; a third link is let go of at once.
 */
#include "heap/reap.h"
#include "heap/death.h"
#include "heap/shape.h"

#define QUEUE_MAX 64u
#define QUEUE_AHEAD (QUEUE_MAX - RECORD_SLOTS_MAX) /* as many may wait, and a record's links still fit */
#define WIDE_UNITS 16u        /* for one with many parts before those that died by it have their turn */
#define DEFER_MIN 32768u      /* items that are worth a set ... */
#define DEFER_MANY 4096u      /* ... and links that wait, so that others join them */
#define DEFERRED_PER_UNIT 4u
#define BYTES_AHEAD 2048

bool reap_init(struct heap *h)
{
    return slotset_init(&h->deferred[0], h->mem) && slotset_init(&h->deferred[1], h->mem);
}

void reap_fini(struct heap *h)
{
    mem_uncharge(h->mem, h->deferred_charged);
    slotset_fini(&h->deferred[0], h->mem);
    slotset_fini(&h->deferred[1], h->mem);
}

bool reap_may_defer(const struct heap *h, slot_t list, uint32_t items)
{
    return list == h->parting && items >= DEFER_MIN;
}

uint64_t reap_doomed_length(const struct heap *h)
{
    uint64_t n = h->parting != 0;

    for (slot_t s = h->doomed; s != 0; s = object_next_dead(object_at(h, s)))
        n++;
    return n;
}

/* ---- what is let go of later ---- */

static inline uint64_t deferred_count(const struct heap *h)
{
    return h->deferred[0].count + h->deferred[1].count;
}

/* False: it is to be let go of twice already. */
static inline bool defer(struct heap *h, slot_t target)
{
    return slotset_add(&h->deferred[0], target) || slotset_add(&h->deferred[1], target);
}

void reap_defer(struct heap *h, const word_t *words, uint32_t count)
{
    uint64_t links = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (word_tag(words[i]) == WORD_LINK && defer(h, word_payload(words[i])))
            links++;
        else
            word_release(h, words[i]);
    }
    h->stats.links -= links;
}

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
    uint32_t later;             /* of those that are about to be deferred */
    slot_t to_defer[QUEUE_MAX];
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

/* Those that cannot wait once more are let go of now; their cells are fetched first. */
static void defer_all(struct reaping *r)
{
    uint32_t now = 0;

    for (uint32_t i = 0; i < r->later; i++) {
        if (defer(r->heap, r->to_defer[i]))
            continue;
        __builtin_prefetch(object_at(r->heap, r->to_defer[i]), 1);
        r->to_defer[now++] = r->to_defer[i];
    }
    for (uint32_t i = 0; i < now; i++)
        ref_drop(r->heap, r->to_defer[i]);
    r->later = 0;
}

static inline void let_go_later(struct reaping *r, slot_t slot)
{
    if (r->later == QUEUE_MAX)
        defer_all(r);
    __builtin_prefetch(slotset_word(&r->heap->deferred[0], slot), 1);
    r->to_defer[r->later++] = slot;
}

static inline void let_go_soon(struct reaping *r, slot_t slot)
{
    struct target t;

    r->links++;
    if (deferred_count(r->heap) >= DEFER_MANY) {
        let_go_later(r, slot);
        return;
    }
    t = target_at(r->heap, slot);
    __builtin_prefetch(t.o, 1);
    r->queue[r->end++ % QUEUE_MAX] = t;
}

static inline void take_apart(struct reaping *r, struct target t)
{
    for (uint32_t i = 0; i < t.words - OBJECT_HEADER_WORDS; i++) {
        word_t w = t.o->word[i];

        if (word_tag(w) == WORD_LINK)
            let_go_soon(r, word_payload(w));
        else if (word_tag(w) > WORD_REAL)
            word_release(r->heap, w);
    }
    object_free_cell(r->heap, t.slot, t.o);
    r->units -= r->units > 0;
}

/* One reference less. */
static inline void let_go(struct reaping *r, struct target t)
{
    if (!ref_count_down(r->heap, t.slot, t.o))
        return;
    if (!object_is_inline(t.o) || r->units == 0 || waiting(r) > QUEUE_AHEAD) {
        ref_die(r->heap, t.slot, t.o);
        return;
    }
    ref_announce_death(r->heap, t.slot, t.o);
    if (t.o->shape != r->shape)
        report_deaths(r);
    r->shape = t.o->shape;
    r->deaths++;
    r->bytes += object_cell_bytes(t.words);
    take_apart(r, t);
}

static inline void let_go_next(struct reaping *r)
{
    let_go(r, r->queue[r->first++ % QUEUE_MAX]);
}

/* Of those that other references keep, and nobody watches, one is taken here and now: that is nearly all. Returns the
 * others. */
static uint64_t let_go_of_shared(const struct pool_span *span, slot_t group, uint64_t targets)
{
    uint64_t others = targets;
    char *first = (char *)object_in(span, group);
    size_t bytes = span->words * sizeof(uint32_t);

    for (; targets != 0; targets &= targets - 1) {
        struct object *o = (struct object *)(void *)(first + (size_t)__builtin_ctzll(targets) * bytes);
        uint64_t is_shared = o->count > 1; /* no branch: which it is cannot be foreseen */

        __builtin_prefetch((const char *)o + BYTES_AHEAD, 1);
        CHECK(o->state == STATE_LIVE);
        o->count = (uint16_t)(o->count - is_shared);
        others ^= (targets & -targets) & -is_shared;
    }
    return others;
}

/* Those of 64 slots. */
static void let_go_of_group(struct reaping *r, const struct pool_span *span, slot_t group, uint64_t targets)
{
    struct heap *h = r->heap;
    size_t cost = 1 + (size_t)__builtin_popcountll(targets) / DEFERRED_PER_UNIT;

    if (targets == 0)
        return;
    r->units -= r->units < cost ? r->units : cost;
    if (h->windows.open == 0 && h->windows.dead == 0 && span->first != NULL) {
        uint64_t others = let_go_of_shared(span, group, targets);

        h->stats.fell_nonzero += (uint64_t)__builtin_popcountll(targets ^ others);
        targets = others;
    }
    for (; targets != 0; targets &= targets - 1) {
        slot_t slot = group + (slot_t)__builtin_ctzll(targets);

        while (waiting(r) > QUEUE_AHEAD)
            let_go_next(r);
        let_go(r, (struct target){object_in(span, slot), slot, span->words});
    }
}

/* The next pool with some of them, and round again; there are some. */
static uint32_t next_deferred_pool(const struct heap *h)
{
    const struct slotset *a = &h->deferred[0], *b = &h->deferred[1];
    uint32_t end = a->pool_end > b->pool_end ? a->pool_end : b->pool_end, from = pool_of(h->deferred_at);

    for (int rounds = 0; rounds < 2; rounds++, from = 0) {
        uint32_t in_a = bits_next(a->pools, from, end), in_b = bits_next(b->pools, from, end);

        if (in_a < end || in_b < end)
            return in_a < in_b ? in_a : in_b;
    }
    UNREACHABLE();
}

/* Those of one pool, as far as the units go. What dies by it and names slots further on is met when the sweep comes there. */
static void let_go_deferred(struct reaping *r)
{
    struct heap *h = r->heap;
    uint32_t pool = h->deferred_at % POOL_CELLS == 0 ? next_deferred_pool(h) : pool_of(h->deferred_at);
    struct pool_span span = span_of(&h->pools, pool);

    if (pool != pool_of(h->deferred_at))
        h->deferred_at = pool << POOL_SHIFT;
    do {
        for (int i = 0; i < 2; i++)
            let_go_of_group(r, &span, h->deferred_at, slotset_take(&h->deferred[i], h->deferred_at));
        h->deferred_at += 64;
    } while (h->deferred_at % POOL_CELLS != 0 && r->units > 0);
    if (h->deferred_at % POOL_CELLS == 0) {
        slotset_forget_pool(&h->deferred[0], pool);
        slotset_forget_pool(&h->deferred[1], pool);
    }
}

/* False: it has parts, or links, that it did not get to. */
static bool part_with_all(struct reaping *r, slot_t slot)
{
    struct heap *h = r->heap;
    bool is_leaf = object_at(h, slot)->kind == KIND_BYTES; /* nobody dies by it */
    size_t most = r->units < WIDE_UNITS || is_leaf ? r->units : WIDE_UNITS;
    size_t left = object_release_contents(h, slot, most);

    r->units -= most - left;
    if (left == 0)
        return false;
    if (slot != h->parting)
        return true;
    defer_all(r);
    if (deferred_count(h) > 0) {
        let_go_deferred(r);
        return false;
    }
    for (int i = 0; i < 2 && r->units > 0; i++)
        r->units = slotset_trim(&h->deferred[i], r->units);
    return r->units > 0;
}

/* One that is not a record in its own cell: its parts may be too many for one call. What dies by it is taken apart before
 * it goes on, while that is in the cache: a list of ten million would leave a million behind. */
static void reap_wide(struct reaping *r, slot_t slot)
{
    struct heap *h = r->heap;

    if (h->parting == 0)
        h->parting = slot;
    if (part_with_all(r, slot)) {
        h->parting = h->parting == slot ? 0 : h->parting;
        object_free(h, slot);
        r->units--;
    } else if (h->parting != slot) {
        ref_doom(h, slot, object_at(h, slot));
    }
}

/* The newest of the doomed list; behind them all the wide one that is being taken apart. */
static void reap_next(struct reaping *r)
{
    struct heap *h = r->heap;
    slot_t slot = h->doomed;

    if (slot == 0) {
        reap_wide(r, h->parting);
        return;
    }

    struct target t = target_at(h, slot);

    h->doomed = object_next_dead(t.o);
    if (!object_is_inline(t.o)) {
        reap_wide(r, slot);
        return;
    }
    h->stats.doomed--;
    h->stats.doomed_bytes -= object_cell_bytes(t.words);
    take_apart(r, t);
}

static inline bool has_dead(const struct heap *h)
{
    return h->doomed != 0 || h->parting != 0;
}

/* What the set costs is spent: it is not asked for. */
static void charge_deferred(struct heap *h)
{
    size_t bytes = slotset_bytes(&h->deferred[0]) + slotset_bytes(&h->deferred[1]);

    if (bytes == h->deferred_charged)
        return;
    mem_uncharge(h->mem, h->deferred_charged);
    mem_charge_spent(h->mem, bytes);
    h->deferred_charged = bytes;
}

size_t heap_reap_bytes_to_come(const struct heap *h)
{
    size_t most = ARRAY_LEN(h->deferred) * h->pools.pool_end * (POOL_CELLS / 8);

    return most > h->deferred_charged ? most - h->deferred_charged : 0;
}

size_t heap_reap(struct heap *h, size_t units)
{
    uint64_t deaths = h->stats.freed_by_refcount, live_bytes = h->stats.live_bytes;
    struct reaping r; /* but for the queue, which is empty */

    CHECK(h->undo == NULL); /* nobody dies now */
    r.heap = h;
    r.units = units;
    r.links = r.deaths = r.bytes = r.shape = 0;
    r.first = r.end = r.later = 0;
    while (waiting(&r) > 0 || (has_dead(h) && r.units > 0)) {
        if (has_dead(h) && r.units > 0 && waiting(&r) <= QUEUE_AHEAD)
            reap_next(&r);
        else
            let_go_next(&r);
    }
    defer_all(&r);
    report_deaths(&r);
    h->stats.links -= r.links;
    h->stats.reaped += h->stats.freed_by_refcount - deaths;
    h->stats.reaped_bytes += live_bytes - h->stats.live_bytes;
    charge_deferred(h);
    return r.units;
}
