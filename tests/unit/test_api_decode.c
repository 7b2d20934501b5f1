/* JSON in: what is refused, what becomes a link, what becomes an object, and that nothing stays behind. */
#include "api/base64.h"
#include "api/decode.h"
#include "tests/unit/unit.h"

#define DEPTH 64

struct world {
    struct mem mem;
    struct heap *heap;
    struct decoder d;
    struct why why;
};

static struct world *world_new(void)
{
    struct world *w = calloc(1, sizeof *w);

    ck_assert_ptr_nonnull(w);
    mem_init(&w->mem, 0);
    ck_assert_int_eq(heap_create(&w->mem, 7, &w->heap), ERR_OK);
    w->d = (struct decoder){.heap = w->heap, .mem = &w->mem};
    return w;
}

static uint64_t alive(struct world *w)
{
    struct heap_stats stats;

    heap_stats(w->heap, &stats);
    return stats.objects;
}

static void world_free(struct world *w)
{
    ck_assert_uint_eq(alive(w), 0);
    ck_assert_uint_eq(heap_validate(w->heap, NULL, NULL), 0);
    heap_destroy(&w->heap);
    mem_fini(&w->mem);
    free(w);
}

static enum err decode_text(struct slice text, struct why *why)
{
    json_t *json = NULL;
    enum err e = decode_json(text, DEPTH, &json, why);

    json_decref(json);
    return e;
}

/* Decode text as one value, and let it go again. */
static enum err try_value(struct world *w, const char *text)
{
    json_t *json = NULL;
    struct decoded v;
    enum err e = decode_json(slice_of(text), DEPTH, &json, &w->why);

    if (e == ERR_OK && (e = decode_value(&w->d, json, &v, &w->why)) == ERR_OK)
        value_fini(&w->d, &v);
    json_decref(json);
    return e;
}

START_TEST(what_is_not_json_is_refused_with_a_sentence)
{
    static const char *const bad[] = {
        "",
        " ",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "nul",
        "01",
        "1.",
        "+1",
        "'a'",
        "\"\xff\"",
        "\"\xed\xa0\x80\"",
        "\"\\x\"",
        "\"\\ud800\"",
        "1 2",
        "[1] x",
        "{\"a\":1,\"a\":2}",
        "NaN",
        "Infinity",
        "\xef\xbb\xbf"
        "1",
        "\"a\nb\"",
        "// x",
        "{a:1}",
        "]",
        "\"",
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct why why = {0};

        ck_assert_msg(decode_text(slice_of(bad[i]), &why) == ERR_BAD_JSON, "%s", bad[i]);
        ck_assert_uint_gt(strlen(why.text), 0);
    }
    ck_assert_int_eq(decode_text((struct slice){"[1,\0 2]", 7}, NULL), ERR_BAD_JSON);
}
END_TEST

START_TEST(numbers_that_do_not_fit_are_bad_values)
{
    ck_assert_int_eq(decode_text(SLICE("9223372036854775807"), NULL), ERR_OK);
    ck_assert_int_eq(decode_text(SLICE("-9223372036854775808"), NULL), ERR_OK);
    ck_assert_int_eq(decode_text(SLICE("9223372036854775808"), NULL), ERR_BAD_VALUE);
    ck_assert_int_eq(decode_text(SLICE("-9223372036854775809"), NULL), ERR_BAD_VALUE);
    ck_assert_int_eq(decode_text(SLICE("1e400"), NULL), ERR_BAD_VALUE);
    ck_assert_int_eq(decode_text(SLICE("{\"a\\u0000b\":1}"), NULL), ERR_BAD_VALUE);
    ck_assert_int_eq(decode_text(SLICE("\"a\\u0000b\""), NULL), ERR_OK);
}
END_TEST

static void nest(char *text, size_t depth)
{
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    text[2 * depth] = '\0';
}

START_TEST(depth_is_counted_before_the_parser_sees_it)
{
    static char text[400001];
    struct why why = {0};

    nest(text, DEPTH);
    ck_assert_int_eq(decode_text(slice_of(text), NULL), ERR_OK);
    nest(text, DEPTH + 1);
    ck_assert_int_eq(decode_text(slice_of(text), &why), ERR_BAD_JSON);
    ck_assert_str_eq(why.limit_name, "json_depth_max");
    ck_assert_uint_eq(why.limit_value, DEPTH);
    nest(text, 200000);
    ck_assert_int_eq(decode_text(slice_of(text), NULL), ERR_BAD_JSON);
    /* Brackets in strings do not count, even behind an escaped quote. */
    memset(text, '[', 200);
    memcpy(text, "\"\\\"", 3);
    memcpy(text + 200, "\"", 2);
    ck_assert_int_eq(decode_text(slice_of(text), NULL), ERR_OK);
}
END_TEST

START_TEST(a_document_becomes_a_graph)
{
    struct world *w = world_new();
    json_t *json = NULL;
    struct decoded v;
    struct object_info info;
    struct value list;

    ck_assert_int_eq(decode_json(SLICE("{\"a\":[1,2.5,\"x\",null,true],\"$$b\":{}}"), DEPTH, &json, NULL),
                     ERR_OK);
    ck_assert_int_eq(decode_value(&w->d, json, &v, NULL), ERR_OK);
    ck_assert(v.fresh && v.value.kind == VALUE_LINK);
    ck_assert_uint_eq(alive(w), 3);
    ck_assert_int_eq(heap_info(w->heap, v.value.id, &info, NULL), ERR_OK);
    ck_assert(slice_is(info.class, "object") && info.kind == HEAP_RECORD && info.parts == 2);
    ck_assert_uint_eq(info.refs, 1);
    ck_assert_int_eq(heap_get_field(w->heap, v.value.id, SLICE("$b"), &list, NULL), ERR_OK);
    ck_assert_int_eq(heap_get_field(w->heap, v.value.id, SLICE("a"), &list, NULL), ERR_OK);
    ck_assert_int_eq(heap_info(w->heap, list.id, &info, NULL), ERR_OK);
    ck_assert(slice_is(info.class, "list") && info.kind == HEAP_LIST && info.parts == 5);
    ck_assert_uint_eq(info.refs, 1); /* its parent's link, nothing of ours */
    value_fini(&w->d, &v);
    while (heap_reap(w->heap, 100) == 0)
        ;
    json_decref(json);
    world_free(w);
}
END_TEST

START_TEST(an_error_leaves_nothing_behind)
{
    static const struct {
        const char *text;
        enum err err;
    } bad[] = {
        {"{\"a\":{\"b\":{}},\"c\":[{},{\"$ref\":99}]}", ERR_DANGLING},
        {"[[],[[]],{\"$weak\":99}]", ERR_DANGLING},
        {"{\"a\":{},\"$b\":1}", ERR_BAD_VALUE},
        {"{\"a\":{},\"\":1}", ERR_BAD_VALUE},
        {"{\"$\":1}", ERR_BAD_VALUE},
        {"[{},{\"$ref\":1,\"x\":2}]", ERR_BAD_VALUE},
        {"[{\"$ref\":0}]", ERR_BAD_VALUE},
        {"{\"$ref\":-1}", ERR_BAD_VALUE},
        {"{\"$ref\":1.0}", ERR_BAD_VALUE},
        {"{\"$ref\":true}", ERR_BAD_VALUE},
        {"{\"$ref\":\"@0\"}", ERR_BAD_VALUE},
        {"{\"$ref\":9007199254740992}", ERR_BAD_VALUE},
        {"{\"$weak\":null}", ERR_BAD_VALUE},
    };
    struct world *w = world_new();

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        ck_assert_msg(try_value(w, bad[i].text) == bad[i].err, "%s: %s", bad[i].text, err_name(w->why.err));
        while (heap_reap(w->heap, 100) == 0)
            ;
        ck_assert_uint_eq(alive(w), 0);
    }
    world_free(w);
}
END_TEST

START_TEST(refused_memory_leaves_nothing_behind)
{
    struct world *w = world_new();
    json_t *json = NULL;
    enum err e = ERR_NOMEM;

    ck_assert_int_eq(
        decode_json(SLICE("{\"a\":[{},[1],\"text\"],\"b\":{\"c\":{\"d\":[]}}}"), DEPTH, &json, NULL), ERR_OK);
    for (uint64_t nth = 1; e == ERR_NOMEM; nth++) {
        struct decoded v = {0};

        w->mem.fail_at = w->mem.request_count + nth;
        e = decode_value(&w->d, json, &v, &w->why);
        w->mem.fail_at = 0;
        ck_assert_uint_lt(nth, 1000);
        value_fini(&w->d, &v);
        while (heap_reap(w->heap, 100) == 0)
            ;
        ck_assert_uint_eq(alive(w), 0);
    }
    ck_assert_int_eq(e, ERR_OK);
    json_decref(json);
    world_free(w);
}
END_TEST

START_TEST(names_keep_their_limits)
{
    static char name[300];
    struct slice got;

    memset(name, 'x', sizeof name);
    ck_assert_int_eq(decode_name((struct slice){name, 255}, &got, NULL), ERR_OK);
    ck_assert_int_eq(decode_name((struct slice){name, 256}, &got, NULL), ERR_BAD_VALUE);
    name[0] = name[1] = '$';
    ck_assert_int_eq(decode_name((struct slice){name, 256}, &got, NULL), ERR_OK);
    ck_assert_uint_eq(got.len, 255);
    ck_assert_int_eq(decode_name(SLICE("$$"), &got, NULL), ERR_OK);
    ck_assert(slice_is(got, "$"));
    ck_assert_int_eq(decode_name(SLICE("$ref"), &got, NULL), ERR_BAD_VALUE);
}
END_TEST

static bool base64_is(const char *text, const char *expected)
{
    char out[32];
    size_t len;

    return base64_length(slice_of(text), &len) && len == strlen(expected) &&
           base64_decode(slice_of(text), out) && memcmp(out, expected, len) == 0;
}

START_TEST(base64_is_strict)
{
    static const char *const bad[] = {
        "Z", "Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zg==Zg==", "Zm 9", "Zm9-", "=Zm9"};

    ck_assert(base64_is("", ""));
    ck_assert(base64_is("Zg==", "f"));
    ck_assert(base64_is("Zm8=", "fo"));
    ck_assert(base64_is("Zm9v", "foo"));
    ck_assert(base64_is("Zm9vYmFy", "foobar"));
    ck_assert(base64_is("+/+/", "\xfb\xff\xbf"));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char out[32];
        size_t len;

        ck_assert_msg(!base64_length(slice_of(bad[i]), &len) || !base64_decode(slice_of(bad[i]), out), "%s",
                      bad[i]);
    }
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(what_is_not_json_is_refused_with_a_sentence),
        TEST(numbers_that_do_not_fit_are_bad_values),
        TEST(depth_is_counted_before_the_parser_sees_it),
        TEST(a_document_becomes_a_graph),
        TEST(an_error_leaves_nothing_behind),
        TEST(refused_memory_leaves_nothing_behind),
        TEST(names_keep_their_limits),
        TEST(base64_is_strict),
    };

    return unit_main(argc, argv, "decode", tests, ARRAY_LEN(tests));
}
