/* grey.c - see grey.h. */
#include "gc/grey.h"

slot_t grey_pop_swept(struct grey *g)
{
    slot_t slot;

    if (g->taken == 0) {
        if (g->rest.count == 0)
            return 0;
        g->group = slotset_take_group(&g->rest, g->group, &g->taken);
        if (g->taken == 0)
            return 0;
    }
    slot = g->group + (slot_t)__builtin_ctzll(g->taken);
    g->taken &= g->taken - 1;
    return slot;
}
