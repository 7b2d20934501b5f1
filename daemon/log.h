/*
 * log.h - what heapd says about itself: one line a fact, to stderr, "heapd: LEVEL EVENT key=value ...".
 *
 *     heapd: info  listening address=127.0.0.1:4327
 *     heapd: warn  accept-failed reason="too many open files"
 *     heapd: warn  suppressed event=accept-failed lines=2188 seconds=10
 *
 * An event is a word for programs and never changes; values with blanks are in quotes. Whatever stands in them, a line
 * stays a line: control bytes and bytes that are not UTF-8 are shown as '?'. No value comes from a request or from the
 * heap, and none is a token: what clients send is never logged.
 *
 * Of one event LOG_BURST lines are written in LOG_WINDOW_MS; how many more there were is said in one line when that time
 * is over, so that a daemon in trouble does not fill a disk with it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO };

#define LOG_EVENTS_MAX 32 /* that can be told apart; the others share one place */
#define LOG_BURST 10
#define LOG_WINDOW_MS 10000
#define LOG_LINE_MAX 1024

struct log_limit {
    const char *event; /* NULL: this place is free */
    uint64_t began_ms;
    uint64_t lines;    /* since then, written or not */
};

struct log {
    FILE *out;
    enum log_level least; /* lines less weighty than this are left out */
    struct log_limit limits[LOG_EVENTS_MAX];
};

void log_init(struct log *l, FILE *out, enum log_level least);

/* `event` is a static string. `format` gives the key=value pairs; "" for none. */
void log_event(struct log *l, enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The same at a time that the caller knows; log_event() asks the clock. */
void log_event_at(struct log *l, uint64_t now_ms, enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* Say what was left out in windows that are over (`all`: in all of them); once a window is often enough. */
void log_flush(struct log *l, uint64_t now_ms, bool all);

/* "error", "warn", "info". */
bool log_level_read(const char *text, enum log_level *ret);
