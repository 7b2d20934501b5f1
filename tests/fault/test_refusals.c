/*
 * test_refusals.c - no memory, at every place where memory is asked for.
 *
 * Each operation of heap/ and gc/ that can allocate is tried with the first request refused, then the second, and
 * so on until it succeeds; once with that one request refused, once with it and all that follow. After each
 * refusal: the error is ERR_NOMEM, nothing that can be seen has changed, every recount holds, and in the end
 * not a byte is missing.
 */
#include "heap/undo.h"
#include "tests/unit/dump.h"
#include "tests/unit/gc_world.h"

#define REFUSALS_MAX 2000 /* an operation that asks more often than this does not end */

struct stage {
    struct world w;
    obj_id record, wide, list, bytes, other; /* held by the test: 3 fields, 32 fields, 127 items */
    obj_id made;                             /* what the operation made, with one reference */
    struct scope *scope;
};

struct operation {
    const char *name;
    void (*prepare)(struct stage *s); /* may be NULL; memory is not refused here */
    enum err (*run)(struct stage *s, struct why *why);
};

/* ---- what can be seen ---- */

struct sight {
    uint64_t objects, links, weak_links, roots, weak_names, holds, strings;
    uint64_t etags[5];
    uint64_t refs[5];
};

static void look(struct stage *s, struct sight *ret)
{
    const obj_id ids[] = {s->record, s->wide, s->list, s->bytes, s->other};
    struct heap_stats stats = world_stats(&s->w);
    struct session_info session;
    struct object_info info;

    memset(ret, 0, sizeof *ret);
    OK(session_info(s->w.sessions, 0, &session, &why));
    ret->objects = stats.objects;
    ret->links = stats.links;
    ret->weak_links = stats.weak_links;
    ret->roots = stats.roots;
    ret->weak_names = stats.weak_names;
    ret->holds = session.holds + 1000 * session_count(s->w.sessions);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        OK(heap_etag(s->w.heap, ids[i], &ret->etags[i], &why));
        OK(heap_info(s->w.heap, ids[i], &info, &why));
        ret->refs[i] = info.refs * 1000 + info.weak_refs;
    }
}

/* ---- operations ---- */

static enum err make_record(struct stage *s, struct why *why)
{
    const struct field fields[] = {field("a fresh name", text("a fresh value")), field("big", value_int(INT64_MAX)),
                                   field("real", real(0.1)), field("link", value_link(s->other)),
                                   field("weak", weak(s->record))};

    return heap_new_record(s->w.heap, (struct label){SLICE("Fresh"), SLICE("a site")}, fields, ARRAY_LEN(fields),
                           &s->made, why);
}

static enum err make_dictionary(struct stage *s, struct why *why)
{
    struct field fields[40];
    char names[40][8];

    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        snprintf(names[i], sizeof names[i], "f%zu", i);
        fields[i] = field(names[i], value_link(s->other));
    }
    return heap_new_record(s->w.heap, label_of("Wide"), fields, ARRAY_LEN(fields), &s->made, why);
}

static enum err make_list(struct stage *s, struct why *why)
{
    struct value items[300];

    for (size_t i = 0; i < ARRAY_LEN(items); i++)
        items[i] = i % 3 == 0 ? value_link(s->other) : value_int((int64_t)i << 40);
    return heap_new_list(s->w.heap, label_of("Long"), items, ARRAY_LEN(items), &s->made, why);
}

static enum err make_bytes(struct stage *s, struct why *why)
{
    struct payload *p = payload_create(s->w.mem, 5000);
    enum err e;

    if (p == NULL)
        return why_set(why, ERR_NOMEM, "no memory for a payload");
    memset(p->data, 'x', p->len);
    e = heap_new_bytes(s->w.heap, label_of("Blob"), &p, &s->made, why);
    payload_release(&p);
    return e;
}

static enum err set_bytes(struct stage *s, struct why *why)
{
    struct payload *p = payload_create(s->w.mem, 9000);
    enum err e;

    if (p == NULL)
        return why_set(why, ERR_NOMEM, "no memory for a payload");
    memset(p->data, 'y', p->len);
    e = heap_set_bytes(s->w.heap, s->bytes, &p, why);
    payload_release(&p);
    return e;
}

static enum err edit_in_place(struct stage *s, struct why *why)
{
    const struct field edits[] = {field("a", text("some other text")), field("b", real(1e300)), unset("c")};

    return heap_edit_record(s->w.heap, s->record, edits, ARRAY_LEN(edits), why);
}

static enum err edit_beyond_its_cell(struct stage *s, struct why *why)
{
    struct field edits[12];
    char names[12][8];

    for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
        snprintf(names[i], sizeof names[i], "g%zu", i);
        edits[i] = field(names[i], value_link(s->other));
    }
    return heap_edit_record(s->w.heap, s->record, edits, ARRAY_LEN(edits), why);
}

static enum err edit_into_a_dictionary(struct stage *s, struct why *why)
{
    const struct field edits[] = {field("one more", text("than slots")), unset("w7"), field("w3", weak(s->other))};

    return heap_edit_record(s->w.heap, s->wide, edits, ARRAY_LEN(edits), why);
}

static enum err push_item(struct stage *s, struct why *why)
{
    const struct value v = text("an item that nobody has seen");

    return heap_push_item(s->w.heap, s->list, &v, NULL, why);
}

static enum err set_item(struct stage *s, struct why *why)
{
    const struct value v = value_int(INT64_MIN);

    return heap_set_item(s->w.heap, s->list, 5, &v, why);
}

static enum err put_root(struct stage *s, struct why *why)
{
    return root_put(s->w.heap, SLICE("a new root"), s->record, NULL, why);
}

static enum err put_weak_name(struct stage *s, struct why *why)
{
    return weak_put(s->w.heap, SLICE("a new weak name"), s->record, NULL, why);
}

static enum err hold_in_session(struct stage *s, struct why *why)
{
    return session_hold(s->w.sessions, 0, s->record, why);
}

static enum err open_session(struct stage *s, struct why *why)
{
    session_id id;

    return session_open(s->w.sessions, 30, SLICE("label"), SLICE("0123456789abcdef0123456789abcdef"), 1000, &id, why);
}

static enum err empty_session(struct stage *s, struct why *why)
{
    return session_end(s->w.sessions, 0, why);
}

static enum err open_scope(struct stage *s, struct why *why)
{
    s->scope = scope_open(s->w.heap);
    return s->scope != NULL ? ERR_OK : why_set(why, ERR_NOMEM, "no memory for a scope");
}

/* The 1,100th entry of a scope needs a second chunk. What a refused one would have held is let go of. */
static enum err keep_in_scope(struct stage *s, struct why *why)
{
    enum err e = heap_hold(s->w.heap, s->other, why);

    return e != ERR_OK ? e : scope_keep(s->scope, scope_end(s->scope), s->other, why);
}

static void prepare_scope(struct stage *s)
{
    OK(open_scope(s, &why));
    for (int i = 0; i < 8 + 1024; i++)
        OK(keep_in_scope(s, &why));
}

static void prepare_hub(struct stage *s)
{
    for (uint32_t i = 0; i < OBJECT_COUNT_MAX - 1; i++) {
        OK(heap_hold(s->w.heap, s->other, &why));
        owns(&s->w, s->other, 1);
    }
}

/* One reference more than the cell can count. */
static enum err hold_a_hub(struct stage *s, struct why *why)
{
    enum err e = heap_hold(s->w.heap, s->other, why);

    if (e == ERR_OK)
        owns(&s->w, s->other, 1);
    return e;
}

static enum err collect_nothing(struct stage *s, struct why *why)
{
    enum err e = gc_collect(s->w.gc, 2, GC_BY_REQUEST, false, NULL, why);

    gc_finish(s->w.gc); /* a collection asks for no memory that it could not do without */
    return e;
}

/* ---- changes that are one ---- */

static enum err keep_made(struct stage *s, enum err e, obj_id id, struct why *why)
{
    return e ? e : scope_keep(s->scope, scope_end(s->scope), id, why);
}

static enum err make_and_keep(struct stage *s, struct why *why)
{
    enum err (*const make[])(struct stage *, struct why *) = {make_record, make_dictionary, make_list, make_bytes};
    enum err e = ERR_OK;

    for (size_t i = 0; i < ARRAY_LEN(make) && e == ERR_OK; i++) {
        e = make[i](s, why);
        e = keep_made(s, e, s->made, why);
        s->made = 0;
    }
    return e;
}

static enum err move_names(struct stage *s, struct why *why)
{
    enum err e;

    if ((e = root_delete(s->w.heap, SLICE("old root"), why)) ||
        (e = root_put(s->w.heap, SLICE("other root"), s->record, NULL, why)) ||
        (e = weak_put(s->w.heap, SLICE("old weak name"), s->list, NULL, why)) ||
        (e = session_drop(s->w.sessions, 0, s->list, why)))
        return e;
    return session_hold(s->w.sessions, 0, s->wide, why);
}

static enum err unset_in_a_dictionary(struct stage *s, struct why *why)
{
    const struct field edits[] = {unset("w0"), unset("w31"), unset("w15"), field("w0", value_int(0))};

    return heap_edit_record(s->w.heap, s->wide, edits, ARRAY_LEN(edits), why);
}

static void prepare_names(struct stage *s)
{
    OK(root_put(s->w.heap, SLICE("old root"), s->other, NULL, &why));
    OK(root_put(s->w.heap, SLICE("other root"), s->other, NULL, &why));
    OK(weak_put(s->w.heap, SLICE("old weak name"), s->other, NULL, &why));
    OK(session_hold(s->w.sessions, 0, s->list, &why));
    OK(session_hold(s->w.sessions, 0, s->other, &why));
    OK(open_scope(s, &why));
}

static enum err change_everything(struct stage *s, struct why *why)
{
    enum err (*const changes[])(struct stage *, struct why *) = {
        edit_in_place, edit_beyond_its_cell, edit_into_a_dictionary, unset_in_a_dictionary, push_item, set_item,
        put_root, put_weak_name, hold_in_session, move_names, make_and_keep,
    };
    enum err e = ERR_OK;

    for (size_t i = 0; i < ARRAY_LEN(changes) && e == ERR_OK; i++)
        e = changes[i](s, why);
    return e;
}

/* Taken back, whether all was done or one was refused, while memory goes on being refused. */
static enum err change_and_take_back(struct stage *s, struct why *why)
{
    char *before = dump_contents(&s->w);
    enum err e = undo_begin(s->w.heap, why);

    if (e == ERR_OK) {
        e = change_everything(s, why);
        while (scope_close(&s->scope, 1000) == 0)
            ;
        undo_rollback(s->w.heap);
    }
    same_dump(before, dump_contents(&s->w), "taken back");
    return e;
}

static enum err change_as_one(struct stage *s, struct why *why)
{
    enum err e = undo_begin(s->w.heap, why);

    if (e != ERR_OK)
        return e;
    if ((e = change_everything(s, why)) == ERR_OK) {
        undo_commit(s->w.heap);
        return ERR_OK;
    }
    while (scope_close(&s->scope, 1000) == 0)
        ;
    undo_rollback(s->w.heap);
    return e;
}

static const struct operation operations[] = {
    {"make a record", NULL, make_record},
    {"make a dictionary", NULL, make_dictionary},
    {"make a list", NULL, make_list},
    {"make bytes", NULL, make_bytes},
    {"replace bytes", NULL, set_bytes},
    {"edit a record in place", NULL, edit_in_place},
    {"edit a record beyond its cell", NULL, edit_beyond_its_cell},
    {"edit a record into a dictionary", NULL, edit_into_a_dictionary},
    {"push an item", NULL, push_item},
    {"set an item", NULL, set_item},
    {"put a root", NULL, put_root},
    {"put a weak name", NULL, put_weak_name},
    {"hold", NULL, hold_in_session},
    {"open a session", NULL, open_session},
    {"empty the default session", NULL, empty_session},
    {"open a scope", NULL, open_scope},
    {"keep in a scope", prepare_scope, keep_in_scope},
    {"hold a hub", prepare_hub, hold_a_hub},
    {"collect", NULL, collect_nothing},
    {"change everything and take it back", prepare_names, change_and_take_back},
    {"change everything as one", prepare_names, change_as_one},
};

/* ---- the stage ---- */

static struct stage stage_new(void)
{
    struct stage s = {.w = gc_world_new()};

    s.other = new_record_of(&s.w, "Other");
    s.record = new_record(&s.w);
    set(&s.w, s.record, "a", value_int(1));
    set(&s.w, s.record, "b", value_link(s.other));
    set(&s.w, s.record, "c", text("c"));
    s.wide = new_record_of(&s.w, "Wide");
    for (int i = 0; i < RECORD_SLOTS_MAX; i++) {
        char name[16];

        snprintf(name, sizeof name, "w%d", i);
        set(&s.w, s.wide, name, value_link(s.other));
    }
    s.list = new_list(&s.w);
    for (int i = 0; i < 127; i++)
        push(&s.w, s.list, value_int(i));
    s.bytes = new_bytes(&s.w, 100, 'b');
    return s;
}

static void stage_free(struct stage *s)
{
    const obj_id ids[] = {s->record, s->wide, s->list, s->bytes, s->other};

    if (s->made != 0)
        heap_release(s->w.heap, s->made);
    while (scope_close(&s->scope, 1000) == 0)
        ;
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        while (map_find(s->w.own->times, (uint32_t)(ids[i] & SLOT_MAX)) != MAP_NONE)
            let_go(&s->w, ids[i]);
    gc_world_free(&s->w);
}

/* ---- refusing ---- */

/* Refuse request number n of the operation. Returns true if it asked that often. */
static bool refuse_nth(const struct operation *op, uint64_t n, bool from_then_on)
{
    struct stage s = stage_new();
    struct sight before, after;
    struct why why = {0};
    bool refused;
    enum err e;

    if (op->prepare != NULL)
        op->prepare(&s);
    look(&s, &before);
    s.w.mem->fail_at = s.w.mem->request_count + n;
    s.w.mem->fail_on = from_then_on;
    e = op->run(&s, &why);
    refused = s.w.mem->request_count >= s.w.mem->fail_at;
    s.w.mem->fail_at = 0;
    look(&s, &after);
    if (e != ERR_OK) {
        ck_assert_msg(e == ERR_NOMEM, "%s, request %" PRIu64 ": %s", op->name, n, err_name(e));
        ck_assert_msg(why.err == e && why.text[0] != '\0', "%s, request %" PRIu64 ": no sentence", op->name, n);
        ck_assert_msg(memcmp(&before, &after, sizeof before) == 0, "%s, request %" PRIu64 ": something changed",
                      op->name, n);
    }
    ck_assert_msg(e == ERR_OK || refused, "%s failed though nothing was refused", op->name);
    if (s.made != 0)
        owns(&s.w, s.made, 1);
    world_check(&s.w);
    if (s.made != 0)
        disowns(&s.w, s.made, 1);
    stage_free(&s);
    return refused;
}

START_TEST(an_operation_that_is_refused_memory_has_changed_nothing)
{
    const struct operation *op = &operations[_i / 2];
    uint64_t n = 1;

    while (refuse_nth(op, n, _i % 2 == 1)) {
        n++;
        ck_assert_msg(n < REFUSALS_MAX, "%s asks for memory without end", op->name);
    }
}
END_TEST

/* The makers of worlds: what cannot be made whole is not made at all. */
START_TEST(a_heap_and_its_collector_are_made_whole_or_not_at_all)
{
    for (uint64_t n = 1;; n++) {
        struct mem mem;
        struct heap *h = NULL;
        struct gc *gc = NULL;
        struct session_set *sessions = NULL;
        bool refused;

        mem_init(&mem, 0);
        mem.fail_at = n;
        mem.fail_on = _i == 1;
        if (heap_create(&mem, WORLD_SEED, &h) == ERR_OK && session_set_create(h, &sessions) == ERR_OK)
            ck_assert(gc_create(h, &gc) == ERR_OK || mem.request_count >= n);
        refused = mem.request_count >= n;
        mem.fail_at = 0;
        gc_destroy(&gc);
        session_set_destroy(&sessions);
        heap_destroy(&h);
        mem_fini(&mem);
        if (!refused)
            break;
        ck_assert_uint_lt(n, REFUSALS_MAX);
    }
}
END_TEST

/* Save-all needs memory for its list; what gets no place there just stays, and is found again. */
START_TEST(save_all_without_memory_loses_nothing)
{
    struct world w = gc_world_new();
    obj_id ids[20];
    uint64_t saved;

    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        ids[i] = self_loop(&w);
    set_save_all(&w, true);
    w.mem->fail_at = w.mem->request_count + 1;
    w.mem->fail_on = true;
    ck_assert_uint_eq(collect(&w, 2), ARRAY_LEN(ids));
    w.mem->fail_at = 0;
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        ck_assert(heap_has(w.heap, ids[i]));
    world_check(&w);
    saved = gc_state(&w).garbage;
    ck_assert_uint_eq(collect(&w, 2), ARRAY_LEN(ids) - saved);
    set_save_all(&w, false);
    while (gc_clear_garbage(w.gc, 1000) == 0)
        ;
    ck_assert_uint_eq(collect(&w, 2), ARRAY_LEN(ids));
    gc_world_free(&w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(an_operation_that_is_refused_memory_has_changed_nothing, .rounds = 2 * (int)ARRAY_LEN(operations)),
        TEST(a_heap_and_its_collector_are_made_whole_or_not_at_all, .rounds = 2),
        TEST(save_all_without_memory_loses_nothing),
    };

    return unit_main(argc, argv, "fault", tests, ARRAY_LEN(tests));
}
