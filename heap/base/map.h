/*
 * map.h - the one hash table: 32-bit key to 32-bit value, seeded, growing and shrinking a little at a time.
 *
 * Serves interned strings, roots, weak names, holds, dictionaries, shape transitions. Keys need not be
 * unique: where the key is itself a hash (of a string, of a transition), several entries may share it and
 * the caller tells them apart while it walks them with map_next().
 *
 * Linear hashing (Litwin, "Linear hashing: a new tool for file and table addressing", VLDB 1980): every
 * insertion splits at most one bucket and every removal joins at most one, so no operation ever rehashes
 * the table. Entries are dense, 0 .. map_count-1, in segments that double, so nothing is ever copied and
 * an entry costs 16 bytes; removing one moves the last into its place.
 *
 * Always true, and checked by map_validate():
 *   1. Every entry is in the chain of the bucket its key hashes to, and in no other.
 *   2. The chains together hold exactly map_count entries.
 */
#pragma once
#include "heap/base/err.h"
#include "heap/base/mem.h"
#include "heap/base/proof.h"

struct map;

#define MAP_NONE UINT32_MAX /* no entry */

/* NULL when memory is refused. */
struct map *map_create(struct mem *mem, uint64_t seed);
void map_destroy(struct map **m);
/* The same in steps, so that a large one keeps nobody waiting: nothing may be asked of it any more. A unit is some 100 ns;
 * returns the units left, 0: there is more. NULL is fine. */
size_t map_destroy_step(struct map **m, size_t units);

uint32_t map_count(const struct map *m);
size_t map_bytes(const struct map *m);   /* on the account, the struct included; O(1) */
size_t map_untouched_bytes(const struct map *m); /* of them, in pages that were never written, or given back */

/* First entry with `key`, then the next with the same key; MAP_NONE at the end. Expected O(1). An entry
 * number is good until the map changes. */
uint32_t map_find(const struct map *m, uint32_t key);
uint32_t map_next(const struct map *m, uint32_t entry);
uint32_t map_key(const struct map *m, uint32_t entry);
uint32_t map_value(const struct map *m, uint32_t entry);
void map_set_value(struct map *m, uint32_t entry, uint32_t value);

/* Add an entry (even if the key is there). False when memory is refused; then nothing changed. O(1). */
bool map_add(struct map *m, uint32_t key, uint32_t value);

/* Make the next n additions infallible, whatever is removed meanwhile, instead of those promised before (0: give the
 * promise back). While additions are promised the map does not shrink. */
bool map_reserve(struct map *m, uint32_t n);

/* Until as many map_let_rows_go(): whoever is removed leaves its row for another, so that putting it back cannot be
 * refused. Then what is too much goes back. */
void map_keep_rows(struct map *m);
void map_let_rows_go(struct map *m);
/* The opposite of a map_remove() since which nothing has changed, its row kept: the entry has its number again. Never
 * fails. */
void map_put_back(struct map *m, uint32_t entry, uint32_t key, uint32_t value);

/* Remove entry; the last one takes its number, so walk from map_count()-1 down to 0 when removing while
 * walking: nothing is missed. Never fails. O(1). */
void map_remove(struct map *m, uint32_t entry);

/* Number of broken rules; 0 is well. O(n); a unit is an entry. */
size_t map_validate(const struct map *m);
size_t map_validate_step(const struct map *m, struct proof *p, size_t units);
/* True if the bucket and the entry of this number are well. O(chain). */
bool map_validate_row(const struct map *m, uint32_t entry);
