/*
 * frozen_net.h - a frozen graph made by hand: objects, links and holders, then net_freeze().
 *
 *     struct net n = net_new();
 *     uint32_t cache = net_object(&n, "Cache", 100);
 *     net_root(&n, cache);
 *     struct tree t = net_freeze(&n);      ... and its dominators
 *     net_free(&n);
 *
 * Objects have their node as id, plus `first_id`.
 */
#pragma once
#include "heap/graph/dominators.h"
#include "heap/graph/frozen.h"
#include "heap/graph/verdict.h"
#include "tests/unit/unit.h"

#define NET_STRINGS_MAX  64u
#define NET_SESSIONS_MAX 8u

enum { NET_BY_ROOT = UINT32_MAX, NET_BY_BATCH = UINT32_MAX - 1, NET_BY_SESSION = UINT32_MAX - 16 };

struct net {
    struct mem mem;
    struct frozen f;
    struct dominators *d;
    uint32_t node_room, edge_room;
    uint32_t *class;             /* of an object: a string */
    uint64_t *bytes;
    uint32_t (*edges)[2];        /* from: a node, or NET_BY_... */
    uint32_t edge_count, session_count;
    uint64_t first_id;
    char *strings[NET_STRINGS_MAX];
    uint32_t string_count;
    struct frozen_label labels[NET_STRINGS_MAX + 8];
};

static inline void *net_more(void *old, uint32_t *room, uint32_t count, size_t size)
{
    if (count < *room)
        return old;
    *room = *room == 0 ? 256 : *room * 2;
    old = realloc(old, *room * size);
    MUST(old != NULL);
    return old;
}

static inline uint32_t net_string(struct net *n, const char *text)
{
    for (uint32_t i = 0; i < n->string_count; i++)
        if (strcmp(n->strings[i] + 1, text) == 0)
            return i;
    MUST(n->string_count < NET_STRINGS_MAX);
    n->strings[n->string_count] = malloc(strlen(text) + 2);
    n->strings[n->string_count][0] = (char)strlen(text);
    memcpy(n->strings[n->string_count] + 1, text, strlen(text) + 1);
    return n->string_count++;
}

static inline struct net net_new(void)
{
    struct net n = {0};

    mem_init(&n.mem, 0);
    net_string(&n, "");
    return n;
}

static inline uint32_t net_object(struct net *n, const char *class, uint64_t bytes)
{
    uint32_t node = n->f.object_count + 1, room = n->node_room, same = room;

    n->class = net_more(n->class, &room, node, sizeof *n->class);
    n->bytes = net_more(n->bytes, &same, node, sizeof *n->bytes);
    n->node_room = room;
    n->class[node] = net_string(n, class);
    n->bytes[node] = bytes;
    return ++n->f.object_count;
}

static inline void net_link(struct net *n, uint32_t from, uint32_t to)
{
    n->edges = net_more(n->edges, &n->edge_room, n->edge_count, sizeof *n->edges);
    n->edges[n->edge_count][0] = from;
    n->edges[n->edge_count++][1] = to;
}

static inline void net_root(struct net *n, uint32_t node)
{
    net_link(n, NET_BY_ROOT, node);
}

static inline void net_hold(struct net *n, uint32_t session, uint32_t node)
{
    MUST(session < NET_SESSIONS_MAX);
    n->session_count = n->session_count > session ? n->session_count : session + 1;
    net_link(n, NET_BY_SESSION + session, node);
}

static inline uint32_t net_label(struct net *n, const char *class, enum frozen_kind kind)
{
    uint32_t string = net_string(n, class);

    for (uint32_t i = 1; i < n->f.label_count; i++)
        if (n->labels[i].class == string && n->labels[i].kind == kind)
            return i;
    MUST(n->f.label_count < ARRAY_LEN(n->labels));
    n->labels[n->f.label_count] = (struct frozen_label){.class = string, .kind = kind};
    return n->f.label_count++;
}

/* The node that holds it, where one of NET_BY_... is said. */
static inline uint32_t net_holder(const struct net *n, uint32_t from)
{
    uint32_t groups = n->f.object_count + 1 + n->session_count;

    if (from == NET_BY_ROOT)
        return groups;
    if (from == NET_BY_BATCH)
        return groups + 2;
    return from >= NET_BY_SESSION ? n->f.object_count + 1 + from - NET_BY_SESSION : from;
}

static inline void net_rows(struct net *n)
{
    uint32_t *first = calloc(n->f.node_count + 2, sizeof *first), *to = malloc((n->edge_count + 1) * sizeof *to);

    MUST(first != NULL && to != NULL);
    for (uint32_t i = 0; i < n->edge_count; i++)
        first[n->edges[i][0] + 2]++;
    for (uint32_t i = 0; i < n->f.node_count; i++)
        first[i + 2] += first[i + 1];
    for (uint32_t i = 0; i < n->edge_count; i++)
        to[first[n->edges[i][0] + 1]++] = n->edges[i][1];
    n->f.first_edge = first;
    n->f.edge_to = to;
    n->f.edge_name = calloc(n->edge_count + 1, sizeof *n->f.edge_name);
    n->f.edge_count = n->edge_count;
}

static inline void net_nodes(struct net *n)
{
    static const struct {
        const char *name;
        enum frozen_kind kind;
    } groups[] = {{"(Named roots)", FROZEN_ROOTS}, {"(Sessions)", FROZEN_SESSIONS}, {"(Batches)", FROZEN_BATCHES},
                  {"(Garbage)", FROZEN_GARBAGE}};
    uint32_t *label = calloc(n->f.node_count, sizeof *label);
    uint64_t *ids = calloc(n->f.node_count, sizeof *ids), *bytes = calloc(n->f.node_count, sizeof *bytes);

    MUST(label != NULL && ids != NULL && bytes != NULL);
    n->f.label_count = 1;
    label[0] = net_label(n, "(Outside)", FROZEN_OUTSIDE);
    for (uint32_t i = 1; i < n->f.node_count; i++) {
        uint32_t behind = i - n->f.object_count - 1;

        if (i <= n->f.object_count) {
            label[i] = net_label(n, n->strings[n->class[i]] + 1, FROZEN_RECORD);
            ids[i] = n->first_id + i;
            bytes[i] = n->bytes[i];
            n->f.object_bytes += bytes[i];
        } else if (behind < n->session_count) {
            label[i] = net_label(n, "worker", FROZEN_SESSION);
            ids[i] = behind;
        } else {
            label[i] = net_label(n, groups[behind - n->session_count].name, groups[behind - n->session_count].kind);
        }
    }
    n->f.label = label;
    n->f.id = ids;
    n->f.bytes = bytes;
}

static inline struct tree net_freeze(struct net *n)
{
    struct dominators_graph g;

    n->f.node_count = n->f.object_count + 1 + n->session_count + FROZEN_GROUPS;
    for (uint32_t i = 0; i < n->edge_count; i++)
        n->edges[i][0] = net_holder(n, n->edges[i][0]);
    n->f.link_count = n->edge_count;
    for (uint32_t i = 0; i < FROZEN_GROUPS; i++)
        net_link(n, 0, n->f.node_count - FROZEN_GROUPS + i);
    for (uint32_t i = 0; i < n->session_count; i++)
        net_link(n, n->f.node_count - FROZEN_GROUPS + 1, n->f.object_count + 1 + i);
    net_nodes(n);
    net_rows(n);
    for (uint32_t i = 0; i < n->f.node_count; i++) {
        n->labels[n->f.label[i]].nodes++;
        n->labels[n->f.label[i]].bytes += n->f.bytes[i];
    }
    n->f.labels = n->labels;
    n->f.strings = (const char *const *)n->strings;
    n->f.string_count = n->string_count;
    ck_assert_uint_eq(frozen_validate(&n->f), 0);
    g = (struct dominators_graph){n->f.node_count, n->f.object_count, n->f.edge_count, n->f.first_edge, n->f.edge_to, n->f.bytes};
    ck_assert_int_eq(dominators_create(&n->mem, &g, &n->d, NULL), ERR_OK);
    ck_assert(dominators_run(n->d));
    dominators_settle(n->d);
    return (struct tree){&n->f, n->d};
}

static inline void net_free(struct net *n)
{
    dominators_destroy(&n->d);
    for (uint32_t i = 0; i < n->string_count; i++)
        free(n->strings[i]);
    free(n->class);
    free(n->bytes);
    free(n->edges);
    free((void *)(uintptr_t)n->f.first_edge);
    free((void *)(uintptr_t)n->f.edge_to);
    free((void *)(uintptr_t)n->f.edge_name);
    free((void *)(uintptr_t)n->f.label);
    free((void *)(uintptr_t)n->f.id);
    free((void *)(uintptr_t)n->f.bytes);
    mem_fini(&n->mem);
}
