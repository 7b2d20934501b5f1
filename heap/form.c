/*
 * form.c - see form.h.
 *
 * A newborn is written where it will live. Its cell is taken first and stays STATE_FREE, so that no id leads to
 * it, while its values are encoded straight into it; when all are there the header makes it an object. When one
 * is refused, the cell goes back as it came: no id was used up, nothing was counted.
 */
#include "heap/form.h"
#include "heap/heap_impl.h"
#include "heap/intern.h"
#include "heap/record.h"
#include "heap/shape.h"
#include "heap/slot.h"

struct record_form {
    uint32_t shape; /* of its records; 0: they are dictionaries */
    uint32_t held;  /* the shape it is a user of: that one, or the base of the label */
    uint32_t count;
    slot_t names[RECORD_SLOTS_MAX]; /* strings, one reference on each */
};

/* ---- life ---- */

static void drop_names(struct heap *h, struct record_form *form)
{
    while (form->count > 0)
        string_release(h, form->names[--form->count]);
}

static enum err take_name(struct heap *h, struct record_form *form, struct slice name, struct why *why)
{
    enum err e = name_check(name, "field name", why);
    slot_t s;

    if (e != ERR_OK)
        return e;
    if ((s = string_take(h, name)) == 0)
        return why_set(why, ERR_NOMEM, "no memory for a field name");
    form->names[form->count++] = s;
    for (uint32_t i = 0; i + 1 < form->count; i++)
        if (form->names[i] == s)
            return why_set(why, ERR_BAD_VALUE, "a form has each field once");
    return ERR_OK;
}

static enum err take_names(struct heap *h, struct record_form *form, const struct slice *names, size_t count,
                           struct why *why)
{
    enum err e = ERR_OK;

    if (count > RECORD_SLOTS_MAX)
        return why_limit(why, ERR_BAD_VALUE, "record_slots_max", RECORD_SLOTS_MAX, "a form of %zu fields", count);
    for (size_t i = 0; i < count && e == ERR_OK; i++)
        e = take_name(h, form, names[i], why);
    return e;
}

/* Find the shape and become a user of it. */
static enum err take_shape(struct heap *h, struct record_form *form, uint32_t base, struct why *why)
{
    enum err e;

    form->shape = shape_of_fields(h, base, form->names, form->count, &e);
    if (e != ERR_OK)
        return why_set(why, e, "no memory for the shape of a form");
    form->held = form->shape != 0 ? form->shape : base;
    shape_use(h, form->held);
    h->form_count++;
    return ERR_OK;
}

enum err heap_form_create(struct heap *h, struct label label, const struct slice *names, size_t count,
                          struct record_form **ret, struct why *why)
{
    struct record_form *form;
    uint32_t base;
    enum err e = shape_base(h, label, &base, why);

    if (e != ERR_OK)
        return e;
    if ((form = mem_zalloc(h->mem, sizeof *form)) == NULL)
        return why_set(why, ERR_NOMEM, "no memory for a form");
    shape_use(h, base); /* so that making another does not free it */
    if ((e = take_names(h, form, names, count, why)) == ERR_OK)
        e = take_shape(h, form, base, why);
    shape_unuse(h, base);
    if (e == ERR_OK) {
        *ret = form;
        return ERR_OK;
    }
    drop_names(h, form);
    mem_free(h->mem, form, sizeof *form);
    return e;
}

void heap_form_destroy(struct heap *h, struct record_form **at)
{
    struct record_form *form = *at;

    *at = NULL;
    if (form == NULL)
        return;
    CHECK(h->form_count > 0);
    h->form_count--;
    shape_unuse(h, form->held);
    drop_names(h, form);
    mem_free(h->mem, form, sizeof *form);
}

uint64_t form_side_bytes(const struct heap *h)
{
    return h->form_count * sizeof(struct record_form);
}

/* ---- by name, where there are no slots ---- */

static enum err new_by_name(struct heap *h, const struct record_form *form, const struct value *values, obj_id *ret,
                            struct why *why)
{
    struct label label = {shape_class_name(h, form->held), shape_site(h, form->held)};
    struct field fields[RECORD_SLOTS_MAX];

    for (uint32_t i = 0; i < form->count; i++)
        fields[i] = (struct field){.name = string_slice(h, form->names[i]), .value = values[i]};
    return heap_new_record(h, label, fields, form->count, ret, why);
}

static enum err set_by_name(struct heap *h, obj_id id, const struct record_form *form, size_t place,
                            const struct value *v, struct why *why)
{
    struct field edit = {.name = string_slice(h, form->names[place]), .value = *v};

    return heap_edit_record(h, id, &edit, 1, why);
}

bool heap_form_fits(const struct heap *h, const struct record_form *form, struct label label, const struct field *fields,
                    size_t count)
{
    if (count != form->count || !slice_eq(label.class, shape_class_name(h, form->held)) ||
        !slice_eq(label.site, shape_site(h, form->held)))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!slice_eq(fields[i].name, string_slice(h, form->names[i])))
            return false;
    return true;
}

/* ---- in slots ---- */

enum err heap_new_of_form(struct heap *h, const struct record_form *form, const struct value *values, obj_id *ret,
                          struct why *why)
{
    if (form->shape == 0)
        return new_by_name(h, form, values, ret, why);
    return record_new_of_shape(h, form->shape, values, form->count, ret, why);
}

static enum err note_set(struct heap *h, obj_id id, slot_t name, const struct value *v, struct why *why)
{
    struct field set = {.name = string_slice(h, name), .value = *v};
    struct change c = {.kind = CHANGE_FIELDS, .id = id, .fields = &set, .field_count = 1};

    return journal_note(h->journal, &c, NULL, why);
}

enum err heap_set_of_form(struct heap *h, obj_id id, const struct record_form *form, size_t place,
                          const struct value *v, struct why *why)
{
    struct object *o;
    slot_t slot;
    word_t word, old, *at;
    uint32_t room;
    enum err e;

    CHECK(place < form->count);
    slot = id & SLOT_MAX;
    if ((o = slot_plain(h, id)) == NULL) {
        if ((e = slot_find(h, id, &slot, why)) != ERR_OK)
            return e;
        o = object_at(h, slot);
    }
    if (form->shape == 0 || o->shape != form->shape || h->undo != NULL)
        return set_by_name(h, id, form, place, v, why);
    if ((e = word_encode(h, v, &word, why)) != ERR_OK)
        return e;
    if (journal_is_on(h->journal) && (e = note_set(h, id, form->names[place], v, why)) != ERR_OK) {
        word_release(h, word);
        return e;
    }
    if (h->changes_are_watched || h->windows.open != 0)
        object_changing(h, slot);
    at = o->layout == LAYOUT_INLINE ? &o->word[place] : &record_values(h, slot, &room)[place];
    old = *at;
    *at = word;
    word_release(h, old); /* last: it may kill objects, this one among them */
    return ERR_OK;
}
