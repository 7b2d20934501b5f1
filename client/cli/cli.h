/*
 * cli.h - what the verbs of heapctl share: who we talk to, how we answer, and what a verb is.
 *
 * A verb reads its words (args.h), makes its calls (fetch.h), shows what came (show.h, table.h) and returns
 * one of the three exit codes. Each stands in a file of its own and is listed in main.c.
 */
#pragma once
#include "client/heapd.h"

enum {
    CLI_OK = 0,
    CLI_FAILED = 1, /* the daemon refused, or the work failed; said on stderr */
    CLI_USAGE = 2,  /* the command line makes no sense; said on stderr */
};

struct cli {
    struct heapd_options where; /* from flags and environment */
    struct heapd *heapd;
    const struct verb *verb; /* the one that runs */
    bool json;               /* answers as they came, for scripts */
    bool colour_out;         /* stdout is a terminal that wants colours */
    bool colour_err;
};

struct args; /* args.h */

struct verb {
    const char *name;
    const char *usage; /* what stands behind the name: "CLASS [FIELD=VALUE ...]" */
    const char *about; /* one line */
    const char *help;  /* the rest of `heapctl VERB --help` */
    int (*run)(struct cli *cli, struct args *args);
};

extern const struct verb verb_new, verb_get, verb_set, verb_unset, verb_drop, verb_hold, verb_root, verb_gc,
    verb_collect, verb_classes, verb_sites, verb_suspects, verb_pools, verb_import, verb_export, verb_batch, verb_backup,
    verb_restore, verb_why, verb_retained, verb_events, verb_snapshot, verb_load, verb_report;
