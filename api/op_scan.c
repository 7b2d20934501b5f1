/*
 * op_scan.c - from bytes to an op, without anything between: one function for each kind of argument. See op.h.
 *
 * Every function takes what it knows off the front, or answers false; then the whole line goes to jansson, so none
 * needs to put back what it took. What stands here is RFC 8259 without escapes, without a number that a double or
 * 18 digits do not hold exactly, and without values in values. Strings are the bytes of the line.
 */
#include "api/op.h"
#include "gc/gc.h"
#include "heap/base/eight.h"
#include "heap/base/num.h"
#include <float.h>

#define INT_DIGITS_MAX  18 /* any such number is an int64 */
#define REAL_DIGITS_MAX 15 /* any such number of digits is a double, as is any power of ten up to 22 */

struct scan {
    const char *at, *end;
    const struct decoder *d;
    struct op_room *room;
};

/* ---- tokens ---- */

static inline void skip_blanks(struct scan *s)
{
    while (s->at < s->end && (*s->at == ' ' || *s->at == '\t' || *s->at == '\r'))
        s->at++;
}

static inline bool take(struct scan *s, char c)
{
    skip_blanks(s);
    if (s->at == s->end || *s->at != c)
        return false;
    s->at++;
    return true;
}

static inline bool take_word(struct scan *s, struct slice word)
{
    if ((size_t)(s->end - s->at) < word.len || memcmp(s->at, word.data, word.len) != 0)
        return false;
    s->at += word.len;
    return true;
}

/* Pass over what may stand in a string as it is, as far as eight bytes at a time reach. */
static inline void skip_plain(struct scan *s)
{
    while (s->end - s->at >= 8) {
        uint64_t eight = eight_at(s->at);
        uint64_t marked = eight_below(eight, ' ') | eight_equal(eight, '"') | eight_equal(eight, '\\') | eight_high(eight);

        if (marked != 0) {
            s->at += eight_first(marked);
            return;
        }
        s->at += 8;
    }
}

static bool scan_string(struct scan *s, struct slice *ret)
{
    const char *from;
    unsigned char bits = 0;

    if (!take(s, '"'))
        return false;
    from = s->at;
    for (skip_plain(s); s->at < s->end; s->at++) {
        unsigned char c = (unsigned char)*s->at;

        if (c == '"') {
            *ret = (struct slice){from, (size_t)(s->at++ - from)};
            return bits < 0x80 || utf8_valid(*ret);
        }
        if (c < 0x20 || c == '\\')
            return false;
        bits |= c;
    }
    return false;
}

/* The digits at the front as one number, if there are at most INT_DIGITS_MAX of them. */
static size_t take_digits(struct scan *s, uint64_t *number)
{
    const char *from = s->at;

    for (; s->at < s->end && *s->at >= '0' && *s->at <= '9' && s->at - from <= INT_DIGITS_MAX; s->at++)
        *number = *number * 10 + (uint64_t)(*s->at - '0');
    return (size_t)(s->at - from);
}

/* Digits and a power of ten that are exact: so their quotient is the nearest double, as strtod() would find it (Clinger,
 * "How to read floating point numbers accurately", PLDI 1990). */
static bool scan_fraction(struct scan *s, bool negative, uint64_t digits, size_t count, struct value *ret)
{
    static const double power_of_ten[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    size_t behind = take_digits(s, &digits);
    double real;

    if (behind == 0 || count + behind > REAL_DIGITS_MAX || FLT_EVAL_METHOD != 0)
        return false;
    real = (double)digits / power_of_ten[behind];
    *ret = (struct value){.kind = VALUE_REAL, .real = negative ? -real : real};
    return true;
}

static bool scan_number(struct scan *s, struct value *ret)
{
    bool negative = take(s, '-');
    const char *from = s->at;
    uint64_t digits = 0;
    size_t count = take_digits(s, &digits);

    if (count == 0 || count > INT_DIGITS_MAX || (*from == '0' && count > 1))
        return false;
    if (s->at < s->end && *s->at == '.') {
        s->at++;
        if (!scan_fraction(s, negative, digits, count, ret))
            return false;
    } else {
        *ret = value_int(negative ? -(int64_t)digits : (int64_t)digits);
    }
    return s->at == s->end || (*s->at != 'e' && *s->at != 'E');
}

static bool scan_integer(struct scan *s, int64_t *ret)
{
    struct value v;

    skip_blanks(s);
    if (!scan_number(s, &v) || v.kind != VALUE_INT)
        return false;
    *ret = v.integer;
    return true;
}

static inline bool next_is(struct scan *s, char c)
{
    skip_blanks(s);
    return s->at < s->end && *s->at == c;
}

/* ---- ids and values ---- */

static bool scan_name(struct scan *s, struct slice *ret)
{
    return scan_string(s, ret) && check_name(*ret, "name", NULL) == ERR_OK;
}

static bool scan_id(struct scan *s, obj_id *ret)
{
    struct slice name;
    int64_t id;

    if (next_is(s, '"'))
        return scan_string(s, &name) && s->d->name != NULL && s->d->name(s->d->ctx, name, ret, NULL) == ERR_OK;
    if (!scan_integer(s, &id) || id < 1 || (uint64_t)id > ID_MAX)
        return false;
    *ret = (obj_id)id;
    return true;
}

static bool scan_link(struct scan *s, struct value *ret)
{
    struct slice key;

    if (!take(s, '{') || !scan_string(s, &key) || !take(s, ':'))
        return false;
    if (slice_is(key, "$ref"))
        ret->kind = VALUE_LINK;
    else if (slice_is(key, "$weak"))
        ret->kind = VALUE_WEAK;
    else
        return false;
    if (!scan_id(s, &ret->id) || !take(s, '}'))
        return false;
    if (link_is_lost(s->d, ret))
        *ret = value_null();
    return true;
}

static bool scan_word(struct scan *s, struct slice word, enum value_kind kind, struct value *ret)
{
    ret->kind = kind;
    return take_word(s, word);
}

static bool scan_value(struct scan *s, struct value *ret)
{
    skip_blanks(s);
    switch (s->at < s->end ? *s->at : '\0') {
    case '"':
        ret->kind = VALUE_STRING;
        return scan_string(s, &ret->string);
    case '{':
        return scan_link(s, ret);
    case 'n':
        return scan_word(s, SLICE("null"), VALUE_NULL, ret);
    case 't':
        return scan_word(s, SLICE("true"), VALUE_TRUE, ret);
    case 'f':
        return scan_word(s, SLICE("false"), VALUE_FALSE, ret);
    default:
        return scan_number(s, ret);
    }
}

/* ---- arguments ---- */

typedef bool scanner(struct scan *s, struct op *op);

static bool scan_target(struct scan *s, struct op *op)
{
    return scan_id(s, &op->target) && heap_check(s->d->heap, op->target, NULL) == ERR_OK;
}

static bool scan_plain_name(struct scan *s, struct op *op)
{
    return scan_name(s, &op->name);
}

static bool scan_place(struct scan *s, struct op *op)
{
    int64_t index;

    if (next_is(s, '"'))
        return scan_name(s, &op->name);
    if (!scan_integer(s, &index) || index < 0)
        return false;
    op->is_item = true;
    op->index = (uint64_t)index;
    return true;
}

static bool scan_one_value(struct scan *s, struct op *op)
{
    return scan_value(s, &op->value.value);
}

static bool has_field(const struct field *fields, size_t count, struct slice name)
{
    while (count > 0 && !slice_eq(fields[count - 1].name, name))
        count--;
    return count > 0;
}

/* A name that begins with $ may mean another, or none. */
static bool scan_field(struct scan *s, const struct field *before, size_t count, struct field *ret)
{
    ret->unset = false;
    return scan_name(s, &ret->name) && ret->name.data[0] != '$' && !has_field(before, count, ret->name) &&
           take(s, ':') && scan_value(s, &ret->value);
}

static bool scan_fields(struct scan *s, struct op *op)
{
    struct field *fields = s->room->fields;
    size_t count = 0;

    if (!take(s, '{'))
        return false;
    op->fields.fields = fields;
    if (take(s, '}'))
        return true;
    do {
        if (count == RECORD_SLOTS_MAX || !scan_field(s, fields, count, &fields[count]))
            return false;
        count++;
    } while (take(s, ','));
    op->fields.count = count;
    return take(s, '}');
}

static bool scan_items(struct scan *s, struct op *op)
{
    struct value *items = s->room->items;
    size_t count = 0;

    if (!take(s, '['))
        return false;
    op->items.items = items;
    if (take(s, ']'))
        return true;
    do {
        if (count == OP_SCAN_ITEMS || !scan_value(s, &items[count]))
            return false;
        count++;
    } while (take(s, ','));
    op->items.count = count;
    return take(s, ']');
}

static bool scan_text(struct scan *s, struct op *op)
{
    return scan_string(s, &op->name);
}

static bool scan_generation(struct scan *s, struct op *op)
{
    int64_t n;

    if (!scan_integer(s, &n) || n < 0 || n >= GC_GENERATIONS)
        return false;
    op->generation = (int)n;
    return true;
}

/* ---- the line ---- */

/* An empty text may be nowhere. */
static struct scan scan_of(const struct decoder *d, struct slice text, struct op_room *room)
{
    return (struct scan){text.data, slice_from(text, text.len).data, d, room};
}

static bool scan_args(struct scan *s, struct op *op)
{
    static scanner *const scanner_of[OP_PARTS] = {
        [PART_TARGET] = scan_target,     [PART_CLASS] = scan_plain_name, [PART_FIELD] = scan_plain_name,
        [PART_ROOT] = scan_plain_name,   [PART_WEAK] = scan_plain_name,  [PART_PLACE] = scan_place,
        [PART_VALUE] = scan_one_value,   [PART_FIELDS] = scan_fields,    [PART_ITEMS] = scan_items,
        [PART_TEXT] = scan_text,         [PART_GENERATION] = scan_generation,
    };
    const struct op_kind *kind = op_kind(op->verb);
    size_t count = 0;

    for (; take(s, ','); count++) {
        if (count == kind->args_max || !scanner_of[kind->parts[count]](s, op))
            return false;
    }
    return count >= kind->args_min;
}

bool op_scan(const struct decoder *d, struct slice line, struct op_room *room, struct op *ret)
{
    struct scan s = scan_of(d, line, room);
    struct slice verb;

    *ret = (struct op){.generation = GC_GENERATIONS - 1};
    if (!take(&s, '[') || !scan_string(&s, &verb) || !op_verb_named(verb, &ret->verb) || !scan_args(&s, ret) ||
        !take(&s, ']'))
        return false;
    skip_blanks(&s);
    return s.at == s.end;
}

/* ---- the body of one object ---- */

enum { HAS_CLASS = 1, HAS_PARTS = 2 };

/* A member of it; *seen are those there were before. */
static bool scan_member(struct scan *s, unsigned *seen, struct op *op)
{
    struct slice key;
    unsigned is;

    if (!scan_string(s, &key) || !take(s, ':'))
        return false;
    is = slice_is(key, "class") ? HAS_CLASS : HAS_PARTS;
    if (*seen & is)
        return false;
    *seen |= is;
    if (is == HAS_CLASS)
        return scan_name(s, &op->name);
    if (slice_is(key, "fields"))
        return scan_fields(s, op);
    op->verb = OP_LIST;
    return slice_is(key, "items") && scan_items(s, op);
}

bool op_scan_object(const struct decoder *d, struct slice body, struct op_room *room, struct op *ret)
{
    struct scan s = scan_of(d, body, room);
    unsigned seen = 0;

    *ret = (struct op){.verb = OP_NEW};
    if (!take(&s, '{'))
        return false;
    do {
        if (!scan_member(&s, &seen, ret))
            return false;
    } while (take(&s, ','));
    if (ret->name.len == 0)
        ret->name = ret->verb == OP_LIST ? SLICE("list") : SLICE("object");
    if (!take(&s, '}'))
        return false;
    skip_blanks(&s);
    return s.at == s.end;
}

/* ---- parts ---- */

bool op_scan_fields(const struct decoder *d, struct slice text, struct op_room *room, struct op *ret)
{
    struct scan s = scan_of(d, text, room);

    *ret = (struct op){.verb = OP_NEW};
    return scan_fields(&s, ret) && s.at == s.end;
}

bool op_scan_items(const struct decoder *d, struct slice text, struct op_room *room, struct op *ret)
{
    struct scan s = scan_of(d, text, room);

    *ret = (struct op){.verb = OP_LIST};
    return scan_items(&s, ret) && s.at == s.end;
}

bool op_scan_value(const struct decoder *d, struct slice text, struct value *ret)
{
    struct scan s = scan_of(d, text, NULL);

    return scan_value(&s, ret) && s.at == s.end;
}
