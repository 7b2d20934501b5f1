/*
 * condemn.c - what was not reached dies: all of it at one moment, its memory in steps.
 *
 * The flip (heap_condemn_window) makes every member that is left dead to all who ask, weak references included.
 * Then three walks over the set, each complete before the next:
 *
 *     CONDEMN  each is marked dead and leaves the statistics
 *     RELEASE  each lets go of its contents; a survivor that loses its last reference by that dies by counting
 *     FREE     the cells go back
 *
 * With save-all nothing dies: what was not reached goes onto the garbage list instead, as in CPython.
 */
#include "gc/gc_impl.h"
#include "heap/base/map.h"
#include <stdlib.h>
#include <string.h>

void condemn_begin(struct gc *gc, struct window *w)
{
    w->run.collected = w->run.candidates - w->reached - w->died;
    window_rewind(w);
    if (w->run.dry_run)
        gc->dry_count = 0;
    else if (!w->save_all)
        heap_condemn_window(gc->heap, w->mark);
}

size_t condemn_kill(struct gc *gc, struct window *w, size_t units)
{
    while (units > 0) {
        slot_t slot = window_next_member(gc, w, &units);

        if (slot != 0)
            heap_kill_condemned(gc->heap, slot);
        else if (units > 0) {
            heap_reopen_window(gc->heap, w->mark);
            return units;
        }
    }
    return 0;
}

size_t condemn_release(struct gc *gc, struct window *w, size_t units)
{
    while (units > 0) {
        if (w->releasing == 0)
            w->releasing = window_next_member(gc, w, &units);
        if (w->releasing == 0)
            return units;

        size_t left = heap_release_condemned(gc->heap, w->releasing, units > 0 ? units : 1);

        if (left == 0)
            return 0;
        w->releasing = 0;
        units = units > 0 ? left : 0; /* one that was found with the last unit is released all the same */
    }
    return 0;
}

static void leave_sets(struct gc *gc, slot_t slot)
{
    slotset_remove(&gc->nursery[0], slot);
    slotset_remove(&gc->nursery[1], slot);
    slotset_remove(&gc->middle, slot);
}

size_t condemn_free(struct gc *gc, struct window *w, size_t units)
{
    while (units > 0) {
        slot_t slot = window_next_member(gc, w, &units);

        if (slot == 0)
            return units;
        leave_sets(gc, slot);
        heap_free_condemned(gc->heap, slot);
    }
    return 0;
}

/* ---- save-all ---- */

/* It stays as if it had been reached, and the garbage list holds it. Without memory for that it just stays: the
 * next collection finds it again. */
size_t condemn_save(struct gc *gc, struct window *w, size_t units)
{
    while (units > 0) {
        slot_t slot = window_next_member(gc, w, &units);

        if (slot == 0)
            return units;
        gc_object(gc, slot)->window = WINDOW_NONE;
        gc_promote(gc, slot, w->generation == 0 ? 1 : 2);
        if (map_find(gc->garbage, slot) != MAP_NONE || !map_add(gc->garbage, slot, 0))
            continue;
        if (heap_take_ref(gc->heap, slot) != ERR_OK)
            map_remove(gc->garbage, map_find(gc->garbage, slot));
    }
    return 0;
}

bool gc_next_garbage(const struct gc *gc, uint32_t *cursor, obj_id *ret)
{
    uint32_t count = map_count(gc->garbage);

    if (count == 0 || *cursor == 0)
        return false;
    *cursor = *cursor > count ? count - 1 : *cursor - 1;
    *ret = heap_id(gc->heap, map_key(gc->garbage, *cursor));
    return true;
}

bool gc_is_garbage(const struct gc *gc, obj_id id)
{
    slot_t slot = heap_slot(gc->heap, id);

    return slot != 0 && map_find(gc->garbage, slot) != MAP_NONE;
}

size_t gc_clear_garbage(struct gc *gc, size_t units)
{
    for (uint32_t count; units > 0 && (count = map_count(gc->garbage)) > 0; units--) {
        slot_t slot = map_key(gc->garbage, count - 1);

        map_remove(gc->garbage, count - 1);
        heap_drop_ref(gc->heap, slot);
    }
    return units;
}

/* ---- dry run ---- */

static struct gc_class_count *class_row(struct gc *gc, struct slice name)
{
    for (size_t i = 0; i < gc->dry_count; i++)
        if (slice_is(name, gc->dry[i].name))
            return &gc->dry[i];
    if (gc->dry_count == GC_DRY_CLASSES_MAX)
        return NULL;

    struct gc_class_count *row = &gc->dry[gc->dry_count++];

    *row = (struct gc_class_count){.objects = 0};
    memcpy(row->name, name.data, name.len);
    return row;
}

/* For qsort(): the largest count first, then by name. */
static int compare_rows(const void *left, const void *right)
{
    const struct gc_class_count *a = left, *b = right;

    if (a->objects != b->objects)
        return a->objects > b->objects ? -1 : 1;
    return strcmp(a->name, b->name);
}

/* Count what would go, by class, and put the members back where they were. */
size_t condemn_tally(struct gc *gc, struct window *w, size_t units)
{
    while (units > 0) {
        slot_t slot = window_next_member(gc, w, &units);

        if (slot == 0 && units > 0)
            qsort(gc->dry, gc->dry_count, sizeof *gc->dry, compare_rows);
        if (slot == 0)
            return units;

        struct gc_class_count *row = class_row(gc, heap_class_of(gc->heap, slot));

        gc_object(gc, slot)->window = WINDOW_NONE;
        if (row == NULL)
            continue;
        row->objects++;
        row->bytes += heap_bytes_of(gc->heap, slot);
    }
    return 0;
}

bool gc_dry_class(const struct gc *gc, size_t i, struct gc_class_count *ret)
{
    if (i >= gc->dry_count)
        return false;
    *ret = gc->dry[i];
    return true;
}
