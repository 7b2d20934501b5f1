/*
 * test_api_nomem.c - each request of a scenario that comes to every route, with each request for memory in it refused once.
 *
 * Whatever was refused, the answer is 507 or what it would have been, the heap adds up, not a byte is lost (world_free()),
 * and after a 507 nothing has changed: asked again, it is done.
 */
#include "api/api_impl.h"
#include "tests/unit/api_world.h"

#define EACH_UP_TO   100
#define REFUSALS_MAX 20000 /* a request that asks more often than this does not end */

/* What there is in each world: paths name it by a letter, %r a record, %l a list, %b bytes, %h one that is held, %s a session. */
struct scene {
    struct world *w;
    json_int_t record, list, bytes, held, session;
};

static const struct {
    const char *line, *body;
} asks[] = {
    {"POST /v1/objects?root=new", "{\"class\":\"K\",\"fields\":{\"a\":{\"b\":[1,{}]},\"c\":\"a long enough string to be large\"}}"},
    {"GET /v1/objects?class=Node", ""},
    {"GET /v1/objects/%r?depth=3", ""},
    {"PATCH /v1/objects/%r", "{\"x\":{\"y\":[1]},\"l\":null}"},
    {"DELETE /v1/objects/%h", ""},
    {"GET /v1/objects/%r/fields", ""},
    {"GET /v1/objects/%r/fields/l", ""},
    {"PUT /v1/objects/%r/fields/m", "[1,{\"$ref\":%h}]"},
    {"DELETE /v1/objects/%r/fields/l", ""},
    {"GET /v1/objects/%l/items", ""},
    {"POST /v1/objects/%l/items", "{\"n\":1}"},
    {"GET /v1/objects/%l/items/0", ""},
    {"PUT /v1/objects/%l/items/0", "{\"n\":1}"},
    {"DELETE /v1/objects/%l/items/0", ""},
    {"GET /v1/objects/%b/bytes", ""},
    {"PUT /v1/objects/%b/bytes", "others, and more of them than before"},
    {"PUT /v1/objects/%r/hold", ""},
    {"DELETE /v1/objects/%h/hold", ""},
    {"GET /v1/objects/%r/referrers", ""},
    {"GET /v1/objects/%r/referents", ""},
    {"GET /v1/objects/%h/why?paths=3", ""},
    {"GET /v1/objects/%r/retained", ""},
    {"GET /v1/roots", ""},
    {"GET /v1/roots/r", ""},
    {"PUT /v1/roots/another", "{\"$ref\":%h}"},
    {"DELETE /v1/roots/r", ""},
    {"GET /v1/weak", ""},
    {"GET /v1/weak/w", ""},
    {"PUT /v1/weak/another", "{\"$ref\":%h}"},
    {"DELETE /v1/weak/w", ""},
    {"GET /v1/sessions", ""},
    {"POST /v1/sessions", "{\"ttl\":60,\"label\":\"one more\"}"},
    {"GET /v1/sessions/%s", ""},
    {"PUT /v1/sessions/%s", ""},
    {"DELETE /v1/sessions/%s", ""},
    {"GET /v1/sessions/0/holds", ""},
    {"POST /v1/batch", "[\"new\",\"Node\",{\"x\":{\"$ref\":%h}}]\n[\"list\",[1,{}]]\n[\"push\",\"@1\",2]\n[\"collect\",0]\n"},
    {"POST /v1/batch?atomic=true", "[\"new\",\"Node\",{\"x\":[{\"$ref\":%h}]}]\n[\"root\",\"r\",\"@0\"]\n[\"set\",%h,\"q\",{\"$ref\":\"@0\"}]\n"},
    {"GET /v1/gc", ""},
    {"PATCH /v1/gc", "{\"thresholds\":[500]}"},
    {"POST /v1/gc/collect", ""},
    {"PUT /v1/gc/freeze", ""},
    {"DELETE /v1/gc/freeze", ""},
    {"GET /v1/gc/garbage", ""},
    {"DELETE /v1/gc/garbage", ""},
    {"GET /v1/gc/log", ""},
    {"GET /v1/heap", ""},
    {"GET /v1/heap/pools", ""},
    {"GET /v1/heap/classes?sort=bytes&since=1", ""},
    {"GET /v1/heap/sites?since=1", ""},
    {"GET /v1/heap/suspects", ""},
    {"GET /v1/heap/suspects?snapshot=1&since=1", ""},
    {"POST /v1/heap/purge", ""},
    {"POST /v1/heap/validate", ""},
    {"POST /v1/heap/reset_peak", ""},
    {"POST /v1/snapshots", ""},
    {"GET /v1/snapshots", ""},
    {"GET /v1/snapshots/1?format=heapsnapshot", ""},
    {"DELETE /v1/snapshots/1", ""},
    {"GET /v1/snapshots/1/diff/1", ""},
    {"GET /v1/snapshots/1/dominators", ""},
    {"GET /v1/snapshots/1/suspects", ""},
    {"GET /v1/config", ""},
    {"PATCH /v1/config", "{\"json_depth_max\":20}"},
    {"GET /livez", ""},
    {"GET /readyz", ""},
    {"GET /metrics", ""},
    {"GET /openapi.json", ""},
    {"GET /problems/collected", ""},
    {"GET /", ""},
    {"GET /assets/main.js", ""},
};

static const char *const elsewhere[] = {"/v1/backup", "/v1/events"}; /* there is no store; it has no end */

/* ---- the scene ---- */

static struct scene scene_new(void)
{
    static const char *const octets[] = {"Content-Type: application/octet-stream", NULL};
    struct scene s = {.w = world_new()};
    char line[64];

    s.held = create(s.w, "{\"class\":\"Node\",\"fields\":{\"n\":1}}");
    s.record = create(s.w, "{\"class\":\"Node\",\"root\":\"r\",\"fields\":{\"l\":{\"m\":[1,2]},\"n\":2}}");
    s.list = create(s.w, "{\"items\":[1,{\"a\":2},\"three\"]}");
    ck_assert_int_eq(ask_with(s.w, "POST /v1/objects", SLICE("some bytes"), octets), 201);
    s.bytes = member(s.w, "id");
    snprintf(line, sizeof line, "{\"$ref\":%d}", (int)s.held);
    ck_assert_int_le(ask(s.w, "PUT /v1/weak/w", line), 201);
    ck_assert_int_eq(ask(s.w, "POST /v1/sessions", "{\"ttl\":60}"), 201);
    s.session = member(s.w, "id");
    ck_assert_int_eq(ask(s.w, "POST /v1/snapshots", ""), 201);
    return s;
}

static const char *filled(const struct scene *s, const char *text, char *room, size_t size)
{
    size_t at = 0;

    for (; *text != '\0'; text++) {
        json_int_t n = 0;

        if (*text != '%') {
            room[at++] = *text;
            ck_assert_uint_lt(at, size);
            continue;
        }
        switch (*++text) {
        case 'r': n = s->record; break;
        case 'l': n = s->list; break;
        case 'b': n = s->bytes; break;
        case 'h': n = s->held; break;
        case 's': n = s->session; break;
        default: ck_abort_msg("%%%c", *text);
        }
        at += (size_t)snprintf(room + at, size - at, "%" JSON_INTEGER_FORMAT, n);
        ck_assert_uint_lt(at, size);
    }
    room[at] = '\0';
    return room;
}

/* ---- asking ---- */

/* The status; 0: not even a task could be made. */
static int say(struct scene *s, size_t i)
{
    static const char *const octets[] = {"Content-Type: application/octet-stream", NULL};
    char line[128], body[256];
    bool bytes = strstr(asks[i].line, "/bytes") != NULL;

    filled(s, asks[i].line, line, sizeof line);
    filled(s, asks[i].body, body, sizeof body);
    return try_ask_with(s->w, line, slice_of(body), bytes ? octets : NULL);
}

static bool is_done(int status)
{
    return status >= 200 && status < 300;
}

static void heap_adds_up(struct scene *s, size_t i, uint64_t nth)
{
    while (heap_reap(s->w->heap, 1000) == 0)
        ;
    ck_assert_msg(heap_validate(s->w->heap, print_broken, NULL) == 0, "%s, refusal %" PRIu64, asks[i].line, nth);
}

/* With the n-th refused; false: it does not ask so often. */
static bool refuse_one(size_t i, uint64_t nth)
{
    struct scene s = scene_new();
    uint64_t at = s.w->mem.request_count + nth;
    bool refused;
    int status;

    s.w->mem.fail_at = at;
    status = say(&s, i);
    refused = s.w->mem.request_count >= at;
    s.w->mem.fail_at = 0;
    ck_assert_msg(is_done(status) || (refused && (status == 507 || status == 0)), "%s, refusal %" PRIu64 ": %d %s", asks[i].line, nth,
                  status, s.w->body);
    heap_adds_up(&s, i, nth);
    if (!is_done(status)) {
        status = say(&s, i);
        ck_assert_msg(is_done(status), "%s, again after refusal %" PRIu64 ": %d %s", asks[i].line, nth, status, s.w->body);
        heap_adds_up(&s, i, nth);
    }
    world_free(s.w);
    return refused;
}

/* Each of the first hundred, and then, for most are alike, one in so many that an answer of thousands is not asked for
 * thousands of times. */
static uint64_t next_of(uint64_t nth)
{
    return nth + 1 + (getenv("HEAPD_TEST_LONG") != NULL ? 0 : nth / EACH_UP_TO);
}

START_TEST(whatever_is_refused_nothing_has_changed)
{
    for (uint64_t nth = 1; refuse_one((size_t)_i, nth); nth = next_of(nth))
        ck_assert_uint_lt(nth, REFUSALS_MAX);
}
END_TEST

static bool is_asked_elsewhere(const struct route *r)
{
    for (size_t e = 0; e < ARRAY_LEN(elsewhere); e++)
        if (strcmp(r->pattern, elsewhere[e]) == 0)
            return true;
    return false;
}

START_TEST(there_is_a_request_for_every_route)
{
    uint64_t done[ROUTES_MAX] = {0};

    for (size_t i = 0; i < ARRAY_LEN(asks); i++) {
        struct scene s = scene_new();

        memset(s.w->api->counters.answers, 0, sizeof s.w->api->counters.answers);
        ck_assert_msg(is_done(say(&s, i)), "%s: %d %s", asks[i].line, s.w->status, s.w->body);
        for (size_t r = 0; route_at(r) != NULL; r++)
            done[r] += s.w->api->counters.answers[r][2];
        world_free(s.w);
    }
    for (size_t r = 0; route_at(r) != NULL; r++)
        ck_assert_msg(done[r] > 0 || is_asked_elsewhere(route_at(r)), "route %zu, %s, is in no request", r, route_at(r)->pattern);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(whatever_is_refused_nothing_has_changed, .rounds = ARRAY_LEN(asks)),
        TEST(there_is_a_request_for_every_route),
    };
    return unit_main(argc, argv, "api_nomem", tests, ARRAY_LEN(tests));
}
