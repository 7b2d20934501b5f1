/* test_subtract.c - the heap changes between any two steps of a collection: late is allowed, wrong is not. */
#include "heap/heap_impl.h"
#include "tests/unit/gc_world.h"

/* Two records that hold each other, and nothing else holds either. */
static obj_id dead_pair(struct world *w)
{
    obj_id a = new_record(w), b = new_record(w);

    put_link(w, a, "other", b);
    put_link(w, b, "other", a);
    let_go(w, a);
    let_go(w, b);
    return a;
}

/* Held by a caller alone: MARK does not come to it, so PROVE cannot say that the rest is garbage, and it is found by
 * SUBTRACT and SPREAD. */
static obj_id hidden(struct world *w)
{
    return new_record(w);
}

static bool needs_hidden(enum gc_phase phase)
{
    return phase >= GC_COPY && phase <= GC_SPREAD;
}

static void steps(struct world *w, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        (void)gc_step(w->gc, 1);
}

/* ---- what dies while a collection looks at it ---- */

static const enum gc_phase before_the_flip[] = {GC_CLOSE, GC_PROVE, GC_SUBTRACT, GC_SPREAD};

/* A root holds a child that holds itself. The root goes `n` steps into `phase`; the rest of the collection
 * must neither free the child while its dead holder still links it, nor give its slot to another while it
 * does. */
static void holder_dies_after(enum gc_phase phase, uint32_t n)
{
    struct world w = gc_world_new();
    obj_id holder = rooted(&w, "holder"), child = new_record(&w), other = needs_hidden(phase) ? hidden(&w) : 0;

    put_link(&w, holder, "child", child);
    put_link(&w, child, "self", child);
    let_go(&w, child);
    for (int k = 0; k < 5; k++)
        (void)dead_pair(&w);
    (void)ask(&w, 2, false);
    ck_assert(step_to(&w, phase));
    steps(&w, n);
    unroot(&w, "holder");
    for (int k = 0; gc_has_work(w.gc); k++) {
        steps(&w, 1);
        if (k % 50 == 0 || gc_state(&w).phase == GC_FREE)
            let_go(&w, new_record(&w)); /* takes the slots that were freed */
        if (k % 100 == 0)
            world_check(&w);
    }
    (void)collect(&w, 2);
    MUST(!lives(&w, holder) && !lives(&w, child));
    if (other != 0)
        let_go(&w, other);
    ck_assert_uint_eq(world_objects(&w), 0);
    gc_world_free(&w);
}

START_TEST(a_holder_may_die_after_any_step)
{
    for (uint32_t n = 0; n < 50; n++)
        holder_dies_after(before_the_flip[_i], n);
}
END_TEST

/* The same with a holder so large that the collector stands in the middle of it. */
static void large_holder_dies_after(enum gc_phase phase, uint32_t n, bool dictionary)
{
    struct world w = gc_world_new();
    obj_id holder = dictionary ? new_record(&w) : new_list(&w);
    char name[16];

    for (uint32_t i = 0; i < 400; i++) {
        obj_id child = new_record(&w);

        put_link(&w, child, "self", child);
        snprintf(name, sizeof name, "f%u", i);
        if (dictionary)
            put_link(&w, holder, name, child);
        else
            push(&w, holder, value_link(child));
        let_go(&w, child);
    }
    (void)ask(&w, 2, false);
    ck_assert(step_to(&w, phase));
    steps(&w, n);
    let_go(&w, holder);
    while (gc_has_work(w.gc)) {
        steps(&w, 1);
        if (gc_state(&w).phase == GC_FREE)
            (void)new_record(&w); /* in slots that were freed */
    }
    world_check(&w);
    (void)collect(&w, 2);
    MUST(!lives(&w, holder));
    ck_assert_uint_eq(world_stats(&w).freed_by_refcount + world_stats(&w).freed_by_collector, 401);
    gc_world_free(&w);
}

START_TEST(a_large_holder_may_die_while_it_is_looked_through)
{
    for (uint32_t n = 0; n < 900; n += 1 + n / 10)
        large_holder_dies_after(before_the_flip[_i % (int)ARRAY_LEN(before_the_flip)], n, _i >= (int)ARRAY_LEN(before_the_flip));
}
END_TEST

/* Somebody else reaps while a collection stands still. */
START_TEST(reaping_between_the_steps_is_harmless)
{
    for (uint32_t n = 0; n < 500; n += 11) {
        struct world w = gc_world_new();
        obj_id list = new_list(&w);

        for (uint32_t i = 0; i < 300; i++) {
            obj_id child = new_record(&w);

            put_link(&w, child, "self", child);
            push(&w, list, value_link(child));
            let_go(&w, child);
        }
        (void)ask(&w, 2, false);
        ck_assert(step_to(&w, before_the_flip[_i]));
        steps(&w, n);
        let_go(&w, list);
        for (int k = 0; gc_has_work(w.gc); k++) {
            (void)heap_reap(w.heap, 1);
            if (k % 20 == 0)
                (void)new_bytes(&w, 10, 'x');
            steps(&w, 1);
        }
        (void)collect(&w, 2);
        ck_assert_uint_eq(gc_state(&w).generations[0].objects + gc_state(&w).generations[2].objects, 0);
        gc_world_free(&w);
    }
}
END_TEST

/* ---- what is taken hold of ---- */

typedef void (*rescue_fn)(struct world *w, obj_id from, obj_id id);

static void by_link(struct world *w, obj_id from, obj_id id)
{
    put_link(w, from, "rescued", id);
}

static void by_root(struct world *w, obj_id from, obj_id id)
{
    (void)from;
    root(w, "rescued", id);
}

static void by_session(struct world *w, obj_id from, obj_id id)
{
    (void)from;
    OK(session_hold(w->sessions, 0, id, &why));
}

static void by_caller(struct world *w, obj_id from, obj_id id)
{
    (void)from;
    hold(w, id);
}

static void by_item(struct world *w, obj_id from, obj_id id)
{
    obj_id list = new_list(w);

    put_link(w, from, "list", list);
    let_go(w, list);
    push(w, list, value_link(id));
}

static const rescue_fn rescues[] = {by_link, by_root, by_session, by_caller, by_item};

static const enum gc_phase around_the_flip[] = {GC_CLOSE, GC_PROVE, GC_SUBTRACT, GC_SPREAD, GC_RELEASE};

/* Case 46: until the flip an unreached object can be held by its id, and stays with all that it reaches;
 * after it, its id is collected. */
START_TEST(what_is_held_again_before_the_flip_stays_and_after_it_is_collected)
{
    uint32_t rescued = 0, lost = 0;

    for (uint32_t n = 0; n < 75; n++) {
        enum gc_phase phase = around_the_flip[n % 5];
        struct world w = gc_world_new();
        obj_id from = rooted(&w, "from"), x = dead_pair(&w), y = get(&w, x, "other").id,
               tail = new_record(&w);
        struct why said = {0};
        enum err e;

        if (needs_hidden(phase))
            (void)hidden(&w);
        put_link(&w, y, "tail", tail);
        let_go(&w, tail);
        (void)dead_pair(&w);
        (void)ask(&w, 2, false);
        ck_assert(step_to(&w, phase));
        steps(&w, n / 5);
        e = heap_check(w.heap, x, &said);
        if (e == ERR_OK) {
            rescues[_i](&w, from, x);
            rescued++;
        } else {
            ck_assert_int_eq(e, ERR_COLLECTED);
            lost++;
        }
        for (int k = 0; gc_has_work(w.gc); k++) {
            steps(&w, 1);
            if (k % 100 == 0)
                world_check(&w);
        }
        MUST(lives(&w, x) == (e == ERR_OK) && lives(&w, y) == (e == ERR_OK) &&
             lives(&w, tail) == (e == ERR_OK));
        if (e == ERR_OK)
            MUST(get(&w, y, "tail").id == tail && get(&w, y, "other").id == x);
        gc_world_free(&w);
    }
    ck_assert(rescued > 5 && lost > 5);
}
END_TEST

/* From the flip to the end, at every step: dead to all who ask, whichever way. */
START_TEST(condemned_ids_answer_collected_until_their_slots_are_gone)
{
    struct world w = gc_world_new();
    obj_id x = dead_pair(&w), from = rooted(&w, "from"), read = 1;
    struct field link = field("to", value_link(x));
    uint32_t looks = 0;

    set(&w, from, "weak", weak(x));
    OK(weak_put(w.heap, SLICE("name"), x, NULL, &why));
    for (int i = 0; i < 20; i++)
        (void)dead_pair(&w);
    (void)ask(&w, 2, false);
    ck_assert(step_to(&w, GC_RELEASE));
    for (; gc_has_work(w.gc); looks++) {
        struct heap_stats before = world_stats(&w);

        REFUSED(ERR_COLLECTED, heap_check(w.heap, x, &why));
        REFUSED(ERR_COLLECTED, heap_hold(w.heap, x, &why));
        REFUSED(ERR_COLLECTED, session_hold(w.sessions, 0, x, &why));
        REFUSED(ERR_DANGLING, root_put(w.heap, SLICE("r"), x, NULL, &why));
        REFUSED(ERR_DANGLING, weak_put(w.heap, SLICE("other"), x, NULL, &why));
        REFUSED(ERR_DANGLING, heap_edit_record(w.heap, from, &link, 1, &why));
        ck_assert_int_eq(get(&w, from, "weak").kind, VALUE_NULL);
        OK(weak_get(w.heap, SLICE("name"), &read, &why));
        ck_assert_uint_eq(read, 0);
        for (slot_t slot = 0; (read = heap_next_object(w.heap, &slot, SIZE_MAX)) != 0;)
            ck_assert(heap_has(w.heap, read) && read == from);
        ck_assert_uint_eq(before.links, world_stats(&w).links);
        world_check(&w);
        steps(&w, 1);
    }
    ck_assert_uint_gt(looks, 40);
    gc_world_free(&w);
}
END_TEST

START_TEST(all_of_a_set_reads_null_before_its_first_notice)
{
    struct world w = gc_world_new();
    struct weak_notice notice;
    obj_id ids[20], id;
    char name[16];

    for (uint32_t i = 0; i < ARRAY_LEN(ids); i++) {
        ids[i] = dead_pair(&w);
        snprintf(name, sizeof name, "n%u", i);
        OK(weak_put(w.heap, slice_of(name), ids[i], NULL, &why));
    }
    (void)ask(&w, 2, false);
    while (!weak_take_notice(w.heap, &notice))
        steps(&w, 1);
    for (uint32_t i = 0; i < ARRAY_LEN(ids); i++) {
        snprintf(name, sizeof name, "n%u", i);
        OK(weak_get(w.heap, slice_of(name), &id, &why));
        ck_assert_uint_eq(id, 0);
    }
    gc_world_free(&w);
}
END_TEST

/* ---- lists and dictionaries that change under the cursor ---- */

/* Every item is deleted or moved while the collector is in the list, a unit at a time. */
START_TEST(deleting_under_the_collectors_cursor_neither_frees_what_stays_nor_keeps_what_went)
{
    struct world w = gc_world_new();
    uint64_t seed = unit_seed(_i);
    obj_id list = new_list(&w);
    static obj_id ids[3000], still[3000];
    uint32_t count = (uint32_t)ARRAY_LEN(ids);

    root(&w, "list", list);
    let_go(&w, list);
    for (uint32_t i = 0; i < count; i++) {
        still[i] = ids[i] = new_record(&w);
        put_link(&w, ids[i], "self", ids[i]);
        push(&w, list, value_link(ids[i]));
        let_go(&w, ids[i]);
    }
    (void)ask(&w, 2, false);
    for (uint32_t n = 0; gc_has_work(w.gc); n++) {
        uint32_t i = unit_rand_below(&seed, count), how = unit_rand_below(&seed, 4);

        steps(&w, 1);
        if (how == 0 && count > 1500) {
            OK(heap_delete_item(w.heap, list, i, &why));
            memmove(&still[i], &still[i + 1], (--count - i) * sizeof *still);
        } else if (how == 1) { /* to the end: past a cursor that has been there, or before one that has not */
            obj_id moved = still[i];

            push(&w, list, value_link(moved));
            OK(heap_delete_item(w.heap, list, i, &why));
            memmove(&still[i], &still[i + 1], (count - 1 - i) * sizeof *still);
            still[count - 1] = moved;
        }
        if (n % 200 == 0)
            world_check(&w);
    }
    for (uint32_t i = 0; i < count; i++)
        MUST(lives(&w, still[i]));
    (void)collect(&w, 2);
    for (uint32_t i = 0; i < count; i++)
        MUST(lives(&w, still[i]));
    ck_assert_uint_eq(world_objects(&w), count + 1);
    gc_world_free(&w);
}
END_TEST

START_TEST(unsetting_under_the_collectors_cursor_is_as_harmless)
{
    struct world w = gc_world_new();
    uint64_t seed = unit_seed(_i);
    obj_id dict = rooted(&w, "dict");
    static obj_id ids[1000];
    char name[16];
    uint32_t set_now = 0;

    for (uint32_t i = 0; i < ARRAY_LEN(ids); i++) {
        snprintf(name, sizeof name, "f%u", i);
        ids[i] = new_record(&w);
        put_link(&w, ids[i], "self", ids[i]);
        put_link(&w, dict, name, ids[i]);
        let_go(&w, ids[i]);
    }
    (void)ask(&w, 2, false);
    while (gc_has_work(w.gc)) {
        uint32_t i = unit_rand_below(&seed, ARRAY_LEN(ids));

        steps(&w, 1);
        if (ids[i] == 0)
            continue;
        snprintf(name, sizeof name, "f%u", i);
        if (unit_rand_below(&seed, 3) == 0) {
            unset_field(&w, dict, name);
            ids[i] = 0;
        } else { /* away and back: it comes last */
            struct field edit[] = {unset(name), field(name, value_link(ids[i]))};

            OK(heap_edit_record(w.heap, dict, edit, 2, &why));
        }
    }
    (void)collect(&w, 2);
    for (uint32_t i = 0; i < ARRAY_LEN(ids); i++) {
        MUST(ids[i] == 0 || lives(&w, ids[i]));
        set_now += ids[i] != 0;
    }
    ck_assert_uint_eq(world_objects(&w), set_now + 1);
    gc_world_free(&w);
}
END_TEST

/* ---- windows ---- */

START_TEST(a_young_collection_runs_inside_a_full_one)
{
    struct world w = gc_world_new();
    struct gc_run run;
    uint64_t full, young;
    obj_id list = new_list(&w), kept = 0;

    for (int i = 0; i < 3000; i++) {
        obj_id id = new_record(&w);

        push(&w, list, value_link(id));
        let_go(&w, id);
    }
    (void)collect(&w, 2);
    for (int i = 0; i < 300; i++)
        (void)dead_pair(&w);
    full = ask(&w, 2, false);
    for (enum gc_phase phase = GC_PROVE; phase <= GC_FREE; phase++) {
        if (phase == GC_CONDEMN)
            continue; /* it takes no step */
        ck_assert(step_to(&w, phase));
        for (int i = 0; i < 50; i++)
            (void)dead_pair(&w);
        kept = self_loop(&w);
        put_link(&w, rooted(&w, "from"), "kept", kept);
        young = ask(&w, phase % 2 == 0 ? 0 : 1, false);
        while (!gc_run_of(w.gc, phase % 2 == 0 ? 0 : 1, false, young, &run)) {
            steps(&w, 1);
            world_check(&w);
        }
        ck_assert_uint_ge(run.collected, 100);
        ck_assert(lives(&w, kept));
        ck_assert_int_eq(gc_state(&w).phase, phase); /* the full one waited */
        ck_assert_int_eq(gc_state(&w).collecting, 2);
    }
    gc_finish(w.gc);
    ck_assert(gc_run_of(w.gc, 2, false, full, &run));
    ck_assert_uint_eq(run.collected, 600);
    gc_world_free(&w);
}
END_TEST

START_TEST(newborns_are_no_members)
{
    struct world w = gc_world_new();
    static obj_id ids[500];
    uint32_t n = 0;
    struct gc_run run;

    for (int i = 0; i < 100; i++)
        (void)dead_pair(&w);
    (void)ask(&w, 2, false);
    steps(&w, 1);
    while (gc_has_work(w.gc)) {
        if (n < ARRAY_LEN(ids))
            ids[n++] = self_loop(&w); /* garbage at once, but not of this collection */
        steps(&w, 1);
    }
    ck_assert(gc_log(w.gc, 0, &run) && run.collected == 200);
    for (uint32_t i = 0; i < n; i++)
        MUST(lives(&w, ids[i]));
    ck_assert_uint_eq(collect(&w, 0), n);
    gc_world_free(&w);
}
END_TEST

START_TEST(more_than_fits_the_stack_of_the_reached_is_reached)
{
    struct world w = gc_world_new();
    uint32_t n = scaled(200000, 30000);
    obj_id list = new_list(&w);

    for (uint32_t i = 0; i < n; i++) {
        obj_id id = new_record(&w), below = new_record(&w);

        put_link(&w, id, "below", below);
        push(&w, list, value_link(id));
        let_go(&w, id);
        let_go(&w, below);
    }
    ck_assert_uint_eq(collect(&w, 2), 0);
    ck_assert_uint_eq(world_objects(&w), 2 * n + 1);
    gc_world_free(&w);
}
END_TEST

START_TEST(a_deep_ring_is_looked_through_without_recursion)
{
    struct world w = gc_world_new();
    uint32_t n = scaled(1000000, 100000);
    obj_id first = new_record(&w), last = first;

    for (uint32_t i = 1; i < n; i++) {
        struct field f = field("next", value_link(last));
        obj_id id = new_record_with(&w, "Record", &f, 1);

        let_go(&w, last);
        last = id;
    }
    put_link(&w, first, "next", last);
    ck_assert_uint_eq(collect(&w, 2), 0);
    let_go(&w, last);
    ck_assert_uint_eq(collect(&w, 2), n);
    ck_assert_uint_eq(world_objects(&w), 0);
    gc_world_free(&w);
}
END_TEST

/* No step takes much more than its units, in any phase: each phase looks at every object, so it takes many.
 */
START_TEST(a_step_is_bounded_by_its_units)
{
    struct world w = gc_world_new();
    struct heap_stats before, after;
    uint32_t taken[GC_TRIM + 1] = {0};
    obj_id list = new_list(&w), other;

    for (int i = 0; i < 20000; i++) {
        obj_id id = dead_pair(&w);

        if (i % 3 == 0)
            push(&w, list, value_link(id));
    }
    put_link(&w, dead_pair(&w), "list", list);
    let_go(&w, list);
    other = hidden(&w);
    (void)ask(&w, 2, false);
    while (gc_has_work(w.gc)) {
        before = world_stats(&w);
        taken[gc_state(&w).phase]++;
        (void)gc_step(w.gc, 50);
        after = world_stats(&w);
        MUST(before.links - after.links <= 50 * 128);
        MUST(before.doomed < after.doomed || before.doomed - after.doomed <= POOL_CELLS + 50 * 4);
        ck_assert(before.doomed >= after.doomed || taken[GC_RELEASE] == 0); /* one flip */
    }
    for (enum gc_phase phase = GC_CLOSE; phase <= GC_RELEASE; phase++) {
        bool is_cheap = phase == GC_CLOSE || phase == GC_COPY || phase == GC_SPREAD; /* none is held */

        if (phase != GC_MARK && phase != GC_CONDEMN)
            ck_assert_msg(taken[phase] >= 40000 / 50 / (is_cheap ? 10 : 1), "phase %d took %u steps", phase, taken[phase]);
    }
    ck_assert_uint_ge(taken[GC_FREE], 40000 / POOL_CELLS); /* a pool a step */
    ck_assert_uint_eq(world_objects(&w), 1);
    let_go(&w, other);
    gc_world_free(&w);
}
END_TEST

/* A slot that was reached and reaped may be that of bytes by the time it is looked through: they are of no generation. */
START_TEST(the_slot_of_a_reached_object_may_be_used_again_by_bytes)
{
    struct world w = gc_world_new();
    static obj_id ids[1024];

    for (uint32_t i = 0; i < ARRAY_LEN(ids); i++)
        ids[i] = new_record_with(&w, "R", (struct field[]){field("a", value_null()), field("b", value_null()),
                                                           field("c", value_null())}, 3);
    (void)ask(&w, 0, false);
    ck_assert(step_to(&w, GC_SUBTRACT));
    for (uint32_t i = 0; i < ARRAY_LEN(ids); i++) {
        hold(&w, ids[i]); /* reached */
        let_go(&w, ids[i]);
        let_go(&w, ids[i]);
    }
    world_reap(&w);
    for (uint32_t i = 0; i < 2 * ARRAY_LEN(ids); i++)
        (void)new_bytes(&w, 8, 'x');
    gc_finish(w.gc);
    world_check(&w);
    ck_assert_uint_eq(gc_state(&w).generations[0].objects + gc_state(&w).generations[1].objects, 0);
    gc_world_free(&w);
}
END_TEST

/* What is not in a cell of its own, or is empty, costs units as well. */
START_TEST(every_object_that_is_looked_through_costs_a_unit)
{
    for (int lists = 0; lists < 2; lists++) {
        struct world w = gc_world_new();
        obj_id all = new_list(&w);
        uint32_t n = 4000, steps = 0;

        root(&w, "all", all);
        for (uint32_t i = 0; i < n; i++) {
            obj_id id = lists ? new_list(&w) : new_record(&w);

            for (int f = 0; f < 6 && !lists; f++)
                set(&w, id, (const char *[]){"a", "b", "c", "d", "e", "f"}[f], value_int(f));
            push(&w, all, value_link(id));
            let_go(&w, id);
        }
        (void)ask(&w, 2, false);
        ck_assert(step_to(&w, GC_MARK));
        for (; gc_state(&w).phase == GC_MARK; steps++)
            (void)gc_step(w.gc, 20);
        ck_assert_uint_ge(steps, n / 20);
        let_go(&w, all);
        gc_world_free(&w);
    }
}
END_TEST

START_TEST(a_collector_can_be_destroyed_in_the_middle_of_anything)
{
    for (uint32_t n = 0; n < 120; n++) {
        struct world w = gc_world_new();
        obj_id keep = rooted(&w, "keep");

        for (int i = 0; i < 6; i++)
            put_link(&w, dead_pair(&w), "keep", keep);
        (void)collect(&w, 2);
        for (int i = 0; i < 6; i++)
            put_link(&w, dead_pair(&w), "keep", keep);
        set_save_all(&w, n % 5 == 4);
        (void)ask(&w, 2, n % 4 == 3);
        steps(&w, n / 2);
        (void)ask(&w, 1, false);
        if (n % 3 == 0)
            (void)gc_freeze(w.gc, true);
        steps(&w, n / 2);
        gc_world_free(&w);
    }
}
END_TEST

/* ---- a slot whose turns run out by being collected ---- */

START_TEST(a_slot_that_a_collection_retires_is_no_member_of_the_next)
{
    struct world w = gc_world_new();
    static obj_id keep[POOL_CELLS - 1];
    struct field f[] = {field("a", value_null()), field("b", value_null()), field("c", value_null())};
    obj_id last = 0;

    for (size_t i = 0; i < ARRAY_LEN(keep); i++)
        keep[i] = new_record_with(&w, "Triple", f, 3);
    for (uint32_t turn = 0; turn <= OBJECT_TURN_MAX; turn++) {
        last = new_record_with(&w, "Triple", f, 3);
        if (turn == OBJECT_TURN_MAX)
            put_link(&w, last, "a", last);
        let_go(&w, last);
        world_reap(&w);
    }
    ck_assert_uint_eq(last >> SLOT_BITS, OBJECT_TURN_MAX);
    ck_assert_uint_eq(collect(&w, 2), 1);
    world_check(&w);
    for (int g = 0; g < 3; g++)
        ck_assert_uint_eq(collect(&w, 2), 0);
    for (size_t i = 0; i < ARRAY_LEN(keep); i++)
        MUST(lives(&w, keep[i]));
    gc_world_free(&w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_holder_may_die_after_any_step, .rounds = ARRAY_LEN(before_the_flip)),
        TEST(a_large_holder_may_die_while_it_is_looked_through, .rounds = 2 * ARRAY_LEN(before_the_flip)),
        TEST(reaping_between_the_steps_is_harmless, .rounds = ARRAY_LEN(before_the_flip)),
        TEST(what_is_held_again_before_the_flip_stays_and_after_it_is_collected,
             .rounds = ARRAY_LEN(rescues)),
        TEST(condemned_ids_answer_collected_until_their_slots_are_gone),
        TEST(all_of_a_set_reads_null_before_its_first_notice),
        TEST(deleting_under_the_collectors_cursor_neither_frees_what_stays_nor_keeps_what_went, .rounds = 3),
        TEST(unsetting_under_the_collectors_cursor_is_as_harmless, .rounds = 3),
        TEST(a_young_collection_runs_inside_a_full_one),
        TEST(newborns_are_no_members),
        TEST(more_than_fits_the_stack_of_the_reached_is_reached),
        TEST(a_deep_ring_is_looked_through_without_recursion),
        TEST(a_step_is_bounded_by_its_units),
        TEST(the_slot_of_a_reached_object_may_be_used_again_by_bytes),
        TEST(every_object_that_is_looked_through_costs_a_unit),
        TEST(a_collector_can_be_destroyed_in_the_middle_of_anything),
        TEST(a_slot_that_a_collection_retires_is_no_member_of_the_next),
    };
    return unit_main(argc, argv, "subtract", tests, ARRAY_LEN(tests));
}
