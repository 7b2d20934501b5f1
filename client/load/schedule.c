/* schedule.c - see schedule.h. */
#include "client/load/schedule.h"
#include <stdlib.h>

#define NS_A_S 1e9

static uint64_t gap_ns(struct schedule *s)
{
    return (uint64_t)((s->evenly ? 1 / s->rate : dice_gap(&s->dice, s->rate)) * NS_A_S);
}

bool schedule_init(struct schedule *s, double rate, bool evenly, double duration_s, uint64_t seed, size_t lane_count)
{
    *s = (struct schedule){.dice = {seed}, .rate = rate, .evenly = evenly, .end_ns = (uint64_t)(duration_s * NS_A_S), .lane_count = lane_count};
    for (size_t i = 0; i < lane_count; i++)
        if ((s->lanes[i].due_ns = malloc(SCHEDULE_WAITING_MAX * sizeof *s->lanes[i].due_ns)) == NULL) {
            schedule_fini(s);
            return false;
        }
    s->next_ns = gap_ns(s);
    return true;
}

void schedule_fini(struct schedule *s)
{
    for (size_t i = 0; i < s->lane_count; i++)
        free(s->lanes[i].due_ns);
    *s = (struct schedule){0};
}

static void arrive(struct schedule *s)
{
    struct schedule_lane *lane = &s->lanes[dice_below(&s->dice, s->lane_count)];

    s->planned++;
    if (lane->count == SCHEDULE_WAITING_MAX) {
        s->shed++;
        return;
    }
    lane->due_ns[(lane->first + lane->count++) % SCHEDULE_WAITING_MAX] = s->next_ns;
    s->waiting++;
}

void schedule_advance(struct schedule *s, uint64_t now_ns)
{
    while (!s->is_over && s->next_ns <= now_ns && s->next_ns < s->end_ns) {
        arrive(s);
        s->next_ns += gap_ns(s);
    }
    s->is_over |= now_ns >= s->end_ns;
}

uint64_t schedule_oldest(const struct schedule *s, size_t lane)
{
    const struct schedule_lane *l = &s->lanes[lane];

    return l->count > 0 ? l->due_ns[l->first] : UINT64_MAX;
}

void schedule_take(struct schedule *s, size_t lane)
{
    struct schedule_lane *l = &s->lanes[lane];

    l->first = (l->first + 1) % SCHEDULE_WAITING_MAX;
    l->count--;
    s->waiting--;
}

void schedule_stop(struct schedule *s)
{
    s->is_over = true;
    s->shed += s->waiting;
    s->waiting = 0;
    for (size_t i = 0; i < s->lane_count; i++)
        s->lanes[i].count = 0;
}
