/* test_collector.c - how long a slice may be, and what the record of pauses remembers. */
#include "daemon/clock.h"
#include "daemon/collector.h"
#include "tests/unit/unit.h"

START_TEST(a_slice_takes_a_quarter_of_what_requests_took)
{
    ck_assert_uint_eq(collector_budget_us(0, true, 500), 500); /* nobody waits */
    ck_assert_uint_eq(collector_budget_us(1, false, 500), COLLECTOR_SLICE_US_MIN);
    ck_assert_uint_eq(collector_budget_us(400, false, 500), 100);
    ck_assert_uint_eq(collector_budget_us(1000000, false, 500), 500);
    ck_assert_uint_eq(collector_budget_us(1, false, 20), 20);
}
END_TEST

/* Nobody waits, but somebody may come. */
START_TEST(a_slice_is_short_while_requests_come_one_at_a_time)
{
    ck_assert_uint_eq(collector_budget_us(0, false, 500), COLLECTOR_SLICE_US_MIN);
    ck_assert_uint_eq(collector_budget_us(0, false, 20), 20);
}
END_TEST

START_TEST(an_empty_histogram_says_nothing)
{
    struct histogram h = {0};

    ck_assert_uint_eq(histogram_quantile(&h, 0), 0);
    ck_assert_uint_eq(histogram_quantile(&h, 1), 0);
}
END_TEST

START_TEST(small_numbers_are_exact)
{
    struct histogram h = {0};

    for (uint64_t i = 0; i < 32; i++)
        histogram_add(&h, i);
    ck_assert_uint_eq(histogram_quantile(&h, 0.5), 15);
    ck_assert_uint_eq(histogram_quantile(&h, 1), 31);
    ck_assert_uint_eq(h.sum, 31 * 32 / 2);
}
END_TEST

START_TEST(a_quantile_is_at_most_a_sixteenth_too_high)
{
    for (uint64_t n = 1; n < UINT64_C(1) << 34; n += n / 7 + 1) {
        struct histogram h = {0};
        uint64_t truth = n > UINT32_MAX ? UINT32_MAX : n;

        histogram_add(&h, n);
        histogram_add(&h, UINT64_C(1) << 40);
        ck_assert_uint_eq(h.max, UINT64_C(1) << 40);
        ck_assert_uint_ge(histogram_quantile(&h, 0.5), truth);
        ck_assert_uint_le(histogram_quantile(&h, 0.5), truth + truth / 16);
    }
}
END_TEST

START_TEST(how_many_were_below_a_power_of_two_is_exact)
{
    struct histogram h = {0};

    for (uint64_t i = 0; i < 5000; i++)
        histogram_add(&h, i);
    for (uint64_t bound = 1; bound <= 4096; bound *= 2)
        ck_assert_uint_eq(histogram_below(&h, bound), bound);
    ck_assert_uint_eq(histogram_below(&h, 8192), 5000);
}
END_TEST

START_TEST(a_slice_belongs_to_the_phase_that_took_most_of_it)
{
    static struct pauses p;
    struct api_pauses all, spread, house;
    struct slice_time s = {.began_us = 1000, .at_us = 1100, .cpu_us = clock_thread_cpu_us(),
                           .spent_us = {[GC_SPREAD] = 60, [PAUSE_HOUSE] = 40}};

    pauses_end(&p, &s);
    pauses_tell(&p, PAUSES, PAUSE_BY_WALL, &all);
    pauses_tell(&p, (enum pause)GC_SPREAD, PAUSE_BY_WALL, &spread);
    pauses_tell(&p, PAUSE_HOUSE, PAUSE_BY_WALL, &house);
    ck_assert(all.count == 1 && all.max_us == 100 && all.sum_us == 100);
    ck_assert(spread.count == 1 && spread.max_us == 100 && spread.spent_us == 60);
    ck_assert(house.count == 0 && house.spent_us == 40);
    ck_assert(spread.below[2] == 0 && spread.below[3] == 1); /* 64, 128 us */
    pauses_tell(&p, (enum pause)GC_SPREAD, PAUSE_BY_CPU, &spread);
    ck_assert_uint_eq(spread.count, 1);
}
END_TEST

START_TEST(steps_add_up_to_their_slice)
{
    struct slice_time s = {0};
    uint64_t us = 0;

    pauses_begin(&s);
    for (int i = 0; i < 1000; i++)
        us += pauses_step(&s, i % 3 == 0 ? PAUSE_HOUSE : (enum pause)GC_CLOSE);
    ck_assert_uint_eq(us, s.at_us - s.began_us);
    ck_assert_uint_eq(us, s.spent_us[PAUSE_HOUSE] + s.spent_us[GC_CLOSE]);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_slice_takes_a_quarter_of_what_requests_took),
        TEST(a_slice_is_short_while_requests_come_one_at_a_time),
        TEST(an_empty_histogram_says_nothing),
        TEST(small_numbers_are_exact),
        TEST(a_quantile_is_at_most_a_sixteenth_too_high),
        TEST(how_many_were_below_a_power_of_two_is_exact),
        TEST(a_slice_belongs_to_the_phase_that_took_most_of_it),
        TEST(steps_add_up_to_their_slice),
    };

    return unit_main(argc, argv, "collector", tests, ARRAY_LEN(tests));
}
