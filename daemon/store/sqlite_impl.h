/*
 * sqlite_impl.h - what the files of the SQLite engine share: the connection, its statements, its words.
 *
 *     sqlite.c       open, schema, commits
 *     sqlite_load.c  what is kept, one after another
 *     sqlite_fold.c  changes become rows; sqlite_opened.c: those whose contents change
 *     sqlite_copy.c  a copy of it, while it is used
 */
#pragma once
#include "daemon/store/engine.h"
#include "heap/base/check.h"
#include <sqlite3.h>

#define ENGINE_MAGIC 0x5e910001u

/* Every statement there is, by number: prepared when it is first needed. */
enum statement {
    SQL_BEGIN, SQL_COMMIT, SQL_ROLLBACK,
    SQL_GET_META, SQL_SET_META,
    SQL_ADD_LINES, SQL_LINES_FROM, SQL_DELETE_LINES, SQL_LOG_BYTES, SQL_LAST_LINES, SQL_LAST_OBJECT,
    SQL_PUT_BYTES, SQL_GET_BYTES, SQL_DELETE_BYTES,
    SQL_PUT_OBJECT, SQL_GET_VALUE, SQL_SET_VALUE, SQL_DELETE_OBJECT,
    SQL_PUT_BLOCK, SQL_GET_BLOCKS, SQL_DELETE_BLOCK, SQL_DELETE_BLOCKS,
    SQL_PUT_ROOT, SQL_DELETE_ROOT, SQL_PUT_WEAK, SQL_DELETE_WEAK,
    SQL_PUT_SESSION, SQL_DELETE_SESSION, SQL_PUT_HOLD, SQL_DELETE_HOLD, SQL_DELETE_HOLDS,
    SQL_PUT_POOL, SQL_RAISE_POOL, SQL_UNQUOTE, SQL_PUT_SETTING, SQL_DELETE_SETTING,
    SQL_PUT_ANSWER, SQL_DELETE_ANSWERS, SQL_CAP_ANSWERS,
    SQL_ALL_POOLS, SQL_ALL_OBJECTS, SQL_ALL_CONTENTS, SQL_ALL_ROOTS, SQL_ALL_WEAK, SQL_ALL_SESSIONS, SQL_ALL_HOLDS, SQL_ALL_SETTINGS,
    SQL_ALL_ANSWERS,
    STATEMENTS
};

struct fold;

struct engine {
    uint32_t magic;
    struct mem *mem;
    sqlite3 *db;
    int lock; /* a file that is locked while this directory is ours */
    sqlite3_stmt *statements[STATEMENTS];
    enum engine_item_kind loading; /* what next() gives now */
    sqlite3_stmt *load;            /* ... and where it stands; NULL: it begins */
    obj_id blocks_of;              /* the contents of this object, block by block, come first; 0: there is none */
    struct fold *fold;
    bool synced;                   /* what `PRAGMA synchronous` says now: FULL */
    int version;                   /* of the schema: older ones are only looked at */
};

/* The sentence that SQLite has for its error, and ours for it: ERR_NOMEM, ERR_DISK_FULL, ERR_BUSY, ERR_STORE. */
enum err sql_error(struct engine *e, const char *doing, struct why *why);
/* Ready to be bound and stepped; NULL: sql_error(). */
sqlite3_stmt *sql_take(struct engine *e, enum statement s);
/* Step one that returns no row, and make it ready again. */
enum err sql_do(struct engine *e, sqlite3_stmt *s, struct why *why);
/* The same for one without anything bound. */
enum err sql_run(struct engine *e, enum statement s, struct why *why);
enum err sql_get_number(struct engine *e, const char *name, uint64_t *ret, struct why *why); /* 0 if there is none */
/* What the last commit said, folded or not: commits, folded, pool_end, last_session. */
enum err sql_get_last(struct engine *e, struct engine_facts *ret, struct why *why);
enum err sql_set_number(struct engine *e, const char *name, uint64_t value, struct why *why);
/* Text is the statement's until it is stepped. */
static inline void sql_bind(sqlite3_stmt *s, int at, struct slice text)
{
    sqlite3_bind_text64(s, at, text.len > 0 ? text.data : "", text.len, SQLITE_STATIC, SQLITE_UTF8);
}

/* Text of a row, good until the statement is stepped or reset. ERR_STORE: there is something else, or nothing; ERR_NOMEM. */
enum err sql_text(sqlite3_stmt *s, int column, struct slice *ret, struct why *why);

/* sqlite_load.c */
enum err sqlite_rewind(struct engine *e, struct why *why);
enum err sqlite_next(struct engine *e, struct engine_item *ret, struct why *why);
enum err sqlite_get_bytes(struct engine *e, obj_id id, struct mem *mem, struct payload **ret, struct why *why);

/* sqlite_copy.c */
enum err sqlite_copy_begin(const char *dir, struct mem *mem, struct engine_copy **ret, struct why *why);
enum err sqlite_copy_step(struct engine_copy *c, int *ret_fd, struct why *why);
void sqlite_copy_end(struct engine_copy **c);
/* What copies that were not ended have left. */
void sqlite_remove_copies(const char *dir);

/* sqlite_fold.c */
enum err sqlite_fold(struct engine *e, size_t bytes, const struct engine_rest *rest, bool *ret_more, struct why *why);
/* What is remembered from one fold to the next goes: always, or when one has failed. */
void sqlite_fold_fini(struct engine *e);
