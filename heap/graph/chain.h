/*
 * chain.h - the chains by which a walk (reach.h) came to the holders of its target, read back and looked at anew.
 *
 *   BACK, from the target's holder to who holds from outside --> each holder, outside first --> END
 *                                                    `--> BROKEN: a link is there no longer
 *
 * The table of the walk says from where each object was first reached; on the way back these links are turned round, as
 * Deutsch, Schorr and Waite did, and on the way out they are turned again: so a chain of millions needs no memory. On the way
 * out each link is looked for in its holder, as the heap is now. A walk whose chain was BROKEN has to be done again.
 *
 * Links that were seen may go while others are looked for: chains_changed() tells.
 */
#pragma once
#include "heap/graph/reach.h"

/* One holder: of the next in the chain, or of the target. */
struct chain_link {
    enum reach_from by;   /* an object, or who is outside */
    obj_id id;            /* an object: which ... */
    struct part part;     /* ... and its field, or its item; a root: its name. The value is not told */
    session_id session;   /* a session ... */
    struct slice label;   /* ... and how it is called. Text is the heap's, good until its next change */
};

enum chain_turn { CHAIN_MORE, CHAIN_LINK, CHAIN_END, CHAIN_BROKEN };

struct chain {
    struct reach *reach;
    uint32_t at, before;  /* slots: the link from the one to the other is turned next */
    uint32_t by;          /* from where `at` was reached */
    bool out;             /* on the way out */
    bool begun;           /* ... who is outside has been told */
    uint64_t position;    /* in the holder, up to which the link was looked for */
    uint64_t scope;       /* the same among batches: serial number ... */
    uint32_t entry;       /* ... and entry */
};

/* The walk is over, and from now on its chains are read: one after the other, each to its end. i < reach_holders(). */
void chain_begin(struct reach *r, uint32_t i, struct chain *ret);
/* Go on to the next holder. Uses up *units: CHAIN_MORE if there are none left. */
enum chain_turn chain_step(struct chain *c, size_t *units, struct chain_link *ret);
/* Since some link was shown, its holder has changed, or the held object has lost a reference: the link may be gone, or in
 * another place. */
bool chains_changed(const struct reach *r);
