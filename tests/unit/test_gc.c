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
        TEST(a_weak_name_of_a_cycle_is_told_when_it_is_collected),
        TEST(a_record_that_outgrew_its_cell_shows_nothing_old_while_it_goes),
    };
    return unit_main(argc, argv, "gc", tests, ARRAY_LEN(tests));
}
