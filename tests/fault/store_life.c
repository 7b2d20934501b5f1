/* store_life.c - see store_life.h. */
#include "heap/heap_gc.h"
#include "tests/fault/store_dir.h"
#include "tests/fault/store_life_impl.h"

#define ROWS_MAX 4096

/* ---- commits ---- */

/* The text in rows, each some lines. */
static void cut_into_rows(struct life *life, struct redo_chunk *rows)
{
    bool long_rows = !life->short_rows && roll(life, 2) == 0;
    size_t n = 0;

    for (const struct redo_chunk *c = life->redo.first; c != NULL; c = c->next) {
        struct slice rest = buf_slice(&c->text);

        while (rest.len > 0) {
            size_t want = 1 + roll(life, long_rows ? 65536 : life->short_rows ? 40 : 300), len = want < rest.len ? want : rest.len;

            while (rest.data[len - 1] != '\n')
                len++;
            CHECK(n < ROWS_MAX);
            rows[n] = (struct redo_chunk){.text = {.data = (char *)rest.data, .len = len}};
            if (n > 0)
                rows[n - 1].next = &rows[n];
            n++;
            rest = slice_from(rest, len);
        }
    }
}

/* True: it is acknowledged. False: the store is to be opened again. */
static bool try_commit(struct life *life, const struct engine_commit *c)
{
    struct why why = {0};
    enum err e;

    for (int i = 0; i < ATTEMPTS; i++) {
        if ((e = engine_sqlite.commit(life->engine, c, life->sync, &why)) == ERR_OK)
            return true;
        DEMAND(life, why.text[0] != '\0', "a commit failed without a sentence");
        if (e == ERR_STORE)
            return false;
        DEMAND(life, e == ERR_DISK_FULL || e == ERR_NOMEM, "a commit: %s: %s", err_name(e), why.text);
        life->retried++;
        if (i >= 1)
            shim_heal();
    }
    DEMAND(life, false, "with room there again the same commit fails: %s: %s", err_name(e), why.text);
    return false;
}

static void remember_state(struct life *life)
{
    life->tried++;
    CHECK(life->tried < LIFE_COMMITS_MAX);
    free(life->states[life->tried].text);
    life->states[life->tried].text = life_describe(life);
}

static bool commit(struct life *life)
{
    struct redo_chunk *rows = calloc(ROWS_MAX, sizeof *rows);
    struct engine_commit c;
    bool done;

    CHECK(rows != NULL && heap_settle_journal(life->heap) == ERR_OK);
    if (redo_text_bytes(&life->redo) == 0) {
        free(rows);
        return true; /* nothing has changed */
    }
    remember_state(life);
    c = (struct engine_commit){.number = life->tried, .bytes = life->redo.bytes, .bytes_count = life->redo.bytes_count,
                               .pool_end = heap_pools(life->heap)->pool_end, .last_session = session_last_id(life->sessions)};
    cut_into_rows(life, rows);
    c.lines = rows;
    done = try_commit(life, &c);
    free(rows);
    redo_fini(&life->redo);
    if (done)
        life->acknowledged = life->tried;
    return done;
}

/* False: the store is to be opened again. */
static bool may_go_on(struct life *life, enum err e, const struct why *why)
{
    if (e == ERR_OK)
        return true;
    DEMAND(life, why->text[0] != '\0', "folding failed without a sentence");
    if (e == ERR_STORE)
        return false;
    DEMAND(life, e == ERR_DISK_FULL || e == ERR_NOMEM, "folding: %s: %s", err_name(e), why->text);
    life->retried++;
    return true;
}

bool life_fold_some(struct life *life)
{
    struct why why = {0};
    bool more;

    if (life->never_folds)
        return true;
    for (uint32_t i = roll(life, 4); i-- > 0;)
        if (!may_go_on(life, engine_sqlite.fold(life->engine, 1 + roll(life, 3000), NULL, &more, &why), &why))
            return false;
    return roll(life, 4) > 0 || may_go_on(life, engine_sqlite.tidy(life->engine, &why), &why);
}

enum err life_fold_all(struct life *life, struct why *why)
{
    bool more = true;
    enum err e = ERR_OK;

    while (more && e == ERR_OK)
        e = engine_sqlite.fold(life->engine, 1 + roll(life, 3000), NULL, &more, why);
    return e == ERR_OK ? engine_sqlite.tidy(life->engine, why) : e;
}

void life_live(struct life *life, uint32_t commits)
{
    for (uint32_t i = 0; i < commits && !shim_is_cut(); i++) {
        bool well;

        life_change(life);
        well = commit(life) && life_fold_some(life);
        if (shim_is_cut())
            return;
        if (well && roll(life, 10) > 0)
            continue;
        life->reopened++;
        life_close(life);
        life_open(life);
    }
}

/* ---- life ---- */

struct life *life_begin(uint64_t seed, bool sync)
{
    struct life *life = calloc(1, sizeof *life);

    CHECK(life != NULL);
    life->seed = seed;
    life->dice = dice_of_seed(seed);
    life->sync = sync;
    mem_init(&life->mem, 0);
    store_dir_make(life->dir);
    life->states[0].text = strdup("session 0 default 0\n");
    CHECK(life->states[0].text != NULL);
    return life;
}

void life_end(struct life **at)
{
    struct life *life = *at;

    life_drop(life);
    mem_fini(&life->mem);
    store_dir_remove(life->dir);
    for (size_t i = 0; i < LIFE_COMMITS_MAX; i++)
        free(life->states[i].text);
    free(life->born);
    free(life->born_in);
    free(life);
    *at = NULL;
}
