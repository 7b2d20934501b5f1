/*
 * test_store.c - what was acknowledged is there, whatever the disk does.
 *
 * A seeded life (store_life.h) is lived on a disk in memory (vfs_shim.h), and each of its calls fails once; or memory is
 * refused, heapd's or SQLite's; or the power is cut in the middle of a call, and the disk keeps any of what was not synced.
 * After each the heap that is put back is compared with what it was after the last commit that was acknowledged.
 *
 * HEAPD_TEST_LONG: more lives and more cuts.
 */
#include "tests/fault/store_life.h"
#include "tests/fault/vfs_shim.h"
#include "tests/unit/unit.h"
#include <sqlite3.h>
#include <unistd.h>

static bool is_long(void)
{
    return getenv("HEAPD_TEST_LONG") != NULL;
}

/* Every one, or where time is short every so manyth. */
static uint64_t every(uint64_t so_manyth)
{
#ifdef __SANITIZE_ADDRESS__
    so_manyth *= 9;
#endif
    return is_long() ? 1 : so_manyth;
}

/* ---- without a fault ---- */

START_TEST(a_life_is_put_back_as_it_was_whenever_it_is_opened)
{
    struct life *life = life_begin(unit_seed(_i), true);

    shim_format(4096, false);
    life_open(life);
    for (int i = 0; i < 8; i++) {
        life_live(life, 8);
        life_close(life);
        life_open(life);
    }
    ck_assert_uint_gt(life->acknowledged, 50);
    ck_assert_uint_eq(life->retried, 0);
    life_end(&life);
}
END_TEST

/* Rows of a line or a few, folded one by one: the process may end after each. */
START_TEST(a_heap_is_put_back_wherever_folding_has_ended)
{
    struct life *life = life_begin(unit_seed(_i), true);
    struct why why = {0};
    bool more = true;

    shim_format(4096, false);
    life->never_folds = life->short_rows = true;
    life_open(life);
    life_live(life, 8);
    while (more) {
        ck_assert_int_eq(engine_sqlite.fold(life->engine, 1, NULL, &more, &why), ERR_OK);
        life_close(life);
        life_open(life);
    }
    ck_assert_uint_gt(life->recovered, 20);
    life_end(&life);
}
END_TEST

/* ---- faults ---- */

#define FAULT_COMMITS 8
#define SHARES 3 /* of the calls, each a round */

/* Lives with the nth call failing; false: it has not so many. */
static bool live_with_fault(uint64_t seed, uint64_t n, enum shim_fault fault, bool on)
{
    struct life *life = life_begin(seed, true);
    bool failed;

    shim_format(n % 2 == 0 ? 512 : 4096, n % 3 == 0);
    shim_fail(n, fault, on, seed + n);
    life_open(life);
    life_live(life, FAULT_COMMITS);
    failed = shim_heal();
    life_close(life);
    life_open(life);
    life_end(&life);
    return failed;
}

static const struct {
    enum shim_fault fault;
    bool on;
} faults[] = {{SHIM_EIO, false}, {SHIM_FULL, false}, {SHIM_EIO, true}, {SHIM_FULL, true}};

START_TEST(each_call_of_the_disk_may_fail)
{
    size_t f = (size_t)_i / SHARES;
    uint64_t n = 1 + (uint64_t)_i % SHARES;

    while (live_with_fault(unit_seed(0), n, faults[f].fault, faults[f].on))
        n += SHARES * every(faults[f].on ? 4 : 1);
    ck_assert_uint_gt(n, 100);
}
END_TEST

/* ---- memory ---- */

static uint64_t allocations, refuse_at;
static bool refuse_on;
static sqlite3_mem_methods plain;

static bool is_refused(void)
{
    allocations++;
    return refuse_at != 0 && (allocations == refuse_at || (refuse_on && allocations > refuse_at));
}

static void *refusing_malloc(int bytes)
{
    return is_refused() ? NULL : plain.xMalloc(bytes);
}

static void *refusing_realloc(void *block, int bytes)
{
    return is_refused() ? NULL : plain.xRealloc(block, bytes);
}

static void refuse_sqlite(void)
{
    sqlite3_mem_methods m;

    CHECK(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &plain) == SQLITE_OK);
    m = plain;
    m.xMalloc = refusing_malloc;
    m.xRealloc = refusing_realloc;
    CHECK(sqlite3_config(SQLITE_CONFIG_MALLOC, &m) == SQLITE_OK);
    CHECK(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0) == SQLITE_OK); /* each request is one that may be refused */
}

/* What SQLite asks for, from now on: the nth is refused, and if `on` those that follow. */
static void starve_sqlite(uint64_t nth, bool on)
{
    allocations = 0;
    refuse_at = nth;
    refuse_on = on;
}

static bool feed_sqlite(void)
{
    bool refused = refuse_at != 0 && allocations >= refuse_at;

    refuse_at = 0;
    return refused;
}

static bool live_with_refusal(uint64_t seed, uint64_t n)
{
    struct life *life = life_begin(seed, true);
    bool refused;

    shim_format(4096, false);
    life->refuse_nth = n;
    life_open(life);
    life_live(life, FAULT_COMMITS);
    life_close(life);
    refused = life->refused;
    life->refuse_nth = 0;
    life_open(life);
    life_end(&life);
    return refused;
}

START_TEST(each_request_of_the_engine_for_memory_may_be_refused)
{
    uint64_t n = 1;

    while (live_with_refusal(unit_seed(0), n))
        n += every(1);
    ck_assert_uint_gt(n, 20);
}
END_TEST

/* Once, while it lives: what is open stays open. */
static bool live_with_starved_sqlite(uint64_t seed, uint64_t n)
{
    struct life *life = life_begin(seed, true);
    bool refused;

    shim_format(4096, false);
    starve_sqlite(n, false);
    life_open(life);
    life_live(life, FAULT_COMMITS);
    life_close(life);
    refused = feed_sqlite();
    life_open(life);
    life_end(&life);
    return refused;
}

/* There are some ten thousand: every one in the long form, else some of them. */
START_TEST(each_request_of_sqlite_for_memory_may_be_refused)
{
    uint64_t dice = unit_seed(_i), n = 1, times = 0;

    while (live_with_starved_sqlite(unit_seed(0), n)) {
        n += is_long() ? 1 : every(1) + unit_rand_below(&dice, n < 400 ? 16 : 600);
        times++;
    }
    ck_assert_uint_gt(times, 10);
}
END_TEST

/* ---- power ---- */

/* Where in a life the power goes: commits are many calls, and so is what comes between. */
static void live_until_cut(struct life *life, uint64_t *dice)
{
    shim_fail(1 + unit_rand_below(dice, unit_rand_below(dice, 2) == 0 ? 60 : 600), SHIM_CUT, true, unit_rand(dice));
    while (!shim_is_cut()) {
        if (life->store == NULL)
            life_open(life);
        else
            life_live(life, 1);
    }
    life_close(life);
}

static void cut_again_and_again(uint64_t seed, bool sync, bool only_killed, int cuts)
{
    struct life *life = life_begin(seed, sync);
    uint64_t dice = seed * 77;

    life->may_lose = !sync && !only_killed;
    shim_format(unit_rand_below(&dice, 2) == 0 ? 512 : 4096, unit_rand_below(&dice, 2) == 0);
    while (cuts-- > 0) {
        live_until_cut(life, &dice);
        if (only_killed)
            shim_keep_all();
        else
            shim_restart();
        life_open(life);
    }
    life_end(&life);
}

#define CUTS_A_LIFE 10

START_TEST(what_was_acknowledged_survives_the_loss_of_power)
{
    for (int i = 0; i < (is_long() ? 120 : 3); i++)
        cut_again_and_again(unit_seed(_i * 1000 + i), true, false, CUTS_A_LIFE);
}
END_TEST

START_TEST(without_syncs_a_loss_of_power_leaves_all_up_to_some_commit)
{
    for (int i = 0; i < (is_long() ? 60 : 2); i++)
        cut_again_and_again(unit_seed(_i * 1000 + i), false, false, CUTS_A_LIFE);
}
END_TEST

START_TEST(a_kill_loses_nothing_whether_synced_or_not)
{
    for (int i = 0; i < (is_long() ? 60 : 1); i++)
        cut_again_and_again(unit_seed(_i * 1000 + i), _i % 2 == 0, true, CUTS_A_LIFE);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_life_is_put_back_as_it_was_whenever_it_is_opened, .rounds = 4),
        TEST(a_heap_is_put_back_wherever_folding_has_ended, .rounds = 3),
        TEST(each_call_of_the_disk_may_fail, .rounds = SHARES * (int)ARRAY_LEN(faults)),
        TEST(each_request_of_the_engine_for_memory_may_be_refused),
        TEST(each_request_of_sqlite_for_memory_may_be_refused),
        TEST(what_was_acknowledged_survives_the_loss_of_power, .rounds = 2),
        TEST(without_syncs_a_loss_of_power_leaves_all_up_to_some_commit),
        TEST(a_kill_loses_nothing_whether_synced_or_not, .rounds = 2),
    };
    refuse_sqlite();
    shim_install();
    return unit_main(argc, argv, "store", tests, ARRAY_LEN(tests));
}
