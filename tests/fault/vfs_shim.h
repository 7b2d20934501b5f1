/*
 * vfs_shim.h - a disk that fails when it is told to, and loses its power: SQLite's default VFS, in memory.
 *
 * Owns:      every file that SQLite opens in this process, and for each what would be there after a loss of power: what was
 *            synced, and the writes since, in the order in which they came.
 * Knows not: SQL, heapd.
 *
 * What a loss of power leaves is decided by a seed: of each write that was not synced any of its sectors, or none; the size
 * of a file anything between those it has had; a file whose directory was not synced may be gone, one that was deleted
 * may be back. A write that the cut falls into is one that was not synced.
 *
 * One connection at a time; locks are always given.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum shim_fault {
    SHIM_EIO,  /* the call fails; a write has done some of it */
    SHIM_FULL, /* a write finds no room behind some of it; other calls fail as above */
    SHIM_NO_ROOM, /* writes fail so, and nothing else does */
    SHIM_CUT,  /* the power goes: this call and all that follow fail, until shim_restart() */
};

/* Before SQLite is used. */
void shim_install(void);
/* An empty disk, without faults. Sectors are of 512 or 4096 bytes; `tears`: a write may harm its neighbours in a sector, which
 * SQLite is told. */
void shim_format(size_t sector_bytes, bool tears);

/* From the nth call from now on (1: the next): once, or as long as `on`. */
void shim_fail(uint64_t nth, enum shim_fault fault, bool on, uint64_t seed);
/* No more faults; true if there was one since shim_fail(). */
bool shim_heal(void);
/* The power goes now. */
void shim_cut(uint64_t seed);
bool shim_is_cut(void);
uint64_t shim_calls(void);  /* since shim_format() */

/* After a cut, and when nothing is open: what survived of the disk is all there is, and it works again. */
void shim_restart(void);
/* The same for a process that was killed: everything that it wrote is there. */
void shim_keep_all(void);

/* The contents of a file, by the end of its name; NULL: there is none. *ret_len may be written through shim_resize(). */
unsigned char *shim_file(const char *suffix, size_t *ret_len);
void shim_resize(const char *suffix, size_t len);

/* All files as they are, for shim_put() any number of times. */
struct shim_image;
struct shim_image *shim_copy(void);
void shim_put(const struct shim_image *image);
void shim_image_free(struct shim_image **image);
