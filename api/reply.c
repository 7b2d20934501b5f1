/*
 * reply.c - what a task answers.
 */
#include "api/answer.h"
#include "api/task.h"
#include "heap/base/check.h"
#include "heap/base/num.h"

static void start_over(struct task *t, int status, const char *content_type)
{
    buf_clear(&t->reply.body);
    t->out = out_into(&t->reply.body);
    t->reply.status = status;
    t->reply.content_type = content_type;
}

struct out *reply_json(struct task *t, int status)
{
    start_over(t, status, WIRE_TYPE_JSON);
    return &t->out;
}

enum err reply_end(struct task *t, struct why *why)
{
    if (t->reply.body.failed)
        return why_set(why, ERR_NOMEM, "no memory for the answer");
    return ERR_OK;
}

enum err reply_empty(struct task *t, int status)
{
    start_over(t, status, NULL);
    return ERR_OK;
}

struct out *reply_page(struct task *t)
{
    struct out *o = reply_json(t, 200);

    out_open_object(o);
    out_key(o, "items");
    out_open_array(o);
    return o;
}

enum err reply_page_end(struct task *t, uint64_t next, struct why *why)
{
    out_close_array(&t->out);
    if (next != 0)
        out_member_u64(&t->out, "next", next);
    else
        out_member_null(&t->out, "next");
    out_close_object(&t->out);
    return reply_end(t, why);
}

void reply_location(struct task *t, const char *part, uint64_t number)
{
    char *location = t->reply.location;
    size_t before = strlen(location), len = strlen(part);

    CHECK(before + len + NUM_TEXT_MAX <= sizeof t->reply.location);
    memcpy(location + before, part, len);
    print_u64(number, location + before + len); /* with a NUL behind it */
}

/* The answer is nothing but a problem from now on. */
static void begin_problem(struct task *t, const struct why *why)
{
    struct reply *r = &t->reply;

    CHECK(why->err != ERR_OK && !r->streaming);
    t->api->counters.problems[why->err]++;
    payload_release(&r->payload);
    r->has_etag = r->write = r->accept_ranges = false;
    r->has_range = why->err == ERR_RANGE;
    r->more_headers = NULL;
    r->location[0] = '\0';
    if (why->err != ERR_METHOD)
        r->allow[0] = '\0';
    r->challenge = why->err == ERR_UNAUTHORIZED ? "Bearer realm=\"heapd\"" : NULL;
    start_over(t, problem_of(why->err)->status, WIRE_TYPE_PROBLEM);
    if (problem_of(why->err)->retry_after_s > 0)
        r->retry_after_s = problem_of(why->err)->retry_after_s;
}

static void end_problem(struct task *t)
{
    if (t->reply.body.failed)
        start_over(t, t->reply.status, NULL); /* no memory even for that: the status alone */
}

void reply_problem(struct task *t, const struct why *why)
{
    struct why said = *why;

    begin_problem(t, why);
    why_complete(t->api, &said);
    problem_write(&t->reply.body, &said);
    end_problem(t);
}

void reply_problem_at(struct task *t, const struct why *why, uint64_t line)
{
    struct why said = *why;

    begin_problem(t, why);
    why_complete(t->api, &said);
    out_open_object(&t->out);
    problem_write_members(&t->out, &said);
    out_member_u64(&t->out, "line", line);
    out_close_object(&t->out);
    end_problem(t);
}

void task_work(struct task *t, const struct task_work *work, void *ctx)
{
    CHECK(t->work == NULL && work != NULL);
    t->work = work;
    t->work_ctx = ctx;
}

void task_work_in_slices(struct task *t, const struct task_work *work, void *ctx, enum pause pause)
{
    task_work(t, work, ctx);
    t->work_pause = pause;
}
