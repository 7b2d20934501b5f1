/* test_collector.c - how long a slice may be, and what the record of pauses remembers. */
#include "daemon/collector.h"
#include "tests/unit/unit.h"

START_TEST(a_slice_takes_a_quarter_of_what_requests_took)
{
    ck_assert_uint_eq(collector_budget_us(0, 500), 500); /* nobody waits */
    ck_assert_uint_eq(collector_budget_us(1, 500), COLLECTOR_SLICE_US_MIN);
    ck_assert_uint_eq(collector_budget_us(400, 500), 100);
    ck_assert_uint_eq(collector_budget_us(1000000, 500), 500);
    ck_assert_uint_eq(collector_budget_us(1, 20), 20);
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

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_slice_takes_a_quarter_of_what_requests_took),
        TEST(an_empty_histogram_says_nothing),
        TEST(small_numbers_are_exact),
        TEST(a_quantile_is_at_most_a_sixteenth_too_high),
    };

    return unit_main(argc, argv, "collector", tests, ARRAY_LEN(tests));
}
