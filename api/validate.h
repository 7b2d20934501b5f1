/*
 * validate.h - POST /v1/heap/validate while others are served: an audit of the heap (heap/audit.h) in a task.
 */
#pragma once
#include "api/api_impl.h"
#include "api/json_out.h"

struct validation;

/* A member "validating" of an open object: how many slots have been looked at, of how many. Nothing while there is none. */
void validation_write_progress(const struct api *api, struct out *o);
/* The memory of those that are over goes back, in steps; returns the units left. */
size_t validations_end(struct api *api, size_t units);
