/*
 * guard.c - see guard.h.
 *
 * The scan runs over stretches of plain bytes in small loops and decides only at the byte that ends one; a line that is
 * whole and plain, as nearly all are, is passed at once. A limit is compared before a byte is judged, so that a
 * line which is both too long and wrong gets the same verdict whether it came in one piece or in many.
 */
#include "daemon/guard.h"
#include "heap/base/check.h"
#include "heap/base/eight.h"
#include "heap/base/num.h"

/* ---- bytes ---- */

enum { VISIBLE = 1, TOKEN = 2, SPACE = 4, TAB = 8, HIGH = 16 };

#define IN_LINE  (VISIBLE | SPACE)
#define IN_VALUE (VISIBLE | SPACE | TAB | HIGH)

/* RFC 9110, 5.6.2: tchar is every visible byte but the delimiters. */
/* clang-format off */
static const uint8_t class_of[256] = {
    ['\t'] = TAB, [' '] = SPACE,
    ['!'] = VISIBLE | TOKEN,           ['"'] = VISIBLE,
    ['#' ... '\''] = VISIBLE | TOKEN,  ['(' ... ')'] = VISIBLE,
    ['*' ... '+'] = VISIBLE | TOKEN,   [','] = VISIBLE,
    ['-' ... '.'] = VISIBLE | TOKEN,   ['/'] = VISIBLE,
    ['0' ... '9'] = VISIBLE | TOKEN,   [':' ... '@'] = VISIBLE,
    ['A' ... 'Z'] = VISIBLE | TOKEN,   ['[' ... ']'] = VISIBLE,
    ['^' ... 'z'] = VISIBLE | TOKEN,   ['{'] = VISIBLE,
    ['|'] = VISIBLE | TOKEN,           ['}'] = VISIBLE,
    ['~'] = VISIBLE | TOKEN,
    [0x80 ... 0xff] = HIGH,
};
/* clang-format on */

static bool is(unsigned char byte, unsigned classes)
{
    return (class_of[byte] & classes) != 0;
}

void guard_begin_head(struct guard *g)
{
    *g = (struct guard){.state = GUARD_START};
}

void guard_begin_trailer(struct guard *g)
{
    *g = (struct guard){.state = GUARD_FIELD};
}

static enum err bad_byte(struct why *why, unsigned char byte, const char *where)
{
    if (byte == '\r')
        return why_set(why, ERR_BAD_REQUEST, "a CR %s", where);
    if (byte == '\n')
        return why_set(why, ERR_BAD_REQUEST, "a LF without a CR %s", where);
    return why_set(why, ERR_BAD_REQUEST, "byte 0x%02x %s", byte, where);
}

static enum err line_over(const struct settings *limits, struct why *why)
{
    return why_limit(why, ERR_URI_TOO_LONG, "request_line_bytes_max", limits->request_line_bytes_max,
                     "the request line is longer than %llu bytes",
                     (unsigned long long)limits->request_line_bytes_max);
}

static enum err fields_over(const struct settings *limits, struct why *why)
{
    return why_limit(why, ERR_HEADERS_TOO_LARGE, "header_bytes_max", limits->header_bytes_max,
                     "the header fields are longer than %llu bytes",
                     (unsigned long long)limits->header_bytes_max);
}

static enum err too_many_fields(const struct settings *limits, struct why *why)
{
    return why_limit(why, ERR_HEADERS_TOO_LARGE, "header_fields_max", limits->header_fields_max,
                     "there are more than %llu header fields", (unsigned long long)limits->header_fields_max);
}

/* True if eight bytes are all visible or blank; bytes above 0x7f too, where `high`. */
static bool is_plain_text(const unsigned char *p, bool high)
{
    uint64_t eight = eight_at(p);

    return (eight_below(eight, ' ') | eight_equal(eight, 0x7f) | (high ? 0 : eight_high(eight))) == 0;
}

/* The number of bytes at the start of [p, end) that are of these classes. */
static size_t run_of(const unsigned char *p, const unsigned char *end, unsigned classes)
{
    const unsigned char *at = p;

    while ((classes & SPACE) && end - at >= 8 && is_plain_text(at, classes & HIGH))
        at += 8;
    while (at < end && is(*at, classes))
        at++;
    return (size_t)(at - p);
}

/* One byte ends the request line: its CR, or a mistake. */
static enum err end_line(struct guard *g, unsigned char byte, struct why *why)
{
    if (byte != '\r')
        return bad_byte(why, byte, "in the request line");
    g->state = GUARD_LINE_LF;
    return ERR_OK;
}

static enum err begin_field(struct guard *g, const struct settings *limits, unsigned char byte,
                            struct why *why)
{
    if (byte == '\r') {
        g->state = GUARD_END_LF;
        return ERR_OK;
    }
    if (is(byte, SPACE | TAB))
        return why_set(why, ERR_BAD_REQUEST, "a header field is continued on a second line");
    if (byte == ':')
        return why_set(why, ERR_BAD_REQUEST, "a header field has an empty name");
    if (!is(byte, TOKEN))
        return bad_byte(why, byte, "at the start of a header field");
    if (++g->fields > limits->header_fields_max)
        return too_many_fields(limits, why);
    g->state = GUARD_NAME;
    return ERR_OK;
}

static enum err end_name(struct guard *g, unsigned char byte, struct why *why)
{
    if (byte != ':')
        return bad_byte(why, byte, "in the name of a header field");
    g->state = GUARD_VALUE;
    return ERR_OK;
}

static enum err end_value(struct guard *g, unsigned char byte, struct why *why)
{
    if (byte != '\r')
        return bad_byte(why, byte, "in the value of a header field");
    g->state = GUARD_VALUE_LF;
    return ERR_OK;
}

static enum err expect_lf(struct guard *g, unsigned char byte, enum guard_state next, struct why *why)
{
    if (byte != '\n')
        return why_set(why, ERR_BAD_REQUEST, "a CR without a LF in the head of the request");
    g->state = next;
    return ERR_OK;
}

/* The first byte of a line: an empty one, or the method's. */
static enum err begin_line(struct guard *g, const struct settings *limits, unsigned char byte,
                           struct why *why)
{
    if (byte != '\r' && !is(byte, TOKEN))
        return bad_byte(why, byte, "where a method is expected");
    g->state = byte == '\r' ? GUARD_START_LF : GUARD_LINE;
    return ++g->line_bytes > limits->request_line_bytes_max ? line_over(limits, why) : ERR_OK;
}

/* Judge the byte that does not belong to a stretch; the state says what may stand here. */
static enum err judge(struct guard *g, const struct settings *limits, unsigned char byte, struct why *why)
{
    switch (g->state) {
    case GUARD_START:
        return begin_line(g, limits, byte, why);
    case GUARD_START_LF:
        return expect_lf(g, byte, GUARD_START, why);
    case GUARD_LINE:
        return end_line(g, byte, why);
    case GUARD_LINE_LF:
    case GUARD_VALUE_LF:
        return expect_lf(g, byte, GUARD_FIELD, why);
    case GUARD_FIELD:
        return begin_field(g, limits, byte, why);
    case GUARD_NAME:
        return end_name(g, byte, why);
    case GUARD_VALUE:
        return end_value(g, byte, why);
    case GUARD_END_LF:
        return expect_lf(g, byte, GUARD_WHOLE, why);
    case GUARD_WHOLE:
    case GUARD_BROKEN:
        break;
    }
    UNREACHABLE();
}

/* Pass over what may stand here any number of times. */
static size_t skip_run(const struct guard *g, const unsigned char *p, const unsigned char *end)
{
    if (g->state == GUARD_LINE)
        return run_of(p, end, IN_LINE);
    if (g->state == GUARD_NAME)
        return run_of(p, end, TOKEN);
    if (g->state == GUARD_VALUE)
        return run_of(p, end, IN_VALUE);
    return 0;
}

static bool in_fields(const struct guard *g)
{
    return g->state >= GUARD_FIELD && g->state <= GUARD_END_LF;
}

/* Count n bytes of the section and compare. They are at most what one read brings, far below UINT32_MAX. */
static enum err count_bytes(struct guard *g, const struct settings *limits, size_t n, struct why *why)
{
    if (g->state == GUARD_LINE) {
        g->line_bytes += (uint32_t)n;
        return g->line_bytes > limits->request_line_bytes_max ? line_over(limits, why) : ERR_OK;
    }
    if (in_fields(g)) {
        g->field_bytes += (uint32_t)n;
        return g->field_bytes > limits->header_bytes_max ? fields_over(limits, why) : ERR_OK;
    }
    return ERR_OK;
}

/* One stretch and the byte behind it; *p moves past what was fine. */
static enum err scan_on(struct guard *g, const struct settings *limits, const unsigned char **p,
                        const unsigned char *end, struct why *why)
{
    size_t run = skip_run(g, *p, end);
    enum err e = count_bytes(g, limits, run, why);

    *p += run;
    if (e != ERR_OK || *p == end)
        return e;
    if (in_fields(g) && (e = count_bytes(g, limits, 1, why)) != ERR_OK)
        return e;
    e = judge(g, limits, **p, why);
    if (e == ERR_OK)
        (*p)++;
    return e;
}

static bool is_line_end(const unsigned char *p, const unsigned char *end)
{
    return end - p >= 2 && p[0] == '\r' && p[1] == '\n';
}

/* A request line that is all there, as most are. False if it is not, or anything is wrong with it, or too much: then its
 * bytes are judged one after the other. */
static bool take_line(struct guard *g, const struct settings *limits, const unsigned char **p, const unsigned char *end)
{
    size_t run = run_of(*p, end, IN_LINE);

    if (!is(**p, TOKEN) || !is_line_end(*p + run, end) || g->line_bytes + run > limits->request_line_bytes_max)
        return false;
    g->line_bytes += (uint32_t)run;
    g->state = GUARD_FIELD;
    *p += run + 2;
    return true;
}

/* The same of a field line. */
static bool take_field(struct guard *g, const struct settings *limits, const unsigned char **p,
                       const unsigned char *end)
{
    const unsigned char *colon = *p + run_of(*p, end, TOKEN), *cr;
    uint64_t bytes;

    if (colon == *p || colon == end || *colon != ':')
        return false;
    cr = colon + 1 + run_of(colon + 1, end, IN_VALUE);
    if (!is_line_end(cr, end))
        return false;
    bytes = g->field_bytes + (uint64_t)(cr + 2 - *p);
    if (g->fields >= limits->header_fields_max || bytes > limits->header_bytes_max)
        return false;
    g->fields++;
    g->field_bytes = (uint32_t)bytes;
    *p = cr + 2;
    return true;
}

enum guard_verdict guard_scan(struct guard *g, const struct settings *limits, struct slice bytes,
                              size_t *ret_used, struct why *why)
{
    const unsigned char *start = (const unsigned char *)bytes.data, *p = start, *end = start + bytes.len;

    CHECK(g->state < GUARD_WHOLE);
    while (p < end && g->state != GUARD_WHOLE) {
        if ((g->state == GUARD_START && take_line(g, limits, &p, end)) ||
            (g->state == GUARD_FIELD && take_field(g, limits, &p, end)))
            continue;
        if (scan_on(g, limits, &p, end, why) != ERR_OK) {
            g->state = GUARD_BROKEN;
            return GUARD_REFUSED;
        }
    }
    *ret_used = (size_t)(p - start);
    return g->state == GUARD_WHOLE ? GUARD_END : GUARD_MORE;
}

/* ---- whole heads ---- */

static enum err find_method(struct slice name, enum method *ret, struct why *why)
{
    static const char *const known[METHOD_COUNT_] = {
        [METHOD_GET] = "GET",         [METHOD_HEAD] = "HEAD",   [METHOD_POST] = "POST",
        [METHOD_PUT] = "PUT",         [METHOD_PATCH] = "PATCH", [METHOD_DELETE] = "DELETE",
        [METHOD_OPTIONS] = "OPTIONS",
    };

    for (size_t i = 0; i < METHOD_COUNT_; i++) {
        if (slice_is(name, known[i])) {
            *ret = (enum method)i;
            return ERR_OK;
        }
    }
    return why_set(why, ERR_NOT_IMPLEMENTED, "there is no method \"%.*s\" here",
                   (int)(name.len < 32 ? name.len : 32), name.data);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static enum err check_version(struct slice v, struct why *why)
{
    if (slice_is(v, "HTTP/1.1") || slice_is(v, "HTTP/1.0"))
        return ERR_OK;
    if (v.len == 8 && memcmp(v.data, "HTTP/", 5) == 0 && is_digit(v.data[5]) && v.data[6] == '.' &&
        is_digit(v.data[7]))
        return why_set(why, ERR_VERSION, "%.*s is not spoken here", (int)v.len, v.data);
    return why_set(why, ERR_BAD_REQUEST, "the request line does not end in HTTP/1.1 or HTTP/1.0");
}

static enum err check_target(enum method method, struct slice target, struct why *why)
{
    if (method == METHOD_OPTIONS && slice_is(target, "*"))
        return ERR_OK;
    if (target.len == 0 || target.data[0] != '/')
        return why_set(why, ERR_BAD_REQUEST, "the target of the request does not begin with '/'");
    if (memchr(target.data, '#', target.len) != NULL)
        return why_set(why, ERR_BAD_REQUEST, "the target of the request has a fragment");
    return ERR_OK;
}

enum err guard_request_line(struct slice line, enum method *ret_method, struct why *why)
{
    struct slice rest = line;
    struct slice method = slice_cut(&rest, ' '), target = slice_cut(&rest, ' '); /* one blank, and no more */
    enum err e;

    if ((e = find_method(method, ret_method, why)) || (e = check_version(rest, why)))
        return e;
    return check_target(*ret_method, target, why);
}

static void note(unsigned *count, struct slice *where, struct slice value)
{
    if (count != NULL)
        ++*count;
    *where = value;
}

/* The options of Connection that say what becomes of it; what else it lists is between others. */
static void note_connection(struct guard_facts *f, struct slice list)
{
    while (list.len > 0) {
        struct slice option = slice_trim(slice_cut(&list, ','));

        f->says_close |= slice_is_nocase(option, "close");
        f->says_keep_alive |= slice_is_nocase(option, "keep-alive");
    }
}

bool guard_keeps_alive(const struct guard_facts *f, bool http_1_1)
{
    return !f->says_close && (http_1_1 || f->says_keep_alive);
}

void guard_note_header(struct guard_facts *f, const struct header *h)
{
    switch (h->name.len) {
    case 4:
        if (slice_is_nocase(h->name, "Host"))
            note(&f->host_count, &f->host, h->value);
        break;
    case 6:
        if (slice_is_nocase(h->name, "Origin"))
            note(&f->origin_count, &f->origin, h->value);
        else if (slice_is_nocase(h->name, "Expect"))
            note(&f->expect_count, &f->expect, h->value);
        break;
    case 10:
        if (slice_is_nocase(h->name, "Connection"))
            note_connection(f, h->value);
        break;
    case 13:
        if (slice_is_nocase(h->name, "Authorization"))
            note(&f->authorization_count, &f->authorization, h->value);
        break;
    case 14:
        if (slice_is_nocase(h->name, "Content-Length"))
            note(&f->length_count, &f->length, h->value);
        else if (slice_is_nocase(h->name, "Sec-Fetch-Site"))
            note(NULL, &f->fetch_site, h->value);
        else if (slice_is_nocase(h->name, "Sec-Fetch-Mode"))
            note(NULL, &f->fetch_mode, h->value);
        break;
    case 17:
        if (slice_is_nocase(h->name, "Transfer-Encoding"))
            note(&f->coding_count, &f->coding, h->value);
        break;
    default:
        break;
    }
}

static enum err check_coding(const struct guard_facts *f, bool http_1_1, struct why *why)
{
    if (f->length_count > 0)
        return why_set(why, ERR_BAD_REQUEST, "Transfer-Encoding and Content-Length do not go together");
    if (!http_1_1)
        return why_set(why, ERR_BAD_REQUEST, "HTTP/1.0 has no Transfer-Encoding");
    if (f->coding_count > 1 || !slice_is_nocase(f->coding, "chunked"))
        return why_set(why, ERR_NOT_IMPLEMENTED, "the only transfer coding here is a lone `chunked`");
    return ERR_OK;
}

static enum err check_length(const struct guard_facts *f, struct why *why)
{
    uint64_t length;

    if (f->length_count > 1)
        return why_set(why, ERR_BAD_REQUEST, "there is more than one Content-Length");
    if (!parse_u64(f->length, INT64_MAX, &length))
        return why_set(why, ERR_BAD_REQUEST, "Content-Length is not one run of digits");
    return ERR_OK;
}

enum err guard_framing(const struct guard_facts *f, bool http_1_1, struct why *why)
{
    enum err e;

    if (f->host_count > 1 || (http_1_1 && f->host_count == 0))
        return why_set(why, ERR_BAD_REQUEST, "a request has exactly one Host, this one has %u",
                       f->host_count);
    if (f->coding_count > 0 && (e = check_coding(f, http_1_1, why)) != ERR_OK)
        return e;
    if (f->length_count > 0 && (e = check_length(f, why)) != ERR_OK)
        return e;
    if (f->origin_count > 1)
        return why_set(why, ERR_BAD_REQUEST, "there is more than one Origin");
    if (f->authorization_count > 1)
        return why_set(why, ERR_BAD_REQUEST, "there is more than one Authorization");
    if (f->expect_count > 0 && http_1_1 &&
        (f->expect_count > 1 || !slice_is_nocase(f->expect, "100-continue")))
        return why_set(why, ERR_EXPECTATION, "the only expectation understood is 100-continue");
    return ERR_OK;
}
