/* test_tidy.c - packing and purging between any two steps of a collection: who is found dead stays the same. */
#include "heap/heap_impl.h"
#include "tests/unit/gc_world.h"

#define RINGS 3000
#define RING 3

/* Rings of three records, of which one is held as long as the ring is wanted. */
struct rings {
    struct world w;
    obj_id first[RINGS];
    bool held[RINGS];
    uint64_t seed;
};

static void make_ring(struct rings *r, uint32_t i)
{
    obj_id ids[RING];

    for (uint32_t k = 0; k < RING; k++) {
        ids[k] = new_record(&r->w);
        set(&r->w, ids[k], "ring", value_int(i));
    }
    for (uint32_t k = 0; k < RING; k++)
        put_link(&r->w, ids[k], "next", ids[(k + 1) % RING]);
    for (uint32_t k = 1; k < RING; k++)
        let_go(&r->w, ids[k]);
    r->first[i] = ids[0];
    r->held[i] = true;
}

static void check_ring(struct rings *r, uint32_t i)
{
    obj_id id = r->first[i];

    for (uint32_t k = 0; k < RING; k++) {
        MUST(get(&r->w, id, "ring").integer == i);
        id = get(&r->w, id, "next").id;
    }
    MUST(id == r->first[i]);
}

static void tidy_a_little(struct rings *r)
{
    struct heap *h = r->w.heap;

    heap_tidy_now(h);
    h->pools.numbers_reserve = unit_rand_below(&r->seed, 4) == 0 ? POOLS_MAX : 0;
    (void)heap_pack(h, 1 + unit_rand_below(&r->seed, 3000));
    (void)heap_purge(h, 1 + unit_rand_below(&r->seed, 3000));
}

/* Waves: all rings, then a tenth of them, then all again. */
static void live_on(struct rings *r, bool grows)
{
    uint32_t i = unit_rand_below(&r->seed, RINGS);

    if (r->held[i])
        check_ring(r, i);
    if (r->held[i] && !grows && i % 10 != 0) {
        let_go(&r->w, r->first[i]);
        r->held[i] = false;
    } else if (!r->held[i] && grows) {
        make_ring(r, i);
    }
    if (!gc_has_work(r->w.gc))
        (void)ask(&r->w, (int)unit_rand_below(&r->seed, 3), unit_rand_below(&r->seed, 8) == 0);
    (void)gc_step(r->w.gc, 1 + unit_rand_below(&r->seed, 200));
    (void)heap_reap(r->w.heap, unit_rand_below(&r->seed, 20));
}

START_TEST(collections_and_packing_do_not_disturb_each_other)
{
    static struct rings r;
    uint32_t steps = scaled(200000, 60000);
    uint64_t packed = 0, held = 0;

    r = (struct rings){.w = gc_world_new(), .seed = unit_seed(_i)};
    for (uint32_t n = 0; n < steps; n++) {
        live_on(&r, n / (steps / 6) % 2 == 0);
        if (unit_rand_below(&r.seed, 100) == 0) {
            tidy_a_little(&r);
            packed += world_stats(&r.w).packed_pools;
        }
        if (n % (steps / 12) == 0)
            world_check(&r.w);
    }
    ck_assert_uint_gt(packed, 0);
    (void)collect(&r.w, 2);
    gc_finish(r.w.gc);
    world_reap(&r.w);
    for (uint32_t i = 0; i < RINGS; i++) {
        held += r.held[i];
        MUST(!r.held[i] || lives(&r.w, r.first[i]));
    }
    ck_assert_uint_eq(world_objects(&r.w), held * RING);
    for (uint32_t i = 0; i < RINGS; i++)
        if (r.held[i]) {
            check_ring(&r, i);
            let_go(&r.w, r.first[i]);
        }
    ck_assert_uint_eq(collect(&r.w, 2), held * RING);
    ck_assert_uint_eq(world_objects(&r.w), 0);
    gc_world_free(&r.w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(collections_and_packing_do_not_disturb_each_other, .rounds = 3),
    };
    return unit_main(argc, argv, "tidy", tests, ARRAY_LEN(tests));
}
