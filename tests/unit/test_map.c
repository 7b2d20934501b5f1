/* test_map.c - the hash table against what its header promises: who is found, in which order, under which number. */
#include "tests/unit/map_world.h"

START_TEST(a_key_that_was_added_is_found_with_its_value)
{
    struct world w;

    world_init(&w);
    world_fill(&w, 10000);
    for (uint32_t key = 0; key < 10000; key++) {
        uint32_t e = map_find(w.map, key);

        MUST(e != MAP_NONE);
        MUST(map_key(w.map, e) == key);
        MUST(map_value(w.map, e) == key * 3);
        MUST(map_next(w.map, e) == MAP_NONE);
    }
    world_fini(&w);
}
END_TEST

START_TEST(a_key_that_was_not_added_is_not_found)
{
    struct world w;

    world_init(&w);
    ck_assert_uint_eq(map_find(w.map, 0), MAP_NONE);
    ck_assert_uint_eq(map_find(w.map, UINT32_MAX), MAP_NONE);
    world_fill(&w, 1000);
    for (uint32_t key = 1000; key < 10000; key++)
        MUST(map_find(w.map, key) == MAP_NONE);
    world_fini(&w);
}
END_TEST

START_TEST(entries_are_numbered_in_the_order_they_come)
{
    struct world w;

    world_init(&w);
    world_fill(&w, 1000);
    for (uint32_t e = 0; e < 1000; e++)
        ck_assert_uint_eq(map_key(w.map, e), e);
    world_fini(&w);
}
END_TEST

START_TEST(every_entry_of_a_key_is_walked_once)
{
    struct world w;
    uint64_t seen = 0;

    world_init(&w);
    for (uint32_t i = 0; i < 64; i++) {
        ck_assert(map_add(w.map, 7, i));
        ck_assert(map_add(w.map, 1000 + i, 0));
    }
    for (uint32_t e = map_find(w.map, 7); e != MAP_NONE; e = map_next(w.map, e)) {
        ck_assert_uint_eq(seen >> map_value(w.map, e) & 1, 0);
        seen |= UINT64_C(1) << map_value(w.map, e);
    }
    ck_assert_uint_eq(seen, UINT64_MAX);
    world_fini(&w);
}
END_TEST

START_TEST(a_value_may_be_set)
{
    struct world w;

    world_init(&w);
    world_fill(&w, 100);
    map_set_value(w.map, map_find(w.map, 50), 1);
    ck_assert_uint_eq(map_value(w.map, map_find(w.map, 50)), 1);
    ck_assert_uint_eq(map_value(w.map, map_find(w.map, 51)), 153);
    world_fini(&w);
}
END_TEST

START_TEST(the_last_entry_takes_the_number_of_the_removed_one)
{
    struct world w;

    world_init(&w);
    world_fill(&w, 100);
    map_remove(w.map, 10);
    ck_assert_uint_eq(map_count(w.map), 99);
    ck_assert_uint_eq(map_find(w.map, 10), MAP_NONE);
    ck_assert_uint_eq(map_find(w.map, 99), 10);
    for (uint32_t e = 0; e < 99; e++)
        ck_assert_uint_eq(map_key(w.map, e), e == 10 ? 99 : e);
    world_fini(&w);
}
END_TEST

START_TEST(walking_down_while_removing_misses_nothing)
{
    struct world w;
    uint32_t walked = 0;

    world_init(&w);
    world_fill(&w, 1000);
    for (uint32_t e = map_count(w.map); e-- > 0; walked++) {
        if (map_key(w.map, e) % 3 == 0)
            map_remove(w.map, e);
    }
    ck_assert_uint_eq(walked, 1000);
    for (uint32_t key = 0; key < 1000; key++)
        ck_assert_uint_eq(count_of_key(w.map, key), key % 3 == 0 ? 0 : 1);
    world_fini(&w);
}
END_TEST

START_TEST(one_of_many_entries_of_a_key_is_removed_alone)
{
    struct world w;

    world_init(&w);
    for (uint32_t i = 0; i < 50; i++)
        ck_assert(map_add(w.map, 7, i));
    for (uint32_t left = 50; left > 0; left--) {
        ck_assert_uint_eq(count_of_key(w.map, 7), left);
        map_remove(w.map, left / 2);
        ck_assert_uint_eq(map_validate(w.map), 0);
    }
    ck_assert_uint_eq(map_find(w.map, 7), MAP_NONE);
    world_fini(&w);
}
END_TEST

START_TEST(destroying_nothing_is_fine)
{
    struct map *none = NULL;

    map_destroy(&none);
}
END_TEST

/* With the least of units a step gives back a run of 4,096 rows, or one segment of those that are smaller than that. */
START_TEST(a_large_map_is_destroyed_in_many_steps)
{
    struct world w;
    uint32_t steps = 1;

    world_init(&w);
    world_fill(&w, 100000);
    for (; map_destroy_step(&w.map, 1) == 0; steps++)
        ck_assert_uint_le(steps, 50);
    ck_assert_uint_ge(steps, 100000 / 4096);
    ck_assert_ptr_null(w.map);
    mem_fini(&w.mem); /* nothing is left on the account */
}
END_TEST

START_TEST(a_map_is_destroyed_at_once_where_there_are_units_for_it)
{
    for (uint32_t count = 0; count < 70000; count = 3 * count + 1) {
        struct world w;

        world_init(&w);
        world_fill(&w, count);
        ck_assert_uint_gt(map_destroy_step(&w.map, 1000000), 0);
        ck_assert_uint_eq(map_destroy_step(&w.map, 7), 7);
        mem_fini(&w.mem);
    }
}
END_TEST

/* What must stop. */

START_TEST(removing_an_entry_that_is_not_there_stops_the_process)
{
    struct world w;

    world_init(&w);
    world_fill(&w, 3);
    map_remove(w.map, 3);
}
END_TEST

START_TEST(reading_an_entry_that_is_not_there_stops_the_process)
{
    struct world w;

    world_init(&w);
    map_value(w.map, MAP_NONE);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_key_that_was_added_is_found_with_its_value),
        TEST(a_key_that_was_not_added_is_not_found),
        TEST(entries_are_numbered_in_the_order_they_come),
        TEST(every_entry_of_a_key_is_walked_once),
        TEST(a_value_may_be_set),
        TEST(the_last_entry_takes_the_number_of_the_removed_one),
        TEST(walking_down_while_removing_misses_nothing),
        TEST(one_of_many_entries_of_a_key_is_removed_alone),
        TEST(destroying_nothing_is_fine),
        TEST(a_large_map_is_destroyed_in_many_steps),
        TEST(a_map_is_destroyed_at_once_where_there_are_units_for_it),
        TEST(removing_an_entry_that_is_not_there_stops_the_process, .aborts = true),
        TEST(reading_an_entry_that_is_not_there_stops_the_process, .aborts = true),
    };
    return unit_main(argc, argv, "map", tests, ARRAY_LEN(tests));
}
