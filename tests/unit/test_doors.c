/* test_doors.c - who calls us by a name of ours, from a page of ours, comes in. */
#include "daemon/doors.h"
#include "tests/unit/unit.h"

static struct doors some_doors(void)
{
    struct doors d = {0};

    ck_assert(doors_add_own(&d, "127.0.0.1:4327"));
    ck_assert(doors_add_own(&d, "localhost:4327"));
    ck_assert(doors_add_allowed(&d, "heap.example"));
    ck_assert(doors_add_allowed(&d, "other.example:8443"));
    return d;
}

static enum err by_host(const char *host)
{
    struct doors d = some_doors();
    struct guard_facts f = {.host_count = 1, .host = slice_of(host)};

    return doors_check(&d, false, METHOD_POST, &f, NULL);
}

/* What a page of `origin` gets that calls us `host`. */
static enum err from_page(const struct doors *d, bool unix_socket, const char *origin, const char *host)
{
    struct guard_facts f = {
        .host_count = 1, .host = slice_of(host), .origin_count = 1, .origin = slice_of(origin)};

    return doors_check(d, unix_socket, METHOD_POST, &f, NULL);
}

static enum err by_origin(const char *origin, bool unix_socket)
{
    struct doors d = some_doors();

    return from_page(&d, unix_socket, origin, "localhost:4327");
}

static enum err by_site(enum method method, const char *site, const char *mode)
{
    struct doors d = some_doors();
    struct guard_facts f = {.fetch_site = slice_of(site), .fetch_mode = slice_of(mode)};

    return doors_check(&d, false, method, &f, NULL);
}

START_TEST(a_host_is_ours_or_allowed)
{
    ck_assert_int_eq(by_host("127.0.0.1:4327"), ERR_OK);
    ck_assert_int_eq(by_host("LocalHost:4327"), ERR_OK);
    ck_assert_int_eq(by_host("localhost:4328"), ERR_FORBIDDEN);
    ck_assert_int_eq(by_host("localhost:43270"), ERR_FORBIDDEN);
    ck_assert_int_eq(by_host("localhost"), ERR_FORBIDDEN);
    ck_assert_int_eq(by_host("evil.example"), ERR_FORBIDDEN);
    ck_assert_int_eq(by_host(""), ERR_FORBIDDEN);
    ck_assert_int_eq(by_host("Heap.Example"), ERR_OK);
    ck_assert_int_eq(by_host("heap.example:443"), ERR_OK);
    ck_assert_int_eq(by_host("heap.example:"), ERR_FORBIDDEN);
    ck_assert_int_eq(by_host("heap.example:99999"), ERR_FORBIDDEN);
    ck_assert_int_eq(by_host("heap.example.evil"), ERR_FORBIDDEN);
    ck_assert_int_eq(by_host("other.example:8443"), ERR_OK);
    ck_assert_int_eq(by_host("other.example"), ERR_FORBIDDEN);
}
END_TEST

START_TEST(an_origin_is_ours_with_its_scheme_and_port)
{
    ck_assert_int_eq(by_origin("http://localhost:4327", false), ERR_OK);
    ck_assert_int_eq(by_origin("https://localhost:4327", false), ERR_FORBIDDEN);
    ck_assert_int_eq(by_origin("http://localhost:1", false), ERR_FORBIDDEN);
    ck_assert_int_eq(by_origin("null", false), ERR_FORBIDDEN);
    ck_assert_int_eq(by_origin("", false), ERR_FORBIDDEN);
    ck_assert_int_eq(by_origin("https://heap.example", false), ERR_OK);
    ck_assert_int_eq(by_origin("http://evil.example", false), ERR_FORBIDDEN);
}
END_TEST

/* A name may be ours at any port, and then whatever else is served at another port of it is still a stranger. */
START_TEST(a_name_without_a_port_lets_in_the_page_at_the_port_it_is_called_by_and_no_other)
{
    struct doors d = some_doors();

    ck_assert_int_eq(from_page(&d, false, "http://heap.example:4327", "heap.example:4327"), ERR_OK);
    ck_assert_int_eq(from_page(&d, false, "https://Heap.Example:8443", "heap.example:8443"), ERR_OK);
    ck_assert_int_eq(from_page(&d, false, "https://heap.example", "127.0.0.1:4327"), ERR_OK);
    ck_assert_int_eq(from_page(&d, false, "http://heap.example:8000", "heap.example:4327"), ERR_FORBIDDEN);
    ck_assert_int_eq(from_page(&d, false, "https://heap.example:8443", "heap.example"), ERR_FORBIDDEN);
    ck_assert_int_eq(from_page(&d, false, "https://heap.example:8443", "127.0.0.1:4327"), ERR_FORBIDDEN);
    ck_assert_int_eq(from_page(&d, false, "https://other.example:8443", "127.0.0.1:4327"), ERR_OK);
}
END_TEST

START_TEST(on_a_unix_socket_the_name_is_free_and_the_origin_follows_it)
{
    struct doors none = {0};
    struct guard_facts f = {.host_count = 1, .host = SLICE("anything")};

    ck_assert_int_eq(doors_check(&none, true, METHOD_PUT, &f, NULL), ERR_OK);
    ck_assert_int_eq(by_origin("https://localhost:4327", true), ERR_OK);
    ck_assert_int_eq(by_origin("http://evil.example", true), ERR_FORBIDDEN);
}
END_TEST

START_TEST(at_every_address_any_address_is_ours_and_no_name)
{
    static const struct {
        const char *host;
        enum err err;
    } cases[] = {
        {"192.0.2.1:4327", ERR_OK},        {"127.0.0.1:4327", ERR_OK},           {"[::1]:4327", ERR_OK},
        {"LocalHost:4327", ERR_OK},        {"localhost:4328", ERR_FORBIDDEN},    {"localhost", ERR_FORBIDDEN},
        {"[2001:DB8::1]:4327", ERR_OK},    {"192.0.2.1", ERR_FORBIDDEN},         {"192.0.2.1:4328", ERR_FORBIDDEN},
        {"evil.example:4327", ERR_FORBIDDEN}, {":4327", ERR_FORBIDDEN},          {"192.0.2:4327", ERR_FORBIDDEN},
        {"192.0.2.1.:4327", ERR_FORBIDDEN}, {"::1:4327", ERR_FORBIDDEN},         {"[192.0.2.1]:4327", ERR_FORBIDDEN},
        {"[::1:4327", ERR_FORBIDDEN},      {"1.2.3.4.evil.example:4327", ERR_FORBIDDEN},
        {"0300.0.2.1:4327", ERR_FORBIDDEN}, {"3221225985:4327", ERR_FORBIDDEN},
    };
    struct doors d = {0}, web = {0};

    ck_assert(doors_add_any_address(&d, ":4327") && doors_add_any_address(&web, ":80"));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct guard_facts f = {.host_count = 1, .host = slice_of(cases[i].host)};

        ck_assert_msg(doors_check(&d, false, METHOD_GET, &f, NULL) == cases[i].err, "%s", cases[i].host);
    }
    struct guard_facts bare = {.host_count = 1, .host = SLICE("192.0.2.1")};

    ck_assert_int_eq(doors_check(&web, false, METHOD_GET, &bare, NULL), ERR_OK);
}
END_TEST

/* Who is at an address says nothing: a page of any machine has one, and "localhost" is another machine to each browser. */
START_TEST(at_every_address_a_page_is_ours_if_it_calls_us_by_its_own_name)
{
    struct doors d = {0};

    ck_assert(doors_add_any_address(&d, ":4327"));
    ck_assert_int_eq(from_page(&d, false, "http://192.0.2.1:4327", "192.0.2.1:4327"), ERR_OK);
    ck_assert_int_eq(from_page(&d, false, "http://[2001:db8::A]:4327", "[2001:DB8::a]:4327"), ERR_OK);
    ck_assert_int_eq(from_page(&d, false, "http://localhost:4327", "localhost:4327"), ERR_OK);
    ck_assert_int_eq(from_page(&d, false, "http://203.0.113.9:4327", "192.0.2.1:4327"), ERR_FORBIDDEN);
    ck_assert_int_eq(from_page(&d, false, "http://127.0.0.1:4327", "192.0.2.1:4327"), ERR_FORBIDDEN);
    ck_assert_int_eq(from_page(&d, false, "http://localhost:4327", "192.0.2.1:4327"), ERR_FORBIDDEN);
    ck_assert_int_eq(from_page(&d, false, "http://203.0.113.9:4327", "localhost:4327"), ERR_FORBIDDEN);
    ck_assert_int_eq(from_page(&d, false, "https://192.0.2.1:4327", "192.0.2.1:4327"), ERR_FORBIDDEN);
}
END_TEST

START_TEST(without_tokens_whoever_comes_in_may_do_everything)
{
    struct tokens tokens = {.count = 0};
    struct doors open = {0}, locked = {.tokens = &tokens};
    struct guard_facts f = {.authorization_count = 1, .authorization = SLICE("Bearer x")};

    ck_assert_int_eq(doors_grant(&open, &f).access, ACCESS_ADMIN);
    ck_assert_int_eq(doors_grant(&locked, &f).access, ACCESS_OPEN);
}
END_TEST

START_TEST(a_page_of_another_site_may_only_link_to_us)
{
    ck_assert_int_eq(by_site(METHOD_GET, "", ""), ERR_OK);
    ck_assert_int_eq(by_site(METHOD_POST, "same-origin", "cors"), ERR_OK);
    ck_assert_int_eq(by_site(METHOD_GET, "none", "navigate"), ERR_OK);
    ck_assert_int_eq(by_site(METHOD_GET, "cross-site", "navigate"), ERR_OK);
    ck_assert_int_eq(by_site(METHOD_POST, "cross-site", "navigate"), ERR_FORBIDDEN);
    ck_assert_int_eq(by_site(METHOD_GET, "cross-site", "no-cors"), ERR_FORBIDDEN);
    ck_assert_int_eq(by_site(METHOD_GET, "same-site", ""), ERR_FORBIDDEN);
}
END_TEST

START_TEST(a_name_must_fit)
{
    struct doors d = {0};
    char longest[DOOR_NAME_MAX + 2];

    memset(longest, 'a', sizeof(longest));
    longest[DOOR_NAME_MAX + 1] = '\0';
    ck_assert(!doors_add_own(&d, ""));
    ck_assert(!doors_add_own(&d, longest));
    longest[DOOR_NAME_MAX] = '\0';
    for (int i = 0; i < DOORS_MAX; i++)
        ck_assert(doors_add_own(&d, longest));
    ck_assert(!doors_add_own(&d, "one-more"));
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_host_is_ours_or_allowed),
        TEST(an_origin_is_ours_with_its_scheme_and_port),
        TEST(a_name_without_a_port_lets_in_the_page_at_the_port_it_is_called_by_and_no_other),
        TEST(on_a_unix_socket_the_name_is_free_and_the_origin_follows_it),
        TEST(at_every_address_any_address_is_ours_and_no_name),
        TEST(at_every_address_a_page_is_ours_if_it_calls_us_by_its_own_name),
        TEST(without_tokens_whoever_comes_in_may_do_everything),
        TEST(a_page_of_another_site_may_only_link_to_us),
        TEST(a_name_must_fit),
    };

    return unit_main(argc, argv, "doors", tests, ARRAY_LEN(tests));
}
