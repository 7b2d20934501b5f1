/*
 * engine.h - what keeps the heap on disk: the seat that SQLite has, and that another engine can take.
 *
 * Owns:      nothing; this is what an engine can do.
 * Knows not: threads, the loop, the heap. What is kept is text (api/redo.h), names and numbers.
 *
 * Changes come in commits, one after another, each durable as a whole when commit() returns. They are kept as they came, and
 * later folded, some at a time, into what they have made of the objects. So a commit writes a few pages, however many
 * objects it touches, and what is kept grows with the heap and not with its history.
 *
 * Everything is called by one thread at a time. Errors: ERR_NOMEM; ERR_DISK_FULL: nothing has changed, and the same may
 * succeed later; ERR_STORE: it cannot be known what is on disk, or what is there has rotted: the engine is only to be closed.
 */
#pragma once
#include "api/redo.h"

struct engine;
struct engine_copy;

#define ENGINE_INSTANCE_MAX 64

/* What is known without looking at the objects. */
struct engine_facts {
    char instance[ENGINE_INSTANCE_MAX]; /* this life of the ids; empty: there is none yet */
    uint64_t commits;     /* the number of the last; 0: there was none */
    uint64_t folded;      /* ... and of the last that was folded */
    uint64_t log_bytes;   /* of text that was not */
    uint64_t objects;     /* that are kept, about; for telling how far loading is */
    uint32_t pool_end;    /* one more than the highest number of a pool */
    uint32_t last_session;
    bool lossy;           /* some that was answered may be missing: durability was not `commit`, and it did not end well */
};

/* One commit. Bytes and text are borrowed until commit() returns. */
struct engine_commit {
    uint64_t number;
    const struct redo_chunk *lines;
    const struct redo_bytes *bytes;
    size_t bytes_count;
    uint32_t pool_end;
    uint32_t last_session;
};

/* What is kept, one after another in this order. */
enum engine_item_kind {
    ITEM_POOL, ITEM_OBJECT, ITEM_CONTENTS, ITEM_ROOT, ITEM_WEAK, ITEM_SESSION, ITEM_HOLD, ITEM_SETTING, ITEM_ANSWER,
    ITEM_LINES, /* changes that were not folded: whole lines */
    ITEM_END
};

struct engine_item {
    enum engine_item_kind kind;
    obj_id id;                 /* OBJECT, CONTENTS, ROOT, WEAK, HOLD */
    struct slice text;         /* the contents, or some of them; names; LINES; a session's label */
    struct slice value;        /* SETTING, ANSWER: JSON */
    uint64_t number, unix_ms;  /* ANSWER */
    struct slice class, site;  /* OBJECT ... */
    char first_of_value;
    struct slice token;        /* SESSION ... */
    double ttl_s;
    uint32_t session;          /* ... and HOLD */
    uint32_t pool, cell_words; /* POOL */
    uint32_t turn_base, turn_end;
};

/* Who is asked, often, while much is done that nobody waits for: it may sleep, and let others have the core. */
struct engine_rest {
    void (*may_rest)(void *ctx);
    void *ctx;
};

struct engine_ops {
    const char *name;
    /* Open what is in a directory, made if it is not there; nobody else has it then. `mem` is the engine's alone. ERR_BUSY:
     * somebody has; ERR_STORE, ERR_NOMEM. `read_only`: for a look at it: what is there stays as it is, byte by byte. */
    enum err (*open)(const char *dir, bool read_only, struct mem *mem, struct engine **ret, struct why *why);
    void (*close)(struct engine **e);

    enum err (*facts)(struct engine *e, struct engine_facts *ret, struct why *why);
    enum err (*set_instance)(struct engine *e, const char *instance, struct why *why);
    /* No answer is of a later time than this: a clock that had gone ahead has been set back. */
    enum err (*set_clock)(struct engine *e, uint64_t unix_ms, struct why *why);
    /* Whether a commit is worth waiting for from now on: not(e): what is answered may be missing after a crash. */
    enum err (*set_lossy)(struct engine *e, bool lossy, struct why *why);

    /* From the first on; what it says is borrowed until the next call. No commits meanwhile. */
    enum err (*rewind)(struct engine *e, struct why *why);
    enum err (*next)(struct engine *e, struct engine_item *ret, struct why *why);
    enum err (*get_bytes)(struct engine *e, obj_id id, struct mem *mem, struct payload **ret, struct why *why);

    /* `sync`: it is on disk, and not only with the system, when this returns. */
    enum err (*commit)(struct engine *e, const struct engine_commit *c, bool sync, struct why *why);
    /* Fold about so many bytes of changes; *ret_more: there are more. */
    enum err (*fold)(struct engine *e, size_t bytes, const struct engine_rest *rest, bool *ret_more, struct why *why);
    /* Give back what folding left: O(what there is). */
    enum err (*tidy)(struct engine *e, struct why *why);
    /* A copy of all that was committed when it began, made while the engine goes on, by another thread than the engine's: it
     * has everything of its own. One at a time. copy_step(): *ret_fd is -1 as long as there is more to do, then the copy, to
     * be read and closed, which has no name any more. ERR_NOMEM, ERR_DISK_FULL, ERR_STORE: it is only to be ended; the
     * engine goes on. copy_end() leaves nothing on disk. */
    enum err (*copy_begin)(const char *dir, struct mem *mem, struct engine_copy **ret, struct why *why);
    enum err (*copy_step)(struct engine_copy *c, int *ret_fd, struct why *why);
    void (*copy_end)(struct engine_copy **c);
    /* A sentence for each thing that is not as it should be; how many. O(what is kept). */
    size_t (*check)(struct engine *e, void (*broken)(void *ctx, const char *sentence), void *ctx);
};

extern const struct engine_ops engine_sqlite;
