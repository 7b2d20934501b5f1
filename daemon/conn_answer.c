/*
 * conn_answer.c - from a reply to the outbox: how long the body is, how the peer learns it, whether more
 * follows.
 *
 * A streaming task that is done before any of it was sent has a length after all, and is answered with it.
 */
#include "daemon/conn.h"

/* What is left of the request's body is worth reading, only to keep the connection. */
static bool rest_is_short(const struct exchange *x)
{
    if (x->expects)
        return false; /* the client may send the body or not: nobody knows where the next request begins */
    return x->length_known && x->length - x->body_bytes <= CONN_DISCARD_BYTES_MAX;
}

static void decide_end(struct conn *c, const struct reply *r)
{
    if (r->close || !c->now.keep_alive || c->edge->draining)
        c->last = true;
}

static void add_head(struct conn *c, const struct reply *r, enum http_framing framing, uint64_t length)
{
    char *room = outbox_room(&c->out, HTTP_WRITE_HEAD_MAX);
    struct http_answer a = {
        .http_1_1 = c->now.http_1_1,
        .keep_alive = !c->last,
        .framing = framing,
        .length = length,
        .durable = edge_promises(c->edge),
        .date = edge_date(c->edge),
        .instance = slice_of(c->edge->world.instance),
    };

    if (room != NULL)
        outbox_wrote(&c->out, http_write_head(room, r, &a));
}

/* ---- an answer that is sent while it is made ---- */

static void begin_stream(struct conn *c, const struct reply *r)
{
    bool has_length = r->stream_bytes > 0;

    decide_end(c, r);
    c->now.chunked = c->now.http_1_1 && !has_length;
    c->last |= !c->now.chunked && !has_length;
    c->now.head_sent = true;
    c->now.live = r->live;
    if (has_length)
        add_head(c, r, HTTP_BY_LENGTH, r->stream_bytes);
    else
        add_head(c, r, c->now.chunked ? HTTP_BY_CHUNKS : HTTP_BY_CLOSE, 0);
}

static void add_chunk_line(struct conn *c, size_t len)
{
    char *room = outbox_room(&c->out, HTTP_CHUNK_LINE_MAX);

    if (room != NULL)
        outbox_wrote(&c->out, http_write_chunk_line(room, len));
}

static void add_stream_bytes(struct conn *c, struct reply *r)
{
    if (r->body.len == 0)
        return;
    if (c->now.head_only) {
        buf_clear(&r->body);
        return;
    }
    if (c->now.chunked)
        add_chunk_line(c, r->body.len);
    outbox_take(&c->out, &r->body);
    if (c->now.chunked)
        outbox_add(&c->out, SLICE("\r\n"));
}

void conn_answer_part(struct conn *c)
{
    struct reply *r = task_reply(c->task);

    if (r == NULL || !r->streaming)
        return;
    if (!c->now.head_sent)
        begin_stream(c, r);
    add_stream_bytes(c, r);
}

static void end_stream(struct conn *c, struct reply *r)
{
    add_stream_bytes(c, r);
    if (c->now.chunked && !c->now.head_only)
        outbox_add(&c->out, SLICE("0\r\n\r\n"));
}

/* ---- an answer that is whole ---- */

static void add_body(struct conn *c, struct reply *r)
{
    if (c->now.head_only)
        return;
    if (r->payload != NULL)
        outbox_lend(&c->out, r->payload, r->payload_from, r->payload_len);
    else
        outbox_take(&c->out, &r->body);
}

static void add_whole(struct conn *c, struct reply *r)
{
    add_head(c, r, HTTP_BY_LENGTH, r->payload != NULL ? r->payload_len : r->body.len);
    add_body(c, r);
}

void conn_answer_end(struct conn *c)
{
    struct reply *r = task_reply(c->task);

    CHECK(r != NULL && (r->streaming || !c->now.head_sent));
    decide_end(c, r);
    if (c->now.body_open && !rest_is_short(&c->now))
        c->last = true;
    if (c->now.head_sent)
        end_stream(c, r);
    else
        add_whole(c, r);
    conn_answer_stop(c);
}

/* Of the exchange only the rest of the request's body, if any, is still of interest. */
void conn_answer_stop(struct conn *c)
{
    outbox_end_answer(&c->out);
    task_end(&c->task);
    c->now.head_sent = c->now.head_only = false;
    c->now.live = c->now.listens = c->now.is_told = false;
}
