/*
 * aside.h - objects that no op of a batch can make, made by requests of their own beside it.
 *
 * That is what `heapctl export` writes as ["list",[..],CLASS], ["bytes","BASE64",CLASS] or as a line over 64
 * KiB. A session of its own holds them until the batch has linked them; aside_end() ends it.
 */
#pragma once
#include "client/cli/cli.h"
#include <jansson.h>

struct aside {
    struct cli *cli;
    struct heapd *heapd; /* in the session; NULL until something had to be made */
    double renewed;      /* progress_clock() of the last request */
};

/* Whether `op` is to be made aside; `length` is that of its line. */
bool aside_wants(json_t *op, size_t length);

/* Make it. CLI_OK and the object's id, or has said why not. */
int aside_make(struct aside *a, json_t *op, uint64_t *ret_id);

/* Keep the session alive, if it is time to. */
int aside_renew(struct aside *a);

void aside_end(struct aside *a);
