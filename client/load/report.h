/*
 * report.h - the page that shows a run of `heapctl load`: one HTML file with its styles, its charts and the figures in it, to be
 * mailed, and opened anywhere without asking anybody for anything.
 *
 * Knows not: what a run is. The page reads the document itself (client/load/report/), and whatever stands in its strings it shows
 * as text.
 */
#pragma once
#include "client/text.h"
#include <stdbool.h>
#include <stdio.h>

/* A page on its way: written beside (PATH.part), and put in place when it is whole. What is no file (/dev/stdout) is written
 * as it is. */
struct report {
    const char *path;
    struct text part; /* its name; "": none */
    FILE *out;
};

/* Before the run that it will tell of: NULL, or why it cannot be written. `path` stays the caller's. */
const char *report_begin(struct report *r, const char *path);

/* The page of `json`: the text of one valid JSON document in UTF-8, as `heapctl load --json` prints it. NULL, or why not, and then
 * what was at the path is there still. Ends the report either way. */
const char *report_end(struct report *r, const char *json, size_t length);

/* There will be none. One that was ended, or never begun and all 0, is fine. */
void report_drop(struct report *r);
