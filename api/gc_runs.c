/*
 * gc_runs.c - collecting, freezing, garbage and the log: what /v1/gc/... does.
 *
 * None of it runs inside its request: a request asks, then waits until the collector, stepped by others, has
 * done it.
 */
#include "api/config.h"
#include "api/gc_runs.h"
#include "api/pages.h"
#include "api/handlers.h"
#include "heap/base/check.h"

/* What a request waits for. */
struct gc_wait {
    uint64_t ticket;
    int generation; /* of a collection */
    bool freezes;   /* or thaws */
    bool dry_run;
};

static void destroy_wait(struct task *task, void *ctx)
{
    mem_free(task->api->mem, ctx, sizeof(struct gc_wait));
}

/* Room for what to wait for, made before asking for it, so that nothing is asked for in vain. */
static enum err new_wait(struct api *api, struct gc_wait **ret, struct why *why)
{
    struct gc_wait *wait = mem_zalloc(api->mem, sizeof *wait);

    if (wait == NULL)
        return why_set(why, ERR_NOMEM, "no memory to wait for the collector");
    *ret = wait;
    return ERR_OK;
}

/* ---- collect ---- */

void gc_write_run(struct out *o, const struct gc_run *run)
{
    out_member_i64(o, "generation", run->generation);
    out_member_u64(o, "collected", run->dry_run ? 0 : run->collected);
    out_member_u64(o, "uncollectable", 0);
    out_member_u64(o, "candidates", run->candidates);
    out_member_u64(o, "duration_us", run->us);
    out_member_u64(o, "slices", run->slices);
    out_member_u64(o, "max_slice_us", run->max_slice_us);
}

static void write_dry_classes(const struct gc *gc, struct out *o)
{
    struct gc_class_count c;

    out_key(o, "classes");
    out_open_array(o);
    for (size_t i = 0; gc_dry_class(gc, i, &c); i++) {
        out_open_object(o);
        out_member_text(o, "class", c.name);
        out_member_u64(o, "objects", c.objects);
        out_member_u64(o, "bytes", c.bytes);
        out_close_object(o);
    }
    out_close_array(o);
}

static enum err reply_run(struct task *task, const struct gc_run *run, struct why *why)
{
    struct out *o = reply_json(task, 200);

    out_open_object(o);
    gc_write_run(o, run);
    if (run->dry_run) {
        out_member_bool(o, "dry_run", true);
        out_member_u64(o, "would_collect", run->collected);
        write_dry_classes(task->api->gc, o);
    }
    out_close_object(o);
    return reply_end(task, why);
}

static enum err await_run(struct task *task, void *ctx, size_t units, enum task_turn *turn, struct why *why)
{
    const struct gc_wait *wait = ctx;
    struct gc_run run;

    (void)units;
    if (!gc_run_of(task->api->gc, wait->generation, wait->dry_run, wait->ticket, &run)) {
        *turn = TASK_WAIT;
        return ERR_OK;
    }
    run.generation = wait->generation; /* a forgotten run reads as zeros */
    run.dry_run = wait->dry_run;
    *turn = TASK_DONE;
    return reply_run(task, &run, why);
}

static const struct task_work run_work = {.step = await_run, .destroy = destroy_wait};

static enum err read_collect(json_t *body, struct gc_wait *wait, struct why *why)
{
    uint64_t generation = GC_GENERATIONS - 1;
    const char *name;
    json_t *value;
    enum err e;

    json_object_foreach(body, name, value) {
        if (strcmp(name, "generation") == 0)
            e = json_u64(name, value, 0, GC_GENERATIONS - 1, &generation, why);
        else if (strcmp(name, "dry_run") == 0)
            e = json_bool(name, value, &wait->dry_run, why);
        else
            e = why_set(why, ERR_BAD_VALUE, "a collection has no \"%s\"", name);
        if (e)
            return e;
    }
    wait->generation = (int)generation;
    return ERR_OK;
}

/* POST /v1/gc/collect {"generation": 2}  ->  200 {"generation": 2, "collected": 3, ...} when it is done */
enum err post_collect(struct api *api, struct task *task, struct why *why)
{
    json_auto_t *body = NULL;
    struct gc_wait *wait = NULL;
    enum err e;

    if ((e = task_json(task, &body, why)))
        return e;
    if (body != NULL && !json_is_object(body))
        return why_set(why, ERR_BAD_VALUE, "what to collect is an object: {\"generation\": 0, 1 or 2}");
    if ((e = new_wait(api, &wait, why)))
        return e;
    if ((e = read_collect(body, wait, why)) == ERR_OK)
        e = gc_collect(api->gc, wait->generation, GC_BY_REQUEST, wait->dry_run, &wait->ticket, why);
    if (e == ERR_OK)
        task_work(task, &run_work, wait);
    else
        destroy_wait(task, wait);
    return e;
}

/* ---- freeze ---- */

static enum err await_freeze(struct task *task, void *ctx, size_t units, enum task_turn *turn,
                             struct why *why)
{
    const struct gc_wait *wait = ctx;
    struct gc_state state;
    struct out *o;

    (void)units;
    if (!gc_freeze_done(task->api->gc, wait->ticket)) {
        *turn = TASK_WAIT;
        return ERR_OK;
    }
    *turn = TASK_DONE;
    gc_get_state(task->api->gc, &state);
    o = news_begin_config(task->api, wait->freezes ? "freeze" : "unfreeze", task->label);
    out_member_u64(o, "frozen", state.frozen);
    news_end(task->api);
    o = reply_json(task, 200);
    out_open_object(o);
    out_member_u64(o, "frozen", state.frozen);
    out_close_object(o);
    return reply_end(task, why);
}

static const struct task_work freeze_work = {.step = await_freeze, .destroy = destroy_wait};

static enum err freeze(struct api *api, struct task *task, bool on, struct why *why)
{
    struct gc_wait *wait = NULL;
    enum err e = new_wait(api, &wait, why);

    if (e)
        return e;
    wait->freezes = on;
    wait->ticket = gc_freeze(api->gc, on);
    task_work(task, &freeze_work, wait);
    return ERR_OK;
}

/* PUT /v1/gc/freeze  ->  200 {"frozen": 12} */
enum err put_freeze(struct api *api, struct task *task, struct why *why)
{
    return freeze(api, task, true, why);
}

/* DELETE /v1/gc/freeze  ->  200 {"frozen": 0} */
enum err delete_freeze(struct api *api, struct task *task, struct why *why)
{
    return freeze(api, task, false, why);
}

/* ---- garbage ---- */

static bool next_garbage(struct api *api, uint64_t of, uint64_t *cursor, obj_id *ret)
{
    uint32_t entry = entry_of_cursor(*cursor);

    (void)of;
    if (!gc_next_garbage(api->gc, &entry, ret))
        return false;
    *cursor = cursor_of_entry(entry);
    return true;
}

/* GET /v1/gc/garbage  ->  200, a page of documents */
enum err get_garbage(struct api *api, struct task *task, struct why *why)
{
    (void)api;
    return reply_documents(task, next_garbage, 0, why);
}

static enum err clear_garbage(struct task *task, void *ctx, size_t units, enum task_turn *turn,
                              struct why *why)
{
    (void)ctx;
    if (gc_clear_garbage(task->api->gc, units) == 0) {
        *turn = TASK_MORE;
        return ERR_OK;
    }
    *turn = TASK_DONE;
    return reply_nothing(task, why);
}

static void destroy_nothing(struct task *task, void *ctx)
{
    (void)task;
    (void)ctx;
}

static const struct task_work clear_work = {.step = clear_garbage, .destroy = destroy_nothing};

/* DELETE /v1/gc/garbage  ->  200 {} */
enum err delete_garbage(struct api *api, struct task *task, struct why *why)
{
    (void)api;
    (void)why;
    task_work(task, &clear_work, NULL);
    return ERR_OK;
}

/* ---- log ---- */

const char *gc_reason_name(enum gc_reason reason)
{
    static const char *const names[] = {
        [GC_BY_COUNT] = "count",
        [GC_BY_REQUEST] = "request",
        [GC_BY_BYTES] = "bytes",
        [GC_BY_AGE] = "age",
        [GC_BY_MEMORY] = "memory",
    };

    CHECK((size_t)reason < ARRAY_LEN(names));
    return names[reason];
}

static void write_log_entry(struct out *o, const struct gc_run *run)
{
    out_open_object(o);
    out_member_u64(o, "number", run->number);
    out_member_text(o, "reason", gc_reason_name(run->reason));
    gc_write_run(o, run);
    out_member_u64(o, "freed_bytes", run->freed_bytes);
    out_member_time(o, "started", run->began_ms);
    out_member_time(o, "ended", run->ended_ms);
    out_member_bool(o, "dry_run", run->dry_run);
    if (run->dry_run)
        out_member_u64(o, "would_collect", run->collected);
    out_close_object(o);
}

/* GET /v1/gc/log  ->  200, a page of collections, the last one first; the cursor is the number of one */
enum err get_gc_log(struct api *api, struct task *task, struct why *why)
{
    struct page page;
    struct gc_run run;
    struct out *o;
    size_t shown = 0;
    uint64_t last = 0;
    enum err e = query_page(task, &page, why);

    if (e)
        return e;
    o = reply_page(task);
    for (size_t back = 0; gc_log(api->gc, back, &run); back++) {
        if (page.cursor != 0 && run.number >= page.cursor)
            continue;
        if (shown++ == page.limit)
            return reply_page_end(task, last, why);
        write_log_entry(o, &run);
        last = run.number;
    }
    return reply_page_end(task, 0, why);
}
