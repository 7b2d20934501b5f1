/*
 * store_dir.h - a directory for a store whose files are elsewhere (vfs_shim.h): all that is in it is the lock.
 */
#pragma once
#include "heap/base/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STORE_DIR_BYTES 64

static inline void store_dir_make(char dir[STORE_DIR_BYTES])
{
    snprintf(dir, STORE_DIR_BYTES, "/tmp/heapd-store-XXXXXX");
    CHECK(mkdtemp(dir) != NULL);
}

static inline void store_dir_remove(const char *dir)
{
    char path[STORE_DIR_BYTES + 8];

    snprintf(path, sizeof path, "%s/lock", dir);
    (void)unlink(path);
    CHECK(rmdir(dir) == 0);
}
