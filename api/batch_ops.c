/*
 * batch_ops.c - what each op of a batch does: one function an op, in the order of the API's table.
 *
 * An op comes with all that it says (op.h): its target lives, its names have the right length. It writes its answer
 * last.
 */
#include "api/admit.h"
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

/* ---- "@n" ---- */

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
    if (b->made == NULL)
        b->made = api_open_scope(b->task->api);
    return b->made != NULL ? ERR_OK : why_set(why, ERR_NOMEM, "no memory to hold what a batch makes");
}

static enum err keep_and_answer(struct batch *b, obj_id id, struct why *why)
{
    enum err e = scope_keep(b->made->scope, b->op, id, why);

    return e ? e : answer_u64(b, "id", id);
}

/* ["new","Node",{"val":1}] */
static enum err run_new(struct batch *b, const struct op *op, struct why *why)
{
    struct label label = {op->name, b->decoder.site};
    obj_id id;
    enum err e;

    if ((e = open_scope(b, why)) || (e = batch_new_record(heap_of(b), &b->forms, label, op->fields.fields,
                                                          op->fields.count, &id, why)))
        return e;
    return keep_and_answer(b, id, why);
}

/* ["list",[1,2]] */
static enum err run_list(struct batch *b, const struct op *op, struct why *why)
{
    struct label label = {SLICE("list"), b->decoder.site};
    obj_id id;
    enum err e;

    if ((e = open_scope(b, why)) ||
        (e = heap_new_list(heap_of(b), label, op->items.items, op->items.count, &id, why)))
        return e;
    return keep_and_answer(b, id, why);
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
static enum err run_bytes(struct batch *b, const struct op *op, struct why *why)
{
    struct label label = {SLICE("bytes"), b->decoder.site};
    struct payload *payload;
    obj_id id;
    enum err e;

    if ((e = open_scope(b, why)) || (e = decode_bytes(b, op->name, &payload, why)))
        return e;
    e = heap_new_bytes(heap_of(b), label, &payload, &id, why);
    payload_release(&payload);
    return e ? e : keep_and_answer(b, id, why);
}

/* ---- set, unset, push ---- */

static enum err set_place(struct batch *b, const struct op *op, struct why *why)
{
    struct field edit = {.name = op->name, .value = op->value.value};

    if (op->is_item)
        return heap_set_item(heap_of(b), op->target, op->index, &op->value.value, why);
    return heap_edit_record(heap_of(b), op->target, &edit, 1, why);
}

/* ["set",7,"next",{"$ref":8}]  ["set",8,0,"first"] */
static enum err run_set(struct batch *b, const struct op *op, struct why *why)
{
    enum err e = set_place(b, op, why);

    return e ? e : answer_nothing(b);
}

/* ["unset",7,"next"] */
static enum err run_unset(struct batch *b, const struct op *op, struct why *why)
{
    enum err e = unset_field(b->task->api, op->target, op->name, why);

    return e ? e : answer_nothing(b);
}

/* ["push",8,"x"] */
static enum err run_push(struct batch *b, const struct op *op, struct why *why)
{
    uint64_t index;
    enum err e = heap_push_item(heap_of(b), op->target, &op->value.value, &index, why);

    return e ? e : answer_u64(b, "index", index);
}

/* ---- hold, root, unroot, weak, drop ---- */

/* ["hold",7] */
static enum err run_hold(struct batch *b, const struct op *op, struct why *why)
{
    struct object_info info;
    enum err e;

    if ((e = session_hold(b->task->api->sessions, b->task->session, op->target, why)) ||
        (e = heap_info(heap_of(b), op->target, &info, why)))
        return e;
    return answer_u64(b, "refs", info.refs);
}

/* ["root","cache",7] */
static enum err run_root(struct batch *b, const struct op *op, struct why *why)
{
    enum err e = root_put(heap_of(b), op->name, op->target, NULL, why);

    return e ? e : answer_nothing(b);
}

/* ["unroot","cache"] */
static enum err run_unroot(struct batch *b, const struct op *op, struct why *why)
{
    enum err e = root_delete(heap_of(b), op->name, why);

    return e ? e : answer_nothing(b);
}

/* ["weak","watched",7] */
static enum err run_weak(struct batch *b, const struct op *op, struct why *why)
{
    enum err e;

    news_flush_name(b->task->api, op->name);
    e = weak_put(heap_of(b), op->name, op->target, NULL, why);
    return e ? e : answer_nothing(b);
}

/* ["drop",7] */
static enum err run_drop(struct batch *b, const struct op *op, struct why *why)
{
    struct object_info info;
    enum err e = session_drop(b->task->api->sessions, b->task->session, op->target, why);

    if (e != ERR_OK)
        return e;
    /* in an atomic batch it is there until the end, whatever its count */
    bool alive = heap_info(heap_of(b), op->target, &info, NULL) == ERR_OK && info.refs > 0;

    out_open_object(&b->task->out);
    out_member_bool(&b->task->out, "alive", alive);
    if (alive)
        out_member_u64(&b->task->out, "refs", info.refs);
    out_close_object(&b->task->out);
    return ERR_OK;
}

/* ---- get, is, collect ---- */

/* ["get",7] */
static enum err run_get(struct batch *b, const struct op *op, struct why *why)
{
    return document_write(b->task->api, &b->task->out, op->target, why);
}

/* What stands there; null if nothing does. */
static enum err get_place(struct batch *b, const struct op *op, struct value *ret, struct why *why)
{
    struct why found = {0};
    enum err e;

    if (op->is_item)
        e = heap_get_item(heap_of(b), op->target, op->index, ret, &found);
    else
        e = heap_get_field(heap_of(b), op->target, op->name, ret, &found);
    if (e == ERR_NO_NAME) {
        *ret = value_null();
        return ERR_OK;
    }
    if (e != ERR_OK && why != NULL)
        *why = found;
    return e;
}

static enum err compare(struct batch *b, const struct op *op, struct why *why)
{
    const struct decoded *wanted = &op->value;
    struct value now;
    enum err e;

    if ((wanted->value.kind == VALUE_LINK || wanted->value.kind == VALUE_WEAK) &&
        !heap_has(heap_of(b), wanted->value.id))
        return why_set(why, ERR_DANGLING, "object %llu does not exist, or not any more",
                       (unsigned long long)wanted->value.id);
    if ((e = get_place(b, op, &now, why)))
        return e;
    if (wanted->fresh || !value_eq(now, wanted->value)) /* what was made just now stands nowhere */
        return why_set(why, ERR_CHANGED, "object %llu has another value there", (unsigned long long)op->target);
    return ERR_OK;
}

/* ["is",7,"next",{"$ref":8}] */
static enum err run_is(struct batch *b, const struct op *op, struct why *why)
{
    enum err e = compare(b, op, why);

    return e ? e : answer_nothing(b);
}

/* ["collect",2] */
static enum err run_collect(struct batch *b, const struct op *op, struct why *why)
{
    enum err e;

    if (b->atomic)
        return why_set(why, ERR_BAD_VALUE, "nothing is collected in an atomic batch: nobody else has a turn in it");
    if ((e = gc_collect(b->task->api->gc, op->generation, GC_BY_REQUEST, false, &b->ticket, why)))
        return e;
    b->generation = op->generation;
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

/* ---- all of them ---- */

enum err batch_run_op(struct batch *b, const struct op *op, struct why *why)
{
    static enum err (*const run_of[OP_VERBS])(struct batch *, const struct op *, struct why *) = {
        [OP_NEW] = run_new,   [OP_LIST] = run_list,     [OP_BYTES] = run_bytes,
        [OP_SET] = run_set,   [OP_UNSET] = run_unset,   [OP_PUSH] = run_push,
        [OP_HOLD] = run_hold, [OP_ROOT] = run_root,     [OP_UNROOT] = run_unroot,
        [OP_WEAK] = run_weak, [OP_DROP] = run_drop,     [OP_GET] = run_get,
        [OP_IS] = run_is,     [OP_COLLECT] = run_collect,
    };
    static const bool makes[OP_VERBS] = {
        [OP_NEW] = true, [OP_LIST] = true, [OP_BYTES] = true, [OP_SET] = true, [OP_PUSH] = true};
    static const size_t reach_of[OP_VERBS] = { /* the others: REACH_GROW */
        [OP_UNSET] = REACH_LET_GO, [OP_UNROOT] = REACH_LOOK, [OP_DROP] = REACH_LOOK,
        [OP_GET] = REACH_LOOK,     [OP_IS] = REACH_LOOK,     [OP_COLLECT] = REACH_LOOK,
    };

    size_t reach = mem_reach(b->task->api->mem, reach_of[op->verb]);
    enum err e = op->verb == OP_GET || op->verb == OP_IS ? ERR_OK : task_check_store(b->task, why);

    if (e == ERR_OK && makes[op->verb])
        e = task_may_grow(b->task, 0, why);
    if (e == ERR_OK)
        e = run_of[op->verb](b, op, why);
    mem_reach(b->task->api->mem, reach);
    return e;
}
