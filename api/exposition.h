/*
 * exposition.h - the format of /metrics: families and their samples, in one of two dialects.
 *
 * One writer serves both, text 0.0.4 and OpenMetrics 1.0.0. They differ in three places: the name of a counter's family has
 * no `_total` in OpenMetrics, that ends with `# EOF`, and the type.
 */
#pragma once
#include "api/times.h"
#include "heap/base/buf.h"

struct metrics {
    struct buf *buf;
    bool open_metrics;
};

enum family_type { COUNTER, GAUGE, HISTOGRAM };

/* What follows are its samples. Those of a counter are named NAME_total. */
void family(struct metrics *m, enum family_type type, const char *name, const char *help);

/* One label of a sample, its value escaped; `before` is '{' for the first, else ','. */
void label(struct metrics *m, char before, const char *name, const char *value);
/* The end of a sample. */
void number(struct metrics *m, uint64_t value);
/* One sample with one label. */
void labelled(struct metrics *m, const char *name, const char *key, const char *value, uint64_t n);

/* Families of one sample without labels. */
void gauge(struct metrics *m, const char *name, const char *help, uint64_t value);
void counter(struct metrics *m, const char *name, const char *help, uint64_t value);
void real(struct metrics *m, enum family_type type, const char *name, const char *help, double value);

/* One histogram of a family: so many buckets, which end below bound_us[i] and have in[i], and one more for the rest.
 * `labels` is text like phase="mark", or NULL. */
void histogram(struct metrics *m, const char *name, const char *labels, const uint64_t bound_us[], const uint64_t in[],
               size_t count, uint64_t sum_us);
void histogram_of_times(struct metrics *m, const char *name, const char *labels, const struct times *t);
