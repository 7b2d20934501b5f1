/* sqlite_load.c - what is kept, one after another (engine.h): table by table, then the lines of the log. */
#include "daemon/store/sqlite_impl.h"

static const enum statement statement_of[ITEM_END] = {
    [ITEM_POOL] = SQL_ALL_POOLS,       [ITEM_OBJECT] = SQL_ALL_OBJECTS, [ITEM_CONTENTS] = SQL_ALL_CONTENTS,
    [ITEM_ROOT] = SQL_ALL_ROOTS,       [ITEM_WEAK] = SQL_ALL_WEAK,      [ITEM_SESSION] = SQL_ALL_SESSIONS,
    [ITEM_HOLD] = SQL_ALL_HOLDS,       [ITEM_LINES] = SQL_LINES_FROM,
};

static void stop(struct engine *e)
{
    if (e->load != NULL)
        sqlite3_reset(e->load);
    e->load = NULL;
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
        ret->id = number_at(s, 0);
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
    case ITEM_LINES:
    case ITEM_END:
        break;
    }
}

static enum err read_object_texts(sqlite3_stmt *s, struct engine_item *ret, struct why *why)
{
    struct slice first = SLICE("");
    enum err err;

    if ((err = sql_text(s, 1, &ret->class, why)) || (err = sql_text(s, 2, &ret->site, why)) || (err = sql_text(s, 3, &first, why)))
        return err;
    ret->first_of_value = first.len > 0 ? first.data[0] : '\0';
    return ERR_OK;
}

static enum err read_session_texts(sqlite3_stmt *s, struct engine_item *ret, struct why *why)
{
    enum err err = sql_text(s, 2, &ret->text, why);

    return err == ERR_OK ? sql_text(s, 3, &ret->token, why) : err;
}

static enum err read_row(enum engine_item_kind kind, sqlite3_stmt *s, struct engine_item *ret, struct why *why)
{
    read_numbers(kind, s, ret);
    switch (kind) {
    case ITEM_OBJECT:
        return read_object_texts(s, ret, why);
    case ITEM_SESSION:
        return read_session_texts(s, ret, why);
    case ITEM_CONTENTS:
        return sql_text(s, 1, &ret->text, why);
    case ITEM_ROOT:
    case ITEM_WEAK:
        return sql_text(s, 0, &ret->text, why);
    case ITEM_LINES:
        return sql_text(s, 2, &ret->text, why);
    default:
        return ERR_OK;
    }
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

enum err sqlite_next(struct engine *e, struct engine_item *ret, struct why *why)
{
    enum err err;

    while (e->loading != ITEM_END) {
        int code;

        if (e->load == NULL && (err = begin(e, why)) != ERR_OK)
            return err;
        if ((code = sqlite3_step(e->load)) == SQLITE_ROW)
            return read_row(e->loading, e->load, ret, why);
        if (code != SQLITE_DONE)
            return sql_error(e, "reading what is kept", why);
        stop(e);
        e->loading++;
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
