/*
 * conn_accept.c - see conn.h: how a connection begins, and whether there is a place for it.
 *
 * One too many is told so, if it is not one of a great many: it gets one answer, and counts neither among all nor among
 * those of its peer.
 */
#include "daemon/conn.h"
#include <sys/socket.h>

#define INBOX_BYTES_MAX (4u << 20) /* far above the largest head that the settings allow, and one read */

/* ---- whose it is ---- */

/* Count it among those of its peer: how many they are now, 0 if it has none (a Unix socket, or the peer has left). */
static uint32_t enter_peers(struct conn *c)
{
    struct sockaddr_storage a = {0};
    int len = sizeof(a);
    uint32_t count;

    if (c->unix_socket || uv_tcp_getpeername(&c->uv.tcp, (struct sockaddr *)&a, &len) != 0)
        return 0;
    c->peer = peers_key(&c->edge->peers, &a);
    count = peers_enter(&c->edge->peers, c->peer);
    c->counted = count != PEERS_REFUSED;
    return count;
}

void conn_leave_peers(struct conn *c)
{
    if (c->counted)
        peers_leave(&c->edge->peers, c->peer);
    c->counted = false;
}

/* ---- the beginning ---- */

static int open_handle(struct conn *c)
{
    uv_loop_t *loop = c->edge->world.loop;

    return c->unix_socket ? uv_pipe_init(loop, &c->uv.pipe, 0) : uv_tcp_init(loop, &c->uv.tcp);
}

static struct conn *create(struct edge *e, bool unix_socket)
{
    struct conn *c = mem_zalloc(e->world.mem, sizeof(*c));

    if (c == NULL)
        return NULL;
    c->magic = CONN_MAGIC;
    c->edge = e;
    c->unix_socket = unix_socket;
    list_init(&c->all);
    list_init(&c->queue);
    list_init(&c->parked);
    http_init(&c->http);
    outbox_init(&c->out, &e->pool);
    buf_init(&c->inbox, e->world.mem, INBOX_BYTES_MAX);
    holding_init(&c->holding);
    c->in = SLICE("");
    CHECK(open_handle(c) == 0); /* fails for a bad argument only */
    c->uv.handle.data = c;
    edge_enter(e, &c->all);
    return c;
}

/* Is it one too many, with `count` of its peer's? *why then says of what. */
static bool is_too_many(const struct conn *c, uint32_t count, struct why *why)
{
    const struct settings *s = c->edge->world.settings;
    uint64_t all = s->connections_max, of_peer = s->connections_per_peer_max;

    if (c->edge->count - c->edge->turned_away > all)
        why_limit(why, ERR_TOO_MANY, "connections_max", all, "there are %llu connections already",
                  (unsigned long long)all);
    else if (of_peer > 0 && count == PEERS_REFUSED)
        why_set(why, ERR_NOMEM, "there is no memory to count the connections of this address");
    else if (of_peer > 0 && count > of_peer)
        why_limit(why, ERR_TOO_MANY, "connections_per_peer_max", of_peer,
                  "there are %llu connections from this address already", (unsigned long long)of_peer);
    return why->err != ERR_OK;
}

/* Say so, unless that is being said to as many as may stand in the way of others. */
static void turn_away(struct conn *c, const struct why *why)
{
    conn_leave_peers(c);
    c->turned_away = true;
    if (c->edge->turned_away++ < EDGE_TURNED_AWAY_MAX)
        conn_refuse(c, why);
    else
        conn_close(c);
}

bool conn_accept(struct edge *e, uv_stream_t *listener, bool unix_socket)
{
    struct conn *c = create(e, unix_socket);
    struct why why = {0};

    if (c == NULL)
        return false;
    if (uv_accept(listener, &c->uv.stream) != 0) {
        conn_close(c);
        return true;
    }
    if (!unix_socket)
        uv_tcp_nodelay(&c->uv.tcp, 1);
    if (is_too_many(c, enter_peers(c), &why))
        turn_away(c, &why);
    conn_advance(c);
    return true;
}
