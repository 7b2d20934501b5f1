/*
 * shape.h - classes, and the fixed slots that their records share (Python's __slots__, learned not declared).
 *
 * A shape says what class and site an object has and, for a record, which field stands in which place (keys.h). So
 * an object pays 24 bits for its class, its site and all its names. A shape without fields, a base, is also what
 * lists, bytes and dictionaries have.
 *
 * A shape lives while an object or a form (form.h) uses it; SHAPES_IDLE_MAX without users are kept, so that making
 * and dropping one object over and over does not build its shape anew each time.
 */
#pragma once
#include "heap/heap_impl.h"

#define SHAPES_MAX (1u << 24)
#define SHAPES_IDLE_MAX 256

struct shape {
    uint32_t class;        /* row of heap->classes; 0: this shape number is free */
    uint32_t site;         /* row of heap->sites; 0: none */
    uint32_t keys;
    uint32_t users;        /* objects, and forms */
    uint32_t older, newer; /* among the idle; `newer` also links free numbers */
    uint32_t field_count;  /* of keys */
    uint32_t recent;       /* the shape last made or found from this one: only a guess; see shape_of_fields() */
    const slot_t *names;   /* of keys */
};

enum err shape_tables_create(struct heap *h);
void shape_tables_destroy(struct heap *h);

/* The base shape of a label. Borrowed: shape_use() it before anything else is made. ERR_BAD_VALUE,
 * ERR_LIMIT (shapes_max), ERR_NOMEM. */
enum err shape_base(struct heap *h, struct label label, uint32_t *ret, struct why *why);

/* The shape of the same class and site with these fields, which are distinct. 0 with OK: this class has all the
 * shapes it may have, or the heap, so the record must be a dictionary (never for no fields); 0 with
 * ERR_NOMEM. Borrowed. O(fields). */
uint32_t shape_of_fields(struct heap *h, uint32_t shape, const slot_t *names, uint32_t count, enum err *ret_err);

/* Place of a field; -1: not in this shape. O(fields). */
int shape_place(const struct heap *h, uint32_t shape, slot_t name);

static inline void shape_use(struct heap *h, uint32_t shape);
void shape_unuse(struct heap *h, uint32_t shape);

/* An object of this shape is born (a user, counted); `count` of them die (neither any more), which had `bytes`
 * together; the bytes of one change. */
static inline void shape_gain_object(struct heap *h, uint32_t shape, uint64_t bytes);
void shape_lose_objects(struct heap *h, uint32_t shape, uint64_t count, uint64_t bytes);
void shape_resize_object(struct heap *h, uint32_t shape, int64_t delta);

struct slice shape_class_name(const struct heap *h, uint32_t shape);
struct slice shape_site(const struct heap *h, uint32_t shape);

uint64_t shape_side_bytes(const struct heap *h);
/* heap/base/proof.h; what a table adds up to is looked at in one go, 3 ns a shape. */
size_t shape_validate_step(const struct heap *h, struct proof *p, size_t units);

/* ---- the common case, inline ---- */

/* It has a user again. */
void shape_wake(struct heap *h, uint32_t shape);

static inline void shape_use(struct heap *h, uint32_t s)
{
    if (h->shapes[s].users++ == 0)
        shape_wake(h, s);
}

static inline void shape_gain_object(struct heap *h, uint32_t s, uint64_t bytes)
{
    shape_use(h, s);
    tally_gain(&h->classes.rows[h->shapes[s].class], bytes);
    tally_gain(&h->sites.rows[h->shapes[s].site], bytes);
}
