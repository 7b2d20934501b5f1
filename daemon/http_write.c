/*
 * http_write.c - see http.h: replies out.
 *
 * Text is put down byte by byte into room that is known to suffice: printf would cost more than the rest of a
 * small request. No header carries text that a client has chosen, so nothing can be smuggled into one.
 */
#include "api/wire.h"
#include "daemon/clock.h"
#include "daemon/http.h"
#include "heap/base/check.h"
#include "heap/base/eight.h"
#include "heap/base/num.h"

/* Where the next byte goes. */
struct pen {
    char *at, *end;
};

/* Inline, so that literals are stored and not copied. */
static inline __attribute__((always_inline)) void put(struct pen *p, struct slice text)
{
    CHECK(text.len <= (size_t)(p->end - p->at));
    memcpy(p->at, text.data, text.len);
    p->at += text.len;
}

static inline void put_text(struct pen *p, const char *text)
{
    put(p, slice_of(text));
}

static void put_number(struct pen *p, uint64_t n)
{
    char digits[NUM_TEXT_MAX];
    size_t len = print_u64(n, digits);

    put(p, (struct slice){digits, len});
}

/* The last `digits` of them, of 16. */
static void put_hex(struct pen *p, uint64_t n, int digits)
{
    CHECK(digits <= p->end - p->at);
    for (n <<= 4 * (16 - digits); digits > 0; digits--, n <<= 4)
        *p->at++ = "0123456789abcdef"[n >> 60];
}

/* clang-format off */
#define LINE(status, reason) [status] = {"HTTP/1.1 " #status " " reason "\r\n", sizeof("HTTP/1.1 " #status " " reason "\r\n") - 1}
static const struct slice line_of[600] = {
    LINE(200, "OK"),
    LINE(201, "Created"),
    LINE(202, "Accepted"),
    LINE(204, "No Content"),
    LINE(206, "Partial Content"),
    LINE(304, "Not Modified"),
    LINE(400, "Bad Request"),
    LINE(401, "Unauthorized"),
    LINE(403, "Forbidden"),
    LINE(404, "Not Found"),
    LINE(405, "Method Not Allowed"),
    LINE(406, "Not Acceptable"),
    LINE(408, "Request Timeout"),
    LINE(409, "Conflict"),
    LINE(410, "Gone"),
    LINE(411, "Length Required"),
    LINE(412, "Precondition Failed"),
    LINE(413, "Content Too Large"),
    LINE(414, "URI Too Long"),
    LINE(415, "Unsupported Media Type"),
    LINE(416, "Range Not Satisfiable"),
    LINE(417, "Expectation Failed"),
    LINE(422, "Unprocessable Content"),
    LINE(429, "Too Many Requests"),
    LINE(431, "Request Header Fields Too Large"),
    LINE(500, "Internal Server Error"),
    LINE(501, "Not Implemented"),
    LINE(503, "Service Unavailable"),
    LINE(505, "HTTP Version Not Supported"),
    LINE(507, "Insufficient Storage"),
};
/* clang-format on */

static void put_status(struct pen *p, int status)
{
    CHECK(status >= 200 && status < (int)ARRAY_LEN(line_of));
    if (line_of[status].len > 0) {
        put(p, line_of[status]);
        return;
    }
    put(p, SLICE("HTTP/1.1 "));
    put_number(p, (uint64_t)status);
    put(p, SLICE(" Status\r\n")); /* any text will do (RFC 9112, 4) */
}

/* `name` is a literal. */
static inline void put_header(struct pen *p, const char *name, const char *value)
{
    put_text(p, name);
    put(p, SLICE(": "));
    put_text(p, value);
    put(p, SLICE("\r\n"));
}

/* All eight digits of it at once: each half byte becomes a byte, and what is above 9 is moved up to the letters. */
static void put_eight_hex(struct pen *p, uint32_t n)
{
    uint64_t halves = n, letters;

    halves = (halves | halves << 16) & 0x0000ffff0000ffffu;
    halves = (halves | halves << 8) & 0x00ff00ff00ff00ffu;
    halves = (halves | halves << 4) & 0x0f0f0f0f0f0f0f0fu;
    letters = (halves + 6 * EIGHT_ONES) >> 4 & EIGHT_ONES;
    halves = htobe64(halves + '0' * EIGHT_ONES + ('a' - '0' - 10) * letters);
    put(p, (struct slice){(const char *)&halves, sizeof halves});
}

static void put_etag(struct pen *p, uint64_t etag)
{
    put(p, SLICE("ETag: \""));
    put_eight_hex(p, (uint32_t)(etag >> 32));
    put_eight_hex(p, (uint32_t)etag);
    put(p, SLICE("\"\r\n"));
}

/* 206: which bytes these are; 416: how many there would have been. */
static void put_content_range(struct pen *p, const struct reply *r)
{
    put(p, SLICE("Content-Range: bytes "));
    if (r->status == 416) {
        put(p, SLICE("*"));
    } else {
        CHECK(r->payload_len > 0);
        put_number(p, r->payload_from);
        put(p, SLICE("-"));
        put_number(p, r->payload_from + r->payload_len - 1);
    }
    put(p, SLICE("/"));
    put_number(p, r->range_total);
    put(p, SLICE("\r\n"));
}

/* 204 and 304 have no body by definition (RFC 9110, 8.6): not even an empty one is announced. */
static bool has_no_body(int status)
{
    return status == 204 || status == 304;
}

/* What is not JSON a browser might take for a script, and clients have written it. A JSON document is no script that does
 * anything; it is also what is asked for most, and goes without. */
static void put_type(struct pen *p, const char *type)
{
    put_header(p, "Content-Type", type);
    if (strcmp(type, WIRE_TYPE_JSON) != 0)
        put(p, SLICE("X-Content-Type-Options: nosniff\r\n"));
}

static void put_framing(struct pen *p, const struct reply *r, const struct http_answer *a)
{
    if (has_no_body(r->status))
        return;
    if (r->content_type != NULL)
        put_type(p, r->content_type);
    if (a->framing == HTTP_BY_CHUNKS)
        put(p, SLICE("Transfer-Encoding: chunked\r\n"));
    if (a->framing != HTTP_BY_LENGTH)
        return;
    put(p, SLICE("Content-Length: "));
    put_number(p, a->length);
    put(p, SLICE("\r\n"));
}

static void put_what_api_says(struct pen *p, const struct reply *r, const struct http_answer *a)
{
    if (r->has_etag)
        put_etag(p, r->etag);
    if (r->location[0] != '\0')
        put_header(p, "Location", r->location);
    if (r->challenge != NULL)
        put_header(p, "WWW-Authenticate", r->challenge);
    if (r->allow[0] != '\0')
        put_header(p, "Allow", r->allow);
    if (r->live)
        put(p, SLICE("Cache-Control: no-store\r\nX-Accel-Buffering: no\r\n")); /* the latter as nginx has it */
    if (r->more_headers != NULL)
        put_text(p, r->more_headers);
    if (r->accept_ranges)
        put(p, SLICE("Accept-Ranges: bytes\r\n"));
    if (r->has_range)
        put_content_range(p, r);
    if (r->retry_after_s > 0) {
        put(p, SLICE("Retry-After: "));
        put_number(p, r->retry_after_s);
        put(p, SLICE("\r\n"));
    }
    if (r->write)
        put(p, a->durable ? SLICE("Heapd-Durable: 1\r\n") : SLICE("Heapd-Durable: 0\r\n"));
    if (r->replayed)
        put_header(p, WIRE_HEADER_REPLAYED, "true");
}

/* HTTP/1.1 goes on unless it is said otherwise, HTTP/1.0 ends. */
static void put_connection(struct pen *p, const struct http_answer *a)
{
    if (!a->keep_alive)
        put(p, SLICE("Connection: close\r\n"));
    else if (!a->http_1_1)
        put(p, SLICE("Connection: keep-alive\r\n"));
}

size_t http_write_head(char out[HTTP_WRITE_HEAD_MAX], const struct reply *r, const struct http_answer *a)
{
    struct pen p = {out, out + HTTP_WRITE_HEAD_MAX};

    CHECK(a->instance.len <= HTTP_INSTANCE_MAX);
    CHECK(a->framing != HTTP_BY_CLOSE || !a->keep_alive);
    put_status(&p, r->status);
    put(&p, SLICE("Date: "));
    put(&p, (struct slice){a->date, CLOCK_HTTP_DATE_BYTES});
    put(&p, SLICE("\r\nHeapd-Instance: "));
    put(&p, a->instance);
    put(&p, SLICE("\r\n"));
    put_framing(&p, r, a);
    put_what_api_says(&p, r, a);
    put_connection(&p, a);
    put(&p, SLICE("\r\n"));
    return (size_t)(p.at - out);
}

size_t http_write_chunk_line(char out[HTTP_CHUNK_LINE_MAX], size_t len)
{
    struct pen p = {out, out + HTTP_CHUNK_LINE_MAX};
    int digits = 1;

    CHECK(len > 0);
    while (digits < 16 && len >> (4 * digits) != 0)
        digits++;
    put_hex(&p, len, digits);
    put(&p, SLICE("\r\n"));
    return (size_t)(p.at - out);
}
