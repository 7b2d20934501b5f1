/* test_ref.c - counts are exact at any size, and death takes bounded steps whatever the shape of the graph.
 */
#include "heap/heap_gc.h"
#include "tests/unit/world.h"

START_TEST(a_count_is_what_its_holders_are)
{
    struct world w = world_new();
    obj_id id = new_record(&w), list = new_list(&w), from = new_record(&w);

    ck_assert_uint_eq(refs(&w, id), 1);
    hold(&w, id);
    ck_assert_uint_eq(refs(&w, id), 2);
    root(&w, "r", id);
    put_link(&w, from, "a", id);
    put_link(&w, from, "b", id);
    push(&w, list, value_link(id));
    push(&w, list, value_link(id));
    put_link(&w, id, "self", id);
    OK(session_hold(w.sessions, 0, id, &why));
    ck_assert_uint_eq(refs(&w, id), 9);
    world_check(&w);
    OK(session_drop(w.sessions, 0, id, &why));
    unset_field(&w, id, "self");
    let_go(&w, list);
    ck_assert_uint_eq(refs(&w, id), 7); /* dead holders let go when they are reaped */
    world_reap(&w);
    ck_assert_uint_eq(refs(&w, id), 5);
    unroot(&w, "r");
    let_go(&w, from);
    let_go(&w, id);
    let_go(&w, id);
    world_reap(&w);
    ck_assert(!lives(&w, id));
    ck_assert_uint_eq(world_objects(&w), 0);
    world_free(&w);
}
END_TEST

/* ---- a hub ---- */

#define CELL_FULL OBJECT_COUNT_MAX

START_TEST(a_count_beyond_what_the_cell_holds_is_exact_up_and_down)
{
    struct world w = world_new();
    obj_id hub = new_record(&w), list = new_list(&w);
    struct value link = value_link(hub);
    const uint32_t links = (1u << 20) + 10;

    for (uint32_t i = 0; i < links; i++) {
        push(&w, list, link);
        if (i % 65536 == 0 || i > links - 20)
            MUST(refs(&w, hub) == i + 2);
    }
    world_check(&w);
    ck_assert_uint_eq(refs(&w, hub), (uint64_t)links + 1);
    for (uint32_t i = links; i > 0; i--) {
        OK(heap_delete_item(w.heap, list, i - 1, &why));
        if (i % 65536 == 0 || i < 20)
            MUST(refs(&w, hub) == i);
    }
    world_check(&w);
    let_go(&w, hub);
    ck_assert(!lives(&w, hub));
    world_free(&w);
}
END_TEST

static void hold_times(struct world *w, obj_id id, uint32_t times)
{
    for (uint32_t i = 0; i < times; i++)
        MUST(heap_hold(w->heap, id, NULL) == ERR_OK);
    owns(w, id, times);
}

static void release_times(struct world *w, obj_id id, uint32_t times)
{
    for (uint32_t i = 0; i < times; i++)
        heap_release(w->heap, id);
    disowns(w, id, times);
}

/* Back and forth over the border, where halves move between the cell and the table. */
START_TEST(a_count_that_swings_around_the_border_stays_exact)
{
    struct world w = world_new();
    obj_id id = new_record(&w);
    uint64_t seed = unit_seed(_i), expected = CELL_FULL;

    hold_times(&w, id, CELL_FULL - 1);
    for (uint32_t n = 0; n < scaled(400, 20); n++) {
        uint32_t by =
            unit_rand_below(&seed, 3) == 0 ? unit_rand_below(&seed, 600000) : unit_rand_below(&seed, 5);

        if (unit_rand_below(&seed, 2) == 0) {
            hold_times(&w, id, by);
            expected += by;
        } else if (by < expected) {
            release_times(&w, id, by);
            expected -= by;
        }
        MUST(refs(&w, id) == expected);
    }
    while (expected > 1) {
        release_times(&w, id, 1);
        expected--;
    }
    ck_assert_uint_eq(refs(&w, id), 1);
    let_go(&w, id);
    ck_assert(!lives(&w, id));
    world_free(&w);
}
END_TEST

START_TEST(an_object_with_a_large_count_dies_with_the_heap)
{
    struct world w = world_new();
    obj_id id = new_record(&w);

    hold_times(&w, id, 3 * CELL_FULL);
    world_free(&w);
}
END_TEST

START_TEST(a_count_that_cannot_spill_is_refused_and_stays)
{
    struct world w = world_new();
    obj_id id = new_record(&w);

    for (uint32_t i = 0; i < 8; i++) { /* the table of big counts has room for a few */
        obj_id other = new_record(&w);

        hold_times(&w, other, CELL_FULL);
    }
    hold_times(&w, id, CELL_FULL - 1);
    starve(&w, 1, true);
    REFUSED(ERR_NOMEM, heap_hold(w.heap, id, &why));
    feed(&w);
    ck_assert_uint_eq(refs(&w, id), CELL_FULL);
    hold(&w, id);
    ck_assert_uint_eq(refs(&w, id), CELL_FULL + 1);
    world_free(&w);
}
END_TEST

/* ---- death in steps ---- */

static obj_id new_chain(struct world *w, uint32_t length)
{
    obj_id head = 0;

    for (uint32_t i = 0; i < length; i++) {
        struct field f = field("next", value_link(head));
        obj_id id = new_record_with(w, "Link", &f, head != 0);

        if (head != 0)
            let_go(w, head);
        head = id;
    }
    return head;
}

START_TEST(a_long_chain_dies_in_bounded_steps)
{
    struct world w = world_new();
    uint32_t length = scaled(1000000, 100000);
    obj_id head = new_chain(&w, length);
    struct heap_stats before, after;
    uint32_t steps = 0;

    let_go(&w, head);
    ck_assert_uint_eq(world_objects(&w), length - 1);
    do {
        before = world_stats(&w);
        (void)heap_reap(w.heap, 100);
        after = world_stats(&w);
        MUST(before.objects - after.objects <= 100);
        MUST(after.doomed <= 1);
        steps++;
    } while (after.objects > 0);
    ck_assert_uint_ge(steps, length / 100);
    ck_assert_uint_eq(after.freed_by_refcount, length);
    world_free(&w);
}
END_TEST

START_TEST(a_step_frees_no_more_than_its_units)
{
    struct world w = world_new();
    obj_id list = new_list(&w);

    for (uint32_t i = 0; i < 100000; i++) {
        obj_id id = new_record(&w);

        push(&w, list, value_link(id));
        let_go(&w, id);
    }
    let_go(&w, list);
    ck_assert_uint_eq(world_stats(&w).doomed, 1);
    for (size_t units = 1; world_stats(&w).doomed > 0; units = units % 37 + 1) {
        struct heap_stats before = world_stats(&w), after;
        size_t left = heap_reap(w.heap, units);

        after = world_stats(&w);
        MUST(left <= units);
        MUST(before.objects - after.objects <= 128 * units); /* a unit of a list is a leaf, or 64 slots waiting twice */
        MUST(left == 0 || after.doomed == 0);
        if (units == 17)
            world_check(&w);
    }
    ck_assert_uint_eq(world_objects(&w), 0);
    world_free(&w);
}
END_TEST

START_TEST(a_wide_dictionary_dies_in_bounded_steps_and_is_well_at_each)
{
    struct world w = world_new();
    obj_id dict = new_record(&w);
    uint32_t steps = 0;

    for (uint32_t i = 0; i < 3000; i++) {
        char name[16];

        snprintf(name, sizeof name, "f%u", i);
        obj_id id = new_record(&w);

        put_link(&w, dict, name, id);
        let_go(&w, id);
    }
    let_go(&w, dict);
    while (heap_reap(w.heap, 10) == 0) {
        if (++steps % 20 == 0)
            world_check(&w);
    }
    ck_assert_uint_ge(steps, 300);
    ck_assert_uint_eq(world_objects(&w), 0);
    world_free(&w);
}
END_TEST

static obj_id new_wide(struct world *w, const char *class, const obj_id *targets, uint32_t count)
{
    struct field fields[RECORD_SLOTS_MAX];
    char names[RECORD_SLOTS_MAX][8];

    for (uint32_t i = 0; i < count; i++) {
        snprintf(names[i], sizeof names[i], "f%u", i);
        fields[i] = field(names[i], value_link(targets[i]));
    }
    return new_record_with(w, class, fields, count);
}

/* A record of 32 links to records of 32 links, `depth` deep; `made` counts them. */
static obj_id new_wide_tree(struct world *w, uint32_t depth, uint64_t *made)
{
    obj_id targets[RECORD_SLOTS_MAX], id;

    for (uint32_t i = 0; depth > 0 && i < RECORD_SLOTS_MAX; i++)
        targets[i] = new_wide_tree(w, depth - 1, made);
    id = new_wide(w, depth % 2 == 0 ? "Even" : "Odd", targets, depth > 0 ? RECORD_SLOTS_MAX : 0);
    for (uint32_t i = 0; depth > 0 && i < RECORD_SLOTS_MAX; i++)
        let_go(w, targets[i]);
    (*made)++;
    return id;
}

START_TEST(records_as_wide_as_can_be_die_in_bounded_steps_and_are_well_at_each)
{
    struct world w = world_new();
    uint64_t made = 0, steps = 0;
    const size_t units = _i == 0 ? 1 : _i == 1 ? 10 : 1000;
    obj_id top = new_wide_tree(&w, 3, &made);
    struct heap_stats before, after = world_stats(&w);

    ck_assert_uint_eq(after.objects, made);
    let_go(&w, top);
    do {
        before = after;
        (void)heap_reap(w.heap, units);
        after = world_stats(&w);
        MUST(before.objects + before.doomed - after.objects - after.doomed <= units);
        MUST(before.objects - after.objects <= RECORD_SLOTS_MAX * units + 64);
        if (steps++ % 512 == 0)
            world_check(&w);
    } while (after.objects + after.doomed > 0);
    ck_assert_uint_ge(steps, made / units);
    ck_assert_uint_eq(after.freed_by_refcount, made);
    ck_assert_uint_eq(after.links, 0);
    world_free(&w);
}
END_TEST

/* A random object that holds some of those made before it: any kind, any layout, any value. */
static obj_id new_any(struct world *w, uint64_t *dice, const obj_id *older, uint32_t count)
{
    const char *const classes[] = {"A", "B", "C"};
    const struct value plain[] = {value_null(), value_int(INT64_MAX), real(0.1), text("a string")};
    uint32_t kind = unit_rand_below(dice, 8), fields = unit_rand_below(dice, kind == 0 ? 40 : 6);
    obj_id id = kind == 1 ? new_list(w) : new_record_of(w, classes[unit_rand_below(dice, 3)]);

    if (kind == 2) {
        let_go(w, id);
        return new_bytes(w, unit_rand_below(dice, 100), 'x');
    }
    for (uint32_t i = 0; i < fields; i++) {
        obj_id to = count > 0 ? older[unit_rand_below(dice, count)] : id;
        uint32_t what = unit_rand_below(dice, 10);
        struct value v = count == 0 || what == 0 ? plain[unit_rand_below(dice, 4)] : what == 1 ? weak(to) : value_link(to);
        char name[8];

        snprintf(name, sizeof name, "f%u", i);
        if (kind == 1)
            push(w, id, v);
        else
            set(w, id, name, v);
    }
    return id;
}

START_TEST(whatever_holds_whatever_all_of_it_dies)
{
    struct world w = world_new();
    uint64_t dice = unit_seed(_i);
    uint32_t count = scaled(4000, 1000);
    obj_id *ids = calloc(count, sizeof *ids);

    for (uint32_t i = 0; i < count; i++)
        ids[i] = new_any(&w, &dice, ids, i);
    world_reap(&w);
    ck_assert_uint_eq(world_objects(&w), count);
    for (uint32_t i = 0; i < count; i++) {
        let_go(&w, ids[i]);
        if (unit_rand_below(&dice, 4) == 0)
            (void)heap_reap(w.heap, unit_rand_below(&dice, 20));
        if (i % 256 == 0)
            world_check(&w);
    }
    for (uint32_t step = 0; heap_reap(w.heap, 1 + unit_rand_below(&dice, 50)) == 0; step++)
        if (step % 16 == 0)
            world_check(&w);
    ck_assert_uint_eq(world_objects(&w), 0);
    ck_assert_uint_eq(world_stats(&w).weak_links, 0);
    free(ids);
    world_free(&w);
}
END_TEST

START_TEST(no_units_do_nothing)
{
    struct world w = world_new();

    let_go(&w, new_record(&w));
    ck_assert_uint_eq(heap_reap(w.heap, 0), 0);
    ck_assert_uint_eq(world_stats(&w).doomed, 1);
    ck_assert_uint_eq(heap_reap(w.heap, 5), 4);
    ck_assert_uint_eq(heap_reap(w.heap, 5), 5);
    world_free(&w);
}
END_TEST

START_TEST(a_reference_that_was_not_taken_cannot_be_released)
{
    struct world w = world_new();
    obj_id id = new_record(&w);

    let_go(&w, id);
    heap_release(w.heap, id);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_count_is_what_its_holders_are),
        TEST(a_count_beyond_what_the_cell_holds_is_exact_up_and_down),
        TEST(a_count_that_swings_around_the_border_stays_exact),
        TEST(an_object_with_a_large_count_dies_with_the_heap),
        TEST(a_count_that_cannot_spill_is_refused_and_stays),
        TEST(a_long_chain_dies_in_bounded_steps),
        TEST(a_step_frees_no_more_than_its_units),
        TEST(a_wide_dictionary_dies_in_bounded_steps_and_is_well_at_each),
        TEST(records_as_wide_as_can_be_die_in_bounded_steps_and_are_well_at_each, .rounds = 3),
        TEST(whatever_holds_whatever_all_of_it_dies, .rounds = 8),
        TEST(no_units_do_nothing),
        TEST(a_reference_that_was_not_taken_cannot_be_released, .aborts = true),
    };
    return unit_main(argc, argv, "ref", tests, ARRAY_LEN(tests));
}
