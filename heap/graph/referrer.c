/* referrer.c - see referrer.h. */
#include "heap/graph/referrer.h"
#include "heap/heap_gc.h"
#include "heap/heap_impl.h"

#define SLOTS_A_LOOK 64
#define BYTES_AHEAD 1024 /* of cells that are gone through in the order of memory */

static bool may_link(const struct object *o, uint32_t values, word_t link)
{
    if (!object_is_inline(o))
        return o->kind != KIND_BYTES;
    for (uint32_t i = 0; i < values; i++)
        if (o->word[i] == link)
            return true;
    return false;
}

static bool is_shown(const struct heap *h, slot_t slot)
{
    return heap_is_alive(h, slot) && (h->stagings == NULL || !staging_hides(h, slot));
}

/* Among 64 slots, those in use from `first` on; 0: none of them. */
static slot_t find_among(const struct heap *h, slot_t first, word_t link)
{
    uint64_t mask = h->pools.used[first / 64] >> first % 64 << first % 64;
    struct pool_span span = span_of(&h->pools, pool_of(first));

    for (; mask != 0; mask &= mask - 1) {
        slot_t slot = (first & ~63u) + (slot_t)__builtin_ctzll(mask);
        const struct object *o = object_in(&span, slot);

        __builtin_prefetch((const char *)o + BYTES_AHEAD);
        if (may_link(o, span.words - OBJECT_HEADER_WORDS, link) && is_shown(h, slot))
            return slot;
    }
    return 0;
}

/* A pool without objects is one step, and so are 64 slots that are not used. */
obj_id heap_next_referrer(const struct heap *h, slot_t *slot, obj_id target, size_t max)
{
    slot_t end = h->pools.pool_end << POOL_SHIFT, at = *slot + 1;
    word_t link = WORD(WORD_LINK, (slot_t)(target & SLOT_MAX));

    while (at < end && max > 0) {
        bool objects = pool_is_objects(&h->pools, pool_of(at));
        slot_t found = objects ? find_among(h, at, link) : 0;

        if (found != 0) {
            *slot = found;
            return heap_id(h, found);
        }
        at = (at | (objects ? 63 : POOL_CELLS - 1)) + 1;
        max -= objects && max > SLOTS_A_LOOK ? SLOTS_A_LOOK : 1;
    }
    *slot = at < end ? at - 1 : 0;
    return 0;
}
