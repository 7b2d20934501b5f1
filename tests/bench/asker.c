/* asker.c - see asker.h. */
#include "asker.h"
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROOM_MIN  (64u << 10)
#define WAITS_MIN 4096u

static void give_up(const char *what)
{
    fprintf(stderr, "asker: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void *room_for(void *at, size_t bytes)
{
    void *more = realloc(at, bytes);

    if (more == NULL)
        give_up("realloc");
    return more;
}

/* ---- a connection ---- */

void asker_dial(struct asker *a, int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int yes = 1;

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *a = (struct asker){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (a->fd < 0 || connect(a->fd, (struct sockaddr *)&to, sizeof to) != 0)
        give_up("connect");
    setsockopt(a->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    a->room = ROOM_MIN;
    a->answer = room_for(NULL, a->room);
}

void asker_close(struct asker *a)
{
    close(a->fd);
    free(a->answer);
}

void asker_ask(struct asker *a, const char *request, size_t bytes, uint64_t due_ns)
{
    a->got = 0;
    a->asked_ns = due_ns;
    for (ssize_t sent; bytes > 0; request += sent, bytes -= (size_t)sent)
        if ((sent = send(a->fd, request, bytes, MSG_NOSIGNAL)) <= 0)
            give_up("send");
}

const char *asker_body(const struct asker *a)
{
    return strstr(a->answer, "\r\n\r\n") + 4;
}

static bool is_whole(const struct asker *a)
{
    const char *head_end = strstr(a->answer, "\r\n\r\n"), *length = strcasestr(a->answer, "\r\ncontent-length:");

    if (head_end == NULL)
        return false;
    if (strncmp(a->answer, "HTTP/1.1 2", 10) != 0) {
        fprintf(stderr, "asker: %.2000s\n", a->answer);
        exit(1);
    }
    if (length != NULL && length < head_end)
        return a->got >= (size_t)(head_end + 4 - a->answer) + strtoull(length + 17, NULL, 10);
    return a->answer + a->got >= head_end + 4 + 5 && memcmp(a->answer + a->got - 5, "0\r\n\r\n", 5) == 0; /* the last chunk */
}

bool asker_read(struct asker *a, bool waiting)
{
    do {
        if (a->room - a->got < ROOM_MIN / 2)
            a->answer = room_for(a->answer, a->room *= 2);
        ssize_t n = recv(a->fd, a->answer + a->got, a->room - a->got - 1, waiting ? 0 : MSG_DONTWAIT);

        if (n < 0 && errno == EAGAIN)
            return false;
        if (n <= 0)
            give_up("recv");
        a->got += (size_t)n;
        a->answer[a->got] = '\0';
        if (is_whole(a)) {
            a->asked_ns = 0;
            return true;
        }
    } while (waiting);
    return false;
}

/* ---- how long answers took ---- */

void waits_add(struct waits *w, uint64_t ns)
{
    if (w->count == w->room) {
        w->room = w->room ? 2 * w->room : WAITS_MIN;
        w->us = room_for(w->us, w->room * sizeof *w->us);
    }
    w->us[w->count++] = ns / 1000 > UINT32_MAX ? UINT32_MAX : (uint32_t)(ns / 1000);
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static uint32_t quantile(const struct waits *w, size_t of_1000)
{
    return w->count > 0 ? w->us[(w->count - 1) * of_1000 / 1000] : 0;
}

void waits_tell(struct waits *w)
{
    qsort(w->us, w->count, sizeof *w->us, by_size);
    printf("\"p50\":%" PRIu32 ",\"p99\":%" PRIu32 ",\"p999\":%" PRIu32 ",\"max\":%" PRIu32, quantile(w, 500), quantile(w, 990),
           quantile(w, 999), quantile(w, 1000));
    w->count = 0;
}
