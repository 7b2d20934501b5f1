/* audience.c - see audience.h. */
#include "daemon/audience.h"
#include "daemon/clock.h"
#include "daemon/conn.h"

void audience_init(struct audience *a, uv_loop_t *loop)
{
    list_init(&a->waiting);
    list_init(&a->line);
    CHECK(uv_timer_init(loop, &a->timer) == 0);
}

void audience_close(struct audience *a)
{
    uv_close((uv_handle_t *)&a->timer, NULL);
}

void audience_wait(struct audience *a, struct list *queue_link, bool late)
{
    list_push(&a->waiting, queue_link);
    a->late |= late;
}

static void on_timer(uv_timer_t *timer)
{
    (void)timer; /* the loop has woken: audience_step() looks */
}

/* True if a round has begun. */
static bool begin_round(struct audience *a, uint64_t newest)
{
    uint64_t now;

    if (list_empty(&a->waiting) || (a->told == newest && !a->late))
        return false;
    now = clock_us();
    if (now < a->rest_until_us) {
        if (!uv_is_active((uv_handle_t *)&a->timer))
            uv_timer_start(&a->timer, on_timer, (a->rest_until_us - now) / 1000 + 1, 0);
        return false;
    }
    list_splice(&a->line, &a->waiting);
    a->told = newest;
    a->late = false;
    a->spent_us = 0;
    return true;
}

/* The first of the line is told, if there is something for it. */
static bool tell_first(struct audience *a)
{
    struct conn *c = conn_of_queue(a->line.next);

    list_remove(&c->queue);
    if (!conn_has_news(c)) {
        list_push(&a->waiting, &c->queue);
        return false;
    }
    conn_tell(c);
    return true;
}

bool audience_step(struct audience *a, struct api *api)
{
    uint64_t began;

    if (list_empty(&a->line) && !begin_round(a, api_news(api)))
        return false;
    began = clock_us();
    for (int looked = 0, told = 0; looked < AUDIENCE_LOOK_MAX && told < AUDIENCE_TURN_MAX && !list_empty(&a->line); looked++)
        told += tell_first(a);
    a->spent_us += clock_us() - began;
    if (!list_empty(&a->line))
        return true;
    a->rest_until_us = began + AUDIENCE_REST * a->spent_us;
    return false;
}
