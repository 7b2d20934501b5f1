/*
 * series.h - how the heap was and what the load saw, from beginning to end, in fixed memory.
 *
 * When there are SERIES_MAX points each two become one, and the next ones stand for twice the time: an hour and a week take
 * the same room.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERIES_MAX 1024u /* even */

struct point {
    double t_s;                                  /* its end, since the load began */
    uint64_t rss, live, committed, objects;      /* then */
    uint64_t collections, pause_p99_us;          /* until then */
    double ops_per_s;                            /* answered in its time */
    uint64_t p50_us, p99_us, max_us;             /* of those; of what two points have become, the worse */
};

struct series {
    struct point points[SERIES_MAX];
    size_t count;
    unsigned stride; /* points given for one that is kept */
    unsigned given;  /* of those, towards the next */
};

void series_init(struct series *s);
void series_add(struct series *s, const struct point *p);
