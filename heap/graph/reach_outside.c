/*
 * reach_outside.c - where a walk begins (reach.h): roots, then what sessions hold, open batches, and the garbage list.
 *
 * Each step_...() returns the units left; 0: there is more. Holders come and go between the steps; those that stay are met, and
 * what comes gains a reference, which is told.
 */
#include "heap/graph/reach_impl.h"
#include "heap/heap_impl.h"
#include "heap/names.h"

void reach_next_source(struct reach *r)
{
    r->source++;
    r->cursor = r->source == REACHED_BY_GARBAGE ? UINT32_MAX : 0;
    r->hold_cursor = UINT32_MAX;
}

static size_t step_roots(struct reach *r, size_t units)
{
    for (; units > 0; units--) {
        uint32_t n = names_next(r->heap->roots, r->cursor + 1);

        if (n == 0) {
            reach_next_source(r);
            return units;
        }
        r->cursor = n;
        reach_found(r, names_at(r->heap->roots, n)->target, origin(REACHED_BY_ROOT, n));
    }
    return 0;
}

/* The holds of a session from the last to the first: when one goes, the last takes its place. */
static size_t step_sessions(struct reach *r, size_t units)
{
    const struct session_set *sessions = r->outside->sessions;
    struct session_info info;
    obj_id id;

    for (; units > 0; units--) {
        uint32_t next = r->cursor;

        if (sessions == NULL || !session_next(sessions, &next, &info)) {
            reach_next_source(r);
            return units;
        }
        if (next - 1 != r->cursor)
            r->hold_cursor = UINT32_MAX;
        if (session_next_hold(sessions, info.id, &r->hold_cursor, &id)) {
            r->cursor = next - 1;
            reach_found(r, (slot_t)(id & SLOT_MAX), origin(REACHED_BY_SESSION, r->cursor));
        } else {
            r->cursor = next;
            r->hold_cursor = UINT32_MAX;
        }
    }
    return 0;
}

/* Scopes come in the order of their serial numbers, the last that was opened first. */
static size_t step_batches(struct reach *r, size_t units)
{
    const struct scope *s = heap_scope_before(r->heap, r->scopes_done);

    for (; units > 0 && s != NULL; units--) {
        slot_t slot;

        if (r->in_scope != scope_serial(s))
            r->cursor = 0;
        r->in_scope = scope_serial(s);
        if ((slot = scope_slot(s, r->cursor)) != 0)
            reach_found(r, slot, origin(REACHED_BY_BATCH, 0));
        if (++r->cursor >= scope_end(s)) {
            r->scopes_done = scope_serial(s);
            s = heap_next_scope(r->heap, s);
        }
    }
    if (units > 0)
        reach_next_source(r);
    return units;
}

static size_t step_garbage(struct reach *r, size_t units)
{
    obj_id id;

    for (; units > 0; units--) {
        if (r->outside->next_garbage == NULL || !r->outside->next_garbage(r->outside->garbage, &r->cursor, &id)) {
            reach_next_source(r);
            return units;
        }
        reach_found(r, (slot_t)(id & SLOT_MAX), origin(REACHED_BY_GARBAGE, 0));
    }
    return 0;
}

size_t reach_step_outside(struct reach *r, size_t units)
{
    static size_t (*const step_in[])(struct reach *, size_t) = {[REACHED_BY_ROOT] = step_roots,
                                                                [REACHED_BY_SESSION] = step_sessions,
                                                                [REACHED_BY_BATCH] = step_batches,
                                                                [REACHED_BY_GARBAGE] = step_garbage};

    while (units > 0 && r->source <= REACHED_BY_GARBAGE && !reach_has_enough(r)) {
        units = step_in[r->source](r, units);
        reach_act_on_links(r);
    }
    return units;
}
