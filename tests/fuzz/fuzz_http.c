/*
 * fuzz_http.c - bytes as all that a connection sends: guard and parser, whole and cut.
 *
 *     byte 0: into what pieces the rest is cut; byte 1, odd: under limits so small that most of them are met.
 *
 * What must hold, whatever the bytes: cut anywhere, they are read as they are read whole; what is taken is what
 * plain_http.c takes, request by request and byte by byte; what it refuses is refused.
 */
#include "tests/fuzz/plain_http.h"
#include "api/route.h"
#include "daemon/http.h"
#include "heap/base/check.h"
#include "tests/fuzz/fuzz.h"
#include <stdlib.h>

#define INPUT_BYTES_MAX (64u << 10)

static const struct settings large = {.request_line_bytes_max = INPUT_BYTES_MAX,
                                      .header_bytes_max = INPUT_BYTES_MAX,
                                      .header_fields_max = HTTP_FIELDS_MAX,
                                      .chunk_extension_bytes_max = INPUT_BYTES_MAX};
static const struct settings small = {.request_line_bytes_max = 40,
                                      .header_bytes_max = 80,
                                      .header_fields_max = 4,
                                      .chunk_extension_bytes_max = 6};

/* What came of reading, written down. */
struct transcript {
    char *text;
    size_t len;
    FILE *out;
    bool refused;
    struct why why;
};

static void open_transcript(struct transcript *t)
{
    *t = (struct transcript){.refused = false};
    t->out = open_memstream(&t->text, &t->len);
    CHECK(t->out != NULL);
}

static void close_transcript(struct transcript *t)
{
    CHECK(fclose(t->out) == 0);
}

/* ---- daemon/http.c's reading ---- */

static void note_head(FILE *out, const struct http_head *head)
{
    const struct request *r = &head->request;

    transcript_line(out, slice_of(method_name(r->method)), r->path, r->query);
    for (size_t i = 0; i < r->header_count; i++)
        transcript_field(out, (struct plain_field){r->headers[i].name, r->headers[i].value});
    transcript_head_end(out, r->has_body, head->keep_alive);
}

/* Read as far as *in goes; false once refused. */
static bool read_on(struct http *h, const struct settings *limits, struct http_head *head, struct slice *in,
                    struct transcript *t)
{
    struct slice body = SLICE("");

    for (;;) {
        switch (http_next(h, limits, in, head, &body, &t->why)) {
        case HTTP_NEEDS_MORE:
            return true;
        case HTTP_GOT_HEAD:
            note_head(t->out, head);
            break;
        case HTTP_GOT_BODY:
            CHECK(body.len > 0);
            fwrite(body.data, 1, body.len, t->out);
            break;
        case HTTP_GOT_END:
            transcript_end(t->out);
            break;
        case HTTP_REFUSED:
            CHECK(t->why.err != ERR_OK && t->why.text[0] != '\0');
            t->refused = true;
            return false;
        }
    }
}

/* The next piece's length: all the rest for dice 0, else 1 to 16. */
static size_t piece(uint32_t *dice, size_t left)
{
    size_t n;

    if (*dice == 0)
        return left;
    *dice = *dice * 1664525u + 1013904223u;
    n = 1 + (*dice >> 16) % 16;
    return n < left ? n : left;
}

/* Read all of `bytes`, in pieces as `dice` wills. Each piece lies in memory of its own, with what the parser has left of
 * those before in front of it: who reads past an end is seen to. */
static void read_pieces(struct slice bytes, const struct settings *limits, uint32_t dice, struct transcript *t)
{
    struct http_head *head = malloc(sizeof *head);
    char *kept = NULL;
    size_t kept_len = 0;
    struct http http;

    CHECK(head != NULL);
    http_init(&http);
    http_head_init(head);
    while (bytes.len > 0 && !t->refused) {
        size_t n = piece(&dice, bytes.len);
        char *block = malloc(kept_len + n);
        struct slice in = {block, kept_len + n};

        CHECK(block != NULL);
        if (kept_len > 0)
            memcpy(block, kept, kept_len);
        memcpy(block + kept_len, bytes.data, n);
        bytes = (struct slice){bytes.data + n, bytes.len - n};
        free(kept);
        (void)read_on(&http, limits, head, &in, t);
        kept_len = in.len;
        kept = malloc(kept_len + 1);
        CHECK(kept != NULL);
        memcpy(kept, in.data, kept_len);
        free(block);
    }
    free(kept);
    free(head);
}

/* ---- the claims ---- */

static void check_same(const struct transcript *whole, const struct transcript *cut)
{
    CHECK(slice_eq((struct slice){whole->text, whole->len}, (struct slice){cut->text, cut->len}));
    CHECK(whole->refused == cut->refused && whole->why.err == cut->why.err);
    CHECK(strcmp(whole->why.text, cut->why.text) == 0 && whole->why.limit_name == cut->why.limit_name);
}

static bool starts_with(const struct transcript *t, const struct transcript *start)
{
    return start->len <= t->len && memcmp(t->text, start->text, start->len) == 0;
}

/* Who is refused has been read as far as it was well. What the plain reader wrote of a head it then refused, the parser
 * never tells. */
static void check_plain(struct slice bytes, const struct transcript *read)
{
    struct transcript plain;
    enum plain_end end;

    open_transcript(&plain);
    end = plain_read(bytes, plain.out);
    close_transcript(&plain);
    CHECK(starts_with(&plain, read));
    CHECK(end == PLAIN_MORE || read->refused);
    CHECK(read->refused || plain.len == read->len);
    free(plain.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct transcript whole, cut;
    const struct settings *limits;
    struct slice bytes;

    if (size < 2 || size > INPUT_BYTES_MAX)
        return 0;
    limits = data[1] % 2 == 1 ? &small : &large;
    bytes = (struct slice){(const char *)data + 2, size - 2};
    open_transcript(&whole);
    open_transcript(&cut);
    read_pieces(bytes, limits, 0, &whole);
    read_pieces(bytes, limits, 1 + data[0], &cut);
    close_transcript(&whole);
    close_transcript(&cut);
    check_same(&whole, &cut);
    check_plain(bytes, &whole);
    free(whole.text);
    free(cut.text);
    return 0;
}
