/* restore.c - see restore.h. */
#include "daemon/restore.h"
#include "daemon/progress.h"
#include "daemon/say.h"
#include "daemon/store/store.h"
#include "daemon/verify.h"
#include "heap/base/check.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES  4096
#define PIECE_BYTES (1u << 20)

static const char database_begins[] = "SQLite format 3";

struct restore {
    const char *file, *dir;
    char part[PATH_BYTES];      /* DIR/restore.part ... */
    char unfinished[PATH_BYTES]; /* ... /heap.db */
    char final[PATH_BYTES];     /* DIR/heap.db */
    bool made_dir;
    int from, lock;             /* -1: not open */
};

static bool refuse(const char *what, const char *sentence)
{
    say(SAY_ERROR, "%s: %s", what, sentence);
    return false;
}

static bool refuse_errno(const char *what)
{
    return refuse(what, strerror(errno));
}

static bool join(char *path, const char *dir, const char *name)
{
    return (size_t)snprintf(path, PATH_BYTES, "%s/%s", dir, name) < PATH_BYTES;
}

/* ---- is it a backup? ---- */

static bool open_file(struct restore *r)
{
    char first[sizeof database_begins];

    r->from = open(r->file, O_RDONLY | O_CLOEXEC);
    if (r->from < 0)
        return refuse_errno(r->file);
    if (pread(r->from, first, sizeof first, 0) != sizeof first || memcmp(first, database_begins, sizeof first) != 0)
        return refuse(r->file, "this is no backup of a heapd: it does not begin as a SQLite database does");
    return true;
}

/* ---- is it empty? ---- */

/* What says nothing: a lock, what a restore that was killed left, and what file systems make. */
static bool may_be_there(const char *name)
{
    static const char *const names[] = {".", "..", "lock", "restore.part", "lost+found"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static bool is_empty(const struct restore *r)
{
    DIR *dir = opendir(r->dir);
    const struct dirent *entry;
    bool empty = true;

    if (dir == NULL)
        return refuse_errno(r->dir);
    while (empty && (entry = readdir(dir)) != NULL)
        empty = may_be_there(entry->d_name);
    closedir(dir);
    if (!empty)
        say(SAY_ERROR,
                 "%s is not empty: name a new directory or an empty one. To go back to a backup in place, stop heapd, move what "
                 "is in the directory somewhere else, and restore then",
                 r->dir);
    return empty;
}

static bool lock_directory(struct restore *r)
{
    char path[PATH_BYTES];

    if (!join(path, r->dir, "lock"))
        return refuse(r->dir, "the path is too long");
    r->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (r->lock < 0)
        return refuse_errno(path);
    if (flock(r->lock, LOCK_EX | LOCK_NB) == 0)
        return true;
    close(r->lock);
    r->lock = -1; /* what is in there is somebody else's */
    return refuse(r->dir, "it is in use by another heapd");
}

static bool take_directory(struct restore *r)
{
    if (!join(r->part, r->dir, "restore.part") || !join(r->unfinished, r->part, "heap.db") || !join(r->final, r->dir, "heap.db"))
        return refuse(r->dir, "the path is too long");
    r->made_dir = mkdir(r->dir, 0700) == 0;
    if (!r->made_dir && errno != EEXIST)
        return refuse_errno(r->dir);
    return is_empty(r) && lock_directory(r);
}

/* ---- the copy ---- */

static void remove_part(const struct restore *r)
{
    static const char *const names[] = {"heap.db", "heap.db-wal", "heap.db-shm", "lock"};
    char path[PATH_BYTES + 16];

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/%s", r->part, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(r->part);
}

static bool write_all(int to, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(to, data, len);

        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    return true;
}

static bool copy_pieces(const struct restore *r, int to, char *piece, struct progress *p)
{
    struct stat about;
    uint64_t done = 0;
    ssize_t n;

    if (fstat(r->from, &about) != 0)
        return refuse_errno(r->file);
    while ((n = read(r->from, piece, PIECE_BYTES)) > 0) {
        if (!write_all(to, piece, (size_t)n))
            return refuse_errno(r->unfinished);
        progress_at(p, done += (uint64_t)n, (uint64_t)about.st_size);
    }
    if (n < 0)
        return refuse_errno(r->file);
    return fsync(to) == 0 || refuse_errno(r->unfinished);
}

static bool copy_into(const struct restore *r, int to)
{
    char *piece = malloc(PIECE_BYTES);
    struct progress p;
    bool well;

    if (piece == NULL)
        return refuse(r->file, "there is not enough memory");
    progress_begin(&p, "copying");
    well = copy_pieces(r, to, piece, &p);
    progress_end(&p);
    free(piece);
    return well;
}

static bool copy(const struct restore *r)
{
    bool well;
    int to;

    remove_part(r);
    if (mkdir(r->part, 0700) != 0)
        return refuse_errno(r->part);
    to = open(r->unfinished, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0)
        return refuse_errno(r->unfinished);
    well = copy_into(r, to);
    return close(to) == 0 ? well : refuse_errno(r->unfinished);
}

/* ---- from a copy to a store ---- */

/* A backup has none; a heap.db that was copied has. */
static bool forget_instance(const struct restore *r)
{
    struct why why = {0};
    struct store *s = NULL;
    bool well = store_open(&engine_sqlite, r->part, false, &s, &why) == ERR_OK && store_set_instance(s, "", &why) == ERR_OK;

    store_destroy(&s); /* and all of it is in the one file */
    return well || refuse(r->file, why.text);
}

static bool sync_directory(const struct restore *r)
{
    int fd = open(r->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool well = fd >= 0 && fsync(fd) == 0;

    if (!well)
        refuse_errno(r->dir);
    if (fd >= 0)
        close(fd);
    return well;
}

static bool publish(const struct restore *r)
{
    if (rename(r->unfinished, r->final) != 0)
        return refuse_errno(r->final);
    return sync_directory(r);
}

/* ---- all of it ---- */

static void end(const struct restore *r, bool well)
{
    char path[PATH_BYTES];

    if (r->lock >= 0)
        remove_part(r);
    if (!well && r->made_dir && join(path, r->dir, "lock")) {
        (void)unlink(path);
        (void)rmdir(r->dir);
    }
    if (r->lock >= 0)
        close(r->lock);
    if (r->from >= 0)
        close(r->from);
}

int restore_store(const char *file, const char *dir)
{
    struct restore r = {.file = file, .dir = dir, .from = -1, .lock = -1};
    bool well = open_file(&r) && take_directory(&r) && copy(&r) && verify_store(r.part, file) == EXIT_SUCCESS &&
                forget_instance(&r) && publish(&r);

    end(&r, well);
    if (well)
        printf("%s: restored: start heapd with --data %s\n", dir, dir);
    return well ? EXIT_SUCCESS : EXIT_FAILURE;
}
