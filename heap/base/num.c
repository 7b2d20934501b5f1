/*
 * num.c - see num.h.
 *
 * Nothing here depends on the locale, although printing a real goes through snprintf and strtod, which do:
 * the two agree with each other, and the locale's decimal point is replaced at the end.
 */
#include "heap/base/num.h"
#include "heap/base/check.h"
#include <endian.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Integers. */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool parse_u64(struct slice text, uint64_t max, uint64_t *ret)
{
    uint64_t value = 0;

    if (text.len == 0)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (!is_digit(text.data[i]))
            return false;
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text.data[i] - '0'), &value) || value > max)
            return false;
    }
    *ret = value;
    return true;
}

/* How many decimal digits: as many as the power of two above it has for sure, and perhaps one more. 1 for 0. */
static size_t digit_count(uint64_t value)
{
    static const uint64_t power[] = {
        0, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000, 10000000000,
        100000000000, 1000000000000, 10000000000000, 100000000000000, 1000000000000000, 10000000000000000,
        100000000000000000, 1000000000000000000, 10000000000000000000u,
    };
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
    size_t digits = bits * 1233 >> 12; /* bits * log10(2), rounded down */

    return digits + (value >= power[digits]);
}

static size_t put_digits(uint64_t value, char *out)
{
    static const char pairs[] = "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849"
                                "5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899";
    size_t len = value < 10 ? 1 : digit_count(value), at = len; /* most numbers have one digit */

    out[len] = '\0';
    for (; value >= 10; value /= 100)
        memcpy(out + (at -= 2), &pairs[2 * (value % 100)], 2);
    if (at > 0)
        out[0] = (char)('0' + value);
    return len;
}

size_t print_u64(uint64_t value, char out[NUM_TEXT_MAX])
{
    return put_digits(value, out);
}

size_t print_i64(int64_t value, char out[NUM_TEXT_MAX])
{
    if (value >= 0)
        return put_digits((uint64_t)value, out);
    out[0] = '-';
    return 1 + put_digits(-(uint64_t)value, out + 1);
}

/* Reals. */

#define REAL_RAW_MAX 64 /* %.17g needs 24 bytes, and a locale's decimal point a few more */

/* Copy; whatever the locale wrote between the digits becomes one '.'. */
static size_t copy_plain(const char *raw, char out[NUM_TEXT_MAX])
{
    size_t len = 0;

    for (; *raw != '\0'; raw++) {
        if (is_digit(*raw) || *raw == 'e' || *raw == '-' || *raw == '+')
            out[len++] = *raw;
        else if (len > 0 && out[len - 1] != '.')
            out[len++] = '.';
        CHECK(len + sizeof ".0" <= NUM_TEXT_MAX);
    }
    out[len] = '\0';
    return len;
}

/* Any decimal of 15 digits survives the way through a normal double, so no fewer need be tried. A subnormal
 * may need less. 17 are always enough. (For some powers of two a 16th digit that is not the nearest one would
 * save the 17th; nobody misses it.) */
static size_t print_digits(double value, char out[NUM_TEXT_MAX])
{
    char raw[REAL_RAW_MAX];
    int digits = fabs(value) < DBL_MIN ? 1 : DBL_DIG;

    do {
        CHECK(digits <= DBL_DECIMAL_DIG);
        snprintf(raw, sizeof raw, "%.*g", digits++, value);
    } while (strtod(raw, NULL) != value);
    return copy_plain(raw, out);
}

/* Integers whose digits are the shortest text: beyond 1e15, %g would go over to an exponent. */
static bool is_small_integer(double value)
{
    return fabs(value) < 1e15 && value == (double)(int64_t)value && !(value == 0 && signbit(value));
}

size_t print_real(double value, char out[NUM_TEXT_MAX])
{
    size_t len;

    CHECK(isfinite(value));
    if (is_small_integer(value))
        len = print_i64((int64_t)value, out); /* what print_digits() would say, but fast */
    else
        len = print_digits(value, out);
    if (strpbrk(out, ".e") == NULL) {
        memcpy(out + len, ".0", sizeof ".0");
        len += 2;
    }
    return len;
}

/* UTF-8. */

/* Length of the well-formed sequence that starts at s, or 0. The second byte decides what the first leaves
 * open: E0 and F0 could be overlong, ED a surrogate, F4 beyond U+10FFFF (RFC 3629, section 4). */
static size_t utf8_sequence(const unsigned char *s, size_t left)
{
    unsigned char low = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;
    size_t len = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

    if (s[0] < 0x80)
        return 1;
    if (s[0] < 0xc2 || s[0] > 0xf4)
        return 0;
    if (len > left || s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    }
    return len;
}

static bool eight_are_ascii(const unsigned char *s)
{
    uint64_t eight;

    memcpy(&eight, s, sizeof eight);
    return (eight & 0x8080808080808080u) == 0;
}

bool utf8_valid(struct slice text)
{
    const unsigned char *s = (const unsigned char *)text.data;
    size_t at = 0;

    while (at < text.len) {
        size_t left = text.len - at;
        size_t len = left >= 8 && eight_are_ascii(s + at) ? 8 : utf8_sequence(s + at, left);

        if (len == 0)
            return false;
        at += len;
    }
    return true;
}

void utf8_repair(char *text)
{
    unsigned char *s = (unsigned char *)text;
    size_t left = strlen(text);

    while (left > 0) {
        size_t len = utf8_sequence(s, left);

        if (len == 0 || *s < 0x20 || *s == 0x7f) {
            *s = '?';
            len = 1;
        }
        s += len;
        left -= len;
    }
}

/* Hashes. */

struct sip {
    uint64_t v0, v1, v2, v3;
};

static uint64_t rotate_left(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_round(struct sip *s)
{
    s->v0 += s->v1;
    s->v2 += s->v3;
    s->v1 = rotate_left(s->v1, 13) ^ s->v0;
    s->v3 = rotate_left(s->v3, 16) ^ s->v2;
    s->v0 = rotate_left(s->v0, 32) + s->v3;
    s->v2 += s->v1;
    s->v3 = rotate_left(s->v3, 21) ^ s->v0;
    s->v1 = rotate_left(s->v1, 17) ^ s->v2;
    s->v2 = rotate_left(s->v2, 32);
}

static void sip_word(struct sip *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s); /* the 1 of 1-3 */
    s->v0 ^= word;
}

/* Up to 8 bytes, little-endian, the missing ones 0. */
static uint64_t load_word(const unsigned char *data, size_t len)
{
    uint64_t word = 0;

    if (len > 0)
        memcpy(&word, data, len);
    return le64toh(word);
}

/* The paper wants a key of 128 bits; the second half is stretched from the seed. */
static struct sip sip_begin(uint64_t seed)
{
    uint64_t k0 = seed;
    uint64_t k1 = hash_u64(seed, 1);

    return (struct sip){
        .v0 = k0 ^ 0x736f6d6570736575u,
        .v1 = k1 ^ 0x646f72616e646f6du,
        .v2 = k0 ^ 0x6c7967656e657261u,
        .v3 = k1 ^ 0x7465646279746573u,
    };
}

static uint64_t sip_end(struct sip *s)
{
    s->v2 ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(s);
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

uint64_t hash_bytes(uint64_t seed, const void *data, size_t len)
{
    const unsigned char *at = data;
    struct sip s = sip_begin(seed);

    for (size_t left = len / 8; left > 0; left--, at += 8)
        sip_word(&s, load_word(at, 8));
    sip_word(&s, load_word(at, len % 8) | (uint64_t)len << 56);
    return sip_end(&s);
}

/* The finalizer of splitmix64 (Vigna, https://prng.di.unimi.it/splitmix64.c; Stafford's variant 13). */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

uint64_t hash_u64(uint64_t seed, uint64_t key)
{
    const uint64_t golden = 0x9e3779b97f4a7c15u; /* so that 0 does not become 0 */

    return mix(mix((seed ^ key) + golden) ^ rotate_left(seed, 32));
}

/* Both halves of the product. */
static uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

#define QUICK_A 0xa0761d6478bd642fu
#define QUICK_B 0xe7037ed1a0b428dbu

uint64_t hash_more(uint64_t hash, uint64_t number)
{
    return fold(hash ^ QUICK_A, number ^ QUICK_B);
}

/* The last 0 to 16 bytes as two words that overlap, so that no length takes a loop. */
static void load_tail(const unsigned char *at, size_t len, uint64_t *ret_a, uint64_t *ret_b)
{
    if (len >= 8) {
        *ret_a = load_word(at, 8);
        *ret_b = load_word(at + len - 8, 8);
    } else if (len >= 4) {
        *ret_a = load_word(at, 4);
        *ret_b = load_word(at + len - 4, 4);
    } else {
        *ret_a = len == 0 ? 0 : (uint64_t)at[0] << 16 | (uint64_t)at[len / 2] << 8 | at[len - 1];
        *ret_b = 0;
    }
}

uint64_t hash_quick(uint64_t seed, const void *data, size_t len)
{
    const unsigned char *at = data;
    uint64_t hash = hash_more(seed, len), a, b;

    for (; len > 16; at += 16, len -= 16)
        hash = fold(load_word(at, 8) ^ hash, load_word(at + 8, 8) ^ QUICK_B);
    load_tail(at, len, &a, &b);
    return fold(a ^ hash, b ^ QUICK_B);
}
