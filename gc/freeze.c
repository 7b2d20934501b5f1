/* freeze.c - the permanent generation (gc.freeze, gc.unfreeze): objects that no collection looks at. */
#include "gc/gc_impl.h"

uint64_t gc_freeze(struct gc *gc, bool freeze)
{
    gc->freezing = true;
    gc->freeze_on = freeze; /* asked twice before it began: the last word counts */
    gc->freeze_cursor = 1;
    return ++gc->freeze_asked;
}

bool gc_freeze_done(const struct gc *gc, uint64_t ticket)
{
    return gc->freeze_done >= ticket;
}

static void move_one(struct gc *gc, slot_t slot)
{
    const struct object *o = gc_object(gc, slot);
    bool frozen = o->generation == GENERATION_FROZEN;

    if (o->state != STATE_LIVE || o->kind == KIND_BYTES || frozen == gc->freeze_on)
        return;
    gc_promote(gc, slot, gc_object(gc, slot), gc->freeze_on ? GENERATION_FROZEN : 2);
}

size_t freeze_step(struct gc *gc, size_t units)
{
    slot_t end = gc_heap_end(gc);

    for (; gc->freeze_cursor < end; gc->freeze_cursor++) {
        if (units == 0)
            return 0;
        if (gc_in_use(gc, gc->freeze_cursor))
            move_one(gc, gc->freeze_cursor);
        else if (!pool_is_objects(gc->pools, pool_of(gc->freeze_cursor)))
            gc->freeze_cursor |= POOL_CELLS - 1;
        units--;
    }
    for (int g = 0; g < GC_GENERATIONS && gc->freeze_on; g++)
        gc->counts[g] = 0;
    gc->freezing = false;
    gc->freeze_done = gc->freeze_asked;
    return units;
}
