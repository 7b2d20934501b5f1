/* test_snapshot.c - a snapshot is the heap as it was at its cut, whatever happened since. */
#include "tests/unit/mutator.h"
#include "tests/unit/portrait.h"

static struct snapshot *begin(struct world *w)
{
    struct snapshot *s = NULL;

    OK(snapshot_begin(w->heap, &s, &why));
    return s;
}

static bool step(struct snapshot *s, size_t units)
{
    bool done = false;

    OK(snapshot_step(s, units, &done, &why));
    return done;
}

static void end(struct snapshot **s)
{
    while (snapshot_end(s, 1) == 0)
        ;
    ck_assert_ptr_null(*s);
}

static void be_same(const struct portrait *then, const struct snapshot *s, uint64_t seed)
{
    struct portrait now = portrait_of_frozen(snapshot_frozen(s));
    size_t differences = portraits_differ(then, &now, 8);

    ck_assert_msg(differences == 0, "--seed %" PRIu64 ": %zu lines of %zu", seed, differences, then->count);
    portrait_free(&now);
}

/* Take one, slowly at first, and let `m` do what it likes between any two steps. */
static void take_among(struct mutator *m, uint64_t seed)
{
    struct snapshot *s = begin(&m->w);
    struct portrait then;
    uint32_t most = 1 + roll(m, 200);

    world_reap(&m->w);
    then = portrait_of_heap(&m->w);
    for (uint32_t units = 1; !step(s, units); units = 1 + roll(m, most))
        for (uint32_t n = roll(m, 12); n > 0; n--)
            mutate(m);
    be_same(&then, s, seed);
    portrait_free(&then);
    end(&s);
}

START_TEST(it_is_the_heap_as_it_was_whatever_happened_meanwhile)
{
    struct mutator m = mutator_new(unit_seed(_i));

    for (int i = 0; i < 3; i++) {
        take_among(&m, unit_seed(_i));
        for (int n = 0; n < 50; n++)
            mutate(&m);
    }
    mutator_free(&m);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(it_is_the_heap_as_it_was_whatever_happened_meanwhile, .rounds = 40),
    };

    return unit_main(argc, argv, "snapshot", tests, ARRAY_LEN(tests));
}
