/* test_holders.c - the sum is the sum, and of two the slower is told. */
#include "daemon/holders.h"
#include "tests/unit/unit.h"

#define MANY 5
#define MB   1000000u

struct world {
    struct holders holders;
    struct holding one[MANY];
};

/* Nobody holds anything. (A ring points at itself: it cannot be copied.) */
static struct world *world_begin(void)
{
    static struct world w;

    holders_init(&w.holders);
    for (size_t i = 0; i < MANY; i++)
        holding_init(&w.one[i]);
    return &w;
}

static void note(struct world *w, size_t i, size_t bytes)
{
    holders_note(&w->holders, &w->one[i], bytes, i % 2 == 0);
}

static bool is_slower(const struct world *w, size_t a, size_t b)
{
    return holding_is_slower(&w->one[a], &w->one[b]);
}

/* One second goes by: `i` moves so much, the others nothing. */
static void look(struct world *w, size_t i, size_t moved)
{
    for (size_t k = 0; k < MANY; k++)
        holding_look(&w->one[k]);
    holding_moved(&w->one[i], moved);
}

/* The members of the line, as digits. */
static void line_is(const struct world *w, const char *expected)
{
    char text[MANY + 1];
    size_t len = 0;

    for (const struct list *l = w->holders.line.next; l != &w->holders.line; l = l->next)
        text[len++] = (char)('0' + (LIST_OWNER(l, struct holding, link) - w->one));
    text[len] = '\0';
    ck_assert_str_eq(text, expected);
}

START_TEST(the_sum_follows_and_nobody_who_holds_nothing_is_in_line)
{
    struct world *w = world_begin();

    for (size_t i = 0; i < MANY; i++)
        note(w, i, i);
    line_is(w, "1234");
    ck_assert_uint_eq(w->holders.bytes, 10);
    ck_assert_uint_eq(w->holders.for_peers, 6);
    note(w, 2, 0);
    note(w, 2, 7);
    note(w, 3, 1);
    line_is(w, "1342");
    ck_assert_uint_eq(w->holders.bytes, 13);
    for (size_t i = 0; i < MANY; i++)
        note(w, i, 0);
    line_is(w, "");
    ck_assert_uint_eq(w->holders.bytes + w->holders.for_peers, 0);
    ck_assert_ptr_null(holders_first(&w->holders));
}
END_TEST

START_TEST(all_come_to_the_front_in_turn)
{
    struct world *w = world_begin();

    note(w, 4, 10);
    note(w, 1, 10);
    note(w, 0, 10);
    ck_assert_ptr_eq(holders_first(&w->holders), &w->one[4]);
    holders_pass_first(&w->holders);
    line_is(w, "104");
}
END_TEST

/* The even ones wait for their peers. */
START_TEST(they_are_over_by_what_waits_for_peers_and_never_one_alone)
{
    struct world *w = world_begin();

    note(w, 0, 101);
    ck_assert(!holders_are_over(&w->holders, 100));
    note(w, 1, 1);
    ck_assert(holders_are_over(&w->holders, 100));
    ck_assert(!holders_are_over(&w->holders, 102));
    note(w, 0, 50);
    note(w, 1, 1000);
    ck_assert(!holders_are_over(&w->holders, 100));
    note(w, 2, 1);
    ck_assert(holders_are_over(&w->holders, 100));
    for (size_t i = 0; i < 3; i++)
        note(w, i, 0);
    ck_assert(!holders_are_over(&w->holders, 100));
}
END_TEST

START_TEST(who_has_stopped_is_slower_than_who_goes_on_whoever_came_first)
{
    for (size_t older = 0; older < 2; older++) { /* 0 goes on, 1 has stopped */
        struct world *w = world_begin();

        note(w, older, MB);
        look(w, 0, older == 0 ? MB : 0);
        note(w, 1 - older, MB);
        for (int second = 0; second < 5; second++)
            look(w, 0, MB);
        ck_assert(is_slower(w, 1, 0));
        ck_assert(!is_slower(w, 0, 1));
    }
}
END_TEST

START_TEST(who_holds_more_must_move_more)
{
    struct world *w = world_begin();

    note(w, 0, 60 * MB);
    note(w, 1, MB);
    for (int second = 0; second < 8; second++) {
        look(w, 0, 2 * MB);
        holding_moved(&w->one[1], MB / 2);
    }
    ck_assert(is_slower(w, 0, 1));
}
END_TEST

START_TEST(who_has_just_come_is_not_slow_yet)
{
    struct world *w = world_begin();

    note(w, 0, MB);
    look(w, 0, 0);
    note(w, 1, MB); /* an answer that is ready: nobody can have read it */
    ck_assert(is_slower(w, 0, 1));
}
END_TEST

START_TEST(who_holds_little_is_the_last_to_be_called_slow)
{
    struct world *w = world_begin();

    note(w, 0, 500);
    note(w, 1, MB);
    for (int second = 0; second < 60; second++)
        look(w, 1, MB / 10);
    ck_assert(is_slower(w, 1, 0));
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(the_sum_follows_and_nobody_who_holds_nothing_is_in_line),
        TEST(all_come_to_the_front_in_turn),
        TEST(they_are_over_by_what_waits_for_peers_and_never_one_alone),
        TEST(who_has_stopped_is_slower_than_who_goes_on_whoever_came_first),
        TEST(who_holds_more_must_move_more),
        TEST(who_has_just_come_is_not_slow_yet),
        TEST(who_holds_little_is_the_last_to_be_called_slow),
    };
    return unit_main(argc, argv, "holders", tests, ARRAY_LEN(tests));
}
