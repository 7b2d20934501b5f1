/*
 * decode.c - from bytes to json_t: one look at the bytes, then jansson.
 *
 * jansson recurses as deep as its input, and reads a NUL as the end of a string in its messages; so depth and
 * NUL are decided here, before it sees anything.
 */
#include "api/decode.h"
#include "api/json_mem.h"
#include "api/json_size.h"
#include "heap/base/check.h"

#define LOAD_FLAGS (JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL)
#define LENT_TEXT_BYTES (16u << 10) /* a text that may become up to 2 MiB of JSON */

/* The byte behind the string that begins before `at`. */
static size_t skip_string(struct slice text, size_t at)
{
    for (; at < text.len && text.data[at] != '"'; at++) {
        if (text.data[at] == '\\')
            at++;
    }
    return at + 1;
}

/* Brackets are counted whether they match or not: that is for jansson to say. */
static bool is_too_deep(struct slice text, size_t depth_max)
{
    size_t depth = 0;

    for (size_t at = 0; at < text.len;) {
        char c = text.data[at++];

        if (c == '"')
            at = skip_string(text, at);
        else if ((c == '[' || c == '{') && ++depth > depth_max)
            return true;
        else if ((c == ']' || c == '}') && depth > 0)
            depth--;
    }
    return false;
}

static enum err refuse_json(const json_error_t *error, struct why *why)
{
    switch (json_error_code(error)) {
    case json_error_numeric_overflow:
        return why_set(why, ERR_BAD_VALUE,
                       "a number at byte %d does not fit: integers are int64, reals finite", error->position);
    case json_error_null_byte_in_key:
        return why_set(why, ERR_BAD_VALUE, "a key at byte %d contains NUL", error->position);
    default:
        return why_set(why, ERR_BAD_JSON, "not JSON at byte %d: %s", error->position, error->text);
    }
}

/* What jansson has not read yet of the text; nothing more once the account has refused it something. */
static size_t feed(void *to, size_t size, void *ctx)
{
    struct slice *rest = ctx;
    size_t count = rest->len < size ? rest->len : size;

    if (json_mem_lent() || count == 0)
        return 0;
    memcpy(to, rest->data, count);
    rest->data += count;
    rest->len -= count;
    return count;
}

/* Of a short text what is lent until it is noticed is not much. */
static bool has_room(struct slice text)
{
    struct json_size size = {0};

    if (text.len <= LENT_TEXT_BYTES)
        return true;
    json_size_add(&size, text);
    return json_mem_has_room(json_size_bytes(&size));
}

enum err decode_json(struct slice text, size_t depth_max, json_t **ret, struct why *why)
{
    json_error_t error;
    json_t *json;

    if (text.len == 0)
        return why_set(why, ERR_BAD_JSON, "a JSON value is missing");
    if (memchr(text.data, '\0', text.len) != NULL)
        return why_set(why, ERR_BAD_JSON, "JSON contains no NUL byte");
    if (is_too_deep(text, depth_max))
        return why_limit(why, ERR_BAD_JSON, "json_depth_max", depth_max, "JSON is nested deeper than %zu",
                         depth_max);
    if (!has_room(text))
        return why_set(why, ERR_NOMEM, "no memory to read this JSON");
    json_mem_begin();
    json = json_load_callback(feed, &text, LOAD_FLAGS, &error);
    if (json_mem_lent()) {
        json_decref(json);
        return why_set(why, ERR_NOMEM, "no memory to read this JSON");
    }
    if (json == NULL)
        return refuse_json(&error, why);
    *ret = json;
    return ERR_OK;
}

struct slice json_slice(const json_t *string)
{
    CHECK(json_is_string(string));
    return (struct slice){json_string_value(string), json_string_length(string)};
}
