/* edge.c - see edge.h. */
#include "daemon/edge.h"
#include "daemon/conn.h"
#include "daemon/world.h"

#define EDGE_MAGIC 0xed6e0001u

static struct edge *edge_of(void *data)
{
    struct edge *e = data;

    CHECK_IS(e, EDGE_MAGIC);
    return e;
}

/* ---- turns ---- */

/* A half of a time round the loop begins. */
static void begin_half(struct edge *e)
{
    e->round_began_us = 0;
    e->late = false;
    e->accepted = 0;
}

/* One turn for each that was in line, while there is time; who pushes itself again has its next turn the next time. */
static void advance_again(struct edge *e)
{
    struct list line;

    list_init(&line);
    list_splice(&line, &e->again);
    while (!list_empty(&line) && !e->late) {
        struct list *first = line.next;

        list_remove(first);
        conn_advance(conn_of_queue(first));
    }
    list_splice(&line, &e->again);
    list_splice(&e->again, &line);
}

/* Thousands may have begun together, and so their time is over together. */
static void look_at_some(struct edge *e)
{
    uint64_t now = uv_now(e->world.loop);
    unsigned ended = 0;

    if (e->looks_due > e->count)
        e->looks_due = e->count;
    for (int i = 0; i < EDGE_LOOKS_MAX && e->looks_due > 0 && ended < EDGE_ENDS_MAX; i++) {
        struct list *first = e->all.next;

        list_remove(first);
        list_push(&e->all, first);
        ended += conn_look(conn_of_all(first), now);
        e->looks_due--;
    }
}

static void let_others_in(struct edge *e)
{
    if (!e->held_back)
        return;
    e->held_back = false;
    e->world.on_room(e->world.on_room_ctx);
}

static void on_idle(uv_idle_t *idle)
{
    struct edge *e = edge_of(idle->data);

    begin_half(e);
    advance_again(e);
    look_at_some(e);
    let_others_in(e);
    if (list_empty(&e->again) && e->looks_due == 0 && !e->held_back)
        uv_idle_stop(idle);
}

/* The next time round the loop comes without a sleep. */
static void come_again(struct edge *e)
{
    uv_idle_start(&e->idle, on_idle);
}

void edge_push_again(struct edge *e, struct list *queue_link)
{
    list_push(&e->again, queue_link);
    come_again(e);
}

void edge_push_waiting(struct edge *e, struct list *queue_link)
{
    list_push(&e->waiting, queue_link);
}

void edge_wake_waiting(struct edge *e)
{
    e->woken = true;
}

/* ---- answers that wait for the disk ---- */

void edge_park(struct edge *e, struct list *parked_link)
{
    list_push(&e->parked, parked_link);
    e->parked_count++;
}

void edge_unpark(struct edge *e, struct list *parked_link)
{
    list_remove(parked_link);
    e->parked_count--;
}

size_t edge_parked(const struct edge *e)
{
    return e->parked_count;
}

/* Those that wait for a later one park again. */
void edge_note_durable(struct edge *e, uint64_t commit)
{
    struct list line;

    CHECK(commit > e->durable);
    e->durable = commit;
    list_init(&line);
    list_splice(&line, &e->parked);
    while (!list_empty(&line)) {
        struct conn *c = conn_of_parked(line.next);

        edge_unpark(e, line.next);
        conn_unpark(c);
    }
    edge_wake_waiting(e);
}

void edge_fail_parked(struct edge *e, const struct why *why)
{
    struct list line;

    list_init(&line);
    list_splice(&line, &e->parked);
    while (!list_empty(&line)) {
        struct conn *c = conn_of_parked(line.next);

        edge_unpark(e, line.next);
        conn_fail_parked(c, why);
    }
}

bool edge_step_waiting(struct edge *e)
{
    if (list_empty(&e->asking) && e->woken) {
        list_splice(&e->asking, &e->waiting);
        e->woken = false;
    }
    e->looking = true;
    for (int i = 0; i < EDGE_ASKING_MAX && !list_empty(&e->asking); i++) {
        struct list *first = e->asking.next;

        list_remove(first);
        conn_advance(conn_of_queue(first));
        e->woken |= e->waiting.prev != first; /* it goes on, and others may wait for that */
    }
    e->looking = false;
    return !list_empty(&e->asking) || (e->woken && !list_empty(&e->waiting));
}

bool edge_step_audience(struct edge *e)
{
    return audience_step(&e->audience, e->world.api);
}

/* ---- buffers ---- */

/* The slowest of those next in line, where there are some; who waits for us is not slow. With many holders each has
 * little, and any of the slow ones will do. */
static struct conn *slowest(struct edge *e)
{
    struct holding *first = holders_first(&e->holders), *one = first;
    struct conn *found = NULL;

    for (int i = 0; i < EDGE_JUDGED_MAX && (i == 0 || one != first); i++) {
        struct conn *c = conn_of_holding(one);

        if (conn_waits_for_peer(c) && (found == NULL || holding_is_slower(one, &found->holding)))
            found = c;
        holders_pass_first(&e->holders);
        one = holders_first(&e->holders);
    }
    return found;
}

bool edge_lacks_memory(const struct edge *e)
{
    return e->buffers_max < e->world.settings->buffer_bytes_max;
}

static uint64_t buffers_max(const struct edge *e)
{
    return edge_lacks_memory(e) ? e->buffers_max : e->world.settings->buffer_bytes_max;
}

static bool is_over(const struct edge *e)
{
    return holders_are_over(&e->holders, buffers_max(e));
}

bool edge_reads_now(const struct edge *e)
{
    return !edge_is_late(e) || e->holders.bytes < buffers_max(e) / 2;
}

uint64_t edge_buffer_bytes(const struct edge *e)
{
    return e->holders.bytes;
}

void edge_set_room(struct edge *e, uint64_t bytes_max, bool accepts)
{
    e->buffers_max = bytes_max;
    e->accepts = accepts;
}

/* Whoever is cut holds nothing any more, so this ends. What it says on its way must not bring it here again. */
static void make_room(struct edge *e)
{
    struct conn *c;

    e->making_room = true;
    while (is_over(e) && (c = slowest(e)) != NULL)
        conn_cut(c);
    e->making_room = false;
}

void edge_note_buffers(struct edge *e, struct holding *holding, size_t bytes, bool for_peer)
{
    holders_note(&e->holders, holding, bytes, for_peer);
    if (is_over(e) && !e->making_room)
        make_room(e);
}

/* ---- how long requests take ---- */

/* Requests are timed by the looks at the clock that others need: one more each would cost them a tenth. */
static uint64_t look_at_clock(struct edge *e)
{
    uint64_t now = clock_us();

    api_tell_time(e->world.api, now);
    e->served_us = now;
    return now;
}

static void stop_turn(struct edge *e)
{
    if (e->turn_began_us != 0)
        e->turn_us += look_at_clock(e) - e->turn_began_us + 1; /* never nothing */
    e->turn_began_us = 0;
}

/* Not the sleep that may follow: it would look like a long turn. */
static void on_prepare(uv_prepare_t *prepare)
{
    struct edge *e = edge_of(prepare->data);

    stop_turn(e);
    begin_half(e);
}

uint64_t edge_take_turn_us(struct edge *e)
{
    uint64_t us;

    stop_turn(e);
    us = e->turn_us;
    e->turn_us = 0;
    return us;
}

uint64_t edge_served_us(const struct edge *e)
{
    return e->served_us;
}

void edge_on_breath(struct edge *e, void (*fn)(void *ctx), void *ctx)
{
    e->on_breath = fn;
    e->on_breath_ctx = ctx;
}

void edge_begin_turn(struct edge *e)
{
    e->woken |= !e->looking;
    if (e->turn_began_us == 0)
        e->turn_began_us = look_at_clock(e);
    if (e->round_began_us == 0)
        e->round_began_us = e->turn_began_us;
}

void edge_breathe(struct edge *e, bool is_short)
{
    uint64_t now;

    if (is_short && ++e->short_turns < EDGE_SHORT_TURNS)
        return;
    e->short_turns = 0;
    now = look_at_clock(e);
    e->late |= now - e->round_began_us >= EDGE_ROUND_US;
    if (e->on_breath != NULL && e->turn_began_us != 0 && e->turn_us + (now - e->turn_began_us) >= EDGE_BREATH_US)
        e->on_breath(e->on_breath_ctx);
}

const char *edge_date(struct edge *e)
{
    int64_t now = (int64_t)time(NULL);

    if (now != e->date_s) {
        e->date_s = now;
        clock_http_date(now, e->date);
    }
    return e->date;
}

/* ---- coming and going ---- */

/* Every connection has been looked at after EDGE_TICK_PARTS ticks. */
static void on_tick(uv_timer_t *tick)
{
    struct edge *e = edge_of(tick->data);

    e->looks_due += (e->count + EDGE_TICK_PARTS - 1) / EDGE_TICK_PARTS;
    if (e->looks_due > 0)
        come_again(e);
    if (e->count == 0)
        uv_timer_stop(tick);
    e->world.on_room(e->world.on_room_ctx);
}

static void start_ticking(struct edge *e)
{
    if (!uv_is_active((uv_handle_t *)&e->tick))
        uv_timer_start(&e->tick, on_tick, EDGE_TICK_MS, EDGE_TICK_MS);
}

void edge_enter(struct edge *e, struct list *all_link)
{
    list_push(&e->all, all_link);
    e->count++;
    start_ticking(e);
}

void edge_leave(struct edge *e, struct list *all_link)
{
    CHECK(e->count > 0);
    list_remove(all_link);
    e->count--;
    e->world.on_room(e->world.on_room_ctx);
}

/* libuv takes whoever waits in the backlog before it goes on, and there may be thousands. */
static bool hold_back(struct edge *e)
{
    e->held_back = true;
    come_again(e);
    return false;
}

bool edge_accept(struct edge *e, uv_stream_t *listener, bool unix_socket)
{
    bool room = e->accepts && e->count < e->world.settings->connections_max + EDGE_TURNED_AWAY_MAX;

    if (room && e->accepted == EDGE_ACCEPTS_MAX)
        return hold_back(e);
    e->accepted += room;
    if (room && conn_accept(e, listener, unix_socket))
        return true;
    start_ticking(e);
    return false;
}

size_t edge_count(const struct edge *e)
{
    return e->count;
}

/* A connection leaves the list only in its close callback, so the list stands still here. */
void edge_drain(struct edge *e)
{
    e->draining = true;
    for (struct list *l = e->all.next; l != &e->all; l = l->next) {
        conn_end_listening(conn_of_all(l));
        conn_drain(conn_of_all(l));
    }
}

void edge_cut(struct edge *e)
{
    for (struct list *l = e->all.next; l != &e->all; l = l->next)
        conn_close(conn_of_all(l));
}

/* ---- life ---- */

enum err edge_create(const struct edge_world *world, struct edge **ret)
{
    struct edge *e = mem_zalloc(world->mem, sizeof(*e));
    uint64_t seed;

    if (e == NULL)
        return ERR_NOMEM;
    world_random(&seed, sizeof(seed));
    if (!peers_init(&e->peers, world->mem, seed)) {
        mem_free(world->mem, e, sizeof(*e));
        return ERR_NOMEM;
    }
    CHECK(strlen(world->instance) <= HTTP_INSTANCE_MAX);
    e->magic = EDGE_MAGIC;
    e->world = *world;
    list_init(&e->all);
    list_init(&e->again);
    list_init(&e->waiting);
    list_init(&e->asking);
    list_init(&e->parked);
    audience_init(&e->audience, world->loop);
    holders_init(&e->holders);
    edge_set_room(e, UINT64_MAX, true);
    outbox_pool_init(&e->pool, world->mem);
    http_head_init(&e->head);
    CHECK(uv_idle_init(world->loop, &e->idle) == 0 && uv_timer_init(world->loop, &e->tick) == 0 &&
          uv_prepare_init(world->loop, &e->prepare) == 0);
    e->idle.data = e->tick.data = e->prepare.data = e;
    uv_prepare_start(&e->prepare, on_prepare);
    *ret = e;
    return ERR_OK;
}

void edge_close(struct edge *e)
{
    edge_cut(e);
    uv_close((uv_handle_t *)&e->idle, NULL);
    uv_close((uv_handle_t *)&e->tick, NULL);
    uv_close((uv_handle_t *)&e->prepare, NULL);
    audience_close(&e->audience);
}

void edge_destroy(struct edge **pe)
{
    struct edge *e = *pe;

    if (e == NULL)
        return;
    CHECK_IS(e, EDGE_MAGIC);
    CHECK(e->count == 0 && list_empty(&e->all) && list_empty(&e->again) && list_empty(&e->waiting) &&
          list_empty(&e->asking) && list_empty(&e->audience.waiting) && list_empty(&e->audience.line) &&
          list_empty(&e->parked) && e->holders.bytes == 0);
    outbox_pool_fini(&e->pool);
    peers_fini(&e->peers);
    e->magic = 0;
    mem_free(e->world.mem, e, sizeof(*e));
    *pe = NULL;
}
