/* life_write.c - operations of a random life that make, read and change objects. */
#include "tests/model/life_impl.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SITES 3u /* 0: none */

/* ---- names, texts, numbers ---- */

void write_texts(struct life *life)
{
    for (uint32_t i = 0; i < LIFE_NAMES; i++)
        snprintf(life->names[i], sizeof life->names[i], "f%u", i);
    for (uint32_t i = 0; i < LIFE_TEXTS; i++) {
        size_t len = i < 30 ? i : (size_t)(i - 29) * 250;

        memset(life->texts[i], (int)('a' + i % 26), len);
        life->text[i] = (struct slice){life->texts[i], len};
    }
}

static struct slice name_of(const struct life *life, uint32_t name)
{
    return slice_of(life->names[name]);
}

static double real_of(int64_t number)
{
    return number % 2 == 0 ? (double)number / 4 : (double)number * 0.1;
}

static struct label label_of(uint32_t class)
{
    static const char *const classes[LIFE_CLASSES] = {"package", "point", "list", "n", "node", "wild"};
    static const char *const sites[SITES] = {"", "import.c:12", "b"};

    return (struct label){slice_of(classes[class % LIFE_CLASSES]), slice_of(sites[class / LIFE_CLASSES])};
}

static uint32_t random_class(struct life *life)
{
    return roll(life, LIFE_CLASSES) + LIFE_CLASSES * (one_in(life, 3) ? roll(life, SITES) : 0);
}

/* Most classes get their fields in order, so that objects share shapes; one does not, until it has too many. */
static uint32_t random_name(struct life *life, uint32_t record)
{
    bool wild = record == NAIVE_NONE || naive_of(life, record)->class % LIFE_CLASSES == LIFE_CLASSES - 1;

    if (wild || one_in(life, 30))
        return roll(life, LIFE_NAMES);
    return roll(life, naive_of(life, record)->part_count < 5 ? 6 : naive_of(life, record)->part_count + 1);
}

/* ---- values ---- */

/* As the heap wants it. */
static struct value real_value(struct life *life, const struct naive_value *v)
{
    struct value r = {.kind = v->kind};

    if (v->kind == VALUE_INT)
        r.integer = v->number;
    else if (v->kind == VALUE_REAL)
        r.real = real_of(v->number);
    else if (v->kind == VALUE_STRING)
        r.string = life->text[v->number];
    else if (v->kind == VALUE_LINK || v->kind == VALUE_WEAK)
        r.id = life_id(life, v->target);
    return r;
}

static struct naive_value link_to(uint32_t target)
{
    return (struct naive_value){.kind = VALUE_LINK, .target = target};
}

static struct naive_value random_scalar(struct life *life)
{
    struct naive_value v = {.kind = (enum value_kind)roll(life, VALUE_STRING + 1)};

    if (v.kind == VALUE_STRING)
        v.number = roll(life, one_in(life, 6) ? LIFE_TEXTS : 30);
    else if (v.kind == VALUE_INT || v.kind == VALUE_REAL)
        v.number = (int64_t)dice_number(&life->dice) * (one_in(life, 2) ? -1 : 1);
    return v;
}

static struct naive_value random_value(struct life *life)
{
    if (roll(life, 100) >= life->habits.links_pct)
        return random_scalar(life);

    struct naive_value v = link_to(life_pick(life));

    if (one_in(life, 8))
        v.kind = VALUE_WEAK;
    return v;
}

static bool value_matches(struct life *life, struct value got, const struct naive_value *v)
{
    struct value expected = real_value(life, v);

    if (v->kind == VALUE_WEAK && !heap_has(life->heap, expected.id))
        expected = value_null();
    return value_eq(got, expected);
}

/* ---- comparing ---- */

static void fill(char *data, size_t len, uint64_t content)
{
    for (size_t i = 0; i < len; i++)
        data[i] = (char)(content + i * 7 + i / 256);
}

static void compare_bytes(struct life *life, const struct naive_object *o)
{
    struct payload *p = NULL;
    char *expected = malloc(o->length + 1);

    CHECK(expected != NULL);
    fill(expected, o->length, o->content);
    AGREE(life, heap_get_bytes(life->heap, o->id, &p, NULL) == ERR_OK, "bytes %" PRIu64 " cannot be read", o->id);
    AGREE(life, p->len == o->length && memcmp(p->data, expected, p->len) == 0, "bytes %" PRIu64 " are not what was put",
          o->id);
    payload_release(&p);
    free(expected);
}

static void compare_parts(struct life *life, const struct naive_object *o)
{
    struct part_cursor cursor = {0};
    struct part part;
    uint32_t p = 0;

    for (; heap_next_part(life->heap, o->id, &cursor, &part); p++) {
        AGREE(life, p < o->part_count, "object %" PRIu64 " has more than its %u parts", o->id, o->part_count);
        AGREE(life, o->kind == HEAP_LIST ? part.index == p : slice_eq(part.name, name_of(life, o->parts[p].name)),
              "object %" PRIu64 ": part %u has another name", o->id, p);
        AGREE(life, value_matches(life, part.value, &o->parts[p].value), "object %" PRIu64 ": part %u has another value",
              o->id, p);
    }
    AGREE(life, p == o->part_count, "object %" PRIu64 " has %u parts instead of %u", o->id, p, o->part_count);
}

void write_compare(struct life *life, uint32_t i)
{
    const struct naive_object *o = naive_of(life, i);
    struct label label = label_of(o->class);
    struct object_info info;

    AGREE(life, heap_info(life->heap, o->id, &info, NULL) == ERR_OK, "object %" PRIu64 " cannot be seen", o->id);
    AGREE(life, info.kind == o->kind && info.parts == (o->kind == HEAP_BYTES ? o->length : o->part_count), "object %" PRIu64 " has another kind or size", o->id);
    AGREE(life, slice_eq(info.class, label.class) && slice_eq(info.site, label.site), "object %" PRIu64 " has another label",
          o->id);
    if (o->kind == HEAP_BYTES)
        compare_bytes(life, o);
    else
        compare_parts(life, o);
}

/* ---- making ---- */

struct edits {
    struct field fields[LIFE_EDITS_MAX];
    struct naive_value values[LIFE_EDITS_MAX];
    uint32_t names[LIFE_EDITS_MAX];
    uint32_t count;
};

static void add_edit(struct life *life, struct edits *e, uint32_t name, struct naive_value v, bool unset)
{
    e->names[e->count] = name;
    e->values[e->count] = unset ? (struct naive_value){.kind = VALUE_NULL} : v;
    e->fields[e->count] = (struct field){.name = name_of(life, name), .value = real_value(life, &v), .unset = unset};
    e->count++;
}

static void apply_edits(struct life *life, uint32_t record, const struct edits *e)
{
    for (uint32_t i = 0; i < e->count; i++)
        if (e->fields[i].unset)
            naive_unset_field(&life->naive, record, e->names[i]);
        else
            naive_set_field(&life->naive, record, e->names[i], e->values[i]);
}

/* The naive heap gets to know a new object; the life owns one reference of it. */
static uint32_t add_newborn(struct life *life, obj_id id, enum heap_kind kind, uint32_t class)
{
    uint32_t i = naive_add(&life->naive, id, kind, class);

    AGREE(life, i != NAIVE_NONE, "id %" PRIu64 " was used before", id);
    naive_of(life, i)->own_refs = 1;
    return i;
}

static void make_record(struct life *life, uint32_t count, bool in_order)
{
    uint32_t class = random_class(life);
    struct edits e = {.count = 0};
    obj_id id;

    for (uint32_t i = 0; i < count; i++)
        add_edit(life, &e, in_order ? i : roll(life, LIFE_NAMES), random_value(life), false);
    life_may_refuse(life);
    if (!life_judge(life, heap_new_record(life->heap, label_of(class), e.fields, e.count, &id, NULL), NAIVE_NONE, e.values,
                    e.count))
        return;

    uint32_t record = add_newborn(life, id, HEAP_RECORD, class);

    apply_edits(life, record, &e);
    hold_newborn(life, record);
}

static void new_record(struct life *life)
{
    if (life->habits.wide && one_in(life, 3))
        make_record(life, RECORD_SLOTS_MAX + roll(life, LIFE_EDITS_MAX - RECORD_SLOTS_MAX), true);
    else
        make_record(life, roll(life, 6), !one_in(life, 10));
}

static void new_wide_record(struct life *life)
{
    make_record(life, 20 + roll(life, LIFE_EDITS_MAX - 20), one_in(life, 2));
}

static bool push_to(struct life *life, uint32_t list, struct naive_value v)
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

static void new_list(struct life *life)
{
    uint32_t class = random_class(life), count = roll(life, one_in(life, 6) ? LIFE_EDITS_MAX : 6);
    struct naive_value values[LIFE_EDITS_MAX];
    struct value items[LIFE_EDITS_MAX];
    obj_id id;

    for (uint32_t i = 0; i < count; i++) {
        values[i] = random_value(life);
        items[i] = real_value(life, &values[i]);
    }
    life_may_refuse(life);
    if (!life_judge(life, heap_new_list(life->heap, label_of(class), items, count, &id, NULL), NAIVE_NONE, values, count))
        return;

    uint32_t list = add_newborn(life, id, HEAP_LIST, class);

    for (uint32_t i = 0; i < count; i++)
        naive_push(&life->naive, list, values[i]);
    if (life->habits.list_items >= 300 && one_in(life, 3)) /* longer than a leaf, so that looking through it pauses */
        for (uint32_t i = 100 + roll(life, 300); i > 0 && !life_is_over(life); i--)
            (void)push_to(life, list, random_value(life));
    hold_newborn(life, list);
}

static struct payload *random_payload(struct life *life, uint32_t *ret_len, uint64_t *ret_content)
{
    struct payload *p;

    *ret_len = roll(life, one_in(life, 30) ? 70000 : 200);
    *ret_content = roll(life, 256);
    p = payload_create(&life->mem, *ret_len);
    if (p != NULL)
        fill(p->data, *ret_len, *ret_content);
    return p;
}

static void new_bytes(struct life *life)
{
    uint32_t class = random_class(life), len;
    uint64_t content;
    struct payload *p = random_payload(life, &len, &content);
    obj_id id;

    CHECK(p != NULL);
    life_may_refuse(life);

    bool made = life_judge(life, heap_new_bytes(life->heap, label_of(class), &p, &id, NULL), NAIVE_NONE, NULL, 0);

    AGREE(life, made == (p == NULL), "a payload was taken, or left, against the promise");
    payload_release(&p);
    if (!made)
        return;

    uint32_t bytes = add_newborn(life, id, HEAP_BYTES, class);

    naive_of(life, bytes)->length = len;
    naive_of(life, bytes)->content = content;
    hold_newborn(life, bytes);
}

/* Contents changed plainly: so must the etag. */
static void check_etag(struct life *life, obj_id id, uint64_t before, bool is_change)
{
    uint64_t after;

    if (is_change && heap_etag(life->heap, id, &after, NULL) == ERR_OK)
        AGREE(life, before != after, "object %" PRIu64 " changed and its etag did not", id);
}

static uint64_t etag_of(struct life *life, obj_id id)
{
    uint64_t etag = 0;

    (void)heap_etag(life->heap, id, &etag, NULL);
    return etag;
}

static void set_bytes(struct life *life)
{
    uint32_t bytes = life_pick_kind(life, HEAP_BYTES), len;
    uint64_t content, before;
    struct payload *p;

    if (bytes == NAIVE_NONE)
        return;
    before = etag_of(life, life_id(life, bytes));
    p = random_payload(life, &len, &content);
    CHECK(p != NULL);
    life_may_refuse(life);
    if (life_judge(life, heap_set_bytes(life->heap, life_id(life, bytes), &p, NULL), bytes, NULL, 0)) {
        check_etag(life, life_id(life, bytes), before, len != naive_of(life, bytes)->length);
        naive_of(life, bytes)->length = len;
        naive_of(life, bytes)->content = content;
    }
    payload_release(&p);
}

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
static bool differs(const struct naive_value *a, const struct naive_value *b)
{
    return a->kind != VALUE_WEAK && b->kind != VALUE_WEAK &&
           (a->kind != b->kind || a->number != b->number || (a->kind == VALUE_LINK && a->target != b->target));
}

static void set_field_to(struct life *life, uint32_t record, uint32_t name, struct naive_value v)
{
    struct naive_object *o = naive_of(life, record);
    uint32_t p = naive_field(&life->naive, record, name);
    bool is_change = p == o->part_count || differs(&o->parts[p].value, &v);
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
    check_etag(life, life_id(life, list), before, differs(&naive_of(life, list)->parts[index].value, &v));
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

/* ---- many objects at once ---- */

/* A record that links to `next`, or to nothing; the life owns a reference of it. NAIVE_NONE: it was not made. */
static uint32_t link_in_chain(struct life *life, uint32_t class, uint32_t next)
{
    struct edits e = {.count = 0};
    obj_id id;
    uint32_t record;

    if (next != NAIVE_NONE)
        add_edit(life, &e, 0, link_to(next), false);
    if (!life_judge(life, heap_new_record(life->heap, label_of(class), e.fields, e.count, &id, NULL), NAIVE_NONE, e.values,
                    e.count))
        return NAIVE_NONE;
    record = add_newborn(life, id, HEAP_RECORD, class);
    apply_edits(life, record, &e);
    return record;
}

/* A chain of records, which may be closed to a ring: it grows pools, and they go again when it dies. */
static void new_chain(struct life *life)
{
    uint32_t count = life->habits.many && one_in(life, 6) ? 1000 + roll(life, 3000) : 2 + roll(life, 40);
    uint32_t class = random_class(life), head = NAIVE_NONE, tail = NAIVE_NONE;

    while (count-- > 0 && !life_is_over(life)) {
        uint32_t next = head;

        head = link_in_chain(life, class, next);
        tail = next == NAIVE_NONE ? head : tail;
        if (next != NAIVE_NONE)
            hold_give(life, next);
    }
    if (head == NAIVE_NONE)
        return;
    if (roll(life, 2) == 0)
        set_field_to(life, tail, 1, link_to(head));
    hold_newborn(life, head);
}

/* Many records that one list holds: more than fit on the stack of those waiting to be looked through. */
static void new_fan(struct life *life)
{
    uint32_t count = life->habits.many && one_in(life, 8) ? 4500 : 2 + roll(life, one_in(life, 3) ? 600 : 40), class = random_class(life);
    uint32_t list;
    obj_id id;

    if (!life_judge(life, heap_new_list(life->heap, label_of(class), NULL, 0, &id, NULL), NAIVE_NONE, NULL, 0))
        return;
    list = add_newborn(life, id, HEAP_LIST, class);
    while (count-- > 0 && !life_is_over(life)) {
        uint32_t record = link_in_chain(life, class, one_in(life, 2) ? list : NAIVE_NONE);

        (void)push_to(life, list, link_to(record));
        hold_give(life, record);
    }
    hold_newborn(life, list);
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
        write_compare(life, i);
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
    for (uint32_t n = roll(life, 12); n > 0; n--)
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
    write_compare(life, i);
}

const struct op write_ops[] = {
    {"new record", new_record, 60, 1},
    {"new wide record", new_wide_record, 5, 1},
    {"new chain", new_chain, 2, 1},
    {"new fan", new_fan, 2, 1},
    {"new list", new_list, 15, 1},
    {"new bytes", new_bytes, 8, 1},
    {"set bytes", set_bytes, 3, 0},
    {"set field", set_field, 40, 0},
    {"link itself", link_itself, 8, 0},
    {"edit many", edit_many, 12, 0},
    {"unset field", unset_field, 30, -1},
    {"unset many", unset_many, 4, -1},
    {"get field", get_field, 8, 0},
    {"push item", push_item, 12, 0},
    {"push many", push_many, 6, 0},
    {"set item", set_item, 20, 0},
    {"delete item", delete_item, 20, -1},
    {"delete many", delete_many, 3, -1},
    {"get item", get_item, 8, 0},
    {"crumble what is looked at", crumble_looked_at, 6, 0},
    {"kill what is looked at", kill_looked_at, 6, -1},
    {"ask for any", ask_for_any, 6, 0},
    {"ask for the wrong kind", ask_for_wrong_kind, 3, 0},
};
const size_t write_op_count = ARRAY_LEN(write_ops);
