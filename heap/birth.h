/*
 * birth.h - the moment at which a free cell becomes an object: inline, since everything that is made goes through it.
 */
#pragma once
#include "heap/shape.h"

/* A cell that is handed out and still STATE_FREE, its own words written, is a live object with count 1 from now on. */
ALWAYS_INLINE void object_begin(struct heap *h, slot_t slot, enum object_kind kind, uint32_t words, uint32_t shape)
{
    struct object *o = object_at(h, slot);
    uint64_t bytes = words * sizeof(uint32_t) + OBJECT_TABLE_BYTES;

    CHECK(o->state == STATE_FREE && !o->has_weak && !o->has_big);
    o->count = 1;
    o->life = (struct object){.state = STATE_LIVE, .kind = kind & 3, .layout = LAYOUT_INLINE}.life;
    o->shape = shape & (SHAPES_MAX - 1);
    INVARIANT(bytes == object_bytes(h, slot)); /* a newborn has no storage but its cell */
    shape_gain_object(h, shape, bytes);
    h->stats.objects++;
    h->stats.tracked += kind != KIND_BYTES;
    h->stats.live_bytes += bytes;
}

/* Its contents are whole, and everybody may know it now, unless it is staged. Tells born. */
ALWAYS_INLINE void object_born(struct heap *h, slot_t slot, enum object_kind kind)
{
    h->stats.created++;
    if (h->entered != NULL)
        staging_add(h, slot);
    for (size_t i = 0; i < HEAP_WATCHES_MAX && h->watch[i] != NULL; i++)
        if (h->watch[i]->born != NULL)
            h->watch[i]->born(h->watch[i]->ctx, slot, kind);
}
