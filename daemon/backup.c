/*
 * backup.c - see backup.h.
 *
 * Another thread touches the backup between run_aside() and on_done(), the loop's at all other times.
 */
#include "daemon/backup.h"
#include "heap/base/check.h"
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKUP_MAGIC 0xbac40001u
#define PIECE_BYTES  (256u << 10)

enum backup_state { BACKUP_WAIT, BACKUP_COPY, BACKUP_READ, BACKUP_SPENT };

struct backup {
    uint32_t magic;
    struct backups *all;
    enum backup_state state;
    uint64_t commit;        /* WAIT: until this one is on disk */
    struct aside aside;
    bool under_way;         /* it is another thread's now */
    bool unwanted;          /* it was ended meanwhile */
    struct mem mem;         /* of the copy, on the other thread */
    struct engine_copy *copy;
    int fd;                 /* of the copy, once it is whole; -1: not yet */
    uint64_t bytes, read;   /* how long it is, and what of it has been read */
    size_t piece_len;       /* what of it is in `piece`, and not handed out */
    enum err err;
    struct why why;
    char piece[PIECE_BYTES];
};

static struct backup *backup_of(struct aside *aside)
{
    struct backup *b = (struct backup *)(void *)((char *)aside - offsetof(struct backup, aside));

    CHECK_IS(b, BACKUP_MAGIC);
    return b;
}

/* ---- on the other thread ---- */

static enum err measure(struct backup *b)
{
    struct stat about;

    if (fstat(b->fd, &about) != 0)
        return why_set(&b->why, ERR_STORE, "the copy cannot be read: %s", strerror(errno));
    b->bytes = (uint64_t)about.st_size;
    return ERR_OK;
}

static void copy_some(struct aside *aside)
{
    struct backup *b = backup_of(aside);
    const struct engine_ops *ops = b->all->ops;

    if (b->copy == NULL)
        b->err = ops->copy_begin(b->all->dir, &b->mem, &b->copy, &b->why);
    else
        b->err = ops->copy_step(b->copy, &b->fd, &b->why);
    if (b->err == ERR_OK && b->fd >= 0)
        b->err = measure(b);
}

static void read_some(struct aside *aside)
{
    struct backup *b = backup_of(aside);
    ssize_t n = pread(b->fd, b->piece, sizeof b->piece, (off_t)b->read);

    if (n > 0) {
        b->piece_len = (size_t)n;
        b->read += (size_t)n;
    } else if (n == 0 || errno != EINTR) {
        b->err = why_set(&b->why, ERR_STORE, "the copy cannot be read: %s", n == 0 ? "it is too short" : strerror(errno));
    }
}

/* The last of a large file takes a while. */
static void give_back(struct aside *aside)
{
    struct backup *b = backup_of(aside);

    b->all->ops->copy_end(&b->copy);
    if (b->fd >= 0)
        close(b->fd);
    b->fd = -1;
}

/* ---- on the loop's ---- */

static void on_done(struct aside *aside);

static void run_aside(struct backup *b, void (*run)(struct aside *))
{
    CHECK(!b->under_way);
    b->under_way = true;
    b->aside = (struct aside){.run = run, .done = on_done};
    asides_add(b->all->asides, &b->aside);
}

/* The next may begin. */
static void leave(struct backup *b)
{
    if (b->all->one == b)
        b->all->one = NULL;
}

/* Whoever has had the last byte may ask again at once. A copy that was not finished still has its name, which the next would
 * have too. */
static void spend(struct backup *b)
{
    if (b->fd >= 0)
        leave(b);
    b->state = BACKUP_SPENT;
    run_aside(b, give_back);
}

static void destroy(struct backup *b)
{
    struct mem *mem = b->all->mem;

    CHECK(b->copy == NULL && b->fd < 0);
    mem_fini(&b->mem);
    b->magic = 0;
    mem_free(mem, b, sizeof *b);
}

static void on_done(struct aside *aside)
{
    struct backup *b = backup_of(aside);

    b->under_way = false;
    if (b->state == BACKUP_SPENT) {
        leave(b);
        destroy(b);
    } else if (b->unwanted) {
        spend(b);
    }
}

/* While the disk is full it is waited for in vain: that is said instead. */
static enum err step_wait(struct backup *b, enum task_turn *ret_turn, struct why *why)
{
    enum err e;

    *ret_turn = TASK_WAIT;
    if (keeper_has(b->all->keeper, b->commit)) {
        b->state = BACKUP_COPY;
        run_aside(b, copy_some);
        return ERR_OK;
    }
    return (e = keeper_admits(b->all->keeper, why)) != ERR_OK ? e : ERR_OK;
}

static void step_copy(struct backup *b, enum task_turn *ret_turn)
{
    *ret_turn = TASK_WAIT;
    if (b->fd >= 0)
        b->state = BACKUP_READ;
    run_aside(b, b->state == BACKUP_READ ? read_some : copy_some);
}

static enum err step_read(struct backup *b, struct buf *to, enum task_turn *ret_turn, struct why *why)
{
    bool added = buf_add(to, b->piece, b->piece_len);

    b->piece_len = 0;
    *ret_turn = b->read == b->bytes ? TASK_DONE : TASK_MORE;
    if (b->read < b->bytes)
        run_aside(b, read_some); /* while this piece is sent */
    return added ? ERR_OK : why_set(why, ERR_NOMEM, "no memory to send a backup");
}

enum err backup_step(struct backup *b, struct buf *to, uint64_t *ret_bytes, enum task_turn *ret_turn, struct why *why)
{
    CHECK_IS(b, BACKUP_MAGIC);
    *ret_bytes = b->state == BACKUP_READ ? b->bytes : 0;
    *ret_turn = TASK_WAIT;
    if (b->under_way)
        return ERR_OK;
    if (b->err != ERR_OK) {
        *why = b->why;
        return b->err;
    }
    if (b->state == BACKUP_WAIT)
        return step_wait(b, ret_turn, why);
    if (b->state == BACKUP_READ)
        return step_read(b, to, ret_turn, why);
    step_copy(b, ret_turn);
    return ERR_OK;
}

enum err backup_begin(struct backups *all, struct backup **ret, struct why *why)
{
    struct backup *b;

    if (all->one != NULL)
        return why_set(why, ERR_BUSY, "a backup is being made already: ask again when it is over");
    if ((b = mem_zalloc(all->mem, sizeof *b)) == NULL)
        return why_set(why, ERR_NOMEM, "no memory for a backup");
    b->magic = BACKUP_MAGIC;
    b->all = all;
    b->fd = -1;
    mem_init(&b->mem, 0);
    b->commit = keeper_hurry(all->keeper);
    all->one = b;
    *ret = b;
    return ERR_OK;
}

void backup_end(struct backup **at)
{
    struct backup *b = *at;

    *at = NULL;
    if (b == NULL)
        return;
    CHECK_IS(b, BACKUP_MAGIC);
    b->unwanted = true;
    if (!b->under_way)
        spend(b);
}
