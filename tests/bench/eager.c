/*
 * eager.c - asks for one thing over and over, and tells how long the answers took.
 *
 *   eager PORT PATH CONNECTIONS SECONDS
 *
 * Each connection asks again as soon as it has its answer, which has to come in one piece: what is asked for is small.
 * Nothing is parsed, so it needs about half of what wrk needs for a request, and sleeps while the server is at
 * work: others on its core take their time from that sleep, and not from what is measured.
 *
 * On stdout one line, JSON: how many answers, percentiles in microseconds, and what part of its core it took.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1024
#define SECONDS_MAX     60
#define ANSWERS_MAX     (32u << 20) /* kept, 4 bytes each */
#define ANSWER_BYTES    4096
#define ASKING_BYTES    1024
#define EVENTS_MAX      64
#define OK_BYTES        12 /* of the status line */

struct conn {
    int fd;
    uint64_t asked_ns;
};

struct eager {
    int epoll;
    char asking[ASKING_BYTES];
    size_t asking_len, count, answers;
    struct conn conns[CONNECTIONS_MAX];
    uint32_t *took_ns; /* of each answer */
};

static void give_up(const char *what)
{
    fprintf(stderr, "eager: %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* ---- one connection ---- */

static void ask(struct eager *a, struct conn *c)
{
    c->asked_ns = now_ns();
    if (send(c->fd, a->asking, a->asking_len, MSG_NOSIGNAL) != (ssize_t)a->asking_len)
        give_up("send");
}

static void take_answer(struct eager *a, struct conn *c)
{
    char answer[ANSWER_BYTES];
    ssize_t n = recv(c->fd, answer, sizeof(answer), 0);
    uint64_t took = now_ns() - c->asked_ns;

    if (n < OK_BYTES || memcmp(answer, "HTTP/1.1 200", OK_BYTES) != 0) {
        errno = n < 0 ? errno : EPROTO;
        give_up("an answer that is no 200");
    }
    if (a->answers < ANSWERS_MAX)
        a->took_ns[a->answers++] = took < UINT32_MAX ? (uint32_t)took : UINT32_MAX;
    ask(a, c);
}

static void dial(struct eager *a, struct conn *c, int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    int on = 1;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0 ||
        connect(c->fd, (struct sockaddr *)&to, sizeof(to)) != 0 || epoll_ctl(a->epoll, EPOLL_CTL_ADD, c->fd, &e) != 0)
        give_up("connect");
    ask(a, c);
}

/* ---- together ---- */

static void ask_until(struct eager *a, uint64_t end_ns)
{
    struct epoll_event events[EVENTS_MAX];

    while (now_ns() < end_ns) {
        int n = epoll_wait(a->epoll, events, EVENTS_MAX, 1000);

        if (n < 0 && errno != EINTR)
            give_up("epoll_wait");
        for (int i = 0; i < n; i++)
            take_answer(a, events[i].data.ptr);
    }
}

static int by_size(const void *left, const void *right)
{
    uint32_t l = *(const uint32_t *)left, r = *(const uint32_t *)right;

    return (l > r) - (l < r);
}

static double percentile_us(const struct eager *a, double part)
{
    return (double)a->took_ns[(size_t)((double)(a->answers - 1) * part)] / 1e3;
}

static double cpu_seconds(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void tell(struct eager *a, double cpu_part)
{
    if (a->answers == 0)
        give_up("no answer");
    qsort(a->took_ns, a->answers, sizeof(*a->took_ns), by_size);
    printf("{\"answers\": %zu, \"p50_us\": %.1f, \"p90_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f, "
           "\"cpu_part\": %.3f}\n",
           a->answers, percentile_us(a, 0.5), percentile_us(a, 0.9), percentile_us(a, 0.99), percentile_us(a, 0.999),
           percentile_us(a, 1), cpu_part);
}

static void prepare(struct eager *a, int port, const char *path)
{
    a->asking_len = (size_t)snprintf(a->asking, sizeof(a->asking), "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", path, port);
    a->took_ns = calloc(ANSWERS_MAX, sizeof(*a->took_ns));
    a->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (a->took_ns == NULL || a->epoll < 0)
        give_up("memory, epoll");
}

int main(int argc, char **argv)
{
    static struct eager a;
    uint64_t began, seconds;

    if (argc != 5 || strlen(argv[2]) > ASKING_BYTES / 2)
        return fprintf(stderr, "usage: eager PORT PATH CONNECTIONS SECONDS\n"), 2;
    a.count = strtoull(argv[3], NULL, 10);
    seconds = strtoull(argv[4], NULL, 10);
    if (a.count == 0 || a.count > CONNECTIONS_MAX || seconds == 0 || seconds > SECONDS_MAX)
        return fprintf(stderr, "eager: 1 to %d connections, 1 to %d seconds\n", CONNECTIONS_MAX, SECONDS_MAX), 2;
    prepare(&a, (int)strtol(argv[1], NULL, 10), argv[2]);
    began = now_ns();
    for (size_t i = 0; i < a.count; i++)
        dial(&a, &a.conns[i], (int)strtol(argv[1], NULL, 10));
    ask_until(&a, began + seconds * 1000000000);
    tell(&a, cpu_seconds() / ((double)(now_ns() - began) / 1e9));
    free(a.took_ns);
    return 0;
}
