/*
 * dominators.c - see dominators.h.
 *
 * A node's *number* is its place in the preorder of a depth-first search, 0 for the root; the search works with numbers,
 * since "is an ancestor" is then "is less" in all that matters. What is found is told by node.
 *
 *     number --> turn --> climb --> leap --> sum --> tree
 *
 *   number   the depth-first search: parent by number
 *   turn     the links the other way round, from number to number; by node, since what was made together mostly lies
 *            together, and the caches hold it
 *   climb    semidominators, from the last number to the first: the least number that the links into a node come from, or
 *            that those among its later-numbered predecessors' ancestors have that were done before; their paths up are
 *            made shorter each time one is climbed
 *   leap     immediate dominators, from the first number to the last
 *   sum      what each retains, from the last number to the first
 *   tree     the children of each, sorted
 *
 * Whatever is needed for a while only lies where later something else will lie that stays (struct dominators says what), so
 * all this takes 28 bytes a node that stay, and 12 a node and 4 a link that do not.
 */
#include "heap/graph/dominators.h"
#include "heap/base/bits.h"
#include "heap/base/check.h"
#include <stdatomic.h>
#include <string.h>

#define DOMINATORS_MAGIC 0xd0310001u
#define TELL_UNITS       8192u /* links between two looks at whether anybody wants it still */
#define AHEAD            40u   /* links: how early memory is asked for */
#define DIGIT_BITS       11u   /* of what is retained, sorted by in one pass */
#define DIGITS           (1u << DIGIT_BITS)

/* A node while others climb over it. */
struct rung {
    uint32_t up;  /* an ancestor: its parent, or one further up once the path has been made shorter */
    uint32_t low; /* the least semidominator from it to below `up` */
};

struct dominators {
    uint32_t magic;
    bool settled;
    struct mem *mem;
    struct dominators_graph g;
    uint32_t reached;
    uint32_t unreached_objects;
    uint64_t unreached_bytes;

    atomic_bool unwanted;
    _Atomic uint64_t told; /* units that are done, as others see it ... */
    uint64_t untold;       /* ... and those since */

    /* what stays, by node, and what lies there before; (n) is by number */
    union {
        uint32_t *parent;  /* of the tree */
        uint32_t *semi;    /* (n) climb, leap */
    };
    union {
        uint32_t *objects;
        uint32_t *base;    /* (n) number: how high `todo` was before it put its own there */
        uint32_t *path;    /* climb: down which it goes back */
    };
    union {
        uint32_t *first;   /* of its children in `order` */
        uint32_t *number;  /* number, turn; DOMINATORS_NONE: not reached */
        uint32_t *jump;    /* (n) leap: an ancestor further up */
    };
    union {
        uint32_t *count;   /* of its children */
        uint32_t *depth;   /* (n) leap: in the tree */
    };
    union {
        uint32_t *order;
        uint32_t *into;    /* turn: how many links lead into it, then where the next of them goes */
    };
    union {
        uint64_t *bytes;   /* retained */
        struct rung *rung; /* (n) number (up: the parent), climb */
    };

    /* what is given back */
    uint32_t *node;       /* (n) of a number; tree: half of the sorting */
    uint32_t *idom;       /* (n) leap, sum: the immediate dominator; before, the parent in the search */
    union {
        uint32_t *first_from; /* (n) turn, climb: of those that link to it; tree: half of the sorting */
        uint64_t *seen;       /* number: a bit a node */
    };
    union {
        uint32_t *from;   /* numbers of those that link to one */
        uint32_t *todo;   /* number: a stack of nodes to visit; each link puts one there at most */
    };
};

/* ---- its life ---- */

static size_t row_bytes(const struct dominators_graph *g)
{
    return (size_t)g->node_count * sizeof(uint32_t);
}

static size_t first_from_bytes(const struct dominators_graph *g)
{
    return row_bytes(g) + sizeof(uint32_t);
}

/* One more, so that no links at all are something too. */
static size_t from_bytes(const struct dominators_graph *g)
{
    return ((size_t)g->edge_count + 1) * sizeof(uint32_t);
}

size_t dominators_settled_bytes(const struct dominators_graph *g)
{
    return sizeof(struct dominators) + 7 * row_bytes(g);
}

size_t dominators_bytes(const struct dominators_graph *g)
{
    return dominators_settled_bytes(g) + 2 * row_bytes(g) + first_from_bytes(g) + from_bytes(g);
}

static bool alloc_tables(struct dominators *d)
{
    size_t row = row_bytes(&d->g);
    uint32_t **rows[] = {&d->parent, &d->objects, &d->first, &d->count, &d->order, &d->node, &d->idom};

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if ((*rows[i] = mem_alloc(d->mem, row)) == NULL)
            return false;
    return (d->bytes = mem_alloc(d->mem, 2 * row)) != NULL &&
           (d->first_from = mem_alloc(d->mem, first_from_bytes(&d->g))) != NULL &&
           (d->from = mem_alloc(d->mem, from_bytes(&d->g))) != NULL;
}

enum err dominators_create(struct mem *mem, const struct dominators_graph *g, struct dominators **ret, struct why *why)
{
    struct dominators *d = mem_zalloc(mem, sizeof *d);

    CHECK(g->node_count > 0 && g->object_count < g->node_count && g->edge_count == g->first_edge[g->node_count]);
    if (d != NULL) {
        d->magic = DOMINATORS_MAGIC;
        d->mem = mem;
        d->g = *g;
        if (alloc_tables(d)) {
            *ret = d;
            return ERR_OK;
        }
        dominators_destroy(&d);
    }
    return why_set(why, ERR_NOMEM, "no memory for %zu bytes of a dominator tree of %u nodes", dominators_bytes(g),
                   g->node_count);
}

static void free_row(struct dominators *d, uint32_t **row, size_t size)
{
    mem_free(d->mem, *row, size);
    *row = NULL;
}

void dominators_settle(struct dominators *d)
{
    CHECK_IS(d, DOMINATORS_MAGIC);
    d->settled = true;
    free_row(d, &d->node, row_bytes(&d->g));
    free_row(d, &d->idom, row_bytes(&d->g));
    free_row(d, &d->first_from, first_from_bytes(&d->g));
    free_row(d, &d->from, from_bytes(&d->g));
}

void dominators_destroy(struct dominators **pd)
{
    struct dominators *d = *pd;

    *pd = NULL;
    if (d == NULL)
        return;
    CHECK_IS(d, DOMINATORS_MAGIC);
    if (!d->settled)
        dominators_settle(d);
    free_row(d, &d->parent, row_bytes(&d->g));
    free_row(d, &d->objects, row_bytes(&d->g));
    free_row(d, &d->first, row_bytes(&d->g));
    free_row(d, &d->count, row_bytes(&d->g));
    free_row(d, &d->order, row_bytes(&d->g));
    mem_free(d->mem, d->bytes, 2 * row_bytes(&d->g));
    d->magic = 0;
    mem_free(d->mem, d, sizeof *d);
}

/* ---- how far it is ---- */

void dominators_cancel(struct dominators *d)
{
    d->unwanted = true;
}

/* What the steps go on by if all is reached: number, turn and climb by each link and node, turn and tree by each node twice,
 * leap and sum once. */
static uint64_t units_all(const struct dominators_graph *g)
{
    return 3 * (uint64_t)g->edge_count + 8 * (uint64_t)g->node_count;
}

void dominators_progress(const struct dominators *d, uint64_t *ret_done, uint64_t *ret_all)
{
    *ret_done = d->told;
    *ret_all = units_all(&d->g);
}

static bool tell(struct dominators *d)
{
    d->told += d->untold;
    d->untold = 0;
    return !d->unwanted;
}

/* So much more is done; false: nobody wants the rest. */
static inline bool go_on(struct dominators *d, uint32_t units)
{
    d->untold += units;
    return d->untold < TELL_UNITS || tell(d);
}

/* ---- number ---- */

/* Give it the next number, and put what it leads to on the stack, its first link on top. */
static uint32_t visit(struct dominators *d, uint32_t node, uint32_t parent, uint32_t *height)
{
    const struct dominators_graph *g = &d->g;
    uint32_t n = d->reached++, first = g->first_edge[node];

    bits_add(d->seen, node);
    d->node[n] = node;
    d->number[node] = n;
    d->rung[n].up = parent;
    d->idom[n] = parent;
    d->base[n] = *height;
    for (uint32_t i = g->first_edge[node + 1]; i-- > first;) {
        uint32_t to = g->edge_to[i];

        if (bits_has(d->seen, to))
            continue;
        __builtin_prefetch(&g->first_edge[to]);
        d->todo[(*height)++] = to;
    }
    return n;
}

static bool number_nodes(struct dominators *d)
{
    const struct dominators_graph *g = &d->g;
    uint32_t at, height = 0;

    memset(d->seen, 0, first_from_bytes(g));
    memset(d->number, 0xff, row_bytes(g));
    at = visit(d, 0, 0, &height);
    while (height > 0) {
        uint32_t node = d->todo[--height];

        while (height < d->base[at])
            at = d->rung[at].up;
        if (bits_has(d->seen, node))
            continue;
        at = visit(d, node, at, &height);
        if (!go_on(d, 1 + g->first_edge[node + 1] - g->first_edge[node]))
            return false;
    }
    return true;
}

/* ---- turn ---- */

static bool count_into(struct dominators *d)
{
    const struct dominators_graph *g = &d->g;

    memset(d->into, 0, row_bytes(&d->g));
    for (uint32_t node = 0; node < g->node_count; node++) {
        if (d->number[node] == DOMINATORS_NONE)
            continue;
        for (uint32_t i = g->first_edge[node]; i < g->first_edge[node + 1]; i++)
            d->into[g->edge_to[i]]++;
    }
    return go_on(d, d->reached);
}

/* From how many lead into each node to where they will lie. Of `into` it is the end, which comes down to the first as they
 * are filled in. */
static void lay_out_from(struct dominators *d)
{
    uint32_t sum = 0;

    for (uint32_t n = 0; n < d->reached; n++) {
        d->first_from[n] = sum;
        sum += d->into[d->node[n]];
        d->into[d->node[n]] = sum;
    }
    d->first_from[d->reached] = sum;
}

static bool turn_links(struct dominators *d)
{
    const struct dominators_graph *g = &d->g;

    if (!count_into(d))
        return false;
    lay_out_from(d);
    for (uint32_t node = 0; node < g->node_count; node++) {
        uint32_t i = g->first_edge[node], end = g->first_edge[node + 1], n = d->number[node];

        if (n == DOMINATORS_NONE)
            continue;
        if (!go_on(d, 1 + end - i))
            return false;
        for (; i < end; i++)
            d->from[--d->into[g->edge_to[i]]] = n;
    }
    return true;
}

/* ---- climb ---- */

/* The least semidominator from `n` up to those below `done`, numbers that have none yet; n >= done. All on the way
 * then know it, and where the way ends. */
static uint32_t climb(struct dominators *d, uint32_t n, uint32_t done)
{
    struct rung *rung = d->rung;
    uint32_t steps = 0, low, up;

    for (; rung[n].up >= done; n = rung[n].up)
        d->path[steps++] = n;
    low = rung[n].low;
    up = rung[n].up;
    while (steps > 0) {
        struct rung *r = &rung[d->path[--steps]];

        r->up = up;
        r->low = low = r->low < low ? r->low : low;
    }
    return low;
}

static bool find_semis(struct dominators *d)
{
    for (uint32_t n = d->reached; n-- > 1;) {
        uint32_t semi = d->idom[n], end = d->first_from[n + 1];

        for (uint32_t i = d->first_from[n]; i < end; i++) {
            uint32_t from = d->from[i], low = from <= n ? from : climb(d, from, n + 1);

            __builtin_prefetch(&d->rung[d->from[i < AHEAD ? 0 : i - AHEAD]], 1);
            semi = low < semi ? low : semi;
        }
        d->semi[n] = d->rung[n].low = semi;
        if (!go_on(d, 1 + end - d->first_from[n]))
            return false;
    }
    return true;
}

/* ---- leap ---- */

/* The first from n upwards in the tree that is at or above `top`. */
static uint32_t leap(const struct dominators *d, uint32_t n, uint32_t top)
{
    while (n > top)
        n = d->jump[n] > top ? d->jump[n] : d->idom[n];
    return n;
}

/* n has got its place in the tree. Its jump is as long as its parent's and that one's together if those are equally long,
 * else it is a step: so from any depth some 2 log2 of it leaps lead anywhere above. */
static void place(struct dominators *d, uint32_t n)
{
    uint32_t idom = d->idom[n], once = d->jump[idom], twice = d->jump[once];
    bool equal = d->depth[idom] - d->depth[once] == d->depth[once] - d->depth[twice];

    d->depth[n] = d->depth[idom] + 1;
    d->jump[n] = equal ? twice : idom;
}

static bool find_idoms(struct dominators *d)
{
    d->depth[0] = d->jump[0] = 0;
    for (uint32_t n = 1; n < d->reached; n++) {
        d->idom[n] = leap(d, d->idom[n], d->semi[n]);
        place(d, n);
        if (!go_on(d, 1))
            return false;
    }
    return true;
}

/* ---- sum ---- */

static void begin_sums(struct dominators *d)
{
    const struct dominators_graph *g = &d->g;

    for (uint32_t node = 0; node < g->node_count; node++) {
        d->bytes[node] = g->bytes[node];
        d->objects[node] = node - 1 < g->object_count;
        d->parent[node] = DOMINATORS_NONE;
        d->unreached_bytes += g->bytes[node];
        d->unreached_objects += d->objects[node];
    }
}

static bool sum_up(struct dominators *d)
{
    begin_sums(d);
    for (uint32_t n = d->reached; n-- > 1;) {
        uint32_t node = d->node[n], parent = d->node[d->idom[n]];

        d->parent[node] = parent;
        d->bytes[parent] += d->bytes[node];
        d->objects[parent] += d->objects[node];
        if (!go_on(d, 1))
            return false;
    }
    d->unreached_bytes -= d->bytes[0];
    d->unreached_objects -= d->objects[0];
    return true;
}

/* ---- tree ---- */

/* Where the children of each will lie: the groups in the order of their parents' numbers, so that each node comes
 * after its parent; the root is a group of its own. */
static void lay_out_groups(struct dominators *d)
{
    uint32_t at = 1;

    memset(d->count, 0, row_bytes(&d->g));
    memset(d->first, 0, row_bytes(&d->g));
    for (uint32_t n = 1; n < d->reached; n++)
        d->count[d->parent[d->node[n]]]++;
    for (uint32_t n = 0; n < d->reached; n++) {
        d->first[d->node[n]] = at;
        at += d->count[d->node[n]];
    }
}

/* One pass: stable, by the digit that `shift` leads to, the largest first. */
static void sort_by_digit(const struct dominators *d, const uint32_t *from, uint32_t *to, uint32_t count, unsigned shift)
{
    uint32_t place[DIGITS] = {0}, sum = 0;

    for (uint32_t i = 0; i < count; i++)
        place[d->bytes[from[i]] >> shift & (DIGITS - 1)]++;
    for (uint32_t i = DIGITS; i-- > 0;) {
        sum += place[i];
        place[i] = sum - place[i];
    }
    for (uint32_t i = 0; i < count; i++)
        to[place[d->bytes[from[i]] >> shift & (DIGITS - 1)]++] = from[i];
}

/* All that have a parent, by what they retain. The result is one of the two tables. */
static const uint32_t *sort_nodes(struct dominators *d, uint32_t *ret_count)
{
    uint32_t *from = d->node, *to = d->first_from, count = 0;

    for (uint32_t node = 0; node < d->g.node_count; node++)
        if (d->parent[node] != DOMINATORS_NONE)
            from[count++] = node;
    for (unsigned shift = 0; shift < 64 && d->bytes[0] >> shift > 0; shift += DIGIT_BITS) {
        uint32_t *sorted = to;

        sort_by_digit(d, from, to, count, shift);
        to = from;
        from = sorted;
    }
    *ret_count = count;
    return from;
}

static bool build_tree(struct dominators *d)
{
    const uint32_t *sorted;
    uint32_t count;

    lay_out_groups(d);
    if (!go_on(d, d->reached))
        return false;
    sorted = sort_nodes(d, &count);
    d->order[0] = 0;
    for (uint32_t i = 0; i < count; i++)
        d->order[d->first[d->parent[sorted[i]]]++] = sorted[i];
    for (uint32_t node = 0; node < d->g.node_count; node++)
        d->first[node] -= d->count[node];
    return go_on(d, d->reached);
}

bool dominators_run(struct dominators *d)
{
    static bool (*const steps[])(struct dominators *) = {
        number_nodes, turn_links, find_semis, find_idoms, sum_up, build_tree,
    };

    CHECK_IS(d, DOMINATORS_MAGIC);
    CHECK(!d->settled && d->reached == 0);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++)
        if (!steps[i](d))
            return false;
    CHECK(d->told + d->untold <= units_all(&d->g));
    d->told = units_all(&d->g);
    return true;
}

/* ---- what was found ---- */

uint32_t dominators_reached(const struct dominators *d)
{
    return d->reached;
}

uint64_t dominators_unreached_bytes(const struct dominators *d)
{
    return d->unreached_bytes;
}

uint32_t dominators_unreached_objects(const struct dominators *d)
{
    return d->unreached_objects;
}

uint32_t dominators_parent(const struct dominators *d, uint32_t node)
{
    CHECK(node < d->g.node_count);
    return d->parent[node];
}

uint64_t dominators_retained_bytes(const struct dominators *d, uint32_t node)
{
    CHECK(node < d->g.node_count);
    return d->bytes[node];
}

uint32_t dominators_retained_objects(const struct dominators *d, uint32_t node)
{
    CHECK(node < d->g.node_count);
    return d->objects[node];
}

const uint32_t *dominators_children(const struct dominators *d, uint32_t node, uint32_t *ret_count)
{
    CHECK(node < d->g.node_count);
    *ret_count = d->count[node];
    return d->order + d->first[node];
}

const uint32_t *dominators_order(const struct dominators *d)
{
    return d->order;
}
