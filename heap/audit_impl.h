/*
 * audit_impl.h - an audit as the rest of heap/ meets it: whoever changes what it may not have come to says so.
 */
#pragma once
#include "heap/audit.h"
#include "heap/heap_impl.h"
#include "heap/value.h"

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
    struct heap *heap;
    bool whole;             /* heap_validate(): all in one go, nothing happens meanwhile */
    bool ended;
    broken_fn *tell;
    void *tell_ctx;
    size_t broken;
    uint32_t phase;
    struct heap_watch watch;

    /* at the cut */
    slot_t end;             /* of the slots that there were */
    struct heap_stats then;
    uint64_t unreleased_then;
    uint64_t bytes_then;    /* in cells and outside the pools, that belong to objects */
    uint32_t excused;       /* windows that were condemned then, and are the same still */

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
    const struct scope *scope; /* the next; NULL: none is left */
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
bool audit_has_come_to_root(const struct heap_audit *a, uint32_t number);

/* scope.c: what open scopes hold, from *at on; returns the units left. */
size_t scopes_recount_step(const struct scope **at, void (*count)(void *to, slot_t slot), void *to, size_t units);

/* ---- audit.c: what the heap tells ---- */

void audit_add(struct heap_audit *a, slot_t slot, uint32_t by);
/* Links of an object that was not looked through go, or have come: at an item of a list, or an entry of a dictionary. */
void audit_item_changed(struct heap_audit *a, slot_t list, uint32_t index, word_t old, word_t now);
void audit_item_deleted(struct heap_audit *a, slot_t list, uint32_t index, word_t old);
void audit_leaf_popped(struct heap_audit *a, slot_t list, uint32_t first, const word_t *words, uint32_t count);
void audit_field_changed(struct heap_audit *a, slot_t record, uint32_t entry, word_t old, word_t now);
void audit_field_removing(struct heap_audit *a, slot_t record, slot_t dict, slot_t entry);
void audit_freeing(struct heap_audit *a, uint32_t pool, const uint64_t cells[POOL_WORDS]);

/* What `holder` links to has not been counted. */
static inline bool audit_waits_for(const struct heap *h, slot_t holder)
{
    const struct heap_audit *a = h->audit;

    return a != NULL && holder < a->end && (a->account[holder] & ACCOUNT_LINKS) == 0;
}

/* A new object was not there at the cut. */
static inline void audit_note_birth(const struct heap *h, slot_t slot)
{
    struct heap_audit *a = h->audit;

    if (a == NULL || slot >= a->end)
        return;
    a->account[slot] |= ACCOUNT_HEAD | ACCOUNT_LINKS;
    a->wide = a->wide == slot ? 0 : a->wide;
}

static inline void audit_note_count(const struct heap *h, slot_t slot, bool gained)
{
    if (h->audit != NULL)
        audit_add(h->audit, slot, gained ? 1 : UINT32_MAX);
}

/* A reference that a holder had at the cut goes before the audit came to it (came: 0), or comes where it will find it. */
static inline void audit_note_held(const struct heap *h, slot_t slot, bool came)
{
    if (h->audit != NULL && slot != 0)
        audit_add(h->audit, slot, came ? UINT32_MAX : 1);
}

/* A root is about to be put, or removed. 0: none. */
static inline void audit_note_root(const struct heap *h, uint32_t number, slot_t old, slot_t now)
{
    if (h->audit == NULL || audit_has_come_to_root(h->audit, number))
        return;
    audit_note_held(h, old, false);
    audit_note_held(h, now, true);
}
