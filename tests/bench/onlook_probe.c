/*
 * onlook_probe.c - how long the slices of an audit or a snapshot are, and how long all of it takes, over a graph of records
 * that live on.
 *
 *   onlook_probe audit|snapshot OBJECTS [UNITS]     two lines of JSON, times in microseconds
 *
 * Records of two random links and an integer, held by one list. First nothing happens meanwhile; then some links are
 * changed between two slices, so that it has to look ahead of itself: what that adds to a change is measured apart, and the
 * collector is made to look at all of it. A slice is one call of heap_audit_step() or snapshot_step(); the last are those that
 * give its memory back.
 */
#include "gc/gc.h"
#include "heap/audit.h"
#include "heap/base/check.h"
#include "heap/form.h"
#include "heap/graph/snapshot.h"
#include "heap/root.h"
#include "heap/session.h"
#include "noise.h"
#include "slices.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define UNITS_DEFAULT 1024 /* as the api gives an audit or a snapshot: four for each of batch_turn_ops */
#define CHANGES_A_SLICE 8

struct probe {
    bool snapshot; /* else an audit */
    struct heap_audit *a;
    struct snapshot *s;
    struct mem mem;
    struct heap *heap;
    struct gc *gc;
    struct session_set *sessions;
    struct record_form *form;
    obj_id *ids;
    uint32_t count;
    uint64_t state;
    size_t said;
};

static uint32_t below(struct probe *p, uint32_t n)
{
    p->state = p->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((p->state >> 33) % n);
}

static void hear(void *ctx, const char *sentence)
{
    struct probe *p = ctx;

    p->said++;
    fprintf(stderr, "broken: %s\n", sentence);
}

static void build(struct probe *p)
{
    const struct slice names[] = {SLICE("left"), SLICE("right"), SLICE("n")};
    struct label node = {.class = SLICE("Node")}, list_of = {.class = SLICE("List")};
    obj_id list;

    CHECK(heap_form_create(p->heap, node, names, 3, &p->form, NULL) == ERR_OK);
    CHECK(heap_new_list(p->heap, list_of, NULL, 0, &list, NULL) == ERR_OK);
    CHECK(root_put(p->heap, SLICE("list"), list, NULL, NULL) == ERR_OK);
    heap_release(p->heap, list);
    for (uint32_t i = 0; i < p->count; i++) {
        struct value v[3] = {value_null(), value_null(), value_int(i)};

        for (int l = 0; l < 2 && i > 0; l++)
            v[l] = value_link(p->ids[below(p, i)]);
        CHECK(heap_new_of_form(p->heap, p->form, v, &p->ids[i], NULL) == ERR_OK);
        v[0] = value_link(p->ids[i]);
        CHECK(heap_push_item(p->heap, list, &v[0], NULL, NULL) == ERR_OK);
        heap_release(p->heap, p->ids[i]);
    }
}

static uint64_t change_links(struct probe *p, uint32_t changes)
{
    uint64_t began = now_ns();

    for (uint32_t i = 0; i < changes; i++) {
        struct value v = value_link(p->ids[below(p, p->count)]);

        CHECK(heap_set_of_form(p->heap, p->ids[below(p, p->count)], p->form, i % 2, &v, NULL) == ERR_OK);
    }
    return now_ns() - began;
}

/* ---- either ---- */

static void begin(struct probe *p)
{
    if (p->snapshot)
        CHECK(snapshot_begin(p->heap, &p->s, NULL) == ERR_OK);
    else
        CHECK(heap_audit_begin(p->heap, hear, p, &p->a, NULL) == ERR_OK);
}

static bool step(struct probe *p, size_t units)
{
    bool done = false;

    if (p->snapshot)
        CHECK(snapshot_step(p->s, units, &done, NULL) == ERR_OK);
    else
        CHECK(heap_audit_step(p->a, units, &done, NULL) == ERR_OK);
    return done;
}

static bool end(struct probe *p, size_t units)
{
    (void)(p->snapshot ? snapshot_end(&p->s, units) : heap_audit_end(&p->a, units));
    return p->s == NULL && p->a == NULL;
}

static void look(struct probe *p, size_t units, bool changing, struct slices *s, uint64_t *ret_changes_ns)
{
    struct slice_start start;
    uint64_t ticket;
    bool done = false;

    begin(p);
    if (changing)
        CHECK(gc_collect(p->gc, 2, GC_BY_REQUEST, false, &ticket, NULL) == ERR_OK);
    while (!done) {
        start = slice_begin();
        done = step(p, units);
        slice_end(s, start, now_ns() - start.wall_ns);
        if (changing) {
            *ret_changes_ns += change_links(p, CHANGES_A_SLICE);
            (void)gc_step(p->gc, 64);
        }
    }
    for (done = false; !done;) {
        start = slice_begin();
        done = end(p, units);
        slice_end(s, start, now_ns() - start.wall_ns);
    }
}

static void run(struct probe *p, size_t units, bool changing)
{
    struct slices s = {0};
    uint64_t changes_ns = 0, rest_ns = change_links(p, 100000), began = now_ns();
    size_t slices;

    look(p, units, changing, &s, &changes_ns);
    slices = s.count;
    printf("{\"objects\":%u,\"units\":%zu,\"changing\":%s,\"broken\":%zu,\"seconds\":%.3f,\"ns_an_object\":%.1f,\"change_ns\":%.0f,"
           "\"change_ns_at_rest\":%.0f,\"slices\":",
           p->count, units, changing ? "true" : "false", p->said, (double)(now_ns() - began) / 1e9,
           (double)s.total_ns / p->count, changing ? (double)changes_ns / (double)(slices * CHANGES_A_SLICE) : 0.0, (double)rest_ns / 1e5);
    slices_print(&s);
    printf("}\n");
    slices_free(&s);
}

int main(int argc, char **argv)
{
    struct probe p = {.state = 4327};
    size_t units = argc > 3 ? strtoull(argv[3], NULL, 10) : UNITS_DEFAULT;

    if (argc < 3)
        return 2;
    p.snapshot = strcmp(argv[1], "snapshot") == 0;
    p.count = (uint32_t)strtoul(argv[2], NULL, 10);
    p.ids = malloc(p.count * sizeof *p.ids);
    mem_settle();
    mem_init(&p.mem, 0);
    CHECK(p.ids != NULL && heap_create(&p.mem, 1, &p.heap) == ERR_OK && gc_create(p.heap, &p.gc) == ERR_OK);
    CHECK(session_set_create(p.heap, &p.sessions) == ERR_OK);
    build(&p);
    run(&p, units, false);
    run(&p, units, true);
    return p.said > 0;
}
