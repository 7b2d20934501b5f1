/* noise.c - see noise.h. */
#include "noise.h"
#include <linux/perf_event.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t thread_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

struct spin {
    uint64_t until_ns, gap_ns;
};

static void *spin(void *arg)
{
    struct spin *s = arg;
    uint64_t last = now_ns(), now;

    do {
        now = now_ns();
        if (now - last > s->gap_ns)
            s->gap_ns = now - last; /* a gap may reach over the end */
        last = now;
    } while (now < s->until_ns);
    return NULL;
}

uint64_t spin_gap(pid_t other, uint64_t ns)
{
    struct spin here = {.until_ns = now_ns() + ns}, there = here;
    pthread_t thread;
    cpu_set_t cores;

    if (pthread_create(&thread, NULL, spin, &there) != 0) {
        fprintf(stderr, "no second thread to spin\n");
        exit(1);
    }
    if (sched_getaffinity(other, sizeof(cores), &cores) == 0)
        pthread_setaffinity_np(thread, sizeof(cores), &cores);
    spin(&here);
    pthread_join(thread, NULL);
    return here.gap_ns > there.gap_ns ? here.gap_ns : there.gap_ns;
}

int cpu_open(pid_t other)
{
    struct perf_event_attr what = {
        .type = PERF_TYPE_SOFTWARE,
        .size = sizeof(what),
        .config = PERF_COUNT_SW_TASK_CLOCK,
        .exclude_kernel = 1, /* asks for less permission; this clock counts both */
    };

    return (int)syscall(SYS_perf_event_open, &what, other, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

uint64_t cpu_ns(int fd)
{
    uint64_t ns = 0;

    return fd >= 0 && read(fd, &ns, sizeof(ns)) == sizeof(ns) ? ns : 0;
}
