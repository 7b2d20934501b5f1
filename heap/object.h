/*
 * object.h - the cell of one object: its header, and the numbered life it leads.
 *
 *     word 0   count 16 | state 2 | kind 2 | layout 2 | generation 2 | weak 1 | big 1 | turn 6
 *     word 1   turn 8 | shape 24
 *     word 2.. its own: values of a record, root and length of a list, payload of bytes
 *
 * Life of an object:
 *
 *     FREE --object_birth--> LIVE --count 0, or condemned--> DEAD --reaped--> FREE, with the next turn
 *                                                                   `-----> RETIRED, its turns used up
 *
 * LIVE answers to its id, unless a collection has condemned it (heap_is_alive(); condemned.c frees it without passing
 * through DEAD). DEAD never answers again; its memory returns in steps. What a dead object needs no more, its count and
 * its shape, holds the doomed list together, so dying never needs memory.
 *
 * count: exact. At 2^16 - 1 half of it moves into a table (ref.c), so it cannot wrap.
 * turn:  of this slot within the life of its pool (slot.h).
 */
#pragma once
#include "heap/base/inline.h"
#include "heap/base/check.h"
#include "heap/id.h"

enum object_state { STATE_FREE, STATE_LIVE, STATE_DEAD, STATE_RETIRED };
enum object_kind { KIND_RECORD, KIND_LIST, KIND_BYTES };

/* Where a record keeps its values. */
enum object_layout {
    LAYOUT_INLINE,    /* in its own cell */
    LAYOUT_EXTENDED,  /* in one data cell, whose slot is word 2: it outgrew its own */
    LAYOUT_DICTIONARY /* in a dictionary (dict.h), whose slot is word 2 */
};

#define GENERATION_FROZEN 3

/* Fields that change apart have types of their own: they are stored and loaded at that width. A load wider than
 * the store before it waits until that has left the processor's store buffer, 5 ns at each change of a count. */
struct object {
    uint16_t count;
    union {
        struct {
            uint8_t state : 2;
            uint8_t kind : 2;
            uint8_t layout : 2;
            uint8_t generation : 2;
        };
        uint8_t life; /* the four at once, for the newborn */
    };
    uint8_t has_weak : 1;   /* a weak cell knows it */
    uint8_t has_big : 1;    /* part of its count is in the table of big counts */
    uint8_t turn_low : 6;
    uint32_t turn_high : 8;
    uint32_t shape : 24;
    uint32_t word[];        /* object_words() of them */
};

#define OBJECT_HEADER_WORDS 2u
#define OBJECT_COUNT_BITS 16
#define OBJECT_COUNT_MAX ((1u << OBJECT_COUNT_BITS) - 1)
#define OBJECT_TURN_MAX ((1u << 14) - 1)
#define OBJECT_TABLE_BYTES 8u /* a cell's share of tables, rounded up: what heap_info() adds for it */

_Static_assert(sizeof(struct object) == OBJECT_HEADER_WORDS * sizeof(uint32_t), "an object header is 8 bytes");

ALWAYS_INLINE uint32_t object_turn(const struct object *o)
{
    return (uint32_t)o->turn_low | (uint32_t)o->turn_high << 6;
}

static inline void object_set_turn(struct object *o, uint32_t turn)
{
    CHECK(turn <= OBJECT_TURN_MAX);
    o->turn_low = turn & 0x3f;
    o->turn_high = (turn >> 6) & 0xff;
}

/* The doomed list runs through dead objects: the slot of the next one, in count and shape. */
static inline void object_set_next_dead(struct object *o, slot_t next)
{
    CHECK(o->state == STATE_DEAD);
    o->count = next & OBJECT_COUNT_MAX;
    o->shape = (next >> OBJECT_COUNT_BITS) & ((1u << (SLOT_BITS - OBJECT_COUNT_BITS)) - 1);
}

static inline slot_t object_next_dead(const struct object *o)
{
    CHECK(o->state == STATE_DEAD);
    return (slot_t)o->count | (slot_t)o->shape << OBJECT_COUNT_BITS;
}

/* ---- inside heap/ ---- */

struct heap;

/* A live object with count 1 in a cell of `words` words (header included), of `shape`, whose user it becomes.
 * Its own words are zero. 0: no memory. */
slot_t object_birth(struct heap *h, enum object_kind kind, uint32_t words, uint32_t shape);
/* Take back an object that nobody was told of. */
void object_unbirth(struct heap *h, slot_t slot);

/* Own cell, own storage, its share of tables. */
uint64_t object_bytes(const struct heap *h, slot_t slot);
/* Its storage has grown or shrunk by `delta` bytes. */
void object_resized(struct heap *h, slot_t slot, int64_t delta);
/* Tell the watchers before contents change. */
void object_changing(struct heap *h, slot_t slot);

/* Let go of its contents, at most about `units` values, and return the units left over; 0: call again. */
size_t object_release_contents(struct heap *h, slot_t slot, size_t units);
/* The cell of a dead object without contents goes back to its pool. */
void object_free(struct heap *h, slot_t slot);
/* A cell of a pool that is unpacked, which has to be as object_free() leaves it. `turn` is the pool's turn_max: one more than
 * the last when something dies there that will be retired, but a cell that is free never had the last. */
void object_make_free(uint32_t *cell, uint32_t turn);
