/*
 * pauses.h - what the time between requests was spent on, in words and numbers.
 */
#pragma once
#include "api/task.h"

/* "subtract", "house" ...: of phases of gc/ and of the rest. */
const char *pause_name(enum pause what);

/* "pauses_us", "pauses_cpu_us": {"count", "p50", "p99", "p999", "max"} of all slices; and "pauses_by_phase": the
 * same of the slices that were mostly spent on one thing, by its name. */
void out_pauses(struct out *o, const struct api *api);
