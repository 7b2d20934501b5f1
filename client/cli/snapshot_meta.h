/*
 * snapshot_meta.h - what a heap snapshot says about itself: which column means what.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SNAPSHOT_FIELDS_MAX = 32, SNAPSHOT_TYPES_MAX = 256, SNAPSHOT_WORD_MAX = 64 };

struct snapshot_meta {
    /* nodes: columns by name, and how many a node has */
    size_t node_fields;
    size_t type, name, id, self_size, edge_count;
    char field_names[SNAPSHOT_FIELDS_MAX][SNAPSHOT_WORD_MAX];
    size_t node_type_count;
    char node_types[SNAPSHOT_TYPES_MAX][SNAPSHOT_WORD_MAX];
    /* edges */
    size_t edge_fields;
    size_t edge_type, edge_name, edge_to;
    size_t edge_type_count;
    char edge_types[SNAPSHOT_TYPES_MAX][SNAPSHOT_WORD_MAX];
    /* counts, as announced */
    uint64_t node_count, edge_count_total;
    uint64_t root_index; /* in numbers, not in nodes */
};

/* Decode the text of the member "snapshot". NULL, or a sentence. */
const char *snapshot_meta_read(const char *text, size_t length, struct snapshot_meta *ret_m);

/* Whether this column is one that the struct names. */
bool snapshot_meta_knows(const struct snapshot_meta *m, size_t column);
