/*
 * codec.h - between the API's texts and this library's structs: problems, summaries, addresses.
 *
 * Knows not: how bytes travel (transport.h) or what a batch is waiting for (batch.c).
 */
#pragma once
#include "client/heapd.h"

/* Fill *p (may be NULL) and return `result`, so that a refusal is one line. */
enum heapd_result problem_set(struct heapd_problem *p, enum heapd_result result, const char *title,
                              const char *hint, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
enum heapd_result problem_no_memory(struct heapd_problem *p);

/* What an answer of `status` >= 400 says: problem+json if it is that, else its first line. HEAPD_REFUSED. */
enum heapd_result problem_of_answer(struct heapd_problem *p, int status, const char *body, size_t length);

/* The lines of a batch that are no answer to an op. */
enum batch_line { BATCH_LINE_ANSWER, BATCH_LINE_PROBLEM, BATCH_LINE_SUMMARY };

struct batch_summary {
    uint64_t done;
    uint64_t failed;
};

/* Tell what `line` is. A problem goes to *p, a summary to *ret_s. */
enum batch_line batch_line_read(const char *line, size_t length, struct batch_summary *ret_s,
                                struct heapd_problem *p);
