/*
 * holes.h - a row of numbers 0 .. n-1 from which some have been taken out: which one stands at a place now?
 *
 * A list from which items have been deleted, seen from the time before. Two bits a number, and a tree of counts (Fenwick,
 * "A new data structure for cumulative frequency tables", 1994) over blocks of 512: O(log n) whatever was deleted.
 */
#pragma once
#include "heap/base/mem.h"

struct holes;

/* NULL: no memory. */
struct holes *holes_create(struct mem *mem, uint32_t n);
void holes_destroy(struct holes **h);

/* The number that stands at `place`; n or more: it came behind them. */
uint32_t holes_number_at(const struct holes *h, uint32_t place);
/* Take a number out, one that is still there. */
void holes_take_out(struct holes *h, uint32_t number);

/* Numbers are also marked, once each. */
bool holes_is_marked(const struct holes *h, uint32_t number);
void holes_mark(struct holes *h, uint32_t number);
