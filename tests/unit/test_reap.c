/* test_reap.c - a list of very many is let go of in the order of slots (heap/reap.c): who is named once, twice, often, who is
 * held again meanwhile, and who dies by it. */
#include "heap/heap_impl.h"
#include "tests/unit/world.h"

#define MANY 100000u /* links that are worth a set */

static obj_id ids[MANY];

static void make_all(struct world *w)
{
    for (uint32_t i = 0; i < MANY; i++)
        ids[i] = new_record(w);
}

static void let_go_of_all(struct world *w)
{
    for (uint32_t i = 0; i < MANY; i++)
        let_go(w, ids[i]);
}

/* Each of the records `times` times, all mixed up. */
static obj_id list_of_all(struct world *w, uint32_t times)
{
    obj_id list = new_list(w);

    for (uint32_t i = 0; i < MANY * times; i++)
        push(w, list, value_link(ids[(uint64_t)i * 7919 % MANY]));
    return list;
}

static uint64_t deferred(const struct world *w)
{
    return w->heap->deferred[0].count + w->heap->deferred[1].count;
}

static void reap_until_something_is_deferred(struct world *w)
{
    while (deferred(w) < MANY / 2) {
        ck_assert_uint_gt(world_stats(w).doomed, 0);
        (void)heap_reap(w->heap, 100);
    }
}

START_TEST(all_of_a_list_die_whatever_the_order_and_the_number_of_links)
{
    struct world w = world_new();
    obj_id list;
    bool was_deferred = false;

    make_all(&w);
    list = list_of_all(&w, (uint32_t)_i + 1);
    let_go_of_all(&w);
    let_go(&w, list);
    for (uint32_t k = 0; world_stats(&w).doomed > 0; k++) {
        (void)heap_reap(w.heap, 300);
        was_deferred |= deferred(&w) > 0;
        if (k % 97 == 0)
            world_check(&w);
    }
    ck_assert(was_deferred && deferred(&w) == 0);
    ck_assert_uint_eq(world_objects(&w), 0);
    ck_assert_uint_eq(world_stats(&w).links, 0);
    world_free(&w);
}
END_TEST

/* In two trees, so that what dies in the sweep names others behind it and before it. */
START_TEST(what_dies_in_the_sweep_lets_go_too)
{
    struct world w = world_new();
    obj_id list;

    make_all(&w);
    for (uint32_t i = 0; i < MANY; i++) {
        put_link(&w, ids[i], "a", ids[(i * 31 + 7) % (MANY / 4)]);
        put_link(&w, ids[i], "b", ids[MANY - 1 - (i * 17 + 3) % (MANY / 4)]);
    }
    list = list_of_all(&w, 1);
    hold(&w, ids[5]);
    let_go_of_all(&w);
    let_go(&w, list);
    while (world_stats(&w).doomed > 0)
        (void)heap_reap(w.heap, 1000);
    world_check(&w);
    ck_assert(lives(&w, ids[5]) && deferred(&w) == 0);
    ck_assert_uint_gt(world_stats(&w).freed_by_refcount, 1000);
    world_free(&w);
}
END_TEST

START_TEST(until_it_is_let_go_of_each_answers_and_can_be_held)
{
    struct world w = world_new();
    obj_id list;

    make_all(&w);
    list = list_of_all(&w, 1);
    let_go_of_all(&w);
    let_go(&w, list);
    reap_until_something_is_deferred(&w);
    for (uint32_t i = 0; i < MANY; i += 1000) {
        MUST(lives(&w, ids[i]) && refs(&w, ids[i]) == 1);
        hold(&w, ids[i]);
    }
    world_check(&w);
    world_reap(&w);
    for (uint32_t i = 0; i < MANY; i++)
        MUST(lives(&w, ids[i]) == (i % 1000 == 0));
    ck_assert_uint_eq(refs(&w, ids[0]), 1);
    world_free(&w);
}
END_TEST

/* The second is let go of as it comes, while the first one's links wait. */
START_TEST(two_such_lists_may_die_at_once)
{
    struct world w = world_new();
    obj_id first, second;

    make_all(&w);
    first = list_of_all(&w, 1);
    second = list_of_all(&w, 2);
    let_go_of_all(&w);
    let_go(&w, first);
    (void)heap_reap(w.heap, 1000);
    let_go(&w, second);
    for (uint32_t k = 0; world_stats(&w).doomed > 0; k++) {
        (void)heap_reap(w.heap, 500);
        if (k % 97 == 0)
            world_check(&w);
    }
    ck_assert_uint_eq(world_objects(&w), 0);
    world_free(&w);
}
END_TEST

START_TEST(a_heap_may_go_while_links_wait)
{
    struct world w = world_new();
    obj_id list;

    make_all(&w);
    list = list_of_all(&w, 2);
    let_go_of_all(&w);
    let_go(&w, list);
    reap_until_something_is_deferred(&w);
    world_free(&w);
}
END_TEST

/* What the sets cost is on the account, and goes back. */
START_TEST(the_sets_are_charged)
{
    struct world w = world_new();
    uint64_t before = world_stats(&w).side_bytes;
    obj_id list;

    make_all(&w);
    list = list_of_all(&w, 1);
    let_go_of_all(&w);
    let_go(&w, list);
    reap_until_something_is_deferred(&w);
    ck_assert_uint_gt(world_stats(&w).side_bytes, before);
    ck_assert_uint_ge(w.heap->deferred_charged, MANY / 8);
    world_reap(&w);
    world_check(&w);
    world_free(&w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(all_of_a_list_die_whatever_the_order_and_the_number_of_links, .rounds = 4),
        TEST(what_dies_in_the_sweep_lets_go_too),
        TEST(until_it_is_let_go_of_each_answers_and_can_be_held),
        TEST(two_such_lists_may_die_at_once),
        TEST(a_heap_may_go_while_links_wait),
        TEST(the_sets_are_charged),
    };
    return unit_main(argc, argv, "reap", tests, ARRAY_LEN(tests));
}
