/*
 * settings.c - see settings.h.
 *
 * The table is the only place that knows a setting's unit, range and default: the members of struct settings
 * have one row each, in their order, and every reader (GET /v1/config, a config file, the tests) walks it.
 * Whoever acts on a setting reads the member each time, so a change is live without being told.
 */
#include "api/settings.h"
#include "api/events.h"
#include "api/idempotency.h"
#include "api/wire.h"
#include "heap/base/check.h"
#include "heap/base/num.h"
#include "heap/session.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#define KIB            UINT64_C(1024)
#define MIB            (1024 * KIB)
#define GIB            (1024 * MIB)
#define DAY_MS         UINT64_C(86400000)
#define JSON_DEPTH_CAP 1024 /* what the decoder's own guard allows (jansson: 2,048) */

/* clang-format off */
#define ROW(member, unit, fallback, min, max, about) \
    {#member, unit, about, offsetof(struct settings, member), fallback, min, max, SETTING_LIVE, SETTING_NUMBER}

#define FLAG(member, fallback, about) \
    {#member, "flag", about, offsetof(struct settings, member), fallback, 0, 1, SETTING_LIVE, SETTING_FLAG}

static const struct setting table[] = {
    ROW(json_body_bytes_max, "bytes", WIRE_JSON_BODY_BYTES_MAX, 1 * KIB, 1 * GIB,
        "A JSON body is refused over this length."),
    ROW(json_inline_bytes_max, "bytes", WIRE_JSON_INLINE_BYTES_MAX, 0, 1 * MIB,
        "A JSON body over this length is decoded beside the loop, on another thread."),
    ROW(json_depth_max, "count", WIRE_JSON_DEPTH_MAX, 1, JSON_DEPTH_CAP,
        "JSON nested deeper than this is refused."),
    ROW(batch_line_bytes_max, "bytes", WIRE_BATCH_LINE_BYTES_MAX, 1 * KIB, 64 * MIB,
        "One line of a batch is refused over this length."),
    ROW(batch_ops_max, "count", UINT64_C(1) << 31, 1, UINT64_C(1) << 31,
        "A batch ends with a problem at the op after this many."),
    ROW(atomic_ops_max, "count", WIRE_ATOMIC_OPS_MAX, 1, 1000000,
        "An atomic batch has at most this many ops: nobody else has a turn before they are done."),
    ROW(atomic_bytes_max, "bytes", WIRE_ATOMIC_BYTES_MAX, 1 * KIB, 64 * MIB,
        "An atomic batch is refused over this length."),
    ROW(bytes_body_max, "bytes", WIRE_BYTES_BODY_MAX, 1 * KIB, 1 * GIB,
        "An octet-stream body is refused over this length."),
    ROW(request_line_bytes_max, "bytes", 8 * KIB, 256, 1 * MIB,
        "A request line over this length is refused."),
    ROW(header_bytes_max, "bytes", 16 * KIB, 256, 1 * MIB,
        "All header fields of a request together are refused over this length."),
    ROW(header_fields_max, "count", 64, 1, 1000,
        "A request with more header fields than this is refused."),
    ROW(chunk_extension_bytes_max, "bytes", 4 * KIB, 0, 1 * MIB,
        "Chunk extensions of one body together are refused over this length."),

    ROW(idempotency_keys_max, "count", 100000, 1, IDEM_KEYS_MAX,
        "Answers kept for retries, one an Idempotency-Key; the oldest goes first."),
    ROW(idempotency_keep_ms, "ms", DAY_MS, 1, 30 * DAY_MS,
        "An answer is kept for retries so long."),
    ROW(idempotency_answer_bytes_max, "bytes", 4 * KIB, 0, 1 * MIB,
        "Of a longer answer only that there was one is kept; a retry is told so."),

    ROW(events_kept_max, "count", EVENTS_MAX_DEFAULT, 1, 1000000,
        "Events kept for those who listen again after a cut; the oldest goes first."),
    ROW(events_kept_bytes_max, "bytes", EVENTS_BYTES_MAX_DEFAULT, 4 * KIB, 1 * GIB,
        "Text of the events that are kept; of memory_bytes_max at most a 64th."),
    ROW(events_listeners_max, "count", 10000, 0, 1000000,
        "Those who listen to events at a time."),
    ROW(events_backlog_bytes_max, "bytes", 1 * MIB, 1 * KIB, 1 * GIB,
        "Who listens and does not read is cut when so much more waits for it."),
    ROW(events_ping_ms, "ms", 15000, 1000, DAY_MS,
        "Who listens hears something so often at least."),

    ROW(connections_max, "count", 20000, 1, 1000000,
        "Connections beyond this many are turned away."),
    ROW(connections_per_peer_max, "count", 0, 0, 1000000,
        "Open connections of one IPv4 address, or IPv6 network of 64 bits; 0: no limit."),
    ROW(pipeline_max, "count", 64, 1, 1024,
        "A connection has at most this many unanswered requests; then it is not read."),
    ROW(header_timeout_ms, "ms", 10000, 100, DAY_MS,
        "From the first byte of a request to its last header."),
    ROW(body_bytes_per_s_min, "bytes/s", 1 * KIB, 0, 1 * GIB,
        "A body that arrives slower than this is cut; 0: never."),
    ROW(idle_timeout_ms, "ms", 60000, 100, DAY_MS,
        "A connection without a request for so long is closed."),
    ROW(backlog_bytes_max, "bytes", 8 * MIB, 64 * KIB, 1 * GIB,
        "Answers that nobody reads are kept up to this, then reading stops."),
    ROW(backlog_timeout_ms, "ms", 30000, 100, DAY_MS,
        "A connection that reads none of its answers for so long is cut."),
    ROW(buffer_bytes_max, "bytes", 64 * MIB, 1 * MIB, INT64_MAX,
        "Buffers of all connections together; over it, the slowest of those that wait for their peer are cut."),
    ROW(drain_timeout_ms, "ms", 10000, 0, DAY_MS,
        "Open requests get this long to end after SIGTERM."),

    ROW(turn_requests_max, "count", 64, 1, 100000,
        "A connection runs at most this many requests before the others have their turn."),
    ROW(batch_turn_ops, "count", 256, 1, 100000,
        "A batch runs this many ops before it yields."),
    ROW(reap_per_request, "count", 1000, 0, 1000000,
        "Deaths whose memory is returned before a request is answered; the rest follow in steps."),
    ROW(pause_budget_us, "us", 500, 1, 1000000,
        "The longest slice of work between requests: collecting, ending leases, tidying memory."),

    ROW(memory_bytes_max, "bytes", 0, 0, INT64_MAX,
        "What all that heapd allocates may take, and what a collection will need; then nothing grows. 0: no limit."),
    ROW(memory_collect_pct, "count", 90, 0, 100,
        "At this percentage of memory_bytes_max a full collection starts by itself, and free memory goes back; 0: never."),
    ROW(sessions_max, "count", SESSIONS_MAX_DEFAULT, 1, 10000000,
        "Open sessions at a time, the default one not counted."),
    ROW(holds_per_session_max, "count", 100000000, 1, UINT32_MAX,
        "Objects that one session may hold, the default one aside."),
    ROW(bytes_per_session_max, "bytes", 0, 0, INT64_MAX,
        "What may live of what is made in the requests of one session, the default one aside; 0: no limit."),
    ROW(default_holds_max, "count", 100000000, 1, UINT32_MAX,
        "Objects that the default session may hold."),
    ROW(default_bytes_max, "bytes", 0, 0, INT64_MAX,
        "What may live of what is made in the default session, and in sessions that have ended; 0: no limit."),
    ROW(snapshots_max, "count", 4, 0, 1000,
        "Snapshots that are kept; each takes about twice what its objects do."),
    ROW(purge_decay_ms, "ms", 10000, 0, DAY_MS,
        "Pages that have been free for so long go back to the system; 0: at once."),
    ROW(pack_used_pct, "count", 25, 0, 90,
        "Pools of which less than this percentage is used are packed together; 0: none."),

    FLAG(metrics_python_names, false,
        "/metrics has the families of Python's own collector too (python_gc_...), for dashboards made for those."),
    FLAG(suspects_enabled, true,
        "What grows is watched, and what only grows is told by /v1/heap/suspects."),
    ROW(suspects_window_ms, "ms", 60000, 1000, DAY_MS,
        "Of windows of this length the floors are compared; the first verdict takes 16 of them. Changing it begins anew."),
    ROW(suspects_bytes_min, "bytes", 16 * KIB, 1, INT64_MAX,
        "What has grown by less in 16 windows is no suspect."),

    {"durability", "mode", "With --data: commit (no answer before what it shows is on disk), interval:MS, or off.",
     offsetof(struct settings, durability), DURABILITY_COMMIT, 0, INT64_MAX, SETTING_LIVE, SETTING_DURABILITY},
};
/* clang-format on */

static const uint64_t *member_of(const struct settings *s, const struct setting *which)
{
    return (const uint64_t *)((const char *)s + which->offset);
}

static void set_member(struct settings *s, const struct setting *which, uint64_t value)
{
    CHECK(which->min <= value && value <= which->max);
    *(uint64_t *)((char *)s + which->offset) = value;
}

void settings_defaults(struct settings *s)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        set_member(s, &table[i], table[i].fallback);
}

const struct setting *setting_at(size_t i)
{
    return i < ARRAY_LEN(table) ? &table[i] : NULL;
}

uint64_t setting_get(const struct settings *s, const struct setting *which)
{
    return *member_of(s, which);
}

const struct setting *setting_named(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (slice_is(name, table[i].name))
            return &table[i];
    }
    return NULL;
}

const char *setting_text(const struct setting *which, uint64_t value, char *out)
{
    if (which->kind == SETTING_NUMBER)
        snprintf(out, SETTING_TEXT_MAX, "%" PRIu64, value);
    else if (which->kind == SETTING_FLAG)
        snprintf(out, SETTING_TEXT_MAX, "%s", value != 0 ? "true" : "false");
    else if (value == DURABILITY_COMMIT || value == DURABILITY_OFF)
        snprintf(out, SETTING_TEXT_MAX, "\"%s\"", value == DURABILITY_OFF ? "off" : "commit");
    else
        snprintf(out, SETTING_TEXT_MAX, "\"interval:%" PRIu64 "\"", value);
    return out;
}

static enum err read_durability(const json_t *value, uint64_t *ret, struct why *why)
{
    static const char interval[] = "interval:";
    struct slice text = {json_string_value(value), json_string_length(value)};

    if (text.len > sizeof interval - 1 && memcmp(text.data, interval, sizeof interval - 1) == 0 &&
        parse_u64(slice_from(text, sizeof interval - 1), DURABILITY_MS_MAX, ret) && *ret > 0)
        return ERR_OK;
    if (!slice_is(text, "commit") && !slice_is(text, "off"))
        return why_set(why, ERR_BAD_VALUE, "durability is \"commit\", \"interval:MS\" with MS from 1 to %u, or \"off\"",
                       DURABILITY_MS_MAX);
    *ret = slice_is(text, "off") ? DURABILITY_OFF : DURABILITY_COMMIT;
    return ERR_OK;
}

static enum err read_value(const struct setting *which, const json_t *value, uint64_t *ret, struct why *why)
{
    json_int_t n = json_integer_value(value);

    if (json_is_null(value)) {
        *ret = which->fallback;
        return ERR_OK;
    }
    if (which->kind == SETTING_DURABILITY)
        return read_durability(value, ret, why);
    if (which->kind == SETTING_FLAG) {
        if (!json_is_boolean(value))
            return why_set(why, ERR_BAD_VALUE, "%s is true or false", which->name);
        *ret = json_is_true(value);
        return ERR_OK;
    }
    if (!json_is_integer(value) || n < 0 || (uint64_t)n < which->min || (uint64_t)n > which->max)
        return why_set(why, ERR_BAD_VALUE, "%s is an integer from %" PRIu64 " to %" PRIu64 " (%s)",
                       which->name, which->min, which->max, which->unit);
    *ret = (uint64_t)n;
    return ERR_OK;
}

enum err settings_set(struct settings *s, struct slice name, const struct json_t *value, bool live_only,
                      struct why *why)
{
    const struct setting *which = setting_named(name);
    uint64_t number = 0;
    enum err e;

    if (which == NULL)
        return why_set(why, ERR_BAD_VALUE, "there is no setting \"%.*s\"", (int)name.len, name.data);
    if (live_only && which->live == SETTING_AT_START)
        return why_set(why, ERR_BAD_VALUE, "%s can only be set at the start", which->name);
    if ((e = read_value(which, value, &number, why)))
        return e;
    set_member(s, which, number);
    return ERR_OK;
}
