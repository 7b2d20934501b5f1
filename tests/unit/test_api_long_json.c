/* Long bodies of JSON: decoded beside the loop, while others are served; and no answer shows that it was so. */
#include "api/body_json.h"
#include "api/json_mem.h"
#include "tests/unit/api_world.h"

#define MIB (1u << 20)

/* Everything that jansson takes is on the account too, so that world_free() finds what was left behind. */
static struct world *strict_world(void)
{
    struct world *w = world_new();

    json_mem_use(&w->mem);
    return w;
}

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

START_TEST(others_are_served_while_a_long_body_is_decoded)
{
    struct world *w = strict_world();
    json_int_t other = create(w, "{\"fields\":{\"a\":1}}");
    char *body = long_body(MIB - 10);
    struct task *t;

    w->holds_asides = true;
    t = begin_post(w, body);
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
    struct world *w = strict_world();
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
        struct world *w = strict_world(), *aside = strict_world();

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
    struct world *w = strict_world();
    char *body = long_body(100000);
    struct heap_stats stats;
    struct task *t;

    w->holds_asides = true;
    t = begin_post(w, body);
    ck_assert_int_eq(task_step(t, STEP_UNITS), TASK_WAIT);
    task_end(&t);
    fake_run_asides(w);
    t = begin_post(w, body);
    ck_assert_int_eq(task_step(t, STEP_UNITS), TASK_WAIT);
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
    struct world *w = strict_world();
    char *body = long_body(100000);
    struct task *t[TASKS];
    size_t text_bytes;

    w->holds_asides = true;
    for (int i = 0; i < TASKS; i++) {
        t[i] = begin_post(w, body);
        ck_assert_int_eq(task_step(t[i], STEP_UNITS), TASK_WAIT);
    }
    text_bytes = w->mem.used_bytes;
    task_end(&t[TASKS - 1]); /* it has waited in vain */
    fake_run_asides(w);
    ck_assert_uint_gt(w->mem.used_bytes, text_bytes); /* some are JSON now */
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

START_TEST(memory_that_is_refused_is_507_and_leaves_nothing)
{
    struct world *w = strict_world();
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
    struct world *w = strict_world();
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
        TEST(memory_that_is_refused_is_507_and_leaves_nothing),
        TEST(a_full_account_refuses_what_is_decoded_elsewhere_too),
    };

    return unit_main(argc, argv, "long_json", tests, ARRAY_LEN(tests));
}
