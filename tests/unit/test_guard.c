/*
 * test_guard.c - the guard lets one spelling of a request through; cut anywhere, a head gets the verdict it
 * gets whole.
 */
#include "daemon/guard.h"
#include "tests/unit/unit.h"

static struct settings limits_of(uint64_t line, uint64_t bytes, uint64_t fields)
{
    return (struct settings){
        .request_line_bytes_max = line, .header_bytes_max = bytes, .header_fields_max = fields};
}

static const struct settings usual = {
    .request_line_bytes_max = 8192, .header_bytes_max = 16384, .header_fields_max = 64};

/* What the guard says of some bytes, and how many of them it took. */
struct verdict {
    enum guard_verdict said;
    size_t used;
    struct why why;
};

/* Show it the pieces that end at `cut` and at the end. */
static struct verdict scan_cut(const struct settings *limits, struct guard g, struct slice bytes, size_t cut)
{
    struct verdict v = {.said = GUARD_MORE};
    size_t ends[] = {cut, bytes.len}, from = 0;

    for (size_t i = 0; i < ARRAY_LEN(ends) && v.said == GUARD_MORE; i++) {
        size_t used = 0;

        v.said = guard_scan(&g, limits, (struct slice){bytes.data + from, ends[i] - from}, &used, &v.why);
        v.used += used;
        from = ends[i];
    }
    return v;
}

static struct verdict scan_bytewise(const struct settings *limits, struct guard g, struct slice bytes)
{
    struct verdict v = {.said = GUARD_MORE};

    for (size_t i = 0; i < bytes.len && v.said == GUARD_MORE; i++) {
        size_t used = 0;

        v.said = guard_scan(&g, limits, (struct slice){bytes.data + i, 1}, &used, &v.why);
        v.used += used;
    }
    return v;
}

static void same_verdict(struct verdict got, struct verdict whole, const char *where)
{
    ck_assert_msg(got.said == whole.said, "%s: %d, not %d", where, (int)got.said, (int)whole.said);
    ck_assert_msg(got.why.err == whole.why.err, "%s: %s, not %s", where, err_name(got.why.err),
                  err_name(whole.why.err));
    ck_assert_str_eq(got.why.text, whole.why.text);
    if (whole.said != GUARD_REFUSED)
        ck_assert_uint_eq(got.used, whole.used);
}

/* The verdict on the whole, after every way to cut it has given the same. */
static struct verdict scan(const struct settings *limits, struct guard g, struct slice bytes)
{
    struct verdict whole = scan_cut(limits, g, bytes, bytes.len);

    for (size_t cut = 0; cut < bytes.len; cut++)
        same_verdict(scan_cut(limits, g, bytes, cut), whole, bytes.data);
    same_verdict(scan_bytewise(limits, g, bytes), whole, bytes.data);
    return whole;
}

static struct guard at_head(void)
{
    struct guard g;

    guard_begin_head(&g);
    return g;
}

static struct guard at_trailer(void)
{
    struct guard g;

    guard_begin_trailer(&g);
    return g;
}

#define HEAD(fields) "GET / HTTP/1.1\r\nHost: a\r\n" fields "\r\n"

/* The scan looks at eight bytes at a time where it can, and must not see less. */
START_TEST(a_byte_gets_the_same_verdict_wherever_it_stands)
{
    static const char head[] = "GET /aaaaaaaaaaaaaaaaaaaa HTTP/1.1\r\nHost: bbbbbbbbbbbbbbbbbbbb\r\n\r\n";
    char text[sizeof head];
    struct slice bytes = {text, sizeof head - 1};
    struct verdict whole;

    for (size_t at = 0; at < sizeof head - 1; at++) {
        memcpy(text, head, sizeof head);
        if (text[at] != 'a' && text[at] != 'b')
            continue;
        text[at] = (char)_i;
        whole = scan_cut(&usual, at_head(), bytes, bytes.len);
        same_verdict(scan_bytewise(&usual, at_head(), bytes), whole, text);
    }
}
END_TEST

START_TEST(a_well_formed_head_passes_and_what_follows_is_not_touched)
{
    static const char *const heads[] = {
        HEAD(""),
        HEAD("X:\r\n"),
        HEAD("X: \t v \t\r\n"),
        HEAD("X-1!#$%&'*+.^_`|~: v\r\n"),
        HEAD("X: caf\xc3\xa9 \xff\r\n"),
        "\r\n" HEAD(""),
        "\r\n\r\n\r\n" HEAD(""),
        "POST /v1/objects?a=b&c=%20 HTTP/1.0\r\n\r\n",
    };

    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        char text[256];
        struct verdict v;

        snprintf(text, sizeof(text), "%s%s", heads[i], "\n\r \x01 more");
        v = scan(&usual, at_head(), slice_of(text));
        ck_assert_msg(v.said == GUARD_END, "%s: %s", heads[i], v.why.text);
        ck_assert_uint_eq(v.used, strlen(heads[i]));
    }
}
END_TEST

START_TEST(part_of_a_head_is_not_yet_anything)
{
    struct slice head = SLICE(HEAD("A: b\r\n"));

    for (size_t len = 0; len < head.len; len++)
        ck_assert_int_eq(scan(&usual, at_head(), (struct slice){head.data, len}).said, GUARD_MORE);
}
END_TEST

START_TEST(every_other_spelling_is_refused)
{
    static const struct slice bad[] = {
        SLICE("GET / HTTP/1.1\nHost: a\r\n\r\n"), /* bare LF */
        SLICE("GET / HTTP/1.1\r\nHost: a\n\r\n"),
        SLICE("GET / HTTP/1.1\r\nHost: a\r\n\n"),
        SLICE("\nGET / HTTP/1.1\r\n\r\n"),
        SLICE("GET / HTTP/1.1\rHost: a\r\n\r\n"), /* bare CR */
        SLICE("GET /\r HTTP/1.1\r\n\r\n"),
        SLICE(HEAD("X: \rxTransfer-Encoding: chunked\r\n")),
        SLICE(HEAD("X: a\r\r\n")),
        SLICE(HEAD("\rX: a\r\n")),
        SLICE("\rGET / HTTP/1.1\r\n\r\n"),
        SLICE(HEAD("Content-Length:\r\n 5\r\n")), /* folded lines */
        SLICE(HEAD(" Content-Length: 5\r\n")),
        SLICE(HEAD("X: a\r\n\tb\r\n")),
        SLICE(HEAD(": x\r\n")),   /* empty name */
        SLICE(HEAD("X : a\r\n")), /* blank before the colon */
        SLICE(HEAD("X\r\n")),     /* no colon */
        SLICE(HEAD("X y: a\r\n")),
        SLICE(HEAD("(X): a\r\n")),
        SLICE(HEAD("X\x80: a\r\n")),
        SLICE(HEAD("X: a\x01\r\n")), /* control bytes */
        SLICE(HEAD("X: a\x00\r\n")),
        SLICE(HEAD("X: a\x7f\r\n")),
        SLICE(HEAD("X: a\x0b\r\n")),
        SLICE("GET /\x00 HTTP/1.1\r\n\r\n"),
        SLICE("GET /\t HTTP/1.1\r\n\r\n"),
        SLICE("GET /\x7f HTTP/1.1\r\n\r\n"),
        SLICE("GET /\x80 HTTP/1.1\r\n\r\n"),
        SLICE(" GET / HTTP/1.1\r\n\r\n"),
        SLICE("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), /* a TLS hello */
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct verdict v = scan(&usual, at_head(), bad[i]);

        ck_assert_msg(v.said == GUARD_REFUSED && v.why.err == ERR_BAD_REQUEST, "vector %zu: %.*s", i,
                      (int)bad[i].len, bad[i].data);
        ck_assert_str_ne(v.why.text, "");
    }
}
END_TEST

START_TEST(a_trailer_is_judged_like_header_fields)
{
    ck_assert_uint_eq(scan(&usual, at_trailer(), SLICE("\r\nGET")).used, 2);
    ck_assert_int_eq(scan(&usual, at_trailer(), SLICE("T: v\r\n\r\n")).said, GUARD_END);
    ck_assert_int_eq(scan(&usual, at_trailer(), SLICE("T: v\r\n w\r\n\r\n")).said, GUARD_REFUSED);
    ck_assert_int_eq(scan(&usual, at_trailer(), SLICE("\n")).said, GUARD_REFUSED);
    ck_assert_int_eq(scan(&usual, at_trailer(), SLICE(": v\r\n\r\n")).said, GUARD_REFUSED);
}
END_TEST

START_TEST(each_limit_holds_at_its_byte_and_is_named)
{
    struct slice head = SLICE("GET /ab HTTP/1.1\r\nA: b\r\nC: d\r\n\r\n");
    struct settings fits = limits_of(16, 14, 2), line = limits_of(15, 14, 2), bytes = limits_of(16, 13, 2),
                    fields = limits_of(16, 14, 1);
    struct verdict v;

    ck_assert_int_eq(scan(&fits, at_head(), head).said, GUARD_END);
    v = scan(&line, at_head(), head);
    ck_assert_int_eq(v.why.err, ERR_URI_TOO_LONG);
    ck_assert_str_eq(v.why.limit_name, "request_line_bytes_max");
    v = scan(&bytes, at_head(), head);
    ck_assert_int_eq(v.why.err, ERR_HEADERS_TOO_LARGE);
    ck_assert_str_eq(v.why.limit_name, "header_bytes_max");
    v = scan(&fields, at_head(), head);
    ck_assert_int_eq(v.why.err, ERR_HEADERS_TOO_LARGE);
    ck_assert_str_eq(v.why.limit_name, "header_fields_max");
}
END_TEST

START_TEST(nothing_without_end_is_read_for_ever)
{
    static const char *const starts[] = {"", "G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nA: "};
    static const char *const more[] = {"\r\n", "a", "B: c\r\n", "d"};
    struct settings small = limits_of(100, 1000, 10);

    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        struct guard g = at_head();
        struct why why = {0};
        size_t used, turns = 0;

        ck_assert_int_eq(guard_scan(&g, &small, slice_of(starts[i]), &used, &why), GUARD_MORE);
        while (guard_scan(&g, &small, slice_of(more[i]), &used, &why) == GUARD_MORE)
            ck_assert_uint_lt(turns++, 1001);
        ck_assert_ptr_nonnull(why.limit_name);
    }
}
END_TEST

START_TEST(both_a_limit_and_a_mistake_give_one_verdict_however_cut)
{
    struct settings small = limits_of(20, 20, 3);

    scan(&small, at_head(), SLICE("GET /aaaaaaaaaaaaaaaaaaaaa\x01 HTTP/1.1\r\n\r\n"));
    scan(&small, at_head(), SLICE("GET / HTTP/1.1\r\nA: aaaaaaaaaaaaaaaaaaaaaaaaaaa\x01\r\n\r\n"));
    scan(&small, at_head(), SLICE("GET / HTTP/1.1\r\nAaaaaaaaaaaaaaaaaaaaaaaaaa \r\n\r\n"));
    scan(&small, at_head(), SLICE("GET / HTTP/1.1\r\nA: b\r\nA: b\r\nA: b\r\n: b\r\n\r\n"));
}
END_TEST

START_TEST(a_request_line_has_one_form)
{
    static const struct {
        const char *line;
        enum err err;
    } cases[] = {
        {"GET / HTTP/1.1", ERR_OK},
        {"PATCH /v1/gc?x=1 HTTP/1.0", ERR_OK},
        {"OPTIONS * HTTP/1.1", ERR_OK},
        {"GET * HTTP/1.1", ERR_BAD_REQUEST},
        {"GET  / HTTP/1.1", ERR_BAD_REQUEST},
        {"GET /  HTTP/1.1", ERR_BAD_REQUEST},
        {"GET / HTTP/1.1 ", ERR_BAD_REQUEST},
        {"GET /a b HTTP/1.1", ERR_BAD_REQUEST},
        {"GET /", ERR_BAD_REQUEST},
        {"GET", ERR_BAD_REQUEST},
        {"GET /a#b HTTP/1.1", ERR_BAD_REQUEST},
        {"GET http://a/ HTTP/1.1", ERR_BAD_REQUEST},
        {"GET a HTTP/1.1", ERR_BAD_REQUEST},
        {"GET / http/1.1", ERR_BAD_REQUEST},
        {"GET / HTTP/1.10", ERR_BAD_REQUEST},
        {"GET / HTTP/01.1", ERR_BAD_REQUEST},
        {"GET / RTSP/1.0", ERR_BAD_REQUEST},
        {"GET / ICE/1.0", ERR_BAD_REQUEST},
        {"GET / HTTP/0.9", ERR_VERSION},
        {"GET / HTTP/1.2", ERR_VERSION},
        {"PRI * HTTP/2.0", ERR_NOT_IMPLEMENTED},
        {"GET / HTTP/2.0", ERR_VERSION},
        {"get / HTTP/1.1", ERR_NOT_IMPLEMENTED},
        {"BREW / HTTP/1.1", ERR_NOT_IMPLEMENTED},
        {"CONNECT a:80 HTTP/1.1", ERR_NOT_IMPLEMENTED},
        {"TRACE / HTTP/1.1", ERR_NOT_IMPLEMENTED},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct why why = {0};
        enum method m;
        enum err e = guard_request_line(slice_of(cases[i].line), &m, &why);

        ck_assert_msg(e == cases[i].err, "%s: %s", cases[i].line, err_name(e));
    }
}
END_TEST

/* The verdict on headers given as NAME, VALUE, ..., NULL. */
static enum err framing_of(bool http_1_1, const char *const *texts)
{
    struct guard_facts f = {0};

    for (; *texts != NULL; texts += 2)
        guard_note_header(&f, &(struct header){slice_of(texts[0]), slice_of(texts[1])});
    return guard_framing(&f, http_1_1, NULL);
}

#define FRAMING(http_1_1, ...) framing_of(http_1_1, (const char *const[]){__VA_ARGS__, NULL})

START_TEST(a_message_has_one_host_and_one_length)
{
    ck_assert_int_eq(FRAMING(true, "host", "a"), ERR_OK);
    ck_assert_int_eq(FRAMING(true, "X", "a"), ERR_BAD_REQUEST);
    ck_assert_int_eq(FRAMING(false, "X", "a"), ERR_OK);
    ck_assert_int_eq(FRAMING(true, "Host", "a", "HOST", "a"), ERR_BAD_REQUEST);
    ck_assert_int_eq(FRAMING(false, "Host", "a", "Host", "b"), ERR_BAD_REQUEST);
    ck_assert_int_eq(FRAMING(true, "Host", "a", "Origin", "b", "Origin", "b"), ERR_BAD_REQUEST);
    ck_assert_int_eq(FRAMING(true, "Host", "a", "Authorization", "Bearer b", "authorization", "Bearer c"),
                     ERR_BAD_REQUEST);
    ck_assert_int_eq(FRAMING(false, "Content-Length", "0"), ERR_OK);
    ck_assert_int_eq(FRAMING(false, "Content-Length", "9223372036854775807"), ERR_OK);
    ck_assert_int_eq(FRAMING(false, "Content-Length", "18446744073709551616"), ERR_BAD_REQUEST);
    ck_assert_int_eq(FRAMING(false, "Content-Length", ""), ERR_BAD_REQUEST);
    ck_assert_int_eq(FRAMING(false, "Content-Length", "+5"), ERR_BAD_REQUEST);
    ck_assert_int_eq(FRAMING(false, "Content-Length", "-5"), ERR_BAD_REQUEST);
    ck_assert_int_eq(FRAMING(false, "Content-Length", "0x5"), ERR_BAD_REQUEST);
    ck_assert_int_eq(FRAMING(false, "Content-Length", "5, 5"), ERR_BAD_REQUEST);
    ck_assert_int_eq(FRAMING(false, "Content-Length", "5", "content-length", "5"), ERR_BAD_REQUEST);
}
END_TEST

START_TEST(the_only_transfer_coding_is_a_lone_chunked)
{
    ck_assert_int_eq(FRAMING(true, "Host", "a", "Transfer-Encoding", "Chunked"), ERR_OK);
    ck_assert_int_eq(FRAMING(true, "Host", "a", "Transfer-Encoding", ""), ERR_NOT_IMPLEMENTED);
    ck_assert_int_eq(FRAMING(true, "Host", "a", "Transfer-Encoding", "gzip"), ERR_NOT_IMPLEMENTED);
    ck_assert_int_eq(FRAMING(true, "Host", "a", "Transfer-Encoding", "gzip, chunked"), ERR_NOT_IMPLEMENTED);
    ck_assert_int_eq(FRAMING(true, "Host", "a", "Transfer-Encoding", ",chunked"), ERR_NOT_IMPLEMENTED);
    ck_assert_int_eq(
        FRAMING(true, "Host", "a", "Transfer-Encoding", "chunked", "Transfer-Encoding", "chunked"),
        ERR_NOT_IMPLEMENTED);
    ck_assert_int_eq(FRAMING(false, "Transfer-Encoding", "chunked"), ERR_BAD_REQUEST);
    ck_assert_int_eq(FRAMING(true, "Host", "a", "Transfer-Encoding", "", "Content-Length", "1"),
                     ERR_BAD_REQUEST);
    ck_assert_int_eq(FRAMING(true, "Host", "a", "Content-Length", "1", "Transfer-Encoding", "chunked"),
                     ERR_BAD_REQUEST);
}
END_TEST

START_TEST(only_100_continue_may_be_expected)
{
    ck_assert_int_eq(FRAMING(true, "Host", "a", "Expect", "100-Continue"), ERR_OK);
    ck_assert_int_eq(FRAMING(true, "Host", "a", "Expect", "a-miracle"), ERR_EXPECTATION);
    ck_assert_int_eq(FRAMING(false, "Expect", "a-miracle"), ERR_OK); /* HTTP/1.0 knows no expectations */
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_well_formed_head_passes_and_what_follows_is_not_touched),
        TEST(a_byte_gets_the_same_verdict_wherever_it_stands, .rounds = 256),
        TEST(part_of_a_head_is_not_yet_anything),
        TEST(every_other_spelling_is_refused),
        TEST(a_trailer_is_judged_like_header_fields),
        TEST(each_limit_holds_at_its_byte_and_is_named),
        TEST(nothing_without_end_is_read_for_ever),
        TEST(both_a_limit_and_a_mistake_give_one_verdict_however_cut),
        TEST(a_request_line_has_one_form),
        TEST(a_message_has_one_host_and_one_length),
        TEST(the_only_transfer_coding_is_a_lone_chunked),
        TEST(only_100_continue_may_be_expected),
    };

    return unit_main(argc, argv, "guard", tests, ARRAY_LEN(tests));
}
