/*
 * dump.h - all that can be seen of a world, as text: two dumps are equal, or something has changed.
 *
 * Objects with contents in their order, etag, references and size; roots, weak names and holds as they are listed. Left
 * out is the size of an object whose class is "Dict": a dictionary keeps room that it has grown. dump_contents() leaves
 * out sizes, and etags: those of large objects change with every collection.
 */
#pragma once
#include "tests/unit/world.h"

static inline void dump_value(FILE *out, struct value v)
{
    switch (v.kind) {
    case VALUE_NULL:
    case VALUE_FALSE:
    case VALUE_TRUE:
        fprintf(out, "%d", (int)v.kind);
        return;
    case VALUE_INT:
        fprintf(out, "%" PRId64, v.integer);
        return;
    case VALUE_REAL:
        fprintf(out, "%a", v.real);
        return;
    case VALUE_STRING:
        fprintf(out, "\"%.*s\"", (int)v.string.len, v.string.data);
        return;
    case VALUE_LINK:
    case VALUE_WEAK:
        fprintf(out, "%s%" PRIu64, v.kind == VALUE_LINK ? "@" : "~", v.id);
        return;
    }
}

static inline void dump_object(struct world *w, FILE *out, obj_id id, bool whole)
{
    struct object_info i = info(w, id);
    struct part_cursor cursor = {0};
    struct part part;

    fprintf(out, "%" PRIu64 " %.*s refs %" PRIu64 " weak %" PRIu64 " etag %" PRIx64, id, (int)i.class.len, i.class.data,
            i.refs, i.weak_refs, whole ? etag(w, id) : 0);
    if (whole && !slice_is(i.class, "Dict"))
        fprintf(out, " bytes %" PRIu64, i.bytes);
    while (heap_next_part(w->heap, id, &cursor, &part)) {
        fprintf(out, " %.*s:", (int)part.name.len, part.name.data);
        dump_value(out, part.value);
    }
    fputc('\n', out);
}

static inline void dump_names(const struct world *w, FILE *out)
{
    uint32_t cursor = 0;
    struct slice name;
    obj_id id;

    while (root_next(w->heap, &cursor, &name, &id))
        fprintf(out, "root %u %.*s %" PRIu64 "\n", cursor, (int)name.len, name.data, id);
    for (cursor = 0; weak_next(w->heap, &cursor, &name, &id);)
        fprintf(out, "weak %u %.*s %" PRIu64 "\n", cursor, (int)name.len, name.data, id);
    for (cursor = UINT32_MAX; session_next_hold(w->sessions, 0, &cursor, &id);)
        fprintf(out, "hold %" PRIu64 "\n", id);
}

static inline char *dump_all(struct world *w, bool whole)
{
    struct heap_stats s = world_stats(w);
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    obj_id id;

    MUST(out != NULL);
    fprintf(out, "%" PRIu64 " objects %" PRIu64 " links %" PRIu64 " weak\n", s.objects, s.links, s.weak_links);
    for (slot_t slot = 0; (id = heap_next_object(w->heap, &slot, SIZE_MAX)) != 0;)
        dump_object(w, out, id, whole);
    dump_names(w, out);
    fclose(out);
    return text;
}

/* To be freed. */
static inline char *dump(struct world *w)
{
    return dump_all(w, true);
}

static inline char *dump_contents(struct world *w)
{
    return dump_all(w, false);
}

/* Both are freed. */
static inline void same_dump(char *before, char *after, const char *what)
{
    const char *a = before, *b = after;
    const char *line_a = a, *line_b = b;

    for (; *a != '\0' && *a == *b; a++, b++) {
        if (*a == '\n') {
            line_a = a + 1;
            line_b = b + 1;
        }
    }
    if (*a != *b)
        ck_abort_msg("%s:\n%.300s\nis now\n%.300s", what, line_a, line_b);
    free(before);
    free(after);
}
