/*
 * dominated.c - see dominated.h.
 *
 * The other thread touches the frozen graph, which never changes, and the struct; it has its memory from an account of the
 * struct's own. The api's is charged beside it: while it runs with what it may take, afterwards with what it took.
 */
#include "api/dominated.h"
#include "heap/base/check.h"
#include <stdatomic.h>

#define DOMINATED_MAGIC 0xd0310002u

enum dominated_state { DOMINATED_LINE, DOMINATED_RUNS, DOMINATED_THERE, DOMINATED_REFUSED, DOMINATED_SPENT };

struct dominated {
    uint32_t magic;
    enum dominated_state state;
    struct aside aside;       /* under way in RUNS and SPENT */
    struct api *api;
    struct taken *taken;      /* held in RUNS; NULL once SPENT */
    struct dominated *next;   /* in the line */
    uint32_t waiting;
    uint64_t seed;            /* of the fold */
    size_t charged_bytes;     /* on the account of the api */
    const struct frozen *frozen;
    struct mem mem;           /* on the other thread */
    _Atomic(struct dominators *) tree;
    struct fold *fold;
    atomic_bool unwanted;
    bool found;
    struct why why;
};

static struct dominated *dominated_of(struct aside *aside)
{
    struct dominated *d = (struct dominated *)(void *)((char *)aside - offsetof(struct dominated, aside));

    CHECK_IS(d, DOMINATED_MAGIC);
    return d;
}

static struct dominators_graph graph_of(const struct frozen *f)
{
    return (struct dominators_graph){f->node_count, f->object_count, f->edge_count, f->first_edge, f->edge_to, f->bytes};
}

/* The fold is made when the tree has given back what it only needed to be found. */
static size_t bytes_to_come(const struct frozen *f)
{
    struct dominators_graph g = graph_of(f);
    size_t running = dominators_bytes(&g), folding = dominators_settled_bytes(&g) + fold_bytes(f);

    return running > folding ? running : folding;
}

/* ---- on the other thread ---- */

static enum err find(struct dominated *d)
{
    struct dominators_graph g = graph_of(d->frozen);
    struct dominators *tree;
    enum err e = dominators_create(&d->mem, &g, &tree, &d->why);

    if (e != ERR_OK)
        return e;
    atomic_store(&d->tree, tree);
    if (atomic_load(&d->unwanted) || !dominators_run(tree))
        return why_set(&d->why, ERR_BUSY, "nobody waits for it any more");
    dominators_settle(tree);
    return fold_create(&d->mem, d->frozen, tree, d->seed, &d->fold, &d->why);
}

static void give_all_back(struct dominated *d)
{
    struct dominators *tree = atomic_exchange(&d->tree, NULL);

    fold_destroy(&d->fold);
    dominators_destroy(&tree);
}

static void run(struct aside *aside)
{
    struct dominated *d = dominated_of(aside);

    d->found = find(d) == ERR_OK; /* if not, the tables go in give_back(), when the loop looks at them no more */
}

static void give_back(struct aside *aside)
{
    give_all_back(dominated_of(aside));
}

/* ---- on the loop's ---- */

static void charge(struct dominated *d, size_t bytes)
{
    mem_uncharge(d->api->mem, d->charged_bytes);
    mem_charge_spent(d->api->mem, bytes);
    d->charged_bytes = bytes;
}

static void destroy(struct dominated *d)
{
    struct mem *mem = d->api->mem;

    mem_fini(&d->mem);
    charge(d, 0);
    d->magic = 0;
    mem_free(mem, d, sizeof *d);
}

static void run_aside(struct dominated *d, void (*work)(struct aside *), void (*done)(struct aside *))
{
    const struct api_world *w = &d->api->world;

    d->aside = (struct aside){.run = work, .done = done};
    w->run_aside(w->ctx, &d->aside);
}

static void given_back(struct aside *aside)
{
    destroy(dominated_of(aside));
}

/* Its snapshot knows it no more: whoever asks now begins anew. */
static void forget(struct dominated *d)
{
    if (d->taken->dominated == d)
        d->taken->dominated = NULL;
}

static void spend(struct dominated *d)
{
    forget(d);
    d->taken = NULL;
    d->state = DOMINATED_SPENT;
    run_aside(d, give_back, given_back);
}

static void call_line(struct api *api);

static void has_run(struct aside *aside)
{
    struct dominated *d = dominated_of(aside);
    struct api *api = d->api;
    struct taken *t = d->taken;

    d->state = d->found ? DOMINATED_THERE : DOMINATED_REFUSED;
    charge(d, d->mem.used_bytes);
    CHECK(d->waiting > 0 || atomic_load(&d->unwanted));
    if (atomic_load(&d->unwanted))
        spend(d);
    snapshots_release(api, &t); /* may be the last to let it go */
    dominated_end_turn(api);
}

static bool has_room(struct dominated *d)
{
    size_t bytes = bytes_to_come(d->frozen), reach = mem_reach(d->api->mem, REACH_GROW);
    bool charged = mem_charge(d->api->mem, bytes);

    mem_reach(d->api->mem, reach);
    if (charged)
        d->charged_bytes = bytes;
    else
        why_set(&d->why, ERR_NOMEM, "no memory for %zu bytes to find who retains what among %u nodes", bytes, d->frozen->node_count);
    return charged;
}

static void begin(struct dominated *d)
{
    d->state = DOMINATED_RUNS;
    d->api->dominated.busy = true;
    mem_init(&d->mem, d->charged_bytes);
    snapshots_hold(d->taken);
    run_aside(d, run, has_run);
}

static void call_line(struct api *api)
{
    struct dominated_line *line = &api->dominated;

    while (!line->busy && line->first != NULL) {
        struct dominated *d = line->first;

        line->first = d->next;
        if (has_room(d))
            begin(d);
        else
            d->state = DOMINATED_REFUSED;
    }
}

bool dominated_take_turn(struct api *api)
{
    bool free = !api->dominated.busy;

    api->dominated.busy = true;
    return free;
}

void dominated_end_turn(struct api *api)
{
    api->dominated.busy = false;
    call_line(api);
}

static void join_line(struct dominated *d)
{
    struct dominated **at = &d->api->dominated.first;

    while (*at != NULL)
        at = &(*at)->next;
    *at = d;
    call_line(d->api);
}

static void leave_line(struct dominated *d)
{
    struct dominated **at = &d->api->dominated.first;

    for (; *at != d; at = &(*at)->next)
        CHECK(*at != NULL);
    *at = d->next;
}

/* ---- who waits ---- */

enum err dominated_join(struct api *api, struct taken *t, struct why *why)
{
    struct dominated *d = t->dominated;

    if (d == NULL) {
        if ((d = mem_zalloc(api->mem, sizeof *d)) == NULL)
            return why_set(why, ERR_NOMEM, "no memory to begin");
        d->magic = DOMINATED_MAGIC;
        d->api = api;
        d->taken = t;
        d->frozen = t->frozen;
        api->world.random_bytes(api->world.ctx, &d->seed, sizeof d->seed);
        t->dominated = d;
        d->waiting = 1;
        join_line(d);
        return ERR_OK;
    }
    CHECK_IS(d, DOMINATED_MAGIC);
    d->waiting++;
    return ERR_OK;
}

/* The last one takes what is not there with him. */
void dominated_leave(struct taken *t)
{
    struct dominated *d = t->dominated;
    struct dominators *tree;

    CHECK_IS(d, DOMINATED_MAGIC);
    CHECK(d->waiting > 0);
    if (--d->waiting > 0)
        return;
    switch (d->state) {
    case DOMINATED_LINE:
        leave_line(d);
        spend(d);
        break;
    case DOMINATED_RUNS:
        atomic_store(&d->unwanted, true);
        if ((tree = atomic_load(&d->tree)) != NULL)
            dominators_cancel(tree);
        forget(d);
        break;
    case DOMINATED_REFUSED:
        spend(d);
        break;
    case DOMINATED_THERE:
        break;
    case DOMINATED_SPENT:
        UNREACHABLE();
    }
}

enum err dominated_look(const struct taken *t, bool *ret_there, struct why *why)
{
    const struct dominated *d = t->dominated;

    CHECK_IS(d, DOMINATED_MAGIC);
    *ret_there = d->state == DOMINATED_THERE;
    if (d->state != DOMINATED_REFUSED)
        return ERR_OK;
    return why_set(why, d->why.err, "%s", d->why.text);
}

const struct dominators *dominated_tree(const struct taken *t)
{
    CHECK(t->dominated->state == DOMINATED_THERE);
    return t->dominated->tree;
}

const struct fold *dominated_fold(const struct taken *t)
{
    CHECK(t->dominated->state == DOMINATED_THERE);
    return t->dominated->fold;
}

/* ---- what is told of it ---- */

uint64_t dominated_bytes(const struct taken *t)
{
    return t->dominated != NULL ? t->dominated->charged_bytes : 0;
}

void dominated_write(const struct taken *t, struct out *o)
{
    const struct dominated *d = t->dominated;
    const struct dominators *tree;
    uint64_t finished = 0, all = 0;

    if (d == NULL)
        return;
    if ((tree = d->tree) != NULL)
        dominators_progress(tree, &finished, &all);
    out_key(o, "dominators");
    out_open_object(o);
    out_member_bool(o, "there", d->state == DOMINATED_THERE);
    out_member_u64(o, "done", finished);
    out_member_u64(o, "of", all);
    out_close_object(o);
}

/* ---- the end ---- */

/* What is there, once nobody waits for it. */
static struct dominated *at_rest(const struct taken *t)
{
    struct dominated *d = t->dominated;

    CHECK(d == NULL || (d->waiting == 0 && d->state == DOMINATED_THERE));
    return d;
}

void dominated_end(struct taken *t)
{
    struct dominated *d = at_rest(t);

    if (d != NULL)
        spend(d);
}

void dominated_fini(struct taken *t)
{
    struct dominated *d = at_rest(t);

    if (d == NULL)
        return;
    t->dominated = NULL;
    give_all_back(d);
    destroy(d);
}
