/* test_freeze.c - the permanent generation, the garbage list of save-all, and runs that only look. */
#include "tests/unit/gc_world.h"

static void freeze(struct world *w, bool on)
{
    uint64_t ticket = gc_freeze(w->gc, on);

    gc_finish(w->gc);
    ck_assert(gc_freeze_done(w->gc, ticket));
}

/* ---- freezing ---- */

START_TEST(frozen_garbage_is_found_when_it_is_unfrozen)
{
    struct world w = gc_world_new();
    obj_id x = rooted(&w, "x");

    put_link(&w, x, "self", x);
    (void)collect(&w, 0);
    freeze(&w, true);
    ck_assert_uint_gt(gc_state(&w).frozen, 0);
    for (int g = 0; g < 3; g++)
        ck_assert_uint_eq(gc_state(&w).counts[g], 0);
    unroot(&w, "x");
    ck_assert_uint_eq(collect(&w, 2), 0);
    freeze(&w, false);
    ck_assert_uint_eq(gc_state(&w).frozen, 0);
    ck_assert_int_eq(info(&w, x).generation, 2);
    ck_assert_uint_eq(collect(&w, 2), 1);
    gc_world_free(&w);
}
END_TEST

START_TEST(what_is_frozen_keeps_what_it_links)
{
    struct world w = gc_world_new();
    obj_id parent = rooted(&w, "parent"), y;

    freeze(&w, true);
    y = self_loop(&w);
    put_link(&w, parent, "y", y);
    ck_assert_uint_eq(collect(&w, 2), 0);
    ck_assert(lives(&w, y));
    unset_field(&w, parent, "y");
    ck_assert_uint_eq(collect(&w, 2), 1);
    gc_world_free(&w);
}
END_TEST

START_TEST(frozen_objects_are_in_no_generation_and_die_by_counting_all_the_same)
{
    struct world w = gc_world_new();
    obj_id record = new_record(&w), list = new_list(&w), bytes = new_bytes(&w, 3, 'b');

    freeze(&w, true);
    ck_assert_uint_eq(gc_state(&w).frozen, 2); /* bytes are in no generation to begin with */
    ck_assert(info(&w, record).frozen && info(&w, list).frozen && !info(&w, bytes).frozen);
    ck_assert_int_eq(info(&w, record).generation, -1);
    for (int g = 0; g < 3; g++)
        ck_assert_uint_eq(gc_state(&w).generations[g].objects, 0);
    set(&w, record, "a", value_int(1)); /* it can be changed */
    let_go(&w, record);
    ck_assert_uint_eq(gc_state(&w).frozen, 1);
    freeze(&w, true); /* again is fine */
    ck_assert_uint_eq(gc_state(&w).frozen, 1);
    gc_world_free(&w);
}
END_TEST

START_TEST(freezing_goes_in_steps_and_waits_for_the_collection_that_runs)
{
    struct world w = gc_world_new();
    uint64_t collection, ticket;
    struct gc_run run;
    uint32_t steps = 0;

    for (int i = 0; i < 5000; i++)
        (void)new_record(&w);
    (void)self_loop(&w);
    collection = ask(&w, 2, false);
    ck_assert(step_to(&w, GC_SPREAD));
    ticket = gc_freeze(w.gc, true);
    while (!gc_freeze_done(w.gc, ticket)) {
        (void)gc_step(w.gc, 50);
        ck_assert(gc_run_of(w.gc, 2, false, collection, &run) || gc_state(&w).frozen == 0);
        if (steps++ % 20 == 0)
            world_check(&w);
    }
    ck_assert_uint_ge(steps, 5000 / 50);
    ck_assert(run.collected == 1);
    ck_assert_uint_eq(gc_state(&w).frozen, 5000);
    gc_world_free(&w);
}
END_TEST

START_TEST(the_last_word_counts)
{
    struct world w = gc_world_new();
    uint64_t on, off;

    (void)new_record(&w);
    on = gc_freeze(w.gc, true);
    off = gc_freeze(w.gc, false);
    gc_finish(w.gc);
    ck_assert(gc_freeze_done(w.gc, on) && gc_freeze_done(w.gc, off));
    ck_assert_uint_eq(gc_state(&w).frozen, 0);
    gc_world_free(&w);
}
END_TEST

/* ---- save-all ---- */

static uint32_t garbage_length(struct world *w)
{
    uint32_t cursor = UINT32_MAX, n = 0;
    obj_id id;

    while (gc_next_garbage(w->gc, &cursor, &id)) {
        MUST(gc_is_garbage(w->gc, id));
        n++;
    }
    MUST(n == gc_state(w).garbage);
    return n;
}

START_TEST(saved_garbage_is_on_the_list_and_lives_until_it_is_cleared)
{
    struct world w = gc_world_new();
    obj_id x = self_loop(&w), first = 0;
    uint32_t cursor = UINT32_MAX;

    set_save_all(&w, true);
    ck_assert_uint_eq(collect(&w, 2), 1);
    ck_assert_uint_eq(garbage_length(&w), 1);
    ck_assert(gc_next_garbage(w.gc, &cursor, &first));
    ck_assert_uint_eq(first, x);
    ck_assert_uint_eq(gc_state(&w).generations[2].uncollectable, 0);
    ck_assert_uint_eq(refs(&w, x), 2);
    ck_assert_uint_eq(collect(&w, 2), 0); /* the list holds it */
    set_save_all(&w, false);
    ck_assert_uint_eq(collect(&w, 2), 0);
    ck_assert_uint_gt(gc_clear_garbage(w.gc, 10), 0);
    ck_assert_uint_eq(garbage_length(&w), 0);
    ck_assert(!gc_is_garbage(w.gc, x));
    ck_assert_uint_eq(collect(&w, 2), 1);
    ck_assert(!lives(&w, x));
    gc_world_free(&w);
}
END_TEST

START_TEST(the_list_is_cleared_in_steps)
{
    struct world w = gc_world_new();
    uint32_t calls = 1;

    for (int i = 0; i < 1000; i++)
        (void)self_loop(&w);
    set_save_all(&w, true);
    ck_assert_uint_eq(collect(&w, 0), 1000);
    ck_assert_uint_eq(garbage_length(&w), 1000);
    while (gc_clear_garbage(w.gc, 100) == 0) {
        world_check(&w);
        calls++;
    }
    ck_assert_uint_ge(calls, 10);
    gc_world_free(&w);
}
END_TEST

START_TEST(a_collector_that_goes_leaves_no_garbage_list)
{
    struct world w = gc_world_new();
    obj_id x = self_loop(&w);

    set_save_all(&w, true);
    (void)collect(&w, 2);
    ck_assert_uint_eq(refs(&w, x), 2);
    gc_destroy(&w.gc);
    ck_assert_uint_eq(refs(&w, x), 1);
    world_free(&w);
}
END_TEST

/* What changes while they are being saved is neither lost nor counted wrong. */
START_TEST(saving_goes_in_steps_while_the_heap_changes)
{
    struct world w = gc_world_new();
    static obj_id ids[300];

    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        ids[i] = self_loop(&w);
    set_save_all(&w, true);
    (void)ask(&w, 2, false);
    ck_assert(step_to(&w, GC_CONDEMN));
    for (size_t i = 0; gc_has_work(w.gc); i++) {
        (void)gc_step(w.gc, 1);
        if (i < ARRAY_LEN(ids) && i % 2 == 0) {
            size_t k = ARRAY_LEN(ids) - 1 - i;

            ck_assert(lives(&w, ids[k])); /* nothing dies */
            hold(&w, ids[k]);
        }
        if (i % 16 == 0)
            world_check(&w);
    }
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        ck_assert(lives(&w, ids[i]));
    (void)collect(&w, 2);
    ck_assert_uint_le(garbage_length(&w), ARRAY_LEN(ids));
    gc_world_free(&w);
}
END_TEST

/* ---- dry runs ---- */

START_TEST(a_dry_run_says_what_would_go_and_changes_nothing)
{
    for (int generation = 0; generation < 3; generation++) {
        struct world w = gc_world_new();
        obj_id old = rooted(&w, "old"), young = self_loop(&w), kept = rooted(&w, "kept");
        struct gc_state before, after;
        struct heap_stats stats, stats_after;
        struct gc_run run;
        uint64_t ticket;

        put_link(&w, old, "kept", kept);
        (void)collect(&w, generation);
        (void)rooted(&w, "another");
        young = self_loop(&w);
        before = gc_state(&w);
        stats = world_stats(&w);
        ticket = ask(&w, generation, true);
        gc_finish(w.gc);
        ck_assert(gc_run_of(w.gc, generation, true, ticket, &run));
        ck_assert(run.dry_run && run.collected == 1 && run.generation == generation);
        after = gc_state(&w);
        stats_after = world_stats(&w);
        ck_assert(lives(&w, young));
        ck_assert_int_eq(info(&w, young).generation, 0);
        ck_assert(memcmp(&before.counts, &after.counts, sizeof before.counts) == 0);
        ck_assert(memcmp(&before.generations, &after.generations, sizeof before.generations) == 0);
        ck_assert(memcmp(&stats, &stats_after, sizeof stats) == 0);
        ck_assert_uint_eq(collect(&w, generation), 1); /* and it was right */
        gc_world_free(&w);
    }
}
END_TEST

START_TEST(a_dry_run_names_classes_the_most_numerous_first)
{
    struct world w = gc_world_new();
    struct gc_class_count c, last = {.objects = UINT64_MAX};
    uint64_t sum = 0;
    size_t n = 0;
    char class[16];

    for (uint32_t k = 0; k < 50; k++)
        for (uint32_t i = 0; i < k * 7 % 50 + 1; i++) {
            snprintf(class, sizeof class, "Class%u", k);

            obj_id id = new_record_of(&w, class);

            put_link(&w, id, "self", id);
            let_go(&w, id);
        }
    (void)ask(&w, 2, true);
    gc_finish(w.gc);
    for (; gc_dry_class(w.gc, n, &c); n++) {
        ck_assert_uint_le(c.objects, last.objects);
        ck_assert_uint_gt(c.bytes, 0);
        sum += c.objects;
        last = c;
    }
    ck_assert_uint_eq(n, 50);
    ck_assert_uint_eq(sum, 50 * 51 / 2);
    gc_world_free(&w);
}
END_TEST

START_TEST(more_classes_than_a_dry_run_names_are_left_out)
{
    struct world w = gc_world_new();
    struct gc_class_count c;
    char class[16];
    size_t n = 0;

    for (uint32_t k = 0; k < 2 * GC_DRY_CLASSES_MAX; k++) {
        snprintf(class, sizeof class, "Class%u", k);

        obj_id id = new_record_of(&w, class);

        put_link(&w, id, "self", id);
        let_go(&w, id);
    }
    (void)ask(&w, 0, true);
    gc_finish(w.gc);
    while (gc_dry_class(w.gc, n, &c))
        n++;
    ck_assert_uint_eq(n, GC_DRY_CLASSES_MAX);
    (void)collect(&w, 2);
    (void)ask(&w, 2, true); /* the next one begins anew */
    gc_finish(w.gc);
    ck_assert(!gc_dry_class(w.gc, 0, &c));
    gc_world_free(&w);
}
END_TEST

/* Others hold, drop and die while it looks: it may miscount, but it changes nothing of its own. */
START_TEST(a_heap_that_changes_under_a_dry_run_is_well)
{
    struct world w = gc_world_new();
    uint64_t seed = unit_seed(_i), left = 0;
    static obj_id ids[400];

    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        ids[i] = new_record(&w);
        if (i > 0)
            put_link(&w, ids[i], "before", ids[i - 1]);
    }
    (void)ask(&w, _i % 3, true);
    (void)ask(&w, 2, true);
    for (uint32_t n = 0; gc_has_work(w.gc); n++) {
        size_t i = unit_rand_below(&seed, ARRAY_LEN(ids)), j = unit_rand_below(&seed, ARRAY_LEN(ids));

        (void)gc_step(w.gc, 1);
        if (ids[i] != 0 && ids[j] != 0 && n % 3 == 0)
            put_link(&w, ids[i], "to", ids[j]);
        if (ids[i] != 0 && n % 50 == 0) {
            let_go(&w, ids[i]);
            ids[i] = 0;
        }
        if (n % 100 == 0)
            world_check(&w);
    }
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        left += ids[i] != 0;
    (void)collect(&w, 2);
    ck_assert_uint_ge(world_objects(&w), left);
    gc_world_free(&w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(frozen_garbage_is_found_when_it_is_unfrozen),
        TEST(what_is_frozen_keeps_what_it_links),
        TEST(frozen_objects_are_in_no_generation_and_die_by_counting_all_the_same),
        TEST(freezing_goes_in_steps_and_waits_for_the_collection_that_runs),
        TEST(the_last_word_counts),
        TEST(saved_garbage_is_on_the_list_and_lives_until_it_is_cleared),
        TEST(the_list_is_cleared_in_steps),
        TEST(a_collector_that_goes_leaves_no_garbage_list),
        TEST(saving_goes_in_steps_while_the_heap_changes),
        TEST(a_dry_run_says_what_would_go_and_changes_nothing),
        TEST(a_dry_run_names_classes_the_most_numerous_first),
        TEST(more_classes_than_a_dry_run_names_are_left_out),
        TEST(a_heap_that_changes_under_a_dry_run_is_well, .rounds = 6),
    };
    return unit_main(argc, argv, "freeze", tests, ARRAY_LEN(tests));
}
