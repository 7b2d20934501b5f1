/* test_list.c - items in order at any length, deleted anywhere, and scans that survive it. */
#include "heap/list.h"
#include "heap/heap_impl.h"
#include "tests/unit/world.h"

static slot_t slot_of(obj_id id)
{
    return (slot_t)(id & SLOT_MAX);
}

static int64_t item(struct world *w, obj_id list, uint64_t index)
{
    struct value v = value_null();

    OK(heap_get_item(w->heap, list, index, &v, &why));
    MUST(v.kind == VALUE_INT);
    return v.integer;
}

static void delete_item(struct world *w, obj_id list, uint64_t index)
{
    OK(heap_delete_item(w->heap, list, index, &why));
}

static obj_id list_of(struct world *w, uint32_t n)
{
    obj_id list = new_list(w);

    for (uint32_t i = 0; i < n; i++)
        push(w, list, value_int(i));
    return list;
}

START_TEST(items_are_pushed_replaced_and_read)
{
    struct world w = world_new();
    obj_id list = new_list(&w);
    struct value v = value_int(7), got;
    uint64_t index = 99;

    OK(heap_push_item(w.heap, list, &v, &index, &why));
    ck_assert_uint_eq(index, 0);
    OK(heap_push_item(w.heap, list, &v, &index, &why));
    ck_assert_uint_eq(index, 1);
    v = value_int(8);
    OK(heap_set_item(w.heap, list, 0, &v, &why));
    ck_assert_int_eq(item(&w, list, 0), 8);
    ck_assert_int_eq(item(&w, list, 1), 7);
    REFUSED(ERR_NO_NAME, heap_get_item(w.heap, list, 2, &got, &why));
    REFUSED(ERR_NO_NAME, heap_set_item(w.heap, list, 2, &v, &why));
    REFUSED(ERR_NO_NAME, heap_delete_item(w.heap, list, 2, &why));
    REFUSED(ERR_NO_NAME, heap_delete_item(w.heap, list, UINT64_MAX, &why));
    REFUSED(ERR_NO_NAME, heap_get_item(w.heap, list, 1ull << 32, &got, &why));
    world_free(&w);
}
END_TEST

START_TEST(items_are_refused_to_records_and_bytes)
{
    struct world w = world_new();
    obj_id others[] = {new_record(&w), new_bytes(&w, 3, 'b')};
    struct value v = value_int(1);
    struct part_cursor cursor = {0};

    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        REFUSED(ERR_WRONG_KIND, heap_push_item(w.heap, others[i], &v, NULL, &why));
        REFUSED(ERR_WRONG_KIND, heap_get_item(w.heap, others[i], 0, &v, &why));
        REFUSED(ERR_WRONG_KIND, heap_set_item(w.heap, others[i], 0, &v, &why));
        REFUSED(ERR_WRONG_KIND, heap_delete_item(w.heap, others[i], 0, &why));
        REFUSED(ERR_WRONG_KIND, heap_seek_item(w.heap, others[i], 0, &cursor, &why));
    }
    world_free(&w);
}
END_TEST

START_TEST(a_list_is_born_with_its_items_or_not_at_all)
{
    struct world w = world_new();
    static struct value items[1000];
    obj_id id = 0, to = new_record(&w);
    uint64_t objects;

    for (uint32_t i = 0; i < ARRAY_LEN(items); i++)
        items[i] = i % 2 == 0 ? value_link(to) : value_int(i);
    OK(heap_new_list(w.heap, label_of("L"), items, ARRAY_LEN(items), &id, &why));
    owns(&w, id, 1);
    ck_assert_uint_eq(refs(&w, to), 501);
    for (uint32_t i = 1; i < ARRAY_LEN(items); i += 2)
        ck_assert_int_eq(item(&w, id, i), i);
    objects = world_objects(&w);
    items[999] = value_link(12345678);
    REFUSED(ERR_DANGLING, heap_new_list(w.heap, label_of("L"), items, ARRAY_LEN(items), &id, &why));
    ck_assert_uint_eq(world_objects(&w), objects);
    ck_assert_uint_eq(refs(&w, to), 501);
    world_free(&w);
}
END_TEST

START_TEST(millions_of_items_stand_where_they_were_pushed)
{
    struct world w = world_new();
    uint32_t n = scaled(5000000, 500000);
    obj_id list = list_of(&w, n);
    struct part_cursor cursor = {0};
    struct part part;

    world_check(&w);
    ck_assert_uint_eq(info(&w, list).parts, n);
    ck_assert_uint_le(info(&w, list).bytes, (uint64_t)n * 9 / 2); /* little more than four bytes an item */
    for (uint32_t i = 0; i < n; i++)
        MUST(heap_next_part(w.heap, list, &cursor, &part) && part.index == i && part.value.integer == i);
    MUST(!heap_next_part(w.heap, list, &cursor, &part));
    OK(heap_seek_item(w.heap, list, n - 1, &cursor, &why));
    MUST(heap_next_part(w.heap, list, &cursor, &part) && part.index == n - 1);
    world_free(&w);
}
END_TEST

START_TEST(every_length_around_the_sizes_of_leaves_is_well)
{
    struct world w = world_new();
    obj_id list = new_list(&w);
    const uint32_t top = 127 * 64 + 260; /* a second level, and a little */

    for (uint32_t i = 0; i < top; i++) {
        push(&w, list, value_int(i));
        if (i < 400 || i > 127 * 64 - 3)
            MUST(list_validate(w.heap, slot_of(list)) == 0 && item(&w, list, i) == i);
    }
    for (uint32_t i = top; i-- > 0;) {
        MUST(item(&w, list, i) == i);
        delete_item(&w, list, i);
        if (i < 400 || i > 127 * 64 - 3)
            MUST(list_validate(w.heap, slot_of(list)) == 0);
    }
    ck_assert_uint_eq(info(&w, list).bytes, info(&w, new_list(&w)).bytes);
    world_free(&w);
}
END_TEST

START_TEST(deleting_from_the_front_keeps_the_rest)
{
    struct world w = world_new();
    uint32_t n = scaled(50000, 20000);
    obj_id list = list_of(&w, n);

    for (uint32_t i = 0; i < n; i++) {
        MUST(item(&w, list, 0) == i);
        delete_item(&w, list, 0);
    }
    ck_assert_uint_eq(info(&w, list).parts, 0);
    world_free(&w);
}
END_TEST

/* ---- against a naive array ---- */

struct life {
    struct world world;
    obj_id list;
    int64_t *naive;
    uint32_t count;
    uint64_t seed;
};

static void life_push(struct life *l)
{
    l->naive[l->count] = (int64_t)(unit_rand(&l->seed) >> 36);
    push(&l->world, l->list, value_int(l->naive[l->count]));
    l->count++;
}

static void life_delete(struct life *l)
{
    uint32_t i = unit_rand_below(&l->seed, l->count);

    delete_item(&l->world, l->list, i);
    memmove(&l->naive[i], &l->naive[i + 1], (--l->count - i) * sizeof *l->naive);
}

static void life_replace(struct life *l)
{
    uint32_t i = unit_rand_below(&l->seed, l->count);
    struct value v = value_int((int64_t)(unit_rand(&l->seed) >> 36));

    OK(heap_set_item(l->world.heap, l->list, i, &v, &why));
    l->naive[i] = v.integer;
}

static void life_compare(struct life *l)
{
    MUST(list_validate(l->world.heap, slot_of(l->list)) == 0);
    MUST(list_length(l->world.heap, slot_of(l->list)) == l->count);
    for (uint32_t i = 0; i < l->count; i++)
        MUST(item(&l->world, l->list, i) == l->naive[i]);
}

START_TEST(a_random_life_agrees_with_a_naive_array)
{
    static const uint32_t sizes[] = {20, 300, 5000, 20000};
    uint32_t size = sizes[_i], steps = scaled(200000, 20000);
    struct life l = {.world = world_new(), .seed = unit_seed(_i)};
    bool growing = true;

    l.naive = malloc((size + 1) * sizeof *l.naive);
    l.list = new_list(&l.world);
    for (uint32_t n = 0; n < steps; n++) {
        uint32_t dice = unit_rand_below(&l.seed, 100);

        growing = l.count == 0 || (growing && l.count < size);
        if (l.count == 0 || (dice < (growing ? 70u : 15u) && l.count < size))
            life_push(&l);
        else if (dice < 90)
            life_delete(&l);
        else
            life_replace(&l);
        if (n % (steps / 20) == 0)
            life_compare(&l);
    }
    life_compare(&l);
    free(l.naive);
    world_free(&l.world);
}
END_TEST

/* ---- a scan that pauses, while items go ---- */

static struct {
    uint32_t times[2000]; /* by the number of an object */
    obj_id ids[2000];
    struct world *world;
} seen;

static void see(void *ctx, slot_t target)
{
    (void)ctx;
    for (size_t i = 0; i < ARRAY_LEN(seen.ids); i++)
        if (slot_of(seen.ids[i]) == target)
            seen.times[i]++;
}

/* What stays all along is seen once, wherever else items are deleted while the scan stands still. */
START_TEST(a_paused_scan_misses_nothing_and_meets_nothing_twice)
{
    struct world w = world_new();
    uint64_t seed = unit_seed(_i);
    obj_id list = new_list(&w);
    struct edge_scan scan;
    static uint32_t present[ARRAY_LEN(seen.ids)];
    static bool stays[ARRAY_LEN(seen.ids)];
    uint32_t count = (uint32_t)ARRAY_LEN(seen.ids);

    memset(seen.times, 0, sizeof seen.times);
    for (uint32_t i = 0; i < count; i++) {
        seen.ids[i] = new_record(&w);
        push(&w, list, value_link(seen.ids[i]));
        present[i] = i;
        stays[i] = true;
    }
    heap_open_scan(w.heap, &scan, slot_of(list));
    while (scan.slot != 0) {
        uint32_t deletes = unit_rand_below(&seed, 30);

        (void)heap_scan(w.heap, &scan, 1, see, NULL);
        for (; deletes > 0 && count > 0; deletes--) {
            uint32_t i = unit_rand_below(&seed, count);

            delete_item(&w, list, i);
            stays[present[i]] = false;
            memmove(&present[i], &present[i + 1], (--count - i) * sizeof *present);
        }
        world_check(&w);
    }
    ck_assert_uint_gt(count, 0);
    for (size_t i = 0; i < ARRAY_LEN(seen.ids); i++)
        ck_assert(stays[i] ? seen.times[i] == 1 : seen.times[i] <= 1);
    world_free(&w);
}
END_TEST

START_TEST(a_scan_of_a_list_that_dies_is_closed)
{
    struct world w = world_new();
    obj_id list = list_of(&w, 1000);
    struct edge_scan scan;

    heap_open_scan(w.heap, &scan, slot_of(list));
    ck_assert_uint_eq(heap_scan(w.heap, &scan, 1, see, NULL), 0);
    ck_assert_uint_ne(scan.slot, 0);
    let_go(&w, list);
    ck_assert_uint_eq(scan.slot, 0);
    ck_assert_uint_eq(heap_scan(w.heap, &scan, 5, see, NULL), 5);
    heap_close_scan(w.heap, &scan); /* again is fine */
    world_free(&w);
}
END_TEST

/* A dictionary, the same way: entries go under the scan, and new ones come behind it. */
START_TEST(a_paused_scan_of_a_dictionary_misses_nothing_and_meets_nothing_twice)
{
    struct world w = world_new();
    uint64_t seed = unit_seed(_i);
    obj_id dict = new_record(&w);
    struct edge_scan scan;
    static bool stays[ARRAY_LEN(seen.ids)];
    const uint32_t count = 500;
    char name[16];

    memset(seen.times, 0, sizeof seen.times);
    memset(seen.ids, 0, sizeof seen.ids);
    for (uint32_t i = 0; i < count; i++) {
        snprintf(name, sizeof name, "f%u", i);
        seen.ids[i] = new_record(&w);
        put_link(&w, dict, name, seen.ids[i]);
        stays[i] = true;
    }
    heap_open_scan(w.heap, &scan, slot_of(dict));
    while (scan.slot != 0) {
        (void)heap_scan(w.heap, &scan, 1 + unit_rand_below(&seed, 4), see, NULL);
        for (int k = 0; k < 3; k++) {
            uint32_t i = unit_rand_below(&seed, count);

            snprintf(name, sizeof name, "f%u", i);
            if (stays[i])
                unset_field(&w, dict, name);
            stays[i] = false;
        }
    }
    for (uint32_t i = 0; i < count; i++)
        ck_assert(stays[i] ? seen.times[i] == 1 : seen.times[i] <= 1);
    world_free(&w);
}
END_TEST

/* Its id can be guessed, and a link to it would make it hold itself from the first. */
START_TEST(a_list_in_the_making_cannot_be_named)
{
    struct world w = world_new();
    obj_id last = new_list(&w), next = last + 1, id;
    struct value items[] = {value_int(1), value_link(next)};

    ck_assert_int_eq(heap_new_list(w.heap, label_of("list"), items, 2, &id, NULL), ERR_DANGLING);
    items[1] = weak(next + 1);
    ck_assert_int_eq(heap_new_list(w.heap, label_of("list"), items, 2, &id, NULL), ERR_DANGLING);
    ck_assert_uint_eq(world_objects(&w), 1);
    id = new_list(&w);
    ck_assert_uint_eq(id, next + 2); /* those were their places */
    let_go(&w, id);
    let_go(&w, last);
    world_free(&w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(items_are_pushed_replaced_and_read),
        TEST(items_are_refused_to_records_and_bytes),
        TEST(a_list_is_born_with_its_items_or_not_at_all),
        TEST(a_list_in_the_making_cannot_be_named),
        TEST(millions_of_items_stand_where_they_were_pushed),
        TEST(every_length_around_the_sizes_of_leaves_is_well),
        TEST(deleting_from_the_front_keeps_the_rest),
        TEST(a_random_life_agrees_with_a_naive_array, .rounds = 4),
        TEST(a_paused_scan_misses_nothing_and_meets_nothing_twice, .rounds = 5),
        TEST(a_scan_of_a_list_that_dies_is_closed),
        TEST(a_paused_scan_of_a_dictionary_misses_nothing_and_meets_nothing_twice, .rounds = 5),
    };
    return unit_main(argc, argv, "list", tests, ARRAY_LEN(tests));
}
