/*
 * validate.c - see validate.h. There is one audit at a time: calls that come meanwhile wait for their turn.
 *
 * What is broken is written into the answer as it is found, which may be while other requests change the heap. When
 * the task is over, or its peer gone, the audit ends at once; its memory returns in steps between requests.
 */
#include "api/validate.h"
#include "api/handlers.h"
#include "api/task.h"
#include "heap/audit.h"
#include "heap/base/check.h"

#define BROKEN_SENTENCES_MAX 100
#define AUDIT_UNITS_PER_UNIT 4 /* a unit of an audit is so much less than an op of a batch */

struct validation {
    struct heap_audit *audit; /* NULL: it waits for another to end */
    struct out *out;
    size_t sentences;
    struct validation *next;  /* among those that are over */
};

static void write_broken(void *ctx, const char *sentence)
{
    struct validation *v = ctx;

    if (v->sentences++ < BROKEN_SENTENCES_MAX)
        out_text(v->out, sentence);
}

static enum err reply_validation(struct task *task, struct validation *v, struct why *why)
{
    out_close_array(v->out);
    out_close_object(v->out);
    return reply_end(task, why);
}

static enum err begin(struct api *api, struct validation *v, struct why *why)
{
    enum err e = heap_audit_begin(api->heap, write_broken, v, &v->audit, why);

    if (e == ERR_OK)
        api->validation = v;
    return e;
}

static enum err step_validation(struct task *task, void *ctx, size_t units, enum task_turn *turn, struct why *why)
{
    struct validation *v = ctx;
    struct why busy = {0};
    bool done;
    enum err e;

    *turn = TASK_WAIT;
    if (v->audit == NULL && (e = begin(task->api, v, &busy)) != ERR_OK)
        return e == ERR_BUSY ? ERR_OK : why_set(why, e, "%s", busy.text);
    *turn = TASK_MORE;
    if ((e = heap_audit_step(v->audit, units * AUDIT_UNITS_PER_UNIT, &done, why)) != ERR_OK || !done)
        return e;
    *turn = TASK_DONE;
    return reply_validation(task, v, why);
}

/* Even if nothing is left to be given back, there is work for api_step(): after that, those that wait look again. */
static void destroy_validation(struct task *task, void *ctx)
{
    struct validation *v = ctx;
    struct api *api = task->api;

    if (api->validation == v)
        api->validation = NULL;
    (void)heap_audit_end(&v->audit, 1);
    v->next = api->validations_over;
    api->validations_over = v;
}

size_t validations_end(struct api *api, size_t units)
{
    while (api->validations_over != NULL && units > 0) {
        struct validation *v = api->validations_over;

        units = heap_audit_end(&v->audit, units);
        if (v->audit != NULL)
            return 0;
        api->validations_over = v->next;
        mem_free(api->mem, v, sizeof *v);
    }
    return units;
}

void validation_write_progress(const struct api *api, struct out *o)
{
    uint64_t done, all;

    if (api->validation == NULL)
        return;
    heap_audit_progress(api->validation->audit, &done, &all);
    out_key(o, "validating");
    out_open_object(o);
    out_member_u64(o, "done", done);
    out_member_u64(o, "of", all);
    out_close_object(o);
}

static const struct task_work validation_work = {.step = step_validation, .destroy = destroy_validation};

/* POST /v1/heap/validate  ->  200 {"broken": []}: everything recounted, as it was when this call had its turn. */
enum err post_validate(struct api *api, struct task *task, struct why *why)
{
    struct validation *v = mem_zalloc(api->mem, sizeof *v);

    if (v == NULL)
        return why_set(why, ERR_NOMEM, "no memory to begin");
    v->out = reply_json(task, 200);
    out_open_object(v->out);
    out_key(v->out, "broken");
    out_open_array(v->out);
    task_work_in_slices(task, &validation_work, v, PAUSE_RECOUNT);
    return ERR_OK;
}
