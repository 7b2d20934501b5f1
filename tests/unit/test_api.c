/*
 * test_api.c - requests through the door, without a daemon: every test ends with a heap that adds up, no object
 * alive and no byte left.
 */
#include "api/api.h"
#include "heap/root.h"
#include "tests/unit/unit.h"
#include <jansson.h>
#include <stdarg.h>

#define STEP_UNITS 64
#define TURNS_MAX 1000000

/* ---- a world without a clock, and a way to ask ---- */

struct world {
    struct mem mem;
    struct settings settings;
    struct heap *heap;
    struct gc *gc;
    struct session_set *sessions;
    struct api *api;
    uint64_t now_ms;
    uint64_t random;
    size_t feed_bytes; /* how many bytes of a body come at once */
    /* the last answer */
    int status;
    struct reply head;  /* its body and payload are not to be used */
    char *body;
    size_t body_len;
    json_t *json;       /* the body, if it is JSON */
};

static uint64_t fake_now(void *ctx)
{
    return ((struct world *)ctx)->now_ms;
}

static void fake_random(void *ctx, void *out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((unsigned char *)out)[i] = (unsigned char)unit_rand(&((struct world *)ctx)->random);
}

static uint64_t fake_rss(void *ctx)
{
    (void)ctx;
    return 1 << 20;
}

static void fake_pauses(void *ctx, struct api_pauses *ret)
{
    (void)ctx;
    *ret = (struct api_pauses){0};
}

static void fake_settings_changed(void *ctx)
{
    (void)ctx;
}

static bool fake_ready(void *ctx, struct slice *ret_why_not)
{
    (void)ctx;
    (void)ret_why_not;
    return true;
}

static void fake_process(void *ctx, struct api_process *ret)
{
    (void)ctx;
    *ret = (struct api_process){0};
}

static struct world *world_new(void)
{
    struct world *w = calloc(1, sizeof *w);

    ck_assert_ptr_nonnull(w);
    mem_init(&w->mem, 0);
    settings_defaults(&w->settings);
    w->now_ms = 1000;
    w->feed_bytes = SIZE_MAX;
    ck_assert_int_eq(heap_create(&w->mem, 7, &w->heap), ERR_OK);
    ck_assert_int_eq(gc_create(w->heap, &w->gc), ERR_OK);
    ck_assert_int_eq(session_set_create(w->heap, &w->sessions), ERR_OK);

    struct api_world fake = {w,           fake_now,    fake_random,           fake_rss,
                             fake_pauses, fake_settings_changed, fake_ready, fake_process};

    ck_assert_int_eq(api_create(&w->mem, w->heap, w->gc, w->sessions, &w->settings, fake, "i1", &w->api), ERR_OK);
    return w;
}

static void forget_answer(struct world *w)
{
    free(w->body);
    json_decref(w->json);
    w->body = NULL;
    w->json = NULL;
    w->body_len = 0;
}

static void print_broken(void *ctx, const char *sentence)
{
    (void)ctx;
    fprintf(stderr, "broken: %s\n", sentence);
}

/* Everything that is held is let go; then nothing may be left. */
static void world_free(struct world *w)
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

static void take_body(struct world *w, struct reply *r)
{
    w->body = realloc(w->body, w->body_len + r->body.len + 1);
    ck_assert_ptr_nonnull(w->body);
    if (r->body.len > 0)
        memcpy(w->body + w->body_len, r->body.data, r->body.len);
    w->body_len += r->body.len;
    w->body[w->body_len] = '\0';
    buf_clear(&r->body);
}

static void take_payload(struct world *w, const struct reply *r)
{
    free(w->body);
    w->body = malloc(r->payload_len + 1);
    ck_assert_ptr_nonnull(w->body);
    memcpy(w->body, r->payload->data + r->payload_from, r->payload_len);
    w->body[r->payload_len] = '\0';
    w->body_len = r->payload_len;
}

static void take_answer(struct world *w, struct task *t)
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

static struct slice feed(struct world *w, struct task *t, struct slice body)
{
    size_t n = body.len < w->feed_bytes ? body.len : w->feed_bytes;

    task_feed(t, (struct slice){body.data, n}, n == body.len);
    return (struct slice){body.data + n, body.len - n};
}

/* Step to the end, feeding, taking and collecting as a daemon would. */
static void run(struct world *w, struct task *t, struct slice body)
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
            return;
        case TASK_INPUT:
            ck_assert(!fed);
            break;
        case TASK_ROOM:
            take_body(w, task_reply(t));
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

static enum method method_of(const char *name, size_t len)
{
    static const char *const names[METHOD_COUNT_] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};

    for (int m = 0; m < METHOD_COUNT_; m++) {
        if (strlen(names[m]) == len && strncmp(names[m], name, len) == 0)
            return (enum method)m;
    }
    ck_abort_msg("no method %s", name);
}

/* Ask "PUT /path?query" with headers ("Name: value", NULL at the end); returns the status. */
static int ask_with(struct world *w, const char *line, struct slice body, const char *const *headers)
{
    const char *target = strchr(line, ' ') + 1;
    const char *query = strchr(target, '?');
    struct header list[8];
    struct request r = {.method = method_of(line, (size_t)(target - line) - 1),
                        .path = slice_of(target),
                        .headers = list,
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

    ck_assert_ptr_nonnull(t);
    run(w, t, body);
    task_end(&t);
    return w->status;
}

static int ask(struct world *w, const char *line, const char *body)
{
    return ask_with(w, line, slice_of(body), NULL);
}

static void must_say(struct world *w, const char *line, const char *body, int status, const char *answer)
{
    ask(w, line, body);
    ck_assert_msg(w->status == status, "%s: %d %s", line, w->status, w->body);
    if (answer != NULL)
        ck_assert_msg(strcmp(w->body, answer) == 0, "%s: %s, not %s", line, w->body, answer);
}

/* A refusal is a whole problem document. */
static void must_refuse(struct world *w, const char *line, const char *body, int status, const char *name)
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

static json_int_t member(const struct world *w, const char *key)
{
    ck_assert_msg(json_is_integer(json_object_get(w->json, key)), "%s in %s", key, w->body);
    return json_integer_value(json_object_get(w->json, key));
}

static json_int_t create(struct world *w, const char *body)
{
    ck_assert_msg(ask(w, "POST /v1/objects", body) == 201, "%s", w->body);
    return member(w, "id");
}

/* A text with numbers in it, for a line or a body; each good until eight more have been made. */
__attribute__((format(printf, 1, 2))) static const char *f(const char *format, ...)
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
    ck_assert_str_eq(w->body + w->body_len - strlen(",\"more\":true}"), ",\"more\":true}"); /* jansson reads no deeper */

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

    must_say(w, f("PUT /v1/objects/" ID "/fields/to", a), f("{\"$ref\":" ID "}", b), 201, f("{\"$ref\":" ID "}", b));
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
    must_refuse(w, "POST /v1/objects", f("{\"into\":{\"id\":" ID ",\"field\":\"f\"}}", list), 422, "bad-value");
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
    snprintf(session, sizeof session, "Heapd-Session: %s", json_string_value(json_object_get(w->json, "token")));
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
    struct request r = {.method = METHOD_POST, .path = SLICE("/v1/objects"), .has_body = true};
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
        {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"
         "]]]]]]]]]]]]]]]]]]", 400, "bad-json"},
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
    const char *body = "{\"class\":\"K\",\"fields\":{\"a\":{\"b\":[1,{}]},\"c\":\"a long enough string to be large\"}}";
    struct heap_stats stats;
    int status = 507;

    for (uint64_t nth = 1; status == 507; nth++) {
        struct request r = {.method = METHOD_POST, .path = SLICE("/v1/objects"), .has_body = true};

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

/* ---- batches ---- */

START_TEST(a_batch_answers_line_for_line)
{
    struct world *w = world_new();

    w->feed_bytes = (size_t)(1 + _i * 7);
    must_say(w, "POST /v1/batch",
             "[\"new\",\"Node\",{\"val\":1}]\n\n  \r\n"
             "[\"new\",\"Node\",{\"next\":{\"$ref\":\"@0\"}}]\n"
             "[\"set\",\"@0\",\"next\",{\"$ref\":\"@1\"}]\n"
             "[\"is\",\"@0\",\"next\",{\"$ref\":\"@1\"}]\n"
             "[\"is\",\"@0\",\"nope\",null]\n"
             "[\"root\",\"r\",\"@0\"]\n"
             "[\"unset\",\"@0\",\"val\"]\n"
             "[\"unroot\",\"r\"]",
             200, NULL);
    ck_assert_str_eq(w->head.content_type, "application/x-ndjson");
    ck_assert_msg(strstr(w->body, "{\"id\":") == w->body, "%s", w->body);
    ck_assert_msg(strstr(w->body, "}\n{}\n{}\n{}\n{}\n{}\n{}\n{\"done\":8,\"failed\":0}\n") != NULL, "%s", w->body);
    must_say(w, "POST /v1/batch", "[\"collect\"]\n", 200,
             "{\"collected\":2,\"uncollectable\":0}\n{\"done\":1,\"failed\":0}\n");
    must_say(w, "POST /v1/batch", "", 200, "{\"done\":0,\"failed\":0}\n");
    world_free(w);
}
END_TEST

START_TEST(a_batch_lets_go_of_what_it_made_and_nobody_holds)
{
    struct world *w = world_new();
    struct heap_stats stats;

    must_say(w, "POST /v1/batch",
             "[\"list\",[1,[2],{\"a\":3}]]\n[\"bytes\",\"Zm9v\"]\n[\"new\",\"Kept\"]\n[\"hold\",\"@2\"]\n"
             "[\"push\",\"@0\",{\"$weak\":\"@1\"}]\n[\"weak\",\"w\",\"@2\"]\n[\"get\",\"@1\"]\n",
             200, NULL);
    ck_assert_msg(strstr(w->body, "\"class\":\"bytes\",\"generation\":null,\"refs\":1") != NULL, "%s", w->body);
    ck_assert_msg(strstr(w->body, "{\"done\":7,\"failed\":0}\n") != NULL, "%s", w->body);
    heap_stats(w->heap, &stats);
    ck_assert_uint_eq(stats.objects, 1);
    world_free(w);
}
END_TEST

START_TEST(the_first_op_that_fails_ends_a_batch)
{
    static const struct {
        const char *op;
        const char *type;
    } bad[] = {
        {"nonsense", "bad-json"},
        {"{}", "bad-request"},
        {"[]", "bad-request"},
        {"[\"nop\"]", "bad-request"},
        {"[\"get\"]", "bad-request"},
        {"[\"set\",1,2]", "bad-request"},
        {"[\"collect\",2,3]", "bad-request"},
        {"[\"get\",999]", "no-such-object"},
        {"[\"get\",\"@7\"]", "bad-value"},
        {"[\"get\",\"x\"]", "bad-value"},
        {"[\"get\",true]", "bad-value"},
        {"[\"collect\",3]", "bad-value"},
        {"[\"collect\",true]", "bad-value"},
        {"[\"bytes\",\"Zm9\"]", "bad-value"},
        {"[\"new\",\"\"]", "bad-value"},
        {"[\"new\",\"A\",[]]", "bad-value"},
        {"[\"new\",\"A\",{\"x\":{\"$ref\":999}}]", "dangling"},
        {"[\"list\",{}]", "bad-value"},
        {"[\"push\",\"@0\",1]", "wrong-kind"},
        {"[\"set\",\"@0\",0,1]", "wrong-kind"},
        {"[\"unset\",\"@0\",\"no\"]", "no-such-name"},
        {"[\"unroot\",\"no\"]", "no-such-name"},
        {"[\"drop\",\"@0\"]", "not-held"},
        {"[\"is\",\"@0\",\"a\",2]", "changed"},
        {"[\"is\",\"@0\",\"a\",{}]", "changed"},
        {"[\"is\",\"@0\",\"a\",1.0]", "changed"},
    };
    struct world *w = world_new();
    struct heap_stats stats;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        must_say(w, "POST /v1/batch", f("[\"new\",\"A\",{\"a\":1}]\n%s\n[\"new\",\"B\"]\n", bad[i].op), 200, NULL);
        ck_assert_msg(strstr(w->body, f("\n{\"problem\":{\"type\":\"/problems/%s\"", bad[i].type)) != NULL, "%s: %s",
                      bad[i].op, w->body);
        ck_assert_msg(strstr(w->body, ",\"line\":1}\n{\"done\":1,\"failed\":1}\n") != NULL, "%s", w->body);
    }
    heap_stats(w->heap, &stats);
    ck_assert_uint_eq(stats.objects, 0);
    must_say(w, "POST /v1/batch?reply=summary", "[\"new\",\"A\"]\n[\"new\",\"B\"]\n", 200,
             "{\"done\":2,\"failed\":0}\n");
    must_say(w, "POST /v1/batch?reply=summary", "[\"new\",\"A\"]\nx\n", 200, NULL);
    ck_assert_msg(strstr(w->body, "{\"done\":1,\"failed\":1,\"problem\":{") == w->body, "%s", w->body);
    must_refuse(w, "POST /v1/batch?atomic=true", "[\"new\",\"A\"]\n", 501, "not-implemented");
    world_free(w);
}
END_TEST

START_TEST(a_long_batch_yields_streams_and_waits_for_room)
{
    struct world *w = world_new();
    size_t ops = 20000, len = 0;
    char *body = malloc(ops * 40);

    ck_assert_ptr_nonnull(body);
    for (size_t i = 0; i < ops; i++)
        len += (size_t)sprintf(body + len, i % 2 ? "[\"get\",\"@%zu\"]\n" : "[\"new\",\"Node\",{\"n\":%zu}]\n",
                               i % 2 ? i - 1 : i);
    w->settings.backlog_bytes_max = 5000;
    w->feed_bytes = 4096;
    ck_assert_int_eq(ask_with(w, "POST /v1/batch", (struct slice){body, len}, NULL), 200);
    ck_assert(w->head.streaming);
    ck_assert_ptr_nonnull(strstr(w->body + w->body_len - 40, "{\"done\":20000,\"failed\":0}\n"));
    free(body);
    world_free(w);
}
END_TEST

START_TEST(a_batch_that_is_cut_keeps_what_it_has_done)
{
    struct world *w = world_new();
    struct request r = {.method = METHOD_POST, .path = SLICE("/v1/batch"), .has_body = true};
    struct task *t = api_begin(w->api, &r);
    struct heap_stats stats;

    task_feed(t, SLICE("[\"new\",\"A\"]\n[\"root\",\"a\",\"@0\"]\n[\"new\",\"B\"]\n[\"root\",\"b\",\"@2\"]"), false);
    ck_assert_int_eq(task_step(t, STEP_UNITS), TASK_INPUT);
    ck_assert(task_reply(t)->streaming);
    task_end(&t);
    while (api_step(w->api, 100) == 0)
        ;
    heap_stats(w->heap, &stats);
    ck_assert_uint_eq(stats.roots, 1);
    ck_assert_uint_eq(stats.objects, 1);
    world_free(w);
}
END_TEST

START_TEST(a_batch_line_keeps_its_limit)
{
    struct world *w = world_new();
    size_t len = (64 << 10) + 1;
    char *body = malloc(len + 1);

    ck_assert_ptr_nonnull(body);
    memset(body, 'x', len);
    body[len] = '\0';
    w->feed_bytes = 10000;
    must_say(w, "POST /v1/batch", body, 200, NULL);
    ck_assert_msg(strstr(w->body, "\"limit\":{\"name\":\"batch_line_bytes_max\",\"value\":65536}") != NULL, "%s", w->body);
    free(body);
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
        TEST(bad_bodies_are_refused_and_leave_nothing),
        TEST(refused_memory_is_507_and_changes_nothing),
        TEST(a_batch_answers_line_for_line, .rounds = 4),
        TEST(a_batch_lets_go_of_what_it_made_and_nobody_holds),
        TEST(the_first_op_that_fails_ends_a_batch),
        TEST(a_long_batch_yields_streams_and_waits_for_room),
        TEST(a_batch_that_is_cut_keeps_what_it_has_done),
        TEST(a_batch_line_keeps_its_limit),
    };

    return unit_main(argc, argv, "api", tests, ARRAY_LEN(tests));
}
