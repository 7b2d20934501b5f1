/* test_reach.c - walks over a heap that stands still: they find what a naive search finds. */
#include "heap/graph/referrer.h"
#include "tests/unit/reach_world.h"

static void walk(struct reach *r, size_t units)
{
    while (reach_step(r, units) == 0)
        ;
}

/* Reads chain i: each link is true; returns its length. */
static uint32_t read_chain(const struct graph *g, struct reach *r, uint32_t i, obj_id target, size_t units)
{
    struct chain_link link, before = {0};
    struct chain c;
    uint32_t length = 0;
    enum chain_turn turn;

    chain_begin(r, i, &c);
    do {
        size_t left = units;

        while ((turn = chain_step(&c, &left, &link)) == CHAIN_LINK) {
            MUST((length == 0) == (link.by != REACHED_BY_OBJECT));
            MUST(length == 0 || link_is_true(g, &before, link.id));
            before = link;
            length++;
        }
    } while (turn == CHAIN_MORE);
    ck_assert_int_eq(turn, CHAIN_END);
    MUST(link_is_true(g, &before, target));
    MUST(!chains_changed(r));
    return length;
}

/* Chains are as long as the shortest of the holders that there are, as many as were asked for. */
static void why_agrees(struct graph *g, const struct naive *n, obj_id target, uint32_t max, size_t units)
{
    struct reach *r = reach_new(g, target, max);
    uint32_t wanted = n->holders < max ? n->holders : max;

    walk(r, units);
    ck_assert_msg(reach_holders(r) == wanted, "%u holders, not %u", reach_holders(r), wanted);
    MUST(!reach_is_lost(r) && !reach_was_passed(r));
    for (int round = 0; round < 2; round++) /* reading them has changed nothing */
        for (uint32_t i = 0; i < wanted; i++) {
            uint32_t length = read_chain(g, r, i, target, units);

            ck_assert_msg(length == n->length[i], "chain %u of %u holders, not %u", i, length, n->length[i]);
        }
    reach_free(&r);
}

static struct retained retained_by(struct reach *r, size_t units)
{
    struct retained found = {0};

    walk(r, units);
    while (retained_step(r, units, &found) == 0)
        ;
    return found;
}

static void retained_agrees(struct graph *g, const struct naive *n, obj_id target, size_t units)
{
    struct reach *r = reach_new(g, target, 0);
    struct retained found = retained_by(r, units);

    MUST(found.is_exact);
    ck_assert_uint_eq(found.objects, n->objects);
    ck_assert_uint_eq(found.bytes, n->bytes);
    reach_free(&r);
}

START_TEST(a_walk_agrees_with_a_naive_search)
{
    for (int i = 0; i < 25; i++) {
        uint64_t seed = unit_seed(100 * _i + i);
        struct graph *g = graph_new(seed);

        for (int t = 0; t < 6; t++) {
            obj_id target = any(g);
            struct naive n;

            if (target == 0)
                continue;
            n = naive_search(g, target);
            why_agrees(g, &n, target, 1 + below(g, 5), 1 + below(g, 50));
            why_agrees(g, &n, target, 100, below(g, 2) == 0 ? 1 : 100000);
            retained_agrees(g, &n, target, 1 + below(g, 50));
        }
        graph_free(g);
    }
}
END_TEST

/* New objects that others hold are nothing to a walk: what it says is exact, and has not to be done again. */
START_TEST(what_is_made_meanwhile_is_passed_over)
{
    struct graph *g = graph_new(unit_seed(4)); /* it has some in pools with free cells */
    struct world *w = &g->w;
    obj_id top = rooted(w, "top"), kept = new_record(w), made[500];
    struct retained found;
    struct reach *r;
    uint32_t n = 0;

    put_link(w, top, "kept", kept);
    let_go(w, kept);
    r = reach_new(g, top, 0);
    while (reach_step(r, 1) == 0 && n < ARRAY_LEN(made)) {
        made[n] = new_record(w);
        put_link(w, made[n], "me", made[n]);
        OK(session_hold(w->sessions, 0, made[n++], &why));
    }
    found = retained_by(r, 1);
    MUST(n > 3 && found.is_exact && found.objects == 2 && !reach_was_passed(r));
    reach_free(&r);
    for (uint32_t i = 0; i < n; i++)
        let_go(w, made[i]);
    graph_free(g);
}
END_TEST

/* Nobody knows where it comes from, so it is taken for one from outside; and that is told. */
START_TEST(a_link_that_comes_within_what_is_kept_is_told)
{
    struct graph *g = graph_new(unit_seed(4));
    struct world *w = &g->w;
    obj_id top = rooted(w, "top"), kept = new_record(w);
    struct reach *r;
    struct retained found;

    put_link(w, top, "kept", kept);
    let_go(w, kept);
    r = reach_new(g, top, 0);
    MUST(reach_step(r, 1) == 0);
    put_link(w, top, "also", kept);
    found = retained_by(r, 1);
    MUST(!found.is_exact && found.objects == 1 && reach_was_passed(r));
    reach_free(&r);
    r = reach_new(g, top, 0);
    found = retained_by(r, 1);
    MUST(found.is_exact && found.objects == 2 && !reach_was_passed(r));
    reach_free(&r);
    graph_free(g);
}
END_TEST

/* Each object that links to the target is met once, in whatever steps. */
START_TEST(those_who_may_link_are_met)
{
    for (int i = 0; i < 20; i++) {
        struct graph *g = graph_new(unit_seed(100 * _i + i));
        obj_id target = any(g);
        size_t max = 1 + below(g, 200);
        uint32_t linking = 0, met = 0;

        for (uint32_t o = 0; target != 0 && o < g->count; o++)
            linking += lives(&g->w, g->object[o]) && links_to(g, g->object[o], target);
        for (slot_t slot = 0, before = 0; target != 0; before = slot) {
            obj_id id = heap_next_referrer(g->w.heap, &slot, target, max);

            if (id == 0 && slot == 0)
                break;
            MUST(slot > before && (id == 0 || (id & SLOT_MAX) == slot));
            met += id != 0 && links_to(g, id, target);
            MUST(id == 0 || lives(&g->w, id));
        }
        ck_assert_uint_eq(met, linking);
        graph_free(g);
    }
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_walk_agrees_with_a_naive_search, .rounds = 16),
        TEST(what_is_made_meanwhile_is_passed_over),
        TEST(a_link_that_comes_within_what_is_kept_is_told),
        TEST(those_who_may_link_are_met, .rounds = 8),
    };

    return unit_main(argc, argv, "reach", tests, ARRAY_LEN(tests));
}
