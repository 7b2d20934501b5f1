/*
 * ref.c - see ref.h.
 *
 * Invariants: 1. a live object's count is the number of links, roots, holds, scopes and garbage entries that
 * name it (heap_validate() recounts); it is 0 only between the drop and the kill, inside ref_drop().
 * 2. has_big is set exactly while big_counts has an entry for the slot, and that entry is not 0.
 */
#include "heap/ref.h"
#include "heap/heap_impl.h"
#include "heap/shape.h"
#include "heap/weak.h"

#define HALF (1u << (OBJECT_COUNT_BITS - 1))

/* ---- counts too large for the cell ---- */

static bool spill_half(struct heap *h, slot_t slot, struct object *o)
{
    uint32_t entry = o->has_big ? map_find(h->big_counts, slot) : MAP_NONE;

    if (entry != MAP_NONE)
        map_set_value(h->big_counts, entry, map_value(h->big_counts, entry) + 1);
    else if (!map_add(h->big_counts, slot, 1))
        return false;
    o->has_big = 1;
    o->count = (o->count - HALF) & OBJECT_COUNT_MAX;
    return true;
}

static void fetch_half(struct heap *h, slot_t slot, struct object *o)
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

/* The collector takes a member whose count changes as reached. */
static void tell_window(const struct heap *h, slot_t slot, bool gained)
{
    if (h->window[slot] == 0)
        return;
    for (size_t i = 0; i < HEAP_WATCHES_MAX && h->watch[i] != NULL; i++) {
        const struct heap_watch *w = h->watch[i];
        void (*fn)(void *, slot_t) = gained ? w->gained_ref : w->lost_ref;

        if (fn != NULL)
            fn(w->ctx, slot);
    }
}

enum err ref_take(struct heap *h, slot_t slot, struct why *why)
{
    struct object *o = object_at(h, slot);

    CHECK(o->state == STATE_LIVE);
    if (o->count == OBJECT_COUNT_MAX && !spill_half(h, slot, o))
        return why_set(why, ERR_NOMEM, "no memory to count another reference");
    o->count++;
    if (h->open_windows != 0)
        tell_window(h, slot, true);
    return ERR_OK;
}

void ref_drop(struct heap *h, slot_t slot)
{
    struct object *o = object_at(h, slot);

    if (o->state == STATE_DEAD || (h->dead_windows != 0 && !heap_is_alive(h, slot)))
        return;
    CHECK(o->state == STATE_LIVE && o->count > 0);
    o->count--;
    if (o->count == 0 && o->has_big)
        fetch_half(h, slot, o);
    if (o->count > 0) {
        h->stats.fell_nonzero++;
        if (h->open_windows != 0)
            tell_window(h, slot, false);
        return;
    }
    h->stats.freed_by_refcount++;
    ref_kill(h, slot);
    if (h->doomed_tail == 0)
        h->doomed_head = slot;
    else
        object_set_next_dead(object_at(h, h->doomed_tail), slot);
    object_set_next_dead(o, 0);
    h->doomed_tail = slot;
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

void ref_kill(struct heap *h, slot_t slot)
{
    struct object *o = object_at(h, slot);
    uint64_t bytes = object_bytes(h, slot);

    CHECK(o->state == STATE_LIVE);
    for (size_t i = 0; i < HEAP_WATCHES_MAX && h->watch[i] != NULL; i++)
        if (h->watch[i]->dying != NULL)
            h->watch[i]->dying(h->watch[i]->ctx, slot);
    if (h->scans != NULL)
        close_scans_of(h, slot);
    if (o->has_weak)
        weak_died(h, slot);
    if (o->has_big) {
        map_remove(h->big_counts, map_find(h->big_counts, slot));
        o->has_big = 0;
    }
    shape_lose_object(h, o->shape, bytes);
    o->state = STATE_DEAD;
    h->stats.objects--;
    h->stats.tracked -= o->kind != KIND_BYTES;
    h->stats.live_bytes -= bytes;
    h->stats.doomed++;
    h->stats.doomed_bytes += bytes;
}

size_t heap_reap(struct heap *h, size_t units)
{
    while (units > 0 && h->doomed_head != 0) {
        slot_t slot = h->doomed_head;

        units = object_release_contents(h, slot, units);
        if (units == 0)
            return 0; /* maybe not empty yet: it stays at the head */
        h->doomed_head = object_next_dead(object_at(h, slot));
        if (h->doomed_head == 0)
            h->doomed_tail = 0;
        object_free(h, slot);
        units--;
    }
    return units;
}

uint64_t ref_doomed_length(const struct heap *h)
{
    uint64_t n = 0;

    for (slot_t s = h->doomed_head; s != 0; s = object_next_dead(object_at(h, s)))
        n++;
    return n;
}
