/*
 * weak.c - see weak.h.
 *
 * A weak cell lives while a weak link or a weak name refers to it, longer than its object if need be. While
 * the object lives it is found through h->weak_cells, and lists the names that refer to it, newest first.
 */
#include "heap/weak.h"
#include "heap/heap_impl.h"
#include "heap/intern.h"
#include "heap/names.h"
#include "heap/onlooker.h"
#include "heap/slot.h"
#include "heap/undo_impl.h"

struct weak_cell {
    slot_t object;         /* 0: dead */
    uint32_t refs;         /* weak links and weak names */
    struct name_chain names; /* that refer to the object; empty once it is dead */
};

#define WEAK_CELL_WORDS (sizeof(struct weak_cell) / sizeof(uint32_t))

static struct weak_cell *cell_at(const struct heap *h, slot_t cell)
{
    return (struct weak_cell *)pool_cell(&h->pools, cell);
}

enum err weak_tables_create(struct heap *h)
{
    h->weak_cells = map_create(h->mem, h->seed);
    h->weak_names = names_create(h);
    return h->weak_cells != NULL && h->weak_names != NULL ? ERR_OK : ERR_NOMEM;
}

void weak_tables_destroy(struct heap *h)
{
    map_destroy(&h->weak_cells);
    names_destroy(&h->weak_names);
}

/* ---- cells ---- */

static slot_t find_cell(const struct heap *h, slot_t object)
{
    uint32_t e = map_find(h->weak_cells, object);

    return e == MAP_NONE ? 0 : map_value(h->weak_cells, e);
}

static slot_t new_cell(struct heap *h, slot_t object)
{
    slot_t cell = pool_alloc(&h->pools, POOL_DATA, WEAK_CELL_WORDS);

    if (cell == 0)
        return 0;
    if (!map_add(h->weak_cells, object, cell)) {
        pool_free(&h->pools, cell);
        return 0;
    }
    *cell_at(h, cell) = (struct weak_cell){.object = object};
    object_at(h, object)->has_weak = 1;
    h->stats.shared_bytes += sizeof(struct weak_cell);
    return cell;
}

slot_t weak_cell_take(struct heap *h, slot_t object)
{
    slot_t cell = object_at(h, object)->has_weak ? find_cell(h, object) : new_cell(h, object);

    if (cell == 0)
        return 0;
    CHECK(cell_at(h, cell)->refs < UINT32_MAX);
    cell_at(h, cell)->refs++;
    return cell;
}

void weak_cell_release(struct heap *h, slot_t cell)
{
    struct weak_cell *c = cell_at(h, cell);

    CHECK(c->refs > 0);
    if (--c->refs > 0)
        return;
    if (c->object != 0) {
        map_remove(h->weak_cells, map_find(h->weak_cells, c->object));
        object_at(h, c->object)->has_weak = 0;
    }
    h->stats.shared_bytes -= sizeof *c;
    pool_free(&h->pools, cell);
}

slot_t weak_cell_target(const struct heap *h, slot_t cell)
{
    slot_t object = cell_at(h, cell)->object;

    return object != 0 && heap_is_alive(h, object) ? object : 0;
}

slot_t weak_cell_object(const struct heap *h, slot_t cell)
{
    return cell_at(h, cell)->object;
}

uint64_t weak_count(const struct heap *h, slot_t object)
{
    return object_at(h, object)->has_weak ? cell_at(h, find_cell(h, object))->refs : 0;
}

/* ---- chains of names ---- */

static void chain_add_newest(struct heap *h, struct name_chain *c, uint32_t number)
{
    names_at(h->weak_names, number)->newer = 0;
    names_at(h->weak_names, number)->older = c->newest;
    if (c->newest != 0)
        names_at(h->weak_names, c->newest)->newer = number;
    else
        c->oldest = number;
    c->newest = number;
}

static void chain_remove(struct heap *h, struct name_chain *c, uint32_t number)
{
    struct name_entry *e = names_at(h->weak_names, number);

    if (e->newer != 0)
        names_at(h->weak_names, e->newer)->older = e->older;
    else
        c->newest = e->older;
    if (e->older != 0)
        names_at(h->weak_names, e->older)->newer = e->newer;
    else
        c->oldest = e->newer;
    e->newer = e->older = 0;
}

/* All of `from`, in its order, behind the oldest of `to`. O(1): so is the death of an object with many names. */
static void chain_append(struct heap *h, struct name_chain *to, struct name_chain *from)
{
    if (from->newest == 0)
        return;
    if (to->oldest != 0) {
        names_at(h->weak_names, to->oldest)->older = from->newest;
        names_at(h->weak_names, from->newest)->newer = to->oldest;
    } else {
        to->newest = from->newest;
    }
    to->oldest = from->oldest;
    *from = (struct name_chain){0, 0};
}

/* ---- notices ---- */

/* The chain that the entry is in; NULL: in none. */
static struct name_chain *chain_of(struct heap *h, const struct name_entry *e)
{
    if (cell_at(h, e->target)->object != 0)
        return &cell_at(h, e->target)->names;
    return e->told ? NULL : &h->notices;
}

static void take_notice(struct heap *h, uint32_t number, struct weak_notice *ret)
{
    struct name_entry *e = names_at(h->weak_names, number);

    chain_remove(h, &h->notices, number);
    e->told = true;
    *ret = (struct weak_notice){.name = string_slice(h, e->name), .id = e->id};
}

bool weak_take_notice(struct heap *h, struct weak_notice *ret)
{
    uint32_t number = h->notices.newest; /* the front of the queue: deaths in their order, names newest first */

    if (number != 0)
        take_notice(h, number, ret);
    return number != 0;
}

bool weak_take_notice_of(struct heap *h, struct slice name, struct weak_notice *ret)
{
    uint32_t number = names_find(h->weak_names, name);

    if (number == 0 || chain_of(h, names_at(h->weak_names, number)) != &h->notices)
        return false;
    take_notice(h, number, ret);
    return true;
}

bool weak_notice_waits(const struct heap *h)
{
    return h->notices.newest != 0;
}

void weak_died(struct heap *h, slot_t object)
{
    slot_t cell = find_cell(h, object);

    CHECK(cell != 0);
    chain_append(h, &h->notices, &cell_at(h, cell)->names);
    map_remove(h->weak_cells, map_find(h->weak_cells, object));
    if (h->onlooker != NULL && h->onlooker->ops->weak_died != NULL)
        h->onlooker->ops->weak_died(h->onlooker, cell, object);
    cell_at(h, cell)->object = 0;
    object_at(h, object)->has_weak = 0;
    h->weak_deaths++;
}

/* ---- names ---- */

static void leave_chain(struct heap *h, uint32_t number)
{
    struct name_chain *chain = chain_of(h, names_at(h->weak_names, number));

    if (chain != NULL)
        chain_remove(h, chain, number);
}

/* Take the entry out of the chain it is in, and let go of the weak cell. */
static void detach(struct heap *h, uint32_t number)
{
    leave_chain(h, number);
    weak_cell_release(h, names_at(h->weak_names, number)->target);
}

static enum err no_name(struct slice name, struct why *why)
{
    return why_set(why, ERR_NO_NAME, "there is no weak name \"%.*s\"", (int)(name.len > 80 ? 80 : name.len),
                   name.data);
}

/* ---- what may be taken back ---- */

struct weak_note {
    uint32_t number;
    bool is_new;
    struct name_entry was; /* unless it is new; the reference on its weak cell is the note's */
};

/* The entry is what it was: let it stand where it stood, between those that it still names. */
static void return_to_chain(struct heap *h, uint32_t number)
{
    const struct name_entry *e = names_at(h->weak_names, number);
    struct name_chain *chain = chain_of(h, e);

    if (chain == NULL)
        return;
    if (e->newer != 0)
        names_at(h->weak_names, e->newer)->older = number;
    else
        chain->newest = number;
    if (e->older != 0)
        names_at(h->weak_names, e->older)->newer = number;
    else
        chain->oldest = number;
}

static void take_put_back(struct heap *h, void *note)
{
    const struct weak_note *n = note;

    detach(h, n->number);
    if (n->is_new) {
        names_remove(h->weak_names, n->number);
        return;
    }
    *names_at(h->weak_names, n->number) = n->was;
    return_to_chain(h, n->number);
}

static void forget_put(struct heap *h, void *note)
{
    const struct weak_note *n = note;

    if (!n->is_new)
        weak_cell_release(h, n->was.target);
}

/* It is about to refer to another object; `is_new`: to its first. */
static void let_go_of_target(struct heap *h, uint32_t number, bool is_new)
{
    static const struct undo_kind kind = {take_put_back, forget_put};
    struct name_entry was = *names_at(h->weak_names, number);

    if (!is_new)
        leave_chain(h, number);
    if (undo_is_open(h))
        *(struct weak_note *)undo_note(h, &kind, sizeof(struct weak_note)) =
            (struct weak_note){.number = number, .is_new = is_new, .was = was};
    else if (!is_new)
        weak_cell_release(h, was.target);
}

/* ---- the public operations ---- */

enum err weak_put(struct heap *h, struct slice name, obj_id id, bool *ret_new, struct why *why)
{
    struct change c = {.kind = CHANGE_WEAK, .name = name, .id = id};
    uint32_t number = names_find(h->weak_names, name);
    bool is_new = number == 0;
    slot_t object, cell;
    size_t mark = 0;
    enum err e;

    if ((e = slot_find_target(h, id, &object, why)) || (e = undo_reserve(h, 1, why)))
        return e;
    if ((cell = weak_cell_take(h, object)) == 0)
        return why_set(why, ERR_NOMEM, "no memory for a weak reference");
    if ((e = journal_note(h->journal, &c, &mark, why)) == ERR_OK && is_new &&
        (e = names_add(h->weak_names, name, &number, why)) != ERR_OK)
        journal_cut(h->journal, mark);
    if (e != ERR_OK) {
        weak_cell_release(h, cell);
        return e;
    }
    let_go_of_target(h, number, is_new);

    struct name_entry *entry = names_at(h->weak_names, number);

    entry->target = cell;
    entry->id = id;
    entry->told = false;
    chain_add_newest(h, &cell_at(h, cell)->names, number);
    if (ret_new != NULL)
        *ret_new = is_new;
    return ERR_OK;
}

enum err weak_restore_dead(struct heap *h, struct slice name, obj_id id, struct why *why)
{
    uint32_t number;
    slot_t cell;
    enum err e;

    if (names_find(h->weak_names, name) != 0)
        return why_set(why, ERR_BAD_VALUE, "there are two weak names \"%.*s\"", (int)(name.len > 80 ? 80 : name.len), name.data);
    if ((cell = pool_alloc(&h->pools, POOL_DATA, WEAK_CELL_WORDS)) == 0)
        return why_set(why, ERR_NOMEM, "no memory for a weak reference");
    if ((e = names_add(h->weak_names, name, &number, why)) != ERR_OK) {
        pool_free(&h->pools, cell);
        return e;
    }
    *cell_at(h, cell) = (struct weak_cell){.refs = 1};
    h->stats.shared_bytes += sizeof(struct weak_cell);
    names_at(h->weak_names, number)->target = cell;
    names_at(h->weak_names, number)->id = id;
    names_at(h->weak_names, number)->told = true;
    return ERR_OK;
}

static obj_id target_id(const struct heap *h, uint32_t number)
{
    const struct name_entry *e = names_at(h->weak_names, number);

    return weak_cell_target(h, e->target) != 0 ? e->id : 0;
}

enum err weak_get(const struct heap *h, struct slice name, obj_id *ret, struct why *why)
{
    uint32_t number = names_find(h->weak_names, name);

    if (number == 0)
        return no_name(name, why);
    *ret = target_id(h, number);
    return ERR_OK;
}

enum err weak_delete(struct heap *h, struct slice name, struct why *why)
{
    struct change c = {.kind = CHANGE_UNWEAK, .name = name};
    uint32_t number = names_find(h->weak_names, name);
    enum err e;

    CHECK(!undo_is_open(h));
    if (number == 0)
        return no_name(name, why);
    if ((e = journal_note(h->journal, &c, NULL, why)) != ERR_OK)
        return e;
    detach(h, number);
    names_remove(h->weak_names, number);
    return ERR_OK;
}

bool weak_next(const struct heap *h, uint32_t *cursor, struct slice *ret_name, obj_id *ret_id)
{
    uint32_t number = names_next(h->weak_names, *cursor);

    if (number == 0)
        return false;
    *cursor = number + 1;
    *ret_name = string_slice(h, names_at(h->weak_names, number)->name);
    *ret_id = target_id(h, number);
    return true;
}

static bool entry_is_well(const struct heap *h, uint32_t e)
{
    slot_t object = map_key(h->weak_cells, e);
    const struct weak_cell *c = cell_at(h, map_value(h->weak_cells, e));

    return c->object == object && c->refs > 0 && object_at(h, object)->has_weak && object_at(h, object)->state == STATE_LIVE;
}

/* From the last entry down, as in map.c. */
static size_t validate_entries(const struct heap *h, struct proof *p, size_t units)
{
    uint64_t end = (uint64_t)map_count(h->weak_cells) + 1;

    if (p->at == 0 || p->at > end)
        p->at = end;
    for (; p->at > 1 && units > 0; p->at--, units--)
        p->broken += !entry_is_well(h, (uint32_t)p->at - 2);
    return units;
}

size_t weak_validate_step(const struct heap *h, struct proof *p, size_t units)
{
    while (units > 0 && p->part < 2) {
        units = p->part == 0 ? map_validate_step(h->weak_cells, p, units) : validate_entries(h, p, units);
        if (units > 0)
            proof_next(p);
    }
    return units;
}
