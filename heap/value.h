/*
 * value.h - one value: as callers see it, and as a cell stores it.
 *
 * A stored value is one 32-bit word, three bits of tag and 29 of payload:
 *
 *     tag              payload
 *     WORD_CONST       absent, null, false, true
 *     WORD_INT         a signed integer of 29 bits
 *     WORD_REAL        the upper 29 bits of a double whose other 35 are zero (0.5, 1.0, -3.25 ...)
 *     WORD_STRING      slot of a counted string (intern.h)
 *     WORD_LINK        slot of the object that it keeps alive
 *     WORD_WEAK        slot of a weak cell, which knows whether its object still lives (weak.h)
 *     WORD_BIG_INT     slot of an 8-byte cell holding an int64
 *     WORD_BIG_REAL    slot of an 8-byte cell holding a double
 *
 * Four bytes a value is what makes a record of three fields 20 bytes instead of the 32 that 64-bit values
 * take: links, small integers and interned strings, which object graphs are made of, need no more.
 */
#pragma once
#include "heap/base/err.h"
#include "heap/base/slice.h"
#include "heap/id.h"
#include <stdbool.h>

struct heap;

enum value_kind { VALUE_NULL, VALUE_FALSE, VALUE_TRUE, VALUE_INT, VALUE_REAL, VALUE_STRING, VALUE_LINK, VALUE_WEAK };

struct value {
    enum value_kind kind;
    union {
        int64_t integer;
        double real;         /* finite */
        struct slice string; /* read: the heap's, good until its next change; written: copied, UTF-8 */
        obj_id id;           /* VALUE_LINK, VALUE_WEAK */
    };
};

static inline struct value value_null(void)
{
    return (struct value){.kind = VALUE_NULL};
}

static inline struct value value_int(int64_t i)
{
    return (struct value){.kind = VALUE_INT, .integer = i};
}

static inline struct value value_link(obj_id id)
{
    return (struct value){.kind = VALUE_LINK, .id = id};
}

/* Equal as the wire shows them: same kind and same contents; an integer never equals a real. */
bool value_eq(struct value a, struct value b);

/* ---- inside heap/ ---- */

typedef uint32_t word_t;

enum word_tag { WORD_CONST, WORD_INT, WORD_REAL, WORD_STRING, WORD_LINK, WORD_WEAK, WORD_BIG_INT, WORD_BIG_REAL };

#define WORD_TAG_BITS 3
#define WORD(tag, payload) ((word_t)(tag) | ((word_t)(payload) << WORD_TAG_BITS))
#define WORD_ABSENT WORD(WORD_CONST, 0) /* no value here: zeroed memory */
#define WORD_NULL WORD(WORD_CONST, 1)
#define WORD_FALSE WORD(WORD_CONST, 2)
#define WORD_TRUE WORD(WORD_CONST, 3)

static inline enum word_tag word_tag(word_t w)
{
    return (enum word_tag)(w & ((1u << WORD_TAG_BITS) - 1));
}

static inline uint32_t word_payload(word_t w)
{
    return w >> WORD_TAG_BITS;
}

/* Make the stored form of `v`, taking the references it needs. ERR_DANGLING (an id that is not a live
 * object), ERR_BAD_VALUE (not finite, not UTF-8), ERR_NOMEM; after an error nothing is taken. */
enum err word_encode(struct heap *h, const struct value *v, word_t *ret, struct why *why);

/* The same for `count` values: all or none. */
enum err words_encode(struct heap *h, const struct value *values, uint32_t count, word_t *ret, struct why *why);

/* Let go of what the word holds. Never fails. A link may kill its object (ref.h). */
void word_release(struct heap *h, word_t w);

/* What the word says now: a weak word reads null once its object is dead. */
struct value word_decode(const struct heap *h, word_t w);
