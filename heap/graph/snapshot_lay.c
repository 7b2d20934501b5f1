/*
 * snapshot_lay.c - what was copied and gathered becomes rows: slots become nodes, rows that were gathered are laid behind the
 * others, memory that was needed on the way goes back. The heap has no part in it any more.
 *
 * Nodes with gathered rows come in the order in which they are laid: objects with many parts from the last that was met to
 * the first, for their numbers count down; then sessions; then what holds them. So rows stand in the order of nodes.
 */
#include "heap/graph/snapshot_impl.h"

#define EDGES_PER_UNIT 8u
#define EDGES_AHEAD 32u

/* ---- slots become nodes ---- */

/* 0: nobody was there at the cut. */
static inline uint32_t node_at(const struct snapshot *s, slot_t slot)
{
    uint32_t node = slot < s->end ? lane_u32(&s->node_of)[slot] : NODE_NONE;

    return node != NODE_NEW ? node : NODE_NONE;
}

/* What a link or a holder names was there. */
static inline uint32_t node_held(const struct snapshot *s, slot_t slot)
{
    uint32_t node = node_at(s, slot);

    CHECK(node != NODE_NONE && node <= s->objects);
    return node;
}

/* A stretch of edges, each of whose targets has come from memory when it is needed. */
static void resolve(const struct snapshot *s, uint32_t *to, uint32_t count)
{
    const uint32_t *node_of = lane_u32(&s->node_of);

    for (uint32_t i = 0; i < count; i++) {
        if (i + EDGES_AHEAD < count)
            __builtin_prefetch(&node_of[to[i + EDGES_AHEAD]]);
        to[i] = node_held(s, to[i]);
    }
}

size_t snapshot_resolve_edges(struct snapshot *s, size_t units)
{
    uint32_t *to = lane_u32(&s->edge_to);

    s->resolved = s->resolved < GROUPS ? GROUPS : s->resolved;
    while (units > 0 && s->resolved < s->edges) {
        uint64_t room = units < UINT32_MAX / EDGES_PER_UNIT ? units * EDGES_PER_UNIT : UINT32_MAX;
        uint32_t count = s->edges - s->resolved < room ? s->edges - s->resolved : (uint32_t)room;

        resolve(s, to + s->resolved, count);
        s->resolved += count;
        units = units_less(units, (count + EDGES_PER_UNIT - 1) / EDGES_PER_UNIT);
    }
    return units;
}

/* What a weak link names may have been dead. */
static void keep_weak(struct snapshot *s, uint32_t from, slot_t to, uint32_t name)
{
    uint32_t node = node_at(s, to);

    if (node == NODE_NONE)
        return;
    CHECK(((size_t)s->weak_kept + 1) * sizeof(uint32_t) <= s->weak_to.charged);
    lane_u32(&s->weak_from)[s->weak_kept] = from;
    lane_u32(&s->weak_to)[s->weak_kept] = node;
    lane_u32(&s->weak_name)[s->weak_kept++] = name;
}

size_t snapshot_resolve_weak(struct snapshot *s, size_t units)
{
    for (; units > 0 && s->laid < s->weak; units--, s->laid++)
        keep_weak(s, lane_u32(&s->weak_from)[s->laid], lane_u32(&s->weak_to)[s->laid], lane_u32(&s->weak_name)[s->laid]);
    if (units > 0)
        s->laid = 0;
    return units;
}

/* ---- rows ---- */

static void put_edge(struct snapshot *s, uint32_t node, uint32_t name)
{
    CHECK(lane_need(&s->edge_to, ((size_t)s->edges + 1) * sizeof node));
    CHECK(lane_need(&s->edge_name, ((size_t)s->edges + 1) * sizeof node));
    lane_u32(&s->edge_to)[s->edges] = node;
    lane_u32(&s->edge_name)[s->edges++] = name;
}

/* The row of `node`, which is the next. */
static void begin_row(struct snapshot *s, uint32_t node)
{
    if (!s->row_begun)
        lane_u32(&s->first_edge)[node] = s->edges;
    s->row_begun = true;
}

static size_t lay_row(struct snapshot *s, struct gather *g, size_t units)
{
    struct gathered edge;

    begin_row(s, g->node);
    for (; units > 0; units--) {
        if (!gather_take(g, s->mem, &edge)) {
            s->row_begun = false;
            return units;
        }
        if (edge.weak)
            keep_weak(s, g->node, edge.to, edge.name);
        else
            put_edge(s, node_held(s, edge.to), edge.name);
    }
    return units;
}

size_t snapshot_lay_wides(struct snapshot *s, size_t units)
{
    while (units > 0 && s->laid < s->wide_count) {
        units = lay_row(s, gather_at(&s->wides, s->wide_count - 1 - s->laid), units);
        s->laid += units > 0;
    }
    if (units == 0)
        return 0;
    s->laid = 0;
    s->frozen.link_count = s->edges - GROUPS;
    return units;
}

/* A node that is no object comes behind the others, with its row. */
static bool add_node(struct snapshot *s, uint32_t node, uint64_t id, struct frozen_label label)
{
    size_t count = (size_t)node + 1;

    if (!lane_need(&s->id, count * 8) || !lane_need(&s->bytes, count * 8) || !lane_need(&s->label, count * 4) ||
        !lane_need(&s->first_edge, (count + 1) * 4) || !texts_label(&s->texts, label, &lane_u32(&s->label)[node])) {
        s->failed = true;
        return false;
    }
    lane_u64(&s->id)[node] = id;
    lane_u64(&s->bytes)[node] = 0;
    texts_count_node(&s->texts, lane_u32(&s->label)[node], 0);
    return true;
}

size_t snapshot_lay_sessions(struct snapshot *s, size_t units)
{
    while (units > 0 && s->laid < s->session_count && !s->failed) {
        struct gather *g = gather_at(&s->sessions, s->laid);

        g->node = s->objects + 1 + s->laid;
        if (!s->row_begun && !add_node(s, g->node, g->id, (struct frozen_label){.class = g->label, .kind = FROZEN_SESSION}))
            return units;
        units = lay_row(s, g, units);
        s->laid += units > 0;
    }
    if (units > 0)
        s->laid = 0;
    return units;
}

/* The row of "(Sessions)": each of them. */
static bool lay_all_sessions(struct snapshot *s, uint32_t node)
{
    size_t edges = ((size_t)s->edges + s->session_count) * sizeof(uint32_t);

    if (!lane_need(&s->edge_to, edges) || !lane_need(&s->edge_name, edges)) {
        s->failed = true;
        return false;
    }
    begin_row(s, node);
    for (uint32_t i = 0; i < s->session_count; i++)
        put_edge(s, s->objects + 1 + i, i);
    s->row_begun = false;
    return true;
}

static bool add_synthetic(struct snapshot *s, uint32_t node, struct slice name, enum frozen_kind kind)
{
    struct frozen_label label = {.kind = kind};

    if (!texts_number(&s->texts, name, &label.class)) {
        s->failed = true;
        return false;
    }
    return add_node(s, node, 0, label);
}

static void end_rows(struct snapshot *s, uint32_t node_count)
{
    struct frozen *f = &s->frozen;

    lane_u32(&s->first_edge)[node_count] = s->edges;
    f->node_count = node_count;
    f->edge_count = s->edges;
    f->weak_count = s->weak_kept;
}

size_t snapshot_lay_groups(struct snapshot *s, size_t units)
{
    static const struct {
        struct slice name;
        enum frozen_kind kind;
    } groups[] = {
        [GROUP_ROOTS] = {SLICE("(Named roots)"), FROZEN_ROOTS},
        [GROUP_SESSIONS] = {SLICE("(Sessions)"), FROZEN_SESSIONS},
        [GROUP_BATCHES] = {SLICE("(Batches)"), FROZEN_BATCHES},
        [GROUP_GARBAGE] = {SLICE("(Garbage)"), FROZEN_GARBAGE},
    };
    uint32_t first = s->objects + 1 + s->session_count;

    if (!s->row_begun && s->laid == 0 && !add_synthetic(s, 0, SLICE(""), FROZEN_OUTSIDE))
        return units;
    for (; units > 0 && s->laid < GROUPS && !s->failed; s->laid += units > 0) {
        struct gather *g = &s->groups[s->laid];

        g->node = first + s->laid;
        if (!s->row_begun && !add_synthetic(s, g->node, groups[s->laid].name, groups[s->laid].kind))
            return units;
        lane_u32(&s->edge_to)[s->laid] = g->node;
        lane_u32(&s->edge_name)[s->laid] = s->laid;
        if (s->laid != GROUP_SESSIONS)
            units = lay_row(s, g, units);
        else if (!lay_all_sessions(s, g->node))
            return units;
    }
    if (units > 0)
        end_rows(s, first + GROUPS);
    return units;
}

/* ---- what was needed on the way ---- */

/* From the last to the first. */
static size_t free_gathers(struct snapshot *s, struct lane *l, uint32_t *count, size_t units)
{
    for (; *count > 0 && units > 0; *count -= units > 0) {
        struct gather *g = gather_at(l, *count - 1);

        if ((units = gather_fini(g, s->mem, units)) == 0)
            return 0;
        mem_free(s->mem, g, sizeof *g);
        units--;
        if (units == 0) {
            --*count;
            return 0;
        }
    }
    return units > 0 ? lane_close(l, units) : 0;
}

size_t snapshot_drop_gathered(struct snapshot *s, size_t units)
{
    units = map_destroy_step(&s->session_by_id, units);
    units = map_destroy_step(&s->weak_was, units);
    units = units > 0 ? free_gathers(s, &s->wides, &s->wide_count, units) : 0;
    units = units > 0 ? free_gathers(s, &s->sessions, &s->session_count, units) : 0;
    for (size_t i = 0; i < GROUPS && units > 0; i++)
        units = gather_fini(&s->groups[i], s->mem, units);
    units = units > 0 ? texts_end_making(&s->texts, units) : 0;
    return units > 0 ? lane_close(&s->node_of, units) : 0;
}

static void fit(struct snapshot *s)
{
    const struct frozen *f = &s->frozen;
    size_t nodes = f->node_count, edges = f->edge_count, weak = f->weak_count;

    lane_fit(&s->id, nodes * 8);
    lane_fit(&s->bytes, nodes * 8);
    lane_fit(&s->label, nodes * 4);
    lane_fit(&s->first_edge, (nodes + 1) * 4);
    lane_fit(&s->edge_to, edges * 4);
    lane_fit(&s->edge_name, edges * 4);
    lane_fit(&s->weak_from, weak * 4);
    lane_fit(&s->weak_to, weak * 4);
    lane_fit(&s->weak_name, weak * 4);
}

size_t snapshot_trim(struct snapshot *s, size_t units)
{
    struct frozen *f = &s->frozen;

    if ((units = snapshot_drop_gathered(s, units)) == 0)
        return 0;
    fit(s);
    f->mem = s->mem;
    f->object_count = s->objects;
    f->object_bytes = s->object_bytes;
    f->first_edge = lane_u32(&s->first_edge);
    f->edge_to = lane_u32(&s->edge_to);
    f->edge_name = lane_u32(&s->edge_name);
    f->id = lane_u64(&s->id);
    f->bytes = lane_u64(&s->bytes);
    f->label = lane_u32(&s->label);
    f->weak_from = lane_u32(&s->weak_from);
    f->weak_to = lane_u32(&s->weak_to);
    f->weak_name = lane_u32(&s->weak_name);
    f->labels = (const void *)s->texts.labels.base;
    f->label_count = s->texts.label_count;
    f->strings = (const void *)s->texts.strings.base;
    f->string_count = s->texts.string_count;
    return units;
}
