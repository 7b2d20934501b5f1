/* Large values: made a piece each turn, the same as in one piece; seen by nobody until all is there, and never when a part
 * of them is refused. */
#include "api/making.h"
#include "tests/unit/api_world.h"

#define FEW_UNITS 16
#define CELLS_OF_A_POOL 1024

/* Every body counts as a long one. */
static struct world *making_world(void)
{
    struct world *w = world_new();

    w->settings.json_inline_bytes_max = 0;
    return w;
}

static struct heap_stats stats_of(const struct world *w)
{
    struct heap_stats s;

    heap_stats(w->heap, &s);
    return s;
}

/* As everybody sees it: what is staged is not listed. */
static uint64_t alive(const struct world *w)
{
    slot_t slot = 0;
    uint64_t count = 0;

    while (heap_next_object(w->heap, &slot, SIZE_MAX) != 0)
        count++;
    return count;
}

static uint64_t created(const struct world *w)
{
    return stats_of(w).created;
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
    size_t len;

    ck_assert_int_eq(ask(w, f("GET /v1/objects/" ID "/fields/%s", id, field), ""), 200);
    ck_assert_int_eq(ask(w, f("GET /v1/objects/" ID "?depth=64", member(w, "$ref")), ""), 200);
    ck_assert_int_eq(member(w, "refs"), 1);
    strip(w->json);
    len = json_dumpb(w->json, NULL, 0, JSON_COMPACT);
    text = calloc(1, len + 1);
    ck_assert_ptr_nonnull(text);
    ck_assert_uint_eq(json_dumpb(w->json, text, len, JSON_COMPACT), len);
    return text;
}

START_TEST(it_is_the_same_as_in_one_piece)
{
    struct world *w = making_world();
    struct text *t = calloc(1, sizeof *t);
    json_int_t id = create(w, "{\"root\":\"r\"}");
    char *patch = malloc(sizeof t->data + 16), *piecewise, *patched, *at_once;

    ck_assert(t != NULL && patch != NULL);
    t->seed = unit_seed(_i);
    for (int n = 0; n < 20; n++) {
        any_large(t);
        ck_assert_int_eq(ask(w, f("PUT /v1/objects/" ID "/fields/a", id), t->data) / 100, 2);
        sprintf(patch, "{\"b\":%s,\"a small one\":[1],\"c\":null}", t->data);
        ck_assert_int_eq(ask(w, f("PATCH /v1/objects/" ID, id), patch), 200);
        w->settings.json_inline_bytes_max = sizeof t->data;
        ck_assert_int_eq(ask(w, f("PUT /v1/objects/" ID "/fields/c", id), t->data), 201); /* the patch took it away */
        w->settings.json_inline_bytes_max = 0;
        piecewise = below(w, id, "a");
        patched = below(w, id, "b");
        at_once = below(w, id, "c");
        ck_assert_msg(strcmp(piecewise, at_once) == 0 && strcmp(patched, at_once) == 0, "--seed %" PRIu64 ": %s\n%s\n%s",
                      unit_seed(_i), piecewise, patched, at_once);
        free(piecewise);
        free(patched);
        free(at_once);
    }
    free(patch);
    free(t);
    world_free(w);
}
END_TEST

/* ---- a piece each turn ---- */

/* `count` empty lists between two pieces of text. */
static char *lists_between(const char *before, size_t count, const char *behind)
{
    char *body = malloc(strlen(before) + 3 * count + strlen(behind) + 1), *at = body;

    ck_assert_ptr_nonnull(body);
    at += sprintf(at, "%s", before);
    for (size_t i = 0; i < count; i++)
        at += sprintf(at, "[],");
    sprintf(at, "%s", behind);
    return body;
}

/* {"root":"big","fields":{"a":[[],[],...]}} with `count` of them, `last` as the last. */
static char *many_lists(size_t count, const char *last)
{
    return lists_between("{\"root\":\"big\",\"fields\":{\"a\":[", count, f("%s]}}", last));
}

/* {"a":[[],[],...],"z":null} */
static char *long_patch(size_t count, const char *last)
{
    return lists_between("{\"a\":[", count, f("%s],\"z\":null}", last));
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
        before = created(w);
        turn = task_step(t, FEW_UNITS);
        ck_assert_uint_le(created(w), before + 100);
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

/* Every request that could find one of those that are being made, whose ids are easily guessed. */
static void must_see_nothing(struct world *w)
{
    static const char *const lines[] = {"GET /v1/objects/%u", "PUT /v1/objects/%u/hold", "DELETE /v1/objects/%u",
                                        "GET /v1/objects/%u/referrers"};

    must_say(w, "GET /v1/objects", "", 200, "{\"items\":[],\"next\":null}");
    for (unsigned slot = 1; slot < 3 * CELLS_OF_A_POOL; slot += 61) {
        for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
            char line[64];

            snprintf(line, sizeof line, lines[i], slot);
            must_refuse(w, line, "", 404, "no-such-object");
        }
        must_refuse(w, "PUT /v1/roots/held", f("{\"$ref\":%u}", slot), 422, "dangling");
    }
}

START_TEST(nobody_sees_it_before_it_is_whole)
{
    struct world *w = making_world();
    char *body = many_lists(2000, "1");
    struct task *t = begin(w, METHOD_POST, "/v1/objects", body);

    while (created(w) < 1500)
        ck_assert_int_eq(task_step(t, FEW_UNITS), TASK_MORE);
    must_see_nothing(w);
    forget_answer(w);
    run(w, t, SLICE(""));
    ck_assert_int_eq(w->status, 201);
    task_end(&t);
    ck_assert_uint_eq(alive(w), 2002);
    free(body);
    world_free(w);
}
END_TEST

START_TEST(what_it_names_lives_until_it_is_there)
{
    struct world *w = making_world();
    json_int_t named = create(w, "{}"), weakly = create(w, "{}");
    char *body = many_lists(1000, f("{\"$ref\":" ID "},{\"$weak\":" ID "}", named, weakly));
    struct task *t = begin(w, METHOD_POST, "/v1/objects", body);

    while (created(w) < 100)
        ck_assert_int_eq(task_step(t, FEW_UNITS), TASK_MORE);
    must_say(w, f("DELETE /v1/objects/" ID, named), "", 200, "{\"alive\":true,\"refs\":1}");
    must_say(w, f("DELETE /v1/objects/" ID, weakly), "", 200, "{\"alive\":true,\"refs\":1}");
    forget_answer(w);
    run(w, t, SLICE(""));
    ck_assert_int_eq(w->status, 201);
    task_end(&t);
    must_say(w, f("GET /v1/objects/" ID, named), "", 200, NULL);
    ck_assert_int_eq(member(w, "refs"), 1); /* the link alone */
    must_refuse(w, f("GET /v1/objects/" ID, weakly), "", 410, "collected");
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
        ck_assert_uint_eq(created(w), 0);
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

    while (created(w) < 1000)
        ck_assert_int_eq(task_step(t, FEW_UNITS), TASK_MORE);
    task_end(&t);
    do {
        ck_assert_uint_eq(alive(w), 0);
        must_say(w, "GET /v1/objects", "", 200, "{\"items\":[],\"next\":null}");
        api_step(w->api, 10);
    } while (heap_reap(w->heap, 10) == 0);
    ck_assert_uint_eq(stats_of(w).doomed, 0);
    free(body);
    world_free(w);
}
END_TEST

/* Asked until every request for memory on the way has been refused once. */
static void refuse_each(struct world *w, const char *line, const char *body, int status)
{
    uint64_t before = alive(w);

    for (uint64_t nth = 1; w->status != status; nth++) {
        ck_assert_uint_lt(nth, 1000);
        ck_assert_uint_eq(alive(w), before);
        ask(w, "GET /livez", ""); /* so that there is a task to begin with */
        w->mem.fail_at = w->mem.request_count + nth;
        ask(w, line, body);
        w->mem.fail_at = 0;
        ck_assert_msg(w->status == 507 || w->status == status, "%s", w->body);
    }
}

START_TEST(refused_memory_leaves_nothing)
{
    struct world *w = making_world();
    json_int_t id = create(w, "{\"fields\":{\"b\":1}}");
    const char *last = f("{\"a\":[1,{},{\"$ref\":" ID "}]}", id);
    char *body = many_lists(1000, last), *patch = long_patch(1000, last);

    w->status = 0;
    refuse_each(w, "POST /v1/objects", body, 201);
    w->status = 0;
    refuse_each(w, f("PUT /v1/objects/" ID "/fields/a", id), body, 201);
    w->status = 0;
    refuse_each(w, f("PATCH /v1/objects/" ID, id), patch, 200);
    free(patch);
    free(body);
    world_free(w);
}
END_TEST

/* A patch of an object that has {"a":1,"z":2}, half done. */
static struct task *begin_patch(struct world *w, json_int_t id, const char *patch)
{
    uint64_t before = created(w);
    struct task *t = begin(w, METHOD_PATCH, f("/v1/objects/" ID, id), patch);

    while (created(w) < before + 100) {
        ck_assert_int_eq(task_step(t, FEW_UNITS), TASK_MORE);
        ck_assert_uint_eq(heap_validate(w->heap, print_broken, NULL), 0);
    }
    return t;
}

START_TEST(a_patch_shows_at_one_moment)
{
    struct world *w = making_world();
    json_int_t id = create(w, "{\"fields\":{\"a\":1,\"z\":2}}");
    char *patch = long_patch(1000, "{}");
    struct task *t = begin_patch(w, id, patch);

    must_say(w, f("GET /v1/objects/" ID "/fields", id), "", 200,
             "{\"items\":[{\"name\":\"a\",\"value\":1},{\"name\":\"z\",\"value\":2}],\"next\":null}");
    ck_assert_uint_eq(alive(w), 1);
    forget_answer(w);
    run(w, t, SLICE(""));
    task_end(&t);
    ck_assert_int_eq(w->status, 200);
    ck_assert_uint_eq(json_object_size(json_object_get(w->json, "fields")), 1);
    ck_assert_uint_eq(alive(w), 1003);
    free(patch);
    world_free(w);
}
END_TEST

START_TEST(a_patch_that_is_refused_in_the_end_leaves_nothing)
{
    struct world *w = making_world();
    json_int_t id = create(w, "{\"fields\":{\"a\":1,\"z\":2}}"), list = create(w, "{\"items\":[]}");
    char *patch = long_patch(1000, "{}");
    struct task *t;

    must_refuse(w, f("PATCH /v1/objects/" ID, list), patch, 422, "wrong-kind");
    ck_assert_uint_eq(alive(w), 2);
    t = begin_patch(w, id, patch);
    must_say(w, f("DELETE /v1/objects/" ID, id), "", 200, "{\"alive\":false}");
    forget_answer(w);
    run(w, t, SLICE(""));
    task_end(&t);
    ck_assert_int_eq(w->status, 410);
    ck_assert_uint_eq(alive(w), 1);
    free(patch);
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
        while (t->long_json == NULL || !body_json_is_ready(t->long_json))
            ck_assert_int_eq(task_step(t, 1), TASK_MORE);
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
        TEST(nobody_sees_it_before_it_is_whole),
        TEST(what_it_names_lives_until_it_is_there),
        TEST(a_part_that_is_refused_takes_all_with_it),
        TEST(a_patch_shows_at_one_moment),
        TEST(a_patch_that_is_refused_in_the_end_leaves_nothing),
        TEST(a_place_that_is_gone_meanwhile_is_told),
        TEST(a_task_that_ends_in_the_middle_leaves_nothing),
        TEST(refused_memory_leaves_nothing),
        TEST(a_turn_ends_where_the_next_piece_is_too_large),
    };

    return unit_main(argc, argv, "making", tests, ARRAY_LEN(tests));
}
