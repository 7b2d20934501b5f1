/*
 * test_undo.c - changes taken back: after a rollback the heap is what it was, after a commit what the same changes would
 * have made of it one by one.
 */
#include "heap/undo.h"
#include "tests/unit/dump.h"
#include "tests/unit/gc_world.h"

#define CAST_MAX 512
#define NAMES 44 /* of fields: more than slots */
#define LONG 1100 /* parts: etags are made of versions */

/* A world with something of every kind in it, and who plays in it. */
struct play {
    struct world w;
    obj_id cast[CAST_MAX]; /* each with one reference of the test's, or held by the scope */
    uint32_t count, owned;
    struct scope *scope;
    uint64_t seed;
};

/* ---- the world ---- */

static uint32_t below(struct play *p, uint32_t n)
{
    return unit_rand_below(&p->seed, n);
}

static void join(struct play *p, obj_id id)
{
    MUST(p->count < CAST_MAX);
    p->cast[p->count++] = id;
}

static obj_id pick(struct play *p)
{
    return p->cast[below(p, p->count)];
}

static obj_id wide_record(struct play *p, const char *class, uint32_t fields)
{
    obj_id id = new_record_of(&p->w, class);
    char name[16];

    for (uint32_t i = 0; i < fields; i++) {
        snprintf(name, sizeof name, "n%u", i);
        set(&p->w, id, name, i % 3 == 0 ? value_link(p->cast[0]) : value_int(i));
    }
    return id;
}

/* Its items are all there is that holds some of them. */
static obj_id long_list(struct play *p, uint32_t items)
{
    obj_id id = new_list(&p->w), item;

    for (uint32_t i = 0; i < items; i++) {
        if (i % 5 == 0) {
            item = new_record(&p->w);
            push(&p->w, id, value_link(item));
            let_go(&p->w, item);
        } else {
            push(&p->w, id, value_int(i));
        }
    }
    return id;
}

static struct play play_new(uint64_t seed)
{
    static const uint32_t widths[] = {0, 1, 5, 31, 32}, lengths[] = {0, 3, 7, 127, 128, 300, LONG};
    static const char *const roots[] = {"r0", "r1", "r2"}, *const weaks[] = {"w0", "w1", "w2", "w3"};
    struct play p = {.w = gc_world_new(), .seed = seed};

    join(&p, new_record_of(&p.w, "Hub"));
    for (size_t i = 0; i < ARRAY_LEN(widths); i++)
        join(&p, wide_record(&p, "Record", widths[i]));
    join(&p, wide_record(&p, "Dict", 33));
    join(&p, wide_record(&p, "Dict", LONG));
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
        join(&p, long_list(&p, lengths[i]));
    join(&p, new_bytes(&p.w, 100, 'b'));
    for (size_t i = 0; i < ARRAY_LEN(roots); i++)
        root(&p.w, roots[i], pick(&p));
    for (size_t i = 0; i < ARRAY_LEN(weaks); i++)
        OK(weak_put(p.w.heap, slice_of(weaks[i]), p.cast[i % 2], NULL, &why));
    for (uint32_t i = 0; i < 12; i++)
        OK(session_hold(p.w.sessions, 0, p.cast[i], &why));
    for (uint32_t i = 0; i < 8; i++)
        set(&p.w, p.cast[i], "w", weak(pick(&p)));
    p.owned = p.count;
    return p;
}

static void close_scope(struct play *p)
{
    while (scope_close(&p->scope, 1000) == 0)
        ;
}

static void play_free(struct play *p)
{
    close_scope(p);
    for (uint32_t i = 0; i < p->owned; i++)
        let_go(&p->w, p->cast[i]);
    gc_world_free(&p->w);
}

/* ---- any change ---- */

/* "n7" and so on: good for ever. */
static const char *numbered(const char *what, uint32_t n)
{
    static char texts[2][NAMES][16];
    char *said = texts[what[0] == 't'][n];

    snprintf(said, sizeof texts[0][0], "%s%u", what, n);
    return said;
}

static struct value any_value(struct play *p)
{
    switch (below(p, 8)) {
    case 0:
        return value_null();
    case 1:
        return value_int((int64_t)(unit_rand(&p->seed) >> below(p, 64)));
    case 2:
        return real((double)unit_rand(&p->seed) / 3);
    case 3:
        return text(numbered("text ", below(p, NAMES)));
    case 4:
        return weak(pick(p));
    default:
        return value_link(pick(p));
    }
}

static struct field any_field(struct play *p)
{
    const char *name = numbered("n", below(p, NAMES));

    return below(p, 3) == 0 ? unset(name) : field(name, any_value(p));
}

static enum err change_record(struct play *p, struct why *why)
{
    struct field edits[6];
    uint32_t count = below(p, 3) != 0 ? 1 : 1 + below(p, ARRAY_LEN(edits));

    for (uint32_t i = 0; i < count; i++)
        edits[i] = any_field(p);
    return heap_edit_record(p->w.heap, pick(p), edits, count, why);
}

static enum err change_list(struct play *p, struct why *why)
{
    struct value v = any_value(p);

    if (below(p, 2) == 0)
        return heap_push_item(p->w.heap, pick(p), &v, NULL, why);
    return heap_set_item(p->w.heap, pick(p), below(p, 130), &v, why);
}

static enum err keep_in_cast(struct play *p, enum err e, obj_id id, struct why *why)
{
    if (e || (e = scope_keep(p->scope, scope_end(p->scope), id, why)))
        return e;
    join(p, id);
    return ERR_OK;
}

static enum err make_bytes(struct play *p, obj_id *ret, struct why *why)
{
    struct payload *payload = payload_create(p->w.mem, 40);
    enum err e;

    if (payload == NULL)
        return why_set(why, ERR_NOMEM, "no memory for a payload");
    memset(payload->data, 'x', payload->len);
    e = heap_new_bytes(p->w.heap, label_of("Blob"), &payload, ret, why);
    payload_release(&payload);
    return e;
}

static enum err make_something(struct play *p, struct why *why)
{
    struct field fields[40];
    struct value items[10];
    uint32_t count = below(p, 10) == 0 ? ARRAY_LEN(fields) : below(p, 5);
    obj_id id = 0;
    enum err e;

    if (p->count > CAST_MAX - 2)
        return ERR_OK;
    for (uint32_t i = 0; i < count; i++) {
        fields[i] = any_field(p);
        fields[i].unset = false;
    }
    for (uint32_t i = 0; i < ARRAY_LEN(items); i++)
        items[i] = any_value(p);
    switch (below(p, 4)) {
    case 0:
        e = heap_new_list(p->w.heap, label_of("Made"), items, below(p, ARRAY_LEN(items)), &id, why);
        break;
    case 1:
        e = make_bytes(p, &id, why);
        break;
    default:
        e = heap_new_record(p->w.heap, label_of("Dict"), fields, count, &id, why);
        break;
    }
    return keep_in_cast(p, e, id, why);
}

static enum err change_names(struct play *p, struct why *why)
{
    char name[8];

    snprintf(name, sizeof name, "%c%u", "rw"[below(p, 2)], below(p, 6));
    if (name[0] == 'w')
        return weak_put(p->w.heap, slice_of(name), pick(p), NULL, why);
    if (below(p, 3) == 0)
        return root_delete(p->w.heap, slice_of(name), why);
    return root_put(p->w.heap, slice_of(name), pick(p), NULL, why);
}

static enum err change_holds(struct play *p, struct why *why)
{
    if (below(p, 2) == 0)
        return session_drop(p->w.sessions, 0, pick(p), why);
    return session_hold(p->w.sessions, 0, pick(p), why);
}

static enum err change_something(struct play *p, struct why *why)
{
    static enum err (*const changes[])(struct play *, struct why *) = {
        change_record, change_record, change_record, change_list, change_list, make_something, change_names, change_holds,
    };

    return changes[below(p, ARRAY_LEN(changes))](p, why);
}

/* Some are refused, and have changed nothing then. */
static void change_much(struct play *p, uint32_t times)
{
    p->scope = p->scope == NULL ? scope_open(p->w.heap) : p->scope;
    while (times-- > 0) {
        enum err e = change_something(p, NULL);

        ck_assert_msg(e == ERR_OK || e == ERR_NO_NAME || e == ERR_WRONG_KIND || e == ERR_NOT_HELD, "%s", err_name(e));
    }
}

/* As undo.h says: what was made is let go of first. */
static void roll_back(struct play *p)
{
    close_scope(p);
    undo_rollback(p->w.heap);
    p->count = p->owned;
}

/* ---- claims about anything ---- */

START_TEST(after_a_rollback_everything_is_as_it_was)
{
    struct play p = play_new(unit_seed(_i));

    for (int round = 0; round < 4; round++) {
        char *before = dump(&p.w);

        OK(undo_begin(p.w.heap, &why));
        change_much(&p, below(&p, 300));
        roll_back(&p);
        world_check(&p.w);
        same_dump(before, dump(&p.w), "after a rollback");
        change_much(&p, 20); /* and the world goes on */
        close_scope(&p);
        p.count = p.owned;
        world_reap(&p.w);
    }
    play_free(&p);
}
END_TEST

START_TEST(after_a_commit_all_is_as_if_it_had_been_done_one_by_one)
{
    struct play plain = play_new(unit_seed(_i)), p = play_new(unit_seed(_i));
    uint32_t times = below(&plain, 400);

    MUST(times == below(&p, 400));
    change_much(&plain, times);
    close_scope(&plain);
    world_reap(&plain.w);
    OK(undo_begin(p.w.heap, &why));
    change_much(&p, times);
    undo_commit(p.w.heap);
    world_check(&p.w);
    close_scope(&p);
    world_reap(&p.w);
    world_check(&p.w);
    same_dump(dump(&plain.w), dump(&p.w), "one by one");
    play_free(&plain);
    play_free(&p);
}
END_TEST

/* A collection that is in the middle of it takes nobody who lives. */
START_TEST(a_collection_goes_on_across_a_rollback)
{
    struct play p = play_new(unit_seed(_i));
    char *before = dump_contents(&p.w);

    (void)ask(&p.w, 2, false);
    for (uint32_t steps = below(&p, 3000); steps > 0; steps--)
        (void)gc_step(p.w.gc, 1);
    OK(undo_begin(p.w.heap, &why));
    change_much(&p, 100);
    roll_back(&p);
    gc_finish(p.w.gc);
    world_check(&p.w);
    same_dump(before, dump_contents(&p.w), "after a collection");
    play_free(&p);
}
END_TEST

START_TEST(a_collection_goes_on_across_a_commit)
{
    struct play p = play_new(unit_seed(_i));
    char *before;

    (void)ask(&p.w, 2, false);
    for (uint32_t steps = below(&p, 3000); steps > 0; steps--)
        (void)gc_step(p.w.gc, 1);
    OK(undo_begin(p.w.heap, &why));
    change_much(&p, 100);
    undo_commit(p.w.heap);
    close_scope(&p);
    p.count = p.owned;
    gc_finish(p.w.gc);
    world_check(&p.w);
    (void)collect(&p.w, 2); /* what the first took for living */
    before = dump_contents(&p.w);
    ck_assert_uint_eq(collect(&p.w, 2), 0);
    same_dump(before, dump_contents(&p.w), "after another collection");
    play_free(&p);
}
END_TEST

/* ---- claims about something ---- */

static void must_list(struct world *w, obj_id id, const char *names)
{
    struct part_cursor cursor = {0};
    char found[64] = "";
    struct part part;

    while (heap_next_part(w->heap, id, &cursor, &part))
        strncat(found, part.name.data, part.name.len);
    ck_assert_str_eq(found, names);
}

/* Ordinary fields, and as many as make it a dictionary. */
START_TEST(a_field_that_was_removed_stands_where_it_stood)
{
    struct world w = world_new();
    obj_id id = new_record_of(&w, "Record");
    static const char *const names[] = {"a", "b", "c", "d", "e"};
    uint64_t tag;

    for (int i = 0; _i == 1 && i < RECORD_SLOTS_MAX; i++) {
        char name[8];

        snprintf(name, sizeof name, "x%d", i);
        set(&w, id, name, value_int(i));
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        set(&w, id, names[i], value_int(1));
    for (int i = 0; _i == 1 && i < RECORD_SLOTS_MAX; i++) {
        char name[8];

        snprintf(name, sizeof name, "x%d", i);
        unset_field(&w, id, name);
    }
    tag = etag(&w, id);
    OK(undo_begin(w.heap, &why));
    unset_field(&w, id, "b");
    unset_field(&w, id, "a");
    set(&w, id, "b", value_int(2));
    unset_field(&w, id, "e");
    set(&w, id, "f", value_int(2));
    unset_field(&w, id, "c");
    must_list(&w, id, "dbf");
    undo_rollback(w.heap);
    must_list(&w, id, "abcde");
    ck_assert_uint_eq(etag(&w, id), tag);
    let_go(&w, id);
    world_free(&w);
}
END_TEST

START_TEST(what_has_come_to_nothing_lives_if_it_is_linked_again)
{
    struct world w = world_new();
    obj_id keeper = new_list(&w), gone = rooted(&w, "gone"), moved = rooted(&w, "moved");

    OK(undo_begin(w.heap, &why));
    unroot(&w, "gone");
    unroot(&w, "moved");
    ck_assert_uint_eq(refs(&w, moved), 0);
    MUST(lives(&w, gone) && lives(&w, moved));
    push(&w, keeper, value_link(moved));
    undo_commit(w.heap);
    MUST(!lives(&w, gone) && lives(&w, moved));
    ck_assert_uint_eq(refs(&w, moved), 1);
    let_go(&w, keeper);
    world_free(&w);
}
END_TEST

START_TEST(what_was_made_is_dead_after_a_rollback_cycles_too)
{
    struct world w = world_new();
    obj_id old = rooted(&w, "old"), a, b;
    struct field self;
    uint64_t deaths = 0;

    OK(weak_put(w.heap, SLICE("old"), old, NULL, &why));
    OK(undo_begin(w.heap, &why));
    OK(heap_new_record(w.heap, label_of("A"), NULL, 0, &a, &why));
    self = field("self", value_link(a));
    OK(heap_edit_record(w.heap, a, &self, 1, &why));
    self = field("old", value_link(old));
    OK(heap_edit_record(w.heap, a, &self, 1, &why));
    OK(heap_new_list(w.heap, label_of("B"), &(struct value){.kind = VALUE_WEAK, .id = a}, 1, &b, &why));
    OK(weak_put(w.heap, SLICE("made"), a, NULL, &why));
    OK(weak_put(w.heap, SLICE("old"), b, NULL, &why));
    ck_assert_uint_eq(refs(&w, old), 2);
    heap_release(w.heap, a);
    heap_release(w.heap, b);
    MUST(lives(&w, a) && lives(&w, b));
    undo_rollback(w.heap);
    REFUSED(ERR_COLLECTED, heap_check(w.heap, a, &why));
    REFUSED(ERR_COLLECTED, heap_check(w.heap, b, &why));
    ck_assert_uint_eq(world_objects(&w), 1);
    ck_assert_uint_eq(world_stats(&w).doomed, 0);
    ck_assert_uint_eq(refs(&w, old), 1);
    for (struct weak_notice n; weak_take_notice(w.heap, &n);)
        deaths++;
    ck_assert_uint_eq(deaths, 0);
    world_free(&w);
}
END_TEST

static void must_tell(struct world *w, const char *name)
{
    struct weak_notice n;

    MUST(weak_take_notice(w->heap, &n));
    ck_assert_msg(slice_is(n.name, name), "%.*s, not %s", (int)n.name.len, n.name.data, name);
}

/* Of one object the newest name first; and a notice that waits does so again. */
START_TEST(a_weak_name_is_told_when_it_would_have_been)
{
    struct world w = world_new();
    obj_id a = new_record(&w), b = new_record(&w), dead = new_record(&w);
    static const char *const names[] = {"first", "second", "third"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        OK(weak_put(w.heap, slice_of(names[i]), a, NULL, &why));
    OK(weak_put(w.heap, SLICE("waits"), dead, NULL, &why));
    let_go(&w, dead);
    OK(undo_begin(w.heap, &why));
    OK(weak_put(w.heap, SLICE("second"), b, NULL, &why));
    OK(weak_put(w.heap, SLICE("waits"), b, NULL, &why));
    OK(weak_put(w.heap, SLICE("third"), a, NULL, &why));
    OK(weak_put(w.heap, SLICE("first"), a, NULL, &why));
    OK(weak_put(w.heap, SLICE("fourth"), a, NULL, &why));
    undo_rollback(w.heap);
    ck_assert_uint_eq(info(&w, a).weak_refs, 3);
    ck_assert_uint_eq(info(&w, b).weak_refs, 0);
    let_go(&w, a);
    must_tell(&w, "waits");
    must_tell(&w, "third");
    must_tell(&w, "second");
    must_tell(&w, "first");
    MUST(!weak_notice_waits(w.heap));
    let_go(&w, b);
    world_free(&w);
}
END_TEST

static void count_visit(void *ctx, slot_t slot)
{
    (void)slot;
    (*(uint32_t *)ctx)++;
}

/* It stands before an entry that is taken out: back again it is met, and met once. */
START_TEST(a_walk_that_is_under_way_meets_what_is_put_back)
{
    struct world w = world_new();
    obj_id id = new_record_of(&w, "Dict"), child = new_record(&w);
    struct edge_scan scan;
    uint32_t met = 0;
    char name[8];

    for (int i = 0; i < 40; i++) {
        snprintf(name, sizeof name, "n%d", i);
        put_link(&w, id, name, child);
    }
    heap_open_scan(w.heap, &scan, heap_slot(w.heap, id));
    ck_assert_uint_eq(heap_scan(w.heap, &scan, 10, count_visit, &met), 0);
    ck_assert_uint_eq(met, 10);
    OK(undo_begin(w.heap, &why));
    for (int i = 8; i < 12; i++) {
        snprintf(name, sizeof name, "n%d", i);
        unset_field(&w, id, name);
    }
    if (_i == 0)
        undo_rollback(w.heap);
    else
        undo_commit(w.heap);
    world_check(&w);
    (void)heap_scan(w.heap, &scan, 1000, count_visit, &met);
    ck_assert_uint_eq(met, _i == 0 ? 40 : 38); /* of four that are gone two had been met */
    heap_close_scan(w.heap, &scan);
    let_go(&w, id);
    let_go(&w, child);
    world_free(&w);
}
END_TEST

/* The account is full, and not a byte of it is free. */
START_TEST(a_rollback_is_not_refused_memory)
{
    struct play p = play_new(unit_seed(_i));
    char *before = dump_contents(&p.w);
    size_t max_bytes;

    OK(undo_begin(p.w.heap, &why));
    change_much(&p, 300);
    p.w.mem->max_bytes = max_bytes = p.w.mem->used_bytes;
    starve(&p.w, 1, true);
    roll_back(&p);
    feed(&p.w);
    ck_assert_uint_eq(p.w.mem->max_bytes, max_bytes);
    p.w.mem->max_bytes = 0;
    world_check(&p.w);
    same_dump(before, dump_contents(&p.w), "after a rollback without memory");
    play_free(&p);
}
END_TEST

/* What is kept is what was displaced, however large the object is. */
START_TEST(taking_back_costs_what_was_done_not_what_it_was_done_to)
{
    enum { PARTS = 200000 };
    struct world w = world_new();
    obj_id dict = new_record_of(&w, "Dict"), list = new_list(&w);
    size_t before, most;
    char name[16];

    for (int i = 0; i < PARTS; i++) {
        snprintf(name, sizeof name, "n%d", i);
        set(&w, dict, name, value_int(i));
        push(&w, list, value_int(i));
    }
    before = w.mem->used_bytes;
    OK(undo_begin(w.heap, &why));
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "n%d", i * 1999);
        unset_field(&w, dict, name);
        OK(heap_set_item(w.heap, list, (uint64_t)i * 1999, &(struct value){.kind = VALUE_NULL}, &why));
    }
    most = w.mem->used_bytes;
    undo_rollback(w.heap);
    ck_assert_uint_lt(most - before, 64 << 10);
    ck_assert_int_eq(get(&w, dict, "n1999").integer, 1999);
    ck_assert_uint_eq(w.mem->used_bytes, before);
    let_go(&w, dict);
    let_go(&w, list);
    world_free(&w);
}
END_TEST

/* Its map keeps the rows of what was removed until it is known that they are not wanted. */
START_TEST(a_dictionary_that_shrank_gives_room_back)
{
    struct world w = world_new();
    obj_id dict = new_record_of(&w, "Dict");
    uint64_t full;
    char name[16];

    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "n%d", i);
        set(&w, dict, name, value_int(i));
    }
    full = info(&w, dict).bytes;
    for (int commit = 0; commit <= 1; commit++) {
        OK(undo_begin(w.heap, &why));
        for (int i = 0; i < 990; i++) {
            snprintf(name, sizeof name, "n%d", i);
            unset_field(&w, dict, name);
        }
        if (commit)
            undo_commit(w.heap);
        else
            undo_rollback(w.heap);
        world_check(&w);
        ck_assert_uint_eq(info(&w, dict).parts, commit ? 10 : 1000);
        MUST(commit ? info(&w, dict).bytes < full / 20 : info(&w, dict).bytes == full);
    }
    let_go(&w, dict);
    world_free(&w);
}
END_TEST

START_TEST(watchers_are_told_before_contents_are_put_back)
{
    struct world w = world_new();
    obj_id id = new_record(&w), list = new_list(&w);
    struct heap_watch watch = {.ctx = &w, .changing = NULL};
    uint32_t told = 0;

    set(&w, id, "a", value_int(1));
    watch.ctx = &told;
    watch.changing = count_visit;
    heap_add_watch(w.heap, &watch);
    OK(undo_begin(w.heap, &why));
    set(&w, id, "a", value_int(2));
    push(&w, list, value_int(2));
    ck_assert_uint_eq(told, 2);
    undo_rollback(w.heap);
    ck_assert_uint_eq(told, 4);
    heap_remove_watch(w.heap, &watch);
    let_go(&w, id);
    let_go(&w, list);
    world_free(&w);
}
END_TEST

START_TEST(one_at_a_time)
{
    struct world w = world_new();

    OK(undo_begin(w.heap, &why));
    (void)undo_begin(w.heap, NULL);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(after_a_rollback_everything_is_as_it_was, .rounds = 60),
        TEST(after_a_commit_all_is_as_if_it_had_been_done_one_by_one, .rounds = 60),
        TEST(a_collection_goes_on_across_a_rollback, .rounds = 40),
        TEST(a_collection_goes_on_across_a_commit, .rounds = 40),
        TEST(a_field_that_was_removed_stands_where_it_stood, .rounds = 2),
        TEST(what_has_come_to_nothing_lives_if_it_is_linked_again),
        TEST(what_was_made_is_dead_after_a_rollback_cycles_too),
        TEST(a_weak_name_is_told_when_it_would_have_been),
        TEST(a_walk_that_is_under_way_meets_what_is_put_back, .rounds = 2),
        TEST(a_rollback_is_not_refused_memory, .rounds = 20),
        TEST(taking_back_costs_what_was_done_not_what_it_was_done_to),
        TEST(a_dictionary_that_shrank_gives_room_back),
        TEST(watchers_are_told_before_contents_are_put_back),
        TEST(one_at_a_time, .aborts = true),
    };

    return unit_main(argc, argv, "undo", tests, ARRAY_LEN(tests));
}
