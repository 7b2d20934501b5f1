/*
 * collector.c - see collector.h.
 *
 * The rate is believed at once when it falls and slowly when it rises: the next phase of a collection may be
 * ten times as dear as this one, and a slice that is too short costs less than one that is too long.
 */
#include "daemon/collector.h"
#include "daemon/clock.h"

#define COLLECTOR_MAGIC    0xc0110001u
#define STEP_UNITS 128         /* between two looks at the clock: 3 us, or 30 where every object is a miss */
#define LOOK_MS            1000 /* how often the age of possible cycles is looked at */
#define LOOK_MS_MIN        5    /* between two looks at leases */
#define HOUSEKEEPING_UNITS 256  /* for leases and scopes, before the collector has the rest */

struct collector {
    uint32_t magic;
    struct collector_world world;
    uv_check_t check; /* after the events of this time round the loop */
    uv_idle_t idle;   /* active while there is work: the loop does not sleep */
    uv_timer_t look;  /* the next lease that ends, or LOOK_MS */
    uint64_t look_at_ms;
    uint64_t cycles_since_ms; /* when possible cycles were first seen; 0: none are */
};

static struct collector *collector_of(void *data)
{
    struct collector *c = data;

    CHECK_IS(c, COLLECTOR_MAGIC);
    return c;
}

/* ---- slices ---- */

uint64_t collector_budget_us(uint64_t turn_us, uint64_t pause_budget_us)
{
    uint64_t us = turn_us / 4;

    if (us < COLLECTOR_SLICE_US_MIN)
        us = COLLECTOR_SLICE_US_MIN;
    return turn_us == 0 || us > pause_budget_us ? pause_budget_us : us;
}

/* Work about `budget_us`, looking at the clock every few steps: one may be ten times as dear as the next. */
static void run_slice(struct collector *c, uint64_t budget_us)
{
    uint64_t began = clock_us(), us;
    size_t left;

    do {
        left = gc_step(c->world.gc, STEP_UNITS);
        us = clock_us() - began;
    } while (left == 0 && us < budget_us);
    gc_note_slice(c->world.gc, us);
    histogram_add(c->world.pauses, us);
}

static void set_awake(struct collector *c, bool awake);

static void arm_look(struct collector *c);

/* True if leases or scopes want more than this. */
static bool keep_house(struct collector *c)
{
    return api_step(c->world.api, HOUSEKEEPING_UNITS) == 0;
}

static void on_check(uv_check_t *check)
{
    struct collector *c = collector_of(check->data);
    uint64_t turn_us = edge_take_turn_us(c->world.edge);
    bool more = keep_house(c);

    if (gc_has_work(c->world.gc))
        run_slice(c, collector_budget_us(turn_us, c->world.settings->pause_budget_us));
    edge_step_waiting(c->world.edge);
    set_awake(c, more || gc_has_work(c->world.gc));
    arm_look(c);
}

static void on_idle(uv_idle_t *idle)
{
    collector_of(idle->data); /* being active is all it does: the loop polls without sleeping */
}

static void set_awake(struct collector *c, bool awake)
{
    if (awake)
        uv_idle_start(&c->idle, on_idle);
    else
        uv_idle_stop(&c->idle);
}

/* ---- what only time brings ---- */

/* A full collection when cycles have been possible for full_age_s. */
static void look_at_age(struct collector *c)
{
    uint64_t now = uv_now(c->world.loop), ticket;
    struct gc_state s;

    gc_get_state(c->world.gc, &s);
    if (!s.cycles_possible || !s.tuning.enabled || s.tuning.full_age_s == 0) {
        c->cycles_since_ms = 0;
        return;
    }
    if (c->cycles_since_ms == 0)
        c->cycles_since_ms = now;
    if (now - c->cycles_since_ms < (uint64_t)s.tuning.full_age_s * 1000)
        return;
    if (gc_collect(c->world.gc, GC_GENERATIONS - 1, GC_BY_AGE, false, &ticket, NULL) == ERR_OK)
        c->cycles_since_ms = 0;
}

static void on_look(uv_timer_t *look)
{
    struct collector *c = collector_of(look->data);

    c->look_at_ms = 0;
    look_at_age(c);
    arm_look(c); /* the leases themselves are ended by on_check(), which follows every timer */
}

/* Wake when the next lease ends, and not later than LOOK_MS from now. */
static void arm_look(struct collector *c)
{
    uint64_t now = uv_now(c->world.loop);
    uint64_t lease_ms = session_next_deadline_ms(c->world.sessions);
    uint64_t at = c->look_at_ms > now ? c->look_at_ms : now + LOOK_MS;

    if (lease_ms < at)
        at = lease_ms > now + LOOK_MS_MIN ? lease_ms : now + LOOK_MS_MIN;
    if (at == c->look_at_ms)
        return;
    c->look_at_ms = at;
    uv_timer_start(&c->look, on_look, at - now, 0);
}

/* ---- life ---- */

enum err collector_create(const struct collector_world *world, struct collector **ret)
{
    struct collector *c = mem_zalloc(world->mem, sizeof(*c));
    uv_loop_t *loop = world->loop;

    if (c == NULL)
        return ERR_NOMEM;
    c->magic = COLLECTOR_MAGIC;
    c->world = *world;
    CHECK(uv_check_init(loop, &c->check) == 0 && uv_idle_init(loop, &c->idle) == 0 &&
          uv_timer_init(loop, &c->look) == 0);
    c->check.data = c->idle.data = c->look.data = c;
    uv_check_start(&c->check, on_check);
    arm_look(c);
    *ret = c;
    return ERR_OK;
}

void collector_close(struct collector *c)
{
    uv_close((uv_handle_t *)&c->check, NULL);
    uv_close((uv_handle_t *)&c->idle, NULL);
    uv_close((uv_handle_t *)&c->look, NULL);
}

void collector_destroy(struct collector **pc)
{
    struct collector *c = *pc;

    if (c == NULL)
        return;
    CHECK_IS(c, COLLECTOR_MAGIC);
    c->magic = 0;
    mem_free(c->world.mem, c, sizeof(*c));
    *pc = NULL;
}
