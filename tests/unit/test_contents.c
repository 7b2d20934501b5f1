/*
 * test_contents.c - the contents of an object as text (daemon/store/contents.h), against arrays of parts: whatever is done to
 * both, they say the same; what was written back in blocks and loaded again says it too.
 */
#include "daemon/store/contents.h"
#include "tests/unit/unit.h"

#define PARTS_MAX 4000
#define PART_BYTES 40

/* A value, and in an object the key before it, as text. */
struct naive {
    char bracket;
    char key[PARTS_MAX][PART_BYTES], value[PARTS_MAX][PART_BYTES];
    size_t count;
};

static char long_text[CONTENTS_BLOCK_BYTES * 2];

/* All blocks, one after another. */
static char *shown(const struct contents *c)
{
    char *text = malloc(c->bytes + c->block_count + 1), *at = text;

    for (size_t i = 0; i < c->block_count; i++) {
        const struct buf *t = &c->blocks[i].text;

        if (t->len == 0)
            continue;
        if (at > text)
            *at++ = ',';
        memcpy(at, t->data, t->len);
        at += t->len;
    }
    *at = '\0';
    return text;
}

static char *expected(const struct naive *n)
{
    char *text = malloc(n->count * 2 * (PART_BYTES + 2) + 1), *at = text;

    *at = '\0';
    for (size_t i = 0; i < n->count; i++)
        at += sprintf(at, "%s%s%s%s", i > 0 ? "," : "", n->key[i], n->bracket == '{' ? ":" : "", n->value[i]);
    return text;
}

static void check_same(const struct contents *c, const struct naive *n, uint64_t seed)
{
    char *is = shown(c), *was = expected(n);

    if (strcmp(is, was) != 0)
        ck_abort_msg("seed %" PRIu64 ": is %.200s, was %.200s", seed, is, was);
    free(is);
    free(was);
}

static void check_blocks(const struct contents *c)
{
    size_t bytes = 0;

    for (size_t i = 0; i < c->block_count; i++) {
        MUST(c->blocks[i].count <= CONTENTS_BLOCK_PARTS);
        MUST(i == 0 || c->blocks[i].number > c->blocks[i - 1].number);
        bytes += c->blocks[i].text.len;
    }
    MUST(bytes == c->bytes);
}

/* ---- what is kept: blocks that have changed are written, those that ran empty deleted ---- */

struct kept {
    char *text[PARTS_MAX];
    uint32_t end;
};

static void write_back(struct contents *c, struct kept *k)
{
    for (size_t i = 0; i < c->block_count; i++) {
        struct contents_block *b = &c->blocks[i];

        if (!b->changed)
            continue;
        MUST(b->number < PARTS_MAX);
        free(k->text[b->number]);
        k->text[b->number] = malloc(b->text.len + 3);
        sprintf(k->text[b->number], "%c%.*s%c", c->bracket, (int)b->text.len, b->text.len > 0 ? b->text.data : "", c->bracket == '[' ? ']' : '}');
        k->end = b->number >= k->end ? b->number + 1 : k->end;
        b->changed = false;
    }
    for (; c->dropped > 0; c->dropped--) {
        free(k->text[c->dropped_numbers[c->dropped - 1]]);
        k->text[c->dropped_numbers[c->dropped - 1]] = NULL;
    }
}

static void load_again(struct contents *c, const struct kept *k)
{
    struct mem *mem = c->mem;
    char bracket = c->bracket;

    contents_fini(c);
    contents_init(c, mem, bracket);
    for (uint32_t i = 0; i < k->end; i++)
        if (k->text[i] != NULL)
            ck_assert_int_eq(contents_load(c, i, slice_of(k->text[i])), ERR_OK);
}

static void kept_fini(struct kept *k)
{
    for (uint32_t i = 0; i < k->end; i++)
        free(k->text[i]);
}

/* ---- dice ---- */

static void some_value(char *ret, uint64_t *dice)
{
    static const char *const values[] = {"null", "-1.5e300", "\"a,b\"", "\"]}\"", "{\"$ref\":7}", "\"\\\"\\\\\"", "\"\""};

    if (unit_rand_below(dice, 2) == 0)
        sprintf(ret, "%u", unit_rand_below(dice, 1000000));
    else
        strcpy(ret, values[unit_rand_below(dice, ARRAY_LEN(values))]);
}

static void remove_at(struct naive *n, size_t i)
{
    memmove(n->key[i], n->key[i + 1], (n->count - i - 1) * PART_BYTES);
    memmove(n->value[i], n->value[i + 1], (n->count - i - 1) * PART_BYTES);
    n->count--;
}

/* ---- lists ---- */

static void change_list(struct contents *c, struct naive *n, uint64_t *dice, bool grows)
{
    char value[PART_BYTES];
    uint32_t kind = unit_rand_below(dice, 10);
    size_t at = n->count > 0 ? unit_rand_below(dice, (uint32_t)n->count) : 0;

    some_value(value, dice);
    if (n->count == 0 || (n->count < PARTS_MAX && kind < (grows ? 7 : 2))) {
        ck_assert_int_eq(contents_push(c, slice_of(value)), ERR_OK);
        strcpy(n->value[n->count++], value);
    } else if (kind < 8) {
        ck_assert_int_eq(contents_put(c, at, slice_of(value)), ERR_OK);
        strcpy(n->value[at], value);
    } else {
        ck_assert_int_eq(contents_cut(c, at), ERR_OK);
        remove_at(n, at);
    }
}

/* ---- objects ---- */

/* A plain name, and as a key. */
static void some_name(char *name, char *key, uint64_t *dice)
{
    uint32_t i = unit_rand_below(dice, 1500);

    sprintf(name, i % 5 == 0 ? "\"$%u\"" : i % 7 == 0 ? "\"\\\"%u:{\"" : "\"n%u\"", i);
    sprintf(key, i % 5 == 0 ? "\"$$%u\"" : i % 7 == 0 ? "\"\\\"%u:{\"" : "\"n%u\"", i);
}

static void change_object(struct contents *c, struct naive *n, uint64_t *dice, bool grows)
{
    char name[PART_BYTES], key[PART_BYTES], value[PART_BYTES];
    size_t at = 0;

    some_name(name, key, dice);
    some_value(value, dice);
    while (at < n->count && strcmp(n->key[at], key) != 0)
        at++;
    if (unit_rand_below(dice, 10) < (grows ? 8 : 3)) {
        ck_assert_int_eq(contents_set(c, slice_of(name), slice_of(value)), ERR_OK);
        strcpy(n->key[at], key);
        strcpy(n->value[at], value);
        n->count += at == n->count;
    } else {
        ck_assert_int_eq(contents_unset(c, slice_of(name)), ERR_OK);
        if (at < n->count)
            remove_at(n, at);
    }
}

/* ---- lives ---- */

static void live(char bracket, uint64_t seed, void (*change)(struct contents *, struct naive *, uint64_t *, bool))
{
    struct naive *n = calloc(1, sizeof *n);
    struct kept *kept = calloc(1, sizeof *kept);
    uint64_t dice = seed;
    struct mem mem;
    struct contents c;

    mem_init(&mem, 0);
    contents_init(&c, &mem, bracket);
    n->bracket = bracket;
    ck_assert_int_eq(contents_make(&c, slice_of(bracket == '[' ? "[]" : "{}")), ERR_OK);
    for (uint32_t i = 0; i < 4000; i++) {
        change(&c, n, &dice, i / 1000 % 2 == 0);
        if (unit_rand_below(&dice, 40) > 0)
            continue;
        check_blocks(&c);
        check_same(&c, n, seed);
        write_back(&c, kept);
        if (unit_rand_below(&dice, 3) == 0)
            load_again(&c, kept);
    }
    check_same(&c, n, seed);
    contents_fini(&c);
    mem_fini(&mem);
    kept_fini(kept);
    free(kept);
    free(n);
}

START_TEST(lists_agree_with_a_naive_array)
{
    live('[', unit_seed(_i), change_list);
}
END_TEST

START_TEST(objects_agree_with_a_naive_array)
{
    live('{', unit_seed(_i), change_object);
}
END_TEST

/* ---- made of a text ---- */

static struct slice list_of(uint32_t count, char *room)
{
    char *at = room;

    *at++ = '[';
    for (uint32_t i = 0; i < count; i++)
        at += sprintf(at, "%s%u", i > 0 ? "," : "", i);
    *at++ = ']';
    return (struct slice){room, (size_t)(at - room)};
}

START_TEST(a_block_has_a_bounded_number_of_parts_and_what_is_cut_empties_it)
{
    static char room[20000];
    struct mem mem;
    struct contents c;

    mem_init(&mem, 0);
    contents_init(&c, &mem, '[');
    ck_assert_int_eq(contents_make(&c, list_of(CONTENTS_BLOCK_PARTS * 2 + 1, room)), ERR_OK);
    ck_assert_uint_eq(c.block_count, 3);
    for (uint32_t i = 0; i < CONTENTS_BLOCK_PARTS; i++)
        ck_assert_int_eq(contents_cut(&c, CONTENTS_BLOCK_PARTS), ERR_OK); /* all of the second block */
    ck_assert_uint_eq(c.block_count, 2);
    ck_assert_uint_eq(c.dropped, 1);
    ck_assert_uint_eq(c.dropped_numbers[0], 1);
    ck_assert_int_eq(contents_put(&c, CONTENTS_BLOCK_PARTS, SLICE("last")), ERR_OK);
    ck_assert_int_eq(memcmp(c.blocks[1].text.data, "last", 4), 0);
    for (uint32_t i = 0; i <= CONTENTS_BLOCK_PARTS; i++)
        ck_assert_int_eq(contents_cut(&c, 0), ERR_OK);
    ck_assert_uint_eq(c.block_count, 1); /* an object has one */
    ck_assert_int_eq(contents_push(&c, SLICE("7")), ERR_OK);
    contents_fini(&c);
    mem_fini(&mem);
}
END_TEST

START_TEST(a_part_that_is_longer_than_a_block_has_one_of_its_own)
{
    struct mem mem;
    struct contents c;

    memset(long_text, '1', sizeof long_text);
    mem_init(&mem, 0);
    contents_init(&c, &mem, '[');
    ck_assert_int_eq(contents_make(&c, SLICE("[1]")), ERR_OK);
    ck_assert_int_eq(contents_push(&c, (struct slice){long_text, sizeof long_text}), ERR_OK);
    ck_assert_int_eq(contents_push(&c, SLICE("2")), ERR_OK);
    ck_assert_uint_eq(c.block_count, 3);
    contents_fini(&c);
    mem_fini(&mem);
}
END_TEST

/* ---- refused ---- */

START_TEST(what_is_no_such_text_is_refused)
{
    static const char *const bad[] = {"", "[", "]", "{}", "[1,]", "[,1]", "[1", "[\"a]", "[1,,2]", "[[1]", "[{]", "[1]]", "\"[]\""};
    struct mem mem;
    struct contents c;

    mem_init(&mem, 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        contents_init(&c, &mem, '[');
        if (contents_load(&c, 0, slice_of(bad[i])) != ERR_BAD_VALUE)
            ck_abort_msg("loaded: %s", bad[i]);
        contents_fini(&c);
        contents_init(&c, &mem, '[');
        if (contents_make(&c, slice_of(bad[i])) != ERR_BAD_VALUE)
            ck_abort_msg("made: %s", bad[i]);
        contents_fini(&c);
    }
    mem_fini(&mem);
}
END_TEST

START_TEST(what_cannot_be_done_is_refused)
{
    struct mem mem;
    struct contents list, object;

    mem_init(&mem, 0);
    contents_init(&list, &mem, '[');
    contents_init(&object, &mem, '{');
    ck_assert_int_eq(contents_load(&list, 3, SLICE("[1,2]")), ERR_OK);
    ck_assert_int_eq(contents_load(&list, 3, SLICE("[3]")), ERR_BAD_VALUE); /* numbers rise */
    ck_assert_int_eq(contents_load(&object, 0, SLICE("{\"a\":1}")), ERR_OK);
    ck_assert_int_eq(contents_cut(&list, 2), ERR_BAD_VALUE);
    ck_assert_int_eq(contents_put(&list, UINT64_MAX, SLICE("1")), ERR_BAD_VALUE);
    ck_assert_int_eq(contents_set(&list, SLICE("\"a\""), SLICE("1")), ERR_BAD_VALUE);
    ck_assert_int_eq(contents_unset(&list, SLICE("\"a\"")), ERR_BAD_VALUE);
    ck_assert_int_eq(contents_push(&object, SLICE("1")), ERR_BAD_VALUE);
    ck_assert_int_eq(contents_cut(&object, 0), ERR_BAD_VALUE);
    ck_assert_int_eq(contents_set(&object, SLICE("a"), SLICE("1")), ERR_BAD_VALUE);
    ck_assert_int_eq(contents_unset(&object, SLICE("\"b\"")), ERR_OK);
    contents_fini(&list);
    contents_fini(&object);
    mem_fini(&mem);
}
END_TEST

/* Each request refused once: an error, and not a byte is lost. */
START_TEST(memory_may_be_refused_anywhere)
{
    bool refused = true;
    struct mem mem;

    for (uint64_t n = 1; refused; n++) {
        struct contents c;
        uint64_t dice = 1;
        enum err e;

        mem_init(&mem, 0);
        mem.fail_at = n;
        contents_init(&c, &mem, '{');
        e = contents_make(&c, SLICE("{}"));
        for (int i = 0; i < 1200 && e == ERR_OK; i++) {
            char name[PART_BYTES], key[PART_BYTES];

            some_name(name, key, &dice);
            e = i % 3 == 2 ? contents_unset(&c, slice_of(name)) : contents_set(&c, slice_of(name), SLICE("\"some value\""));
        }
        refused = mem.request_count >= n;
        ck_assert(e == (refused ? ERR_NOMEM : ERR_OK));
        contents_fini(&c);
        mem_fini(&mem);
        ck_assert(refused || n > 20);
    }
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(lists_agree_with_a_naive_array, .rounds = 4),
        TEST(objects_agree_with_a_naive_array, .rounds = 4),
        TEST(a_block_has_a_bounded_number_of_parts_and_what_is_cut_empties_it),
        TEST(a_part_that_is_longer_than_a_block_has_one_of_its_own),
        TEST(what_is_no_such_text_is_refused),
        TEST(what_cannot_be_done_is_refused),
        TEST(memory_may_be_refused_anywhere),
    };
    return unit_main(argc, argv, "contents", tests, ARRAY_LEN(tests));
}
