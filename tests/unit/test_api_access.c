/* test_api_access.c - every route is open to the scope that its row names and to those above, and to nobody else. */
#include "api/route.h"
#include "tests/unit/api_world.h"

static const struct grant grants[] = {
    [ACCESS_OPEN] = {.access = ACCESS_OPEN},
    [ACCESS_READ] = {ACCESS_READ, true, {"ann", 3}},
    [ACCESS_WRITE] = {ACCESS_WRITE, true, {"bob", 3}},
    [ACCESS_ADMIN] = {ACCESS_ADMIN, true, {"eve", 3}},
};

/* Ask, as somebody who may do this; `path` as it is, no body. */
static int ask_as(struct world *w, enum method method, const char *path, struct grant grant)
{
    struct header list[1] = {{SLICE("Heapd-Session"), SLICE("default")}};
    struct request r = {.method = method,
                        .grant = grant,
                        .path = slice_of(path),
                        .headers = list,
                        .header_count = 1,
                        .framed = true,
                        .length_known = true};
    struct task *t;

    forget_answer(w);
    t = api_begin(w->api, &r);
    ck_assert_ptr_nonnull(t);
    run(w, t, SLICE(""));
    task_end(&t);
    return w->status;
}

static void names_problem(const struct world *w, const char *type)
{
    ck_assert_str_eq(json_string_value(json_object_get(w->json, "type")), type);
}

/* One route, one scope: let in, 401 without a token, 403 with too weak a one. */
static void check_route(struct world *w, const struct route *r, enum method method, enum access access)
{
    int status = ask_as(w, method, r->pattern, grants[access]);

    if (access >= r->access) {
        ck_assert_msg(status != 401 && status != 403, "%s %s: %d", access_name(access), r->pattern, status);
        return;
    }
    ck_assert_msg(status == (access == ACCESS_OPEN ? 401 : 403), "%s %s: %d", access_name(access), r->pattern, status);
    names_problem(w, status == 401 ? "/problems/unauthorized" : "/problems/forbidden");
    ck_assert((w->head.challenge != NULL) == (status == 401));
    ck_assert_str_eq(w->head.allow, "");
}

START_TEST(every_route_is_open_to_its_scope_and_those_above)
{
    struct world *w = world_new();
    const struct route *r;

    for (size_t i = 0; (r = route_at(i)) != NULL; i++) {
        for (enum access a = ACCESS_OPEN; a <= ACCESS_ADMIN; a++) {
            check_route(w, r, r->method, a);
            if (r->method == METHOD_GET)
                check_route(w, r, METHOD_HEAD, a);
        }
    }
    world_free(w);
}
END_TEST

START_TEST(who_has_no_token_learns_nothing_of_what_there_is)
{
    static const struct {
        enum method method;
        const char *path;
        int otherwise;
    } cases[] = {
        {METHOD_GET, "/nonsense", 404},   {METHOD_GET, "/v1", 404},    {METHOD_PUT, "/v1/gc", 405},
        {METHOD_POST, "/livez", 405},     {METHOD_OPTIONS, "*", 204},  {METHOD_OPTIONS, "/v1/gc", 204},
        {METHOD_OPTIONS, "/livez", 204},
    };
    struct world *w = world_new();

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        ck_assert_int_eq(ask_as(w, cases[i].method, cases[i].path, grants[ACCESS_OPEN]), 401);
        ck_assert_str_eq(w->head.allow, "");
        ck_assert_int_eq(ask_as(w, cases[i].method, cases[i].path, grants[ACCESS_READ]), cases[i].otherwise);
    }
    world_free(w);
}
END_TEST

START_TEST(a_token_that_is_none_of_ours_is_told_from_none_at_all)
{
    struct world *w = world_new();

    ask_as(w, METHOD_GET, "/v1/gc", (struct grant){.access = ACCESS_OPEN});
    ck_assert_str_eq(json_string_value(json_object_get(w->json, "detail")), "there is no token");
    ask_as(w, METHOD_GET, "/v1/gc", (struct grant){.access = ACCESS_OPEN, .shown = true});
    ck_assert_str_eq(json_string_value(json_object_get(w->json, "detail")),
                     "the token is none of those that are known here");
    ask_as(w, METHOD_POST, "/v1/gc/collect", grants[ACCESS_READ]);
    ck_assert_str_eq(json_string_value(json_object_get(w->json, "detail")),
                     "this needs the scope write, and the token of ann has read");
    world_free(w);
}
END_TEST

START_TEST(only_an_admin_changes_the_session_of_another)
{
    struct world *w = world_new();
    char path[64];
    json_int_t id;

    ck_assert_int_eq(ask(w, "POST /v1/sessions", "{\"ttl\":60}"), 201);
    id = member(w, "id");
    snprintf(path, sizeof path, "/v1/sessions/%d", (int)id);
    for (enum access a = ACCESS_READ; a <= ACCESS_WRITE; a++) {
        ck_assert_int_eq(ask_as(w, METHOD_GET, path, grants[a]), 200);
        ck_assert_int_eq(ask_as(w, METHOD_PUT, path, grants[a]), 403);
        ck_assert_int_eq(ask_as(w, METHOD_DELETE, path, grants[a]), 403);
    }
    ck_assert_int_eq(ask_as(w, METHOD_PUT, "/v1/sessions/0", grants[ACCESS_WRITE]), 200); /* one's own */
    ck_assert_int_eq(ask_as(w, METHOD_PUT, "/v1/sessions/self", grants[ACCESS_WRITE]), 200);
    ck_assert_int_eq(ask_as(w, METHOD_DELETE, "/v1/sessions/self", grants[ACCESS_WRITE]), 200);
    ck_assert_int_eq(ask_as(w, METHOD_PUT, path, grants[ACCESS_ADMIN]), 200);
    ck_assert_int_eq(ask_as(w, METHOD_DELETE, path, grants[ACCESS_ADMIN]), 200);
    world_free(w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(every_route_is_open_to_its_scope_and_those_above),
        TEST(who_has_no_token_learns_nothing_of_what_there_is),
        TEST(a_token_that_is_none_of_ours_is_told_from_none_at_all),
        TEST(only_an_admin_changes_the_session_of_another),
    };

    return unit_main(argc, argv, "api_access", tests, ARRAY_LEN(tests));
}
