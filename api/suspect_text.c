/* suspect_text.c - see suspect_text.h. */
#include "api/suspect_text.h"
#include "heap/base/check.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* ---- text of a bounded length ---- */

struct line {
    char *text;
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void add(struct line *l, const char *format, ...)
{
    size_t room = SUSPECT_TEXT_MAX - l->len;
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(l->text + l->len, room, format, args);
    va_end(args);
    CHECK(n >= 0 && (size_t)n < room);
    l->len += (size_t)n;
}

static struct line line_into(char out[SUSPECT_TEXT_MAX])
{
    out[0] = '\0';
    return (struct line){.text = out};
}

/* As it is: whoever shows it escapes it. */
static void add_name(struct line *l, struct slice name)
{
    add(l, "\"%.*s\"", (int)name.len, name.data);
}

/* For a query: all but what needs no escape anywhere. */
static void add_escaped(struct line *l, struct slice name)
{
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';

        if (plain)
            add(l, "%c", c);
        else
            add(l, "%%%02X", c);
    }
}

static void add_bytes(struct line *l, uint64_t bytes)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    double n = (double)bytes;
    size_t unit = 0;

    for (; n >= 1024 && unit + 1 < ARRAY_LEN(units); unit++)
        n /= 1024;
    add(l, unit == 0 || n >= 100 ? "%.0f %s" : "%.1f %s", n, units[unit]);
}

static void add_time(struct line *l, uint64_t ms)
{
    uint64_t s = ms / 1000;

    if (s < 120)
        add(l, "%" PRIu64 " s", s);
    else if (s < 7200)
        add(l, "%" PRIu64 " min", s / 60);
    else
        add(l, "%" PRIu64 " h", s / 3600);
}

/* ---- what it is called ---- */

static bool find_root(const struct heap *h, const struct grower *r, struct suspect_name *ret)
{
    struct grown_root root;

    if (!grower_root(h, r, &root))
        return false;
    *ret = (struct suspect_name){.name = root.name, .field = root.field, .kind = root.kind};
    return true;
}

bool suspect_find(const struct api *api, enum growth_kind kind, const struct grower *r, struct suspect_name *ret)
{
    struct session_info session;
    struct tally_info tally;

    *ret = (struct suspect_name){0};
    switch (kind) {
    case GROWTH_SITE:
    case GROWTH_CLASS:
        if (!heap_tally(api->heap, kind == GROWTH_SITE ? HEAP_SITES : HEAP_CLASSES, (uint32_t)r->id, r->serial, &tally))
            return false;
        ret->name = tally.name;
        return true;
    case GROWTH_ROOT:
        return find_root(api->heap, r, ret);
    case GROWTH_SESSION:
        if (session_info(api->sessions, (session_id)r->id, &session, NULL) != ERR_OK)
            return false;
        ret->name = session.label;
        return true;
    case GROWTH_TOTAL:
        return true;
    case GROWTH_KINDS:
        break;
    }
    UNREACHABLE();
}

/* ---- the sentence ---- */

/* Else those that there are have grown: one list that everything is put into. */
static bool become_more(const struct grower *r)
{
    const struct series *s = grower_series(r);

    return s->count[s->n - 1] > s->count[0];
}

static void add_subject(struct line *l, enum growth_kind kind, const struct grower *r, const struct suspect_name *n)
{
    static const char *const totals[GROWTH_TOTALS] = {
        [GROWTH_ROOTS] = "Named roots become more and more",
        [GROWTH_WEAK_NAMES] = "Weak names become more and more",
        [GROWTH_SESSIONS] = "Open sessions become more and more: who opens one lets its lease run",
        [GROWTH_GARBAGE] = "The garbage list becomes longer and longer: with saveall on, nothing cyclic is ever collected",
    };

    switch (kind) {
    case GROWTH_SITE:
        add(l, "What is made at ");
        add_name(l, n->name);
        add(l, become_more(r) ? " is not let go of" : " becomes larger and larger");
        return;
    case GROWTH_CLASS:
        add(l, "Objects of class ");
        add_name(l, n->name);
        add(l, become_more(r) ? " become more and more" : " become larger and larger");
        return;
    case GROWTH_ROOT:
        add(l, "The %s that root ", n->kind == HEAP_LIST ? "list" : "record");
        add_name(l, n->name);
        add(l, n->field.len > 0 ? " has as " : " names");
        if (n->field.len > 0)
            add_name(l, n->field);
        add(l, " only grows");
        return;
    case GROWTH_SESSION:
        if (r->id == 0)
            add(l, "Session 0, in which every request without Heapd-Session runs, holds more and more, and it never ends");
        else
            add(l, "Session %" PRIu64, r->id);
        if (r->id != 0 && n->name.len > 0) {
            add(l, ", ");
            add_name(l, n->name);
            add(l, ",");
        }
        if (r->id != 0)
            add(l, " holds more and more");
        return;
    case GROWTH_TOTAL:
        add(l, "%s", totals[r->id]);
        return;
    case GROWTH_KINDS:
        break;
    }
    UNREACHABLE();
}

static const char *noun_of(enum growth_kind kind, const struct suspect_name *n)
{
    if (kind == GROWTH_ROOT)
        return n->kind == HEAP_LIST ? "items" : "fields";
    return kind == GROWTH_SESSION ? "objects" : "of them";
}

static void add_amount(struct line *l, enum growth_kind kind, const struct suspect_name *n, uint64_t value, uint64_t count)
{
    if (kind != GROWTH_SITE && kind != GROWTH_CLASS) {
        add(l, "%" PRIu64 " %s", value, noun_of(kind, n));
        return;
    }
    add(l, "%" PRIu64 " %s of ", count, count == 1 ? "object" : "objects");
    add_bytes(l, value);
}

void suspect_sentence(enum growth_kind kind, const struct grower *r, const struct suspect_name *n, char out[SUSPECT_TEXT_MAX])
{
    const struct series *s = grower_series(r);
    struct line l = line_into(out);

    add_subject(&l, kind, r, n);
    add(&l, ": ");
    add_amount(&l, kind, n, s->floor[0], s->count[0]);
    add(&l, " ");
    add_time(&l, s->over_ms);
    add(&l, " ago, ");
    add_amount(&l, kind, n, s->floor[s->n - 1], s->count[s->n - 1]);
    add(&l, " now. Each is the least that the collector left in ");
    add_time(&l, s->over_ms / (TREND_POINTS - 1));
    add(&l, "; it rose %u times of %u.", r->trend.rises, TREND_POINTS - 1);
}

/* ---- where to look ---- */

void suspect_path(enum growth_kind kind, const struct grower *r, const struct suspect_name *n, char out[SUSPECT_TEXT_MAX])
{
    static const char *const totals[GROWTH_TOTALS] = {[GROWTH_ROOTS] = "/v1/roots",
                                                      [GROWTH_WEAK_NAMES] = "/v1/weak",
                                                      [GROWTH_SESSIONS] = "/v1/sessions",
                                                      [GROWTH_GARBAGE] = "/v1/gc/garbage"};
    struct line l = line_into(out);

    switch (kind) {
    case GROWTH_SITE:
    case GROWTH_CLASS:
        add(&l, "/v1/objects?%s=", kind == GROWTH_SITE ? "site" : "class");
        add_escaped(&l, n->name);
        return;
    case GROWTH_ROOT:
        add(&l, "/v1/objects/%" PRIu64 "/%s", r->id, n->kind == HEAP_LIST ? "items" : "fields");
        return;
    case GROWTH_SESSION:
        add(&l, "/v1/sessions/%" PRIu64 "/holds", r->id);
        return;
    case GROWTH_TOTAL:
        add(&l, "%s", totals[r->id]);
        return;
    case GROWTH_KINDS:
        break;
    }
    UNREACHABLE();
}
