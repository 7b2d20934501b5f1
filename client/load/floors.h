/*
 * floors.h - what a collection left alive, again and again: of the whole heap, of each site and of each class.
 *
 * Owns:      the readings. Knows not: how they are taken, and what they mean.
 *
 * Of READINGS_MAX readings each two become their lesser one. FLOORS_ROWS_MAX sites and as many classes are followed, the first
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
};

struct floor_rows {
    struct floor_row **rows;
    size_t count;
};

enum floor_of { FLOOR_SITE, FLOOR_CLASS, FLOOR_KINDS };

struct floors {
    double t_s[READINGS_MAX], work[READINGS_MAX]; /* when; requests that had been done by then */
    size_t count;
    struct floor_row heap, rss; /* rss: its bytes alone */
    struct floor_rows of[FLOOR_KINDS];
};

void floors_init(struct floors *f);
void floors_fini(struct floors *f);

/* A new reading; of sites and classes it has 0 until they are told. */
void floors_begin(struct floors *f, double t_s, double work, double live, double objects, double rss);

/* Of the last reading. False: no memory. */
bool floors_tell(struct floors *f, enum floor_of what, const char *name, double bytes, double objects);

/* The last reading could not be read to its end. */
void floors_forget_last(struct floors *f);
