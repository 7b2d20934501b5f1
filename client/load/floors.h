/*
 * floors.h - what a collection left alive, again and again: of the whole heap, of each site and of each class.
 *
 * Owns:      the readings. Knows not: how they are taken, and what they mean.
 *
 * When there are READINGS_MAX of them each two become their lesser one, and the next ones stand for twice as many readings, so
 * that all stand for the same time, and no two for chances of unlike number to be low. FLOORS_ROWS_MAX sites and as many classes are followed, the first
 * that are told; heapd tells the largest first.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define READINGS_MAX    512u /* even */
#define FLOORS_ROWS_MAX 256u

struct floor_row {
    char *name; /* NULL: the whole heap */
    double bytes[READINGS_MAX], objects[READINGS_MAX];
    double now_bytes, now_objects; /* of the reading that is being taken */
};

struct floor_rows {
    struct floor_row **rows;
    size_t count;
    bool left_out; /* there were more */
};

/* One, of the whole heap. `failed`: for any other reason than `full`. */
struct reading {
    double t_s, work, failed, full;
    double live, objects, rss;
};

enum floor_of { FLOOR_SITE, FLOOR_CLASS, FLOOR_KINDS };

struct floors {
    double t_s[READINGS_MAX], work[READINGS_MAX];      /* when; requests that had been done by then ... */
    double failed[READINGS_MAX], full[READINGS_MAX];   /* ... had failed, and were refused because the heap was full */
    struct reading now;
    size_t count;
    unsigned stride; /* readings for one that is kept */
    unsigned given;  /* of those, towards the next */
    struct floor_row heap, rss; /* rss: its bytes alone */
    struct floor_rows of[FLOOR_KINDS];
};

void floors_init(struct floors *f);
void floors_fini(struct floors *f);

/* A reading begins; of sites and classes it has 0 until they are told. */
void floors_begin(struct floors *f, const struct reading *r);
/* False: no memory. */
bool floors_tell(struct floors *f, enum floor_of what, const char *name, double bytes, double objects);
/* All of it has been told. One that is not kept was none. */
void floors_keep(struct floors *f);
