/*
 * referrers.c - who holds an object.
 *
 * Links are not kept backwards: the whole heap is walked, in steps between which it may change. What stays
 * all along is found. The few places that hold without being objects come first, and a walk that has found as
 * many holders as the object has references needs to look no further, so most answers do not take a whole
 * walk.
 *
 *     roots --> sessions --> batches --> garbage --> objects --> end
 *
 * A cursor is a position in text, PLACE.AT.SUB in decimal numbers.
 */
#include "api/documents.h"
#include "api/handlers.h"
#include "api/pages.h"
#include "api/part_walk.h"
#include "heap/base/check.h"
#include "heap/base/num.h"
#include "heap/graph/referrer.h"
#include "heap/root.h"
#include <inttypes.h>
#include <stdio.h>

#define SLOTS_PER_UNIT   64
#define ENTRIES_PER_UNIT 64

enum place { IN_ROOTS, IN_SESSIONS, IN_BATCHES, IN_GARBAGE, IN_OBJECTS, AT_END };

struct position {
    enum place place;
    uint64_t at;  /* cursor of the roots or sessions, serial number of the scope, last slot that is done with */
    uint64_t sub; /* entry of the scope; links of the object in slot at + 1 that are shown */
};

struct search {
    struct task *task;
    obj_id target;
    size_t limit, shown;
    bool from_start; /* shown is all that was found */
    bool full;       /* there is one more than fits */
    struct position next;

    bool in_object;
    slot_t slot; /* of the object that `parts` walks */
    struct part_walk parts;
    uint64_t links; /* to the target, met in it */
};

static const struct heap *heap_of(const struct search *s)
{
    return s->task->api->heap;
}

static void next_place(struct search *s)
{
    s->next = (struct position){.place = s->next.place + 1};
}

/* May one more holder be shown? */
static bool take_room(struct search *s)
{
    s->full = s->shown == s->limit;
    s->shown += !s->full;
    return !s->full;
}

/* ---- the places: each returns the units left over ---- */

static size_t step_roots(struct search *s, size_t units)
{
    struct slice name;
    obj_id id;

    for (; units > 0; units--) {
        uint32_t cursor = (uint32_t)s->next.at;

        if (!root_next(heap_of(s), &cursor, &name, &id)) {
            next_place(s);
            return units;
        }
        if (id == s->target) {
            if (!take_room(s))
                return units;
            holder_write_root(&s->task->out, name);
        }
        s->next.at = cursor;
    }
    return 0;
}

static size_t step_sessions(struct search *s, size_t units)
{
    const struct session_set *sessions = s->task->api->sessions;
    struct session_info info;

    for (; units > 0; units--) {
        session_id cursor = (session_id)s->next.at;

        if (!session_next(sessions, &cursor, &info)) {
            next_place(s);
            return units;
        }
        if (session_holds(sessions, info.id, s->target)) {
            if (!take_room(s))
                return units;
            holder_write_session(&s->task->out, info.id, info.label);
        }
        s->next.at = cursor;
    }
    return 0;
}

/* The scope that it is in, or, if that has closed, the next; 0: the first. */
static const struct scope *find_scope(struct search *s)
{
    const struct scope *scope = s->next.at == 0 ? heap_next_scope(heap_of(s), NULL) : heap_scope_before(heap_of(s), s->next.at + 1);

    if (scope != NULL && scope_serial(scope) != s->next.at)
        s->next = (struct position){.place = IN_BATCHES, .at = scope_serial(scope)};
    return scope;
}

static size_t step_batches(struct search *s, size_t units)
{
    const struct scope *scope = find_scope(s);

    for (; units > 0 && scope != NULL; units--) {
        uint32_t cursor = (uint32_t)s->next.sub;

        if (scope_find(scope, s->target, &cursor, ENTRIES_PER_UNIT)) {
            if (!take_room(s))
                return units;
            holder_write_batch(&s->task->out);
        }
        s->next.sub = cursor;
        if (cursor >= scope_end(scope) && (scope = heap_next_scope(heap_of(s), scope)) != NULL)
            s->next = (struct position){.place = IN_BATCHES, .at = scope_serial(scope)};
    }
    if (scope == NULL)
        next_place(s);
    return units;
}

static size_t step_garbage(struct search *s, size_t units)
{
    if (gc_is_garbage(s->task->api->gc, s->target)) {
        if (!take_room(s))
            return units;
        holder_write_garbage(&s->task->out);
    }
    next_place(s);
    return units;
}

static bool visit_part(void *ctx, const struct part *part, uint64_t number)
{
    struct search *s = ctx;

    if (number == 0)
        s->links = 0; /* it began, or began again */
    if (part->value.kind != VALUE_LINK || part->value.id != s->target || s->links++ < s->next.sub)
        return true;
    if (!take_room(s))
        return false;
    s->next.sub++;
    CHECK(holder_write_part(s->task->api, &s->task->out, s->parts.id, part, NULL) == ERR_OK);
    return true;
}

/* Move to the next object; false if none was near. */
static bool enter_object(struct search *s)
{
    slot_t slot = (slot_t)s->next.at;
    obj_id id = heap_next_referrer(heap_of(s), &slot, s->target, SLOTS_PER_UNIT);

    if (slot != s->next.at + 1)
        s->next.sub = 0; /* those links were another's */
    if (id == 0) {
        s->next.at = slot;
        if (slot == 0)
            next_place(s);
        return false;
    }
    s->slot = slot;
    s->next.at = slot - 1;
    CHECK(part_walk_begin(heap_of(s), &s->parts, id, NULL) == ERR_OK); /* it was just found alive */
    return true;
}

static size_t step_objects(struct search *s, size_t units)
{
    while (units > 0 && s->next.place == IN_OBJECTS) {
        if (!s->in_object) {
            s->in_object = enter_object(s);
            units--;
            continue;
        }
        units = part_walk_step(heap_of(s), &s->parts, units, visit_part, s);
        if (units == 0 || s->full)
            return units;
        s->in_object = false;
        s->next.at = s->slot;
        s->next.sub = 0;
    }
    return units;
}

static size_t (*const step_in[])(struct search *s, size_t units) = {
    [IN_ROOTS] = step_roots,     [IN_SESSIONS] = step_sessions, [IN_BATCHES] = step_batches,
    [IN_GARBAGE] = step_garbage, [IN_OBJECTS] = step_objects,
};

/* ---- the request ---- */

static bool found_all(const struct search *s)
{
    struct object_info info;

    return s->from_start && heap_info(heap_of(s), s->target, &info, NULL) == ERR_OK && info.refs == s->shown;
}

static enum err end_page(struct search *s, struct why *why)
{
    char text[64];

    if (!s->full)
        return reply_page_end(s->task, 0, why);
    snprintf(text, sizeof text, "%d.%" PRIu64 ".%" PRIu64, (int)s->next.place, s->next.at, s->next.sub);
    return reply_page_end_at(s->task, text, why);
}

static enum err step_search(struct task *task, void *ctx, size_t units, enum task_turn *turn, struct why *why)
{
    struct search *s = ctx;
    enum err e = heap_check(task->api->heap, s->target, why);

    if (e)
        return e;
    while (units > 0) {
        if (s->full || s->next.place == AT_END || found_all(s)) {
            *turn = TASK_DONE;
            return end_page(s, why);
        }
        units = step_in[s->next.place](s, units);
    }
    *turn = TASK_MORE;
    return ERR_OK;
}

static void destroy_search(struct task *task, void *ctx)
{
    mem_free(task->api->mem, ctx, sizeof(struct search));
}

static const struct task_work search_work = {.step = step_search, .destroy = destroy_search};

/* One number of a cursor, cut off with the dot behind it. */
static bool take_number(struct slice *text, uint64_t max, uint64_t *ret)
{
    const char *dot = text->len > 0 ? memchr(text->data, '.', text->len) : NULL;
    size_t len = dot != NULL ? (size_t)(dot - text->data) : text->len;
    bool ok = parse_u64((struct slice){text->data, len}, max, ret);

    len += dot != NULL;
    text->data += len;
    text->len -= len;
    return ok;
}

static enum err read_cursor(const struct task *task, struct search *s, struct why *why)
{
    struct slice text;
    uint64_t place;

    s->from_start = !query_get(task, "cursor", &text) || slice_is(text, "0");
    if (s->from_start)
        return ERR_OK;
    if (!take_number(&text, IN_OBJECTS, &place) ||
        !take_number(&text, place == IN_BATCHES ? INT64_MAX : UINT32_MAX, &s->next.at) ||
        !take_number(&text, UINT32_MAX, &s->next.sub) || text.len > 0)
        return why_set(why, ERR_BAD_VALUE, "cursor is what `next` of an earlier page was");
    s->next.place = (enum place)place;
    return ERR_OK;
}

/* GET /v1/objects/{id}/referrers  ->  200, a page of holders, one a link */
enum err get_referrers(struct api *api, struct task *task, struct why *why)
{
    struct search search = {.task = task}, *s;
    uint64_t limit;
    enum err e;

    if ((e = path_object(task, &search.target, why)) ||
        (e = query_u64(task, "limit", 1, WIRE_PAGE_MAX, WIRE_PAGE_DEFAULT, &limit, why)) ||
        (e = read_cursor(task, &search, why)))
        return e;
    search.limit = (size_t)limit;
    s = mem_alloc(api->mem, sizeof *s);
    if (s == NULL)
        return why_set(why, ERR_NOMEM, "no memory to look for holders");
    *s = search;
    reply_page(task);
    task_work_in_slices(task, &search_work, s, PAUSE_WALK);
    return ERR_OK;
}
