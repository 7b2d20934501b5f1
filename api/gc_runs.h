/*
 * gc_runs.h - a collection, shown: in the log, as an answer, as an event.
 */
#pragma once
#include "api/json_out.h"
#include "gc/gc.h"

/* Its members, from "generation" to "max_slice_us", into an object that is open. */
void gc_write_run(struct out *o, const struct gc_run *run);
/* "count", "request", "bytes", "age", "memory" */
const char *gc_reason_name(enum gc_reason reason);
