/*
 * import.h - what the three kinds of import share: one streamed batch, a progress bar, and totals.
 *
 * An import is one batch, so until its end the batch itself keeps alive what it has made, and roots are set
 * last: an import that fails leaves nothing behind.
 */
#pragma once
#include "client/cli/cli.h"
#include "client/cli/ops.h"
#include "client/cli/progress.h"
#include "client/cli/source.h"
#include <jansson.h>

struct import {
    struct cli *cli;
    struct heapd_batch *batch;
    struct ops ops;
    struct progress progress;
    double started; /* progress_clock() */
};

/* Start the clock. */
void import_init(struct import *im, struct cli *cli);

/* Open a file and show how far it has been read. CLI_OK, or has said why not. */
int import_open(struct import *im, const char *path, struct source *ret_source);

/* Begin the batch; progress counts up to `total`. CLI_OK, or has said why not. */
int import_begin(struct import *im, const char *what, uint64_t total);

/* End the batch. CLI_OK only if every op was done; else it has said why not. */
int import_end(struct import *im);

/* End it in the middle, after a failure of ours. */
void import_abandon(struct import *im);

/* A list of `count` objects, ["list",..] and what pushes it needs; the number of its op. */
uint64_t import_write_list(struct ops *o, const uint64_t *members, size_t count);

/* Print `totals_new`, with ops, batches and seconds added. */
int import_print_totals(struct import *im, json_t *totals_new);

int import_batch(struct cli *cli, const char *path);
int import_snapshot(struct cli *cli, const char *path, const char *root);
int import_dpkg(struct cli *cli, const char *path, const char *root);
