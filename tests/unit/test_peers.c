/* test_peers.c - connections are counted by who they come from. */
#include "daemon/peers.h"
#include "tests/unit/unit.h"
#include <arpa/inet.h>

struct crowd {
    struct mem mem;
    struct peers peers;
};

static void crowd_begin(struct crowd *c)
{
    mem_init(&c->mem, 0);
    ck_assert(peers_init(&c->peers, &c->mem, 42));
}

static void crowd_end(struct crowd *c)
{
    peers_fini(&c->peers);
    mem_fini(&c->mem);
}

static uint32_t key_of(const struct crowd *c, const char *address, uint16_t port)
{
    struct sockaddr_storage a = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)&a;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a;

    if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
    } else {
        ck_assert_int_eq(inet_pton(AF_INET6, address, &v6->sin6_addr), 1);
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
    }
    return peers_key(&c->peers, &a);
}

START_TEST(a_peer_is_an_address_or_a_network_and_no_port)
{
    struct crowd c;

    crowd_begin(&c);
    ck_assert_uint_eq(key_of(&c, "192.0.2.1", 1), key_of(&c, "192.0.2.1", 2));
    ck_assert_uint_ne(key_of(&c, "192.0.2.1", 1), key_of(&c, "192.0.2.2", 1));
    ck_assert_uint_eq(key_of(&c, "2001:db8:0:1::1", 1), key_of(&c, "2001:db8:0:1:ffff::2", 2));
    ck_assert_uint_ne(key_of(&c, "2001:db8:0:1::1", 1), key_of(&c, "2001:db8:0:2::1", 1));
    ck_assert_uint_eq(key_of(&c, "::ffff:192.0.2.1", 1), key_of(&c, "192.0.2.1", 1));
    ck_assert_uint_ne(key_of(&c, "::ffff:192.0.2.1", 1), key_of(&c, "::ffff:192.0.2.2", 1));
    crowd_end(&c);
}
END_TEST

START_TEST(who_comes_and_goes_is_counted)
{
    struct crowd c;

    crowd_begin(&c);
    for (uint32_t i = 1; i <= 3; i++) {
        ck_assert_uint_eq(peers_enter(&c.peers, 7), i);
        ck_assert_uint_eq(peers_enter(&c.peers, 8), i);
    }
    peers_leave(&c.peers, 7);
    ck_assert_uint_eq(peers_enter(&c.peers, 7), 3);
    for (int i = 0; i < 3; i++) {
        peers_leave(&c.peers, 7);
        peers_leave(&c.peers, 8);
    }
    ck_assert_uint_eq(peers_enter(&c.peers, 7), 1);
    peers_leave(&c.peers, 7);
    crowd_end(&c);
}
END_TEST

START_TEST(when_memory_is_refused_nobody_is_counted)
{
    struct crowd c;

    crowd_begin(&c);
    for (uint32_t key = 0; key < 1000; key++)
        ck_assert_uint_eq(peers_enter(&c.peers, key), 1);
    c.mem.fail_at = c.mem.request_count + 1;
    c.mem.fail_on = true;
    uint32_t key = 1000;
    while (peers_enter(&c.peers, key) == 1)
        ck_assert_uint_lt(++key, 100000);
    c.mem.fail_at = 0;
    while (key-- > 0)
        peers_leave(&c.peers, key);
    crowd_end(&c);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_peer_is_an_address_or_a_network_and_no_port),
        TEST(who_comes_and_goes_is_counted),
        TEST(when_memory_is_refused_nobody_is_counted),
    };

    return unit_main(argc, argv, "peers", tests, ARRAY_LEN(tests));
}
