/*
 * clock.h - the only place that asks what time it is. Monotonic, unless the name says Unix.
 */
#pragma once
#include <stdint.h>

uint64_t clock_us(void);
uint64_t clock_ms(void);
double clock_unix_s(void);
uint64_t clock_unix_ms(void); /* before 1970: 0 */
uint64_t clock_unix_us(void); /* the same */
/* CPU time of the whole process. */
double clock_cpu_s(void);
/* CPU time of this thread: what a pause costs when the machine has other things to do. A system call. */
uint64_t clock_thread_cpu_us(void);

#define CLOCK_HTTP_DATE_BYTES 29 /* of text, without a NUL */
/* The text for a Date header: "Sun, 06 Nov 1994 08:49:37 GMT". Free of the locale. */
void clock_http_date(int64_t unix_s, char out[CLOCK_HTTP_DATE_BYTES + 1]);
