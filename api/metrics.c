/*
 * metrics.c - /metrics: the numbers of the heap, the collector and the process, for Prometheus.
 *
 * It is written in steps, each a few of the parts: a family, or some, or a row of a large one. What is of one moment (those of
 * the heap and of the collector, which add up) is looked at in the first.
 *
 * Nothing that clients name is a label here, neither ids nor sites: a time series for each of them would be the end of
 * whoever keeps them. /v1/heap/sites and /v1/heap/suspects tell of those.
 */
#include "api/answer.h"
#include "api/exposition.h"
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

#define BYTES_PER_UNIT 128 /* 0.3 to 0.5 us */

/* A page that is being written. */
struct scrape {
    struct metrics m;
    const struct api *api;
    struct heap_stats heap;
    struct gc_state gc;
    struct api_meters told;
    uint32_t part; /* where it is */
    uint32_t row;  /* in a part that is written row by row: the next, ... */
    bool more;     /* ... and that there is one */
};

/* ---- the collector ---- */

static const char *const generation_names[GC_GENERATIONS] = {"0", "1", "2"};

/* A counter of each generation. */
struct by_generation {
    const char *name, *help;
    uint64_t n[GC_GENERATIONS];
};

static void write_by_generation(struct metrics *m, const struct by_generation *f)
{
    char sample[64];

    family(m, COUNTER, f->name, f->help);
    snprintf(sample, sizeof sample, "%s_total", f->name);
    for (size_t i = 0; i < GC_GENERATIONS; i++)
        labelled(m, sample, "generation", generation_names[i], f->n[i]);
}

/* The first three under the names and with the words of Python's own collector (prometheus_client/gc_collector.py). */
static void write_collections(struct scrape *s)
{
    struct by_generation f[] = {
        {.name = "python_gc_objects_collected", .help = "Objects collected during gc"},
        {.name = "python_gc_objects_uncollectable", .help = "Uncollectable objects found during GC"},
        {.name = "python_gc_collections", .help = "Number of times this generation was collected"},
        {.name = "heapd_gc_slices", .help = "Slices in which collections that ended were worked on."},
    };

    for (size_t i = 0; i < GC_GENERATIONS; i++) {
        f[0].n[i] = s->gc.generations[i].collected;
        f[1].n[i] = s->gc.generations[i].uncollectable;
        f[2].n[i] = s->gc.generations[i].collections;
        f[3].n[i] = s->told.slices[i];
    }
    for (size_t i = 0; i < 3 && s->api->settings->metrics_python_names; i++)
        write_by_generation(&s->m, &f[i]);
    f[0].name = "heapd_gc_objects_collected";
    f[1].name = "heapd_gc_objects_uncollectable";
    f[2].name = "heapd_gc_collections";
    for (size_t i = 0; i < ARRAY_LEN(f); i++)
        write_by_generation(&s->m, &f[i]);
}

static void write_collection_times(struct scrape *s)
{
    struct metrics *m = &s->m;
    char which[32];

    family(m, HISTOGRAM, "heapd_gc_collection_seconds", "Time spent on a collection, in all of its slices together.");
    for (size_t i = 0; i < GC_GENERATIONS; i++) {
        snprintf(which, sizeof which, "generation=\"%zu\"", i);
        histogram_of_times(m, "heapd_gc_collection_seconds", which, &s->told.collections[i]);
    }
}

static void write_tuning(struct scrape *s)
{
    const struct gc_state *gc = &s->gc;
    struct metrics *m = &s->m;

    family(m, GAUGE, "heapd_gc_threshold", "Count above which a generation is collected.");
    for (size_t i = 0; i < GC_GENERATIONS; i++)
        labelled(m, "heapd_gc_threshold", "generation", generation_names[i], gc->tuning.thresholds[i]);
    family(m, GAUGE, "heapd_gc_progress", "What is compared with the threshold: gc.get_count() of Python.");
    for (size_t i = 0; i < GC_GENERATIONS; i++)
        labelled(m, "heapd_gc_progress", "generation", generation_names[i], gc->counts[i]);
    gauge(m, "heapd_gc_enabled", "Whether collections start by themselves.", gc->tuning.enabled);
    real(m, GAUGE, "heapd_gc_pause_budget_seconds", "How long a slice of work between requests may be.",
         (double)s->api->settings->pause_budget_us / 1e6);
    gauge(m, "heapd_gc_garbage", "Objects kept by save-all.", gc->garbage);
}

/* Bounds are powers of two of microseconds, where the record's own buckets end, so that they are exact. */
static void write_pause(struct metrics *m, const char *name, enum pause what, const struct api_pauses *p)
{
    uint64_t bound_us[PAUSE_BOUNDS], in[PAUSE_BOUNDS + 1], before = 0;
    char phase[64];

    for (size_t i = 0; i < PAUSE_BOUNDS; i++) {
        bound_us[i] = (uint64_t)PAUSE_BOUND_US_MIN << i;
        in[i] = p->below[i] - before;
        before = p->below[i];
    }
    in[PAUSE_BOUNDS] = p->count - before;
    snprintf(phase, sizeof phase, "phase=\"%s\"", pause_name(what));
    histogram(m, name, phase, bound_us, in, PAUSE_BOUNDS, p->sum_us);
}

/* Every slice is under the phase that took most of it, so the phases add up to all. */
static void write_pauses_by(struct scrape *s, enum pause_clock clock, const char *name, const char *help)
{
    struct api_pauses p;

    if (s->row == 0)
        family(&s->m, HISTOGRAM, name, help);
    s->row++; /* none is the first of them */
    s->api->world.pauses(s->api->world.ctx, (enum pause)s->row, clock, &p);
    write_pause(&s->m, name, (enum pause)s->row, &p);
    s->more = s->row + 1 < PAUSES;
}

static void write_pauses(struct scrape *s)
{
    write_pauses_by(s, PAUSE_BY_WALL, "heapd_gc_pause_seconds",
                    "Slices of work between requests, and steps of requests for the whole heap, by the phase that took most of each.");
}

static void write_pauses_by_cpu(struct scrape *s)
{
    write_pauses_by(s, PAUSE_BY_CPU, "heapd_gc_pause_cpu_seconds",
                    "The same by CPU time of the thread: what of a pause is not the machine's.");
}

static void write_phases(struct scrape *s)
{
    struct metrics *m = &s->m;
    struct api_pauses p;

    family(m, COUNTER, "heapd_gc_phase_seconds", "Time spent on each phase, in whatever slice.");
    for (size_t i = 1; i < PAUSES; i++) {
        s->api->world.pauses(s->api->world.ctx, (enum pause)i, PAUSE_BY_WALL, &p);
        buf_add_text(m->buf, "heapd_gc_phase_seconds_total");
        label(m, '{', "phase", pause_name((enum pause)i));
        buf_printf(m->buf, "} %.6f\n", (double)p.spent_us / 1e6);
    }
}

/* ---- the heap ---- */

/* Every live object is in one of these. */
static void write_objects(struct scrape *s)
{
    const struct gc_state *gc = &s->gc;
    uint64_t tracked = gc->frozen, objects = s->heap.objects;
    struct metrics *m = &s->m;

    family(m, GAUGE, "heapd_objects", "Live objects by generation; bytes objects are in none.");
    for (size_t i = 0; i < GC_GENERATIONS; i++) {
        labelled(m, "heapd_objects", "generation", generation_names[i], gc->generations[i].objects);
        tracked += gc->generations[i].objects;
    }
    labelled(m, "heapd_objects", "generation", "frozen", gc->frozen);
    labelled(m, "heapd_objects", "generation", "none", objects > tracked ? objects - tracked : 0);
}

static void write_life(struct scrape *s)
{
    const struct heap_stats *h = &s->heap;
    struct metrics *m = &s->m;

    counter(m, "heapd_objects_created", "Objects ever created.", h->created);
    family(m, COUNTER, "heapd_objects_freed", "Objects that died, by what found them dead.");
    labelled(m, "heapd_objects_freed_total", "by", "refcount", h->freed_by_refcount);
    labelled(m, "heapd_objects_freed_total", "by", "collector", h->freed_by_collector);
    gauge(m, "heapd_doomed_objects", "Dead objects whose memory has not yet returned.", h->doomed);
}

static void write_counts(struct scrape *s)
{
    const struct heap_stats *h = &s->heap;
    struct metrics *m = &s->m;

    gauge(m, "heapd_links", "Strong links.", h->links);
    gauge(m, "heapd_weak_links", "Weak links.", h->weak_links);
    gauge(m, "heapd_roots", "Named roots.", h->roots);
    gauge(m, "heapd_weak_names", "Named weak references.", h->weak_names);
    gauge(m, "heapd_classes", "Classes in use.", h->classes);
    gauge(m, "heapd_sites", "Sites in use.", h->sites);
    gauge(m, "heapd_sessions", "Open sessions, the default one included.", session_count(s->api->sessions));
    counter(m, "heapd_sessions_opened", "Sessions ever opened.", session_last_id(s->api->sessions));
    counter(m, "heapd_leases_expired", "Sessions that ended because nobody renewed them.", session_expired_count(s->api->sessions));
}

/* For an alert; their names are in /v1/heap/suspects. */
static void write_suspects(struct scrape *s)
{
    const struct growth *g = &s->api->growth;
    struct metrics *m = &s->m;

    family(m, GAUGE, "heapd_suspects", "What only grows just now, by what it was found by.");
    for (int kind = 0; kind < GROWTH_KINDS; kind++)
        labelled(m, "heapd_suspects", "by", growth_kind_name((enum growth_kind)kind), growth_suspects(g, (enum growth_kind)kind));
    counter(m, "heapd_suspects_raised", "Suspects there ever were.", g->raised);
}

static void write_bytes(struct scrape *s)
{
    const struct heap_stats *h = &s->heap;
    struct metrics *m = &s->m;
    const struct {
        const char *kind;
        uint64_t bytes;
    } kinds[] = {
        {"live", h->live_bytes},           {"doomed", h->doomed_bytes},       {"shared", h->shared_bytes},
        {"pool_free", h->pool_free_bytes}, {"dirty", h->dirty_bytes},         {"large", h->large_bytes},
        {"side", h->side_bytes},           {"committed", h->committed_bytes},
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

static void write_pools(struct scrape *s)
{
    struct metrics *m = &s->m;
    struct pool_class_info c;
    uint32_t cursor = 0;

    family(m, GAUGE, "heapd_pool_bytes", "Cells of pools by size and state.");
    while (heap_next_pool_class(s->api->heap, &cursor, &c)) {
        write_pool_sample(m, &c, "used", c.used);
        write_pool_sample(m, &c, "free", c.free);
    }
}

/* ---- requests ---- */

static const char *const codes[] = {"", "1xx", "2xx", "3xx", "4xx", "5xx"};

static bool has_answers(const uint64_t answers[])
{
    uint64_t sum = 0;

    for (size_t i = 1; i < ARRAY_LEN(codes); i++)
        sum += answers[i];
    return sum > 0;
}

static void write_answers(struct metrics *m, const uint64_t answers[], const char *method,
                          const char *pattern)
{
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

/* A route at a time: each is a few dozen lines. */
static void write_durations(struct scrape *s)
{
    static const char name[] = "heapd_http_request_duration_seconds";
    const struct api_counters *c = &s->api->counters;
    const struct route *r = route_at(s->row);
    char route[128];

    if (s->row == 0)
        family(&s->m, HISTOGRAM, name,
               "From when its first bytes were seen until it was answered; what is as short as the turns of the loop is rounded up to one.");
    if ((s->more = r != NULL) && has_answers(c->answers[s->row])) {
        CHECK(snprintf(route, sizeof route, "method=\"%s\",route=\"%s\"", method_name(r->method), r->pattern) < (int)sizeof route);
        histogram_of_times(&s->m, name, route, &c->took[s->row]);
    }
    s->row++;
}

/* All of them, also those that there never were: of a line that begins with 1 nobody sees that it has grown. */
static void write_problems(struct scrape *s)
{
    struct metrics *m = &s->m;

    family(m, COUNTER, "heapd_problems", "Refusals of requests and of ops of batches, by the name under /problems/.");
    for (enum err e = ERR_OK + 1; e < ERR_COUNT_; e++)
        labelled(m, "heapd_problems_total", "problem", problem_of(e)->name, s->api->counters.problems[e]);
}

/* The last row: what found no route. */
static void write_requests(struct scrape *s)
{
    const struct route *r = route_at(s->row);
    const uint64_t *answers = s->api->counters.answers[r != NULL ? s->row : ROUTES_MAX];

    if (s->row == 0)
        family(&s->m, COUNTER, "heapd_http_requests", "Requests answered, by route and class of status.");
    write_answers(&s->m, answers, r != NULL ? method_name(r->method) : "", r != NULL ? r->pattern : "");
    s->more = r != NULL;
    s->row++;
}

static void write_work(struct scrape *s)
{
    const struct api_counters *c = &s->api->counters;
    struct metrics *m = &s->m;
    struct idem_stats kept;

    counter(m, "heapd_batch_ops", "Operations of batches done.", c->batch_ops);
    idem_stats(s->api->idempotency, &kept);
    gauge(m, "heapd_idempotency_keys", "Answers kept for retries.", kept.kept);
    counter(m, "heapd_idempotency_replays", "Retries that got the first answer.", c->replays);
    counter(m, "heapd_idempotency_evicted", "Answers dropped for newer ones before their time.", kept.evicted);
    gauge(m, "heapd_http_requests_open", "Requests not yet answered.", c->tasks_open);
}

/* ---- events ---- */

static void write_events(struct scrape *s)
{
    const struct news *n = &s->api->news;
    struct metrics *m = &s->m;
    struct events_stats e;

    events_stats(n->events, &e);
    family(m, COUNTER, "heapd_events", "Events there have been, by type.");
    for (int type = 0; type < EVENT_TYPES; type++)
        labelled(m, "heapd_events_total", "type", event_type_name((enum event_type)type), e.written[type]);
    counter(m, "heapd_events_lost", "Of these, those that nobody can be told for want of memory.", e.lost);
    gauge(m, "heapd_events_kept", "Events kept for those who come again.", e.kept);
    gauge(m, "heapd_events_kept_bytes", "Their text.", e.kept_bytes);
    counter(m, "heapd_events_sent", "Events handed out, counted for each listener.", n->sent);
    counter(m, "heapd_event_gaps", "Times that a listener was told of events that are not kept any more.", n->gaps);
    gauge(m, "heapd_event_listeners", "Who listens to events now.", n->listeners);
}

/* ---- what is kept ---- */

static void write_snapshots(struct scrape *s)
{
    const struct api *api = s->api;
    struct metrics *m = &s->m;
    uint64_t untouched, bytes = snapshots_bytes(api, &untouched);

    gauge(m, "heapd_snapshots", "Snapshots that are kept or being taken.", api->snapshots.count);
    gauge(m, "heapd_snapshot_bytes", "What they take.", bytes);
    counter(m, "heapd_snapshots_taken", "Snapshots taken.", api->snapshots.last_n);
}

static void write_store(struct scrape *s)
{
    const struct api_meters *told = &s->told;
    struct metrics *m = &s->m;

    if (!told->keeps)
        return;
    family(m, HISTOGRAM, "heapd_log_fsync_seconds",
           "Commits that were waited for, from when they were handed over until they were on disk.");
    histogram_of_times(m, "heapd_log_fsync_seconds", NULL, &told->fsync);
    counter(m, "heapd_log_frames", "Commits, each of all that changed meanwhile.", told->commits);
    counter(m, "heapd_log_appended_bytes", "Changes that went into commits.", told->commit_bytes);
    gauge(m, "heapd_log_unfolded_bytes", "Changes that are kept as they came.", told->unfolded_bytes);
}

/* ---- the process ---- */

static void write_state(struct metrics *m, const struct api *api)
{
    const struct api_world *w = &api->world;
    struct slice why_not;

    gauge(m, "heapd_ready", "What /readyz says: 1, or 0 while what was kept is being put back, and at the end.",
          w->ready(w->ctx, &why_not));
    gauge(m, "heapd_takes_changes", "0: not ready, or the store cannot write and changes are refused.",
          w->admits == NULL || w->admits(w->ctx, true, NULL) == ERR_OK);
}

static void write_cuts(struct metrics *m, const uint64_t cuts[CUTS])
{
    static const char *const names[CUTS] = {[CUT_EVENTS] = "events", [CUT_ANSWERS] = "answers", [CUT_ROOM] = "room"};

    family(m, COUNTER, "heapd_connections_cut",
           "Connections cut since their peers were too slow: to read events, to read answers, or when buffers were short.");
    for (size_t i = 0; i < CUTS; i++)
        labelled(m, "heapd_connections_cut_total", "by", names[i], cuts[i]);
}

static void write_process(struct scrape *s)
{
    const struct api *api = s->api;
    struct metrics *m = &s->m;
    struct api_process p;

    api->world.process(api->world.ctx, &p);
    write_state(m, api);
    gauge(m, "heapd_connections", "Open connections.", p.connections);
    write_cuts(m, p.cuts);
    real(m, COUNTER, "process_cpu_seconds", "User and system time.", p.cpu_seconds);
    real(m, GAUGE, "process_start_time_seconds", "Start, in Unix time.", p.start_time_seconds);
    gauge(m, "process_resident_memory_bytes", "Memory in RAM.", api->world.rss_bytes(api->world.ctx));
    gauge(m, "heapd_memory_counted_bytes", "What heapd_memory_limit_bytes is compared with.", api_counted_bytes(api));
    gauge(m, "heapd_memory_limit_bytes", "What heapd may allocate; 0: no limit.", api->settings->memory_bytes_max);
    counter(m, "heapd_allocations", "Times that memory was asked for.", api->mem->request_count);
    counter(m, "heapd_memory_refusals", "Times that memory was refused because of the limit.", api->mem->refused_count);
    gauge(m, "process_virtual_memory_bytes", "Address space.", p.virtual_bytes);
    gauge(m, "process_open_fds", "Open file descriptors.", p.open_fds);
    gauge(m, "process_max_fds", "Limit of open file descriptors.", p.max_fds);
    family(m, GAUGE, "heapd_build_info", "Version of this service; always 1.");
    labelled(m, "heapd_build_info", "version", HEAPD_VERSION, 1);
}

/* ---- the page ---- */

static void write_end(struct scrape *s)
{
    if (s->m.open_metrics)
        buf_add_text(s->m.buf, "# EOF\n");
}

static void (*const parts[])(struct scrape *s) = {
    write_collections, write_collection_times, write_tuning,  write_pauses,    write_pauses_by_cpu, write_phases,
    write_objects,     write_life,             write_counts,  write_suspects,  write_events,        write_bytes,
    write_pools,       write_requests,         write_durations, write_problems, write_work,         write_store,
    write_snapshots,   write_process,          write_end,
};

static void write_next(struct scrape *s)
{
    s->more = false;
    parts[s->part](s);
    if (s->more)
        return;
    s->part++;
    s->row = 0;
}

static enum err step_scrape(struct task *task, void *ctx, size_t units, enum task_turn *turn, struct why *why)
{
    struct scrape *s = ctx;
    size_t before = s->m.buf->len;

    while (s->part < ARRAY_LEN(parts) && (s->m.buf->len - before) / BYTES_PER_UNIT < units)
        write_next(s);
    *turn = s->part < ARRAY_LEN(parts) ? TASK_MORE : TASK_DONE;
    return reply_end(task, why);
}

static void destroy_scrape(struct task *task, void *ctx)
{
    mem_free(task->api->mem, ctx, sizeof(struct scrape));
}

static const struct task_work scrape_work = {step_scrape, destroy_scrape};

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
    struct scrape *s = mem_zalloc(api->mem, sizeof *s);

    if (s == NULL)
        return why_set(why, ERR_NOMEM, "no memory to begin");
    s->m = (struct metrics){.buf = reply_json(task, 200)->buf, .open_metrics = wants_open_metrics(task->headers.accept)};
    s->api = api;
    heap_stats(api->heap, &s->heap);
    gc_get_state(api->gc, &s->gc);
    api->world.meters(api->world.ctx, &s->told);
    task->reply.content_type = s->m.open_metrics ? TYPE_OPEN_FULL : TYPE_TEXT;
    task_work(task, &scrape_work, s);
    return ERR_OK;
}
