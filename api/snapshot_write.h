/*
 * snapshot_write.h - a snapshot as a file: `heapsnapshot` for Chrome DevTools and those who read its format, `ndjson` for jq,
 * `folded` for flame graphs.
 *
 * Written piece by piece into the answer, so that whatever a snapshot is large, its answer takes little memory.
 */
#pragma once
#include "api/snapshots.h"

#define SNAPSHOT_PIECE_BYTES (64u << 10)    /* written at a time, in about 0.2 ms ... */
#define SNAPSHOT_ITEM_BYTES_MAX (16u << 10) /* ... and what is begun may end: a line's head, a row, a string, all escaped */

/* Where a writer is. */
struct snapshot_export {
    struct taken *taken;       /* held */
    const struct snapshot_format *format;
    const struct frozen *f;
    struct out out;            /* into the answer */
    uint32_t part;             /* of the file */
    uint32_t node, edge, weak; /* in it: the next */
    uint32_t number;           /* of a string, or of what else a part counts */
};

struct snapshot_format {
    const char *name, *type;
    /* Add a piece to the answer, for which there is room; false: that was the last. */
    bool (*write)(struct snapshot_export *x);
    bool of_tree; /* it shows who retains what, so that has to be found before (dominated.h) */
};

extern const struct snapshot_format snapshot_as_heapsnapshot, snapshot_as_ndjson, snapshot_as_folded;

/* Answer with it. ERR_BAD_VALUE: there is no such format. */
enum err reply_snapshot(struct task *task, struct taken *t, struct slice format, struct why *why);

/* ---- for writers ---- */

static inline bool piece_is_full(const struct snapshot_export *x)
{
    return x->out.buf->len >= SNAPSHOT_PIECE_BYTES;
}
