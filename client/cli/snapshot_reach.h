/*
 * snapshot_reach.h - which nodes of a snapshot its root does not reach, and a few to hold them by.
 */
#pragma once
#include "client/cli/snapshot_reader.h"

struct snapshot_reach {
    uint64_t unreached_count; /* nodes to which no strong edges lead from the root */
    uint64_t *entries;        /* nodes that together reach all of them, in order */
    size_t entry_count;
};

/* Only strong edges count. False without memory. O(nodes + edges). */
bool snapshot_reach_find(const struct snapshot *s, struct snapshot_reach *ret_r);
void snapshot_reach_fini(struct snapshot_reach *r);
