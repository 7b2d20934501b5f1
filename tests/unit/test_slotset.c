/* test_slotset.c - a set of slots, and the queue of the grey before it, against arrays of flags. */
#include "gc/grey.h"
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
    ck_assert(s.set.count == 0 && slotset_bytes(&s.set) == 0);
    ck_assert(!slotset_has(&s.set, 1) && !slotset_has(&s.set, SLOT_MAX));
    slotset_clear_pool(&s.set, 5);
    ck_assert(s.set.count == 0 && slotset_group(&s.set, 64) == 0);
    sets_fini(&s);
}
END_TEST

START_TEST(groups_are_taken_in_order_and_round_again)
{
    struct sets s;
    const slot_t members[] = {1, 63, 64, 1023, 1024, 5000, 65535, 65536, SLOT_MAX};
    slot_t from = 5000;
    uint64_t mask;

    sets_init(&s);
    for (size_t i = ARRAY_LEN(members); i-- > 0;) {
        slotset_add(&s.set, members[i]);
        slotset_add(&s.set, members[i]);
    }
    ck_assert_uint_eq(s.set.count, ARRAY_LEN(members));
    for (size_t i = 0, k = 5; i < ARRAY_LEN(members); i++, k++) {
        slot_t member = members[k % ARRAY_LEN(members)];

        if (member == 63)
            continue; /* came with 1 */
        do
            from = slotset_take_group(&s.set, from, &mask);
        while (mask == 0);
        ck_assert_uint_eq(from, member & ~63u);
        ck_assert_uint_eq(mask, member == 1 ? (1ull << 63 | 2) : 1ull << member % 64);
    }
    ck_assert_uint_eq(s.set.count, 0);
    sets_fini(&s);
}
END_TEST

START_TEST(a_random_life_agrees_with_an_array_of_flags)
{
    struct sets s;
    static bool naive[END];
    uint64_t seed = unit_seed(_i), count = 0, mask;
    uint32_t sparse = _i % 2 == 0 ? 1 : 97;
    slot_t at = 0;

    sets_init(&s);
    memset(naive, 0, sizeof naive);
    for (int n = 0; n < 200000; n++) {
        slot_t slot = 1 + unit_rand_below(&seed, (END - 1) / sparse) * sparse;
        uint32_t what = unit_rand_below(&seed, 1000);

        if (what < 990) {
            slotset_add(&s.set, slot);
            count += !naive[slot];
            naive[slot] = true;
        } else if (what < 995) {
            slotset_clear_pool(&s.set, pool_of(slot));
            for (slot_t i = slot & ~(POOL_CELLS - 1); i <= (slot | (POOL_CELLS - 1)); i++) {
                count -= naive[i];
                naive[i] = false;
            }
        } else if (s.set.count > 0) {
            do
                at = slotset_take_group(&s.set, at, &mask);
            while (mask == 0);
            for (slot_t i = at; i < at + 64; i++) {
                MUST(naive[i] == ((mask >> (i % 64)) & 1));
                count -= naive[i];
                naive[i] = false;
            }
        }
        MUST(slotset_has(&s.set, slot) == naive[slot] && s.set.count == count);
    }
    for (; s.set.count > 0; count -= (uint64_t)__builtin_popcountll(mask))
        at = slotset_take_group(&s.set, at, &mask);
    ck_assert_uint_eq(count, 0);
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

/* Few or many, in whatever order: each comes out once for each time it waits anew. */
START_TEST(every_grey_slot_comes_out_once)
{
    static struct grey g;
    static bool waits[END];
    struct mem mem;
    uint64_t seed = unit_seed(_i);
    uint32_t waiting = 0, most = _i == 0 ? 3 : _i == 1 ? GREY_QUEUE_MAX : END / 2;
    slot_t slot;

    mem_init(&mem, 0);
    ck_assert(slotset_init(&g.rest, &mem));
    for (int n = 0; n < 400000; n++) {
        slot = 1 + unit_rand_below(&seed, END - 1);
        if (waiting < most && !waits[slot] && unit_rand_below(&seed, 3) > 0) {
            grey_push(&g, slot);
            waits[slot] = true;
            waiting++;
        } else if ((slot = grey_pop(&g)) != 0) {
            MUST(waits[slot]);
            waits[slot] = false;
            waiting--;
        }
        MUST(grey_is_empty(&g) == (waiting == 0));
    }
    while (!grey_is_empty(&g)) {
        if ((slot = grey_pop(&g)) == 0)
            continue;
        MUST(waits[slot]);
        waits[slot] = false;
        waiting--;
    }
    ck_assert_uint_eq(waiting, 0);
    slotset_fini(&g.rest, &mem);
    mem_fini(&mem);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(an_empty_set_has_nothing),
        TEST(groups_are_taken_in_order_and_round_again),
        TEST(a_random_life_agrees_with_an_array_of_flags, .rounds = 4),
        TEST(a_set_that_could_not_begin_leaves_nothing),
        TEST(every_grey_slot_comes_out_once, .rounds = 3),
    };
    return unit_main(argc, argv, "slotset", tests, ARRAY_LEN(tests));
}
