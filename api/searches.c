/* searches.c - see searches.h. */
#include "api/searches.h"
#include "heap/base/check.h"

#define RETRY_AFTER_S 1

/* ---- the garbage list, which is the collector's ---- */

static bool next_garbage(void *gc, uint32_t *cursor, obj_id *ret)
{
    return gc_next_garbage(gc, cursor, ret);
}

static bool is_garbage(void *gc, obj_id id)
{
    return gc_is_garbage(gc, id);
}

struct reach_outside searches_outside(const struct session_set *sessions, struct gc *gc)
{
    return (struct reach_outside){.sessions = sessions, .garbage = gc, .next_garbage = next_garbage, .is_garbage = is_garbage};
}

/* ---- whose turn it is ---- */

static void take_turn(struct api *api, struct search *s)
{
    CHECK(!s->has_turn && api->walks < WIRE_WALKS_MAX);
    s->has_turn = true;
    api->walks++;
}

static void give_turn_up(struct api *api, struct search *s)
{
    CHECK(!s->has_turn || api->walks > 0);
    api->walks -= s->has_turn;
    s->has_turn = false;
}

static enum err begin(struct api *api, struct search *s, obj_id target, uint32_t holders_max, struct why *why)
{
    enum err e = reach_begin(api->heap, &api->outside, target, holders_max, &s->reach, why);

    if (e == ERR_OK)
        s->tries++;
    return e;
}

enum err search_step(struct task *t, struct search *s, obj_id target, uint32_t holders_max, size_t *units,
                     enum task_turn *turn, struct why *why)
{
    struct api *api = t->api;
    enum err e;

    *turn = TASK_MORE;
    if (s->again) {
        *units = reach_end(&s->reach, *units);
        s->again = *units == 0;
        if (s->again)
            return ERR_OK;
    }
    if (!s->has_turn && api->walks == WIRE_WALKS_MAX) {
        *turn = TASK_WAIT;
        *units = 0;
        return ERR_OK;
    }
    if (!s->has_turn)
        take_turn(api, s);
    if (s->reach == NULL && (e = begin(api, s, target, holders_max, why)) != ERR_OK)
        return e;
    *units = reach_step(s->reach, *units);
    return ERR_OK;
}

enum err search_again(struct task *t, struct search *s, struct why *why)
{
    if (!search_may_go_on(s)) {
        t->reply.retry_after_s = RETRY_AFTER_S;
        return why_set(why, ERR_BUSY, "the links on the way to it change faster than they can be followed: %d walks found no way that "
                       "was still there at its end", WIRE_WALK_TRIES_MAX);
    }
    s->again = true;
    return ERR_OK;
}

/* Even if nothing is left to be given back, there is work for api_step(): after that, those that wait look again. */
void search_over(struct api *api, struct search *s)
{
    give_turn_up(api, s);
    (void)reach_end(&s->reach, 1);
    s->next = api->searches_over;
    api->searches_over = s;
}

size_t searches_end(struct api *api, size_t units)
{
    while (api->searches_over != NULL && units > 0) {
        struct search *s = api->searches_over;

        units = reach_end(&s->reach, units);
        if (s->reach != NULL)
            return 0;
        api->searches_over = s->next;
        mem_free(api->mem, s, s->bytes);
    }
    return units;
}
