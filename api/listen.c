/*
 * listen.c - GET /v1/events: an answer that goes on as long as both sides like.
 *
 * A listener is a place in the ring of events (events.h), and what of it is wanted. Each step hands out what has come since,
 * and says that it waits for more; the ring is what there is of a backlog, so one who does not read costs no memory but what
 * was under way. It ends when its peer goes, when heapd does (task_hang_up()), or when it is cut.
 */
#include "api/accept.h"
#include "api/handlers.h"
#include "api/task.h"

#define HAND_BYTES (64u << 10) /* that a step hands out, or one event */

struct listener {
    struct event_cursor cursor;
    bool greeted;
    uint64_t said_ms; /* when it was told something last */
};

/* What does not fit waits for the next time: others want to hear something too. */
static void say(struct task *t, struct listener *l)
{
    struct events *ev = t->api->news.events;
    struct buf *to = &t->reply.body;
    uint64_t now_ms = api_now_ms(t->api), ready = api_news(t->api);
    size_t before = to->len;

    if (events_missed(ev, &l->cursor))
        t->api->news.gaps += events_write_gap(ev, &l->cursor, to);
    if (!l->greeted)
        events_write_greeting(&l->cursor, to);
    l->greeted = true;
    t->api->news.sent += events_write(ev, &l->cursor, ready, HAND_BYTES, to);
    if (to->len == before && now_ms - l->said_ms >= t->api->settings->events_ping_ms)
        events_write_ping(&l->cursor, to);
    if (to->len > before)
        l->said_ms = now_ms;
}

/* Without memory for what it is to be told it cannot go on: it comes again, and finds it in the ring. */
static enum err step(struct task *t, void *ctx, size_t units, enum task_turn *turn, struct why *why)
{
    struct listener *l = ctx;

    (void)units;
    (void)why;
    t->reply.streaming = true;
    if (!t->hung_up)
        say(t, l);
    *turn = t->hung_up || t->reply.body.failed ? TASK_DONE : TASK_LISTEN;
    if (t->reply.body.failed)
        buf_clear(&t->reply.body);
    return ERR_OK;
}

static void destroy(struct task *t, void *ctx)
{
    t->api->news.listeners--;
    mem_free(t->api->mem, ctx, sizeof(struct listener));
}

static const struct task_work listen_work = {.step = step, .destroy = destroy};

enum listening task_listening(struct task *t)
{
    const struct events *ev = t->api->news.events;
    const struct settings *s = t->api->settings;
    struct listener *l = t->work_ctx;

    if (t->work != &listen_work)
        return LISTENING_QUIET;
    (void)api_news(t->api);
    if (events_pass_over(ev, &l->cursor))
        return api_now_ms(t->api) - l->said_ms >= s->events_ping_ms ? LISTENING_PING : LISTENING_QUIET;
    if (events_missed(ev, &l->cursor) || events_bytes_after(ev, l->cursor.after) > s->events_backlog_bytes_max)
        return LISTENING_BEHIND;
    return LISTENING_NEWS;
}

void task_hang_up(struct task *t)
{
    t->hung_up = true;
}

/* ---- the request ---- */

/* Where a client was cut it says itself; somebody at curl may say it in the query. */
static uint64_t read_place(const struct task *t)
{
    struct slice text = t->headers.last_event;

    if (text.data != NULL || query_get(t, "since", &text))
        return event_id_read(text);
    return events_newest(t->api->news.events);
}

/* Whoever takes server-sent events gets those. */
static enum event_form choose_form(const struct task *t)
{
    return accept_takes(t->headers.accept, WIRE_TYPE_EVENTS) ? EVENT_SSE : EVENT_LINES;
}

static enum err read_cursor(const struct task *t, struct event_cursor *ret, struct why *why)
{
    struct slice types;

    *ret = (struct event_cursor){.after = read_place(t), .types = EVENT_ALL, .form = choose_form(t)};
    return query_get(t, "types", &types) ? event_types_read(types, &ret->types, why) : ERR_OK;
}

/* GET /v1/events?types=gc,death  ->  200, and then whatever happens */
enum err get_events(struct api *api, struct task *t, struct why *why)
{
    uint64_t max = api->settings->events_listeners_max;
    struct event_cursor cursor;
    struct listener *l;
    enum err e;

    if ((e = read_cursor(t, &cursor, why)) != ERR_OK)
        return e;
    if (api->news.listeners >= max)
        return why_limit(why, ERR_TOO_MANY, "events_listeners_max", max, "as many as that listen already");
    if ((l = mem_zalloc(api->mem, sizeof *l)) == NULL)
        return why_set(why, ERR_NOMEM, "no memory to listen");
    *l = (struct listener){.cursor = cursor, .said_ms = api_now_ms(api)};
    api->news.listeners++;
    reply_empty(t, 200);
    t->reply.content_type = cursor.form == EVENT_SSE ? WIRE_TYPE_EVENTS : WIRE_TYPE_NDJSON;
    t->reply.live = true;
    task_work(t, &listen_work, l);
    return ERR_OK;
}
