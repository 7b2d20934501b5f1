/*
 * part_walk.c - see part_walk.h.
 */
#include "api/part_walk.h"
#include "heap/base/check.h"

#define PARTS_PER_UNIT 16

enum err part_walk_begin(const struct heap *h, struct part_walk *w, obj_id id, struct why *why)
{
    struct object_info info;
    enum err e = heap_info(h, id, &info, why);

    if (e)
        return e;
    *w = (struct part_walk){.id = id, .kind = info.kind};
    return ERR_OK;
}

/* Where the walk paused. False: there is nothing there any more. */
static bool find_again(const struct heap *h, struct part_walk *w, struct part_cursor *ret)
{
    struct slice name = {w->name, w->name_len};

    *ret = (struct part_cursor){0};
    if (!heap_has(h, w->id))
        return false;
    if (w->number == 0)
        return true;
    if (w->kind == HEAP_LIST)
        return heap_seek_item(h, w->id, w->number, ret, NULL) == ERR_OK;
    if (heap_seek_field(h, w->id, name, ret, NULL) != ERR_OK) {
        *ret = (struct part_cursor){0};
        w->number = 0;
    }
    return true;
}

/* Remember the next part; false if there is none. */
static bool pause(const struct heap *h, struct part_walk *w, struct part_cursor cursor)
{
    struct part next;

    if (!heap_next_part(h, w->id, &cursor, &next))
        return false;
    if (w->kind != HEAP_RECORD)
        return true;
    CHECK(next.name.len <= sizeof w->name);
    memcpy(w->name, next.name.data, next.name.len);
    w->name_len = (uint8_t)next.name.len;
    return true;
}

size_t part_walk_step(const struct heap *h, struct part_walk *w, size_t units, part_visit *visit, void *ctx)
{
    struct part_cursor cursor;
    struct part part;

    CHECK(units > 0 && !w->stopped);
    if (!find_again(h, w, &cursor))
        return units;
    for (; units > 0; units--) {
        for (size_t i = 0; i < PARTS_PER_UNIT; i++) {
            if (!heap_next_part(h, w->id, &cursor, &part))
                return units;
            w->stopped = !visit(ctx, &part, w->number);
            if (w->stopped)
                return units;
            w->number++;
        }
    }
    return pause(h, w, cursor) ? 0 : 1;
}
