/*
 * growing.h - lives in which something only grows, each in another way, and how a test finds it in the list of suspects: for
 * test_growth.c and test_alerts.c.
 */
#pragma once
#include "api/api_impl.h"
#include "tests/unit/leaks.h"

static inline void begin_nothing(struct life *l)
{
    (void)l;
}

static inline void act_nothing(struct life *l)
{
    (void)l;
}

/* ---- what grows ---- */

static inline void act_session_0(struct life *l)
{
    for (int i = 0; i < 40; i++)
        life_hold(l, 0, life_make(l, "A", ""));
}

/* Below a root, in a list that a field of its object has. */
static inline void begin_two_lists(struct life *l)
{
    obj_id root = life_make(l, "App", ""), list = life_list(l);

    l->holder = list;
    life_link(l, root, "handlers", list);
    heap_release(l->w->heap, list);
    life_root(l, "app", root);
}

static inline void act_push(struct life *l)
{
    for (int i = 0; i < 20; i++)
        life_push(l, l->holder, life_make(l, "H", "h.c:1"));
}

/* In as many lists, each named by a root. */
#define LEAKS 120

static inline void begin_many(struct life *l)
{
    for (int i = 0; i < LEAKS; i++)
        life_root(l, f("%d", i), life_list(l));
}

static inline void act_many(struct life *l)
{
    struct value v = value_int(7);
    uint32_t cursor = 0;
    struct slice name;
    uint64_t index;
    obj_id list;

    while (root_next(l->w->heap, &cursor, &name, &list))
        for (int i = 0; i < 2; i++)
            MUST(heap_push_item(l->w->heap, list, &v, &index, NULL) == ERR_OK);
}

static const struct life_kind many = {"many", NULL, begin_many, act_many};

/* ---- what is told of it ---- */

/* The first suspect by that; NULL: there is none. */
static inline json_t *item_by(struct life *l, const char *by)
{
    json_t *item;
    size_t i;

    must_say(l->w, "GET /v1/heap/suspects", "", 200, NULL);
    json_array_foreach(json_object_get(l->w->json, "items"), i, item) {
        if (strcmp(json_string_value(json_object_get(item, "by")), by) == 0)
            return item;
    }
    return NULL;
}
