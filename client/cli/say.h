/*
 * say.h - what heapctl tells people on stderr, and the exit code that goes with it.
 *
 * Whatever comes from the daemon or a file is printed without its control bytes: a name must not be able to
 * drive somebody's terminal.
 */
#pragma once
#include "client/cli/cli.h"
#include "client/text.h"
#include <stdio.h>

#define STYLE_BOLD "\033[1m"
#define STYLE_DIM  "\033[2m"
#define STYLE_RED  "\033[31m"
#define STYLE_END  "\033[0m"

/* A refusal: title, detail and hint, and what to do next. CLI_FAILED. */
int say_problem(const struct cli *cli, const struct heapd_problem *p);

/* Work that failed here. CLI_FAILED. */
int say_failed(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
int say_no_memory(const struct cli *cli);

/* A command line that makes no sense, and how it should look. CLI_USAGE. */
int say_usage(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A remark that is no failure. */
void say_note(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Append `length` bytes of `data` to `out` with control bytes shown as \xNN; newline and tab as \n and \t. */
void say_safely(struct text *out, const char *data, size_t length);
