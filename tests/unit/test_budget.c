/* test_budget.c - one limit, divided: what is left for whom, and when memory is a reason to collect. */
#include "daemon/budget.h"
#include "api/api.h"
#include "tests/unit/unit.h"

#define MIB 1048576u

START_TEST(without_a_limit_there_is_room_for_all)
{
    struct budget_facts f = {.heap = 1000 * MIB, .connections = 10 * MIB, .buffers = 900 * MIB};
    struct budget_shares s = budget_share(&f);

    ck_assert_uint_eq(s.taken, 1010 * MIB);
    ck_assert_uint_eq(s.buffers_max, UINT64_MAX);
    ck_assert(s.accepts && s.over == 0);
}
END_TEST

START_TEST(all_that_is_allocated_counts_and_all_that_must_be)
{
    struct budget_facts f = {.max = 100 * MIB, .heap = 10 * MIB, .connections = 2 * MIB, .allocator = 3 * MIB, .to_come = 4 * MIB};

    ck_assert_uint_eq(budget_share(&f).taken, 19 * MIB);
}
END_TEST

START_TEST(buffers_get_what_the_heap_leaves_and_something_beyond)
{
    struct budget_facts f = {.max = 100 * MIB, .heap = 60 * MIB, .buffers = 20 * MIB};
    uint64_t beyond = budget_share(&(struct budget_facts){.max = 1}).buffers_max - 1;

    ck_assert_uint_gt(beyond, 0);
    ck_assert_uint_lt(beyond, API_BEYOND_BYTES); /* something is left for who begins */
    ck_assert_uint_eq(budget_share(&f).buffers_max, 60 * MIB + beyond);
    f.heap = 120 * MIB; /* full to the brim */
    ck_assert_uint_eq(budget_share(&f).buffers_max, beyond);
    ck_assert_uint_eq(budget_share(&f).over, 0);
    f.heap = 150 * MIB; /* the limit has come down */
    ck_assert_uint_eq(budget_share(&f).buffers_max, beyond);
    ck_assert_uint_eq(budget_share(&f).over, 30 * MIB);
}
END_TEST

START_TEST(connections_come_until_they_have_what_is_beyond)
{
    struct budget_facts f = {.max = 100 * MIB, .heap = 100 * MIB};

    ck_assert(budget_share(&f).accepts);
    f.connections = API_BEYOND_BYTES;
    ck_assert(!budget_share(&f).accepts);
    f.heap -= API_BEYOND_BYTES;
    ck_assert(budget_share(&f).accepts);
}
END_TEST

static struct budget_now short_of_memory(void)
{
    return (struct budget_now){.max = 100 * MIB, .taken = 90 * MIB, .collect_pct = 90, .bytes = 80 * MIB, .ms = 5000};
}

START_TEST(a_collection_is_due_at_its_percentage_and_not_before)
{
    struct budget_past past = {0};
    struct budget_now now = short_of_memory();

    ck_assert(budget_collects(&past, &now));
    now.taken = 90 * MIB - 100;
    ck_assert(!budget_collects(&past, &now));
    now.collect_pct = 80;
    ck_assert(budget_collects(&past, &now));
    now.collect_pct = 0;
    now.taken = 200 * MIB;
    ck_assert(!budget_collects(&past, &now));
}
END_TEST

START_TEST(the_next_one_waits_until_there_is_more)
{
    struct budget_past past = {.bytes = 80 * MIB};
    struct budget_now now = short_of_memory();

    ck_assert(!budget_collects(&past, &now));
    now.bytes += 100 * MIB / BUDGET_GROWTH - 1;
    ck_assert(!budget_collects(&past, &now));
    now.bytes++;
    ck_assert(budget_collects(&past, &now));
}
END_TEST

START_TEST(what_is_refused_is_a_reason_if_there_may_be_new_cycles)
{
    struct budget_past past = {.bytes = 80 * MIB, .refused = 7};
    struct budget_now now = short_of_memory();

    now.refused = 8;
    ck_assert(!budget_collects(&past, &now));
    now.cycles_possible = true;
    ck_assert(budget_collects(&past, &now));
    now.refused = 7;
    ck_assert(!budget_collects(&past, &now));
}
END_TEST

START_TEST(it_rests_the_longer_the_less_it_finds)
{
    struct budget_past past = {0};
    struct budget_now now = short_of_memory();
    uint64_t rest = BUDGET_REST_MS;

    for (int i = 0; i < 10; i++) {
        now.ms = 5000;
        budget_note_run(&past, 0, 200000, now.ms);
        ck_assert_uint_eq(past.not_before_ms, 5000 + rest + 200 * BUDGET_REST_TIMES);
        ck_assert(!budget_collects(&past, &now));
        now.ms = past.not_before_ms;
        ck_assert(budget_collects(&past, &now));
        rest = 2 * rest < BUDGET_REST_MS_MAX ? 2 * rest : BUDGET_REST_MS_MAX;
    }
    budget_note_run(&past, 1, 0, 5000);
    ck_assert_uint_eq(past.not_before_ms, 5000 + BUDGET_REST_MS);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(without_a_limit_there_is_room_for_all),
        TEST(all_that_is_allocated_counts_and_all_that_must_be),
        TEST(buffers_get_what_the_heap_leaves_and_something_beyond),
        TEST(connections_come_until_they_have_what_is_beyond),
        TEST(a_collection_is_due_at_its_percentage_and_not_before),
        TEST(the_next_one_waits_until_there_is_more),
        TEST(what_is_refused_is_a_reason_if_there_may_be_new_cycles),
        TEST(it_rests_the_longer_the_less_it_finds),
    };

    return unit_main(argc, argv, "budget", tests, ARRAY_LEN(tests));
}
