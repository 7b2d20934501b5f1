/*
 * model.h - the heap as its clients know it, so flat that a copy of it is a copy of memory.
 *
 * Owns:      what lives, what is in it, who holds it. A place in `objects` is an object's number here; it is free for another
 *            once that is known to be dead.
 * Knows not: when what nothing reaches dies; that is learned, and must then be true. What a batch holds while it runs
 *            (world.h), ids of the dead (ids.h).
 *
 * A change that a client could see raises `version`. So of two copies of one life the one with the higher version has all that
 * the other has, and what came after it.
 */
#pragma once
#include "heap/heap.h"
#include "heap/session.h"

#define MODEL_OBJECTS 4096u
#define MODEL_PARTS 20u
#define MODEL_FIELD_NAMES 24u
#define MODEL_TEXTS 14u
#define MODEL_REALS 5u
#define MODEL_ROOTS 48u
#define MODEL_WEAK_NAMES 12u
#define MODEL_SESSIONS 6u
#define MODEL_NONE UINT16_MAX        /* no object */
#define MODEL_LOST (UINT16_MAX - 1u) /* one that is dead */

struct model_value {
    uint8_t kind;    /* enum value_kind */
    uint8_t name;    /* of the field */
    uint16_t target; /* LINK, WEAK: an object, or (WEAK) MODEL_LOST */
    int32_t n;       /* INT: the number; REAL, STRING: which one */
};

struct model_object {
    obj_id id;
    bool alive;
    uint8_t kind;    /* enum heap_kind */
    uint8_t class;
    uint8_t held_by; /* sessions, a bit each */
    uint8_t part_count;
    uint32_t mark;
    uint32_t length; /* bytes ... */
    uint32_t seed;   /* ... made from this */
    struct model_value parts[MODEL_PARTS];
};

struct model_session {
    session_id id;
    bool open;
    uint32_t ttl_ms;
    uint64_t ends_at_ms;
    uint32_t running; /* requests */
    char token[SESSION_TOKEN_BYTES + 1];
};

struct model {
    uint64_t version;
    uint32_t end;   /* places above were never used */
    uint32_t alive;
    uint32_t hint;  /* a place to begin to look for a free one */
    uint32_t epoch;
    uint16_t roots[MODEL_ROOTS];
    uint16_t weak_names[MODEL_WEAK_NAMES]; /* or MODEL_LOST */
    struct model_session sessions[MODEL_SESSIONS]; /* 0: the default session */
    int32_t kept_pipeline;   /* settings that are to survive; 0: none */
    int32_t kept_threshold;
    struct model_object objects[MODEL_OBJECTS];
};

extern const char *const model_names[MODEL_FIELD_NAMES], *const model_keys[MODEL_FIELD_NAMES], *const model_paths[MODEL_FIELD_NAMES];
extern const char *const model_texts[MODEL_TEXTS], *const model_reals[MODEL_REALS], *const model_classes[4];

void model_init(struct model *m);
void model_copy(struct model *to, const struct model *from);

/* Alive, empty, held by nobody; MODEL_NONE: there is no room. */
uint16_t model_add(struct model *m, obj_id id, enum heap_kind kind, uint8_t class);
void model_set_field(struct model *m, uint16_t at, struct model_value v);
/* The place of a field among the parts; part_count: there is none. */
uint8_t model_find_field(const struct model *m, uint16_t at, uint8_t name);
void model_cut(struct model *m, uint16_t at, uint8_t part);
void model_push(struct model *m, uint16_t at, struct model_value v);
void model_put(struct model *m, uint16_t at, uint8_t part, struct model_value v);
bool model_value_eq(struct model_value a, struct model_value b);
unsigned char model_byte(uint32_t seed, uint32_t at);

void model_set_root(struct model *m, uint32_t name, uint16_t at);
void model_set_weak_name(struct model *m, uint32_t name, uint16_t at);
void model_hold(struct model *m, uint32_t session, uint16_t at);
void model_drop(struct model *m, uint32_t session, uint16_t at);
void model_end_session(struct model *m, uint32_t session);

/* Reach everything from roots, sessions and the `count` objects of `more`. */
void model_reach(struct model *m, const uint16_t *more, size_t count);
static inline bool model_is_reached(const struct model *m, uint16_t at)
{
    return m->objects[at].mark == m->epoch;
}

/* Those that are in `dead` (of `end` places) have died. */
void model_bury(struct model *m, const bool *dead);
