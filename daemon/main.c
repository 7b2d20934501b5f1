/*
 * main.c - heapd from the first line to the last: what is made, in which order, and unmade in reverse.
 *
 * Two accounts of memory, of what clients store and of what connections need, and one limit for both (budget.h): it is
 * divided so that a full heap can still be talked to. Three things are not on the stack of main(), since nobody can hand
 * them on: the allocator that jansson knows (api/json_mem.h), who says that a CHECK failed (heap/base/check.c), and whom a
 * signal handler speaks for (daemon/panic.c).
 */
#include "api/config.h"
#include "api/json_mem.h"
#include "api/pauses.h"
#include "api/persist.h"
#include "daemon/clock.h"
#include "daemon/collector.h"
#include "daemon/config.h"
#include "daemon/keeper.h"
#include "daemon/log.h"
#include "daemon/notify.h"
#include "daemon/panic.h"
#include "daemon/recovery.h"
#include "daemon/restore.h"
#include "daemon/server.h"
#include "daemon/signals.h"
#include "daemon/tokens.h"
#include "daemon/verify.h"
#include "daemon/world.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
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
    struct store *store; /* these three: with --data */
    struct keeper *keeper;
    struct recovery *recovery;
    bool failed;         /* what was to be durable may not be */
    struct signals signals;
    char instance[ENGINE_INSTANCE_MAX];
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

static void on_store_failed(void *ctx);

static enum err make_keeper(struct heapd *d)
{
    struct keeper_world kw = {
        .loop = &d->loop,
        .mem = &d->mem,
        .heap = d->heap,
        .sessions = d->sessions,
        .settings = &d->config.settings,
        .store = d->store,
        .log = &d->log,
        .on_failed = on_store_failed,
        .ctx = d,
    };

    return d->store == NULL ? ERR_OK : keeper_create(&kw, &d->keeper);
}

static enum err make_service(struct heapd *d)
{
    struct settings *settings = &d->config.settings;
    enum err e;

    if ((e = make_keeper(d)) != ERR_OK)
        return e;
    d->world.data_dir = d->config.data_dir;
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
        .durability = d->keeper != NULL ? keeper_durability(d->keeper) : (struct edge_durability){0},
        .pauses = &d->world.pauses,
        .log = &d->log,
    };

    return server_create(&sw, &d->server);
}

/* Not while a heap is being put back. */
static enum err make_collector(struct heapd *d)
{
    struct collector_world cw = {
        .loop = &d->loop,
        .mem = &d->edge_mem,
        .api = d->api,
        .heap = d->heap,
        .gc = d->gc,
        .sessions = d->sessions,
        .settings = &d->config.settings,
        .edge = server_edge(d->server),
        .pauses = &d->world.pauses,
    };

    return collector_create(&cw, &d->collector);
}

/* ---- the service manager ---- */

/* What is true now: nothing more once heapd stops, of which it has been told. */
static void tell_manager(void *ctx)
{
    struct heapd *d = ctx;
    struct slice why_not;
    struct recovery_count c;
    char status[32];

    if (!server_ready(d->server, &why_not))
        return;
    if (d->world.recovery == NULL) {
        notify_ready(&d->notify, "Serving");
        return;
    }
    recovery_count(d->recovery, &c);
    snprintf(status, sizeof(status), "Recovering: %u %%", c.pct);
    notify_starting(&d->notify, status);
}

/* ---- what survives ---- */

/* The ids of the last life go on, unless some of them may have been given to what was lost. */
static enum err take_instance(struct heapd *d, struct why *why)
{
    const struct engine_facts *f = store_facts(d->store);

    if (f->instance[0] != '\0' && !f->lossy) {
        memcpy(d->instance, f->instance, sizeof(d->instance));
        return ERR_OK;
    }
    if (f->lossy)
        log_event(&d->log, LOG_WARN, "changes-lost",
                  "instance=%s hint=\"durability was not `commit`, and it did not end well: what was answered last may be "
                  "missing, so this is a new instance\"", d->instance);
    return store_set_instance(d->store, d->instance, why);
}

/* Where there is no room for that, the next start does it. */
static enum err set_clock(struct heapd *d, struct why *why)
{
    enum err e = store_set_clock(d->store, clock_unix_ms(), why);

    return e == ERR_DISK_FULL ? ERR_OK : e;
}

/* False if it cannot be had; it has been said why. */
static bool open_store(struct heapd *d)
{
    struct why why = {0};

    if (d->config.data_dir == NULL)
        return true;
    if (store_open(&engine_sqlite, d->config.data_dir, false, &d->store, &why) == ERR_OK && set_clock(d, &why) == ERR_OK &&
        take_instance(d, &why) == ERR_OK)
        return true;
    log_event(&d->log, LOG_ERROR, "data-refused", "reason=\"%s\"", why.text);
    return false;
}

static void on_store_failed(void *ctx)
{
    struct heapd *d = ctx;

    d->failed = true;
    server_stop(d->server);
}

static void on_progress(void *ctx)
{
    struct heapd *d = ctx;
    struct recovery_count c;

    recovery_count(d->recovery, &c);
    log_event(&d->log, LOG_INFO, "recovery", "pct=%u objects=%" PRIu64, c.pct, c.objects);
    tell_manager(d);
}

static void say_recovered(struct heapd *d)
{
    struct recovery_count c;

    recovery_count(d->recovery, &c);
    log_event(&d->log, LOG_INFO, "recovered", "objects=%" PRIu64 " log_bytes=%" PRIu64 " seconds=%.2f", c.objects, c.log_bytes,
              c.seconds);
}

/* What was kept is there: what changes from now on is kept. */
static void on_loaded(void *ctx)
{
    struct heapd *d = ctx;
    struct why why = {0};

    if (keeper_start(d->keeper, server_edge(d->server), &why) == ERR_OK)
        return;
    log_event(&d->log, LOG_ERROR, "store-failed", "reason=\"%s\"", why.text);
    on_store_failed(d);
}

static void say_left_out(void *ctx, const char *sentence)
{
    struct heapd *d = ctx;

    log_event(&d->log, LOG_WARN, "setting-left-out", "reason=\"%s\"", sentence);
}

/* What was made to survive wins over the config file, and the command line over both. */
static void put_back_settings(struct heapd *d)
{
    struct settings *s = &d->config.settings;
    uint64_t asked = s->memory_bytes_max;

    (void)persist_put_back(s, d->gc, recovery_settings(d->recovery), say_left_out, d);
    if (d->config.memory_is_given)
        s->memory_bytes_max = asked;
}

static void on_recovered(void *ctx, enum err e, const char *sentence)
{
    struct heapd *d = ctx;

    if (e != ERR_OK) {
        log_event(&d->log, LOG_ERROR, "recovery-failed", "reason=\"%s cannot be put back: %s\"", d->config.data_dir, sentence);
        on_store_failed(d);
        return;
    }
    say_recovered(d);
    put_back_settings(d);
    d->world.recovery = NULL;
    d->world.keeper = d->keeper;
    api_apply_settings(d->api);
    if (make_collector(d) != ERR_OK)
        on_store_failed(d);
    tell_manager(d);
}

/* Limits are for what comes, not for what was there. */
static void lift_limits(struct heapd *d)
{
    mem_set_max(&d->mem, 0);
    session_set_limits(d->sessions, &session_no_limits);
}

static bool begin_recovery(struct heapd *d)
{
    struct recovery_world rw = {
        .loop = &d->loop,
        .mem = &d->mem,
        .heap = d->heap,
        .gc = d->gc,
        .sessions = d->sessions,
        .answers = api_put_back_answers(d->api),
        .store = d->store,
        .on_progress = on_progress,
        .on_loaded = on_loaded,
        .on_done = on_recovered,
        .ctx = d,
    };
    struct why why = {0};

    lift_limits(d);
    if (recovery_create(&rw, &d->recovery, &why) == ERR_OK) {
        d->world.recovery = d->recovery;
        return true;
    }
    log_event(&d->log, LOG_ERROR, "recovery-failed", "reason=\"%s\"", why.text);
    return false;
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
    struct slice why_not;

    if (d->world.recovery == NULL && server_ready(d->server, &why_not))
        notify_reloading(&d->notify);
    if (d->config.token_file == NULL)
        log_event(&d->log, LOG_INFO, "reload-ignored", "reason=\"there is no token file to read again\"");
    else if (!read_tokens(d))
        log_event(&d->log, LOG_ERROR, "tokens-kept", "hint=\"the tokens stay as they were\"");
    tell_manager(d);
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
    *ret = (struct panic_facts){.phase = d->world.recovery != NULL ? "recovering" : pause_name((enum pause)gc.phase),
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
    if (d->store == NULL)
        log_event(&d->log, LOG_INFO, "no-data", "hint=\"without --data nothing survives a restart\"");
    if (files < connections)
        log_event(&d->log, LOG_WARN, "few-files", "connections_max=%llu files_max=%llu", (unsigned long long)connections,
                  (unsigned long long)files);
}

/* True if it was ready, until it was asked to stop. */
static bool serve(struct heapd *d)
{
    struct why why = {0};

    if (!read_tokens(d) || !open_store(d))
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
    if (!(d->store != NULL ? begin_recovery(d) : make_collector(d) == ERR_OK))
        return false;
    server_say_ready(d->server);
    tell_manager(d);
    uv_run(&d->loop, UV_RUN_DEFAULT);
    return !d->failed && (d->keeper == NULL || keeper_finish(d->keeper));
}

/* ---- ending ---- */

static void close_handles(struct heapd *d)
{
    struct why why = {0};

    if (d->store != NULL)
        (void)store_stop(d->store, NULL, &why); /* if that was not the end of it already */
    if (d->recovery != NULL)
        recovery_close(d->recovery);
    if (d->keeper != NULL)
        keeper_close(d->keeper);
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
    recovery_destroy(&d->recovery);
    api_destroy(&d->api);
    keeper_destroy(&d->keeper);
    store_destroy(&d->store);
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

    if (asked == CONFIG_CHECK)
        return verify_store(d.config.check_dir, d.config.check_dir);
    if (asked == CONFIG_RESTORE)
        return restore_store(d.config.restore_file, d.config.restore_dir);
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
