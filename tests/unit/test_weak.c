/* test_weak.c - roots and weak references: names that keep an object, and names and links that only know it.
 */
#include "tests/unit/world.h"

/* ---- roots ---- */

static obj_id root_of(struct world *w, const char *name)
{
    obj_id id = 0;

    OK(root_get(w->heap, slice_of(name), &id, &why));
    return id;
}

START_TEST(a_root_keeps_its_object_until_it_is_deleted_or_moved)
{
    struct world w = world_new();
    obj_id a = rooted(&w, "name"), b = new_record(&w);
    bool is_new = true;

    ck_assert_uint_eq(refs(&w, a), 1);
    ck_assert_uint_eq(root_of(&w, "name"), a);
    OK(root_put(w.heap, SLICE("name"), a, &is_new, &why)); /* the same again */
    ck_assert(!is_new && lives(&w, a));
    OK(root_put(w.heap, SLICE("name"), b, &is_new, &why));
    ck_assert(!is_new && !lives(&w, a));
    OK(root_put(w.heap, SLICE("second"), b, &is_new, &why));
    ck_assert(is_new);
    ck_assert_uint_eq(refs(&w, b), 3);
    unroot(&w, "name");
    unroot(&w, "second");
    ck_assert_uint_eq(refs(&w, b), 1);
    REFUSED(ERR_NO_NAME, root_delete(w.heap, SLICE("name"), &why));
    REFUSED(ERR_NO_NAME, root_get(w.heap, SLICE("name"), &a, &why));
    world_free(&w);
}
END_TEST

START_TEST(a_bad_name_is_refused_and_holds_nothing)
{
    struct world w = world_new();
    obj_id id = new_record(&w);
    char long_name[NAME_BYTES_MAX + 1];
    const struct slice bad[] = {{NULL, 0}, {long_name, sizeof long_name}, {"a\0", 2}, {"\x80", 1}};

    memset(long_name, 'r', sizeof long_name);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        REFUSED(ERR_BAD_VALUE, root_put(w.heap, bad[i], id, NULL, &why));
        REFUSED(ERR_BAD_VALUE, weak_put(w.heap, bad[i], id, NULL, &why));
    }
    ck_assert_uint_eq(refs(&w, id), 1);
    ck_assert_uint_eq(info(&w, id).weak_refs, 0);
    world_free(&w);
}
END_TEST

START_TEST(names_that_stay_are_walked_once_whatever_happens_to_others)
{
    struct world w = world_new();
    obj_id id = new_record(&w);
    static bool met[1000];
    uint32_t cursor = 0;
    struct slice name;
    obj_id target;
    char text_of[16];

    for (uint32_t i = 0; i < 1000; i++) {
        snprintf(text_of, sizeof text_of, "%u", i);
        root(&w, text_of, id);
    }
    for (uint32_t n = 0; root_next(w.heap, &cursor, &name, &target); n++) {
        memcpy(text_of, name.data, name.len);
        text_of[name.len] = '\0';
        uint32_t number = (uint32_t)strtoul(text_of, NULL, 10);

        MUST(target == id && !met[number]);
        met[number] = true;
        if (number % 2 == 0) { /* the odd ones stay */
            unroot(&w, text_of);
            snprintf(text_of, sizeof text_of, "%u", (number + 500) % 1000);
            if (root_get(w.heap, slice_of(text_of), &target, NULL) == ERR_OK && (number + 500) % 2 == 0)
                unroot(&w, text_of);
        }
    }
    for (uint32_t i = 1; i < 1000; i += 2)
        MUST(met[i]);
    ck_assert_uint_eq(world_stats(&w).roots, 500);
    world_free(&w);
}
END_TEST

/* ---- weak references ---- */

static obj_id weak_of(struct world *w, const char *name)
{
    obj_id id = 1;

    OK(weak_get(w->heap, slice_of(name), &id, &why));
    return id;
}

static void put_weak(struct world *w, const char *name, obj_id id)
{
    OK(weak_put(w->heap, slice_of(name), id, NULL, &why));
}

/* The next notice is of `name`, about `id`. */
static void expect_notice(struct world *w, const char *name, obj_id id)
{
    struct weak_notice notice;

    ck_assert(weak_take_notice(w->heap, &notice));
    ck_assert_msg(slice_is(notice.name, name), "notice of %.*s, not of %s", (int)notice.name.len,
                  notice.name.data, name);
    ck_assert_uint_eq(notice.id, id);
}

static void expect_no_notice(struct world *w)
{
    struct weak_notice notice;

    ck_assert(!weak_take_notice(w->heap, &notice));
}

START_TEST(a_weak_reference_counts_apart_and_keeps_nothing)
{
    struct world w = world_new();
    obj_id id = new_record(&w), from = new_record(&w);

    put_weak(&w, "n", id);
    set(&w, from, "w", weak(id));
    ck_assert_uint_eq(refs(&w, id), 1);
    ck_assert_uint_eq(info(&w, id).weak_refs, 2);
    ck_assert_uint_eq(weak_of(&w, "n"), id);
    ck_assert(value_eq(get(&w, from, "w"), weak(id)));
    let_go(&w, id);
    ck_assert_uint_eq(weak_of(&w, "n"), 0);
    ck_assert_int_eq(get(&w, from, "w").kind, VALUE_NULL);
    world_reap(&w);
    new_record(&w); /* another has its slot now */
    ck_assert_uint_eq(weak_of(&w, "n"), 0);
    ck_assert_int_eq(get(&w, from, "w").kind, VALUE_NULL);
    world_free(&w);
}
END_TEST

/* Python: two weakrefs with callbacks; drop: the newest is called first, and both read None. */
START_TEST(notices_come_newest_first_and_all_read_null_before_the_first)
{
    struct world w = world_new();
    obj_id id = new_record(&w);

    put_weak(&w, "first", id);
    put_weak(&w, "second", id);
    put_weak(&w, "third", id);
    expect_no_notice(&w);
    let_go(&w, id);
    ck_assert_uint_eq(weak_of(&w, "first"), 0);
    ck_assert_uint_eq(weak_of(&w, "second"), 0);
    ck_assert_uint_eq(weak_of(&w, "third"), 0);
    expect_notice(&w, "third", id);
    expect_notice(&w, "second", id);
    expect_notice(&w, "first", id);
    expect_no_notice(&w);
    world_free(&w);
}
END_TEST

START_TEST(a_name_put_or_deleted_after_the_death_has_no_notice)
{
    struct world w = world_new();
    obj_id id = new_record(&w), other = new_record(&w);

    for (int k = 0; k < 5; k++) {
        char name[16];

        snprintf(name, sizeof name, "n%d", k);
        put_weak(&w, name, id);
    }
    let_go(&w, id);
    put_weak(&w, "n4", other);                  /* the head of those waiting */
    OK(weak_delete(w.heap, SLICE("n0"), &why)); /* the tail */
    OK(weak_delete(w.heap, SLICE("n2"), &why)); /* one between */
    world_check(&w);
    expect_notice(&w, "n3", id);
    expect_notice(&w, "n1", id);
    expect_no_notice(&w);
    let_go(&w, other);
    expect_notice(&w, "n4", other);
    expect_no_notice(&w);
    REFUSED(ERR_NO_NAME, weak_delete(w.heap, SLICE("n0"), &why));
    world_free(&w);
}
END_TEST

START_TEST(moving_a_name_takes_it_out_of_the_middle_of_its_objects_names)
{
    struct world w = world_new();
    obj_id id = new_record(&w), other = new_record(&w);

    put_weak(&w, "a", id);
    put_weak(&w, "b", id);
    put_weak(&w, "c", id);
    put_weak(&w, "b", other);
    put_weak(&w, "a", id); /* newest now */
    ck_assert_uint_eq(info(&w, id).weak_refs, 2);
    let_go(&w, id);
    expect_notice(&w, "a", id);
    expect_notice(&w, "c", id);
    expect_no_notice(&w);
    ck_assert_uint_eq(weak_of(&w, "b"), other);
    world_free(&w);
}
END_TEST

START_TEST(deaths_are_told_in_the_order_they_happened)
{
    struct world w = world_new();
    obj_id ids[3];
    const char *const names[] = {"a", "b", "c"};

    for (int i = 0; i < 3; i++) {
        ids[i] = new_record(&w);
        put_weak(&w, names[i], ids[i]);
    }
    let_go(&w, ids[1]);
    let_go(&w, ids[2]);
    let_go(&w, ids[0]);
    expect_notice(&w, "b", ids[1]);
    expect_notice(&w, "c", ids[2]);
    expect_notice(&w, "a", ids[0]);
    world_free(&w);
}
END_TEST

START_TEST(weak_names_are_walked_the_dead_among_them)
{
    struct world w = world_new();
    obj_id alive = new_record(&w), dead = new_record(&w), id;
    uint32_t cursor = 0, met = 0;
    struct slice name;

    put_weak(&w, "alive", alive);
    put_weak(&w, "dead", dead);
    let_go(&w, dead);
    for (; weak_next(w.heap, &cursor, &name, &id); met++)
        ck_assert_uint_eq(id, slice_is(name, "alive") ? alive : 0);
    ck_assert_uint_eq(met, 2);
    ck_assert_uint_eq(world_stats(&w).weak_names, 2);
    world_free(&w);
}
END_TEST

START_TEST(the_etag_of_a_holder_changes_when_its_weak_link_goes_null)
{
    struct world w = world_new();
    obj_id id = new_record(&w), small = new_record(&w), large = new_list(&w);
    uint64_t small_before, large_before;

    set(&w, small, "w", weak(id));
    push(&w, large, weak(id));
    for (int i = 0; i < 2000; i++)
        push(&w, large, value_int(i));
    small_before = etag(&w, small);
    large_before = etag(&w, large);
    let_go(&w, id);
    ck_assert_uint_ne(etag(&w, small), small_before);
    ck_assert_uint_ne(etag(&w, large), large_before);
    world_free(&w);
}
END_TEST

START_TEST(a_million_weak_links_to_one_object_share_a_cell)
{
    struct world w = world_new();
    obj_id id = new_record(&w), list = new_list(&w);
    uint32_t n = scaled(1000000, 100000);
    uint64_t shared = world_stats(&w).shared_bytes;

    for (uint32_t i = 0; i < n; i++)
        push(&w, list, weak(id));
    ck_assert_uint_eq(info(&w, id).weak_refs, n);
    ck_assert_uint_eq(world_stats(&w).weak_links, n);
    ck_assert_uint_le(world_stats(&w).shared_bytes, shared + 16);
    let_go(&w, id); /* the links outlive it */
    world_check(&w);
    let_go(&w, list);
    world_reap(&w);
    ck_assert_uint_eq(world_stats(&w).weak_links, 0);
    ck_assert_uint_eq(world_stats(&w).shared_bytes, shared);
    world_free(&w);
}
END_TEST

/* Weak references come, go, move and die in any order; a naive table says what each must read. */
START_TEST(a_random_life_of_weak_names_agrees_with_a_naive_table)
{
    struct world w = world_new();
    uint64_t seed = unit_seed(_i);
    obj_id objects[30] = {0}, naive[40] = {0};
    bool known[40] = {false};

    for (uint32_t n = 0; n < scaled(60000, 6000); n++) {
        uint32_t o = unit_rand_below(&seed, 30), k = unit_rand_below(&seed, 40);
        struct weak_notice notice;
        char name[8];

        snprintf(name, sizeof name, "k%u", k);
        switch (unit_rand_below(&seed, 5)) {
        case 0:
            if (objects[o] == 0) {
                objects[o] = new_record(&w);
                break;
            }
            for (size_t i = 0; i < ARRAY_LEN(naive); i++)
                naive[i] = naive[i] == objects[o] ? 0 : naive[i];
            let_go(&w, objects[o]);
            objects[o] = 0;
            break;
        case 1:
        case 2:
            if (objects[o] == 0)
                break;
            put_weak(&w, name, objects[o]);
            naive[k] = objects[o];
            known[k] = true;
            break;
        case 3:
            MUST((weak_delete(w.heap, slice_of(name), NULL) == ERR_OK) == known[k]);
            known[k] = false;
            naive[k] = 0;
            break;
        default:
            (void)weak_take_notice(w.heap, &notice);
            world_reap(&w);
        }
        if (known[k])
            MUST(weak_of(&w, name) == naive[k]);
        if (n % 500 == 0)
            world_check(&w);
    }
    world_free(&w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_root_keeps_its_object_until_it_is_deleted_or_moved),
        TEST(a_bad_name_is_refused_and_holds_nothing),
        TEST(names_that_stay_are_walked_once_whatever_happens_to_others),
        TEST(a_weak_reference_counts_apart_and_keeps_nothing),
        TEST(notices_come_newest_first_and_all_read_null_before_the_first),
        TEST(a_name_put_or_deleted_after_the_death_has_no_notice),
        TEST(moving_a_name_takes_it_out_of_the_middle_of_its_objects_names),
        TEST(deaths_are_told_in_the_order_they_happened),
        TEST(weak_names_are_walked_the_dead_among_them),
        TEST(the_etag_of_a_holder_changes_when_its_weak_link_goes_null),
        TEST(a_million_weak_links_to_one_object_share_a_cell),
        TEST(a_random_life_of_weak_names_agrees_with_a_naive_table, .rounds = 3),
    };
    return unit_main(argc, argv, "weak", tests, ARRAY_LEN(tests));
}
