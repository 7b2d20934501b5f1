/*
 * conn.c - see conn.h.
 *
 * A libuv callback notes what happened and calls conn_go_on(), which leads to conn_advance() now or a time round the
 * loop later, where every decision is made. There a turn has four parts, each bounded: serve (bytes become tasks, tasks
 * advance, answers go to the outbox), write (one vectored write that does not wait), keep (what was read and not used),
 * settle (what is waited for now).
 */
#include "daemon/conn.h"
#include <sys/socket.h>

/* How a step of serving ended. */
enum progress {
    GOES_ON,
    ANSWERED,        /* a request is over; there may be another */
    HAD_ITS_SHARE,   /* has more to do; others first */
    NEEDS_BYTES,     /* from the peer */
    NEEDS_READER,    /* the peer must read before there is more */
    NEEDS_COLLECTOR, /* or another task */
    NEEDS_NEWS,      /* it listens, and has been told everything */
    IS_OVER,         /* nothing is served any more; what is in the outbox still goes */
};

struct conn *conn_of(void *data)
{
    struct conn *c = data;

    CHECK_IS(c, CONN_MAGIC);
    return c;
}

struct conn *conn_of_queue(struct list *queue_link)
{
    return conn_of(LIST_OWNER(queue_link, struct conn, queue));
}

struct conn *conn_of_all(struct list *all_link)
{
    return conn_of(LIST_OWNER(all_link, struct conn, all));
}

struct conn *conn_of_parked(struct list *parked_link)
{
    return conn_of(LIST_OWNER(parked_link, struct conn, parked));
}

struct conn *conn_of_holding(struct holding *holding)
{
    return conn_of(LIST_OWNER(holding, struct conn, holding));
}

static const struct settings *settings_of(const struct conn *c)
{
    return c->edge->world.settings;
}

/* ---- the end ---- */

static void on_closed(uv_handle_t *handle)
{
    struct conn *c = conn_of(handle->data);
    struct edge *e = c->edge;

    CHECK(c->state == CONN_CLOSING && c->task == NULL && list_empty(&c->queue));
    outbox_fini(&c->out);
    buf_fini(&c->inbox);
    conn_leave_peers(c);
    e->turned_away -= c->turned_away;
    edge_leave(e, &c->all);
    c->magic = 0;
    mem_free(e->world.mem, c, sizeof(*c));
}

void conn_close(struct conn *c)
{
    if (c->state == CONN_CLOSING)
        return;
    c->state = CONN_CLOSING;
    list_remove(&c->queue);
    conn_hold_nothing(c);
    if (c->task != NULL)
        task_end(&c->task);
    holders_note(&c->edge->holders, &c->holding, 0, false);
    uv_close(&c->uv.handle, on_closed);
}

/* ---- serving ---- */

static bool has_room(const struct conn *c)
{
    const struct settings *s = settings_of(c);

    if (c->now.live && c->out.bytes >= CONN_TURN_BYTES)
        return c->out.muted; /* what it does not read stays where it is for all */
    return c->out.muted || (c->out.bytes < s->backlog_bytes_max && c->out.answers < s->pipeline_max);
}

/* Answer what is wrong, and nothing after it. */
static enum progress refuse(struct conn *c, const struct why *why)
{
    bool head_only = c->now.head_only;

    if (c->task != NULL)
        task_end(&c->task);
    c->last = true;
    c->in = SLICE("");
    if (c->now.head_sent) {
        conn_lose_peer(c); /* the answer that has begun cannot be ended truthfully */
        return IS_OVER;
    }
    c->now = (struct exchange){.http_1_1 = true, .head_only = head_only};
    c->task = api_refuse(c->edge->world.api, why);
    if (c->task == NULL)
        conn_lose_peer(c);
    return c->task == NULL ? IS_OVER : GOES_ON;
}

static enum progress refuse_with(struct conn *c, enum err e, const char *sentence)
{
    struct why why;

    why_init(&why);
    why_set(&why, e, "%s", sentence);
    return refuse(c, &why);
}

static enum http_event parse(struct conn *c, struct slice *ret_body, struct why *why)
{
    enum http_event seen = http_next(&c->http, settings_of(c), &c->in, &c->edge->head, ret_body, why);

    c->starved = seen == HTTP_NEEDS_MORE;
    return seen;
}

/* Tell a client that waits for it to send the body. */
static void invite_body(struct conn *c)
{
    if (!c->now.expects || !task_wants_body(c->task))
        return;
    if (c->in.len == 0)
        outbox_add(&c->out, SLICE("HTTP/1.1 100 Continue\r\n\r\n"));
    c->now.expects = false;
}

static void begin_exchange(struct conn *c, const struct http_head *head)
{
    const struct request *r = &head->request;

    c->waits_for = WAITS_FOR_NOTHING; /* every request has its own patience */
    c->now = (struct exchange){
        .http_1_1 = head->http_1_1,
        .keep_alive = head->keep_alive,
        .head_only = r->method == METHOD_HEAD,
        .only_reads = r->method == METHOD_GET || r->method == METHOD_HEAD,
        .expects = head->http_1_1 && head->facts.expect_count > 0 && r->has_body,
        .body_open = true,
        .length_known = r->length_known,
        .length = r->length,
    };
}

static void end_body(struct conn *c)
{
    c->now.body_open = false;
    task_feed(c->task, SLICE(""), true);
}

static enum progress begin_task(struct conn *c, struct http_head *head)
{
    const struct edge_world *w = &c->edge->world;
    struct slice none;
    struct why why;

    why_init(&why);
    begin_exchange(c, head);
    if (doors_check(w->doors, c->unix_socket, head->request.method, &head->facts, &why) != ERR_OK)
        return refuse(c, &why);
    head->request.grant = doors_grant(w->doors, &head->facts);
    c->now.token = head->request.grant.token;
    head->request.awaits_100 = c->now.expects;
    c->task = api_begin(w->api, &head->request);
    if (c->task == NULL)
        return refuse_with(c, ERR_NOMEM, "there is no memory to begin the request");
    if (head->request.has_body) {
        invite_body(c);
        return GOES_ON;
    }
    CHECK(parse(c, &none, &why) == HTTP_GOT_END);
    end_body(c);
    return GOES_ON;
}

/* The peer sends no more, and what it has sent is not a whole request. */
static enum progress end_of_input(struct conn *c)
{
    if (!c->peer_gone && c->now.body_open && c->task != NULL)
        return refuse_with(c, ERR_BAD_REQUEST, "the body ends before it is whole");
    if (!c->peer_gone && !c->now.body_open && !http_is_idle(&c->http))
        return refuse_with(c, ERR_BAD_REQUEST, "the request ends before its headers are whole");
    if (c->task != NULL)
        task_end(&c->task);
    c->last = true;
    return IS_OVER;
}

static enum progress lack_bytes(struct conn *c)
{
    return c->peer_done ? end_of_input(c) : NEEDS_BYTES;
}

/* Between tasks: the next request, or the rest of a body that nobody wanted. */
static enum progress next_request(struct conn *c)
{
    struct slice body;
    struct why why;

    why_init(&why);
    switch (parse(c, &body, &why)) {
    case HTTP_NEEDS_MORE:
        return lack_bytes(c);
    case HTTP_GOT_HEAD:
        return begin_task(c, &c->edge->head);
    case HTTP_GOT_BODY:
        c->now.body_bytes += body.len;
        return GOES_ON;
    case HTTP_GOT_END:
        c->now.body_open = false;
        return GOES_ON;
    case HTTP_REFUSED:
        if (!c->now.body_open)
            return refuse(c, &why);
        c->last = true; /* in the rest of a body whose request has been answered */
        return IS_OVER;
    }
    UNREACHABLE();
}

/* What has come whole is carried out; what is still coming when its token is taken back is not, though it may have been
 * coming for hours. */
static bool lacks_token(const struct conn *c)
{
    return c->now.body_open && c->task != NULL && !doors_still_open(c->edge->world.doors, c->now.token);
}

static enum progress refuse_token(struct conn *c)
{
    return refuse_with(c, ERR_UNAUTHORIZED, "the token has been taken back since this request began");
}

/* The next stretch of the body for the task. NEEDS_BYTES: there is none in hand. */
static enum progress feed_task(struct conn *c)
{
    struct slice body;
    struct why why;

    if (lacks_token(c))
        return refuse_token(c);
    why_init(&why);
    switch (parse(c, &body, &why)) {
    case HTTP_NEEDS_MORE:
        return NEEDS_BYTES;
    case HTTP_GOT_BODY:
        c->now.body_bytes += body.len;
        task_feed(c->task, body, false);
        return GOES_ON;
    case HTTP_GOT_END:
        end_body(c);
        return GOES_ON;
    case HTTP_REFUSED:
        return refuse(c, &why);
    case HTTP_GOT_HEAD:
        break;
    }
    UNREACHABLE();
}

/* A streaming answer to HEAD is over with its head; one that only shows something, when nobody looks. */
static bool is_pointless(const struct conn *c)
{
    return (c->now.head_only && c->now.head_sent) || (c->now.only_reads && c->peer_gone);
}

/* Steps of requests that look at the whole heap are slices as those of the collector are, and are told with them. One that has
 * to wait has only looked whether it still has to: there are many of those, and they would hide the others. */
static enum task_turn time_step(struct conn *c, enum pause what)
{
    struct slice_time s = {0};
    enum task_turn turn;

    pauses_begin(&s);
    turn = task_step(c->task, settings_of(c)->batch_turn_ops);
    (void)pauses_step(&s, what);
    if (turn != TASK_WAIT)
        pauses_end(c->edge->world.pauses, &s);
    return turn;
}

static enum progress step_task(struct conn *c)
{
    enum pause what = task_pause(c->task);
    enum task_turn turn = what == 0 ? task_step(c->task, settings_of(c)->batch_turn_ops) : time_step(c, what);

    if (turn == TASK_DONE) {
        conn_answer_end(c);
        return ANSWERED;
    }
    conn_answer_part(c);
    if (is_pointless(c)) {
        conn_answer_stop(c);
        return ANSWERED;
    }
    switch (turn) {
    case TASK_INPUT:
        CHECK(c->now.body_open && task_wants_body(c->task));
        invite_body(c);
        return c->starved ? lack_bytes(c) : GOES_ON;
    case TASK_WAIT:
        return NEEDS_COLLECTOR;
    case TASK_LISTEN:
        c->now.listens = true;
        c->now.is_told = false;
        return NEEDS_NEWS;
    default: /* TASK_MORE, TASK_ROOM: its body has been taken */
        return HAD_ITS_SHARE;
    }
}

/* Whoever sends no more has gone, or is about to; and nobody is told anything once heapd ends. */
static bool hears_the_last(const struct conn *c)
{
    return c->now.live && (c->peer_done || c->edge->draining);
}

static enum progress serve_task(struct conn *c)
{
    if (is_pointless(c)) {
        conn_answer_stop(c);
        return ANSWERED;
    }
    if (hears_the_last(c))
        task_hang_up(c->task);
    else if (c->now.listens && !c->now.is_told)
        return NEEDS_NEWS;
    if (c->now.body_open && !c->starved && task_wants_body(c->task)) {
        enum progress fed = feed_task(c);

        if (fed != NEEDS_BYTES)
            return fed;
    }
    return step_task(c);
}

/* After an operation a collection may be due: it begins in the collector's next slice, so that slice must not be far. */
static bool had_its_share(const struct conn *c, uint64_t requests_left, size_t out_bytes_before)
{
    return requests_left == 0 || c->out.bytes - out_bytes_before > CONN_TURN_BYTES || gc_is_due(c->edge->world.gc);
}

/* One request after the other, until the turn is used up or something must be waited for. */
static enum progress serve(struct conn *c)
{
    uint64_t left = settings_of(c)->turn_requests_max;
    size_t before = c->out.bytes; /* nothing is sent meanwhile */
    enum progress p = GOES_ON;

    while (p == GOES_ON || p == ANSWERED) {
        if (p == ANSWERED && had_its_share(c, --left, before))
            p = HAD_ITS_SHARE;
        else if (c->task == NULL && c->last)
            p = IS_OVER;
        else if (!has_room(c))
            p = NEEDS_READER;
        else if (c->task == NULL && edge_is_behind(c->edge))
            p = NEEDS_COLLECTOR;
        else
            p = c->task != NULL ? serve_task(c) : next_request(c);
    }
    return p;
}

/* ---- what now ---- */

static bool wants_bytes(const struct conn *c)
{
    bool between = c->task == NULL || !c->now.body_open;

    if (c->peer_done || (c->last && between) || !has_room(c))
        return false; /* the last request gets its body to the end, and nothing behind it is read */
    if (c->task != NULL && c->now.body_open && !task_wants_body(c->task))
        return false;
    return c->in.len == 0 || c->starved;
}

/* All is answered: say that nothing follows, and let the peer read it before the connection goes. */
static void linger(struct conn *c)
{
    uv_os_fd_t fd;

    if (c->peer_done || uv_fileno(&c->uv.handle, &fd) != 0 || shutdown(fd, SHUT_WR) != 0) {
        conn_close(c);
        return;
    }
    c->state = CONN_LINGER;
    c->now.body_bytes = 0;
    conn_set_reading(c, true);
}

/* While something is being sent it is not told more: then it would not wait for its turn. */
static void wait_for_news(struct conn *c)
{
    if (c->out.bytes == 0)
        audience_wait(&c->edge->audience, &c->queue, conn_has_news(c));
}

static void settle(struct conn *c, enum progress p)
{
    if (c->out.broken || (p == IS_OVER && c->peer_gone)) {
        conn_close(c);
        return;
    }
    if (p == HAD_ITS_SHARE || (p == NEEDS_READER && has_room(c)))
        edge_push_again(c->edge, &c->queue);
    else if (p == NEEDS_COLLECTOR)
        edge_push_waiting(c->edge, &c->queue);
    else if (c->peer_gone)
        edge_push_again(c->edge, &c->queue); /* lost while writing: it ends when it is served again */
    else if (p == NEEDS_NEWS)
        wait_for_news(c);
    else if (p == IS_OVER && c->out.bytes == 0)
        linger(c);
    if (c->state == CONN_OPEN)
        conn_set_reading(c, wants_bytes(c));
    conn_start_clock(c);
    if (c->edge->draining)
        conn_drain(c);
}

static size_t buffer_bytes(const struct conn *c)
{
    if (c->cut || c->state == CONN_CLOSING)
        return 0;
    return c->inbox.cap + outbox_held(&c->out) + (c->task != NULL ? task_buffer_bytes(c->task) : 0);
}

static void note_buffers(struct conn *c)
{
    edge_note_buffers(c->edge, &c->holding, buffer_bytes(c), conn_waits_for_peer(c));
}

void conn_advance(struct conn *c)
{
    bool is_short, is_kept = c->now.listens;
    enum progress p;

    if (c->state != CONN_OPEN)
        return;
    edge_begin_turn(c->edge);
    list_remove(&c->queue);
    p = serve(c);
    is_short = p == NEEDS_BYTES && c->out.bytes < CONN_SHORT_BYTES;
    conn_hold_answers(c, is_kept && c->now.listens); /* events have waited for the disk themselves */
    conn_write(c);
    conn_keep_input(c);
    settle(c, p);
    note_buffers(c);
    edge_breathe(c->edge, is_short);
}

/* Who waits for others is looked at soon; who listens, when there is news. */
static void push_again(struct conn *c)
{
    if (c->now.listens)
        list_remove(&c->queue);
    if (c->state == CONN_OPEN && list_empty(&c->queue))
        edge_push_again(c->edge, &c->queue);
}

static void advance_later(struct conn *c)
{
    conn_keep_input(c);
    conn_set_reading(c, false);
    note_buffers(c);
    push_again(c);
}

void conn_read_later(struct conn *c)
{
    conn_set_reading(c, false);
    push_again(c);
}

void conn_go_on(struct conn *c)
{
    if (edge_is_late(c->edge))
        advance_later(c);
    else
        conn_advance(c);
}

bool conn_has_news(const struct conn *c)
{
    return task_listening(c->task) >= LISTENING_NEWS;
}

void conn_tell(struct conn *c)
{
    c->now.is_told = true;
    conn_advance(c);
}

void conn_refuse(struct conn *c, const struct why *why)
{
    (void)refuse(c, why);
}

/* ---- time ---- */

/* Answer that it took too long; in the middle of an answer there is only the end. */
static void time_out(struct conn *c, const char *sentence)
{
    refuse_with(c, ERR_TIMEOUT, sentence);
    conn_advance(c);
}

static void let_go_of_peer(struct conn *c, enum cut why)
{
    c->edge->cuts[why]++;
    conn_lose_peer(c);
    conn_advance(c);
}

static void lose_patience(struct conn *c)
{
    switch (c->waits_for) {
    case WAITS_FOR_HEAD:
        time_out(c, "the headers did not arrive in time");
        break;
    case WAITS_FOR_BODY:
        time_out(c, "the body arrives too slowly");
        break;
    case WAITS_FOR_READER:
        let_go_of_peer(c, CUT_ANSWERS);
        break;
    default:
        conn_close(c);
        break;
    }
}

/* Whose token has been taken back hears no more; who does not read what it asked to be told is cut when too much waits. True
 * if it was one of these, or a ping was due. */
static bool look_at_listener(struct conn *c)
{
    enum listening how = task_listening(c->task);

    if (!doors_still_open(c->edge->world.doors, c->now.token)) {
        task_hang_up(c->task);
        conn_tell(c);
    } else if (c->writing && how == LISTENING_BEHIND) {
        let_go_of_peer(c, CUT_EVENTS);
    } else if (c->now.listens && c->out.bytes == 0 && how == LISTENING_PING) {
        conn_tell(c);
    } else {
        return false;
    }
    return true;
}

bool conn_look(struct conn *c, uint64_t now)
{
    holding_look(&c->holding);
    if (c->out.lent > 0)
        note_buffers(c); /* an object may have let go of what is sent */
    if (c->state == CONN_CLOSING)
        return false;
    if (c->state == CONN_OPEN && lacks_token(c)) {
        (void)refuse_token(c); /* its client may be silent */
        conn_advance(c);
        return true;
    }
    if (c->state == CONN_OPEN && c->now.live && c->task != NULL && look_at_listener(c))
        return true;
    if (!conn_is_out_of_time(c, now))
        return false;
    lose_patience(c);
    return true;
}

/* ---- room ---- */

void conn_cut(struct conn *c)
{
    uint64_t max = settings_of(c)->buffer_bytes_max;
    bool reads = c->waits_for != WAITS_FOR_READER;
    struct why why = {0};

    c->cut = true;
    c->edge->cuts[CUT_ROOM]++;
    holders_note(&c->edge->holders, &c->holding, 0, false);
    if (edge_lacks_memory(c->edge))
        why_set(&why, ERR_NOMEM, "there is no memory for more under way, and this connection is slow");
    else
        why_limit(&why, ERR_TOO_MANY, "buffer_bytes_max", max,
                  "all connections together have more than %llu bytes under way, and this one is slow",
                  (unsigned long long)max);
    if (!reads || refuse(c, &why) == IS_OVER)
        conn_lose_peer(c);
    conn_advance(c);
}

/* One who does not read cannot be told that it is over. */
void conn_end_listening(struct conn *c)
{
    if (c->state != CONN_OPEN || !c->now.live)
        return;
    if (c->writing)
        conn_close(c);
    else
        push_again(c);
}

void conn_drain(struct conn *c)
{
    if (c->state == CONN_OPEN && list_empty(&c->queue) && (c->waits_for == WAITS_FOR_REQUEST || c->waits_for == WAITS_FOR_HEAD))
        conn_close(c);
}
