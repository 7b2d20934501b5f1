/*
 * scenario_graph.c - a large graph is built, batch by batch, every part of it linked to the whole; then it is dropped at once,
 * and as it is one large cycle, only the collector can find it.
 */
#include "client/load/scenario.h"
#include <stdlib.h>

#define NODES_A_BATCH 50
#define BATCHES_MIN   8    /* or half a second's worth of requests */
#define BATCHES_MAX   1000

enum what { MAKE_WHOLE, ADD, LET_GO };

struct graph {
    uint64_t whole;             /* 0: there is none */
    bool beginning;             /* it is being made */
    uint64_t added, under_way, enough; /* batches */
};

static void *begin(const struct scenario *s, const struct scenario_world *w)
{
    struct graph *g = calloc(1, sizeof *g);
    double enough = w->rate / 2;

    (void)s;
    if (g != NULL)
        g->enough = enough < BATCHES_MIN ? BATCHES_MIN : enough > BATCHES_MAX ? BATCHES_MAX : (uint64_t)enough;
    return g;
}

static void add(struct graph *g, struct dice *d, struct ask *a)
{
    unsigned long long whole = g->whole;

    ask_begin(a, ASK_BATCH, "POST", ADD, "/v1/batch?reply=summary");
    for (unsigned i = 0; i < NODES_A_BATCH; i++) {
        text_printf(&a->body, "[\"new\",\"Node\",{\"number\":%u,\"whole\":{\"$ref\":%llu}", i, whole);
        if (i > 0)
            text_printf(&a->body, ",\"next\":{\"$ref\":\"@%u\"},\"also\":{\"$ref\":\"@%u\"}", i - 1, (unsigned)dice_below(d, i));
        text_add_string(&a->body, "}]\n");
    }
    text_printf(&a->body, "[\"set\",%llu,\"part%llu\",{\"$ref\":\"@%u\"}]\n", whole, (unsigned long long)g->added, NODES_A_BATCH - 1);
    g->added++;
    g->under_way++;
}

static bool next(void *state, struct dice *d, struct ask *a)
{
    struct graph *g = state;

    if (g->whole == 0) {
        if (g->beginning)
            return false;
        ask_begin(a, ASK_CREATE, "POST", MAKE_WHOLE, "/v1/objects");
        text_add_string(&a->body, "{\"class\":\"Graph\",\"fields\":{}}");
        return g->beginning = true;
    }
    if (g->added < g->enough) {
        add(g, d, a);
        return true;
    }
    if (g->under_way > 0)
        return false; /* they link to it yet */
    ask_begin(a, ASK_DROP, "DELETE", LET_GO, "/v1/objects/%llu", (unsigned long long)g->whole);
    g->whole = 0;
    return true;
}

static void answered(void *state, const struct ask *a, int status, const char *body)
{
    struct graph *g = state;

    if (a->what == ADD) {
        g->under_way--;
    } else if (a->what == MAKE_WHOLE) {
        g->beginning = false;
        g->added = 0;
        g->whole = scenario_done(status) ? scenario_id(body) : 0;
    }
}

const struct scenario scenario_big_graph_drop = {
    .name = "big-graph-drop",
    .says = "a graph of 25 objects for each request a second is built, and dropped as a whole",
    .leaks = "no",
    .begin = begin,
    .end = free,
    .next = next,
    .answered = answered,
};
