/*
 * json_size.c - see json_size.h.
 *
 * The sizes are those of jansson 2.14 on 64 bits, rounded up to JSON_ALIGN. Its tables double as they grow: all those of
 * an array of n > 8 items together have less than 4 (n - 1) entries, and of an object likewise.
 */
#include "api/json_size.h"
#include "api/json_mem.h"

#define ARRAY_BYTES  112u /* 8 entries included */
#define OBJECT_BYTES 208u /* 8 buckets included */
#define COMMA_BYTES  32u  /* 4 entries of an array */
#define COLON_BYTES  136u /* 4 buckets, and the pair but for its key */
#define STRING_BYTES 48u  /* and a key is copied once more, in front of its pair */
#define SCALAR_BYTES 32u
#define TOKEN_TIMES  4u   /* the buffer of the longest token doubles too */

static void end_token(struct json_size *s)
{
    if (s->token > s->longest_token)
        s->longest_token = s->token;
    s->token = 0;
    s->state = SIZE_BETWEEN;
}

static void begin_token(struct json_size *s, char c)
{
    s->token = 1;
    if (c == '"') {
        s->strings++;
        s->state = SIZE_IN_STRING;
    } else {
        s->scalars++;
        s->state = SIZE_IN_SCALAR;
    }
}

/* A byte outside of strings. */
static void add_byte(struct json_size *s, char c)
{
    size_t *count = NULL;

    switch (c) {
    case '[': count = &s->arrays; break;
    case '{': count = &s->objects; break;
    case ',': count = &s->commas; break;
    case ':': count = &s->colons; break;
    case ']': case '}': case ' ': case '\t': case '\n': case '\r': break;
    default:
        if (s->state == SIZE_IN_SCALAR && c != '"')
            s->token++;
        else
            begin_token(s, c);
        return;
    }
    if (s->state == SIZE_IN_SCALAR)
        end_token(s);
    if (count != NULL)
        ++*count;
}

/* The byte behind what of a string is in `text`. */
static size_t add_string(struct json_size *s, struct slice text, size_t at)
{
    size_t from = at;

    for (; at < text.len && s->state != SIZE_BETWEEN; at++) {
        char c = text.data[at];

        if (s->state == SIZE_ESCAPED)
            s->state = SIZE_IN_STRING;
        else if (c == '\\')
            s->state = SIZE_ESCAPED;
        else if (c == '"')
            s->state = SIZE_BETWEEN;
    }
    s->token += at - from;
    if (s->state == SIZE_BETWEEN) {
        s->string_bytes += s->token;
        end_token(s);
    }
    return at;
}

void json_size_add(struct json_size *s, struct slice text)
{
    for (size_t at = 0; at < text.len;) {
        if (s->state == SIZE_IN_STRING || s->state == SIZE_ESCAPED)
            at = add_string(s, text, at);
        else
            add_byte(s, text.data[at++]);
    }
    if (s->token > s->longest_token)
        s->longest_token = s->token;
}

size_t json_size_bytes(const struct json_size *s)
{
    size_t bytes = s->arrays * ARRAY_BYTES + s->objects * OBJECT_BYTES + s->commas * COMMA_BYTES +
                   s->colons * COLON_BYTES + s->strings * STRING_BYTES + s->scalars * SCALAR_BYTES +
                   2 * s->string_bytes + TOKEN_TIMES * s->longest_token;

    return bytes + bytes / JSON_CHUNK_WASTE + 2 * JSON_CHUNK_BYTES;
}
