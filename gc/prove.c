/*
 * prove.c - is what MARK has left held by nothing but itself? (see subtract.c)
 *
 * The counts of all members are added up, and the links from member to member taken away. Nothing can hold an
 * object less than not at all: so if nothing is left of the sum, nothing is left of any count, and all of them are
 * garbage. That takes a look at each member, and at a bit for each of its links; to tell which of them are held, when the
 * sum does not come out, takes COPY, SUBTRACT and SPREAD. After a MARK that missed no holder it comes out.
 *
 * If a member changes in the middle of it, and so leaves, the sum says nothing: a link to it may have been taken away
 * whose count is never added, and make up for somebody's who is held.
 */
#include "gc/links.h"

static void take_links_away(struct links *l)
{
    const uint64_t *members = l->w->members.bits[0]; /* kept in registers, whatever is written */
    uint32_t count = l->count, inner = 0;

    for (uint32_t i = 0; i < count; i++)
        inner += bits_has(members, l->target[i]);
    l->w->unexplained -= inner;
    l->w->outward += count - inner;
    l->count = 0;
}

static void add_count(struct links *l, const struct object *o, slot_t slot)
{
    l->w->unexplained += o->has_big ? heap_count(l->gc->heap, slot) : o->count;
}

size_t window_prove(struct gc *gc, struct window *w, size_t units)
{
    struct links l;

    links_begin(&l, gc, w, take_links_away);
    units = links_finish_scan(&l, units);
    window_resume(gc, w);
    do
        units = w->mask != 0 ? links_of_group(&l, units, add_count) : units;
    while (units > 0 && window_next_group(gc, w, &units));
    take_links_away(&l);
    w->nothing_held = units > 0 && w->unexplained == 0 && w->members.count == w->looked_through;
    return units;
}
