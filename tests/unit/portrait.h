/*
 * portrait.h - all that a snapshot should show, as lines: written from a heap as naively as can be, or from a frozen graph.
 * The same lines in another order are the same portrait.
 */
#pragma once
#include "heap/graph/snapshot.h"
#include "heap/session_impl.h"
#include "tests/unit/gc_world.h"

struct portrait {
    char **line;
    size_t count, room;
};

static void portray(struct portrait *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void portray(struct portrait *p, const char *format, ...)
{
    va_list args;

    if (p->count == p->room) {
        p->room = p->room == 0 ? 1024 : 2 * p->room;
        p->line = realloc(p->line, p->room * sizeof *p->line);
    }
    va_start(args, format);
    MUST(vasprintf(&p->line[p->count++], format, args) >= 0);
    va_end(args);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void portrait_free(struct portrait *p)
{
    for (size_t i = 0; i < p->count; i++)
        free(p->line[i]);
    free(p->line);
    *p = (struct portrait){.count = 0};
}

/* ---- of a heap ---- */

static void portray_part(struct portrait *p, obj_id id, enum heap_kind kind, const struct part *part)
{
    const char *arrow = part->value.kind == VALUE_WEAK ? "~>" : "->";

    if ((part->value.kind != VALUE_LINK && part->value.kind != VALUE_WEAK) || part->value.id == 0)
        return;
    if (kind == HEAP_LIST)
        portray(p, "%" PRIu64 " [%" PRIu64 "] %s %" PRIu64, id, part->index, arrow, part->value.id);
    else
        portray(p, "%" PRIu64 " .%.*s %s %" PRIu64, id, (int)part->name.len, part->name.data, arrow, part->value.id);
}

static void portray_object(struct portrait *p, struct world *w, obj_id id)
{
    struct object_info i = info(w, id);
    struct part_cursor cursor = {0};
    struct part part;

    portray(p, "object %" PRIu64 " %d %.*s@%.*s %" PRIu64, id, i.kind, (int)i.class.len, i.class.data, (int)i.site.len,
            i.site.data, i.bytes);
    while (heap_next_part(w->heap, id, &cursor, &part))
        portray_part(p, id, i.kind, &part);
}

static void portray_session(struct portrait *p, struct world *w, const struct session_info *s)
{
    uint32_t cursor = UINT32_MAX;
    obj_id id;

    while (session_next_hold(w->sessions, s->id, &cursor, &id))
        portray(p, "session %u %.*s -> %" PRIu64, s->id, (int)s->label.len, s->label.data, id);
}

/* What it held has not been let go of yet. */
static void portray_ended(struct portrait *p, struct world *w, const struct session *s)
{
    for (uint32_t e = 0; e < map_count(s->holds); e++)
        portray(p, "session %u %.*s -> %" PRIu64, s->id, (int)s->label_len, s->label,
                heap_id(w->heap, map_key(s->holds, e)));
}

struct garbage_of {
    struct portrait *p;
    const struct heap *heap;
};

static void portray_garbage(void *to, slot_t slot)
{
    struct garbage_of *g = to;

    portray(g->p, "garbage -> %" PRIu64, heap_id(g->heap, slot));
}

static void portray_holders(struct portrait *p, struct world *w)
{
    struct garbage_of g = {p, w->heap};
    struct session_info s;
    struct slice name;
    uint32_t cursor = 0, at = UINT32_MAX;
    obj_id id;

    while (root_next(w->heap, &cursor, &name, &id))
        portray(p, "root %.*s -> %" PRIu64, (int)name.len, name.data, id);
    cursor = 0;
    while (session_next(w->sessions, &cursor, &s))
        portray_session(p, w, &s);
    for (const struct session *ended = w->sessions->ending; ended != NULL; ended = ended->next)
        portray_ended(p, w, ended);
    for (const struct scope *sc = heap_next_scope(w->heap, NULL); sc != NULL; sc = heap_next_scope(w->heap, sc))
        for (uint32_t i = 0; i < scope_end(sc); i++)
            if (scope_slot(sc, i) != 0)
                portray(p, "batch -> %" PRIu64, heap_id(w->heap, scope_slot(sc, i)));
    while (w->gc != NULL && gc_next_garbage(w->gc, &at, &id))
        portray_garbage(&g, heap_slot(w->heap, id));
}

static struct portrait portrait_of_heap(struct world *w)
{
    struct portrait p = {.count = 0};
    slot_t slot = 0;
    obj_id id;

    do {
        if ((id = heap_next_object(w->heap, &slot, SIZE_MAX)) != 0)
            portray_object(&p, w, id);
    } while (slot != 0);
    portray_holders(&p, w);
    qsort(p.line, p.count, sizeof *p.line, by_text);
    return p;
}

/* ---- of a frozen graph ---- */

static void portray_edge(struct portrait *p, const struct frozen *f, uint32_t node, uint32_t to, uint32_t name, const char *arrow)
{
    const struct frozen_label *l = frozen_label_of(f, node);
    struct slice text = frozen_names_edges(l->kind) ? frozen_string(f, name) : SLICE("");

    if (l->kind == FROZEN_RECORD)
        portray(p, "%" PRIu64 " .%.*s %s %" PRIu64, f->id[node], (int)text.len, text.data, arrow, f->id[to]);
    else if (l->kind == FROZEN_LIST)
        portray(p, "%" PRIu64 " [%u] %s %" PRIu64, f->id[node], name, arrow, f->id[to]);
    else if (l->kind == FROZEN_ROOTS)
        portray(p, "root %.*s -> %" PRIu64, (int)text.len, text.data, f->id[to]);
    else if (l->kind == FROZEN_SESSION)
        portray(p, "session %" PRIu64 " %.*s -> %" PRIu64, f->id[node], (int)frozen_string(f, l->class).len,
                frozen_string(f, l->class).data, f->id[to]);
    else if (l->kind == FROZEN_BATCHES)
        portray(p, "batch -> %" PRIu64, f->id[to]);
    else if (l->kind == FROZEN_GARBAGE)
        portray(p, "garbage -> %" PRIu64, f->id[to]);
    else
        MUST(!frozen_is_object(f, to));
}

static void portray_node(struct portrait *p, const struct frozen *f, uint32_t node)
{
    const struct frozen_label *l = frozen_label_of(f, node);
    struct slice class = frozen_string(f, l->class), site = frozen_string(f, l->site);

    if (frozen_is_object(f, node))
        portray(p, "object %" PRIu64 " %d %.*s@%.*s %" PRIu64, f->id[node], (int)l->kind, (int)class.len, class.data,
                (int)site.len, site.data, f->bytes[node]);
    for (uint32_t e = f->first_edge[node]; e < f->first_edge[node + 1]; e++)
        portray_edge(p, f, node, f->edge_to[e], f->edge_name[e], "->");
}

static struct portrait portrait_of_frozen(const struct frozen *f)
{
    struct portrait p = {.count = 0};

    ck_assert_uint_eq(frozen_validate(f), 0);
    for (uint32_t n = 0; n < f->node_count; n++)
        portray_node(&p, f, n);
    for (uint32_t e = 0; e < f->weak_count; e++)
        portray_edge(&p, f, f->weak_from[e], f->weak_to[e], f->weak_name[e], "~>");
    qsort(p.line, p.count, sizeof *p.line, by_text);
    return p;
}

/* ---- are they the same? Says up to `tell` lines that one of them lacks. ---- */

static size_t portraits_differ(const struct portrait *a, const struct portrait *b, size_t tell)
{
    size_t i = 0, j = 0, differences = 0;

    while (i < a->count || j < b->count) {
        int order = i == a->count ? 1 : j == b->count ? -1 : strcmp(a->line[i], b->line[j]);

        if (order != 0 && differences++ < tell)
            fprintf(stderr, "%s: %s\n", order < 0 ? "missing" : "too much", order < 0 ? a->line[i] : b->line[j]);
        i += order <= 0;
        j += order >= 0;
    }
    return differences;
}
