/*
 * world.h - what api/ may ask of the world (struct api_world), answered: time, randomness, this process.
 */
#pragma once
#include "api/api.h"
#include "daemon/asides.h"
#include "daemon/backup.h"
#include "daemon/keeper.h"
#include "daemon/pauses.h"
#include "daemon/recovery.h"
#include "daemon/server.h"
#include <uv.h>

struct world {
    uint32_t magic;
    uv_loop_t *loop;
    struct server *server;       /* set once there is one */
    const char *data_dir;        /* NULL: nothing survives; set before world_for_api() */
    struct keeper *keeper;       /* then, once what was kept is back */
    const struct recovery *recovery; /* while what was kept is being put back */
    struct mem *edge_mem;        /* of connections */
    double start_unix_s;
    struct asides asides;
    struct backups backups;
    struct pauses pauses; /* of the collector, and of long requests */
    char progress[48];    /* of the recovery, told */
};

void world_init(struct world *w, uv_loop_t *loop, struct mem *edge_mem);
/* `w` stays where it is while the result is used. */
struct api_world world_for_api(struct world *w);

/* Unguessable bytes from the kernel. */
void world_random(void *out, size_t n);
/* Allow this process as many open files as it may have; how many. */
uint64_t world_raise_file_limit(void);
