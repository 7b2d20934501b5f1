/*
 * export_object.h - the document of an object becomes ops that make its like.
 *
 * Owns:      which op makes which object, and the links that had to wait because their target was not made
 * yet. Knows not: where the ops go, or in what order objects come.
 *
 * Most objects become one op, and one more op for each link to a later object and each part that finds no
 * room in the line. What no op of the daemon can say is written as a line that `heapctl import` understands:
 *     ["list",[..],CLASS]  ["bytes","BASE64",CLASS]   of a class other than list or bytes
 *     a line over 64 KiB, when one value alone (a string, or bytes) is that large
 */
#pragma once
#include "client/cli/cli.h"
#include "client/cli/idmap.h"
#include "client/cli/ops.h"
#include <jansson.h>

struct export
{
    struct cli *cli;
    struct ops ops;
    struct idmap op_of;  /* object to op */
    struct text waiting; /* struct waiting_link, each followed by its field name */
    uint64_t objects, strong_links, weak_links;
    uint64_t special; /* lines that only heapctl import understands */
};

void export_init(struct export *x, struct cli *cli, ops_sink_fn *sink, void *arg);
void export_fini(struct export *x);

/* Write the ops that make this object. CLI_OK, or has said why not. */
int export_object(struct export *x, json_t *document);

/* The op that makes object `id`, which is written first if it has none yet: it was born after the list of
 * objects had passed its place. *ret_gone if it is dead. CLI_OK, or has said why not. */
int export_op_of(struct export *x, uint64_t id, uint64_t *ret_op, bool *ret_gone);

/* When all objects are written: the links that wait. */
int export_waiting_links(struct export *x);
