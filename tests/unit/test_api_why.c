/* test_api_why.c - why an object is alive and what would go with it, asked in small steps while others change the heap. */
#include "api/wire.h"
#include "heap/scope.h"
#include "tests/unit/api_world.h"

static struct task *begin(struct world *w, const char *path)
{
    const char *query = strchr(path, '?');
    size_t len = query != NULL ? (size_t)(query - path) : strlen(path);
    struct request r = {.method = METHOD_GET,
                        .grant = {.access = ACCESS_READ},
                        .path = {path, len},
                        .query = query != NULL ? slice_of(query + 1) : (struct slice){0},
                        .framed = true,
                        .length_known = true};
    struct task *t = api_begin(w->api, &r);

    ck_assert_ptr_nonnull(t);
    task_feed(t, SLICE(""), true);
    return t;
}

static void settle(struct world *w)
{
    while (api_has_work(w->api))
        (void)api_step(w->api, 1);
}

/* To its end, which is kept as the world's answer. */
static void finish(struct world *w, struct task **t)
{
    forget_answer(w);
    while (task_step(*t, 1) != TASK_DONE)
        if (task_reply(*t) != NULL)
            take_body(w, task_reply(*t));
    take_answer(w, *t);
    task_end(t);
    settle(w);
}

static void root_is(struct world *w, const char *name, json_int_t id)
{
    ck_assert_int_eq(ask(w, f("PUT /v1/roots/%s", name), f("{\"$ref\":" ID "}", id)), 200);
}

static void drop(struct world *w, json_int_t id)
{
    ck_assert_int_eq(ask(w, f("DELETE /v1/objects/" ID, id), ""), 200);
}

static void link_to(struct world *w, json_int_t from, const char *field, json_int_t to)
{
    ask(w, f("PUT /v1/objects/" ID "/fields/%s", from, field), f("{\"$ref\":" ID "}", to));
    ck_assert_int_lt(w->status, 300);
}

/* The last of `length` nodes, of which each links to the next, and the first is a root. */
static json_int_t chain_of(struct world *w, int length)
{
    json_int_t last = create(w, "{\"class\":\"Node\",\"fields\":{}}"), target = last;

    for (int i = 1; i < length; i++) {
        json_int_t next = create(w, f("{\"class\":\"Node\",\"fields\":{\"next\":{\"$ref\":" ID "}}}", last));

        drop(w, last);
        last = next;
    }
    root_is(w, "first", last);
    drop(w, last);
    return target;
}

static size_t path_length(const struct world *w, size_t i)
{
    ck_assert_msg(w->json != NULL, "%.300s", w->body);
    return json_array_size(json_array_get(json_object_get(w->json, "paths"), i));
}

START_TEST(an_answer_in_small_steps_is_that_of_large_ones)
{
    struct world *w = world_new();
    json_int_t target = chain_of(w, 300), list = create(w, "{\"class\":\"L\",\"items\":[]}"), wide = create(w, "{\"class\":\"W\",\"fields\":{}}");
    const char *asked[] = {"why", "why?paths=10", "why?paths=2&format=dot", "retained"};

    for (int i = 0; i < 1000; i++)
        ask(w, f("POST /v1/objects/" ID "/items", list), i == 700 ? f("{\"$ref\":" ID "}", target) : "1");
    for (int i = 0; i < 100; i++)
        ask(w, f("PUT /v1/objects/" ID "/fields/f%d", wide, i), i == 70 ? f("{\"$ref\":" ID "}", target) : "1");
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        const char *path = f("/v1/objects/" ID "/%s", target, asked[i]);
        struct task *t = begin(w, path);
        char *small;

        finish(w, &t);
        ck_assert_int_eq(w->status, 200);
        small = strdup(w->body);
        must_say(w, f("GET %s", path), "", 200, small);
        free(small);
    }
    ask(w, f("GET /v1/objects/" ID "/why?paths=10", target), "");
    ck_assert_uint_eq(path_length(w, 0), 2);
    ck_assert_uint_eq(path_length(w, 1), 2);
    ck_assert_uint_eq(path_length(w, 2), 300);
    must_say(w, f("GET /v1/objects/" ID "/why?paths=1", list), "", 200,
             f("{\"id\":" ID ",\"class\":\"L\",\"refs\":1,\"paths\":[[{\"session\":0,\"label\":\"default\"}]]}", list));
    world_free(w);
}
END_TEST

START_TEST(two_walks_at_once_and_the_third_waits)
{
    struct world *w = world_new();
    const char *path = f("/v1/objects/" ID "/why", chain_of(w, 3));
    struct task *first = begin(w, path), *second = begin(w, path), *third = begin(w, path);

    _Static_assert(WIRE_WALKS_MAX == 2, "the third is one too many");
    ck_assert_int_eq(task_step(first, 1), TASK_MORE);
    ck_assert_int_eq(task_step(second, 1), TASK_MORE);
    ck_assert_int_eq(task_step(third, 1), TASK_WAIT);
    ck_assert_int_eq(task_step(third, 1), TASK_WAIT);
    finish(w, &first);
    ck_assert_uint_eq(path_length(w, 0), 3);
    ck_assert_int_eq(task_step(third, 1), TASK_MORE);
    finish(w, &third);
    ck_assert_uint_eq(path_length(w, 0), 3);
    finish(w, &second);
    ck_assert_uint_eq(path_length(w, 0), 3);
    world_free(w);
}
END_TEST

/* One is in the middle of a walk, one waits: the others have their turns at once, and all memory returns. */
START_TEST(a_peer_that_goes_takes_its_walk_with_it)
{
    struct world *w = world_new();
    json_int_t target = chain_of(w, 3000);
    const char *path = f("/v1/objects/" ID "/why", target);
    struct task *t[3];
    size_t before;

    must_say(w, f("GET /v1/objects/" ID "/retained", target), "", 200, f("{\"id\":" ID ",\"objects\":1,\"bytes\":20,\"exact\":true}", target));
    for (int i = 0; i < 3; i++)
        t[i] = begin(w, path);
    for (int i = 0; i < 3; i++)
        task_end(&t[i]);
    settle(w);
    before = w->mem.used_bytes;
    for (int i = 0; i < 3; i++)
        t[i] = begin(w, path);
    for (int i = 0; i < 300; i++)
        (void)task_step(t[i % 3], 1);
    ck_assert_uint_gt(w->mem.used_bytes, before);
    task_end(&t[2]);
    task_end(&t[0]);
    ask(w, f("GET %s", path), "");
    ck_assert_int_eq(w->status, 200);
    task_end(&t[1]);
    settle(w);
    forget_answer(w);
    ck_assert_uint_le(w->mem.used_bytes, before);
    world_free(w);
}
END_TEST

START_TEST(without_memory_it_is_507_and_nothing_has_changed)
{
    struct world *w = world_new();
    json_int_t target = chain_of(w, 10);
    static const char *const asked[] = {"why", "why?format=dot", "retained"};

    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        int status = 507;

        for (uint64_t n = 1; status != 200; n++) {
            w->mem.fail_at = w->mem.request_count + n;
            status = ask(w, f("GET /v1/objects/" ID "/%s", target, asked[i]), "");
            w->mem.fail_at = 0;
            ck_assert_msg(status == 200 || status == 507, "%d %s", status, w->body);
            ck_assert_uint_lt(n, 100);
            settle(w);
        }
    }
    w->mem.max_bytes = w->mem.used_bytes + 5000;
    must_refuse(w, f("GET /v1/objects/" ID "/why", target), "", 507, "heap-full");
    w->mem.max_bytes = 0;
    ck_assert_int_eq(ask(w, f("GET /v1/objects/" ID "/why", target), ""), 200);
    world_free(w);
}
END_TEST

START_TEST(what_dies_on_the_way_was_collected)
{
    for (int route = 0; route < 2; route++)
        for (int steps = 1; steps < 100; steps += 7) {
            struct world *w = world_new();
            json_int_t target = chain_of(w, 20);
            struct task *t = begin(w, f("/v1/objects/" ID "/%s", target, route == 0 ? "why" : "retained"));
            bool done = false;

            for (int i = 0; i < steps && !done; i++)
                done = task_step(t, 1) == TASK_DONE;
            ask(w, "DELETE /v1/roots/first", "");
            while (heap_reap(w->heap, 1) == 0)
                ;
            (void)create(w, "{\"class\":\"Node\",\"fields\":{}}"); /* perhaps in its place */
            if (!done) {
                finish(w, &t);
                ck_assert_int_eq(w->status, 410);
            } else {
                task_end(&t);
            }
            world_free(w);
        }
}
END_TEST

/* Two holders, one of which holds it at any moment: it is never taken for unreached, and what is shown is true. */
START_TEST(what_moves_all_along_is_not_missed)
{
    struct world *w = world_new();
    json_int_t target = create(w, "{\"class\":\"Node\",\"fields\":{}}"), holder[2];
    int answers = 0;

    for (int i = 0; i < 2; i++) {
        holder[i] = create(w, "{\"class\":\"Holder\",\"fields\":{}}");
        root_is(w, i == 0 ? "one" : "two", holder[i]);
    }
    link_to(w, holder[0], "f", target);
    drop(w, target);
    for (int round = 0; round < 200; round++) {
        struct task *t = begin(w, f("/v1/objects/" ID "/why", target));
        int at = round % 2;

        for (int i = 0; task_step(t, 1) != TASK_DONE; i++) {
            if ((i + round) % 3 != 0)
                continue;
            link_to(w, holder[!at], "f", target);
            ask(w, f("DELETE /v1/objects/" ID "/fields/f", holder[at]), "");
            at = !at;
        }
        forget_answer(w);
        take_answer(w, t);
        task_end(&t);
        settle(w);
        ck_assert_msg(w->status == 200 || w->status == 409, "%d %s", w->status, w->body);
        if (w->status == 409) {
            ck_assert_uint_eq(w->head.retry_after_s, 1);
        } else {
            const json_t *path = json_array_get(json_object_get(w->json, "paths"), 0), *last = json_array_get(path, 1);

            answers++;
            ck_assert_int_eq(json_integer_value(json_object_get(last, "id")), holder[at]);
        }
        if (at != (round + 1) % 2) {
            link_to(w, holder[!at], "f", target);
            ask(w, f("DELETE /v1/objects/" ID "/fields/f", holder[at]), "");
        }
    }
    ck_assert_int_gt(answers, 100);
    world_free(w);
}
END_TEST

/* A root is put and deleted all the time while the long chain behind another is read. */
START_TEST(a_chain_that_changes_while_it_is_read_is_read_again)
{
    struct world *w = world_new();
    json_int_t target = chain_of(w, 1000), first;
    struct task *t = begin(w, f("/v1/objects/" ID "/why", target));
    int steps = 0;

    ask(w, "GET /v1/roots/first", "");
    first = member(w, "$ref");
    for (; task_step(t, 1) != TASK_DONE; steps++) {
        if (steps % 50 == 0)
            root_is(w, "second", first);
        else if (steps % 50 == 25)
            ask(w, "DELETE /v1/roots/second", "");
    }
    forget_answer(w);
    take_answer(w, t);
    task_end(&t);
    settle(w);
    ck_assert_int_eq(w->status, 200);
    ck_assert_uint_eq(path_length(w, 0), 1000);
    ck_assert_msg(json_is_true(json_object_get(w->json, "changed")), "%.300s", w->body + w->body_len - 300);
    ask(w, f("GET /v1/objects/" ID "/why", target), "");
    ck_assert_ptr_null(json_object_get(w->json, "changed"));
    world_free(w);
}
END_TEST

/* Its answer leaves while it is read, so it is never in memory; what breaks off is whole JSON all the same. */
START_TEST(a_long_chain_leaves_as_it_is_read)
{
    enum { LENGTH = 40000 };
    struct world *w = world_new();
    json_int_t target = chain_of(w, LENGTH);

    for (int cut = 0; cut < 2; cut++) {
        struct task *t = begin(w, f("/v1/objects/" ID "/why", target));
        size_t longest = 0;

        forget_answer(w);
        while (task_step(t, 64) != TASK_DONE) {
            struct reply *r = task_reply(t);

            if (r == NULL)
                continue;
            longest = r->body.len > longest ? r->body.len : longest;
            take_body(w, r);
            if (cut == 1 && root_delete(w->heap, SLICE("first"), NULL) == ERR_OK)
                (void)heap_reap(w->heap, LENGTH - 500);
        }
        take_answer(w, t);
        task_end(&t);
        settle(w);
        ck_assert_uint_gt(w->body_len, 1000000);
        ck_assert_uint_lt(longest, 1200000);
        if (cut == 0)
            ck_assert_uint_eq(path_length(w, 0), LENGTH);
        else
            ck_assert_uint_lt(path_length(w, 0), LENGTH);
        ck_assert_int_eq(json_is_true(json_object_get(w->json, "changed")), cut);
    }
    world_free(w);
}
END_TEST

/* The walk through holders stands in a large batch, which ends; the one before it, which stays, has not been come to. */
START_TEST(a_batch_is_met_though_another_ends_meanwhile)
{
    struct world *w = world_new();
    json_int_t target = create(w, "{\"class\":\"Node\",\"fields\":{}}"), other = create(w, "{\"class\":\"Node\",\"fields\":{}}");
    const char *asked[] = {"referrers", "why?paths=9"};

    for (size_t i = 0; i < ARRAY_LEN(asked); i++)
        for (int steps = 1; steps < 12; steps++) {
            struct scope *stays = scope_open(w->heap), *ends = scope_open(w->heap);
            enum task_turn turn = TASK_MORE;
            struct task *t;

            ck_assert_int_eq(scope_hold(stays, 0, (obj_id)target, NULL), ERR_OK);
            for (uint32_t n = 0; n < 300; n++)
                ck_assert_int_eq(scope_hold(ends, n, (obj_id)other, NULL), ERR_OK);
            t = begin(w, f("/v1/objects/" ID "/%s", target, asked[i]));
            for (int s = 0; s < steps && turn != TASK_DONE; s++)
                turn = task_step(t, 1);
            while (scope_close(&ends, 1000) == 0)
                ;
            finish(w, &t);
            ck_assert_msg(strstr(w->body, "{\"batch\":true}") != NULL, "%s", w->body);
            while (scope_close(&stays, 1000) == 0)
                ;
        }
    world_free(w);
}
END_TEST

START_TEST(a_graph_is_whole_whatever_things_are_called)
{
    struct world *w = world_new();
    json_int_t target = create(w, "{\"class\":\"T\",\"fields\":{}}"), holder;

    holder = create(w, f("{\"class\":\"a\\\"] ; <b>&lt;\\\\\",\"root\":\"end\\\\\",\"fields\":{\"x\\n\\u0001\\\\\":{\"$ref\":" ID "}}}", target));
    drop(w, target);
    must_say(w, f("GET /v1/objects/" ID "/why?format=dot", target), "", 200,
             f("strict digraph why {\n"
               "    rankdir=LR\n"
               "    node [shape=box]\n"
               "    n" ID " [label=\"T " ID "\" style=bold]\n"
               "    \"root end\\\\\" [shape=ellipse label=\"root end\\\\\"]\n"
               "    edge [label=\"\"]\n"
               "    \"root end\\\\\" -> n" ID "\n"
               "    n" ID " [label=\"a\\\"] ; <b>&amp;lt;\\\\ " ID "\"]\n"
               "    edge [label=\"x\\\\x0a\\\\x01\\\\\"]\n"
               "    n" ID " -> n" ID "\n"
               "}\n",
               target, target, holder, holder, holder, holder, target));
    ck_assert_str_eq(w->head.content_type, WIRE_TYPE_DOT);
    world_free(w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(an_answer_in_small_steps_is_that_of_large_ones),
        TEST(two_walks_at_once_and_the_third_waits),
        TEST(a_peer_that_goes_takes_its_walk_with_it),
        TEST(without_memory_it_is_507_and_nothing_has_changed),
        TEST(what_dies_on_the_way_was_collected),
        TEST(what_moves_all_along_is_not_missed),
        TEST(a_chain_that_changes_while_it_is_read_is_read_again),
        TEST(a_long_chain_leaves_as_it_is_read),
        TEST(a_batch_is_met_though_another_ends_meanwhile),
        TEST(a_graph_is_whole_whatever_things_are_called),
    };

    return unit_main(argc, argv, "api_why", tests, ARRAY_LEN(tests));
}
