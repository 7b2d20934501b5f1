/*
 * audit_impl.h - struct heap_audit, for audit.c (its life, and what the heap tells it) and heap_validate.c (the equations).
 */
#pragma once
#include "heap/audit.h"
#include "heap/onlooker.h"

#define AUDIT_MAGIC 0xa0d17001u
#define AUDIT_QUEUE_MAX 64u
#define AUDIT_WIDE_PARTS 64u /* what has more parts is not looked at in one go */

/* The account of a slot: references found, and what its count has gained since the cut less what it has lost, modulo 2^28.
 * When an object dies its account is settled to what it should be then, 0, so several may follow each other in one slot. */
#define ACCOUNT_SUM     0x0fffffffu
#define ACCOUNT_EXCUSED 0x10000000u /* it was dead or condemned at the cut: nothing is counted of it */
#define ACCOUNT_GONE    0x20000000u /* it has died since, and is settled */
#define ACCOUNT_LINKS   0x40000000u /* what it links to has been counted */
#define ACCOUNT_HEAD    0x80000000u /* it has been counted itself */

struct heap_audit {
    uint32_t magic;
    struct onlooker look;
    struct heap *heap;
    bool whole;             /* heap_validate(): all in one go, nothing happens meanwhile */
    bool ended;
    broken_fn *tell;
    void *tell_ctx;
    size_t broken;
    uint32_t phase;

    /* at the cut */
    slot_t end;             /* of the slots that there were */
    struct heap_stats then;
    uint64_t unreleased_then;
    uint64_t bytes_then;    /* in cells and outside the pools, that belong to objects */

    /* found */
    uint32_t *account;      /* by slot */
    size_t account_trimmed; /* bytes that have gone back to the system, at the end */
    uint64_t whole_objects, gone_objects, whole_bytes, gone_bytes, links;
    uint32_t waiting;       /* targets found, and on their way to the account: by then it has come from memory */
    slot_t target[AUDIT_QUEUE_MAX];

    /* how far it is */
    slot_t at;              /* objects below it were looked at, or have come since */
    slot_t compared;        /* slots below it */
    slot_t wide;            /* the object with many parts that is looked through; 0: none */
    uint32_t wide_at;       /* a list: items below it are done; a dictionary: entries from it on */
    uint32_t root_at;       /* roots below it are done */
    uint32_t watcher;
    struct proof proof[2];
    struct pools_proof pools;
};

/* ---- heap_validate.c: the equations, in phases ---- */

size_t audit_run(struct heap_audit *a, size_t units); /* returns the units left; 0: there is more */
void audit_take_cut(struct heap_audit *a);
/* Count an object, and what it links to unless that is a lot. */
void audit_look(struct heap_audit *a, slot_t slot);
/* Put what was found on the account. */
void audit_settle_found(struct heap_audit *a);

/* ---- audit.c ---- */

void audit_add(struct heap_audit *a, slot_t slot, uint32_t by);
