/* test_api_openapi.c - openapi.json says what the table of routes says, and nothing else. */
#include "api/api_impl.h"
#include "tests/unit/unit.h"
#include <ctype.h>
#include <jansson.h>

/* An api of which nothing is used but the document. */
struct world {
    struct mem mem;
    struct api api;
    json_t *document;
};

static void world_begin(struct world *w)
{
    struct slice text;

    *w = (struct world){0};
    mem_init(&w->mem, 0);
    buf_init(&w->api.openapi, &w->mem, SIZE_MAX);
    text = api_openapi(&w->api);
    w->document = json_loadb(text.data, text.len, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_ptr_nonnull(w->document);
}

static void world_end(struct world *w)
{
    json_decref(w->document);
    buf_fini(&w->api.openapi);
    mem_fini(&w->mem);
}

/* The operation of a route: patterns end with {name*} where paths say {name}. */
static const json_t *operation_of(const struct world *w, const struct route *r)
{
    char path[128] = "", method[16] = "";

    for (const char *p = r->pattern; *p != '\0'; p++) {
        if (*p != '*')
            path[strlen(path)] = *p;
    }
    for (const char *m = method_name(r->method); *m != '\0'; m++)
        method[strlen(method)] = (char)tolower((unsigned char)*m);
    return json_object_get(json_object_get(json_object_get(w->document, "paths"), path), method);
}

/* The first route from *i on that is a call of the API, and its number; NULL past the end. */
static const struct route *call_at(size_t *i)
{
    while (route_at(*i) != NULL && !route_is_call(route_at(*i)))
        (*i)++;
    return route_at(*i);
}

START_TEST(it_is_a_document_of_version_3_1)
{
    struct world w;

    world_begin(&w);
    ck_assert_str_eq(json_string_value(json_object_get(w.document, "openapi")), "3.1.0");
    ck_assert(json_is_string(json_object_get(json_object_get(w.document, "info"), "version")));
    world_end(&w);
}
END_TEST

START_TEST(every_route_is_an_operation_and_every_operation_a_route)
{
    struct world w;
    const struct route *r;
    const char *path;
    json_t *operations;
    size_t routes = 0, found = 0;

    world_begin(&w);
    for (size_t i = 0; (r = call_at(&i)) != NULL; i++, routes++)
        ck_assert_msg(json_is_object(operation_of(&w, r)), "%s %s", method_name(r->method), r->pattern);
    json_object_foreach(json_object_get(w.document, "paths"), path, operations) {
        found += json_object_size(operations);
    }
    ck_assert_uint_eq(found, routes);
    world_end(&w);
}
END_TEST

START_TEST(no_two_operations_have_one_id)
{
    struct world w;
    json_t *ids = json_object();
    const struct route *r;

    world_begin(&w);
    for (size_t i = 0; (r = call_at(&i)) != NULL; i++) {
        const char *id = json_string_value(json_object_get(operation_of(&w, r), "operationId"));

        ck_assert_msg(json_object_get(ids, id) == NULL, "%s", id);
        json_object_set_new(ids, id, json_true());
    }
    json_decref(ids);
    world_end(&w);
}
END_TEST

START_TEST(path_parameters_are_those_of_the_pattern)
{
    struct world w;
    const struct route *r;

    world_begin(&w);
    for (size_t i = 0; (r = call_at(&i)) != NULL; i++) {
        const json_t *parameters = json_object_get(operation_of(&w, r), "parameters"), *parameter;
        size_t wanted = 0, n;

        for (const char *p = r->pattern; *p != '\0'; p++)
            wanted += *p == '{';
        json_array_foreach(parameters, n, parameter) {
            if (strcmp(json_string_value(json_object_get(parameter, "in")), "path") == 0) {
                ck_assert(json_is_true(json_object_get(parameter, "required")));
                ck_assert_ptr_nonnull(
                    strstr(r->pattern, json_string_value(json_object_get(parameter, "name"))));
                wanted--;
            }
        }
        ck_assert_uint_eq(wanted, 0);
    }
    world_end(&w);
}
END_TEST

START_TEST(every_post_takes_a_key_and_who_listens_an_id)
{
    struct world w;
    const struct route *r;

    world_begin(&w);
    for (size_t i = 0; (r = call_at(&i)) != NULL; i++) {
        const json_t *parameters = json_object_get(operation_of(&w, r), "parameters"), *parameter;
        bool is_post = r->method == METHOD_POST, listens = strcmp(r->pattern, "/v1/events") == 0;
        size_t headers = 0, n;

        json_array_foreach(parameters, n, parameter) {
            if (strcmp(json_string_value(json_object_get(parameter, "in")), "header") == 0) {
                ck_assert_str_eq(json_string_value(json_object_get(parameter, "name")),
                                 listens ? "Last-Event-ID" : "Idempotency-Key");
                headers++;
            }
        }
        ck_assert_uint_eq(headers, is_post || listens);
    }
    world_end(&w);
}
END_TEST

START_TEST(every_operation_may_answer_a_problem)
{
    struct world w;
    const struct route *r;

    world_begin(&w);
    for (size_t i = 0; (r = call_at(&i)) != NULL; i++) {
        const json_t *responses = json_object_get(operation_of(&w, r), "responses");

        ck_assert_uint_ge(json_object_size(responses), 2);
        ck_assert_str_eq(json_string_value(json_object_get(json_object_get(responses, "default"), "$ref")),
                         "#/components/responses/Problem");
    }
    world_end(&w);
}
END_TEST

START_TEST(every_operation_names_the_scope_that_it_needs)
{
    struct world w;
    const struct route *r;

    world_begin(&w);
    for (size_t i = 0; (r = call_at(&i)) != NULL; i++) {
        const json_t *needs = json_object_get(operation_of(&w, r), "security");
        const json_t *scopes = json_object_get(json_array_get(needs, 0), "token");

        ck_assert_uint_eq(json_array_size(needs), r->access == ACCESS_OPEN ? 0 : 1);
        if (r->access != ACCESS_OPEN)
            ck_assert_str_eq(json_string_value(json_array_get(scopes, 0)), access_name(r->access));
    }
    ck_assert(json_is_object(json_object_get(
        json_object_get(json_object_get(w.document, "components"), "securitySchemes"), "token")));
    world_end(&w);
}
END_TEST

START_TEST(when_memory_is_refused_the_next_call_tries_again)
{
    struct world w = {0};

    mem_init(&w.mem, 0);
    buf_init(&w.api.openapi, &w.mem, SIZE_MAX);
    w.mem.fail_at = 3;
    ck_assert_uint_eq(api_openapi(&w.api).len, 0);
    ck_assert_uint_gt(api_openapi(&w.api).len, 0);
    buf_fini(&w.api.openapi);
    mem_fini(&w.mem);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(it_is_a_document_of_version_3_1),
        TEST(every_route_is_an_operation_and_every_operation_a_route),
        TEST(no_two_operations_have_one_id),
        TEST(path_parameters_are_those_of_the_pattern),
        TEST(every_post_takes_a_key_and_who_listens_an_id),
        TEST(every_operation_may_answer_a_problem),
        TEST(every_operation_names_the_scope_that_it_needs),
        TEST(when_memory_is_refused_the_next_call_tries_again),
    };
    return unit_main(argc, argv, "api_openapi", tests, ARRAY_LEN(tests));
}
