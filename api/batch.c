/*
 * batch.c - POST /v1/batch: lines in, answers out, some hundred ops a turn.
 *
 *   OPS --collect--> COLLECT --its run is over--> OPS
 *    '--last line ran, or one failed--> CLOSE --all let go, last line said--> DRAIN --body is over--> done
 *   ATOMIC --all ran--> CLOSE, or --one failed, all is as it was--> DRAIN
 *
 * A batch is a scope: what it makes is held under the number of its op until the end, so "@n" always means a
 * live object. It yields when it has had its turn, when a collection becomes due, when nobody reads its
 * answers, and where it waits. A batch that is cut off keeps what its ops have done, and if it came with a key, also
 * what it would have answered had it ended there: that is told at the end of each turn, for the process may end, too.
 *
 * One that is atomic is read whole before it runs, and runs in one turn: nobody sees it half done. Its first op that
 * fails is the answer, and the heap takes back what those before it did (heap/undo.h).
 */
#include "api/batch.h"
#include "api/answer.h"
#include "api/handlers.h"
#include "heap/base/check.h"
#include "heap/undo.h"

#define LINE_BYTES_PER_UNIT 128 /* an op is seldom longer */

/* ---- answers ---- */

static void write_problem(struct batch *b)
{
    struct out *o = &b->task->out;

    out_key(o, "problem");
    problem_write(o->buf, &b->why);
    o->comma = true;
    out_member_u64(o, "line", b->op);
}

/* The op that runs, or the line that was to be one, ends the batch. What it has written since `mark` goes. */
static void fail_op(struct batch *b, size_t mark)
{
    struct task *t = b->task;

    CHECK(b->why.err != ERR_OK);
    why_complete(t->api, &b->why);
    t->reply.body.len = mark;
    t->reply.body.failed = false;
    t->out.comma = false;
    b->failed = true;
    b->state = BATCH_CLOSE;
    if (!b->atomic) /* else it is the whole answer, and counted there */
        t->api->counters.problems[b->why.err]++;
    if (b->summary_only || b->atomic)
        return;
    out_open_object(&t->out);
    write_problem(b);
    out_close_object(&t->out);
    out_line_end(&t->out);
}

/* The op that runs has been answered, from `mark` on. */
static void end_op(struct batch *b, size_t mark)
{
    struct task *t = b->task;

    out_line_end(&t->out);
    if (t->reply.body.failed) {
        why_set(&b->why, ERR_NOMEM, "no memory for the answer%s", b->atomic ? "" : "; the op itself is done");
        fail_op(b, mark);
        return;
    }
    if (b->summary_only)
        t->reply.body.len = mark;
    t->api->counters.batch_ops++;
    b->op++;
}

static void write_summary(struct batch *b)
{
    struct out *o = &b->task->out;

    out_open_object(o);
    out_member_u64(o, "done", b->op);
    out_member_u64(o, "failed", b->failed);
    if (b->failed && b->summary_only)
        write_problem(b);
    out_close_object(o);
    out_line_end(o);
    if (o->buf->failed)
        b->task->reply.close = true; /* no memory for a last line: an answer without one says so */
}

/* ---- lines ---- */

/* The next line, without its end; false if there is none yet. The last one may do without a newline. */
static bool take_line(struct batch *b, struct slice *ret)
{
    struct task *t = b->task;
    struct slice in = buf_slice(&t->body);
    const char *end = NULL;

    if (t->body_taken > 0) /* in.data may be NULL */
        in.data += t->body_taken;
    in.len -= t->body_taken;
    if (in.len > b->scanned)
        end = memchr(in.data + b->scanned, '\n', in.len - b->scanned);
    b->scanned = in.len;
    if (end == NULL && (in.len == 0 || !t->body_whole) && in.len <= t->api->settings->batch_line_bytes_max)
        return false;
    if (end != NULL)
        in.len = (size_t)(end - in.data);
    t->body_taken += in.len + (end != NULL);
    b->scanned = 0;
    *ret = in;
    return true;
}

static bool is_blank(struct slice line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (line.data[i] != ' ' && line.data[i] != '\t' && line.data[i] != '\r')
            return false;
    }
    return true;
}

static enum err check_length(const struct batch *b, struct slice line, struct why *why)
{
    uint64_t max = b->task->api->settings->batch_line_bytes_max;

    if (line.len > max)
        return why_limit(why, ERR_TOO_LARGE, "batch_line_bytes_max", max, "a line has more than %llu bytes",
                         (unsigned long long)max);
    return ERR_OK;
}

static enum err check_count(const struct batch *b, struct why *why)
{
    const struct settings *s = b->task->api->settings;

    if (b->atomic && b->op >= s->atomic_ops_max)
        return why_limit(why, ERR_TOO_LARGE, "atomic_ops_max", s->atomic_ops_max,
                         "an atomic batch has at most %llu ops", (unsigned long long)s->atomic_ops_max);
    if (b->op >= s->batch_ops_max)
        return why_limit(why, ERR_TOO_LARGE, "batch_ops_max", s->batch_ops_max,
                         "a batch has at most %llu ops", (unsigned long long)s->batch_ops_max);
    return ERR_OK;
}

/* Values in values become objects already. */
static enum err read_op(struct batch *b, const json_t *json, struct op *ret)
{
    size_t reach = mem_reach(b->task->api->mem, REACH_GROW);
    enum err e = op_read(&b->decoder, json, ret, &b->why);

    mem_reach(b->task->api->mem, reach);
    return e;
}

/* A line that does not look like the ops that batches are made of, or is wrong. */
static enum err run_other_line(struct batch *b, struct slice line)
{
    json_auto_t *json = NULL;
    struct op op;
    enum err e;

    if ((e = decode_json(line, (size_t)b->task->api->settings->json_depth_max, &json, &b->why)) ||
        (e = read_op(b, json, &op)))
        return e;
    e = batch_run_op(b, &op, &b->why);
    op_fini(&b->decoder, &op);
    return e;
}

static enum err run_op_line(struct batch *b, struct slice line)
{
    struct op_room room;
    struct op op;

    if (b->task->api->settings->json_depth_max >= OP_SCAN_DEPTH && op_scan(&b->decoder, line, &room, &op))
        return batch_run_op(b, &op, &b->why);
    return run_other_line(b, line);
}

static void run_line(struct batch *b, struct slice line)
{
    size_t mark = b->task->reply.body.len;
    enum err e;

    if ((e = check_length(b, line, &b->why)) == ERR_OK && is_blank(line))
        return;
    if (e || (e = check_count(b, &b->why)) || (e = run_op_line(b, line)))
        fail_op(b, mark);
    else if (b->state != BATCH_COLLECT)
        end_op(b, mark);
}

/* ---- a turn ---- */

/* What a line costs of a turn: one of 64 KiB may make 20,000 objects. */
static void spend(size_t *units, struct slice line)
{
    size_t cost = 1 + line.len / LINE_BYTES_PER_UNIT;

    *units -= cost < *units ? cost : *units;
}

static enum task_turn run_ops(struct batch *b, size_t *units)
{
    struct task *t = b->task;
    bool was_due = gc_is_due(t->api->gc);
    struct slice line;

    while (*units > 0 && b->state == BATCH_OPS) {
        if (t->reply.body.len > t->api->settings->backlog_bytes_max)
            return TASK_ROOM;
        if (api_is_behind(t->api))
            return TASK_WAIT;
        if (t->body.failed) {
            why_set(&b->why, ERR_NOMEM, "no memory to read on");
            fail_op(b, t->reply.body.len);
        } else if (take_line(b, &line)) {
            run_line(b, line);
            spend(units, line);
            api_stress(t->api);
        } else if (t->body_whole) {
            b->state = BATCH_CLOSE;
        } else {
            return TASK_INPUT;
        }
        if (!was_due && gc_is_due(t->api->gc))
            break; /* between ops is where a collection may run */
    }
    return TASK_MORE;
}

static enum task_turn wait_collect(struct batch *b, size_t *units)
{
    struct task *t = b->task;
    size_t mark = t->reply.body.len;
    struct gc_run run;

    (void)units;
    if (!gc_run_of(t->api->gc, b->generation, false, b->ticket, &run))
        return TASK_WAIT;
    b->state = BATCH_OPS;
    batch_answer_collect(b, &run);
    end_op(b, mark);
    return TASK_MORE;
}

/* Let go of what the batch made; false: there is more. */
static bool end_scope(struct batch *b, size_t *units)
{
    if (b->made == NULL)
        return true;
    *units = scope_close(&b->made->scope, *units);
    if (b->made->scope != NULL)
        return false;
    mem_free(b->task->api->mem, b->made, sizeof *b->made);
    b->made = NULL;
    return true;
}

static enum task_turn close_scope(struct batch *b, size_t *units)
{
    if (!end_scope(b, units))
        return TASK_MORE;
    if (!b->atomic)
        write_summary(b);
    b->state = BATCH_DRAIN;
    return TASK_MORE;
}

static enum task_turn drain(struct batch *b, size_t *units)
{
    struct task *t = b->task;

    (void)units;
    t->body_taken = t->body.len;
    return t->body_whole ? TASK_DONE : TASK_INPUT;
}

/* ---- all or nothing ---- */

/* Its answers wait until all is done, and they may not be read even then. */
static void check_answers(struct batch *b)
{
    uint64_t max = b->task->api->settings->backlog_bytes_max;

    if (b->failed || b->task->reply.body.len <= max)
        return;
    b->op--; /* it has been answered: that was too much */
    why_limit(&b->why, ERR_TOO_LARGE, "backlog_bytes_max", max,
              "an atomic batch answers at most %llu bytes: ask for the summary", (unsigned long long)max);
    fail_op(b, 0);
}

static void run_all(struct batch *b, size_t *units)
{
    struct slice line;

    while (!b->failed && take_line(b, &line)) {
        run_line(b, line);
        spend(units, line);
        check_answers(b);
    }
}

/* The first op that failed is the answer, and nothing has changed. */
static void roll_back(struct batch *b)
{
    size_t all = SIZE_MAX;

    CHECK(end_scope(b, &all));
    undo_rollback(b->task->api->heap);
    reply_problem_at(b->task, &b->why, b->op);
    b->state = BATCH_DRAIN;
}

static enum task_turn run_atomic(struct batch *b, size_t *units)
{
    struct api *api = b->task->api;
    uint64_t ops_before = api->counters.batch_ops;
    size_t left = *units;

    if (undo_begin(api->heap, &b->why) != ERR_OK) {
        reply_problem(b->task, &b->why);
        b->state = BATCH_DRAIN;
        return TASK_MORE;
    }
    run_all(b, &left);
    if (b->failed) {
        roll_back(b);
        api->counters.batch_ops = ops_before;
        return TASK_MORE;
    }
    undo_commit(api->heap);
    write_summary(b);
    if (b->task->keyed != NULL)
        keyed_keep(b->task); /* done, though what was made is still to be let go of */
    *units = left;
    b->state = BATCH_CLOSE;
    return TASK_MORE;
}

static void cut_off(struct batch *b)
{
    why_set(&b->why, ERR_BAD_REQUEST, "the request was cut off before this line");
    why_complete(b->task->api, &b->why);
    b->failed = true;
}

/* What it would be answered had it ended here. Its one line of answer is not there before the end. */
static void tell_cut_off(struct batch *b)
{
    struct task *t = b->task;
    bool was_failed = b->failed;

    CHECK(t->reply.body.len == 0 && b->summary_only);
    if (b->state != BATCH_CLOSE)
        cut_off(b);
    write_summary(b);
    keyed_tell(t);
    buf_clear(&t->reply.body);
    t->out = out_into(&t->reply.body);
    t->reply.close = false;
    if (!was_failed)
        why_init(&b->why);
    b->failed = was_failed;
}

static void tell_progress(struct batch *b)
{
    if (b->state == BATCH_DRAIN)
        keyed_tell(b->task);
    else
        tell_cut_off(b);
    b->told = b->op;
}

static enum err batch_step(struct task *t, void *ctx, size_t units, enum task_turn *turn, struct why *why)
{
    static enum task_turn (*const part_of[])(struct batch *, size_t *) = {
        [BATCH_OPS] = run_ops,
        [BATCH_ATOMIC] = run_atomic,
        [BATCH_COLLECT] = wait_collect,
        [BATCH_CLOSE] = close_scope,
        [BATCH_DRAIN] = drain,
    };
    struct batch *b = ctx;
    enum batch_state before;

    (void)why; /* a failing op is told in its line */
    if (units > t->api->settings->batch_turn_ops)
        units = (size_t)t->api->settings->batch_turn_ops;
    do {
        before = b->state;
        *turn = part_of[before](b, &units);
    } while (b->state != before && units > 0);
    if (t->keyed != NULL && !b->atomic && b->op > b->told && *turn != TASK_DONE)
        tell_progress(b);
    if (*turn != TASK_DONE && (b->op > 0 || b->failed) && t->keyed == NULL)
        t->reply.streaming = true; /* what may be asked for again stays together */
    return ERR_OK;
}

/* What was done under a key stays done: a retry is told of it, wherever the batch stands when it ends. */
static void keep_answer(struct batch *b)
{
    if (b->state == BATCH_OPS || b->state == BATCH_COLLECT)
        cut_off(b);
    if (b->state != BATCH_DRAIN)
        write_summary(b);
    keyed_keep(b->task);
}

/* Where nothing was done, or all was taken back, the answer is kept as any other, unless it may go well later. */
static void settle_key(struct batch *b)
{
    if (b->op > 0 && !(b->atomic && b->failed))
        keep_answer(b);
    else if (b->failed && !keyed_is_final(problem_of(b->why.err)->status))
        keyed_forget(b->task);
}

static void batch_destroy(struct task *t, void *ctx)
{
    struct batch *b = ctx;

    if (t->keyed != NULL)
        settle_key(b);
    batch_forms_fini(t->api->heap, &b->forms);
    api_end_scope(t->api, &b->made);
    mem_free(t->api->mem, b, sizeof *b);
}

/* ---- the request ---- */

static enum err read_options(const struct task *t, struct batch *b, struct why *why)
{
    struct slice atomic, reply;

    b->atomic = query_is_true(t, "atomic");
    if (query_get(t, "atomic", &atomic) && !b->atomic && !slice_is(atomic, "false") && !slice_is(atomic, "0"))
        return why_set(why, ERR_BAD_VALUE, "atomic is true or false");
    b->summary_only = query_get(t, "reply", &reply);
    if (b->summary_only && !slice_is(reply, "summary"))
        return why_set(why, ERR_BAD_VALUE, "reply is `summary`, or left out");
    return ERR_OK;
}

/* POST /v1/batch  ->  200, a line for each line */
enum err post_batch(struct api *api, struct task *t, struct why *why)
{
    static const struct task_work work = {.step = batch_step, .destroy = batch_destroy};
    struct batch *b = mem_zalloc(api->mem, sizeof *b);
    enum err e;

    if (b == NULL)
        return why_set(why, ERR_NOMEM, "no memory to begin a batch");
    if ((e = read_options(t, b, why))) {
        mem_free(api->mem, b, sizeof *b);
        return e;
    }
    b->task = t;
    b->state = b->atomic ? BATCH_ATOMIC : BATCH_OPS;
    b->decoder = task_decoder(t);
    b->decoder.name = batch_name;
    b->decoder.ctx = b;
    reply_empty(t, 200);
    t->reply.content_type = WIRE_TYPE_NDJSON;
    t->reply.write = true; /* the head may leave long before the end */
    task_work(t, &work, b);
    return ERR_OK;
}
