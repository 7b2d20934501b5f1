/*
 * test_audit_undo.c - batches that are one change come between the steps of an audit: it takes none of them for a fault,
 * whether they stay or are taken back, and still finds what is broken.
 */
#include "heap/dict.h"
#include "heap/intern.h"
#include "heap/root.h"
#include "heap/undo.h"
#include "tests/unit/audit_world.h"

#define HOLDS 200
#define MADE_MAX 8

struct life {
    struct all x;
    uint64_t seed;
    obj_id other;
    obj_id held[HOLDS];
    obj_id made[MADE_MAX]; /* in the batch that is open */
    uint32_t made_count;
    uint32_t batches; /* so far */
};

static uint32_t roll(struct life *l, uint32_t n)
{
    return unit_rand_below(&l->seed, n);
}

static struct life life_new(int round)
{
    struct life l = {.x = all_new(), .seed = unit_seed(round)};

    l.other = new_record(&l.x.w);
    for (uint32_t i = 0; i < HOLDS; i++) {
        l.held[i] = new_record(&l.x.w);
        OK(session_hold(l.x.w.sessions, 0, l.held[i], &why));
    }
    return l;
}

/* ---- one batch ---- */

static void change_list(struct life *l, struct value v)
{
    if (roll(l, 2) == 0)
        push(&l->x.w, l->x.wide, v);
    else
        OK(heap_set_item(l->x.w.heap, l->x.wide, roll(l, WIDE), &v, &why));
}

static void change_dictionary(struct life *l, struct value v)
{
    char name[16];

    snprintf(name, sizeof name, "f%u", roll(l, 2 * WIDE));
    if (roll(l, 2) == 0)
        (void)heap_unset_field(l->x.w.heap, l->x.dict, slice_of(name), NULL);
    else
        set(&l->x.w, l->x.dict, name, v);
}

static void change_roots(struct life *l)
{
    char name[16];

    snprintf(name, sizeof name, "root%u", roll(l, 8));
    if (roll(l, 2) == 0)
        (void)root_delete(l->x.w.heap, slice_of(name), NULL);
    else
        OK(root_put(l->x.w.heap, slice_of(name), roll(l, 2) == 0 ? l->x.target : l->other, NULL, &why));
}

static void change_holds(struct life *l)
{
    obj_id id = l->held[roll(l, HOLDS)];

    if (!lives(&l->x.w, id))
        return;
    if (roll(l, 2) == 0)
        OK(session_hold(l->x.w.sessions, 0, id, &why));
    else
        (void)session_drop(l->x.w.sessions, 0, id, NULL);
}

/* It is born with links to the last that was made: nobody takes that back, both are gone together. */
static obj_id make_list(struct life *l)
{
    struct value last = value_link(l->made_count > 0 ? l->made[l->made_count - 1] : l->other);
    struct value items[] = {last, last};
    obj_id id = 0;

    OK(heap_new_list(l->x.w.heap, (struct label){SLICE("list"), SLICE("")}, items, ARRAY_LEN(items), &id, &why));
    owns(&l->x.w, id, 1);
    return id;
}

/* It names what there was, and is named by it. */
static void make_something(struct life *l)
{
    bool list = roll(l, 2) == 0;
    obj_id id;

    if (l->made_count == MADE_MAX)
        return;
    id = list ? make_list(l) : new_record(&l->x.w);
    l->made[l->made_count++] = id;
    if (list)
        return;
    put_link(&l->x.w, id, "link", l->other);
    put_link(&l->x.w, id, "self", id);
    push(&l->x.w, l->x.wide, value_link(id));
}

static void change_something(struct life *l)
{
    struct value v = value_link(roll(l, 2) == 0 ? l->x.target : l->other);

    switch (roll(l, 5)) {
    case 0:
        change_list(l, v);
        break;
    case 1:
        change_dictionary(l, v);
        break;
    case 2:
        change_roots(l);
        break;
    case 3:
        change_holds(l);
        break;
    default:
        make_something(l);
        break;
    }
}

static void batch(struct life *l)
{
    l->batches++;
    OK(undo_begin(l->x.w.heap, &why));
    for (uint32_t n = roll(l, 12); n > 0; n--)
        change_something(l);
    while (l->made_count > 0)
        let_go(&l->x.w, l->made[--l->made_count]);
    if (roll(l, 2) == 0)
        undo_commit(l->x.w.heap);
    else
        undo_rollback(l->x.w.heap);
    (void)heap_reap(l->x.w.heap, roll(l, 20));
}

/* ---- an audit meanwhile ---- */

/* Slow at first, so that much changes of what it has not come to. */
static void audit_among_batches(struct life *l, struct said *s)
{
    struct heap_audit *a = begin(&l->x.w, s);

    while (a->account == NULL)
        MUST(!step(a, 1));
    for (uint32_t units = 1; !step(a, units); units = 1 + roll(l, 1 + l->batches))
        batch(l);
    end(&a);
}

START_TEST(batches_that_stay_or_are_taken_back_are_no_faults)
{
    struct life l = life_new(_i);
    struct said s;

    audit_among_batches(&l, &s);
    ck_assert_msg(s.count == 0, "--seed %" PRIu64 ": %s", unit_seed(_i), s.text[0]);
    ck_assert_uint_eq(heap_validate(l.x.w.heap, hear, &s), 0);
    all_free(&l.x);
}
END_TEST

/* One of what it counts is told more than there are (1), or is as it was (-1). */
static void harm(struct life *l, int which, int by)
{
    struct object *record = object_at(l->x.w.heap, heap_slot(l->x.w.heap, l->x.record));

    if (which == 0)
        record->count = (uint16_t)(record->count + by);
    else if (which == 1)
        l->x.w.heap->stats.links += (uint64_t)by;
    else
        session_find(l->x.w.sessions, l->x.leased)->bytes += (uint64_t)by;
}

START_TEST(what_is_broken_is_found_among_batches)
{
    static const char *const expected[] = {"counts", "links, the count is", "sessions:"};
    struct life l = life_new(_i);
    struct said s;

    harm(&l, _i % 3, 1);
    audit_among_batches(&l, &s);
    ck_assert_msg(was_said(&s, expected[_i % 3]), "--seed %" PRIu64, unit_seed(_i));
    ck_assert_uint_eq(s.count, 1);
    harm(&l, _i % 3, -1);
    all_free(&l.x);
}
END_TEST

static void ignore(void *ctx, slot_t target)
{
    (void)ctx;
    (void)target;
}

/* The collector is in the middle of a dictionary: the field that it stands at is taken out, and comes back. */
START_TEST(a_walk_may_stand_at_what_is_taken_out)
{
    struct all x = all_new();
    struct world *w = &x.w;
    obj_id id = new_dict_of(w, x.target, AUDIT_WIDE_PARTS + 1);
    slot_t slot = heap_slot(w->heap, id);
    struct edge_scan scan;
    struct said s;
    struct heap_audit *a = begin(w, &s);

    while (a->account == NULL)
        MUST(!step(a, 1));
    heap_open_scan(w->heap, &scan, slot);
    ck_assert_uint_eq(heap_scan(w->heap, &scan, 5, ignore, NULL), 0);
    OK(undo_begin(w->heap, &why));
    OK(heap_unset_field(w->heap, id, string_slice(w->heap, dict_name(w->heap, (slot_t)scan.position)), &why));
    ck_assert_uint_eq(a->account[slot] & ACCOUNT_LINKS, 0);
    put_link(w, id, "f0", x.held); /* it is narrow now, and is looked at */
    ck_assert_uint_ne(a->account[slot] & ACCOUNT_LINKS, 0);
    undo_rollback(w->heap);
    heap_close_scan(w->heap, &scan);
    finish(&a, 7);
    ck_assert_msg(s.count == 0, "%s", s.text[0]);
    all_free(&x);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(batches_that_stay_or_are_taken_back_are_no_faults, .rounds = 40),
        TEST(what_is_broken_is_found_among_batches, .rounds = 12),
        TEST(a_walk_may_stand_at_what_is_taken_out),
    };

    return unit_main(argc, argv, "audit_undo", tests, ARRAY_LEN(tests));
}
