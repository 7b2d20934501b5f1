/*
 * snapshot_reader.c - see snapshot_reader.h.
 *
 * Files have hundreds of megabytes, so no tree is built: numbers go into two growing arrays, strings behind
 * one another into a third. Numbers of nodes are 64 bits wide (an ArrayBuffer may have more than 4 GiB),
 * numbers of edges 32, since there are four or five times as many.
 *
 * What a number means is known only from the member "snapshot", which may stand anywhere; so all is read
 * first and checked afterwards.
 */
#include "client/cli/snapshot_reader.h"
#include "client/cli/json_scan.h"
#include "client/cli/snapshot_meta.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct snapshot {
    struct snapshot_meta meta;
    uint64_t *nodes;       /* node_fields numbers a node */
    uint64_t *first_edge;  /* of each node */
    uint32_t *edges;       /* edge_fields numbers an edge */
    struct text strings;   /* one behind the other */
    uint64_t *string_ends; /* where each ends in strings */
    uint64_t node_numbers, edge_numbers, string_count;
    bool has_meta, has_nodes, has_edges, has_strings;
};

/* --- reading --- */

/* Room for one element more in *array, which has `count`; doubles. */
static bool make_room(struct json_scan *j, void **array, uint64_t count, size_t element_bytes)
{
    void *grown;

    if ((count & (count - 1)) != 0 || (count != 0 && count < 1024))
        return true; /* sizes are 1024 and then powers of two */
    grown = reallocarray(*array, count == 0 ? 1024 : count * 2, element_bytes);
    if (grown == NULL)
        return json_scan_fail(j, "out of memory");
    *array = grown;
    return true;
}

static bool read_nodes(struct json_scan *j, struct snapshot *s)
{
    bool first = true;

    json_scan_expect(j, '[');
    while (json_scan_more(j, ']', &first)) {
        if (!make_room(j, (void **)&s->nodes, s->node_numbers, sizeof *s->nodes) ||
            !json_scan_u64(j, UINT64_MAX >> 1, &s->nodes[s->node_numbers]))
            return false;
        s->node_numbers++;
    }
    s->has_nodes = true;
    return json_scan_ok(j);
}

static bool read_edges(struct json_scan *j, struct snapshot *s)
{
    bool first = true;
    uint64_t number;

    json_scan_expect(j, '[');
    while (json_scan_more(j, ']', &first)) {
        if (!make_room(j, (void **)&s->edges, s->edge_numbers, sizeof *s->edges) ||
            !json_scan_u64(j, UINT32_MAX, &number))
            return false;
        s->edges[s->edge_numbers++] = (uint32_t)number;
    }
    s->has_edges = true;
    return json_scan_ok(j);
}

static bool read_strings(struct json_scan *j, struct snapshot *s)
{
    bool first = true;

    json_scan_expect(j, '[');
    while (json_scan_more(j, ']', &first)) {
        if (!make_room(j, (void **)&s->string_ends, s->string_count, sizeof *s->string_ends) ||
            !json_scan_string(j, &s->strings))
            return false;
        s->string_ends[s->string_count++] = s->strings.length;
    }
    s->has_strings = true;
    return json_scan_ok(j);
}

static bool read_meta(struct json_scan *j, struct snapshot *s)
{
    struct text member = {0};
    const char *error = NULL;

    if (json_scan_skip(j, &member))
        error = member.failed ? "out of memory" : snapshot_meta_read(member.data, member.length, &s->meta);
    if (error != NULL)
        json_scan_fail(j, "%s", error);
    text_fini(&member);
    s->has_meta = true;
    return json_scan_ok(j);
}

static bool read_member(struct json_scan *j, struct snapshot *s, const char *key)
{
    if (strcmp(key, "snapshot") == 0 && !s->has_meta)
        return read_meta(j, s);
    if (strcmp(key, "nodes") == 0 && !s->has_nodes)
        return read_nodes(j, s);
    if (strcmp(key, "edges") == 0 && !s->has_edges)
        return read_edges(j, s);
    if (strcmp(key, "strings") == 0 && !s->has_strings)
        return read_strings(j, s);
    return json_scan_skip(j, NULL);
}

static bool read_members(struct json_scan *j, struct snapshot *s)
{
    struct text key = {0};
    bool first = true;

    json_scan_expect(j, '{');
    while (json_scan_more(j, '}', &first)) {
        text_clear(&key);
        if (!json_scan_string(j, &key) || !json_scan_expect(j, ':') || !read_member(j, s, key.data))
            break;
    }
    text_fini(&key);
    if (json_scan_ok(j) && (json_scan_peek(j) >= 0 || source_error(j->source) != NULL))
        return json_scan_fail(j, "something follows the snapshot");
    return json_scan_ok(j);
}

/* --- checking --- */

static bool check_shape(struct json_scan *j, const struct snapshot *s)
{
    const struct snapshot_meta *m = &s->meta;

    if (!s->has_meta || !s->has_nodes || !s->has_edges || !s->has_strings)
        return json_scan_fail(j, "no heap snapshot: it lacks %s",
                              !s->has_meta    ? "\"snapshot\""
                              : !s->has_nodes ? "\"nodes\""
                              : !s->has_edges ? "\"edges\""
                                              : "\"strings\"");
    if (s->node_numbers == 0 || s->node_numbers % m->node_fields != 0 ||
        s->node_numbers / m->node_fields != m->node_count)
        return json_scan_fail(j, "%" PRIu64 " numbers are not %" PRIu64 " nodes of %zu", s->node_numbers,
                              m->node_count, m->node_fields);
    if (s->edge_numbers % m->edge_fields != 0 || s->edge_numbers / m->edge_fields != m->edge_count_total)
        return json_scan_fail(j, "%" PRIu64 " numbers are not %" PRIu64 " edges of %zu", s->edge_numbers,
                              m->edge_count_total, m->edge_fields);
    if (m->root_index % m->node_fields != 0 || m->root_index >= s->node_numbers)
        return json_scan_fail(j, "root_index %" PRIu64 " is no node", m->root_index);
    return true;
}

/* Also finds where the edges of each node begin. */
static bool check_nodes(struct json_scan *j, struct snapshot *s)
{
    const struct snapshot_meta *m = &s->meta;
    uint64_t edge = 0;

    s->first_edge = calloc(m->node_count, sizeof *s->first_edge);
    if (s->first_edge == NULL)
        return json_scan_fail(j, "out of memory");
    for (uint64_t n = 0; n < m->node_count; n++) {
        const uint64_t *node = s->nodes + n * m->node_fields;

        if (node[m->name] >= s->string_count)
            return json_scan_fail(j, "node %" PRIu64 " is named by string %" PRIu64 ", which is not there", n,
                                  node[m->name]);
        if (node[m->edge_count] > m->edge_count_total - edge)
            return json_scan_fail(j, "node %" PRIu64 " has more edges than are left", n);
        s->first_edge[n] = edge;
        edge += node[m->edge_count];
    }
    if (edge != m->edge_count_total)
        return json_scan_fail(j, "%" PRIu64 " edges belong to no node", m->edge_count_total - edge);
    return true;
}

static bool is_indexed(const struct snapshot *s, const uint32_t *edge)
{
    uint32_t type = edge[s->meta.edge_type];
    const char *word = type < s->meta.edge_type_count ? s->meta.edge_types[type] : "";

    return strcmp(word, "element") == 0 || strcmp(word, "hidden") == 0;
}

static bool check_edges(struct json_scan *j, const struct snapshot *s)
{
    const struct snapshot_meta *m = &s->meta;

    for (uint64_t e = 0; e < m->edge_count_total; e++) {
        const uint32_t *edge = s->edges + e * m->edge_fields;

        if (edge[m->edge_to] % m->node_fields != 0 || edge[m->edge_to] >= s->node_numbers)
            return json_scan_fail(j, "edge %" PRIu64 " leads to %" PRIu32 ", which is no node", e,
                                  edge[m->edge_to]);
        if (!is_indexed(s, edge) && edge[m->edge_name] >= s->string_count)
            return json_scan_fail(j, "edge %" PRIu64 " is named by string %" PRIu32 ", which is not there", e,
                                  edge[m->edge_name]);
    }
    return true;
}

const char *snapshot_read(struct source *source, struct snapshot **ret_s, char sentence[256])
{
    struct json_scan j = {.source = source};
    struct snapshot *s = calloc(1, sizeof *s);

    if (s == NULL)
        return "out of memory";
    if (read_members(&j, s) && check_shape(&j, s) && check_nodes(&j, s) && check_edges(&j, s)) {
        *ret_s = s;
        return NULL;
    }
    snapshot_destroy(&s);
    (void)snprintf(sentence, 256, "%s", j.error);
    return sentence;
}

void snapshot_destroy(struct snapshot **s)
{
    if (*s == NULL)
        return;
    free((*s)->nodes);
    free((*s)->first_edge);
    free((*s)->edges);
    free((*s)->string_ends);
    text_fini(&(*s)->strings);
    free(*s);
    *s = NULL;
}

/* --- asking --- */

uint64_t snapshot_node_count(const struct snapshot *s)
{
    return s->meta.node_count;
}

uint64_t snapshot_edge_count(const struct snapshot *s)
{
    return s->meta.edge_count_total;
}

uint64_t snapshot_root(const struct snapshot *s)
{
    return s->meta.root_index / s->meta.node_fields;
}

static struct snapshot_span string_at(const struct snapshot *s, uint64_t i)
{
    uint64_t from = i > 0 ? s->string_ends[i - 1] : 0;

    return (struct snapshot_span){text_string(&s->strings) + from, s->string_ends[i] - from};
}

static const char *type_word(const char words[][SNAPSHOT_WORD_MAX], size_t count, uint64_t type)
{
    return type < count ? words[type] : "unknown";
}

struct snapshot_node snapshot_node(const struct snapshot *s, uint64_t node)
{
    const struct snapshot_meta *m = &s->meta;
    const uint64_t *n = s->nodes + node * m->node_fields;

    return (struct snapshot_node){.type = type_word(m->node_types, m->node_type_count, n[m->type]),
                                  .name = string_at(s, n[m->name]),
                                  .id = n[m->id],
                                  .self_size = n[m->self_size],
                                  .first_edge = s->first_edge[node],
                                  .edge_count = n[m->edge_count]};
}

struct snapshot_edge snapshot_edge(const struct snapshot *s, uint64_t edge)
{
    const struct snapshot_meta *m = &s->meta;
    const uint32_t *e = s->edges + edge * m->edge_fields;
    struct snapshot_edge said = {.type = type_word(m->edge_types, m->edge_type_count, e[m->edge_type]),
                                 .is_indexed = is_indexed(s, e),
                                 .to_node = e[m->edge_to] / m->node_fields};

    said.is_weak = strcmp(said.type, "weak") == 0;
    if (said.is_indexed)
        said.index = e[m->edge_name];
    else
        said.name = string_at(s, e[m->edge_name]);
    return said;
}

/* The column of extra field i; node_fields if there is none. */
static size_t extra_column(const struct snapshot_meta *m, size_t i)
{
    for (size_t column = 0; column < m->node_fields; column++)
        if (!snapshot_meta_knows(m, column) && i-- == 0)
            return column;
    return m->node_fields;
}

const char *snapshot_extra_field(const struct snapshot *s, size_t i)
{
    size_t column = extra_column(&s->meta, i);

    return column < s->meta.node_fields ? s->meta.field_names[column] : NULL;
}

uint64_t snapshot_extra(const struct snapshot *s, uint64_t node, size_t i)
{
    return s->nodes[node * s->meta.node_fields + extra_column(&s->meta, i)];
}
