/*
 * snapshot_reach.c - see snapshot_reach.h.
 *
 * Flood fill with a stack of its own. The unreached part is filled from its nodes in file order; a node that
 * a later one turns out to reach is dropped from the entries again, so a chain is held by its head alone.
 * What is left of a cycle is its first node.
 */
#include "client/cli/snapshot_reach.h"
#include <stdlib.h>

struct flood {
    const struct snapshot *s;
    uint32_t *color; /* 0: not reached; else the flood that reached the node first */
    uint64_t *stack; /* a node is pushed once: node_count is enough */
    bool *is_entry;
};

/* Reach all there is from `start`; the number of nodes that no flood had reached. An entry of an earlier
 * flood that this one comes upon is none any more. */
static uint64_t flood_from(struct flood *f, uint64_t start, uint32_t color)
{
    uint64_t count = 0, depth = 0;

    f->stack[depth++] = start;
    f->color[start] = color;
    while (depth > 0) {
        struct snapshot_node node = snapshot_node(f->s, f->stack[--depth]);

        count++;
        for (uint64_t e = node.first_edge; e < node.first_edge + node.edge_count; e++) {
            struct snapshot_edge edge = snapshot_edge(f->s, e);

            if (edge.is_weak)
                continue;
            if (f->color[edge.to_node] != color)
                f->is_entry[edge.to_node] = false;
            if (f->color[edge.to_node] != 0)
                continue;
            f->color[edge.to_node] = color;
            f->stack[depth++] = edge.to_node;
        }
    }
    return count;
}

static bool collect_entries(const struct flood *f, struct snapshot_reach *r)
{
    uint64_t nodes = snapshot_node_count(f->s);

    for (uint64_t n = 0; n < nodes; n++)
        r->entry_count += f->is_entry[n];
    r->entries = calloc(r->entry_count + 1, sizeof *r->entries);
    if (r->entries == NULL)
        return false;
    for (uint64_t n = 0, i = 0; n < nodes; n++)
        if (f->is_entry[n])
            r->entries[i++] = n;
    return true;
}

static void flood_all(struct flood *f, struct snapshot_reach *r)
{
    uint64_t nodes = snapshot_node_count(f->s);
    uint32_t color = 1;

    r->unreached_count = nodes - flood_from(f, snapshot_root(f->s), color);
    for (uint64_t n = 0; n < nodes; n++) {
        if (f->color[n] != 0)
            continue;
        f->is_entry[n] = true;
        (void)flood_from(f, n, ++color);
    }
}

bool snapshot_reach_find(const struct snapshot *s, struct snapshot_reach *ret_r)
{
    size_t nodes = snapshot_node_count(s);
    struct flood f = {.s = s,
                      .color = calloc(nodes, sizeof *f.color),
                      .stack = calloc(nodes, sizeof *f.stack),
                      .is_entry = calloc(nodes, sizeof *f.is_entry)};
    bool ok = f.color != NULL && f.stack != NULL && f.is_entry != NULL;

    *ret_r = (struct snapshot_reach){0};
    if (ok) {
        flood_all(&f, ret_r);
        ok = collect_entries(&f, ret_r);
    }
    free(f.color);
    free(f.stack);
    free(f.is_entry);
    return ok;
}

void snapshot_reach_fini(struct snapshot_reach *r)
{
    free(r->entries);
    *r = (struct snapshot_reach){0};
}
