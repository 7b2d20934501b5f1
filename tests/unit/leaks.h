/*
 * leaks.h - lives with a leak in them, and lives without, on a clock of their own: what test_suspects.c judges by.
 *
 * Time goes in ticks, eight a window, and in each the life acts, the collector is stepped as the daemon steps it, its rule
 * of age included, and what is done between requests is done. A life is decided by its seed. Everything that is made at a
 * site in `leaks` is leaked; nothing else ever is.
 */
#pragma once
#include "tests/unit/api_world.h"

#define TICKS_PER_WINDOW 8
#define WINDOW_MS 60000u
#define LIFE_WINDOWS 56
#define WORKING_MAX 2048 /* objects of a working set */

struct life;

struct life_kind {
    const char *name;
    const char *leaks; /* the site; NULL: clean */
    void (*begin)(struct life *l);
    void (*act)(struct life *l);
};

struct life {
    struct world *w;
    const struct life_kind *kind;
    uint64_t seed;
    uint32_t tick;
    uint64_t cycles_since_ms;
    /* what kinds of life need */
    uint32_t rate, base, spread, every;
    obj_id holder;             /* a list or record that a root names */
    obj_id set[WORKING_MAX];   /* held by session 0 */
    uint32_t count, oldest;
    uint32_t made;
};

/* ---- what lives do ---- */

static inline uint32_t life_between(struct life *l, uint32_t least, uint32_t most)
{
    return least + unit_rand_below(&l->seed, most - least + 1);
}

static inline uint32_t life_window(const struct life *l)
{
    return l->tick / TICKS_PER_WINDOW;
}

/* A record of some fields, held by nobody but the caller. */
static inline obj_id life_make(struct life *l, const char *class, const char *site)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    struct field fields[ARRAY_LEN(names)];
    size_t count = 1 + unit_rand_below(&l->seed, ARRAY_LEN(names));
    obj_id id = 0;

    for (size_t i = 0; i < count; i++)
        fields[i] = (struct field){.name = slice_of(names[i]), .value = value_int(l->made++)};
    MUST(heap_new_record(l->w->heap, (struct label){slice_of(class), slice_of(site)}, fields, count, &id, NULL) == ERR_OK);
    return id;
}

static inline void life_hold(struct life *l, session_id session, obj_id id)
{
    MUST(session_hold(l->w->sessions, session, id, NULL) == ERR_OK);
    heap_release(l->w->heap, id);
}

static inline void life_link(struct life *l, obj_id from, const char *name, obj_id to)
{
    struct field edit = {.name = slice_of(name), .value = value_link(to)};

    MUST(heap_edit_record(l->w->heap, from, &edit, 1, NULL) == ERR_OK);
}

static inline void life_push(struct life *l, obj_id list, obj_id id)
{
    struct value v = value_link(id);
    uint64_t index;

    MUST(heap_push_item(l->w->heap, list, &v, &index, NULL) == ERR_OK);
    heap_release(l->w->heap, id);
}

static inline obj_id life_list(struct life *l)
{
    obj_id id = 0;

    MUST(heap_new_list(l->w->heap, (struct label){SLICE("list"), SLICE("")}, NULL, 0, &id, NULL) == ERR_OK);
    return id;
}

static inline void life_root(struct life *l, const char *name, obj_id id)
{
    MUST(root_put(l->w->heap, slice_of(name), id, NULL, NULL) == ERR_OK);
    heap_release(l->w->heap, id);
}

static inline session_id life_session(struct life *l)
{
    char token[SESSION_TOKEN_BYTES + 1];
    session_id session = 0;

    snprintf(token, sizeof token, "%016" PRIx64 "%016" PRIx64, unit_rand(&l->seed), unit_rand(&l->seed));
    MUST(session_open(l->w->sessions, SESSION_TTL_S_MAX, SLICE("worker"), (struct slice){token, SESSION_TOKEN_BYTES},
                      l->w->now_ms, &session, NULL) == ERR_OK);
    return session;
}

/* ---- a working set that is let go of again, in the order in which it came ---- */

static inline void life_let_oldest_go(struct life *l)
{
    MUST(session_drop(l->w->sessions, 0, l->set[l->oldest], NULL) == ERR_OK);
    l->oldest = (l->oldest + 1) % WORKING_MAX;
    l->count--;
}

static inline void life_keep(struct life *l, obj_id id)
{
    MUST(l->count < WORKING_MAX);
    life_hold(l, 0, id);
    l->set[(l->oldest + l->count++) % WORKING_MAX] = id;
}

/* Make the set as large as that, replacing some of it on the way. */
static inline void life_work(struct life *l, uint32_t size, const char *class, const char *site)
{
    uint32_t replaced = l->count / 4;

    for (uint32_t i = 0; i < replaced; i++)
        life_let_oldest_go(l);
    while (l->count < size && l->count < WORKING_MAX)
        life_keep(l, life_make(l, class, site));
    while (l->count > size)
        life_let_oldest_go(l);
}

/* What any service does beside: work whose size changes by chance. */
static inline void life_churn(struct life *l)
{
    life_work(l, l->base + unit_rand_below(&l->seed, l->spread + 1), "Job", "work.c:1");
}

static inline void life_begin_churn(struct life *l)
{
    l->base = life_between(l, 50, 600);
    l->spread = life_between(l, 0, l->base);
}

/* ---- time ---- */

/* What the daemon does of itself: once cycles have been possible for full_age_s, a full collection. */
static inline void life_collect(struct life *l)
{
    struct gc_state s;
    uint64_t ticket;

    gc_get_state(l->w->gc, &s);
    if (!s.cycles_possible)
        l->cycles_since_ms = 0;
    else if (l->cycles_since_ms == 0)
        l->cycles_since_ms = l->w->now_ms;
    if (s.cycles_possible && l->w->now_ms - l->cycles_since_ms >= (uint64_t)s.tuning.full_age_s * 1000) {
        MUST(gc_collect(l->w->gc, 2, GC_BY_AGE, false, &ticket, NULL) == ERR_OK);
        l->cycles_since_ms = 0;
    }
    gc_finish(l->w->gc);
}

static inline void life_tick(struct life *l)
{
    l->kind->act(l);
    life_collect(l);
    while (api_has_work(l->w->api))
        (void)api_step(l->w->api, 64);
    l->w->now_ms += WINDOW_MS / TICKS_PER_WINDOW;
    l->tick++;
}

static inline void life_windows(struct life *l, uint32_t windows)
{
    for (uint32_t end = l->tick + windows * TICKS_PER_WINDOW; l->tick < end;)
        life_tick(l);
}

static inline struct life *life_new(const struct life_kind *kind, uint64_t seed)
{
    struct life *l = calloc(1, sizeof *l);

    ck_assert_ptr_nonnull(l);
    *l = (struct life){.w = world_new(), .kind = kind, .seed = seed};
    kind->begin(l);
    return l;
}

static inline void life_free(struct life *l)
{
    struct session_info info;

    for (uint32_t cursor = 0; session_next(l->w->sessions, &cursor, &info);)
        if (info.id != 0)
            MUST(session_end(l->w->sessions, info.id, NULL) == ERR_OK);
    world_free(l->w);
    free(l);
}
