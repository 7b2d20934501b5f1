/*
 * retained.h - what only one object keeps: what would go with it.
 *
 * A walk (reach.h) that goes on to its end has reached all that is held without its target. What the target reaches and the
 * walk has not is kept by it alone, or by other garbage; it is looked through in the same way, and added up.
 *
 * If nothing changes meanwhile that is exact. If something does, then still nothing is counted that was reached otherwise
 * when the walk was over, as far as heap_watch tells; but what is held by the target alone since then may be missing, and
 * what has gone since it was counted is in it. is_exact says that there was none of that.
 */
#pragma once
#include "heap/graph/reach.h"

struct retained {
    uint64_t objects, bytes; /* with its own; bytes as object_info has them */
    bool is_exact;           /* nothing changed that matters */
};

/* After a walk with holders_max 0 that is over: go on. Returns the units left; 0: there is more. Then *ret is written. */
size_t retained_step(struct reach *r, size_t units, struct retained *ret);
