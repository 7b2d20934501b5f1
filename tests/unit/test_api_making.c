/* Large values: made a piece each turn, the same as in one piece, and gone at once when a part of them is refused. */
#include "api/making.h"
#include "tests/unit/api_world.h"

#define FEW_UNITS 16

/* Every body counts as a long one. */
static struct world *making_world(void)
{
    struct world *w = world_new();

    w->settings.json_inline_bytes_max = 0;
    return w;
}

static uint64_t alive(const struct world *w)
{
    struct heap_stats s;

    heap_stats(w->heap, &s);
    return s.objects;
}

/* ---- any JSON ---- */

struct text {
    char data[64 << 10];
    size_t len;
    uint64_t seed;
    uint32_t names; /* so that keys are distinct */
};

__attribute__((format(printf, 2, 3))) static void put(struct text *t, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    t->len += (size_t)vsnprintf(t->data + t->len, sizeof t->data - t->len, format, args);
    va_end(args);
    ck_assert_uint_lt(t->len, sizeof t->data);
}

static void put_scalar(struct text *t)
{
    static const char *const scalars[] = {"null", "true", "false", "0.5", "1e300", "\"\"", "\"a text\"", "\"\\u00e4\\n\"", "7"};

    put(t, "%s", scalars[unit_rand_below(&t->seed, ARRAY_LEN(scalars))]);
}

/* About `nodes` values, in containers of any width, at most 20 deep. */
static void put_value(struct text *t, uint32_t nodes, int depth)
{
    bool list = unit_rand_below(&t->seed, 2) == 0;
    uint32_t width = 1 + unit_rand_below(&t->seed, unit_rand_below(&t->seed, 3) == 0 ? 100 : 4);

    if (nodes <= 1 || depth == 20) {
        put_scalar(t);
        return;
    }
    put(t, list ? "[" : "{");
    for (uint32_t i = 0; i < width; i++) {
        put(t, "%s", i > 0 ? "," : "");
        if (!list)
            put(t, "\"n%u\":", t->names++);
        put_value(t, (nodes - 1) / width, depth + 1);
    }
    put(t, list ? "]" : "}");
}

static const char *any_large(struct text *t)
{
    do {
        t->len = 0;
        put_value(t, 300 + unit_rand_below(&t->seed, 500), 0);
    } while (t->len < 3 * MAKING_NODES_MAX);
    return t->data;
}

/* ---- the same, made both ways ---- */

/* What it says, without what differs between two that are alike. */
static void strip(json_t *json)
{
    static const char *const own[] = {"id", "$ref", "generation", "bytes", "refs"};
    const char *key;
    json_t *part;
    size_t i;

    json_array_foreach(json, i, part)
        strip(part);
    for (i = 0; i < ARRAY_LEN(own); i++)
        json_object_del(json, own[i]);
    json_object_foreach(json, key, part)
        strip(part);
}

/* The document below a field, as text, to be free()d. */
static char *below(struct world *w, json_int_t id, const char *field)
{
    char *text;

    ck_assert_int_eq(ask(w, f("GET /v1/objects/" ID "/fields/%s", id, field), ""), 200);
    ck_assert_int_eq(ask(w, f("GET /v1/objects/" ID "?depth=64", member(w, "$ref")), ""), 200);
    ck_assert_int_eq(member(w, "refs"), 1);
    strip(w->json);
    text = json_dumps(w->json, JSON_COMPACT);
    ck_assert_ptr_nonnull(text);
    return text;
}

START_TEST(it_is_the_same_as_in_one_piece)
{
    struct world *w = making_world();
    struct text *t = calloc(1, sizeof *t);
    json_int_t id = create(w, "{\"root\":\"r\"}");
    char *patch = malloc(sizeof t->data + 16), *piecewise, *at_once;

    ck_assert(t != NULL && patch != NULL);
    t->seed = unit_seed(_i);
    for (int n = 0; n < 20; n++) {
        any_large(t);
        ck_assert_int_eq(ask(w, f("PUT /v1/objects/" ID "/fields/a", id), t->data) / 100, 2);
        sprintf(patch, "{\"b\":%s}", t->data); /* a patch is applied at once */
        ck_assert_int_eq(ask(w, f("PATCH /v1/objects/" ID, id), patch), 200);
        piecewise = below(w, id, "a");
        at_once = below(w, id, "b");
        ck_assert_msg(strcmp(piecewise, at_once) == 0, "--seed %" PRIu64 ": %s\n%s", unit_seed(_i), piecewise, at_once);
        free(piecewise);
        free(at_once);
    }
    free(patch);
    free(t);
    world_free(w);
}
END_TEST

/* ---- a piece each turn ---- */

/* {"root":"big","fields":{"a":[[],[],...]}} with `count` of them, `last` as the last. */
static char *many_lists(size_t count, const char *last)
{
    char *body = malloc(100 + 3 * count + strlen(last)), *at = body;

    ck_assert_ptr_nonnull(body);
    at += sprintf(at, "{\"root\":\"big\",\"fields\":{\"a\":[");
    for (size_t i = 0; i < count; i++)
        at += sprintf(at, "[],");
    sprintf(at, "%s]}}", last);
    return body;
}

static struct task *begin(struct world *w, enum method method, const char *path, const char *body)
{
    struct request r = {.method = method, .grant = {.access = ACCESS_ADMIN}, .framed = true, .path = slice_of(path), .has_body = true, .length_known = true,
                        .length = strlen(body)};
    struct task *t = api_begin(w->api, &r);

    ck_assert_ptr_nonnull(t);
    task_feed(t, slice_of(body), true);
    return t;
}

START_TEST(a_turn_makes_a_few_and_others_come_between)
{
    struct world *w = making_world();
    char *body = many_lists(5000, "1");
    struct task *t = begin(w, METHOD_POST, "/v1/objects", body);
    enum task_turn turn;
    uint64_t before;

    do {
        before = alive(w);
        turn = task_step(t, FEW_UNITS);
        ck_assert_uint_le(alive(w), before + 100);
        must_say(w, "GET /v1/heap/classes?limit=1", "", 200, NULL);
        ck_assert_uint_eq(heap_validate(w->heap, print_broken, NULL), 0);
    } while (turn == TASK_MORE);
    ck_assert_int_eq(turn, TASK_DONE);
    ck_assert_int_eq(task_reply(t)->status, 201);
    ck_assert_uint_eq(alive(w), 5002);
    task_end(&t);
    must_say(w, "GET /v1/roots/big", "", 200, NULL);
    free(body);
    world_free(w);
}
END_TEST

START_TEST(a_part_that_is_refused_takes_all_with_it)
{
    static const struct {
        const char *last;
        int status;
        const char *name;
    } bad[] = {
        {"{\"$ref\":99}", 422, "dangling"},
        {"{\"$x\":1}", 422, "bad-value"},
        {"[[[{\"a\":{\"$weak\":\"x\"}}]]]", 422, "bad-value"},
    };
    struct world *w = making_world();

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char *body = many_lists(1000, bad[i].last);

        must_refuse(w, "POST /v1/objects", body, bad[i].status, bad[i].name);
        ck_assert_uint_eq(alive(w), 0);
        must_refuse(w, "GET /v1/roots/big", "", 404, "no-such-name");
        free(body);
    }
    world_free(w);
}
END_TEST

START_TEST(a_place_that_is_gone_meanwhile_is_told)
{
    struct world *w = making_world();
    json_int_t into = create(w, "{\"items\":[1]}");
    char *body = many_lists(1000, "1");
    const char *paths[] = {f("/v1/objects/" ID "/items", into), f("/v1/objects/" ID "/items/0", into)};
    struct task *tasks[] = {begin(w, METHOD_POST, paths[0], body), begin(w, METHOD_PUT, paths[1], body)};

    for (size_t i = 0; i < ARRAY_LEN(tasks); i++)
        ck_assert_int_eq(task_step(tasks[i], FEW_UNITS), TASK_MORE);
    must_say(w, f("DELETE /v1/objects/" ID, into), "", 200, "{\"alive\":false}");
    for (size_t i = 0; i < ARRAY_LEN(tasks); i++) {
        forget_answer(w);
        run(w, tasks[i], SLICE(""));
        ck_assert_int_eq(w->status, 410);
        task_end(&tasks[i]);
    }
    ck_assert_uint_eq(alive(w), 0);
    free(body);
    world_free(w);
}
END_TEST

START_TEST(a_task_that_ends_in_the_middle_leaves_nothing)
{
    struct world *w = making_world();
    char *body = many_lists(1000, "1");
    struct task *t = begin(w, METHOD_POST, "/v1/objects", body);

    while (alive(w) < 10)
        ck_assert_int_eq(task_step(t, FEW_UNITS), TASK_MORE);
    task_end(&t);
    while (heap_reap(w->heap, 100) == 0)
        ;
    ck_assert_uint_eq(alive(w), 0);
    free(body);
    world_free(w);
}
END_TEST

START_TEST(refused_memory_leaves_nothing)
{
    struct world *w = making_world();
    char *body = many_lists(1000, "{\"a\":[1,{}]}");

    for (uint64_t nth = 1; w->status != 201; nth++) {
        ck_assert_uint_lt(nth, 500);
        ck_assert_uint_eq(alive(w), 0);
        ask(w, "GET /livez", ""); /* so that there is a task to begin with */
        w->mem.fail_at = w->mem.request_count + nth;
        ask(w, "POST /v1/objects", body);
        w->mem.fail_at = 0;
        ck_assert_msg(w->status == 507 || w->status == 201, "%s", w->body);
    }
    free(body);
    world_free(w);
}
END_TEST

START_TEST(a_turn_ends_where_the_next_piece_is_too_large)
{
    static const struct {
        const char *format;
        bool pieces;
    } shapes[] = {{"[%s]", false}, {"[%s,1]", true}, {"{\"a\":[[%s]]}", true}};
    struct world *w = making_world();
    json_int_t id = create(w, "{}");
    char items[2 * MAKING_NODES_MAX], text[3 * MAKING_NODES_MAX];

    for (int i = 0; i < MAKING_NODES_MAX - 1; i++)
        memcpy(items + 2 * i, "1,", 2);
    items[2 * (MAKING_NODES_MAX - 1) - 1] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
        struct task *t;

        snprintf(text, sizeof text, shapes[i].format, items);
        t = begin(w, METHOD_PUT, f("/v1/objects/" ID "/fields/a", id), text);
        ck_assert_int_eq(task_step(t, 1), shapes[i].pieces ? TASK_MORE : TASK_DONE);
        task_end(&t);
    }
    w->settings.json_inline_bytes_max = sizeof text; /* and what is decoded here is made here */
    must_say(w, f("PUT /v1/objects/" ID "/fields/a", id), text, 200, NULL);
    world_free(w);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(it_is_the_same_as_in_one_piece, .rounds = 5),
        TEST(a_turn_makes_a_few_and_others_come_between),
        TEST(a_part_that_is_refused_takes_all_with_it),
        TEST(a_place_that_is_gone_meanwhile_is_told),
        TEST(a_task_that_ends_in_the_middle_leaves_nothing),
        TEST(refused_memory_leaves_nothing),
        TEST(a_turn_ends_where_the_next_piece_is_too_large),
    };

    return unit_main(argc, argv, "making", tests, ARRAY_LEN(tests));
}
