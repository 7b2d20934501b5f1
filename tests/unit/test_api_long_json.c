/* Long bodies of JSON: decoded beside the loop, while others are served; and no answer shows that it was so. */
#include "api/body_json.h"
#include "api/json_mem.h"
#include "tests/unit/api_world.h"

#define MIB (1u << 20)

/* {"items":[[],[],...]} of about `len` bytes, to be freed. */
static char *long_body(size_t len)
{
    static const char open[] = "{\"items\":[[]", shut[] = "]}";
    char *body = malloc(len + sizeof shut);
    size_t at = sizeof open - 1;

    ck_assert_ptr_nonnull(body);
    memcpy(body, open, at);
    for (; at + 3 < len; at += 3)
        memcpy(body + at, ",[]", 3);
    memcpy(body + at, shut, sizeof shut);
    return body;
}

/* NULL: memory is refused. */
static struct task *begin_post(struct world *w, const char *body)
{
    struct request r = {.method = METHOD_POST, .grant = {.access = ACCESS_ADMIN}, .framed = true, .path = SLICE("/v1/objects"), .has_body = true, .length_known = true,
                        .length = strlen(body)};
    struct task *t = api_begin(w->api, &r);

    if (t != NULL)
        task_feed(t, slice_of(body), true);
    return t;
}

/* Its text has been looked through, and is being decoded or waits in line. */
static void step_into_line(struct task *t)
{
    enum task_turn turn;

    do
        turn = task_step(t, STEP_UNITS);
    while (turn == TASK_MORE);
    ck_assert_int_eq(turn, TASK_WAIT);
}

START_TEST(others_are_served_while_a_long_body_is_decoded)
{
    struct world *w = world_new();
    json_int_t other = create(w, "{\"fields\":{\"a\":1}}");
    char *body = long_body(MIB - 10);
    struct task *t;

    w->holds_asides = true;
    t = begin_post(w, body);
    step_into_line(t);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(task_step(t, STEP_UNITS), TASK_WAIT);
        must_say(w, f("GET /v1/objects/" ID "/fields/a", other), "", 200, "1");
    }
    fake_run_asides(w);
    forget_answer(w);
    run(w, t, SLICE(""));
    ck_assert_int_eq(w->status, 201);
    ck_assert(json_is_true(json_object_get(w->json, "more")));
    task_end(&t);
    fake_run_asides(w); /* which frees it */
    ck_assert_ptr_null(w->asides);
    free(body);
    world_free(w);
}
END_TEST

START_TEST(a_short_body_is_not_sent_away)
{
    struct world *w = world_new();
    char *body = long_body(w->settings.json_inline_bytes_max - 3);

    w->holds_asides = true;
    ck_assert_uint_le(strlen(body), w->settings.json_inline_bytes_max);
    ck_assert_int_eq(ask(w, "POST /v1/objects", body), 201);
    free(body);
    world_free(w);
}
END_TEST

START_TEST(the_answer_is_the_same_wherever_it_was_decoded)
{
    static const struct {
        const char *line, *body;
        int status;
    } asked[] = {
        {"POST /v1/objects", "{\"class\":\"A\",\"root\":\"a\",\"fields\":{\"x\":[1,{\"y\":\"z\"}]}}", 201},
        {"POST /v1/objects", "{\"items\":[1,2", 400},
        {"POST /v1/objects", "{\"items\":[],\"items\":[]}", 400},
        {"POST /v1/objects", "[]", 400},
        {"POST /v1/objects", "{\"fields\":{\"x\":1e999}}", 422},
        {"POST /v1/objects", "{\"fields\":{\"x\":{\"$ref\":99}}}", 422},
        {"PUT /v1/roots/a", "{\"$ref\":99}", 422},
        {"PUT /v1/roots/a", "x", 400},
        {"POST /v1/sessions", "{\"ttl\":5}", 201},
        {"POST /v1/gc/collect", "{\"generation\":0}", 200},
        {"PATCH /v1/gc", "{\"thresholds\":[700]}", 200},
        {"PATCH /v1/config", "{\"pipeline_max\":8}", 200},
    };

    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        struct world *w = world_new(), *aside = world_new();

        aside->settings.json_inline_bytes_max = 0;
        json_mem_use(&w->mem);
        ck_assert_msg(ask(w, asked[i].line, asked[i].body) == asked[i].status, "%s", w->body);
        json_mem_use(&aside->mem);
        ck_assert_msg(ask(aside, asked[i].line, asked[i].body) == asked[i].status, "%s", aside->body);
        if (asked[i].status >= 400)
            ck_assert_str_eq(w->body, aside->body);
        world_free(aside);
        json_mem_use(&w->mem);
        world_free(w);
    }
}
END_TEST

START_TEST(a_task_that_ends_meanwhile_leaves_nothing)
{
    struct world *w = world_new();
    char *body = long_body(100000);
    struct heap_stats stats;
    struct task *t;

    w->holds_asides = true;
    t = begin_post(w, body);
    step_into_line(t);
    task_end(&t);
    fake_run_asides(w);
    t = begin_post(w, body);
    step_into_line(t);
    fake_run_asides(w);
    task_end(&t); /* it is decoded, and nobody has looked */
    fake_run_asides(w);
    heap_stats(w->heap, &stats);
    ck_assert_uint_eq(stats.objects, 0);
    free(body);
    world_free(w);
}
END_TEST

/* True if it was done. */
static bool post_with_refusal(struct world *w, const char *body, uint64_t nth)
{
    struct task *t;

    forget_answer(w);
    w->status = 507;
    w->mem.fail_at = w->mem.request_count + nth;
    t = begin_post(w, body);
    if (t != NULL)
        run(w, t, SLICE(""));
    task_end(&t);
    w->mem.fail_at = 0;
    ck_assert_msg(w->status == 507 || w->status == 201, "%s", w->body);
    return w->status == 201;
}

/* 1 MiB of text may be 100 MiB of JSON. */
START_TEST(only_a_few_are_json_at_a_time_and_the_others_wait_as_text)
{
    enum { TASKS = 3 * BODIES_OPEN_MAX };
    struct world *w = world_new();
    char *body = long_body(100000);
    struct task *t[TASKS];

    w->holds_asides = true;
    for (int i = 0; i < TASKS; i++) {
        t[i] = begin_post(w, body);
        step_into_line(t[i]);
    }
    task_end(&t[TASKS - 1]); /* it has waited in vain */
    fake_run_asides(w);
    for (int i = 0; i < BODIES_OPEN_MAX; i++)
        ck_assert_int_eq(task_step(t[i], 1), TASK_MORE);
    ck_assert_int_eq(task_step(t[BODIES_OPEN_MAX], 1), TASK_WAIT);
    for (int i = 0; i < TASKS - 1; i++) {
        forget_answer(w);
        run(w, t[i], SLICE(""));
        ck_assert_int_eq(w->status, 201);
        task_end(&t[i]);
        fake_run_asides(w);
    }
    free(body);
    world_free(w);
}
END_TEST

static void finish_one(struct world *w, struct task **t)
{
    forget_answer(w);
    fake_run_asides(w);
    run(w, *t, SLICE(""));
    ck_assert_int_eq(w->status, 201);
    task_end(t);
    fake_run_asides(w);
}

/* What waits for us is no reason to cut others, so it has a bound of its own. */
START_TEST(those_that_wait_as_text_have_half_of_the_room_for_buffers)
{
    struct world *w = world_new();
    char *body = long_body(100000);
    struct task *t[3];

    w->holds_asides = true;
    w->settings.buffer_bytes_max = 400100;
    for (int i = 0; i < 2; i++) {
        t[i] = begin_post(w, body);
        step_into_line(t[i]);
    }
    t[2] = begin_post(w, body);
    forget_answer(w);
    run(w, t[2], SLICE(""));
    ck_assert_int_eq(w->status, 429);
    task_end(&t[2]);
    for (int i = 0; i < 2; i++)
        finish_one(w, &t[i]);
    t[2] = begin_post(w, body);
    step_into_line(t[2]);
    finish_one(w, &t[2]);
    free(body);
    world_free(w);
}
END_TEST

/* As many as may be open at a time: until they are done, all others wait. */
static void fill_seats(struct world *w, struct task **t, const char *body)
{
    for (int i = 0; i < BODIES_OPEN_MAX; i++) {
        t[i] = begin_post(w, body);
        step_into_line(t[i]);
    }
}

START_TEST(short_ones_come_first_and_sometimes_the_oldest)
{
    enum { WAITING = 7 };
    static const int order[WAITING] = {1, 2, 3, 0, 4, 5, 6}; /* by arrival */
    struct world *w = world_new();
    char *body = long_body(200000), *less = long_body(70000);
    struct task *seats[BODIES_OPEN_MAX], *t[WAITING];

    w->holds_asides = true;
    fill_seats(w, seats, less);
    for (int i = 0; i < WAITING; i++) {
        t[i] = begin_post(w, i == 0 ? body : less);
        step_into_line(t[i]);
    }
    for (int n = 0; n < BODIES_OPEN_MAX; n++)
        finish_one(w, &seats[n]);
    for (int n = 0; n < WAITING; n++) {
        for (int m = n + BODIES_OPEN_MAX; m < WAITING; m++)
            ck_assert_int_eq(task_step(t[order[m]], 1), TASK_WAIT);
        finish_one(w, &t[order[n]]);
    }
    free(less);
    free(body);
    world_free(w);
}
END_TEST

START_TEST(who_ends_in_the_line_is_gone_at_once)
{
    struct world *w = world_new();
    char *body = long_body(100000);
    struct task *seats[BODIES_OPEN_MAX], *t;
    size_t before;

    w->holds_asides = true;
    fill_seats(w, seats, body);
    ask(w, "GET /livez", ""); /* so that there is a task to begin with */
    before = w->mem.used_bytes;
    t = begin_post(w, body);
    step_into_line(t);
    ck_assert_uint_gt(w->mem.used_bytes, before + 100000);
    task_end(&t);
    ck_assert_uint_le(w->mem.used_bytes, before);
    for (int n = 0; n < BODIES_OPEN_MAX; n++)
        finish_one(w, &seats[n]);
    free(body);
    world_free(w);
}
END_TEST

/* A collect needs nothing of its body any more while it waits. */
START_TEST(who_waits_for_something_else_keeps_no_seat)
{
    struct world *w = world_new();
    struct request r = {.method = METHOD_POST, .grant = {.access = ACCESS_ADMIN}, .framed = true, .path = SLICE("/v1/gc/collect"), .has_body = true};
    struct task *collects[BODIES_OPEN_MAX], *t;
    char *body = long_body(100000);
    enum task_turn turn;

    w->settings.json_inline_bytes_max = 0;
    for (int i = 0; i < BODIES_OPEN_MAX; i++) {
        collects[i] = api_begin(w->api, &r);
        task_feed(collects[i], SLICE("{\"generation\":0}"), true);
        step_into_line(collects[i]); /* through it, and waiting for the collector */
    }
    t = begin_post(w, body);
    while ((turn = task_step(t, STEP_UNITS)) == TASK_MORE)
        ;
    ck_assert_int_eq(turn, TASK_DONE);
    task_end(&t);
    for (int i = 0; i < BODIES_OPEN_MAX; i++) {
        forget_answer(w);
        run(w, collects[i], SLICE(""));
        ck_assert_int_eq(w->status, 200);
        task_end(&collects[i]);
    }
    free(body);
    world_free(w);
}
END_TEST

START_TEST(who_finds_no_room_beside_others_waits_for_it)
{
    enum { TASKS = 3 };
    struct world *w = world_new();
    char *body = long_body(100000);
    struct task *t[TASKS];

    w->holds_asides = true;
    w->mem.max_bytes = w->mem.peak_bytes = w->mem.used_bytes + 12 * MIB; /* one takes up to 8 */
    for (int i = 0; i < TASKS; i++) {
        t[i] = begin_post(w, body);
        step_into_line(t[i]);
    }
    for (int i = 0; i < TASKS; i++)
        finish_one(w, &t[i]);
    ck_assert_uint_le(w->mem.peak_bytes, w->mem.max_bytes);
    w->mem.max_bytes = 0;
    free(body);
    world_free(w);
}
END_TEST

START_TEST(a_full_account_refuses_no_change_of_settings)
{
    struct world *w = world_new();

    w->settings.json_inline_bytes_max = 0;
    ask(w, "GET /livez", ""); /* so that there is a task to begin with */
    w->mem.max_bytes = w->mem.used_bytes + 10000;
    must_refuse(w, "POST /v1/objects", "{}", 507, "heap-full");
    must_say(w, "PATCH /v1/config", "{\"memory_bytes_max\":0}", 200, NULL);
    must_say(w, "POST /v1/objects", "{}", 201, NULL);
    world_free(w);
}
END_TEST

START_TEST(memory_that_is_refused_is_507_and_leaves_nothing)
{
    struct world *w = world_new();
    char *body = long_body(100000);
    uint64_t nth = 1;

    while (!post_with_refusal(w, body, nth))
        ck_assert_uint_lt(nth++, 200);
    ck_assert_uint_gt(nth, 5);
    free(body);
    world_free(w);
}
END_TEST

START_TEST(a_full_account_refuses_what_is_decoded_elsewhere_too)
{
    struct world *w = world_new();
    char *body = long_body(MIB - 10);

    w->mem.max_bytes = w->mem.used_bytes + 4 * MIB; /* the text has room, and its JSON has not */
    must_refuse(w, "POST /v1/objects", body, 507, "heap-full");
    w->mem.max_bytes = 0;
    free(body);
    world_free(w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(others_are_served_while_a_long_body_is_decoded),
        TEST(a_short_body_is_not_sent_away),
        TEST(the_answer_is_the_same_wherever_it_was_decoded),
        TEST(a_task_that_ends_meanwhile_leaves_nothing),
        TEST(only_a_few_are_json_at_a_time_and_the_others_wait_as_text),
        TEST(those_that_wait_as_text_have_half_of_the_room_for_buffers),
        TEST(short_ones_come_first_and_sometimes_the_oldest),
        TEST(who_ends_in_the_line_is_gone_at_once),
        TEST(who_waits_for_something_else_keeps_no_seat),
        TEST(who_finds_no_room_beside_others_waits_for_it),
        TEST(a_full_account_refuses_no_change_of_settings),
        TEST(memory_that_is_refused_is_507_and_leaves_nothing),
        TEST(a_full_account_refuses_what_is_decoded_elsewhere_too),
    };

    return unit_main(argc, argv, "long_json", tests, ARRAY_LEN(tests));
}
