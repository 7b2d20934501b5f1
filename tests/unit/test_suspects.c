/*
 * test_suspects.c - /v1/heap/suspects names what leaks, and nothing else: lives with a leak and lives without, by seed.
 *
 * Each kind of life is lived SEEDS times, and looked at after every window. It prints how many leaks were missed, how many
 * innocents were accused, and after how many windows the first verdict came. Of two snapshots, one in the middle and one at the
 * end, the verdict by what is retained has to name the site too, and the point where it has accumulated.
 */
#include "tests/unit/leaks.h"

#define SEEDS 24
#define SNAPSHOT_WINDOW 24
#define SEEDS_LONG 400 /* with HEAPD_TEST_LONG */
#define WRONG_PART 200 /* of so many lives one may be judged wrongly: it is chance that leaks are told from */

/* ---- leaks ---- */

static void begin_registry(struct life *l)
{
    obj_id bus = life_make(l, "Bus", ""), list = life_list(l);

    life_begin_churn(l);
    l->rate = life_between(l, 10, 120);
    life_link(l, bus, "listeners", list);
    heap_release(l->w->heap, list);
    l->holder = list;
    life_root(l, "bus", bus);
}

/* Whoever comes registers, and nobody ever goes. */
static void act_registry(struct life *l)
{
    life_churn(l);
    for (uint32_t i = unit_rand_below(&l->seed, 2 * l->rate); i > 0; i--)
        life_push(l, l->holder, life_make(l, "Listener", "leak.c:7"));
}

static void begin_cache(struct life *l)
{
    life_begin_churn(l);
    l->rate = life_between(l, 10, 80);
    l->holder = life_make(l, "Cache", "");
    life_root(l, "cache", l->holder);
}

/* Keys come again now and then; what is new stays. */
static void act_cache(struct life *l)
{
    char key[24];

    life_churn(l);
    for (uint32_t i = 0; i < l->rate; i++) {
        obj_id id = life_make(l, "Entry", "leak.c:7");

        snprintf(key, sizeof key, "key-%u", unit_rand_below(&l->seed, 4) == 0 ? unit_rand_below(&l->seed, l->made) : l->made);
        life_link(l, l->holder, key, id);
        heap_release(l->w->heap, id);
    }
}

static void begin_dead_sessions(struct life *l)
{
    life_begin_churn(l);
    l->rate = life_between(l, 8, 40); /* with 5 it is 16 KiB in sixteen windows, and less is not worth a word */
    l->every = life_between(l, 1, 3);
}

/* Workers die with their leases a day long. */
static void act_dead_sessions(struct life *l)
{
    session_id session;

    life_churn(l);
    if (l->tick % l->every != 0)
        return;
    session = life_session(l);
    for (uint32_t i = 0; i < l->rate * l->every; i++)
        life_hold(l, session, life_make(l, "Task", "leak.c:7"));
}

static void begin_one_in_n(struct life *l)
{
    life_begin_churn(l);
    l->every = life_between(l, 5, 60);
    l->rate = l->every * life_between(l, 10, 40);
}

/* Made and dropped again at once, but for one in N. */
static void act_one_in_n(struct life *l)
{
    life_churn(l);
    for (uint32_t i = 0; i < l->rate; i++) {
        obj_id id = life_make(l, "Request", "leak.c:7");

        if (unit_rand_below(&l->seed, l->every) == 0)
            life_hold(l, 0, id);
        else
            heap_release(l->w->heap, id);
    }
}

static void begin_cycle(struct life *l)
{
    life_begin_churn(l);
    l->rate = life_between(l, 10, 100);
    l->holder = life_make(l, "Node", "leak.c:7");
    life_link(l, l->holder, "next", l->holder);
    life_root(l, "forgotten", l->holder);
}

/* A ring that a forgotten root holds at one node, and that grows behind it. */
static void act_cycle(struct life *l)
{
    struct value next;

    life_churn(l);
    for (uint32_t i = 0; i < l->rate; i++) {
        obj_id id = life_make(l, "Node", "leak.c:7");

        MUST(heap_get_field(l->w->heap, l->holder, SLICE("next"), &next, NULL) == ERR_OK);
        life_link(l, id, "next", next.id);
        life_link(l, next.id, "previous", id);
        life_link(l, l->holder, "next", id);
        heap_release(l->w->heap, id);
    }
}

/* ---- lives without one ---- */

static void begin_churn(struct life *l)
{
    life_begin_churn(l);
    if (unit_rand_below(&l->seed, 2) == 0) /* beside much that never changes */
        for (int i = 0; i < 5000; i++)
            life_hold(l, 0, life_make(l, "Table", "load.c:1"));
}

static void begin_cycle_churn(struct life *l)
{
    life_begin_churn(l);
    l->rate = life_between(l, 20, 400);
}

/* Pairs that hold each other and nobody else does: for the collector. Some live through its young ones. */
static void act_cycle_churn(struct life *l)
{
    life_churn(l);
    for (uint32_t i = unit_rand_below(&l->seed, 2 * l->rate); i > 0; i--) {
        obj_id a = life_make(l, "Pair", "pair.c:1"), b = life_make(l, "Pair", "pair.c:1");

        life_link(l, a, "other", b);
        life_link(l, b, "other", a);
        heap_release(l->w->heap, b);
        if (unit_rand_below(&l->seed, 4) == 0 && l->count > 0)
            life_link(l, l->set[l->oldest], "pair", a);
        heap_release(l->w->heap, a);
    }
}

static void begin_old_cycles(struct life *l)
{
    struct gc_state s;

    gc_get_state(l->w->gc, &s);
    s.tuning.full_age_s = 1800;
    MUST(gc_set_tuning(l->w->gc, &s.tuning, NULL) == ERR_OK);
    life_begin_churn(l);
    l->rate = life_between(l, 20, 100);
    l->holder = life_list(l);
    life_root(l, "now", l->holder);
}

/* Pairs that were old when they were let go: only a full collection takes them, and that comes twice an hour. */
static void act_old_cycles(struct life *l)
{
    uint64_t ticket;

    life_churn(l);
    MUST(gc_collect(l->w->gc, 1, GC_BY_REQUEST, false, &ticket, NULL) == ERR_OK);
    gc_finish(l->w->gc);
    l->holder = life_list(l);
    life_root(l, "now", l->holder);
    for (uint32_t i = 0; i < l->rate; i++) {
        obj_id a = life_make(l, "Pair", "pair.c:1"), b = life_make(l, "Pair", "pair.c:1");

        life_link(l, a, "other", b);
        life_link(l, b, "other", a);
        heap_release(l->w->heap, b);
        life_push(l, l->holder, a);
    }
}

static void begin_warm_up(struct life *l)
{
    l->base = life_between(l, 1000, WORKING_MAX);
    l->every = life_between(l, 1, 6);           /* windows in which a third is left to come, or in which all comes */
    l->spread = unit_rand_below(&l->seed, 2);   /* evenly, or ever slower */
}

/* It fills, evenly in up to twelve windows or ever slower, and then stays. */
static void act_warm_up(struct life *l)
{
    uint32_t want = l->base, windows = 2 * l->every, missing = l->base - l->count;

    if (l->spread == 0 && life_window(l) < windows)
        want = (uint32_t)((uint64_t)l->base * l->tick / (windows * TICKS_PER_WINDOW));
    else if (l->spread != 0)
        want = l->count + (missing + l->every * TICKS_PER_WINDOW - 1) / (l->every * TICKS_PER_WINDOW);
    while (l->count < want)
        life_keep(l, life_make(l, "Entry", "cache.c:1"));
}

static void begin_eviction(struct life *l)
{
    l->base = life_between(l, 1000, WORKING_MAX);
    l->rate = l->base / (TICKS_PER_WINDOW * life_between(l, 1, 12)) + 1;
    l->every = unit_rand_below(&l->seed, 2);
}

/* A cache that is full after a while: then the oldest goes for each that comes, or half of all at once. */
static void act_eviction(struct life *l)
{
    for (uint32_t i = 0; i < l->rate; i++) {
        bool full = l->count == l->base;

        for (uint32_t gone = l->every == 0 ? 1 : l->base / 2; full && gone > 0; gone--)
            life_let_oldest_go(l);
        life_keep(l, life_make(l, "Entry", "cache.c:1"));
    }
}

static void begin_sessions(struct life *l)
{
    l->rate = life_between(l, 5, 100);
    l->every = life_between(l, 1, 40); /* ticks that one stays */
}

/* Workers come, hold something, and go. */
static void act_sessions(struct life *l)
{
    session_id session = life_session(l);
    uint32_t at = l->tick % l->every;

    for (uint32_t i = unit_rand_below(&l->seed, 2 * l->rate); i > 0; i--)
        life_hold(l, session, life_make(l, "Task", "work.c:1"));
    if (l->tick >= l->every)
        MUST(session_end(l->w->sessions, (session_id)l->set[at], NULL) == ERR_OK);
    l->set[at] = session;
}

static void begin_tides(struct life *l)
{
    l->base = life_between(l, 500, 1300);
    l->every = life_between(l, 6, 24) * TICKS_PER_WINDOW; /* a tide */
    l->spread = life_between(l, l->base / 4, l->base);
}

/* Load that rises and falls: evenly up, evenly down. */
static void act_tides(struct life *l)
{
    uint32_t at = l->tick % l->every, half = l->every / 2;
    uint32_t high = at < half ? at : l->every - at;

    life_work(l, l->base - l->spread / 2 + (uint32_t)((uint64_t)l->spread * high / half) + unit_rand_below(&l->seed, 50), "Job",
              "work.c:1");
}

static const struct life_kind leaks[] = {
    {"a registry that only grows", "leak.c:7", begin_registry, act_registry},
    {"a cache without eviction", "leak.c:7", begin_cache, act_cache},
    {"sessions that die", "leak.c:7", begin_dead_sessions, act_dead_sessions},
    {"one in N forgotten", "leak.c:7", begin_one_in_n, act_one_in_n},
    {"a cycle held by a forgotten root", "leak.c:7", begin_cycle, act_cycle},
};

static const struct life_kind clean[] = {
    {"churn", NULL, begin_churn, life_churn},
    {"cycle churn", NULL, begin_cycle_churn, act_cycle_churn},
    {"cycles that are seldom collected", NULL, begin_old_cycles, act_old_cycles},
    {"a warm-up that levels off", NULL, begin_warm_up, act_warm_up},
    {"a cache with eviction", NULL, begin_eviction, act_eviction},
    {"sessions that come and go", NULL, begin_sessions, act_sessions},
    {"tides", NULL, begin_tides, act_tides},
};

/* ---- the verdicts ---- */

struct verdict {
    bool named;      /* the site that leaks is among them now */
    bool accuses;    /* somebody else is */
    char says[1024]; /* the first that does */
};

static bool is_of_the_leak(const struct life *l, const json_t *item)
{
    const char *by = json_string_value(json_object_get(item, "by")), *site = json_string_value(json_object_get(item, "site"));
    const char *class = json_string_value(json_object_get(item, "class"));

    if (l->kind->leaks == NULL)
        return false;
    if (strcmp(by, "site") == 0)
        return strcmp(site, l->kind->leaks) == 0;
    if (strcmp(by, "class") == 0) /* of what leaks, or of what holds it */
        return strcmp(class, "Job") != 0;
    return true;
}

static struct verdict look(struct life *l)
{
    struct verdict v = {.named = false};
    const json_t *item;
    size_t i;

    must_say(l->w, "GET /v1/heap/suspects", "", 200, NULL);
    json_array_foreach(json_object_get(l->w->json, "items"), i, item) {
        bool of_the_leak = is_of_the_leak(l, item);

        v.named |= of_the_leak && strcmp(json_string_value(json_object_get(item, "by")), "site") == 0;
        if (of_the_leak || v.accuses)
            continue;
        v.accuses = true;
        snprintf(v.says, sizeof v.says, "%s", json_string_value(json_object_get(item, "sentence")));
    }
    return v;
}

/* Where it has accumulated: in an object, or in the session with this label. */
static bool is_the_point(const struct life *l, const json_t *point)
{
    if (l->holder != 0)
        return json_integer_value(json_object_get(point, "id")) == (json_int_t)l->holder;
    return json_object_get(point, "session") != NULL &&
           strcmp(json_string_value(json_object_get(point, "label")), l->kind->begin == begin_dead_sessions ? "worker" : "default") == 0;
}

/* Judged by what is retained, the leak comes first. */
static bool is_judged(struct life *l)
{
    const json_t *point, *site;

    must_say(l->w, "POST /v1/snapshots", "", 201, NULL);
    must_say(l->w, "GET /v1/heap/suspects?snapshot=2&since=1", "", 200, NULL);
    point = json_object_get(json_array_get(json_object_get(l->w->json, "items"), 0), "point");
    site = json_object_get(point, "most_site");
    return site != NULL && strcmp(json_string_value(site), l->kind->leaks) == 0 && is_the_point(l, point);
}

struct count {
    uint32_t missed, accused, misjudged;
    uint32_t first[SEEDS_LONG]; /* windows until it was named */
};

/* Named once and lost again is missed too. */
static void live(const struct life_kind *kind, int seed, struct count *t)
{
    struct life *l = life_new(kind, unit_seed(seed));
    struct verdict v = {.named = false};
    bool accused = false;

    while (life_window(l) < LIFE_WINDOWS) {
        if (l->tick == SNAPSHOT_WINDOW * TICKS_PER_WINDOW)
            must_say(l->w, "POST /v1/snapshots", "", 201, NULL);
        life_tick(l);
        if (l->tick % TICKS_PER_WINDOW != 0)
            continue;
        v = look(l);
        if (v.named && t->first[seed] == 0)
            t->first[seed] = life_window(l);
        if (v.accuses && !accused)
            printf("accused: %s, window %u, --seed %" PRIu64 ": %s\n", kind->name, life_window(l), unit_seed(seed), v.says);
        accused |= v.accuses;
    }
    if (kind->leaks != NULL && !v.named)
        printf("missed: %s, --seed %" PRIu64 "\n", kind->name, unit_seed(seed));
    if (kind->leaks != NULL && !is_judged(l)) {
        printf("misjudged: %s, --seed %" PRIu64 ": %s\n", kind->name, unit_seed(seed), l->w->body);
        t->misjudged++;
    }
    t->missed += kind->leaks != NULL && !v.named;
    t->accused += accused;
    life_free(l);
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

static void live_all(const struct life_kind *kind)
{
    int seeds = getenv("HEAPD_TEST_LONG") != NULL ? SEEDS_LONG : SEEDS;
    struct count t = {.missed = 0};

    for (int seed = 0; seed < seeds; seed++)
        live(kind, seed, &t);
    qsort(t.first, (size_t)seeds, sizeof t.first[0], compare);
    if (kind->leaks != NULL)
        printf("suspects: %s: %d lives, %u missed, %u accuse others, %u misjudged, named after %u windows (median; at most %u)\n",
               kind->name, seeds, t.missed, t.accused, t.misjudged, t.first[seeds / 2], t.first[seeds - 1]);
    else
        printf("suspects: %s: %d clean lives, %u false alarms\n", kind->name, seeds, t.accused);
    fflush(stdout);
    ck_assert_uint_le(t.missed + t.accused + t.misjudged, (unsigned)seeds / WRONG_PART);
}

START_TEST(a_leak_is_named_by_its_site)
{
    live_all(&leaks[_i]);
}
END_TEST

START_TEST(a_life_without_a_leak_is_not_accused)
{
    live_all(&clean[_i]);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_leak_is_named_by_its_site, .rounds = ARRAY_LEN(leaks)),
        TEST(a_life_without_a_leak_is_not_accused, .rounds = ARRAY_LEN(clean)),
    };

    return unit_main(argc, argv, "suspects", tests, ARRAY_LEN(tests));
}
