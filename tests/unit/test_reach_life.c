/* test_reach_life.c - walks over a heap that changes between any two of their steps: what they claim at their end is true then. */
#include "tests/unit/reach_world.h"

#define TRIES_MAX 8
#define CHAINS_MAX 4
#define LINKS_MAX (CHAINS_MAX * GRAPH_MAX)

struct life {
    struct graph *g;
    uint32_t calm; /* a change comes after one of so many steps */
    obj_id target;

    uint32_t links; /* read from the chains; text is copied, for the heap goes on living */
    struct chain_link link[LINKS_MAX];
    char name[LINKS_MAX][16];

    uint32_t chains, unreached, exact, inexact, broken, gave_up, died;
};

static bool step_life(struct life *l)
{
    if (below(l->g, l->calm) == 0)
        change(l->g);
    if (below(l->g, 40) == 0)
        (void)gc_step(l->g->w.gc, 20);
    if (below(l->g, 200) == 0)
        (void)gc_collect(l->g->w.gc, 2, GC_BY_REQUEST, false, &(uint64_t){0}, NULL);
    if (below(l->g, 200) == 0)
        world_tidy(&l->g->w);
    return lives(&l->g->w, l->target);
}

/* False: the target has died. */
static bool walk(struct life *l, struct reach *r)
{
    while (reach_step(r, 1 + below(l->g, 6)) == 0)
        if (!step_life(l))
            return false;
    return true;
}

/* ---- chains ---- */

static void keep_link(struct life *l, const struct chain_link *link)
{
    struct chain_link *mine = &l->link[l->links];

    MUST(l->links < LINKS_MAX);
    *mine = *link;
    if (link->part.name.data != NULL) {
        MUST(link->part.name.len < sizeof l->name[0]);
        memcpy(l->name[l->links], link->part.name.data, link->part.name.len);
        mine->part.name.data = l->name[l->links];
    }
    l->links++;
}

/* CHAIN_END, CHAIN_BROKEN, or CHAIN_MORE: the target has died. */
static enum chain_turn read_chain(struct life *l, struct reach *r, uint32_t i)
{
    struct chain_link link;
    struct chain c;
    enum chain_turn turn;
    size_t units = 1 + below(l->g, 6);

    chain_begin(r, i, &c);
    for (;;) {
        while ((turn = chain_step(&c, &units, &link)) == CHAIN_LINK)
            keep_link(l, &link);
        if (turn != CHAIN_MORE || !step_life(l))
            return turn;
        units = 1 + below(l->g, 6);
    }
}

static enum chain_turn read_chains(struct life *l, struct reach *r)
{
    enum chain_turn turn = CHAIN_END;

    l->links = 0;
    for (uint32_t i = 0; i < reach_holders(r) && turn == CHAIN_END; i++)
        turn = read_chain(l, r, i);
    return turn == CHAIN_END && chains_changed(r) ? CHAIN_BROKEN : turn;
}

/* All of them, as the heap is now. */
static void chains_are_true(const struct life *l)
{
    for (uint32_t i = 0; i < l->links; i++) {
        bool is_last = i + 1 == l->links || l->link[i + 1].by != REACHED_BY_OBJECT;

        MUST(lives(&l->g->w, is_last ? l->target : l->link[i + 1].id));
        MUST(link_is_true(l->g, &l->link[i], is_last ? l->target : l->link[i + 1].id));
    }
}

/* True: it has an answer, and that is right. */
static bool ask_why(struct life *l)
{
    struct reach *r = reach_new(l->g, l->target, 1 + below(l->g, CHAINS_MAX));
    enum chain_turn turn = CHAIN_MORE;
    bool lost = false;

    if (walk(l, r) && !(lost = reach_is_lost(r)))
        turn = read_chains(l, r);
    if (turn == CHAIN_END && reach_holders(r) > 0) {
        chains_are_true(l);
        l->chains++;
    } else if (turn == CHAIN_END) {
        ck_assert_msg(naive_search(l->g, l->target).holders == 0, "it is reached, and was not");
        l->unreached++;
    }
    l->broken += turn == CHAIN_BROKEN;
    reach_free(&r);
    return turn == CHAIN_END;
}

/* ---- retained ---- */

/* Nothing is counted that is kept otherwise, nor what has gone. */
static bool ask_retained(struct life *l)
{
    struct reach *r = reach_new(l->g, l->target, 0);
    struct retained found = {0};
    bool alive = walk(l, r);

    while (alive && retained_step(r, 1 + below(l->g, 6), &found) == 0)
        alive = step_life(l);
    if (alive && found.is_exact)
        ck_assert_uint_le(found.objects, naive_search(l->g, l->target).objects);
    l->exact += alive && found.is_exact;
    l->inexact += alive && !found.is_exact;
    reach_free(&r);
    return alive && found.is_exact;
}

static void live(struct life *l, uint64_t seed)
{
    bool (*claim)(struct life *) = seed % 3 == 0 ? ask_retained : ask_why;
    int tries = 0;

    l->g = graph_new(seed);
    l->calm = 1 + below(l->g, 30);
    for (int t = 0; t < 4; t++) {
        if ((l->target = any(l->g)) == 0)
            continue;
        while (tries++ < TRIES_MAX && lives(&l->g->w, l->target) && !claim(l))
            ;
        l->gave_up += tries > TRIES_MAX;
        l->died += !lives(&l->g->w, l->target);
    }
    graph_free(l->g);
}

START_TEST(what_is_claimed_is_true_however_the_heap_changes)
{
    struct life l = {0};

    for (int i = 0; i < 100; i++)
        live(&l, unit_seed(100 * _i + i));
    if (getenv("REACH_TELL") != NULL)
        printf("chains %u unreached %u exact %u inexact %u broken %u gave up %u died %u\n", l.chains, l.unreached, l.exact, l.inexact,
               l.broken, l.gave_up, l.died);
    MUST(unit_has_given_seed || (l.chains > 40 && l.unreached > 10 && l.exact > 10));
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(what_is_claimed_is_true_however_the_heap_changes, .rounds = 16),
    };

    return unit_main(argc, argv, "reach life", tests, ARRAY_LEN(tests));
}
