/*
 * reap_probe.c - how long others wait while heapd reaps a graph.
 *
 *   reap_probe PORT PID ROOT     one line of JSON, times in microseconds
 *
 * On one keep-alive connection: DELETE /v1/roots/ROOT, then GET /livez back to back until GET /v1/gc says that
 * nothing is doomed. Every answer's latency counts, that of the DELETE too.
 *
 * What the machine itself does to a latency has to come off, and is measured in two ways:
 *
 *   client_gap   The client does not sleep for an answer: it polls and reads the clock all the time. So it is the
 *                spinning thread, on its own core, in the very time of the reaping. A third busy thread would, on
 *                two cores, take turns with the two that are measured, and find the gaps that it makes itself.
 *   spin_gap     The daemon's core cannot be watched from within while the daemon runs there. So right after, for as
 *                long as the reaping took, two threads only spin: as many busy threads as before.
 *
 * `noise` is the longer of the two. For each answer over 1 ms the line also says what the kernel's books have on the
 * daemon (PID) in that time: how long it ran, and how long it was ready and waited for a core. Only the first is its
 * own doing.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SAMPLES_MAX (4u << 20)
#define LONG_NS 1000000u
#define LONG_MAX_SHOWN 20
#define ASK_EVERY_NS 10000000u /* how often doomed is asked for */
#define REPLY_BYTES_MAX 16384
#define GIVE_UP_S 60

struct long_wait {
    uint64_t at_ns, wait_ns, ran_ns, queued_ns; /* at: since the DELETE was sent */
};

struct probe {
    int fd, schedstat_fd;
    clockid_t daemon_clock;
    char head[128];            /* what every request ends with */
    char reply[REPLY_BYTES_MAX];
    uint64_t began_ns, client_gap_ns;
    uint32_t *waits_ns;
    size_t waits;
    struct long_wait long_waits[LONG_MAX_SHOWN];
    size_t long_count;
};

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
    fprintf(stderr, "reap_probe: %s: %s\n", what, errno ? strerror(errno) : "unexpected");
    exit(1);
}

/* How long the daemon has run, and how long it has waited for a core; 0 where the kernel does not say. */
static void read_daemon_time(const struct probe *p, uint64_t *ret_ran, uint64_t *ret_queued)
{
    struct timespec t = {0};
    char text[96], *end;
    ssize_t n = pread(p->schedstat_fd, text, sizeof(text) - 1, 0);

    clock_gettime(p->daemon_clock, &t); /* exact even while it runs; schedstat is a tick late there */
    *ret_ran = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
    *ret_queued = 0;
    if (n <= 0)
        return;
    text[n] = '\0';
    strtoull(text, &end, 10);
    *ret_queued = strtoull(end, NULL, 10);
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
        last = now;
    }
}

static void note_wait(struct probe *p, struct long_wait w)
{
    if (p->waits == SAMPLES_MAX)
        die("too many answers");
    p->waits_ns[p->waits++] = w.wait_ns > UINT32_MAX ? UINT32_MAX : (uint32_t)w.wait_ns;
    if (w.wait_ns >= LONG_NS && p->long_count < LONG_MAX_SHOWN)
        p->long_waits[p->long_count++] = w;
}

/* Ask, wait, and note how long it took. */
static void ask(struct probe *p, const char *what)
{
    char request[256];
    int n = snprintf(request, sizeof(request), "%s HTTP/1.1\r\n%s", what, p->head);
    uint64_t ran, queued, ran_after, queued_after, sent;

    read_daemon_time(p, &ran, &queued);
    sent = now_ns();
    if (p->began_ns == 0)
        p->began_ns = sent;
    if (send(p->fd, request, (size_t)n, MSG_NOSIGNAL) != n)
        die("send");
    poll_answer(p, sent);
    uint64_t wait = now_ns() - sent;
    read_daemon_time(p, &ran_after, &queued_after);
    note_wait(p, (struct long_wait){sent - p->began_ns, wait, ran_after - ran, queued_after - queued});
}

static void expect(const struct probe *p, const char *text)
{
    errno = 0;
    if (strstr(p->reply, text) == NULL)
        die(p->reply);
}

/* ---- the two measurements ---- */

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

struct spin {
    uint64_t until_ns, gap_ns;
};

static void *spin(void *arg)
{
    struct spin *s = arg;
    uint64_t last = now_ns(), now;

    while ((now = now_ns()) < s->until_ns) {
        if (now - last > s->gap_ns)
            s->gap_ns = now - last;
        last = now;
    }
    if (now - last > s->gap_ns) /* a gap may reach over the end */
        s->gap_ns = now - last;
    return NULL;
}

/* The longest gap that two spinning threads see within `ns`. */
static uint64_t spin_gap(uint64_t ns)
{
    struct spin here = {.until_ns = now_ns() + ns}, there = here;
    pthread_t thread;

    if (pthread_create(&thread, NULL, spin, &there) != 0)
        die("thread");
    spin(&here);
    pthread_join(thread, NULL);
    return here.gap_ns > there.gap_ns ? here.gap_ns : there.gap_ns;
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
    printf("{\"seconds\":%.4f,\"answers\":%zu,\"drop\":%.1f,\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f,\"max\":%.1f,"
           "\"client_gap\":%.1f,\"spin_gap\":%.1f,\"noise\":%.1f,\"over_1ms\":[",
           us(took_ns) / 1e6, p->waits, drop_us, us(w[p->waits / 2]), us(w[p->waits * 99 / 100]),
           us(w[p->waits * 999 / 1000]), us(w[p->waits - 1]), us(p->client_gap_ns), us(spin_ns), us(noise));
    for (size_t i = 0; i < p->long_count; i++) {
        const struct long_wait *l = &p->long_waits[i];

        printf("%s{\"at\":%.0f,\"wait\":%.0f,\"ran\":%.0f,\"queued\":%.0f}", i ? "," : "", us(l->at_ns),
               us(l->wait_ns), us(l->ran_ns), us(l->queued_ns));
    }
    printf("]}\n");
}

static void connect_to(struct probe *p, int port, const char *pid)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    char path[64];
    int on = 1;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (p->fd < 0 || connect(p->fd, (struct sockaddr *)&to, sizeof(to)) != 0)
        die("connect");
    setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    snprintf(p->head, sizeof(p->head), "Host: 127.0.0.1:%d\r\n\r\n", port);
    snprintf(path, sizeof(path), "/proc/%s/schedstat", pid);
    p->schedstat_fd = open(path, O_RDONLY | O_CLOEXEC);
    if (clock_getcpuclockid((pid_t)strtol(pid, NULL, 10), &p->daemon_clock) != 0)
        die("no such process");
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
    memset(p.waits_ns, 0xff, SAMPLES_MAX * sizeof(*p.waits_ns)); /* no page is touched for the first time later */
    connect_to(&p, (int)strtol(argv[1], NULL, 10), argv[2]);
    drop_and_watch(&p, argv[3]);
    uint64_t took = now_ns() - p.began_ns;
    report(&p, took, spin_gap(took));
    free(p.waits_ns);
    return 0;
}
