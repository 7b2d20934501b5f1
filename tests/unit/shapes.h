/*
 * shapes.h - graphs that are hard on a collector, made as large as one likes, and who lives in them found out by flood.
 *
 * A shape is made of nodes, of which the first to be held is its head: let go of it and nothing holds any of them. What a
 * node links is read back through the front door when the flood comes to it, so that a test may edit as it pleases. The
 * flood knows nodes by the ids they were made with: a link that leads to another tenant of a slot is noticed.
 *
 * HEAPD_TEST_LONG in the environment makes them as large as the collector shall stand.
 */
#pragma once
#include "tests/unit/gc_world.h"

#define SHAPE_NAME_BYTES 16

struct shape {
    struct world w;
    struct heap_watch watch; /* tells a recount of the references below */
    obj_id *ids;
    uint32_t *holds;     /* references of the test's own, by node */
    uint32_t *waiting;   /* of the flood */
    uint64_t *reached;   /* bits, by node */
    uint32_t count, room;
    uint32_t head;
    uint32_t *node_of;   /* by slot: node + 1 */
    uint32_t slot_room;
    uint64_t seed;
    uint64_t heap_ms;
    bool tidies;
};

enum shape_kind { SHAPE_CHAIN, SHAPE_RING, SHAPE_STAR, SHAPE_DICTIONARY, SHAPE_COMPLETE, SHAPE_LADDER, SHAPE_LOOPS, SHAPE_RANDOM, SHAPES };

struct shape_size {
    const char *name;
    uint32_t usual, full;
};

/* Nodes. A ring of so many in COMPLETE: each links to each. */
static const struct shape_size shape_sizes[SHAPES] = {
    [SHAPE_CHAIN] = {"chain", 30000, 10000000},          [SHAPE_RING] = {"ring", 20000, 10000000},
    [SHAPE_STAR] = {"star", 70000, 5000000},             [SHAPE_DICTIONARY] = {"dictionary", 2000, 200000},
    [SHAPE_COMPLETE] = {"complete graph", 120, 3000},    [SHAPE_LADDER] = {"ladder", 10000, 4000000},
    [SHAPE_LOOPS] = {"self-loops", 15000, 1000000},      [SHAPE_RANDOM] = {"random links", 15000, 4000000},
};

static inline bool shapes_are_full(void)
{
    return getenv("HEAPD_TEST_LONG") != NULL;
}

static inline uint32_t shape_nodes(enum shape_kind kind)
{
    return shapes_are_full() ? shape_sizes[kind].full : scaled(shape_sizes[kind].usual, 60);
}

/* ---- nodes ---- */

static inline void shape_recount(void *ctx, void (*count)(void *to, slot_t slot), void *to)
{
    const struct shape *s = ctx;

    for (uint32_t i = 0; i < s->count; i++)
        for (uint32_t n = s->holds[i]; n > 0; n--)
            count(to, heap_slot(s->w.heap, s->ids[i]));
}

static inline void shape_know_slot(struct shape *s, uint32_t slot, uint32_t node)
{
    uint32_t room = s->slot_room;

    if (slot >= room) {
        for (room = room > 0 ? room : 1024; slot >= room;)
            room *= 2;
        s->node_of = realloc(s->node_of, room * sizeof *s->node_of);
        MUST(s->node_of != NULL);
        memset(s->node_of + s->slot_room, 0, (room - s->slot_room) * sizeof *s->node_of);
        s->slot_room = room;
    }
    s->node_of[slot] = node + 1;
}

/* A new object becomes a node, and its reference the test's. */
static inline uint32_t shape_add(struct shape *s, obj_id id)
{
    MUST(s->count < s->room);
    s->ids[s->count] = id;
    s->holds[s->count] = 1;
    shape_know_slot(s, (uint32_t)(id & SLOT_MAX), s->count);
    return s->count++;
}

static inline uint32_t shape_record(struct shape *s, const struct field *fields, size_t count)
{
    obj_id id = 0;

    OK(heap_new_record(s->w.heap, label_of("Node"), fields, count, &id, &why));
    return shape_add(s, id);
}

static inline uint32_t shape_list(struct shape *s)
{
    obj_id id = 0;

    OK(heap_new_list(s->w.heap, label_of("Nodes"), NULL, 0, &id, &why));
    return shape_add(s, id);
}

static inline void shape_hold(struct shape *s, uint32_t node)
{
    OK(heap_hold(s->w.heap, s->ids[node], &why));
    s->holds[node]++;
}

static inline void shape_let_go(struct shape *s, uint32_t node)
{
    MUST(s->holds[node] > 0);
    s->holds[node]--;
    heap_release(s->w.heap, s->ids[node]);
}

static inline bool shape_lives(const struct shape *s, uint32_t node)
{
    return heap_has(s->w.heap, s->ids[node]);
}

static inline struct value shape_link(const struct shape *s, uint32_t node)
{
    return value_link(s->ids[node]);
}

static inline void shape_set(struct shape *s, uint32_t from, const char *name, uint32_t to)
{
    set(&s->w, s->ids[from], name, shape_link(s, to));
}

static inline void shape_push(struct shape *s, uint32_t list, uint32_t to)
{
    push(&s->w, s->ids[list], shape_link(s, to));
}

static inline uint32_t shape_dice(struct shape *s, uint32_t n)
{
    return unit_rand_below(&s->seed, n);
}

/* ---- shapes; each ends with only the head held ---- */

static inline void make_chain(struct shape *s, uint32_t n)
{
    struct field f = field("next", value_null());

    s->head = shape_record(s, &f, 1);
    for (uint32_t i = 1; i < n; i++) {
        f.value = shape_link(s, s->head);

        uint32_t next = shape_record(s, &f, 1);

        shape_let_go(s, s->head);
        s->head = next;
    }
}

static inline void make_ring(struct shape *s, uint32_t n)
{
    make_chain(s, n);
    shape_set(s, 0, "next", s->head);
}

/* A list with many items, which is an object with as many referrers. */
static inline void make_star(struct shape *s, uint32_t n)
{
    struct field f;

    s->head = shape_list(s);
    f = field("hub", shape_link(s, s->head));
    for (uint32_t i = 1; i < n; i++) {
        uint32_t ray = shape_record(s, &f, 1);

        shape_push(s, s->head, ray);
        shape_let_go(s, ray);
    }
}

static inline void make_dictionary(struct shape *s, uint32_t n)
{
    char name[SHAPE_NAME_BYTES];

    s->head = shape_record(s, NULL, 0);
    for (uint32_t i = 1; i < n; i++) {
        struct field f = field("hub", shape_link(s, s->head));
        uint32_t ray = shape_record(s, &f, 1);

        snprintf(name, sizeof name, "f%u", i);
        shape_set(s, s->head, name, ray);
        shape_let_go(s, ray);
    }
}

static inline void make_complete(struct shape *s, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        (void)shape_list(s);
    for (uint32_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < n; k++)
            shape_push(s, i, k);
    for (uint32_t i = 1; i < n; i++)
        shape_let_go(s, i);
    s->head = 0;
}

/* Two chains, each node linked with its neighbour on the other, both ways. */
static inline void make_ladder(struct shape *s, uint32_t n)
{
    struct field next = field("next", value_null());
    uint32_t left = shape_record(s, &next, 1), right = shape_record(s, &next, 1);

    shape_set(s, left, "rung", right);
    shape_set(s, right, "rung", left);
    for (uint32_t i = 2; i + 1 < n; i += 2) {
        next.value = shape_link(s, left);

        uint32_t l = shape_record(s, &next, 1);

        next.value = shape_link(s, right);

        uint32_t r = shape_record(s, &next, 1);

        shape_set(s, l, "rung", r);
        shape_set(s, r, "rung", l);
        shape_let_go(s, left);
        shape_let_go(s, right);
        left = l;
        right = r;
    }
    shape_let_go(s, right);
    s->head = left;
}

/* Each holds itself, and a list that nothing of theirs holds keeps all of them. */
static inline void make_loops(struct shape *s, uint32_t n)
{
    s->head = shape_list(s);
    for (uint32_t i = 1; i < n; i++) {
        uint32_t loop = shape_record(s, NULL, 0);

        shape_set(s, loop, "self", loop);
        shape_push(s, s->head, loop);
        shape_let_go(s, loop);
    }
}

/* A chain back to the head, so that all is reached, and two links at random from each. */
static inline void make_random(struct shape *s, uint32_t n)
{
    make_chain(s, n);
    for (uint32_t i = 0; i < n; i++) {
        shape_set(s, i, "a", shape_dice(s, n));
        shape_set(s, i, "b", shape_dice(s, n));
    }
}

static inline void shape_begin(struct shape *s, enum shape_kind kind, uint32_t n, uint64_t seed)
{
    static void (*const make[SHAPES])(struct shape *, uint32_t) = {
        make_chain, make_ring, make_star, make_dictionary, make_complete, make_ladder, make_loops, make_random};

    *s = (struct shape){.w = gc_world_new(), .room = n + 64, .seed = seed, .tidies = seed % 2 == 0};
    s->ids = calloc(s->room, sizeof *s->ids);
    s->holds = calloc(s->room, sizeof *s->holds);
    s->waiting = calloc(s->room, sizeof *s->waiting);
    s->reached = calloc(s->room / 64 + 1, sizeof *s->reached);
    MUST(s->ids != NULL && s->holds != NULL && s->waiting != NULL && s->reached != NULL);
    s->watch = (struct heap_watch){.ctx = s, .recount = shape_recount};
    heap_add_watch(s->w.heap, &s->watch);
    heap_set_tidy(s->w.heap, &(struct heap_tidy){.purge_decay_ms = (uint32_t)(seed % 3), .pack_used_pct = seed % 5 == 0 ? 25 : 100});
    make[kind](s, n);
}

static inline void shape_end(struct shape *s)
{
    for (uint32_t i = 0; i < s->count; i++)
        while (s->holds[i] > 0)
            shape_let_go(s, i);
    heap_remove_watch(s->w.heap, &s->watch);
    gc_world_free(&s->w);
    free(s->ids);
    free(s->holds);
    free(s->waiting);
    free(s->reached);
    free(s->node_of);
}

/* ---- who lives ---- */

/* The node that a link leads to: it must be the object it was made as, and alive. */
static inline uint32_t shape_node(const struct shape *s, obj_id id)
{
    uint32_t slot = (uint32_t)(id & SLOT_MAX), node;

    MUST(slot < s->slot_room && s->node_of[slot] != 0);
    node = s->node_of[slot] - 1;
    MUST(s->ids[node] == id); /* another tenant otherwise: the one that was linked has been freed */
    MUST(shape_lives(s, node));
    return node;
}

static inline void shape_wait(struct shape *s, uint32_t node, uint32_t *waiting, uint32_t *found)
{
    uint64_t bit = UINT64_C(1) << node % 64;

    if (s->reached[node / 64] & bit)
        return;
    s->reached[node / 64] |= bit;
    s->waiting[(*waiting)++] = node;
    ++*found;
}

/* Everything that the test holds, and all that it links: alive, each. How many. `also`: one more that is held by other
 * means; UINT32_MAX: none. */
static inline uint32_t shape_flood(struct shape *s, uint32_t also)
{
    uint32_t waiting = 0, found = 0;
    struct part part;

    memset(s->reached, 0, (s->room / 64 + 1) * sizeof *s->reached);
    for (uint32_t i = 0; i < s->count; i++)
        if (s->holds[i] > 0 || i == also)
            shape_wait(s, shape_node(s, s->ids[i]), &waiting, &found);
    while (waiting > 0) {
        struct part_cursor cursor = {0};
        obj_id id = s->ids[s->waiting[--waiting]];

        while (heap_next_part(s->w.heap, id, &cursor, &part))
            if (part.value.kind == VALUE_LINK)
                shape_wait(s, shape_node(s, part.value.id), &waiting, &found);
    }
    return found;
}

/* ---- steps ---- */

/* As much as one step may give back: units, each up to a leaf of values or some cells, and what lies in one pool. */
static inline void shape_bounds(const struct heap_stats *before, const struct heap_stats *after, size_t units)
{
    MUST(before->links - after->links <= (units + 1) * 128 || after->links > before->links);
    MUST(before->doomed <= after->doomed || before->doomed - after->doomed <= 4 * units + POOL_CELLS);
}

static inline void shape_tidy(struct shape *s)
{
    if (!s->tidies || shape_dice(s, 4) != 0)
        return;
    heap_tell_time(s->w.heap, s->heap_ms += shape_dice(s, 3));
    if (shape_dice(s, 20) == 0)
        heap_tidy_now(s->w.heap); /* small heaps waste too little to be packed by themselves */
    (void)heap_pack(s->w.heap, 1 + shape_dice(s, shapes_are_full() ? 20000 : 200));
    (void)heap_purge(s->w.heap, 1 + shape_dice(s, 16));
}

/* One step, and some tidying. */
static inline void shape_step(struct shape *s, size_t units)
{
    struct heap_stats before = *heap_counters(s->w.heap);

    MUST(gc_step(s->w.gc, units) <= units);
    shape_bounds(&before, heap_counters(s->w.heap), units);
    shape_tidy(s);
}

/* Units of a step, so that each phase takes some: many small ones, or one unit if it is a small shape. */
static inline size_t shape_units(struct shape *s)
{
    size_t n = s->count;

    return n < 300 ? 1 + shape_dice(s, 3) : n / 300 + 1 + shape_dice(s, 64);
}
