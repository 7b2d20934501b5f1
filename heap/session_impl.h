/*
 * session_impl.h - struct session_set, for session.c, and for session_audit.c, which tells what it holds.
 */
#pragma once
#include "heap/heap_impl.h"
#include "heap/session.h"

struct session {
    session_id id;
    uint32_t number;    /* in the table */
    uint32_t running;   /* requests */
    uint32_t waiting_at; /* place in the heap of deadlines */
    uint64_t ends_at_ms;
    double ttl_s;
    struct map *holds;  /* object -> 0 */
    struct session *next; /* among the ending */
    uint32_t audit;     /* the last audit that knows it ... */
    uint32_t unseen;    /* ... and has not come to so many of its holds, the first ones */
    char token[SESSION_TOKEN_BYTES];
    uint8_t label_len;
    char label[SESSION_LABEL_BYTES_MAX];
};

struct waiting {
    uint64_t at_ms;
    struct session *session;
};

struct session_set {
    struct heap *heap;
    struct session **table;  /* by number; 0 is session 0 */
    uint32_t table_end, table_room;
    uint32_t table_hint;     /* no number below is free */
    uint32_t count;
    session_id last_id;
    struct map *by_id;
    struct map *by_token;    /* hash -> number */
    struct waiting *waiting; /* binary heap, earliest first */
    uint32_t waiting_count, waiting_room;
    struct session *ending;
    uint32_t sessions_max, holds_max;
    uint64_t bytes, untouched_bytes; /* of all maps of holds */
    struct heap_watch watch; /* for recounts */

    /* the last audit that came by (heap/audit.h) */
    uint32_t audit;
    uint32_t audit_at;       /* number of the session it has come to */
    struct session *audit_ending; /* ... and of those that end, once it is through with the table */
    bool audit_ends;
    uint64_t bytes_then, bytes_found; /* of maps of holds, as they were at its cut */
};

static inline struct session *session_find(const struct session_set *ss, session_id id)
{
    uint32_t e;

    if (id == 0)
        return ss->table[0]; /* the first there was, and it never ends */
    e = map_find(ss->by_id, id);
    return e == MAP_NONE ? NULL : ss->table[map_value(ss->by_id, e)];
}

/* ---- session_audit.c ---- */

/* Let the heap know who holds what. */
void session_set_watch(struct session_set *ss);

/* Before anything of it changes: at the cut of the audit that is going on it was as it is. False: there is no audit. */
bool session_know(struct session_set *ss, struct session *s);
/* Nothing of it was there at the cut. */
void session_know_newborn(struct session_set *ss, struct session *s);
/* A hold is about to go, while there is an audit. */
void session_note_unseen(struct session_set *ss, struct session *s, uint32_t entry);
