/*
 * conn_patience.c - see conn.h: what a connection waits for, since when, and whether that is too long.
 *
 * Nothing is done about it here: conn_look() does.
 */
#include "daemon/conn.h"

/* ---- what is waited for ---- */

static enum conn_patience patience_of(const struct conn *c)
{
    if (c->state == CONN_LINGER)
        return WAITS_FOR_CLOSE;
    if (c->writing)
        return WAITS_FOR_READER;
    if (c->held[0].commit != 0)
        return WAITS_FOR_NOTHING; /* but the disk */
    if (c->now.body_open)
        return c->reading ? WAITS_FOR_BODY : WAITS_FOR_NOTHING;
    if (c->task != NULL || c->last)
        return WAITS_FOR_NOTHING;
    return http_is_idle(&c->http) ? WAITS_FOR_REQUEST : WAITS_FOR_HEAD;
}

void conn_start_clock(struct conn *c)
{
    enum conn_patience p = patience_of(c);

    if (p == c->waits_for)
        return;
    c->waits_for = p;
    c->since_ms = uv_now(c->edge->world.loop);
    c->since_bytes = c->now.body_bytes;
}

bool conn_waits_for_peer(const struct conn *c)
{
    return c->waits_for == WAITS_FOR_HEAD || c->waits_for == WAITS_FOR_BODY || c->waits_for == WAITS_FOR_READER;
}

/* ---- too long ---- */

static bool body_is_slow(struct conn *c, uint64_t waited_ms)
{
    const struct settings *s = c->edge->world.settings;
    uint64_t came = c->now.body_bytes - c->since_bytes;

    if (waited_ms <= s->header_timeout_ms)
        return false;
    if (came < s->body_bytes_per_s_min * waited_ms / 1000)
        return true;
    c->waits_for = WAITS_FOR_NOTHING; /* fast enough so far: measure anew */
    conn_start_clock(c);
    return false;
}

/* Nobody's end waits for a peer that sends nothing: then closing resets nothing. */
static uint64_t linger_ms(const struct conn *c)
{
    return c->edge->draining && c->since_bytes == 0 ? EDGE_TICK_MS : CONN_LINGER_MS;
}

bool conn_is_out_of_time(struct conn *c, uint64_t now)
{
    const struct settings *s = c->edge->world.settings;
    uint64_t waited = now - c->since_ms;

    switch (c->waits_for) {
    case WAITS_FOR_NOTHING:
        return false;
    case WAITS_FOR_REQUEST:
        return waited > s->idle_timeout_ms;
    case WAITS_FOR_HEAD:
        return waited > s->header_timeout_ms;
    case WAITS_FOR_BODY:
        return body_is_slow(c, waited);
    case WAITS_FOR_READER:
        return waited > s->backlog_timeout_ms;
    case WAITS_FOR_CLOSE:
        return waited > linger_ms(c);
    }
    UNREACHABLE();
}
