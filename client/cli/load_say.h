/*
 * load_say.h - a load as people see it: one line while it goes on, if there is a terminal, and what came of it.
 */
#pragma once
#include "client/cli/cli.h"
#include "client/load/load.h"

struct load_say {
    bool on, colour;
};

void load_say_begin(struct load_say *s, const struct cli *cli);
void load_say_tick(void *s, const struct load_view *v); /* a load's on_tick */
void load_say_end(struct load_say *s);                  /* wipes the line */

/* The document of a run, on stdout. */
void load_say_summary(const struct cli *cli, const json_t *document);
