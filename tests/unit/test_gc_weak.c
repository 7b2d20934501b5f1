/*
 * test_gc_weak.c - weak references and the collector, as in CPython: a weakref with a callback is a weak name and its
 * notice here, a WeakValueDictionary is a record of weak links.
 */
#include "tests/unit/gc_world.h"

#define ENTRY_NAME_BYTES 8

struct entry_name {
    char text[ENTRY_NAME_BYTES];
};

static struct entry_name entry(uint32_t i)
{
    struct entry_name name;

    snprintf(name.text, sizeof name.text, "e%u", i % 1000);
    return name;
}

static void name_weakly(struct world *w, const char *name, obj_id id)
{
    OK(weak_put(w->heap, slice_of(name), id, NULL, &why));
}

static obj_id read_weak(struct world *w, const char *name)
{
    obj_id id = UINT64_MAX;

    OK(weak_get(w->heap, slice_of(name), &id, &why));
    return id;
}

/* ---- maps of weak values ---- */

static void put_entry(struct world *w, obj_id map, uint32_t i, obj_id value)
{
    set(w, map, entry(i).text, weak(value));
}

/* How many of the first `count` entries are there still. */
static uint32_t length(struct world *w, obj_id map, uint32_t count)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < count; i++)
        n += get(w, map, entry(i).text).kind == VALUE_WEAK;
    return n;
}

/* Case 30. */
START_TEST(a_weak_map_has_what_lives)
{
    struct world w = gc_world_new();
    obj_id map = new_record(&w), values[10];

    for (uint32_t i = 0; i < ARRAY_LEN(values); i++)
        put_entry(&w, map, i, values[i] = new_record(&w));
    ck_assert_uint_eq(length(&w, map, 10), 10);
    let_go(&w, values[3]);
    ck_assert_uint_eq(length(&w, map, 10), 9);
    (void)collect(&w, 2);
    ck_assert_uint_eq(length(&w, map, 10), 9);
    for (uint32_t i = 0; i < ARRAY_LEN(values); i++)
        if (i != 3)
            let_go(&w, values[i]);
    ck_assert_uint_eq(length(&w, map, 10), 0);
    gc_world_free(&w);
}
END_TEST

START_TEST(a_weak_map_of_cycles_has_them_until_they_are_collected)
{
    struct world w = gc_world_new();
    obj_id map = new_record(&w);

    for (uint32_t i = 0; i < 20; i++)
        put_entry(&w, map, i, self_loop(&w));
    ck_assert_uint_eq(length(&w, map, 20), 20);
    (void)ask(&w, 2, false);
    while (gc_has_work(w.gc)) { /* all of them or none */
        uint32_t left = length(&w, map, 20);

        ck_assert(left == 0 || left == 20);
        (void)gc_step(w.gc, 1);
    }
    ck_assert_uint_eq(length(&w, map, 20), 0);
    gc_world_free(&w);
}
END_TEST

/* ---- notices ---- */

static void expect_notice(struct world *w, const char *name, obj_id id)
{
    struct weak_notice notice;

    ck_assert(weak_take_notice(w->heap, &notice));
    ck_assert(slice_is(notice.name, name) && notice.id == id);
}

/* Case 26; by counting and by collecting. */
START_TEST(of_two_names_the_newer_is_told_first_and_both_read_null)
{
    struct world w = gc_world_new();
    obj_id id = _i == 0 ? new_record(&w) : self_loop(&w);
    struct weak_notice notice;

    name_weakly(&w, "first", id);
    name_weakly(&w, "second", id);
    ck_assert_uint_eq(info(&w, id).weak_refs, 2);
    if (_i == 0)
        let_go(&w, id);
    else
        ck_assert_uint_eq(collect(&w, 2), 1);
    ck_assert(read_weak(&w, "first") == 0 && read_weak(&w, "second") == 0);
    expect_notice(&w, "second", id);
    expect_notice(&w, "first", id);
    ck_assert(!weak_take_notice(w.heap, &notice));
    gc_world_free(&w);
}
END_TEST

/* Case 29: whoever is told of the one sees neither. */
START_TEST(of_two_cycles_that_go_together_none_is_seen_at_the_first_notice)
{
    struct world w = gc_world_new();
    obj_id a = self_loop(&w), b = self_loop(&w);
    struct weak_notice notice;
    uint32_t told = 0;

    name_weakly(&w, "a", a);
    name_weakly(&w, "b", b);
    (void)ask(&w, 2, false);
    while (told < 2) {
        while (!weak_take_notice(w.heap, &notice)) {
            ck_assert(gc_has_work(w.gc));
            (void)gc_step(w.gc, 1);
        }
        told++;
        ck_assert(read_weak(&w, "a") == 0 && read_weak(&w, "b") == 0);
        REFUSED(ERR_COLLECTED, heap_check(w.heap, a, &why));
        REFUSED(ERR_COLLECTED, heap_check(w.heap, b, &why));
    }
    gc_finish(w.gc);
    ck_assert(!weak_take_notice(w.heap, &notice));
    gc_world_free(&w);
}
END_TEST

/* Case 28: a weak reference that is garbage itself tells nothing, and costs nothing. */
START_TEST(weak_links_among_what_dies_are_nobodys_business)
{
    struct world w = gc_world_new();
    obj_id a = self_loop(&w), b = self_loop(&w);
    struct weak_notice notice;

    set(&w, a, "weak", weak(b));
    set(&w, b, "weak", weak(a));
    ck_assert_uint_eq(info(&w, a).weak_refs, 1);
    ck_assert_uint_eq(collect(&w, 2), 2);
    ck_assert(!weak_take_notice(w.heap, &notice));
    ck_assert_uint_eq(world_stats(&w).weak_links, 0);
    gc_world_free(&w);
}
END_TEST

/* A weak reference holds nothing: neither is a member reached by one, nor is it missed by one. */
START_TEST(what_survives_keeps_its_weak_references_and_what_is_only_weakly_reached_goes)
{
    struct world w = gc_world_new();
    obj_id kept = rooted(&w, "kept"), lost = self_loop(&w), inner = new_record(&w);

    put_link(&w, lost, "inner", inner);
    put_link(&w, inner, "back", lost);
    let_go(&w, inner);
    set(&w, kept, "lost", weak(lost));
    set(&w, kept, "me", weak(kept));
    set(&w, inner, "kept", weak(kept));
    for (int g = 0; g < 2; g++) { /* while something holds them they stay */
        OK(session_hold(w.sessions, 0, inner, &why));
        ck_assert_uint_eq(collect(&w, 2), 0);
        ck_assert_uint_eq(get(&w, kept, "lost").id, lost);
        OK(session_drop(w.sessions, 0, inner, &why));
    }
    ck_assert_uint_eq(collect(&w, 2), 2);
    ck_assert_int_eq(get(&w, kept, "lost").kind, VALUE_NULL);
    ck_assert_uint_eq(get(&w, kept, "me").id, kept);
    ck_assert_uint_eq(info(&w, kept).weak_refs, 1);
    gc_world_free(&w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_weak_map_has_what_lives),
        TEST(a_weak_map_of_cycles_has_them_until_they_are_collected),
        TEST(of_two_names_the_newer_is_told_first_and_both_read_null, .rounds = 2),
        TEST(of_two_cycles_that_go_together_none_is_seen_at_the_first_notice),
        TEST(weak_links_among_what_dies_are_nobodys_business),
        TEST(what_survives_keeps_its_weak_references_and_what_is_only_weakly_reached_goes),
    };
    return unit_main(argc, argv, "gc_weak", tests, ARRAY_LEN(tests));
}
