/* verdict.c - see verdict.h. */
#include "client/load/verdict.h"
#include <math.h>
#include <string.h>

/* ---- windows ---- */

/* How readings become windows: `per` readings each, the last may have fewer. */
struct cut {
    const struct floors *f;
    size_t per, windows;
};

static struct cut cut_of(const struct floors *f)
{
    struct cut c = {.f = f, .per = (f->count + VERDICT_WINDOWS_MAX - 1) / VERDICT_WINDOWS_MAX};

    if (c.per > 0)
        c.windows = f->count / c.per; /* what is left over at the end is in no window */
    return c;
}

static void least_of(const struct cut *c, const double values[READINGS_MAX], double ret[VERDICT_WINDOWS_MAX])
{
    for (size_t w = 0; w < c->windows; w++) {
        ret[w] = values[w * c->per];
        for (size_t i = 1; i < c->per; i++)
            if (values[w * c->per + i] < ret[w])
                ret[w] = values[w * c->per + i];
    }
}

/* The middle of each. */
static void middle_of(const struct cut *c, const double values[READINGS_MAX], double ret[VERDICT_WINDOWS_MAX])
{
    for (size_t w = 0; w < c->windows; w++)
        ret[w] = (values[w * c->per] + values[(w + 1) * c->per - 1]) / 2;
}

/* Without any work, time is all there is. */
static void times_of(struct verdict *v, const struct cut *c)
{
    const struct floors *f = c->f;
    double work = f->count > 0 ? f->work[f->count - 1] : 0;

    v->run_s = f->count > 0 ? f->t_s[f->count - 1] : 0;
    middle_of(c, f->t_s, v->t_s);
    middle_of(c, work > 0 ? f->work : f->t_s, v->worked_s);
    for (size_t w = 0; w < v->windows && work > 0; w++)
        v->worked_s[w] *= v->run_s / work;
}

/* ---- one series ---- */

/* How far from chance a series must be, for a leak and for a doubt. */
struct strictness {
    double sigmas, doubt;
};

/* What one series needs besides itself. */
struct look {
    const struct verdict *v;
    const struct cut *cut;
    struct strictness strict;
};

static bool matters(const struct trend *t, double span_s, double least)
{
    double growth = t->slope * span_s;

    return growth >= least && growth >= t->from * VERDICT_PART_MIN;
}

/* Where the last third begins, as work goes on; in a heap that is left in peace that may be more windows. */
static size_t tail_of(const double x[], size_t n)
{
    size_t first = n - 1 - n / 3;

    while (first > 1 && x[first] > x[n - 1] - (x[n - 1] - x[0]) / 3)
        first--;
    return first;
}

/* The variance of a step beside what it should be, from how neighbours differ (von Neumann 1941): so a slow change of pace is
 * no part of it, and what comes by chance in few large pieces is. */
static double variance_of_steps(const double x[], const double y[], size_t n, double slope)
{
    double sum = 0, last = 0;

    for (size_t i = 1; i < n; i++) {
        double rest = y[i] - y[i - 1] - slope * (x[i] - x[i - 1]);

        sum += i > 1 ? (rest - last) * (rest - last) : 0;
        last = rest;
    }
    return sum / 2 / (double)(n - 2);
}

/* How the last third goes on, beside the whole. */
enum pace { GOES_ON, SLOWS, HAS_STOPPED };

static enum pace pace_of(const double x[], const double y[], size_t n)
{
    size_t first = tail_of(x, n), steps = n - 1 - first;
    double slope = (y[n - 1] - y[0]) / (x[n - 1] - x[0]), should = slope * (x[n - 1] - x[first]), grown = y[n - 1] - y[first];
    double variance = variance_of_steps(x, y, n, slope) * (double)steps * (1 - (double)steps / (double)(n - 1));
    double missing = (should - grown) / sqrt(fmax(variance, 1e-9));

    if (missing >= VERDICT_STOPPED_SIGMAS && grown < should * VERDICT_STOPPED_PART)
        return HAS_STOPPED;
    return missing >= VERDICT_SLOWS_SIGMAS ? SLOWS : GOES_ON;
}

static double mean_of(const double y[], size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += y[i];
    return sum / (double)n;
}

/* How far the last of the means of `blocks` blocks lies above the first, in deviations of a walk of as large steps. */
static double walked(const double y[], size_t n, size_t blocks)
{
    double means[VERDICT_WINDOWS_MAX] = {0}, step, squares = 0;

    for (size_t b = 0; b < blocks; b++)
        means[b] = mean_of(&y[b * n / blocks], (b + 1) * n / blocks - b * n / blocks);
    step = (means[blocks - 1] - means[0]) / (double)(blocks - 1);
    for (size_t b = 1; b < blocks; b++)
        squares += pow(means[b] - means[b - 1] - step, 2);
    return step * (double)(blocks - 1) / fmax(1e-9, sqrt(squares / (double)(blocks - 2) * (double)(blocks - 1)));
}

/* The same chance of being wrong, once in all of `looks` looks: so many deviations instead of `sigmas`. */
static double sigmas_of_looks(double sigmas, size_t looks)
{
    double chance = erfc(sigmas / M_SQRT2) / (double)looks, low = sigmas, high = 2 * sigmas + 10;

    for (unsigned i = 0; i < 50; i++) {
        double middle = (low + high) / 2;

        if (erfc(middle / M_SQRT2) > chance)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static struct strictness strictness_of(size_t looks)
{
    return (struct strictness){.sigmas = sigmas_of_looks(VERDICT_SIGMAS, looks), .doubt = sigmas_of_looks(VERDICT_DOUBT_SIGMAS, looks)};
}

/* Of y at x, whose trend is t. */
static enum leak judge_rise(const struct strictness *s, const struct trend *t, const double x[], const double y[], double least, bool *ret_slows)
{
    size_t n = t->points;
    double walk = fmax(walked(y, n, n) / VERDICT_WALK_SIGMAS, walked(y, n, VERDICT_BLOCKS) / VERDICT_BLOCK_SIGMAS);
    enum pace pace;

    *ret_slows = false;
    if (t->sigmas < s->doubt || walk < VERDICT_WALK_DOUBT || !matters(t, x[n - 1] - x[0], least))
        return LEAK_NO;
    pace = pace_of(x, y, n);
    *ret_slows = pace != GOES_ON;
    if (pace == HAS_STOPPED)
        return LEAK_NO;
    return pace == GOES_ON && t->sigmas >= s->sigmas && walk >= 1 && t->low > 0 ? LEAK_YES : LEAK_UNKNOWN;
}

/* The windows that are judged of one series. Where hardly any work was done there is no window of its own: the least counts of
 * it and the one before. How many. */
static size_t worked_of(const struct verdict *v, const double all[], double x[VERDICT_WINDOWS_MAX], double y[VERDICT_WINDOWS_MAX])
{
    size_t first = v->windows - v->judged, n = 0;
    double least_step = (v->worked_s[v->windows - 1] - v->worked_s[first]) / (double)v->judged * VERDICT_STEP_PART;

    for (size_t w = first; w < v->windows; w++) {
        if (n == 0 || v->worked_s[w] - x[n - 1] >= least_step) {
            x[n] = v->worked_s[w];
            y[n++] = all[w];
        } else if (all[w] < y[n - 1]) {
            y[n - 1] = all[w];
        }
    }
    return n;
}

static enum leak judge_series(const struct look *l, const double values[READINGS_MAX], double least, struct trend *ret_t, bool *ret_slows)
{
    double all[VERDICT_WINDOWS_MAX], x[VERDICT_WINDOWS_MAX], y[VERDICT_WINDOWS_MAX];
    size_t n;

    least_of(l->cut, values, all);
    n = worked_of(l->v, all, x, y);
    *ret_t = trend_of(x, y, n);
    return judge_rise(&l->strict, ret_t, x, y, least, ret_slows);
}

static void judge(struct judged *j, const struct look *l, const struct floor_row *row)
{
    enum leak by_bytes, by_objects;
    bool bytes_slow, objects_slow;

    *j = (struct judged){.name = row->name};
    by_bytes = judge_series(l, row->bytes, VERDICT_BYTES_MIN, &j->bytes, &bytes_slow);
    by_objects = judge_series(l, row->objects, VERDICT_OBJECTS_MIN, &j->objects, &objects_slow);
    j->leak = by_bytes == LEAK_YES || by_objects == LEAK_YES ? LEAK_YES : by_bytes == LEAK_NO && by_objects == LEAK_NO ? LEAK_NO : LEAK_UNKNOWN;
    j->slows = by_bytes == LEAK_UNKNOWN || by_objects == LEAK_NO ? bytes_slow : objects_slow;
}

/* ---- all of them ---- */

/* Into `growing`, by slope. */
static void add_growing(struct verdict *v, const struct judged *j)
{
    size_t at = v->growing_count;

    while (at > 0 && v->growing[at - 1].bytes.slope < j->bytes.slope)
        at--;
    if (at == VERDICT_GROWING_MAX)
        return;
    if (v->growing_count < VERDICT_GROWING_MAX)
        v->growing_count++;
    memmove(&v->growing[at + 1], &v->growing[at], (v->growing_count - at - 1) * sizeof *j); /* the slowest falls out */
    v->growing[at] = *j;
}

/* It rises for sure; whether it goes on is another question. */
static bool rises(const struct judged *j, const struct strictness *s)
{
    return j->leak == LEAK_YES || (j->leak == LEAK_UNKNOWN && (j->bytes.sigmas >= s->sigmas || j->objects.sigmas >= s->sigmas));
}

static void weigh(struct verdict *v, const struct judged *j, const struct strictness *s)
{
    if (rises(j, s) && j->name != NULL)
        add_growing(v, j);
    if (j->leak == LEAK_YES)
        v->leak = LEAK_YES;
    if (j->leak != LEAK_UNKNOWN || (v->doubt != DOUBT_NONE && v->doubtful.bytes.slope >= j->bytes.slope))
        return;
    v->doubtful = *j;
    v->doubt = j->slows ? DOUBT_SLOWS : DOUBT_NOISE;
}

/* What the fastest of those that shrink loses a second; 0: none does for sure. */
static double shrinks_by(const struct look *l)
{
    struct judged j;
    double most = 0;

    for (size_t k = 0; k < FLOOR_KINDS; k++)
        for (size_t i = 0; i < l->cut->f->of[k].count; i++) {
            judge(&j, l, l->cut->f->of[k].rows[i]);
            if (j.bytes.sigmas <= -l->strict.sigmas)
                most = fmax(most, -j.bytes.slope);
        }
    return most;
}

/* Of hundreds of sites some rise by chance: only as many deviations as make that rare in all of them say that something leaks.
 * Where the whole does anyway, it is only asked who. What a walk would do is asked of each as of one: with both made stricter
 * a third of those that double among twenty that swing are missed. */
static struct strictness strictness_of_rows(const struct verdict *v, const struct floors *f)
{
    size_t rows = 0;

    for (size_t k = 0; k < FLOOR_KINDS; k++)
        rows += f->of[k].count;
    return strictness_of(v->heap.leak == LEAK_YES || rows == 0 ? 1 : rows);
}

static void judge_rows(struct verdict *v, const struct cut *c)
{
    struct look l = {v, c, strictness_of_rows(v, c->f)};
    double shrinks = shrinks_by(&l);
    struct judged j;

    for (size_t k = 0; k < FLOOR_KINDS; k++)
        for (size_t i = 0; i < c->f->of[k].count; i++) {
            judge(&j, &l, c->f->of[k].rows[i]);
            j.what = (enum floor_of)k;
            if (v->heap.bytes.high + shrinks < j.bytes.slope * VERDICT_SHARE_MIN)
                j.leak = LEAK_NO;
            weigh(v, &j, &l.strict);
        }
}

/* Once one leaks for sure, what rises with it is told too; else nothing is. */
static void judge_all(struct verdict *v, const struct cut *c)
{
    struct look l = {v, c, strictness_of(1)};
    struct judged rss;

    judge(&v->heap, &l, &c->f->heap);
    weigh(v, &v->heap, &l.strict);
    judge(&rss, &l, &c->f->rss);
    v->rss = rss.bytes;
    judge_rows(v, c);
    if (v->leak == LEAK_YES)
        v->doubt = DOUBT_NONE;
    else
        v->growing_count = 0;
    if (v->doubt != DOUBT_NONE)
        v->leak = LEAK_UNKNOWN;
}

/* It has enough windows, and enough happened in them. */
static bool can_be_judged(const struct verdict *v)
{
    double x[VERDICT_WINDOWS_MAX], y[VERDICT_WINDOWS_MAX];

    return v->judged >= VERDICT_WINDOWS_MIN && worked_of(v, v->live, x, y) >= VERDICT_WINDOWS_MIN;
}

/* What was done since `from_s`, and what was not. */
static void count_work(struct verdict *v, const struct floors *f, const struct reading *end)
{
    size_t first = 0;

    while (first < f->count && f->t_s[first] < v->from_s)
        first++;
    v->work = end->work - (first < f->count ? f->work[first] : 0);
    v->failed = end->failed - (first < f->count ? f->failed[first] : 0);
    v->full = end->full - (first < f->count ? f->full[first] : 0);
}

/* Why the run itself does not let anybody judge; DOUBT_NONE: it does. */
static enum doubt hindrance_of(const struct verdict *v)
{
    if (v->failed > (v->work + v->failed) * VERDICT_FAILED_PART)
        return DOUBT_FAILED;
    if (v->ran_s < VERDICT_RUN_S_MIN)
        return DOUBT_SHORT;
    if (v->run_s < v->ran_s * VERDICT_SEEN_PART)
        return DOUBT_BLIND;
    if (v->full > 0 && v->leak != LEAK_YES) /* as far as there was room it grew all the same */
        return DOUBT_FULL;
    return can_be_judged(v) ? DOUBT_NONE : DOUBT_FEW;
}

struct verdict verdict_of(const struct floors *f, const struct reading *end)
{
    struct cut c = cut_of(f);
    struct verdict v = {.leak = LEAK_NO, .windows = c.windows, .ran_s = end->t_s};
    enum doubt hindrance;

    times_of(&v, &c);
    least_of(&c, f->heap.bytes, v.live);
    least_of(&c, f->heap.objects, v.objects);
    for (size_t w = 0; w < v.windows; w++)
        v.judged += v.worked_s[w] >= v.run_s * VERDICT_WARM_UP_PART;
    v.from_s = v.judged > 0 ? v.t_s[v.windows - v.judged] : 0;
    count_work(&v, f, end);
    if (can_be_judged(&v))
        judge_all(&v, &c);
    if ((hindrance = hindrance_of(&v)) != DOUBT_NONE) {
        v.leak = LEAK_UNKNOWN;
        v.doubt = hindrance;
        v.growing_count = 0;
    }
    return v;
}

/* There are more and more of it. */
static bool multiplies(const struct judged *j)
{
    return j->objects.low > 0;
}

const struct judged *verdict_culprit(const struct verdict *v, enum floor_of what)
{
    const struct judged *best = NULL;

    for (size_t i = 0; i < v->growing_count; i++)
        if (v->growing[i].what == what && (best == NULL || (!multiplies(best) && multiplies(&v->growing[i]))))
            best = &v->growing[i];
    return best;
}
