/*
 * trend.h - does a series rise, how fast, and how sure is that?
 *
 * Owns:      arithmetic. Knows not: what the numbers are.
 *
 * The slope is the median of the slopes of all pairs (Theil 1950; Sen, "Estimates of the regression coefficient based on
 * Kendall's tau", JASA 63, 1968): three in ten points may lie anywhere without moving it far. Whether it rises is asked of
 * the pairs as well: those that rise less those that fall (Mann, Econometrica 13, 1945; Kendall 1975, for ties), against what
 * chance does, and Sen's interval comes of the same count. A point that leans on the one before it says less than a free
 * one: the variance is multiplied by what Hamed and Rao found ("A modified Mann-Kendall trend test for autocorrelated data",
 * J. Hydrology 204, 1998), and never made smaller by it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define TREND_POINTS_MAX 64u
#define TREND_CONFIDENCE 0.95 /* of the interval */

struct trend {
    size_t points;
    double slope, low, high; /* a unit of x; the interval at TREND_CONFIDENCE */
    double sigmas;           /* by how many standard deviations of chance rises beat falls; negative: falls do */
    double from, middle, to; /* medians of the first, the middle and the last fourth */
};

/* y[i] at x[i], x never falling; 2 <= n <= TREND_POINTS_MAX. Pairs at one x have no slope, and count as any other else. */
struct trend trend_of(const double x[], const double y[], size_t n);
