/*
 * dominators.h - who keeps what: the dominator tree of a graph that stands still, and what each node retains.
 *
 * Owns:      what it finds, and the tables it needs meanwhile.
 * Knows not: what the nodes are, and on which thread it runs.
 *
 * A node *dominates* those that only paths through it lead to from the root; it *retains* them: they would go with it. The
 * last of them before a node is its immediate dominator, and those make a tree.
 *
 * The search is Semi-NCA (Georgiadis, "Linear-Time Algorithms for Dominators and Related Problems", 2005): semidominators
 * as Lengauer and Tarjan find them, then for each node, in preorder, the nearest of its parent's dominators that is not below
 * its semidominator. That walk is what makes Semi-NCA quadratic: where a list of a million leads to a million items which the
 * root has too, each item climbs all of the list. Here it leaps: each node of the tree knows one ancestor further up
 * (Myers, "An applicative random-access stack", 1983), so it takes O(log n). All in all O(m log n), whatever the shape.
 * Measured on a V8 heap of 638,503 nodes and 2.5 M links: 75 ms, of which this part takes 13 (with plain walks 10; Lengauer and
 * Tarjan's own way 31); on the list above, of 131,072 nodes, 4 ms (5,000; 2).
 *
 * Nothing recurses, and nothing is allocated but at creation: so dominators_run() may be on another thread than the one
 * that the account belongs to. While it runs the graph must not change, and nobody else but dominators_cancel() and
 * dominators_progress() may look.
 *
 * Nodes that no path leads to from the root (garbage that has not been collected yet) are *unreached*: nobody dominates
 * them, they are in no tree, and each retains itself alone. What the root retains and they have is all there is.
 */
#pragma once
#include "heap/base/err.h"
#include "heap/base/mem.h"

#define DOMINATORS_NONE UINT32_MAX /* nobody's number */

/* Strong links, by the node that has them: those of node n lead to edge_to[first_edge[n]] .. edge_to[first_edge[n + 1] - 1].
 * Node 0 is the root. Belongs to the caller, and stays until they have been
 * found. */
struct dominators_graph {
    uint32_t node_count;        /* > 0 */
    uint32_t object_count;      /* nodes 1 .. object_count count as objects, the others only hold some */
    uint32_t edge_count;
    const uint32_t *first_edge; /* node_count + 1 */
    const uint32_t *edge_to;
    const uint64_t *bytes;      /* of each node by itself */
};

struct dominators;

/* What dominators_create() asks for, and what of it stays after dominators_settle(). */
size_t dominators_bytes(const struct dominators_graph *g);
size_t dominators_settled_bytes(const struct dominators_graph *g);

/* ERR_NOMEM. Nothing is found yet. */
enum err dominators_create(struct mem *mem, const struct dominators_graph *g, struct dominators **ret, struct why *why);
/* Not while it runs. Sets *d to NULL; a NULL *d is fine. */
void dominators_destroy(struct dominators **d);

/* Find them all: once, on any thread. About 30 ns a link. False: it was cancelled, and is only to be destroyed. */
bool dominators_run(struct dominators *d);
/* It has run: give back what was only needed for that. */
void dominators_settle(struct dominators *d);

/* ---- from other threads, while it runs ---- */

/* It ends soon (after some 10,000 links), if it has not ended before. */
void dominators_cancel(struct dominators *d);
/* How far it is, of how much: rises, and has no unit. */
void dominators_progress(const struct dominators *d, uint64_t *ret_done, uint64_t *ret_all);

/* ---- what was found ---- */

/* Those that have a place in the tree: all but the unreached. */
uint32_t dominators_reached(const struct dominators *d);
/* What the unreached have. */
uint64_t dominators_unreached_bytes(const struct dominators *d);
uint32_t dominators_unreached_objects(const struct dominators *d);

/* DOMINATORS_NONE for the root and for the unreached. */
uint32_t dominators_parent(const struct dominators *d, uint32_t node);
/* What would go with it, itself included. */
uint64_t dominators_retained_bytes(const struct dominators *d, uint32_t node);
uint32_t dominators_retained_objects(const struct dominators *d, uint32_t node);
/* Those that it dominates immediately, by what they retain, the largest first; among equals by number. */
const uint32_t *dominators_children(const struct dominators *d, uint32_t node, uint32_t *ret_count);
/* All that are reached, each after its parent, brothers in a row; the root first. */
const uint32_t *dominators_order(const struct dominators *d);
