/*
 * test_api_answers.c - what retries are answered is kept with what was done: a request with a key is written down in steps as
 * the daemon commits them, and after each of them the process might end. Put back, either nothing of it is there and a retry
 * is carried out, or a retry is answered, and exactly that is there.
 */
#include "api/config.h"
#include "api/redo.h"
#include "heap/pool.h"
#include "heap/restore.h"
#include "tests/unit/api_world.h"

#define KEY "Idempotency-Key: 8e03978e-40d5-43e8-bc93-6894a57f9324"
#define UNIX_MS 1700000000000u
#define MARKS_MAX 4096

/* What a world with a key has written down. */
struct log {
    struct redo redo;
    struct heap_journal journal;
    size_t marks[MARKS_MAX]; /* commits may end here */
    size_t mark_count;
    bool refuses;            /* to make room for an answer */
    size_t kept, gone;       /* how often it was told */
    uint64_t gone_number;
};

static enum err prepare(void *ctx, struct why *why)
{
    struct log *l = ((struct world *)ctx)->own;

    return l->refuses ? why_set(why, ERR_NOMEM, "no memory") : redo_prepare_answer(&l->redo, why);
}

static void keep(void *ctx, const struct idem_record *record)
{
    struct log *l = ((struct world *)ctx)->own;

    l->kept++;
    redo_note_answer(&l->redo, record, UNIX_MS);
}

static enum err gone(void *ctx, uint64_t number)
{
    struct log *l = ((struct world *)ctx)->own;

    l->gone++;
    l->gone_number = number;
    return redo_note_answers_gone(&l->redo, number, NULL);
}

static struct world *logging_world(struct log *l)
{
    struct world *w = world_new();

    *l = (struct log){.mark_count = 0};
    w->own = l;
    w->settings.batch_turn_ops = 7;
    redo_init(&l->redo, w->heap, &w->mem);
    l->journal = (struct heap_journal){.ctx = &l->redo, .note = redo_note, .mark = redo_mark, .cut = redo_cut};
    ck_assert_int_eq(heap_set_journal(w->heap, &l->journal), ERR_OK);
    w->api->world.answers = (struct api_answers){.ctx = w, .prepare = prepare, .keep = keep, .gone = gone};
    return w;
}

/* The text that was written stays, to be freed: two worlds cannot be at a time, for jansson knows one account. */
static char *logging_world_end(struct world *w)
{
    struct log *l = w->own;
    char *text = malloc(redo_text_bytes(&l->redo) + 1), *at = text;

    ck_assert_int_eq(heap_set_journal(w->heap, NULL), ERR_OK);
    w->api->world.answers = (struct api_answers){.ctx = NULL};
    for (const struct redo_chunk *c = l->redo.first; c != NULL; c = c->next)
        at = slice_copy(at, buf_slice(&c->text));
    *at = '\0';
    redo_fini(&l->redo);
    world_free(w);
    return text;
}

/* A commit takes what has changed so far. */
static void mark(struct world *w)
{
    struct log *l = w->own;

    ck_assert_int_eq(heap_settle_journal(w->heap), ERR_OK);
    ck_assert_uint_lt(l->mark_count, MARKS_MAX);
    l->marks[l->mark_count++] = redo_text_bytes(&l->redo);
}

/* ---- a request, step by step ---- */

struct asked {
    const char *path, *query;
    const char *body;
    bool is_cut; /* the peer goes after the body's first half */
};

static struct task *begin(struct world *w, const struct asked *a)
{
    struct header key = {SLICE("Idempotency-Key"), SLICE("8e03978e-40d5-43e8-bc93-6894a57f9324")};
    struct request r = {.method = METHOD_POST, .grant = {.access = ACCESS_ADMIN}, .path = slice_of(a->path), .query = slice_of(a->query),
                        .headers = &key, .header_count = 1, .framed = true, .has_body = true};

    return api_begin(w->api, &r);
}

/* Until its answer, or until it is cut off. Between two steps the world goes on, and commits. */
static void carry_out(struct world *w, const struct asked *a)
{
    struct slice body = slice_of(a->body);
    struct task *t = begin(w, a);
    bool fed = false, done = false;

    if (a->is_cut)
        body.len /= 2;
    while (t != NULL && !done && !(a->is_cut && fed && body.len == 0 && task_step(t, STEP_UNITS) == TASK_INPUT)) {
        size_t n = body.len < w->feed_bytes ? body.len : w->feed_bytes;

        if (!fed && task_wants_body(t)) {
            fed = n == body.len;
            task_feed(t, (struct slice){body.data, n}, fed && !a->is_cut);
            body = slice_from(body, n);
        }
        done = task_step(t, STEP_UNITS) == TASK_DONE;
        mark(w);
        gc_step(w->gc, 1000);
        api_step(w->api, 5);
    }
    if (t != NULL)
        task_end(&t);
    mark(w);
}

/* ---- put back ---- */

static enum err no_bytes(void *ctx, obj_id id, struct payload **ret, struct why *why)
{
    (void)ctx;
    (void)id;
    (void)ret;
    return why_set(why, ERR_BAD_VALUE, "there are none");
}

/* What another process finds that has so much of the text. */
static struct world *put_back(struct slice text)
{
    struct world *w = world_new();
    struct redo_reader reader = {.heap = w->heap, .sessions = w->sessions, .mem = &w->mem, .now_ms = w->now_ms, .get_bytes = no_bytes,
                                 .answers = api_put_back_answers(w->api), .unix_ms = UNIX_MS + 5};
    slot_t cursor = 0;

    ck_assert_int_eq(heap_restore_begin(w->heap, 64, NULL), ERR_OK);
    while (text.len > 0) {
        struct slice line = slice_cut(&text, '\n');
        struct why why = {0};

        ck_assert_msg(redo_apply(&reader, line, &why) == ERR_OK, "%.*s: %s", (int)line.len, line.data, why.text);
    }
    ck_assert_int_eq(redo_end(&reader, NULL), ERR_OK);
    while (heap_restore_end(w->heap, &cursor, 1000) == 0)
        ;
    while (heap_reap(w->heap, SIZE_MAX) == 0)
        ;
    ck_assert_uint_eq(idem_validate(w->api->idempotency), 0);
    api_apply_settings(w->api);
    return w;
}

static uint64_t roots(struct world *w)
{
    struct heap_stats stats;

    heap_stats(w->heap, &stats);
    return stats.roots;
}

/* Each op that makes something names it, so what was done is counted by names. */
static uint64_t told_done(const struct world *w, uint64_t all)
{
    const char *done = strstr(w->body, "{\"done\":");

    if (w->status >= 400)
        return 0;
    return done == NULL ? all : strtoull(done + strlen("{\"done\":"), NULL, 10);
}

/* True: it was known. */
static bool retry_is_right(struct slice text, const struct asked *a, uint64_t all)
{
    static const char *const with_key[] = {KEY, NULL};
    struct world *w = put_back(text);
    uint64_t there = roots(w);
    bool replayed;

    ask_with(w, f("POST %s?%s", a->path, a->query), slice_of(a->body), with_key);
    replayed = w->head.replayed;
    if (replayed)
        ck_assert_msg(told_done(w, all) == there, "%s: %d %s, and there are %u", a->path, w->status, w->body, (unsigned)there);
    else if (w->status == 409) /* done, and its answer was lost: nothing is done again */
        ck_assert_msg(strstr(w->body, "answer-not-kept") != NULL, "%s", w->body);
    else
        ck_assert_msg(there == 0 && told_done(w, all) == all, "%s: %u, then %s", a->path, (unsigned)there, w->body);
    ck_assert_uint_eq(roots(w), replayed || w->status >= 400 ? there : all);
    replayed |= w->status == 409;
    world_free(w);
    return replayed;
}

/* ---- what is asked ---- */

/* At each mark, or at so many of them; at the last there is an answer. Ends the world. */
static void check_marks(struct world *w, const struct asked *a, uint64_t all, size_t every)
{
    struct log *l = w->own;
    char *text = logging_world_end(w);

    for (size_t i = 0; i < l->mark_count; i += every)
        retry_is_right((struct slice){text, l->marks[i]}, a, all);
    ck_assert(retry_is_right(slice_of(text), a, all));
    free(text);
}

static void check_each_step(const struct asked *a, uint64_t all)
{
    struct log l;
    struct world *w = logging_world(&l);

    w->feed_bytes = 200;
    carry_out(w, a);
    check_marks(w, a, all, 1);
}

START_TEST(whenever_it_ends_a_retry_is_told_what_is_there)
{
    check_each_step(&(struct asked){"/v1/objects", "", "{\"class\":\"A\",\"root\":\"r\"}", false}, 1);
    check_each_step(&(struct asked){"/v1/objects", "", "{\"class\":7,\"root\":\"r\"}", false}, 0);
    check_each_step(&(struct asked){"/v1/objects", "", "{\"items\":[[1],[2],[3,[4]]],\"root\":\"r\"}", false}, 1);
}
END_TEST

START_TEST(a_large_object_and_its_answer_come_in_one_step)
{
    char *body = malloc(70000), *at = body;
    struct log l;
    struct world *w = logging_world(&l);
    struct asked a = {"/v1/objects", "", body, false};

    at += sprintf(at, "{\"root\":\"r\",\"items\":[");
    for (int i = 0; i < 8000; i++)
        at += sprintf(at, "%s[%d]", i > 0 ? "," : "", i);
    (void)sprintf(at, "]}");
    w->settings.json_inline_bytes_max = 1000;
    w->feed_bytes = 5000;
    carry_out(w, &a);
    ck_assert_uint_gt(l.mark_count, 20);
    check_marks(w, &a, 1, 1 + l.mark_count / 20);
    free(body);
}
END_TEST

#define OPS 60
#define NONE (-1) /* of them fails */

/* One name each: who is told that n are done finds n names. */
static char *many_ops(json_int_t id, int bad_at)
{
    char *text = malloc(OPS * 64), *at = text;

    for (int i = 0; i < OPS; i++)
        at += sprintf(at, "[\"root\",\"r%d\"," ID "]\n", i, i == bad_at ? 4711 : id);
    return text;
}

static void check_batch(const char *query, int bad_at, bool is_cut, uint64_t all)
{
    struct log l;
    struct world *w = logging_world(&l);
    json_int_t id = create(w, "{\"class\":\"Known\"}"); /* what is named; there in every life */
    char *text = many_ops(id, bad_at);
    struct asked a = {"/v1/batch", query, text, is_cut};

    mark(w);
    w->feed_bytes = 200;
    carry_out(w, &a);
    check_marks(w, &a, all, 1);
    free(text);
}

START_TEST(a_batch_at_work_is_as_one_that_was_cut_off)
{
    check_batch("reply=summary", NONE, false, OPS);
    check_batch("reply=summary", OPS - 1, false, OPS - 1);
    check_batch("reply=summary", 5, false, 5); /* the rest of the lines still comes */
    check_batch("reply=summary", NONE, true, OPS);
}
END_TEST

START_TEST(an_atomic_batch_is_kept_with_its_answer_or_not_at_all)
{
    check_batch("atomic=true", NONE, false, OPS);
    check_batch("atomic=true", OPS - 1, false, 0);
    check_batch("atomic=true&reply=summary", NONE, false, OPS);
}
END_TEST

/* ---- memory is short ---- */

/* Whatever is refused while it is carried out: what is there and what a retry is told agree. */
START_TEST(refused_memory_leaves_no_deed_without_an_answer)
{
    static const struct asked cases[] = {
        {"/v1/objects", "", "{\"class\":\"A\",\"root\":\"r\"}", false},
        {"/v1/objects", "", "{\"items\":[[1],[2],[3,[4]]],\"root\":\"r\"}", false},
    };
    bool refused = true;

    for (uint64_t nth = 1; refused; nth++) {
        struct log l;
        struct world *w = logging_world(&l);
        char *text;

        w->mem.fail_at = w->mem.request_count + nth;
        carry_out(w, &cases[_i]);
        refused = w->mem.fail_at <= w->mem.request_count;
        w->mem.fail_at = 0;
        mark(w);
        text = logging_world_end(w);
        retry_is_right(slice_of(text), &cases[_i], 1);
        free(text);
    }
}
END_TEST

/* The room that was made in time is enough, though there is no more at all from then on. */
START_TEST(that_it_was_done_is_written_down_where_there_is_no_memory)
{
    struct idem_hash name = {{1}}, request = {{2}};
    struct idem_print print = {request, UINT64_MAX - 1};
    char location[REPLY_LOCATION_MAX], body[4096];
    struct idem_answer answer = {.status = 201, .content_type = "application/problem+json", .has_etag = true, .etag = UINT64_MAX};
    struct idem_record record = {INT64_MAX / 1024, &name, &print, &answer};
    struct log l;
    struct world *w = logging_world(&l);

    memset(location, '7', sizeof location - 1);
    memset(body, '"', sizeof body);
    answer.location = (struct slice){location, sizeof location - 1};
    answer.body = (struct slice){body, sizeof body};
    ck_assert_int_eq(redo_prepare_answer(&l.redo, NULL), ERR_OK);
    w->mem.fail_at = w->mem.request_count + 1;
    w->mem.fail_on = true;
    redo_note_answer(&l.redo, &record, UNIX_MS);
    w->mem.fail_on = false;
    w->mem.fail_at = 0;
    ck_assert_ptr_null(l.redo.spare);
    ck_assert_ptr_nonnull(l.redo.first);
    ck_assert_ptr_nonnull(strstr(l.redo.first->text.data, "\"lost\":true"));
    ck_assert_ptr_nonnull(strstr(l.redo.first->text.data, "\"location\":\"777"));
    ck_assert_uint_lt(l.redo.first->text.len, 512);
    free(logging_world_end(w));
}
END_TEST

START_TEST(where_no_answer_can_be_kept_nothing_is_done)
{
    static const char *const with_key[] = {KEY, NULL};
    static const char *const cases[][2] = {{"POST /v1/objects", "{\"class\":\"A\",\"root\":\"r\"}"},
                                           {"POST /v1/batch?atomic=true", "[\"new\",\"A\"]\n[\"root\",\"r\",\"@0\"]\n"}};
    struct log l;
    struct world *w = logging_world(&l);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        l.refuses = true;
        ck_assert_int_eq(ask_with(w, cases[i][0], slice_of(cases[i][1]), with_key), 507);
        ck_assert_uint_eq(roots(w), 0);
        ck_assert_uint_eq(l.kept, 0);
        l.refuses = false;
    }
    ck_assert_int_eq(ask_with(w, cases[0][0], slice_of(cases[0][1]), with_key), 201);
    ck_assert(!w->head.replayed);
    ck_assert_uint_eq(l.kept, 1);
    free(logging_world_end(w));
}
END_TEST

/* ---- limits ---- */

static void ask_key(struct world *w, unsigned n)
{
    char key[64];
    const char *headers[] = {key, NULL};

    snprintf(key, sizeof key, "Idempotency-Key: k%u", n);
    ck_assert_int_eq(ask_with(w, "POST /v1/sessions", SLICE(""), headers), 201);
}

/* As many are told to be gone as are: in another life they are those that are here. */
START_TEST(what_is_gone_here_is_gone_there)
{
    struct log l;
    struct world *w = logging_world(&l), *again;
    struct idem_stats s;
    char *text;

    w->settings.idempotency_keys_max = 10;
    w->settings.idempotency_keep_ms = 1000;
    api_apply_settings(w->api);
    for (unsigned n = 0; n < 200; n++) {
        ask_key(w, n);
        if (api_has_work(w->api))
            api_step(w->api, 1000);
    }
    ck_assert_uint_gt(l.gone, 0);
    ck_assert_uint_lt(l.gone, 10); /* not each by itself */
    ck_assert_uint_ge(l.gone_number, 190 - API_UNTOLD_MAX);
    w->now_ms += 1000;
    ck_assert(api_has_work(w->api));
    api_step(w->api, 1000);
    ck_assert_uint_eq(l.gone_number, 200);
    ask_key(w, 7);
    text = logging_world_end(w);
    again = put_back(slice_of(text));
    idem_stats(again->api->idempotency, &s);
    ck_assert_uint_eq(s.kept, 1);
    while (session_count(again->sessions) > 1) {
        struct session_info info;
        uint32_t cursor = 0;

        do
            ck_assert(session_next(again->sessions, &cursor, &info));
        while (info.id == 0);
        ck_assert_int_eq(session_end(again->sessions, info.id, NULL), ERR_OK);
    }
    world_free(again);
    free(text);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(whenever_it_ends_a_retry_is_told_what_is_there),
        TEST(a_large_object_and_its_answer_come_in_one_step),
        TEST(a_batch_at_work_is_as_one_that_was_cut_off),
        TEST(an_atomic_batch_is_kept_with_its_answer_or_not_at_all),
        TEST(refused_memory_leaves_no_deed_without_an_answer, .rounds = 2),
        TEST(that_it_was_done_is_written_down_where_there_is_no_memory),
        TEST(where_no_answer_can_be_kept_nothing_is_done),
        TEST(what_is_gone_here_is_gone_there),
    };
    return unit_main(argc, argv, "api_answers", tests, ARRAY_LEN(tests));
}
