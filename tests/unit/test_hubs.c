/*
 * test_hubs.c - objects with very many references, counted down by a collection.
 *
 * What a collection subtracts from has room for small numbers at hand and keeps the large ones elsewhere, and so have the
 * counts themselves: wherever one becomes the other a link may be lost or found twice. So hubs are made whose references,
 * or those that are left when the inner ones are subtracted, come to lie on either side of each power of two.
 */
#include "tests/unit/gc_world.h"

/* Around each, the counts from two below to two above. */
static const uint32_t edges[] = {3, 31, 62, 63, 127, 128, 253, 255, 256, 4095, 65535, 65536, 131071, 131072, 196608};

/* How the inner references are spread. */
enum spread { IN_ONE_LIST, IN_MANY_RECORDS, IN_ONE_DICTIONARY, SPREADS };

struct hub {
    struct world w;
    obj_id hub;
    obj_id list;          /* keeps whatever links to the hub, and the hub keeps it */
    uint32_t outside;     /* references of the test's own */
    uint64_t members;
};

static void link_from_records(struct hub *h, uint32_t inner)
{
    struct field f = field("hub", value_link(h->hub));
    obj_id id;

    for (uint32_t i = 0; i < inner; i++) {
        OK(heap_new_record(h->w.heap, label_of("Spoke"), &f, 1, &id, &why));
        push(&h->w, h->list, value_link(id));
        heap_release(h->w.heap, id);
    }
    h->members += inner;
}

static void link_from_list(struct hub *h, uint32_t inner)
{
    for (uint32_t i = 0; i < inner; i++)
        push(&h->w, h->list, value_link(h->hub));
}

/* As many fields as are left to a dictionary in a test; the others are items. */
static void link_from_dictionary(struct hub *h, uint32_t inner)
{
    uint32_t fields = inner < 300 ? inner : 300;
    obj_id dict = new_record(&h->w);
    char name[16];

    for (uint32_t i = 0; i < fields; i++) {
        snprintf(name, sizeof name, "f%u", i);
        put_link(&h->w, dict, name, h->hub);
    }
    push(&h->w, h->list, value_link(dict));
    let_go(&h->w, dict);
    h->members++;
    link_from_list(h, inner - fields);
}

static void hub_begin(struct hub *h, uint32_t inner, uint32_t outside, enum spread spread)
{
    static void (*const link[SPREADS])(struct hub *, uint32_t) = {link_from_list, link_from_records, link_from_dictionary};

    *h = (struct hub){.w = gc_world_new(), .members = 2, .outside = outside};
    h->hub = new_record(&h->w);
    h->list = new_list(&h->w);
    put_link(&h->w, h->hub, "list", h->list);
    let_go(&h->w, h->list);
    link[spread](h, inner);
    for (uint32_t i = 0; i < outside; i++)
        OK(heap_hold(h->w.heap, h->hub, &why));
    if (outside > 0)
        owns(&h->w, h->hub, outside);
    let_go(&h->w, h->hub);
    ck_assert(!lives(&h->w, h->hub) || refs(&h->w, h->hub) == (uint64_t)inner + outside);
}

static void hub_take(struct hub *h, uint32_t times)
{
    for (uint32_t i = 0; i < times; i++)
        OK(heap_hold(h->w.heap, h->hub, &why));
    if (times > 0)
        owns(&h->w, h->hub, times);
    h->outside += times;
}

static void hub_give(struct hub *h, uint32_t times)
{
    if (times > 0)
        disowns(&h->w, h->hub, times);
    for (uint32_t i = 0; i < times; i++)
        heap_release(h->w.heap, h->hub);
    h->outside -= times;
}

static void hub_end(struct hub *h)
{
    hub_give(h, h->outside);
    (void)collect(&h->w, 2);
    ck_assert_uint_eq(world_objects(&h->w), 0);
    gc_world_free(&h->w);
}

/* In steps of `units`, well in the middle of each phase. */
static uint64_t collect_slowly(struct hub *h, int generation, size_t units)
{
    uint64_t ticket = ask(&h->w, generation, false);
    enum gc_phase last = GC_IDLE;
    struct gc_run run;

    while (gc_has_work(h->w.gc)) {
        (void)gc_step(h->w.gc, units);
        if (gc_state(&h->w).phase != last)
            world_check(&h->w);
        last = gc_state(&h->w).phase;
    }
    MUST(gc_run_of(h->w.gc, generation, false, ticket, &run));
    return run.collected;
}

/* It goes if nothing outside holds it, and stays, whole, if so little as one reference does. */
static void expect_fate(uint32_t inner, uint32_t outside, enum spread spread, int generation)
{
    struct hub h;
    uint64_t found;

    hub_begin(&h, inner, outside, spread);
    found = collect_slowly(&h, generation, 1 + (inner + outside) / 60);
    if (found != (outside == 0 ? h.members : 0) || world_objects(&h.w) != (outside == 0 ? 0 : h.members))
        ck_abort_msg("a hub with %u references from members and %u from outside: %" PRIu64 " of %" PRIu64 " found, by %d",
                     inner, outside, found, h.members, generation);
    if (outside > 0)
        ck_assert_uint_eq(refs(&h.w, h.hub), (uint64_t)inner + outside);
    hub_end(&h);
}

START_TEST(a_hub_is_told_from_garbage_by_a_single_reference)
{
    enum spread spread = (enum spread)(_i % SPREADS);
    int generation = _i / SPREADS;

    for (size_t e = 0; e < ARRAY_LEN(edges); e++)
        for (uint32_t n = edges[e] - 2; n <= edges[e] + 2; n++) {
            if (n > 5000 && (spread != IN_ONE_LIST || (n > 70000 && (generation == 1 || scaled(10, 1) < 10))))
                continue; /* the large ones take long: enough with lists */
            expect_fate(n, 0, spread, generation);
            expect_fate(n, 1, spread, generation);
            expect_fate(n - 1, 1, spread, generation);
        }
}
END_TEST

START_TEST(what_is_left_may_be_as_large_as_it_likes)
{
    enum spread spread = (enum spread)(_i % SPREADS);

    for (size_t e = 0; e < ARRAY_LEN(edges); e++)
        for (uint32_t n = edges[e] - 2; n <= edges[e] + 2; n++) {
            if (n > 70000 && spread != IN_ONE_LIST)
                continue;
            expect_fate(5, n, spread, _i / SPREADS);
            expect_fate(300, n, spread, _i / SPREADS);
        }
}
END_TEST

/* ---- counts that change meanwhile ---- */

enum change { TAKE_AND_GIVE, LINK_AND_UNLINK, GIVE_THE_LAST, DIE, CHANGES };

static void push_and_delete(struct hub *h, uint32_t times)
{
    uint64_t at = lives(&h->w, h->list) ? info(&h->w, h->list).parts : 0;

    for (uint32_t i = 0; i < times; i++)
        push(&h->w, h->list, value_link(h->hub));
    for (uint32_t i = times; i-- > 0;)
        OK(heap_delete_item(h->w.heap, h->list, at + i, &why));
}

static void change_it(struct hub *h, enum change how, uint32_t by)
{
    switch (how) {
    case TAKE_AND_GIVE:
        hub_take(h, by);
        hub_give(h, by);
        break;
    case LINK_AND_UNLINK:
        push_and_delete(h, by);
        break;
    case GIVE_THE_LAST:
        hub_give(h, h->outside);
        break;
    case DIE: /* its own cycle is cut first: so it dies by counting, with all that the list keeps */
        unset_field(&h->w, h->hub, "list");
        hub_give(h, h->outside);
        break;
    case CHANGES:
        UNREACHABLE();
    }
}

/* `step` steps into the collection its count crosses what fits, up, down or both. Late is fine; wrong is not. */
static void change_midway(enum change how, uint32_t inner, uint32_t by, uint32_t step, int generation)
{
    struct hub h;
    bool alive;

    hub_begin(&h, inner, how == TAKE_AND_GIVE || how == LINK_AND_UNLINK ? step % 2 : 1, IN_ONE_LIST);
    (void)ask(&h.w, generation, false);
    for (uint32_t i = 0; i < step && gc_has_work(h.w.gc); i++)
        (void)gc_step(h.w.gc, 1 + inner / 40);
    alive = lives(&h.w, h.hub);
    if (alive)
        change_it(&h, how, by);
    world_check(&h.w);
    for (uint32_t n = 0; gc_has_work(h.w.gc); n++) {
        (void)gc_step(h.w.gc, 1 + inner / 40);
        if (n % 16 == 0)
            world_check(&h.w);
        ck_assert(h.outside == 0 || lives(&h.w, h.hub));
    }
    (void)collect(&h.w, 2);
    ck_assert_uint_eq(world_objects(&h.w), h.outside > 0 ? h.members : 0);
    hub_end(&h);
}

START_TEST(counts_that_cross_what_fits_in_the_middle_are_exact_afterwards)
{
    static const uint32_t sizes[] = {61, 126, 254, 65534};
    enum change how = (enum change)(_i % CHANGES);
    uint32_t largest = scaled(10, 1) < 10 ? 3 : 4;

    for (uint32_t s = 0; s < largest; s++)
        for (uint32_t step = 0; step < 100; step += s == 3 ? 9 : 3)
            change_midway(how, sizes[s], 4 + (step % 5 == 0 ? sizes[s] : 0), step, _i / CHANGES);
}
END_TEST

/* ---- many hubs ---- */

/* Each list links each hub as often as the hub is to count: many large numbers at once, and all of it garbage, or held by
 * one reference to the last. */
START_TEST(many_hubs_are_counted_side_by_side)
{
    uint32_t hubs = scaled(300, 30), held = (uint32_t)_i % 2;
    struct world w = gc_world_new();
    obj_id list = new_list(&w), *hub = calloc(hubs, sizeof *hub);
    uint64_t seed = unit_seed(_i);
    struct gc_run run;
    uint64_t ticket;

    for (uint32_t i = 0; i < hubs; i++) {
        hub[i] = new_record(&w);
        put_link(&w, hub[i], "all", list);
    }
    for (uint32_t n = 0; n < hubs * 700; n++) /* about 700 each, in no order: some remain small */
        push(&w, list, value_link(hub[unit_rand_below(&seed, hubs) * (n % 4 == 0) + n % (hubs / 2) * (n % 4 != 0)]));
    let_go(&w, list);
    for (uint32_t i = 0; i + held < hubs; i++)
        let_go(&w, hub[i]);
    ticket = ask(&w, _i % 3, false);
    for (uint32_t n = 0; gc_has_work(w.gc); n++) {
        (void)gc_step(w.gc, 1 + hubs * 3);
        if (n % 64 == 0)
            world_check(&w);
    }
    ck_assert(gc_run_of(w.gc, _i % 3, false, ticket, &run));
    if (held == 0) /* a hub without links has died by counting */
        ck_assert_uint_eq(world_objects(&w), 0);
    else
        ck_assert_uint_eq(run.collected, 0);
    if (held == 1)
        let_go(&w, hub[hubs - 1]);
    (void)collect(&w, 2);
    ck_assert_uint_eq(world_objects(&w), 0);
    free(hub);
    gc_world_free(&w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_hub_is_told_from_garbage_by_a_single_reference, .rounds = SPREADS * 3),
        TEST(what_is_left_may_be_as_large_as_it_likes, .rounds = SPREADS * 3),
        TEST(counts_that_cross_what_fits_in_the_middle_are_exact_afterwards, .rounds = CHANGES * 3),
        TEST(many_hubs_are_counted_side_by_side, .rounds = 6),
    };
    return unit_main(argc, argv, "hubs", tests, ARRAY_LEN(tests));
}
