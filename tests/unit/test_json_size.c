/* How much JSON takes: never more than was said, in whatever pieces the text was looked at; and all of it goes back. */
#include "api/decode.h"
#include "api/json_mem.h"
#include "api/json_size.h"
#include "tests/unit/unit.h"

#define DEPTH_MAX 64
#define TEXT_MAX (1u << 20)

static struct slice text_of(const char *data)
{
    return (struct slice){data, strlen(data)};
}

static size_t size_of(struct slice text)
{
    struct json_size s = {0};

    json_size_add(&s, text);
    return json_size_bytes(&s);
}

/* What it does take. */
static size_t take(struct slice text)
{
    struct mem mem;
    struct json_region region;
    json_t *json = NULL;
    size_t taken;

    mem_init(&mem, 0);
    json_mem_use(&mem);
    json_region_init(&region, &mem);
    json_region_enter(&region);
    ck_assert_int_eq(decode_json(text, DEPTH_MAX, &json, NULL), ERR_OK);
    json_region_leave();
    taken = mem.used_bytes;
    json_region_fini(&region);
    mem_fini(&mem);
    return taken;
}

/* ---- any text ---- */

struct text {
    char *data;
    size_t len;
    uint64_t seed;
    uint32_t names; /* so that keys are distinct */
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    t->len += (size_t)vsnprintf(t->data + t->len, TEXT_MAX - t->len, format, args);
    va_end(args);
    ck_assert_uint_lt(t->len, TEXT_MAX);
}

static void put_string(struct text *t, uint32_t len, const char *unit)
{
    put(t, "\"%u", t->names++);
    for (uint32_t i = 0; i < len; i++)
        put(t, "%s", unit);
    put(t, "\"");
}

static void put_scalar(struct text *t, uint32_t long_max)
{
    static const char *const scalars[] = {"null", "true", "0.5", "1e300", "7", "-12345678901"};
    static const char *const units[] = {"a", "\\\"", "\\u00e4", "[", ",", "\\\\", "ä"};

    if (unit_rand_below(&t->seed, 2) == 0)
        put(t, "%s", scalars[unit_rand_below(&t->seed, ARRAY_LEN(scalars))]);
    else
        put_string(t, unit_rand_below(&t->seed, long_max), units[unit_rand_below(&t->seed, ARRAY_LEN(units))]);
}

static void put_value(struct text *t, uint32_t nodes, uint32_t long_max, int depth)
{
    bool list = unit_rand_below(&t->seed, 2) == 0;
    uint32_t width = unit_rand_below(&t->seed, unit_rand_below(&t->seed, 3) == 0 ? 2000 : 20);

    if (nodes <= 1 || depth == 20) {
        put_scalar(t, long_max);
        return;
    }
    put(t, list ? " [\n" : "{");
    for (uint32_t i = 0; i < width && i < nodes; i++) {
        put(t, "%s", i > 0 ? ", " : "");
        if (!list) {
            put_string(t, unit_rand_below(&t->seed, 12), "k");
            put(t, ":");
        }
        put_value(t, (nodes - 1) / width, long_max, depth + 1);
    }
    put(t, list ? "]" : "}\t");
}

START_TEST(it_never_takes_more)
{
    struct text t = {.data = malloc(TEXT_MAX), .seed = unit_seed(_i)};

    ck_assert_ptr_nonnull(t.data);
    for (int n = 0; n < 100; n++) {
        struct slice text;

        t.len = 0;
        put_value(&t, 1 + unit_rand_below(&t.seed, n % 10 == 0 ? 100 : 3000), n % 10 == 0 ? 1500 : 20, 0);
        text = (struct slice){t.data, t.len};
        ck_assert_msg(take(text) <= size_of(text), "--seed %" PRIu64 ": %.*s", unit_seed(_i), (int)t.len, t.data);
    }
    free(t.data);
}
END_TEST

/* The shapes that take most for their text: they take nearly what is said, too. */
START_TEST(it_is_not_far_off)
{
    static const char *const units[] = {"[]", "{}", "1", "\"\"", "[1]", "[[[[]]]]", "{\"a\":1}"};
    char *data = malloc(TEXT_MAX);

    ck_assert_ptr_nonnull(data);
    for (size_t u = 0; u < ARRAY_LEN(units); u++) {
        struct text t = {.data = data};
        struct slice text;

        put(&t, "[%s", units[u]);
        while (t.len + 10 < TEXT_MAX)
            put(&t, ",%s", units[u]);
        put(&t, "]");
        text = (struct slice){data, t.len};
        ck_assert_uint_le(take(text), size_of(text));
        ck_assert_uint_le(size_of(text), 2 * take(text));
    }
    free(data);
}
END_TEST

START_TEST(one_that_grows_by_doubling_is_counted_at_its_worst)
{
    char *data = malloc(TEXT_MAX);

    ck_assert_ptr_nonnull(data);
    for (uint32_t n = 7; n < 70000; n += 1 + n / 3) {
        for (int kind = 0; kind < 3; kind++) {
            struct text t = {.data = data};

            put(&t, "%s", kind == 0 ? "[1" : kind == 1 ? "{\"\":1" : "\"");
            for (uint32_t i = 1; i < n; i++)
                kind == 0 ? put(&t, ",1") : kind == 1 ? put(&t, ",\"%x\":1", i) : put(&t, "a");
            put(&t, "%s", kind == 0 ? "]" : kind == 1 ? "}" : "\"");
            ck_assert_uint_le(take((struct slice){data, t.len}), size_of((struct slice){data, t.len}));
        }
    }
    free(data);
}
END_TEST

START_TEST(it_is_the_same_in_whatever_pieces)
{
    static const char text[] = "{\"a\\\"[\\\\\": [1, -2.5e3,\ttrue,\"\\u005b\"], \"b\":{ }, \"c\" : \"\",\"d\":[[[]],{\"e\":null}]}";

    for (size_t at = 0; at <= strlen(text); at++) {
        struct json_size s = {0};

        json_size_add(&s, (struct slice){text, at});
        json_size_add(&s, (struct slice){text + at, strlen(text) - at});
        ck_assert_uint_eq(json_size_bytes(&s), size_of(text_of(text)));
        ck_assert_uint_eq(s.objects, 3);
        ck_assert_uint_eq(s.arrays, 4);
        ck_assert_uint_eq(s.colons, 5);
        ck_assert_uint_eq(s.strings, 7);
        ck_assert_uint_eq(s.scalars, 4);
    }
}
END_TEST

START_TEST(a_region_that_is_refused_memory_lends_it_and_says_so)
{
    struct mem mem;
    struct json_region region;
    json_t *json = NULL;

    mem_init(&mem, JSON_CHUNK_BYTES / 2);
    json_mem_use(&mem);
    json_region_init(&region, &mem);
    json_region_enter(&region);
    ck_assert_int_eq(decode_json(SLICE("[1,2,3]"), DEPTH_MAX, &json, NULL), ERR_NOMEM);
    json_region_leave();
    json_region_fini(&region);
    mem_fini(&mem);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(it_never_takes_more, .rounds = 5),
        TEST(it_is_not_far_off),
        TEST(one_that_grows_by_doubling_is_counted_at_its_worst),
        TEST(it_is_the_same_in_whatever_pieces),
        TEST(a_region_that_is_refused_memory_lends_it_and_says_so),
    };

    return unit_main(argc, argv, "json_size", tests, ARRAY_LEN(tests));
}
