/*
 * mutator.h - somebody who changes a heap at random, in every way there is: objects of all kinds that are made, edited and
 * let go of, lists and dictionaries with many parts, roots, sessions, batches, changes that are taken back, collections,
 * packing. What it makes is held by sessions.
 */
#pragma once
#include "heap/undo.h"
#include "tests/unit/gc_world.h"

#define MUTATOR_IDS 256   /* that it remembers; some are dead */
#define MUTATOR_WIDES 6   /* lists and dictionaries with many parts */
#define MUTATOR_SESSIONS 4
#define MUTATOR_SCOPES 3
#define MUTATOR_FIELDS 700

struct mutator {
    struct world w;
    uint64_t seed;
    obj_id id[MUTATOR_IDS];
    obj_id wide[MUTATOR_WIDES];
    session_id session[MUTATOR_SESSIONS]; /* 0 is among them */
    uint32_t sessions_opened;
    struct scope *scope[MUTATOR_SCOPES];
    bool in_undo;
};

static uint32_t roll(struct mutator *m, uint32_t n)
{
    return unit_rand_below(&m->seed, n);
}

static session_id a_session(struct mutator *m)
{
    return m->session[roll(m, MUTATOR_SESSIONS)];
}

/* One that lives; 0: it met none. */
static obj_id someone(struct mutator *m)
{
    obj_id id = roll(m, 8) == 0 ? m->wide[roll(m, MUTATOR_WIDES)] : m->id[roll(m, MUTATOR_IDS)];

    return id != 0 && lives(&m->w, id) ? id : 0;
}

static struct value something(struct mutator *m)
{
    obj_id id = roll(m, 4) != 0 ? someone(m) : 0;

    if (id == 0)
        return roll(m, 2) == 0 ? value_int(roll(m, 100)) : text("a text");
    return roll(m, 4) == 0 ? weak(id) : value_link(id);
}

static const char *a_name(struct mutator *m, uint32_t of, char name[16])
{
    snprintf(name, 16, "f%u", roll(m, of));
    return name;
}

/* ---- births ---- */

static struct label a_label(struct mutator *m)
{
    static const char *const classes[] = {"Node", "Session", "Cache", "object"};
    static const char *const sites[] = {"", "app.py:1", "app.py:2"};

    return (struct label){slice_of(classes[roll(m, ARRAY_LEN(classes))]), slice_of(sites[roll(m, ARRAY_LEN(sites))])};
}

static obj_id born_record(struct mutator *m, uint32_t fields_max)
{
    struct field fields[40];
    char names[40][16];
    uint32_t count = roll(m, fields_max + 1);
    obj_id id = 0;

    for (uint32_t i = 0; i < count; i++) {
        snprintf(names[i], sizeof names[i], "f%u", i);
        fields[i] = field(names[i], something(m));
    }
    OK(heap_new_record(m->w.heap, a_label(m), fields, count, &id, &why));
    return id;
}

static obj_id born_list(struct mutator *m, uint32_t items_max)
{
    struct value items[40];
    uint32_t count = roll(m, items_max + 1);
    obj_id id = 0;

    for (uint32_t i = 0; i < count; i++)
        items[i] = something(m);
    OK(heap_new_list(m->w.heap, a_label(m), items, count, &id, &why));
    return id;
}

static obj_id born_bytes(struct mutator *m)
{
    struct payload *p = payload_create(m->w.mem, 1 + roll(m, 300));
    obj_id id = 0;

    OK(heap_new_bytes(m->w.heap, a_label(m), &p, &id, &why));
    return id;
}

/* Held by a session, named, or kept by a batch; or all that keeps it is itself. */
static void place(struct mutator *m, obj_id id)
{
    char name[16];

    if (roll(m, 8) == 0 && m->scope[0] != NULL && !m->in_undo) {
        OK(scope_keep(m->scope[0], scope_end(m->scope[0]) + roll(m, 2), id, &why));
        return;
    }
    owns(&m->w, id, 1);
    if (roll(m, 6) == 0)
        root(&m->w, a_name(m, 20, name), id);
    else if (roll(m, 6) != 0)
        OK(session_hold(m->w.sessions, a_session(m), id, &why));
    else if (info(&m->w, id).kind == HEAP_RECORD)
        put_link(&m->w, id, "self", id);
    let_go(&m->w, id);
}

static void be_born(struct mutator *m)
{
    uint32_t kind = roll(m, 8);
    obj_id id = kind == 0 && !m->in_undo ? born_bytes(m) : kind < 3 ? born_list(m, 12) : born_record(m, kind == 7 ? 40 : 6);

    m->id[roll(m, MUTATOR_IDS)] = id;
    place(m, id);
}

/* ---- changes ---- */

static void edit_record(struct mutator *m, obj_id id, uint32_t names)
{
    char name[16];

    a_name(m, names, name);
    if (roll(m, 3) == 0)
        (void)heap_unset_field(m->w.heap, id, slice_of(name), NULL);
    else
        set(&m->w, id, name, something(m));
}

static void edit_list(struct mutator *m, obj_id id)
{
    uint64_t length = info(&m->w, id).parts;
    struct value v = something(m);
    uint32_t how = roll(m, 4);

    if (length == 0 || how == 0)
        push(&m->w, id, v);
    else if (how == 1 && !m->in_undo)
        OK(heap_delete_item(m->w.heap, id, roll(m, (uint32_t)length), &why));
    else
        OK(heap_set_item(m->w.heap, id, roll(m, (uint32_t)length), &v, &why));
}

static void edit(struct mutator *m, obj_id id)
{
    enum heap_kind kind = id != 0 ? info(&m->w, id).kind : HEAP_BYTES;

    if (kind == HEAP_RECORD)
        edit_record(m, id, info(&m->w, id).parts > 40 ? MUTATOR_FIELDS : 8);
    else if (kind == HEAP_LIST)
        edit_list(m, id);
}

/* A wide one that has gone, or is one of two, comes anew; else it changes a lot. */
static void edit_wide(struct mutator *m)
{
    uint32_t n = roll(m, MUTATOR_WIDES);

    for (uint32_t times = 1 + roll(m, 20); times > 0 && lives(&m->w, m->wide[n]); times--)
        edit(m, m->wide[n]);
}

static void make_wide(struct mutator *m, uint32_t n)
{
    bool list = n % 2 == 0;
    uint32_t parts = 100 + roll(m, 800);
    obj_id id = list ? born_list(m, 12) : born_record(m, 6);
    char name[16];

    owns(&m->w, id, 1);
    for (uint32_t i = 0; i < parts; i++)
        if (list)
            push(&m->w, id, something(m));
        else
            set(&m->w, id, a_name(m, MUTATOR_FIELDS, name), something(m));
    OK(session_hold(m->w.sessions, 0, id, &why));
    let_go(&m->w, id);
    m->wide[n] = id;
}

static void lose_wide(struct mutator *m)
{
    uint32_t n = roll(m, MUTATOR_WIDES);

    (void)session_drop(m->w.sessions, 0, m->wide[n], NULL);
    if (!lives(&m->w, m->wide[n]))
        make_wide(m, n);
}

/* ---- holders ---- */

static void change_hold(struct mutator *m)
{
    obj_id id = someone(m);

    if (id == 0)
        return;
    if (roll(m, 3) != 0)
        (void)session_drop(m->w.sessions, a_session(m), id, NULL);
    else
        OK(session_hold(m->w.sessions, a_session(m), id, &why));
}

static void change_root(struct mutator *m)
{
    obj_id id = someone(m);
    char name[16];

    a_name(m, 20, name);
    if (roll(m, 2) == 0)
        (void)root_delete(m->w.heap, slice_of(name), NULL);
    else if (id != 0)
        root(&m->w, name, id);
}

static void open_session(struct mutator *m, uint32_t n)
{
    char token[SESSION_TOKEN_BYTES + 1], label[16];

    snprintf(token, sizeof token, "%032u", ++m->sessions_opened);
    snprintf(label, sizeof label, "worker-%u", n);
    OK(session_open(m->w.sessions, 60, slice_of(label), slice_of(token), 0, &m->session[n], &why));
}

static void change_session(struct mutator *m)
{
    uint32_t n = roll(m, MUTATOR_SESSIONS);

    OK(session_end(m->w.sessions, m->session[n], &why));
    if (n > 0)
        open_session(m, n);
    (void)session_release(m->w.sessions, roll(m, 30));
}

static void change_scope(struct mutator *m)
{
    uint32_t n = roll(m, MUTATOR_SCOPES);
    obj_id id = someone(m);

    if (m->scope[n] == NULL)
        m->scope[n] = scope_open(m->w.heap);
    else if (roll(m, 6) == 0)
        (void)scope_close(&m->scope[n], 1 + roll(m, 30));
    else if (id != 0)
        OK(scope_hold(m->scope[n], scope_end(m->scope[n]), id, &why));
}

/* ---- the collector, and memory ---- */

static void run_collector(struct mutator *m)
{
    if (!gc_has_work(m->w.gc))
        (void)ask(&m->w, (int)roll(m, 3), false);
    for (uint32_t steps = roll(m, 20); steps > 0; steps--)
        (void)gc_step(m->w.gc, 1 + roll(m, 60));
    if (roll(m, 30) == 0)
        set_save_all(&m->w, roll(m, 2) == 0);
    if (roll(m, 10) == 0)
        (void)gc_clear_garbage(m->w.gc, 1 + roll(m, 20));
}

static void tidy(struct mutator *m)
{
    heap_tidy_soon(m->w.heap);
    for (uint32_t i = 0; i < 4; i++)
        (void)(roll(m, 2) == 0 ? heap_pack(m->w.heap, 100) : heap_purge(m->w.heap, 100));
}

/* ---- all of it ---- */

/* What may be taken back. */
static void change(struct mutator *m)
{
    switch (roll(m, 8)) {
    case 0:
    case 1:
        be_born(m);
        break;
    case 2:
    case 3:
        edit(m, someone(m));
        break;
    case 4:
        edit_wide(m);
        break;
    case 5:
        change_root(m);
        break;
    default:
        change_hold(m);
        break;
    }
}

static void batch(struct mutator *m)
{
    OK(undo_begin(m->w.heap, &why));
    m->in_undo = true;
    for (uint32_t n = roll(m, 12); n > 0; n--)
        change(m);
    m->in_undo = false;
    if (roll(m, 2) == 0)
        undo_commit(m->w.heap);
    else
        undo_rollback(m->w.heap);
}

static void mutate(struct mutator *m)
{
    switch (roll(m, 24)) {
    case 0:
    case 1:
    case 2:
        batch(m);
        break;
    case 3:
        run_collector(m);
        break;
    case 4:
        (void)heap_reap(m->w.heap, 1 + roll(m, 300));
        break;
    case 5:
        change_scope(m);
        break;
    case 6:
        if (roll(m, 6) == 0)
            lose_wide(m);
        break;
    case 7:
        if (roll(m, 8) == 0)
            change_session(m);
        break;
    case 8:
        if (roll(m, 8) == 0)
            tidy(m);
        break;
    default:
        change(m);
        break;
    }
}

static struct mutator mutator_new(uint64_t seed)
{
    struct mutator m = {.w = gc_world_new(), .seed = seed};

    for (uint32_t n = 1; n < MUTATOR_SESSIONS; n++)
        open_session(&m, n);
    for (uint32_t i = 0; i < MUTATOR_IDS; i++)
        be_born(&m);
    for (uint32_t n = 0; n < MUTATOR_WIDES; n++)
        make_wide(&m, n);
    return m;
}

static void mutator_free(struct mutator *m)
{
    for (uint32_t n = 0; n < MUTATOR_SCOPES; n++)
        (void)scope_close(&m->scope[n], SIZE_MAX);
    gc_finish(m->w.gc);
    gc_world_free(&m->w);
}
