/*
 * graph_load.c - a large random graph, made by batches, and clients that go on changing it.
 *
 *   graph_load PORT OBJECTS LINKS
 *
 * An object is a record of LINKS links and an integer. The first link leads to the object made before, and the root "bench"
 * to the last one, so that all are reached, and go on to be; the others lead to any made before. What is changed is the last
 * link of any object, to lead to any other.
 *
 * When all is there it says so in a line. Then a line on stdin says what is done from now on, and is answered with a line of
 * JSON of what was done since the line before, and how long single requests took:
 *
 *   rest         nothing
 *   patch        PATCH of one link by PATCHERS connections, each as soon as it is answered
 *   batch        batches of SETS sets, by BATCHERS connections
 *   ids N        nothing, and N ids, spread evenly from the object that was made first to the last
 *
 * The end of stdin is the end.
 */
#include "asker.h"
#include "noise.h"
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CREATES       10000u
#define SETS          1000u
#define PATCHERS      16u
#define BATCHERS      2u
#define LINKS_MAX     8u
#define OP_BYTES_MAX  512u
#define HEAD_BYTES    256u /* of room before a body, of which only the length is known last */

enum work { REST, PATCH, BATCH };

struct load {
    int port;
    uint32_t objects, links;
    uint64_t *ids;
    uint64_t state; /* of chance */
    struct asker askers[PATCHERS];
    char *text;     /* a request: HEAD_BYTES, then the body */
    enum work work;
    uint64_t ops, began_ns;
    struct waits waits;
};

static uint32_t below(struct load *l, uint32_t n)
{
    l->state = l->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((l->state >> 33) % n);
}

/* The head goes right before the body. */
static void ask(struct load *l, struct asker *a, const char *method_and_path, size_t body_bytes)
{
    char head[HEAD_BYTES];
    size_t n = (size_t)snprintf(head, sizeof head, "%s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: %zu\r\n\r\n",
                                method_and_path, l->port, body_bytes);

    memcpy(l->text + HEAD_BYTES - n, head, n);
    asker_ask(a, l->text + HEAD_BYTES - n, n + body_bytes, now_ns());
}

/* ---- to make it ---- */

/* An object of the batch that begins with `first`, or an older one. */
static size_t write_link(const struct load *l, char *at, uint32_t field, uint32_t to, uint32_t first)
{
    char comma = field == 0 ? '{' : ',', name = (char)('a' + field);

    if (to >= first)
        return (size_t)sprintf(at, "%c\"%c\":{\"$ref\":\"@%" PRIu32 "\"}", comma, name, to - first);
    return (size_t)sprintf(at, "%c\"%c\":{\"$ref\":%" PRIu64 "}", comma, name, l->ids[to]);
}

static size_t write_create(struct load *l, char *at, uint32_t i, uint32_t first)
{
    char *began = at;

    at += sprintf(at, "[\"new\",\"Node\",");
    for (uint32_t field = 0; field < l->links; field++)
        if (i == 0)
            at += sprintf(at, "%c\"%c\":null", field == 0 ? '{' : ',', (char)('a' + field));
        else
            at += write_link(l, at, field, field == 0 ? i - 1 : below(l, i), first);
    at += sprintf(at, ",\"n\":%" PRIu32 "}]\n", i % 100);
    return (size_t)(at - began);
}

static void note_ids(struct load *l, const char *said, uint32_t first, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if ((said = strstr(said, "{\"id\":")) == NULL) {
            fprintf(stderr, "graph_load: a create was not answered\n");
            exit(1);
        }
        l->ids[first + i] = strtoull(said += 6, NULL, 10);
    }
}

static void make_some(struct load *l, uint32_t first, uint32_t count)
{
    char *body = l->text + HEAD_BYTES;
    size_t n = 0;

    for (uint32_t i = 0; i < count; i++)
        n += write_create(l, body + n, first + i, first);
    n += (size_t)sprintf(body + n, "[\"root\",\"bench\",\"@%" PRIu32 "\"]\n", count - 1);
    ask(l, &l->askers[0], "POST /v1/batch", n);
    (void)asker_read(&l->askers[0], true);
    note_ids(l, asker_body(&l->askers[0]), first, count);
}

static void make_all(struct load *l)
{
    for (uint32_t i = 0; i < l->objects; i += CREATES)
        make_some(l, i, l->objects - i < CREATES ? l->objects - i : CREATES);
}

/* ---- to change it ---- */

static uint64_t any_id(struct load *l)
{
    return l->ids[below(l, l->objects)];
}

static void ask_patch(struct load *l, struct asker *a)
{
    char path[64];

    snprintf(path, sizeof path, "PATCH /v1/objects/%" PRIu64, any_id(l));
    ask(l, a, path, (size_t)sprintf(l->text + HEAD_BYTES, "{\"%c\":{\"$ref\":%" PRIu64 "}}", (char)('a' + l->links - 1), any_id(l)));
}

static void ask_batch(struct load *l, struct asker *a)
{
    char *body = l->text + HEAD_BYTES;
    size_t n = 0;

    for (uint32_t i = 0; i < SETS; i++)
        n += (size_t)sprintf(body + n, "[\"set\",%" PRIu64 ",\"%c\",{\"$ref\":%" PRIu64 "}]\n", any_id(l),
                             (char)('a' + l->links - 1), any_id(l));
    ask(l, a, "POST /v1/batch?reply=summary", n);
}

static const struct {
    const char *name;
    uint32_t askers, ops; /* of each request */
    void (*ask)(struct load *l, struct asker *a);
} works[] = {[REST] = {"rest", 0, 0, NULL}, [PATCH] = {"patch", PATCHERS, 1, ask_patch}, [BATCH] = {"batch", BATCHERS, SETS, ask_batch}};

/* ---- what is said ---- */

static void tell(struct load *l)
{
    uint64_t now = now_ns();

    printf("{\"seconds\":%.4f,\"ops\":%" PRIu64 ",", (double)(now - l->began_ns) / 1e9, l->ops);
    waits_tell(&l->waits);
    printf("}\n");
    fflush(stdout);
    l->ops = 0;
    l->began_ns = now;
}

static void tell_ids(const struct load *l, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        printf("%s%" PRIu64, i == 0 ? "[" : ",", l->ids[(uint64_t)(l->objects - 1) * i / (n > 1 ? n - 1 : 1)]);
    printf("]\n");
    fflush(stdout);
}

/* Those who did nothing for a while may have been cut. */
static void begin_work(struct load *l, enum work work)
{
    l->work = work;
    for (uint32_t i = 0; i < works[work].askers; i++) {
        if (l->askers[i].asked_ns != 0)
            continue;
        asker_close(&l->askers[i]);
        asker_dial(&l->askers[i], l->port);
        works[work].ask(l, &l->askers[i]);
    }
}

static bool obey(struct load *l)
{
    char line[64] = {0};

    if (read(STDIN_FILENO, line, sizeof line - 1) <= 0)
        return false;
    if (strncmp(line, "ids ", 4) == 0) {
        tell_ids(l, (uint32_t)strtoul(line + 4, NULL, 10));
        return true;
    }
    tell(l);
    for (enum work w = REST; w <= BATCH; w++)
        if (strncmp(line, works[w].name, strlen(works[w].name)) == 0)
            begin_work(l, w);
    return true;
}

/* ---- together ---- */

/* What was under way when the work changed is answered too, and not counted as what it is not. */
static void hear(struct load *l, struct asker *a, uint32_t number)
{
    uint64_t asked = a->asked_ns;

    if (!asker_read(a, false))
        return;
    if (works[l->work].ops > 1 && strstr(asker_body(a), "\"failed\":0}") == NULL) {
        fprintf(stderr, "graph_load: a batch failed: %s\n", a->answer);
        exit(1);
    }
    waits_add(&l->waits, now_ns() - asked);
    l->ops += works[l->work].ops;
    if (number < works[l->work].askers)
        works[l->work].ask(l, a);
}

static void run(struct load *l)
{
    struct pollfd polls[PATCHERS + 1];

    for (;;) {
        for (uint32_t i = 0; i < PATCHERS; i++)
            polls[i] = (struct pollfd){.fd = l->askers[i].asked_ns != 0 ? l->askers[i].fd : -1, .events = POLLIN};
        polls[PATCHERS] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
        (void)poll(polls, PATCHERS + 1, -1);
        for (uint32_t i = 0; i < PATCHERS; i++)
            if (polls[i].revents != 0)
                hear(l, &l->askers[i], i);
        if (polls[PATCHERS].revents != 0 && !obey(l))
            return;
    }
}

int main(int argc, char **argv)
{
    static struct load l;

    if (argc != 4 || strtoull(argv[2], NULL, 10) == 0 || strtoull(argv[3], NULL, 10) - 1 >= LINKS_MAX) {
        fprintf(stderr, "usage: graph_load PORT OBJECTS LINKS\n");
        return 2;
    }
    l.port = (int)strtol(argv[1], NULL, 10);
    l.objects = (uint32_t)strtoul(argv[2], NULL, 10);
    l.links = (uint32_t)strtoul(argv[3], NULL, 10);
    l.state = 4327;
    l.ids = malloc((size_t)l.objects * sizeof *l.ids);
    l.text = malloc(HEAD_BYTES + (CREATES + 1) * OP_BYTES_MAX);
    if (l.ids == NULL || l.text == NULL)
        return 1;
    for (uint32_t i = 0; i < PATCHERS; i++)
        asker_dial(&l.askers[i], l.port);
    make_all(&l);
    l.began_ns = now_ns();
    tell(&l);
    run(&l);
    for (uint32_t i = 0; i < PATCHERS; i++)
        asker_close(&l.askers[i]);
    free(l.ids);
    free(l.text);
    free(l.waits.us);
    return 0;
}
