/* test_trend.c - what grows is told from what only moves. Whole lives are judged in test_suspects.c. */
#include "heap/base/trend.h"
#include "tests/unit/unit.h"

#define NOISES 200000

/* floors[i] = of(i) */
static struct trend look(uint64_t (*of)(uint64_t i), uint64_t highest_before, uint64_t matters)
{
    uint64_t floors[TREND_POINTS];

    for (uint64_t i = 0; i < TREND_POINTS; i++)
        floors[i] = of(i);
    return trend_of(floors, highest_before, matters);
}

static uint64_t rising(uint64_t i)
{
    return 1000 + 100 * i;
}

static uint64_t falling(uint64_t i)
{
    return 10000 - 100 * i;
}

static uint64_t flat(uint64_t i)
{
    (void)i;
    return 1000;
}

/* Two thirds up, one third down. */
static uint64_t unsteady(uint64_t i)
{
    return 1000 + 100 * i - (i % 3 == 2 ? 150 : 0);
}

/* One step every four windows: seldom, but it never falls. */
static uint64_t stairs(uint64_t i)
{
    return 1000 + i / 4 * 400;
}

static uint64_t jump(uint64_t i)
{
    return i < 8 ? 1000 : 5000;
}

/* Nine tenths of what was missing are there after nine windows. */
static uint64_t filling(uint64_t i)
{
    uint64_t missing = 100000;

    while (i-- > 0)
        missing = missing * 3 / 4;
    return 100000 - missing;
}

START_TEST(what_rises_steadily_grows)
{
    struct trend t = look(rising, 0, 1);

    ck_assert(t.grows && t.rises == TREND_POINTS - 1);
    ck_assert(t.from == 1100 && t.to == 2300);
    ck_assert(t.per_window > 99.9 && t.per_window < 100.1);
    ck_assert(look(unsteady, 0, 1).grows && look(stairs, 0, 1).grows);
}
END_TEST

START_TEST(what_stays_falls_jumps_or_fills_does_not)
{
    ck_assert(!look(flat, 0, 0).grows);
    ck_assert(!look(falling, 0, 0).grows);
    ck_assert(!look(jump, 0, 0).grows);
    ck_assert(!look(filling, 0, 0).grows);
}
END_TEST

/* It grows from 1,100 to 2,300. */
START_TEST(what_has_been_nearly_as_high_before_does_not)
{
    ck_assert(look(rising, 1700, 1).grows);
    ck_assert(!look(rising, 1701, 1).grows);
    ck_assert(!look(rising, 2300, 1).grows && !look(rising, UINT64_MAX, 1).grows);
}
END_TEST

START_TEST(it_has_to_matter)
{
    ck_assert(look(rising, 0, 1200).grows);
    ck_assert(!look(rising, 0, 1201).grows);
}
END_TEST

/* A twentieth of what there was is 1,155, and it grows by 1,200. */
static uint64_t slow(uint64_t i)
{
    return 23000 + 100 * i;
}

static uint64_t too_slow(uint64_t i)
{
    return 25000 + 100 * i;
}

static uint64_t stopped(uint64_t i)
{
    return i < 7 ? 1000 + 100 * i : 1700;
}

START_TEST(it_has_to_matter_beside_what_there_was)
{
    ck_assert(!look(too_slow, 0, 1).grows);
    ck_assert(look(slow, 0, 1).grows);
}
END_TEST

/* What is no growth because it is little beside what there was may go on; what has stopped in the middle may not. */
START_TEST(what_is_little_goes_on_and_what_has_stopped_does_not)
{
    ck_assert(look(too_slow, 0, 1).goes_on && look(rising, UINT64_MAX, UINT64_MAX).goes_on);
    ck_assert(!look(flat, 0, 0).goes_on && !look(falling, 0, 0).goes_on && !look(stopped, 0, 1).goes_on);
}
END_TEST

START_TEST(noise_is_no_growth)
{
    uint64_t floors[TREND_POINTS], seed = unit_seed(_i);
    unsigned grow = 0;

    for (int i = 0; i < NOISES; i++) {
        for (size_t k = 0; k < TREND_POINTS; k++)
            floors[k] = unit_rand_below(&seed, 1000000);
        grow += trend_of(floors, 0, 1).grows;
    }
    printf("trend: %u of %d series of noise look like growth\n", grow, NOISES);
    ck_assert_uint_le(grow, NOISES / 30000);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(what_rises_steadily_grows),
        TEST(what_stays_falls_jumps_or_fills_does_not),
        TEST(what_has_been_nearly_as_high_before_does_not),
        TEST(it_has_to_matter),
        TEST(it_has_to_matter_beside_what_there_was),
        TEST(what_is_little_goes_on_and_what_has_stopped_does_not),
        TEST(noise_is_no_growth),
    };

    return unit_main(argc, argv, "trend", tests, ARRAY_LEN(tests));
}
