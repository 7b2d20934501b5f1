/*
 * life_values.h - for the files of a random life that make and change objects: values in both forms, as the naive heap
 * keeps them and as the real one wants them.
 */
#pragma once
#include "tests/model/life_impl.h"

/* ---- life_values.c ---- */

struct slice name_of(const struct life *life, uint32_t name);
struct label label_of(uint32_t class);
uint32_t random_class(struct life *life);
/* A name for a field of `record`; NAIVE_NONE: of any. */
uint32_t random_name(struct life *life, uint32_t record);

struct value real_value(struct life *life, const struct naive_value *v);
struct naive_value link_to(uint32_t target);
struct naive_value random_value(struct life *life);
bool value_matches(struct life *life, struct value got, const struct naive_value *v);
void fill_bytes(char *data, size_t len, uint64_t content);

/* Edits of one record, to be made at once. */
struct edits {
    struct field fields[LIFE_EDITS_MAX];
    struct naive_value values[LIFE_EDITS_MAX];
    uint32_t names[LIFE_EDITS_MAX];
    uint32_t count;
};


void add_edit(struct life *life, struct edits *e, uint32_t name, struct naive_value v, bool unset);
void apply_edits(struct life *life, uint32_t record, const struct edits *e);

uint64_t etag_of(struct life *life, obj_id id); /* 0: it is dead */
/* If contents have changed plainly, the etag must have too. */
void check_etag(struct life *life, obj_id id, uint64_t before, bool is_change);

/* ---- life_make.c ---- */

/* The naive heap gets to know a new object; the life owns one reference of it. */
uint32_t add_newborn(struct life *life, obj_id id, enum heap_kind kind, uint32_t class);
void make_record(struct life *life, uint32_t count, bool in_order);

/* ---- life_write.c ---- */

/* False: it did not come about. */
bool push_to(struct life *life, uint32_t list, struct naive_value v);
void set_field_to(struct life *life, uint32_t record, uint32_t name, struct naive_value v);
