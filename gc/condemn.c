/*
 * condemn.c - what was not reached dies: all of it at one moment, its memory in steps.
 *
 * The flip (heap_condemn_window) makes every member that is left dead to all who ask, weak references included.
 * Then two walks over the set, pool by pool, each complete before the next (heap/condemned.c):
 *
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
    w->release.inward = w->outward == 0 && w->members.count == w->looked_through;
    if (w->run.dry_run)
        gc->dry_count = 0;
    else if (!w->save_all)
        heap_condemn_window(gc->heap, w->mark, w->run.collected);
}

static void depopulate(struct gc *gc, uint32_t pool, uint32_t generation, uint32_t count)
{
    gc->population[generation] -= count;
    if (pool << POOL_SHIFT < gc->counted_end)
        gc->census.generation[generation] -= count;
}

size_t condemn_release(struct gc *gc, struct window *w, size_t units)
{
    for (; units > 0 && !window_is_walked(w); window_next_pool(gc, w, &units)) {
        uint32_t pool = pool_of(w->group);

        if (!slotset_has_in_pool(&w->members, pool))
            continue;
        units = heap_release_condemned(gc->heap, w->mark, pool, w->members.bits[pool], &w->release, units);
        for (uint32_t g = 0; g <= GENERATION_FROZEN; g++)
            depopulate(gc, pool, g, w->release.by_generation[g]);
        if (units == 0)
            return 0;
        w->release.place = 0;
    }
    return units;
}

#define CELLS_PER_UNIT 4

size_t condemn_free(struct gc *gc, struct window *w, size_t units)
{
    for (; units > 0 && !window_is_walked(w); window_next_pool(gc, w, &units)) {
        uint32_t pool = pool_of(w->group);
        uint64_t before = w->members.count;
        size_t cost;

        if (!slotset_has_in_pool(&w->members, pool))
            continue;
        heap_free_condemned(gc->heap, pool, w->members.bits[pool]);
        slotset_clear_pool(&w->members, pool);
        cost = 1 + (before - w->members.count) / CELLS_PER_UNIT;
        units = units > cost ? units - cost : 1; /* window_next_pool() takes the last */
    }
    return units;
}

/* ---- save-all ---- */

/* The next of those that were not reached leaves the window, a unit each; 0: the end, or no units. */
static slot_t take_member(struct gc *gc, struct window *w, size_t *units)
{
    slot_t slot = 0;

    window_resume(gc, w);
    if (*units > 0 && (slot = window_next(gc, w, units)) != 0) {
        slotset_remove(&w->members, slot);
        *units -= *units > 0; /* the walk may have taken the last */
    }
    return slot;
}

/* It stays as if it had been reached, and the garbage list holds it. Without memory for that it just stays: the
 * next collection finds it again. */
size_t condemn_save(struct gc *gc, struct window *w, size_t units)
{
    slot_t slot;

    while ((slot = take_member(gc, w, &units)) != 0) {
        gc_promote(gc, slot, gc_object(gc, slot), window_older(w));
        if (map_find(gc->garbage, slot) != MAP_NONE)
            continue;
        garbage_note_change(gc, false);
        if (map_add(gc->garbage, slot, 0) && heap_take_ref(gc->heap, slot) != ERR_OK)
            map_remove(gc->garbage, map_find(gc->garbage, slot));
    }
    return units;
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

        garbage_note_change(gc, true);
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
    slot_t slot;

    while ((slot = take_member(gc, w, &units)) != 0) {
        struct gc_class_count *row = class_row(gc, heap_class_of(gc->heap, slot));

        if (row == NULL)
            continue;
        row->objects++;
        row->bytes += heap_bytes_of(gc->heap, slot);
    }
    if (units > 0)
        qsort(gc->dry, gc->dry_count, sizeof *gc->dry, compare_rows);
    return units;
}

bool gc_dry_class(const struct gc *gc, size_t i, struct gc_class_count *ret)
{
    if (i >= gc->dry_count)
        return false;
    *ret = gc->dry[i];
    return true;
}
