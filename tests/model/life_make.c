/* life_make.c - operations of a random life that make objects: one, or thousands at once. */
#include "tests/model/life_values.h"

/* ---- one ---- */

uint32_t add_newborn(struct life *life, obj_id id, enum heap_kind kind, uint32_t class)
{
    uint32_t i = naive_add(&life->naive, id, kind, class);

    AGREE(life, i != NAIVE_NONE, "id %" PRIu64 " was used before", id);
    naive_of(life, i)->own_refs = 1;
    return i;
}

void make_record(struct life *life, uint32_t count, bool in_order)
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
        fill_bytes(p->data, *ret_len, *ret_content);
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
    life_settle(life); /* what the list did not take, for want of memory, is dead: nobody may be asked to hold by it */
    hold_newborn(life, list);
}

const struct op make_ops[] = {
    {"new record", new_record, 60, 1, true},
    {"new wide record", new_wide_record, 5, 1, true},
    {"new chain", new_chain, 2, 1, true},
    {"new fan", new_fan, 2, 1, true},
    {"new list", new_list, 15, 1, true},
    {"new bytes", new_bytes, 8, 1, true},
    {"set bytes", set_bytes, 3, 0, false},
};
const size_t make_op_count = ARRAY_LEN(make_ops);
