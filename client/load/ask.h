/*
 * ask.h - one request of a scenario: what to send, and what the scenario wants to remember until it is answered.
 */
#pragma once
#include "client/text.h"
#include <stdarg.h>
#include <stdio.h>

#define ASK_PATH_BYTES    256
#define ASK_SESSION_BYTES 64 /* a token; heapd's have 32 */

enum ask_kind { ASK_CREATE, ASK_READ, ASK_LINK, ASK_DROP, ASK_BATCH, ASK_SESSION, ASK_KINDS };

struct ask {
    enum ask_kind kind;
    const char *method;
    char path[ASK_PATH_BYTES];
    char session[ASK_SESSION_BYTES]; /* in whose name; empty: the run's own */
    struct text body;
    int what;     /* the scenario's */
    uint64_t tag; /* the scenario's */
};

/* Begin it anew; the body keeps its memory. */
static inline void ask_begin(struct ask *a, enum ask_kind kind, const char *method, int what, const char *path, ...)
    __attribute__((format(printf, 5, 6)));
static inline void ask_begin(struct ask *a, enum ask_kind kind, const char *method, int what, const char *path, ...)
{
    va_list args;

    a->kind = kind;
    a->method = method;
    a->what = what;
    a->tag = 0;
    a->session[0] = '\0';
    text_clear(&a->body);
    va_start(args, path);
    (void)vsnprintf(a->path, sizeof a->path, path, args);
    va_end(args);
}
