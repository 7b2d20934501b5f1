/*
 * weak.h - weak references: they know an object and do not keep it alive.
 *
 * A weak link (a value) and a weak name (below) read null from the moment the object is dead. Each object
 * that is weakly referenced has one weak cell, found through the heap's map; the references share it.
 *
 * The death of an object with weak names is told: each of them becomes a notice, newest name first (Python's
 * order of weakref callbacks), taken by weak_take_notice(). All of what dies together reads null before the
 * first notice can be taken.
 */
#pragma once
#include "heap/base/proof.h"
#include "heap/heap.h"

/* Let `name` refer weakly to `id`. *ret_new (may be NULL): the name is new. A notice not yet taken for the
 * name is dropped. ERR_DANGLING, ERR_BAD_VALUE, ERR_NOMEM. */
enum err weak_put(struct heap *h, struct slice name, obj_id id, bool *ret_new, struct why *why);
/* *ret is 0 once the object is dead. ERR_NO_NAME. */
enum err weak_get(const struct heap *h, struct slice name, obj_id *ret, struct why *why);
enum err weak_delete(struct heap *h, struct slice name, struct why *why);
/* While a heap is put back (restore.h): a name, new, whose object had died. Nobody is told of that again. ERR_BAD_VALUE, ERR_NOMEM. */
enum err weak_restore_dead(struct heap *h, struct slice name, obj_id id, struct why *why);
/* As root_next(); *ret_id is 0 for a dead one. */
bool weak_next(const struct heap *h, uint32_t *cursor, struct slice *ret_name, obj_id *ret_id);

struct weak_notice {
    struct slice name; /* the heap's, good until its next change */
    obj_id id;         /* what died */
};

/* The oldest notice not yet taken; false if there is none. */
bool weak_take_notice(struct heap *h, struct weak_notice *ret);
/* That for one name, before its turn; false if there is none. */
bool weak_take_notice_of(struct heap *h, struct slice name, struct weak_notice *ret);
bool weak_notice_waits(const struct heap *h);

/* ---- inside heap/ ---- */

enum err weak_tables_create(struct heap *h);
void weak_tables_destroy(struct heap *h);
/* The weak cell of a live object, with one more reference; 0: no memory. */
slot_t weak_cell_take(struct heap *h, slot_t object);
void weak_cell_release(struct heap *h, slot_t cell);
/* The object it refers to, or 0 once that is dead. */
slot_t weak_cell_target(const struct heap *h, slot_t cell);
/* The same, but one that is condemned counts until its end is told. */
slot_t weak_cell_object(const struct heap *h, slot_t cell);
uint64_t weak_count(const struct heap *h, slot_t object);
/* The object dies: its weak cell reads null from now on, its names become notices. */
void weak_died(struct heap *h, slot_t object);
size_t weak_validate_step(const struct heap *h, struct proof *p, size_t units); /* heap/base/proof.h */
