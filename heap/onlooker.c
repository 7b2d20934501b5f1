/* onlooker.c - see onlooker.h. */
#include "heap/onlooker.h"
#include "heap/scope.h"

enum err onlooker_claim(struct heap *h, struct why *why)
{
    CHECK(!pools_are_restored(&h->pools)); /* what is put back is not whole yet */
    if (h->onlooked)
        return why_set(why, ERR_BUSY, "a recount or a snapshot of the heap is going on");
    h->onlooked = true;
    return ERR_OK;
}

void onlooker_cut(struct heap *h, struct onlooker *o)
{
    CHECK(h->onlooked && h->onlooker == NULL && h->undo == NULL);
    CHECK(h->doomed == 0 && h->parting == 0 && h->deferred[0].count == 0 && h->deferred[1].count == 0);
    h->onlooks++;
    h->onlooker = o;
    o->excused = h->windows.dead;
    o->scope = heap_next_scope(h, NULL);
    heap_add_watch(h, &o->watch);
}

void onlooker_leave(struct heap *h, struct onlooker *o)
{
    h->onlooked = false;
    if (h->onlooker != o)
        return;
    h->onlooker = NULL;
    heap_remove_watch(h, &o->watch);
}

/* ---- for the watchers ---- */

uint32_t heap_onlook_number(const struct heap *h)
{
    return h->onlooker != NULL ? h->onlooks : 0;
}

void heap_hold_missed(struct heap *h, const struct heap_holder *by, slot_t slot, bool came)
{
    h->onlooker->ops->hold_missed(h->onlooker, by, slot, came);
}
