/* scenario.c - see scenario.h. The table of all, and what they share. */
#include "client/load/scenario.h"
#include <stdlib.h>
#include <string.h>

static const struct scenario *const scenarios[] = {
    &scenario_churn,         &scenario_cycle_churn,     &scenario_slow_leak,
    &scenario_session_leak,  &scenario_session_expiry,  &scenario_listener_leak,
    &scenario_listener_churn, &scenario_cache_without_eviction, &scenario_cache_with_eviction,
    &scenario_big_graph_drop, &scenario_fragmentation,
};

const struct scenario *scenario_at(size_t i)
{
    return i < sizeof scenarios / sizeof scenarios[0] ? scenarios[i] : NULL;
}

const struct scenario *scenario_find(const char *name, size_t length)
{
    const struct scenario *s;

    for (size_t i = 0; (s = scenario_at(i)) != NULL; i++)
        if (strlen(s->name) == length && memcmp(s->name, name, length) == 0)
            return s;
    return NULL;
}

size_t scenario_working_set(const struct scenario_world *w)
{
    double wanted = w->rate / 4;

    return wanted < SCENARIO_WORKING_SET_MIN ? SCENARIO_WORKING_SET_MIN
         : wanted > SCENARIO_WORKING_SET_MAX ? SCENARIO_WORKING_SET_MAX
                                             : (size_t)wanted;
}

bool scenario_done(int status)
{
    return status >= 200 && status < 300;
}

uint64_t scenario_id(const char *body)
{
    const char *at = strstr(body, "\"id\":");

    return at != NULL ? strtoull(at + 5, NULL, 10) : 0;
}
