/*
 * plain_http.c - see plain_http.h. The sections named are those of RFC 9112.
 */
#include "tests/fuzz/plain_http.h"
#include "heap/base/num.h"
#include <strings.h>

#define FIELDS_MAX 1000
#define CHUNK_DIGITS_MAX 16

/* ---- how it is written down ---- */

static void put(FILE *out, struct slice s)
{
    fwrite(s.data, 1, s.len, out);
}

void transcript_line(FILE *out, struct slice method, struct slice path, struct slice query)
{
    putc('[', out);
    put(out, method);
    putc(' ', out);
    put(out, path);
    putc('?', out);
    put(out, query);
}

void transcript_field(FILE *out, struct plain_field f)
{
    putc('\n', out);
    put(out, f.name);
    putc('=', out);
    put(out, f.value);
}

void transcript_head_end(FILE *out, bool has_body, bool keep_alive)
{
    fprintf(out, "%s%s]", has_body ? " body" : "", keep_alive ? "" : " close");
}

void transcript_end(FILE *out)
{
    fputs("<end>", out);
}

/* ---- pieces ---- */

static struct slice from(struct slice s, size_t n)
{
    return (struct slice){s.data + n, s.len - n};
}

/* Up to the first `mark`, which is taken too; false if there is none. */
static bool cut_at(struct slice *rest, const char *mark, struct slice *ret)
{
    const char *at = rest->len == 0 ? NULL : memmem(rest->data, rest->len, mark, strlen(mark));

    if (at == NULL)
        return false;
    *ret = (struct slice){rest->data, (size_t)(at - rest->data)};
    *rest = from(*rest, ret->len + strlen(mark));
    return true;
}

static bool nocase(struct slice s, const char *text)
{
    return s.len == strlen(text) && strncasecmp(s.data, text, s.len) == 0;
}

static struct slice trim(struct slice s)
{
    while (s.len > 0 && strchr(" \t", s.data[0]) != NULL)
        s = from(s, 1);
    while (s.len > 0 && strchr(" \t", s.data[s.len - 1]) != NULL)
        s.len--;
    return s;
}

static bool all(struct slice s, bool (*fits)(unsigned char))
{
    for (size_t i = 0; i < s.len; i++) {
        if (!fits((unsigned char)s.data[i]))
            return false;
    }
    return true;
}

static bool is_visible(unsigned char c)
{
    return c > ' ' && c < 0x7f;
}

static bool is_token(unsigned char c)
{
    return is_visible(c) && strchr("\"(),/:;<=>?@[\\]{}", c) == NULL;
}

static bool is_value(unsigned char c)
{
    return c == '\t' || (c >= ' ' && c != 0x7f);
}

/* ---- fields (5) ---- */

static bool read_field(struct slice line, struct plain_field *ret)
{
    struct slice value = line, name;

    if (!cut_at(&value, ":", &name) || name.len == 0 || !all(name, is_token) || !all(value, is_value))
        return false;
    *ret = (struct plain_field){name, trim(value)};
    return true;
}

/* How many fields have this name; *last is the last of them. */
static unsigned count(const struct plain_field *fields, size_t n, const char *name, struct slice *last)
{
    unsigned found = 0;

    for (size_t i = 0; i < n; i++) {
        if (nocase(fields[i].name, name)) {
            *last = fields[i].value;
            found++;
        }
    }
    return found;
}

/* Is `word` a member of one of the lists that fields of this name are (RFC 9110, 5.6.1)? */
static bool lists(const struct plain_field *fields, size_t n, const char *name, const char *word)
{
    for (size_t i = 0; i < n; i++) {
        struct slice rest = fields[i].value, member;

        if (!nocase(fields[i].name, name))
            continue;
        while (cut_at(&rest, ",", &member)) {
            if (nocase(trim(member), word))
                return true;
        }
        if (nocase(trim(rest), word))
            return true;
    }
    return false;
}

/* ---- the head (3, 6) ---- */

struct plain_head {
    bool http_1_1, chunked;
    uint64_t length;
};

static bool read_line(struct slice line, struct plain_head *head, FILE *out)
{
    static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    struct slice rest = line, method, target, path;
    bool known = false;

    if (!cut_at(&rest, " ", &method) || !cut_at(&rest, " ", &target) || !all(target, is_visible))
        return false;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        known |= slice_is(method, methods[i]);
    head->http_1_1 = slice_is(rest, "HTTP/1.1");
    if (!known || (!head->http_1_1 && !slice_is(rest, "HTTP/1.0")))
        return false;
    if (!(slice_is(method, "OPTIONS") && slice_is(target, "*")) &&
        (target.len == 0 || target.data[0] != '/' || memchr(target.data, '#', target.len) != NULL))
        return false;
    rest = target;
    if (!cut_at(&rest, "?", &path))
        path = target, rest = SLICE("");
    transcript_line(out, method, path, rest);
    return true;
}

static bool read_framing(const struct plain_field *fields, size_t n, struct plain_head *head)
{
    struct slice host, coding, length, expect;
    unsigned hosts = count(fields, n, "Host", &host), codings = count(fields, n, "Transfer-Encoding", &coding);
    unsigned lengths = count(fields, n, "Content-Length", &length), expects = count(fields, n, "Expect", &expect);

    head->length = 0;
    head->chunked = codings > 0;
    if (hosts > 1 || (head->http_1_1 && hosts == 0))
        return false;
    if (codings > 0 && (codings > 1 || lengths > 0 || !head->http_1_1 || !nocase(coding, "chunked")))
        return false;
    if (lengths > 0 && (lengths > 1 || !parse_u64(length, INT64_MAX, &head->length)))
        return false;
    return expects == 0 || !head->http_1_1 || (expects == 1 && nocase(expect, "100-continue"));
}

/* What must not be there twice, though the message would end where it ends. */
static bool is_single(const struct plain_field *fields, size_t n)
{
    struct slice value;

    return count(fields, n, "Origin", &value) <= 1 && count(fields, n, "Authorization", &value) <= 1;
}

static bool keeps_alive(const struct plain_field *fields, size_t n, bool http_1_1)
{
    if (lists(fields, n, "Connection", "close"))
        return false;
    return http_1_1 || lists(fields, n, "Connection", "keep-alive");
}

static bool read_head(struct slice text, struct plain_head *head, FILE *out)
{
    static struct plain_field fields[FIELDS_MAX];
    struct slice line;
    size_t n = 0;

    if (!cut_at(&text, "\r\n", &line) || !read_line(line, head, out))
        return false;
    while (cut_at(&text, "\r\n", &line)) {
        if (n == FIELDS_MAX || !read_field(line, &fields[n]))
            return false;
        transcript_field(out, fields[n++]);
    }
    if (!read_framing(fields, n, head) || !is_single(fields, n))
        return false;
    transcript_head_end(out, head->chunked || head->length > 0, keeps_alive(fields, n, head->http_1_1));
    return true;
}

/* ---- the body (6.2, 7.1) ---- */

static void put_some(struct slice *rest, uint64_t n, FILE *out)
{
    struct slice some = {rest->data, rest->len < n ? rest->len : (size_t)n};

    put(out, some);
    *rest = from(*rest, some.len);
}

static int digit(char c)
{
    const char *digits = "0123456789abcdef", *at = c == '\0' ? NULL : strchr(digits, c | 0x20);

    return at == NULL || (c < '0') ? -1 : (int)(at - digits);
}

/* "1f", "1f;name=value": what is behind the semicolon is of no meaning here, as long as it is one line. */
static bool read_chunk_line(struct slice line, uint64_t *ret)
{
    uint64_t n = 0;
    size_t i = 0;

    for (; i < line.len && digit(line.data[i]) >= 0; i++) {
        if (n >> 60 != 0)
            return false;
        n = n << 4 | (unsigned)digit(line.data[i]);
    }
    *ret = n;
    return i > 0 && (i == line.len || line.data[i] == ';') && all(from(line, i), is_value);
}

static bool read_trailer(struct slice *rest, enum plain_end *ret)
{
    struct slice line;
    struct plain_field f;

    for (;;) {
        if (!cut_at(rest, "\r\n", &line)) {
            *ret = PLAIN_MORE;
            return false;
        }
        if (line.len == 0)
            return true;
        if (!read_field(line, &f)) {
            *ret = PLAIN_REFUSED;
            return false;
        }
    }
}

/* True if the body is whole; else *ret is how it ended. */
static bool read_chunks(struct slice *rest, FILE *out, enum plain_end *ret)
{
    struct slice line;
    uint64_t n;

    for (;;) {
        *ret = PLAIN_MORE;
        if (!cut_at(rest, "\r\n", &line))
            return false;
        if (!read_chunk_line(line, &n)) {
            *ret = PLAIN_REFUSED;
            return false;
        }
        if (n == 0)
            return read_trailer(rest, ret);
        if (rest->len < n) {
            put_some(rest, n, out);
            return false;
        }
        put_some(rest, n, out);
        if (rest->len < 2) {
            *ret = rest->len == 1 && rest->data[0] != '\r' ? PLAIN_REFUSED : PLAIN_MORE;
            return false;
        }
        if (memcmp(rest->data, "\r\n", 2) != 0) {
            *ret = PLAIN_REFUSED;
            return false;
        }
        *rest = from(*rest, 2);
    }
}

static bool read_body(const struct plain_head *head, struct slice *rest, FILE *out, enum plain_end *ret)
{
    *ret = PLAIN_MORE;
    if (head->chunked)
        return read_chunks(rest, out, ret);
    if (rest->len < head->length) {
        put_some(rest, head->length, out);
        return false;
    }
    put_some(rest, head->length, out);
    return true;
}

enum plain_end plain_read(struct slice bytes, FILE *out)
{
    struct plain_head head = {0};
    struct slice text;
    enum plain_end end;

    for (;;) {
        while (bytes.len >= 2 && memcmp(bytes.data, "\r\n", 2) == 0)
            bytes = from(bytes, 2);
        if (!cut_at(&bytes, "\r\n\r\n", &text))
            return PLAIN_MORE;
        text.len += 2; /* each line has its end */
        if (!read_head(text, &head, out))
            return PLAIN_REFUSED;
        if (!read_body(&head, &bytes, out, &end))
            return end;
        transcript_end(out);
    }
}
