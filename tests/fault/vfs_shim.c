/* vfs_shim.c - see vfs_shim.h. */
#include "tests/fault/vfs_shim.h"
#include "heap/base/check.h"
#include "tests/model/dice.h"
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES_MAX 8
#define NAME_MAX_BYTES 4096
#define SHM_REGIONS_MAX 64

struct bytes {
    unsigned char *data;
    size_t len, room;
};

/* A write, or (data NULL) a change of size, that was not synced. */
struct unsynced {
    struct unsynced *next;
    size_t at, len;
    unsigned char *data;
};

/* A name that is empty: nobody. */
struct file {
    char name[NAME_MAX_BYTES];
    bool exists;         /* as the process sees it ... */
    bool survives;       /* ... and as it would be after a cut */
    struct bytes now, synced;
    struct unsynced *first, **last;
};

struct shim_image {
    struct file files[FILES_MAX];
};

/* As SQLite knows an open file. */
struct handle {
    sqlite3_file base;
    struct file *file;
    bool delete_on_close;
    bool sync_directory; /* with its next sync, as SQLite's own VFS does it for journals and WALs that it has made */
};

static struct shim {
    sqlite3_vfs vfs;
    struct file files[FILES_MAX];
    void *shm[SHM_REGIONS_MAX];
    size_t sector_bytes;
    bool tears;
    uint64_t calls, fail_at;
    struct dice dice;
    enum shim_fault fault;
    bool on, failed, cut;
} shim;

static uint32_t roll(uint32_t n)
{
    return dice_below(&shim.dice, n);
}

/* ---- bytes ---- */

static void resize(struct bytes *b, size_t len)
{
    if (len >= b->room) {
        b->room = len + len / 2 + 1; /* data is never NULL */
        b->data = realloc(b->data, b->room);
        CHECK(b->data != NULL);
    }
    if (len > b->len)
        memset(b->data + b->len, 0, len - b->len);
    b->len = len;
}

static void put(struct bytes *b, size_t at, const void *data, size_t len)
{
    if (at + len > b->len)
        resize(b, at + len);
    memcpy(b->data + at, data, len);
}

static void assign(struct bytes *to, const struct bytes *from)
{
    resize(to, from->len);
    if (from->len > 0)
        memcpy(to->data, from->data, from->len);
}

static void bytes_free(struct bytes *b)
{
    free(b->data);
    *b = (struct bytes){.len = 0};
}

/* ---- what was not synced ---- */

static void remember(struct file *f, size_t at, const void *data, size_t len)
{
    struct unsynced *u = calloc(1, sizeof *u);

    CHECK(u != NULL);
    *u = (struct unsynced){.at = at, .len = len};
    if (data != NULL) {
        u->data = malloc(len + 1);
        CHECK(u->data != NULL);
        memcpy(u->data, data, len);
    }
    *f->last = u;
    f->last = &u->next;
}

static void forget_unsynced(struct file *f)
{
    for (struct unsynced *next, *u = f->first; u != NULL; u = next) {
        next = u->next;
        free(u->data);
        free(u);
    }
    f->first = NULL;
    f->last = &f->first;
}

static void empty_file(struct file *f)
{
    bytes_free(&f->now);
    bytes_free(&f->synced);
    if (f->last != NULL)
        forget_unsynced(f);
    *f = (struct file){.last = &f->first};
}

/* What was written since is there. */
static void synced(struct file *f)
{
    for (const struct unsynced *u = f->first; u != NULL; u = u->next) {
        if (u->data != NULL)
            put(&f->synced, u->at, u->data, u->len);
        else
            resize(&f->synced, u->at);
    }
    forget_unsynced(f);
}

/* What has been made stays, what has been deleted is gone. */
static void sync_directory(void)
{
    for (size_t i = 0; i < FILES_MAX; i++) {
        shim.files[i].survives = shim.files[i].exists;
        if (!shim.files[i].exists)
            empty_file(&shim.files[i]);
    }
}

/* The sectors of a write that survive, each by the dice. */
static void apply_some(struct bytes *b, const struct unsynced *u, uint32_t of_ten)
{
    for (size_t at = u->at, end = u->at + u->len; at < end;) {
        size_t next = (at / shim.sector_bytes + 1) * shim.sector_bytes;
        size_t len = (next < end ? next : end) - at;

        if (roll(10) < of_ten)
            put(b, at, u->data + (at - u->at), len);
        at += len;
    }
}

/* What the disk has of a file after a cut. Of what was not synced all, nothing, or some survives. */
static void lose(struct file *f)
{
    static const uint32_t survive[] = {0, 1, 5, 9, 10};
    uint32_t of_ten = survive[roll(5)];
    size_t size = f->now.len;

    for (const struct unsynced *u = f->first; u != NULL; u = u->next) {
        if (u->data != NULL)
            apply_some(&f->synced, u, of_ten);
        else if (roll(10) < of_ten)
            resize(&f->synced, u->at);
    }
    if (of_ten > 0 && f->first != NULL && roll(3) == 0)
        resize(&f->synced, size); /* the size had reached the disk */
    if (f->survives != f->exists)
        f->survives = roll(2) == 0;
    if (!f->survives) {
        empty_file(f);
        return;
    }
    f->exists = true;
    assign(&f->now, &f->synced);
    forget_unsynced(f);
}

static void drop_shm(void)
{
    for (size_t i = 0; i < SHM_REGIONS_MAX; i++) {
        free(shim.shm[i]);
        shim.shm[i] = NULL;
    }
}

void shim_restart(void)
{
    CHECK(shim.cut);
    drop_shm();
    for (size_t i = 0; i < FILES_MAX; i++)
        if (shim.files[i].name[0] != '\0')
            lose(&shim.files[i]);
    shim.cut = shim.failed = false;
    shim.fail_at = 0;
}

void shim_keep_all(void)
{
    CHECK(shim.cut);
    drop_shm();
    for (size_t i = 0; i < FILES_MAX; i++)
        if (shim.files[i].exists)
            synced(&shim.files[i]);
    sync_directory();
    shim.cut = shim.failed = false;
    shim.fail_at = 0;
}

/* ---- faults ---- */

/* One call more; true: it is to fail. */
static bool fails_as(bool is_write)
{
    shim.calls++;
    if (shim.cut)
        return true;
    if (shim.fault == SHIM_NO_ROOM && !is_write)
        return false;
    if (shim.fail_at == 0 || shim.calls < shim.fail_at || (shim.calls > shim.fail_at && !shim.on))
        return false;
    shim.failed = true;
    shim.cut = shim.fault == SHIM_CUT;
    return true;
}

static bool fails(void)
{
    return fails_as(false);
}

void shim_fail(uint64_t nth, enum shim_fault fault, bool on, uint64_t seed)
{
    shim.fail_at = shim.calls + nth;
    shim.fault = fault;
    shim.on = on;
    shim.dice = dice_of_seed(seed);
    shim.failed = false;
}

bool shim_heal(void)
{
    shim.fail_at = 0;
    return shim.failed;
}

void shim_cut(uint64_t seed)
{
    shim.cut = true;
    shim.dice = dice_of_seed(seed);
}

bool shim_is_cut(void)
{
    return shim.cut;
}

uint64_t shim_calls(void)
{
    return shim.calls;
}

/* ---- files by name ---- */

static struct file *find(const char *name)
{
    for (size_t i = 0; i < FILES_MAX; i++)
        if (shim.files[i].name[0] != '\0' && strcmp(shim.files[i].name, name) == 0)
            return &shim.files[i];
    return NULL;
}

static struct file *make(const char *name)
{
    for (size_t i = 0; i < FILES_MAX; i++)
        if (shim.files[i].name[0] == '\0') {
            empty_file(&shim.files[i]);
            CHECK((size_t)snprintf(shim.files[i].name, NAME_MAX_BYTES, "%s", name) < NAME_MAX_BYTES);
            return &shim.files[i];
        }
    UNREACHABLE();
}

static struct file *with_suffix(const char *suffix)
{
    for (size_t i = 0; i < FILES_MAX; i++) {
        size_t len = strlen(shim.files[i].name), tail = strlen(suffix);

        if (shim.files[i].exists && len >= tail && strcmp(shim.files[i].name + len - tail, suffix) == 0)
            return &shim.files[i];
    }
    return NULL;
}

unsigned char *shim_file(const char *suffix, size_t *ret_len)
{
    struct file *f = with_suffix(suffix);

    *ret_len = f == NULL ? 0 : f->now.len;
    return f == NULL ? NULL : f->now.data;
}

void shim_resize(const char *suffix, size_t len)
{
    struct file *f = with_suffix(suffix);

    CHECK(f != NULL);
    resize(&f->now, len);
    assign(&f->synced, &f->now);
    forget_unsynced(f);
}

static void copy_files(struct file *to, const struct file *from)
{
    for (size_t i = 0; i < FILES_MAX; i++) {
        empty_file(&to[i]);
        if (!from[i].exists)
            continue;
        memcpy(to[i].name, from[i].name, NAME_MAX_BYTES);
        to[i].exists = to[i].survives = true;
        assign(&to[i].now, &from[i].now);
        assign(&to[i].synced, &from[i].now);
    }
}

struct shim_image *shim_copy(void)
{
    struct shim_image *image = calloc(1, sizeof *image);

    CHECK(image != NULL);
    copy_files(image->files, shim.files);
    return image;
}

void shim_put(const struct shim_image *image)
{
    drop_shm();
    copy_files(shim.files, image->files);
}

void shim_image_free(struct shim_image **image)
{
    for (size_t i = 0; *image != NULL && i < FILES_MAX; i++)
        empty_file(&(*image)->files[i]);
    free(*image);
    *image = NULL;
}

void shim_format(size_t sector_bytes, bool tears)
{
    drop_shm();
    for (size_t i = 0; i < FILES_MAX; i++)
        empty_file(&shim.files[i]);
    shim.sector_bytes = sector_bytes;
    shim.tears = tears;
    shim.calls = shim.fail_at = 0;
    shim.cut = shim.failed = false;
}

/* ---- what SQLite calls: files ---- */

static struct handle *handle_of(sqlite3_file *file)
{
    struct handle *h = (struct handle *)file;

    CHECK(h->file != NULL && h->file->name[0] != '\0');
    return h;
}

static int close_file(sqlite3_file *file)
{
    struct handle *h = handle_of(file);

    if (h->delete_on_close && !shim.cut)
        empty_file(h->file);
    h->file = NULL;
    return SQLITE_OK;
}

static int read_file(sqlite3_file *file, void *to, int amount, sqlite3_int64 at)
{
    const struct bytes *b = &handle_of(file)->file->now;
    size_t len = (size_t)amount, from = (size_t)at, there = from >= b->len ? 0 : b->len - from;

    if (fails())
        return SQLITE_IOERR_READ;
    if (there > len)
        there = len;
    memset(to, 0, len);
    if (there > 0)
        memcpy(to, b->data + from, there);
    return there == len ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static void write_to(struct file *f, const void *data, size_t len, size_t at)
{
    if (len == 0)
        return;
    put(&f->now, at, data, len);
    remember(f, at, data, len);
}

static int write_file(sqlite3_file *file, const void *data, int amount, sqlite3_int64 at)
{
    struct file *f = handle_of(file)->file;
    bool was_cut = shim.cut;

    if (!fails_as(true)) {
        write_to(f, data, (size_t)amount, (size_t)at);
        return SQLITE_OK;
    }
    if (!was_cut)
        write_to(f, data, roll((uint32_t)amount + 1), (size_t)at);
    return (shim.fault == SHIM_FULL || shim.fault == SHIM_NO_ROOM) && !shim.cut ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int truncate_file(sqlite3_file *file, sqlite3_int64 size)
{
    struct file *f = handle_of(file)->file;

    if (fails())
        return SQLITE_IOERR_TRUNCATE;
    resize(&f->now, (size_t)size);
    remember(f, (size_t)size, NULL, 0);
    return SQLITE_OK;
}

static int sync_file(sqlite3_file *file, int flags)
{
    struct file *f = handle_of(file)->file;
    bool was_cut = shim.cut;

    (void)flags;
    if (!fails()) {
        synced(f);
        if (handle_of(file)->sync_directory)
            sync_directory();
        handle_of(file)->sync_directory = false;
        return SQLITE_OK;
    }
    if (!was_cut && roll(3) == 0) /* it was done, and nobody heard of it */
        synced(f);
    return SQLITE_IOERR_FSYNC;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *ret)
{
    *ret = (sqlite3_int64)handle_of(file)->file->now.len;
    return fails() ? SQLITE_IOERR_FSTAT : SQLITE_OK;
}

static int lock_file(sqlite3_file *file, int level)
{
    (void)file;
    (void)level;
    return SQLITE_OK;
}

static int is_reserved(sqlite3_file *file, int *ret)
{
    (void)file;
    *ret = 0;
    return SQLITE_OK;
}

static int control(sqlite3_file *file, int op, void *arg)
{
    (void)file;
    (void)op;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static int sector_size(sqlite3_file *file)
{
    (void)file;
    return (int)shim.sector_bytes;
}

static int characteristics(sqlite3_file *file)
{
    (void)file;
    return shim.tears ? 0 : SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

/* ---- shared memory: of one process that is no more than memory ---- */

static int shm_map(sqlite3_file *file, int region, int bytes, int extend, void volatile **ret)
{
    (void)file;
    CHECK(region < SHM_REGIONS_MAX);
    *ret = NULL;
    if (fails())
        return SQLITE_IOERR_SHMMAP;
    if (shim.shm[region] == NULL && extend != 0) {
        shim.shm[region] = calloc(1, (size_t)bytes);
        CHECK(shim.shm[region] != NULL);
    }
    *ret = shim.shm[region];
    return SQLITE_OK;
}

static int shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    (void)file;
    (void)offset;
    (void)n;
    (void)flags;
    return SQLITE_OK;
}

static void shm_barrier(sqlite3_file *file)
{
    (void)file;
}

static int shm_unmap(sqlite3_file *file, int delete)
{
    (void)file;
    (void)delete;
    drop_shm(); /* it was the only connection */
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = sync_file,
    .xFileSize = file_size,
    .xLock = lock_file,
    .xUnlock = lock_file,
    .xCheckReservedLock = is_reserved,
    .xFileControl = control,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = characteristics,
    .xShmMap = shm_map,
    .xShmLock = shm_lock,
    .xShmBarrier = shm_barrier,
    .xShmUnmap = shm_unmap,
};

/* ---- what SQLite calls: the directory ---- */

static int open_file(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *ret_flags)
{
    struct handle *h = (struct handle *)file;
    struct file *f = find(name != NULL ? name : "temporary");

    (void)vfs;
    *h = (struct handle){.delete_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0};
    if (fails() || ((f == NULL || !f->exists) && (flags & SQLITE_OPEN_CREATE) == 0))
        return SQLITE_CANTOPEN;
    if (f == NULL)
        f = make(name != NULL ? name : "temporary");
    if (!f->exists) { /* another of that name: what was deleted does not come back into it */
        f->survives = false;
        resize(&f->synced, 0);
        h->sync_directory = (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL)) != 0;
    }
    f->exists = true;
    h->file = f;
    h->base.pMethods = &methods;
    if (ret_flags != NULL)
        *ret_flags = flags;
    return SQLITE_OK;
}

static int delete_file(sqlite3_vfs *vfs, const char *name, int is_synced)
{
    struct file *f = find(name);

    (void)vfs;
    if (fails())
        return SQLITE_IOERR_DELETE;
    if (f == NULL || !f->exists)
        return SQLITE_IOERR_DELETE_NOENT;
    f->exists = false; /* until the directory is synced it may come back */
    resize(&f->now, 0);
    forget_unsynced(f);
    if (is_synced != 0)
        sync_directory();
    return SQLITE_OK;
}

static int access_file(sqlite3_vfs *vfs, const char *name, int flags, int *ret)
{
    const struct file *f = find(name);

    (void)vfs;
    (void)flags;
    *ret = f != NULL && f->exists;
    return fails() ? SQLITE_IOERR_ACCESS : SQLITE_OK;
}

static int full_name(sqlite3_vfs *vfs, const char *name, int room, char *ret)
{
    (void)vfs;
    return snprintf(ret, (size_t)room, "%s", name) < room ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int randomness(sqlite3_vfs *vfs, int len, char *ret)
{
    (void)vfs;
    for (int i = 0; i < len; i++)
        ret[i] = (char)(i * 37 + 11); /* the same each time: so a seed plays the same again */
    return len;
}

static int sleep_us(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    return us;
}

static int now_ms(sqlite3_vfs *vfs, sqlite3_int64 *ret)
{
    (void)vfs;
    *ret = INT64_C(212000000000000);
    return SQLITE_OK;
}

void shim_install(void)
{
    shim.vfs = (sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = sizeof(struct handle),
        .mxPathname = NAME_MAX_BYTES - 1,
        .zName = "shim",
        .xOpen = open_file,
        .xDelete = delete_file,
        .xAccess = access_file,
        .xFullPathname = full_name,
        .xRandomness = randomness,
        .xSleep = sleep_us,
        .xCurrentTimeInt64 = now_ms,
    };
    for (size_t i = 0; i < FILES_MAX; i++)
        shim.files[i].last = &shim.files[i].first;
    CHECK(sqlite3_vfs_register(&shim.vfs, 1) == SQLITE_OK);
}
