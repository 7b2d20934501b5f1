/*
 * record.h - named fields in insertion order.
 *
 * A record begins with its values in its own cell, named by its shape. When it gets more fields than the cell
 * has words, the values move to one data cell (the cell itself cannot grow: its number is its name); past 32
 * fields, or when its class has all the shapes it may have, it becomes a dictionary for good. None of that
 * shows outside heap/.
 */
#pragma once
#include "heap/heap.h"

#define RECORD_OWN_WORDS_MIN 1u /* room to say where the values went */

/* slot_find(), and ERR_WRONG_KIND unless it is a record. */
enum err record_find(const struct heap *h, obj_id id, slot_t *ret, struct why *why);

/* Visit the fields in order: the cursor is a place, or an entry of a dictionary. */
bool record_next(const struct heap *h, slot_t record, uint64_t *position, slot_t *ret_name, word_t *ret_word);
/* The position just before a field. False: no such field. */
bool record_seek(const struct heap *h, slot_t record, slot_t name, uint64_t *ret_position);
/* False: no such field. */
bool record_get(const struct heap *h, slot_t record, slot_t name, word_t *ret);
uint32_t record_count(const struct heap *h, slot_t record);
uint64_t record_storage_bytes(const struct heap *h, slot_t record);

/* The values of a record that is not a dictionary. */
word_t *record_values(const struct heap *h, slot_t record, uint32_t *ret_room);
/* The dictionary of one that is. */
slot_t record_dict(const struct heap *h, slot_t record);

/* Up to `max` fields at once, in arrays; how many. 0 at the end. */
size_t record_next_some(const struct heap *h, slot_t record, uint64_t *position, slot_t *names, word_t *words, size_t max);

/* An entry of its dictionary is about to be removed: an open scan that stands at it goes on behind it. */
void record_pass_scans(struct heap *h, slot_t record, slot_t entry);

/* A record of a shape that has slots, with one value for each of its fields. ERR_DANGLING, ERR_BAD_VALUE, ERR_NOMEM. */
enum err record_new_of_shape(struct heap *h, uint32_t shape, const struct value *values, uint32_t count, obj_id *ret,
                             struct why *why);

/* Let go of everything in it, at most about `units` values; returns the units left; 0: call again. */
size_t record_release(struct heap *h, slot_t record, size_t units);

size_t record_validate(const struct heap *h, slot_t record);
