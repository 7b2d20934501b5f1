/*
 * record_edit.c - making and changing records.
 *
 * An edit goes through three stages, so that it happens whole or not at all:
 *   plan     names interned, values encoded, references taken: all that the client's input can spoil;
 *   prepare  the shape it will have, room for it: all that memory can refuse; nothing shows yet;
 *   commit   cannot fail. What the edit displaced is let go of last, since that may kill objects; or noted, if the edit
 *            may have to be taken back (record_undo.h).
 */
#include "heap/birth.h"
#include "heap/record.h"
#include "heap/dict.h"
#include "heap/heap_impl.h"
#include "heap/intern.h"
#include "heap/object.h"
#include "heap/onlooker.h"
#include "heap/record_undo.h"
#include "heap/ref.h"
#include "heap/shape.h"
#include "heap/slot.h"

#define PLAN_INLINE 8 /* edits that need no memory to plan */

/* ---- plan ---- */

struct planned {
    slot_t name;  /* one reference */
    word_t word;  /* its references; WORD_ABSENT: unset */
};

struct plan {
    size_t count;
    struct planned *items;
    struct planned few[PLAN_INLINE];
};

static void plan_end(struct heap *h, struct plan *p, bool release)
{
    for (size_t i = 0; i < p->count && release; i++) {
        string_release(h, p->items[i].name);
        word_release(h, p->items[i].word);
    }
    if (p->items != p->few)
        mem_free(h->mem, p->items, p->count * sizeof *p->items);
}

/* `guess` is a field name that it may be; 0: none. */
static enum err take_name(struct heap *h, struct slice name, slot_t guess, slot_t *ret, struct why *why)
{
    enum err e;

    if (guess != 0 && slice_eq(string_slice(h, guess), name)) {
        string_hold(h, guess);
        *ret = guess;
        return ERR_OK;
    }
    if ((e = name_check(name, "field name", why)) != ERR_OK)
        return e;
    if ((*ret = string_take(h, name)) == 0)
        return why_set(why, ERR_NOMEM, "no memory for a field name");
    return ERR_OK;
}

static enum err plan_one(struct heap *h, const struct field *f, slot_t guess, struct planned *ret, struct why *why)
{
    enum err e = take_name(h, f->name, guess, &ret->name, why);

    if (e != ERR_OK)
        return e;
    ret->word = WORD_ABSENT;
    if (!f->unset && (e = word_encode(h, &f->value, &ret->word, why)) != ERR_OK)
        string_release(h, ret->name);
    return e;
}

/* The fields are perhaps those of shape `like`, in their order: then no name is looked up. */
static enum err plan_begin(struct heap *h, uint32_t like, const struct field *fields, size_t count, struct plan *p,
                           struct why *why)
{
    const struct shape *shape = &h->shapes[like];
    enum err e;

    p->items = count <= PLAN_INLINE ? p->few : mem_alloc(h->mem, count * sizeof *p->items);
    p->count = count;
    if (p->items == NULL)
        return why_set(why, ERR_NOMEM, "no memory to plan %zu fields", count);
    for (size_t i = 0; i < count; i++) {
        slot_t guess = i < shape->field_count ? shape->names[i] : 0;

        if ((e = plan_one(h, &fields[i], guess, &p->items[i], why)) == ERR_OK)
            continue;
        for (size_t done = 0; done < i; done++) {
            string_release(h, p->items[done].name);
            word_release(h, p->items[done].word);
        }
        plan_end(h, p, false);
        return e;
    }
    return ERR_OK;
}

/* ---- prepare: the fields a record will have, in slots ---- */

#define FROM_OLD(i) (-1 - (int)(i))

struct layout {
    uint32_t count;
    uint32_t shape;
    slot_t names[RECORD_SLOTS_MAX];
    word_t words[RECORD_SLOTS_MAX];
    int origin[RECORD_SLOTS_MAX]; /* number of the edit it comes from, or FROM_OLD(place) */
};

static uint32_t place_of(const struct layout *l, slot_t name)
{
    uint32_t i = 0;

    while (i < l->count && l->names[i] != name)
        i++;
    return i;
}

static void layout_remove(struct layout *l, uint32_t i)
{
    uint32_t behind = l->count - i - 1;

    memmove(&l->names[i], &l->names[i + 1], behind * sizeof *l->names);
    memmove(&l->words[i], &l->words[i + 1], behind * sizeof *l->words);
    memmove(&l->origin[i], &l->origin[i + 1], behind * sizeof *l->origin);
    l->count--;
}

/* False: too many fields for slots. */
static bool layout_edit(struct layout *l, const struct planned *edit, int number)
{
    uint32_t i = place_of(l, edit->name);

    if (edit->word == WORD_ABSENT) {
        if (i < l->count)
            layout_remove(l, i);
        return true;
    }
    if (i == RECORD_SLOTS_MAX)
        return false;
    l->names[i] = edit->name;
    l->words[i] = edit->word;
    l->origin[i] = number;
    l->count += i == l->count;
    return true;
}

/* Lay `plan` over the fields of `shape`, whose values are `words`. OK with l->shape 0: it has to become a
 * dictionary. ERR_NOMEM. The plan is only read. */
static enum err layout_make(struct heap *h, uint32_t shape, const word_t *words, const struct plan *p, struct layout *l)
{
    enum err e;

    l->shape = 0;
    l->count = h->shapes[shape].field_count;
    for (uint32_t i = 0; i < l->count; i++) {
        l->names[i] = h->shapes[shape].names[i];
        l->words[i] = words[i];
        l->origin[i] = FROM_OLD(i);
    }
    for (size_t i = 0; i < p->count; i++)
        if (!layout_edit(l, &p->items[i], (int)i))
            return ERR_OK;
    l->shape = shape_of_fields(h, shape, l->names, l->count, &e);
    return e;
}

/* A cell with room for `count` values, if the record's own or its extension has not; 0 with OK: it has. */
static enum err room_make(struct heap *h, slot_t record, uint32_t count, slot_t *ret)
{
    uint32_t room;

    *ret = 0;
    record_values(h, record, &room);
    if (count <= room)
        return ERR_OK;
    *ret = pool_alloc(&h->pools, POOL_DATA, pool_data_words(count));
    return *ret != 0 ? ERR_OK : ERR_NOMEM;
}

/* ---- commit, in slots ---- */

static void move_to(struct heap *h, slot_t record, slot_t room)
{
    struct object *o = object_at(h, record);
    uint64_t before = record_storage_bytes(h, record);

    if (room == 0)
        return;
    if (o->layout == LAYOUT_EXTENDED && !undo_is_open(h))
        pool_free(&h->pools, o->word[0]);
    o->layout = LAYOUT_EXTENDED;
    o->word[0] = room;
    object_resized(h, record, (int64_t)(record_storage_bytes(h, record) - before));
}

static void change_shape(struct heap *h, slot_t record, uint32_t shape)
{
    struct object *o = object_at(h, record);
    uint32_t old = o->shape;

    if (shape == old)
        return;
    shape_use(h, shape);
    o->shape = shape & (SHAPES_MAX - 1);
    shape_unuse(h, old);
}

static void store(struct heap *h, slot_t record, const struct layout *l)
{
    uint32_t room;
    word_t *values = record_values(h, record, &room);

    CHECK(l->count <= room);
    memcpy(values, l->words, l->count * sizeof *values);
    memset(values + l->count, 0, (room - l->count) * sizeof *values);
}

/* Edits that are in the layout have given their references away: there is nothing left to release. */
static void settle(const struct layout *l, struct plan *p)
{
    for (uint32_t i = 0; i < l->count; i++)
        if (l->origin[i] >= 0)
            p->items[l->origin[i]].word = WORD_ABSENT;
}

static uint32_t kept_of(const struct layout *l)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < l->count; i++)
        if (l->origin[i] < 0)
            kept |= 1u << FROM_OLD(l->origin[i]);
    return kept;
}

static uint32_t fresh_of(const struct layout *l)
{
    uint32_t fresh = 0;

    for (uint32_t i = 0; i < l->count && i < RECORD_SLOTS_MAX; i++)
        if (l->origin[i] >= 0)
            fresh |= 1u << i;
    return fresh;
}

_Static_assert(RECORD_SLOTS_MAX <= 32, "these have a bit for each");

static enum err edit_slots(struct heap *h, slot_t record, struct plan *p, struct layout *l)
{
    uint32_t room, old_count = h->shapes[object_at(h, record)->shape].field_count, kept = kept_of(l);
    word_t old[RECORD_SLOTS_MAX];
    slot_t larger;
    enum err e = room_make(h, record, l->count, &larger);

    if (e != ERR_OK)
        return e;
    if (old_count > 0)
        memcpy(old, record_values(h, record, &room), old_count * sizeof *old);
    record_note_slots(h, record, larger != 0, kept, fresh_of(l));
    shape_use(h, l->shape); /* it must not be freed as idle on the way */
    move_to(h, record, larger);
    change_shape(h, record, l->shape);
    shape_unuse(h, l->shape);
    store(h, record, l);
    settle(l, p);
    for (uint32_t i = 0; i < old_count; i++)
        if (((kept >> i) & 1) == 0)
            undo_drop_word(h, old[i]);
    return ERR_OK;
}

/* ---- dictionaries ---- */

/* A dictionary with room for `count` fields; 0: no memory. */
static slot_t new_dictionary(struct heap *h, uint32_t count)
{
    slot_t dict = dict_create(h);

    if (dict == 0 || dict_reserve(h, dict, count) == ERR_OK)
        return dict;
    dict_destroy(h, dict);
    return 0;
}

/* From slots to a dictionary. It shows nowhere, so it may stay when what it was for fails. ERR_NOMEM. */
static enum err become_dictionary(struct heap *h, slot_t record)
{
    struct object *o = object_at(h, record);
    const struct shape *s = &h->shapes[o->shape];
    uint64_t before = record_storage_bytes(h, record);
    uint32_t room, base;
    const word_t *values = record_values(h, record, &room);
    slot_t dict = new_dictionary(h, s->field_count);
    enum err e;

    if (dict == 0)
        return ERR_NOMEM;
    if ((base = shape_of_fields(h, o->shape, NULL, 0, &e)) == 0) {
        dict_destroy(h, dict);
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < s->field_count; i++) {
        string_hold(h, s->names[i]);
        dict_add(h, dict, s->names[i], values[i]);
    }
    record_note_dictionary(h, record);
    if (o->layout == LAYOUT_EXTENDED && !undo_is_open(h))
        pool_free(&h->pools, o->word[0]);
    o->layout = LAYOUT_DICTIONARY;
    o->word[0] = dict;
    change_shape(h, record, base);
    object_resized(h, record, (int64_t)(record_storage_bytes(h, record) - before));
    return ERR_OK;
}

static void add_entry(struct heap *h, slot_t record, slot_t dict, struct planned *edit)
{
    slot_t entry;

    onlooker_note_field(h, record, edit->name, dict_count(h, dict), WORD_ABSENT, edit->word);
    string_hold(h, edit->name);
    entry = dict_add(h, dict, edit->name, edit->word);
    record_note_added(h, record, entry);
    edit->word = WORD_ABSENT;
}

/* What was there is the plan's to let go of, or the note's. */
static void replace_entry(struct heap *h, slot_t record, slot_t dict, slot_t entry, struct planned *edit)
{
    onlooker_note_entry(h, record, dict, entry, edit->word);
    record_note_replaced(h, record, entry);
    edit->word = dict_replace(h, dict, entry, edit->word);
    if (undo_is_open(h)) {
        undo_drop_word(h, edit->word);
        edit->word = WORD_ABSENT;
    }
}

static void remove_entry(struct heap *h, slot_t record, slot_t dict, slot_t entry, struct planned *edit)
{
    onlooker_note_removing(h, record, dict, entry);
    if (undo_is_open(h)) {
        record_note_removed(h, record, entry);
        dict_take_out(h, dict, entry);
        undo_drop_word(h, dict_word(h, entry));
        return;
    }
    record_pass_scans(h, record, entry);
    edit->word = dict_remove(h, dict, entry);
}

static void dict_edit(struct heap *h, slot_t record, slot_t dict, struct planned *edit)
{
    slot_t entry = dict_find(h, dict, edit->name);

    if (edit->word == WORD_ABSENT && entry != 0)
        remove_entry(h, record, dict, entry, edit);
    else if (edit->word != WORD_ABSENT && entry != 0)
        replace_entry(h, record, dict, entry, edit);
    else if (edit->word != WORD_ABSENT)
        add_entry(h, record, dict, edit);
}

static enum err edit_dictionary(struct heap *h, slot_t record, struct plan *p)
{
    slot_t dict = record_dict(h, record);
    uint64_t before = dict_bytes(h, dict);
    uint32_t sets = 0;
    bool unsets = false; /* what is there now may be gone when it is set */
    enum err e;

    for (size_t i = 0; i < p->count; i++) {
        unsets |= p->items[i].word == WORD_ABSENT;
        sets += p->items[i].word != WORD_ABSENT && (unsets || dict_find(h, dict, p->items[i].name) == 0);
    }
    e = dict_reserve(h, dict, sets);
    for (size_t i = 0; i < p->count && e == ERR_OK; i++)
        dict_edit(h, record, dict, &p->items[i]);
    dict_settle(h, dict);
    object_resized(h, record, (int64_t)(dict_bytes(h, dict) - before));
    return e;
}

/* ---- those that come alike need no plan ---- */

/* An inline cache of one entry: the shape that records of this label had last, if it has these fields in this order; else
 * 0. Its names are distinct, so these are. */
static uint32_t recent_shape(const struct heap *h, uint32_t base, const struct field *fields, size_t count)
{
    uint32_t recent = h->shapes[base].recent;
    const struct shape *of = &h->shapes[base], *s = &h->shapes[recent];

    if (count == 0 || s->field_count != count || s->class != of->class || s->site != of->site)
        return 0;
    for (size_t i = 0; i < count; i++)
        if (fields[i].unset || !slice_eq(fields[i].name, string_slice(h, s->names[i])))
            return 0;
    return recent;
}

static void values_of(const struct field *fields, size_t count, struct value *ret)
{
    CHECK(count <= RECORD_SLOTS_MAX);
    for (size_t i = 0; i < count; i++)
        ret[i] = fields[i].value;
}

/* The shape that an empty record gets by fields which those of its label had last, and its cell has room for; else 0. */
static uint32_t shape_to_fill(const struct heap *h, slot_t record, const struct field *fields, size_t count)
{
    const struct object *o = object_at(h, record);

    if (o->layout != LAYOUT_INLINE || h->shapes[o->shape].field_count > 0 ||
        count > pool_words(&h->pools, record) - OBJECT_HEADER_WORDS)
        return 0;
    return recent_shape(h, o->shape, fields, count);
}

/* What is put back comes so (restore.h): records of a class, one after another, each empty and then filled. */
static enum err fill(struct heap *h, slot_t record, uint32_t shape, const struct change *c, struct why *why)
{
    struct value values[RECORD_SLOTS_MAX];
    word_t words[RECORD_SLOTS_MAX];
    uint32_t count = (uint32_t)c->field_count;
    enum err e;

    values_of(c->fields, count, values);
    if ((e = words_encode(h, values, count, words, why)) != ERR_OK)
        return e;
    if ((e = journal_note(h->journal, c, NULL, why)) != ERR_OK) {
        while (count-- > 0)
            word_release(h, words[count]);
        return e;
    }
    object_changing(h, record);
    change_shape(h, record, shape);
    memcpy(object_at(h, record)->word, words, count * sizeof *words); /* the others are absent already */
    return ERR_OK;
}

/* ---- the public operations ---- */

static enum err edit(struct heap *h, slot_t record, struct plan *p)
{
    struct layout l;
    uint32_t room;
    enum err e;

    if (object_at(h, record)->layout == LAYOUT_DICTIONARY)
        return edit_dictionary(h, record, p);
    if ((e = layout_make(h, object_at(h, record)->shape, record_values(h, record, &room), p, &l)) != ERR_OK)
        return e;
    if (l.shape != 0)
        return edit_slots(h, record, p, &l);
    if ((e = become_dictionary(h, record)) != ERR_OK)
        return e;
    return edit_dictionary(h, record, p);
}

static enum err no_memory(enum err e, struct why *why)
{
    return e == ERR_OK ? ERR_OK : why_set(why, e, "no memory for the fields of a record");
}

enum err heap_edit_record(struct heap *h, obj_id id, const struct field *edits, size_t count, struct why *why)
{
    struct change c = {.kind = CHANGE_FIELDS, .id = id, .fields = edits, .field_count = count};
    struct plan p;
    slot_t record;
    uint32_t shape;
    size_t mark = 0;
    enum err e;

    if ((e = record_find(h, id, &record, why)) != ERR_OK)
        return e;
    if (!undo_is_open(h) && (shape = shape_to_fill(h, record, edits, count)) != 0)
        return fill(h, record, shape, &c, why);
    if ((e = record_reserve_notes(h, count, why)) || (e = plan_begin(h, 0, edits, count, &p, why)))
        return e;
    if ((e = journal_note(h->journal, &c, &mark, why)) == ERR_OK) {
        object_changing(h, record);
        if ((e = edit(h, record, &p)) != ERR_OK)
            journal_cut(h->journal, mark);
    }
    plan_end(h, &p, true); /* last: it may kill objects, this one among them */
    return no_memory(e, why);
}

/* A newborn with the planned fields: in slots if they fit, else in a dictionary. */
static enum err give_birth(struct heap *h, uint32_t base, struct plan *p, slot_t *ret)
{
    struct layout l;
    enum err e = layout_make(h, base, NULL, p, &l);
    uint32_t shape = l.shape != 0 ? l.shape : base;
    uint32_t own = l.shape != 0 && l.count > RECORD_OWN_WORDS_MIN ? l.count : RECORD_OWN_WORDS_MIN;

    if (e != ERR_OK)
        return e;
    *ret = object_birth(h, KIND_RECORD, OBJECT_HEADER_WORDS + own, shape);
    if (*ret == 0)
        return ERR_NOMEM;
    if (l.shape != 0) {
        store(h, *ret, &l);
        settle(&l, p);
        return ERR_OK;
    }

    struct undo *undo = undo_pause(h);

    if ((e = become_dictionary(h, *ret)) == ERR_OK)
        e = edit_dictionary(h, *ret, p);
    undo_resume(h, undo);
    if (e != ERR_OK)
        object_unbirth(h, *ret);
    return e;
}

enum err record_new_of_shape(struct heap *h, uint32_t shape, const struct value *values, uint32_t count, obj_id *ret,
                             struct why *why)
{
    uint32_t words = OBJECT_HEADER_WORDS + (count > RECORD_OWN_WORDS_MIN ? count : RECORD_OWN_WORDS_MIN);
    slot_t slot = pool_alloc(&h->pools, POOL_OBJECTS, words);
    struct object *o;
    enum err e;

    INVARIANT(h->shapes[shape].field_count == count);
    if (slot == 0)
        return why_set(why, ERR_NOMEM, "no memory for a record");
    o = object_at(h, slot);
    o->word[0] = WORD_ABSENT; /* for a record without fields */
    if ((e = words_encode(h, values, count, o->word, why)) != ERR_OK) {
        pool_free(&h->pools, slot);
        return e;
    }
    object_begin(h, slot, KIND_RECORD, words, shape);
    if (journal_is_on(h->journal) && (e = journal_born(h, slot, NULL, why)) != ERR_OK) {
        object_unbirth(h, slot);
        return e;
    }
    object_born(h, slot, KIND_RECORD);
    *ret = slot_id_of(h, slot, o);
    return ERR_OK;
}

/* Like the one before: there is nothing to plan. */
static enum err new_alike(struct heap *h, uint32_t shape, const struct field *fields, size_t count, obj_id *ret,
                          struct why *why)
{
    struct value values[RECORD_SLOTS_MAX];

    values_of(fields, count, values);
    return record_new_of_shape(h, shape, values, (uint32_t)count, ret, why);
}

enum err heap_new_record(struct heap *h, struct label label, const struct field *fields, size_t count, obj_id *ret,
                         struct why *why)
{
    struct plan p;
    uint32_t base, recent;
    slot_t record = 0;
    enum err e;

    if ((e = shape_base(h, label, &base, why)))
        return e;
    if ((recent = recent_shape(h, base, fields, count)) != 0)
        return new_alike(h, recent, fields, count, ret, why);
    shape_use(h, base);
    if ((e = plan_begin(h, h->shapes[base].recent, fields, count, &p, why)) == ERR_OK) {
        e = no_memory(give_birth(h, base, &p, &record), why);
        plan_end(h, &p, true);
    }
    shape_unuse(h, base);
    if (e != ERR_OK)
        return e;
    if (journal_is_on(h->journal) && (e = journal_born(h, record, NULL, why)) != ERR_OK) {
        object_unbirth(h, record);
        return e;
    }
    object_born(h, record, KIND_RECORD);
    *ret = heap_id(h, record);
    return ERR_OK;
}

enum err heap_unset_field(struct heap *h, obj_id id, struct slice name, struct why *why)
{
    struct field unset = {.name = name, .unset = true};
    struct value old;
    enum err e = heap_get_field(h, id, name, &old, why);

    return e != ERR_OK ? e : heap_edit_record(h, id, &unset, 1, why);
}
