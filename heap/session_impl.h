/*
 * session_impl.h - struct session_set, for session.c (the set, its leases and its end) and session_holds.c (what a
 * session holds).
 */
#pragma once
#include "heap/deadlines.h"
#include "heap/heap_impl.h"
#include "heap/payers.h"
#include "heap/session.h"

struct session {
    session_id id;
    uint32_t number;    /* in the table */
    uint32_t running;   /* requests */
    uint64_t ends_at_ms;
    struct deadline look; /* when it is looked at whether it is over: never later than that */
    double ttl_s;
    struct map *holds;  /* object -> 0 */
    uint64_t bytes;     /* that it pays for */
    struct session *next; /* among the ending */
    char token[SESSION_TOKEN_BYTES];
    uint8_t label_len;
    char label[SESSION_LABEL_BYTES_MAX];
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
    struct deadlines leases;
    struct session *ending;
    struct session_limits limits;
    struct payers *payers;   /* NULL: no limit on bytes */
    struct session *paying;  /* who paid last */
    uint64_t bytes, untouched_bytes; /* of all maps of holds */
    struct heap_watch watch; /* for recounts */
};

/* NULL: there is none. */
struct session *session_find(const struct session_set *ss, session_id id);
enum err session_missing(session_id id, struct why *why);

/* A map of holds comes (1), goes (-1), or is about to change and then has. */
void session_count_holds(struct session_set *ss, const struct map *holds, int sign);
void session_remove_hold(struct session_set *ss, struct session *s, uint32_t entry);
