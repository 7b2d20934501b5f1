/*
 * session.h - the holds by which clients keep objects alive.
 *
 * Owns:      the set of sessions. A session holds objects; each hold is one counted reference, kept until
 *            the session drops it or its lease ends.
 * Knows not: sockets, JSON, randomness, or what time it is: callers pass now_ms (monotonic) and tokens.
 *
 * Session 0 is `default`: it has no token and no lease, and is never over; ending it empties it.
 *
 * Where a limit on bytes is set, what is made in a session's requests is paid for by it (payers.h): its objects, with all
 * that they grow by, and its strings, for as long as they live. When it ends, session 0 pays for what is left. So bytes say
 * who has filled the heap, not who keeps it so: that is for links and roots to say.
 *
 * Always true, and checked by heap_validate():
 *   1. The object of every hold is live, and its count includes that hold.
 *   2. A session holds an object once or not at all.
 *   3. What all sessions pay for is what has a payer.
 */
#pragma once
#include "heap/heap.h"

struct session_set;
typedef uint32_t session_id; /* from 1; never reused; 0 is the default session */

#define SESSION_TTL_S_DEFAULT 30
#define SESSION_TTL_S_MAX 86400
#define SESSION_LABEL_BYTES_MAX 255
#define SESSION_TOKEN_BYTES 32 /* of text, without a NUL */
#define SESSIONS_MAX_DEFAULT 100000

struct session_info {
    session_id id;
    struct slice label;
    double ttl_s;          /* 0: no lease (session 0) */
    uint64_t began_ms;     /* or was put back; nothing of session 0 */
    uint64_t ends_at_ms;   /* UINT64_MAX: no lease */
    uint64_t holds;
    uint64_t bytes;        /* that it pays for; UINT64_MAX: no limit is set, and nobody counts */
};

/* Who wants to know of sessions that come and go is told in the middle of it: he may look, and change nothing. */
enum session_end { SESSION_END_ASKED, SESSION_END_EXPIRED, SESSION_END_EMPTIED /* session 0 */ };
#define SESSION_NAMED_MAX 10

/* It is over, and what it held it still holds. */
struct session_parting {
    struct session_info info;
    enum session_end how;
    size_t named;
    obj_id held[SESSION_NAMED_MAX]; /* what it held longest, about */
};

/* All it held has been let go. */
struct session_toll {
    session_id id;
    struct slice label;
    uint64_t holds;          /* that it had */
    uint64_t objects, bytes; /* what died by that: whatever nothing else counted on. Of cycles the collector tells. */
    bool whole;              /* that is all, and not more; else others died at the same time, or it was too much to wait for */
};

struct session_watch {
    void *ctx;
    void (*opened)(void *ctx, const struct session_info *info);
    void (*parting)(void *ctx, const struct session_parting *p);
    void (*let_go)(void *ctx, const struct session_toll *t);
};

struct session_limits {
    uint32_t sessions_max;
    uint32_t holds_max, default_holds_max; /* of one session, and of session 0 */
    uint64_t bytes_max, default_bytes_max; /* 0: none */
};

/* None to speak of: limits are for what comes, not for what was there. */
static const struct session_limits session_no_limits = {
    .sessions_max = UINT32_MAX - 1, .holds_max = UINT32_MAX - 1, .default_holds_max = UINT32_MAX - 1};

enum err session_set_create(struct heap *h, struct session_set **ret);
/* Releases every hold and sets *ss to NULL; a NULL *ss is fine. */
void session_set_destroy(struct session_set **ss);

/* Tell `w`, which stays where it is, of all that follows; NULL: nobody. */
void session_tell(struct session_set *ss, const struct session_watch *w);

/* Open a session. `token` is SESSION_TOKEN_BYTES of secret text that the caller made. ERR_BAD_VALUE (ttl not
 * within [1, SESSION_TTL_S_MAX], label too long), ERR_TOO_MANY (sessions_max), ERR_NOMEM. */
enum err session_open(struct session_set *ss, double ttl_s, struct slice label, struct slice token,
                      uint64_t now_ms, session_id *ret, struct why *why);

/* Put back one that was open when the heap was last written, with a full lease. Ids go on above all there ever were: this one,
 * and `last`. ERR_BAD_VALUE, ERR_NOMEM. */
enum err session_restore(struct session_set *ss, session_id id, double ttl_s, struct slice label, struct slice token,
                         uint64_t now_ms, struct why *why);
void session_raise_ids(struct session_set *ss, session_id last);
session_id session_last_id(const struct session_set *ss);

/* The session of a token, renewed; compared in constant time. ERR_SESSION_ENDED if there is none. */
enum err session_by_token(struct session_set *ss, struct slice token, uint64_t now_ms, session_id *ret,
                          struct why *why);

/* A session is not over while a request of its runs: begin and end one. Requests may nest; ending renews. */
void session_begin_request(struct session_set *ss, session_id id);
void session_end_request(struct session_set *ss, session_id id, uint64_t now_ms);

/* ERR_NO_NAME: no such session (any more). */
enum err session_renew(struct session_set *ss, session_id id, uint64_t now_ms, struct why *why);
enum err session_info(const struct session_set *ss, session_id id, struct session_info *ret, struct why *why);
/* Let go of all it holds, in steps of session_release(); the session is gone at once (session 0: empty). ERR_NO_NAME.
 * ERR_NOMEM: that could not be noted in the journal, or session 0 has no memory to begin anew; nothing has changed. */
enum err session_end(struct session_set *ss, session_id id, struct why *why);

/* Hold `id`. Holding it again changes nothing. ERR_NO_NAME, ERR_NO_OBJECT, ERR_COLLECTED, ERR_LIMIT
 * (holds_per_session_max, default_holds_max), ERR_NOMEM. O(1). */
enum err session_hold(struct session_set *ss, session_id session, obj_id id, struct why *why);
/* ERR_NOT_HELD, ERR_NO_OBJECT, ERR_COLLECTED, ERR_NO_NAME; ERR_NOMEM if it may have to be taken back (undo.h). O(1). */
enum err session_drop(struct session_set *ss, session_id session, obj_id id, struct why *why);
bool session_holds(const struct session_set *ss, session_id session, obj_id id);

/* Walk the sessions (zero *cursor to begin; those that stay are met once, in no order), and the holds of one
 * (begin with UINT32_MAX, ends with false; a hold that stays is met at least once). */
bool session_next(const struct session_set *ss, uint32_t *cursor, struct session_info *ret);
bool session_next_hold(const struct session_set *ss, session_id session, uint32_t *cursor, obj_id *ret);
uint32_t session_count(const struct session_set *ss); /* session 0 included */
uint64_t session_expired_count(const struct session_set *ss); /* leases that were over, since the start */
/* What sessions take on the account, and how much of that is in pages never written. O(1). */
uint64_t session_set_bytes(const struct session_set *ss, uint64_t *ret_untouched);

/* Look at no more than `max` leases that may be over: end their sessions, or put those that were renewed back in
 * line. Returns how many it looked at; `max` means call me again soon. */
size_t session_expire(struct session_set *ss, uint64_t now_ms, size_t max);
/* A lease may be over, or holds wait to be released. O(1). */
bool session_has_work(const struct session_set *ss, uint64_t now_ms);
/* When the next lease may end; UINT64_MAX if none. */
uint64_t session_next_deadline_ms(const struct session_set *ss);
/* Release holds of ended sessions, at most `units`; returns the units left: 0 means there may be more. */
size_t session_release(struct session_set *ss, size_t units);

/* Live: who is over a limit that has come down keeps what it has. Bytes are counted from the first limit on them that is set
 * until none is; what was there before is nobody's. */
void session_set_limits(struct session_set *ss, const struct session_limits *limits);

/* What is made from now on is paid for by this session. */
void session_pay(struct session_set *ss, session_id id);
/* May so many bytes more be made in it? ERR_LIMIT: bytes_per_session_max, default_bytes_max. O(1). */
enum err session_may_grow(const struct session_set *ss, session_id id, uint64_t bytes, struct why *why);
