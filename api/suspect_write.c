/* suspect_write.c - see suspect_write.h. */
#include "api/suspect_write.h"
#include "api/wire.h"
#include "heap/base/check.h"
#include <stdio.h>

static const char *const totals[GROWTH_TOTALS] = {[GROWTH_ROOTS] = "roots",
                                                  [GROWTH_WEAK_NAMES] = "weak names",
                                                  [GROWTH_SESSIONS] = "sessions",
                                                  [GROWTH_GARBAGE] = "garbage"};

static bool is_measured(enum growth_kind kind)
{
    return kind == GROWTH_SITE || kind == GROWTH_CLASS;
}

static void write_amount(struct out *o, const char *key, enum growth_kind kind, uint64_t value, uint64_t count)
{
    out_key(o, key);
    out_open_object(o);
    out_member_u64(o, "count", is_measured(kind) ? count : value);
    if (is_measured(kind))
        out_member_u64(o, "bytes", value);
    out_close_object(o);
}

static void write_evidence(struct out *o, enum growth_kind kind, const struct grower *r)
{
    const struct series *s = grower_series(r);
    double over_s = (double)s->over_ms / 1000;

    out_key(o, "evidence");
    out_open_object(o);
    write_amount(o, "from", kind, s->floor[0], s->count[0]);
    write_amount(o, "to", kind, s->floor[s->n - 1], s->count[s->n - 1]);
    out_member_real(o, "over_s", over_s);
    out_member_u64(o, "windows", TREND_POINTS);
    out_member_u64(o, "rises", r->trend.rises);
    out_member_real(o, "per_hour", r->trend.per_window * (TREND_POINTS - 1) * 3600 / over_s);
    out_key(o, "floors");
    out_open_array(o);
    for (size_t i = 0; i < s->n; i++)
        out_u64(o, s->floor[i]);
    out_close_array(o);
    out_close_object(o);
}

void write_suspect_name(struct out *o, enum growth_kind kind, const struct grower *r, const struct suspect_name *n)
{
    out_member_u64(o, "suspect", r->suspect);
    out_member_text(o, "by", growth_kind_name(kind));
    if (kind == GROWTH_SESSION)
        out_member_u64(o, "session", r->id);
    else if (kind == GROWTH_TOTAL)
        out_member_text(o, "total", totals[r->id]);
    else
        out_member_string(o, growth_kind_name(kind), n->name);
    if (kind == GROWTH_SESSION)
        out_member_string(o, "label", n->name);
    if (kind == GROWTH_ROOT)
        out_member_u64(o, "object", r->id);
    if (n->field.len > 0)
        out_member_string(o, "field", n->field);
}

static void write_curl(struct out *o, const char *method, const char *path)
{
    char line[SUSPECT_TEXT_MAX + 64];
    int len = snprintf(line, sizeof line, "curl %s\"${HEAPD_URL:-" WIRE_DEFAULT_URL "}%s\"", method, path);

    CHECK(len > 0 && (size_t)len < sizeof line);
    out_string(o, (struct slice){line, (size_t)len});
}

/* Only what there is a route for is offered. */
static bool offers(const struct api *api, enum method method, const char *path)
{
    struct route_match match;

    return router_match(&api->router, slice_of(path), &match) && router_route(match.node, method) != NULL;
}

static void write_more(const struct api *api, struct out *o, enum growth_kind kind, const struct grower *r,
                       const struct suspect_name *n)
{
    char path[SUSPECT_TEXT_MAX];

    out_key(o, "more");
    out_open_array(o);
    suspect_path(kind, r, n, path);
    write_curl(o, "", path);
    snprintf(path, sizeof path, "/v1/objects/%llu/why", (unsigned long long)r->id);
    if (kind == GROWTH_ROOT && offers(api, METHOD_GET, path))
        write_curl(o, "", path);
    if (offers(api, METHOD_POST, "/v1/snapshots"))
        write_curl(o, "-X POST ", "/v1/snapshots");
    out_close_array(o);
}

void write_suspect_members(const struct api *api, struct out *o, enum growth_kind kind, const struct grower *r,
                           const struct suspect_name *n)
{
    char sentence[SUSPECT_TEXT_MAX];

    suspect_sentence(kind, r, n, sentence);
    out_member_text(o, "sentence", sentence);
    write_suspect_name(o, kind, r, n);
    out_member_real(o, "suspect_s", (double)(api_now_ms(api) - r->suspect_since_ms) / 1000);
    write_evidence(o, kind, r);
    write_more(api, o, kind, r, n);
}
