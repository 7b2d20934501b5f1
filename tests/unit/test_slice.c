/* test_slice.c - text is taken apart the same way wherever it comes from, and empty slices may have no address. */
#include "heap/base/slice.h"
#include "tests/unit/unit.h"

static const struct slice nowhere = {NULL, 0};

START_TEST(letters_may_have_either_case_and_nothing_else_may_differ)
{
    ck_assert(slice_is_nocase(SLICE("Chunked"), "chunked") && slice_is_nocase(SLICE("chunked"), "chunked"));
    ck_assert(!slice_is_nocase(SLICE("chunke"), "chunked") && !slice_is_nocase(SLICE("chunkedx"), "chunked"));
    ck_assert(!slice_is_nocase(SLICE("a@"), "a`") && !slice_is_nocase(SLICE("a\0b"), "a"));
    ck_assert(slice_is_nocase(nowhere, "") && !slice_is_nocase(nowhere, "x"));
    ck_assert(slice_eq_nocase(nowhere, SLICE("")) && slice_eq_nocase(SLICE("A\0b"), SLICE("a\0B")));
}
END_TEST

START_TEST(a_cut_takes_the_mark_with_it)
{
    struct slice rest = SLICE("a,,b,"), none = nowhere;

    ck_assert(slice_is(slice_cut(&rest, ','), "a") && slice_is(rest, ",b,"));
    ck_assert(slice_is(slice_cut(&rest, ','), "") && slice_is(rest, "b,"));
    ck_assert(slice_is(slice_cut(&rest, ','), "b") && rest.len == 0);
    ck_assert(slice_is(slice_cut(&rest, ','), "") && rest.len == 0);
    rest = SLICE("no mark");
    ck_assert(slice_is(slice_cut(&rest, ','), "no mark") && rest.len == 0);
    ck_assert(slice_cut(&none, ',').len == 0 && none.data == NULL);
}
END_TEST

START_TEST(blanks_are_spaces_and_tabs)
{
    ck_assert(slice_is(slice_trim(SLICE(" \t a \t b\t ")), "a \t b"));
    ck_assert(slice_is(slice_trim(SLICE("\r\n\v")), "\r\n\v"));
    ck_assert(slice_trim(SLICE(" \t ")).len == 0 && slice_trim(nowhere).len == 0);
}
END_TEST

START_TEST(words_are_what_stands_between_blanks)
{
    struct slice rest = SLICE("  one\t two "), none = nowhere;

    ck_assert(slice_is(slice_word(&rest), "one") && slice_is(slice_word(&rest), "two"));
    ck_assert(slice_word(&rest).len == 0 && rest.len == 0);
    ck_assert(slice_word(&none).len == 0 && none.data == NULL);
}
END_TEST

START_TEST(a_line_ends_with_lf_or_cr_lf_and_the_last_one_anyhow)
{
    struct slice rest = SLICE("a\r\n\r\nb\rc\n\nlast");
    static const char *const lines[] = {"a", "", "b\rc", "", "last"};

    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        ck_assert(slice_is(slice_line(&rest), lines[i]));
    ck_assert_uint_eq(rest.len, 0);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(letters_may_have_either_case_and_nothing_else_may_differ),
        TEST(a_cut_takes_the_mark_with_it),
        TEST(blanks_are_spaces_and_tabs),
        TEST(words_are_what_stands_between_blanks),
        TEST(a_line_ends_with_lf_or_cr_lf_and_the_last_one_anyhow),
    };

    return unit_main(argc, argv, "slice", tests, ARRAY_LEN(tests));
}
