/* test_map_size.c - what the hash table costs, full and emptied, and that it gives memory back. */
#include "tests/unit/map_world.h"

START_TEST(a_map_of_eight_is_one_block_of_less_than_200_bytes)
{
    struct world w;

    world_init(&w);
    world_fill(&w, 8);
    ck_assert_uint_eq(w.mem.request_count, 1);
    ck_assert_uint_lt(map_bytes(w.map), 200);
    world_fini(&w);
}
END_TEST

START_TEST(an_entry_costs_16_bytes_in_a_full_map)
{
    struct world w;
    uint32_t n = 1u << 20;

    world_init(&w);
    world_fill(&w, n);
    ck_assert_uint_lt(map_bytes(w.map), 16 * (size_t)n + 512);
    world_fini(&w);
}
END_TEST

/* A segment, and once in a map's life the directory of segments. */
START_TEST(an_addition_asks_for_memory_twice_at_most_and_hardly_ever)
{
    struct world w;

    world_init(&w);
    for (uint32_t key = 0; key < 1u << 16; key++) {
        uint64_t before = w.mem.request_count;

        MUST(map_add(w.map, key, 0));
        MUST(w.mem.request_count - before <= (key == 8 ? 2 : 1));
    }
    ck_assert_uint_le(w.mem.request_count, 16);
    world_fini(&w);
}
END_TEST

START_TEST(an_emptied_map_is_as_small_as_a_new_one)
{
    struct world w;

    world_init(&w);

    size_t new_bytes = map_bytes(w.map);

    world_fill(&w, 100000);
    world_shrink_to(&w, 0);
    ck_assert_uint_eq(map_bytes(w.map), new_bytes);
    world_fini(&w);
}
END_TEST

START_TEST(a_shrinking_map_keeps_at_most_four_times_what_it_needs)
{
    struct world w;

    world_init(&w);
    world_fill(&w, 100000);
    for (uint32_t n = 100000; n > 100; n = n * 9 / 10) {
        world_shrink_to(&w, n);
        ck_assert_uint_le(map_bytes(w.map), 4 * 16 * (size_t)n + 512);
    }
    world_fini(&w);
}
END_TEST

/* At every size near a power of two, where a segment begins: go up and down across it. */
START_TEST(going_up_and_down_around_a_size_asks_for_no_memory)
{
    for (uint32_t n = 8; n <= 1u << 14; n *= 2) {
        struct world w;

        world_init(&w);
        world_fill(&w, n + 1);

        uint64_t before = w.mem.request_count;
        size_t bytes = map_bytes(w.map);

        for (int i = 0; i < 10; i++) {
            world_shrink_to(&w, n - 2);
            ck_assert_uint_eq(map_bytes(w.map), bytes);
            for (uint32_t key = 0; key < 3; key++)
                ck_assert(map_add(w.map, key, key));
        }
        ck_assert_uint_eq(w.mem.request_count, before);
        world_fini(&w);
    }
}
END_TEST

/* Large enough that pages are given back while it shrinks: none of them may have been in use. */
START_TEST(what_stays_in_a_large_shrinking_map_stays_whole)
{
    struct world w;
    uint32_t n = 100000;

    world_init(&w);
    world_fill(&w, n);
    for (uint32_t key = 0; key < n; key += 2) {
        map_remove(w.map, map_find(w.map, key));
        if (key % 9973 == 0)
            ck_assert_uint_eq(map_validate(w.map), 0);
    }
    for (uint32_t key = 0; key < n; key++)
        MUST(count_of_key(w.map, key) == key % 2);
    world_fill(&w, n);
    for (uint32_t key = 0; key < n; key++)
        MUST(count_of_key(w.map, key) == 1 + key % 2);
    world_fini(&w);
}
END_TEST

static size_t resident_bytes(void)
{
    FILE *statm = fopen("/proc/self/statm", "r");
    size_t pages;

    ck_assert_ptr_nonnull(statm);
    ck_assert_int_eq(fscanf(statm, "%*u %zu", &pages), 1);
    fclose(statm);
    return pages * MEM_PAGE_BYTES;
}

/* Not all at once when a segment is freed: just above a quarter, none has been yet. */
START_TEST(pages_go_back_to_the_system_while_a_map_shrinks)
{
    struct world w;
    uint32_t n = 1u << 20;

    world_init(&w);
    world_fill(&w, n);

    size_t full_bytes = map_bytes(w.map);
    size_t full_resident = resident_bytes();

    world_shrink_to(&w, n / 4 + 1);
    ck_assert_uint_eq(map_bytes(w.map), full_bytes);
    ck_assert_uint_lt(resident_bytes(), full_resident - full_bytes / 2);
    world_fini(&w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_map_of_eight_is_one_block_of_less_than_200_bytes),
        TEST(an_entry_costs_16_bytes_in_a_full_map),
        TEST(an_addition_asks_for_memory_twice_at_most_and_hardly_ever),
        TEST(an_emptied_map_is_as_small_as_a_new_one),
        TEST(a_shrinking_map_keeps_at_most_four_times_what_it_needs),
        TEST(going_up_and_down_around_a_size_asks_for_no_memory),
        TEST(what_stays_in_a_large_shrinking_map_stays_whole),
        TEST(pages_go_back_to_the_system_while_a_map_shrinks),
    };
    return unit_main(argc, argv, "map_size", tests, ARRAY_LEN(tests));
}
