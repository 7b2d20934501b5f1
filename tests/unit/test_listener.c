/* test_listener.c - by which names a listener may be called follows from where its address can be reached. */
#include "daemon/listener.h"
#include "tests/unit/unit.h"

/* The doors of a listener that was bound to this address and port, and how it writes them. */
static void add_doors(struct doors *d, const char *host, const char *written)
{
    struct listen_at at = {.fd = -1};
    struct listener l = {.at = &at};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&at.address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&at.address;

    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1)
        v4->sin_family = AF_INET;
    else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1)
        v6->sin6_family = AF_INET6;
    snprintf(l.address, sizeof l.address, "%s", written);
    listener_add_doors(&l, d);
}

static struct doors doors_of(const char *host, const char *written)
{
    struct doors d = {0};

    add_doors(&d, host, written);
    return d;
}

static bool opens(const struct doors *d, const char *host)
{
    struct guard_facts f = {.host_count = 1, .host = slice_of(host)};

    return doors_check(d, false, METHOD_GET, &f, NULL) == ERR_OK;
}

START_TEST(a_loopback_listener_is_localhost_too)
{
    struct doors v4 = doors_of("127.0.0.1", "127.0.0.1:4327"), v6 = doors_of("::1", "[::1]:4327");

    ck_assert(opens(&v4, "127.0.0.1:4327") && opens(&v4, "localhost:4327") && !opens(&v4, "[::1]:4327"));
    ck_assert(opens(&v6, "[::1]:4327") && opens(&v6, "localhost:4327") && !opens(&v6, "127.0.0.1:4327"));
    ck_assert(!opens(&v4, "localhost") && !opens(&v4, "127.0.0.1"));
}
END_TEST

START_TEST(one_at_the_network_is_its_address_alone)
{
    struct doors d = doors_of("192.0.2.1", "192.0.2.1:4327");

    ck_assert(opens(&d, "192.0.2.1:4327"));
    ck_assert(!opens(&d, "localhost:4327") && !opens(&d, "127.0.0.1:4327") && !opens(&d, "192.0.2.2:4327"));
}
END_TEST

START_TEST(one_at_every_address_is_each_of_them_and_localhost)
{
    struct doors v4 = doors_of("0.0.0.0", "0.0.0.0:4327"), v6 = doors_of("::", "[::]:4327");

    ck_assert(opens(&v4, "192.0.2.1:4327") && opens(&v4, "localhost:4327") && !opens(&v4, "evil.example:4327"));
    ck_assert(opens(&v6, "[2001:db8::1]:4327") && opens(&v6, "127.0.0.1:4327") && opens(&v6, "localhost:4327"));
}
END_TEST

START_TEST(port_80_may_be_left_out)
{
    struct doors one = doors_of("192.0.2.1", "192.0.2.1:80"), all = doors_of("0.0.0.0", "0.0.0.0:80");

    ck_assert(opens(&one, "192.0.2.1") && opens(&one, "192.0.2.1:80") && !opens(&one, "localhost"));
    ck_assert(opens(&all, "192.0.2.1") && opens(&all, "localhost") && !opens(&all, "evil.example"));
}
END_TEST

START_TEST(there_is_a_door_for_every_name_of_as_many_listeners_as_there_may_be)
{
    struct doors d = {0};
    char host[LISTENER_ADDRESS_MAX], written[LISTENER_ADDRESS_MAX];

    for (int i = 0; i < CONFIG_ALLOW_HOSTS_MAX; i++)
        ck_assert(doors_add_allowed(&d, "heap.example"));
    for (int i = 1; i <= CONFIG_LISTENS_MAX; i++) {
        snprintf(host, sizeof host, "127.0.0.%d", i);
        snprintf(written, sizeof written, "127.0.0.%d:80", i);
        add_doors(&d, host, written);
        ck_assert_msg(opens(&d, host) && opens(&d, written), "%s", written);
    }
}
END_TEST

START_TEST(addresses_are_told_apart_by_where_they_can_be_reached)
{
    static const struct {
        const char *host;
        enum address_reach reach;
    } cases[] = {
        {"127.0.0.1", REACH_LOOPBACK},     {"127.255.255.255", REACH_LOOPBACK}, {"::1", REACH_LOOPBACK},
        {"0.0.0.0", REACH_EVERYWHERE},     {"::", REACH_EVERYWHERE},            {"126.255.255.255", REACH_NETWORK},
        {"128.0.0.1", REACH_NETWORK},      {"10.0.0.1", REACH_NETWORK},         {"fe80::1", REACH_NETWORK},
        {"::ffff:127.0.0.1", REACH_NETWORK}, {"::2", REACH_NETWORK},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sockaddr_storage a = {.ss_family = strchr(cases[i].host, ':') == NULL ? AF_INET : AF_INET6};
        struct sockaddr_in *v4 = (struct sockaddr_in *)&a;
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a;

        inet_pton(a.ss_family, cases[i].host, a.ss_family == AF_INET ? (void *)&v4->sin_addr : &v6->sin6_addr);
        ck_assert_msg(address_reach(&a) == cases[i].reach, "%s", cases[i].host);
    }
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_loopback_listener_is_localhost_too),
        TEST(one_at_the_network_is_its_address_alone),
        TEST(one_at_every_address_is_each_of_them_and_localhost),
        TEST(port_80_may_be_left_out),
        TEST(there_is_a_door_for_every_name_of_as_many_listeners_as_there_may_be),
        TEST(addresses_are_told_apart_by_where_they_can_be_reached),
    };

    return unit_main(argc, argv, "listener", tests, ARRAY_LEN(tests));
}
