/* test_value.c - values, strings and bytes: what is written is what is read, and equal short strings are one.
 */
#include "heap/intern.h"
#include "tests/unit/world.h"
#include <float.h>
#include <math.h>

static struct value round_trip(struct world *w, obj_id id, struct value v)
{
    set(w, id, "v", v);
    return get(w, id, "v");
}

static uint64_t shared_cells(struct world *w)
{
    return world_stats(w).shared_bytes;
}

START_TEST(constants_read_back)
{
    struct world w = world_new();
    obj_id id = new_record(&w);
    const enum value_kind kinds[] = {VALUE_NULL, VALUE_FALSE, VALUE_TRUE};

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        ck_assert_int_eq(round_trip(&w, id, (struct value){.kind = kinds[i]}).kind, kinds[i]);
    world_free(&w);
}
END_TEST

START_TEST(integers_read_back_at_every_border)
{
    struct world w = world_new();
    obj_id id = new_record(&w);
    const int64_t centres[] = {0,         1 << 28,   -(1 << 28), (1 << 29), -(1 << 29),
                               INT32_MAX, INT32_MIN, UINT32_MAX, 1ll << 53, -(1ll << 53)};

    for (size_t i = 0; i < ARRAY_LEN(centres); i++)
        for (int64_t d = -3; d <= 3; d++) {
            struct value v = round_trip(&w, id, value_int(centres[i] + d));

            ck_assert(value_eq(v, value_int(centres[i] + d)));
        }
    ck_assert(value_eq(round_trip(&w, id, value_int(INT64_MAX)), value_int(INT64_MAX)));
    ck_assert(value_eq(round_trip(&w, id, value_int(INT64_MIN)), value_int(INT64_MIN)));
    ck_assert(!value_eq(value_int(1), real(1.0)));
    world_free(&w);
}
END_TEST

START_TEST(reals_read_back_bit_by_bit)
{
    struct world w = world_new();
    obj_id id = new_record(&w);
    const double reals[] = {0.0,
                            -0.0,
                            1.0,
                            -1.0,
                            0.1,
                            -0.1,
                            0.5,
                            1.0 / 3,
                            1e308,
                            -1e308,
                            DBL_MAX,
                            -DBL_MAX,
                            DBL_MIN,
                            5e-324,
                            -5e-324,
                            DBL_MIN / 3,
                            3.0000000000000004,
                            4503599627370496.5,
                            1e22,
                            123456789.125,
                            0.30000000000000004};

    for (size_t i = 0; i < ARRAY_LEN(reals); i++) {
        struct value v = round_trip(&w, id, real(reals[i]));

        ck_assert_int_eq(v.kind, VALUE_REAL);
        ck_assert(memcmp(&v.real, &reals[i], sizeof v.real) == 0);
    }
    world_free(&w);
}
END_TEST

START_TEST(random_numbers_read_back)
{
    struct world w = world_new();
    obj_id id = new_record(&w);
    uint64_t seed = unit_seed(_i);

    for (uint32_t n = 0; n < scaled(200000, 20000); n++) {
        uint64_t bits = unit_rand(&seed) >> unit_rand_below(&seed, 64);
        struct value v = value_int((int64_t)bits);

        if (n % 2 == 0) {
            v = real(0);
            bits <<= unit_rand_below(&seed, 64);
            memcpy(&v.real, &bits, sizeof v.real);
            if (!isfinite(v.real))
                continue;
        }
        MUST(value_eq(round_trip(&w, id, v), v));
    }
    set(&w, id, "v", value_null());
    world_free(&w);
}
END_TEST

START_TEST(what_is_not_finite_is_refused)
{
    struct world w = world_new();
    obj_id id = new_record(&w);
    const double bad[] = {NAN, -NAN, INFINITY, -INFINITY};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct field f = field("v", real(bad[i]));

        REFUSED(ERR_BAD_VALUE, heap_edit_record(w.heap, id, &f, 1, &why));
    }
    world_free(&w);
}
END_TEST

START_TEST(numbers_and_strings_that_need_cells_give_them_back)
{
    struct world w = world_new();
    obj_id id = new_record(&w);
    uint64_t before;

    set(&w, id, "v", value_null());
    before = shared_cells(&w);
    set(&w, id, "v", value_int(INT64_MAX));
    ck_assert_uint_eq(shared_cells(&w), before + 8);
    set(&w, id, "v", real(0.1));
    ck_assert_uint_eq(shared_cells(&w), before + 8);
    set(&w, id, "v", real(0.5));
    ck_assert_uint_eq(shared_cells(&w), before);
    set(&w, id, "v", text("a string"));
    ck_assert_uint_gt(shared_cells(&w), before);
    set(&w, id, "v", weak(id));
    unset_field(&w, id, "v");
    set(&w, id, "v", value_null());
    ck_assert_uint_eq(shared_cells(&w), before);
    world_free(&w);
}
END_TEST

/* ---- strings ---- */

START_TEST(strings_of_every_length_read_back)
{
    struct world w = world_new();
    obj_id id = new_record(&w);
    static char bytes[(1 << 20) + 1];
    uint64_t seed = unit_seed(0);

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i % 7 == 0 ? 0 : 'a' + unit_rand_below(&seed, 26)); /* a NUL is a character */
    for (size_t len = 0; len <= 600; len++) {
        struct value v = {.kind = VALUE_STRING, .string = {bytes + len, len}};

        ck_assert(value_eq(round_trip(&w, id, v), v));
        ck_assert_uint_eq(world_stats(&w).large_bytes, len > STRING_INLINE_MAX ? len : 0);
    }
    for (size_t len = (1 << 20) - 1; len <= sizeof bytes; len++) {
        struct value v = {.kind = VALUE_STRING, .string = {bytes, len}};

        ck_assert(value_eq(round_trip(&w, id, v), v));
    }
    world_check(&w);
    unset_field(&w, id, "v");
    ck_assert_uint_eq(world_stats(&w).large_bytes, 0);
    world_free(&w);
}
END_TEST

START_TEST(equal_short_strings_are_kept_once)
{
    struct world w = world_new();
    obj_id list = new_list(&w);
    uint64_t strings = world_stats(&w).strings;

    for (int i = 0; i < 1000; i++)
        push(&w, list, text("the same few words"));
    ck_assert_uint_eq(world_stats(&w).strings, strings + 1);
    for (int i = 999; i > 0; i--)
        OK(heap_delete_item(w.heap, list, 0, &why));
    ck_assert_uint_eq(world_stats(&w).strings, strings + 1);
    OK(heap_delete_item(w.heap, list, 0, &why));
    ck_assert_uint_eq(world_stats(&w).strings, strings);
    world_free(&w);
}
END_TEST

START_TEST(many_strings_come_and_go)
{
    struct world w = world_new();
    obj_id list = new_list(&w);
    uint64_t strings = world_stats(&w).strings, bytes = world_stats(&w).shared_bytes;
    uint32_t n = scaled(100000, 10000);

    for (uint32_t i = 0; i < n; i++) {
        char name[40];

        snprintf(name, sizeof name, "%ustring", i * 2654435761u);
        push(&w, list, text(name));
    }
    world_check(&w);
    ck_assert_uint_eq(world_stats(&w).strings, strings + n);
    let_go(&w, list);
    world_reap(&w);
    ck_assert_uint_eq(world_stats(&w).strings, strings);
    ck_assert_uint_eq(world_stats(&w).shared_bytes, bytes);
    world_free(&w);
}
END_TEST

START_TEST(what_is_not_utf8_is_refused)
{
    struct world w = world_new();
    obj_id list = new_list(&w);
    const char *const bad[] = {"\x80", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "ok \xe2\x82"};

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct value v = text(bad[i]);

        REFUSED(ERR_BAD_VALUE, heap_push_item(w.heap, list, &v, NULL, &why));
    }
    push(&w, list, text("\xf0\x9f\xa6\x8a \xe2\x82\xac"));
    ck_assert_uint_eq(info(&w, list).parts, 1);
    world_free(&w);
}
END_TEST

START_TEST(a_string_over_the_limit_is_refused_by_name)
{
    struct world w = world_new();
    obj_id list = new_list(&w);
    char *big = malloc((size_t)STRING_BYTES_MAX + 1);
    struct value v = {.kind = VALUE_STRING, .string = {big, (size_t)STRING_BYTES_MAX + 1}};
    struct why said = {0};

    memset(big, 'x', (size_t)STRING_BYTES_MAX + 1);
    ck_assert_int_eq(heap_push_item(w.heap, list, &v, NULL, &said), ERR_BAD_VALUE);
    ck_assert_str_eq(said.limit_name, "string_bytes_max");
    ck_assert_uint_eq(said.limit_value, STRING_BYTES_MAX);
    v.string.len--;
    OK(heap_push_item(w.heap, list, &v, NULL, &why));
    free(big);
    world_free(&w);
}
END_TEST

/* ---- bytes ---- */

static struct payload *bytes_of(struct world *w, obj_id id)
{
    struct payload *p = NULL;

    OK(heap_get_bytes(w->heap, id, &p, &why));
    return p;
}

static void set_bytes(struct world *w, obj_id id, size_t len, char fill)
{
    struct payload *p = payload_create(w->mem, len);

    memset(p->data, fill, len);
    OK(heap_set_bytes(w->heap, id, &p, &why));
    ck_assert_ptr_null(p);
}

START_TEST(bytes_are_what_was_put_there_at_any_length)
{
    struct world w = world_new();
    const size_t sizes[] = {0, 1, 7, 4096, 65535, 65536, 1 << 20};

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        obj_id id = new_bytes(&w, sizes[i], 'q');
        struct payload *p = bytes_of(&w, id);

        ck_assert_uint_eq(p->len, sizes[i]);
        ck_assert_uint_eq(info(&w, id).parts, sizes[i]);
        for (size_t k = 0; k < p->len; k++)
            MUST(p->data[k] == 'q');
        payload_release(&p);
        ck_assert_ptr_null(p);
    }
    world_free(&w);
}
END_TEST

START_TEST(many_bytes_go_back_in_steps)
{
    struct world w = world_new();
    obj_id id = new_bytes(&w, 4 << 20, 'm');
    size_t before = w.mem->used_bytes;
    int steps = 0;

    let_go(&w, id);
    while (world_stats(&w).doomed > 0) {
        (void)heap_reap(w.heap, 100);
        world_check(&w);
        steps++;
    }
    ck_assert_int_ge(steps, 16);
    ck_assert_uint_le(w.mem->used_bytes, before - (4u << 20));
    world_free(&w);
}
END_TEST

START_TEST(a_reader_keeps_the_bytes_it_began_with)
{
    struct world w = world_new();
    obj_id id = new_bytes(&w, 1000, 'a');
    struct payload *before = bytes_of(&w, id), *after;

    set_bytes(&w, id, 10, 'b');
    after = bytes_of(&w, id);
    let_go(&w, id);
    world_reap(&w);
    ck_assert(!lives(&w, id));
    ck_assert(before->len == 1000 && before->data[999] == 'a');
    ck_assert(after->len == 10 && after->data[9] == 'b');
    payload_release(&before);
    payload_release(&after);
    ck_assert_uint_eq(world_stats(&w).large_bytes, 0);
    world_free(&w);
}
END_TEST

START_TEST(bytes_are_refused_what_they_have_not)
{
    struct world w = world_new();
    obj_id id = new_bytes(&w, 3, 'a'), record = new_record(&w);
    struct payload *p = payload_create(w.mem, 1), *same = p;
    struct part_cursor cursor = {0};
    struct part part;

    p->data[0] = 'x';
    REFUSED(ERR_WRONG_KIND, heap_set_bytes(w.heap, record, &p, &why));
    REFUSED(ERR_BAD_VALUE, heap_new_bytes(w.heap, label_of(""), &p, &id, &why));
    ck_assert_ptr_eq(p, same); /* still the caller's */
    payload_release(&p);
    REFUSED(ERR_WRONG_KIND, heap_get_bytes(w.heap, record, &p, &why));
    ck_assert(!heap_next_part(w.heap, id, &cursor, &part));
    world_free(&w);
}
END_TEST

START_TEST(the_etag_of_large_bytes_changes_with_every_change)
{
    struct world w = world_new();
    obj_id id = new_bytes(&w, 100000, 'a');
    uint64_t seen[20];

    for (size_t i = 0; i < ARRAY_LEN(seen); i++) { /* the memory of what was replaced is used again */
        seen[i] = etag(&w, id);
        ck_assert_uint_eq(etag(&w, id), seen[i]);
        for (size_t k = 0; k < i; k++)
            ck_assert_uint_ne(seen[k], seen[i]);
        set_bytes(&w, id, 100000, (char)('b' + i));
    }
    world_free(&w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(constants_read_back),
        TEST(integers_read_back_at_every_border),
        TEST(reals_read_back_bit_by_bit),
        TEST(random_numbers_read_back, .rounds = 2),
        TEST(what_is_not_finite_is_refused),
        TEST(numbers_and_strings_that_need_cells_give_them_back),
        TEST(strings_of_every_length_read_back),
        TEST(equal_short_strings_are_kept_once),
        TEST(many_strings_come_and_go),
        TEST(what_is_not_utf8_is_refused),
        TEST(a_string_over_the_limit_is_refused_by_name),
        TEST(bytes_are_what_was_put_there_at_any_length),
        TEST(many_bytes_go_back_in_steps),
        TEST(a_reader_keeps_the_bytes_it_began_with),
        TEST(bytes_are_refused_what_they_have_not),
        TEST(the_etag_of_large_bytes_changes_with_every_change),
    };
    return unit_main(argc, argv, "value", tests, ARRAY_LEN(tests));
}
