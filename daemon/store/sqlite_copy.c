/*
 * sqlite_copy.c - a copy of the database, made while it is used (engine.h).
 *
 * Two connections of its own. One reads, in a transaction that begins with the copy and ends with it, so that it sees the
 * database as it was then, whatever is committed meanwhile; the WAL is not begun again for as long. The other writes
 * DIR/backup.tmp, without journal or sync: a copy that is not finished is nothing. When it is finished it is opened for
 * reading and its name goes, so it is gone when nobody reads it any more; what a crash leaves of it goes at the next start.
 *
 * The copy is another life of the same ids, so it has no instance: whoever starts on it gets a new one.
 */
#include "daemon/store/sqlite_impl.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define COPY_MAGIC 0x5c090001u
#define COPY_PAGES 256 /* 1 MiB a step */
#define PATH_BYTES 4096

struct engine_copy {
    uint32_t magic;
    struct mem *mem;
    sqlite3 *from, *to;
    sqlite3_backup *backup;
    char path[PATH_BYTES]; /* empty: it has no name any more */
};

static void make_path(char *path, const char *dir, const char *suffix)
{
    CHECK((size_t)snprintf(path, PATH_BYTES, "%s/backup.tmp%s", dir, suffix) < PATH_BYTES); /* as long as that of the lock */
}

void sqlite_remove_copies(const char *dir)
{
    static const char *const suffixes[] = {"", "-journal", "-wal", "-shm"};
    char path[PATH_BYTES];

    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        make_path(path, dir, suffixes[i]);
        (void)unlink(path);
    }
}

/* ---- what can go wrong ---- */

/* A quota and a limit of the process are as good as a full disk, but SQLite takes them for errors of it. Of copying in steps it
 * does not keep the number, so this asks right after. */
static bool is_full(int code)
{
    return (code & 0xff) == SQLITE_FULL || (code == SQLITE_IOERR_WRITE && (errno == EDQUOT || errno == EFBIG));
}

static enum err copy_error(int code, const char *doing, struct why *why)
{
    enum err e = ERR_STORE;

    if (is_full(code))
        e = ERR_DISK_FULL;
    else if ((code & 0xff) == SQLITE_NOMEM)
        e = ERR_NOMEM;
    return why_set(why, e, "a copy of the data cannot be made: %s: %s", doing,
                   e == ERR_DISK_FULL ? "there is no room for it in the directory of the data" : sqlite3_errstr(code));
}

static enum err system_error(const struct engine_copy *c, struct why *why)
{
    enum err e = errno == ENOSPC || errno == EDQUOT ? ERR_DISK_FULL : ERR_STORE;

    return why_set(why, e, "a copy of the data cannot be made: %s: %s", c->path, strerror(errno));
}

static enum err run(sqlite3 *db, const char *sql, struct why *why)
{
    int code = sqlite3_exec(db, sql, NULL, NULL, NULL);

    return code == SQLITE_OK ? ERR_OK : copy_error(code, sql, why);
}

/* ---- beginning ---- */

static enum err open_one(const char *path, int flags, sqlite3 **ret, struct why *why)
{
    int code = sqlite3_open_v2(path, ret, flags | SQLITE_OPEN_NOMUTEX, NULL);

    if (*ret == NULL)
        return why_set(why, ERR_NOMEM, "no memory to make a copy of the data");
    sqlite3_extended_result_codes(*ret, 1);
    return code == SQLITE_OK ? ERR_OK : copy_error(code, path, why);
}

/* From here on it sees what is committed now. */
static enum err open_from(struct engine_copy *c, const char *dir, struct why *why)
{
    char path[PATH_BYTES];
    enum err e;

    CHECK((size_t)snprintf(path, sizeof path, "%s/heap.db", dir) < sizeof path);
    if ((e = open_one(path, SQLITE_OPEN_READONLY, &c->from, why)) != ERR_OK)
        return e;
    return run(c->from, "BEGIN; SELECT 1 FROM meta", why);
}

/* Empty, and for nobody else to read from the first byte on. */
static enum err open_to(struct engine_copy *c, struct why *why)
{
    int fd = open(c->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    enum err e;

    if (fd < 0)
        return system_error(c, why);
    close(fd);
    if ((e = open_one(c->path, SQLITE_OPEN_READWRITE, &c->to, why)) != ERR_OK)
        return e;
    return run(c->to, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", why);
}

static enum err begin(struct engine_copy *c, const char *dir, struct why *why)
{
    enum err e;

    sqlite_remove_copies(dir);
    if ((e = open_from(c, dir, why)) || (e = open_to(c, why)))
        return e;
    c->backup = sqlite3_backup_init(c->to, "main", c->from, "main");
    return c->backup != NULL ? ERR_OK : copy_error(sqlite3_extended_errcode(c->to), "beginning", why);
}

enum err sqlite_copy_begin(const char *dir, struct mem *mem, struct engine_copy **ret, struct why *why)
{
    struct engine_copy *c = mem_zalloc(mem, sizeof *c);
    enum err e;

    if (c == NULL)
        return why_set(why, ERR_NOMEM, "no memory to make a copy of the data");
    c->magic = COPY_MAGIC;
    c->mem = mem;
    make_path(c->path, dir, "");
    if ((e = begin(c, dir, why)) == ERR_OK)
        *ret = c;
    else
        sqlite_copy_end(&c);
    return e;
}

/* ---- steps ---- */

static void close_both(struct engine_copy *c)
{
    if (c->backup != NULL)
        (void)sqlite3_backup_finish(c->backup);
    c->backup = NULL;
    CHECK(sqlite3_close(c->to) == SQLITE_OK && sqlite3_close(c->from) == SQLITE_OK); /* NULL is fine */
    c->to = c->from = NULL;
}

/* Out of WAL, so that it is one file; and not the same life any more. */
static enum err finish(struct engine_copy *c, struct why *why)
{
    int code = sqlite3_backup_finish(c->backup);

    c->backup = NULL;
    if (code != SQLITE_OK)
        return copy_error(code, "finishing it", why);
    return run(c->to,
               "PRAGMA journal_mode = DELETE; DELETE FROM meta WHERE name = 'instance'; UPDATE meta SET value = 0 WHERE name = 'lossy'",
               why);
}

static enum err take_file(struct engine_copy *c, int *ret_fd, struct why *why)
{
    close_both(c);
    *ret_fd = open(c->path, O_RDONLY | O_CLOEXEC);
    if (*ret_fd < 0)
        return system_error(c, why);
    (void)unlink(c->path);
    c->path[0] = '\0'; /* which may be another's now */
    return ERR_OK;
}

enum err sqlite_copy_step(struct engine_copy *c, int *ret_fd, struct why *why)
{
    int code;
    enum err e;

    CHECK_IS(c, COPY_MAGIC);
    *ret_fd = -1;
    code = sqlite3_backup_step(c->backup, COPY_PAGES);
    if (code == SQLITE_OK)
        return ERR_OK;
    if (code != SQLITE_DONE)
        return copy_error(code, "copying", why);
    e = finish(c, why);
    return e == ERR_OK ? take_file(c, ret_fd, why) : e;
}

void sqlite_copy_end(struct engine_copy **at)
{
    struct engine_copy *c = *at;

    *at = NULL;
    if (c == NULL)
        return;
    CHECK_IS(c, COPY_MAGIC);
    close_both(c);
    if (c->path[0] != '\0')
        (void)unlink(c->path);
    c->magic = 0;
    mem_free(c->mem, c, sizeof *c);
}
