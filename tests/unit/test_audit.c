/*
 * test_audit.c - an audit in steps: it finds whatever is broken, before and behind where it stands, and nothing else.
 *
 * That it finds nothing in a heap that lives on meanwhile is tests/model/life_audit.c's to show.
 */
#include "gc/gc_impl.h"
#include "heap/dict.h"
#include "heap/intern.h"
#include "heap/names.h"
#include "heap/record.h"
#include "heap/shape.h"
#include "tests/unit/audit_world.h"

static struct object *cell_of(struct all *x, obj_id id)
{
    return object_at(x->w.heap, heap_slot(x->w.heap, id));
}

/* ---- what can be broken: done twice, it is as it was ---- */

static void break_count(struct all *x)
{
    cell_of(x, x->record)->count ^= 1 << 7;
}

static void break_link(struct all *x)
{
    cell_of(x, x->record)->word[0] ^= WORD(0, heap_slot(x->w.heap, x->target) ^ heap_slot(x->w.heap, x->held));
}

static void break_links(struct all *x)
{
    x->w.heap->stats.links ^= 1;
}

static void break_objects(struct all *x)
{
    x->w.heap->stats.objects ^= 1;
}

static void break_doomed(struct all *x)
{
    x->w.heap->stats.doomed ^= 1;
}

static void break_live_bytes(struct all *x)
{
    x->w.heap->stats.live_bytes ^= 4;
}

static void break_shared_bytes(struct all *x)
{
    x->w.heap->stats.shared_bytes ^= 4;
}

static void break_list_length(struct all *x)
{
    cell_of(x, x->list)->word[1] ^= 8;
}

static void break_wide_length(struct all *x)
{
    cell_of(x, x->wide)->word[1] ^= 1 << 10;
}

static void break_dict_order(struct all *x)
{
    slot_t dict = record_dict(x->w.heap, heap_slot(x->w.heap, x->dict));
    uint32_t *entry = pool_cell(&x->w.heap->pools, dict_at_index(x->w.heap, dict, 77));

    entry[2] ^= 1; /* the one before it in the row */
}

static void break_used_bit(struct all *x)
{
    slot_t string = string_lookup(x->w.heap, SLICE("some text"));

    x->w.heap->pools.used[string / 64] ^= 1ull << 63;
}

static void break_pool_used(struct all *x)
{
    x->w.heap->pools.pool[pool_of(heap_slot(x->w.heap, x->record))].used ^= 1;
}

static void break_pool_pages(struct all *x)
{
    x->w.heap->pools.pool_pages ^= 1;
}

static void break_arena(struct all *x)
{
    x->w.heap->pools.arena[1].dirty_pages ^= 1;
}

static void break_shape_users(struct all *x)
{
    x->w.heap->shapes[cell_of(x, x->record)->shape].users ^= 1 << 9;
}

static void break_class_objects(struct all *x)
{
    x->w.heap->classes.rows[x->w.heap->shapes[cell_of(x, x->record)->shape].class].objects ^= 1 << 9;
}

static void break_class_shapes(struct all *x)
{
    x->w.heap->classes.rows[x->w.heap->shapes[cell_of(x, x->record)->shape].class].shapes ^= 1 << 9;
}

static void break_string_hash(struct all *x)
{
    pool_cell(&x->w.heap->pools, string_lookup(x->w.heap, SLICE("some text")))[2] ^= 1;
}

static void break_root(struct all *x)
{
    slot_t *target = &names_at(x->w.heap->roots, names_find(x->w.heap->roots, SLICE("target")))->target;

    *target ^= heap_slot(x->w.heap, x->target) ^ heap_slot(x->w.heap, x->held);
}

static void break_weak(struct all *x)
{
    cell_of(x, x->target)->has_weak ^= 1;
}

static void break_big(struct all *x)
{
    cell_of(x, x->record)->has_big ^= 1;
}

/* As if it had been let go of and its count had not heard of it. */
static void break_hold(struct all *x)
{
    struct map *holds = x->w.sessions->table[0]->holds;
    uint32_t slot = heap_slot(x->w.heap, x->held), e = map_find(holds, slot);

    if (e != MAP_NONE)
        map_remove(holds, e);
    else
        MUST(map_add(holds, slot, 0));
}

static void break_session_bytes(struct all *x)
{
    x->w.sessions->bytes ^= 16;
}

static void break_paid(struct all *x)
{
    session_find(x->w.sessions, x->leased)->bytes ^= 8;
}

static void break_deadline(struct all *x)
{
    session_find(x->w.sessions, x->leased)->look.place ^= 1;
}

/* As if one who lives had died and had not been told to. */
static void break_journal(struct all *x)
{
    if (x->w.heap->journal == NULL) {
        OK(heap_set_journal(x->w.heap, &x->journal));
        journal_died(x->w.heap->journal, heap_slot(x->w.heap, x->record));
    } else {
        OK(heap_set_journal(x->w.heap, NULL));
    }
}

static void break_generation(struct all *x)
{
    cell_of(x, x->record)->generation ^= 2;
}

static void break_population(struct all *x)
{
    x->w.gc->population[0] ^= 1;
}

static const struct harm {
    const char *name;
    void (*change)(struct all *x);
    const char *said;
    bool behind_is_late; /* of what was looked at already, the next audit tells */
} harms[] = {
    {"count", break_count, "counts", false},
    {"link", break_link, "counts", true},
    {"links", break_links, "links, the count is", true},
    {"objects", break_objects, "objects live", true},
    {"doomed", break_doomed, "objects are dead", true},
    {"live bytes", break_live_bytes, "live bytes", true},
    {"shared bytes", break_shared_bytes, "in cells and outside", true},
    {"list length", break_list_length, "contents of object", true},
    {"wide length", break_wide_length, "contents of object", true},
    {"dict order", break_dict_order, "contents of object", true},
    {"used bit", break_used_bit, "pools:", false},
    {"pool used", break_pool_used, "pools:", false},
    {"pool pages", break_pool_pages, "pools:", false},
    {"arena", break_arena, "pools:", false},
    {"shape users", break_shape_users, "shapes:", false},
    {"class objects", break_class_objects, "shapes:", false},
    {"class shapes", break_class_shapes, "shapes:", false},
    {"string hash", break_string_hash, "strings:", false},
    {"root", break_root, "counts", true},
    {"weak", break_weak, "weak references:", false},
    {"big", break_big, "has no big count", false},
    {"hold", break_hold, "counts", true},
    {"session bytes", break_session_bytes, "sessions:", true},
    {"paid", break_paid, "sessions:", false},
    {"deadline", break_deadline, "sessions:", false},
    {"journal", break_journal, "journal:", false},
    {"generation", break_generation, "gc: objects of generation", false},
    {"population", break_population, "gc: objects of generation 0", false},
};

/* Broken before the audit begins; and the heap is well again when it is mended. */
START_TEST(whatever_is_broken_is_named)
{
    const struct harm *h = &harms[_i];
    struct all x = all_new();
    struct said s;

    audit_is_clean(&x.w);
    h->change(&x);
    audit(&x.w, &s);
    ck_assert_msg(was_said(&s, h->said), "%s: %zu said, the first: %s", h->name, s.count, s.text[0]);
    ck_assert_msg(heap_validate(x.w.heap, NULL, NULL) > 0, "%s", h->name);
    h->change(&x);
    audit_is_clean(&x.w);
    all_free(&x);
}
END_TEST

/* Broken when the audit has just begun: all that it looks at it looks at later. What counts at the cut, the next tells. */
START_TEST(what_breaks_before_it_is_come_to_is_named)
{
    const struct harm *h = &harms[_i];
    struct all x = all_new();
    struct said s;
    struct heap_audit *a = begin(&x.w, &s);

    while (a->account == NULL)
        MUST(!step(a, 1));
    h->change(&x);
    finish(&a, 3);
    if (!was_said(&s, h->said))
        audit(&x.w, &s);
    ck_assert_msg(was_said(&s, h->said), "%s: %zu said, the first: %s", h->name, s.count, s.text[0]);
    h->change(&x);
    all_free(&x);
}
END_TEST

START_TEST(what_breaks_behind_it_is_named_by_it_or_by_the_next)
{
    const struct harm *h = &harms[_i];
    struct all x = all_new();
    struct said s;
    struct heap_audit *a = begin(&x.w, &s);

    while (a->phase < 5) /* objects and holders are counted, and not compared */
        MUST(!step(a, 1));
    h->change(&x);
    finish(&a, 3);
    if (h->behind_is_late && !was_said(&s, h->said))
        audit(&x.w, &s);
    ck_assert_msg(was_said(&s, h->said), "%s: %zu said, the first: %s", h->name, s.count, s.text[0]);
    h->change(&x);
    all_free(&x);
}
END_TEST

/* ---- what is looked through by half ---- */

/* A list of links is changed and dies, from both ends and everywhere, while the audit stands in it. */
START_TEST(a_wide_object_may_change_and_die_while_it_is_looked_through)
{
    struct all x = all_new();
    struct world *w = &x.w;
    uint64_t seed = unit_seed(_i);
    struct said s;
    struct heap_audit *a = begin(w, &s);
    obj_id other = new_record(w), wide = _i % 2 == 0 ? x.wide : x.dict;
    char name[16];

    for (uint32_t round = 0; !step(a, 1 + unit_rand_below(&seed, 6)); round++) {
        struct value v = value_link(unit_rand_below(&seed, 2) == 0 ? x.target : other);

        snprintf(name, sizeof name, "f%u", unit_rand_below(&seed, 2 * WIDE));
        if (a->wide == 0 || !lives(w, wide))
            (void)heap_reap(w->heap, 1);
        else if (round % 97 == 96)
            let_go(w, wide);
        else if (wide == x.dict && unit_rand_below(&seed, 2) == 0)
            (void)heap_unset_field(w->heap, wide, slice_of(name), NULL);
        else if (wide == x.dict)
            set(w, wide, name, v);
        else if (unit_rand_below(&seed, 3) == 0)
            push(w, wide, v);
        else if (unit_rand_below(&seed, 2) == 0)
            OK(heap_set_item(w->heap, wide, unit_rand_below(&seed, 100), &v, &why));
        else
            OK(heap_delete_item(w->heap, wide, unit_rand_below(&seed, 100), &why));
    }
    ck_assert_msg(s.count == 0, "--seed %" PRIu64 ": %s", unit_seed(_i), s.text[0]);
    end(&a);
    all_free(&x);
}
END_TEST

/* Sessions take holds, drop them and end while the audit stands among them. */
START_TEST(holds_may_come_and_go_while_they_are_counted)
{
    struct all x = all_new();
    struct world *w = &x.w;
    uint64_t seed = unit_seed(_i);
    obj_id ids[300];
    struct said s;
    struct heap_audit *a;

    for (uint32_t i = 0; i < ARRAY_LEN(ids); i++) {
        ids[i] = new_record(w);
        OK(session_hold(w->sessions, 0, ids[i], &why));
    }
    a = begin(w, &s);
    while (!step(a, 1 + unit_rand_below(&seed, 40))) {
        obj_id id = ids[unit_rand_below(&seed, ARRAY_LEN(ids))];

        if (unit_rand_below(&seed, 2) == 0)
            OK(session_hold(w->sessions, 0, id, &why));
        else
            (void)session_drop(w->sessions, 0, id, NULL);
        if (unit_rand_below(&seed, 200) == 0)
            OK(session_end(w->sessions, 0, &why));
        (void)session_release(w->sessions, unit_rand_below(&seed, 3));
    }
    ck_assert_msg(s.count == 0, "--seed %" PRIu64 ": %s", unit_seed(_i), s.text[0]);
    end(&a);
    all_free(&x);
}
END_TEST

/* ---- what a collection has condemned by half ---- */

/* Cycles with something in them, some of it in lists: enough to be released in many steps. */
static void make_garbage(struct world *w)
{
    for (int i = 0; i < 300; i++) {
        obj_id a = new_record(w), b = new_list_of(w, a, i % 100 == 0 ? 200 : 2);

        put_link(w, a, "list", b);
        set(w, a, "text", text("some text"));
        let_go(w, a);
        let_go(w, b);
    }
}

START_TEST(an_audit_may_begin_at_any_step_of_a_collection)
{
    struct all x = all_new();
    struct world *w = &x.w;
    obj_id young[500];
    uint32_t made = 0;
    uint64_t ticket;
    struct said s;

    for (uint32_t i = 0; i < ARRAY_LEN(young); i++)
        young[i] = new_record(w);
    for (int steps = 1; steps < 2000; steps += 1 + steps / 8) {
        struct heap_audit *a;

        make_garbage(w);
        OK(gc_collect(w->gc, 2, GC_BY_REQUEST, false, &ticket, &why));
        (void)step_to(w, _i == 0 ? GC_RELEASE : _i == 1 ? GC_FREE : GC_SPREAD);
        for (int i = 0; i < steps && gc_has_work(w->gc); i++)
            (void)gc_step(w->gc, 1);
        a = begin(w, &s);
        while (!step(a, 1 + (size_t)steps % 40)) {
            (void)gc_step(w->gc, 1 + (size_t)steps % 7);
            for (uint32_t i = 0; i < 40; i++, made++) { /* so that the slots of the condemned are used again */
                let_go(w, young[made % ARRAY_LEN(young)]);
                young[made % ARRAY_LEN(young)] = new_record(w);
            }
            world_reap(w);
        }
        ck_assert_msg(s.count == 0, "after %d steps: %s", steps, s.text[0]);
        end(&a);
        gc_finish(w->gc);
    }
    all_free(&x);
}
END_TEST

/* ---- one at a time, and what it costs ---- */

START_TEST(there_is_one_audit_at_a_time)
{
    struct all x = all_new();
    struct heap_audit *a, *another = NULL;
    struct said s;

    a = begin(&x.w, &s);
    REFUSED(ERR_BUSY, heap_audit_begin(x.w.heap, NULL, NULL, &another, &why));
    MUST(!step(a, 10));
    REFUSED(ERR_BUSY, heap_audit_begin(x.w.heap, NULL, NULL, &another, &why));
    MUST(heap_audit_end(&a, 1) == 0);
    OK(heap_audit_begin(x.w.heap, NULL, NULL, &another, &why));
    end(&a);
    end(&another);
    all_free(&x);
}
END_TEST

/* Given up anywhere, it leaves nothing behind. */
START_TEST(an_audit_may_be_given_up_at_any_step)
{
    struct all x = all_new();
    size_t before = x.w.mem->used_bytes;
    struct said s;

    for (size_t steps = 0; steps < 400; steps += 7) {
        struct heap_audit *a = begin(&x.w, &s);

        for (size_t i = 0; i < steps && !step(a, 20); i++)
            ;
        end(&a);
        ck_assert_uint_eq(x.w.mem->used_bytes, before);
        MUST(x.w.heap->windows.open == 0 && x.w.heap->onlooker == NULL);
    }
    audit_is_clean(&x.w);
    all_free(&x);
}
END_TEST

START_TEST(the_account_is_charged_and_refused_with_a_sentence)
{
    struct all x = all_new();
    struct said s;
    struct heap_audit *a = begin(&x.w, &s);
    size_t before = x.w.mem->used_bytes;
    bool done;

    starve(&x.w, 1, true);
    REFUSED(ERR_NOMEM, heap_audit_step(a, 1000, &done, &why));
    feed(&x.w);
    MUST(!step(a, 1));
    ck_assert_uint_eq(x.w.mem->used_bytes - before, (size_t)a->end * 4);
    finish(&a, 1000);
    all_free(&x);
}
END_TEST

/* Nobody tells when the dead let go of what they hold: so none is left when an audit begins. */
START_TEST(the_dead_are_reaped_before_the_cut)
{
    struct all x = all_new();
    struct said s;
    struct heap_audit *a;

    let_go(&x.w, x.wide);
    let_go(&x.w, x.record);
    a = begin(&x.w, &s);
    MUST(!step(a, 1));
    ck_assert_ptr_null(a->account);
    finish(&a, 5);
    ck_assert_uint_eq(s.count, 0);
    all_free(&x);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(whatever_is_broken_is_named, .rounds = ARRAY_LEN(harms)),
        TEST(what_breaks_before_it_is_come_to_is_named, .rounds = ARRAY_LEN(harms)),
        TEST(what_breaks_behind_it_is_named_by_it_or_by_the_next, .rounds = ARRAY_LEN(harms)),
        TEST(a_wide_object_may_change_and_die_while_it_is_looked_through, .rounds = 40),
        TEST(holds_may_come_and_go_while_they_are_counted, .rounds = 20),
        TEST(an_audit_may_begin_at_any_step_of_a_collection, .rounds = 3),
        TEST(there_is_one_audit_at_a_time),
        TEST(an_audit_may_be_given_up_at_any_step),
        TEST(the_account_is_charged_and_refused_with_a_sentence),
        TEST(the_dead_are_reaped_before_the_cut),
    };

    return unit_main(argc, argv, "audit", tests, ARRAY_LEN(tests));
}
