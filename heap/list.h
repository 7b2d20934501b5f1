/*
 * list.h - ordered items in blocks: a tree of leaves of up to 127 items, counted at each level.
 *
 * Items are appended at the end, replaced anywhere and deleted anywhere; those behind a deleted one move down.
 * A tree keeps all of that at O(log n) and moves at most one leaf, however long the list is: growing, copying,
 * scanning and freeing stay in bounded steps. A leaf grows from 3 items to 127 before a second one is made, so
 * a short list is small.
 *
 * Always true, and checked by list_validate(): an inner node's counts are those of the nodes below it; all
 * leaves are at the same level; none is empty.
 */
#pragma once
#include "heap/heap.h"

/* Words of a list's own cell behind the object header: root, length, version, storage. */
#define LIST_OWN_WORDS 4u
#define LIST_LEAF_ITEMS_MAX 127u

uint32_t list_length(const struct heap *h, slot_t list);
uint32_t list_version(const struct heap *h, slot_t list);
uint64_t list_storage_bytes(const struct heap *h, slot_t list);

/* Append, taking over the references of `word`. ERR_NOMEM, ERR_LIMIT (list_items_max): nothing changed. */
enum err list_push(struct heap *h, slot_t list, word_t word, struct why *why);

/* Words of the cell that the last items are in; 0: there are none. */
uint32_t list_last_words(const struct heap *h, slot_t list);
/* The opposite of a list_push() since which nothing has changed: returns the item, with its references. `last_words`
 * and `version` are what they were before it; without memory for a smaller last cell the larger one stays. */
word_t list_unpush(struct heap *h, slot_t list, uint32_t last_words, uint32_t version);
/* Let the list have the version that it had, after what changed it has been put back. */
void list_rewind(struct heap *h, slot_t list, uint32_t version);

/* index < length, for all of these. */
word_t list_get(const struct heap *h, slot_t list, uint32_t index);
/* Returns what was there before, with its references. */
word_t list_set(struct heap *h, slot_t list, uint32_t index, word_t word);
word_t list_delete(struct heap *h, slot_t list, uint32_t index);

/* The items of one leaf from `index` on: how many, and where. Good until the heap changes. */
const word_t *list_leaf(const struct heap *h, slot_t list, uint32_t index, uint32_t *ret_count);

/* Take away the last leaf: its items go to `out` (LIST_LEAF_ITEMS_MAX of room), with their references. Returns
 * how many; 0: the list is empty. */
uint32_t list_pop_leaf(struct heap *h, slot_t list, word_t *out);

size_t list_validate(const struct heap *h, slot_t list);
