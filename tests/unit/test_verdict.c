/*
 * test_verdict.c - seeded leaks are named, each with the point where it has accumulated; clean lives are not.
 *
 * A life is frozen twice. In between it goes on as services do (requests come and go, a cache turns over, a session is
 * replaced), and if it leaks, something of it stays that should not.
 */
#include "tests/unit/frozen_net.h"

#define MOST_SUSPECTS SUSPECTS_MAX

static uint32_t judge(struct net *n, struct tree now, struct tree then, struct suspect *s)
{
    uint32_t count = 0;
    size_t before = n->mem.used_bytes;

    n->mem.max_bytes = before + verdict_bytes(now, then);
    ck_assert_int_eq(verdict(&n->mem, now, then, s, &count, NULL), ERR_OK);
    ck_assert_uint_eq(n->mem.used_bytes, before);
    return count;
}

static const char *class_at(const struct net *n, uint32_t node)
{
    return n->strings[n->f.labels[n->f.label[node]].class] + 1;
}

/* ---- sizes ---- */

START_TEST(the_point_is_where_it_drops)
{
    struct net n = net_new();
    uint32_t app = net_object(&n, "App", 50), bus = net_object(&n, "Bus", 50), list = net_object(&n, "list", 2000);
    struct suspect s[MOST_SUSPECTS];

    net_root(&n, app);
    net_link(&n, app, bus);
    net_link(&n, bus, list);
    for (int i = 0; i < 500; i++)
        net_link(&n, list, net_object(&n, "Listener", 40));
    for (int i = 0; i < 20; i++)
        net_root(&n, net_object(&n, "Other", 100));
    ck_assert_uint_eq(judge(&n, net_freeze(&n), (struct tree){0}, s), 1);
    ck_assert_uint_eq(s[0].node, app);
    ck_assert_uint_eq(s[0].point, list);
    ck_assert(s[0].depth == 2 && !s[0].is_group && s[0].bytes == 22100 && s[0].objects == 503);
    ck_assert(s[0].at_point == 500 && strcmp(n.strings[s[0].at_class] + 1, "Listener") == 0);
    net_free(&n);
}
END_TEST

/* App, then one that retains 75 hundredths of it, then one that retains 65 of that: the second is the point. What that leads to is
 * of three classes, none of which is most of it. */
START_TEST(a_drop_is_seven_tenths_and_most_is_more_than_half)
{
    static const char *const classes[] = {"Red", "Green", "Blue"};
    struct net n = net_new();
    uint32_t app = net_object(&n, "App", 25000), mid = net_object(&n, "Mid", 26250 - 300), low = net_object(&n, "Low", 48750);
    struct suspect s[MOST_SUSPECTS];

    net_root(&n, app);
    net_link(&n, app, mid);
    net_link(&n, mid, low);
    for (int i = 0; i < 3; i++)
        net_link(&n, mid, net_object(&n, classes[i], 100));
    ck_assert_uint_eq(judge(&n, net_freeze(&n), (struct tree){0}, s), 1);
    ck_assert(s[0].node == app && s[0].point == mid && s[0].depth == 1 && s[0].at_point == 4);
    ck_assert_uint_eq(s[0].at_class, 0);
    net_free(&n);
}
END_TEST

/* What is large and was there before is not the way to what has grown. */
START_TEST(the_way_down_follows_what_was_gained)
{
    struct net nets[2] = {net_new(), net_new()};
    struct tree t[2];
    struct suspect s[MOST_SUSPECTS];

    for (int i = 0; i < 2; i++) {
        struct net *n = &nets[i];
        uint32_t app = net_object(n, "App", 10), big = net_object(n, "Big", 1000), log = net_object(n, "Log", 10);

        net_root(n, app);
        net_link(n, app, big);
        net_link(n, app, log);
        for (int k = 0; k < 40 * i; k++)
            net_link(n, log, net_object(n, "Line", 10));
        t[i] = net_freeze(n);
    }
    ck_assert_uint_eq(judge(&nets[1], t[1], t[0], s), 1);
    ck_assert_str_eq(class_at(&nets[1], s[0].point), "Log");
    ck_assert_uint_eq(s[0].gained, 400);
    net_free(&nets[0]);
    net_free(&nets[1]);
}
END_TEST

START_TEST(of_a_chain_the_first_link_is_named)
{
    struct net n = net_new();
    uint32_t app = net_object(&n, "App", 50), queue = net_object(&n, "Queue", 50), first = net_object(&n, "Node", 40), last = first;
    struct suspect s[MOST_SUSPECTS];

    net_root(&n, app);
    net_link(&n, app, queue);
    net_link(&n, queue, first);
    for (int i = 1; i < 20000; i++) {
        uint32_t next = net_object(&n, "Node", 40);

        net_link(&n, last, next);
        last = next;
    }
    ck_assert_uint_eq(judge(&n, net_freeze(&n), (struct tree){0}, s), 1);
    ck_assert(s[0].node == app && s[0].point == first && s[0].depth == 2);
    net_free(&n);
}
END_TEST

/* Each is small and held by nobody else's objects, but by two: no object dominates them. They are reached through one list. */
START_TEST(many_small_ones_of_a_class_are_a_group_with_what_leads_to_them)
{
    struct net n = net_new();
    uint32_t index = net_object(&n, "Index", 100), other = net_object(&n, "Other index", 100), sub = net_object(&n, "Shelf", 10);
    struct suspect s[MOST_SUSPECTS];

    net_root(&n, index);
    net_link(&n, index, sub);
    net_root(&n, other);
    for (int i = 0; i < 1000; i++) {
        uint32_t book = net_object(&n, "Book", 60), wrap = net_object(&n, "Card", 5);

        net_link(&n, sub, book);
        net_link(&n, other, wrap);
        net_link(&n, wrap, book);
    }
    ck_assert_uint_ge(judge(&n, net_freeze(&n), (struct tree){0}, s), 1);
    ck_assert(s[0].is_group && s[0].count == 1000 && s[0].bytes == 60000 && strcmp(class_at(&n, s[0].node), "Book") == 0);
    ck_assert(s[0].point == sub || s[0].point == other);
    net_free(&n);
}
END_TEST

START_TEST(a_session_that_holds_all_is_a_suspect_itself)
{
    struct net n = net_new();
    struct suspect s[MOST_SUSPECTS];

    for (int i = 0; i < 300; i++)
        net_hold(&n, 0, net_object(&n, "Draft", 50));
    net_root(&n, net_object(&n, "App", 100));
    ck_assert_uint_eq(judge(&n, net_freeze(&n), (struct tree){0}, s), 1);
    ck_assert_int_eq(n.f.labels[n.f.label[s[0].node]].kind, FROZEN_SESSION);
    ck_assert(s[0].point == s[0].node && s[0].at_point == 300);
    net_free(&n);
}
END_TEST

/* Each holds a twentieth; objects of a class that is called as they are do not count with them. */
START_TEST(sessions_of_one_label_are_a_group_and_the_largest_is_shown)
{
    struct net n = net_new();
    struct suspect s[MOST_SUSPECTS];

    for (int i = 0; i < 20; i++)
        net_root(&n, net_object(&n, "worker", 150));
    for (int i = 0; i < 20; i++)
        net_root(&n, net_object(&n, i % 2 == 0 ? "A" : "B", 150));
    for (uint32_t i = 0; i < 8; i++)
        for (uint32_t k = 0; k < (i == 5 ? 11 : 10); k++)
            net_hold(&n, i, net_object(&n, "Draft", 50));
    ck_assert_uint_eq(judge(&n, net_freeze(&n), (struct tree){0}, s), 4);
    ck_assert(s[0].is_group && s[0].count == 8 && s[0].objects == 81 && s[0].bytes == 81 * 50);
    ck_assert_int_eq(n.f.labels[n.f.label[s[0].node]].kind, FROZEN_SESSION);
    ck_assert(s[0].point == s[0].node && n.f.id[s[0].node] == 5 && s[0].at_point == 11);
    ck_assert(n.f.strings[s[0].at_class] != NULL && strcmp(n.f.strings[s[0].at_class] + 1, "Draft") == 0);
    ck_assert(s[1].is_group && s[1].count == 20 && s[1].bytes == 20 * 150 && strcmp(class_at(&n, s[1].node), "worker") == 0);
    net_free(&n);
}
END_TEST

START_TEST(an_empty_heap_has_no_suspects)
{
    struct net n = net_new();
    struct suspect s[MOST_SUSPECTS];
    struct tree t = net_freeze(&n);

    ck_assert_uint_eq(judge(&n, t, (struct tree){0}, s), 0);
    ck_assert_uint_eq(judge(&n, t, t, s), 0);
    net_free(&n);
}
END_TEST

/* ---- what was gained ---- */

enum leak { CLEAN, REGISTRY, CACHE, SESSION, ONE_IN_N, CYCLE, LEAKS };

static const char *const leak_point[LEAKS] = {
    [REGISTRY] = "Listeners", [CACHE] = "Cache", [SESSION] = "worker", [ONE_IN_N] = "Pool", [CYCLE] = "Ring",
};

/* What a service has after so many requests. Node numbers, and so ids, are those of the earlier one as far as it goes: what has
 * changed is put behind. `turned`: the ids of what comes and goes are others. */
static struct net live(enum leak leak, uint64_t seed, uint32_t requests, bool turned)
{
    struct net n = net_new();
    uint32_t app = net_object(&n, "App", 100), bus = net_object(&n, "Listeners", 100), cache = net_object(&n, "Cache", 400),
             pool = net_object(&n, "Pool", 100), ring = net_object(&n, "Ring", 48), kept = 200 + unit_rand_below(&seed, 200), last = ring;
    uint32_t each = 40 + unit_rand_below(&seed, 100), in_n = 2 + unit_rand_below(&seed, 6);

    net_root(&n, app);
    net_link(&n, app, bus);
    net_link(&n, app, cache);
    net_link(&n, app, pool);
    net_root(&n, ring);
    for (uint32_t i = 0; i < kept; i++) {
        net_link(&n, bus, net_object(&n, "Listener", each));
        net_link(&n, pool, net_object(&n, "Connection", each));
    }
    for (uint32_t i = 0; i < kept; i++) { /* the cache turns over, sessions come and go, a request is in work */
        uint32_t entry = net_object(&n, "Entry", each);

        net_link(&n, cache, entry);
        net_hold(&n, turned ? 1 : 0, net_object(&n, "Draft", 24));
    }
    for (uint32_t i = 0; i < requests; i++) {
        if (leak == REGISTRY)
            net_link(&n, bus, net_object(&n, "Listener", each));
        if (leak == CACHE)
            net_link(&n, cache, net_object(&n, "Entry", each));
        if (leak == SESSION)
            net_hold(&n, 2, net_object(&n, "Draft", each));
        if (leak == ONE_IN_N && i % in_n == 0)
            net_link(&n, pool, net_object(&n, "Connection", each * in_n));
        if (leak == CYCLE) {
            uint32_t next = net_object(&n, "Ring", each);

            net_link(&n, last, next);
            net_link(&n, next, ring);
            last = next;
        }
    }
    return n;
}

START_TEST(seeded_leaks_are_named_and_clean_lives_are_not)
{
    enum leak leak = (enum leak)(_i % LEAKS);

    for (uint64_t i = 0; i < 25; i++) {
        uint64_t seed = unit_seed(_i) * 1000 + i;
        struct net before = live(leak, seed, 100, false), after = live(leak, seed, leak == CLEAN ? 100 : 3000, true);
        struct tree then = net_freeze(&before), now = net_freeze(&after);
        struct suspect s[MOST_SUSPECTS];
        uint32_t count = judge(&after, now, then, s);

        ck_assert_msg(count == (leak == CLEAN ? 0 : 1), "leak %d, seed %" PRIu64 ": %u suspects", leak, seed, count);
        if (leak != CLEAN) {
            ck_assert_str_eq(class_at(&after, s[0].point), leak_point[leak]);
            ck_assert(s[0].gained > 0 && s[0].gained <= s[0].bytes);
        }
        net_free(&before);
        net_free(&after);
    }
}
END_TEST

START_TEST(what_has_shrunk_has_gained_nothing)
{
    struct net before = live(CACHE, 5, 3000, false), after = live(CACHE, 5, 10, true);
    struct tree then = net_freeze(&before), now = net_freeze(&after);
    struct suspect s[MOST_SUSPECTS];

    ck_assert_uint_eq(judge(&after, now, then, s), 0);
    net_free(&before);
    net_free(&after);
}
END_TEST

/* The most there can be is 19: all was replaced by twice as much. */
START_TEST(there_are_never_too_many_suspects_and_the_largest_come_first)
{
    struct net before = net_new(), after = net_new();
    struct tree then, now;
    struct suspect s[MOST_SUSPECTS];
    uint64_t seed = 3;

    net_root(&before, net_object(&before, "App", 1000000));
    then = net_freeze(&before);
    after.first_id = 1000;
    for (uint32_t i = 0; i < 19; i++)
        net_root(&after, net_object(&after, "Big", 100100 + unit_rand_below(&seed, 5000)));
    now = net_freeze(&after);
    ck_assert_uint_eq(judge(&after, now, then, s), SUSPECTS_MAX);
    for (uint32_t i = 1; i < SUSPECTS_MAX; i++)
        ck_assert_uint_ge(s[i - 1].gained, s[i].gained);
    for (uint32_t node = 1, larger = 0; node <= 19; node++) {
        larger += after.f.bytes[node] > s[SUSPECTS_MAX - 1].bytes;
        ck_assert_uint_lt(larger, SUSPECTS_MAX);
    }
    net_free(&before);
    net_free(&after);
}
END_TEST

START_TEST(without_memory_there_is_no_verdict_and_nothing_is_left)
{
    struct net n = live(CACHE, 1, 300, false);
    struct tree t = net_freeze(&n);
    struct suspect s[MOST_SUSPECTS];
    size_t before = n.mem.used_bytes;
    enum err e = ERR_NOMEM;
    uint32_t count = 77;

    for (uint64_t nth = 1; e != ERR_OK; nth++) {
        ck_assert_uint_eq(count, 77);
        n.mem.fail_at = n.mem.request_count + nth;
        e = verdict(&n.mem, t, t, s, &count, NULL);
        ck_assert(e == ERR_OK ? nth > 6 : nth < 10);
        ck_assert_uint_eq(n.mem.used_bytes, before);
    }
    net_free(&n);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(the_point_is_where_it_drops),
        TEST(a_drop_is_seven_tenths_and_most_is_more_than_half),
        TEST(the_way_down_follows_what_was_gained),
        TEST(of_a_chain_the_first_link_is_named),
        TEST(many_small_ones_of_a_class_are_a_group_with_what_leads_to_them),
        TEST(a_session_that_holds_all_is_a_suspect_itself),
        TEST(sessions_of_one_label_are_a_group_and_the_largest_is_shown),
        TEST(an_empty_heap_has_no_suspects),
        TEST(seeded_leaks_are_named_and_clean_lives_are_not, .rounds = LEAKS),
        TEST(what_has_shrunk_has_gained_nothing),
        TEST(there_are_never_too_many_suspects_and_the_largest_come_first),
        TEST(without_memory_there_is_no_verdict_and_nothing_is_left),
    };
    return unit_main(argc, argv, "verdict", tests, ARRAY_LEN(tests));
}
