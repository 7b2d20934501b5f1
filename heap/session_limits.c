/*
 * session_limits.c - how much a session may hold, and pay for: see session.h and payers.h.
 *
 * Holds are counted where they are, in the session's map. Bytes are counted only while a limit on them is set, by payers.c,
 * which tells here who pays more and who less.
 */
#include "heap/payers.h"
#include "heap/session_impl.h"

/* ---- holds ---- */

static uint32_t holds_max(const struct session_set *ss, session_id session)
{
    return session == 0 ? ss->limits.default_holds_max : ss->limits.holds_max;
}

enum err session_may_hold(const struct session_set *ss, const struct session *s, struct why *why)
{
    uint32_t max = holds_max(ss, s->id);

    if (map_count(s->holds) < max)
        return ERR_OK;
    return why_limit(why, ERR_LIMIT, s->id == 0 ? "default_holds_max" : "holds_per_session_max", max,
                     "session %u holds too many objects", s->id);
}

/* ---- bytes ---- */

/* Who has ended has left it to session 0. Mostly the same pays again. */
static void pay(void *ctx, uint32_t payer, int64_t bytes)
{
    struct session_set *ss = ctx;
    struct session *s = ss->paying;

    if (s == NULL || s->id != payer)
        s = session_find(ss, payer);
    ss->paying = s != NULL ? s : ss->table[0];
    ss->paying->bytes += (uint64_t)bytes;
}

static void forget_bytes(struct session_set *ss)
{
    payers_end(&ss->payers);
    for (uint32_t n = 0; n < ss->table_end; n++)
        if (ss->table[n] != NULL)
            ss->table[n]->bytes = 0;
}

/* Without memory to count there is no limit yet; it is asked for again with the next that is set. */
void session_set_limits(struct session_set *ss, const struct session_limits *limits)
{
    bool counts = limits->bytes_max != 0 || limits->default_bytes_max != 0;

    ss->limits = *limits;
    if (counts && ss->payers == NULL)
        ss->payers = payers_begin(ss->heap, pay, ss);
    else if (!counts && ss->payers != NULL)
        forget_bytes(ss);
}

void session_pay(struct session_set *ss, session_id id)
{
    if (ss->payers != NULL)
        payers_turn(ss->payers, id);
}

enum err session_may_grow(const struct session_set *ss, session_id id, uint64_t bytes, struct why *why)
{
    uint64_t max = id == 0 ? ss->limits.default_bytes_max : ss->limits.bytes_max;
    const struct session *s = max != 0 && ss->payers != NULL ? session_find(ss, id) : NULL;

    if (s == NULL || (s->bytes < max && bytes <= max - s->bytes))
        return ERR_OK;
    return why_limit(why, ERR_LIMIT, id == 0 ? "default_bytes_max" : "bytes_per_session_max", max,
                     "session %u has made %llu bytes that live, and may make %llu", id, (unsigned long long)s->bytes,
                     (unsigned long long)max);
}

void session_leave_bytes(struct session_set *ss, struct session *s)
{
    ss->table[0]->bytes += s->bytes;
    s->bytes = 0;
    ss->paying = NULL;
}

static uint64_t paid_bytes(const struct session_set *ss)
{
    uint64_t bytes = 0;

    for (uint32_t n = 0; n < ss->table_end; n++)
        bytes += ss->table[n] != NULL ? ss->table[n]->bytes : 0;
    return bytes;
}

bool sessions_pay_wrong(const struct session_set *ss)
{
    return ss->payers != NULL && paid_bytes(ss) != payers_recount(ss->payers);
}
