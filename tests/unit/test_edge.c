/*
 * test_edge.c - connections, a collector and a real loop, without a daemon: what one time round the loop does, and when
 * the loop may sleep.
 */
#include "api/wire.h"
#include "daemon/collector.h"
#include "daemon/conn.h"
#include "tests/unit/api_world.h"
#include <fcntl.h>
#include <sys/un.h>

#define CLIENTS_MAX 400
#define ROUNDS_MAX  10000

struct edges {
    struct world *w;
    struct mem mem;
    uv_loop_t loop;
    uv_pipe_t listener;
    char dir[32];
    struct sockaddr_un at;
    struct doors doors;
    struct pauses pauses;
    struct edge *edge;
    struct collector *collector;
    bool pending; /* somebody has come, and was not let in yet */
    size_t count;
    int clients[CLIENTS_MAX];
    size_t got[CLIENTS_MAX]; /* bytes each was answered */
};

static void let_in(struct edges *e)
{
    e->pending = !edge_accept(e->edge, (uv_stream_t *)&e->listener, true);
}

static void on_room(void *ctx)
{
    struct edges *e = ctx;

    if (e->pending)
        let_in(e);
}

static void on_connection(uv_stream_t *listener, int status)
{
    ck_assert_int_eq(status, 0);
    let_in(listener->data);
}

static void listen_at(struct edges *e)
{
    strcpy(e->dir, "/tmp/test_edge.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(e->dir));
    e->at.sun_family = AF_UNIX;
    snprintf(e->at.sun_path, sizeof e->at.sun_path, "%s/s", e->dir);
    uv_pipe_init(&e->loop, &e->listener, 0);
    e->listener.data = e;
    ck_assert_int_eq(uv_pipe_bind(&e->listener, e->at.sun_path), 0);
    ck_assert_int_eq(uv_listen((uv_stream_t *)&e->listener, CLIENTS_MAX, on_connection), 0);
}

static struct edges *edges_new(void)
{
    struct edges *e = calloc(1, sizeof *e);

    ck_assert_ptr_nonnull(e);
    e->w = world_new();
    mem_init(&e->mem, 0);
    ck_assert_int_eq(uv_loop_init(&e->loop), 0);

    struct edge_world ew = {&e->loop, &e->mem, e->w->api, e->w->gc, &e->w->settings, &e->doors, "i1", on_room, e, {0}, &e->pauses};

    ck_assert_int_eq(edge_create(&ew, &e->edge), ERR_OK);

    struct collector_world cw = {&e->loop,       &e->mem,         e->w->api, e->w->heap,  e->w->gc,
                                 e->w->sessions, &e->w->settings, e->edge,   &e->pauses};

    ck_assert_int_eq(collector_create(&cw, &e->collector), ERR_OK);
    listen_at(e);
    return e;
}

static void edges_free(struct edges *e)
{
    e->pending = false;
    for (size_t i = 0; i < e->count; i++)
        close(e->clients[i]);
    collector_close(e->collector);
    edge_close(e->edge);
    uv_close((uv_handle_t *)&e->listener, NULL);
    uv_run(&e->loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&e->loop), 0);
    collector_destroy(&e->collector);
    edge_destroy(&e->edge);
    mem_fini(&e->mem);
    world_free(e->w);
    rmdir(e->dir);
    free(e);
}

/* One more client that has asked `text`, `times` times in a row. */
static void client_asks(struct edges *e, const char *text, int times)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    ck_assert(e->count < CLIENTS_MAX);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&e->at, sizeof e->at), 0);
    for (int i = 0; i < times; i++)
        ck_assert_int_eq(send(fd, text, strlen(text), 0), (ssize_t)strlen(text));
    e->clients[e->count++] = fd;
}

/* What has come to this client since it last looked. */
static size_t client_reads(struct edges *e, size_t i)
{
    static char bytes[1 << 20];
    size_t before = e->got[i];
    ssize_t n;

    while ((n = recv(e->clients[i], bytes, sizeof bytes, 0)) > 0)
        e->got[i] += (size_t)n;
    return e->got[i] - before;
}

static void one_round(struct edges *e)
{
    uv_run(&e->loop, UV_RUN_NOWAIT);
}

static bool may_sleep(struct edges *e)
{
    return uv_backend_timeout(&e->loop) != 0;
}

/* A bytes object of so many bytes, for clients to read: "/v1/objects/{id}/bytes". */
static const char *ask_for_bytes(struct edges *e, size_t len)
{
    static const char *const headers[] = {"Content-Type: application/octet-stream", NULL};
    static char request[100];
    char *bytes = calloc(1, len);

    ck_assert_int_eq(ask_with(e->w, "POST /v1/objects", (struct slice){bytes, len}, headers), 201);
    free(bytes);
    snprintf(request, sizeof request, "GET /v1/objects/%lld/bytes HTTP/1.1\r\nHost: x\r\n\r\n",
             (long long)member(e->w, "id"));
    return request;
}

START_TEST(the_loop_sleeps_while_many_tasks_wait_for_another_thread)
{
    struct edges *e = edges_new();
    int rounds = 0;

    e->w->holds_asides = true;
    e->w->settings.json_inline_bytes_max = 0;
    for (int i = 0; i < 3 * EDGE_ASKING_MAX; i++)
        client_asks(e, "POST /v1/objects HTTP/1.1\r\nHost: x\r\nContent-Length: 13\r\n\r\n{\"class\":\"N\"}", 1);
    while (edge_count(e->edge) < e->count && rounds++ < ROUNDS_MAX)
        one_round(e);
    for (rounds = 0; rounds < 100; rounds++)
        one_round(e);
    ck_assert(may_sleep(e));
    e->w->holds_asides = false;
    for (rounds = 0; rounds < ROUNDS_MAX && client_reads(e, e->count - 1) == 0; rounds++) {
        fake_run_asides(e->w);
        edge_wake_waiting(e->edge); /* as the daemon does when an aside is done */
        one_round(e);
    }
    for (size_t i = 0; i < e->count; i++)
        ck_assert(client_reads(e, i) > 0 || e->got[i] > 0);
    edges_free(e);
}
END_TEST

START_TEST(a_long_pipeline_is_answered_64_kib_a_turn)
{
    struct edges *e = edges_new();
    size_t all = 0, most = 0;

    client_asks(e, ask_for_bytes(e, 10000), 60); /* fewer than turn_requests_max */
    for (int rounds = 0; rounds < ROUNDS_MAX && all < 600000; rounds++) {
        size_t n;

        one_round(e);
        n = client_reads(e, 0);
        all += n;
        most = n > most ? n : most;
    }
    ck_assert_uint_gt(all, 600000);
    ck_assert_uint_gt(most, CONN_TURN_BYTES);
    ck_assert_uint_lt(most, 2 * (CONN_TURN_BYTES + 11000)); /* a turn that goes on, and one of bytes that came */
    edges_free(e);
}
END_TEST

static size_t count_answered(struct edges *e)
{
    size_t answered = 0;

    for (size_t i = 0; i < e->count; i++)
        answered += client_reads(e, i) > 0 || e->got[i] > 0;
    return answered;
}

/* An object of 100 kB of JSON, most of it escapes, for clients to read. */
static const char *ask_for_a_long_text(struct edges *e)
{
    static char request[100];
    char *body = calloc(1, 110000);

    strcpy(body, "{\"class\":\"L\",\"fields\":{\"text\":\"");
    for (size_t len = strlen(body); len < 100000; len += 2)
        memcpy(body + len, "\\n", 2);
    strcat(body, "\"}}");
    ck_assert_int_eq(ask(e->w, "POST /v1/objects", body), 201);
    free(body);
    snprintf(request, sizeof request, "GET /v1/objects/%lld HTTP/1.1\r\nHost: x\r\n\r\n", (long long)member(e->w, "id"));
    return request;
}

/* Of these answers 400 are far more than EDGE_ROUND_US of work. */
START_TEST(a_crowd_is_not_answered_in_one_round_and_nobody_is_forgotten)
{
    struct edges *e = edges_new();
    const char *request = ask_for_a_long_text(e);
    size_t answered = 0;
    int rounds = 0;

    while (e->count < CLIENTS_MAX)
        client_asks(e, "", 0);
    while (edge_count(e->edge) < e->count && rounds++ < ROUNDS_MAX)
        one_round(e);
    for (size_t i = 0; i < e->count; i++)
        ck_assert_int_gt(send(e->clients[i], request, strlen(request), 0), 0);
    one_round(e);
    ck_assert_uint_lt(answered = count_answered(e), e->count / 2);
    ck_assert_uint_gt(answered, 0);
    while (answered < e->count && rounds++ < ROUNDS_MAX) {
        one_round(e);
        answered = count_answered(e);
    }
    ck_assert_uint_eq(answered, e->count);
    edges_free(e);
}
END_TEST

START_TEST(those_who_come_together_are_let_in_a_few_a_round)
{
    struct edges *e = edges_new();

    while (e->count < CLIENTS_MAX)
        client_asks(e, "", 0);
    for (int rounds = 0; rounds < ROUNDS_MAX && edge_count(e->edge) < CLIENTS_MAX; rounds++) {
        size_t before = edge_count(e->edge);

        one_round(e);
        ck_assert_uint_le(edge_count(e->edge) - before, EDGE_ACCEPTS_MAX + 1); /* one by on_room() */
        ck_assert(edge_count(e->edge) == CLIENTS_MAX || !may_sleep(e));
    }
    ck_assert_uint_eq(edge_count(e->edge), CLIENTS_MAX);
    edges_free(e);
}
END_TEST

/* A tick finds a fourth of them at the end of their time. */
START_TEST(those_who_end_together_are_ended_a_few_a_round)
{
    struct edges *e = edges_new();

    e->w->settings.idle_timeout_ms = EDGE_TICK_MS / 2;
    while (e->count < CLIENTS_MAX)
        client_asks(e, "", 0);
    while (edge_count(e->edge) < CLIENTS_MAX)
        one_round(e);
    for (int rounds = 0; rounds < ROUNDS_MAX && edge_count(e->edge) > 0; rounds++) {
        size_t before = edge_count(e->edge), ended;

        one_round(e);
        ended = before - edge_count(e->edge);
        ck_assert_uint_le(ended, EDGE_ENDS_MAX);
        if (ended == EDGE_ENDS_MAX && before > CLIENTS_MAX - CLIENTS_MAX / EDGE_TICK_PARTS + EDGE_ENDS_MAX)
            ck_assert(!may_sleep(e));
        if (ended == 0)
            usleep(1000);
    }
    ck_assert_uint_eq(edge_count(e->edge), 0);
    edges_free(e);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(the_loop_sleeps_while_many_tasks_wait_for_another_thread),
        TEST(a_long_pipeline_is_answered_64_kib_a_turn),
        TEST(a_crowd_is_not_answered_in_one_round_and_nobody_is_forgotten),
        TEST(those_who_come_together_are_let_in_a_few_a_round),
        TEST(those_who_end_together_are_ended_a_few_a_round),
    };

    return unit_main(argc, argv, "edge", tests, ARRAY_LEN(tests));
}
