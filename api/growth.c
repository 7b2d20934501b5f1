/* growth.c - see growth.h: the windows, and what is done in each. */
#include "api/growth.h"
#include "api/growth_table.h"
#include "api/settings.h"
#include "heap/base/check.h"
#include "heap/heap_gc.h"
#include <string.h>

#define SAMPLES_PER_WINDOW 4  /* besides those after collections */
#define LOOKS_PER_WINDOW 64   /* whether a collection has ended, and at what is set ... */
#define LOOK_MS_MAX 1000      /* ... and at least so often */
#define OVERDUE_TIMES 2       /* as long as it ought to take, then garbage may be in a floor */
#define JUDGE_UNITS 32        /* 6 us: two medians and a slope of 120 pairs */
#define TELL_UNITS 128        /* a sentence with its evidence */
#define ROOT_UNITS 4          /* the fields of its object are looked through */
#define HIGH_WINDOWS 4        /* for so many it was that high, or higher */

void growth_init(struct growth *g, const struct growth_world *world)
{
    *g = (struct growth){.world = *world};
}

/* One is none any more. Returns what that cost. */
static size_t acquit(struct growth *g, enum growth_kind kind, struct grower *r, enum growth_over why)
{
    bool tell = r->told != NULL;

    if (tell)
        g->world.watch.over(g->world.watch.ctx, kind, r, why);
    r->suspect = 0;
    r->told = NULL;
    return tell ? TELL_UNITS : 1;
}

/* All that is watched, in steps; returns the units left, 0: there may be more. */
static size_t forget(struct growth *g, enum growth_over why, size_t units)
{
    g->window_ms = g->windows = 0;
    g->state = GROWTH_RESTS;
    for (int kind = 0; kind < GROWTH_KINDS; kind++) {
        struct growers *t = &g->of[kind];

        for (; t->count > 0 && units > 0; growers_remove(g, (enum growth_kind)kind, t->count - 1)) {
            struct grower *last = &t->rows[t->count - 1];

            units = units_less(units, acquit(g, (enum growth_kind)kind, last, why));
        }
        if (units == 0)
            return 0;
        growers_clear(g, (enum growth_kind)kind);
    }
    return units;
}

void growth_fini(struct growth *g)
{
    (void)forget(g, GROWTH_OVER_END, SIZE_MAX);
}

static size_t begin_anew(struct growth *g, uint64_t now_ms, size_t units)
{
    if ((units = forget(g, GROWTH_OVER_UNWATCHED, units)) == 0 || !g->world.settings->suspects_enabled)
        return units;
    g->window_ms = g->world.settings->suspects_window_ms;
    g->window_began_ms = g->sampled_ms = now_ms;
    g->collections = gc_collections(g->world.gc, GC_GENERATIONS - 1);
    g->has_floor = true; /* there is nothing to have one of */
    return units;
}

const struct grower *growth_at(const struct growth *g, enum growth_kind kind, uint32_t i)
{
    return i < g->of[kind].count ? &g->of[kind].rows[i] : NULL;
}

size_t growth_suspects(const struct growth *g, enum growth_kind kind)
{
    size_t count = 0;

    for (uint32_t i = 0; i < g->of[kind].count; i++)
        count += grower_is_suspect(&g->of[kind].rows[i]);
    return count;
}

const struct series *grower_series(const struct grower *r)
{
    return r->is_slow ? &r->slow : &r->recent;
}

/* ---- a sample ---- */

/* No full collection has come, and who tuned the collector does not want one: what there is counts. */
static bool is_overdue(const struct growth *g, const struct gc_tuning *t)
{
    uint64_t age_ms = (uint64_t)t->full_age_s * 1000;

    return g->now_ms - g->window_began_ms >= OVERDUE_TIMES * (age_ms > g->window_ms ? age_ms : g->window_ms);
}

/* Is what will be seen all that the collector leaves? */
static bool is_clean(const struct growth *g)
{
    struct gc_state gc;

    gc_get_state(g->world.gc, &gc);
    return gc.generations[GC_GENERATIONS - 1].collections != g->collections || !gc.cycles_possible || !gc.tuning.enabled ||
           is_overdue(g, &gc.tuning);
}

static void begin_sample(struct growth *g, uint64_t now_ms)
{
    g->state = GROWTH_SAMPLES;
    g->kind = g->at = 0;
    g->now_ms = now_ms;
    g->clean = is_clean(g);
    g->collections = gc_collections(g->world.gc, GC_GENERATIONS - 1);
    g->sampled_ms = now_ms;
}

static void note(struct grower *r, uint64_t value, uint64_t count, bool clean)
{
    r->last = value;
    if (!clean || value >= r->floor)
        return;
    r->floor = value;
    r->count = count;
}

/* The window that ends is the last of one on the slow scale. */
static bool ends_slow(const struct growth *g)
{
    return (g->windows + 1) % TREND_POINTS == 0;
}

static void note_end(uint64_t ended_ms[TREND_POINTS], uint64_t now_ms)
{
    memmove(ended_ms, ended_ms + 1, (TREND_POINTS - 1) * sizeof ended_ms[0]);
    ended_ms[TREND_POINTS - 1] = now_ms;
}

/* When it ends is known before anything of it is judged. */
static void begin_to_close(struct growth *g)
{
    g->state = GROWTH_CLOSES;
    note_end(g->ended_ms, g->now_ms);
    if (ends_slow(g))
        note_end(g->slow_ended_ms, g->now_ms);
}

static void end_sample(struct growth *g)
{
    g->has_floor |= g->clean;
    g->state = GROWTH_RESTS;
    g->kind = g->at = 0;
    if (g->has_floor && g->now_ms - g->window_began_ms >= g->window_ms)
        begin_to_close(g);
}

/* The next of the things that are watched; NULL: it is through. */
static struct grower *next_row(struct growth *g)
{
    while (g->kind < GROWTH_KINDS && g->at == g->of[g->kind].count) {
        g->kind++;
        g->at = 0;
    }
    return g->kind < GROWTH_KINDS ? &g->of[g->kind].rows[g->at] : NULL;
}

/* Returns what that cost. */
static size_t sample_row(struct growth *g, struct grower *r)
{
    enum growth_kind kind = (enum growth_kind)g->kind;
    uint64_t value, count;
    size_t cost = kind == GROWTH_ROOT ? ROOT_UNITS : 1;

    if (growers_look(g, kind, r, &value, &count)) {
        note(r, value, count, g->clean);
        g->at++;
        return cost;
    }
    cost += acquit(g, kind, r, GROWTH_OVER_GONE);
    growers_remove(g, kind, g->at);
    return cost;
}

static size_t sample(struct growth *g, size_t units)
{
    struct grower *r = NULL;

    while (units > 0 && (r = next_row(g)) != NULL)
        units = units_less(units, sample_row(g, r));
    if (units > 0)
        end_sample(g);
    return units;
}

/* ---- the end of a window ---- */

/* Make room for the newest of some. */
static void age(uint64_t ages[TREND_POINTS])
{
    memmove(ages + 1, ages, (TREND_POINTS - 1) * sizeof ages[0]);
}

static void push(struct series *s, const uint64_t ended_ms[TREND_POINTS], uint64_t floor, uint64_t count)
{
    if (s->n == TREND_POINTS) {
        memmove(s->floor, s->floor + 1, (TREND_POINTS - 1) * sizeof s->floor[0]);
        memmove(s->count, s->count + 1, (TREND_POINTS - 1) * sizeof s->count[0]);
        s->n--;
    }
    s->floor[s->n] = floor;
    s->count[s->n++] = count;
    s->over_ms = ended_ms[TREND_POINTS - 1] - ended_ms[TREND_POINTS - s->n];
}

static size_t least(const struct series *s)
{
    size_t least = 0;

    for (size_t i = 1; i < s->n; i++)
        if (s->floor[i] < s->floor[least])
            least = i;
    return least;
}

/* What HIGH_WINDOWS of them were not below. */
static uint64_t high_of(const uint64_t floors[TREND_POINTS])
{
    uint64_t high[HIGH_WINDOWS] = {0}; /* the highest, falling */

    for (size_t i = 0; i < TREND_POINTS; i++) {
        uint64_t floor = floors[i];

        for (size_t k = 0; k < HIGH_WINDOWS; k++) {
            uint64_t other = high[k];

            if (floor <= other)
                continue;
            high[k] = floor;
            floor = other;
        }
    }
    return high[HIGH_WINDOWS - 1];
}

/* The floors of the last windows become one on the slow scale. */
static void push_slow(const struct growth *g, struct grower *r)
{
    size_t i = least(&r->recent);

    push(&r->slow, g->slow_ended_ms, r->recent.floor[i], r->recent.count[i]);
    age(r->high);
    r->high[0] = high_of(r->recent.floor);
}

/* Before the windows that are looked at now; the newest of the slow scale shares some with them. */
static uint64_t highest_before(const struct grower *r)
{
    uint64_t highest = high_of(r->before);

    for (size_t i = 1; i < TREND_POINTS; i++)
        if (r->high[i] > highest)
            highest = r->high[i];
    return highest;
}

/* Growth that is worth somebody's time: of bytes, a thousandth of all that lives at least. */
static uint64_t matters(const struct growth *g, enum growth_kind kind)
{
    uint64_t bytes = g->world.settings->suspects_bytes_min;

    if (kind != GROWTH_SITE && kind != GROWTH_CLASS)
        return GROWTH_COUNT_MATTERS;
    return bytes > g->live_bytes / 1000 ? bytes : g->live_bytes / 1000;
}

static void suspect(struct growth *g, struct grower *r, bool is_slow, const struct trend *t)
{
    uint64_t until = g->windows + 1 + (is_slow ? TREND_POINTS : GROWTH_DOUBT);

    if (!grower_is_suspect(r)) {
        r->suspect_since_ms = g->now_ms;
        r->suspect = ++g->raised;
    }
    if (until > r->suspect_until)
        r->suspect_until = until;
    r->is_slow = is_slow;
    r->trend = *t;
}

static void judge(struct growth *g, struct grower *r, bool slow_too)
{
    uint64_t least_growth = matters(g, (enum growth_kind)g->kind);
    struct trend t;

    if (r->recent.n == TREND_POINTS) {
        t = trend_of(r->recent.floor, highest_before(r), least_growth);
        if (t.grows || (t.goes_on && grower_is_suspect(r)))
            suspect(g, r, false, &t);
    }
    if (slow_too && r->slow.n == TREND_POINTS) {
        t = trend_of(r->slow.floor, 0, least_growth);
        if (t.grows)
            suspect(g, r, true, &t);
    }
}

/* Tell of the one that has become a suspect, or is none any more. Returns what that cost. */
static size_t tell_of(struct growth *g, struct grower *r)
{
    const struct growth_watch *w = &g->world.watch;
    enum growth_kind kind = (enum growth_kind)g->kind;

    if (!grower_is_suspect(r))
        return 0;
    if (r->suspect_until <= g->windows + 1)
        return acquit(g, kind, r, GROWTH_OVER_LEVEL);
    if (r->told != NULL || w->suspected == NULL)
        return 0;
    r->told = w->suspected(w->ctx, kind, r);
    return TELL_UNITS;
}

/* Returns what that cost. */
static size_t close_row(struct growth *g, struct grower *r)
{
    bool slow_too;

    if (r->floor == UINT64_MAX)
        return 1; /* it came while the window closed */
    if (r->recent.n == TREND_POINTS) {
        age(r->before);
        r->before[0] = r->recent.floor[0];
    }
    push(&r->recent, g->ended_ms, r->floor, r->count);
    r->floor = UINT64_MAX;
    slow_too = ends_slow(g) && r->recent.n == TREND_POINTS;
    if (slow_too)
        push_slow(g, r);
    judge(g, r, slow_too);
    return JUDGE_UNITS + tell_of(g, r);
}

static size_t close_window(struct growth *g, size_t units)
{
    struct grower *r = NULL;

    for (; units > 0 && (r = next_row(g)) != NULL; g->at++)
        units = units_less(units, close_row(g, r));
    if (units == 0)
        return 0;
    g->windows++;
    g->state = GROWTH_ADMITS;
    g->kind = g->at = 0;
    return units;
}

static size_t admit(struct growth *g, size_t units)
{
    units = growers_admit(g, units);
    if (units == 0)
        return 0;
    g->live_bytes = heap_counters(g->world.heap)->live_bytes;
    g->window_began_ms = g->now_ms;
    g->has_floor = false;
    g->state = GROWTH_RESTS;
    return units;
}

/* ---- steps ---- */

static bool is_due(const struct growth *g, uint64_t now_ms)
{
    return now_ms - g->sampled_ms >= g->window_ms / SAMPLES_PER_WINDOW ||
           gc_collections(g->world.gc, GC_GENERATIONS - 1) != g->collections;
}

static size_t work(struct growth *g, uint64_t now_ms, size_t units)
{
    if (g->state == GROWTH_RESTS && is_due(g, now_ms))
        begin_sample(g, now_ms);
    if (g->state == GROWTH_SAMPLES)
        units = sample(g, units);
    if (g->state == GROWTH_CLOSES && units > 0)
        units = close_window(g, units);
    if (g->state == GROWTH_ADMITS && units > 0)
        units = admit(g, units);
    return units;
}

static uint64_t next_look_ms(const struct growth *g, uint64_t now_ms)
{
    uint64_t ms = g->window_ms / LOOKS_PER_WINDOW;

    return g->state != GROWTH_RESTS ? 0 : now_ms + (ms > 0 && ms < LOOK_MS_MAX ? ms : LOOK_MS_MAX);
}

size_t growth_step(struct growth *g, uint64_t now_ms, size_t units)
{
    const struct settings *s = g->world.settings;

    if (!growth_has_work(g, now_ms) || units == 0)
        return units;
    if (!s->suspects_enabled || g->window_ms != s->suspects_window_ms)
        units = begin_anew(g, now_ms, units);
    else
        units = work(g, now_ms, units);
    g->next_ms = units > 0 ? next_look_ms(g, now_ms) : 0;
    return units;
}
