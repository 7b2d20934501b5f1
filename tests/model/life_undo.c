/*
 * life_undo.c - operations of a random life that are many: done as one, or taken back.
 *
 * As one they are lived by both heaps. What will be taken back only the real one does; then it must be what the naive one
 * still is.
 */
#include "heap/root.h"
#include "heap/undo.h"
#include "heap/weak.h"
#include "tests/model/life_values.h"
#include <stdio.h>

#define CHANGES_MAX 16u

static bool begin(struct life *life)
{
    life_may_refuse(life);
    if (!life_judge(life, undo_begin(life->heap, NULL), NAIVE_NONE, NULL, 0))
        return false;
    life->as_one = true;
    return true;
}

/* ---- as one ---- */

static const struct op *any_of(struct life *life, const struct op *ops, size_t count)
{
    const struct op *op;

    do {
        op = &ops[roll(life, (uint32_t)count)];
    } while (!op->can_be_one);
    return op;
}

static const struct op *any_op(struct life *life)
{
    switch (roll(life, 5)) {
    case 0:
        return any_of(life, make_ops, make_op_count);
    case 1:
        return any_of(life, hold_ops, hold_op_count);
    case 2:
        return any_of(life, form_ops, form_op_count);
    default:
        return any_of(life, write_ops, write_op_count);
    }
}

static void do_as_one(struct life *life)
{
    uint64_t deaths = life->dying_count;

    if (!begin(life))
        return;
    for (uint32_t n = roll(life, CHANGES_MAX); n > 0 && !life_is_over(life); n--) {
        any_op(life)->run(life);
        life_must_not_refuse(life);
        AGREE(life, life->dying_count == deaths, "somebody died on the way");
    }
    life->as_one = false;
    undo_commit(life->heap);
    life_settle(life);
}

/* ---- taken back ---- */

struct tried {
    uint32_t count;
    uint32_t who[CHANGES_MAX]; /* what was changed or held ... */
    uint64_t refs[CHANGES_MAX], etags[CHANGES_MAX]; /* ... as it was */
    obj_id made[CHANGES_MAX];
    uint32_t made_count;
};

/* Whom to try something with, while the naive heap looks away. */
static uint32_t try_with(struct life *life, struct tried *t)
{
    uint32_t i = life_pick_alive(life);
    struct object_info info;

    if (i == NAIVE_NONE || t->count == CHANGES_MAX || heap_info(life->heap, life_id(life, i), &info, NULL) != ERR_OK)
        return NAIVE_NONE;
    t->who[t->count++] = i;
    return i;
}

/* Before anything is tried: all of those with whom it may be. */
static void remember(struct life *life, struct tried *t)
{
    struct object_info info;

    while (t->count < CHANGES_MAX && try_with(life, t) != NAIVE_NONE) {
        uint32_t n = t->count - 1;

        CHECK(heap_info(life->heap, life_id(life, t->who[n]), &info, NULL) == ERR_OK);
        t->refs[n] = info.refs * 1000 + info.weak_refs;
        t->etags[n] = etag_of(life, info.id);
    }
}

static void try_record(struct life *life, obj_id id, uint32_t like)
{
    struct edits e = {.count = 0};

    for (uint32_t n = 1 + roll(life, 4); n > 0; n--)
        add_edit(life, &e, random_name(life, like), random_value(life), one_in(life, 3));
    (void)heap_edit_record(life->heap, id, e.fields, e.count, NULL);
}

static void try_list(struct life *life, obj_id id)
{
    struct naive_value v = random_value(life);
    struct value item = real_value(life, &v);

    if (roll(life, 2) == 0)
        (void)heap_push_item(life->heap, id, &item, NULL, NULL);
    else
        (void)heap_set_item(life->heap, id, roll(life, 1 + life->habits.list_items), &item, NULL);
}

static void try_holding(struct life *life, obj_id id)
{
    char name[12];

    snprintf(name, sizeof name, roll(life, 2) == 0 ? "root%u" : "weak%u", roll(life, 24));
    if (name[0] == 'w')
        (void)weak_put(life->heap, slice_of(name), id, NULL, NULL);
    else if (roll(life, 2) == 0)
        (void)root_put(life->heap, slice_of(name), id, NULL, NULL);
    else
        (void)root_delete(life->heap, slice_of(name), NULL);
    if (roll(life, 2) == 0)
        (void)session_hold(life->sessions, 0, id, NULL);
    else
        (void)session_drop(life->sessions, 0, id, NULL);
}

/* What is made links to what there is, and by a cycle to itself; and something links to it. */
static void try_making(struct life *life, struct tried *t, obj_id friend)
{
    struct field fields[] = {{.name = name_of(life, 0), .value = value_link(friend)}, {.name = name_of(life, 1)}};
    struct value link;
    obj_id id;

    if (t->made_count == CHANGES_MAX ||
        heap_new_record(life->heap, label_of(random_class(life)), fields, 1, &id, NULL) != ERR_OK)
        return;
    t->made[t->made_count++] = id;
    fields[1].value = link = value_link(id);
    (void)heap_edit_record(life->heap, id, fields, 2, NULL);
    (void)heap_push_item(life->heap, friend, &link, NULL, NULL);
}

static void try_something(struct life *life, struct tried *t)
{
    uint32_t i = t->who[roll(life, t->count)];
    obj_id id = life_id(life, i);

    life_may_refuse(life);
    switch (roll(life, 4)) {
    case 0:
        try_holding(life, id);
        break;
    case 1:
        try_making(life, t, id);
        break;
    default:
        if (naive_of(life, i)->kind == HEAP_LIST)
            try_list(life, id);
        else
            try_record(life, id, i);
        break;
    }
    life_must_not_refuse(life);
}

/* Who died on the way is one that was made on the way. */
static void forget_the_made(struct life *life, const struct tried *t, uint32_t deaths)
{
    for (uint32_t d = deaths; d < life->dying_count; d++)
        AGREE(life, naive_find(&life->naive, life->dying[d]) == NAIVE_NONE, "object %" PRIu64 " died by being taken back",
              life->dying[d]);
    life->dying_count = deaths;
    for (uint32_t m = 0; m < t->made_count; m++)
        AGREE(life, heap_check(life->heap, t->made[m], NULL) == ERR_COLLECTED, "object %" PRIu64 " was made and is not dead",
              t->made[m]);
    life->worn_ids += t->made_count;
}

static void compare_the_tried(struct life *life, const struct tried *t)
{
    struct object_info info;

    for (uint32_t n = 0; n < t->count; n++) {
        obj_id id = life_id(life, t->who[n]);

        AGREE(life, heap_info(life->heap, id, &info, NULL) == ERR_OK, "object %" PRIu64 " has died by being taken back", id);
        AGREE(life, info.refs * 1000 + info.weak_refs == t->refs[n], "object %" PRIu64 " has other references", id);
        AGREE(life, etag_of(life, id) == t->etags[n], "object %" PRIu64 " has another etag", id);
        values_compare(life, t->who[n]);
    }
    hold_compare(life);
}

static void take_back(struct life *life)
{
    struct tried t = {.count = 0};
    uint32_t deaths = life->dying_count;

    remember(life, &t);
    if (t.count == 0 || !begin(life))
        return;
    for (uint32_t n = roll(life, CHANGES_MAX); n > 0; n--)
        try_something(life, &t);
    for (uint32_t m = 0; m < t.made_count; m++)
        heap_release(life->heap, t.made[m]);
    if (life->habits.refuses)
        life->mem.fail_at = life->mem.request_count + 1 + roll(life, 3); /* it must not mind */
    undo_rollback(life->heap);
    life_must_not_refuse(life);
    life->as_one = false;
    forget_the_made(life, &t, deaths);
    compare_the_tried(life, &t);
}

const struct op undo_ops[] = {
    {"do as one", do_as_one, 4, 0, false},
    {"take back", take_back, 6, 0, false},
};
const size_t undo_op_count = ARRAY_LEN(undo_ops);
