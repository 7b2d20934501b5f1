/*
 * gc.c - /v1/gc: what the collector is like, and how to change it while it runs.
 *
 * A PATCH is read into a copy of the tuning, which takes the place of the old one when all of it was right.
 * pause_budget_us is a setting of this service, as in /v1/config: the collector has no clock. So it is kept under its own
 * name, and what is the collector's under names that begin with "gc.".
 */
#include "api/config.h"
#include "api/decode.h"
#include "api/handlers.h"
#include "api/pauses.h"
#include "api/persist.h"
#include "heap/base/check.h"

static const struct debug_name {
    const char *name;
    uint32_t flags;
} debug_names[] = {
    /* the widest first: flags that it covers are shown by its name alone */
    {"leak", GC_DEBUG_COLLECTABLE | GC_DEBUG_UNCOLLECTABLE | GC_DEBUG_SAVEALL},
    {"stats", GC_DEBUG_STATS},
    {"collectable", GC_DEBUG_COLLECTABLE},
    {"uncollectable", GC_DEBUG_UNCOLLECTABLE},
    {"saveall", GC_DEBUG_SAVEALL},
};

/* ---- the document ---- */

static void write_three(struct out *o, const uint32_t numbers[GC_GENERATIONS])
{
    out_open_array(o);
    for (size_t i = 0; i < GC_GENERATIONS; i++)
        out_u64(o, numbers[i]);
    out_close_array(o);
}

static void write_generations(struct out *o, const struct gc_state *s)
{
    out_key(o, "generations");
    out_open_array(o);
    for (size_t i = 0; i < GC_GENERATIONS; i++) {
        const struct gc_generation *g = &s->generations[i];

        out_open_object(o);
        out_member_u64(o, "objects", g->objects);
        out_member_u64(o, "collections", g->collections);
        out_member_u64(o, "collected", g->collected);
        out_member_u64(o, "uncollectable", g->uncollectable);
        out_member_real(o, "seconds", (double)g->us / 1e6);
        out_close_object(o);
    }
    out_close_array(o);
}

static void write_flags(struct out *o, uint32_t flags)
{
    out_open_array(o);
    for (size_t i = 0; i < ARRAY_LEN(debug_names); i++) {
        if ((flags & debug_names[i].flags) != debug_names[i].flags)
            continue;
        out_text(o, debug_names[i].name);
        flags &= ~debug_names[i].flags;
    }
    out_close_array(o);
}

/* What can be tuned. */
struct patch {
    struct gc_tuning tuning;
    uint64_t pause_budget_us;
};

static void write_enabled(struct out *o, const struct patch *p)
{
    out_bool(o, p->tuning.enabled);
}

static void write_thresholds(struct out *o, const struct patch *p)
{
    write_three(o, p->tuning.thresholds);
}

static void write_debug(struct out *o, const struct patch *p)
{
    write_flags(o, p->tuning.debug);
}

static void write_pause_budget(struct out *o, const struct patch *p)
{
    out_u64(o, p->pause_budget_us);
}

static void write_full_bytes_pct(struct out *o, const struct patch *p)
{
    out_u64(o, p->tuning.full_bytes_pct);
}

static void write_full_age_s(struct out *o, const struct patch *p)
{
    out_u64(o, p->tuning.full_age_s);
}

static struct patch patch_of(const struct api *api, const struct gc_state *s)
{
    return (struct patch){s->tuning, api->settings->pause_budget_us};
}

/* ---- the patch: one reader and one writer a member ---- */

static enum err read_enabled(struct patch *p, const json_t *value, struct why *why)
{
    return json_bool("enabled", value, &p->tuning.enabled, why);
}

/* [700] or [700, 10] or [700, 10, 10]: those left out keep their value. */
static enum err read_thresholds(struct patch *p, const json_t *value, struct why *why)
{
    size_t count = json_array_size(value); /* 0 if it is none */
    uint64_t number;
    enum err e;

    if (count < 1 || count > GC_GENERATIONS)
        return why_set(why, ERR_BAD_VALUE, "thresholds is an array of one to three integers");
    for (size_t i = 0; i < count; i++) {
        if ((e = json_u64("a threshold", json_array_get(value, i), 0, GC_THRESHOLD_MAX, &number, why)))
            return e;
        p->tuning.thresholds[i] = (uint32_t)number;
    }
    return ERR_OK;
}

static uint32_t debug_flags(const json_t *name)
{
    for (size_t i = 0; i < ARRAY_LEN(debug_names) && json_is_string(name); i++) {
        if (slice_is(json_slice(name), debug_names[i].name))
            return debug_names[i].flags;
    }
    return 0;
}

static enum err read_debug(struct patch *p, const json_t *value, struct why *why)
{
    const json_t *name;
    size_t i;

    if (!json_is_array(value))
        return why_set(why, ERR_BAD_VALUE, "debug is an array of names");
    p->tuning.debug = 0;
    json_array_foreach(value, i, name) {
        uint32_t flags = debug_flags(name);

        if (flags == 0)
            return why_set(why, ERR_BAD_VALUE,
                           "debug knows the names stats, collectable, uncollectable, saveall and leak");
        p->tuning.debug |= flags;
    }
    return ERR_OK;
}

static enum err read_pause_budget(struct patch *p, const json_t *value, struct why *why)
{
    const struct setting *s = setting_named(SLICE("pause_budget_us"));

    return json_u64(s->name, value, s->min, s->max, &p->pause_budget_us, why);
}

static enum err read_u32(const char *key, const json_t *value, uint32_t *ret, struct why *why)
{
    uint64_t number;
    enum err e = json_u64(key, value, 0, UINT32_MAX, &number, why);

    if (e == ERR_OK)
        *ret = (uint32_t)number;
    return e;
}

static enum err read_full_bytes_pct(struct patch *p, const json_t *value, struct why *why)
{
    return read_u32("full_bytes_pct", value, &p->tuning.full_bytes_pct, why);
}

static enum err read_full_age_s(struct patch *p, const json_t *value, struct why *why)
{
    return read_u32("full_age_s", value, &p->tuning.full_age_s, why);
}

static const struct member {
    const char *name;
    const char *kept; /* its name where settings are kept */
    enum err (*read)(struct patch *p, const json_t *value, struct why *why);
    void (*write)(struct out *o, const struct patch *p);
} members[] = {
    {"enabled", "gc.enabled", read_enabled, write_enabled},
    {"thresholds", "gc.thresholds", read_thresholds, write_thresholds},
    {"debug", "gc.debug", read_debug, write_debug},
    {"pause_budget_us", "pause_budget_us", read_pause_budget, write_pause_budget},
    {"full_bytes_pct", "gc.full_bytes_pct", read_full_bytes_pct, write_full_bytes_pct},
    {"full_age_s", "gc.full_age_s", read_full_age_s, write_full_age_s},
};

static const struct member *member_named(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        if (strcmp(name, members[i].name) == 0)
            return &members[i];
    }
    return NULL;
}

static void write_member(struct out *o, const char *name, const void *patch)
{
    member_named(name)->write(o, patch);
}

static void write_tuned(struct out *o, const char *name, const struct patch *p)
{
    out_key(o, name);
    write_member(o, name, p);
}

/* GET /v1/gc  ->  200 {"enabled": true, "phase": "idle", "thresholds": [2000, 10, 10], ...} */
enum err get_gc(struct api *api, struct task *task, struct why *why)
{
    struct out *o = reply_json(task, 200);
    struct heap_stats heap;
    struct gc_state s;
    struct patch tuned;

    gc_get_state(api->gc, &s);
    heap_stats(api->heap, &heap);
    tuned = patch_of(api, &s);
    out_open_object(o);
    write_tuned(o, "enabled", &tuned);
    out_member_text(o, "phase", pause_name((enum pause)s.phase));
    write_tuned(o, "thresholds", &tuned);
    out_key(o, "counts");
    write_three(o, s.counts);
    write_generations(o, &s);
    out_member_u64(o, "frozen", s.frozen);
    write_tuned(o, "debug", &tuned);
    write_tuned(o, "pause_budget_us", &tuned);
    write_tuned(o, "full_bytes_pct", &tuned);
    write_tuned(o, "full_age_s", &tuned);
    out_member_u64(o, "garbage", s.garbage);
    out_pauses(o, api);
    out_member_u64(o, "freed_by_refcount", heap.freed_by_refcount);
    out_member_u64(o, "freed_by_collector", heap.freed_by_collector);
    out_member_u64(o, "doomed", heap.doomed);
    out_close_object(o);
    return reply_end(task, why);
}

static enum err read_patch(struct patch *p, json_t *body, struct why *why)
{
    const char *name;
    json_t *value;
    enum err e;

    json_object_foreach(body, name, value) {
        const struct member *m = member_named(name);

        if (m == NULL)
            return why_set(why, ERR_BAD_VALUE, "/v1/gc has no \"%s\" to change", name);
        if ((e = m->read(p, value, why)))
            return e;
    }
    return ERR_OK;
}

/* ---- what survives ---- */

/* All three, so that those left out stay what they were. */
static json_t *json_thresholds_new(const struct gc_tuning *t)
{
    return json_pack("[I,I,I]", (json_int_t)t->thresholds[0], (json_int_t)t->thresholds[1], (json_int_t)t->thresholds[2]);
}

/* The members of the body by the names under which they are kept. */
static enum err keep_patch(struct task *task, const struct patch *p, json_t *body, struct why *why)
{
    json_auto_t *kept = json_object();
    const char *name;
    json_t *value;

    json_object_foreach(body, name, value) {
        bool whole = strcmp(name, "thresholds") != 0;

        if (json_object_set_new(kept, member_named(name)->kept, whole ? json_incref(value) : json_thresholds_new(&p->tuning)) != 0)
            return why_set(why, ERR_NOMEM, "no memory to keep the change");
    }
    return persist_members(task, kept, why);
}

enum err gc_put_back(struct gc *gc, const char *name, const json_t *value, struct why *why)
{
    struct gc_state now;
    struct patch p;
    enum err e;

    gc_get_state(gc, &now);
    p = (struct patch){.tuning = now.tuning};
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        if (strcmp(name, members[i].kept) == 0)
            return (e = members[i].read(&p, value, why)) ? e : gc_set_tuning(gc, &p.tuning, why);
    }
    return why_set(why, ERR_BAD_VALUE, "there is no setting \"%s\"", name);
}

/* PATCH /v1/gc {"thresholds": [700], "debug": ["saveall"]}  ->  200, the whole document */
enum err patch_gc(struct api *api, struct task *task, struct why *why)
{
    json_auto_t *body = NULL;
    struct patch was, patch;
    struct gc_state now;
    enum err e;

    gc_get_state(api->gc, &now);
    was = patch = patch_of(api, &now);
    if ((e = patch_body(task, &body, why)) || (e = read_patch(&patch, body, why)) ||
        (e = gc_set_tuning(api->gc, &patch.tuning, why)))
        return e;
    if ((e = keep_patch(task, &patch, body, why)) != ERR_OK) {
        CHECK(gc_set_tuning(api->gc, &now.tuning, NULL) == ERR_OK);
        return e;
    }
    api->settings->pause_budget_us = patch.pause_budget_us;
    tell_changes(task, "gc", body, write_member, &was, &patch);
    api->world.settings_changed(api->world.ctx);
    return get_gc(api, task, why);
}
