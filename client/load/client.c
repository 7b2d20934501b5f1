/*
 * client.c - the connections of a load: what is due goes out on one that is free, and its answer is timed and counted.
 */
#include "client/codec.h"
#include "client/load/load_impl.h"
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define PROBLEMS_PREFIX   "/problems/"
#define DESCRIPTORS_ASIDE 32 /* beside those of the clients */

static uint64_t now_ns(const struct load *load)
{
    return uv_hrtime() - load->began_ns;
}

/* ---- what came ---- */

/* The value of the first string member of that name, which may be deep within, or what there is of it; "" if there is none. */
static void copy_member(const char *body, const char *key, char *to, size_t size)
{
    const char *at = strstr(body, key), *end;
    json_t *value = NULL;
    const char *string;

    if (at != NULL && (at = strchr(at + strlen(key), '"')) != NULL) {
        for (end = at + 1; *end != '\0' && *end != '"'; end++)
            end += end[0] == '\\' && end[1] != '\0';
        value = json_loadb(at, (size_t)(end - at) + 1, JSON_DECODE_ANY, NULL);
    }
    string = json_is_string(value) ? json_string_value(value) : "";
    (void)snprintf(to, size, "%.*s", (int)text_utf8_cut(string, strlen(string), size - 1), string);
    json_decref(value);
}

void load_count_failure(struct load *load, int status, const char *broken, const char *body)
{
    struct failure f = {.status = status, .count = 1};

    if (status != 0) {
        copy_member(body, "\"type\":", f.type, sizeof f.type);
        if (strncmp(f.type, PROBLEMS_PREFIX, strlen(PROBLEMS_PREFIX)) == 0)
            memmove(f.type, &f.type[strlen(PROBLEMS_PREFIX)], strlen(&f.type[strlen(PROBLEMS_PREFIX)]) + 1);
        copy_member(body, "\"detail\":", f.detail, sizeof f.detail);
    } else {
        (void)snprintf(f.type, sizeof f.type, "no-answer");
        (void)snprintf(f.detail, sizeof f.detail, "%s", broken);
    }
    load->counts.failed++;
    load->counts.full += strcmp(f.type, "heap-full") == 0 || strcmp(f.type, "limit-reached") == 0;
    for (size_t i = 0; i < LOAD_FAILURES_MAX; i++) {
        struct failure *seen = &load->failures[i];

        if (seen->count == 0)
            *seen = f;
        else if (seen->status == f.status && strcmp(seen->type, f.type) == 0)
            seen->count++;
        else
            continue;
        return;
    }
}

static void count_done(struct load *load, const struct client *c, uint64_t now)
{
    uint64_t latency_us = (now - c->due_ns) / 1000;

    histogram_add(&load->latency, latency_us);
    histogram_add(&load->meter.recent, latency_us);
    histogram_add(&load->service, (now - c->sent_ns) / 1000);
    load->counts.done++;
}

/* A batch answers 200 whatever became of its ops. */
static bool went_well(const struct client *c, const struct line_answer *a)
{
    return scenario_done(a->status) && (c->ask.kind != ASK_BATCH || strstr(a->body, "\"failed\":0}") != NULL);
}

static void load_ends(struct load *load, enum heapd_result result, const char *title, const char *how, const char *hint)
{
    if (load->gone.result == HEAPD_OK)
        (void)problem_set(&load->gone, result, title, hint, "after %.1f s of load: %s", (double)now_ns(load) / 1e9, how);
}

void load_is_gone(struct load *load, enum heapd_result result, const char *how)
{
    load_ends(load, result, "heapd went away", how, "Look at heapd's log. The report is of what there was until then.");
}

static void on_answer(void *arg, struct line *l, const struct line_answer *a)
{
    struct client *c = arg;
    struct load *load = c->load;
    struct lane *lane = &load->lanes[c->lane];
    uint64_t now = now_ns(load);

    (void)l;
    load->answered_ns = now;
    if (went_well(c, a))
        count_done(load, c, now);
    else
        load_count_failure(load, a->status, a->broken, a->body);
    if (a->refused)
        load_is_gone(load, HEAPD_UNREACHABLE, a->broken);
    lane->scenario->answered(lane->state, &c->ask, a->status, a->body);
    lane->sulks = false;
    lane->under_way--;
    load->unused[load->unused_count++] = c;
    clients_dispatch(load);
}

/* ---- what goes out ---- */

static void send_next(struct load *load, struct client *c, size_t number)
{
    struct lane *lane = &load->lanes[number];

    c->lane = number;
    c->due_ns = schedule_oldest(&load->schedule, number);
    c->sent_ns = now_ns(load);
    schedule_take(&load->schedule, number);
    if (load->counts.sent == 0)
        load->answered_ns = c->sent_ns;
    load->counts.sent++;
    load->by_kind[c->ask.kind]++;
    lane->under_way++;
    head_write(&load->head, &load->who, &c->ask, lane->site);
    line_ask(&c->line, &load->head, &c->ask.body, on_answer, c);
}

/* The lane whose oldest request has waited longest, of those that may send; lane_count: none. */
static size_t longest_waiting(const struct load *load)
{
    size_t best = load->lane_count;
    uint64_t oldest = UINT64_MAX;

    for (size_t i = 0; i < load->lane_count; i++)
        if (!load->lanes[i].sulks && schedule_oldest(&load->schedule, i) < oldest) {
            oldest = schedule_oldest(&load->schedule, i);
            best = i;
        }
    return best;
}

/* It waits for one of its answers. Without any to come it would wait for ever. */
static void sulk(struct load *load, struct lane *lane)
{
    char how[128];

    lane->sulks = true;
    if (lane->under_way > 0)
        return;
    load->is_stuck = true;
    (void)snprintf(how, sizeof how, "%s has nothing to send any more; was its file changed?", lane->scenario->name);
    load_ends(load, HEAPD_BROKEN, "The load cannot go on", how, "The report is of what there was until then.");
}

void clients_dispatch(struct load *load)
{
    while (load->unused_count > 0 && load->gone.result == HEAPD_OK) {
        size_t number = longest_waiting(load);
        struct client *c = load->unused[load->unused_count - 1];

        if (number == load->lane_count)
            return;
        if (!load->lanes[number].scenario->next(load->lanes[number].state, &load->lanes[number].dice, &c->ask)) {
            sulk(load, &load->lanes[number]);
            continue;
        }
        load->unused_count--;
        send_next(load, c, number);
    }
}

uint64_t clients_oldest_ns(const struct load *load)
{
    uint64_t oldest = UINT64_MAX;

    for (size_t i = 0; i < load->options->clients; i++)
        if (!line_is_free(&load->clients[i].line) && load->clients[i].sent_ns < oldest)
            oldest = load->clients[i].sent_ns;
    return oldest;
}

/* ---- life ---- */

/* Each client is a descriptor; shells are given 1024. */
static enum heapd_result make_room_for(size_t clients, struct heapd_problem *p)
{
    rlim_t wanted = clients + DESCRIPTORS_ASIDE;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return HEAPD_OK;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
    if (limit.rlim_cur < wanted || setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return problem_set(p, HEAPD_NOMEM, "Too many clients", "Ask for fewer, or raise the limit (ulimit -Hn).",
                           "%zu connections are wanted, and %llu descriptors are allowed", clients, (unsigned long long)limit.rlim_max);
    return HEAPD_OK;
}

enum heapd_result clients_create(struct load *load, struct heapd_problem *p)
{
    size_t count = load->options->clients;
    enum heapd_result r = make_room_for(count, p);

    if (r != HEAPD_OK)
        return r;
    load->clients = calloc(count, sizeof *load->clients);
    load->unused = calloc(count, sizeof(struct client *));
    if (load->clients == NULL || load->unused == NULL)
        return problem_no_memory(p);
    for (size_t i = 0; i < count; i++) {
        load->clients[i].load = load;
        line_init(&load->clients[i].line, &load->loop, &load->place);
        load->unused[count - 1 - i] = &load->clients[i];
    }
    load->unused_count = count;
    return HEAPD_OK;
}

void clients_destroy(struct load *load)
{
    for (size_t i = 0; load->clients != NULL && i < load->options->clients; i++) {
        line_fini(&load->clients[i].line);
        text_fini(&load->clients[i].ask.body);
    }
    free(load->clients);
    free(load->unused);
}
