/* The table of routes: every pattern is found, by its methods only, and nothing else is. */
#include "api/reply.h"
#include "api/route.h"
#include "tests/unit/unit.h"

static struct router *router_new(void)
{
    struct router *r = calloc(1, sizeof *r);

    ck_assert_ptr_nonnull(r);
    router_init(r);
    return r;
}

static bool found(const struct router *r, const char *path, struct route_match *ret)
{
    return router_match(r, slice_of(path), ret);
}

/* A path that fits the pattern: every parameter is "7". */
static void fill_pattern(const char *pattern, char path[128])
{
    size_t len = 0;

    for (const char *c = pattern; *c != '\0'; c++) {
        if (*c == '{') {
            path[len++] = '7';
            c = strchr(c, '}');
        } else {
            path[len++] = *c;
        }
    }
    path[len] = '\0';
}

START_TEST(every_route_of_the_table_is_found)
{
    struct router *r = router_new();
    const struct route *route;
    struct route_match match;
    char path[128];
    size_t i;

    for (i = 0; (route = route_at(i)) != NULL; i++) {
        fill_pattern(route->pattern, path);
        ck_assert_msg(found(r, path, &match), "%s", path);
        ck_assert_msg(router_route(match.node, route->method) == route, "%s %s", method_name(route->method),
                      path);
        for (size_t p = 0; p < match.param_count; p++)
            ck_assert(slice_is(match.params[p], "7"));
    }
    ck_assert_uint_gt(i, 40);
    free(r);
}
END_TEST

START_TEST(every_route_says_what_it_is)
{
    const struct route *route;

    for (size_t i = 0; (route = route_at(i)) != NULL; i++) {
        ck_assert_ptr_nonnull(route->handle);
        ck_assert_uint_gt(strlen(route->about), 0);
        ck_assert_uint_ge(strlen(route->answers), 3);
        ck_assert(route->method != METHOD_HEAD && route->method != METHOD_OPTIONS);
        ck_assert(route->access != ACCESS_READ || route->method == METHOD_GET);
        ck_assert(route->method != METHOD_GET || route->body == BODY_NONE);
    }
}
END_TEST

START_TEST(other_paths_are_not_found)
{
    static const char *const nowhere[] = {
        "",
        "//",
        "/v1",
        "/v1/",
        "/v2/objects",
        "/v1/object",
        "/v1/objectss",
        "/v1/objects/",
        "/v1/objects/7/",
        "/v1/objects/7/nothing",
        "/v1/objects/7/hold/",
        "/v1/objects//hold",
        "/v1/roots/",
        "v1/objects",
        "*",
        "/v1/gc/collect/7",
        "/V1/objects",
        "/problems",
        "/problems/a/b",
    };
    struct router *r = router_new();
    struct route_match match;

    for (size_t i = 0; i < ARRAY_LEN(nowhere); i++)
        ck_assert_msg(!found(r, nowhere[i], &match), "%s", nowhere[i]);
    free(r);
}
END_TEST

START_TEST(parameters_are_what_stands_in_the_path)
{
    struct router *r = router_new();
    struct route_match match;

    ck_assert(found(r, "/v1/objects/12/fields/left%20hand", &match));
    ck_assert_uint_eq(match.param_count, 2);
    ck_assert(slice_is(match.params[0], "12"));
    ck_assert(slice_is(match.params[1], "left%20hand"));
    ck_assert(found(r, "/v1/objects/12", &match));
    ck_assert_uint_eq(match.param_count, 1);
    ck_assert(found(r, "/v1/objects", &match));
    ck_assert_uint_eq(match.param_count, 0);
    free(r);
}
END_TEST

START_TEST(a_tail_takes_slashes_too)
{
    struct router *r = router_new();
    struct route_match match;

    ck_assert(found(r, "/v1/roots/a/b//c", &match));
    ck_assert(slice_is(match.params[0], "a/b//c"));
    ck_assert(found(r, "/v1/objects/1/fields/x/y", &match));
    ck_assert(slice_is(match.params[1], "x/y"));
    free(r);
}
END_TEST

START_TEST(head_is_answered_by_get_and_allow_says_so)
{
    struct router *r = router_new();
    struct route_match match;
    char allow[REPLY_ALLOW_MAX];

    ck_assert(found(r, "/v1/objects/12/hold", &match));
    ck_assert_ptr_null(router_route(match.node, METHOD_HEAD));
    ck_assert_ptr_null(router_route(match.node, METHOD_GET));
    router_allow(match.node, allow, sizeof allow);
    ck_assert_str_eq(allow, "PUT, DELETE, OPTIONS");
    ck_assert(found(r, "/v1/objects", &match));
    ck_assert_ptr_eq(router_route(match.node, METHOD_HEAD), router_route(match.node, METHOD_GET));
    router_allow(match.node, allow, sizeof allow);
    ck_assert_str_eq(allow, "GET, HEAD, POST, OPTIONS");
    router_allow(NULL, allow, sizeof allow);
    ck_assert_str_eq(allow, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    free(r);
}
END_TEST

START_TEST(what_looks_lets_go_or_tunes_grows_nothing)
{
    static const char *const growing[] = {"/v1/objects", "/v1/objects/{id}/items", "/v1/sessions"};
    static const char *const harmless[] = {"/v1/batch", "/v1/gc/collect", "/v1/heap/purge", "/v1/heap/validate"};
    size_t grow = 0, posts = 0;

    for (size_t i = 0; route_at(i) != NULL; i++) {
        const struct route *r = route_at(i);

        if (r->method == METHOD_GET || r->method == METHOD_DELETE || r->access == ACCESS_ADMIN)
            ck_assert_msg(!route_grows(r), "%s %s", method_name(r->method), r->pattern);
        for (size_t k = 0; k < ARRAY_LEN(growing) && r->method == METHOD_POST; k++)
            grow += strcmp(r->pattern, growing[k]) == 0 && route_grows(r);
        for (size_t k = 0; k < ARRAY_LEN(harmless) && r->method == METHOD_POST; k++)
            posts += strcmp(r->pattern, harmless[k]) == 0 && !route_grows(r);
    }
    ck_assert_uint_eq(grow, ARRAY_LEN(growing));
    ck_assert_uint_eq(posts, ARRAY_LEN(harmless));
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(every_route_of_the_table_is_found), TEST(every_route_says_what_it_is),
        TEST(other_paths_are_not_found),         TEST(parameters_are_what_stands_in_the_path),
        TEST(a_tail_takes_slashes_too),          TEST(head_is_answered_by_get_and_allow_says_so),
        TEST(what_looks_lets_go_or_tunes_grows_nothing),
    };

    return unit_main(argc, argv, "route", tests, ARRAY_LEN(tests));
}
