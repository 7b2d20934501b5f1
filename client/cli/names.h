/*
 * names.h - names that the daemon takes (1 to 255 bytes), made from names that are longer, empty or not
 * unique.
 *
 * A name over 255 bytes is cut between characters and ends in "~" and 16 hexadecimal digits, a hash of the
 * whole: so different long names stay different, and one long name is the same in every file.
 */
#pragma once
#include "client/text.h"
#include <stdint.h>

/* Replace the text by the name that stands for `length` bytes of `data`; `if_empty` stands for none. */
void names_fit(struct text *out, const char *data, size_t length, const char *if_empty);

/* --- the names within one object: the second "x" becomes "x#2" --- */

struct namer_slot {
    uint64_t hash;
    uint32_t next;  /* the number that the next name of this hash gets */
    uint32_t epoch; /* the object in which it was used; any other: free */
};

struct namer {
    struct namer_slot *slots;
    size_t slot_count; /* a power of two */
    size_t used;       /* in this epoch; at most half the slots */
    uint32_t epoch;
};

void namer_fini(struct namer *n);

/* Begin another object: all names are free again. O(1). */
void namer_begin(struct namer *n);

/* Change `name` to one that is not in use, and use it. False without memory. Amortised O(1): each name
 * remembers where its numbers are. */
bool namer_take(struct namer *n, struct text *name);
