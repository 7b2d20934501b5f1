/*
 * lane.h - an array that grows in place: its address space is there from the beginning, memory comes as it is written, and
 * the account is charged in pieces. So no growing ever copies, and giving a hundred megabytes back is done in steps.
 */
#pragma once
#include "heap/base/mem.h"

struct lane {
    struct mem *mem;     /* NULL: it is not open */
    char *base;
    size_t reserved;     /* bytes */
    size_t charged;      /* bytes of them, from the beginning, on the account */
    size_t gone;         /* lane_close(): bytes from the beginning have gone back to the system */
};

/* Room for `count` items of `size` bytes. False: refused. */
bool lane_open(struct lane *l, struct mem *mem, uint64_t count, size_t size);
/* Have `bytes` from the beginning on the account. False: refused, nothing has changed. */
bool lane_charge(struct lane *l, size_t bytes);

/* The same for one that is about to be written: in pieces, so that most calls compare two numbers. */
static inline bool lane_need(struct lane *l, size_t bytes)
{
    return bytes <= l->charged || lane_charge(l, bytes);
}

/* No more than `bytes` will be written: what is charged beyond goes off the account. */
void lane_fit(struct lane *l, size_t bytes);
/* Give it back in steps: returns the units left, 0: call again. One that is not open is fine. */
size_t lane_close(struct lane *l, size_t units);
