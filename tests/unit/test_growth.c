/* test_growth.c - what is watched for growing: how it is told, how much is watched, and what that costs at most. */
#include "heap/weak.h"
#include "tests/unit/growing.h"

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

/* ---- many of them ---- */

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
        TEST(many_suspects_are_told_page_by_page_and_step_by_step),
        TEST(suspects_may_go_while_they_are_told),
        TEST(a_hundred_thousand_sites_are_not_too_many),
        TEST(without_memory_it_watches_less),
    };

    return unit_main(argc, argv, "growth", tests, ARRAY_LEN(tests));
}
