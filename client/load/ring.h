/*
 * ring.h - the ids of what a scenario holds, oldest first; as many as it was made for, and no more.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

struct ring {
    uint64_t *items;
    size_t room, first, count;
};

static inline bool ring_init(struct ring *r, size_t room)
{
    *r = (struct ring){.items = malloc(room * sizeof *r->items), .room = room};
    return r->items != NULL;
}

static inline void ring_fini(struct ring *r)
{
    free(r->items);
    *r = (struct ring){0};
}

/* i of count; 0 is the oldest. */
static inline uint64_t ring_at(const struct ring *r, size_t i)
{
    return r->items[(r->first + i) % r->room];
}

/* False: it is full. */
static inline bool ring_push(struct ring *r, uint64_t item)
{
    if (r->count == r->room)
        return false;
    r->items[(r->first + r->count++) % r->room] = item;
    return true;
}

/* The oldest; there is one. */
static inline uint64_t ring_shift(struct ring *r)
{
    uint64_t item = ring_at(r, 0);

    r->first = (r->first + 1) % r->room;
    r->count--;
    return item;
}
