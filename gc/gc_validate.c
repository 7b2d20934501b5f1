/*
 * gc_validate.c - which object may be in which state in which phase (gc.h), counted anew.
 *
 *   1. The generations' populations are what the headers say.
 *   2. While no window is open, a young object is in the set of its generation.
 *   3. A slot is in a window only while that is open and the slot in use; members are as many as were chosen and
 *      neither reached nor died, until they are freed.
 */
#include "gc/gc_impl.h"
#include "heap/base/map.h"
#include <inttypes.h>
#include <stdio.h>

struct census {
    uint64_t generation[4];
    uint64_t marked[WINDOWS];
    uint64_t misplaced, free;
};

/* A window takes the young out of their sets; those it has reached grow older when they are looked through. */
static bool is_in_its_set(const struct gc *gc, slot_t slot, const struct object *o)
{
    if (gc->young.phase != GC_IDLE || gc->full.phase != GC_IDLE || o->generation > 1)
        return true;
    if (o->generation == 1)
        return slotset_has(&gc->middle, slot);
    return slotset_has(&gc->nursery[0], slot) || slotset_has(&gc->nursery[1], slot);
}

/* Condemned, and no longer counted in its generation: RELEASE has come by. */
static bool has_left(const struct gc *gc, slot_t slot)
{
    const struct window *w = slotset_has(&gc->young.members, slot) ? &gc->young : &gc->full;
    slot_t place = (pool_of(w->group) << POOL_SHIFT) + w->release.place;

    return !heap_is_alive(gc->heap, slot) && (w->phase == GC_FREE || slot < place);
}

static void count_cell(const struct gc *gc, slot_t slot, struct census *c)
{
    const struct object *o = gc_object(gc, slot);

    c->marked[WINDOW_YOUNG] += slotset_has(&gc->young.members, slot);
    c->marked[WINDOW_FULL] += slotset_has(&gc->full.members, slot);
    if (o->state != STATE_LIVE || o->kind == KIND_BYTES || has_left(gc, slot))
        return;
    c->generation[o->generation]++;
    c->misplaced += !is_in_its_set(gc, slot, o);
}

struct verdict {
    size_t broken;
    void (*tell)(void *ctx, const char *sentence);
    void *ctx;
};

static void claim(struct verdict *v, const char *what, uint64_t found, uint64_t expected)
{
    char sentence[WHY_TEXT_MAX];

    if (found == expected)
        return;
    v->broken++;
    if (v->tell == NULL)
        return;
    snprintf(sentence, sizeof sentence, "gc: %s: %" PRIu64 " found, %" PRIu64 " expected", what, found, expected);
    v->tell(v->ctx, sentence);
}

static void check_window(struct verdict *v, const struct window *w, uint64_t marked)
{
    claim(v, "members of a window", marked, w->members.count);
    if (w->phase == GC_IDLE)
        claim(v, "members of a closed window", marked, 0);
    else if (w->phase == GC_SUBTRACT || w->phase == GC_SPREAD)
        claim(v, "objects in a window", marked, w->run.candidates - w->reached - w->died);
}

size_t gc_validate(struct gc *gc, void (*broken)(void *ctx, const char *sentence), void *ctx)
{
    struct verdict v = {.tell = broken, .ctx = ctx};
    struct census c = {.misplaced = 0};

    for (slot_t slot = POOL_CELLS; slot < gc_heap_end(gc); slot++) {
        if (gc_in_use(gc, slot))
            count_cell(gc, slot, &c);
        else
            c.free += slotset_has(&gc->young.members, slot) || slotset_has(&gc->full.members, slot);
    }
    claim(&v, "objects of generation 0", c.generation[0], gc->population[0]);
    claim(&v, "objects of generation 1", c.generation[1], gc->population[1]);
    claim(&v, "objects of generation 2", c.generation[2], gc->population[2]);
    claim(&v, "frozen objects", c.generation[3], gc->population[GENERATION_FROZEN]);
    claim(&v, "objects in the wrong set", c.misplaced, 0);
    claim(&v, "free slots in a window", c.free, 0);
    claim(&v, "broken rules of the garbage table", map_validate(gc->garbage), 0);
    check_window(&v, &gc->young, c.marked[WINDOW_YOUNG]);
    check_window(&v, &gc->full, c.marked[WINDOW_FULL]);
    return v.broken;
}
