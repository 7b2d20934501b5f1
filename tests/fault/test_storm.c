/*
 * test_storm.c - memory is refused while a life goes on: what fails does not show, what takes away never
 * fails.
 *
 * test_refusals.c refuses each request of single operations; here are those that need a full table or a long
 * series before they ask for memory, and any of them in any order.
 */
#include "tests/unit/gc_world.h"

/* What every step finds in its world. */
static struct stage {
    obj_id empty, small, dict, list, target, other;
    session_id session;
    struct scope *scope;
} stage;

static char names[600][16]; /* of fields, roots and weak names */

static struct slice token(uint32_t n)
{
    static char text_of[SESSION_TOKEN_BYTES + 1];

    snprintf(text_of, sizeof text_of, "%032u", n);
    return (struct slice){text_of, SESSION_TOKEN_BYTES};
}

static struct world staged_world(void)
{
    struct world w = gc_world_new();

    for (uint32_t i = 0; i < ARRAY_LEN(names); i++)
        snprintf(names[i], sizeof names[i], "f%u", i);
    stage.empty = new_record(&w);
    stage.small = new_record(&w);
    stage.dict = new_record(&w);
    stage.list = new_list(&w);
    stage.target = new_record(&w);
    stage.other = new_record(&w);
    set(&w, stage.small, "a", value_link(stage.target));
    for (uint32_t i = 0; i < 64; i++)
        set(&w, stage.dict, names[i], value_link(stage.target));
    for (uint32_t i = 0; i < 254; i++)
        push(&w, stage.list, value_link(stage.target));
    root(&w, "root", stage.other);
    OK(weak_put(w.heap, SLICE("weak"), stage.other, NULL, &why));
    OK(session_open(w.sessions, 86400, SLICE("s"), token(0), 0, &stage.session, &why));
    for (uint32_t i = 0; i < 8; i++) { /* so that one more needs room */
        OK(session_hold(w.sessions, 0, new_record(&w), &why));
        OK(session_hold(w.sessions, stage.session, new_record(&w), &why));
    }
    stage.scope = scope_open(w.heap);
    MUST(stage.scope != NULL);
    return w;
}

static void staged_world_free(struct world *w)
{
    (void)scope_close(&stage.scope, SIZE_MAX);
    gc_world_free(w);
}

/* ---- what can be seen: every object, its contents and its count, and every name ---- */

struct view {
    uint64_t objects, links, weak_links, roots, weak_names, sessions, hash;
};

static void mix(struct view *v, uint64_t with)
{
    v->hash ^= with;
    v->hash = unit_rand(&v->hash);
}

static struct view look(struct world *w)
{
    struct heap_stats s = world_stats(w);
    struct view v = {s.objects, s.links, s.weak_links, s.roots, s.weak_names, session_count(w->sessions), 0};
    struct session_info session;
    struct slice name;
    slot_t slot = 0;
    obj_id id;

    while ((id = heap_next_object(w->heap, &slot, SIZE_MAX)) != 0) {
        struct object_info i = info(w, id);

        mix(&v, id);
        mix(&v, etag(w, id));
        mix(&v, i.refs << 32 | i.weak_refs);
    }
    for (uint32_t cursor = 0; root_next(w->heap, &cursor, &name, &id);)
        mix(&v, id);
    for (uint32_t cursor = 0; weak_next(w->heap, &cursor, &name, &id);)
        mix(&v, id);
    for (uint32_t cursor = 0; session_next(w->sessions, &cursor, &session);)
        mix(&v, session.holds << 32 | session.id);
    return v;
}

static bool same(const struct view *a, const struct view *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* ---- steps ---- */

static enum err made(struct world *w, enum err e, const obj_id *id)
{
    if (e == ERR_OK)
        owns(w, *id, 1);
    return e;
}

static enum err make_record(struct world *w)
{
    static uint32_t number;
    char class[24], site[24];
    struct field f[] = {
        field("1", value_link(stage.target)), field("2", weak(stage.target)), field("3", text("a string")),
        field("4", value_int(INT64_MIN)),     field("5", real(0.1)),          field("6", value_null()),
        field("7", value_link(stage.other)),  field("8", text("another")),    field("9", text("more"))};
    obj_id id = 0;

    snprintf(class, sizeof class, "Class%u", number);
    snprintf(site, sizeof site, "site%u", number++ / 2);
    return made(
        w,
        heap_new_record(w->heap, (struct label){slice_of(class), slice_of(site)}, f, ARRAY_LEN(f), &id, NULL),
        &id);
}

static enum err make_list(struct world *w)
{
    struct value v[200];
    obj_id id = 0;

    for (uint32_t i = 0; i < ARRAY_LEN(v); i++)
        v[i] = i % 7 == 0 ? weak(stage.other) : i % 5 == 0 ? text(names[i]) : value_link(stage.target);
    return made(w, heap_new_list(w->heap, label_of("L"), v, ARRAY_LEN(v), &id, NULL), &id);
}

static enum err grow_a_record(struct world *w)
{
    static uint32_t next;
    struct field f[] = {field(names[next % 600], real(0.1)),
                        field(names[(next + 100) % 600], value_link(stage.other)),
                        unset(names[(next + 300) % 600]), field("a", text("x"))};

    next++;
    return heap_edit_record(w->heap, next % 2 == 0 ? stage.small : stage.empty, f, ARRAY_LEN(f), NULL);
}

static enum err change_a_dictionary(struct world *w)
{
    struct field f[300];

    for (uint32_t i = 0; i < ARRAY_LEN(f); i++)
        f[i] = i % 3 == 0 ? unset(names[i / 3]) : field(names[200 + i], value_link(stage.target));
    return heap_edit_record(w->heap, stage.dict, f, ARRAY_LEN(f), NULL);
}

static enum err push_item(struct world *w)
{
    struct value v = value_link(stage.other);

    return heap_push_item(w->heap, stage.list, &v, NULL, NULL);
}

static enum err hold_more(struct world *w)
{
    obj_id id = 0;
    enum err e = heap_new_list(w->heap, label_of("Held"), NULL, 0, &id, NULL);

    if (e != ERR_OK)
        return e;
    e = session_hold(w->sessions, stage.session, id, NULL);
    heap_release(w->heap, id);
    return e;
}

static enum err move_names(struct world *w)
{
    enum err e = weak_put(w->heap, SLICE("weak"), stage.target, NULL, NULL);

    if (e != ERR_OK)
        return e;
    OK(weak_put(w->heap, SLICE("weak"), stage.other, NULL, &why)); /* both have a weak cell now */
    return ERR_OK;
}

/* So many that each table grows; one that fails takes those before it along. */
static enum err put_many_names(struct world *w)
{
    uint32_t done = 0;
    enum err e = ERR_OK;

    while (done < 40 && (e = root_put(w->heap, slice_of(names[done]), stage.target, NULL, NULL)) == ERR_OK &&
           (e = weak_put(w->heap, slice_of(names[done]), stage.target, NULL, NULL)) == ERR_OK)
        done++;
    for (uint32_t i = 0; i <= done; i++) {
        (void)root_delete(w->heap, slice_of(names[i]), NULL);
        (void)weak_delete(w->heap, slice_of(names[i]), NULL);
    }
    return e;
}

static enum err open_many_sessions(struct world *w)
{
    static uint32_t number = 1;
    session_id ids[40];
    uint32_t done = 0;
    enum err e = ERR_OK;

    while (done < ARRAY_LEN(ids) &&
           (e = session_open(w->sessions, 5, SLICE(""), token(number++), 0, &ids[done], NULL)) == ERR_OK)
        done++;
    while (done-- > 0)
        OK(session_end(w->sessions, ids[done], &why));
    return e;
}

/* What a scope cannot keep is let go of: as if it had not been made. */
static enum err keep_in_a_scope(struct world *w)
{
    enum err e = ERR_OK;
    obj_id id = 0;

    for (uint32_t n = 0; n < 3000 && e == ERR_OK; n += n < 12 ? 1 : 500)
        if ((e = heap_new_list(w->heap, label_of("Kept"), NULL, 0, &id, NULL)) == ERR_OK)
            e = scope_keep(stage.scope, scope_end(stage.scope) + n % 3, id, NULL);
    (void)scope_close(&stage.scope, SIZE_MAX);
    feed(w);
    stage.scope = scope_open(w->heap);
    return e;
}

typedef enum err (*step_fn)(struct world *w);

static const step_fn steps[] = {make_record,     make_list, grow_a_record,  change_a_dictionary,
                                push_item,       hold_more, put_many_names, open_many_sessions,
                                keep_in_a_scope, move_names};

/* ---- each of them, refused its nth request ---- */

/* So many counts have spilled that the table of them must grow for the next. */
static void fill_big_counts(struct world *w)
{
    for (uint32_t n = 0; n < 8; n++) {
        obj_id id = n == 0 ? stage.other : new_record(w);

        for (uint32_t i = 0; i < OBJECT_COUNT_MAX; i++)
            MUST(heap_hold(w->heap, id, NULL) == ERR_OK);
        owns(w, id, OBJECT_COUNT_MAX);
    }
    for (uint32_t i = (uint32_t)refs(w, stage.target); i < OBJECT_COUNT_MAX; i++)
        hold(w, stage.target);
}

static enum err spill_by_root(struct world *w)
{
    return root_put(w->heap, SLICE("root"), stage.target, NULL, NULL);
}

static enum err spill_by_session(struct world *w)
{
    return session_hold(w->sessions, stage.session, stage.target, NULL);
}

static enum err spill_by_link(struct world *w)
{
    struct field f[] = {field("x", text("first")), field("y", value_link(stage.target))};

    return heap_edit_record(w->heap, stage.empty, f, ARRAY_LEN(f), NULL);
}

static enum err spill_by_item(struct world *w)
{
    struct value v = value_link(stage.target);

    return heap_set_item(w->heap, stage.list, 0, &v, NULL);
}

static const step_fn spills[] = {spill_by_root, spill_by_session, spill_by_link, spill_by_item};

/* Refuse the nth request of a step; then nothing has changed, and with memory it succeeds. True if it asked.
 */
static bool refuse_nth(step_fn step, uint64_t n, bool on, void (*prepare)(struct world *))
{
    struct world w = staged_world();
    struct view before, after;
    uint64_t first;
    bool refused;
    enum err e;

    if (prepare != NULL)
        prepare(&w);
    before = look(&w);
    first = w.mem->request_count;
    starve(&w, n, on);
    e = step(&w);
    refused = w.mem->request_count >= first + n;
    feed(&w);
    world_reap(&w);
    while (session_release(w.sessions, 100) == 0)
        ;
    world_check(&w);
    after = look(&w);
    ck_assert(e == ERR_OK || (e == ERR_NOMEM && refused && same(&before, &after)));
    ck_assert(e == ERR_OK || step(&w) == ERR_OK);
    staged_world_free(&w);
    return refused;
}

START_TEST(a_step_that_is_refused_memory_can_be_taken_again)
{
    for (uint64_t n = 1; refuse_nth(steps[_i / 2], n, _i % 2 == 1, NULL); n++)
        ck_assert_uint_lt(n, 2000);
}
END_TEST

START_TEST(a_reference_that_cannot_be_counted_is_not_taken)
{
    for (uint64_t n = 1; refuse_nth(spills[_i / 2], n, _i % 2 == 1, fill_big_counts); n++)
        ck_assert_uint_lt(n, 100);
}
END_TEST

/* ---- what needs no memory ---- */

/* Not one request is granted; whatever takes away, reads or collects works all the same. */
START_TEST(taking_away_reading_and_collecting_need_no_memory)
{
    struct world w = staged_world();
    struct field several[] = {unset("f0"), unset("f5"), unset("f9")};
    obj_id doomed[3], id;
    struct value v;

    for (int i = 0; i < 3; i++)
        doomed[i] = self_loop(&w);
    put_link(&w, doomed[0], "list", stage.list);
    OK(session_hold(w.sessions, stage.session, stage.other, &why));
    starve(&w, 1, true);
    OK(heap_unset_field(w.heap, stage.small, SLICE("a"), &why));
    OK(heap_edit_record(w.heap, stage.dict, several, ARRAY_LEN(several), &why));
    for (uint32_t i = 254; i > 0; i--)
        OK(heap_delete_item(w.heap, stage.list, i * 7 % i, &why));
    OK(heap_get_field(w.heap, stage.dict, SLICE("f1"), &v, &why));
    (void)look(&w);
    OK(root_get(w.heap, SLICE("root"), &id, &why));
    OK(root_put(w.heap, SLICE("root"), stage.target, NULL, &why)); /* the name is there */
    OK(root_delete(w.heap, SLICE("root"), &why));
    OK(weak_delete(w.heap, SLICE("weak"), &why));
    OK(session_drop(w.sessions, stage.session, stage.other, &why));
    OK(session_end(w.sessions, stage.session, &why));
    while (session_release(w.sessions, 100) == 0)
        ;
    ck_assert_uint_eq(collect(&w, 2), 3);
    let_go(&w, stage.dict);
    let_go(&w, stage.list);
    world_reap(&w);
    world_tidy(&w);
    (void)gc_freeze(w.gc, true);
    (void)ask(&w, 2, true);
    gc_finish(w.gc);
    feed(&w);
    for (int i = 0; i < 3; i++)
        ck_assert(!lives(&w, doomed[i]));
    staged_world_free(&w);
}
END_TEST

/* ---- a storm ---- */

START_TEST(a_life_goes_on_through_a_storm_of_refusals)
{
    struct world w = staged_world();
    uint64_t seed = unit_seed(_i);
    uint32_t failures = 0, rounds = scaled(1600, 400);

    for (uint32_t n = 0; n < rounds; n++) {
        struct view before, after;
        enum err e;

        gc_finish(w.gc);
        before = look(&w);
        starve(&w, 1 + unit_rand_below(&seed, 20), unit_rand_below(&seed, 2) == 0);
        e = steps[unit_rand_below(&seed, ARRAY_LEN(steps))](&w);
        feed(&w);
        while (session_release(w.sessions, 100) == 0)
            ;
        world_reap(&w);
        after = look(&w);
        MUST(e == ERR_OK || (e == ERR_NOMEM && same(&before, &after)));
        failures += e != ERR_OK;
        if (n % 50 == 0) {
            world_check(&w);
            (void)collect(&w, (int)unit_rand_below(&seed, 3));
        }
        if (n % 200 == 199) { /* begin again, so that there is always something to do */
            staged_world_free(&w);
            w = staged_world();
        }
    }
    ck_assert_uint_gt(failures, rounds / 10);
    staged_world_free(&w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_step_that_is_refused_memory_can_be_taken_again, .rounds = 2 * (int)ARRAY_LEN(steps)),
        TEST(a_reference_that_cannot_be_counted_is_not_taken, .rounds = 2 * (int)ARRAY_LEN(spills)),
        TEST(taking_away_reading_and_collecting_need_no_memory),
        TEST(a_life_goes_on_through_a_storm_of_refusals, .rounds = 4),
    };
    return unit_main(argc, argv, "storm", tests, ARRAY_LEN(tests));
}
