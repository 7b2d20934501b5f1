/* chain.c - see chain.h. */
#include "heap/graph/chain.h"
#include "heap/dict.h"
#include "heap/graph/reach_impl.h"
#include "heap/heap_impl.h"
#include "heap/intern.h"
#include "heap/list.h"
#include "heap/names.h"
#include "heap/record.h"
#include "heap/shape.h"

#define ITEMS_PER_UNIT 16
#define ENTRIES_PER_UNIT 16 /* of a batch */

/* ---- where in its holder a link is: CHAIN_LINK, CHAIN_MORE, or CHAIN_BROKEN if it is not there ---- */

static enum chain_turn find_in_slots(struct chain *c, slot_t record, word_t link, struct part *ret)
{
    const struct heap *h = c->reach->heap;
    const struct shape *shape = &h->shapes[object_at(h, record)->shape];
    uint32_t room;
    const word_t *values = record_values(h, record, &room);

    for (uint32_t i = 0; i < shape->field_count; i++)
        if (values[i] == link) {
            ret->name = string_slice(h, shape->names[i]);
            return CHAIN_LINK;
        }
    return CHAIN_BROKEN;
}

/* By number: those that are removed meanwhile may hide it, and it is looked for again then. */
static enum chain_turn find_in_dictionary(struct chain *c, slot_t record, word_t link, size_t *units, struct part *ret)
{
    const struct heap *h = c->reach->heap;
    slot_t dict = record_dict(h, record);

    for (; *units > 0; (*units)--) {
        slot_t entry;

        if (c->position >= dict_count(h, dict))
            return CHAIN_BROKEN;
        entry = dict_at_index(h, dict, (uint32_t)c->position++);
        if (dict_word(h, entry) != link)
            continue;
        ret->name = string_slice(h, dict_name(h, entry));
        return CHAIN_LINK;
    }
    return CHAIN_MORE;
}

static enum chain_turn find_in_list(struct chain *c, slot_t list, word_t link, size_t *units, struct part *ret)
{
    const struct heap *h = c->reach->heap;

    while (*units > 0) {
        uint32_t count;
        const word_t *words;

        if (c->position >= list_length(h, list))
            return CHAIN_BROKEN;
        words = list_leaf(h, list, (uint32_t)c->position, &count);
        for (uint32_t i = 0; i < count; i++)
            if (words[i] == link) {
                ret->index = c->position + i;
                return CHAIN_LINK;
            }
        c->position += count;
        *units = units_less(*units, 1 + count / ITEMS_PER_UNIT);
    }
    return CHAIN_MORE;
}

static enum chain_turn find_link(struct chain *c, slot_t holder, slot_t target, size_t *units, struct part *ret)
{
    const struct object *o = object_at(c->reach->heap, holder);
    word_t link = WORD(WORD_LINK, target);

    *ret = (struct part){.index = 0};
    if (o->kind == KIND_LIST)
        return find_in_list(c, holder, link, units, ret);
    if (o->kind == KIND_RECORD && o->layout == LAYOUT_DICTIONARY)
        return find_in_dictionary(c, holder, link, units, ret);
    return o->kind == KIND_RECORD ? find_in_slots(c, holder, link, ret) : CHAIN_BROKEN;
}

/* ---- who holds it from outside: the same ---- */

static enum chain_turn find_root(const struct chain *c, uint32_t number, struct chain_link *ret)
{
    const struct name_table *roots = c->reach->heap->roots;

    if (names_next(roots, number) != number || names_at(roots, number)->target != c->at)
        return CHAIN_BROKEN;
    ret->part.name = string_slice(c->reach->heap, names_at(roots, number)->name);
    return CHAIN_LINK;
}

static enum chain_turn find_session(const struct chain *c, uint32_t number, struct chain_link *ret)
{
    const struct session_set *sessions = c->reach->outside->sessions;
    struct session_info info;
    uint32_t next = number;

    if (!session_next(sessions, &next, &info) || next - 1 != number ||
        !session_holds(sessions, info.id, heap_id(c->reach->heap, c->at)))
        return CHAIN_BROKEN;
    ret->session = info.id;
    ret->label = info.label;
    return CHAIN_LINK;
}

static enum chain_turn find_batch(struct chain *c, size_t *units)
{
    const struct heap *h = c->reach->heap;
    const struct scope *s = heap_scope_before(h, c->scope + 1);
    obj_id id = heap_id(h, c->at);

    for (; *units > 0 && s != NULL; (*units)--) {
        if (scope_serial(s) != c->scope)
            c->entry = 0;
        c->scope = scope_serial(s);
        if (scope_find(s, id, &c->entry, ENTRIES_PER_UNIT))
            return CHAIN_LINK;
        if (c->entry < scope_end(s))
            continue;
        c->scope--;
        c->entry = 0;
        s = heap_next_scope(h, s);
    }
    return s == NULL ? CHAIN_BROKEN : CHAIN_MORE;
}

static enum chain_turn find_outside(struct chain *c, size_t *units, struct chain_link *ret)
{
    const struct reach_outside *outside = c->reach->outside;

    *ret = (struct chain_link){.by = origin_from(c->by)};
    switch (ret->by) {
    case REACHED_BY_ROOT:
        return find_root(c, origin_who(c->by), ret);
    case REACHED_BY_SESSION:
        return find_session(c, origin_who(c->by), ret);
    case REACHED_BY_BATCH:
        return find_batch(c, units);
    case REACHED_BY_GARBAGE:
        return outside->is_garbage(outside->garbage, heap_id(c->reach->heap, c->at)) ? CHAIN_LINK : CHAIN_BROKEN;
    default:
        return CHAIN_BROKEN; /* it was reached behind the walk's back, or has died */
    }
}

/* ---- the way back ---- */

/* `by` of a chain: from where `at` was reached. */
void chain_begin(struct reach *r, uint32_t i, struct chain *ret)
{
    CHECK(!r->ended && (r->phase == REACH_OVER || r->phase == REACH_CHAINS) && i < r->holder_count);
    if (r->phase == REACH_OVER)
        reach_watch_changes(r);
    r->phase = REACH_CHAINS;
    *ret = (struct chain){.reach = r, .at = r->target, .by = r->holder[i], .scope = UINT64_MAX - 1};
}

/* Until `at` is held from outside: then `before` is what it was reached from on the way out, nothing. */
static enum chain_turn go_back(struct chain *c, size_t *units)
{
    origin_t *from = c->reach->from;

    for (; *units > 0; (*units)--) {
        slot_t holder = origin_who(c->by);
        origin_t by;

        if (origin_from(c->by) != REACHED_BY_OBJECT) {
            c->out = true;
            return CHAIN_LINK;
        }
        if (holder == 0)
            return CHAIN_BROKEN;
        by = from[holder];
        from[holder] = origin(REACHED_BY_OBJECT, c->at);
        c->at = holder;
        c->by = by;
    }
    return CHAIN_MORE;
}

/* ---- the way out ---- */

static bool is_shown(const struct chain *c, slot_t slot)
{
    const struct heap *h = c->reach->heap;

    return reach_is_there(c->reach, slot) && heap_slot(h, heap_id(h, slot)) == slot;
}

/* The link of `at` to the next is turned again. */
static void go_out(struct chain *c, slot_t next)
{
    c->reach->from[c->at] = c->by;
    c->by = origin(REACHED_BY_OBJECT, c->at);
    c->at = next;
    c->position = 0;
}

static enum chain_turn show_outside(struct chain *c, size_t *units, struct chain_link *ret)
{
    enum chain_turn turn = is_shown(c, c->at) ? find_outside(c, units, ret) : CHAIN_BROKEN;

    if (turn != CHAIN_LINK)
        return turn;
    c->begun = true;
    slotset_add(&c->reach->noted, c->at);
    return turn;
}

static enum chain_turn show_holder(struct chain *c, size_t *units, struct chain_link *ret)
{
    origin_t to = c->reach->from[c->at];
    slot_t next = origin_who(to);
    enum chain_turn turn = CHAIN_BROKEN;

    if (origin_from(to) == REACHED_BY_OBJECT && is_shown(c, c->at))
        turn = find_link(c, c->at, next, units, &ret->part);
    if (turn != CHAIN_LINK)
        return turn;
    ret->by = REACHED_BY_OBJECT;
    ret->id = heap_id(c->reach->heap, c->at);
    slotset_add(&c->reach->noted, next);
    go_out(c, next);
    return turn;
}

enum chain_turn chain_step(struct chain *c, size_t *units, struct chain_link *ret)
{
    enum chain_turn turn;

    CHECK_IS(c->reach, REACH_MAGIC);
    if (!c->out && (turn = go_back(c, units)) != CHAIN_LINK)
        return turn;
    if (*units == 0)
        return CHAIN_MORE;
    if (!c->begun)
        turn = show_outside(c, units, ret);
    else
        turn = c->at == c->reach->target ? CHAIN_END : show_holder(c, units, ret);
    *units = units_less(*units, 1);
    return turn;
}

bool chains_changed(const struct reach *r)
{
    return r->changed;
}
