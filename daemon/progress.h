/*
 * progress.h - how far a long piece of work on the command line is, told on stderr: a bar on a terminal, else a line now and then.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *what;
    bool bar;
    bool drawn;
    uint64_t told_us;
    unsigned told_pct;
};

void progress_begin(struct progress *p, const char *what);
/* Cheap: tells ten times a second at most, without a terminal once, and only what is new. */
void progress_at(struct progress *p, uint64_t done, uint64_t all);
/* Wipes the bar. */
void progress_end(struct progress *p);
