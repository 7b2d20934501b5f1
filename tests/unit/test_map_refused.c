/* test_map_refused.c - the hash table when memory is refused: what fails changes nothing, and what was reserved cannot fail. */
#include "tests/unit/map_world.h"

START_TEST(no_map_is_made_without_memory)
{
    struct mem mem;

    mem_init(&mem, 0);
    mem.fail_at = 1;
    ck_assert_ptr_null(map_create(&mem, 1));
    mem_fini(&mem);
}
END_TEST

START_TEST(a_refused_addition_changes_nothing)
{
    for (uint32_t n = 8; n <= 1u << 13; n *= 2) {
        for (uint64_t nth = 1; nth <= 2; nth++) {
            struct world w;

            world_init(&w);
            world_fill(&w, n);

            size_t bytes = map_bytes(w.map);

            world_starve(&w, nth);
            if (!map_add(w.map, n, n)) {
                ck_assert_uint_eq(map_count(w.map), n);
                ck_assert_uint_eq(map_bytes(w.map), bytes);
                ck_assert_uint_eq(w.mem.used_bytes, bytes);
                ck_assert_uint_eq(map_find(w.map, n), MAP_NONE);
                ck_assert_uint_eq(map_validate(w.map), 0);
            } else {
                ck_assert(nth == 2 && n > 8); /* the directory of segments was there */
            }
            world_feed(&w);
            ck_assert(map_add(w.map, n, n));
            world_fini(&w);
        }
    }
}
END_TEST

START_TEST(a_refused_reserve_changes_nothing)
{
    uint64_t nth = 1;
    bool reserved = false;

    for (; !reserved; nth++) {
        struct world w;

        world_init(&w);
        world_fill(&w, 5);

        size_t bytes = map_bytes(w.map);

        world_starve(&w, nth);
        reserved = map_reserve(w.map, 100000);
        if (!reserved)
            ck_assert_uint_eq(map_bytes(w.map), bytes);
        ck_assert_uint_eq(map_count(w.map), 5);
        world_fini(&w);
    }
    ck_assert_uint_gt(nth, 10); /* it did fail in many places */
}
END_TEST

START_TEST(as_many_additions_as_were_reserved_cannot_fail)
{
    static const uint32_t sizes[] = {0, 1, 3, 8, 9, 100, 5000, 70000};

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        for (uint32_t already = 0; already < 20; already += 4) {
            struct world w;

            world_init(&w);
            world_fill(&w, already);
            ck_assert(map_reserve(w.map, sizes[i]));
            world_starve(&w, 1);
            world_fill(&w, sizes[i]);
            ck_assert_uint_eq(map_count(w.map), already + sizes[i]);
            world_fini(&w);
        }
    }
}
END_TEST

START_TEST(more_than_there_are_numbers_cannot_be_reserved)
{
    struct world w;

    world_init(&w);
    world_fill(&w, 1);
    ck_assert(!map_reserve(w.map, UINT32_MAX));
    ck_assert_uint_eq(w.mem.request_count, 1);
    world_fini(&w);
}
END_TEST

START_TEST(reserved_additions_cannot_fail_whatever_is_removed_meanwhile)
{
    struct world w;

    world_init(&w);
    world_fill(&w, 5000);
    ck_assert(map_reserve(w.map, 70000));
    world_starve(&w, 1);
    world_shrink_to(&w, 3);
    world_fill(&w, 70000);
    world_feed(&w);
    ck_assert_uint_eq(map_count(w.map), 70003);
    world_shrink_to(&w, 3);
    ck_assert_uint_lt(map_bytes(w.map), 1000); /* the promise is kept: it shrinks again */
    world_fini(&w);
}
END_TEST

START_TEST(removing_gives_back_what_was_reserved_and_is_not_wanted)
{
    struct world w;

    world_init(&w);

    size_t new_bytes = map_bytes(w.map);

    ck_assert(map_reserve(w.map, 100000));
    ck_assert(map_reserve(w.map, 0));
    for (int i = 0; i < 100; i++) {
        ck_assert(map_add(w.map, 1, 1));
        map_remove(w.map, 0);
    }
    ck_assert_uint_eq(map_bytes(w.map), new_bytes);
    world_fini(&w);
}
END_TEST

START_TEST(removing_needs_no_memory)
{
    struct world w;

    world_init(&w);
    world_fill(&w, 10000);
    world_starve(&w, 1);
    while (map_count(w.map) > 0)
        map_remove(w.map, 0);
    world_fini(&w);
}
END_TEST

/* Down to nothing, and back in the opposite order, without a byte. */
START_TEST(what_was_removed_is_put_back_under_its_number_without_memory)
{
    enum { ENTRIES = 5000 };
    struct world w;
    uint32_t removed[ENTRIES][2];
    uint64_t seed = unit_seed(_i);
    size_t full;

    world_init(&w);
    world_fill(&w, ENTRIES);
    full = map_bytes(w.map);
    for (uint32_t n = 0; n < ENTRIES; n++) {
        removed[n][0] = unit_rand_below(&seed, map_count(w.map));
        removed[n][1] = map_key(w.map, removed[n][0]);
        map_keep_rows(w.map);
        map_remove(w.map, removed[n][0]);
    }
    ck_assert_uint_eq(map_bytes(w.map), full);
    world_starve(&w, 1);
    for (uint32_t n = ENTRIES; n-- > 0;) {
        map_put_back(w.map, removed[n][0], removed[n][1], removed[n][1] * 3);
        MUST(n % 500 != 0 || map_validate(w.map) == 0);
    }
    world_feed(&w);
    for (uint32_t e = 0; e < ENTRIES; e++)
        MUST(map_key(w.map, e) == e && map_value(w.map, e) == 3 * e && map_find(w.map, e) == e);
    for (uint32_t n = 0; n < ENTRIES; n++)
        map_let_rows_go(w.map);
    world_fini(&w);
}
END_TEST

START_TEST(rows_that_were_kept_go_when_nobody_wants_them_any_more)
{
    struct world w;
    size_t empty;

    world_init(&w);
    empty = map_bytes(w.map);
    world_fill(&w, 10000);
    map_keep_rows(w.map);
    map_keep_rows(w.map);
    world_shrink_to(&w, 0);
    map_let_rows_go(w.map);
    ck_assert_uint_gt(map_bytes(w.map), empty);
    map_let_rows_go(w.map);
    ck_assert_uint_eq(map_bytes(w.map), empty);
    world_fini(&w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(no_map_is_made_without_memory),
        TEST(a_refused_addition_changes_nothing),
        TEST(a_refused_reserve_changes_nothing),
        TEST(as_many_additions_as_were_reserved_cannot_fail),
        TEST(more_than_there_are_numbers_cannot_be_reserved),
        TEST(reserved_additions_cannot_fail_whatever_is_removed_meanwhile),
        TEST(removing_gives_back_what_was_reserved_and_is_not_wanted),
        TEST(removing_needs_no_memory),
        TEST(what_was_removed_is_put_back_under_its_number_without_memory, .rounds = 3),
        TEST(rows_that_were_kept_go_when_nobody_wants_them_any_more),
    };
    return unit_main(argc, argv, "map_refused", tests, ARRAY_LEN(tests));
}
