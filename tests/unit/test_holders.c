/* test_holders.c - the sum is the sum, and whoever began first stands first. */
#include "daemon/holders.h"
#include "tests/unit/unit.h"

#define MANY 5

struct world {
    struct holders holders;
    struct holding one[MANY];
};

static void world_init(struct world *w)
{
    holders_init(&w->holders);
    for (size_t i = 0; i < MANY; i++)
        holding_init(&w->one[i]);
}

static void note(struct world *w, size_t i, size_t bytes)
{
    holders_note(&w->holders, &w->one[i], bytes);
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

START_TEST(who_began_to_hold_first_stands_first_however_much_it_holds_now)
{
    struct world w;

    world_init(&w);
    note(&w, 3, 10);
    note(&w, 1, 1000);
    note(&w, 0, 5);
    note(&w, 3, 2000);
    note(&w, 1, 1);
    line_is(&w, "310");
    ck_assert_uint_eq(w.holders.bytes, 2006);
}
END_TEST

START_TEST(who_stops_and_begins_again_stands_last)
{
    struct world w;

    world_init(&w);
    note(&w, 0, 7);
    note(&w, 1, 7);
    note(&w, 0, 0);
    line_is(&w, "1");
    note(&w, 0, 0);
    note(&w, 0, 8);
    line_is(&w, "10");
    ck_assert_uint_eq(w.holders.bytes, 15);
}
END_TEST

START_TEST(nobody_who_holds_nothing_is_in_line)
{
    struct world w;

    world_init(&w);
    for (size_t i = 0; i < MANY; i++)
        note(&w, i, i);
    line_is(&w, "1234");
    for (size_t i = 0; i < MANY; i++)
        note(&w, i, 0);
    line_is(&w, "");
    ck_assert_uint_eq(w.holders.bytes, 0);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(who_began_to_hold_first_stands_first_however_much_it_holds_now),
        TEST(who_stops_and_begins_again_stands_last),
        TEST(nobody_who_holds_nothing_is_in_line),
    };
    return unit_main(argc, argv, "holders", tests, ARRAY_LEN(tests));
}
