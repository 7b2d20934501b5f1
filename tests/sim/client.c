/*
 * client.c - see world.h: requests, several at a time.
 *
 *     begun --fed and stepped, by turns--> whole --stepped--> DONE, answered
 *         '--cut off before all of it was sent--> what was read of a batch is done, of others nothing
 *
 * A batch that streams is judged line by line after each step. What is answered at once is stepped to its end at once: so the
 * model is never behind when something is handed to the store.
 */
#include "api/api_impl.h"
#include "heap/base/check.h"
#include "tests/sim/world.h"
#include <stdlib.h>

#define STEPS_MAX 100000
#define FEED_MAX 4000
#define KEYS_KEPT 30 /* so many at least; see world.c */

void clients_init(struct sim *s)
{
    mem_init(&s->own, 0);
    for (struct client *c = s->clients; c < s->clients + CLIENTS; c++) {
        c->ops = malloc(OPS_MAX * sizeof *c->ops);
        c->made = malloc(OPS_MAX * sizeof *c->made);
        CHECK(c->ops != NULL && c->made != NULL);
        buf_init(&c->text, &s->own, SIZE_MAX);
        buf_init(&c->answer, &s->own, SIZE_MAX);
    }
    for (struct keyed_request *k = s->keys; k < s->keys + KEYS; k++) {
        buf_init(&k->text, &s->own, SIZE_MAX);
        buf_init(&k->answer, &s->own, SIZE_MAX);
    }
}

void clients_fini(struct sim *s)
{
    for (struct client *c = s->clients; c < s->clients + CLIENTS; c++) {
        free(c->ops);
        free(c->made);
        buf_fini(&c->text);
        buf_fini(&c->answer);
    }
    for (struct keyed_request *k = s->keys; k < s->keys + KEYS; k++) {
        buf_fini(&k->text);
        buf_fini(&k->answer);
    }
    mem_fini(&s->own);
}

/* ---- the session that it is in ---- */

static struct model_session *session_of(struct sim *s, const struct client *c)
{
    struct model_session *m = &s->now->sessions[c->session];

    return m->open && m->id == c->session_id ? m : NULL;
}

static void count_running(struct sim *s, const struct client *c, int more)
{
    struct model_session *m = session_of(s, c);

    if (m == NULL || c->session == 0)
        return;
    m->running = (uint32_t)((int)m->running + more);
    m->ends_at_ms = loop_ms() + m->ttl_ms;
}

/* ---- its end ---- */

/* An op is not waited for any more. */
static void forget_op(struct sim *s, const struct sim_op *op)
{
    if (op->verb == V_PUSH)
        s->pushes[op->n]--;
    else if (op->verb == V_UNROOT)
        s->unroots[op->n]--;
    else if (op->verb == V_OPEN)
        s->opening--;
}

/* What it asked for and will not be told. */
static void forget_asked(struct sim *s, struct client *c)
{
    for (uint32_t i = c->answered; i < c->op_count; i++)
        forget_op(s, &c->ops[i]);
}

static void end(struct sim *s, struct client *c)
{
    bool admitted = c->admitted;

    task_end(&c->task);
    if (admitted)
        count_running(s, c, -1);
    forget_asked(s, c);
    c->keeps = false;
}

void clients_forget(struct sim *s)
{
    for (struct client *c = s->clients; c < s->clients + CLIENTS; c++)
        if (c->task != NULL)
            end(s, c);
}

/* ---- its beginning ---- */

static void choose_session(struct sim *s, struct client *c)
{
    c->session = one_in(s, 2) ? roll(s, MODEL_SESSIONS) : 0;
    if (!s->now->sessions[c->session].open)
        c->session = 0;
    c->session_id = s->now->sessions[c->session].id;
}

/* "POST /v1/objects\n{...}" is a target and a body. */
static void split_target(struct client *c)
{
    const char *end = memchr(c->text.data, '\n', c->text.len);
    size_t len = (size_t)(end - c->text.data);

    CHECK(len < sizeof c->target);
    memcpy(c->target, c->text.data, len);
    c->target[len] = '\0';
    buf_consume(&c->text, len + 1);
}

static void choose_what(struct sim *s, struct client *c)
{
    static const enum client_kind kinds[] = {CLIENT_STREAM, CLIENT_STREAM,  CLIENT_STREAM, CLIENT_STREAM, CLIENT_SUMMARY,
                                             CLIENT_ATOMIC, CLIENT_ATOMIC, CLIENT_ONE,    CLIENT_ONE};
    static const char *const queries[] = {[CLIENT_STREAM] = "", [CLIENT_SUMMARY] = "?reply=summary", [CLIENT_ATOMIC] = "?atomic=true"};

    c->kind = kinds[roll(s, ARRAY_LEN(kinds))];
    c->untold = c->kind == CLIENT_SUMMARY || (c->kind == CLIENT_ATOMIC && one_in(s, 4));
    c->op_count = c->answered = 0;
    buf_clear(&c->text);
    if (c->kind != CLIENT_ONE) {
        c->wanted = 1 + roll(s, one_in(s, 2) ? OPS_MAX : 40);
        c->cuts = one_in(s, 25);
        snprintf(c->target, sizeof c->target, "POST /v1/batch%s%s", queries[c->kind],
                 c->kind == CLIENT_ATOMIC && c->untold ? "&reply=summary" : "");
        return;
    }
    c->wanted = c->op_count = 1;
    c->cuts = one_in(s, 60);
    ask_op(s, c, &c->ops[0], true);
    ask_write(&c->ops[0], true, &c->text);
    split_target(c);
}

static bool is_bytes(const struct client *c)
{
    return c->kind == CLIENT_ONE && !c->again && (c->ops[0].verb == V_BYTES || c->ops[0].verb == V_REPLACE);
}

/* A retry of what was answered, or that is not the same at all. */
static void choose_again(struct sim *s, struct client *c, struct keyed_request *k)
{
    c->key = k;
    c->again = true;
    c->differs = !k->was_cut && one_in(s, 8);
    c->cuts = false;
    c->kind = k->kind;
    c->session = k->session;
    c->session_id = k->session_id;
    c->op_count = c->answered = c->wanted = 0;
    memcpy(c->target, k->target, sizeof c->target);
    buf_clear(&c->text);
    (void)buf_add_slice(&c->text, buf_slice(&k->text));
    if (c->differs)
        (void)buf_add_byte(&c->text, ' ');
}

static void choose_key(struct sim *s, struct client *c)
{
    struct keyed_request *k = &s->keys[roll(s, KEYS)];

    c->key = NULL;
    c->again = false;
    k->known &= s->next_key - k->number < KEYS_KEPT; /* others may be gone */
    k->known &= s->now->sessions[k->session].open && s->now->sessions[k->session].id == k->session_id;
    if (k->number != 0 && k->known && one_in(s, 4)) {
        choose_again(s, c, k);
        return;
    }
    choose_session(s, c);
    choose_what(s, c);
    if (c->kind == CLIENT_STREAM || strncmp(c->target, "POST ", 5) != 0 || !one_in(s, 6) || is_bytes(c))
        return;
    for (struct client *other = s->clients; other < s->clients + CLIENTS; other++)
        if (other->task != NULL && other->key == k)
            return;
    k->number = ++s->next_key;
    k->known = false;
    c->key = k;
}

static enum method method_of(const char *target)
{
    return target[0] == 'G' ? METHOD_GET : target[0] == 'D' ? METHOD_DELETE : target[1] == 'U' ? METHOD_PUT
           : target[1] == 'A'                               ? METHOD_PATCH
                                                            : METHOD_POST;
}

/* That is let in whatever becomes of the disk. */
static bool is_tuning(const struct client *c)
{
    enum verb v = c->kind == CLIENT_ONE && !c->again ? c->ops[0].verb : V_NEW;

    return v == V_FREEZE || v == V_TUNE || v == V_PERSIST;
}

static void begin(struct sim *s, struct client *c)
{
    struct header headers[3];
    struct request r = {.headers = headers, .grant = {.access = ACCESS_ADMIN}};
    char key[16];
    const char *query;

    choose_key(s, c);
    c->fed = c->read = 0;
    c->whole = c->admitted = c->failed = c->nothing_done = false;
    buf_clear(&c->answer);
    r.method = method_of(c->target);
    r.path = slice_of(strchr(c->target, ' ') + 1);
    if ((query = strchr(r.path.data, '?')) != NULL) {
        r.query = slice_of(query + 1);
        r.path.len = (size_t)(query - r.path.data);
    }
    if (c->session != 0)
        headers[r.header_count++] = (struct header){SLICE("Heapd-Session"), slice_of(s->now->sessions[c->session].token)};
    if (c->key != NULL) {
        snprintf(key, sizeof key, "k%u", c->key->number);
        headers[r.header_count++] = (struct header){SLICE("Idempotency-Key"), slice_of(key)};
    }
    if (is_bytes(c))
        headers[r.header_count++] = (struct header){SLICE("Content-Type"), SLICE("application/octet-stream")};
    r.framed = c->kind != CLIENT_ONE || c->text.len > 0 || r.method == METHOD_POST || is_bytes(c);
    r.has_body = c->kind != CLIENT_ONE || c->text.len > 0;
    r.length_known = c->kind == CLIENT_ONE;
    r.length = c->text.len;
    c->met_full_disk = world_is_full(s) && r.method != METHOD_GET && !is_tuning(c);
    c->admitted = session_of(s, c) != NULL && !c->met_full_disk;
    if (c->admitted)
        count_running(s, c, 1);
    c->task = api_begin(s->api, &r);
    CHECK(c->task != NULL);
    c->keeps = c->kind != CLIENT_ONE && !c->again;
    sim_note(s, (char)('a' + (c - s->clients)), slice_of(c->target));
}

/* ---- sending ---- */

static void ask_more(struct sim *s, struct client *c)
{
    uint32_t more = 1 + roll(s, 60);

    for (; more > 0 && c->op_count < c->wanted; more--) {
        struct sim_op *op = &c->ops[c->op_count];

        ask_op(s, c, op, false);
        if (c->kind == CLIENT_STREAM && one_in(s, 400))
            op->verb = V_COLLECT, op->n = roll(s, 3);
        ask_write(op, false, &c->text);
        c->op_count++;
    }
}

/* How far a summary has come that waits for the end, since it has a key, nobody can see: it is sent at once. */
static bool is_at_once(const struct client *c)
{
    return c->kind == CLIENT_SUMMARY && c->key != NULL && !c->again;
}

/* Some bytes, wherever that cuts a line. */
static void feed(struct sim *s, struct client *c)
{
    size_t left, n;
    bool last;

    if (c->op_count < c->wanted)
        ask_more(s, c);
    while (c->op_count < c->wanted && is_at_once(c))
        ask_more(s, c);
    if (!task_wants_body(c->task) || c->whole)
        return;
    left = c->text.len - c->fed;
    n = (left < FEED_MAX && !one_in(s, 4)) || is_at_once(c) ? left : roll(s, (uint32_t)(left < FEED_MAX ? left : FEED_MAX) + 1);
    last = n == left && c->op_count == c->wanted && !c->cuts;
    if (n == 0 && !last)
        return;
    task_feed(c->task, (struct slice){n > 0 ? c->text.data + c->fed : "", n}, last);
    c->fed += n;
    c->whole = last;
}

/* ---- answers ---- */

static void take_answer(struct client *c)
{
    struct reply *r = task_reply(c->task);

    if (r == NULL)
        return;
    (void)buf_add_slice(&c->answer, buf_slice(&r->body));
    buf_clear(&r->body);
}

static bool next_line(struct client *c, struct slice *ret)
{
    const char *from = c->answer.data + c->read;
    const char *end = c->read < c->answer.len ? memchr(from, '\n', c->answer.len - c->read) : NULL;

    if (end == NULL)
        return false;
    *ret = (struct slice){from, (size_t)(end - from)};
    c->read += ret->len + 1;
    return true;
}

static bool begins_with(struct slice line, struct slice with)
{
    return line.len >= with.len && memcmp(line.data, with.data, with.len) == 0;
}

static bool begins(struct slice line, const char *with)
{
    return begins_with(line, slice_of(with));
}

/* An op more has been answered. */
static bool judge_next(struct sim *s, struct client *c, int status, struct slice answer)
{
    bool done;

    s->op++;
    forget_op(s, &c->ops[c->answered]);
    done = judge(s, c, c->answered, status, answer);
    c->answered++;
    return done;
}

static void judge_summary(struct sim *s, struct client *c, struct slice line)
{
    char wanted[48];

    snprintf(wanted, sizeof wanted, "{\"done\":%u,\"failed\":%d}", c->answered - c->failed, c->failed);
    DEMAND(s, slice_is(line, wanted), "%s, it should say", wanted);
}

static void note_line(struct sim *s, struct client *c, struct slice line)
{
    if (s->tells && c->answered < c->op_count) {
        struct buf text;

        buf_init(&text, &s->own, SIZE_MAX);
        ask_write(&c->ops[c->answered], c->kind == CLIENT_ONE, &text);
        sim_tell(s, (char)('A' + (c - s->clients)), buf_slice(&text));
        buf_fini(&text);
    }
    sim_note(s, (char)('a' + (c - s->clients)), line);
}

static void judge_lines(struct sim *s, struct client *c)
{
    struct slice line;

    while (next_line(c, &line)) {
        note_line(s, c, line);
        if (begins(line, "{\"done\":"))
            judge_summary(s, c, line);
        else if (!judge_next(s, c, 0, line))
            c->failed = true;
    }
    if (c->failed || (c->whole && c->answered == c->op_count))
        c->keeps = false; /* that is its end, though it may take some more steps */
}

/* Ops of a batch that tells nothing of each: so many were done, and perhaps the next has failed. */
static void judge_untold(struct sim *s, struct client *c, uint32_t done)
{
    for (; done > 0; done--)
        DEMAND(s, judge_next(s, c, 0, (struct slice){NULL, 0}), "done");
}

/* {"done":7,"failed":0}, or with a problem. */
static void judge_last_line(struct sim *s, struct client *c)
{
    struct slice line;
    char wanted[48];

    if (!next_line(c, &line))
        return;
    note_line(s, c, line);
    c->failed = memmem(line.data, line.len, "\"failed\":1", 10) != NULL;
    snprintf(wanted, sizeof wanted, "{\"done\":%u,\"failed\":%d", c->answered, c->failed);
    DEMAND(s, begins(line, wanted), "%s, it should say", wanted);
    c->nothing_done = c->failed && c->answered == 0 && memmem(line.data, line.len, "disk-full", 9) != NULL;
    if (!c->failed)
        return;
    DEMAND(s, !judge_next(s, c, 400, line), "line %u failed", c->answered);
    c->keeps = false;
}

static void judge_summary_so_far(struct sim *s, struct client *c)
{
    judge_last_line(s, c);
    judge_learn_ids(s, c);
}

/* Everything is as it was before; which op it was stands in the problem. */
static void judge_taken_back(struct sim *s, struct client *c, struct slice answer)
{
    const char *at = memmem(answer.data, answer.len, "\"line\":", 7);
    uint32_t line = (uint32_t)strtoul(at + 7, NULL, 10);

    DEMAND(s, line < c->op_count, "there is no line %u", line);
    model_copy(s->spare, s->now);
    while (c->answered < line)
        (void)judge_next(s, c, 0, (struct slice){NULL, 0});
    DEMAND(s, !judge_next(s, c, 400, answer), "line %u failed", line);
    model_copy(s->now, s->spare);
    c->keeps = false;
}

static void judge_atomic(struct sim *s, struct client *c, int status)
{
    struct slice answer = buf_slice(&c->answer);

    if (status < 400) {
        if (c->untold)
            judge_untold(s, c, c->op_count);
        c->keeps &= !c->untold;
        judge_lines(s, c);
        if (c->untold)
            judge_learn_ids(s, c);
        DEMAND(s, c->answered == c->op_count, "not all was answered");
        return;
    }
    note_line(s, c, answer);
    if (memmem(answer.data, answer.len, "\"line\":", 7) != NULL)
        judge_taken_back(s, c, answer);
    else
        judge_refusal(s, c, answer);
}

/* ---- keys ---- */

/* Whoever comes with this again has to be answered with what is in k->answer then. */
static struct keyed_request *keep_request(struct sim *s, struct client *c, bool known, int status)
{
    struct keyed_request *k = c->key;

    k->known = known;
    k->commit = world_open_commit(s);
    k->was_cut = false;
    k->status = status;
    k->kind = c->kind;
    k->session = c->session;
    k->session_id = c->session_id;
    memcpy(k->target, c->target, sizeof k->target);
    buf_clear(&k->text);
    buf_clear(&k->answer);
    (void)buf_add_slice(&k->text, buf_slice(&c->text));
    return k;
}

static void keep_for_retries(struct sim *s, struct client *c, const struct reply *r)
{
    bool known = r->status < 500 && r->status != 429 && session_of(s, c) != NULL && c->admitted && !c->nothing_done;

    (void)buf_add_slice(&keep_request(s, c, known, r->status)->answer, buf_slice(&c->answer));
}

/* It is cut off: what was done of a batch stays done, and of others there was nothing. */
static void keep_how_far(struct sim *s, struct client *c)
{
    struct keyed_request *k = keep_request(s, c, c->kind == CLIENT_SUMMARY && c->answered > 0, 200);

    k->was_cut = true;
    (void)buf_printf(&k->answer, "{\"done\":%u,\"failed\":1", c->answered);
}

static void judge_retry(struct sim *s, struct client *c, const struct reply *r)
{
    const struct keyed_request *k = c->key;
    struct slice answer = buf_slice(&c->answer), first = buf_slice(&k->answer);

    note_line(s, c, answer);
    if (r->status == 507 || (r->status == 409 && memmem(answer.data, answer.len, "session-ended", 13) != NULL)) {
        judge_refusal(s, c, answer);
        return;
    }
    if (c->differs) {
        DEMAND(s, r->status == 422 && !r->replayed, "a key that was used is taken again");
        return;
    }
    if (first.len > s->settings.idempotency_answer_bytes_max) {
        DEMAND(s, r->status == 409 && memmem(answer.data, answer.len, "answer-not-kept", 15) != NULL, "too long to be kept, and kept");
        return;
    }
    DEMAND(s, r->replayed && r->status == k->status && (k->was_cut ? begins_with(answer, first) : slice_eq(answer, first)),
           "a retry is answered otherwise than the first");
    s->replays++;
}

/* ---- a turn ---- */

static void answered(struct sim *s, struct client *c)
{
    const struct reply *r = task_reply(c->task);

    if (c->again)
        judge_retry(s, c, r);
    else if (c->kind == CLIENT_STREAM && r->status < 400)
        judge_lines(s, c);
    else if (c->kind == CLIENT_STREAM)
        judge_refusal(s, c, buf_slice(&c->answer));
    else if (c->kind == CLIENT_SUMMARY && r->status >= 400)
        judge_refusal(s, c, buf_slice(&c->answer));
    else if (c->kind == CLIENT_SUMMARY)
        judge_summary_so_far(s, c);
    else if (c->kind == CLIENT_ATOMIC)
        judge_atomic(s, c, r->status);
    else {
        note_line(s, c, buf_slice(&c->answer));
        (void)judge_next(s, c, r->status, buf_slice(&c->answer));
    }
    if (c->key != NULL && !c->again)
        keep_for_retries(s, c, r);
    end(s, c);
    world_hold_answer(s);
}

static bool is_slow(const struct client *c)
{
    enum verb v = c->kind == CLIENT_ONE && !c->again ? c->ops[0].verb : V_NEW;

    return c->kind == CLIENT_STREAM || v == V_COLLECT || v == V_VALIDATE || v == V_FREEZE;
}

/* All at once, and what is not told of the ops of a batch is seen by how many were counted. */
static enum task_turn step_to_its_end(struct sim *s, struct client *c)
{
    uint64_t before = s->api->counters.batch_ops;
    enum task_turn turn;
    int i = 0;

    do {
        DEMAND(s, i++ < STEPS_MAX, "it never ends");
        turn = task_step(c->task, 1 + roll(s, 300));
        DEMAND(s, turn != TASK_WAIT && (turn != TASK_INPUT || !c->whole), "it waits, and has nothing to wait for");
    } while (turn != TASK_DONE && turn != TASK_INPUT);
    if (c->kind == CLIENT_SUMMARY && !c->again) {
        judge_untold(s, c, (uint32_t)(s->api->counters.batch_ops - before));
        c->keeps &= turn != TASK_DONE && !is_at_once(c); /* who is at once is cut off now, if he is */
    }
    return turn;
}

static void step(struct sim *s, struct client *c)
{
    size_t before = c->answer.len;
    bool at_once = c->kind == CLIENT_SUMMARY || (c->whole && !is_slow(c));
    enum task_turn turn = at_once ? step_to_its_end(s, c) : task_step(c->task, 1 + roll(s, 300));

    take_answer(c);
    if (turn == TASK_DONE) {
        answered(s, c);
        return;
    }
    if (c->kind == CLIENT_SUMMARY && !c->again)
        judge_summary_so_far(s, c);
    else if (c->kind == CLIENT_STREAM)
        judge_lines(s, c);
    if (c->answer.len > before)
        world_hold_answer(s);
}

static bool has_sent_enough(struct sim *s, const struct client *c)
{
    return c->cuts && c->op_count == c->wanted && (c->fed == c->text.len || one_in(s, 4));
}

void client_turn(struct sim *s, struct client *c)
{
    if (c->task == NULL) {
        begin(s, c);
        return;
    }
    feed(s, c);
    step(s, c);
    if (c->task != NULL && !c->whole && has_sent_enough(s, c)) {
        if (c->key != NULL)
            keep_how_far(s, c);
        end(s, c);
        s->cut_requests++;
    }
}
