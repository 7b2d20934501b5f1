/*
 * life_impl.h - struct life, for the files life*.c.
 *
 *     life.c        its beginning and end, the choice of an operation, what is learned of deaths
 *     life_values.c values of both heaps (life_values.h)
 *     life_make.c   objects made
 *     life_write.c  objects read and changed
 *     life_form.c   the same through forms
 *     life_undo.c   many operations as one, or taken back
 *     life_tidy.c   memory packed and given back, deaths in bulk, turns used up
 *     life_hold.c   roots, sessions, scopes, weak names, references of the life's own
 *     life_gc.c     collections asked for, freezing, saving, pacing
 *     life_audit.c  the heap audited meanwhile
 *     life_snapshot.c snapshots taken meanwhile
 *     life_check.c  everything compared
 *     life_journal.c another heap made of what this one has told
 */
#pragma once
#include "gc/gc.h"
#include "heap/base/check.h"
#include "heap/heap_gc.h"
#include "heap/scope.h"
#include "heap/session.h"
#include "tests/model/life.h"
#include "tests/model/naive.h"
#include <inttypes.h>

#define LIFE_NAMES 96u /* field names */
#define LIFE_TEXTS 40u /* string values */
#define LIFE_TEXT_BYTES_MAX 3000u
#define LIFE_CLASSES 6u
#define LIFE_CLOSING 8u
#define LIFE_EDITS_MAX 64u
#define LIFE_WORN 16

/* What kind of life it is. */
struct habits {
    uint32_t objects;     /* about as many are alive */
    uint32_t list_items;  /* a list has about as many at most */
    uint32_t steps;       /* of the collector between two operations, at most */
    uint32_t links_pct;   /* of values */
    bool many;            /* now and then thousands are made at once */
    bool wide;            /* many records are dictionaries */
    bool reaps;           /* memory of the dead is given back by others than the collector, too */
    bool automatic;       /* collections start by themselves */
    bool refuses;         /* memory is refused now and then */
    bool freezes, saves;
    uint32_t tidies;      /* between two operations once in so many; 0: never */
    uint32_t check_every; /* operations between validations */
    uint32_t rest_every;
};

struct life_session {
    session_id id;
    bool open;
    uint32_t running;
    uint64_t ttl_ms, ends_at_ms;
};

struct life {
    struct dice dice;
    enum life_mode mode;
    bool paranoid;
    const char *name;
    struct habits habits;
    uint64_t op;
    const char *op_name;

    struct mem mem;
    struct heap *heap;
    struct gc *gc;
    struct session_set *sessions;
    struct heap_watch watch;
    struct naive naive;

    obj_id *dying; /* told by the heap and not yet looked at */
    uint32_t dying_count, dying_room;
    uint64_t falls; /* of counts, when all that follows from them was last compared */
    bool refused; /* memory may have been refused during this call */
    bool as_one;  /* what is done may be taken back: nothing dies, nothing settles */

    uint64_t worn_ids; /* made and dropped without the naive heap */
    obj_id worn[LIFE_WORN]; /* some of them; 0: fewer */
    struct life_forms *forms;
    struct life_journal *journal; /* NULL: a life without one */

    uint64_t now_ms;  /* of the sessions */
    uint64_t heap_ms; /* of the heap */
    struct life_session session[NAIVE_SESSIONS];
    struct scope *scope[NAIVE_SCOPES];
    struct scope *closing[LIFE_CLOSING];

    struct heap_audit *audit; /* NULL: there is none */
    struct dice audit_dice;
    uint32_t audit_units;     /* a step has as many at most */
    uint64_t audits;          /* that came to their ends */
    struct snapshot *snapshot; /* NULL: there is none; decided by the dice of audits */
    uint64_t snapshot_count, snapshot_sum; /* what it should be */
    uint64_t snapshots;       /* that came to their ends */

    uint64_t runs_seen;
    struct gc_tuning tuning;
    uint64_t tickets[GC_GENERATIONS][2]; /* of the last collection asked for, by generation and dry run */
    uint64_t freeze_ticket;
    bool freezing, freeze_on;
    uint32_t freeze_below;  /* objects that there were when it was asked for */
    uint32_t frozen_below;  /* of the last freeze that is done; UINT32_MAX: unfrozen */

    char names[LIFE_NAMES][8];
    char texts[LIFE_TEXTS][LIFE_TEXT_BYTES_MAX];
    struct slice text[LIFE_TEXTS];
};

/* ---- life.c ---- */

_Noreturn void life_fail(struct life *life, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define AGREE(life, claim, ...)                                                                              \
    do {                                                                                                     \
        if (__builtin_expect(!(claim), 0))                                                                   \
            life_fail(life, __VA_ARGS__);                                                                    \
    } while (0)

static inline uint32_t roll(struct life *life, uint32_t n)
{
    return dice_below(&life->dice, n);
}

static inline bool one_in(struct life *life, uint32_t n)
{
    return dice_one_in(&life->dice, n);
}

static inline struct naive_object *naive_of(struct life *life, uint32_t i)
{
    return &life->naive.objects[i];
}

/* NAIVE_NONE: an id that never was. */
obj_id life_id(struct life *life, uint32_t i);

/* An object to do something to: most often one that lives, sometimes one that does not. NAIVE_NONE: there is none. */
uint32_t life_pick(struct life *life);
uint32_t life_pick_alive(struct life *life);
uint32_t life_pick_kind(struct life *life, enum heap_kind kind);

/* Between these two, memory may be refused. */
void life_may_refuse(struct life *life);
void life_must_not_refuse(struct life *life);

/* What the heap said to an operation on `subject` (NAIVE_NONE: on none) that stores `count` values. True: it is
 * done, and the naive heap does it too. Errors must have their reasons. */
bool life_judge(struct life *life, enum err e, uint32_t subject, const struct naive_value *values, size_t count);

/* The heap says that this object is dead: that must not be wrong. */
void life_learn_dead(struct life *life, uint32_t i);
/* Look at what the heap has told of deaths. */
void life_hear(struct life *life);
/* Something may have been let go: in LIFE_STOP, let all that follows from it happen, and compare. */
void life_settle(struct life *life);
/* Let everything waiting be let go, memory too. */
void life_drain(struct life *life);

/* ---- operations ---- */

typedef void (*op_fn)(struct life *);

struct op {
    const char *name;
    op_fn run;
    uint32_t weight;
    int grows; /* 1: makes the heap larger, -1: smaller */
    bool can_be_one; /* with others: all it does can be taken back, and nothing runs in between */
};

extern const struct op make_ops[], write_ops[], form_ops[], hold_ops[], gc_ops[], tidy_ops[], undo_ops[];
extern const size_t make_op_count, write_op_count, form_op_count, hold_op_count, gc_op_count, tidy_op_count, undo_op_count;

/* life_write.c: link `target` from a random place; it may not come about. */
void write_link_somewhere(struct life *life, uint32_t target);

/* life_values.c */
void values_begin(struct life *life);
/* Compare one object's label and contents. */
void values_compare(struct life *life, uint32_t i);

/* life_hold.c */
void hold_begin(struct life *life);
void hold_drain(struct life *life, size_t units); /* a step of everything that is ending */
/* The life's own reference on a new object goes to something random, or nowhere. */
void hold_newborn(struct life *life, uint32_t i);
/* Give one reference of the life's own back. */
void hold_give(struct life *life, uint32_t i);
/* Everything but scopes lets go of it. */
void hold_drop_all(struct life *life, uint32_t i);
/* Most roots and most holds of sessions go. */
void hold_forget_most(struct life *life);
void hold_take_notices(struct life *life, size_t max);
void hold_compare_weak(struct life *life);
void hold_compare(struct life *life);
void hold_end(struct life *life);

/* life_gc.c */
void gc_between(struct life *life);   /* what happens between two operations */
void gc_breathe(struct life *life);   /* and within a long one */
/* An object that the collector is in the middle of looking through, worth disturbing; NAIVE_NONE: none. */
uint32_t gc_looked_at(struct life *life);
void gc_learn(struct life *life);     /* which objects are on the garbage list */
void gc_quiet(struct life *life);     /* gc_finish(), and what it did */
void gc_random_tuning(struct life *life);
/* At rest: collect, and compare with what the naive heap collects. */
void gc_collect_exactly(struct life *life, int generation, bool dry_run);
void gc_compare(struct life *life);

/* life_form.c */
void form_begin(struct life *life);
void form_end(struct life *life);

/* life_journal.c */
void journal_begin(struct life *life);
void journal_compare(struct life *life); /* at rest */
void journal_end(struct life *life);

/* life_tidy.c */
void tidy_a_little(struct life *life);
void tidy_at_rest(struct life *life);
void tidy_wear_few(struct life *life);
void tidy_wear_many(struct life *life);

/* life_audit.c */
void audit_a_little(struct life *life);
void audit_stop(struct life *life);

/* life_snapshot.c: one at a time, and not while there is an audit */
void snapshot_start(struct life *life);
void snapshot_go_on(struct life *life, size_t units);
void snapshot_stop(struct life *life);

/* life_check.c */
void check_safety(struct life *life); /* whatever is reached is alive */
void check_rules(struct life *life);  /* heap_validate() */
