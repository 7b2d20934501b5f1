/*
 * verdict.h - does the heap leak, who is it, and how sure is that? Judged by floors alone: nobody tells it what the load did.
 *
 * Owns:      the rules. Knows not: heapd, JSON.
 *
 * Readings are gathered into windows of equal size, and of each the least counts, so what comes and goes within a window
 * does not. What a program leaks it leaks by its work: so time goes by as work is done here, and where heapd or the machine
 * stood still for a while, so does it. Its first fourth is not looked at: a heap that is put under load fills first. Of the
 * rest, of the bytes and the number of objects of the whole, of each site and of each class, this is asked:
 *   1. It rises: by VERDICT_SIGMAS deviations of chance, and Sen's interval lies above zero (trend.h). Of many sites and classes
 *      some rise by chance, so of each of N are asked as many deviations as keep that as rare in all of them (Bonferroni).
 *      And further than it would wander, if it went up and down by chance from where it was, as much as it does (a walk has no
 *      level to come back to, and in a short run what comes back slowly looks like one).
 *   2. It matters: by a fiftieth of what there was, and 128 bytes or 4 objects.
 *   3. It goes on: the last third does not rise more slowly than the whole. If it surely has nearly stopped, it was filling;
 *      if it has only slowed down, nobody can tell yet.
 * Sites and classes are read a moment after the whole, when there is new garbage: where the whole surely does not grow with
 * them, and no other shrinks, they do not grow.
 * Bytes or objects are enough: a table that doubles when it is full grows by leaps, what is in it does not.
 * A run that could not do its work acquits nobody: where the heap was full, more than one in a hundred requests failed, or the
 * floors end long before the run did, it cannot tell.
 * What nearly rises is not called a leak, and no innocent either: then it says that it cannot tell, and what would help.
 */
#pragma once
#include "client/load/floors.h"
#include "client/load/trend.h"

#define VERDICT_WINDOWS_MAX  32u
#define VERDICT_WINDOWS_MIN  10u  /* to be judged by; with fewer it cannot tell */
#define VERDICT_RUN_S_MIN    4.0  /* nor of a shorter run */
#define VERDICT_RUN_S_ADVICE 10.0
#define VERDICT_WARM_UP_PART 0.25
#define VERDICT_STEP_PART    0.25 /* of the work of a mean window: one with less is none */
#define VERDICT_SIGMAS       3.0  /* of one look: once in 700 at mere noise, which must also matter and go on */
#define VERDICT_DOUBT_SIGMAS 2.0
#define VERDICT_WALK_SIGMAS  2.5  /* of a walk that goes nowhere, by its windows; or */
#define VERDICT_BLOCKS       6u   /* by so many blocks of them, in whose means there is less noise that is none of the walk, */
#define VERDICT_BLOCK_SIGMAS 4.0  /* and five steps know less of a deviation */
#define VERDICT_WALK_DOUBT   0.6  /* of either: less is no doubt */
#define VERDICT_BYTES_MIN    128.0
#define VERDICT_OBJECTS_MIN  4.0
#define VERDICT_PART_MIN     0.02 /* of what there was */
#define VERDICT_SLOWS_SIGMAS 2.6  /* of what chance takes from the last third of a leak that comes piece by piece */
#define VERDICT_STOPPED_SIGMAS 3.0
#define VERDICT_STOPPED_PART 0.25 /* of what it should be: less is no growth any more */
#define VERDICT_SHARE_MIN    0.1  /* the whole grows by at least so much of what one of it grows by */
#define VERDICT_FAILED_PART  0.01 /* of what was answered while it was judged: with more there is no verdict */
#define VERDICT_SEEN_PART    0.75 /* of the run, by the last floor */
#define VERDICT_GROWING_MAX  16u  /* told by name */

enum leak { LEAK_NO, LEAK_YES, LEAK_UNKNOWN };

/* One series, and what is thought of it. */
struct judged {
    enum leak leak;
    const char *name; /* borrowed from the floors; NULL: all of the heap */
    enum floor_of what;
    bool slows;       /* it has risen, but does so less and less: LEAK_NO, filled up; LEAK_UNKNOWN, not sure */
    struct trend bytes, objects; /* a second */
};

/* FULL: the heap was; BLIND: floors could not be read; FAILED: too many requests. */
enum doubt { DOUBT_NONE, DOUBT_SHORT, DOUBT_FEW, DOUBT_SLOWS, DOUBT_NOISE, DOUBT_FULL, DOUBT_BLIND, DOUBT_FAILED };

struct verdict {
    enum leak leak;
    enum doubt doubt;     /* why it cannot tell */
    double ran_s;         /* the run itself */
    double run_s, from_s; /* of all readings; of those that were judged, the first */
    double work, failed, full; /* requests while it was judged */
    size_t windows;       /* all, and those judged */
    size_t judged;
    double t_s[VERDICT_WINDOWS_MAX];    /* by the clock ... */
    double worked_s[VERDICT_WINDOWS_MAX]; /* ... and as work goes on: the same length in all */
    double live[VERDICT_WINDOWS_MAX], objects[VERDICT_WINDOWS_MAX];
    struct judged heap;
    struct trend rss;     /* no part of the verdict: evidence */
    struct judged growing[VERDICT_GROWING_MAX]; /* that leak, the fastest first */
    size_t growing_count;
    struct judged doubtful; /* DOUBT_SLOWS, DOUBT_NOISE: the one that is the reason; its name may be NULL */
};

/* What floors say of a run that had come to `end` (its time and requests; there need not be a floor). Names are borrowed. */
struct verdict verdict_of(const struct floors *f, const struct reading *end);

/* The fastest of what leaks, of sites or classes; NULL: none. A class of which there are more and more comes before one that
 * only takes more and more room: what is kept, before what keeps it. */
const struct judged *verdict_culprit(const struct verdict *v, enum floor_of what);
