/*
 * progress.h - one line on a terminal's stderr that says how far the work is; nothing anywhere else.
 */
#pragma once
#include "client/cli/cli.h"
#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *what;
    uint64_t total;    /* 0: not known */
    uint64_t shown_ms; /* when the line was last drawn */
    bool on;
    bool colour;
};

void progress_begin(struct progress *p, const struct cli *cli, const char *what, uint64_t total);
void progress_at(struct progress *p, uint64_t done); /* cheap; draws ten times a second at most */
void progress_end(struct progress *p);               /* wipes the line */

/* Seconds since some fixed moment. */
double progress_clock(void);
