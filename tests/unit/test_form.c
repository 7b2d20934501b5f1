/* test_form.c - records made and changed by their form are what they would be by name; what is refused leaves
 * nothing behind. */
#include "heap/form.h"
#include "heap/heap_impl.h"
#include "heap/shape.h"
#include "tests/unit/world.h"

#define FIELDS 3

static const char *const names[FIELDS] = {"left", "right", "n"};

static struct record_form *form_of(struct world *w, const char *class, const char *const *field_names, size_t count)
{
    struct record_form *form = NULL;
    struct slice slices[RECORD_SLOTS_MAX];

    for (size_t i = 0; i < count; i++)
        slices[i] = slice_of(field_names[i]);
    OK(heap_form_create(w->heap, label_of(class), slices, count, &form, &why));
    return form;
}

static struct record_form *pair_form(struct world *w)
{
    return form_of(w, "Pair", names, FIELDS);
}

static obj_id of_form(struct world *w, const struct record_form *form, struct value left, struct value right, int64_t n)
{
    const struct value values[FIELDS] = {left, right, value_int(n)};
    obj_id id = 0;

    OK(heap_new_of_form(w->heap, form, values, &id, &why));
    owns(w, id, 1);
    return id;
}

static obj_id by_name(struct world *w, struct value left, struct value right, int64_t n)
{
    struct field fields[FIELDS] = {field(names[0], left), field(names[1], right), field(names[2], value_int(n))};

    return new_record_with(w, "Pair", fields, FIELDS);
}

static uint32_t shape_of(struct world *w, obj_id id)
{
    return object_at(w->heap, heap_slot(w->heap, id))->shape;
}

static bool class_is_listed(struct world *w, const char *name)
{
    struct tally_info class;

    for (uint32_t cursor = 0; heap_next_tally(w->heap, HEAP_CLASSES, &cursor, &class);)
        if (slice_is(class.name, name))
            return true;
    return false;
}

/* Push everything that is idle out of the tables. */
static void use_many_classes(struct world *w)
{
    for (uint32_t i = 0; i < 2 * SHAPES_IDLE_MAX; i++) {
        char class[16];

        snprintf(class, sizeof class, "Other%u", i);
        let_go(w, new_record_of(w, class));
        world_reap(w);
    }
}

/* Make, set, and give up all a class may have, so that its records become dictionaries. */
static void use_up_shapes(struct world *w, const char *class)
{
    for (uint32_t i = 0; i < CLASS_SHAPES_MAX; i++) {
        char name[16];

        snprintf(name, sizeof name, "only%u", i);
        struct field f = field(name, value_int(i));

        new_record_with(w, class, &f, 1);
    }
}

START_TEST(a_record_of_a_form_is_what_it_would_be_by_name)
{
    struct world w = world_new();
    struct record_form *form = pair_form(&w);
    obj_id to = new_record(&w);
    const struct value all[] = {value_null(), value_int(-5), value_int(INT64_MAX), real(0.5), real(0.1),
                                text("a string"), value_link(to), weak(to), {.kind = VALUE_TRUE}};

    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        obj_id a = of_form(&w, form, all[i], value_link(to), 7), b = by_name(&w, all[i], value_link(to), 7);
        struct object_info x = info(&w, a), y = info(&w, b);

        ck_assert_uint_eq(shape_of(&w, a), shape_of(&w, b));
        ck_assert(value_eq(get(&w, a, "left"), all[i]) && get(&w, a, "n").integer == 7);
        ck_assert(slice_is(x.class, "Pair") && x.parts == FIELDS && x.refs == 1);
        ck_assert(x.bytes == y.bytes && x.kind == y.kind && x.generation == y.generation && x.site.len == 0);
    }
    ck_assert_uint_eq(refs(&w, to), 1 + 2 * ARRAY_LEN(all) + 2);
    ck_assert_uint_eq(world_stats(&w).created, 1 + 2 * ARRAY_LEN(all));
    heap_form_destroy(w.heap, &form);
    ck_assert_ptr_null(form);
    world_free(&w);
}
END_TEST

START_TEST(a_form_may_have_a_site_no_fields_and_as_many_as_there_are_slots)
{
    struct world w = world_new();
    struct slice slices[RECORD_SLOTS_MAX];
    struct value values[RECORD_SLOTS_MAX];
    char text_of[RECORD_SLOTS_MAX][8];
    struct record_form *form = NULL;
    struct label label = {SLICE("Wide"), SLICE("app.c:1")};

    for (uint32_t i = 0; i < RECORD_SLOTS_MAX; i++) {
        snprintf(text_of[i], sizeof text_of[i], "f%u", i);
        slices[i] = slice_of(text_of[i]);
        values[i] = value_int(i);
    }
    for (uint32_t count = 0; count <= RECORD_SLOTS_MAX; count++) {
        obj_id id = 0;

        OK(heap_form_create(w.heap, label, slices, count, &form, &why));
        for (int twice = 0; twice < 2; twice++) { /* the second time in a cell that was used */
            OK(heap_new_of_form(w.heap, form, values, &id, &why));
            owns(&w, id, 1);
            ck_assert_uint_eq(info(&w, id).parts, count);
            ck_assert(slice_is(info(&w, id).site, "app.c:1"));
            ck_assert(count == 0 || get(&w, id, text_of[count - 1]).integer == count - 1);
            world_check(&w);
            let_go(&w, id);
            world_reap(&w);
        }
        heap_form_destroy(w.heap, &form);
    }
    world_free(&w);
}
END_TEST

START_TEST(a_form_fits_its_own_class_site_and_fields_in_their_order)
{
    struct world w = world_new();
    struct record_form *form = NULL;
    struct label label = {SLICE("Pair"), SLICE("app.c:1")};
    const struct slice two[] = {SLICE("left"), SLICE("right")};
    const struct field same[] = {field("left", value_null()), field("right", value_int(1)), field("n", value_null())};
    const struct field turned[] = {same[1], same[0]}, other[] = {same[0], same[2]};

    OK(heap_form_create(w.heap, label, two, 2, &form, &why));
    ck_assert(heap_form_fits(w.heap, form, label, same, 2));
    ck_assert(!heap_form_fits(w.heap, form, label, same, 1) && !heap_form_fits(w.heap, form, label, same, 3));
    ck_assert(!heap_form_fits(w.heap, form, label, turned, 2) && !heap_form_fits(w.heap, form, label, other, 2));
    label.class = SLICE("Pairs");
    ck_assert(!heap_form_fits(w.heap, form, label, same, 2));
    label = (struct label){SLICE("Pair"), SLICE("")};
    ck_assert(!heap_form_fits(w.heap, form, label, same, 2));
    heap_form_destroy(w.heap, &form);
    world_free(&w);
}
END_TEST

START_TEST(a_bad_form_is_refused)
{
    struct world w = world_new();
    struct slice many[RECORD_SLOTS_MAX + 1], twice[] = {SLICE("a"), SLICE("b"), SLICE("a")}, empty = SLICE("");
    struct record_form *form = NULL;

    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = SLICE("m");
    REFUSED(ERR_BAD_VALUE, heap_form_create(w.heap, label_of(""), twice, 2, &form, &why));
    REFUSED(ERR_BAD_VALUE, heap_form_create(w.heap, label_of("C"), twice, 3, &form, &why));
    REFUSED(ERR_BAD_VALUE, heap_form_create(w.heap, label_of("C"), &empty, 1, &form, &why));
    REFUSED(ERR_BAD_VALUE, heap_form_create(w.heap, label_of("C"), many, ARRAY_LEN(many), &form, &why));
    ck_assert_ptr_null(form);
    world_free(&w);
}
END_TEST

START_TEST(a_record_with_one_bad_value_is_not_made)
{
    struct world w = world_new();
    struct record_form *form = pair_form(&w);
    obj_id to = new_record(&w), dead = new_record(&w), id = 0, next;
    struct value values[FIELDS] = {value_link(to), text("a string that only this one has"), value_null()};
    const struct {
        enum err err;
        struct value v;
    } bad[] = {{ERR_DANGLING, value_link(dead)},
               {ERR_DANGLING, weak(dead)},
               {ERR_DANGLING, value_link(ID_MAX)},
               {ERR_BAD_VALUE, real(__builtin_inf())},
               {ERR_BAD_VALUE, {.kind = VALUE_STRING, .string = {"\xff", 1}}}};
    struct heap_stats before, after;

    let_go(&w, dead);
    world_reap(&w);
    next = of_form(&w, form, value_null(), value_null(), 0);
    let_go(&w, next);
    world_reap(&w);
    before = world_stats(&w);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        values[2] = bad[i].v;
        REFUSED(bad[i].err, heap_new_of_form(w.heap, form, values, &id, &why));
        world_check(&w);
    }
    after = world_stats(&w);
    ck_assert_uint_eq(id, 0);
    ck_assert_uint_eq(refs(&w, to), 1);
    ck_assert_uint_eq(after.objects, before.objects);
    ck_assert_uint_eq(after.strings, before.strings);
    ck_assert_uint_eq(after.created, before.created);
    ck_assert_uint_eq(after.live_bytes, before.live_bytes);
    heap_form_destroy(w.heap, &form);
    world_free(&w);
}
END_TEST

START_TEST(a_record_cannot_link_to_the_id_it_will_have)
{
    struct world w = world_new();
    struct record_form *form = pair_form(&w);
    obj_id first = of_form(&w, form, value_null(), value_null(), 0), will_be = first + 1, id = 0;
    const struct value values[FIELDS] = {value_link(will_be), weak(will_be), value_null()};

    REFUSED(ERR_DANGLING, heap_new_of_form(w.heap, form, values, &id, &why));
    REFUSED(ERR_DANGLING, heap_new_of_form(w.heap, form, values + 1, &id, &why));
    world_check(&w);
    heap_form_destroy(w.heap, &form);
    world_free(&w);
}
END_TEST

static void note_change(void *ctx, slot_t slot)
{
    *(slot_t *)ctx = slot;
}

START_TEST(setting_replaces_one_value_and_tells_whoever_watches)
{
    struct world w = world_new();
    struct record_form *form = pair_form(&w);
    obj_id to = new_record(&w), id = of_form(&w, form, value_link(to), value_null(), 1);
    slot_t changed = 0;
    struct heap_watch watch = {.ctx = &changed, .changing = note_change};
    struct value v = value_link(id), bad = value_link(ID_MAX);

    heap_add_watch(w.heap, &watch);
    OK(heap_set_of_form(w.heap, id, form, 0, &v, &why)); /* to itself: a cycle */
    ck_assert_uint_eq(changed, heap_slot(w.heap, id));
    ck_assert(refs(&w, to) == 1 && refs(&w, id) == 2);
    ck_assert_uint_eq(get(&w, id, "left").id, id);
    changed = 0;
    REFUSED(ERR_DANGLING, heap_set_of_form(w.heap, id, form, 0, &bad, &why));
    REFUSED(ERR_NO_OBJECT, heap_set_of_form(w.heap, ID_MAX, form, 0, &v, &why));
    ck_assert(changed == 0 && get(&w, id, "left").id == id);
    heap_remove_watch(w.heap, &watch);
    v = text("one");
    OK(heap_set_of_form(w.heap, id, form, 0, &v, &why));
    OK(heap_set_of_form(w.heap, id, form, 0, &v, &why)); /* the old one is the new one */
    ck_assert(slice_is(get(&w, id, "left").string, "one"));
    heap_form_destroy(w.heap, &form);
    world_free(&w);
}
END_TEST

START_TEST(what_a_set_displaces_may_be_the_object_itself)
{
    struct world w = world_new();
    struct record_form *form = pair_form(&w);
    obj_id id = of_form(&w, form, value_null(), value_null(), 1);
    struct value self = value_link(id), null = value_null();

    OK(heap_set_of_form(w.heap, id, form, 1, &self, &why));
    let_go(&w, id);
    ck_assert(lives(&w, id));
    OK(heap_set_of_form(w.heap, id, form, 1, &null, &why));
    ck_assert(!lives(&w, id));
    world_check(&w);
    REFUSED(ERR_COLLECTED, heap_set_of_form(w.heap, id, form, 1, &null, &why));
    heap_form_destroy(w.heap, &form);
    world_free(&w);
}
END_TEST

START_TEST(an_object_of_another_shape_is_set_by_name)
{
    struct world w = world_new();
    struct record_form *form = pair_form(&w);
    struct field turned[] = {field("n", value_int(1)), field("left", value_int(2))};
    obj_id other = new_record_with(&w, "Pair", turned, 2), none = new_record(&w), list = new_list(&w);
    obj_id outgrown = of_form(&w, form, value_null(), value_null(), 1);
    struct value v = value_int(9);

    OK(heap_set_of_form(w.heap, other, form, 0, &v, &why));
    ck_assert(get(&w, other, "left").integer == 9 && get(&w, other, "n").integer == 1);
    OK(heap_set_of_form(w.heap, none, form, 1, &v, &why)); /* it had no such field: now it has */
    ck_assert_int_eq(get(&w, none, "right").integer, 9);
    for (int i = 0; i < 40; i++) { /* into a cell elsewhere, then into a dictionary */
        char name[8];

        snprintf(name, sizeof name, "x%d", i);
        set(&w, outgrown, name, value_null());
        v = value_int(i);
        OK(heap_set_of_form(w.heap, outgrown, form, 2, &v, &why));
        ck_assert_int_eq(get(&w, outgrown, "n").integer, i);
    }
    REFUSED(ERR_WRONG_KIND, heap_set_of_form(w.heap, list, form, 0, &v, &why));
    heap_form_destroy(w.heap, &form);
    world_free(&w);
}
END_TEST

START_TEST(a_shape_is_set_in_place_wherever_its_values_lie)
{
    struct world w = world_new();
    obj_id id = new_record_of(&w, "Pair"); /* a cell of one value: three lie elsewhere */
    struct record_form *form = pair_form(&w);
    struct value v = value_int(3);

    for (size_t i = 0; i < FIELDS; i++)
        set(&w, id, names[i], value_null());
    ck_assert_int_eq(object_at(w.heap, heap_slot(w.heap, id))->layout, LAYOUT_EXTENDED);
    OK(heap_set_of_form(w.heap, id, form, 2, &v, &why));
    ck_assert_int_eq(get(&w, id, "n").integer, 3);
    heap_form_destroy(w.heap, &form);
    world_free(&w);
}
END_TEST

START_TEST(a_class_without_shapes_left_gets_dictionaries)
{
    struct world w = world_new();
    struct record_form *form;
    struct value v = value_int(8), bad[FIELDS] = {value_null(), value_null(), value_link(ID_MAX)};
    obj_id id, empty = new_record_of(&w, "Pair");

    use_up_shapes(&w, "Pair");
    form = pair_form(&w);
    id = of_form(&w, form, text("x"), value_null(), 4);
    ck_assert_int_eq(object_at(w.heap, heap_slot(w.heap, id))->layout, LAYOUT_DICTIONARY);
    ck_assert(slice_is(info(&w, id).class, "Pair") && get(&w, id, "n").integer == 4);
    OK(heap_set_of_form(w.heap, id, form, 1, &v, &why));
    OK(heap_set_of_form(w.heap, empty, form, 2, &v, &why)); /* the shape it is held by is not that of its records */
    ck_assert(get(&w, id, "right").integer == 8 && get(&w, empty, "n").integer == 8);
    REFUSED(ERR_DANGLING, heap_new_of_form(w.heap, form, bad, &id, &why));
    heap_form_destroy(w.heap, &form);
    world_free(&w);
}
END_TEST

START_TEST(a_shape_lives_as_long_as_its_form_or_its_records)
{
    struct world w = world_new();
    struct record_form *form = pair_form(&w), *second = pair_form(&w);
    obj_id id = of_form(&w, form, value_null(), value_null(), 1);
    uint32_t shape = shape_of(&w, id);

    let_go(&w, id);
    world_reap(&w);
    use_many_classes(&w);
    world_check(&w);
    ck_assert(class_is_listed(&w, "Pair")); /* no object has it */
    id = of_form(&w, form, value_null(), value_null(), 2);
    ck_assert_uint_eq(shape_of(&w, id), shape);
    heap_form_destroy(w.heap, &form);
    use_many_classes(&w);
    ck_assert_uint_eq(shape_of(&w, id), shape); /* the record has it still, and so has the other form */
    let_go(&w, id);
    heap_form_destroy(w.heap, &second);
    heap_form_destroy(w.heap, &second); /* NULL: fine */
    world_reap(&w);
    use_many_classes(&w);
    ck_assert(!class_is_listed(&w, "Pair"));
    world_free(&w);
}
END_TEST

/* Every request for memory refused once, alone and with all after it. */
START_TEST(refused_memory_leaves_nothing_of_a_form_or_its_records)
{
    struct world w = world_new();
    uint32_t done = 0;

    for (uint64_t n = 1; done < 2; n++) {
        struct record_form *form = NULL;
        const struct slice fields[] = {SLICE("u"), SLICE("v"), SLICE("only here")};
        const struct value values[] = {text("a string only here"), real(0.1), value_int(INT64_MAX)};
        struct label label = {SLICE("Starved"), SLICE("at.c:3")};
        obj_id id = 0;
        enum err e, made = ERR_OK, set_err = ERR_OK;

        starve(&w, n, _i == 1);
        e = heap_form_create(w.heap, label, fields, FIELDS, &form, NULL);
        if (e == ERR_OK)
            made = heap_new_of_form(w.heap, form, values, &id, NULL);
        if (e == ERR_OK && made == ERR_OK)
            set_err = heap_set_of_form(w.heap, id, form, 2, &values[1], NULL);
        feed(&w);
        ck_assert((form == NULL) == (e != ERR_OK) && (e == ERR_OK || e == ERR_NOMEM));
        ck_assert((id == 0) == (e != ERR_OK || made != ERR_OK) && (made == ERR_OK || made == ERR_NOMEM));
        if (id != 0) {
            owns(&w, id, 1);
            ck_assert(value_eq(get(&w, id, "only here"), values[set_err == ERR_OK ? 1 : 2]));
        }
        world_check(&w);
        done += e == ERR_OK && made == ERR_OK && set_err == ERR_OK;
        if (id != 0)
            let_go(&w, id);
        world_reap(&w);
        heap_form_destroy(w.heap, &form);
        use_many_classes(&w);
        world_check(&w);
        ck_assert_uint_eq(world_objects(&w), 0);
    }
    world_free(&w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_record_of_a_form_is_what_it_would_be_by_name),
        TEST(a_form_may_have_a_site_no_fields_and_as_many_as_there_are_slots),
        TEST(a_form_fits_its_own_class_site_and_fields_in_their_order),
        TEST(a_bad_form_is_refused),
        TEST(a_record_with_one_bad_value_is_not_made),
        TEST(a_record_cannot_link_to_the_id_it_will_have),
        TEST(setting_replaces_one_value_and_tells_whoever_watches),
        TEST(what_a_set_displaces_may_be_the_object_itself),
        TEST(an_object_of_another_shape_is_set_by_name),
        TEST(a_shape_is_set_in_place_wherever_its_values_lie),
        TEST(a_class_without_shapes_left_gets_dictionaries),
        TEST(a_shape_lives_as_long_as_its_form_or_its_records),
        TEST(refused_memory_leaves_nothing_of_a_form_or_its_records, .rounds = 2),
    };

    return unit_main(argc, argv, "form", tests, ARRAY_LEN(tests));
}
