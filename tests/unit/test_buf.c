/* test_buf.c - a buffer grows to its bound, refuses beyond it, and remembers that it did. */
#include "heap/base/buf.h"
#include "tests/unit/unit.h"

struct world {
    struct mem mem;
    struct buf buf;
};

static void world_init(struct world *w, size_t max)
{
    mem_init(&w->mem, 0);
    buf_init(&w->buf, &w->mem, max);
}

static void world_fini(struct world *w)
{
    buf_fini(&w->buf);
    mem_fini(&w->mem);
}

START_TEST(what_is_added_is_there_in_order)
{
    struct world w;

    world_init(&w, 1000);
    ck_assert(buf_add(&w.buf, "ab", 2));
    ck_assert(buf_add_text(&w.buf, "cd"));
    ck_assert(buf_add_slice(&w.buf, SLICE("ef")));
    ck_assert(buf_add_byte(&w.buf, 'g'));
    ck_assert(buf_printf(&w.buf, "%d%s", 12, "!"));
    ck_assert(slice_is(buf_slice(&w.buf), "abcdefg12!"));
    world_fini(&w);
}
END_TEST

START_TEST(an_empty_buffer_has_no_memory)
{
    struct world w;

    world_init(&w, 1000);
    ck_assert(buf_add(&w.buf, NULL, 0));
    ck_assert(buf_add_text(&w.buf, ""));
    buf_consume(&w.buf, 0);
    ck_assert_uint_eq(buf_slice(&w.buf).len, 0);
    ck_assert_uint_eq(w.mem.used_bytes, 0);
    world_fini(&w);
}
END_TEST

START_TEST(many_bytes_ask_for_memory_a_few_times)
{
    struct world w;

    world_init(&w, SIZE_MAX);
    for (uint32_t i = 0; i < 1u << 20; i++)
        MUST(buf_add_byte(&w.buf, (char)(i % 127)));
    ck_assert_uint_le(w.mem.request_count, 20);
    for (uint32_t i = 0; i < 1u << 20; i++)
        MUST(w.buf.data[i] == (char)(i % 127));
    world_fini(&w);
}
END_TEST

START_TEST(the_bound_is_reached_but_never_passed)
{
    for (size_t max = 1; max < 300; max++) {
        struct world w;

        world_init(&w, max);
        for (size_t i = 0; i < max; i++)
            MUST(buf_add_byte(&w.buf, 'x'));
        ck_assert(!w.buf.failed);
        ck_assert(!buf_add_byte(&w.buf, 'y'));
        ck_assert(w.buf.failed);
        ck_assert_uint_eq(w.buf.len, max);
        ck_assert_uint_le(w.buf.cap, max);
        world_fini(&w);
    }
}
END_TEST

START_TEST(a_bound_set_later_is_where_growing_ends_and_takes_nothing_away)
{
    struct world w;

    world_init(&w, SIZE_MAX);
    ck_assert(buf_add(&w.buf, "0123456789", 10));
    buf_set_max(&w.buf, 100);
    for (int i = 0; i < 9; i++)
        ck_assert(buf_add(&w.buf, "0123456789", 10));
    ck_assert_uint_eq(w.buf.cap, 100);
    buf_clear(&w.buf);
    buf_set_max(&w.buf, 5);
    ck_assert(buf_reserve(&w.buf, 100)); /* it has that room */
    ck_assert(!buf_reserve(&w.buf, 101));
    world_fini(&w);
}
END_TEST

START_TEST(printing_fills_the_buffer_to_its_bound)
{
    struct world w;

    world_init(&w, 100);
    ck_assert(buf_printf(&w.buf, "%98s", "a"));
    ck_assert(buf_printf(&w.buf, "%s", "bc"));
    ck_assert(buf_printf(&w.buf, "%s", ""));
    ck_assert_uint_eq(w.buf.len, 100);
    ck_assert_mem_eq(w.buf.data + 97, "abc", 3);
    ck_assert(!buf_printf(&w.buf, "d"));
    ck_assert_uint_eq(w.buf.len, 100);
    world_fini(&w);
}
END_TEST

START_TEST(printing_more_than_there_was_room_for_is_printed_whole)
{
    struct world w;

    world_init(&w, 5000);
    ck_assert(buf_add_text(&w.buf, "<"));
    ck_assert(buf_printf(&w.buf, "%4000d>", 7));
    ck_assert_uint_eq(w.buf.len, 4002);
    ck_assert_mem_eq(w.buf.data + 3999, " 7>", 3);
    world_fini(&w);
}
END_TEST

START_TEST(after_a_refusal_nothing_is_taken_until_clear)
{
    struct world w;

    world_init(&w, 4);
    ck_assert(buf_add_text(&w.buf, "abc"));
    ck_assert(!buf_add_text(&w.buf, "de"));
    ck_assert(!buf_add_byte(&w.buf, 'd'));
    ck_assert(!buf_add(&w.buf, NULL, 0));
    ck_assert(!buf_printf(&w.buf, "d"));
    ck_assert(!buf_reserve(&w.buf, 0));
    ck_assert(slice_is(buf_slice(&w.buf), "abc"));
    buf_clear(&w.buf);
    ck_assert(buf_add_text(&w.buf, "defg"));
    ck_assert(slice_is(buf_slice(&w.buf), "defg"));
    world_fini(&w);
}
END_TEST

START_TEST(refused_memory_is_remembered_and_loses_nothing)
{
    struct world w;

    world_init(&w, 1000);
    ck_assert(buf_add_text(&w.buf, "abc"));
    w.mem.fail_at = w.mem.request_count + 1;
    ck_assert(!buf_reserve(&w.buf, 500));
    ck_assert(w.buf.failed);
    ck_assert(slice_is(buf_slice(&w.buf), "abc"));
    world_fini(&w);
}
END_TEST

START_TEST(a_printed_text_is_added_whole_or_not_at_all)
{
    struct world w;

    world_init(&w, 1000);
    ck_assert(buf_add_text(&w.buf, "abc"));
    w.mem.fail_at = w.mem.request_count + 1;
    ck_assert(!buf_printf(&w.buf, "%500d", 1));
    ck_assert(slice_is(buf_slice(&w.buf), "abc"));
    world_fini(&w);
}
END_TEST

START_TEST(reserved_room_is_filled_without_asking_again)
{
    struct world w;

    world_init(&w, 1000);
    ck_assert(buf_reserve(&w.buf, 700));
    w.mem.fail_at = 1;
    w.mem.fail_on = true;
    for (int i = 0; i < 70; i++)
        ck_assert(buf_add_text(&w.buf, "0123456789"));
    world_fini(&w);
}
END_TEST

START_TEST(an_absurd_length_is_refused_without_overflow)
{
    struct world w;

    world_init(&w, SIZE_MAX);
    ck_assert(buf_add_byte(&w.buf, 'a'));
    ck_assert(!buf_reserve(&w.buf, SIZE_MAX));
    buf_clear(&w.buf);
    ck_assert(!buf_reserve(&w.buf, SIZE_MAX / 2));
    world_fini(&w);
}
END_TEST

START_TEST(consuming_drops_from_the_front)
{
    struct world w;

    world_init(&w, 1000);
    ck_assert(buf_add_text(&w.buf, "abcdef"));
    buf_consume(&w.buf, 0);
    buf_consume(&w.buf, 2);
    ck_assert(slice_is(buf_slice(&w.buf), "cdef"));
    buf_consume(&w.buf, 4);
    ck_assert(slice_is(buf_slice(&w.buf), ""));
    world_fini(&w);
}
END_TEST

START_TEST(a_buffer_may_be_used_again_after_fini)
{
    struct world w;

    world_init(&w, 3);
    ck_assert(!buf_add_text(&w.buf, "abcd"));
    buf_fini(&w.buf);
    ck_assert_uint_eq(w.mem.used_bytes, 0);
    ck_assert(buf_add_text(&w.buf, "abc"));
    ck_assert(!buf_add_text(&w.buf, "d"));
    world_fini(&w);
}
END_TEST

START_TEST(consuming_more_than_there_is_stops_the_process)
{
    struct world w;

    world_init(&w, 1000);
    buf_add_text(&w.buf, "abc");
    buf_consume(&w.buf, 4);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(what_is_added_is_there_in_order),
        TEST(an_empty_buffer_has_no_memory),
        TEST(many_bytes_ask_for_memory_a_few_times),
        TEST(the_bound_is_reached_but_never_passed),
        TEST(a_bound_set_later_is_where_growing_ends_and_takes_nothing_away),
        TEST(printing_fills_the_buffer_to_its_bound),
        TEST(printing_more_than_there_was_room_for_is_printed_whole),
        TEST(after_a_refusal_nothing_is_taken_until_clear),
        TEST(refused_memory_is_remembered_and_loses_nothing),
        TEST(a_printed_text_is_added_whole_or_not_at_all),
        TEST(reserved_room_is_filled_without_asking_again),
        TEST(an_absurd_length_is_refused_without_overflow),
        TEST(consuming_drops_from_the_front),
        TEST(a_buffer_may_be_used_again_after_fini),
        TEST(consuming_more_than_there_is_stops_the_process, .aborts = true),
    };
    return unit_main(argc, argv, "buf", tests, ARRAY_LEN(tests));
}
