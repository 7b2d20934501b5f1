/*
 * session_impl.h - struct session_set, for session.c (the set, its leases and its end), session_holds.c (what a session
 * holds) and session_audit.c, which tells of it.
 */
#pragma once
#include "heap/deadlines.h"
#include "heap/heap_impl.h"
#include "heap/payers.h"
#include "heap/session.h"

/* What dies by the end of a session. */
struct toll {
    uint64_t objects, bytes;
    uint32_t holds;
    uint32_t waited; /* steps since its last hold went, for what its dead held */
    bool begun;
    bool whole;
};

struct session {
    session_id id;
    uint32_t number;    /* in the table */
    uint32_t running;   /* requests */
    uint64_t began_ms;
    uint64_t ends_at_ms;
    struct deadline look; /* when it is looked at whether it is over: never later than that */
    double ttl_s;
    struct map *holds;  /* object -> 0 */
    uint64_t bytes;     /* that it pays for */
    struct session *next; /* among the ending */
    uint32_t onlook;    /* the last onlooker that knows it ... */
    uint32_t unseen;    /* ... and has not come to so many of its holds, the first ones */
    union {
        char token[SESSION_TOKEN_BYTES];
        struct toll toll; /* once it is over */
    };
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
    uint64_t expired;        /* leases */
    struct map *by_id;
    struct map *by_token;    /* hash -> number */
    struct deadlines leases;
    struct session *ending;
    struct session_limits limits;
    struct payers *payers;   /* NULL: no limit on bytes */
    struct session *paying;  /* who paid last */
    uint64_t bytes, untouched_bytes; /* of all maps of holds */
    uint64_t holds;          /* in all of them */
    struct heap_watch watch; /* for recounts */
    const struct session_watch *told; /* NULL: nobody */
    struct { /* what the heap had counted when the toll was looked at last */
        struct session *of;  /* whose toll; NULL: nobody's */
        uint64_t deaths, reaped, reaped_bytes, live_bytes;
    } seen;
    bool in_step;            /* between session_toll_begin() and _end() */

    /* the last onlooker that came by (heap/onlooker.h) */
    uint32_t onlook;
    uint32_t onlook_at;       /* number of the session it has come to */
    struct session *onlook_ending; /* ... and of those that end, once it is through with the table */
    bool onlook_ends;
    uint64_t bytes_then, bytes_found; /* of maps of holds, as they were at its cut */
    uint32_t pays_at;        /* sessions with lower numbers ... */
    uint64_t pays_found;     /* ... pay for so much */
};

/* NULL: there is none. */
struct session *session_find(const struct session_set *ss, session_id id);
enum err session_missing(session_id id, struct why *why);

/* A map of holds comes (1), goes (-1), or is about to change and then has. */
void session_count_holds(struct session_set *ss, const struct map *holds, int sign);
void session_remove_hold(struct session_set *ss, struct session *s, uint32_t entry);

/* ---- session_toll.c ---- */

void session_say_opened(const struct session_set *ss, const struct session *s);
/* It is over, and holds what it held. */
void session_say_parting(const struct session_set *ss, struct session *s, enum session_end how);
/* Its holds are about to be let go of, some of them; they have been. */
void session_toll_begin(struct session_set *ss, struct session *s);
void session_toll_end(struct session_set *ss);
/* The last is gone: let die what died with it, as long as that makes sense. Returns the units left; 0: wait on. */
size_t session_toll_wait(struct session_set *ss, struct session *s, size_t units);
void session_say_let_go(struct session_set *ss, const struct session *s);

void session_describe(const struct session_set *ss, const struct session *s, struct session_info *ret);

/* ---- session_audit.c ---- */

/* Let the heap know who holds what. */
void session_set_watch(struct session_set *ss);

/* Before anything of it changes: at the cut of the onlooker that is going on it was as it is. False: there is none. */
bool session_know(struct session_set *ss, struct session *s);
/* Nothing of it was there at the cut. */
void session_know_newborn(struct session_set *ss, struct session *s);
/* A hold is about to go, while there is an onlooker. */
void session_note_unseen(struct session_set *ss, struct session *s, uint32_t entry);
/* One is about to be put back as entry `entry`, whose place another has taken, while there is one. */
void session_note_put_back(struct session_set *ss, struct session *s, uint32_t entry, slot_t slot);
/* A session, by its number, pays for so much more, or less. */
static inline void session_note_pay(struct session_set *ss, uint32_t number, uint64_t bytes)
{
    if (number < ss->pays_at)
        ss->pays_found += bytes;
}
