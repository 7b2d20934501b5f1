/*
 * world.c - see world.h.
 *
 * Time in milliseconds is the loop's: one reading for everything that one event brings. What /proc does not
 * say reads as 0.
 */
#include "daemon/world.h"
#include "daemon/edge.h"
#include "daemon/clock.h"
#include "heap/base/check.h"
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#define WORLD_MAGIC 0x30470001u

static struct world *world_of(void *ctx)
{
    struct world *w = ctx;

    CHECK_IS(w, WORLD_MAGIC);
    return w;
}

/* ---- this process ---- */

/* The first three numbers of statm, in bytes. */
struct statm {
    uint64_t virtual, resident, shared;
};

static struct statm read_statm(void)
{
    FILE *f = fopen("/proc/self/statm", "re");
    unsigned long long pages[3] = {0};
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

    if (f != NULL) {
        if (fscanf(f, "%llu %llu %llu", &pages[0], &pages[1], &pages[2]) != 3)
            pages[0] = pages[1] = pages[2] = 0;
        fclose(f);
    }
    return (struct statm){pages[0] * page, pages[1] * page, pages[2] * page};
}

static uint64_t count_open_files(void)
{
    DIR *d = opendir("/proc/self/fd");
    uint64_t count = 0;

    if (d == NULL)
        return 0;
    while (readdir(d) != NULL)
        count++;
    closedir(d);
    return count > 3 ? count - 3 : 0; /* ".", ".." and the directory itself */
}

static uint64_t max_open_files(void)
{
    struct rlimit limit = {0};

    getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

uint64_t world_raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    return max_open_files();
}

void world_random(void *out, size_t n)
{
    char *at = out;

    while (n > 0) {
        ssize_t got = getrandom(at, n, 0);

        CHECK(got > 0 || errno == EINTR);
        if (got > 0) {
            at += got;
            n -= (size_t)got;
        }
    }
}

/* ---- for api/ ---- */

static uint64_t now_ms(void *ctx)
{
    return uv_now(world_of(ctx)->loop);
}

static uint64_t unix_us(void *ctx)
{
    (void)ctx;
    return clock_unix_us();
}

static void random_bytes(void *ctx, void *out, size_t n)
{
    (void)ctx;
    world_random(out, n);
}

static uint64_t rss_bytes(void *ctx)
{
    (void)ctx;
    return read_statm().resident;
}

static void memory(void *ctx, struct api_memory *ret)
{
    const struct mem *edge = world_of(ctx)->edge_mem;
    struct statm statm = read_statm();

    *ret = (struct api_memory){
        .rss_bytes = statm.resident,
        .program_bytes = statm.shared,
        .connection_bytes = edge->used_bytes,
        .blocks_bytes = edge->block_bytes,
        .blocks_resident_bytes = mem_blocks_resident(),
    };
}

static void pauses(void *ctx, enum pause what, enum pause_clock clock, struct api_pauses *ret)
{
    pauses_tell(&world_of(ctx)->pauses, what, clock, ret);
}

/* Every setting is read where it is used, each time: nothing needs to be told. */
static void settings_changed(void *ctx)
{
    (void)ctx;
}

static struct slice progress(struct world *w)
{
    struct recovery_count c;
    int len;

    recovery_count(w->recovery, &c);
    len = snprintf(w->progress, sizeof(w->progress), "recovering: %u %% of the heap is back", c.pct);
    return (struct slice){w->progress, (size_t)len};
}

static bool ready(void *ctx, struct slice *ret_why_not)
{
    struct world *w = world_of(ctx);

    if (w->recovery != NULL) {
        *ret_why_not = progress(w);
        return false;
    }
    if (w->server == NULL) {
        *ret_why_not = SLICE("it is about to start");
        return false;
    }
    return server_ready(w->server, ret_why_not);
}

static void process(void *ctx, struct api_process *ret)
{
    struct world *w = world_of(ctx);

    *ret = (struct api_process){
        .cpu_seconds = clock_cpu_s(),
        .start_time_seconds = w->start_unix_s,
        .open_fds = count_open_files(),
        .max_fds = max_open_files(),
        .connections = w->server == NULL ? 0 : server_connections(w->server),
        .virtual_bytes = read_statm().virtual,
    };
    if (w->server != NULL)
        memcpy(ret->cuts, server_edge(w->server)->cuts, sizeof ret->cuts);
}

static void meters(void *ctx, struct api_meters *ret)
{
    const struct world *w = world_of(ctx);

    *ret = (struct api_meters){0};
    memcpy(ret->collections, w->pauses.collections, sizeof(ret->collections));
    memcpy(ret->slices, w->pauses.slices, sizeof(ret->slices));
    if (w->keeper != NULL)
        keeper_count(w->keeper, ret);
}

static enum err admits(void *ctx, bool changes, struct why *why)
{
    struct world *w = world_of(ctx);

    if (w->recovery != NULL) {
        struct slice text = progress(w);

        return why_set(why, ERR_NOT_READY, "%.*s", (int)text.len, text.data);
    }
    return changes && w->keeper != NULL ? keeper_admits(w->keeper, why) : ERR_OK;
}

static bool behind(void *ctx)
{
    const struct world *w = world_of(ctx);

    return w->keeper != NULL && keeper_is_behind(w->keeper);
}

static enum err keep(void *ctx, const struct api_kept *kept, size_t count, struct why *why)
{
    return keeper_keep_settings(world_of(ctx)->keeper, kept, count, why);
}

/* Until all is back nothing changes, and nobody keeps it. */
static uint64_t commit_wanted(void *ctx)
{
    const struct world *w = world_of(ctx);

    return w->keeper != NULL ? keeper_wanted(w->keeper) : 0;
}

static bool commit_is_kept(void *ctx, uint64_t commit)
{
    return keeper_has(world_of(ctx)->keeper, commit);
}

static enum err prepare_answer(void *ctx, struct why *why)
{
    return keeper_prepare_answer(world_of(ctx)->keeper, why);
}

static void keep_answer(void *ctx, const struct idem_record *record)
{
    keeper_keep_answer(world_of(ctx)->keeper, record);
}

static enum err answers_gone(void *ctx, uint64_t number)
{
    return keeper_note_answers_gone(world_of(ctx)->keeper, number);
}

static enum err begin_backup(void *ctx, struct api_backup **ret, struct why *why)
{
    struct world *w = world_of(ctx);
    struct backup *b;
    enum err e;

    w->backups.keeper = w->keeper;
    if ((e = backup_begin(&w->backups, &b, why)) == ERR_OK)
        *ret = (struct api_backup *)(void *)b;
    return e;
}

static enum err step_backup(void *ctx, struct api_backup *b, struct buf *to, uint64_t *ret_bytes, enum task_turn *ret_turn,
                            struct why *why)
{
    (void)ctx;
    return backup_step((struct backup *)(void *)b, to, ret_bytes, ret_turn, why); /* checks the magic */
}

static void end_backup(void *ctx, struct api_backup *b)
{
    struct backup *ended = (struct backup *)(void *)b;

    (void)ctx;
    backup_end(&ended);
}

static void run_aside(void *ctx, struct aside *a)
{
    asides_add(&world_of(ctx)->asides, a);
}

static void on_aside_done(void *ctx)
{
    struct world *w = world_of(ctx);

    if (w->server != NULL)
        edge_wake_waiting(server_edge(w->server));
}

void world_init(struct world *w, uv_loop_t *loop, struct mem *edge_mem)
{
    *w = (struct world){.magic = WORLD_MAGIC, .loop = loop, .edge_mem = edge_mem, .start_unix_s = clock_unix_s()};
    asides_init(&w->asides, loop, on_aside_done, w);
}

/* With --data. */
static void add_store(struct world *w, struct api_world *api)
{
    w->backups = (struct backups){
        .ops = &engine_sqlite, .dir = w->data_dir, .mem = w->edge_mem, .asides = &w->asides, .keeper = w->keeper};
    api->keep = keep;
    api->commit_wanted = commit_wanted;
    api->commit_is_kept = commit_is_kept;
    api->answers = (struct api_answers){.ctx = w, .prepare = prepare_answer, .keep = keep_answer, .gone = answers_gone};
    api->backups = (struct api_backups){.ctx = w, .begin = begin_backup, .step = step_backup, .end = end_backup};
}

struct api_world world_for_api(struct world *w)
{
    struct api_world api = {
        .ctx = w,
        .now_ms = now_ms,
        .unix_us = unix_us,
        .random_bytes = random_bytes,
        .rss_bytes = rss_bytes,
        .memory = memory,
        .pauses = pauses,
        .settings_changed = settings_changed,
        .ready = ready,
        .process = process,
        .meters = meters,
        .run_aside = run_aside,
        .admits = admits,
        .behind = behind,
    };

    if (w->data_dir != NULL)
        add_store(w, &api);
    return api;
}
