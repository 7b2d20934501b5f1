/*
 * scenario_fragments.c - lists of many sizes are made; then all but one in 16 are dropped, so that what is left lies scattered
 * over memory that is nearly free. Those go when as many more have been made. What lives swings; what is committed should too.
 */
#include "client/load/ring.h"
#include "client/load/scenario.h"

#define STAYS_ONE_IN 16
#define ITEMS_MAX    100

struct fragments {
    struct ring young, old; /* of this round; what stayed of the last */
    size_t full, making, dropped;
    enum { FILLS, THINS, CLEARS } phase;
};

static void end(void *state)
{
    struct fragments *f = state;

    ring_fini(&f->young);
    ring_fini(&f->old);
    free(f);
}

static void *begin(const struct scenario *s, const struct scenario_world *w)
{
    struct fragments *f = calloc(1, sizeof *f);

    (void)s;
    if (f == NULL)
        return NULL;
    f->full = scenario_working_set(w);
    if (ring_init(&f->young, f->full) && ring_init(&f->old, f->full))
        return f;
    end(f);
    return NULL;
}

static void create(struct fragments *f, struct dice *d, struct ask *a)
{
    uint64_t items = dice_below(d, ITEMS_MAX + 1);

    ask_begin(a, ASK_CREATE, "POST", 0, "/v1/objects");
    text_add_string(&a->body, "{\"class\":\"Fragment\",\"items\":[");
    for (uint64_t i = 0; i < items; i++)
        text_printf(&a->body, "%s%llu", i > 0 ? "," : "", (unsigned long long)dice_below(d, 1u << 30));
    text_add_string(&a->body, "]}");
    f->making++;
}

static void drop(struct ring *from, struct ask *a)
{
    ask_begin(a, ASK_DROP, "DELETE", 0, "/v1/objects/%llu", (unsigned long long)ring_shift(from));
}

/* The phase that follows from what there is. */
static void move_on(struct fragments *f)
{
    if (f->phase == FILLS && f->young.count == f->full)
        f->phase = CLEARS;
    if (f->phase == CLEARS && f->old.count == 0)
        f->phase = THINS;
    while (f->phase == THINS && f->young.count > 0 && ++f->dropped % STAYS_ONE_IN == 0)
        (void)ring_push(&f->old, ring_shift(&f->young));
    if (f->phase == THINS && f->young.count == 0)
        f->phase = FILLS;
}

static bool next(void *state, struct dice *d, struct ask *a)
{
    struct fragments *f = state;

    move_on(f);
    if (f->phase == CLEARS)
        drop(&f->old, a);
    else if (f->phase == THINS)
        drop(&f->young, a);
    else if (f->young.count + f->making < f->full)
        create(f, d, a);
    else
        return false;
    return true;
}

static void answered(void *state, const struct ask *a, int status, const char *body)
{
    struct fragments *f = state;
    uint64_t id = scenario_done(status) ? scenario_id(body) : 0;

    if (a->kind != ASK_CREATE)
        return;
    f->making--;
    if (id != 0)
        (void)ring_push(&f->young, id);
}

const struct scenario scenario_fragmentation = {
    .name = "fragmentation",
    .says = "lists of many sizes are made, and all but one in 16 dropped, again and again",
    .leaks = "no",
    .begin = begin,
    .end = end,
    .next = next,
    .answered = answered,
};
