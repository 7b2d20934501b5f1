/*
 * life_form.c - operations of a random life through forms (heap/form.h): made and set through one, an object must be the
 * same as one that was made and set by names.
 */
#include "heap/form.h"
#include "tests/model/life_values.h"
#include <stdlib.h>

#define FORMS 5u
#define FORM_NAMES_MAX RECORD_SLOTS_MAX

struct life_form {
    struct record_form *form; /* NULL: none */
    uint32_t class, count;
    uint32_t names[FORM_NAMES_MAX];
};

struct life_forms {
    struct life_form at[FORMS];
};

void form_begin(struct life *life)
{
    life->forms = calloc(1, sizeof *life->forms);
    CHECK(life->forms != NULL);
}

void form_end(struct life *life)
{
    for (uint32_t f = 0; f < FORMS; f++)
        heap_form_destroy(life->heap, &life->forms->at[f].form);
    free(life->forms);
}

static bool has_name(const struct life_form *f, uint32_t name)
{
    for (uint32_t i = 0; i < f->count; i++)
        if (f->names[i] == name)
            return true;
    return false;
}

/* Most often the first names in order, as most records have them. */
static void choose_names(struct life *life, struct life_form *f)
{
    uint32_t count = roll(life, one_in(life, 6) ? FORM_NAMES_MAX + 1 : 6);
    bool in_order = !one_in(life, 4);

    f->class = random_class(life);
    for (f->count = 0; f->count < count; f->count++) {
        uint32_t name = in_order ? f->count : roll(life, LIFE_NAMES);

        while (has_name(f, name))
            name = (name + 1) % LIFE_NAMES;
        f->names[f->count] = name;
    }
}

/* A new one in the place of an old one, whose objects may live on. */
static void make_form(struct life *life)
{
    struct life_form *f = &life->forms->at[roll(life, FORMS)];
    struct slice names[FORM_NAMES_MAX];

    heap_form_destroy(life->heap, &f->form);
    choose_names(life, f);
    for (uint32_t i = 0; i < f->count; i++)
        names[i] = name_of(life, f->names[i]);
    life_may_refuse(life);
    if (!life_judge(life, heap_form_create(life->heap, label_of(f->class), names, f->count, &f->form, NULL), NAIVE_NONE, NULL, 0))
        AGREE(life, f->form == NULL, "a form was refused and made");
}

static struct life_form *pick_form(struct life *life)
{
    struct life_form *f = &life->forms->at[roll(life, FORMS)];

    if (f->form == NULL)
        make_form(life);
    return f->form != NULL ? f : NULL;
}

/* NAIVE_NONE: it was not made. */
static uint32_t new_of_form(struct life *life, const struct life_form *f)
{
    struct edits e = {.count = 0};
    struct value values[FORM_NAMES_MAX];
    uint32_t record;
    obj_id id;

    for (uint32_t i = 0; i < f->count; i++) {
        add_edit(life, &e, f->names[i], random_value(life), false);
        values[i] = e.fields[i].value;
    }
    life_may_refuse(life);
    if (!life_judge(life, heap_new_of_form(life->heap, f->form, values, &id, NULL), NAIVE_NONE, e.values, e.count))
        return NAIVE_NONE;
    record = add_newborn(life, id, HEAP_RECORD, f->class);
    apply_edits(life, record, &e);
    return record;
}

static void new_of_form_op(struct life *life)
{
    const struct life_form *f = pick_form(life);
    uint32_t record = f != NULL ? new_of_form(life, f) : NAIVE_NONE;

    if (record != NAIVE_NONE)
        hold_newborn(life, record);
}

/* Any record, of this shape or another. */
static void set_of_form(struct life *life)
{
    const struct life_form *f = pick_form(life);
    uint32_t record = life_pick_kind(life, HEAP_RECORD), place;
    struct edits e = {.count = 0};

    if (f == NULL || f->count == 0 || record == NAIVE_NONE)
        return;
    place = roll(life, f->count);
    add_edit(life, &e, f->names[place], random_value(life), false);
    life_may_refuse(life);
    if (!life_judge(life, heap_set_of_form(life->heap, life_id(life, record), f->form, place, &e.fields[0].value, NULL), record,
                    e.values, 1))
        return;
    apply_edits(life, record, &e);
    life_settle(life);
}

/* One that was just made of it, before anything has changed its shape. */
static void make_and_set(struct life *life)
{
    const struct life_form *f = pick_form(life);
    uint32_t record = f != NULL && f->count > 0 ? new_of_form(life, f) : NAIVE_NONE;

    if (record == NAIVE_NONE)
        return;
    for (uint32_t n = roll(life, 6); n > 0 && !naive_of(life, record)->dead; n--) {
        uint32_t place = roll(life, f->count);
        struct naive_value v = random_value(life);
        struct value real = real_value(life, &v);

        life_may_refuse(life);
        if (!life_judge(life, heap_set_of_form(life->heap, life_id(life, record), f->form, place, &real, NULL), record, &v, 1))
            break;
        naive_set_field(&life->naive, record, f->names[place], v);
        life_settle(life);
        gc_breathe(life);
    }
    if (!naive_of(life, record)->dead)
        hold_newborn(life, record);
}

/* What is no record is refused. */
static void set_of_wrong_kind(struct life *life)
{
    const struct life_form *f = pick_form(life);
    uint32_t list = life_pick_kind(life, HEAP_LIST);
    struct value v = value_null();

    if (f == NULL || f->count == 0 || list == NAIVE_NONE || !heap_has(life->heap, life_id(life, list)))
        return;
    AGREE(life, heap_set_of_form(life->heap, life_id(life, list), f->form, 0, &v, NULL) == ERR_WRONG_KIND,
          "a form set a field of what is no record");
}

const struct op form_ops[] = {
    {"make a form", make_form, 1, 0, false},
    {"new of a form", new_of_form_op, 30, 1, true},
    {"set of a form", set_of_form, 20, 0, true},
    {"make and set of a form", make_and_set, 6, 1, false},
    {"set of a form what is no record", set_of_wrong_kind, 1, 0, false},
};
const size_t form_op_count = ARRAY_LEN(form_ops);
