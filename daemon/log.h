/*
 * log.h - what heapd says about itself: one line a fact, to stderr, "heapd: LEVEL: TEXT".
 *
 * Whatever stands in the text, a line stays a line: control bytes and bytes that are not UTF-8 are shown as
 * '?'.
 */
#pragma once

enum log_level { LOG_INFO, LOG_WARN, LOG_ERROR };

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
