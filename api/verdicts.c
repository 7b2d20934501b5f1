/*
 * verdicts.c - see verdicts.h: two trees are found, and then judged beside the loop.
 *
 *   TREES --both are there, and it is its turn--> RUNS --another thread: judged--> JUDGED --who holds them: looked for--> answered
 *                                                                      `--nobody is there any more--> gone
 *
 * While it runs the snapshots are held, with or without the task that asked.
 */
#include "api/dominated.h"
#include "api/handlers.h"
#include "api/pages.h"
#include "api/verdict_text.h"
#include "api/verdicts.h"
#include "heap/base/check.h"

#define JUDGING_MAGIC 0x76e70001u

enum judging_state { JUDGING_TREES, JUDGING_RUNS, JUDGING_JUDGED };

struct judging {
    uint32_t magic;
    enum judging_state state;
    struct aside aside;
    struct api *api;
    struct taken *now, *then; /* held, and their trees joined; then: NULL if there is none */
    struct page page;
    struct held *held;        /* who holds the suspects; NULL: not looked for yet */
    bool left;                /* the task has ended while it ran */
    size_t charged_bytes;
    struct mem mem;           /* on the other thread */
    enum err e;
    struct why why;
    struct suspect suspects[SUSPECTS_MAX];
    uint32_t count;
};

static struct tree tree_of(const struct taken *t)
{
    return t == NULL ? (struct tree){0} : (struct tree){t->frozen, dominated_tree(t)};
}

static struct judging *judging_of(struct aside *aside)
{
    struct judging *j = (struct judging *)(void *)((char *)aside - offsetof(struct judging, aside));

    CHECK_IS(j, JUDGING_MAGIC);
    return j;
}

static void leave(struct api *api, struct taken **t)
{
    if (*t != NULL)
        dominated_leave(*t);
    snapshots_release(api, t);
}

static void destroy(struct judging *j)
{
    struct api *api = j->api;

    held_destroy(&j->held);
    leave(api, &j->now);
    leave(api, &j->then);
    j->magic = 0;
    mem_free(api->mem, j, sizeof *j);
}

/* ---- beside the loop ---- */

static void judge(struct aside *aside)
{
    struct judging *j = judging_of(aside);

    j->e = verdict(&j->mem, tree_of(j->now), tree_of(j->then), j->suspects, &j->count, &j->why);
}

static void judged(struct aside *aside)
{
    struct judging *j = judging_of(aside);
    struct api *api = j->api;

    mem_fini(&j->mem);
    mem_uncharge(api->mem, j->charged_bytes);
    j->state = JUDGING_JUDGED;
    if (j->left)
        destroy(j);
    dominated_end_turn(api);
}

static enum err begin(struct judging *j, struct why *why)
{
    size_t bytes = verdict_bytes(tree_of(j->now), tree_of(j->then)), reach = mem_reach(j->api->mem, REACH_GROW);
    bool charged = mem_charge(j->api->mem, bytes);

    mem_reach(j->api->mem, reach);
    if (!charged) {
        dominated_end_turn(j->api);
        return why_set(why, ERR_NOMEM, "no memory for %zu bytes to look for suspects", bytes);
    }
    j->charged_bytes = bytes;
    mem_init(&j->mem, bytes);
    j->state = JUDGING_RUNS;
    j->aside = (struct aside){.run = judge, .done = judged};
    j->api->world.run_aside(j->api->world.ctx, &j->aside);
    return ERR_OK;
}

/* ---- the task ---- */

static enum err reply_suspects(struct task *task, const struct judging *j, struct why *why)
{
    struct out *o = reply_page(task);
    uint32_t i = cursor_u32(j->page.cursor);

    for (size_t shown = 0; i < j->count && shown < j->page.limit; shown++)
        write_suspect(o, j->now, j->then, j->held, &j->suspects[i++]);
    return reply_page_end(task, i < j->count ? i : 0, why);
}

static enum err want_holders(struct judging *j, struct why *why)
{
    if ((j->held = held_create(j->api->mem, j->now->frozen)) == NULL)
        return why_set(why, ERR_NOMEM, "no memory to look for holders");
    for (uint32_t i = 0; i < j->count; i++)
        held_want(j->held, j->suspects[i].node);
    return ERR_OK;
}

/* Answer, once it is known who holds them. */
static enum err tell(struct task *task, struct judging *j, size_t units, enum task_turn *turn, struct why *why)
{
    enum err e = j->e ? why_set(why, j->e, "%s", j->why.text) : ERR_OK;

    *turn = TASK_MORE;
    if (e == ERR_OK && j->held == NULL)
        e = want_holders(j, why);
    if (e || held_step(j->held, units) == 0)
        return e;
    *turn = TASK_DONE;
    return reply_suspects(task, j, why);
}

static enum err step_judging(struct task *task, void *ctx, size_t units, enum task_turn *turn, struct why *why)
{
    struct judging *j = ctx;
    bool now, then = true;
    enum err e;

    *turn = TASK_WAIT;
    if (j->state == JUDGING_TREES) {
        if ((e = dominated_look(j->now, &now, why)) || (j->then != NULL && (e = dominated_look(j->then, &then, why))))
            return e;
        if (!now || !then || !dominated_take_turn(j->api))
            return ERR_OK;
        if ((e = begin(j, why)))
            return e;
    }
    return j->state == JUDGING_RUNS ? ERR_OK : tell(task, j, units, turn, why);
}

static void destroy_judging(struct task *task, void *ctx)
{
    struct judging *j = ctx;

    (void)task;
    if (j->state == JUDGING_RUNS)
        j->left = true;
    else
        destroy(j);
}

static const struct task_work judging_work = {.step = step_judging, .destroy = destroy_judging};

static enum err join(struct api *api, struct taken *t, struct taken **ret, struct why *why)
{
    enum err e = dominated_join(api, t, why);

    if (e)
        return e;
    snapshots_hold(t);
    *ret = t;
    return ERR_OK;
}

enum err verdicts_begin(struct api *api, struct task *task, struct slice n, struct why *why)
{
    struct taken *now, *then = NULL;
    struct slice since;
    struct judging *j;
    struct page page;
    enum err e;

    if ((e = query_page(task, &page, why)) || (e = snapshots_find(api, n, &now, why)) ||
        (query_get(task, "since", &since) && (e = snapshots_find(api, since, &then, why))))
        return e;
    if ((j = mem_zalloc(api->mem, sizeof *j)) == NULL)
        return why_set(why, ERR_NOMEM, "no memory to begin");
    j->magic = JUDGING_MAGIC;
    j->api = api;
    j->page = page;
    if ((e = join(api, now, &j->now, why)) || (then != NULL && (e = join(api, then, &j->then, why)))) {
        destroy(j);
        return e;
    }
    task_work(task, &judging_work, j);
    return ERR_OK;
}

/* GET /v1/snapshots/{n}/suspects ?since=M  ->  as verdicts.h says */
enum err get_snapshot_suspects(struct api *api, struct task *task, struct why *why)
{
    return verdicts_begin(api, task, task->params[0], why);
}
