/*
 * tidy.c - memory goes back (heap.h): when, and how much at a time. What is done then is the pools' (arena.c).
 */
#include "heap/heap_impl.h"

void heap_set_tidy(struct heap *h, const struct heap_tidy *t)
{
    h->pools.decay_ms = t->purge_decay_ms;
}

void heap_tell_time(struct heap *h, uint64_t now_ms)
{
    CHECK(now_ms >= h->pools.now_ms);
    h->pools.now_ms = now_ms;
}

/* Whoever wanted all of it at once has got it. */
static void calm_down(struct heap *h)
{
    if (heap_purge_at_ms(h) == UINT64_MAX)
        h->pools.all_due = false;
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

void heap_tidy_now(struct heap *h)
{
    mem_trim();
    h->pools.all_due = true;
    calm_down(h);
}
