/*
 * reap_probe.c - how long others wait while heapd reaps a graph.
 *
 *   reap_probe PORT PID ROOT     one line of JSON, times in microseconds
 *
 * On one keep-alive connection: DELETE /v1/roots/ROOT, then GET /livez back to back until GET /v1/gc says
 * that nothing is doomed. Every answer's latency counts, that of the DELETE too.
 *
 * What the machine itself does to a latency has to come off. It is measured in two ways, and `noise` is the
 * longer of the two:
 *
 * - client_gap. The client does not sleep for an answer: it polls and reads the clock all the time. So it is
 *   the spinning thread, on its own core, in the very time of the reaping. A third busy thread would, on two
 *   cores, take turns with the two that are measured, and find the gaps that it makes itself.
 * - spin_gap. The daemon's core cannot be watched from within while the daemon runs there. So right after,
 *   for as long as the reaping took, two threads only spin: as many busy threads as before.
 *
 * On a busy machine noise hides much, so beside it stands `own`: the longest that the daemon (PID)
 * demonstrably kept the client waiting itself, which is the CPU time it used during one answer, less the time
 * in which the client was away from its core and would not have seen the answer anyway (0 where the kernel
 * does not say).
 *
 * Whoever starts the two gives each a core of its own, or they would make each other wait.
 */
#include "noise.h"
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define SAMPLES_MAX     (4u << 20)
#define LONG_NS         1000000u
#define GAP_NS          50000u /* between two looks at the clock: the client did not run */
#define LONG_MAX_SHOWN  8
#define ASK_EVERY_NS    10000000u /* how often doomed is asked for */
#define REPLY_BYTES_MAX 16384
#define GIVE_UP_S       60

struct long_wait {
    uint64_t at_ns;                    /* since the DELETE was sent */
    uint64_t wait_ns, ran_ns, away_ns; /* ran: the daemon; away: the client was not on its core */
};

struct probe {
    int fd, cpu_fd;
    char head[128]; /* what every request ends with */
    char reply[REPLY_BYTES_MAX];
    uint64_t began_ns, client_gap_ns, own_ns;
    uint64_t away_ns; /* the sum of the client's gaps while it waited for this answer */
    uint32_t *waits_ns;
    size_t waits;
    struct long_wait long_waits[LONG_MAX_SHOWN];
    size_t long_count;
};

static void die(const char *what)
{
    fprintf(stderr, "reap_probe: %s: %s\n", what, errno ? strerror(errno) : "unexpected");
    exit(1);
}

/* ---- one request ---- */

/* The whole answer lies in p->reply: its head, and as many bytes as Content-Length says. */
static bool is_whole(const char *reply, size_t used)
{
    const char *end = strstr(reply, "\r\n\r\n"), *length = strcasestr(reply, "\r\nContent-Length:");
    size_t body = length != NULL && end != NULL && length < end ? strtoull(length + 17, NULL, 10) : 0;

    return end != NULL && used >= (size_t)(end + 4 - reply) + body;
}

static void poll_answer(struct probe *p, uint64_t sent_ns)
{
    uint64_t last = sent_ns;
    size_t used = 0;

    p->reply[0] = '\0';
    while (!is_whole(p->reply, used)) {
        ssize_t n = recv(p->fd, p->reply + used, sizeof(p->reply) - 1 - used, MSG_DONTWAIT);
        uint64_t now = now_ns();

        if (n == 0 || (n < 0 && errno != EAGAIN) || now - sent_ns > GIVE_UP_S * 1000000000ull)
            die("no answer");
        if (n > 0) {
            used += (size_t)n;
            p->reply[used] = '\0';
        }
        if (now - last > p->client_gap_ns)
            p->client_gap_ns = now - last;
        if (now - last > GAP_NS)
            p->away_ns += now - last;
        last = now;
    }
}

/* The longest waits, in no order. */
static void keep_if_longest(struct probe *p, struct long_wait w)
{
    struct long_wait *shortest = p->long_waits;

    if (p->long_count < LONG_MAX_SHOWN) {
        p->long_waits[p->long_count++] = w;
        return;
    }
    for (size_t i = 1; i < LONG_MAX_SHOWN; i++)
        if (p->long_waits[i].wait_ns < shortest->wait_ns)
            shortest = &p->long_waits[i];
    if (shortest->wait_ns < w.wait_ns)
        *shortest = w;
}

static void note_wait(struct probe *p, struct long_wait w)
{
    if (p->waits == SAMPLES_MAX)
        die("too many answers");
    p->waits_ns[p->waits++] = w.wait_ns > UINT32_MAX ? UINT32_MAX : (uint32_t)w.wait_ns;
    if (w.ran_ns > w.away_ns && w.ran_ns - w.away_ns > p->own_ns)
        p->own_ns = w.ran_ns - w.away_ns;
    if (w.wait_ns >= LONG_NS)
        keep_if_longest(p, w);
}

/* Ask, wait, and note how long it took. */
static void ask(struct probe *p, const char *what)
{
    char request[256];
    int n = snprintf(request, sizeof(request), "%s HTTP/1.1\r\n%s", what, p->head);
    uint64_t before = now_ns(), ran = cpu_ns(p->cpu_fd), sent = now_ns(), answered;

    p->away_ns = sent - before;
    if (p->began_ns == 0)
        p->began_ns = sent;
    if (send(p->fd, request, (size_t)n, MSG_NOSIGNAL) != n)
        die("send");
    poll_answer(p, sent);
    answered = now_ns();
    ran = cpu_ns(p->cpu_fd) - ran;
    p->away_ns += now_ns() - answered;
    note_wait(p, (struct long_wait){sent - p->began_ns, answered - sent, ran, p->away_ns});
}

static void expect(const struct probe *p, const char *text)
{
    errno = 0;
    if (strstr(p->reply, text) == NULL)
        die(p->reply);
}

/* ---- dropping and watching ---- */

static void drop_and_watch(struct probe *p, const char *root)
{
    char request[128];
    uint64_t asked = now_ns();

    snprintf(request, sizeof(request), "DELETE /v1/roots/%s", root);
    ask(p, request);
    expect(p, "HTTP/1.1 2");
    for (;;) {
        if (now_ns() - asked < ASK_EVERY_NS) {
            ask(p, "GET /livez");
            continue;
        }
        asked = now_ns();
        ask(p, "GET /v1/gc");
        expect(p, "\"doomed\":");
        if (strstr(p->reply, "\"doomed\":0") != NULL)
            return;
    }
}

/* ---- the report ---- */

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static double us(uint64_t ns)
{
    return (double)ns / 1e3;
}

static void report(struct probe *p, uint64_t took_ns, uint64_t spin_ns)
{
    uint32_t *w = p->waits_ns;
    double drop_us = us(w[0]);
    uint64_t noise = spin_ns > p->client_gap_ns ? spin_ns : p->client_gap_ns;

    qsort(w, p->waits, sizeof(*w), by_size);
    printf("{\"seconds\":%.4f,\"answers\":%zu,\"drop\":%.1f,\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%"
           ".1f,"
           "\"client_gap\":%.1f,\"spin_gap\":%.1f,\"noise\":%.1f,\"own\":%.1f,\"longest\":[",
           us(took_ns) / 1e6, p->waits, drop_us, us(w[p->waits / 2]), us(w[p->waits * 99 / 100]),
           us(w[p->waits * 999 / 1000]), us(w[p->waits - 1]), us(p->client_gap_ns), us(spin_ns), us(noise),
           us(p->own_ns));
    for (size_t i = 0; i < p->long_count; i++) {
        const struct long_wait *l = &p->long_waits[i];

        printf("%s{\"at\":%.0f,\"wait\":%.0f,\"ran\":%.0f,\"away\":%.0f}", i ? "," : "", us(l->at_ns),
               us(l->wait_ns), us(l->ran_ns), us(l->away_ns));
    }
    printf("]}\n");
}

static void connect_to(struct probe *p, int port, pid_t daemon)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int on = 1;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (p->fd < 0 || connect(p->fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        die("connect");
    setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    snprintf(p->head, sizeof(p->head), "Host: 127.0.0.1:%d\r\n\r\n", port);
    p->cpu_fd = cpu_open(daemon);
}

int main(int argc, char **argv)
{
    static struct probe p;

    if (argc != 4) {
        fprintf(stderr, "usage: reap_probe PORT PID ROOT\n");
        return 2;
    }
    p.waits_ns = malloc(SAMPLES_MAX * sizeof(*p.waits_ns));
    if (p.waits_ns == NULL)
        die("memory");
    memset(p.waits_ns, 0xff,
           SAMPLES_MAX * sizeof(*p.waits_ns)); /* so that no page is touched for the first time */
    pid_t daemon = (pid_t)strtol(argv[2], NULL, 10);

    connect_to(&p, (int)strtol(argv[1], NULL, 10), daemon);
    drop_and_watch(&p, argv[3]);
    uint64_t took = now_ns() - p.began_ns;
    report(&p, took, spin_gap(daemon, took));
    free(p.waits_ns);
    return 0;
}
