/*
 * ledger.h - counts and bytes by name, in two snapshots or in one.
 *
 * Owns:      rows, found by what they count and its name.
 * Knows not: where the numbers come from. Names are borrowed, and outlive it.
 */
#pragma once
#include "heap/base/map.h"
#include "heap/base/slice.h"
#include "heap/graph/lane.h"

#define LEDGER_ROWS_MAX (1u << 20)

enum ledger_what { LEDGER_CLASS, LEDGER_SITE, LEDGER_ROOT, LEDGER_SESSION, LEDGER_BATCH, LEDGER_GARBAGE, LEDGER_FIELD, LEDGER_ITEM };

struct ledger_row {
    enum ledger_what what;
    bool matched;         /* for whoever looks it up */
    uint64_t id;          /* of a session */
    struct slice name;    /* a class, a site, a root, a label */
    struct slice part;    /* LEDGER_FIELD: the field */
    uint64_t count[2], bytes[2];
};

struct ledger {
    struct mem *mem;
    uint64_t seed;
    struct lane rows;
    uint32_t count;
    struct map *by_name;
    struct ledger *next; /* of those that are over */
};

/* `seed` is secret: names may be somebody's choice. NULL: no memory. */
struct ledger *ledger_create(struct mem *mem, uint64_t seed);
/* The row of that name, made if need be: of `key` what it is, id, name and part. NULL: no memory, or LEDGER_ROWS_MAX. */
struct ledger_row *ledger_row(struct ledger *l, const struct ledger_row *key);
/* NULL: there is none. */
struct ledger_row *ledger_find(const struct ledger *l, const struct ledger_row *key);
struct ledger_row *ledger_at(const struct ledger *l, uint32_t i);
/* Its memory returns in steps: *l is NULL once all of it has. Returns the units left. */
size_t ledger_end(struct ledger **l, size_t units);
