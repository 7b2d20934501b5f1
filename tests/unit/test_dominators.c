/*
 * test_dominators.c - the dominator tree, against its definition: take a node away, and see who is reached no more.
 *
 * And shapes that somebody would choose who wants it to take long: what each took is counted in CPU time, and compared with
 * the same shape of half the size, on a scale on which twice as much per node would show and a busy machine does not.
 */
#include "heap/graph/dominators.h"
#include "tests/unit/unit.h"
#include <pthread.h>
#include <time.h>

struct edge {
    uint32_t from, to;
};

/* A graph that is being made: edges in any order, then rows. */
struct net {
    struct mem mem;
    uint32_t node_count, edge_count, edges_max;
    struct edge *edges;
    uint32_t *first, *to;
    uint64_t *bytes;
    struct dominators_graph g;
    struct dominators *d;
};

static void net_init(struct net *n, uint32_t node_count, uint32_t edges_max)
{
    *n = (struct net){.node_count = node_count, .edges_max = edges_max};
    mem_init(&n->mem, 0);
    n->edges = malloc(((size_t)edges_max + 1) * sizeof *n->edges);
    n->first = calloc((size_t)node_count + 2, sizeof *n->first);
    n->to = malloc(((size_t)edges_max + 1) * sizeof *n->to);
    n->bytes = malloc(node_count * sizeof *n->bytes);
    ck_assert(n->edges != NULL && n->first != NULL && n->to != NULL && n->bytes != NULL);
    for (uint32_t i = 0; i < node_count; i++)
        n->bytes[i] = i == 0 ? 0 : 16 + i % 7;
}

static void net_fini(struct net *n)
{
    dominators_destroy(&n->d);
    free(n->edges);
    free(n->first);
    free(n->to);
    free(n->bytes);
    mem_fini(&n->mem);
}

static void net_link(struct net *n, uint32_t from, uint32_t to)
{
    MUST(n->edge_count < n->edges_max && from < n->node_count && to < n->node_count);
    n->edges[n->edge_count++] = (struct edge){from, to};
}

/* Into rows; the edges of a node stay in the order in which they were made. */
static void net_close(struct net *n)
{
    for (uint32_t i = 0; i < n->edge_count; i++)
        n->first[n->edges[i].from + 2]++;
    for (uint32_t i = 0; i < n->node_count; i++)
        n->first[i + 2] += n->first[i + 1];
    for (uint32_t i = 0; i < n->edge_count; i++)
        n->to[n->first[n->edges[i].from + 1]++] = n->edges[i].to;
    n->g = (struct dominators_graph){
        .node_count = n->node_count, .object_count = n->node_count - 1, .edge_count = n->edge_count, .first_edge = n->first,
        .edge_to = n->to, .bytes = n->bytes};
}

static void net_create(struct net *n)
{
    net_close(n);
    ck_assert_int_eq(dominators_create(&n->mem, &n->g, &n->d, NULL), ERR_OK);
}

static void net_solve(struct net *n)
{
    net_create(n);
    ck_assert(dominators_run(n->d));
    ck_assert_uint_eq(n->mem.used_bytes, dominators_bytes(&n->g));
    dominators_settle(n->d);
    ck_assert_uint_eq(n->mem.used_bytes, dominators_settled_bytes(&n->g));
}

/* ---- what any dominator tree must be, without knowing the right one ---- */

struct sums {
    uint64_t bytes, objects;
};

static void check_children(const struct net *n, const bool *seen, uint32_t node, struct sums *sums)
{
    const struct dominators *d = n->d;
    uint32_t count;
    const uint32_t *child = dominators_children(d, node, &count);

    for (uint32_t i = 0; i < count; i++) {
        MUST(!seen[child[i]] && dominators_parent(d, child[i]) == node);
        sums->bytes += dominators_retained_bytes(d, child[i]);
        sums->objects += dominators_retained_objects(d, child[i]);
        if (i == 0)
            continue;
        uint64_t before = dominators_retained_bytes(d, child[i - 1]), bytes = dominators_retained_bytes(d, child[i]);

        MUST(before > bytes || (before == bytes && child[i - 1] < child[i]));
    }
}

/* Each node of the tree is in it once, after its parent; sums are those of the children and itself; nothing is lost. */
static void check_tree(const struct net *n)
{
    const struct dominators *d = n->d;
    uint32_t reached = dominators_reached(d), unreached = 0, count;
    const uint32_t *order = dominators_order(d);
    bool *seen = calloc(n->node_count, sizeof *seen);
    uint64_t all = 0;

    MUST(seen != NULL && order[0] == 0 && dominators_parent(d, 0) == DOMINATORS_NONE);
    for (uint32_t i = 0; i < reached; i++) {
        struct sums sums = {n->bytes[order[i]], order[i] > 0};

        MUST(!seen[order[i]] && (i == 0 || seen[dominators_parent(d, order[i])]));
        seen[order[i]] = true;
        check_children(n, seen, order[i], &sums);
        MUST(dominators_retained_bytes(d, order[i]) == sums.bytes);
        MUST(dominators_retained_objects(d, order[i]) == sums.objects);
    }
    for (uint32_t i = 0; i < n->node_count; i++) {
        all += n->bytes[i];
        if (seen[i])
            continue;
        unreached++;
        MUST(dominators_children(d, i, &count) == order && count == 0);
        MUST(dominators_parent(d, i) == DOMINATORS_NONE);
        MUST(dominators_retained_bytes(d, i) == n->bytes[i] && dominators_retained_objects(d, i) == 1);
    }
    MUST(unreached == n->node_count - reached && dominators_unreached_objects(d) == unreached);
    MUST(dominators_retained_bytes(d, 0) + dominators_unreached_bytes(d) == all);
    free(seen);
}

/* ---- the definition ---- */

/* Who is reached from the root without going through `without`. */
static void naive_reach(const struct net *n, uint32_t without, bool *reached)
{
    uint32_t *todo = malloc(n->node_count * sizeof *todo), count = 0;

    MUST(todo != NULL);
    memset(reached, 0, n->node_count * sizeof *reached);
    if (without != 0) {
        reached[0] = true;
        todo[count++] = 0;
    }
    while (count > 0) {
        uint32_t at = todo[--count];

        for (uint32_t i = n->first[at]; i < n->first[at + 1]; i++) {
            if (reached[n->to[i]] || n->to[i] == without)
                continue;
            reached[n->to[i]] = true;
            todo[count++] = n->to[i];
        }
    }
    free(todo);
}

/* a dominates b, and of what b retains all goes with a: so for each pair, and the immediate one is the last. */
static void check_against_the_definition(const struct net *n)
{
    bool *all = malloc(n->node_count), *left = malloc(n->node_count);

    MUST(all != NULL && left != NULL);
    naive_reach(n, DOMINATORS_NONE, all);
    for (uint32_t a = 0; a < n->node_count; a++) {
        uint64_t bytes = 0;
        uint32_t objects = 0;

        if (!all[a])
            continue;
        naive_reach(n, a, left);
        for (uint32_t b = 0; b < n->node_count; b++) {
            bool dominated = all[b] && !left[b];
            uint32_t up = b;

            while (up != DOMINATORS_NONE && up != a)
                up = dominators_parent(n->d, up);
            MUST((up == a) == dominated);
            bytes += dominated ? n->bytes[b] : 0;
            objects += dominated && b > 0;
        }
        MUST(dominators_retained_bytes(n->d, a) == bytes && dominators_retained_objects(n->d, a) == objects);
    }
    free(all);
    free(left);
}

/* Thin ones have parts that are not reached, dense ones are flat; some have most links between neighbours, which makes them
 * deep, and some a root that leads to one node only. */
static void random_net(struct net *n, uint64_t *seed)
{
    uint32_t nodes = 1 + unit_rand_below(seed, 60), edges = unit_rand_below(seed, nodes * 4 + 1), shape = unit_rand_below(seed, 4);

    net_init(n, nodes, edges + 1);
    if (shape == 0 && nodes > 1)
        net_link(n, 0, 1 + unit_rand_below(seed, nodes - 1));
    for (uint32_t i = 0; i < edges; i++) {
        uint32_t from = unit_rand_below(seed, nodes), step = unit_rand_below(seed, 4);

        if (shape == 0 && from == 0)
            continue;
        net_link(n, from, shape < 2 ? unit_rand_below(seed, nodes) : (from + nodes + step - 1) % nodes);
    }
}

START_TEST(small_random_graphs_are_as_the_definition_says)
{
    uint64_t seed = unit_seed(_i);

    for (int i = 0; i < 1000; i++) {
        struct net n;

        random_net(&n, &seed);
        net_solve(&n);
        check_tree(&n);
        check_against_the_definition(&n);
        net_fini(&n);
    }
}
END_TEST

/* The figure of Lengauer and Tarjan's paper: R A B C D E F G H I J K L, and its tree. */
START_TEST(the_example_of_the_paper_has_the_tree_of_the_paper)
{
    static const char *const links[] = {"RABC", "AD", "BADE", "CFG", "DL", "EH", "FI", "GIJ", "HEK", "IK", "JI", "KIR", "LH"};
    static const char nodes[] = "RABCDEFGHIJKL", parents[] = "-RRRRRCCRRGRD";
    struct net n;

    net_init(&n, 13, 32);
    for (size_t i = 0; i < ARRAY_LEN(links); i++)
        for (const char *to = links[i] + 1; *to != '\0'; to++)
            net_link(&n, (uint32_t)(strchr(nodes, links[i][0]) - nodes), (uint32_t)(strchr(nodes, *to) - nodes));
    net_solve(&n);
    for (uint32_t i = 1; i < 13; i++)
        ck_assert_int_eq(nodes[dominators_parent(n.d, i)], parents[i]);
    check_tree(&n);
    net_fini(&n);
}
END_TEST

/* ---- large and hostile shapes; `size` nodes or a few more ---- */

static void chain(struct net *n, uint32_t size)
{
    net_init(n, size, size);
    for (uint32_t i = 1; i < size; i++)
        net_link(n, i - 1, i);
}

static void ring_both_ways(struct net *n, uint32_t size)
{
    net_init(n, size, 2 * size);
    for (uint32_t i = 1; i < size; i++) {
        net_link(n, i - 1, i);
        net_link(n, i, i - 1);
    }
}

static void star(struct net *n, uint32_t size)
{
    net_init(n, size, size);
    for (uint32_t i = 1; i < size; i++)
        net_link(n, 0, i);
}

/* Two rails and rungs both ways: nobody dominates but the root. */
static void ladder(struct net *n, uint32_t size)
{
    net_init(n, size | 1, 3 * size);
    net_link(n, 0, 1);
    net_link(n, 0, 2);
    for (uint32_t i = 1; i + 3 < size; i += 2) {
        net_link(n, i, i + 2);
        net_link(n, i + 1, i + 3);
        net_link(n, i, i + 3);
        net_link(n, i + 1, i + 2);
    }
}

/* A chain whose every node leads back to every one before, and to the root: each path is climbed again and again. */
static void back_links(struct net *n, uint32_t size)
{
    uint64_t seed = 7;

    net_init(n, size, 5 * size);
    for (uint32_t i = 1; i < size; i++) {
        net_link(n, i - 1, i);
        for (int k = 0; k < 3; k++)
            net_link(n, i, unit_rand_below(&seed, i));
    }
}

/* Irreducible: pairs that lead to each other, and a path enters each pair at both ends. */
static void irreducible(struct net *n, uint32_t size)
{
    net_init(n, size | 1, 3 * size);
    for (uint32_t i = 1; i + 1 < size; i += 2) {
        net_link(n, (i - 1) / 2, i);
        net_link(n, (i - 1) / 2, i + 1);
        net_link(n, i, i + 1);
        net_link(n, i + 1, i);
    }
}

/* A list whose end leads to as many items, which the root has too: the walk that makes plain Semi-NCA quadratic. */
static void long_way_up(struct net *n, uint32_t size)
{
    uint32_t half = size / 2;

    net_init(n, size, 2 * size);
    for (uint32_t i = 1; i < half; i++)
        net_link(n, i - 1, i);
    for (uint32_t i = half; i < size; i++) {
        net_link(n, half - 1, i);
        net_link(n, 0, i);
    }
}

/* The same from the middle: items lead back into the list, and semidominators lie everywhere on it. */
static void long_ways_up(struct net *n, uint32_t size)
{
    uint32_t half = size / 2;
    uint64_t seed = 11;

    net_init(n, size, 3 * size);
    for (uint32_t i = 1; i < half; i++)
        net_link(n, i - 1, i);
    for (uint32_t i = half; i < size; i++) {
        net_link(n, half - 1, i);
        net_link(n, unit_rand_below(&seed, half - 1), i);
        net_link(n, i, unit_rand_below(&seed, half));
    }
}

/* All to all, of as many links as `size`. */
static void complete(struct net *n, uint32_t size)
{
    uint32_t side = 2;

    while ((side + 1) * (side + 1) <= size)
        side++;
    net_init(n, side, side * side);
    for (uint32_t i = 0; i < side; i++)
        for (uint32_t k = 0; k < side; k++)
            net_link(n, i, k);
}

static void bipartite(struct net *n, uint32_t size)
{
    uint32_t side = 1;

    while ((side + 1) * (side + 1) <= size)
        side++;
    net_init(n, 2 * side + 1, 3 * side * side);
    net_link(n, 0, 1);
    for (uint32_t i = 1; i <= side; i++)
        for (uint32_t k = side + 1; k <= 2 * side; k++) {
            net_link(n, i, k);
            net_link(n, k, i);
        }
}

static void unreached_rings(struct net *n, uint32_t size)
{
    net_init(n, size, size);
    for (uint32_t i = 1; i + 1 < size; i += 2) {
        net_link(n, i, i + 1);
        net_link(n, i + 1, i);
    }
}

static const struct shape {
    const char *name;
    void (*make)(struct net *n, uint32_t size);
} shapes[] = {
    {"chain", chain}, {"ring both ways", ring_both_ways}, {"star", star}, {"ladder", ladder}, {"back links", back_links},
    {"irreducible", irreducible}, {"a long way up", long_way_up}, {"long ways up", long_ways_up}, {"complete", complete},
    {"bipartite", bipartite}, {"unreached rings", unreached_rings},
};

static double cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Nanoseconds of CPU time a node or link: the least of three. */
static double cost_of(const struct shape *shape, uint32_t size)
{
    double least = 0;

    for (int i = 0; i < 3; i++) {
        struct net n;
        double began, took;

        shape->make(&n, size);
        net_create(&n);
        began = cpu_ns();
        ck_assert(dominators_run(n.d));
        took = (cpu_ns() - began) / (n.node_count + n.edge_count);
        least = i == 0 || took < least ? took : least;
        dominators_settle(n.d);
        if (i == 0)
            check_tree(&n);
        net_fini(&n);
    }
    return least;
}

/* 2^18 nodes instead of 2^13: what took the square would take 32 times as long a node; caches alone make some shapes take
 * four times as long. */
START_TEST(no_shape_takes_more_than_its_size)
{
    const struct shape *shape = &shapes[_i];
    double small = cost_of(shape, 1u << 13), large = cost_of(shape, 1u << 18);

    if (getenv("CK_VERBOSITY") != NULL)
        printf("%-16s %5.1f ns a node and link, %5.1f with 2^13\n", shape->name, large, small);
    ck_assert_msg(large < 12 * small, "%s: %.1f ns, %.1f when small", shape->name, large, small);
}
END_TEST

START_TEST(a_million_deep_and_a_million_wide)
{
    struct net deep, wide;

    chain(&deep, 1000000);
    net_solve(&deep);
    check_tree(&deep);
    for (uint32_t i = 1; i < 1000000; i++)
        MUST(dominators_parent(deep.d, i) == i - 1);
    net_fini(&deep);
    star(&wide, 1000000);
    net_solve(&wide);
    check_tree(&wide);
    net_fini(&wide);
}
END_TEST

START_TEST(small_hostile_shapes_are_as_the_definition_says)
{
    for (uint32_t size = 4; size < 40; size++) {
        struct net n;

        shapes[_i].make(&n, size);
        net_solve(&n);
        check_tree(&n);
        check_against_the_definition(&n);
        net_fini(&n);
    }
}
END_TEST

/* ---- what it costs, and when it is not wanted any more ---- */

START_TEST(without_memory_nothing_begins)
{
    struct net n;
    struct why why = {0};
    struct dominators *d = NULL;
    uint64_t requests;

    ladder(&n, 101);
    net_create(&n);
    requests = n.mem.request_count;
    dominators_destroy(&n.d);
    for (uint64_t nth = 1; nth <= requests; nth++) {
        n.mem.fail_at = n.mem.request_count + nth;
        ck_assert_int_eq(dominators_create(&n.mem, &n.g, &d, &why), ERR_NOMEM);
        ck_assert(d == NULL && n.mem.used_bytes == 0 && why.err == ERR_NOMEM);
    }
    n.mem.fail_at = 0;
    ck_assert_int_eq(dominators_create(&n.mem, &n.g, &n.d, NULL), ERR_OK);
    n.mem.fail_at = n.mem.request_count + 1;
    ck_assert(dominators_run(n.d)); /* asks for nothing */
    ck_assert_uint_eq(n.mem.request_count + 1, n.mem.fail_at);
    net_fini(&n);
}
END_TEST

START_TEST(a_graph_of_the_root_alone_is_a_tree)
{
    struct net n;

    net_init(&n, 1, 1);
    net_link(&n, 0, 0);
    net_solve(&n);
    check_tree(&n);
    ck_assert_uint_eq(dominators_reached(n.d), 1);
    net_fini(&n);
}
END_TEST

/* What is by itself larger than 4 GiB, and sums of it. */
START_TEST(bytes_are_counted_in_64_bits)
{
    struct net n;

    net_init(&n, 4, 4);
    for (uint32_t i = 1; i < 4; i++)
        n.bytes[i] = UINT64_C(1) << (58 + i);
    net_link(&n, 0, 1);
    net_link(&n, 1, 2);
    net_link(&n, 1, 3);
    net_link(&n, 3, 0);
    net_solve(&n);
    check_tree(&n);
    ck_assert_uint_eq(dominators_retained_bytes(n.d, 1), UINT64_C(7) << 59);
    net_fini(&n);
}
END_TEST

START_TEST(what_is_cancelled_ends_early)
{
    struct net n;
    uint64_t done, all;

    chain(&n, 1u << 18);
    net_create(&n);
    dominators_cancel(n.d);
    ck_assert(!dominators_run(n.d));
    dominators_progress(n.d, &done, &all);
    ck_assert(done > 0 && done < all / 10);
    net_fini(&n);
}
END_TEST

static void *run_there(void *ctx)
{
    struct net *n = ctx;

    return dominators_run(n->d) ? n : NULL;
}

/* Wherever it is stopped, on another thread and while it is watched, nothing is left behind. */
START_TEST(it_is_watched_and_cancelled_from_another_thread)
{
    for (uint64_t stop_pct = 0; stop_pct <= 100; stop_pct += 10) {
        struct net n;
        pthread_t thread;
        void *finished;
        uint64_t done = 0, before = 0, all = 1;

        back_links(&n, 1u << 15);
        net_create(&n);
        ck_assert_int_eq(pthread_create(&thread, NULL, run_there, &n), 0);
        while (done * 100 < all * stop_pct && done < all * 9 / 10) {
            dominators_progress(n.d, &done, &all);
            MUST(done >= before && done <= all);
            before = done;
        }
        dominators_cancel(n.d);
        ck_assert_int_eq(pthread_join(thread, &finished), 0);
        if (finished != NULL) {
            dominators_settle(n.d);
            check_tree(&n);
        }
        net_fini(&n);
    }
}
END_TEST

/* Of what is reached, and no more than there is: a CHECK in it says so for every shape. */
START_TEST(progress_ends_at_the_whole)
{
    struct net n;
    uint64_t done, all;

    shapes[_i].make(&n, 1u << 15);
    net_create(&n);
    dominators_progress(n.d, &done, &all);
    ck_assert(done == 0 && all > n.node_count);
    ck_assert(dominators_run(n.d));
    dominators_progress(n.d, &done, &all);
    ck_assert_uint_eq(done, all);
    net_fini(&n);
}
END_TEST

START_TEST(it_runs_once)
{
    struct net n;

    ladder(&n, 11);
    net_solve(&n);
    (void)dominators_run(n.d);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(small_random_graphs_are_as_the_definition_says, .rounds = 8),
        TEST(the_example_of_the_paper_has_the_tree_of_the_paper),
        TEST(no_shape_takes_more_than_its_size, .rounds = ARRAY_LEN(shapes)),
        TEST(a_million_deep_and_a_million_wide),
        TEST(small_hostile_shapes_are_as_the_definition_says, .rounds = ARRAY_LEN(shapes)),
        TEST(without_memory_nothing_begins),
        TEST(a_graph_of_the_root_alone_is_a_tree),
        TEST(bytes_are_counted_in_64_bits),
        TEST(what_is_cancelled_ends_early),
        TEST(it_is_watched_and_cancelled_from_another_thread),
        TEST(progress_ends_at_the_whole, .rounds = ARRAY_LEN(shapes)),
        TEST(it_runs_once, .aborts = true),
    };
    return unit_main(argc, argv, "dominators", tests, ARRAY_LEN(tests));
}
