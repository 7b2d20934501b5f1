/*
 * watch.h - heapctl gc watch: the collector, live.
 */
#pragma once
#include "client/cli/cli.h"

/* Until q, Ctrl-C, or it has been looked so often; every so many seconds. As they stand in the command line; NULL: without end, and
 * each second. Returns the exit code. */
int watch(struct cli *cli, const char *interval, const char *count);
