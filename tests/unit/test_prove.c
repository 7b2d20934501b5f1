/* test_prove.c - garbage that is proved to be garbage by one sum, what keeps the sum from coming out, and what is let go of
 * by a set that links to nobody else. */
#include "heap/heap_impl.h"
#include "tests/unit/gc_world.h"

#define PAIRS 300

/* With room for all its fields in its cell. */
static obj_id new_record_of_pair(struct world *w, const char *name)
{
    return new_record_with(w, "P", (struct field[]){field("other", value_null()), field("name", text(name)), field("tail", value_null())}, 3);
}

/* Pairs that hold each other and nothing else; each has text, so that there is something to let go of. */
static void dead_pairs(struct world *w, obj_id ids[2 * PAIRS])
{
    char name[32];
    obj_id tail;

    for (int i = 0; i < 2 * PAIRS; i += 2) {
        snprintf(name, sizeof name, "the text of pair %d", i);
        ids[i] = new_record_of_pair(w, name);
        ids[i + 1] = new_record_of_pair(w, name);
        put_link(w, ids[i], "other", ids[i + 1]);
        put_link(w, ids[i + 1], "other", ids[i]);
        let_go(w, ids[i]);
        let_go(w, ids[i + 1]);
    }
    tail = new_record_of_pair(w, "the tail"); /* it comes behind those that link to it */
    put_link(w, ids[0], "tail", tail);
    let_go(w, tail);
}

/* The phases that the full collection which was asked for comes through, as bits. */
static uint32_t phases(struct world *w)
{
    uint32_t seen = 0;

    for (; gc_has_work(w->gc); (void)gc_step(w->gc, 1))
        seen |= 1u << gc_state(w).phase;
    return seen;
}

static bool has(uint32_t seen, enum gc_phase phase)
{
    return (seen >> phase & 1) != 0;
}

static uint64_t collected(struct world *w)
{
    struct gc_run run;

    ck_assert(gc_log(w->gc, 0, &run));
    return run.collected;
}

START_TEST(what_is_proved_is_not_subtracted)
{
    struct world w = gc_world_new();
    obj_id ids[2 * PAIRS], kept = rooted(&w, "kept");

    put_link(&w, kept, "self", kept);
    dead_pairs(&w, ids);
    (void)ask(&w, 2, false);
    uint32_t seen = phases(&w);

    ck_assert(has(seen, GC_PROVE) && !has(seen, GC_COPY) && !has(seen, GC_SUBTRACT));
    ck_assert_uint_eq(collected(&w), 2 * PAIRS + 1);
    ck_assert_uint_eq(world_objects(&w), 1);
    ck_assert_uint_eq(world_stats(&w).links, 1);
    world_check(&w);
    gc_world_free(&w);
}
END_TEST

/* By a caller: MARK does not come from there. */
START_TEST(one_that_is_held_out_of_sight_makes_the_rest_be_subtracted)
{
    struct world w = gc_world_new();
    obj_id ids[2 * PAIRS];

    dead_pairs(&w, ids);
    hold(&w, ids[_i]);
    (void)ask(&w, 2, false);
    uint32_t seen = phases(&w);

    ck_assert(has(seen, GC_PROVE) && has(seen, GC_COPY) && has(seen, GC_SUBTRACT));
    ck_assert_uint_eq(collected(&w), 2 * PAIRS - 2 + (_i == 2));
    ck_assert(lives(&w, ids[0]) == (_i < 2) && lives(&w, ids[3]) == (_i == 2) && !lives(&w, ids[4]));
    world_check(&w);
    gc_world_free(&w);
}
END_TEST

/* The set, or some of it, has been looked through, and now it changes. */
enum { HOLD_TAIL = 2, TOUCHES = 5 };

static void touch(struct world *w, obj_id id, obj_id other, int how)
{
    switch (how) {
    case 0: /* a link to somebody outside, which nobody would let go of if it were not noticed */
        put_link(w, id, "name", other);
        return;
    case 1: /* text, likewise */
        set(w, id, "name", text("quite another text, and a longer one"));
        return;
    case HOLD_TAIL: /* one that they link to, and that links to none of them, is held: their link to it is let go of */
        hold(w, get(w, id, "tail").id);
        return;
    case 3: /* the link that holds its neighbour goes: so that dies by counting */
        set(w, id, "other", value_null());
        return;
    default: /* more fields than its cell has room for */
        for (char name[] = "a"; name[0] < 'z'; name[0]++)
            set(w, id, name, value_int(name[0]));
        return;
    }
}

/* `n` steps into a phase something happens; whatever it is, who is held lives, and all else goes in the end. */
static bool survives_touch(uint32_t n, int how)
{
    struct world w = gc_world_new();
    obj_id ids[2 * PAIRS], survivor = rooted(&w, "survivor"), hidden = new_record(&w), tail;
    bool touched = false;

    dead_pairs(&w, ids);
    tail = get(&w, ids[0], "tail").id;
    if (n % 3 == 0)
        root(&w, "hidden", hidden);
    (void)ask(&w, 2, false);
    ck_assert(step_to(&w, n % 3 < 2 ? GC_PROVE : GC_SUBTRACT));
    for (uint32_t k = 0; k < n; k++)
        (void)gc_step(w.gc, 1);
    if (lives(&w, ids[0])) {
        touch(&w, ids[0], survivor, how);
        touched = true;
    }
    gc_finish(w.gc);
    world_check(&w);
    ck_assert(lives(&w, hidden));
    if (how == HOLD_TAIL && touched) {
        ck_assert_uint_eq(refs(&w, tail), lives(&w, ids[0]) ? 2 : 1);
        let_go(&w, tail);
    }
    (void)collect(&w, 2);
    ck_assert_uint_eq(world_objects(&w), 2);
    ck_assert_uint_eq(refs(&w, survivor), 1);
    ck_assert_uint_eq(world_stats(&w).links, 0);
    world_check(&w);
    gc_world_free(&w);
    return touched;
}

START_TEST(contents_may_change_after_any_step)
{
    uint32_t touched = 0;

    for (uint32_t n = 0; n < 700; n += 1 + n / 10)
        touched += survives_touch(n, _i);
    ck_assert_uint_gt(touched, 20);
}
END_TEST

/* The young are not proved, but counted: all of them held, none, and some. */
START_TEST(young_sets_of_which_all_or_none_are_held)
{
    struct world w = gc_world_new();
    obj_id ids[2 * PAIRS];
    uint32_t held = _i == 0 ? 0 : _i == 1 ? 2 * PAIRS : 17;

    for (int round = 0; round < 3; round++) {
        uint64_t before = world_objects(&w);

        dead_pairs(&w, ids);
        for (uint32_t i = 0; i < held; i++)
            hold(&w, ids[i]);
        (void)collect(&w, round % 2);
        ck_assert_uint_eq(world_objects(&w) - before, (held + 1) / 2 * 2 + (held > 0)); /* each keeps its other, and one a tail */
        for (uint32_t i = 0; i < held; i++)
            ck_assert_int_eq(info(&w, ids[i]).generation, 1 + round % 2);
        world_check(&w);
        for (uint32_t i = 0; i < held; i++)
            let_go(&w, ids[i]);
        (void)collect(&w, 2);
        ck_assert_uint_eq(world_objects(&w), 0);
    }
    gc_world_free(&w);
}
END_TEST

/* Of a set that is held as a whole one changes between two steps, and reaches another that the walk stands before. */
START_TEST(all_are_held_and_one_changes)
{
    struct world w = gc_world_new();
    obj_id ids[200];

    for (int i = 0; i < 200; i++)
        ids[i] = new_record_of_pair(&w, "held");
    put_link(&w, ids[40], "other", ids[41]);
    (void)ask(&w, _i, false);
    ck_assert(step_to(&w, GC_SPREAD));
    hold(&w, ids[40]);
    gc_finish(w.gc);
    ck_assert_uint_eq(collected(&w), 0);
    ck_assert_uint_eq(world_objects(&w), 200);
    world_check(&w);
    gc_world_free(&w);
}
END_TEST

/* Few of each 64 are left for COPY and SPREAD: looking for them costs too. */
START_TEST(sparse_sets_cost_a_unit_for_each_64_slots)
{
    enum { MANY = 64 * 1000, STEP = 20 };
    struct world w = gc_world_new();
    static obj_id ids[MANY];
    uint32_t taken[GC_PHASES] = {0};
    obj_id list = new_list(&w);

    for (uint32_t i = 0; i < MANY; i++)
        ids[i] = new_record(&w);
    root(&w, "list", list);
    for (uint32_t i = 0; i < MANY; i++) {
        if (i % 64 < 60) {
            push(&w, list, value_link(ids[i]));
            continue;
        }
        put_link(&w, ids[i], "self", ids[i]); /* garbage, so that SPREAD finds nothing to do at it */
        let_go(&w, ids[i]);
    }
    (void)new_record(&w); /* out of sight: so it is not proved */
    (void)ask(&w, 2, false);
    for (; gc_has_work(w.gc); (void)gc_step(w.gc, STEP))
        taken[gc_state(&w).phase]++;
    ck_assert_uint_ge(taken[GC_COPY], MANY / 64 / STEP);
    ck_assert_uint_ge(taken[GC_SPREAD], MANY / 64 / STEP);
    ck_assert_uint_eq(collected(&w), MANY / 64 * 4);
    gc_world_free(&w);
}
END_TEST

/* What a dry run finds may go while it is counted; then it was not found. */
START_TEST(a_dry_run_says_of_how_many_it_tells_the_classes)
{
    struct world w = gc_world_new();
    obj_id ids[300];
    struct gc_class_count row;
    uint64_t rows = 0;

    for (int i = 0; i < 300; i++)
        ids[i] = self_loop(&w);
    (void)ask(&w, 2, true);
    ck_assert(step_to(&w, GC_CONDEMN));
    for (int i = 100; i < 200; i++)
        set(&w, ids[i], "self", value_null());
    for (int i = 200; i < 300; i++)
        hold(&w, ids[i]);
    gc_finish(w.gc);
    for (size_t i = 0; gc_dry_class(w.gc, i, &row); i++)
        rows += row.objects;
    ck_assert_uint_eq(collected(&w), rows);
    ck_assert_uint_eq(rows, 100);
    gc_world_free(&w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(what_is_proved_is_not_subtracted),
        TEST(one_that_is_held_out_of_sight_makes_the_rest_be_subtracted, .rounds = 3),
        TEST(contents_may_change_after_any_step, .rounds = TOUCHES),
        TEST(young_sets_of_which_all_or_none_are_held, .rounds = 3),
        TEST(all_are_held_and_one_changes, .rounds = GC_GENERATIONS),
        TEST(sparse_sets_cost_a_unit_for_each_64_slots),
        TEST(a_dry_run_says_of_how_many_it_tells_the_classes),
    };
    return unit_main(argc, argv, "prove", tests, ARRAY_LEN(tests));
}
