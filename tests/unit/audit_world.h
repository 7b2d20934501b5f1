/*
 * audit_world.h - for tests of audits: a heap with some of everything, and what an audit of it says.
 */
#pragma once
#include "heap/audit_impl.h"
#include "heap/session_impl.h"
#include "tests/unit/gc_world.h"

/* ---- what an audit says ---- */

struct said {
    size_t count;
    char text[16][WHY_TEXT_MAX];
};

static void hear(void *ctx, const char *sentence)
{
    struct said *s = ctx;

    if (s->count < ARRAY_LEN(s->text))
        snprintf(s->text[s->count], sizeof s->text[0], "%s", sentence);
    s->count++;
}

static inline bool was_said(const struct said *s, const char *part)
{
    for (size_t i = 0; i < s->count && i < ARRAY_LEN(s->text); i++)
        if (strstr(s->text[i], part) != NULL)
            return true;
    return false;
}

static struct heap_audit *begin(struct world *w, struct said *s)
{
    struct heap_audit *a = NULL;

    *s = (struct said){.count = 0};
    OK(heap_audit_begin(w->heap, hear, s, &a, &why));
    return a;
}

/* True: it is through. */
static bool step(struct heap_audit *a, size_t units)
{
    bool done = false;

    OK(heap_audit_step(a, units, &done, &why));
    return done;
}

static void end(struct heap_audit **a)
{
    while (heap_audit_end(a, 1) == 0)
        ;
    ck_assert_ptr_null(*a);
}

static void finish(struct heap_audit **a, size_t units)
{
    while (!step(*a, units))
        ;
    end(a);
}

static inline void audit(struct world *w, struct said *s)
{
    struct heap_audit *a = begin(w, s);

    finish(&a, 7);
}

static inline void audit_is_clean(struct world *w)
{
    struct said s;

    audit(w, &s);
    ck_assert_msg(s.count == 0, "%s", s.text[0]);
}

/* ---- a heap with some of everything ---- */

#define WIDE 500

struct all {
    struct world w;
    obj_id record, list, wide, dict, target, held;
    session_id leased;
    struct heap_journal journal; /* which forgets what it is told */
};

static enum err forget_change(void *ctx, const struct change *c, struct why *why)
{
    (void)ctx;
    (void)c;
    (void)why;
    return ERR_OK;
}

static size_t forget_mark(void *ctx)
{
    (void)ctx;
    return 0;
}

static void forget_from(void *ctx, size_t mark)
{
    (void)ctx;
    (void)mark;
}

/* From now on sessions pay. */
static void let_them_pay(struct world *w)
{
    session_set_limits(w->sessions, &(struct session_limits){.sessions_max = 100,
                                                             .holds_max = UINT32_MAX - 1,
                                                             .default_holds_max = UINT32_MAX - 1,
                                                             .bytes_max = UINT64_MAX});
}

static obj_id new_list_of(struct world *w, obj_id target, uint32_t items)
{
    obj_id list = new_list(w);

    for (uint32_t i = 0; i < items; i++)
        push(w, list, value_link(target));
    return list;
}

static obj_id new_dict_of(struct world *w, obj_id target, uint32_t fields)
{
    obj_id record = new_record_of(w, "Wide");
    char name[16];

    for (uint32_t i = 0; i < fields; i++) {
        snprintf(name, sizeof name, "f%u", i);
        put_link(w, record, name, target);
    }
    return record;
}

static struct all all_new(void)
{
    struct all x = {.w = gc_world_new(), .journal = {.note = forget_change, .mark = forget_mark, .cut = forget_from}};
    struct world *w = &x.w;

    let_them_pay(w);
    OK(session_open(w->sessions, 60, SLICE("leased"), SLICE("0123456789abcdef0123456789abcdef"), 0, &x.leased, &why));
    session_pay(w->sessions, x.leased);
    x.target = rooted(w, "target");
    x.record = new_record_of(w, "Node");
    put_link(w, x.record, "link", x.target);
    set(w, x.record, "text", text("some text"));
    set(w, x.record, "weak", weak(x.target));
    x.list = new_list_of(w, x.target, 5);
    x.wide = new_list_of(w, x.target, WIDE);
    x.dict = new_dict_of(w, x.target, WIDE);
    x.held = new_record(w);
    OK(session_hold(w->sessions, 0, x.held, &why));
    let_go(w, x.held);
    for (int i = 0; i < 3000; i++) /* so that each stands in a pool of some */
        (void)new_record_of(w, "Other");
    return x;
}

static void all_free(struct all *x)
{
    OK(heap_set_journal(x->w.heap, NULL));
    gc_world_free(&x->w);
}
