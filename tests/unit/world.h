/*
 * world.h - a heap with sessions, alone in a world: no clock, no api, no daemon. gc_world.h adds the
 * collector.
 *
 * Objects made here come with a reference that belongs to the test, unless they are named by a root.
 * world_free() recounts everything, lets go of everything, and proves that no byte is left on the account.
 *
 * HEAPD_TEST_SCALE=n divides the sizes of large tests by n; a sanitizer does it by itself.
 */
#pragma once
#include "heap/base/map.h"
#include "heap/heap_gc.h"
#include "heap/root.h"
#include "heap/scope.h"
#include "heap/session.h"
#include "heap/weak.h"
#include "tests/unit/unit.h"

struct gc;

/* The references that belong to the test, so that a recount finds them. */
struct own_refs {
    struct heap_watch watch;
    struct mem mem;
    struct map *times; /* slot -> how many */
};

struct world {
    struct mem *mem; /* its address stays when the world is copied */
    struct heap *heap;
    struct session_set *sessions;
    struct gc *gc; /* NULL: without one */
    struct own_refs *own;
};

#define WORLD_SEED 0x5eed
/* `size`, or less where time is short, but not below `least`. */
static inline uint32_t scaled(uint32_t size, uint32_t least)
{
    const char *given = getenv("HEAPD_TEST_SCALE");
    uint32_t by = given != NULL ? (uint32_t)strtoul(given, NULL, 10) : 1;

#ifdef __SANITIZE_ADDRESS__
    by = given != NULL ? by : 10;
#endif
    by = by > 0 ? by : 1;
    return size / by > least ? size / by : least;
}

/* An error that must not be: says its sentence. */
#define OK(call)                                                                                             \
    do {                                                                                                     \
        struct why why = {0};                                                                                \
        enum err ok_err = (call);                                                                            \
        if (ok_err != ERR_OK)                                                                                \
            ck_abort_msg("%s: %s: %s", #call, err_name(ok_err), why.text);                                   \
    } while (0)

#define REFUSED(expected, call)                                                                              \
    do {                                                                                                     \
        struct why why = {0};                                                                                \
        enum err refused_err = (call);                                                                       \
        if (refused_err != (expected))                                                                       \
            ck_abort_msg("%s: %s, not %s", #call, err_name(refused_err), err_name(expected));                \
        ck_assert_int_eq(why.err, expected);                                                                 \
    } while (0)

/* The first few of what is broken: it may be the same a thousand times. */
static inline void world_tell(void *ctx, const char *sentence)
{
    uint32_t *left = ctx;

    if (*left > 0)
        fprintf(stderr, "broken: %s\n", sentence);
    *left -= *left > 0;
}

static inline void world_check(struct world *w)
{
    uint32_t left = 8;

    MUST(heap_validate(w->heap, world_tell, &left) == 0);
}

static inline void own_recount(void *ctx, void (*count)(void *to, slot_t slot), void *to)
{
    const struct own_refs *own = ctx;

    for (uint32_t e = 0; e < map_count(own->times); e++)
        for (uint32_t i = 0; i < map_value(own->times, e); i++)
            count(to, map_key(own->times, e));
}

static inline struct own_refs *own_refs_new(struct heap *h)
{
    struct own_refs *own = malloc(sizeof *own);

    mem_init(&own->mem, 0);
    own->times = map_create(&own->mem, WORLD_SEED);
    own->watch = (struct heap_watch){.ctx = own, .recount = own_recount};
    heap_add_watch(h, &own->watch);
    return own;
}

static inline void own_refs_free(struct own_refs *own, struct heap *h)
{
    heap_remove_watch(h, &own->watch);
    map_destroy(&own->times);
    mem_fini(&own->mem);
    free(own);
}

/* The test has `by` references more on a live object. */
static inline void owns(struct world *w, obj_id id, uint32_t by)
{
    uint32_t e = map_find(w->own->times, (uint32_t)(id & SLOT_MAX));

    if (e == MAP_NONE)
        MUST(map_add(w->own->times, (uint32_t)(id & SLOT_MAX), by));
    else
        map_set_value(w->own->times, e, map_value(w->own->times, e) + by);
}

static inline void disowns(struct world *w, obj_id id, uint32_t by)
{
    uint32_t e = map_find(w->own->times, (uint32_t)(id & SLOT_MAX));

    MUST(e != MAP_NONE && map_value(w->own->times, e) >= by);
    if (map_value(w->own->times, e) == by)
        map_remove(w->own->times, e);
    else
        map_set_value(w->own->times, e, map_value(w->own->times, e) - by);
}

static inline struct world world_new(void)
{
    struct world w = {.mem = malloc(sizeof *w.mem)};

    mem_init(w.mem, 0);
    ck_assert_int_eq(heap_create(w.mem, WORLD_SEED, &w.heap), ERR_OK);
    w.own = own_refs_new(w.heap);
    ck_assert_int_eq(session_set_create(w.heap, &w.sessions), ERR_OK);
    return w;
}

static inline void world_reap(struct world *w)
{
    while (heap_reap(w->heap, 1u << 20) == 0)
        ;
}

/* All memory that nothing needs goes back to the system. */
static inline void world_tidy(struct world *w)
{
    heap_tidy_now(w->heap);
    while (heap_pack_at_ms(w->heap) == 0)
        (void)heap_pack(w->heap, 100);
    while (heap_purge_at_ms(w->heap) == 0)
        (void)heap_purge(w->heap, 100);
}

static inline struct heap_stats world_stats(const struct world *w)
{
    struct heap_stats stats;

    heap_stats(w->heap, &stats);
    return stats;
}

static inline uint64_t world_objects(const struct world *w)
{
    return world_stats(w).objects;
}

static inline void world_free(struct world *w)
{
    world_check(w);
    session_set_destroy(&w->sessions);
    world_check(w);
    own_refs_free(w->own, w->heap);
    heap_destroy(&w->heap);
    ck_assert_ptr_null(w->heap);
    mem_fini(w->mem);
    free(w->mem);
}

/* ---- objects, named for what they say in a test ---- */

static inline struct label label_of(const char *class)
{
    return (struct label){.class = slice_of(class)};
}

static inline struct value text(const char *s)
{
    return (struct value){.kind = VALUE_STRING, .string = slice_of(s)};
}

static inline struct value real(double d)
{
    return (struct value){.kind = VALUE_REAL, .real = d};
}

static inline struct value weak(obj_id id)
{
    return (struct value){.kind = VALUE_WEAK, .id = id};
}

static inline struct field field(const char *name, struct value v)
{
    return (struct field){.name = slice_of(name), .value = v};
}

static inline struct field unset(const char *name)
{
    return (struct field){.name = slice_of(name), .unset = true};
}

static inline obj_id new_record_of(struct world *w, const char *class)
{
    obj_id id = 0;

    OK(heap_new_record(w->heap, label_of(class), NULL, 0, &id, &why));
    owns(w, id, 1);
    return id;
}

static inline obj_id new_record(struct world *w)
{
    return new_record_of(w, "Record");
}

static inline obj_id new_list(struct world *w)
{
    obj_id id = 0;

    OK(heap_new_list(w->heap, label_of("List"), NULL, 0, &id, &why));
    owns(w, id, 1);
    return id;
}

static inline obj_id new_bytes(struct world *w, size_t len, char fill)
{
    struct payload *p = payload_create(w->mem, len);
    obj_id id = 0;

    MUST(p != NULL);
    memset(p->data, fill, len);
    OK(heap_new_bytes(w->heap, label_of("Bytes"), &p, &id, &why));
    MUST(p == NULL);
    owns(w, id, 1);
    return id;
}

static inline void set(struct world *w, obj_id record, const char *name, struct value v)
{
    struct field f = field(name, v);

    OK(heap_edit_record(w->heap, record, &f, 1, &why));
}

static inline struct value get(struct world *w, obj_id record, const char *name)
{
    struct value v = {.kind = VALUE_NULL};

    OK(heap_get_field(w->heap, record, slice_of(name), &v, &why));
    return v;
}

static inline void unset_field(struct world *w, obj_id record, const char *name)
{
    OK(heap_unset_field(w->heap, record, slice_of(name), &why));
}

static inline void push(struct world *w, obj_id list, struct value v)
{
    OK(heap_push_item(w->heap, list, &v, NULL, &why));
}

static inline void put_link(struct world *w, obj_id from, const char *name, obj_id to)
{
    set(w, from, name, value_link(to));
}

static inline obj_id new_record_with(struct world *w, const char *class, const struct field *fields,
                                     size_t count)
{
    obj_id id = 0;

    OK(heap_new_record(w->heap, label_of(class), fields, count, &id, &why));
    owns(w, id, 1);
    return id;
}

static inline void hold(struct world *w, obj_id id)
{
    OK(heap_hold(w->heap, id, &why));
    owns(w, id, 1);
}

/* A reference of the test is given back. */
static inline void let_go(struct world *w, obj_id id)
{
    disowns(w, id, 1);
    heap_release(w->heap, id);
}

static inline bool lives(struct world *w, obj_id id)
{
    return heap_has(w->heap, id);
}

static inline void root(struct world *w, const char *name, obj_id id)
{
    OK(root_put(w->heap, slice_of(name), id, NULL, &why));
}

static inline void unroot(struct world *w, const char *name)
{
    OK(root_delete(w->heap, slice_of(name), &why));
}

/* A new record that only the root of that name keeps. */
static inline obj_id rooted(struct world *w, const char *name)
{
    obj_id id = new_record(w);

    root(w, name, id);
    let_go(w, id);
    return id;
}

static inline struct object_info info(struct world *w, obj_id id)
{
    struct object_info i = {0};

    OK(heap_info(w->heap, id, &i, &why));
    return i;
}

static inline uint64_t refs(struct world *w, obj_id id)
{
    return info(w, id).refs;
}

static inline uint64_t etag(struct world *w, obj_id id)
{
    uint64_t e = 0;

    OK(heap_etag(w->heap, id, &e, &why));
    return e;
}

/* Refuse the nth request for memory from now on (1: the next), and all after it too if `on`. */
static inline void starve(struct world *w, uint64_t n, bool on)
{
    w->mem->fail_at = w->mem->request_count + n;
    w->mem->fail_on = on;
}

static inline void feed(struct world *w)
{
    w->mem->fail_at = 0;
}
