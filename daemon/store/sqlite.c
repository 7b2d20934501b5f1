/*
 * sqlite.c - the engine that is SQLite (engine.h): DIR/heap.db, which anybody may open and query meanwhile.
 *
 * One connection, in WAL mode. A commit adds its lines to `log` and its bytes to `bytes`, in one transaction that is synced
 * when it ends (synchronous=FULL). Folding is done in transactions that are not (NORMAL): should they be lost, they are done
 * again, for what they fold is still in the log.
 *
 * DIR/lock is locked for as long as the directory is ours: SQLite's own locks let several write in turn.
 */
#include "daemon/store/sqlite_impl.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCHEMA_VERSION ((int)ARRAY_LEN(upgrades))
#define CACHE_KIB 8192
#define WAL_PAGES 1024 /* 4 MiB of WAL, then it is begun again: the commit that comes to it takes longer, by so much */

/* From each version, which is PRAGMA user_version, to the next: the last is what deploy/SCHEMA.md documents. */
static const char *const upgrades[] = {
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE log (number INTEGER PRIMARY KEY, commit_number INTEGER NOT NULL, pool_end INTEGER NOT NULL,"
    "  last_session INTEGER NOT NULL, lines TEXT NOT NULL);"
    "CREATE TABLE pools (number INTEGER PRIMARY KEY, cell_words INTEGER NOT NULL, turn_base INTEGER NOT NULL,"
    "  turn_end INTEGER NOT NULL);"
    "CREATE TABLE objects (slot INTEGER PRIMARY KEY, turn INTEGER NOT NULL, class TEXT NOT NULL, site TEXT,"
    "  value TEXT NOT NULL, id INTEGER GENERATED ALWAYS AS (turn << 29 | slot) VIRTUAL);"
    "CREATE TABLE blocks (slot INTEGER NOT NULL, number INTEGER NOT NULL, value TEXT NOT NULL, PRIMARY KEY (slot, number))"
    "  WITHOUT ROWID;"
    "CREATE TABLE bytes (id INTEGER PRIMARY KEY, data BLOB NOT NULL);"
    "CREATE TABLE roots (name TEXT PRIMARY KEY, id INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE weak (name TEXT PRIMARY KEY, id INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE sessions (number INTEGER PRIMARY KEY, ttl REAL NOT NULL, label TEXT NOT NULL, token TEXT NOT NULL);"
    "CREATE TABLE holds (session INTEGER NOT NULL, id INTEGER NOT NULL, PRIMARY KEY (session, id)) WITHOUT ROWID;",
    /* 2: settings survive */
    "CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;",
    /* 3: so does what retries are answered */
    "CREATE TABLE answers (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, since_ms INTEGER NOT NULL, answer TEXT NOT NULL);",
};

static const char *const sql[STATEMENTS] = {
    [SQL_BEGIN] = "BEGIN IMMEDIATE",
    [SQL_COMMIT] = "COMMIT",
    [SQL_ROLLBACK] = "ROLLBACK",
    [SQL_GET_META] = "SELECT value FROM meta WHERE name = ?1",
    [SQL_SET_META] = "INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)",
    [SQL_ADD_LINES] = "INSERT INTO log (commit_number, pool_end, last_session, lines) VALUES (?1, ?2, ?3, ?4)",
    [SQL_LINES_FROM] = "SELECT number, commit_number, lines FROM log WHERE number > ?1 ORDER BY number",
    [SQL_DELETE_LINES] = "DELETE FROM log WHERE number <= ?1",
    [SQL_LOG_BYTES] = "SELECT ifnull(sum(length(CAST(lines AS BLOB))), 0) FROM log",
    [SQL_LAST_LINES] = "SELECT commit_number, pool_end, last_session FROM log ORDER BY number DESC LIMIT 1",
    [SQL_LAST_OBJECT] = "SELECT count(*) FROM objects",
    [SQL_PUT_BYTES] = "INSERT OR REPLACE INTO bytes (id, data) VALUES (?1, ?2)",
    [SQL_GET_BYTES] = "SELECT data FROM bytes WHERE id = ?1",
    [SQL_DELETE_BYTES] = "DELETE FROM bytes WHERE id = ?1",
    [SQL_PUT_OBJECT] = "INSERT OR REPLACE INTO objects (slot, turn, class, site, value) VALUES (?1, ?2, ?3, nullif(?4, ''), ?5)",
    [SQL_GET_VALUE] = "SELECT value FROM objects WHERE slot = ?1",
    [SQL_SET_VALUE] = "UPDATE objects SET value = ?2 WHERE slot = ?1",
    [SQL_DELETE_OBJECT] = "DELETE FROM objects WHERE slot = ?1 RETURNING id, substr(value, 1, 1), length(value)",
    [SQL_PUT_BLOCK] = "INSERT OR REPLACE INTO blocks (slot, number, value) VALUES (?1, ?2, ?3)",
    [SQL_GET_BLOCKS] = "SELECT number, value FROM blocks WHERE slot = ?1 ORDER BY number",
    [SQL_DELETE_BLOCK] = "DELETE FROM blocks WHERE slot = ?1 AND number = ?2",
    [SQL_DELETE_BLOCKS] = "DELETE FROM blocks WHERE slot = ?1",
    [SQL_PUT_ROOT] = "INSERT OR REPLACE INTO roots (name, id) VALUES (?1, ?2)",
    [SQL_DELETE_ROOT] = "DELETE FROM roots WHERE name = ?1",
    [SQL_PUT_WEAK] = "INSERT OR REPLACE INTO weak (name, id) VALUES (?1, ?2)",
    [SQL_DELETE_WEAK] = "DELETE FROM weak WHERE name = ?1",
    [SQL_PUT_SESSION] = "INSERT OR REPLACE INTO sessions (number, ttl, label, token) VALUES (?1, ?2, ?3, ?4)",
    [SQL_DELETE_SESSION] = "DELETE FROM sessions WHERE number = ?1",
    [SQL_PUT_HOLD] = "INSERT OR REPLACE INTO holds (session, id) VALUES (?1, ?2)",
    [SQL_DELETE_HOLD] = "DELETE FROM holds WHERE session = ?1 AND id = ?2",
    [SQL_DELETE_HOLDS] = "DELETE FROM holds WHERE session = ?1",
    [SQL_PUT_POOL] = "INSERT INTO pools (number, cell_words, turn_base, turn_end) VALUES (?1, ?2, ?3, ?3) ON CONFLICT (number) DO UPDATE SET"
                     " turn_end = CASE WHEN turn_base = excluded.turn_base THEN turn_end ELSE excluded.turn_end END,"
                     " cell_words = excluded.cell_words, turn_base = excluded.turn_base",
    [SQL_RAISE_POOL] = "UPDATE pools SET turn_end = max(turn_end, ?2) WHERE number = ?1",
    [SQL_PUT_SETTING] = "INSERT OR REPLACE INTO settings (name, value) VALUES (?1, ?2)",
    [SQL_DELETE_SETTING] = "DELETE FROM settings WHERE name = ?1",
    [SQL_PUT_ANSWER] = "INSERT OR REPLACE INTO answers (number, name, since_ms, answer) VALUES (?1, ?2, ?3, ?4)",
    [SQL_DELETE_ANSWERS] = "DELETE FROM answers WHERE number <= ?1",
    [SQL_CAP_ANSWERS] = "UPDATE answers SET since_ms = ?1 WHERE since_ms > ?1",
    [SQL_UNQUOTE] = "SELECT json_extract(?1, '$')",
    [SQL_ALL_POOLS] = "SELECT number, cell_words, turn_base, turn_end FROM pools ORDER BY number",
    [SQL_ALL_OBJECTS] = "SELECT slot, turn, value, class, site FROM objects ORDER BY slot",
    [SQL_ALL_CONTENTS] = "SELECT slot, turn, value FROM objects ORDER BY slot",
    [SQL_ALL_ROOTS] = "SELECT name, id FROM roots",
    [SQL_ALL_WEAK] = "SELECT name, id FROM weak",
    [SQL_ALL_SESSIONS] = "SELECT number, ttl, label, token FROM sessions",
    [SQL_ALL_HOLDS] = "SELECT session, id FROM holds",
    [SQL_ALL_SETTINGS] = "SELECT name, value FROM settings",
    [SQL_ALL_ANSWERS] = "SELECT number, since_ms, name, answer FROM answers ORDER BY number",
};

/* ---- statements ---- */

static enum err err_of(int code)
{
    switch (code & 0xff) {
    case SQLITE_NOMEM:
        return ERR_NOMEM;
    case SQLITE_FULL:
        return ERR_DISK_FULL;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERR_BUSY;
    default:
        return ERR_STORE;
    }
}

enum err sql_error(struct engine *e, const char *doing, struct why *why)
{
    int code = sqlite3_extended_errcode(e->db);

    return why_set(why, err_of(code), "%s: %s (%d)", doing, sqlite3_errmsg(e->db), code);
}

sqlite3_stmt *sql_take(struct engine *e, enum statement s)
{
    if (e->statements[s] == NULL &&
        sqlite3_prepare_v3(e->db, sql[s], -1, SQLITE_PREPARE_PERSISTENT, &e->statements[s], NULL) != SQLITE_OK)
        return NULL;
    return e->statements[s];
}

enum err sql_do(struct engine *e, sqlite3_stmt *s, struct why *why)
{
    int code = sqlite3_step(s);
    enum err err = code == SQLITE_DONE || code == SQLITE_ROW ? ERR_OK : sql_error(e, sqlite3_sql(s), why);

    sqlite3_reset(s);
    return err;
}

enum err sql_run(struct engine *e, enum statement s, struct why *why)
{
    sqlite3_stmt *taken = sql_take(e, s);

    return taken == NULL ? sql_error(e, sql[s], why) : sql_do(e, taken, why);
}

enum err sql_text(sqlite3_stmt *s, int column, struct slice *ret, struct why *why)
{
    const char *text;

    *ret = SLICE("");
    if (sqlite3_column_type(s, column) != SQLITE_TEXT)
        return why_set(why, ERR_STORE, "what is kept has something that is no text: %s", sqlite3_sql(s));
    text = sqlite3_column_blob(s, column); /* not copied to have a zero behind it */
    ret->len = (size_t)sqlite3_column_bytes(s, column);
    if (text == NULL && ret->len > 0)
        return why_set(why, ERR_NOMEM, "no memory to read text: %s", sqlite3_sql(s));
    ret->data = text == NULL ? "" : text;
    return ERR_OK;
}

/* ---- meta ---- */

/* The statement with its row, to be reset; *ret NULL: there is no such name. */
static enum err get_meta(struct engine *e, const char *name, sqlite3_stmt **ret, struct why *why)
{
    sqlite3_stmt *s = sql_take(e, SQL_GET_META);
    int code;

    if (s == NULL)
        return sql_error(e, sql[SQL_GET_META], why);
    sql_bind(s, 1, slice_of(name));
    code = sqlite3_step(s);
    *ret = code == SQLITE_ROW ? s : NULL;
    if (code != SQLITE_ROW)
        sqlite3_reset(s);
    return code == SQLITE_ROW || code == SQLITE_DONE ? ERR_OK : sql_error(e, sql[SQL_GET_META], why);
}

enum err sql_get_number(struct engine *e, const char *name, uint64_t *ret, struct why *why)
{
    sqlite3_stmt *s;
    enum err err = get_meta(e, name, &s, why);

    *ret = 0;
    if (err != ERR_OK || s == NULL)
        return err;
    *ret = (uint64_t)sqlite3_column_int64(s, 0);
    sqlite3_reset(s);
    return ERR_OK;
}

enum err sql_set_number(struct engine *e, const char *name, uint64_t value, struct why *why)
{
    sqlite3_stmt *s = sql_take(e, SQL_SET_META);

    if (s == NULL)
        return sql_error(e, sql[SQL_SET_META], why);
    sql_bind(s, 1, slice_of(name));
    sqlite3_bind_int64(s, 2, (int64_t)value);
    return sql_do(e, s, why);
}

static enum err set_instance(struct engine *e, const char *instance, struct why *why)
{
    sqlite3_stmt *s = sql_take(e, SQL_SET_META);

    if (s == NULL)
        return sql_error(e, sql[SQL_SET_META], why);
    sql_bind(s, 1, SLICE("instance"));
    sql_bind(s, 2, slice_of(instance));
    return sql_do(e, s, why);
}

static enum err get_instance(struct engine *e, char *ret, struct why *why)
{
    sqlite3_stmt *s;
    enum err err = get_meta(e, "instance", &s, why);
    struct slice text;

    ret[0] = '\0';
    if (err != ERR_OK || s == NULL)
        return err;
    if ((err = sql_text(s, 0, &text, why)) == ERR_OK && text.len >= ENGINE_INSTANCE_MAX)
        err = why_set(why, ERR_STORE, "the instance in meta is too long");
    if (err == ERR_OK) {
        memcpy(ret, text.data, text.len);
        ret[text.len] = '\0';
    }
    sqlite3_reset(s);
    return err;
}

static enum err one_number(struct engine *e, enum statement which, uint64_t *ret, struct why *why)
{
    sqlite3_stmt *s = sql_take(e, which);

    if (s == NULL || sqlite3_step(s) != SQLITE_ROW)
        return sql_error(e, sql[which], why);
    *ret = (uint64_t)sqlite3_column_int64(s, 0);
    sqlite3_reset(s);
    return ERR_OK;
}

enum err sql_get_last(struct engine *e, struct engine_facts *f, struct why *why)
{
    sqlite3_stmt *s = sql_take(e, SQL_LAST_LINES);
    uint64_t commits, pool_end, session;
    enum err err;
    int code;

    if ((err = sql_get_number(e, "folded", &f->folded, why)) || (err = sql_get_number(e, "pool_end", &pool_end, why)) ||
        (err = sql_get_number(e, "last_session", &session, why)))
        return err;
    commits = f->folded;
    if (s == NULL || ((code = sqlite3_step(s)) != SQLITE_ROW && code != SQLITE_DONE))
        return sql_error(e, sql[SQL_LAST_LINES], why);
    if (code == SQLITE_ROW) {
        commits = (uint64_t)sqlite3_column_int64(s, 0);
        pool_end = (uint64_t)sqlite3_column_int64(s, 1);
        session = (uint64_t)sqlite3_column_int64(s, 2);
    }
    sqlite3_reset(s);
    if (commits > INT64_MAX || f->folded > commits || pool_end > UINT32_MAX || session > UINT32_MAX)
        return why_set(why, ERR_STORE, "the numbers of the last commit cannot be");
    f->commits = commits;
    f->pool_end = pool_end > 0 ? (uint32_t)pool_end : 1;
    f->last_session = (uint32_t)session;
    return ERR_OK;
}

static enum err get_facts(struct engine *e, struct engine_facts *ret, struct why *why)
{
    uint64_t lossy;
    enum err err;

    *ret = (struct engine_facts){.commits = 0};
    if ((err = get_instance(e, ret->instance, why)) || (err = sql_get_last(e, ret, why)) ||
        (err = one_number(e, SQL_LOG_BYTES, &ret->log_bytes, why)) || (err = one_number(e, SQL_LAST_OBJECT, &ret->objects, why)) ||
        (err = sql_get_number(e, "lossy", &lossy, why)))
        return err;
    ret->lossy = lossy != 0;
    return ERR_OK;
}

/* ---- commits ---- */

static enum err set_synced(struct engine *e, bool synced, struct why *why)
{
    if (e->synced == synced)
        return ERR_OK;
    if (sqlite3_exec(e->db, synced ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", NULL, NULL, NULL) != SQLITE_OK)
        return sql_error(e, "PRAGMA synchronous", why);
    e->synced = synced;
    return ERR_OK;
}

static enum err set_clock(struct engine *e, uint64_t unix_ms, struct why *why)
{
    sqlite3_stmt *s = sql_take(e, SQL_CAP_ANSWERS);

    if (s == NULL)
        return sql_error(e, sql[SQL_CAP_ANSWERS], why);
    sqlite3_bind_int64(s, 1, (int64_t)unix_ms);
    return sql_do(e, s, why);
}

/* It outlives what it speaks of: commits that are not synced. */
static enum err set_lossy(struct engine *e, bool lossy, struct why *why)
{
    enum err err = set_synced(e, true, why);

    return err == ERR_OK ? sql_set_number(e, "lossy", lossy, why) : err;
}

static enum err add_lines(struct engine *e, const struct engine_commit *c, struct slice lines, struct why *why)
{
    sqlite3_stmt *s = sql_take(e, SQL_ADD_LINES);

    if (s == NULL)
        return sql_error(e, sql[SQL_ADD_LINES], why);
    sqlite3_bind_int64(s, 1, (int64_t)c->number);
    sqlite3_bind_int64(s, 2, c->pool_end);
    sqlite3_bind_int64(s, 3, c->last_session);
    sql_bind(s, 4, lines);
    return sql_do(e, s, why);
}

static enum err put_bytes(struct engine *e, const struct redo_bytes *b, struct why *why)
{
    sqlite3_stmt *s = sql_take(e, SQL_PUT_BYTES);

    if (s == NULL)
        return sql_error(e, sql[SQL_PUT_BYTES], why);
    sqlite3_bind_int64(s, 1, (int64_t)b->id);
    sqlite3_bind_blob64(s, 2, b->payload->data, b->payload->len, SQLITE_STATIC);
    return sql_do(e, s, why);
}

static enum err write_commit(struct engine *e, const struct engine_commit *c, struct why *why)
{
    enum err err = sql_run(e, SQL_BEGIN, why);

    for (const struct redo_chunk *l = c->lines; l != NULL && err == ERR_OK; l = l->next)
        err = add_lines(e, c, buf_slice(&l->text), why);
    for (size_t i = 0; i < c->bytes_count && err == ERR_OK; i++)
        err = put_bytes(e, &c->bytes[i], why);
    return err == ERR_OK ? sql_run(e, SQL_COMMIT, why) : err;
}

/* What was not committed is not there; what cannot be undone is not to be believed. */
static enum err undo(struct engine *e, enum err err, struct why *why)
{
    if (!sqlite3_get_autocommit(e->db) && sql_run(e, SQL_ROLLBACK, NULL) != ERR_OK)
        return why_set(why, ERR_STORE, "a transaction that failed could not be rolled back: %s", sqlite3_errmsg(e->db));
    return err == ERR_BUSY ? ERR_STORE : err;
}

static enum err commit(struct engine *e, const struct engine_commit *c, bool sync, struct why *why)
{
    enum err err = set_synced(e, sync, why);

    if (err == ERR_OK)
        err = write_commit(e, c, why);
    return err == ERR_OK ? ERR_OK : undo(e, err, why);
}

static enum err fold(struct engine *e, size_t bytes, const struct engine_rest *rest, bool *ret_more, struct why *why)
{
    enum err err = set_synced(e, false, why);

    *ret_more = false;
    if (err == ERR_OK && (err = sql_run(e, SQL_BEGIN, why)) == ERR_OK && (err = sqlite_fold(e, bytes, rest, ret_more, why)) == ERR_OK)
        err = sql_run(e, SQL_COMMIT, why);
    if (err == ERR_OK)
        return ERR_OK;
    sqlite_fold_fini(e);
    return undo(e, err, why);
}

static enum err tidy(struct engine *e, struct why *why)
{
    if (sqlite3_wal_checkpoint_v2(e->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) == SQLITE_OK)
        return ERR_OK;
    return err_of(sqlite3_errcode(e->db)) == ERR_BUSY ? ERR_OK : sql_error(e, "checkpoint", why); /* somebody reads: later */
}

/* ---- checking ---- */

/* Each answers a sentence a row for what is wrong, or "ok". What is missing is found by whoever puts the heap back; this
 * is what is too much. Bytes are written with their commit, so they may be those of an object that is still in the log. */
static const char *const checks[] = {
    "PRAGMA integrity_check",
    "SELECT 'the blocks of slot ' || slot || ' belong to no object' FROM (SELECT DISTINCT slot FROM blocks) b"
    " WHERE NOT EXISTS (SELECT 1 FROM objects o WHERE o.slot = b.slot AND length(o.value) = 1) LIMIT 100",
    "SELECT 'the bytes of ' || id || ' belong to no object' FROM bytes b WHERE NOT EXISTS (SELECT 1 FROM log) AND NOT EXISTS"
    " (SELECT 1 FROM objects o WHERE o.slot = b.id & 536870911 AND o.turn = b.id >> 29 AND o.value = 'null') LIMIT 100",
};

static size_t check_one(struct engine *e, const char *query, void (*broken)(void *ctx, const char *sentence), void *ctx)
{
    sqlite3_stmt *s;
    size_t count = 0;

    if (sqlite3_prepare_v2(e->db, query, -1, &s, NULL) != SQLITE_OK) {
        broken(ctx, sqlite3_errmsg(e->db));
        return 1;
    }
    while (sqlite3_step(s) == SQLITE_ROW) {
        const char *said = (const char *)sqlite3_column_text(s, 0);

        if (said == NULL || strcmp(said, "ok") == 0)
            continue;
        broken(ctx, said);
        count++;
    }
    if (sqlite3_finalize(s) != SQLITE_OK) {
        broken(ctx, sqlite3_errmsg(e->db));
        count++;
    }
    return count;
}

/* Of a file that is damaged nothing else is believed. */
static size_t check(struct engine *e, void (*broken)(void *ctx, const char *sentence), void *ctx)
{
    size_t count = 0;

    for (size_t i = 0; i < ARRAY_LEN(checks) && (i != 1 || count == 0); i++)
        count += check_one(e, checks[i], broken, ctx);
    return count;
}

/* ---- opening ---- */

static bool is_there(const char *dir, const char *name)
{
    char path[4096];

    return (size_t)snprintf(path, sizeof path, "%s/%s", dir, name) < sizeof path && access(path, F_OK) == 0;
}

/* A directory that was made is there after a loss of power only if the one it stands in was synced. */
static enum err sync_parent(const char *dir, struct why *why)
{
    char path[4096];
    int fd;
    bool well;

    if ((size_t)snprintf(path, sizeof path, "%s/..", dir) >= sizeof path)
        return why_set(why, ERR_STORE, "the path of the data is too long");
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    well = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return well ? ERR_OK : why_set(why, ERR_STORE, "%s cannot be synced: %s", path, strerror(errno));
}

static enum err make_directory(const char *dir, struct why *why)
{
    if (mkdir(dir, 0700) == 0)
        return sync_parent(dir, why);
    return errno == EEXIST ? ERR_OK : why_set(why, ERR_STORE, "%s cannot be made: %s", dir, strerror(errno));
}

/* Whoever only looks makes nothing but the file that says he does. */
static enum err take_directory(struct engine *e, const char *dir, bool read_only, struct why *why)
{
    char path[4096];
    enum err err = read_only ? ERR_OK : make_directory(dir, why);

    if (read_only && !is_there(dir, "heap.db"))
        return why_set(why, ERR_STORE, "there is no store in %s (heap.db: %s)", dir, strerror(errno));
    if (err != ERR_OK)
        return err;
    if ((size_t)snprintf(path, sizeof path, "%s/lock", dir) >= sizeof path)
        return why_set(why, ERR_STORE, "the path of the data is too long");
    e->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (e->lock < 0)
        return why_set(why, ERR_STORE, "%s cannot be opened: %s", path, strerror(errno));
    if (flock(e->lock, LOCK_EX | LOCK_NB) != 0)
        return why_set(why, ERR_BUSY, "%s is in use by another heapd: %s", dir,
                       read_only ? "stop that one first" : "stop that one, or give this one a directory of its own");
    return ERR_OK;
}

static enum err open_database(struct engine *e, const char *dir, bool read_only, struct why *why)
{
    int flags = read_only ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    char path[4096];
    mode_t mask = umask(077);
    int code;

    snprintf(path, sizeof path, "%s/heap.db", dir);
    code = sqlite3_open_v2(path, &e->db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    umask(mask);
    if (e->db == NULL)
        return why_set(why, ERR_NOMEM, "no memory to open %s", path);
    sqlite3_extended_result_codes(e->db, 1);
    return code == SQLITE_OK ? ERR_OK : why_set(why, ERR_STORE, "%s cannot be opened: %s", path, sqlite3_errmsg(e->db));
}

/* SQLite moves what is in the WAL into the database when it closes, and removes it. If there is none yet, this connection makes
 * it, and it may go. */
static void leave_wal(struct engine *e, const char *dir)
{
    sqlite3_db_config(e->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, (int)is_there(dir, "heap.db-wal"), NULL);
}

static enum err set_up(struct engine *e, const char *dir, bool read_only, struct why *why)
{
    char pragmas[256];

    if (read_only)
        leave_wal(e, dir);
    snprintf(pragmas, sizeof pragmas,
             "PRAGMA %s; PRAGMA synchronous = FULL; PRAGMA cache_size = -%d; PRAGMA wal_autocheckpoint = %d;"
             "PRAGMA temp_store = MEMORY; PRAGMA cell_size_check = ON",
             read_only ? "query_only = ON" : "journal_mode = WAL", CACHE_KIB, WAL_PAGES);
    if (sqlite3_exec(e->db, pragmas, NULL, NULL, NULL) != SQLITE_OK)
        return sql_error(e, "the database cannot be used", why);
    e->synced = true;
    return ERR_OK;
}

static enum err user_version(struct engine *e, int *ret, struct why *why)
{
    sqlite3_stmt *s;
    bool well = sqlite3_prepare_v2(e->db, "PRAGMA user_version", -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW;

    *ret = well ? sqlite3_column_int(s, 0) : 0;
    sqlite3_finalize(s);
    return well ? ERR_OK : sql_error(e, "PRAGMA user_version", why);
}

static enum err run_upgrade(struct engine *e, struct why *why)
{
    char set_version[64];

    snprintf(set_version, sizeof set_version, "PRAGMA user_version = %d", e->version + 1);
    if (sqlite3_exec(e->db, upgrades[e->version], NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(e->db, set_version, NULL, NULL, NULL) != SQLITE_OK)
        return sql_error(e, "making the tables", why);
    e->version++;
    return ERR_OK;
}

/* All or nothing, and from the beginning in a database that is empty. */
static enum err upgrade(struct engine *e, struct why *why)
{
    enum err err = sql_run(e, SQL_BEGIN, why);

    while (err == ERR_OK && e->version < SCHEMA_VERSION)
        err = run_upgrade(e, why);
    return err == ERR_OK ? sql_run(e, SQL_COMMIT, why) : undo(e, err, why);
}

static enum err make_schema(struct engine *e, bool read_only, struct why *why)
{
    enum err err = user_version(e, &e->version, why);

    if (err != ERR_OK)
        return err;
    if (read_only && e->version == 0)
        return why_set(why, ERR_STORE, "the database is empty");
    if (e->version < 0 || e->version > SCHEMA_VERSION)
        return why_set(why, ERR_STORE, "the data is of version %d and this heapd knows %d: it was written by a newer one",
                       e->version, SCHEMA_VERSION);
    return e->version == SCHEMA_VERSION || read_only ? ERR_OK : upgrade(e, why);
}

static void close_engine(struct engine **at)
{
    struct engine *e = *at;

    *at = NULL;
    if (e == NULL)
        return;
    CHECK_IS(e, ENGINE_MAGIC);
    sqlite_fold_fini(e);
    for (size_t i = 0; i < STATEMENTS; i++)
        sqlite3_finalize(e->statements[i]);
    CHECK(sqlite3_close(e->db) == SQLITE_OK);
    if (e->lock >= 0)
        close(e->lock);
    e->magic = 0;
    mem_free(e->mem, e, sizeof *e);
}

static enum err open_engine(const char *dir, bool read_only, struct mem *mem, struct engine **ret, struct why *why)
{
    struct engine *e = mem_zalloc(mem, sizeof *e);
    enum err err;

    if (e == NULL)
        return why_set(why, ERR_NOMEM, "no memory to open the data");
    e->magic = ENGINE_MAGIC;
    e->mem = mem;
    e->lock = -1;
    if ((err = take_directory(e, dir, read_only, why)) || (err = open_database(e, dir, read_only, why)) ||
        (err = set_up(e, dir, read_only, why)) || (err = make_schema(e, read_only, why))) {
        close_engine(&e);
        return err;
    }
    if (!read_only)
        sqlite_remove_copies(dir);
    *ret = e;
    return ERR_OK;
}

const struct engine_ops engine_sqlite = {
    .name = "SQLite",
    .open = open_engine,
    .close = close_engine,
    .facts = get_facts,
    .set_instance = set_instance,
    .set_clock = set_clock,
    .set_lossy = set_lossy,
    .rewind = sqlite_rewind,
    .next = sqlite_next,
    .get_bytes = sqlite_get_bytes,
    .commit = commit,
    .fold = fold,
    .tidy = tidy,
    .copy_begin = sqlite_copy_begin,
    .copy_step = sqlite_copy_step,
    .copy_end = sqlite_copy_end,
    .check = check,
};
