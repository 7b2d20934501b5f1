/*
 * load.c - see load.h. The run from beginning to end: a session, the load, what is still under way, the end of the session.
 *
 * Arrivals are waited for by a timerfd, not by libuv's timers: those tick in milliseconds, and a request that is sent half a
 * millisecond late would have that counted as heapd's.
 */
#include "client/load/load.h"
#include "client/codec.h"
#include "client/load/load_impl.h"
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define NS_A_S            1000000000ull
#define POINT_S_LONG      1.0  /* between points */
#define POINT_S_SHORT     0.5  /* in a run of less than a minute */
#define FLOORS_WANTED     80.0 /* readings of the floor in a run ... */
#define FLOOR_S_MIN       0.1
#define FLOOR_S_MAX       10.0 /* ... but not further apart */
#define LOAD_TICK_MS      1000
#define LOAD_END_MS       10   /* between looks whether the last is answered */
#define TIDY_SESSION_S    86400 /* the lease of a session that is kept */

static double now_s(const struct load *load)
{
    return (double)(uv_hrtime() - load->began_ns) / 1e9;
}

static double clamped(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

/* ---- one request, waited for: before and after the load ---- */

struct call {
    bool over;
    int status;
    const char *broken;
    struct text body;
};

static void on_called(void *arg, struct line *l, const struct line_answer *a)
{
    struct call *call = arg;

    (void)l;
    call->over = true;
    call->status = a->status;
    call->broken = a->broken;
    text_add(&call->body, a->body, a->length);
}

/* Nothing is said: the line is given up. Not before what came meanwhile was read, for it may be us who stood still. */
static void on_silence(uv_timer_t *timer)
{
    struct load *load = timer->data;

    if (load->silent_ticks++ > 0)
        line_close(&load->meter.line);
}

static void run_until_heard(struct load *load, const bool *heard_call)
{
    struct meter *m = &load->meter;

    load->silent_ticks = 0;
    uv_timer_start(&load->silence_timer, on_silence, LOAD_SILENCE_S * 1000, LOAD_TICK_MS);
    while (!m->line.silent && !(heard_call != NULL ? *heard_call : meter_is_idle(m)))
        uv_run(&load->loop, UV_RUN_ONCE);
    uv_timer_stop(&load->silence_timer);
}

/* On the meter's line, which is free. *ret_json may be NULL. */
static enum heapd_result call(struct load *load, const struct ask *a, json_t **ret_json, struct heapd_problem *p)
{
    struct call c = {0};
    enum heapd_result r = HEAPD_OK;
    struct line *l = &load->meter.line;

    head_write(&load->head, &load->who, a, NULL);
    line_ask(l, &load->head, &a->body, on_called, &c);
    run_until_heard(load, &c.over);
    if (load->is_hurried)
        r = problem_set(p, HEAPD_BROKEN, "Ended before it began", "The heap is as it was, or will be when a lease ends.",
                        "it was told to end");
    else if (c.status == 0)
        r = problem_set(p, HEAPD_UNREACHABLE, "heapd is not reachable",
                        "Is it running? Start it with `heapd`, or say where it listens.", "%s: %s",
                        load->options->where->url != NULL ? load->options->where->url : HEAPD_DEFAULT_URL,
                        c.over ? c.broken : "it does not answer");
    else if (c.status >= 400)
        r = problem_of_answer(p, c.status, text_string(&c.body), c.body.length);
    else if (ret_json != NULL && (*ret_json = json_loadb(text_string(&c.body), c.body.length, 0, NULL)) == NULL)
        r = problem_set(p, HEAPD_BROKEN, "Not the answer of a heapd", "Is it heapd that listens there?", "%s is not JSON", a->path);
    text_fini(&c.body);
    return r;
}

static enum heapd_result get_json(struct load *load, const char *path, json_t **ret_json, struct heapd_problem *p)
{
    struct ask a = {0};

    ask_begin(&a, ASK_READ, "GET", 0, "%s", path);
    return call(load, &a, ret_json, p);
}

/* ---- the session of the run ---- */

static enum heapd_result read_session(struct load *load, json_t *said, struct heapd_problem *p)
{
    const char *token = json_string_value(json_object_get(said, "token"));

    if (token == NULL || strlen(token) >= sizeof load->who.session)
        return problem_set(p, HEAPD_BROKEN, "Not the answer of a heapd", "Is it heapd that listens there?", "a session without a token");
    memcpy(load->who.session, token, strlen(token) + 1);
    return HEAPD_OK;
}

static enum heapd_result open_session(struct load *load, struct heapd_problem *p)
{
    struct ask a = {0};
    json_t *said = NULL;
    enum heapd_result r;

    ask_begin(&a, ASK_SESSION, "POST", 0, "/v1/sessions");
    text_printf(&a.body, "{\"ttl\":%d,\"label\":\"heapctl load\"}", load->options->keeps ? TIDY_SESSION_S : LOAD_LEASE_S);
    r = a.body.failed ? problem_no_memory(p) : call(load, &a, &said, p);
    if (r == HEAPD_OK)
        r = read_session(load, said, p);
    json_decref(said);
    text_fini(&a.body);
    return r;
}

static enum heapd_result greet(struct load *load, struct heapd_problem *p)
{
    json_t *said = NULL;
    enum heapd_result r;
    const char *version;

    r = get_json(load, "/openapi.json", &said, p);
    if (r != HEAPD_OK)
        return r;
    if (text_utf8_valid(load->meter.line.instance, strlen(load->meter.line.instance))) /* a header may have any bytes */
        memcpy(load->meter.instance, load->meter.line.instance, sizeof load->meter.instance);
    version = json_string_value(json_object_get(json_object_get(said, "info"), "version"));
    version = version != NULL ? version : "";
    (void)snprintf(load->version, sizeof load->version, "%.*s", (int)text_utf8_cut(version, strlen(version), sizeof load->version - 1), version);
    json_decref(said);
    return open_session(load, p);
}

/* Let go of all that was made. What fails here has an end by itself: leases. */
static void tidy(struct load *load)
{
    struct ask a = {0};
    bool goes_on = (load->gone.result == HEAPD_OK || load->is_stuck) && !load->is_hurried && !load->options->keeps;

    for (size_t i = 0; i < load->lane_count && goes_on; i++)
        while (goes_on && load->lanes[i].scenario->tidy != NULL && load->lanes[i].scenario->tidy(load->lanes[i].state, &a))
            goes_on = call(load, &a, NULL, NULL) != HEAPD_UNREACHABLE && !load->is_hurried;
    ask_begin(&a, ASK_SESSION, "DELETE", 0, "/v1/sessions/self");
    if (goes_on)
        (void)call(load, &a, NULL, NULL);
    text_fini(&a.body);
}

/* ---- while it goes on ---- */

static void wait_for_next(struct load *load)
{
    uint64_t at = load->began_ns + schedule_next(&load->schedule);
    struct itimerspec when = {.it_value = {.tv_sec = (time_t)(at / NS_A_S), .tv_nsec = (long)(at % NS_A_S)}};

    if (load->schedule.is_over)
        when = (struct itimerspec){0};
    timerfd_settime(load->due_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

/* It is over now, unless it was already. */
static void set_over(struct load *load)
{
    double now = now_s(load);

    if (load->over_s > 0)
        return;
    load->over_s = now < load->options->duration_s ? now : load->options->duration_s;
    load->drain_until_s = now + LOAD_DRAIN_S;
}

static void end_run(struct load *load)
{
    set_over(load);
    uv_timer_stop(&load->point_timer);
    uv_timer_stop(&load->floor_timer);
    uv_timer_stop(&load->end_timer);
    schedule_stop(&load->schedule);
    uv_stop(&load->loop);
}

/* What was due is out and answered: the load is over, unless more comes. */
static bool is_done(const struct load *load)
{
    return load->schedule.is_over && load->schedule.waiting == 0 && clients_are_idle(load);
}

/* Looks whether all is answered: since no more arrives. */
static void on_end(uv_timer_t *timer)
{
    struct load *load = timer->data;

    if (is_done(load) || load->gone.result != HEAPD_OK || now_s(load) > load->drain_until_s)
        end_run(load);
}

static void expect_end(struct load *load)
{
    set_over(load);
    uv_timer_start(&load->end_timer, on_end, 0, LOAD_END_MS);
}

static void on_due(uv_poll_t *due, int status, int events)
{
    struct load *load = due->data;
    uint64_t now_ns = uv_hrtime() - load->began_ns, due_ns = schedule_next(&load->schedule);

    (void)status;
    (void)events;
    histogram_add(&load->lateness, now_ns > due_ns ? (now_ns - due_ns) / 1000 : 0);
    schedule_advance(&load->schedule, now_ns);
    clients_dispatch(load);
    wait_for_next(load);
    if (load->schedule.is_over)
        expect_end(load);
}

/* The first time the load is over, and what it left is waited for and tidied up; before and after the load, and the second
 * time, nothing is waited for any more. */
static void on_stop(uv_poll_t *stop, int status, int events)
{
    struct load *load = stop->data;
    struct signalfd_siginfo one;

    (void)status;
    (void)events;
    if (read(load->options->stop_fd, &one, sizeof one) < 0)
        uv_poll_stop(stop);
    load->unsent = load->schedule.waiting; /* no fault of heapd's */
    if (load->is_loading && !load->stopped) {
        load->stopped = true;
        schedule_stop(&load->schedule);
        wait_for_next(load);
        expect_end(load);
        return;
    }
    load->is_hurried = true;
    line_close(&load->meter.line);
    if (load->is_loading)
        end_run(load);
}

static void show(const struct load *load)
{
    const struct series *s = &load->meter.series;
    struct load_view v = {.t_s = now_s(load),
                          .duration_s = load->options->duration_s,
                          .sent = load->counts.sent,
                          .done = load->counts.done,
                          .failed = load->counts.failed,
                          .waiting = load->schedule.waiting,
                          .shed = load->schedule.shed};

    if (load->options->on_tick == NULL || s->count == 0)
        return;
    v.ops_per_s = s->points[s->count - 1].ops_per_s;
    v.p99_us = s->points[s->count - 1].p99_us;
    v.live = s->points[s->count - 1].live;
    v.rss = s->points[s->count - 1].rss;
    v.collections = s->points[s->count - 1].collections;
    load->options->on_tick(load->options->arg, &v);
}

/* Nothing is answered any more, though something was asked that long ago; and still not when what had come was read, for it may
 * be us who stood still. */
static bool is_silent(struct load *load)
{
    uint64_t since_ns = load->answered_ns, oldest_ns = clients_oldest_ns(load);

    if (oldest_ns > since_ns)
        since_ns = oldest_ns;
    if (clients_are_idle(load) || (double)since_ns / 1e9 + LOAD_SILENCE_S > now_s(load))
        load->silent_ticks = 0;
    else
        load->silent_ticks++;
    return load->silent_ticks > 1;
}

static void on_point(uv_timer_t *timer)
{
    struct load *load = timer->data;

    if (load->meter.gone)
        load_is_gone(load, HEAPD_UNREACHABLE, "nobody listens there any more");
    else if (load->meter.is_another)
        load_is_gone(load, HEAPD_BROKEN, "it was started anew, and nothing is there that was made");
    else if (is_silent(load))
        load_is_gone(load, HEAPD_BROKEN, "it does not answer");
    if (load->gone.result != HEAPD_OK) {
        end_run(load);
        return;
    }
    meter_read_point(&load->meter);
    show(load);
}

static void on_floor(uv_timer_t *timer)
{
    struct load *load = timer->data;

    if (!load->schedule.is_over)
        meter_read_floor(&load->meter);
}

/* ---- beginning and end ---- */

static bool watch(struct load *load, uv_poll_t *poll, int fd, uv_poll_cb on_readable)
{
    return uv_poll_init(&load->loop, poll, fd) == 0 && uv_poll_start(poll, UV_READABLE, on_readable) == 0;
}

static enum heapd_result set_timers(struct load *load, struct heapd_problem *p)
{
    double duration_s = load->options->duration_s, point_s = duration_s < 60 ? POINT_S_SHORT : POINT_S_LONG;
    double floor_s = clamped(duration_s / FLOORS_WANTED, FLOOR_S_MIN, FLOOR_S_MAX);

    load->due_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (load->due_fd < 0)
        return problem_no_memory(p);
    if (!watch(load, &load->due, load->due_fd, on_due))
        return problem_no_memory(p);
    uv_timer_start(&load->point_timer, on_point, (uint64_t)(point_s * 1e3), (uint64_t)(point_s * 1e3));
    uv_timer_start(&load->floor_timer, on_floor, (uint64_t)(floor_s * 1e3), (uint64_t)(floor_s * 1e3));
    return HEAPD_OK;
}

static void run_until_over(struct load *load)
{
    load->is_loading = true;
    load->silent_ticks = 0;
    wait_for_next(load);
    meter_read_point(&load->meter);
    uv_run(&load->loop, UV_RUN_DEFAULT);
    uv_poll_stop(&load->due);
    load->is_loading = false;
}

/* Those that are under way yet: heapd had its time. */
static void count_unanswered(struct load *load)
{
    uint64_t count = load->options->clients - load->unused_count;

    for (uint64_t i = 0; i < count; i++)
        load_count_failure(load, 0, "not answered by the end", "");
    for (size_t i = 0; i < load->options->clients; i++)
        line_close(&load->clients[i].line); /* one that is answered yet would be counted twice */
}

/* Until what the meter has begun is read. False: it will not be. */
static bool settle_meter(struct load *load)
{
    run_until_heard(load, NULL);
    return !load->meter.line.silent && !load->meter.gone;
}

/* One more floor and point, of a heap that rests, and what heapd says itself. */
static void look_back(struct load *load)
{
    json_t *said = NULL;

    if (load->gone.result != HEAPD_OK || load->is_hurried || !settle_meter(load))
        return;
    meter_read_point(&load->meter);
    meter_read_log(&load->meter);
    if (settle_meter(load) && get_json(load, "/v1/heap/suspects", &said, NULL) == HEAPD_OK) {
        load->suspects = json_incref(json_object_get(said, "items"));
        json_decref(said);
    }
}

static void write_time(char text[32])
{
    time_t now = time(NULL);
    struct tm tm;

    gmtime_r(&now, &tm);
    (void)strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static enum heapd_result begin_lanes(struct load *load, struct heapd_problem *p)
{
    const struct load_options *o = load->options;
    struct scenario_world world = {.rate = o->rate / (double)o->scenario_count, .duration_s = o->duration_s, .clients = o->clients,
                                   .trace = o->trace};
    struct dice seeds = {o->seed};

    for (size_t i = 0; i < o->scenario_count; i++) {
        struct lane *lane = &load->lanes[load->lane_count++];

        lane->scenario = o->scenarios[i];
        (void)snprintf(lane->site, sizeof lane->site, "load/%s", lane->scenario->name);
        lane->dice.state = dice_roll(&seeds); /* a state of its own: streams of neighbours would be one, a roll apart */
        if ((lane->state = lane->scenario->begin(lane->scenario, &world)) == NULL)
            return problem_no_memory(p);
    }
    return schedule_init(&load->schedule, o->rate, o->evenly, o->duration_s, o->seed, load->lane_count) ? HEAPD_OK : problem_no_memory(p);
}

static enum heapd_result init(struct load *load, const struct load_options *o, struct heapd_problem *p)
{
    uv_timer_t *const timers[] = {&load->point_timer, &load->floor_timer, &load->end_timer, &load->silence_timer};

    load->options = o;
    load->due_fd = -1;
    if (uv_loop_init(&load->loop) != 0)
        return problem_no_memory(p);
    for (size_t i = 0; i < sizeof timers / sizeof timers[0]; i++) {
        uv_timer_init(&load->loop, timers[i]);
        timers[i]->data = load;
    }
    load->due.data = load->stop.data = load;
    if (o->stop_fd >= 0 && !watch(load, &load->stop, o->stop_fd, on_stop))
        return problem_no_memory(p);
    load->who = (struct identity){.host = load->place.host};
    meter_init(&load->meter, &load->loop, &load->place, &load->who, &load->counts);
    return HEAPD_OK;
}

static enum heapd_result set_bearer(struct load *load, struct heapd_problem *p)
{
    struct text bearer = {0};

    if (load->options->where->token == NULL)
        return HEAPD_OK;
    text_printf(&bearer, "Bearer %s", load->options->where->token);
    if (bearer.failed)
        return problem_no_memory(p);
    load->who.token = load->bearer = bearer.data;
    return HEAPD_OK;
}

static enum heapd_result prepare(struct load *load, struct heapd_problem *p)
{
    const struct load_options *o = load->options;
    enum heapd_result r;

    if ((r = line_place_of(o->where->url != NULL ? o->where->url : HEAPD_DEFAULT_URL, &load->place, p)) != HEAPD_OK ||
        (r = set_bearer(load, p)) != HEAPD_OK || (r = begin_lanes(load, p)) != HEAPD_OK ||
        (r = clients_create(load, p)) != HEAPD_OK || (r = greet(load, p)) != HEAPD_OK)
        return r;
    return set_timers(load, p);
}

static void close_handle(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

static void close_lines(struct load *load)
{
    line_close(&load->meter.line);
    for (size_t i = 0; load->clients != NULL && i < load->options->clients; i++)
        line_close(&load->clients[i].line);
}

static void fini(struct load *load)
{
    close_lines(load);
    uv_walk(&load->loop, close_handle, NULL);
    uv_run(&load->loop, UV_RUN_DEFAULT);
    (void)uv_loop_close(&load->loop);
    if (load->due_fd >= 0)
        close(load->due_fd);
    for (size_t i = 0; i < load->lane_count; i++)
        if (load->lanes[i].state != NULL)
            load->lanes[i].scenario->end(load->lanes[i].state);
    clients_destroy(load);
    meter_fini(&load->meter);
    schedule_fini(&load->schedule);
    text_fini(&load->head);
    free(load->bearer);
    json_decref(load->suspects);
}

/* It is prepared. */
static enum heapd_result live(struct load *load, json_t **ret_document, struct heapd_problem *p)
{
    write_time(load->began);
    load->began_ns = uv_hrtime();
    meter_begin(&load->meter, load->began_ns);
    run_until_over(load);
    count_unanswered(load);
    look_back(load);
    *ret_document = document_new(load);
    tidy(load);
    if (*ret_document == NULL || load->meter.failed)
        return problem_no_memory(p);
    if (load->gone.result != HEAPD_OK && p != NULL)
        *p = load->gone;
    return load->gone.result;
}

enum heapd_result load_run(const struct load_options *o, json_t **ret_document, struct heapd_problem *p)
{
    struct load *load = calloc(1, sizeof *load);
    enum heapd_result r;

    *ret_document = NULL;
    if (load == NULL || (r = init(load, o, p)) != HEAPD_OK) {
        free(load);
        return problem_no_memory(p);
    }
    r = prepare(load, p);
    if (r == HEAPD_OK)
        r = live(load, ret_document, p);
    fini(load);
    free(load);
    return r;
}
