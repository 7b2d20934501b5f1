/* test_snapshot_reader.c - heap snapshots: what is read, what is refused, who is reached; and the names made.
 */
#include "client/cli/base64.h"
#include "client/cli/names.h"
#include "client/cli/snapshot_reach.h"
#include "client/cli/snapshot_reader.h"
#include "tests/unit/unit.h"
#include <unistd.h>

#define META                                                                                                 \
    "{\"meta\":{\"node_fields\":[\"type\",\"name\",\"id\",\"self_size\",\"edge_count\",\"extra\"],"          \
    "\"node_types\":[[\"hidden\",\"object\"]],\"edge_fields\":[\"type\",\"name_or_index\",\"to_node\"],"     \
    "\"edge_types\":[[\"element\",\"property\",\"weak\"]]},\"node_count\":3,\"edge_count\":3}"
#define NODES   "[1,0,1,100,2,0, 1,1,3,5000000000,1,7, 9,2,5,0,0,0]"
#define EDGES   "[0,4,6, 2,2,12, 1,1,6]"
#define STRINGS "[\"top\",\"next\",\"w\\u00fc\\ud83d\\ude00\\u0000\"]"
#define SNAPSHOT(meta, nodes, edges, strings)                                                                \
    "{\"snapshot\":" meta ",\"nodes\":" nodes ",\"edges\":" edges ",\"strings\":" strings "}"

static const char good[] = SNAPSHOT(META, NODES, EDGES, STRINGS);

/* Read a snapshot from a file with these bytes; the sentence if it is refused, else NULL. */
static const char *read_bytes(const char *bytes, size_t length, struct snapshot **ret_s)
{
    static char sentence[256];
    char path[] = "/tmp/snapshot-XXXXXX";
    int fd = mkstemp(path);
    struct source source;
    const char *error;

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, bytes, length), (ssize_t)length);
    close(fd);
    ck_assert_ptr_null(source_open(path, &source));
    error = snapshot_read(&source, ret_s, sentence);
    source_close(&source);
    unlink(path);
    return error;
}

static struct snapshot *read_good(const char *text)
{
    struct snapshot *s = NULL;

    ck_assert_pstr_eq(read_bytes(text, strlen(text), &s), NULL);
    return s;
}

static bool span_is(struct snapshot_span span, const char *text)
{
    return span.length == strlen(text) && memcmp(span.data, text, span.length) == 0;
}

START_TEST(nodes_and_edges_are_read_by_their_meta)
{
    struct snapshot *s = read_good(good);
    struct snapshot_node top = snapshot_node(s, 0), second = snapshot_node(s, 1);
    struct snapshot_edge indexed = snapshot_edge(s, 0), weak = snapshot_edge(s, 1),
                         named = snapshot_edge(s, 2);

    ck_assert_uint_eq(snapshot_node_count(s), 3);
    ck_assert_uint_eq(snapshot_edge_count(s), 3);
    ck_assert_uint_eq(snapshot_root(s), 0);
    ck_assert_str_eq(top.type, "object");
    ck_assert(span_is(top.name, "top"));
    ck_assert_uint_eq(top.edge_count, 2);
    ck_assert_uint_eq(second.first_edge, 2);
    ck_assert_uint_eq(second.self_size, 5000000000u);
    ck_assert(indexed.is_indexed && indexed.index == 4 && indexed.to_node == 1 && !indexed.is_weak);
    ck_assert(weak.is_weak && span_is(weak.name, "wü😀\\u0000") && weak.to_node == 2);
    ck_assert(span_is(named.name, "next"));
    snapshot_destroy(&s);
}
END_TEST

START_TEST(unknown_types_and_fields_are_accepted)
{
    struct snapshot *s = read_good(good);

    ck_assert_str_eq(snapshot_node(s, 2).type, "unknown");
    ck_assert_str_eq(snapshot_extra_field(s, 0), "extra");
    ck_assert_ptr_null(snapshot_extra_field(s, 1));
    ck_assert_uint_eq(snapshot_extra(s, 1, 0), 7);
    snapshot_destroy(&s);
}
END_TEST

START_TEST(members_may_stand_in_any_order_and_others_are_skipped)
{
    struct snapshot *s =
        read_good(" {\"strings\" : " STRINGS ", \"x\":{\"}\":[1,{\"a\\\"]\":null}]}, \"edges\":" EDGES
                  ",\"y\":-1.5e3,\"nodes\":" NODES ",\"snapshot\":" META "} \n");

    ck_assert_uint_eq(snapshot_edge_count(s), 3);
    snapshot_destroy(&s);
}
END_TEST

START_TEST(no_prefix_of_a_snapshot_is_one)
{
    for (size_t length = 0; length < strlen(good); length++) {
        struct snapshot *s = NULL;

        ck_assert_msg(read_bytes(good, length, &s) != NULL, "%zu bytes were enough", length);
        ck_assert_ptr_null(s);
    }
}
END_TEST

/* Every byte is changed in turn; whatever comes of it, it is refused or whole: all may be asked for. */
START_TEST(a_changed_byte_is_refused_or_harmless)
{
    static const char bytes[] = "\0\"[]{},:9\\\xff";
    char text[sizeof good];

    for (size_t at = 0; at < strlen(good); at++)
        for (size_t b = 0; b < sizeof bytes - 1; b++) {
            struct snapshot *s = NULL;
            struct snapshot_reach reach = {0};

            memcpy(text, good, sizeof good);
            text[at] = bytes[b];
            if (read_bytes(text, strlen(good), &s) != NULL)
                continue;
            ck_assert(snapshot_reach_find(s, &reach));
            snapshot_reach_fini(&reach);
            snapshot_destroy(&s);
        }
}
END_TEST

START_TEST(what_the_root_does_not_reach_is_held_by_few)
{
    struct snapshot *s = read_good(SNAPSHOT(META, NODES, EDGES, STRINGS));
    struct snapshot_reach reach;

    ck_assert(snapshot_reach_find(s, &reach)); /* only a weak edge leads to node 2 */
    ck_assert_uint_eq(reach.unreached_count, 1);
    ck_assert_uint_eq(reach.entry_count, 1);
    ck_assert_uint_eq(reach.entries[0], 2);
    snapshot_reach_fini(&reach);
    snapshot_destroy(&s);
}
END_TEST

START_TEST(a_long_name_is_cut_between_characters_and_stays_its_own)
{
    char long_a[401], long_b[401];
    struct text a = {0}, b = {0};

    for (size_t i = 0; i < 400; i += 2)
        memcpy(long_a + i, "ü", 2);
    memcpy(long_b, long_a, 400);
    long_b[399] = '\xbd'; /* the last character is another one */
    names_fit(&a, long_a, 400, "");
    names_fit(&b, long_b, 400, "");
    ck_assert_uint_le(a.length, 255);
    ck_assert_uint_gt(a.length, 250);
    ck_assert(text_utf8_valid(a.data, a.length) && text_utf8_valid(b.data, b.length));
    ck_assert_str_ne(a.data, b.data);
    names_fit(&b, long_a, 400, "");
    ck_assert_str_eq(a.data, b.data);
    names_fit(&a, "", 0, "object");
    ck_assert_str_eq(a.data, "object");
    text_fini(&a);
    text_fini(&b);
}
END_TEST

static void take(struct namer *n, const char *name, const char *expected)
{
    struct text text = {0};

    text_add_string(&text, name);
    ck_assert(namer_take(n, &text));
    ck_assert_str_eq(text.data, expected);
    text_fini(&text);
}

START_TEST(names_within_an_object_are_unique)
{
    struct namer n = {0};
    char last[32];

    namer_begin(&n);
    take(&n, "x", "x");
    take(&n, "x#2", "x#2");
    take(&n, "x", "x#3");
    take(&n, "x#2", "x#2#2");
    for (int i = 4; i < 5000; i++) {
        (void)snprintf(last, sizeof last, "x#%d", i);
        take(&n, "x", last);
    }
    namer_begin(&n);
    take(&n, "x", "x");
    namer_fini(&n);
}
END_TEST

START_TEST(base64_is_that_of_rfc_4648)
{
    static const char *const plain[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar"};
    static const char *const coded[] = {"", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    static const char *const bad[] = {"Z", "Zg", "Zg=", "Z===", "Zm9*", "=Zm9", "Zm9v\n"};

    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        struct text out = {0}, back = {0};

        base64_add(&out, (const unsigned char *)plain[i], strlen(plain[i]));
        ck_assert_str_eq(text_string(&out), coded[i]);
        ck_assert(base64_decode(&back, coded[i], strlen(coded[i])));
        ck_assert_str_eq(text_string(&back), plain[i]);
        text_fini(&out);
        text_fini(&back);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct text back = {0};

        ck_assert_msg(!base64_decode(&back, bad[i], strlen(bad[i])), "%s", bad[i]);
        text_fini(&back);
    }
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(nodes_and_edges_are_read_by_their_meta),
        TEST(unknown_types_and_fields_are_accepted),
        TEST(members_may_stand_in_any_order_and_others_are_skipped),
        TEST(no_prefix_of_a_snapshot_is_one),
        TEST(a_changed_byte_is_refused_or_harmless),
        TEST(what_the_root_does_not_reach_is_held_by_few),
        TEST(a_long_name_is_cut_between_characters_and_stays_its_own),
        TEST(names_within_an_object_are_unique),
        TEST(base64_is_that_of_rfc_4648),
    };
    return unit_main(argc, argv, "snapshot_reader", tests, ARRAY_LEN(tests));
}
