/*
 * verify.c - see verify.h.
 *
 *   take the directory --> the file --well--> load (a loop of its own, with nothing else on it) --well--> recount
 */
#include "daemon/verify.h"
#include "api/json_mem.h"
#include "api/persist.h"
#include "daemon/progress.h"
#include "daemon/recovery.h"
#include "daemon/say.h"
#include "daemon/world.h"
#include "heap/base/check.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct verify {
    const char *dir;
    const char *called;
    struct mem mem;
    uv_loop_t loop;
    struct heap *heap;
    struct gc *gc;
    struct session_set *sessions;
    struct idempotency *answers;
    struct store *store;
    struct recovery *recovery;
    struct progress progress;
    size_t broken;
};

static void say_broken(void *ctx, const char *sentence)
{
    struct verify *v = ctx;

    progress_end(&v->progress);
    say(SAY_ERROR, "%s: %s", v->called, sentence);
    v->broken++;
}

/* ---- the file ---- */

static bool file_is_well(struct verify *v)
{
    struct why why = {0};

    if (store_open(&engine_sqlite, v->dir, true, &v->store, &why) != ERR_OK) {
        say_broken(v, why.text);
        return false;
    }
    say(SAY_INFO, "%s: checking the file", v->called);
    return store_check(v->store, say_broken, v) == 0;
}

/* ---- what is in it ---- */

static void on_progress(void *ctx)
{
    struct verify *v = ctx;
    struct recovery_count c;

    recovery_count(v->recovery, &c);
    progress_at(&v->progress, c.pct, 100);
}

static void on_loaded(void *ctx)
{
    on_progress(ctx);
}

static void on_done(void *ctx, enum err e, const char *sentence)
{
    if (e != ERR_OK)
        say_broken(ctx, sentence);
}

static bool make_heap(struct verify *v)
{
    uint64_t seed;

    world_random(&seed, sizeof seed);
    if (heap_create(&v->mem, seed, &v->heap) != ERR_OK || gc_create(v->heap, &v->gc) != ERR_OK ||
        session_set_create(v->heap, &v->sessions) != ERR_OK || (v->answers = idem_create(&v->mem, seed)) == NULL) {
        say_broken(v, "there is not enough memory to look at it");
        return false;
    }
    session_set_limits(v->sessions, &session_no_limits);
    idem_set_limits(v->answers, idem_no_limits);
    return true;
}

static bool content_is_well(struct verify *v)
{
    struct recovery_world rw = {
        .loop = &v->loop,
        .mem = &v->mem,
        .heap = v->heap,
        .gc = v->gc,
        .sessions = v->sessions,
        .answers = v->answers,
        .store = v->store,
        .on_progress = on_progress,
        .on_loaded = on_loaded,
        .on_done = on_done,
        .ctx = v,
    };
    struct why why = {0};

    progress_begin(&v->progress, "loading what is kept");
    if (recovery_create(&rw, &v->recovery, &why) == ERR_OK)
        uv_run(&v->loop, UV_RUN_DEFAULT);
    else
        say_broken(v, why.text);
    progress_end(&v->progress);
    return v->broken == 0;
}

/* It would be left out at a start, and all else be there. */
static void say_left_out(void *ctx, const char *sentence)
{
    const struct verify *v = ctx;

    say(SAY_WARN, "%s: a setting that was kept will be left out: %s", v->called, sentence);
}

static void recount(struct verify *v)
{
    struct settings scratch;

    settings_defaults(&scratch);
    (void)persist_put_back(&scratch, v->gc, recovery_settings(v->recovery), say_left_out, v);
    (void)gc_validate(v->gc, say_broken, v);
    if (idem_validate(v->answers) > 0)
        say_broken(v, "the answers kept for retries are not in order");
}

/* ---- the end of it ---- */

static void say_result(const struct verify *v)
{
    struct idem_stats answers;
    struct heap_stats s;

    if (v->broken > 0) {
        printf("%s: broken: %zu %s\n", v->called, v->broken, v->broken == 1 ? "thing" : "things");
        return;
    }
    heap_stats(v->heap, &s);
    idem_stats(v->answers, &answers);
    printf("%s: %" PRIu64 " objects, %" PRIu64 " roots, %" PRIu64 " weak names, %u sessions, %u answers: well\n", v->called, s.objects,
           s.roots, s.weak_names, session_count(v->sessions), answers.kept);
}

static void end(struct verify *v)
{
    if (v->recovery != NULL)
        recovery_close(v->recovery);
    uv_run(&v->loop, UV_RUN_DEFAULT); /* its close callback */
    CHECK(uv_loop_close(&v->loop) == 0);
    recovery_destroy(&v->recovery);
    store_destroy(&v->store);
    idem_destroy(&v->answers);
    session_set_destroy(&v->sessions);
    if (v->gc != NULL)
        gc_destroy(&v->gc);
    heap_destroy(&v->heap);
    mem_fini(&v->mem);
}

int verify_store(const char *dir, const char *called)
{
    struct verify v = {.dir = dir, .called = called};

    mem_init(&v.mem, 0);
    json_mem_use(&v.mem);
    CHECK(uv_loop_init(&v.loop) == 0);
    if (file_is_well(&v) && make_heap(&v) && content_is_well(&v))
        recount(&v);
    say_result(&v);
    end(&v);
    return v.broken == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
