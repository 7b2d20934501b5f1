/*
 * world.h - one life: a process with a heap, a store and clients, its ends and new beginnings, and what must be true meanwhile.
 *
 *     sim.c      the command line: how many lives, of which seeds
 *     life.c     what happens next; faults, cuts, ends
 *     world.c    the process: from its start to its end, and what commits are known of
 *     client.c   requests: begun, fed, stepped, cut off
 *     asks.c     what is asked, text.c as text
 *     judge.c    what is answered, and whether it may be
 *     compare.c  all of it compared
 *     model.c    what clients know (model.h), ids.c which ids there were, loop.c the loop (loop.h)
 *
 * What is real: api/, gc/, heap/, daemon/keeper.c, recovery.c and store/ with SQLite, on the disk of tests/fault/vfs_shim.c.
 * Not: connections. An answer is held here as daemon/conn_hold.c holds it: it is acknowledged once the commit is on disk that
 * the keeper said it has to wait for.
 */
#pragma once
#include "api/api.h"
#include "daemon/keeper.h"
#include "daemon/log.h"
#include "daemon/recovery.h"
#include "tests/fake_world.h"
#include "tests/fault/store_dir.h"
#include "tests/model/dice.h"
#include "tests/sim/ids.h"
#include "tests/sim/loop.h"
#include "tests/sim/model.h"
#include <inttypes.h>

#define CLIENTS 6
#define OPS_MAX 512       /* of a batch */
#define OP_PARTS_MAX 6
#define LAST_WORDS 48     /* lines kept for a failure */
#define LAST_WORD_BYTES 240

/* ---- what is asked ---- */

/* An object by its id or, id 0, as what op `number` of the same batch has made. */
struct ref {
    obj_id id;
    uint32_t number;
};

struct op_value {
    struct model_value value; /* a link has its target in `ref` */
    struct ref ref;
};

enum verb {
    V_NEW, V_LIST, V_BYTES, V_SET, V_PUT, V_UNSET, V_PUSH, V_HOLD, V_ROOT, V_UNROOT, V_WEAK, V_DROP, V_GET, V_IS, V_IS_ITEM,
    V_COLLECT, /* the last op of a batch; the others are requests */
    V_CUT, V_PATCH, V_REPLACE, V_UNWEAK, V_FREEZE, V_GET_WEAK, V_OPEN, V_RENEW, V_END, V_VALIDATE, V_TUNE, V_PERSIST
};

struct sim_op {
    enum verb verb;
    struct ref target;
    uint32_t n; /* a field, an index, a root, a weak name, a class, a session, a generation */
    uint32_t count;
    struct op_value parts[OP_PARTS_MAX]; /* the only value is the first */
};

/* ---- clients ---- */

/* A batch that answers line by line; one that answers with its last line alone; one that is done whole or not at all; a request. */
enum client_kind { CLIENT_STREAM, CLIENT_SUMMARY, CLIENT_ATOMIC, CLIENT_ONE };

struct keyed_request;

struct client {
    struct task *task;   /* NULL: it asks nothing */
    enum client_kind kind;
    uint32_t session;    /* of the model */
    session_id session_id; /* which one that was */
    uint32_t wanted, op_count, answered;
    bool whole;          /* all of its body was fed */
    bool admitted;       /* its session was there ... */
    bool met_full_disk;  /* ... unless it was turned away before */
    struct sim_op *ops;  /* OPS_MAX */
    uint16_t *made;      /* by each: MODEL_NONE */
    bool failed;         /* one of its ops has ... */
    bool nothing_done;   /* ... the first, and it may be tried again */
    bool untold;         /* of each op, what came of it: there is a summary */
    bool keeps;          /* what it makes is held by the batch */
    bool cuts;           /* it will not send all of it */
    char target[128];    /* "POST /v1/batch?atomic=true" */
    struct buf text, answer;
    size_t fed, read;
    /* a request with a key */
    struct keyed_request *key; /* NULL: without */
    bool again;          /* it has been answered before ... */
    bool differs;        /* ... to another body */
};

#define KEYS 6

/* A request that was answered under a key. */
struct keyed_request {
    uint32_t number;     /* the key; 0: there is none */
    bool known;          /* it has been answered ... */
    uint64_t commit;     /* ... which is in this one */
    uint32_t session;
    session_id session_id;
    enum client_kind kind;
    char target[128];
    struct buf text, answer;
    int status;
    bool was_cut;        /* after some ops: it will be told how many, and `answer` is what that begins with */
};

/* ---- the whole ---- */

struct sim {
    uint64_t seed, op, ops_wanted;
    struct dice dice;
    uint64_t trace; /* a hash of all that happened */
    bool tells;     /* each thing as it happens */
    char last[LAST_WORDS][LAST_WORD_BYTES];
    uint64_t last_count;
    /* the process; heap NULL: there is none */
    char dir[STORE_DIR_BYTES];
    struct log log;
    FILE *log_file;
    struct mem own; /* of clients */
    struct mem mem;
    struct settings settings;
    struct heap *heap;
    struct gc *gc;
    struct session_set *sessions;
    struct api *api;
    struct store *store;
    struct recovery *recovery;
    struct keeper *keeper;
    bool recovered, failed;
    enum err recovery_err;
    struct why recovery_why;
    struct fake_world fake;
    uint64_t durability; /* of this life */
    char instance[ENGINE_INSTANCE_MAX], known_instance[ENGINE_INSTANCE_MAX]; /* now, and as clients have been told */
    uint32_t instances;  /* how many there were */
    /* what is known: now, as of the last commit on disk, and as of the one under way */
    struct model *now, *durable, *under_way, *spare;
    uint64_t durable_number, under_way_number; /* 0: none is under way */
    uint64_t last_number;    /* the same of the last of all, when it was stopped; it is `spare` ... */
    bool stopped;            /* ... and is there: whatever its number is, it is `durable` */
    uint64_t held_version[2]; /* the newest that an answer shows which waits for the commit under way, or the next */
    size_t held_count;
    uint64_t told_version;   /* the newest that an answer shows which has left */
    struct ids ids;
    uint8_t pushes[MODEL_OBJECTS]; /* asked for and not answered */
    uint8_t unroots[MODEL_ROOTS];  /* likewise ... */
    uint32_t opening;              /* ... of sessions */
    struct client clients[CLIENTS];
    struct keyed_request keys[KEYS];
    uint32_t next_key;
    int32_t next_tag;    /* by which objects are known that nobody was told the ids of */
    /* faults */
    bool full;      /* the disk is, for some time */
    uint64_t heal_at;
    uint64_t cut_requests, crashes, cuts, failures, stops, commits, refused, replays, recoveries, compares;
};

static inline uint64_t loop_ms(void)
{
    return loop_now_us() / 1000;
}

/* ---- life.c ---- */

void sim_live(struct sim *s);

_Noreturn void sim_fail(struct sim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define DEMAND(s, claim, ...)                                                                                \
    do {                                                                                                     \
        if (__builtin_expect(!(claim), 0))                                                                   \
            sim_fail(s, __VA_ARGS__);                                                                        \
    } while (0)

/* It is part of the trace, and of the last words: who (a letter), and what. */
void sim_note(struct sim *s, char who, struct slice what);

/* The same for eyes only. */
void sim_tell(struct sim *s, char who, struct slice what);

static inline uint32_t roll(struct sim *s, uint32_t n)
{
    return dice_below(&s->dice, n);
}

static inline bool one_in(struct sim *s, uint32_t n)
{
    return dice_one_in(&s->dice, n);
}

/* ---- world.c ---- */

/* Begin with what is on the disk, as often as it takes; then it is compared. */
void world_start(struct sim *s);
/* All is given back. What was not written is lost; the disk is as it is. */
void world_drop(struct sim *s);
/* As at SIGTERM. */
void world_stop(struct sim *s);
bool world_is_full(const struct sim *s);
/* No answer leaves before what it shows is on disk. */
bool world_promises(const struct sim *s);
/* Something was answered: from when on is it true for good? */
void world_hold_answer(struct sim *s);
/* The number of the commit that will have what happens now. */
uint64_t world_open_commit(const struct sim *s);

/* ---- compare.c ---- */

/* Everything that is known to be there is there, as it should be, and nothing else. O(heap). */
void compare_all(struct sim *s);
/* What the heap no longer has must be what nothing reaches; from now on it is dead. */
void compare_deaths(struct sim *s);
void compare_sessions(struct sim *s);
/* {"a":1} or [1] is what an object has. */
bool compare_contents(struct sim *s, uint16_t at, struct slice text);
/* Is there a way to it? */
bool compare_is_reachable(struct sim *s, uint16_t at);
/* At rest: what is alive is what is reached. */
void compare_at_rest(struct sim *s);

/* ---- client.c ---- */

void clients_init(struct sim *s);
void clients_fini(struct sim *s);
/* A request begins, or goes on. */
void client_turn(struct sim *s, struct client *c);
/* The process ends, wherever requests stand. */
void clients_forget(struct sim *s);

/* ---- asks.c ---- */

/* An op for a batch, or (`one`) a request. */
void ask_op(struct sim *s, struct client *c, struct sim_op *op, bool one);

/* ---- text.c ---- */

/* A line, or "METHOD /path\nbody". */
int64_t model_int(int32_t n);
void ask_write(const struct sim_op *op, bool one, struct buf *to);

/* ---- judge.c ---- */

/* An op was answered with this line (data NULL: it was done, and nobody was told what came of it); `status` 0: it is a line of a
 * batch. False: it has failed, as it may. */
bool judge(struct sim *s, struct client *c, uint32_t number, int status, struct slice answer);
/* Objects of this client without ids get them: they are found by their tags. */
void judge_learn_ids(struct sim *s, struct client *c);
/* A request was turned away at the door. */
void judge_refusal(struct sim *s, struct client *c, struct slice answer);
