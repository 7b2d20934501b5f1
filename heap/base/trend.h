/*
 * trend.h - does a number keep growing, or does it only move?
 *
 * Looked at is a series of floors: the least that there was in each of some windows of time, all of one length. The floor
 * of what comes and goes stays where it is; that of a leak rises. It grows if all of this holds:
 *   1. Rises beat falls, over all pairs of windows, by four standard deviations of chance (Mann, "Nonparametric tests
 *      against trend", Econometrica 13, 1945): once in 30,000 looks at mere noise.
 *   2. The second half of the time has brought at least half of what the first did: what is filled until it is full, or
 *      warms up, slows down.
 *   3. Half of the growth at least is above all there ever was before, as far as is known (`highest_before`): what swings
 *      has been there, or nearly.
 *   4. It matters: the growth is at least `matters`, and a twentieth of what there was.
 * Ends and middle are medians of four windows, so that no single one decides.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define TREND_POINTS 16 /* with fewer nothing is said */

struct trend {
    uint64_t from, to;  /* medians of the first four and the last four */
    uint32_t rises;     /* windows whose floor was above that of the one before, of TREND_POINTS - 1 */
    double per_window;  /* the median of the slopes of all pairs (Theil and Sen) */
    bool grows;
    bool goes_on;       /* by rule 1, and in the second half: what has grown for so long that it is large grows on */
};

/* Oldest first. */
struct trend trend_of(const uint64_t floors[TREND_POINTS], uint64_t highest_before, uint64_t matters);
