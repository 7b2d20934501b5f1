/* test_subtract.c - the heap changes between any two steps of a collection: late is allowed, wrong is not. */
#include "tests/unit/gc_world.h"

/* A two-object cycle that nothing holds. */
static obj_id dead_pair(struct world *w)
{
    obj_id a = new_record(w), b = new_record(w);

    put_link(w, a, "other", b);
    put_link(w, b, "other", a);
    let_go(w, a);
    let_go(w, b);
    return a;
}

static obj_id other(struct world *w, obj_id id)
{
    return get(w, id, "other").id;
}

static const enum gc_phase before_the_flip[] = {GC_CLOSE, GC_SUBTRACT, GC_SPREAD};

START_TEST(a_holder_that_dies_while_it_is_looked_at_does_not_leave_its_child_to_be_freed_twice)
{
    for (size_t i = 0; i < ARRAY_LEN(before_the_flip); i++) {
        for (int more = 0; more < 40; more++) { /* drop the holder after each single step of the phase */
            struct world w = gc_world_new();
            obj_id holder = rooted(&w, "holder"), child = new_record(&w);

            put_link(&w, holder, "child", child);
            put_link(&w, child, "self", child);
            let_go(&w, child);
            for (int k = 0; k < 5; k++)
                (void)dead_pair(&w);
            (void)ask(&w, 2, false);
            MUST(step_to(&w, before_the_flip[i]));
            for (int k = 0; k < more; k++)
                (void)gc_step(w.gc, 1);
            unroot(&w, "holder");
            world_check(&w);
            for (int k = 0; k < 200; k++) {
                (void)gc_step(w.gc, 1);
                let_go(&w, rooted(&w, "new") * 0 + new_record(&w)); /* takes freed slots again */
                world_check(&w);
            }
            gc_finish(w.gc);
            MUST(!lives(&w, holder));
            (void)collect(&w, 2);
            MUST(!lives(&w, child));
            gc_world_free(&w);
        }
    }
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_holder_that_dies_while_it_is_looked_at_does_not_leave_its_child_to_be_freed_twice),
    };
    (void)other;
    return unit_main(argc, argv, "subtract", tests, ARRAY_LEN(tests));
}
