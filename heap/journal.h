/*
 * journal.h - what is told to whoever makes the heap outlive its process: every change, in order.
 *
 * Owns:      which deaths have not been told yet, and which pools have.
 * Knows not: how a change is written, where, or when it is on disk.
 *
 * A change is told before it shows, and may be refused for want of memory: then it does not happen. One that is told and
 * then fails for another reason is taken back, by a mark. Deaths cannot be refused, and need no memory: each is a bit, and
 * they are told together, by pool, when the journal is settled, or when one of their slots is used again. So in the
 * order of what is told, an id is always that of an object that lives.
 *
 * What callers and scopes hold is not told: it does not outlive the process. Whoever puts a heap back (restore.h) lets
 * every object be held until the end, and what nobody else holds then dies.
 *
 * While there is no journal this costs a look at one pointer at each change, death and birth.
 */
#pragma once
#include "heap/heap.h"

enum change_kind {
    CHANGE_POOL,   /* objects in the cells of a pool follow */
    CHANGE_NEW,    /* an object, with all that is in it */
    CHANGE_FIELDS, /* of a record: set, and unset */
    CHANGE_PUSH,   /* to a list, as its last item */
    CHANGE_PUT,    /* into a list, in the place of an item */
    CHANGE_CUT,    /* out of a list */
    CHANGE_BYTES,  /* the contents of a bytes object, new ones too */
    CHANGE_ROOT,
    CHANGE_UNROOT,
    CHANGE_WEAK,
    CHANGE_UNWEAK,
    CHANGE_SESSION,
    CHANGE_SESSION_END, /* it is gone, or, if it is session 0, empty */
    CHANGE_HOLD,
    CHANGE_DROP,
    CHANGE_DEAD, /* several that come in a row died together */
};

/* One has in it what its kind takes, and zeroes for the rest. Everything is borrowed. */
struct change {
    enum change_kind kind;
    obj_id id;                    /* the object, or what a name or a session holds */
    const struct field *fields;   /* FIELDS ... */
    size_t field_count;
    const struct value *value;    /* PUSH, PUT */
    uint64_t index;               /* PUT, CUT */
    struct payload *payload;      /* BYTES */
    struct slice name;            /* of roots and weak references; SESSION: the label */
    struct slice token;           /* SESSION */
    double ttl_s;
    uint32_t session;
    uint32_t pool;                /* POOL, DEAD: its number */
    uint32_t cell_words;          /* POOL */
    uint32_t turn_base;
    const uint64_t *cells;        /* DEAD: POOL_CELLS bits */
};

/* Who is told. Functions must not change the heap. */
struct heap_journal {
    void *ctx;
    enum err (*note)(void *ctx, const struct change *c, struct why *why); /* ERR_NOMEM */
    size_t (*mark)(void *ctx);              /* where the next change will stand */
    void (*cut)(void *ctx, size_t mark);    /* what was noted from there on has not happened */
};

/* From now on `to` is told; it is the caller's and outlives the heap, or the next call. NULL: nobody. What there is now is
 * not told. ERR_NOMEM. */
enum err heap_set_journal(struct heap *h, const struct heap_journal *to);
/* Tell the deaths that have not been told. ERR_NOMEM: none of them was. O(pools with deaths). */
enum err heap_settle_journal(struct heap *h);
bool heap_journal_is_settled(const struct heap *h);

/* ---- inside heap/ ---- */

struct journal;

static inline bool journal_is_on(const struct journal *j)
{
    return __builtin_expect(j != NULL, 0);
}

enum err journal_tell(struct journal *j, const struct change *c, size_t *ret_mark, struct why *why);
void journal_take_back(struct journal *j, size_t mark);

/* Note a change that is about to happen; *ret_mark (may be NULL) is for journal_cut(), if it does not happen after all. */
static inline enum err journal_note(struct journal *j, const struct change *c, size_t *ret_mark, struct why *why)
{
    return journal_is_on(j) ? journal_tell(j, c, ret_mark, why) : ERR_OK;
}

static inline void journal_cut(struct journal *j, size_t mark)
{
    if (journal_is_on(j))
        journal_take_back(j, mark);
}

/* A newborn, whole, of which nobody knows yet; ERR_NOMEM: it should not have been born. `payload`: of a bytes object. */
enum err journal_born(struct heap *h, slot_t slot, struct payload *payload, struct why *why);
/* Around what may be taken back (undo.h): what is told from the mark on has then not happened, and what dies between the
 * last two was never told to live. ERR_NOMEM. */
enum err journal_begin_undo(struct heap *h, size_t *ret_mark);
void journal_begin_rollback(struct heap *h, size_t mark);
void journal_end_rollback(struct heap *h);
/* It is dead from now on. */
void journal_died(struct journal *j, slot_t slot);
/* All members of a window are (window.h). O(pools with members). */
void journal_condemned(struct heap *h, const uint64_t *members, const uint64_t *pools);
void journal_fini(struct heap *h);
uint64_t journal_bytes(const struct heap *h);
