/*
 * snapshot_copy.c - what was there at the cut, copied: by a cursor, or just before it goes.
 *
 * An object goes to the rows whole, with its links, unless it has many parts. Then it is gathered (gather.h): from the moment
 * when it is first met, by the cursor or by a change, until it was looked through. Its node is known at once: these count
 * down from the end of the objects, while the others count up, and there were as many at the cut as the heap counts.
 *
 * Places move under the cursor. A list is looked through upwards, by the numbers that its items had at the cut (holes.h). A
 * dictionary is looked through downwards by the numbers of its entries: what is added comes behind the cursor, and when an
 * entry is removed the last takes its number, so an entry may be found that was found before, or was not there: it is
 * noted, by its name, that it will be left out. So it is with sessions and their holds, and with roots, by number.
 */
#include "heap/dict.h"
#include "heap/graph/snapshot_impl.h"
#include "heap/intern.h"
#include "heap/list.h"
#include "heap/names.h"
#include "heap/record.h"
#include "heap/shape.h"
#include "heap/slot.h"
#include "heap/weak.h"
#include <stddef.h>

/* What has more parts than this is not copied whole: inside a change, and when many go at once, which are looked through
 * as they are taken apart. */
#define LIST_PARTS_MAX 256u
#define DICT_PARTS_MAX 64u
#define DYING_PARTS_MAX 64u

#define BYTES_AHEAD 1024
#define ITEMS_PER_UNIT 4u
#define EDGES_PER_UNIT 8u
#define ENTRY_UNITS 4u

static struct snapshot *snapshot_of(const struct onlooker *o)
{
    struct snapshot *s = (struct snapshot *)((uintptr_t)o - offsetof(struct snapshot, look));

    CHECK_IS(s, SNAPSHOT_MAGIC);
    return s;
}

static bool refused(struct snapshot *s)
{
    s->failed = true;
    return false;
}

/* ---- edges ---- */

/* 0: what it knew was dead at the cut. */
static slot_t weak_target_then(const struct snapshot *s, slot_t cell)
{
    slot_t object = weak_cell_object(s->heap, cell);
    uint32_t e = object == 0 && s->weak_was != NULL ? map_find(s->weak_was, cell) : MAP_NONE;

    return e != MAP_NONE ? map_value(s->weak_was, e) : object;
}

/* How many edges there can be was known at the cut. */
static void put_edge(struct snapshot *s, slot_t to, uint32_t name)
{
    CHECK(((size_t)s->edges + 1) * sizeof(uint32_t) <= s->edge_to.charged);
    lane_u32(&s->edge_to)[s->edges] = to;
    lane_u32(&s->edge_name)[s->edges++] = name;
}

static void put_weak(struct snapshot *s, uint32_t from, slot_t to, uint32_t name)
{
    CHECK(((size_t)s->weak + 1) * sizeof(uint32_t) <= s->weak_to.charged);
    lane_u32(&s->weak_from)[s->weak] = from;
    lane_u32(&s->weak_to)[s->weak] = to;
    lane_u32(&s->weak_name)[s->weak++] = name;
}

static inline void put_word(struct snapshot *s, uint32_t node, word_t word, uint32_t name)
{
    slot_t to;

    if (word_tag(word) == WORD_LINK)
        put_edge(s, word_payload(word), name);
    else if (word_tag(word) == WORD_WEAK && (to = weak_target_then(s, word_payload(word))) != 0)
        put_weak(s, node, to, name);
}

static bool holds_edge(word_t word)
{
    return word_tag(word) == WORD_LINK || word_tag(word) == WORD_WEAK;
}

static bool name_number(struct snapshot *s, slot_t name, uint32_t *ret)
{
    return texts_number(&s->texts, string_slice(s->heap, name), ret);
}

/* ---- an object with few parts ---- */

static bool is_dictionary(const struct object *o)
{
    return o->kind == KIND_RECORD && o->layout == LAYOUT_DICTIONARY;
}

static void copy_list(struct snapshot *s, uint32_t node, slot_t list)
{
    uint32_t count;

    for (uint32_t i = 0; i < list_length(s->heap, list); i += count) {
        const word_t *words = list_leaf(s->heap, list, i, &count);

        for (uint32_t j = 0; j < count; j++)
            put_word(s, node, words[j], i + j);
    }
}

static bool copy_dictionary(struct snapshot *s, uint32_t node, slot_t record)
{
    slot_t dict = record_dict(s->heap, record);
    uint32_t name;

    for (slot_t e = dict_first(s->heap, dict); e != 0; e = dict_next(s->heap, e)) {
        word_t word = dict_word(s->heap, e);

        if (!holds_edge(word))
            continue;
        if (!name_number(s, dict_name(s->heap, e), &name))
            return refused(s);
        put_word(s, node, word, name);
    }
    return true;
}

static void copy_slots(struct snapshot *s, uint32_t node, slot_t record, const struct form *f)
{
    uint32_t room;
    const word_t *values = record_values(s->heap, record, &room);

    for (uint32_t i = 0; i < f->names; i++)
        put_word(s, node, values[i], f->name[i]);
}

/* Class, site, id and size. */
static struct form *put_head(struct snapshot *s, uint32_t node, slot_t slot, const struct object *o)
{
    static const enum frozen_kind kinds[] = {
        [KIND_RECORD] = FROZEN_RECORD, [KIND_LIST] = FROZEN_LIST, [KIND_BYTES] = FROZEN_BYTES};
    struct form *f = texts_form(&s->texts, s->heap, o->shape);
    uint64_t bytes = object_bytes(s->heap, slot);

    if (f == NULL || !texts_label_of(&s->texts, f, kinds[o->kind], &lane_u32(&s->label)[node])) {
        refused(s);
        return NULL;
    }
    lane_u64(&s->id)[node] = slot_id_of(s->heap, slot, o);
    lane_u64(&s->bytes)[node] = bytes;
    s->object_bytes += bytes;
    texts_count_node(&s->texts, lane_u32(&s->label)[node], bytes);
    return f;
}

static bool copy_links(struct snapshot *s, uint32_t node, slot_t slot, const struct object *o, const struct form *f)
{
    if (o->kind == KIND_LIST)
        copy_list(s, node, slot);
    else if (is_dictionary(o))
        return copy_dictionary(s, node, slot);
    else if (o->kind == KIND_RECORD)
        copy_slots(s, node, slot, f);
    return true;
}

static bool copy_object(struct snapshot *s, slot_t slot, const struct object *o)
{
    uint32_t node = s->nodes;
    const struct form *f;

    CHECK(node + s->wide_count <= s->objects);
    lane_u32(&s->first_edge)[node] = s->edges;
    if ((f = put_head(s, node, slot, o)) == NULL || !copy_links(s, node, slot, o, f))
        return false;
    lane_u32(&s->node_of)[slot] = node;
    s->nodes++;
    return true;
}

/* ---- an object with many parts ---- */

static struct gather *new_gather(struct snapshot *s, struct lane *in, uint32_t *count)
{
    struct gather *g = mem_zalloc(s->mem, sizeof *g);

    if (g == NULL || !lane_need(in, ((size_t)*count + 1) * sizeof g)) {
        mem_free(s->mem, g, sizeof *g);
        refused(s);
        return NULL;
    }
    ((struct gather **)(void *)in->base)[(*count)++] = g;
    return g;
}

static struct gather *wide_of(const struct snapshot *s, slot_t slot)
{
    uint32_t number = slot < s->end ? lane_u32(&s->node_of)[slot] : 0;

    return (number & NODE_WIDE) != 0 ? gather_at(&s->wides, number & ~NODE_WIDE) : NULL;
}

static struct gather *begin_wide(struct snapshot *s, slot_t slot, const struct object *o, uint32_t parts)
{
    uint32_t number = s->wide_count;
    struct gather *g = new_gather(s, &s->wides, &s->wide_count);

    if (g == NULL)
        return NULL;
    CHECK(s->nodes + number <= s->objects);
    g->node = s->objects - number;
    g->kind = o->kind == KIND_LIST ? FROZEN_LIST : FROZEN_RECORD;
    g->slot = slot;
    g->parts = parts;
    g->at = o->kind == KIND_LIST ? 0 : parts;
    lane_u32(&s->node_of)[slot] = number | NODE_WIDE;
    return put_head(s, g->node, slot, o) != NULL ? g : NULL;
}

/* All that was in it at the cut is known. */
static void end_wide(struct snapshot *s, struct gather *g)
{
    lane_u32(&s->node_of)[g->slot] = g->node;
    gather_seal(g);
    s->wide = s->wide == g ? NULL : s->wide;
}

static void gather_word(struct snapshot *s, struct gather *g, word_t word, uint32_t name)
{
    bool weak = word_tag(word) == WORD_WEAK;
    slot_t to = weak ? weak_target_then(s, word_payload(word)) : word_payload(word);

    if (to != 0 && !gather_add(g, s->mem, to, name, weak))
        refused(s);
}

/* ---- ... a list: the number that an item had at the cut; it is taken once ---- */

static bool has_holes(struct snapshot *s, struct gather *g)
{
    if (g->holes == NULL && (g->holes = holes_create(s->mem, g->parts)) == NULL)
        return refused(s);
    return true;
}

static uint32_t number_of(const struct gather *g, uint32_t index)
{
    return g->holes != NULL ? holes_number_at(g->holes, index) : index;
}

/* It is found, or goes. */
static void take_item(struct snapshot *s, struct gather *g, uint32_t index, word_t word)
{
    uint32_t number = number_of(g, index);

    if (holds_edge(word) && number < g->parts && (g->holes == NULL || !holes_is_marked(g->holes, number)))
        gather_word(s, g, word, number);
}

static size_t look_through_list(struct snapshot *s, struct gather *g, size_t units)
{
    for (uint32_t count; units > 0 && g->at < list_length(s->heap, g->slot); g->at += count) {
        const word_t *words = list_leaf(s->heap, g->slot, g->at, &count);

        for (uint32_t i = 0; i < count; i++)
            take_item(s, g, g->at + i, words[i]);
        units = units_less(units, 1 + count / ITEMS_PER_UNIT);
    }
    return units;
}

static void item_changed(struct onlooker *o, slot_t list, uint32_t index, word_t old, word_t now)
{
    struct snapshot *s = snapshot_of(o);
    struct gather *g = wide_of(s, list);

    (void)now;
    if (index < g->at || number_of(g, index) >= g->parts || !has_holes(s, g))
        return;
    take_item(s, g, index, old);
    holes_mark(g->holes, number_of(g, index));
}

static void item_deleted(struct onlooker *o, slot_t list, uint32_t index, word_t old)
{
    struct snapshot *s = snapshot_of(o);
    struct gather *g = wide_of(s, list);
    uint32_t number = number_of(g, index);

    if (index < g->at)
        g->at--;
    else
        take_item(s, g, index, old);
    if (number < g->parts && has_holes(s, g))
        holes_take_out(g->holes, number);
}

/* It is being taken apart. */
static void leaf_popped(struct onlooker *o, slot_t list, uint32_t first, const word_t *words, uint32_t count)
{
    struct snapshot *s = snapshot_of(o);
    struct gather *g = wide_of(s, list);

    for (uint32_t i = 0; i < count; i++)
        if (first + i >= g->at)
            take_item(s, g, first + i, words[i]);
    if (first <= g->at)
        end_wide(s, g);
}

/* ---- ... a dictionary: by the slot of a name, which is there for as long as the entry ---- */

/* It is found, or goes. */
static void take_entry(struct snapshot *s, struct gather *g, slot_t name, word_t word)
{
    uint32_t number;

    if (gather_is_left_out(g, name) || !holds_edge(word))
        return;
    if (name_number(s, name, &number))
        gather_word(s, g, word, number);
    else
        refused(s);
}

static void leave_out(struct snapshot *s, struct gather *g, uint32_t number)
{
    if (!gather_leave_out(g, s->mem, s->seed, number))
        refused(s);
}

static size_t look_through_dictionary(struct snapshot *s, struct gather *g, size_t units)
{
    slot_t dict = record_dict(s->heap, g->slot);

    for (; units > 0 && g->at > 0; units = units_less(units, ENTRY_UNITS)) {
        slot_t entry = dict_at_index(s->heap, dict, --g->at);

        take_entry(s, g, dict_name(s->heap, entry), dict_word(s->heap, entry));
    }
    return units;
}

static void field_changed(struct onlooker *o, slot_t record, slot_t name, uint32_t entry, word_t old, word_t now)
{
    struct snapshot *s = snapshot_of(o);
    struct gather *g = wide_of(s, record);

    (void)now;
    if (entry >= g->at)
        return;
    take_entry(s, g, name, old);
    leave_out(s, g, name);
}

static void field_removing(struct onlooker *o, slot_t record, slot_t dict, slot_t entry)
{
    struct snapshot *s = snapshot_of(o);
    struct gather *g = wide_of(s, record);
    uint32_t last = dict_count(s->heap, dict) - 1, index = dict_index(s->heap, dict, entry);

    if (index < g->at) {
        take_entry(s, g, dict_name(s->heap, entry), dict_word(s->heap, entry));
        if (last >= g->at)
            leave_out(s, g, dict_name(s->heap, dict_at_index(s->heap, dict, last)));
    }
    g->at = g->at < last ? g->at : last;
    if (g->at == 0)
        end_wide(s, g);
}

/* ---- either ---- */

static size_t look_through(struct snapshot *s, struct gather *g, size_t units)
{
    units = g->kind == FROZEN_LIST ? look_through_list(s, g, units) : look_through_dictionary(s, g, units);
    if (units > 0 && !s->failed)
        end_wide(s, g);
    return units;
}

/* A record or bytes: few. */
static uint32_t parts_of(const struct heap *h, slot_t slot, const struct object *o)
{
    if (o->kind == KIND_LIST)
        return list_length(h, slot);
    return is_dictionary(o) ? dict_count(h, record_dict(h, slot)) : 0;
}

/* ---- whoever was there at the cut is met: by the cursor, or by what changes it ---- */

/* Copied, or at least begun to be gathered. */
static void meet(struct snapshot *s, slot_t slot, uint32_t list_max, uint32_t dict_max)
{
    const struct object *o;
    uint32_t parts;

    if (s->failed || slot >= s->end || lane_u32(&s->node_of)[slot] != NODE_NONE)
        return;
    o = object_at(s->heap, slot);
    if (!onlooker_was_there(s->heap, &s->look, slot, o))
        return;
    parts = parts_of(s->heap, slot, o);
    if (parts > (o->kind == KIND_LIST ? list_max : dict_max))
        (void)begin_wide(s, slot, o, parts);
    else
        (void)copy_object(s, slot, o);
}

static void on_born(void *ctx, slot_t slot, enum object_kind kind)
{
    struct snapshot *s = ctx;

    (void)kind;
    snapshot_ops.birth(&s->look, slot);
}

static void on_changing(void *ctx, slot_t slot)
{
    meet(ctx, slot, LIST_PARTS_MAX, DICT_PARTS_MAX);
}

/* What is left of it is taken apart in steps, unless it is little: then nobody may hear of it any more. */
static void on_dying(void *ctx, slot_t slot)
{
    struct snapshot *s = ctx;
    struct gather *g;

    meet(s, slot, DYING_PARTS_MAX, DYING_PARTS_MAX);
    if (!s->failed && (g = wide_of(s, slot)) != NULL && parts_of(s->heap, slot, object_at(s->heap, slot)) <= DYING_PARTS_MAX)
        (void)look_through(s, g, SIZE_MAX);
}

static void on_condemned(void *ctx, uint32_t pool, const uint64_t cells[POOL_WORDS])
{
    for (uint32_t i = 0; i < POOL_WORDS; i++)
        for (uint64_t mask = cells[i]; mask != 0; mask &= mask - 1)
            on_dying(ctx, (pool << POOL_SHIFT) + i * 64 + (slot_t)__builtin_ctzll(mask));
}

static void birth(struct onlooker *o, slot_t slot)
{
    struct snapshot *s = snapshot_of(o);

    if (slot < s->end && lane_u32(&s->node_of)[slot] == NODE_NONE)
        lane_u32(&s->node_of)[slot] = NODE_NEW;
}

static bool waits_for(const struct onlooker *o, slot_t holder)
{
    const struct snapshot *s = snapshot_of(o);

    return !s->failed && wide_of(s, holder) != NULL;
}

static void note_weak_death(struct onlooker *o, slot_t cell, slot_t object)
{
    struct snapshot *s = snapshot_of(o);
    uint32_t e;

    if (s->failed || object >= s->end)
        return;
    if (s->weak_was == NULL && (s->weak_was = map_create(s->mem, s->seed)) == NULL) {
        s->failed = true;
        return;
    }
    if ((e = map_find(s->weak_was, cell)) != MAP_NONE)
        map_set_value(s->weak_was, e, object);
    else if (!map_add(s->weak_was, cell, object))
        s->failed = true;
}

/* ---- the cursor ---- */

/* What has been copied so far, but for looking at objects and at their parts. */
static uint64_t work_of(const struct snapshot *s)
{
    return ((uint64_t)s->edges + s->weak) / EDGES_PER_UNIT + s->texts.units;
}

static size_t looks_at(const struct snapshot *s, slot_t slot, const struct object *o)
{
    return 1 + (o->state == STATE_LIVE ? parts_of(s->heap, slot, o) / ITEMS_PER_UNIT : 0);
}

static slot_t pool_end_of(const struct snapshot *s, slot_t slot)
{
    slot_t end = (pool_of(slot) + 1) << POOL_SHIFT;

    return end < s->end ? end : s->end;
}

static size_t copy_pool(struct snapshot *s, size_t units)
{
    slot_t end = pool_end_of(s, s->at);

    while (units > 0 && (s->at = bits_next(s->heap->pools.used, s->at, end)) < end && !s->failed) {
        slot_t slot = s->at++;
        const struct object *o = object_at(s->heap, slot);
        uint64_t before = work_of(s);

        __builtin_prefetch((const char *)o + BYTES_AHEAD);
        meet(s, slot, LIST_PARTS_MAX, DICT_PARTS_MAX);
        if ((s->wide = wide_of(s, slot)) != NULL)
            units = look_through(s, s->wide, units);
        else
            units = units_less(units, looks_at(s, slot, o) + (size_t)(work_of(s) - before));
    }
    return units;
}

size_t snapshot_copy_objects(struct snapshot *s, size_t units)
{
    if (s->wide != NULL)
        units = look_through(s, s->wide, units);
    while (units > 0 && s->at < s->end && !s->failed) {
        if (pool_is_objects(&s->heap->pools, pool_of(s->at)))
            units = copy_pool(s, units);
        else
            s->at = pool_end_of(s, s->at);
        units -= units > 0;
    }
    return units;
}

/* ---- holders ---- */

static void gather_root(struct snapshot *s, uint32_t number, slot_t target)
{
    struct gather *g = &s->groups[GROUP_ROOTS];
    uint32_t name;

    if (gather_is_left_out(g, number) || target == 0)
        return;
    if (!name_number(s, names_at(s->heap->roots, number)->name, &name) || !gather_add(g, s->mem, target, name, false))
        refused(s);
}

size_t snapshot_copy_roots(struct snapshot *s, size_t units)
{
    for (; units > 0 && s->root_at < UINT32_MAX && !s->failed; units = units_less(units, ENTRY_UNITS)) {
        uint32_t n = names_next(s->heap->roots, s->root_at);

        if (n != 0)
            gather_root(s, n, names_at(s->heap->roots, n)->target);
        s->root_at = n != 0 ? n + 1 : UINT32_MAX;
    }
    return units;
}

static void root_changing(struct onlooker *o, uint32_t number, slot_t old, slot_t now)
{
    struct snapshot *s = snapshot_of(o);

    if (number < s->root_at || s->failed)
        return;
    gather_root(s, number, old);
    if (now != 0)
        leave_out(s, &s->groups[GROUP_ROOTS], number);
}

static struct gather *session_gather(struct snapshot *s, const struct heap_holder *by)
{
    uint32_t e = map_find(s->session_by_id, by->session), number = s->session_count;
    struct gather *g;

    if (e != MAP_NONE)
        return gather_at(&s->sessions, map_value(s->session_by_id, e));
    if ((g = new_gather(s, &s->sessions, &s->session_count)) == NULL)
        return NULL;
    g->kind = FROZEN_SESSION;
    g->id = by->session;
    if (!map_add(s->session_by_id, by->session, number) || !texts_number(&s->texts, by->label, &g->label))
        refused(s);
    return g;
}

static struct gather *gather_of(struct snapshot *s, const struct heap_holder *by)
{
    switch (by->by) {
    case HELD_BY_SCOPE:
        return &s->groups[GROUP_BATCHES];
    case HELD_BY_GARBAGE:
        return &s->groups[GROUP_GARBAGE];
    case HELD_BY_SESSION:
        return session_gather(s, by);
    }
    UNREACHABLE();
}

/* It is found, or goes. */
static void take_hold(void *ctx, const struct heap_holder *by, slot_t slot)
{
    struct snapshot *s = ctx;
    struct gather *g = s->failed ? NULL : gather_of(s, by);

    if (g != NULL && !gather_is_left_out(g, slot) && !gather_add(g, s->mem, slot, g->count, false))
        refused(s);
}

static void hold_missed(struct onlooker *o, const struct heap_holder *by, slot_t slot, bool came)
{
    struct snapshot *s = snapshot_of(o);
    struct gather *g;

    if (!came)
        take_hold(s, by, slot);
    else if (!s->failed && (g = gather_of(s, by)) != NULL)
        leave_out(s, g, slot);
}

size_t snapshot_copy_scopes(struct snapshot *s, size_t units)
{
    return scopes_recount_step(&s->look.scope, take_hold, s, units);
}

size_t snapshot_copy_watchers(struct snapshot *s, size_t units)
{
    const struct heap_watch *w;

    while (units > 0 && s->watcher < HEAP_WATCHES_MAX && (w = s->heap->watch[s->watcher]) != NULL && !s->failed) {
        if (w->recount_step != NULL)
            units = w->recount_step(w->ctx, take_hold, s, units);
        s->watcher += units > 0;
    }
    return units;
}

/* ---- what the heap is given ---- */

const struct onlooker_ops snapshot_ops = {.waits_for = waits_for,
                                          .birth = birth,
                                          .item_changed = item_changed,
                                          .item_deleted = item_deleted,
                                          .leaf_popped = leaf_popped,
                                          .field_changed = field_changed,
                                          .field_removing = field_removing,
                                          .root_changing = root_changing,
                                          .hold_missed = hold_missed,
                                          .weak_died = note_weak_death};

struct heap_watch snapshot_watch(struct snapshot *s)
{
    return (struct heap_watch){
        .ctx = s, .born = on_born, .changing = on_changing, .dying = on_dying, .condemned = on_condemned};
}
