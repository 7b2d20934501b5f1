/*
 * main.c - heapd from the first line to the last: what is made, in which order, and unmade in reverse.
 *
 * Two accounts of memory: what clients store counts against memory_bytes_max, what connections need does not,
 * so that a full heap can still be talked to. Three things are not on the stack of main(), since nobody can hand them on:
 * the allocator that jansson knows (api/json_mem.h), who says that a CHECK failed (heap/base/check.c), and whom a signal
 * handler speaks for (daemon/panic.c).
 */
#include "api/json_mem.h"
#include "api/pauses.h"
#include "daemon/clock.h"
#include "daemon/collector.h"
#include "daemon/config.h"
#include "daemon/log.h"
#include "daemon/notify.h"
#include "daemon/panic.h"
#include "daemon/server.h"
#include "daemon/signals.h"
#include "daemon/tokens.h"
#include "daemon/world.h"
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#define INSTANCE_BYTES 8 /* of randomness; twice as many of text */

struct heapd {
    struct config config;
    struct log log;
    struct panic panic;
    struct notify notify;
    uv_timer_t flush; /* of what the log left out */
    struct tokens tokens; /* if the config names a file of them */
    struct mem mem;      /* of the heap and of what requests work with */
    struct mem edge_mem; /* of connections */
    uv_loop_t loop;
    struct world world;
    struct heap *heap;
    struct gc *gc;
    struct session_set *sessions;
    struct api *api;
    struct server *server;
    struct collector *collector;
    struct signals signals;
    char instance[2 * INSTANCE_BYTES + 1];
};

static void give_jansson(struct mem *mem)
{
    size_t seed;

    json_mem_use(mem);
    world_random(&seed, sizeof(seed));
    json_object_seed(seed);
}

/* ---- beginning ---- */

static void name_instance(struct heapd *d)
{
    unsigned char bytes[INSTANCE_BYTES];

    world_random(bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++) {
        d->instance[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
        d->instance[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
    }
}

static enum err make_heap(struct heapd *d)
{
    uint64_t seed;
    enum err e;

    world_random(&seed, sizeof(seed));
    if ((e = heap_create(&d->mem, seed, &d->heap)) || (e = gc_create(d->heap, &d->gc)))
        return e;
    return session_set_create(d->heap, &d->sessions);
}

static enum err make_service(struct heapd *d)
{
    struct settings *settings = &d->config.settings;
    enum err e;

    session_set_limits(d->sessions, (uint32_t)settings->sessions_max,
                       (uint32_t)settings->holds_per_session_max);
    if ((e = api_create(&d->mem, d->heap, d->gc, d->sessions, settings, world_for_api(&d->world), d->instance,
                        &d->api)))
        return e;

    struct server_world sw = {
        .loop = &d->loop,
        .mem = &d->edge_mem,
        .api = d->api,
        .gc = d->gc,
        .config = &d->config,
        .tokens = d->config.token_file == NULL ? NULL : &d->tokens,
        .instance = d->instance,
        .log = &d->log,
    };

    if ((e = server_create(&sw, &d->server)))
        return e;

    struct collector_world cw = {
        .loop = &d->loop,
        .mem = &d->edge_mem,
        .api = d->api,
        .heap = d->heap,
        .gc = d->gc,
        .sessions = d->sessions,
        .settings = settings,
        .edge = server_edge(d->server),
        .pauses = &d->world.pauses,
    };

    return collector_create(&cw, &d->collector);
}

/* ---- tokens ---- */

static void say_tokens(struct heapd *d)
{
    const struct tokens *t = &d->tokens;
    const char *path = d->config.token_file;

    log_event(&d->log, LOG_INFO, "tokens-read", "file=\"%s\" tokens=%zu", path, t->count);
    if (t->short_count > 0)
        log_event(&d->log, LOG_WARN, "tokens-short", "file=\"%s\" tokens=%zu hint=\"under %d bytes they might be guessed\"", path,
                  t->short_count, TOKEN_BYTES_WISE);
    if (t->others_read_it)
        log_event(&d->log, LOG_WARN, "tokens-exposed", "file=\"%s\" hint=\"everybody on this machine may read it: chmod 0600\"",
                  path);
}

/* False if there is a token file and it is no good; the tokens are then those they were. */
static bool read_tokens(struct heapd *d)
{
    struct why why = {0};

    if (d->config.token_file == NULL)
        return true;
    if (tokens_read(&d->tokens, d->config.token_file, &why) != ERR_OK) {
        log_event(&d->log, LOG_ERROR, "tokens-refused", "reason=\"%s\"", why.text);
        return false;
    }
    say_tokens(d);
    return true;
}

static void on_reload(void *ctx)
{
    struct heapd *d = ctx;

    notify_reloading(&d->notify);
    if (d->config.token_file == NULL)
        log_event(&d->log, LOG_INFO, "reload-ignored", "reason=\"there is no token file to read again\"");
    else if (!read_tokens(d))
        log_event(&d->log, LOG_ERROR, "tokens-kept", "hint=\"the tokens stay as they were\"");
    notify_ready(&d->notify, "Serving");
}

/* ---- the loop ---- */

static void on_stop(void *ctx, int signum)
{
    struct heapd *d = ctx;

    log_event(&d->log, LOG_INFO, "stopping", "signal=%d connections=%zu", signum, server_connections(d->server));
    notify_stopping(&d->notify, "Letting what has begun end");
    server_stop(d->server);
}

static void on_flush(uv_timer_t *flush)
{
    log_flush(flush->data, clock_ms(), false);
}

static void begin_flushing(struct heapd *d)
{
    CHECK(uv_timer_init(&d->loop, &d->flush) == 0);
    d->flush.data = &d->log;
    uv_timer_start(&d->flush, on_flush, LOG_WINDOW_MS, LOG_WINDOW_MS);
}

/* ---- last words ---- */

static void tell_facts(void *ctx, struct panic_facts *ret)
{
    struct heapd *d = ctx;
    struct gc_state gc;
    struct heap_stats heap;

    if (d->server == NULL) {
        ret->phase = "starting";
        return;
    }
    gc_get_state(d->gc, &gc);
    heap_stats(d->heap, &heap);
    *ret = (struct panic_facts){.phase = pause_name((enum pause)gc.phase),
                                .objects = heap.objects,
                                .roots = heap.roots,
                                .sessions = session_count(d->sessions),
                                .connections = server_connections(d->server)};
}

static void prepare_for_the_worst(struct heapd *d)
{
    d->panic.facts = tell_facts;
    d->panic.ctx = d;
    d->panic.instance = d->instance;
    d->panic.began_us = clock_us();
    panic_prepare(&d->panic);
}

/* ---- beginning, once it is known what is asked ---- */

static void begin(struct heapd *d)
{
    log_init(&d->log, stderr, d->config.log_level);
    name_instance(d);
    prepare_for_the_worst(d);
    mem_init(&d->mem, d->config.settings.memory_bytes_max);
    mem_init(&d->edge_mem, 0);
    give_jansson(&d->mem);
    CHECK(uv_loop_init(&d->loop) == 0);
    notify_init(&d->notify, &d->loop, &d->log);
    begin_flushing(d);
    signals_init(&d->signals, &d->loop, (struct signal_handlers){on_stop, on_reload, d});
    world_init(&d->world, &d->loop, &d->edge_mem);
}

/* ---- running ---- */

static void say_what_to_expect(struct heapd *d)
{
    uint64_t files = world_raise_file_limit(), connections = d->config.settings.connections_max;

    log_event(&d->log, LOG_INFO, "started", "version=%s pid=%d instance=%s", HEAPD_VERSION, (int)getpid(), d->instance);
    log_event(&d->log, LOG_INFO, "no-data", "hint=\"without --data nothing survives a restart\"");
    if (files < connections)
        log_event(&d->log, LOG_WARN, "few-files", "connections_max=%llu files_max=%llu", (unsigned long long)connections,
                  (unsigned long long)files);
}

/* True if it was ready, until it was asked to stop. */
static bool serve(struct heapd *d)
{
    struct why why = {0};

    if (!read_tokens(d))
        return false;
    if (make_heap(d) != ERR_OK || make_service(d) != ERR_OK) {
        log_event(&d->log, LOG_ERROR, "start-failed", "reason=\"there is not enough memory to start\"");
        return false;
    }
    if (server_listen(d->server, &why) != ERR_OK) {
        log_event(&d->log, LOG_ERROR, "listen-failed", "reason=\"%s\"", why.text);
        return false;
    }
    d->world.server = d->server;
    say_what_to_expect(d);
    server_say_ready(d->server);
    notify_ready(&d->notify, "Serving");
    uv_run(&d->loop, UV_RUN_DEFAULT);
    return true;
}

/* ---- ending ---- */

static void close_handles(struct heapd *d)
{
    if (d->collector != NULL)
        collector_close(d->collector);
    if (d->server != NULL)
        server_close(d->server);
    signals_close(&d->signals);
    notify_close(&d->notify);
    uv_close((uv_handle_t *)&d->flush, NULL);
    uv_run(&d->loop, UV_RUN_DEFAULT); /* their close callbacks */
    CHECK(uv_loop_close(&d->loop) == 0);
}

static void end(struct heapd *d)
{
    panic_calm();
    close_handles(d);
    collector_destroy(&d->collector);
    server_destroy(&d->server);
    api_destroy(&d->api);
    session_set_destroy(&d->sessions);
    if (d->gc != NULL)
        gc_destroy(&d->gc);
    heap_destroy(&d->heap);
    mem_fini(&d->edge_mem);
    mem_fini(&d->mem);
}

int main(int argc, char **argv)
{
    static const int status_of[] = {
        [CONFIG_SAID] = EXIT_SUCCESS, [CONFIG_MISUSED] = 2, [CONFIG_REFUSED] = EXIT_FAILURE};
    struct heapd d = {0};
    enum config_verdict asked = config_read(argc, argv, &d.config);
    bool served;

    if (asked != CONFIG_RUN)
        return status_of[asked];
    mem_settle();
    begin(&d);
    served = serve(&d);
    end(&d);
    log_flush(&d.log, clock_ms(), true);
    if (served)
        log_event(&d.log, LOG_INFO, "stopped", "uptime_s=%llu", (unsigned long long)((clock_us() - d.panic.began_us) / 1000000));
    return served ? EXIT_SUCCESS : EXIT_FAILURE;
}
