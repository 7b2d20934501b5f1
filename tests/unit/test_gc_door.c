/* test_gc_door.c - what the heap tells those who watch it, and what the collector may see and do. */
#include "heap/base/bits.h"
#include "heap/heap_impl.h"
#include "tests/unit/world.h"

static slot_t slot_of(obj_id id)
{
    return (slot_t)(id & SLOT_MAX);
}

/* ---- watching ---- */

struct diary {
    struct heap_watch watch;
    struct world *world;
    uint32_t born, gained, lost, changing, dying;
    slot_t last;
    struct value seen; /* field "a" when it was told that the record changes */
};

static void on_born(void *ctx, slot_t slot, enum object_kind kind)
{
    struct diary *d = ctx;

    d->born++;
    d->last = slot;
    MUST(lives(d->world, heap_id(d->world->heap, slot)) && object_at(d->world->heap, slot)->kind == kind);
}

static void on_gained(void *ctx, slot_t slot)
{
    ((struct diary *)ctx)->gained++;
    ((struct diary *)ctx)->last = slot;
}

static void on_lost(void *ctx, slot_t slot)
{
    ((struct diary *)ctx)->lost++;
    ((struct diary *)ctx)->last = slot;
}

static void on_changing(void *ctx, slot_t slot)
{
    struct diary *d = ctx;

    d->changing++;
    d->last = slot;
    d->seen = value_null();
    (void)heap_get_field(d->world->heap, heap_id(d->world->heap, slot), SLICE("a"), &d->seen, NULL);
}

static void on_dying(void *ctx, slot_t slot)
{
    ((struct diary *)ctx)->dying++;
    ((struct diary *)ctx)->last = slot;
}

static void begin_diary(struct diary *d, struct world *w)
{
    *d = (struct diary){.world = w};
    d->watch = (struct heap_watch){.ctx = d,
                                   .born = on_born,
                                   .gained_ref = on_gained,
                                   .lost_ref = on_lost,
                                   .changing = on_changing,
                                   .dying = on_dying};
    heap_add_watch(w->heap, &d->watch);
}

static void end_diary(struct diary *d)
{
    heap_remove_watch(d->world->heap, &d->watch);
}

START_TEST(births_changes_and_deaths_are_told_as_they_happen)
{
    struct world w = world_new();
    struct diary d;
    obj_id id, list, bytes;
    struct payload *p = payload_create(w.mem, 0);

    begin_diary(&d, &w);
    id = new_record(&w);
    ck_assert(d.born == 1 && d.last == slot_of(id));
    list = new_list(&w);
    bytes = new_bytes(&w, 1, 'x');
    ck_assert(d.born == 3 && d.last == slot_of(bytes));
    set(&w, id, "a", value_int(1));
    set(&w, id, "a", value_int(2));
    ck_assert(d.changing == 2 && d.last == slot_of(id));
    ck_assert(value_eq(d.seen, value_int(1))); /* told before the change */
    push(&w, list, value_int(1));
    OK(heap_set_item(w.heap, list, 0, &(struct value){.kind = VALUE_TRUE}, &why));
    OK(heap_delete_item(w.heap, list, 0, &why));
    ck_assert(d.changing == 5 && d.last == slot_of(list));
    OK(heap_set_bytes(w.heap, bytes, &p, &why));
    ck_assert(d.changing == 6 && d.last == slot_of(bytes));
    let_go(&w, id);
    ck_assert(d.dying == 1 && d.last == slot_of(id));
    end_diary(&d);
    let_go(&w, list);
    ck_assert_uint_eq(d.dying, 1);
    world_free(&w);
}
END_TEST

START_TEST(what_fails_is_not_born)
{
    struct world w = world_new();
    struct diary d;
    struct value items[] = {value_int(1), value_link(999999)};
    obj_id id;

    begin_diary(&d, &w);
    REFUSED(ERR_DANGLING, heap_new_list(w.heap, label_of("L"), items, 2, &id, &why));
    ck_assert(d.born == 0 && d.dying == 0);
    ck_assert_uint_eq(world_stats(&w).created, 0);
    end_diary(&d);
    world_free(&w);
}
END_TEST

/* Of a window: enough for the few slots of these tests. */
static uint64_t members[64 * POOL_CELLS / 64];
static const uint64_t member_pools[] = {UINT64_MAX};

START_TEST(counts_are_told_for_members_of_a_window_only)
{
    struct world w = world_new();
    struct diary d;
    obj_id id = new_record(&w), other = new_record(&w);

    begin_diary(&d, &w);
    hold(&w, id);
    let_go(&w, id);
    ck_assert(d.gained == 0 && d.lost == 0);
    heap_open_window(w.heap, WINDOW_FULL, members, member_pools);
    bits_add(members, slot_of(other));
    hold(&w, id);
    let_go(&w, id); /* no member */
    ck_assert(d.gained == 0 && d.lost == 0);
    bits_add(members, slot_of(id));
    hold(&w, id);
    ck_assert(d.gained == 1 && d.last == slot_of(id));
    let_go(&w, id);
    ck_assert(d.lost == 1);
    let_go(&w, id); /* the last one is a death, not a loss */
    ck_assert(d.lost == 1 && d.dying == 1);
    bits_remove(members, slot_of(id));
    bits_remove(members, slot_of(other));
    heap_close_window(w.heap, WINDOW_FULL);
    end_diary(&d);
    world_free(&w);
}
END_TEST

START_TEST(a_watch_that_goes_leaves_the_others)
{
    struct world w = world_new();
    struct diary first, second;

    begin_diary(&first, &w);
    begin_diary(&second, &w);
    end_diary(&first);
    (void)new_record(&w);
    ck_assert(first.born == 0 && second.born == 1);
    end_diary(&second);
    world_free(&w);
}
END_TEST

START_TEST(there_is_room_for_so_many_and_no_more)
{
    struct world w = world_new();
    static struct heap_watch watches[HEAP_WATCHES_MAX];

    for (size_t i = 0; i < ARRAY_LEN(watches); i++)
        heap_add_watch(w.heap, &watches[i]);
}
END_TEST

/* ---- condemning ---- */

struct condemned {
    uint32_t pools, cells;
};

static void on_condemned(void *ctx, uint32_t pool, const uint64_t cells[POOL_CELLS / 64])
{
    struct condemned *c = ctx;

    c->pools += pool != 0;
    for (uint32_t i = 0; i < POOL_CELLS / 64; i++)
        c->cells += (uint32_t)__builtin_popcountll(cells[i]);
}

/* `count` slots of one pool join the young window, which is condemned. */
static void condemn(struct world *w, const slot_t slots[], size_t count, uint64_t cells[POOL_CELLS / 64])
{
    heap_open_window(w->heap, WINDOW_YOUNG, members, member_pools);
    for (size_t i = 0; i < count; i++) {
        MUST(pool_of(slots[i]) == pool_of(slots[0]) && slots[i] < ARRAY_LEN(members) * 64);
        bits_add(members, slots[i]);
        bits_add(cells, slots[i] % POOL_CELLS);
    }
    heap_condemn_window(w->heap, WINDOW_YOUNG, count);
}

static void free_them(struct world *w, const slot_t slots[], size_t count, const uint64_t cells[POOL_CELLS / 64])
{
    uint32_t pool = pool_of(slots[0]);

    for (size_t i = 0; i < count; i++)
        bits_remove(members, slots[i]);
    heap_free_condemned(w->heap, pool, cells);
    heap_close_window(w->heap, WINDOW_YOUNG);
}

/* The flip, then release and free, each over the whole set, as the collector does it. */
START_TEST(a_set_dies_at_the_flip_and_goes_in_two_walks)
{
    struct world w = world_new();
    struct condemned told = {0};
    struct heap_watch watch = {.ctx = &told, .condemned = on_condemned};
    obj_id a = new_record(&w), b = new_record(&w), survivor = new_record(&w), only_theirs = new_record(&w);
    slot_t set_of_two[] = {slot_of(a), slot_of(b)};
    uint64_t cells[POOL_CELLS / 64] = {0};
    struct release_walk walk = {.place = 0};

    put_link(&w, a, "b", b);
    put_link(&w, b, "a", a);
    put_link(&w, a, "survivor", survivor);
    put_link(&w, b, "theirs", only_theirs);
    let_go(&w, only_theirs);
    let_go(&w, a);
    let_go(&w, b);
    heap_add_watch(w.heap, &watch);
    ck_assert(lives(&w, a));
    condemn(&w, set_of_two, 2, cells);
    ck_assert(!lives(&w, a) && !lives(&w, b) && lives(&w, survivor));
    ck_assert_uint_eq(world_stats(&w).objects, 2); /* at once */
    ck_assert_uint_eq(world_stats(&w).doomed, 2);
    ck_assert_uint_eq(world_stats(&w).freed_by_collector, 2);
    world_check(&w);
    while (heap_release_condemned(w.heap, WINDOW_YOUNG, pool_of(set_of_two[0]), cells, &walk, 1) == 0)
        world_check(&w);
    ck_assert(told.pools == 1 && told.cells == 2);
    ck_assert_uint_eq(refs(&w, survivor), 1);
    ck_assert(!lives(&w, only_theirs)); /* died by counting */
    ck_assert(!lives(&w, a) && !lives(&w, b));
    heap_remove_watch(w.heap, &watch);
    free_them(&w, set_of_two, 2, cells);
    ck_assert(!lives(&w, a) && !lives(&w, b));
    world_reap(&w);
    ck_assert_uint_eq(world_stats(&w).doomed, 0);
    world_free(&w);
}
END_TEST

/* A whole pool, with and without somebody else in it, the current one or not. */
START_TEST(a_pool_of_the_condemned_goes_as_a_whole)
{
    for (uint32_t others = 0; others < 2; others++) {
        struct world w = world_new();
        static slot_t slots[POOL_CELLS];
        static obj_id ids[2 * POOL_CELLS];
        uint64_t cells[POOL_CELLS / 64] = {0};
        struct release_walk walk = {.place = 0};
        uint32_t count = 0, pool;

        for (uint32_t i = 0; i < ARRAY_LEN(ids); i++)
            ids[i] = new_record(&w);
        pool = pool_of(slot_of(ids[POOL_CELLS / 2]));
        for (uint32_t i = 0; i < ARRAY_LEN(ids); i++)
            if (pool_of(slot_of(ids[i])) == pool && count + others < POOL_CELLS)
                slots[count++] = slot_of(ids[i]);
        for (uint32_t i = 0; i < count; i++) {
            put_link(&w, heap_id(w.heap, slots[i]), "self", heap_id(w.heap, slots[i]));
            let_go(&w, heap_id(w.heap, slots[i]));
        }
        condemn(&w, slots, count, cells);
        while (heap_release_condemned(w.heap, WINDOW_YOUNG, pool, cells, &walk, 100) == 0)
            ;
        free_them(&w, slots, count, cells);
        ck_assert_uint_eq(world_stats(&w).doomed, 0);
        ck_assert_uint_eq(world_objects(&w), ARRAY_LEN(ids) - count);
        ck_assert(pool_is_objects(heap_pools(w.heap), pool) == (others > 0));
        world_check(&w);
        for (uint32_t i = 0; i < ARRAY_LEN(ids); i++) /* and their ids name nobody else */
            ids[i] = lives(&w, ids[i]) ? 0 : ids[i];
        for (uint32_t i = 0; i < 2 * POOL_CELLS; i++)
            (void)new_record(&w);
        for (uint32_t i = 0; i < ARRAY_LEN(ids); i++)
            MUST(ids[i] == 0 || !lives(&w, ids[i]));
        world_free(&w);
    }
}
END_TEST

START_TEST(no_more_can_be_condemned_than_live)
{
    struct world w = world_new();

    heap_open_window(w.heap, WINDOW_YOUNG, members, member_pools);
    heap_condemn_window(w.heap, WINDOW_YOUNG, 1);
}
END_TEST

/* ---- edges ---- */

static slot_t visited[64];
static uint32_t visits;

static void visit(void *ctx, slot_t target)
{
    (void)ctx;
    MUST(visits < ARRAY_LEN(visited));
    visited[visits++] = target;
}

/* Strong links only, one visit each, in whatever form the object is kept. */
START_TEST(every_strong_link_is_an_edge_and_nothing_else_is)
{
    struct world w = world_new();
    obj_id targets[10], holders[4];
    char name[16];

    for (size_t i = 0; i < ARRAY_LEN(targets); i++)
        targets[i] = new_record(&w);
    holders[0] =
        new_record_with(&w, "R", (struct field[]){field("z", value_null()), field("x", value_null())}, 2);
    holders[1] = new_record(&w); /* grows out of its cell */
    holders[2] = new_record(&w); /* becomes a dictionary */
    holders[3] = new_list(&w);
    for (size_t h = 0; h < 4; h++) {
        uint32_t links = h == 0 ? 2 : 10;
        struct edge_scan scan;

        for (uint32_t i = 0; i < (h == 2 ? 40u : links); i++) {
            struct value v = i < links    ? value_link(targets[i])
                             : i % 2 == 0 ? weak(targets[0])
                                          : text("no link at all");

            snprintf(name, sizeof name, h == 0 ? (i == 0 ? "z" : "x") : "f%u", i);
            if (h == 3)
                push(&w, holders[h], v);
            else
                set(&w, holders[h], name, v);
        }
        visits = 0;
        heap_open_scan(w.heap, &scan, slot_of(holders[h]));
        while (heap_scan(w.heap, &scan, 3, visit, NULL) == 0)
            ;
        ck_assert_uint_eq(visits, links);
        for (uint32_t i = 0; i < links; i++)
            ck_assert_uint_eq(visited[i], slot_of(targets[i]));
    }
    world_free(&w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(births_changes_and_deaths_are_told_as_they_happen),
        TEST(what_fails_is_not_born),
        TEST(counts_are_told_for_members_of_a_window_only),
        TEST(a_watch_that_goes_leaves_the_others),
        TEST(there_is_room_for_so_many_and_no_more, .aborts = true),
        TEST(a_set_dies_at_the_flip_and_goes_in_two_walks),
        TEST(a_pool_of_the_condemned_goes_as_a_whole),
        TEST(no_more_can_be_condemned_than_live, .aborts = true),
        TEST(every_strong_link_is_an_edge_and_nothing_else_is),
    };
    return unit_main(argc, argv, "gc_door", tests, ARRAY_LEN(tests));
}
