/*
 * tally.h - what lives, counted under a name: the classes of a heap, and its sites.
 *
 * Owns:      a numbered row a name, for as long as a shape uses it.
 * Knows not: what a class or a site is, nor time: whoever marks the rows knows when that was.
 *
 * A site is what clients say where they make something (Python's tracemalloc would look at the stack). It costs an object
 * nothing, for it stands in the shape, and a birth and a death one more pair of additions.
 *
 * Row 0 counts what has no name. It is always there; for classes nothing is in it.
 */
#pragma once
#include "heap/heap.h"

#define TALLY_ROWS_MAX (1u << 24) /* as many as shapes: each of them has one in use */

struct map;

struct tally {
    slot_t name;           /* string; 0: row 0, or this number is free */
    uint32_t shapes;
    uint32_t serial;       /* tells apart those that have had the number */
    uint32_t next_free;
    uint64_t objects, bytes;
    uint64_t peak_bytes;   /* the most there ever was, but for what is there now */
    uint64_t marked_objects, marked_bytes; /* when it was last marked */
};

/* A table that is reserved once and never moves; each number that was used is on the account. */
struct tallies {
    struct mem *mem;
    struct tally *rows;
    uint32_t end, free_row;
    uint32_t count;        /* rows with a name */
    uint32_t serial;
    uint64_t *used;        /* bit n: row n is in use */
    struct map *by_name;   /* slot of the name -> row */
};

enum err tallies_create(struct tallies *t, struct heap *h);
void tallies_destroy(struct tallies *t);
uint64_t tallies_side_bytes(const struct tallies *t);

/* A shape uses the row of this name, made if need be; the caller's reference on it is taken over, whatever comes of it.
 * `name` 0: row 0. False: no memory. */
bool tally_take(struct heap *h, struct tallies *t, slot_t name, uint32_t *ret);
/* A shape does no more; a row without shapes is gone. */
void tally_drop(struct heap *h, struct tallies *t, uint32_t row);

static inline void tally_gain(struct tally *t, uint64_t bytes)
{
    t->objects++;
    t->bytes += bytes;
}

/* What there was most of need be known only when it becomes less. */
static inline void tally_keep_peak(struct tally *t)
{
    if (t->bytes > t->peak_bytes)
        t->peak_bytes = t->bytes;
}

static inline void tally_lose(struct tally *t, uint64_t objects, uint64_t bytes)
{
    tally_keep_peak(t);
    t->objects -= objects;
    t->bytes -= bytes;
}

static inline void tally_resize(struct tally *t, int64_t delta)
{
    if (delta < 0)
        tally_keep_peak(t);
    t->bytes += (uint64_t)delta;
}
