/*
 * collector_work.c - the work by which heapd's heap and collector are held against CPython's, in process.
 *
 *   collector_work numbers COUNT FILE        the links and the order of a graph, for the other side
 *   collector_work graph COUNT ORDER         build, link, look up, collect with nothing dead, drop it all
 *   collector_work chain COUNT ORDER         each record linked from one other, the first one dropped
 *   collector_work young COUNT               as many in sets of 2,000, live and dead, beside COUNT old ones
 *   collector_work pairs COUNT               cyclic pairs made and dropped beside COUNT old ones
 *   collector_work sparse COUNT KEEP         all dropped but one in KEEP at random; memory afterwards
 *   collector_work spin MS                   no heap: slices that only look at the clock
 *
 * cpython_work.py does the same in plain Python. Both take their links and their order from the same numbers,
 * and each prints one line of JSON with the same keys.
 *
 * The graph is COUNT records {a, b, n}: links to two random records, and a small integer (which costs memory
 * on neither side). All are held by one list. What is timed reads its random targets from arrays that are laid
 * out before, so that only the records themselves are missed in the cache.
 *
 * ORDER is `creation` or `random`: the order in which the list holds the records, and in which the chain runs
 * through them. It is what a collector meets: CPython's list of all objects takes on the order in which the one
 * list holds them (cpython_work.py says how); here records are named by where they lie, so it shows only where
 * the list or the chain is followed.
 *
 * The collector's time is the sum of its slices, made as daemon/collector.c makes them. Automatic collections
 * are off except where pairs are made, so that what is measured begins when it is asked for. How long work takes
 * is its thread's CPU time, here and there, so that others on the machine count for neither side; how long a
 * slice makes others wait is told by the clock on the wall too.
 */
#include "gc/gc.h"
#include "heap/base/check.h"
#include "heap/form.h"
#include "heap/root.h"
#include "noise.h"
#include "slices.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLICE_NS         500000u
#define STEP_UNITS       128
#define CONTROL_NS_MAX   2000000000u
#define SEED             4327u
#define SMALL_INTS       128 /* CPython keeps one object each for these */
#define FULL_ROUNDS      3
#define YOUNG            2000
#define PAIRS_AN_OLD_ONE 3   /* pairs made for each old record */
#define CREATES_A_TURN   256 /* as many ops as a batch runs before the collector has its turn */
#define TIDY_MS          60000
#define TIDY_TURN_MS     1000

/* Work that `collector --profile` tells apart by its name. */
#define PHASE static __attribute__((noinline))

/* Its pages are all touched here, so that none is for the first time while something is measured. */
static void *table(size_t count, size_t size)
{
    void *t = malloc(count * size);

    CHECK(t != NULL);
    memset(t, 1, count * size);
    return t;
}

static uint64_t resident_bytes(void)
{
    unsigned long long pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");

    CHECK(f != NULL);
    CHECK(fscanf(f, "%*u %llu", &pages) == 1);
    fclose(f);
    return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* ---- the numbers that both sides use ---- */

struct numbers {
    uint32_t *a, *b; /* targets of the two links */
    uint32_t *order; /* a permutation */
};

/* xorshift64* (Vigna 2016), scaled to [0, below). */
static uint32_t random_below(uint64_t *state, uint32_t below)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (uint32_t)(((*state * 2685821657736338717u >> 32) * below) >> 32);
}

static struct numbers make_numbers(uint32_t count)
{
    struct numbers n = {table(count, 4), table(count, 4), table(count, 4)};
    uint64_t state = SEED;

    for (uint32_t i = 0; i < count; i++) {
        n.a[i] = random_below(&state, count);
        n.b[i] = random_below(&state, count);
    }
    for (uint32_t i = 0; i < count; i++) { /* shuffled while it is made (Fisher and Yates, inside out) */
        uint32_t j = random_below(&state, i + 1);

        n.order[i] = n.order[j];
        n.order[j] = i;
    }
    return n;
}

static void free_numbers(struct numbers *n)
{
    free(n->a);
    free(n->b);
    free(n->order);
}

static void write_numbers(uint32_t count, const char *path)
{
    struct numbers n = make_numbers(count);
    FILE *f = fopen(path, "we");

    CHECK(f != NULL);
    CHECK(fwrite(n.a, 4, count, f) == count && fwrite(n.b, 4, count, f) == count);
    CHECK(fwrite(n.order, 4, count, f) == count && fclose(f) == 0);
    free_numbers(&n);
}

static void print_spin(uint32_t ms)
{
    struct slices s = {0};

    slices_spin(&s, SLICE_NS, ms * 1000000ull);
    slices_print(&s);
    slices_free(&s);
}

/* ---- a heap and what the work does with it ---- */

struct work {
    uint32_t count;
    bool is_random;
    uint32_t keep;
    struct numbers numbers;
    obj_id *ids;     /* of the records, in the order of creation */
    obj_id *targets; /* what is linked to or looked up, one after the other */
    struct mem mem;
    struct heap *heap;
    struct gc *gc;
    struct record_form *form;
    size_t step_units; /* that the next step of the collector gets */
};

enum { A, B, N }; /* the fields of a record */

static const struct slice names[] = {SLICE("a"), SLICE("b"), SLICE("n")};

/* Written where it stands: copied, its two members would be read as one before the processor has put them together. */
static inline void set_value(struct value *v, obj_id target)
{
    v->kind = target != 0 ? VALUE_LINK : VALUE_NULL;
    v->id = target;
}

/* `a` and `b` are linked; 0: null. One reference to it is the caller's. */
static inline obj_id new_record(struct work *w, obj_id a, obj_id b, int64_t n)
{
    struct value values[3];
    obj_id id;

    set_value(&values[A], a);
    set_value(&values[B], b);
    values[N].kind = VALUE_INT;
    values[N].integer = n;

    CHECK(heap_new_of_form(w->heap, w->form, values, &id, NULL) == ERR_OK);
    return id;
}

static void set_link(struct work *w, obj_id from, int field, obj_id to)
{
    struct value link = value_link(to);

    CHECK(heap_set_of_form(w->heap, from, w->form, (size_t)field, &link, NULL) == ERR_OK);
}

/* What the daemon does in a minute in which nothing is asked of it. The heap has no clock: it is told one. */
static void tidy(struct work *w)
{
    for (uint64_t now_ms = 0; now_ms <= TIDY_MS; now_ms += TIDY_TURN_MS) {
        heap_tell_time(w->heap, now_ms);
        while (heap_pack_at_ms(w->heap) <= now_ms)
            heap_pack(w->heap, STEP_UNITS);
        while (heap_purge_at_ms(w->heap) <= now_ms)
            heap_purge(w->heap, STEP_UNITS);
    }
}

static void set_automatic(struct work *w, bool on)
{
    struct gc_state s;

    gc_get_state(w->gc, &s);
    s.tuning.enabled = on;
    CHECK(gc_set_tuning(w->gc, &s.tuning, NULL) == ERR_OK);
}

static void work_init(struct work *w)
{
    w->numbers = make_numbers(w->count);
    w->ids = table(w->count, sizeof(*w->ids));
    w->targets = table(w->count, sizeof(*w->targets));
    mem_init(&w->mem, 0);
    CHECK(heap_create(&w->mem, SEED, &w->heap) == ERR_OK);
    CHECK(gc_create(w->heap, &w->gc) == ERR_OK);
    CHECK(heap_form_create(w->heap, (struct label){.class = SLICE("Node")}, names, sizeof(names) / sizeof(*names),
                           &w->form, NULL) == ERR_OK);
    set_automatic(w, false);
}

static void work_fini(struct work *w)
{
    heap_form_destroy(w->heap, &w->form);
    gc_destroy(&w->gc);
    heap_destroy(&w->heap);
    mem_fini(&w->mem);
    free(w->targets);
    free(w->ids);
    free_numbers(&w->numbers);
}

/* One slice of whatever the collector has to do. */
static void run_slice(struct work *w, struct slices *s)
{
    struct slice_start start = slice_begin();
    uint64_t wall = 0, before;
    size_t left;

    do {
        before = wall;
        left = gc_step(w->gc, w->step_units);
        wall = now_ns() - start.wall_ns;
        w->step_units = gc_next_units(w->step_units, (wall - before) / 1000);
    } while (left == 0 && wall < SLICE_NS);
    gc_note_step(w->gc, wall / 1000, 0, start.wall_ns);
    slice_end(s, start, wall);
}

PHASE void run_all(struct work *w, struct slices *s)
{
    while (gc_has_work(w->gc))
        run_slice(w, s);
}

/* A whole collection, until what it condemned is reclaimed; how many objects that were. */
static uint64_t collect(struct work *w, int generation, struct slices *s)
{
    struct gc_run run;
    uint64_t ticket;

    CHECK(gc_collect(w->gc, generation, GC_BY_REQUEST, false, &ticket, NULL) == ERR_OK);
    run_all(w, s);
    CHECK(gc_run_of(w->gc, generation, false, ticket, &run));
    return run.collected;
}

PHASE void create_all(struct work *w)
{
    for (uint32_t i = 0; i < w->count; i++)
        w->ids[i] = new_record(w, 0, 0, i % SMALL_INTS);
}

static void release_all(struct work *w)
{
    for (uint32_t i = 0; i < w->count; i++)
        heap_release(w->heap, w->ids[i]);
}

static void aim(struct work *w, const uint32_t *at)
{
    for (uint32_t i = 0; i < w->count; i++)
        w->targets[i] = w->ids[at[i]];
}

PHASE void link_all(struct work *w, int field)
{
    for (uint32_t i = 0; i < w->count; i++)
        set_link(w, w->ids[i], field, w->targets[i]);
}

/* The list takes over the caller's references. */
static void hold_all_by_a_list(struct work *w)
{
    struct label label = {.class = SLICE("list")};
    obj_id list;

    CHECK(heap_new_list(w->heap, label, NULL, 0, &list, NULL) == ERR_OK);
    CHECK(root_put(w->heap, SLICE("bench"), list, NULL, NULL) == ERR_OK);
    heap_release(w->heap, list);
    for (uint32_t i = 0; i < w->count; i++) {
        struct value item = value_link(w->ids[w->is_random ? w->numbers.order[i] : i]);

        CHECK(heap_push_item(w->heap, list, &item, NULL, NULL) == ERR_OK);
    }
    release_all(w);
}

static void drop(struct work *w)
{
    CHECK(root_delete(w->heap, SLICE("bench"), NULL) == ERR_OK);
}

static uint64_t objects(const struct work *w)
{
    struct heap_stats s;

    heap_stats(w->heap, &s);
    return s.objects + s.doomed;
}

/* ---- graph ---- */

static double by_count(const struct work *w, uint64_t ns)
{
    return (double)ns / w->count;
}

PHASE void look_up_all(struct work *w)
{
    uint64_t found = 0;

    for (uint32_t i = 0; i < w->count; i++)
        found += heap_has(w->heap, w->targets[i]);
    CHECK(found == w->count);
}

PHASE void read_all(struct work *w)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < w->count; i++) {
        struct value v;

        CHECK(heap_get_field(w->heap, w->targets[i], names[N], &v, NULL) == ERR_OK);
        sum += (uint64_t)v.integer;
    }
    CHECK(sum > 0);
}

static void look_up(struct work *w)
{
    uint64_t began = thread_ns();

    look_up_all(w);
    printf("\"lookup_ns\":%.2f,", by_count(w, thread_ns() - began));
    began = thread_ns();
    read_all(w);
    printf("\"read_ns\":%.2f,", by_count(w, thread_ns() - began));
}

static void build(struct work *w)
{
    uint64_t began = thread_ns(), took;

    create_all(w);
    printf("\"create_ns\":%.2f,", by_count(w, thread_ns() - began));
    aim(w, w->numbers.a);
    began = thread_ns();
    link_all(w, A);
    took = thread_ns() - began;
    aim(w, w->numbers.b);
    began = thread_ns();
    link_all(w, B);
    printf("\"link_ns\":%.2f,", by_count(w, took + thread_ns() - began) / 2);
    aim(w, w->numbers.order);
    look_up(w);
}

static void print_slices(const char *name, struct slices *s)
{
    printf("\"%s\":", name);
    slices_print(s);
    slices_free(s);
    printf(",");
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

PHASE void collect_full(struct work *w)
{
    struct slices s = {0};
    double ms[FULL_ROUNDS];

    for (int i = 0; i < FULL_ROUNDS; i++) {
        uint64_t before = s.total_ns;

        CHECK(collect(w, GC_GENERATIONS - 1, &s) == 0);
        ms[i] = (double)(s.total_ns - before) / 1e6;
    }
    qsort(ms, FULL_ROUNDS, sizeof(*ms), by_size);
    printf("\"full_ms\":%.3f,", ms[FULL_ROUNDS / 2]);
    print_slices("full_slices", &s);
}

/* First what the counts alone bring down, which takes *by_counts_ns, then a collection for the rest. */
PHASE void bring_down(struct work *w, struct slices *s, uint64_t *by_counts_ns)
{
    drop(w);
    run_all(w, s);
    *by_counts_ns = s->total_ns;
    collect(w, GC_GENERATIONS - 1, s);
    CHECK(objects(w) == 0);
}

static void drop_graph(struct work *w)
{
    struct slices s = {0}, control = {0};
    uint64_t counted;

    bring_down(w, &s, &counted);
    printf("\"dead_ms\":%.3f,\"dead_by_counts_ms\":%.3f,", (double)s.total_ns / 1e6, (double)counted / 1e6);
    slices_spin(&control, SLICE_NS, s.total_ns < CONTROL_NS_MAX ? s.total_ns : CONTROL_NS_MAX);
    print_slices("dead_slices", &s);
    print_slices("control", &control);
}

static void run_graph(struct work *w)
{
    uint64_t rss = resident_bytes(), account = w->mem.used_bytes;
    struct slices first = {0};

    build(w);
    collect(w, GC_GENERATIONS - 1, &first); /* all are old from here on, and the collector's tables are there */
    slices_free(&first);
    printf("\"rss_bytes\":%.2f,\"account_bytes\":%.2f,", by_count(w, resident_bytes() - rss),
           by_count(w, w->mem.used_bytes - account));
    hold_all_by_a_list(w);
    collect_full(w);
    drop_graph(w);
}

/* ---- chain ---- */

static uint32_t place(const struct work *w, uint32_t i)
{
    return w->is_random ? w->numbers.order[i] : i;
}

static void run_chain(struct work *w)
{
    struct slices s = {0};

    create_all(w);
    for (uint32_t i = 0; i + 1 < w->count; i++)
        set_link(w, w->ids[place(w, i)], A, w->ids[place(w, i + 1)]);
    CHECK(root_put(w->heap, SLICE("bench"), w->ids[place(w, 0)], NULL, NULL) == ERR_OK);
    release_all(w);
    drop(w);
    run_all(w, &s);
    CHECK(objects(w) == 0);
    printf("\"chain_ns\":%.2f,", by_count(w, s.total_ns));
    print_slices("slices", &s);
}

/* ---- young ---- */

static void make_old(struct work *w)
{
    struct slices s = {0};

    create_all(w);
    hold_all_by_a_list(w);
    collect(w, GC_GENERATIONS - 1, &s);
    slices_free(&s);
}

/* Pairs that link to each other, and each to the record before. */
static void make_young(struct work *w, obj_id *ids)
{
    for (int i = 0; i < YOUNG; i++) {
        ids[i] = new_record(w, 0, i > 0 ? ids[i - 1] : 0, 1);
        if (i % 2 == 1) {
            set_link(w, ids[i], A, ids[i - 1]);
            set_link(w, ids[i - 1], A, ids[i]);
        }
    }
}

static void forget_young(struct work *w, const obj_id *ids)
{
    for (int i = 0; i < YOUNG; i++)
        heap_release(w->heap, ids[i]);
}

PHASE void collect_live(struct work *w, struct slices *s)
{
    CHECK(collect(w, 0, s) == 0);
}

PHASE void collect_dead(struct work *w, struct slices *s)
{
    CHECK(collect(w, 0, s) == YOUNG);
}

static void run_young(struct work *w)
{
    struct slices live = {0}, dead = {0}, between = {0};
    uint32_t rounds = w->count / YOUNG;
    obj_id ids[YOUNG];

    CHECK(rounds > 0);
    make_old(w);
    for (uint32_t i = 0; i < rounds; i++) {
        make_young(w, ids);
        collect_live(w, &live);
        forget_young(w, ids);
        collect(w, 1, &between);
        make_young(w, ids);
        forget_young(w, ids);
        collect_dead(w, &dead);
    }
    printf("\"live_ns\":%.2f,\"dead_ns\":%.2f,", (double)live.total_ns / rounds / YOUNG,
           (double)dead.total_ns / rounds / YOUNG);
    print_slices("live_slices", &live);
    print_slices("dead_slices", &dead);
    slices_free(&between);
}

/* ---- pairs ---- */

static void make_pair(struct work *w)
{
    obj_id x = new_record(w, 0, 0, 1);
    obj_id y = new_record(w, x, 0, 1);

    set_link(w, x, A, y);
    heap_release(w->heap, x);
    heap_release(w->heap, y);
}

PHASE void make_pairs(struct work *w, uint64_t pairs, struct slices *s)
{
    for (uint64_t i = 1; i <= pairs; i++) {
        make_pair(w);
        if (i % (CREATES_A_TURN / 2) == 0)
            run_all(w, s);
    }
}

static void run_pairs(struct work *w)
{
    uint64_t pairs = (uint64_t)PAIRS_AN_OLD_ONE * w->count, began;
    struct slices s = {0};

    make_old(w);
    set_automatic(w, true);
    began = thread_ns();
    make_pairs(w, pairs, &s);
    printf("\"pair_ns\":%.2f,\"collector_ns\":%.2f,", (double)(thread_ns() - began) / (double)pairs,
           (double)s.total_ns / (double)pairs);
    print_slices("slices", &s);
}

/* ---- sparse ---- */

static void run_sparse(struct work *w)
{
    uint64_t rss = resident_bytes(), grown, kept = 0;
    struct slices s = {0};

    create_all(w);
    collect(w, GC_GENERATIONS - 1, &s);
    grown = resident_bytes() - rss;
    for (uint32_t i = 0; i < w->count; i++)
        if (w->numbers.order[i] % w->keep == 0)
            kept++;
        else
            heap_release(w->heap, w->ids[i]);
    run_all(w, &s);
    CHECK(objects(w) == kept);
    tidy(w);
    slices_free(&s);
    printf("\"grown_bytes\":%" PRIu64 ",\"left_bytes\":%" PRId64 ",\"kept\":%" PRIu64 ",", grown,
           (int64_t)(resident_bytes() - rss), kept);
}

/* ---- which ---- */

static const struct job {
    const char *name;
    void (*run)(struct work *w);
} jobs[] = {{"graph", run_graph},
            {"chain", run_chain},
            {"young", run_young},
            {"pairs", run_pairs},
            {"sparse", run_sparse}};

static const struct job *job_named(const char *name)
{
    for (size_t i = 0; i < sizeof(jobs) / sizeof(*jobs); i++)
        if (strcmp(jobs[i].name, name) == 0)
            return &jobs[i];
    return NULL;
}

static void run_job(const struct job *job, struct work *w)
{
    work_init(w);
    printf("{");
    job->run(w);
    printf("\"count\":%" PRIu32 "}\n", w->count);
    work_fini(w);
}

int main(int argc, char **argv)
{
    const char *name = argc > 2 ? argv[1] : "", *more = argc > 3 ? argv[3] : "";
    struct work w = {.step_units = GC_STEP_UNITS_MIN,
                     .count = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 0,
                     .is_random = strcmp(more, "random") == 0,
                     .keep = (uint32_t)strtoul(more, NULL, 10)};
    const struct job *job = job_named(name);

    if (w.count > 0 && strcmp(name, "numbers") == 0) {
        write_numbers(w.count, more);
    } else if (w.count > 0 && strcmp(name, "spin") == 0) {
        print_spin(w.count);
    } else if (w.count > 0 && job != NULL) {
        run_job(job, &w);
    } else {
        fprintf(stderr, "usage: collector_work graph|chain|young|pairs|sparse|numbers|spin NUMBER "
                        "[ORDER|KEEP|FILE]\n");
        return 2;
    }
    return 0;
}
