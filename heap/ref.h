/*
 * ref.h - reference counts. ref.c, death.h and reap.c are all that lets one fall, this header all that lets one rise.
 *
 * A count is exact and cannot wrap: the cell holds up to 2^16 - 1; beyond that, halves of 2^15 move into
 * a table and come back when they are needed. A count that reaches 0 makes its object dead at once and puts
 * it on the doomed list; heap_reap() returns its memory later, and what it held with it (reap.c). No recursion: the
 * depth of a graph is in the hands of whoever wrote it.
 */
#pragma once
#include "heap/heap_impl.h"

/* ERR_NOMEM only when a half has to move; then nothing has changed. */
static inline enum err ref_take(struct heap *h, slot_t slot, struct why *why);
static inline enum err ref_take_of(struct heap *h, slot_t slot, struct object *o, struct why *why); /* its cell at hand */
/* Never fails. Of an object that is dead or condemned nothing is counted any more. */
void ref_drop(struct heap *h, slot_t slot);
uint64_t ref_count(const struct heap *h, slot_t slot);

/* Its count has reached 0: it dies, and is doomed. */
void ref_die(struct heap *h, slot_t slot, struct object *o);
/* Its count has come to 0: it dies, unless that may be taken back. */
void ref_lost_last(struct heap *h, slot_t slot, struct object *o);
/* The object is dead from now on, whatever its count says, and the watchers are told: the end of every life but those
 * that a collection condemns (condemned.c). */
void ref_kill(struct heap *h, slot_t slot);
/* What few objects have, and who dies leaves: somebody in the middle of looking through it, a weak cell, a large count. */
void ref_leave_tables(struct heap *h, slot_t slot, struct object *o);

/* ---- the common case, inline ---- */

/* Move half of a full count into the table. ERR_NOMEM. */
enum err ref_spill_half(struct heap *h, slot_t slot, struct why *why);
/* A count with has_big has come to 0: take half back. */
void ref_fetch_half(struct heap *h, slot_t slot, struct object *o);
/* Tell the watchers that a count has changed, if the object is in a window. */
void ref_tell_window(const struct heap *h, slot_t slot, bool gained);

ALWAYS_INLINE enum err ref_take_of(struct heap *h, slot_t slot, struct object *o, struct why *why)
{
    enum err e;

    CHECK(o->state == STATE_LIVE);
    if (o->count == OBJECT_COUNT_MAX && (e = ref_spill_half(h, slot, why)) != ERR_OK)
        return e;
    o->count++;
    if (h->windows.open != 0)
        ref_tell_window(h, slot, true);
    return ERR_OK;
}

static inline enum err ref_take(struct heap *h, slot_t slot, struct why *why)
{
    return ref_take_of(h, slot, object_at(h, slot), why);
}
