/*
 * fuzz_api.c - bytes as requests: any method, path, headers and body, through the one door of api/, with several of
 * them going on at a time, time passing, and the collector a few steps at a time in between.
 *
 *     POST /v1/objects?root=a        the head of a request: a line, headers, an empty line; then its body,
 *     Heapd-Session: default         up to the next "%%" or the end
 *
 *     {"fields": {"x": #1}}          #n is the id of the object that the n-th last create has made
 *     %%
 *     &GET /v1/objects               & leaves it going on while the next ones begin, ~ ends it before it is done,
 *     !GET /v1/gc                    ! asks as somebody who may only read
 *     +3000                          lets 3 seconds pass
 */
#include "api/api.h"
#include "api/json_mem.h"
#include "heap/base/check.h"
#include "tests/fake_world.h"
#include "tests/fuzz/fuzz.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEADERS_MAX 8
#define OPEN_MAX 4
#define IDS 10
#define REQUESTS_MAX 200
#define TURNS_MAX 100000
#define STEP_UNITS 16
#define TEXT_MAX (64u << 10)

struct open_task {
    struct task *task; /* NULL: none */
    char *text;        /* owns the body */
    struct slice body; /* not fed yet */
    bool fed;
    bool reads; /* may do no more */
    int heard;  /* rounds of events */
};

struct world {
    struct fake_world fake;
    struct mem mem;
    struct settings settings;
    struct heap *heap;
    struct gc *gc;
    struct session_set *sessions;
    struct api *api;
    uint64_t now_ms;
    uint64_t ids[IDS]; /* newest first */
    struct open_task open[OPEN_MAX];
};

/* ---- the world ---- */

static void open_world(struct world *w)
{
    struct api_world fake;

    *w = (struct world){.now_ms = 1000};
    fake = fake_world_begin(&w->fake, &w->now_ms);
    mem_init(&w->mem, 0);
    json_mem_use(&w->mem);
    settings_defaults(&w->settings);
    w->settings.json_inline_bytes_max = 64; /* so that long bodies need not be long */
    w->settings.idempotency_keys_max = 3;   /* nor keys many, answers long, times far away */
    w->settings.idempotency_answer_bytes_max = 200;
    w->settings.idempotency_keep_ms = 60000;
    CHECK(heap_create(&w->mem, 7, &w->heap) == ERR_OK && gc_create(w->heap, &w->gc) == ERR_OK);
    CHECK(session_set_create(w->heap, &w->sessions) == ERR_OK);
    CHECK(api_create(&w->mem, w->heap, w->gc, w->sessions, &w->settings, fake, "fuzz", &w->api) == ERR_OK);
}

static void tell(void *ctx, const char *sentence)
{
    (void)ctx;
    fprintf(stderr, "%s\n", sentence);
}

static void close_world(struct world *w)
{
    while (api_step(w->api, 1000) == 0)
        ;
    CHECK(heap_validate(w->heap, tell, NULL) == 0);
    gc_finish(w->gc);
    CHECK(heap_validate(w->heap, tell, NULL) == 0);
    api_destroy(&w->api);
    gc_destroy(&w->gc);
    session_set_destroy(&w->sessions);
    heap_destroy(&w->heap);
    mem_fini(&w->mem);
}

/* ---- one request ---- */

static void note_id(struct world *w, const char *location)
{
    const char *digits = strrchr(location, '/');
    uint64_t id = digits != NULL ? strtoull(digits + 1, NULL, 10) : 0;

    if (id == 0)
        return;
    memmove(&w->ids[1], &w->ids[0], (IDS - 1) * sizeof *w->ids);
    w->ids[0] = id;
}

static void check_reply(struct world *w, struct task *t, bool reads)
{
    struct reply *r = task_reply(t);

    CHECK(r != NULL && r->status >= 200 && r->status < 600);
    CHECK(r->payload == NULL || r->payload_from + r->payload_len <= r->payload->len);
    CHECK(r->status != 500); /* nothing here is a bug of ours, or it is one */
    CHECK(r->status != 201 || !reads);
    note_id(w, r->location);
    buf_clear(&r->body);
}

static void feed(struct open_task *o)
{
    size_t n = o->body.len < 100 ? o->body.len : 100;

    if (o->fed || !task_wants_body(o->task))
        return;
    task_feed(o->task, (struct slice){o->body.data, n}, n == o->body.len);
    o->fed = n == o->body.len;
    o->body = (struct slice){o->body.data + n, o->body.len - n};
}

static void end(struct open_task *o)
{
    task_end(&o->task);
    free(o->text);
    *o = (struct open_task){.task = NULL};
}

/* Whatever names are in it, what is told ends where a line of ours ends, and nothing else ends a line. */
static void check_frames(struct slice said)
{
    CHECK(said.len == 0 || said.data[said.len - 1] == '\n');
    CHECK(said.len == 0 || memchr(said.data, '\r', said.len) == NULL);
}

/* A turn of one task; true once it is over. */
static bool turn(struct world *w, struct open_task *o)
{
    feed(o);
    switch (task_step(o->task, STEP_UNITS)) {
    case TASK_DONE:
        check_reply(w, o->task, o->reads);
        end(o);
        return true;
    case TASK_LISTEN: /* nobody reads what it is told, and it hears two rounds */
        (void)task_listening(o->task);
        if (++o->heard > 1)
            task_hang_up(o->task);
        check_frames(buf_slice(&task_reply(o->task)->body));
        buf_clear(&task_reply(o->task)->body);
        break;
    case TASK_ROOM:
        buf_clear(&task_reply(o->task)->body);
        break;
    case TASK_INPUT:
        CHECK(!o->fed);
        break;
    case TASK_MORE:
    case TASK_WAIT:
        break;
    }
    return false;
}

static void between(struct world *w)
{
    (void)gc_step(w->gc, 20);
    (void)api_step(w->api, 10);
}

static void turn_of_all(struct world *w)
{
    for (int i = 0; i < OPEN_MAX; i++)
        if (w->open[i].task != NULL)
            (void)turn(w, &w->open[i]);
    between(w);
}

static struct open_task *free_place(struct world *w)
{
    for (int turns = 0; turns < TURNS_MAX; turns++) {
        for (int i = 0; i < OPEN_MAX; i++)
            if (w->open[i].task == NULL)
                return &w->open[i];
        turn_of_all(w);
    }
    CHECK(!"a request never ends");
    return NULL;
}

static void finish(struct world *w, struct open_task *o)
{
    int turns = 0;

    for (; o->task != NULL && turns < TURNS_MAX; turns++)
        turn_of_all(w);
    CHECK(turns < TURNS_MAX);
}

/* ---- from bytes to requests ---- */

/* Up to `mark`, which is taken away too; everything if it is not there. */
static struct slice cut(struct slice *rest, const char *mark)
{
    char *at = rest->len > 0 ? memmem(rest->data, rest->len, mark, strlen(mark)) : NULL;
    struct slice first = {rest->data, at != NULL ? (size_t)(at - rest->data) : rest->len};
    size_t taken = at != NULL ? first.len + strlen(mark) : first.len;

    *rest = (struct slice){rest->data + taken, rest->len - taken};
    return first;
}

/* A copy with every #n replaced; to be freed. */
static char *with_ids(const struct world *w, struct slice text, size_t *ret_len)
{
    char *out = malloc(TEXT_MAX);
    size_t len = 0;

    CHECK(out != NULL);
    for (size_t i = 0; i < text.len && len + 32 < TEXT_MAX; i++) {
        bool is_id = text.data[i] == '#' && i + 1 < text.len && text.data[i + 1] >= '0' && text.data[i + 1] <= '9';

        if (is_id)
            len += (size_t)snprintf(out + len, 32, "%" PRIu64, w->ids[text.data[++i] - '0']);
        else
            out[len++] = text.data[i];
    }
    *ret_len = len;
    return out;
}

static enum method read_method(struct slice name)
{
    static const char *const names[METHOD_COUNT_] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

    for (int m = 0; m < METHOD_COUNT_; m++)
        if (slice_is(name, names[m]))
            return (enum method)m;
    return (enum method)(name.len % METHOD_COUNT_);
}

/* Method, path and query of the first line, and headers of the others. */
static void read_head(struct slice head, struct header *headers, struct request *r)
{
    struct slice line = cut(&head, "\n");

    r->method = read_method(cut(&line, " "));
    r->path = cut(&line, "?");
    r->query = line;
    r->headers = headers;
    while (head.len > 0 && r->header_count < HEADERS_MAX) {
        struct slice value = cut(&head, "\n"), name = cut(&value, ":");

        if (name.len > 0)
            headers[r->header_count++] = (struct header){name, slice_trim(value)};
    }
}

static void begin(struct world *w, struct slice text, char how)
{
    struct open_task *o = free_place(w);
    struct header headers[HEADERS_MAX];
    struct request r = {.method = METHOD_GET};
    struct slice rest;

    o->text = with_ids(w, text, &text.len);
    rest = (struct slice){o->text, text.len};
    read_head(cut(&rest, "\n\n"), headers, &r);
    o->body = rest;
    r.has_body = rest.len > 0;
    r.framed = r.has_body || text.len % 5 != 0;
    r.length_known = rest.len % 7 != 0;
    r.length = rest.len;
    o->reads = how == '!';
    r.grant = (struct grant){.access = o->reads ? ACCESS_READ : ACCESS_ADMIN, .shown = true, .label = SLICE("fuzz")};
    o->fed = false;
    o->task = api_begin(w->api, &r);
    CHECK(o->task != NULL);
    if (how == '~') {
        if (!turn(w, o))
            end(o);
    } else if (how != '&') {
        finish(w, o);
    }
}

static void play(struct world *w, struct slice item)
{
    while (item.len > 0 && (item.data[0] == '\n' || item.data[0] == '\r'))
        item = (struct slice){item.data + 1, item.len - 1};
    if (item.len == 0)
        return;
    if (item.data[0] == '+')
        for (w->now_ms += item.len > 1 ? 1000u * (uint8_t)item.data[1] : 1; api_step(w->api, 100) == 0;)
            ;
    else if (memchr("&~!", item.data[0], 3) != NULL)
        begin(w, (struct slice){item.data + 1, item.len - 1}, item.data[0]);
    else
        begin(w, item, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = {(const char *)data, size < TEXT_MAX / 4 ? size : TEXT_MAX / 4};
    struct world w;

    open_world(&w);
    for (int i = 0; i < REQUESTS_MAX && rest.len > 0; i++)
        play(&w, cut(&rest, "%%"));
    for (int i = 0; i < OPEN_MAX; i++)
        finish(&w, &w.open[i]);
    close_world(&w);
    return 0;
}
