/* What is JSON and what is not, by the rules of RFC 8259 and by the traps that parsers are known to fall into, once for
 * each way in: the body of a request, a line of a batch that jansson reads, and one that the scanner reads. */
#include "heap/base/num.h"
#include "tests/unit/op_world.h"

#define LINE_MAX 2048

struct json_case {
    struct slice text;
    enum err err;
    const char *says; /* what show() makes of the value */
    bool plain;       /* the scanner must know it */
};

#define GOOD(text, says)  {{"" text, sizeof text - 1}, ERR_OK, says, false}
#define PLAIN(text, says) {{"" text, sizeof text - 1}, ERR_OK, says, true}
#define BAD(text)         {{"" text, sizeof text - 1}, ERR_BAD_JSON, NULL, false}
#define WRONG(text)       {{"" text, sizeof text - 1}, ERR_BAD_VALUE, NULL, false}

static const struct json_case cases[] = {
    /* words */
    PLAIN("null", "null"), PLAIN("true", "true"), PLAIN("false", "false"), PLAIN(" \t\rtrue \t\r", "true"),
    BAD("True"), BAD("NULL"), BAD("nul"), BAD("truee"), BAD("tru e"), BAD("undefined"), BAD("None"),
    /* nothing, and too much */
    BAD(""), BAD(" "), BAD("1 2"), BAD("1,2"), BAD("null null"), BAD("1]"), BAD("[]]"), BAD("{}}"), BAD("1 x"),
    BAD("\xef\xbb\xbf" "1"), BAD("// c\n1"), BAD("/* c */1"), BAD("1/**/"), BAD("#"), BAD("\0"), BAD("1\0"), BAD("[1,\0 2]"),
    BAD("\f1"), BAD("\v1"), BAD("\xc2\xa0" "1"), BAD("\xe2\x81\xa0"), BAD(";"), BAD("'a'"), BAD("`a`"),
    /* integers */
    PLAIN("0", "0"), PLAIN("-0", "0"), PLAIN("1", "1"), PLAIN("-1", "-1"), PLAIN("10", "10"),
    PLAIN("9007199254740993", "9007199254740993"), PLAIN("-999999999999999999", "-999999999999999999"),
    GOOD("1000000000000000000", "1000000000000000000"), GOOD("9223372036854775807", "9223372036854775807"),
    GOOD("-9223372036854775808", "-9223372036854775808"),
    WRONG("9223372036854775808"), WRONG("-9223372036854775809"), WRONG("123456789012345678901234567890"),
    BAD("01"), BAD("-01"), BAD("00"), BAD("-"), BAD("+1"), BAD("--1"), BAD("- 1"), BAD("0x10"), BAD("1_000"), BAD("1a"),
    BAD("\xef\xbc\x91"), BAD("0b1"), BAD("1L"),
    /* reals */
    PLAIN("0.0", "0.0"), PLAIN("-0.0", "-0.0"), PLAIN("1.0", "1.0"), PLAIN("0.1", "0.1"), PLAIN("-2.5", "-2.5"),
    PLAIN("123456.789012345", "123456.789012345"), PLAIN("0.00000000000001", "1e-14"), GOOD("0.000000000000001", "1e-15"), PLAIN("1.10", "1.1"),
    GOOD("0.1234567890123456", "0.1234567890123456"), GOOD("1e5", "100000.0"), GOOD("1E+2", "100.0"), GOOD("1e-2", "0.01"),
    GOOD("0e0", "0.0"), GOOD("-0e1", "-0.0"), GOOD("1.7976931348623157e308", "1.7976931348623157e+308"),
    GOOD("5e-324", "5e-324"), GOOD("1e-400", "0.0"), GOOD("0.30000000000000004", "0.30000000000000004"),
    GOOD("9007199254740993.0", "9007199254740992.0"), GOOD("100000000000000000000.0", "1e+20"),
    WRONG("1e309"), WRONG("-1e309"), WRONG("1e999999999"),
    BAD("1."), BAD(".5"), BAD("-.5"), BAD("1.e1"), BAD("1e"), BAD("1e+"), BAD("1e1.5"), BAD("1.2.3"), BAD("1e1e1"), BAD("0.1."),
    BAD("1,5"), BAD("NaN"), BAD("-NaN"), BAD("Infinity"), BAD("-Infinity"), BAD("inf"), BAD("1.0f"), BAD("01.5"), BAD("0.e1"),
    /* strings */
    PLAIN("\"\"", "\"\""), PLAIN("\"a\"", "\"a\""), PLAIN("\"\x7f\"", "\"\x7f\""), PLAIN("\"/\"", "\"/\""),
    PLAIN("\"[{,:}]\"", "\"[{,:}]\""), PLAIN("\"'\"", "\"'\""), PLAIN("\" \"", "\" \""),
    GOOD("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\"\\/\b\f\n\r\t\""), GOOD("\"\\u0041\"", "\"A\""), GOOD("\"\\u00e9\"", "\"\xc3\xa9\""),
    GOOD("\"\\u20AC\"", "\"\xe2\x82\xac\""), GOOD("\"\\uffff\"", "\"\xef\xbf\xbf\""), GOOD("\"\\u0000\"", "NUL"),
    BAD("\""), BAD("\"a"), BAD("a\""), BAD("\"a\"b\""), BAD("\"\\\""), BAD("\"\\"), BAD("\"\\x41\""), BAD("\"\\a\""), BAD("\"\\'\""),
    BAD("\"\\0\""), BAD("\"\\u\""), BAD("\"\\u12\""), BAD("\"\\u12g4\""), BAD("\"\\U0041\""), BAD("\"\\u+041\""), BAD("\"\\ 1\""),
    BAD("\"a\nb\""), BAD("\"a\tb\""), BAD("\"a\rb\""), BAD("\"\x01\""), BAD("\"\x1f\""), BAD("\"\0\""), BAD("\"a\0b\""),
    /* surrogates */
    GOOD("\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\""), GOOD("\"\\uDBFF\\uDFFF\"", "\"\xf4\x8f\xbf\xbf\""),
    BAD("\"\\ud83d\""), BAD("\"\\ude00\""), BAD("\"\\ude00\\ud83d\""), BAD("\"\\ud83d\\ud83d\""), BAD("\"\\ud83dx\""),
    BAD("\"\\ud83d\\n\""), BAD("\"\\ud83d\\u0041\""), BAD("\"\\ud83d\\u\""),
    /* UTF-8 */
    PLAIN("\"\xc3\xa4\"", "\"\xc3\xa4\""), PLAIN("\"\xe2\x80\xa8\"", "\"\xe2\x80\xa8\""), PLAIN("\"\xf0\x9d\x84\x9e\"", "\"\xf0\x9d\x84\x9e\""),
    PLAIN("\"\xf4\x8f\xbf\xbf\"", "\"\xf4\x8f\xbf\xbf\""), PLAIN("\"\xef\xbf\xbe\"", "\"\xef\xbf\xbe\""), PLAIN("\"\xef\xbb\xbf\"", "\"\xef\xbb\xbf\""),
    BAD("\"\x80\""), BAD("\"\xbf\""), BAD("\"\xff\""), BAD("\"\xfe\""), BAD("\"\xc3\""), BAD("\"\xc3\"\xa4"), BAD("\"\xe2\x82\""),
    BAD("\"\xf0\x9d\x84\""), BAD("\"\xc0\x80\""), BAD("\"\xc1\xbf\""), BAD("\"\xe0\x80\x80\""), BAD("\"\xe0\x9f\xbf\""),
    BAD("\"\xf0\x80\x80\x80\""), BAD("\"\xf0\x8f\xbf\xbf\""), BAD("\"\xed\xa0\x80\""), BAD("\"\xed\xbf\xbf\""), BAD("\"\xf4\x90\x80\x80\""),
    BAD("\"\xf5\x80\x80\x80\""), BAD("\"\xf8\x88\x80\x80\x80\""), BAD("\"\xe9\""), BAD("\xff"), BAD("\xfe\xff\0" "1"),
    /* arrays */
    GOOD("[]", "list 0"), GOOD("[1]", "list 1"), GOOD(" [ 1 , [ ] , \"x\" ] ", "list 3"), GOOD("[[[[]]]]", "list 1"), GOOD("[null,{}]", "list 2"),
    BAD("["), BAD("[1"), BAD("[1,"), BAD("[,"), BAD("[,1]"), BAD("[1,]"), BAD("[1,,2]"), BAD("[1 2]"), BAD("[1;2]"), BAD("[1}"), BAD("[1:2]"),
    BAD("[\"a\":1]"), BAD("[-]"), BAD("[*]"), BAD("[a]"), BAD("[[]"), BAD("(1)"), BAD("[\"a\",\n4\n,1,"), BAD("]"), BAD("[x"),
    /* objects */
    GOOD("{}", "record 0"), GOOD("{\"a\":1}", "record 1"), GOOD(" { \"a\" : { } , \"b\" : [ ] } ", "record 2"), GOOD("{\"a\":null}", "record 1"),
    GOOD("{\"\\u0061\":1}", "record 1"), GOOD("{\"a b\":1,\"A\":2,\"a\":3}", "record 3"), GOOD("{\"$$a\":1}", "record 1"),
    BAD("{"), BAD("{\"a\""), BAD("{\"a\":"), BAD("{\"a\":1"), BAD("{\"a\":1,"), BAD("{\"a\":1,}"), BAD("{,}"), BAD("{\"a\"}"), BAD("{\"a\":}"),
    BAD("{:1}"), BAD("{\"a\" 1}"), BAD("{\"a\"::1}"), BAD("{\"a\",1}"), BAD("{\"a\":1,,\"b\":2}"), BAD("{\"a\":1 \"b\":2}"), BAD("{a:1}"),
    BAD("{'a':1}"), BAD("{1:1}"), BAD("{null:1}"), BAD("{[]:1}"), BAD("{\"a\":1]"), BAD("{\"a\":1}#"), BAD("{\"a\"=1}"), BAD("{\"a\":1;}"), BAD("}"),
    BAD("{\"a\":1,\"a\":2}"), BAD("{\"a\":1,\"a\":1}"), BAD("{\"a\":1,\"b\":2,\"a\":3}"), BAD("{\"a\":1,\"\\u0061\":2}"),
    BAD("[{\"x\":{\"a\":1,\"a\":2}}]"), BAD("{\"\xff\":1}"), BAD("{\"a\0b\":1}"), BAD("{\"\\ud800\":1}"),
    WRONG("{\"a\\u0000b\":1}"), WRONG("{\"\":1}"), WRONG("{\"$a\":1}"), WRONG("{\"$\":1}"),
    /* links */
    PLAIN("{\"$ref\":2048}", "link 2048"), PLAIN("{\"$weak\":\"@0\"}", "weak 2048"), PLAIN("{ \"$ref\" : 9007199254740991 }", "link 9007199254740991"),
    GOOD("{\"\\u0024ref\":2048}", "link 2048"),
    WRONG("{\"$ref\":0}"), WRONG("{\"$ref\":-1}"), WRONG("{\"$ref\":9007199254740992}"), WRONG("{\"$ref\":1.0}"), WRONG("{\"$ref\":1e3}"),
    WRONG("{\"$ref\":\"2048\"}"), WRONG("{\"$ref\":\"@1\"}"), WRONG("{\"$ref\":\"@\"}"), WRONG("{\"$ref\":\"@-0\"}"), WRONG("{\"$ref\":null}"),
    WRONG("{\"$ref\":{}}"), WRONG("{\"$ref\":2048,\"a\":1}"), WRONG("{\"$ref\":2048,\"$weak\":2048}"), WRONG("{\"$Ref\":2048}"),
    BAD("{\"$ref\":2048,\"$ref\":2048}"), BAD("{\"$ref\":02048}"), BAD("{\"$ref\":}"), BAD("{\"$ref\":2048"),
};

/* ---- what a value says ---- */

static void show_real(char *out, size_t room, double real)
{
    char text[NUM_TEXT_MAX];

    print_real(real, text);
    snprintf(out, room, "%s", text);
}

static void show_link(struct world *w, char *out, size_t room, const struct decoded *v)
{
    struct object_info info;

    if (!v->fresh) {
        snprintf(out, room, "%s %llu", v->value.kind == VALUE_WEAK ? "weak" : "link", (unsigned long long)v->value.id);
        return;
    }
    MUST(heap_info(w->heap, v->value.id, &info, NULL) == ERR_OK);
    snprintf(out, room, "%s %llu", info.kind == HEAP_LIST ? "list" : "record", (unsigned long long)info.parts);
}

static void show(struct world *w, const struct decoded *v, char *out, size_t room)
{
    struct slice s = v->value.kind == VALUE_STRING ? v->value.string : SLICE("");

    switch (v->value.kind) {
    case VALUE_NULL:
    case VALUE_TRUE:
    case VALUE_FALSE:
        snprintf(out, room, "%s", v->value.kind == VALUE_NULL ? "null" : v->value.kind == VALUE_TRUE ? "true" : "false");
        break;
    case VALUE_INT:
        snprintf(out, room, "%lld", (long long)v->value.integer);
        break;
    case VALUE_REAL:
        show_real(out, room, v->value.real);
        break;
    case VALUE_STRING:
        if (s.len == 1 && s.data[0] == '\0')
            snprintf(out, room, "NUL");
        else
            snprintf(out, room, "\"%.*s\"", (int)s.len, s.data);
        break;
    case VALUE_LINK:
    case VALUE_WEAK:
        show_link(w, out, room, v);
        break;
    }
}

static void must_say(struct world *w, const struct decoded *v, const struct json_case *c)
{
    char said[LINE_MAX];

    show(w, v, said, sizeof said);
    ck_assert_msg(c->says != NULL && strcmp(said, c->says) == 0, "%.*s says %s", (int)c->text.len, c->text.data, said);
}

/* ---- three ways in ---- */

START_TEST(a_body_is_json_or_it_is_refused)
{
    struct world *w = world_new();

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct json_case *c = &cases[i];
        json_auto_t *json = NULL;
        struct decoded v;
        struct why why = {0};
        enum err e = decode_json(c->text, DEPTH, &json, &why);

        if (e == ERR_OK && (e = decode_value(&w->d, json, &v, &why)) == ERR_OK) {
            must_say(w, &v, c);
            value_fini(&w->d, &v);
        }
        ck_assert_msg(e == c->err, "%.*s: %s, %s", (int)c->text.len, c->text.data, err_name(e), why.text);
        ck_assert(e == ERR_OK || why.text[0] != '\0');
        while (heap_reap(w->heap, 100) == 0)
            ;
    }
    world_free(w);
}
END_TEST

/* The case as the value of an op. */
static struct slice as_line(const struct json_case *c, char *line)
{
    static const char open[] = "[\"push\",2048,";
    size_t len = sizeof open - 1;

    ck_assert_uint_lt(len + c->text.len + 1, LINE_MAX);
    memcpy(line, open, len);
    memcpy(line + len, c->text.data, c->text.len);
    len += c->text.len;
    line[len++] = ']';
    return (struct slice){line, len};
}

START_TEST(a_line_of_a_batch_is_an_op_or_it_is_refused)
{
    struct world *w = world_new();

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct json_case *c = &cases[i];
        char line[LINE_MAX];
        json_auto_t *json = NULL;
        struct op op;
        enum err e = decode_json(as_line(c, line), DEPTH, &json, NULL);

        if (e == ERR_OK && (e = op_read(&w->d, json, &op, NULL)) == ERR_OK) {
            must_say(w, &op.value, c);
            op_fini(&w->d, &op);
        }
        ck_assert_msg((e == ERR_OK) == (c->err == ERR_OK), "%.*s: %s", (int)c->text.len, c->text.data, err_name(e));
        while (heap_reap(w->heap, 100) == 0)
            ;
    }
    world_free(w);
}
END_TEST

START_TEST(the_scanner_knows_what_is_plain_and_nothing_that_is_wrong)
{
    struct world *w = world_new();

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct json_case *c = &cases[i];
        char line[LINE_MAX];
        struct op_room room;
        struct op op;
        bool known = op_scan(&w->d, as_line(c, line), &room, &op);

        ck_assert_msg(known == c->plain, "%.*s", (int)c->text.len, c->text.data);
        if (known)
            must_say(w, &op.value, c);
    }
    world_free(w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_body_is_json_or_it_is_refused),
        TEST(a_line_of_a_batch_is_an_op_or_it_is_refused),
        TEST(the_scanner_knows_what_is_plain_and_nothing_that_is_wrong),
    };

    return unit_main(argc, argv, "json_cases", tests, ARRAY_LEN(tests));
}
