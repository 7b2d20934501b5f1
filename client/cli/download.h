/*
 * download.h - an answer that is too large to be kept, into a file.
 *
 * It is written as FILE.part, which gets its name when all of it is on disk: what is called FILE is whole.
 */
#pragma once
#include "client/cli/cli.h"

/* GET `path` into `file`, with a progress line that says `what`. CLI_OK, or it has said why not, and there is no file. */
int download_to_file(struct cli *cli, const char *path, const char *file, const char *what, uint64_t *ret_bytes);
