/*
 * why_dot.c - the chains that keep an object as a graph in Graphviz's DOT language.
 *
 *     strict digraph why {
 *         n7 [label="Node 7" style=bold]             the object; others and who holds from outside as they come,
 *         "root cache" [label="root cache" ...]      each followed by its link to the next
 *         edge [label=""]
 *         "root cache" -> n5
 *
 * What two chains share is drawn once ("strict"). Names and classes are whatever clients like: in a quoted label only '"'
 * would end it, but '\' begins an escape, '&' a character entity, and a control byte would make a drawing that no reader of
 * XML takes.
 */
#include "api/why_form.h"
#include "heap/base/check.h"

#define BEGIN "    " /* of a statement */

static void add_byte_escaped(struct buf *b, char c)
{
    if (c == '"' || c == '\\')
        buf_add_byte(b, '\\');
    if (c == '&')
        buf_add_text(b, "&amp;");
    else if ((unsigned char)c < 0x20 || c == 0x7f)
        buf_printf(b, "\\\\x%02x", (unsigned)(unsigned char)c);
    else
        buf_add_byte(b, c);
}

static void add_escaped(struct buf *b, struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        add_byte_escaped(b, text.data[i]);
}

/* ---- nodes ---- */

static void add_object_name(struct buf *b, obj_id id)
{
    buf_printf(b, "n%llu", (unsigned long long)id);
}

static void add_name(struct buf *b, const struct chain_link *l)
{
    switch (l->by) {
    case REACHED_BY_OBJECT:
        add_object_name(b, l->id);
        break;
    case REACHED_BY_ROOT:
        buf_add_text(b, "\"root ");
        add_escaped(b, l->part.name);
        buf_add_byte(b, '"');
        break;
    case REACHED_BY_SESSION:
        buf_printf(b, "s%u", l->session);
        break;
    case REACHED_BY_BATCH:
        buf_add_text(b, "batch");
        break;
    default:
        buf_add_text(b, "garbage");
    }
}

static void add_object(struct buf *b, const struct object_info *info, const char *style)
{
    buf_add_text(b, BEGIN);
    add_object_name(b, info->id);
    buf_add_text(b, " [label=\"");
    add_escaped(b, info->class);
    buf_printf(b, " %llu\"%s]\n", (unsigned long long)info->id, style);
}

static void add_outside(struct buf *b, const struct chain_link *l)
{
    buf_add_text(b, BEGIN);
    add_name(b, l);
    buf_add_text(b, " [shape=ellipse label=\"");
    if (l->by == REACHED_BY_ROOT) {
        buf_add_text(b, "root ");
        add_escaped(b, l->part.name);
    } else if (l->by == REACHED_BY_SESSION) {
        buf_printf(b, "session %u ", l->session);
        add_escaped(b, l->label);
    } else {
        buf_add_text(b, l->by == REACHED_BY_BATCH ? "an open batch" : "the garbage list");
    }
    buf_add_text(b, "\"]\n");
}

/* ---- links ---- */

/* Its end comes with the next. */
static void begin_link(struct buf *b, const struct chain_link *l)
{
    buf_add_text(b, BEGIN "edge [label=\"");
    if (l->by == REACHED_BY_OBJECT && l->part.name.data != NULL)
        add_escaped(b, l->part.name);
    else if (l->by == REACHED_BY_OBJECT)
        buf_printf(b, "[%llu]", (unsigned long long)l->part.index);
    buf_add_text(b, "\"]\n" BEGIN);
    add_name(b, l);
}

static void dot_link(struct task *t, const struct chain_link *l)
{
    struct buf *b = &t->reply.body;
    struct object_info info;

    if (l->by == REACHED_BY_OBJECT) { /* something before it links to it */
        CHECK(heap_info(t->api->heap, l->id, &info, NULL) == ERR_OK);
        buf_add_text(b, " -> ");
        add_name(b, l);
        buf_add_byte(b, '\n');
        add_object(b, &info, "");
    } else {
        add_outside(b, l);
    }
    begin_link(b, l);
}

/* ---- all of it ---- */

static void dot_begin(struct task *t, const struct object_info *info)
{
    (void)reply_json(t, 200); /* begins anew */
    t->reply.content_type = WIRE_TYPE_DOT;
    buf_add_text(&t->reply.body, "strict digraph why {\n" BEGIN "rankdir=LR\n" BEGIN "node [shape=box]\n");
    add_object(&t->reply.body, info, " style=bold");
}

static void dot_begin_chain(struct task *t)
{
    (void)t;
}

static void dot_end_chain(struct task *t, obj_id id)
{
    struct buf *b = &t->reply.body;

    buf_add_text(b, " -> ");
    add_object_name(b, id);
    buf_add_byte(b, '\n');
}

static void dot_end(struct task *t, const char *unreached, bool changed, bool in_chain)
{
    struct buf *b = &t->reply.body;

    if (in_chain)
        buf_add_byte(b, '\n');
    if (changed)
        buf_add_text(b, BEGIN "changed [shape=plaintext label=\"changed while it was drawn\"]\n");
    if (unreached != NULL)
        buf_printf(b, BEGIN "unreached [shape=plaintext label=\"%s\"]\n", unreached);
    buf_add_text(b, "}\n");
}

const struct why_form why_dot = {dot_begin, dot_begin_chain, dot_link, dot_end_chain, dot_end};
