/* store_life_back.c - see store_life.h: what is on the disk is opened, put back, and compared with what was acknowledged. */
#include "heap/heap_gc.h"
#include "tests/fault/store_life_impl.h"

/* What is left to wait for, in the account of the next engine. */
static void count_refusal(struct life *life, const struct mem *mem)
{
    if (life->refuse_nth > mem->request_count)
        life->refuse_nth -= mem->request_count;
    else if (life->refuse_nth > 0)
        life->refuse_nth = 0, life->refused = true;
}

static struct life *opening; /* whose engine it is that is being opened */

static enum err open_engine(const char *dir, bool read_only, struct mem *mem, struct engine **ret, struct why *why)
{
    enum err e;

    mem->fail_at = opening->refuse_nth;
    e = engine_sqlite.open(dir, read_only, mem, ret, why);
    if (e == ERR_OK) {
        opening->engine = *ret;
        opening->engine_mem = mem;
    } else {
        count_refusal(opening, mem);
    }
    return e;
}

enum err life_open_store(struct life *life, struct why *why)
{
    struct engine_ops ops = engine_sqlite;
    static struct engine_ops kept;
    enum err e;

    ops.open = open_engine;
    kept = ops;
    opening = life;
    e = store_open(&kept, life->dir, false, &life->store, why);
    if (e != ERR_OK)
        life->engine = NULL;
    return e;
}

static void make_heap(struct life *life)
{
    CHECK(heap_create(&life->mem, life->seed, &life->heap) == ERR_OK);
    CHECK(session_set_create(life->heap, &life->sessions) == ERR_OK);
    CHECK(gc_create(life->heap, &life->gc) == ERR_OK);
    redo_init(&life->redo, life->heap, &life->mem);
    life_begin_answers(life);
}

void life_drop(struct life *life)
{
    if (life->heap != NULL) {
        CHECK(heap_set_journal(life->heap, NULL) == ERR_OK);
        redo_fini(&life->redo);
        life_end_answers(life);
        gc_destroy(&life->gc);
        session_set_destroy(&life->sessions);
        heap_destroy(&life->heap);
    }
    if (life->engine != NULL)
        count_refusal(life, life->engine_mem);
    store_destroy(&life->store);
    life->engine = NULL;
    life->engine_mem = NULL;
}

struct recovering {
    bool over;
    enum err err;
    struct why *why;
};

static void on_loaded(void *ctx)
{
    (void)ctx;
}

static void on_done(void *ctx, enum err e, const char *sentence)
{
    struct recovering *r = ctx;

    r->over = true;
    r->err = e;
    if (e != ERR_OK)
        why_set(r->why, e, "%s", sentence);
}

/* As heapd does it when it starts. */
static enum err recover(struct life *life, struct why *why)
{
    struct recovering r = {.why = why};
    struct recovery *recovery = NULL;
    uv_loop_t loop;
    enum err e;

    CHECK(uv_loop_init(&loop) == 0);
    e = recovery_create(&(struct recovery_world){.loop = &loop, .mem = &life->mem, .heap = life->heap, .gc = life->gc,
                                                 .sessions = life->sessions, .answers = life->answers, .store = life->store, .on_loaded = on_loaded,
                                                 .on_done = on_done, .ctx = &r},
                        &recovery, why);
    if (e == ERR_OK) {
        (void)uv_run(&loop, UV_RUN_DEFAULT);
        CHECK(r.over);
        e = r.err;
    }
    if (recovery != NULL)
        recovery_close(recovery);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    recovery_destroy(&recovery);
    CHECK(uv_loop_close(&loop) == 0);
    return e;
}

enum err life_put_back(struct life *life, struct why *why)
{
    enum err e = life_open_store(life, why);

    if (e != ERR_OK)
        return e;
    make_heap(life);
    if ((e = recover(life, why)) != ERR_OK)
        return e;
    while (heap_reap(life->heap, 1u << 20) == 0)
        ;
    return ERR_OK;
}

/* ---- compared ---- */

static void show_difference(const char *was, const char *is)
{
    while (*was != '\0' && *was == *is)
        was++, is++;
    fprintf(stderr, "was ...%.300s\nis  ...%.300s\n", was, is);
}

static void tell(void *ctx, const char *sentence)
{
    (void)ctx;
    fprintf(stderr, "broken: %s\n", sentence);
}

static void compare(struct life *life)
{
    uint64_t n = store_facts(life->store)->commits;
    char *is;

    DEMAND(life, n >= (life->may_lose ? 0 : life->acknowledged) && n <= life->tried, "commit %" PRIu64 " was acknowledged, %" PRIu64
           " tried, and the last there is %" PRIu64, life->acknowledged, life->tried, n);
    DEMAND(life, n >= life->acknowledged || store_facts(life->store)->lossy, "commits are missing and nobody is told");
    DEMAND(life, heap_validate(life->heap, tell, NULL) == 0, "the heap put back breaks its rules");
    is = life_describe(life);
    if (strcmp(is, life->states[n].text) != 0) {
        show_difference(life->states[n].text, is);
        DEMAND(life, false, "put back, it is not as it was after commit %" PRIu64, n);
    }
    free(is);
    life->tried = life->acknowledged = n;
    life->recovered++;
}

/* What is missing is missed: commits that may be lost were announced before the first of them. */
static void announce_losses(struct life *life)
{
    struct why why = {0};

    if (!life->may_lose || shim_is_cut())
        return;
    DEMAND(life, engine_sqlite.set_lossy(life->engine, false, &why) == ERR_OK || shim_is_cut(), "%s", why.text);
    (void)life_fold_some(life); /* which is not synced */
    DEMAND(life, shim_is_cut() || engine_sqlite.set_lossy(life->engine, true, &why) == ERR_OK || shim_is_cut(), "%s", why.text);
}

/* Its sessions, and which ids may be given again: those that nobody has been told. */
static void go_on(struct life *life)
{
    struct session_info s;
    size_t n = 0;

    memset(life->open_sessions, 0, sizeof life->open_sessions);
    for (uint32_t cursor = 0; session_next(life->sessions, &cursor, &s);)
        if (s.id != 0 && n < 4)
            life->open_sessions[n++] = s.id;
    while (life->born_count > 0 && life->born_in[life->born_count - 1] > life->tried)
        life->born_count--;
    life_limit_answers(life);
    life->journal = (struct heap_journal){.ctx = &life->redo, .note = redo_note, .mark = redo_mark, .cut = redo_cut};
    CHECK(heap_set_journal(life->heap, &life->journal) == ERR_OK);
}

void life_open(struct life *life)
{
    struct why why = {0};
    enum err e = ERR_STORE;

    for (int i = 0; i < ATTEMPTS && e != ERR_OK && !shim_is_cut(); i++) {
        if (i > 1)
            shim_heal();
        if ((e = life_put_back(life, &why)) == ERR_OK)
            break;
        DEMAND(life, why.text[0] != '\0', "opening failed without a sentence");
        life_drop(life);
    }
    if (shim_is_cut())
        return;
    DEMAND(life, e == ERR_OK, "what is there cannot be put back: %s: %s", err_name(e), why.text);
    compare(life);
    go_on(life);
    announce_losses(life);
}

void life_close(struct life *life)
{
    life_drop(life);
}
