/*
 * settings.h - everything in /v1/config and in a config file: one table of names, units, ranges, defaults.
 *
 * The daemon owns one struct settings; api/ shows and changes it; names on the wire are the member names.
 */
#pragma once
#include "heap/base/err.h"
#include "heap/base/slice.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_t;

struct settings {
    /* what a request may be */
    uint64_t json_body_bytes_max;      /* 1 MiB */
    uint64_t json_inline_bytes_max;    /* 16 KiB, 1.5 ms of many small lists: longer bodies are decoded on another thread */
    uint64_t json_depth_max;           /* 64 */
    uint64_t batch_line_bytes_max;     /* 64 KiB */
    uint64_t batch_ops_max;            /* 2^31: ops of one batch */
    uint64_t atomic_ops_max;           /* 10,000: ops of one that is atomic ... */
    uint64_t atomic_bytes_max;         /* 1 MiB: ... and its length */
    uint64_t bytes_body_max;           /* 64 MiB, octet-stream */
    uint64_t request_line_bytes_max;   /* 8 KiB */
    uint64_t header_bytes_max;         /* 16 KiB */
    uint64_t header_fields_max;        /* 64 */
    uint64_t chunk_extension_bytes_max;/* 4 KiB a body */
    /* retries */
    uint64_t idempotency_keys_max;         /* 100,000 */
    uint64_t idempotency_keep_ms;          /* 24 h */
    uint64_t idempotency_answer_bytes_max; /* 4 KiB */
    /* events */
    uint64_t events_kept_max;          /* 10,000 */
    uint64_t events_kept_bytes_max;    /* 4 MiB */
    uint64_t events_listeners_max;     /* 10,000 */
    uint64_t events_backlog_bytes_max; /* 1 MiB, of what a listener has not been told yet because it does not read */
    uint64_t events_ping_ms;           /* 15 s */
    /* connections */
    uint64_t connections_max;          /* 20,000 */
    uint64_t connections_per_peer_max; /* 0: no limit; of one IPv4 address or IPv6 /64 */
    uint64_t pipeline_max;             /* 64 requests of one connection at a time */
    uint64_t header_timeout_ms;        /* 10 s from the first byte of a request to its last header */
    uint64_t body_bytes_per_s_min;     /* 1 KiB */
    uint64_t idle_timeout_ms;          /* 60 s keep-alive */
    uint64_t backlog_bytes_max;        /* 8 MiB: answers that nobody reads, then reading stops */
    uint64_t backlog_timeout_ms;       /* 30 s, then the connection is cut */
    uint64_t buffer_bytes_max;         /* 64 MiB: buffers of all connections together */
    uint64_t drain_timeout_ms;         /* 10 s for open requests after SIGTERM */
    /* how a turn of the loop is shared */
    uint64_t turn_requests_max;        /* 64 requests a connection a turn */
    uint64_t batch_turn_ops;           /* 256 ops a batch runs before it yields */
    uint64_t reap_per_request;         /* 1,000 deaths a request reaps before it answers */
    uint64_t pause_budget_us;          /* 500: the cap of all that is done between two requests */
    /* heap */
    uint64_t memory_bytes_max;         /* 0: no limit; --max-memory */
    uint64_t memory_collect_pct;       /* 90: of it, then a collection starts by itself */
    uint64_t sessions_max;             /* 100,000 */
    uint64_t holds_per_session_max;    /* 100,000,000 */
    uint64_t bytes_per_session_max;    /* 0: no limit; of what is made in its requests and lives */
    uint64_t default_holds_max;        /* 100,000,000: the same of session 0 */
    uint64_t default_bytes_max;        /* 0: no limit */
    uint64_t snapshots_max;            /* 4 */
    uint64_t purge_decay_ms;           /* 10 s until free pages go back to the system */
    uint64_t pack_used_pct;            /* 25: pools less full are packed */
    /* what is told */
    uint64_t metrics_python_names;     /* false */
    uint64_t suspects_enabled;         /* true: what grows is watched */
    uint64_t suspects_window_ms;       /* 60 s */
    uint64_t suspects_bytes_min;       /* 16 KiB: growth that matters */
    /* what survives, with --data */
    uint64_t durability;               /* DURABILITY_COMMIT, _OFF, or every so many ms */
};

#define DURABILITY_COMMIT 0           /* no answer before what it shows is on disk */
#define DURABILITY_OFF INT64_MAX      /* whenever it suits */
#define DURABILITY_MS_MAX 3600000u
#define SETTING_TEXT_MAX 48

void settings_defaults(struct settings *s);

enum setting_live { SETTING_LIVE, SETTING_AT_START };
enum setting_kind { SETTING_NUMBER, SETTING_FLAG /* true, false */, SETTING_DURABILITY /* "commit", "interval:MS", "off" */ };

struct setting {
    const char *name;
    const char *unit;                  /* "bytes", "ms", "us", "count", "bytes/s" */
    const char *about;                 /* one line */
    size_t offset;                     /* in struct settings */
    uint64_t fallback, min, max;       /* the default; the range, both ends included */
    enum setting_live live;
    enum setting_kind kind;
};

/* The table: entry i, or NULL past the end. */
const struct setting *setting_at(size_t i);
/* By its name; NULL if there is none. */
const struct setting *setting_named(struct slice name);
uint64_t setting_get(const struct settings *s, const struct setting *which);
/* A value as JSON, NUL-terminated, at most SETTING_TEXT_MAX bytes with the NUL. */
const char *setting_text(const struct setting *which, uint64_t value, char *out);

/* Set one by name from a decoded JSON value; null sets its default. ERR_BAD_VALUE (unknown name, not an
 * integer in the range, or not changeable while running if `live_only`). */
enum err settings_set(struct settings *s, struct slice name, const struct json_t *value, bool live_only,
                      struct why *why);
