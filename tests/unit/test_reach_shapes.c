/* test_reach_shapes.c - walks over shapes that are hard on those who recurse, keep stacks, or look at links one by one. */
#include "heap/heap_impl.h"
#include "tests/unit/reach_world.h"

#define UNITS 500

static size_t peak_bytes(const struct world *w, size_t before)
{
    return w->mem->peak_bytes - before;
}

/* What a walk may take: its table, three sets, and itself. */
static size_t walk_bytes_max(const struct world *w)
{
    return ((size_t)w->heap->pools.pool_end << POOL_SHIFT) * 35 / 8 + (64u << 10);
}

struct answer {
    uint32_t chains, first_length;
    struct chain_link last; /* of the first chain */
    struct retained retained;
};

static void read_chains(struct reach *r, struct answer *a)
{
    a->chains = reach_holders(r);
    for (uint32_t i = 0; i < a->chains; i++) {
        struct chain_link link = {0};
        struct chain c;
        enum chain_turn turn = CHAIN_MORE;
        uint32_t length = 0;

        for (chain_begin(r, i, &c); turn == CHAIN_MORE;) {
            size_t units = UNITS;

            while ((turn = chain_step(&c, &units, &link)) == CHAIN_LINK)
                length++;
        }
        MUST(turn == CHAIN_END);
        if (i > 0)
            continue;
        a->first_length = length;
        a->last = link;
    }
}

/* Both questions, with no more memory than they may take. */
static struct answer ask_all(struct world *w, obj_id target, uint32_t paths)
{
    static const struct reach_outside nobody;
    struct answer a = {0};
    size_t before = w->mem->used_bytes;

    w->mem->peak_bytes = before;
    for (int what = 0; what < 2; what++) {
        struct reach *r;

        OK(reach_begin(w->heap, &nobody, target, what == 0 ? paths : 0, &r, &why));
        while (reach_step(r, UNITS) == 0)
            ;
        if (what == 0)
            read_chains(r, &a);
        while (what == 1 && retained_step(r, UNITS, &a.retained) == 0)
            ;
        reach_free(&r);
    }
    MUST(w->mem->used_bytes == before && peak_bytes(w, before) <= walk_bytes_max(w));
    MUST(a.retained.is_exact);
    return a;
}

static void asks_for(struct world *w, obj_id target, uint32_t length, uint64_t objects)
{
    struct answer a = ask_all(w, target, 1);

    ck_assert_uint_eq(a.chains, 1);
    ck_assert_uint_eq(a.first_length, length);
    ck_assert_uint_eq(a.retained.objects, objects);
}

START_TEST(a_chain_of_a_million)
{
    struct world w = gc_world_new();
    uint32_t n = scaled(1000000, 100000);
    obj_id *node = malloc(n * sizeof *node);

    for (uint32_t i = 0; i < n; i++) {
        node[i] = new_record_of(&w, "Node");
        if (i > 0)
            put_link(&w, node[i - 1], "next", node[i]);
    }
    root(&w, "first", node[0]);
    for (uint32_t i = 0; i < n; i++)
        let_go(&w, node[i]);
    asks_for(&w, node[n - 1], n, 1);
    asks_for(&w, node[n / 2], n / 2 + 1, n - n / 2);
    asks_for(&w, node[0], 1, n);
    put_link(&w, node[n - 1], "next", node[0]); /* a ring */
    asks_for(&w, node[n - 1], n, 1);
    asks_for(&w, node[0], 1, n);
    free(node);
    unroot(&w, "first");
    (void)collect(&w, 2);
    gc_world_free(&w);
}
END_TEST

/* One links to all, and all to one more: which is held by as many as there are, and kept by the first alone. */
START_TEST(a_star_of_a_million)
{
    struct world w = gc_world_new();
    uint32_t n = scaled(1000000, 100000);
    obj_id hub = new_list(&w), leaf = new_record_of(&w, "Leaf"), last = 0;
    struct answer a;

    root(&w, "hub", hub);
    for (uint32_t i = 0; i < n; i++) {
        struct field f = field("to", value_link(leaf));

        last = new_record_with(&w, "Ray", &f, 1);
        push(&w, hub, value_link(last));
        let_go(&w, last);
    }
    let_go(&w, hub);
    let_go(&w, leaf);
    asks_for(&w, last, 2, 1);
    asks_for(&w, hub, 1, n + 2);
    a = ask_all(&w, last, 1);
    ck_assert_uint_eq(a.last.part.index, n - 1);
    a = ask_all(&w, leaf, 1000);
    ck_assert_uint_eq(a.chains, 1000);
    ck_assert_uint_eq(a.first_length, 3);
    ck_assert_uint_eq(a.retained.objects, 1);
    unroot(&w, "hub");
    gc_world_free(&w);
}
END_TEST

/* Two sides, each rung links both ways: to every node there are ways over the other side, and none is kept by one alone. */
START_TEST(a_long_ladder)
{
    struct world w = gc_world_new();
    uint32_t n = scaled(200000, 20000);
    obj_id above[2] = {0}, first = 0, node[2], end[2] = {0};

    for (uint32_t i = 0; i < n; i++) {
        for (int side = 0; side < 2; side++)
            node[side] = new_record_of(&w, "Rung");
        for (int side = 0; side < 2; side++) {
            put_link(&w, node[side], "across", node[!side]);
            if (i > 0)
                put_link(&w, above[side], "down", node[side]);
        }
        for (int side = 0; i > 0 && side < 2; side++)
            let_go(&w, above[side]);
        first = i == 0 ? node[0] : first;
        memcpy(above, node, sizeof above);
        memcpy(end, node, sizeof end);
    }
    root(&w, "first", first);
    let_go(&w, end[0]);
    let_go(&w, end[1]);
    asks_for(&w, first, 1, 2 * (uint64_t)n);
    asks_for(&w, end[0], n, 1);
    asks_for(&w, end[1], n + 1, 1);
    unroot(&w, "first");
    (void)collect(&w, 2);
    gc_world_free(&w);
}
END_TEST

START_TEST(everybody_links_to_everybody)
{
    enum { N = 250 };
    struct world w = gc_world_new();
    obj_id node[N];
    char name[16];
    struct answer a;

    for (int i = 0; i < N; i++)
        node[i] = new_record_of(&w, "Node");
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            name_field(name, (uint32_t)j);
            put_link(&w, node[i], name, node[j]);
        }
    root(&w, "first", node[0]);
    for (int i = 0; i < N; i++)
        let_go(&w, node[i]);
    asks_for(&w, node[0], 1, N);
    asks_for(&w, node[N - 1], 2, 1);
    a = ask_all(&w, node[N - 1], 1000);
    ck_assert_uint_eq(a.chains, N - 1);
    unroot(&w, "first");
    (void)collect(&w, 2);
    gc_world_free(&w);
}
END_TEST

/* A cycle with two ways in, within another with two ways in, and so on: no order of nodes has all links lead forward. */
START_TEST(cycles_with_two_ways_in)
{
    struct world w = gc_world_new();
    uint32_t n = scaled(100000, 10000);
    obj_id before = rooted(&w, "root"), top = before, left = 0, right = 0;

    for (uint32_t i = 0; i < n; i++) {
        left = new_record_of(&w, "Left");
        right = new_record_of(&w, "Right");
        put_link(&w, before, "l", left);
        put_link(&w, before, "r", right);
        put_link(&w, left, "o", right);
        put_link(&w, right, "o", left);
        put_link(&w, right, "up", top);
        let_go(&w, left);
        let_go(&w, right);
        before = i % 2 == 0 ? left : right;
    }
    asks_for(&w, top, 1, 2 * (uint64_t)n + 1);
    asks_for(&w, left, n + 1, 1);
    asks_for(&w, right, n + 1, 1);
    unroot(&w, "root");
    (void)collect(&w, 2);
    gc_world_free(&w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_chain_of_a_million), TEST(a_star_of_a_million),     TEST(a_long_ladder),
        TEST(everybody_links_to_everybody), TEST(cycles_with_two_ways_in),
    };

    return unit_main(argc, argv, "reach shapes", tests, ARRAY_LEN(tests));
}
