/*
 * scenario_cycles.c - rings that nobody holds: counting never frees them, so all of it is for the collector to find.
 */
#include "client/load/scenario.h"
#include <stdlib.h>

#define RING_MIN 2
#define RING_MAX 8

struct cycles {
    uint64_t made;
};

static void *begin(const struct scenario *s, const struct scenario_world *w)
{
    (void)s;
    (void)w;
    return calloc(1, sizeof(struct cycles));
}

/* A batch holds what it makes until it ends. */
static bool next(void *state, struct dice *d, struct ask *a)
{
    struct cycles *c = state;
    uint64_t n = RING_MIN + dice_below(d, RING_MAX - RING_MIN + 1);

    ask_begin(a, ASK_BATCH, "POST", 0, "/v1/batch?reply=summary");
    for (uint64_t i = 0; i < n; i++)
        text_printf(&a->body, "[\"new\",\"Node\",{\"number\":%llu}]\n", (unsigned long long)c->made++);
    for (uint64_t i = 0; i < n; i++)
        text_printf(&a->body, "[\"set\",\"@%llu\",\"next\",{\"$ref\":\"@%llu\"}]\n", (unsigned long long)i,
                    (unsigned long long)((i + 1) % n));
    return true;
}

static void answered(void *state, const struct ask *a, int status, const char *body)
{
    (void)state;
    (void)a;
    (void)status;
    (void)body;
}

const struct scenario scenario_cycle_churn = {
    .name = "cycle-churn",
    .says = "rings of objects are made and let go: work for the collector",
    .leaks = "no",
    .begin = begin,
    .end = free,
    .next = next,
    .answered = answered,
};
