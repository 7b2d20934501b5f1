/*
 * test_restore.c - a heap put back (heap/restore.h): objects come where their ids say, nothing else does, and no id is given
 * twice.
 */
#include "heap/restore.h"
#include "heap/heap_gc.h"
#include "heap/pool.h"
#include "heap/root.h"
#include "heap/weak.h"
#include "tests/unit/unit.h"

#define POOL_END 8
#define WORDS 6u

struct world {
    struct mem mem;
    struct heap *heap;
};

static struct world *world_of(uint32_t pool_end)
{
    struct world *w = calloc(1, sizeof *w);

    mem_init(&w->mem, 0);
    MUST(heap_create(&w->mem, 7, &w->heap) == ERR_OK);
    MUST(heap_restore_begin(w->heap, pool_end, NULL) == ERR_OK);
    return w;
}

static struct world *world_new(void)
{
    return world_of(POOL_END);
}

static void world_free(struct world *w)
{
    heap_destroy(&w->heap);
    mem_fini(&w->mem);
    free(w);
}

static obj_id id_of(uint32_t pool, uint32_t place, uint64_t turn)
{
    return turn << SLOT_BITS | (pool << POOL_SHIFT | place);
}

static enum err put(struct world *w, obj_id id)
{
    struct why why = {0};
    enum err e = heap_restore_object(w->heap, id, HEAP_RECORD, (struct label){SLICE("A"), SLICE("")}, &why);

    ck_assert(e == ERR_OK || why.text[0] != '\0');
    return e;
}

static enum err pool(struct world *w, uint32_t n, uint32_t words, uint32_t turn_base, uint32_t turn)
{
    struct why why = {0};
    enum err e = heap_restore_pool(w->heap, n, words, turn_base, turn, &why);

    ck_assert(e == ERR_OK || why.text[0] != '\0');
    return e;
}

static void link_to(struct world *w, obj_id from, const char *name, obj_id to)
{
    MUST(heap_edit_record(w->heap, from, &(struct field){.name = slice_of(name), .value = value_link(to)}, 1, NULL) == ERR_OK);
}

static enum err die(struct world *w, uint32_t n, uint64_t first_cells)
{
    uint64_t cells[POOL_WORDS] = {first_cells};

    return heap_restore_dead(w->heap, n, cells, NULL);
}

static void end(struct world *w)
{
    slot_t cursor = 0;

    while (heap_restore_end(w->heap, &cursor, 7) == 0)
        ;
    while (heap_reap(w->heap, SIZE_MAX) == 0)
        ;
    MUST(heap_validate(w->heap, NULL, NULL) == 0);
}

/* New ones, of that size too, and their ids; they live on. */
static void make(struct world *w, obj_id *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct field f[] = {{.name = SLICE("a"), .value = value_null()}, {.name = SLICE("b"), .value = value_null()}, {.name = SLICE("c"), .value = value_null()},
                            {.name = SLICE("d"), .value = value_null()}};

        MUST(heap_new_record(w->heap, (struct label){SLICE("New"), SLICE("")}, f, 4, &ids[i], NULL) == ERR_OK);
    }
}

/* ---- where objects come ---- */

START_TEST(an_object_comes_under_its_id_and_stays_if_something_keeps_it)
{
    struct world *w = world_new();
    obj_id kept = id_of(2, 5, 9), linked = id_of(2, 1023, 3), lost = id_of(2, 0, 0);

    ck_assert_int_eq(pool(w, 2, WORDS, 0, 10), ERR_OK);
    ck_assert(put(w, kept) == ERR_OK && put(w, linked) == ERR_OK && put(w, lost) == ERR_OK);
    link_to(w, kept, "to", linked);
    ck_assert_int_eq(root_put(w->heap, SLICE("r"), kept, NULL, NULL), ERR_OK);
    end(w);
    ck_assert(heap_has(w->heap, kept) && heap_has(w->heap, linked) && !heap_has(w->heap, lost));
    ck_assert_int_eq(heap_check(w->heap, lost, NULL), ERR_COLLECTED);
    world_free(w);
}
END_TEST

START_TEST(an_object_that_cannot_have_been_there_is_refused)
{
    struct world *w = world_new();

    ck_assert_int_eq(pool(w, 2, WORDS, 5, 3), ERR_OK);
    ck_assert_int_eq(put(w, id_of(2, 0, 7)), ERR_OK);
    ck_assert_int_eq(put(w, id_of(2, 0, 7)), ERR_BAD_VALUE);  /* there is one */
    ck_assert_int_eq(put(w, id_of(2, 1, 4)), ERR_BAD_VALUE);  /* of the number's earlier life */
    ck_assert_int_eq(put(w, id_of(3, 0, 0)), ERR_BAD_VALUE);  /* no pool */
    ck_assert_int_eq(put(w, id_of(POOL_END, 0, 0)), ERR_BAD_VALUE);
    ck_assert_int_eq(put(w, 0), ERR_BAD_VALUE);
    ck_assert_int_eq(put(w, UINT64_MAX), ERR_BAD_VALUE);
    ck_assert_int_eq(put(w, id_of(2, 1, 5 + OBJECT_TURN_MAX + 1)), ERR_BAD_VALUE);
    ck_assert_int_eq(heap_restore_object(w->heap, id_of(2, 1, 5), HEAP_LIST, (struct label){SLICE("L"), SLICE("")}, NULL), ERR_OK);
    end(w);
    world_free(w);
}
END_TEST

START_TEST(a_pool_that_cannot_have_been_is_refused)
{
    struct world *w = world_new();

    ck_assert_int_eq(pool(w, 0, WORDS, 0, 0), ERR_BAD_VALUE);
    ck_assert_int_eq(pool(w, POOL_END, WORDS, 0, 0), ERR_BAD_VALUE);
    ck_assert_int_eq(pool(w, UINT32_MAX, WORDS, 0, 0), ERR_BAD_VALUE);
    ck_assert_int_eq(pool(w, 1, 1, 0, 0), ERR_BAD_VALUE);
    ck_assert_int_eq(pool(w, 1, CELL_WORDS_MAX + 1, 0, 0), ERR_BAD_VALUE);
    ck_assert_int_eq(pool(w, 1, WORDS, TURN_MAX + 1, 0), ERR_BAD_VALUE);
    ck_assert_int_eq(pool(w, 1, WORDS, 5, UINT32_MAX), ERR_BAD_VALUE);
    ck_assert_int_eq(pool(w, 1, WORDS, 5, 0), ERR_OK);
    ck_assert_int_eq(pool(w, 1, WORDS, 4, 0), ERR_BAD_VALUE); /* turns go on */
    ck_assert_int_eq(put(w, id_of(1, 0, 5)), ERR_OK);
    ck_assert_int_eq(pool(w, 1, WORDS, 6, 0), ERR_BAD_VALUE); /* something lives there */
    end(w);
    world_free(w);
}
END_TEST

/* ---- turns ---- */

/* Which cells of a pool were used is not known: what was born in one of them before may come while another has got further. */
START_TEST(a_cell_that_nobody_has_had_takes_an_older_turn_whatever_happened_to_others)
{
    struct world *w = world_new();

    ck_assert_int_eq(pool(w, 2, WORDS, 0, 3), ERR_OK);
    ck_assert_int_eq(put(w, id_of(2, 0, 3)), ERR_OK);
    ck_assert(die(w, 2, 1) == ERR_OK && heap_restore_bury(w->heap, NULL) == ERR_OK); /* the pool's turns go up to 4 */
    ck_assert_int_eq(put(w, id_of(2, 1, 2)), ERR_OK);
    ck_assert_int_eq(put(w, id_of(2, 0, 3)), ERR_BAD_VALUE); /* that one is over */
    ck_assert_int_eq(put(w, id_of(2, 0, 4)), ERR_OK);
    end(w);
    world_free(w);
}
END_TEST

START_TEST(no_id_is_given_twice)
{
    struct world *w = world_new();
    obj_id first = id_of(2, 0, 0), made[3000];

    ck_assert(pool(w, 2, WORDS, 0, 4) == ERR_OK && pool(w, 3, WORDS, 7, 2) == ERR_OK && pool(w, 4, 0, 9, 0) == ERR_OK);
    ck_assert_int_eq(put(w, first), ERR_OK);
    ck_assert_int_eq(root_put(w->heap, SLICE("r"), first, NULL, NULL), ERR_OK);
    end(w);
    make(w, made, ARRAY_LEN(made));
    for (size_t i = 0; i < ARRAY_LEN(made); i++) {
        uint32_t n = pool_of(made[i] & SLOT_MAX);
        uint64_t turn = made[i] >> SLOT_BITS;

        ck_assert(made[i] != first && (n != 2 || turn >= 4) && (n != 3 || turn >= 9) && (n != 4 || turn >= 9));
    }
    ck_assert(heap_has(w->heap, first));
    world_free(w);
}
END_TEST

/* A pool some of whose turns have run out: cells that may be those are never used again. */
START_TEST(worn_cells_are_retired)
{
    struct world *w = world_new();
    obj_id live = id_of(2, 7, 100), made[2000];

    ck_assert_int_eq(pool(w, 2, WORDS, 0, OBJECT_TURN_MAX + 1), ERR_OK);
    ck_assert_int_eq(put(w, live), ERR_OK);
    ck_assert_int_eq(root_put(w->heap, SLICE("r"), live, NULL, NULL), ERR_OK);
    end(w);
    make(w, made, ARRAY_LEN(made));
    for (size_t i = 0; i < ARRAY_LEN(made); i++)
        ck_assert(pool_of(made[i] & SLOT_MAX) != 2);
    for (size_t i = 0; i < ARRAY_LEN(made); i++)
        heap_release(w->heap, made[i]);
    ck_assert_int_eq(root_delete(w->heap, SLICE("r"), NULL), ERR_OK);
    while (heap_reap(w->heap, SIZE_MAX) == 0)
        ;
    ck_assert_uint_eq(heap_validate(w->heap, NULL, NULL), 0);
    world_free(w);
}
END_TEST

/* Strings and long lists are in pools too: their numbers must not be those of pools that are still to come. */
START_TEST(what_is_made_meanwhile_leaves_the_numbers_alone)
{
    struct world *w = world_new();
    obj_id id = id_of(1, 0, 0);

    ck_assert(pool(w, 1, WORDS, 0, 0) == ERR_OK && put(w, id) == ERR_OK);
    for (int i = 0; i < 5000; i++) {
        char name[16];

        snprintf(name, sizeof name, "name%d", i);
        MUST(heap_edit_record(w->heap, id, &(struct field){.name = slice_of(name), .value = {.kind = VALUE_REAL, .real = 1.0 / (i + 3)}}, 1, NULL) == ERR_OK);
    }
    for (uint32_t n = 2; n < POOL_END; n++)
        ck_assert(pool(w, n, WORDS, 0, 0) == ERR_OK && put(w, id_of(n, 3, 0)) == ERR_OK);
    ck_assert_int_eq(root_put(w->heap, SLICE("r"), id, NULL, NULL), ERR_OK);
    end(w);
    world_free(w);
}
END_TEST

/* ---- deaths ---- */

START_TEST(those_that_die_together_may_link_to_each_other_over_pools)
{
    struct world *w = world_new();
    obj_id a = id_of(1, 0, 0), b = id_of(2, 0, 0), kept = id_of(1, 1, 0), found;

    ck_assert(pool(w, 1, WORDS, 0, 0) == ERR_OK && pool(w, 2, WORDS, 0, 0) == ERR_OK);
    ck_assert(put(w, a) == ERR_OK && put(w, b) == ERR_OK && put(w, kept) == ERR_OK);
    link_to(w, a, "b", b), link_to(w, b, "a", a), link_to(w, b, "self", b), link_to(w, a, "kept", kept);
    ck_assert_int_eq(root_put(w->heap, SLICE("r"), kept, NULL, NULL), ERR_OK);
    ck_assert_int_eq(weak_put(w->heap, SLICE("w"), a, NULL, NULL), ERR_OK);
    ck_assert(die(w, 1, 1) == ERR_OK && die(w, 2, 1) == ERR_OK);
    ck_assert_int_eq(heap_restore_bury(w->heap, NULL), ERR_OK);
    ck_assert(!heap_has(w->heap, a) && !heap_has(w->heap, b));
    ck_assert(weak_get(w->heap, SLICE("w"), &found, NULL) == ERR_OK && found == 0);
    end(w);
    world_free(w);
}
END_TEST

START_TEST(a_death_that_cannot_be_is_refused)
{
    struct world *w = world_new();
    obj_id a = id_of(1, 0, 0), b = id_of(1, 1, 0);

    ck_assert(pool(w, 1, WORDS, 0, 0) == ERR_OK && put(w, a) == ERR_OK && put(w, b) == ERR_OK);
    link_to(w, a, "b", b);
    ck_assert_int_eq(die(w, 1, 4), ERR_BAD_VALUE);        /* nobody is there */
    ck_assert_int_eq(die(w, 3, 1), ERR_BAD_VALUE);        /* no pool */
    ck_assert_int_eq(die(w, POOLS_MAX, 1), ERR_BAD_VALUE);
    ck_assert_int_eq(die(w, 1, 2), ERR_OK);
    ck_assert_int_eq(die(w, 1, 2), ERR_BAD_VALUE);        /* twice */
    ck_assert_int_eq(heap_restore_bury(w->heap, NULL), ERR_BAD_VALUE); /* a links to it */
    world_free(w);
}
END_TEST

START_TEST(a_dead_weak_name_reads_null_and_makes_nothing)
{
    struct world *w = world_new();
    obj_id found = 1;

    ck_assert_int_eq(pool(w, 1, WORDS, 0, 1), ERR_OK);
    ck_assert_int_eq(weak_restore_dead(w->heap, SLICE("w"), id_of(1, 0, 0), NULL), ERR_OK);
    ck_assert_int_eq(weak_restore_dead(w->heap, SLICE("w"), id_of(1, 0, 0), NULL), ERR_BAD_VALUE);
    ck_assert_int_eq(put(w, id_of(1, 0, 1)), ERR_OK); /* the cell is as it was */
    ck_assert(weak_get(w->heap, SLICE("w"), &found, NULL) == ERR_OK && found == 0);
    ck_assert_int_eq(weak_put(w->heap, SLICE("w"), id_of(1, 0, 1), NULL, NULL), ERR_OK);
    ck_assert(weak_get(w->heap, SLICE("w"), &found, NULL) == ERR_OK && found == id_of(1, 0, 1));
    end(w);
    world_free(w);
}
END_TEST

/* ---- memory ---- */

static enum err put_back_some(struct world *w)
{
    enum err e = heap_restore_begin(w->heap, POOL_END, NULL);

    for (uint32_t n = 1; n < 4 && e == ERR_OK; n++)
        if ((e = pool(w, n, WORDS + n, 0, 2)) == ERR_OK && (e = put(w, id_of(n, n, 1))) == ERR_OK)
            e = root_put(w->heap, SLICE("r"), id_of(n, n, 1), NULL, NULL);
    if (e == ERR_OK)
        e = weak_restore_dead(w->heap, SLICE("w"), id_of(1, 0, 0), NULL);
    return e == ERR_OK ? heap_restore_object(w->heap, id_of(1, 9, 1), HEAP_BYTES, (struct label){SLICE("B"), SLICE("")}, NULL) : e;
}

START_TEST(memory_may_be_refused_anywhere_and_nothing_is_lost)
{
    bool refused = true;

    for (uint64_t n = 1; refused; n++) {
        struct world *w = calloc(1, sizeof *w);
        uint64_t first;
        enum err e;

        mem_init(&w->mem, 0);
        MUST(heap_create(&w->mem, 7, &w->heap) == ERR_OK);
        first = w->mem.request_count;
        w->mem.fail_at = first + n;
        e = put_back_some(w);
        refused = w->mem.request_count >= first + n;
        ck_assert(e == (refused ? ERR_NOMEM : ERR_OK));
        ck_assert(refused || n > 5);
        world_free(w);
    }
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(an_object_comes_under_its_id_and_stays_if_something_keeps_it),
        TEST(an_object_that_cannot_have_been_there_is_refused),
        TEST(a_pool_that_cannot_have_been_is_refused),
        TEST(a_cell_that_nobody_has_had_takes_an_older_turn_whatever_happened_to_others),
        TEST(no_id_is_given_twice),
        TEST(worn_cells_are_retired),
        TEST(what_is_made_meanwhile_leaves_the_numbers_alone),
        TEST(those_that_die_together_may_link_to_each_other_over_pools),
        TEST(a_death_that_cannot_be_is_refused),
        TEST(a_dead_weak_name_reads_null_and_makes_nothing),
        TEST(memory_may_be_refused_anywhere_and_nothing_is_lost),
    };
    return unit_main(argc, argv, "restore", tests, ARRAY_LEN(tests));
}
