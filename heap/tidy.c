/*
 * tidy.c - memory goes back (heap.h): the heap's door to what arena.c and pack.c do.
 */
#include "heap/heap_impl.h"

void heap_set_tidy(struct heap *h, const struct heap_tidy *t)
{
    h->pools.decay_ms = t->purge_decay_ms;
    pools_set_pack(&h->pools, t->pack_used_pct);
}

void heap_tell_time(struct heap *h, uint64_t now_ms)
{
    pools_tell_time(&h->pools, now_ms);
}

/* Whoever wanted all of it at once has got it. Packing leaves pages to purge, so purging ends last. */
static void calm_down(struct heap *h)
{
    struct pools *p = &h->pools;

    if (heap_pack_at_ms(h) != 0)
        p->pack_all_due = false;
    if (heap_purge_at_ms(h) != 0 && !p->pack_all_due)
        p->purge_all_due = false;
}

uint64_t heap_pack_at_ms(const struct heap *h)
{
    return pools_pack_at_ms(&h->pools);
}

size_t heap_pack(struct heap *h, size_t units)
{
    units = pools_pack(&h->pools, units);
    calm_down(h);
    return units;
}

uint64_t heap_purge_at_ms(const struct heap *h)
{
    return pools_purge_at_ms(&h->pools);
}

size_t heap_purge(struct heap *h, size_t units)
{
    units = pools_purge(&h->pools, units);
    calm_down(h);
    return units;
}

void heap_tidy_soon(struct heap *h)
{
    h->pools.pack_all_due = h->pools.purge_all_due = true;
    h->pools.pack_retry_ms = 0;
    calm_down(h);
}

void heap_tidy_now(struct heap *h)
{
    mem_trim();
    heap_tidy_soon(h);
}
