/* test_tokens.c - a file of tokens is taken whole or not at all, and each token opens what its line says. */
#include "daemon/tokens.h"
#include "tests/unit/unit.h"
#include <sys/stat.h>
#include <unistd.h>

/* A file with this text, good until the next; removed at the end of the test. */
static const char *file_of(struct slice text)
{
    static char path[64];
    int fd;

    snprintf(path, sizeof path, "/tmp/heapd-test-tokens-XXXXXX");
    fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text.data, text.len), (ssize_t)text.len);
    close(fd);
    return path;
}

static enum err read_text(struct tokens *t, struct slice text, struct why *why)
{
    const char *path = file_of(text);
    enum err e = tokens_read(t, path, why);

    unlink(path);
    return e;
}

static const char people[] = "# who may do what\n"
                             "\n"
                             "ann read reads-0123456789\n"
                             "  bob\twrite  writes-0123456789\t\r\n"
                             "eve admin short";

static struct tokens some_tokens(void)
{
    struct tokens t = {.count = 0};

    ck_assert_int_eq(read_text(&t, slice_of(people), NULL), ERR_OK);
    return t;
}

/* The scope that a value of Authorization gives. */
static enum access scope(const struct tokens *t, const char *authorization)
{
    return tokens_grant(t, slice_of(authorization)).access;
}

START_TEST(a_token_opens_what_its_line_says)
{
    struct tokens t = some_tokens();
    struct grant g = tokens_grant(&t, SLICE("Bearer writes-0123456789"));

    ck_assert_uint_eq(t.count, 3);
    ck_assert_uint_eq(t.short_count, 1);
    ck_assert_int_eq(g.access, ACCESS_WRITE);
    ck_assert(g.shown && slice_is(g.label, "bob"));
    ck_assert_int_eq(scope(&t, "Bearer reads-0123456789"), ACCESS_READ);
    ck_assert_int_eq(scope(&t, "bEARER  short"), ACCESS_ADMIN);
}
END_TEST

START_TEST(anything_else_opens_nothing)
{
    static const char *const values[] = {
        "Bearer",        "Bearer ",      "short",           "Basic short",     "Bearer shor", "Bearer shorts",
        "Bearer Short",  "Bearershort",  "Bearer short x",  "Bearer \"short\"", "Bearer ann",  "Bearer eve admin short",
        "Bearer: short", "Token short", "Bearer short,x", "Bearer #",
    };
    struct tokens t = some_tokens();
    char endless[2 * TOKEN_BYTES_MAX];
    struct grant g = tokens_grant(&t, SLICE("")), none = tokens_grant(&t, (struct slice){NULL, 0});

    ck_assert(g.access == ACCESS_OPEN && !g.shown && none.access == ACCESS_OPEN && !none.shown);
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        g = tokens_grant(&t, slice_of(values[i]));
        ck_assert_msg(g.access == ACCESS_OPEN && g.shown, "%s", values[i]);
    }
    memset(endless, 'x', sizeof endless);
    memcpy(endless, "Bearer ", 7);
    ck_assert_int_eq(tokens_grant(&t, (struct slice){endless, sizeof endless}).access, ACCESS_OPEN);
}
END_TEST

static uint64_t number(const struct tokens *t, const char *authorization)
{
    return tokens_grant(t, slice_of(authorization)).token;
}

START_TEST(a_token_keeps_its_number_as_long_as_it_opens_no_less)
{
    struct tokens t = some_tokens();
    uint64_t ann = number(&t, "Bearer reads-0123456789"), bob = number(&t, "Bearer writes-0123456789");
    uint64_t eve = number(&t, "Bearer short"), old_eve = eve;

    ck_assert(ann != 0 && bob != 0 && ann != bob && eve != bob && number(&t, "Bearer none") == 0);
    ck_assert_int_eq(read_text(&t, SLICE("eve admin another\n" "B read writes-0123456789\n" "A write reads-0123456789\n"), NULL), ERR_OK);
    ck_assert_uint_eq(number(&t, "Bearer reads-0123456789"), ann); /* whatever it is called, and it may do more */
    ck_assert(tokens_has(&t, ann) && !tokens_has(&t, bob) && !tokens_has(&t, eve));
    eve = number(&t, "Bearer another");
    ck_assert(eve != old_eve && eve != bob && tokens_has(&t, eve));
    ck_assert_int_eq(read_text(&t, slice_of(people), NULL), ERR_OK);
    ck_assert(!tokens_has(&t, bob) && !tokens_has(&t, old_eve) && !tokens_has(&t, ann)); /* what was taken back stays so */
    ck_assert_int_eq(read_text(&t, SLICE("no file of tokens"), NULL), ERR_BAD_VALUE);
    ck_assert(tokens_has(&t, number(&t, "Bearer writes-0123456789")));
}
END_TEST

static bool holds(const struct tokens *t, const char *text)
{
    return memmem(t, sizeof *t, text, strlen(text)) != NULL;
}

START_TEST(no_token_is_kept_in_the_clear_nor_twice_under_the_same_hash)
{
    struct tokens t = some_tokens(), again = some_tokens();

    ck_assert(holds(&t, "ann")); /* the label is */
    ck_assert(!holds(&t, "reads-0123456789") && !holds(&t, "short"));
    ck_assert_mem_ne(t.list[0].hash, again.list[0].hash, TOKEN_HASH_BYTES);
}
END_TEST

/* `text` is refused at this line, 0: as a whole, and what was there stays. */
static void refused(struct slice text, unsigned line)
{
    struct tokens t = some_tokens(), before = t;
    struct why why = {0};
    char where[16];

    snprintf(where, sizeof where, ":%u: ", line);
    ck_assert_int_eq(read_text(&t, text, &why), ERR_BAD_VALUE);
    ck_assert_msg(line == 0 || strstr(why.text, where) != NULL, "%s", why.text);
    ck_assert_ptr_null(strstr(why.text, "secret"));
    ck_assert_mem_eq(&t, &before, sizeof t);
}

START_TEST(a_bad_file_changes_nothing_and_names_the_line)
{
    static const struct {
        struct slice text;
        unsigned line;
    } files[] = {
        {SLICE(""), 0},
        {SLICE("# nobody\n"), 0},
        {SLICE("a read\n"), 1},
        {SLICE("a\n"), 1},
        {SLICE("a read secret more\n"), 1},
        {SLICE("a READ secret\n"), 1},
        {SLICE("a open secret\n"), 1},
        {SLICE("a,read,secret\n"), 1},
        {SLICE("a read secret1\nb write secret2\nc all secret3\n"), 3},
        {SLICE("a read secret1\nb write secret1\n"), 2},
        {SLICE("a read se\0cret\n"), 1},
        {SLICE("a read secr\xc3\xa9t\n"), 1},
        {SLICE("\x01 read secret\n"), 1},
        {SLICE("a23456789_123456789_123456789_123456789_123456789_123456789_12345 read secret\n"), 1},
    };

    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        refused(files[i].text, files[i].line);
}
END_TEST

START_TEST(each_limit_holds_and_is_refused_one_past_it)
{
    static char text[2 * TOKEN_FILE_BYTES_MAX];
    struct tokens t = some_tokens();
    size_t len = 0;

    for (int i = 0; i < TOKENS_MAX; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "t%d read token-number-%d\n", i, i);
    ck_assert_int_eq(read_text(&t, (struct slice){text, len}, NULL), ERR_OK);
    ck_assert_uint_eq(t.count, TOKENS_MAX);
    ck_assert_int_eq(scope(&t, "Bearer token-number-255"), ACCESS_READ);
    len += (size_t)snprintf(text + len, sizeof text - len, "one more secret\n");
    refused((struct slice){text, len}, TOKENS_MAX + 1);

    len = (size_t)snprintf(text, sizeof text, "a read ");
    memset(text + len, 'x', TOKEN_BYTES_MAX);
    ck_assert_int_eq(read_text(&t, (struct slice){text, len + TOKEN_BYTES_MAX}, NULL), ERR_OK);
    text[len + TOKEN_BYTES_MAX] = 'x';
    refused((struct slice){text, len + TOKEN_BYTES_MAX + 1}, 1);

    memset(text, '\n', sizeof text);
    memcpy(text, "a read secret", 13);
    ck_assert_int_eq(read_text(&t, (struct slice){text, TOKEN_FILE_BYTES_MAX - 1}, NULL), ERR_OK);
    refused((struct slice){text, TOKEN_FILE_BYTES_MAX}, 0);
}
END_TEST

START_TEST(what_is_not_a_plain_file_is_refused_at_once)
{
    struct tokens t = some_tokens(), before = t;
    const char *path = file_of(SLICE(""));
    struct why why = {0};

    unlink(path);
    ck_assert_int_eq(tokens_read(&t, path, &why), ERR_BAD_VALUE);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(tokens_read(&t, path, &why), ERR_BAD_VALUE); /* nobody will ever write to it */
    unlink(path);
    ck_assert_int_eq(tokens_read(&t, "/tmp", &why), ERR_BAD_VALUE);
    ck_assert_mem_eq(&t, &before, sizeof t);
}
END_TEST

START_TEST(a_file_that_everybody_may_read_is_noticed)
{
    const char *path = file_of(slice_of(people));
    struct tokens t = {.count = 0};

    ck_assert_int_eq(tokens_read(&t, path, NULL), ERR_OK);
    ck_assert(!t.others_read_it);
    chmod(path, 0644);
    ck_assert_int_eq(tokens_read(&t, path, NULL), ERR_OK);
    ck_assert(t.others_read_it);
    unlink(path);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(a_token_opens_what_its_line_says),
        TEST(anything_else_opens_nothing),
        TEST(a_token_keeps_its_number_as_long_as_it_opens_no_less),
        TEST(no_token_is_kept_in_the_clear_nor_twice_under_the_same_hash),
        TEST(a_bad_file_changes_nothing_and_names_the_line),
        TEST(each_limit_holds_and_is_refused_one_past_it),
        TEST(what_is_not_a_plain_file_is_refused_at_once),
        TEST(a_file_that_everybody_may_read_is_noticed),
    };

    return unit_main(argc, argv, "tokens", tests, ARRAY_LEN(tests));
}
