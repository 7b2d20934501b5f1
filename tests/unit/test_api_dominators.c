/*
 * test_api_dominators.c - who waits for the dominators of a snapshot, while the other thread is where the test says.
 *
 * What they are is tested elsewhere (test_dominators.c, tests/e2e/test_dominators.py); here it is that they are found once, that
 * whoever leaves takes nothing with him but his own, and that nothing is left behind.
 */
#include "tests/unit/api_world.h"

#define LEVEL "/v1/snapshots/1/dominators"

static struct world *world_with_snapshot(void)
{
    struct world *w = world_new();

    create(w, "{\"class\":\"Cache\",\"root\":\"cache\",\"fields\":{\"a\":[1,[2]],\"b\":[3]}}");
    ck_assert_int_eq(ask(w, "POST /v1/snapshots", ""), 201);
    return w;
}

static struct task *begin_get(struct world *w, const char *path)
{
    const char *query = strchr(path, '?');
    struct request r = {.method = METHOD_GET, .grant = {.access = ACCESS_ADMIN}, .path = slice_of(path), .framed = true};
    struct task *t;

    if (query != NULL) {
        r.path.len = (size_t)(query - path);
        r.query = slice_of(query + 1);
    }
    t = api_begin(w->api, &r);
    ck_assert_ptr_nonnull(t);
    task_feed(t, SLICE(""), true);
    return t;
}

static void must_wait(struct task *t)
{
    enum task_turn turn;

    do
        turn = task_step(t, STEP_UNITS);
    while (turn == TASK_MORE);
    ck_assert_int_eq(turn, TASK_WAIT);
}

static void must_end(struct world *w, struct task **t, int status)
{
    forget_answer(w);
    run(w, *t, SLICE(""));
    ck_assert_msg(w->status == status, "%d %s", w->status, w->body);
    task_end(t);
}

static size_t count_asides(const struct world *w)
{
    size_t n = 0;

    for (const struct aside *a = w->asides; a != NULL; a = a->next)
        n++;
    return n;
}

static bool is_there(struct world *w)
{
    json_t *d;

    ck_assert_int_eq(ask(w, "GET /v1/snapshots/1", ""), 200);
    d = json_object_get(w->json, "dominators");
    return d != NULL && json_is_true(json_object_get(d, "there"));
}

START_TEST(who_comes_meanwhile_waits_for_the_same)
{
    struct world *w = world_with_snapshot();
    struct task *first, *second, *folded;
    size_t running_bytes;

    w->holds_asides = true;
    first = begin_get(w, LEVEL);
    second = begin_get(w, LEVEL "?under=roots");
    folded = begin_get(w, "/v1/snapshots/1?format=folded");
    must_wait(first);
    must_wait(second);
    must_wait(folded);
    ck_assert_uint_eq(count_asides(w), 1);
    ck_assert(!is_there(w)); /* others are served */
    forget_answer(w);
    running_bytes = w->mem.used_bytes;
    fake_run_asides(w);
    ck_assert_uint_lt(w->mem.used_bytes, running_bytes); /* what was only needed to find it is back */
    must_end(w, &first, 200);
    ck_assert_uint_eq(json_array_size(json_object_get(w->json, "items")), 4); /* kinds of holders */
    must_end(w, &second, 200);
    must_end(w, &folded, 200);
    ck_assert_ptr_nonnull(strstr(w->body, "(roots);Cache;list "));
    ck_assert_int_eq(ask(w, "GET " LEVEL, ""), 200);
    ck_assert_uint_eq(count_asides(w), 0);
    ck_assert(is_there(w));
    w->holds_asides = false;
    world_free(w);
}
END_TEST

/* ... whether it is in the line, runs, or is there; and who comes after has it found anew. */
START_TEST(when_all_have_left_nobody_finds_it)
{
    struct world *w = world_with_snapshot();
    struct task *first, *second;

    w->holds_asides = true;
    first = begin_get(w, LEVEL);
    second = begin_get(w, LEVEL);
    must_wait(first);
    must_wait(second);
    task_end(&first);
    ck_assert_uint_eq(count_asides(w), 1);
    task_end(&second);
    first = begin_get(w, LEVEL);
    must_wait(first); /* in the line, behind the one that ends */
    ck_assert_uint_eq(count_asides(w), 1);
    fake_run_asides(w);
    must_end(w, &first, 200);
    ck_assert(is_there(w));
    w->holds_asides = false;
    world_free(w);
}
END_TEST

START_TEST(one_that_is_deleted_meanwhile_is_told_to_the_end)
{
    struct world *w = world_with_snapshot();
    struct task *t;

    w->holds_asides = true;
    t = begin_get(w, LEVEL "?under=roots");
    must_wait(t);
    ck_assert_int_eq(ask(w, "DELETE /v1/snapshots/1", ""), 200);
    must_refuse(w, "GET " LEVEL, "", 404, "no-such-name");
    fake_run_asides(w);
    must_end(w, &t, 200);
    fake_run_asides(w); /* its memory */
    w->holds_asides = false;
    while (api_step(w->api, 1) == 0)
        ;
    ck_assert_int_eq(ask(w, "GET /v1/heap", ""), 200);
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(w->json, "bytes"), "snapshots")), 0);
    world_free(w);
}
END_TEST

START_TEST(one_is_found_at_a_time)
{
    struct world *w = world_with_snapshot();
    struct task *t[3];

    ck_assert_int_eq(ask(w, "POST /v1/snapshots", ""), 201);
    ck_assert_int_eq(ask(w, "POST /v1/snapshots", ""), 201);
    w->holds_asides = true;
    for (int i = 0; i < 3; i++) {
        t[i] = begin_get(w, f("/v1/snapshots/%d/dominators", i + 1));
        must_wait(t[i]);
    }
    ck_assert_uint_eq(count_asides(w), 1);
    task_end(&t[1]); /* from the middle of the line */
    fake_run_asides(w);
    must_end(w, &t[0], 200);
    must_end(w, &t[2], 200);
    w->holds_asides = false;
    world_free(w);
}
END_TEST

START_TEST(without_room_it_is_refused_and_may_be_asked_for_again)
{
    struct world *w = world_with_snapshot();
    struct task *first, *second;

    w->holds_asides = true;
    mem_set_max(&w->mem, w->mem.used_bytes + 2048);
    first = begin_get(w, LEVEL);
    second = begin_get(w, LEVEL);
    must_end(w, &first, 507);
    must_end(w, &second, 507);
    ck_assert_ptr_nonnull(strstr(w->body, "who retains what"));
    mem_set_max(&w->mem, 0);
    fake_run_asides(w);
    w->holds_asides = false;
    ck_assert_int_eq(ask(w, "GET " LEVEL, ""), 200);
    world_free(w);
}
END_TEST

/* A verdict waits for its trees, then for its turn; whoever leaves while it runs leaves it to the end. */
START_TEST(verdicts_wait_for_trees_and_take_turns)
{
    struct world *w = world_with_snapshot();
    struct task *t[2];

    ck_assert_int_eq(ask(w, "POST /v1/snapshots", ""), 201);
    w->holds_asides = true;
    for (int i = 0; i < 2; i++) {
        t[i] = begin_get(w, "/v1/snapshots/2/suspects?since=1");
        must_wait(t[i]);
    }
    ck_assert_uint_eq(count_asides(w), 1);
    fake_run_asides(w); /* both trees, one after the other */
    must_wait(t[0]);
    must_wait(t[1]);
    ck_assert_uint_eq(count_asides(w), 1);
    task_end(&t[0]);
    ck_assert_int_eq(ask(w, "DELETE /v1/snapshots/1", ""), 200);
    ck_assert_int_eq(ask(w, "DELETE /v1/snapshots/2", ""), 200);
    fake_run_asides(w);
    must_wait(t[1]);
    fake_run_asides(w);
    must_end(w, &t[1], 200);
    ck_assert_uint_eq(json_array_size(json_object_get(w->json, "items")), 0);
    fake_run_asides(w);
    w->holds_asides = false;
    world_free(w);
}
END_TEST

static const char *const refusable[] = {
    "GET " LEVEL "?under=roots",
    "GET /v1/snapshots/1/suspects?since=1",
    "GET /v1/snapshots/1?format=folded",
};

/* Every allocation of the way there is refused once; the answer is whole or a problem. */
START_TEST(whatever_is_refused_nothing_is_left)
{
    for (uint64_t nth = 1, ended = 0; ended == 0; nth++) {
        struct world *w = world_with_snapshot();

        w->mem.fail_at = w->mem.request_count + nth;
        (void)ask(w, refusable[_i], "");
        ck_assert_msg(w->status == 200 || w->status == 507, "%d %s", w->status, w->body);
        ended = w->mem.request_count < w->mem.fail_at;
        ck_assert_uint_lt(nth, 100);
        w->mem.fail_at = 0;
        world_free(w);
    }
}
END_TEST

static const char *const comparisons[] = {"GET /v1/heap/classes?since=1&limit=1", "GET /v1/snapshots/1/diff/1?limit=1"};

/* Of many names: their table is a megabyte or two. */
START_TEST(the_memory_of_a_comparison_returns_in_steps)
{
    struct world *w = world_new();
    size_t before;
    int steps = 0;

    for (int i = 0; i < 12000; i++)
        (void)create(w, f("{\"class\":\"class %d\",\"fields\":{}}", i));
    ck_assert_int_eq(ask(w, "POST /v1/snapshots", ""), 201);
    must_say(w, "GET /v1/snapshots", "", 200, NULL); /* tasks have the memory they keep */
    while (api_has_work(w->api))
        (void)api_step(w->api, 1000);
    forget_answer(w);
    before = w->mem.used_bytes;
    must_say(w, comparisons[_i], "", 200, NULL);
    forget_answer(w);
    ck_assert_uint_gt(w->mem.used_bytes, before + (1u << 20));
    for (; api_has_work(w->api); steps++)
        (void)api_step(w->api, 10);
    ck_assert_int_gt(steps, 4);
    ck_assert_uint_le(w->mem.used_bytes, before + 4096);
    world_free(w);
}
END_TEST

START_TEST(what_is_asked_wrongly_is_refused)
{
    struct world *w = world_with_snapshot();

    must_refuse(w, "GET " LEVEL "?under=root", "", 422, "bad-value");
    must_refuse(w, "GET " LEVEL "?under=session:", "", 422, "bad-value");
    must_refuse(w, "GET " LEVEL "?under=-1", "", 422, "bad-value");
    must_refuse(w, "GET " LEVEL "?under=12345678", "", 404, "no-such-object");
    must_refuse(w, "GET " LEVEL "?under=session:77", "", 404, "no-such-name");
    must_refuse(w, "GET " LEVEL "?limit=0", "", 422, "bad-value");
    must_refuse(w, "GET /v1/snapshots/2/dominators", "", 404, "no-such-name");
    ck_assert_int_eq(ask(w, "GET " LEVEL "?cursor=99999999999", ""), 200);
    ck_assert_uint_eq(json_array_size(json_object_get(w->json, "items")), 0);
    world_free(w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(who_comes_meanwhile_waits_for_the_same),
        TEST(when_all_have_left_nobody_finds_it),
        TEST(one_that_is_deleted_meanwhile_is_told_to_the_end),
        TEST(one_is_found_at_a_time),
        TEST(without_room_it_is_refused_and_may_be_asked_for_again),
        TEST(verdicts_wait_for_trees_and_take_turns),
        TEST(whatever_is_refused_nothing_is_left, .rounds = ARRAY_LEN(refusable)),
        TEST(the_memory_of_a_comparison_returns_in_steps, .rounds = ARRAY_LEN(comparisons)),
        TEST(what_is_asked_wrongly_is_refused),
    };

    return unit_main(argc, argv, "api dominators", tests, ARRAY_LEN(tests));
}
