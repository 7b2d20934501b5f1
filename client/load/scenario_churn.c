/*
 * scenario_churn.c - requests that come, are worked on, and are done with: the oldest is dropped when there are enough.
 *
 * slow-leak is the same program with a bug: one in a hundred is forgotten instead, and stays held by the session.
 */
#include "client/load/ring.h"
#include "client/load/scenario.h"

#define LOOKS_ONE_IN   5   /* requests read or change one */
#define FORGETS_ONE_IN 100 /* that slow-leak should drop */
#define LOOK_AWAY      4   /* not at the oldest fourth, nor at so many as there are connections: on each one may be dropped meanwhile */

struct churn_kind {
    uint64_t forgets_one_in; /* 0: none */
};

struct churn {
    const struct churn_kind *kind;
    struct ring held;
    size_t full, making; /* how many are kept; creates under way */
    size_t clients;
    uint64_t made;
};

static const struct churn_kind tidy_kind = {0}, forgetful_kind = {.forgets_one_in = FORGETS_ONE_IN};

static void *begin(const struct scenario *s, const struct scenario_world *w)
{
    struct churn *c = calloc(1, sizeof *c);

    if (c == NULL)
        return NULL;
    c->kind = s->kind;
    c->full = scenario_working_set(w);
    c->clients = w->clients;
    if (ring_init(&c->held, c->full))
        return c;
    free(c);
    return NULL;
}

static void end(void *state)
{
    struct churn *c = state;

    ring_fini(&c->held);
    free(c);
}

static void create(struct churn *c, struct dice *d, struct ask *a)
{
    ask_begin(a, ASK_CREATE, "POST", 0, "/v1/objects");
    text_printf(&a->body,
                "{\"class\":\"Request\",\"fields\":{\"number\":%llu,\"path\":\"/items/%llu\",\"headers\":{\"accept\":\"*/*\",\"length\":%llu}}}",
                (unsigned long long)c->made++, (unsigned long long)dice_below(d, 1000), (unsigned long long)dice_below(d, 100000));
    c->making++;
}

/* The oldest that may be looked at. */
static size_t look_from(const struct churn *c)
{
    return c->held.count / LOOK_AWAY > c->clients ? c->held.count / LOOK_AWAY : c->clients;
}

static void look(const struct churn *c, struct dice *d, struct ask *a)
{
    size_t from = look_from(c);
    unsigned long long id = ring_at(&c->held, from + (size_t)dice_below(d, c->held.count - from));

    if (dice_once_in(d, 2)) {
        ask_begin(a, ASK_READ, "GET", 0, "/v1/objects/%llu", id);
        return;
    }
    ask_begin(a, ASK_LINK, "PUT", 0, "/v1/objects/%llu/fields/number", id);
    text_add_u64(&a->body, dice_below(d, 1000000));
}

/* There are enough, with those that are being made; and not only those. */
static bool is_full(const struct churn *c)
{
    return c->held.count + c->making >= c->full && c->held.count > c->full / 2;
}

static bool next(void *state, struct dice *d, struct ask *a)
{
    struct churn *c = state;

    if (c->held.count >= SCENARIO_WORKING_SET_MIN && c->held.count > look_from(c) && dice_once_in(d, LOOKS_ONE_IN)) {
        look(c, d, a);
        return true;
    }
    if (is_full(c) && c->kind->forgets_one_in != 0 && dice_once_in(d, c->kind->forgets_one_in))
        (void)ring_shift(&c->held);
    if (is_full(c))
        ask_begin(a, ASK_DROP, "DELETE", 0, "/v1/objects/%llu", (unsigned long long)ring_shift(&c->held));
    else if (c->held.count + c->making < c->full)
        create(c, d, a);
    else
        return false;
    return true;
}

static void answered(void *state, const struct ask *a, int status, const char *body)
{
    struct churn *c = state;
    uint64_t id = scenario_done(status) ? scenario_id(body) : 0;

    if (a->kind != ASK_CREATE)
        return;
    c->making--;
    if (id != 0)
        (void)ring_push(&c->held, id);
}

const struct scenario scenario_churn = {
    .name = "churn",
    .says = "requests come, are worked on, and are dropped",
    .leaks = "no",
    .kind = &tidy_kind,
    .begin = begin,
    .end = end,
    .next = next,
    .answered = answered,
};

const struct scenario scenario_slow_leak = {
    .name = "slow-leak",
    .says = "the same, but one in 100 is forgotten, and never dropped",
    .leaks = "yes",
    .kind = &forgetful_kind,
    .begin = begin,
    .end = end,
    .next = next,
    .answered = answered,
};
