/*
 * naive.h - the heap as simply as it can be said, to be compared with the real one.
 *
 * Owns:      every object that a life ever made, and what holds objects from outside: roots, sessions, scopes,
 *            references of the caller, the garbage list.
 * Knows not: how anything is stored, what runs when, or in which steps.
 *
 * Objects are numbered in the order in which they were made. Who lives is found by flood fill, counts by
 * counting; nothing is kept that could be found out.
 */
#pragma once
#include "heap/heap.h"

#define NAIVE_NONE UINT32_MAX /* no object */
#define NAIVE_ROOTS 24
#define NAIVE_SESSIONS 8      /* number 0 is the default session */
#define NAIVE_SCOPES 4
#define NAIVE_WEAK_NAMES 24
#define NAIVE_FROZEN 3        /* generation of the permanent ones */

struct naive_value {
    enum value_kind kind;
    int64_t number;  /* VALUE_INT; VALUE_REAL: in quarters; VALUE_STRING: which text */
    uint32_t target; /* VALUE_LINK, VALUE_WEAK; NAIVE_NONE: no object that ever was */
};

struct naive_part {
    uint32_t name; /* records */
    struct naive_value value;
};

struct naive_object {
    obj_id id;
    enum heap_kind kind;
    uint32_t class;
    bool dead;
    bool garbage;        /* on the garbage list */
    int generation;      /* 0..2, NAIVE_FROZEN */
    uint64_t own_refs;   /* references that the life itself has taken */
    struct naive_part *parts;
    uint32_t part_count, part_room;
    uint32_t length;     /* bytes */
    uint64_t content;    /* ... and what they are made from */
    uint64_t mark;       /* epoch in which it was reached */
    uint64_t refs, weak_refs; /* by naive_count() */
    uint32_t alive_at;   /* place in naive.alive */
};

struct naive_set {
    uint32_t *items;
    uint32_t count, room;
};

struct naive_weak_name {
    uint32_t target; /* NAIVE_NONE: no such name */
    uint64_t order;  /* larger is newer */
    bool notice;     /* its object died and that was not told yet */
};

struct naive {
    struct naive_object *objects;
    uint32_t count, room;
    uint32_t *alive; /* those not known to be dead, in no order */
    uint32_t alive_count;
    uint32_t *by_id; /* hash of id -> number of the object + 1 */
    uint32_t by_id_room;
    uint32_t *waiting; /* stack of the flood fill */
    uint64_t epoch;
    uint32_t dead_reached; /* by the last flood; NAIVE_NONE: none */

    uint32_t roots[NAIVE_ROOTS]; /* NAIVE_NONE: no such root */
    struct naive_set sessions[NAIVE_SESSIONS];
    struct naive_set scopes[NAIVE_SCOPES];
    struct naive_weak_name weak_names[NAIVE_WEAK_NAMES];
    uint64_t weak_order;
};

void naive_init(struct naive *n);
void naive_fini(struct naive *n);

/* A new object without parts; NAIVE_NONE if the id was given before. */
uint32_t naive_add(struct naive *n, obj_id id, enum heap_kind kind, uint32_t class);
/* NAIVE_NONE: it never was. */
uint32_t naive_find(const struct naive *n, obj_id id);
/* It is dead from now on, and lets go of all it had. */
void naive_kill(struct naive *n, uint32_t i);

/* ---- contents ---- */

void naive_set_field(struct naive *n, uint32_t record, uint32_t name, struct naive_value v);
void naive_unset_field(struct naive *n, uint32_t record, uint32_t name);
/* Place of a field among the parts; part_count: there is none. */
uint32_t naive_field(const struct naive *n, uint32_t record, uint32_t name);
void naive_push(struct naive *n, uint32_t list, struct naive_value v);
void naive_delete(struct naive *n, uint32_t list, uint32_t index);

/* ---- holding ---- */

bool naive_set_has(const struct naive_set *s, uint32_t i);
void naive_set_add(struct naive_set *s, uint32_t i);    /* again adds it again */
void naive_set_remove(struct naive_set *s, uint32_t i); /* one of it; it is there */

/* ---- who lives ---- */

/* Reach all that is held from outside or frozen, and all that those hold. Returns a dead object that was come by
 * on the way, which must not be; NAIVE_NONE: there was none. */
uint32_t naive_reach(struct naive *n);
/* By the last naive_reach(). */
bool naive_is_reached(const struct naive *n, uint32_t i);
/* Count the references to every living object. */
void naive_count(struct naive *n);
/* Whatever is held by nothing dies, until there is no more of that. */
void naive_settle(struct naive *n);

/* A collection of `generation`: returns how many members nothing outside the set held, and in *ret_members how
 * many there were. A dry run changes nothing; with save_all they go onto the garbage list; else they die, and what only
 * they held dies too (that is not counted). */
uint64_t naive_collect(struct naive *n, int generation, bool dry_run, bool save_all, uint64_t *ret_members);
void naive_freeze(struct naive *n, bool freeze, uint32_t below);
