/* test_growth.c - what is watched for growing: how it is told, how much is watched, and what that costs at most. */
#include "api/api_impl.h"
#include "heap/weak.h"
#include "tests/unit/leaks.h"

static void begin_nothing(struct life *l)
{
    (void)l;
}

static void act_nothing(struct life *l)
{
    (void)l;
}

static json_t *item_by(struct life *l, const char *by)
{
    json_t *item;
    size_t i;

    must_say(l->w, "GET /v1/heap/suspects", "", 200, NULL);
    json_array_foreach(json_object_get(l->w->json, "items"), i, item) {
        if (strcmp(json_string_value(json_object_get(item, "by")), by) == 0)
            return item;
    }
    return NULL;
}

static void must_tell(struct life *l, const char *by, const char *begins, const char *curl)
{
    const json_t *item = item_by(l, by);
    const char *sentence, *more;

    ck_assert_msg(item != NULL, "none by %s in %s", by, l->w->body);
    sentence = json_string_value(json_object_get(item, "sentence"));
    more = json_string_value(json_array_get(json_object_get(item, "more"), 0));
    ck_assert_msg(strncmp(sentence, begins, strlen(begins)) == 0, "%s, not %s", sentence, begins);
    ck_assert_msg(strstr(more, curl) != NULL, "%s, not %s", more, curl);
}

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

/* Every control byte, a quote, a backslash, and what UTF-8 has of them, 255 bytes long. */
static const char *hostile_site(void)
{
    static char site[NAME_BYTES_MAX + 1];
    size_t len = 0;

    for (char c = 1; c < 32; c++)
        site[len++] = c;
    for (const char *more = "\"\\<script>\x7f\xc2\x85%s%n"; *more != '\0'; more++)
        site[len++] = *more;
    while (len < NAME_BYTES_MAX)
        site[len++] = '$';
    return site;
}

static void act_hostile(struct life *l)
{
    for (int i = 0; i < 40; i++)
        life_hold(l, 0, life_make(l, "A", hostile_site()));
}

START_TEST(a_hostile_site_is_told_as_it_is_and_escaped_for_a_shell)
{
    const struct life_kind kind = {"hostile", NULL, begin_nothing, act_hostile};
    struct life *l = life_new(&kind, 1);
    const json_t *item;

    life_windows(l, 24);
    must_tell(l, "site", "What is made at \"\x01\x02", "/v1/objects?site=%01%02%03%04%05%06%07%08%09%0A");
    item = item_by(l, "site");
    ck_assert_str_eq(json_string_value(json_object_get(item, "site")), hostile_site());
    must_tell(l, "site", "What", "%22%5C%3Cscript%3E%7F%C2%85%25s%25n%24");
    must_say(l->w, "GET /v1/heap/sites?sort=bytes", "", 200, NULL);
    ck_assert_str_eq(json_string_value(json_object_get(json_array_get(json_object_get(l->w->json, "items"), 0), "site")),
                     hostile_site());
    life_free(l);
}
END_TEST

static void act_session_0(struct life *l)
{
    for (int i = 0; i < 40; i++)
        life_hold(l, 0, life_make(l, "A", ""));
}

/* And of what has no site it is not said that a site leaks. */
START_TEST(session_0_is_a_suspect_when_it_only_grows)
{
    const struct life_kind kind = {"session 0", NULL, begin_nothing, act_session_0};
    struct life *l = life_new(&kind, 1);

    life_windows(l, 24);
    must_tell(l, "session", "Session 0, in which every request without Heapd-Session runs, holds more and more", "/v1/sessions/0/holds");
    must_tell(l, "class", "Objects of class \"A\" become more and more: ", "/v1/objects?class=A");
    ck_assert_ptr_null(item_by(l, "site"));
    life_free(l);
}
END_TEST

static void begin_a_list(struct life *l)
{
    l->holder = life_list(l);
    life_root(l, "app", l->holder);
}

static void act_integers(struct life *l)
{
    struct value v = value_int(7);
    uint64_t index;

    for (int i = 0; i < 600; i++)
        MUST(heap_push_item(l->w->heap, l->holder, &v, &index, NULL) == ERR_OK);
}

/* One list is not more and more objects. */
START_TEST(what_becomes_larger_is_not_told_as_more)
{
    const struct life_kind kind = {"integers", NULL, begin_a_list, act_integers};
    struct life *l = life_new(&kind, 1);

    life_windows(l, 24);
    must_tell(l, "class", "Objects of class \"list\" become larger and larger: 1 object of ", "/v1/objects?class=list");
    life_free(l);
}
END_TEST

static void act_names(struct life *l)
{
    for (int i = 0; i < 10; i++) {
        obj_id id = life_make(l, "A", "");
        char name[24];

        snprintf(name, sizeof name, "name-%u", l->made);
        MUST(weak_put(l->w->heap, slice_of(name), id, NULL, NULL) == ERR_OK);
        life_root(l, name, id);
    }
    (void)life_session(l);
}

START_TEST(names_and_sessions_that_become_more_and_more_are_told)
{
    const struct life_kind kind = {"names", NULL, begin_nothing, act_names};
    struct life *l = life_new(&kind, 1);
    const char *const totals[] = {"roots", "weak names", "sessions"};
    const json_t *item;
    size_t i, found = 0;

    life_windows(l, 24);
    must_say(l->w, "GET /v1/heap/suspects", "", 200, NULL);
    json_array_foreach(json_object_get(l->w->json, "items"), i, item) {
        const json_t *total = json_object_get(item, "total");

        for (size_t k = 0; k < ARRAY_LEN(totals); k++)
            found += total != NULL && strcmp(json_string_value(total), totals[k]) == 0;
    }
    ck_assert_msg(found == ARRAY_LEN(totals), "%s", l->w->body);
    life_free(l);
}
END_TEST

static void begin_two_lists(struct life *l)
{
    obj_id root = life_make(l, "App", ""), list = life_list(l);

    l->holder = list;
    life_link(l, root, "handlers", list);
    heap_release(l->w->heap, list);
    life_root(l, "app", root);
}

static obj_id root_named(struct life *l, const char *name)
{
    obj_id id = 0;

    MUST(root_get(l->w->heap, slice_of(name), &id, NULL) == ERR_OK);
    return id;
}

static void act_push(struct life *l)
{
    for (int i = 0; i < 20; i++)
        life_push(l, l->holder, life_make(l, "H", "h.c:1"));
}

/* It names what grows below a root by its field; and when that is mended, it is a suspect no more. */
START_TEST(a_container_below_a_root_is_told_until_it_stops)
{
    struct life_kind kind = {"push", NULL, begin_two_lists, act_push};
    struct life *l = life_new(&kind, 1);

    life_windows(l, 24);
    must_tell(l, "root", "The list that root \"app\" has as \"handlers\" only grows: ", f("/v1/objects/%" PRIu64 "/items", l->holder));
    kind.act = act_nothing;
    life_windows(l, 16);
    ck_assert_msg(item_by(l, "root") == NULL && item_by(l, "site") == NULL, "%s", l->w->body);
    life_free(l);
}
END_TEST

START_TEST(a_root_that_is_gone_is_no_suspect)
{
    const struct life_kind kind = {"push", NULL, begin_two_lists, act_push};
    struct life *l = life_new(&kind, 1);

    life_windows(l, 24);
    ck_assert_ptr_nonnull(item_by(l, "root"));
    MUST(heap_hold(l->w->heap, l->holder, NULL) == ERR_OK);
    must_say(l->w, "DELETE /v1/roots/app", "", 200, NULL);
    ck_assert_ptr_null(item_by(l, "root"));
    heap_release(l->w->heap, l->holder);
    life_free(l);
}
END_TEST

START_TEST(switched_off_it_costs_nothing_and_on_it_begins_anew)
{
    const struct life_kind kind = {"session 0", NULL, begin_nothing, act_session_0};
    struct life *l = life_new(&kind, 1);

    life_windows(l, 24);
    ck_assert_ptr_nonnull(item_by(l, "class"));
    must_say(l->w, "PATCH /v1/config", "{\"suspects_enabled\":false}", 200, NULL);
    life_windows(l, 2);
    for (int kind_of = 0; kind_of < GROWTH_KINDS; kind_of++)
        ck_assert_ptr_null(l->w->api->growth.of[kind_of].rows);
    must_say(l->w, "GET /v1/heap/suspects", "", 200,
             "{\"watching\":false,\"window_s\":60.0,\"windows\":0,\"windows_needed\":17,\"items\":[],\"next\":null}");
    must_say(l->w, "PATCH /v1/config", "{\"suspects_enabled\":true,\"suspects_window_ms\":120000}", 200, NULL);
    life_windows(l, 6);
    must_say(l->w, "GET /v1/heap/suspects", "", 200, NULL);
    ck_assert_int_ge(member(l->w, "windows"), 2);
    ck_assert_int_le(member(l->w, "windows"), 3);
    must_refuse(l->w, "PATCH /v1/config", "{\"suspects_window_ms\":999}", 422, "bad-value");
    must_refuse(l->w, "PATCH /v1/config", "{\"suspects_enabled\":1}", 422, "bad-value");
    must_refuse(l->w, "GET /v1/heap/suspects?limit=0", "", 422, "bad-value");
    life_free(l);
}
END_TEST

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

#define LEAKS 120

static void begin_many(struct life *l)
{
    for (int i = 0; i < LEAKS; i++)
        life_root(l, f("%d", i), life_list(l));
}

static void act_many(struct life *l)
{
    struct value v = value_int(7);
    uint32_t cursor = 0;
    struct slice name;
    uint64_t index;
    obj_id list;

    while (root_next(l->w->heap, &cursor, &name, &list))
        for (int i = 0; i < 2; i++)
            MUST(heap_push_item(l->w->heap, list, &v, &index, NULL) == ERR_OK);
}

static const struct life_kind many = {"many", NULL, begin_many, act_many};

/* Page by page they are what they are in one, and that was written in steps. */
START_TEST(many_suspects_are_told_page_by_page_and_step_by_step)
{
    struct life *l = life_new(&many, 1);
    json_t *all, *paged = json_array();
    const char *line = "GET /v1/heap/suspects?limit=7";

    life_windows(l, 24);
    while (api_has_work(l->w->api))
        (void)api_step(l->w->api, STEP_UNITS);
    must_say(l->w, "GET /v1/heap/suspects?limit=1000", "", 200, NULL);
    ck_assert_ptr_eq(json_object_get(l->w->json, "next"), json_null());
    all = json_incref(json_object_get(l->w->json, "items"));
    ck_assert_uint_ge(json_array_size(all), LEAKS);
    ck_assert_int_ge(l->w->turns, LEAKS / (STEP_UNITS / 8));
    for (;;) {
        must_say(l->w, line, "", 200, NULL);
        ck_assert_uint_le(json_array_size(json_object_get(l->w->json, "items")), 7);
        ck_assert_int_eq(json_array_extend(paged, json_object_get(l->w->json, "items")), 0);
        if (json_is_null(json_object_get(l->w->json, "next")))
            break;
        line = f("GET /v1/heap/suspects?limit=7&cursor=" ID, member(l->w, "next"));
    }
    ck_assert(json_equal(paged, all));
    must_say(l->w, "GET /v1/heap/suspects", "", 200, NULL);
    ck_assert_int_eq(member(l->w, "next"), 100);
    must_say(l->w, "GET /v1/heap/suspects?cursor=100000", "", 200, NULL);
    ck_assert_uint_eq(json_array_size(json_object_get(l->w->json, "items")), 0);
    json_decref(paged);
    json_decref(all);
    life_free(l);
}
END_TEST

/* The roots of a list of suspects that is being written while `meanwhile` happens: how often each is in it. */
static void tell_while(struct life *l, void (*meanwhile)(struct life *l), unsigned told[LEAKS])
{
    const struct request r = {.method = METHOD_GET, .grant = {.access = ACCESS_ADMIN}, .path = SLICE("/v1/heap/suspects"),
                              .query = SLICE("limit=1000"), .framed = true};
    struct task *t = api_begin(l->w->api, &r);
    const json_t *item;
    size_t i;

    memset(told, 0, LEAKS * sizeof told[0]);
    task_feed(t, SLICE(""), true);
    ck_assert_int_eq(task_step(t, STEP_UNITS), TASK_MORE);
    meanwhile(l);
    while (task_step(t, STEP_UNITS) != TASK_DONE)
        ;
    forget_answer(l->w);
    take_answer(l->w, t);
    task_end(&t);
    ck_assert_int_eq(l->w->status, 200);
    ck_assert_msg(json_is_object(l->w->json), "%s", l->w->body);
    json_array_foreach(json_object_get(l->w->json, "items"), i, item) {
        const char *root = json_string_value(json_object_get(item, "root"));

        if (root != NULL)
            told[atoi(root)]++;
    }
}

static void delete_odd(struct life *l)
{
    for (int i = 1; i < LEAKS; i += 2)
        MUST(root_delete(l->w->heap, slice_of(f("%d", i)), NULL) == ERR_OK);
    life_windows(l, 1);
}

static void watch_no_more(struct life *l)
{
    l->w->settings.suspects_enabled = false;
    life_tick(l);
}

/* Those that are left are told once each, wherever they lie now; of those that went nothing is. */
START_TEST(suspects_may_go_while_they_are_told)
{
    unsigned told[LEAKS], early = 0;
    struct life *l = life_new(&many, 1);

    life_windows(l, 24);
    tell_while(l, delete_odd, told);
    for (int i = 0; i < LEAKS; i++) {
        ck_assert_uint_le(told[i], 1);
        early += i % 2 ? told[i] : 0;
        ck_assert(i % 2 || told[i] == 1);
    }
    ck_assert_uint_le(early, STEP_UNITS / 8);
    tell_while(l, watch_no_more, told);
    ck_assert_uint_le(json_array_size(json_object_get(l->w->json, "items")), STEP_UNITS / 8);
    life_free(l);
}
END_TEST

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

/* A hundred thousand of them: what is watched is bounded, a step does no more than it may, and who leaks among them is
 * found all the same. */
START_TEST(a_hundred_thousand_sites_are_not_too_many)
{
    const struct life_kind kind = {"leak", "leak.c:7", begin_nothing, act_nothing};
    struct life *l = life_new(&kind, 1);
    size_t before, steps = 0;
    char site[24];

    for (int i = 0; i < 100000; i++) {
        snprintf(site, sizeof site, "request %d", i);
        life_hold(l, 0, life_make(l, "A", site));
    }
    before = l->w->mem.used_bytes;
    for (int i = 0; i < 24 * TICKS_PER_WINDOW; i++) {
        for (int k = 0; k < 40; k++)
            life_hold(l, 0, life_make(l, "A", "leak.c:7"));
        life_collect(l);
        l->w->now_ms += WINDOW_MS / TICKS_PER_WINDOW;
        for (; api_has_work(l->w->api); steps++)
            (void)api_step(l->w->api, 64);
    }
    ck_assert_uint_gt(steps, 24 * 100000 / 64 / 2); /* it was in steps */
    for (int k = 0; k < GROWTH_KINDS; k++)
        ck_assert_uint_le(l->w->api->growth.of[k].count, growth_max[k]);
    ck_assert_uint_lt(l->w->mem.used_bytes, before + (4u << 20)); /* the leak, and a table of 256 */
    must_tell(l, "site", "What is made at \"leak.c:7\" is not let go of", "/v1/objects?site=leak.c%3A7");
    must_say(l->w, "GET /v1/heap/sites?sort=growth&limit=1", "", 200, NULL);
    ck_assert_msg(strstr(l->w->body, "leak.c:7") != NULL, "%s", l->w->body);
    life_free(l);
}
END_TEST

/* Where memory is refused, something is not watched, and that is all. */
START_TEST(without_memory_it_watches_less)
{
    for (uint64_t nth = 0; nth < 60; nth++) {
        const struct life_kind kind = {"push", NULL, begin_two_lists, act_push};
        struct life *l = life_new(&kind, 1);
        const struct growth *g = &l->w->api->growth;

        while (g->windows == 0) {
            life_tick(l);
            if (g->state != GROWTH_RESTS)
                continue;
            l->w->mem.fail_at = l->w->mem.request_count + 1 + nth;
            l->w->mem.fail_on = true;
            l->w->now_ms += WINDOW_MS;
            while (api_has_work(l->w->api))
                (void)api_step(l->w->api, 64);
            l->w->mem.fail_at = 0;
            l->w->mem.fail_on = false;
        }
        life_windows(l, 1);
        life_free(l);
    }
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_hostile_site_is_told_as_it_is_and_escaped_for_a_shell),
        TEST(session_0_is_a_suspect_when_it_only_grows),
        TEST(what_becomes_larger_is_not_told_as_more),
        TEST(names_and_sessions_that_become_more_and_more_are_told),
        TEST(a_container_below_a_root_is_told_until_it_stops),
        TEST(a_root_that_is_gone_is_no_suspect),
        TEST(switched_off_it_costs_nothing_and_on_it_begins_anew),
        TEST(a_suspect_is_told_once_and_once_when_it_grows_no_more),
        TEST(an_alert_has_the_evidence_of_the_list),
        TEST(what_grows_for_hours_is_told_once_and_not_over_at_once),
        TEST(a_suspect_that_is_gone_is_over_by_its_name),
        TEST(what_a_root_does_not_link_to_any_more_is_over),
        TEST(whoever_is_not_watched_any_more_is_over),
        TEST(what_is_watched_is_forgotten_in_steps),
        TEST(without_memory_an_alert_comes_later),
        TEST(many_suspects_are_told_page_by_page_and_step_by_step),
        TEST(suspects_may_go_while_they_are_told),
        TEST(those_that_go_are_told_in_steps),
        TEST(a_hundred_thousand_sites_are_not_too_many),
        TEST(without_memory_it_watches_less),
    };

    return unit_main(argc, argv, "growth", tests, ARRAY_LEN(tests));
}
