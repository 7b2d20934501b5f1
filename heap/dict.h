/*
 * dict.h - records that outgrew their slots: an insertion-ordered hash of fields.
 *
 * Each entry is a cell of its own in a doubly linked list, found by name through a map: no operation ever moves
 * or copies the others, so a field of a million is set, found and removed in the time of one of ten.
 */
#pragma once
#include "heap/heap.h"

/* An empty dictionary; 0: no memory. */
slot_t dict_create(struct heap *h);
/* Only an empty one. */
void dict_destroy(struct heap *h, slot_t dict);

/* The entry of a name, or 0. Expected O(1). */
slot_t dict_find(const struct heap *h, slot_t dict, slot_t name);
slot_t dict_first(const struct heap *h, slot_t dict);
slot_t dict_next(const struct heap *h, slot_t entry);
slot_t dict_name(const struct heap *h, slot_t entry);
word_t dict_word(const struct heap *h, slot_t entry);
uint32_t dict_count(const struct heap *h, slot_t dict);
uint32_t dict_version(const struct heap *h, slot_t dict);
uint64_t dict_bytes(const struct heap *h, slot_t dict);

/* Make the next n dict_add() infallible, whatever is removed meanwhile; ERR_NOMEM. dict_settle() gives back what of
 * that was not used, after either. */
enum err dict_reserve(struct heap *h, slot_t dict, uint32_t n);
void dict_settle(struct heap *h, slot_t dict);
/* Add a field that is not there, taking over the references on name and word; returns its entry. */
slot_t dict_add(struct heap *h, slot_t dict, slot_t name, word_t word);
/* Put `word` there; returns what was there before, with its references. */
word_t dict_replace(struct heap *h, slot_t dict, slot_t entry, word_t word);
/* Unlink an entry; its name is released, its word returned with its references. */
word_t dict_remove(struct heap *h, slot_t dict, slot_t entry);

/* Take an entry out, and keep it, its name, its word and the entries it stood between: then either dict_put_back(), when
 * all that was changed since has been put back (it never fails), or dict_forget(). */
void dict_take_out(struct heap *h, slot_t dict, slot_t entry);
void dict_put_back(struct heap *h, slot_t dict, slot_t entry);
/* Its word and the word's references are the caller's. */
void dict_forget(struct heap *h, slot_t dict, slot_t entry);
/* Let it have the version that it had, after what changed it has been put back. */
void dict_rewind(struct heap *h, slot_t dict, uint32_t version);

size_t dict_validate(const struct heap *h, slot_t dict);
