/* store.c - see store.h. */
#include "daemon/store/store.h"
#include "daemon/clock.h"
#include "heap/base/check.h"
#include <stdatomic.h>

#define STORE_MAGIC 0x570e0001u

struct store {
    uint32_t magic;
    const struct engine_ops *ops;
    struct engine *engine;
    struct mem own;  /* of *this */
    struct mem mem;  /* of the engine: the thread's, once that runs */
    struct engine_facts facts;
    bool loading, started;

    uv_thread_t thread;
    uv_mutex_t lock;
    uv_cond_t work;
    uv_async_t told;
    store_done done;
    void *ctx;

    /* under the lock */
    const struct engine_commit *job; /* handed over and not done */
    bool sync, finished, stopping;
    bool lossy, lossy_changed;
    enum err result;
    struct why why;

    /* the thread's */
    bool more;       /* there is something to fold */
    bool failed;
    enum err failed_err;
    struct why failed_why;
    uint64_t idle_since_us;
    uint64_t rested_us; /* when it last rested, while folding */
    uint64_t fold_at_us; /* not before: the disk was full, or memory short */

    atomic_ullong commits, commit_us, folds, fold_us, log_bytes, memory_bytes;
};

static struct store *store_of(void *data)
{
    struct store *s = data;

    CHECK_IS(s, STORE_MAGIC);
    return s;
}

/* ---- the thread ---- */

static void count_memory(struct store *s)
{
    atomic_store(&s->memory_bytes, s->mem.used_bytes);
}

/* The engine's, while it folds. A commit that is handed over ends the rest, and the next too. */
static void may_rest(void *ctx)
{
    struct store *s = store_of(ctx);

    if (clock_us() - s->rested_us < STORE_WORK_US || atomic_load(&s->log_bytes) > STORE_LOG_BYTES_HASTE)
        return;
    uv_mutex_lock(&s->lock);
    if (s->job == NULL && !s->stopping)
        (void)uv_cond_timedwait(&s->work, &s->lock, STORE_WORK_US * 1000ull);
    uv_mutex_unlock(&s->lock);
    s->rested_us = clock_us();
}

/* Fold one piece. That the store has failed is told with the next commit. */
static enum err fold_some(struct store *s, struct why *why)
{
    uint64_t began = clock_us(), before = atomic_load(&s->log_bytes);
    const struct engine_rest rest = {.may_rest = may_rest, .ctx = s};
    bool more;
    enum err e = s->ops->fold(s->engine, STORE_FOLD_BYTES, &rest, &more, why);

    if (e == ERR_OK) {
        s->more = more;
        atomic_fetch_add(&s->folds, s->more);
        atomic_store(&s->log_bytes, !s->more || before < STORE_FOLD_BYTES ? 0 : before - STORE_FOLD_BYTES);
        if (!s->more)
            e = s->ops->tidy(s->engine, why);
    }
    if (e != ERR_OK && e != ERR_DISK_FULL && e != ERR_NOMEM) {
        s->failed = true;
        s->failed_err = e;
        s->failed_why = *why;
    }
    if (e == ERR_DISK_FULL || e == ERR_NOMEM)
        s->fold_at_us = clock_us() + STORE_IDLE_MS * 1000u;
    atomic_fetch_add(&s->fold_us, clock_us() - began);
    count_memory(s);
    return e;
}

static bool can_fold(const struct store *s)
{
    return s->more && !s->failed && clock_us() >= s->fold_at_us;
}

static bool must_fold(const struct store *s)
{
    return can_fold(s) && atomic_load(&s->log_bytes) > STORE_LOG_BYTES;
}

static bool may_fold(const struct store *s)
{
    return can_fold(s) && clock_us() - s->idle_since_us >= STORE_IDLE_MS * 1000u;
}

static uint64_t text_bytes(const struct engine_commit *c)
{
    uint64_t n = 0;

    for (const struct redo_chunk *l = c->lines; l != NULL; l = l->next)
        n += l->text.len;
    return n;
}

static enum err do_commit(struct store *s, const struct engine_commit *c, bool sync, struct why *why)
{
    uint64_t began = clock_us();
    enum err e = ERR_OK;

    while (atomic_load(&s->log_bytes) > STORE_LOG_BYTES_MAX && s->more && !s->failed && e == ERR_OK)
        e = fold_some(s, why);
    if (s->failed) {
        *why = s->failed_why;
        return s->failed_err;
    }
    if (e != ERR_OK)
        return e;
    e = s->ops->commit(s->engine, c, sync, why);
    if (e == ERR_OK) {
        s->more = true;
        atomic_fetch_add(&s->log_bytes, text_bytes(c));
        atomic_fetch_add(&s->commits, 1);
        atomic_fetch_add(&s->commit_us, clock_us() - began);
    }
    s->idle_since_us = clock_us();
    count_memory(s);
    return e;
}

/* With the lock held, which is let go of meanwhile. */
static void run_job(struct store *s)
{
    const struct engine_commit *c = s->job;
    bool sync = s->sync, set_lossy = s->lossy_changed, lossy = s->lossy;
    struct why why = {0};
    enum err e = ERR_OK;

    s->lossy_changed = false;
    uv_mutex_unlock(&s->lock);
    if (set_lossy)
        e = s->ops->set_lossy(s->engine, lossy, &why);
    if (e == ERR_OK)
        e = do_commit(s, c, sync, &why);
    uv_mutex_lock(&s->lock);
    s->lossy_changed |= set_lossy && e != ERR_OK; /* with the same commit, again */
    s->job = NULL;
    s->finished = true;
    s->result = e;
    s->why = why;
    uv_async_send(&s->told);
}

/* With the lock held, which is let go of meanwhile. */
static void take_turn(struct store *s)
{
    if (s->job != NULL) {
        run_job(s);
    } else if (must_fold(s) || may_fold(s)) {
        struct why why = {0};

        uv_mutex_unlock(&s->lock);
        (void)fold_some(s, &why);
        uv_mutex_lock(&s->lock);
    } else {
        (void)uv_cond_timedwait(&s->work, &s->lock, s->more ? STORE_IDLE_MS * 1000000ull / 2 : 60ull * 1000000000);
    }
}

static void run(void *data)
{
    struct store *s = store_of(data);

    uv_mutex_lock(&s->lock);
    while (s->job != NULL || !s->stopping)
        take_turn(s);
    uv_mutex_unlock(&s->lock);
}

void store_turn(struct store *s)
{
    uv_mutex_lock(&s->lock);
    take_turn(s);
    uv_mutex_unlock(&s->lock);
}

/* ---- the loop's side ---- */

static void on_told(uv_async_t *told)
{
    struct store *s = store_of(told->data);
    bool finished;
    enum err e;
    struct why why;

    uv_mutex_lock(&s->lock);
    finished = s->finished;
    s->finished = false;
    e = s->result;
    why = s->why;
    uv_mutex_unlock(&s->lock);
    if (finished)
        s->done(s->ctx, e, why.text);
}

void store_commit(struct store *s, const struct engine_commit *c, bool sync)
{
    uv_mutex_lock(&s->lock);
    CHECK(s->started && s->job == NULL && !s->finished && !s->stopping);
    s->job = c;
    s->sync = sync;
    uv_cond_signal(&s->work);
    uv_mutex_unlock(&s->lock);
}

void store_set_lossy(struct store *s, bool lossy)
{
    uv_mutex_lock(&s->lock);
    s->lossy_changed |= s->lossy != lossy;
    s->lossy = lossy;
    uv_mutex_unlock(&s->lock);
}

enum err store_start(struct store *s, uv_loop_t *loop, store_done done, void *ctx, struct why *why)
{
    s->done = done;
    s->ctx = ctx;
    s->more = s->facts.log_bytes > 0;
    s->idle_since_us = clock_us();
    atomic_store(&s->log_bytes, s->facts.log_bytes);
    if (uv_async_init(loop, &s->told, on_told) != 0)
        return why_set(why, ERR_NOMEM, "no memory to start the thread of the store");
    s->told.data = s;
    if (uv_thread_create(&s->thread, run, s) != 0) {
        uv_close((uv_handle_t *)&s->told, NULL);
        return why_set(why, ERR_NOMEM, "the thread of the store cannot be started");
    }
    s->started = true;
    return ERR_OK;
}

/* Nothing that was answered is missing: whoever starts next may believe all of it. */
static enum err finish(struct store *s, const struct engine_commit *last, struct why *why)
{
    enum err e = s->result;

    if (e != ERR_OK) {
        *why = s->why;
        return e;
    }
    if (last != NULL && (e = do_commit(s, last, true, why)) != ERR_OK)
        return e;
    return s->lossy ? s->ops->set_lossy(s->engine, false, why) : ERR_OK;
}

enum err store_stop(struct store *s, const struct engine_commit *last, struct why *why)
{
    if (!s->started)
        return ERR_OK;
    uv_mutex_lock(&s->lock);
    s->stopping = true;
    uv_cond_signal(&s->work);
    uv_mutex_unlock(&s->lock);
    CHECK(uv_thread_join(&s->thread) == 0);
    s->started = false;
    s->finished = false;
    uv_close((uv_handle_t *)&s->told, NULL);
    return finish(s, last, why);
}

void store_count(const struct store *s, struct store_counts *ret)
{
    *ret = (struct store_counts){
        .commits = atomic_load(&s->commits),
        .commit_us = atomic_load(&s->commit_us),
        .folds = atomic_load(&s->folds),
        .fold_us = atomic_load(&s->fold_us),
        .log_bytes = atomic_load(&s->log_bytes),
        .memory_bytes = atomic_load(&s->memory_bytes),
    };
}

/* ---- before it runs ---- */

const struct engine_facts *store_facts(const struct store *s)
{
    return &s->facts;
}

enum err store_set_instance(struct store *s, const char *instance, struct why *why)
{
    return s->ops->set_instance(s->engine, instance, why);
}

enum err store_set_clock(struct store *s, uint64_t unix_ms, struct why *why)
{
    return s->ops->set_clock(s->engine, unix_ms, why);
}

enum err store_load(struct store *s, struct engine_item *ret, struct why *why)
{
    enum err e;

    if (!s->loading && (e = s->ops->rewind(s->engine, why)) != ERR_OK)
        return e;
    s->loading = true;
    return s->ops->next(s->engine, ret, why);
}

enum err store_get_bytes(struct store *s, obj_id id, struct mem *mem, struct payload **ret, struct why *why)
{
    return s->ops->get_bytes(s->engine, id, mem, ret, why);
}

size_t store_check(struct store *s, void (*broken)(void *ctx, const char *sentence), void *ctx)
{
    return s->ops->check(s->engine, broken, ctx);
}

enum err store_open(const struct engine_ops *ops, const char *dir, bool read_only, struct store **ret, struct why *why)
{
    struct mem own;
    struct store *s;
    enum err e;

    mem_init(&own, 0);
    if ((s = mem_zalloc(&own, sizeof *s)) == NULL)
        return why_set(why, ERR_NOMEM, "no memory for the store");
    s->magic = STORE_MAGIC;
    s->ops = ops;
    s->own = own;
    mem_init(&s->mem, 0);
    CHECK(uv_mutex_init(&s->lock) == 0 && uv_cond_init(&s->work) == 0);
    if ((e = ops->open(dir, read_only, &s->mem, &s->engine, why)) || (e = ops->facts(s->engine, &s->facts, why))) {
        store_destroy(&s);
        return e;
    }
    s->lossy = s->facts.lossy;
    *ret = s;
    return ERR_OK;
}

void store_destroy(struct store **at)
{
    struct store *s = *at;
    struct mem own;

    *at = NULL;
    if (s == NULL)
        return;
    CHECK_IS(s, STORE_MAGIC);
    CHECK(!s->started);
    s->ops->close(&s->engine);
    mem_fini(&s->mem);
    uv_cond_destroy(&s->work);
    uv_mutex_destroy(&s->lock);
    s->magic = 0;
    own = s->own;
    mem_free(&own, s, sizeof *s);
    mem_fini(&own);
}
