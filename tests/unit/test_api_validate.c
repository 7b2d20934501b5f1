/* test_api_validate.c - POST /v1/heap/validate recounts while others are served, one call at a time. */
#include "heap/heap_impl.h"
#include "tests/unit/api_world.h"

static struct task *begin(struct world *w)
{
    struct request r = {.method = METHOD_POST, .grant = {.access = ACCESS_WRITE}, .path = SLICE("/v1/heap/validate"), .framed = true, .length_known = true};
    struct task *t = api_begin(w->api, &r);

    ck_assert_ptr_nonnull(t);
    task_feed(t, SLICE(""), true);
    return t;
}

/* Step to its end; what it says must be this. */
static void must_end(struct world *w, struct task **t, const char *says)
{
    enum task_turn turn;

    while ((turn = task_step(*t, 16)) != TASK_DONE)
        ck_assert_int_eq(turn, TASK_MORE);
    forget_answer(w);
    take_answer(w, *t);
    ck_assert_str_eq(w->body, says);
    task_end(t);
    while (api_has_work(w->api))
        (void)api_step(w->api, 100);
}

static void fill(struct world *w)
{
    json_int_t last = create(w, "{\"class\":\"Node\",\"fields\":{}}");

    for (int i = 0; i < 3000; i++)
        last = create(w, f("{\"class\":\"Node\",\"fields\":{\"next\":{\"$ref\":" ID "},\"n\":%d}}", last, i));
    ask(w, "PUT /v1/roots/all", f("{\"$ref\":" ID "}", last));
}

START_TEST(others_are_served_between_its_steps)
{
    struct world *w = world_new();
    struct task *t;
    json_int_t a;
    int steps = 0;

    fill(w);
    t = begin(w);
    while (task_step(t, 1) != TASK_DONE) {
        a = create(w, f("{\"class\":\"Node\",\"fields\":{\"i\":%d}}", steps++));
        ck_assert_int_eq(ask(w, f("PATCH /v1/objects/" ID, a), f("{\"me\":{\"$ref\":" ID "}}", a)), 200);
        ask(w, f("DELETE /v1/objects/" ID, a), "");
        (void)gc_step(w->gc, 10);
    }
    ck_assert_int_gt(steps, 500);
    must_end(w, &t, "{\"broken\":[]}");
    world_free(w);
}
END_TEST

START_TEST(one_call_at_a_time_has_its_turn)
{
    struct world *w = world_new();
    struct task *first, *second;

    fill(w);
    first = begin(w);
    second = begin(w);
    ck_assert_int_eq(task_step(first, 1), TASK_MORE);
    ck_assert_int_eq(task_step(second, 1), TASK_WAIT);
    ck_assert_int_eq(task_step(second, 1), TASK_WAIT);
    must_end(w, &first, "{\"broken\":[]}");
    ck_assert_int_eq(task_step(second, 1), TASK_MORE);
    must_end(w, &second, "{\"broken\":[]}");
    world_free(w);
}
END_TEST

/* What it had on the account returns in steps between requests, and the next call has its turn at once. */
START_TEST(a_peer_that_goes_takes_the_audit_with_it)
{
    struct world *w = world_new();
    struct task *t;
    size_t before;

    fill(w);
    ask(w, "POST /v1/heap/validate", ""); /* a task is kept for the next */
    before = w->mem.used_bytes;
    t = begin(w);
    for (int i = 0; i < 20; i++)
        ck_assert_int_eq(task_step(t, 1), TASK_MORE);
    ck_assert_uint_gt(w->mem.used_bytes, before);
    task_end(&t);
    must_say(w, "POST /v1/heap/validate", "", 200, "{\"broken\":[]}");
    while (api_has_work(w->api))
        (void)api_step(w->api, 1);
    forget_answer(w);
    ck_assert_uint_le(w->mem.used_bytes, before);
    world_free(w);
}
END_TEST

START_TEST(without_memory_for_the_account_it_is_507)
{
    struct world *w = world_new();

    fill(w);
    w->mem.max_bytes = w->mem.used_bytes + 20000;
    must_refuse(w, "POST /v1/heap/validate", "", 507, "heap-full");
    w->mem.max_bytes = 0;
    must_say(w, "POST /v1/heap/validate", "", 200, "{\"broken\":[]}");
    world_free(w);
}
END_TEST

START_TEST(what_is_broken_is_said)
{
    struct world *w = world_new();

    fill(w);
    w->heap->stats.links++;
    must_say(w, "POST /v1/heap/validate", "", 200, "{\"broken\":[\"3000 links, the count is 3001\"]}");
    w->heap->stats.links--;
    world_free(w);
}
END_TEST

START_TEST(the_heap_shows_how_far_it_is)
{
    struct world *w = world_new();
    const json_t *progress;
    struct task *t;

    fill(w);
    ask(w, "GET /v1/heap", "");
    ck_assert_ptr_null(json_object_get(w->json, "validating"));
    t = begin(w);
    for (int i = 0; i < 200; i++)
        ck_assert_int_eq(task_step(t, 1), TASK_MORE);
    ask(w, "GET /v1/heap", "");
    progress = json_object_get(w->json, "validating");
    ck_assert_int_gt(json_integer_value(json_object_get(progress, "done")), 0);
    ck_assert_int_gt(json_integer_value(json_object_get(progress, "of")), 3000);
    must_end(w, &t, "{\"broken\":[]}");
    world_free(w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(others_are_served_between_its_steps),
        TEST(one_call_at_a_time_has_its_turn),
        TEST(a_peer_that_goes_takes_the_audit_with_it),
        TEST(without_memory_for_the_account_it_is_507),
        TEST(what_is_broken_is_said),
        TEST(the_heap_shows_how_far_it_is),
    };

    return unit_main(argc, argv, "api_validate", tests, ARRAY_LEN(tests));
}
