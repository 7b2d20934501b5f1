/*
 * shape.h - classes, and the fixed slots that their records share (Python's __slots__, learned not declared).
 *
 * A shape says what class and site an object has and, for a record, which field stands in which place. Adding a
 * field leads from one shape to the next; records that grew alike share one. So an object pays 20 bits for
 * its class, its site and all its names.
 *
 * A base shape (class, site, no fields) is also what lists, bytes and dictionaries have. A shape lives while an
 * object or a longer shape uses it; SHAPES_IDLE_MAX without users are kept, so that making and dropping one
 * object over and over does not build its shapes anew each time.
 */
#pragma once
#include "heap/heap.h"

#define SHAPES_MAX (1u << 20)
#define SHAPES_IDLE_MAX 256

struct shape {
    uint32_t class;       /* number; 0: this shape number is free */
    slot_t site;          /* string; 0: none */
    uint32_t parent;      /* 0: a base */
    slot_t name;          /* of the last field; 0 for a base */
    uint32_t field_count;
    uint32_t users;       /* objects and children */
    uint32_t older, newer; /* among the idle; `newer` also links free numbers */
    slot_t *names;        /* field_count of them; NULL for a base */
};

struct class {
    slot_t name;          /* string; 0: this class number is free */
    uint32_t shapes;
    uint32_t next_free;
    uint64_t objects;
    uint64_t bytes;
};

enum err shape_tables_create(struct heap *h);
void shape_tables_destroy(struct heap *h);

/* The base shape of a label. Borrowed: shape_use() before anything else is made. ERR_BAD_VALUE,
 * ERR_LIMIT (shapes_max), ERR_NOMEM. */
enum err shape_base(struct heap *h, struct label label, uint32_t *ret, struct why *why);
uint32_t shape_base_of(const struct heap *h, uint32_t shape);

/* The shape with one more field; 0 with *ret_err OK: this class has all the shapes it may have, or the
 * record all its slots, so it must become a dictionary; 0 with ERR_NOMEM. Borrowed. */
uint32_t shape_with(struct heap *h, uint32_t shape, slot_t name, enum err *ret_err);

/* Place of a field; -1: not in this shape. O(fields). */
int shape_place(const struct heap *h, uint32_t shape, slot_t name);

void shape_use(struct heap *h, uint32_t shape);
void shape_unuse(struct heap *h, uint32_t shape);

/* An object of this shape is born (used, counted); it dies (not counted any more, no user); its bytes change. */
void shape_gain_object(struct heap *h, uint32_t shape, uint64_t bytes);
void shape_lose_object(struct heap *h, uint32_t shape, uint64_t bytes);
void shape_resize_object(struct heap *h, uint32_t shape, int64_t delta);

struct slice shape_class_name(const struct heap *h, uint32_t shape);
struct slice shape_site(const struct heap *h, uint32_t shape);

uint64_t shape_side_bytes(const struct heap *h);
size_t shape_validate(const struct heap *h);
