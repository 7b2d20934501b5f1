/*
 * crowd.c - many connections that do little, with little of the time of the core that they share with whoever measures.
 *
 *   crowd PORT IDLE SLOW PATH
 *
 * IDLE connections have asked once, are answered, and say no more. SLOW ones have a step every PERIOD_MS: half are
 * writers, which send one byte of a head that never ends; half are readers, which ask for PATH through a window of
 * WINDOW_BYTES and read at most READ_BYTES of the answer. So a writer sends 2 bytes a second and a reader takes 2 KiB.
 * Who is cut begins anew in its next step (an idle one at once); a reader that has read all asks again.
 *
 * The steps are spread evenly: a tick of TICK_MS has its slice of the slow ones, so that no two readers begin at once
 * while there are fewer than PERIOD_MS / TICK_MS of them. What the timer missed is made up for, up to a whole period.
 *
 * For every line on stdin there is one on stdout, JSON: who is there, what they have done since the beginning, and what
 * it took. The first line is answered when all are there. The end of stdin is the end.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define PERIOD_MS       500
#define TICK_MS         1
#define TICKS           (PERIOD_MS / TICK_MS)
#define WINDOW_BYTES    8192 /* asked for; the kernel doubles it */
#define READ_BYTES      1024
#define ENDLESS_BYTES   4000
#define HEAD_BYTES_MAX  8192
#define UNDER_WAY_MAX   64 /* idle ones that are not answered yet: more would wait in the server's backlog */
#define EVENTS_MAX      128
#define CONNS_MAX       60000

enum kind { IDLE, WRITER, READER, KINDS };

struct conn {
    enum kind kind;
    int fd;
    size_t sent; /* of its head */
    size_t got;  /* of the answer */
};

/* What one kind has done. */
struct tally {
    size_t there, cut, answered, refused;
    uint64_t sent, got; /* bytes */
};

struct crowd {
    int port, epoll, timer;
    char heads[KINDS][HEAD_BYTES_MAX];
    size_t head_len[KINDS];
    struct conn *idle, *slow;
    size_t idle_count, slow_count, begun, under_way;
    uint64_t tick, steps; /* since the timer was started */
    double began_s;
    bool asked, over; /* about stdin */
    struct tally tallies[KINDS];
};

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void give_up(const char *what)
{
    fprintf(stderr, "crowd: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* ---- one connection ---- */

static void watch(struct crowd *w, int fd, uint32_t events, void *whose)
{
    struct epoll_event e = {.events = events, .data.ptr = whose};

    if (epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &e) != 0)
        give_up("epoll_ctl");
}

static void dial(struct crowd *w, struct conn *c)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)w->port)};
    int window = WINDOW_BYTES;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    c->sent = c->got = 0;
    if (c->fd < 0)
        give_up("socket");
    if (c->kind != IDLE)
        setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof(window));
    if (connect(c->fd, (struct sockaddr *)&to, sizeof(to)) != 0 && errno != EINPROGRESS)
        give_up("connect");
    w->tallies[c->kind].there++;
}

static void lose(struct crowd *w, struct conn *c)
{
    close(c->fd);
    c->fd = -1;
    w->tallies[c->kind].there--;
    w->tallies[c->kind].cut++;
}

/* Up to `n` bytes of its head. False: it is cut. */
static bool send_some(struct crowd *w, struct conn *c, size_t n)
{
    size_t left = w->head_len[c->kind] - c->sent;
    ssize_t sent = left == 0 ? 0 : send(c->fd, w->heads[c->kind] + c->sent, n < left ? n : left, MSG_NOSIGNAL);

    if (sent < 0)
        return errno == EAGAIN;
    c->sent += (size_t)sent;
    w->tallies[c->kind].sent += (uint64_t)sent;
    return true;
}

enum reading { CUT, NOTHING, SOME };

static enum reading read_some(struct crowd *w, struct conn *c)
{
    struct tally *t = &w->tallies[c->kind];
    char bytes[READ_BYTES];
    ssize_t n = recv(c->fd, bytes, sizeof(bytes), 0);

    if (n < 0 && errno == EAGAIN)
        return NOTHING;
    if (n <= 0)
        return CUT;
    if (c->got == 0)
        t->refused += n < 12 || memcmp(bytes, "HTTP/1.1 200", 12) != 0;
    c->got += (size_t)n;
    t->got += (uint64_t)n;
    return SOME;
}

/* ---- idle ---- */

static void begin_idle(struct crowd *w, struct conn *c)
{
    dial(w, c);
    w->under_way++;
    watch(w, c->fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, c);
}

static void begin_more_idle(struct crowd *w)
{
    while (w->begun < w->idle_count && w->under_way < UNDER_WAY_MAX)
        begin_idle(w, &w->idle[w->begun++]);
}

/* Its socket has changed: connected, answered, or cut. That is said once, so all is read. */
static void serve_idle(struct crowd *w, struct conn *c)
{
    bool waits = c->got == 0;
    enum reading r = CUT;

    if (send_some(w, c, SIZE_MAX))
        while ((r = read_some(w, c)) == SOME)
            ;
    if (waits && (c->got > 0 || r == CUT))
        w->under_way--;
    if (waits && c->got > 0)
        w->tallies[IDLE].answered++;
    if (r != CUT)
        return;
    lose(w, c);
    begin_idle(w, c);
}

/* ---- slow ---- */

static bool step_writer(struct crowd *w, struct conn *c)
{
    enum reading r;

    if (!send_some(w, c, 1))
        return false;
    r = read_some(w, c);
    w->tallies[WRITER].answered += r == SOME; /* that it took too long */
    return r != CUT;
}

static bool step_reader(struct crowd *w, struct conn *c)
{
    enum reading r;

    if (!send_some(w, c, SIZE_MAX))
        return false;
    r = read_some(w, c);
    if (r == NOTHING && c->got > 0) {
        w->tallies[READER].answered++;
        c->sent = c->got = 0;
        return send_some(w, c, SIZE_MAX);
    }
    return r != CUT;
}

/* Who begins has asked, and looks for the answer in its next step. */
static void begin_slow(struct crowd *w, struct conn *c)
{
    dial(w, c);
    if (c->kind == READER && !send_some(w, c, SIZE_MAX))
        lose(w, c);
}

static void step(struct crowd *w, struct conn *c)
{
    w->steps++;
    if (c->fd >= 0 && !(c->kind == WRITER ? step_writer(w, c) : step_reader(w, c)))
        lose(w, c);
    if (c->fd < 0)
        begin_slow(w, c);
}

static void step_slice(struct crowd *w)
{
    size_t at = w->tick++ % TICKS;

    for (size_t i = w->slow_count * at / TICKS; i < w->slow_count * (at + 1) / TICKS; i++)
        step(w, &w->slow[i]);
}

static void on_timer(struct crowd *w)
{
    uint64_t due;

    if (read(w->timer, &due, sizeof(due)) != sizeof(due))
        return;
    for (uint64_t i = 0; i < due && i < TICKS; i++)
        step_slice(w);
}

static void start_timer(struct crowd *w)
{
    struct timespec each = {.tv_nsec = TICK_MS * 1000000};
    struct itimerspec at = {each, each};

    w->began_s = now_s();
    if (w->slow_count > 0 && timerfd_settime(w->timer, 0, &at, NULL) != 0)
        give_up("timerfd_settime");
}

/* ---- what is said ---- */

static void say_kind(const char *name, const struct tally *t)
{
    printf(", \"%s\": {\"there\": %zu, \"cut\": %zu, \"answered\": %zu, \"refused\": %zu, \"sent_bytes\": %" PRIu64
           ", \"got_bytes\": %" PRIu64 "}",
           name, t->there, t->cut, t->answered, t->refused, t->sent, t->got);
}

static void say(const struct crowd *w)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    printf("{\"seconds\": %.3f, \"cpu_seconds\": %.3f, \"steps\": %" PRIu64, now_s() - w->began_s,
           (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
               (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6,
           w->steps);
    say_kind("idle", &w->tallies[IDLE]);
    say_kind("writers", &w->tallies[WRITER]);
    say_kind("readers", &w->tallies[READER]);
    printf("}\n");
    fflush(stdout);
}

/* One question at a time: who asks waits for the answer. */
static void on_stdin(struct crowd *w)
{
    char line[64];
    ssize_t n = read(STDIN_FILENO, line, sizeof(line));

    w->over = n <= 0;
    w->asked = n > 0;
}

static bool all_idle_are_there(const struct crowd *w)
{
    return w->begun == w->idle_count && w->under_way == 0;
}

static bool all_are_there(const struct crowd *w)
{
    return all_idle_are_there(w) && (w->slow_count == 0 || w->tick >= TICKS);
}

/* ---- together ---- */

static void serve(struct crowd *w, const struct epoll_event *e)
{
    if (e->data.ptr == w)
        on_timer(w);
    else if (e->data.ptr == NULL)
        on_stdin(w);
    else
        serve_idle(w, e->data.ptr);
}

static void run(struct crowd *w)
{
    struct epoll_event events[EVENTS_MAX];

    while (!w->over) {
        begin_more_idle(w);
        if (w->began_s == 0 && all_idle_are_there(w))
            start_timer(w);
        if (w->asked && w->began_s != 0 && all_are_there(w)) {
            say(w);
            w->asked = false;
        }
        int n = epoll_wait(w->epoll, events, EVENTS_MAX, -1);

        for (int i = 0; i < n; i++)
            serve(w, &events[i]);
    }
}

/* With a reset: so many in TIME_WAIT would be in the way of whoever comes next. */
static void leave(struct conn *conns, size_t count)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    for (size_t i = 0; i < count; i++) {
        if (conns[i].fd < 0)
            continue;
        setsockopt(conns[i].fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        close(conns[i].fd);
    }
}

static struct conn *conns_new(size_t count)
{
    struct conn *conns = calloc(count + 1, sizeof(*conns));

    if (conns == NULL)
        give_up("calloc");
    for (size_t i = 0; i < count; i++)
        conns[i].fd = -1;
    return conns;
}

static void write_head(struct crowd *w, enum kind kind, const char *path, size_t more)
{
    char *head = w->heads[kind];
    int n = snprintf(head, HEAD_BYTES_MAX - more, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s", path, w->port,
                     more > 0 ? "X-Slow: " : "\r\n");

    memset(head + n, 'x', more);
    w->head_len[kind] = (size_t)n + more;
}

static void raise_file_limit(void)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0)
        return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

static void prepare(struct crowd *w, const char *path)
{
    raise_file_limit();
    write_head(w, IDLE, "/livez", 0);
    write_head(w, WRITER, "/livez", ENDLESS_BYTES);
    write_head(w, READER, path, 0);
    w->idle = conns_new(w->idle_count);
    w->slow = conns_new(w->slow_count);
    for (size_t i = 0; i < w->slow_count; i++)
        w->slow[i].kind = i % 2 == 0 ? WRITER : READER;
    w->epoll = epoll_create1(EPOLL_CLOEXEC);
    w->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (w->epoll < 0 || w->timer < 0)
        give_up("epoll, timerfd");
    watch(w, w->timer, EPOLLIN, w);
    watch(w, STDIN_FILENO, EPOLLIN, NULL);
}

int main(int argc, char **argv)
{
    static struct crowd w;

    if (argc != 5 || strlen(argv[4]) > HEAD_BYTES_MAX / 2) {
        fprintf(stderr, "usage: crowd PORT IDLE SLOW PATH\n");
        return 2;
    }
    w.port = (int)strtol(argv[1], NULL, 10);
    w.idle_count = strtoull(argv[2], NULL, 10);
    w.slow_count = strtoull(argv[3], NULL, 10);
    if (w.idle_count + w.slow_count > CONNS_MAX) {
        fprintf(stderr, "crowd: %d connections are enough\n", CONNS_MAX);
        return 2;
    }
    prepare(&w, argv[4]);
    run(&w);
    leave(w.idle, w.idle_count);
    leave(w.slow, w.slow_count);
    free(w.idle);
    free(w.slow);
    return 0;
}
