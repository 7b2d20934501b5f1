/* test_load_verdict.c - heapctl load judges floors: what grows is told from what swings, fills, jumps or stands still. */
#include "client/load/verdict.h"
#include "client/load/verdict_text.h"
#include "tests/unit/unit.h"
#include <math.h>

#define READINGS 80
#define READINGS_A_DAY 8640 /* each ten seconds */
#define RUN_S    10.0

/* ---- trends ---- */

static const double steps[TREND_POINTS_MAX] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                                               22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
                                               44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};

/* By hand: 21 slopes from 1 to 25, the eleventh is 23/6; all pairs rise. */
START_TEST(the_slope_is_the_median_of_all_pairs)
{
    static const double x[] = {0, 1, 2, 3, 4, 12, 18}, y[] = {9, 15, 19, 20, 45, 55, 78};
    struct trend t = trend_of(x, y, 7);

    ck_assert(fabs(t.slope - 23.0 / 6) < 1e-9);
    ck_assert(fabs(t.sigmas - 20 / sqrt(7.0 * 6 * 19 / 18)) < 1e-9); /* S is 21 */
}
END_TEST

START_TEST(a_line_is_certain_and_a_constant_is_nothing)
{
    double y[20];

    for (size_t i = 0; i < 20; i++)
        y[i] = 100 + 3 * (double)i;
    ck_assert(fabs(trend_of(steps, y, 20).slope - 3) < 1e-9 && fabs(trend_of(steps, y, 20).low - 3) < 1e-9);
    for (size_t i = 0; i < 20; i++)
        y[i] = 5;
    ck_assert(fabs(trend_of(steps, y, 20).slope) < 1e-9 && fabs(trend_of(steps, y, 20).sigmas) < 1e-9);
}
END_TEST

/* By hand: 4 of 6 pairs rise, and twice two are equal: (4 x 3 x 13 - 2 x 2 x 1 x 9) / 18 is 20/3. */
START_TEST(what_is_equal_says_less)
{
    static const double y[] = {1, 1, 2, 2};

    ck_assert(fabs(trend_of(steps, y, 4).sigmas - 3 / sqrt(20.0 / 3)) < 1e-9);
}
END_TEST

/* Normal enough: the sum of twelve. */
static double noise(uint64_t *seed)
{
    double sum = -6;

    for (int i = 0; i < 12; i++)
        sum += (double)unit_rand_below(seed, 1u << 30) / (1u << 30);
    return sum;
}

/* What falls is what rises, upside down. */
START_TEST(the_interval_of_a_fall_is_that_of_the_rise)
{
    uint64_t seed = unit_seed(_i);
    double x[24], y[24], down[24];
    struct trend rise, fall;

    for (unsigned i = 0; i < 24; i++) {
        x[i] = i;
        y[i] = 0.1 * i + noise(&seed);
        down[i] = -y[i];
    }
    rise = trend_of(x, y, 24);
    fall = trend_of(x, down, 24);
    ck_assert(fabs(rise.low + fall.high) < 1e-9 && fabs(rise.high + fall.low) < 1e-9);
}
END_TEST

START_TEST(the_interval_holds_the_slope_as_often_as_it_says)
{
    uint64_t seed = unit_seed(_i);
    unsigned outside = 0, alarms = 0, rounds = 4000;
    double y[24];

    for (unsigned r = 0; r < rounds; r++) {
        struct trend t;

        for (size_t i = 0; i < 24; i++)
            y[i] = 0.1 * (double)i + noise(&seed);
        t = trend_of(steps, y, 24);
        outside += t.low > 0.1 || t.high < 0.1;
        for (size_t i = 0; i < 24; i++)
            y[i] = noise(&seed);
        alarms += trend_of(steps, y, 24).sigmas >= VERDICT_SIGMAS;
    }
    printf("trend: the slope is outside in %u of %u, noise rises in %u\n", outside, rounds, alarms);
    ck_assert(outside > rounds / 50 && outside < rounds * 7 / 100); /* 5 %, less where the correction is in force */
    ck_assert_uint_le(alarms, rounds / 500);
}
END_TEST

/* What leans on what was before. */
START_TEST(what_wanders_is_not_taken_for_what_rises)
{
    uint64_t seed = unit_seed(_i);
    unsigned alarms = 0, rounds = 2000;
    double y[32];

    for (unsigned r = 0; r < rounds; r++) {
        y[0] = noise(&seed);
        for (size_t i = 1; i < 32; i++)
            y[i] = 0.7 * y[i - 1] + noise(&seed);
        alarms += trend_of(steps, y, 32).sigmas >= VERDICT_SIGMAS;
    }
    printf("trend: what wanders rises in %u of %u\n", alarms, rounds);
    ck_assert_uint_le(alarms, rounds / 20);
}
END_TEST

/* ---- verdicts ---- */

/* What a site has after a part (0 to 1) of the run. */
typedef double shape_fn(double part, uint64_t *seed);

static double linear(double part, uint64_t *seed)
{
    return 1000 + 1000 * part + 20 * noise(seed);
}

static double level(double part, uint64_t *seed)
{
    (void)part;
    return 10000 + 500 * noise(seed);
}

static double constant(double part, uint64_t *seed)
{
    (void)part;
    (void)seed;
    return 4096;
}

/* Full after two thirds of the time that is judged. */
static double fills(double part, uint64_t *seed)
{
    return 1000 + 9000 * fmin(1, part / 0.72) + 20 * noise(seed);
}

static double warms_up(double part, uint64_t *seed)
{
    return 10000 * (1 - exp(-part * 20)) + 20 * noise(seed);
}

/* It is at 95 in 100 when the judging begins. */
static double warms_up_late(double part, uint64_t *seed)
{
    return 10000 * (1 - exp(-part * 12)) + 20 * noise(seed);
}

static double jumps(double part, uint64_t *seed)
{
    return (part < 0.6 ? 1000 : 9000) + noise(seed);
}

/* A hundred times up and down. */
static double saws(double part, uint64_t *seed)
{
    return 1000 + 50000 * (part * 97 - floor(part * 97)) + noise(seed);
}

static double falls(double part, uint64_t *seed)
{
    return 10000 - 5000 * part + 20 * noise(seed);
}

/* The floor stays; what is in use above it, between two collections, is more and more. */
static double tides(double part, uint64_t *seed)
{
    return 5000 + (unit_rand_below(seed, 2) == 0 ? 0 : 1000 + 9000 * part);
}

/* Half as fast in the second half as in the first: it may stop, or not. */
static double slows(double part, uint64_t *seed)
{
    return 100000 * (1 - exp(-part * 3)) + 20 * noise(seed);
}

/* A table that doubles, and what is in it. */
static double leaps(double part, uint64_t *seed)
{
    double items = 1000 * part;

    (void)seed;
    return 20 * items + 40 * pow(2, ceil(log2(items + 1)));
}

static void tell(struct floors *f, double part, double work, double heap, double site, double objects)
{
    floors_begin(f, &(struct reading){.t_s = part * RUN_S, .work = work, .live = heap, .objects = objects, .rss = 1e7});
    ck_assert(floors_tell(f, FLOOR_SITE, "the site", site, objects));
    ck_assert(floors_tell(f, FLOOR_CLASS, "Thing", site, objects));
    ck_assert(floors_tell(f, FLOOR_SITE, "another", 5000, 10));
    floors_keep(f);
}

/* As the run ended with its last floor. */
static struct verdict verdict_of_all(const struct floors *f)
{
    struct reading end = {0};

    if (f->count > 0)
        end = (struct reading){.t_s = f->t_s[f->count - 1], .work = f->work[f->count - 1], .failed = f->failed[f->count - 1],
                               .full = f->full[f->count - 1]};
    return verdict_of(f, &end);
}

/* The heap is what is at that site, and 1e6 bytes that never changes. */
static struct floors *floors_new(shape_fn *bytes, shape_fn *objects, uint64_t seed)
{
    struct floors *f = malloc(sizeof *f);

    floors_init(f);
    for (unsigned i = 1; i <= READINGS; i++) {
        double part = (double)i / READINGS, site = bytes(part, &seed);

        tell(f, part, 1000 * part, 1e6 + site, site, objects != NULL ? objects(part, &seed) : 10);
    }
    return f;
}

static struct verdict judged(shape_fn *bytes, shape_fn *objects, uint64_t seed, struct floors **ret_f)
{
    *ret_f = floors_new(bytes, objects, seed);
    return verdict_of_all(*ret_f);
}

static void forget(struct floors **f)
{
    floors_fini(*f);
    free(*f);
}

static enum leak leak_of(shape_fn *bytes, uint64_t seed)
{
    struct floors *f;
    enum leak leak = judged(bytes, NULL, seed, &f).leak;

    forget(&f);
    return leak;
}

START_TEST(what_grows_is_a_leak_and_is_named)
{
    struct floors *f;
    struct verdict v = judged(linear, NULL, unit_seed(_i), &f);
    struct text said = {0};

    ck_assert_int_eq(v.leak, LEAK_YES);
    ck_assert_str_eq(verdict_culprit(&v, FLOOR_SITE)->name, "the site");
    ck_assert_str_eq(verdict_culprit(&v, FLOOR_CLASS)->name, "Thing");
    ck_assert(fabs(verdict_slope(&v)->slope - 100) < 15 && verdict_slope(&v)->low > 50 && verdict_slope(&v)->high < 150);
    verdict_sentence(&v, &said);
    ck_assert_ptr_nonnull(strstr(text_string(&said), "what is made at \"the site\", much of it of class \"Thing\""));
    for (size_t i = 0; verdict_evidence(&v, i, &said); i++)
        ck_assert(i < 10 && said.length > 20);
    text_fini(&said);
    forget(&f);
}
END_TEST

START_TEST(what_swings_fills_or_stays_is_none)
{
    static shape_fn *const innocent[] = {level, constant, warms_up, saws, falls, fills, tides};

    for (size_t i = 0; i < ARRAY_LEN(innocent); i++)
        ck_assert_msg(leak_of(innocent[i], unit_seed(_i)) == LEAK_NO, "shape %zu: %d", i, leak_of(innocent[i], unit_seed(_i)));
}
END_TEST

START_TEST(what_only_slows_down_or_jumps_cannot_be_told)
{
    struct floors *f;
    struct verdict v = judged(slows, NULL, unit_seed(_i), &f);

    ck_assert(v.leak == LEAK_UNKNOWN && v.doubt == DOUBT_SLOWS);
    forget(&f);
    ck_assert_int_ne(leak_of(warms_up_late, unit_seed(_i)), LEAK_YES);
    ck_assert_int_ne(leak_of(jumps, unit_seed(_i)), LEAK_YES);
}
END_TEST

START_TEST(a_table_that_doubles_is_judged_by_what_is_in_it)
{
    struct floors *f;
    struct verdict v = judged(leaps, linear, unit_seed(_i), &f);

    ck_assert_int_eq(v.leak, LEAK_YES);
    forget(&f);
}
END_TEST

START_TEST(a_short_run_or_few_floors_cannot_be_told)
{
    struct floors *f = floors_new(linear, NULL, unit_seed(_i));
    struct verdict v;

    for (size_t i = 0; i < f->count; i++)
        f->t_s[i] *= 0.3;
    v = verdict_of_all(f);
    ck_assert(v.leak == LEAK_UNKNOWN && v.doubt == DOUBT_SHORT);
    for (size_t i = 0; i < f->count; i++)
        f->t_s[i] *= 100;
    f->count = 9;
    v = verdict_of_all(f);
    ck_assert(v.leak == LEAK_UNKNOWN && v.doubt == DOUBT_FEW);
    f->count = 0;
    v = verdict_of_all(f);
    ck_assert(v.leak == LEAK_UNKNOWN && v.windows == 0);
    forget(&f);
}
END_TEST

/* It leaks by its work, and stands still for half of the time: by the clock that would look like filling up. */
START_TEST(where_no_work_is_done_time_stands_still)
{
    struct floors *f = malloc(sizeof *f);
    uint64_t seed = unit_seed(_i);

    floors_init(f);
    for (unsigned i = 1; i <= READINGS; i++) {
        double part = (double)i / READINGS, worked = fmin(part, 0.5) * 2;
        double site = linear(worked, &seed);

        tell(f, part, 1000 * worked, 1e6 + site, site, 10);
    }
    ck_assert_int_eq(verdict_of_all(f).leak, LEAK_YES);
    forget(&f);
}
END_TEST

START_TEST(of_many_that_grow_the_fastest_are_told)
{
    struct floors *f = malloc(sizeof *f);
    struct verdict v;

    floors_init(f);
    for (unsigned i = 1; i <= READINGS; i++) {
        floors_begin(f, &(struct reading){.t_s = i, .work = i, .live = 1e6 + 1000 * i, .objects = 10});
        for (unsigned s = 0; s < VERDICT_GROWING_MAX + 4; s++) {
            char name[16];

            (void)snprintf(name, sizeof name, "site %u", s);
            ck_assert(floors_tell(f, FLOOR_SITE, name, 1000 + i * 10 * (s + 1), 10));
        }
        floors_keep(f);
    }
    v = verdict_of_all(f);
    ck_assert(v.leak == LEAK_YES && v.growing_count == VERDICT_GROWING_MAX);
    for (size_t i = 0; i < VERDICT_GROWING_MAX; i++) {
        char name[16];

        (void)snprintf(name, sizeof name, "site %zu", VERDICT_GROWING_MAX + 3 - i);
        ck_assert_str_eq(v.growing[i].name, name);
    }
    forget(&f);
}
END_TEST

/* A day of it: each floor kept stands for as many readings as the others, else the older ones would be lower. */
START_TEST(noise_of_a_whole_day_is_no_leak)
{
    struct floors *f = malloc(sizeof *f);
    uint64_t seed = unit_seed(_i);
    struct verdict v;

    floors_init(f);
    for (unsigned i = 1; i <= READINGS_A_DAY; i++) {
        double site = 90000 + (double)unit_rand_below(&seed, 20000);

        tell(f, (double)i / READINGS_A_DAY, i, 1e6 + site, site, site / 50);
    }
    v = verdict_of_all(f);
    ck_assert_int_eq(v.leak, LEAK_NO);
    ck_assert(v.t_s[v.windows - v.judged] < 0.4 * RUN_S);
    forget(&f);
}
END_TEST

/* A reading finds a piece more once in five, by chance: 16 in the whole run, of 52 bytes, beside 8,000. */
static bool pieces_are_missed(uint64_t seed)
{
    struct floors *f = malloc(sizeof *f);
    double site = 8000;
    bool missed;

    floors_init(f);
    for (unsigned i = 1; i <= READINGS; i++) {
        site += unit_rand_below(&seed, 5) == 0 ? 52 : 0;
        tell(f, (double)i / READINGS, i, 1e4 + site, site, site / 26);
    }
    missed = verdict_of_all(f).leak != LEAK_YES;
    forget(&f);
    return missed;
}

START_TEST(what_leaks_in_few_pieces_is_found_too)
{
    unsigned missed = 0, rounds = 500;

    for (unsigned r = 0; r < rounds; r++)
        missed += pieces_are_missed(unit_seed((int)(1000 * _i) + (int)r));
    printf("verdict: of %u that leak in few pieces, %u are missed\n", rounds, missed);
    ck_assert_uint_le(missed, rounds / 12);
}
END_TEST

/* Clients come by chance, 50 a second, and each leaves a kilobyte for two seconds: so it comes back to its level slowly, in a run
 * of nine. *ret_f is judged at each ninth of a second. */
static enum leak leases(uint64_t seed)
{
    unsigned came[90] = {0};
    struct floors *f = malloc(sizeof *f);
    enum leak leak;

    floors_init(f);
    for (unsigned i = 0; i < 90; i++) {
        double there = 0;

        for (unsigned tries = 0; tries < 100; tries++)
            came[i] += unit_rand_below(&seed, 20) == 0;
        for (unsigned k = 0; k < 20 && k <= i; k++)
            there += came[i - k];
        tell(f, (i + 1) / 90.0 * 0.9, i, 1e3 + 1000 * there, 1000 * there, there);
    }
    leak = verdict_of_all(f).leak;
    forget(&f);
    return leak;
}

START_TEST(what_comes_back_slowly_is_seldom_taken_for_a_leak)
{
    unsigned alarms = 0, unsure = 0, rounds = 500;

    for (unsigned r = 0; r < rounds; r++) {
        enum leak leak = leases(unit_seed((int)(1000 * _i) + (int)r));

        alarms += leak == LEAK_YES;
        unsure += leak == LEAK_UNKNOWN;
    }
    printf("verdict: of %u with leases, %u false alarms, %u unsure\n", rounds, alarms, unsure);
    ck_assert_uint_le(alarms, rounds / 100);
    ck_assert_uint_le(unsure, rounds / 20);
}
END_TEST

/* The site is read a moment later, and there is more and more garbage by then; or the rest of the heap goes meanwhile. */
static enum leak beside(double heap_a_reading, double other_a_reading)
{
    struct floors *f = malloc(sizeof *f);
    enum leak leak;

    floors_init(f);
    for (unsigned i = 1; i <= READINGS; i++) {
        floors_begin(f, &(struct reading){.t_s = i, .work = i, .live = 1e6 + heap_a_reading * i, .objects = 100});
        ck_assert(floors_tell(f, FLOOR_SITE, "garbage", 1000 + 100 * i, 10));
        ck_assert(floors_tell(f, FLOOR_SITE, "other", 1e5 + other_a_reading * i, 10));
        floors_keep(f);
    }
    leak = verdict_of_all(f).leak;
    forget(&f);
    return leak;
}

START_TEST(a_site_does_not_grow_where_the_whole_does_not)
{
    ck_assert_int_eq(beside(0, 0), LEAK_NO);
    ck_assert_int_eq(beside(100, 0), LEAK_YES);
    ck_assert_int_eq(beside(0, -100), LEAK_YES);
    ck_assert_int_eq(beside(-400, -500), LEAK_YES);
}
END_TEST

/* Of a heap that stays as it is, or grows: `failed` and `full` of each reading's hundred requests were not done, until the
 * floors end at that part of the run. */
static struct verdict of_hindered(shape_fn *bytes, double failed, double full, double seen)
{
    struct floors *f = floors_new(bytes, NULL, unit_seed(0));
    struct reading end = {.t_s = RUN_S, .work = 100 * READINGS, .failed = failed * READINGS, .full = full * READINGS};
    struct verdict v;

    f->count = (size_t)(seen * READINGS);
    for (size_t i = 0; i < f->count; i++) {
        f->work[i] = 100 * (double)(i + 1);
        f->failed[i] = failed * (double)(i + 1);
        f->full[i] = full * (double)(i + 1);
    }
    v = verdict_of(f, &end);
    forget(&f);
    return v;
}

static void must_doubt(struct verdict v, enum doubt doubt, const char *says)
{
    struct text said = {0};

    verdict_sentence(&v, &said);
    ck_assert_msg(v.leak == LEAK_UNKNOWN && v.doubt == doubt && v.growing_count == 0, "%s", text_string(&said));
    ck_assert_msg(strstr(text_string(&said), says) != NULL, "%s", text_string(&said));
    text_fini(&said);
}

START_TEST(a_run_that_could_not_do_its_work_acquits_nobody)
{
    ck_assert_int_eq(of_hindered(constant, 0, 0, 1).leak, LEAK_NO);
    ck_assert_int_eq(of_hindered(constant, 0.5, 0, 1).leak, LEAK_NO);
    must_doubt(of_hindered(constant, 2, 0, 1), DOUBT_FAILED, "120 of 6120 requests failed");
    must_doubt(of_hindered(linear, 2, 0, 1), DOUBT_FAILED, "Look at the failures");
    must_doubt(of_hindered(constant, 0, 0.1, 1), DOUBT_FULL, "the heap was full");
    must_doubt(of_hindered(slows, 0, 0.1, 1), DOUBT_FULL, "the heap was full");
    ck_assert_int_eq(of_hindered(linear, 0, 0.1, 1).leak, LEAK_YES);
    must_doubt(of_hindered(constant, 0, 0, 0.5), DOUBT_BLIND, "until 5.0 s of 10.0 s");
    must_doubt(of_hindered(linear, 0, 0, 0.5), DOUBT_BLIND, "until 5.0 s of 10.0 s");
}
END_TEST

/* What went wrong while it filled is not held against it, what came after the last floor is. */
START_TEST(failures_count_from_the_warm_up_to_the_end)
{
    struct floors *f = floors_new(constant, NULL, unit_seed(0));
    struct reading end = {.t_s = RUN_S, .work = 1000, .failed = 500};

    for (size_t i = 0; i < f->count; i++)
        f->failed[i] = 500;
    ck_assert_int_eq(verdict_of(f, &end).leak, LEAK_NO);
    end.failed = 520;
    must_doubt(verdict_of(f, &end), DOUBT_FAILED, "20 of ");
    forget(&f);
}
END_TEST

#define MANY_SITES 100

/* So many sites that swing by a tenth, and the first grows by `grows` of what it has. */
static struct verdict of_many(double grows, uint64_t seed, struct floors **ret_f)
{
    struct floors *f = *ret_f = malloc(sizeof *f);

    floors_init(f);
    for (unsigned i = 1; i <= READINGS; i++) {
        double bytes[MANY_SITES], whole = 0;

        for (unsigned s = 0; s < MANY_SITES; s++)
            whole += bytes[s] = 1e5 + 1e4 * noise(&seed) + (s == 0 ? grows * 1e5 * i / READINGS : 0);
        floors_begin(f, &(struct reading){.t_s = i, .work = i, .live = whole, .objects = whole / 50});
        for (unsigned s = 0; s < MANY_SITES; s++) {
            char name[16];

            (void)snprintf(name, sizeof name, "site %u", s);
            ck_assert(floors_tell(f, FLOOR_SITE, name, bytes[s], bytes[s] / 50));
        }
        floors_keep(f);
    }
    return verdict_of_all(f);
}

/* Asked one by one, a few of them would rise by chance in each round. */
START_TEST(of_many_that_swing_none_is_taken_for_a_leak)
{
    unsigned alarms = 0, unsure = 0, rounds = 50;
    struct floors *f;

    for (unsigned r = 0; r < rounds; r++) {
        enum leak leak = of_many(0, unit_seed((int)(1000 * _i) + (int)r), &f).leak;

        alarms += leak == LEAK_YES;
        unsure += leak == LEAK_UNKNOWN;
        forget(&f);
    }
    printf("verdict: of %u with %u sites that swing, %u false alarms, %u unsure\n", rounds, MANY_SITES, alarms, unsure);
    ck_assert_uint_eq(alarms, 0);
    ck_assert_uint_le(unsure, rounds / 25);
}
END_TEST

START_TEST(of_many_that_swing_the_one_that_grows_is_named)
{
    struct floors *f;
    struct verdict v = of_many(3, unit_seed(_i), &f);

    ck_assert_int_eq(v.leak, LEAK_YES);
    ck_assert_str_eq(verdict_culprit(&v, FLOOR_SITE)->name, "site 0");
    forget(&f);
}
END_TEST

START_TEST(misses_and_false_alarms_are_rare)
{
    static shape_fn *const innocent[] = {level, constant, warms_up, saws, falls};
    unsigned misses = 0, alarms = 0, unsure = 0, rounds = getenv("HEAPD_TEST_LONG") != NULL ? 5000 : 200;

    for (unsigned r = 0; r < rounds; r++) {
        enum leak leak = leak_of(innocent[r % ARRAY_LEN(innocent)], unit_seed((int)r));

        misses += leak_of(linear, unit_seed((int)r)) != LEAK_YES;
        alarms += leak == LEAK_YES;
        unsure += leak == LEAK_UNKNOWN;
    }
    printf("verdict: of %u each, %u misses, %u false alarms, %u unsure\n", rounds, misses, alarms, unsure);
    ck_assert_uint_le(misses, rounds / 200);
    ck_assert_uint_le(alarms, rounds / 1000);
    ck_assert_uint_le(unsure, rounds / 50);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(the_slope_is_the_median_of_all_pairs),
        TEST(a_line_is_certain_and_a_constant_is_nothing),
        TEST(the_interval_of_a_fall_is_that_of_the_rise, .rounds = 8),
        TEST(what_is_equal_says_less),
        TEST(the_interval_holds_the_slope_as_often_as_it_says, .rounds = 2),
        TEST(what_wanders_is_not_taken_for_what_rises, .rounds = 2),
        TEST(what_grows_is_a_leak_and_is_named, .rounds = 4),
        TEST(what_swings_fills_or_stays_is_none, .rounds = 4),
        TEST(what_only_slows_down_or_jumps_cannot_be_told, .rounds = 4),
        TEST(noise_of_a_whole_day_is_no_leak, .rounds = 8),
        TEST(a_table_that_doubles_is_judged_by_what_is_in_it),
        TEST(a_short_run_or_few_floors_cannot_be_told),
        TEST(where_no_work_is_done_time_stands_still),
        TEST(of_many_that_grow_the_fastest_are_told),
        TEST(what_leaks_in_few_pieces_is_found_too, .rounds = 2),
        TEST(what_comes_back_slowly_is_seldom_taken_for_a_leak, .rounds = 2),
        TEST(a_site_does_not_grow_where_the_whole_does_not),
        TEST(a_run_that_could_not_do_its_work_acquits_nobody),
        TEST(failures_count_from_the_warm_up_to_the_end),
        TEST(of_many_that_swing_none_is_taken_for_a_leak, .rounds = 2),
        TEST(of_many_that_swing_the_one_that_grows_is_named, .rounds = 4),
        TEST(misses_and_false_alarms_are_rare),
    };

    return unit_main(argc, argv, "load_verdict", tests, ARRAY_LEN(tests));
}
