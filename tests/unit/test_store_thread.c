/*
 * test_store_thread.c - the thread of the store (daemon/store/store.h), with an engine that does as it is told: what it does
 * while the disk is full, and what it says.
 */
#include "daemon/clock.h"
#include "daemon/store/store.h"
#include "tests/unit/unit.h"
#include <stdatomic.h>

/* What the engine answers, and how often it was asked. */
static struct script {
    atomic_int commit, fold, set_lossy;        /* enum err */
    atomic_int commits, folds, lossy_calls;
    atomic_bool lossy, lossy_at_commit;
    uint64_t log_bytes;                        /* that it has from the beginning */
} script;

static int engine_there;

static enum err fake_open(const char *dir, bool read_only, struct mem *mem, struct engine **ret, struct why *why)
{
    (void)dir, (void)read_only, (void)mem, (void)why;
    *ret = (struct engine *)&engine_there;
    return ERR_OK;
}

static void fake_close(struct engine **e)
{
    *e = NULL;
}

static enum err fake_facts(struct engine *e, struct engine_facts *ret, struct why *why)
{
    (void)e, (void)why;
    *ret = (struct engine_facts){.log_bytes = script.log_bytes};
    return ERR_OK;
}

static enum err answer(int err, struct why *why)
{
    return err == ERR_OK ? ERR_OK : why_set(why, (enum err)err, "as it was told");
}

static enum err fake_set_lossy(struct engine *e, bool lossy, struct why *why)
{
    (void)e;
    script.lossy_calls++;
    if (script.set_lossy == ERR_OK)
        script.lossy = lossy;
    return answer(script.set_lossy, why);
}

static enum err fake_commit(struct engine *e, const struct engine_commit *c, bool sync, struct why *why)
{
    (void)e, (void)c, (void)sync;
    script.commits++;
    script.lossy_at_commit = (bool)script.lossy;
    return answer(script.commit, why);
}

static enum err fake_fold(struct engine *e, size_t bytes, const struct engine_rest *rest, bool *ret_more, struct why *why)
{
    (void)e, (void)bytes, (void)rest;
    script.folds++;
    *ret_more = script.fold != ERR_OK;
    return answer(script.fold, why);
}

static enum err fake_tidy(struct engine *e, struct why *why)
{
    (void)e, (void)why;
    return ERR_OK;
}

static const struct engine_ops fake = {.open = fake_open, .close = fake_close, .facts = fake_facts, .set_lossy = fake_set_lossy,
                                       .commit = fake_commit, .fold = fake_fold, .tidy = fake_tidy};

/* ---- a store with a loop ---- */

struct told {
    int times;
    enum err err;
};

static uv_loop_t loop;
static struct told told;

static void on_done(void *ctx, enum err e, const char *sentence)
{
    (void)ctx;
    ck_assert(e == ERR_OK || sentence[0] != '\0');
    told.times++;
    told.err = e;
}

static struct store *started_store(uint64_t log_bytes)
{
    struct store *s;

    script.log_bytes = log_bytes;
    ck_assert_int_eq(store_open(&fake, "nowhere", false, &s, NULL), ERR_OK);
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    ck_assert_int_eq(store_start(s, &loop, on_done, NULL, NULL), ERR_OK);
    return s;
}

static enum err stop(struct store **s)
{
    struct why why = {0};
    enum err e = store_stop(*s, NULL, &why);

    (void)uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    store_destroy(s);
    return e;
}

/* How a commit ends; it is given some seconds. */
static enum err commit(struct store *s)
{
    static const struct engine_commit c = {.number = 1};
    int before = told.times;
    uint64_t began = clock_us();

    store_commit(s, &c, true);
    while (told.times == before && clock_us() - began < 5000000) {
        (void)uv_run(&loop, UV_RUN_NOWAIT);
        uv_sleep(1);
    }
    ck_assert_int_eq(told.times, before + 1);
    return told.err;
}

/* ---- claims ---- */

START_TEST(a_commit_is_told_once_as_it_ended)
{
    struct store *s = started_store(0);

    ck_assert_int_eq(commit(s), ERR_OK);
    script.commit = ERR_DISK_FULL;
    ck_assert_int_eq(commit(s), ERR_DISK_FULL);
    script.commit = ERR_OK;
    ck_assert_int_eq(commit(s), ERR_OK);
    ck_assert_int_eq(script.commits, 3);
    ck_assert_int_eq(stop(&s), ERR_OK);
}
END_TEST

START_TEST(a_log_that_is_too_long_to_go_on_and_a_full_disk_are_told_and_not_waited_for)
{
    struct store *s;

    script.fold = ERR_DISK_FULL; /* the thread folds as soon as it runs */
    s = started_store(STORE_LOG_BYTES_MAX + 1);
    ck_assert_int_eq(commit(s), ERR_DISK_FULL);
    ck_assert_int_eq(script.commits, 0);
    script.fold = ERR_OK;
    ck_assert_int_eq(commit(s), ERR_OK);
    ck_assert_int_eq(stop(&s), ERR_OK);
}
END_TEST

START_TEST(while_the_disk_is_full_folding_is_tried_now_and_then)
{
    struct store *s;

    script.fold = ERR_DISK_FULL;
    s = started_store(STORE_LOG_BYTES + 1);
    uv_sleep(STORE_IDLE_MS * 2);
    ck_assert_int_ge(script.folds, 1);
    ck_assert_int_le(script.folds, 4);
    ck_assert_int_eq(stop(&s), ERR_OK);
}
END_TEST

START_TEST(a_fold_that_fails_for_good_is_told_by_the_next_commit)
{
    struct store *s;

    script.fold = ERR_STORE;
    s = started_store(STORE_LOG_BYTES + 1);
    for (int i = 0; i < 2000 && script.folds == 0; i++)
        uv_sleep(1);
    uv_sleep(20);
    ck_assert_int_eq(commit(s), ERR_STORE);
    ck_assert_int_eq(script.commits, 0);
    ck_assert_int_eq(stop(&s), ERR_STORE);
}
END_TEST

/* Else what is lost afterwards would be missed by nobody: the instance would stay the same. */
START_TEST(that_commits_may_be_lost_is_noted_before_the_first_of_them_though_the_disk_was_full)
{
    struct store *s = started_store(0);

    store_set_lossy(s, true);
    script.set_lossy = ERR_DISK_FULL;
    ck_assert_int_eq(commit(s), ERR_DISK_FULL);
    ck_assert_int_eq(script.commits, 0);
    script.set_lossy = ERR_OK;
    ck_assert_int_eq(commit(s), ERR_OK);
    ck_assert(script.lossy_at_commit);
    ck_assert_int_eq(script.lossy_calls, 2);
    ck_assert_int_eq(stop(&s), ERR_OK);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_commit_is_told_once_as_it_ended),
        TEST(a_log_that_is_too_long_to_go_on_and_a_full_disk_are_told_and_not_waited_for),
        TEST(while_the_disk_is_full_folding_is_tried_now_and_then),
        TEST(a_fold_that_fails_for_good_is_told_by_the_next_commit),
        TEST(that_commits_may_be_lost_is_noted_before_the_first_of_them_though_the_disk_was_full),
    };
    return unit_main(argc, argv, "store_thread", tests, ARRAY_LEN(tests));
}
