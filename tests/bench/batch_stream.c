/*
 * batch_stream.c - send one long batch, as fast as heapd takes it.
 *
 *   batch_stream PORT chain COUNT     {next}: each links to the one made before it
 *   batch_stream PORT records COUNT   {left, right, val}: to the one before, and to that of half its number
 *   batch_stream PORT graph COUNT     {left, right, val}: to the one before, and to any of those before
 *   batch_stream PORT loose COUNT     {left, right, val} without links: creates alone
 *
 * The root "bench" is the last object of all but loose ones, which have none, and die with the batch.
 * The body is chunked and never whole in memory; the answer is the summary line. Prints one line of JSON, the
 * seconds from the first byte to the summary; exit status 1 if an op failed.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define CHUNK_BYTES      65536
#define OP_BYTES_MAX     256
#define ANSWER_BYTES_MAX 8192
#define SMALL_INTS       128
#define PATIENCE_S       60

struct stream {
    int fd;
    bool cut; /* the other side has stopped reading: its answer says why */
    size_t used;
    char chunk[CHUNK_BYTES + OP_BYTES_MAX];
};

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int dial(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        perror("batch_stream: connect");
        exit(1);
    }
    return fd;
}

static void send_all(struct stream *s, const char *data, size_t n)
{
    while (n > 0 && !s->cut) {
        ssize_t sent = send(s->fd, data, n, MSG_NOSIGNAL);

        if (sent <= 0) {
            s->cut = true;
            return;
        }
        data += sent;
        n -= (size_t)sent;
    }
}

static void flush(struct stream *s)
{
    char size[32];

    if (s->used == 0)
        return;
    send_all(s, size, (size_t)snprintf(size, sizeof(size), "%zx\r\n", s->used));
    memcpy(s->chunk + s->used, "\r\n", 2);
    send_all(s, s->chunk, s->used + 2);
    s->used = 0;
}

/* ---- ops ---- */

static int write_chain(char *op, uint64_t i)
{
    if (i == 0)
        return snprintf(op, OP_BYTES_MAX, "[\"new\",\"Link\",{\"next\":null}]\n");
    return snprintf(op, OP_BYTES_MAX, "[\"new\",\"Link\",{\"next\":{\"$ref\":\"@%" PRIu64 "\"}}]\n", i - 1);
}

static int write_loose(char *op, uint64_t i)
{
    return snprintf(op, OP_BYTES_MAX,
                    "[\"new\",\"Node\",{\"left\":null,\"right\":null,\"val\":%" PRIu64 "}]\n",
                    i % SMALL_INTS);
}

static int write_linked(char *op, uint64_t i, uint64_t right)
{
    if (i == 0)
        return write_loose(op, i);
    return snprintf(op, OP_BYTES_MAX,
                    "[\"new\",\"Node\",{\"left\":{\"$ref\":\"@%" PRIu64 "\"},\"right\":{\"$ref\":\"@%" PRIu64
                    "\"},\"val\":%" PRIu64 "}]\n",
                    i - 1, right, i % SMALL_INTS);
}

static int write_record(char *op, uint64_t i)
{
    return write_linked(op, i, i / 2);
}

/* A number mixed as splitmix64 does it stands for chance. */
static int write_graph(char *op, uint64_t i)
{
    uint64_t x = (i ^ (i >> 30)) * 0xbf58476d1ce4e5b9u;

    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return write_linked(op, i, (x ^ (x >> 31)) % (i + (i == 0)));
}

static const struct shape {
    const char *name;
    int (*write)(char *op, uint64_t i);
    bool rooted;
} shapes[] = {{"chain", write_chain, true},
              {"records", write_record, true},
              {"graph", write_graph, true},
              {"loose", write_loose, false}};

static const struct shape *shape_named(const char *name)
{
    for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++)
        if (strcmp(shapes[i].name, name) == 0)
            return &shapes[i];
    return NULL;
}

static void send_batch(struct stream *s, int port, const struct shape *shape, uint64_t count)
{
    char head[256];

    send_all(s, head,
             (size_t)snprintf(head, sizeof(head),
                              "POST /v1/batch?reply=summary HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n"
                              "Transfer-Encoding: chunked\r\n\r\n",
                              port));
    for (uint64_t i = 0; i < count && !s->cut; i++) {
        s->used += (size_t)shape->write(s->chunk + s->used, i);
        if (s->used > CHUNK_BYTES - OP_BYTES_MAX)
            flush(s);
    }
    if (shape->rooted)
        s->used += (size_t)snprintf(s->chunk + s->used, OP_BYTES_MAX,
                                    "[\"root\",\"bench\",\"@%" PRIu64 "\"]\n", count - 1);
    flush(s);
    send_all(s, "0\r\n\r\n", 5);
}

/* Until the summary, the end of the connection, no more room, or no more patience. */
static void read_answer(int fd, char *answer)
{
    struct timeval patience = {.tv_sec = PATIENCE_S};
    size_t used = 0;
    ssize_t n;

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    answer[0] = '\0';
    while (strstr(answer, "{\"done\":") == NULL && used < ANSWER_BYTES_MAX - 1 &&
           (n = recv(fd, answer + used, ANSWER_BYTES_MAX - 1 - used, 0)) > 0) {
        used += (size_t)n;
        answer[used] = '\0';
    }
}

int main(int argc, char **argv)
{
    const struct shape *shape = argc == 4 ? shape_named(argv[2]) : NULL;
    static struct stream s;
    char answer[ANSWER_BYTES_MAX], want[64];

    if (shape == NULL || strtoull(argv[3], NULL, 10) == 0) {
        fprintf(stderr, "usage: batch_stream PORT chain|records|graph|loose COUNT\n");
        return 2;
    }
    int port = (int)strtol(argv[1], NULL, 10);
    uint64_t count = strtoull(argv[3], NULL, 10);
    double began = now_s();

    s.fd = dial(port);
    send_batch(&s, port, shape, count);
    read_answer(s.fd, answer);
    double seconds = now_s() - began;

    close(s.fd);
    snprintf(want, sizeof(want), "{\"done\":%" PRIu64 ",\"failed\":0}", count + shape->rooted);
    if (strstr(answer, want) == NULL) {
        fprintf(stderr, "batch_stream: no %s in the answer:\n%s\n", want, answer);
        return 1;
    }
    printf("{\"objects\":%" PRIu64 ",\"seconds\":%.4f}\n", count, seconds);
    return 0;
}
