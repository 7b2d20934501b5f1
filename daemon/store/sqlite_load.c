/*
 * sqlite_load.c - what is kept, one after another (engine.h): table by table, then the lines of the log.
 *
 * There may be a hundred million objects: each is a row that is stepped to, with nothing computed and nothing joined. The few
 * whose contents do not lie in their row have them in blocks, which are asked for one object at a time.
 */
#include "daemon/store/sqlite_impl.h"
#include "heap/pool.h"

static const enum statement statement_of[ITEM_END] = {
    [ITEM_POOL] = SQL_ALL_POOLS,       [ITEM_OBJECT] = SQL_ALL_OBJECTS, [ITEM_CONTENTS] = SQL_ALL_CONTENTS,
    [ITEM_ROOT] = SQL_ALL_ROOTS,       [ITEM_WEAK] = SQL_ALL_WEAK,      [ITEM_SESSION] = SQL_ALL_SESSIONS,
    [ITEM_HOLD] = SQL_ALL_HOLDS,       [ITEM_SETTING] = SQL_ALL_SETTINGS, [ITEM_ANSWER] = SQL_ALL_ANSWERS,
    [ITEM_LINES] = SQL_LINES_FROM,
};

static void stop(struct engine *e)
{
    if (e->load != NULL)
        sqlite3_reset(e->load);
    if (e->blocks_of != 0)
        sqlite3_reset(e->statements[SQL_GET_BLOCKS]);
    e->load = NULL;
    e->blocks_of = 0;
}

enum err sqlite_rewind(struct engine *e, struct why *why)
{
    (void)why;
    stop(e);
    e->loading = ITEM_POOL;
    return ERR_OK;
}

/* What is no number, or below 0, is one that nobody will believe. */
static uint64_t number_at(sqlite3_stmt *s, int column)
{
    int64_t n = sqlite3_column_type(s, column) == SQLITE_INTEGER ? sqlite3_column_int64(s, column) : -1;

    return n < 0 ? UINT64_MAX : (uint64_t)n;
}

static uint32_t u32_at(sqlite3_stmt *s, int column)
{
    uint64_t n = number_at(s, column);

    return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

/* Of a row that begins with slot, turn. Numbers that nobody will believe make an id that nobody will. */
static obj_id id_of_row(sqlite3_stmt *s)
{
    uint64_t slot = number_at(s, 0), turn = number_at(s, 1);

    return slot > SLOT_MAX || turn > TURN_MAX ? UINT64_MAX : turn << SLOT_BITS | slot;
}

static void read_numbers(enum engine_item_kind kind, sqlite3_stmt *s, struct engine_item *ret)
{
    *ret = (struct engine_item){.kind = kind};
    switch (kind) {
    case ITEM_POOL:
        ret->pool = u32_at(s, 0);
        ret->cell_words = u32_at(s, 1);
        ret->turn_base = u32_at(s, 2);
        ret->turn_end = u32_at(s, 3);
        break;
    case ITEM_OBJECT:
    case ITEM_CONTENTS:
        ret->id = id_of_row(s);
        break;
    case ITEM_ROOT:
    case ITEM_WEAK:
        ret->id = number_at(s, 1);
        break;
    case ITEM_SESSION:
        ret->session = u32_at(s, 0);
        ret->ttl_s = sqlite3_column_double(s, 1);
        break;
    case ITEM_HOLD:
        ret->session = u32_at(s, 0);
        ret->id = number_at(s, 1);
        break;
    case ITEM_ANSWER:
        ret->number = number_at(s, 0);
        ret->unix_ms = number_at(s, 1);
        break;
    case ITEM_SETTING:
    case ITEM_LINES:
    case ITEM_END:
        break;
    }
}

static enum err read_value(sqlite3_stmt *s, struct engine_item *ret, struct why *why)
{
    enum err err = sql_text(s, 2, &ret->text, why);

    ret->first_of_value = ret->text.len > 0 ? ret->text.data[0] : '\0';
    return err;
}

static enum err read_two(sqlite3_stmt *s, int column, struct slice *ret_first, struct slice *ret_second, struct why *why)
{
    enum err err = sql_text(s, column, ret_first, why);

    return err == ERR_OK ? sql_text(s, column + 1, ret_second, why) : err;
}

static enum err read_object_texts(sqlite3_stmt *s, struct engine_item *ret, struct why *why)
{
    enum err err;

    if ((err = read_value(s, ret, why)) || (err = sql_text(s, 3, &ret->class, why)))
        return err;
    return sqlite3_column_type(s, 4) == SQLITE_NULL ? ERR_OK : sql_text(s, 4, &ret->site, why);
}

static enum err read_row(enum engine_item_kind kind, sqlite3_stmt *s, struct engine_item *ret, struct why *why)
{
    read_numbers(kind, s, ret);
    switch (kind) {
    case ITEM_OBJECT:
        return read_object_texts(s, ret, why);
    case ITEM_CONTENTS:
        return read_value(s, ret, why);
    case ITEM_SESSION:
        return read_two(s, 2, &ret->text, &ret->token, why);
    case ITEM_SETTING:
        return read_two(s, 0, &ret->text, &ret->value, why);
    case ITEM_ANSWER:
        return read_two(s, 2, &ret->text, &ret->value, why);
    case ITEM_ROOT:
    case ITEM_WEAK:
        return sql_text(s, 0, &ret->text, why);
    case ITEM_LINES:
        return sql_text(s, 2, &ret->text, why);
    default:
        return ERR_OK;
    }
}

/* An older schema, which is only looked at, does not have every table. */
static bool has_table(const struct engine *e, enum engine_item_kind kind)
{
    return e->version >= (kind == ITEM_ANSWER ? 3 : kind == ITEM_SETTING ? 2 : 1);
}

static enum err begin(struct engine *e, struct why *why)
{
    e->load = sql_take(e, statement_of[e->loading]);
    if (e->load == NULL)
        return sql_error(e, "reading what is kept", why);
    if (e->loading == ITEM_LINES)
        sqlite3_bind_int64(e->load, 1, 0);
    return ERR_OK;
}

/* Are these contents to be given? Those of bytes lie elsewhere; a lone bracket stands for blocks, which come next. */
static bool gives_contents(struct engine *e, const struct engine_item *i)
{
    if (i->text.len == 1)
        e->blocks_of = i->id;
    return i->text.len != 1 && i->first_of_value != 'n';
}

/* The next block of e->blocks_of; *ret_some false: there is none left. */
static enum err next_block(struct engine *e, struct engine_item *ret, bool *ret_some, struct why *why)
{
    sqlite3_stmt *s = sql_take(e, SQL_GET_BLOCKS);
    bool first;
    int code;

    if (s == NULL)
        return sql_error(e, "reading blocks", why);
    if ((first = !sqlite3_stmt_busy(s)))
        sqlite3_bind_int64(s, 1, (int64_t)(e->blocks_of & SLOT_MAX));
    code = sqlite3_step(s);
    *ret_some = code == SQLITE_ROW;
    if (*ret_some) {
        *ret = (struct engine_item){.kind = ITEM_CONTENTS, .id = e->blocks_of};
        return sql_text(s, 1, &ret->text, why);
    }
    if (code != SQLITE_DONE)
        return sql_error(e, "reading blocks", why);
    if (first)
        return why_set(why, ERR_STORE, "the blocks of object %llu are missing", (unsigned long long)e->blocks_of);
    sqlite3_reset(s);
    e->blocks_of = 0;
    return ERR_OK;
}

/* The next row of the table that is read now; *ret_some false: there is none left. */
static enum err next_row(struct engine *e, struct engine_item *ret, bool *ret_some, struct why *why)
{
    enum err err = e->load == NULL ? begin(e, why) : ERR_OK;
    int code;

    if (err != ERR_OK)
        return err;
    code = sqlite3_step(e->load);
    *ret_some = code == SQLITE_ROW;
    if (*ret_some)
        return read_row(e->loading, e->load, ret, why);
    if (code != SQLITE_DONE)
        return sql_error(e, "reading what is kept", why);
    return ERR_OK;
}

enum err sqlite_next(struct engine *e, struct engine_item *ret, struct why *why)
{
    while (e->loading != ITEM_END) {
        bool in_blocks = e->blocks_of != 0, some = false;
        enum err err;

        if (!has_table(e, e->loading)) {
            e->loading++;
            continue;
        }
        err = in_blocks ? next_block(e, ret, &some, why) : next_row(e, ret, &some, why);
        if (err != ERR_OK)
            return err;
        if (some && (in_blocks || e->loading != ITEM_CONTENTS || gives_contents(e, ret)))
            return ERR_OK;
        if (!some && !in_blocks) {
            stop(e);
            e->loading++;
        }
    }
    *ret = (struct engine_item){.kind = ITEM_END};
    return ERR_OK;
}

static enum err copy_bytes(sqlite3_stmt *s, struct mem *mem, struct payload **ret, struct why *why)
{
    const void *data = sqlite3_column_blob(s, 0); /* NULL for none */
    size_t len = (size_t)sqlite3_column_bytes(s, 0);
    struct payload *p;

    if (sqlite3_column_type(s, 0) != SQLITE_BLOB)
        return why_set(why, ERR_BAD_VALUE, "what is kept as bytes is something else");
    if ((data == NULL && len > 0) || (p = payload_create(mem, len)) == NULL)
        return why_set(why, ERR_NOMEM, "no memory for %zu bytes", len);
    if (len > 0)
        memcpy(p->data, data, len);
    *ret = p;
    return ERR_OK;
}

enum err sqlite_get_bytes(struct engine *e, obj_id id, struct mem *mem, struct payload **ret, struct why *why)
{
    sqlite3_stmt *s = sql_take(e, SQL_GET_BYTES);
    enum err err;
    int code;

    if (s == NULL)
        return sql_error(e, "reading bytes", why);
    sqlite3_bind_int64(s, 1, (int64_t)id);
    code = sqlite3_step(s);
    if (code == SQLITE_ROW)
        err = copy_bytes(s, mem, ret, why);
    else if (code == SQLITE_DONE)
        err = why_set(why, ERR_BAD_VALUE, "the bytes of object %llu are missing", (unsigned long long)id);
    else
        err = sql_error(e, "reading bytes", why);
    sqlite3_reset(s);
    return err;
}
