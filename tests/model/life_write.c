/* life_write.c - operations of a random life that read and change objects. */
#include "tests/model/life_values.h"

/* ---- records ---- */

static bool edit(struct life *life, uint32_t record, const struct edits *e)
{
    life_may_refuse(life);
    if (!life_judge(life, heap_edit_record(life->heap, life_id(life, record), e->fields, e->count, NULL), record, e->values,
                    e->count))
        return false;
    apply_edits(life, record, e);
    life_settle(life);
    return true;
}

/* Plainly another value; weak ones may read as null before and after. */
static bool differs(struct life *life, const struct naive_value *a, const struct naive_value *b)
{
    return a->kind != VALUE_WEAK && b->kind != VALUE_WEAK && !value_eq(real_value(life, a), real_value(life, b));
}

void set_field_to(struct life *life, uint32_t record, uint32_t name, struct naive_value v)
{
    struct naive_object *o = naive_of(life, record);
    uint32_t p = naive_field(&life->naive, record, name);
    bool is_change = p == o->part_count || differs(life, &o->parts[p].value, &v);
    struct edits e = {.count = 0};
    obj_id id = o->id;
    uint64_t before = etag_of(life, id);

    add_edit(life, &e, name, v, false);
    if (edit(life, record, &e))
        check_etag(life, id, before, is_change);
}

static void set_field(struct life *life)
{
    uint32_t record = life_pick_kind(life, HEAP_RECORD);

    if (record != NAIVE_NONE)
        set_field_to(life, record, random_name(life, record), random_value(life));
}

static void link_itself(struct life *life)
{
    uint32_t record = life_pick_kind(life, HEAP_RECORD);

    if (record != NAIVE_NONE)
        set_field_to(life, record, random_name(life, record), link_to(record));
}

static void edit_many(struct life *life)
{
    uint32_t record = life_pick_kind(life, HEAP_RECORD), count = roll(life, one_in(life, 6) ? LIFE_EDITS_MAX : 8);
    struct edits e = {.count = 0};

    if (record == NAIVE_NONE)
        return;
    for (uint32_t i = 0; i < count; i++)
        add_edit(life, &e, random_name(life, record), random_value(life), one_in(life, 4));
    (void)edit(life, record, &e);
}

/* One of its fields if it has any, else any name. */
static uint32_t name_in(struct life *life, uint32_t record)
{
    const struct naive_object *o = naive_of(life, record);

    return o->part_count == 0 || one_in(life, 12) ? roll(life, LIFE_NAMES) : o->parts[roll(life, o->part_count)].name;
}

/* ERR_NO_NAME exactly if there is no such field. */
static bool judge_field(struct life *life, enum err e, uint32_t record, uint32_t name)
{
    const struct naive_object *o = naive_of(life, record);

    if (e != ERR_NO_NAME && e != ERR_OK)
        return life_judge(life, e, record, NULL, 0);
    AGREE(life, !o->dead, "a dead record answers");
    AGREE(life, (e == ERR_OK) == (naive_field(&life->naive, record, name) < o->part_count),
          "object %" PRIu64 ": field f%u should %sbe there", o->id, name, e == ERR_OK ? "not " : "");
    return e == ERR_OK;
}

static void unset_field(struct life *life)
{
    uint32_t record = life_pick_kind(life, HEAP_RECORD), name;

    if (record == NAIVE_NONE)
        return;
    name = name_in(life, record);
    life_may_refuse(life);
    if (!judge_field(life, heap_unset_field(life->heap, life_id(life, record), name_of(life, name), NULL), record, name))
        return;
    naive_unset_field(&life->naive, record, name);
    life_settle(life);
}

/* From a place within, the walk goes on with the same value that reading it gives. */
static void compare_seek(struct life *life, obj_id id, struct part_cursor *cursor, enum err e, struct value v)
{
    struct part part;

    AGREE(life, e == ERR_OK && heap_next_part(life->heap, id, cursor, &part) && value_eq(part.value, v),
          "object %" PRIu64 ": a walk from a place within does not begin there", id);
}

static void get_field(struct life *life)
{
    uint32_t record = life_pick_kind(life, HEAP_RECORD), name;
    struct part_cursor cursor = {0};
    struct value v;

    if (record == NAIVE_NONE)
        return;
    name = name_in(life, record);
    if (!judge_field(life, heap_get_field(life->heap, life_id(life, record), name_of(life, name), &v, NULL), record, name))
        return;
    AGREE(life, value_matches(life, v, &naive_of(life, record)->parts[naive_field(&life->naive, record, name)].value),
          "object %" PRIu64 ": field f%u has another value", life_id(life, record), name);

    enum err e = heap_seek_field(life->heap, life_id(life, record), name_of(life, name), &cursor, NULL);

    compare_seek(life, life_id(life, record), &cursor, e, v);
}

/* Many fields at once, the collector going on in between: from the first on, or here and there. */
static void unset_many(struct life *life)
{
    uint32_t record = life_pick_kind(life, HEAP_RECORD), count = roll(life, 40);
    bool run = roll(life, 2) == 0;
    struct naive_object *o;

    for (; record != NAIVE_NONE && count > 0 && (o = naive_of(life, record))->part_count > 8; count--) {
        struct edits e = {.count = 0};

        add_edit(life, &e, o->parts[run ? 0 : roll(life, o->part_count)].name, (struct naive_value){.kind = VALUE_NULL}, true);
        if (!edit(life, record, &e))
            return;
        gc_breathe(life);
    }
}

/* ---- lists ---- */

bool push_to(struct life *life, uint32_t list, struct naive_value v)
{
    struct value item = real_value(life, &v);
    uint64_t index;

    life_may_refuse(life);
    if (!life_judge(life, heap_push_item(life->heap, life_id(life, list), &item, &index, NULL), list, &v, 1))
        return false;
    AGREE(life, index == naive_of(life, list)->part_count, "an item was pushed to place %" PRIu64, index);
    naive_push(&life->naive, list, v);
    return true;
}

static void push_item(struct life *life)
{
    uint32_t list = life_pick_kind(life, HEAP_LIST);

    if (list != NAIVE_NONE)
        (void)push_to(life, list, random_value(life));
}

static void push_many(struct life *life)
{
    uint32_t list = life_pick_kind(life, HEAP_LIST), count = roll(life, 200);

    if (list == NAIVE_NONE || naive_of(life, list)->part_count > life->habits.list_items)
        return;
    while (count-- > 0 && push_to(life, list, random_value(life)))
        gc_breathe(life);
}

/* An index that is there, most often. */
static uint32_t index_in(struct life *life, uint32_t list)
{
    uint32_t count = naive_of(life, list)->part_count;

    return count == 0 || one_in(life, 40) ? count + roll(life, 3) : roll(life, count);
}

static bool judge_item(struct life *life, enum err e, uint32_t list, uint32_t index, const struct naive_value *v, size_t count)
{
    const struct naive_object *o = naive_of(life, list);

    if (e == ERR_NO_NAME || e == ERR_OK)
        AGREE(life, !o->dead && (e == ERR_OK) == (index < o->part_count), "object %" PRIu64 ": item %u should %sbe there",
              o->id, index, e == ERR_OK ? "not " : "");
    return e != ERR_NO_NAME && life_judge(life, e, list, v, count);
}

static void set_item_to(struct life *life, uint32_t list, uint32_t index, struct naive_value v)
{
    struct value item = real_value(life, &v);
    uint64_t before = etag_of(life, life_id(life, list));

    life_may_refuse(life);
    if (!judge_item(life, heap_set_item(life->heap, life_id(life, list), index, &item, NULL), list, index, &v, 1))
        return;
    check_etag(life, life_id(life, list), before, differs(life, &naive_of(life, list)->parts[index].value, &v));
    naive_of(life, list)->parts[index].value = v;
    life_settle(life);
}

static void set_item(struct life *life)
{
    uint32_t list = life_pick_kind(life, HEAP_LIST);

    if (list != NAIVE_NONE)
        set_item_to(life, list, index_in(life, list), random_value(life));
}

static bool delete_at(struct life *life, uint32_t list, uint32_t index)
{
    life_may_refuse(life);
    if (!judge_item(life, heap_delete_item(life->heap, life_id(life, list), index, NULL), list, index, NULL, 0))
        return false;
    naive_delete(&life->naive, list, index);
    life_settle(life);
    return !naive_of(life, list)->dead;
}

static void delete_item(struct life *life)
{
    uint32_t list = life_pick_kind(life, HEAP_LIST);

    if (list != NAIVE_NONE)
        (void)delete_at(life, list, index_in(life, list));
}

/* A run of items, or many here and there. */
static void delete_many(struct life *life)
{
    uint32_t list = life_pick_kind(life, HEAP_LIST), count = roll(life, 150);
    bool run = roll(life, 2) == 0;
    uint32_t index;

    if (list == NAIVE_NONE || naive_of(life, list)->part_count < life->habits.list_items / 2)
        return;
    for (index = index_in(life, list); count-- > 0 && delete_at(life, list, index);) {
        gc_breathe(life);
        if (!run && !naive_of(life, list)->dead)
            index = index_in(life, list);
    }
}

static void get_item(struct life *life)
{
    uint32_t list = life_pick_kind(life, HEAP_LIST), index;
    struct part_cursor cursor = {0};
    struct value v;
    enum err e;

    if (list == NAIVE_NONE)
        return;
    index = index_in(life, list);
    if (!judge_item(life, heap_get_item(life->heap, life_id(life, list), index, &v, NULL), list, index, NULL, 0))
        return;
    AGREE(life, value_matches(life, v, &naive_of(life, list)->parts[index].value), "object %" PRIu64 ": item %u has another value",
          life_id(life, list), index);
    e = heap_seek_item(life->heap, life_id(life, list), index, &cursor, NULL);
    compare_seek(life, life_id(life, list), &cursor, e, v);
}

/* ---- any object ---- */

void write_link_somewhere(struct life *life, uint32_t target)
{
    uint32_t holder = life_pick_alive(life);

    if (holder == NAIVE_NONE || naive_of(life, holder)->kind == HEAP_BYTES)
        return;
    if (naive_of(life, holder)->kind == HEAP_LIST)
        (void)push_to(life, holder, link_to(target));
    else
        set_field_to(life, holder, random_name(life, holder), link_to(target));
}

/* What was made long ago, dead or not, by its id. */
static void ask_for_any(struct life *life)
{
    uint32_t i = life->naive.count == 0 || one_in(life, 4) ? NAIVE_NONE : roll(life, life->naive.count);

    if (life_judge(life, heap_check(life->heap, life_id(life, i), NULL), i, NULL, 0))
        values_compare(life, i);
}

/* The object in the middle of being looked through loses half of what it has; and others are made at once, which may
 * get the memory. */
static void crumble_looked_at(struct life *life)
{
    uint32_t i = gc_looked_at(life);
    struct edits e = {.count = 0};

    if (i == NAIVE_NONE)
        return;
    if (naive_of(life, i)->kind == HEAP_LIST) {
        for (uint32_t n = naive_of(life, i)->part_count / 4; n > 0 && delete_at(life, i, index_in(life, i)); n--)
            ;
        return;
    }
    for (uint32_t p = 0; p < naive_of(life, i)->part_count && e.count < LIFE_EDITS_MAX; p++)
        if (roll(life, 2) == 0)
            add_edit(life, &e, naive_of(life, i)->parts[p].name, (struct naive_value){.kind = VALUE_NULL}, true);
    (void)edit(life, i, &e);
    for (uint32_t n = roll(life, one_in(life, 8) ? 40 : 12); n > 0; n--)
        make_record(life, LIFE_EDITS_MAX, true);
}

/* Whatever links to `i` links to nothing instead. */
static void unlink_everywhere(struct life *life, uint32_t i)
{
    for (uint32_t a = 0; a < life->naive.alive_count; a++) {
        uint32_t holder = life->naive.alive[a];
        const struct naive_object *o = naive_of(life, holder);

        for (uint32_t p = 0; p < o->part_count; p++) {
            struct naive_value nothing = {.kind = VALUE_NULL};

            if (o->parts[p].value.kind != VALUE_LINK || o->parts[p].value.target != i)
                continue;
            if (o->kind == HEAP_LIST)
                set_item_to(life, holder, p, nothing);
            else
                set_field_to(life, holder, o->parts[p].name, nothing);
        }
    }
}

/* The object in the middle of being looked through dies by counting, if nothing but a scope holds it. */
static void kill_looked_at(struct life *life)
{
    uint32_t i = gc_looked_at(life);

    if (i == NAIVE_NONE)
        return;
    unlink_everywhere(life, i);
    hold_drop_all(life, i);
}

/* Operations on an object of another kind are refused, and nothing happens. */
static void ask_for_wrong_kind(struct life *life)
{
    uint32_t i = life_pick_alive(life);
    struct value v = value_null();
    enum heap_kind kind;
    obj_id id;

    if (i == NAIVE_NONE)
        return;
    id = life_id(life, i);
    kind = naive_of(life, i)->kind;
    if (!heap_has(life->heap, id))
        return;
    if (kind != HEAP_LIST)
        AGREE(life, heap_push_item(life->heap, id, &v, NULL, NULL) == ERR_WRONG_KIND, "an item in what is no list");
    if (kind != HEAP_RECORD)
        AGREE(life, heap_get_field(life->heap, id, SLICE("f0"), &v, NULL) == ERR_WRONG_KIND, "a field of what is no record");
    values_compare(life, i);
}

const struct op write_ops[] = {
    {"set field", set_field, 40, 0, true},
    {"link itself", link_itself, 8, 0, true},
    {"edit many", edit_many, 12, 0, true},
    {"unset field", unset_field, 30, -1, true},
    {"unset many", unset_many, 4, -1, false},
    {"get field", get_field, 8, 0, true},
    {"push item", push_item, 12, 0, true},
    {"push many", push_many, 6, 0, false},
    {"set item", set_item, 20, 0, true},
    {"delete item", delete_item, 20, -1, false},
    {"delete many", delete_many, 3, -1, false},
    {"get item", get_item, 8, 0, true},
    {"crumble what is looked at", crumble_looked_at, 6, 0, false},
    {"kill what is looked at", kill_looked_at, 6, -1, false},
    {"ask for any", ask_for_any, 6, 0, true},
    {"ask for the wrong kind", ask_for_wrong_kind, 3, 0, true},
};
const size_t write_op_count = ARRAY_LEN(write_ops);
