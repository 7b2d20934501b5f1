/* veil_impl.h - veils as the rest of heap/ meets them (veil.h): at births, deaths and wherever an id is looked up. */
#pragma once
#include "heap/slotset.h"

struct heap;

struct veil {
    struct heap *heap;
    struct veil *next, **at; /* among all of the heap */
    struct slotset slots;
    uint32_t pools;          /* that they lie in */
    size_t charged_bytes;    /* for them, on the account */
    bool forsaken;
};

/* Is it behind a veil, and nobody is there who sees it? */
bool veil_hides(const struct heap *h, slot_t slot);
/* Born behind the veil that is entered. */
void veil_add(struct heap *h, slot_t slot);
/* It is dying, behind a veil or not. */
void veil_note_death(struct heap *h, slot_t slot);
size_t veil_bytes(const struct heap *h);
size_t veil_validate(const struct heap *h);
/* The heap ends, and with it what is left behind forsaken veils. */
void veils_fini(struct heap *h);
