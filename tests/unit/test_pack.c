/* test_pack.c - sparse pools are packed: cells move and nobody can tell, memory goes back, nothing is lost. */
#include "heap/heap_impl.h"
#include "tests/unit/cells.h"

/* ---- pools ---- */

/* `pools` pools of cells of `words` words, of which only every `step`-th cell of each stays. */
static uint32_t make_sparse(struct cells *c, uint32_t words, uint32_t pools, uint32_t step, slot_t *ret_kept)
{
    slot_t *slots = malloc(pools * POOL_CELLS * sizeof *slots);
    uint32_t kept = 0;

    for (uint32_t i = 0; i < pools * POOL_CELLS; i++)
        sign(c, slots[i] = data_cell(c, words));
    (void)data_cell(c, words); /* the last of them is not current any more */
    for (uint32_t i = 0; i < pools * POOL_CELLS; i++)
        if (i % step == 0)
            ret_kept[kept++] = slots[i];
        else
            pool_free(&c->pools, slots[i]);
    free(slots);
    return kept;
}

START_TEST(cells_of_every_size_stay_what_they_were_when_packed)
{
    static slot_t kept[POOL_CELLS];

    for (uint32_t words = 2; words <= CELL_WORDS_MAX; words += words < 40 ? 1 : 7) {
        struct cells *c = cells_new();
        uint32_t count = make_sparse(c, words, 1, 5 + words % 26, kept);

        ck_assert_uint_eq(c->pools.sparse, 1);
        pack_all(c);
        ck_assert(pool_is_packed(&c->pools, pool_of(kept[0])));
        ck_assert_uint_eq(c->pools.sparse, 0);
        for (uint32_t i = 0; i < count; i++) {
            MUST(pool_words(&c->pools, kept[i]) == words);
            check_sign(c, kept[i]);
        }
        for (uint32_t i = 0; i < count; i++) { /* and each may be written: none overlaps another */
            for (uint32_t k = 0; k < words; k++)
                pool_cell(&c->pools, kept[i])[k] = ~(kept[i] ^ k);
        }
        for (uint32_t i = 0; i < count; i++)
            for (uint32_t k = 0; k < words; k++)
                MUST(pool_cell(&c->pools, kept[i])[k] == ~(kept[i] ^ k));
        cells_free(c);
    }
}
END_TEST

START_TEST(packing_gives_back_what_the_free_cells_took)
{
    struct cells *c = cells_new();
    enum { POOLS = 100 };
    static slot_t kept[POOLS * POOL_CELLS];
    uint32_t count = make_sparse(c, 5, POOLS, 10, kept);
    size_t before, after;

    (void)purge_all(c);
    before = c->mem.used_bytes - c->pools.charged_tables;
    pack_all(c);
    (void)purge_all(c);
    after = c->mem.used_bytes - c->pools.charged_tables;
    ck_assert_uint_ge(before, POOLS * 20 * 1024);
    ck_assert_uint_le(after, before * 15 / 100 + (1u << 20)); /* the last pools of storage are not full */
    ck_assert_uint_le(pools_packed_bytes(&c->pools), count * 20 * 12 / 10);
    cells_free(c);
}
END_TEST

START_TEST(fuller_pools_and_the_current_one_are_not_packed)
{
    struct cells *c = cells_new();
    static slot_t kept[2 * POOL_CELLS];

    make_sparse(c, 6, 2, 3, kept); /* a third is above 25 % */
    (void)data_cell(c, 6);
    ck_assert_uint_eq(c->pools.sparse, 0);
    c->pools.pack_all_due = true;
    ck_assert_uint_eq(pools_pack_at_ms(&c->pools), UINT64_MAX);
    pools_set_pack(&c->pools, 50);
    ck_assert_uint_eq(c->pools.sparse, 2);
    ck_assert_uint_eq(pools_validate(&c->pools), 0);
    pools_set_pack(&c->pools, 0);
    ck_assert_uint_eq(c->pools.sparse, 0);
    pools_set_pack(&c->pools, 50);
    pack_all(c);
    ck_assert(pool_is_packed(&c->pools, pool_of(kept[0])));
    ck_assert_uint_eq(c->pools.class[POOL_DATA][6].packed, 2);
    cells_free(c);
}
END_TEST

START_TEST(a_cell_freed_in_a_packed_pool_moves_nothing)
{
    struct cells *c = cells_new();
    static slot_t kept[POOL_CELLS];
    static const uint32_t *at[POOL_CELLS];
    uint32_t count = make_sparse(c, 9, 1, 5, kept), number = pool_of(kept[0]);

    pack_all(c);
    for (uint32_t i = 0; i < count; i++)
        at[i] = pool_cell(&c->pools, kept[i]);
    for (uint32_t i = 0; i < count; i++) {
        pool_free(&c->pools, kept[i]);
        ck_assert_uint_eq(pools_validate(&c->pools), 0);
        for (uint32_t k = i + 1; k < count; k++) {
            MUST(pool_cell(&c->pools, kept[k]) == at[k]);
            check_sign(c, kept[k]);
        }
    }
    ck_assert(!pool_is_packed(&c->pools, number));
    ck_assert_uint_eq(c->pools.table[number], 0); /* the last took the pool with it */
    ck_assert_uint_eq(pools_packed_bytes(&c->pools), 0);
    cells_free(c);
}
END_TEST

START_TEST(cells_of_a_packed_pool_go_back_at_once)
{
    struct cells *c = cells_new();
    static slot_t kept[POOL_CELLS];
    uint32_t count = make_sparse(c, 4, 1, 8, kept), number = pool_of(kept[0]);
    uint64_t half[POOL_WORDS] = {0}, rest[POOL_WORDS];

    pack_all(c);
    for (uint32_t i = 0; i < count; i += 2)
        bits_add(half, kept[i] % POOL_CELLS);
    pool_free_set(&c->pools, number, half);
    ck_assert_uint_eq(pools_validate(&c->pools), 0);
    for (uint32_t i = 1; i < count; i += 2)
        check_sign(c, kept[i]);
    for (uint32_t i = 0; i < POOL_WORDS; i++)
        rest[i] = pool_used_word(&c->pools, number, i);
    pool_free_set(&c->pools, number, rest);
    ck_assert_uint_eq(c->pools.table[number], 0);
    cells_free(c);
}
END_TEST

START_TEST(a_loose_pool_is_packed_once_more)
{
    struct cells *c = cells_new();
    static slot_t kept[POOL_CELLS];
    uint32_t count = make_sparse(c, 5, 1, 5, kept);
    uint64_t packed_before;

    pack_all(c);
    packed_before = pools_packed_bytes(&c->pools);
    for (uint32_t i = 0; i < count; i++)
        if (i % 3 != 0)
            pool_free(&c->pools, kept[i]);
    ck_assert_uint_eq(c->pools.sparse, 1);
    ck_assert_uint_gt(c->pools.packed_dead_bytes, 0);
    pack_all(c);
    ck_assert_uint_eq(c->pools.sparse, 0);
    ck_assert_uint_eq(c->pools.packed_dead_bytes, 0);
    ck_assert_uint_lt(pools_packed_bytes(&c->pools), packed_before / 2);
    for (uint32_t i = 0; i < count; i += 3)
        check_sign(c, kept[i]);
    cells_free(c);
}
END_TEST

/* More chunks than can be named; fewer, once most have died. */
START_TEST(large_cells_are_packed_into_a_row_of_pages)
{
    struct cells *c = cells_new();
    static slot_t kept[POOL_CELLS];
    uint32_t count = make_sparse(c, 100, 1, 5, kept);

    pack_all(c);
    ck_assert_uint_eq(c->pools.packed_pages, (count * 400 + MEM_PAGE_BYTES - 1) / MEM_PAGE_BYTES);
    for (uint32_t i = 0; i < count; i++)
        if (i % 4 != 0)
            pool_free(&c->pools, kept[i]);
    ck_assert_uint_eq(c->pools.packed_dead_bytes, (count - (count + 3) / 4) * 400);
    pack_all(c);
    ck_assert_uint_eq(c->pools.packed_pages, 0);
    ck_assert_uint_eq(c->pools.packed_dead_bytes, 0);
    for (uint32_t i = 0; i < count; i += 4)
        check_sign(c, kept[i]);
    for (uint32_t i = 0; i < count; i += 4)
        pool_free(&c->pools, kept[i]);
    ck_assert_uint_eq(pools_packed_bytes(&c->pools), 0);
    cells_free(c);
}
END_TEST

/* Into chunks, and into a row. */
START_TEST(refused_memory_leaves_a_pool_as_it_was)
{
    struct cells *c = cells_new();
    static slot_t kept[POOL_CELLS];
    uint32_t count = make_sparse(c, _i == 0 ? 7 : 100, 1, 6, kept), number = pool_of(kept[0]);
    uint64_t n = 0;

    while (!pool_is_packed(&c->pools, number)) {
        c->mem.fail_at = c->mem.request_count + ++n;
        c->pools.pack_all_due = true;
        (void)pools_pack(&c->pools, 1000);
        c->mem.fail_at = 0;
        ck_assert_uint_eq(pools_validate(&c->pools), 0);
        ck_assert_uint_eq(pool_is_packed(&c->pools, number), c->pools.sparse == 0);
        for (uint32_t i = 0; i < count; i++)
            check_sign(c, kept[i]);
        c->pools.now_ms += 10000; /* it waits before it tries again */
    }
    ck_assert_uint_ge(n, 3);
    cells_free(c);
}
END_TEST

START_TEST(a_refusal_is_not_repeated_at_once)
{
    struct cells *c = cells_new();
    static slot_t kept[POOL_CELLS];

    make_sparse(c, 7, 1, 6, kept);
    c->mem.max_bytes = 1;
    c->pools.pack_all_due = true;
    ck_assert_uint_eq(pools_pack_at_ms(&c->pools), 0);
    ck_assert_uint_gt(pools_pack(&c->pools, 100000), 0);
    c->pools.pack_all_due = true;
    ck_assert_uint_gt(pools_pack_at_ms(&c->pools), 0);
    c->mem.max_bytes = 0;
    c->pools.now_ms = pools_pack_at_ms(&c->pools);
    pack_all(c);
    ck_assert(pool_is_packed(&c->pools, pool_of(kept[0])));
    cells_free(c);
}
END_TEST

START_TEST(packing_waits_until_waste_has_lasted)
{
    struct cells *c = cells_new();
    enum { POOLS = 260 };
    static slot_t kept[POOLS * POOL_CELLS];

    c->pools.decay_ms = 700;
    make_sparse(c, 6, 10, 50, kept); /* 240 KB are not worth it */
    pools_tell_time(&c->pools, 1000);
    ck_assert_uint_eq(pools_pack_at_ms(&c->pools), UINT64_MAX);
    make_sparse(c, 6, POOLS, 50, kept);
    pools_tell_time(&c->pools, 2000);
    ck_assert_uint_eq(pools_pack_at_ms(&c->pools), 2700);
    pools_tell_time(&c->pools, 2699);
    ck_assert_uint_eq(pools_pack(&c->pools, 1000), 1000);
    pools_tell_time(&c->pools, 2700);
    ck_assert_uint_eq(pools_pack_at_ms(&c->pools), 0);
    ck_assert_uint_eq(pools_pack(&c->pools, 1), 0);
    ck_assert_uint_eq(c->pools.class[POOL_DATA][6].packed, 1); /* a step is one pool */
    while (pools_pack(&c->pools, 1000) == 0)
        ;
    ck_assert_uint_eq(c->pools.sparse, 0);
    ck_assert_uint_eq(pools_pack_at_ms(&c->pools), UINT64_MAX);
    cells_free(c);
}
END_TEST

/* The reserve is set so high that numbers are scarce from the first. */
START_TEST(packed_pools_are_unpacked_when_numbers_are_scarce)
{
    struct cells *c = cells_new();
    enum { POOLS = 4 };
    static slot_t kept[POOLS * POOL_CELLS];
    uint32_t count = make_sparse(c, 5, POOLS, 10, kept);

    pack_all(c);
    c->pools.numbers_reserve = POOLS_MAX;
    for (uint32_t n = 1; n <= POOLS; n++) {
        ck_assert_uint_eq(pools_pack_at_ms(&c->pools), 0);
        (void)pools_pack(&c->pools, 1000);
        ck_assert_uint_eq(pools_validate(&c->pools), 0);
        ck_assert_uint_eq(c->pools.class[POOL_DATA][5].packed, POOLS - n);
        ck_assert_uint_ne(pools_pack_at_ms(&c->pools), 0); /* one is enough, until it is taken */
        for (uint32_t i = 0; i < count; i++)
            check_sign(c, kept[i]);
        while (c->pools.class[POOL_DATA][5].length[1] > 0)
            (void)data_cell(c, 5);
    }
    cells_free(c);
}
END_TEST

START_TEST(unpacking_that_is_refused_changes_nothing)
{
    struct cells *c = cells_new();
    static slot_t kept[POOL_CELLS];
    uint32_t count = make_sparse(c, 5, 1, 10, kept);

    pack_all(c);
    (void)purge_all(c);
    c->pools.numbers_reserve = POOLS_MAX;
    c->mem.max_bytes = 1;
    (void)pools_pack(&c->pools, 1000);
    ck_assert(pool_is_packed(&c->pools, pool_of(kept[0])));
    ck_assert_uint_gt(pools_pack_at_ms(&c->pools), 0);
    ck_assert_uint_eq(pools_validate(&c->pools), 0);
    c->mem.max_bytes = 0;
    c->pools.now_ms += 10000;
    (void)pools_pack(&c->pools, 1000);
    ck_assert(!pool_is_packed(&c->pools, pool_of(kept[0])));
    for (uint32_t i = 0; i < count; i++)
        check_sign(c, kept[i]);
    cells_free(c);
}
END_TEST

/* Against the simplest model there is: a list of the cells in use, each of which knows what it must say. Growing,
 * shrinking, packing and purging by turns. */
START_TEST(a_random_life_with_packing_keeps_every_cell_whole)
{
    struct cells *c = cells_new();
    uint64_t seed = unit_seed(_i);
    static slot_t slots[40000];
    uint32_t count = 0, steps = scaled(600000, 240000), packed = 0;

    for (uint32_t n = 0; n < steps; n++) {
        uint32_t dice = unit_rand_below(&seed, 100);

        if (dice < (n / (steps / 6) % 2 == 0 ? 70u : 15u) && count < ARRAY_LEN(slots)) {
            slot_t slot = data_cell(c, 2 + unit_rand_below(&seed, n % 64 == 0 ? 134 : 3));

            sign(c, slots[count++] = slot);
        } else if (count > 0) {
            uint32_t i = unit_rand_below(&seed, count);

            check_sign(c, slots[i]);
            pool_free(&c->pools, slots[i]);
            slots[i] = slots[--count];
        }
        if (unit_rand_below(&seed, 500) == 0) {
            pools_tell_time(&c->pools, c->pools.now_ms + unit_rand_below(&seed, 800));
            c->pools.pack_all_due = c->pools.purge_all_due = unit_rand_below(&seed, 2) == 0;
            c->pools.numbers_reserve = unit_rand_below(&seed, 4) == 0 ? POOLS_MAX : POOLS_MAX / 4;
            c->mem.fail_at = unit_rand_below(&seed, 4) == 0 ? c->mem.request_count + 1 : 0;
            (void)pools_pack(&c->pools, 1 + unit_rand_below(&seed, 3000));
            c->mem.fail_at = 0;
            (void)pools_purge(&c->pools, 1 + unit_rand_below(&seed, 1000));
            for (uint32_t words = 2; words < 5; words++)
                packed += c->pools.class[POOL_DATA][words].packed;
        }
        if (n % 10000 == 0)
            MUST(pools_validate(&c->pools) == 0);
    }
    ck_assert_uint_gt(packed, 0);
    for (uint32_t i = 0; i < count; i++)
        check_sign(c, slots[i]);
    for (uint32_t i = 0; i < count; i++)
        pool_free(&c->pools, slots[i]);
    ck_assert_uint_eq(pools_packed_bytes(&c->pools), 0);
    (void)purge_all(c);
    ck_assert_uint_eq(c->mem.used_bytes, c->pools.charged_tables);
    cells_free(c);
}
END_TEST

START_TEST(asking_for_a_free_cell_of_a_packed_pool_stops_the_process)
{
    struct cells *c = cells_new();
    static slot_t kept[POOL_CELLS];

    make_sparse(c, 5, 1, 10, kept);
    pack_all(c);
    (void)pool_cell(&c->pools, kept[0] + 1);
}
END_TEST

/* ---- objects ---- */

#define EVERY 12

/* `count` records of which every EVERY-th stays; each says which it is. The dropped ones' ids stay known too. */
static void make_sparse_objects(struct world *w, obj_id *ids, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct field f[] = {field("n", value_int(i)), field("name", text(i % 24 == 0 ? "twenty-four" : "other"))};

        ids[i] = new_record_with(w, "C", f, 2);
    }
    for (uint32_t i = 0; i < count; i++)
        if (i % EVERY != 0)
            let_go(w, ids[i]);
    world_reap(w);
}

static void check_sparse_objects(struct world *w, const obj_id *ids, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct value v;

        if (i % EVERY != 0) {
            MUST(heap_check(w->heap, ids[i], NULL) == ERR_COLLECTED);
            continue;
        }
        MUST(heap_get_field(w->heap, ids[i], slice_of("n"), &v, NULL) == ERR_OK && (uint32_t)v.integer == i);
    }
}

START_TEST(ids_and_contents_stay_when_objects_move)
{
    struct world w = world_new();
    static obj_id ids[20 * POOL_CELLS];

    make_sparse_objects(&w, ids, ARRAY_LEN(ids));
    world_tidy(&w);
    ck_assert_uint_ge(world_stats(&w).packed_pools, 15);
    check_sparse_objects(&w, ids, ARRAY_LEN(ids));
    world_check(&w);
    for (uint32_t i = 0; i < ARRAY_LEN(ids); i += EVERY) {
        set(&w, ids[i], "n", value_int(i + 1)); /* in place, where it is now */
        set(&w, ids[i], "more", value_int(i));  /* it outgrows its cell */
        set(&w, ids[i], "n", value_int(i));
    }
    check_sparse_objects(&w, ids, ARRAY_LEN(ids));
    world_check(&w);
    world_free(&w);
}
END_TEST

START_TEST(every_object_of_a_packed_pool_is_met_once_by_a_walk)
{
    struct world w = world_new();
    static obj_id ids[4 * POOL_CELLS];
    uint32_t met = 0;
    slot_t at = 0;

    make_sparse_objects(&w, ids, ARRAY_LEN(ids));
    world_tidy(&w);
    do {
        met += heap_next_object(w.heap, &at, 7) != 0;
    } while (at != 0);
    ck_assert_uint_eq(met, world_objects(&w));
    world_free(&w);
}
END_TEST

START_TEST(everything_dies_in_packed_pools)
{
    struct world w = world_new();
    static obj_id ids[6 * POOL_CELLS];

    make_sparse_objects(&w, ids, ARRAY_LEN(ids));
    world_tidy(&w);
    for (uint32_t i = 0; i < ARRAY_LEN(ids); i += EVERY)
        let_go(&w, ids[i]);
    world_check(&w); /* dead, not reaped */
    world_reap(&w);
    world_tidy(&w);
    for (uint32_t i = 0; i < ARRAY_LEN(ids); i++)
        MUST(heap_check(w.heap, ids[i], NULL) == ERR_COLLECTED);
    ck_assert_uint_eq(world_stats(&w).packed_pools, 0);
    ck_assert_uint_eq(world_stats(&w).packed_bytes, 0);
    world_check(&w);
    world_free(&w);
}
END_TEST

/* Free cells of a packed pool have no turn of their own: what was an id stays one, what was not does not become it. */
START_TEST(free_slots_of_a_packed_pool_answer_by_its_highest_turn)
{
    struct world w = world_new();
    static obj_id ids[2 * POOL_CELLS];
    obj_id turn = 1ull << SLOT_BITS;

    make_sparse_objects(&w, ids, ARRAY_LEN(ids));
    world_tidy(&w);
    REFUSED(ERR_COLLECTED, heap_check(w.heap, ids[1], &why));
    REFUSED(ERR_NO_OBJECT, heap_check(w.heap, ids[1] + turn, &why));
    REFUSED(ERR_NO_OBJECT, heap_check(w.heap, ids[1] + 2 * turn, &why));
    REFUSED(ERR_NO_OBJECT, heap_check(w.heap, ids[0] + turn, &why));
    world_free(&w);
}
END_TEST

START_TEST(an_unpacked_pool_gives_out_ids_that_never_were)
{
    struct world w = world_new();
    static obj_id ids[3 * POOL_CELLS];
    uint32_t again = 0;

    make_sparse_objects(&w, ids, ARRAY_LEN(ids));
    world_tidy(&w);
    w.heap->pools.numbers_reserve = POOLS_MAX; /* from now on they are scarce */
    for (uint32_t i = 0; i < 3 * POOL_CELLS; i++) {
        obj_id id;

        (void)heap_pack(w.heap, 1);
        id = new_record_with(&w, "C", (struct field[]){field("n", value_int(0)), field("name", value_int(0))}, 2);
        for (uint32_t k = 0; k < ARRAY_LEN(ids); k++) {
            MUST(ids[k] != id);
            again += (ids[k] & SLOT_MAX) == (id & SLOT_MAX);
        }
        REFUSED(ERR_NO_OBJECT, heap_check(w.heap, id + (1ull << SLOT_BITS), &why));
    }
    ck_assert_uint_gt(again, POOL_CELLS);
    ck_assert_uint_eq(world_stats(&w).packed_pools, 0);
    check_sparse_objects(&w, ids, ARRAY_LEN(ids));
    world_check(&w);
    world_free(&w);
}
END_TEST

START_TEST(the_account_is_the_truth_about_packed_pools)
{
    struct world w = world_new();
    static obj_id ids[40 * POOL_CELLS];
    struct pool_class_info i;
    struct heap_stats s;
    uint64_t used = 0, free_bytes = 0, pages = 0, packed = 0;

    make_sparse_objects(&w, ids, ARRAY_LEN(ids));
    world_tidy(&w);
    s = world_stats(&w);
    for (uint32_t cursor = 0; heap_next_pool_class(w.heap, &cursor, &i);) {
        ck_assert_uint_eq(i.cells, i.used + i.free);
        ck_assert_uint_eq(i.cells, i.pools * POOL_CELLS);
        used += i.used * i.cell_bytes;
        free_bytes += i.free * i.cell_bytes;
        pages += i.cells * i.cell_bytes;
        packed += i.packed_pools;
    }
    ck_assert_uint_eq(pages, s.committed_bytes - s.dirty_bytes);
    ck_assert_uint_eq(free_bytes, s.pool_free_bytes); /* nothing has died in them since */
    ck_assert_uint_eq(used + free_bytes, pages);
    ck_assert_uint_eq(packed, s.packed_pools);
    ck_assert_uint_gt(packed, 30);
    world_free(&w);
}
END_TEST

START_TEST(lists_strings_and_walks_that_are_open_survive_packing)
{
    struct world w = world_new();
    static obj_id strings[6 * POOL_CELLS];
    obj_id list = new_list(&w), dict;
    struct edge_scan scan;
    char says[32];

    for (uint32_t i = 0; i < ARRAY_LEN(strings); i++) {
        snprintf(says, sizeof says, "the text number %u", i);
        strings[i] = new_record_with(&w, "S", (struct field[]){field("text", text(says))}, 1);
        if (i % EVERY == 0)
            push(&w, list, value_link(strings[i]));
    }
    dict = new_record(&w);
    for (uint32_t i = 0; i < 200; i++) {
        snprintf(says, sizeof says, "f%u", i);
        set(&w, dict, says, value_int(i));
    }
    heap_open_scan(w.heap, &scan, heap_slot(w.heap, list));
    for (uint32_t i = 0; i < ARRAY_LEN(strings); i++)
        let_go(&w, strings[i]);
    world_reap(&w);
    world_tidy(&w);
    ck_assert_uint_gt(world_stats(&w).packed_pools, 5);
    heap_close_scan(w.heap, &scan);
    for (uint32_t i = 0; i < ARRAY_LEN(strings); i += EVERY) {
        struct value v;

        snprintf(says, sizeof says, "the text number %u", i);
        ck_assert_int_eq(heap_get_field(w.heap, strings[i], slice_of("text"), &v, NULL), ERR_OK);
        ck_assert(slice_is(v.string, says));
    }
    world_check(&w);
    let_go(&w, list);
    let_go(&w, dict);
    world_reap(&w);
    world_check(&w);
    world_free(&w);
}
END_TEST

/* Through the heap's own door: nothing before the decay is over, then first the packing, then its pages. */
START_TEST(a_heap_tidies_itself_by_the_time_it_is_told)
{
    struct world w = world_new();
    uint32_t n = 320 * POOL_CELLS;
    obj_id *ids = malloc(n * sizeof *ids);
    uint64_t committed;

    heap_set_tidy(w.heap, &(struct heap_tidy){.purge_decay_ms = 500, .pack_used_pct = 25});
    make_sparse_objects(&w, ids, n);
    committed = world_stats(&w).committed_bytes;
    heap_tell_time(w.heap, 1000);
    ck_assert_uint_eq(heap_pack_at_ms(w.heap), 1500);
    heap_tell_time(w.heap, 1499);
    ck_assert_uint_eq(heap_pack(w.heap, 1000), 1000);
    heap_tell_time(w.heap, 1500);
    while (heap_pack_at_ms(w.heap) == 0)
        (void)heap_pack(w.heap, 128);
    (void)heap_purge(w.heap, SIZE_MAX); /* what was empty before the packing */
    ck_assert_uint_eq(heap_purge_at_ms(w.heap), 2000);
    heap_tell_time(w.heap, 1999);
    ck_assert_uint_eq(heap_purge(w.heap, 1000), 1000);
    ck_assert_uint_gt(world_stats(&w).dirty_bytes, committed / 2);
    heap_tell_time(w.heap, 2000);
    while (heap_purge_at_ms(w.heap) == 0)
        (void)heap_purge(w.heap, 128);
    ck_assert_uint_eq(world_stats(&w).dirty_bytes, 0);
    ck_assert_uint_le(world_stats(&w).committed_bytes, committed / 4);
    check_sparse_objects(&w, ids, n);
    world_check(&w);
    free(ids);
    world_free(&w);
}
END_TEST

START_TEST(a_heap_that_is_not_to_pack_does_not)
{
    struct world w = world_new();
    static obj_id ids[10 * POOL_CELLS];

    heap_set_tidy(w.heap, &(struct heap_tidy){.purge_decay_ms = 0, .pack_used_pct = 0});
    make_sparse_objects(&w, ids, ARRAY_LEN(ids));
    world_tidy(&w);
    ck_assert_uint_eq(world_stats(&w).packed_pools, 0);
    ck_assert_uint_eq(heap_pack_at_ms(w.heap), UINT64_MAX);
    world_free(&w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(cells_of_every_size_stay_what_they_were_when_packed),
        TEST(packing_gives_back_what_the_free_cells_took),
        TEST(fuller_pools_and_the_current_one_are_not_packed),
        TEST(a_cell_freed_in_a_packed_pool_moves_nothing),
        TEST(cells_of_a_packed_pool_go_back_at_once),
        TEST(a_loose_pool_is_packed_once_more),
        TEST(large_cells_are_packed_into_a_row_of_pages),
        TEST(refused_memory_leaves_a_pool_as_it_was, .rounds = 2),
        TEST(a_refusal_is_not_repeated_at_once),
        TEST(packing_waits_until_waste_has_lasted),
        TEST(packed_pools_are_unpacked_when_numbers_are_scarce),
        TEST(unpacking_that_is_refused_changes_nothing),
        TEST(a_random_life_with_packing_keeps_every_cell_whole, .rounds = 3),
        TEST(asking_for_a_free_cell_of_a_packed_pool_stops_the_process, .aborts = true),
        TEST(ids_and_contents_stay_when_objects_move),
        TEST(every_object_of_a_packed_pool_is_met_once_by_a_walk),
        TEST(everything_dies_in_packed_pools),
        TEST(free_slots_of_a_packed_pool_answer_by_its_highest_turn),
        TEST(an_unpacked_pool_gives_out_ids_that_never_were),
        TEST(the_account_is_the_truth_about_packed_pools),
        TEST(lists_strings_and_walks_that_are_open_survive_packing),
        TEST(a_heap_tidies_itself_by_the_time_it_is_told),
        TEST(a_heap_that_is_not_to_pack_does_not),
    };
    return unit_main(argc, argv, "pack", tests, ARRAY_LEN(tests));
}
