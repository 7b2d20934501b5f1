/*
 * veil.h - objects that are being made in many steps, and that nobody else sees until all of them are there.
 *
 * Owns:      for each veil the set of the objects behind it.
 * Knows not: what is made.
 *
 *   open --enter, objects are born, leave; any number of times--> lifted: everybody sees them, at once
 *                                                            `--> forsaken: nobody ever does; it stays until all are dead
 *
 * Behind a veil an object lives as any other: it is counted, collected and validated. But its id answers as that of no
 * object, no listing shows it and no value can link to it, except between enter and leave. So whoever makes something in
 * steps can give it up halfway, and nothing of it has been held meanwhile.
 *
 * Always true: what is behind a veil is alive; an object is behind one veil at most.
 * While there is no veil this costs a look at one pointer at each birth and each id that is looked up.
 */
#pragma once
#include "heap/heap.h"

struct veil;

/* NULL when memory is refused. */
struct veil *veil_open(struct heap *h);

/* Between these, what is born is behind the veil, and what is behind it answers. One veil at a time. */
void veil_enter(struct veil *v);
void veil_leave(struct veil *v);

/* Outside of it; both set *v to NULL, and a NULL *v is fine. Lift: O(pools). Forsake: the caller has let go of what is
 * behind it, and so it dies, by and by. */
void veil_lift(struct veil **v);
void veil_forsake(struct veil **v);

/* How many objects are behind veils. */
uint64_t heap_veiled(const struct heap *h);
