/*
 * growth_table.h - for growth.c: the things that are watched, and how each is looked at.
 */
#pragma once
#include "api/growth.h"
#include "heap/base/proof.h"

/* What there is of it now; false: it is gone. */
bool growers_look(const struct growth *g, enum growth_kind kind, const struct grower *r, uint64_t *ret_value, uint64_t *ret_count);
/* The last takes its place. */
void growers_remove(struct growth *g, enum growth_kind kind, uint32_t row);
void growers_clear(struct growth *g, enum growth_kind kind);

/* Look through all there is, from g->kind and g->at on, for what is larger than what is watched; sites and classes are
 * marked on the way. Returns the units left; 0: there is more. */
size_t growers_admit(struct growth *g, size_t units);
