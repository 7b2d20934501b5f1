/*
 * store_life_impl.h - for the files store_life*.c.
 *
 *     store_life.c        a life: its beginning and end, commits, folds
 *     store_life_change.c what changes
 *     store_life_back.c   the heap put back, and compared
 *     store_life_text.c   all of a heap as text
 */
#pragma once
#include "heap/base/check.h"
#include "tests/fault/store_life.h"
#include "tests/fault/vfs_shim.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATTEMPTS 4 /* a fault comes once, or until shim_heal() */

/* What must not be: says which life it was. */
#define DEMAND(life, claim, ...)                                                                                                 \
    do {                                                                                                                         \
        if (!(claim)) {                                                                                                          \
            fprintf(stderr, "life of seed %" PRIu64 ": ", (life)->seed);                                                         \
            fprintf(stderr, __VA_ARGS__);                                                                                        \
            fprintf(stderr, "\n");                                                                                               \
            abort();                                                                                                             \
        }                                                                                                                        \
    } while (0)

static inline uint32_t roll(struct life *life, uint32_t n)
{
    return dice_below(&life->dice, n);
}

/* store_life.c: fold some, or nothing. False: the store is to be opened again. */
bool life_fold_some(struct life *life);
