/*
 * document.c - a run of a load as one JSON document: what was asked, what came, what the heap did meanwhile, and the verdict.
 *
 * The report and `heapctl load` say what stands in it, and nothing else.
 */
#include "client/load/load_impl.h"
#include "client/load/verdict_text.h"
#include <math.h>
#include <string.h>

#define LATE_US 1000 /* worth a word */

static const char *const kind_names[ASK_KINDS] = {[ASK_CREATE] = "create", [ASK_READ] = "read",   [ASK_LINK] = "link",
                                                  [ASK_DROP] = "drop",     [ASK_BATCH] = "batch", [ASK_SESSION] = "session"};

static json_t *count_new(uint64_t n)
{
    return json_integer((json_int_t)n);
}

/* To so many decimals: nobody reads a double's seventeen digits, and a report is shorter without. */
static json_t *real_new(double x, double decimals)
{
    double scale = pow(10, decimals);

    return json_real(round(x * scale) / scale);
}

/* ---- what came ---- */

static json_t *failures_new(const struct load *load)
{
    json_t *all = json_array();

    for (size_t i = 0; i < LOAD_FAILURES_MAX && load->failures[i].count > 0; i++) {
        const struct failure *f = &load->failures[i];

        json_array_append_new(all, json_pack("{s:i, s:s, s:s, s:o}", "status", f->status, "type", f->type, "detail", f->detail, "count",
                                             count_new(f->count)));
    }
    return all;
}

static json_t *ops_new(const struct load *load)
{
    json_t *by_kind = json_object();

    for (size_t i = 0; i < ASK_KINDS; i++)
        if (load->by_kind[i] > 0)
            json_object_set_new(by_kind, kind_names[i], count_new(load->by_kind[i]));
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "planned", count_new(load->schedule.planned), "sent", count_new(load->counts.sent),
                     "done", count_new(load->counts.done), "failed", count_new(load->counts.failed), "shed", count_new(load->schedule.shed), "by_kind",
                     by_kind, "failures", failures_new(load));
}

static json_t *buckets_new(const struct histogram *h)
{
    json_t *all = json_array();

    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        if (h->buckets[i] > 0)
            json_array_append_new(all, json_pack("[o, o]", count_new(histogram_upper(i)), count_new(h->buckets[i])));
    return all;
}

static json_t *times_new(const struct histogram *h)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "count", count_new(h->count), "min", count_new(h->min), "mean",
                     real_new(histogram_mean(h), 1), "p50", count_new(histogram_quantile(h, 0.5)), "p90",
                     count_new(histogram_quantile(h, 0.9)), "p99", count_new(histogram_quantile(h, 0.99)), "p999",
                     count_new(histogram_quantile(h, 0.999)), "max", count_new(h->max), "histogram", buckets_new(h));
}

/* ---- what the heap did ---- */

static json_t *series_new(const struct series *s)
{
    static const char *const names[] = {"t_s",    "rss",    "live",   "committed",   "objects",     "ops",
                                        "p50_us", "p99_us", "max_us", "collections", "pause_p99_us"};
    json_t *all = json_object();

    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
        json_object_set_new(all, names[k], json_array());
    for (size_t i = 0; i < s->count; i++) {
        const struct point *p = &s->points[i];
        json_t *row[] = {real_new(p->t_s, 2),    count_new(p->rss),    count_new(p->live),   count_new(p->committed),
                         count_new(p->objects),  real_new(p->ops_per_s, 1), count_new(p->p50_us), count_new(p->p99_us),
                         count_new(p->max_us),   count_new(p->collections), count_new(p->pause_p99_us)};

        for (size_t k = 0; k < sizeof names / sizeof names[0]; k++)
            json_array_append_new(json_object_get(all, names[k]), row[k]);
    }
    return all;
}

static json_t *floor_new(const struct verdict *v)
{
    json_t *t_s = json_array(), *live = json_array(), *objects = json_array();

    for (size_t i = 0; i < v->windows; i++) {
        json_array_append_new(t_s, real_new(v->t_s[i], 2));
        json_array_append_new(live, count_new((uint64_t)v->live[i]));
        json_array_append_new(objects, count_new((uint64_t)v->objects[i]));
    }
    return json_pack("{s:o, s:o, s:o, s:o}", "t_s", t_s, "live", live, "objects", objects, "judged_from_s", real_new(v->from_s, 2));
}

static json_t *collections_new(const struct meter *m)
{
    json_t *all = json_array();
    uint64_t first = m->collection_count > METER_COLLECTIONS_MAX ? m->collection_count - METER_COLLECTIONS_MAX : 0;

    for (uint64_t i = first; i < m->collection_count; i++) {
        const struct collection *c = &m->collections[i % METER_COLLECTIONS_MAX];

        json_array_append_new(all, json_pack("{s:o, s:i, s:s, s:o, s:o, s:o}", "t_s", real_new(c->t_s, 3), "generation",
                                             (int)c->generation, "reason", c->reason, "collected", count_new(c->collected),
                                             "duration_us", count_new(c->duration_us), "max_slice_us", count_new(c->max_slice_us)));
    }
    return all;
}

/* Of all, where "collections" has the last. */
static json_t *seen_new(const struct meter *m)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "count", count_new(m->collection_count), "missed", count_new(m->missed), "collected",
                     count_new(m->collected), "max_slice_us", count_new(m->max_slice_us));
}

/* ---- the verdict ---- */

static json_t *trend_new(const struct trend *t)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "per_s", real_new(t->slope, 3), "low", real_new(t->low, 3), "high", real_new(t->high, 3),
                     "sigmas", real_new(t->sigmas, 2));
}

static json_t *growing_new(const struct verdict *v)
{
    static const char *const names[FLOOR_KINDS] = {[FLOOR_SITE] = "site", [FLOOR_CLASS] = "class"};
    json_t *all = json_array();

    for (size_t i = 0; i < v->growing_count; i++)
        json_array_append_new(all, json_pack("{s:s, s:o, s:o}", names[v->growing[i].what], v->growing[i].name, "bytes",
                                             trend_new(&v->growing[i].bytes), "objects", trend_new(&v->growing[i].objects)));
    return all;
}

static json_t *evidence_new(const struct verdict *v, const struct load *load)
{
    json_t *all = json_array();
    struct text line = {0};

    for (size_t i = 0; verdict_evidence(v, i, &line); i++)
        json_array_append_new(all, json_string(text_string(&line)));
    if (load->schedule.shed > load->unsent) {
        text_clear(&line);
        text_printf(&line, "%llu requests were due and never sent: heapd, or %u connections, do not keep up with this rate.",
                    (unsigned long long)(load->schedule.shed - load->unsent), load->options->clients);
        json_array_append_new(all, json_string(text_string(&line)));
    }
    for (size_t k = 0; k < FLOOR_KINDS; k++)
        if (load->meter.floors.of[k].left_out) {
            text_clear(&line);
            text_printf(&line, "There are more %s than %u: the others were judged with the whole, not by themselves.",
                        k == FLOOR_SITE ? "sites" : "classes", FLOORS_ROWS_MAX);
            json_array_append_new(all, json_string(text_string(&line)));
        }
    if (histogram_quantile(&load->lateness, 0.99) > LATE_US) {
        text_clear(&line);
        text_printf(&line, "This tool itself woke up late, one time in 100 by more than %.1f ms: its machine is busy, and the latencies have that in them.",
                    (double)histogram_quantile(&load->lateness, 0.99) / 1e3);
        json_array_append_new(all, json_string(text_string(&line)));
    }
    text_fini(&line);
    return all;
}

/* heapd's own sentences. */
static json_t *suspects_new(const struct load *load)
{
    json_t *all = json_array(), *item;
    size_t i;

    json_array_foreach(load->suspects, i, item)
        json_array_append(all, json_object_get(item, "sentence"));
    return all;
}

static json_t *name_new(const struct judged *j)
{
    return j != NULL ? json_string(j->name) : json_null();
}

static json_t *verdict_new(const struct verdict *v, const struct load *load)
{
    const struct trend *t = verdict_slope(v);
    struct text sentence = {0};
    json_t *all;

    if (load->gone.result != HEAPD_OK)
        text_printf(&sentence, "Cannot tell: %s %s", load->gone.title, load->gone.detail);
    else
        verdict_sentence(v, &sentence);
    all = json_pack("{s:o, s:s, s:o, s:o, s:o, s:f, s:o, s:o, s:o, s:o, s:o, s:o}", "leak",
                    load->gone.result != HEAPD_OK || v->leak == LEAK_UNKNOWN ? json_null() : json_boolean(v->leak == LEAK_YES),
                    "sentence", text_string(&sentence), "slope_bytes_per_s", real_new(t->slope, 3), "slope_low", real_new(t->low, 3),
                    "slope_high", real_new(t->high, 3), "confidence", TREND_CONFIDENCE, "site",
                    name_new(verdict_culprit(v, FLOOR_SITE)), "class", name_new(verdict_culprit(v, FLOOR_CLASS)), "evidence",
                    evidence_new(v, load), "suspects", suspects_new(load), "growing", growing_new(v), "rss_bytes_per_s",
                    trend_new(&v->rss));
    text_fini(&sentence);
    return all;
}

/* ---- all of it ---- */

static json_t *names_new(const struct load *load)
{
    struct text names = {0};
    json_t *all;

    for (size_t i = 0; i < load->lane_count; i++)
        text_printf(&names, "%s%s", i > 0 ? "," : "", load->lanes[i].scenario->name);
    all = json_string(text_string(&names));
    text_fini(&names);
    return all;
}

json_t *document_new(const struct load *load)
{
    const struct load_options *o = load->options;
    struct reading end = meter_now(&load->meter);
    struct verdict v;

    end.t_s = load->over_s;
    v = verdict_of(&load->meter.floors, &end);
    return json_pack(
        "{s:i, s:o, s:I, s:o, s:i, s:o, s:o, s:s, s:s, s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "heapd_load", 1, "scenario",
        names_new(load), "seed", (json_int_t)o->seed, "rate", json_real(o->rate), "clients", (int)o->clients, "duration_s",
        json_real(o->duration_s), "ran_s", real_new(load->over_s, 2), "started", load->began, "url",
        o->where->url != NULL ? o->where->url : HEAPD_DEFAULT_URL, "instance", load->meter.instance, "version", load->version, "stopped_early",
        (int)load->stopped, "ops", ops_new(load), "latency_us", times_new(&load->latency), "service_us", times_new(&load->service),
        "own_lateness_us", times_new(&load->lateness), "series", series_new(&load->meter.series), "floor", floor_new(&v), "readings_lost",
        count_new(load->meter.broken), "collections", collections_new(&load->meter), "collections_seen", seen_new(&load->meter), "verdict", verdict_new(&v, load));
}
