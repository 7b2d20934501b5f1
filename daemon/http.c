/*
 * http.c - see http.h: requests in. What goes out is in http_write.c.
 *
 * llhttp calls back; here that only notes what was seen, in a struct that lives for one call of http_next().
 * To hand out one thing at a time, a callback pauses the parser, which stands exactly behind what was
 * reported.
 */
#include "daemon/http.h"
#include "heap/base/check.h"
#include "heap/base/num.h"

_Static_assert(LLHTTP_VERSION_MAJOR >= 8, "older ones lack callbacks that the limits need");
_Static_assert(LLHTTP_VERSION_MAJOR > 8 || LLHTTP_STRICT_MODE == 1,
               "a loose llhttp 8 lets smuggled requests in");

#define CALL_MAGIC 0xca110001u

/* What one call of http_next() and the callbacks below it tell each other. */
struct call {
    uint32_t magic;
    struct http *http;
    const struct settings *limits;
    struct http_head *head; /* only while a head is parsed */
    struct slice target;
    struct slice body;
    bool head_whole, last_chunk, message_whole;
    struct why *why;
};

static struct call *call_of(void *data)
{
    struct call *c = data;

    CHECK_IS(c, CALL_MAGIC);
    return c;
}

/* ---- what llhttp reports ---- */

static int on_url(llhttp_t *parser, const char *at, size_t len)
{
    struct call *c = call_of(parser->data);

    CHECK(c->head != NULL && c->target.data == NULL); /* a head comes in one piece, so each text does */
    c->target = (struct slice){at, len};
    return 0;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t len)
{
    struct call *c = call_of(parser->data);

    if (c->head == NULL)
        return 0;                                           /* a trailer: nothing there is for us */
    CHECK(c->head->request.header_count < HTTP_FIELDS_MAX); /* the guard has counted */
    c->head->headers[c->head->request.header_count++] = (struct header){.name = {at, len}};
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t len)
{
    struct call *c = call_of(parser->data);

    if (c->head == NULL)
        return 0;
    CHECK(c->head->request.header_count > 0);

    struct slice *value = &c->head->headers[c->head->request.header_count - 1].value;

    if (value->data == NULL)
        *value = (struct slice){at, len};
    else
        value->len = (size_t)(at + len - value->data);
    return 0;
}

/* The parser counts as a new protocol what follows an Upgrade that we are free to ignore (RFC 9110, 7.8). */
static int on_headers_complete(llhttp_t *parser)
{
    struct call *c = call_of(parser->data);

    parser->upgrade = 0;
    c->head_whole = true;
    return HPE_PAUSED;
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    call_of(parser->data)->body = (struct slice){at, len};
    return HPE_PAUSED;
}

static int on_chunk_extension(llhttp_t *parser, const char *at, size_t len)
{
    struct call *c = call_of(parser->data);
    uint64_t max = c->limits->chunk_extension_bytes_max;

    (void)at;
    if (len > max || c->http->extension_bytes > max - len) {
        why_limit(c->why, ERR_TOO_LARGE, "chunk_extension_bytes_max", max,
                  "the chunk extensions are too long");
        return HPE_USER;
    }
    c->http->extension_bytes += (uint32_t)len;
    return 0;
}

static int on_chunk_header(llhttp_t *parser)
{
    struct call *c = call_of(parser->data);

    c->last_chunk = parser->content_length == 0;
    return c->last_chunk ? HPE_PAUSED : 0;
}

static int on_message_complete(llhttp_t *parser)
{
    call_of(parser->data)->message_whole = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t callbacks = {
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_chunk_extension_name = on_chunk_extension,
    .on_chunk_extension_value = on_chunk_extension,
    .on_chunk_header = on_chunk_header,
    .on_message_complete = on_message_complete,
};

/* ---- feeding it ---- */

void http_head_init(struct http_head *head)
{
    *head = (struct http_head){.magic = HTTP_HEAD_MAGIC};
}

static void begin_head(struct http *h)
{
    h->phase = HTTP_IN_HEAD;
    h->scanned = 0;
    h->extension_bytes = 0;
    guard_begin_head(&h->guard);
}

void http_init(struct http *h)
{
    *h = (struct http){.phase = HTTP_IN_HEAD};
    begin_head(h);
}

bool http_is_idle(const struct http *h)
{
    return h->phase == HTTP_IN_HEAD && h->guard.state == GUARD_START;
}

static void take(struct slice *in, size_t n)
{
    CHECK(n <= in->len);
    in->data += n;
    in->len -= n;
}

static enum err refusal_of(llhttp_errno_t e, const llhttp_t *parser, struct why *why)
{
    const char *reason = llhttp_get_error_reason(parser);

    if (e == HPE_USER)
        return why->err; /* a callback has said what it is */
    if (e == HPE_INVALID_METHOD)
        return why_set(why, ERR_NOT_IMPLEMENTED, "the method is not implemented");
    if (e == HPE_INVALID_VERSION)
        return why_set(why, ERR_VERSION, "this version of HTTP is not spoken here");
    return why_set(why, ERR_BAD_REQUEST, "the request is not HTTP: %s",
                   reason == NULL ? "bad syntax" : reason);
}

/* Let llhttp look at `bytes` until it is through or a callback pauses it; moves *bytes past what it used. */
static enum err execute(struct call *c, struct slice *bytes)
{
    llhttp_t *parser = &c->http->parser;
    llhttp_errno_t e;

    parser->data = c;
    e = llhttp_execute(parser, bytes->data, bytes->len);
    parser->data = NULL;
    if (e == HPE_OK) {
        take(bytes, bytes->len);
        return ERR_OK;
    }
    if (e != HPE_PAUSED)
        return refusal_of(e, parser, c->why);
    take(bytes, (size_t)(llhttp_get_error_pos(parser) - bytes->data));
    llhttp_resume(parser);
    return ERR_OK;
}

/* ---- heads ---- */

/* The request line of a head, without its CR LF and without the empty lines before it. */
static struct slice request_line(struct slice head)
{
    while (head.data[0] == '\r')
        take(&head, 2);

    const char *cr = memchr(head.data, '\r', head.len);

    CHECK(cr != NULL); /* the guard has seen it */
    return (struct slice){head.data, (size_t)(cr - head.data)};
}

static void finish_headers(struct http_head *head)
{
    for (size_t i = 0; i < head->request.header_count; i++) {
        struct header *h = &head->headers[i];

        h->value = slice_trim(h->value);
        guard_note_header(&head->facts, h);
    }
}

static void finish_request(struct http_head *head, const llhttp_t *parser, struct slice target)
{
    struct request *r = &head->request;
    const char *mark = memchr(target.data, '?', target.len);
    size_t path_len = mark == NULL ? target.len : (size_t)(mark - target.data);
    bool chunked = (parser->flags & F_CHUNKED) != 0;

    r->path = (struct slice){target.data, path_len};
    r->query = mark == NULL ? SLICE("") : (struct slice){mark + 1, target.len - path_len - 1};
    r->headers = head->headers;
    r->framed = head->facts.coding_count > 0 || head->facts.length_count > 0;
    r->length_known = !chunked;
    r->length = chunked ? 0 : parser->content_length;
    r->has_body = chunked || r->length > 0;
    head->http_1_1 = parser->http_minor == 1;
    head->keep_alive = guard_keeps_alive(&head->facts, head->http_1_1);
}

/* Guard and parser must mean the same body: llhttp takes `chunked` with a tab behind it for a coding it does not know,
 * and the chunks for the next request. */
static enum err check_agreement(const struct http_head *head, struct why *why)
{
    bool chunked = head->facts.coding_count > 0;
    uint64_t length = 0;

    if (head->facts.length_count > 0)
        CHECK(parse_u64(head->facts.length, INT64_MAX, &length)); /* the guard has */
    if (chunked == head->request.length_known || length != head->request.length)
        return why_set(why, ERR_BAD_REQUEST, "where the body ends can be read in two ways");
    return ERR_OK;
}

/* `bytes` is a head that the guard has passed. */
static enum err parse_head(struct call *c, struct slice bytes)
{
    struct http_head *head = c->head;
    llhttp_t *parser = &c->http->parser;
    enum err e;

    head->request = (struct request){0};
    head->facts = (struct guard_facts){0};
    llhttp_init(parser, HTTP_REQUEST, &callbacks);
    if ((e = guard_request_line(request_line(bytes), &head->request.method, c->why)) ||
        (e = execute(c, &bytes)))
        return e;
    if (!c->head_whole || bytes.len > 0)
        return why_set(c->why, ERR_BAD_REQUEST, "the head of the request ends where it should not");
    finish_headers(head);
    finish_request(head, parser, c->target);
    if ((e = guard_framing(&head->facts, head->http_1_1, c->why)))
        return e;
    return check_agreement(head, c->why);
}

/* Pass the section that *in begins with to the guard. HTTP_NEEDS_MORE, HTTP_REFUSED, or HTTP_GOT_END: *ret is
 * the whole section, and *in stands behind it. */
static enum http_event scan_section(struct http *h, const struct settings *limits, struct slice *in,
                                    struct slice *ret, struct why *why)
{
    struct slice unseen = {in->data + h->scanned, in->len - h->scanned};
    size_t used;

    CHECK(h->scanned <= in->len);
    switch (guard_scan(&h->guard, limits, unseen, &used, why)) {
    case GUARD_MORE:
        h->scanned = in->len;
        return HTTP_NEEDS_MORE;
    case GUARD_REFUSED:
        return HTTP_REFUSED;
    case GUARD_END:
        break;
    }
    *ret = (struct slice){in->data, h->scanned + used};
    take(in, ret->len);
    h->scanned = 0;
    return HTTP_GOT_END;
}

static enum http_phase phase_behind(const struct request *r)
{
    if (!r->has_body)
        return HTTP_AT_END;
    return r->length_known ? HTTP_IN_BODY : HTTP_IN_CHUNKS;
}

static enum http_event next_head(struct call *c, struct slice *in)
{
    struct http *h = c->http;
    struct slice bytes;
    enum http_event seen = scan_section(h, c->limits, in, &bytes, c->why);

    if (seen != HTTP_GOT_END)
        return seen;
    if (parse_head(c, bytes) != ERR_OK)
        return HTTP_REFUSED;
    h->phase = phase_behind(&c->head->request);
    h->body_left = c->head->request.length;
    return HTTP_GOT_HEAD;
}

/* ---- bodies ---- */

/* Of a known length: there is nothing to parse. */
static enum http_event next_body(struct http *h, struct slice *in, struct slice *ret_body)
{
    size_t n = in->len < h->body_left ? in->len : (size_t)h->body_left;

    if (n == 0)
        return HTTP_NEEDS_MORE;
    *ret_body = (struct slice){in->data, n};
    take(in, n);
    h->body_left -= n;
    if (h->body_left == 0)
        h->phase = HTTP_AT_END;
    return HTTP_GOT_BODY;
}

static enum http_event next_chunk(struct call *c, struct slice *in, struct slice *ret_body)
{
    struct http *h = c->http;

    if (execute(c, in) != ERR_OK)
        return HTTP_REFUSED;
    if (c->last_chunk) {
        h->phase = HTTP_IN_TRAILER;
        guard_begin_trailer(&h->guard);
    }
    if (c->body.len == 0)
        return HTTP_NEEDS_MORE;
    *ret_body = c->body;
    return HTTP_GOT_BODY;
}

static enum http_event next_trailer(struct call *c, struct slice *in)
{
    struct http *h = c->http;
    struct slice bytes;
    enum http_event seen = scan_section(h, c->limits, in, &bytes, c->why);

    if (seen != HTTP_GOT_END)
        return seen;
    if (execute(c, &bytes) != ERR_OK)
        return HTTP_REFUSED;
    if (!c->message_whole || bytes.len > 0) {
        why_set(c->why, ERR_BAD_REQUEST, "the trailer of the request ends where it should not");
        return HTTP_REFUSED;
    }
    h->phase = HTTP_AT_END;
    return HTTP_NEEDS_MORE;
}

enum http_event http_next(struct http *h, const struct settings *limits, struct slice *in,
                          struct http_head *head, struct slice *ret_body, struct why *why)
{
    struct call c = {.magic = CALL_MAGIC, .http = h, .limits = limits, .why = why};
    enum http_event seen = HTTP_NEEDS_MORE;
    enum http_phase before;

    CHECK_IS(head, HTTP_HEAD_MAGIC);
    do {
        before = h->phase;
        switch (before) {
        case HTTP_IN_HEAD:
            c.head = head;
            return next_head(&c, in);
        case HTTP_IN_BODY:
            return next_body(h, in, ret_body);
        case HTTP_IN_CHUNKS:
            seen = next_chunk(&c, in, ret_body);
            break;
        case HTTP_IN_TRAILER:
            seen = next_trailer(&c, in);
            break;
        case HTTP_AT_END:
            begin_head(h);
            return HTTP_GOT_END;
        }
    } while (seen == HTTP_NEEDS_MORE && h->phase != before);
    return seen;
}
