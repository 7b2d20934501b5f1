/* test_holes.c - which number stands where, after some have been taken out: the same as in a plain array. */
#include "heap/graph/holes.h"
#include "tests/unit/unit.h"

#define N_MAX 3000

static void agree(const struct holes *h, const uint32_t *row, uint32_t count, uint32_t n)
{
    for (uint32_t i = 0; i < count; i++)
        MUST(holes_number_at(h, i) == row[i]);
    for (uint32_t i = count; i < count + 5; i++)
        MUST(holes_number_at(h, i) >= n);
    MUST(holes_number_at(h, UINT32_MAX) >= n);
}

START_TEST(it_agrees_with_a_plain_array)
{
    static const uint32_t sizes[] = {0, 1, 63, 64, 65, 511, 512, 513, 1024, 1500, N_MAX};
    uint64_t seed = unit_seed(_i);
    uint32_t n = sizes[(size_t)_i % ARRAY_LEN(sizes)], row[N_MAX] = {0}, count = n;
    struct mem mem;
    struct holes *h;

    mem_init(&mem, 0);
    h = holes_create(&mem, n);
    for (uint32_t i = 0; i < n; i++)
        row[i] = i;
    agree(h, row, count, n);
    while (count > 0) {
        uint32_t at = unit_rand_below(&seed, count);

        MUST(holes_number_at(h, at) == row[at]);
        holes_take_out(h, row[at]);
        memmove(row + at, row + at + 1, (count - at - 1) * sizeof *row);
        if (--count % 97 == 0)
            agree(h, row, count, n);
    }
    holes_destroy(&h);
    ck_assert_ptr_null(h);
    mem_fini(&mem);
}
END_TEST

START_TEST(marks_are_apart_from_holes)
{
    struct mem mem;
    struct holes *h;

    mem_init(&mem, 0);
    h = holes_create(&mem, 100);
    holes_mark(h, 99);
    holes_take_out(h, 3);
    MUST(holes_is_marked(h, 99) && !holes_is_marked(h, 3) && !holes_is_marked(h, 98));
    MUST(holes_number_at(h, 98) == 99);
    holes_destroy(&h);
    mem_fini(&mem);
}
END_TEST

START_TEST(nothing_is_left_when_memory_is_refused)
{
    struct mem mem;

    for (uint64_t n = 1; n <= 3; n++) {
        mem_init(&mem, 0);
        mem.fail_at = n;
        ck_assert_ptr_null(holes_create(&mem, 1000));
        mem_fini(&mem);
    }
}
END_TEST

START_TEST(a_number_is_taken_out_once)
{
    struct mem mem;
    struct holes *h;

    mem_init(&mem, 0);
    h = holes_create(&mem, 10);
    holes_take_out(h, 3);
    holes_take_out(h, 3);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(it_agrees_with_a_plain_array, .rounds = 11),
        TEST(marks_are_apart_from_holes),
        TEST(nothing_is_left_when_memory_is_refused),
        TEST(a_number_is_taken_out_once, .aborts = true),
    };

    return unit_main(argc, argv, "holes", tests, ARRAY_LEN(tests));
}
