/* trend.c - see trend.h. */
#include "heap/base/trend.h"
#include "heap/base/check.h"
#include <stdlib.h>

#define PAIRS (TREND_POINTS * (TREND_POINTS - 1) / 2)
#define END_POINTS 4      /* at each end, and in the middle */
#define SIGMAS 4          /* by which rises have to beat chance */
#define SLOWS_TO 2        /* the second half brings at least one of so many parts of what the first did */
#define MATTERS_PART 20   /* of what there was */
#define ABOVE_PART 2      /* of the growth, above what there was before: a tide is not exactly as high each time */

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static int compare_real(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* The lower of the two in the middle, so that a single high one in four never counts. */
static uint64_t median_at(const uint64_t floors[], size_t at)
{
    uint64_t sorted[END_POINTS];

    for (size_t i = 0; i < END_POINTS; i++)
        sorted[i] = floors[at + i];
    qsort(sorted, END_POINTS, sizeof sorted[0], compare_u64);
    return sorted[(END_POINTS - 1) / 2];
}

/* Pairs that rise less pairs that fall. */
static int balance_of(const uint64_t floors[])
{
    int balance = 0;

    for (size_t i = 0; i < TREND_POINTS; i++)
        for (size_t k = i + 1; k < TREND_POINTS; k++)
            balance += (floors[k] > floors[i]) - (floors[k] < floors[i]);
    return balance;
}

/* The balance of mere noise has the variance n(n-1)(2n+5)/18, and it moves in steps: hence less one. */
static bool beats_chance(int balance)
{
    int above = balance - 1, n = TREND_POINTS;

    return above > 0 && above * above * 18 >= SIGMAS * SIGMAS * n * (n - 1) * (2 * n + 5);
}

static double slope_of(const uint64_t floors[])
{
    double slopes[PAIRS];
    size_t n = 0;

    for (size_t i = 0; i < TREND_POINTS; i++)
        for (size_t k = i + 1; k < TREND_POINTS; k++)
            slopes[n++] = ((double)floors[k] - (double)floors[i]) / (double)(k - i);
    qsort(slopes, n, sizeof slopes[0], compare_real);
    return slopes[n / 2];
}

static uint32_t rises_of(const uint64_t floors[])
{
    uint32_t rises = 0;

    for (size_t i = 1; i < TREND_POINTS; i++)
        rises += floors[i] > floors[i - 1];
    return rises;
}

static bool is_above(const struct trend *t, uint64_t highest_before)
{
    return t->to > highest_before && t->to - highest_before >= (t->to - t->from) / ABOVE_PART;
}

struct trend trend_of(const uint64_t floors[TREND_POINTS], uint64_t highest_before, uint64_t matters)
{
    uint64_t middle = median_at(floors, (TREND_POINTS - END_POINTS) / 2);
    struct trend t = {.from = median_at(floors, 0), .to = median_at(floors, TREND_POINTS - END_POINTS)};

    t.rises = rises_of(floors);
    t.per_window = slope_of(floors);
    t.goes_on = middle < t.to && beats_chance(balance_of(floors));
    t.grows = t.from <= middle && t.goes_on && (t.to - middle) * SLOWS_TO >= middle - t.from &&
              t.to - t.from >= matters && t.to - t.from >= t.from / MATTERS_PART && is_above(&t, highest_before);
    return t;
}
