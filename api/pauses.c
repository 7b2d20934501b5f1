/* pauses.c - see pauses.h. */
#include "api/pauses.h"
#include "heap/base/check.h"

const char *pause_name(enum pause what)
{
    static const char *const names[PAUSES] = {
        [GC_IDLE] = "idle",         [GC_REAP] = "reap",         [GC_CLOSE] = "close",
        [GC_MARK] = "mark",         [GC_PROVE] = "prove",       [GC_COPY] = "copy",
        [GC_SUBTRACT] = "subtract", [GC_SPREAD] = "spread",     [GC_CONDEMN] = "condemn",
        [GC_RELEASE] = "release",   [GC_FREE] = "free",         [GC_FREEZE] = "freeze",
        [GC_TRIM] = "trim",         [PAUSE_HOUSE] = "house",    [PAUSE_PACK] = "pack",
        [PAUSE_PURGE] = "purge",    [PAUSE_WALK] = "walk",    [PAUSE_RECOUNT] = "recount",
        [PAUSE_SNAPSHOT] = "snapshot", [PAUSE_EXPORT] = "export",
    };

    CHECK(what < PAUSES && names[what] != NULL);
    return names[what];
}

static void out_times(struct out *o, const struct api_pauses *p)
{
    out_member_u64(o, "count", p->count);
    out_member_u64(o, "p50", p->p50_us);
    out_member_u64(o, "p99", p->p99_us);
    out_member_u64(o, "p999", p->p999_us);
    out_member_u64(o, "max", p->max_us);
}

static void out_all(struct out *o, const struct api *api, const char *key, enum pause_clock clock)
{
    struct api_pauses p;

    api->world.pauses(api->world.ctx, PAUSES, clock, &p);
    out_key(o, key);
    out_open_object(o);
    out_times(o, &p);
    out_close_object(o);
}

/* {"count", "p50", "p99", "p999", "max", "cpu_p50", ..., "seconds"}: the last in whatever slice. */
static void out_phase(struct out *o, const struct api *api, enum pause what)
{
    struct api_pauses wall, cpu;

    api->world.pauses(api->world.ctx, what, PAUSE_BY_WALL, &wall);
    api->world.pauses(api->world.ctx, what, PAUSE_BY_CPU, &cpu);
    if (wall.count == 0 && wall.spent_us == 0)
        return;
    out_key(o, pause_name(what));
    out_open_object(o);
    out_times(o, &wall);
    out_member_u64(o, "cpu_p50", cpu.p50_us);
    out_member_u64(o, "cpu_p99", cpu.p99_us);
    out_member_u64(o, "cpu_p999", cpu.p999_us);
    out_member_u64(o, "cpu_max", cpu.max_us);
    out_member_real(o, "seconds", (double)wall.spent_us / 1e6);
    out_close_object(o);
}

void out_pauses(struct out *o, const struct api *api)
{
    out_all(o, api, "pauses_us", PAUSE_BY_WALL);
    out_all(o, api, "pauses_cpu_us", PAUSE_BY_CPU);
    out_key(o, "pauses_by_phase");
    out_open_object(o);
    for (size_t i = 0; i < PAUSES; i++)
        out_phase(o, api, (enum pause)i);
    out_close_object(o);
}
