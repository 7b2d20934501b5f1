/*
 * main.c - heapd from the first line to the last: what is made, in which order, and unmade in reverse.
 *
 * Two accounts of memory, of what clients store and of what connections need, and one limit for both (budget.h): it is
 * divided so that a full heap can still be talked to. jansson knows one allocator for the whole process: that is the
 * only state that is not on the stack of main(); api/json_mem.h has it.
 */
#include "api/config.h"
#include "api/json_mem.h"
#include "api/persist.h"
#include "daemon/collector.h"
#include "daemon/config.h"
#include "daemon/keeper.h"
#include "daemon/log.h"
#include "daemon/recovery.h"
#include "daemon/restore.h"
#include "daemon/server.h"
#include "daemon/signals.h"
#include "daemon/tokens.h"
#include "daemon/verify.h"
#include "daemon/world.h"
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#define INSTANCE_BYTES 8 /* of randomness; twice as many of text */

struct heapd {
    struct config config;
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
        log_line(LOG_WARN, "durability was not `commit`, and it did not end well: what was answered last may be missing, so "
                           "this is a new instance");
    return store_set_instance(d->store, d->instance, why);
}

/* False if it cannot be had; it has been said why. */
static bool open_store(struct heapd *d)
{
    struct why why = {0};

    if (d->config.data_dir == NULL)
        return true;
    if (store_open(&engine_sqlite, d->config.data_dir, false, &d->store, &why) == ERR_OK && take_instance(d, &why) == ERR_OK)
        return true;
    log_line(LOG_ERROR, "%s", why.text);
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
    const struct heapd *d = ctx;
    struct recovery_count c;

    recovery_count(d->recovery, &c);
    log_line(LOG_INFO, "recovery: %u %%, %" PRIu64 " objects", c.pct, c.objects);
}

static void say_recovered(const struct heapd *d)
{
    struct recovery_count c;

    recovery_count(d->recovery, &c);
    log_line(LOG_INFO, "recovery: %" PRIu64 " objects and %" PRIu64 " bytes of changes in %.2f s", c.objects, c.log_bytes, c.seconds);
}

/* What was kept is there: what changes from now on is kept. */
static void on_loaded(void *ctx)
{
    struct heapd *d = ctx;
    struct why why = {0};

    if (keeper_start(d->keeper, server_edge(d->server), &why) == ERR_OK)
        return;
    log_line(LOG_ERROR, "%s", why.text);
    on_store_failed(d);
}

static void say_left_out(void *ctx, const char *sentence)
{
    (void)ctx;
    log_line(LOG_WARN, "a setting that was kept is left out: %s", sentence);
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
        log_line(LOG_ERROR, "%s cannot be put back: %s", d->config.data_dir, sentence);
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
    log_line(LOG_ERROR, "%s", why.text);
    return false;
}

/* ---- tokens ---- */

static void say_tokens(const struct heapd *d)
{
    const struct tokens *t = &d->tokens;
    const char *path = d->config.token_file;

    log_line(LOG_INFO, "%s: tokens: %zu", path, t->count);
    if (t->short_count > 0)
        log_line(LOG_WARN, "%s: %zu of the tokens are shorter than %d bytes and might be guessed", path, t->short_count,
                 TOKEN_BYTES_WISE);
    if (t->others_read_it)
        log_line(LOG_WARN, "%s: everybody on this machine may read it: chmod 0600", path);
}

/* False if there is a token file and it is no good; the tokens are then those they were. */
static bool read_tokens(struct heapd *d)
{
    struct why why = {0};

    if (d->config.token_file == NULL)
        return true;
    if (tokens_read(&d->tokens, d->config.token_file, &why) != ERR_OK) {
        log_line(LOG_ERROR, "%s", why.text);
        return false;
    }
    say_tokens(d);
    return true;
}

static void on_reload(void *ctx)
{
    struct heapd *d = ctx;

    if (d->config.token_file == NULL)
        log_line(LOG_INFO, "hangup: there is no token file to read again");
    else if (!read_tokens(d))
        log_line(LOG_ERROR, "the tokens stay as they were");
}

/* ---- the loop ---- */

static void on_stop(void *ctx, int signum)
{
    struct heapd *d = ctx;

    log_line(LOG_INFO, "signal %d: stopping", signum);
    server_stop(d->server);
}

static void begin(struct heapd *d)
{
    mem_init(&d->mem, d->config.settings.memory_bytes_max);
    mem_init(&d->edge_mem, 0);
    give_jansson(&d->mem);
    CHECK(uv_loop_init(&d->loop) == 0);
    signals_init(&d->signals, &d->loop, (struct signal_handlers){on_stop, on_reload, d});
    world_init(&d->world, &d->loop, &d->edge_mem);
    name_instance(d);
}

/* ---- running ---- */

static void say_what_to_expect(const struct heapd *d)
{
    uint64_t files = world_raise_file_limit(), connections = d->config.settings.connections_max;

    log_line(LOG_INFO, "heapd %s, pid %d, instance %s", HEAPD_VERSION, (int)getpid(), d->instance);
    if (d->store == NULL)
        log_line(LOG_INFO, "no --data: nothing survives a restart");
    if (files < connections)
        log_line(LOG_WARN, "connections_max is %llu, but the system allows %llu open files",
                 (unsigned long long)connections, (unsigned long long)files);
}

/* True if it was ready, until it was asked to stop. */
static bool serve(struct heapd *d)
{
    struct why why = {0};

    if (!read_tokens(d) || !open_store(d))
        return false;
    if (make_heap(d) != ERR_OK || make_service(d) != ERR_OK) {
        log_line(LOG_ERROR, "there is not enough memory to start");
        return false;
    }
    if (server_listen(d->server, &why) != ERR_OK) {
        log_line(LOG_ERROR, "%s", why.text);
        return false;
    }
    d->world.server = d->server;
    say_what_to_expect(d);
    if (!(d->store != NULL ? begin_recovery(d) : make_collector(d) == ERR_OK))
        return false;
    server_say_ready(d->server);
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
    uv_run(&d->loop, UV_RUN_DEFAULT); /* their close callbacks */
    CHECK(uv_loop_close(&d->loop) == 0);
}

static void end(struct heapd *d)
{
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
    if (served)
        log_line(LOG_INFO, "stopped");
    return served ? EXIT_SUCCESS : EXIT_FAILURE;
}
