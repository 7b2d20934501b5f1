/*
 * json_mem.h - jansson on an account of memory.
 *
 * Owns:      the one allocator that jansson knows in a process; for each thread the region it is in, and whether it had
 *            to lend.
 * Knows not: what is decoded.
 *
 * What a short body becomes is blocks of the C library, on the account that the process began with. A long one becomes a
 * region: chunks straight from the system, in which nothing is freed before all of it is, so that freeing 300,000
 * values is a few calls, and no thread but the loop's has a heap of the C library, which would keep what it was given.
 *
 * jansson does not look whether the buffer of a string could grow, and reads behind one that could not. So it
 * is refused nothing: what the account refuses is lent, and charged, and whoever decodes asks afterwards. Of a text that
 * is not short that could be much, so there it is asked before, too.
 * Only a system without any memory left ends the process.
 */
#pragma once
#include "heap/base/mem.h"

#define JSON_ALIGN       16u
#define JSON_CHUNK_BYTES (256u << 10)
#define JSON_CHUNK_WASTE 3u /* of n bytes at most n / 3 lie unused at the ends of chunks */

struct json_chunk;

/* Embedded in what its owner allocates; its values are read on any thread, but not changed. */
struct json_region {
    struct mem *mem;
    struct json_chunk *chunks;
    char *at, *end; /* room in the one that is being filled */
};

void json_mem_use(struct mem *mem); /* before the first use of jansson; `mem` outlives the last */
void json_mem_begin(void);          /* from here on nothing is lent yet */
bool json_mem_lent(void);           /* did the account refuse anything since? */
bool json_mem_has_room(size_t bytes); /* would it refuse so much? Within a region that was asked before */

void json_region_init(struct json_region *r, struct mem *mem);
/* Between these, the calling thread's jansson takes everything from the region and gives nothing back. */
void json_region_enter(struct json_region *r);
void json_region_leave(void);
/* All of it goes back: nobody has any of its values any more. */
void json_region_fini(struct json_region *r);
