/* exposition.c - see exposition.h. */
#include "api/exposition.h"
#include <inttypes.h>
#include <stdio.h>

void family(struct metrics *m, enum family_type type, const char *name, const char *help)
{
    static const char *const types[] = {[COUNTER] = "counter", [GAUGE] = "gauge", [HISTOGRAM] = "histogram"};
    const char *suffix = type == COUNTER && !m->open_metrics ? "_total" : "";

    buf_printf(m->buf, "# HELP %s%s %s\n# TYPE %s%s %s\n", name, suffix, help, name, suffix, types[type]);
}

/* With \, " and line feed escaped. */
static void label_value(struct metrics *m, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n')
            buf_add_text(m->buf, "\\n");
        else if (*text == '\\' || *text == '"')
            buf_printf(m->buf, "\\%c", *text);
        else
            buf_add_byte(m->buf, *text);
    }
}

void label(struct metrics *m, char before, const char *name, const char *value)
{
    buf_add_byte(m->buf, before);
    buf_add_text(m->buf, name);
    buf_add_text(m->buf, "=\"");
    label_value(m, value);
    buf_add_byte(m->buf, '"');
}

void number(struct metrics *m, uint64_t value)
{
    buf_printf(m->buf, " %" PRIu64 "\n", value);
}

void labelled(struct metrics *m, const char *name, const char *key, const char *value, uint64_t n)
{
    buf_add_text(m->buf, name);
    label(m, '{', key, value);
    buf_add_byte(m->buf, '}');
    number(m, n);
}

void gauge(struct metrics *m, const char *name, const char *help, uint64_t value)
{
    family(m, GAUGE, name, help);
    buf_add_text(m->buf, name);
    number(m, value);
}

void counter(struct metrics *m, const char *name, const char *help, uint64_t value)
{
    family(m, COUNTER, name, help);
    buf_printf(m->buf, "%s_total", name);
    number(m, value);
}

void real(struct metrics *m, enum family_type type, const char *name, const char *help, double value)
{
    family(m, type, name, help);
    buf_printf(m->buf, "%s%s %.6f\n", name, type == COUNTER ? "_total" : "", value);
}

/* ---- histograms ---- */

static void bucket(struct metrics *m, const char *name, const char *labels, const char *le, uint64_t n)
{
    const char *comma = labels[0] != '\0' ? "," : "";

    buf_printf(m->buf, "%s_bucket{%s%sle=\"%s\"} %" PRIu64 "\n", name, labels, comma, le, n);
}

static void sum_and_count(struct metrics *m, const char *name, const char *labels, uint64_t sum_us, uint64_t count)
{
    const char *open = labels[0] != '\0' ? "{" : "", *close = labels[0] != '\0' ? "}" : "";

    buf_printf(m->buf, "%s_sum%s%s%s %.6f\n", name, open, labels, close, (double)sum_us / 1e6);
    buf_printf(m->buf, "%s_count%s%s%s %" PRIu64 "\n", name, open, labels, close, count);
}

void histogram(struct metrics *m, const char *name, const char *labels, const uint64_t bound_us[], const uint64_t in[],
               size_t count, uint64_t sum_us)
{
    uint64_t seen = 0;
    char le[32];

    labels = labels != NULL ? labels : "";
    for (size_t i = 0; i < count; i++) {
        seen += in[i];
        snprintf(le, sizeof le, "%.6f", (double)bound_us[i] / 1e6);
        bucket(m, name, labels, le, seen);
    }
    seen += in[count];
    bucket(m, name, labels, "+Inf", seen);
    sum_and_count(m, name, labels, sum_us, seen);
}

void histogram_of_times(struct metrics *m, const char *name, const char *labels, const struct times *t)
{
    uint64_t bound_us[TIME_BOUNDS];

    for (size_t i = 0; i < TIME_BOUNDS; i++)
        bound_us[i] = time_bound_us(i);
    histogram(m, name, labels, bound_us, t->in, TIME_BOUNDS, t->sum_us);
}
