/*
 * sqlite_opened.c - objects whose contents are at hand while changes become rows: read when the first change comes, changed as
 * text (contents.h), written back once for all changes of a fold. The contents of large objects are remembered from one fold
 * to the next, up to KEPT_BYTES_MAX.
 */
#include "daemon/store/sqlite_fold_impl.h"

#define KEPT_BYTES_MAX (64u << 20)

/* ---- objects at hand ---- */

static struct opened *opened_find(const struct fold *fold, slot_t slot)
{
    uint32_t entry = map_find(fold->by_slot, slot);

    return entry == MAP_NONE ? NULL : fold->opened[map_value(fold->by_slot, entry)];
}

void opened_free(struct engine *e, struct opened *o)
{
    contents_fini(&o->contents);
    mem_free(e->mem, o, sizeof *o);
}

void opened_forget(struct engine *e, slot_t slot)
{
    struct fold *fold = e->fold;
    uint32_t entry = map_find(fold->by_slot, slot), place, last;

    if (entry == MAP_NONE)
        return;
    place = map_value(fold->by_slot, entry);
    map_remove(fold->by_slot, entry);
    opened_free(e, fold->opened[place]);
    last = (uint32_t)--fold->count;
    if (place == last)
        return;
    fold->opened[place] = fold->opened[last];
    map_set_value(fold->by_slot, map_find(fold->by_slot, fold->opened[place]->slot), place);
}

struct opened *opened_add(struct engine *e, slot_t slot, char bracket)
{
    struct fold *fold = e->fold;
    struct opened *o;

    if (fold->count == fold->room) {
        size_t room = fold->room == 0 ? 64 : 2 * fold->room;
        struct opened **grown = mem_realloc(e->mem, fold->opened, fold->room * sizeof *grown, room * sizeof *grown);

        if (grown == NULL)
            return NULL;
        fold->opened = grown;
        fold->room = room;
    }
    if ((o = mem_zalloc(e->mem, sizeof *o)) == NULL)
        return NULL;
    if (!map_add(fold->by_slot, slot, (uint32_t)fold->count)) {
        mem_free(e->mem, o, sizeof *o);
        return NULL;
    }
    o->slot = slot;
    contents_init(&o->contents, e->mem, bracket);
    fold->opened[fold->count++] = o;
    return o;
}

static enum err load_text(struct folding *f, struct opened *o, int64_t number, struct slice text)
{
    enum err err = number < 0 || number > CONTENTS_NUMBER_MAX ? ERR_BAD_VALUE : contents_load(&o->contents, (uint32_t)number, text);

    if (err == ERR_BAD_VALUE)
        return fold_rotten(f);
    return err == ERR_NOMEM ? fold_no_memory(f->why) : err;
}

static enum err load_blocks(struct folding *f, struct opened *o)
{
    sqlite3_stmt *s = sql_take(f->engine, SQL_GET_BLOCKS);
    enum err err = ERR_OK;
    struct slice text;
    int code = SQLITE_DONE;

    if (s == NULL)
        return sql_error(f->engine, "reading blocks", f->why);
    sqlite3_bind_int64(s, 1, o->slot);
    while (err == ERR_OK && (code = sqlite3_step(s)) == SQLITE_ROW)
        if ((err = sql_text(s, 1, &text, f->why)) == ERR_OK)
            err = load_text(f, o, sqlite3_column_int64(s, 0), text);
    sqlite3_reset(s);
    if (err == ERR_OK && code != SQLITE_DONE)
        return sql_error(f->engine, "reading blocks", f->why);
    return err;
}

static enum err load_value(struct folding *f, slot_t slot, struct slice value, struct opened **ret)
{
    struct opened *o;

    if (value.len == 0 || (value.data[0] != '{' && value.data[0] != '['))
        return fold_rotten(f);
    if ((o = opened_add(f->engine, slot, value.data[0])) == NULL)
        return fold_no_memory(f->why);
    o->in_blocks = value.len == 1;
    *ret = o;
    return o->in_blocks ? load_blocks(f, o) : load_text(f, o, 0, value);
}

enum err opened_of_line(struct folding *f, struct opened **ret)
{
    sqlite3_stmt *s = sql_take(f->engine, SQL_GET_VALUE);
    struct slice value;
    obj_id id;
    slot_t slot;
    int code;
    enum err err = fold_number(f, 0, ID_MAX, &id);

    if (err != ERR_OK)
        return err;
    slot = id & SLOT_MAX;
    if ((*ret = opened_find(f->fold, slot)) != NULL)
        return ERR_OK;
    if (s == NULL)
        return sql_error(f->engine, "reading an object", f->why);
    sqlite3_bind_int64(s, 1, slot);
    if ((code = sqlite3_step(s)) == SQLITE_ROW && (err = sql_text(s, 0, &value, f->why)) == ERR_OK)
        err = load_value(f, slot, value, ret);
    if (code != SQLITE_ROW)
        err = code == SQLITE_DONE ? fold_rotten(f) : sql_error(f->engine, "reading an object", f->why);
    sqlite3_reset(s);
    return err;
}

/* ---- written back ---- */

static enum err set_value(struct engine *e, slot_t slot, struct slice value, struct why *why)
{
    sqlite3_stmt *s = sql_take(e, SQL_SET_VALUE);

    if (s == NULL)
        return sql_error(e, "writing an object", why);
    sqlite3_bind_int64(s, 1, slot);
    sql_bind(s, 2, value);
    return sql_do(e, s, why);
}

static enum err delete_blocks(struct engine *e, slot_t slot, struct why *why)
{
    sqlite3_stmt *s = sql_take(e, SQL_DELETE_BLOCKS);

    if (s == NULL)
        return sql_error(e, "deleting blocks", why);
    sqlite3_bind_int64(s, 1, slot);
    return sql_do(e, s, why);
}

/* The block's text in its brackets. */
static bool bracketed(const struct contents *c, const struct contents_block *b, struct buf *ret)
{
    buf_clear(ret);
    return buf_reserve(ret, b->text.len + 2) && buf_add_byte(ret, c->bracket) && buf_add_slice(ret, buf_slice(&b->text)) &&
           buf_add_byte(ret, c->bracket == '[' ? ']' : '}');
}

static enum err put_block(struct engine *e, slot_t slot, uint32_t number, struct slice text, struct why *why)
{
    sqlite3_stmt *s = sql_take(e, SQL_PUT_BLOCK);

    if (s == NULL)
        return sql_error(e, "writing a block", why);
    sqlite3_bind_int64(s, 1, slot);
    sqlite3_bind_int64(s, 2, number);
    sql_bind(s, 3, text);
    return sql_do(e, s, why);
}

static enum err drop_blocks(struct engine *e, struct opened *o, struct why *why)
{
    sqlite3_stmt *s = sql_take(e, SQL_DELETE_BLOCK);
    enum err err = s == NULL ? sql_error(e, "deleting a block", why) : ERR_OK;

    for (; o->contents.dropped > 0 && err == ERR_OK; o->contents.dropped--) {
        sqlite3_bind_int64(s, 1, o->slot);
        sqlite3_bind_int64(s, 2, o->contents.dropped_numbers[o->contents.dropped - 1]);
        err = sql_do(e, s, why);
    }
    return err;
}

static enum err write_in_row(struct engine *e, struct opened *o, struct buf *room, struct why *why)
{
    enum err err;

    if (!bracketed(&o->contents, &o->contents.blocks[0], room))
        return fold_no_memory(why);
    if ((err = set_value(e, o->slot, buf_slice(room), why)) != ERR_OK || !o->in_blocks)
        return err;
    o->in_blocks = false;
    o->contents.dropped = 0;
    return delete_blocks(e, o->slot, why);
}

static enum err write_in_blocks(struct engine *e, struct opened *o, struct buf *room, struct why *why)
{
    struct contents *c = &o->contents;
    enum err err = o->in_blocks ? ERR_OK : set_value(e, o->slot, (struct slice){&c->bracket, 1}, why);

    for (size_t i = 0; i < c->block_count && err == ERR_OK; i++) {
        struct contents_block *b = &c->blocks[i];

        if (!b->changed && o->in_blocks)
            continue;
        err = bracketed(c, b, room) ? put_block(e, o->slot, b->number, buf_slice(room), why) : fold_no_memory(why);
    }
    o->in_blocks = true;
    return err == ERR_OK ? drop_blocks(e, o, why) : err;
}

static enum err write_back(struct engine *e, struct opened *o, struct buf *room, struct why *why)
{
    enum err err;

    if (!o->changed)
        return ERR_OK;
    err = o->contents.block_count == 1 ? write_in_row(e, o, room, why) : write_in_blocks(e, o, room, why);
    for (size_t i = 0; i < o->contents.block_count; i++)
        o->contents.blocks[i].changed = false;
    o->changed = false;
    return err;
}

enum err opened_write_back(struct folding *f)
{
    struct engine *e = f->engine;
    struct fold *fold = f->fold;
    struct buf room;
    enum err err = ERR_OK;

    buf_init(&room, e->mem, SIZE_MAX);
    fold->bytes = 0;
    for (size_t i = fold->count; i-- > 0 && err == ERR_OK;) {
        struct opened *o = fold->opened[i];

        fold_may_rest(f);
        err = write_back(e, o, &room, f->why);
        if (o->contents.block_count > 1)
            fold->bytes += o->contents.bytes;
        else
            opened_forget(e, o->slot);
    }
    while (fold->bytes > KEPT_BYTES_MAX && fold->count > 0) {
        fold->bytes -= fold->opened[0]->contents.bytes;
        opened_forget(e, fold->opened[0]->slot);
    }
    buf_fini(&room);
    return err;
}
