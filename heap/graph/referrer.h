/*
 * referrer.h - going through all objects in the order of their slots for those that may link to one.
 *
 * Most records keep their links in their own cells: a look at those, some nanoseconds an object, says whether one of them is
 * the link that is wanted. Whoever asks looks through the others himself.
 */
#pragma once
#include "heap/heap.h"

/* As heap_next_object(), but records that keep their values in their own cells and do not link to `target` are passed over,
 * and so are bytes. */
obj_id heap_next_referrer(const struct heap *h, slot_t *slot, obj_id target, size_t max);
