/*
 * eager.c - asks for one thing over and over, and tells how long the answers took.
 *
 *   eager PORT PATH CONNECTIONS SECONDS
 *
 * Each connection asks again as soon as it has its answer. That needs less than wrk does, which is at work all the time, so it
 * can sleep: others on its core take their time from that sleep first. How much of the core it took is told.
 *
 * On stdout one line, JSON: how many answers, percentiles in microseconds, and what part of its core it took.
 */
#include "asker.h"
#include "noise.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1024
#define SECONDS_MAX     60
#define EVENTS_MAX      64

struct eager {
    int epoll;
    char request[1024];
    size_t request_bytes, count;
    struct asker askers[CONNECTIONS_MAX];
    struct waits waits;
};

static void give_up(const char *what)
{
    perror(what);
    exit(1);
}

static void ask(struct eager *e, struct asker *a)
{
    asker_ask(a, e->request, e->request_bytes, now_ns());
}

static void dial(struct eager *e, struct asker *a, int port)
{
    struct epoll_event in = {.events = EPOLLIN, .data.ptr = a};

    asker_dial(a, port);
    if (epoll_ctl(e->epoll, EPOLL_CTL_ADD, a->fd, &in) != 0)
        give_up("eager: epoll_ctl");
    ask(e, a);
}

static void take_answer(struct eager *e, struct asker *a)
{
    uint64_t asked = a->asked_ns;

    if (!asker_read(a, false))
        return;
    waits_add(&e->waits, now_ns() - asked);
    ask(e, a);
}

static void ask_until(struct eager *e, uint64_t end_ns)
{
    struct epoll_event events[EVENTS_MAX];

    while (now_ns() < end_ns) {
        int n = epoll_wait(e->epoll, events, EVENTS_MAX, 1000);

        for (int i = 0; i < n; i++)
            take_answer(e, events[i].data.ptr);
    }
}

static double cpu_seconds(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
    static struct eager e;
    int port = argc == 5 ? (int)strtol(argv[1], NULL, 10) : 0;
    uint64_t seconds = argc == 5 ? strtoull(argv[4], NULL, 10) : 0, began;

    e.count = argc == 5 ? strtoull(argv[3], NULL, 10) : 0;
    if (e.count == 0 || e.count > CONNECTIONS_MAX || seconds == 0 || seconds > SECONDS_MAX) {
        fprintf(stderr, "usage: eager PORT PATH CONNECTIONS SECONDS\n");
        return 2;
    }
    e.request_bytes = (size_t)snprintf(e.request, sizeof e.request, "GET %.512s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", argv[2], port);
    if ((e.epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
        give_up("eager: epoll");
    began = now_ns();
    for (size_t i = 0; i < e.count; i++)
        dial(&e, &e.askers[i], port);
    ask_until(&e, began + seconds * 1000000000u);
    printf("{\"cpu_part\":%.3f,\"answers\":%zu,", cpu_seconds() / ((double)(now_ns() - began) / 1e9), e.waits.count);
    waits_tell(&e.waits);
    printf("}\n");
    for (size_t i = 0; i < e.count; i++)
        asker_close(&e.askers[i]);
    free(e.waits.us);
    return 0;
}
