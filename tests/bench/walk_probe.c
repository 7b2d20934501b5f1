/*
 * walk_probe.c - how long it takes to tell why an object is alive, and what would go with it, beside one full collection of the
 * same heap; and how long the slices of that are.
 *
 *   walk_probe OBJECTS [UNITS]     one line of JSON, times in milliseconds, of slices in microseconds
 *
 * Records of four random links, and one of them in a thousand held by a root, so that nearly all are reached by links. A slice
 * is one call of reach_step(), chain_step() or so; the last are those that give the memory back.
 */
#include "gc/gc.h"
#include "heap/base/check.h"
#include "heap/form.h"
#include "heap/graph/chain.h"
#include "heap/graph/retained.h"
#include "heap/root.h"
#include "noise.h"
#include "slices.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define UNITS_DEFAULT 1024 /* as the api gives a walk */
#define LINKS 4
#define ROOT_EVERY 1000
#define QUESTIONS 20

struct probe {
    struct mem mem;
    struct heap *heap;
    struct gc *gc;
    obj_id *ids;
    uint32_t count;
    uint64_t state;
    size_t units;
};

static const struct reach_outside nobody;

static uint32_t below(struct probe *p, uint32_t n)
{
    p->state = p->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)((p->state >> 33) % n);
}

static void build(struct probe *p)
{
    const struct slice names[LINKS] = {SLICE("a"), SLICE("b"), SLICE("c"), SLICE("d")};
    struct label node = {.class = SLICE("Node")};
    struct record_form *form;
    char name[16];

    CHECK(heap_form_create(p->heap, node, names, LINKS, &form, NULL) == ERR_OK);
    for (uint32_t i = 0; i < p->count; i++) {
        struct value v[LINKS] = {value_null(), value_null(), value_null(), value_null()};

        CHECK(heap_new_of_form(p->heap, form, v, &p->ids[i], NULL) == ERR_OK);
        snprintf(name, sizeof name, "r%u", i);
        if (i % ROOT_EVERY == 0)
            CHECK(root_put(p->heap, slice_of(name), p->ids[i], NULL, NULL) == ERR_OK);
    }
    for (uint32_t i = 0; i < p->count; i++)
        for (uint32_t l = 0; l < LINKS; l++) {
            struct value v = value_link(p->ids[below(p, p->count)]);

            CHECK(heap_set_of_form(p->heap, p->ids[i], form, l, &v, NULL) == ERR_OK);
        }
    for (uint32_t i = 0; i < p->count; i++)
        heap_release(p->heap, p->ids[i]);
    heap_form_destroy(p->heap, &form);
}

static double collect_ms(struct probe *p)
{
    uint64_t began = now_ns(), ticket;

    CHECK(gc_collect(p->gc, 2, GC_BY_REQUEST, false, &ticket, NULL) == ERR_OK);
    while (gc_has_work(p->gc))
        (void)gc_step(p->gc, 512);
    return (double)(now_ns() - began) / 1e6;
}

static obj_id any(struct probe *p)
{
    obj_id id;

    do
        id = p->ids[below(p, p->count)];
    while (!heap_has(p->heap, id));
    return id;
}

static void walk(struct probe *p, struct reach *r, struct slices *s)
{
    size_t left;

    do {
        struct slice_start start = slice_begin();

        left = reach_step(r, p->units);
        slice_end(s, start, now_ns() - start.wall_ns);
    } while (left == 0);
}

static void end_walk(struct probe *p, struct reach **r, struct slices *s)
{
    while (*r != NULL) {
        struct slice_start start = slice_begin();

        (void)reach_end(r, p->units);
        slice_end(s, start, now_ns() - start.wall_ns);
    }
}

/* How many holders the chains have. */
static uint32_t read_chains(struct probe *p, struct reach *r, struct slices *s)
{
    struct chain_link link;
    struct chain c;
    uint32_t links = 0;

    for (uint32_t i = 0; i < reach_holders(r); i++) {
        enum chain_turn turn = CHAIN_MORE;

        for (chain_begin(r, i, &c); turn != CHAIN_END;) {
            struct slice_start start = slice_begin();
            size_t units = p->units;

            while ((turn = chain_step(&c, &units, &link)) == CHAIN_LINK)
                links++;
            slice_end(s, start, now_ns() - start.wall_ns);
            CHECK(turn != CHAIN_BROKEN);
        }
    }
    return links;
}

static void print(const char *what, struct slices *s, double total_ms, double worst_ms, double full_ms, double found)
{
    printf(",\"%s\":{\"ms\":%.1f,\"worst_ms\":%.1f,\"times_a_full_collection\":%.2f,\"found\":%.1f,\"slices\":", what,
           total_ms / QUESTIONS, worst_ms, worst_ms / full_ms, found / QUESTIONS);
    slices_print(s);
    printf("}");
    slices_free(s);
}

static void ask(struct probe *p, const char *what, uint32_t holders_max, double full_ms)
{
    struct slices s = {0};
    double total = 0, worst = 0, found = 0;

    for (int q = 0; q < QUESTIONS; q++) {
        uint64_t began = now_ns();
        struct retained kept = {0};
        struct reach *r;
        double ms;

        CHECK(reach_begin(p->heap, &nobody, any(p), holders_max, &r, NULL) == ERR_OK);
        walk(p, r, &s);
        if (holders_max > 0)
            found += read_chains(p, r, &s);
        while (holders_max == 0 && retained_step(r, p->units, &kept) == 0)
            ;
        found += (double)kept.objects;
        end_walk(p, &r, &s);
        ms = (double)(now_ns() - began) / 1e6;
        total += ms;
        worst = ms > worst ? ms : worst;
    }
    print(what, &s, total, worst, full_ms, found);
}

int main(int argc, char **argv)
{
    struct probe p = {.state = 4327};
    double full_ms;

    if (argc < 2)
        return 2;
    p.count = (uint32_t)strtoul(argv[1], NULL, 10);
    p.units = argc > 2 ? strtoull(argv[2], NULL, 10) : UNITS_DEFAULT;
    p.ids = malloc(p.count * sizeof *p.ids);
    mem_settle();
    mem_init(&p.mem, 0);
    CHECK(p.ids != NULL && heap_create(&p.mem, 1, &p.heap) == ERR_OK && gc_create(p.heap, &p.gc) == ERR_OK);
    build(&p);
    (void)collect_ms(&p);
    full_ms = collect_ms(&p);
    printf("{\"objects\":%u,\"links\":%u,\"units\":%zu,\"full_collection_ms\":%.1f", p.count, LINKS * p.count, p.units, full_ms);
    ask(&p, "why", 1, full_ms);
    ask(&p, "why_all", 1000, full_ms);
    ask(&p, "retained", 0, full_ms);
    printf("}\n");
    return 0;
}
