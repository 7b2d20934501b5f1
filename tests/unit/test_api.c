/*
 * test_api.c - requests through the door, without a daemon.
 */
#include "api/route.h"
#include "api/task.h"
#include "tests/unit/api_world.h"

/* ---- objects ---- */

START_TEST(an_object_is_made_read_and_let_go)
{
    struct world *w = world_new();
    json_int_t id = create(w, "{\"class\":\"Node\",\"fields\":{\"val\":1,\"$$odd\":1.0,\"s\":\"\\u00e9\"}}");

    ck_assert_str_eq(w->head.location, f("/v1/objects/" ID, id));
    ck_assert(w->head.has_etag && w->head.write);
    ck_assert_str_eq(json_string_value(json_object_get(w->json, "class")), "Node");
    ck_assert_int_eq(member(w, "refs"), 1);
    ck_assert_ptr_nonnull(strstr(w->body, "\"fields\":{\"val\":1,\"$$odd\":1.0,\"s\":\"\xc3\xa9\"}"));
    must_say(w, f("GET /v1/objects/" ID, id), "", 200, NULL);
    ck_assert(!w->head.write);
    must_say(w, f("GET /v1/objects/" ID "/fields/$odd", id), "", 200, "1.0");
    must_say(w, f("DELETE /v1/objects/" ID, id), "", 200, "{\"alive\":false}");
    must_refuse(w, f("GET /v1/objects/" ID, id), "", 410, "collected");
    must_refuse(w, f("DELETE /v1/objects/" ID, id), "", 410, "collected");
    world_free(w);
}
END_TEST

START_TEST(a_document_of_json_becomes_a_graph_and_reads_back_to_a_depth)
{
    struct world *w = world_new();
    json_int_t id = create(w, "{\"fields\":{\"a\":{\"b\":[1,[2]]},\"c\":[]}}");
    struct heap_stats stats;

    heap_stats(w->heap, &stats);
    ck_assert_uint_eq(stats.objects, 5);
    must_say(w, f("GET /v1/objects/" ID "?depth=9", id), "", 200, NULL);
    ck_assert_ptr_nonnull(strstr(w->body, "\"items\":[1,{\"$ref\":"));
    ck_assert_ptr_nonnull(strstr(w->body, "\"items\":[2]"));
    ck_assert_ptr_null(strstr(w->body, "\"more\""));
    must_say(w, f("GET /v1/objects/" ID "?depth=1", id), "", 200, NULL);
    ck_assert_ptr_null(strstr(w->body, "\"items\":[1,"));
    ck_assert_ptr_nonnull(strstr(w->body, "\"items\":[]"));
    world_free(w);
}
END_TEST

START_TEST(a_deep_document_shows_each_object_once_and_a_thousand_at_most)
{
    struct world *w = world_new();
    json_int_t first = create(w, "{\"class\":\"N\"}"), last = first;

    ask(w, f("PUT /v1/objects/" ID "/fields/self", first), f("{\"$ref\":" ID "}", first));
    must_say(w, f("GET /v1/objects/" ID "?depth=5", first), "", 200, NULL);
    ck_assert_ptr_null(strstr(w->body, "$doc"));
    for (int i = 0; i < 1100; i++)
        last = create(w, f("{\"class\":\"N\",\"into\":{\"id\":" ID ",\"field\":\"next\"}}", last));
    must_say(w, f("GET /v1/objects/" ID "?depth=5000", first), "", 200, NULL);
    ck_assert_str_eq(w->body + w->body_len - strlen(",\"more\":true}"),
                     ",\"more\":true}"); /* jansson reads no deeper */

    size_t shown = 1;

    for (const char *at = w->body; (at = strstr(at, "\"$doc\"")) != NULL; at++)
        shown++;
    ck_assert_uint_eq(shown, 1000);
    world_free(w);
}
END_TEST

START_TEST(a_cycle_is_collected_and_not_before)
{
    struct world *w = world_new();
    json_int_t a = create(w, "{\"class\":\"N\"}");
    json_int_t b = create(w, f("{\"class\":\"N\",\"fields\":{\"to\":{\"$ref\":" ID "}}}", a));

    must_say(w, f("PUT /v1/objects/" ID "/fields/to", a), f("{\"$ref\":" ID "}", b), 201,
             f("{\"$ref\":" ID "}", b));
    must_say(w, f("DELETE /v1/objects/" ID, a), "", 200, "{\"alive\":true,\"refs\":1}");
    must_say(w, f("DELETE /v1/objects/" ID, b), "", 200, "{\"alive\":true,\"refs\":1}");
    must_refuse(w, f("DELETE /v1/objects/" ID, b), "", 409, "not-held");
    must_say(w, f("GET /v1/objects/" ID, a), "", 200, NULL);
    must_say(w, "POST /v1/gc/collect", "", 200, NULL);
    ck_assert_int_eq(member(w, "collected"), 2);
    must_refuse(w, f("GET /v1/objects/" ID, a), "", 410, "collected");
    must_refuse(w, f("GET /v1/objects/" ID, b), "", 410, "collected");
    world_free(w);
}
END_TEST

START_TEST(a_new_object_goes_where_it_is_told)
{
    struct world *w = world_new();
    json_int_t list = create(w, "{\"items\":[],\"root\":\"my list\"}");

    ck_assert_int_eq(member(w, "refs"), 1);
    create(w, f("{\"class\":\"A\",\"into\":{\"id\":" ID "}}", list));
    ck_assert_int_eq(member(w, "refs"), 1);
    must_refuse(w, "POST /v1/objects", f("{\"into\":{\"id\":" ID ",\"field\":\"f\"}}", list), 422,
                "wrong-kind");
    must_refuse(w, "POST /v1/objects", "{\"into\":{\"id\":99}}", 422, "dangling");
    must_refuse(w, "POST /v1/objects", "{\"root\":\"\"}", 422, "bad-value");
    must_refuse(w, "POST /v1/objects", "{\"felds\":{}}", 422, "bad-value");
    must_refuse(w, "POST /v1/objects", "{\"fields\":{\"a\":{},\"b\":{\"$ref\":99}}}", 422, "dangling");
    must_refuse(w, "POST /v1/objects", "[]", 400, "bad-request");
    must_say(w, f("GET /v1/objects/" ID "/items", list), "", 200, NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(w->json, "items")), 1);
    must_say(w, "GET /v1/objects?class=A", "", 200, NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(w->json, "items")), 1);
    world_free(w);
}
END_TEST

START_TEST(a_patch_is_all_or_nothing)
{
    struct world *w = world_new();
    json_int_t id = create(w, "{\"class\":\"N\",\"fields\":{\"a\":1,\"b\":2}}");

    must_say(w, f("PATCH /v1/objects/" ID, id), "{\"a\":null,\"c\":{\"x\":1}}", 200, NULL);
    ck_assert_ptr_nonnull(strstr(w->body, "\"fields\":{\"b\":2,\"c\":{\"$ref\":"));
    must_refuse(w, f("PATCH /v1/objects/" ID, id), "{\"b\":3,\"d\":{\"$ref\":999}}", 422, "dangling");
    must_refuse(w, f("PATCH /v1/objects/" ID, id), "{\"b\":3,\"$d\":1}", 422, "bad-value");
    must_refuse(w, f("PATCH /v1/objects/" ID, id), "[1]", 422, "bad-value");
    must_say(w, f("GET /v1/objects/" ID "/fields/b", id), "", 200, "2");
    world_free(w);
}
END_TEST

START_TEST(an_etag_guards_contents)
{
    struct world *w = world_new();
    json_int_t id = create(w, "{\"fields\":{\"a\":1}}");
    char tag[64];
    const char *const match[] = {tag, NULL};

    snprintf(tag, sizeof tag, "If-None-Match: W/\"%016" PRIx64 "\", \"x\"", w->head.etag);
    ck_assert_int_eq(ask_with(w, f("GET /v1/objects/" ID, id), SLICE(""), match), 304);
    ck_assert_uint_eq(w->body_len, 0);
    snprintf(tag, sizeof tag, "if-match: \"%016" PRIx64 "\"", w->head.etag);
    ck_assert_int_eq(ask_with(w, f("PUT /v1/objects/" ID "/fields/a", id), SLICE("2"), match), 200);
    ck_assert_int_eq(ask_with(w, f("PUT /v1/objects/" ID "/fields/a", id), SLICE("3"), match), 412);
    ck_assert_int_eq(ask_with(w, f("DELETE /v1/objects/" ID, id), SLICE(""), match), 412);
    must_say(w, f("GET /v1/objects/" ID "/fields/a", id), "", 200, "2");
    world_free(w);
}
END_TEST

START_TEST(fields_and_items_come_in_pages)
{
    struct world *w = world_new();
    json_int_t record = create(w, "{\"fields\":{\"a\":1,\"b c\":2,\"d\":null}}");
    json_int_t list = create(w, "{\"items\":[0,1,2,3,4]}");

    must_say(w, f("GET /v1/objects/" ID "/fields?limit=1", record), "", 200,
             "{\"items\":[{\"name\":\"a\",\"value\":1}],\"next\":\"b c\"}");
    must_say(w, f("GET /v1/objects/" ID "/fields?cursor=b+c", record), "", 200,
             "{\"items\":[{\"name\":\"b c\",\"value\":2},{\"name\":\"d\",\"value\":null}],\"next\":null}");
    must_say(w, f("GET /v1/objects/" ID "/items?limit=3", list), "", 200, "{\"items\":[0,1,2],\"next\":3}");
    must_say(w, f("GET /v1/objects/" ID "/items?cursor=3", list), "", 200, "{\"items\":[3,4],\"next\":null}");
    must_say(w, f("GET /v1/objects/" ID "/items?cursor=9", list), "", 200, "{\"items\":[],\"next\":null}");
    must_refuse(w, f("GET /v1/objects/" ID "/items?limit=0", list), "", 422, "bad-value");
    must_refuse(w, f("GET /v1/objects/" ID "/items", record), "", 422, "wrong-kind");
    must_refuse(w, f("GET /v1/objects/" ID "/fields/nope", record), "", 404, "no-such-name");
    must_say(w, f("POST /v1/objects/" ID "/items", list), "[]", 201, "{\"index\":5}");
    must_say(w, f("DELETE /v1/objects/" ID "/items/0", list), "", 204, "");
    must_say(w, f("GET /v1/objects/" ID "/items/0", list), "", 200, "1");
    must_say(w, f("PUT /v1/objects/" ID "/items/0", list), "\"x\"", 200, "\"x\"");
    must_refuse(w, f("PUT /v1/objects/" ID "/items/9", list), "1", 404, "no-such-name");
    must_refuse(w, f("PUT /v1/objects/" ID "/items/-1", list), "1", 404, "no-such-name");
    world_free(w);
}
END_TEST

START_TEST(a_page_of_objects_goes_on_where_it_stopped)
{
    struct world *w = world_new();
    json_int_t seen = 0, next = 0;

    for (int i = 0; i < 25; i++)
        create(w, i % 2 ? "{\"class\":\"odd\"}" : "{\"class\":\"even\"}");
    do {
        must_say(w, f("GET /v1/objects?limit=4&class=odd&cursor=" ID, next), "", 200, NULL);
        seen += (json_int_t)json_array_size(json_object_get(w->json, "items"));
        next = json_integer_value(json_object_get(w->json, "next"));
    } while (next != 0);
    ck_assert_int_eq(seen, 12);
    must_refuse(w, "GET /v1/objects?limit=1001", "", 422, "bad-value");
    must_refuse(w, "GET /v1/objects?generation=3", "", 422, "bad-value");
    world_free(w);
}
END_TEST

START_TEST(bytes_are_read_by_range)
{
    struct world *w = world_new();
    const char *const octets[] = {"Content-Type: application/octet-stream; x=y", NULL};
    char range[64];
    const char *const headers[] = {range, NULL};
    json_int_t id;

    w->feed_bytes = 3;
    ck_assert_int_eq(ask_with(w, "POST /v1/objects?class=Blob&root=b", SLICE("0123456789"), octets), 201);
    id = member(w, "id");
    ck_assert_int_eq(member(w, "length"), 10);
    must_say(w, f("GET /v1/objects/" ID "/bytes", id), "", 200, "0123456789");
    snprintf(range, sizeof range, "Range: bytes=2-4");
    ck_assert_int_eq(ask_with(w, f("GET /v1/objects/" ID "/bytes", id), SLICE(""), headers), 206);
    ck_assert_str_eq(w->body, "234");
    snprintf(range, sizeof range, "Range: bytes=-3");
    ck_assert_int_eq(ask_with(w, f("GET /v1/objects/" ID "/bytes", id), SLICE(""), headers), 206);
    ck_assert_str_eq(w->body, "789");
    snprintf(range, sizeof range, "Range: bytes=8-");
    ck_assert_int_eq(ask_with(w, f("GET /v1/objects/" ID "/bytes", id), SLICE(""), headers), 206);
    ck_assert_str_eq(w->body, "89");
    snprintf(range, sizeof range, "Range: bytes=10-");
    ck_assert_int_eq(ask_with(w, f("GET /v1/objects/" ID "/bytes", id), SLICE(""), headers), 416);
    ck_assert(w->head.has_range && w->head.range_total == 10);
    snprintf(range, sizeof range, "Range: bytes=4-2");
    ck_assert_int_eq(ask_with(w, f("GET /v1/objects/" ID "/bytes", id), SLICE(""), headers), 200);
    must_say(w, f("PUT /v1/objects/" ID "/bytes", id), "new", 200, "{\"length\":3}");
    must_say(w, f("PUT /v1/objects/" ID "/bytes", id), "", 200, "{\"length\":0}");
    must_say(w, f("GET /v1/objects/" ID "/bytes", id), "", 200, "");
    must_refuse(w, f("GET /v1/objects/" ID "/fields/a", id), "", 422, "wrong-kind");
    world_free(w);
}
END_TEST

/* ---- the door ---- */

START_TEST(what_is_not_there_is_said_so)
{
    struct world *w = world_new();

    must_refuse(w, "GET /v1/nothing", "", 404, "no-such-name");
    must_refuse(w, "GET /v1/objects/12", "", 404, "no-such-object");
    must_refuse(w, "GET /v1/objects/abc", "", 404, "no-such-object");
    must_refuse(w, "GET /v1/objects/99999999999999999999", "", 404, "no-such-object");
    must_refuse(w, "GET /v1/roots/a%zz", "", 400, "bad-request");
    must_refuse(w, "GET /v1/objects?a=%4", "", 400, "bad-request");
    ck_assert_int_eq(ask(w, "DELETE /v1/batch", ""), 405);
    ck_assert_str_eq(w->head.allow, "POST, OPTIONS");
    must_say(w, "OPTIONS /v1/objects", "", 204, "");
    ck_assert_str_eq(w->head.allow, "GET, HEAD, POST, OPTIONS");
    must_say(w, "HEAD /v1/objects", "", 200, NULL);
    world_free(w);
}
END_TEST

START_TEST(a_request_names_its_instance_and_its_session)
{
    struct world *w = world_new();
    char session[128] = "Heapd-Session: nonsense";
    const char *const wrong[] = {"If-Heapd-Instance: i2", NULL};
    const char *const right[] = {"If-Heapd-Instance: i1", session, NULL};
    const char *const twice[] = {"If-Heapd-Instance: i1", "if-heapd-instance: i1", NULL};
    json_int_t id;

    ck_assert_int_eq(ask_with(w, "GET /v1/objects", SLICE(""), wrong), 412);
    ck_assert_int_eq(ask_with(w, "GET /v1/objects", SLICE(""), right), 409);
    ck_assert_int_eq(ask_with(w, "GET /v1/objects", SLICE(""), twice), 400);
    must_say(w, "POST /v1/sessions", "{\"ttl\":5}", 201, NULL);
    snprintf(session, sizeof session, "Heapd-Session: %s",
             json_string_value(json_object_get(w->json, "token")));
    ck_assert_int_eq(ask_with(w, "POST /v1/objects", SLICE("{}"), right), 201);
    id = member(w, "id");
    must_refuse(w, f("DELETE /v1/objects/" ID, id), "", 409, "not-held");
    w->now_ms += 6000;
    while (api_step(w->api, 100) == 0)
        ;
    ck_assert_int_eq(ask_with(w, "GET /v1/objects", SLICE(""), right), 409);
    must_refuse(w, f("GET /v1/objects/" ID, id), "", 410, "collected");
    world_free(w);
}
END_TEST

START_TEST(a_body_keeps_its_limit)
{
    struct world *w = world_new();
    char *big = malloc((1 << 20) + 2);

    ck_assert_ptr_nonnull(big);
    memset(big, ' ', (1 << 20) + 1);
    big[(1 << 20) + 1] = '\0';
    memcpy(big, "{}", 2);
    must_refuse(w, "POST /v1/objects", big, 413, "too-large");
    ck_assert(w->head.close);
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(w->json, "limit"), "name")),
                     "json_body_bytes_max");
    big[1 << 20] = '\0';
    w->feed_bytes = 1000;
    create(w, big);
    free(big);
    world_free(w);
}
END_TEST

START_TEST(a_request_that_is_cut_has_done_nothing)
{
    struct world *w = world_new();
    struct request r = {.method = METHOD_POST, .grant = {.access = ACCESS_ADMIN}, .path = SLICE("/v1/objects"), .framed = true, .has_body = true};
    struct task *t = api_begin(w->api, &r);
    struct heap_stats stats;

    task_feed(t, SLICE("{\"class\":\"A\"}"), false);
    ck_assert_int_eq(task_step(t, STEP_UNITS), TASK_INPUT);
    ck_assert_ptr_null(task_reply(t));
    task_end(&t);
    heap_stats(w->heap, &stats);
    ck_assert_uint_eq(stats.created, 0);
    world_free(w);
}
END_TEST

START_TEST(an_answer_is_in_a_form_that_the_client_takes_or_nothing_is_done)
{
    static const struct {
        const char *line, *accept;
        int status;
    } cases[] = {
        {"GET /v1/gc", "text/html", 406},          {"GET /v1/gc", "text/html, */*;q=0.1", 200},
        {"GET /v1/gc", "application/json", 200},   {"GET /metrics", "application/json", 406},
        {"GET /metrics", "text/plain", 200},       {"GET /metrics", "application/openmetrics-text", 200},
        {"GET /livez", "image/png", 200},          {"GET /problems/collected", "text/html", 200},
        {"GET /problems/collected", "application/json", 406}, {"PUT /v1/gc/freeze", "text/html", 406},
        {"GET /nonsense", "image/png", 404},       {"DELETE /v1/gc", "image/png", 405},
        {"POST /v1/batch", "application/json", 200}, {"POST /v1/batch", "text/html", 406},
    };
    struct world *w = world_new();

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char accept[64];
        const char *headers[] = {accept, NULL}, *twice[] = {accept, "Accept: font/woff", NULL};

        snprintf(accept, sizeof accept, "Accept: %s", cases[i].accept);
        ck_assert_msg(ask_with(w, cases[i].line, SLICE(""), headers) == cases[i].status, "%s %s: %d", cases[i].line,
                      accept, w->status);
        ck_assert_int_ne(ask_with(w, cases[i].line, SLICE(""), twice), 406);
    }
    world_free(w);
}
END_TEST

START_TEST(bytes_where_json_is_wanted_are_refused_whatever_they_say)
{
    static const struct {
        const char *line, *type;
        int status;
    } cases[] = {
        {"POST /v1/gc/collect", "application/octet-stream", 415},
        {"PATCH /v1/gc", "application/octet-stream; x=y", 415},
        {"PATCH /v1/gc", "application/x-www-form-urlencoded", 200},
        {"PATCH /v1/gc", "text/plain", 200},
        {"PATCH /v1/gc", "application/json; charset=utf-8", 200},
        {"POST /v1/batch", "application/octet-stream", 200},
        {"POST /v1/objects", "application/octet-stream", 201},
    };
    struct world *w = world_new();

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char type[80];
        const char *headers[] = {type, NULL};

        snprintf(type, sizeof type, "Content-Type: %s", cases[i].type);
        ck_assert_msg(ask_with(w, cases[i].line, SLICE("{}"), headers) == cases[i].status, "%s %s: %d", cases[i].line,
                      type, w->status);
    }
    world_free(w);
}
END_TEST

START_TEST(a_body_that_belongs_to_a_call_must_say_where_it_ends)
{
    static const struct {
        enum method method;
        const char *path;
        int status;
    } cases[] = {
        {METHOD_POST, "/v1/objects", 411},    {METHOD_PATCH, "/v1/gc", 411},       {METHOD_POST, "/v1/batch", 411},
        {METHOD_PUT, "/v1/objects/1/bytes", 411}, {METHOD_POST, "/v1/gc/collect", 200}, {METHOD_PUT, "/v1/gc/freeze", 200},
        {METHOD_POST, "/v1/sessions", 201},
    };
    struct world *w = world_new();

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct request r = {.method = cases[i].method,
                            .grant = {.access = ACCESS_ADMIN},
                            .path = slice_of(cases[i].path),
                            .length_known = true};
        struct task *t = api_begin(w->api, &r);

        forget_answer(w);
        run(w, t, SLICE(""));
        task_end(&t);
        ck_assert_msg(w->status == cases[i].status, "%s: %d", cases[i].path, w->status);
        ck_assert_int_eq(w->head.close, cases[i].status == 411); /* what follows may be that body */
    }
    world_free(w);
}
END_TEST

START_TEST(bad_bodies_are_refused_and_leave_nothing)
{
    static const struct {
        const char *body;
        int status;
        const char *name;
    } bad[] = {
        {"", 400, "bad-json"},
        {"{", 400, "bad-json"},
        {"{\"a\":1,\"a\":2}", 400, "bad-json"},
        {"\"\xff\"", 400, "bad-json"},
        {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"
         "]]]]]]]]]]]]]]"
         "]]]]]]]]]]]]]]]]]]",
         400, "bad-json"},
        {"{\"$ref\":1}", 422, "dangling"},
        {"{\"$ref\":\"x\"}", 422, "bad-value"},
        {"{\"$x\":1}", 422, "bad-value"},
        {"{\"a\":{},\"b\":1e999}", 422, "bad-value"},
        {"123456789012345678901234567890", 422, "bad-value"},
    };
    struct world *w = world_new();
    json_int_t id = create(w, "{\"fields\":{\"a\":1}}");
    struct heap_stats stats;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        must_refuse(w, f("PUT /v1/objects/" ID "/fields/a", id), bad[i].body, bad[i].status, bad[i].name);
    must_say(w, f("GET /v1/objects/" ID "/fields/a", id), "", 200, "1");
    heap_stats(w->heap, &stats);
    ck_assert_uint_eq(stats.objects, 1);
    world_free(w);
}
END_TEST

/* Whatever memory is refused, a request answers or is refused, and the heap adds up. */
START_TEST(refused_memory_is_507_and_changes_nothing)
{
    struct world *w = world_new();
    const char *body =
        "{\"class\":\"K\",\"fields\":{\"a\":{\"b\":[1,{}]},\"c\":\"a long enough string to be large\"}}";
    struct heap_stats stats;
    int status = 507;

    for (uint64_t nth = 1; status == 507; nth++) {
        struct request r = {.method = METHOD_POST, .grant = {.access = ACCESS_ADMIN}, .path = SLICE("/v1/objects"), .framed = true, .has_body = true};

        w->mem.fail_at = w->mem.request_count + nth;
        forget_answer(w);

        struct task *t = api_begin(w->api, &r);

        if (t != NULL) {
            run(w, t, slice_of(body));
            status = w->status;
            task_end(&t);
        }
        w->mem.fail_at = 0;
        while (heap_reap(w->heap, 100) == 0)
            ;
        heap_stats(w->heap, &stats);
        ck_assert_msg(stats.objects == (status == 201 ? 4 : 0), "at %" PRIu64 ": %d", nth, w->status);
        ck_assert_uint_eq(heap_validate(w->heap, print_broken, NULL), 0);
    }
    ck_assert_int_eq(status, 201);
    world_free(w);
}
END_TEST

static size_t count_lines(const char *text, const char *begin)
{
    size_t count = 0;

    for (const char *at = text; (at = strstr(at, begin)) != NULL; at++)
        count++;
    return count;
}

/* Each of many routes has been asked: a step adds what its units allow, and one row more at most. */
START_TEST(the_page_of_metrics_is_written_in_steps)
{
    static const char *const open[] = {"Accept: application/openmetrics-text", NULL};
    const struct header header = {SLICE("Accept"), SLICE("application/openmetrics-text")};
    const struct request r = {.method = METHOD_GET, .grant = {.access = ACCESS_ADMIN}, .path = SLICE("/metrics"), .headers = &header,
                              .header_count = 1, .framed = true};
    struct world *w = world_new();
    struct api_counters *c = &w->api->counters;
    size_t steps = 1, before = 0, families, samples;
    struct task *t;

    for (size_t i = 0; route_at(i) != NULL; i++)
        c->answers[i][2] = 1;
    ask_with(w, "GET /metrics", SLICE(""), open);
    families = count_lines(w->body, "# TYPE ");
    samples = count_lines(w->body, "\n");
    t = api_begin(w->api, &r);
    task_feed(t, SLICE(""), true);
    for (; task_step(t, 4) == TASK_MORE; steps++) {
        ck_assert_uint_le(t->reply.body.len, before + 4096);
        before = t->reply.body.len;
    }
    forget_answer(w);
    take_answer(w, t);
    ck_assert_uint_gt(steps, w->body_len / 4096);
    ck_assert_str_eq(w->body + w->body_len - 6, "# EOF\n");
    ck_assert_uint_eq(count_lines(w->body, "# TYPE "), families);
    ck_assert_uint_eq(count_lines(w->body, "\n"), samples); /* the same, however it was cut */
    task_end(&t);
    world_free(w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(an_object_is_made_read_and_let_go),
        TEST(a_document_of_json_becomes_a_graph_and_reads_back_to_a_depth),
        TEST(a_deep_document_shows_each_object_once_and_a_thousand_at_most),
        TEST(a_cycle_is_collected_and_not_before),
        TEST(a_new_object_goes_where_it_is_told),
        TEST(a_patch_is_all_or_nothing),
        TEST(an_etag_guards_contents),
        TEST(fields_and_items_come_in_pages),
        TEST(a_page_of_objects_goes_on_where_it_stopped),
        TEST(bytes_are_read_by_range),
        TEST(what_is_not_there_is_said_so),
        TEST(a_request_names_its_instance_and_its_session),
        TEST(a_body_keeps_its_limit),
        TEST(a_request_that_is_cut_has_done_nothing),
        TEST(an_answer_is_in_a_form_that_the_client_takes_or_nothing_is_done),
        TEST(bytes_where_json_is_wanted_are_refused_whatever_they_say),
        TEST(a_body_that_belongs_to_a_call_must_say_where_it_ends),
        TEST(bad_bodies_are_refused_and_leave_nothing),
        TEST(refused_memory_is_507_and_changes_nothing),
        TEST(the_page_of_metrics_is_written_in_steps),
    };

    return unit_main(argc, argv, "api", tests, ARRAY_LEN(tests));
}
