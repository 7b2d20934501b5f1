/*
 * import_snapshot.c - a V8 heap snapshot becomes objects: one a node, one link an edge.
 *
 * The graph has cycles, and an op can only name what earlier ops have made. So every node is created first,
 * with all its fields in place: links to nodes that exist already, null for the rest. Then the rest is set.
 * Creating a record with all its fields at once also gives it its final shape, which it shares with its like.
 *
 * Both passes give the edges of a node their names in the same order, and so the same names.
 */
#include "client/cli/import.h"
#include "client/cli/names.h"
#include "client/cli/say.h"
#include "client/cli/snapshot_reach.h"
#include "client/cli/snapshot_reader.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { WHOLE_NAME_BYTES_MAX = 8 << 10 }; /* of v8_name: it must fit into a line even if all is escaped */

struct snapshot_import {
    struct import im;
    struct snapshot *snapshot;
    struct snapshot_reach reach;
    uint32_t *op_of; /* the op that made each node */
    struct namer namer;
    struct text class_name, field; /* scratch */
    uint64_t strong_links, weak_links, bytes;
    uint64_t names_cut; /* and kept nowhere else */
};

/* --- names --- */

static void reserve_name(struct snapshot_import *si, const char *prefix, const char *name)
{
    text_clear(&si->field);
    text_add_string(&si->field, prefix);
    text_add_string(&si->field, name);
    if (si->field.failed || !namer_take(&si->namer, &si->field))
        ops_fail(&si->im.ops);
}

/* Begin a node. What is kept of the node itself has its names for sure; an edge of such a name is numbered.
 */
static void begin_names(struct snapshot_import *si)
{
    static const char *const own[] = {"self_size", "v8_type", "v8_id", "v8_name"};
    const char *extra;

    namer_begin(&si->namer);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        reserve_name(si, "", own[i]);
    for (size_t i = 0; (extra = snapshot_extra_field(si->snapshot, i)) != NULL; i++)
        reserve_name(si, "v8_", extra);
}

/* Into si->field: the name of an edge, unique within its node. */
static void name_edge(struct snapshot_import *si, const struct snapshot_edge *edge)
{
    if (edge->is_indexed) {
        text_clear(&si->field);
        text_add_u64(&si->field, edge->index);
    } else {
        names_fit(&si->field, edge->name.data, edge->name.length, edge->type);
    }
    if (si->field.failed || !namer_take(&si->namer, &si->field))
        ops_fail(&si->im.ops);
}

/* --- first pass: create --- */

static void write_number_field(struct ops *o, const char *name, uint64_t value)
{
    ops_key(o, name, strlen(name));
    ops_number(o, value);
}

static void write_own_fields(struct snapshot_import *si, uint64_t n, const struct snapshot_node *node)
{
    struct ops *o = &si->im.ops;
    const char *extra;

    write_number_field(o, "self_size", node->self_size);
    ops_key(o, "v8_type", strlen("v8_type"));
    ops_text(o, node->type, strlen(node->type));
    write_number_field(o, "v8_id", node->id);
    if (node->name.length > WIRE_NAME_BYTES_MAX) {
        ops_key(o, "v8_name", strlen("v8_name"));
        ops_text(o, node->name.data, text_utf8_cut(node->name.data, node->name.length, WHOLE_NAME_BYTES_MAX));
    }
    for (size_t i = 0; (extra = snapshot_extra_field(si->snapshot, i)) != NULL; i++) {
        if (snapshot_extra(si->snapshot, n, i) == 0)
            continue;
        text_clear(&si->field);
        text_printf(&si->field, "v8_%s", extra);
        ops_key(o, text_string(&si->field), si->field.length);
        ops_number(o, snapshot_extra(si->snapshot, n, i));
    }
}

static void write_target(struct snapshot_import *si, const struct snapshot_edge *edge, bool is_made)
{
    if (is_made)
        ops_link(&si->im.ops, edge->is_weak, si->op_of[edge->to_node]);
    else
        ops_raw(&si->im.ops, "null");
}

static void count_edge(struct snapshot_import *si, const struct snapshot_edge *edge)
{
    si->strong_links += !edge->is_weak;
    si->weak_links += edge->is_weak;
    si->names_cut += !edge->is_indexed && edge->name.length > WIRE_NAME_BYTES_MAX;
}

static void write_set(struct snapshot_import *si, uint64_t n, const struct snapshot_edge *edge, bool is_made)
{
    ops_begin(&si->im.ops, "set");
    ops_at(&si->im.ops, si->op_of[n]);
    ops_text(&si->im.ops, text_string(&si->field), si->field.length);
    write_target(si, edge, is_made);
    ops_end(&si->im.ops);
}

/* ["new",CLASS,{..}], and a ["set",..] for each field that finds no room in that line. */
static void create_node(struct snapshot_import *si, uint64_t n)
{
    struct ops *o = &si->im.ops;
    struct snapshot_node node = snapshot_node(si->snapshot, n);
    bool in_line = true;

    names_fit(&si->class_name, node.name.data, node.name.length, node.type);
    if (si->class_name.failed)
        ops_fail(o);
    begin_names(si);
    ops_begin(o, "new");
    ops_text(o, text_string(&si->class_name), si->class_name.length);
    ops_open(o, '{');
    write_own_fields(si, n, &node);
    for (uint64_t e = node.first_edge; e < node.first_edge + node.edge_count; e++) {
        struct snapshot_edge edge = snapshot_edge(si->snapshot, e);

        count_edge(si, &edge);
        name_edge(si, &edge);
        if (in_line && o->line.length > OPS_LINE_SOFT_BYTES) {
            ops_close(o, '}');
            si->op_of[n] = (uint32_t)ops_end(o);
            in_line = false;
        }
        if (!in_line) {
            write_set(si, n, &edge, edge.to_node < n);
            continue;
        }
        ops_key(o, text_string(&si->field), si->field.length);
        write_target(si, &edge, edge.to_node < n);
    }
    if (in_line) {
        ops_close(o, '}');
        si->op_of[n] = (uint32_t)ops_end(o);
    }
    si->bytes += node.self_size;
    si->names_cut += node.name.length > WHOLE_NAME_BYTES_MAX;
}

/* --- second pass: the links that could not be made yet --- */

static void link_node(struct snapshot_import *si, uint64_t n)
{
    struct snapshot_node node = snapshot_node(si->snapshot, n);

    begin_names(si);
    for (uint64_t e = node.first_edge; e < node.first_edge + node.edge_count; e++) {
        struct snapshot_edge edge = snapshot_edge(si->snapshot, e);

        name_edge(si, &edge);
        if (edge.to_node >= n)
            write_set(si, n, &edge, true);
    }
}

/* --- roots --- */

static void write_root(struct ops *o, const char *name, const char *rest, uint64_t op)
{
    struct text whole = {0};

    text_printf(&whole, "%s%s", name, rest);
    ops_begin(o, "root");
    ops_text(o, text_string(&whole), whole.length);
    ops_at(o, op);
    ops_end(o);
    text_fini(&whole);
}

static void write_roots(struct snapshot_import *si, const char *root)
{
    struct snapshot_reach *reach = &si->reach;

    write_root(&si->im.ops, root, "", si->op_of[snapshot_root(si->snapshot)]);
    if (reach->entry_count == 0)
        return;
    for (size_t i = 0; i < reach->entry_count; i++)
        reach->entries[i] = si->op_of[reach->entries[i]];
    write_root(&si->im.ops, root, "/unreached",
               import_write_list(&si->im.ops, reach->entries, reach->entry_count));
}

/* --- all of it --- */

static int send(struct snapshot_import *si, const char *root)
{
    uint64_t nodes = snapshot_node_count(si->snapshot);
    int code = import_begin(&si->im, "sending", 2 * nodes);

    if (code != CLI_OK)
        return code;
    for (uint64_t n = 0; n < nodes && ops_ok(&si->im.ops); n++) {
        create_node(si, n);
        progress_at(&si->im.progress, n);
    }
    for (uint64_t n = 0; n < nodes && ops_ok(&si->im.ops); n++) {
        link_node(si, n);
        progress_at(&si->im.progress, nodes + n);
    }
    write_roots(si, root);
    return import_end(&si->im);
}

static int print_totals(struct snapshot_import *si)
{
    uint64_t nodes = snapshot_node_count(si->snapshot);
    bool has_list = si->reach.entry_count > 0;

    if (has_list)
        say_note(si->im.cli,
                 "%" PRIu64 " nodes are not reached from the first by strong edges; a list of %zu keeps them",
                 si->reach.unreached_count, si->reach.entry_count);
    if (si->names_cut > 0)
        say_note(si->im.cli, "%" PRIu64 " names were cut: of links at %d bytes, of nodes at %d",
                 si->names_cut, WIRE_NAME_BYTES_MAX, WHOLE_NAME_BYTES_MAX);
    return import_print_totals(&si->im, json_pack("{s:I,s:I,s:I,s:I,s:I,s:I}", "nodes", (json_int_t)nodes,
                                                  "objects", (json_int_t)(nodes + has_list), "strong_links",
                                                  (json_int_t)si->strong_links, "weak_links",
                                                  (json_int_t)si->weak_links, "bytes", (json_int_t)si->bytes,
                                                  "unreached", (json_int_t)si->reach.unreached_count));
}

static int read_file(struct snapshot_import *si, const char *path)
{
    struct source source;
    char sentence[256];
    const char *error;
    int code = import_open(&si->im, path, &source);

    if (code != CLI_OK)
        return code;
    error = snapshot_read(&source, &si->snapshot, sentence);
    source_close(&source);
    progress_end(&si->im.progress);
    return error == NULL ? CLI_OK : say_failed(si->im.cli, "%s: %s", path, error);
}

static bool prepare(struct snapshot_import *si)
{
    si->op_of = calloc(snapshot_node_count(si->snapshot), sizeof *si->op_of);
    return si->op_of != NULL && snapshot_reach_find(si->snapshot, &si->reach);
}

int import_snapshot(struct cli *cli, const char *path, const char *root)
{
    struct snapshot_import si = {0};
    int code;

    import_init(&si.im, cli);
    code = read_file(&si, path);
    if (code == CLI_OK && !prepare(&si))
        code = say_no_memory(cli);
    if (code == CLI_OK)
        code = send(&si, root);
    if (code == CLI_OK)
        code = print_totals(&si);
    snapshot_destroy(&si.snapshot);
    snapshot_reach_fini(&si.reach);
    namer_fini(&si.namer);
    text_fini(&si.class_name);
    text_fini(&si.field);
    free(si.op_of);
    return code;
}
