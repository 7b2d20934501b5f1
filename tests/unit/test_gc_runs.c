/*
 * test_gc_runs.c - when the collector starts by itself, and what it tells of its runs. Thresholds and their order are
 * CPython's, and each case of them was run there (test_gc.c).
 */
#include "tests/unit/gc_world.h"

/* ---- when it starts by itself ---- */

static uint64_t collections(struct world *w, int generation)
{
    return gc_state(w).generations[generation].collections;
}

/* Make `n` records that stay; the collector has its turn after each. */
static void create(struct world *w, uint32_t n, bool keep)
{
    for (uint32_t i = 0; i < n; i++) {
        obj_id id = new_record(w);

        if (!keep)
            let_go(w, id);
        gc_finish(w->gc);
    }
}

START_TEST(a_disabled_collector_works_when_told)
{
    struct world w = gc_world_new();

    set_thresholds(&w, 5, 10, 10);
    create(&w, 50, true);
    ck_assert_uint_eq(collections(&w, 0) + collections(&w, 1) + collections(&w, 2), 0);
    (void)self_loop(&w);
    ck_assert_uint_eq(collect(&w, 2), 1);
    gc_world_free(&w);
}
END_TEST

START_TEST(a_first_threshold_of_zero_disables)
{
    struct world w = gc_world_new();

    set_enabled(&w, true);
    set_thresholds(&w, 0, 10, 10);
    create(&w, 5000, true);
    ck_assert_uint_eq(collections(&w, 0) + collections(&w, 1) + collections(&w, 2), 0);
    ck_assert_uint_eq(gc_state(&w).counts[0], 5000);
    gc_world_free(&w);
}
END_TEST

START_TEST(thresholds_are_what_was_set_and_nothing_too_large)
{
    struct world w = gc_world_new();
    struct gc_tuning t = gc_state(&w).tuning;

    ck_assert(t.thresholds[0] == 2000 && t.thresholds[1] == 10 && t.thresholds[2] == 10);
    set_thresholds(&w, 600, 7, 10);
    t = gc_state(&w).tuning;
    ck_assert(t.thresholds[0] == 600 && t.thresholds[1] == 7 && t.thresholds[2] == 10);
    t.thresholds[2] = GC_THRESHOLD_MAX + 1u;
    t.thresholds[0] = 1;
    REFUSED(ERR_BAD_VALUE, gc_set_tuning(w.gc, &t, &why));
    t.thresholds[2] = 0;
    t.debug = 64;
    REFUSED(ERR_BAD_VALUE, gc_set_tuning(w.gc, &t, &why));
    ck_assert_uint_eq(gc_state(&w).tuning.thresholds[0], 600);
    gc_world_free(&w);
}
END_TEST

START_TEST(a_generation_that_is_none_is_refused)
{
    struct world w = gc_world_new();
    const int bad[] = {-1, 3, 99, INT32_MIN};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        REFUSED(ERR_BAD_VALUE, gc_collect(w.gc, bad[i], GC_BY_REQUEST, false, NULL, &why));
    ck_assert(!gc_has_work(w.gc));
    gc_world_free(&w);
}
END_TEST

START_TEST(the_threshold_is_passed_by_the_first_net_object_above_it)
{
    struct world w = gc_world_new();

    set_thresholds(&w, 100, 10, 10);
    set_enabled(&w, true);
    create(&w, 10000, false);
    ck_assert_uint_eq(collections(&w, 0), 0); /* made and dropped: nothing net */
    create(&w, 100, true);
    ck_assert_uint_eq(collections(&w, 0), 0);
    ck_assert(!gc_is_due(w.gc));
    create(&w, 1, true);
    ck_assert_uint_eq(collections(&w, 0), 1);
    ck_assert_uint_eq(gc_state(&w).counts[0], 0);
    gc_world_free(&w);
}
END_TEST

START_TEST(generation_one_comes_twelfth_and_the_oldest_a_hundred_and_thirty_third)
{
    struct world w = gc_world_new();
    uint64_t triggers = 0, first_middle = 0, first_full = 0;

    set_thresholds(&w, 50, 10, 10);
    set_enabled(&w, true);
    while (first_full == 0) {
        create(&w, 51, true);
        triggers++;
        if (first_middle == 0 && collections(&w, 1) > 0)
            first_middle = triggers;
        if (collections(&w, 2) > 0)
            first_full = triggers;
    }
    ck_assert_uint_eq(first_middle, 12);
    ck_assert_uint_eq(first_full, 133);
    gc_world_free(&w);
}
END_TEST

START_TEST(full_collections_wait_until_a_quarter_is_new)
{
    struct world w = gc_world_new();

    create(&w, 20000, true);
    (void)collect(&w, 2);
    ck_assert_uint_eq(collections(&w, 2), 1);
    set_thresholds(&w, 10, 1, 1);
    set_enabled(&w, true);
    create(&w, 4000, true);
    ck_assert_uint_eq(collections(&w, 2), 1);
    create(&w, 36000, true);
    ck_assert_uint_ge(collections(&w, 2), 1 + 3);
    ck_assert_uint_le(collections(&w, 2), 1 + 4);
    gc_world_free(&w);
}
END_TEST

START_TEST(many_bytes_in_few_objects_start_a_full_collection)
{
    struct world w = gc_world_new();
    struct gc_tuning t = gc_state(&w).tuning;

    t.enabled = true;
    t.full_bytes_pct = 25;
    OK(gc_set_tuning(w.gc, &t, &why));
    for (int i = 0; i < 40; i++) { /* cycles that hold a megabyte each */
        obj_id bytes = new_bytes(&w, 1 << 20, 'x'), loop = self_loop(&w);

        put_link(&w, loop, "bytes", bytes);
        let_go(&w, bytes);
        gc_finish(w.gc);
    }
    ck_assert_uint_ge(collections(&w, 2), 1);
    ck_assert_uint_le(world_stats(&w).live_bytes, 20u << 20);
    gc_world_free(&w);
}
END_TEST

/* Case 45: however many cycles are made, few lie about. */
START_TEST(a_producer_of_cycles_leaves_little_garbage_lying_about)
{
    struct world w = gc_world_new();
    uint32_t n = scaled(1000000, 60000);

    set_enabled(&w, true);
    for (uint32_t i = 0; i < n; i++) {
        (void)self_loop(&w);
        (void)gc_step(w.gc, 64);
        MUST(heap_counters(w.heap)->objects <= 2000 + 200);
    }
    gc_world_free(&w);
}
END_TEST

/* ---- what is told ---- */

START_TEST(runs_are_told_by_generation_and_in_the_log)
{
    struct world w = gc_world_new();
    struct gc_run run;

    (void)rooted(&w, "r");
    (void)self_loop(&w);
    (void)collect(&w, 0);
    ck_assert(collections(&w, 0) == 1 && collections(&w, 1) == 0 && collections(&w, 2) == 0);
    (void)collect(&w, 2);
    ck_assert(collections(&w, 0) == 1 && collections(&w, 1) == 0 && collections(&w, 2) == 1);
    ck_assert_uint_eq(gc_state(&w).generations[0].collected, 1);
    ck_assert(gc_log(w.gc, 0, &run));
    ck_assert(run.number == 2 && run.generation == 2 && run.candidates == 1 && run.collected == 0);
    ck_assert(gc_log(w.gc, 1, &run));
    ck_assert(run.number == 1 && run.generation == 0 && run.candidates == 2 && run.collected == 1);
    ck_assert(run.reason == GC_BY_REQUEST && run.units > 0);
    ck_assert(!gc_log(w.gc, 2, &run));
    gc_world_free(&w);
}
END_TEST

START_TEST(callers_who_wait_for_one_generation_share_a_run)
{
    struct world w = gc_world_new();
    struct gc_run run;
    uint64_t first, second, during;

    (void)self_loop(&w);
    first = ask(&w, 2, false);
    second = ask(&w, 2, false);
    ck_assert_uint_eq(first, second);
    ck_assert(step_to(&w, GC_PROVE));
    during = ask(&w, 2, false);
    ck_assert_uint_eq(during, first + 1); /* a call during a run waits for the next */
    ck_assert(!gc_run_of(w.gc, 2, false, first, &run));
    gc_finish(w.gc);
    ck_assert(gc_run_of(w.gc, 2, false, first, &run) && run.collected == 1);
    ck_assert(gc_run_of(w.gc, 2, false, during, &run) && run.collected == 0);
    ck_assert_uint_eq(collections(&w, 2), 2);
    gc_world_free(&w);
}
END_TEST

START_TEST(a_run_older_than_the_log_reads_as_zeros)
{
    struct world w = gc_world_new();
    uint64_t first = ask(&w, 0, false);
    struct gc_run run;

    gc_finish(w.gc);
    for (int i = 0; i < GC_LOG_MAX; i++)
        (void)collect(&w, 1);
    ck_assert(gc_run_of(w.gc, 0, false, first, &run));
    ck_assert_uint_eq(run.number, 0);
    ck_assert(!gc_log(w.gc, GC_LOG_MAX, &run));
    gc_world_free(&w);
}
END_TEST

START_TEST(time_is_put_on_the_account_of_the_run_it_was_spent_on)
{
    struct world w = gc_world_new();
    struct gc_run run;

    for (int i = 0; i < 100; i++)
        (void)self_loop(&w);
    (void)ask(&w, 2, false);
    for (uint64_t us = 1; gc_has_work(w.gc); us++) {
        (void)gc_step(w.gc, 50);
        gc_note_step(w.gc, us, 7000 + us, us);
    }
    ck_assert(gc_log(w.gc, 0, &run));
    ck_assert_uint_gt(run.slices, 3);
    ck_assert_uint_eq(run.max_slice_us, run.slices);
    ck_assert_uint_eq(run.us, run.slices * (run.slices + 1) / 2);
    ck_assert_uint_eq(run.began_ms, 7001);
    ck_assert_uint_eq(run.ended_ms, 7000 + run.slices);
    ck_assert_uint_eq(gc_state(&w).generations[2].us, run.us);
    gc_world_free(&w);
}
END_TEST

START_TEST(steps_of_one_slice_are_one_slice)
{
    struct world w = gc_world_new();
    struct gc_run run;

    for (int i = 0; i < 100; i++)
        (void)self_loop(&w);
    (void)ask(&w, 2, false);
    for (uint64_t n = 0; gc_has_work(w.gc); n++) {
        (void)gc_step(w.gc, 20);
        gc_note_step(w.gc, 3, 1, 1 + n / 4);
    }
    ck_assert(gc_log(w.gc, 0, &run));
    ck_assert_uint_gt(run.slices, 1);
    ck_assert_uint_eq(run.max_slice_us, 12);
    ck_assert_uint_gt(run.us, 12 * (run.slices - 1));
    ck_assert_uint_le(run.us, 12 * run.slices);
    gc_world_free(&w);
}
END_TEST

START_TEST(two_short_collections_in_a_row_each_have_their_slice)
{
    struct world w = gc_world_new();
    struct gc_run run;

    (void)self_loop(&w);
    (void)ask(&w, 2, false);
    (void)ask(&w, 0, false);
    while (gc_has_work(w.gc)) {
        (void)gc_step(w.gc, 1000000);
        gc_note_step(w.gc, 1, 1, 1);
    }
    for (size_t back = 0; back < 2; back++) {
        ck_assert(gc_log(w.gc, back, &run));
        ck_assert_uint_eq(run.slices, 1);
        ck_assert_uint_eq(run.us, 1);
    }
    gc_world_free(&w);
}
END_TEST

/* What dies by counting because the condemned let go of it is counted too: it went with them. */
START_TEST(a_run_knows_what_it_freed)
{
    struct world w = gc_world_new();
    obj_id loop = self_loop(&w), tail = new_record(&w);
    struct object_info of_loop, of_tail;
    struct gc_run run;

    put_link(&w, loop, "tail", tail);
    OK(heap_info(w.heap, loop, &of_loop, &why));
    OK(heap_info(w.heap, tail, &of_tail, &why));
    let_go(&w, tail);
    (void)collect(&w, 2);
    ck_assert(gc_log(w.gc, 0, &run));
    ck_assert_uint_eq(run.freed_bytes, of_loop.bytes + of_tail.bytes);
    (void)collect(&w, 2);
    ck_assert(gc_log(w.gc, 0, &run));
    ck_assert_uint_eq(run.freed_bytes, 0);
    gc_world_free(&w);
}
END_TEST

START_TEST(a_heap_without_cycles_says_so)
{
    struct world w = gc_world_new();
    obj_id id = new_record(&w);

    ck_assert(!gc_state(&w).cycles_possible);
    hold(&w, id);
    let_go(&w, id);
    ck_assert(gc_state(&w).cycles_possible);
    (void)collect(&w, 2);
    ck_assert(!gc_state(&w).cycles_possible);
    gc_world_free(&w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_disabled_collector_works_when_told),
        TEST(a_first_threshold_of_zero_disables),
        TEST(thresholds_are_what_was_set_and_nothing_too_large),
        TEST(a_generation_that_is_none_is_refused),
        TEST(the_threshold_is_passed_by_the_first_net_object_above_it),
        TEST(generation_one_comes_twelfth_and_the_oldest_a_hundred_and_thirty_third),
        TEST(full_collections_wait_until_a_quarter_is_new),
        TEST(many_bytes_in_few_objects_start_a_full_collection),
        TEST(a_producer_of_cycles_leaves_little_garbage_lying_about),
        TEST(runs_are_told_by_generation_and_in_the_log),
        TEST(callers_who_wait_for_one_generation_share_a_run),
        TEST(a_run_older_than_the_log_reads_as_zeros),
        TEST(time_is_put_on_the_account_of_the_run_it_was_spent_on),
        TEST(steps_of_one_slice_are_one_slice),
        TEST(two_short_collections_in_a_row_each_have_their_slice),
        TEST(a_run_knows_what_it_freed),
        TEST(a_heap_without_cycles_says_so),
    };
    return unit_main(argc, argv, "gc_runs", tests, ARRAY_LEN(tests));
}
