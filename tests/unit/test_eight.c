/* test_eight.c - eight bytes at a time say what one after the other does, and short texts are copied whole. */
#include "heap/base/eight.h"
#include "heap/base/slice.h"
#include "tests/unit/unit.h"

static const unsigned char plain[8] = {'a', 0x20, 0x7e, '!', '0', '~', 'Z', '#'};

static bool is_one(unsigned char byte, int claim)
{
    return claim == 0 ? byte < 0x20 : claim == 1 ? byte == '"' : claim == 2 ? byte == 0xe2 : byte >= 0x80;
}

static uint64_t mask_of(const unsigned char *text, int claim)
{
    uint64_t eight = eight_at(text);

    return claim == 0   ? eight_below(eight, 0x20)
           : claim == 1 ? eight_equal(eight, '"')
           : claim == 2 ? eight_equal(eight, 0xe2)
                        : eight_high(eight);
}

/* Whether there is one, and the first: that is what a mask can be asked. */
static void masks_are_right(const unsigned char *text, int claim)
{
    uint64_t mask = mask_of(text, claim);
    unsigned first = 0;

    while (first < 8 && !is_one(text[first], claim))
        first++;
    MUST((mask == 0) == (first == 8));
    MUST(mask == 0 || eight_first(mask) == first);
}

START_TEST(every_byte_is_seen_at_every_place)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        for (unsigned place = 0; place < 8; place++) {
            unsigned char text[8];

            memcpy(text, plain, sizeof text);
            text[place] = (unsigned char)byte;
            masks_are_right(text, _i);
        }
    }
}
END_TEST

/* Of bytes that are nearly what is looked for, so that the first has others behind it. */
START_TEST(the_first_of_several_is_found)
{
    static const unsigned char near[] = {0, 1, 0x1f, 0x20, 0x21, '"', '#', 0x7f, 0x80, 0xa2, 0xe1, 0xe2, 0xe3, 0xff};
    uint64_t random = unit_seed(_i);

    for (int n = 0; n < 100000; n++) {
        uint64_t dice = unit_rand(&random);
        unsigned char text[8];

        for (unsigned i = 0; i < 8; i++, dice >>= 8)
            text[i] = (dice & 0x80) != 0 ? plain[i] : near[(dice & 0x7f) % sizeof near];
        masks_are_right(text, _i);
    }
}
END_TEST

START_TEST(a_text_of_any_length_is_copied_and_nothing_beside_it)
{
    char from[48], to[64];

    for (size_t i = 0; i < sizeof from; i++)
        from[i] = (char)('A' + i);
    for (size_t len = 0; len <= sizeof from; len++) {
        memset(to, '.', sizeof to);
        ck_assert_ptr_eq(slice_copy(to + 8, (struct slice){from, len}), to + 8 + len);
        ck_assert_mem_eq(to, "........", 8);
        ck_assert_mem_eq(to + 8, from, len);
        ck_assert_mem_eq(to + 8 + len, "........", 8);
    }
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(every_byte_is_seen_at_every_place, .rounds = 4),
        TEST(the_first_of_several_is_found, .rounds = 4),
        TEST(a_text_of_any_length_is_copied_and_nothing_beside_it),
    };
    return unit_main(argc, argv, "eight", tests, ARRAY_LEN(tests));
}
