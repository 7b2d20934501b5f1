/*
 * test_gc.c - the collector does what CPython's does: each case was run on CPython 3.11 to 3.13, one object
 * here for one container with __slots__ there, and answered with these numbers.
 */
#include "tests/unit/gc_world.h"

/* A record that links itself, under a root. */
static obj_id rooted_loop(struct world *w, const char *name)
{
    obj_id id = rooted(w, name);

    put_link(w, id, "self", id);
    return id;
}

static void link_pair(struct world *w, obj_id a, obj_id b)
{
    put_link(w, a, "other", b);
    put_link(w, b, "other", a);
}

/* A record that something old holds by a field of its own, and nothing else. */
static obj_id young_below(struct world *w, obj_id from, const char *name)
{
    obj_id id = new_record(w);

    put_link(w, id, "self", id);
    put_link(w, from, name, id);
    let_go(w, id);
    return id;
}

/* ---- what is garbage ---- */

START_TEST(a_self_loop_is_collected_once)
{
    struct world w = gc_world_new();
    obj_id id = self_loop(&w);

    ck_assert(lives(&w, id));
    ck_assert_uint_eq(collect(&w, 2), 1);
    ck_assert(!lives(&w, id));
    ck_assert_uint_eq(collect(&w, 2), 0);
    ck_assert_uint_eq(world_stats(&w).freed_by_collector, 1);
    gc_world_free(&w);
}
END_TEST

START_TEST(a_pair_is_collected)
{
    struct world w = gc_world_new();
    obj_id a = new_record(&w), list = new_list(&w);

    put_link(&w, a, "list", list);
    push(&w, list, value_link(a));
    let_go(&w, a);
    let_go(&w, list);
    ck_assert_uint_eq(collect(&w, 2), 2);
    gc_world_free(&w);
}
END_TEST

START_TEST(a_ring_of_a_thousand_is_collected)
{
    struct world w = gc_world_new();
    obj_id first = new_record(&w), last = first;

    for (int i = 1; i < 1000; i++) {
        obj_id next = new_record(&w);

        put_link(&w, last, "next", next);
        let_go(&w, next);
        last = next;
    }
    put_link(&w, last, "next", first);
    let_go(&w, first);
    ck_assert_uint_eq(collect(&w, 2), 1000);
    gc_world_free(&w);
}
END_TEST

START_TEST(a_chain_without_a_cycle_needs_no_collector)
{
    struct world w = gc_world_new();
    obj_id head = 0;

    for (int i = 0; i < 100; i++) {
        obj_id id = new_record(&w);

        if (head != 0) {
            put_link(&w, id, "next", head);
            let_go(&w, head);
        }
        head = id;
    }
    let_go(&w, head);
    world_reap(&w);
    ck_assert_uint_eq(world_objects(&w), 0);
    ck_assert_uint_eq(collect(&w, 2), 0);
    gc_world_free(&w);
}
END_TEST

START_TEST(a_tail_goes_with_its_cycle)
{
    struct world w = gc_world_new();
    obj_id a = new_record(&w), b = new_record(&w), tail = b;

    link_pair(&w, a, b);
    for (int i = 0; i < 3; i++) {
        obj_id next = new_record(&w);

        put_link(&w, tail, "tail", next);
        let_go(&w, next);
        tail = next;
    }
    let_go(&w, a);
    let_go(&w, b);
    ck_assert_uint_eq(collect(&w, 2), 5);
    gc_world_free(&w);
}
END_TEST

START_TEST(a_rooted_pair_stays_until_the_root_goes)
{
    struct world w = gc_world_new();
    obj_id a = rooted(&w, "a"), b = new_record(&w);

    link_pair(&w, a, b);
    let_go(&w, b);
    ck_assert_uint_eq(collect(&w, 2), 0);
    unroot(&w, "a");
    ck_assert_uint_eq(collect(&w, 2), 2);
    gc_world_free(&w);
}
END_TEST

START_TEST(what_garbage_links_to_stays_if_something_else_holds_it)
{
    struct world w = gc_world_new();
    obj_id a = new_record(&w), b = new_record(&w), t = rooted(&w, "t");

    link_pair(&w, a, b);
    put_link(&w, a, "t", t);
    let_go(&w, a);
    let_go(&w, b);
    ck_assert_uint_eq(collect(&w, 2), 2);
    ck_assert(lives(&w, t));
    ck_assert_uint_eq(refs(&w, t), 1);
    gc_world_free(&w);
}
END_TEST

START_TEST(a_loop_that_holds_another_keeps_it_and_not_the_other_way_round)
{
    struct world w = gc_world_new();
    obj_id a = rooted_loop(&w, "a"), b = rooted_loop(&w, "b");

    put_link(&w, a, "to", b);
    unroot(&w, "a"); /* only b is rooted */
    ck_assert_uint_eq(collect(&w, 2), 1);
    ck_assert(!lives(&w, a) && lives(&w, b));
    unroot(&w, "b");
    ck_assert_uint_eq(collect(&w, 2), 1);

    a = rooted_loop(&w, "a");
    b = rooted_loop(&w, "b");
    put_link(&w, a, "to", b);
    unroot(&w, "b"); /* only a is rooted */
    ck_assert_uint_eq(collect(&w, 2), 0);
    unroot(&w, "a");
    ck_assert_uint_eq(collect(&w, 2), 2);
    gc_world_free(&w);
}
END_TEST

START_TEST(cycles_through_lists_and_dictionaries_are_found)
{
    struct world w = gc_world_new();
    obj_id dict = new_record(&w), list = new_list(&w);

    for (int i = 0; i < 2000; i++) {
        char name[16];
        obj_id id = new_record(&w);

        snprintf(name, sizeof name, "f%d", i);
        put_link(&w, dict, name, id);
        put_link(&w, id, "list", list);
        push(&w, list, value_link(dict));
        let_go(&w, id);
    }
    let_go(&w, dict);
    let_go(&w, list);
    ck_assert_uint_eq(collect(&w, 2), 2002);
    world_reap(&w);
    ck_assert_uint_eq(world_objects(&w), 0);
    gc_world_free(&w);
}
END_TEST

START_TEST(sessions_scopes_and_callers_keep_what_they_hold)
{
    struct world w = gc_world_new();
    obj_id by_session = self_loop(&w), by_scope = new_record(&w), by_caller = new_record(&w);
    struct scope *scope = scope_open(w.heap);

    OK(session_hold(w.sessions, 0, by_session, &why));
    put_link(&w, by_scope, "self", by_scope);
    put_link(&w, by_caller, "self", by_caller);
    disowns(&w, by_scope, 1);
    OK(scope_keep(scope, 0, by_scope, &why));
    ck_assert_uint_eq(collect(&w, 2), 0);
    OK(session_drop(w.sessions, 0, by_session, &why));
    (void)scope_close(&scope, SIZE_MAX);
    let_go(&w, by_caller);
    ck_assert_uint_eq(collect(&w, 2), 3);
    gc_world_free(&w);
}
END_TEST

START_TEST(bytes_are_in_no_generation_and_go_with_who_held_them)
{
    struct world w = gc_world_new();
    obj_id bytes = new_bytes(&w, 100, 'b'), loop = self_loop(&w);

    put_link(&w, loop, "bytes", bytes);
    let_go(&w, bytes);
    ck_assert_int_eq(info(&w, bytes).generation, -1);
    ck_assert_uint_eq(gc_state(&w).generations[0].objects, 1);
    ck_assert_uint_eq(collect(&w, 2), 1); /* found one; the other died by counting */
    ck_assert_uint_eq(world_objects(&w), 0);
    gc_world_free(&w);
}
END_TEST

/* ---- generations ---- */

static void expect_counts(struct world *w, uint32_t c1, uint32_t c2)
{
    ck_assert_uint_eq(gc_state(w).counts[1], c1);
    ck_assert_uint_eq(gc_state(w).counts[2], c2);
}

START_TEST(counts_go_up_and_back_as_generations_are_collected)
{
    struct world w = gc_world_new();

    (void)collect(&w, 2);
    expect_counts(&w, 0, 0);
    (void)collect(&w, 0);
    expect_counts(&w, 1, 0);
    (void)collect(&w, 1);
    expect_counts(&w, 0, 1);
    (void)collect(&w, 2);
    expect_counts(&w, 0, 0);
    gc_world_free(&w);
}
END_TEST

START_TEST(survivors_grow_old)
{
    struct world w = gc_world_new();
    obj_id id = rooted(&w, "r");

    for (int g = 0; g <= 3; g++) {
        ck_assert_int_eq(info(&w, id).generation, g < 2 ? g : 2);
        for (int of = 0; of < 3; of++)
            ck_assert_uint_eq(gc_state(&w).generations[of].objects, of == (g < 2 ? g : 2));
        (void)collect(&w, g < 2 ? g : 2);
    }
    gc_world_free(&w);
}
END_TEST

START_TEST(old_garbage_waits_for_a_full_collection)
{
    struct world w = gc_world_new();

    (void)rooted_loop(&w, "r");
    (void)collect(&w, 2);
    unroot(&w, "r");
    ck_assert_uint_eq(collect(&w, 0), 0);
    ck_assert_uint_eq(collect(&w, 1), 0);
    ck_assert_uint_eq(collect(&w, 2), 1);
    gc_world_free(&w);
}
END_TEST

START_TEST(what_something_old_holds_stays_until_it_is_unlinked)
{
    struct world w = gc_world_new();
    obj_id old = rooted(&w, "old"), young;

    (void)collect(&w, 2);
    young = young_below(&w, old, "young");
    ck_assert_uint_eq(collect(&w, 0), 0);
    ck_assert(lives(&w, young));
    unset_field(&w, old, "young");
    ck_assert_uint_eq(collect(&w, 0), 0); /* it is of generation 1 now */
    ck_assert_uint_eq(collect(&w, 1), 1);
    gc_world_free(&w);
}
END_TEST

START_TEST(what_old_garbage_holds_stays_until_that_is_collected)
{
    struct world w = gc_world_new();
    obj_id old = rooted_loop(&w, "old");

    (void)collect(&w, 2);
    (void)young_below(&w, old, "young");
    unroot(&w, "old");
    ck_assert_uint_eq(collect(&w, 0), 0);
    ck_assert_uint_eq(collect(&w, 2), 2);
    gc_world_free(&w);
}
END_TEST

START_TEST(what_dies_by_counting_from_garbage_is_not_counted_as_collected)
{
    struct world w = gc_world_new();
    obj_id old = rooted(&w, "old"), young;

    (void)collect(&w, 2);
    young = self_loop(&w);
    put_link(&w, young, "old", old);
    unroot(&w, "old");
    ck_assert_uint_eq(collect(&w, 0), 1);
    ck_assert(!lives(&w, old));
    ck_assert_uint_eq(world_objects(&w), 0);
    gc_world_free(&w);
}
END_TEST

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

/* Python: a weakref with a callback on a self-loop: nothing at drop; one call after collect, which sees None.
 */
START_TEST(a_weak_name_of_a_cycle_is_told_when_it_is_collected)
{
    struct world w = gc_world_new();
    obj_id id = self_loop(&w), read = 1;
    struct weak_notice notice;

    OK(weak_put(w.heap, SLICE("n"), id, NULL, &why));
    world_reap(&w);
    ck_assert(!weak_take_notice(w.heap, &notice));
    (void)collect(&w, 2);
    OK(weak_get(w.heap, SLICE("n"), &read, &why));
    ck_assert_uint_eq(read, 0);
    ck_assert(weak_take_notice(w.heap, &notice));
    ck_assert(slice_is(notice.name, "n") && notice.id == id);
    ck_assert(!weak_take_notice(w.heap, &notice));
    gc_world_free(&w);
}
END_TEST

/* Its cell still has the values from before it outgrew it: they must not read as links once the others are gone. */
START_TEST(a_record_that_outgrew_its_cell_shows_nothing_old_while_it_goes)
{
    struct world w = gc_world_new();
    obj_id other = new_record(&w);
    struct field fields[] = {field("a", value_link(other)), field("b", value_link(other)),
                             field("c", value_link(other))};
    obj_id id = new_record_with(&w, "A", fields, ARRAY_LEN(fields));

    for (const char *name = "defghijklm"; *name != '\0'; name++)
        put_link(&w, id, (char[]){*name, '\0'}, id);
    let_go(&w, id);
    (void)ask(&w, 2, false);
    while (gc_has_work(w.gc)) {
        (void)gc_step(w.gc, 1);
        world_check(&w);
    }
    ck_assert(!lives(&w, id));
    ck_assert_uint_eq(refs(&w, other), 1);
    let_go(&w, other);
    gc_world_free(&w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_self_loop_is_collected_once),
        TEST(a_pair_is_collected),
        TEST(a_ring_of_a_thousand_is_collected),
        TEST(a_chain_without_a_cycle_needs_no_collector),
        TEST(a_tail_goes_with_its_cycle),
        TEST(a_rooted_pair_stays_until_the_root_goes),
        TEST(what_garbage_links_to_stays_if_something_else_holds_it),
        TEST(a_loop_that_holds_another_keeps_it_and_not_the_other_way_round),
        TEST(cycles_through_lists_and_dictionaries_are_found),
        TEST(sessions_scopes_and_callers_keep_what_they_hold),
        TEST(bytes_are_in_no_generation_and_go_with_who_held_them),
        TEST(counts_go_up_and_back_as_generations_are_collected),
        TEST(survivors_grow_old),
        TEST(old_garbage_waits_for_a_full_collection),
        TEST(what_something_old_holds_stays_until_it_is_unlinked),
        TEST(what_old_garbage_holds_stays_until_that_is_collected),
        TEST(what_dies_by_counting_from_garbage_is_not_counted_as_collected),
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
        TEST(a_weak_name_of_a_cycle_is_told_when_it_is_collected),
        TEST(a_record_that_outgrew_its_cell_shows_nothing_old_while_it_goes),
    };
    return unit_main(argc, argv, "gc", tests, ARRAY_LEN(tests));
}
