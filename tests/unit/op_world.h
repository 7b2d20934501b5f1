/*
 * op_world.h - where lines and bodies are read: a heap with one object, that a text can name, and a decoder at it.
 *
 * world_free() proves that nothing else has stayed.
 */
#pragma once
#include "api/op.h"
#include "tests/unit/unit.h"

#define DEPTH 64 /* of the JSON that is read */

struct world {
    struct mem mem;
    struct heap *heap;
    obj_id known; /* 2048, the first that a heap gives, and "@0" */
    struct decoder d;
    struct op_room room;
    struct op op;
};

static enum err at_name(void *ctx, struct slice text, obj_id *ret, struct why *why)
{
    if (!slice_is(text, "@0"))
        return why_set(why, ERR_BAD_VALUE, "no such name");
    *ret = ((struct world *)ctx)->known;
    return ERR_OK;
}

static struct world *world_new(void)
{
    struct world *w = calloc(1, sizeof *w);

    ck_assert_ptr_nonnull(w);
    mem_init(&w->mem, 0);
    MUST(heap_create(&w->mem, 7, &w->heap) == ERR_OK);
    MUST(heap_new_record(w->heap, (struct label){SLICE("Known"), SLICE("")}, NULL, 0, &w->known, NULL) == ERR_OK);
    w->d = (struct decoder){.heap = w->heap, .mem = &w->mem, .name = at_name, .ctx = w};
    return w;
}

static void world_free(struct world *w)
{
    struct heap_stats stats;

    while (heap_reap(w->heap, 100) == 0)
        ;
    heap_stats(w->heap, &stats);
    ck_assert_uint_eq(stats.objects, 1);
    heap_release(w->heap, w->known);
    heap_destroy(&w->heap);
    mem_fini(&w->mem);
    free(w);
}
