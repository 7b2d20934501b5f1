/* test_api_answer.c - every error has a problem, and what is written of it is fit for programs and pages. */
#include "api/answer.h"
#include "tests/unit/unit.h"
#include <jansson.h>

/* A buffer with an account of its own. */
struct page {
    struct mem mem;
    struct buf buf;
};

static void page_begin(struct page *p)
{
    mem_init(&p->mem, 0);
    buf_init(&p->buf, &p->mem, SIZE_MAX);
}

static void page_end(struct page *p)
{
    buf_fini(&p->buf);
    mem_fini(&p->mem);
}

/* The document for *why, to be json_decref()ed. */
static json_t *written(const struct why *why)
{
    struct page p;
    json_t *json;

    page_begin(&p);
    problem_write(&p.buf, why);
    ck_assert(!p.buf.failed);
    json = json_loadb(p.buf.data, p.buf.len, JSON_REJECT_DUPLICATES, NULL);
    page_end(&p);
    return json;
}

static const char *text_of(const json_t *json, const char *key)
{
    return json_string_value(json_object_get(json, key));
}

START_TEST(every_error_has_a_problem_with_a_status_of_http)
{
    for (enum err e = ERR_OK + 1; e < ERR_COUNT_; e++) {
        ck_assert_int_ge(problem_of(e)->status, 400);
        ck_assert_int_lt(problem_of(e)->status, 600);
    }
}
END_TEST

START_TEST(no_two_problems_have_one_name)
{
    for (enum err e = ERR_OK + 1; e < ERR_COUNT_; e++)
        ck_assert_ptr_eq(problem_named(slice_of(problem_of(e)->name)), problem_of(e));
}
END_TEST

START_TEST(a_name_that_no_problem_has_finds_none)
{
    ck_assert_ptr_null(problem_named(SLICE("")));
    ck_assert_ptr_null(problem_named(SLICE("no-such-problem")));
    ck_assert_ptr_null(problem_named(SLICE("collecte")));
}
END_TEST

START_TEST(the_names_of_the_contract_answer_as_it_says)
{
    const struct {
        const char *name;
        int status;
    } contract[] = {
        {"bad-json", 400},   {"bad-request", 400},    {"no-such-object", 404}, {"no-such-name", 404},
        {"not-held", 409},   {"session-ended", 409},  {"busy", 409},           {"collected", 410},
        {"changed", 412},    {"other-instance", 412}, {"bad-value", 422},      {"dangling", 422},
        {"wrong-kind", 422}, {"not-ready", 503},      {"heap-full", 507},
    };

    for (size_t i = 0; i < ARRAY_LEN(contract); i++) {
        const struct problem *p = problem_named(slice_of(contract[i].name));

        ck_assert_msg(p != NULL, "%s", contract[i].name);
        ck_assert_int_eq(p->status, contract[i].status);
    }
}
END_TEST

/* So pages and documents can be written without escaping them. */
START_TEST(the_words_of_the_table_are_plain_text)
{
    for (enum err e = ERR_OK + 1; e < ERR_COUNT_; e++) {
        const struct problem *p = problem_of(e);
        const char *const texts[] = {p->name, p->title, p->about, p->hint};

        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
            ck_assert_uint_gt(strlen(texts[i]), 0);
            ck_assert_ptr_null(strpbrk(texts[i], "<>&\"\\"));
        }
        ck_assert_uint_eq(strspn(p->name, "abcdefghijklmnopqrstuvwxyz-"), strlen(p->name));
    }
}
END_TEST

START_TEST(a_problem_says_what_happened_and_what_to_do)
{
    struct why why = {0};

    why_set(&why, ERR_COLLECTED, "object 42 \"was\" collected");
    json_t *json = written(&why);

    ck_assert_str_eq(text_of(json, "type"), "/problems/collected");
    ck_assert_int_eq(json_integer_value(json_object_get(json, "status")), 410);
    ck_assert_str_eq(text_of(json, "title"), problem_of(ERR_COLLECTED)->title);
    ck_assert_str_eq(text_of(json, "detail"), "object 42 \"was\" collected");
    ck_assert_str_eq(text_of(json, "hint"), problem_of(ERR_COLLECTED)->hint);
    ck_assert_ptr_null(json_object_get(json, "limit"));
    json_decref(json);
}
END_TEST

START_TEST(a_limit_is_named_with_its_value)
{
    struct why why = {0};

    why_limit(&why, ERR_TOO_LARGE, "json_body_bytes_max", 1048576, "the body is too long");
    json_t *json = written(&why);
    const json_t *limit = json_object_get(json, "limit");

    ck_assert_str_eq(text_of(limit, "name"), "json_body_bytes_max");
    ck_assert_int_eq(json_integer_value(json_object_get(limit, "value")), 1048576);
    json_decref(json);
}
END_TEST

START_TEST(every_problem_has_a_page_that_says_its_name)
{
    for (enum err e = ERR_OK + 1; e < ERR_COUNT_; e++) {
        struct page p;

        page_begin(&p);
        problem_write_page(&p.buf, problem_of(e));
        buf_add_byte(&p.buf, '\0');
        ck_assert_ptr_nonnull(strstr(p.buf.data, problem_of(e)->name));
        ck_assert_ptr_nonnull(strstr(p.buf.data, problem_of(e)->about));
        page_end(&p);
    }
}
END_TEST

START_TEST(no_error_is_no_problem_and_a_bug)
{
    problem_of(ERR_OK);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(every_error_has_a_problem_with_a_status_of_http),
        TEST(no_two_problems_have_one_name),
        TEST(a_name_that_no_problem_has_finds_none),
        TEST(the_names_of_the_contract_answer_as_it_says),
        TEST(the_words_of_the_table_are_plain_text),
        TEST(a_problem_says_what_happened_and_what_to_do),
        TEST(a_limit_is_named_with_its_value),
        TEST(every_problem_has_a_page_that_says_its_name),
        TEST(no_error_is_no_problem_and_a_bug, .aborts = true),
    };
    return unit_main(argc, argv, "api_answer", tests, ARRAY_LEN(tests));
}
