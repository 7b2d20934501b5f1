/*
 * window.h - who is in a window of the collector: one bit for each slot, and window.
 *
 * A collection looks at a set of objects, its window. Two may be open at once, on disjoint sets: a young one inside a
 * full one. The sets are the collector's; the heap looks at them when a count changes while a window is open, which it
 * then tells, and once a window is condemned, to say who lives. So a collection of ten million objects goes through
 * ten million bits and not through as many headers, and costs the heap nothing while there is none.
 */
#pragma once
#include "heap/base/bits.h"
#include "heap/id.h"

enum object_window { WINDOW_YOUNG, WINDOW_FULL, WINDOWS };

#define WINDOW_AUDIT (1u << WINDOWS)       /* bit of `open`: an audit is told of all changes of counts (audit.h) */
#define WINDOW_COUNTS (1u << (WINDOWS + 1)) /* bit of `open`: some watcher is (heap_gc.h, counted) */

struct windows {
    const uint64_t *members[WINDOWS]; /* by slot, a bit: in the window, and not reached */
    const uint64_t *pools[WINDOWS];   /* by pool, a bit: it may have members */
    uint32_t open;                    /* bit w: changes of its members' counts are told */
    uint32_t dead;                    /* bit w: its members are condemned */
};

/* Is it in one of these windows (bit w)? */
static inline bool windows_have(const struct windows *w, uint32_t which, slot_t slot)
{
    return ((which >> WINDOW_FULL) & 1 && bits_has(w->members[WINDOW_FULL], slot)) ||
           ((which >> WINDOW_YOUNG) & 1 && bits_has(w->members[WINDOW_YOUNG], slot));
}
