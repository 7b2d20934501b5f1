/*
 * test_redo.c - changes as text (api/redo.h): lines taken apart, every kind of change written and done again, marks and cuts,
 * and lines that cannot be.
 */
#include "api/redo.h"
#include "heap/pool.h"
#include "heap/restore.h"
#include "heap/root.h"
#include "heap/weak.h"
#include "tests/unit/unit.h"

/* ---- lines taken apart ---- */

static enum err split(const char *line, struct redo_line *ret)
{
    struct why why = {0};
    enum err e = redo_split(slice_of(line), ret, &why);

    ck_assert(e == ERR_OK || (e == ERR_BAD_VALUE && why.text[0] != '\0'));
    return e;
}

START_TEST(a_line_is_a_verb_and_as_many_arguments_as_it_takes)
{
    struct redo_line l;

    ck_assert_int_eq(split("[\"new\",7,\"A\",\"\",{\"a\":[1,\"]\"],\"b\":{}}]", &l), ERR_OK);
    ck_assert_int_eq(l.verb, REDO_NEW);
    ck_assert(slice_is(l.arg[0], "7") && slice_is(l.arg[1], "\"A\"") && slice_is(l.arg[2], "\"\""));
    ck_assert(slice_is(l.arg[3], "{\"a\":[1,\"]\"],\"b\":{}}"));
    ck_assert_int_eq(split("[\"unroot\",\"a\\\\\\\",]\"]", &l), ERR_OK);
    ck_assert(slice_is(l.arg[0], "\"a\\\\\\\",]\""));
}
END_TEST

START_TEST(what_is_no_line_is_refused)
{
    static const char *const bad[] = {"", "[", "[]", "{}", "[\"new\"]", "[\"new\",7,\"A\",\"\"]", "[\"new\",7,\"A\",\"\",{},1]", "[\"none\",1]",
                                      "[new,1]", "[\"dead\",1,[]", "[\"dead\",1,[1]],", "[\"end\",1,]", "[\"end\",,1]", "[\"end\":1]",
                                      "[\"end\",\"1]", "[\"end\",\"1\\\"]", "[\"hold\",1,{\"a\":1]", "\"end\"", "[\"end\",1] "};
    struct redo_line l;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (split(bad[i], &l) != ERR_BAD_VALUE)
            ck_abort_msg("taken: %s", bad[i]);
}
END_TEST

/* However a line is cut, nothing behind its end is read: there is nothing. */
START_TEST(a_line_that_is_cut_anywhere_is_refused)
{
    const char *line = "[\"session\",1,60.0,\"la\\\"b\\\\el\",\"00000000000000000000000000000001\"]";
    struct redo_line l;

    for (size_t len = 0; len < strlen(line); len++) {
        char *cut = malloc(len + 1);

        memcpy(cut, line, len);
        ck_assert_int_eq(redo_split((struct slice){cut, len}, &l, NULL), ERR_BAD_VALUE);
        free(cut);
    }
    ck_assert_int_eq(split(line, &l), ERR_OK);
}
END_TEST

START_TEST(parts_come_one_after_another_until_there_is_none_or_no_sense)
{
    struct slice rest = SLICE("\"a:b\":{\"c\":1},\"d\":2"), name, value;

    ck_assert(redo_next_part(&rest, &name, &value) && slice_is(name, "\"a:b\"") && slice_is(value, "{\"c\":1}"));
    ck_assert(redo_next_part(&rest, &name, &value) && slice_is(name, "\"d\"") && slice_is(value, "2"));
    ck_assert(!redo_next_part(&rest, &name, &value) && rest.len == 0);
    for (const char *const *bad = (const char *const[]){"1,", "1]", "\"a\":", ",1", "\"a\":1:2", NULL}; *bad != NULL; bad++) {
        rest = slice_of(*bad);
        while (redo_next_part(&rest, &name, &value))
            ;
        ck_assert_uint_gt(rest.len, 0);
    }
}
END_TEST

START_TEST(places_of_a_pool_are_named_one_by_one_or_as_bits)
{
    uint64_t cells[POOL_WORDS];
    char hex[POOL_CELLS / 4 + 3];

    ck_assert(redo_cells(SLICE("[0,63,1023]"), cells));
    ck_assert(bits_has(cells, 0) && bits_has(cells, 63) && bits_has(cells, 1023) && !bits_has(cells, 1));
    memset(hex, '0', sizeof hex);
    hex[0] = hex[sizeof hex - 2] = '"';
    hex[1] = '5', hex[2] = 'a';
    ck_assert(redo_cells((struct slice){hex, sizeof hex - 1}, cells));
    ck_assert_uint_eq(cells[0], 0xa5);
    hex[9] = 'G';
    ck_assert(!redo_cells((struct slice){hex, sizeof hex - 1}, cells));
    ck_assert(!redo_cells((struct slice){hex, sizeof hex - 2}, cells));
    ck_assert(!redo_cells(SLICE("[1024]"), cells) && !redo_cells(SLICE("[-1]"), cells) && !redo_cells(SLICE("[1,]"), cells));
    ck_assert(!redo_cells(SLICE("{\"1\":1}"), cells) && !redo_cells(SLICE("[\"a\":1]"), cells) && !redo_cells(SLICE("7"), cells));
}
END_TEST

/* ---- a heap that is written down, and one that is made of that ---- */

struct side {
    struct mem mem;
    struct heap *heap;
    struct session_set *sessions;
};

struct world {
    struct side a, b;
    struct redo redo;
    struct heap_journal journal;
    struct redo_reader reader;
    struct idempotency *answers; /* of b */
};

static void side_begin(struct side *s)
{
    mem_init(&s->mem, 0);
    MUST(heap_create(&s->mem, 7, &s->heap) == ERR_OK);
    MUST(session_set_create(s->heap, &s->sessions) == ERR_OK);
}

static void side_end(struct side *s)
{
    session_set_destroy(&s->sessions);
    heap_destroy(&s->heap);
    mem_fini(&s->mem);
}

static enum err get_bytes(void *ctx, obj_id id, struct payload **ret, struct why *why)
{
    const struct redo *r = ctx;

    for (size_t i = r->bytes_count; i-- > 0;)
        if (r->bytes[i].id == id) {
            *ret = payload_hold(r->bytes[i].payload);
            return ERR_OK;
        }
    return why_set(why, ERR_BAD_VALUE, "there are none");
}

static struct world *world_new(void)
{
    struct world *w = calloc(1, sizeof *w);

    side_begin(&w->a);
    side_begin(&w->b);
    redo_init(&w->redo, w->a.heap, &w->a.mem);
    w->journal = (struct heap_journal){.ctx = &w->redo, .note = redo_note, .mark = redo_mark, .cut = redo_cut};
    MUST(heap_set_journal(w->a.heap, &w->journal) == ERR_OK);
    MUST(heap_restore_begin(w->b.heap, 64, NULL) == ERR_OK);
    w->answers = idem_create(&w->b.mem, 7);
    idem_set_limits(w->answers, idem_no_limits);
    w->reader = (struct redo_reader){.heap = w->b.heap, .sessions = w->b.sessions, .mem = &w->b.mem, .answers = w->answers, .now_ms = 500,
                                     .unix_ms = 100000, .get_bytes = get_bytes, .ctx = &w->redo};
    return w;
}

static void world_free(struct world *w)
{
    MUST(heap_set_journal(w->a.heap, NULL) == ERR_OK);
    redo_fini(&w->redo);
    MUST(idem_validate(w->answers) == 0);
    idem_destroy(&w->answers);
    side_end(&w->b); /* whose bytes are the other's */
    side_end(&w->a);
    free(w);
}

static void apply_well(struct world *w, const char *const *lines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct why why = {0};

        if (redo_apply(&w->reader, slice_of(lines[i]), &why) != ERR_OK)
            ck_abort_msg("%s: %s", lines[i], why.text);
    }
}

static enum err apply(struct world *w, const char *line)
{
    struct why why = {0};
    enum err e = redo_apply(&w->reader, slice_of(line), &why);

    ck_assert(e == ERR_OK || why.text[0] != '\0');
    return e;
}

static void apply_written(struct world *w)
{
    MUST(heap_settle_journal(w->a.heap) == ERR_OK);
    for (const struct redo_chunk *c = w->redo.first; c != NULL; c = c->next)
        for (struct slice rest = buf_slice(&c->text); rest.len > 0;) {
            struct slice line = slice_cut(&rest, '\n');
            struct why why = {0};

            if (redo_apply(&w->reader, line, &why) != ERR_OK)
                ck_abort_msg("%.*s: %s", (int)line.len, line.data, why.text);
        }
    MUST(redo_end(&w->reader, NULL) == ERR_OK);
}

/* All of it has come back: what is held only for that is let go of. */
static void finish(struct world *w)
{
    slot_t cursor = 0;

    while (heap_restore_end(w->b.heap, &cursor, 10) == 0)
        ;
    while (heap_reap(w->b.heap, SIZE_MAX) == 0)
        ;
    MUST(heap_validate(w->b.heap, NULL, NULL) == 0);
}

static obj_id record(struct world *w, const char *root)
{
    obj_id id;

    MUST(heap_new_record(w->a.heap, (struct label){SLICE("A"), SLICE("s")}, NULL, 0, &id, NULL) == ERR_OK);
    MUST(root_put(w->a.heap, slice_of(root), id, NULL, NULL) == ERR_OK);
    heap_release(w->a.heap, id);
    return id;
}

static void set(struct world *w, obj_id id, const char *name, struct value v)
{
    MUST(heap_edit_record(w->a.heap, id, &(struct field){.name = slice_of(name), .value = v}, 1, NULL) == ERR_OK);
}

static struct value get(struct world *w, obj_id id, const char *name)
{
    struct value v;

    MUST(heap_get_field(w->b.heap, id, slice_of(name), &v, NULL) == ERR_OK);
    return v;
}

START_TEST(changes_of_records_and_lists_come_back)
{
    static const char long_text[] = "\"quoted\" \\ \n \x01 \xe6\x97\xa5 $";
    struct world *w = world_new();
    obj_id a = record(w, "a"), list;
    struct value v = value_int(INT64_MIN);

    set(w, a, "$dollar", (struct value){.kind = VALUE_STRING, .string = slice_of(long_text)});
    set(w, a, "real", (struct value){.kind = VALUE_REAL, .real = 0.1});
    set(w, a, "gone", value_null());
    MUST(heap_unset_field(w->a.heap, a, SLICE("gone"), NULL) == ERR_OK);
    MUST(heap_new_list(w->a.heap, (struct label){SLICE("L"), SLICE("")}, &v, 1, &list, NULL) == ERR_OK);
    set(w, a, "list", value_link(list));
    v = value_link(a);
    MUST(heap_push_item(w->a.heap, list, &v, NULL, NULL) == ERR_OK);
    MUST(heap_push_item(w->a.heap, list, &v, NULL, NULL) == ERR_OK);
    v = (struct value){.kind = VALUE_WEAK, .id = a};
    MUST(heap_set_item(w->a.heap, list, 1, &v, NULL) == ERR_OK);
    MUST(heap_delete_item(w->a.heap, list, 2, NULL) == ERR_OK);
    heap_release(w->a.heap, list);
    apply_written(w);
    finish(w);
    ck_assert(slice_is(get(w, a, "$dollar").string, long_text));
    ck_assert(get(w, a, "real").real == 0.1);
    ck_assert_int_eq(heap_get_field(w->b.heap, a, SLICE("gone"), &v, NULL), ERR_NO_NAME);
    ck_assert(get(w, a, "list").id == list);
    ck_assert(heap_get_item(w->b.heap, list, 0, &v, NULL) == ERR_OK && v.integer == INT64_MIN);
    ck_assert(heap_get_item(w->b.heap, list, 1, &v, NULL) == ERR_OK && v.kind == VALUE_WEAK && v.id == a);
    ck_assert_int_eq(heap_get_item(w->b.heap, list, 2, &v, NULL), ERR_NO_NAME);
    world_free(w);
}
END_TEST

START_TEST(bytes_names_and_sessions_come_back)
{
    struct slice token = SLICE("0123456789abcdef0123456789abcdef");
    struct world *w = world_new();
    struct payload *p = payload_create(&w->a.mem, 3);
    struct session_info info;
    session_id s, ended;
    obj_id id, found, other = record(w, "\"r\"");

    memcpy(p->data, "\0\xff\n", 3);
    MUST(heap_new_bytes(w->a.heap, (struct label){SLICE("B"), SLICE("")}, &p, &id, NULL) == ERR_OK);
    MUST(session_open(w->a.sessions, 60.5, SLICE("l\xc3\xa9"), token, 0, &s, NULL) == ERR_OK);
    MUST(session_open(w->a.sessions, 1, SLICE(""), SLICE("1123456789abcdef0123456789abcdef"), 0, &ended, NULL) == ERR_OK);
    MUST(session_hold(w->a.sessions, s, id, NULL) == ERR_OK && session_hold(w->a.sessions, ended, id, NULL) == ERR_OK);
    MUST(session_hold(w->a.sessions, s, other, NULL) == ERR_OK && session_drop(w->a.sessions, s, other, NULL) == ERR_OK);
    MUST(session_end(w->a.sessions, ended, NULL) == ERR_OK);
    while (session_release(w->a.sessions, 10) == 0)
        ;
    MUST(weak_put(w->a.heap, SLICE("w"), id, NULL, NULL) == ERR_OK && weak_put(w->a.heap, SLICE("x"), id, NULL, NULL) == ERR_OK);
    MUST(weak_delete(w->a.heap, SLICE("x"), NULL) == ERR_OK);
    heap_release(w->a.heap, id);
    apply_written(w);
    finish(w);
    ck_assert(heap_get_bytes(w->b.heap, id, &p, NULL) == ERR_OK && p->len == 3 && memcmp(p->data, "\0\xff\n", 3) == 0);
    payload_release(&p);
    ck_assert(session_info(w->b.sessions, s, &info, NULL) == ERR_OK && info.ttl_s == 60.5 && slice_is(info.label, "l\xc3\xa9") && info.holds == 1);
    ck_assert_int_eq(session_info(w->b.sessions, ended, &info, NULL), ERR_NO_NAME);
    ck_assert_uint_eq(session_last_id(w->b.sessions), ended);
    ck_assert(session_by_token(w->b.sessions, token, 0, &s, NULL) == ERR_OK);
    ck_assert(weak_get(w->b.heap, SLICE("w"), &found, NULL) == ERR_OK && found == id);
    ck_assert_int_eq(weak_get(w->b.heap, SLICE("x"), &found, NULL), ERR_NO_NAME);
    ck_assert(root_get(w->b.heap, SLICE("\"r\""), &found, NULL) == ERR_OK && found == other);
    world_free(w);
}
END_TEST

START_TEST(the_dead_stay_dead_though_they_held_each_other)
{
    struct world *w = world_new();
    obj_id a = record(w, "a"), b = record(w, "b"), found;

    set(w, a, "b", value_link(b));
    MUST(weak_put(w->a.heap, SLICE("w"), b, NULL, NULL) == ERR_OK);
    MUST(root_delete(w->a.heap, SLICE("b"), NULL) == ERR_OK && root_delete(w->a.heap, SLICE("a"), NULL) == ERR_OK);
    while (heap_reap(w->a.heap, SIZE_MAX) == 0)
        ;
    apply_written(w);
    finish(w);
    ck_assert(!heap_has(w->b.heap, a) && !heap_has(w->b.heap, b));
    ck_assert(weak_get(w->b.heap, SLICE("w"), &found, NULL) == ERR_OK && found == 0);
    world_free(w);
}
END_TEST

/* ---- answers ---- */

#define HASH_A "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HASH_B "ff23456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct idem_entry *found(const struct world *w, unsigned char first)
{
    struct idem_hash h = {{0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef}};

    for (size_t i = 8; i < IDEM_HASH_BYTES; i++)
        h.bytes[i] = h.bytes[i - 8];
    h.bytes[0] = first;
    return idem_find(w->answers, &h);
}

static void write_answers(struct world *w, const struct idem_answer *answers, size_t count, uint64_t body_bytes)
{
    for (size_t i = 0; i < count; i++) {
        struct idem_hash name = {{(unsigned char)i, 0xab}}, request = {{0xcd, (unsigned char)i}};
        struct idem_print print = {request, body_bytes};

        redo_note_answer(&w->redo, &(struct idem_record){i + 1, &name, &print, &answers[i]}, 99000 + i);
    }
}

START_TEST(answers_come_back_as_they_were)
{
    static const char strange[] = "{\"a\":\"\\\\\\u0000 \xe6\x97\xa5\"}\n";
    static const struct idem_answer answers[] = {
        {.status = 201, .content_type = "application/json", .has_etag = true, .etag = UINT64_MAX, .location = {"/v1/objects/7", 13},
         .body = {strange, sizeof strange - 1}},
        {.status = 204},
        {.status = 422, .content_type = "application/problem+json", .lost = true, .location = {"/v1/objects/8", 13}},
        {.status = 200, .content_type = "application/x-ndjson", .body = {"\xff", 1}},
    };
    struct world *w = world_new();

    write_answers(w, answers, ARRAY_LEN(answers), IDEM_WHOLE);
    apply_written(w);
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct idem_hash name = {{(unsigned char)i, 0xab}};
        const struct idem_entry *e = idem_find(w->answers, &name);
        const struct idem_answer *a;

        ck_assert_ptr_nonnull(e);
        a = idem_answer(e);
        ck_assert(idem_print(e)->hash.bytes[0] == 0xcd && idem_print(e)->hash.bytes[1] == i && idem_print(e)->body_bytes == IDEM_WHOLE);
        ck_assert(a->status == answers[i].status && a->has_etag == answers[i].has_etag && a->etag == answers[i].etag);
        ck_assert(slice_eq(a->location, answers[i].location));
        ck_assert(a->content_type == NULL ? answers[i].content_type == NULL : strcmp(a->content_type, answers[i].content_type) == 0);
        ck_assert(a->lost == (i >= 2)); /* what is no UTF-8 could not be read again */
        ck_assert(slice_eq(a->body, i < 2 ? answers[i].body : SLICE("")));
    }
    finish(w);
    world_free(w);
}
END_TEST

START_TEST(an_answer_is_as_old_as_the_clock_on_the_wall_says)
{
    struct world *w = world_new(); /* it is 100,000 there */

    w->reader.now_ms = 50000;
    ck_assert_int_eq(apply(w, "[\"answer\",1,\"" HASH_A "\",0,{\"request\":\"" HASH_A "\",\"status\":204}]"), ERR_OK);
    ck_assert_int_eq(apply(w, "[\"answer\",2,\"" HASH_B "\",9223372036854775807,{\"request\":\"" HASH_A "\",\"status\":204}]"), ERR_OK);
    idem_set_limits(w->answers, (struct idem_limits){10, 100000, 10});
    ck_assert_uint_eq(idem_expire(w->answers, 50000, 10), 1);
    ck_assert(found(w, 0x01) == NULL && found(w, 0xff) != NULL);
    ck_assert_uint_eq(idem_expire(w->answers, 149999, 10), 0); /* of the future: as if it were of now */
    ck_assert_uint_eq(idem_expire(w->answers, 150000, 10), 1);
    finish(w);
    world_free(w);
}
END_TEST

START_TEST(an_answer_that_cannot_be_is_refused)
{
#define ANSWER(number, name, ms, json) "[\"answer\"," number ",\"" name "\"," ms "," json "]"
#define REQUEST "\"request\":\"" HASH_A "\""
    static const char *const bad[] = {
        ANSWER("5", HASH_B, "1", "{" REQUEST ",\"status\":204}"),  ANSWER("-1", HASH_B, "1", "{" REQUEST ",\"status\":204}"),
        ANSWER("9223372036854775807", HASH_B, "1", "{" REQUEST ",\"status\":204}"),
        ANSWER("6", "ff", "1", "{" REQUEST ",\"status\":204}"),    ANSWER("6", HASH_B, "-1", "{" REQUEST ",\"status\":204}"),
        ANSWER("6", HASH_B "0", "1", "{" REQUEST ",\"status\":204}"), ANSWER("6", HASH_B, "1", "[]"),
        ANSWER("6", HASH_B, "1", "{" REQUEST "}"),               ANSWER("6", HASH_B, "1", "{\"status\":204}"),
        ANSWER("6", HASH_B, "1", "{" REQUEST ",\"status\":100}"),  ANSWER("6", HASH_B, "1", "{" REQUEST ",\"status\":600}"),
        ANSWER("6", HASH_B, "1", "{" REQUEST ",\"status\":200,\"type\":\"text/html\",\"body\":\"x\"}"),
        ANSWER("6", HASH_B, "1", "{" REQUEST ",\"status\":200,\"body\":\"x\"}"),
        ANSWER("6", HASH_B, "1", "{" REQUEST ",\"status\":200,\"type\":\"application/json\",\"body\":\"x\",\"lost\":true}"),
        ANSWER("6", HASH_B, "1", "{" REQUEST ",\"status\":200,\"etag\":\"x\"}"),
        ANSWER("6", HASH_B, "1", "{" REQUEST ",\"status\":201,\"location\":\"/a b\"}"),
        ANSWER("6", HASH_B, "1", "{" REQUEST ",\"status\":201,\"location\":\"/" HASH_A HASH_A "\"}"),
        ANSWER("6", HASH_B, "1", "{" REQUEST ",\"status\":200,\"request_bytes\":-1}"),
        "[\"answered\",6]", "[\"answered\",-1]",
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct world *w = world_new();

        ck_assert_int_eq(apply(w, ANSWER("5", HASH_A, "1", "{" REQUEST ",\"status\":204,\"request_bytes\":7}")), ERR_OK);
        if (apply(w, bad[i]) != ERR_BAD_VALUE)
            ck_abort_msg("done: %s", bad[i]);
        ck_assert_ptr_null(found(w, 0xff));
        ck_assert_uint_eq(idem_print(found(w, 0x01))->body_bytes, 7);
        ck_assert_int_eq(apply(w, "[\"answered\",5]"), ERR_OK);
        ck_assert_ptr_null(found(w, 0x01));
        world_free(w);
    }
}
END_TEST

/* ---- marks ---- */

/* Over the ends of chunks, with bytes in between: what is cut has not happened, what was before is as it was. */
START_TEST(what_is_cut_off_has_not_happened)
{
    uint64_t dice = unit_seed(_i);
    struct world *w = world_new();
    obj_id id = record(w, "r");
    struct value v = {.kind = VALUE_STRING, .string = SLICE("some forty bytes of text for every line.")};
    struct change set_it = {.kind = CHANGE_PUSH, .id = id, .value = &v};
    size_t mark = redo_mark(&w->redo), bytes = 0;
    struct payload *p = payload_create(&w->a.mem, 10);

    memset(p->data, 0, 10);
    for (uint32_t round = 0; round < 300; round++) {
        uint32_t n = unit_rand_below(&dice, 3000);
        bool cut = unit_rand_below(&dice, 2) == 0;

        for (uint32_t i = 0; i < n; i++)
            MUST(redo_note(&w->redo, i % 50 == 7 ? &(struct change){.kind = CHANGE_BYTES, .id = id, .payload = p} : &set_it, NULL) == ERR_OK);
        if (cut)
            redo_cut(&w->redo, mark);
        else
            bytes += (n + 42) / 50;
        if (!cut)
            mark = redo_mark(&w->redo);
        MUST(redo_mark(&w->redo) == mark && w->redo.bytes_count == bytes && w->redo.payload_bytes == 10 * bytes);
    }
    for (const struct redo_chunk *c = w->redo.first; c != NULL; c = c->next)
        MUST(c->text.len == 0 || c->text.data[c->text.len - 1] == '\n');
    redo_cut(&w->redo, 0);
    ck_assert_uint_eq(w->redo.bytes_count, 0);
    payload_release(&p);
    world_free(w);
}
END_TEST

/* ---- lines that cannot be ---- */

static const char *const well[] = {
    "[\"pool\",2,6,0]",  "[\"new\",2048,\"A\",\"\",{\"a\":1}]", "[\"pool\",3,6,0]", "[\"new\",3072,\"list\",\"\",[1]]", "[\"root\",\"r\",2048]",
    "[\"session\",1,60.0,\"\",\"00000000000000000000000000000001\"]",
};

START_TEST(a_line_that_cannot_be_is_refused_with_a_sentence)
{
    static const char *const bad[] = {
        "[\"new\",2048,\"A\",\"\",{}]", "[\"new\",0,\"A\",\"\",{}]", "[\"new\",-1,\"A\",\"\",{}]", "[\"new\",9007199254740991,\"A\",\"\",{}]",
        "[\"new\",4096,\"A\",\"\",{}]", "[\"new\",2049,\"\",\"\",{}]", "[\"new\",2049,\"\xff\",\"\",{}]", "[\"new\",2049,\"A\",\"\x01\",{}]",
        "[\"new\",2049,\"A\",\"\",7]", "[\"new\",2049,\"A\",\"\",{\"a\":[]}]", "[\"new\",2049,\"A\",\"\",{\"a\":1,\"a\":2}]",
        "[\"new\",2049,\"A\",\"\",{\"$a\":1}]", "[\"set\",2049,\"a\",1]", "[\"set\",2048,\"\",1]",
        "[\"set\",2048,\"a\",{}]", "[\"set\",2048,\"a\",{\"$ref\":5000}]", "[\"set\",3072,\"a\",1]", "[\"set\",2048,\"a\\u0000\",1]",
        "[\"set\",2048,7,1]", "[\"set\",2048,\"a\",\"\xff\"]", "[\"unset\",3072,\"a\"]", "[\"push\",2048,1]", "[\"put\",3072,1,1]", "[\"put\",3072,-1,1]",
        "[\"cut\",3072,1]", "[\"cut\",3072,18446744073709551616]", "[\"bytes\",2048]", "[\"bytes\",3072]", "[\"root\",\"s\",4711]",
        "[\"root\",\"\",2048]", "[\"root\",\"\xff\",2048]", "[\"root\",\"s\",null]", "[\"unroot\",\"s\"]", "[\"weak\",\"w\",4711]", "[\"unweak\",\"w\"]",
        "[\"session\",1,60.0,\"\",\"00000000000000000000000000000002\"]", "[\"session\",2,60.0,\"\",\"short\"]",
        "[\"session\",0,60.0,\"\",\"00000000000000000000000000000002\"]", "[\"session\",2,0.5,\"\",\"00000000000000000000000000000002\"]",
        "[\"session\",4294967296,60.0,\"\",\"00000000000000000000000000000002\"]", "[\"hold\",7,2048]", "[\"hold\",1,4711]", "[\"drop\",1,2048]",
        "[\"end\",7]", "[\"pool\",0,6,0]", "[\"pool\",64,6,0]", "[\"pool\",4,1,0]", "[\"pool\",4,6,99999999999]", "[\"pool\",2,6,1]",
        "[\"dead\",2,[1]]", "[\"dead\",4,[0]]", "[\"dead\",2,[0,0]]x",
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct world *w = world_new();

        apply_well(w, well, ARRAY_LEN(well));
        if (apply(w, bad[i]) != ERR_BAD_VALUE)
            ck_abort_msg("done: %s", bad[i]);
        world_free(w);
    }
}
END_TEST

/* Who is dead is kept by nobody else: not by a name, a session, another object. */
START_TEST(a_death_that_others_do_not_know_of_is_refused)
{
    static const char *const holders[] = {"[\"root\",\"x\",2049]", "[\"hold\",1,2049]", "[\"set\",2048,\"a\",{\"$ref\":2049}]"};

    for (size_t i = 0; i <= ARRAY_LEN(holders); i++) {
        struct world *w = world_new();

        apply_well(w, well, ARRAY_LEN(well));
        ck_assert_int_eq(apply(w, "[\"new\",2049,\"B\",\"\",{\"me\":null}]"), ERR_OK);
        ck_assert_int_eq(apply(w, "[\"set\",2049,\"me\",{\"$ref\":2049}]"), ERR_OK);
        if (i < ARRAY_LEN(holders))
            ck_assert_int_eq(apply(w, holders[i]), ERR_OK);
        ck_assert_int_eq(apply(w, "[\"dead\",2,[1]]"), ERR_OK); /* others may follow */
        ck_assert_int_eq(apply(w, "[\"unset\",2048,\"z\"]"), i < ARRAY_LEN(holders) ? ERR_BAD_VALUE : ERR_OK);
        world_free(w);
    }
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_line_is_a_verb_and_as_many_arguments_as_it_takes),
        TEST(what_is_no_line_is_refused),
        TEST(a_line_that_is_cut_anywhere_is_refused),
        TEST(parts_come_one_after_another_until_there_is_none_or_no_sense),
        TEST(places_of_a_pool_are_named_one_by_one_or_as_bits),
        TEST(changes_of_records_and_lists_come_back),
        TEST(bytes_names_and_sessions_come_back),
        TEST(answers_come_back_as_they_were),
        TEST(an_answer_is_as_old_as_the_clock_on_the_wall_says),
        TEST(an_answer_that_cannot_be_is_refused),
        TEST(the_dead_stay_dead_though_they_held_each_other),
        TEST(what_is_cut_off_has_not_happened, .rounds = 3),
        TEST(a_line_that_cannot_be_is_refused_with_a_sentence),
        TEST(a_death_that_others_do_not_know_of_is_refused),
    };
    return unit_main(argc, argv, "redo", tests, ARRAY_LEN(tests));
}
