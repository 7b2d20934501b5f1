/* test_shape.c - classes and shapes: shared by those that grew alike, bounded, and given back when nobody has
 * them. */
#include "heap/shape.h"
#include "heap/heap_impl.h"
#include "tests/unit/world.h"

static bool find_tally(struct world *w, enum heap_tally which, const char *name, struct tally_info *ret)
{
    for (uint32_t cursor = 0; heap_next_tally(w->heap, which, &cursor, ret);)
        if (slice_is(ret->name, name))
            return true;
    return false;
}

static bool find_class(struct world *w, const char *name, struct tally_info *ret)
{
    return find_tally(w, HEAP_CLASSES, name, ret);
}

static struct tally_info site(struct world *w, const char *name)
{
    struct tally_info ret = {.row = 0};

    ck_assert(find_tally(w, HEAP_SITES, name, &ret));
    return ret;
}

START_TEST(a_class_counts_its_objects_and_their_bytes)
{
    struct world w = world_new();
    struct tally_info class;
    obj_id ids[10];
    uint64_t bytes = 0;

    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        ids[i] = new_record_of(&w, "Counted");
        for (uint32_t k = 0; k < 20 * i; k++) {
            char name[16];

            snprintf(name, sizeof name, "f%u", k);
            set(&w, ids[i], name, value_int(k));
        }
        bytes += info(&w, ids[i]).bytes;
    }
    ck_assert(find_class(&w, "Counted", &class));
    ck_assert_uint_eq(class.objects, ARRAY_LEN(ids));
    ck_assert_uint_eq(class.bytes, bytes);
    ck_assert(!find_class(&w, "Never", &class));
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        let_go(&w, ids[i]);
    ck_assert(find_class(&w, "Counted", &class)); /* kept for a while: the next object has it at once */
    ck_assert(class.objects == 0 && class.bytes == 0);
    world_free(&w);
}
END_TEST

static obj_id made_at(struct world *w, const char *class, const char *at)
{
    obj_id id = 0;

    OK(heap_new_record(w->heap, (struct label){slice_of(class), slice_of(at)}, NULL, 0, &id, &why));
    owns(w, id, 1);
    return id;
}

/* Whatever their classes are; and what has no site is a row too. */
START_TEST(a_site_counts_what_was_made_there)
{
    struct world w = world_new();
    obj_id a = made_at(&w, "A", "x.c:1"), b = made_at(&w, "B", "x.c:1"), c = made_at(&w, "A", "y.c:2"), d = made_at(&w, "A", "");

    set(&w, a, "f", value_int(1));
    ck_assert_uint_eq(site(&w, "x.c:1").objects, 2);
    ck_assert_uint_eq(site(&w, "x.c:1").bytes, info(&w, a).bytes + info(&w, b).bytes);
    ck_assert_uint_eq(site(&w, "y.c:2").objects, 1);
    ck_assert_uint_eq(site(&w, "").objects, 1);
    ck_assert_uint_eq(world_stats(&w).sites, 2);
    let_go(&w, b);
    let_go(&w, d);
    ck_assert_uint_eq(site(&w, "x.c:1").objects, 1);
    ck_assert(!find_tally(&w, HEAP_SITES, "", &(struct tally_info){.row = 0}));
    let_go(&w, a);
    let_go(&w, c);
    world_free(&w);
}
END_TEST

START_TEST(a_site_knows_the_most_that_it_ever_had)
{
    struct world w = world_new();
    obj_id a = made_at(&w, "A", "x"), b = made_at(&w, "A", "x");
    uint64_t most = info(&w, a).bytes + info(&w, b).bytes;

    ck_assert_uint_eq(site(&w, "x").peak_bytes, most);
    let_go(&w, b);
    ck_assert_uint_eq(site(&w, "x").peak_bytes, most);
    ck_assert_uint_lt(site(&w, "x").bytes, most);
    for (int i = 0; i < 32; i++) { /* it grows where it is */
        char name[16];

        snprintf(name, sizeof name, "f%d", i);
        set(&w, a, name, value_int(i));
    }
    most = info(&w, a).bytes;
    ck_assert_uint_eq(site(&w, "x").peak_bytes, most);
    for (int i = 0; i < 32; i++) {
        char name[16];

        snprintf(name, sizeof name, "f%d", i);
        OK(heap_unset_field(w.heap, a, slice_of(name), &why));
    }
    ck_assert_uint_eq(site(&w, "x").peak_bytes, most);
    let_go(&w, a);
    world_free(&w);
}
END_TEST

START_TEST(a_marked_site_tells_what_came_since)
{
    struct world w = world_new();
    obj_id a = made_at(&w, "A", "x"), b;
    struct tally_info marked;

    heap_mark_tally(w.heap, HEAP_SITES, site(&w, "x").row);
    b = made_at(&w, "A", "x");
    marked = site(&w, "x");
    ck_assert(marked.marked_objects == 1 && marked.marked_bytes == info(&w, a).bytes);
    ck_assert(marked.objects == 2 && site(&w, "x").serial == marked.serial);
    let_go(&w, a);
    let_go(&w, b);
    world_free(&w);
}
END_TEST

/* Clients that say something new each time cost the table no more than what lives, and some. */
START_TEST(sites_that_come_and_go_leave_little)
{
    struct world w = world_new();
    obj_id last = 0;

    for (int i = 0; i < 100000; i++) {
        char at[24];

        snprintf(at, sizeof at, "request %d", i);
        if (last != 0)
            let_go(&w, last);
        last = made_at(&w, "A", at);
    }
    ck_assert_uint_le(world_stats(&w).sites, SHAPES_IDLE_MAX + 1);
    ck_assert_uint_le(w.heap->sites.end, SHAPES_IDLE_MAX + 4);
    let_go(&w, last);
    world_free(&w);
}
END_TEST

START_TEST(an_object_knows_its_class_and_site)
{
    struct world w = world_new();
    obj_id id = 0;
    struct label label = {SLICE("Klass"), SLICE("app/main.c:17")};

    OK(heap_new_record(w.heap, label, NULL, 0, &id, &why));
    owns(&w, id, 1);
    for (uint32_t i = 0; i < 40; i++) { /* whatever form it takes */
        char name[16];

        ck_assert(slice_is(info(&w, id).class, "Klass"));
        ck_assert(slice_is(info(&w, id).site, "app/main.c:17"));
        snprintf(name, sizeof name, "f%u", i);
        set(&w, id, name, value_int(i));
    }
    ck_assert_uint_eq(info(&w, new_list(&w)).site.len, 0);
    world_free(&w);
}
END_TEST

START_TEST(a_bad_label_is_refused)
{
    struct world w = world_new();
    char long_name[NAME_BYTES_MAX + 1];
    const struct slice bad[] = {{long_name, sizeof long_name}, {"a\0b", 3}, {"\xff", 1}};
    struct label label = label_of("");
    obj_id id;

    memset(long_name, 'c', sizeof long_name);
    REFUSED(ERR_BAD_VALUE, heap_new_record(w.heap, label, NULL, 0, &id, &why));
    REFUSED(ERR_BAD_VALUE, heap_new_list(w.heap, label, NULL, 0, &id, &why));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        label = (struct label){.class = bad[i]};
        REFUSED(ERR_BAD_VALUE, heap_new_record(w.heap, label, NULL, 0, &id, &why));
        label = (struct label){.class = SLICE("C"), .site = bad[i]};
        REFUSED(ERR_BAD_VALUE, heap_new_list(w.heap, label, NULL, 0, &id, &why));
    }
    ck_assert_uint_eq(world_stats(&w).created, 0);
    ck_assert_uint_eq(world_stats(&w).strings, 0);
    world_free(&w);
}
END_TEST

START_TEST(a_class_past_its_shapes_makes_dictionaries)
{
    struct world w = world_new();
    struct tally_info class;
    obj_id last = 0;
    static obj_id ids[CLASS_SHAPES_MAX + 100];

    for (uint32_t i = 0; i < ARRAY_LEN(ids); i++) {
        char name[16];

        snprintf(name, sizeof name, "only%u", i);
        struct field f = field(name, value_int(i));

        ids[i] = last = new_record_with(&w, "Various", &f, 1);
    }
    ck_assert(find_class(&w, "Various", &class));
    ck_assert_uint_eq(class.shapes, CLASS_SHAPES_MAX);
    ck_assert_int_eq(object_at(w.heap, heap_slot(w.heap, ids[0]))->layout, LAYOUT_INLINE);
    ck_assert_int_eq(object_at(w.heap, heap_slot(w.heap, last))->layout, LAYOUT_DICTIONARY);
    for (uint32_t i = 0; i < ARRAY_LEN(ids); i++) {
        char name[16];

        snprintf(name, sizeof name, "only%u", i);
        MUST(get(&w, ids[i], name).integer == i);
    }
    ck_assert_int_eq(object_at(w.heap, heap_slot(w.heap, new_record_of(&w, "Other")))->layout, LAYOUT_INLINE);
    world_free(&w);
}
END_TEST

/* Making a record guesses from the one before; shape numbers are freed and used again under it. */
START_TEST(a_record_has_its_own_label_and_names_whatever_was_made_before)
{
    struct world w = world_new();
    uint64_t dice = unit_seed(_i);
    const char *const all[] = {"a", "b", "c", "d"};

    for (uint32_t round = 0; round < scaled(20000, 4000); round++) {
        uint32_t kind = unit_rand_below(&dice, 4) > 0 ? 0 : unit_rand_below(&dice, 4 * SHAPES_IDLE_MAX);
        uint32_t site = unit_rand_below(&dice, 4) > 0 ? 0 : unit_rand_below(&dice, 4 * SHAPES_IDLE_MAX);
        uint32_t count = unit_rand_below(&dice, 4), first = unit_rand_below(&dice, 2);
        struct field fields[4];
        struct part_cursor cursor = {0};
        struct part part;
        obj_id id = 0;
        char class[16], at[16];

        snprintf(class, sizeof class, "Class%u", kind);
        snprintf(at, sizeof at, site > 0 ? "site%u" : "", site);
        for (uint32_t i = 0; i < count; i++)
            fields[i] = field(all[(first + i) % 4], value_int(i));
        OK(heap_new_record(w.heap, (struct label){slice_of(class), slice_of(at)}, fields, count, &id, &why));
        owns(&w, id, 1);
        MUST(slice_is(info(&w, id).class, class) && info(&w, id).parts == count);
        MUST(slice_is(info(&w, id).site, at));
        for (uint32_t i = 0; heap_next_part(w.heap, id, &cursor, &part); i++)
            MUST(slice_is(part.name, all[(first + i) % 4]) && part.value.integer == i);
        let_go(&w, id);
        if (round % 64 == 0)
            world_reap(&w);
        if (round % 1024 == 0)
            world_check(&w);
    }
    world_free(&w);
}
END_TEST

START_TEST(classes_that_come_and_go_leave_little)
{
    struct world w = world_new();
    uint32_t n = scaled(100000, 20000);
    size_t before = w.mem->used_bytes;

    for (uint32_t i = 0; i < n; i++) {
        char class[24], site[24], name[24];
        obj_id id = 0;

        snprintf(class, sizeof class, "Class%u", i);
        snprintf(site, sizeof site, "site%u", i);
        snprintf(name, sizeof name, "field%u", i);
        struct field f[] = {field(name, value_int(1)), field("x", value_int(2))};
        struct label label = {slice_of(class), slice_of(site)};

        OK(heap_new_record(w.heap, label, f, 2, &id, &why));
        heap_release(w.heap, id);
        if (i % 16 == 0)
            world_reap(&w);
        if (i % 5000 == 0)
            world_check(&w);
    }
    world_reap(&w);
    ck_assert_uint_le(world_stats(&w).shapes, SHAPES_IDLE_MAX);
    ck_assert_uint_le(world_stats(&w).classes, SHAPES_IDLE_MAX);
    ck_assert_uint_le(world_stats(&w).strings, 4 * SHAPES_IDLE_MAX);
    world_tidy(&w);
    ck_assert_uint_le(w.mem->used_bytes - before, 1u << 20);
    world_free(&w);
}
END_TEST

START_TEST(shapes_in_use_are_not_given_back_by_those_that_are_not)
{
    struct world w = world_new();
    struct field f[] = {field("a", value_int(1)), field("b", value_int(2)), field("c", value_int(3))};
    obj_id kept = new_record_with(&w, "Kept", f, 3);

    for (uint32_t i = 0; i < 3 * SHAPES_IDLE_MAX; i++) {
        char class[24];

        snprintf(class, sizeof class, "Other%u", i);
        let_go(&w, new_record_with(&w, class, f, 3));
        world_reap(&w);
    }
    ck_assert_int_eq(get(&w, kept, "a").integer, 1);
    ck_assert_int_eq(get(&w, kept, "c").integer, 3);
    ck_assert(slice_is(info(&w, kept).class, "Kept"));
    world_free(&w);
}
END_TEST

START_TEST(a_long_field_list_is_given_back_whole)
{
    struct world w = world_new();
    static char names[RECORD_SLOTS_MAX][16];
    struct field f[RECORD_SLOTS_MAX];

    for (uint32_t i = 0; i < RECORD_SLOTS_MAX; i++)
        snprintf(names[i], sizeof names[i], "n%u", i);
    for (uint32_t class = 0; class < 100; class ++) {
        char name[24];

        for (uint32_t i = 0; i < RECORD_SLOTS_MAX; i++)
            f[i] = field(names[(i + class) % RECORD_SLOTS_MAX], value_int(i));
        snprintf(name, sizeof name, "Long%u", class);
        let_go(&w, new_record_with(&w, name, f, RECORD_SLOTS_MAX));
        world_reap(&w);
        world_check(&w);
        ck_assert_uint_le(world_stats(&w).shapes, SHAPES_IDLE_MAX + RECORD_SLOTS_MAX + 1);
    }
    world_free(&w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_class_counts_its_objects_and_their_bytes),
        TEST(a_site_counts_what_was_made_there),
        TEST(a_site_knows_the_most_that_it_ever_had),
        TEST(a_marked_site_tells_what_came_since),
        TEST(sites_that_come_and_go_leave_little),
        TEST(an_object_knows_its_class_and_site),
        TEST(a_bad_label_is_refused),
        TEST(a_class_past_its_shapes_makes_dictionaries),
        TEST(a_record_has_its_own_label_and_names_whatever_was_made_before, .rounds = 2),
        TEST(classes_that_come_and_go_leave_little),
        TEST(shapes_in_use_are_not_given_back_by_those_that_are_not),
        TEST(a_long_field_list_is_given_back_whole),
    };
    return unit_main(argc, argv, "shape", tests, ARRAY_LEN(tests));
}
