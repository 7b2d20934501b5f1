/* test_api_events.c - what becomes an event, and what a listener is told, through the door. */
#include "api/api_impl.h"
#include "heap/heap_gc.h"
#include "heap/weak.h"
#include "tests/unit/api_world.h"

/* Somebody who listens. */
struct ear {
    struct world *w;
    struct task *task;
    enum task_turn turn;
};

static struct ear listen_with(struct world *w, const char *query, const char *header, const char *value)
{
    struct header headers[] = {{slice_of("Accept"), slice_of("application/x-ndjson")}, {slice_of(header), slice_of(value)}};
    struct request r = {.method = METHOD_GET,
                        .grant = {.access = ACCESS_READ},
                        .path = slice_of("/v1/events"),
                        .query = slice_of(query),
                        .headers = headers,
                        .header_count = ARRAY_LEN(headers)};
    struct ear e = {.w = w, .task = api_begin(w->api, &r)};

    ck_assert_ptr_nonnull(e.task);
    task_feed(e.task, SLICE(""), true);
    return e;
}

/* What is said to it now, good until the next call for the same world. */
static const char *hear(struct ear *e)
{
    struct world *w = e->w;

    forget_answer(w);
    do {
        e->turn = task_step(e->task, STEP_UNITS);
        take_body(w, task_reply(e->task));
    } while (e->turn == TASK_LISTEN && task_listening(e->task) >= LISTENING_NEWS);
    return w->body;
}

static struct ear listen(struct world *w, const char *types)
{
    struct ear e = listen_with(w, f("types=%s", types), "X", "x");

    ck_assert_ptr_nonnull(strstr(hear(&e), "\"type\":\"ping\""));
    ck_assert_int_eq(e.turn, TASK_LISTEN);
    return e;
}

static void stop_listening(struct ear *e)
{
    task_hang_up(e->task);
    (void)hear(e);
    ck_assert_int_eq(e->turn, TASK_DONE);
    task_end(&e->task);
}

/* Line n of what was heard last, from 0; NULL: there is none. To be json_decref()ed. */
static json_t *line(const struct world *w, int n)
{
    const char *at = w->body;

    for (; n > 0 && at != NULL; n--)
        at = strchr(at, '\n') != NULL ? strchr(at, '\n') + 1 : NULL;
    return at != NULL && *at != '\0' ? json_loads(at, JSON_DISABLE_EOF_CHECK, NULL) : NULL;
}

static bool line_says(const struct world *w, int n, const char *member, const char *json)
{
    json_auto_t *doc = line(w, n), *want = json_loads(json, JSON_DECODE_ANY, NULL);

    ck_assert_ptr_nonnull(want);
    return json_equal(json_object_get(doc, member), want);
}

#define SAYS(w, n, member, json) ck_assert_msg(line_says(w, n, member, json), "line %d, %s %s: %s", n, member, json, (w)->body)

static void housekeep(struct world *w)
{
    while (gc_has_work(w->gc) || api_has_work(w->api)) {
        (void)gc_step(w->gc, 100);
        (void)api_step(w->api, 100);
    }
}

/* An object that links to itself, with a weak name, and dropped. */
static json_int_t self_loop(struct world *w, const char *name)
{
    json_int_t id = create(w, "{\"class\":\"L\",\"fields\":{}}");

    must_say(w, f("PUT /v1/objects/" ID "/fields/me", id), f("{\"$ref\":" ID "}", id), 201, NULL);
    must_say(w, f("PUT /v1/weak/%s", name), f("{\"$ref\":" ID "}", id), 200, NULL);
    must_say(w, f("DELETE /v1/objects/" ID, id), "", 200, NULL);
    return id;
}

/* As CPython's gc.callbacks are told. */
START_TEST(a_collection_says_that_it_starts_and_what_it_found)
{
    struct world *w = world_new();
    struct ear e = listen(w, "gc");

    self_loop(w, "a");
    housekeep(w);
    (void)hear(&e);
    must_say(w, "POST /v1/gc/collect", "", 200, NULL);
    must_say(w, "POST /v1/gc/collect", "{\"generation\":0}", 200, NULL);
    housekeep(w);
    (void)hear(&e);
    SAYS(w, 0, "phase", "\"start\"");
    SAYS(w, 0, "generation", "2");
    SAYS(w, 0, "collected", "0");
    SAYS(w, 0, "uncollectable", "0");
    SAYS(w, 1, "phase", "\"stop\"");
    SAYS(w, 1, "generation", "2");
    SAYS(w, 1, "collected", "1");
    SAYS(w, 1, "uncollectable", "0");
    SAYS(w, 1, "reason", "\"request\"");
    SAYS(w, 2, "phase", "\"start\"");
    SAYS(w, 2, "generation", "0");
    SAYS(w, 3, "phase", "\"stop\"");
    SAYS(w, 3, "collected", "0");
    ck_assert_ptr_null(line(w, 4));
    stop_listening(&e);
    world_free(w);
}
END_TEST

/* A young collection may begin and end inside a full one: each stop follows its own start. */
START_TEST(starts_and_stops_pair_however_they_nest)
{
    struct world *w = world_new();
    struct ear e = listen(w, "gc");
    uint64_t state = unit_seed(_i);
    json_int_t started = 0, open = 0;

    for (int n = 0; n < 300; n++) {
        struct gc *gc = w->gc;

        for (uint32_t i = unit_rand_below(&state, 20); i > 0; i--)
            (void)create(w, "{\"class\":\"N\",\"fields\":{}}");
        if (unit_rand_below(&state, 4) == 0)
            ck_assert_int_eq(gc_collect(gc, (int)unit_rand_below(&state, 3), GC_BY_REQUEST, n % 7 == 0, &(uint64_t){0}, NULL),
                             ERR_OK);
        for (uint32_t i = unit_rand_below(&state, 6); i > 0; i--)
            (void)gc_step(gc, 1 + unit_rand_below(&state, 60));
        (void)api_step(w->api, 1 + unit_rand_below(&state, 3));
    }
    housekeep(w);
    (void)hear(&e);
    for (int n = 0;; n++) {
        json_auto_t *doc = line(w, n);
        json_int_t run = json_integer_value(json_object_get(doc, "run"));

        if (doc == NULL)
            break;
        if (strcmp(json_string_value(json_object_get(doc, "phase")), "start") == 0) {
            MUST(run == ++started); /* in their order, each once */
            open++;
        } else {
            MUST(run <= started);
            open--;
        }
        MUST(open >= 0 && open <= 2);
    }
    ck_assert_int_eq(open, 0);
    ck_assert_uint_eq((uint64_t)started, gc_begun(w->gc));
    ck_assert_uint_gt(gc_begun(w->gc), 20);
    stop_listening(&e);
    world_free(w);
}
END_TEST

/* What stands for Python's finalizers: all of a dead cycle reads null before the first is told, newest name first. */
START_TEST(deaths_are_told_when_all_that_died_reads_dead)
{
    struct world *w = world_new();
    struct ear e = listen(w, "death");
    obj_id id;

    self_loop(w, "a%20b");
    self_loop(w, "c");
    must_say(w, "POST /v1/objects", "{\"class\":\"K\",\"root\":\"k\"}", 201, NULL);
    ck_assert_int_eq(gc_collect(w->gc, 2, GC_BY_REQUEST, false, &(uint64_t){0}, NULL), ERR_OK);
    for (bool told = false; !told;) { /* a unit at a time */
        (void)gc_step(w->gc, 1);
        (void)api_step(w->api, 1);
        told = strlen(hear(&e)) > 0;
        if (told) {
            id = 1;
            ck_assert_int_eq(weak_get(w->heap, SLICE("a b"), &id, NULL), ERR_OK);
            ck_assert_uint_eq(id, 0);
            id = 1;
            ck_assert_int_eq(weak_get(w->heap, SLICE("c"), &id, NULL), ERR_OK);
            ck_assert_uint_eq(id, 0);
        }
    }
    stop_listening(&e);
    world_free(w);
}
END_TEST

START_TEST(the_names_of_one_object_are_told_newest_first_and_one_that_was_taken_away_is_not)
{
    struct world *w = world_new();
    struct ear e = listen(w, "death");
    json_int_t id = create(w, "{\"class\":\"L\",\"fields\":{}}");

    for (int n = 1; n <= 5; n++)
        must_say(w, f("PUT /v1/weak/f%d", n), f("{\"$ref\":" ID "}", id), 200, NULL);
    must_say(w, "DELETE /v1/weak/f5", "", 200, NULL);
    must_say(w, f("DELETE /v1/objects/" ID, id), "", 200, NULL);
    housekeep(w);
    (void)hear(&e);
    SAYS(w, 0, "name", "\"f4\"");
    SAYS(w, 0, "object", f(ID, id));
    SAYS(w, 1, "name", "\"f3\"");
    SAYS(w, 2, "name", "\"f2\"");
    SAYS(w, 3, "name", "\"f1\"");
    ck_assert_ptr_null(line(w, 4));
    stop_listening(&e);
    world_free(w);
}
END_TEST

START_TEST(a_death_is_told_though_its_name_is_used_again)
{
    struct world *w = world_new();
    struct ear e = listen(w, "death");

    must_say(w, "POST /v1/batch?reply=summary",
             "[\"new\",\"N\",{}]\n[\"hold\",\"@0\"]\n[\"weak\",\"w\",\"@0\"]\n", 200, NULL);
    must_say(w, "POST /v1/batch?reply=summary",
             "[\"new\",\"N\",{}]\n[\"weak\",\"w\",\"@0\"]\n[\"weak\",\"v\",\"@0\"]\n", 200, NULL);
    housekeep(w); /* the scope of the batch is gone */
    must_say(w, "POST /v1/batch?atomic=true", "[\"new\",\"N\",{}]\n[\"weak\",\"w\",\"@0\"]\n[\"is\",\"@0\",\"x\",1]\n", 412, NULL);
    must_say(w, "POST /v1/batch?atomic=true", "[\"new\",\"N\",{}]\n[\"weak\",\"w\",\"@0\"]\n[\"root\",\"r\",\"@0\"]\n", 200, NULL);
    must_say(w, "DELETE /v1/roots/r", "", 200, NULL);
    must_say(w, "DELETE /v1/weak/w", "", 200, NULL);
    housekeep(w);
    (void)hear(&e);
    SAYS(w, 0, "name", "\"v\"");
    SAYS(w, 1, "name", "\"w\"");
    SAYS(w, 2, "name", "\"w\"");
    ck_assert_ptr_null(line(w, 3));
    stop_listening(&e);
    world_free(w);
}
END_TEST

START_TEST(a_session_says_what_it_held_and_what_went_with_it)
{
    struct world *w = world_new();
    struct ear e = listen(w, "lease");
    const char *headers[] = {NULL, NULL};
    char header[64];

    must_say(w, "POST /v1/sessions", "{\"ttl\":10,\"label\":\"w\\n7\"}", 201, NULL);
    snprintf(header, sizeof header, "Heapd-Session: %s", json_string_value(json_object_get(w->json, "token")));
    headers[0] = header;
    ask_with(w, "POST /v1/objects", SLICE("{\"class\":\"A\",\"fields\":{\"b\":{\"c\":{\"d\":[]}}}}"), headers);
    ask_with(w, "POST /v1/objects", SLICE("{\"class\":\"B\",\"root\":\"kept\"}"), headers);
    ask_with(w, f("PUT /v1/objects/" ID "/hold", member(w, "id")), SLICE(""), headers);
    w->now_ms += 11000;
    housekeep(w);
    (void)hear(&e);
    SAYS(w, 0, "what", "\"created\"");
    SAYS(w, 0, "label", "\"w\\n7\"");
    SAYS(w, 0, "ttl", "10");
    SAYS(w, 1, "what", "\"expired\"");
    SAYS(w, 1, "session", "1");
    SAYS(w, 1, "holds", "2");
    {
        json_auto_t *doc = line(w, 1);
        const json_t *held = json_object_get(doc, "held");

        ck_assert_uint_eq(json_array_size(held), 2); /* with their classes */
        ck_assert_str_eq(json_string_value(json_object_get(json_array_get(held, 0), "class")), "A");
        ck_assert_str_eq(json_string_value(json_object_get(json_array_get(held, 1), "class")), "B");
    }
    SAYS(w, 2, "what", "\"released\"");
    SAYS(w, 2, "holds", "2");
    SAYS(w, 2, "objects", "4"); /* A, b, c, d; the root keeps the B */
    SAYS(w, 2, "whole", "true");
    ck_assert_ptr_null(line(w, 3));
    stop_listening(&e);
    world_free(w);
}
END_TEST

/* However many steps it takes, and whoever takes the dead apart. */
START_TEST(a_toll_is_exact_where_nothing_else_dies)
{
    struct world *w = world_new();
    struct ear e = listen(w, "lease");
    uint64_t state = unit_seed(_i);
    struct slice token = SLICE("0123456789abcdef0123456789abcdef");
    uint64_t live = heap_counters(w->heap)->live_bytes;
    session_id id;

    ck_assert_int_eq(session_open(w->sessions, 10, SLICE(""), token, 0, &id, NULL), ERR_OK);
    for (int n = 0; n < 30; n++) {
        ask(w, "POST /v1/objects", "{\"class\":\"A\",\"fields\":{\"l\":[[1],[2],[[3],[4]],\"x\"]}}");
        ck_assert_int_eq(session_hold(w->sessions, id, (obj_id)member(w, "id"), NULL), ERR_OK);
        must_say(w, f("DELETE /v1/objects/" ID, member(w, "id")), "", 200, NULL);
    }
    live = heap_counters(w->heap)->live_bytes - live;
    ck_assert_int_eq(session_end(w->sessions, id, NULL), ERR_OK);
    while (api_has_work(w->api)) {
        (void)api_step(w->api, 1 + unit_rand_below(&state, 5));
        (void)heap_reap(w->heap, unit_rand_below(&state, 5));
    }
    (void)hear(&e);
    SAYS(w, 2, "holds", "30");
    SAYS(w, 2, "objects", "210");
    SAYS(w, 2, "bytes", f("%" PRIu64, live));
    SAYS(w, 2, "whole", "true");
    stop_listening(&e);
    world_free(w);
}
END_TEST

START_TEST(where_others_die_too_the_toll_says_that_it_is_not_exact)
{
    struct world *w = world_new();
    struct ear e = listen(w, "lease");
    session_id id;
    json_int_t other = create(w, "{\"class\":\"A\",\"fields\":{}}");

    ck_assert_int_eq(session_open(w->sessions, 10, SLICE(""), SLICE("0123456789abcdef0123456789abcdef"), 0, &id, NULL), ERR_OK);
    for (int n = 0; n < 3; n++) {
        ask(w, "POST /v1/objects", "{\"class\":\"A\",\"fields\":{}}");
        ck_assert_int_eq(session_hold(w->sessions, id, (obj_id)member(w, "id"), NULL), ERR_OK);
        must_say(w, f("DELETE /v1/objects/" ID, member(w, "id")), "", 200, NULL);
    }
    ck_assert_int_eq(session_end(w->sessions, id, NULL), ERR_OK);
    (void)session_release(w->sessions, 1);
    must_say(w, f("DELETE /v1/objects/" ID, other), "", 200, NULL);
    housekeep(w);
    (void)hear(&e);
    SAYS(w, 2, "what", "\"released\"");
    SAYS(w, 2, "whole", "false");
    stop_listening(&e);
    world_free(w);
}
END_TEST

START_TEST(whoever_changes_settings_is_named)
{
    struct world *w = world_new();
    struct ear e = listen(w, "config");

    must_say(w, "PATCH /v1/config", "{\"pipeline_max\":7}", 200, NULL);
    must_say(w, "PATCH /v1/gc", "{\"thresholds\":[5],\"enabled\":false,\"full_age_s\":3}", 200, NULL);
    must_refuse(w, "PATCH /v1/gc", "{\"thresholds\":[-5]}", 422, "bad-value");
    must_refuse(w, "PATCH /v1/config", "{\"pipeline_max\":7,\"nonsense\":1}", 422, "bad-value");
    must_say(w, "PUT /v1/gc/freeze", "", 200, NULL);
    must_say(w, "DELETE /v1/gc/freeze", "", 200, NULL);
    must_say(w, "POST /v1/heap/purge", "", 200, NULL);
    (void)hear(&e);
    SAYS(w, 0, "what", "\"config\"");
    SAYS(w, 0, "by", "null");
    SAYS(w, 0, "changed", "{\"pipeline_max\":{\"from\":64,\"to\":7}}");
    SAYS(w, 1, "what", "\"gc\"");
    SAYS(w, 1, "changed", "{\"thresholds\":{\"from\":[2000,10,10],\"to\":[5,10,10]},\"enabled\":{\"from\":true,\"to\":false},"
                          "\"full_age_s\":{\"from\":60,\"to\":3}}");
    SAYS(w, 2, "what", "\"freeze\"");
    SAYS(w, 3, "what", "\"unfreeze\"");
    SAYS(w, 4, "what", "\"purge\"");
    ck_assert_ptr_null(line(w, 5));
    stop_listening(&e);
    world_free(w);
}
END_TEST

START_TEST(a_listener_goes_on_where_it_was)
{
    struct world *w = world_new();
    struct ear e;
    uint64_t newest = events_newest(w->api->news.events);

    for (int n = 1; n <= 4; n++)
        must_say(w, "PATCH /v1/config", f("{\"pipeline_max\":%d}", n), 200, NULL);
    e = listen_with(w, "", "Last-Event-ID", f("%" PRIu64, newest + 2));
    (void)hear(&e);
    SAYS(w, 0, "type", "\"ping\"");
    SAYS(w, 1, "id", f("%" PRIu64, newest + 3));
    SAYS(w, 2, "id", f("%" PRIu64, newest + 4));
    ck_assert_ptr_null(line(w, 3));
    stop_listening(&e);
    e = listen_with(w, "since=0", "X", "x");
    (void)hear(&e);
    SAYS(w, 0, "type", "\"gap\"");
    SAYS(w, 1, "type", "\"ping\"");
    SAYS(w, 5, "id", f("%" PRIu64, newest + 4));
    stop_listening(&e);
    world_free(w);
}
END_TEST

START_TEST(a_quiet_listener_hears_a_ping_and_one_that_was_told_something_later)
{
    struct world *w = world_new();
    struct ear e = listen(w, "config");

    w->now_ms += 14000;
    ck_assert_int_eq(task_listening(e.task), LISTENING_QUIET);
    ck_assert_str_eq(hear(&e), "");
    w->now_ms += 1000;
    ck_assert_int_eq(task_listening(e.task), LISTENING_PING);
    (void)hear(&e);
    SAYS(w, 0, "type", "\"ping\"");
    w->now_ms += 10000;
    must_say(w, "PATCH /v1/config", "{\"pipeline_max\":7}", 200, NULL);
    ck_assert_int_eq(task_listening(e.task), LISTENING_NEWS);
    (void)hear(&e);
    SAYS(w, 0, "type", "\"config\"");
    w->now_ms += 14000;
    ck_assert_str_eq(hear(&e), "");
    stop_listening(&e);
    world_free(w);
}
END_TEST

START_TEST(who_does_not_hear_falls_behind)
{
    struct world *w = world_new();
    struct ear e = listen(w, "config");

    w->settings.events_backlog_bytes_max = 1000;
    for (int n = 1; n <= 5; n++)
        must_say(w, "PATCH /v1/config", "{\"pipeline_max\":7}", 200, NULL);
    ck_assert_int_eq(task_listening(e.task), LISTENING_NEWS);
    for (int n = 1; n <= 5; n++)
        must_say(w, "PATCH /v1/config", "{\"pipeline_max\":7}", 200, NULL);
    ck_assert_int_eq(task_listening(e.task), LISTENING_BEHIND);
    (void)hear(&e);
    ck_assert_int_eq(task_listening(e.task), LISTENING_QUIET);
    stop_listening(&e);
    world_free(w);
}
END_TEST

START_TEST(there_are_so_many_listeners_and_no_more)
{
    struct world *w = world_new();
    struct ear e;

    w->settings.events_listeners_max = 1;
    e = listen(w, "gc");
    must_refuse(w, "GET /v1/events", "", 429, "too-many");
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(w->json, "limit"), "name")), "events_listeners_max");
    stop_listening(&e);
    must_say(w, "GET /v1/events", "", 200, NULL);
    ck_assert_str_eq(w->head.content_type, "text/event-stream");
    must_refuse(w, "GET /v1/events?types=gc,nonsense", "", 422, "bad-value");
    ck_assert_uint_eq(w->api->news.listeners, 0);
    world_free(w);
}
END_TEST

/* ---- what is on disk ---- */

struct disk {
    uint64_t wanted, kept;
};

static uint64_t disk_wanted(void *ctx)
{
    return ((struct disk *)((struct world *)ctx)->own)->wanted;
}

static bool disk_has(void *ctx, uint64_t commit)
{
    return commit <= ((struct disk *)((struct world *)ctx)->own)->kept;
}

START_TEST(an_event_waits_for_the_commit_that_has_what_it_shows)
{
    struct world *w = world_new();
    struct ear e = listen(w, "config");
    struct disk disk = {.wanted = 3};

    w->own = &disk;
    w->api->world.commit_wanted = disk_wanted;
    w->api->world.commit_is_kept = disk_has;
    must_say(w, "PATCH /v1/config", "{\"pipeline_max\":7}", 200, NULL);
    disk.wanted = 0;
    must_say(w, "PATCH /v1/config", "{\"pipeline_max\":8}", 200, NULL);
    ck_assert_int_eq(task_listening(e.task), LISTENING_QUIET);
    ck_assert_str_eq(hear(&e), "");
    disk.kept = 3;
    ck_assert_int_eq(task_listening(e.task), LISTENING_NEWS);
    (void)hear(&e);
    SAYS(w, 0, "changed", "{\"pipeline_max\":{\"from\":64,\"to\":7}}");
    SAYS(w, 1, "changed", "{\"pipeline_max\":{\"from\":7,\"to\":8}}");
    stop_listening(&e);
    world_free(w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_collection_says_that_it_starts_and_what_it_found),
        TEST(starts_and_stops_pair_however_they_nest, .rounds = 8),
        TEST(deaths_are_told_when_all_that_died_reads_dead),
        TEST(the_names_of_one_object_are_told_newest_first_and_one_that_was_taken_away_is_not),
        TEST(a_death_is_told_though_its_name_is_used_again),
        TEST(a_session_says_what_it_held_and_what_went_with_it),
        TEST(a_toll_is_exact_where_nothing_else_dies, .rounds = 4),
        TEST(where_others_die_too_the_toll_says_that_it_is_not_exact),
        TEST(whoever_changes_settings_is_named),
        TEST(a_listener_goes_on_where_it_was),
        TEST(a_quiet_listener_hears_a_ping_and_one_that_was_told_something_later),
        TEST(who_does_not_hear_falls_behind),
        TEST(there_are_so_many_listeners_and_no_more),
        TEST(an_event_waits_for_the_commit_that_has_what_it_shows),
    };
    return unit_main(argc, argv, "api_events", tests, ARRAY_LEN(tests));
}
