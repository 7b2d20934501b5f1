/*
 * config.c - /v1/config: every setting, shown and changed.
 *
 * A PATCH is applied to a copy, which takes the place of the settings when all of it was right.
 */
#include "api/config.h"
#include "api/handlers.h"
#include "api/persist.h"
#include <inttypes.h>

#define PATCH_REPLY_BYTES 8192 /* so that the answer cannot fail after the deed is done */

/* ---- what PATCH handlers share ---- */

enum err patch_body(struct task *task, json_t **ret, struct why *why)
{
    json_t *body;
    enum err e;

    if ((e = persist_check(task, why)) != ERR_OK)
        return e;
    if (!buf_reserve(&task->reply.body, PATCH_REPLY_BYTES))
        return why_set(why, ERR_NOMEM, "no memory for the answer");
    if ((e = task_json(task, &body, why)))
        return e;
    if (!json_is_object(body)) {
        json_decref(body);
        return why_set(why, ERR_BAD_VALUE, "what to change is an object of names and values");
    }
    *ret = body;
    return ERR_OK;
}

enum err json_u64(const char *key, const json_t *value, uint64_t min, uint64_t max, uint64_t *ret,
                  struct why *why)
{
    json_int_t n = json_integer_value(value);

    if (!json_is_integer(value) || n < 0 || (uint64_t)n < min || (uint64_t)n > max)
        return why_set(why, ERR_BAD_VALUE, "%s is an integer from %" PRIu64 " to %" PRIu64, key, min, max);
    *ret = (uint64_t)n;
    return ERR_OK;
}

enum err json_bool(const char *key, const json_t *value, bool *ret, struct why *why)
{
    if (!json_is_boolean(value))
        return why_set(why, ERR_BAD_VALUE, "%s is true or false", key);
    *ret = json_is_true(value);
    return ERR_OK;
}

void tell_changes(struct task *task, const char *what, json_t *body, member_writer *write, const void *was, const void *is)
{
    struct out *o = news_begin_config(task->api, what, task->label);
    const char *name;
    json_t *value;

    out_member_bool(o, "persist", query_is_true(task, "persist"));
    out_key(o, "changed");
    out_open_object(o);
    json_object_foreach(body, name, value) {
        out_key_slice(o, slice_of(name));
        out_open_object(o);
        out_key(o, "from");
        write(o, name, was);
        out_key(o, "to");
        write(o, name, is);
        out_close_object(o);
    }
    out_close_object(o);
    news_end(task->api);
}

/* What has happened is worth less than what there is: of little memory it gets little. */
static uint64_t event_bytes_max(const struct settings *s)
{
    uint64_t share = s->memory_bytes_max / EVENTS_MEMORY_PART;

    return s->memory_bytes_max == 0 || share > s->events_kept_bytes_max ? s->events_kept_bytes_max : share;
}

void api_apply_settings(struct api *api)
{
    const struct settings *s = api->settings;

    mem_set_max(api->mem, s->memory_bytes_max);
    idem_set_limits(api->idempotency, (struct idem_limits){.keys_max = (uint32_t)s->idempotency_keys_max,
                                                           .keep_ms = s->idempotency_keep_ms,
                                                           .answer_bytes_max = (size_t)s->idempotency_answer_bytes_max});
    events_set_limits(api->news.events, s->events_kept_max, event_bytes_max(s));
    session_set_limits(api->sessions, &(struct session_limits){.sessions_max = (uint32_t)s->sessions_max,
                                                               .holds_max = (uint32_t)s->holds_per_session_max,
                                                               .default_holds_max = (uint32_t)s->default_holds_max,
                                                               .bytes_max = s->bytes_per_session_max,
                                                               .default_bytes_max = s->default_bytes_max});
    heap_set_tidy(api->heap, &(struct heap_tidy){.purge_decay_ms = (uint32_t)s->purge_decay_ms,
                                                 .pack_used_pct = (uint32_t)s->pack_used_pct});
}

/* ---- handlers ---- */

static void write_value(struct out *o, const struct setting *s, uint64_t value)
{
    char text[SETTING_TEXT_MAX];

    out_raw(o, slice_of(setting_text(s, value, text)));
}

/* {"value","default","min","max","unit","about"} */
static void write_in_full(const struct api *api, struct out *o, const struct setting *s)
{
    out_open_object(o);
    out_key(o, "value");
    write_value(o, s, setting_get(api->settings, s));
    out_key(o, "default");
    write_value(o, s, s->fallback);
    if (s->kind == SETTING_NUMBER) {
        out_member_u64(o, "min", s->min);
        out_member_u64(o, "max", s->max);
    }
    out_member_text(o, "unit", s->unit);
    out_member_text(o, "about", s->about);
    out_close_object(o);
}

/* GET /v1/config  ->  200 {"json_body_bytes_max": 1048576, ...}; ?verbose=true explains each */
enum err get_config(struct api *api, struct task *task, struct why *why)
{
    bool verbose = query_is_true(task, "verbose");
    struct out *o = reply_json(task, 200);
    const struct setting *s;

    out_open_object(o);
    for (size_t i = 0; (s = setting_at(i)) != NULL; i++) {
        out_key(o, s->name);
        if (verbose)
            write_in_full(api, o, s);
        else
            write_value(o, s, setting_get(api->settings, s));
    }
    out_close_object(o);
    return reply_end(task, why);
}

static void write_setting(struct out *o, const char *name, const void *from)
{
    const struct setting *s = setting_named(slice_of(name));

    write_value(o, s, setting_get(from, s));
}

static enum err apply_members(struct settings *s, json_t *body, struct why *why)
{
    const char *name;
    json_t *value;
    enum err e;

    json_object_foreach(body, name, value) {
        if ((e = settings_set(s, slice_of(name), value, true, why)))
            return e;
    }
    return ERR_OK;
}

/* PATCH /v1/config {"pause_budget_us": 200, "pipeline_max": null}  ->  200, all of it; null sets the default, and with
 * ?persist=true is what is kept no longer */
enum err patch_config(struct api *api, struct task *task, struct why *why)
{
    json_auto_t *body = NULL;
    struct settings was = *api->settings, next = was;
    enum err e;

    if ((e = patch_body(task, &body, why)) || (e = apply_members(&next, body, why)) ||
        (e = persist_members(task, body, why)))
        return e;
    *api->settings = next;
    api_apply_settings(api);
    tell_changes(task, "config", body, write_setting, &was, api->settings);
    api->world.settings_changed(api->world.ctx);
    return get_config(api, task, why);
}
