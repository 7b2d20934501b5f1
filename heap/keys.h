/*
 * keys.h - sequences of field names, shared by every shape that has them (as CPython's key-sharing dictionaries
 * share keys between instances, PEP 412, but between classes too).
 *
 * A sequence is its parent and one more name, so a field that is added leads from one to the next. Number 0 is
 * the empty one. A sequence lives while a shape or a longer sequence uses it.
 */
#pragma once
#include "heap/base/proof.h"
#include "heap/heap.h"

#define KEYS_MAX (1u << 22)

struct keys {
    uint32_t parent;
    uint32_t users;  /* shapes, and children */
    uint32_t count;  /* of names; 0: this number is free */
    uint32_t next_free;
    slot_t *names;   /* strings, one reference on the last */
    uint64_t hash;   /* of their texts, to tell contents apart */
};

enum err keys_create(struct heap *h);
void keys_destroy(struct heap *h);

/* The sequence with one more name; 0: no memory, or no number. Borrowed: keys_use() it, or keys_trim() it when
 * it turns out to be of no use. */
uint32_t keys_with(struct heap *h, uint32_t keys, slot_t name);
void keys_use(struct heap *h, uint32_t keys);
void keys_unuse(struct heap *h, uint32_t keys);
/* Free it, and those it is made of, as far as nobody uses them. At most RECORD_SLOTS_MAX steps. */
void keys_trim(struct heap *h, uint32_t keys);

uint32_t keys_count(const struct heap *h, uint32_t keys);
const slot_t *keys_names(const struct heap *h, uint32_t keys);
uint64_t keys_hash(const struct heap *h, uint32_t keys);

uint64_t keys_side_bytes(const struct heap *h);
/* heap/base/proof.h; and what all add up to, in one go. `shapes` is how many shapes use a sequence other than the empty
 * one. */
size_t keys_validate_step(const struct heap *h, struct proof *p, size_t units);
size_t keys_validate_sums(const struct heap *h, uint64_t shapes);
