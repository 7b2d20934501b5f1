/*
 * payers.h - who pays for what: the bytes of objects and strings, on the account of whoever made them.
 *
 * Owns:      for each object and string that was made while this is on, the number of who made it.
 * Knows not: who that is, and how much anybody may have (session.c).
 *
 * What is made is paid for by whoever made it for as long as it lives, whoever holds it, links to it or makes it grow: as
 * files are paid for by their owner. So a link moves no bytes from one account to another, and nothing is paid for twice.
 * A string that several have is paid for by the first of them.
 *
 * It costs 4 bytes a slot and a few nanoseconds at each birth and death while it is on, and nothing while it is off. What
 * was there before is nobody's.
 *
 * Always true: the sum of all that was told to `pay` is the bytes of the live objects and strings that have a payer.
 */
#pragma once
#include "heap/heap_gc.h"

struct payers;

/* `payer` pays for so much more, or less. */
typedef void pay_fn(void *ctx, uint32_t payer, int64_t bytes);

/* From now on. NULL: memory is refused. */
struct payers *payers_begin(struct heap *h, pay_fn *pay, void *ctx);
/* No more; nobody is told what was paid for. Sets *p to NULL; a NULL *p is fine. */
void payers_end(struct payers **p);

/* Who pays for what is made from now on. */
void payers_turn(struct payers *p, uint32_t payer);

/* What it takes on the account. */
uint64_t payers_bytes(const struct payers *p);
/* The bytes of all that has a payer, counted anew. O(heap). While condemned objects wait to be released, more. */
uint64_t payers_recount(const struct payers *p);

/* ---- inside heap/: h->payers is not NULL ---- */

/* The storage of a live object has changed. */
void payers_resized(struct payers *p, slot_t object, int64_t bytes);
/* There is a string more, or less. */
void payers_string(struct payers *p, slot_t string, uint64_t bytes, bool born);
