/*
 * contents.h - the contents of one object as text, changed without being decoded.
 *
 * Owns:      the text of its fields or items, in blocks, and which of these have changed.
 * Knows not: the heap, SQL, what a value means.
 *
 * A block is a JSON array or object of its own, of a bounded number of parts; together, in the order of their numbers, they
 * are the contents. So what is written after a change of one part among a million is a few kilobytes. A number is given
 * once; new blocks come at the end. A field is found by its name through a map, once there are several blocks; an item by
 * counting along the blocks.
 *
 * All of it may be refused for want of memory; the contents are then to be thrown away.
 */
#pragma once
#include "heap/base/buf.h"
#include "heap/base/err.h"
#include "heap/base/map.h"

#define CONTENTS_BLOCK_PARTS 256u
#define CONTENTS_NUMBER_MAX (UINT32_MAX / 2) /* of a block that is loaded: new ones come behind it */
#define CONTENTS_BLOCK_BYTES 8192u /* more, where one part has more */

struct contents_block {
    uint32_t number;
    uint32_t count;  /* of parts */
    struct buf text; /* what stands between the brackets: 1,2,3 */
    bool changed;
};

struct contents {
    struct mem *mem;
    char bracket; /* '[' or '{' */
    struct contents_block *blocks;
    size_t block_count, block_room;
    size_t dropped;        /* blocks that ran empty ... */
    uint32_t *dropped_numbers;
    size_t dropped_room;
    uint32_t next_number;
    struct map *by_name;   /* hash of a key -> number of its block; NULL: not made yet */
    size_t bytes;          /* of text */
};

void contents_init(struct contents *c, struct mem *mem, char bracket);
void contents_fini(struct contents *c);

/* The next block, as it was kept: `json` with its brackets. ERR_BAD_VALUE: it is no such text. ERR_NOMEM. */
enum err contents_load(struct contents *c, uint32_t number, struct slice json);
/* All of it anew, in blocks; every one is changed. */
enum err contents_make(struct contents *c, struct slice json);

/* Fields; `name` is a JSON string, plain ($x, not $$x). One that is not there is fine to unset. ERR_BAD_VALUE: this is a list. */
enum err contents_set(struct contents *c, struct slice name, struct slice value);
enum err contents_unset(struct contents *c, struct slice name);
/* Items. ERR_BAD_VALUE: no such item, or no list. */
enum err contents_push(struct contents *c, struct slice value);
enum err contents_put(struct contents *c, uint64_t index, struct slice value);
enum err contents_cut(struct contents *c, uint64_t index);
