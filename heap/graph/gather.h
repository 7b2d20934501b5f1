/*
 * gather.h - edges of one node that come in no order and over a long time, until they are laid in a row.
 *
 * In steps, and from parts of its holder that move meanwhile. What may be found although it is to be left out, because it
 * was found before or was not there, is put on a list (`again`), by the number that names it in its holder.
 */
#pragma once
#include "heap/base/map.h"
#include "heap/graph/frozen.h"
#include "heap/graph/holes.h"

struct edges_chunk;

struct gather {
    enum frozen_kind kind;
    uint32_t node;             /* of an object: known from the beginning */
    uint64_t id;               /* a session */
    uint32_t label;            /* string of a session's label */

    slot_t slot;               /* an object with many parts that has not been looked through; 0: that is over */
    uint32_t parts;            /* a list: how many there were */
    uint32_t at;               /* a list: items below it have been seen; a dictionary: entries from it on */
    struct holes *holes;       /* a list that changed: by number at the cut; marked: to be left out */
    struct map *again;         /* the others: by number, to be left out once; NULL: none */

    struct edges_chunk *first, *last;
    uint32_t count;            /* of edges, weak ones too */
    uint32_t taken;            /* by gather_take(), of the first chunk */
};

struct gathered {
    uint32_t to;
    uint32_t name;
    bool weak;
};

/* False: no memory. */
bool gather_add(struct gather *g, struct mem *mem, slot_t to, uint32_t name, bool weak);
/* Leave `number` out when it is found. False: no memory. */
bool gather_leave_out(struct gather *g, struct mem *mem, uint64_t seed, uint32_t number);
/* It is found: is it to be left out? Then it is not any more. */
bool gather_is_left_out(struct gather *g, uint32_t number);
/* It has been looked through: what that took goes. */
void gather_seal(struct gather *g);

/* Take the edges out, in the order in which they came; false: that was the last. */
bool gather_take(struct gather *g, struct mem *mem, struct gathered *ret);
/* Give up to `units` chunks of edges back; returns the units left, 0: call again. */
size_t gather_fini(struct gather *g, struct mem *mem, size_t units);
