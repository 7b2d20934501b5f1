/*
 * unit.h - what every unit test's main() shares.
 *
 *      int main(int argc, char **argv)
 *      {
 *          const struct unit_test tests[] = {
 *              TEST(a_claim),
 *              TEST(the_map_agrees_with_a_naive_array, .rounds = 4),       (_i is 0 .. 3; see unit_seed())
 *              TEST(a_leak_stops_the_process, .aborts = true),
 *          };
 *          return unit_main(argc, argv, "map", tests, ARRAY_LEN(tests));
 *      }
 *
 * A test that was written and not listed is an unused variable, and a compiler warning.
 *
 * CK_FORK=no runs everything in this process, for debuggers and leak checkers; tests that abort are then left
 * out. `--seed N` replays a random test with the seed its failure named.
 */
#pragma once
#include "heap/base/check.h"
#include <check.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNIT_TIMEOUT_S 300 /* that of the whole program in meson.build; machines that run tests may be busy */

struct unit_test {
    const TTest *test;
    int rounds;  /* how often, with _i counting up; 0 is once */
    bool aborts; /* passes if a CHECK stops it */
};

#define TEST(claim, ...)                                                                                     \
    {                                                                                                        \
        .test = (claim), ##__VA_ARGS__                                                                       \
    }

/* For what is claimed a million times: ck_assert reports to the parent process even when all is well. */
#define MUST(claim)                                                                                          \
    do {                                                                                                     \
        if (!(claim))                                                                                        \
            ck_abort_msg("%s", #claim);                                                                      \
    } while (0)

static uint64_t unit_given_seed;
static bool unit_has_given_seed;

/* The seed of round i of a random test: always the same, unless --seed was given. */
static inline uint64_t unit_seed(int i)
{
    return unit_has_given_seed ? unit_given_seed : UINT64_C(91177) + (uint64_t)i;
}

/* The next of a sequence that the seed in *state decides (splitmix64). */
static inline uint64_t unit_rand(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static inline uint32_t unit_rand_below(uint64_t *state, uint32_t n)
{
    return (uint32_t)(unit_rand(state) % n);
}

static inline bool unit_read_args(int argc, char **argv)
{
    char *end = argv[0];

    if (argc == 3 && strcmp(argv[1], "--seed") == 0) {
        unit_given_seed = strtoull(argv[2], &end, 10);
        unit_has_given_seed = end != argv[2];
    }
    return argc == 1 || (unit_has_given_seed && *end == '\0');
}

static inline void unit_add(TCase *tc, const struct unit_test *t, bool forks)
{
    int rounds = t->rounds == 0 ? 1 : t->rounds;

    if (!t->aborts)
        tcase_add_loop_test(tc, t->test, 0, rounds);
    else if (forks)
        tcase_add_loop_test_raise_signal(tc, t->test, SIGABRT, 0, rounds);
}

static inline int unit_main(int argc, char **argv, const char *name, const struct unit_test *tests,
                            size_t count)
{
    if (!unit_read_args(argc, argv)) {
        fprintf(stderr, "usage: %s [--seed N]\n", argv[0]);
        return 2;
    }

    Suite *suite = suite_create(name);
    TCase *tc = tcase_create(name);
    SRunner *runner = srunner_create(suite); /* owns both */
    bool forks = srunner_fork_status(runner) == CK_FORK;
    int failed;

    tcase_set_timeout(tc, getenv("HEAPD_TEST_LONG") != NULL ? 0 : UNIT_TIMEOUT_S); /* the long forms take hours */
    suite_add_tcase(suite, tc);
    for (size_t i = 0; i < count; i++)
        unit_add(tc, &tests[i], forks);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
