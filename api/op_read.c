/*
 * op_read.c - from json_t to an op: one function for each kind of argument, in the order of the line. See op.h.
 *
 * A target is an id like one in a path (404, 410); ids inside values are links (422).
 */
#include "api/op.h"
#include "gc/gc.h"

/* ---- arguments ---- */

typedef enum err reader(const struct decoder *d, enum op_part part, const json_t *json, struct op *op,
                        struct why *why);

static enum err read_target(const struct decoder *d, enum op_part part, const json_t *json, struct op *op,
                            struct why *why)
{
    enum err e = decode_id(d, json, &op->target, why);

    (void)part;
    return e ? e : heap_check(d->heap, op->target, why);
}

static enum err read_string(const json_t *json, const char *what, struct slice *ret, struct why *why)
{
    if (!json_is_string(json))
        return why_set(why, ERR_BAD_VALUE, "%s is a string", what);
    *ret = json_slice(json);
    return ERR_OK;
}

static enum err read_name(const struct decoder *d, enum op_part part, const json_t *json, struct op *op,
                          struct why *why)
{
    static const char *const names[OP_PARTS] = {[PART_CLASS] = "class name", [PART_FIELD] = "field name",
                                                [PART_PLACE] = "field name", [PART_ROOT] = "root name",
                                                [PART_WEAK] = "weak name"};
    enum err e = read_string(json, names[part], &op->name, why);

    (void)d;
    return e ? e : check_name(op->name, names[part], why);
}

static enum err read_place(const struct decoder *d, enum op_part part, const json_t *json, struct op *op,
                           struct why *why)
{
    json_int_t index = json_integer_value(json);

    if (!json_is_integer(json))
        return read_name(d, part, json, op, why);
    op->is_item = true;
    op->index = index >= 0 ? (uint64_t)index : UINT64_MAX;
    return ERR_OK;
}

static enum err read_value(const struct decoder *d, enum op_part part, const json_t *json, struct op *op,
                           struct why *why)
{
    (void)part;
    return decode_value(d, json, &op->value, why);
}

static enum err read_fields(const struct decoder *d, enum op_part part, const json_t *json, struct op *op,
                            struct why *why)
{
    (void)part;
    if (!json_is_object(json))
        return why_set(why, ERR_BAD_VALUE, "the fields of a new object are an object");
    return decode_fields(d, json, false, &op->fields, why);
}

static enum err read_items(const struct decoder *d, enum op_part part, const json_t *json, struct op *op,
                           struct why *why)
{
    (void)part;
    if (!json_is_array(json))
        return why_set(why, ERR_BAD_VALUE, "the items of a list are an array");
    return decode_items(d, json, &op->items, why);
}

static enum err read_text(const struct decoder *d, enum op_part part, const json_t *json, struct op *op,
                          struct why *why)
{
    (void)d;
    (void)part;
    return read_string(json, "the content of bytes", &op->name, why);
}

static enum err read_generation(const struct decoder *d, enum op_part part, const json_t *json, struct op *op,
                                struct why *why)
{
    json_int_t n = json_integer_value(json);

    (void)d;
    (void)part;
    if (!json_is_integer(json) || n < 0 || n >= GC_GENERATIONS)
        return why_set(why, ERR_BAD_VALUE, "a generation is 0, 1 or 2");
    op->generation = (int)n;
    return ERR_OK;
}

/* ---- the line ---- */

static enum err read_args(const struct decoder *d, const json_t *line, struct op *op, struct why *why)
{
    static reader *const reader_of[OP_PARTS] = {
        [PART_TARGET] = read_target, [PART_CLASS] = read_name,   [PART_FIELD] = read_name,
        [PART_ROOT] = read_name,     [PART_WEAK] = read_name,    [PART_PLACE] = read_place,
        [PART_VALUE] = read_value,   [PART_FIELDS] = read_fields, [PART_ITEMS] = read_items,
        [PART_TEXT] = read_text,     [PART_GENERATION] = read_generation,
    };
    const struct op_kind *kind = op_kind(op->verb);
    size_t count = json_array_size(line) - 1;
    enum err e = ERR_OK;

    if (count < kind->args_min || count > kind->args_max)
        return why_set(why, ERR_BAD_REQUEST, "%.*s has %zu arguments at most and %zu at least, not %zu",
                       (int)kind->verb.len, kind->verb.data, kind->args_max, kind->args_min, count);
    for (size_t i = 0; i < count && e == ERR_OK; i++)
        e = reader_of[kind->parts[i]](d, kind->parts[i], json_array_get(line, i + 1), op, why);
    return e;
}

enum err op_read(const struct decoder *d, const json_t *line, struct op *ret, struct why *why)
{
    const json_t *verb = json_array_get(line, 0); /* NULL if it is no array, or empty */
    struct op op = {.generation = GC_GENERATIONS - 1};
    enum err e;

    if (!json_is_string(verb) || !op_verb_named(json_slice(verb), &op.verb))
        return why_set(why, ERR_BAD_REQUEST,
                       "an op is an array that begins with a verb, as [\"get\",7] does");
    if ((e = read_args(d, line, &op, why)))
        return e; /* at most one argument makes something, and it is the last */
    *ret = op;
    return ERR_OK;
}
