/* test_best.c - the first few of many are those that sorting them all would put first. */
#include "api/best.h"
#include "tests/unit/unit.h"

#define ROWS 500

struct row {
    int64_t key;
    uint32_t number; /* makes the order total */
};

static int by_key(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    int order = largest_first(x->key, y->key);

    return order != 0 ? order : (x->number > y->number) - (x->number < y->number);
}

START_TEST(they_are_those_that_sorting_puts_first)
{
    static const size_t limits[] = {1, 2, 3, 10, ROWS - 1, ROWS, ROWS + 7};
    uint64_t seed = unit_seed(_i);
    struct row rows[ROWS];
    size_t limit = limits[(size_t)_i % ARRAY_LEN(limits)];
    struct best b;
    struct mem mem;

    mem_init(&mem, 0);
    MUST(best_init(&b, &mem, by_key, sizeof rows[0], limit));
    for (uint32_t i = 0; i < ROWS; i++) {
        rows[i] = (struct row){.key = (int64_t)unit_rand_below(&seed, 100) - 50, .number = i};
        best_consider(&b, &rows[i]);
    }
    qsort(rows, ROWS, sizeof rows[0], by_key);
    best_sort(&b);
    ck_assert_uint_eq(b.count, limit < ROWS ? limit : ROWS);
    for (size_t i = 0; i < b.count; i++)
        MUST(by_key(best_at(&b, i), &rows[i]) == 0);
    best_fini(&b);
    best_fini(&b);
    mem_fini(&mem);
}
END_TEST

START_TEST(without_memory_there_is_nothing)
{
    struct best b;
    struct mem mem;

    mem_init(&mem, 0);
    mem.fail_at = 1;
    ck_assert(!best_init(&b, &mem, by_key, sizeof(struct row), 10));
    best_fini(&b);
    mem_fini(&mem);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(they_are_those_that_sorting_puts_first, .rounds = 14),
        TEST(without_memory_there_is_nothing),
    };

    return unit_main(argc, argv, "best", tests, ARRAY_LEN(tests));
}
