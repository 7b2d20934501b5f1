/* test_load_histogram.c - what heapctl load counts with: quantiles to two digits, arrivals that a seed decides, series that fit. */
#include "client/load/floors.h"
#include "client/load/histogram.h"
#include "client/load/schedule.h"
#include "client/load/series.h"
#include "tests/unit/unit.h"
#include <math.h>

START_TEST(every_number_lies_in_its_bucket_and_no_bucket_is_wide)
{
    uint64_t seed = unit_seed(_i);

    for (int i = 0; i < 100000; i++) {
        uint64_t us = unit_rand(&seed) >> (32 + unit_rand_below(&seed, 32));
        size_t bucket = histogram_bucket(us);
        uint64_t below = bucket > 0 ? histogram_upper(bucket - 1) : 0;

        MUST(bucket < HISTOGRAM_BUCKETS);
        MUST(us <= histogram_upper(bucket) && (bucket == 0 || us > below));
        MUST(us < HISTOGRAM_EXACT || (histogram_upper(bucket) - below) * (HISTOGRAM_EXACT / 2) <= us);
    }
    ck_assert_uint_eq(histogram_upper(HISTOGRAM_BUCKETS - 1), HISTOGRAM_MAX_US);
    ck_assert_uint_eq(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
}
END_TEST

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

START_TEST(quantiles_are_those_of_the_sorted_numbers_to_two_digits)
{
    static const double parts[] = {0, 0.001, 0.5, 0.9, 0.99, 0.999, 1};
    uint64_t seed = unit_seed(_i), *all = malloc(20000 * sizeof *all);
    struct histogram *h = calloc(1, sizeof *h);

    for (size_t i = 0; i < 20000; i++) {
        all[i] = unit_rand(&seed) >> (40 + unit_rand_below(&seed, 20));
        histogram_add(h, all[i]);
    }
    qsort(all, 20000, sizeof *all, compare);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        size_t rank = parts[i] > 0 ? (size_t)ceil(parts[i] * 20000) : 1;
        uint64_t is = histogram_quantile(h, parts[i]), should = all[rank - 1];

        MUST(is >= should && is - should <= should / (HISTOGRAM_EXACT / 2));
    }
    ck_assert_uint_eq(histogram_quantile(h, 1), all[19999]);
    ck_assert(h->min == all[0] && h->max == all[19999] && h->count == 20000);
    free(all);
    free(h);
}
END_TEST

START_TEST(nothing_has_no_quantile_and_two_become_one)
{
    struct histogram *a = calloc(1, sizeof *a), *b = calloc(1, sizeof *b);

    ck_assert(histogram_quantile(a, 0.99) == 0 && histogram_mean(a) <= 0);
    histogram_merge(a, b);
    ck_assert_uint_eq(a->count, 0);
    histogram_add(b, 7);
    histogram_merge(a, b);
    ck_assert(a->count == 1 && a->min == 7 && a->max == 7);
    histogram_add(b, 3);
    histogram_add(b, UINT64_C(1) << 40);
    histogram_merge(a, b);
    ck_assert(a->count == 4 && a->min == 3 && a->max == UINT64_C(1) << 40);
    ck_assert_uint_eq(histogram_quantile(a, 1), UINT64_C(1) << 40);
    histogram_clear(a);
    ck_assert(a->count == 0 && a->max == 0 && histogram_quantile(a, 1) == 0);
    free(a);
    free(b);
}
END_TEST

/* ---- arrivals ---- */

START_TEST(arrivals_come_at_their_rate_whoever_takes_them)
{
    struct schedule s;
    uint64_t last = 0, taken = 0;
    double squares = 0;

    ck_assert(schedule_init(&s, 1000, false, 20, unit_seed(_i), 3));
    for (uint64_t now = 0; !s.is_over; now = schedule_next(&s)) {
        schedule_advance(&s, now);
        for (size_t lane = 0; lane < 3; lane++)
            while (schedule_oldest(&s, lane) != UINT64_MAX) {
                double gap = ((double)schedule_oldest(&s, lane) - (double)last) / 1e6;

                MUST(schedule_oldest(&s, lane) <= now && schedule_oldest(&s, lane) >= last);
                last = schedule_oldest(&s, lane);
                squares += gap * gap;
                schedule_take(&s, lane);
                taken++;
            }
    }
    ck_assert_uint_eq(taken, s.planned);
    ck_assert(s.waiting == 0 && s.shed == 0);
    ck_assert(fabs((double)taken - 20000) < 6 * sqrt(20000));
    ck_assert(fabs(squares / (double)taken - 2) < 0.2); /* of gaps of 1 ms by chance the mean square is 2 */
    schedule_fini(&s);
}
END_TEST

START_TEST(even_ones_come_evenly)
{
    struct schedule s;

    ck_assert(schedule_init(&s, 250, true, 1, 1, 1));
    schedule_advance(&s, 8000000);
    ck_assert(s.planned == 2 && schedule_oldest(&s, 0) == 4000000 && schedule_next(&s) == 12000000);
    schedule_advance(&s, 5000000000);
    ck_assert(s.is_over && s.planned == 249);
    schedule_fini(&s);
}
END_TEST

/* One lane is never taken from; none of the other's is shed for that. */
START_TEST(a_lane_that_does_not_keep_up_takes_no_room_from_others)
{
    struct schedule s;
    uint64_t taken = 0;

    ck_assert(schedule_init(&s, 100000, true, 4, 1, 2));
    for (uint64_t now = 0; !s.is_over; now += 100000000) {
        schedule_advance(&s, now);
        while (schedule_oldest(&s, 1) != UINT64_MAX) {
            schedule_take(&s, 1);
            taken++;
        }
    }
    ck_assert(s.shed > 0 && s.planned == taken + s.waiting + s.shed);
    ck_assert(fabs((double)taken - (double)s.planned / 2) < 6 * sqrt((double)s.planned / 4));
    schedule_fini(&s);
}
END_TEST

START_TEST(what_nobody_takes_is_shed_and_counted)
{
    struct schedule s;

    ck_assert(schedule_init(&s, 100000, true, 2, 1, 2));
    schedule_advance(&s, 3000000000);
    ck_assert_uint_eq(s.waiting, 2 * SCHEDULE_WAITING_MAX);
    ck_assert_uint_eq(s.planned, s.waiting + s.shed);
    ck_assert(schedule_oldest(&s, 0) < 1000000 && schedule_oldest(&s, 1) < 1000000); /* the first are there, the last are not */
    schedule_take(&s, 0);
    schedule_stop(&s);
    ck_assert(s.waiting == 0 && s.planned == s.shed + 1 && schedule_oldest(&s, 1) == UINT64_MAX);
    schedule_fini(&s);
}
END_TEST

/* ---- series ---- */

static struct point point_at(unsigned i)
{
    return (struct point){.t_s = i + 1, .rss = i, .ops_per_s = i % 2 == 0 ? 100 : 300, .max_us = i == 777 ? 5000 : 10};
}

START_TEST(a_long_series_fits_and_loses_no_peak)
{
    struct series *s = malloc(sizeof *s);
    unsigned given = 3 * SERIES_MAX + 2;
    uint64_t max = 0;
    double sum = 0, since = 0;

    series_init(s);
    for (unsigned i = 0; i < given; i++)
        series_add(s, &(struct point){.t_s = point_at(i).t_s, .rss = i, .ops_per_s = point_at(i).ops_per_s, .max_us = point_at(i).max_us});
    ck_assert(s->stride == 4 && s->count == (given + 3) / 4);
    for (size_t i = 0; i < s->count; i++) {
        const struct point *p = &s->points[i];

        MUST(p->rss == (uint64_t)p->t_s - 1 && p->t_s > since);
        sum += p->ops_per_s * (p->t_s - since);
        since = p->t_s;
        max = p->max_us > max ? p->max_us : max;
    }
    ck_assert(fabs(sum - 200.0 * given) < 1); /* all that was done is still there */
    ck_assert(max == 5000 && fabs(since - given) < 0.5);
    free(s);
}
END_TEST

START_TEST(floors_that_are_halved_keep_the_lesser)
{
    struct floors *f = malloc(sizeof *f);

    floors_init(f);
    for (unsigned i = 0; i < READINGS_MAX + 1; i++) {
        floors_begin(f, &(struct reading){.t_s = i, .work = 10 * i, .live = i % 2 == 0 ? 50 : 70, .objects = 5, .rss = 6});
        if (i >= 2)
            ck_assert(floors_tell(f, FLOOR_SITE, "a", i, 1));
        floors_keep(f);
    }
    ck_assert_uint_eq(f->count, READINGS_MAX / 2 + 1);
    ck_assert_uint_eq(f->of[FLOOR_SITE].count, 1);
    for (size_t i = 0; i < READINGS_MAX / 2; i++)
        MUST(f->heap.bytes[i] < 51 && fabs(f->t_s[i] - (double)(2 * i + 1)) < 0.1 && fabs(f->work[i] - 10 * f->t_s[i]) < 0.1);
    ck_assert(f->of[FLOOR_SITE].rows[0]->bytes[0] < 0.1 && fabs(f->of[FLOOR_SITE].rows[0]->bytes[1] - 2) < 0.1);
    ck_assert(f->of[FLOOR_SITE].rows[0]->bytes[f->count - 1] > 500);
    floors_begin(f, &(struct reading){.t_s = 1000, .work = 1000, .live = 1, .objects = 1, .rss = 1}); /* and is not kept */
    floors_begin(f, &(struct reading){.t_s = 1001, .work = 1001, .live = 60, .objects = 1, .rss = 1});
    floors_keep(f); /* the second of the two that are one */
    ck_assert_uint_eq(f->count, READINGS_MAX / 2 + 1);
    ck_assert(fabs(f->heap.bytes[f->count - 1] - 50) < 0.1 && fabs(f->t_s[f->count - 1] - 1001) < 0.1);
    ck_assert(f->of[FLOOR_SITE].rows[0]->bytes[f->count - 1] < 0.1); /* not told of: there is none */
    for (unsigned i = 0; i < FLOORS_ROWS_MAX + 10; i++) {
        char name[16];

        (void)snprintf(name, sizeof name, "class %u", i);
        ck_assert(floors_tell(f, FLOOR_CLASS, name, 1, 1));
    }
    ck_assert_uint_eq(f->of[FLOOR_CLASS].count, FLOORS_ROWS_MAX);
    floors_fini(f);
    free(f);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(every_number_lies_in_its_bucket_and_no_bucket_is_wide, .rounds = 3),
        TEST(quantiles_are_those_of_the_sorted_numbers_to_two_digits, .rounds = 3),
        TEST(nothing_has_no_quantile_and_two_become_one),
        TEST(arrivals_come_at_their_rate_whoever_takes_them, .rounds = 3),
        TEST(even_ones_come_evenly),
        TEST(a_lane_that_does_not_keep_up_takes_no_room_from_others),
        TEST(what_nobody_takes_is_shed_and_counted),
        TEST(a_long_series_fits_and_loses_no_peak),
        TEST(floors_that_are_halved_keep_the_lesser),
    };

    return unit_main(argc, argv, "load_histogram", tests, ARRAY_LEN(tests));
}
