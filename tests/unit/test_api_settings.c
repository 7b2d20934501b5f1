/* test_api_settings.c - the table of settings is whole, and nothing outside its ranges gets in. */
#include "api/settings.h"
#include "tests/unit/unit.h"
#include <jansson.h>

/* Set `name` to a JSON value, as a running daemon would. */
static enum err set(struct settings *s, const char *name, json_t *value)
{
    enum err e = settings_set(s, slice_of(name), value, true, NULL);

    json_decref(value);
    return e;
}

START_TEST(every_member_has_one_row)
{
    bool seen[sizeof(struct settings) / sizeof(uint64_t)] = {false};
    const struct setting *row;
    size_t rows = 0;

    for (; (row = setting_at(rows)) != NULL; rows++) {
        ck_assert_uint_eq(row->offset % sizeof(uint64_t), 0);
        ck_assert(!seen[row->offset / sizeof(uint64_t)]);
        seen[row->offset / sizeof(uint64_t)] = true;
    }
    ck_assert_uint_eq(rows, ARRAY_LEN(seen));
}
END_TEST

START_TEST(every_name_finds_its_row)
{
    const struct setting *row;

    for (size_t i = 0; (row = setting_at(i)) != NULL; i++)
        ck_assert_ptr_eq(setting_named(slice_of(row->name)), row);
    ck_assert_ptr_null(setting_named(SLICE("no_such_setting")));
    ck_assert_ptr_null(setting_named(SLICE("")));
}
END_TEST

START_TEST(defaults_are_within_their_ranges)
{
    struct settings s;
    const struct setting *row;

    settings_defaults(&s);
    for (size_t i = 0; (row = setting_at(i)) != NULL; i++) {
        ck_assert_uint_le(row->min, row->fallback);
        ck_assert_uint_le(row->fallback, row->max);
        ck_assert_uint_eq(setting_get(&s, row), row->fallback);
    }
    ck_assert_uint_eq(s.json_body_bytes_max, 1 << 20);
    ck_assert_uint_eq(s.json_depth_max, 64);
    ck_assert_uint_eq(s.memory_bytes_max, 0);
}
END_TEST

/* Values pass through JSON, whose integers are signed. */
START_TEST(ranges_fit_json)
{
    const struct setting *row;

    for (size_t i = 0; (row = setting_at(i)) != NULL; i++)
        ck_assert_uint_le(row->max, INT64_MAX);
}
END_TEST

START_TEST(both_ends_of_a_range_are_inside)
{
    struct settings s;
    const struct setting *row;

    settings_defaults(&s);
    for (size_t i = 0; (row = setting_at(i)) != NULL; i++) {
        if (row->kind != SETTING_NUMBER)
            continue;
        ck_assert_int_eq(set(&s, row->name, json_integer((json_int_t)row->min)), ERR_OK);
        ck_assert_uint_eq(setting_get(&s, row), row->min);
        ck_assert_int_eq(set(&s, row->name, json_integer((json_int_t)row->max)), ERR_OK);
        ck_assert_uint_eq(setting_get(&s, row), row->max);
    }
}
END_TEST

START_TEST(what_is_outside_a_range_changes_nothing)
{
    struct settings s;
    const struct setting *row;

    settings_defaults(&s);
    for (size_t i = 0; (row = setting_at(i)) != NULL; i++) {
        ck_assert_int_eq(set(&s, row->name, json_integer(-1)), ERR_BAD_VALUE);
        if (row->min > 0)
            ck_assert_int_eq(set(&s, row->name, json_integer((json_int_t)row->min - 1)), ERR_BAD_VALUE);
        if (row->max < INT64_MAX)
            ck_assert_int_eq(set(&s, row->name, json_integer((json_int_t)row->max + 1)), ERR_BAD_VALUE);
        ck_assert_uint_eq(setting_get(&s, row), row->fallback);
    }
}
END_TEST

START_TEST(only_integers_get_in)
{
    struct settings s;

    settings_defaults(&s);
    ck_assert_int_eq(set(&s, "pause_budget_us", json_real(200.0)), ERR_BAD_VALUE);
    ck_assert_int_eq(set(&s, "pause_budget_us", json_true()), ERR_BAD_VALUE);
    ck_assert_int_eq(set(&s, "pause_budget_us", json_string("200")), ERR_BAD_VALUE);
    ck_assert_int_eq(set(&s, "pause_budget_us", json_array()), ERR_BAD_VALUE);
    ck_assert_uint_eq(s.pause_budget_us, 500);
}
END_TEST

START_TEST(durability_is_a_mode_and_reads_back_as_it_is_written)
{
    static const struct {
        const char *text;
        uint64_t value;
    } modes[] = {{"commit", DURABILITY_COMMIT}, {"off", DURABILITY_OFF}, {"interval:1", 1}, {"interval:3600000", 3600000}};
    const struct setting *row = setting_named(SLICE("durability"));
    char out[SETTING_TEXT_MAX], quoted[SETTING_TEXT_MAX];
    struct settings s;

    settings_defaults(&s);
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        ck_assert_int_eq(set(&s, "durability", json_string(modes[i].text)), ERR_OK);
        ck_assert_uint_eq(s.durability, modes[i].value);
        snprintf(quoted, sizeof quoted, "\"%s\"", modes[i].text);
        ck_assert_str_eq(setting_text(row, s.durability, out), quoted);
    }
    for (const char *const *bad = (const char *const[]){"", "interval:", "interval:0", "interval:3600001", "Commit", NULL}; *bad; bad++)
        ck_assert_int_eq(set(&s, "durability", json_string(*bad)), ERR_BAD_VALUE);
}
END_TEST

START_TEST(null_sets_the_default)
{
    struct settings s;

    settings_defaults(&s);
    ck_assert_int_eq(set(&s, "pause_budget_us", json_integer(200)), ERR_OK);
    ck_assert_int_eq(set(&s, "pause_budget_us", json_null()), ERR_OK);
    ck_assert_uint_eq(s.pause_budget_us, 500);
}
END_TEST

START_TEST(an_unknown_name_is_refused_by_name)
{
    struct settings s;
    struct why why = {0};
    json_t *one = json_integer(1);

    settings_defaults(&s);
    ck_assert_int_eq(settings_set(&s, SLICE("pause"), one, true, &why), ERR_BAD_VALUE);
    ck_assert_ptr_nonnull(strstr(why.text, "\"pause\""));
    json_decref(one);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(every_member_has_one_row),
        TEST(every_name_finds_its_row),
        TEST(defaults_are_within_their_ranges),
        TEST(ranges_fit_json),
        TEST(both_ends_of_a_range_are_inside),
        TEST(what_is_outside_a_range_changes_nothing),
        TEST(only_integers_get_in),
        TEST(durability_is_a_mode_and_reads_back_as_it_is_written),
        TEST(null_sets_the_default),
        TEST(an_unknown_name_is_refused_by_name),
    };
    return unit_main(argc, argv, "api_settings", tests, ARRAY_LEN(tests));
}
