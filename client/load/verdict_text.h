/*
 * verdict_text.h - a verdict in sentences that somebody understands who is tired.
 */
#pragma once
#include "client/load/verdict.h"
#include "client/text.h"

/* The slope that the verdict speaks of: of all of the heap, or, where others move it more than the leak does, of the site or
 * class that leaks. */
const struct trend *verdict_slope(const struct verdict *v);

void verdict_sentence(const struct verdict *v, struct text *out);

/* The i-th line of evidence, in place of what is in *out; false: there is no more. */
bool verdict_evidence(const struct verdict *v, size_t i, struct text *out);
