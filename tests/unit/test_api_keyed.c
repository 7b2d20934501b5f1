/*
 * test_api_keyed.c - POST with an Idempotency-Key: whatever is lost or sent again, it is done once, and a retry gets the
 * first answer.
 */
#include "tests/unit/api_world.h"

#define KEY "Idempotency-Key: 8e03978e-40d5-43e8-bc93-6894a57f9324"

static const char *const with_key[] = {KEY, NULL};

static int ask_keyed(struct world *w, const char *line, const char *body)
{
    return ask_with(w, line, slice_of(body), with_key);
}

static uint64_t objects(const struct world *w)
{
    struct heap_stats stats;

    heap_stats(w->heap, &stats);
    return stats.objects;
}

static void is_problem(const struct world *w, int status, const char *name)
{
    ck_assert_msg(w->status == status, "%d %s", w->status, w->body);
    ck_assert_str_eq(json_string_value(json_object_get(w->json, "type")), f("/problems/%s", name));
    ck_assert(!w->head.replayed);
}

/* The next request of this key with another body is refused as such. */
static void is_kept(struct world *w, const char *line)
{
    ask_keyed(w, line, "[\"get\",4711]  ");
    is_problem(w, 422, "bad-value");
    ck_assert_ptr_nonnull(strstr(w->body, "needs a new key"));
}

/* ---- one request, twice ---- */

START_TEST(a_retry_gets_the_first_answer_and_all_that_belongs_to_it)
{
    static const char *const cases[][2] = {
        {"POST /v1/objects", "{\"class\":\"Node\",\"fields\":{\"n\":1}}"},
        {"POST /v1/objects?x=1", "{\"items\":[1,[2]]}"},
        {"POST /v1/sessions", "{\"label\":\"w\"}"},
        {"POST /v1/sessions", ""},
        {"POST /v1/gc/collect", "{\"generation\":1}"},
        {"POST /v1/heap/validate", ""},
        {"POST /v1/batch?reply=summary", "[\"new\",\"A\"]\n[\"hold\",\"@0\"]\n"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world *w = world_new();
        struct reply first;
        uint64_t before;
        char *body;

        w->feed_bytes = (size_t)(1 + _i * 5);
        ask_keyed(w, cases[i][0], cases[i][1]);
        ck_assert_msg(w->status < 300 && !w->head.replayed, "%d %s", w->status, w->body);
        first = w->head;
        body = strdup(w->body);
        before = objects(w);
        for (int n = 0; n < 2; n++) {
            ask_keyed(w, cases[i][0], cases[i][1]);
            ck_assert_int_eq(w->status, first.status);
            ck_assert(w->head.replayed && w->head.write);
            ck_assert_str_eq(w->body, body);
            ck_assert_str_eq(w->head.content_type, first.content_type);
            ck_assert_str_eq(w->head.location, first.location);
            ck_assert(w->head.has_etag == first.has_etag && w->head.etag == first.etag);
            ck_assert_uint_eq(objects(w), before);
        }
        free(body);
        world_free(w);
    }
}
END_TEST

START_TEST(another_path_query_or_body_is_another_request)
{
    static const char *const others[][2] = {
        {"POST /v1/objects", "{\"class\":\"Other\"}"},  {"POST /v1/objects", "{\"class\":\"Node\"} "},
        {"POST /v1/objects", ""},                       {"POST /v1/objects?x=1", "{\"class\":\"Node\"}"},
        {"POST /v1/sessions", "{\"class\":\"Node\"}"}, {"POST /v1/batch?reply=summary", "{\"class\":\"Node\"}"},
    };
    static const char *const as_bytes[] = {KEY, "Content-Type: application/octet-stream", NULL};
    static const char *const headers[] = {KEY, "Heapd-Site: elsewhere", "Accept: application/json", NULL};
    struct world *w = world_new();

    ck_assert_int_eq(ask_keyed(w, "POST /v1/objects", "{\"class\":\"Node\"}"), 201);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        ask_keyed(w, others[i][0], others[i][1]);
        is_problem(w, 422, "bad-value");
    }
    ask_with(w, "POST /v1/objects", SLICE("{\"class\":\"Node\"}"), as_bytes);
    is_problem(w, 422, "bad-value");
    ck_assert_int_eq(ask_with(w, "POST /v1/objects", SLICE("{\"class\":\"Node\"}"), headers), 201);
    ck_assert(w->head.replayed);
    ck_assert_uint_eq(objects(w), 1);
    world_free(w);
}
END_TEST

START_TEST(other_methods_take_no_notice_of_a_key)
{
    static const char *const bad_key[] = {"Idempotency-Key: \x01", NULL};
    struct world *w = world_new();
    json_int_t id = create(w, "{}");

    for (int n = 0; n < 2; n++) {
        ck_assert_int_eq(ask_keyed(w, "GET /v1/heap", ""), 200);
        ck_assert_int_eq(ask_keyed(w, f("PUT /v1/objects/" ID "/fields/a", id), f("%d", n)), n == 0 ? 201 : 200);
        ck_assert_int_eq(ask_keyed(w, f("PATCH /v1/objects/" ID, id), f("{\"b\":%d}", n)), 200);
        ck_assert(!w->head.replayed);
    }
    ck_assert_int_eq(ask_with(w, "GET /v1/heap", SLICE(""), bad_key), 200);
    ck_assert_int_eq(ask_keyed(w, "DELETE /v1/sessions/0", ""), 200);
    ck_assert_int_eq(ask_keyed(w, "POST /v1/objects", "{}"), 201);
    ck_assert(!w->head.replayed);
    world_free(w);
}
END_TEST

START_TEST(a_key_is_1_to_255_printable_characters)
{
    static const char *const bad[] = {"", "\"\"", "a\tb", "a\x7f", "\xc3\xa9"};
    static const char *const good[] = {"k", "\"k\"", "two words", "~!@"};
    struct world *w = world_new();
    char line[400] = "Idempotency-Key: ";
    const char *const headers[] = {line, NULL};
    size_t name_len = strlen(line);

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        strcpy(line + name_len, bad[i]);
        ask_with(w, "POST /v1/objects", SLICE("{}"), headers);
        is_problem(w, 400, "bad-request");
    }
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        strcpy(line + name_len, good[i]);
        ck_assert_int_eq(ask_with(w, "POST /v1/objects", SLICE("{}"), headers), 201);
        ck_assert(!w->head.replayed);
    }
    memset(line + name_len, 'k', 256);
    line[name_len + 256] = '\0';
    ask_with(w, "POST /v1/objects", SLICE("{}"), headers);
    is_problem(w, 400, "bad-request");
    line[name_len + 255] = '\0';
    ck_assert_int_eq(ask_with(w, "POST /v1/objects", SLICE("{}"), headers), 201);
    ck_assert_uint_eq(objects(w), ARRAY_LEN(good) + 1);
    world_free(w);
}
END_TEST

/* ---- whose key ---- */

static int ask_as(struct world *w, const char *label, const char *session)
{
    struct header list[2] = {{SLICE("Idempotency-Key"), SLICE("k")}, {SLICE("Heapd-Session"), slice_of(session)}};
    struct request r = {.method = METHOD_POST,
                        .grant = {ACCESS_WRITE, true, slice_of(label), 1},
                        .path = SLICE("/v1/objects"),
                        .headers = list,
                        .header_count = 2,
                        .framed = true,
                        .has_body = true};
    struct task *t;

    forget_answer(w);
    t = api_begin(w->api, &r);
    ck_assert_ptr_nonnull(t);
    run(w, t, SLICE("{}"));
    task_end(&t);
    return w->status;
}

START_TEST(a_key_belongs_to_one_session_of_one_client)
{
    static const char *const labels[] = {"", "ann", "bob"};
    struct world *w = world_new();
    char session[2][SESSION_TOKEN_BYTES + 1] = {"default"};
    size_t n = 0;

    ask(w, "POST /v1/sessions", "");
    strcpy(session[1], json_string_value(json_object_get(w->json, "token")));
    for (int again = 0; again < 2; again++) {
        for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
            for (size_t s = 0; s < 2; s++) {
                ck_assert_int_eq(ask_as(w, labels[i], session[s]), 201);
                ck_assert(w->head.replayed == (again == 1));
                n += again == 0;
            }
        }
    }
    ck_assert_uint_eq(objects(w), n);
    ck_assert_int_eq(session_end(w->sessions, 1, NULL), ERR_OK);
    ck_assert_int_eq(ask_as(w, "ann", session[1]), 409); /* a session that is over answers nothing any more */
    world_free(w);
}
END_TEST

/* ---- while the first one runs, and after it was cut off ---- */

static struct task *begin_keyed(struct world *w, const char *path, const char *query)
{
    struct header list[1] = {{SLICE("Idempotency-Key"), SLICE("8e03978e-40d5-43e8-bc93-6894a57f9324")}};
    struct request r = {.method = METHOD_POST,
                        .grant = {.access = ACCESS_ADMIN},
                        .path = slice_of(path),
                        .query = slice_of(query),
                        .headers = list,
                        .header_count = 1,
                        .framed = true,
                        .has_body = true};
    struct task *t = api_begin(w->api, &r);

    ck_assert_ptr_nonnull(t);
    return t;
}

START_TEST(while_the_first_is_carried_out_others_are_told_to_wait)
{
    struct world *w = world_new();
    struct task *t = begin_keyed(w, "/v1/gc/collect", "");

    task_feed(t, SLICE("{}"), true);
    ck_assert_int_eq(task_step(t, STEP_UNITS), TASK_WAIT);
    ask_keyed(w, "POST /v1/gc/collect", "{}");
    is_problem(w, 409, "busy");
    ck_assert_uint_eq(w->head.retry_after_s, 1);
    ask_keyed(w, "POST /v1/objects", "{}");
    is_problem(w, 409, "busy");
    forget_answer(w);
    run(w, t, SLICE(""));
    task_end(&t);
    ck_assert_int_eq(ask_keyed(w, "POST /v1/gc/collect", "{}"), 200);
    ck_assert(w->head.replayed);
    world_free(w);
}
END_TEST

START_TEST(who_sends_its_body_first_is_first)
{
    struct world *w = world_new();
    struct task *slow = begin_keyed(w, "/v1/objects", ""), *cut = begin_keyed(w, "/v1/objects", "");

    task_feed(slow, SLICE("{\"class\":"), false);
    task_feed(cut, SLICE("{\"class\":"), false);
    ck_assert_int_eq(task_step(slow, STEP_UNITS), TASK_INPUT);
    ck_assert_int_eq(ask_keyed(w, "POST /v1/objects", "{\"class\":\"Node\"}"), 201);
    ck_assert(!w->head.replayed);
    task_end(&cut);
    forget_answer(w);
    run(w, slow, SLICE("\"Node\"}"));
    ck_assert(w->status == 201 && w->head.replayed);
    task_end(&slow);
    ck_assert_uint_eq(objects(w), 1);
    world_free(w);
}
END_TEST

START_TEST(what_is_cut_off_before_its_body_is_whole_leaves_the_key_free)
{
    struct world *w = world_new();
    struct task *t = begin_keyed(w, "/v1/objects", "");

    task_feed(t, SLICE("{\"class\":"), false);
    ck_assert_int_eq(task_step(t, STEP_UNITS), TASK_INPUT);
    task_end(&t);
    t = begin_keyed(w, "/v1/batch", "reply=summary");
    task_feed(t, SLICE("[\"new\""), false);
    ck_assert_int_eq(task_step(t, STEP_UNITS), TASK_INPUT);
    task_end(&t);
    ck_assert_int_eq(ask_keyed(w, "POST /v1/objects", "{}"), 201);
    ck_assert(!w->head.replayed);
    world_free(w);
}
END_TEST

/* ---- which answers are kept ---- */

START_TEST(a_request_that_failed_fails_again_though_it_could_go_well_now)
{
    struct world *w = world_new();
    json_int_t id = create(w, "{\"items\":[]}"), next = id + 1;

    ask_keyed(w, f("POST /v1/objects/" ID "/items", id), f("{\"$ref\":" ID "}", next));
    is_problem(w, 422, "dangling");
    for (obj_id made = 0; made < (obj_id)next;)
        made = (obj_id)create(w, "{}");
    ck_assert_int_eq(ask_keyed(w, f("POST /v1/objects/" ID "/items", id), f("{\"$ref\":" ID "}", next)), 422);
    ck_assert(w->head.replayed);
    ck_assert_str_eq(w->head.content_type, "application/problem+json");
    ck_assert_str_eq(json_string_value(json_object_get(w->json, "type")), "/problems/dangling");
    must_say(w, f("GET /v1/objects/" ID "/items", id), "", 200, "{\"items\":[],\"next\":null}");
    world_free(w);
}
END_TEST

START_TEST(what_may_go_well_later_leaves_the_key_free)
{
    struct world *w = world_new();

    w->settings.sessions_max = 1;
    session_set_limits(w->sessions, &(struct session_limits){.sessions_max = 1, .holds_max = 1000, .default_holds_max = 1000});
    ck_assert_int_eq(ask(w, "POST /v1/sessions", ""), 201);
    ask_keyed(w, "POST /v1/sessions", "{}");
    is_problem(w, 429, "too-many");
    session_set_limits(w->sessions, &(struct session_limits){.sessions_max = 2, .holds_max = 1000, .default_holds_max = 1000});
    ck_assert_int_eq(ask_keyed(w, "POST /v1/sessions", "{}"), 201);
    ck_assert(!w->head.replayed);
    ck_assert_int_eq(ask_keyed(w, "POST /v1/sessions", "{}"), 201);
    ck_assert(w->head.replayed);
    world_free(w);
}
END_TEST

START_TEST(who_may_not_come_in_uses_up_no_key)
{
    static const char *const other_instance[] = {KEY, "If-Heapd-Instance: i2", NULL};
    static const char *const no_session[] = {KEY, "Heapd-Session: gone", NULL};
    struct world *w = world_new();
    char long_body[2000];

    snprintf(long_body, sizeof long_body, "{%1500d}", 1);
    ck_assert_int_eq(ask_with(w, "POST /v1/objects", SLICE("{}"), other_instance), 412);
    ck_assert_int_eq(ask_with(w, "POST /v1/objects", SLICE("{}"), no_session), 409);
    w->settings.json_body_bytes_max = 1024;
    ck_assert_int_eq(ask_keyed(w, "POST /v1/objects", long_body), 413);
    ck_assert_int_eq(ask_keyed(w, "POST /v1/objects", "{}"), 201);
    ck_assert(!w->head.replayed);
    ck_assert_int_eq(ask_with(w, "POST /v1/objects", SLICE("{}"), other_instance), 412); /* nor is it answered */
    world_free(w);
}
END_TEST

START_TEST(an_answer_that_is_too_long_is_not_told_again_and_nothing_is_done_twice)
{
    struct world *w = world_new();
    char body[6000], location[REPLY_LOCATION_MAX];

    snprintf(body, sizeof body, "{\"fields\":{\"text\":\"%05000d\"}}", 7);
    ck_assert_int_eq(ask_keyed(w, "POST /v1/objects", body), 201);
    strcpy(location, w->head.location);
    for (int n = 0; n < 2; n++) {
        ask_keyed(w, "POST /v1/objects", body);
        is_problem(w, 409, "answer-not-kept");
        ck_assert_ptr_nonnull(strstr(w->body, "answered with 201"));
        ck_assert_str_eq(json_string_value(json_object_get(json_object_get(w->json, "limit"), "name")),
                         "idempotency_answer_bytes_max");
        ck_assert_str_eq(w->head.location, location);
        ck_assert(!w->head.has_etag);
    }
    ck_assert_uint_eq(objects(w), 1);
    is_kept(w, "POST /v1/objects");
    world_free(w);
}
END_TEST

START_TEST(a_retry_gets_the_answer_that_there_was_when_it_began)
{
    struct world *w = world_new();
    struct task *t;

    ck_assert_int_eq(ask_keyed(w, "POST /v1/batch?reply=summary", "[\"new\",\"A\"]\n[\"hold\",\"@0\"]\n"), 200);
    t = begin_keyed(w, "/v1/batch", "reply=summary");
    task_feed(t, SLICE("[\"new\",\"A\"]\n"), false);
    ck_assert_int_eq(task_step(t, STEP_UNITS), TASK_INPUT);
    w->now_ms += w->settings.idempotency_keep_ms;
    while (api_step(w->api, 10) == 0)
        ;
    forget_answer(w);
    run(w, t, SLICE("[\"hold\",\"@0\"]\n"));
    task_end(&t);
    ck_assert_str_eq(w->body, "{\"done\":2,\"failed\":0}\n");
    ck_assert(w->head.replayed);
    ck_assert_int_eq(ask_keyed(w, "POST /v1/objects", "{}"), 201); /* and now the key is free */
    ck_assert(!w->head.replayed);
    world_free(w);
}
END_TEST

START_TEST(keys_are_forgotten_by_age_and_by_number)
{
    struct world *w = world_new();
    char line[40];
    const char *const headers[] = {line, NULL};

    ask(w, "PATCH /v1/config", "{\"idempotency_keys_max\":3,\"idempotency_keep_ms\":1000,\"suspects_enabled\":false}");
    (void)api_step(w->api, 1000);
    for (int n = 0; n < 4; n++) {
        snprintf(line, sizeof line, "Idempotency-Key: %d", n);
        ck_assert_int_eq(ask_with(w, "POST /v1/objects", SLICE("{}"), headers), 201);
    }
    for (int n = 3; n >= 0; n--) {
        snprintf(line, sizeof line, "Idempotency-Key: %d", n);
        ck_assert_int_eq(ask_with(w, "POST /v1/objects", SLICE("{}"), headers), 201);
        ck_assert(w->head.replayed == (n > 0));
    }
    ck_assert(!api_has_work(w->api));
    w->now_ms += 1000;
    ck_assert(api_has_work(w->api));
    while (api_step(w->api, 1) == 0)
        ;
    snprintf(line, sizeof line, "Idempotency-Key: 3");
    ask_with(w, "POST /v1/objects", SLICE("{}"), headers);
    ck_assert(!w->head.replayed);
    world_free(w);
}
END_TEST

/* ---- batches ---- */

START_TEST(a_batch_that_answers_line_by_line_takes_no_key)
{
    struct world *w = world_new();

    ask_keyed(w, "POST /v1/batch", "[\"new\",\"A\"]\n[\"hold\",\"@0\"]\n");
    is_problem(w, 422, "bad-value");
    ck_assert_ptr_nonnull(strstr(w->body, "reply=summary"));
    ck_assert_uint_eq(objects(w), 0);
    ask_keyed(w, "POST /v1/batch?reply=summary", "[\"new\",\"A\"]\n[\"hold\",\"@0\"]\n");
    ck_assert_str_eq(w->body, "{\"done\":2,\"failed\":0}\n");
    world_free(w);
}
END_TEST

START_TEST(a_batch_that_failed_is_not_run_again)
{
    struct world *w = world_new();
    const char *ops = "[\"new\",\"A\"]\n[\"hold\",\"@0\"]\nx\n[\"new\",\"B\"]\n";
    char *first;

    w->feed_bytes = (size_t)(1 + _i * 9);
    ask_keyed(w, "POST /v1/batch?reply=summary", ops);
    ck_assert_msg(strstr(w->body, "{\"done\":2,\"failed\":1,\"problem\":{") == w->body, "%s", w->body);
    ck_assert(!w->head.streaming);
    first = strdup(w->body);
    ask_keyed(w, "POST /v1/batch?reply=summary", ops);
    ck_assert_str_eq(w->body, first);
    ck_assert(w->head.replayed);
    ck_assert_uint_eq(objects(w), 1);
    ask_keyed(w, "POST /v1/batch?reply=summary", "[\"new\",\"A\"]\n[\"hold\",\"@0\"]\nx\n[\"new\",\"C\"]\n");
    is_problem(w, 422, "bad-value");
    ask_keyed(w, "POST /v1/batch?reply=summary&x", ops);
    is_problem(w, 422, "bad-value");
    free(first);
    world_free(w);
}
END_TEST

/* Sent in part, and then the connection is gone. */
static void cut_batch(struct world *w, const char *part)
{
    struct task *t = begin_keyed(w, "/v1/batch", "reply=summary");

    task_feed(t, slice_of(part), false);
    while (task_step(t, STEP_UNITS) == TASK_MORE)
        gc_step(w->gc, 1000);
    task_end(&t);
    while (api_step(w->api, 100) == 0)
        ;
}

START_TEST(the_retry_of_a_batch_that_was_cut_off_is_told_what_is_done)
{
    struct world *w = world_new();
    const char *all = "[\"new\",\"A\"]\n[\"hold\",\"@0\"]\n[\"new\",\"B\"]\n[\"hold\",\"@2\"]\n";
    const char *said = "{\"done\":2,\"failed\":1,\"problem\":{\"type\":\"/problems/bad-request\"";

    w->feed_bytes = (size_t)(1 + _i * 9);
    cut_batch(w, "[\"new\",\"A\"]\n[\"hold\",\"@0\"]\n[\"ne");
    for (int n = 0; n < 2; n++) {
        ask_keyed(w, "POST /v1/batch?reply=summary", all);
        ck_assert_msg(strncmp(w->body, said, strlen(said)) == 0, "%s", w->body);
        ck_assert_ptr_nonnull(strstr(w->body, "cut off before this line"));
        ck_assert_ptr_nonnull(strstr(w->body, ",\"line\":2}\n"));
        ck_assert(w->head.replayed);
        ck_assert_uint_eq(objects(w), 1);
    }
    ask_keyed(w, "POST /v1/batch?reply=summary", "[\"new\",\"A\"]\n[\"hold\",\"@0\"]\n");
    is_problem(w, 422, "bad-value"); /* shorter than what had come */
    ask_keyed(w, "POST /v1/batch?reply=summary", "[\"new\",\"C\"]\n[\"hold\",\"@0\"]\n[\"new\",\"B\"]\n");
    is_problem(w, 422, "bad-value");
    world_free(w);
}
END_TEST

START_TEST(a_batch_that_is_cut_off_where_it_waits_or_after_it_failed_is_remembered)
{
    static const char *const parts[] = {"[\"new\",\"A\"]\n[\"hold\",\"@0\"]\n[\"collect\"]\n",
                                        "[\"new\",\"A\"]\n[\"hold\",\"@0\"]\nx\n[\"n"};
    struct world *w = world_new();

    cut_batch(w, parts[_i]);
    ask_keyed(w, "POST /v1/batch?reply=summary", f("%s\"ew\",\"B\"]\n", parts[_i]));
    ck_assert_msg(strstr(w->body, "{\"done\":2,\"failed\":1,\"problem\":{") == w->body, "%s", w->body);
    ck_assert(w->head.replayed);
    ck_assert_uint_eq(objects(w), 1);
    world_free(w);
}
END_TEST

/* ---- memory ---- */

static int ask_refused(struct world *w, const char *path, const char *query, struct slice body, uint64_t nth)
{
    struct header list[1] = {{SLICE("Idempotency-Key"), SLICE("k")}};
    struct request r = {.method = METHOD_POST,
                        .grant = {.access = ACCESS_ADMIN},
                        .path = slice_of(path),
                        .query = slice_of(query),
                        .headers = list,
                        .header_count = 1,
                        .framed = true,
                        .has_body = true};
    struct task *t;
    int status = 507;

    forget_answer(w);
    w->mem.fail_at = w->mem.request_count + nth;
    t = api_begin(w->api, &r);
    if (t != NULL) {
        run(w, t, body);
        status = w->status;
        task_end(&t);
    }
    w->mem.fail_at = 0;
    return status;
}

START_TEST(refused_memory_is_507_and_the_next_one_is_the_first)
{
    struct slice body = SLICE("{\"class\":\"K\",\"fields\":{\"a\":{\"b\":[1,{}]},\"c\":\"a long enough string to be large\"}}");
    struct world *w = world_new();
    int status = 507;

    for (uint64_t nth = 1; status == 507; nth++) {
        status = ask_refused(w, "/v1/objects", "", body, nth);
        while (heap_reap(w->heap, 100) == 0)
            ;
        ck_assert_msg(objects(w) == (status == 201 ? 4 : 0), "at %" PRIu64 ": %d", nth, status);
        ck_assert_uint_eq(heap_validate(w->heap, print_broken, NULL), 0);
    }
    ck_assert_int_eq(status, 201);
    ck_assert(!w->head.replayed);
    status = 507;
    for (uint64_t nth = 1; status == 507; nth++)
        status = ask_refused(w, "/v1/objects", "", body, nth);
    ck_assert(status == 201 && w->head.replayed);
    ck_assert_uint_eq(objects(w), 4);
    world_free(w);
}
END_TEST

START_TEST(a_batch_that_was_refused_memory_after_its_first_op_is_not_run_again)
{
    struct slice ops = SLICE("[\"new\",\"A\"]\n[\"hold\",\"@0\"]\n[\"list\",[1,2,3,{\"a\":[]}]]\n[\"hold\",\"@2\"]\n");
    bool whole = false;

    for (uint64_t nth = 1; !whole; nth++) {
        struct world *w = world_new();
        int status = ask_refused(w, "/v1/batch", "reply=summary", ops, nth);
        uint64_t before = objects(w);
        char *first = strdup(status == 200 ? w->body : "");
        bool did = status == 200 && strstr(first, "{\"done\":0") == NULL;

        whole = strstr(first, "\"failed\":0") != NULL;
        ck_assert_int_eq(ask_refused(w, "/v1/batch", "reply=summary", ops, 1000000), 200);
        ck_assert(w->head.replayed == did);
        if (did) {
            ck_assert_str_eq(w->body, first);
            ck_assert_uint_eq(objects(w), before);
        } else {
            ck_assert_str_eq(w->body, "{\"done\":4,\"failed\":0}\n"); /* what did nothing is tried again */
        }
        free(first);
        world_free(w);
    }
}
END_TEST

START_TEST(a_long_body_is_compared_too)
{
    struct world *w = world_new();
    char body[20000];

    w->settings.json_inline_bytes_max = 1000;
    w->feed_bytes = 4096;
    for (int n = 0; n < 2; n++) {
        snprintf(body, sizeof body, "{\"items\":[%-18000d]}", 1);
        ck_assert_int_eq(ask_keyed(w, "POST /v1/objects", body), 201);
        ck_assert(w->head.replayed == (n == 1));
    }
    snprintf(body, sizeof body, "{\"items\":[%18000d]}", 1);
    ask_keyed(w, "POST /v1/objects", body);
    is_problem(w, 422, "bad-value");
    ck_assert_uint_eq(objects(w), 1);
    world_free(w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_retry_gets_the_first_answer_and_all_that_belongs_to_it, .rounds = 4),
        TEST(another_path_query_or_body_is_another_request),
        TEST(other_methods_take_no_notice_of_a_key),
        TEST(a_key_is_1_to_255_printable_characters),
        TEST(a_key_belongs_to_one_session_of_one_client),
        TEST(while_the_first_is_carried_out_others_are_told_to_wait),
        TEST(who_sends_its_body_first_is_first),
        TEST(what_is_cut_off_before_its_body_is_whole_leaves_the_key_free),
        TEST(a_request_that_failed_fails_again_though_it_could_go_well_now),
        TEST(what_may_go_well_later_leaves_the_key_free),
        TEST(who_may_not_come_in_uses_up_no_key),
        TEST(an_answer_that_is_too_long_is_not_told_again_and_nothing_is_done_twice),
        TEST(a_retry_gets_the_answer_that_there_was_when_it_began),
        TEST(keys_are_forgotten_by_age_and_by_number),
        TEST(a_batch_that_answers_line_by_line_takes_no_key),
        TEST(a_batch_that_failed_is_not_run_again, .rounds = 4),
        TEST(the_retry_of_a_batch_that_was_cut_off_is_told_what_is_done, .rounds = 4),
        TEST(a_batch_that_is_cut_off_where_it_waits_or_after_it_failed_is_remembered, .rounds = 2),
        TEST(refused_memory_is_507_and_the_next_one_is_the_first),
        TEST(a_batch_that_was_refused_memory_after_its_first_op_is_not_run_again),
        TEST(a_long_body_is_compared_too),
    };
    return unit_main(argc, argv, "api_keyed", tests, ARRAY_LEN(tests));
}
