/*
 * conn_io.c - see conn.h: the socket's side of a connection.
 *
 * Nothing is decided here: a callback notes what happened and calls conn_go_on().
 */
#include "daemon/conn.h"

#define WRITE_PIECES_MAX 64
#define TRY_BYTES_MAX    (1u << 20) /* of one write that does not wait: others want their turn */

void conn_lose_peer(struct conn *c)
{
    c->peer_done = c->peer_gone = true;
    outbox_mute(&c->out, c->writing ? c->write_bytes : 0);
}

/* ---- bytes in ---- */

static void lend_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *ret)
{
    struct conn *c = conn_of(handle->data);
    bool now = c->state == CONN_LINGER || edge_reads_now(c->edge); /* there it is thrown away */

    (void)suggested;
    *ret = uv_buf_init(c->edge->read_buffer, now ? EDGE_READ_BYTES : 0);
}

/* The bytes not yet parsed are those at the end of inbox; those before have been used. */
static bool inbox_append(struct conn *c, struct slice bytes)
{
    buf_consume(&c->inbox, c->inbox.len - c->in.len);
    if (!buf_add_slice(&c->inbox, bytes))
        return false;
    c->in = buf_slice(&c->inbox);
    return true;
}

static void receive(struct conn *c, struct slice bytes)
{
    holding_moved(&c->holding, bytes.len);
    c->starved = false;
    if (c->in.len == 0)
        c->in = bytes;
    else if (!inbox_append(c, bytes))
        conn_lose_peer(c);
}

static bool in_is_lent(const struct conn *c)
{
    return c->in.data >= c->edge->read_buffer && c->in.data < c->edge->read_buffer + EDGE_READ_BYTES;
}

void conn_keep_input(struct conn *c)
{
    struct slice left = c->in;

    if (left.len == 0) {
        c->in = SLICE("");
        if (c->inbox.cap > 0)
            buf_fini(&c->inbox);
    } else if (in_is_lent(c)) {
        c->in = SLICE("");
        buf_clear(&c->inbox);
        if (!inbox_append(c, left))
            conn_lose_peer(c);
    }
}

static void throw_away(struct conn *c, ssize_t nread)
{
    if (nread > 0)
        c->since_bytes += (size_t)nread;
    if (nread < 0 || c->since_bytes > CONN_LINGER_BYTES_MAX)
        conn_close(c);
}

static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buf)
{
    struct conn *c = conn_of(stream->data);

    if (nread == 0 || c->state == CONN_CLOSING)
        return; /* EAGAIN */
    if (c->state == CONN_LINGER) {
        throw_away(c, nread);
        return;
    }
    if (nread == UV_ENOBUFS) {
        conn_read_later(c);
        return;
    }
    if (nread > 0)
        receive(c, (struct slice){buf->base, (size_t)nread});
    else if (nread == UV_EOF)
        c->peer_done = true;
    else
        conn_lose_peer(c);
    conn_go_on(c);
}

void conn_set_reading(struct conn *c, bool on)
{
    if (on == c->reading)
        return;
    c->reading = on;
    if (on)
        CHECK(uv_read_start(&c->uv.stream, lend_buffer, on_read) == 0); /* fails for a closing handle only */
    else
        uv_read_stop(&c->uv.stream);
}

/* ---- bytes out ---- */

static void note_sent(struct conn *c, size_t n)
{
    outbox_sent(&c->out, n);
    conn_held_sent(c, n);
    holding_moved(&c->holding, n);
}

static void on_written(uv_write_t *req, int status)
{
    struct conn *c = conn_of(req->data);

    c->writing = false;
    if (status == 0)
        note_sent(c, c->write_bytes);
    else if (c->state != CONN_CLOSING)
        conn_lose_peer(c);
    c->waits_for = WAITS_FOR_NOTHING; /* it reads: its patience begins anew */
    if (c->state != CONN_CLOSING)
        conn_go_on(c);
}

static size_t gather(const struct conn *c, uv_buf_t bufs[WRITE_PIECES_MAX], size_t bytes_max,
                     size_t *ret_bytes)
{
    _Static_assert(sizeof(uv_buf_t) == sizeof(struct iovec) &&
                       offsetof(uv_buf_t, len) == offsetof(struct iovec, iov_len),
                   "as libuv promises on Unix");
    return outbox_gather(&c->out, (struct iovec *)(void *)bufs, WRITE_PIECES_MAX, bytes_max, ret_bytes);
}

/* Hand libuv what the socket would not take; on_written() will say when it did. */
static void queue_write(struct conn *c)
{
    uv_buf_t bufs[WRITE_PIECES_MAX];
    size_t most = c->free_bytes < CONN_WRITE_BYTES_MAX ? c->free_bytes : CONN_WRITE_BYTES_MAX;
    size_t n = gather(c, bufs, most, &c->write_bytes);

    c->write.data = c;
    c->writing = uv_write(&c->write, &c->uv.stream, bufs, (unsigned)n, on_written) == 0;
    if (!c->writing)
        conn_lose_peer(c);
}

void conn_write(struct conn *c)
{
    uv_buf_t bufs[WRITE_PIECES_MAX];
    size_t bytes, n;
    int sent;

    if (c->writing || c->free_bytes == 0 || c->peer_gone)
        return;
    n = gather(c, bufs, c->free_bytes < TRY_BYTES_MAX ? c->free_bytes : TRY_BYTES_MAX, &bytes);
    sent = uv_try_write(&c->uv.stream, bufs, (unsigned)n);
    if (sent > 0)
        note_sent(c, (size_t)sent);
    else if (sent < 0 && sent != UV_EAGAIN)
        conn_lose_peer(c);
    if (c->free_bytes > 0 && !c->peer_gone)
        queue_write(c);
}
