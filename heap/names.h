/*
 * names.h - a table of names, for roots and for weak names: each name is an entry with a number that stays.
 */
#pragma once
#include "heap/base/proof.h"
#include "heap/heap.h"

#define NAMES_MAX (1u << 24)

struct name_entry {
    slot_t name;     /* string; 0: this number is free */
    slot_t target;   /* the owner's: an object, a weak cell; a free entry: number of the next free one */
    uint32_t newer;  /* the owner's: weak names of one object, or waiting notices, are chained */
    uint32_t older;
    bool told;       /* the owner's: the notice of its object's death has been taken */
    obj_id id;       /* the owner's: what the name was put for */
};

struct name_table;

struct name_table *names_create(struct heap *h);
void names_destroy(struct name_table **t); /* CHECKs that it is empty */

/* The number of a name; 0: there is none. */
uint32_t names_find(const struct name_table *t, struct slice name);
/* A new entry, number in *ret. ERR_BAD_VALUE, ERR_LIMIT (names_max), ERR_NOMEM. */
enum err names_add(struct name_table *t, struct slice name, uint32_t *ret, struct why *why);
void names_remove(struct name_table *t, uint32_t number);
/* The same, but name and number are kept: then either names_put_back(), when all that was changed since has been put back
 * (it never fails), or names_forget(). Returns the entry as it was. */
struct name_entry names_take_out(struct name_table *t, uint32_t number);
void names_put_back(struct name_table *t, uint32_t number, const struct name_entry *was);
void names_forget(struct name_table *t, const struct name_entry *was);
bool names_has(const struct name_table *t, uint32_t number);
struct name_entry *names_at(const struct name_table *t, uint32_t number);
/* First number in use at or above `from` (1 to begin); 0: none. */
uint32_t names_next(const struct name_table *t, uint32_t from);
uint32_t names_count(const struct name_table *t);
uint64_t names_bytes(const struct name_table *t);
size_t names_validate_step(const struct name_table *t, struct proof *p, size_t units); /* heap/base/proof.h */
