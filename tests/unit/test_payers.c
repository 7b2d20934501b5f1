/* test_payers.c - who made it pays, for as long as it lives. */
#include "heap/payers.h"
#include "gc/gc.h"
#include "tests/unit/gc_world.h"

struct accounts {
    int64_t bytes[4];
};

static void pay(void *ctx, uint32_t payer, int64_t bytes)
{
    struct accounts *a = ctx;

    ck_assert_uint_lt(payer, ARRAY_LEN(a->bytes));
    a->bytes[payer] += bytes;
}

static void adds_up(const struct payers *p, const struct accounts *a)
{
    int64_t sum = 0;

    for (size_t i = 0; i < ARRAY_LEN(a->bytes); i++) {
        ck_assert_int_ge(a->bytes[i], 0);
        sum += a->bytes[i];
    }
    ck_assert_uint_eq(payers_recount(p), (uint64_t)sum);
}

static int64_t bytes_of(struct world *w, obj_id id)
{
    struct object_info info;

    OK(heap_info(w->heap, id, &info, &why));
    return (int64_t)info.bytes;
}

START_TEST(each_pays_for_what_was_made_in_its_turn)
{
    struct world w = gc_world_new();
    struct accounts a = {{0}};
    obj_id before = new_record(&w), mine, yours;
    struct payers *p = payers_begin(w.heap, pay, &a);

    payers_turn(p, 1);
    mine = new_record(&w);
    payers_turn(p, 2);
    yours = new_bytes(&w, 5000, 'y');
    ck_assert_int_eq(a.bytes[1], bytes_of(&w, mine));
    ck_assert_int_ge(a.bytes[2], bytes_of(&w, yours)); /* its class is new, and so a name */
    let_go(&w, before);
    adds_up(p, &a);
    let_go(&w, yours);
    ck_assert_int_lt(a.bytes[2], 100);
    adds_up(p, &a);
    payers_end(&p);
    ck_assert_ptr_null(p);
    gc_world_free(&w);
}
END_TEST

START_TEST(whoever_makes_it_grow_its_maker_pays)
{
    struct world w = gc_world_new();
    struct accounts a = {{0}};
    struct payers *p = payers_begin(w.heap, pay, &a);
    obj_id list, record;

    payers_turn(p, 1);
    list = new_list(&w);
    record = new_record(&w);
    payers_turn(p, 2);
    for (int i = 0; i < 1000; i++) {
        struct value v = value_int(i);

        OK(heap_push_item(w.heap, list, &v, NULL, &why));
    }
    set(&w, record, "long", text("this is a string of its own"));
    for (int i = 0; i < 40; i++) {
        char name[16];

        snprintf(name, sizeof name, "field%d", i);
        set(&w, record, name, value_int(i)); /* it becomes a dictionary */
    }
    ck_assert_int_ge(a.bytes[1], bytes_of(&w, list) + bytes_of(&w, record));
    ck_assert_int_gt(a.bytes[2], 27); /* the string and the names are of the second */
    adds_up(p, &a);
    let_go(&w, list);
    let_go(&w, record);
    world_reap(&w);
    adds_up(p, &a);
    payers_end(&p);
    gc_world_free(&w);
}
END_TEST

START_TEST(what_a_collection_finds_is_paid_for_no_more)
{
    struct world w = gc_world_new();
    struct accounts a = {{0}};
    struct payers *p = payers_begin(w.heap, pay, &a);
    int64_t before;
    obj_id x, y;

    payers_turn(p, 1);
    x = new_record(&w);
    before = a.bytes[1];
    let_go(&w, x);
    payers_turn(p, 3);
    for (int i = 0; i < 3000; i++) {
        x = new_record(&w);
        y = new_list(&w);
        set(&w, x, "to", value_link(y));
        struct value back = value_link(x);
        OK(heap_push_item(w.heap, y, &back, NULL, &why));
        let_go(&w, x);
        let_go(&w, y);
    }
    ck_assert_int_gt(a.bytes[3], 3000 * before);
    adds_up(p, &a);
    OK(gc_collect(w.gc, 2, GC_BY_REQUEST, false, NULL, &why));
    while (gc_has_work(w.gc)) {
        (void)gc_step(w.gc, 500);
        adds_up(p, &a);
    }
    ck_assert_int_lt(a.bytes[3], 2000);
    payers_end(&p);
    gc_world_free(&w);
}
END_TEST

START_TEST(a_session_that_ends_leaves_it_to_the_default_one)
{
    struct world w = gc_world_new();
    struct session_limits limits = {.sessions_max = 10, .holds_max = 10, .default_holds_max = 10, .bytes_max = 10000};
    char token[SESSION_TOKEN_BYTES] = "t";
    struct session_info info;
    session_id s;
    obj_id id;

    session_set_limits(w.sessions, &limits);
    OK(session_open(w.sessions, 10, SLICE("s"), (struct slice){token, sizeof token}, 0, &s, &why));
    session_pay(w.sessions, s);
    id = new_bytes(&w, 9000, 'b');
    REFUSED(ERR_LIMIT, session_may_grow(w.sessions, s, 1000, &why));
    OK(session_may_grow(w.sessions, s, 500, &why));
    OK(session_may_grow(w.sessions, 0, 1 << 30, &why));
    world_check(&w);
    OK(session_end(w.sessions, s, &why));
    OK(session_info(w.sessions, 0, &info, &why));
    ck_assert_uint_gt(info.bytes, 9000);
    world_check(&w);
    let_go(&w, id);
    OK(session_info(w.sessions, 0, &info, &why));
    ck_assert_uint_lt(info.bytes, 1000);
    limits.bytes_max = 0;
    session_set_limits(w.sessions, &limits);
    OK(session_info(w.sessions, 0, &info, &why));
    ck_assert_uint_eq(info.bytes, UINT64_MAX);
    gc_world_free(&w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(each_pays_for_what_was_made_in_its_turn),
        TEST(whoever_makes_it_grow_its_maker_pays),
        TEST(what_a_collection_finds_is_paid_for_no_more),
        TEST(a_session_that_ends_leaves_it_to_the_default_one),
    };

    return unit_main(argc, argv, "payers", tests, ARRAY_LEN(tests));
}
