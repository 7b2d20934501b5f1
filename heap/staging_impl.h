/* staging_impl.h - staging areas as the rest of heap/ meets them (staging.h): at births, deaths and where ids are looked up. */
#pragma once
#include "heap/slotset.h"

struct heap;

struct staging {
    struct heap *heap;
    struct staging *next, **at; /* among all of the heap */
    struct slotset slots;
    uint32_t pools;             /* that they lie in */
    size_t charged_bytes;       /* for them, on the account */
    bool abandoned;
};

/* Call `fn` with each that is staged there; it may let that one die. O(staged + pools). */
void staging_each(const struct staging *s, void (*fn)(struct heap *h, slot_t slot));
/* The area ends, while none is entered, and with it all that is staged there: dead at once, whatever counted it, its
 * memory back. Nothing else links to it, and nobody will drop a reference to it. O(staged + pools). */
void staging_kill(struct staging **s);

/* Is it staged, and not where we are? */
bool staging_hides(const struct heap *h, slot_t slot);
/* Born in the area that is entered. */
void staging_add(struct heap *h, slot_t slot);
/* It is dying, staged or not. */
void staging_note_death(struct heap *h, slot_t slot);
size_t staging_bytes(const struct heap *h);
size_t staging_validate(const struct heap *h);
/* The heap ends, and with it what is left in abandoned areas. */
void stagings_fini(struct heap *h);
