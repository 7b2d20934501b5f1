/*
 * sqlite_fold_impl.h - what folding shares: the line that is folded (sqlite_fold.c), the objects it changes (sqlite_opened.c).
 */
#pragma once
#include "daemon/store/contents.h"
#include "daemon/store/sqlite_impl.h"

/* One object whose contents are at hand. */
struct opened {
    slot_t slot;
    bool changed;
    bool in_blocks; /* so it stands in the tables */
    struct contents contents;
};

struct fold {
    struct map *by_slot; /* slot -> place in `opened` */
    struct opened **opened;
    size_t count, room;
    size_t bytes;       /* of contents, when they were last counted */
    uint32_t pool;      /* births are in this pool ... */
    uint64_t turn_end;  /* ... and its turns go at least so far; 0: there were none */
};

/* A line that is being folded. */
struct folding {
    struct engine *engine;
    struct fold *fold;
    const struct engine_rest *rest;
    const struct redo_line *line;
    bool in_deaths; /* the last line told a death: with those that follow, it is one (redo.h) */
    struct why *why;
};

/* Between two pieces of work. */
void fold_may_rest(const struct folding *f);
/* ERR_STORE: the line says what cannot be. */
enum err fold_rotten(const struct folding *f);
enum err fold_no_memory(struct why *why);
/* Argument `i` of the line. */
enum err fold_number(const struct folding *f, size_t i, uint64_t max, uint64_t *ret);

/* sqlite_opened.c */

/* Another one at hand, without contents: `bracket` is '{' or '['. NULL: no memory. */
struct opened *opened_add(struct engine *e, slot_t slot, char bracket);
/* The object that the line is about, read if it is not at hand. */
enum err opened_of_line(struct folding *f, struct opened **ret);
/* It is not at hand any more, and not written. */
void opened_forget(struct engine *e, slot_t slot);
void opened_free(struct engine *e, struct opened *o);
/* All of them are written; the small are forgotten, and the large if they are too many bytes. */
enum err opened_write_back(struct folding *f);
