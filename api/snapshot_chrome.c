/*
 * snapshot_chrome.c - a snapshot as Chrome DevTools reads it: V8's .heapsnapshot, one JSON object of flat arrays.
 *
 * Its readers look for members in this order, and read numbers without sign, point or exponent, into 32 bits. A node is
 * named by its row, first node times the number of fields, so `to_node` is a number of the array. What they make of types,
 * and what we therefore use:
 *
 *   synthetic  what is no object: node 0, the kinds of holders, sessions
 *   object     records, lists and bytes alike: an `array` with one owner would have its size moved there
 *   property   a link by a field's name; a root by its name
 *   element    a link by an index
 *   weak       never retains; it has a name, so an index is written as one
 *   (shortcut edges, which mark pages, change what dominates what: none)
 *
 * A node's id says whether two snapshots show the same object, and has to be odd and fit: it is made of the slot and the
 * lowest bits of the turn (id.h). The ids themselves are in ndjson.
 */
#include "api/snapshot_write.h"
#include "heap/base/check.h"
#include "heap/base/num.h"
#include <stdio.h>

#define NODE_FIELDS 5u
#define ROW_BYTES_MAX (NODE_FIELDS * 11 + 2) /* each number of 32 bits, and a comma */
#define TURN_BITS_SHOWN 2u
#define SIZE_MAX_SHOWN UINT32_MAX

enum { TYPE_OBJECT = 3, TYPE_SYNTHETIC = 9 };
enum { EDGE_ELEMENT = 1, EDGE_PROPERTY = 2, EDGE_WEAK = 6 };
enum { PART_HEAD, PART_NODES, PART_EDGES, PART_NAMES, PART_LABELS, PART_INDEXES, PART_END };

static const char meta[] =
    "{\"snapshot\":{\"meta\":{\"node_fields\":[\"type\",\"name\",\"id\",\"self_size\",\"edge_count\"],"
    "\"node_types\":[[\"hidden\",\"array\",\"string\",\"object\",\"code\",\"closure\",\"regexp\",\"number\",\"native\","
    "\"synthetic\",\"concatenated string\",\"sliced string\",\"symbol\",\"bigint\",\"object shape\"],"
    "\"string\",\"number\",\"number\",\"number\"],"
    "\"edge_fields\":[\"type\",\"name_or_index\",\"to_node\"],"
    "\"edge_types\":[[\"context\",\"element\",\"property\",\"internal\",\"hidden\",\"shortcut\",\"weak\"],"
    "\"string_or_number\",\"node\"],"
    "\"trace_function_info_fields\":[\"function_id\",\"name\",\"script_name\",\"script_id\",\"line\",\"column\"],"
    "\"trace_node_fields\":[\"id\",\"function_info_index\",\"count\",\"size\",\"children\"],"
    "\"sample_fields\":[\"timestamp_us\",\"last_assigned_id\"],"
    "\"location_fields\":[\"object_index\",\"script_id\",\"line\",\"column\"]},";

/* ---- rows of numbers ---- */

/* Where the next row goes; NULL: the piece is full. */
static char *row_room(struct snapshot_export *x)
{
    struct buf *b = x->out.buf;

    CHECK(b->cap - b->len >= ROW_BYTES_MAX);
    return !piece_is_full(x) ? b->data + b->len : NULL;
}

static inline char *put_number(char *at, uint64_t v, char before)
{
    if (before != 0)
        *at++ = before;
    return at + print_u64(v, at);
}

static inline void end_row(struct snapshot_export *x, char *at)
{
    *at++ = '\n';
    x->out.buf->len = (size_t)(at - x->out.buf->data);
}

/* ---- nodes ---- */

/* Strings that are no names of the heap stand behind those: of sessions, then indexes of weak links from lists. */
static uint32_t name_of(const struct frozen *f, uint32_t node)
{
    const struct frozen_label *l = frozen_label_of(f, node);

    return l->kind == FROZEN_SESSION ? f->string_count + node - f->object_count - 1 : l->class;
}

static uint64_t shown_id(const struct frozen *f, uint32_t node)
{
    uint64_t id = f->id[node], turn = id >> SLOT_BITS & ((1u << TURN_BITS_SHOWN) - 1);

    if (!frozen_is_object(f, node))
        return node == 0 ? 0 : 2 * (uint64_t)(node - f->object_count);
    return 2 * (turn << SLOT_BITS | (id & SLOT_MAX)) + 1;
}

static uint32_t weak_links_of(struct snapshot_export *x)
{
    uint32_t first = x->weak;

    while (x->weak < x->f->weak_count && x->f->weak_from[x->weak] == x->node)
        x->weak++;
    return x->weak - first;
}

static void write_node(struct snapshot_export *x, char *at)
{
    const struct frozen *f = x->f;
    uint64_t size = f->bytes[x->node], edges = f->first_edge[x->node + 1] - f->first_edge[x->node] + (uint64_t)weak_links_of(x);

    at = put_number(at, frozen_is_object(f, x->node) ? TYPE_OBJECT : TYPE_SYNTHETIC, x->node > 0 ? ',' : 0);
    at = put_number(at, name_of(f, x->node), ',');
    at = put_number(at, shown_id(f, x->node), ',');
    at = put_number(at, size < SIZE_MAX_SHOWN ? size : SIZE_MAX_SHOWN, ',');
    end_row(x, put_number(at, edges, ','));
}

static bool write_nodes(struct snapshot_export *x)
{
    for (char *at; x->node < x->f->node_count && (at = row_room(x)) != NULL; x->node++)
        write_node(x, at);
    return x->node == x->f->node_count;
}

/* ---- edges: of each node its strong ones, then its weak ones ---- */

static void write_edge(struct snapshot_export *x, char *at, uint32_t type, uint32_t name, uint32_t to)
{
    at = put_number(at, type, x->edge + x->weak > 0 ? ',' : 0);
    at = put_number(at, name, ',');
    end_row(x, put_number(at, (uint64_t)to * NODE_FIELDS, ','));
}

/* False: the piece is full. */
static bool write_strong_of(struct snapshot_export *x, uint32_t type)
{
    const struct frozen *f = x->f;
    uint32_t end = f->first_edge[x->node + 1];

    for (char *at; x->edge < end && (at = row_room(x)) != NULL; x->edge++)
        write_edge(x, at, type, f->edge_name[x->edge], f->edge_to[x->edge]);
    return x->edge == end;
}

/* `number` counts indexes that were written as names. */
static bool write_weak_of(struct snapshot_export *x, bool named)
{
    const struct frozen *f = x->f;
    uint32_t indexes = f->string_count + frozen_session_count(f);

    for (char *at; x->weak < f->weak_count && f->weak_from[x->weak] == x->node; x->weak++) {
        if ((at = row_room(x)) == NULL)
            return false;
        write_edge(x, at, EDGE_WEAK, named ? f->weak_name[x->weak] : indexes + x->number++, f->weak_to[x->weak]);
    }
    return true;
}

static bool write_edges(struct snapshot_export *x)
{
    for (; x->node < x->f->node_count; x->node++) {
        bool named = frozen_names_edges(frozen_label_of(x->f, x->node)->kind);

        if (!write_strong_of(x, named ? EDGE_PROPERTY : EDGE_ELEMENT) || !write_weak_of(x, named))
            return false;
    }
    return true;
}

/* ---- strings ---- */

static void begin_string(struct snapshot_export *x)
{
    if (x->out.comma)
        buf_add(x->out.buf, ",\n", 2);
    x->out.comma = false;
}

static bool write_names(struct snapshot_export *x)
{
    for (; x->number < x->f->string_count && !piece_is_full(x); x->number++) {
        begin_string(x);
        out_string(&x->out, frozen_string(x->f, x->number));
    }
    return x->number == x->f->string_count;
}

static void write_session_name(struct snapshot_export *x, uint32_t node)
{
    struct slice label = frozen_string(x->f, frozen_label_of(x->f, node)->class);
    char name[FROZEN_STRING_BYTES_MAX + 32];
    size_t len = (size_t)snprintf(name, sizeof name, "session %u%s", (unsigned)x->f->id[node], label.len > 0 ? " " : "");

    begin_string(x);
    memcpy(name + len, label.data, label.len);
    out_string(&x->out, (struct slice){name, len + label.len});
}

static bool write_session_names(struct snapshot_export *x)
{
    for (; x->number < frozen_session_count(x->f) && !piece_is_full(x); x->number++)
        write_session_name(x, x->f->object_count + 1 + x->number);
    return x->number == frozen_session_count(x->f);
}

static bool write_indexes(struct snapshot_export *x)
{
    for (; x->weak < x->f->weak_count && !piece_is_full(x); x->weak++) {
        char text[NUM_TEXT_MAX + 2];

        if (frozen_names_edges(frozen_label_of(x->f, x->f->weak_from[x->weak])->kind))
            continue;
        begin_string(x);
        out_string(&x->out, (struct slice){text, (size_t)snprintf(text, sizeof text, "[%u]", x->f->weak_name[x->weak])});
    }
    return x->weak == x->f->weak_count;
}

/* ---- the whole ---- */

static bool write_head(struct snapshot_export *x)
{
    buf_add_text(x->out.buf, meta);
    return buf_printf(x->out.buf, "\"node_count\":%u,\"edge_count\":%llu,\"trace_function_count\":0},\n\"nodes\":[",
                      x->f->node_count, (unsigned long long)x->f->edge_count + x->f->weak_count);
}

static const struct {
    bool (*write)(struct snapshot_export *x); /* false: there is more */
    const char *then;
} parts[] = {
    [PART_HEAD] = {write_head, ""},
    [PART_NODES] = {write_nodes, "],\n\"edges\":["},
    [PART_EDGES] = {write_edges, "],\n\"trace_function_infos\":[],\n\"trace_tree\":[],\n\"samples\":[],\n\"locations\":[],\n\"strings\":["},
    [PART_NAMES] = {write_names, ""},
    [PART_LABELS] = {write_session_names, ""},
    [PART_INDEXES] = {write_indexes, "]}\n"},
};

/* Numbers of V8's begin with 0 each, whatever a part counts. */
static bool write_heapsnapshot(struct snapshot_export *x)
{
    if (x->part == PART_HEAD)
        x->node = 0;
    while (x->part < PART_END && parts[x->part].write(x)) {
        buf_add_text(x->out.buf, parts[x->part].then);
        x->part++;
        x->node = x->edge = x->weak = x->number = 0;
    }
    return x->part < PART_END;
}

const struct snapshot_format snapshot_as_heapsnapshot = {"heapsnapshot", WIRE_TYPE_JSON, write_heapsnapshot, false};
