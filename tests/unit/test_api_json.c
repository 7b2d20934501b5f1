/* JSON out: what the small writer writes is JSON, and says what it was told. */
#include "api/json_out.h"
#include "tests/unit/unit.h"
#include <jansson.h>
#include <math.h>

struct world {
    struct mem mem;
    struct buf buf;
    struct out out;
};

static struct world *world_new(void)
{
    struct world *w = calloc(1, sizeof *w);

    ck_assert_ptr_nonnull(w);
    mem_init(&w->mem, 0);
    buf_init(&w->buf, &w->mem, SIZE_MAX);
    w->out = out_into(&w->buf);
    return w;
}

static void world_free(struct world *w)
{
    buf_fini(&w->buf);
    mem_fini(&w->mem);
    free(w);
}

static void must_read(struct world *w, const char *expected)
{
    MUST(!w->buf.failed);
    ck_assert_msg(slice_is(buf_slice(&w->buf), expected), "wrote %.*s, not %s", (int)w->buf.len, w->buf.data,
                  expected);
    buf_clear(&w->buf);
    w->out = out_into(&w->buf);
}

START_TEST(commas_take_care_of_themselves)
{
    struct world *w = world_new();
    struct out *o = &w->out;

    out_open_object(o);
    out_member_u64(o, "a", 1);
    out_key(o, "b");
    out_open_array(o);
    out_open_array(o);
    out_close_array(o);
    out_null(o);
    out_open_object(o);
    out_close_object(o);
    out_close_array(o);
    out_member_bool(o, "c", false);
    out_close_object(o);
    must_read(w, "{\"a\":1,\"b\":[[],null,{}],\"c\":false}");
    world_free(w);
}
END_TEST

START_TEST(a_line_ends_and_the_next_begins_afresh)
{
    struct world *w = world_new();

    out_u64(&w->out, 1);
    out_line_end(&w->out);
    out_u64(&w->out, 2);
    out_line_end(&w->out);
    must_read(w, "1\n2\n");
    world_free(w);
}
END_TEST

START_TEST(numbers_are_shortest_and_reals_stay_reals)
{
    struct world *w = world_new();
    struct out *o = &w->out;

    out_open_array(o);
    out_u64(o, UINT64_MAX);
    out_i64(o, INT64_MIN);
    out_real(o, 1.0);
    out_real(o, 0.1);
    out_real(o, -0.0);
    out_real(o, 1e300);
    out_close_array(o);
    must_read(w, "[18446744073709551615,-9223372036854775808,1.0,0.1,-0.0,1e+300]");
    world_free(w);
}
END_TEST

START_TEST(links_read_as_the_api_says)
{
    struct world *w = world_new();
    struct out *o = &w->out;

    out_open_array(o);
    out_ref(o, 7);
    out_weak(o, (1ULL << 53) - 1);
    out_close_array(o);
    must_read(w, "[{\"$ref\":7},{\"$weak\":9007199254740991}]");
    world_free(w);
}
END_TEST

START_TEST(what_must_be_escaped_is_and_nothing_else)
{
    struct world *w = world_new();

    out_text(&w->out, "\" \\ / \b\f\n\r\t \x01\x1f \x7f \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
    must_read(w,
              "\"\\\" \\\\ / \\b\\f\\n\\r\\t \\u0001\\u001f \x7f \xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\"");
    out_text(&w->out, "\xe2\x80\xa8|\xe2\x80\xa9|\xe2\x80\xa7");
    must_read(w, "\"\\u2028|\\u2029|\xe2\x80\xa7\"");
    out_string(&w->out, (struct slice){"a\0b", 3});
    must_read(w, "\"a\\u0000b\"");
    out_string(&w->out, (struct slice){NULL, 0});
    must_read(w, "\"\"");
    world_free(w);
}
END_TEST

START_TEST(a_field_name_gets_one_more_dollar)
{
    struct world *w = world_new();
    struct out *o = &w->out;

    out_open_object(o);
    out_name(o, SLICE("$ref"));
    out_null(o);
    out_name(o, SLICE("a$"));
    out_null(o);
    out_name(o, SLICE("$$"));
    out_null(o);
    out_close_object(o);
    must_read(w, "{\"$$ref\":null,\"a$\":null,\"$$$\":null}");
    world_free(w);
}
END_TEST

/* Random text, valid UTF-8 or not far from it, reads back by another's parser. */
START_TEST(jansson_reads_back_any_text)
{
    struct world *w = world_new();
    uint64_t seed = unit_seed(_i);

    for (int n = 0; n < 2000; n++) {
        char text[64];
        size_t len = 0;

        while (len < 60 && unit_rand_below(&seed, 40) > 0) {
            uint32_t c =
                unit_rand_below(&seed, 4) == 0 ? unit_rand_below(&seed, 0x20) : unit_rand_below(&seed, 0x80);

            if (unit_rand_below(&seed, 8) == 0) { /* around U+2028: three bytes from e2 80 80 on */
                memcpy(text + len, "\xe2\x80", 2);
                text[len + 2] = (char)(0x80 + unit_rand_below(&seed, 0x40));
                len += 3;
            } else {
                text[len++] = (char)c;
            }
        }
        out_string(&w->out, (struct slice){text, len});

        json_t *back = json_loadb(w->buf.data, w->buf.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);

        MUST(json_is_string(back) && json_string_length(back) == len);
        MUST(memcmp(json_string_value(back), text, len) == 0);
        json_decref(back);
        buf_clear(&w->buf);
        w->out = out_into(&w->buf);
    }
    world_free(w);
}
END_TEST

START_TEST(a_refused_byte_is_remembered)
{
    struct world *w = world_new();

    buf_fini(&w->buf);
    buf_init(&w->buf, &w->mem, 10);
    w->out = out_into(&w->buf);
    for (int i = 0; i < 20; i++)
        out_u64(&w->out, 7);
    ck_assert(w->buf.failed);
    ck_assert_uint_le(w->buf.len, 10);
    world_free(w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(commas_take_care_of_themselves),
        TEST(a_line_ends_and_the_next_begins_afresh),
        TEST(numbers_are_shortest_and_reals_stay_reals),
        TEST(links_read_as_the_api_says),
        TEST(what_must_be_escaped_is_and_nothing_else),
        TEST(a_field_name_gets_one_more_dollar),
        TEST(jansson_reads_back_any_text, .rounds = 4),
        TEST(a_refused_byte_is_remembered),
    };

    return unit_main(argc, argv, "json_out", tests, ARRAY_LEN(tests));
}
