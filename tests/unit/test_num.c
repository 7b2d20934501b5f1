/* test_num.c - numbers, UTF-8 and hashes, each against something slower or published. */
#include "heap/base/num.h"
#include "tests/unit/unit.h"
#include <float.h>
#include <locale.h>
#include <math.h>

/* Integers. */

START_TEST(digits_and_nothing_else_are_a_number)
{
    static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "1.0", "0x1", "1e3", "a", "1a", "/", ":"};
    uint64_t value = 99;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(!parse_u64(slice_of(bad[i]), UINT64_MAX, &value), "\"%s\"", bad[i]);
    ck_assert(!parse_u64((struct slice){NULL, 0}, UINT64_MAX, &value));
    ck_assert(!parse_u64((struct slice){"1\0", 2}, UINT64_MAX, &value));
    ck_assert_uint_eq(value, 99);
    ck_assert(parse_u64(SLICE("0"), UINT64_MAX, &value) && value == 0);
    ck_assert(parse_u64(SLICE("007"), UINT64_MAX, &value) && value == 7);
    ck_assert(parse_u64((struct slice){"123456", 3}, UINT64_MAX, &value) && value == 123);
}
END_TEST

START_TEST(a_number_is_accepted_up_to_max_and_not_beyond)
{
    static const uint64_t maxima[] = {0, 1, 8, 9, 10, 11, 99, 100, 65535, UINT32_MAX, UINT64_MAX - 1};

    for (size_t i = 0; i < ARRAY_LEN(maxima); i++) {
        char text[NUM_TEXT_MAX];
        uint64_t value;

        print_u64(maxima[i], text);
        ck_assert(parse_u64(slice_of(text), maxima[i], &value));
        ck_assert_uint_eq(value, maxima[i]);
        print_u64(maxima[i] + 1, text);
        ck_assert(!parse_u64(slice_of(text), maxima[i], &value));
    }
}
END_TEST

START_TEST(a_number_of_64_bits_is_the_largest)
{
    uint64_t value;

    ck_assert(parse_u64(SLICE("18446744073709551615"), UINT64_MAX, &value));
    ck_assert_uint_eq(value, UINT64_MAX);
    ck_assert(!parse_u64(SLICE("18446744073709551616"), UINT64_MAX, &value));
    ck_assert(!parse_u64(SLICE("99999999999999999999"), UINT64_MAX, &value));
    ck_assert(!parse_u64(SLICE("184467440737095516150"), UINT64_MAX, &value));
}
END_TEST

static void check_integers(uint64_t value)
{
    char expected[NUM_TEXT_MAX];
    char text[NUM_TEXT_MAX];

    snprintf(expected, sizeof expected, "%" PRIu64, value);
    MUST(print_u64(value, text) == strlen(expected));
    MUST(strcmp(text, expected) == 0);
    snprintf(expected, sizeof expected, "%" PRId64, (int64_t)value);
    MUST(print_i64((int64_t)value, text) == strlen(expected));
    MUST(strcmp(text, expected) == 0);
}

START_TEST(integers_print_as_printf_prints_them)
{
    uint64_t random = unit_seed(_i);

    check_integers(0);
    check_integers(9);
    check_integers(10);
    check_integers(INT64_MAX);
    check_integers((uint64_t)INT64_MIN);
    check_integers(UINT64_MAX);
    for (int n = 0; n < 10000; n++)
        check_integers(unit_rand(&random) >> (n % 64));
}
END_TEST

/* Reals. */

START_TEST(a_real_is_short_and_looks_like_one)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {1.0, "1.0"},
        {-1.0, "-1.0"},
        {0.1, "0.1"},
        {0.1 + 0.2, "0.30000000000000004"},
        {1.5, "1.5"},
        {100.0, "100.0"},
        {1.0 / 3, "0.3333333333333333"},
        {2.0 / 3, "0.6666666666666666"},
        {999999999999999.0, "999999999999999.0"},
        {-999999999999999.0, "-999999999999999.0"},
        {1e15, "1e+15"},
        {1e15 + 0.5, "1000000000000000.5"},
        {9007199254740993.0, "9007199254740992.0"},
        {1e22, "1e+22"},
        {1e-7, "1e-07"},
        {123456.789, "123456.789"},
        {DBL_MAX, "1.7976931348623157e+308"},
        {DBL_MIN, "2.2250738585072014e-308"},
        {DBL_TRUE_MIN, "5e-324"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[NUM_TEXT_MAX];

        ck_assert_uint_eq(print_real(cases[i].value, text), strlen(cases[i].text));
        ck_assert_str_eq(text, cases[i].text);
    }
}
END_TEST

static double random_double(uint64_t *random)
{
    double value;

    do {
        uint64_t bits = unit_rand(random);

        memcpy(&value, &bits, sizeof value);
    } while (!isfinite(value));
    return value;
}

START_TEST(every_real_reads_back_as_itself)
{
    uint64_t random = unit_seed(_i);

    for (int n = 0; n < 20000; n++) {
        double value = random_double(&random);
        char text[NUM_TEXT_MAX];
        char *end;

        MUST(print_real(value, text) == strlen(text));
        if (strtod(text, &end) != value || *end != '\0')
            ck_abort_msg("%s; replay with --seed %" PRIu64, text, unit_seed(_i));
        MUST(strpbrk(text, ".e") != NULL);
    }
}
END_TEST

/* The fast path must not be seen: an integer prints as %.15g would print it. */
START_TEST(integral_reals_print_as_the_slow_way_prints_them)
{
    uint64_t random = unit_seed(_i);

    for (int n = 0; n < 20000; n++) {
        double value = (double)(int64_t)(unit_rand(&random) % 1000000000000000 >> (n % 50));
        char expected[NUM_TEXT_MAX];
        char text[NUM_TEXT_MAX];

        snprintf(expected, sizeof expected, "%.15g.0", n % 2 ? value : -value - 1);
        print_real(n % 2 ? value : -value - 1, text);
        MUST(strcmp(text, expected) == 0);
    }
}
END_TEST

/* Proves something only where one of these locales is installed. */
START_TEST(the_locale_does_not_show)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "ps_AF.UTF-8"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char text[NUM_TEXT_MAX];

        if (setlocale(LC_ALL, names[i]) == NULL)
            continue;
        print_real(1234.5, text);
        ck_assert_str_eq(text, "1234.5");
        print_real(-1.25e-300, text);
        ck_assert_str_eq(text, "-1.25e-300");
        print_real(1e15, text);
        ck_assert_str_eq(text, "1e+15");
    }
    setlocale(LC_ALL, "C");
}
END_TEST

START_TEST(printing_infinity_stops_the_process)
{
    char text[NUM_TEXT_MAX];

    print_real(HUGE_VAL, text);
}
END_TEST

/* UTF-8. All characters are accepted; and as many short strings are accepted as can be made of characters.
 * So nothing else is. */

static bool is_scalar(uint32_t c)
{
    return c < 0xd800 || (c > 0xdfff && c <= 0x10ffff);
}

static size_t encode(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

START_TEST(every_character_is_utf8_and_no_surrogate_is)
{
    for (uint32_t c = 0; c < 0x200000; c++) {
        char text[4];
        size_t len = encode(c, text);

        if (utf8_valid((struct slice){text, len}) != is_scalar(c))
            ck_abort_msg("U+%04X", c);
        for (size_t cut = 1; cut < len; cut++)
            MUST(!utf8_valid((struct slice){text, cut}));
    }
}
END_TEST

static uint64_t count_valid(size_t len)
{
    uint64_t count = 0;

    for (uint32_t n = 0; n < 1u << (8 * len); n++) {
        char text[3] = {(char)(n & 0xff), (char)(n >> 8 & 0xff), (char)(n >> 16)};

        count += utf8_valid((struct slice){text, len});
    }
    return count;
}

START_TEST(nothing_of_up_to_three_bytes_is_utf8_but_characters)
{
    const uint64_t one = 128, two = 0x800 - 128, three = 0x10000 - 0x800 - 2048;

    ck_assert_uint_eq(count_valid(1), one);
    ck_assert_uint_eq(count_valid(2), one * one + two);
    ck_assert_uint_eq(count_valid(3), one * one * one + 2 * one * two + three);
}
END_TEST

/* All first bytes that begin four, all second ones, and third and fourth from both sides of both borders. */
START_TEST(nothing_else_of_four_bytes_is_utf8)
{
    static const char borders[] = {0x7f, (char)0x80, (char)0xbf, (char)0xc0};
    uint64_t count = 0;

    for (uint32_t n = 0xf000; n <= 0xffff; n++) {
        for (uint32_t i = 0; i < 16; i++) {
            char text[4] = {(char)(n >> 8), (char)(n & 0xff), borders[i / 4], borders[i % 4]};

            count += utf8_valid((struct slice){text, 4});
        }
    }
    ck_assert_uint_eq(count, 0x100000 / 0x1000 * 2 * 2);
}
END_TEST

START_TEST(a_bad_byte_is_seen_wherever_it_is)
{
    for (size_t len = 1; len < 40; len++) {
        for (size_t at = 0; at < len; at++) {
            char text[40];

            memset(text, 'x', len);
            ck_assert(utf8_valid((struct slice){text, len}));
            text[at] = (char)0x80;
            ck_assert(!utf8_valid((struct slice){text, len}));
        }
    }
    ck_assert(utf8_valid((struct slice){NULL, 0}));
    ck_assert(utf8_valid(SLICE("1234567\xe2\x82\xac"
                               "1234567\xc3\xa9")));
}
END_TEST

START_TEST(repair_shows_what_is_not_text_as_question_marks)
{
    static const struct {
        const char *before;
        const char *after;
    } cases[] = {
        {"", ""},
        {"plain", "plain"},
        {"\xc3\xa9t\xc3\xa9", "\xc3\xa9t\xc3\xa9"},
        {"a\tb\nc\x1b[0m\x7f", "a?b?c?[0m?"},
        {"\xff", "?"},
        {"cut \xe2\x82", "cut ??"},
        {"\xed\xa0\x80", "???"},
        {"\xc3\xc3\xa9", "?\xc3\xa9"},
        {"\xf0\x9f\x98\x80\x80", "\xf0\x9f\x98\x80?"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[NUM_TEXT_MAX];

        strcpy(text, cases[i].before);
        utf8_repair(text);
        ck_assert_str_eq(text, cases[i].after);
    }
}
END_TEST

START_TEST(repair_makes_utf8_of_anything_and_twice_is_once)
{
    uint64_t random = unit_seed(_i);

    for (int n = 0; n < 20000; n++) {
        char once[41], twice[41];
        size_t len = unit_rand_below(&random, 41);

        for (size_t i = 0; i < len; i++)
            once[i] = (char)(1 + unit_rand_below(&random, 255));
        once[len] = '\0';
        utf8_repair(once);
        strcpy(twice, once);
        utf8_repair(twice);
        MUST(strlen(once) == len);
        MUST(utf8_valid(slice_of(once)));
        MUST(strcmp(once, twice) == 0);
    }
}
END_TEST

/* Hashes. The naive SipHash pads the whole message first and takes any number of rounds, so that it can be
 * checked by the published vectors of both SipHash-2-4 and SipHash-1-3. */

#define SIP_MESSAGE_MAX 512

static void naive_rounds(uint64_t v[4], int n)
{
    static const struct {
        int into, from, turn, after;
    } steps[] = {{0, 1, 13, 32}, {2, 3, 16, 0}, {0, 3, 21, 0}, {2, 1, 17, 32}};

    while (n-- > 0) {
        for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
            uint64_t *into = &v[steps[i].into], *from = &v[steps[i].from];

            *into += *from;
            *from = *from << steps[i].turn | *from >> (64 - steps[i].turn);
            *from ^= *into;
            if (steps[i].after != 0)
                *into = *into << 32 | *into >> 32;
        }
    }
}

static uint64_t naive_sip(int c, int d, uint64_t k0, uint64_t k1, const unsigned char *data, size_t len)
{
    uint64_t v[4] = {k0, k1, k0, k1};
    unsigned char padded[SIP_MESSAGE_MAX + 8] = {0};
    size_t padded_len = (len / 8 + 1) * 8;
    const char magic[] = "somepseudorandomlygeneratedbytes";

    for (int i = 0; i < 32; i++)
        v[i / 8] ^= (uint64_t)magic[i] << (56 - 8 * (i % 8));
    for (size_t i = 0; i < len; i++)
        padded[i] = data[i];
    padded[padded_len - 1] = (unsigned char)len;
    for (size_t at = 0; at < padded_len; at += 8) {
        uint64_t word = 0;

        for (int i = 7; i >= 0; i--)
            word = word << 8 | padded[at + (size_t)i];
        v[3] ^= word;
        naive_rounds(v, c);
        v[0] ^= word;
    }
    v[2] ^= 0xff;
    naive_rounds(v, d);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static void fill_counting(unsigned char *data, size_t len)
{
    for (size_t i = 0; i < len; i++)
        data[i] = (unsigned char)i;
}

START_TEST(the_naive_siphash_is_siphash)
{
    static const struct {
        int c, d;
        size_t len;
        uint64_t hash;
    } vectors[] = {
        {2, 4, 0, 0x726fdb47dd0e0e31},  {2, 4, 1, 0x74f839c593dc67fd},  {2, 4, 8, 0x93f5f5799a932462},
        {2, 4, 15, 0xa129ca6149be45e5}, {2, 4, 16, 0x3f2acc7f57c29bdb}, {1, 3, 0, 0xabac0158050fc4dc},
        {1, 3, 1, 0xc9f49bf37d57ca93},  {1, 3, 7, 0xd3927d989bb11140},  {1, 3, 8, 0x369095118d299a8e},
        {1, 3, 9, 0x25a48eb36c063de4},  {1, 3, 15, 0xd320d86d2a519956}, {1, 3, 16, 0xcc4fdd1a7d908b66},
    };
    unsigned char data[16];

    fill_counting(data, sizeof data);
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        uint64_t hash = naive_sip(vectors[i].c, vectors[i].d, 0x0706050403020100, 0x0f0e0d0c0b0a0908, data,
                                  vectors[i].len);

        ck_assert_uint_eq(hash, vectors[i].hash);
    }
}
END_TEST

START_TEST(hash_bytes_is_the_naive_siphash_at_every_length_and_alignment)
{
    unsigned char data[SIP_MESSAGE_MAX];
    uint64_t random = unit_seed(_i);
    uint64_t seed = unit_rand(&random);

    fill_counting(data, sizeof data);
    for (size_t at = 0; at < 8; at++) {
        for (size_t len = 0; len + at < 300; len++) {
            uint64_t expected = naive_sip(1, 3, seed, hash_u64(seed, 1), data + at, len);

            MUST(hash_bytes(seed, data + at, len) == expected);
        }
    }
    ck_assert_uint_eq(hash_bytes(seed, NULL, 0), hash_bytes(seed, data, 0));
}
END_TEST

START_TEST(zeroes_of_different_lengths_hash_differently)
{
    static const char zeroes[64];
    uint64_t hashes[64];

    for (size_t len = 0; len < 64; len++) {
        hashes[len] = hash_bytes(1, zeroes, len);
        for (size_t other = 0; other < len; other++)
            ck_assert_uint_ne(hashes[len], hashes[other]);
    }
}
END_TEST

START_TEST(the_quick_hash_sees_every_byte_and_the_length)
{
    unsigned char data[64];
    uint64_t of_zeroes[65];

    memset(data, 0, sizeof data);
    for (size_t len = 0; len <= 64; len++) {
        of_zeroes[len] = hash_quick(1, data, len);
        for (size_t other = 0; other < len; other++)
            ck_assert_uint_ne(of_zeroes[len], of_zeroes[other]);
        for (size_t at = 0; at < len; at++) {
            data[at] = 1;
            ck_assert_uint_ne(hash_quick(1, data, len), of_zeroes[len]);
            ck_assert_uint_ne(hash_quick(2, data, len), hash_quick(1, data, len));
            data[at] = 0;
        }
    }
    ck_assert_uint_eq(hash_quick(1, NULL, 0), of_zeroes[0]);
}
END_TEST

/* Avalanche: over many inputs, flipping any one bit flips each bit of the hash about half of the time. */

#define AVALANCHE_INPUTS 4096

typedef uint64_t hash_fn(uint64_t seed, uint64_t key);

static uint64_t hash_eight_bytes(uint64_t seed, uint64_t key)
{
    return hash_bytes(seed, &key, sizeof key);
}

/* How far from a half, in inputs, the worst bit of the hash is when bit `in` of seed or key is flipped. The
 * standard deviation is 32. */
static uint32_t worst_bias(hash_fn *hash, uint64_t seed_flip, uint64_t key_flip)
{
    uint32_t flips[64] = {0};
    uint32_t worst = 0;

    for (uint64_t n = 0; n < AVALANCHE_INPUTS; n++) {
        uint64_t changed = hash(1, n) ^ hash(1 ^ seed_flip, n ^ key_flip);

        for (int out = 0; out < 64; out++)
            flips[out] += (uint32_t)(changed >> out & 1);
    }
    for (int out = 0; out < 64; out++) {
        uint32_t half = AVALANCHE_INPUTS / 2;
        uint32_t bias = flips[out] > half ? flips[out] - half : half - flips[out];

        worst = bias > worst ? bias : worst;
    }
    return worst;
}

START_TEST(every_bit_of_seed_and_key_changes_half_of_the_hash)
{
    static hash_fn *const hashes[] = {hash_u64, hash_eight_bytes};

    for (uint64_t bit = 1; bit != 0; bit <<= 1) {
        ck_assert_uint_lt(worst_bias(hashes[_i], bit, 0), 6 * 32);
        ck_assert_uint_lt(worst_bias(hashes[_i], 0, bit), 6 * 32);
        ck_assert_uint_lt(worst_bias(hashes[_i], bit, bit), 6 * 32);
    }
}
END_TEST

/* The seed must not merely move keys around: the same two keys meet under one seed and part under another. */
START_TEST(keys_that_collide_under_one_seed_part_under_another)
{
    uint32_t still = 0, met = 0;

    for (uint64_t key = 0; key < 2000; key++) {
        for (uint64_t other = 0; other < key; other++) {
            if ((hash_u64(1, key) ^ hash_u64(1, other)) & 0xfff)
                continue;
            met++;
            still += ((hash_u64(2, key) ^ hash_u64(2, other)) & 0xfff) == 0;
        }
    }
    ck_assert_uint_gt(met, 100);
    ck_assert_uint_lt(still, 10);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(digits_and_nothing_else_are_a_number),
        TEST(a_number_is_accepted_up_to_max_and_not_beyond),
        TEST(a_number_of_64_bits_is_the_largest),
        TEST(integers_print_as_printf_prints_them),
        TEST(a_real_is_short_and_looks_like_one),
        TEST(every_real_reads_back_as_itself, .rounds = 4),
        TEST(integral_reals_print_as_the_slow_way_prints_them),
        TEST(the_locale_does_not_show),
        TEST(printing_infinity_stops_the_process, .aborts = true),
        TEST(every_character_is_utf8_and_no_surrogate_is),
        TEST(nothing_of_up_to_three_bytes_is_utf8_but_characters),
        TEST(nothing_else_of_four_bytes_is_utf8),
        TEST(a_bad_byte_is_seen_wherever_it_is),
        TEST(repair_shows_what_is_not_text_as_question_marks),
        TEST(repair_makes_utf8_of_anything_and_twice_is_once),
        TEST(the_naive_siphash_is_siphash),
        TEST(hash_bytes_is_the_naive_siphash_at_every_length_and_alignment, .rounds = 3),
        TEST(zeroes_of_different_lengths_hash_differently),
        TEST(the_quick_hash_sees_every_byte_and_the_length),
        TEST(every_bit_of_seed_and_key_changes_half_of_the_hash, .rounds = 2),
        TEST(keys_that_collide_under_one_seed_part_under_another),
    };
    return unit_main(argc, argv, "num", tests, ARRAY_LEN(tests));
}
