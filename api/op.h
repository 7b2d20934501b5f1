/*
 * op.h - one op of a batch, understood and not yet carried out.
 *
 * A line becomes a struct op in one of two ways, and there is nothing in it that tells which:
 *
 *     op_scan()   reads the bytes, if they look like the ops that batches are made of: no escapes, no values in
 *                 values but links. It allocates nothing, makes nothing and refuses nothing: what it does not
 *                 recognise, and whatever is wrong in any way, is for the other;
 *     op_read()   reads what jansson made of the line, and says what is wrong with it.
 *
 * So there is one place that refuses (op_read), one that carries out (batch_ops.c), and one table that says what
 * the arguments of each verb are. That both readers agree is fuzzed (tests/fuzz/fuzz_op.c).
 */
#pragma once
#include "api/decode.h"

enum op_verb {
    OP_NEW, OP_LIST, OP_BYTES, OP_SET, OP_UNSET, OP_PUSH, OP_HOLD, OP_ROOT, OP_UNROOT, OP_WEAK, OP_DROP, OP_GET, OP_IS,
    OP_COLLECT, OP_VERBS
};

/* What an argument is. */
enum op_part {
    PART_TARGET,     /* an id: of an object that lives */
    PART_CLASS,      /* names, without the extra $ */
    PART_FIELD,
    PART_ROOT,
    PART_WEAK,
    PART_PLACE,      /* the name of a field, or the index of an item */
    PART_VALUE,
    PART_FIELDS,
    PART_ITEMS,
    PART_TEXT,       /* Base64 */
    PART_GENERATION,
    OP_PARTS
};

#define OP_ARGS_MAX 3

struct op_kind {
    struct slice verb;
    size_t args_min, args_max;
    enum op_part parts[OP_ARGS_MAX];
};

/* One has in it what its verb takes, and zeroes for the rest. Texts and arrays are borrowed, from the line, the
 * JSON or the room that it was read from. */
struct op {
    enum op_verb verb;
    obj_id target;
    struct slice name; /* of a class, field, root or weak reference; or the Base64 text */
    bool is_item;      /* the place is `index`; else it is the field `name` */
    uint64_t index;    /* UINT64_MAX: none that a list has */
    int generation;
    struct decoded value;
    struct decoded_fields fields;
    struct decoded_items items;
};

const struct op_kind *op_kind(enum op_verb verb);
/* False: there is no such verb. */
bool op_verb_named(struct slice name, enum op_verb *ret);

/* ---- op_scan.c ---- */

#define OP_SCAN_DEPTH  3 /* [..{..{"$ref":7}..}..] */
#define OP_SCAN_ITEMS  64

struct op_room {
    union {
        struct field fields[RECORD_SLOTS_MAX];
        struct value items[OP_SCAN_ITEMS];
    };
};

/* True: *ret is what op_read() would say of this line, and nothing is wrong with it that can be seen without
 * carrying it out. It lives as long as the line and the room. */
bool op_scan(const struct decoder *d, struct slice line, struct op_room *room, struct op *ret);

/* The same of the body of POST /v1/objects that has `class`, `fields` or `items`, each at most once, and nothing else: *ret
 * is the OP_NEW or OP_LIST that would make the object, its name the class. */
bool op_scan_object(const struct decoder *d, struct slice body, struct op_room *room, struct op *ret);

/* Parts of it for who has no op: ret->fields, ret->items, or a value, of text that is that and nothing else. */
bool op_scan_fields(const struct decoder *d, struct slice text, struct op_room *room, struct op *ret);
bool op_scan_items(const struct decoder *d, struct slice text, struct op_room *room, struct op *ret);
bool op_scan_value(const struct decoder *d, struct slice text, struct value *ret);

/* ---- op_read.c ---- */

/* ERR_BAD_REQUEST (no array, no verb, too many arguments or too few), and what the arguments may be refused for. It
 * lives as long as the JSON; what was made for it is let go of by op_fini(). */
enum err op_read(const struct decoder *d, const json_t *line, struct op *ret, struct why *why);
/* Of an op that was scanned it does nothing. */
void op_fini(const struct decoder *d, struct op *op);
