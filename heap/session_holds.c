/*
 * session_holds.c - see session.h: what a session holds.
 *
 * A hold is an entry in the session's map, and one counted reference.
 */
#include "heap/ref.h"
#include "heap/session_impl.h"
#include "heap/slot.h"
#include "heap/undo_impl.h"

void session_count_holds(struct session_set *ss, const struct map *holds, int sign)
{
    ss->bytes += (uint64_t)sign * map_bytes(holds);
    ss->untouched_bytes += (uint64_t)sign * map_untouched_bytes(holds);
    ss->holds += (uint64_t)sign * map_count(holds);
}

static bool add_hold(struct session_set *ss, struct session *s, slot_t slot)
{
    bool added;

    session_know(ss, s);
    session_count_holds(ss, s->holds, -1);
    added = map_add(s->holds, slot, 0);
    session_count_holds(ss, s->holds, 1);
    return added;
}

void session_remove_hold(struct session_set *ss, struct session *s, uint32_t entry)
{
    if (session_know(ss, s))
        session_note_unseen(ss, s, entry);
    session_count_holds(ss, s->holds, -1);
    map_remove(s->holds, entry);
    session_count_holds(ss, s->holds, 1);
}

static enum err find_hold(const struct session_set *ss, session_id session, obj_id id, struct session **ret_s,
                          slot_t *ret_slot, uint32_t *ret_entry, struct why *why)
{
    enum err e = slot_find(ss->heap, id, ret_slot, why);

    if (e != ERR_OK)
        return e;
    if ((*ret_s = session_find(ss, session)) == NULL)
        return session_missing(session, why);
    *ret_entry = map_find((*ret_s)->holds, *ret_slot);
    return ERR_OK;
}

/* ---- what may be taken back ---- */

struct hold_note {
    struct session_set *ss;
    session_id session;
    slot_t slot;
    uint32_t entry; /* that it had */
};

static void take_hold_back(struct heap *h, void *note)
{
    const struct hold_note *n = note;
    struct session *s = session_find(n->ss, n->session);

    session_remove_hold(n->ss, s, map_find(s->holds, n->slot));
    ref_drop(h, n->slot);
}

static void let_rows_go(struct session_set *ss, struct session *s)
{
    session_count_holds(ss, s->holds, -1);
    map_let_rows_go(s->holds);
    session_count_holds(ss, s->holds, 1);
}

static void take_drop_back(struct heap *h, void *note)
{
    const struct hold_note *n = note;
    struct session *s = session_find(n->ss, n->session);

    if (session_know(n->ss, s))
        session_note_put_back(n->ss, s, n->entry, n->slot);
    session_count_holds(n->ss, s->holds, -1);
    map_put_back(s->holds, n->entry, n->slot, 0);
    session_count_holds(n->ss, s->holds, 1);
    let_rows_go(n->ss, s);
    undo_retake_ref(h, n->slot);
}

static void forget_drop(struct heap *h, void *note)
{
    const struct hold_note *n = note;

    let_rows_go(n->ss, session_find(n->ss, n->session));
    undo_forget_ref(h, n->slot);
}

static void note_change(struct session_set *ss, const struct undo_kind *kind, const struct session *s, slot_t slot,
                        uint32_t entry)
{
    if (undo_is_open(ss->heap))
        *(struct hold_note *)undo_note(ss->heap, kind, sizeof(struct hold_note)) =
            (struct hold_note){ss, s->id, slot, entry};
}

/* ---- the public operations ---- */

static uint32_t holds_max(const struct session_set *ss, session_id session)
{
    return session == 0 ? ss->limits.default_holds_max : ss->limits.holds_max;
}

static enum err too_many_holds(const struct session_set *ss, session_id session, struct why *why)
{
    return why_limit(why, ERR_LIMIT, session == 0 ? "default_holds_max" : "holds_per_session_max", holds_max(ss, session),
                     "session %u holds too many objects", session);
}

enum err session_hold(struct session_set *ss, session_id session, obj_id id, struct why *why)
{
    static const struct undo_kind kind = {take_hold_back, NULL};
    struct change c = {.kind = CHANGE_HOLD, .session = session, .id = id};
    struct session *s;
    uint32_t entry = MAP_NONE;
    size_t mark = 0;
    slot_t slot;
    enum err e = find_hold(ss, session, id, &s, &slot, &entry, why);

    if (e != ERR_OK || entry != MAP_NONE || (e = undo_reserve(ss->heap, 1, why)))
        return e;
    if (map_count(s->holds) >= holds_max(ss, session))
        return too_many_holds(ss, session, why);
    if ((e = journal_note(ss->heap->journal, &c, &mark, why)) != ERR_OK)
        return e;
    if (!add_hold(ss, s, slot))
        e = why_set(why, ERR_NOMEM, "no memory for a hold");
    else if ((e = ref_take(ss->heap, slot, why)) != ERR_OK)
        session_remove_hold(ss, s, map_find(s->holds, slot));
    else
        note_change(ss, &kind, s, slot, MAP_NONE);
    if (e != ERR_OK)
        journal_cut(ss->heap->journal, mark);
    return e;
}

enum err session_drop(struct session_set *ss, session_id session, obj_id id, struct why *why)
{
    static const struct undo_kind kind = {take_drop_back, forget_drop};
    struct change c = {.kind = CHANGE_DROP, .session = session, .id = id};
    struct session *s;
    uint32_t entry = MAP_NONE;
    slot_t slot;
    enum err e = find_hold(ss, session, id, &s, &slot, &entry, why);

    if (e != ERR_OK)
        return e;
    if (entry == MAP_NONE)
        return why_set(why, ERR_NOT_HELD, "session %u does not hold object %llu", session, (unsigned long long)id);
    if ((e = undo_reserve(ss->heap, 1, why)) || (e = journal_note(ss->heap->journal, &c, NULL, why)))
        return e;
    note_change(ss, &kind, s, slot, entry);
    if (undo_is_open(ss->heap))
        map_keep_rows(s->holds);
    session_remove_hold(ss, s, entry);
    ref_drop(ss->heap, slot);
    return ERR_OK;
}

bool session_holds(const struct session_set *ss, session_id session, obj_id id)
{
    struct session *s;
    uint32_t entry = MAP_NONE;
    slot_t slot;

    return find_hold(ss, session, id, &s, &slot, &entry, NULL) == ERR_OK && entry != MAP_NONE;
}

/* From the last entry down: what is removed meanwhile moves entries from behind to the front. */
bool session_next_hold(const struct session_set *ss, session_id session, uint32_t *cursor, obj_id *ret)
{
    const struct session *s = session_find(ss, session);

    if (s == NULL || map_count(s->holds) == 0 || *cursor == 0)
        return false;
    *cursor = *cursor > map_count(s->holds) ? map_count(s->holds) - 1 : *cursor - 1;
    *ret = heap_id(ss->heap, map_key(s->holds, *cursor));
    return true;
}
