/* world.c - see world.h: the process, from its start to its end. */
#include "api/config.h"
#include "api/json_mem.h"
#include "api/persist.h"
#include "daemon/clock.h"
#include "heap/base/check.h"
#include "heap/heap_gc.h"
#include "tests/fault/vfs_shim.h"
#include "tests/sim/world.h"
#include <stdlib.h>
#include <unistd.h>

#define ATTEMPTS 4

/* ---- what api/ asks of the world ---- */

static struct sim *sim_of(void *ctx)
{
    return (struct sim *)(void *)((char *)ctx - offsetof(struct sim, fake));
}

static enum err admits(void *ctx, bool changes, struct why *why)
{
    return changes ? keeper_admits(sim_of(ctx)->keeper, why) : ERR_OK;
}

static bool behind(void *ctx)
{
    return keeper_is_behind(sim_of(ctx)->keeper);
}

static enum err keep(void *ctx, const struct api_kept *kept, size_t count, struct why *why)
{
    return keeper_keep_settings(sim_of(ctx)->keeper, kept, count, why);
}

static enum err prepare_answer(void *ctx, struct why *why)
{
    return keeper_prepare_answer(sim_of(ctx)->keeper, why);
}

static void keep_answer(void *ctx, const struct idem_record *record)
{
    keeper_keep_answer(sim_of(ctx)->keeper, record);
}

static enum err note_answers_gone(void *ctx, uint64_t number)
{
    return keeper_note_answers_gone(sim_of(ctx)->keeper, number);
}

static struct api_world world_of(struct sim *s)
{
    uint64_t random = s->fake.random;
    struct api_world w = fake_world_begin(&s->fake, loop_clock_ms());

    s->fake.random = random; /* goes on from life to life */
    w.admits = admits;
    w.behind = behind;
    w.keep = keep;
    w.answers = (struct api_answers){.ctx = &s->fake, .prepare = prepare_answer, .keep = keep_answer, .gone = note_answers_gone};
    return w;
}

/* ---- commits, as the keeper makes them ---- */

uint64_t world_open_commit(const struct sim *s)
{
    return (s->under_way_number != 0 ? s->under_way_number : s->durable_number) + 1;
}

bool world_is_full(const struct sim *s)
{
    return keeper_admits(s->keeper, NULL) != ERR_OK;
}

/* The store was woken: what has changed so far was handed over, unless it is the same commit once more. */
static void on_signal(void *ctx)
{
    struct sim *s = ctx;

    if (s->under_way_number != 0)
        return;
    compare_deaths(s);
    model_copy(s->under_way, s->now);
    s->under_way_number = s->durable_number + 1;
    s->held_version[0] = s->held_version[1];
    s->held_version[1] = 0;
}

bool world_promises(const struct sim *s)
{
    return s->durability == DURABILITY_COMMIT;
}

/* While the disk is full what is read may be newer than what is there. */
void world_hold_answer(struct sim *s)
{
    struct edge_durability d = keeper_durability(s->keeper);
    uint64_t commit = d.wanted(d.ctx);

    if (commit != 0) {
        DEMAND(s, commit == world_open_commit(s) || commit == s->under_way_number, "nobody knows of commit %" PRIu64, commit);
        s->held_version[commit != s->under_way_number] = s->now->version;
        s->held_count++;
    } else if (!world_is_full(s)) {
        DEMAND(s, !world_promises(s) || s->now->version == s->durable->version, "an answer leaves before what it shows is on disk");
        s->told_version = s->now->version;
    }
}

/* What the keeper asks and tells the edge. */
size_t edge_parked(const struct edge *e)
{
    return ((const struct sim *)(const void *)e)->held_count;
}

void edge_note_durable(struct edge *e, uint64_t commit)
{
    struct sim *s = (struct sim *)(void *)e;
    struct model *was = s->durable;

    DEMAND(s, commit == s->under_way_number, "commit %" PRIu64 " is done, and another was under way", commit);
    DEMAND(s, s->held_version[0] <= s->under_way->version, "an answer leaves that shows more than commit %" PRIu64, commit);
    if (s->told_version < s->held_version[0])
        s->told_version = s->held_version[0];
    s->durable = s->under_way;
    s->under_way = was;
    s->durable_number = commit;
    s->under_way_number = 0;
    s->held_count = 0;
    s->commits++;
}

void edge_fail_parked(struct edge *e, const struct why *why)
{
    ((struct sim *)(void *)e)->held_count = 0;
    (void)why;
}

static void on_failed(void *ctx)
{
    ((struct sim *)ctx)->failed = true;
}

/* ---- its start ---- */

static void make_heap(struct sim *s)
{
    mem_init(&s->mem, 0);
    json_mem_use(&s->mem);
    settings_defaults(&s->settings);
    s->settings.durability = s->durability;
    s->settings.idempotency_keys_max = 40; /* so that some have to go */
    CHECK(heap_create(&s->mem, s->seed, &s->heap) == ERR_OK && gc_create(s->heap, &s->gc) == ERR_OK);
    CHECK(session_set_create(s->heap, &s->sessions) == ERR_OK);
    CHECK(api_create(&s->mem, s->heap, s->gc, s->sessions, &s->settings, world_of(s), s->instance, &s->api) == ERR_OK);
    CHECK(keeper_create(&(struct keeper_world){.mem = &s->mem, .heap = s->heap, .sessions = s->sessions, .settings = &s->settings,
                                               .store = s->store, .log = &s->log, .on_failed = on_failed, .ctx = s},
                        &s->keeper) == ERR_OK);
}

static void on_progress(void *ctx)
{
    (void)ctx;
}

static void find_out(struct sim *s);

static void on_loaded(void *ctx)
{
    struct sim *s = ctx;

    find_out(s);
    loop_on_signal(on_signal, s);
    CHECK(keeper_start(s->keeper, (struct edge *)(void *)s, NULL) == ERR_OK);
}

static void on_recovered(void *ctx, enum err e, const char *sentence)
{
    struct sim *s = ctx;

    s->recovered = true;
    s->recovery_err = e;
    if (e != ERR_OK)
        why_set(&s->recovery_why, e, "%s", sentence);
}

static void left_out(void *ctx, const char *sentence)
{
    sim_fail(ctx, "a setting does not come back: %s", sentence);
}

static enum err recover(struct sim *s, struct why *why)
{
    enum err e;

    s->recovered = false;
    session_set_limits(s->sessions, &session_no_limits);
    e = recovery_create(&(struct recovery_world){.mem = &s->mem, .heap = s->heap, .gc = s->gc, .sessions = s->sessions,
                                                 .answers = api_put_back_answers(s->api), .store = s->store,
                                                 .on_progress = on_progress, .on_loaded = on_loaded, .on_done = on_recovered, .ctx = s},
                        &s->recovery, why);
    if (e != ERR_OK)
        return e;
    while (!s->recovered)
        loop_turn();
    *why = s->recovery_why;
    if (s->recovery_err == ERR_OK) {
        (void)persist_put_back(&s->settings, s->gc, recovery_settings(s->recovery), left_out, s);
        api_apply_settings(s->api);
    }
    return s->recovery_err;
}

/* These two as daemon/main.c does it. */
static enum err set_clock(struct sim *s, struct why *why)
{
    enum err e = store_set_clock(s->store, clock_unix_ms(), why);

    return e == ERR_DISK_FULL ? ERR_OK : e;
}

static enum err take_instance(struct sim *s, struct why *why)
{
    const struct engine_facts *f = store_facts(s->store);

    if (f->instance[0] != '\0' && !f->lossy) {
        memcpy(s->instance, f->instance, sizeof s->instance);
        return ERR_OK;
    }
    snprintf(s->instance, sizeof s->instance, "sim%u", ++s->instances);
    return store_set_instance(s->store, s->instance, why);
}

static enum err start(struct sim *s, struct why *why)
{
    enum err e = store_open(&engine_sqlite, s->dir, false, &s->store, why);

    if (e != ERR_OK || (e = set_clock(s, why)) != ERR_OK || (e = take_instance(s, why)) != ERR_OK)
        return e;
    make_heap(s);
    return recover(s, why);
}

/* Which of those it can be is there. */
static const struct model *what_is_there(struct sim *s, uint64_t n)
{
    if (s->stopped || n == s->durable_number)
        return s->durable;
    if (s->under_way_number != 0 && n == s->under_way_number)
        return s->under_way;
    if (s->last_number != 0 && n == s->last_number)
        return s->spare;
    sim_fail(s, "commit %" PRIu64 " was acknowledged, and the last there is %" PRIu64, s->durable_number, n);
}

/* From what was tried before the end to what has come of it. */
static void find_out(struct sim *s)
{
    uint64_t n = store_facts(s->store)->commits;
    const struct model *there = what_is_there(s, n);

    DEMAND(s, !world_promises(s) || s->instances == 1, "something may be missing, it says");
    DEMAND(s, there->version >= s->told_version || strcmp(s->instance, s->known_instance) != 0,
           "what was answered is missing, and nobody is told");
    memcpy(s->known_instance, s->instance, sizeof s->instance);
    s->told_version = there->version;
    model_copy(s->now, there);
    model_copy(s->durable, s->now);
    s->durable_number = n;
    s->under_way_number = s->last_number = 0;
    s->stopped = false;
    s->held_version[0] = s->held_version[1] = 0;
    s->held_count = 0;
    ids_forget_after(&s->ids, n);
    for (struct keyed_request *k = s->keys; k < s->keys + KEYS; k++)
        k->known &= k->commit <= n; /* as what it did */
    for (uint32_t i = 1; i < MODEL_SESSIONS; i++) {
        s->now->sessions[i].running = 0;
        s->now->sessions[i].ends_at_ms = loop_ms() + s->now->sessions[i].ttl_ms;
    }
}

static void compare_settings(struct sim *s)
{
    struct gc_state gc;

    gc_get_state(s->gc, &gc);
    DEMAND(s, s->now->kept_pipeline == 0 || (uint64_t)s->now->kept_pipeline == s->settings.pipeline_max, "a setting was not kept");
    DEMAND(s, s->now->kept_threshold == 0 || (uint32_t)s->now->kept_threshold == gc.tuning.thresholds[0], "a threshold was not kept");
}

void world_start(struct sim *s)
{
    struct why why = {0};
    enum err e;

    s->failed = false;
    for (int i = 0; (e = start(s, &why)) != ERR_OK; i++) {
        DEMAND(s, why.text[0] != '\0', "it does not start, without a sentence");
        world_drop(s);
        if (shim_is_cut())
            one_in(s, 3) || !world_promises(s) ? shim_keep_all() : shim_restart();
        if (i > 1)
            (void)shim_heal();
        DEMAND(s, i < ATTEMPTS, "it does not start: %s: %s", err_name(e), why.text);
    }
    compare_all(s);
    compare_settings(s);
    s->recoveries++;
}

/* ---- its end ---- */

static void drop_handles(struct sim *s)
{
    struct why why;

    if (s->store != NULL)
        (void)store_stop(s->store, NULL, &why);
    if (s->recovery != NULL)
        recovery_close(s->recovery);
    if (s->keeper != NULL)
        keeper_close(s->keeper);
}

void world_drop(struct sim *s)
{
    loop_on_signal(NULL, NULL);
    drop_handles(s);
    if (s->heap != NULL) {
        recovery_destroy(&s->recovery);
        api_destroy(&s->api);
        keeper_destroy(&s->keeper);
    }
    store_destroy(&s->store);
    if (s->heap != NULL) {
        session_set_destroy(&s->sessions);
        gc_destroy(&s->gc);
        heap_destroy(&s->heap);
        mem_fini(&s->mem);
    }
}

void world_stop(struct sim *s)
{
    compare_deaths(s);
    loop_on_signal(NULL, NULL);
    s->last_number = world_open_commit(s);
    model_copy(s->spare, s->now);
    s->stopped = keeper_finish(s->keeper);
    if (s->stopped)
        model_copy(s->durable, s->now);
    world_drop(s);
}
