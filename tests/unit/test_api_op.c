/* Ops: what the scanner knows, that it leaves the rest alone, and what the reader behind it makes and refuses. That
 * both agree on any line is fuzzed; here stands what must not silently become slow. */
#include "tests/unit/op_world.h"

static bool scans(struct world *w, const char *line)
{
    return op_scan(&w->d, slice_of(line), &w->room, &w->op);
}

START_TEST(plain_ops_are_scanned)
{
    static const char *const plain[] = {
        "[\"new\",\"Node\",{\"val\":1,\"next\":{\"$ref\":\"@0\"}}]",
        "[\"new\", \"Node\", {\"val\": 1, \"on\": true, \"off\": false, \"no\": null}]",
        "[\"new\",\"Node\"]",
        "[\"new\",\"\xc3\x84rger\",{\"gr\xc3\xb6\xc3\x9f" "e\":\"\xe2\x82\xac 5\"}]",
        "[\"new\",\"P\",{\"x\":0.25,\"y\":-12.5,\"z\":123456.789,\"n\":-7}]",
        "[\"list\",[1,{\"$ref\":2048},\"x\",null,{\"$weak\":2048}]]",
        "[\"list\",[]]",
        "[\"bytes\",\"Zm9v\"]",
        "[\"set\",2048,\"next\",{\"$ref\":2048}]",
        "[\"set\",2048,0,\"first\"]\r",
        "[\"unset\",2048,\"next\"]",
        "[\"push\",\"@0\",\"x\"]",
        "[\"hold\",2048]",
        "[\"root\",\"cache\",2048]",
        "[\"unroot\",\"cache\"]",
        "[\"weak\",\"watched\",2048]",
        "[\"drop\",2048]",
        "[\"get\",\"@0\"]",
        "[\"is\",2048,\"next\",{\"$ref\":2048}]",
        "[\"collect\",2]",
        "[\"collect\"]",
    };
    struct world *w = world_new();

    for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
        uint64_t asked = w->mem.request_count;

        ck_assert_msg(scans(w, plain[i]), "%s", plain[i]);
        ck_assert_uint_eq(w->mem.request_count, asked);
    }
    world_free(w);
}
END_TEST

START_TEST(what_a_line_says_is_in_the_op)
{
    struct world *w = world_new();

    MUST(scans(w, "[\"new\",\"Node\",{\"a\":-5,\"b\":\"x\",\"c\":{\"$weak\":\"@0\"},\"d\":2.5}]"));
    ck_assert_int_eq(w->op.verb, OP_NEW);
    MUST(slice_is(w->op.name, "Node") && w->op.fields.count == 4);

    const struct field *f = w->op.fields.fields;

    MUST(slice_is(f[0].name, "a") && value_eq(f[0].value, value_int(-5)));
    MUST(f[1].value.kind == VALUE_STRING && slice_is(f[1].value.string, "x"));
    MUST(f[2].value.kind == VALUE_WEAK && f[2].value.id == w->known);
    MUST(f[3].value.kind == VALUE_REAL && f[3].value.real == 2.5);
    MUST(scans(w, "[\"set\",2048,7,null]"));
    MUST(w->op.verb == OP_SET && w->op.target == w->known && w->op.is_item && w->op.index == 7);
    MUST(scans(w, "[\"collect\"]") && w->op.generation == 2);
    MUST(scans(w, "[\"collect\",0]") && w->op.generation == 0);
    world_free(w);
}
END_TEST

static bool scans_object(struct world *w, const char *body)
{
    return op_scan_object(&w->d, slice_of(body), &w->room, &w->op);
}

START_TEST(a_plain_new_object_is_scanned)
{
    struct world *w = world_new();
    uint64_t asked = w->mem.request_count;

    ck_assert(scans_object(w, " {\"class\": \"Node\", \"fields\": {\"a\": 1, \"b\": {\"$ref\": 2048}}} "));
    ck_assert(w->op.verb == OP_NEW && slice_is(w->op.name, "Node") && w->op.fields.count == 2);
    ck_assert(scans_object(w, "{\"fields\":{\"a\":null},\"class\":\"C\"}"));
    ck_assert(w->op.verb == OP_NEW && slice_is(w->op.name, "C") && w->op.fields.count == 1);
    ck_assert(scans_object(w, "{\"class\":\"C\"}"));
    ck_assert(w->op.verb == OP_NEW && w->op.fields.count == 0);
    ck_assert(scans_object(w, "{\"fields\":{}}") && slice_is(w->op.name, "object"));
    ck_assert(scans_object(w, "{\"items\":[1,\"x\"]}") && slice_is(w->op.name, "list"));
    ck_assert(w->op.verb == OP_LIST && w->op.items.count == 2);
    ck_assert_uint_eq(w->mem.request_count, asked);
    world_free(w);
}
END_TEST

START_TEST(any_other_new_object_is_left_to_others)
{
    static const char *const others[] = {
        "",
        "{}",
        "[]",
        "{\"class\":\"C\"",
        "{\"class\":\"C\"}}",
        "{\"class\":\"C\",}",
        "{\"class\":\"\"}",
        "{\"class\":7}",
        "{\"class\":null}",
        "{\"class\":\"C\",\"class\":\"D\"}",
        "{\"fields\":{},\"fields\":{}}",
        "{\"fields\":{},\"items\":[]}",
        "{\"fields\":[]}",
        "{\"items\":{}}",
        "{\"fields\":{\"$a\":1}}",
        "{\"fields\":{\"a\":{}}}",
        "{\"fields\":{\"a\":1,\"a\":2}}",
        "{\"fields\":{},\"root\":\"r\"}",
        "{\"fields\":{},\"into\":{\"id\":2048}}",
        "{\"cl\\u0061ss\":\"C\"}",
        "{\"Class\":\"C\"}",
    };
    struct world *w = world_new();

    ck_assert(!op_scan_object(&w->d, (struct slice){NULL, 0}, &w->room, &w->op));
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        ck_assert_msg(!scans_object(w, others[i]), "%s", others[i]);
    world_free(w);
}
END_TEST

START_TEST(the_rest_is_left_to_others)
{
    static const char *const other[] = {
        "",                                                   /* not JSON */
        "[\"get\",2048",
        "[\"get\",2048] x",
        "[\"get\",2048,]",
        "[\"push\",2048,01]",
        "[\"push\",2048,tru]",
        "[\"push\",2048,\"\xff\"]",
        "[\"push\",2048,\"a\tb\"]",
        "[\"new\",\"A\",{\"a\":1,\"a\":2}]",
        "{}",                                                 /* no op */
        "[]",
        "[\"nop\"]",
        "[\"get\"]",
        "[\"get\",2048,1]",
        "[\"get\",2049]",                                        /* an op that fails */
        "[\"get\",\"@1\"]",
        "[\"get\",0]",
        "[\"new\",\"\"]",
        "[\"new\",\"A\",{\"$x\":1}]",
        "[\"set\",2048,-1,2]",
        "[\"collect\",3]",
        "[\"push\",2048,\"a\\nb\"]",                             /* a good one, but not plain */
        "[\"push\",2048,1e5]",
        "[\"push\",2048,1234567890123456789]",
        "[\"push\",2048,0.1234567890123456]",
        "[\"push\",2048,[]]",
        "[\"new\",\"A\",{\"$$x\":{}}]",
    };
    struct world *w = world_new();

    for (size_t i = 0; i < ARRAY_LEN(other); i++)
        ck_assert_msg(!scans(w, other[i]), "%s", other[i]);
    world_free(w);
}
END_TEST

/* A line of `count` fields, or items. */
static const char *wide(bool fields, unsigned count)
{
    static char line[4096];
    int len = snprintf(line, sizeof line, fields ? "[\"new\",\"W\",{" : "[\"list\",[");

    for (unsigned i = 0; i < count; i++) {
        if (fields)
            len += snprintf(line + len, sizeof line - (size_t)len, "%s\"f%u\":%u", i > 0 ? "," : "", i, i);
        else
            len += snprintf(line + len, sizeof line - (size_t)len, "%s%u", i > 0 ? "," : "", i);
    }
    snprintf(line + len, sizeof line - (size_t)len, fields ? "}]" : "]]");
    return line;
}

START_TEST(the_room_of_the_scanner_has_an_end)
{
    struct world *w = world_new();

    MUST(scans(w, wide(true, RECORD_SLOTS_MAX)) && w->op.fields.count == RECORD_SLOTS_MAX);
    MUST(!scans(w, wide(true, RECORD_SLOTS_MAX + 1)));
    MUST(scans(w, wide(false, OP_SCAN_ITEMS)) && w->op.items.count == OP_SCAN_ITEMS);
    MUST(!scans(w, wide(false, OP_SCAN_ITEMS + 1)));
    world_free(w);
}
END_TEST

/* A line that is cut anywhere is another, and nothing behind its end is looked at. */
START_TEST(a_cut_line_is_not_the_line)
{
    static const char whole[] = "[\"new\",\"Node\",{\"val\":1.5,\"to\":{\"$ref\":\"@0\"},\"s\":\"\xc3\xa4\",\"t\":true}]";
    struct world *w = world_new();

    for (size_t len = 0; len < sizeof whole; len++) {
        char *line = malloc(len + 1); /* of just this size, so that a sanitizer sees a look behind it */

        ck_assert_ptr_nonnull(line);
        memcpy(line, whole, len);
        ck_assert(op_scan(&w->d, (struct slice){line, len}, &w->room, &w->op) == (len == sizeof whole - 1));
        free(line);
    }
    world_free(w);
}
END_TEST

static enum err read_line(struct world *w, const char *line, struct why *why)
{
    json_auto_t *json = NULL;
    enum err e;

    MUST(decode_json(slice_of(line), DEPTH, &json, NULL) == ERR_OK);
    if ((e = op_read(&w->d, json, &w->op, why)) == ERR_OK)
        op_fini(&w->d, &w->op);
    return e;
}

START_TEST(what_is_wrong_with_an_op_is_said)
{
    static const struct {
        const char *line;
        enum err err;
    } bad[] = {
        {"1", ERR_BAD_REQUEST},
        {"[1]", ERR_BAD_REQUEST},
        {"[\"set\",2048,\"a\"]", ERR_BAD_REQUEST},
        {"[\"set\",2048,\"a\",1,1]", ERR_BAD_REQUEST},
        {"[\"get\",2049]", ERR_NO_OBJECT},
        {"[\"set\",2049,\"\",{\"$x\":1}]", ERR_NO_OBJECT}, /* the first that is wrong */
        {"[\"set\",2048,\"\",{\"$x\":1}]", ERR_BAD_VALUE},
        {"[\"root\",1,2048]", ERR_BAD_VALUE},
        {"[\"list\",[{},[[]],{\"$x\":1}]]", ERR_BAD_VALUE},
        {"[\"new\",\"A\",{\"a\":[{}],\"b\":{\"$ref\":true}}]", ERR_BAD_VALUE},
        {"[\"collect\",-1]", ERR_BAD_VALUE},
    };
    struct world *w = world_new();
    struct heap_stats stats;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct why why = {0};

        ck_assert_msg(read_line(w, bad[i].line, &why) == bad[i].err, "%s: %s", bad[i].line, why.text);
        ck_assert_uint_gt(strlen(why.text), 0);
    }
    MUST(read_line(w, "[\"list\",[{},[[]]]]", NULL) == ERR_OK);
    while (heap_reap(w->heap, 100) == 0)
        ;
    heap_stats(w->heap, &stats);
    ck_assert_uint_eq(stats.objects, 1);
    world_free(w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(plain_ops_are_scanned),
        TEST(what_a_line_says_is_in_the_op),
        TEST(a_plain_new_object_is_scanned),
        TEST(any_other_new_object_is_left_to_others),
        TEST(the_rest_is_left_to_others),
        TEST(the_room_of_the_scanner_has_an_end),
        TEST(a_cut_line_is_not_the_line),
        TEST(what_is_wrong_with_an_op_is_said),
    };

    return unit_main(argc, argv, "op", tests, ARRAY_LEN(tests));
}
