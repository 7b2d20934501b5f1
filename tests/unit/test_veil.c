/* Veils: what is being made in steps is seen by nobody until it is whole, and never if it is given up. */
#include "heap/veil.h"
#include "tests/unit/world.h"

#define CHILDREN 3000

static size_t listed(const struct world *w)
{
    slot_t slot = 0;
    size_t count = 0;

    while (heap_next_object(w->heap, &slot, SIZE_MAX) != 0)
        count++;
    return count;
}

/* A list of lists behind the veil, on which the test has a reference. */
static obj_id make_behind(struct world *w, struct veil *v, int children)
{
    obj_id list, child;

    veil_enter(v);
    list = new_list(w);
    for (int i = 0; i < children; i++) {
        child = new_list(w);
        push(w, list, value_link(child));
        let_go(w, child);
    }
    veil_leave(v);
    return list;
}

static void let_go_behind(struct world *w, struct veil *v, obj_id id)
{
    veil_enter(v);
    let_go(w, id);
    veil_leave(v);
}

START_TEST(nobody_sees_what_is_behind_until_it_is_lifted)
{
    struct world w = world_new();
    struct veil *v = veil_open(w.heap);
    obj_id before = new_list(&w), id = make_behind(&w, v, 10);
    struct scope *scope = scope_open(w.heap);
    struct value link = value_link(id), weak_link = weak(id);

    REFUSED(ERR_NO_OBJECT, heap_check(w.heap, id, &why));
    REFUSED(ERR_NO_OBJECT, heap_hold(w.heap, id, &why));
    REFUSED(ERR_DANGLING, scope_hold(scope, 0, id, &why));
    REFUSED(ERR_DANGLING, heap_push_item(w.heap, before, &link, NULL, &why));
    REFUSED(ERR_DANGLING, heap_push_item(w.heap, before, &weak_link, NULL, &why));
    REFUSED(ERR_DANGLING, root_put(w.heap, (struct slice){"r", 1}, id, NULL, &why));
    ck_assert_uint_eq(listed(&w), 1);
    ck_assert_uint_eq(world_objects(&w), 1);
    world_check(&w);
    veil_lift(&v);
    ck_assert_ptr_null(v);
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
    struct veil *v = veil_open(w.heap);
    obj_id id = make_behind(&w, v, CHILDREN);

    let_go_behind(&w, v, id);
    veil_forsake(&v);
    while (heap_veiled(w.heap) > 0) {
        ck_assert_uint_eq(listed(&w), 0);
        ck_assert_uint_eq(world_objects(&w), 0);
        heap_reap(w.heap, 50);
    }
    world_check(&w);
    REFUSED(ERR_COLLECTED, heap_check(w.heap, id, &why));
    world_free(&w);
}
END_TEST

START_TEST(a_slot_that_was_behind_one_is_seen_when_it_is_used_again)
{
    struct world w = world_new();
    struct veil *v = veil_open(w.heap);
    obj_id kept = make_behind(&w, v, 1), given_up = make_behind(&w, v, CHILDREN), seen;

    let_go_behind(&w, v, given_up);
    world_reap(&w);
    ck_assert_uint_eq(heap_veiled(w.heap), 2);
    seen = new_list(&w);
    for (size_t i = 0; i < 2 * CHILDREN; i++) {
        obj_id id = new_list(&w);

        push(&w, seen, value_link(id)); /* which looks it up */
        let_go(&w, id);
    }
    ck_assert_uint_eq(listed(&w), 2 * CHILDREN + 1);
    let_go(&w, seen);
    let_go_behind(&w, v, kept);
    veil_forsake(&v);
    world_free(&w);
}
END_TEST

START_TEST(who_is_behind_one_does_not_see_behind_another)
{
    struct world w = world_new();
    struct veil *a = veil_open(w.heap), *b = veil_open(w.heap);
    obj_id in_a = make_behind(&w, a, 0), in_b = make_behind(&w, b, 0);

    veil_enter(a);
    ck_assert(heap_has(w.heap, in_a));
    ck_assert(!heap_has(w.heap, in_b));
    let_go(&w, in_a);
    veil_leave(a);
    let_go_behind(&w, b, in_b);
    veil_forsake(&a);
    veil_lift(&b);
    ck_assert_uint_eq(heap_veiled(w.heap), 0);
    world_free(&w);
}
END_TEST

START_TEST(a_heap_may_end_before_what_was_given_up_has)
{
    struct world w = world_new();
    struct veil *v = veil_open(w.heap);
    obj_id id = make_behind(&w, v, CHILDREN);

    let_go_behind(&w, v, id);
    veil_forsake(&v);
    ck_assert_uint_gt(heap_veiled(w.heap), 0);
    world_free(&w);
}
END_TEST

START_TEST(refused_memory_leaves_no_veil)
{
    struct world w = world_new();
    struct veil *v;

    for (uint64_t nth = 1; nth <= 3; nth++) {
        w.mem->fail_at = w.mem->request_count + nth;
        v = veil_open(w.heap);
        w.mem->fail_at = 0;
        ck_assert_ptr_null(v);
        world_check(&w);
    }
    world_free(&w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(nobody_sees_what_is_behind_until_it_is_lifted),
        TEST(what_is_given_up_dies_unseen),
        TEST(a_slot_that_was_behind_one_is_seen_when_it_is_used_again),
        TEST(who_is_behind_one_does_not_see_behind_another),
        TEST(a_heap_may_end_before_what_was_given_up_has),
        TEST(refused_memory_leaves_no_veil),
    };
    return unit_main(argc, argv, "veil", tests, ARRAY_LEN(tests));
}
