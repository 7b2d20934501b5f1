/*
 * searches.h - walks over the whole heap (heap/graph/reach.h) as the work of a task.
 *
 * At most WIRE_WALKS_MAX go on at once, for each takes four bytes a slot: tasks that come meanwhile wait for their turn. What
 * a walk found may be true no longer when it is to be shown; then it is done again, WIRE_WALK_TRIES_MAX times in all, and
 * after that the answer is 409 busy. Its memory returns in steps, between requests if need be.
 */
#pragma once
#include "api/task.h"
#include "heap/graph/reach.h"

/* Who holds objects, besides roots and scopes. */
struct reach_outside searches_outside(const struct session_set *sessions, struct gc *gc);

/* Embedded, first, in what its task allocates. */
struct search {
    struct reach *reach;   /* NULL: it waits for its turn, or to begin again */
    bool has_turn;
    bool again;            /* the walk is being given back, and then begins anew */
    uint32_t tries;
    size_t bytes;          /* of what it is embedded in */
    struct search *next;   /* among those that are over */
};

/* Go on until the walk from outside is over. *units are used up: *turn then says how to go on. ERR_NOMEM. */
enum err search_step(struct task *t, struct search *s, obj_id target, uint32_t holders_max, size_t *units,
                     enum task_turn *turn, struct why *why);
/* What was found is not true any more. ERR_BUSY: often enough. */
enum err search_again(struct task *t, struct search *s, struct why *why);
/* May it be done once more? */
static inline bool search_may_go_on(const struct search *s)
{
    return s->tries < WIRE_WALK_TRIES_MAX;
}

/* The task is over: what it allocated is given back, with what it embeds. */
void search_over(struct api *api, struct search *s);
/* Those that are over, in steps; returns the units left. */
size_t searches_end(struct api *api, size_t units);

/* How many units a walk gets for one of a task. */
#define SEARCH_UNITS_PER_UNIT 4
