/*
 * redo_line.c - lines taken apart without being decoded (redo.h): where each argument begins and ends.
 *
 * The text is our own, but may have rotted: nothing here reads past its end or believes a number it has not checked. What is
 * no JSON inside an argument is found by whoever decodes it.
 */
#include "api/redo.h"
#include "heap/base/num.h"
#include "heap/pool.h"

static const struct verb {
    const char *name;
    size_t args;
} verbs[REDO_VERBS] = {
    [REDO_NEW] = {"new", 4},       [REDO_SET] = {"set", 3},         [REDO_UNSET] = {"unset", 2}, [REDO_PUSH] = {"push", 2},
    [REDO_PUT] = {"put", 3},       [REDO_CUT] = {"cut", 2},         [REDO_BYTES] = {"bytes", 1}, [REDO_ROOT] = {"root", 2},
    [REDO_UNROOT] = {"unroot", 1}, [REDO_WEAK] = {"weak", 2},       [REDO_UNWEAK] = {"unweak", 1}, [REDO_SESSION] = {"session", 4},
    [REDO_END] = {"end", 1},       [REDO_HOLD] = {"hold", 2},       [REDO_DROP] = {"drop", 2},   [REDO_POOL] = {"pool", 3},
    [REDO_DEAD] = {"dead", 2},     [REDO_SETTING] = {"setting", 2},    [REDO_ANSWER] = {"answer", 4},
    [REDO_ANSWERED] = {"answered", 1},
};

const char *redo_verb_name(enum redo_verb verb)
{
    return verbs[verb].name;
}

/* ---- where a value ends ---- */

/* Behind the string that begins at text[at]; 0: it does not end. */
static size_t skip_string(struct slice text, size_t at)
{
    for (at++; at < text.len; at++) {
        const char *quote = memchr(text.data + at, '"', text.len - at);
        size_t escapes = 0;

        if (quote == NULL)
            return 0;
        at = (size_t)(quote - text.data);
        while (text.data[at - 1 - escapes] == '\\') /* the opening quote stops it */
            escapes++;
        if (escapes % 2 == 0)
            return at + 1;
    }
    return 0;
}

static bool is_end(char c)
{
    return c == ',' || c == ']' || c == '}' || c == ':';
}

static size_t skip_scalar(struct slice text, size_t at)
{
    while (at < text.len && !is_end(text.data[at]))
        at++;
    return at;
}

/* Behind the array or object that begins at text[at]; 0: it does not end. */
static size_t skip_container(struct slice text, size_t at)
{
    size_t depth = 0;

    while (at < text.len) {
        char c = text.data[at];

        if (c == '"') {
            if ((at = skip_string(text, at)) == 0)
                return 0;
            continue;
        }
        depth += c == '[' || c == '{';
        depth -= c == ']' || c == '}';
        at++;
        if (depth == 0)
            return at;
    }
    return 0;
}

/* 0: there is no value. */
static size_t skip_value(struct slice text)
{
    if (text.len == 0 || is_end(text.data[0]))
        return 0;
    if (text.data[0] == '"')
        return skip_string(text, 0);
    if (text.data[0] == '[' || text.data[0] == '{')
        return skip_container(text, 0);
    return skip_scalar(text, 0);
}

/* Takes a value off the front. */
static bool take_value(struct slice *rest, struct slice *ret)
{
    size_t len = skip_value(*rest);

    *ret = (struct slice){rest->data, len};
    *rest = slice_from(*rest, len);
    return len > 0;
}

static bool take_char(struct slice *rest, char c)
{
    if (rest->len == 0 || rest->data[0] != c)
        return false;
    *rest = slice_from(*rest, 1);
    return true;
}

/* ---- arrays and objects ---- */

bool redo_open(struct slice json, char bracket, struct slice *ret)
{
    char end = bracket == '[' ? ']' : '}';

    if (json.len < 2 || json.data[0] != bracket || json.data[json.len - 1] != end)
        return false;
    *ret = (struct slice){json.data + 1, json.len - 2};
    return true;
}

bool redo_next_part(struct slice *rest, struct slice *ret_name, struct slice *ret_value)
{
    struct slice before = *rest;

    *ret_name = SLICE("");
    if (!take_value(rest, ret_value))
        return false;
    if (take_char(rest, ':')) {
        *ret_name = *ret_value;
        if (!take_value(rest, ret_value)) {
            *rest = before;
            return false;
        }
    }
    if (rest->len == 0 || (take_char(rest, ',') && rest->len > 0))
        return true;
    *rest = before;
    return false;
}

/* ---- the line ---- */

static bool verb_named(struct slice json, enum redo_verb *ret)
{
    if (json.len < 2 || json.data[0] != '"')
        return false;
    json = (struct slice){json.data + 1, json.len - 2};
    for (size_t i = 0; i < REDO_VERBS; i++)
        if (slice_is(json, verbs[i].name)) {
            *ret = (enum redo_verb)i;
            return true;
        }
    return false;
}

static bool split(struct slice line, struct redo_line *ret)
{
    struct slice rest, verb, name;
    size_t count = 0;

    if (!redo_open(line, '[', &rest) || !redo_next_part(&rest, &name, &verb) || name.len > 0 || !verb_named(verb, &ret->verb))
        return false;
    while (count < verbs[ret->verb].args && redo_next_part(&rest, &name, &ret->arg[count]) && name.len == 0)
        count++;
    return count == verbs[ret->verb].args && rest.len == 0;
}

enum err redo_split(struct slice line, struct redo_line *ret, struct why *why)
{
    if (split(line, ret))
        return ERR_OK;
    return why_set(why, ERR_BAD_VALUE, "this is no change: %.*s", (int)(line.len < 80 ? line.len : 80), line.data);
}

/* ---- plain arguments ---- */

bool redo_number(struct slice json, uint64_t max, uint64_t *ret)
{
    return parse_u64(json, max, ret);
}

int redo_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool read_bits(struct slice hex, uint64_t *ret)
{
    for (uint32_t i = 0; i < hex.len; i++) {
        int digit = redo_hex_digit(hex.data[i]);

        if (digit < 0)
            return false;
        ret[i / 16] |= (uint64_t)digit << i % 16 * 4;
    }
    return hex.len == POOL_CELLS / 4;
}

bool redo_cells(struct slice json, uint64_t *ret)
{
    struct slice rest, name, value;
    uint64_t place;

    memset(ret, 0, POOL_WORDS * sizeof *ret);
    if (json.len == POOL_CELLS / 4 + 2 && json.data[0] == '"')
        return read_bits((struct slice){json.data + 1, json.len - 2}, ret);
    if (!redo_open(json, '[', &rest))
        return false;
    while (redo_next_part(&rest, &name, &value)) {
        if (name.len > 0 || !redo_number(value, POOL_CELLS - 1, &place))
            return false;
        bits_add(ret, (uint32_t)place);
    }
    return rest.len == 0;
}
