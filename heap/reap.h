/*
 * reap.h - the memory of the dead returns, and what they held is let go of (heap_reap(), heap.h).
 */
#pragma once
#include "heap/heap_impl.h"
#include "heap/value.h"

/* ERR_NOMEM. */
bool reap_init(struct heap *h);
void reap_fini(struct heap *h);

/* Is what this dead list links to let go of later, in the order of slots? So it is for one with very many items: see
 * reap.c. */
bool reap_may_defer(const struct heap *h, slot_t list, uint32_t items);
/* Let go of what these words hold: of what they link to, once, later. */
void reap_defer(struct heap *h, const word_t *words, uint32_t count);

/* Length of the doomed list, by walking it; for heap_validate(). */
uint64_t reap_doomed_length(const struct heap *h);
