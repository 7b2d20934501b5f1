/*
 * snapshot_meta.c - see snapshot_meta.h.
 */
#include "client/cli/snapshot_meta.h"
#include <jansson.h>
#include <string.h>

/* Copy an array of words; 0 if it is none or has too many. A word that is too long is cut. */
static size_t read_words(json_t *array, size_t max, char words[][SNAPSHOT_WORD_MAX])
{
    size_t count = json_array_size(array);

    if (count > max)
        return 0;
    for (size_t i = 0; i < count; i++) {
        const char *word = json_string_value(json_array_get(array, i));

        if (word == NULL)
            return 0;
        (void)strncpy(words[i], word, SNAPSHOT_WORD_MAX - 1);
        words[i][SNAPSHOT_WORD_MAX - 1] = '\0';
    }
    return count;
}

/* The column called `name`; `count` if there is none. */
static size_t find_word(const char words[][SNAPSHOT_WORD_MAX], size_t count, const char *name)
{
    size_t i = 0;

    while (i < count && strcmp(words[i], name) != 0)
        i++;
    return i;
}

static const char *read_nodes(json_t *meta, struct snapshot_meta *m)
{
    const struct {
        const char *name;
        size_t *column;
    } wanted[] = {{"type", &m->type},
                  {"name", &m->name},
                  {"id", &m->id},
                  {"self_size", &m->self_size},
                  {"edge_count", &m->edge_count}};

    m->node_fields = read_words(json_object_get(meta, "node_fields"), SNAPSHOT_FIELDS_MAX, m->field_names);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        *wanted[i].column = find_word(m->field_names, m->node_fields, wanted[i].name);
        if (*wanted[i].column == m->node_fields)
            return "snapshot.meta.node_fields lacks type, name, id, self_size or edge_count";
    }
    m->node_type_count = read_words(json_array_get(json_object_get(meta, "node_types"), m->type),
                                    SNAPSHOT_TYPES_MAX, m->node_types);
    return m->node_type_count > 0 ? NULL : "snapshot.meta.node_types does not list the types of nodes";
}

static const char *read_edges(json_t *meta, struct snapshot_meta *m)
{
    char names[SNAPSHOT_FIELDS_MAX][SNAPSHOT_WORD_MAX];

    m->edge_fields = read_words(json_object_get(meta, "edge_fields"), SNAPSHOT_FIELDS_MAX, names);
    m->edge_type = find_word(names, m->edge_fields, "type");
    m->edge_name = find_word(names, m->edge_fields, "name_or_index");
    m->edge_to = find_word(names, m->edge_fields, "to_node");
    if (m->edge_type == m->edge_fields || m->edge_name == m->edge_fields || m->edge_to == m->edge_fields)
        return "snapshot.meta.edge_fields lacks type, name_or_index or to_node";
    m->edge_type_count = read_words(json_array_get(json_object_get(meta, "edge_types"), m->edge_type),
                                    SNAPSHOT_TYPES_MAX, m->edge_types);
    return m->edge_type_count > 0 ? NULL : "snapshot.meta.edge_types does not list the types of edges";
}

static const char *read_count(json_t *snapshot, const char *key, uint64_t *ret)
{
    json_t *count = json_object_get(snapshot, key);

    if (!json_is_integer(count) || json_integer_value(count) < 0)
        return "snapshot.node_count or snapshot.edge_count is missing";
    *ret = (uint64_t)json_integer_value(count);
    return NULL;
}

static const char *read_all(json_t *snapshot, struct snapshot_meta *m)
{
    json_t *meta = json_object_get(snapshot, "meta");
    const char *error;

    if (!json_is_object(meta))
        return "there is no snapshot.meta";
    if ((error = read_nodes(meta, m)) || (error = read_edges(meta, m)) ||
        (error = read_count(snapshot, "node_count", &m->node_count)) ||
        (error = read_count(snapshot, "edge_count", &m->edge_count_total)))
        return error;
    if (json_object_get(snapshot, "root_index") != NULL)
        return read_count(snapshot, "root_index", &m->root_index);
    return NULL;
}

const char *snapshot_meta_read(const char *text, size_t length, struct snapshot_meta *ret_m)
{
    json_t *snapshot = json_loadb(text, length, 0, NULL);
    const char *error;

    *ret_m = (struct snapshot_meta){0};
    error = snapshot != NULL ? read_all(snapshot, ret_m) : "the member \"snapshot\" is not JSON";
    json_decref(snapshot);
    return error;
}

bool snapshot_meta_knows(const struct snapshot_meta *m, size_t column)
{
    return column == m->type || column == m->name || column == m->id || column == m->self_size ||
           column == m->edge_count;
}
