/*
 * session_impl.h - struct session and the set of them, for session.c and session_limits.c alone.
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
    uint64_t bytes;     /* that it pays for */
    struct session *next; /* among the ending */
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
    struct session_limits limits;
    struct payers *payers;   /* NULL: no limit on bytes */
    struct session *paying;  /* who paid last */
    uint64_t bytes, untouched_bytes; /* of all maps of holds */
    struct heap_watch watch; /* for recounts */
};

static inline struct session *session_find(const struct session_set *ss, session_id id)
{
    uint32_t e;

    if (id == 0)
        return ss->table[0]; /* the first there was, and it never ends */
    e = map_find(ss->by_id, id);
    return e == MAP_NONE ? NULL : ss->table[map_value(ss->by_id, e)];
}

/* ---- session_limits.c ---- */

/* ERR_LIMIT: it holds as many as it may. */
enum err session_may_hold(const struct session_set *ss, const struct session *s, struct why *why);
/* It ends: what it pays for session 0 pays for. */
void session_leave_bytes(struct session_set *ss, struct session *s);
/* What is paid for is not what has a payer. O(heap). */
bool sessions_pay_wrong(const struct session_set *ss);
