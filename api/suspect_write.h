/*
 * suspect_write.h - a suspect of those that only grow (growth.h), as JSON: in /v1/heap/suspects, and in events.
 */
#pragma once
#include "api/suspect_text.h"

/* Members: its number as a suspect, and which thing it is. */
void write_suspect_name(struct out *o, enum growth_kind kind, const struct grower *r, const struct suspect_name *n);
/* The sentence, those members, the evidence, and the calls that show more. */
void write_suspect_members(const struct api *api, struct out *o, enum growth_kind kind, const struct grower *r,
                           const struct suspect_name *n);
