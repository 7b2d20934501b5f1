/*
 * batch.h - a batch that runs: shared by batch.c (lines in, answers out) and batch_ops.c (what each op does).
 */
#pragma once
#include "api/batch_forms.h"
#include "api/op.h"
#include "api/task.h"

enum batch_state {
    BATCH_OPS,     /* read a line, run it, answer */
    BATCH_ATOMIC,  /* the same with all lines, in one turn; all or none */
    BATCH_COLLECT, /* a collect waits for its run */
    BATCH_CLOSE,   /* let go of what was made, then say the last line */
    BATCH_DRAIN,   /* it has ended early: throw away what still comes */
};

struct batch {
    struct task *task;
    enum batch_state state;
    struct decoder decoder; /* knows "@n" */
    struct scope_end *made; /* what it holds, by number of op; NULL while it has made nothing */
    struct batch_forms forms;
    uint32_t op;            /* the number of the op that runs, or will run next */
    uint32_t told;          /* so many ops were done when it was last told what a retry gets (keyed.h) */
    bool atomic;
    bool summary_only;
    bool failed;
    struct why why; /* ... and the reason */
    size_t scanned; /* bytes of the inbox, from body_taken on, known to have no newline */
    int generation; /* BATCH_COLLECT: what it waits for */
    uint64_t ticket;
};

/* Carry out one op, and write its answer into task->out, or leave it waiting in BATCH_COLLECT. After an error the
 * heap has not changed (what was written may be anything). */
enum err batch_run_op(struct batch *b, const struct op *op, struct why *why);

/* The end of a collect: its answer. */
void batch_answer_collect(struct batch *b, const struct gc_run *run);

/* The object that "@n" stands for: a decoder's name function; ctx is the batch. */
enum err batch_name(void *ctx, struct slice text, obj_id *ret, struct why *why);
