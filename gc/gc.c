/*
 * gc.c - see gc.h: the machine that is stepped, and what it hears from the heap.
 *
 *     asked for, or due --> [REAP] CLOSE --> [MARK --> PROVE --> COPY] --> [SUBTRACT] --> SPREAD --> [CONDEMN]
 *                                                                               --> RELEASE --> FREE --> logged
 *
 * gc_step() does one bounded piece of whatever comes first: the young window, else the full one, else what has
 * been asked for, else what is due, else the dead that wait to be reaped.
 */
#include "gc/gc.h"
#include "gc/gc_impl.h"
#include "heap/base/map.h"

#define REAP_SHARE 4 /* one unit in so many */
#define GARBAGE_SEED 0x9a7ba9e /* its keys are slots, which no outsider chooses */

/* ---- what the heap tells ---- */

static bool any_window_open(const struct gc *gc)
{
    return gc->young.phase != GC_IDLE || gc->full.phase != GC_IDLE;
}

/* NULL: it is in none. */
static struct window *window_of(struct gc *gc, slot_t slot)
{
    return slotset_has(&gc->young.members, slot) ? &gc->young : slotset_has(&gc->full.members, slot) ? &gc->full : NULL;
}

static void on_born(void *ctx, slot_t slot, enum object_kind kind)
{
    struct gc *gc = ctx;

    if (kind == KIND_BYTES)
        return; /* a leaf holds nothing, so it is in no cycle */
    slotset_add(&gc->nursery[gc->nursery_now], slot);
    gc_populate(gc, slot, 0, 1);
    if (gc->counts[0] < GC_THRESHOLD_MAX)
        gc->counts[0]++;
}

/* A member that changes is taken as reached: see subtract.c. After the flip nobody is told. */
static void on_member_changed(void *ctx, slot_t slot)
{
    struct gc *gc = ctx;
    struct window *w = window_of(gc, slot);

    if (w->phase != GC_CONDEMN) {
        window_reach(w, slot);
        return;
    }
    slotset_remove(&w->members, slot); /* save-all, or a dry run: nobody looks through the reached any more */
    w->reached++;
    w->run.collected--;
    if (!w->run.dry_run)
        gc_promote(gc, slot, gc_object(gc, slot), window_older(w));
}

static void on_dying(void *ctx, slot_t slot)
{
    struct gc *gc = ctx;
    const struct object *o = gc_object(gc, slot);
    struct window *w;

    if (o->kind == KIND_BYTES)
        return;
    gc_populate(gc, slot, o->generation, -1);
    if (gc->counts[0] > 0)
        gc->counts[0]--;
    if (any_window_open(gc) && (w = window_of(gc, slot)) != NULL) {
        slotset_remove(&w->members, slot); /* not collected: it died by counting */
        w->died++;
        w->run.collected -= w->phase == GC_CONDEMN;
    }
}

static void on_recount(void *ctx, void (*count)(void *to, slot_t slot), void *to)
{
    const struct gc *gc = ctx;

    for (uint32_t e = 0; e < map_count(gc->garbage); e++)
        count(to, map_key(gc->garbage, e));
}

static size_t on_validate(void *ctx, void (*broken)(void *to, const char *sentence), void *to)
{
    return gc_validate(ctx, broken, to);
}

/* ---- life ---- */

static bool make_tables(struct gc *gc, struct mem *mem)
{
    gc->garbage = map_create(mem, GARBAGE_SEED);
    return slotset_init(&gc->nursery[0], mem) && slotset_init(&gc->nursery[1], mem) && slotset_init(&gc->middle, mem) &&
           slotset_init(&gc->young.members, mem) && slotset_init(&gc->full.members, mem) &&
           slotset_init(&gc->young.grey.rest, mem) && slotset_init(&gc->full.grey.rest, mem) &&
           copies_init(&gc->copies, mem) && gc->garbage != NULL;
}

static void free_tables(struct gc *gc, struct mem *mem)
{
    mem_uncharge(mem, gc->charged_bytes);
    slotset_fini(&gc->nursery[0], mem);
    slotset_fini(&gc->nursery[1], mem);
    slotset_fini(&gc->middle, mem);
    slotset_fini(&gc->young.members, mem);
    slotset_fini(&gc->full.members, mem);
    slotset_fini(&gc->young.grey.rest, mem);
    slotset_fini(&gc->full.grey.rest, mem);
    copies_fini(&gc->copies, mem);
    map_destroy(&gc->garbage);
}

enum err gc_create(struct heap *h, struct gc **ret)
{
    struct mem *mem = heap_mem(h);
    struct gc *gc = mem_zalloc(mem, sizeof *gc);

    if (gc == NULL)
        return ERR_NOMEM;
    CHECK(heap_counters(h)->objects == 0); /* it has to be told of each */
    gc->heap = h;
    gc->pools = heap_pools(h);
    gc->tuning = (struct gc_tuning){
        .enabled = true, .thresholds = {2000, 10, 10}, .full_bytes_pct = 25, .full_age_s = 60};
    gc->young.mark = WINDOW_YOUNG;
    gc->full.mark = WINDOW_FULL;
    gc->watch = (struct heap_watch){.ctx = gc,
                                    .born = on_born,
                                    .gained_ref = on_member_changed,
                                    .lost_ref = on_member_changed,
                                    .member_changing = on_member_changed,
                                    .dying = on_dying,
                                    .recount = on_recount,
                                    .validate = on_validate,
                                    .recount_step = garbage_recount_step,
                                    .held_count = garbage_held_count,
                                    .validate_step = gc_validate_step};
    if (!make_tables(gc, mem)) {
        free_tables(gc, mem);
        mem_free(mem, gc, sizeof *gc);
        return ERR_NOMEM;
    }
    heap_add_watch(h, &gc->watch);
    *ret = gc;
    return ERR_OK;
}

static bool step_windows(struct gc *gc, size_t *units);

void gc_destroy(struct gc **at)
{
    struct gc *gc = *at;
    size_t units;

    *at = NULL;
    if (gc == NULL)
        return;
    do /* what is open must end: its members are between life and death */
        units = SIZE_MAX;
    while (step_windows(gc, &units));
    while (gc_clear_garbage(gc, SIZE_MAX) == 0)
        ;
    heap_remove_watch(gc->heap, &gc->watch);

    struct mem *mem = heap_mem(gc->heap);

    free_tables(gc, mem);
    mem_free(mem, gc, sizeof *gc);
}

/* ---- one window, phase by phase ---- */

typedef size_t (*phase_fn)(struct gc *, struct window *, size_t units);

/* Those that are not to die, one way or the other; the rest died at the flip. */
static size_t spare(struct gc *gc, struct window *w, size_t units)
{
    return w->run.dry_run ? condemn_tally(gc, w, units) : w->save_all ? condemn_save(gc, w, units) : units;
}

static phase_fn phase_of(const struct window *w)
{
    switch (w->phase) {
    case GC_CLOSE:
        return window_close_set;
    case GC_MARK:
        return window_mark;
    case GC_PROVE:
        return window_prove;
    case GC_COPY:
        return window_copy;
    case GC_SUBTRACT:
        return window_subtract;
    case GC_SPREAD:
        return window_spread;
    case GC_CONDEMN:
        return spare;
    case GC_RELEASE:
        return condemn_release;
    case GC_FREE:
        return condemn_free;
    case GC_IDLE:
    case GC_REAP:
    case GC_FREEZE:
    case GC_TRIM:
    case GC_PHASES:
        break;
    }
    UNREACHABLE();
}

static void log_run(struct gc *gc, struct window *w)
{
    struct logged_run *entry = &gc->log[gc->run_count % GC_LOG_MAX];

    w->run.number = ++gc->run_count;
    *entry = (struct logged_run){w->run, w->ticket};
    gc->last_run = &entry->run;
}

static void finish_window(struct gc *gc, struct window *w)
{
    struct gc_generation *g = &gc->generations[w->generation];

    heap_close_window(gc->heap, w->mark);
    CHECK(grey_is_empty(&w->grey));
    if (!w->run.dry_run) {
        g->collections++;
        g->collected += w->run.collected;
        g->units += w->run.units;
        pace_ended(gc, w);
    }
    gc->requests[w->generation][w->run.dry_run].finished = w->ticket;
    log_run(gc, w);
    w->phase = GC_IDLE;
}

/* A walk that would have nothing to do is left out. */
static bool has_nothing_to_do(const struct window *w)
{
    switch (w->phase) {
    case GC_MARK:
    case GC_PROVE:
        return w->generation < 2; /* what holds the young is old: there is more of it than of them */
    case GC_COPY:
        return w->generation < 2 || w->nothing_held; /* the young were copied when they were chosen */
    case GC_SUBTRACT:
        return w->nothing_held;
    case GC_RELEASE:
    case GC_FREE:
        return w->run.dry_run || w->save_all || w->run.collected == 0;
    default:
        return false;
    }
}

static void next_phase(struct gc *gc, struct window *w)
{
    do
        w->phase++;
    while (w->phase <= GC_FREE && has_nothing_to_do(w));
    if (w->phase == GC_CONDEMN)
        condemn_begin(gc, w);
    if (w->phase <= GC_FREE)
        window_rewind(w);
    else
        finish_window(gc, w);
}

static void step_window(struct gc *gc, struct window *w, size_t *units)
{
    uint64_t live_bytes = heap_counters(gc->heap)->live_bytes;
    size_t before = *units;

    gc->last_run = &w->run;
    gc->last_generation = w->generation;
    gc->last_phase = w->phase;
    *units = phase_of(w)(gc, w, *units);
    w->run.units += before - *units;
    if (w->phase >= GC_RELEASE) /* before it, what dies is others' */
        w->run.freed_bytes += live_bytes - heap_counters(gc->heap)->live_bytes;
    if (*units > 0)
        next_phase(gc, w);
}

/* True if a window is open and has been worked on. */
static bool step_windows(struct gc *gc, size_t *units)
{
    struct window *w = gc->young.phase != GC_IDLE ? &gc->young : &gc->full;

    if (w->phase == GC_IDLE)
        return false;
    step_window(gc, w, units);
    return true;
}

/* ---- starting one ---- */

/* A young window may open inside a full one once that has chosen its own from the young sets; nothing opens
 * beside a dry run, which leaves its members where they are. */
static bool may_open(const struct gc *gc, int generation)
{
    const struct window *full = &gc->full;

    if (gc->young.phase != GC_IDLE)
        return false;
    if (full->phase == GC_IDLE)
        return !gc->freezing; /* that goes first; while a full window is open it has to wait, and the young do not */
    return generation < 2 && !full->run.dry_run && (full->phase != GC_CLOSE || full->walk == WALK_HEAP);
}

static void open(struct gc *gc, int generation, enum gc_reason reason, bool dry_run)
{
    struct window *w = generation == 2 ? &gc->full : &gc->young;
    struct requests *r = &gc->requests[generation][dry_run];

    r->wanted = false;
    w->ticket = ++r->started;
    window_open(gc, w, generation, reason, dry_run);
}

static size_t reap(struct gc *gc, size_t units)
{
    gc->last_phase = GC_REAP;
    return heap_reap(gc->heap, units);
}

/* What was asked for, oldest first: reap, then open. True if there was something to do. */
static bool start_request(struct gc *gc, size_t *units)
{
    for (int g = GC_GENERATIONS - 1; g >= 0; g--)
        for (int dry = 0; dry < 2; dry++) {
            if (!gc->requests[g][dry].wanted || !may_open(gc, g) || (dry && gc->full.phase != GC_IDLE))
                continue;
            *units = reap(gc, *units);
            if (*units > 0)
                open(gc, g, gc->requests[g][dry].reason, dry);
            return true;
        }
    return false;
}

static bool start_due(struct gc *gc)
{
    enum gc_reason reason;
    int g = pace_due(gc, &reason);

    if (g < 0 || !may_open(gc, g))
        return false;
    open(gc, g, reason, false);
    return true;
}

static bool request_waits(const struct gc *gc)
{
    for (int g = 0; g < GC_GENERATIONS; g++)
        if (gc->requests[g][0].wanted || gc->requests[g][1].wanted)
            return true;
    return false;
}

/* The sets that nobody needs when no window is open. */
#define IDLE_SETS 6u

static const struct slotset *idle_set(const struct gc *gc, uint32_t i)
{
    const struct slotset *sets[IDLE_SETS] = {&gc->young.members,   &gc->full.members,   &gc->young.grey.rest,
                                             &gc->full.grey.rest, &gc->middle,          &gc->nursery[!gc->nursery_now]};

    return sets[i];
}

/* Tables that large collections needed. */
static bool tables_are_large(const struct gc *gc)
{
    bool large = copies_are_many(&gc->copies);

    for (uint32_t i = 0; i < IDLE_SETS; i++)
        large |= slotset_is_large(idle_set(gc, i));
    return large;
}

static size_t trim_tables(struct gc *gc, size_t units)
{
    if (copies_are_many(&gc->copies))
        units = copies_give_back(&gc->copies, gc->pools->pool_end, units);
    for (uint32_t i = 0; i < IDLE_SETS && units > 0; i++)
        if (slotset_is_large(idle_set(gc, i)))
            units = slotset_trim((struct slotset *)(uintptr_t)idle_set(gc, i), units);
    return units;
}

bool gc_is_due(const struct gc *gc)
{
    enum gc_reason reason;
    int g = pace_due(gc, &reason);

    return g >= 0 && may_open(gc, g);
}

bool gc_has_work(const struct gc *gc)
{
    return gc->young.phase != GC_IDLE || gc->full.phase != GC_IDLE || gc->freezing || request_waits(gc) ||
           gc_is_due(gc) || tables_are_large(gc) || heap_counters(gc->heap)->doomed > 0;
}

/* The tables follow the heap, on the account too. What they cost is spent: it is not asked for. */
static void charge_tables(struct gc *gc)
{
    size_t sets = slotset_bytes(&gc->nursery[gc->nursery_now]);

    for (uint32_t i = 0; i < IDLE_SETS; i++)
        sets += slotset_bytes(idle_set(gc, i));

    mem_uncharge(heap_mem(gc->heap), gc->charged_bytes);
    gc->charged_bytes = sets + copies_bytes(&gc->copies);
    mem_charge_spent(heap_mem(gc->heap), gc->charged_bytes);
}

/* Each set as long as the heap, and a byte a slot; counts that do not fit into it are rare, and so are their pages. */
size_t gc_table_bytes_to_come(const struct gc *gc)
{
    size_t pool_end = gc->pools->pool_end;
    size_t pages = (pool_end * POOL_CELLS + COPIES_PAGE_SLOTS - 1) / COPIES_PAGE_SLOTS;
    size_t most = (1 + IDLE_SETS) * pool_end * (POOL_CELLS / 8) + pages * MEM_PAGE_BYTES;

    return most > gc->charged_bytes ? most - gc->charged_bytes : 0;
}

/* One thing: true if there was any. */
static bool step_once(struct gc *gc, size_t *units)
{
    bool windows_open = any_window_open(gc);

    if (gc->young.phase == GC_IDLE && (start_request(gc, units) || start_due(gc)))
        return true;
    if (windows_open)
        return step_windows(gc, units);
    if (gc->freezing) {
        gc->last_phase = GC_FREEZE;
        *units = freeze_step(gc, *units);
    } else if (heap_counters(gc->heap)->doomed > 0) {
        *units = reap(gc, *units);
    } else if (tables_are_large(gc)) {
        gc->last_phase = GC_TRIM;
        *units = trim_tables(gc, *units);
    } else {
        return false;
    }
    return true;
}

/* While a collection is open the dead get a share of each step, so that they do not pile up behind it. */
static size_t reap_share(struct gc *gc, size_t units)
{
    bool open_window = any_window_open(gc);
    size_t share = units / REAP_SHARE;

    if (!open_window || share == 0 || heap_counters(gc->heap)->doomed == 0)
        return units;
    return units - (share - reap(gc, share));
}

size_t gc_step(struct gc *gc, size_t units)
{
    uint64_t ended = gc->run_count;

    units = reap_share(gc, units);
    while (units > 0 && gc->run_count == ended && step_once(gc, &units))
        ;
    charge_tables(gc);
    pace_note_bytes(gc);
    return gc->run_count != ended && gc_has_work(gc) ? 0 : units;
}

enum gc_phase gc_step_phase(const struct gc *gc)
{
    return gc->last_phase;
}

void gc_finish(struct gc *gc)
{
    while (gc_has_work(gc))
        (void)gc_step(gc, 1u << 20);
}

void gc_note_step(struct gc *gc, uint64_t us, uint64_t unix_ms, uint64_t slice)
{
    struct gc_run *run = gc->last_run;

    gc->last_run = NULL;
    if (run == NULL)
        return;
    if (run->slices == 0)
        run->began_ms = unix_ms - us / 1000;
    if (run->slices == 0 || run->last_slice != slice) {
        run->slices++;
        run->last_slice = slice;
        run->last_slice_us = 0;
    }
    run->us += us;
    run->last_slice_us += us;
    if (run->last_slice_us > run->max_slice_us)
        run->max_slice_us = run->last_slice_us;
    run->ended_ms = unix_ms;
    if (!run->dry_run)
        gc->generations[gc->last_generation].us += us;
}

/* ---- asking ---- */

enum err gc_collect(struct gc *gc, int generation, enum gc_reason reason, bool dry_run, uint64_t *ret_ticket,
                    struct why *why)
{
    struct requests *r;

    if (generation < 0 || generation >= GC_GENERATIONS)
        return why_set(why, ERR_BAD_VALUE, "invalid generation %d: it is 0, 1 or 2", generation);
    r = &gc->requests[generation][dry_run];
    if (!r->wanted)
        r->reason = reason;
    r->wanted = true;
    if (ret_ticket != NULL)
        *ret_ticket = r->started + 1;
    return ERR_OK;
}

bool gc_run_of(const struct gc *gc, int generation, bool dry_run, uint64_t ticket, struct gc_run *ret)
{
    if (gc->requests[generation][dry_run].finished < ticket)
        return false;
    *ret = (struct gc_run){.generation = generation, .dry_run = dry_run};
    for (size_t i = 0; i < GC_LOG_MAX && i < gc->run_count; i++) {
        const struct logged_run *entry = &gc->log[i];

        if (entry->run.generation == generation && entry->run.dry_run == dry_run && entry->ticket == ticket)
            *ret = entry->run;
    }
    return true;
}

bool gc_log(const struct gc *gc, size_t back, struct gc_run *ret)
{
    if (back >= GC_LOG_MAX || back >= gc->run_count)
        return false;
    *ret = gc->log[(gc->run_count - 1 - back) % GC_LOG_MAX].run;
    return true;
}

uint64_t gc_begun(const struct gc *gc)
{
    return gc->begun_count;
}

uint64_t gc_ended(const struct gc *gc)
{
    return gc->run_count;
}

static bool is_open_run(const struct window *w, uint64_t n)
{
    return w->phase != GC_IDLE && w->run.begun == n;
}

bool gc_run_begun(const struct gc *gc, uint64_t n, struct gc_run *ret)
{
    if (is_open_run(&gc->young, n) || is_open_run(&gc->full, n)) {
        *ret = is_open_run(&gc->young, n) ? gc->young.run : gc->full.run;
        return true;
    }
    for (size_t back = 0; gc_log(gc, back, ret); back++)
        if (ret->begun == n)
            return true;
    return false;
}

void gc_get_state(const struct gc *gc, struct gc_state *ret)
{
    const struct window *w = gc->young.phase != GC_IDLE ? &gc->young : &gc->full;

    *ret = (struct gc_state){.tuning = gc->tuning,
                             .phase = w->phase,
                             .collecting = w->phase != GC_IDLE ? w->generation : -1,
                             .frozen = gc->population[GENERATION_FROZEN],
                             .garbage = map_count(gc->garbage),
                             .side_bytes = sizeof *gc + gc->charged_bytes + map_bytes(gc->garbage),
                             .cycles_possible = heap_counters(gc->heap)->fell_nonzero != gc->fell_at_full};
    if (w->phase == GC_IDLE && gc->freezing)
        ret->phase = GC_FREEZE;
    else if (w->phase == GC_IDLE && request_waits(gc))
        ret->phase = GC_REAP;
    for (int g = 0; g < GC_GENERATIONS; g++) {
        ret->counts[g] = gc->counts[g];
        ret->generations[g] = gc->generations[g];
        ret->generations[g].objects = gc->population[g];
    }
}

uint64_t gc_collections(const struct gc *gc, int generation)
{
    return gc->generations[generation].collections;
}

enum err gc_set_tuning(struct gc *gc, const struct gc_tuning *t, struct why *why)
{
    const uint32_t known = GC_DEBUG_STATS | GC_DEBUG_COLLECTABLE | GC_DEBUG_UNCOLLECTABLE | GC_DEBUG_SAVEALL;

    for (int g = 0; g < GC_GENERATIONS; g++)
        if (t->thresholds[g] > GC_THRESHOLD_MAX)
            return why_limit(why, ERR_BAD_VALUE, "threshold_max", GC_THRESHOLD_MAX, "threshold %d is %u", g,
                             t->thresholds[g]);
    if ((t->debug & ~known) != 0)
        return why_set(why, ERR_BAD_VALUE, "unknown debug flags %u", t->debug & ~known);
    gc->tuning = *t;
    return ERR_OK;
}
