/*
 * dominators_probe.c - how long the dominator tree of a large graph takes, and the same graph as a file for others.
 *
 *   dominators_probe NODES LINKS [FILE]     one line of JSON; FILE: the graph as a .heapsnapshot
 *
 * Each node leads to four others, so that all are reached; the other links lead to where what is made together lies, some
 * 256 nodes, and one in eight of them anywhere. `retained_sum` is what all nodes retain added up: whoever gets another sum
 * has found another tree.
 */
#include "heap/base/check.h"
#include "heap/graph/dominators.h"
#include "noise.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHILDREN 4u /* of each node, in the tree that all are in */
#define NEAR     256u
#define ROUNDS   3

struct probe {
    struct mem mem;
    struct dominators_graph g;
    uint32_t *first, *to;
    uint64_t *bytes;
    uint64_t state;
};

static uint32_t below(struct probe *p, uint32_t n)
{
    p->state = p->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((p->state >> 33) % n);
}

/* Anywhere, or near; never the root. */
static uint32_t any_node(struct probe *p, uint32_t node, uint32_t nodes)
{
    uint32_t to = below(p, 8) == 0 ? below(p, nodes) : node / NEAR * NEAR + below(p, NEAR);

    return to == 0 || to >= nodes ? nodes - 1 : to;
}

static void build(struct probe *p, uint32_t nodes, uint32_t links)
{
    uint32_t at = 0, others = links - (nodes - 1);

    p->first = malloc((nodes + 1) * sizeof *p->first);
    p->to = malloc(links * sizeof *p->to);
    p->bytes = malloc(nodes * sizeof *p->bytes);
    CHECK(p->first != NULL && p->to != NULL && p->bytes != NULL);
    for (uint32_t i = 0; i < nodes; i++) {
        uint64_t until = (uint64_t)others * (i + 1) / nodes;

        p->first[i] = at;
        p->bytes[i] = i == 0 ? 0 : 16 + 8 * below(p, 16);
        for (uint64_t child = (uint64_t)i * CHILDREN + 1; child <= (uint64_t)(i + 1) * CHILDREN && child < nodes; child++)
            p->to[at++] = (uint32_t)child;
        for (uint64_t k = (uint64_t)others * i / nodes; k < until; k++)
            p->to[at++] = any_node(p, i, nodes);
    }
    p->first[nodes] = at;
    CHECK(at == links);
    p->g = (struct dominators_graph){nodes, nodes - 1, links, p->first, p->to, p->bytes};
}

static void write_snapshot(const struct probe *p, const char *path)
{
    const struct dominators_graph *g = &p->g;
    FILE *f = fopen(path, "w");

    CHECK(f != NULL);
    fprintf(f,
            "{\"snapshot\":{\"meta\":{\"node_fields\":[\"type\",\"name\",\"id\",\"self_size\",\"edge_count\"],\"node_types\":[[\"hidden\","
            "\"array\",\"string\",\"object\",\"code\",\"closure\",\"regexp\",\"number\",\"native\",\"synthetic\"],\"string\",\"number\","
            "\"number\",\"number\"],\"edge_fields\":[\"type\",\"name_or_index\",\"to_node\"],\"edge_types\":[[\"context\",\"element\","
            "\"property\",\"internal\",\"hidden\",\"shortcut\",\"weak\"],\"string_or_number\",\"node\"]},\"node_count\":%" PRIu32
            ",\"edge_count\":%" PRIu32 "},\n\"nodes\":[",
            g->node_count, p->first[g->node_count]);
    for (uint32_t i = 0; i < g->node_count; i++)
        fprintf(f, "%s%d,%d,%" PRIu64 ",%" PRIu64 ",%" PRIu32, i == 0 ? "" : "\n,", i == 0 ? 9 : 3, i > 0, 2 * (uint64_t)i + 1,
                p->bytes[i], p->first[i + 1] - p->first[i]);
    fprintf(f, "],\n\"edges\":[");
    for (uint32_t i = 0; i < g->node_count; i++)
        for (uint32_t k = p->first[i]; k < p->first[i + 1]; k++)
            fprintf(f, "%s1,%" PRIu32 ",%" PRIu64, k == 0 ? "" : "\n,", k - p->first[i], (uint64_t)p->to[k] * 5);
    fprintf(f, "],\n\"strings\":[\"\",\"Node\"]}\n");
    CHECK(fclose(f) == 0);
}

/* In the first round memory comes from the system. */
static void run(struct probe *p)
{
    uint32_t nodes = p->g.node_count, links = p->first[nodes];

    printf("{\"nodes\":%" PRIu32 ",\"links\":%" PRIu32 ",\"bytes_meanwhile\":%zu,\"bytes\":%zu,\"ms\":[", nodes, links,
           dominators_bytes(&p->g), dominators_settled_bytes(&p->g));
    for (int i = 0; i < ROUNDS; i++) {
        struct dominators *d;
        uint64_t began = thread_ns(), sum = 0;

        CHECK(dominators_create(&p->mem, &p->g, &d, NULL) == ERR_OK && dominators_run(d));
        printf("%s%.1f", i == 0 ? "" : ",", (double)(thread_ns() - began) / 1e6);
        for (uint32_t node = 0; node < nodes; node++)
            sum += dominators_retained_bytes(d, node);
        if (i == ROUNDS - 1)
            printf("],\"retained_sum\":%" PRIu64 "}\n", sum);
        dominators_destroy(&d);
    }
}

int main(int argc, char **argv)
{
    struct probe p = {.state = 4327};
    uint32_t nodes = argc > 2 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0, links = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0;

    if (nodes < NEAR || links < nodes)
        return 2;
    mem_settle();
    mem_init(&p.mem, 0);
    build(&p, nodes, links);
    if (argc > 3)
        write_snapshot(&p, argv[3]);
    run(&p);
    mem_fini(&p.mem);
    return 0;
}
