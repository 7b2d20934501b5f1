/*
 * sim.c - api, gc and store live many lives without sockets and without a clock (world.h), each of which a seed decides.
 *
 *     sim                   a million ops, or with HEAPD_TEST_LONG=1 a hundred million; each life lives OPS_A_LIFE of them.
 *                           An op is one of a batch, or a request that is not one
 *     sim --ops N --first S as many, from this seed on
 *     sim --seed S --ops N  one life, as a failure names it; --tell: all that happens in it
 *     sim --twice S         one life twice: the same must happen
 */
#include "heap/base/check.h"
#include "heap/base/num.h"
#include "tests/fault/vfs_shim.h"
#include "tests/sim/world.h"
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#ifdef __SANITIZE_ADDRESS__
#define OPS_NORMAL UINT64_C(250000) /* which take as long as a million without its checks */
#else
#define OPS_NORMAL UINT64_C(1000000)
#endif
#define OPS_LONG UINT64_C(100000000)
#define OPS_A_LIFE UINT64_C(100000)
#define SEED_FIRST 1

struct plan {
    uint64_t ops, seed;
    bool one, twice, tells;
};

static struct sim *living; /* for the last words */

/* A CHECK stops the process: say where. */
static void on_abort(int sig)
{
    char text[120];
    int len = snprintf(text, sizeof text, "\nsim --seed %" PRIu64 " --ops %" PRIu64 ", op %" PRIu64 ": stopped by signal %d\n",
                       living->seed, living->ops_wanted, living->op, sig);

    (void)!write(STDERR_FILENO, text, (size_t)len);
    signal(sig, SIG_DFL);
    raise(sig);
}

static void add_up(struct sim *all, const struct sim *s)
{
    all->op += s->op;
    all->commits += s->commits;
    all->crashes += s->crashes;
    all->cuts += s->cuts;
    all->failures += s->failures;
    all->stops += s->stops;
    all->recoveries += s->recoveries;
    all->refused += s->refused;
    all->replays += s->replays;
    all->compares += s->compares;
    all->cut_requests += s->cut_requests;
}

static uint64_t live(uint64_t seed, uint64_t ops, bool tells, struct sim *all)
{
    struct sim *s = calloc(1, sizeof *s);
    uint64_t trace;

    CHECK(s != NULL);
    living = s;
    s->seed = seed;
    s->ops_wanted = ops;
    s->tells = tells;
    sim_live(s);
    add_up(all, s);
    trace = s->trace;
    free(s);
    return trace;
}

static bool read_number(const char *text, uint64_t *ret)
{
    return text != NULL && parse_u64(slice_of(text), UINT64_MAX, ret);
}

static bool read_args(char **argv, struct plan *plan)
{
    *plan = (struct plan){.seed = SEED_FIRST};
    while (*++argv != NULL) {
        if (strcmp(*argv, "--tell") == 0)
            plan->tells = true;
        else if (strcmp(*argv, "--ops") == 0 && read_number(argv[1], &plan->ops))
            argv++;
        else if (strcmp(*argv, "--first") == 0 && read_number(argv[1], &plan->seed))
            argv++;
        else if (strcmp(*argv, "--seed") == 0 && read_number(argv[1], &plan->seed))
            plan->one = true, argv++;
        else if (strcmp(*argv, "--twice") == 0 && read_number(argv[1], &plan->seed))
            plan->twice = true, argv++;
        else
            return false;
    }
    if (plan->ops == 0)
        plan->ops = plan->one || plan->twice ? OPS_A_LIFE : getenv("HEAPD_TEST_LONG") != NULL ? OPS_LONG : OPS_NORMAL;
    return true;
}

static void say(const struct sim *all, uint64_t lives, uint64_t trace, double seconds)
{
    printf("%" PRIu64 " operations in %" PRIu64 " lives in %.0f s: %" PRIu64 " commits, %" PRIu64 " starts after %" PRIu64 " power cuts, %" PRIu64
           " kills, %" PRIu64 " failures of the disk, %" PRIu64 " stops; %" PRIu64 " refused by a full disk, %" PRIu64 " cut off, %" PRIu64
           " retries answered; compared %" PRIu64 " times, and nothing acknowledged was lost; trace %016" PRIx64 "\n",
           all->op, lives, seconds, all->commits, all->recoveries, all->cuts, all->crashes - all->cuts, all->failures, all->stops, all->refused,
           all->cut_requests, all->replays, all->compares, trace);
}

static double seconds_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int live_twice(const struct plan *plan)
{
    struct sim all = {0};
    uint64_t first = live(plan->seed, plan->ops, false, &all), again = live(plan->seed, plan->ops, false, &all);

    printf("seed %" PRIu64 ": trace %016" PRIx64 ", and again %016" PRIx64 "\n", plan->seed, first, again);
    return first == again ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void live_many(const struct plan *plan)
{
    struct sim all = {0};
    uint64_t lives = 0, trace = 0;
    double began = seconds_now();

    while (all.op < plan->ops) {
        uint64_t left = plan->ops - all.op, ops = plan->one || left < OPS_A_LIFE ? left : OPS_A_LIFE;

        trace = trace * 31 + live(plan->seed + lives++, ops, plan->tells, &all);
    }
    say(&all, lives, trace, seconds_now() - began);
}

int main(int argc, char **argv)
{
    struct plan plan;

    if (argc < 1 || !read_args(argv, &plan)) {
        fprintf(stderr, "usage: sim [--ops N] [--first S] [--seed S [--tell]] [--twice S]\n");
        return 2;
    }
    signal(SIGABRT, on_abort);
    signal(SIGSEGV, on_abort);
    json_object_seed(1);
    shim_install();
    if (plan.twice)
        return live_twice(&plan);
    live_many(&plan);
    return 0;
}
