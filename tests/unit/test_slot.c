/* test_slot.c - ids: found while their object lives, collected for ever after, and never handed out twice. */
#include "heap/heap_gc.h"
#include "heap/slot.h"
#include "tests/unit/world.h"

static obj_id turn_of(obj_id id)
{
    return id >> SLOT_BITS;
}

START_TEST(an_id_answers_while_its_object_lives_and_is_collected_ever_after)
{
    struct world w = world_new();
    obj_id id = new_record(&w);

    OK(heap_check(w.heap, id, &why));
    let_go(&w, id);
    REFUSED(ERR_COLLECTED, heap_check(w.heap, id, &why));
    world_reap(&w);
    REFUSED(ERR_COLLECTED, heap_check(w.heap, id, &why));
    world_free(&w);
}
END_TEST

START_TEST(a_number_that_never_was_an_id_is_no_object)
{
    struct world w = world_new();
    obj_id id = new_record(&w), next_turn = id + (1ull << SLOT_BITS);
    const obj_id never[] = {0,      1,          1023,       id + 1,         next_turn, id + (1ull << 52),
                            ID_MAX, ID_MAX + 1, UINT64_MAX, id | 1ull << 53};

    for (size_t i = 0; i < ARRAY_LEN(never); i++)
        REFUSED(ERR_NO_OBJECT, heap_check(w.heap, never[i], &why));
    let_go(&w, id);
    world_reap(&w);
    REFUSED(ERR_NO_OBJECT,
            heap_check(w.heap, next_turn, &why)); /* what the next object there will be called */
    world_free(&w);
}
END_TEST

START_TEST(a_data_cell_is_no_object)
{
    struct world w = world_new();
    obj_id id = new_record(&w), list = new_list(&w);

    set(&w, id, "text", text("some bytes in a cell of their own"));
    for (int i = 0; i < 300; i++)
        push(&w, list, value_int(i));
    for (obj_id n = 1; n < 64; n++)
        for (obj_id place = 0; place < POOL_CELLS; place += 7) {
            obj_id candidate = n << POOL_SHIFT | place;

            MUST(heap_has(w.heap, candidate) == (candidate == id || candidate == list));
        }
    world_free(&w);
}
END_TEST

START_TEST(a_dead_or_unknown_id_inside_a_value_dangles)
{
    struct world w = world_new();
    obj_id id = new_record(&w), dead = new_record(&w);
    struct field f;

    let_go(&w, dead);
    f = field("to", value_link(dead));
    REFUSED(ERR_DANGLING, heap_edit_record(w.heap, id, &f, 1, &why));
    f = field("to", weak(dead));
    REFUSED(ERR_DANGLING, heap_edit_record(w.heap, id, &f, 1, &why));
    f = field("to", value_link(99999999));
    REFUSED(ERR_DANGLING, heap_edit_record(w.heap, id, &f, 1, &why));
    REFUSED(ERR_DANGLING, root_put(w.heap, SLICE("r"), dead, NULL, &why));
    REFUSED(ERR_DANGLING, weak_put(w.heap, SLICE("r"), dead, NULL, &why));
    REFUSED(ERR_COLLECTED, heap_hold(w.heap, dead, &why));
    REFUSED(ERR_COLLECTED, session_hold(w.sessions, 0, dead, &why));
    world_free(&w);
}
END_TEST

START_TEST(the_sentence_names_the_id)
{
    struct world w = world_new();
    obj_id id = new_record(&w);
    struct why said = {0};
    char expected[WHY_TEXT_MAX];

    let_go(&w, id);
    ck_assert_int_eq(heap_check(w.heap, id, &said), ERR_COLLECTED);
    snprintf(expected, sizeof expected, "object %" PRIu64 " was collected", id);
    ck_assert_str_eq(said.text, expected);
    ck_assert_int_eq(heap_check(w.heap, 424242, &said), ERR_NO_OBJECT);
    ck_assert_str_eq(said.text, "object 424242 does not exist");
    world_free(&w);
}
END_TEST

/* One slot lives all its turns: its pool stays because of a neighbour, and no other slot is free. */
START_TEST(a_slot_at_its_last_turn_retires_and_its_ids_stay_collected)
{
    struct world w = world_new();
    static obj_id keep[POOL_CELLS - 1];
    static obj_id ids[OBJECT_TURN_MAX + 1];
    obj_id after;

    for (size_t i = 0; i < ARRAY_LEN(keep); i++)
        keep[i] = new_record(&w);
    for (size_t turn = 0; turn <= OBJECT_TURN_MAX; turn++) {
        ids[turn] = new_record(&w);
        MUST((ids[turn] & SLOT_MAX) == (ids[0] & SLOT_MAX));
        MUST(turn_of(ids[turn]) == turn);
        let_go(&w, ids[turn]);
        world_reap(&w);
    }
    world_check(&w);
    after = new_record(&w);
    ck_assert_uint_ne(after & SLOT_MAX, ids[0] & SLOT_MAX);
    for (size_t turn = 0; turn <= OBJECT_TURN_MAX; turn++)
        REFUSED(ERR_COLLECTED, heap_check(w.heap, ids[turn], &why));
    REFUSED(ERR_NO_OBJECT, heap_check(w.heap, ids[OBJECT_TURN_MAX] + (1ull << SLOT_BITS), &why));

    /* the pool goes, and comes back in another life */
    for (size_t i = 0; i < ARRAY_LEN(keep); i++)
        let_go(&w, keep[i]);
    world_reap(&w);
    for (size_t i = 0; i < 4 * POOL_CELLS; i++) {
        obj_id id = new_record(&w);

        MUST((id & SLOT_MAX) != (ids[0] & SLOT_MAX) || turn_of(id) > OBJECT_TURN_MAX);
    }
    for (size_t turn = 0; turn <= OBJECT_TURN_MAX; turn++)
        REFUSED(ERR_COLLECTED, heap_check(w.heap, ids[turn], &why));
    world_free(&w);
}
END_TEST

/* ---- an id is never handed out twice ---- */

struct id_set {
    obj_id *ids; /* open addressing; 0: empty */
    size_t room, count;
};

static void id_set_add(struct id_set *s, obj_id id)
{
    size_t i = (size_t)(id * UINT64_C(0x9e3779b97f4a7c15) >> 20) % s->room;

    MUST(++s->count * 2 <= s->room);
    for (; s->ids[i] != 0; i = (i + 1) % s->room)
        MUST(s->ids[i] != id); /* handed out before */
    s->ids[i] = id;
}

#define LIVING 3000

static obj_id new_of_any_kind(struct world *w, uint64_t *seed)
{
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    struct field fields[ARRAY_LEN(names)];
    uint32_t count = unit_rand_below(seed, ARRAY_LEN(names) + 2);

    if (count == ARRAY_LEN(names) + 1)
        return unit_rand_below(seed, 2) == 0 ? new_list(w) : new_bytes(w, 3, 'x');
    for (uint32_t i = 0; i < count; i++)
        fields[i] = field(names[i], value_int(i));
    return new_record_with(w, "C", fields, count);
}

/* The population swells and shrinks, so that pools come, go, and come back as pools of another size. */
START_TEST(an_id_is_never_handed_out_twice)
{
    struct world w = world_new();
    uint32_t births = scaled(1000000, 100000);
    struct id_set seen = {.room = (size_t)births * 2 + 64};
    uint64_t seed = unit_seed(_i);
    static obj_id live[LIVING];
    uint32_t count = 0;

    seen.ids = calloc(seen.room, sizeof *seen.ids);
    for (uint32_t n = 0; seen.count < births; n++) {
        bool grow = unit_rand_below(&seed, 10) < (n / 20000 % 2 == 0 ? 9u : 2u);

        if (count == 0 || (grow && count < LIVING)) {
            live[count] = new_of_any_kind(&w, &seed);
            id_set_add(&seen, live[count++]);
        } else {
            uint32_t i = unit_rand_below(&seed, count);

            let_go(&w, live[i]);
            MUST(heap_check(w.heap, live[i], NULL) == ERR_COLLECTED);
            live[i] = live[--count];
        }
        if (n % 64 == 0)
            world_reap(&w);
    }
    for (size_t i = 0; i < seen.room;
         i++) /* each is alive or collected, none is unknown or somebody else's */
        MUST(seen.ids[i] == 0 || heap_check(w.heap, seen.ids[i], NULL) != ERR_NO_OBJECT);
    ck_assert_uint_eq(world_objects(&w), count);
    free(seen.ids);
    world_free(&w);
}
END_TEST

/* All of a pool's turns, many lives long: created and dropped as one, so that the pool goes away each time.
 */
/* A pool in which something has died at its last turn, and is not retired yet, may be unpacked: its free cells never had
 * that turn, or they were retired themselves. */
START_TEST(a_cell_that_is_unpacked_gets_no_turn_beyond_the_last)
{
    uint32_t cell[4] = {0};
    struct object *o = (struct object *)(void *)cell;

    object_make_free(cell, 7);
    ck_assert(o->state == STATE_FREE && object_turn(o) == 7);
    object_make_free(cell, OBJECT_TURN_MAX + 1);
    ck_assert(o->state == STATE_FREE && object_turn(o) == OBJECT_TURN_MAX);
}
END_TEST

START_TEST(a_pool_that_comes_back_goes_on_where_its_turns_stood)
{
    struct world w = world_new();
    uint32_t lives_of_pool = scaled(600, 100);
    static obj_id ids[2 * POOL_CELLS], first[2 * POOL_CELLS];
    obj_id highest = 0;

    for (uint32_t life = 0; life < lives_of_pool; life++) {
        for (size_t i = 0; i < ARRAY_LEN(ids); i++)
            ids[i] = new_record_of(&w, "C");
        if (life == 0)
            memcpy(first, ids, sizeof first);
        for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
            MUST(life == 0 || heap_check(w.heap, first[i], NULL) == ERR_COLLECTED);
            let_go(&w, ids[i]);
        }
        world_reap(&w);
        highest = turn_of(ids[0]) > highest ? turn_of(ids[0]) : highest;
    }
    ck_assert_uint_ge(highest, lives_of_pool / 4);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        MUST(heap_check(w.heap, first[i], NULL) == ERR_COLLECTED);
    world_free(&w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(an_id_answers_while_its_object_lives_and_is_collected_ever_after),
        TEST(a_number_that_never_was_an_id_is_no_object),
        TEST(a_data_cell_is_no_object),
        TEST(a_dead_or_unknown_id_inside_a_value_dangles),
        TEST(the_sentence_names_the_id),
        TEST(a_slot_at_its_last_turn_retires_and_its_ids_stay_collected),
        TEST(an_id_is_never_handed_out_twice, .rounds = 2),
        TEST(a_cell_that_is_unpacked_gets_no_turn_beyond_the_last),
        TEST(a_pool_that_comes_back_goes_on_where_its_turns_stood),
    };
    return unit_main(argc, argv, "slot", tests, ARRAY_LEN(tests));
}
