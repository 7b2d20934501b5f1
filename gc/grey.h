/*
 * grey.h - what a collection has reached and not yet looked through.
 *
 * A short queue, first in first out, and behind it a set that is swept in the order of slots, round and round. While
 * few objects wait (a chain: one) the queue has them all. When more wait than it holds, everything goes into the set,
 * and is looked through in the order in which it lies in memory, whatever the order of the links: on a heap that is
 * linked at random that is what the memory system likes best. Neither is ever refused, whatever the shape of the heap.
 */
#pragma once
#include "heap/slotset.h"

#define GREY_QUEUE_MAX 4096u

struct grey {
    slot_t queue[GREY_QUEUE_MAX]; /* a ring */
    uint32_t first, count;
    struct slotset rest;
    slot_t group;                 /* 64 slots of the set that are being handed out ... */
    uint64_t taken;               /* ... those not yet */
};

static inline bool grey_is_empty(const struct grey *g)
{
    return g->count == 0 && g->taken == 0 && g->rest.count == 0;
}

static inline void grey_push(struct grey *g, slot_t slot)
{
    if (g->count < GREY_QUEUE_MAX && g->rest.count == 0)
        g->queue[(g->first + g->count++) % GREY_QUEUE_MAX] = slot;
    else
        slotset_add(&g->rest, slot);
}

/* 0: none; or, if it is not empty, none yet: call again. */
slot_t grey_pop_swept(struct grey *g);

static inline slot_t grey_pop(struct grey *g)
{
    if (g->count == 0)
        return grey_pop_swept(g);
    g->count--;
    return g->queue[g->first++ % GREY_QUEUE_MAX];
}
