/* meter.c - see meter.h. */
#include "client/load/meter.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOG_EVERY 4 /* points */

enum step { READ_HEAP, READ_GC, READ_LOG, COLLECT, READ_FLOOR, READ_SITES, READ_CLASSES, STEPS };

static double since_s(const struct meter *m)
{
    return (double)(uv_hrtime() - m->began_ns) / 1e9;
}

static uint64_t number_of(json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);

    return json_is_integer(value) && json_integer_value(value) > 0 ? (uint64_t)json_integer_value(value) : 0;
}

struct reading meter_now(const struct meter *m)
{
    return (struct reading){.t_s = since_s(m),
                            .work = (double)m->counts->done,
                            .failed = (double)(m->counts->failed - m->counts->full),
                            .full = (double)m->counts->full};
}

/* ---- a point ---- */

static void take_heap(struct meter *m, json_t *said)
{
    json_t *bytes = json_object_get(said, "bytes");

    m->point = (struct point){.t_s = since_s(m),
                              .rss = number_of(said, "rss"),
                              .live = number_of(bytes, "live"),
                              .committed = number_of(bytes, "committed"),
                              .objects = number_of(said, "objects")};
}

/* What the load has seen since the last point, and the point is whole. */
static void end_point(struct meter *m)
{
    struct point *p = &m->point;
    double time_s = p->t_s - m->point_began_s;

    p->ops_per_s = time_s > 0 ? (double)m->recent.count / time_s : 0;
    p->p50_us = histogram_quantile(&m->recent, 0.5);
    p->p99_us = histogram_quantile(&m->recent, 0.99);
    p->max_us = m->recent.max;
    histogram_clear(&m->recent);
    m->point_began_s = p->t_s;
    m->points_read++;
    series_add(&m->series, p);
}

static void take_gc(struct meter *m, json_t *said)
{
    json_t *generation;
    size_t i;

    json_array_foreach(json_object_get(said, "generations"), i, generation)
        m->point.collections += number_of(generation, "collections");
    m->point.pause_p99_us = number_of(json_object_get(said, "pauses_us"), "p99");
    end_point(m);
}

/* ---- the collector's log ---- */

/* "2026-01-31T23:59:59.123Z" in seconds since 1970. */
static double wall_of(const char *text)
{
    struct tm tm = {0};
    const char *rest = text != NULL ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;

    return rest != NULL ? (double)timegm(&tm) + (*rest == '.' ? strtod(rest, NULL) : 0) : 0;
}

static void take_collection(struct meter *m, json_t *item)
{
    struct collection *c = &m->collections[m->collection_count % METER_COLLECTIONS_MAX];
    const char *reason = json_string_value(json_object_get(item, "reason"));

    *c = (struct collection){.t_s = wall_of(json_string_value(json_object_get(item, "ended"))) - m->began_wall_s,
                             .number = number_of(item, "number"),
                             .generation = (unsigned)number_of(item, "generation"),
                             .collected = number_of(item, "collected"),
                             .duration_us = number_of(item, "duration_us"),
                             .max_slice_us = number_of(item, "max_slice_us")};
    (void)snprintf(c->reason, sizeof c->reason, "%s", reason != NULL ? reason : "");
    m->missed += m->last_number != 0 ? c->number - m->last_number - 1 : 0;
    m->last_number = c->number;
    if (c->t_s < 0)
        return; /* of before the load */
    m->collection_count++;
    m->collected += c->collected;
    m->max_slice_us = c->max_slice_us > m->max_slice_us ? c->max_slice_us : m->max_slice_us;
}

/* Its pages may come newest or oldest first: by number it is. */
static void take_log(struct meter *m, json_t *said)
{
    json_t *items = json_object_get(said, "items");
    size_t count = json_array_size(items);
    bool newest_first = count > 1 && number_of(json_array_get(items, 0), "number") > number_of(json_array_get(items, 1), "number");

    for (size_t i = 0; i < count; i++) {
        json_t *item = json_array_get(items, newest_first ? count - 1 - i : i);

        if (number_of(item, "number") > m->last_number)
            take_collection(m, item);
    }
}

/* ---- a floor ---- */

static void take_nothing(struct meter *m, json_t *said)
{
    (void)m;
    (void)said;
}

static void take_floor(struct meter *m, json_t *said)
{
    struct reading r = meter_now(m);

    r.live = (double)number_of(json_object_get(said, "bytes"), "live");
    r.objects = (double)number_of(said, "objects");
    r.rss = (double)number_of(said, "rss");
    floors_begin(&m->floors, &r);
}

static void take_rows(struct meter *m, json_t *said, enum floor_of what, const char *key)
{
    json_t *item;
    size_t i;

    if (m->floors.count == 0)
        return;
    json_array_foreach(json_object_get(said, "items"), i, item) {
        const char *name = json_string_value(json_object_get(item, key));

        if (name != NULL && name[0] != '\0' &&
            !floors_tell(&m->floors, what, name, (double)number_of(item, "bytes"), (double)number_of(item, "count")))
            m->failed = true;
    }
}

static void take_sites(struct meter *m, json_t *said)
{
    take_rows(m, said, FLOOR_SITE, "site");
}

static void take_classes(struct meter *m, json_t *said)
{
    take_rows(m, said, FLOOR_CLASS, "class");
    floors_keep(&m->floors);
}

/* ---- one after the other ---- */

static const struct {
    const char *method, *path;
    void (*take)(struct meter *m, json_t *said);
} steps[STEPS] = {
    [READ_HEAP] = {"GET", "/v1/heap", take_heap},
    [READ_GC] = {"GET", "/v1/gc", take_gc},
    [READ_LOG] = {"GET", "/v1/gc/log?limit=1000", take_log},
    [COLLECT] = {"POST", "/v1/gc/collect", take_nothing},
    [READ_FLOOR] = {"GET", "/v1/heap", take_floor},
    [READ_SITES] = {"GET", "/v1/heap/sites?sort=bytes&limit=1000", take_sites},
    [READ_CLASSES] = {"GET", "/v1/heap/classes?sort=bytes&limit=1000", take_classes},
};

static void go_on(struct meter *m);

static void on_answer(void *arg, struct line *l, const struct line_answer *a)
{
    struct meter *m = arg;
    enum step step = (enum step)m->steps[0];
    json_t *said = a->status == 200 ? json_loadb(a->body, a->length, 0, NULL) : NULL;

    m->is_another |= m->instance[0] != '\0' && l->instance[0] != '\0' && strcmp(l->instance, m->instance) != 0;
    memmove(m->steps, m->steps + 1, --m->step_count);
    if (said != NULL) {
        steps[step].take(m, said);
        json_decref(said);
    } else {
        m->broken++;
        m->gone |= a->refused;
        m->step_count = 0; /* what is half read is not read */
    }
    go_on(m);
}

static void go_on(struct meter *m)
{
    enum step step = (enum step)m->steps[0];

    if (m->step_count == 0 || !line_is_free(&m->line))
        return;
    ask_begin(&m->ask, ASK_READ, steps[step].method, 0, "%s", steps[step].path);
    head_write(&m->head, m->who, &m->ask, NULL);
    line_ask(&m->line, &m->head, &m->ask.body, on_answer, m);
}

static bool waits(const struct meter *m, enum step step)
{
    return memchr(m->steps, (int)step, m->step_count) != NULL;
}

static void queue(struct meter *m, enum step step)
{
    if (m->step_count < METER_STEPS_MAX)
        m->steps[m->step_count++] = (unsigned char)step;
    else
        m->broken++;
}

void meter_read_point(struct meter *m)
{
    if (waits(m, READ_HEAP) || waits(m, READ_GC))
        return;
    queue(m, READ_HEAP);
    queue(m, READ_GC);
    if (m->points_read % LOG_EVERY == 0)
        queue(m, READ_LOG);
    go_on(m);
}

void meter_read_floor(struct meter *m)
{
    if (waits(m, COLLECT) || waits(m, READ_CLASSES))
        return;
    queue(m, COLLECT);
    queue(m, READ_FLOOR);
    queue(m, COLLECT); /* the garbage of a millisecond is not little beside what a small heap keeps */
    queue(m, READ_SITES);
    queue(m, COLLECT);
    queue(m, READ_CLASSES);
    go_on(m);
}

void meter_read_log(struct meter *m)
{
    queue(m, READ_LOG);
    go_on(m);
}

bool meter_is_idle(const struct meter *m)
{
    return m->step_count == 0;
}

void meter_init(struct meter *m, uv_loop_t *loop, const struct line_place *place, const struct identity *who,
                const struct counts *counts)
{
    memset(m, 0, sizeof *m);
    m->counts = counts;
    line_init(&m->line, loop, place);
    m->line.listens = true;
    series_init(&m->series);
    floors_init(&m->floors);
    m->who = who;
}

void meter_begin(struct meter *m, uint64_t now_ns)
{
    struct timespec wall;

    clock_gettime(CLOCK_REALTIME, &wall);
    m->began_ns = now_ns;
    m->began_wall_s = (double)wall.tv_sec + (double)wall.tv_nsec / 1e9;
}

void meter_fini(struct meter *m)
{
    line_fini(&m->line);
    floors_fini(&m->floors);
    text_fini(&m->ask.body);
    text_fini(&m->head);
}
