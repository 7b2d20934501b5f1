/*
 * documents.c - see documents.h.
 *
 * A deep document is written by walking down and up again with a stack of objects begun, never by recursion:
 * a document may be a chain of a thousand objects. Links are shown in the order met, depth first, as one
 * reads them; the set of objects shown keeps each from being shown twice.
 */
#include "api/documents.h"
#include "api/wire.h"
#include "heap/base/check.h"
#include "heap/base/num.h"

/* A document that would grow beyond this shows "more":true instead: its parts are there as pages. */
#define DOCUMENT_BYTES_SOFT_MAX (8u << 20)
#define DOCUMENT_BYTES_SOFT_MIN (256u << 10)
#define PARTS_AT_ONCE           8

/* Where memory is short it is so a little sooner: an answer is refused none. */
static size_t soft_max(const struct api *api)
{
    size_t share = mem_room(api->mem) / 8;

    if (share > DOCUMENT_BYTES_SOFT_MAX)
        return DOCUMENT_BYTES_SOFT_MAX;
    return share > DOCUMENT_BYTES_SOFT_MIN ? share : DOCUMENT_BYTES_SOFT_MIN;
}

void value_write(struct out *o, const struct value *v)
{
    switch (v->kind) {
    case VALUE_NULL:
        out_null(o);
        break;
    case VALUE_FALSE:
    case VALUE_TRUE:
        out_bool(o, v->kind == VALUE_TRUE);
        break;
    case VALUE_INT:
        out_i64(o, v->integer);
        break;
    case VALUE_REAL:
        out_real(o, v->real);
        break;
    case VALUE_STRING:
        out_string(o, v->string);
        break;
    case VALUE_LINK:
        out_ref(o, v->id);
        break;
    case VALUE_WEAK:
        out_weak(o, v->id);
        break;
    }
}

/* ---- the frame around the parts ---- */

static void open_document(struct out *o, const struct object_info *info)
{
    out_open_object(o);
    out_member_u64(o, "id", info->id);
    out_member_string(o, "class", info->class);
    if (info->generation < 0)
        out_member_null(o, "generation");
    else
        out_member_i64(o, "generation", info->generation);
    out_member_u64(o, "refs", info->refs);
    out_member_u64(o, "weak_refs", info->weak_refs);
    out_member_u64(o, "bytes", info->bytes);
    if (info->frozen)
        out_member_bool(o, "frozen", true);
    switch (info->kind) {
    case HEAP_RECORD:
        out_key(o, "fields");
        out_open_object(o);
        break;
    case HEAP_LIST:
        out_key(o, "items");
        out_open_array(o);
        break;
    case HEAP_BYTES:
        out_member_u64(o, "length", info->parts);
        break;
    }
}

static void close_document(struct out *o, enum heap_kind kind, bool more)
{
    if (kind == HEAP_RECORD)
        out_close_object(o);
    else if (kind == HEAP_LIST)
        out_close_array(o);
    if (more)
        out_member_bool(o, "more", true);
    out_close_object(o);
}

/* An object whose document is being written. */
struct frame {
    obj_id id;
    enum heap_kind kind;
    struct part_cursor cursor;
    size_t full_at;      /* the length of the buffer at which the whole document shows no more */
    uint64_t parts_left; /* that the object has and the document does not yet show */
    uint32_t parts_shown;
};

static enum err begin_frame(const struct api *api, struct out *o, obj_id id, size_t full_at,
                            struct frame *ret, struct why *why)
{
    struct object_info info;
    enum err e;

    if ((e = heap_info(api->heap, id, &info, why)))
        return e;
    open_document(o, &info);
    *ret = (struct frame){.id = id,
                          .full_at = full_at,
                          .kind = info.kind,
                          .parts_left = info.kind == HEAP_BYTES ? 0 : info.parts};
    return ERR_OK;
}

/* Full, or there are no more. */
static bool is_complete(const struct out *o, const struct frame *f)
{
    return f->parts_left == 0 || f->parts_shown == WIRE_DOCUMENT_PARTS_MAX || o->buf->len > f->full_at;
}

static void note_shown(struct frame *f)
{
    f->parts_left--;
    f->parts_shown++;
}

/* Strings may be long, so whether the document is full is asked for each part. */
static void write_parts(const struct api *api, struct out *o, struct frame *f)
{
    struct part parts[PARTS_AT_ONCE];

    while (!is_complete(o, f)) {
        size_t n = heap_next_parts(api->heap, f->id, &f->cursor, parts, PARTS_AT_ONCE);

        CHECK(n > 0); /* nothing changes while we write */
        for (size_t i = 0; i < n && !is_complete(o, f); i++) {
            if (f->kind == HEAP_RECORD)
                out_name(o, parts[i].name);
            value_write(o, &parts[i].value);
            note_shown(f);
        }
    }
}

enum err document_write(const struct api *api, struct out *o, obj_id id, struct why *why)
{
    struct frame f;
    enum err e;

    if ((e = begin_frame(api, o, id, o->buf->len + soft_max(api), &f, why)))
        return e;
    write_parts(api, o, &f);
    close_document(o, f.kind, f.parts_left > 0);
    return ERR_OK;
}

/* ---- to a depth ---- */

#define SHOWN_SLOTS 2048 /* a power of two, so that WIRE_DEPTH_OBJECTS_MAX fill less than half */
_Static_assert(SHOWN_SLOTS >= 2 * WIRE_DEPTH_OBJECTS_MAX, "the set of objects shown is at most half full");

struct deep {
    const struct api *api;
    struct out *out;
    unsigned depth_max;
    size_t full_at;
    size_t depth; /* of stack; the top is stack[depth - 1] */
    size_t shown_count;
    bool more; /* an object was not shown, for there were too many */
    struct frame stack[WIRE_DEPTH_OBJECTS_MAX];
    obj_id shown[SHOWN_SLOTS]; /* open addressing; 0 is free */
};

/* True if `id` was not in the set; then it is now. */
static bool show_once(struct deep *d, obj_id id)
{
    size_t at = hash_u64(0, id) & (SHOWN_SLOTS - 1);

    while (d->shown[at] != 0) {
        if (d->shown[at] == id)
            return false;
        at = (at + 1) & (SHOWN_SLOTS - 1);
    }
    if (d->shown_count == WIRE_DEPTH_OBJECTS_MAX || d->out->buf->len > d->full_at) {
        d->more = true;
        return false;
    }
    d->shown[at] = id;
    d->shown_count++;
    return true;
}

static enum err push(struct deep *d, obj_id id, struct why *why)
{
    CHECK(d->depth < WIRE_DEPTH_OBJECTS_MAX);
    return begin_frame(d->api, d->out, id, d->full_at, &d->stack[d->depth++], why);
}

/* A link: {"$ref":8}, or {"$ref":8,"$doc": and the document follows, on the stack. */
static enum err write_link(struct deep *d, obj_id id, struct why *why)
{
    if (d->depth > d->depth_max || !show_once(d, id)) {
        out_ref(d->out, id);
        return ERR_OK;
    }
    out_open_object(d->out);
    out_member_u64(d->out, "$ref", id);
    out_key(d->out, "$doc");
    return push(d, id, why);
}

static void pop(struct deep *d)
{
    struct frame *f = &d->stack[--d->depth];
    bool is_outermost = d->depth == 0;

    close_document(d->out, f->kind, f->parts_left > 0 || (is_outermost && d->more));
    if (!is_outermost)
        out_close_object(d->out); /* the link's {"$ref","$doc"} */
}

static enum err walk(struct deep *d, obj_id id, struct why *why)
{
    struct part part;
    enum err e;

    show_once(d, id);
    e = push(d, id, why);
    while (e == ERR_OK && d->depth > 0) {
        struct frame *top = &d->stack[d->depth - 1];

        if (is_complete(d->out, top)) {
            pop(d);
            continue;
        }
        CHECK(heap_next_part(d->api->heap, top->id, &top->cursor, &part));
        note_shown(top);
        if (top->kind == HEAP_RECORD)
            out_name(d->out, part.name);
        if (part.value.kind == VALUE_LINK)
            e = write_link(d, part.value.id, why);
        else
            value_write(d->out, &part.value);
    }
    return e;
}

enum err document_write_deep(const struct api *api, struct out *o, obj_id id, unsigned depth, struct why *why)
{
    struct deep *d;
    enum err e;

    if (depth == 0)
        return document_write(api, o, id, why);
    d = mem_zalloc(api->mem, sizeof *d);
    if (d == NULL)
        return why_set(why, ERR_NOMEM, "no memory for a deep document");
    d->api = api;
    d->out = o;
    d->depth_max = depth;
    d->full_at = o->buf->len + soft_max(api);
    e = walk(d, id, why);
    mem_free(api->mem, d, sizeof *d);
    return e;
}

/* ---- holders ---- */

enum err holder_write_part(const struct api *api, struct out *o, obj_id holder, const struct part *part,
                           struct why *why)
{
    struct object_info info;
    enum err e;

    if ((e = heap_info(api->heap, holder, &info, why)))
        return e;
    out_open_object(o);
    out_member_u64(o, "id", holder);
    out_member_string(o, "class", info.class);
    if (info.kind == HEAP_RECORD)
        out_member_string(o, "field", part->name);
    else
        out_member_u64(o, "item", part->index);
    out_close_object(o);
    return ERR_OK;
}

void holder_write_root(struct out *o, struct slice name)
{
    out_open_object(o);
    out_member_string(o, "root", name);
    out_close_object(o);
}

void holder_write_session(struct out *o, session_id id, struct slice label)
{
    out_open_object(o);
    out_member_u64(o, "session", id);
    out_member_string(o, "label", label);
    out_close_object(o);
}

void holder_write_batch(struct out *o)
{
    out_open_object(o);
    out_member_bool(o, "batch", true);
    out_close_object(o);
}

void holder_write_garbage(struct out *o)
{
    out_open_object(o);
    out_member_bool(o, "garbage", true);
    out_close_object(o);
}
