/*
 * report.h - the page that shows a run of `heapctl load`: one HTML file with its styles, its charts and the figures in it, to be
 * mailed, and opened anywhere without asking anybody for anything.
 *
 * Knows not: what a run is. The page reads the document itself (client/load/report/), and whatever stands in its strings it shows
 * as text.
 */
#pragma once
#include <stddef.h>

/* Write the page of `json` to `path`: the text of one valid JSON document in UTF-8, as `heapctl load --json` prints it. NULL, or
 * why not, and then there is no file of that name. Memory: none. */
const char *report_write(const char *path, const char *json, size_t length);
