/*
 * record.c - see record.h: where a record keeps its fields, reading them, and letting go of them.
 * Changing them is record_edit.c.
 */
#include "heap/record.h"
#include "heap/dict.h"
#include "heap/heap_impl.h"
#include "heap/intern.h"
#include "heap/object.h"
#include "heap/onlooker.h"
#include "heap/shape.h"
#include "heap/slot.h"
#include "heap/undo_impl.h"

/* ---- where values are ---- */

word_t *record_values(const struct heap *h, slot_t record, uint32_t *ret_room)
{
    struct object *o = object_at(h, record);

    CHECK(o->layout != LAYOUT_DICTIONARY);
    if (o->layout == LAYOUT_INLINE) {
        *ret_room = pool_words(&h->pools, record) - OBJECT_HEADER_WORDS;
        return o->word;
    }
    *ret_room = pool_words(&h->pools, o->word[0]);
    return pool_cell(&h->pools, o->word[0]);
}

slot_t record_dict(const struct heap *h, slot_t record)
{
    const struct object *o = object_at(h, record);

    CHECK(o->layout == LAYOUT_DICTIONARY);
    return o->word[0];
}

uint32_t record_count(const struct heap *h, slot_t record)
{
    const struct object *o = object_at(h, record);

    return o->layout == LAYOUT_DICTIONARY ? dict_count(h, o->word[0]) : h->shapes[o->shape].field_count;
}

uint64_t record_storage_bytes(const struct heap *h, slot_t record)
{
    const struct object *o = object_at(h, record);

    if (o->layout == LAYOUT_INLINE)
        return 0;
    if (o->layout == LAYOUT_DICTIONARY)
        return dict_bytes(h, o->word[0]);
    return pool_words(&h->pools, o->word[0]) * sizeof(word_t);
}

/* ---- reading ---- */

#define DICT_END UINT64_MAX /* position behind the last entry; 0 is before the first */

static bool dict_next_field(const struct heap *h, slot_t dict, uint64_t *position, slot_t *ret_name, word_t *ret_word)
{
    slot_t entry = *position == 0 ? dict_first(h, dict) : (slot_t)*position;

    if (*position == DICT_END || entry == 0)
        return false;
    *ret_name = dict_name(h, entry);
    *ret_word = dict_word(h, entry);
    *position = dict_next(h, entry) != 0 ? dict_next(h, entry) : DICT_END;
    return true;
}

bool record_next(const struct heap *h, slot_t record, uint64_t *position, slot_t *ret_name, word_t *ret_word)
{
    const struct object *o = object_at(h, record);
    uint32_t room;

    if (o->layout == LAYOUT_DICTIONARY)
        return dict_next_field(h, o->word[0], position, ret_name, ret_word);
    if (*position >= h->shapes[o->shape].field_count)
        return false;
    *ret_name = h->shapes[o->shape].names[*position];
    *ret_word = record_values(h, record, &room)[*position];
    (*position)++;
    return true;
}

size_t record_next_some(const struct heap *h, slot_t record, uint64_t *position, slot_t *names, word_t *words, size_t max)
{
    const struct object *o = object_at(h, record);
    size_t n = 0;
    uint32_t room;

    if (o->layout == LAYOUT_DICTIONARY) {
        while (n < max && dict_next_field(h, o->word[0], position, &names[n], &words[n]))
            n++;
        return n;
    }

    const struct shape *shape = &h->shapes[o->shape];
    const word_t *values = record_values(h, record, &room);

    for (; n < max && *position < shape->field_count; n++, (*position)++) {
        names[n] = shape->names[*position];
        words[n] = values[*position];
    }
    return n;
}

bool record_seek(const struct heap *h, slot_t record, slot_t name, uint64_t *ret_position)
{
    const struct object *o = object_at(h, record);
    int place;

    if (o->layout == LAYOUT_DICTIONARY) {
        *ret_position = dict_find(h, o->word[0], name);
        return *ret_position != 0;
    }
    place = shape_place(h, o->shape, name);
    *ret_position = (uint64_t)place;
    return place >= 0;
}

bool record_get(const struct heap *h, slot_t record, slot_t name, word_t *ret)
{
    uint64_t position;

    return record_seek(h, record, name, &position) && record_next(h, record, &position, &name, ret);
}

/* ---- the public queries ---- */

enum err record_find(const struct heap *h, obj_id id, slot_t *ret, struct why *why)
{
    enum err e = slot_find(h, id, ret, why);

    if (e == ERR_OK && object_at(h, *ret)->kind != KIND_RECORD)
        return why_set(why, ERR_WRONG_KIND, "object %llu is not a record", (unsigned long long)id);
    return e;
}

static enum err no_field(struct slice name, struct why *why)
{
    return why_set(why, ERR_NO_NAME, "there is no field \"%.*s\"", (int)(name.len > 80 ? 80 : name.len), name.data);
}

enum err heap_get_field(const struct heap *h, obj_id id, struct slice name, struct value *ret, struct why *why)
{
    slot_t record, field;
    word_t word;
    enum err e = record_find(h, id, &record, why);

    if (e != ERR_OK)
        return e;
    if ((field = string_lookup(h, name)) == 0 || !record_get(h, record, field, &word))
        return no_field(name, why);
    *ret = word_decode(h, word);
    return ERR_OK;
}

enum err heap_seek_field(const struct heap *h, obj_id id, struct slice name, struct part_cursor *cursor, struct why *why)
{
    slot_t record, field;
    enum err e = record_find(h, id, &record, why);

    if (e != ERR_OK)
        return e;
    if ((field = string_lookup(h, name)) == 0 || !record_seek(h, record, field, &cursor->position))
        return no_field(name, why);
    return ERR_OK;
}

/* ---- the end of a record ---- */

/* Its values are gone from elsewhere: what its own cell kept from before they moved there must not show again. */
static void empty_own_words(struct heap *h, slot_t record)
{
    struct object *o = object_at(h, record);

    o->layout = LAYOUT_INLINE;
    memset(o->word, 0, (pool_words(&h->pools, record) - OBJECT_HEADER_WORDS) * sizeof *o->word);
}

/* An open scan that stands at the entry goes on behind it. */
void record_pass_scans(struct heap *h, slot_t record, slot_t entry)
{
    for (struct edge_scan *s = h->scans; s != NULL; s = s->next)
        if (s->slot == record && s->position == entry)
            s->position = dict_next(h, entry) != 0 ? dict_next(h, entry) : DICT_END;
}

static size_t release_dictionary(struct heap *h, slot_t record, size_t units)
{
    slot_t dict = record_dict(h, record);

    while (units > 0 && dict_first(h, dict) != 0) {
        uint64_t before = dict_bytes(h, dict);

        record_pass_scans(h, record, dict_first(h, dict));
        onlooker_note_removing(h, record, dict, dict_first(h, dict));
        word_release(h, dict_remove(h, dict, dict_first(h, dict)));
        object_resized(h, record, (int64_t)(dict_bytes(h, dict) - before));
        units--;
    }
    if (dict_first(h, dict) != 0 || units == 0)
        return 0;
    object_resized(h, record, -(int64_t)dict_bytes(h, dict));
    empty_own_words(h, record);
    dict_destroy(h, dict);
    return units;
}

size_t record_release(struct heap *h, slot_t record, size_t units)
{
    struct object *o = object_at(h, record);
    uint32_t room;

    if (o->layout == LAYOUT_DICTIONARY)
        return release_dictionary(h, record, units);

    word_t *values = record_values(h, record, &room);

    for (uint32_t i = 0; i < room; i++) { /* at most 32 and a few */
        word_t w = values[i];

        values[i] = WORD_ABSENT;
        word_release(h, w);
    }
    if (o->layout == LAYOUT_EXTENDED) {
        object_resized(h, record, -(int64_t)record_storage_bytes(h, record));
        pool_free(&h->pools, o->word[0]);
        empty_own_words(h, record);
    }
    return units;
}

/* A walk over it that pauses stands before one of its entries, or at an end. */
static size_t validate_scans(const struct heap *h, slot_t record)
{
    size_t broken = 0;

    if (undo_is_open(h))
        return 0; /* it may stand at one that was taken out, and may be put back */
    for (const struct edge_scan *s = h->scans; s != NULL; s = s->next) {
        slot_t e = s->slot == record ? dict_first(h, record_dict(h, record)) : 0;

        if (s->slot != record || s->position == 0 || s->position == DICT_END)
            continue;
        while (e != 0 && e != s->position)
            e = dict_next(h, e);
        broken += e == 0;
    }
    return broken;
}

size_t record_validate(const struct heap *h, slot_t record)
{
    const struct object *o = object_at(h, record);
    size_t broken = 0;
    uint32_t room;

    if (o->layout == LAYOUT_DICTIONARY)
        return dict_validate(h, o->word[0]) + validate_scans(h, record);

    const word_t *values = record_values(h, record, &room);
    uint32_t count = h->shapes[o->shape].field_count;

    for (uint32_t i = 0; i < room; i++)
        broken += (values[i] == WORD_ABSENT) != (i >= count);
    return broken + (count > room);
}
