/* test_times.c - how long requests took, by the looks at the clock that there are. */
#include "api/api_impl.h"
#include "tests/unit/api_world.h"

START_TEST(every_time_is_below_its_bound_and_not_below_the_one_before)
{
    for (size_t i = 0; i <= TIME_BOUNDS; i++) {
        struct times t = {.sum_us = 0};
        uint64_t least = i == 0 ? 0 : time_bound_us(i - 1), most = i == TIME_BOUNDS ? UINT64_MAX / 2 : time_bound_us(i) - 1;

        times_add(&t, least);
        times_add(&t, most);
        ck_assert_uint_eq(t.in[i], 2);
        ck_assert_uint_eq(t.sum_us, least + most);
    }
}
END_TEST

static const struct times *took(const struct world *w, const char *method, const char *pattern)
{
    const struct route *r;

    for (size_t i = 0; (r = route_at(i)) != NULL; i++)
        if (strcmp(r->pattern, pattern) == 0 && strcmp(method_name(r->method), method) == 0)
            return &w->api->counters.took[i];
    ck_abort_msg("no route %s", pattern);
}

static uint64_t count_of(const struct times *t)
{
    uint64_t count = 0;

    for (size_t i = 0; i <= TIME_BOUNDS; i++)
        count += t->in[i];
    return count;
}

START_TEST(a_request_took_from_the_look_before_it_to_the_look_after_it)
{
    struct world *w = world_new();
    const struct times *t = took(w, "GET", "/v1/gc");

    api_tell_time(w->api, 1000);
    must_say(w, "GET /v1/gc", "", 200, NULL);
    ck_assert_uint_eq(count_of(t), 0);
    api_tell_time(w->api, 1300);
    must_say(w, "GET /v1/gc", "", 200, NULL);
    must_say(w, "GET /v1/gc", "", 200, NULL);
    api_tell_time(w->api, 1310);
    ck_assert_uint_eq(count_of(t), 3);
    ck_assert_uint_eq(t->sum_us, 300 + 10 + 10);
    ck_assert(t->in[0] == 2 && t->in[2] == 1);
    world_free(w);
}
END_TEST

/* However many end between two looks, each is counted once. */
START_TEST(none_is_forgotten)
{
    struct world *w = world_new();
    const struct times *t = took(w, "POST", "/v1/objects");

    api_tell_time(w->api, 1);
    for (int i = 0; i < 3 * API_ENDED_MAX + 1; i++)
        must_say(w, "POST /v1/objects", "{\"class\":\"A\"}", 201, NULL);
    must_refuse(w, "POST /v1/objects", "{", 400, "bad-json");
    api_tell_time(w->api, 2);
    ck_assert_uint_eq(count_of(t), 3 * API_ENDED_MAX + 2);
    world_free(w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(every_time_is_below_its_bound_and_not_below_the_one_before),
        TEST(a_request_took_from_the_look_before_it_to_the_look_after_it),
        TEST(none_is_forgotten),
    };

    return unit_main(argc, argv, "times", tests, ARRAY_LEN(tests));
}
