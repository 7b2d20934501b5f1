/* snapshot_write.c - see snapshot_write.h: which formats there are, the answer that is streamed, and ndjson. */
#include "api/snapshot_write.h"
#include "api/dominated.h"
#include "heap/base/check.h"

static const struct snapshot_format *const formats[] = {&snapshot_as_heapsnapshot, &snapshot_as_ndjson, &snapshot_as_folded};

/* ---- the answer ---- */

/* Room for all that a step writes is made before; where there is none a stream that has begun waits, for its end cannot be
 * told from a whole one. */
static enum err step_export(struct task *task, void *ctx, size_t units, enum task_turn *turn, struct why *why)
{
    struct snapshot_export *x = ctx;
    struct buf *body = &task->reply.body;
    bool there = true;
    enum err e;

    (void)units;
    *turn = TASK_WAIT;
    if (x->format->of_tree && ((e = dominated_look(x->taken, &there, why)) || !there))
        return e;
    *turn = TASK_ROOM;
    if (body->len > 0)
        return ERR_OK;
    if (!buf_reserve(body, SNAPSHOT_PIECE_BYTES + SNAPSHOT_ITEM_BYTES_MAX)) {
        buf_clear(body);
        return task->reply.streaming ? ERR_OK : why_set(why, ERR_NOMEM, "no memory to write a snapshot");
    }
    task->reply.streaming = true;
    *turn = x->format->write(x) ? TASK_MORE : TASK_DONE;
    CHECK(!body->failed);
    return ERR_OK;
}

static void destroy_export(struct task *task, void *ctx)
{
    struct snapshot_export *x = ctx;

    if (x->format->of_tree)
        dominated_leave(x->taken);
    snapshots_release(task->api, &x->taken);
    mem_free(task->api->mem, x, sizeof *x);
}

static const struct task_work export_work = {.step = step_export, .destroy = destroy_export};

static const struct snapshot_format *format_named(struct slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (slice_is(name, formats[i]->name))
            return formats[i];
    return NULL;
}

enum err reply_snapshot(struct task *task, struct taken *t, struct slice name, struct why *why)
{
    const struct snapshot_format *format = format_named(name);
    struct snapshot_export *x;
    enum err e;

    if (format == NULL)
        return why_set(why, ERR_BAD_VALUE, "format is heapsnapshot, ndjson or folded, not %.*s", (int)(name.len > 80 ? 80 : name.len),
                       name.data);
    if ((x = mem_zalloc(task->api->mem, sizeof *x)) == NULL)
        return why_set(why, ERR_NOMEM, "no memory to begin");
    if (format->of_tree && (e = dominated_join(task->api, t, why))) {
        mem_free(task->api->mem, x, sizeof *x);
        return e;
    }
    *x = (struct snapshot_export){.taken = t, .format = format, .f = t->frozen, .node = 1, .out = out_into(&task->reply.body)};
    snapshots_hold(t);
    reply_empty(task, 200);
    task->reply.content_type = format->type;
    task_work_in_slices(task, &export_work, x, PAUSE_EXPORT);
    return ERR_OK;
}

/* ---- ndjson: an object a line ---- */

enum { LINE_BEGINS, LINE_LINKS, LINE_WEAK };

static void begin_line(struct snapshot_export *x)
{
    const struct frozen_label *l = frozen_label_of(x->f, x->node);
    struct out *o = &x->out;

    out_open_object(o);
    out_member_u64(o, "id", x->f->id[x->node]);
    out_member_string(o, "class", frozen_string(x->f, l->class));
    if (l->site != 0)
        out_member_string(o, "site", frozen_string(x->f, l->site));
    out_member_u64(o, "size", x->f->bytes[x->node]);
    out_key(o, "links");
    out_open_array(o);
    x->edge = x->f->first_edge[x->node];
    x->part = LINE_LINKS;
}

/* ["field", id] or [index, id] */
static void write_pair(struct snapshot_export *x, uint32_t name, uint32_t to)
{
    struct out *o = &x->out;

    out_open_array(o);
    if (frozen_names_edges(frozen_label_of(x->f, x->node)->kind))
        out_string(o, frozen_string(x->f, name));
    else
        out_u64(o, name);
    out_u64(o, x->f->id[to]);
    out_close_array(o);
}

static bool has_weak(const struct snapshot_export *x)
{
    return x->weak < x->f->weak_count && x->f->weak_from[x->weak] == x->node;
}

static void write_links(struct snapshot_export *x)
{
    for (; x->edge < x->f->first_edge[x->node + 1] && !piece_is_full(x); x->edge++)
        write_pair(x, x->f->edge_name[x->edge], x->f->edge_to[x->edge]);
    if (x->edge < x->f->first_edge[x->node + 1])
        return;
    out_close_array(&x->out);
    if (has_weak(x)) {
        out_key(&x->out, "weak");
        out_open_array(&x->out);
    }
    x->part = LINE_WEAK;
}

static void write_weak(struct snapshot_export *x)
{
    bool any = has_weak(x) || (x->weak > 0 && x->f->weak_from[x->weak - 1] == x->node);

    for (; has_weak(x) && !piece_is_full(x); x->weak++)
        write_pair(x, x->f->weak_name[x->weak], x->f->weak_to[x->weak]);
    if (has_weak(x))
        return;
    if (any)
        out_close_array(&x->out);
    out_close_object(&x->out);
    out_line_end(&x->out);
    x->part = LINE_BEGINS;
    x->node++;
}

static bool write_ndjson(struct snapshot_export *x)
{
    while (x->node <= x->f->object_count && !piece_is_full(x)) {
        if (x->part == LINE_BEGINS)
            begin_line(x);
        if (x->part == LINE_LINKS)
            write_links(x);
        if (x->part == LINE_WEAK)
            write_weak(x);
    }
    return x->node <= x->f->object_count;
}

const struct snapshot_format snapshot_as_ndjson = {"ndjson", WIRE_TYPE_NDJSON, write_ndjson, false};
