/*
 * ref.c - see ref.h.
 *
 * Invariants: 1. a live object's count is the number of links, roots, holds, scopes and garbage entries that
 * name it (heap_validate() recounts), and those that are still to be let go of (reap.c); it is 0 only between the drop and
 * the kill, inside ref_drop() and heap_reap(), and as long as changes may be taken back (undo.h).
 * 2. has_big is set exactly while big_counts has an entry for the slot, and that entry is not 0.
 */
#include "heap/death.h"
#include "heap/onlooker.h"
#include "heap/shape.h"
#include "heap/weak.h"

#define HALF (1u << (OBJECT_COUNT_BITS - 1))

/* ---- counts too large for the cell ---- */

enum err ref_spill_half(struct heap *h, slot_t slot, struct why *why)
{
    struct object *o = object_at(h, slot);
    uint32_t entry = o->has_big ? map_find(h->big_counts, slot) : MAP_NONE;

    if (entry != MAP_NONE)
        map_set_value(h->big_counts, entry, map_value(h->big_counts, entry) + 1);
    else if (!map_add(h->big_counts, slot, 1))
        return why_set(why, ERR_NOMEM, "no memory to count another reference");
    o->has_big = 1;
    o->count = (o->count - HALF) & OBJECT_COUNT_MAX;
    return ERR_OK;
}

void ref_fetch_half(struct heap *h, slot_t slot, struct object *o)
{
    uint32_t entry = map_find(h->big_counts, slot);

    CHECK(entry != MAP_NONE && map_value(h->big_counts, entry) > 0);
    o->count = (o->count + HALF) & OBJECT_COUNT_MAX;
    if (map_value(h->big_counts, entry) > 1) {
        map_set_value(h->big_counts, entry, map_value(h->big_counts, entry) - 1);
        return;
    }
    map_remove(h->big_counts, entry);
    o->has_big = 0;
}

uint64_t ref_count(const struct heap *h, slot_t slot)
{
    const struct object *o = object_at(h, slot);
    uint64_t count = o->count;

    if (o->has_big)
        count += (uint64_t)HALF * map_value(h->big_counts, map_find(h->big_counts, slot));
    return count;
}

/* ---- up and down ---- */

static void tell_who_counts(const struct heap *h, slot_t slot, bool gained)
{
    for (size_t i = 0; i < HEAP_WATCHES_MAX && h->watch[i] != NULL; i++)
        if (h->watch[i]->counted != NULL)
            h->watch[i]->counted(h->watch[i]->ctx, slot, gained);
}

/* The collector takes a member whose count changes as reached. */
void ref_tell_window(const struct heap *h, slot_t slot, bool gained)
{
    onlooker_note_count(h, slot, gained);
    if ((h->windows.open & WINDOW_COUNTS) != 0)
        tell_who_counts(h, slot, gained);
    if (!windows_have(&h->windows, h->windows.open, slot))
        return;
    for (size_t i = 0; i < HEAP_WATCHES_MAX && h->watch[i] != NULL; i++) {
        const struct heap_watch *w = h->watch[i];
        void (*fn)(void *, slot_t) = gained ? w->gained_ref : w->lost_ref;

        if (fn != NULL)
            fn(w->ctx, slot);
    }
}

/* ---- death ---- */

static void close_scans_of(struct heap *h, slot_t slot)
{
    for (struct edge_scan *s = h->scans, *next; s != NULL; s = next) {
        next = s->next;
        if (s->slot == slot)
            heap_close_scan(h, s);
    }
}

void ref_leave_tables(struct heap *h, slot_t slot, struct object *o)
{
    close_scans_of(h, slot);
    staging_note_death(h, slot);
    if (o->has_weak)
        weak_died(h, slot);
    if (o->has_big) {
        map_remove(h->big_counts, map_find(h->big_counts, slot));
        o->has_big = 0;
    }
}

void ref_kill(struct heap *h, slot_t slot)
{
    struct object *o = object_at(h, slot);
    uint64_t bytes = object_bytes_inline(h, slot, o);

    ref_announce_death(h, slot, o);
    shape_lose_objects(h, o->shape, 1, bytes);
    o->state = STATE_DEAD;
    h->stats.objects--;
    h->stats.tracked -= o->kind != KIND_BYTES;
    h->stats.live_bytes -= bytes;
    h->stats.doomed++;
    h->stats.doomed_bytes += bytes;
}

void ref_die(struct heap *h, slot_t slot, struct object *o)
{
    h->stats.freed_by_refcount++;
    ref_kill(h, slot);
    ref_doom(h, slot, o);
}

/* It may be linked again, or the drop be taken back: undo.h. An audit, which otherwise hears of the last reference by the
 * death, hears of it now; so it has to come back before the death is told. */
static void stay_at_zero(struct heap *h, slot_t slot)
{
    h->stats.fell_nonzero++;
    onlooker_note_count(h, slot, false);
}

void ref_leave_zero(struct heap *h, slot_t slot)
{
    onlooker_note_count(h, slot, true);
}

void ref_lost_last(struct heap *h, slot_t slot, struct object *o)
{
    if (h->undo == NULL)
        ref_die(h, slot, o);
    else
        stay_at_zero(h, slot);
}

void ref_drop(struct heap *h, slot_t slot)
{
    struct object *o = object_at(h, slot);

    if (ref_count_down(h, slot, o))
        ref_lost_last(h, slot, o);
}
