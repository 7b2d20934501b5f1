/*
 * scenario_trace.c - a recorded batch is replayed, in order and again and again: one of its batches is under way at a time.
 */
#include "client/load/scenario.h"
#include "client/load/trace.h"
#include <stdlib.h>

enum what { MAKE_KEEPER, REPLAY };

struct replay {
    struct trace *trace; /* the run's */
    uint64_t keeper;     /* 0: not made yet */
    bool under_way;
};

static void *begin(const struct scenario *s, const struct scenario_world *w)
{
    struct replay *r = calloc(1, sizeof *r);

    (void)s;
    if (r != NULL)
        r->trace = w->trace;
    return r;
}

static bool next(void *state, struct dice *d, struct ask *a)
{
    struct replay *r = state;

    (void)d;
    if (r->under_way)
        return false;
    if (r->keeper == 0) {
        ask_begin(a, ASK_CREATE, "POST", MAKE_KEEPER, "/v1/objects");
        text_add_string(&a->body, "{\"class\":\"Keeper\",\"fields\":{}}");
        return r->under_way = true;
    }
    ask_begin(a, ASK_BATCH, "POST", REPLAY, "/v1/batch");
    return r->under_way = trace_next(r->trace, r->keeper, &a->body);
}

static void answered(void *state, const struct ask *a, int status, const char *body)
{
    struct replay *r = state;

    r->under_way = false;
    if (a->what == REPLAY)
        trace_take(r->trace, body);
    else if (scenario_done(status))
        r->keeper = scenario_id(body);
}

static bool tidy(void *state, struct ask *a)
{
    struct replay *r = state;
    char *path = trace_next_name(r->trace);

    if (path == NULL)
        return false;
    ask_begin(a, ASK_DROP, "DELETE", 0, "%s", path);
    free(path);
    return true;
}

const struct scenario scenario_trace = {
    .name = "trace",
    .says = "what stands in the file of --trace, replayed again and again",
    .leaks = "as it does",
    .begin = begin,
    .end = free,
    .next = next,
    .answered = answered,
    .tidy = tidy,
};
