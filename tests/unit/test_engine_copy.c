/* test_engine_copy.c - a copy is of the moment at which it began, of one file, and of another life of the ids. */
#include "daemon/store/engine.h"
#include "tests/unit/unit.h"
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MANY_BYTES (5u << 20) /* more than a step copies */

struct world {
    struct mem mem;
    struct mem copy_mem;
    char dir[64];
    struct engine *engine;
    uint64_t commits;
};

static const struct engine_ops *const ops = &engine_sqlite;

static const char *path_in(const struct world *w, const char *name)
{
    static char path[128];

    snprintf(path, sizeof path, "%s/%s", w->dir, name);
    return path;
}

static struct world *world_new(void)
{
    struct world *w = calloc(1, sizeof *w);
    struct why why = {0};

    ck_assert_ptr_nonnull(w);
    snprintf(w->dir, sizeof w->dir, "/tmp/heapd-copy-XXXXXX");
    mem_init(&w->mem, 0);
    mem_init(&w->copy_mem, 0);
    ck_assert_ptr_nonnull(mkdtemp(w->dir));
    ck_assert_int_eq(ops->open(w->dir, false, &w->mem, &w->engine, &why), ERR_OK);
    ck_assert_int_eq(ops->set_instance(w->engine, "thislife", &why), ERR_OK);
    return w;
}

static void world_free(struct world *w)
{
    static const char *const names[] = {"heap.db", "heap.db-wal", "heap.db-shm", "lock", "copy"};

    ops->close(&w->engine);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        (void)unlink(path_in(w, names[i]));
    ck_assert_int_eq(rmdir(w->dir), 0); /* nothing else is left in it */
    mem_fini(&w->copy_mem);
    mem_fini(&w->mem);
    free(w);
}

static void commit(struct world *w, size_t bytes)
{
    struct redo_chunk chunk = {.next = NULL};
    struct why why = {0};

    buf_init(&chunk.text, &w->mem, SIZE_MAX);
    ck_assert(buf_reserve(&chunk.text, bytes));
    memset(chunk.text.data, 'x', bytes);
    chunk.text.len = bytes;
    ck_assert_int_eq(
        ops->commit(w->engine, &(struct engine_commit){.number = ++w->commits, .lines = &chunk, .pool_end = 1}, true, &why), ERR_OK);
    buf_fini(&chunk.text);
}

static struct engine_copy *begin(struct world *w)
{
    struct engine_copy *c = NULL;
    struct why why = {0};

    ck_assert_int_eq(ops->copy_begin(w->dir, &w->copy_mem, &c, &why), ERR_OK);
    return c;
}

/* Steps to the end, with a commit between any two; how many steps that were. */
static int finish(struct world *w, struct engine_copy *c, int *ret_fd)
{
    struct why why = {0};
    int steps = 0;

    do {
        commit(w, 10);
        ck_assert_int_eq(ops->copy_step(c, ret_fd, &why), ERR_OK);
        ck_assert_int_lt(++steps, 1000);
    } while (*ret_fd < 0);
    return steps;
}

static void save(const struct world *w, int fd)
{
    int to = open(path_in(w, "copy"), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    char piece[4096];
    ssize_t n;

    ck_assert_int_ge(to, 0);
    while ((n = read(fd, piece, sizeof piece)) > 0)
        ck_assert_int_eq(write(to, piece, (size_t)n), n);
    close(to);
}

static int64_t ask(const struct world *w, const char *query)
{
    sqlite3_stmt *s;
    sqlite3 *db;
    int64_t answer;

    ck_assert_int_eq(sqlite3_open_v2(path_in(w, "copy"), &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_prepare_v2(db, query, -1, &s, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(s), SQLITE_ROW);
    answer = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    sqlite3_close(db);
    return answer;
}

START_TEST(it_has_what_was_committed_before_it_began_and_nothing_else)
{
    struct world *w = world_new();
    struct engine_copy *c;
    int fd;

    commit(w, MANY_BYTES);
    c = begin(w);
    ck_assert_int_gt(finish(w, c, &fd), 3);
    save(w, fd);
    close(fd);
    ops->copy_end(&c);
    ck_assert_int_eq(ask(w, "SELECT max(commit_number) FROM log"), 1);
    ck_assert_int_eq(ask(w, "SELECT sum(length(lines)) FROM log"), MANY_BYTES);
    ck_assert_int_eq(ask(w, "SELECT count(*) FROM meta WHERE name = 'instance'"), 0);
    world_free(w);
}
END_TEST

START_TEST(it_has_no_name_once_it_is_whole)
{
    struct world *w = world_new();
    struct engine_copy *c = begin(w);
    int fd;

    ck_assert_int_eq(access(path_in(w, "backup.tmp"), F_OK), 0);
    finish(w, c, &fd);
    ck_assert_int_ne(access(path_in(w, "backup.tmp"), F_OK), 0);
    ops->copy_end(&c);
    close(fd);
    world_free(w);
}
END_TEST

START_TEST(its_end_leaves_the_next_one_alone)
{
    struct world *w = world_new();
    struct engine_copy *first = begin(w), *next;
    int fd, next_fd;

    finish(w, first, &fd);
    next = begin(w); /* while the first still gives back what it had */
    ops->copy_end(&first);
    ck_assert_int_eq(access(path_in(w, "backup.tmp"), F_OK), 0);
    finish(w, next, &next_fd);
    ops->copy_end(&next);
    close(fd);
    close(next_fd);
    world_free(w);
}
END_TEST

START_TEST(one_that_is_ended_in_the_middle_leaves_nothing)
{
    struct world *w = world_new();
    struct engine_copy *c;
    struct why why = {0};
    int fd;

    commit(w, MANY_BYTES);
    c = begin(w);
    ck_assert_int_eq(ops->copy_step(c, &fd, &why), ERR_OK);
    ck_assert_int_eq(fd, -1);
    ops->copy_end(&c);
    commit(w, 10); /* and the engine goes on */
    world_free(w);
}
END_TEST

START_TEST(nobody_else_may_read_it)
{
    struct world *w = world_new();
    struct engine_copy *c = begin(w);
    struct stat about;

    ck_assert_int_eq(stat(path_in(w, "backup.tmp"), &about), 0);
    ck_assert_uint_eq(about.st_mode & 0777, 0600);
    ops->copy_end(&c);
    world_free(w);
}
END_TEST

START_TEST(where_there_is_nothing_to_copy_it_says_so)
{
    struct world *w = world_new();
    struct engine_copy *c = NULL;
    struct why why = {0};

    ck_assert_int_eq(ops->copy_begin("/tmp/heapd-no-such-directory", &w->copy_mem, &c, &why), ERR_STORE);
    ck_assert_ptr_null(c);
    ck_assert_uint_gt(strlen(why.text), 0);
    world_free(w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(it_has_what_was_committed_before_it_began_and_nothing_else),
        TEST(it_has_no_name_once_it_is_whole),
        TEST(its_end_leaves_the_next_one_alone),
        TEST(one_that_is_ended_in_the_middle_leaves_nothing),
        TEST(nobody_else_may_read_it),
        TEST(where_there_is_nothing_to_copy_it_says_so),
    };
    return unit_main(argc, argv, "engine_copy", tests, ARRAY_LEN(tests));
}
