/*
 * why_form.h - in which forms the chains that keep an object are written: each is told of them piece by piece.
 */
#pragma once
#include "api/task.h"
#include "heap/graph/chain.h"

struct why_form {
    void (*begin)(struct task *t, const struct object_info *info); /* of the object; the answer begins, or begins again */
    void (*begin_chain)(struct task *t);
    void (*link)(struct task *t, const struct chain_link *l); /* the first is from outside */
    void (*end_chain)(struct task *t, obj_id id); /* it has come to the object */
    /* unreached: why there are none, else NULL; changed: what was written may be gone; in_chain: the last chain is cut off */
    void (*end)(struct task *t, const char *unreached, bool changed, bool in_chain);
};

/* why_dot.c - a graph for Graphviz. */
extern const struct why_form why_dot;
