/*
 * frozen.h - the graph of the heap as it was at one moment, in compressed sparse rows.
 *
 * Owns:      nodes, their strong and weak edges, and every name that these have, copied.
 * Knows not: the heap, which may be gone: slots, shapes and strings mean nothing here. Once it is made it never changes, so a
 *            thread may read it while another lets the heap go on.
 *
 *     node 0                          the outside: it holds the nodes of holders
 *     nodes 1 .. object_count         the objects, one each, in no order
 *     nodes behind them, synthetic    a node for each session that held something, and one for each kind of holder
 *                                     ("(Named roots)", "(Sessions)", "(Batches)", "(Garbage)"); an edge from the outside to
 *                                     each of the latter, from "(Sessions)" to each session
 *
 * Edges of node n are edge_to[first_edge[n] .. first_edge[n + 1]), in no order; there may be several between two nodes. What
 * names an edge depends on the node that it comes from (frozen_names_edges()): a record and the roots have names, the others
 * have indexes. An object that nothing holds is one that is about to go: nothing reaches it from node 0.
 *
 * Always true, and checked by frozen_validate():
 *   1. first_edge ascends from 0 to edge_count; edge_to is below node_count; nothing leads to node 0.
 *   2. Weak edges are in the order of the nodes that they come from, which are objects, like those they lead to.
 *   3. Labels and strings are below their counts; no id of an object is 0; labels count their nodes.
 */
#pragma once
#include "heap/base/mem.h"
#include "heap/base/slice.h"
#include "heap/id.h"

enum frozen_kind {
    FROZEN_RECORD,
    FROZEN_LIST,
    FROZEN_BYTES,
    FROZEN_OUTSIDE, /* synthetic from here on */
    FROZEN_SESSION,
    FROZEN_ROOTS,
    FROZEN_SESSIONS,
    FROZEN_BATCHES,
    FROZEN_GARBAGE,
    FROZEN_KINDS
};

/* What nodes have in common. */
struct frozen_label {
    uint32_t class; /* a string: the class of an object, the label of a session, the name of what is synthetic */
    uint32_t site;  /* a string; 0: none */
    enum frozen_kind kind;
    uint32_t nodes; /* that have it ... */
    uint64_t bytes; /* ... and those of all of them */
};

struct frozen {
    struct mem *mem;

    uint32_t node_count;
    uint32_t object_count;
    uint64_t object_bytes;      /* of all objects */

    const uint32_t *first_edge; /* [node_count + 1] */
    const uint32_t *edge_to;    /* [edge_count] nodes */
    const uint32_t *edge_name;  /* [edge_count] a string, or an index */
    uint32_t edge_count;        /* strong ones, those of the holders included */
    uint32_t link_count;        /* those between objects */

    const uint64_t *id;         /* [node_count] of an object or a session; 0: it has none */
    const uint64_t *bytes;      /* [node_count] what heap_info() says; 0: synthetic */
    const uint32_t *label;      /* [node_count] */

    uint32_t weak_count;
    const uint32_t *weak_from, *weak_to, *weak_name; /* [weak_count] */

    const struct frozen_label *labels;
    uint32_t label_count;
    const char *const *strings; /* each is its length, one byte, and its text; number 0 is empty */
    uint32_t string_count;
};

static inline struct slice frozen_string(const struct frozen *f, uint32_t string)
{
    const char *text = f->strings[string];

    return (struct slice){text + 1, (unsigned char)text[0]};
}

static inline const struct frozen_label *frozen_label_of(const struct frozen *f, uint32_t node)
{
    return &f->labels[f->label[node]];
}

#define FROZEN_GROUPS 4u /* the nodes behind those of sessions */
#define FROZEN_STRING_BYTES_MAX 255u

/* Theirs begin behind the objects. */
static inline uint32_t frozen_session_count(const struct frozen *f)
{
    return f->node_count - 1 - f->object_count - FROZEN_GROUPS;
}

static inline bool frozen_is_object(const struct frozen *f, uint32_t node)
{
    return node - 1 < f->object_count;
}

/* Edges from a node of this kind have names; otherwise indexes. */
static inline bool frozen_names_edges(enum frozen_kind kind)
{
    return kind == FROZEN_RECORD || kind == FROZEN_ROOTS;
}

/* How many equations do not hold; 0 is well. O(nodes + edges). */
size_t frozen_validate(const struct frozen *f);
