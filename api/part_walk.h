/*
 * part_walk.h - a walk over the parts of one object that may pause while the heap changes.
 *
 * heap.h's cursor is good until its object changes. Between two steps this walk remembers where it is by the
 * name of the next field, or the index of the next item. If that field is gone, the walk begins again: its
 * visitor sees number 0 twice. An item may be passed over if others before it are removed meanwhile.
 */
#pragma once
#include "heap/heap.h"

struct part_walk {
    obj_id id;
    enum heap_kind kind;
    uint64_t number; /* of the next part, since the walk began or began again */
    bool stopped;    /* the visitor had enough */
    uint8_t name_len;
    char name[NAME_BYTES_MAX]; /* of the next field, while paused in a record */
};

/* `number` counts up from 0. False: stop. It must not change the heap. */
typedef bool part_visit(void *ctx, const struct part *part, uint64_t number);

/* ERR_NO_OBJECT, ERR_COLLECTED */
enum err part_walk_begin(const struct heap *h, struct part_walk *w, obj_id id, struct why *why);

/* Visit parts for about `units`; returns the units left over: 0 means there is more, otherwise it is over, or
 * w->stopped. An object that has died has no more parts. */
size_t part_walk_step(const struct heap *h, struct part_walk *w, size_t units, part_visit *visit, void *ctx);
