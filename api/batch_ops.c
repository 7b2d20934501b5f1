/*
 * batch_ops.c - what each op of a batch does: one function an op, in the order of the API's table.
 *
 * An op finds its arguments in an array of the length the table allows. Its target is an id like one in a
 * path (404, 410); ids inside values are links (422). It writes its answer last.
 */
#include "api/base64.h"
#include "api/batch.h"
#include "api/documents.h"
#include "heap/base/check.h"
#include "heap/base/num.h"
#include "heap/root.h"
#include "heap/weak.h"

static struct heap *heap_of(const struct batch *b)
{
    return b->task->api->heap;
}

/* ---- arguments ---- */

static const json_t *arg(const json_t *op, size_t i)
{
    return json_array_get(op, i); /* NULL if it was left out */
}

enum err batch_name(void *ctx, struct slice text, obj_id *ret, struct why *why)
{
    const struct batch *b = ctx;
    uint64_t number;
    obj_id id = 0;

    if (text.len < 2 || text.data[0] != '@' ||
        !parse_u64((struct slice){text.data + 1, text.len - 1}, UINT32_MAX - 1, &number))
        return why_set(why, ERR_BAD_VALUE, "%.*s is not an id: that is an integer, or \"@n\"", (int)text.len,
                       text.data);
    if (b->made != NULL)
        id = scope_get(b->made->scope, (uint32_t)number);
    if (id == 0)
        return why_set(why, ERR_BAD_VALUE, "op %llu of this batch has made no object",
                       (unsigned long long)number);
    *ret = id;
    return ERR_OK;
}

static enum err read_target(const struct batch *b, const json_t *json, obj_id *ret, struct why *why)
{
    obj_id id;
    enum err e;

    if ((e = decode_id(&b->decoder, json, &id, why)) || (e = heap_check(heap_of(b), id, why)))
        return e;
    *ret = id;
    return ERR_OK;
}

static enum err read_string(const json_t *json, const char *what, struct slice *ret, struct why *why)
{
    if (!json_is_string(json))
        return why_set(why, ERR_BAD_VALUE, "%s is a string", what);
    *ret = json_slice(json);
    return ERR_OK;
}

static enum err read_name(const json_t *json, const char *what, struct slice *ret, struct why *why)
{
    enum err e;

    if ((e = read_string(json, what, ret, why)))
        return e;
    return check_name(*ret, what, why);
}

/* A field of a record, by name, or an item of a list, by index. */
struct place_in {
    obj_id id;
    bool is_item;
    struct slice field;
    uint64_t index;
};

static enum err read_place(const struct batch *b, const json_t *op, struct place_in *ret, struct why *why)
{
    const json_t *key = arg(op, 2);
    struct place_in p = {0};
    enum err e;

    if ((e = read_target(b, arg(op, 1), &p.id, why)))
        return e;
    if (json_is_integer(key)) {
        p.is_item = true;
        p.index =
            json_integer_value(key) >= 0 ? (uint64_t)json_integer_value(key) : UINT64_MAX; /* no such item */
    } else if ((e = read_name(key, "field name", &p.field, why))) {
        return e;
    }
    *ret = p;
    return ERR_OK;
}

/* ---- answers ---- */

static enum err answer_nothing(struct batch *b)
{
    out_open_object(&b->task->out);
    out_close_object(&b->task->out);
    return ERR_OK;
}

static enum err answer_u64(struct batch *b, const char *key, uint64_t n)
{
    out_open_object(&b->task->out);
    out_member_u64(&b->task->out, key, n);
    out_close_object(&b->task->out);
    return ERR_OK;
}

/* ---- new, list, bytes: the batch holds what it makes ---- */

/* Make sure that there is a scope to keep an object in. */
static enum err open_scope(struct batch *b, struct why *why)
{
    struct mem *mem = b->task->api->mem;

    if (b->made != NULL)
        return ERR_OK;
    struct scope_end *made = mem_zalloc(mem, sizeof *made);

    if (made != NULL && (made->scope = scope_open(heap_of(b))) == NULL) {
        mem_free(mem, made, sizeof *made);
        made = NULL;
    }
    b->made = made;
    return made != NULL ? ERR_OK : why_set(why, ERR_NOMEM, "no memory to hold what a batch makes");
}

static enum err keep_and_answer(struct batch *b, obj_id id, struct why *why)
{
    enum err e = scope_keep(b->made->scope, b->op, id, why);

    return e ? e : answer_u64(b, "id", id);
}

/* ["new","Node",{"val":1}] */
static enum err op_new(struct batch *b, const json_t *op, struct why *why)
{
    struct label label = {.site = b->decoder.site};
    struct decoded_fields f = {0};
    const json_t *fields = arg(op, 2);
    obj_id id;
    enum err e;

    if ((e = read_name(arg(op, 1), "class name", &label.class, why)))
        return e;
    if (fields != NULL && !json_is_object(fields))
        return why_set(why, ERR_BAD_VALUE, "the fields of a new object are an object");
    if ((e = open_scope(b, why)) ||
        (fields != NULL && (e = decode_fields(&b->decoder, fields, false, &f, why))))
        return e;
    e = heap_new_record(heap_of(b), label, f.fields, f.count, &id, why);
    fields_fini(&b->decoder, &f);
    return e ? e : keep_and_answer(b, id, why);
}

/* ["list",[1,2]] */
static enum err op_list(struct batch *b, const json_t *op, struct why *why)
{
    struct label label = {SLICE("list"), b->decoder.site};
    struct decoded_items l;
    obj_id id;
    enum err e;

    if (!json_is_array(arg(op, 1)))
        return why_set(why, ERR_BAD_VALUE, "the items of a list are an array");
    if ((e = open_scope(b, why)) || (e = decode_items(&b->decoder, arg(op, 1), &l, why)))
        return e;
    e = heap_new_list(heap_of(b), label, l.items, l.count, &id, why);
    items_fini(&b->decoder, &l);
    return e ? e : keep_and_answer(b, id, why);
}

static enum err decode_bytes(struct batch *b, struct slice text, struct payload **ret, struct why *why)
{
    struct payload *p;
    size_t len;

    if (!base64_length(text, &len))
        return why_set(why, ERR_BAD_VALUE, "bytes are Base64, padded to a multiple of 4 characters");
    p = payload_create(b->task->api->mem, len);
    if (p == NULL)
        return why_set(why, ERR_NOMEM, "no memory for %zu bytes", len);
    if (!base64_decode(text, p->data)) {
        payload_release(&p);
        return why_set(why, ERR_BAD_VALUE, "bytes are Base64: A-Z a-z 0-9 + / and = at the end");
    }
    *ret = p;
    return ERR_OK;
}

/* ["bytes","BASE64"] */
static enum err op_bytes(struct batch *b, const json_t *op, struct why *why)
{
    struct label label = {SLICE("bytes"), b->decoder.site};
    struct payload *payload;
    struct slice text;
    obj_id id;
    enum err e;

    if ((e = read_string(arg(op, 1), "the content of bytes", &text, why)) || (e = open_scope(b, why)) ||
        (e = decode_bytes(b, text, &payload, why)))
        return e;
    e = heap_new_bytes(heap_of(b), label, &payload, &id, why);
    payload_release(&payload);
    return e ? e : keep_and_answer(b, id, why);
}

/* ---- set, unset, push ---- */

static enum err set_place(struct batch *b, const struct place_in *p, const struct value *v, struct why *why)
{
    if (p->is_item)
        return heap_set_item(heap_of(b), p->id, p->index, v, why);
    return heap_edit_record(heap_of(b), p->id, &(struct field){.name = p->field, .value = *v}, 1, why);
}

/* ["set",7,"next",{"$ref":8}]  ["set",8,0,"first"] */
static enum err op_set(struct batch *b, const json_t *op, struct why *why)
{
    struct place_in p;
    struct decoded v;
    enum err e;

    if ((e = read_place(b, op, &p, why)) || (e = decode_value(&b->decoder, arg(op, 3), &v, why)))
        return e;
    e = set_place(b, &p, &v.value, why);
    value_fini(&b->decoder, &v);
    return e ? e : answer_nothing(b);
}

/* ["unset",7,"next"] */
static enum err op_unset(struct batch *b, const json_t *op, struct why *why)
{
    struct slice name;
    obj_id id;
    enum err e;

    if ((e = read_target(b, arg(op, 1), &id, why)) || (e = read_name(arg(op, 2), "field name", &name, why)) ||
        (e = heap_unset_field(heap_of(b), id, name, why)))
        return e;
    return answer_nothing(b);
}

/* ["push",8,"x"] */
static enum err op_push(struct batch *b, const json_t *op, struct why *why)
{
    struct decoded v;
    uint64_t index;
    obj_id id;
    enum err e;

    if ((e = read_target(b, arg(op, 1), &id, why)) || (e = decode_value(&b->decoder, arg(op, 2), &v, why)))
        return e;
    e = heap_push_item(heap_of(b), id, &v.value, &index, why);
    value_fini(&b->decoder, &v);
    return e ? e : answer_u64(b, "index", index);
}

/* ---- hold, root, unroot, weak, drop ---- */

/* ["hold",7] */
static enum err op_hold(struct batch *b, const json_t *op, struct why *why)
{
    struct object_info info;
    obj_id id;
    enum err e;

    if ((e = read_target(b, arg(op, 1), &id, why)) ||
        (e = session_hold(b->task->api->sessions, b->task->session, id, why)) ||
        (e = heap_info(heap_of(b), id, &info, why)))
        return e;
    return answer_u64(b, "refs", info.refs);
}

/* ["root","cache",7] */
static enum err op_root(struct batch *b, const json_t *op, struct why *why)
{
    struct slice name;
    obj_id id;
    enum err e;

    if ((e = read_target(b, arg(op, 2), &id, why)) || (e = read_name(arg(op, 1), "root name", &name, why)) ||
        (e = root_put(heap_of(b), name, id, NULL, why)))
        return e;
    return answer_nothing(b);
}

/* ["unroot","cache"] */
static enum err op_unroot(struct batch *b, const json_t *op, struct why *why)
{
    struct slice name;
    enum err e;

    if ((e = read_name(arg(op, 1), "root name", &name, why)) || (e = root_delete(heap_of(b), name, why)))
        return e;
    return answer_nothing(b);
}

/* ["weak","watched",7] */
static enum err op_weak(struct batch *b, const json_t *op, struct why *why)
{
    struct slice name;
    obj_id id;
    enum err e;

    if ((e = read_target(b, arg(op, 2), &id, why)) || (e = read_name(arg(op, 1), "weak name", &name, why)) ||
        (e = weak_put(heap_of(b), name, id, NULL, why)))
        return e;
    return answer_nothing(b);
}

/* ["drop",7] */
static enum err op_drop(struct batch *b, const json_t *op, struct why *why)
{
    struct object_info info;
    obj_id id;
    enum err e;

    if ((e = read_target(b, arg(op, 1), &id, why)) ||
        (e = session_drop(b->task->api->sessions, b->task->session, id, why)))
        return e;
    bool alive = heap_info(heap_of(b), id, &info, NULL) == ERR_OK;

    out_open_object(&b->task->out);
    out_member_bool(&b->task->out, "alive", alive);
    if (alive)
        out_member_u64(&b->task->out, "refs", info.refs);
    out_close_object(&b->task->out);
    return ERR_OK;
}

/* ---- get, is, collect ---- */

/* ["get",7] */
static enum err op_get(struct batch *b, const json_t *op, struct why *why)
{
    obj_id id;
    enum err e;

    if ((e = read_target(b, arg(op, 1), &id, why)))
        return e;
    return document_write(b->task->api, &b->task->out, id, why);
}

/* What stands there; null if nothing does. */
static enum err get_place(struct batch *b, const struct place_in *p, struct value *ret, struct why *why)
{
    struct why found = {0};
    enum err e;

    if (p->is_item)
        e = heap_get_item(heap_of(b), p->id, p->index, ret, &found);
    else
        e = heap_get_field(heap_of(b), p->id, p->field, ret, &found);
    if (e == ERR_NO_NAME) {
        *ret = value_null();
        return ERR_OK;
    }
    if (e != ERR_OK && why != NULL)
        *why = found;
    return e;
}

static enum err compare(struct batch *b, const struct place_in *p, const struct decoded *wanted,
                        struct why *why)
{
    struct value now;
    enum err e;

    if ((wanted->value.kind == VALUE_LINK || wanted->value.kind == VALUE_WEAK) &&
        !heap_has(heap_of(b), wanted->value.id))
        return why_set(why, ERR_DANGLING, "object %llu does not exist, or not any more",
                       (unsigned long long)wanted->value.id);
    if ((e = get_place(b, p, &now, why)))
        return e;
    if (wanted->fresh || !value_eq(now, wanted->value)) /* what was made just now stands nowhere */
        return why_set(why, ERR_CHANGED, "object %llu has another value there", (unsigned long long)p->id);
    return ERR_OK;
}

/* ["is",7,"next",{"$ref":8}] */
static enum err op_is(struct batch *b, const json_t *op, struct why *why)
{
    struct place_in p;
    struct decoded wanted;
    enum err e;

    if ((e = read_place(b, op, &p, why)) || (e = decode_value(&b->decoder, arg(op, 3), &wanted, why)))
        return e;
    e = compare(b, &p, &wanted, why);
    value_fini(&b->decoder, &wanted);
    return e ? e : answer_nothing(b);
}

/* ["collect",2] */
static enum err op_collect(struct batch *b, const json_t *op, struct why *why)
{
    const json_t *generation = arg(op, 1);
    json_int_t n = generation != NULL ? json_integer_value(generation) : GC_GENERATIONS - 1;
    enum err e;

    if ((generation != NULL && !json_is_integer(generation)) || n < 0 || n >= GC_GENERATIONS)
        return why_set(why, ERR_BAD_VALUE, "a generation is 0, 1 or 2");
    if ((e = gc_collect(b->task->api->gc, (int)n, GC_BY_REQUEST, false, &b->ticket, why)))
        return e;
    b->generation = (int)n;
    b->state = BATCH_COLLECT;
    return ERR_OK;
}

void batch_answer_collect(struct batch *b, const struct gc_run *run)
{
    struct out *o = &b->task->out;

    out_open_object(o);
    out_member_u64(o, "collected", run->collected);
    out_member_u64(o, "uncollectable", 0); /* nothing here has a finalizer */
    out_close_object(o);
}

/* ---- the table ---- */

struct op_kind {
    const char *verb;
    size_t min, max; /* elements of the line, the verb included */
    enum err (*run)(struct batch *b, const json_t *op, struct why *why);
};

static const struct op_kind kinds[] = {
    {"new", 2, 3, op_new},       {"set", 4, 4, op_set},         {"push", 3, 3, op_push},
    {"list", 2, 2, op_list},     {"get", 2, 2, op_get},         {"hold", 2, 2, op_hold},
    {"drop", 2, 2, op_drop},     {"unset", 3, 3, op_unset},     {"root", 3, 3, op_root},
    {"unroot", 2, 2, op_unroot}, {"weak", 3, 3, op_weak},       {"is", 4, 4, op_is},
    {"bytes", 2, 2, op_bytes},   {"collect", 1, 2, op_collect},
};

static const struct op_kind *kind_of(const json_t *op)
{
    const json_t *verb = json_array_get(op, 0); /* NULL if it is no array, or empty */

    if (!json_is_string(verb))
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (slice_is(json_slice(verb), kinds[i].verb))
            return &kinds[i];
    }
    return NULL;
}

enum err batch_run_op(struct batch *b, const json_t *op, struct why *why)
{
    const struct op_kind *kind = kind_of(op);
    size_t count = json_array_size(op);

    if (kind == NULL)
        return why_set(why, ERR_BAD_REQUEST,
                       "an op is an array that begins with a verb, as [\"get\",7] does");
    if (count < kind->min || count > kind->max)
        return why_set(why, ERR_BAD_REQUEST, "%s has %zu arguments at most and %zu at least, not %zu",
                       kind->verb, kind->max - 1, kind->min - 1, count - 1);
    return kind->run(b, op, why);
}
