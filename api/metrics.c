/*
 * metrics.c - /metrics: the numbers of the heap, the collector and the process, for Prometheus.
 *
 * One writer serves both formats, text 0.0.4 and OpenMetrics 1.0.0 (chosen by Accept). They differ in three
 * places: the name of a counter's family has no `_total` in OpenMetrics, that ends with `# EOF`, and the
 * type.
 */
#include "api/handlers.h"
#include "api/pauses.h"
#include "api/snapshots.h"
#include "heap/base/check.h"
#include <inttypes.h>
#include <strings.h>

#ifndef HEAPD_VERSION
#define HEAPD_VERSION "0"
#endif

#define TYPE_TEXT      "text/plain; version=0.0.4; charset=utf-8"
#define TYPE_OPEN      "application/openmetrics-text"
#define TYPE_OPEN_FULL TYPE_OPEN "; version=1.0.0; charset=utf-8"

struct metrics {
    struct buf *buf;
    bool open_metrics;
};

/* ---- the format ---- */

enum family_type { COUNTER, GAUGE, HISTOGRAM };

/* The samples of a counter are named NAME_total. */
static void family(struct metrics *m, enum family_type type, const char *name, const char *help)
{
    static const char *const types[] = {[COUNTER] = "counter", [GAUGE] = "gauge", [HISTOGRAM] = "histogram"};
    const char *suffix = type == COUNTER && !m->open_metrics ? "_total" : "";

    buf_printf(m->buf, "# HELP %s%s %s\n# TYPE %s%s %s\n", name, suffix, help, name, suffix, types[type]);
}

/* A label's value, with \, " and line feed escaped. */
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

static void label(struct metrics *m, char before, const char *name, const char *value)
{
    buf_add_byte(m->buf, before);
    buf_add_text(m->buf, name);
    buf_add_text(m->buf, "=\"");
    label_value(m, value);
    buf_add_byte(m->buf, '"');
}

static void number(struct metrics *m, uint64_t value)
{
    buf_printf(m->buf, " %" PRIu64 "\n", value);
}

/* One sample with one label. */
static void labelled(struct metrics *m, const char *name, const char *key, const char *value, uint64_t n)
{
    buf_add_text(m->buf, name);
    label(m, '{', key, value);
    buf_add_byte(m->buf, '}');
    number(m, n);
}

/* A family of one sample without labels. */
static void gauge(struct metrics *m, const char *name, const char *help, uint64_t value)
{
    family(m, GAUGE, name, help);
    buf_add_text(m->buf, name);
    number(m, value);
}

static void counter(struct metrics *m, const char *name, const char *help, uint64_t value)
{
    family(m, COUNTER, name, help);
    buf_printf(m->buf, "%s_total", name);
    number(m, value);
}

/* ---- the collector ---- */

static const char *const generation_names[GC_GENERATIONS] = {"0", "1", "2"};

static void write_collections(struct metrics *m, const struct gc_state *s)
{
    family(m, COUNTER, "heapd_gc_collections", "Number of times this generation was collected.");
    for (size_t i = 0; i < GC_GENERATIONS; i++)
        labelled(m, "heapd_gc_collections_total", "generation", generation_names[i],
                 s->generations[i].collections);
    family(m, COUNTER, "heapd_gc_objects_collected", "Objects found unreachable by collections.");
    for (size_t i = 0; i < GC_GENERATIONS; i++)
        labelled(m, "heapd_gc_objects_collected_total", "generation", generation_names[i],
                 s->generations[i].collected);
    family(m, COUNTER, "heapd_gc_objects_uncollectable", "Unreachable objects that could not be collected.");
    for (size_t i = 0; i < GC_GENERATIONS; i++)
        labelled(m, "heapd_gc_objects_uncollectable_total", "generation", generation_names[i],
                 s->generations[i].uncollectable);
}

static void write_tuning(struct metrics *m, const struct gc_state *s)
{
    family(m, GAUGE, "heapd_gc_threshold", "Count above which a generation is collected.");
    for (size_t i = 0; i < GC_GENERATIONS; i++)
        labelled(m, "heapd_gc_threshold", "generation", generation_names[i], s->tuning.thresholds[i]);
    family(m, GAUGE, "heapd_gc_count", "Count that is compared with the threshold.");
    for (size_t i = 0; i < GC_GENERATIONS; i++)
        labelled(m, "heapd_gc_count", "generation", generation_names[i], s->counts[i]);
    gauge(m, "heapd_gc_enabled", "Whether collections start by themselves.", s->tuning.enabled);
    gauge(m, "heapd_gc_garbage", "Objects kept by save-all.", s->garbage);
}

/* One histogram of a family; `phase` NULL: without that label. Bounds are powers of two of microseconds, where the
 * record's own buckets end, so that they are exact. */
static void write_histogram(struct metrics *m, const char *name, const char *phase, const struct api_pauses *p)
{
    const char *more = phase != NULL ? "," : "";
    char of_phase[64] = "", alone[sizeof of_phase + 2] = "";

    if (phase != NULL) {
        snprintf(of_phase, sizeof of_phase, "phase=\"%s\"", phase);
        snprintf(alone, sizeof alone, "{%s}", of_phase);
    }
    for (size_t i = 0; i < PAUSE_BOUNDS; i++)
        buf_printf(m->buf, "%s_bucket{%s%sle=\"%.6f\"} %" PRIu64 "\n", name, of_phase, more,
                   (double)((uint64_t)PAUSE_BOUND_US_MIN << i) / 1e6, p->below[i]);
    buf_printf(m->buf, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", name, of_phase, more, p->count);
    buf_printf(m->buf, "%s_sum%s %.6f\n", name, alone, (double)p->sum_us / 1e6);
    buf_printf(m->buf, "%s_count%s %" PRIu64 "\n", name, alone, p->count);
}

static void write_pauses_by(struct metrics *m, const struct api *api, enum pause_clock clock, const char *name,
                            const char *help)
{
    struct api_pauses p;

    family(m, HISTOGRAM, name, help);
    for (size_t i = 1; i < PAUSES; i++) {
        api->world.pauses(api->world.ctx, (enum pause)i, clock, &p);
        write_histogram(m, name, pause_name((enum pause)i), &p);
    }
}

/* Every slice is under the phase that took most of it, so the phases add up to all. */
static void write_pauses(struct metrics *m, const struct api *api)
{
    struct api_pauses p;

    write_pauses_by(m, api, PAUSE_BY_WALL, "heapd_gc_pause_seconds",
                    "Slices of work between requests, by the phase that took most of each.");
    write_pauses_by(m, api, PAUSE_BY_CPU, "heapd_gc_pause_cpu_seconds",
                    "The same by CPU time of the thread: what of a pause is not the machine's.");
    family(m, COUNTER, "heapd_gc_phase_seconds", "Time spent on each phase, in whatever slice.");
    for (size_t i = 1; i < PAUSES; i++) {
        api->world.pauses(api->world.ctx, (enum pause)i, PAUSE_BY_WALL, &p);
        buf_add_text(m->buf, "heapd_gc_phase_seconds_total");
        label(m, '{', "phase", pause_name((enum pause)i));
        buf_printf(m->buf, "} %.6f\n", (double)p.spent_us / 1e6);
    }
}

/* ---- the heap ---- */

/* Every live object is in one of these. */
static void write_objects(struct metrics *m, const struct gc_state *gc, const struct heap_stats *s)
{
    uint64_t tracked = gc->frozen;

    family(m, GAUGE, "heapd_objects", "Live objects by generation; bytes objects are in none.");
    for (size_t i = 0; i < GC_GENERATIONS; i++) {
        labelled(m, "heapd_objects", "generation", generation_names[i], gc->generations[i].objects);
        tracked += gc->generations[i].objects;
    }
    labelled(m, "heapd_objects", "generation", "frozen", gc->frozen);
    labelled(m, "heapd_objects", "generation", "none", s->objects > tracked ? s->objects - tracked : 0);
}

static void write_life(struct metrics *m, const struct heap_stats *s)
{
    counter(m, "heapd_objects_created", "Objects ever created.", s->created);
    family(m, COUNTER, "heapd_objects_freed", "Objects that died, by what found them dead.");
    labelled(m, "heapd_objects_freed_total", "by", "refcount", s->freed_by_refcount);
    labelled(m, "heapd_objects_freed_total", "by", "collector", s->freed_by_collector);
    gauge(m, "heapd_doomed_objects", "Dead objects whose memory has not yet returned.", s->doomed);
}

static void write_counts(struct metrics *m, const struct api *api, const struct heap_stats *s)
{
    gauge(m, "heapd_links", "Strong links.", s->links);
    gauge(m, "heapd_weak_links", "Weak links.", s->weak_links);
    gauge(m, "heapd_roots", "Named roots.", s->roots);
    gauge(m, "heapd_weak_names", "Named weak references.", s->weak_names);
    gauge(m, "heapd_classes", "Classes in use.", s->classes);
    gauge(m, "heapd_sessions", "Open sessions, the default one included.", session_count(api->sessions));
}

static void write_bytes(struct metrics *m, const struct heap_stats *s)
{
    const struct {
        const char *kind;
        uint64_t bytes;
    } kinds[] = {
        {"live", s->live_bytes},           {"doomed", s->doomed_bytes},       {"shared", s->shared_bytes},
        {"pool_free", s->pool_free_bytes}, {"dirty", s->dirty_bytes},         {"large", s->large_bytes},
        {"side", s->side_bytes},           {"committed", s->committed_bytes},
    };

    family(m, GAUGE, "heapd_heap_bytes", "Bytes of the heap by kind; kinds overlap as /v1/heap explains.");
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        labelled(m, "heapd_heap_bytes", "kind", kinds[i].kind, kinds[i].bytes);
}

static void write_pool_sample(struct metrics *m, const struct pool_class_info *c, const char *state,
                              uint64_t cells)
{
    buf_add_text(m->buf, "heapd_pool_bytes");
    label(m, '{', "kind", c->kind);
    buf_printf(m->buf, ",cell_bytes=\"%" PRIu32 "\"", c->cell_bytes);
    label(m, ',', "state", state);
    buf_add_byte(m->buf, '}');
    number(m, cells * c->cell_bytes);
}

static void write_pools(struct metrics *m, const struct heap *h)
{
    struct pool_class_info c;
    uint32_t cursor = 0;

    family(m, GAUGE, "heapd_pool_bytes", "Cells of pools by size and state.");
    while (heap_next_pool_class(h, &cursor, &c)) {
        write_pool_sample(m, &c, "used", c.used);
        write_pool_sample(m, &c, "free", c.free);
    }
}

/* ---- requests and the process ---- */

static void write_answers(struct metrics *m, const uint64_t answers[], const char *method,
                          const char *pattern)
{
    static const char *const codes[] = {"", "1xx", "2xx", "3xx", "4xx", "5xx"};

    for (size_t i = 1; i < ARRAY_LEN(codes); i++) {
        if (answers[i] == 0)
            continue;
        buf_add_text(m->buf, "heapd_http_requests_total");
        label(m, '{', "method", method);
        label(m, ',', "route", pattern);
        label(m, ',', "code", codes[i]);
        buf_add_byte(m->buf, '}');
        number(m, answers[i]);
    }
}

static void write_requests(struct metrics *m, const struct api *api)
{
    const struct api_counters *c = &api->counters;
    struct idem_stats kept;
    const struct route *r;

    family(m, COUNTER, "heapd_http_requests", "Requests answered, by route and class of status.");
    for (size_t i = 0; (r = route_at(i)) != NULL; i++)
        write_answers(m, c->answers[i], method_name(r->method), r->pattern);
    write_answers(m, c->answers[ROUTES_MAX], "", "");
    counter(m, "heapd_batch_ops", "Operations of batches done.", c->batch_ops);
    idem_stats(api->idempotency, &kept);
    gauge(m, "heapd_idempotency_keys", "Answers kept for retries.", kept.kept);
    counter(m, "heapd_idempotency_replays", "Retries that got the first answer.", c->replays);
    counter(m, "heapd_idempotency_evicted", "Answers dropped for newer ones before their time.", kept.evicted);
    gauge(m, "heapd_http_requests_open", "Requests not yet answered.", c->tasks_open);
}

static void write_snapshots(struct metrics *m, const struct api *api)
{
    uint64_t untouched, bytes = snapshots_bytes(api, &untouched);

    gauge(m, "heapd_snapshots", "Snapshots that are kept or being taken.", api->snapshots.count);
    gauge(m, "heapd_snapshot_bytes", "What they take.", bytes);
    counter(m, "heapd_snapshots_taken", "Snapshots taken.", api->snapshots.last_n);
}

static void real(struct metrics *m, enum family_type type, const char *name, const char *help, double value)
{
    family(m, type, name, help);
    buf_printf(m->buf, "%s%s %.3f\n", name, type == COUNTER ? "_total" : "", value);
}

static void write_process(struct metrics *m, const struct api *api)
{
    struct api_process p;

    api->world.process(api->world.ctx, &p);
    gauge(m, "heapd_connections", "Open connections.", p.connections);
    real(m, COUNTER, "process_cpu_seconds", "User and system time.", p.cpu_seconds);
    real(m, GAUGE, "process_start_time_seconds", "Start, in Unix time.", p.start_time_seconds);
    gauge(m, "process_resident_memory_bytes", "Memory in RAM.", api->world.rss_bytes(api->world.ctx));
    gauge(m, "heapd_memory_limit_bytes", "What heapd may allocate; 0: no limit.", api->settings->memory_bytes_max);
    counter(m, "heapd_memory_refusals", "Times that memory was refused because of the limit.", api->mem->refused_count);
    gauge(m, "process_virtual_memory_bytes", "Address space.", p.virtual_bytes);
    gauge(m, "process_open_fds", "Open file descriptors.", p.open_fds);
    gauge(m, "process_max_fds", "Limit of open file descriptors.", p.max_fds);
    family(m, GAUGE, "heapd_build_info", "Version of this service; always 1.");
    labelled(m, "heapd_build_info", "version", HEAPD_VERSION, 1);
}

/* ---- the page ---- */

static void write_all(struct metrics *m, const struct api *api)
{
    struct heap_stats heap;
    struct gc_state gc;

    heap_stats(api->heap, &heap);
    gc_get_state(api->gc, &gc);
    write_collections(m, &gc);
    write_tuning(m, &gc);
    write_pauses(m, api);
    write_objects(m, &gc, &heap);
    write_life(m, &heap);
    write_counts(m, api, &heap);
    write_bytes(m, &heap);
    write_pools(m, api->heap);
    write_requests(m, api);
    write_snapshots(m, api);
    write_process(m, api);
    if (m->open_metrics)
        buf_add_text(m->buf, "# EOF\n");
}

/* Does Accept name OpenMetrics? Whoever can read it prefers it, so weights are not compared. */
static bool wants_open_metrics(struct slice accept)
{
    size_t len = sizeof TYPE_OPEN - 1;

    for (size_t i = 0; i + len <= accept.len; i++) {
        if (strncasecmp(accept.data + i, TYPE_OPEN, len) == 0)
            return true;
    }
    return false;
}

/* GET /metrics  ->  200, Prometheus text, or OpenMetrics where Accept names it */
enum err get_metrics(struct api *api, struct task *task, struct why *why)
{
    struct metrics m = {.buf = reply_json(task, 200)->buf,
                        .open_metrics = wants_open_metrics(task->headers.accept)};

    task->reply.content_type = m.open_metrics ? TYPE_OPEN_FULL : TYPE_TEXT;
    write_all(&m, api);
    return reply_end(task, why);
}
