/*
 * model_life.c - the real heap and a naive one live the same random lives, and must agree (life.h).
 *
 *     model_life                     a million operations over many lives, the three modes in turn (half of
 *                                    that under a sanitizer)
 *     model_life --long              a hundred million, which take the better part of an hour (a tenth of that under
 *                                    a sanitizer); so does HEAPD_TEST_LONG in the environment
 *     model_life --ops N             N operations
 *     model_life --first N           the first life's seed; the next has the next
 *     model_life --seed N [--paranoid] [--ops N]
 *                                    one life again, as its failure said; every rule after every operation
 */
#include "tests/model/life.h"
#include "heap/base/check.h"
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
#define OPS_NORMAL UINT64_C(500000)
#define OPS_LONG UINT64_C(10000000)
#else
#define OPS_NORMAL UINT64_C(1000000)
#define OPS_LONG UINT64_C(100000000)
#endif
#define OPS_A_LIFE UINT64_C(5000)
#define SEED_FIRST UINT64_C(91177)

struct plan {
    uint64_t ops, seed;
    bool one, paranoid;
};

static const char *const mode_names[LIFE_MODES] = {"one unit a step", "slices", "stop the world"};

static struct life *living; /* for the last words */
static char living_name[120];

/* A CHECK of the heap stops the process: say where. */
static void on_abort(int sig)
{
    char text[200];
    int len = snprintf(text, sizeof text, "\n%s, op %" PRIu64 ": stopped by signal %d\n", living_name,
                       living != NULL ? life_op(living) : 0, sig);

    (void)!write(STDERR_FILENO, text, (size_t)len);
    signal(sig, SIG_DFL);
    raise(sig);
}

static void live(uint64_t seed, uint64_t ops, bool paranoid)
{
    enum life_mode mode = (enum life_mode)(seed % LIFE_MODES);

    snprintf(living_name, sizeof living_name, "replay with --seed %" PRIu64 " (%s)", seed, mode_names[mode]);
    living = life_begin(dice_of_seed(seed), mode, paranoid, living_name);
    for (uint64_t i = 0; i < ops; i++)
        life_step(living);
    if (seed % 4 != 0) /* the others end in the middle of whatever goes on */
        life_rest(living);
    life_end(&living);
}

static bool read_number(const char *text, uint64_t *ret)
{
    char *end;

    if (text == NULL)
        return false;
    *ret = strtoull(text, &end, 10);
    return end != text && *end == '\0';
}

static bool read_args(char **argv, struct plan *plan)
{
    *plan = (struct plan){.ops = getenv("HEAPD_TEST_LONG") != NULL ? OPS_LONG : OPS_NORMAL, .seed = SEED_FIRST};
    while (*++argv != NULL) {
        if (strcmp(*argv, "--long") == 0) {
            plan->ops = OPS_LONG;
        } else if (strcmp(*argv, "--paranoid") == 0) {
            plan->paranoid = true;
        } else if (strcmp(*argv, "--ops") == 0 && read_number(argv[1], &plan->ops)) {
            argv++;
        } else if (strcmp(*argv, "--first") == 0 && read_number(argv[1], &plan->seed)) {
            argv++;
        } else if (strcmp(*argv, "--seed") == 0 && read_number(argv[1], &plan->seed)) {
            plan->one = true;
            argv++;
        } else {
            return false;
        }
    }
    return true;
}

static void live_many(const struct plan *plan)
{
    uint64_t done = 0, seed;

    for (seed = plan->seed; done < plan->ops; seed++) {
        uint64_t ops = plan->ops - done < OPS_A_LIFE ? plan->ops - done : OPS_A_LIFE;

        live(seed, ops, plan->paranoid);
        done += ops;
    }
    printf("%" PRIu64 " operations in %" PRIu64 " lives, seeds %" PRIu64 " to %" PRIu64 ", and both heaps agree\n", done,
           seed - plan->seed, plan->seed, seed - 1);
}

int main(int argc, char **argv)
{
    struct plan plan;

    if (argc < 1 || !read_args(argv, &plan)) {
        fprintf(stderr, "usage: model_life [--long] [--ops N] [--first N] [--seed N] [--paranoid]\n");
        return 2;
    }
    signal(SIGABRT, on_abort);
    signal(SIGSEGV, on_abort);
    if (plan.one)
        live(plan.seed, plan.ops < OPS_A_LIFE ? plan.ops : OPS_A_LIFE, plan.paranoid);
    else
        live_many(&plan);
    return 0;
}
