/* collector.c - see collector.h. */
#include "daemon/collector.h"
#include "daemon/budget.h"
#include "daemon/clock.h"
#include "heap/heap_gc.h"

#define COLLECTOR_MAGIC    0xc0110001u
#define STEP_UNITS         128  /* of tidying, between two looks at the clock: up to 30 us */
#define STEP_UNITS_HOUSE   64   /* the same: each may be a hold, and the last of its object */
#define LOOK_MS            1000 /* how often the age of possible cycles is looked at */
#define LOOK_MS_MIN        5    /* between two looks at leases and at memory to tidy */

struct collector {
    uint32_t magic;
    struct collector_world world;
    struct budget budget;
    uv_check_t check; /* after the events of this time round the loop */
    uv_idle_t idle;   /* active while there is work: the loop does not sleep */
    uv_timer_t look;  /* the next lease that ends, memory to tidy, or LOOK_MS */
    uint64_t look_at_ms;
    uint64_t slice_number;
    uint64_t run_number;      /* of the collection that ended last */
    size_t gc_units;          /* that the next step of the collector gets */
    uint64_t cycles_since_ms; /* when possible cycles were first seen; 0: none are */
};

static struct collector *collector_of(void *data)
{
    struct collector *c = data;

    CHECK_IS(c, COLLECTOR_MAGIC);
    return c;
}

/* ---- slices ---- */

uint64_t collector_budget_us(uint64_t turn_us, bool alone, uint64_t pause_budget_us)
{
    uint64_t us = turn_us / 4;

    if (us < COLLECTOR_SLICE_US_MIN)
        us = COLLECTOR_SLICE_US_MIN;
    return alone || us > pause_budget_us ? pause_budget_us : us;
}

/* Leases, scopes, notices. */
static bool keep_house(struct collector *c, struct slice_time *s)
{
    if (!api_has_work(c->world.api))
        return false;
    (void)api_step(c->world.api, STEP_UNITS_HOUSE);
    pauses_step(s, PAUSE_HOUSE);
    return true;
}

/* A step ends where a collection does, so none is missed. */
static void count_run(struct collector *c)
{
    struct gc_run run;

    if (!gc_log(c->world.gc, 0, &run) || run.number == c->run_number)
        return;
    c->run_number = run.number;
    pauses_note_run(c->world.pauses, &run);
}

static bool collect(struct collector *c, struct slice_time *s)
{
    struct gc *gc = c->world.gc;
    uint64_t us;

    if (!gc_has_work(gc))
        return false;
    (void)gc_step(gc, c->gc_units);
    us = pauses_step(s, (enum pause)gc_step_phase(gc));
    c->gc_units = gc_next_units(c->gc_units, us);
    gc_note_step(gc, us, s->began_unix_ms + (s->at_us - s->began_us) / 1000, c->slice_number);
    count_run(c);
    return true;
}

/* What packing takes it gives back, and more: it is done where nothing may grow. */
static void pack(struct heap *h)
{
    size_t reach = mem_reach(heap_mem(h), API_BEYOND_BYTES);

    (void)heap_pack(h, STEP_UNITS);
    mem_reach(heap_mem(h), reach);
}

static bool tidy(struct collector *c, struct slice_time *s)
{
    struct heap *h = c->world.heap;

    if (heap_pack_at_ms(h) == 0) {
        pack(h);
        pauses_step(s, PAUSE_PACK);
    } else if (heap_purge_at_ms(h) == 0) {
        (void)heap_purge(h, STEP_UNITS);
        pauses_step(s, PAUSE_PURGE);
    } else {
        return false;
    }
    return true;
}

static bool has_work(const struct collector *c)
{
    const struct heap *h = c->world.heap;

    return api_has_work(c->world.api) || gc_has_work(c->world.gc) || heap_pack_at_ms(h) == 0 ||
           heap_purge_at_ms(h) == 0;
}

/* House and collector by turns, so that neither waits for the other's end; memory is tidied when the collector
 * has nothing to do. The clock is looked at after every step: one may be ten times as dear as the next. */
static void run_slice(struct collector *c, uint64_t budget_us)
{
    struct slice_time s = {0};
    bool more;

    c->slice_number++;
    pauses_begin(&s);
    do {
        more = keep_house(c, &s);
        if (s.at_us - s.began_us < budget_us)
            more |= collect(c, &s) || tidy(c, &s);
    } while (more && s.at_us - s.began_us < budget_us);
    pauses_end(c->world.pauses, &s);
    edge_wake_waiting(c->world.edge);
}

static bool is_alone(const struct collector *c)
{
    return clock_us() - edge_served_us(c->world.edge) >= COLLECTOR_COMPANY_US;
}

/* Requests were served, or something came of itself: now the others. */
static void take_share(struct collector *c)
{
    uint64_t turn_us = edge_take_turn_us(c->world.edge);

    if (has_work(c))
        run_slice(c, collector_budget_us(turn_us, is_alone(c), c->world.settings->pause_budget_us));
}

static void on_breath(void *ctx)
{
    struct collector *c = collector_of(ctx);

    budget_look(&c->budget, uv_now(c->world.loop));
    take_share(c);
}

static void set_awake(struct collector *c, bool awake);

static void arm_look(struct collector *c);

static void on_check(uv_check_t *check)
{
    struct collector *c = collector_of(check->data);
    bool waiting;

    heap_tell_time(c->world.heap, uv_now(c->world.loop));
    budget_look(&c->budget, uv_now(c->world.loop));
    take_share(c);
    waiting = edge_step_waiting(c->world.edge);
    waiting |= edge_step_audience(c->world.edge);
    set_awake(c, waiting || has_work(c));
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

static uint64_t earliest(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* When the next lease ends, or memory has been free for long enough. What is due now keeps the loop awake; and
 * a daemon that nobody calls would never notice what is due later, if no timer woke it. */
static uint64_t next_event_ms(const struct collector *c)
{
    uint64_t pack = heap_pack_at_ms(c->world.heap), purge = heap_purge_at_ms(c->world.heap);

    return earliest(session_next_deadline_ms(c->world.sessions), earliest(pack, purge));
}

/* Wake then, and not later than LOOK_MS from now. */
static void arm_look(struct collector *c)
{
    uint64_t now = uv_now(c->world.loop), event = next_event_ms(c);
    uint64_t at = c->look_at_ms > now ? c->look_at_ms : now + LOOK_MS;

    if (c->look_at_ms != 0 && c->look_at_ms <= now)
        return; /* it is about to fire: timers come after this, and one that is set again does not */
    if (event < at)
        at = event > now + LOOK_MS_MIN ? event : now + LOOK_MS_MIN;
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
    c->gc_units = GC_STEP_UNITS_MIN;
    budget_init(&c->budget, &(struct budget_world){world->heap, world->mem, world->gc, world->settings, world->edge});
    CHECK(uv_check_init(loop, &c->check) == 0 && uv_idle_init(loop, &c->idle) == 0 &&
          uv_timer_init(loop, &c->look) == 0);
    c->check.data = c->idle.data = c->look.data = c;
    uv_check_start(&c->check, on_check);
    edge_on_breath(c->world.edge, on_breath, c);
    arm_look(c);
    *ret = c;
    return ERR_OK;
}

void collector_close(struct collector *c)
{
    edge_on_breath(c->world.edge, NULL, NULL);
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
