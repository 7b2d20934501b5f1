/*
 * test_api_batch.c - batches: line for line, cut, too long, failing, refused memory, and any at all.
 */
#include "tests/unit/api_world.h"

START_TEST(a_batch_answers_line_for_line)
{
    struct world *w = world_new();

    w->feed_bytes = (size_t)(1 + _i * 7);
    must_say(w, "POST /v1/batch",
             "[\"new\",\"Node\",{\"val\":1}]\n\n  \r\n"
             "[\"new\",\"Node\",{\"next\":{\"$ref\":\"@0\"}}]\n"
             "[\"set\",\"@0\",\"next\",{\"$ref\":\"@1\"}]\n"
             "[\"is\",\"@0\",\"next\",{\"$ref\":\"@1\"}]\n"
             "[\"is\",\"@0\",\"nope\",null]\n"
             "[\"root\",\"r\",\"@0\"]\n"
             "[\"unset\",\"@0\",\"val\"]\n"
             "[\"unroot\",\"r\"]",
             200, NULL);
    ck_assert_str_eq(w->head.content_type, "application/x-ndjson");
    ck_assert_msg(strstr(w->body, "{\"id\":") == w->body, "%s", w->body);
    ck_assert_msg(strstr(w->body, "}\n{}\n{}\n{}\n{}\n{}\n{}\n{\"done\":8,\"failed\":0}\n") != NULL, "%s",
                  w->body);
    must_say(w, "POST /v1/batch", "[\"collect\"]\n", 200,
             "{\"collected\":2,\"uncollectable\":0}\n{\"done\":1,\"failed\":0}\n");
    must_say(w, "POST /v1/batch", "", 200, "{\"done\":0,\"failed\":0}\n");
    world_free(w);
}
END_TEST

START_TEST(a_batch_lets_go_of_what_it_made_and_nobody_holds)
{
    struct world *w = world_new();
    struct heap_stats stats;

    must_say(w, "POST /v1/batch",
             "[\"list\",[1,[2],{\"a\":3}]]\n[\"bytes\",\"Zm9v\"]\n[\"new\",\"Kept\"]\n[\"hold\",\"@2\"]\n"
             "[\"push\",\"@0\",{\"$weak\":\"@1\"}]\n[\"weak\",\"w\",\"@2\"]\n[\"get\",\"@1\"]\n",
             200, NULL);
    ck_assert_msg(strstr(w->body, "\"class\":\"bytes\",\"generation\":null,\"refs\":1") != NULL, "%s",
                  w->body);
    ck_assert_msg(strstr(w->body, "{\"done\":7,\"failed\":0}\n") != NULL, "%s", w->body);
    heap_stats(w->heap, &stats);
    ck_assert_uint_eq(stats.objects, 1);
    world_free(w);
}
END_TEST

START_TEST(the_first_op_that_fails_ends_a_batch)
{
    static const struct {
        const char *op;
        const char *type;
    } bad[] = {
        {"nonsense", "bad-json"},
        {"{}", "bad-request"},
        {"[]", "bad-request"},
        {"[\"nop\"]", "bad-request"},
        {"[\"get\"]", "bad-request"},
        {"[\"set\",1,2]", "bad-request"},
        {"[\"collect\",2,3]", "bad-request"},
        {"[\"get\",999]", "no-such-object"},
        {"[\"get\",\"@7\"]", "bad-value"},
        {"[\"get\",\"x\"]", "bad-value"},
        {"[\"get\",true]", "bad-value"},
        {"[\"collect\",3]", "bad-value"},
        {"[\"collect\",true]", "bad-value"},
        {"[\"bytes\",\"Zm9\"]", "bad-value"},
        {"[\"new\",\"\"]", "bad-value"},
        {"[\"new\",\"A\",[]]", "bad-value"},
        {"[\"new\",\"A\",{\"x\":{\"$ref\":999}}]", "dangling"},
        {"[\"list\",{}]", "bad-value"},
        {"[\"push\",\"@0\",1]", "wrong-kind"},
        {"[\"set\",\"@0\",0,1]", "wrong-kind"},
        {"[\"unset\",\"@0\",\"no\"]", "no-such-name"},
        {"[\"unroot\",\"no\"]", "no-such-name"},
        {"[\"drop\",\"@0\"]", "not-held"},
        {"[\"is\",\"@0\",\"a\",2]", "changed"},
        {"[\"is\",\"@0\",\"a\",{}]", "changed"},
        {"[\"is\",\"@0\",\"a\",1.0]", "changed"},
    };
    struct world *w = world_new();
    struct heap_stats stats;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        must_say(w, "POST /v1/batch", f("[\"new\",\"A\",{\"a\":1}]\n%s\n[\"new\",\"B\"]\n", bad[i].op), 200,
                 NULL);
        ck_assert_msg(strstr(w->body, f("\n{\"problem\":{\"type\":\"/problems/%s\"", bad[i].type)) != NULL,
                      "%s: %s", bad[i].op, w->body);
        ck_assert_msg(strstr(w->body, ",\"line\":1}\n{\"done\":1,\"failed\":1}\n") != NULL, "%s", w->body);
    }
    heap_stats(w->heap, &stats);
    ck_assert_uint_eq(stats.objects, 0);
    must_say(w, "POST /v1/batch?reply=summary", "[\"new\",\"A\"]\n[\"new\",\"B\"]\n", 200,
             "{\"done\":2,\"failed\":0}\n");
    must_say(w, "POST /v1/batch?reply=summary", "[\"new\",\"A\"]\nx\n", 200, NULL);
    ck_assert_msg(strstr(w->body, "{\"done\":1,\"failed\":1,\"problem\":{") == w->body, "%s", w->body);
    world_free(w);
}
END_TEST

START_TEST(a_long_batch_yields_streams_and_waits_for_room)
{
    struct world *w = world_new();
    size_t ops = 20000, len = 0;
    char *body = malloc(ops * 40);

    ck_assert_ptr_nonnull(body);
    for (size_t i = 0; i < ops; i++)
        len +=
            (size_t)sprintf(body + len, i % 2 ? "[\"get\",\"@%zu\"]\n" : "[\"new\",\"Node\",{\"n\":%zu}]\n",
                            i % 2 ? i - 1 : i);
    w->settings.backlog_bytes_max = 5000;
    w->feed_bytes = 4096;
    ck_assert_int_eq(ask_with(w, "POST /v1/batch", (struct slice){body, len}, NULL), 200);
    ck_assert(w->head.streaming);
    ck_assert_ptr_nonnull(strstr(w->body + w->body_len - 40, "{\"done\":20000,\"failed\":0}\n"));
    free(body);
    world_free(w);
}
END_TEST

START_TEST(a_batch_that_is_cut_keeps_what_it_has_done)
{
    struct world *w = world_new();
    struct request r = {.method = METHOD_POST, .grant = {.access = ACCESS_ADMIN}, .path = SLICE("/v1/batch"), .framed = true, .has_body = true};
    struct task *t = api_begin(w->api, &r);
    struct heap_stats stats;

    task_feed(t, SLICE("[\"new\",\"A\"]\n[\"root\",\"a\",\"@0\"]\n[\"new\",\"B\"]\n[\"root\",\"b\",\"@2\"]"),
              false);
    ck_assert_int_eq(task_step(t, STEP_UNITS), TASK_INPUT);
    ck_assert(task_reply(t)->streaming);
    task_end(&t);
    while (api_step(w->api, 100) == 0)
        ;
    heap_stats(w->heap, &stats);
    ck_assert_uint_eq(stats.roots, 1);
    ck_assert_uint_eq(stats.objects, 1);
    world_free(w);
}
END_TEST

START_TEST(a_batch_line_keeps_its_limit)
{
    struct world *w = world_new();
    size_t len = (64 << 10) + 1;
    char *body = malloc(len + 1);

    ck_assert_ptr_nonnull(body);
    memset(body, 'x', len);
    body[len] = '\0';
    w->feed_bytes = 10000;
    must_say(w, "POST /v1/batch", body, 200, NULL);
    ck_assert_msg(strstr(w->body, "\"limit\":{\"name\":\"batch_line_bytes_max\",\"value\":65536}") != NULL,
                  "%s", w->body);
    free(body);
    world_free(w);
}
END_TEST

START_TEST(the_depth_that_is_allowed_is_that_of_plain_ops_too)
{
    static const char *const ops[] = {"[\"get\",\"@0\"]", "[\"new\",\"A\",{\"a\":1}]", "[\"push\",\"@0\",{\"$ref\":\"@0\"}]",
                                      "[\"list\",[{\"$ref\":\"@0\"}]]"};
    static const uint64_t depth[] = {1, 2, 2, 3};
    struct world *w = world_new();

    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        for (w->settings.json_depth_max = 1; w->settings.json_depth_max <= 4; w->settings.json_depth_max++) {
            bool deep = w->settings.json_depth_max < depth[i];

            must_say(w, "POST /v1/batch", f("[\"bytes\",\"\"]\n%s\n", ops[i]), 200, NULL);
            ck_assert_msg((strstr(w->body, "\"json_depth_max\"") != NULL) == deep, "%s: %s", ops[i], w->body);
        }
    }
    world_free(w);
}
END_TEST

/* ["list",[[],[],...]] of about 60,000 bytes. */
static size_t write_long_line(char *line)
{
    size_t len = (size_t)sprintf(line, "[\"list\",[[]");

    while (len < 60000)
        len += (size_t)sprintf(line + len, ",[]");
    return len + (size_t)sprintf(line + len, "]]\n");
}

START_TEST(a_turn_is_over_sooner_when_lines_are_long)
{
    struct world *w = world_new();
    struct request r = {.method = METHOD_POST, .grant = {.access = ACCESS_ADMIN}, .framed = true, .path = SLICE("/v1/batch"), .has_body = true};
    struct task *t = api_begin(w->api, &r);
    char *line = malloc(64 << 10);
    size_t len = 0;

    ck_assert_ptr_nonnull(line);
    for (int i = 0; i < 4; i++) {
        len = write_long_line(line);
        task_feed(t, (struct slice){line, len}, false);
    }
    for (int done = 0; done < 4; done++) {
        ck_assert_int_eq(task_step(t, 256), TASK_MORE);
        ck_assert_uint_gt(task_reply(t)->body.len, 0);
        ck_assert_ptr_eq(memchr(task_reply(t)->body.data, '\n', task_reply(t)->body.len),
                         task_reply(t)->body.data + task_reply(t)->body.len - 1); /* one answer */
        buf_clear(&task_reply(t)->body);
    }
    task_end(&t);
    free(line);
    world_free(w);
}
END_TEST

/* What a batch holds of memory does not grow with the number of its ops; what it makes does. */
START_TEST(a_batch_may_be_as_long_as_it_likes)
{
    struct world *w = world_new();
    struct request r = {.method = METHOD_POST, .grant = {.access = ACCESS_ADMIN}, .framed = true, .path = SLICE("/v1/batch"), .query = SLICE("reply=summary"), .has_body = true};
    struct task *t = api_begin(w->api, &r);
    char lines[4096];
    size_t len = 0, before;

    for (int i = 0; i < 100; i++)
        len += (size_t)sprintf(lines + len, "[\"set\",\"@0\",\"a\",{\"$ref\":\"@0\"}]\n");
    task_feed(t, SLICE("[\"new\",\"A\"]\n"), false);
    task_feed(t, (struct slice){lines, len}, false);
    while (task_step(t, 1000) != TASK_INPUT)
        ;
    before = w->mem.used_bytes;
    for (int i = 0; i < 1000; i++) {
        task_feed(t, (struct slice){lines, len}, false);
        while (task_step(t, 1000) != TASK_INPUT)
            gc_step(w->gc, 1000);
        ck_assert_uint_le(w->mem.used_bytes, before + (64 << 10));
    }
    run(w, t, SLICE(""));
    ck_assert_str_eq(w->body, "{\"done\":100101,\"failed\":0}\n");
    task_end(&t);
    world_free(w);
}
END_TEST

static void must_show(const char *line, const char *part)
{
    const char *found = strstr(line, part);

    ck_assert_msg(found != NULL && found < strchr(line, '\n'), "no %s in %.200s", part, line);
}

/* More kinds of records than there are forms, each many times, in an order that makes and takes away forms. */
START_TEST(records_are_what_they_would_be_whatever_form_made_them)
{
    enum { KINDS = 40, ROUNDS = 6 };
    struct world *w = world_new();
    char *body = malloc(KINDS * ROUNDS * 200), *at = body;

    ck_assert_ptr_nonnull(body);
    for (int i = 0; i < KINDS * ROUNDS; i++) {
        int kind = (i / 2) % KINDS; /* twice each, so that forms are made */

        at += sprintf(at, "[\"new\",\"K%d\",{\"a%d\":%d,\"b\":\"x\"%s}]\n", kind % 7, kind % 5, i,
                      kind % 2 ? ",\"c\":{\"$ref\":\"@0\"}" : "");
        at += sprintf(at, "[\"get\",\"@%d\"]\n", 2 * i);
    }
    ck_assert_int_eq(ask(w, "POST /v1/batch", body), 200);
    at = w->body;
    for (int i = 0; i < KINDS * ROUNDS; i++) {
        int kind = (i / 2) % KINDS;

        at = strchr(at, '\n') + 1; /* behind the id */
        must_show(at, f("\"class\":\"K%d\",", kind % 7));
        must_show(at, f("\"fields\":{\"a%d\":%d,\"b\":\"x\"%s", kind % 5, i, kind % 2 ? ",\"c\":{\"$ref\":" : "}}"));
        at = strchr(at, '\n') + 1;
    }
    free(body);
    world_free(w);
}
END_TEST

/* ---- any batch ---- */

struct script {
    char text[64 << 10];
    size_t len;
    uint64_t seed;
    uint32_t op;        /* number of the next one */
    uint32_t made[512]; /* numbers of ops that make an object */
    uint32_t made_count;
};

__attribute__((format(printf, 2, 3))) static void say(struct script *s, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    s->len += (size_t)vsnprintf(s->text + s->len, sizeof s->text - s->len, format, args);
    va_end(args);
    ck_assert_uint_lt(s->len, sizeof s->text);
    s->op++;
}

static void say_new(struct script *s, uint32_t a, uint32_t b)
{
    s->made[s->made_count++] = s->op;
    switch (unit_rand_below(&s->seed, 5)) {
    case 0:
        say(s, "[\"new\",\"A\",{\"x\":{\"$ref\":\"@%u\"},\"y\":[{\"$ref\":\"@%u\"},{}]}]\n", a, b);
        break;
    case 1:
        say(s, "[\"list\",[1,{\"$ref\":\"@%u\"},[{\"z\":{\"$weak\":\"@%u\"}}]]]\n", a, b);
        break;
    case 2:
        say(s, "[\"bytes\",\"AAAA\"]\n");
        break;
    default:
        say(s, "[\"new\",\"A\",{\"x\":{\"$ref\":\"@%u\"},\"n\":%u}]\n", a, b);
        break;
    }
}

/* An op about objects that the batch has made; one in fifty may fail. */
static void say_any(struct script *s)
{
    uint32_t a = s->made[unit_rand_below(&s->seed, s->made_count)];
    uint32_t b = s->made[unit_rand_below(&s->seed, s->made_count)];

    switch (unit_rand_below(&s->seed, 50)) {
    case 0:
        say(s, "[\"push\",\"@%u\",{\"$ref\":\"@%u\"}]\n", a, b);
        break;
    case 1:
        say(s, "[\"collect\",%u]\n", a % 3);
        break;
    case 2:
        say(s, "[\"drop\",\"@%u\"]\n", a);
        break;
    case 3:
        say(s, "[\"set\",\"@%u\",0,{\"deep\":[[%u]]}]\n", a, b);
        break;
    case 4:
    case 5:
    case 6:
    case 7:
        say(s, "[\"hold\",\"@%u\"]\n", a);
        break;
    case 8:
    case 9:
    case 10:
        say(s, "[\"root\",\"r%u\",\"@%u\"]\n", a % 5, b);
        break;
    case 11:
    case 12:
        say(s, "[\"weak\",\"w%u\",\"@%u\"]\n", a % 5, b);
        break;
    case 13:
    case 14:
    case 15:
        say(s, "[\"get\",\"@%u\"]\n", a);
        break;
    default:
        say_new(s, a, b);
        break;
    }
}

static void write_script(struct script *s)
{
    uint32_t ops = unit_rand_below(&s->seed, 400);

    s->len = s->op = s->made_count = 0;
    s->made[s->made_count++] = s->op;
    say(s, "[\"new\",\"Node\"]\n");
    while (s->op < ops)
        say_any(s);
}

START_TEST(any_batch_leaves_a_heap_that_adds_up)
{
    struct world *w = world_new();
    struct script *s = calloc(1, sizeof *s);
    bool refuses = _i % 2 == 1;

    ck_assert_ptr_nonnull(s);
    s->seed = unit_seed(_i);
    must_say(w, "POST /v1/batch", "[\"new\",\"Warm\"]", 200, NULL);
    for (int n = 0; n < 40; n++) {
        write_script(s);
        w->feed_bytes = 1 + unit_rand_below(&s->seed, 8192);
        if (refuses)
            w->mem.fail_at = w->mem.request_count + 1 + unit_rand_below(&s->seed, 3000);
        ask_with(w, "POST /v1/batch", (struct slice){s->text, s->len}, NULL);
        w->mem.fail_at = 0;
        ck_assert_msg(w->status == 200 || (refuses && w->status == 507), "%d %s; --seed %" PRIu64, w->status,
                      w->body, unit_seed(_i));
        ck_assert_msg(heap_validate(w->heap, print_broken, NULL) == 0, "--seed %" PRIu64, unit_seed(_i));
    }
    free(s);
    world_free(w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_batch_answers_line_for_line, .rounds = 4),
        TEST(a_batch_lets_go_of_what_it_made_and_nobody_holds),
        TEST(the_first_op_that_fails_ends_a_batch),
        TEST(a_long_batch_yields_streams_and_waits_for_room),
        TEST(a_batch_that_is_cut_keeps_what_it_has_done),
        TEST(a_batch_line_keeps_its_limit),
        TEST(the_depth_that_is_allowed_is_that_of_plain_ops_too),
        TEST(a_turn_is_over_sooner_when_lines_are_long),
        TEST(a_batch_may_be_as_long_as_it_likes),
        TEST(records_are_what_they_would_be_whatever_form_made_them),
        TEST(any_batch_leaves_a_heap_that_adds_up, .rounds = 8),
    };

    return unit_main(argc, argv, "batch", tests, ARRAY_LEN(tests));
}
