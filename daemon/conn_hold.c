/*
 * conn_hold.c - see conn.h: no answer leaves before the state that it shows is on disk.
 *
 * What a turn has added to the outbox waits for the commit that will have the heap as it was then. There are two at most: the
 * commit under way, and the one that is being collected. So an outbox is three stretches of bytes: free, and two that are
 * held.
 */
#include "daemon/conn.h"

static size_t held_bytes(const struct conn *c)
{
    size_t n = 0;

    for (size_t i = 0; i < CONN_HELD; i++)
        n += c->held[i].bytes;
    return n;
}

/* What waited for commits that are on disk now is free. */
static void free_durable(struct conn *c)
{
    while (c->held[0].commit != 0 && c->held[0].commit <= c->edge->durable) {
        c->free_bytes += c->held[0].bytes;
        for (size_t i = 0; i + 1 < CONN_HELD; i++)
            c->held[i] = c->held[i + 1];
        c->held[CONN_HELD - 1] = (struct held){.commit = 0};
    }
}

static void hold(struct conn *c, uint64_t commit, size_t bytes)
{
    struct held *h = &c->held[0];

    while (h->commit != 0 && h->commit < commit)
        h++;
    CHECK(h < &c->held[CONN_HELD] && (h->commit == 0 || h->commit == commit));
    h->commit = commit;
    h->bytes += bytes;
}

/* Behind what is held, what need not wait waits too: answers leave in order. */
static uint64_t last_held(const struct conn *c)
{
    uint64_t commit = 0;

    for (size_t i = 0; i < CONN_HELD; i++)
        if (c->held[i].commit != 0)
            commit = c->held[i].commit;
    return commit;
}

void conn_hold_answers(struct conn *c, bool is_kept)
{
    size_t added;
    uint64_t commit;

    free_durable(c);
    added = c->out.bytes - c->free_bytes - held_bytes(c);
    if (added > 0) {
        commit = is_kept ? 0 : edge_wanted_commit(c->edge);
        if (commit == 0)
            commit = last_held(c);
        if (commit == 0)
            c->free_bytes += added;
        else
            hold(c, commit, added);
    }
    if (c->held[0].commit != 0 && list_empty(&c->parked))
        edge_park(c->edge, &c->parked);
}

void conn_held_sent(struct conn *c, size_t n)
{
    CHECK(n <= c->free_bytes);
    c->free_bytes -= n;
}

void conn_hold_nothing(struct conn *c)
{
    if (!list_empty(&c->parked))
        edge_unpark(c->edge, &c->parked);
    c->free_bytes = c->out.bytes;
    for (size_t i = 0; i < CONN_HELD; i++)
        c->held[i] = (struct held){.commit = 0};
}

void conn_unpark(struct conn *c)
{
    free_durable(c);
    if (c->state == CONN_OPEN)
        conn_go_on(c);
}

/* What is left of a stream cannot be taken back: it is cut. */
void conn_fail_parked(struct conn *c, const struct why *why)
{
    bool torn = c->now.head_sent;

    outbox_keep(&c->out, c->free_bytes);
    conn_hold_nothing(c);
    if (c->state != CONN_OPEN)
        return;
    if (torn) {
        conn_close(c);
        return;
    }
    conn_refuse(c, why);
    conn_advance(c);
}
