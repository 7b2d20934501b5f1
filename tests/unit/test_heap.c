/* test_heap.c - the heap as a whole: walking it, its numbers, its etags, its memory, its end, and its
 * recount. */
#include "heap/heap_impl.h"
#include "tests/unit/world.h"

/* ---- walking ---- */

START_TEST(objects_that_live_all_along_are_met_once_whatever_happens_to_others)
{
    struct world w = world_new();
    uint64_t seed = unit_seed(_i);
    static obj_id ids[20000];
    uint32_t n = scaled(20000, 5000);
    uint32_t *met = calloc(n, sizeof *met);
    slot_t slot = 0;
    obj_id id;

    for (uint32_t i = 0; i < n; i++)
        ids[i] = i % 3 == 0 ? new_list(&w) : new_record(&w);
    do {
        id = heap_next_object(w.heap, &slot, 1 + unit_rand_below(&seed, 50));
        for (uint32_t i = 0; id != 0 && i < n; i++)
            met[i] += ids[i] == id;
        if (unit_rand_below(&seed, 8) == 0) {
            uint32_t i = unit_rand_below(&seed, n / 2) * 2 + 1; /* the even ones stay */

            if (ids[i] != 0)
                let_go(&w, ids[i]);
            ids[i] = 0;
            world_reap(&w);
            (void)new_record(&w);
        }
    } while (slot != 0);
    for (uint32_t i = 0; i < n; i += 2)
        MUST(met[i] == 1);
    free(met);
    world_free(&w);
}
END_TEST

START_TEST(a_walk_looks_at_no_more_slots_than_it_is_told)
{
    struct world w = world_new();
    static obj_id ids[5000];
    slot_t slot = 0, last = 0;
    uint32_t calls = 0;

    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        ids[i] = new_record(&w);
    for (size_t i = 0; i + 1 < ARRAY_LEN(ids); i++)
        let_go(&w, ids[i]);
    while (heap_next_object(w.heap, &slot, 100) == 0) {
        ck_assert_uint_ne(slot, 0);
        ck_assert(slot - last <= 100 + POOL_CELLS * 100);
        last = slot;
        calls++;
    }
    ck_assert_uint_ge(calls, 40);
    ck_assert_uint_eq(slot, ids[ARRAY_LEN(ids) - 1] & SLOT_MAX);
    ck_assert_uint_eq(heap_next_object(w.heap, &slot, SIZE_MAX), 0);
    ck_assert_uint_eq(slot, 0);
    world_free(&w);
}
END_TEST

/* ---- etags ---- */

START_TEST(an_etag_changes_with_the_contents_and_with_nothing_else)
{
    struct world w = world_new();
    obj_id id = new_record(&w), list = new_list(&w), other = new_record(&w);
    uint64_t empty = etag(&w, id), before;

    set(&w, id, "a", value_int(1));
    before = etag(&w, id);
    ck_assert_uint_ne(before, empty);
    put_link(&w, other, "to", id); /* its count is not its contents */
    OK(heap_hold(w.heap, id, &why));
    heap_release(w.heap, id);
    ck_assert_uint_eq(etag(&w, id), before);
    set(&w, id, "a", real(1.0));
    ck_assert_uint_ne(etag(&w, id), before);
    set(&w, id, "a", value_int(1));
    ck_assert_uint_eq(etag(&w, id), before);
    set(&w, id, "b", value_int(2));
    unset_field(&w, id, "a");
    set(&w, id, "a", value_int(1)); /* another order is other contents */
    unset_field(&w, id, "b");
    ck_assert_uint_eq(etag(&w, id), before);
    ck_assert_uint_ne(etag(&w, list), etag(&w, id));
    world_free(&w);
}
END_TEST

START_TEST(an_etag_of_something_large_changes_with_every_change)
{
    struct world w = world_new();
    obj_id list = new_list(&w), dict = new_record(&w);
    uint64_t list_seen, dict_seen;

    for (int i = 0; i < 3000; i++) {
        char name[16];

        snprintf(name, sizeof name, "f%d", i);
        list_seen = etag(&w, list);
        dict_seen = etag(&w, dict);
        push(&w, list, value_int(i));
        set(&w, dict, name, value_int(i));
        MUST(etag(&w, list) != list_seen && etag(&w, dict) != dict_seen);
    }
    list_seen = etag(&w, list);
    OK(heap_set_item(w.heap, list, 5, &(struct value){.kind = VALUE_TRUE}, &why));
    ck_assert_uint_ne(etag(&w, list), list_seen);
    list_seen = etag(&w, list);
    OK(heap_delete_item(w.heap, list, 5, &why));
    ck_assert_uint_ne(etag(&w, list), list_seen);
    dict_seen = etag(&w, dict);
    set(&w, dict, "f7", value_int(8));
    ck_assert_uint_ne(etag(&w, dict), dict_seen);
    world_free(&w);
}
END_TEST

/* ---- numbers ---- */

START_TEST(the_statistics_follow_what_happens)
{
    struct world w = world_new();
    obj_id record = new_record(&w), list = new_list(&w), bytes = new_bytes(&w, 5000, 'x');
    struct heap_stats s;

    put_link(&w, record, "a", list);
    push(&w, list, value_link(bytes));
    push(&w, list, weak(bytes));
    root(&w, "r", record);
    OK(weak_put(w.heap, SLICE("n"), bytes, NULL, &why));
    s = world_stats(&w);
    ck_assert(s.objects == 3 && s.tracked == 2 && s.links == 2 && s.weak_links == 1);
    ck_assert(s.roots == 1 && s.weak_names == 1 && s.created == 3 && s.freed_by_refcount == 0);
    ck_assert_uint_ge(s.large_bytes, 5000);
    ck_assert_uint_eq(s.live_bytes, info(&w, record).bytes + info(&w, list).bytes + info(&w, bytes).bytes);
    ck_assert_uint_eq(s.fell_nonzero, 0);
    let_go(&w, record);
    let_go(&w, bytes);
    ck_assert_uint_eq(world_stats(&w).fell_nonzero, 2);
    let_go(&w, list);
    unroot(&w, "r");
    s = world_stats(&w);
    ck_assert(s.objects == 2 && s.doomed == 1 && s.freed_by_refcount == 1 && s.links == 2);
    ck_assert_uint_gt(s.doomed_bytes, 0);
    world_reap(&w);
    s = world_stats(&w);
    ck_assert(s.objects == 0 && s.doomed == 0 && s.doomed_bytes == 0 && s.live_bytes == 0 && s.links == 0);
    ck_assert(s.freed_by_refcount == 3 && s.large_bytes == 0 && s.weak_links == 0);
    world_free(&w);
}
END_TEST

START_TEST(pools_are_told_by_size)
{
    struct world w = world_new();
    struct pool_class_info i;
    uint64_t used = 0;
    bool objects_seen = false;

    for (int n = 0; n < 3000; n++)
        (void)new_record(&w);
    for (uint32_t cursor = 0; heap_next_pool_class(w.heap, &cursor, &i);) {
        ck_assert_uint_eq(i.used + i.free, i.cells);
        ck_assert_uint_eq(i.cells, i.pools * POOL_CELLS);
        used += strcmp(i.kind, "object") == 0 ? i.used : 0;
        objects_seen = true;
    }
    ck_assert(objects_seen);
    ck_assert_uint_eq(used, 3000);
    ck_assert_uint_ge(heap_arena_count(w.heap), 1);
    world_free(&w);
}
END_TEST

/* ---- memory goes back ---- */

START_TEST(what_was_held_by_a_leak_goes_back_when_it_is_fixed)
{
    struct world w = world_new();
    uint32_t n = scaled(600000, 60000);
    obj_id keep = new_record(&w), list = new_list(&w);
    size_t before = w.mem->used_bytes, peak;

    for (uint32_t i = 0; i < n; i++) {
        struct field f[] = {field("next", value_link(keep)), field("n", value_int((int64_t)i << 32)),
                            field("s", text("words"))};
        obj_id id = 0;

        OK(heap_new_record(w.heap, label_of("Leak"), f, ARRAY_LEN(f), &id, &why));
        push(&w, list, value_link(id));
        heap_release(w.heap, id);
    }
    peak = w.mem->used_bytes;
    ck_assert_uint_ge(peak, n * 30u);
    let_go(&w, list);
    world_reap(&w);
    world_tidy(&w);
    ck_assert_uint_eq(world_stats(&w).dirty_bytes, 0);
    ck_assert_uint_le(w.mem->used_bytes,
                      before + (peak - before) / 100 + (2u << 20)); /* each size keeps a pool */
    ck_assert_uint_eq(refs(&w, keep), 1);
    world_free(&w);
}
END_TEST

START_TEST(the_account_covers_what_the_statistics_name)
{
    struct world w = world_new();
    struct heap_stats s;

    for (int i = 0; i < 20000; i++) {
        char name[32];
        obj_id id = new_record(&w);

        snprintf(name, sizeof name, "string number %d", i);
        set(&w, id, "s", text(name));
        set(&w, id, "f", real(i + 0.1));
    }
    (void)new_bytes(&w, 1 << 20, 'b');
    s = world_stats(&w);
    ck_assert_uint_ge(w.mem->used_bytes, s.committed_bytes + s.large_bytes);
    ck_assert_uint_ge(s.committed_bytes, s.live_bytes - s.large_bytes - 20001 * OBJECT_TABLE_BYTES);
    ck_assert_uint_le(w.mem->used_bytes - s.committed_bytes - s.large_bytes, s.side_bytes + (1u << 14));
    world_free(&w);
}
END_TEST

START_TEST(a_cap_is_kept_and_what_is_refused_changes_nothing)
{
    struct world w = world_new();
    obj_id list = new_list(&w);
    enum err e = ERR_OK;
    uint64_t before = 0;

    w.mem->max_bytes = w.mem->used_bytes + (1u << 20);
    for (uint32_t i = 0; e == ERR_OK; i++) {
        struct value v = value_int((int64_t)i << 40);

        before = etag(&w, list);
        e = heap_push_item(w.heap, list, &v, NULL, NULL);
    }
    ck_assert_int_eq(e, ERR_NOMEM);
    ck_assert_uint_eq(etag(&w, list), before);
    ck_assert_uint_le(w.mem->peak_bytes, w.mem->max_bytes);
    world_check(&w);
    w.mem->max_bytes = 0;
    push(&w, list, value_int(1));
    world_free(&w);
}
END_TEST

/* ---- the end ---- */

START_TEST(a_heap_can_be_destroyed_whatever_it_holds)
{
    struct world w = world_new();
    obj_id a = new_record(&w), b = new_list(&w), dict = new_record(&w);
    static const char zeros[4000];

    put_link(&w, a, "b", b);
    push(&w, b, value_link(a));
    push(&w, b, weak(a));
    set(&w, a, "long", (struct value){.kind = VALUE_STRING, .string = {zeros, sizeof zeros}});
    for (int i = 0; i < 100; i++) {
        char name[16];

        snprintf(name, sizeof name, "f%d", i);
        put_link(&w, dict, name, i % 2 == 0 ? dict : a);
    }
    root(&w, "r", a);
    OK(weak_put(w.heap, SLICE("n"), b, NULL, &why));
    OK(weak_put(w.heap, SLICE("m"), dict, NULL, &why));
    (void)new_bytes(&w, 100000, 'z');
    OK(session_hold(w.sessions, 0, b, &why));
    let_go(&w, new_list(&w)); /* one that is dead and not reaped */
    world_free(&w);
}
END_TEST

START_TEST(destroying_nothing_is_fine)
{
    struct heap *h = NULL;
    struct session_set *ss = NULL;

    heap_destroy(&h);
    session_set_destroy(&ss);
}
END_TEST

/* ---- the recount sees what is wrong ---- */

START_TEST(the_recount_finds_a_count_that_is_off)
{
    struct world w = world_new();
    obj_id id = new_record(&w);
    struct object *o = object_at(w.heap, heap_slot(w.heap, id));

    o->count++;
    ck_assert_uint_eq(heap_validate(w.heap, NULL, NULL), 1);
    o->count--;
    w.heap->stats.links++;
    ck_assert_uint_eq(heap_validate(w.heap, NULL, NULL), 1);
    w.heap->stats.links--;
    w.heap->stats.live_bytes--;
    ck_assert_uint_eq(heap_validate(w.heap, NULL, NULL), 1);
    w.heap->stats.live_bytes++;
    world_free(&w);
}
END_TEST

START_TEST(a_recount_without_memory_says_so)
{
    struct world w = world_new();

    starve(&w, 1, false);
    ck_assert_uint_eq(heap_validate(w.heap, NULL, NULL), 1);
    feed(&w);
    world_free(&w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(objects_that_live_all_along_are_met_once_whatever_happens_to_others, .rounds = 2),
        TEST(a_walk_looks_at_no_more_slots_than_it_is_told),
        TEST(an_etag_changes_with_the_contents_and_with_nothing_else),
        TEST(an_etag_of_something_large_changes_with_every_change),
        TEST(the_statistics_follow_what_happens),
        TEST(pools_are_told_by_size),
        TEST(what_was_held_by_a_leak_goes_back_when_it_is_fixed),
        TEST(the_account_covers_what_the_statistics_name),
        TEST(a_cap_is_kept_and_what_is_refused_changes_nothing),
        TEST(a_heap_can_be_destroyed_whatever_it_holds),
        TEST(destroying_nothing_is_fine),
        TEST(the_recount_finds_a_count_that_is_off),
        TEST(a_recount_without_memory_says_so),
    };
    return unit_main(argc, argv, "heap", tests, ARRAY_LEN(tests));
}
