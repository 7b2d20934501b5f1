/* test_err.c - the sentence that goes with an error is always fit to be shown. */
#include "heap/base/err.h"
#include "heap/base/num.h"
#include "tests/unit/unit.h"

START_TEST(why_set_returns_the_error_and_keeps_the_sentence)
{
    struct why why = {.err = ERR_OK};

    ck_assert_int_eq(why_set(&why, ERR_NO_OBJECT, "object %d does not exist", 42), ERR_NO_OBJECT);
    ck_assert_int_eq(why.err, ERR_NO_OBJECT);
    ck_assert_str_eq(why.text, "object 42 does not exist");
}
END_TEST

START_TEST(why_limit_names_the_limit_and_its_value)
{
    struct why why = {.err = ERR_OK};

    ck_assert_int_eq(why_limit(&why, ERR_LIMIT, "holds_per_session_max", 7, "%s", "too many"), ERR_LIMIT);
    ck_assert_int_eq(why.err, ERR_LIMIT);
    ck_assert_str_eq(why.limit_name, "holds_per_session_max");
    ck_assert_uint_eq(why.limit_value, 7);
    ck_assert_str_eq(why.text, "too many");
}
END_TEST

START_TEST(a_later_error_forgets_the_limit_of_an_earlier_one)
{
    struct why why = {.err = ERR_OK};

    why_limit(&why, ERR_LIMIT, "roots_max", 7, "too many roots");
    why_set(&why, ERR_BUSY, "busy");
    ck_assert_ptr_null(why.limit_name);
    ck_assert_uint_eq(why.limit_value, 0);
    ck_assert_str_eq(why.text, "busy");
}
END_TEST

START_TEST(nobody_need_ask_why)
{
    ck_assert_int_eq(why_set(NULL, ERR_CHANGED, "%d", 1), ERR_CHANGED);
    ck_assert_int_eq(why_limit(NULL, ERR_LIMIT, "x", 1, "%d", 1), ERR_LIMIT);
}
END_TEST

/* 238 bytes and then a character of 3: whatever the cut leaves of it must not reach the client. */
START_TEST(a_long_sentence_is_cut_and_stays_utf8)
{
    char longer[2 * WHY_TEXT_MAX] = "";
    struct why why = {.err = ERR_OK};

    memset(longer, 'x', WHY_TEXT_MAX - 2);
    strcat(longer, "\xe2\x82\xac and more");
    why_set(&why, ERR_BAD_VALUE, "%s", longer);
    ck_assert_uint_lt(strlen(why.text), WHY_TEXT_MAX);
    ck_assert_uint_ge(strlen(why.text), WHY_TEXT_MAX - 2);
    ck_assert_mem_eq(why.text, longer, WHY_TEXT_MAX - 2);
    ck_assert(utf8_valid(slice_of(why.text)));
}
END_TEST

START_TEST(foreign_bytes_in_a_sentence_are_shown_as_question_marks)
{
    struct why why = {.err = ERR_OK};

    why_set(&why, ERR_NO_NAME, "no root \"%s\"", "a\xff\n\xc3\xa9");
    ck_assert_str_eq(why.text, "no root \"a??\xc3\xa9\"");
}
END_TEST

START_TEST(every_error_has_a_name_of_its_own)
{
    for (int e = 0; e < ERR_COUNT_; e++) {
        ck_assert_uint_gt(strlen(err_name((enum err)e)), 0);
        for (int other = 0; other < e; other++)
            ck_assert_str_ne(err_name((enum err)e), err_name((enum err)other));
    }
    ck_assert_str_eq(err_name(ERR_OK), "OK");
    ck_assert_str_eq(err_name(ERR_LIMIT), "LIMIT");
}
END_TEST

START_TEST(a_number_that_is_no_error_stops_the_process)
{
    err_name(ERR_COUNT_);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(why_set_returns_the_error_and_keeps_the_sentence),
        TEST(why_limit_names_the_limit_and_its_value),
        TEST(a_later_error_forgets_the_limit_of_an_earlier_one),
        TEST(nobody_need_ask_why),
        TEST(a_long_sentence_is_cut_and_stays_utf8),
        TEST(foreign_bytes_in_a_sentence_are_shown_as_question_marks),
        TEST(every_error_has_a_name_of_its_own),
        TEST(a_number_that_is_no_error_stops_the_process, .aborts = true),
    };
    return unit_main(argc, argv, "err", tests, ARRAY_LEN(tests));
}
