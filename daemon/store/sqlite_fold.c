/*
 * sqlite_fold.c - changes become rows (engine.h): the log is read from its beginning, what it says is done to the tables, and
 * what was done is deleted, all in one transaction.
 *
 * Nothing is decoded: a new object's contents go into its row as they stand in the line; a change goes into their text, which
 * is written back once for all changes of a fold (sqlite_opened.c).
 */
#include "daemon/store/sqlite_fold_impl.h"
#include "heap/pool.h"

#define SLOTS_SEED 0x510754 /* its keys are slots, which no outsider chooses */

void fold_may_rest(const struct folding *f)
{
    if (f->rest != NULL)
        f->rest->may_rest(f->rest->ctx);
}

enum err fold_rotten(const struct folding *f)
{
    return why_set(f->why, ERR_STORE, "the log has a change that cannot be: [\"%s\",%.*s,..]", redo_verb_name(f->line->verb),
                   (int)(f->line->arg[0].len < 40 ? f->line->arg[0].len : 40), f->line->arg[0].data);
}

enum err fold_no_memory(struct why *why)
{
    return why_set(why, ERR_NOMEM, "no memory to fold changes");
}

enum err fold_number(const struct folding *f, size_t i, uint64_t max, uint64_t *ret)
{
    return redo_number(f->line->arg[i], max, ret) ? ERR_OK : fold_rotten(f);
}

/* ---- pools ---- */

static enum err raise_pool(struct folding *f)
{
    sqlite3_stmt *s = sql_take(f->engine, SQL_RAISE_POOL);

    if (f->fold->turn_end == 0)
        return ERR_OK;
    if (s == NULL)
        return sql_error(f->engine, "raising turns", f->why);
    sqlite3_bind_int64(s, 1, f->fold->pool);
    sqlite3_bind_int64(s, 2, (int64_t)f->fold->turn_end);
    f->fold->turn_end = 0;
    return sql_do(f->engine, s, f->why);
}

static enum err note_turn(struct folding *f, obj_id id)
{
    uint32_t pool = pool_of(id & SLOT_MAX);
    uint64_t turn_end = (id >> SLOT_BITS) + 1;
    enum err err = pool != f->fold->pool ? raise_pool(f) : ERR_OK;

    f->fold->pool = pool;
    if (turn_end > f->fold->turn_end)
        f->fold->turn_end = turn_end;
    return err;
}

static enum err fold_pool(struct folding *f)
{
    sqlite3_stmt *s = sql_take(f->engine, SQL_PUT_POOL);
    uint64_t number, words, turn_base;
    enum err err;

    if (s == NULL)
        return sql_error(f->engine, "writing a pool", f->why);
    if ((err = raise_pool(f)) || (err = fold_number(f, 0, POOLS_MAX - 1, &number)) || (err = fold_number(f, 1, CELL_WORDS_MAX, &words)) ||
        (err = fold_number(f, 2, TURN_MAX, &turn_base)))
        return err;
    sqlite3_bind_int64(s, 1, (int64_t)number);
    sqlite3_bind_int64(s, 2, (int64_t)words);
    sqlite3_bind_int64(s, 3, (int64_t)turn_base);
    return sql_do(f->engine, s, f->why);
}

/* ---- text ---- */

static enum err unquote(struct folding *f, sqlite3_stmt *to, int at, struct slice json)
{
    sqlite3_stmt *s = sql_take(f->engine, SQL_UNQUOTE);
    enum err err = ERR_OK;

    if (s == NULL)
        return sql_error(f->engine, "reading a string", f->why);
    sql_bind(s, 1, json);
    if (sqlite3_step(s) != SQLITE_ROW)
        err = sql_error(f->engine, "reading a string", f->why);
    else if (sqlite3_bind_value(to, at, sqlite3_column_value(s, 0)) != SQLITE_OK) /* copied */
        err = fold_no_memory(f->why);
    sqlite3_reset(s);
    return err;
}

/* Bind what a JSON string says. */
static enum err bind_string(struct folding *f, sqlite3_stmt *to, int at, struct slice json)
{
    if (json.len < 2 || json.data[0] != '"')
        return fold_rotten(f);
    if (memchr(json.data, '\\', json.len) == NULL) {
        sql_bind(to, at, (struct slice){json.data + 1, json.len - 2});
        return ERR_OK;
    }
    return unquote(f, to, at, json);
}

/* ---- one for each verb ---- */

/* Contents that are too long for the row. */
static enum err put_new_blocks(struct folding *f, slot_t slot, struct slice value)
{
    struct opened *o = opened_add(f->engine, slot, value.data[0]);

    enum err err;

    if (o == NULL)
        return fold_no_memory(f->why);
    o->changed = true;
    err = contents_make(&o->contents, value);
    if (err == ERR_BAD_VALUE)
        return fold_rotten(f);
    return err == ERR_NOMEM ? fold_no_memory(f->why) : err;
}

static enum err fold_new(struct folding *f)
{
    const struct redo_line *l = f->line;
    sqlite3_stmt *s = sql_take(f->engine, SQL_PUT_OBJECT);
    struct slice value = l->arg[3];
    bool is_long = value.len > CONTENTS_BLOCK_BYTES;
    obj_id id;
    enum err err;

    if (s == NULL)
        return sql_error(f->engine, "writing an object", f->why);
    if ((err = fold_number(f, 0, ID_MAX, &id)) || (err = note_turn(f, id)) || (err = bind_string(f, s, 3, l->arg[1])) ||
        (err = bind_string(f, s, 4, l->arg[2])))
        return err;
    opened_forget(f->engine, id & SLOT_MAX);
    sqlite3_bind_int64(s, 1, (int64_t)(id & SLOT_MAX));
    sqlite3_bind_int64(s, 2, (int64_t)(id >> SLOT_BITS));
    sql_bind(s, 5, is_long ? (struct slice){value.data, 1} : value);
    err = sql_do(f->engine, s, f->why);
    return err == ERR_OK && is_long ? put_new_blocks(f, id & SLOT_MAX, value) : err;
}

static enum err change_contents(const struct folding *f, struct contents *c)
{
    const struct slice *arg = f->line->arg;
    uint64_t index = 0;

    if ((f->line->verb == REDO_PUT || f->line->verb == REDO_CUT) && !redo_number(arg[1], LIST_ITEMS_MAX, &index))
        return ERR_BAD_VALUE;
    switch (f->line->verb) {
    case REDO_SET:
        return contents_set(c, arg[1], arg[2]);
    case REDO_UNSET:
        return contents_unset(c, arg[1]);
    case REDO_PUSH:
        return contents_push(c, arg[1]);
    case REDO_PUT:
        return contents_put(c, index, arg[2]);
    default:
        return contents_cut(c, index);
    }
}

static enum err fold_change(struct folding *f)
{
    struct opened *o;
    enum err err = opened_of_line(f, &o);

    if (err == ERR_OK) {
        o->changed = true;
        err = change_contents(f, &o->contents);
    }
    if (err == ERR_BAD_VALUE)
        return fold_rotten(f);
    return err == ERR_NOMEM ? fold_no_memory(f->why) : err;
}

/* They were written with their commit. */
static enum err fold_bytes(struct folding *f)
{
    (void)f;
    return ERR_OK;
}

static enum err fold_name(struct folding *f)
{
    static const enum statement statement_of[REDO_VERBS] = {
        [REDO_ROOT] = SQL_PUT_ROOT, [REDO_UNROOT] = SQL_DELETE_ROOT, [REDO_WEAK] = SQL_PUT_WEAK, [REDO_UNWEAK] = SQL_DELETE_WEAK};
    sqlite3_stmt *s = sql_take(f->engine, statement_of[f->line->verb]);
    bool puts = f->line->verb == REDO_ROOT || f->line->verb == REDO_WEAK;
    obj_id id = 0;
    enum err err;

    if (s == NULL)
        return sql_error(f->engine, "writing a name", f->why);
    if ((puts && (err = fold_number(f, 1, ID_MAX, &id))) || (err = bind_string(f, s, 1, f->line->arg[0])))
        return err;
    if (puts)
        sqlite3_bind_int64(s, 2, (int64_t)id);
    return sql_do(f->engine, s, f->why);
}

static enum err fold_session(struct folding *f)
{
    sqlite3_stmt *s = sql_take(f->engine, SQL_PUT_SESSION);
    uint64_t number;
    enum err err;

    if (s == NULL)
        return sql_error(f->engine, "writing a session", f->why);
    if ((err = fold_number(f, 0, UINT32_MAX, &number)) || (err = bind_string(f, s, 3, f->line->arg[2])) ||
        (err = bind_string(f, s, 4, f->line->arg[3])))
        return err;
    sqlite3_bind_int64(s, 1, (int64_t)number);
    sql_bind(s, 2, f->line->arg[1]); /* a number: its column makes it one */
    return sql_do(f->engine, s, f->why);
}

static enum err do_of_session(struct folding *f, enum statement which, size_t args)
{
    sqlite3_stmt *s = sql_take(f->engine, which);
    uint64_t number, id = 0;
    enum err err;

    if (s == NULL)
        return sql_error(f->engine, "writing a hold", f->why);
    if ((err = fold_number(f, 0, UINT32_MAX, &number)) || (args > 1 && (err = fold_number(f, 1, ID_MAX, &id))))
        return err;
    sqlite3_bind_int64(s, 1, (int64_t)number);
    if (args > 1)
        sqlite3_bind_int64(s, 2, (int64_t)id);
    return sql_do(f->engine, s, f->why);
}

static enum err fold_end(struct folding *f)
{
    enum err err = do_of_session(f, SQL_DELETE_SESSION, 1);

    return err == ERR_OK ? do_of_session(f, SQL_DELETE_HOLDS, 1) : err;
}

static enum err fold_hold(struct folding *f)
{
    return do_of_session(f, SQL_PUT_HOLD, 2);
}

static enum err fold_drop(struct folding *f)
{
    return do_of_session(f, SQL_DELETE_HOLD, 2);
}

static enum err delete_at(struct folding *f, enum statement which, int64_t key)
{
    sqlite3_stmt *s = sql_take(f->engine, which);

    if (s == NULL)
        return sql_error(f->engine, "deleting the dead", f->why);
    sqlite3_bind_int64(s, 1, key);
    return sql_do(f->engine, s, f->why);
}

static enum err delete_object(struct folding *f, slot_t slot)
{
    sqlite3_stmt *s = sql_take(f->engine, SQL_DELETE_OBJECT);
    bool is_bytes = false, is_blocks = false;
    struct slice first;
    enum err err = ERR_OK;
    int64_t id = 0;
    int code;

    opened_forget(f->engine, slot);
    if (s == NULL)
        return sql_error(f->engine, "deleting the dead", f->why);
    sqlite3_bind_int64(s, 1, slot);
    if ((code = sqlite3_step(s)) == SQLITE_ROW && (err = sql_text(s, 1, &first, f->why)) == ERR_OK) {
        id = sqlite3_column_int64(s, 0);
        is_blocks = sqlite3_column_int(s, 2) == 1;
        is_bytes = first.len > 0 && first.data[0] == 'n';
        code = sqlite3_step(s);
    } else if (code == SQLITE_DONE) {
        err = fold_rotten(f);
    }
    if (err == ERR_OK && code != SQLITE_DONE)
        err = sql_error(f->engine, "deleting the dead", f->why);
    sqlite3_reset(s);
    if (err == ERR_OK && is_bytes)
        return delete_at(f, SQL_DELETE_BYTES, id);
    return err == ERR_OK && is_blocks ? delete_at(f, SQL_DELETE_BLOCKS, slot) : err;
}

static enum err fold_dead(struct folding *f)
{
    uint64_t cells[POOL_WORDS], pool;
    enum err err = fold_number(f, 0, POOLS_MAX - 1, &pool);

    if (err == ERR_OK && !redo_cells(f->line->arg[1], cells))
        err = fold_rotten(f);
    for (uint32_t place = 0; err == ERR_OK && (place = bits_next(cells, place, POOL_CELLS)) < POOL_CELLS; place++)
        err = delete_object(f, (slot_t)pool << POOL_SHIFT | place);
    return err;
}

static enum err fold_setting(struct folding *f)
{
    bool gone = slice_is(f->line->arg[1], "null");
    sqlite3_stmt *s = sql_take(f->engine, gone ? SQL_DELETE_SETTING : SQL_PUT_SETTING);
    enum err err;

    if (s == NULL)
        return sql_error(f->engine, "writing a setting", f->why);
    if ((err = bind_string(f, s, 1, f->line->arg[0])) != ERR_OK)
        return err;
    if (!gone)
        sql_bind(s, 2, f->line->arg[1]);
    return sql_do(f->engine, s, f->why);
}

static enum err fold_answer(struct folding *f)
{
    sqlite3_stmt *s = sql_take(f->engine, SQL_PUT_ANSWER);
    uint64_t number, unix_ms;
    enum err err;

    if (s == NULL)
        return sql_error(f->engine, "writing an answer", f->why);
    if ((err = fold_number(f, 0, INT64_MAX, &number)) || (err = bind_string(f, s, 2, f->line->arg[1])) ||
        (err = fold_number(f, 2, INT64_MAX, &unix_ms)))
        return err;
    sqlite3_bind_int64(s, 1, (int64_t)number);
    sqlite3_bind_int64(s, 3, (int64_t)unix_ms);
    sql_bind(s, 4, f->line->arg[3]);
    return sql_do(f->engine, s, f->why);
}

static enum err fold_answered(struct folding *f)
{
    sqlite3_stmt *s = sql_take(f->engine, SQL_DELETE_ANSWERS);
    uint64_t number;
    enum err err;

    if (s == NULL)
        return sql_error(f->engine, "deleting answers", f->why);
    if ((err = fold_number(f, 0, INT64_MAX, &number)) != ERR_OK)
        return err;
    sqlite3_bind_int64(s, 1, (int64_t)number);
    return sql_do(f->engine, s, f->why);
}

/* ---- lines ---- */

static enum err fold_line(struct folding *f, struct slice text)
{
    static enum err (*const fold_of[REDO_VERBS])(struct folding *) = {
        [REDO_NEW] = fold_new,     [REDO_SET] = fold_change,    [REDO_UNSET] = fold_change, [REDO_PUSH] = fold_change,
        [REDO_PUT] = fold_change,  [REDO_CUT] = fold_change,    [REDO_BYTES] = fold_bytes,  [REDO_ROOT] = fold_name,
        [REDO_UNROOT] = fold_name, [REDO_WEAK] = fold_name,     [REDO_UNWEAK] = fold_name,  [REDO_SESSION] = fold_session,
        [REDO_END] = fold_end,     [REDO_HOLD] = fold_hold,     [REDO_DROP] = fold_drop,    [REDO_POOL] = fold_pool,
        [REDO_DEAD] = fold_dead,   [REDO_SETTING] = fold_setting, [REDO_ANSWER] = fold_answer, [REDO_ANSWERED] = fold_answered,
    };
    struct redo_line line;
    enum err err = redo_split(text, &line, f->why);

    if (err != ERR_OK)
        return why_set(f->why, ERR_STORE, "the log has a line that is none");
    f->line = &line;
    f->in_deaths = line.verb == REDO_DEAD;
    return fold_of[line.verb](f);
}

static enum err fold_lines(struct folding *f, struct slice rest)
{
    enum err err = ERR_OK;

    while (rest.len > 0 && err == ERR_OK) {
        fold_may_rest(f);
        err = fold_line(f, slice_cut(&rest, '\n'));
    }
    return err;
}

static enum err make_fold(struct engine *e, struct why *why)
{
    if (e->fold != NULL)
        return ERR_OK;
    if ((e->fold = mem_zalloc(e->mem, sizeof *e->fold)) == NULL)
        return fold_no_memory(why);
    if ((e->fold->by_slot = map_create(e->mem, SLOTS_SEED)) != NULL)
        return ERR_OK;
    sqlite_fold_fini(e);
    return fold_no_memory(why);
}

void sqlite_fold_fini(struct engine *e)
{
    struct fold *fold = e->fold;

    if (fold == NULL)
        return;
    for (size_t i = 0; i < fold->count; i++)
        opened_free(e, fold->opened[i]);
    map_destroy(&fold->by_slot);
    mem_free(e->mem, fold->opened, fold->room * sizeof *fold->opened);
    mem_free(e->mem, fold, sizeof *fold);
    e->fold = NULL;
}

/* The first rows of the log, until they are `bytes`; *ret_last is the number of the last of them, 0: there was none. It never
 * ends between those that died together: the one might be gone, and the other link to it. */
static enum err fold_rows(struct folding *f, size_t bytes, int64_t *ret_last, uint64_t *ret_commit)
{
    sqlite3_stmt *s = sql_take(f->engine, SQL_LINES_FROM);
    enum err err = ERR_OK;
    size_t done = 0;
    int code = SQLITE_DONE;

    *ret_last = 0;
    if (s == NULL)
        return sql_error(f->engine, "reading the log", f->why);
    sqlite3_bind_int64(s, 1, 0);
    while ((done < bytes || f->in_deaths) && err == ERR_OK && (code = sqlite3_step(s)) == SQLITE_ROW) {
        struct slice lines;

        if ((err = sql_text(s, 2, &lines, f->why)) == ERR_OK)
            err = fold_lines(f, lines);
        *ret_last = sqlite3_column_int64(s, 0);
        *ret_commit = (uint64_t)sqlite3_column_int64(s, 1);
        done += lines.len;
    }
    if (err == ERR_OK && code != SQLITE_ROW && code != SQLITE_DONE)
        err = sql_error(f->engine, "reading the log", f->why);
    sqlite3_reset(s);
    return err;
}

/* What the rows that go have said besides. */
static enum err keep_facts(struct engine *e, int64_t last, uint64_t commit, struct why *why)
{
    struct engine_facts facts;
    sqlite3_stmt *s = sql_take(e, SQL_DELETE_LINES);
    enum err err;

    if (s == NULL)
        return sql_error(e, "deleting from the log", why);
    if ((err = sql_get_last(e, &facts, why)) || (err = sql_set_number(e, "folded", commit, why)) ||
        (err = sql_set_number(e, "pool_end", facts.pool_end, why)) || (err = sql_set_number(e, "last_session", facts.last_session, why)))
        return err;
    sqlite3_bind_int64(s, 1, last);
    return sql_do(e, s, why);
}

enum err sqlite_fold(struct engine *e, size_t bytes, const struct engine_rest *rest, bool *ret_more, struct why *why)
{
    struct folding f = {.engine = e, .rest = rest, .why = why};
    uint64_t commit = 0;
    int64_t last;
    enum err err;

    if ((err = make_fold(e, why)) != ERR_OK)
        return err;
    f.fold = e->fold;
    if ((err = fold_rows(&f, bytes, &last, &commit)) || (err = raise_pool(&f)) || (err = opened_write_back(&f)))
        return err;
    *ret_more = last != 0;
    return last != 0 ? keep_facts(e, last, commit, why) : ERR_OK;
}
