/*
 * test_api_atomic.c - batches that are done whole or not at all: each op, each place at which one may fail, and any.
 */
#include "heap/weak.h"
#include "tests/unit/api_world.h"

#define ATOMIC "POST /v1/batch?atomic=true"

/* ---- what can be seen ---- */

static const char *const pages[] = {
    "GET /v1/objects?limit=1000", "GET /v1/roots", "GET /v1/weak", "GET /v1/sessions/0/holds", "GET /v1/sessions", NULL,
};

static char *see(struct world *w)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    ck_assert_ptr_nonnull(out);
    for (size_t i = 0; pages[i] != NULL; i++) {
        ask(w, pages[i], "");
        ck_assert_int_eq(w->status, 200);
        fprintf(out, "%s\n", w->body);
    }
    fclose(out);
    return text;
}

static void must_see(struct world *w, char *before, const char *when)
{
    char *now = see(w);

    ck_assert_msg(strcmp(before, now) == 0, "%s:\n%s\nis now\n%s", when, before, now);
    free(before);
    free(now);
    ck_assert_uint_eq(heap_validate(w->heap, print_broken, NULL), 0);
}

/* It fails at op `line`, with that status, and nothing has changed. */
static void must_fail(struct world *w, const char *body, int status, const char *name, int line)
{
    char *before = see(w);

    must_refuse(w, ATOMIC, body, status, name);
    ck_assert_msg(member(w, "line") == line, "%s", w->body);
    ck_assert_msg(!w->head.streaming && !w->head.close && !w->head.write, "%s", body);
    must_see(w, before, body);
}

struct stage {
    struct world *w;
    json_int_t record, list, bytes, rooted;
};

static struct stage stage_new(void)
{
    struct stage s = {world_new(), 0, 0, 0, 0};

    s.record = create(s.w, "{\"class\":\"R\",\"fields\":{\"a\":1,\"b\":\"x\",\"c\":{\"in\":[1,2]}}}");
    s.list = create(s.w, f("{\"items\":[1,{\"$ref\":" ID "},null]}", s.record));
    ck_assert_int_eq(ask_with(s.w, "POST /v1/objects", SLICE("raw"),
                              (const char *const[]){"Content-Type: application/octet-stream", NULL}), 201);
    s.bytes = member(s.w, "id");
    s.rooted = create(s.w, "{\"class\":\"Only\",\"root\":\"only\",\"fields\":{}}");
    must_say(s.w, "PUT /v1/weak/w", f("{\"$ref\":" ID "}", s.rooted), 200, NULL);
    return s;
}

/* ---- claims ---- */

START_TEST(an_atomic_batch_answers_as_any_other)
{
    static const char *const bodies[] = {
        "[\"new\",\"Node\",{\"val\":1}]\n\n  \r\n[\"new\",\"Node\",{\"next\":{\"$ref\":\"@0\"}}]\n"
        "[\"set\",\"@0\",\"next\",{\"$ref\":\"@1\"}]\n[\"is\",\"@0\",\"next\",{\"$ref\":\"@1\"}]\n[\"hold\",\"@0\"]\n"
        "[\"drop\",\"@0\"]\n[\"root\",\"r\",\"@0\"]\n[\"get\",\"@1\"]\n[\"unroot\",\"r\"]\n[\"bytes\",\"Zm9v\"]",
        "",
        "\n\n",
        "[\"list\",[[],[],{\"a\":{}}]]\n[\"push\",\"@0\",1]\n[\"set\",\"@0\",0,null]\n[\"weak\",\"w\",\"@0\"]\n",
    };

    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct world *plain = world_new(), *w = world_new();

        plain->feed_bytes = w->feed_bytes = (size_t)(1 + _i * 9);
        must_say(plain, "POST /v1/batch", bodies[i], 200, NULL);
        must_say(w, ATOMIC, bodies[i], 200, plain->body);
        ck_assert_str_eq(w->head.content_type, "application/x-ndjson");
        ck_assert(w->head.write);
        must_say(plain, "POST /v1/batch?reply=summary", bodies[i], 200, NULL);
        must_say(w, "POST /v1/batch?reply=summary&atomic=1", bodies[i], 200, plain->body);
        world_free(plain);
        world_free(w);
    }
}
END_TEST

/* As f(), to be freed with the others of its table. */
__attribute__((format(printf, 1, 2))) static char *text(const char *format, ...)
{
    va_list args;
    char *made;

    va_start(args, format);
    ck_assert_int_ge(vasprintf(&made, format, args), 0);
    va_end(args);
    return made;
}

START_TEST(each_op_is_taken_back)
{
    struct stage s = stage_new();
    char *const ops[] = {
        text("[\"new\",\"A\",{\"x\":{\"y\":[{}]}}]"),
        text("[\"list\",[1,[2]]]"),
        text("[\"bytes\",\"Zm9v\"]"),
        text("[\"set\"," ID ",\"a\",{\"$ref\":" ID "}]", s.record, s.list),
        text("[\"set\"," ID ",\"c\",null]", s.record),
        text("[\"set\"," ID ",\"new\",[1]]", s.record),
        text("[\"set\"," ID ",1,\"y\"]", s.list),
        text("[\"push\"," ID ",{\"$weak\":" ID "}]", s.list, s.record),
        text("[\"hold\"," ID "]", s.rooted),
        text("[\"drop\"," ID "]", s.record),
        text("[\"drop\"," ID "]", s.bytes),
        text("[\"root\",\"new\"," ID "]", s.record),
        text("[\"root\",\"only\"," ID "]", s.record),
        text("[\"unroot\",\"only\"]"),
        text("[\"weak\",\"new\"," ID "]", s.record),
        text("[\"weak\",\"w\"," ID "]", s.record),
        text("[\"get\"," ID "]", s.list),
        text("[\"is\"," ID ",\"b\",\"x\"]", s.record),
        text("[\"unset\"," ID ",\"b\"]", s.record),
    };
    char all[4096] = "";

    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        char *alone = text("%s\n[\"nop\"]\n", ops[i]);

        must_fail(s.w, alone, 400, "bad-request", 1);
        must_fail(s.w, strcat(all, "{"), 400, "bad-json", (int)i); /* all before it, and it fails itself */
        strcat(strcpy(strrchr(all, '{'), ops[i]), "\n");
        free(alone);
    }
    must_fail(s.w, strcat(all, "{"), 400, "bad-json", ARRAY_LEN(ops));
    *strrchr(all, '{') = '\0';
    must_say(s.w, ATOMIC, all, 200, NULL);
    for (size_t i = 0; i < ARRAY_LEN(ops); i++)
        free(ops[i]);
    world_free(s.w);
}
END_TEST

START_TEST(the_op_that_failed_says_why)
{
    struct stage s = stage_new();
    const struct {
        char *op;
        int status;
        const char *name;
    } bad[] = {
        {text("{"), 400, "bad-json"},
        {text("[\"nop\"]"), 400, "bad-request"},
        {text("[\"get\",999999]"), 404, "no-such-object"},
        {text("[\"unset\"," ID ",\"none\"]", s.record), 404, "no-such-name"},
        {text("[\"drop\"," ID "]", s.rooted), 409, "not-held"},
        {text("[\"is\"," ID ",\"a\",2]", s.record), 412, "changed"},
        {text("[\"set\"," ID ",\"x\",{\"$ref\":999999}]", s.record), 422, "dangling"},
        {text("[\"set\"," ID ",0,1]", s.record), 422, "wrong-kind"},
        {text("[\"bytes\",\"Zm9\"]"), 422, "bad-value"},
        {text("[\"collect\",2]"), 422, "bad-value"},
        {text("[\"collect\"]"), 422, "bad-value"},
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char *body = text("[\"set\"," ID ",\"b\",[]]\n%s\n[\"unset\"," ID ",\"a\"]\n", s.record, bad[i].op, s.record);

        must_fail(s.w, body, bad[i].status, bad[i].name, 1);
        free(body);
        free(bad[i].op);
    }
    must_refuse(s.w, "POST /v1/batch?atomic=maybe", "", 422, "bad-value");
    must_refuse(s.w, "POST /v1/batch?atomic=true&reply=none", "", 422, "bad-value");
    must_say(s.w, "POST /v1/batch?atomic=false", "x\n", 200, NULL);
    must_refuse(s.w, ATOMIC "&reply=summary", "x\n", 400, "bad-json");
    ck_assert_int_eq(member(s.w, "line"), 0);
    world_free(s.w);
}
END_TEST

START_TEST(is_makes_a_transaction)
{
    struct stage s = stage_new();
    const char *swap = f("[\"is\"," ID ",\"a\",1]\n[\"set\"," ID ",\"a\",2]\n[\"is\"," ID ",\"none\",null]\n", s.record,
                         s.record, s.record);

    must_say(s.w, ATOMIC, swap, 200, "{}\n{}\n{}\n{\"done\":3,\"failed\":0}\n");
    must_fail(s.w, swap, 412, "changed", 0);
    ask(s.w, f("GET /v1/objects/" ID "/fields/a", s.record), "");
    ck_assert_str_eq(s.w->body, "2");
    world_free(s.w);
}
END_TEST

START_TEST(an_etag_is_what_it_was)
{
    struct stage s = stage_new();
    uint64_t before;

    ask(s.w, f("GET /v1/objects/" ID, s.record), "");
    before = s.w->head.etag;
    must_fail(s.w, f("[\"unset\"," ID ",\"a\"]\n[\"set\"," ID ",\"a\",1]\n[\"nop\"]\n", s.record, s.record), 400, "bad-request", 2);
    ask(s.w, f("GET /v1/objects/" ID, s.record), "");
    ck_assert_uint_eq(s.w->head.etag, before);
    world_free(s.w);
}
END_TEST

START_TEST(what_lost_its_last_reference_lives_if_it_is_linked_again)
{
    struct stage s = stage_new();

    must_say(s.w, ATOMIC, f("[\"unroot\",\"only\"]\n[\"set\"," ID ",\"kept\",{\"$ref\":" ID "}]\n", s.record, s.rooted), 200, NULL);
    ck_assert_int_eq(ask(s.w, f("GET /v1/objects/" ID, s.rooted), ""), 200);
    ck_assert_int_eq(member(s.w, "refs"), 1);
    must_say(s.w, ATOMIC, f("[\"hold\"," ID "]\n[\"unset\"," ID ",\"kept\"]\n[\"drop\"," ID "]\n[\"get\"," ID "]\n", s.rooted, s.record,
                            s.rooted, s.rooted), 200, NULL);
    ck_assert_ptr_nonnull(strstr(s.w->body, "{\"alive\":false}\n")); /* as a batch that is not atomic would have said */
    must_refuse(s.w, f("GET /v1/objects/" ID, s.rooted), "", 410, "collected");
    must_say(s.w, "GET /v1/weak/w", "", 200, "null");
    world_free(s.w);
}
END_TEST

/* What a batch that failed had made is gone at once, whatever it was linked to, without a collection. */
START_TEST(what_a_failed_batch_made_is_gone)
{
    struct world *w = world_new();
    struct heap_stats stats;

    must_refuse(w, ATOMIC,
                "[\"new\",\"A\",{\"in\":[{},[]]}]\n[\"set\",\"@0\",\"me\",{\"$ref\":\"@0\"}]\n[\"hold\",\"@0\"]\n"
                "[\"root\",\"r\",\"@0\"]\n[\"weak\",\"w\",\"@0\"]\n[\"list\",[{\"$ref\":\"@0\"}]]\n[\"push\",\"@0\",1]\n",
                422, "wrong-kind");
    ck_assert_int_eq(member(w, "line"), 6);
    heap_stats(w->heap, &stats);
    ck_assert_uint_eq(stats.objects + stats.links + stats.roots + stats.weak_names, 0);
    ck_assert_uint_eq(stats.doomed, 0);
    ck_assert(!weak_notice_waits(w->heap));
    world_free(w);
}
END_TEST

START_TEST(an_atomic_batch_has_limits)
{
    struct world *w = world_new();

    w->settings.atomic_ops_max = 3;
    must_say(w, ATOMIC, "[\"list\",[]]\n[\"list\",[]]\n\n[\"list\",[]]\n\n", 200, NULL);
    must_refuse(w, ATOMIC, "[\"list\",[]]\n[\"list\",[]]\n[\"list\",[]]\n[\"list\",[]]\n", 413, "too-large");
    ck_assert_ptr_nonnull(strstr(w->body, "\"limit\":{\"name\":\"atomic_ops_max\",\"value\":3},\"line\":3}"));
    w->settings.atomic_bytes_max = strlen("[\"new\",\"A\",{\"abc\":\"1234567\"}]");
    must_say(w, ATOMIC, "[\"new\",\"A\",{\"abc\":\"1234567\"}]", 200, NULL);
    must_refuse(w, ATOMIC, "[\"new\",\"A\",{\"abc\":\"12345678\"}]", 413, "too-large");
    ck_assert_ptr_nonnull(strstr(w->body, "\"limit\":{\"name\":\"atomic_bytes_max\",\"value\":29}"));
    w->settings.atomic_bytes_max = 1 << 20;
    w->settings.atomic_ops_max = 100;
    w->settings.backlog_bytes_max = 150;
    must_refuse(w, ATOMIC, "[\"new\",\"A\"]\n[\"get\",\"@0\"]\n[\"get\",\"@0\"]\n[\"get\",\"@0\"]\n", 413, "too-large");
    ck_assert_msg(strstr(w->body, "\"name\":\"backlog_bytes_max\",\"value\":150},\"line\":2}") != NULL, "%s", w->body);
    must_say(w, ATOMIC "&reply=summary", "[\"new\",\"A\"]\n[\"get\",\"@0\"]\n[\"get\",\"@0\"]\n[\"get\",\"@0\"]\n", 200,
             "{\"done\":4,\"failed\":0}\n");
    world_free(w);
}
END_TEST

/* Its body is longer than JSON that is decoded inline, and nothing waits: all of it runs in the step that has its end. */
START_TEST(an_atomic_batch_runs_in_one_turn)
{
    struct world *w = world_new();
    struct request r = {.method = METHOD_POST, .grant = {.access = ACCESS_ADMIN}, .path = SLICE("/v1/batch"),
                        .query = SLICE("atomic=true"), .framed = true, .has_body = true};
    struct task *t = api_begin(w->api, &r);
    struct heap_stats stats;

    for (int i = 0; i < 9998; i++) {
        task_feed(t, SLICE("[\"list\",[]]\n"), false);
        ck_assert(task_wants_body(t));
        MUST(i % 1000 != 0 || task_step(t, 10) == TASK_INPUT);
    }
    task_feed(t, SLICE("[\"new\",\"A\"]\n"), false);
    ck_assert_ptr_null(task_reply(t));
    heap_stats(w->heap, &stats);
    ck_assert_uint_eq(stats.created, 0);
    task_feed(t, SLICE("[\"root\",\"r\",\"@9998\"]"), true);
    ck_assert_int_eq(task_step(t, 1), TASK_MORE);
    heap_stats(w->heap, &stats);
    ck_assert_uint_eq(stats.created, 9999);
    while (task_step(t, 100) != TASK_DONE)
        ;
    task_end(&t);
    must_say(w, "DELETE /v1/roots/r", "", 200, NULL);
    world_free(w);
}
END_TEST

START_TEST(an_atomic_batch_that_is_cut_has_done_nothing)
{
    struct world *w = world_new();
    struct request r = {.method = METHOD_POST, .grant = {.access = ACCESS_ADMIN}, .path = SLICE("/v1/batch"),
                        .query = SLICE("atomic=true"), .framed = true, .has_body = true};
    struct task *t = api_begin(w->api, &r);
    struct heap_stats stats;

    task_feed(t, SLICE("[\"new\",\"A\"]\n[\"root\",\"a\",\"@0\"]\n"), false);
    ck_assert_int_eq(task_step(t, STEP_UNITS), TASK_INPUT);
    task_end(&t);
    heap_stats(w->heap, &stats);
    ck_assert_uint_eq(stats.created + stats.roots, 0);
    world_free(w);
}
END_TEST

/* ---- any atomic batch ---- */

#define ANY_OPS 60

struct script {
    uint64_t seed;
    uint32_t op;
    json_int_t ids[6];
    char text[32 << 10];
    size_t len;
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

/* Ops 0 and 1 make a record and a list. */
static const char *any_target(struct script *s, bool list)
{
    if (unit_rand_below(&s->seed, 3) == 0)
        return list ? "\"@1\"" : "\"@0\"";
    return f(ID, s->ids[unit_rand_below(&s->seed, 3) + (list ? 3 : 0)]);
}

static const char *any_value(struct script *s)
{
    static const char *const values[] = {"null", "1", "0.1", "\"text\"", "{\"in\":[1,{}]}", "[]", "1234567890123"};
    uint32_t n = unit_rand_below(&s->seed, 2 * ARRAY_LEN(values));

    if (n < ARRAY_LEN(values))
        return values[n];
    return f("{\"$%s\":%s}", n % 3 == 0 ? "weak" : "ref", any_target(s, n % 2 == 0));
}

static void say_any(struct script *s)
{
    uint32_t n = unit_rand_below(&s->seed, 40);

    switch (unit_rand_below(&s->seed, 11)) {
    case 0:
        say(s, "[\"new\",\"Any\",{\"a\":%s,\"b\":%s}]\n", any_value(s), any_value(s));
        return;
    case 1:
        say(s, "[\"list\",[%s,%s]]\n", any_value(s), any_value(s));
        return;
    case 2:
    case 3:
    case 4:
        say(s, "[\"set\",%s,\"f%u\",%s]\n", any_target(s, false), n, any_value(s));
        return;
    case 5:
        say(s, "[\"push\",%s,%s]\n", any_target(s, true), any_value(s));
        return;
    case 6:
        say(s, "[\"set\",%s,0,%s]\n", any_target(s, true), any_value(s));
        return;
    case 7:
        say(s, "[\"hold\",%s]\n", any_target(s, n % 2 == 0));
        return;
    case 8:
        say(s, "[\"root\",\"r%u\",%s]\n", n % 4, any_target(s, n % 8 < 4));
        return;
    case 9:
        say(s, "[\"weak\",\"w%u\",%s]\n", n % 4, any_target(s, n % 8 < 4));
        return;
    default:
        say(s, "[\"get\",%s]\n", any_target(s, n % 2 == 0));
        return;
    }
}

static void write_script(struct script *s)
{
    uint32_t ops = 2 + unit_rand_below(&s->seed, ANY_OPS);

    s->len = s->op = 0;
    say(s, "[\"new\",\"Any\",{}]\n");
    say(s, "[\"list\",[0]]\n");
    while (s->op < ops)
        say_any(s);
}

static void make_cast(struct world *w, struct script *s)
{
    for (int i = 0; i < 3; i++)
        s->ids[i] = create(w, f("{\"class\":\"R\",\"fields\":{\"f1\":{\"deep\":%d},\"f2\":\"x\"}}", i));
    for (int i = 3; i < 6; i++)
        s->ids[i] = create(w, f("{\"items\":[%d,[],{\"$ref\":" ID "}]}", i, s->ids[0]));
}

/* All but the peaks: what was taken back was there. */
static void read_classes(struct world *w)
{
    json_t *class;
    size_t i;

    must_say(w, "GET /v1/heap/classes", "", 200, NULL);
    json_array_foreach(json_object_get(w->json, "items"), i, class) {
        json_object_del(class, "peak");
    }
}

/* One world does it plainly, one as a whole after having failed at it, now and then for want of memory. */
START_TEST(any_atomic_batch_is_a_plain_one_or_none)
{
    struct world *plain = world_new(), *w = world_new();
    struct script *s = calloc(1, sizeof *s);

    ck_assert_ptr_nonnull(s);
    s->seed = unit_seed(_i);
    make_cast(plain, s);
    make_cast(w, s);
    for (int n = 0; n < 30; n++) {
        char *before = see(w);

        write_script(s);
        s->text[s->len] = '\0';
        w->mem.fail_at = w->mem.request_count + 1 + unit_rand_below(&s->seed, 300);
        ask_with(w, ATOMIC, (struct slice){s->text, s->len - unit_rand_below(&s->seed, 2) - 2}, NULL); /* its end is cut off */
        w->mem.fail_at = 0;
        ck_assert_msg(w->status == 400 || w->status == 507, "%d %s; --seed %" PRIu64, w->status, w->body, unit_seed(_i));
        must_see(w, before, s->text);
        must_say(plain, "POST /v1/batch?reply=summary", s->text, 200, NULL);
        must_say(w, ATOMIC "&reply=summary", s->text, 200, plain->body);
    }
    for (size_t i = 0; pages[i] != NULL; i++) {
        must_say(w, "POST /v1/gc/collect", "", 200, NULL);
        must_say(plain, "POST /v1/gc/collect", "", 200, NULL);
    }
    read_classes(plain);
    read_classes(w);
    ck_assert_msg(json_equal(w->json, plain->json), "%s, not %s", w->body, plain->body);
    free(s);
    world_free(plain);
    world_free(w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(an_atomic_batch_answers_as_any_other, .rounds = 4),
        TEST(each_op_is_taken_back),
        TEST(the_op_that_failed_says_why),
        TEST(is_makes_a_transaction),
        TEST(an_etag_is_what_it_was),
        TEST(what_lost_its_last_reference_lives_if_it_is_linked_again),
        TEST(what_a_failed_batch_made_is_gone),
        TEST(an_atomic_batch_has_limits),
        TEST(an_atomic_batch_runs_in_one_turn),
        TEST(an_atomic_batch_that_is_cut_has_done_nothing),
        TEST(any_atomic_batch_is_a_plain_one_or_none, .rounds = 20),
    };

    return unit_main(argc, argv, "atomic", tests, ARRAY_LEN(tests));
}
