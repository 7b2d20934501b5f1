/* pauses.c - see pauses.h. */
#include "daemon/pauses.h"
#include "daemon/clock.h"
#include "heap/base/check.h"

void pauses_begin(struct slice_time *s)
{
    s->cpu_us = clock_thread_cpu_us();
    s->began_unix_ms = clock_unix_ms();
    s->began_us = s->at_us = clock_us();
}

uint64_t pauses_step(struct slice_time *s, enum pause what)
{
    uint64_t now = clock_us(), us = now - s->at_us;

    CHECK(what < PAUSES);
    s->spent_us[what] += us;
    s->at_us = now;
    return us;
}

static size_t most_of(const struct slice_time *s)
{
    size_t most = 0;

    for (size_t i = 1; i < PAUSES; i++)
        if (s->spent_us[i] > s->spent_us[most])
            most = i;
    return most;
}

void pauses_end(struct pauses *p, const struct slice_time *s)
{
    uint64_t us[PAUSE_CLOCKS] = {[PAUSE_BY_WALL] = s->at_us - s->began_us,
                                 [PAUSE_BY_CPU] = clock_thread_cpu_us() - s->cpu_us};
    size_t most = most_of(s);

    for (size_t i = 0; i < PAUSES; i++)
        p->spent_us[i] += s->spent_us[i];
    for (size_t i = 0; i < PAUSE_CLOCKS; i++) {
        histogram_add(&p->all[i], us[i]);
        histogram_add(&p->mostly[most][i], us[i]);
    }
}

void pauses_note_run(struct pauses *p, const struct gc_run *run)
{
    if (run->dry_run)
        return;
    times_add(&p->collections[run->generation], run->us);
    p->slices[run->generation] += run->slices;
}

void pauses_tell(const struct pauses *p, enum pause what, enum pause_clock clock, struct api_pauses *ret)
{
    const struct histogram *h = what == PAUSES ? &p->all[clock] : &p->mostly[what][clock];

    *ret = (struct api_pauses){
        .count = h->count,
        .p50_us = histogram_quantile(h, 0.5),
        .p99_us = histogram_quantile(h, 0.99),
        .p999_us = histogram_quantile(h, 0.999),
        .max_us = h->max,
        .sum_us = h->sum,
        .spent_us = what == PAUSES ? h->sum : p->spent_us[what],
    };
    for (size_t i = 0; i < PAUSE_BOUNDS; i++)
        ret->below[i] = histogram_below(h, (uint64_t)PAUSE_BOUND_US_MIN << i);
}
