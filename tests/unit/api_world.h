/*
 * api_world.h - the api without a daemon: a world without a clock, and a way to ask it.
 *
 * world_free() lets everything go and proves that nothing is left: no object alive, no broken equation, no
 * byte on the account.
 */
#pragma once
#include "api/api.h"
#include "api/json_mem.h"
#include "heap/root.h"
#include "tests/fake_world.h"
#include "tests/unit/unit.h"
#include <jansson.h>
#include <stdarg.h>

#define STEP_UNITS 64
#define TURNS_MAX  1000000

struct world {
    struct fake_world fake; /* first, so that whoever is called with it finds the others */
    struct mem mem;
    struct settings settings;
    struct heap *heap;
    struct gc *gc;
    struct session_set *sessions;
    struct api *api;
    uint64_t now_ms;
    bool holds_asides;
    struct aside *asides, **asides_last; /* those held */
    void *own;         /* of the test */
    size_t feed_bytes; /* how many bytes of a body come at once */
    /* the last answer */
    int status;
    int turns;         /* that it took */
    struct reply head; /* its body and payload are not to be used */
    char *body;
    size_t body_len;
    json_t *json; /* the body, if it is JSON */
};

/* Done at once, or when the test says so: fake_run_asides(). */
static inline void fake_take_aside(void *ctx, struct aside *a)
{
    struct world *w = ctx;

    if (w->holds_asides) {
        a->next = NULL;
        *w->asides_last = a;
        w->asides_last = &a->next;
    } else {
        fake_run_aside(ctx, a);
    }
}

static inline void fake_run_asides(struct world *w)
{
    while (w->asides != NULL) {
        struct aside *a = w->asides;

        w->asides = a->next;
        if (w->asides == NULL)
            w->asides_last = &w->asides;
        a->run(a);
        a->done(a);
    }
}

static inline struct world *world_new(void)
{
    struct world *w = calloc(1, sizeof *w);

    ck_assert_ptr_nonnull(w);
    mem_init(&w->mem, 0);
    json_mem_use(&w->mem); /* so that world_free() finds what of JSON was left behind */
    settings_defaults(&w->settings);
    w->now_ms = 1000;
    w->feed_bytes = SIZE_MAX;
    w->asides_last = &w->asides;
    ck_assert_int_eq(heap_create(&w->mem, 7, &w->heap), ERR_OK);
    ck_assert_int_eq(gc_create(w->heap, &w->gc), ERR_OK);
    ck_assert_int_eq(session_set_create(w->heap, &w->sessions), ERR_OK);

    struct api_world fake = fake_world_begin(&w->fake, &w->now_ms);

    fake.run_aside = fake_take_aside;
    ck_assert_int_eq(api_create(&w->mem, w->heap, w->gc, w->sessions, &w->settings, fake, "i1", &w->api),
                     ERR_OK);
    return w;
}

static inline void forget_answer(struct world *w)
{
    free(w->body);
    json_decref(w->json);
    w->body = NULL;
    w->json = NULL;
    w->body_len = 0;
}

static inline void print_broken(void *ctx, const char *sentence)
{
    (void)ctx;
    fprintf(stderr, "broken: %s\n", sentence);
}

/* Everything that is held is let go; then nothing may be left. */
static inline void world_free(struct world *w)
{
    struct heap_stats stats;
    struct slice name;
    uint32_t cursor = 0;
    obj_id id;

    forget_answer(w);
    ck_assert_uint_eq(heap_validate(w->heap, print_broken, NULL), 0);
    while (cursor = 0, root_next(w->heap, &cursor, &name, &id))
        ck_assert_int_eq(root_delete(w->heap, name, NULL), ERR_OK);
    ck_assert_int_eq(session_end(w->sessions, 0, NULL), ERR_OK);
    while (api_step(w->api, 100) == 0)
        ;
    ck_assert_int_eq(gc_collect(w->gc, 2, GC_BY_REQUEST, false, &(uint64_t){0}, NULL), ERR_OK);
    gc_finish(w->gc);
    heap_stats(w->heap, &stats);
    ck_assert_uint_eq(stats.objects, 0);
    ck_assert_uint_eq(heap_validate(w->heap, print_broken, NULL), 0);
    api_destroy(&w->api);
    gc_destroy(&w->gc);
    session_set_destroy(&w->sessions);
    heap_destroy(&w->heap);
    mem_fini(&w->mem);
    free(w);
}

static inline void take_body(struct world *w, struct reply *r)
{
    w->body = realloc(w->body, w->body_len + r->body.len + 1);
    ck_assert_ptr_nonnull(w->body);
    if (r->body.len > 0)
        memcpy(w->body + w->body_len, r->body.data, r->body.len);
    w->body_len += r->body.len;
    w->body[w->body_len] = '\0';
    buf_clear(&r->body);
}

static inline void take_payload(struct world *w, const struct reply *r)
{
    free(w->body);
    w->body = malloc(r->payload_len + 1);
    ck_assert_ptr_nonnull(w->body);
    memcpy(w->body, r->payload->data + r->payload_from, r->payload_len);
    w->body[r->payload_len] = '\0';
    w->body_len = r->payload_len;
}

static inline void take_answer(struct world *w, struct task *t)
{
    struct reply *r = task_reply(t);

    ck_assert_ptr_nonnull(r);
    take_body(w, r);
    if (r->payload != NULL)
        take_payload(w, r);
    w->status = r->status;
    w->head = *r;
    w->json = json_loadb(w->body, w->body_len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
}

static inline struct slice feed(struct world *w, struct task *t, struct slice body)
{
    size_t n = body.len < w->feed_bytes ? body.len : w->feed_bytes;

    task_feed(t, (struct slice){body.data, n}, n == body.len);
    return (struct slice){body.data + n, body.len - n};
}

/* Step to the end, feeding, taking and collecting as a daemon would. */
static inline void run(struct world *w, struct task *t, struct slice body)
{
    bool fed = false;

    for (int turns = 0; turns < TURNS_MAX; turns++) {
        if (!fed && task_wants_body(t)) {
            body = feed(w, t, body);
            fed = body.len == 0;
        }
        switch (task_step(t, STEP_UNITS)) {
        case TASK_DONE:
            take_answer(w, t);
            w->turns = turns + 1;
            return;
        case TASK_INPUT:
            ck_assert(!fed);
            break;
        case TASK_ROOM:
            take_body(w, task_reply(t));
            break;
        case TASK_LISTEN:
            task_hang_up(t); /* what there is to tell it has been told */
            break;
        case TASK_WAIT:
        case TASK_MORE:
            gc_step(w->gc, 1000);
            api_step(w->api, 1000);
            break;
        }
    }
    ck_abort_msg("no end in sight");
}

static inline enum method method_of(const char *name, size_t len)
{
    static const char *const names[METHOD_COUNT_] = {"GET",   "HEAD",   "POST",   "PUT",
                                                     "PATCH", "DELETE", "OPTIONS"};

    for (int m = 0; m < METHOD_COUNT_; m++) {
        if (strlen(names[m]) == len && strncmp(names[m], name, len) == 0)
            return (enum method)m;
    }
    ck_abort_msg("no method %s", name);
}

/* Ask "PUT /path?query" with headers ("Name: value", NULL at the end); returns the status. */
/* 0: there was no memory for a task. */
static inline int try_ask_with(struct world *w, const char *line, struct slice body, const char *const *headers)
{
    const char *target = strchr(line, ' ') + 1;
    const char *query = strchr(target, '?');
    struct header list[8];
    struct request r = {.method = method_of(line, (size_t)(target - line) - 1),
                        .grant = {.access = ACCESS_ADMIN},
                        .path = slice_of(target),
                        .headers = list,
                        .framed = true,
                        .has_body = body.len > 0,
                        .length_known = true,
                        .length = body.len};

    if (query != NULL) {
        r.path.len = (size_t)(query - target);
        r.query = slice_of(query + 1);
    }
    for (; headers != NULL && *headers != NULL; headers++) {
        const char *colon = strchr(*headers, ':');

        list[r.header_count++] = (struct header){{*headers, (size_t)(colon - *headers)}, slice_of(colon + 2)};
    }
    forget_answer(w);

    struct task *t = api_begin(w->api, &r);

    if (t == NULL)
        return 0;
    run(w, t, body);
    task_end(&t);
    return w->status;
}

static inline int ask_with(struct world *w, const char *line, struct slice body, const char *const *headers)
{
    int status = try_ask_with(w, line, body, headers);

    ck_assert_int_ne(status, 0);
    return status;
}

static inline int ask(struct world *w, const char *line, const char *body)
{
    return ask_with(w, line, slice_of(body), NULL);
}

static inline void must_say(struct world *w, const char *line, const char *body, int status,
                            const char *answer)
{
    ask(w, line, body);
    ck_assert_msg(w->status == status, "%s: %d %s", line, w->status, w->body);
    if (answer != NULL)
        ck_assert_msg(strcmp(w->body, answer) == 0, "%s: %s, not %s", line, w->body, answer);
}

/* A refusal is a whole problem document. */
static inline void must_refuse(struct world *w, const char *line, const char *body, int status,
                               const char *name)
{
    char type[64];

    ask(w, line, body);
    snprintf(type, sizeof type, "/problems/%s", name);
    ck_assert_msg(w->status == status, "%s %s: %d %s", line, body, w->status, w->body);
    ck_assert_msg(json_is_object(w->json), "%s", w->body);
    ck_assert_str_eq(w->head.content_type, "application/problem+json");
    ck_assert_str_eq(json_string_value(json_object_get(w->json, "type")), type);
    ck_assert_int_eq(json_integer_value(json_object_get(w->json, "status")), status);
    ck_assert_uint_gt(json_string_length(json_object_get(w->json, "detail")), 0);
}

static inline json_int_t member(const struct world *w, const char *key)
{
    ck_assert_msg(json_is_integer(json_object_get(w->json, key)), "%s in %s", key, w->body);
    return json_integer_value(json_object_get(w->json, key));
}

static inline json_int_t create(struct world *w, const char *body)
{
    ck_assert_msg(ask(w, "POST /v1/objects", body) == 201, "%s", w->body);
    return member(w, "id");
}

/* A text with numbers in it, for a line or a body; each good until eight more have been made. */
__attribute__((format(printf, 1, 2))) static inline const char *f(const char *format, ...)
{
    static char texts[8][512];
    static unsigned n;
    char *text = texts[n++ % ARRAY_LEN(texts)];
    va_list args;

    va_start(args, format);
    ck_assert_int_lt(vsnprintf(text, sizeof texts[0], format, args), (int)sizeof texts[0]);
    va_end(args);
    return text;
}

#define ID "%" JSON_INTEGER_FORMAT
