/*
 * watch_view.h - the collector at one moment, and what has happened since the moment before, as text.
 *
 * Knows not: who asks heapd, and where the text is shown.
 */
#pragma once
#include "client/heapd.h"
#include "client/text.h"
#include <jansson.h>
#include <stdbool.h>

struct watch_sample {
    json_t *gc, *heap, *log; /* what /v1/gc, /v1/heap and /v1/gc/log answered; NULL: nothing yet */
    double at_s;             /* when `heap` was answered, by some clock that only goes on */
    char instance[HEAPD_INSTANCE_MAX]; /* that answered */
};

void watch_sample_fini(struct watch_sample *s);

/* heapd has begun anew between the two: it says so (without --data), or its counters have gone back. */
bool watch_is_anew(const struct watch_sample *now, const struct watch_sample *before);

struct watch_look {
    const char *head; /* the first line */
    const char *trouble; /* the second: what is wrong; NULL: nothing */
    unsigned columns, rows;
    bool colour;
};

/* A page: bars, rates since `before` (which may be empty), pauses, the last collections as far as there are rows. */
void watch_page(struct text *out, const struct watch_look *look, const struct watch_sample *now,
                const struct watch_sample *before);

/* The same in a line of columns, and the line that says what they are. */
void watch_line_head(struct text *out);
void watch_line(struct text *out, const char *time, const struct watch_sample *now, const struct watch_sample *before);
