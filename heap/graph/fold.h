/*
 * fold.h - the dominator tree, folded: what lies below objects of one class in the same place is one frame of a flame graph.
 *
 * Owns:      the frames.
 * Knows not: how they are written.
 *
 * A frame is a class below another frame, and has the bytes that its objects have by themselves; with those of the frames
 * below it, it is what they retain. An object directly below one of its own class is in the same frame, so that a list of a
 * million is one frame and not a tower of them. Where there are too many frames, or too deep ones, what would need another
 * stays in the frame above: so the bytes of all frames are those of all objects, whatever the graph is.
 *
 * Frame 0 is the outside, frame 1 what nothing reaches any more; each other one comes after its parent.
 */
#pragma once
#include "heap/base/err.h"
#include "heap/graph/dominators.h"
#include "heap/graph/frozen.h"

#define FOLD_FRAMES_MAX 65536u
#define FOLD_DEPTH_MAX  64u /* below the outside */

#define FOLD_OUTSIDE   0u
#define FOLD_UNREACHED 1u

struct fold_frame {
    uint32_t parent;       /* a frame; of the outside, itself */
    uint32_t class;        /* a string of the frozen graph */
    enum frozen_kind kind; /* of objects, FROZEN_RECORD; of what is unreached, FROZEN_OUTSIDE */
    uint32_t depth;
    uint32_t objects;
    uint64_t bytes;
};

struct fold {
    struct mem *mem;
    uint32_t count, room;
    struct fold_frame *frames;
};

/* What making one takes at most, meanwhile; what stays is a part of it. */
size_t fold_bytes(const struct frozen *f);
/* `d` has run. `seed`: nobody who makes objects can guess it. ERR_NOMEM. O(nodes). */
enum err fold_create(struct mem *mem, const struct frozen *f, const struct dominators *d, uint64_t seed, struct fold **ret,
                     struct why *why);
/* Sets *fold to NULL; a NULL *fold is fine. */
void fold_destroy(struct fold **fold);
