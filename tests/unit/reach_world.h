/*
 * reach_world.h - for tests of walks (heap/graph/): random graphs with some of everything, what a naive search through them
 * finds, asking the heap only by its public face, and whether what a walk says agrees.
 */
#pragma once
#include "heap/graph/chain.h"
#include "heap/graph/retained.h"
#include "tests/unit/gc_world.h"

#define GRAPH_MAX 96
#define SCOPES 3
#define SESSIONS 3
#define ROOTS 4
#define WIDE_FIELDS 40 /* more than a record has slots */
#define LONG_ITEMS 300 /* of a list of several leaves */

struct graph {
    struct world w;
    struct reach_outside outside;
    uint64_t dice;
    obj_id object[GRAPH_MAX]; /* of those that were ever made; some may be dead */
    uint32_t count;
    struct scope *scope[SCOPES];
    uint32_t in_scope[SCOPES];
    session_id session[SESSIONS];
};

static bool next_garbage(void *gc, uint32_t *cursor, obj_id *ret)
{
    return gc_next_garbage(gc, cursor, ret);
}

static bool is_garbage(void *gc, obj_id id)
{
    return gc_is_garbage(gc, id);
}

static inline uint32_t below(struct graph *g, uint32_t n)
{
    return unit_rand_below(&g->dice, n);
}

/* A live one; 0: none was found. */
static inline obj_id any(struct graph *g)
{
    for (int i = 0; i < 32 && g->count > 0; i++) {
        obj_id id = g->object[below(g, g->count)];

        if (lives(&g->w, id))
            return id;
    }
    return 0;
}

/* ---- changes ---- */

static inline void name_field(char name[16], uint32_t n)
{
    snprintf(name, 16, "f%u", n);
}

static inline void link_any(struct graph *g, obj_id from, obj_id to)
{
    char name[16];
    struct value v = below(g, 8) == 0 ? weak(to) : value_link(to);

    switch (info(&g->w, from).kind) {
    case HEAP_RECORD:
        name_field(name, below(g, below(g, 4) == 0 ? WIDE_FIELDS : 3));
        set(&g->w, from, name, v);
        break;
    case HEAP_LIST:
        push(&g->w, from, v);
        break;
    case HEAP_BYTES:
        break;
    }
}

static inline void unlink_any(struct graph *g, obj_id from)
{
    struct object_info i = info(&g->w, from);
    struct part_cursor cursor = {0};
    struct part part;
    char name[NAME_BYTES_MAX + 1];

    if (i.kind == HEAP_BYTES || i.parts == 0)
        return;
    for (uint64_t n = below(&*g, (uint32_t)i.parts) + 1; n > 0; n--)
        MUST(heap_next_part(g->w.heap, from, &cursor, &part));
    if (i.kind == HEAP_LIST) {
        OK(heap_delete_item(g->w.heap, from, part.index, &why));
        return;
    }
    memcpy(name, part.name.data, part.name.len);
    name[part.name.len] = '\0';
    unset_field(&g->w, from, name);
}

static inline obj_id make_any(struct graph *g)
{
    struct world *w = &g->w;
    uint32_t kind = below(g, 16);
    char name[16];
    obj_id id;

    if (kind == 0)
        return new_bytes(w, 10, 'x');
    if (kind < 4) {
        id = new_list(w);
        for (uint32_t i = below(g, kind == 1 ? LONG_ITEMS : 3); i > 0; i--)
            push(w, id, value_int(i));
        return id;
    }
    id = new_record_of(w, kind < 10 ? "Node" : "Other");
    for (uint32_t i = 0; kind == 4 && i < WIDE_FIELDS; i++) {
        name_field(name, i);
        set(w, id, name, value_int(i));
    }
    return id;
}

static inline void root_any(struct graph *g, obj_id id)
{
    char name[16];

    name_field(name, below(g, ROOTS));
    root(&g->w, name, id);
}

static inline void unroot_any(struct graph *g)
{
    char name[16];
    obj_id id;

    name_field(name, below(g, ROOTS));
    if (root_get(g->w.heap, slice_of(name), &id, NULL) == ERR_OK)
        unroot(&g->w, name);
}

static inline void hold_any(struct graph *g, obj_id id)
{
    session_id s = g->session[below(g, SESSIONS)];

    if (session_holds(g->w.sessions, s, id))
        OK(session_drop(g->w.sessions, s, id, &why));
    else
        OK(session_hold(g->w.sessions, s, id, &why));
}

static inline void scope_any(struct graph *g, obj_id id)
{
    uint32_t s = below(g, SCOPES);

    if (g->scope[s] != NULL && below(g, 3) == 0) {
        while (scope_close(&g->scope[s], 100) == 0)
            ;
        return;
    }
    if (g->scope[s] == NULL) {
        g->scope[s] = scope_open(g->w.heap);
        g->in_scope[s] = 0;
    }
    MUST(g->scope[s] != NULL);
    OK(scope_hold(g->scope[s], g->in_scope[s]++, id, &why));
}

/* One change of many kinds; those that are held by nothing die of it. */
static inline void change(struct graph *g)
{
    obj_id a = any(g), b = any(g);

    if (a == 0 || b == 0)
        return;
    switch (below(g, 12)) {
    case 0: case 1: case 2: case 3:
        link_any(g, a, b);
        break;
    case 4: case 5: case 6:
        unlink_any(g, a);
        break;
    case 7:
        root_any(g, a);
        break;
    case 8:
        unroot_any(g);
        break;
    case 9:
        hold_any(g, a);
        break;
    case 10:
        scope_any(g, a);
        break;
    case 11:
        if (g->count == GRAPH_MAX)
            break;
        a = g->object[g->count++] = make_any(g);
        link_any(g, b, a); /* b may have been held by a link of its own, that is overwritten */
        if (lives(&g->w, b))
            link_any(g, a, b);
        let_go(&g->w, a);
    }
    (void)heap_reap(g->w.heap, below(g, 4));
}

/* ---- life ---- */

/* Some stay on the garbage list: cycles that were collected while save-all was on. */
static inline void make_garbage(struct graph *g)
{
    set_save_all(&g->w, true);
    (void)collect(&g->w, 2);
    set_save_all(&g->w, false);
}

/* Pools with few objects are packed: others lie between them, and go. */
static inline void pack_some(struct graph *g, const obj_id others[], uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        let_go(&g->w, others[i]);
    world_reap(&g->w);
    world_tidy(&g->w);
}

enum { OTHERS = 3000 };

static inline struct graph *graph_new(uint64_t seed)
{
    static const char *const tokens[] = {"0123456789abcdef0123456789abcdef", "1123456789abcdef0123456789abcdef"};
    struct graph *g = calloc(1, sizeof *g);
    obj_id *others = calloc(OTHERS, sizeof *others);
    uint32_t made, other_count = 0;

    g->w = gc_world_new();
    g->dice = seed;
    g->outside = (struct reach_outside){g->w.sessions, g->w.gc, next_garbage, is_garbage};
    for (int i = 0; i + 1 < SESSIONS; i++)
        OK(session_open(g->w.sessions, 60, SLICE("one"), slice_of(tokens[i]), 0, &g->session[i + 1], &why));
    made = 2 + below(g, GRAPH_MAX / 2);
    for (bool packs = below(g, 8) == 0; packs && other_count < OTHERS; other_count++)
        others[other_count] = new_record(&g->w);
    for (; g->count < made; g->count++)
        g->object[g->count] = make_any(g);
    for (uint32_t i = below(g, 3 * made); i > 0; i--)
        link_any(g, any(g), any(g));
    for (uint32_t i = below(g, 4); i > 0; i--)
        root_any(g, any(g));
    for (uint32_t i = below(g, 3); i > 0; i--)
        hold_any(g, any(g));
    for (uint32_t i = below(g, 3); i > 0; i--)
        scope_any(g, any(g));
    for (uint32_t i = 0; i < made; i++)
        let_go(&g->w, g->object[i]);
    if (below(g, 4) == 0)
        make_garbage(g);
    if (other_count > 0)
        pack_some(g, others, other_count);
    free(others);
    return g;
}

static inline void graph_free(struct graph *g)
{
    for (int i = 0; i < SCOPES; i++)
        while (scope_close(&g->scope[i], 100) == 0)
            ;
    world_reap(&g->w);
    gc_world_free(&g->w);
    free(g);
}

/* ---- what a naive search finds ---- */

#define FAR UINT32_MAX

struct naive {
    uint32_t count;
    obj_id id[GRAPH_MAX + 8];
    uint32_t distance[GRAPH_MAX + 8]; /* holders on the way from outside, without passing through the target; FAR: none */
    uint32_t holders;                 /* of the target: who is outside, and objects that are reached ... */
    uint32_t length[GRAPH_MAX + 64];  /* ... and how long their chains are, ascending */
    uint64_t objects, bytes;          /* retained */
};

static inline uint32_t place_of(const struct naive *n, obj_id id)
{
    uint32_t i = 0;

    while (i < n->count && n->id[i] != id)
        i++;
    return i;
}

static inline void come_to(struct naive *n, obj_id id, obj_id target, uint32_t distance, bool *again)
{
    uint32_t i = place_of(n, id);

    if (id == target || i == n->count || n->distance[i] <= distance)
        return;
    n->distance[i] = distance;
    *again = true;
}

static inline void hold_outside(struct naive *n, obj_id id, obj_id target)
{
    bool again;

    if (id == target)
        n->length[n->holders++] = 1;
    come_to(n, id, target, 1, &again);
}

/* What is held from outside. A batch holds as one, however often. */
static inline void find_outside(const struct graph *g, struct naive *n, obj_id target)
{
    struct slice name;
    struct session_info s;
    obj_id id;
    bool by_batch = false;

    for (uint32_t c = 0; root_next(g->w.heap, &c, &name, &id);)
        hold_outside(n, id, target);
    for (uint32_t c = 0; session_next(g->w.sessions, &c, &s);)
        for (uint32_t h = UINT32_MAX; session_next_hold(g->w.sessions, s.id, &h, &id);)
            hold_outside(n, id, target);
    for (const struct scope *scope = heap_next_scope(g->w.heap, NULL); scope != NULL; scope = heap_next_scope(g->w.heap, scope))
        for (uint32_t e = 0; e < scope_end(scope); e++) {
            if (scope_get(scope, e) != target || !by_batch)
                hold_outside(n, scope_get(scope, e), target);
            by_batch |= scope_get(scope, e) == target;
        }
    for (uint32_t c = UINT32_MAX; gc_next_garbage(g->w.gc, &c, &id);)
        hold_outside(n, id, target);
}

static inline int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static inline bool links_to(const struct graph *g, obj_id from, obj_id to)
{
    struct part_cursor cursor = {0};
    struct part part;

    while (heap_next_part(g->w.heap, from, &cursor, &part))
        if (part.value.kind == VALUE_LINK && part.value.id == to)
            return true;
    return false;
}

static inline void spread(const struct graph *g, struct naive *n, obj_id target)
{
    bool again = true;

    while (again) {
        again = false;
        for (uint32_t i = 0; i < n->count; i++) {
            struct part_cursor cursor = {0};
            struct part part;

            while (n->distance[i] != FAR && heap_next_part(g->w.heap, n->id[i], &cursor, &part))
                if (part.value.kind == VALUE_LINK)
                    come_to(n, part.value.id, target, n->distance[i] + 1, &again);
        }
    }
}

/* What the target reaches, and the search from outside has not. */
static inline void retain(const struct graph *g, struct naive *n, obj_id target)
{
    bool mine[GRAPH_MAX + 8] = {false}, again = true;

    mine[place_of(n, target)] = true;
    while (again) {
        again = false;
        for (uint32_t i = 0; i < n->count; i++)
            for (uint32_t j = 0; mine[i] && j < n->count; j++)
                if (!mine[j] && n->distance[j] == FAR && links_to(g, n->id[i], n->id[j]))
                    mine[j] = again = true;
    }
    for (uint32_t i = 0; i < n->count; i++)
        if (mine[i]) {
            struct object_info info;

            MUST(heap_info(g->w.heap, n->id[i], &info, NULL) == ERR_OK);
            n->objects++;
            n->bytes += info.bytes;
        }
}

static inline struct naive naive_search(const struct graph *g, obj_id target)
{
    struct naive n = {0};

    for (slot_t slot = 0;;) {
        obj_id id = heap_next_object(g->w.heap, &slot, SIZE_MAX);

        if (id == 0)
            break;
        MUST(n.count < ARRAY_LEN(n.id));
        n.distance[n.count] = FAR;
        n.id[n.count++] = id;
    }
    find_outside(g, &n, target);
    spread(g, &n, target);
    for (uint32_t i = 0; i < n.count; i++)
        if (n.distance[i] != FAR && n.id[i] != target && links_to(g, n.id[i], target))
            n.length[n.holders++] = n.distance[i] + 1;
    qsort(n.length, n.holders, sizeof n.length[0], ascending);
    retain(g, &n, target);
    return n;
}

/* ---- what a walk says ---- */

static inline struct reach *reach_new(struct graph *g, obj_id target, uint32_t holders_max)
{
    struct reach *r = NULL;

    OK(reach_begin(g->w.heap, &g->outside, target, holders_max, &r, &why));
    return r;
}

static inline void reach_free(struct reach **r)
{
    while (reach_end(r, 1) == 0)
        ;
    MUST(*r == NULL);
}

/* As it is now, does that holder hold the object? */
static inline bool link_is_true(const struct graph *g, const struct chain_link *l, obj_id held)
{
    struct value v = {.kind = VALUE_NULL};
    uint32_t entry;
    obj_id id = 0;

    switch (l->by) {
    case REACHED_BY_OBJECT:
        if (l->part.name.data != NULL ? heap_get_field(g->w.heap, l->id, l->part.name, &v, NULL) != ERR_OK
                                      : heap_get_item(g->w.heap, l->id, l->part.index, &v, NULL) != ERR_OK)
            return false;
        return v.kind == VALUE_LINK && v.id == held;
    case REACHED_BY_ROOT:
        return root_get(g->w.heap, l->part.name, &id, NULL) == ERR_OK && id == held;
    case REACHED_BY_SESSION:
        return session_holds(g->w.sessions, l->session, held);
    case REACHED_BY_BATCH:
        for (const struct scope *s = heap_next_scope(g->w.heap, NULL); s != NULL; s = heap_next_scope(g->w.heap, s))
            if (entry = 0, scope_find(s, held, &entry, SIZE_MAX))
                return true;
        return false;
    case REACHED_BY_GARBAGE:
        return gc_is_garbage(g->w.gc, held);
    default:
        return false;
    }
}
