/*
 * staging.h - objects that are made in many steps, unpublished until all of them are there.
 *
 * Owns:      for each staging area the set of its objects.
 * Knows not: what is made.
 *
 *   open --enter, objects are born, leave; any number of times--> published: everybody sees them, at once
 *                                                            `--> abandoned: nobody ever does; it stays until all are dead
 *
 * A staged object lives as any other: it is counted, in statistics too, and collected and validated. But its id answers as
 * that of no object, no listing of objects shows it and no value can link to it, except between enter and leave. So
 * whoever makes something in steps can give it up halfway, and nothing of it has been held meanwhile. Once it has died its
 * id is one that was collected.
 *
 * The contract: between enter and leave only what is staged is changed, else what is published would link to what is
 * not, unless the area is published, or all else put back, before anybody looks (undo.h); and what takes or drops a reference by its id (scopes, heap_release()) is called there too. Watchers hear of a birth when
 * it happens, not when it is published.
 *
 * Always true: staged objects have not died; an object is in one area at most.
 * While there is no area this costs a look at one pointer at each birth, at each death and for each id that is looked up.
 * While there is one, an id is looked up in all of them: about twice the time.
 */
#pragma once
#include "heap/heap.h"

struct staging;

/* NULL when memory is refused. */
struct staging *staging_open(struct heap *h);

/* Between these, what is born is staged there, and what is staged there answers. One at a time. */
void staging_enter(struct staging *s);
void staging_leave(struct staging *s);

/* While none is entered; both set *s to NULL, and a NULL *s is fine. Publish: O(pools). Abandon: the caller has let go of
 * what is staged, and so it dies, by and by. */
void staging_publish(struct staging **s);
void staging_abandon(struct staging **s);

/* How many objects are staged. */
uint64_t heap_staged(const struct heap *h);
