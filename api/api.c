/*
 * api.c - the door: how a task gets from its first byte to its answer.
 *
 *   HEAD --whole body is in (a stream: at once)--> RUN --handler--> ENDED
 *     |                                              '--it left work--> WORK --work says DONE--> ENDED
 *     '--refused, or a retry--> DISCARD --the body is over, or the connection shall close--> ENDED
 *
 * A request runs in a session, which is not over while it does. Before an answer is whole, the request reaps
 * a bounded number of deaths, so that whoever makes garbage pays for it.
 */
#include "api/admit.h"
#include "api/alerts.h"
#include "api/config.h"
#include "api/searches.h"
#include "api/snapshots.h"
#include "api/task.h"
#include "api/validate.h"
#include "heap/base/check.h"
#include <sodium.h>

#define STREAM_INBOX_MAX       (256u << 10) /* bytes of a stream that wait to be taken, if no line is longer */
#define PAYLOAD_BYTES_MIN      4096u        /* of a body of bytes that is longer: its first room */

/* ---- life ---- */

static struct idempotency *new_idempotency(struct mem *mem, const struct api_world *world)
{
    uint64_t seed;

    CHECK(sodium_init() >= 0); /* finds the fastest way to hash on this machine */
    world->random_bytes(world->ctx, &seed, sizeof seed);
    return idem_create(mem, seed);
}

enum err api_create(struct mem *mem, struct heap *heap, struct gc *gc, struct session_set *sessions,
                    struct settings *settings, struct api_world world, const char *instance, struct api **ret)
{
    struct api *api = mem_zalloc(mem, sizeof *api);

    if (api == NULL)
        return ERR_NOMEM;
    CHECK(strlen(instance) < sizeof api->instance);
    api->magic = API_MAGIC;
    api->mem = mem;
    api->heap = heap;
    api->gc = gc;
    api->sessions = sessions;
    api->settings = settings;
    api->world = world;
    memcpy(api->instance, instance, strlen(instance) + 1);
    api->bodies.last = &api->bodies.first;
    api->idempotency = new_idempotency(mem, &world);
    if (api->idempotency == NULL) {
        mem_free(mem, api, sizeof *api);
        return ERR_NOMEM;
    }
    if (news_init(api) != ERR_OK) {
        idem_destroy(&api->idempotency);
        mem_free(mem, api, sizeof *api);
        return ERR_NOMEM;
    }
    api->outside = searches_outside(sessions, gc);
    growth_init(&api->growth,
                &(struct growth_world){
                    .mem = mem, .heap = heap, .gc = gc, .sessions = sessions, .settings = settings, .watch = alerts_watch(api)});
    router_init(&api->router);
    buf_init(&api->openapi, mem, SIZE_MAX);
    api_apply_settings(api);
    *ret = api;
    return ERR_OK;
}

void api_destroy(struct api **papi)
{
    struct api *api = *papi;

    if (api == NULL)
        return;
    CHECK_IS(api, API_MAGIC);
    CHECK(api->counters.tasks_open == 0 && api->bodies.open == 0 && api->bodies.first == NULL);
    while (api->ending != NULL || api->validations_over != NULL || api->searches_over != NULL)
        api_step(api, 1000);
    snapshots_fini(api);
    task_drain_free(api);
    idem_destroy(&api->idempotency);
    growth_fini(&api->growth);
    news_fini(api);
    buf_fini(&api->openapi);
    api->magic = 0;
    mem_free(api->mem, api, sizeof *api);
    *papi = NULL;
}

struct idempotency *api_put_back_answers(struct api *api)
{
    idem_set_limits(api->idempotency, idem_no_limits);
    return api->idempotency;
}

/* ---- may it come in? ---- */

/* The answer is known; the rest of the body is read and thrown away, or, if it may be long, the connection
 * closes. */
static void refuse(struct task *t, const struct why *why, bool rest_is_short)
{
    if (dashboard_may_ask(t, why))
        dashboard_ask(t, why);
    else
        reply_problem(t, why);
    t->reply.close = !rest_is_short;
    t->state = TASK_DISCARD;
}

/* Is what is left of the body worth reading over, so that the connection can go on? Of one whose end nobody knows, and
 * of one that may come or not, what follows might be taken for a request. */
static bool body_is_short(const struct api *api, const struct request *r, enum err refused)
{
    if (refused == ERR_LENGTH_REQUIRED || r->awaits_100)
        return false;
    return !r->has_body || (r->length_known && r->length <= api->settings->json_body_bytes_max);
}

/* What it asks for is known only when it has been read: until then it is taken to be harmless. */
struct task *api_begin(struct api *api, const struct request *r)
{
    size_t reach = mem_reach(api->mem, REACH_LOOK);
    struct task *t = task_new(api);
    struct why why;

    why_init(&why);
    CHECK_IS(api, API_MAGIC);
    if (t != NULL) {
        api->counters.tasks_open++;
        t->began_us = api->counters.now_us;
        if (task_admit(t, r, &why) != ERR_OK)
            refuse(t, &why, body_is_short(api, r, why.err));
    }
    mem_reach(api->mem, reach);
    return t;
}

struct task *api_refuse(struct api *api, const struct why *why)
{
    size_t reach = mem_reach(api->mem, REACH_LOOK);
    struct task *t = task_new(api);

    CHECK_IS(api, API_MAGIC);
    if (t != NULL) {
        api->counters.tasks_open++;
        t->began_us = api->counters.now_us;
        refuse(t, why, false);
    }
    mem_reach(api->mem, reach);
    return t;
}

/* ---- the body ---- */

/* A stream is read on until the longest line is whole, or one byte too long. */
static size_t stream_inbox_max(const struct task *t)
{
    size_t line = (size_t)t->api->settings->batch_line_bytes_max + 1;

    return line > STREAM_INBOX_MAX ? line : STREAM_INBOX_MAX;
}

bool task_wants_body(const struct task *t)
{
    CHECK_IS(t, TASK_MAGIC);
    if (t->body_whole || t->state == TASK_ENDED || t->reply.close)
        return false;
    return !task_is_stream(t) || t->state == TASK_DISCARD ||
           (t->body.len - t->body_taken < stream_inbox_max(t) &&
            t->reply.body.len <= t->api->settings->backlog_bytes_max);
}

static void keep_stream(struct task *t, struct slice bytes)
{
    buf_consume(&t->body, t->body_taken);
    t->body_taken = 0;
    buf_add_slice(&t->body, bytes); /* refused: its work sees body.failed */
}

/* Room for `len` bytes of a body of bytes; it doubles, and ends exactly at the length that was announced. */
static bool make_payload_room(struct task *t, size_t len)
{
    size_t room = t->payload != NULL ? 2 * t->payload->len : PAYLOAD_BYTES_MIN;

    if (room < len)
        room = len;
    if (room > t->body_bound)
        room = t->body_bound;
    if (t->payload != NULL)
        return len <= t->payload->len || payload_resize(&t->payload, room);
    t->payload = payload_create(t->api->mem, room);
    return t->payload != NULL;
}

/* A body of bytes comes straight to where the heap will have it. */
static bool keep_bytes(struct task *t, struct slice bytes)
{
    if (bytes.len == 0)
        return true;
    if (!make_payload_room(t, t->payload_filled + bytes.len))
        return false;
    memcpy(t->payload->data + t->payload_filled, bytes.data, bytes.len);
    t->payload_filled += bytes.len;
    return true;
}

static bool keep(struct task *t, struct slice bytes)
{
    return task_body_is_bytes(t) ? keep_bytes(t, bytes) : buf_add_slice(&t->body, bytes);
}

static void keep_body(struct task *t, struct slice bytes)
{
    struct why why;

    why_init(&why);
    if (t->body_seen > t->body_max)
        task_refuse_length(t, &why);
    else if (t->route != NULL && t->route->body != BODY_NONE && !keep(t, bytes))
        why_set(&why, ERR_NOMEM, "no memory for the body");
    if (why.err != ERR_OK)
        refuse(t, &why, t->body_whole);
}

/* What grows is refused as early as that can be known. But a short body may yet say something harmless. */
static size_t reach_of_body(const struct task *t)
{
    bool is_short = !task_body_is_bytes(t) && t->body_bound <= WIRE_JSON_INLINE_BYTES_MAX;

    return is_short || t->route == NULL || !route_grows(t->route) ? REACH_LOOK : REACH_GROW;
}

void task_feed(struct task *t, struct slice bytes, bool last)
{
    size_t reach;

    CHECK_IS(t, TASK_MAGIC);
    CHECK(!t->body_whole);
    t->body_whole = last;
    t->body_seen += bytes.len;
    if (t->keyed != NULL)
        keyed_feed(t, bytes);
    if (t->state == TASK_DISCARD || t->state == TASK_ENDED)
        return;
    reach = mem_reach(t->api->mem, reach_of_body(t));
    if (task_is_stream(t))
        keep_stream(t, bytes);
    else
        keep_body(t, bytes);
    mem_reach(t->api->mem, reach);
}

/* ---- the run ---- */

static void time_ended(struct api_counters *c)
{
    for (size_t i = 0; i < c->ended_count; i++)
        times_add(&c->took[c->ended[i].route], c->now_us - c->ended[i].began_us);
    c->ended_count = 0;
}

void api_tell_time(struct api *api, uint64_t now_us)
{
    api->counters.now_us = now_us;
    time_ended(&api->counters);
}

static void count_answer(struct api_counters *c, size_t route, unsigned class, uint64_t began_us)
{
    CHECK(class >= 1 && class < ARRAY_LEN(c->answers[0]));
    c->answers[route][class]++;
    if (c->ended_count == API_ENDED_MAX)
        time_ended(c);
    c->ended[c->ended_count++] = (struct ended){route, began_us};
}

static enum task_turn finish(struct task *t)
{
    struct api *api = t->api;
    unsigned class;

    if (t->keyed != NULL)
        keyed_finish(t);
    class = (unsigned)t->reply.status / 100;
    count_answer(&api->counters, t->route != NULL ? route_number(t->route) : ROUTES_MAX, class, t->began_us);
    if (class == 2 && t->route != NULL)
        t->reply.write = t->route->method != METHOD_GET;
    api->counters.answered++;
    heap_reap(api->heap, (size_t)api->settings->reap_per_request);
    t->state = TASK_ENDED;
    return TASK_DONE;
}

static void end_work(struct task *t)
{
    if (t->work != NULL)
        t->work->destroy(t, t->work_ctx);
    t->work = NULL;
    t->work_ctx = NULL;
}

static enum task_turn fail(struct task *t, enum err e, struct why *why)
{
    if (why->err == ERR_OK)
        why_set(why, e, "refused"); /* whoever found it left the sentence out */
    end_work(t);
    reply_problem(t, why);
    t->reply.close = !t->body_whole;
    return finish(t);
}

static enum task_turn work(struct task *t, size_t units)
{
    struct why why;
    enum task_turn turn = TASK_MORE;
    enum err e;

    why_init(&why);
    t->state = TASK_WORK;
    if ((e = keyed_prepare(t, &why)) || (e = t->work->step(t, t->work_ctx, units, &turn, &why)))
        return fail(t, e, &why);
    if (turn != TASK_DONE)
        return turn;
    end_work(t);
    return finish(t);
}

/* All of it has come: the payload is as long as that. */
static bool end_payload(struct task *t)
{
    if (t->payload == NULL)
        t->payload = payload_create(t->api->mem, 0);
    else if (t->payload->len != t->payload_filled)
        return payload_resize(&t->payload, t->payload_filled);
    return t->payload != NULL;
}

static enum err handle(struct task *t, struct why *why)
{
    if (t->route == NULL)
        return reply_empty(t, 204); /* OPTIONS: Allow says it all */
    return t->route->handle(t->api, t, why);
}

/* Who raises the limit of a full heap, or tunes its collector, says so in a few words: those are read, however full it is. */
static bool is_refusable(const struct task *t)
{
    return t->route->access != ACCESS_ADMIN || t->body.len > WIRE_JSON_INLINE_BYTES_MAX;
}

/* One document, that is: lines are decoded one by one. */
static bool is_long_json(const struct task *t)
{
    bool is_lines = t->route != NULL && t->route->body == BODY_STREAM;

    return !is_lines && !task_body_is_bytes(t) && t->body.len > t->api->settings->json_inline_bytes_max;
}

static enum task_turn run(struct task *t, size_t units)
{
    struct why why;
    enum err e;

    why_init(&why);
    if (task_body_is_bytes(t) && !end_payload(t))
        return fail(t, why_set(&why, ERR_NOMEM, "no memory for %zu bytes", t->payload_filled), &why);
    if (is_long_json(t) && (e = body_json_begin(t->api, &t->body, is_refusable(t), &t->long_json, &why)))
        return fail(t, e, &why);
    if (t->long_json != NULL && !body_json_is_ready(t->long_json))
        return body_json_step(t->long_json, units) ? TASK_MORE : TASK_WAIT;
    if ((e = task_check_store(t, &why)) == ERR_OK && (e = keyed_prepare(t, &why)) == ERR_OK)
        e = handle(t, &why);
    body_json_end(&t->long_json); /* whoever needs it on has taken it */
    if (e)
        return fail(t, e, &why);
    return t->work != NULL ? work(t, units) : finish(t);
}

#ifdef HEAPD_GC_STRESS
void api_stress(struct api *api)
{
    uint32_t n = api->stress++;
    struct slice why_not;

    if (!api->world.ready(api->world.ctx, &why_not))
        return; /* it is being put back: nobody collects or packs that */
    (void)gc_step(api->gc, 1 + n % 4);
    if (n % 16 == 0)
        heap_tidy_now(api->heap); /* else it waits until enough is wasted */
    (void)heap_pack(api->heap, 1 + n % 8);
    (void)heap_purge(api->heap, 1);
}
#endif

/* The head is there, and the body too, unless the handler takes it as it comes. */
static enum task_turn begin(struct task *t, size_t units)
{
    struct why why;
    enum err e;

    why_init(&why);
    t->state = TASK_RUN;
    if (t->keyed != NULL && !task_is_stream(t) && (e = keyed_begin(t, &why)))
        return fail(t, e, &why);
    return t->state == TASK_RUN ? run(t, units) : finish(t);
}

static enum task_turn step_state(struct task *t, size_t units)
{
    switch (t->state) {
    case TASK_HEAD:
        if (!t->body_whole && !task_is_stream(t))
            return TASK_INPUT;
        return begin(t, units);
    case TASK_RUN:
        return run(t, units);
    case TASK_WORK:
        return work(t, units);
    case TASK_DISCARD:
        return t->body_whole || t->reply.close ? finish(t) : TASK_INPUT;
    case TASK_ENDED:
        return TASK_DONE;
    }
    UNREACHABLE();
}

enum task_turn task_step(struct task *t, size_t units)
{
    bool grows = t->route != NULL && route_grows(t->route);
    size_t reach = mem_reach(t->api->mem, grows ? REACH_GROW : REACH_LOOK);
    enum task_turn turn;

    CHECK_IS(t, TASK_MAGIC);
    CHECK(units > 0);
    api_stress(t->api); /* before: who waits for a collection must see that it ended here, for nobody tells it */
    session_pay(t->api->sessions, t->session);
    turn = step_state(t, units);
    mem_reach(t->api->mem, reach);
    return turn;
}

enum pause task_pause(const struct task *t)
{
    CHECK_IS(t, TASK_MAGIC);
    return t->state == TASK_WORK ? t->work_pause : (enum pause)0;
}

struct reply *task_reply(struct task *t)
{
    CHECK_IS(t, TASK_MAGIC);
    if (t->state == TASK_ENDED || (t->state == TASK_WORK && t->reply.streaming))
        return &t->reply;
    return NULL;
}

size_t task_buffer_bytes(const struct task *t)
{
    CHECK_IS(t, TASK_MAGIC);
    return sizeof *t + t->text.cap + t->body.cap + t->reply.body.cap + (t->payload != NULL ? t->payload->len : 0) +
           (t->long_json != NULL ? body_json_text_bytes(t->long_json) : 0);
}

void task_end(struct task **pt)
{
    struct task *t = *pt;

    if (t == NULL)
        return;
    CHECK_IS(t, TASK_MAGIC);
    end_work(t);
    if (t->keyed != NULL)
        keyed_forget(t);
    body_json_end(&t->long_json);
    if (t->session_begun)
        session_end_request(t->api->sessions, t->session, api_now_ms(t->api));
    t->session_begun = false;
    CHECK(t->api->counters.tasks_open > 0);
    t->api->counters.tasks_open--;
    task_free(pt);
}

/* ---- at the limit ---- */

enum err unset_field(struct api *api, obj_id id, struct slice name, struct why *why)
{
    size_t reach = mem_reach(api->mem, REACH_LET_GO);
    enum err e = heap_unset_field(api->heap, id, name, why);

    mem_reach(api->mem, reach);
    return e;
}

void why_complete(const struct api *api, struct why *why)
{
    if (why->err != ERR_NOMEM || why->limit_name != NULL || api->mem->max_bytes == 0)
        return;
    why->limit_name = "memory_bytes_max";
    why->limit_value = api->mem->max_bytes;
}

/* ---- among requests ---- */

#define UNITS_AN_ANSWER 32u /* a fifth of what it takes, some 8 us with its way through the kernel */
#define UNITS_AN_OP     1u  /* the same of an op in a batch */

size_t api_share(const struct api *api, struct share *s, size_t units)
{
    uint64_t answers = api->counters.answered - s->answered, ops = api->counters.batch_ops - s->batch_ops;
    uint64_t share = answers * UNITS_AN_ANSWER + ops * UNITS_AN_OP;

    *s = (struct share){api->counters.answered, api->counters.batch_ops};
    return share > 0 && share < units ? (size_t)share : units;
}

/* ---- between requests ---- */

struct scope_end *api_open_scope(struct api *api)
{
    struct scope_end *end = mem_zalloc(api->mem, sizeof *end);

    if (end != NULL && (end->scope = scope_open(api->heap)) == NULL) {
        mem_free(api->mem, end, sizeof *end);
        end = NULL;
    }
    return end;
}

void api_end_scope(struct api *api, struct scope_end **end)
{
    if (*end == NULL)
        return;
    (*end)->next = api->ending;
    api->ending = *end;
    *end = NULL;
}

static size_t close_scopes(struct api *api, size_t units)
{
    while (api->ending != NULL && units > 0) {
        struct scope_end *end = api->ending;

        units = scope_close(&end->scope, units);
        if (end->scope != NULL)
            return 0;
        api->ending = end->next;
        mem_free(api->mem, end, sizeof *end);
    }
    return units;
}

/* That answers are gone is told of many at once. */
static bool has_much_to_tell(const struct api *api)
{
    uint64_t number;

    return api->world.answers.gone != NULL && idem_untold(api->idempotency, &number) >= API_UNTOLD_MAX;
}

static void tell_gone(struct api *api)
{
    const struct api_answers *keeper = &api->world.answers;
    uint64_t number;

    if (keeper->gone != NULL && idem_untold(api->idempotency, &number) > 0 && keeper->gone(keeper->ctx, number) == ERR_OK)
        idem_note_told(api->idempotency, number);
}

/* At most `max`; returns how many. */
static size_t expire_answers(struct api *api, uint64_t now_ms, size_t max)
{
    size_t count = idem_expire(api->idempotency, now_ms, max);

    if (count > 0 || has_much_to_tell(api))
        tell_gone(api);
    return count;
}

size_t api_step(struct api *api, size_t units)
{
    uint64_t now_ms = api_now_ms(api);

    CHECK_IS(api, API_MAGIC);
    units = close_scopes(api, units);
    units = news_step(api, units);
    units -= expire_answers(api, now_ms, units);
    units = validations_end(api, units);
    units = searches_end(api, units);
    units = growth_step(&api->growth, now_ms, units);
    units = units > 0 ? snapshots_step(api, units) : 0;
    if (units > 0)
        units -= session_expire(api->sessions, now_ms, units);
    return units > 0 ? session_release(api->sessions, units) : 0;
}

bool api_has_work(const struct api *api)
{
    uint64_t now_ms = api_now_ms(api);

    return api->ending != NULL || api->validations_over != NULL || api->searches_over != NULL || snapshots_have_work(api) ||
           news_waits(api) || growth_has_work(&api->growth, now_ms) || idem_has_work(api->idempotency, now_ms) ||
           has_much_to_tell(api) || session_has_work(api->sessions, now_ms);
}
