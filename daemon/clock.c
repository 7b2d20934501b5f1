/* clock.c - see clock.h. */
#include "daemon/clock.h"
#include "heap/base/check.h"
#include <stdio.h>
#include <time.h>

static struct timespec read_clock(clockid_t which)
{
    struct timespec t;

    CHECK(clock_gettime(which, &t) == 0);
    return t;
}

uint64_t clock_us(void)
{
    struct timespec t = read_clock(CLOCK_MONOTONIC);

    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t clock_thread_cpu_us(void)
{
    struct timespec t = read_clock(CLOCK_THREAD_CPUTIME_ID);

    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t clock_ms(void)
{
    return clock_us() / 1000;
}

static double seconds(struct timespec t)
{
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double clock_unix_s(void)
{
    return seconds(read_clock(CLOCK_REALTIME));
}

uint64_t clock_unix_us(void)
{
    struct timespec t = read_clock(CLOCK_REALTIME);

    return t.tv_sec < 0 ? 0 : (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t clock_unix_ms(void)
{
    return clock_unix_us() / 1000;
}

double clock_cpu_s(void)
{
    return seconds(read_clock(CLOCK_PROCESS_CPUTIME_ID));
}

void clock_http_date(int64_t unix_s, char out[CLOCK_HTTP_DATE_BYTES + 1])
{
    static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t t = (time_t)unix_s;
    char text[64];
    struct tm tm;

    CHECK(gmtime_r(&t, &tm) != NULL);
    CHECK(snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday], tm.tm_mday,
                   months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                   tm.tm_sec) == CLOCK_HTTP_DATE_BYTES);
    for (int i = 0; i <= CLOCK_HTTP_DATE_BYTES; i++)
        out[i] = text[i];
}
