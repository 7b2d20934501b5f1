/*
 * json_mem.h - jansson on an account of memory.
 *
 * Owns:      the one allocator that jansson knows in a process; for each thread the account it is on, and whether it
 *            had to lend.
 * Knows not: what is decoded.
 *
 * jansson does not look whether the buffer of a string could grow, and reads behind one that could not. So it
 * is refused nothing: what the account refuses is lent, and charged, and whoever decodes asks afterwards.
 * Only a system without any memory left ends the process.
 */
#pragma once
#include "heap/base/mem.h"

void json_mem_use(struct mem *mem); /* before the first use of jansson; `mem` outlives the last */
/* What the calling thread makes and frees is on `mem` from here on; which account it was on. What was made on one
 * account is freed on it, or mem_pass()ed before. */
struct mem *json_mem_switch(struct mem *mem);
void json_mem_begin(void);          /* from here on nothing is lent yet */
bool json_mem_lent(void);           /* did the account refuse anything since? */
