/* test_slotset.c - a set of slots against an array of flags. */
#include "gc/slotset.h"
#include "tests/unit/unit.h"

#define END (40u << POOL_SHIFT)

struct sets {
    struct mem mem;
    struct slotset set;
};

static void sets_init(struct sets *s)
{
    mem_init(&s->mem, 0);
    ck_assert(slotset_init(&s->set, &s->mem));
}

static void sets_fini(struct sets *s)
{
    slotset_fini(&s->set, &s->mem);
    mem_fini(&s->mem);
}

START_TEST(an_empty_set_has_nothing)
{
    struct sets s;

    sets_init(&s);
    ck_assert_uint_eq(s.set.count, 0);
    ck_assert_uint_eq(slotset_next(&s.set, 1, SLOT_MAX), 0);
    ck_assert(!slotset_has(&s.set, 1) && !slotset_has(&s.set, SLOT_MAX));
    slotset_remove(&s.set, 5);
    ck_assert_uint_eq(s.set.count, 0);
    sets_fini(&s);
}
END_TEST

START_TEST(members_are_walked_in_order_between_the_bounds)
{
    struct sets s;
    const slot_t members[] = {1, 63, 64, 1023, 1024, 5000, 65535, 65536, SLOT_MAX};
    slot_t from = 1;

    sets_init(&s);
    for (size_t i = ARRAY_LEN(members); i-- > 0;) {
        slotset_add(&s.set, members[i]);
        slotset_add(&s.set, members[i]);
    }
    ck_assert_uint_eq(s.set.count, ARRAY_LEN(members));
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        ck_assert_uint_eq(slotset_next(&s.set, from, SLOT_MAX + 1), members[i]);
        ck_assert_uint_eq(slotset_next(&s.set, members[i], SLOT_MAX + 1), members[i]);
        ck_assert_uint_eq(slotset_next(&s.set, from, members[i]), 0); /* the end is not in */
        from = members[i] + 1;
    }
    ck_assert_uint_eq(slotset_next(&s.set, from, SLOT_MAX + 1), 0);
    sets_fini(&s);
}
END_TEST

START_TEST(a_random_life_agrees_with_an_array_of_flags)
{
    struct sets s;
    static bool naive[END];
    uint64_t seed = unit_seed(_i);
    uint64_t count = 0;
    uint32_t sparse = _i % 2 == 0 ? 1 : 97;

    sets_init(&s);
    memset(naive, 0, sizeof naive);
    for (int n = 0; n < 200000; n++) {
        slot_t slot = 1 + unit_rand_below(&seed, (END - 1) / sparse) * sparse;
        bool add = unit_rand_below(&seed, 10) < (n / 20000 % 2 == 0 ? 7u : 2u);

        if (add)
            slotset_add(&s.set, slot);
        else
            slotset_remove(&s.set, slot);
        count = count + (add && !naive[slot]) - (!add && naive[slot]);
        naive[slot] = add;
        MUST(slotset_has(&s.set, slot) == add && s.set.count == count);
        if (n % 20000 == 0) {
            slot_t at = 0;

            for (slot_t i = 1; i < END; i++)
                if (naive[i]) {
                    at = slotset_next(&s.set, at + 1, END);
                    MUST(at == i);
                }
            MUST(slotset_next(&s.set, at + 1, END) == 0);
        }
    }
    sets_fini(&s);
}
END_TEST

START_TEST(a_set_that_could_not_begin_leaves_nothing)
{
    for (uint64_t n = 1; n <= 2; n++) {
        struct sets s;

        mem_init(&s.mem, 0);
        s.mem.fail_at = n;
        ck_assert(!slotset_init(&s.set, &s.mem));
        sets_fini(&s);
    }
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(an_empty_set_has_nothing),
        TEST(members_are_walked_in_order_between_the_bounds),
        TEST(a_random_life_agrees_with_an_array_of_flags, .rounds = 4),
        TEST(a_set_that_could_not_begin_leaves_nothing),
    };
    return unit_main(argc, argv, "slotset", tests, ARRAY_LEN(tests));
}
