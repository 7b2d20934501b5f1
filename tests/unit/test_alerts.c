/* test_alerts.c - a suspect is told as an event once when it becomes one, and once when it is none any more. */
#include "tests/unit/growing.h"

/* ---- what has been told ---- */

/* The alerts there have been, oldest first: an array. To be json_decref()ed. */
static json_t *alerts(struct life *l)
{
    const struct events *ev = l->w->api->news.events;
    struct event_cursor c = {.after = events_oldest(ev) - 1, .types = 1u << EVENT_ALERT, .form = EVENT_LINES};
    json_t *all = json_array();
    struct buf text;

    buf_init(&text, &l->w->mem, SIZE_MAX);
    events_write(ev, &c, events_newest(ev), SIZE_MAX / 2, &text);
    buf_add_byte(&text, '\0');
    for (char *at = text.data; *at != '\0'; at = strchr(at, '\n') + 1)
        ck_assert_int_eq(json_array_append_new(all, json_loads(at, JSON_DISABLE_EOF_CHECK, NULL)), 0);
    buf_fini(&text);
    return all;
}

static bool says(const json_t *doc, const char *member, const char *text)
{
    const char *said = json_string_value(json_object_get(doc, member));

    return said != NULL && strcmp(said, text) == 0;
}

/* Of those told from `from` on, the one about a suspect; NULL: there is none. */
static const json_t *alert_of(const json_t *told, size_t from, size_t to, const json_t *suspect)
{
    for (size_t k = from; k < to; k++)
        if (json_equal(json_object_get(json_array_get(told, k), "suspect"), json_object_get(suspect, "suspect")))
            return json_array_get(told, k);
    return NULL;
}

/* What is in the list is what has been told, each with its number, and no more of it. */
static void must_have_told(struct life *l, const json_t *told, size_t from)
{
    const json_t *items, *item;
    size_t i;

    must_say(l->w, "GET /v1/heap/suspects", "", 200, NULL);
    items = json_object_get(l->w->json, "items");
    ck_assert_uint_eq(json_array_size(told), from + json_array_size(items));
    json_array_foreach(items, i, item) {
        const json_t *alert = alert_of(told, from, json_array_size(told), item);

        ck_assert_msg(alert != NULL && says(alert, "what", "suspect"), "%s", l->w->body);
        ck_assert(json_equal(json_object_get(alert, "by"), json_object_get(item, "by")));
    }
}

/* The end of each that began is told, with the same number and name. */
static void must_be_over(const json_t *told, size_t count, const char *because)
{
    static const char *const names[] = {"suspect", "by", "site", "class", "root", "object", "field", "label", "session"};

    ck_assert_uint_eq(json_array_size(told), 2 * count);
    for (size_t i = 0; i < count; i++) {
        const json_t *over = json_array_get(told, count + i), *began = alert_of(told, 0, count, over);

        ck_assert(says(over, "what", "over") && says(over, "because", because));
        ck_assert_ptr_nonnull(began);
        for (size_t k = 0; k < ARRAY_LEN(names); k++) {
            const json_t *a = json_object_get(began, names[k]), *b = json_object_get(over, names[k]);

            ck_assert_msg(a == b || json_equal(a, b), "%s", names[k]);
        }
    }
}

/* ---- one, or a few ---- */

START_TEST(a_suspect_is_told_once_and_once_when_it_grows_no_more)
{
    struct life_kind kind = {"push", NULL, begin_two_lists, act_push};
    struct life *l = life_new(&kind, 1);
    json_t *told;
    size_t count;

    life_windows(l, 40);
    told = alerts(l);
    must_have_told(l, told, 0);
    count = json_array_size(told);
    ck_assert_uint_eq(count, 3); /* by site, class and root */
    ck_assert(json_array_size(json_object_get(json_array_get(told, 0), "more")) > 0);
    json_decref(told);
    kind.act = act_nothing;
    life_windows(l, 16);
    told = alerts(l);
    must_be_over(told, count, "it grows no more");
    json_decref(told);
    life_free(l);
}
END_TEST

static void act_push_unevenly(struct life *l)
{
    act_push(l);
    l->w->now_ms += life_between(l, 0, WINDOW_MS / TICKS_PER_WINDOW);
}

/* What the alert says is what the list says right after it, though windows are of unlike length. */
START_TEST(an_alert_has_the_evidence_of_the_list)
{
    const struct life_kind kind = {"push", NULL, begin_two_lists, act_push_unevenly};
    struct life *l = life_new(&kind, 1);
    json_t *told = NULL;
    const json_t *item;
    size_t i;

    for (life_windows(l, 12); json_array_size(told) == 0; told = alerts(l)) {
        json_decref(told);
        life_tick(l);
    }
    must_have_told(l, told, 0);
    json_array_foreach(json_object_get(l->w->json, "items"), i, item) {
        const json_t *alert = alert_of(told, 0, json_array_size(told), item);

        ck_assert(json_equal(json_object_get(alert, "evidence"), json_object_get(item, "evidence")));
        ck_assert(json_equal(json_object_get(alert, "sentence"), json_object_get(item, "sentence")));
    }
    json_decref(told);
    life_free(l);
}
END_TEST

/* It is told once in 272 windows, though after 240 of them sixteen bring less than a twentieth of what there is. On the slow scale
 * it is a suspect until the next look there, sixteen windows on, though the fast one has seen it stop. */
START_TEST(what_grows_for_hours_is_told_once_and_not_over_at_once)
{
    struct life_kind kind = {"push", NULL, begin_two_lists, act_push};
    struct life *l = life_new(&kind, 1);
    const struct growth *g = &l->w->api->growth;
    json_t *told, *alert;
    size_t i, of_site = 0;

    while (g->windows < TREND_POINTS * (TREND_POINTS + 1))
        life_windows(l, 1);
    kind.act = act_nothing;
    life_windows(l, TREND_POINTS - 1);
    told = alerts(l);
    json_array_foreach(told, i, alert) {
        of_site += says(alert, "by", "site");
        ck_assert(!says(alert, "by", "site") || says(alert, "what", "suspect"));
    }
    ck_assert_uint_eq(of_site, 1);
    ck_assert_ptr_nonnull(item_by(l, "site"));
    json_decref(told);
    life_free(l);
}
END_TEST

/* Its name is told even though the heap has forgotten it; and what grows on is a suspect on. */
START_TEST(a_suspect_that_is_gone_is_over_by_its_name)
{
    const struct life_kind kind = {"push", NULL, begin_two_lists, act_push};
    struct life *l = life_new(&kind, 1);
    json_t *told;
    size_t at = 3;

    life_windows(l, 24);
    MUST(heap_hold(l->w->heap, l->holder, NULL) == ERR_OK);
    must_say(l->w, "DELETE /v1/roots/app", "", 200, NULL);
    life_windows(l, 1);
    told = alerts(l);
    ck_assert_uint_eq(json_array_size(told), at + 1);
    ck_assert(says(json_array_get(told, at), "what", "over") && says(json_array_get(told, at), "because", "it is gone"));
    ck_assert(says(json_array_get(told, at), "root", "app") && says(json_array_get(told, at), "field", "handlers"));
    json_decref(told);
    heap_release(l->w->heap, l->holder);
    life_free(l);
}
END_TEST

static obj_id root_named(struct life *l, const char *name)
{
    obj_id id = 0;

    MUST(root_get(l->w->heap, slice_of(name), &id, NULL) == ERR_OK);
    return id;
}

/* It lives on, and grows on, but not below the root: so it is over at the next sample, and counted as long as it is shown. */
START_TEST(what_a_root_does_not_link_to_any_more_is_over)
{
    const struct life_kind kind = {"push", NULL, begin_two_lists, act_push};
    struct life *l = life_new(&kind, 1);
    const json_t *over = NULL;
    json_t *told;

    life_windows(l, 24);
    ck_assert_uint_eq(growth_suspects(&l->w->api->growth, GROWTH_ROOT), 1);
    MUST(heap_hold(l->w->heap, l->holder, NULL) == ERR_OK);
    must_say(l->w, f("PUT /v1/objects/%" PRIu64 "/fields/handlers", root_named(l, "app")), "[]", 200, NULL);
    life_windows(l, 1);
    ck_assert_uint_eq(growth_suspects(&l->w->api->growth, GROWTH_ROOT), 0);
    told = alerts(l);
    ck_assert_uint_eq(json_array_size(told), 4);
    over = json_array_get(told, 3);
    ck_assert(says(over, "what", "over") && says(over, "because", "it is gone") && says(over, "root", "app"));
    json_decref(told);
    heap_release(l->w->heap, l->holder);
    life_free(l);
}
END_TEST

START_TEST(whoever_is_not_watched_any_more_is_over)
{
    const struct life_kind kind = {"push", NULL, begin_two_lists, act_push};
    const char *const ways[] = {"{\"suspects_enabled\":false}", "{\"suspects_window_ms\":120000}"};

    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        struct life *l = life_new(&kind, 1);
        json_t *told;

        life_windows(l, 24);
        must_say(l->w, "PATCH /v1/config", ways[i], 200, NULL);
        life_windows(l, 1);
        told = alerts(l);
        must_be_over(told, 3, "it is not watched any more");
        json_decref(told);
        life_free(l);
    }
}
END_TEST

/* In steps, and whoever changes his mind in the middle of it begins anew all the same. */
START_TEST(what_is_watched_is_forgotten_in_steps)
{
    const struct life_kind kind = {"push", NULL, begin_two_lists, act_push};
    struct life *l = life_new(&kind, 1);
    struct growth *g = &l->w->api->growth;
    size_t steps = 0;
    json_t *told;

    life_windows(l, 24);
    must_say(l->w, "PATCH /v1/config", "{\"suspects_enabled\":false}", 200, NULL);
    l->w->now_ms += WINDOW_MS;
    ck_assert_uint_eq(growth_step(g, l->w->now_ms, 3), 0);
    ck_assert(g->windows == 0 && growth_suspects(g, GROWTH_SITE) + growth_suspects(g, GROWTH_CLASS) + growth_suspects(g, GROWTH_ROOT) > 0);
    must_say(l->w, "PATCH /v1/config", "{\"suspects_enabled\":true}", 200, NULL);
    for (; g->window_ms == 0; steps++)
        (void)growth_step(g, l->w->now_ms, 3);
    ck_assert_uint_gt(steps, 2);
    for (int k = 0; k < GROWTH_KINDS; k++)
        ck_assert_uint_eq(g->of[k].count, 0);
    told = alerts(l);
    must_be_over(told, 3, "it is not watched any more");
    json_decref(told);
    life_windows(l, 24);
    ck_assert_ptr_nonnull(item_by(l, "site"));
    life_free(l);
}
END_TEST

/* What is done between requests, with the n-th wish for memory refused and all that come later; but the collection is told. */
static void step_without_memory(struct life *l, uint64_t nth)
{
    (void)news_step(l->w->api, SIZE_MAX);
    l->w->mem.fail_at = l->w->mem.request_count + nth;
    l->w->mem.fail_on = true;
    while (api_has_work(l->w->api))
        (void)api_step(l->w->api, 64);
    l->w->mem.fail_at = 0;
    l->w->mem.fail_on = false;
}

/* Where there is no memory to remember its name by, or for the event, it is told as soon as there is. */
START_TEST(without_memory_an_alert_comes_later)
{
    const struct life_kind kind = {"session 0", NULL, begin_nothing, act_session_0};

    for (uint64_t nth = 1; nth <= 2; nth++) {
        struct life *l = life_new(&kind, 1);
        const struct growth *g = &l->w->api->growth;
        struct events_stats events;
        json_t *told;

        for (life_windows(l, 15); g->raised == 0 && life_window(l) < 40; l->tick++) {
            l->kind->act(l);
            life_collect(l);
            step_without_memory(l, nth);
            l->w->now_ms += WINDOW_MS / TICKS_PER_WINDOW;
        }
        ck_assert_uint_gt(g->raised, 0);
        events_stats(l->w->api->news.events, &events);
        ck_assert(nth == 1 ? events.lost == 0 : events.lost > 0);
        told = alerts(l);
        ck_assert_uint_eq(json_array_size(told), 0);
        json_decref(told);
        life_windows(l, 2);
        told = alerts(l);
        must_have_told(l, told, 0);
        json_decref(told);
        life_free(l);
    }
}
END_TEST

/* ---- many of them ---- */

static uint64_t alerts_told(struct life *l)
{
    struct events_stats events;

    events_stats(l->w->api->news.events, &events);
    return events.written[EVENT_ALERT];
}

/* So many alerts come, and no two of them in a step of a few units. */
static void must_be_told_in_steps(struct life *l, uint64_t count)
{
    uint64_t before = alerts_told(l);

    l->w->now_ms += WINDOW_MS / 4;
    for (int steps = 0; steps < 10000 && alerts_told(l) < before + count; steps++) {
        uint64_t told = alerts_told(l);

        (void)growth_step(&l->w->api->growth, l->w->now_ms, STEP_UNITS);
        ck_assert_uint_le(alerts_told(l), told + 1);
    }
    ck_assert_uint_eq(alerts_told(l), before + count);
}

/* However many there are at once. */
START_TEST(those_that_go_are_told_in_steps)
{
    struct life *l = life_new(&many, 1);
    uint64_t left = 0;

    life_windows(l, 24);
    for (int i = 0; i < LEAKS / 2; i++)
        MUST(root_delete(l->w->heap, slice_of(f("%d", i)), NULL) == ERR_OK);
    must_be_told_in_steps(l, LEAKS / 2);
    for (int kind_of = 0; kind_of < GROWTH_KINDS; kind_of++)
        left += growth_suspects(&l->w->api->growth, (enum growth_kind)kind_of);
    l->w->settings.suspects_enabled = false;
    must_be_told_in_steps(l, left / 2);
    l->w->settings.suspects_enabled = true; /* those that are left go all the same */
    must_be_told_in_steps(l, left - left / 2);
    life_windows(l, 1);
    ck_assert_uint_le(l->w->api->growth.windows, 1);
    life_free(l);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_suspect_is_told_once_and_once_when_it_grows_no_more),
        TEST(an_alert_has_the_evidence_of_the_list),
        TEST(what_grows_for_hours_is_told_once_and_not_over_at_once),
        TEST(a_suspect_that_is_gone_is_over_by_its_name),
        TEST(what_a_root_does_not_link_to_any_more_is_over),
        TEST(whoever_is_not_watched_any_more_is_over),
        TEST(what_is_watched_is_forgotten_in_steps),
        TEST(without_memory_an_alert_comes_later),
        TEST(those_that_go_are_told_in_steps),
    };

    return unit_main(argc, argv, "alerts", tests, ARRAY_LEN(tests));
}
