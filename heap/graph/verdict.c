/* verdict.c - see verdict.h. */
#include "heap/graph/verdict.h"
#include "heap/base/check.h"
#include <string.h>

/* What all tops of one class, or all sessions of one label, are together, but for those that are suspects by themselves. */
struct group {
    uint64_t weight, bytes;
    uint32_t objects, count;
    uint32_t largest;
};

struct trial {
    struct mem *mem;
    struct tree now, then;
    uint64_t threshold;
    uint64_t *gained;        /* of a node of `now`; NULL: there is nothing to hold it against */
    uint32_t *node_then;     /* a table of the nodes of `then`, by id; 0: free */
    uint32_t node_then_mask;
    struct group *groups;    /* by class; then by label */
    uint32_t *up, *order;    /* shortest paths: the node before, and all nodes, the nearest first */
    uint32_t *sampled;       /* how many of a group are reached through it */
    struct suspect *suspects;
    uint32_t count;
};

/* ---- memory ---- */

/* Room for twice as many. */
static uint32_t table_size(const struct frozen *f)
{
    uint32_t size = 16;

    while (size < 2 * (uint64_t)f->node_count && size < 1u << 31)
        size *= 2;
    return size;
}

static size_t group_count(const struct frozen *f)
{
    return 2 * (size_t)f->string_count;
}

size_t verdict_bytes(struct tree now, struct tree then)
{
    size_t bytes = group_count(now.f) * sizeof(struct group) + 3 * (size_t)now.f->node_count * sizeof(uint32_t);

    if (then.f != NULL)
        bytes += now.f->node_count * sizeof(uint64_t) + table_size(then.f) * sizeof(uint32_t);
    return bytes;
}

static bool alloc_tables(struct trial *t)
{
    size_t row = t->now.f->node_count * sizeof(uint32_t);

    t->groups = mem_zalloc(t->mem, group_count(t->now.f) * sizeof *t->groups);
    t->up = mem_alloc(t->mem, row);
    t->order = mem_alloc(t->mem, row);
    t->sampled = mem_alloc(t->mem, row);
    if (t->then.f != NULL) {
        t->gained = mem_alloc(t->mem, 2 * row);
        t->node_then = mem_zalloc(t->mem, table_size(t->then.f) * sizeof *t->node_then);
    }
    return t->groups != NULL && t->up != NULL && t->order != NULL && t->sampled != NULL &&
           (t->then.f == NULL || (t->gained != NULL && t->node_then != NULL));
}

static void free_tables(struct trial *t)
{
    size_t row = t->now.f->node_count * sizeof(uint32_t);

    mem_free(t->mem, t->groups, group_count(t->now.f) * sizeof *t->groups);
    mem_free(t->mem, t->up, row);
    mem_free(t->mem, t->order, row);
    mem_free(t->mem, t->sampled, row);
    if (t->then.f != NULL) {
        mem_free(t->mem, t->gained, 2 * row);
        mem_free(t->mem, t->node_then, table_size(t->then.f) * sizeof *t->node_then);
    }
}

/* ---- what each has gained ---- */

static bool is_same(const struct frozen *f, uint32_t node, const struct frozen *g, uint32_t other)
{
    return f->id[node] == g->id[other] && frozen_is_object(f, node) == frozen_is_object(g, other);
}

/* Where a node with this id is in the table, or would be. Ids are ours: nobody chooses them so that they collide. */
static uint32_t *place_then(struct trial *t, const struct frozen *f, uint32_t node)
{
    uint32_t at = (uint32_t)((f->id[node] * UINT64_C(0x9e3779b97f4a7c15)) >> 32);

    while (t->node_then[at & t->node_then_mask] != 0 && !is_same(f, node, t->then.f, t->node_then[at & t->node_then_mask]))
        at++;
    return &t->node_then[at & t->node_then_mask];
}

/* What holds has no id, but for sessions, and is no top: what it has gained says nothing. */
static void find_gains(struct trial *t)
{
    const struct frozen *now = t->now.f, *then = t->then.f;

    t->node_then_mask = table_size(then) - 1;
    for (uint32_t node = 1; node < then->node_count; node++)
        if (frozen_is_object(then, node) || frozen_label_of(then, node)->kind == FROZEN_SESSION)
            *place_then(t, then, node) = node;
    t->gained[0] = 0;
    for (uint32_t node = 1; node < now->node_count; node++) {
        uint32_t before = *place_then(t, now, node);
        uint64_t had = before == 0 ? 0 : dominators_retained_bytes(t->then.d, before);
        uint64_t has = dominators_retained_bytes(t->now.d, node);

        t->gained[node] = has > had ? has - had : 0;
    }
}

static uint64_t weight_of(const struct trial *t, uint32_t node)
{
    return t->gained != NULL ? t->gained[node] : dominators_retained_bytes(t->now.d, node);
}

/* ---- where it has accumulated ---- */

/* Children are sorted by what they retain. */
static uint32_t heaviest_child(const struct trial *t, uint32_t node)
{
    uint32_t count, best = 0;
    const uint32_t *child = dominators_children(t->now.d, node, &count);

    for (uint32_t i = 0; i < count && (i == 0 || t->gained != NULL); i++)
        if (best == 0 || weight_of(t, child[i]) > weight_of(t, best))
            best = child[i];
    return best;
}

static uint32_t class_of(const struct trial *t, uint32_t node)
{
    return frozen_label_of(t->now.f, node)->class;
}

/* Weights are bytes of a heap: a hundred times as many fit into 64 bits. */
static bool is_most_of(uint64_t child, uint64_t parent)
{
    return child > 0 && child * 100 >= parent * SUSPECT_DROP_PCT;
}

static void go_down(const struct trial *t, struct suspect *s)
{
    uint32_t at = s->node, first = at, first_depth = 0, depth = 0, child;

    while ((child = heaviest_child(t, at)) != 0 && is_most_of(weight_of(t, child), weight_of(t, at))) {
        depth++;
        if (class_of(t, child) != class_of(t, at)) {
            first = child;
            first_depth = depth;
        }
        at = child;
        if (depth == SUSPECT_DEPTH_MAX) {
            at = first;
            depth = first_depth;
            break;
        }
    }
    s->point = at;
    s->depth = depth;
}

/* The class that more than half of those have that the point dominates: the only one that outlives all others, each of
 * them taking one of another with it (Boyer and Moore, 1981). */
static void look_at_point(const struct trial *t, struct suspect *s)
{
    uint32_t count, left = 0, votes = 0;
    const uint32_t *child = dominators_children(t->now.d, s->point, &count);

    s->at_point = count;
    count = count < SUSPECT_SAMPLES ? count : SUSPECT_SAMPLES;
    for (uint32_t i = 0; i < count; i++) {
        if (left == 0)
            s->at_class = class_of(t, child[i]);
        left += class_of(t, child[i]) == s->at_class ? 1u : UINT32_MAX;
    }
    for (uint32_t i = 0; i < count; i++)
        votes += class_of(t, child[i]) == s->at_class;
    if (votes <= count / 2)
        s->at_class = 0;
}

/* ---- of a group ---- */

static void find_paths(struct trial *t)
{
    const struct frozen *f = t->now.f;
    uint32_t count = 1;

    memset(t->up, 0xff, f->node_count * sizeof *t->up);
    t->up[0] = t->order[0] = 0;
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t e = f->first_edge[t->order[i]]; e < f->first_edge[t->order[i] + 1]; e++) {
            uint32_t to = f->edge_to[e];

            if (t->up[to] != DOMINATORS_NONE)
                continue;
            t->up[to] = t->order[i];
            t->order[count++] = to;
        }
    CHECK(count == dominators_reached(t->now.d));
}

static bool is_container(enum frozen_kind kind)
{
    return kind >= FROZEN_OUTSIDE && kind != FROZEN_SESSION;
}

/* Calls for each top; all lie close below the outside. */
static void each_top(struct trial *t, void (*visit)(struct trial *t, uint32_t node, uint32_t *ctx), uint32_t *ctx)
{
    const uint32_t *order = dominators_order(t->now.d);
    uint32_t count = dominators_reached(t->now.d);

    for (uint32_t i = 1; i < count; i++) {
        uint32_t parent = dominators_parent(t->now.d, order[i]);

        if (is_container(frozen_label_of(t->now.f, parent)->kind) && !is_container(frozen_label_of(t->now.f, order[i])->kind))
            visit(t, order[i], ctx);
    }
}

/* A class and a label may be the same string. */
static uint32_t group_of(const struct trial *t, uint32_t node)
{
    return class_of(t, node) + (frozen_is_object(t->now.f, node) ? 0 : t->now.f->string_count);
}

/* ctx: the group, and how many have been taken. */
static void sample_top(struct trial *t, uint32_t node, uint32_t *ctx)
{
    if (group_of(t, node) == ctx[0] && weight_of(t, node) <= t->threshold &&
        ctx[1] < SUSPECT_SAMPLES) {
        t->sampled[node]++;
        ctx[1]++;
    }
}

/* The farthest node through which the shortest paths to most of a group lead. */
static void find_common(struct trial *t, struct suspect *s)
{
    uint32_t ctx[2] = {group_of(t, s->node), 0}, reached = dominators_reached(t->now.d);

    memset(t->sampled, 0, t->now.f->node_count * sizeof *t->sampled);
    each_top(t, sample_top, ctx);
    for (uint32_t i = reached; i-- > 1;)
        t->sampled[t->up[t->order[i]]] += t->sampled[t->order[i]];
    for (uint32_t i = reached; i-- > 0;)
        if ((uint64_t)t->sampled[t->order[i]] * 100 > (uint64_t)ctx[1] * SUSPECT_SHARE_PCT) {
            s->point = t->order[i];
            return;
        }
}

/* ---- suspects ---- */

static uint64_t suspect_weight(const struct trial *t, const struct suspect *s)
{
    return t->gained != NULL ? s->gained : s->bytes;
}

/* In its place; the lightest falls out when there are too many. */
static void add_suspect(struct trial *t, struct suspect s)
{
    uint32_t i = t->count;

    if (t->count < SUSPECTS_MAX)
        t->count++;
    else if (suspect_weight(t, &t->suspects[--i]) >= suspect_weight(t, &s))
        return;
    for (; i > 0 && suspect_weight(t, &t->suspects[i - 1]) < suspect_weight(t, &s); i--)
        t->suspects[i] = t->suspects[i - 1];
    t->suspects[i] = s;
}

static void judge_top(struct trial *t, uint32_t node, uint32_t *ctx)
{
    struct group *g = &t->groups[group_of(t, node)];
    uint64_t weight = weight_of(t, node), bytes = dominators_retained_bytes(t->now.d, node);
    uint32_t objects = dominators_retained_objects(t->now.d, node);

    (void)ctx;
    if (weight > t->threshold) {
        add_suspect(t, (struct suspect){.node = node, .bytes = bytes, .objects = objects, .count = 1,
                                        .gained = t->gained != NULL ? weight : 0});
        return;
    }
    if (g->count == 0 || weight > weight_of(t, g->largest))
        g->largest = node;
    g->weight += weight;
    g->bytes += bytes;
    g->objects += objects;
    g->count++;
}

static void judge_groups(struct trial *t)
{
    for (size_t i = 0; i < group_count(t->now.f); i++) {
        const struct group *g = &t->groups[i];

        if (g->weight > t->threshold)
            add_suspect(t, (struct suspect){.is_group = true, .node = g->largest, .point = g->largest, .bytes = g->bytes,
                                            .objects = g->objects, .count = g->count,
                                            .gained = t->gained != NULL ? g->weight : 0});
    }
}

static void find_points(struct trial *t)
{
    bool paths = false;

    for (uint32_t i = 0; i < t->count; i++) {
        struct suspect *s = &t->suspects[i];

        bool of_objects = s->is_group && frozen_is_object(t->now.f, s->node);

        if (of_objects && !paths)
            find_paths(t);
        paths |= of_objects;
        if (of_objects)
            find_common(t, s);
        else if (!s->is_group)
            go_down(t, s);
        look_at_point(t, s);
    }
}

/* Where all has not grown by as much as one has to gain, things have only changed places, and nobody is a suspect. */
static uint64_t threshold_of(struct tree now, struct tree then)
{
    uint64_t is = dominators_retained_bytes(now.d, 0), was, grown;

    if (then.f == NULL)
        return is * SUSPECT_PCT / 100;
    was = dominators_retained_bytes(then.d, 0);
    grown = is > was ? is - was : 0;
    if (grown * 100 <= was * SUSPECT_PCT)
        return UINT64_MAX;
    return (grown > was ? grown : was) * SUSPECT_PCT / 100;
}

enum err verdict(struct mem *mem, struct tree now, struct tree then, struct suspect suspects[SUSPECTS_MAX], uint32_t *ret_count,
                 struct why *why)
{
    struct trial t = {.mem = mem, .now = now, .then = then, .suspects = suspects};
    enum err e = ERR_OK;

    t.threshold = threshold_of(now, then);
    if (alloc_tables(&t)) {
        if (then.f != NULL)
            find_gains(&t);
        each_top(&t, judge_top, NULL);
        judge_groups(&t);
        find_points(&t);
        *ret_count = t.count;
    } else {
        e = why_set(why, ERR_NOMEM, "no memory to look for suspects among %u nodes", now.f->node_count);
    }
    free_tables(&t);
    return e;
}
