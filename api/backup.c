/*
 * backup.c - GET /v1/backup: a copy of the store, streamed; the world makes it (api_world.backup).
 *
 * Its length is known before its first byte is there, and announced. What fails before is a problem; what fails after it cuts
 * the connection, so that nobody takes a part for the whole. The session tokens are in it: it is for admins.
 */
#include "api/handlers.h"
#include "api/task.h"

#define RETRY_AFTER_S 1

static enum err step(struct task *t, void *ctx, size_t units, enum task_turn *turn, struct why *why)
{
    const struct api_backups *w = &t->api->world.backups;
    uint64_t bytes;
    enum err e = w->step(w->ctx, ctx, &t->reply.body, &bytes, turn, why);

    (void)units;
    if (e != ERR_OK && t->reply.streaming) {
        t->reply.close = true;
        *turn = TASK_DONE;
        return ERR_OK;
    }
    if (e == ERR_OK && bytes > 0) {
        t->reply.streaming = true;
        t->reply.stream_bytes = bytes;
    }
    return e;
}

static void destroy(struct task *t, void *ctx)
{
    const struct api_backups *w = &t->api->world.backups;

    w->end(w->ctx, ctx);
}

static const struct task_work backup_work = {.step = step, .destroy = destroy};

/* GET /v1/backup  ->  200, a SQLite database; 409 while another is made */
enum err get_backup(struct api *api, struct task *t, struct why *why)
{
    const struct api_backups *w = &api->world.backups;
    struct api_backup *backup;
    enum err e;

    if (w->begin == NULL)
        return why_set(why, ERR_NOT_IMPLEMENTED, "nothing is kept here, so there is nothing to back up: start heapd with --data");
    if ((e = w->begin(w->ctx, &backup, why)) != ERR_OK) {
        t->reply.retry_after_s = e == ERR_BUSY ? RETRY_AFTER_S : 0;
        return e;
    }
    reply_empty(t, 200);
    t->reply.content_type = WIRE_TYPE_SQLITE;
    task_work(t, &backup_work, backup);
    return ERR_OK;
}
