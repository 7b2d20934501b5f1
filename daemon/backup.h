/*
 * backup.h - copies of the store for GET /v1/backup, made and handed out while others read and write.
 *
 * Owns:      the one backup that is under way, and its copy on disk until it has been handed out.
 * Knows not: HTTP (api/backup.c), how a copy is made (store/engine.h).
 *
 *   WAIT --all that was answered is committed--> COPY --step by step--> READ --piece by piece, as they are taken--> over
 *                                                                                    ended, whenever --> SPENT --> gone
 *
 * A step of copying and a piece that is read take a few milliseconds each, on another thread (asides.h), and in between it is
 * others' turn there. The copy stands on disk and not in memory, and is whole before its first byte is handed out: so its
 * length is known, whoever reads it slowly holds up nobody, and one that fails to be made is a problem and not half a file.
 */
#pragma once
#include "daemon/asides.h"
#include "daemon/keeper.h"
#include "daemon/store/engine.h"

struct backup;

/* Embedded in what outlives every backup. */
struct backups {
    const struct engine_ops *ops;
    const char *dir;
    struct mem *mem;
    struct asides *asides;
    struct keeper *keeper;
    struct backup *one; /* NULL: none is under way */
};

/* ERR_BUSY, ERR_NOMEM. */
enum err backup_begin(struct backups *all, struct backup **ret, struct why *why);
/* Add what there is to `to`; *ret_bytes is how long all of it is, 0 until that is known. TASK_WAIT: until a commit or an
 * aside is done; TASK_MORE; TASK_DONE. ERR_NOMEM, ERR_DISK_FULL, ERR_STORE: it is only to be ended. */
enum err backup_step(struct backup *b, struct buf *to, uint64_t *ret_bytes, enum task_turn *ret_turn, struct why *why);
/* Whether it is over or not. Sets *b to NULL. */
void backup_end(struct backup **b);
