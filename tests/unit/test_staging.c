/* Staging: what is being made in steps is seen by nobody until it is whole, and never if it is given up. */
#include "heap/staging.h"
#include "tests/unit/gc_world.h"

#define CHILDREN 3000

static size_t listed(const struct world *w)
{
    slot_t slot = 0;
    size_t count = 0;

    while (heap_next_object(w->heap, &slot, SIZE_MAX) != 0)
        count++;
    return count;
}

/* A list of lists, staged, on which the test has a reference. */
static obj_id make_staged(struct world *w, struct staging *s, int children)
{
    obj_id list, child;

    staging_enter(s);
    list = new_list(w);
    for (int i = 0; i < children; i++) {
        child = new_list(w);
        push(w, list, value_link(child));
        let_go(w, child);
    }
    staging_leave(s);
    return list;
}

static void let_go_staged(struct world *w, struct staging *s, obj_id id)
{
    staging_enter(s);
    let_go(w, id);
    staging_leave(s);
}

START_TEST(nobody_sees_what_is_staged_until_it_is_published)
{
    struct world w = world_new();
    struct staging *s = staging_open(w.heap);
    obj_id before = new_list(&w), id = make_staged(&w, s, 10);
    struct scope *scope = scope_open(w.heap);
    struct value link = value_link(id), weak_link = weak(id);

    REFUSED(ERR_NO_OBJECT, heap_check(w.heap, id, &why));
    REFUSED(ERR_NO_OBJECT, heap_hold(w.heap, id, &why));
    REFUSED(ERR_DANGLING, scope_hold(scope, 0, id, &why));
    REFUSED(ERR_DANGLING, heap_push_item(w.heap, before, &link, NULL, &why));
    REFUSED(ERR_DANGLING, heap_push_item(w.heap, before, &weak_link, NULL, &why));
    REFUSED(ERR_DANGLING, root_put(w.heap, (struct slice){"r", 1}, id, NULL, &why));
    ck_assert_uint_eq(listed(&w), 1);
    ck_assert_uint_eq(world_objects(&w), 12); /* counted all the same */
    world_check(&w);
    staging_publish(&s);
    ck_assert_ptr_null(s);
    OK(scope_hold(scope, 0, id, &why));
    ck_assert_uint_eq(listed(&w), 12);
    ck_assert_uint_eq(world_objects(&w), 12);
    world_check(&w);
    ck_assert_uint_gt(scope_close(&scope, SIZE_MAX), 0);
    let_go(&w, id);
    let_go(&w, before);
    world_free(&w);
}
END_TEST

START_TEST(what_is_given_up_dies_unseen)
{
    struct world w = world_new();
    struct staging *s = staging_open(w.heap);
    obj_id id = make_staged(&w, s, CHILDREN);

    let_go_staged(&w, s, id);
    staging_abandon(&s);
    while (heap_staged(w.heap) > 0) {
        ck_assert_uint_eq(listed(&w), 0);
        heap_reap(w.heap, 50);
    }
    world_check(&w);
    REFUSED(ERR_COLLECTED, heap_check(w.heap, id, &why));
    world_free(&w);
}
END_TEST

START_TEST(a_slot_of_what_was_staged_is_seen_when_it_is_used_again)
{
    struct world w = world_new();
    struct staging *s = staging_open(w.heap);
    obj_id kept = make_staged(&w, s, 1), given_up = make_staged(&w, s, CHILDREN), seen;

    let_go_staged(&w, s, given_up);
    world_reap(&w);
    ck_assert_uint_eq(heap_staged(w.heap), 2);
    seen = new_list(&w);
    for (size_t i = 0; i < 2 * CHILDREN; i++) {
        obj_id id = new_list(&w);

        push(&w, seen, value_link(id)); /* which looks it up */
        let_go(&w, id);
    }
    ck_assert_uint_eq(listed(&w), 2 * CHILDREN + 1);
    let_go(&w, seen);
    let_go_staged(&w, s, kept);
    staging_abandon(&s);
    world_free(&w);
}
END_TEST

START_TEST(who_is_in_one_area_does_not_see_another)
{
    struct world w = world_new();
    struct staging *a = staging_open(w.heap), *b = staging_open(w.heap);
    obj_id in_a = make_staged(&w, a, 0), in_b = make_staged(&w, b, 0);

    staging_enter(a);
    ck_assert(heap_has(w.heap, in_a));
    ck_assert(!heap_has(w.heap, in_b));
    let_go(&w, in_a);
    staging_leave(a);
    let_go_staged(&w, b, in_b);
    staging_abandon(&a);
    staging_publish(&b);
    ck_assert_uint_eq(heap_staged(w.heap), 0);
    world_free(&w);
}
END_TEST

START_TEST(a_heap_may_end_before_what_was_given_up_has)
{
    struct world w = world_new();
    struct staging *s = staging_open(w.heap);
    obj_id id = make_staged(&w, s, CHILDREN);

    let_go_staged(&w, s, id);
    staging_abandon(&s);
    ck_assert_uint_gt(heap_staged(w.heap), 0);
    world_free(&w);
}
END_TEST

START_TEST(refused_memory_leaves_no_area)
{
    struct world w = world_new();
    struct staging *s;

    for (uint64_t nth = 1; nth <= 3; nth++) {
        w.mem->fail_at = w.mem->request_count + nth;
        s = staging_open(w.heap);
        w.mem->fail_at = 0;
        ck_assert_ptr_null(s);
        world_check(&w);
    }
    world_free(&w);
}
END_TEST

/* Cells of what a collection condemned go back many at a time: those too leave their area. */
START_TEST(a_cycle_that_is_collected_leaves_its_area)
{
    struct world w = gc_world_new();
    struct staging *s = staging_open(w.heap);
    obj_id id;

    staging_enter(s);
    for (int i = 0; i < CHILDREN; i++)
        (void)self_loop(&w);
    staging_leave(s);
    ck_assert_uint_eq(heap_staged(w.heap), CHILDREN);
    (void)ask(&w, 2, false);
    while (gc_has_work(w.gc)) {
        (void)gc_step(w.gc, 7);
        world_check(&w);
    }
    ck_assert_uint_eq(heap_staged(w.heap), 0);
    ck_assert_uint_eq(world_objects(&w), 0);
    for (int i = 0; i < 2 * CHILDREN; i++) { /* in their cells, too */
        id = new_record(&w);
        OK(heap_check(w.heap, id, &why));
        let_go(&w, id);
    }
    staging_abandon(&s);
    gc_world_free(&w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(nobody_sees_what_is_staged_until_it_is_published),
        TEST(what_is_given_up_dies_unseen),
        TEST(a_slot_of_what_was_staged_is_seen_when_it_is_used_again),
        TEST(who_is_in_one_area_does_not_see_another),
        TEST(a_heap_may_end_before_what_was_given_up_has),
        TEST(refused_memory_leaves_no_area),
        TEST(a_cycle_that_is_collected_leaves_its_area),
    };
    return unit_main(argc, argv, "staging", tests, ARRAY_LEN(tests));
}
