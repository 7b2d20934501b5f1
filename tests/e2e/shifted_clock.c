/*
 * shifted_clock.c - preloaded into a heapd: somebody has set the clock on the wall.
 *
 * HEAPD_TEST_CLOCK names a file with a number of seconds: so much it is ahead, or behind. It is read again each time the clock
 * is asked, so the clock may jump at any moment. The monotonic clock, which nobody can set, is left alone.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static time_t shift(void)
{
    const char *name = getenv("HEAPD_TEST_CLOCK");
    int fd = name == NULL ? -1 : open(name, O_RDONLY | O_CLOEXEC);
    char text[32] = "";
    ssize_t len;

    if (fd < 0)
        return 0;
    len = read(fd, text, sizeof text - 1);
    close(fd);
    return len > 0 ? (time_t)atoll(text) : 0;
}

int clock_gettime(clockid_t which, struct timespec *ret)
{
    int said = (int)syscall(SYS_clock_gettime, which, ret);

    if (said == 0 && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE || which == CLOCK_TAI))
        ret->tv_sec += shift();
    return said;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
    struct timespec t;

    (void)zone;
    clock_gettime(CLOCK_REALTIME, &t);
    ret->tv_sec = t.tv_sec;
    ret->tv_usec = t.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *ret)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    if (ret != NULL)
        *ret = t.tv_sec;
    return t.tv_sec;
}
