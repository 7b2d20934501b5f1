/*
 * say.h - what heapd tells the person at the command line who had it do one thing (--check, --restore): a sentence on stderr,
 * "heapd: LEVEL: SENTENCE". What a daemon tells its service manager is log.h's.
 *
 * Whatever stands in the sentence, a line stays a line: control bytes and bytes that are not UTF-8 are shown as '?'.
 */
#pragma once

enum say_level { SAY_INFO, SAY_WARN, SAY_ERROR };

#define SAY_TEXT_MAX 1024 /* bytes of a sentence; what is longer is cut */

void say(enum say_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
