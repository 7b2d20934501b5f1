/* series.c - see series.h. */
#include "client/load/series.h"

static uint64_t worse(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* One point for the time of both; `since_s` is the beginning of a's. */
static struct point merged(const struct point *a, const struct point *b, double since_s)
{
    struct point p = *b;
    double a_s = a->t_s - since_s, b_s = b->t_s - a->t_s;

    p.ops_per_s = a_s + b_s > 0 ? (a->ops_per_s * a_s + b->ops_per_s * b_s) / (a_s + b_s) : b->ops_per_s;
    p.p50_us = worse(a->p50_us, b->p50_us);
    p.p99_us = worse(a->p99_us, b->p99_us);
    p.max_us = worse(a->max_us, b->max_us);
    return p;
}

static double begin_of(const struct series *s, size_t i)
{
    return i > 0 ? s->points[i - 1].t_s : 0;
}

static void halve(struct series *s)
{
    double since_s = 0;

    for (size_t i = 0; i + 1 < s->count; i += 2) {
        s->points[i / 2] = merged(&s->points[i], &s->points[i + 1], since_s);
        since_s = s->points[i / 2].t_s;
    }
    s->count /= 2;
    s->stride *= 2;
}

void series_init(struct series *s)
{
    *s = (struct series){.stride = 1};
}

void series_add(struct series *s, const struct point *p)
{
    if (s->given == 0) {
        if (s->count == SERIES_MAX)
            halve(s);
        s->points[s->count++] = *p;
    } else {
        struct point *last = &s->points[s->count - 1];

        *last = merged(last, p, begin_of(s, s->count - 1));
    }
    s->given = (s->given + 1) % s->stride;
}
