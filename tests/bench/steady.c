/*
 * steady.c - GETs at a fixed rate, whether or not those before were answered.
 *
 *   steady PORT RATE PATH
 *
 * A request is due every 1 / RATE seconds, and what it waits counts from then: also for a connection, if all are waiting for
 * answers. For every line on stdin there is one on stdout, JSON: how many were answered since the line before, and how long
 * that took them. The end of stdin is the end.
 */
#include "asker.h"
#include "noise.h"
#include <inttypes.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS 16

struct steady {
    struct asker askers[CONNECTIONS];
    char request[1024];
    size_t request_bytes;
    uint64_t every_ns, due_ns, began_ns;
    struct waits waits;
};

/* What it waits for is the server, and not its turn on a core that other clients share; where that is not allowed it goes on
 * without. It sleeps nearly all of the time. */
static void go_first(void)
{
    struct sched_param first = {.sched_priority = 1};

    (void)sched_setscheduler(0, SCHED_FIFO, &first);
    prctl(PR_SET_TIMERSLACK, 1); /* else it wakes up to 50 us late */
}

/* Those that are due, as long as somebody is free. */
static void ask_what_is_due(struct steady *s)
{
    uint64_t now = now_ns();

    for (size_t i = 0; i < CONNECTIONS && s->due_ns <= now; i++) {
        if (s->askers[i].asked_ns != 0)
            continue;
        asker_ask(&s->askers[i], s->request, s->request_bytes, s->due_ns);
        s->due_ns += s->every_ns;
    }
}

static void read_answer(struct steady *s, struct asker *a)
{
    uint64_t asked = a->asked_ns;

    if (asker_read(a, false))
        waits_add(&s->waits, now_ns() - asked);
}

/* False: it is the end. */
static bool tell(struct steady *s)
{
    char line[64];

    if (read(STDIN_FILENO, line, sizeof line) <= 0)
        return false;
    printf("{\"seconds\":%.4f,\"answers\":%zu,", (double)(now_ns() - s->began_ns) / 1e9, s->waits.count);
    waits_tell(&s->waits);
    printf("}\n");
    fflush(stdout);
    s->began_ns = now_ns();
    return true;
}

static void wait_for_news(struct steady *s, struct pollfd polls[CONNECTIONS + 1])
{
    uint64_t now = now_ns(), ns = s->due_ns > now ? s->due_ns - now : 0;
    struct timespec until_due = {.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};

    for (size_t i = 0; i < CONNECTIONS; i++)
        polls[i] = (struct pollfd){.fd = s->askers[i].asked_ns != 0 ? s->askers[i].fd : -1, .events = POLLIN};
    polls[CONNECTIONS] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
    (void)ppoll(polls, CONNECTIONS + 1, &until_due, NULL);
}

static void run(struct steady *s)
{
    struct pollfd polls[CONNECTIONS + 1];

    s->began_ns = s->due_ns = now_ns();
    for (;;) {
        ask_what_is_due(s);
        wait_for_news(s, polls);
        for (size_t i = 0; i < CONNECTIONS; i++)
            if (polls[i].revents != 0)
                read_answer(s, &s->askers[i]);
        if (polls[CONNECTIONS].revents != 0 && !tell(s))
            return;
    }
}

int main(int argc, char **argv)
{
    static struct steady s;
    uint64_t rate = argc == 4 ? strtoull(argv[2], NULL, 10) : 0;

    if (rate == 0) {
        fprintf(stderr, "usage: steady PORT RATE PATH\n");
        return 2;
    }
    s.every_ns = 1000000000u / rate;
    s.request_bytes = (size_t)snprintf(s.request, sizeof s.request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\n\r\n", argv[3], argv[1]);
    go_first();
    for (size_t i = 0; i < CONNECTIONS; i++)
        asker_dial(&s.askers[i], (int)strtol(argv[1], NULL, 10));
    run(&s);
    for (size_t i = 0; i < CONNECTIONS; i++)
        asker_close(&s.askers[i]);
    free(s.waits.us);
    return 0;
}
