/*
 * ops.c - what runs a service wants to know: is it alive, is it ready, what does this problem mean.
 */
#include "api/answer.h"
#include "api/handlers.h"
#include "api/task.h"

/* GET /livez  ->  200 {"status": "ok"}; asks nobody */
enum err get_livez(struct api *api, struct task *task, struct why *why)
{
    struct out *o = reply_json(task, 200);

    (void)api;
    out_open_object(o);
    out_member_text(o, "status", "ok");
    out_close_object(o);
    return reply_end(task, why);
}

static void write_check(struct out *o, const char *name, uint64_t value)
{
    out_open_object(o);
    out_member_text(o, "name", name);
    out_member_bool(o, "ok", true);
    out_member_u64(o, "value", value);
    out_close_object(o);
}

/* What was looked at; all of it is well, or the answer would be a problem. */
static void write_checks(const struct api *api, struct out *o)
{
    struct heap_stats s;

    heap_stats(api->heap, &s);
    out_key(o, "checks");
    out_open_array(o);
    write_check(o, "objects", s.objects);
    write_check(o, "requests", api->counters.tasks_open);
    write_check(o, "sessions", session_count(api->sessions));
    out_close_array(o);
}

/* GET /readyz?verbose  ->  200 {"status": "ok"}, or 503 not-ready with what it waits for */
enum err get_readyz(struct api *api, struct task *task, struct why *why)
{
    struct slice why_not = SLICE("it is not ready"), verbose;
    struct out *o;

    if (!api->world.ready(api->world.ctx, &why_not)) {
        task->reply.retry_after_s = 1;
        return why_set(why, ERR_NOT_READY, "%.*s", (int)why_not.len, why_not.data);
    }
    o = reply_json(task, 200);
    out_open_object(o);
    out_member_text(o, "status", "ok");
    if (query_get(task, "verbose", &verbose))
        write_checks(api, o);
    out_close_object(o);
    return reply_end(task, why);
}

/* GET /problems/{name}  ->  200, a page about it */
enum err get_problem(struct api *api, struct task *task, struct why *why)
{
    const struct problem *p = problem_named(task->params[0]);
    struct out *o;

    (void)api;
    if (p == NULL)
        return why_set(why, ERR_NO_NAME, "no problem is called \"%.*s\"", (int)task->params[0].len,
                       task->params[0].data);
    o = reply_json(task, 200);
    task->reply.content_type = "text/html; charset=utf-8";
    problem_write_page(o->buf, p);
    return reply_end(task, why);
}
