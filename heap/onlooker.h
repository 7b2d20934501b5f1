/*
 * onlooker.h - one who looks at the whole heap as it is at one moment, the *cut*, while it goes on living: an audit
 * (audit.h), or a snapshot (graph/snapshot.h).
 *
 * There is one at a time. It comes to each object and holder in steps; whoever changes what it may not have come to says so
 * first, and there is nothing that goes without a word, since at the cut none of the dead waits to be reaped. (What a
 * collection has condemned may wait: it was dead at the cut.) An object with many parts cannot be looked at all at once, so
 * each change of a part is told; so is each hold that comes or goes.
 *
 * While there is none, this costs the heap a look at a pointer where lists, dictionaries, roots and scopes change, at births,
 * and where a pool of condemned objects goes.
 */
#pragma once
#include "heap/dict.h"
#include "heap/heap_impl.h"
#include "heap/value.h"

struct onlooker;
struct scope;

/* What it is told. NULL: it need not know. */
struct onlooker_ops {
    /* What is in this object may not have been looked at: it wants to know what changes there. */
    bool (*waits_for)(const struct onlooker *o, slot_t holder);
    void (*birth)(struct onlooker *o, slot_t slot); /* a cell becomes that of an object, which was not there at the cut */
    void (*counted)(struct onlooker *o, slot_t slot, bool gained);
    /* Before or after the change; `old` and `now` may be WORD_ABSENT. `index` and `entry` are where it stands meanwhile. */
    void (*item_changed)(struct onlooker *o, slot_t list, uint32_t index, word_t old, word_t now);
    void (*item_deleted)(struct onlooker *o, slot_t list, uint32_t index, word_t old);
    void (*leaf_popped)(struct onlooker *o, slot_t list, uint32_t first, const word_t *words, uint32_t count);
    void (*field_changed)(struct onlooker *o, slot_t record, slot_t name, uint32_t entry, word_t old, word_t now);
    void (*field_removing)(struct onlooker *o, slot_t record, slot_t dict, slot_t entry);
    void (*root_changing)(struct onlooker *o, uint32_t number, slot_t old, slot_t now); /* 0: none */
    /* A hold that was there at the cut goes before it was come to; or `came`: one will be found that was not, or was seen. */
    void (*hold_missed)(struct onlooker *o, const struct heap_holder *by, slot_t slot, bool came);
    void (*weak_died)(struct onlooker *o, slot_t cell, slot_t object);
    void (*freeing)(struct onlooker *o, uint32_t pool, const uint64_t cells[POOL_WORDS]); /* condemned, its contents gone */
};

struct onlooker {
    const struct onlooker_ops *ops;
    struct heap_watch watch;   /* its own too, from the cut on */
    uint32_t excused;          /* windows that were condemned at the cut, and are the same still */
    const struct scope *scope; /* the next to come to; NULL: none is left */
};

/* It will be the one; ERR_BUSY: there is another. Until onlooker_leave(). */
enum err onlooker_claim(struct heap *h, struct why *why);
/* Now is the cut: nothing is doomed. */
void onlooker_cut(struct heap *h, struct onlooker *o);
/* Nothing is told any more; another may come. Whether or not there was a cut. */
void onlooker_leave(struct heap *h, struct onlooker *o);

/* It was there at the cut, if it has been neither born nor come to since. */
static inline bool onlooker_was_there(const struct heap *h, const struct onlooker *o, slot_t slot, const struct object *obj)
{
    return obj->state == STATE_LIVE && !windows_have(&h->windows, o->excused, slot);
}

/* ---- scope.c: what open scopes hold, from *at on; returns the units left ---- */

size_t scopes_recount_step(const struct scope **at, held_fn *tell, void *to, size_t units);

/* ---- telling it ---- */

static inline bool onlooker_waits_for(const struct heap *h, slot_t holder)
{
    return h->onlooker != NULL && h->onlooker->ops->waits_for(h->onlooker, holder);
}

static inline void onlooker_note_birth(const struct heap *h, slot_t slot)
{
    if (h->onlooker != NULL)
        h->onlooker->ops->birth(h->onlooker, slot);
}

static inline void onlooker_note_count(const struct heap *h, slot_t slot, bool gained)
{
    if (h->onlooker != NULL && h->onlooker->ops->counted != NULL)
        h->onlooker->ops->counted(h->onlooker, slot, gained);
}

static inline void onlooker_note_item(const struct heap *h, slot_t list, uint32_t index, word_t old, word_t now)
{
    if (onlooker_waits_for(h, list))
        h->onlooker->ops->item_changed(h->onlooker, list, index, old, now);
}

static inline void onlooker_note_item_deleted(const struct heap *h, slot_t list, uint32_t index, word_t old)
{
    if (onlooker_waits_for(h, list))
        h->onlooker->ops->item_deleted(h->onlooker, list, index, old);
}

static inline void onlooker_note_leaf_popped(const struct heap *h, slot_t list, uint32_t first, const word_t *words,
                                             uint32_t count)
{
    if (onlooker_waits_for(h, list))
        h->onlooker->ops->leaf_popped(h->onlooker, list, first, words, count);
}

/* A field comes, at the end; or that of an entry is about to have another value. */
static inline void onlooker_note_field(const struct heap *h, slot_t record, slot_t name, uint32_t entry, word_t old, word_t now)
{
    if (onlooker_waits_for(h, record))
        h->onlooker->ops->field_changed(h->onlooker, record, name, entry, old, now);
}

static inline void onlooker_note_entry(const struct heap *h, slot_t record, slot_t dict, slot_t entry, word_t now)
{
    if (onlooker_waits_for(h, record))
        h->onlooker->ops->field_changed(h->onlooker, record, dict_name(h, entry), dict_index(h, dict, entry),
                                        dict_word(h, entry), now);
}

static inline void onlooker_note_removing(const struct heap *h, slot_t record, slot_t dict, slot_t entry)
{
    if (onlooker_waits_for(h, record))
        h->onlooker->ops->field_removing(h->onlooker, record, dict, entry);
}

static inline void onlooker_note_root(const struct heap *h, uint32_t number, slot_t old, slot_t now)
{
    if (h->onlooker != NULL)
        h->onlooker->ops->root_changing(h->onlooker, number, old, now);
}
