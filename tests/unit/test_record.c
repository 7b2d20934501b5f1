/* test_record.c - named fields in the order they came, all of an edit or none, in whatever form they are
 * kept. */
#include "heap/record.h"
#include "heap/heap_impl.h"
#include "tests/unit/world.h"

/* The names of a record's fields, one after another: "a b c". */
static const char *names_of(struct world *w, obj_id id)
{
    static char out[4096];
    struct part_cursor cursor = {0};
    struct part part;
    size_t len = 0;

    out[0] = '\0';
    while (heap_next_part(w->heap, id, &cursor, &part))
        len += (size_t)snprintf(out + len, sizeof out - len, "%s%.*s", len > 0 ? " " : "", (int)part.name.len,
                                part.name.data);
    return out;
}

static int64_t int_of(struct world *w, obj_id id, const char *name)
{
    struct value v = get(w, id, name);

    ck_assert_int_eq(v.kind, VALUE_INT);
    return v.integer;
}

static const char *numbered(char prefix, uint32_t i)
{
    static char names[4][16];
    static size_t turn;
    char *name = names[turn++ % ARRAY_LEN(names)];

    snprintf(name, sizeof names[0], "%c%u", prefix, i);
    return name;
}

static bool is_dictionary(struct world *w, obj_id id)
{
    return object_at(w->heap, heap_slot(w->heap, id))->layout == LAYOUT_DICTIONARY;
}

/* Each test of what edits do runs on a record in slots (_i is 0), in slots elsewhere (1), in a dictionary
 * (2). */
static obj_id record_in_form(struct world *w, int form)
{
    obj_id id = new_record(w);

    if (form == 0) {
        struct field fields[] = {field("u", value_null()), field("v", value_null()),
                                 field("w", value_null()), field("x", value_null()),
                                 field("y", value_null()), field("z", value_null())};

        let_go(w, id);
        world_reap(w);
        id = new_record_with(w, "Record", fields, ARRAY_LEN(fields));
        for (size_t i = 0; i < ARRAY_LEN(fields); i++)
            fields[i].unset = true;
        OK(heap_edit_record(w->heap, id, fields, ARRAY_LEN(fields), &why));
    }
    for (uint32_t i = 0; form == 2 && i < 40; i++)
        set(w, id, numbered('x', i), value_int(i));
    for (uint32_t i = 0; form == 2 && i < 40; i++)
        unset_field(w, id, numbered('x', i));
    ck_assert_int_eq(is_dictionary(w, id), form == 2);
    ck_assert_str_eq(names_of(w, id), "");
    return id;
}

#define FORMS 3

START_TEST(fields_stand_in_the_order_they_came)
{
    struct world w = world_new();
    obj_id id = record_in_form(&w, _i);

    set(&w, id, "b", value_int(1));
    set(&w, id, "a", value_int(2));
    set(&w, id, "c", value_int(3));
    ck_assert_str_eq(names_of(&w, id), "b a c");
    set(&w, id, "b", value_int(4)); /* replaced where it is */
    ck_assert_str_eq(names_of(&w, id), "b a c");
    unset_field(&w, id, "b");
    ck_assert_str_eq(names_of(&w, id), "a c");
    set(&w, id, "b", value_int(5)); /* comes last now */
    ck_assert_str_eq(names_of(&w, id), "a c b");
    ck_assert_int_eq(int_of(&w, id, "a"), 2);
    ck_assert_int_eq(int_of(&w, id, "b"), 5);
    ck_assert_int_eq(int_of(&w, id, "c"), 3);
    ck_assert_uint_eq(info(&w, id).parts, 3);
    world_free(&w);
}
END_TEST

START_TEST(an_absent_field_is_no_name_and_unsetting_it_in_an_edit_is_fine)
{
    struct world w = world_new();
    obj_id id = record_in_form(&w, _i);
    struct field edit = unset("never");
    struct value v;

    set(&w, id, "a", value_null());
    REFUSED(ERR_NO_NAME, heap_get_field(w.heap, id, SLICE("never"), &v, &why));
    REFUSED(ERR_NO_NAME, heap_get_field(w.heap, id, SLICE(""), &v, &why));
    REFUSED(ERR_NO_NAME, heap_unset_field(w.heap, id, SLICE("never"), &why));
    OK(heap_edit_record(w.heap, id, &edit, 1, &why));
    OK(heap_edit_record(w.heap, id, NULL, 0, &why));
    ck_assert_str_eq(names_of(&w, id), "a");
    world_free(&w);
}
END_TEST

START_TEST(a_repeated_name_counts_as_its_last)
{
    struct world w = world_new();
    obj_id id = record_in_form(&w, _i), to = new_record(&w);
    struct field edits[] = {field("a", value_link(to)), field("b", value_int(1)), field("a", value_link(to)),
                            field("a", value_int(7))};

    OK(heap_edit_record(w.heap, id, edits, ARRAY_LEN(edits), &why));
    ck_assert_str_eq(names_of(&w, id), "a b");
    ck_assert_int_eq(int_of(&w, id, "a"), 7);
    ck_assert_uint_eq(refs(&w, to), 1);
    world_free(&w);
}
END_TEST

START_TEST(a_name_may_be_unset_and_set_and_unset_in_one_edit)
{
    struct world w = world_new();
    obj_id id = record_in_form(&w, _i), to = new_record(&w);
    struct field again[] = {unset("a"), field("a", value_link(to))};
    struct field swap[] = {unset("a"), field("new", value_int(2)), unset("b"), field("a", value_int(1))};
    struct field gone[] = {field("c", value_link(to)), unset("c")};

    set(&w, id, "a", value_link(to));
    set(&w, id, "b", value_int(9));
    OK(heap_edit_record(w.heap, id, again, ARRAY_LEN(again), &why));
    ck_assert_str_eq(names_of(&w, id), "b a");
    ck_assert_uint_eq(refs(&w, to), 2);
    OK(heap_edit_record(w.heap, id, swap, ARRAY_LEN(swap), &why));
    ck_assert_str_eq(names_of(&w, id), "new a");
    OK(heap_edit_record(w.heap, id, gone, ARRAY_LEN(gone), &why));
    ck_assert_str_eq(names_of(&w, id), "new a");
    ck_assert_uint_eq(refs(&w, to), 1);
    world_free(&w);
}
END_TEST

START_TEST(an_edit_with_one_bad_value_changes_nothing)
{
    struct world w = world_new();
    obj_id id = record_in_form(&w, _i), to = new_record(&w), dead = new_record(&w);
    const struct value bad[] = {
        value_link(dead),       weak(dead),    real(1.0 / 0.0),       real(-1.0 / 0.0), real(0.0 / 0.0),
        text("\xff not UTF-8"), value_link(0), value_link(UINT64_MAX)};
    const enum err expected[] = {ERR_DANGLING,  ERR_DANGLING,  ERR_BAD_VALUE, ERR_BAD_VALUE,
                                 ERR_BAD_VALUE, ERR_BAD_VALUE, ERR_DANGLING,  ERR_DANGLING};
    uint64_t before;

    let_go(&w, dead);
    set(&w, id, "a", value_link(to));
    set(&w, id, "b", text("some text that is kept"));
    before = etag(&w, id);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct field edits[] = {unset("a"), field("c", value_link(to)), field("b", value_int(1)),
                                field("d", bad[i]), field("e", text("more"))};

        REFUSED(expected[i], heap_edit_record(w.heap, id, edits, ARRAY_LEN(edits), &why));
        ck_assert_str_eq(names_of(&w, id), "a b");
        ck_assert_uint_eq(etag(&w, id), before);
        ck_assert_uint_eq(refs(&w, to), 2);
        world_check(&w);
    }
    world_free(&w);
}
END_TEST

START_TEST(a_bad_field_name_is_refused)
{
    struct world w = world_new();
    obj_id id = record_in_form(&w, _i), other;
    char long_name[NAME_BYTES_MAX + 2];
    struct field f = {.value = value_int(1)};
    const struct slice bad[] = {
        {long_name, NAME_BYTES_MAX + 1}, {NULL, 0}, {"a\0b", 3}, {"\xc0\x80", 2}, {"\xed\xa0\x80", 3}};

    memset(long_name, 'n', sizeof long_name);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        f.name = bad[i];
        REFUSED(ERR_BAD_VALUE, heap_edit_record(w.heap, id, &f, 1, &why));
        REFUSED(ERR_BAD_VALUE, heap_new_record(w.heap, label_of("Record"), &f, 1, &other, &why));
    }
    f.name = (struct slice){long_name, NAME_BYTES_MAX};
    OK(heap_edit_record(w.heap, id, &f, 1, &why));
    ck_assert_uint_eq(info(&w, id).parts, 1);
    world_free(&w);
}
END_TEST

START_TEST(an_edit_may_drop_the_last_reference_to_its_own_record)
{
    struct world w = world_new();
    obj_id id = record_in_form(&w, _i);
    struct field edits[] = {field("text", text("x")), unset("self"), field("more", value_int(1))};

    put_link(&w, id, "self", id);
    let_go(&w, id);
    ck_assert(lives(&w, id));
    OK(heap_edit_record(w.heap, id, edits, ARRAY_LEN(edits), &why));
    ck_assert(!lives(&w, id));
    world_reap(&w);
    ck_assert_uint_eq(world_objects(&w), 0);
    world_free(&w);
}
END_TEST

START_TEST(replacing_a_link_by_itself_keeps_its_object)
{
    struct world w = world_new();
    obj_id id = record_in_form(&w, _i), to = new_record(&w);

    put_link(&w, id, "a", to);
    let_go(&w, to);
    put_link(&w, id, "a", to);
    ck_assert_uint_eq(refs(&w, to), 1);
    world_free(&w);
}
END_TEST

START_TEST(a_walk_can_begin_at_any_field)
{
    struct world w = world_new();
    obj_id id = record_in_form(&w, _i);
    struct part_cursor cursor = {0};
    struct part part;

    for (uint32_t i = 0; i < 5; i++)
        set(&w, id, numbered('f', i), value_int(i));
    OK(heap_seek_field(w.heap, id, SLICE("f3"), &cursor, &why));
    ck_assert(heap_next_part(w.heap, id, &cursor, &part) && part.value.integer == 3);
    ck_assert(heap_next_part(w.heap, id, &cursor, &part) && part.value.integer == 4);
    ck_assert(!heap_next_part(w.heap, id, &cursor, &part));
    ck_assert(!heap_next_part(w.heap, id, &cursor, &part));
    OK(heap_seek_field(w.heap, id, SLICE("f0"), &cursor, &why));
    ck_assert(heap_next_part(w.heap, id, &cursor, &part) && part.value.integer == 0);
    REFUSED(ERR_NO_NAME, heap_seek_field(w.heap, id, SLICE("f5"), &cursor, &why));
    REFUSED(ERR_WRONG_KIND, heap_seek_item(w.heap, id, 0, &cursor, &why));
    world_free(&w);
}
END_TEST

START_TEST(parts_come_some_at_a_time_as_they_come_one_by_one)
{
    struct world w = world_new();
    obj_id of_kind[] = {record_in_form(&w, _i), new_list(&w)};

    for (uint32_t i = 0; i < 20; i++) {
        set(&w, of_kind[0], numbered('f', i), value_int(i));
        push(&w, of_kind[1], value_int(i));
    }
    for (size_t k = 0; k < 2; k++) {
        for (size_t max = 1; max < 25; max++) {
            struct part_cursor one = {0}, some = {0};
            struct part expected, got[25];
            size_t n, met = 0;

            while ((n = heap_next_parts(w.heap, of_kind[k], &some, got, max)) > 0) {
                ck_assert_uint_le(n, max);
                for (size_t i = 0; i < n; i++, met++) {
                    MUST(heap_next_part(w.heap, of_kind[k], &one, &expected));
                    MUST(slice_eq(got[i].name, expected.name) && got[i].index == expected.index &&
                         value_eq(got[i].value, expected.value));
                }
            }
            ck_assert_uint_eq(met, info(&w, of_kind[k]).parts);
        }
    }
    world_free(&w);
}
END_TEST

START_TEST(an_etag_does_not_tell_how_a_record_keeps_its_fields)
{
    struct world w = world_new();
    obj_id id = new_record(&w);
    uint64_t before;

    for (uint32_t i = 0; i < 20; i++)
        set(&w, id, numbered('f', i), value_int(i));
    before = etag(&w, id);
    for (uint32_t i = 20; i < RECORD_SLOTS_MAX + 5; i++)
        set(&w, id, numbered('f', i), value_int(i)); /* a dictionary from now on */
    ck_assert_uint_ne(etag(&w, id), before);
    for (uint32_t i = 20; i < RECORD_SLOTS_MAX + 5; i++)
        unset_field(&w, id, numbered('f', i));
    ck_assert_uint_eq(etag(&w, id), before);
    world_free(&w);
}
END_TEST

START_TEST(fields_are_refused_to_lists_and_bytes)
{
    struct world w = world_new();
    obj_id others[] = {new_list(&w), new_bytes(&w, 3, 'b')};
    struct field f = field("a", value_int(1));
    struct value v;

    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        REFUSED(ERR_WRONG_KIND, heap_edit_record(w.heap, others[i], &f, 1, &why));
        REFUSED(ERR_WRONG_KIND, heap_get_field(w.heap, others[i], SLICE("a"), &v, &why));
        REFUSED(ERR_WRONG_KIND, heap_unset_field(w.heap, others[i], SLICE("a"), &why));
    }
    world_free(&w);
}
END_TEST

/* ---- growing ---- */

START_TEST(a_record_outgrows_its_cell_and_then_its_slots)
{
    struct world w = world_new();
    obj_id id = new_record(&w), to = new_record(&w);

    for (uint32_t i = 0; i < 100; i++) {
        set(&w, id, numbered('f', i), i % 3 == 0 ? value_link(to) : value_int(i));
        ck_assert_int_eq(is_dictionary(&w, id), i >= RECORD_SLOTS_MAX);
        ck_assert_uint_eq(info(&w, id).parts, i + 1);
        world_check(&w);
    }
    for (uint32_t i = 0; i < 100; i++)
        MUST(i % 3 == 0 ? get(&w, id, numbered('f', i)).id == to : int_of(&w, id, numbered('f', i)) == i);
    ck_assert_uint_eq(refs(&w, to), 1 + 34);
    let_go(&w, id);
    for (int steps = 0; heap_reap(w.heap, 7) == 0; steps++)
        world_check(&w);
    ck_assert_uint_eq(refs(&w, to), 1);
    world_free(&w);
}
END_TEST

START_TEST(a_record_can_be_born_with_any_number_of_fields)
{
    struct world w = world_new();
    static char names[200][16];
    static struct field fields[200];

    for (uint32_t i = 0; i < 200; i++) {
        snprintf(names[i], sizeof names[i], "f%u", i);
        fields[i] = field(names[i], value_int(i));
    }
    for (uint32_t n = 0; n <= 200; n += n < 40 ? 1 : 40) {
        obj_id id = new_record_with(&w, "Born", fields, n);

        ck_assert_uint_eq(info(&w, id).parts, n);
        for (uint32_t i = 0; i < n; i++)
            MUST(int_of(&w, id, names[i]) == i);
        ck_assert_int_eq(is_dictionary(&w, id), n > RECORD_SLOTS_MAX);
    }
    world_free(&w);
}
END_TEST

START_TEST(two_records_that_grew_alike_share_a_shape)
{
    struct world w = world_new();
    obj_id a, b;
    uint64_t shapes;

    a = new_record(&w);
    set(&w, a, "x", value_int(1));
    set(&w, a, "y", value_int(2));
    shapes = world_stats(&w).shapes;
    b = new_record(&w);
    set(&w, b, "x", value_int(3));
    set(&w, b, "y", value_int(4));
    ck_assert_uint_eq(world_stats(&w).shapes, shapes);
    world_free(&w);
}
END_TEST

static void is_born_as(struct world *w, const struct field *fields, size_t count, const char *names, int64_t last)
{
    struct field like[] = {field("a", value_int(1)), field("b", value_int(2))};
    obj_id before = new_record_with(w, "Record", like, ARRAY_LEN(like));
    obj_id id = new_record_with(w, "Record", fields, count);
    const char *space = strrchr(names, ' ');

    ck_assert_str_eq(names_of(w, id), names);
    ck_assert_int_eq(int_of(w, id, space != NULL ? space + 1 : names), last);
    ck_assert_str_eq(names_of(w, before), "a b");
}

/* Records like the one before are made in a shorter way, which must see whoever is not quite like it. */
START_TEST(who_comes_after_another_has_the_fields_that_it_was_given)
{
    struct world w = world_new();
    struct field a = field("a", value_int(3)), b = field("b", value_int(4)), gone = a;

    gone.unset = true;
    is_born_as(&w, (struct field[]){a, b}, 2, "a b", 4);
    is_born_as(&w, (struct field[]){b, a}, 2, "b a", 3);
    is_born_as(&w, (struct field[]){a, a}, 2, "a", 3);
    is_born_as(&w, (struct field[]){gone, b}, 2, "b", 4);
    is_born_as(&w, (struct field[]){b}, 1, "b", 4);
    is_born_as(&w, (struct field[]){a, b, field("c", value_int(5))}, 3, "a b c", 5);
    world_free(&w);
}
END_TEST

START_TEST(who_comes_after_another_and_is_refused_leaves_nothing)
{
    struct world w = world_new();
    struct field fields[] = {field("a", text("of the first")), field("b", value_int(2))};
    obj_id id = new_record_with(&w, "Record", fields, ARRAY_LEN(fields));
    struct heap_stats before = world_stats(&w), after;

    fields[0].value = text("of the second");
    fields[1].value = value_link(ID_MAX);
    REFUSED(ERR_DANGLING, heap_new_record(w.heap, label_of("Record"), fields, ARRAY_LEN(fields), &id, &why));
    after = world_stats(&w);
    ck_assert_uint_eq(after.objects, before.objects);
    ck_assert_uint_eq(after.strings, before.strings);
    ck_assert_uint_eq(after.created, before.created);
    world_free(&w);
}
END_TEST

/* So is an empty record that is given what the one before it was born with. */
START_TEST(an_empty_record_is_filled_as_the_one_before_it)
{
    struct world w = world_new();
    struct field fields[] = {field("a", text("first")), field("b", value_int(2))};
    obj_id filled = new_record(&w), link = new_record(&w), before = new_record_with(&w, "Record", fields, ARRAY_LEN(fields));

    fields[0].value = value_link(link);
    OK(heap_edit_record(w.heap, filled, fields, ARRAY_LEN(fields), &why));
    let_go(&w, link);
    ck_assert_str_eq(names_of(&w, filled), "a b");
    ck_assert(get(&w, filled, "a").id == link && heap_has(w.heap, link));
    ck_assert_int_eq(int_of(&w, filled, "b"), 2);
    ck_assert_uint_eq(object_at(w.heap, heap_slot(w.heap, filled))->shape, object_at(w.heap, heap_slot(w.heap, before))->shape);
    world_free(&w);
}
END_TEST

START_TEST(an_empty_record_that_is_refused_its_fields_stays_empty)
{
    struct world w = world_new();
    struct field fields[] = {field("a", text("of the first")), field("b", value_int(2))};
    obj_id id = new_record(&w);
    struct heap_stats before, after;

    new_record_with(&w, "Record", fields, ARRAY_LEN(fields));
    before = world_stats(&w);
    fields[0].value = text("of the second");
    fields[1].value = value_link(ID_MAX);
    REFUSED(ERR_DANGLING, heap_edit_record(w.heap, id, fields, ARRAY_LEN(fields), &why));
    after = world_stats(&w);
    ck_assert_str_eq(names_of(&w, id), "");
    ck_assert_uint_eq(after.strings, before.strings);
    world_free(&w);
}
END_TEST

/* ---- dictionaries ---- */

START_TEST(a_hundred_thousand_fields_are_set_found_and_unset)
{
    struct world w = world_new();
    obj_id id = new_record(&w);
    uint32_t n = scaled(100000, 20000);
    struct part_cursor cursor = {0};
    struct part part;

    for (uint32_t i = 0; i < n; i++)
        set(&w, id, numbered('f', i), value_int(i));
    world_check(&w);
    ck_assert_uint_eq(info(&w, id).parts, n);
    for (uint32_t i = 0; i < n; i++) {
        MUST(heap_next_part(w.heap, id, &cursor, &part));
        MUST(slice_is(part.name, numbered('f', i)) && part.value.integer == i);
    }
    MUST(!heap_next_part(w.heap, id, &cursor, &part));
    for (uint32_t i = 0; i < n; i += 2) /* every other one, from both ends */
        unset_field(&w, id, numbered('f', i % 4 == 0 ? i : n - i));
    for (uint32_t i = n; i-- > 0;)
        MUST((heap_get_field(w.heap, id, slice_of(numbered('f', i)), &part.value, NULL) == ERR_OK) ==
             (i % 2 == 1));
    world_check(&w);
    for (uint32_t i = 1; i < n; i += 2)
        unset_field(&w, id, numbered('f', i));
    ck_assert_str_eq(names_of(&w, id), "");
    ck_assert_uint_le(info(&w, id).bytes, 1000); /* it has shrunk */
    world_free(&w);
}
END_TEST

/* Against an array of the same, through every form a record can have. */
START_TEST(random_edits_agree_with_a_naive_array)
{
    struct world w = world_new();
    uint64_t seed = unit_seed(_i);
    uint32_t universe = _i % 2 == 0 ? 12 : 60;
    struct {
        uint32_t name;
        int64_t value;
    } naive[64];
    uint32_t count = 0;
    obj_id id = new_record(&w);

    for (uint32_t n = 0; n < scaled(30000, 3000); n++) {
        struct field edits[5];
        char names[5][16];
        uint32_t k = 1 + unit_rand_below(&seed, 5);

        for (uint32_t j = 0; j < k; j++) {
            uint32_t name = unit_rand_below(&seed, universe), at = 0;
            bool remove = unit_rand_below(&seed, 100) < 45;

            snprintf(names[j], sizeof names[j], "n%u", name);
            edits[j] = remove ? unset(names[j]) : field(names[j], value_int((int64_t)unit_rand(&seed)));
            while (at < count && naive[at].name != name)
                at++;
            if (remove && at < count)
                memmove(&naive[at], &naive[at + 1], (--count - at) * sizeof naive[0]);
            if (!remove) {
                count += at == count;
                naive[at].name = name;
                naive[at].value = edits[j].value.integer;
            }
        }
        OK(heap_edit_record(w.heap, id, edits, k, &why));

        struct part_cursor cursor = {0};
        struct part part;

        for (uint32_t i = 0; i < count; i++) {
            MUST(heap_next_part(w.heap, id, &cursor, &part));
            MUST(slice_is(part.name, numbered('n', naive[i].name)) && part.value.integer == naive[i].value);
        }
        MUST(!heap_next_part(w.heap, id, &cursor, &part));
        if (n % 1000 == 0)
            world_check(&w);
        if (n % 5000 == 4999) { /* a new one, in slots again */
            let_go(&w, id);
            id = new_record(&w);
            count = 0;
        }
    }
    world_free(&w);
}
END_TEST

/* Many fields go and many come in one edit, while memory is refused: it happens whole, or not at all. */
START_TEST(an_edit_that_unsets_and_sets_many_fields_of_a_dictionary_is_whole_or_nothing)
{
    struct world w = world_new();
    static struct field edits[1200];
    static char names[1200][16];
    uint32_t done = 0;

    for (uint32_t i = 0; i < ARRAY_LEN(edits); i++) {
        snprintf(names[i], sizeof names[i], "%c%u", i < 400 ? 'o' : 'n', i);
        edits[i] = i < 400 ? unset(names[i]) : field(names[i], value_int(i));
    }
    for (uint64_t n = 1; done < 3; n++) {
        obj_id id = new_record(&w);
        uint64_t before;
        enum err e;

        for (uint32_t i = 0; i < 400; i++)
            set(&w, id, names[i], value_int(i));
        before = etag(&w, id);
        starve(&w, n, true);
        e = heap_edit_record(w.heap, id, edits, ARRAY_LEN(edits), NULL);
        feed(&w);
        world_check(&w);
        ck_assert_int_eq(e == ERR_OK ? ERR_NOMEM : e, ERR_NOMEM);
        ck_assert_uint_eq(info(&w, id).parts, e == ERR_OK ? 800 : 400);
        ck_assert(e == ERR_OK || etag(&w, id) == before);
        done += e == ERR_OK;
        let_go(&w, id);
        world_reap(&w);
    }
    world_free(&w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(fields_stand_in_the_order_they_came, .rounds = FORMS),
        TEST(an_absent_field_is_no_name_and_unsetting_it_in_an_edit_is_fine, .rounds = FORMS),
        TEST(a_repeated_name_counts_as_its_last, .rounds = FORMS),
        TEST(a_name_may_be_unset_and_set_and_unset_in_one_edit, .rounds = FORMS),
        TEST(an_edit_with_one_bad_value_changes_nothing, .rounds = FORMS),
        TEST(a_bad_field_name_is_refused, .rounds = FORMS),
        TEST(an_edit_may_drop_the_last_reference_to_its_own_record, .rounds = FORMS),
        TEST(replacing_a_link_by_itself_keeps_its_object, .rounds = FORMS),
        TEST(a_walk_can_begin_at_any_field, .rounds = FORMS),
        TEST(parts_come_some_at_a_time_as_they_come_one_by_one, .rounds = FORMS),
        TEST(an_etag_does_not_tell_how_a_record_keeps_its_fields),
        TEST(fields_are_refused_to_lists_and_bytes),
        TEST(a_record_outgrows_its_cell_and_then_its_slots),
        TEST(a_record_can_be_born_with_any_number_of_fields),
        TEST(who_comes_after_another_has_the_fields_that_it_was_given),
        TEST(who_comes_after_another_and_is_refused_leaves_nothing),
        TEST(an_empty_record_is_filled_as_the_one_before_it),
        TEST(an_empty_record_that_is_refused_its_fields_stays_empty),
        TEST(two_records_that_grew_alike_share_a_shape),
        TEST(a_hundred_thousand_fields_are_set_found_and_unset),
        TEST(random_edits_agree_with_a_naive_array, .rounds = 4),
        TEST(an_edit_that_unsets_and_sets_many_fields_of_a_dictionary_is_whole_or_nothing),
    };
    return unit_main(argc, argv, "record", tests, ARRAY_LEN(tests));
}
