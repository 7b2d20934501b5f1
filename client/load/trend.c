/* trend.c - see trend.h. */
#include "client/load/trend.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PAIRS_MAX      (TREND_POINTS_MAX * (TREND_POINTS_MAX - 1) / 2)
#define NORMAL_95      1.959963984540054 /* 0.95 of a normal distribution lie so many deviations to both sides */

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median_of(const double y[], size_t n)
{
    double sorted[TREND_POINTS_MAX];

    memcpy(sorted, y, n * sizeof *y);
    qsort(sorted, n, sizeof sorted[0], compare);
    return n % 2 == 1 ? sorted[n / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2;
}

/* The slopes of all pairs that have one, sorted; how many. */
static size_t slopes_of(const double x[], const double y[], size_t n, double slopes[PAIRS_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1; k < n; k++)
            if (x[k] > x[i])
                slopes[count++] = (y[k] - y[i]) / (x[k] - x[i]);
    qsort(slopes, count, sizeof slopes[0], compare);
    return count;
}

/* Pairs that rise less pairs that fall. */
static double balance_of(const double y[], size_t n)
{
    double balance = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t k = i + 1; k < n; k++)
            balance += (y[k] > y[i]) - (y[k] < y[i]);
    return balance;
}

/* n(n-1)(2n+5)/18, less the same for each run of equal ones. */
static double variance_of(const double y[], size_t n)
{
    double sorted[TREND_POINTS_MAX], variance = (double)n * (double)(n - 1) * (double)(2 * n + 5);

    memcpy(sorted, y, n * sizeof *y);
    qsort(sorted, n, sizeof sorted[0], compare);
    for (size_t i = 0, run; i < n; i += run) {
        for (run = 1; i + run < n && sorted[i + run] == sorted[i]; run++)
            ;
        variance -= (double)run * (double)(run - 1) * (double)(2 * run + 5);
    }
    return variance / 18;
}

/* What is left when the slope is taken away, by rank: how many are below, and half of those that are equal. */
static void ranks_of_rest(const double x[], const double y[], size_t n, double slope, double ranks[TREND_POINTS_MAX])
{
    double rest[TREND_POINTS_MAX];

    for (size_t i = 0; i < n; i++)
        rest[i] = y[i] - slope * (x[i] - x[0]);
    for (size_t i = 0; i < n; i++) {
        ranks[i] = -(double)(n - 1) / 2;
        for (size_t k = 0; k < n; k++)
            ranks[i] += k == i ? 0 : rest[k] < rest[i] ? 1 : rest[k] == rest[i] ? 0.5 : 0;
    }
}

/* Hamed and Rao, equation 15, with the correlations that are beyond chance. */
static double inflation_of(const double x[], const double y[], size_t n, double slope)
{
    double ranks[TREND_POINTS_MAX], all = 0, sum = 0, m = (double)n;

    ranks_of_rest(x, y, n, slope, ranks);
    for (size_t i = 0; i < n; i++)
        all += ranks[i] * ranks[i];
    for (size_t lag = 1; lag + 2 < n && all > 0; lag++) {
        double both = 0, far = (double)(n - lag);

        for (size_t i = 0; i + lag < n; i++)
            both += ranks[i] * ranks[i + lag];
        if (fabs(both / all) > NORMAL_95 / sqrt(m))
            sum += far * (far - 1) * (far - 2) * both / all;
    }
    return fmax(1, n > 2 ? 1 + 2 / (m * (m - 1) * (m - 2)) * sum : 1);
}

/* Sen's interval: so many slopes below the middle one, and above. */
static void set_interval(struct trend *t, const double slopes[], size_t count, double deviation)
{
    double half = NORMAL_95 * deviation / 2, middle = ((double)count - 1) / 2;
    double low = floor(middle - half), high = ceil(middle + half);

    if (count == 0)
        return;
    t->slope = count % 2 == 1 ? slopes[count / 2] : (slopes[count / 2 - 1] + slopes[count / 2]) / 2;
    t->low = slopes[low < 0 ? 0 : (size_t)low];
    t->high = slopes[high > (double)(count - 1) ? count - 1 : (size_t)high];
}

struct trend trend_of(const double x[], const double y[], size_t n)
{
    double slopes[PAIRS_MAX], balance = balance_of(y, n), deviation;
    size_t count = slopes_of(x, y, n, slopes), fourth = n < 4 ? 1 : n / 4;
    struct trend t = {.points = n};

    set_interval(&t, slopes, count, 0);
    deviation = sqrt(variance_of(y, n) * inflation_of(x, y, n, t.slope));
    set_interval(&t, slopes, count, deviation);
    t.sigmas = deviation > 0 && fabs(balance) > 1 ? (balance - copysign(1, balance)) / deviation : 0;
    t.from = median_of(y, fourth);
    t.middle = median_of(&y[(n - fourth) / 2], fourth);
    t.to = median_of(&y[n - fourth], fourth);
    return t;
}
