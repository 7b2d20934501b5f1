/*
 * snapshot_reader.h - a V8 heap snapshot (.heapsnapshot), read into flat arrays.
 *
 * Owns:      the nodes, edges and strings of one file, in the order in which they stand there.
 * Knows not: what becomes of them; import_snapshot.c makes objects of them.
 *
 * A snapshot says itself, in snapshot.meta, what its numbers mean: fields are looked up by name, so extra
 * fields, extra types and any V8 version are fine. Members other than snapshot, nodes, edges and strings are
 * skipped. After snapshot_read() every number has been checked: a name is in the strings, a target is a
 * node, and the edges of all nodes together are all edges.
 */
#pragma once
#include "client/cli/source.h"

struct snapshot_span {
    const char *data; /* UTF-8, not terminated */
    size_t length;
};

struct snapshot; /* private */

struct snapshot_node {
    const char *type; /* V8's word: "object", "closure", ..; "unknown" if the file does not name it */
    struct snapshot_span name;
    uint64_t id;
    uint64_t self_size;
    uint64_t first_edge; /* its edges are first_edge .. first_edge + edge_count - 1 */
    uint64_t edge_count;
};

struct snapshot_edge {
    const char *type;
    bool is_weak;
    bool is_indexed; /* `index` is its name, else `name` */
    uint64_t index;
    struct snapshot_span name;
    uint64_t to_node; /* number of the node, from 0 */
};

/* NULL without an error; else a sentence, good as long as `sentence` is. */
const char *snapshot_read(struct source *source, struct snapshot **ret_s, char sentence[256]);
void snapshot_destroy(struct snapshot **s);

uint64_t snapshot_node_count(const struct snapshot *s);
uint64_t snapshot_edge_count(const struct snapshot *s);
uint64_t snapshot_root(const struct snapshot *s); /* the first node, unless the file names another */

struct snapshot_node snapshot_node(const struct snapshot *s, uint64_t node);
struct snapshot_edge snapshot_edge(const struct snapshot *s, uint64_t edge);

/* Fields of nodes that struct snapshot_node has no member for, such as "detachedness": name, or NULL past the
 * last, and the value of one node. */
const char *snapshot_extra_field(const struct snapshot *s, size_t i);
uint64_t snapshot_extra(const struct snapshot *s, uint64_t node, size_t i);
