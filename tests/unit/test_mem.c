/* test_mem.c - the account adds up, and refuses what it is told to. */
#include "heap/base/mem.h"
#include "tests/unit/unit.h"

START_TEST(what_is_allocated_is_on_the_account_until_it_is_freed)
{
    struct mem m;

    mem_init(&m, 0);

    void *a = mem_alloc(&m, 100);
    void *b = mem_zalloc(&m, 28);

    ck_assert_uint_eq(m.used_bytes, 128);
    mem_free(&m, a, 100);
    ck_assert_uint_eq(m.used_bytes, 28);
    mem_free(&m, b, 28);
    mem_free(&m, NULL, 77);
    ck_assert_uint_eq(m.used_bytes, 0);
    ck_assert_uint_eq(m.peak_bytes, 128);
    mem_fini(&m);
}
END_TEST

START_TEST(the_cap_is_reached_but_never_passed)
{
    struct mem m;

    mem_init(&m, 100);

    void *a = mem_alloc(&m, 60);

    ck_assert_ptr_null(mem_alloc(&m, 41));
    ck_assert_ptr_null(mem_alloc(&m, SIZE_MAX));
    ck_assert(!mem_charge(&m, SIZE_MAX - 59));
    ck_assert_uint_eq(m.used_bytes, 60);

    void *b = mem_alloc(&m, 40);

    ck_assert_ptr_nonnull(b);
    ck_assert(!mem_charge(&m, 1));
    mem_free(&m, a, 60);
    mem_free(&m, b, 40);
    mem_fini(&m);
}
END_TEST

START_TEST(what_others_have_counts_against_the_cap)
{
    struct mem m;

    mem_init(&m, 100);
    ck_assert_uint_eq(mem_room(&m), 100);
    m.aside_bytes = 70;
    ck_assert_uint_eq(mem_room(&m), 30);
    ck_assert(!mem_charge(&m, 31));
    ck_assert(mem_charge(&m, 30));
    ck_assert_uint_eq(mem_room(&m), 0);
    ck_assert_uint_eq(m.refused_count, 1);
    m.aside_bytes = 170;
    ck_assert_uint_eq(mem_room(&m), 0);
    mem_uncharge(&m, 30);
    mem_set_max(&m, 0);
    ck_assert_uint_eq(mem_room(&m), SIZE_MAX);
    mem_fini(&m);
}
END_TEST

START_TEST(who_may_go_beyond_the_cap_goes_so_far_and_no_further)
{
    struct mem m;

    mem_init(&m, 100);
    ck_assert(mem_charge(&m, 100));
    ck_assert_uint_eq(mem_reach(&m, 50), 0);
    ck_assert(mem_charge(&m, 50));
    ck_assert(!mem_charge(&m, 1));
    ck_assert_uint_eq(mem_reach(&m, 0), 50);
    mem_uncharge(&m, 50);
    ck_assert(!mem_charge(&m, 1));
    mem_uncharge(&m, 100);
    mem_fini(&m);
}
END_TEST

START_TEST(beyond_a_cap_that_came_down_begins_where_things_stood)
{
    struct mem m;

    mem_init(&m, 0);
    ck_assert(mem_charge(&m, 100));
    mem_set_max(&m, 40);
    ck_assert(!mem_charge(&m, 1));
    mem_reach(&m, 10);
    ck_assert(mem_charge(&m, 10));
    ck_assert(!mem_charge(&m, 1));
    mem_uncharge(&m, 110);
    mem_fini(&m);
}
END_TEST

START_TEST(a_look_in_pieces_finds_what_one_look_does)
{
    struct mem_blocks_look look = {0};
    struct mem m;
    void *blocks[64];
    size_t pieces = 1, whole;

    mem_init(&m, 0);
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++)
        memset(blocks[i] = mem_alloc(&m, 100000), 1, 100000);
    whole = mem_blocks_resident();
    while (!mem_blocks_look(&look, 1 << 20))
        pieces++;
    ck_assert_uint_le(look.resident_bytes, mem_blocks_extent() + MEM_PAGE_BYTES);
    ck_assert_uint_le(whole > look.resident_bytes ? whole - look.resident_bytes : look.resident_bytes - whole, 1 << 20);
    ck_assert_uint_ge(pieces, mem_blocks_extent() >> 22);
    for (size_t i = 0; i < ARRAY_LEN(blocks); i++)
        mem_free(&m, blocks[i], 100000);
    mem_fini(&m);
}
END_TEST

START_TEST(the_nth_request_fails_and_only_that)
{
    struct mem m;

    mem_init(&m, 0);
    m.fail_at = 2;
    ck_assert(mem_charge(&m, 1));
    ck_assert_ptr_null(mem_alloc(&m, 1));
    ck_assert(mem_charge(&m, 1));
    ck_assert_uint_eq(m.request_count, 3);
    mem_uncharge(&m, 2);
    mem_fini(&m);
}
END_TEST

START_TEST(from_the_nth_request_on_all_fail)
{
    struct mem m;

    mem_init(&m, 0);
    m.fail_at = 2;
    m.fail_on = true;
    ck_assert(mem_charge(&m, 1));
    ck_assert_ptr_null(mem_zalloc(&m, 1));
    ck_assert_ptr_null(mem_map(&m, MEM_PAGE_BYTES, MEM_PAGE_BYTES));
    ck_assert_ptr_null(mem_reserve(&m, MEM_PAGE_BYTES));
    ck_assert_ptr_null(mem_realloc(&m, NULL, 0, 1));
    ck_assert_uint_eq(m.used_bytes, 1);
    mem_uncharge(&m, 1);
    mem_fini(&m);
}
END_TEST

START_TEST(a_block_keeps_its_bytes_when_it_grows_and_when_it_may_not)
{
    struct mem m;

    mem_init(&m, 1000);

    char *a = mem_realloc(&m, NULL, 0, 6);

    memcpy(a, "hello", 6);
    a = mem_realloc(&m, a, 6, 900);
    ck_assert_str_eq(a, "hello");
    ck_assert_ptr_null(mem_realloc(&m, a, 900, 1001));
    ck_assert_uint_eq(m.used_bytes, 900);
    a = mem_realloc(&m, a, 900, 6);
    ck_assert_str_eq(a, "hello");
    ck_assert_uint_eq(m.used_bytes, 6);
    mem_free(&m, a, 6);
    mem_fini(&m);
}
END_TEST

static bool is_zero(const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != 0)
            return false;
    }
    return true;
}

START_TEST(zeroed_blocks_are_zeroed)
{
    struct mem m;

    mem_init(&m, 0);

    char *a = mem_zalloc(&m, 333);

    ck_assert(is_zero(a, 333));
    mem_free(&m, a, 333);
    mem_fini(&m);
}
END_TEST

START_TEST(mapped_pages_are_zeroed_aligned_and_charged)
{
    struct mem m;

    mem_init(&m, 0);
    for (size_t align = MEM_PAGE_BYTES; align <= 1u << 20; align *= 2) {
        size_t size = 3 * MEM_PAGE_BYTES;
        char *a = mem_map(&m, size, align);

        ck_assert_uint_eq((uintptr_t)a % align, 0);
        ck_assert(is_zero(a, size));
        memset(a, 1, size);
        ck_assert_uint_eq(m.used_bytes, size);
        mem_unmap(&m, a, size);
    }
    mem_unmap(&m, NULL, MEM_PAGE_BYTES);
    mem_fini(&m);
}
END_TEST

START_TEST(reserved_space_costs_nothing_and_reads_as_zero)
{
    struct mem m;
    size_t size = (size_t)1 << 36;

    mem_init(&m, 1);

    char *a = mem_reserve(&m, size);

    ck_assert_ptr_nonnull(a);
    ck_assert_uint_eq(m.used_bytes, 0);
    ck_assert_int_eq(a[size - 1], 0);
    a[size / 2] = 1;
    ck_assert_int_eq(a[size / 2], 1);
    mem_unreserve(&m, a, size);
    mem_unreserve(&m, NULL, size);
    mem_fini(&m);
}
END_TEST

START_TEST(discarding_zeroes_the_whole_pages_inside_and_no_other_byte)
{
    struct mem m;
    size_t page = MEM_PAGE_BYTES;

    mem_init(&m, 0);

    char *a = mem_map(&m, 4 * page, page);

    memset(a, 7, 4 * page);
    mem_discard(a + 1, page - 1);        /* no whole page */
    mem_discard(a + page - 1, 2 * page); /* one, and pieces of two */
    for (size_t i = 0; i < 4 * page; i++)
        MUST(a[i] == (i / page == 1 ? 0 : 7));
    mem_unmap(&m, a, 4 * page);
    mem_fini(&m);
}
END_TEST

START_TEST(a_leak_stops_the_process)
{
    struct mem m;

    mem_init(&m, 0);
    ck_assert(mem_charge(&m, 1));
    mem_fini(&m);
}
END_TEST

START_TEST(giving_back_more_than_was_taken_stops_the_process)
{
    struct mem m;

    mem_init(&m, 0);
    ck_assert(mem_charge(&m, 1));
    mem_uncharge(&m, 2);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(what_is_allocated_is_on_the_account_until_it_is_freed),
        TEST(the_cap_is_reached_but_never_passed),
        TEST(what_others_have_counts_against_the_cap),
        TEST(who_may_go_beyond_the_cap_goes_so_far_and_no_further),
        TEST(beyond_a_cap_that_came_down_begins_where_things_stood),
        TEST(a_look_in_pieces_finds_what_one_look_does),
        TEST(the_nth_request_fails_and_only_that),
        TEST(from_the_nth_request_on_all_fail),
        TEST(a_block_keeps_its_bytes_when_it_grows_and_when_it_may_not),
        TEST(zeroed_blocks_are_zeroed),
        TEST(mapped_pages_are_zeroed_aligned_and_charged),
        TEST(reserved_space_costs_nothing_and_reads_as_zero),
        TEST(discarding_zeroes_the_whole_pages_inside_and_no_other_byte),
        TEST(a_leak_stops_the_process, .aborts = true),
        TEST(giving_back_more_than_was_taken_stops_the_process, .aborts = true),
    };
    return unit_main(argc, argv, "mem", tests, ARRAY_LEN(tests));
}
