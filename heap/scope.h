/*
 * scope.h - what an open batch or a running request holds: everything it has made.
 *
 * A scope takes over the reference with which heap_new_*() returns an object and keeps it until it closes.
 * Entries are numbered as the caller likes (a batch: by op), ascending; numbers left out are empty.
 */
#pragma once
#include "heap/heap.h"

struct scope;

/* NULL when memory is refused. */
struct scope *scope_open(struct heap *h);

/* Take over the caller's reference on `id` as entry `number` (at least scope_end()). ERR_NOMEM: then the
 * reference has been released, and the object is dead unless something else holds it. Amortised O(1). */
enum err scope_keep(struct scope *s, uint32_t number, obj_id id, struct why *why);
/* Take another reference on what a value names, as entry `number`. ERR_DANGLING, ERR_NOMEM. The same cost. */
enum err scope_hold(struct scope *s, uint32_t number, obj_id id, struct why *why);
uint32_t scope_end(const struct scope *s); /* one past the highest entry */
/* 0 if that entry is empty. */
obj_id scope_get(const struct scope *s, uint32_t number);
slot_t scope_slot(const struct scope *s, uint32_t number);
/* True if some entry is `id`, looking at no more than `max` entries from *cursor on, which moves. */
bool scope_find(const struct scope *s, obj_id id, uint32_t *cursor, size_t max);

/* Let go of at most `units` entries; returns the units left over. 0 means call again; otherwise *s has been
 * freed and is NULL. A NULL *s is fine. */
size_t scope_close(struct scope **s, size_t units);

/* The open scopes, one after another (NULL to begin), the last that was opened first. */
const struct scope *heap_next_scope(const struct heap *h, const struct scope *after);
/* For who goes through them in steps, between which some may close: each has a number of its own, from 1 in the order in which
 * they were opened, and the first of those with a lower one than `serial` is found again. O(those above it). */
uint64_t scope_serial(const struct scope *s);
const struct scope *heap_scope_before(const struct heap *h, uint64_t serial);
