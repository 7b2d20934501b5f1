/*
 * test_http.c - bytes become requests and bodies, whole or cut anywhere; replies become the bytes they
 * should.
 */
#include "daemon/http.h"
#include "daemon/clock.h"
#include "tests/unit/unit.h"

#define HOST    "Host: a\r\n"
#define LOG_MAX 4096

static const struct settings limits = {.request_line_bytes_max = 8192,
                                       .header_bytes_max = 16384,
                                       .header_fields_max = 64,
                                       .chunk_extension_bytes_max = 16};

/* A connection's parser, and what it has seen so far, written down. */
struct reader {
    struct http http;
    struct http_head head;
    char seen[LOG_MAX];
    struct why why;
};

static void note(struct reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(struct reader *r, const char *format, ...)
{
    size_t len = strlen(r->seen);
    va_list args;

    va_start(args, format);
    vsnprintf(r->seen + len, sizeof(r->seen) - len, format, args);
    va_end(args);
}

static void note_head(struct reader *r)
{
    const struct request *q = &r->head.request;

    note(r, "[%d %.*s?%.*s", (int)q->method, (int)q->path.len, q->path.data, (int)q->query.len,
         q->query.data);
    for (size_t i = 0; i < q->header_count; i++)
        note(r, " %.*s=%.*s", (int)q->headers[i].name.len, q->headers[i].name.data,
             (int)q->headers[i].value.len, q->headers[i].value.data);
    note(r, "%s%s]", q->has_body ? " body" : "", r->head.keep_alive ? "" : " close");
}

/* Read on as far as these bytes go; false when refused. What was not used is moved to their start. */
static bool read_on(struct reader *r, struct slice *in)
{
    for (;;) {
        struct slice body;

        switch (http_next(&r->http, &limits, in, &r->head, &body, &r->why)) {
        case HTTP_NEEDS_MORE:
            return true;
        case HTTP_GOT_HEAD:
            note_head(r);
            break;
        case HTTP_GOT_BODY:
            ck_assert_uint_gt(body.len, 0);
            note(r, "%.*s", (int)body.len, body.data);
            break;
        case HTTP_GOT_END:
            note(r, ".");
            break;
        case HTTP_REFUSED:
            note(r, "!%s", err_name(r->why.err));
            return false;
        }
    }
}

/* Read `bytes` in two parts; what was not used of the first is given again with the second behind it. */
static void read_cut(struct reader *r, struct slice bytes, size_t cut)
{
    struct slice in = {bytes.data, cut};

    memset(r, 0, sizeof(*r));
    http_init(&r->http);
    http_head_init(&r->head);
    if (!read_on(r, &in))
        return;
    in.len = (size_t)(bytes.data + bytes.len - in.data);
    read_on(r, &in);
}

static void reads_as(struct slice bytes, const char *expected)
{
    struct reader r;

    for (size_t cut = 0; cut <= bytes.len; cut++) {
        read_cut(&r, bytes, cut);
        ck_assert_msg(strcmp(r.seen, expected) == 0, "cut at %zu: %s, not %s", cut, r.seen, expected);
    }
}

START_TEST(a_request_is_read_with_its_headers_trimmed)
{
    reads_as(SLICE("GET /v1/objects/7?depth=2 HTTP/1.1\r\n" HOST "X:  a b \t\r\nE:\r\n\r\n"),
             "[0 /v1/objects/7?depth=2 Host=a X=a b E=].");
    reads_as(SLICE("\r\nOPTIONS * HTTP/1.1\r\n" HOST "\r\n"), "[6 *? Host=a].");
}
END_TEST

START_TEST(a_body_is_as_long_as_its_length_or_its_chunks_say)
{
    reads_as(SLICE("PUT /a HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhelloX"),
             "[3 /a? Host=a Content-Length=5 body]hello.");
    reads_as(SLICE("PUT /a HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n"),
             "[3 /a? Host=a Content-Length=0].");
    reads_as(SLICE("POST /a HTTP/1.1\r\n" HOST
                   "Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n10\r\n0123456789abcdef\r\n"
                   "0\r\nT: u\r\n\r\n"),
             "[2 /a? Host=a Transfer-Encoding=chunked body]abc0123456789abcdef.");
    reads_as(SLICE("POST /a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
             "[2 /a? Host=a Transfer-Encoding=chunked body].");
}
END_TEST

START_TEST(requests_follow_each_other)
{
    reads_as(SLICE("GET /1 HTTP/1.1\r\n" HOST "\r\nPUT /2 HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi\r\n"
                   "GET /3 HTTP/1.1\r\n" HOST "\r\n"),
             "[0 /1? Host=a].[3 /2? Host=a Content-Length=2 body]hi.[0 /3? Host=a].");
}
END_TEST

START_TEST(the_client_says_whether_the_connection_goes_on)
{
    reads_as(SLICE("GET / HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n"),
             "[0 /? Host=a Connection=close close].");
    reads_as(SLICE("GET / HTTP/1.0\r\n\r\n"), "[0 /? close].");
    reads_as(SLICE("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), "[0 /? Connection=keep-alive].");
    reads_as(SLICE("GET / HTTP/1.0\r\nConnection: x, \tKeep-Alive\t,y\r\n\r\n"),
             "[0 /? Connection=x, \tKeep-Alive\t,y].");
    reads_as(SLICE("GET / HTTP/1.1\r\n" HOST "Connection: x,Close\t\r\n\r\n"),
             "[0 /? Host=a Connection=x,Close close].");
    reads_as(SLICE("GET / HTTP/1.1\r\n" HOST "Connection: closed\r\nConnection:\r\n\r\n"),
             "[0 /? Host=a Connection=closed Connection=].");
}
END_TEST

START_TEST(an_upgrade_is_ignored)
{
    reads_as(SLICE("GET / HTTP/1.1\r\n" HOST
                   "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\nGET /2 HTTP/1.1\r\n" HOST "\r\n"),
             "[0 /? Host=a Connection=Upgrade Upgrade=h2c].[0 /2? Host=a].");
    reads_as(SLICE("PUT / HTTP/1.1\r\n" HOST
                   "Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 1\r\n\r\nxGET"),
             "[3 /? Host=a Connection=Upgrade Upgrade=h2c Content-Length=1 body]x.");
}
END_TEST

START_TEST(what_could_be_read_in_two_ways_is_refused)
{
    static const struct {
        struct slice bytes;
        const char *seen;
    } cases[] = {
        {SLICE("GET / HTTP/1.1\r\n\r\n"), "!BAD_REQUEST"},
        {SLICE("GET / HTTP/1.1\r\n" HOST HOST "\r\n"), "!BAD_REQUEST"},
        {SLICE("PUT / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx"), "!BAD_REQUEST"},
        {SLICE("PUT / HTTP/1.1\r\n" HOST "Content-Length: 5, 5\r\n\r\nhello"), "!BAD_REQUEST"},
        {SLICE("PUT / HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999\r\n\r\nx"), "!BAD_REQUEST"},
        {SLICE("PUT / HTTP/1.1\r\n" HOST "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
         "!BAD_REQUEST"},
        {SLICE("PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding:\r\nContent-Length: 1\r\n\r\nx"), "!BAD_REQUEST"},
        {SLICE("PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "!BAD_REQUEST"},
        {SLICE("PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip\r\n\r\n"), "!NOT_IMPLEMENTED"},
        {SLICE("PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\t\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
         "!BAD_REQUEST"},
        {SLICE("PUT / HTTP/1.1\r\n" HOST "Content-Length: 5\t\r\n\r\nhello"), "!BAD_REQUEST"},
        {SLICE("PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
         "!NOT_IMPLEMENTED"},
        {SLICE("GET / HTTP/2.0\r\n" HOST "\r\n"), "!VERSION"},
        {SLICE("GET / HTTP/1.1\nHost: a\n\n"), "!BAD_REQUEST"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        reads_as(cases[i].bytes, cases[i].seen);
}
END_TEST

#define CHUNKED "PUT / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"

START_TEST(bad_chunks_are_refused)
{
    static const char *const bad[] = {
        "x\r\n",
        "\r\n",
        "1\nx\r\n",
        "1\r\nxy\r\n",
        "1\r\nx\n0\r\n\r\n",
        "0x1\r\nx\r\n",
        "-1\r\n",
        "1 \r\nx\r\n",
        "5;a\rX\r\nhello\r\n",
        "ffffffffffffffffff\r\nx",
        "1;0123456789abcdef=y\r\nx\r\n",
        "0\r\nT : u\r\n\r\n",
        "0\r\nT: u\n\r\n",
        "0\r\n\n",
        "0\r\n folded\r\n\r\n",
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char text[256];
        struct slice bytes;
        struct reader r;

        snprintf(text, sizeof(text), CHUNKED "%s", bad[i]);
        bytes = slice_of(text);
        for (size_t cut = 0; cut <= bytes.len; cut++) {
            read_cut(&r, bytes, cut);
            ck_assert_msg(strchr(r.seen, '!') != NULL, "%s cut at %zu: %s", bad[i], cut, r.seen);
            ck_assert_msg(strchr(r.seen, '.') == NULL, "%s cut at %zu: %s", bad[i], cut, r.seen);
        }
    }
}
END_TEST

START_TEST(a_parser_is_idle_only_between_requests)
{
    struct reader r;
    struct slice bytes = SLICE("PUT / HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx");

    for (size_t len = 0; len <= bytes.len; len++) {
        read_cut(&r, (struct slice){bytes.data, len}, 0);
        ck_assert_int_eq(http_is_idle(&r.http), len == 0 || len == bytes.len);
    }
}
END_TEST

/* ---- replies ---- */

#define DATE          "Sun, 06 Nov 1994 08:49:37 GMT"
#define START(status) "HTTP/1.1 " status "\r\nDate: " DATE "\r\nHeapd-Instance: i1\r\n"

static struct http_answer an_answer(uint64_t length)
{
    return (struct http_answer){
        .http_1_1 = true, .keep_alive = true, .length = length, .date = DATE, .instance = SLICE("i1")};
}

static void writes(const struct reply *r, const struct http_answer *a, const char *expected)
{
    char out[HTTP_WRITE_HEAD_MAX + 1];

    out[http_write_head(out, r, a)] = '\0';
    ck_assert_str_eq(out, expected);
}

START_TEST(a_reply_has_a_type_and_a_length)
{
    struct http_answer a = an_answer(15);

    writes(&(struct reply){.status = 200, .content_type = "application/json"}, &a,
           START("200 OK") "Content-Type: application/json\r\nContent-Length: 15\r\n\r\n");
    a.length = 0;
    writes(&(struct reply){.status = 204, .write = true}, &a,
           START("204 No Content") "Heapd-Durable: 0\r\n\r\n");
    writes(&(struct reply){.status = 304, .has_etag = true, .etag = 0xab, .content_type = "x/y"}, &a,
           START("304 Not Modified") "ETag: \"00000000000000ab\"\r\n\r\n");
}
END_TEST

START_TEST(a_reply_says_what_api_found)
{
    struct http_answer a = an_answer(3);
    struct reply r = {.status = 201,
                      .content_type = "t/u",
                      .has_etag = true,
                      .etag = UINT64_MAX,
                      .write = true,
                      .location = "/v1/objects/7",
                      .allow = "GET, HEAD",
                      .replayed = true,
                      .retry_after_s = 2};

    writes(&r, &a,
           START("201 Created") "Content-Type: t/u\r\nX-Content-Type-Options: nosniff\r\nContent-Length: 3\r\nETag: \"ffffffffffffffff\"\r\n"
                                "Location: /v1/objects/7\r\nAllow: GET, HEAD\r\nRetry-After: 2\r\n"
                                "Heapd-Durable: 0\r\nIdempotent-Replayed: true\r\n\r\n");
}
END_TEST

START_TEST(a_range_is_named_and_one_outside_names_the_whole)
{
    struct http_answer a = an_answer(10);
    struct reply r = {.status = 206,
                      .content_type = "b/c",
                      .accept_ranges = true,
                      .has_range = true,
                      .payload_from = 90,
                      .payload_len = 10,
                      .range_total = 100};

    writes(&r, &a,
           START("206 Partial Content") "Content-Type: b/c\r\nX-Content-Type-Options: nosniff\r\nContent-Length: 10\r\nAccept-Ranges: bytes\r\n"
                                        "Content-Range: bytes 90-99/100\r\n\r\n");
    r = (struct reply){.status = 416, .content_type = "b/c", .has_range = true, .range_total = 100};
    writes(&r, &a,
           START("416 Range Not Satisfiable") "Content-Type: b/c\r\nX-Content-Type-Options: nosniff\r\nContent-Length: 10\r\n"
                                              "Content-Range: bytes */100\r\n\r\n");
}
END_TEST

START_TEST(the_end_of_the_connection_is_announced)
{
    struct http_answer a = an_answer(0);
    struct reply r = {.status = 200, .content_type = "t/u"};

    a.keep_alive = false;
    writes(&r, &a, START("200 OK") "Content-Type: t/u\r\nX-Content-Type-Options: nosniff\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    a.framing = HTTP_BY_CLOSE;
    writes(&r, &a, START("200 OK") "Content-Type: t/u\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n");
    a = an_answer(0);
    a.http_1_1 = false;
    writes(&r, &a,
           START("200 OK") "Content-Type: t/u\r\nX-Content-Type-Options: nosniff\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n");
}
END_TEST

START_TEST(a_chunk_begins_with_its_length)
{
    static const struct {
        size_t len;
        const char *line;
    } cases[] = {{1, "1\r\n"},
                 {15, "f\r\n"},
                 {16, "10\r\n"},
                 {0xabcde, "abcde\r\n"},
                 {SIZE_MAX, "ffffffffffffffff\r\n"}};
    struct http_answer a = an_answer(0);
    char out[HTTP_CHUNK_LINE_MAX + 1];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        out[http_write_chunk_line(out, cases[i].len)] = '\0';
        ck_assert_str_eq(out, cases[i].line);
    }
    a.framing = HTTP_BY_CHUNKS;
    writes(&(struct reply){.status = 200, .content_type = "t/u"}, &a,
           START("200 OK") "Content-Type: t/u\r\nX-Content-Type-Options: nosniff\r\nTransfer-Encoding: chunked\r\n\r\n");
}
END_TEST

START_TEST(the_fullest_head_fits)
{
    struct http_answer a = an_answer(UINT64_MAX);
    struct reply r = {.status = 599,
                      .content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8",
                      .has_etag = true,
                      .write = true,
                      .replayed = true,
                      .retry_after_s = UINT32_MAX,
                      .accept_ranges = true,
                      .has_range = true,
                      .payload_from = SIZE_MAX / 2,
                      .payload_len = SIZE_MAX / 2,
                      .range_total = UINT64_MAX};
    char out[HTTP_WRITE_HEAD_MAX], instance[HTTP_INSTANCE_MAX];

    memset(instance, 'i', sizeof(instance));
    a.instance = (struct slice){instance, sizeof(instance)};
    a.keep_alive = false;
    memset(r.location, 'l', sizeof(r.location) - 1);
    memset(r.allow, 'a', sizeof(r.allow) - 1);
    ck_assert_uint_lt(http_write_head(out, &r, &a), sizeof(out));
}
END_TEST

START_TEST(a_date_is_written_as_http_wants_it)
{
    char out[CLOCK_HTTP_DATE_BYTES + 1];

    clock_http_date(784111777, out);
    ck_assert_str_eq(out, DATE);
    clock_http_date(0, out);
    ck_assert_str_eq(out, "Thu, 01 Jan 1970 00:00:00 GMT");
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_request_is_read_with_its_headers_trimmed),
        TEST(a_body_is_as_long_as_its_length_or_its_chunks_say),
        TEST(requests_follow_each_other),
        TEST(the_client_says_whether_the_connection_goes_on),
        TEST(an_upgrade_is_ignored),
        TEST(what_could_be_read_in_two_ways_is_refused),
        TEST(bad_chunks_are_refused),
        TEST(a_parser_is_idle_only_between_requests),
        TEST(a_reply_has_a_type_and_a_length),
        TEST(a_reply_says_what_api_found),
        TEST(a_range_is_named_and_one_outside_names_the_whole),
        TEST(the_end_of_the_connection_is_announced),
        TEST(a_chunk_begins_with_its_length),
        TEST(the_fullest_head_fits),
        TEST(a_date_is_written_as_http_wants_it),
    };

    return unit_main(argc, argv, "http", tests, ARRAY_LEN(tests));
}
