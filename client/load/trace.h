/*
 * trace.h - a recorded batch: a file of ops, one a line, cut into batches that do together what the whole did.
 *
 * Owns:      the file, and what its ops have made this time.
 * Knows not: when a batch is sent, and how it went.
 *
 * "@n" counts from the first line of the file, as it does in one batch (API.md's ops; blank lines do not count). In a batch of
 * the cut it becomes "@m", or the id that op n of an earlier batch has got. A batch holds what it makes until it ends; what a
 * later one names again is kept meanwhile by a record of the run's own, the keeper, until its last line is over.
 *
 * All of the file is read through once before anything is sent, and a line that is wrong is told by its number.
 */
#pragma once
#include "client/heapd.h"
#include "client/text.h"

#define TRACE_BATCH_OPS  100u       /* of the file, in one of its batches */
#define TRACE_OPS_MAX    4000000u   /* 12 bytes each are remembered */
#define TRACE_LINE_BYTES_MAX (64u << 10) /* as of a batch */
#define TRACE_DEPTH_MAX  64u        /* of a value, as heapd's */
#define TRACE_NAMES_MAX  10000u     /* roots and weak names that are taken away in the end */

struct trace;

/* HEAPD_BROKEN: the file cannot be read, or line so-and-so is wrong. */
enum heapd_result trace_open(const char *path, struct trace **ret_trace, struct heapd_problem *p);
void trace_close(struct trace **t);

/* The next batch into *out; behind the last comes the first. False: no memory, or the file cannot be read any more. */
bool trace_next(struct trace *t, uint64_t keeper, struct text *out);

/* Its answers, a line each: the ids are remembered. */
void trace_take(struct trace *t, const char *answers);

/* The path of a root or a weak name that the file has given, for DELETE; each once. To be freed; NULL: no more. */
char *trace_next_name(struct trace *t);
