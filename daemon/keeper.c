/* keeper.c - see keeper.h. */
#include "daemon/keeper.h"
#include "daemon/clock.h"
#include "heap/base/check.h"
#include "heap/heap_gc.h"

#define KEEPER_MAGIC 0x6ee9e001u

struct keeper {
    uint32_t magic;
    struct keeper_world world;
    struct edge *edge;            /* NULL: not started */
    struct heap_journal journal;
    struct redo open;             /* what has changed since the last commit was handed over ... */
    uint64_t number;              /* ... which will be this one */
    uint64_t hurried;             /* up to this commit, none waits for its time */
    uint64_t durable;             /* the last that is on disk */
    struct redo away;             /* of the commit under way ... */
    struct engine_commit commit;  /* ... or to be tried again */
    bool away_lossy;              /* it will be known with it that what is answered may be missing ... */
    bool lossy;                   /* ... as it is now */
    bool under_way, again;
    enum err trouble;             /* DISK_FULL, NOMEM: it is tried again; STORE: for good */
    struct why why;
    uint64_t began_us, began_ms, took_us, done_us;
    bool syncs;                   /* the commit under way is waited for until it is on disk */
    struct times fsync;
    uint64_t commits, commit_bytes;
    size_t released;              /* connections whose answers the last commit let go */
    uv_prepare_t prepare;         /* the loop is about to sleep */
    uv_idle_t idle;               /* it must not: the next commit is about to begin */
    uv_timer_t timer;
};

static struct keeper *keeper_of(void *data)
{
    struct keeper *k = data;

    CHECK_IS(k, KEEPER_MAGIC);
    return k;
}

/* ---- what waits ---- */

static bool has_changes(const struct keeper *k)
{
    return redo_text_bytes(&k->open) > 0 || !heap_journal_is_settled(k->world.heap);
}

static bool waits_for_disk(const struct keeper *k)
{
    return k->world.settings->durability == DURABILITY_COMMIT;
}

/* An answer that may be missing after a crash must not be known to anybody before the store knows that there are such. */
static bool is_waited_for(const struct keeper *k)
{
    return waits_for_disk(k) || !k->lossy;
}

/* While the disk is full nobody can change anything, and what is read leaves though it may be new. */
uint64_t keeper_wanted(const struct keeper *k)
{
    if (!is_waited_for(k) || k->trouble != ERR_OK)
        return 0;
    if (has_changes(k))
        return k->number;
    return k->under_way ? k->commit.number : 0;
}

static uint64_t wanted(void *ctx)
{
    return keeper_wanted(ctx);
}

static bool promised(void *ctx)
{
    return waits_for_disk(ctx);
}

bool keeper_is_behind(const struct keeper *k)
{
    return redo_text_bytes(&k->open) + k->open.payload_bytes > KEEPER_BYTES_MAX;
}

static bool behind(void *ctx)
{
    return keeper_is_behind(ctx);
}

struct edge_durability keeper_durability(struct keeper *k)
{
    return (struct edge_durability){.ctx = k, .wanted = wanted, .promised = promised, .behind = behind};
}

enum err keeper_admits(const struct keeper *k, struct why *why)
{
    if (k->trouble != ERR_OK)
        return why_set(why, k->trouble, "%s", k->why.text);
    return ERR_OK;
}

uint64_t keeper_hurry(struct keeper *k)
{
    if (has_changes(k))
        return k->hurried = k->number;
    return k->under_way || k->again ? k->commit.number : 0;
}

bool keeper_has(const struct keeper *k, uint64_t commit)
{
    return commit <= k->durable;
}

void keeper_count(const struct keeper *k, struct api_meters *ret)
{
    struct store_counts store;

    store_count(k->world.store, &store);
    ret->keeps = true;
    ret->fsync = k->fsync;
    ret->commits = k->commits;
    ret->commit_bytes = k->commit_bytes;
    ret->unfolded_bytes = store.log_bytes;
}

enum err keeper_keep_settings(struct keeper *k, const struct api_kept *kept, size_t count, struct why *why)
{
    size_t mark = redo_mark(&k->open);
    enum err e = ERR_OK;

    for (size_t i = 0; i < count && e == ERR_OK; i++)
        e = redo_note_setting(&k->open, kept[i].name, kept[i].json, why);
    if (e != ERR_OK)
        redo_cut(&k->open, mark);
    return e;
}

/* ---- answers ---- */

enum err keeper_prepare_answer(struct keeper *k, struct why *why)
{
    return redo_prepare_answer(&k->open, why);
}

void keeper_keep_answer(struct keeper *k, const struct idem_record *record)
{
    redo_note_answer(&k->open, record, clock_unix_ms());
}

enum err keeper_note_answers_gone(struct keeper *k, uint64_t number)
{
    return redo_note_answers_gone(&k->open, number, NULL);
}

/* ---- handing over ---- */

static void hand_over(struct keeper *k)
{
    k->under_way = true;
    k->began_us = clock_us();
    k->syncs = k->world.settings->durability != DURABILITY_OFF;
    store_commit(k->world.store, &k->commit, k->syncs);
}

static struct engine_commit describe(const struct keeper *k, const struct redo *r)
{
    return (struct engine_commit){
        .number = k->number,
        .lines = r->first,
        .bytes = r->bytes,
        .bytes_count = r->bytes_count,
        .pool_end = heap_pools(k->world.heap)->pool_end,
        .last_session = session_last_id(k->world.sessions),
    };
}

/* False: there is no memory to write deaths down. */
static bool begin_commit(struct keeper *k)
{
    if (heap_settle_journal(k->world.heap) != ERR_OK)
        return false;
    k->began_ms = uv_now(k->world.loop);
    k->away = k->open;
    redo_init(&k->open, k->world.heap, k->world.mem);
    k->commit = describe(k, &k->away);
    k->number++;
    k->away_lossy = !waits_for_disk(k);
    store_set_lossy(k->world.store, k->away_lossy);
    hand_over(k);
    return true;
}

/* ---- when ---- */

static uint64_t interval_ms(const struct keeper *k)
{
    uint64_t durability = k->world.settings->durability;

    return durability == DURABILITY_OFF ? KEEPER_OFF_MS : durability;
}

/* Those who were answered by the last commit have not come back yet, and may. */
static bool gathers(const struct keeper *k, uint64_t now_us)
{
    uint64_t patience = k->took_us / 8 < KEEPER_GATHER_US_MAX ? k->took_us / 8 : KEEPER_GATHER_US_MAX;

    return edge_parked(k->edge) < k->released && now_us - k->done_us < patience;
}

static void on_timer(uv_timer_t *timer)
{
    (void)keeper_of(timer->data); /* the loop has woken: on_prepare() looks */
}

static void on_idle(uv_idle_t *idle)
{
    (void)keeper_of(idle->data);
}

static void look_again_in(struct keeper *k, uint64_t ms)
{
    uv_timer_start(&k->timer, on_timer, ms, 0);
}

/* How long until the next commit shall begin; 0: now. */
static uint64_t wait_ms(const struct keeper *k)
{
    uint64_t now = uv_now(k->world.loop), at = k->began_ms + (is_waited_for(k) ? 0 : interval_ms(k));

    return keeper_is_behind(k) || k->hurried == k->number || at <= now ? 0 : at - now;
}

static void look(struct keeper *k)
{
    uint64_t ms;

    uv_idle_stop(&k->idle);
    if (k->under_way || k->again || k->trouble == ERR_STORE || !has_changes(k))
        return;
    if ((ms = wait_ms(k)) > 0)
        look_again_in(k, ms);
    else if (is_waited_for(k) && gathers(k, clock_us()))
        uv_idle_start(&k->idle, on_idle);
    else if (!begin_commit(k))
        look_again_in(k, KEEPER_RETRY_MS);
}

static void on_prepare(uv_prepare_t *prepare)
{
    look(keeper_of(prepare->data));
}

/* ---- how it ended ---- */

static void committed(struct keeper *k)
{
    if (k->trouble != ERR_OK)
        log_event(k->world.log, LOG_INFO, "store-has-room", "hint=\"changes are taken again\"");
    k->trouble = ERR_OK;
    k->took_us = clock_us() - k->began_us;
    k->done_us = k->began_us + k->took_us;
    if (k->syncs)
        times_add(&k->fsync, k->took_us);
    k->commits++;
    k->commit_bytes += redo_text_bytes(&k->away) + k->away.payload_bytes;
    redo_fini(&k->away);
    k->durable = k->commit.number;
    k->lossy = k->away_lossy;
    k->released = edge_parked(k->edge);
    edge_note_durable(k->edge, k->commit.number);
}

static void on_retry(uv_timer_t *timer)
{
    struct keeper *k = keeper_of(timer->data);

    k->again = false;
    hand_over(k);
}

static void try_again(struct keeper *k, enum err e, const char *sentence)
{
    if (k->trouble == ERR_OK)
        log_event(k->world.log, LOG_ERROR, "store-full",
                  "reason=\"%s\" hint=\"no changes are taken until those that wait can be written\"", sentence);
    k->trouble = e;
    why_set(&k->why, e, "what was changed before waits for room: %s", sentence);
    k->again = true;
    uv_timer_start(&k->timer, on_retry, KEEPER_RETRY_MS, 0);
}

/* Nobody knows what is on disk: it will be seen at the next start. */
static void fail(struct keeper *k, const char *sentence)
{
    log_event(k->world.log, LOG_ERROR, "store-failed", "reason=\"%s\"", sentence);
    k->trouble = ERR_STORE;
    why_set(&k->why, ERR_STORE, "%s", sentence);
    edge_fail_parked(k->edge, &k->why);
    k->world.on_failed(k->world.ctx);
}

static void on_done(void *ctx, enum err e, const char *sentence)
{
    struct keeper *k = keeper_of(ctx);

    k->under_way = false;
    if (e == ERR_OK)
        committed(k);
    else if (e == ERR_DISK_FULL || e == ERR_NOMEM)
        try_again(k, e, sentence);
    else
        fail(k, sentence);
}

/* ---- life ---- */

enum err keeper_create(const struct keeper_world *world, struct keeper **ret)
{
    struct keeper *k = mem_zalloc(world->mem, sizeof *k);

    if (k == NULL)
        return ERR_NOMEM;
    k->magic = KEEPER_MAGIC;
    k->world = *world;
    k->number = store_facts(world->store)->commits + 1;
    k->lossy = store_facts(world->store)->lossy;
    redo_init(&k->open, world->heap, world->mem);
    redo_init(&k->away, world->heap, world->mem);
    k->journal = (struct heap_journal){.ctx = &k->open, .note = redo_note, .mark = redo_mark, .cut = redo_cut};
    CHECK(uv_prepare_init(world->loop, &k->prepare) == 0 && uv_idle_init(world->loop, &k->idle) == 0 &&
          uv_timer_init(world->loop, &k->timer) == 0);
    k->prepare.data = k->idle.data = k->timer.data = k;
    *ret = k;
    return ERR_OK;
}

enum err keeper_start(struct keeper *k, struct edge *edge, struct why *why)
{
    enum err e;

    if ((e = heap_set_journal(k->world.heap, &k->journal)) != ERR_OK)
        return why_set(why, e, "no memory to keep changes");
    if ((e = store_start(k->world.store, k->world.loop, on_done, k, why)) != ERR_OK)
        return e;
    k->edge = edge;
    uv_prepare_start(&k->prepare, on_prepare);
    return ERR_OK;
}

static void say_not_kept(struct keeper *k, const char *sentence)
{
    log_event(k->world.log, LOG_ERROR, "changes-not-kept", "reason=\"%s\" hint=\"the last changes are not on disk\"", sentence);
}

bool keeper_finish(struct keeper *k)
{
    struct why why = {0};
    struct engine_commit last;
    bool some;
    enum err e;

    if (k->edge == NULL)
        return true;
    if (k->trouble == ERR_STORE || k->again || (e = heap_settle_journal(k->world.heap)) != ERR_OK) {
        (void)store_stop(k->world.store, NULL, &why);
        say_not_kept(k, k->why.text);
        return false;
    }
    some = redo_text_bytes(&k->open) > 0;
    last = describe(k, &k->open);
    e = store_stop(k->world.store, some ? &last : NULL, &why);
    if (e != ERR_OK)
        say_not_kept(k, why.text);
    return e == ERR_OK;
}

void keeper_close(struct keeper *k)
{
    uv_close((uv_handle_t *)&k->prepare, NULL);
    uv_close((uv_handle_t *)&k->idle, NULL);
    uv_close((uv_handle_t *)&k->timer, NULL);
}

void keeper_destroy(struct keeper **at)
{
    struct keeper *k = *at;

    *at = NULL;
    if (k == NULL)
        return;
    CHECK_IS(k, KEEPER_MAGIC);
    CHECK(heap_set_journal(k->world.heap, NULL) == ERR_OK);
    redo_fini(&k->open);
    redo_fini(&k->away);
    k->magic = 0;
    mem_free(k->world.mem, k, sizeof *k);
}
