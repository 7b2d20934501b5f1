/* test_api_accept.c - who says what it can read is told in that form or not at all. */
#include "api/accept.h"
#include "tests/unit/unit.h"

START_TEST(the_most_specific_range_decides)
{
    static const struct {
        const char *accept, *type;
        bool takes;
    } cases[] = {
        {"", "application/json", true},
        {" \t", "application/json", true},
        {"*/*", "application/json", true},
        {"application/json", "application/json", true},
        {"Application/JSON;charset=utf-8", "application/json", true},
        {"application/*", "application/json", true},
        {"text/html, application/json", "application/json", true},
        {"text/html,application/xhtml+xml,*/*;q=0.8", "application/json", true},
        {"text/html", "application/json", false},
        {"text/*", "application/json", false},
        {"application/jsonx", "application/json", false},
        {"application/jso", "application/json", false},
        {"application/", "application/json", false},
        {"application", "application/json", false},
        {"*", "application/json", false},
        {"application/json;q=0", "application/json", false},
        {"application/json;q=0.000", "application/json", false},
        {"application/json;q=0.001", "application/json", true},
        {"application/json; Q=0 ", "application/json", false},
        {"application/json;version=0", "application/json", true},
        {"application/json;q=", "application/json", true},
        {"*/*, application/json;q=0", "application/json", false},
        {"application/json;q=0, */*", "application/json", false},
        {"application/*;q=0, application/json;q=0.1", "application/json", true},
        {"application/*;q=0, */*", "application/json", false},
        {"text/*, text/plain;q=0", "text/plain", false},
        {"text/*, text/plain;q=0", "text/html", true},
        {",,;q=0,", "application/json", false},
        {"application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.3", "text/plain", true},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        ck_assert_msg(accept_takes(slice_of(cases[i].accept), cases[i].type) == cases[i].takes, "%s for %s",
                      cases[i].accept, cases[i].type);
}
END_TEST

START_TEST(a_type_is_named_by_itself_only)
{
    static const struct {
        const char *accept;
        bool names;
    } cases[] = {
        {"", false},
        {"*/*", false},
        {"text/*", false},
        {"text/plain", false},
        {"text/htm", false},
        {"text/html", true},
        {"TEXT/HTML; charset=utf-8", true},
        {"text/html,application/xhtml+xml,*/*;q=0.8", true},
        {"application/json, text/html;q=0.1", true},
        {"text/html;q=0, */*", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        ck_assert_msg(accept_names(slice_of(cases[i].accept), "text/html") == cases[i].names, "%s", cases[i].accept);
}
END_TEST

START_TEST(a_coding_is_taken_only_if_the_list_says_so)
{
    static const struct {
        const char *accept;
        bool takes;
    } cases[] = {
        {"", false},
        {" ", false},
        {"identity", false},
        {"br", false},
        {"gzi", false},
        {"x-gzip", false},
        {"gzip", true},
        {"GZip", true},
        {"gzip, deflate, br", true},
        {"br;q=1.0, gzip;q=0.8, *;q=0.1", true},
        {"*", true},
        {"gzip;q=0", false},
        {"gzip;q=0.000, *", false},
        {"*, gzip;q=0", false},
        {"*;q=0", false},
        {"*;q=0, gzip", true},
        {",;q=1,", false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        ck_assert_msg(accept_takes_coding(slice_of(cases[i].accept), "gzip") == cases[i].takes, "%s", cases[i].accept);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(the_most_specific_range_decides),
        TEST(a_type_is_named_by_itself_only),
        TEST(a_coding_is_taken_only_if_the_list_says_so),
    };

    return unit_main(argc, argv, "api_accept", tests, ARRAY_LEN(tests));
}
