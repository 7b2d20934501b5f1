/*
 * test_shapes.c - graphs that are hard on a collector (shapes.h), each collected, dropped, edited, named again, saved and
 * frozen in the middle of everything.
 *
 * A test is run once for each shape (_i). Whatever happens: a step stays within its units, all that is reached lives,
 * and after one more collection nothing else does; the heap recounts well in the middle of every phase.
 */
#include "tests/unit/shapes.h"

#define NOBODY UINT32_MAX

/* ---- running ---- */

typedef void (*between_fn)(struct shape *s, enum gc_phase phase);

/* Step until the collector has nothing left to do; recount once in each phase. */
static uint64_t run(struct shape *s, size_t units, between_fn between)
{
    bool seen[GC_TRIM + 1] = {false};
    uint64_t steps = 0;

    for (; gc_has_work(s->w.gc); steps++) {
        enum gc_phase phase = gc_state(&s->w).phase;

        if (!seen[phase]) {
            world_check(&s->w);
            seen[phase] = true;
        }
        if (between != NULL)
            between(s, phase);
        shape_step(s, units);
    }
    return steps;
}

/* What a collection of `generation` finds, in steps. */
static struct gc_run collect_in_steps(struct shape *s, int generation, bool dry_run, between_fn between)
{
    uint64_t ticket = ask(&s->w, generation, dry_run);
    struct gc_run r = {.number = 0};

    (void)run(s, shape_units(s), between);
    MUST(gc_run_of(s->w.gc, generation, dry_run, ticket, &r));
    return r;
}

/* Nothing lives but what is reached; `also` is held by other means. */
static void expect_exactly(struct shape *s, uint32_t also)
{
    uint32_t reached;

    (void)collect_in_steps(s, 2, false, NULL);
    reached = shape_flood(s, also);
    ck_assert_uint_eq(world_objects(&s->w), reached);
}

static void begin(struct shape *s, int i, uint64_t round)
{
    shape_begin(s, (enum shape_kind)i, shape_nodes((enum shape_kind)i), unit_seed(i) + 1000 * round);
}

static void end(struct shape *s)
{
    while (s->holds[s->head] > 0)
        shape_let_go(s, s->head);
    expect_exactly(s, NOBODY);
    shape_end(s);
}

/* Head let go of, the rest is garbage for a collection, not for counting. */
static bool is_cyclic(int kind)
{
    return kind != SHAPE_CHAIN && kind != SHAPE_LOOPS && kind != SHAPE_RANDOM;
}

/* ---- held, dropped ---- */

START_TEST(what_is_held_stays_and_what_is_dropped_goes)
{
    struct shape s;
    uint32_t n;

    begin(&s, _i, 0);
    n = s.count;
    for (int generation = 0; generation < 3; generation++) {
        struct gc_run r = collect_in_steps(&s, generation, false, NULL);

        ck_assert_uint_eq(r.collected, 0);
        ck_assert_uint_ge(r.candidates, n);
        ck_assert_uint_ge(r.units, n / 4); /* whoever looks at so many has worked so much, and says so */
    }
    ck_assert_uint_eq(shape_flood(&s, NOBODY), n);
    shape_let_go(&s, s.head);
    while (heap_counters(s.w.heap)->doomed > 0)
        shape_step(&s, shape_units(&s));
    if (is_cyclic(_i)) {
        ck_assert_uint_eq(world_objects(&s.w), n);
        ck_assert_uint_eq(collect_in_steps(&s, 0, false, NULL).collected, 0); /* they are old */
        ck_assert_uint_eq(collect_in_steps(&s, 2, true, NULL).collected, n);
        ck_assert_uint_eq(world_objects(&s.w), n);
        ck_assert_uint_eq(collect_in_steps(&s, 2, false, NULL).collected, n);
    }
    end(&s);
}
END_TEST

START_TEST(what_was_dropped_young_is_found_young)
{
    struct shape s;
    struct gc_run r;

    begin(&s, _i, 1);
    shape_let_go(&s, s.head);
    r = collect_in_steps(&s, _i % 2, false, NULL);
    ck_assert(!is_cyclic(_i) || r.collected == s.count);
    ck_assert_uint_eq(world_objects(&s.w), 0);
    end(&s);
}
END_TEST

/* The hold on the whole of it is given back `steps` into each phase. */
static void drop_in(int kind, enum gc_phase phase, uint32_t steps)
{
    struct shape s;
    size_t units;

    begin(&s, kind, 10 + steps);
    units = shape_units(&s);
    for (int i = 0; i < 20; i++) /* so that there is something to condemn */
        (void)self_loop(&s.w);
    (void)ask(&s.w, 2, false);
    while (gc_has_work(s.w.gc) && gc_state(&s.w).phase != phase)
        shape_step(&s, phase >= GC_CONDEMN ? 1 + units / 8 : units);
    while (steps-- > 0 && gc_state(&s.w).phase == phase)
        shape_step(&s, phase >= GC_CONDEMN ? 1 : units);
    shape_let_go(&s, s.head);
    (void)run(&s, units, NULL);
    expect_exactly(&s, NOBODY);
    ck_assert_uint_eq(world_objects(&s.w), 0);
    shape_end(&s);
}

START_TEST(it_may_be_dropped_while_it_is_examined)
{
    for (enum gc_phase phase = GC_CLOSE; phase <= GC_FREE; phase++) {
        drop_in(_i, phase, 0);
        drop_in(_i, phase, 1 + (uint32_t)unit_seed(_i) % 40);
    }
}
END_TEST

/* ---- named again ---- */

struct naming {
    uint32_t node, outsider, list;
    bool done, refused;
    uint32_t steps_left, how;
};

static struct naming naming; /* between_fn knows but the shape */

/* Everybody's way to take hold of an object by its id. */
static enum err name_it(struct shape *s, uint32_t how, obj_id id)
{
    struct field link = field("found", value_link(id));
    struct value item = value_link(id);

    switch (how % 5) {
    case 0:
        return heap_hold(s->w.heap, id, NULL);
    case 1:
        return root_put(s->w.heap, SLICE("found"), id, NULL, NULL);
    case 2:
        return session_hold(s->w.sessions, 0, id, NULL);
    case 3:
        return heap_edit_record(s->w.heap, s->ids[naming.outsider], &link, 1, NULL);
    default:
        return heap_push_item(s->w.heap, s->ids[naming.list], &item, NULL, NULL);
    }
}

static void name_once(struct shape *s, enum gc_phase phase)
{
    bool lives = shape_lives(s, naming.node);
    enum err e;

    (void)phase;
    if (naming.done || naming.steps_left-- > 0)
        return;
    e = name_it(s, naming.how, s->ids[naming.node]);
    ck_assert(lives ? e == ERR_OK : e == ERR_COLLECTED || e == ERR_DANGLING);
    naming.done = true;
    naming.refused = !lives;
    if (lives && naming.how % 5 == 0)
        s->holds[naming.node]++;
}

static void stop_naming(struct shape *s)
{
    switch (naming.how % 5) {
    case 0:
        shape_let_go(s, naming.node);
        break;
    case 1:
        unroot(&s->w, "found");
        break;
    case 2:
        OK(session_drop(s->w.sessions, 0, s->ids[naming.node], &why));
        break;
    case 3:
        unset_field(&s->w, s->ids[naming.outsider], "found");
        break;
    default:
        OK(heap_delete_item(s->w.heap, s->ids[naming.list], 0, &why));
    }
}

/* It is garbage, and a member of it is named after so many steps: before the flip that keeps it and all it reaches. */
static bool name_after(int kind, uint32_t nodes, int generation, uint32_t steps, size_t units)
{
    struct shape s;
    bool rescued;

    shape_begin(&s, (enum shape_kind)kind, nodes, unit_seed(kind) + steps);
    naming = (struct naming){.node = shape_dice(&s, s.count), .steps_left = steps, .how = shape_dice(&s, 5)};
    naming.outsider = shape_record(&s, NULL, 0);
    naming.list = shape_list(&s);
    shape_let_go(&s, s.head);
    (void)ask(&s.w, generation, false);
    (void)run(&s, units, name_once);
    rescued = naming.done && !naming.refused;
    if (rescued) {
        expect_exactly(&s, naming.node);
        ck_assert(shape_lives(&s, naming.node));
        stop_naming(&s);
    }
    expect_exactly(&s, NOBODY);
    ck_assert_uint_eq(world_objects(&s.w), 2);
    shape_end(&s);
    return rescued;
}

START_TEST(an_id_named_again_before_the_flip_keeps_all_it_reaches)
{
    uint32_t rescued = 0;

    for (uint32_t round = 0; round < 6; round++) {
        uint32_t nodes = shape_nodes((enum shape_kind)_i);

        rescued += name_after(_i, nodes, (int)(round % 3), (uint32_t)unit_seed(_i) * 7 % 50 + 170 * round, nodes / 300 + 1);
    }
    ck_assert(rescued > 0 || !is_cyclic(_i));
}
END_TEST

/* A small one of each, and a naming after every number of steps of one unit. A full collection takes thousands, since it
 * looks at pools: there, after some. */
START_TEST(an_id_can_be_named_between_any_two_steps)
{
    uint32_t nodes = _i == SHAPE_COMPLETE ? 6 : 24, rescued = 0, steps = 0, last = 0;
    uint64_t seed = unit_seed(_i);

    for (; steps < 2000 && steps < last + 100; steps++) { /* on until none is rescued any more */
        if (!name_after(_i, nodes, (int)(steps % 2), steps, 1))
            continue;
        rescued++;
        last = steps;
    }
    ck_assert(rescued > 5 || !is_cyclic(_i));
    ck_assert_uint_lt(steps, 2000);
    for (int round = 0; round < 60; round++)
        (void)name_after(_i, nodes, 2, unit_rand_below(&seed, 12000), 1);
}
END_TEST

/* ---- edited ---- */

/* The collector stands somewhere in it: take away items in front of it, behind it and under it, and put some back. */
static void edit_list(struct shape *s, uint32_t list)
{
    uint64_t count = info(&s->w, s->ids[list]).parts;
    uint32_t other = shape_dice(s, s->count);

    if (count > 0 && shape_dice(s, 3) != 0)
        OK(heap_delete_item(s->w.heap, s->ids[list], shape_dice(s, 2) * shape_dice(s, (uint32_t)count), &why));
    if (shape_dice(s, 3) == 0 && shape_lives(s, list) && shape_lives(s, other))
        shape_push(s, list, other);
}

static void edit_record(struct shape *s, uint32_t record)
{
    static const char *const names[] = {"next", "a", "hub", "rung", "f7", "f40", "new"};
    const char *name = names[shape_dice(s, ARRAY_LEN(names))];
    uint32_t other = shape_dice(s, s->count);
    struct field f = unset(name);

    if (shape_dice(s, 2) == 0 && shape_lives(s, other))
        f = field(name, shape_link(s, other));
    OK(heap_edit_record(s->w.heap, s->ids[record], &f, 1, &why));
}

static void edit_some(struct shape *s, enum gc_phase phase)
{
    (void)phase;
    for (uint32_t n = shape_dice(s, 4); n > 0; n--) {
        uint32_t node = shape_dice(s, 3) == 0 ? s->head : shape_dice(s, s->count);

        if (!shape_lives(s, node))
            continue;
        if (info(&s->w, s->ids[node]).kind == HEAP_LIST)
            edit_list(s, node);
        else
            edit_record(s, node);
    }
}

START_TEST(it_may_be_edited_while_it_is_examined)
{
    struct shape s;

    for (uint64_t round = 0; round < 4; round++) {
        begin(&s, _i, 100 + round);
        if (round % 2 == 1) { /* dead, but for one somewhere in it */
            shape_hold(&s, shape_dice(&s, s.count));
            shape_let_go(&s, s.head);
        }
        (void)ask(&s.w, (int)(round % 3), round == 3);
        (void)run(&s, shape_units(&s), edit_some);
        (void)shape_flood(&s, NOBODY);
        expect_exactly(&s, NOBODY);
        for (uint32_t i = 0; i < s.count; i++)
            while (s.holds[i] > 0)
                shape_let_go(&s, i);
        expect_exactly(&s, NOBODY);
        ck_assert_uint_eq(world_objects(&s.w), 0);
        shape_end(&s);
    }
}
END_TEST

/* ---- sessions that end, weak names ---- */

static session_id dying_session;

static void end_session_midway(struct shape *s, enum gc_phase phase)
{
    if (dying_session != 0 && phase >= GC_SUBTRACT && shape_dice(s, 40) == 0) {
        OK(session_end(s->w.sessions, dying_session, &why));
        dying_session = 0;
    }
    (void)session_release(s->w.sessions, 1 + shape_dice(s, 3));
}

START_TEST(a_session_that_holds_some_of_it_may_end_in_the_middle)
{
    char token[SESSION_TOKEN_BYTES + 1] = "0123456789abcdef0123456789abcdef";
    struct shape s;

    begin(&s, _i, 200);
    OK(session_open(s.w.sessions, 60, SLICE("holder"), slice_of(token), 0, &dying_session, &why));
    for (int i = 0; i < 50; i++)
        OK(session_hold(s.w.sessions, dying_session, s.ids[shape_dice(&s, s.count)], &why));
    shape_let_go(&s, s.head);
    (void)ask(&s.w, 2, false);
    (void)run(&s, shape_units(&s), end_session_midway);
    if (dying_session != 0)
        OK(session_end(s.w.sessions, dying_session, &why));
    while (session_release(s.w.sessions, 10) == 0)
        ;
    expect_exactly(&s, NOBODY);
    ck_assert_uint_eq(world_objects(&s.w), 0);
    shape_end(&s);
}
END_TEST

#define WATCHED 8u

static uint32_t watched[WATCHED];
static uint32_t watcher;
static obj_id watcher_id;

/* A weak name, a weak link and the id say the same of each; and of what dies together all or none is left. */
static uint32_t watched_alive(struct shape *s)
{
    char name[SHAPE_NAME_BYTES];
    uint32_t alive = 0;
    obj_id id;

    for (uint32_t i = 0; i < WATCHED; i++) {
        snprintf(name, sizeof name, "w%u", i);
        OK(weak_get(s->w.heap, slice_of(name), &id, &why));
        ck_assert_uint_eq(id, shape_lives(s, watched[i]) ? s->ids[watched[i]] : 0);
        ck_assert_int_eq(get(&s->w, watcher_id, name).kind, id != 0 ? VALUE_WEAK : VALUE_NULL);
        alive += id != 0;
    }
    return alive;
}

static void expect_all_or_none(struct shape *s, enum gc_phase phase)
{
    uint32_t alive = watched_alive(s);

    (void)phase;
    ck_assert(alive == 0 || alive == WATCHED);
}

static void expect_all(struct shape *s, enum gc_phase phase)
{
    (void)phase;
    ck_assert_uint_eq(watched_alive(s), WATCHED);
}

START_TEST(weak_references_to_it_go_dark_together)
{
    char name[SHAPE_NAME_BYTES];
    struct weak_notice notice;
    struct shape s;
    uint32_t notices = 0;

    if (!is_cyclic(_i))
        return; /* counting takes one after the other */
    begin(&s, _i, 300);
    watcher = shape_record(&s, NULL, 0);
    watcher_id = s.ids[watcher];
    for (uint32_t i = 0; i < WATCHED; i++) {
        watched[i] = shape_dice(&s, watcher);
        snprintf(name, sizeof name, "w%u", i);
        OK(weak_put(s.w.heap, slice_of(name), s.ids[watched[i]], NULL, &why));
        set(&s.w, watcher_id, name, weak(s.ids[watched[i]]));
    }
    (void)collect_in_steps(&s, 1, false, expect_all);
    shape_let_go(&s, s.head);
    (void)collect_in_steps(&s, 2, false, expect_all_or_none);
    ck_assert_uint_eq(watched_alive(&s), 0);
    while (weak_take_notice(s.w.heap, &notice))
        notices++;
    ck_assert_uint_eq(notices, WATCHED);
    shape_let_go(&s, watcher);
    expect_exactly(&s, NOBODY);
    shape_end(&s);
}
END_TEST

/* ---- kept by the collector ---- */

START_TEST(saved_garbage_can_be_looked_at_rescued_and_cleared)
{
    struct shape s;
    struct gc_run r;
    uint32_t node, saved = 0, cursor = UINT32_MAX;
    obj_id id;

    begin(&s, _i, 400);
    node = shape_dice(&s, s.count);
    set_save_all(&s.w, true);
    shape_let_go(&s, s.head);
    r = collect_in_steps(&s, 2, false, NULL);
    ck_assert_uint_eq(gc_state(&s.w).garbage, r.collected);
    ck_assert(!is_cyclic(_i) || r.collected == s.count);
    while (gc_next_garbage(s.w.gc, &cursor, &id)) {
        (void)shape_node(&s, id);
        saved++;
    }
    ck_assert_uint_eq(saved, r.collected);
    ck_assert_uint_eq(collect_in_steps(&s, 2, false, NULL).collected, 0); /* the list holds them */
    set_save_all(&s.w, false);
    if (shape_lives(&s, node))
        shape_hold(&s, node);
    while (gc_clear_garbage(s.w.gc, 1 + shape_units(&s)) == 0)
        shape_tidy(&s);
    expect_exactly(&s, NOBODY);
    ck_assert(shape_lives(&s, node) == (s.holds[node] > 0));
    if (s.holds[node] > 0)
        shape_let_go(&s, node);
    expect_exactly(&s, NOBODY);
    ck_assert_uint_eq(world_objects(&s.w), 0);
    shape_end(&s);
}
END_TEST

static uint64_t freezing;

static void freeze_midway(struct shape *s, enum gc_phase phase)
{
    if (freezing == 0 && phase >= GC_SUBTRACT && shape_dice(s, 30) == 0)
        freezing = gc_freeze(s->w.gc, true);
}

START_TEST(it_may_be_frozen_in_the_middle_and_thawed)
{
    struct shape s;

    begin(&s, _i, 500);
    freezing = 0;
    (void)ask(&s.w, 2, false);
    (void)run(&s, shape_units(&s), freeze_midway);
    if (freezing == 0)
        freezing = gc_freeze(s.w.gc, true);
    (void)run(&s, shape_units(&s), NULL);
    ck_assert(gc_freeze_done(s.w.gc, freezing));
    ck_assert_uint_eq(gc_state(&s.w).frozen, s.count);
    shape_let_go(&s, s.head);
    ck_assert_uint_eq(collect_in_steps(&s, 2, false, NULL).collected, 0);
    ck_assert(!is_cyclic(_i) || world_objects(&s.w) == s.count);
    (void)gc_freeze(s.w.gc, false);
    expect_exactly(&s, NOBODY);
    ck_assert_uint_eq(world_objects(&s.w), 0);
    shape_end(&s);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(what_is_held_stays_and_what_is_dropped_goes, .rounds = SHAPES),
        TEST(what_was_dropped_young_is_found_young, .rounds = SHAPES),
        TEST(it_may_be_dropped_while_it_is_examined, .rounds = SHAPES),
        TEST(an_id_named_again_before_the_flip_keeps_all_it_reaches, .rounds = SHAPES),
        TEST(an_id_can_be_named_between_any_two_steps, .rounds = SHAPES),
        TEST(it_may_be_edited_while_it_is_examined, .rounds = SHAPES),
        TEST(a_session_that_holds_some_of_it_may_end_in_the_middle, .rounds = SHAPES),
        TEST(weak_references_to_it_go_dark_together, .rounds = SHAPES),
        TEST(saved_garbage_can_be_looked_at_rescued_and_cleared, .rounds = SHAPES),
        TEST(it_may_be_frozen_in_the_middle_and_thawed, .rounds = SHAPES),
    };
    if (shapes_are_full())
        setenv("CK_TIMEOUT_MULTIPLIER", "60", 0);
    return unit_main(argc, argv, "shapes", tests, ARRAY_LEN(tests));
}
