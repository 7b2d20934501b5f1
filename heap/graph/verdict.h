/*
 * verdict.h - who is to blame, by what is retained: suspects among the largest parts of the dominator tree, each with the
 * point where what it retains has accumulated.
 *
 * Owns:      nothing; suspects are written where the caller says.
 * Knows not: sentences, and who asks.
 *
 * The rules are those of Eclipse MAT's leak suspects (FindLeaksQuery). A *top* is an object, or a session, that no object
 * dominates. One that retains more than SUSPECT_PCT of all bytes is a suspect; of those that do not, all of one class together
 * may be, or all sessions of one label. From a suspect down to the largest of what it dominates immediately, as long as that retains SUSPECT_DROP of what the
 * one before does: where it drops, things have accumulated. If it never drops it is a chain, and its first link is named. From
 * a group down the shortest paths from the outside to those of it, as long as four in five of them share a node.
 *
 * A heap that is one large tree below one root has a suspect by these rules, though nothing leaks. So there may be an earlier
 * snapshot to hold it against (as LeakHunterQuery2 does): ids are never used again, so what an object has gained since is
 * what it retains less what it retained then. Then gains count instead of sizes, and one is a suspect whose gain is more
 * than SUSPECT_PCT of what there was then, and of what all has grown by; if all has not grown by that much, nobody is: what has
 * been replaced by another is no leak. The way down follows gains, too.
 */
#pragma once
#include "heap/graph/dominators.h"
#include "heap/graph/frozen.h"

#define SUSPECT_PCT       10u
#define SUSPECT_DROP_PCT  70u
#define SUSPECT_SHARE_PCT 80u
#define SUSPECT_DEPTH_MAX 1000u  /* as MAT's, and */
#define SUSPECT_SAMPLES   10000u /* as many of a group, or below a point, are looked at */
#define SUSPECTS_MAX      16u   /* more than ten cannot have more than a tenth each, but gains may */

struct tree {
    const struct frozen *f;
    const struct dominators *d; /* has run */
};

struct suspect {
    bool is_group;      /* all tops of the class (or label) of `node`, not it alone; `node` is the largest of them */
    uint32_t node;
    uint32_t point;     /* where it has accumulated: itself, maybe; of a group, what most of it is reached through; of
                         * sessions, which have nothing in common, the largest */
    uint32_t depth;     /* steps from node to point; of a group, 0 */
    uint32_t objects;   /* retained, by all of a group */
    uint64_t bytes;
    uint64_t gained;    /* of that, since the earlier one; 0 without */
    uint32_t count;     /* tops in the group; else 1 */
    uint32_t at_point;  /* how many the point dominates immediately ... */
    uint32_t at_class;  /* ... and the class, a string, that more than half of them have, if one has; else 0 */
};

/* Suspects, the largest first; how many. `then`: the earlier one; its members NULL, there is none. ERR_NOMEM: what it needs
 * meanwhile goes back. O(nodes + links): for another thread than the loop's. */
enum err verdict(struct mem *mem, struct tree now, struct tree then, struct suspect suspects[SUSPECTS_MAX], uint32_t *ret_count,
                 struct why *why);
/* What it may ask for, at most. */
size_t verdict_bytes(struct tree now, struct tree then);
