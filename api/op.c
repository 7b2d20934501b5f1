/*
 * op.c - the verbs of a batch and what their arguments are: the one table of both readers. See op.h.
 */
#include "api/op.h"
#include "heap/base/check.h"

static const struct op_kind kinds[OP_VERBS] = {
    [OP_NEW] = {{"new", sizeof "new" - 1}, 1, 2, {PART_CLASS, PART_FIELDS}},
    [OP_LIST] = {{"list", sizeof "list" - 1}, 1, 1, {PART_ITEMS}},
    [OP_BYTES] = {{"bytes", sizeof "bytes" - 1}, 1, 1, {PART_TEXT}},
    [OP_SET] = {{"set", sizeof "set" - 1}, 3, 3, {PART_TARGET, PART_PLACE, PART_VALUE}},
    [OP_UNSET] = {{"unset", sizeof "unset" - 1}, 2, 2, {PART_TARGET, PART_FIELD}},
    [OP_PUSH] = {{"push", sizeof "push" - 1}, 2, 2, {PART_TARGET, PART_VALUE}},
    [OP_HOLD] = {{"hold", sizeof "hold" - 1}, 1, 1, {PART_TARGET}},
    [OP_ROOT] = {{"root", sizeof "root" - 1}, 2, 2, {PART_ROOT, PART_TARGET}},
    [OP_UNROOT] = {{"unroot", sizeof "unroot" - 1}, 1, 1, {PART_ROOT}},
    [OP_WEAK] = {{"weak", sizeof "weak" - 1}, 2, 2, {PART_WEAK, PART_TARGET}},
    [OP_DROP] = {{"drop", sizeof "drop" - 1}, 1, 1, {PART_TARGET}},
    [OP_GET] = {{"get", sizeof "get" - 1}, 1, 1, {PART_TARGET}},
    [OP_IS] = {{"is", sizeof "is" - 1}, 3, 3, {PART_TARGET, PART_PLACE, PART_VALUE}},
    [OP_COLLECT] = {{"collect", sizeof "collect" - 1}, 0, 1, {PART_GENERATION}},
};

const struct op_kind *op_kind(enum op_verb verb)
{
    CHECK(verb < OP_VERBS);
    return &kinds[verb];
}

bool op_verb_named(struct slice name, enum op_verb *ret)
{
    for (enum op_verb v = 0; v < OP_VERBS; v++) {
        if (slice_eq(name, kinds[v].verb)) {
            *ret = v;
            return true;
        }
    }
    return false;
}

void op_fini(const struct decoder *d, struct op *op)
{
    value_fini(d, &op->value);
    fields_fini(d, &op->fields);
    items_fini(d, &op->items);
}
