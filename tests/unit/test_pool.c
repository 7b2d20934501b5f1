/* test_pool.c - cells, pools, pages and arenas: nothing is handed out twice, and memory goes back. */
#include "tests/unit/cells.h"

START_TEST(cells_of_every_size_do_not_overlap)
{
    struct cells *c = cells_new();
    static slot_t slots[CELL_WORDS_MAX + 1][40];

    for (uint32_t words = 2; words <= CELL_WORDS_MAX; words++)
        for (size_t i = 0; i < ARRAY_LEN(slots[0]); i++) {
            slots[words][i] = data_cell(c, words);
            MUST(pool_words(&c->pools, slots[words][i]) == words);
            sign(c, slots[words][i]);
        }
    for (uint32_t words = 2; words <= CELL_WORDS_MAX; words++)
        for (size_t i = 0; i < ARRAY_LEN(slots[0]); i++)
            check_sign(c, slots[words][i]);
    cells_free(c);
}
END_TEST

START_TEST(data_cells_come_in_sizes_that_waste_little)
{
    for (uint32_t words = 1; words <= CELL_WORDS_MAX; words++) {
        uint32_t given = pool_data_words(words);

        MUST(given >= 2 && given >= words && given <= CELL_WORDS_MAX);
        MUST(pool_data_words(given) == given);
        MUST(words < 2 || given - words <= words / 8 + 1);
    }
}
END_TEST

START_TEST(a_freed_cell_is_used_again_only_when_all_others_have_had_their_turn)
{
    struct cells *c = cells_new();
    uint32_t met[POOL_CELLS] = {0};
    slot_t first = data_cell(c, 5), kept = data_cell(c, 5);

    pool_free(&c->pools, first);
    for (uint32_t round = 1; round <= 5; round++)
        for (uint32_t i = 1; i < POOL_CELLS; i++) {
            slot_t slot = data_cell(c, 5);

            MUST(pool_of(slot) == pool_of(first) && slot != kept);
            pool_free(&c->pools, slot);
            met[slot % POOL_CELLS]++;
        }
    met[kept % POOL_CELLS] = 5;
    met[first % POOL_CELLS]++;
    for (uint32_t i = 0; i < POOL_CELLS; i++)
        MUST(met[i] >= 5 && met[i] <= 6);
    cells_free(c);
}
END_TEST

START_TEST(the_used_bits_are_the_cells_in_use)
{
    struct cells *c = cells_new();
    uint64_t expected[POOL_WORDS] = {0};
    slot_t slots[POOL_CELLS];

    for (uint32_t i = 0; i < POOL_CELLS; i++)
        bits_add(expected, (slots[i] = data_cell(c, 7)) % POOL_CELLS);
    for (uint32_t i = 0; i < POOL_CELLS; i += 3) {
        pool_free(&c->pools, slots[i]);
        bits_remove(expected, slots[i] % POOL_CELLS);
    }
    for (uint32_t i = 0; i < POOL_WORDS; i++)
        ck_assert_uint_eq(pool_used_word(&c->pools, pool_of(slots[0]), i), expected[i]);
    cells_free(c);
}
END_TEST

START_TEST(many_cells_of_a_pool_go_back_at_once)
{
    struct cells *c = cells_new();
    uint64_t some[POOL_WORDS], rest[POOL_WORDS];
    slot_t slots[2 * POOL_CELLS];

    for (uint32_t i = 0; i < ARRAY_LEN(slots); i++)
        sign(c, slots[i] = data_cell(c, 7));
    for (uint32_t i = 0; i < POOL_WORDS; i++) {
        some[i] = 0x5555555555555555ull << i % 2;
        rest[i] = ~some[i];
    }
    pool_free_set(&c->pools, pool_of(slots[0]), some);
    ck_assert_uint_eq(pools_validate(&c->pools), 0);
    ck_assert_uint_eq(pools_free_bytes(&c->pools), POOL_CELLS / 2 * 28);
    for (uint32_t i = 0; i < POOL_CELLS; i++)
        if (bits_has(rest, slots[i] % POOL_CELLS))
            check_sign(c, slots[i]);
    pool_free_set(&c->pools, pool_of(slots[0]), rest);
    ck_assert_uint_eq(pools_validate(&c->pools), 0);
    ck_assert_uint_eq(c->pools.pool_pages, 7);
    cells_free(c);
}
END_TEST

START_TEST(a_pool_that_was_used_by_others_begins_zeroed)
{
    struct cells *c = cells_new();
    static slot_t slots[4 * POOL_CELLS];

    for (size_t i = 0; i < ARRAY_LEN(slots); i++)
        sign(c, slots[i] = data_cell(c, 8));
    for (size_t i = 0; i < ARRAY_LEN(slots); i++)
        pool_free(&c->pools, slots[i]);
    ck_assert_uint_gt(c->pools.dirty_pages, 0);
    for (size_t i = 0; i < POOL_CELLS; i++) {
        slot_t slot = data_cell(c, 16);

        for (uint32_t word = 0; word < 16; word++)
            MUST(pool_cell(&c->pools, slot)[word] == 0);
    }
    cells_free(c);
}
END_TEST

START_TEST(new_cells_come_from_the_fullest_pool)
{
    struct cells *c = cells_new();
    static slot_t slots[4][POOL_CELLS];

    for (size_t p = 0; p < 4; p++)
        for (size_t i = 0; i < POOL_CELLS; i++)
            slots[p][i] = data_cell(c, 4);
    for (size_t i = 0; i < 900; i++)
        pool_free(&c->pools, slots[0][i]);
    for (size_t i = 0; i < 200; i++)
        pool_free(&c->pools, slots[1][i]);
    for (size_t i = 0; i < 500; i++)
        pool_free(&c->pools, slots[2][i]);
    for (size_t i = 0; i < 200; i++)
        ck_assert_uint_eq(pool_of(data_cell(c, 4)), pool_of(slots[1][0]));
    for (size_t i = 0; i < 500; i++)
        ck_assert_uint_eq(pool_of(data_cell(c, 4)), pool_of(slots[2][0]));
    ck_assert_uint_eq(pool_of(data_cell(c, 4)), pool_of(slots[0][0]));
    cells_free(c);
}
END_TEST

START_TEST(empty_pools_and_arenas_give_their_memory_back)
{
    struct cells *c = cells_new();
    uint32_t n = scaled(2000000, 200000);
    slot_t *slots = malloc(n * sizeof *slots);
    size_t tables;

    for (uint32_t i = 0; i < n; i++)
        slots[i] = data_cell(c, 6);
    ck_assert_uint_ge(c->mem.used_bytes, (size_t)n * 24);
    ck_assert_uint_ge(c->pools.arena_count, n * 24 / ARENA_BYTES);
    for (uint32_t i = 0; i < n; i++)
        pool_free(&c->pools, slots[i]);
    (void)purge_all(c);
    ck_assert_uint_eq(c->pools.arena_count, 1);
    ck_assert_uint_eq(c->pools.dirty_pages, 0);
    tables = c->pools.charged_tables;
    ck_assert_uint_eq(c->mem.used_bytes, tables);
    ck_assert_uint_le(tables, n / 20);
    free(slots);
    cells_free(c);
}
END_TEST

START_TEST(purging_keeps_what_is_used_and_the_account_follows)
{
    struct cells *c = cells_new();
    static slot_t slots[20 * POOL_CELLS];
    size_t before;

    for (size_t i = 0; i < ARRAY_LEN(slots); i++)
        sign(c, slots[i] = data_cell(c, 10));
    for (size_t i = 0; i < ARRAY_LEN(slots); i++)
        if (i / POOL_CELLS % 2 == 0)
            pool_free(&c->pools, slots[i]);
    before = c->mem.used_bytes;
    ck_assert_uint_eq(purge_all(c), 10 * 10 * MEM_PAGE_BYTES);
    ck_assert_uint_eq(before - c->mem.used_bytes, 10 * 10 * MEM_PAGE_BYTES);
    ck_assert_uint_eq(purge_all(c), 0);
    for (size_t i = 0; i < ARRAY_LEN(slots); i++)
        if (i / POOL_CELLS % 2 == 1)
            check_sign(c, slots[i]);
    cells_free(c);
}
END_TEST

START_TEST(free_pages_go_back_when_they_have_waited_and_not_before)
{
    struct cells *c = cells_new();
    static slot_t slots[3 * POOL_CELLS];

    c->pools.decay_ms = 500;
    ck_assert_uint_eq(pools_purge_at_ms(&c->pools), UINT64_MAX);
    for (size_t i = 0; i < ARRAY_LEN(slots); i++)
        slots[i] = data_cell(c, 7);
    c->pools.now_ms = 1000;
    for (size_t i = 0; i < POOL_CELLS; i++)
        pool_free(&c->pools, slots[i]);
    c->pools.now_ms = 1200;
    for (size_t i = POOL_CELLS; i < 2 * POOL_CELLS; i++)
        pool_free(&c->pools, slots[i]);
    ck_assert_uint_eq(pools_purge_at_ms(&c->pools), 1700); /* the last that came decides for its arena */
    c->pools.now_ms = 1699;
    ck_assert_uint_eq(pools_purge(&c->pools, 1000), 1000);
    ck_assert_uint_eq(c->pools.dirty_pages, 14);
    c->pools.now_ms = 1700;
    ck_assert_uint_eq(pools_purge_at_ms(&c->pools), 0);
    ck_assert_uint_lt(pools_purge(&c->pools, 1000), 1000);
    ck_assert_uint_eq(c->pools.dirty_pages, 0);
    ck_assert_uint_eq(pools_purge_at_ms(&c->pools), UINT64_MAX);
    cells_free(c);
}
END_TEST

/* A pool comes and goes every 100 ms in the arena to which another was given back long ago. */
START_TEST(an_arena_in_which_memory_comes_and_goes_is_purged_all_the_same)
{
    struct cells *c = cells_new();
    static slot_t old[POOL_CELLS], moving[POOL_CELLS + 1];

    c->pools.decay_ms = 1000;
    for (size_t i = 0; i < POOL_CELLS; i++)
        old[i] = data_cell(c, 50);
    (void)data_cell(c, 50); /* they are not current any more */
    for (size_t i = 0; i < POOL_CELLS; i++)
        pool_free(&c->pools, old[i]);
    while (pools_purge_at_ms(&c->pools) != 0) {
        for (size_t i = 0; i < ARRAY_LEN(moving); i++)
            moving[i] = data_cell(c, 7);
        for (size_t i = 0; i < ARRAY_LEN(moving); i++)
            pool_free(&c->pools, moving[i]);
        c->pools.now_ms += 100;
        MUST(c->pools.now_ms <= 2000);
    }
    cells_free(c);
}
END_TEST

START_TEST(a_step_of_purging_is_small_and_the_steps_come_to_an_end)
{
    struct cells *c = cells_new();
    uint32_t n = scaled(1000000, 300000), steps = 0;
    slot_t *slots = malloc(n * sizeof *slots);
    uint64_t before;

    for (uint32_t i = 0; i < n; i++)
        slots[i] = data_cell(c, 8);
    for (uint32_t i = 0; i < n; i++)
        pool_free(&c->pools, slots[i]);
    before = c->pools.dirty_pages;
    for (size_t left = 0; left == 0; steps++) {
        uint64_t dirty = c->pools.dirty_pages;

        left = pools_purge(&c->pools, 1); /* decay_ms is 0 */
        MUST(dirty <= c->pools.dirty_pages + 64);
        MUST(steps % 16 != 0 || pools_validate(&c->pools) == 0);
    }
    ck_assert_uint_ge(steps, before / 64);
    ck_assert_uint_eq(c->pools.arena_count, 1);
    free(slots);
    cells_free(c);
}
END_TEST

START_TEST(a_current_pool_that_is_empty_goes_back_after_the_decay)
{
    struct cells *c = cells_new();

    c->pools.decay_ms = 100;
    pool_free(&c->pools, data_cell(c, 100));
    ck_assert_uint_eq(pools_purge_at_ms(&c->pools), 100);
    c->pools.now_ms = 100;
    (void)pools_purge(&c->pools, 1000);
    ck_assert_uint_eq(c->pools.pool_pages, 0);
    ck_assert_uint_eq(pools_purge_at_ms(&c->pools), 200);
    c->pools.now_ms = 200;
    (void)pools_purge(&c->pools, 1000);
    ck_assert_uint_eq(c->mem.used_bytes, c->pools.charged_tables);
    sign(c, data_cell(c, 100));
    cells_free(c);
}
END_TEST

/* Pools of one page and of many by turns leave holes; the next ones fill them before a new arena is mapped. */
START_TEST(holes_between_pools_are_used_again)
{
    struct cells *c = cells_new();
    static slot_t slots[200][POOL_CELLS];
    uint32_t arenas;

    for (size_t p = 0; p < ARRAY_LEN(slots); p++)
        for (size_t i = 0; i < POOL_CELLS; i++)
            slots[p][i] = data_cell(c, p % 2 == 0 ? 64 : 9);
    arenas = c->pools.arena_count;
    for (size_t p = 1; p < ARRAY_LEN(slots); p += 2)
        for (size_t i = 0; i < POOL_CELLS; i++)
            pool_free(&c->pools, slots[p][i]);
    ck_assert_uint_eq(pools_validate(&c->pools), 0);
    for (size_t p = 1; p < ARRAY_LEN(slots) - 2; p += 2)
        for (size_t i = 0; i < POOL_CELLS; i++)
            sign(c, slots[p][i] = data_cell(c, 8));
    ck_assert_uint_eq(c->pools.arena_count, arenas);
    for (size_t p = 1; p < ARRAY_LEN(slots) - 2; p += 2)
        for (size_t i = 0; i < POOL_CELLS; i++)
            check_sign(c, slots[p][i]);
    cells_free(c);
}
END_TEST

START_TEST(a_retired_cell_is_not_handed_out_while_its_pool_lives)
{
    struct cells *c = cells_new();
    slot_t kept = pool_alloc(&c->pools, POOL_OBJECTS, 3), retired = pool_alloc(&c->pools, POOL_OBJECTS, 3);

    pool_retire(&c->pools, retired);
    for (size_t i = 2; i < POOL_CELLS; i++)
        MUST(pool_alloc(&c->pools, POOL_OBJECTS, 3) != retired);
    ck_assert_uint_ne(pool_of(pool_alloc(&c->pools, POOL_OBJECTS, 3)), pool_of(kept));
    cells_free(c);
}
END_TEST

START_TEST(a_pool_of_retired_cells_goes_back)
{
    struct cells *c = cells_new();
    static slot_t slots[POOL_CELLS];

    for (size_t i = 0; i < POOL_CELLS; i++)
        slots[i] = pool_alloc(&c->pools, POOL_OBJECTS, 3);
    for (size_t i = 0; i < POOL_CELLS; i++)
        pool_retire(&c->pools, slots[i]);
    ck_assert_uint_eq(pools_validate(&c->pools), 0);
    ck_assert_uint_eq(c->pools.pool_pages, 0);
    ck_assert(!pool_is_objects(&c->pools, pool_of(slots[0])));
    cells_free(c);
}
END_TEST

/* A cell is never in two hands, whatever the order of taking and giving back. */
START_TEST(a_random_life_keeps_every_cell_whole)
{
    struct cells *c = cells_new();
    uint64_t seed = unit_seed(_i);
    static slot_t slots[30000];
    uint32_t count = 0, steps = scaled(600000, 60000);

    for (uint32_t n = 0; n < steps; n++) {
        bool grow = unit_rand_below(&seed, 100) < (n / (steps / 6) % 2 == 0 ? 60u : 40u);

        if (grow && count < ARRAY_LEN(slots)) {
            slot_t slot = data_cell(c, pool_data_words(2 + unit_rand_below(&seed, n % 64 == 0 ? 134 : 6)));

            sign(c, slots[count++] = slot);
        } else if (count > 0) {
            uint32_t i = unit_rand_below(&seed, count);

            check_sign(c, slots[i]);
            pool_free(&c->pools, slots[i]);
            slots[i] = slots[--count];
        }
        if (n % 20000 == 0) {
            MUST(pools_validate(&c->pools) == 0);
            (void)purge_all(c);
        }
    }
    for (uint32_t i = 0; i < count; i++)
        check_sign(c, slots[i]);
    cells_free(c);
}
END_TEST

START_TEST(a_refused_cell_changes_nothing)
{
    struct cells *c = cells_new();
    slot_t slot = data_cell(c, 100);
    uint64_t pages = c->pools.pool_pages;

    for (uint64_t n = 1;; n++) {
        slot_t other;

        c->mem.fail_at = c->mem.request_count + n;
        other = pool_alloc(&c->pools, POOL_DATA, 50);
        c->mem.fail_at = 0;
        ck_assert_uint_eq(pools_validate(&c->pools), 0);
        if (other != 0)
            break;
        ck_assert_uint_eq(c->pools.pool_pages, pages);
    }
    pool_free(&c->pools, slot);
    cells_free(c);
}
END_TEST

START_TEST(pools_that_could_not_begin_leave_nothing)
{
    for (uint64_t n = 1;; n++) {
        struct mem mem;
        struct pools *p = calloc(1, sizeof *p);
        enum err e;

        mem_init(&mem, 0);
        mem.fail_at = n;
        e = pools_init(p, &mem);
        pools_fini(p);
        mem_fini(&mem);
        free(p);
        if (e == ERR_OK)
            break;
        ck_assert_int_eq(e, ERR_NOMEM);
    }
}
END_TEST

START_TEST(giving_back_a_cell_of_no_pool_stops_the_process)
{
    struct cells *c = cells_new();

    pool_free(&c->pools, 5 << POOL_SHIFT);
}
END_TEST

START_TEST(giving_back_a_cell_twice_stops_the_process)
{
    struct cells *c = cells_new();
    slot_t slot = data_cell(c, 5);

    (void)data_cell(c, 5);
    pool_free(&c->pools, slot);
    pool_free(&c->pools, slot);
}
END_TEST

START_TEST(giving_back_a_cell_that_was_never_handed_out_stops_the_process)
{
    struct cells *c = cells_new();

    pool_free(&c->pools, data_cell(c, 5) + 1);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(cells_of_every_size_do_not_overlap),
        TEST(data_cells_come_in_sizes_that_waste_little),
        TEST(a_freed_cell_is_used_again_only_when_all_others_have_had_their_turn),
        TEST(the_used_bits_are_the_cells_in_use),
        TEST(many_cells_of_a_pool_go_back_at_once),
        TEST(a_pool_that_was_used_by_others_begins_zeroed),
        TEST(new_cells_come_from_the_fullest_pool),
        TEST(empty_pools_and_arenas_give_their_memory_back),
        TEST(purging_keeps_what_is_used_and_the_account_follows),
        TEST(free_pages_go_back_when_they_have_waited_and_not_before),
        TEST(an_arena_in_which_memory_comes_and_goes_is_purged_all_the_same),
        TEST(a_step_of_purging_is_small_and_the_steps_come_to_an_end),
        TEST(a_current_pool_that_is_empty_goes_back_after_the_decay),
        TEST(holes_between_pools_are_used_again),
        TEST(a_retired_cell_is_not_handed_out_while_its_pool_lives),
        TEST(a_pool_of_retired_cells_goes_back),
        TEST(a_random_life_keeps_every_cell_whole, .rounds = 3),
        TEST(a_refused_cell_changes_nothing),
        TEST(pools_that_could_not_begin_leave_nothing),
        TEST(giving_back_a_cell_of_no_pool_stops_the_process, .aborts = true),
        TEST(giving_back_a_cell_twice_stops_the_process, .aborts = true),
        TEST(giving_back_a_cell_that_was_never_handed_out_stops_the_process, .aborts = true),
    };
    return unit_main(argc, argv, "pool", tests, ARRAY_LEN(tests));
}
