/* frozen.c - see frozen.h. */
#include "heap/graph/frozen.h"

static size_t validate_rows(const struct frozen *f)
{
    size_t broken = f->first_edge[0] != 0 || f->first_edge[f->node_count] != f->edge_count;

    for (uint32_t n = 0; n < f->node_count; n++)
        broken += f->first_edge[n] > f->first_edge[n + 1];
    for (uint32_t e = 0; e < f->edge_count && broken == 0; e++)
        broken += f->edge_to[e] == 0 || f->edge_to[e] >= f->node_count;
    return broken;
}

static size_t validate_weak(const struct frozen *f)
{
    size_t broken = 0;

    for (uint32_t e = 0; e < f->weak_count; e++) {
        broken += !frozen_is_object(f, f->weak_from[e]) || !frozen_is_object(f, f->weak_to[e]);
        broken += e > 0 && f->weak_from[e] < f->weak_from[e - 1];
    }
    return broken;
}

static size_t validate_node(const struct frozen *f, uint32_t n)
{
    const struct frozen_label *l;

    if (f->label[n] == 0 || f->label[n] >= f->label_count)
        return 1;
    l = frozen_label_of(f, n);
    if (l->class >= f->string_count || l->site >= f->string_count || l->kind >= FROZEN_KINDS)
        return 1;
    return (size_t)(frozen_is_object(f, n) != (l->kind < FROZEN_OUTSIDE)) + (frozen_is_object(f, n) && f->id[n] == 0) +
           (!frozen_is_object(f, n) && f->bytes[n] != 0);
}

static size_t validate_names(const struct frozen *f, uint32_t n)
{
    size_t broken = 0;

    for (uint32_t e = f->first_edge[n]; e < f->first_edge[n + 1]; e++)
        broken += frozen_names_edges(frozen_label_of(f, n)->kind) && f->edge_name[e] >= f->string_count;
    return broken;
}

static size_t validate_labels(const struct frozen *f)
{
    uint64_t nodes = 0, bytes = 0;

    for (uint32_t l = 0; l < f->label_count; l++) {
        nodes += f->labels[l].nodes;
        bytes += f->labels[l].bytes;
    }
    return (size_t)(nodes != f->node_count) + (bytes != f->object_bytes);
}

size_t frozen_validate(const struct frozen *f)
{
    size_t broken = validate_rows(f);
    uint64_t bytes = 0;

    for (uint32_t n = 0; n < f->node_count && broken == 0; n++) {
        broken += validate_node(f, n);
        broken += broken == 0 ? validate_names(f, n) : 0;
        bytes += f->bytes[n];
    }
    return broken + validate_weak(f) + validate_labels(f) + (bytes != f->object_bytes);
}
