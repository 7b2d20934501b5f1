/*
 * test_store_rot.c - what was kept has rotted, or was changed by somebody: it is refused with a sentence, or what is put back
 * obeys every rule. Never is it believed without being looked at.
 *
 * Bits of the files of a store are turned, pages torn, ends cut off; and with SQL each column of each table is given what
 * does not belong there. Then it is opened, put back, folded. HEAPD_TEST_LONG: more of all.
 */
#include "tests/fault/store_life.h"
#include "tests/fault/vfs_shim.h"
#include "tests/unit/unit.h"
#include <sqlite3.h>

static const char *const files[] = {"heap.db", "heap.db-wal"};

/* A life, gone, that left changes folded and not; killed, or ended well. */
static struct life *past_life(uint64_t seed, bool killed, struct shim_image **ret)
{
    struct life *life = life_begin(seed, true);

    shim_format(4096, false);
    life_open(life);
    life_live(life, 25);
    if (!killed)
        life_close(life);
    *ret = shim_copy();
    life_drop(life);
    return life;
}

static void tell(void *ctx, const char *sentence)
{
    (void)ctx;
    fprintf(stderr, "broken: %s\n", sentence);
}

/* A sanitizer makes a heap dear: what there is to map. */
static bool is_short(void)
{
#ifdef __SANITIZE_ADDRESS__
    return getenv("HEAPD_TEST_LONG") == NULL;
#else
    return false;
#endif
}

struct outcome {
    uint32_t opened, refused, unfolded;
};

/* Without a sentence nobody knows what to do. */
static void must_be_refused(enum err e, const struct why *why)
{
    if (e != ERR_STORE || why->text[0] == '\0')
        ck_abort_msg("%s: \"%s\"", err_name(e), why->text);
}

static void try_to_put_back(struct life *life, struct outcome *o)
{
    struct why why = {0};
    enum err e = life_put_back(life, &why);

    if (e == ERR_OK) {
        MUST(heap_validate(life->heap, tell, NULL) == 0);
        free(life_describe(life));
        o->opened++;
    } else {
        must_be_refused(e, &why);
        o->refused++;
    }
    life_drop(life);
}

static void try_to_fold(struct life *life, struct outcome *o)
{
    struct why why = {0};
    enum err e = life_open_store(life, &why);

    if (e == ERR_OK)
        e = life_fold_all(life, &why);
    if (e != ERR_OK) {
        must_be_refused(e, &why);
        o->unfolded++;
    }
    life_drop(life);
}

/* Put back; and folded, and what that has made of it put back. */
static void try_all(struct life *life, const struct shim_image *rotten, struct outcome *o)
{
    try_to_put_back(life, o);
    shim_put(rotten);
    try_to_fold(life, o);
    try_to_put_back(life, o);
}

/* ---- files ---- */

static void turn_bits(unsigned char *data, size_t len, uint64_t *dice)
{
    for (uint32_t n = 1 + unit_rand_below(dice, 8); n-- > 0;)
        data[unit_rand_below(dice, (uint32_t)len)] ^= (unsigned char)(1 << unit_rand_below(dice, 8));
}

/* A stretch of the file stands where another should. */
static void misplace(unsigned char *data, size_t len, uint64_t *dice)
{
    size_t piece = unit_rand_below(dice, 2) == 0 ? 512 : 4096;
    uint32_t pieces = (uint32_t)(len / piece);

    if (pieces >= 2)
        memmove(data + piece * unit_rand_below(dice, pieces), data + piece * unit_rand_below(dice, pieces), piece);
}

static void scribble(unsigned char *data, size_t len, uint64_t *dice)
{
    uint32_t at = unit_rand_below(dice, (uint32_t)len), n = 1 + unit_rand_below(dice, 200);

    for (uint32_t i = at; i < at + n && i < len; i++)
        data[i] = (unsigned char)unit_rand(dice);
}

static void damage(uint64_t *dice)
{
    static void (*const ways[])(unsigned char *, size_t, uint64_t *) = {turn_bits, misplace, scribble};
    const char *name = files[unit_rand_below(dice, 2)];
    size_t len;
    unsigned char *data = shim_file(name, &len);

    if (data == NULL || len == 0)
        return;
    if (unit_rand_below(dice, 4) == 0)
        shim_resize(name, unit_rand_below(dice, (uint32_t)len + 1));
    else
        ways[unit_rand_below(dice, ARRAY_LEN(ways))](data, len, dice);
}

START_TEST(rotten_files_are_refused_or_what_is_put_back_obeys_every_rule)
{
    struct shim_image *image, *rotten;
    struct life *life = past_life(unit_seed(_i), _i % 2 == 0, &image);
    struct outcome o = {0};
    uint32_t times = getenv("HEAPD_TEST_LONG") != NULL ? 5000 : is_short() ? 40 : 100;

    for (uint32_t i = 0; i < times; i++) {
        uint64_t dice = unit_seed(_i) * 100000 + i;

        shim_put(image);
        damage(&dice);
        rotten = shim_copy();
        try_all(life, rotten, &o);
        shim_image_free(&rotten);
    }
    ck_assert_uint_gt(o.refused, times / 20);
    ck_assert_uint_gt(o.opened, times / 20);
    shim_image_free(&image);
    life_end(&life);
}
END_TEST

/* ---- rows ---- */

static const struct {
    const char *table, *column;
} columns[] = {
    {"meta", "value"},      {"log", "number"},       {"log", "commit_number"}, {"log", "pool_end"},    {"log", "last_session"},
    {"log", "lines"},       {"pools", "number"},     {"pools", "cell_words"},  {"pools", "turn_base"}, {"pools", "turn_end"},
    {"objects", "slot"},    {"objects", "turn"},     {"objects", "class"},     {"objects", "site"},    {"objects", "value"},
    {"blocks", "slot"},     {"blocks", "number"},    {"blocks", "value"},      {"bytes", "id"},        {"bytes", "data"},
    {"roots", "name"},      {"roots", "id"},         {"weak", "name"},         {"weak", "id"},         {"sessions", "number"},
    {"sessions", "ttl"},    {"sessions", "label"},   {"sessions", "token"},    {"holds", "session"},   {"holds", "id"},
};

static const char *const odd[] = {
    "NULL", "-1", "0", "1", "2047", "1099511627776", "9223372036854775807", "-9223372036854775808", "1e300", "0.5", "''", "'text'",
    "x'ff00'", "CAST(x'22ff22' AS TEXT)", "CAST(x'610062' AS TEXT)", "'['", "'{'", "'n'", "'[1,2'", "'{\"a\":}'", "'[\"new\",1]'",
    "replace(hex(zeroblob(400)), '0', 'x')", "COL || COL", "substr(COL, 2)", "COL + 1", "COL * 2", "replace(COL, ':', ',')",
    "replace(COL, '1', '2')", "replace(COL, '\"', '')", "CAST(COL AS BLOB)",
};

static int execute(sqlite3 *db, const char *text)
{
    return sqlite3_exec(db, text, NULL, NULL, NULL);
}

static void with_value(char *room, size_t size, const char *pattern, const char *column)
{
    size_t at = 0;

    for (const char *p = pattern; *p != '\0' && at + 64 < size;) {
        bool is_column = strncmp(p, "COL", 3) == 0;

        at += (size_t)snprintf(room + at, size - at, "%.*s", is_column ? 64 : 1, is_column ? column : p);
        p += is_column ? 3 : 1;
    }
}

/* One row, or all of the table. False: SQLite does not let that in. */
static bool put_odd(const struct life *life, size_t column, size_t value, bool all)
{
    char path[128], set[400], statement[700];
    sqlite3 *db;
    bool done;

    snprintf(path, sizeof path, "%s/heap.db", life->dir);
    with_value(set, sizeof set, odd[value], columns[column].column);
    snprintf(statement, sizeof statement, "UPDATE OR IGNORE %s SET %s = %s %s", columns[column].table, columns[column].column, set,
             all ? "" : "WHERE random() % 4 = 0");
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
    (void)execute(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF");
    done = execute(db, statement) == SQLITE_OK && sqlite3_changes(db) > 0;
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
    return done;
}

#define ROUNDS 10 /* each has its share of the odd values */

/* So that NULLs get in. */
static void allow_nulls(const struct life *life)
{
    char path[128];
    sqlite3 *db;

    snprintf(path, sizeof path, "%s/heap.db", life->dir);
    ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
    ck_assert_int_eq(execute(db, "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '')"), SQLITE_OK);
    ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
}

START_TEST(what_does_not_belong_into_a_row_is_refused_or_harmless)
{
    struct shim_image *image, *rotten;
    struct life *life = past_life(unit_seed(_i), true, &image);
    struct outcome o = {0};
    uint32_t done = 0;

    allow_nulls(life);
    shim_image_free(&image);
    image = shim_copy();
    for (size_t c = 0; c < ARRAY_LEN(columns); c++)
        for (size_t v = (size_t)_i; v < ARRAY_LEN(odd); v += ROUNDS) {
            if (is_short() && (c + v) % 4 != (size_t)_i % 4)
                continue;
            shim_put(image);
            if (!put_odd(life, c, v, (c + v) % 2 == 0))
                continue;
            rotten = shim_copy();
            try_all(life, rotten, &o);
            shim_image_free(&rotten);
            done++;
        }
    ck_assert_uint_gt(done, 5);
    ck_assert_uint_gt(o.refused, 2);
    shim_image_free(&image);
    life_end(&life);
}
END_TEST

int main(int argc, char **argv)
{
    const struct unit_test tests[] = {
        TEST(rotten_files_are_refused_or_what_is_put_back_obeys_every_rule, .rounds = 4),
        TEST(what_does_not_belong_into_a_row_is_refused_or_harmless, .rounds = ROUNDS),
    };
    shim_install();
    return unit_main(argc, argv, "store_rot", tests, ARRAY_LEN(tests));
}
