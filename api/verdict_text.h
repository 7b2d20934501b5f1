/*
 * verdict_text.h - a suspect (heap/graph/verdict.h) as people read it, and as programs do.
 */
#pragma once
#include "api/frozen_held.h"
#include "api/snapshots.h"
#include "heap/graph/verdict.h"

/* An object: the sentence, what it says, and the calls that show more. `then`: the earlier snapshot, or NULL; `held`: of the
 * suspects, by whom. */
void write_suspect(struct out *o, const struct taken *now, const struct taken *then, const struct held *held, const struct suspect *s);
