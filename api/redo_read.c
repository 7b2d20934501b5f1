/*
 * redo_read.c - a heap is put back from text (redo.h).
 *
 * Common contents are read by the scanner of ops, the rest by jansson; both say the same (op.h). Everything is done by the
 * ordinary operations, which check what they are given: so what has rotted is refused, and not put into the heap.
 */
#include "api/op.h"
#include "api/redo.h"
#include "heap/base/check.h"
#include "heap/base/num.h"
#include "heap/pool.h"
#include "heap/restore.h"
#include "heap/root.h"
#include "heap/weak.h"

#define DEPTH_MAX 4 /* a value has at most {"$ref":7} in it, and stands in fields */
#define TEXTS_MAX 4

/* A line that is being done: what its arguments say. Texts live as long as it. */
struct doing {
    struct redo_reader *reader;
    const struct redo_line *line;
    json_t *texts[TEXTS_MAX];
    size_t text_count;
    struct why *why;
};

static enum err rotten(const struct doing *d)
{
    return why_set(d->why, ERR_BAD_VALUE, "[\"%s\",%.*s,..] cannot be", redo_verb_name(d->line->verb),
                   (int)(d->line->arg[0].len < 40 ? d->line->arg[0].len : 40), d->line->arg[0].data);
}

/* What was written stays as it was written when the object of a weak link dies. */
static struct decoder decoder_of(const struct redo_reader *r)
{
    return (struct decoder){.heap = r->heap, .mem = r->mem, .puts_back = true};
}

/* ---- arguments ---- */

static bool number_at(const struct doing *d, size_t i, uint64_t max, uint64_t *ret)
{
    return redo_number(d->line->arg[i], max, ret);
}

static bool plain_text(struct slice json)
{
    return json.len >= 2 && json.data[0] == '"' && memchr(json.data, '\\', json.len) == NULL;
}

/* The decoder would have checked it. */
static enum err plain_text_of(struct doing *d, struct slice json, struct slice *ret)
{
    *ret = (struct slice){json.data + 1, json.len - 2};
    for (size_t i = 0; i < ret->len; i++)
        if ((unsigned char)ret->data[i] < 0x20)
            return rotten(d);
    return utf8_valid(*ret) ? ERR_OK : rotten(d);
}

static enum err text_of(struct doing *d, struct slice json, struct slice *ret)
{
    json_t *decoded;
    enum err e;

    if (plain_text(json))
        return plain_text_of(d, json, ret);
    if ((e = decode_json(json, DEPTH_MAX, &decoded, d->why)) != ERR_OK)
        return e == ERR_NOMEM ? e : ERR_BAD_VALUE;
    CHECK(d->text_count < TEXTS_MAX);
    d->texts[d->text_count++] = decoded;
    if (!json_is_string(decoded))
        return rotten(d);
    *ret = json_slice(decoded);
    return ERR_OK;
}

static enum err id_and(const struct doing *d, obj_id *ret_id)
{
    return number_at(d, 0, ID_MAX, ret_id) ? ERR_OK : rotten(d);
}

/* ---- contents ---- */

static enum err put_fields(struct redo_reader *r, obj_id id, struct slice json, struct why *why)
{
    struct decoder d = decoder_of(r);
    json_auto_t *decoded = NULL;
    struct decoded_fields f;
    struct op_room room;
    struct op op;
    enum err e;

    if (op_scan_fields(&d, json, &room, &op))
        return op.fields.count == 0 ? ERR_OK : heap_edit_record(r->heap, id, op.fields.fields, op.fields.count, why);
    if ((e = decode_json(json, DEPTH_MAX, &decoded, why)) || (e = decode_fields(&d, decoded, false, &f, why)))
        return e;
    e = heap_edit_record(r->heap, id, f.fields, f.count, why);
    fields_fini(&d, &f);
    return e;
}

static enum err push_all(struct redo_reader *r, obj_id id, const struct value *items, size_t count, struct why *why)
{
    enum err e = ERR_OK;

    for (size_t i = 0; i < count && e == ERR_OK; i++)
        e = heap_push_item(r->heap, id, &items[i], NULL, why);
    return e;
}

static enum err put_items(struct redo_reader *r, obj_id id, struct slice json, struct why *why)
{
    struct decoder d = decoder_of(r);
    json_auto_t *decoded = NULL;
    struct decoded_items items;
    struct op_room room;
    struct op op;
    enum err e;

    if (op_scan_items(&d, json, &room, &op))
        return push_all(r, id, op.items.items, op.items.count, why);
    if ((e = decode_json(json, DEPTH_MAX, &decoded, why)) || (e = decode_items(&d, decoded, &items, why)))
        return e;
    e = push_all(r, id, items.items, items.count, why);
    items_fini(&d, &items);
    return e;
}

static enum err put_bytes(struct redo_reader *r, obj_id id, struct why *why)
{
    struct payload *p = NULL;
    enum err e = r->get_bytes(r->ctx, id, &p, why);

    if (e == ERR_OK)
        e = heap_set_bytes(r->heap, id, &p, why);
    payload_release(&p);
    return e;
}

/* Errors of requests are, here, rot. */
static enum err as_rot(enum err e)
{
    return e == ERR_OK || e == ERR_NOMEM ? e : ERR_BAD_VALUE;
}

enum err redo_put_contents(struct redo_reader *r, obj_id id, struct slice value, struct why *why)
{
    char first = value.len > 0 ? value.data[0] : '\0';

    if (first == '{')
        return as_rot(put_fields(r, id, value, why));
    if (first == '[')
        return as_rot(put_items(r, id, value, why));
    return why_set(why, ERR_BAD_VALUE, "the contents of object %llu are neither fields nor items", (unsigned long long)id);
}

enum err redo_check_name(struct slice name, const char *what, struct why *why)
{
    if (!utf8_valid(name))
        return why_set(why, ERR_BAD_VALUE, "a %s is no UTF-8", what);
    return check_name(name, what, why);
}

enum err redo_put_object(struct redo_reader *r, obj_id id, struct slice class, struct slice site, char first_of_value, struct why *why)
{
    enum heap_kind kind = first_of_value == '{' ? HEAP_RECORD : first_of_value == '[' ? HEAP_LIST : HEAP_BYTES;

    if (kind == HEAP_BYTES && first_of_value != 'n')
        return why_set(why, ERR_BAD_VALUE, "object %llu is neither fields, items nor bytes", (unsigned long long)id);
    if (redo_check_name(class, "class", why) != ERR_OK || (site.len > 0 && redo_check_name(site, "site", why) != ERR_OK))
        return ERR_BAD_VALUE;
    return as_rot(heap_restore_object(r->heap, id, kind, (struct label){class, site}, why));
}

/* A value that is not made by being decoded: with it a link is that to an object there is. */
static enum err value_of(struct doing *d, struct slice json, struct value *ret)
{
    struct decoder decoder = decoder_of(d->reader);
    struct decoded v;
    json_t *decoded;
    enum err e;

    if (op_scan_value(&decoder, json, ret))
        return ERR_OK;
    if ((e = decode_json(json, DEPTH_MAX, &decoded, d->why)) != ERR_OK)
        return e;
    CHECK(d->text_count < TEXTS_MAX);
    d->texts[d->text_count++] = decoded; /* its strings are borrowed */
    if ((json_is_object(decoded) && link_id(decoded) == NULL) || json_is_array(decoded))
        return rotten(d);
    if ((e = decode_value(&decoder, decoded, &v, d->why)) == ERR_OK)
        *ret = v.value;
    return e;
}

static enum err name_of(struct doing *d, struct slice json, const char *what, struct slice *ret)
{
    enum err e = text_of(d, json, ret);

    return e == ERR_OK ? check_name(*ret, what, d->why) : e;
}

/* ---- one for each verb ---- */

static enum err do_new(struct doing *d)
{
    const struct redo_line *l = d->line;
    struct slice class, site;
    obj_id id;
    enum err e;

    if ((e = id_and(d, &id)) || (e = text_of(d, l->arg[1], &class)) || (e = text_of(d, l->arg[2], &site)) ||
        (e = redo_put_object(d->reader, id, class, site, l->arg[3].data[0], d->why)))
        return e;
    return l->arg[3].data[0] == 'n' ? ERR_OK : redo_put_contents(d->reader, id, l->arg[3], d->why);
}

static enum err do_field(struct doing *d)
{
    struct field f = {.unset = d->line->verb == REDO_UNSET};
    obj_id id;
    enum err e;

    if ((e = id_and(d, &id)) || (e = name_of(d, d->line->arg[1], "field", &f.name)))
        return e;
    if (!f.unset && (e = value_of(d, d->line->arg[2], &f.value)) != ERR_OK)
        return e;
    return heap_edit_record(d->reader->heap, id, &f, 1, d->why);
}

static enum err do_push(struct doing *d)
{
    struct value v;
    obj_id id;
    enum err e;

    if ((e = id_and(d, &id)) || (e = value_of(d, d->line->arg[1], &v)))
        return e;
    return heap_push_item(d->reader->heap, id, &v, NULL, d->why);
}

static enum err do_put(struct doing *d)
{
    uint64_t index;
    struct value v;
    obj_id id;
    enum err e;

    if ((e = id_and(d, &id)) || (e = value_of(d, d->line->arg[2], &v)))
        return e;
    if (!number_at(d, 1, LIST_ITEMS_MAX, &index))
        return rotten(d);
    return heap_set_item(d->reader->heap, id, index, &v, d->why);
}

static enum err do_cut(struct doing *d)
{
    uint64_t index;
    obj_id id;

    if (!number_at(d, 0, ID_MAX, &id) || !number_at(d, 1, LIST_ITEMS_MAX, &index))
        return rotten(d);
    return heap_delete_item(d->reader->heap, id, index, d->why);
}

static enum err do_bytes(struct doing *d)
{
    obj_id id;
    enum err e = id_and(d, &id);

    return e != ERR_OK ? e : put_bytes(d->reader, id, d->why);
}

static enum err do_name(struct doing *d)
{
    struct heap *h = d->reader->heap;
    struct slice name;
    obj_id id = 0;
    enum err e = name_of(d, d->line->arg[0], "name", &name);

    if (e != ERR_OK)
        return e;
    switch (d->line->verb) {
    case REDO_ROOT:
        return number_at(d, 1, ID_MAX, &id) ? root_put(h, name, id, NULL, d->why) : rotten(d);
    case REDO_WEAK:
        return number_at(d, 1, ID_MAX, &id) ? weak_put(h, name, id, NULL, d->why) : rotten(d);
    case REDO_UNROOT:
        return root_delete(h, name, d->why);
    default:
        return weak_delete(h, name, d->why);
    }
}

static enum err do_session(struct doing *d)
{
    struct redo_reader *r = d->reader;
    struct value ttl;
    struct slice label, token;
    uint64_t number;
    enum err e;

    if ((e = value_of(d, d->line->arg[1], &ttl)) || (e = text_of(d, d->line->arg[2], &label)) ||
        (e = text_of(d, d->line->arg[3], &token)))
        return e;
    if (!number_at(d, 0, UINT32_MAX, &number) || ttl.kind != VALUE_REAL)
        return rotten(d);
    return session_restore(r->sessions, (session_id)number, ttl.real, label, token, r->now_ms, d->why);
}

/* All at once: deaths that follow are of objects that it does not hold any more. */
static enum err end_session(struct doing *d, session_id number)
{
    struct session_set *ss = d->reader->sessions;
    enum err e = session_end(ss, number, d->why);

    while (session_release(ss, SIZE_MAX) == 0)
        ;
    return e;
}

static enum err do_of_session(struct doing *d)
{
    struct session_set *ss = d->reader->sessions;
    uint64_t number;
    obj_id id = 0;

    if (!number_at(d, 0, UINT32_MAX, &number) || (d->line->verb != REDO_END && !number_at(d, 1, ID_MAX, &id)))
        return rotten(d);
    if (d->line->verb == REDO_HOLD)
        return session_hold(ss, (session_id)number, id, d->why);
    if (d->line->verb == REDO_DROP)
        return session_drop(ss, (session_id)number, id, d->why);
    return end_session(d, (session_id)number);
}

static enum err do_pool(struct doing *d)
{
    uint64_t number, words, turn_base;

    if (!number_at(d, 0, POOLS_MAX, &number) || !number_at(d, 1, CELL_WORDS_MAX, &words) || !number_at(d, 2, TURN_MAX, &turn_base))
        return rotten(d);
    return heap_restore_pool(d->reader->heap, (uint32_t)number, (uint32_t)words, (uint32_t)turn_base, 0, d->why);
}

static enum err do_dead(struct doing *d)
{
    uint64_t cells[POOL_WORDS], pool;

    if (!number_at(d, 0, POOLS_MAX, &pool) || !redo_cells(d->line->arg[1], cells))
        return rotten(d);
    d->reader->unburied = true;
    return heap_restore_dead(d->reader->heap, (uint32_t)pool, cells, d->why);
}

/* ---- settings ---- */

enum err redo_put_setting(struct redo_reader *r, struct slice name, struct slice json, struct why *why)
{
    json_t *value;
    enum err e = decode_json(json, DEPTH_MAX, &value, why);

    if (e != ERR_OK)
        return as_rot(e);
    if (r->settings == NULL || json_is_null(value)) {
        if (r->settings != NULL)
            (void)json_object_deln(r->settings, name.data, name.len);
        json_decref(value);
        return ERR_OK;
    }
    if (json_object_setn_new(r->settings, name.data, name.len, value) == 0)
        return ERR_OK;
    return why_set(why, ERR_NOMEM, "no memory for a setting");
}

static enum err do_setting(struct doing *d)
{
    struct slice name;
    enum err e = text_of(d, d->line->arg[0], &name);

    return e != ERR_OK ? e : redo_put_setting(d->reader, name, d->line->arg[1], d->why);
}

/* ---- answers ---- */

static enum err do_answer(struct doing *d)
{
    uint64_t number, unix_ms;
    struct slice name;
    enum err e = text_of(d, d->line->arg[1], &name);

    if (e != ERR_OK)
        return e;
    if (!number_at(d, 0, INT64_MAX, &number) || !number_at(d, 2, INT64_MAX, &unix_ms))
        return rotten(d);
    return redo_put_answer(d->reader, number, name, unix_ms, d->line->arg[3], d->why);
}

static enum err do_answered(struct doing *d)
{
    uint64_t number;

    return number_at(d, 0, INT64_MAX, &number) && idem_restore_gone(d->reader->answers, number) == ERR_OK ? ERR_OK : rotten(d);
}

/* ---- a line ---- */

static enum err do_line(struct doing *d)
{
    static enum err (*const do_of[REDO_VERBS])(struct doing *) = {
        [REDO_NEW] = do_new,       [REDO_SET] = do_field,      [REDO_UNSET] = do_field,    [REDO_PUSH] = do_push,
        [REDO_PUT] = do_put,       [REDO_CUT] = do_cut,        [REDO_BYTES] = do_bytes,    [REDO_ROOT] = do_name,
        [REDO_UNROOT] = do_name,   [REDO_WEAK] = do_name,      [REDO_UNWEAK] = do_name,    [REDO_SESSION] = do_session,
        [REDO_END] = do_of_session, [REDO_HOLD] = do_of_session, [REDO_DROP] = do_of_session, [REDO_POOL] = do_pool,
        [REDO_DEAD] = do_dead,     [REDO_SETTING] = do_setting, [REDO_ANSWER] = do_answer,   [REDO_ANSWERED] = do_answered,
    };
    enum err e = do_of[d->line->verb](d);

    while (d->text_count > 0)
        json_decref(d->texts[--d->text_count]);
    return as_rot(e);
}

enum err redo_apply(struct redo_reader *r, struct slice line, struct why *why)
{
    struct redo_line split;
    struct doing d = {.reader = r, .line = &split, .why = why};
    enum err e = redo_split(line, &split, why);

    if (e != ERR_OK)
        return e;
    if (split.verb != REDO_DEAD && (e = redo_end(r, why)) != ERR_OK)
        return e;
    return do_line(&d);
}

enum err redo_end(struct redo_reader *r, struct why *why)
{
    enum err e = r->unburied ? heap_restore_bury(r->heap, why) : ERR_OK;

    r->unburied = false;
    return e;
}
