/* test_snapshot.c - a snapshot is the heap as it was at its cut, whatever happened since. */
#include "heap/audit.h"
#include "tests/unit/mutator.h"
#include "tests/unit/portrait.h"

static struct snapshot *begin(struct world *w)
{
    struct snapshot *s = NULL;

    OK(snapshot_begin(w->heap, &s, &why));
    return s;
}

static bool step(struct snapshot *s, size_t units)
{
    bool done = false;

    OK(snapshot_step(s, units, &done, &why));
    return done;
}

static void end(struct snapshot **s)
{
    while (snapshot_end(s, 1) == 0)
        ;
    ck_assert_ptr_null(*s);
}

static void be_same(const struct portrait *then, const struct snapshot *s, uint64_t seed)
{
    struct portrait now = portrait_of_frozen(snapshot_frozen(s));
    size_t differences = portraits_differ(then, &now, 8);

    ck_assert_msg(differences == 0, "--seed %" PRIu64 ": %zu lines of %zu", seed, differences, then->count);
    portrait_free(&now);
}

/* Take one, slowly at first, and let `m` do what it likes between any two steps. */
static void take_among(struct mutator *m, uint64_t seed)
{
    struct snapshot *s = begin(&m->w);
    struct portrait then;
    uint32_t most = 1 + roll(m, 200);

    world_reap(&m->w);
    then = portrait_of_heap(&m->w);
    for (uint32_t units = 1; !step(s, units); units = 1 + roll(m, most))
        for (uint32_t n = roll(m, 12); n > 0; n--)
            mutate(m);
    for (int n = 0; n < 20; n++) /* it has nothing to do with the heap any more */
        mutate(m);
    be_same(&then, s, seed);
    portrait_free(&then);
    end(&s);
}

START_TEST(it_is_the_heap_as_it_was_whatever_happened_meanwhile)
{
    struct mutator m = mutator_new(unit_seed(_i));

    for (int i = 0; i < 3; i++) {
        take_among(&m, unit_seed(_i));
        for (int n = 0; n < 50; n++)
            mutate(&m);
    }
    mutator_free(&m);
}
END_TEST

/* ---- what chance does not come to ---- */

/* The next step is the cut: what there is now will be in it. */
static struct snapshot *begin_at(struct world *w, struct portrait *ret_then)
{
    struct snapshot *s;

    world_reap(w);
    *ret_then = portrait_of_heap(w);
    s = begin(w);
    MUST(!step(s, 1));
    return s;
}

static void finish(struct snapshot **s, struct portrait *then)
{
    while (!step(*s, 3))
        ;
    be_same(then, *s, 0);
    portrait_free(then);
    end(s);
}

/* Garbage in a ring, and somebody who knows of it. */
static void make_ring(struct world *w, uint32_t count, obj_id watcher)
{
    obj_id first = new_record_of(w, "Ring"), last = first;

    for (uint32_t i = 0; i < count; i++) {
        obj_id next = new_record_of(w, "Ring");

        put_link(w, last, "next", next);
        if (i % 8 == 0)
            push(w, watcher, weak(next));
        if (last != first)
            let_go(w, last);
        last = next;
    }
    put_link(w, last, "next", first);
    let_go(w, last);
    let_go(w, first);
}

/* True: it ended before that. */
static bool collect_and_cut_after(uint32_t steps)
{
    struct world w = gc_world_new();
    obj_id watcher = new_list(&w), live = new_record(&w);
    struct portrait then;
    struct snapshot *s;
    bool over;

    make_ring(&w, 1000, watcher);
    for (int i = 0; i < 3000; i++)
        put_link(&w, new_record(&w), "live", live);
    (void)ask(&w, 2, false);
    for (uint32_t i = 0; i < steps; i++)
        (void)gc_step(w.gc, 200);
    over = !gc_has_work(w.gc);
    s = begin_at(&w, &then);
    for (uint32_t i = 0; i < 200 && !step(s, 20); i++) { /* whose slots are free is born again */
        (void)gc_step(w.gc, 500);
        make_ring(&w, 40, watcher);
        if (!gc_has_work(w.gc))
            (void)ask(&w, 2, false);
    }
    finish(&s, &then);
    gc_finish(w.gc);
    gc_world_free(&w);
    return over;
}

START_TEST(its_cut_may_be_at_any_step_of_a_collection)
{
    uint32_t steps = 0;

    while (!collect_and_cut_after(steps))
        steps++;
    ck_assert_uint_ge(steps, 10);
}
END_TEST

START_TEST(a_list_may_be_emptied_and_die_before_it_was_come_to)
{
    struct world w = gc_world_new();
    struct portrait then;
    struct snapshot *s;
    obj_id list = new_list(&w), target = rooted(&w, "target");

    for (int i = 0; i < 100; i++)
        (void)new_record(&w);
    for (int i = 0; i < 300; i++)
        push(&w, list, value_link(target));
    root(&w, "list", list);
    let_go(&w, list);
    s = begin_at(&w, &then);
    for (int i = 0; i < 300; i++)
        OK(heap_delete_item(w.heap, list, (uint64_t)(i % 2 == 0 ? 0 : 299 - i), &why));
    unroot(&w, "list");
    world_reap(&w);
    for (int i = 0; i < 100; i++)
        (void)new_record(&w);
    finish(&s, &then);
    gc_world_free(&w);
}
END_TEST

/* ---- one at a time, and given up at any time ---- */

START_TEST(it_may_be_given_up_at_any_step)
{
    struct mutator m = mutator_new(unit_seed(_i));
    struct snapshot *s = NULL;

    for (int steps = 0; steps < 60; steps++) {
        s = begin(&m.w);
        for (int i = 0; i < steps && !step(s, 1 + roll(&m, 40)); i++)
            mutate(&m);
        end(&s);
        ck_assert_ptr_null(m.w.heap->onlooker);
        mutate(&m);
    }
    s = NULL;
    ck_assert_uint_eq(snapshot_end(&s, 5), 5);
    mutator_free(&m);
}
END_TEST

START_TEST(there_is_one_at_a_time_and_no_audit_meanwhile)
{
    struct world w = gc_world_new();
    struct snapshot *s = begin(&w), *other = NULL;
    struct heap_audit *a = NULL;

    REFUSED(ERR_BUSY, snapshot_begin(w.heap, &other, &why));
    REFUSED(ERR_BUSY, heap_audit_begin(w.heap, NULL, NULL, &a, &why));
    while (!step(s, 5))
        ;
    OK(heap_audit_begin(w.heap, NULL, NULL, &a, &why)); /* the heap has said all */
    REFUSED(ERR_BUSY, snapshot_begin(w.heap, &other, &why));
    while (heap_audit_end(&a, 100) == 0)
        ;
    end(&s);
    gc_world_free(&w);
}
END_TEST

/* ---- without memory ---- */

/* Whatever an op makes of it that memory is refused. */
static void try_something(struct mutator *m)
{
    const struct value v = value_int(7);
    obj_id wide = m->wide[roll(m, MUTATOR_WIDES)], id = someone(m);
    char name[16];

    a_name(m, MUTATOR_FIELDS, name);
    if (lives(&m->w, wide) && info(&m->w, wide).kind == HEAP_LIST) {
        (void)heap_set_item(m->w.heap, wide, roll(m, 100), &v, NULL);
        (void)heap_delete_item(m->w.heap, wide, roll(m, 100), NULL);
    } else if (lives(&m->w, wide)) {
        (void)heap_unset_field(m->w.heap, wide, slice_of(name), NULL);
    }
    a_name(m, 20, name);
    (void)root_delete(m->w.heap, slice_of(name), NULL);
    if (id != 0)
        (void)session_drop(m->w.sessions, a_session(m), id, NULL);
    if (roll(m, 20) == 0)
        (void)session_drop(m->w.sessions, 0, wide, NULL);
    (void)heap_reap(m->w.heap, 20);
}

/* Request number n is refused, and if `on` all that follow, while the heap changes and while it is taken: it is refused then,
 * or as it should be. True: it was taken. */
static bool take_starving(struct mutator *m, uint64_t n, bool on, uint64_t seed)
{
    struct snapshot *s = begin(&m->w);
    struct portrait then;
    enum err e = ERR_OK;
    bool done = false;

    world_reap(&m->w);
    then = portrait_of_heap(&m->w);
    starve(&m->w, n, on);
    while (!done && e == ERR_OK) {
        e = snapshot_step(s, 1 + roll(m, 100), &done, NULL);
        try_something(m);
    }
    feed(&m->w);
    ck_assert_msg(e == ERR_OK || e == ERR_NOMEM, "%s", err_name(e));
    if (e != ERR_OK)
        ck_assert_int_eq(snapshot_step(s, 1, &done, NULL), ERR_NOMEM); /* and stays so */
    else
        be_same(&then, s, seed);
    portrait_free(&then);
    end(&s);
    return e == ERR_OK;
}

START_TEST(without_memory_it_is_refused_and_nothing_is_left_behind)
{
    struct mutator m = mutator_new(unit_seed(_i));
    uint32_t refused = 0, taken = 0;

    for (uint64_t n = 1 + (uint64_t)_i % 4; taken < 3; n += 4) {
        if (take_starving(&m, n, _i % 2 == 0, unit_seed(_i)))
            taken++;
        else
            refused++;
        for (int i = 0; i < 10; i++)
            mutate(&m);
    }
    ck_assert_uint_ge(refused, 10);
    mutator_free(&m);
}
END_TEST

START_TEST(what_it_takes_is_asked_for_before_it_costs_anything)
{
    struct mutator m = mutator_new(unit_seed(_i));
    struct snapshot *s = begin(&m.w);
    size_t used = m.w.mem->used_bytes;
    bool done;

    world_reap(&m.w);
    mem_set_max(m.w.mem, m.w.mem->used_bytes + 20000);
    REFUSED(ERR_NOMEM, snapshot_step(s, 1000, &done, &why));
    ck_assert_ptr_null(m.w.heap->onlooker);
    ck_assert(m.w.mem->used_bytes <= used + 20000);
    end(&s);
    mem_set_max(m.w.mem, 0);
    mutator_free(&m);
}
END_TEST

START_TEST(its_bytes_are_those_on_the_account)
{
    struct mutator m = mutator_new(unit_seed(_i));
    struct snapshot *s;
    size_t before;

    world_reap(&m.w);
    before = m.w.mem->used_bytes;
    s = begin(&m.w);
    while (!step(s, 50))
        ;
    ck_assert_uint_eq(snapshot_bytes(s, NULL), m.w.mem->used_bytes - before);
    end(&s);
    ck_assert_uint_eq(m.w.mem->used_bytes, before);
    mutator_free(&m);
}
END_TEST

/* Each of them has fields that nobody else has: its shape is new, and so are all names of it. */
static void make_strangers(struct world *w, uint32_t count, uint32_t fields)
{
    char name[32];

    for (uint32_t i = 0; i < count; i++) {
        obj_id id = new_record_of(w, "Stranger");

        for (uint32_t f = 0; f < fields; f++) {
            snprintf(name, sizeof name, "of %u %u", i, f);
            set(w, id, name, value_int(f));
        }
    }
}

static uint32_t steps_of_snapshot(struct world *w, size_t units)
{
    struct snapshot *s = begin(w);
    uint32_t steps = 1;

    while (!step(s, units))
        steps++;
    end(&s);
    return steps;
}

START_TEST(a_step_is_no_longer_where_each_object_has_names_that_are_new)
{
    struct world w = gc_world_new();
    uint32_t alike;

    for (uint32_t i = 0; i < 200; i++)
        (void)new_record(&w);
    alike = steps_of_snapshot(&w, 100);
    make_strangers(&w, 200, 20);
    ck_assert_uint_ge(steps_of_snapshot(&w, 100), alike + 200 * 20 / 100 * 4);
    gc_world_free(&w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(it_is_the_heap_as_it_was_whatever_happened_meanwhile, .rounds = 40),
        TEST(its_cut_may_be_at_any_step_of_a_collection),
        TEST(a_list_may_be_emptied_and_die_before_it_was_come_to),
        TEST(it_may_be_given_up_at_any_step),
        TEST(there_is_one_at_a_time_and_no_audit_meanwhile),
        TEST(without_memory_it_is_refused_and_nothing_is_left_behind, .rounds = 4),
        TEST(what_it_takes_is_asked_for_before_it_costs_anything),
        TEST(its_bytes_are_those_on_the_account),
        TEST(a_step_is_no_longer_where_each_object_has_names_that_are_new),
    };

    return unit_main(argc, argv, "snapshot", tests, ARRAY_LEN(tests));
}
